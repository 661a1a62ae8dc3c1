// RUN: dlc-opt %s -p convert-dlc-to-linalg,select-libraries,fuse-elementwise,form-kernels,collapse-dims | filecheck %s

// Loss and gradient of a linear classifier: two matrix products, one kernel over the rows, and the mean over them.
// CHECK-LABEL: func.func @step(
// CHECK:         %[[Z:\w+]] = rt.gemm %{{\w+}}, %{{\w+}} : tensor<64x32xf32>, tensor<32x10xf32>
// CHECK:         %[[L:\w+]], %[[D:\w+]] = rt.kernel "fused_{{\w+}}" tile [64] {{.*}} -> (tensor<64xf32>, tensor<64x10xf32>)
// CHECK-DAG:     rt.kernel "fused_neg_sum_mul" tile [] ins(%{{\w+}} = %[[L]] : tensor<64xf32>)
// CHECK-DAG:     rt.gemm trans_lhs %{{\w+}}, %[[D]] : tensor<64x32xf32>, tensor<64x10xf32> -> tensor<32x10xf32>
// CHECK-NOT:     rt.kernel
func.func @step(%w: tensor<32x10xf32>, %x: tensor<64x32xf32>, %y: tensor<64xi64>) -> (tensor<f32>, tensor<32x10xf32>) {
  %0 = dlc.dot_general %x, %w contracting [1] x [0] : tensor<64x32xf32>, tensor<32x10xf32> -> tensor<64x10xf32>
  %1 = dlc.broadcast_in_dim %y dims [0] : tensor<64xi64> -> tensor<64x10xi64>
  %2 = dlc.constant dense<[[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]]> : tensor<1x10xi64>
  %3 = dlc.broadcast_in_dim %2 dims [0, 1] : tensor<1x10xi64> -> tensor<64x10xi64>
  %4 = dlc.compare eq %1, %3 : tensor<64x10xi64>
  %5 = dlc.convert %4 : tensor<64x10xi1> -> tensor<64x10xf32>
  %6 = dlc.reduce_max %0 dims [1] : tensor<64x10xf32> -> tensor<64xf32>
  %7 = dlc.broadcast_in_dim %6 dims [0] : tensor<64xf32> -> tensor<64x10xf32>
  %8 = dlc.sub %0, %7 : tensor<64x10xf32>
  %9 = dlc.exp %8 : tensor<64x10xf32>
  %10 = dlc.reduce_sum %9 dims [1] : tensor<64x10xf32> -> tensor<64xf32>
  %11 = dlc.log %10 : tensor<64xf32>
  %12 = dlc.broadcast_in_dim %11 dims [0] : tensor<64xf32> -> tensor<64x10xf32>
  %13 = dlc.sub %8, %12 : tensor<64x10xf32>
  %14 = dlc.mul %5, %13 : tensor<64x10xf32>
  %15 = dlc.reduce_sum %14 dims [1] : tensor<64x10xf32> -> tensor<64xf32>
  %16 = dlc.neg %15 : tensor<64xf32>
  %17 = dlc.reduce_sum %16 dims [0] : tensor<64xf32> -> tensor<f32>
  %18 = dlc.constant dense<1.562500e-02> : tensor<f32>
  %19 = dlc.mul %17, %18 : tensor<f32>
  %20 = dlc.broadcast_in_dim %10 dims [0] : tensor<64xf32> -> tensor<64x10xf32>
  %21 = dlc.div %9, %20 : tensor<64x10xf32>
  %22 = dlc.sub %21, %5 : tensor<64x10xf32>
  %23 = dlc.dot_general %x, %22 contracting [0] x [0] : tensor<64x32xf32>, tensor<64x10xf32> -> tensor<32x10xf32>
  func.return %19, %23 : tensor<f32>, tensor<32x10xf32>
}
