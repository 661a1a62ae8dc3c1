// RUN: dlc-opt %s -p simplify-dlc,convert-dlc-to-linalg,select-libraries,fuse-elementwise,form-kernels,collapse-dims,hoist-invariants --split-input-file | filecheck %s

// One image at a time becomes the matrix of its windows; there is no such matrix of all images, and bias and relu are one kernel.
// CHECK-LABEL: func.func @by_image(
// CHECK-NOT:     tensor<8x16x3x3x10x10xf32>
// CHECK:         scf.for
// CHECK:           rt.kernel "slice"
// CHECK-SAME:        tensor<16x3x3x10x10xf32>
// CHECK:           rt.gemm
// CHECK-SAME:        tensor<32x144xf32>, tensor<144x100xf32> -> tensor<32x100xf32>
// CHECK:           scf.yield
// CHECK-NOT:     rt.gemm
// CHECK-COUNT-1: rt.kernel "fused_add_max"
// CHECK-NOT:     rt.kernel
func.func @by_image(%x: tensor<8x16x10x10xf32>, %w: tensor<32x16x3x3xf32>, %b: tensor<32xf32>) -> tensor<8x32x10x10xf32> {
  %0 = dlc.convolution %x, %w strides [1, 1] low [1, 1] high [1, 1] dilations [1, 1] x [1, 1] groups 1 : tensor<8x16x10x10xf32>, tensor<32x16x3x3xf32> -> tensor<8x32x10x10xf32>
  %1 = dlc.broadcast_in_dim %b dims [1] : tensor<32xf32> -> tensor<8x32x10x10xf32>
  %2 = dlc.add %0, %1 : tensor<8x32x10x10xf32>
  %zero = dlc.constant dense<0.0> : tensor<8x32x10x10xf32>
  %3 = dlc.max %2, %zero : tensor<8x32x10x10xf32>
  func.return %3 : tensor<8x32x10x10xf32>
}

// -----

// A kernel of one element needs no such matrix: the image is the matrix.
// CHECK-LABEL: func.func @pixels(
// CHECK-NOT:     rt.kernel
// CHECK:         scf.for
// CHECK:           rt.gemm
// CHECK-NOT:     rt.kernel
func.func @pixels(%x: tensor<8x16x10x10xf32>, %w: tensor<32x16x1x1xf32>) -> tensor<8x32x10x10xf32> {
  %0 = dlc.convolution %x, %w strides [1, 1] low [0, 0] high [0, 0] dilations [1, 1] x [1, 1] groups 1 : tensor<8x16x10x10xf32>, tensor<32x16x1x1xf32> -> tensor<8x32x10x10xf32>
  func.return %0 : tensor<8x32x10x10xf32>
}

// -----

// The gradient of a kernel adds up one product of matrices for each image.
// CHECK-LABEL: func.func @gradient(
// CHECK-NOT:     tensor<8x16x3x3x8x8xf32>
// CHECK:         scf.for
// CHECK:           rt.gemm trans_rhs
// CHECK-SAME:        tensor<32x64xf32>, tensor<144x64xf32> -> tensor<32x144xf32>
// CHECK:           rt.kernel "add"
// CHECK:           scf.yield
func.func @gradient(%x: tensor<8x16x10x10xf32>, %y: tensor<8x32x8x8xf32>) -> tensor<32x16x3x3xf32> {
  %0 = dlc.convolution_kernel %x, %y sizes [3, 3] strides [1, 1] low [0, 0] high [0, 0] dilations [1, 1] x [1, 1] groups 1 : tensor<8x16x10x10xf32>, tensor<8x32x8x8xf32> -> tensor<32x16x3x3xf32>
  func.return %0 : tensor<32x16x3x3xf32>
}

// -----

// If there are fewer outputs than inputs, the image is multiplied first, and the windows are of the products.
// CHECK-LABEL: func.func @few_outputs(
// CHECK-NOT:     tensor<16x3x3x8x8xf32>
// CHECK:         rt.gemm
// CHECK-SAME:      tensor<18x16xf32>, tensor<16x100xf32> -> tensor<18x100xf32>
// CHECK-NOT:     rt.gemm
func.func @few_outputs(%x: tensor<1x16x10x10xf32>, %w: tensor<2x16x3x3xf32>) -> tensor<1x2x8x8xf32> {
  %0 = dlc.convolution %x, %w strides [1, 1] low [0, 0] high [0, 0] dilations [1, 1] x [1, 1] groups 1 : tensor<1x16x10x10xf32>, tensor<2x16x3x3xf32> -> tensor<1x2x8x8xf32>
  func.return %0 : tensor<1x2x8x8xf32>
}

// -----

// A depthwise convolution is one kernel that reads the image directly.
// CHECK-LABEL: func.func @depthwise(
// CHECK-NOT:     rt.gemm
// CHECK-COUNT-1: rt.kernel
// CHECK-NOT:     rt.kernel
// CHECK-NOT:     scf.for
func.func @depthwise(%x: tensor<8x16x10x10xf32>, %w: tensor<16x1x3x3xf32>) -> tensor<8x16x8x8xf32> {
  %0 = dlc.convolution %x, %w strides [1, 1] low [0, 0] high [0, 0] dilations [1, 1] x [1, 1] groups 16 : tensor<8x16x10x10xf32>, tensor<16x1x3x3xf32> -> tensor<8x16x8x8xf32>
  func.return %0 : tensor<8x16x8x8xf32>
}

// -----

// Zeros between the elements of an image are not multiplied: with a kernel of twice the dilation there are four convolutions of two by two.
// CHECK-LABEL: func.func @dilated(
// CHECK-COUNT-4: rt.gemm %{{.*}}, %{{.*}} : tensor<16x32xf32>, tensor<32x25xf32> -> tensor<16x25xf32>
// CHECK-NOT:     rt.gemm
func.func @dilated(%x: tensor<1x8x5x5xf32>, %w: tensor<16x8x4x4xf32>) -> tensor<1x16x10x10xf32> {
  %0 = dlc.convolution %x, %w strides [1, 1] low [2, 2] high [2, 2] dilations [2, 2] x [1, 1] groups 1 : tensor<1x8x5x5xf32>, tensor<16x8x4x4xf32> -> tensor<1x16x10x10xf32>
  func.return %0 : tensor<1x16x10x10xf32>
}

// -----

// Images of one window are the rows of one matrix.
// CHECK-LABEL: func.func @one_window(
// CHECK-NOT:     scf.for
// CHECK:         rt.gemm trans_rhs
// CHECK-SAME:      tensor<64x512xf32>, tensor<10x512xf32> -> tensor<64x10xf32>
func.func @one_window(%x: tensor<64x32x4x4xf32>, %w: tensor<10x32x4x4xf32>) -> tensor<64x10x1x1xf32> {
  %0 = dlc.convolution %x, %w strides [1, 1] low [0, 0] high [0, 0] dilations [1, 1] x [1, 1] groups 1 : tensor<64x32x4x4xf32>, tensor<10x32x4x4xf32> -> tensor<64x10x1x1xf32>
  func.return %0 : tensor<64x10x1x1xf32>
}
