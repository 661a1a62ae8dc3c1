// RUN: dlc-opt %s -p convert-dlc-to-linalg,select-libraries,fuse-elementwise,form-kernels,collapse-dims | filecheck %s

// Layer normalisation is one kernel; the square root is computed once per row.
// CHECK-LABEL: func.func @layer_norm(
// CHECK-COUNT-1: rt.kernel "fused_{{\w+}}" tile [64]
// CHECK-NOT:     rt.kernel
// CHECK:           outs(%{{\w+}} : tensor<64xf32>)
// CHECK:           math.sqrt
// CHECK-NOT:       math.sqrt
func.func @layer_norm(%x: tensor<64x32xf32>, %g: tensor<32xf32>, %b: tensor<32xf32>) -> tensor<64x32xf32> {
  %0 = dlc.reduce_sum %x dims [1] : tensor<64x32xf32> -> tensor<64xf32>
  %1 = dlc.reshape %0 : tensor<64xf32> -> tensor<64x1xf32>
  %2 = dlc.constant dense<3.125000e-02> : tensor<64x1xf32>
  %3 = dlc.mul %1, %2 : tensor<64x1xf32>
  %4 = dlc.broadcast_in_dim %3 dims [0, 1] : tensor<64x1xf32> -> tensor<64x32xf32>
  %5 = dlc.sub %x, %4 : tensor<64x32xf32>
  %6 = dlc.mul %5, %5 : tensor<64x32xf32>
  %7 = dlc.reduce_sum %6 dims [1] : tensor<64x32xf32> -> tensor<64xf32>
  %8 = dlc.reshape %7 : tensor<64xf32> -> tensor<64x1xf32>
  %9 = dlc.mul %8, %2 : tensor<64x1xf32>
  %10 = dlc.constant dense<1.000000e-05> : tensor<64x1xf32>
  %11 = dlc.add %9, %10 : tensor<64x1xf32>
  %12 = dlc.sqrt %11 : tensor<64x1xf32>
  %13 = dlc.broadcast_in_dim %12 dims [0, 1] : tensor<64x1xf32> -> tensor<64x32xf32>
  %14 = dlc.div %5, %13 : tensor<64x32xf32>
  %15 = dlc.broadcast_in_dim %g dims [1] : tensor<32xf32> -> tensor<64x32xf32>
  %16 = dlc.mul %14, %15 : tensor<64x32xf32>
  %17 = dlc.broadcast_in_dim %b dims [1] : tensor<32xf32> -> tensor<64x32xf32>
  %18 = dlc.add %16, %17 : tensor<64x32xf32>
  func.return %18 : tensor<64x32xf32>
}
