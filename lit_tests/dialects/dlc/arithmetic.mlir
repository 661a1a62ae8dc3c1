// RUN: dlc-opt %s --split-input-file --verify-diagnostics --verify-roundtrip | filecheck %s

// The five operations print one type.
// CHECK-LABEL: func.func @round_trip
// CHECK-SAME: (%[[X:.*]]: tensor<4xf32>, %[[Y:.*]]: tensor<4xf32>, %[[I:.*]]: tensor<i64>)
func.func @round_trip(%x: tensor<4xf32>, %y: tensor<4xf32>, %i: tensor<i64>) {
  // CHECK: dlc.neg %[[X]] : tensor<4xf32>
  %0 = dlc.neg %x : tensor<4xf32>
  // CHECK: dlc.add %[[X]], %[[Y]] : tensor<4xf32>
  %1 = dlc.add %x, %y : tensor<4xf32>
  // CHECK: dlc.sub %[[X]], %[[Y]] : tensor<4xf32>
  %2 = dlc.sub %x, %y : tensor<4xf32>
  // CHECK: dlc.mul %[[X]], %[[X]] : tensor<4xf32>
  %3 = dlc.mul %x, %x : tensor<4xf32>
  // CHECK: dlc.div %[[I]], %[[I]] : tensor<i64>
  %4 = dlc.div %i, %i : tensor<i64>
  func.return
}

// -----

// Sums of bools are not defined: NumPy means `or`.
func.func @sum_of_bools(%p: tensor<4xi1>) {
  // expected-error @+1 {{dlc.add: operand 0 has type tensor<4xi1>, expected elements of kind float, complex or int; use dlc.convert, or dlc.and, dlc.or and dlc.xor for logic}}
  %0 = dlc.add %p, %p : tensor<4xi1>
  func.return
}

// -----

// Nothing is broadcast by itself.
func.func @shapes_differ(%x: tensor<4xf32>, %y: tensor<5xf32>) {
  // expected-error @+1 {{tensor<5xf32>}}
  %0 = dlc.mul %x, %y : tensor<4xf32>
  func.return
}
