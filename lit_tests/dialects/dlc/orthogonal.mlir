// RUN: dlc-opt %s --split-input-file --verify-diagnostics | filecheck %s

// CHECK-LABEL: func.func @qr(
func.func @qr(%a: tensor<5x3xf32>) {
  // CHECK: dlc.qr %a : tensor<5x3xf32> -> tensor<5x3xf32>, tensor<3x3xf32>
  %q, %r = dlc.qr %a : tensor<5x3xf32> -> tensor<5x3xf32>, tensor<3x3xf32>
  // CHECK: dlc.qr full %a : tensor<5x3xf32> -> tensor<5x5xf32>, tensor<5x3xf32>
  %q_full, %r_full = dlc.qr full %a : tensor<5x3xf32> -> tensor<5x5xf32>, tensor<5x3xf32>
  func.return
}

// -----

func.func @vector(%a: tensor<5xf32>) {
  // expected-error @+1 {{dlc.qr: operand 0 has type tensor<5xf32>, expected matrices in the last two dimensions}}
  %q, %r = dlc.qr %a : tensor<5xf32> -> tensor<5xf32>, tensor<5xf32>
  func.return
}
