// RUN: dlc-opt %s --split-input-file --verify-diagnostics | filecheck %s

// CHECK-LABEL: func.func @update(
func.func @update(%x: tensor<3x5xf32>, %u: tensor<2x2xf32>) {
  // CHECK: dlc.update_slice %u into %x starts [1, 0] strides [1, 2] : tensor<2x2xf32> into tensor<3x5xf32> -> tensor<3x5xf32>
  %0 = dlc.update_slice %u into %x starts [1, 0] strides [1, 2] : tensor<2x2xf32> into tensor<3x5xf32> -> tensor<3x5xf32>
  func.return
}

// -----

func.func @type(%x: tensor<3xf32>, %u: tensor<2xf64>) {
  // expected-error @+1 {{dlc.update_slice: an update of type tensor<2xf64> with 1 starts and 1 strides does not fit tensor<3xf32>}}
  %0 = dlc.update_slice %u into %x starts [0] strides [1] : tensor<2xf64> into tensor<3xf32> -> tensor<3xf32>
  func.return
}

// -----

func.func @stride(%x: tensor<3xf32>, %u: tensor<2xf32>) {
  // expected-error @+1 {{dlc.update_slice: stride 0 of dimension 0 is not positive}}
  %0 = dlc.update_slice %u into %x starts [0] strides [0] : tensor<2xf32> into tensor<3xf32> -> tensor<3xf32>
  func.return
}

// -----

func.func @bounds(%x: tensor<3xf32>, %u: tensor<2xf32>) {
  // expected-error @+1 {{dlc.update_slice: 2 elements from 1 on with stride 2 exceed dimension 0 of tensor<3xf32>}}
  %0 = dlc.update_slice %u into %x starts [1] strides [2] : tensor<2xf32> into tensor<3xf32> -> tensor<3xf32>
  func.return
}
