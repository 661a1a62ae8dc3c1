// RUN: dlc-opt %s -p simplify-dlc,convert-dlc-to-linalg,form-kernels{max-group-size=1} | filecheck %s
// RUN: dlc-opt %s --pass-pipeline='builtin.module(simplify-dlc,convert-dlc-to-linalg,form-kernels{max-group-size=1})' | filecheck %s
// RUN: dlc-opt %s --simplify-dlc --convert-dlc-to-linalg --form-kernels=max-group-size=1 | filecheck %s
// RUN: dlc-opt %s --compile-to=linalg | dlc-opt --form-kernels=max-group-size=1 | filecheck %s

// The spellings of a pipeline are equal, and so are its parts one after the other.
// CHECK-LABEL:   func.func @chain(
// CHECK-COUNT-2: rt.kernel
// CHECK-NOT:     rt.kernel
func.func @chain(%x: tensor<4x3xf32>) -> tensor<4xf32> {
  %0 = dlc.exp %x : tensor<4x3xf32>
  %1 = dlc.reduce_sum %0 dims [1] : tensor<4x3xf32> -> tensor<4xf32>
  func.return %1 : tensor<4xf32>
}
