// RUN: dlc-opt %s -p convert-dlc-to-linalg,select-libraries,fuse-elementwise,form-kernels,collapse-dims --split-input-file | filecheck %s

// A softmax over rows is one kernel, and makes no tensor in memory but its result.
// CHECK-LABEL: func.func @softmax(
// CHECK-COUNT-1: rt.kernel "fused_max_sub_exp_sum_div" tile [64]
// CHECK-NOT:     rt.kernel
// CHECK-NOT:     tensor.expand_shape
func.func @softmax(%x: tensor<64x32xf32>) -> tensor<64x32xf32> {
  %0 = dlc.reduce_max %x dims [1] : tensor<64x32xf32> -> tensor<64xf32>
  %1 = dlc.broadcast_in_dim %0 dims [0] : tensor<64xf32> -> tensor<64x32xf32>
  %2 = dlc.sub %x, %1 : tensor<64x32xf32>
  %3 = dlc.exp %2 : tensor<64x32xf32>
  %4 = dlc.reduce_sum %3 dims [1] : tensor<64x32xf32> -> tensor<64xf32>
  %5 = dlc.broadcast_in_dim %4 dims [0] : tensor<64xf32> -> tensor<64x32xf32>
  %6 = dlc.div %3, %5 : tensor<64x32xf32>
  func.return %6 : tensor<64x32xf32>
}

// -----

// With dimensions kept at size 1 in between, and with leading dimensions, it is the same kernel.
// CHECK-LABEL: func.func @log_softmax(
// CHECK-COUNT-1: rt.kernel "fused_max_sub_exp_sum_log" tile [64]
// CHECK-NOT:     rt.kernel
func.func @log_softmax(%x: tensor<4x16x32xf32>) -> tensor<4x16x32xf32> {
  %0 = dlc.reduce_max %x dims [2] : tensor<4x16x32xf32> -> tensor<4x16xf32>
  %1 = dlc.reshape %0 : tensor<4x16xf32> -> tensor<4x16x1xf32>
  %2 = dlc.broadcast_in_dim %1 dims [0, 1, 2] : tensor<4x16x1xf32> -> tensor<4x16x32xf32>
  %3 = dlc.sub %x, %2 : tensor<4x16x32xf32>
  %4 = dlc.exp %3 : tensor<4x16x32xf32>
  %5 = dlc.reduce_sum %4 dims [2] : tensor<4x16x32xf32> -> tensor<4x16xf32>
  %6 = dlc.reshape %5 : tensor<4x16xf32> -> tensor<4x16x1xf32>
  %7 = dlc.log %6 : tensor<4x16x1xf32>
  %8 = dlc.broadcast_in_dim %7 dims [0, 1, 2] : tensor<4x16x1xf32> -> tensor<4x16x32xf32>
  %9 = dlc.sub %3, %8 : tensor<4x16x32xf32>
  func.return %9 : tensor<4x16x32xf32>
}

// -----

// After a matrix product, bias and softmax are one kernel that reads the product.
// CHECK-LABEL: func.func @head(
// CHECK:         %[[G:\w+]] = rt.gemm
// CHECK-NEXT:    rt.kernel "fused_add_max_sub_exp_sum_div" tile [64] ins(%{{\w+}} = %[[G]] : tensor<64x10xf32>, %{{\w+}} = %{{\w+}} : tensor<10xf32>)
// CHECK-NOT:     rt.kernel
func.func @head(%x: tensor<64x32xf32>, %w: tensor<32x10xf32>, %b: tensor<10xf32>) -> tensor<64x10xf32> {
  %0 = dlc.dot_general %x, %w contracting [1] x [0] : tensor<64x32xf32>, tensor<32x10xf32> -> tensor<64x10xf32>
  %1 = dlc.broadcast_in_dim %b dims [1] : tensor<10xf32> -> tensor<64x10xf32>
  %2 = dlc.add %0, %1 : tensor<64x10xf32>
  %3 = dlc.reduce_max %2 dims [1] : tensor<64x10xf32> -> tensor<64xf32>
  %4 = dlc.broadcast_in_dim %3 dims [0] : tensor<64xf32> -> tensor<64x10xf32>
  %5 = dlc.sub %2, %4 : tensor<64x10xf32>
  %6 = dlc.exp %5 : tensor<64x10xf32>
  %7 = dlc.reduce_sum %6 dims [1] : tensor<64x10xf32> -> tensor<64xf32>
  %8 = dlc.broadcast_in_dim %7 dims [0] : tensor<64xf32> -> tensor<64x10xf32>
  %9 = dlc.div %6, %8 : tensor<64x10xf32>
  func.return %9 : tensor<64x10xf32>
}
