// RUN: dlc-opt %s --split-input-file --verify-diagnostics --verify-roundtrip | filecheck %s

// A conversion prints both types.
// CHECK-LABEL: func.func @round_trip
// CHECK-SAME: (%[[X:.*]]: tensor<4xf32>, %[[P:.*]]: tensor<i1>)
func.func @round_trip(%x: tensor<4xf32>, %p: tensor<i1>) {
  // CHECK: dlc.convert %[[X]] : tensor<4xf32> -> tensor<4xi32>
  %0 = dlc.convert %x : tensor<4xf32> -> tensor<4xi32>
  // CHECK: dlc.convert %[[P]] : tensor<i1> -> tensor<f64>
  %1 = dlc.convert %p : tensor<i1> -> tensor<f64>
  func.return
}

// -----

func.func @shapes_differ(%x: tensor<4xf32>) {
  // expected-error @+1 {{operand 0 has type tensor<4xf32> and the result tensor<2x2xf64>; the shapes must be equal}}
  %0 = dlc.convert %x : tensor<4xf32> -> tensor<2x2xf64>
  func.return
}
