// RUN: dlc-opt %s --split-input-file --verify-diagnostics | dlc-opt --split-input-file | filecheck %s

// Batch dimensions print only if there are any.
// CHECK-LABEL: func.func @positions
func.func @positions(%x: tensor<7x3xf32>, %i: tensor<5x1xi32>, %y: tensor<2x7x3xf32>, %j: tensor<2x4x1xi64>, %u: tensor<5x3xf32>) -> (tensor<5x3xf32>, tensor<2x4x3xf32>, tensor<7x3xf32>, tensor<7x3xf32>) {
  // CHECK: dlc.gather %x, %i dims [0] bounds "clamp" : tensor<7x3xf32>, tensor<5x1xi32> -> tensor<5x3xf32>
  %0 = dlc.gather %x, %i dims [0] bounds "clamp" : tensor<7x3xf32>, tensor<5x1xi32> -> tensor<5x3xf32>
  // CHECK: dlc.gather %y, %j dims [1] batch_dims 1 bounds "drop" : tensor<2x7x3xf32>, tensor<2x4x1xi64> -> tensor<2x4x3xf32>
  %1 = dlc.gather %y, %j dims [1] batch_dims 1 bounds "drop" : tensor<2x7x3xf32>, tensor<2x4x1xi64> -> tensor<2x4x3xf32>
  // CHECK: dlc.scatter "add" %x, %i, %u dims [0] bounds "drop" : tensor<7x3xf32>, tensor<5x1xi32>, tensor<5x3xf32> -> tensor<7x3xf32>
  %2 = dlc.scatter "add" %x, %i, %u dims [0] bounds "drop" : tensor<7x3xf32>, tensor<5x1xi32>, tensor<5x3xf32> -> tensor<7x3xf32>
  // CHECK: dlc.scatter "max" %x, %i, %u dims [0] bounds "drop" : tensor<7x3xf32>, tensor<5x1xi32>, tensor<5x3xf32> -> tensor<7x3xf32>
  %max = dlc.scatter "max" %x, %i, %u dims [0] bounds "drop" : tensor<7x3xf32>, tensor<5x1xi32>, tensor<5x3xf32> -> tensor<7x3xf32>
  // CHECK: dlc.scatter "set" %x, %i, %u dims [0] bounds "clamp" : tensor<7x3xf32>, tensor<5x1xi32>, tensor<5x3xf32> -> tensor<7x3xf32>
  %3 = dlc.scatter "set" %x, %i, %u dims [0] bounds "clamp" : tensor<7x3xf32>, tensor<5x1xi32>, tensor<5x3xf32> -> tensor<7x3xf32>
  func.return %0, %1, %2, %3 : tensor<5x3xf32>, tensor<2x4x3xf32>, tensor<7x3xf32>, tensor<7x3xf32>
}

// -----

// Indices are integers.
func.func @element(%x: tensor<7xf32>, %i: tensor<5x1xi1>) {
  // expected-error @+1 {{dlc.gather: indices have type tensor<5x1xi1>, expected elements of an integer type}}
  %0 = dlc.gather %x, %i dims [0] bounds "clamp" : tensor<7xf32>, tensor<5x1xi1> -> tensor<5xf32>
  func.return
}

// -----

// The last dimension of the indices has one index per dimension.
func.func @columns(%x: tensor<7x3xf32>, %i: tensor<5x1xi64>) {
  // expected-error @+1 {{dlc.gather: indices have type tensor<5x1xi64>, expected a last dimension of size 2, one index for each of dims [0, 1]}}
  %0 = dlc.gather %x, %i dims [0, 1] bounds "clamp" : tensor<7x3xf32>, tensor<5x1xi64> -> tensor<5xf32>
  func.return
}

// -----

// There is nothing to clamp to in an empty dimension.
func.func @empty(%x: tensor<0x3xf32>, %i: tensor<5x1xi64>) {
  // expected-error @+1 {{dlc.gather: dimension 0 of tensor<0x3xf32> is empty, no index into it is valid}}
  %0 = dlc.gather %x, %i dims [0] bounds "clamp" : tensor<0x3xf32>, tensor<5x1xi64> -> tensor<5x3xf32>
  func.return
}

// -----

// Batch dimensions are shared.
func.func @batch(%x: tensor<2x7xf32>, %i: tensor<3x4x1xi64>) {
  // expected-error @+1 {{dlc.gather: tensor<2x7xf32> and tensor<3x4x1xi64> do not share 1 leading dimensions}}
  %0 = dlc.gather %x, %i dims [1] batch_dims 1 bounds "clamp" : tensor<2x7xf32>, tensor<3x4x1xi64> -> tensor<2x4xf32>
  func.return
}

// -----

// Bounds are one of two words.
func.func @bounds(%x: tensor<7xf32>, %i: tensor<5x1xi64>) {
  // expected-error @+1 {{dlc.gather: bounds are "wrap", expected "clamp" or "drop"}}
  %0 = dlc.gather %x, %i dims [0] bounds "wrap" : tensor<7xf32>, tensor<5x1xi64> -> tensor<5xf32>
  func.return
}

// -----

// Updates look like what gather gives.
func.func @updates(%x: tensor<7x3xf32>, %i: tensor<5x1xi64>, %u: tensor<5xf32>) {
  // expected-error @+1 {{dlc.scatter: updates have type tensor<5xf32>, expected tensor<5x3xf32>}}
  %0 = dlc.scatter "add" %x, %i, %u dims [0] bounds "drop" : tensor<7x3xf32>, tensor<5x1xi64>, tensor<5xf32> -> tensor<7x3xf32>
  func.return
}

// -----

// Bools do not add.
func.func @bools(%x: tensor<7xi1>, %i: tensor<5x1xi64>, %u: tensor<5xi1>) {
  // expected-error @+1 {{dlc.scatter: mode "add" does not take i1; use "set"}}
  %0 = dlc.scatter "add" %x, %i, %u dims [0] bounds "drop" : tensor<7xi1>, tensor<5x1xi64>, tensor<5xi1> -> tensor<7xi1>
  func.return
}

// -----

// A product of complex numbers is not one of their parts.
func.func @complex_product(%x: tensor<7xcomplex<f32>>, %i: tensor<5x1xi64>, %u: tensor<5xcomplex<f32>>) {
  // expected-error @+1 {{dlc.scatter: mode "mul" does not take complex<f32>; use "set" or "add"}}
  %0 = dlc.scatter "mul" %x, %i, %u dims [0] bounds "drop" : tensor<7xcomplex<f32>>, tensor<5x1xi64>, tensor<5xcomplex<f32>> -> tensor<7xcomplex<f32>>
  func.return
}

// -----

func.func @mode(%x: tensor<7xf32>, %i: tensor<5x1xi64>, %u: tensor<5xf32>) {
  // expected-error @+1 {{dlc.scatter: mode is "sub", expected "add", "set", "mul", "min" or "max"}}
  %0 = dlc.scatter "sub" %x, %i, %u dims [0] bounds "drop" : tensor<7xf32>, tensor<5x1xi64>, tensor<5xf32> -> tensor<7xf32>
  func.return
}
