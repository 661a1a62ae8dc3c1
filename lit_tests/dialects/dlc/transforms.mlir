// RUN: dlc-opt %s --split-input-file --verify-diagnostics | dlc-opt --split-input-file | filecheck %s

// One result needs no parentheses, several or none do.
// CHECK-LABEL: func.func @transforms
func.func @transforms(%a: tensor<4xf32>, %b: tensor<f32>, %i: tensor<i32>, %as: tensor<8x4xf32>) {
  // CHECK: dlc.call @f(%a, %b) : (tensor<4xf32>, tensor<f32>) -> (tensor<4xf32>, tensor<f32>)
  %0:2 = dlc.call @f(%a, %b) : (tensor<4xf32>, tensor<f32>) -> (tensor<4xf32>, tensor<f32>)
  // CHECK: dlc.call @h() : () -> tensor<f32>
  %1 = dlc.call @h() : () -> tensor<f32>
  // CHECK: dlc.jvp @f(%a, %b)(%a) wrt [0] : (tensor<4xf32>, tensor<f32>, tensor<4xf32>) -> (tensor<4xf32>, tensor<i32>, tensor<4xf32>)
  %2:3 = dlc.jvp @f(%a, %b)(%a) wrt [0] : (tensor<4xf32>, tensor<f32>, tensor<4xf32>) -> (tensor<4xf32>, tensor<i32>, tensor<4xf32>)
  // CHECK: dlc.vjp @f(%a, %i, %b)(%a) wrt [2, 0] : (tensor<4xf32>, tensor<i32>, tensor<f32>, tensor<4xf32>) -> (tensor<4xf32>, tensor<f32>, tensor<4xf32>)
  %3:3 = dlc.vjp @f(%a, %i, %b)(%a) wrt [2, 0] : (tensor<4xf32>, tensor<i32>, tensor<f32>, tensor<4xf32>) -> (tensor<4xf32>, tensor<f32>, tensor<4xf32>)
  // CHECK: dlc.vmap @f(%as, %b) mapped [0] size 8 : (tensor<8x4xf32>, tensor<f32>) -> tensor<8xf32>
  %4 = dlc.vmap @f(%as, %b) mapped [0] size 8 : (tensor<8x4xf32>, tensor<f32>) -> tensor<8xf32>
  // CHECK: dlc.call @p(%a) : (tensor<4xf32>) -> ()
  dlc.call @p(%a) : (tensor<4xf32>) -> ()
  func.return
}

// -----

// Tangents move the arguments that wrt names.
func.func @tangents(%a: tensor<4xf32>, %b: tensor<f32>) {
  // expected-error @+1 {{dlc.jvp: tangents have types (tensor<f32>), expected (tensor<4xf32>)}}
  %0:2 = dlc.jvp @f(%a, %b)(%b) wrt [0] : (tensor<4xf32>, tensor<f32>, tensor<f32>) -> (tensor<4xf32>, tensor<4xf32>)
  func.return
}

// -----

// Every output of floating point has a tangent.
func.func @jvp_results(%a: tensor<4xf32>) {
  // expected-error @+1 {{dlc.jvp: results have types (tensor<4xf32>, tensor<f32>), expected outputs and then the tangent of each output of floating point}}
  %0:2 = dlc.jvp @f(%a)(%a) wrt [0] : (tensor<4xf32>, tensor<4xf32>) -> (tensor<4xf32>, tensor<f32>)
  func.return
}

// -----

// Integers do not move.
func.func @integers(%i: tensor<i32>, %a: tensor<4xf32>) {
  // expected-error @+1 {{dlc.vjp: argument 0 has type tensor<i32>, expected floating point to differentiate}}
  %0:2 = dlc.vjp @f(%i)(%a) wrt [0] : (tensor<i32>, tensor<4xf32>) -> (tensor<4xf32>, tensor<i32>)
  func.return
}

// -----

// wrt names arguments.
func.func @arguments(%a: tensor<4xf32>) {
  // expected-error @+1 {{dlc.vjp: wrt [1] does not name different ones of the 1 arguments}}
  %0:2 = dlc.vjp @f(%a)(%a) wrt [1] : (tensor<4xf32>, tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>)
  func.return
}

// -----

// The cotangents of the arguments are the last results.
func.func @vjp_results(%a: tensor<4xf32>, %b: tensor<f32>) {
  // expected-error @+1 {{dlc.vjp: results have types (tensor<f32>, tensor<f32>), expected outputs and then the types of the arguments wrt, (tensor<4xf32>)}}
  %0:2 = dlc.vjp @f(%a)(%b) wrt [0] : (tensor<4xf32>, tensor<f32>) -> (tensor<f32>, tensor<f32>)
  func.return
}

// -----

// There is one cotangent per output of floating point.
func.func @cotangents(%a: tensor<4xf32>) {
  // expected-error @+1 {{dlc.vjp: cotangents have types (), expected those of the floating-point outputs, (tensor<f32>)}}
  %0:2 = dlc.vjp @f(%a)() wrt [0] : (tensor<4xf32>) -> (tensor<f32>, tensor<4xf32>)
  func.return
}

// -----

// What is mapped has the leading dimension.
func.func @mapped(%a: tensor<4xf32>) {
  // expected-error @+1 {{dlc.vmap: argument 0 has type tensor<4xf32>, expected a leading dimension of size 8}}
  %0 = dlc.vmap @f(%a) mapped [0] size 8 : (tensor<4xf32>) -> tensor<8xf32>
  func.return
}

// -----

// So has every result.
func.func @results(%a: tensor<8x4xf32>) {
  // expected-error @+1 {{dlc.vmap: result 0 has type tensor<4xf32>, expected a leading dimension of size 8}}
  %0 = dlc.vmap @f(%a) mapped [0] size 8 : (tensor<8x4xf32>) -> tensor<4xf32>
  func.return
}
