// RUN: dlc-opt %s -p select-libraries --split-input-file | filecheck %s
// RUN: dlc-opt %s -p 'select-libraries{min-products=1000000}' --split-input-file | filecheck %s --check-prefix=NONE
// NONE-NOT: rt.gemm

// The layouts of both operands become flags of the library call; nothing is transposed in memory.
// CHECK-LABEL: func.func @flags(
// CHECK-SAME:    %[[X:\w+]]: tensor<32x64xf32>, %[[W:\w+]]: tensor<10x32xf32>
// CHECK-NEXT:    %[[Y:\w+]] = rt.gemm trans_lhs trans_rhs %[[X]], %[[W]] : tensor<32x64xf32>, tensor<10x32xf32> -> tensor<64x10xf32>
// CHECK-NEXT:    func.return %[[Y]]
func.func @flags(%x: tensor<32x64xf32>, %w: tensor<10x32xf32>) -> tensor<64x10xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<64x10xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<64x10xf32>) -> tensor<64x10xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (k, m)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>], iterator_types = ["parallel", "parallel", "reduction"]} ins(%x, %w : tensor<32x64xf32>, tensor<10x32xf32>) outs(%f : tensor<64x10xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %t = arith.mulf %p, %q : f32
    %s = arith.addf %o, %t : f32
    linalg.yield %s : f32
  } -> tensor<64x10xf32>
  func.return %y : tensor<64x10xf32>
}

// -----

// A transposition of an operand is read through, not computed.
// CHECK-LABEL: func.func @transposed(
// CHECK-SAME:    %[[X:\w+]]: tensor<32x64xf32>, %[[W:\w+]]
// CHECK-NOT:     linalg.generic
// CHECK:         rt.gemm trans_lhs %[[X]], %[[W]]
func.func @transposed(%x: tensor<32x64xf32>, %w: tensor<32x10xf32>) -> tensor<64x10xf32> {
  %zero = arith.constant 0.0 : f32
  %te = tensor.empty() : tensor<64x32xf32>
  %xt = linalg.generic {indexing_maps = [affine_map<(i, j) -> (j, i)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<32x64xf32>) outs(%te : tensor<64x32xf32>) {
  ^bb0(%p: f32, %o: f32):
    linalg.yield %p : f32
  } -> tensor<64x32xf32>
  %e = tensor.empty() : tensor<64x10xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<64x10xf32>) -> tensor<64x10xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>], iterator_types = ["parallel", "parallel", "reduction"]} ins(%xt, %w : tensor<64x32xf32>, tensor<32x10xf32>) outs(%f : tensor<64x10xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %t = arith.mulf %p, %q : f32
    %s = arith.addf %o, %t : f32
    linalg.yield %s : f32
  } -> tensor<64x10xf32>
  func.return %y : tensor<64x10xf32>
}

// -----

// Several rows dimensions collapse to one; a matrix times a vector is a product with one column.
// CHECK-LABEL: func.func @vector(
// CHECK-SAME:    %[[X:\w+]]: tensor<4x16x32xf64>, %[[V:\w+]]: tensor<32xf64>
// CHECK-DAG:     %[[A:\w+]] = tensor.collapse_shape %[[X]] {{\[\[}}0 : i64, 1 : i64], [2 : i64]] : tensor<4x16x32xf64> into tensor<64x32xf64>
// CHECK-DAG:     %[[B:\w+]] = tensor.expand_shape %[[V]] {{.*}} : tensor<32xf64> into tensor<32x1xf64>
// CHECK:         %[[Y:\w+]] = rt.gemm %[[A]], %[[B]] : tensor<64x32xf64>, tensor<32x1xf64> -> tensor<64x1xf64>
// CHECK:         %[[C:\w+]] = tensor.collapse_shape %[[Y]] {{.*}} into tensor<64xf64>
// CHECK:         tensor.expand_shape %[[C]] {{.*}} into tensor<4x16xf64>
func.func @vector(%x: tensor<4x16x32xf64>, %v: tensor<32xf64>) -> tensor<4x16xf64> {
  %f = arith.constant dense<0.0> : tensor<4x16xf64>
  %y = linalg.generic {indexing_maps = [affine_map<(a, m, k) -> (a, m, k)>, affine_map<(a, m, k) -> (k)>, affine_map<(a, m, k) -> (a, m)>], iterator_types = ["parallel", "parallel", "reduction"]} ins(%x, %v : tensor<4x16x32xf64>, tensor<32xf64>) outs(%f : tensor<4x16xf64>) {
  ^bb0(%p: f64, %q: f64, %o: f64):
    %t = arith.mulf %p, %q : f64
    %s = arith.addf %o, %t : f64
    linalg.yield %s : f64
  } -> tensor<4x16xf64>
  func.return %y : tensor<4x16xf64>
}

// -----

// An operand whose batch dimension lies inside is transposed first.
// CHECK-LABEL: func.func @batch_inside(
// CHECK-SAME:    %[[X:\w+]]: tensor<8x4x32xf32>, %[[W:\w+]]: tensor<4x32x16xf32>
// CHECK:         %[[T:\w+]] = linalg.generic {{.*}} ins(%[[X]] : tensor<8x4x32xf32>)
// CHECK:         rt.gemm %[[T]], %[[W]] : tensor<4x8x32xf32>, tensor<4x32x16xf32> -> tensor<4x8x16xf32>
func.func @batch_inside(%x: tensor<8x4x32xf32>, %w: tensor<4x32x16xf32>) -> tensor<4x8x16xf32> {
  %f = arith.constant dense<0.0> : tensor<4x8x16xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(b, m, n, k) -> (m, b, k)>, affine_map<(b, m, n, k) -> (b, k, n)>, affine_map<(b, m, n, k) -> (b, m, n)>], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%x, %w : tensor<8x4x32xf32>, tensor<4x32x16xf32>) outs(%f : tensor<4x8x16xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %t = arith.mulf %p, %q : f32
    %s = arith.addf %o, %t : f32
    linalg.yield %s : f32
  } -> tensor<4x8x16xf32>
  func.return %y : tensor<4x8x16xf32>
}

// -----

// Tiny products, integers and accumulation onto a tensor stay loops.
// CHECK-LABEL: func.func @loops(
// CHECK-NOT:     rt.gemm
// CHECK:         func.return
func.func @loops(%x: tensor<2x2xf32>, %i: tensor<32x32xi32>, %y: tensor<32x32xf32>) -> (tensor<2x2xf32>, tensor<32x32xi32>, tensor<32x32xf32>) {
  %f = arith.constant dense<0.0> : tensor<2x2xf32>
  %tiny = linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>], iterator_types = ["parallel", "parallel", "reduction"]} ins(%x, %x : tensor<2x2xf32>, tensor<2x2xf32>) outs(%f : tensor<2x2xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %t = arith.mulf %p, %q : f32
    %s = arith.addf %o, %t : f32
    linalg.yield %s : f32
  } -> tensor<2x2xf32>
  %fi = arith.constant dense<0> : tensor<32x32xi32>
  %integers = linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>], iterator_types = ["parallel", "parallel", "reduction"]} ins(%i, %i : tensor<32x32xi32>, tensor<32x32xi32>) outs(%fi : tensor<32x32xi32>) {
  ^bb0(%p: i32, %q: i32, %o: i32):
    %t = arith.muli %p, %q : i32
    %s = arith.addi %o, %t : i32
    linalg.yield %s : i32
  } -> tensor<32x32xi32>
  %sum = linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>], iterator_types = ["parallel", "parallel", "reduction"]} ins(%y, %y : tensor<32x32xf32>, tensor<32x32xf32>) outs(%y : tensor<32x32xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %t = arith.mulf %p, %q : f32
    %s = arith.addf %o, %t : f32
    linalg.yield %s : f32
  } -> tensor<32x32xf32>
  func.return %tiny, %integers, %sum : tensor<2x2xf32>, tensor<32x32xi32>, tensor<32x32xf32>
}

// -----

// A dot product, also one of each row, is bound by memory and stays where it can join its neighbours.
// CHECK-LABEL: func.func @dots(
// CHECK-NOT:     rt.gemm
// CHECK:         func.return
func.func @dots(%x: tensor<4096xf32>, %y: tensor<64x4096xf32>) -> (tensor<f32>, tensor<64xf32>) {
  %f = arith.constant dense<0.0> : tensor<f32>
  %dot = linalg.generic {indexing_maps = [affine_map<(k) -> (k)>, affine_map<(k) -> (k)>, affine_map<(k) -> ()>], iterator_types = ["reduction"]} ins(%x, %x : tensor<4096xf32>, tensor<4096xf32>) outs(%f : tensor<f32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %t = arith.mulf %p, %q : f32
    %s = arith.addf %o, %t : f32
    linalg.yield %s : f32
  } -> tensor<f32>
  %g = arith.constant dense<0.0> : tensor<64xf32>
  %rows = linalg.generic {indexing_maps = [affine_map<(b, k) -> (b, k)>, affine_map<(b, k) -> (b, k)>, affine_map<(b, k) -> (b)>], iterator_types = ["parallel", "reduction"]} ins(%y, %y : tensor<64x4096xf32>, tensor<64x4096xf32>) outs(%g : tensor<64xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %t = arith.mulf %p, %q : f32
    %s = arith.addf %o, %t : f32
    linalg.yield %s : f32
  } -> tensor<64xf32>
  func.return %dot, %rows : tensor<f32>, tensor<64xf32>
}

// -----

// A matrix that is computed row by row for one product with a vector is not kept; one that comes from outside is multiplied by BLAS.
// CHECK-LABEL: func.func @computed_rows(
// CHECK-SAME:    %[[X:\w+]]: tensor<64x32xf32>, %[[V:\w+]]: tensor<32x1xf32>
// CHECK:         %[[ROWS:\w+]] = linalg.generic {{.*}} ins(%[[X]], %[[X]]
// CHECK:         linalg.generic {{.*}}"reduction"]} ins(%[[ROWS]], %[[V]]
// CHECK:         rt.gemm %[[X]],
// CHECK-NOT:     rt.gemm
// CHECK:         func.return
func.func @computed_rows(%x: tensor<64x32xf32>, %v: tensor<32x1xf32>) -> (tensor<64x1xf32>, tensor<64x1xf32>) {
  %f = arith.constant dense<0.0> : tensor<64x1xf32>
  %e = tensor.empty() : tensor<64x32xf32>
  %square = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]} ins(%x, %x : tensor<64x32xf32>, tensor<64x32xf32>) outs(%e : tensor<64x32xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %t = arith.mulf %p, %q : f32
    linalg.yield %t : f32
  } -> tensor<64x32xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>], iterator_types = ["parallel", "parallel", "reduction"]} ins(%square, %v : tensor<64x32xf32>, tensor<32x1xf32>) outs(%f : tensor<64x1xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %t = arith.mulf %p, %q : f32
    %s = arith.addf %o, %t : f32
    linalg.yield %s : f32
  } -> tensor<64x1xf32>
  %z = linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>], iterator_types = ["parallel", "parallel", "reduction"]} ins(%x, %v : tensor<64x32xf32>, tensor<32x1xf32>) outs(%f : tensor<64x1xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %t = arith.mulf %p, %q : f32
    %s = arith.addf %o, %t : f32
    linalg.yield %s : f32
  } -> tensor<64x1xf32>
  func.return %y, %z : tensor<64x1xf32>, tensor<64x1xf32>
}

// -----

// The transpose of a product is the product of the factors in the other order.
// CHECK-LABEL: func.func @turned(
// CHECK-SAME:    %[[X:\w+]]: tensor<32x64xf32>, %[[W:\w+]]: tensor<10x32xf32>
// CHECK-NEXT:    %[[Y:\w+]] = rt.gemm %[[W]], %[[X]] : tensor<10x32xf32>, tensor<32x64xf32> -> tensor<10x64xf32>
// CHECK-NEXT:    func.return %[[Y]]
func.func @turned(%x: tensor<32x64xf32>, %w: tensor<10x32xf32>) -> tensor<10x64xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<64x10xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<64x10xf32>) -> tensor<64x10xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (k, m)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>], iterator_types = ["parallel", "parallel", "reduction"]} ins(%x, %w : tensor<32x64xf32>, tensor<10x32xf32>) outs(%f : tensor<64x10xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %t = arith.mulf %p, %q : f32
    %s = arith.addf %o, %t : f32
    linalg.yield %s : f32
  } -> tensor<64x10xf32>
  %te = tensor.empty() : tensor<10x64xf32>
  %yt = linalg.generic {indexing_maps = [affine_map<(i, j) -> (j, i)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]} ins(%y : tensor<64x10xf32>) outs(%te : tensor<10x64xf32>) {
  ^bb0(%p: f32, %o: f32):
    linalg.yield %p : f32
  } -> tensor<10x64xf32>
  func.return %yt : tensor<10x64xf32>
}

// -----

// A product that others read too is computed once, and then transposed.
// CHECK-LABEL: func.func @read_both_ways(
// CHECK:         %[[Y:\w+]] = rt.gemm trans_lhs trans_rhs
// CHECK-NOT:     rt.gemm
// CHECK:         %[[T:\w+]] = linalg.generic {{.*}} ins(%[[Y]]
// CHECK:         func.return %[[Y]], %[[T]]
func.func @read_both_ways(%x: tensor<32x64xf32>, %w: tensor<10x32xf32>) -> (tensor<64x10xf32>, tensor<10x64xf32>) {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<64x10xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<64x10xf32>) -> tensor<64x10xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (k, m)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>], iterator_types = ["parallel", "parallel", "reduction"]} ins(%x, %w : tensor<32x64xf32>, tensor<10x32xf32>) outs(%f : tensor<64x10xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %t = arith.mulf %p, %q : f32
    %s = arith.addf %o, %t : f32
    linalg.yield %s : f32
  } -> tensor<64x10xf32>
  %te = tensor.empty() : tensor<10x64xf32>
  %yt = linalg.generic {indexing_maps = [affine_map<(i, j) -> (j, i)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]} ins(%y : tensor<64x10xf32>) outs(%te : tensor<10x64xf32>) {
  ^bb0(%p: f32, %o: f32):
    linalg.yield %p : f32
  } -> tensor<10x64xf32>
  func.return %y, %yt : tensor<64x10xf32>, tensor<10x64xf32>
}

// -----

// An operand that two products need in another layout is transposed in memory once; one of them has it as transposed.
// CHECK-LABEL: func.func @shared_copy(
// CHECK-COUNT-1: linalg.generic
// CHECK-NOT:     linalg.generic
// CHECK:         rt.gemm
// CHECK-NOT:     linalg.generic
// CHECK:         rt.gemm trans_lhs
func.func @shared_copy(%x: tensor<4x16x8xf32>, %v: tensor<4x8x16xf32>, %w: tensor<16x32xf32>) -> (tensor<16x16xf32>, tensor<4x8x32xf32>) {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<16x16xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<16x16xf32>) -> tensor<16x16xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(m, n, k, l) -> (k, m, l)>, affine_map<(m, n, k, l) -> (k, l, n)>, affine_map<(m, n, k, l) -> (m, n)>], iterator_types = ["parallel", "parallel", "reduction", "reduction"]} ins(%x, %v : tensor<4x16x8xf32>, tensor<4x8x16xf32>) outs(%f : tensor<16x16xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %t = arith.mulf %p, %q : f32
    %s = arith.addf %o, %t : f32
    linalg.yield %s : f32
  } -> tensor<16x16xf32>
  %e2 = tensor.empty() : tensor<4x8x32xf32>
  %f2 = linalg.fill ins(%zero : f32) outs(%e2 : tensor<4x8x32xf32>) -> tensor<4x8x32xf32>
  %z = linalg.generic {indexing_maps = [affine_map<(a, c, n, k) -> (a, k, c)>, affine_map<(a, c, n, k) -> (k, n)>, affine_map<(a, c, n, k) -> (a, c, n)>], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%x, %w : tensor<4x16x8xf32>, tensor<16x32xf32>) outs(%f2 : tensor<4x8x32xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %t = arith.mulf %p, %q : f32
    %s = arith.addf %o, %t : f32
    linalg.yield %s : f32
  } -> tensor<4x8x32xf32>
  func.return %y, %z : tensor<16x16xf32>, tensor<4x8x32xf32>
}
