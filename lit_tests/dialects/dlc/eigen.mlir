// RUN: dlc-opt %s --split-input-file --verify-diagnostics | filecheck %s

// CHECK-LABEL: func.func @eig(
func.func @eig(%a: tensor<3x3xcomplex<f32>>) {
  // CHECK: dlc.eig %a : tensor<3x3xcomplex<f32>> -> tensor<3xf32>, tensor<3xf32>, tensor<3x3xf32>, tensor<3x3xf32>
  %wr, %wi, %vr, %vi = dlc.eig %a : tensor<3x3xcomplex<f32>> -> tensor<3xf32>, tensor<3xf32>, tensor<3x3xf32>, tensor<3x3xf32>
  func.return
}

// -----

func.func @complex_results(%a: tensor<3x3xf32>) {
  // expected-error @+1 {{dlc.eig: result has type tensor<3xcomplex<f32>>, expected tensor<3xf32>}}
  %wr, %wi, %vr, %vi = dlc.eig %a : tensor<3x3xf32> -> tensor<3xcomplex<f32>>, tensor<3xf32>, tensor<3x3xf32>, tensor<3x3xf32>
  func.return
}

// -----

func.func @not_square(%a: tensor<2x3xf32>) {
  // expected-error @+1 {{dlc.eig: operand 0 has type tensor<2x3xf32>, expected square matrices in the last two dimensions}}
  %wr, %wi, %vr, %vi = dlc.eig %a : tensor<2x3xf32> -> tensor<2xf32>, tensor<2xf32>, tensor<2x3xf32>, tensor<2x3xf32>
  func.return
}
