// RUN: dlc-opt %s -p "lower-kernels{vector-bits=0}" --split-input-file | filecheck %s

// Scalar code: one tile point per iteration, as a GPU thread runs it.
// CHECK-LABEL: func.func private @add(
// CHECK-NOT:     vector
// CHECK:         scf.for %[[I:.*]] = %lo to %hi step
// CHECK-NEXT:      %[[V:.*]] = memref.load %x[%[[I]]]
// CHECK-NEXT:      %[[R:.*]] = arith.addf %[[V]], %[[V]] : f32
// CHECK-NEXT:      memref.store %[[R]], %out[%[[I]]]
// CHECK-NOT:     vector
func.func private @add(%x: memref<100xf32>, %out: memref<100xf32>) attributes {rt.tile = array<i64: 100>} {
  linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} ins(%x : memref<100xf32>) outs(%out : memref<100xf32>) {
  ^bb0(%a: f32, %b: f32):
    %c = arith.addf %a, %a : f32
    linalg.yield %c : f32
  }
  func.return
}

// -----

// The tile is never taken apart for lanes, so every dimension of it is launched over.
// CHECK-LABEL: func.func @host(
// CHECK:         rt.launch @row_sum over [5, 32](
// CHECK-LABEL: func.func private @row_sum(
// CHECK:         scf.for %[[T:.*]] =
// CHECK:           arith.remui %[[T]]
// CHECK:           arith.divui %[[T]]
// CHECK:           %[[S:.*]] = scf.for {{.*}} -> (f32)
// CHECK:             arith.addf
// CHECK:           memref.store %[[S]]
func.func @host(%a: memref<5x32x9xf32>, %c: memref<5x32xf32>, %arena: memref<0xi8>) attributes {rt.num_inputs = 1 : i64} {
  rt.launch @row_sum over [5, 32] (%a, %c) : memref<5x32x9xf32>, memref<5x32xf32>
  func.return
}
func.func private @row_sum(%a: memref<5x32x9xf32>, %c: memref<5x32xf32>) attributes {rt.tile = array<i64: 5, 32>} {
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%c : memref<5x32xf32>)
  linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d1, d2)>, affine_map<(d0, d1, d2) -> (d0, d1)>], iterator_types = ["parallel", "parallel", "reduction"]} ins(%a : memref<5x32x9xf32>) outs(%c : memref<5x32xf32>) {
  ^bb0(%x: f32, %s: f32):
    %r = arith.addf %s, %x : f32
    linalg.yield %r : f32
  }
  func.return
}
