// RUN: dlc-opt %s --split-input-file --verify-diagnostics | dlc-opt --split-input-file | filecheck %s

// A dimension has as many windows as fit; positions are i64.
// CHECK-LABEL: func.func @windows
func.func @windows(%x: tensor<4x9xf32>) -> tensor<4x2xi64> {
  // CHECK: dlc.reduce_window_sum %x sizes [2, 3] strides [1, 2] dilations [1, 1] : tensor<4x9xf32> -> tensor<3x4xf32>
  %0 = dlc.reduce_window_sum %x sizes [2, 3] strides [1, 2] dilations [1, 1] : tensor<4x9xf32> -> tensor<3x4xf32>
  // CHECK: dlc.reduce_window_max %x sizes [5, 1] strides [1, 1] dilations [1, 1] : tensor<4x9xf32> -> tensor<0x9xf32>
  %1 = dlc.reduce_window_max %x sizes [5, 1] strides [1, 1] dilations [1, 1] : tensor<4x9xf32> -> tensor<0x9xf32>
  // CHECK: dlc.reduce_window_min %x sizes [1, 3] strides [4, 2] dilations [1, 3] : tensor<4x9xf32> -> tensor<1x2xf32>
  %2 = dlc.reduce_window_min %x sizes [1, 3] strides [4, 2] dilations [1, 3] : tensor<4x9xf32> -> tensor<1x2xf32>
  // CHECK: dlc.window_argmax %x sizes [1, 4] strides [1, 4] dilations [1, 1] : tensor<4x9xf32> -> tensor<4x2xi64>
  %3 = dlc.window_argmax %x sizes [1, 4] strides [1, 4] dilations [1, 1] : tensor<4x9xf32> -> tensor<4x2xi64>
  // CHECK: dlc.window_argmin %x sizes [1, 4] strides [1, 4] dilations [1, 1] : tensor<4x9xf32> -> tensor<4x2xi64>
  %4 = dlc.window_argmin %x sizes [1, 4] strides [1, 4] dilations [1, 1] : tensor<4x9xf32> -> tensor<4x2xi64>
  func.return %4 : tensor<4x2xi64>
}

// -----

func.func @one_number_per_dimension(%x: tensor<4x9xf32>) {
  // expected-error @+1 {{dlc.reduce_window_sum: strides are [1], expected a positive number for each of the 2 dimensions of tensor<4x9xf32>}}
  %0 = dlc.reduce_window_sum %x sizes [2, 3] strides [1] dilations [1, 1] : tensor<4x9xf32> -> tensor<3x7xf32>
  func.return
}

// -----

func.func @positive(%x: tensor<4xf32>) {
  // expected-error @+1 {{dlc.window_argmax: sizes are [0], expected a positive number}}
  %0 = dlc.window_argmax %x sizes [0] strides [1] dilations [1] : tensor<4xf32> -> tensor<5xi64>
  func.return
}

// -----

func.func @bools(%x: tensor<4xi1>) {
  // expected-error @+1 {{dlc.reduce_window_max: operand 0 has type tensor<4xi1>, expected elements of kind float or int}}
  %0 = dlc.reduce_window_max %x sizes [2] strides [1] dilations [1] : tensor<4xi1> -> tensor<3xi1>
  func.return
}

// -----

// One reads a tensor at the extrema of another, the other adds there.
// CHECK-LABEL: func.func @at_extrema
func.func @at_extrema(%x: tensor<4x9xf32>, %dx: tensor<4x9xf32>) -> tensor<4x9xf32> {
  // CHECK: %0 = dlc.window_select %x, %dx sizes [2, 3] strides [2, 2] dilations [1, 1] : tensor<4x9xf32>, tensor<4x9xf32> -> tensor<2x4xf32>
  %0 = dlc.window_select %x, %dx sizes [2, 3] strides [2, 2] dilations [1, 1] : tensor<4x9xf32>, tensor<4x9xf32> -> tensor<2x4xf32>
  // CHECK: dlc.select_and_scatter_add %x, %0 sizes [2, 3] strides [2, 2] dilations [1, 1] : tensor<4x9xf32>, tensor<2x4xf32> -> tensor<4x9xf32>
  %1 = dlc.select_and_scatter_add %x, %0 sizes [2, 3] strides [2, 2] dilations [1, 1] : tensor<4x9xf32>, tensor<2x4xf32> -> tensor<4x9xf32>
  func.return %1 : tensor<4x9xf32>
}

// -----

func.func @source_per_window(%x: tensor<9xf32>, %s: tensor<9xf32>) {
  // expected-error @+1 {{dlc.select_and_scatter_add: operand 1 has type tensor<9xf32>, expected tensor<4xf32>}}
  %0 = dlc.select_and_scatter_add %x, %s sizes [3] strides [2] dilations [1] : tensor<9xf32>, tensor<9xf32> -> tensor<9xf32>
  func.return
}

// -----

func.func @same_shape(%x: tensor<9xf32>, %y: tensor<8xf32>) {
  // expected-error @+1 {{dlc.window_select: operand 1 has type tensor<8xf32>, expected tensor<9xf32>}}
  %0 = dlc.window_select %x, %y sizes [3] strides [2] dilations [1] : tensor<9xf32>, tensor<8xf32> -> tensor<4xf32>
  func.return
}
