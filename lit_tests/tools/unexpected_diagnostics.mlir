// RUN: not dlc-opt %s --split-input-file --verify-diagnostics 2>&1 | filecheck %s

// An annotation that is not met, and an error that nothing expects.
// CHECK: unexpected_diagnostics.mlir:{{[0-9]+}}: error: expected error "nothing of the kind" was not produced
func.func @absent(%x: tensor<4xf32>) {
  // expected-error @+1 {{nothing of the kind}}
  func.return
}
