// RUN: dlc-opt %s --split-input-file --verify-diagnostics | dlc-opt --split-input-file | filecheck %s

// A scan names its body, then the first carry, the constants and what is sliced; a loop may have none of each.
// CHECK-LABEL: func.func @scan
func.func @scan(%c: tensor<4xf32>, %n: tensor<i64>, %k: tensor<f32>, %xs: tensor<10x2xf32>) {
  // CHECK: dlc.scan @body(%c, %n)(%k)(%xs) length 10 : (tensor<4xf32>, tensor<i64>, tensor<f32>, tensor<10x2xf32>) -> (tensor<4xf32>, tensor<i64>, tensor<10x3xf32>)
  %0:3 = dlc.scan @body(%c, %n)(%k)(%xs) length 10 : (tensor<4xf32>, tensor<i64>, tensor<f32>, tensor<10x2xf32>) -> (tensor<4xf32>, tensor<i64>, tensor<10x3xf32>)
  // CHECK: dlc.scan @body()()() length 3 reverse : () -> tensor<3xi1>
  %1 = dlc.scan @body()()() length 3 reverse : () -> tensor<3xi1>
  // CHECK: dlc.scan @body(%c)()() length 0 : (tensor<4xf32>) -> tensor<4xf32>
  %2 = dlc.scan @body(%c)()() length 0 : (tensor<4xf32>) -> tensor<4xf32>
  func.return
}

// -----

// A while names its condition and its body; the bound of its steps is optional.
// CHECK-LABEL: func.func @while
func.func @while(%c: tensor<4xf32>, %k: tensor<f32>) {
  // CHECK: dlc.while cond @c body @b(%c)(%k) : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %0 = dlc.while cond @c body @b(%c)(%k) : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  // CHECK: dlc.while cond @c body @b(%c)() max_steps 7 : (tensor<4xf32>) -> tensor<4xf32>
  %1 = dlc.while cond @c body @b(%c)() max_steps 7 : (tensor<4xf32>) -> tensor<4xf32>
  func.return
}

// -----

// A case chooses among any number of branches, by an integer or a condition.
// CHECK-LABEL: func.func @case
func.func @case(%i: tensor<i32>, %p: tensor<i1>, %a: tensor<4xf32>) {
  // CHECK: dlc.case %i [@f, @g, @h](%a) : (tensor<i32>, tensor<4xf32>) -> (tensor<4xf32>, tensor<i64>)
  %0:2 = dlc.case %i [@f, @g, @h](%a) : (tensor<i32>, tensor<4xf32>) -> (tensor<4xf32>, tensor<i64>)
  // CHECK: dlc.case %p [@f]() : (tensor<i1>) -> ()
  dlc.case %p [@f]() : (tensor<i1>) -> ()
  func.return
}

// -----

// The results of a scan begin with the carry.
func.func @scan_carry(%c: tensor<4xf32>) {
  // expected-error @+1 {{dlc.scan: results have types (tensor<3xf32>), expected the types of the carry (tensor<4xf32>) in front}}
  %0 = dlc.scan @body(%c)()() length 3 : (tensor<4xf32>) -> tensor<3xf32>
  func.return
}

// -----

// What is sliced has one slice per step.
func.func @scan_xs(%xs: tensor<4xf32>) {
  // expected-error @+1 {{dlc.scan: xs 0 has type tensor<4xf32>, expected a leading dimension of size 3, the number of steps}}
  dlc.scan @body()()(%xs) length 3 : (tensor<4xf32>) -> ()
  func.return
}

// -----

// So has what is stacked.
func.func @scan_ys(%c: tensor<f32>) {
  // expected-error @+1 {{dlc.scan: ys 0 has type tensor<f32>, expected a leading dimension of size 3, the number of steps}}
  %0:2 = dlc.scan @body(%c)()() length 3 : (tensor<f32>) -> (tensor<f32>, tensor<f32>)
  func.return
}

// -----

// The results of a while are its carry; constants are not.
func.func @while_carry(%c: tensor<4xf32>, %k: tensor<f32>) {
  // expected-error @+1 {{dlc.while: results have types (tensor<4xf32>, tensor<f32>), expected those of the carry (tensor<4xf32>)}}
  %0:2 = dlc.while cond @c body @b(%c)(%k) : (tensor<4xf32>, tensor<f32>) -> (tensor<4xf32>, tensor<f32>)
  func.return
}

// -----

// There is something to choose from.
func.func @case_branches(%i: tensor<i32>) {
  // expected-error @+1 {{dlc.case: has no branches, expected at least one}}
  dlc.case %i []() : (tensor<i32>) -> ()
  func.return
}

// -----

// The index is a single integer.
func.func @case_index(%i: tensor<2xi32>) {
  // expected-error @+1 {{dlc.case: the index has type tensor<2xi32>, expected a 0-d tensor of i1, i32 or i64; use dlc.convert}}
  dlc.case %i [@f]() : (tensor<2xi32>) -> ()
  func.return
}

// -----

// Floating-point numbers are no indices.
func.func @case_float(%i: tensor<f32>) {
  // expected-error @+1 {{dlc.case: the index has type tensor<f32>, expected a 0-d tensor of i1, i32 or i64; use dlc.convert}}
  dlc.case %i [@f]() : (tensor<f32>) -> ()
  func.return
}
