// RUN: dlc-opt %s -p "lower-kernels{streamed-bytes=64}" --split-input-file | filecheck %s

// A large result that nobody reads again: whole lines go to memory directly, and what they are computed from is asked for early.
// CHECK-LABEL: func.func private @square(
// CHECK-SAME:    %[[LO:\w+]]: index, %[[HI:\w+]]: index, %[[X:\w+]]: memref<100xf32>, %[[OUT:\w+]]: memref<100xf32>)
// CHECK:         scf.for
// CHECK:           vector.load %[[X]][%[[I:.*]]] :
// CHECK-NEXT:      %[[AHEAD:.*]] = arith.addi %[[I]]
// CHECK-NEXT:      rt.prefetch %[[X]][%[[AHEAD]]] : memref<100xf32>
// CHECK:           vector.store %{{.*}}, %[[OUT]][%[[I]]] {nontemporal = true}
// CHECK:         func.return
func.func private @square(%x: memref<100xf32>, %out: memref<100xf32>) attributes {rt.tile = array<i64: 100>} {
  linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} ins(%x : memref<100xf32>) outs(%out : memref<100xf32>) {
  ^bb0(%a: f32, %b: f32):
    %c = arith.mulf %a, %a : f32
    linalg.yield %c : f32
  }
  func.return
}
func.func @f(%x: memref<100xf32>, %out: memref<100xf32>, %arena: memref<0xi8>) attributes {rt.num_inputs = 1 : i64} {
  rt.launch @square over [100] (%x, %out) : memref<100xf32>, memref<100xf32>
  func.return
}

// -----

// Read again by the next kernel, so it had better stay in the cache; and what a kernel reads itself is there already.
// CHECK-LABEL: func.func private @grow(
// CHECK-NOT:     nontemporal
// CHECK:         func.return
func.func private @grow(%x: memref<20xf32>, %out: memref<20xf32>) attributes {rt.tile = array<i64: 20>} {
  linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} ins(%x : memref<20xf32>) outs(%out : memref<20xf32>) {
  ^bb0(%a: f32, %b: f32):
    %c = arith.addf %a, %a : f32
    linalg.yield %c : f32
  }
  func.return
}
// CHECK-LABEL: func.func private @add_in_place(
// CHECK-NOT:     nontemporal
// CHECK:         func.return
func.func private @add_in_place(%x: memref<20xf32>, %out: memref<20xf32>) attributes {rt.tile = array<i64: 20>} {
  linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} ins(%x : memref<20xf32>) outs(%out : memref<20xf32>) {
  ^bb0(%a: f32, %b: f32):
    %c = arith.addf %a, %b : f32
    linalg.yield %c : f32
  }
  func.return
}
func.func @f(%x: memref<20xf32>, %between: memref<20xf32>, %out: memref<20xf32>, %arena: memref<0xi8>) attributes {rt.num_inputs = 1 : i64} {
  rt.launch @grow over [20] (%x, %between) : memref<20xf32>, memref<20xf32>
  rt.launch @grow over [20] (%between, %out) : memref<20xf32>, memref<20xf32>
  rt.launch @add_in_place over [20] (%x, %out) : memref<20xf32>, memref<20xf32>
  func.return
}
