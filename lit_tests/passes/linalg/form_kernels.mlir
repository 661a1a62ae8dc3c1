// RUN: dlc-opt %s -p form-kernels --split-input-file | filecheck %s

// RUN: dlc-opt %s -p 'form-kernels{max-group-size=1}' --split-input-file | filecheck %s --check-prefix=ONE
// ONE-NOT: fused_

#id = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>

// A reduction and an elementwise reader of its result over the same rows share a kernel, which is closed.
// CHECK-LABEL: func.func @rows(
// CHECK-SAME:    %[[X:\w+]]: tensor<64x80xf32>
// CHECK-NEXT:    %[[R:\w+]] = rt.kernel "fused_max_sub" tile [64] ins(%[[A:\w+]] = %[[X]] : tensor<64x80xf32>) -> (tensor<64x80xf32>) {
// CHECK-NEXT:      %[[C:\w+]] = arith.constant
// CHECK:           linalg.fill ins(%[[C]]
// CHECK:           %[[M:\w+]] = linalg.generic {{.*}} ins(%[[A]] : tensor<64x80xf32>)
// CHECK:           ins(%[[A]], %[[M]] : tensor<64x80xf32>, tensor<64xf32>)
// CHECK:           rt.yield
// CHECK-NOT:     rt.kernel
// CHECK:         func.return %[[R]]
func.func @rows(%x: tensor<64x80xf32>) -> tensor<64x80xf32> {
  %low = arith.constant 0xFF800000 : f32
  %e0 = tensor.empty() : tensor<64xf32>
  %f = linalg.fill ins(%low : f32) outs(%e0 : tensor<64xf32>) -> tensor<64xf32>
  %0 = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]} ins(%x : tensor<64x80xf32>) outs(%f : tensor<64xf32>) {
  ^bb0(%p: f32, %o: f32):
    %v = arith.maximumf %o, %p : f32
    linalg.yield %v : f32
  } -> tensor<64xf32>
  %e1 = tensor.empty() : tensor<64x80xf32>
  %1 = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]} ins(%x, %0 : tensor<64x80xf32>, tensor<64xf32>) outs(%e1 : tensor<64x80xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %v = arith.subf %p, %q : f32
    linalg.yield %v : f32
  } -> tensor<64x80xf32>
  func.return %1 : tensor<64x80xf32>
}

// -----

#id = affine_map<(i, j) -> (i, j)>

// Two operations may not share a kernel around a third that needs the one and is needed by the other.
// CHECK-LABEL: func.func @cycle(
// CHECK:         %[[A:\w+]] = rt.kernel "exp"
// CHECK:         %[[G:\w+]] = rt.gemm %[[A]], %[[A]]
// CHECK:         rt.kernel "add" {{.*}} ins(%{{.*}} = %[[A]] : tensor<64x64xf32>, %{{.*}} = %[[G]] : tensor<64x64xf32>)
func.func @cycle(%x: tensor<64x64xf32>) -> tensor<64x64xf32> {
  %e = tensor.empty() : tensor<64x64xf32>
  %a = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<64x64xf32>) outs(%e : tensor<64x64xf32>) {
  ^bb0(%p: f32, %o: f32):
    %v = math.exp %p : f32
    linalg.yield %v : f32
  } -> tensor<64x64xf32>
  %g = rt.gemm %a, %a : tensor<64x64xf32>, tensor<64x64xf32> -> tensor<64x64xf32>
  %c = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]} ins(%a, %g : tensor<64x64xf32>, tensor<64x64xf32>) outs(%e : tensor<64x64xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %v = arith.addf %p, %q : f32
    linalg.yield %v : f32
  } -> tensor<64x64xf32>
  func.return %c : tensor<64x64xf32>
}

// -----

#id = affine_map<(i, j) -> (i, j)>

// An operation joins an earlier kernel past a library call that does not stand between them.
// CHECK-LABEL: func.func @no_cycle(
// CHECK-COUNT-1: rt.kernel "fused_exp_add" {{.*}} -> (tensor<64x64xf32>, tensor<64x64xf32>)
// CHECK-NOT:     rt.kernel
func.func @no_cycle(%x: tensor<64x64xf32>, %y: tensor<64x64xf32>) -> (tensor<64x64xf32>, tensor<64x64xf32>) {
  %e = tensor.empty() : tensor<64x64xf32>
  %a = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<64x64xf32>) outs(%e : tensor<64x64xf32>) {
  ^bb0(%p: f32, %o: f32):
    %v = math.exp %p : f32
    linalg.yield %v : f32
  } -> tensor<64x64xf32>
  %g1 = rt.gemm %a, %a : tensor<64x64xf32>, tensor<64x64xf32> -> tensor<64x64xf32>
  %g2 = rt.gemm %y, %y : tensor<64x64xf32>, tensor<64x64xf32> -> tensor<64x64xf32>
  %c = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]} ins(%a, %g2 : tensor<64x64xf32>, tensor<64x64xf32>) outs(%e : tensor<64x64xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %v = arith.addf %p, %q : f32
    linalg.yield %v : f32
  } -> tensor<64x64xf32>
  func.return %g1, %c : tensor<64x64xf32>, tensor<64x64xf32>
}

// -----

// A tensor that is read at computed indices is computed by an earlier kernel.
// CHECK-LABEL: func.func @extract(
// CHECK:         %[[N:\w+]] = rt.kernel "neg" tile [8]
// CHECK:         rt.kernel "gather" tile [8] ins(%[[I:\w+]] = %{{.*}} : tensor<8xindex>, %[[A:\w+]] = %[[N]] : tensor<8xf32>)
// CHECK:           tensor.extract %[[A]]
func.func @extract(%x: tensor<8xf32>, %i: tensor<8xindex>) -> tensor<8xf32> {
  %e = tensor.empty() : tensor<8xf32>
  %0 = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]} ins(%x : tensor<8xf32>) outs(%e : tensor<8xf32>) {
  ^bb0(%p: f32, %o: f32):
    %v = arith.negf %p : f32
    linalg.yield %v : f32
  } -> tensor<8xf32>
  %1 = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]} ins(%i : tensor<8xindex>) outs(%e : tensor<8xf32>) {
  ^bb0(%p: index, %o: f32):
    %v = tensor.extract %0[%p] : tensor<8xf32>
    linalg.yield %v : f32
  } -> tensor<8xf32>
  func.return %1 : tensor<8xf32>
}

// -----

#id = affine_map<(i, j) -> (i, j)>

// Rows and columns have no loop in common: the sum over rows is a kernel of its own.
// CHECK-LABEL: func.func @columns(
// CHECK:         rt.kernel "exp" tile [64, 80]
// CHECK:         rt.kernel "reduce_sum" tile [80]
func.func @columns(%x: tensor<64x80xf32>) -> (tensor<64x80xf32>, tensor<80xf32>) {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<64x80xf32>
  %0 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<64x80xf32>) outs(%e : tensor<64x80xf32>) {
  ^bb0(%p: f32, %o: f32):
    %v = math.exp %p : f32
    linalg.yield %v : f32
  } -> tensor<64x80xf32>
  %e1 = tensor.empty() : tensor<80xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e1 : tensor<80xf32>) -> tensor<80xf32>
  %1 = linalg.generic {indexing_maps = [affine_map<(j, i) -> (i, j)>, affine_map<(j, i) -> (j)>], iterator_types = ["parallel", "reduction"]} ins(%0 : tensor<64x80xf32>) outs(%f : tensor<80xf32>) {
  ^bb0(%p: f32, %o: f32):
    %v = arith.addf %o, %p : f32
    linalg.yield %v : f32
  } -> tensor<80xf32>
  func.return %0, %1 : tensor<64x80xf32>, tensor<80xf32>
}

// -----

// A fill that is needed as a tensor becomes a kernel; results that are arguments stay.
// CHECK-LABEL: func.func @fill(
// CHECK-SAME:    %[[X:\w+]]: tensor<4xf32>
// CHECK:         %[[F:\w+]] = rt.kernel "fill" tile [8] ins() -> (tensor<8xf32>)
// CHECK:         func.return %[[F]], %[[X]]
func.func @fill(%x: tensor<4xf32>) -> (tensor<8xf32>, tensor<4xf32>) {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<8xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<8xf32>) -> tensor<8xf32>
  func.return %f, %x : tensor<8xf32>, tensor<4xf32>
}

// -----

// What nothing reads is no kernel.
// CHECK-LABEL: func.func @dead(
// CHECK-NOT:     rt.kernel
// CHECK:         func.return
func.func @dead(%x: tensor<8xf32>) -> tensor<8xf32> {
  %e = tensor.empty() : tensor<8xf32>
  %0 = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]} ins(%x : tensor<8xf32>) outs(%e : tensor<8xf32>) {
  ^bb0(%p: f32, %o: f32):
    %v = arith.negf %p : f32
    linalg.yield %v : f32
  } -> tensor<8xf32>
  func.return %x : tensor<8xf32>
}

// -----

// Control flow stays in the host function, with kernels in it. What the host computes comes first.
// CHECK-LABEL: func.func @loop(
// CHECK-SAME:    %[[X:.*]]: tensor<9x4xf32>, %[[C:.*]]: tensor<4xf32>)
// CHECK:         scf.for %[[I:.*]] = {{.*}} iter_args(%[[A:.*]] = %[[C]])
// CHECK:           %[[AT:.*]] = arith.subi %{{.*}}, %[[I]] : index
// CHECK:           %[[K:.*]] = rt.kernel "add" tile [4] ins(%{{.*}} = %[[A]] : tensor<4xf32>)
// CHECK:           tensor.extract_slice %[[X]][%[[AT]], 0]
// CHECK:           rt.kernel "mul" tile [4] ins(%{{.*}} = %[[K]]
// CHECK:           scf.yield
#id = affine_map<(i) -> (i)>
func.func @loop(%x: tensor<9x4xf32>, %c: tensor<4xf32>) -> tensor<4xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %c9 = arith.constant 9 : index
  %r = scf.for %i = %c0 to %c9 step %c1 iter_args(%a = %c) -> (tensor<4xf32>) {
    %e = tensor.empty() : tensor<4xf32>
    %0 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%a : tensor<4xf32>) outs(%e : tensor<4xf32>) {
    ^bb0(%p: f32, %o: f32):
      %s = arith.addf %p, %p : f32
      linalg.yield %s : f32
    } -> tensor<4xf32>
    %n = scf.for %j = %c0 to %c9 step %c1 iter_args(%b = %0) -> (tensor<4xf32>) {
      %at = arith.subi %c8, %j : index
      %row = tensor.extract_slice %x[%at, 0] [1, 4] [1, 1] : tensor<9x4xf32> to tensor<4xf32>
      scf.yield %row : tensor<4xf32>
    }
    %at = arith.subi %c8, %i : index
    %row = tensor.extract_slice %x[%at, 0] [1, 4] [1, 1] : tensor<9x4xf32> to tensor<4xf32>
    %1 = linalg.generic {indexing_maps = [#id, #id, #id, #id], iterator_types = ["parallel"]} ins(%0, %row, %n : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) outs(%e : tensor<4xf32>) {
    ^bb0(%p: f32, %q: f32, %u: f32, %o: f32):
      %s = arith.mulf %p, %q : f32
      %t = arith.mulf %s, %u : f32
      linalg.yield %t : f32
    } -> tensor<4xf32>
    scf.yield %1 : tensor<4xf32>
  }
  func.return %r : tensor<4xf32>
}

// -----

// Elementwise steps over the same rows share a kernel, although their inner loops differ.
// CHECK-LABEL: func.func @rows(
// CHECK:         rt.kernel "fused_sin_neg" tile [64]
// CHECK-NOT:     rt.kernel
// CHECK:         func.return
func.func @rows(%x: tensor<64x32xf32>) -> tensor<64x4x32xf32> {
  %e0 = tensor.empty() : tensor<64x32xf32>
  %0 = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<64x32xf32>) outs(%e0 : tensor<64x32xf32>) {
  ^bb0(%p: f32, %o: f32):
    %s = math.sin %p : f32
    linalg.yield %s : f32
  } -> tensor<64x32xf32>
  %e1 = tensor.empty() : tensor<64x4x32xf32>
  %1 = linalg.generic {indexing_maps = [affine_map<(i, k, j) -> (i, j)>, affine_map<(i, k, j) -> (i, k, j)>], iterator_types = ["parallel", "parallel", "parallel"]} ins(%0 : tensor<64x32xf32>) outs(%e1 : tensor<64x4x32xf32>) {
  ^bb0(%p: f32, %o: f32):
    %v = arith.negf %p : f32
    linalg.yield %v : f32
  } -> tensor<64x4x32xf32>
  func.return %1 : tensor<64x4x32xf32>
}

// -----

// A running reduction along rows shares the loop over rows with what reads it.
// CHECK-LABEL: func.func @running_rows(
// CHECK:         rt.kernel "fused_cumsum_exp" tile [4]
// CHECK-NOT:     rt.kernel
func.func @running_rows(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %e0 = tensor.empty() : tensor<4xf32>
  %start = linalg.fill ins(%zero : f32) outs(%e0 : tensor<4xf32>) -> tensor<4xf32>
  %e1 = tensor.empty() : tensor<4x8xf32>
  %last, %sums = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "reduction"]} ins(%x : tensor<4x8xf32>) outs(%start, %e1 : tensor<4xf32>, tensor<4x8xf32>) {
  ^bb0(%p: f32, %acc: f32, %o: f32):
    %s = arith.addf %acc, %p : f32
    linalg.yield %s, %s : f32, f32
  } -> (tensor<4xf32>, tensor<4x8xf32>)
  %e2 = tensor.empty() : tensor<4x8xf32>
  %1 = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]} ins(%sums : tensor<4x8xf32>) outs(%e2 : tensor<4x8xf32>) {
  ^bb0(%p: f32, %o: f32):
    %v = math.exp %p : f32
    linalg.yield %v : f32
  } -> tensor<4x8xf32>
  func.return %1 : tensor<4x8xf32>
}

// -----

// Short rows stay apart: each kernel is better off with vectors across all its points.
// CHECK-LABEL: func.func @short_rows(
// CHECK-COUNT-2: rt.kernel
func.func @short_rows(%x: tensor<2048x3xf32>) -> tensor<2048x4x3xf32> {
  %e0 = tensor.empty() : tensor<2048x3xf32>
  %0 = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<2048x3xf32>) outs(%e0 : tensor<2048x3xf32>) {
  ^bb0(%p: f32, %o: f32):
    %s = math.sin %p : f32
    linalg.yield %s : f32
  } -> tensor<2048x3xf32>
  %e1 = tensor.empty() : tensor<2048x4x3xf32>
  %1 = linalg.generic {indexing_maps = [affine_map<(i, k, j) -> (i, j)>, affine_map<(i, k, j) -> (i, k, j)>], iterator_types = ["parallel", "parallel", "parallel"]} ins(%0 : tensor<2048x3xf32>) outs(%e1 : tensor<2048x4x3xf32>) {
  ^bb0(%p: f32, %o: f32):
    %v = arith.negf %p : f32
    linalg.yield %v : f32
  } -> tensor<2048x4x3xf32>
  func.return %1 : tensor<2048x4x3xf32>
}

// -----

// A running reduction along columns writes its result across: a reader that goes by rows has no outer loop in common with it.
// CHECK-LABEL: func.func @running_columns(
// CHECK:         %[[S:.*]] = rt.kernel "cumsum" tile [8]
// CHECK:         rt.kernel "exp" tile [4, 8] ins(%{{.*}} = %[[S]] : tensor<4x8xf32>)
func.func @running_columns(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %e0 = tensor.empty() : tensor<8xf32>
  %start = linalg.fill ins(%zero : f32) outs(%e0 : tensor<8xf32>) -> tensor<8xf32>
  %e1 = tensor.empty() : tensor<4x8xf32>
  %last, %sums = linalg.generic {indexing_maps = [affine_map<(i, j) -> (j, i)>, affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (j, i)>], iterator_types = ["parallel", "reduction"]} ins(%x : tensor<4x8xf32>) outs(%start, %e1 : tensor<8xf32>, tensor<4x8xf32>) {
  ^bb0(%p: f32, %acc: f32, %o: f32):
    %s = arith.addf %acc, %p : f32
    linalg.yield %s, %s : f32, f32
  } -> (tensor<8xf32>, tensor<4x8xf32>)
  %e2 = tensor.empty() : tensor<4x8xf32>
  %1 = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]} ins(%sums : tensor<4x8xf32>) outs(%e2 : tensor<4x8xf32>) {
  ^bb0(%p: f32, %o: f32):
    %v = math.exp %p : f32
    linalg.yield %v : f32
  } -> tensor<4x8xf32>
  func.return %1 : tensor<4x8xf32>
}

// -----

// ONE-NOT: fused_

#id = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>

// A reduction and an elementwise reader of its result over the same rows share a kernel, which is closed.
// CHECK-LABEL: func.func @rows(
// CHECK-SAME:    %[[X:\w+]]: tensor<64x80xf32>
// CHECK-NEXT:    %[[R:\w+]] = rt.kernel "fused_max_sub" tile [64] ins(%[[A:\w+]] = %[[X]] : tensor<64x80xf32>) -> (tensor<64x80xf32>) {
// CHECK-NEXT:      %[[C:\w+]] = arith.constant
// CHECK:           linalg.fill ins(%[[C]]
// CHECK:           %[[M:\w+]] = linalg.generic {{.*}} ins(%[[A]] : tensor<64x80xf32>)
// CHECK:           ins(%[[A]], %[[M]] : tensor<64x80xf32>, tensor<64xf32>)
// CHECK:           rt.yield
// CHECK-NOT:     rt.kernel
// CHECK:         func.return %[[R]]
func.func @rows(%x: tensor<64x80xf32>) -> tensor<64x80xf32> {
  %low = arith.constant 0xFF800000 : f32
  %e0 = tensor.empty() : tensor<64xf32>
  %f = linalg.fill ins(%low : f32) outs(%e0 : tensor<64xf32>) -> tensor<64xf32>
  %0 = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]} ins(%x : tensor<64x80xf32>) outs(%f : tensor<64xf32>) {
  ^bb0(%p: f32, %o: f32):
    %v = arith.maximumf %o, %p : f32
    linalg.yield %v : f32
  } -> tensor<64xf32>
  %e1 = tensor.empty() : tensor<64x80xf32>
  %1 = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]} ins(%x, %0 : tensor<64x80xf32>, tensor<64xf32>) outs(%e1 : tensor<64x80xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %v = arith.subf %p, %q : f32
    linalg.yield %v : f32
  } -> tensor<64x80xf32>
  func.return %1 : tensor<64x80xf32>
}

// -----

// A scatter is a kernel of its own, whose tile are the dimensions that it shares with its windows.
// CHECK-LABEL: func.func @scatter(
// CHECK-NEXT:    rt.kernel "scatter" tile [3] ins(%[[U:\w+]] = %{{.*}} : tensor<4x3xf32>, %[[I:\w+]] = %{{.*}} : tensor<4x1xi64>, %[[X:\w+]] = %{{.*}} : tensor<8x3xf32>)
// CHECK-NEXT:      rt.scatter %[[U]] at %[[I]] into %[[X]]
// CHECK:           rt.yield
func.func @scatter(%x: tensor<8x3xf32>, %i: tensor<4x1xi64>, %u: tensor<4x3xf32>) -> tensor<8x3xf32> {
  %r = rt.scatter %u at %i into %x dims [0] batch_dims 0 bounds "drop" : tensor<4x3xf32>, tensor<4x1xi64>, tensor<8x3xf32> -> tensor<8x3xf32> {
  ^bb0(%old: f32, %new: f32):
    %s = arith.addf %old, %new : f32
    linalg.yield %s : f32
  }
  func.return %r : tensor<8x3xf32>
}

// -----

// A window is written by the kernel that computes it, at a place that the kernel computes first.
// CHECK-LABEL: func.func @window(
// CHECK-NEXT:    rt.kernel "neg_update" tile [3] ins(%[[I:\w+]] = %{{.*}} : tensor<i64>, %[[U:\w+]] = %{{.*}} : tensor<3xf32>, %[[X:\w+]] = %{{.*}} : tensor<8xf32>)
// CHECK-NEXT:      %[[S:.*]] = tensor.extract %[[I]][]
// CHECK-NEXT:      %[[O:.*]] = arith.index_cast %[[S]]
// CHECK:           %[[W:.*]] = linalg.generic
// CHECK:           tensor.insert_slice %[[W]] into %[[X]][%[[O]]] [3] [2]
func.func @window(%x: tensor<8xf32>, %u: tensor<3xf32>, %i: tensor<i64>) -> tensor<8xf32> {
  %e = tensor.empty() : tensor<3xf32>
  %n = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      ins(%u : tensor<3xf32>) outs(%e : tensor<3xf32>) {
  ^bb0(%p: f32, %o: f32):
    %q = arith.negf %p : f32
    linalg.yield %q : f32
  } -> tensor<3xf32>
  %s = tensor.extract %i[] : tensor<i64>
  %at = arith.index_cast %s : i64 to index
  %r = tensor.insert_slice %n into %x[%at] [3] [2] : tensor<3xf32> into tensor<8xf32>
  func.return %r : tensor<8xf32>
}

// -----

// Two windows of one tensor are two kernels: the second is written when all of the first is there.
// CHECK-LABEL: func.func @windows(
// CHECK:         %[[A:.*]] = rt.kernel "update" tile [3]
// CHECK:         rt.kernel "update" tile [3] ins(%{{.*}} = %{{.*}} : tensor<3xf32>, %{{.*}} = %[[A]] : tensor<8xf32>)
func.func @windows(%x: tensor<8xf32>, %u: tensor<3xf32>) -> tensor<8xf32> {
  %r = tensor.insert_slice %u into %x[0] [3] [1] : tensor<3xf32> into tensor<8xf32>
  %s = tensor.insert_slice %u into %r[4] [3] [1] : tensor<3xf32> into tensor<8xf32>
  func.return %s : tensor<8xf32>
}

// -----

// A window computed from other elements of what it is part of is computed aside in a loop, so that the loop copies no more than it.
// CHECK-LABEL: func.func @recurrence(
// CHECK:         scf.for
// CHECK:           %[[W:.*]] = rt.kernel "sin" tile [1]
// CHECK:           rt.kernel "update" tile [1] ins({{.*}} = %[[W]]
func.func @recurrence(%x: tensor<8xf32>) -> tensor<8xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c7 = arith.constant 7 : index
  %r = scf.for %k = %c0 to %c7 step %c1 iter_args(%y = %x) -> (tensor<8xf32>) {
    %e = tensor.empty() : tensor<1xf32>
    %s = linalg.generic {indexing_maps = [affine_map<(i) -> (i + 2)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
        ins(%y : tensor<8xf32>) outs(%e : tensor<1xf32>) {
    ^bb0(%p: f32, %o: f32):
      %q = math.sin %p : f32
      linalg.yield %q : f32
    } -> tensor<1xf32>
    %z = tensor.insert_slice %s into %y[3] [1] [1] : tensor<1xf32> into tensor<8xf32>
    scf.yield %z : tensor<8xf32>
  }
  func.return %r : tensor<8xf32>
}

// -----

// What a later operation reads, too, does not join a kernel that waits for a large one: the rows would then take two kernels.
// CHECK-LABEL: func.func @unblocked(
// CHECK:         %[[C:.*]] = rt.kernel "reduce_sum" tile [] ins(%{{.*}} = %{{.*}} : tensor<8xf32>)
// CHECK:         %[[R:.*]], %{{.*}} = rt.kernel "fused_sum_fma" tile [64] ins({{.*}} = %[[C]] : tensor<f32>)
// CHECK:         rt.kernel "fused_sum_div" tile [] ins(%{{.*}} = %[[R]] : tensor<64xf32>, %{{.*}} = %[[C]] : tensor<f32>)
// CHECK-NOT:     rt.kernel
func.func @unblocked(%x: tensor<64x100xf32>, %v: tensor<8xf32>) -> (tensor<f32>, tensor<64x100xf32>) {
  %zero = arith.constant 0.0 : f32
  %e0 = tensor.empty() : tensor<64xf32>
  %f0 = linalg.fill ins(%zero : f32) outs(%e0 : tensor<64xf32>) -> tensor<64xf32>
  %rows = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<64x100xf32>) outs(%f0 : tensor<64xf32>) {
  ^bb0(%p: f32, %acc: f32):
    %s = arith.addf %acc, %p : f32
    linalg.yield %s : f32
  } -> tensor<64xf32>
  %e1 = tensor.empty() : tensor<f32>
  %f1 = linalg.fill ins(%zero : f32) outs(%e1 : tensor<f32>) -> tensor<f32>
  %count = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> ()>], iterator_types = ["reduction"]}
      ins(%v : tensor<8xf32>) outs(%f1 : tensor<f32>) {
  ^bb0(%p: f32, %acc: f32):
    %s = arith.addf %acc, %p : f32
    linalg.yield %s : f32
  } -> tensor<f32>
  %total = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> ()>], iterator_types = ["reduction"]}
      ins(%rows : tensor<64xf32>) outs(%f1 : tensor<f32>) {
  ^bb0(%p: f32, %acc: f32):
    %s = arith.addf %acc, %p : f32
    linalg.yield %s : f32
  } -> tensor<f32>
  %mean = linalg.generic {indexing_maps = [affine_map<() -> ()>, affine_map<() -> ()>, affine_map<() -> ()>], iterator_types = []}
      ins(%total, %count : tensor<f32>, tensor<f32>) outs(%e1 : tensor<f32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %s = arith.divf %p, %q : f32
    linalg.yield %s : f32
  } -> tensor<f32>
  %e2 = tensor.empty() : tensor<64x100xf32>
  %each = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>, affine_map<(i, j) -> ()>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%x, %rows, %count : tensor<64x100xf32>, tensor<64xf32>, tensor<f32>) outs(%e2 : tensor<64x100xf32>) {
  ^bb0(%p: f32, %q: f32, %c: f32, %o: f32):
    %r = math.fma %p, %c, %q : f32
    linalg.yield %r : f32
  } -> tensor<64x100xf32>
  func.return %mean, %each : tensor<f32>, tensor<64x100xf32>
}

// -----

// Without a later reader it does.
// CHECK-LABEL: func.func @joined(
// CHECK:         rt.kernel "fused_sum_mul" tile [64]
// CHECK:         rt.kernel "fused_sum_div" tile []
// CHECK-NOT:     rt.kernel
func.func @joined(%x: tensor<64x100xf32>, %v: tensor<8xf32>) -> (tensor<f32>, tensor<64x100xf32>) {
  %zero = arith.constant 0.0 : f32
  %e0 = tensor.empty() : tensor<64xf32>
  %f0 = linalg.fill ins(%zero : f32) outs(%e0 : tensor<64xf32>) -> tensor<64xf32>
  %rows = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<64x100xf32>) outs(%f0 : tensor<64xf32>) {
  ^bb0(%p: f32, %acc: f32):
    %s = arith.addf %acc, %p : f32
    linalg.yield %s : f32
  } -> tensor<64xf32>
  %e1 = tensor.empty() : tensor<f32>
  %f1 = linalg.fill ins(%zero : f32) outs(%e1 : tensor<f32>) -> tensor<f32>
  %count = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> ()>], iterator_types = ["reduction"]}
      ins(%v : tensor<8xf32>) outs(%f1 : tensor<f32>) {
  ^bb0(%p: f32, %acc: f32):
    %s = arith.addf %acc, %p : f32
    linalg.yield %s : f32
  } -> tensor<f32>
  %total = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> ()>], iterator_types = ["reduction"]}
      ins(%rows : tensor<64xf32>) outs(%f1 : tensor<f32>) {
  ^bb0(%p: f32, %acc: f32):
    %s = arith.addf %acc, %p : f32
    linalg.yield %s : f32
  } -> tensor<f32>
  %mean = linalg.generic {indexing_maps = [affine_map<() -> ()>, affine_map<() -> ()>, affine_map<() -> ()>], iterator_types = []}
      ins(%total, %count : tensor<f32>, tensor<f32>) outs(%e1 : tensor<f32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %s = arith.divf %p, %q : f32
    linalg.yield %s : f32
  } -> tensor<f32>
  %e2 = tensor.empty() : tensor<64x100xf32>
  %each = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%x, %rows : tensor<64x100xf32>, tensor<64xf32>) outs(%e2 : tensor<64x100xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %m = arith.mulf %p, %q : f32
    linalg.yield %m : f32
  } -> tensor<64x100xf32>
  func.return %mean, %each : tensor<f32>, tensor<64x100xf32>
}

// -----

// Two reductions that go through the same data are one kernel, although neither reads what the other computes.
// CHECK-LABEL: func.func @siblings(
// CHECK:         rt.kernel "fused_sum_max" tile [64] ins(%{{\w+}} = %{{\w+}} : tensor<64x100xf32>) -> (tensor<64xf32>, tensor<64xf32>)
// CHECK-NOT:     rt.kernel
func.func @siblings(%x: tensor<64x100xf32>) -> (tensor<64xf32>, tensor<64xf32>) {
  %zero = arith.constant 0.0 : f32
  %e0 = tensor.empty() : tensor<64xf32>
  %f0 = linalg.fill ins(%zero : f32) outs(%e0 : tensor<64xf32>) -> tensor<64xf32>
  %sums = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<64x100xf32>) outs(%f0 : tensor<64xf32>) {
  ^bb0(%p: f32, %acc: f32):
    %s = arith.addf %acc, %p : f32
    linalg.yield %s : f32
  } -> tensor<64xf32>
  %maxima = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<64x100xf32>) outs(%f0 : tensor<64xf32>) {
  ^bb0(%p: f32, %acc: f32):
    %s = arith.maximumf %acc, %p : f32
    linalg.yield %s : f32
  } -> tensor<64xf32>
  func.return %sums, %maxima : tensor<64xf32>, tensor<64xf32>
}

// -----

// Kernels that share but a small part of what they read stay two.
// CHECK-LABEL: func.func @strangers(
// CHECK-COUNT-2: rt.kernel "add" tile [64, 100]
func.func @strangers(%x: tensor<64x100xf32>, %y: tensor<64x100xf32>, %b: tensor<100xf32>) -> (tensor<64x100xf32>, tensor<64x100xf32>) {
  %e = tensor.empty() : tensor<64x100xf32>
  %one = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%x, %b : tensor<64x100xf32>, tensor<100xf32>) outs(%e : tensor<64x100xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %s = arith.addf %p, %q : f32
    linalg.yield %s : f32
  } -> tensor<64x100xf32>
  %two = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%y, %b : tensor<64x100xf32>, tensor<100xf32>) outs(%e : tensor<64x100xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %s = arith.addf %p, %q : f32
    linalg.yield %s : f32
  } -> tensor<64x100xf32>
  func.return %one, %two : tensor<64x100xf32>, tensor<64x100xf32>
}
