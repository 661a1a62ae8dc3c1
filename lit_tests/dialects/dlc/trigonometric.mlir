// RUN: dlc-opt %s --split-input-file --verify-diagnostics --verify-roundtrip | filecheck %s

// Trigonometric and hyperbolic functions print as they parse.
func.func @round_trip(%x: tensor<3x5xf32>, %d: tensor<f64>) {
  %0 = dlc.tan %x : tensor<3x5xf32>
  %1 = dlc.asin %x : tensor<3x5xf32>
  %2 = dlc.acos %x : tensor<3x5xf32>
  %3 = dlc.atan %x : tensor<3x5xf32>
  %4 = dlc.sinh %x : tensor<3x5xf32>
  %5 = dlc.cosh %x : tensor<3x5xf32>
  %6 = dlc.asinh %x : tensor<3x5xf32>
  %7 = dlc.acosh %x : tensor<3x5xf32>
  %8 = dlc.atanh %x : tensor<3x5xf32>
  %9 = dlc.atan2 %d, %d : tensor<f64>
  func.return
}

// CHECK-LABEL: func.func @round_trip
// CHECK-SAME: (%[[X:.*]]: tensor<3x5xf32>, %[[D:.*]]: tensor<f64>)
// CHECK: dlc.tan %[[X]] : tensor<3x5xf32>
// CHECK: dlc.asin %[[X]] : tensor<3x5xf32>
// CHECK: dlc.acos %[[X]] : tensor<3x5xf32>
// CHECK: dlc.atan %[[X]] : tensor<3x5xf32>
// CHECK: dlc.sinh %[[X]] : tensor<3x5xf32>
// CHECK: dlc.cosh %[[X]] : tensor<3x5xf32>
// CHECK: dlc.asinh %[[X]] : tensor<3x5xf32>
// CHECK: dlc.acosh %[[X]] : tensor<3x5xf32>
// CHECK: dlc.atanh %[[X]] : tensor<3x5xf32>
// CHECK: dlc.atan2 %[[D]], %[[D]] : tensor<f64>

// -----

func.func @integers(%i: tensor<4xi32>) {
  // expected-error @+1 {{dlc.asin: operand 0 has type tensor<4xi32>, expected elements of kind float}}
  %0 = dlc.asin %i : tensor<4xi32>
  func.return
}
