// RUN: dlc-opt %s --split-input-file --verify-diagnostics | dlc-opt --split-input-file | filecheck %s

// Shapes print in their types, permutations and dims as lists.
// CHECK-LABEL: func.func @moves
func.func @moves(%x: tensor<2x3xf32>, %s: tensor<f64>) -> (tensor<6xf32>, tensor<1x1xf64>, tensor<3x2xf32>, tensor<2x3xf32>) {
  // CHECK: dlc.reshape %x : tensor<2x3xf32> -> tensor<6xf32>
  %0 = dlc.reshape %x : tensor<2x3xf32> -> tensor<6xf32>
  // CHECK: dlc.reshape %s : tensor<f64> -> tensor<1x1xf64>
  %1 = dlc.reshape %s : tensor<f64> -> tensor<1x1xf64>
  // CHECK: dlc.transpose %x permutation [1, 0] : tensor<2x3xf32> -> tensor<3x2xf32>
  %2 = dlc.transpose %x permutation [1, 0] : tensor<2x3xf32> -> tensor<3x2xf32>
  // CHECK: dlc.reverse %x dims [1] : tensor<2x3xf32>
  %3 = dlc.reverse %x dims [1] : tensor<2x3xf32>
  func.return %0, %1, %2, %3 : tensor<6xf32>, tensor<1x1xf64>, tensor<3x2xf32>, tensor<2x3xf32>
}

// -----

// A reshape keeps the number of elements.
func.func @reshape_count(%x: tensor<4xf32>) {
  // expected-error @+1 {{dlc.reshape: operand of type tensor<4xf32> has 4 elements, they do not fill the sizes [2, 3]}}
  %0 = dlc.reshape %x : tensor<4xf32> -> tensor<2x3xf32>
  func.return
}

// -----

// A reshape keeps the element type.
func.func @reshape_element(%x: tensor<4xf32>) {
  // expected-error @+1 {{dlc.reshape: result has type tensor<2x2xf64>, expected tensor<2x2xf32>}}
  %0 = dlc.reshape %x : tensor<4xf32> -> tensor<2x2xf64>
  func.return
}

// -----

// A permutation names every dimension once.
func.func @permutation(%x: tensor<2x3xf32>) {
  // expected-error @+1 {{dlc.transpose: [1, 1] is not a permutation of the 2 dimensions of tensor<2x3xf32>}}
  %0 = dlc.transpose %x permutation [1, 1] : tensor<2x3xf32> -> tensor<3x3xf32>
  func.return
}

// -----

// The result type of a transpose follows from its permutation.
func.func @transposed_type(%x: tensor<2x3xf32>) {
  // expected-error @+1 {{dlc.transpose: result has type tensor<2x3xf32>, expected tensor<3x2xf32>}}
  %0 = dlc.transpose %x permutation [1, 0] : tensor<2x3xf32> -> tensor<2x3xf32>
  func.return
}

// -----

// Dims are dimensions of the operand.
func.func @reverse_dims(%x: tensor<2x3xf32>) {
  // expected-error @+1 {{dlc.reverse: dims [2] are not all dimensions of an operand of rank 2}}
  %0 = dlc.reverse %x dims [2] : tensor<2x3xf32>
  func.return
}

// -----

// No dimension is reversed twice.
func.func @reverse_twice(%x: tensor<2x3xf32>) {
  // expected-error @+1 {{dlc.reverse: dims [1, 1] hold a dimension twice}}
  %0 = dlc.reverse %x dims [1, 1] : tensor<2x3xf32>
  func.return
}
