// RUN: dlc-opt %s --split-input-file --verify-diagnostics | dlc-opt --split-input-file | filecheck %s

// The elements of a window come before the windows; what is unfolded folds back.
// CHECK-LABEL: func.func @there_and_back
func.func @there_and_back(%x: tensor<3x4x9xf32>) -> tensor<3x4x9xf32> {
  // CHECK: %0 = dlc.unfold %x sizes [2, 3] strides [1, 2] dilations [1, 1] : tensor<3x4x9xf32> -> tensor<3x2x3x3x4xf32>
  %0 = dlc.unfold %x sizes [2, 3] strides [1, 2] dilations [1, 1] : tensor<3x4x9xf32> -> tensor<3x2x3x3x4xf32>
  // CHECK: dlc.fold %0 sizes [2, 3] strides [1, 2] dilations [1, 1] extents [4, 9] : tensor<3x2x3x3x4xf32> -> tensor<3x4x9xf32>
  %1 = dlc.fold %0 sizes [2, 3] strides [1, 2] dilations [1, 1] extents [4, 9] : tensor<3x2x3x3x4xf32> -> tensor<3x4x9xf32>
  func.return %1 : tensor<3x4x9xf32>
}

// -----

func.func @positive(%x: tensor<9xf32>) {
  // expected-error @+1 {{dlc.unfold: strides are [0], expected 1 positive numbers}}
  %0 = dlc.unfold %x sizes [2] strides [0] dilations [1] : tensor<9xf32> -> tensor<2x8xf32>
  func.return
}

// -----

func.func @dimensions(%x: tensor<9xf32>) {
  // expected-error @+1 {{dlc.unfold: sizes [2, 2] are more than the dimensions of tensor<9xf32>}}
  %0 = dlc.unfold %x sizes [2, 2] strides [1, 1] dilations [1, 1] : tensor<9xf32> -> tensor<2x8xf32>
  func.return
}

// -----

func.func @windows_fit(%x: tensor<2x7xf32>) {
  // expected-error @+1 {{dlc.fold: operand has type tensor<2x7xf32>, expected last dimensions [2, 8]}}
  %0 = dlc.fold %x sizes [2] strides [1] dilations [1] extents [9] : tensor<2x7xf32> -> tensor<9xf32>
  func.return
}

// -----

func.func @natural(%x: tensor<2x7xf32>) {
  // expected-error @+1 {{dlc.fold: extents are [-9], expected 1 natural numbers}}
  %0 = dlc.fold %x sizes [2] strides [1] dilations [1] extents [-9] : tensor<2x7xf32> -> tensor<9xf32>
  func.return
}
