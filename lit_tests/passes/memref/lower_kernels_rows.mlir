// RUN: dlc-opt %s -p lower-kernels --split-input-file | filecheck %s

// The rows of a part one after the other: the row is in memory of its own, and the sum over the rows is added to.
// CHECK-LABEL: func.func private @rows(
// CHECK-SAME:    %[[LO:\w+]]: index, %[[HI:\w+]]: index, %[[X:\w+]]: memref<4x6x32xf32>, %[[Y:\w+]]: memref<4x6xf32>, %[[SUM:\w+]]: memref<4x32xf32>)
// CHECK:         memref.alloca() : memref<32xf32>
// CHECK:         scf.for %[[P:\w+]] = %[[LO]] to %[[HI]]
// CHECK:           scf.for %[[J:\w+]] =
// CHECK-NEXT:        vector.store %{{.*}}, %[[SUM]][%[[P]], %[[J]]]
// CHECK:           scf.for %[[R:\w+]] =
// CHECK:             %[[TOTAL:.*]] = scf.for %[[K:\w+]] =
// CHECK-NEXT:          vector.load %[[X]][%[[P]], %[[R]], %[[K]]]
// CHECK:             memref.store %{{.*}}, %[[Y]][%[[P]], %[[R]]]
// CHECK:             scf.for %[[L:\w+]] =
// CHECK:               vector.load %[[SUM]][%[[P]], %[[L]]]
// CHECK:               vector.store %{{.*}}, %[[SUM]][%[[P]], %[[L]]]
// CHECK-NOT:       scf.for
// CHECK:         func.return
func.func private @rows(%x: memref<4x6x32xf32>, %y: memref<4x6xf32>, %sum: memref<4x32xf32>) attributes {rt.tile = array<i64: 4>} {
  %zero = arith.constant 0.0 : f32
  %e = memref.alloca() : memref<4x6x32xf32>
  linalg.generic {indexing_maps = [affine_map<(p, r, j) -> (p, r, j)>, affine_map<(p, r, j) -> (p, r, j)>], iterator_types = ["parallel", "parallel", "parallel"]} ins(%x : memref<4x6x32xf32>) outs(%e : memref<4x6x32xf32>) {
  ^bb0(%a: f32, %b: f32):
    %c = arith.mulf %a, %a : f32
    linalg.yield %c : f32
  }
  linalg.fill ins(%zero : f32) outs(%y : memref<4x6xf32>)
  linalg.generic {indexing_maps = [affine_map<(p, r, j) -> (p, r, j)>, affine_map<(p, r, j) -> (p, r)>], iterator_types = ["parallel", "parallel", "reduction"]} ins(%e : memref<4x6x32xf32>) outs(%y : memref<4x6xf32>) {
  ^bb0(%a: f32, %b: f32):
    %c = arith.addf %b, %a : f32
    linalg.yield %c : f32
  }
  linalg.fill ins(%zero : f32) outs(%sum : memref<4x32xf32>)
  linalg.generic {indexing_maps = [affine_map<(p, j, r) -> (p, r, j)>, affine_map<(p, j, r) -> (p, r)>, affine_map<(p, j, r) -> (p, j)>], iterator_types = ["parallel", "parallel", "reduction"]} ins(%e, %y : memref<4x6x32xf32>, memref<4x6xf32>) outs(%sum : memref<4x32xf32>) {
  ^bb0(%a: f32, %m: f32, %b: f32):
    %d = arith.mulf %a, %m : f32
    %c = arith.addf %b, %d : f32
    linalg.yield %c : f32
  }
  func.return
}

// -----

// The sum is read: it must be known before any row is, so all rows go through one sweep before the next.
// CHECK-LABEL: func.func private @centred(
// CHECK:         scf.for %{{\w+}} = %lo to %hi
// CHECK-NOT:     memref.alloca() : memref<32xf32>
// CHECK:         func.return
func.func private @centred(%x: memref<4x6x32xf32>, %y: memref<4x6x32xf32>, %sum: memref<4x32xf32>) attributes {rt.tile = array<i64: 4>} {
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%sum : memref<4x32xf32>)
  linalg.generic {indexing_maps = [affine_map<(p, j, r) -> (p, r, j)>, affine_map<(p, j, r) -> (p, j)>], iterator_types = ["parallel", "parallel", "reduction"]} ins(%x : memref<4x6x32xf32>) outs(%sum : memref<4x32xf32>) {
  ^bb0(%a: f32, %b: f32):
    %c = arith.addf %b, %a : f32
    linalg.yield %c : f32
  }
  linalg.generic {indexing_maps = [affine_map<(p, r, j) -> (p, r, j)>, affine_map<(p, r, j) -> (p, j)>, affine_map<(p, r, j) -> (p, r, j)>], iterator_types = ["parallel", "parallel", "parallel"]} ins(%x, %sum : memref<4x6x32xf32>, memref<4x32xf32>) outs(%y : memref<4x6x32xf32>) {
  ^bb0(%a: f32, %s: f32, %b: f32):
    %c = arith.subf %a, %s : f32
    linalg.yield %c : f32
  }
  func.return
}
