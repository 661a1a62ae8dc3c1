// RUN: dlc-opt %s -p fuse-elementwise --split-input-file | filecheck %s

#id = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>

// A chain of operations that nobody else reads becomes one.
// CHECK-LABEL: func.func @chain(
// CHECK-COUNT-1: linalg.generic
// CHECK:           %[[E:\w+]] = math.exp
// CHECK-NEXT:      arith.addf %[[E]], %[[E]]
// CHECK-NOT:     linalg.generic
// CHECK:         func.return
func.func @chain(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %e0 = tensor.empty() : tensor<4x8xf32>
  %0 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<4x8xf32>) outs(%e0 : tensor<4x8xf32>) {
  ^bb0(%p: f32, %o: f32):
    %v = math.exp %p : f32
    linalg.yield %v : f32
  } -> tensor<4x8xf32>
  %1 = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]} ins(%0, %0 : tensor<4x8xf32>, tensor<4x8xf32>) outs(%e0 : tensor<4x8xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %v = arith.addf %p, %q : f32
    linalg.yield %v : f32
  } -> tensor<4x8xf32>
  func.return %1 : tensor<4x8xf32>
}

// -----

#id = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>

// An elementwise producer is computed inside a reduction; a constant tensor becomes a scalar.
// CHECK-LABEL: func.func @into_reduction(
// CHECK-SAME:    %[[X:\w+]]: tensor<4x8xf32>
// CHECK-COUNT-1: linalg.generic
// CHECK-SAME:      ins(%[[X]] : tensor<4x8xf32>)
// CHECK:           %[[C:\w+]] = arith.constant 2.000000e+00 : f32
// CHECK:           arith.mulf %{{.*}}, %[[C]]
// CHECK:           arith.addf
// CHECK-NOT:     linalg.generic
func.func @into_reduction(%x: tensor<4x8xf32>) -> tensor<4xf32> {
  %two = arith.constant dense<2.0> : tensor<4x8xf32>
  %zero = arith.constant 0.0 : f32
  %e0 = tensor.empty() : tensor<4x8xf32>
  %0 = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]} ins(%x, %two : tensor<4x8xf32>, tensor<4x8xf32>) outs(%e0 : tensor<4x8xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %v = arith.mulf %p, %q : f32
    linalg.yield %v : f32
  } -> tensor<4x8xf32>
  %e1 = tensor.empty() : tensor<4xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e1 : tensor<4xf32>) -> tensor<4xf32>
  %1 = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]} ins(%0 : tensor<4x8xf32>) outs(%f : tensor<4xf32>) {
  ^bb0(%p: f32, %o: f32):
    %v = arith.addf %o, %p : f32
    linalg.yield %v : f32
  } -> tensor<4xf32>
  func.return %1 : tensor<4xf32>
}

// -----

#id = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>

// Positions count in the reader's loops: the producer's d0 is the reader's d1.
// CHECK-LABEL: func.func @index(
// CHECK-COUNT-1: linalg.generic
// CHECK-NOT:       linalg.index 0
// CHECK:           linalg.index 1
// CHECK-NOT:     linalg.generic
func.func @index() -> tensor<4x8xi64> {
  %e0 = tensor.empty() : tensor<8xi64>
  %0 = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>], iterator_types = ["parallel"]} outs(%e0 : tensor<8xi64>) {
  ^bb0(%o: i64):
    %i = linalg.index 0 : index
    %v = arith.index_cast %i : index to i64
    linalg.yield %v : i64
  } -> tensor<8xi64>
  %e1 = tensor.empty() : tensor<4x8xi64>
  %1 = linalg.generic {indexing_maps = [affine_map<(i, j) -> (j)>, #id], iterator_types = ["parallel", "parallel"]} ins(%0 : tensor<8xi64>) outs(%e1 : tensor<4x8xi64>) {
  ^bb0(%p: i64, %o: i64):
    linalg.yield %p : i64
  } -> tensor<4x8xi64>
  func.return %1 : tensor<4x8xi64>
}

// -----

#id = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>

// A transposition and a reshape that only adds a dimension of size 1 are read through.
// CHECK-LABEL: func.func @moves(
// CHECK-SAME:    %[[X:\w+]]: tensor<8x4xf32>, %[[S:\w+]]: tensor<4xf32>
// CHECK-NOT:     tensor.expand_shape
// CHECK:         linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d1, d0)>, affine_map<(d0, d1) -> (d0)>, affine_map<(d0, d1) -> (d0, d1)>]
// CHECK-SAME:      ins(%[[X]], %[[S]] : tensor<8x4xf32>, tensor<4xf32>)
// CHECK-NOT:     linalg.generic
func.func @moves(%x: tensor<8x4xf32>, %s: tensor<4xf32>) -> tensor<4x8xf32> {
  %e0 = tensor.empty() : tensor<4x8xf32>
  %0 = linalg.generic {indexing_maps = [affine_map<(i, j) -> (j, i)>, #id], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<8x4xf32>) outs(%e0 : tensor<4x8xf32>) {
  ^bb0(%p: f32, %o: f32):
    linalg.yield %p : f32
  } -> tensor<4x8xf32>
  %1 = tensor.expand_shape %s [[0, 1]] output_shape [4, 1] : tensor<4xf32> into tensor<4x1xf32>
  %2 = linalg.generic {indexing_maps = [#id, affine_map<(i, j) -> (i, 0)>, #id], iterator_types = ["parallel", "parallel"]} ins(%0, %1 : tensor<4x8xf32>, tensor<4x1xf32>) outs(%e0 : tensor<4x8xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %v = arith.subf %p, %q : f32
    linalg.yield %v : f32
  } -> tensor<4x8xf32>
  func.return %2 : tensor<4x8xf32>
}

// -----

#id = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>

// An expensive operation with two readers, or read once per column, is computed once.
// CHECK-LABEL: func.func @not_repeated(
// CHECK-COUNT-2: math.exp
// CHECK-NOT:     math.exp
func.func @not_repeated(%x: tensor<4x8xf32>, %s: tensor<4xf32>) -> (tensor<8x4xf32>, tensor<4x8xf32>) {
  %e0 = tensor.empty() : tensor<4x8xf32>
  %0 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<4x8xf32>) outs(%e0 : tensor<4x8xf32>) {
  ^bb0(%p: f32, %o: f32):
    %v = math.exp %p : f32
    linalg.yield %v : f32
  } -> tensor<4x8xf32>
  %e1 = tensor.empty() : tensor<4xf32>
  %1 = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]} ins(%s : tensor<4xf32>) outs(%e1 : tensor<4xf32>) {
  ^bb0(%p: f32, %o: f32):
    %v = math.exp %p : f32
    linalg.yield %v : f32
  } -> tensor<4xf32>
  %e2 = tensor.empty() : tensor<8x4xf32>
  %2 = linalg.generic {indexing_maps = [affine_map<(i, j) -> (j, i)>, #id], iterator_types = ["parallel", "parallel"]} ins(%0 : tensor<4x8xf32>) outs(%e2 : tensor<8x4xf32>) {
  ^bb0(%p: f32, %o: f32):
    %v = arith.negf %p : f32
    linalg.yield %v : f32
  } -> tensor<8x4xf32>
  %3 = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]} ins(%0, %1 : tensor<4x8xf32>, tensor<4xf32>) outs(%e0 : tensor<4x8xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %v = arith.subf %p, %q : f32
    linalg.yield %v : f32
  } -> tensor<4x8xf32>
  func.return %2, %3 : tensor<8x4xf32>, tensor<4x8xf32>
}

// -----

// A tensor that is read at computed indices is computed first.
// CHECK-LABEL: func.func @extract(
// CHECK-COUNT-2: linalg.generic
// CHECK:           tensor.extract
func.func @extract(%x: tensor<8xf32>, %i: tensor<4xindex>) -> tensor<4xf32> {
  %e0 = tensor.empty() : tensor<8xf32>
  %0 = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]} ins(%x : tensor<8xf32>) outs(%e0 : tensor<8xf32>) {
  ^bb0(%p: f32, %o: f32):
    %v = arith.negf %p : f32
    linalg.yield %v : f32
  } -> tensor<8xf32>
  %e1 = tensor.empty() : tensor<4xf32>
  %1 = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]} ins(%i : tensor<4xindex>) outs(%e1 : tensor<4xf32>) {
  ^bb0(%p: index, %o: f32):
    %v = tensor.extract %0[%p] : tensor<8xf32>
    linalg.yield %v : f32
  } -> tensor<4xf32>
  func.return %1 : tensor<4xf32>
}

// -----

// The operand that tells how long a reduction is stays, even if its elements are known.
// CHECK-LABEL: func.func @extent(
// CHECK:         %[[ONES:\w+]] = arith.constant dense<1.000000e+00> : tensor<8xf32>
// CHECK:         linalg.generic {{.*}} ins(%[[ONES]] : tensor<8xf32>)
func.func @extent() -> tensor<f32> {
  %ones = arith.constant dense<1.0> : tensor<8xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<f32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<f32>) -> tensor<f32>
  %0 = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> ()>], iterator_types = ["reduction"]} ins(%ones : tensor<8xf32>) outs(%f : tensor<f32>) {
  ^bb0(%p: f32, %o: f32):
    %v = arith.addf %o, %p : f32
    linalg.yield %v : f32
  } -> tensor<f32>
  func.return %0 : tensor<f32>
}

// -----

// Operands of library calls are computed first.
// CHECK-LABEL: func.func @gemm(
// CHECK:         %[[N:\w+]] = linalg.generic
// CHECK:           arith.negf
// CHECK:         rt.gemm %[[N]]
func.func @gemm(%x: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %e0 = tensor.empty() : tensor<4x4xf32>
  %0 = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<4x4xf32>) outs(%e0 : tensor<4x4xf32>) {
  ^bb0(%p: f32, %o: f32):
    %v = arith.negf %p : f32
    linalg.yield %v : f32
  } -> tensor<4x4xf32>
  %1 = rt.gemm %0, %x : tensor<4x4xf32>, tensor<4x4xf32> -> tensor<4x4xf32>
  func.return %1 : tensor<4x4xf32>
}

// -----

// In the body of a loop there is fusion as elsewhere. What is computed outside stays outside, but a constant comes in.
// CHECK-LABEL: func.func @loop(
// CHECK:         %[[WIDE:.*]] = linalg.generic
// CHECK:         scf.for {{.*}} iter_args(%[[C:.*]] = {{.*}})
// CHECK-NOT:       linalg.fill
// CHECK:           linalg.generic {{.*}} ins(%[[C]], %[[WIDE]] : tensor<4xf32>, tensor<4xf32>)
// CHECK:             arith.addf
// CHECK:             arith.constant 2.000000e+00 : f32
// CHECK:             arith.mulf
// CHECK-NOT:       linalg.generic
// CHECK:           scf.yield
#id = affine_map<(i) -> (i)>
func.func @loop(%x: tensor<f32>, %c: tensor<4xf32>) -> tensor<4xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c9 = arith.constant 9 : index
  %two = arith.constant 2.0 : f32
  %e = tensor.empty() : tensor<4xf32>
  %twos = linalg.fill ins(%two : f32) outs(%e : tensor<4xf32>) -> tensor<4xf32>
  %wide = linalg.generic {indexing_maps = [affine_map<(i) -> ()>, #id], iterator_types = ["parallel"]} ins(%x : tensor<f32>) outs(%e : tensor<4xf32>) {
  ^bb0(%p: f32, %o: f32):
    linalg.yield %p : f32
  } -> tensor<4xf32>
  %r = scf.for %i = %c0 to %c9 step %c1 iter_args(%a = %c) -> (tensor<4xf32>) {
    %e0 = tensor.empty() : tensor<4xf32>
    %0 = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel"]} ins(%a, %wide : tensor<4xf32>, tensor<4xf32>) outs(%e0 : tensor<4xf32>) {
    ^bb0(%p: f32, %q: f32, %o: f32):
      %s = arith.addf %p, %q : f32
      linalg.yield %s : f32
    } -> tensor<4xf32>
    %1 = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel"]} ins(%0, %twos : tensor<4xf32>, tensor<4xf32>) outs(%e0 : tensor<4xf32>) {
    ^bb0(%p: f32, %q: f32, %o: f32):
      %s = arith.mulf %p, %q : f32
      linalg.yield %s : f32
    } -> tensor<4xf32>
    scf.yield %1 : tensor<4xf32>
  }
  func.return %r : tensor<4xf32>
}

// -----

#ijk = affine_map<(i, j, k) -> (i, j, k)>
#ik = affine_map<(i, j, k) -> (i, k)>
#jk = affine_map<(i, j, k) -> (j, k)>

// What two reductions read is computed in both, if what that reads is small in the end: here vectors and not their differences.
// CHECK-LABEL: func.func @repeated_through(
// CHECK-COUNT-2: arith.subf
// CHECK-NOT:     tensor<4x4x8xf32>
func.func @repeated_through(%x: tensor<4x8xf32>, %w: tensor<4x8xf32>, %a: tensor<4x8xf32>, %b: tensor<8x4xf32>) -> (tensor<4x4xf32>, tensor<8x4xf32>) {
  %e = tensor.empty() : tensor<4x4x8xf32>
  %d = linalg.generic {indexing_maps = [#ik, #jk, #ijk], iterator_types = ["parallel", "parallel", "parallel"]} ins(%x, %x : tensor<4x8xf32>, tensor<4x8xf32>) outs(%e : tensor<4x4x8xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %v = arith.subf %p, %q : f32
    linalg.yield %v : f32
  } -> tensor<4x4x8xf32>
  %m = linalg.generic {indexing_maps = [#ijk, #ik, #ijk], iterator_types = ["parallel", "parallel", "parallel"]} ins(%d, %w : tensor<4x4x8xf32>, tensor<4x8xf32>) outs(%e : tensor<4x4x8xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %v = arith.mulf %p, %q : f32
    linalg.yield %v : f32
  } -> tensor<4x4x8xf32>
  %zero = arith.constant 0.0 : f32
  %f0 = tensor.empty() : tensor<4x4xf32>
  %g0 = linalg.fill ins(%zero : f32) outs(%f0 : tensor<4x4xf32>) -> tensor<4x4xf32>
  %0 = linalg.generic {indexing_maps = [#ijk, affine_map<(i, j, k) -> (i, j)>], iterator_types = ["parallel", "parallel", "reduction"]} ins(%m : tensor<4x4x8xf32>) outs(%g0 : tensor<4x4xf32>) {
  ^bb0(%p: f32, %o: f32):
    %v = arith.addf %o, %p : f32
    linalg.yield %v : f32
  } -> tensor<4x4xf32>
  %f1 = tensor.empty() : tensor<8x4xf32>
  %g1 = linalg.fill ins(%zero : f32) outs(%f1 : tensor<8x4xf32>) -> tensor<8x4xf32>
  %1 = linalg.generic {indexing_maps = [affine_map<(k, i, j) -> (i, j, k)>, affine_map<(k, i, j) -> (k, i)>], iterator_types = ["parallel", "parallel", "reduction"]} ins(%m : tensor<4x4x8xf32>) outs(%g1 : tensor<8x4xf32>) {
  ^bb0(%p: f32, %o: f32):
    %v = arith.addf %o, %p : f32
    linalg.yield %v : f32
  } -> tensor<8x4xf32>
  func.return %0, %1 : tensor<4x4xf32>, tensor<8x4xf32>
}

// -----

// What is read at computed places is not computed where neighbours would be far apart.
// CHECK-LABEL: func.func @gathered_in_order(
// CHECK:         tensor.extract
// CHECK:         } -> tensor<8xf32>
// CHECK:         arith.negf
func.func @gathered_in_order(%x: tensor<9xf32>, %at: tensor<8xindex>) -> tensor<4xf32> {
  %e = tensor.empty() : tensor<8xf32>
  %g = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]} ins(%at : tensor<8xindex>) outs(%e : tensor<8xf32>) {
  ^bb0(%p: index, %o: f32):
    %v = tensor.extract %x[%p] : tensor<9xf32>
    linalg.yield %v : f32
  } -> tensor<8xf32>
  %e1 = tensor.empty() : tensor<4xf32>
  %n = linalg.generic {indexing_maps = [affine_map<(i) -> (i * 2)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]} ins(%g : tensor<8xf32>) outs(%e1 : tensor<4xf32>) {
  ^bb0(%p: f32, %o: f32):
    %v = arith.negf %p : f32
    linalg.yield %v : f32
  } -> tensor<4xf32>
  func.return %n : tensor<4xf32>
}

// -----

// What is computed and then taken apart into heads is computed where the heads are moved.
// CHECK-LABEL: func.func @heads(
// CHECK:         linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d1, ((d0 * 4) + d2))>, affine_map<(d0, d1, d2) -> (d0, d1, d2)>]
// CHECK-NEXT:    ^{{.*}}
// CHECK-NEXT:      arith.addf
// CHECK-NOT:     linalg.generic
func.func @heads(%x: tensor<5x8xf32>) -> tensor<2x5x4xf32> {
  %e0 = tensor.empty() : tensor<5x8xf32>
  %twice = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<5x8xf32>) outs(%e0 : tensor<5x8xf32>) {
  ^bb0(%p: f32, %o: f32):
    %s = arith.addf %p, %p : f32
    linalg.yield %s : f32
  } -> tensor<5x8xf32>
  %apart = tensor.expand_shape %twice [[0], [1, 2]] output_shape [5, 2, 4] : tensor<5x8xf32> into tensor<5x2x4xf32>
  %e1 = tensor.empty() : tensor<2x5x4xf32>
  %moved = linalg.generic {indexing_maps = [affine_map<(h, i, j) -> (i, h, j)>, affine_map<(h, i, j) -> (h, i, j)>], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%apart : tensor<5x2x4xf32>) outs(%e1 : tensor<2x5x4xf32>) {
  ^bb0(%p: f32, %o: f32):
    linalg.yield %p : f32
  } -> tensor<2x5x4xf32>
  func.return %moved : tensor<2x5x4xf32>
}

// -----

// What a selection selects from is computed for it alone, so two readers read its result, not the condition and both sides of it.
// CHECK-LABEL: func.func @rectified(
// CHECK:         %[[Y:\w+]] = linalg.generic
// CHECK:           math.exp
// CHECK:           arith.cmpf
// CHECK:           arith.select
// CHECK:         linalg.generic {{.*}}["parallel"]} ins(%[[Y]] : tensor<4xf32>)
// CHECK:         linalg.generic {{.*}}["reduction"]} ins(%[[Y]] : tensor<4xf32>)
func.func @rectified(%x: tensor<4xf32>, %start: tensor<f32>) -> (tensor<4xf32>, tensor<f32>) {
  %zero = arith.constant dense<0.0> : tensor<4xf32>
  %e0 = tensor.empty() : tensor<4xf32>
  %e = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]} ins(%x : tensor<4xf32>) outs(%e0 : tensor<4xf32>) {
  ^bb0(%p: f32, %o: f32):
    %v = math.exp %p : f32
    linalg.yield %v : f32
  } -> tensor<4xf32>
  %e1 = tensor.empty() : tensor<4xi1>
  %c = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]} ins(%e, %zero : tensor<4xf32>, tensor<4xf32>) outs(%e1 : tensor<4xi1>) {
  ^bb0(%p: f32, %q: f32, %o: i1):
    %v = arith.cmpf ogt, %p, %q : f32
    linalg.yield %v : i1
  } -> tensor<4xi1>
  %e2 = tensor.empty() : tensor<4xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>, affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]} ins(%c, %e, %zero : tensor<4xi1>, tensor<4xf32>, tensor<4xf32>) outs(%e2 : tensor<4xf32>) {
  ^bb0(%k: i1, %p: f32, %q: f32, %o: f32):
    %v = arith.select %k, %p, %q : f32
    linalg.yield %v : f32
  } -> tensor<4xf32>
  %e3 = tensor.empty() : tensor<4xf32>
  %n = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]} ins(%y : tensor<4xf32>) outs(%e3 : tensor<4xf32>) {
  ^bb0(%p: f32, %o: f32):
    %v = arith.negf %p : f32
    linalg.yield %v : f32
  } -> tensor<4xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> ()>], iterator_types = ["reduction"]} ins(%y : tensor<4xf32>) outs(%start : tensor<f32>) {
  ^bb0(%p: f32, %acc: f32):
    %v = arith.addf %acc, %p : f32
    linalg.yield %v : f32
  } -> tensor<f32>
  func.return %n, %s : tensor<4xf32>, tensor<f32>
}
