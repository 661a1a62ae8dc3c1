// RUN: dlc-opt %s -p convert-dlc-to-linalg,select-libraries,fuse-elementwise,form-kernels,collapse-dims --split-input-file | filecheck %s

// An elementwise chain with broadcast operands and constants is one operation of one kernel.
// CHECK-LABEL: func.func @gelu(
// CHECK-SAME:    %[[X:\w+]]: tensor<64x32xf32>, %[[W:\w+]]: tensor<32xf32>, %[[B:\w+]]: tensor<32xf32>
// CHECK-NEXT:    %[[R:\w+]] = rt.kernel "fused_mul_add_erf" tile [64] ins(%{{\w+}} = %[[X]] : tensor<64x32xf32>, %{{\w+}} = %[[W]] : tensor<32xf32>, %{{\w+}} = %[[B]] : tensor<32xf32>)
// CHECK-COUNT-1:   linalg.generic
// CHECK-NOT:       linalg.generic
// CHECK-NOT:     rt.kernel
// CHECK:         func.return %[[R]]
func.func @gelu(%x: tensor<64x32xf32>, %w: tensor<32xf32>, %b: tensor<32xf32>) -> tensor<64x32xf32> {
  %0 = dlc.broadcast_in_dim %w dims [1] : tensor<32xf32> -> tensor<64x32xf32>
  %1 = dlc.mul %x, %0 : tensor<64x32xf32>
  %2 = dlc.broadcast_in_dim %b dims [1] : tensor<32xf32> -> tensor<64x32xf32>
  %3 = dlc.add %1, %2 : tensor<64x32xf32>
  %4 = dlc.constant dense<0.707106769> : tensor<64x32xf32>
  %5 = dlc.mul %3, %4 : tensor<64x32xf32>
  %6 = dlc.erf %5 : tensor<64x32xf32>
  %7 = dlc.constant dense<5.000000e-01> : tensor<64x32xf32>
  %8 = dlc.mul %7, %3 : tensor<64x32xf32>
  %9 = dlc.constant dense<1.000000e+00> : tensor<64x32xf32>
  %10 = dlc.add %9, %6 : tensor<64x32xf32>
  %11 = dlc.mul %8, %10 : tensor<64x32xf32>
  func.return %11 : tensor<64x32xf32>
}

// -----

// Several results of one kernel: a momentum update of a parameter.
// CHECK-LABEL: func.func @momentum(
// CHECK-COUNT-1: rt.kernel "fused_mul_add_sub" tile [2048] {{.*}} -> (tensor<2048xf32>, tensor<2048xf32>)
// CHECK-NOT:     rt.kernel
func.func @momentum(%p: tensor<64x32xf32>, %v: tensor<64x32xf32>, %g: tensor<64x32xf32>) -> (tensor<64x32xf32>, tensor<64x32xf32>) {
  %0 = dlc.constant dense<0.9> : tensor<64x32xf32>
  %1 = dlc.mul %v, %0 : tensor<64x32xf32>
  %2 = dlc.add %1, %g : tensor<64x32xf32>
  %3 = dlc.constant dense<0.1> : tensor<64x32xf32>
  %4 = dlc.mul %2, %3 : tensor<64x32xf32>
  %5 = dlc.sub %p, %4 : tensor<64x32xf32>
  func.return %5, %2 : tensor<64x32xf32>, tensor<64x32xf32>
}
