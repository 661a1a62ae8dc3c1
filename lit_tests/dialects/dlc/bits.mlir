// RUN: dlc-opt %s --split-input-file --verify-diagnostics --verify-roundtrip | filecheck %s

// Operations on bits print as they parse.
func.func @round_trip(%i: tensor<4xi32>, %x: tensor<3x5xf32>) {
  %0 = dlc.shift_left %i, %i : tensor<4xi32>
  %1 = dlc.shift_right_arithmetic %i, %i : tensor<4xi32>
  %2 = dlc.shift_right_logical %i, %i : tensor<4xi32>
  %3 = dlc.popcnt %i : tensor<4xi32>
  %4 = dlc.bitcast_convert %i : tensor<4xi32> -> tensor<4xf32>
  %5 = dlc.copysign %x, %x : tensor<3x5xf32>
  func.return
}

// CHECK-LABEL: func.func @round_trip
// CHECK-SAME: (%[[I:.*]]: tensor<4xi32>, %[[X:.*]]: tensor<3x5xf32>)
// CHECK: dlc.shift_left %[[I]], %[[I]] : tensor<4xi32>
// CHECK: dlc.shift_right_arithmetic %[[I]], %[[I]] : tensor<4xi32>
// CHECK: dlc.shift_right_logical %[[I]], %[[I]] : tensor<4xi32>
// CHECK: dlc.popcnt %[[I]] : tensor<4xi32>
// CHECK: dlc.bitcast_convert %[[I]] : tensor<4xi32> -> tensor<4xf32>
// CHECK: dlc.copysign %[[X]], %[[X]] : tensor<3x5xf32>

// -----

// Only numbers of as many bits have the same bits.
func.func @widens(%x: tensor<4xf32>) {
  // expected-error @+1 {{dlc.bitcast_convert: operand 0 has type tensor<4xf32> and the result tensor<4xi64>; elements must be numbers of the same width; use dlc.convert to keep the values}}
  %0 = dlc.bitcast_convert %x : tensor<4xf32> -> tensor<4xi64>
  func.return
}

// -----

func.func @reshapes(%x: tensor<4xf32>) {
  // expected-error @+1 {{dlc.bitcast_convert: operand 0 has type tensor<4xf32> and the result tensor<2x2xi32>; the shapes must be equal}}
  %0 = dlc.bitcast_convert %x : tensor<4xf32> -> tensor<2x2xi32>
  func.return
}

// -----

func.func @shift_of_floats(%x: tensor<4xf32>) {
  // expected-error @+1 {{dlc.shift_left: operand 0 has type tensor<4xf32>, expected elements of kind int}}
  %0 = dlc.shift_left %x, %x : tensor<4xf32>
  func.return
}

// -----

func.func @sign_of_integers(%i: tensor<4xi32>) {
  // expected-error @+1 {{dlc.copysign: operand 0 has type tensor<4xi32>, expected elements of kind float}}
  %0 = dlc.copysign %i, %i : tensor<4xi32>
  func.return
}
