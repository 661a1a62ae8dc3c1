// RUN: dlc-opt %s --split-input-file --verify-diagnostics | dlc-opt --split-input-file | filecheck %s

// Batch dimensions print only if there are any.
// CHECK-LABEL: func.func @products
func.func @products(%x: tensor<3x5xf32>, %y: tensor<5x4xf32>, %a: tensor<2x3x5xf64>, %b: tensor<5x2xf64>) -> (tensor<3x4xf32>, tensor<2x3xf64>, tensor<3x5x5x4xf32>) {
  // CHECK: dlc.dot_general %x, %y contracting [1] x [0] : tensor<3x5xf32>, tensor<5x4xf32> -> tensor<3x4xf32>
  %0 = dlc.dot_general %x, %y contracting [1] x [0] : tensor<3x5xf32>, tensor<5x4xf32> -> tensor<3x4xf32>
  // CHECK: dlc.dot_general %a, %b batch [0] x [1] contracting [2] x [0] : tensor<2x3x5xf64>, tensor<5x2xf64> -> tensor<2x3xf64>
  %1 = dlc.dot_general %a, %b batch [0] x [1] contracting [2] x [0] : tensor<2x3x5xf64>, tensor<5x2xf64> -> tensor<2x3xf64>
  // CHECK: dlc.dot_general %x, %y contracting [] x [] : tensor<3x5xf32>, tensor<5x4xf32> -> tensor<3x5x5x4xf32>
  %2 = dlc.dot_general %x, %y batch [] x [] contracting [] x [] : tensor<3x5xf32>, tensor<5x4xf32> -> tensor<3x5x5x4xf32>
  func.return %0, %1, %2 : tensor<3x4xf32>, tensor<2x3xf64>, tensor<3x5x5x4xf32>
}

// -----

// Contracted dimensions have equal sizes.
func.func @sizes(%x: tensor<3x5xf32>, %y: tensor<4x5xf32>) {
  // expected-error @+1 {{dlc.dot_general: contracting dimensions [1] of tensor<3x5xf32> and [0] of tensor<4x5xf32> have sizes [5] and [4], expected equal ones}}
  %0 = dlc.dot_general %x, %y contracting [1] x [0] : tensor<3x5xf32>, tensor<4x5xf32> -> tensor<3x5xf32>
  func.return
}

// -----

// There are as many of them on both sides.
func.func @counts(%x: tensor<3x5xf32>, %y: tensor<5x4xf32>) {
  // expected-error @+1 {{dlc.dot_general: contracting dimensions [1] of tensor<3x5xf32> and [] of tensor<5x4xf32> have sizes [5] and [], expected equal ones}}
  %0 = dlc.dot_general %x, %y contracting [1] x [] : tensor<3x5xf32>, tensor<5x4xf32> -> tensor<3x5x4xf32>
  func.return
}

// -----

// A dimension has one role.
func.func @roles(%x: tensor<5x5xf32>, %y: tensor<5x5xf32>) {
  // expected-error @+1 {{dlc.dot_general: dims [1, 1] hold a dimension twice}}
  %0 = dlc.dot_general %x, %y batch [1] x [0] contracting [1] x [1] : tensor<5x5xf32>, tensor<5x5xf32> -> tensor<5x5xf32>
  func.return
}

// -----

// Nothing is converted silently.
func.func @elements(%x: tensor<5xf32>, %y: tensor<5xf64>) {
  // expected-error @+1 {{dlc.dot_general: the element types of tensor<5xf32> and tensor<5xf64> differ; use dlc.convert}}
  %0 = dlc.dot_general %x, %y contracting [0] x [0] : tensor<5xf32>, tensor<5xf64> -> tensor<f32>
  func.return
}
