// RUN: dlc-opt %s --split-input-file --verify-diagnostics --verify-roundtrip | filecheck %s

// CHECK-LABEL: func.func @round_trip
// CHECK-SAME: (%[[Z:.*]]: tensor<4xcomplex<f32>>, %[[X:.*]]: tensor<4xf32>, %[[P:.*]]: tensor<4x2xf32>)
func.func @round_trip(%z: tensor<4xcomplex<f32>>, %x: tensor<4xf32>, %p: tensor<4x2xf32>) {
  // CHECK: dlc.real %[[Z]] : tensor<4xcomplex<f32>> -> tensor<4xf32>
  %0 = dlc.real %z : tensor<4xcomplex<f32>> -> tensor<4xf32>
  // CHECK: dlc.imag %[[Z]] : tensor<4xcomplex<f32>> -> tensor<4xf32>
  %1 = dlc.imag %z : tensor<4xcomplex<f32>> -> tensor<4xf32>
  // CHECK: dlc.complex %[[X]], %[[X]] : tensor<4xf32> -> tensor<4xcomplex<f32>>
  %2 = dlc.complex %x, %x : tensor<4xf32> -> tensor<4xcomplex<f32>>
  // CHECK: dlc.conj %[[Z]] : tensor<4xcomplex<f32>>
  %3 = dlc.conj %z : tensor<4xcomplex<f32>>
  // CHECK: dlc.interleave %[[X]], %[[X]] : tensor<4xf32> -> tensor<4x2xf32>
  %4 = dlc.interleave %x, %x : tensor<4xf32> -> tensor<4x2xf32>
  // CHECK: dlc.deinterleave %[[P]] index 1 : tensor<4x2xf32> -> tensor<4xf32>
  %5 = dlc.deinterleave %p index 1 : tensor<4x2xf32> -> tensor<4xf32>
  // CHECK: dlc.constant dense<(1.000000e+00,2.000000e+00)> : tensor<2xcomplex<f64>>
  %6 = dlc.constant dense<(1.0, 2.0)> : tensor<2xcomplex<f64>>
  func.return
}

// -----

func.func @real_of_real(%x: tensor<4xf32>) {
  // expected-error @+1 {{dlc.real: operand 0 has type tensor<4xf32>, expected elements of kind complex}}
  %0 = dlc.real %x : tensor<4xf32> -> tensor<4xf32>
  func.return
}

// -----

func.func @complex_of_integers(%x: tensor<4xi32>) {
  // expected-error @+1 {{dlc.complex: operand 0 has type tensor<4xi32>, expected elements of f32 or f64; use dlc.convert}}
  %0 = dlc.complex %x, %x : tensor<4xi32> -> tensor<4xcomplex<f32>>
  func.return
}

// -----

func.func @deinterleave_three(%x: tensor<4x3xf32>) {
  // expected-error @+1 {{operand 0 has type tensor<4x3xf32> and index is 0, expected a last dimension of size 2}}
  %0 = dlc.deinterleave %x index 0 : tensor<4x3xf32> -> tensor<4xf32>
  func.return
}

// -----

func.func @no_order(%x: tensor<4xcomplex<f32>>) {
  // expected-error @+1 {{dlc.compare: operand has type tensor<4xcomplex<f32>>; complex numbers have no order}}
  %0 = dlc.compare lt %x, %x : tensor<4xcomplex<f32>>
  func.return
}

// -----

func.func @no_floor(%x: tensor<4xcomplex<f32>>) {
  // expected-error @+1 {{expected elements of kind float; use dlc.real and dlc.imag}}
  %0 = dlc.floor %x : tensor<4xcomplex<f32>>
  func.return
}

// -----

func.func @no_cube_root(%x: tensor<4xcomplex<f32>>) {
  // expected-error @+1 {{dlc.cbrt: operand 0 has type tensor<4xcomplex<f32>>, expected elements of kind float; use dlc.real and dlc.imag}}
  %0 = dlc.cbrt %x : tensor<4xcomplex<f32>>
  func.return
}
