// RUN: dlc-opt %s --split-input-file --verify-diagnostics | filecheck %s

// CHECK-LABEL: func.func @cholesky(
func.func @cholesky(%x: tensor<2x3x3xf32>, %z: tensor<3x3xcomplex<f64>>, %p: tensor<3x3x2xf64>) {
  // CHECK: dlc.cholesky %x : tensor<2x3x3xf32> -> tensor<2x3x3xf32>
  %0 = dlc.cholesky %x : tensor<2x3x3xf32> -> tensor<2x3x3xf32>
  // CHECK: dlc.cholesky %z : tensor<3x3xcomplex<f64>> -> tensor<3x3xcomplex<f64>>
  %1 = dlc.cholesky %z : tensor<3x3xcomplex<f64>> -> tensor<3x3xcomplex<f64>>
  // CHECK: dlc.cholesky packed %p : tensor<3x3x2xf64> -> tensor<3x3x2xf64>
  %2 = dlc.cholesky packed %p : tensor<3x3x2xf64> -> tensor<3x3x2xf64>
  func.return
}

// -----

// CHECK-LABEL: func.func @triangular_solve(
func.func @triangular_solve(%a: tensor<3x3xf32>, %b: tensor<3x2xf32>, %c: tensor<2x3xf32>) {
  // CHECK: dlc.triangular_solve "none" %a, %b : tensor<3x3xf32>, tensor<3x2xf32> -> tensor<3x2xf32>
  %0 = dlc.triangular_solve "none" %a, %b : tensor<3x3xf32>, tensor<3x2xf32> -> tensor<3x2xf32>
  // CHECK: dlc.triangular_solve "adjoint" %a, %c right lower unit_diagonal : tensor<3x3xf32>, tensor<2x3xf32> -> tensor<2x3xf32>
  %1 = dlc.triangular_solve "adjoint" %a, %c right lower unit_diagonal : tensor<3x3xf32>, tensor<2x3xf32> -> tensor<2x3xf32>
  func.return
}

// -----

func.func @not_square(%x: tensor<2x3xf32>) {
  // expected-error @+1 {{dlc.cholesky: operand 0 has type tensor<2x3xf32>, expected square matrices in the last two dimensions}}
  %0 = dlc.cholesky %x : tensor<2x3xf32> -> tensor<2x3xf32>
  func.return
}

// -----

func.func @integers(%x: tensor<3x3xi32>) {
  // expected-error @+1 {{dlc.cholesky: operand 0 has type tensor<3x3xi32>, expected elements of f32, f64 or complex numbers of these; use dlc.convert}}
  %0 = dlc.cholesky %x : tensor<3x3xi32> -> tensor<3x3xi32>
  func.return
}

// -----

func.func @not_packed(%x: tensor<3x3xf32>) {
  // expected-error @+1 {{dlc.cholesky: a packed operand has type tensor<3x3xf32>, expected a last dimension of size 2}}
  %0 = dlc.cholesky packed %x : tensor<3x3xf32> -> tensor<3x3xf32>
  func.return
}

// -----

func.func @other_rows(%a: tensor<3x3xf32>, %b: tensor<2x3xf32>) {
  // expected-error @+1 {{dlc.triangular_solve: operand 1 has type tensor<2x3xf32>, expected the batch and the element type of tensor<3x3xf32>, and 3 rows}}
  %0 = dlc.triangular_solve "none" %a, %b : tensor<3x3xf32>, tensor<2x3xf32> -> tensor<2x3xf32>
  func.return
}

// -----

func.func @no_such_form(%a: tensor<3x3xf32>) {
  // expected-error @+1 {{dlc.triangular_solve: form is "conjugate", expected "none", "transpose" or "adjoint"}}
  %0 = dlc.triangular_solve "conjugate" %a, %a : tensor<3x3xf32>, tensor<3x3xf32> -> tensor<3x3xf32>
  func.return
}
