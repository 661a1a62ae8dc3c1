// RUN: dlc-opt %s --split-input-file --verify-diagnostics | dlc-opt --split-input-file | filecheck %s

// Reduced dimensions disappear; positions are i64.
// CHECK-LABEL: func.func @reductions
func.func @reductions(%x: tensor<2x3xf32>, %m: tensor<0x3xi1>) -> (tensor<2xf32>, tensor<f32>, tensor<3xf32>, tensor<3xi1>, tensor<3xi1>, tensor<2xi64>, tensor<3xi64>) {
  // CHECK: dlc.reduce_prod %x dims [1] : tensor<2x3xf32> -> tensor<2xf32>
  %0 = dlc.reduce_prod %x dims [1] : tensor<2x3xf32> -> tensor<2xf32>
  // CHECK: dlc.reduce_max %x dims [0, 1] : tensor<2x3xf32> -> tensor<f32>
  %1 = dlc.reduce_max %x dims [0, 1] : tensor<2x3xf32> -> tensor<f32>
  // CHECK: dlc.reduce_min %x dims [0] : tensor<2x3xf32> -> tensor<3xf32>
  %2 = dlc.reduce_min %x dims [0] : tensor<2x3xf32> -> tensor<3xf32>
  // CHECK: dlc.reduce_and %m dims [0] : tensor<0x3xi1> -> tensor<3xi1>
  %3 = dlc.reduce_and %m dims [0] : tensor<0x3xi1> -> tensor<3xi1>
  // CHECK: dlc.reduce_or %m dims [0] : tensor<0x3xi1> -> tensor<3xi1>
  %4 = dlc.reduce_or %m dims [0] : tensor<0x3xi1> -> tensor<3xi1>
  // CHECK: dlc.reduce_xor %m dims [0] : tensor<0x3xi1> -> tensor<3xi1>
  %7 = dlc.reduce_xor %m dims [0] : tensor<0x3xi1> -> tensor<3xi1>
  // CHECK: dlc.argmax %x dim 1 : tensor<2x3xf32> -> tensor<2xi64>
  %5 = dlc.argmax %x dim 1 : tensor<2x3xf32> -> tensor<2xi64>
  // CHECK: dlc.argmin %x dim 0 : tensor<2x3xf32> -> tensor<3xi64>
  %6 = dlc.argmin %x dim 0 : tensor<2x3xf32> -> tensor<3xi64>
  func.return %0, %1, %2, %3, %4, %5, %6 : tensor<2xf32>, tensor<f32>, tensor<3xf32>, tensor<3xi1>, tensor<3xi1>, tensor<2xi64>, tensor<3xi64>
}

// -----

// Nothing has no largest element.
func.func @empty(%x: tensor<2x0xf32>) {
  // expected-error @+1 {{dlc.reduce_max: dimension 1 of tensor<2x0xf32> is empty, it has no largest or smallest element}}
  %0 = dlc.reduce_max %x dims [1] : tensor<2x0xf32> -> tensor<2xf32>
  func.return
}

// -----

// Nor has it a position.
func.func @empty_position(%x: tensor<0xf32>) {
  // expected-error @+1 {{dlc.argmin: dimension 0 of tensor<0xf32> is empty, it has no largest or smallest element}}
  %0 = dlc.argmin %x dim 0 : tensor<0xf32> -> tensor<i64>
  func.return
}

// -----

// Dims increase.
func.func @order(%x: tensor<2x3xf32>) {
  // expected-error @+1 {{dlc.reduce_prod: dims [1, 0] are not increasing dimensions of tensor<2x3xf32>}}
  %0 = dlc.reduce_prod %x dims [1, 0] : tensor<2x3xf32> -> tensor<f32>
  func.return
}

// -----

// Bools have logic, not arithmetic.
func.func @bools(%x: tensor<2xi1>) {
  // expected-error @+1 {{dlc.reduce_prod: operand has type tensor<2xi1>; use dlc.reduce_and}}
  %0 = dlc.reduce_prod %x dims [0] : tensor<2xi1> -> tensor<i1>
  func.return
}

// -----

// Floating-point numbers have arithmetic, not logic.
func.func @floats(%x: tensor<2xf32>) {
  // expected-error @+1 {{dlc.reduce_or: operand has type tensor<2xf32>, expected integers or i1; use dlc.compare}}
  %0 = dlc.reduce_or %x dims [0] : tensor<2xf32> -> tensor<f32>
  func.return
}

// -----

// The dimension exists.
func.func @dim(%x: tensor<2xf32>) {
  // expected-error @+1 {{dlc.argmax: dim 1 is not a dimension of tensor<2xf32>}}
  %0 = dlc.argmax %x dim 1 : tensor<2xf32> -> tensor<i64>
  func.return
}
