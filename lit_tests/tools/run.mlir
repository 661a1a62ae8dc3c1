// RUN: dlc-run %s --quiet --compare-with=reference
// RUN: dlc-opt %s --compile-to=loops | dlc-run - --compare-with=reference --quiet 2>&1 | filecheck %s

// A file runs at the stage that it is at.
// CHECK: result 0: largest difference {{.*}} of the largest value, tolerance 1e-12
func.func @f(%x: tensor<4x3xf64>) -> tensor<4xf64> {
  %0 = dlc.exp %x : tensor<4x3xf64>
  %1 = dlc.reduce_sum %0 dims [1] : tensor<4x3xf64> -> tensor<4xf64>
  func.return %1 : tensor<4xf64>
}
