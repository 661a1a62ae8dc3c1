// RUN: dlc-opt %s -p split-reductions --split-input-file | filecheck %s

// A sum of everything: parts side by side, then the sum of their results, which starts from what the whole started from.
// CHECK-LABEL: func.func @all(
// CHECK-SAME:    %[[X:\w+]]: tensor<512x512xf32>, %[[START:\w+]]: tensor<f32>
// CHECK:         %[[PARTS:\w+]] = tensor.expand_shape %[[X]] {{.*}} output_shape [16, 32, 512]
// CHECK:         %[[ZERO:\w+]] = arith.constant 0.0
// CHECK:         %[[ZEROS:\w+]] = linalg.fill ins(%[[ZERO]] : f32) {{.*}} -> tensor<16xf32>
// CHECK:         %[[SUMS:\w+]] = linalg.generic {{.*}}["parallel", "reduction", "reduction"]} ins(%[[PARTS]] {{.*}} outs(%[[ZEROS]]
// CHECK:         %[[SUM:\w+]] = linalg.generic {{.*}}["reduction"]} ins(%[[SUMS]] {{.*}} outs(%[[START]]
// CHECK:           arith.addf
// CHECK:         func.return %[[SUM]]
func.func @all(%x: tensor<512x512xf32>, %start: tensor<f32>) -> tensor<f32> {
  %r = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> ()>], iterator_types = ["reduction", "reduction"]} ins(%x : tensor<512x512xf32>) outs(%start : tensor<f32>) {
  ^bb0(%p: f32, %acc: f32):
    %s = arith.addf %acc, %p : f32
    linalg.yield %s : f32
  } -> tensor<f32>
  func.return %r : tensor<f32>
}

// -----

// Sums of two columns: neighbours in memory become columns, so that vectors are full.
// CHECK-LABEL: func.func @narrow(
// CHECK:         tensor.expand_shape {{.*}} output_shape [32, 128, 64, 2]
// CHECK:         linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d3, d1, d2)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2)>], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
// CHECK:         linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d1, d2, d0)>, affine_map<(d0, d1, d2) -> (d0)>], iterator_types = ["parallel", "reduction", "reduction"]}
func.func @narrow(%x: tensor<262144x2xf32>, %start: tensor<2xf32>) -> tensor<2xf32> {
  %r = linalg.generic {indexing_maps = [affine_map<(i, j) -> (j, i)>, affine_map<(i, j) -> (i)>], iterator_types = ["parallel", "reduction"]} ins(%x : tensor<262144x2xf32>) outs(%start : tensor<2xf32>) {
  ^bb0(%p: f32, %acc: f32):
    %s = arith.addf %acc, %p : f32
    linalg.yield %s : f32
  } -> tensor<2xf32>
  func.return %r : tensor<2xf32>
}

// -----

// All rows of eight sequences: the parts of one sequence are as many parts of all rows.
// CHECK-LABEL: func.func @sequences(
// CHECK:         tensor.expand_shape {{.*}} output_shape [8, 8, 16, 1024]
// CHECK:         linalg.generic {indexing_maps = [affine_map<(d0, d1, d2, d3) -> (d0, d1, d3, d2)>, affine_map<(d0, d1, d2, d3) -> (d0, d1, d2)>], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
// CHECK:         linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d1, d2, d0)>, affine_map<(d0, d1, d2) -> (d0)>], iterator_types = ["parallel", "reduction", "reduction"]}
func.func @sequences(%x: tensor<8x128x1024xf32>, %start: tensor<1024xf32>) -> tensor<1024xf32> {
  %r = linalg.generic {indexing_maps = [affine_map<(i, j, k) -> (j, k, i)>, affine_map<(i, j, k) -> (i)>], iterator_types = ["parallel", "reduction", "reduction"]} ins(%x : tensor<8x128x1024xf32>) outs(%start : tensor<1024xf32>) {
  ^bb0(%p: f32, %acc: f32):
    %s = arith.addf %acc, %p : f32
    linalg.yield %s : f32
  } -> tensor<1024xf32>
  func.return %r : tensor<1024xf32>
}

// -----

// Two reductions at once, what a part reads by its index, and an operand that the split dimension does not move.
// CHECK-LABEL: func.func @two(
// CHECK-SAME:    %[[X:\w+]]: tensor<262144xf32>, %[[Y:\w+]]: tensor<f32>
// CHECK:         linalg.generic {{.*}} ins(%{{.*}}, %[[Y]] : tensor<16x16384xf32>, tensor<f32>) outs({{.*}} : tensor<16xf32>, tensor<16xi64>)
// CHECK:           %[[PART:\w+]] = linalg.index 0
// CHECK:           %[[SIZE:\w+]] = arith.constant 16384 : index
// CHECK:           %[[FIRST:\w+]] = arith.muli %[[PART]], %[[SIZE]]
// CHECK:           %[[STEP:\w+]] = linalg.index 1
// CHECK:           arith.addi %[[FIRST]], %[[STEP]]
// CHECK:         linalg.generic {{.*}}["reduction"]} ins(%{{.*}}, %{{.*}} : tensor<16xf32>, tensor<16xi64>)
// CHECK:           arith.maximumf
// CHECK:           arith.minsi
func.func @two(%x: tensor<262144xf32>, %y: tensor<f32>, %a: tensor<f32>, %b: tensor<i64>) -> (tensor<f32>, tensor<i64>) {
  %r:2 = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> ()>, affine_map<(i) -> ()>, affine_map<(i) -> ()>], iterator_types = ["reduction"]} ins(%x, %y : tensor<262144xf32>, tensor<f32>) outs(%a, %b : tensor<f32>, tensor<i64>) {
  ^bb0(%p: f32, %q: f32, %acc: f32, %least: i64):
    %d = arith.mulf %p, %q : f32
    %s = arith.maximumf %acc, %d : f32
    %i = linalg.index 0 : index
    %n = arith.index_cast %i : index to i64
    %m = arith.minsi %least, %n : i64
    linalg.yield %s, %m : f32, i64
  } -> (tensor<f32>, tensor<i64>)
  func.return %r#0, %r#1 : tensor<f32>, tensor<i64>
}

// -----

// A prime number of elements: the rest is reduced first, and an operand tells how long the loops are.
// CHECK-LABEL: func.func @prime(
// CHECK-SAME:    %[[X:\w+]]: tensor<262147xf32>, %[[START:\w+]]: tensor<f32>
// CHECK:         %[[LENGTH:\w+]] = linalg.fill {{.*}} -> tensor<16384xi8>
// CHECK:         %[[SUMS:\w+]] = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (((d0 * 16384) + d1))>, {{.*}} ins(%[[X]], %[[LENGTH]]
// CHECK:         %[[REST:\w+]] = linalg.generic {indexing_maps = [affine_map<(d0) -> ((d0 + 262144))>, {{.*}} outs(%[[START]] : tensor<f32>)
// CHECK:         linalg.generic {{.*}} ins(%[[SUMS]] : tensor<16xf32>) outs(%[[REST]] : tensor<f32>)
func.func @prime(%x: tensor<262147xf32>, %start: tensor<f32>) -> tensor<f32> {
  %r = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> ()>], iterator_types = ["reduction"]} ins(%x : tensor<262147xf32>) outs(%start : tensor<f32>) {
  ^bb0(%p: f32, %acc: f32):
    %s = arith.addf %acc, %p : f32
    linalg.yield %s : f32
  } -> tensor<f32>
  func.return %r : tensor<f32>
}

// -----

// Many long rows are enough for all threads.
// CHECK-LABEL: func.func @rows(
// CHECK-NOT:     tensor.expand_shape
// CHECK:         linalg.generic {{.*}} ins(%{{.*}} : tensor<64x65536xf32>)
// CHECK-NOT:     linalg.generic
// CHECK:         func.return
func.func @rows(%x: tensor<64x65536xf32>, %start: tensor<64xf32>) -> tensor<64xf32> {
  %r = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>], iterator_types = ["parallel", "reduction"]} ins(%x : tensor<64x65536xf32>) outs(%start : tensor<64xf32>) {
  ^bb0(%p: f32, %acc: f32):
    %s = arith.addf %acc, %p : f32
    linalg.yield %s : f32
  } -> tensor<64xf32>
  func.return %r : tensor<64xf32>
}

// -----

// The order of subtractions matters; so does that of the steps of a running sum.
// CHECK-LABEL: func.func @ordered(
// CHECK-NOT:     tensor.expand_shape
// CHECK:         func.return
func.func @ordered(%x: tensor<262144xf32>, %start: tensor<f32>, %e: tensor<262144xf32>) -> (tensor<f32>, tensor<262144xf32>) {
  %r = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> ()>], iterator_types = ["reduction"]} ins(%x : tensor<262144xf32>) outs(%start : tensor<f32>) {
  ^bb0(%p: f32, %acc: f32):
    %s = arith.subf %p, %acc : f32
    linalg.yield %s : f32
  } -> tensor<f32>
  %t:2 = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> ()>, affine_map<(i) -> (i)>], iterator_types = ["reduction"]} ins(%x : tensor<262144xf32>) outs(%start, %e : tensor<f32>, tensor<262144xf32>) {
  ^bb0(%p: f32, %acc: f32, %out: f32):
    %s = arith.addf %acc, %p : f32
    linalg.yield %s, %s : f32, f32
  } -> (tensor<f32>, tensor<262144xf32>)
  func.return %r, %t#1 : tensor<f32>, tensor<262144xf32>
}
