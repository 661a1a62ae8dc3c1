// RUN: dlc-opt %s --split-input-file --verify-diagnostics --verify-roundtrip | filecheck %s

// Every function of one operand prints as it parses.
func.func @round_trip(%x: tensor<3x5xf32>, %d: tensor<f64>, %i: tensor<4xi32>, %p: tensor<0xi1>) {
  %0 = dlc.abs %x : tensor<3x5xf32>
  %1 = dlc.sign %d : tensor<f64>
  %2 = dlc.exp %x : tensor<3x5xf32>
  %3 = dlc.expm1 %d : tensor<f64>
  %4 = dlc.log %x : tensor<3x5xf32>
  %5 = dlc.log1p %x : tensor<3x5xf32>
  %6 = dlc.sqrt %x : tensor<3x5xf32>
  %7 = dlc.rsqrt %x : tensor<3x5xf32>
  %8 = dlc.tanh %x : tensor<3x5xf32>
  %9 = dlc.logistic %x : tensor<3x5xf32>
  %10 = dlc.erf %x : tensor<3x5xf32>
  %11 = dlc.sin %x : tensor<3x5xf32>
  %12 = dlc.cos %x : tensor<3x5xf32>
  %13 = dlc.floor %x : tensor<3x5xf32>
  %14 = dlc.ceil %x : tensor<3x5xf32>
  %15 = dlc.round %x : tensor<3x5xf32>
  %16 = dlc.not %p : tensor<0xi1>
  %17 = dlc.abs %i : tensor<4xi32>
  %18 = dlc.trunc %x : tensor<3x5xf32>
  func.return
}

// CHECK-LABEL: func.func @round_trip
// CHECK-SAME: (%[[X:.*]]: tensor<3x5xf32>, %[[D:.*]]: tensor<f64>, %[[I:.*]]: tensor<4xi32>, %[[P:.*]]: tensor<0xi1>)
// CHECK: dlc.abs %[[X]] : tensor<3x5xf32>
// CHECK: dlc.sign %[[D]] : tensor<f64>
// CHECK: dlc.exp %[[X]] : tensor<3x5xf32>
// CHECK: dlc.expm1 %[[D]] : tensor<f64>
// CHECK: dlc.log %[[X]] : tensor<3x5xf32>
// CHECK: dlc.log1p %[[X]] : tensor<3x5xf32>
// CHECK: dlc.sqrt %[[X]] : tensor<3x5xf32>
// CHECK: dlc.rsqrt %[[X]] : tensor<3x5xf32>
// CHECK: dlc.tanh %[[X]] : tensor<3x5xf32>
// CHECK: dlc.logistic %[[X]] : tensor<3x5xf32>
// CHECK: dlc.erf %[[X]] : tensor<3x5xf32>
// CHECK: dlc.sin %[[X]] : tensor<3x5xf32>
// CHECK: dlc.cos %[[X]] : tensor<3x5xf32>
// CHECK: dlc.floor %[[X]] : tensor<3x5xf32>
// CHECK: dlc.ceil %[[X]] : tensor<3x5xf32>
// CHECK: dlc.round %[[X]] : tensor<3x5xf32>
// CHECK: dlc.not %[[P]] : tensor<0xi1>
// CHECK: dlc.abs %[[I]] : tensor<4xi32>
// CHECK: dlc.trunc %[[X]] : tensor<3x5xf32>

// -----

// Functions of real numbers do not take integers.
func.func @exp_of_integers(%i: tensor<4xi32>) {
  // expected-error @+1 {{dlc.exp: operand 0 has type tensor<4xi32>, expected elements of kind float or complex; use dlc.convert to f32 or f64}}
  %0 = dlc.exp %i : tensor<4xi32>
  func.return
}

// -----

func.func @not_of_floats(%x: tensor<4xf32>) {
  // expected-error @+1 {{dlc.not: operand 0 has type tensor<4xf32>, expected elements of kind bool or int}}
  %0 = dlc.not %x : tensor<4xf32>
  func.return
}

// -----

func.func @unknown_element_type(%x: tensor<4xi7>) {
  // expected-error @+1 {{element type i7 is not supported; use one of i1, i8,}}
  %0 = dlc.abs %x : tensor<4xi7>
  func.return
}
