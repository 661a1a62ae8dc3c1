// RUN: dlc-opt %s --split-input-file --verify-diagnostics --verify-roundtrip | filecheck %s

// Every function of two operands prints one type.
// CHECK-LABEL: func.func @round_trip
// CHECK-SAME: (%[[X:.*]]: tensor<4xf32>, %[[I:.*]]: tensor<2x3xi32>, %[[P:.*]]: tensor<i1>)
func.func @round_trip(%x: tensor<4xf32>, %i: tensor<2x3xi32>, %p: tensor<i1>) {
  // CHECK: dlc.rem %[[X]], %[[X]] : tensor<4xf32>
  %0 = dlc.rem %x, %x : tensor<4xf32>
  // CHECK: dlc.pow %[[X]], %[[X]] : tensor<4xf32>
  %1 = dlc.pow %x, %x : tensor<4xf32>
  // CHECK: dlc.max %[[I]], %[[I]] : tensor<2x3xi32>
  %2 = dlc.max %i, %i : tensor<2x3xi32>
  // CHECK: dlc.min %[[X]], %[[X]] : tensor<4xf32>
  %3 = dlc.min %x, %x : tensor<4xf32>
  // CHECK: dlc.and %[[P]], %[[P]] : tensor<i1>
  %4 = dlc.and %p, %p : tensor<i1>
  // CHECK: dlc.or %[[I]], %[[I]] : tensor<2x3xi32>
  %5 = dlc.or %i, %i : tensor<2x3xi32>
  // CHECK: dlc.xor %[[P]], %[[P]] : tensor<i1>
  %6 = dlc.xor %p, %p : tensor<i1>
  func.return
}

// -----

func.func @and_of_floats(%x: tensor<4xf32>) {
  // expected-error @+1 {{dlc.and: operand 0 has type tensor<4xf32>, expected elements of kind bool or int; use dlc.convert to i32, i64 or i1}}
  %0 = dlc.and %x, %x : tensor<4xf32>
  func.return
}

// -----

func.func @max_of_bools(%p: tensor<4xi1>) {
  // expected-error @+1 {{dlc.max: operand 0 has type tensor<4xi1>, expected elements of kind float or int; use dlc.convert, or dlc.and, dlc.or and dlc.xor for logic}}
  %0 = dlc.max %p, %p : tensor<4xi1>
  func.return
}
