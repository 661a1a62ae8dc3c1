// RUN: dlc-opt %s -p pack-operands --split-input-file | filecheck %s

// Differences of all pairs of points: the coordinates of the points along the vectors are copied to be rows. Both readers share the copy.
// CHECK-LABEL: func.func @pairs(
// CHECK-SAME:    %[[X:\w+]]: tensor<64x3xf32>, %[[Y:\w+]]: tensor<64x3xf32>
// CHECK:         %[[ROWS:\w+]] = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d1, d0)>, affine_map<(d0, d1) -> (d0, d1)>]{{.*}} ins(%[[Y]] : tensor<64x3xf32>)
// CHECK:         linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d2)>, affine_map<(d0, d1, d2) -> (d2, d1)>, affine_map<(d0, d1, d2) -> (d0, d1)>]{{.*}} ins(%[[X]], %[[ROWS]] : tensor<64x3xf32>, tensor<3x64xf32>)
// CHECK:         linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (1, d1)>, affine_map<(d0, d1) -> (d0, d1)>]{{.*}} ins(%[[ROWS]] : tensor<3x64xf32>)
func.func @pairs(%x: tensor<64x3xf32>, %y: tensor<64x3xf32>, %start: tensor<64x64xf32>) -> (tensor<64x64xf32>, tensor<64x64xf32>) {
  %r = linalg.generic {indexing_maps = [affine_map<(i, j, k) -> (i, k)>, affine_map<(i, j, k) -> (j, k)>, affine_map<(i, j, k) -> (i, j)>], iterator_types = ["parallel", "parallel", "reduction"]} ins(%x, %y : tensor<64x3xf32>, tensor<64x3xf32>) outs(%start : tensor<64x64xf32>) {
  ^bb0(%p: f32, %q: f32, %acc: f32):
    %d = arith.subf %p, %q : f32
    %s = arith.addf %acc, %d : f32
    linalg.yield %s : f32
  } -> tensor<64x64xf32>
  %e = tensor.empty() : tensor<64x64xf32>
  %t = linalg.generic {indexing_maps = [affine_map<(i, j) -> (j, 1)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]} ins(%y : tensor<64x3xf32>) outs(%e : tensor<64x64xf32>) {
  ^bb0(%p: f32, %out: f32):
    %n = arith.negf %p : f32
    linalg.yield %n : f32
  } -> tensor<64x64xf32>
  func.return %r, %t : tensor<64x64xf32>, tensor<64x64xf32>
}

// -----

// A plain transpose reads each element once: a copy would do the same work before.
// CHECK-LABEL: func.func @transpose(
// CHECK:         linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d1, d0)>
// CHECK-NOT:     linalg.generic
// CHECK:         func.return
func.func @transpose(%x: tensor<64x64xf32>) -> tensor<64x64xf32> {
  %e = tensor.empty() : tensor<64x64xf32>
  %t = linalg.generic {indexing_maps = [affine_map<(i, j) -> (j, i)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<64x64xf32>) outs(%e : tensor<64x64xf32>) {
  ^bb0(%p: f32, %out: f32):
    %n = arith.negf %p : f32
    linalg.yield %n : f32
  } -> tensor<64x64xf32>
  func.return %t : tensor<64x64xf32>
}

// -----

// A long reduction reads both operands in order, and vectors run along it.
// CHECK-LABEL: func.func @long(
// CHECK-COUNT-1: linalg.generic
// CHECK-NOT:     linalg.generic
func.func @long(%x: tensor<64x300xf32>, %y: tensor<64x300xf32>, %start: tensor<64x64xf32>) -> tensor<64x64xf32> {
  %r = linalg.generic {indexing_maps = [affine_map<(i, j, k) -> (i, k)>, affine_map<(i, j, k) -> (j, k)>, affine_map<(i, j, k) -> (i, j)>], iterator_types = ["parallel", "parallel", "reduction"]} ins(%x, %y : tensor<64x300xf32>, tensor<64x300xf32>) outs(%start : tensor<64x64xf32>) {
  ^bb0(%p: f32, %q: f32, %acc: f32):
    %d = arith.subf %p, %q : f32
    %s = arith.addf %acc, %d : f32
    linalg.yield %s : f32
  } -> tensor<64x64xf32>
  func.return %r : tensor<64x64xf32>
}
