// RUN: dlc-opt %s --split-input-file --verify-diagnostics | dlc-opt --split-input-file | filecheck %s

// Starts are 0-d tensors of either integer type; a scalar has none.
// CHECK-LABEL: func.func @windows
func.func @windows(%x: tensor<3x5xf32>, %s: tensor<f32>, %u: tensor<2x5xf32>, %i: tensor<i32>, %j: tensor<i64>) -> (tensor<2x5xf32>, tensor<f32>, tensor<3x5xf32>) {
  // CHECK: dlc.dynamic_slice %x[%i, %j] sizes [2, 5] : tensor<3x5xf32>[tensor<i32>, tensor<i64>] -> tensor<2x5xf32>
  %0 = dlc.dynamic_slice %x[%i, %j] sizes [2, 5] : tensor<3x5xf32>[tensor<i32>, tensor<i64>] -> tensor<2x5xf32>
  // CHECK: dlc.dynamic_slice %s[] sizes [] : tensor<f32>[] -> tensor<f32>
  %1 = dlc.dynamic_slice %s[] sizes [] : tensor<f32>[] -> tensor<f32>
  // CHECK: dlc.dynamic_update_slice %u into %x[%i, %j] : tensor<2x5xf32> into tensor<3x5xf32>[tensor<i32>, tensor<i64>] -> tensor<3x5xf32>
  %2 = dlc.dynamic_update_slice %u into %x[%i, %j] : tensor<2x5xf32> into tensor<3x5xf32>[tensor<i32>, tensor<i64>] -> tensor<3x5xf32>
  func.return %0, %1, %2 : tensor<2x5xf32>, tensor<f32>, tensor<3x5xf32>
}

// -----

// There is one start per dimension.
func.func @missing(%x: tensor<3x5xf32>, %i: tensor<i64>) {
  // expected-error @+1 {{dlc.dynamic_slice: 1 starts do not fit an operand of rank 2}}
  %0 = dlc.dynamic_slice %x[%i] sizes [2, 5] : tensor<3x5xf32>[tensor<i64>] -> tensor<2x5xf32>
  func.return
}

// -----

// Starts are single integers.
func.func @start(%x: tensor<3xf32>, %i: tensor<1xi64>) {
  // expected-error @+1 {{dlc.dynamic_slice: start 0 has type tensor<1xi64>, expected one integer, as tensor<i64>}}
  %0 = dlc.dynamic_slice %x[%i] sizes [2] : tensor<3xf32>[tensor<1xi64>] -> tensor<2xf32>
  func.return
}

// -----

// The window fits.
func.func @size(%x: tensor<3xf32>, %i: tensor<i64>) {
  // expected-error @+1 {{dlc.dynamic_slice: sizes [4] do not fit into tensor<3xf32>}}
  %0 = dlc.dynamic_slice %x[%i] sizes [4] : tensor<3xf32>[tensor<i64>] -> tensor<4xf32>
  func.return
}

// -----

// The update fits.
func.func @update(%x: tensor<3xf32>, %u: tensor<2xf64>, %i: tensor<i64>) {
  // expected-error @+1 {{dlc.dynamic_update_slice: update has type tensor<2xf64>, it does not fit into tensor<3xf32>}}
  %0 = dlc.dynamic_update_slice %u into %x[%i] : tensor<2xf64> into tensor<3xf32>[tensor<i64>] -> tensor<3xf32>
  func.return
}
