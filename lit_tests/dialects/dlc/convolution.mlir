// RUN: dlc-opt %s --split-input-file --verify-diagnostics | dlc-opt --split-input-file | filecheck %s

// A convolution has a place for every window that fits between the padding; its adjoint in the kernel is told the kernel's sizes.
// CHECK-LABEL: func.func @convolutions
func.func @convolutions(%x: tensor<2x6x9x8xf32>, %w: tensor<4x3x3x2xf32>, %v: tensor<6x6xf64>, %y: tensor<5x6xf64>) -> tensor<4x3x3x2xf32> {
  // CHECK: dlc.convolution %x, %w strides [2, 1] low [1, 0] high [1, -1] dilations [1, 2] x [1, 3] groups 2 : tensor<2x6x9x8xf32>, tensor<4x3x3x2xf32> -> tensor<2x4x5x11xf32>
  %0 = dlc.convolution %x, %w strides [2, 1] low [1, 0] high [1, -1] dilations [1, 2] x [1, 3] groups 2 : tensor<2x6x9x8xf32>, tensor<4x3x3x2xf32> -> tensor<2x4x5x11xf32>
  // CHECK: dlc.convolution %y, %v strides [] low [] high [] dilations [] x [] groups 1 : tensor<5x6xf64>, tensor<6x6xf64> -> tensor<5x6xf64>
  %1 = dlc.convolution %y, %v strides [] low [] high [] dilations [] x [] groups 1 : tensor<5x6xf64>, tensor<6x6xf64> -> tensor<5x6xf64>
  // CHECK: dlc.convolution_kernel %x, %{{.*}} sizes [3, 2] strides [2, 1] low [1, 0] high [1, -1] dilations [1, 2] x [1, 3] groups 2 : tensor<2x6x9x8xf32>, tensor<2x4x5x11xf32> -> tensor<4x3x3x2xf32>
  %2 = dlc.convolution_kernel %x, %0 sizes [3, 2] strides [2, 1] low [1, 0] high [1, -1] dilations [1, 2] x [1, 3] groups 2 : tensor<2x6x9x8xf32>, tensor<2x4x5x11xf32> -> tensor<4x3x3x2xf32>
  func.return %2 : tensor<4x3x3x2xf32>
}

// -----

func.func @elements(%x: tensor<2x3x9xf32>, %w: tensor<4x3x3xf64>) {
  // expected-error @+1 {{dlc.convolution: the element types of tensor<2x3x9xf32> and tensor<4x3x3xf64> differ; use dlc.convert}}
  %0 = dlc.convolution %x, %w strides [1] low [0] high [0] dilations [1] x [1] groups 1 : tensor<2x3x9xf32>, tensor<4x3x3xf64> -> tensor<2x4x7xf32>
  func.return
}

// -----

func.func @ranks(%x: tensor<2x3x9xf32>, %w: tensor<4x3x3x3xf32>) {
  // expected-error @+1 {{dlc.convolution: tensor<2x3x9xf32> and tensor<4x3x3x3xf32> do not have the same number of dimensions, two and the spatial ones}}
  %0 = dlc.convolution %x, %w strides [1] low [0] high [0] dilations [1] x [1] groups 1 : tensor<2x3x9xf32>, tensor<4x3x3x3xf32> -> tensor<2x4x7xf32>
  func.return
}

// -----

func.func @one_number_per_dimension(%x: tensor<2x3x9xf32>, %w: tensor<4x3x3xf32>) {
  // expected-error @+1 {{dlc.convolution: low is [0, 0], expected 1 numbers for tensor<2x3x9xf32>}}
  %0 = dlc.convolution %x, %w strides [1] low [0, 0] high [0] dilations [1] x [1] groups 1 : tensor<2x3x9xf32>, tensor<4x3x3xf32> -> tensor<2x4x7xf32>
  func.return
}

// -----

func.func @positive(%x: tensor<2x3x9xf32>, %w: tensor<4x3x3xf32>) {
  // expected-error @+1 {{dlc.convolution: strides is [0], expected positive numbers}}
  %0 = dlc.convolution %x, %w strides [0] low [0] high [0] dilations [1] x [1] groups 1 : tensor<2x3x9xf32>, tensor<4x3x3xf32> -> tensor<2x4x7xf32>
  func.return
}

// -----

func.func @groups(%x: tensor<2x3x9xf32>, %w: tensor<4x1x3xf32>) {
  // expected-error @+1 {{dlc.convolution: 2 groups do not divide the 3 channels of tensor<2x3x9xf32>}}
  %0 = dlc.convolution %x, %w strides [1] low [0] high [0] dilations [1] x [1] groups 2 : tensor<2x3x9xf32>, tensor<4x1x3xf32> -> tensor<2x4x7xf32>
  func.return
}

// -----

func.func @channels(%x: tensor<2x6x9xf32>, %w: tensor<4x2x3xf32>) {
  // expected-error @+1 {{dlc.convolution: a kernel tensor<4x2x3xf32> in 2 groups does not fit the channels of tensor<2x6x9xf32>; expected 3 channels in, and a multiple of 2 out}}
  %0 = dlc.convolution %x, %w strides [1] low [0] high [0] dilations [1] x [1] groups 2 : tensor<2x6x9xf32>, tensor<4x2x3xf32> -> tensor<2x4x7xf32>
  func.return
}

// -----

func.func @empty_kernel(%x: tensor<2x6x9xf32>, %w: tensor<4x6x0xf32>) {
  // expected-error @+1 {{dlc.convolution: the kernel tensor<4x6x0xf32> has no elements in a spatial dimension}}
  %0 = dlc.convolution %x, %w strides [1] low [0] high [0] dilations [1] x [1] groups 1 : tensor<2x6x9xf32>, tensor<4x6x0xf32> -> tensor<2x4x10xf32>
  func.return
}

// -----

func.func @sizes(%x: tensor<2x6x9xf32>, %y: tensor<2x4x7xf32>) {
  // expected-error @+1 {{dlc.convolution_kernel: sizes is [3, 3], expected 1 positive numbers for tensor<2x6x9xf32>}}
  %0 = dlc.convolution_kernel %x, %y sizes [3, 3] strides [1] low [0] high [0] dilations [1] x [1] groups 1 : tensor<2x6x9xf32>, tensor<2x4x7xf32> -> tensor<4x6x3xf32>
  func.return
}

// -----

func.func @places(%x: tensor<2x6x9xf32>, %y: tensor<2x4x8xf32>) {
  // expected-error @+1 {{dlc.convolution_kernel: operand 1 has type tensor<2x4x8xf32>, expected tensor<2x4x7xf32> with a multiple of 1 channels}}
  %0 = dlc.convolution_kernel %x, %y sizes [3] strides [1] low [0] high [0] dilations [1] x [1] groups 1 : tensor<2x6x9xf32>, tensor<2x4x8xf32> -> tensor<4x6x3xf32>
  func.return
}
