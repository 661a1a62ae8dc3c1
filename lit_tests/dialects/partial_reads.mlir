// RUN: dlc-opt %s --split-input-file --verify-diagnostics | filecheck %s

// A prefix of an operand is read by a loop of smaller extent, which the output tells.
// CHECK-LABEL: @prefix
func.func @prefix(%x: tensor<10xf32>) -> tensor<5xf32> {
  %e = tensor.empty() : tensor<5xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} ins(%x : tensor<10xf32>) outs(%e : tensor<5xf32>) {
  ^bb0(%p: f32, %o: f32):
    linalg.yield %p : f32
  } -> tensor<5xf32>
  %k = rt.kernel "copy" tile [] ins(%a = %r : tensor<5xf32>) -> (tensor<5xf32>) {
    rt.yield %a : tensor<5xf32>
  }
  func.return %k : tensor<5xf32>
}

// -----

// Reading beyond the end is an error.
func.func @beyond(%x: tensor<8xf32>) -> tensor<5xf32> {
  %e = tensor.empty() : tensor<5xf32>
  // expected-error @+1 {{operand 0 is read at 4 to 8 along dimension 0, which has size 8}}
  %r = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0 + 4)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} ins(%x : tensor<8xf32>) outs(%e : tensor<5xf32>) {
  ^bb0(%p: f32, %o: f32):
    linalg.yield %p : f32
  } -> tensor<5xf32>
  func.return %r : tensor<5xf32>
}
