// RUN: dlc-opt %s --split-input-file --verify-diagnostics | dlc-opt --split-input-file | filecheck %s

// All run along one dimension, in either direction.
// CHECK-LABEL: func.func @cumulative
func.func @cumulative(%x: tensor<2x3xf32>, %n: tensor<4xi32>) -> tensor<2x3xf32> {
  // CHECK: dlc.cumsum %n dim 0 : tensor<4xi32> -> tensor<4xi32>
  %0 = dlc.cumsum %n dim 0 : tensor<4xi32> -> tensor<4xi32>
  // CHECK: dlc.cumprod %x dim 1 reverse : tensor<2x3xf32> -> tensor<2x3xf32>
  %1 = dlc.cumprod %x dim 1 reverse : tensor<2x3xf32> -> tensor<2x3xf32>
  // CHECK: dlc.cummax %x dim 0 : tensor<2x3xf32> -> tensor<2x3xf32>
  %2 = dlc.cummax %x dim 0 : tensor<2x3xf32> -> tensor<2x3xf32>
  // CHECK: dlc.cummin %x dim 0 reverse : tensor<2x3xf32> -> tensor<2x3xf32>
  %3 = dlc.cummin %x dim 0 reverse : tensor<2x3xf32> -> tensor<2x3xf32>
  // CHECK: dlc.cumlogsumexp %x dim 1 : tensor<2x3xf32> -> tensor<2x3xf32>
  %4 = dlc.cumlogsumexp %x dim 1 : tensor<2x3xf32> -> tensor<2x3xf32>
  // CHECK: dlc.linear_recurrence %x, %x dim 1 reverse : tensor<2x3xf32>, tensor<2x3xf32> -> tensor<2x3xf32>
  %5 = dlc.linear_recurrence %x, %x dim 1 reverse : tensor<2x3xf32>, tensor<2x3xf32> -> tensor<2x3xf32>
  func.return %5 : tensor<2x3xf32>
}

// -----

func.func @no_such_dimension(%x: tensor<2x3xf32>) {
  // expected-error @+1 {{dlc.cumsum: dim 2 is not a dimension of tensor<2x3xf32>}}
  %0 = dlc.cumsum %x dim 2 : tensor<2x3xf32> -> tensor<2x3xf32>
  func.return
}

// -----

func.func @bools(%x: tensor<3xi1>) {
  // expected-error @+1 {{dlc.cummax: operand 0 has type tensor<3xi1>, expected elements of kind float or int}}
  %0 = dlc.cummax %x dim 0 : tensor<3xi1> -> tensor<3xi1>
  func.return
}

// -----

func.func @integers(%x: tensor<3xi32>) {
  // expected-error @+1 {{dlc.cumlogsumexp: operand 0 has type tensor<3xi32>, expected elements of kind float}}
  %0 = dlc.cumlogsumexp %x dim 0 : tensor<3xi32> -> tensor<3xi32>
  func.return
}

// -----

func.func @different_types(%a: tensor<3xf32>, %b: tensor<4xf32>) {
  // expected-error @+1 {{dlc.linear_recurrence: operand 1 has type tensor<4xf32>, expected tensor<3xf32> as operand 0}}
  %0 = dlc.linear_recurrence %a, %b dim 0 : tensor<3xf32>, tensor<4xf32> -> tensor<3xf32>
  func.return
}
