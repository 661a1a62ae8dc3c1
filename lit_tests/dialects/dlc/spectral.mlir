// RUN: dlc-opt %s --split-input-file --verify-diagnostics | filecheck %s

// CHECK-LABEL: func.func @spectra(
func.func @spectra(%a: tensor<3x3xcomplex<f32>>, %b: tensor<5x3xf32>) {
  // CHECK: dlc.eigh %a : tensor<3x3xcomplex<f32>> -> tensor<3xf32>, tensor<3x3xcomplex<f32>>
  %w, %v = dlc.eigh %a : tensor<3x3xcomplex<f32>> -> tensor<3xf32>, tensor<3x3xcomplex<f32>>
  // CHECK: dlc.svd %b : tensor<5x3xf32> -> tensor<5x3xf32>, tensor<3xf32>, tensor<3x3xf32>
  %u, %s, %vh = dlc.svd %b : tensor<5x3xf32> -> tensor<5x3xf32>, tensor<3xf32>, tensor<3x3xf32>
  // CHECK: dlc.svd full %b : tensor<5x3xf32> -> tensor<5x5xf32>, tensor<3xf32>, tensor<3x3xf32>
  %uf, %sf, %vhf = dlc.svd full %b : tensor<5x3xf32> -> tensor<5x5xf32>, tensor<3xf32>, tensor<3x3xf32>
  func.return
}

// -----

func.func @not_square(%a: tensor<2x3xf32>) {
  // expected-error @+1 {{dlc.eigh: operand 0 has type tensor<2x3xf32>, expected square matrices in the last two dimensions}}
  %w, %v = dlc.eigh %a : tensor<2x3xf32> -> tensor<2xf32>, tensor<2x3xf32>
  func.return
}

// -----

func.func @halves(%a: tensor<3x3xf16>) {
  // expected-error @+1 {{dlc.svd: operand 0 has type tensor<3x3xf16>, expected elements of f32, f64 or complex numbers of these; use dlc.convert}}
  %u, %s, %vh = dlc.svd %a : tensor<3x3xf16> -> tensor<3x3xf16>, tensor<3xf16>, tensor<3x3xf16>
  func.return
}
