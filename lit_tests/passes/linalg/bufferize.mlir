// RUN: dlc-opt %s -p bufferize --split-input-file | filecheck %s

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

// A returned input is copied; a constant becomes a global, a splat a fill.
// CHECK:         "memref.global"() {{.*}}"constant_0"
// CHECK-LABEL: func.func @constants(
// CHECK:         memref.get_global @constant_0
// CHECK:         rt.kernel "fill" tile [6]
// CHECK-COUNT-3: "memref.copy"
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

// A scatter inserts into the buffer of its result, which starts as a copy of the operand.
// CHECK-LABEL: func.func @scatter(
// CHECK:         rt.kernel "scatter" tile [] ins(%[[X:\w+]] = %x : memref<8xf32>, %[[I:\w+]] = %i : memref<3xi64>, %[[R:\w+]] = %out : memref<8xf32>)
// CHECK:           linalg.generic {{.*}} ins(%[[X]] : memref<8xf32>) outs(%[[R]] : memref<8xf32>)
// CHECK:           scf.for %[[K:\w+]] =
// CHECK:             memref.load %[[I]][%[[K]]]
// CHECK:             %[[OLD:.*]] = memref.load %[[R]]
// CHECK:             memref.store %{{.*}}, %[[R]]
func.func @scatter(%x: tensor<8xf32>, %i: tensor<3xi64>) -> tensor<8xf32> {
  %0 = rt.kernel "scatter" tile [] ins(%a = %x : tensor<8xf32>, %b = %i : tensor<3xi64>) -> (tensor<8xf32>) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c3 = arith.constant 3 : index
    %one = arith.constant 1.0 : f32
    %r = scf.for %k = %c0 to %c3 step %c1 iter_args(%t = %a) -> (tensor<8xf32>) {
      %j = tensor.extract %b[%k] : tensor<3xi64>
      %p = arith.index_cast %j : i64 to index
      %old = tensor.extract %t[%p] : tensor<8xf32>
      %new = arith.addf %old, %one : f32
      %u = tensor.insert %new into %t[%p] : tensor<8xf32>
      scf.yield %u : tensor<8xf32>
    }
    rt.yield %r : tensor<8xf32>
  }
  func.return %0 : tensor<8xf32>
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
