// RUN: dlc-opt %s --split-input-file --verify-diagnostics | dlc-opt --split-input-file | filecheck %s

// A function with derivatives of its own names its rules; then come the arguments, and what the functions use from around
// them.
// CHECK-LABEL: func.func @custom
func.func @custom(%x: tensor<4xf32>, %n: tensor<i64>) {
  // CHECK: dlc.custom_jvp @f jvp @rule(%x)(%n) : (tensor<4xf32>, tensor<i64>) -> tensor<4xf32>
  %0 = dlc.custom_jvp @f jvp @rule(%x)(%n) : (tensor<4xf32>, tensor<i64>) -> tensor<4xf32>
  // CHECK: dlc.custom_vjp @f fwd @fwd bwd @bwd(%x, %n)() : (tensor<4xf32>, tensor<i64>) -> (tensor<4xf32>, tensor<i64>)
  %1, %2 = dlc.custom_vjp @f fwd @fwd bwd @bwd(%x, %n)() : (tensor<4xf32>, tensor<i64>) -> (tensor<4xf32>, tensor<i64>)
  // CHECK: dlc.custom_jvp @f jvp @rule()() : () -> ()
  dlc.custom_jvp @f jvp @rule()() : () -> ()
  func.return
}

// -----

// Arguments are tensors.
func.func @scalar(%x: f32) {
  // expected-error @+1 {{operand 'arguments' at position 0 does not verify}}
  %0 = dlc.custom_jvp @f jvp @rule(%x)() : (f32) -> tensor<f32>
  func.return
}

// -----

// So is what the functions use from around them.
func.func @scalar_constant(%x: tensor<f32>, %n: i64) {
  // expected-error @+1 {{operand 'constants' at position 1 does not verify}}
  %0 = dlc.custom_vjp @f fwd @fwd bwd @bwd(%x)(%n) : (tensor<f32>, i64) -> tensor<f32>
  func.return
}
