// RUN: dlc-opt %s --split-input-file --verify-diagnostics --verify-roundtrip | filecheck %s

// Special functions print as they parse.
func.func @round_trip(%x: tensor<3x5xf32>) {
  %0 = dlc.erfc %x : tensor<3x5xf32>
  %1 = dlc.erfcx %x : tensor<3x5xf32>
  %2 = dlc.erf_inv %x : tensor<3x5xf32>
  %3 = dlc.erfc_inv %x : tensor<3x5xf32>
  %4 = dlc.lgamma %x : tensor<3x5xf32>
  %5 = dlc.digamma %x : tensor<3x5xf32>
  %6 = dlc.polygamma 2, %x : tensor<3x5xf32>
  %7 = dlc.xlogy %x, %x : tensor<3x5xf32>
  %8 = dlc.xlog1py %x, %x : tensor<3x5xf32>
  func.return
}

// CHECK-LABEL: func.func @round_trip
// CHECK-SAME: (%[[X:.*]]: tensor<3x5xf32>)
// CHECK: dlc.erfc %[[X]] : tensor<3x5xf32>
// CHECK: dlc.erfcx %[[X]] : tensor<3x5xf32>
// CHECK: dlc.erf_inv %[[X]] : tensor<3x5xf32>
// CHECK: dlc.erfc_inv %[[X]] : tensor<3x5xf32>
// CHECK: dlc.lgamma %[[X]] : tensor<3x5xf32>
// CHECK: dlc.digamma %[[X]] : tensor<3x5xf32>
// CHECK: dlc.polygamma 2, %[[X]] : tensor<3x5xf32>
// CHECK: dlc.xlogy %[[X]], %[[X]] : tensor<3x5xf32>
// CHECK: dlc.xlog1py %[[X]], %[[X]] : tensor<3x5xf32>

// -----

// The order of a derivative is at least 1.
func.func @order(%x: tensor<4xf32>) {
  // expected-error @+1 {{dlc.polygamma: order is 0, expected 1 to 100; order 0 is dlc.digamma}}
  %0 = dlc.polygamma 0, %x : tensor<4xf32>
  func.return
}

// -----

func.func @integers(%i: tensor<4xi32>) {
  // expected-error @+1 {{dlc.lgamma: operand 0 has type tensor<4xi32>, expected elements of kind float}}
  %0 = dlc.lgamma %i : tensor<4xi32>
  func.return
}
