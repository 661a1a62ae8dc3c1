// RUN: dlc-opt %s --split-input-file --verify-diagnostics --verify-roundtrip | filecheck %s

// Exponentials, logarithms and roots print as they parse.
func.func @round_trip(%x: tensor<3x5xf32>) {
  %0 = dlc.exp2 %x : tensor<3x5xf32>
  %1 = dlc.log2 %x : tensor<3x5xf32>
  %2 = dlc.log10 %x : tensor<3x5xf32>
  %3 = dlc.cbrt %x : tensor<3x5xf32>
  func.return
}

// CHECK-LABEL: func.func @round_trip
// CHECK-SAME: (%[[X:.*]]: tensor<3x5xf32>)
// CHECK: dlc.exp2 %[[X]] : tensor<3x5xf32>
// CHECK: dlc.log2 %[[X]] : tensor<3x5xf32>
// CHECK: dlc.log10 %[[X]] : tensor<3x5xf32>
// CHECK: dlc.cbrt %[[X]] : tensor<3x5xf32>

// -----

func.func @integers(%i: tensor<4xi32>) {
  // expected-error @+1 {{dlc.cbrt: operand 0 has type tensor<4xi32>, expected elements of kind float}}
  %0 = dlc.cbrt %i : tensor<4xi32>
  func.return
}
