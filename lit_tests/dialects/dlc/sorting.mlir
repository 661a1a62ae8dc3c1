// RUN: dlc-opt %s --split-input-file --verify-diagnostics | dlc-opt --split-input-file | filecheck %s

// Values of any type move as their keys do; positions are i64.
// CHECK-LABEL: func.func @sorting
func.func @sorting(%x: tensor<2x3xf32>, %v: tensor<2x3xi1>, %q: tensor<2x4xf32>) -> tensor<2x4xi64> {
  // CHECK: dlc.sort %x, %x dim 1 : tensor<2x3xf32>, tensor<2x3xf32> -> tensor<2x3xf32>
  %0 = dlc.sort %x, %x dim 1 : tensor<2x3xf32>, tensor<2x3xf32> -> tensor<2x3xf32>
  // CHECK: dlc.sort %x, %v dim 0 descending : tensor<2x3xf32>, tensor<2x3xi1> -> tensor<2x3xi1>
  %1 = dlc.sort %x, %v dim 0 descending : tensor<2x3xf32>, tensor<2x3xi1> -> tensor<2x3xi1>
  // CHECK: dlc.searchsorted "left" %x, %q : tensor<2x3xf32>, tensor<2x4xf32> -> tensor<2x4xi64>
  %2 = dlc.searchsorted "left" %x, %q : tensor<2x3xf32>, tensor<2x4xf32> -> tensor<2x4xi64>
  func.return %2 : tensor<2x4xi64>
}

// -----

func.func @other_shape(%x: tensor<3xf32>, %v: tensor<4xf32>) {
  // expected-error @+1 {{dlc.sort: values have type tensor<4xf32>, expected the shape of the keys, tensor<3xf32>}}
  %0 = dlc.sort %x, %v dim 0 : tensor<3xf32>, tensor<4xf32> -> tensor<4xf32>
  func.return
}

// -----

func.func @no_such_dimension(%x: tensor<3xf32>) {
  // expected-error @+1 {{dlc.sort: dim 1 is not a dimension of tensor<3xf32>}}
  %0 = dlc.sort %x, %x dim 1 : tensor<3xf32>, tensor<3xf32> -> tensor<3xf32>
  func.return
}

// -----

func.func @no_such_side(%x: tensor<3xf32>) {
  // expected-error @+1 {{dlc.searchsorted: side is "middle", expected "left" or "right"}}
  %0 = dlc.searchsorted "middle" %x, %x : tensor<3xf32>, tensor<3xf32> -> tensor<3xi64>
  func.return
}

// -----

func.func @other_rows(%x: tensor<2x3xf32>, %q: tensor<4xf32>) {
  // expected-error @+1 {{dlc.searchsorted: queries have type tensor<4xf32>, expected one that starts with the dimensions of tensor<2x3xf32> before its last}}
  %0 = dlc.searchsorted "left" %x, %q : tensor<2x3xf32>, tensor<4xf32> -> tensor<4xi64>
  func.return
}

// -----

func.func @other_elements(%x: tensor<3xf32>, %q: tensor<4xf64>) {
  // expected-error @+1 {{dlc.searchsorted: queries have type tensor<4xf64>, expected the element type of tensor<3xf32>; use dlc.convert}}
  %0 = dlc.searchsorted "left" %x, %q : tensor<3xf32>, tensor<4xf64> -> tensor<4xi64>
  func.return
}
