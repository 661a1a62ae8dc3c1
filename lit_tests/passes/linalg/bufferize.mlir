// RUN: dlc-opt %s -p bufferize --split-input-file | filecheck %s

// Sums along columns that are written as rows would overwrite what later columns need.
// CHECK-LABEL: func.func @turned(
// CHECK-SAME:    %[[X:\w+]]: memref<4x4xf32>, %[[OUT:\w+]]: memref<4x4xf32>)
// CHECK:         %[[PRODUCT:.*]] = memref.alloc() : memref<4x4xf32>
// CHECK:         rt.gemm %[[X]], %[[X]] into %[[PRODUCT]]
// CHECK:         rt.kernel "cumsum" tile [4] ins(%{{.*}} = %[[PRODUCT]] : memref<4x4xf32>, %{{.*}} = %[[OUT]] : memref<4x4xf32>)
func.func @turned(%x: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %0 = rt.gemm %x, %x : tensor<4x4xf32>, tensor<4x4xf32> -> tensor<4x4xf32>
  %1 = rt.kernel "cumsum" tile [4] ins(%a = %0 : tensor<4x4xf32>) -> (tensor<4x4xf32>) {
    %zero = arith.constant 0.0 : f32
    %e0 = tensor.empty() : tensor<4xf32>
    %start = linalg.fill ins(%zero : f32) outs(%e0 : tensor<4xf32>) -> tensor<4xf32>
    %e1 = tensor.empty() : tensor<4x4xf32>
    %total, %sums = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (j, i)>],
                                    iterator_types = ["parallel", "reduction"]}
        ins(%a : tensor<4x4xf32>) outs(%start, %e1 : tensor<4xf32>, tensor<4x4xf32>) {
    ^bb0(%p: f32, %acc: f32, %out: f32):
      %s = arith.addf %acc, %p : f32
      linalg.yield %s, %s : f32, f32
    } -> (tensor<4xf32>, tensor<4x4xf32>)
    rt.yield %sums : tensor<4x4xf32>
  }
  func.return %1 : tensor<4x4xf32>
}

// -----

// The product is computed in the caller's result, and the kernel overwrites it there: no temporary.
// CHECK-LABEL: func.func @in_place(
// CHECK-SAME:    %[[X:\w+]]: memref<4x4xf32>, %[[OUT:\w+]]: memref<4x4xf32>) attributes {rt.num_inputs = 1 : i64}
// CHECK-NOT:     memref.alloc
// CHECK:         rt.gemm %[[X]], %[[X]] into %[[OUT]]
// CHECK:         rt.kernel "exp" tile [16] ins(%[[A:\w+]] = %{{.*}} : memref<16xf32>) {
// CHECK:           ins(%[[A]] : memref<16xf32>) outs(%[[A]] : memref<16xf32>)
// CHECK-NOT:     memref.copy
func.func @in_place(%x: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %0 = rt.gemm %x, %x : tensor<4x4xf32>, tensor<4x4xf32> -> tensor<4x4xf32>
  %f = tensor.collapse_shape %0 [[0, 1]] : tensor<4x4xf32> into tensor<16xf32>
  %1 = rt.kernel "exp" tile [16] ins(%a = %f : tensor<16xf32>) -> (tensor<16xf32>) {
    %e = tensor.empty() : tensor<16xf32>
    %2 = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]} ins(%a : tensor<16xf32>) outs(%e : tensor<16xf32>) {
    ^bb0(%p: f32, %o: f32):
      %q = math.exp %p : f32
      linalg.yield %q : f32
    } -> tensor<16xf32>
    rt.yield %2 : tensor<16xf32>
  }
  %r = tensor.expand_shape %1 [[0, 1]] output_shape [4, 4] : tensor<16xf32> into tensor<4x4xf32>
  func.return %r : tensor<4x4xf32>
}

// -----

// An input of the function is never overwritten, nor is a value that is read later.
// CHECK-LABEL: func.func @kept(
// CHECK-SAME:    %[[X:\w+]]: memref<8xf32>, %[[OUT0:\w+]]: memref<8xf32>, %[[OUT1:\w+]]: memref<8xf32>)
// CHECK:         rt.kernel "neg" tile [8] ins(%{{.*}} = %[[X]] : memref<8xf32>, %{{.*}} = %[[OUT0]] : memref<8xf32>)
// CHECK:         rt.kernel "neg" tile [8] ins(%{{.*}} = %[[OUT0]] : memref<8xf32>, %{{.*}} = %[[OUT1]] : memref<8xf32>)
func.func @kept(%x: tensor<8xf32>) -> (tensor<8xf32>, tensor<8xf32>) {
  %0 = rt.kernel "neg" tile [8] ins(%a = %x : tensor<8xf32>) -> (tensor<8xf32>) {
    %e = tensor.empty() : tensor<8xf32>
    %2 = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]} ins(%a : tensor<8xf32>) outs(%e : tensor<8xf32>) {
    ^bb0(%p: f32, %o: f32):
      %q = arith.negf %p : f32
      linalg.yield %q : f32
    } -> tensor<8xf32>
    rt.yield %2 : tensor<8xf32>
  }
  %1 = rt.kernel "neg" tile [8] ins(%a = %0 : tensor<8xf32>) -> (tensor<8xf32>) {
    %e = tensor.empty() : tensor<8xf32>
    %2 = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]} ins(%a : tensor<8xf32>) outs(%e : tensor<8xf32>) {
    ^bb0(%p: f32, %o: f32):
      %q = arith.negf %p : f32
      linalg.yield %q : f32
    } -> tensor<8xf32>
    rt.yield %2 : tensor<8xf32>
  }
  func.return %0, %1 : tensor<8xf32>, tensor<8xf32>
}

// -----

// A kernel that reads its operand backwards must not overwrite it.
// CHECK-LABEL: func.func @reversed(
// CHECK:         %[[T:.*]] = memref.alloc() : memref<2x4xf32>
// CHECK:         rt.gemm %{{.*}}, %{{.*}} into %[[T]]
// CHECK:         rt.kernel "reverse" tile [2] ins(%{{.*}} = %[[T]] : memref<2x4xf32>, %{{.*}} = %out : memref<2x4xf32>)
func.func @reversed(%x: tensor<2x2xf32>, %y: tensor<2x4xf32>) -> tensor<2x4xf32> {
  %0 = rt.gemm %x, %y : tensor<2x2xf32>, tensor<2x4xf32> -> tensor<2x4xf32>
  %1 = rt.kernel "reverse" tile [2] ins(%a = %0 : tensor<2x4xf32>) -> (tensor<2x4xf32>) {
    %e = tensor.empty() : tensor<2x4xf32>
    %2 = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, -j + 3)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]} ins(%a : tensor<2x4xf32>) outs(%e : tensor<2x4xf32>) {
    ^bb0(%p: f32, %o: f32):
      linalg.yield %p : f32
    } -> tensor<2x4xf32>
    rt.yield %2 : tensor<2x4xf32>
  }
  func.return %1 : tensor<2x4xf32>
}

// -----

// A returned input is copied; a constant becomes a global, a splat a fill of the result.
// CHECK:         "memref.global"() {{.*}}"constant_0"
// CHECK-LABEL: func.func @constants(
// CHECK:         memref.get_global @constant_0
// CHECK:         %[[FLAT:.*]] = memref.collapse_shape %out2
// CHECK:         rt.kernel "fill" tile [6] ins(%{{.*}} = %[[FLAT]] : memref<6xf32>)
// CHECK-COUNT-2: "memref.copy"
// CHECK-NOT:     "memref.copy"
func.func @constants(%x: tensor<2xf32>) -> (tensor<2xf32>, tensor<2xf32>, tensor<2x3xf32>) {
  %c = arith.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %s = arith.constant dense<1.0> : tensor<2x3xf32>
  func.return %x, %c, %s : tensor<2xf32>, tensor<2xf32>, tensor<2x3xf32>
}

// -----

// What a kernel computes for itself only is an alloca; a fill starts a reduction.
// CHECK-LABEL: func.func @temporary(
// CHECK:         rt.kernel "scale" tile [8] ins(%[[A:\w+]] = %x : memref<8x4xf32>, %[[R:\w+]] = %out : memref<8x4xf32>) {
// CHECK:           %[[SUM:.*]] = memref.alloca() : memref<8xf32>
// CHECK-NEXT:      linalg.fill ins(%{{.*}} : f32) outs(%[[SUM]] : memref<8xf32>)
// CHECK-NEXT:      linalg.generic {{.*}} ins(%[[A]] : memref<8x4xf32>) outs(%[[SUM]] : memref<8xf32>)
// CHECK:           linalg.generic {{.*}} ins(%[[A]], %[[SUM]] : memref<8x4xf32>, memref<8xf32>) outs(%[[R]] : memref<8x4xf32>)
func.func @temporary(%x: tensor<8x4xf32>) -> tensor<8x4xf32> {
  %0 = rt.kernel "scale" tile [8] ins(%a = %x : tensor<8x4xf32>) -> (tensor<8x4xf32>) {
    %zero = arith.constant 0.0 : f32
    %er = tensor.empty() : tensor<8xf32>
    %f = linalg.fill ins(%zero : f32) outs(%er : tensor<8xf32>) -> tensor<8xf32>
    %sum = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>], iterator_types = ["parallel", "reduction"]} ins(%a : tensor<8x4xf32>) outs(%f : tensor<8xf32>) {
    ^bb0(%p: f32, %o: f32):
      %q = arith.addf %o, %p : f32
      linalg.yield %q : f32
    } -> tensor<8xf32>
    %e = tensor.empty() : tensor<8x4xf32>
    %2 = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]} ins(%a, %sum : tensor<8x4xf32>, tensor<8xf32>) outs(%e : tensor<8x4xf32>) {
    ^bb0(%p: f32, %s: f32, %o: f32):
      %q = arith.divf %p, %s : f32
      linalg.yield %q : f32
    } -> tensor<8x4xf32>
    rt.yield %2 : tensor<8x4xf32>
  }
  func.return %0 : tensor<8x4xf32>
}

// -----

// A loop that adds to what it carries works on the caller's result: nothing is allocated or copied in an iteration, and the rows
// that it reads and stacks are views.
// CHECK-LABEL: func.func @scan(
// CHECK-SAME:    %[[C:\w+]]: memref<4xf32>, %[[XS:\w+]]: memref<9x4xf32>, %[[OUT:\w+]]: memref<4xf32>, %[[YS:\w+]]: memref<9x4xf32>)
// CHECK-NOT:     memref.alloc
// CHECK:         "memref.copy"(%[[C]], %[[OUT]])
// CHECK:         scf.for %[[I:\w+]] = %{{\w+}} to %{{\w+}} step %{{\w+}} {
// CHECK-NEXT:      %[[X:\w+]] = rt.row %[[XS]][%[[I]]] : memref<9x4xf32> -> memref<4xf32>
// CHECK-NEXT:      %[[Y:\w+]] = rt.row %[[YS]][%[[I]]] : memref<9x4xf32> -> memref<4xf32>
// CHECK-NEXT:      rt.kernel "neg" tile [4] ins(%{{\w+}} = %[[OUT]] : memref<4xf32>, %{{\w+}} = %[[Y]] : memref<4xf32>)
// CHECK:           rt.kernel "add" tile [4] ins(%[[A:\w+]] = %[[OUT]] : memref<4xf32>, %{{\w+}} = %[[X]] : memref<4xf32>)
// CHECK:             outs(%[[A]] : memref<4xf32>)
// CHECK-NOT:     memref.alloc
// CHECK-NOT:     memref.copy
// CHECK:         func.return
func.func @scan(%c: tensor<4xf32>, %xs: tensor<9x4xf32>) -> (tensor<4xf32>, tensor<9x4xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c9 = arith.constant 9 : index
  %stack = tensor.empty() : tensor<9x4xf32>
  %r, %ys = scf.for %i = %c0 to %c9 step %c1 iter_args(%a = %c, %s = %stack) -> (tensor<4xf32>, tensor<9x4xf32>) {
    %x = tensor.extract_slice %xs[%i, 0] [1, 4] [1, 1] : tensor<9x4xf32> to tensor<4xf32>
    %n = rt.kernel "neg" tile [4] ins(%p = %a : tensor<4xf32>) -> (tensor<4xf32>) {
      %e = tensor.empty() : tensor<4xf32>
      %0 = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]} ins(%p : tensor<4xf32>) outs(%e : tensor<4xf32>) {
      ^bb0(%q: f32, %o: f32):
        %1 = arith.negf %q : f32
        linalg.yield %1 : f32
      } -> tensor<4xf32>
      rt.yield %0 : tensor<4xf32>
    }
    %t = tensor.insert_slice %n into %s[%i, 0] [1, 4] [1, 1] : tensor<4xf32> into tensor<9x4xf32>
    %b = rt.kernel "add" tile [4] ins(%p = %a : tensor<4xf32>, %y = %x : tensor<4xf32>) -> (tensor<4xf32>) {
      %e = tensor.empty() : tensor<4xf32>
      %0 = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]} ins(%p, %y : tensor<4xf32>, tensor<4xf32>) outs(%e : tensor<4xf32>) {
      ^bb0(%q: f32, %z: f32, %o: f32):
        %1 = arith.addf %q, %z : f32
        linalg.yield %1 : f32
      } -> tensor<4xf32>
      rt.yield %0 : tensor<4xf32>
    }
    scf.yield %b, %t : tensor<4xf32>, tensor<9x4xf32>
  }
  func.return %r, %ys : tensor<4xf32>, tensor<9x4xf32>
}

// -----

// A product cannot overwrite its operand, so two buffers take turns. After 9 iterations the last value lies in the second one:
// that is the caller's result.
// CHECK-LABEL: func.func @turns(
// CHECK-SAME:    %[[C:\w+]]: memref<4x4xf32>, %[[OUT:\w+]]: memref<4x4xf32>)
// CHECK:         %[[SPARE:\w+]] = memref.alloc() : memref<4x4xf32>
// CHECK:         "memref.copy"(%[[C]], %[[SPARE]])
// CHECK:         scf.for {{.*}} iter_args(%[[NOW:\w+]] = %[[SPARE]], %[[NEXT:\w+]] = %[[OUT]])
// CHECK-NEXT:      rt.gemm %[[NOW]], %[[NOW]] into %[[NEXT]]
// CHECK-NEXT:      scf.yield %[[NEXT]], %[[NOW]]
// CHECK-NOT:     memref.copy
// CHECK:         func.return
func.func @turns(%c: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c9 = arith.constant 9 : index
  %r = scf.for %i = %c0 to %c9 step %c1 iter_args(%a = %c) -> (tensor<4x4xf32>) {
    %b = rt.gemm %a, %a : tensor<4x4xf32>, tensor<4x4xf32> -> tensor<4x4xf32>
    scf.yield %b : tensor<4x4xf32>
  }
  func.return %r : tensor<4x4xf32>
}

// -----

// Both branches write to one destination, the caller's result; the host reads the condition.
// CHECK-LABEL: func.func @branch(
// CHECK-SAME:    %[[P:\w+]]: memref<i1>, %[[X:\w+]]: memref<4x4xf32>, %[[OUT:\w+]]: memref<4x4xf32>)
// CHECK-NOT:     memref.alloc
// CHECK:         %[[HOLDS:\w+]] = memref.load %[[P]][] : memref<i1>
// CHECK:         scf.if %[[HOLDS]] {
// CHECK-NEXT:      rt.gemm %[[X]], %[[X]] into %[[OUT]]
// CHECK-NEXT:    } else {
// CHECK-NEXT:      "memref.copy"(%[[X]], %[[OUT]])
func.func @branch(%p: tensor<i1>, %x: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %holds = tensor.extract %p[] : tensor<i1>
  %r = scf.if %holds -> (tensor<4x4xf32>) {
    %b = rt.gemm %x, %x : tensor<4x4xf32>, tensor<4x4xf32> -> tensor<4x4xf32>
    scf.yield %b : tensor<4x4xf32>
  } else {
    scf.yield %x : tensor<4x4xf32>
  }
  func.return %r : tensor<4x4xf32>
}

// -----

// What a nest of loops carries becomes its buffers, results that nothing reads included; scalars stay carried.
// CHECK-LABEL: func.func @nest(
// CHECK-SAME:    %[[X:\w+]]: memref<8xf32>, %[[OUT:\w+]]: memref<8xf32>)
// CHECK:         %[[SCRATCH:.*]] = memref.alloc() : memref<8xf32>
// CHECK:         rt.kernel "running" tile [] ins(%{{.*}} = %[[X]] : memref<8xf32>, %[[A:\w+]] = %[[OUT]] : memref<8xf32>, %[[B:\w+]] = %[[SCRATCH]] : memref<8xf32>)
// CHECK:         %{{.*}} = scf.for %[[I:.*]] = {{.*}} iter_args(%[[S:.*]] = %{{.*}}) -> (f32)
// CHECK:           memref.store %{{.*}}, %[[A]][%[[I]]]
// CHECK:           memref.store %{{.*}}, %[[B]][%[[I]]]
// CHECK:           scf.yield %{{.*}} : f32
func.func @nest(%x: tensor<8xf32>) -> tensor<8xf32> {
  %0, %1 = rt.kernel "running" tile [] ins(%a = %x : tensor<8xf32>) -> (tensor<8xf32>, tensor<8xf32>) {
    %zero = arith.constant 0.0 : f32
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c8 = arith.constant 8 : index
    %e0 = tensor.empty() : tensor<8xf32>
    %e1 = tensor.empty() : tensor<8xf32>
    %r:3 = scf.for %i = %c0 to %c8 step %c1 iter_args(%p = %e0, %q = %e1, %s = %zero) -> (tensor<8xf32>, tensor<8xf32>, f32) {
      %v = tensor.extract %a[%i] : tensor<8xf32>
      %t = arith.addf %s, %v : f32
      %u = tensor.insert %t into %p[%i] : tensor<8xf32>
      %w = tensor.insert %v into %q[%i] : tensor<8xf32>
      scf.yield %u, %w, %t : tensor<8xf32>, tensor<8xf32>, f32
    }
    rt.yield %r#0, %r#1 : tensor<8xf32>, tensor<8xf32>
  }
  func.return %0 : tensor<8xf32>
}

// -----

// Sums along columns that are written as rows would overwrite what later columns need.
// CHECK-LABEL: func.func @turned(
// CHECK-SAME:    %[[X:\w+]]: memref<4x4xf32>, %[[OUT:\w+]]: memref<4x4xf32>)
// CHECK:         %[[PRODUCT:.*]] = memref.alloc() : memref<4x4xf32>
// CHECK:         rt.gemm %[[X]], %[[X]] into %[[PRODUCT]]
// CHECK:         rt.kernel "cumsum" tile [4] ins(%{{.*}} = %[[PRODUCT]] : memref<4x4xf32>, %{{.*}} = %[[OUT]] : memref<4x4xf32>)
func.func @turned(%x: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %0 = rt.gemm %x, %x : tensor<4x4xf32>, tensor<4x4xf32> -> tensor<4x4xf32>
  %1 = rt.kernel "cumsum" tile [4] ins(%a = %0 : tensor<4x4xf32>) -> (tensor<4x4xf32>) {
    %zero = arith.constant 0.0 : f32
    %e0 = tensor.empty() : tensor<4xf32>
    %start = linalg.fill ins(%zero : f32) outs(%e0 : tensor<4xf32>) -> tensor<4xf32>
    %e1 = tensor.empty() : tensor<4x4xf32>
    %total, %sums = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (j, i)>],
                                    iterator_types = ["parallel", "reduction"]}
        ins(%a : tensor<4x4xf32>) outs(%start, %e1 : tensor<4xf32>, tensor<4x4xf32>) {
    ^bb0(%p: f32, %acc: f32, %out: f32):
      %s = arith.addf %acc, %p : f32
      linalg.yield %s, %s : f32, f32
    } -> (tensor<4xf32>, tensor<4x4xf32>)
    rt.yield %sums : tensor<4x4xf32>
  }
  func.return %1 : tensor<4x4xf32>
}

// -----

// The product is computed in the caller's result, and the kernel overwrites it there: no temporary.
// CHECK-LABEL: func.func @in_place(
// CHECK-SAME:    %[[X:\w+]]: memref<4x4xf32>, %[[OUT:\w+]]: memref<4x4xf32>) attributes {rt.num_inputs = 1 : i64}
// CHECK-NOT:     memref.alloc
// CHECK:         rt.gemm %[[X]], %[[X]] into %[[OUT]]
// CHECK:         rt.kernel "exp" tile [16] ins(%[[A:\w+]] = %{{.*}} : memref<16xf32>) {
// CHECK:           ins(%[[A]] : memref<16xf32>) outs(%[[A]] : memref<16xf32>)
// CHECK-NOT:     "memref.copy"
func.func @in_place(%x: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %0 = rt.gemm %x, %x : tensor<4x4xf32>, tensor<4x4xf32> -> tensor<4x4xf32>
  %f = tensor.collapse_shape %0 [[0, 1]] : tensor<4x4xf32> into tensor<16xf32>
  %1 = rt.kernel "exp" tile [16] ins(%a = %f : tensor<16xf32>) -> (tensor<16xf32>) {
    %e = tensor.empty() : tensor<16xf32>
    %2 = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]} ins(%a : tensor<16xf32>) outs(%e : tensor<16xf32>) {
    ^bb0(%p: f32, %o: f32):
      %q = math.exp %p : f32
      linalg.yield %q : f32
    } -> tensor<16xf32>
    rt.yield %2 : tensor<16xf32>
  }
  %r = tensor.expand_shape %1 [[0, 1]] output_shape [4, 4] : tensor<16xf32> into tensor<4x4xf32>
  func.return %r : tensor<4x4xf32>
}

// -----

// A scatter writes to the buffer of its result, which starts as a copy of the operand, since inputs are never written.
// CHECK-LABEL: func.func @scatter(
// CHECK-NEXT:    "memref.copy"(%x, %out)
// CHECK-NEXT:    rt.kernel "scatter" tile [] ins(%[[U:\w+]] = %u : memref<3xf32>, %[[I:\w+]] = %i : memref<3x1xi64>, %[[R:\w+]] = %out : memref<8xf32>)
// CHECK-NEXT:      rt.scatter %[[U]] at %[[I]] into %[[R]]
func.func @scatter(%x: tensor<8xf32>, %i: tensor<3x1xi64>, %u: tensor<3xf32>) -> tensor<8xf32> {
  %0 = rt.kernel "scatter" tile [] ins(%a = %u : tensor<3xf32>, %b = %i : tensor<3x1xi64>, %c = %x : tensor<8xf32>) -> (tensor<8xf32>) {
    %r = rt.scatter %a at %b into %c dims [0] batch_dims 0 bounds "clamp" : tensor<3xf32>, tensor<3x1xi64>, tensor<8xf32> -> tensor<8xf32> {
    ^bb0(%old: f32, %new: f32):
      linalg.yield %new : f32
    }
    rt.yield %r : tensor<8xf32>
  }
  func.return %0 : tensor<8xf32>
}

// -----

// A window that is written to a value nobody needs any more is all that is written; what was there is read through it.
// CHECK-LABEL: func.func @in_place(
// CHECK:         rt.kernel "neg" {{.*}} = %out
// CHECK-NOT:     "memref.copy"
// CHECK:         rt.kernel "update" tile [3] ins(%[[A:\w+]] = %out : memref<8xf32>)
// CHECK-NEXT:      %[[W:.*]] = memref.subview %[[A]][2] [3] [1]
// CHECK-NEXT:      linalg.generic {{.*}}affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>{{.*}} ins(%[[W]] : {{.*}}) outs(%[[W]] :
func.func @in_place(%x: tensor<8xf32>) -> tensor<8xf32> {
  %y = rt.kernel "neg" tile [8] ins(%a = %x : tensor<8xf32>) -> (tensor<8xf32>) {
    %e = tensor.empty() : tensor<8xf32>
    %n = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
        ins(%a : tensor<8xf32>) outs(%e : tensor<8xf32>) {
    ^bb0(%p: f32, %o: f32):
      %q = arith.negf %p : f32
      linalg.yield %q : f32
    } -> tensor<8xf32>
    rt.yield %n : tensor<8xf32>
  }
  %0 = rt.kernel "update" tile [3] ins(%a = %y : tensor<8xf32>) -> (tensor<8xf32>) {
    %e = tensor.empty() : tensor<3xf32>
    %n = linalg.generic {indexing_maps = [affine_map<(i) -> (i + 2)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
        ins(%a : tensor<8xf32>) outs(%e : tensor<3xf32>) {
    ^bb0(%p: f32, %o: f32):
      %q = math.exp %p : f32
      linalg.yield %q : f32
    } -> tensor<3xf32>
    %r = tensor.insert_slice %n into %a[2] [3] [1] : tensor<3xf32> into tensor<8xf32>
    rt.yield %r : tensor<8xf32>
  }
  func.return %0 : tensor<8xf32>
}

// -----

// Not in place if the window is computed from elements that it overwrites elsewhere: the rest is copied first.
// CHECK-LABEL: func.func @neighbours(
// CHECK:         rt.kernel "neg" {{.*}} %[[Y:\w+]] : memref<8xf32>) {
// CHECK:         "memref.copy"(%[[Y]], %out)
// CHECK-NEXT:    rt.kernel "update" tile [3] ins(%[[A:\w+]] = %[[Y]] : memref<8xf32>, %[[R:\w+]] = %out : memref<8xf32>)
// CHECK-NEXT:      %[[W:.*]] = memref.subview %[[R]][2] [3] [1]
// CHECK-NEXT:      linalg.generic {{.*}} ins(%[[A]] : memref<8xf32>) outs(%[[W]] :
func.func @neighbours(%x: tensor<8xf32>) -> tensor<8xf32> {
  %y = rt.kernel "neg" tile [8] ins(%a = %x : tensor<8xf32>) -> (tensor<8xf32>) {
    %e = tensor.empty() : tensor<8xf32>
    %n = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
        ins(%a : tensor<8xf32>) outs(%e : tensor<8xf32>) {
    ^bb0(%p: f32, %o: f32):
      %q = arith.negf %p : f32
      linalg.yield %q : f32
    } -> tensor<8xf32>
    rt.yield %n : tensor<8xf32>
  }
  %0 = rt.kernel "update" tile [3] ins(%a = %y : tensor<8xf32>) -> (tensor<8xf32>) {
    %e = tensor.empty() : tensor<3xf32>
    %n = linalg.generic {indexing_maps = [affine_map<(i) -> (i + 1)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
        ins(%a : tensor<8xf32>) outs(%e : tensor<3xf32>) {
    ^bb0(%p: f32, %o: f32):
      linalg.yield %p : f32
    } -> tensor<3xf32>
    %r = tensor.insert_slice %n into %a[2] [3] [1] : tensor<3xf32> into tensor<8xf32>
    rt.yield %r : tensor<8xf32>
  }
  func.return %0 : tensor<8xf32>
}

// -----

// A result takes the memory of a donated input that nothing reads later; the out-parameter is left alone then.
// CHECK-LABEL: func.func @donated(%x: memref<8xf32>, %y: memref<8xf32>, %out: memref<8xf32>)
// CHECK-SAME:    rt.donated = array<i64: 1>
// CHECK-SAME:    rt.result_inputs = array<i64: 1>
// CHECK:         rt.kernel "add" tile [8] ins(%{{.*}} = %x : memref<8xf32>, %[[B:\w+]] = %y : memref<8xf32>) {
// CHECK:           outs(%[[B]] : memref<8xf32>)
// CHECK-NOT:     memref.copy
func.func @donated(%x: tensor<8xf32>, %y: tensor<8xf32>) -> tensor<8xf32> attributes {rt.donated = array<i64: 1>} {
  %0 = rt.kernel "add" tile [8] ins(%a = %x : tensor<8xf32>, %b = %y : tensor<8xf32>) -> (tensor<8xf32>) {
    %e = tensor.empty() : tensor<8xf32>
    %n = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>, affine_map<(i) -> (i)>],
        iterator_types = ["parallel"]} ins(%a, %b : tensor<8xf32>, tensor<8xf32>) outs(%e : tensor<8xf32>) {
    ^bb0(%p: f32, %q: f32, %o: f32):
      %s = arith.addf %p, %q : f32
      linalg.yield %s : f32
    } -> tensor<8xf32>
    rt.yield %n : tensor<8xf32>
  }
  func.return %0 : tensor<8xf32>
}

// -----

// Not if the donated input is read elsewhere than where the result is written.
// CHECK-LABEL: func.func @shifted(%x: memref<8xf32>, %out: memref<7xf32>)
// CHECK-SAME:    rt.result_inputs = array<i64: -1>
// CHECK:           outs(%[[R:\w+]] : memref<7xf32>)
func.func @shifted(%x: tensor<8xf32>) -> tensor<7xf32> attributes {rt.donated = array<i64: 0>} {
  %0 = rt.kernel "neg" tile [7] ins(%a = %x : tensor<8xf32>) -> (tensor<7xf32>) {
    %e = tensor.empty() : tensor<7xf32>
    %n = linalg.generic {indexing_maps = [affine_map<(i) -> (i + 1)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
        ins(%a : tensor<8xf32>) outs(%e : tensor<7xf32>) {
    ^bb0(%p: f32, %o: f32):
      %q = arith.negf %p : f32
      linalg.yield %q : f32
    } -> tensor<7xf32>
    rt.yield %n : tensor<7xf32>
  }
  func.return %0 : tensor<7xf32>
}

// -----

// What a loop pads in every iteration is padded once, in front of it: the window is the same each time, and nothing else needs the rest.
// CHECK-LABEL: func.func @padded(
// CHECK:         %[[D:\w+]] = memref.alloc() : memref<6xf32>
// CHECK:         rt.kernel "fill"
// CHECK:         scf.for
// CHECK-NOT:       memref.copy
// CHECK:           rt.kernel "update" tile [4] ins(%{{.*}} = %{{.*}} : memref<4xf32>, %{{.*}} = %[[D]] : memref<6xf32>)
// CHECK:           rt.kernel "sum"
func.func @padded(%xs: tensor<5x4xf32>, %init: tensor<6xf32>) -> tensor<6xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c5 = arith.constant 5 : index
  %zero = rt.kernel "fill" tile [6] ins() -> (tensor<6xf32>) {
    %e = tensor.empty() : tensor<6xf32>
    %z = arith.constant 0.0 : f32
    %f = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>], iterator_types = ["parallel"]} outs(%e : tensor<6xf32>) {
    ^bb0(%o: f32):
      linalg.yield %z : f32
    } -> tensor<6xf32>
    rt.yield %f : tensor<6xf32>
  }
  %r = scf.for %i = %c0 to %c5 step %c1 iter_args(%acc = %init) -> (tensor<6xf32>) {
    %x = tensor.extract_slice %xs[%i, 0] [1, 4] [1, 1] : tensor<5x4xf32> to tensor<4xf32>
    %p = rt.kernel "update" tile [4] ins(%a = %x : tensor<4xf32>, %d = %zero : tensor<6xf32>) -> (tensor<6xf32>) {
      %e = tensor.empty() : tensor<4xf32>
      %w = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
          ins(%a : tensor<4xf32>) outs(%e : tensor<4xf32>) {
      ^bb0(%v: f32, %o: f32):
        linalg.yield %v : f32
      } -> tensor<4xf32>
      %n = tensor.insert_slice %w into %d[1] [4] [1] : tensor<4xf32> into tensor<6xf32>
      rt.yield %n : tensor<6xf32>
    }
    %s = rt.kernel "sum" tile [6] ins(%a = %p : tensor<6xf32>, %b = %acc : tensor<6xf32>) -> (tensor<6xf32>) {
      %e = tensor.empty() : tensor<6xf32>
      %w = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
          ins(%a, %b : tensor<6xf32>, tensor<6xf32>) outs(%e : tensor<6xf32>) {
      ^bb0(%v: f32, %w0: f32, %o: f32):
        %t = arith.addf %v, %w0 : f32
        linalg.yield %t : f32
      } -> tensor<6xf32>
      rt.yield %w : tensor<6xf32>
    }
    scf.yield %s : tensor<6xf32>
  }
  func.return %r : tensor<6xf32>
}

// -----

// Not if what was there is needed later: the result of the function is it, too.
// CHECK-LABEL: func.func @needed_later(
// CHECK:         scf.for
// CHECK:           memref.copy
// CHECK:           rt.kernel "update"
func.func @needed_later(%xs: tensor<5x4xf32>, %init: tensor<6xf32>) -> (tensor<6xf32>, tensor<6xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c5 = arith.constant 5 : index
  %zero = rt.kernel "fill" tile [6] ins() -> (tensor<6xf32>) {
    %e = tensor.empty() : tensor<6xf32>
    %z = arith.constant 0.0 : f32
    %f = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>], iterator_types = ["parallel"]} outs(%e : tensor<6xf32>) {
    ^bb0(%o: f32):
      linalg.yield %z : f32
    } -> tensor<6xf32>
    rt.yield %f : tensor<6xf32>
  }
  %r = scf.for %i = %c0 to %c5 step %c1 iter_args(%acc = %init) -> (tensor<6xf32>) {
    %x = tensor.extract_slice %xs[%i, 0] [1, 4] [1, 1] : tensor<5x4xf32> to tensor<4xf32>
    %p = rt.kernel "update" tile [4] ins(%a = %x : tensor<4xf32>, %d = %zero : tensor<6xf32>) -> (tensor<6xf32>) {
      %e = tensor.empty() : tensor<4xf32>
      %w = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
          ins(%a : tensor<4xf32>) outs(%e : tensor<4xf32>) {
      ^bb0(%v: f32, %o: f32):
        linalg.yield %v : f32
      } -> tensor<4xf32>
      %n = tensor.insert_slice %w into %d[1] [4] [1] : tensor<4xf32> into tensor<6xf32>
      rt.yield %n : tensor<6xf32>
    }
    %s = rt.kernel "sum" tile [6] ins(%a = %p : tensor<6xf32>, %b = %acc : tensor<6xf32>) -> (tensor<6xf32>) {
      %e = tensor.empty() : tensor<6xf32>
      %w = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
          ins(%a, %b : tensor<6xf32>, tensor<6xf32>) outs(%e : tensor<6xf32>) {
      ^bb0(%v: f32, %w0: f32, %o: f32):
        %t = arith.addf %v, %w0 : f32
        linalg.yield %t : f32
      } -> tensor<6xf32>
      rt.yield %w : tensor<6xf32>
    }
    scf.yield %s : tensor<6xf32>
  }
  func.return %r, %zero : tensor<6xf32>, tensor<6xf32>
}
