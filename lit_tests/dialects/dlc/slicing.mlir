// RUN: dlc-opt %s --split-input-file --verify-diagnostics | dlc-opt --split-input-file | filecheck %s

// A stride may be larger than what it steps over; pads may cut; concatenated sizes add up.
// CHECK-LABEL: func.func @cuts
func.func @cuts(%x: tensor<9xf32>, %zero: tensor<f32>) -> (tensor<1xf32>, tensor<16xf32>, tensor<18xf32>) {
  // CHECK: dlc.slice %x starts [1] limits [3] strides [5] : tensor<9xf32> -> tensor<1xf32>
  %0 = dlc.slice %x starts [1] limits [3] strides [5] : tensor<9xf32> -> tensor<1xf32>
  // CHECK: dlc.pad %x, %zero low [-2] high [1] interior [1] : tensor<9xf32>, tensor<f32> -> tensor<16xf32>
  %1 = dlc.pad %x, %zero low [-2] high [1] interior [1] : tensor<9xf32>, tensor<f32> -> tensor<16xf32>
  // CHECK: dlc.concatenate %x, %x dim 0 : tensor<9xf32>, tensor<9xf32> -> tensor<18xf32>
  %2 = dlc.concatenate %x, %x dim 0 : tensor<9xf32>, tensor<9xf32> -> tensor<18xf32>
  func.return %0, %1, %2 : tensor<1xf32>, tensor<16xf32>, tensor<18xf32>
}

// -----

// A slice stays within its operand.
func.func @limit(%x: tensor<9xf32>) {
  // expected-error @+1 {{dlc.slice: start 2 and limit 10 of dimension 0 do not satisfy 0 <= start <= limit <= 9, the size in tensor<9xf32>}}
  %0 = dlc.slice %x starts [2] limits [10] strides [1] : tensor<9xf32> -> tensor<8xf32>
  func.return
}

// -----

// Strides go forward.
func.func @stride(%x: tensor<9xf32>) {
  // expected-error @+1 {{dlc.slice: stride 0 of dimension 0 is not positive}}
  %0 = dlc.slice %x starts [2] limits [9] strides [0] : tensor<9xf32> -> tensor<8xf32>
  func.return
}

// -----

// There is one start per dimension.
func.func @starts(%x: tensor<9x2xf32>) {
  // expected-error @+1 {{dlc.slice: 1 starts, 1 limits and 1 strides do not fit the 2 dimensions of tensor<9x2xf32>}}
  %0 = dlc.slice %x starts [2] limits [9] strides [1] : tensor<9x2xf32> -> tensor<7x2xf32>
  func.return
}

// -----

// The padding is one element.
func.func @padding(%x: tensor<9xf32>, %p: tensor<f64>) {
  // expected-error @+1 {{dlc.pad: padding has type tensor<f64>, expected tensor<f32>}}
  %0 = dlc.pad %x, %p low [1] high [0] interior [0] : tensor<9xf32>, tensor<f64> -> tensor<10xf32>
  func.return
}

// -----

// Negative amounts cut off no more than there is.
func.func @cut(%x: tensor<9xf32>, %p: tensor<f32>) {
  // expected-error @+1 {{dlc.pad: low -5 and high -5 cut more than there is of dimension 0 of tensor<9xf32>}}
  %0 = dlc.pad %x, %p low [-5] high [-5] interior [0] : tensor<9xf32>, tensor<f32> -> tensor<0xf32>
  func.return
}

// -----

// There is no less than nothing between two elements.
func.func @interior(%x: tensor<9xf32>, %p: tensor<f32>) {
  // expected-error @+1 {{dlc.pad: interior amount -1 of dimension 0 is negative}}
  %0 = dlc.pad %x, %p low [0] high [0] interior [-1] : tensor<9xf32>, tensor<f32> -> tensor<1xf32>
  func.return
}

// -----

// Concatenated tensors agree in the other dimensions.
func.func @others(%x: tensor<2x3xf32>, %y: tensor<2x4xf32>) {
  // expected-error @+1 {{dlc.concatenate: operand 1 has type tensor<2x4xf32>, expected tensor<2x3xf32> up to dimension 0}}
  %0 = dlc.concatenate %x, %y dim 0 : tensor<2x3xf32>, tensor<2x4xf32> -> tensor<4x3xf32>
  func.return
}

// -----

// 0-d tensors have no dimension to concatenate along.
func.func @scalars(%x: tensor<f32>) {
  // expected-error @+1 {{dlc.concatenate: dim 0 is not a dimension of tensor<f32>}}
  %0 = dlc.concatenate %x, %x dim 0 : tensor<f32>, tensor<f32> -> tensor<2xf32>
  func.return
}
