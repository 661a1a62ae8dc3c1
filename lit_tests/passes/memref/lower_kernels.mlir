// RUN: dlc-opt %s -p lower-kernels --split-input-file | filecheck %s

// A flat kernel: whole vectors only. They start at multiples of their size, and the last one ends where the tile does.
// CHECK-LABEL: func.func private @square(
// CHECK-SAME:    %[[LO:\w+]]: index, %[[HI:\w+]]: index, %[[X:\w+]]: memref<100xf32>, %[[OUT:\w+]]: memref<100xf32>)
// CHECK-NOT:     rt.tile
// CHECK:         %[[QUOTIENT:.*]] = arith.divui %[[LO]], %[[EIGHT:.*]] : index
// CHECK:         %[[START:.*]] = arith.muli %[[QUOTIENT]], %[[EIGHT]] : index
// CHECK:         %[[LAST:.*]] = arith.constant 92 : index
// CHECK:         scf.for %[[I:.*]] = %[[START]] to %[[HI]] step %[[EIGHT]]
// CHECK-NEXT:      %[[AT:.*]] = arith.minsi %[[I]], %[[LAST]] : index
// CHECK-NEXT:      %[[V:.*]] = vector.load %[[X]][%[[AT]]] : memref<100xf32>, vector<8xf32>
// CHECK-NEXT:      %[[R:.*]] = arith.mulf %[[V]], %[[V]] : vector<8xf32>
// CHECK-NEXT:      vector.store %[[R]], %[[OUT]][%[[AT]]] : memref<100xf32>, vector<8xf32>
// CHECK-NOT:     scf.for
// CHECK-NOT:     linalg
func.func private @square(%x: memref<100xf32>, %out: memref<100xf32>) attributes {rt.tile = array<i64: 100>} {
  linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} ins(%x : memref<100xf32>) outs(%out : memref<100xf32>) {
  ^bb0(%a: f32, %b: f32):
    %c = arith.mulf %a, %a : f32
    linalg.yield %c : f32
  }
  func.return
}

// -----

// What is read is written: no point may be computed twice, so whole vectors from the start of the range are followed by a masked one.
// CHECK-LABEL: func.func private @square_in_place(
// CHECK-SAME:    %[[LO:\w+]]: index, %[[HI:\w+]]: index, %[[X:\w+]]: memref<100xf32>)
// CHECK:         scf.for %[[I:.*]] = %[[LO]] to %[[MIDDLE:.*]] step
// CHECK-NEXT:      %[[V:.*]] = vector.load %[[X]][%[[I]]] : memref<100xf32>, vector<8xf32>
// CHECK-NEXT:      %[[R:.*]] = arith.mulf %[[V]], %[[V]] : vector<8xf32>
// CHECK-NEXT:      vector.store %[[R]], %[[X]][%[[I]]] : memref<100xf32>, vector<8xf32>
// CHECK:         scf.for %[[T:.*]] = %[[MIDDLE]] to %[[HI]] step
// CHECK:           %[[MASK:.*]] = vector.create_mask
// CHECK:           vector.maskedload %[[X]][%[[T]]], %[[MASK]]
// CHECK:           vector.maskedstore %[[X]][%[[T]]], %[[MASK]]
func.func private @square_in_place(%x: memref<100xf32>) attributes {rt.tile = array<i64: 100>} {
  linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} outs(%x : memref<100xf32>) {
  ^bb0(%a: f32):
    %c = arith.mulf %a, %a : f32
    linalg.yield %c : f32
  }
  func.return
}

// -----

// Three sweeps over the row; the row maximum and sum stay in registers, only the exponentials of one row are in memory.
// CHECK-LABEL: func.func private @softmax(
// CHECK:         memref.alloca() : memref<128xf32>
// CHECK-NOT:     memref.alloca
// CHECK:         scf.for
// CHECK:           %[[MAX:.*]] = scf.for
// CHECK:             arith.maximumf {{.*}} : vector<32xf32>
// CHECK:           vector.reduction <maximumf>
// CHECK:           scf.for
// CHECK:             math.exp {{.*}} : vector<8xf32>
// CHECK:             vector.store
// CHECK:             arith.addf
// CHECK:           vector.reduction <add>
// CHECK:           scf.for
// CHECK:             arith.divf {{.*}} : vector<8xf32>
// CHECK:             vector.store
// CHECK-NOT:       scf.for
// CHECK:         func.return
func.func private @softmax(%x: memref<64x128xf32>, %out: memref<64x128xf32>) attributes {rt.tile = array<i64: 64>} {
  %low = arith.constant 0xff800000 : f32
  %zero = arith.constant 0.0 : f32
  %max = memref.alloca() : memref<64xf32>
  linalg.fill ins(%low : f32) outs(%max : memref<64xf32>)
  linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0)>], iterator_types = ["parallel", "reduction"]} ins(%x : memref<64x128xf32>) outs(%max : memref<64xf32>) {
  ^bb0(%a: f32, %m: f32):
    %r = arith.maximumf %m, %a : f32
    linalg.yield %r : f32
  }
  %exp = memref.alloca() : memref<64x128xf32>
  linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%x, %max : memref<64x128xf32>, memref<64xf32>) outs(%exp : memref<64x128xf32>) {
  ^bb0(%a: f32, %m: f32, %o: f32):
    %d = arith.subf %a, %m : f32
    %e = math.exp %d : f32
    linalg.yield %e : f32
  }
  %sum = memref.alloca() : memref<64xf32>
  linalg.fill ins(%zero : f32) outs(%sum : memref<64xf32>)
  linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0)>], iterator_types = ["parallel", "reduction"]} ins(%exp : memref<64x128xf32>) outs(%sum : memref<64xf32>) {
  ^bb0(%e: f32, %s: f32):
    %r = arith.addf %s, %e : f32
    linalg.yield %r : f32
  }
  linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%exp, %sum : memref<64x128xf32>, memref<64xf32>) outs(%out : memref<64x128xf32>) {
  ^bb0(%e: f32, %s: f32, %o: f32):
    %r = arith.divf %e, %s : f32
    linalg.yield %r : f32
  }
  func.return
}

// -----

// A row of two vectors: straight-line code, the row is loaded once and no temporary is in memory.
// CHECK-LABEL: func.func private @short_rows(
// CHECK-NOT:     memref.alloca
// CHECK:         scf.for
// CHECK-COUNT-2:   vector.load
// CHECK-NOT:       scf.for
// CHECK-NOT:       vector.load
// CHECK:           vector.store
// CHECK:           vector.store
// CHECK:         func.return
func.func private @short_rows(%x: memref<3x16xf32>, %out: memref<3x16xf32>) attributes {rt.tile = array<i64: 3>} {
  %low = arith.constant 0xff800000 : f32
  %zero = arith.constant 0.0 : f32
  %max = memref.alloca() : memref<3xf32>
  linalg.fill ins(%low : f32) outs(%max : memref<3xf32>)
  linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0)>], iterator_types = ["parallel", "reduction"]} ins(%x : memref<3x16xf32>) outs(%max : memref<3xf32>) {
  ^bb0(%a: f32, %m: f32):
    %r = arith.maximumf %m, %a : f32
    linalg.yield %r : f32
  }
  %exp = memref.alloca() : memref<3x16xf32>
  linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%x, %max : memref<3x16xf32>, memref<3xf32>) outs(%exp : memref<3x16xf32>) {
  ^bb0(%a: f32, %m: f32, %o: f32):
    %d = arith.subf %a, %m : f32
    %e = math.exp %d : f32
    linalg.yield %e : f32
  }
  %sum = memref.alloca() : memref<3xf32>
  linalg.fill ins(%zero : f32) outs(%sum : memref<3xf32>)
  linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0)>], iterator_types = ["parallel", "reduction"]} ins(%exp : memref<3x16xf32>) outs(%sum : memref<3xf32>) {
  ^bb0(%e: f32, %s: f32):
    %r = arith.addf %s, %e : f32
    linalg.yield %r : f32
  }
  linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%exp, %sum : memref<3x16xf32>, memref<3xf32>) outs(%out : memref<3x16xf32>) {
  ^bb0(%e: f32, %s: f32, %o: f32):
    %r = arith.divf %e, %s : f32
    linalg.yield %r : f32
  }
  func.return
}

// -----

// A sum over rows: the lanes are columns, and the loop over the rows is outside of that over the columns.
// CHECK-LABEL: func.func private @column_sum(
// CHECK-SAME:    %[[X:\w+]]: memref<4096x1024xf32>, %[[OUT:\w+]]: memref<1024xf32>)
// CHECK:         scf.for %[[BLOCK:.*]] =
// CHECK:           vector.maskedstore %[[OUT]]
// CHECK:           scf.for %[[ROW:.*]] =
// CHECK:             scf.for %[[COLUMN:.*]] =
// CHECK:               vector.load %[[OUT]][%[[COLUMN]]]
// CHECK:               vector.load %[[X]][%[[ROW]], %[[COLUMN]]]
// CHECK:               arith.addf
// CHECK:               vector.store {{.*}} %[[OUT]][%[[COLUMN]]]
func.func private @column_sum(%x: memref<4096x1024xf32>, %out: memref<1024xf32>) attributes {rt.tile = array<i64: 1024>} {
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%out : memref<1024xf32>)
  linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d1, d0)>, affine_map<(d0, d1) -> (d0)>], iterator_types = ["parallel", "reduction"]} ins(%x : memref<4096x1024xf32>) outs(%out : memref<1024xf32>) {
  ^bb0(%a: f32, %s: f32):
    %r = arith.addf %s, %a : f32
    linalg.yield %r : f32
  }
  func.return
}

// -----

// Lanes along the last of two tile dimensions: the kernel is launched over the first only.
// CHECK-LABEL: func.func @host(
// CHECK:         rt.launch @matmul over [5](
// CHECK-LABEL: func.func private @matmul(
// CHECK:         scf.for
// CHECK:           %[[C:.*]] = scf.for {{.*}} -> (vector<8xf64>)
// CHECK:             vector.load
// CHECK:             arith.mulf {{.*}} : vector<8xf64>
func.func @host(%a: memref<5x9xf64>, %b: memref<9x32xf64>, %c: memref<5x32xf64>, %arena: memref<0xi8>) attributes {rt.num_inputs = 2 : i64} {
  rt.launch @matmul over [5, 32] (%a, %b, %c) : memref<5x9xf64>, memref<9x32xf64>, memref<5x32xf64>
  func.return
}
func.func private @matmul(%a: memref<5x9xf64>, %b: memref<9x32xf64>, %c: memref<5x32xf64>) attributes {rt.tile = array<i64: 5, 32>} {
  %zero = arith.constant 0.0 : f64
  linalg.fill ins(%zero : f64) outs(%c : memref<5x32xf64>)
  linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d2)>, affine_map<(d0, d1, d2) -> (d2, d1)>, affine_map<(d0, d1, d2) -> (d0, d1)>], iterator_types = ["parallel", "parallel", "reduction"]} ins(%a, %b : memref<5x9xf64>, memref<9x32xf64>) outs(%c : memref<5x32xf64>) {
  ^bb0(%x: f64, %y: f64, %s: f64):
    %p = arith.mulf %x, %y : f64
    %r = arith.addf %s, %p : f64
    linalg.yield %r : f64
  }
  func.return
}

// -----

// A reduction over three is written out: no loop, and what does not depend on the column is loaded once per row.
// CHECK-LABEL: func.func private @short(
// CHECK:         scf.for
// CHECK-COUNT-3:   vector.broadcast
// CHECK:           scf.for
// CHECK-COUNT-3:     arith.mulf {{.*}} : vector<8xf64>
// CHECK-NOT:         scf.for
// CHECK:             vector.store
func.func private @short(%a: memref<5x3xf64>, %b: memref<3x32xf64>, %c: memref<5x32xf64>) attributes {rt.tile = array<i64: 5, 32>} {
  %zero = arith.constant 0.0 : f64
  linalg.fill ins(%zero : f64) outs(%c : memref<5x32xf64>)
  linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d2)>, affine_map<(d0, d1, d2) -> (d2, d1)>, affine_map<(d0, d1, d2) -> (d0, d1)>], iterator_types = ["parallel", "parallel", "reduction"]} ins(%a, %b : memref<5x3xf64>, memref<3x32xf64>) outs(%c : memref<5x32xf64>) {
  ^bb0(%x: f64, %y: f64, %s: f64):
    %p = arith.mulf %x, %y : f64
    %r = arith.addf %s, %p : f64
    linalg.yield %r : f64
  }
  func.return
}

// -----

// What does not depend on the column is computed once per row, what does not depend on the row once.
// CHECK-LABEL: func.func private @hoist(
// CHECK:         %[[RATE:.*]] = memref.load
// CHECK:         scf.for
// CHECK:           %[[G:.*]] = memref.load
// CHECK:           %[[STEP:.*]] = arith.mulf %[[G]], %[[RATE]] : f32
// CHECK:           vector.broadcast %[[STEP]]
// CHECK:           scf.for
// CHECK-NOT:         memref.load
// CHECK:             vector.store
func.func private @hoist(%rate: memref<f32>, %g: memref<8xf32>, %x: memref<8x64xf32>, %out: memref<8x64xf32>) attributes {rt.tile = array<i64: 8>} {
  linalg.generic {indexing_maps = [affine_map<(d0, d1) -> ()>, affine_map<(d0, d1) -> (d0)>, affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%rate, %g, %x : memref<f32>, memref<8xf32>, memref<8x64xf32>) outs(%out : memref<8x64xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32, %o: f32):
    %s = arith.mulf %b, %a : f32
    %r = arith.addf %c, %s : f32
    linalg.yield %r : f32
  }
  func.return
}

// -----

// Rows picked by an index: the row is the same in all lanes, so its elements are one vector load.
// CHECK-LABEL: func.func private @embedding(
// CHECK-SAME:    %[[TABLE:\w+]]: memref<100x64xf32>
// CHECK:           %[[I:.*]] = memref.load
// CHECK:           %[[ROW:.*]] = arith.index_cast %[[I]] : i64 to index
// CHECK:           scf.for %[[J:.*]] =
// CHECK-NEXT:        vector.load %[[TABLE]][%[[ROW]], %[[J]]]
func.func private @embedding(%i: memref<8xi64>, %table: memref<100x64xf32>, %out: memref<8x64xf32>) attributes {rt.tile = array<i64: 8>} {
  linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%i : memref<8xi64>) outs(%out : memref<8x64xf32>) {
  ^bb0(%a: i64, %o: f32):
    %row = arith.index_cast %a : i64 to index
    %column = linalg.index 1 : index
    %r = memref.load %table[%row, %column] : memref<100x64xf32>
    linalg.yield %r : f32
  }
  func.return
}

// -----

// A reduction that cannot be reordered (the last nonzero element) runs point by point.
// CHECK-LABEL: func.func private @last_nonzero(
// CHECK-NOT:     vector
// CHECK:         func.return
func.func private @last_nonzero(%x: memref<100xf32>, %out: memref<f32>) attributes {rt.tile = array<i64>} {
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%out : memref<f32>)
  linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> ()>], iterator_types = ["reduction"]} ins(%x : memref<100xf32>) outs(%out : memref<f32>) {
  ^bb0(%a: f32, %last: f32):
    %c = arith.cmpf une, %a, %zero : f32
    %r = arith.select %c, %a, %last : f32
    linalg.yield %r : f32
  }
  func.return
}

// -----

// Integer division traps on zero, so lanes beyond the end are not computed: the tail is scalar.
// CHECK-LABEL: func.func private @remainder(
// CHECK:         arith.remsi {{.*}} : vector<8xi32>
// CHECK-NOT:     mask
// CHECK:         arith.remsi {{.*}} : i32
func.func private @remainder(%x: memref<20xi32>, %y: memref<20xi32>) attributes {rt.tile = array<i64: 20>} {
  linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} ins(%x : memref<20xi32>) outs(%y : memref<20xi32>) {
  ^bb0(%a: i32, %b: i32):
    %r = arith.remsi %a, %b : i32
    linalg.yield %r : i32
  }
  func.return
}

// -----

// A kernel that works in place reads each vector before it writes it.
// CHECK-LABEL: func.func private @in_place(
// CHECK-SAME:    %[[X:\w+]]: memref<64xf32>)
// CHECK:         vector.load %[[X]]
// CHECK:         vector.store {{.*}} %[[X]]
func.func private @in_place(%x: memref<64xf32>) attributes {rt.tile = array<i64: 64>} {
  linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} ins(%x : memref<64xf32>) outs(%x : memref<64xf32>) {
  ^bb0(%a: f32, %o: f32):
    %r = arith.addf %a, %a : f32
    linalg.yield %r : f32
  }
  func.return
}

// -----

// A scatter takes whole rows, in vectors, one update after the other.
// CHECK-LABEL: func.func private @scatter(
// CHECK:         scf.for %[[B:.*]] = %lo to %hi
// CHECK:           scf.for %[[U:.*]] =
// CHECK:             %[[J:.*]] = memref.load %i[%[[U]]
// CHECK:             %[[P:.*]] = arith.minsi
// CHECK:             scf.for %[[C:.*]] =
// CHECK:               %[[NEW:.*]] = vector.load %u[%[[U]], %[[C]]]
// CHECK:               %[[OLD:.*]] = vector.load %x[%[[P]], %[[C]]]
// CHECK:               %[[SUM:.*]] = arith.addf %[[OLD]], %[[NEW]]
// CHECK:               vector.store %[[SUM]], %x[%[[P]], %[[C]]]
func.func private @scatter(%u: memref<5x64xf32>, %i: memref<5x1xi64>, %x: memref<9x64xf32>) attributes {rt.tile = array<i64: 64>} {
  rt.scatter %u at %i into %x dims [0] batch_dims 0 bounds "clamp" : memref<5x64xf32>, memref<5x1xi64>, memref<9x64xf32> {
  ^bb0(%old: f32, %new: f32):
    %s = arith.addf %old, %new : f32
    linalg.yield %s : f32
  }
  func.return
}

// -----

// A window is part of a buffer, at a place that may move.
// CHECK-LABEL: func.func private @window(
// CHECK:         %[[O:.*]] = memref.load %at[]
// CHECK:         vector.store %{{.*}}, %out[%[[O]], %{{.*}}]
// CHECK-NOT:     store
func.func private @window(%x: memref<1x8xf32>, %at: memref<index>, %out: memref<4x8xf32>) attributes {rt.tile = array<i64: 1>} {
  %o = memref.load %at[] : memref<index>
  %w = memref.subview %out[%o, 0] [1, 8] [1, 1] : memref<4x8xf32> to memref<1x8xf32, strided<[8, 1], offset: ?>>
  linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]}
      ins(%x : memref<1x8xf32>) outs(%w : memref<1x8xf32, strided<[8, 1], offset: ?>>) {
  ^bb0(%p: f32, %q: f32):
    linalg.yield %p : f32
  }
  func.return
}

// -----

// Consecutive elements at a clamped index are one vector, unless the clamp moves some of them.
// CHECK-LABEL: func.func private @pad(
// CHECK:         scf.for
// CHECK:           %[[I:.*]] = arith.minsi
// CHECK:           %[[J:.*]] = arith.subi %[[I]], %{{.*}} : index
// CHECK:           %[[V:.*]] = scf.if %{{.*}} -> (vector<8xf32>) {
// CHECK-NEXT:        vector.load %x[%[[J]]]
// CHECK-NEXT:        scf.yield
// CHECK-NEXT:      } else {
// CHECK-COUNT-8:     memref.load %x
// CHECK:           arith.select %{{.*}}, %[[V]]
func.func private @pad(%x: memref<1000xf32>, %out: memref<1003xf32>) attributes {rt.tile = array<i64: 1003>} {
  linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} outs(%out : memref<1003xf32>) {
  ^bb0(%o: f32):
    %c0 = arith.constant 0 : index
    %c3 = arith.constant 3 : index
    %c999 = arith.constant 999 : index
    %zero = arith.constant 0.0 : f32
    %i = linalg.index 0 : index
    %j = arith.subi %i, %c3 : index
    %inside = arith.cmpi sge, %j, %c0 : index
    %low = arith.maxsi %j, %c0 : index
    %high = arith.minsi %low, %c999 : index
    %v = memref.load %x[%high] : memref<1000xf32>
    %r = arith.select %inside, %v, %zero : f32
    linalg.yield %r : f32
  }
  func.return
}

// -----

// Loops that touch memory stay as they are.
// CHECK-LABEL: func.func private @loops(
// CHECK:         scf.for {{.*}} = %lo to %hi
// CHECK:           vector.store
// CHECK:           scf.for
// CHECK:             memref.load
// CHECK:             memref.store
func.func private @loops(%i: memref<5xindex>, %out: memref<64xf32>) attributes {rt.tile = array<i64>} {
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1.0 : f32
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c5 = arith.constant 5 : index
  linalg.fill ins(%zero : f32) outs(%out : memref<64xf32>)
  scf.for %j = %c0 to %c5 step %c1 {
    %k = memref.load %i[%j] : memref<5xindex>
    %old = memref.load %out[%k] : memref<64xf32>
    %new = arith.addf %old, %one : f32
    memref.store %new, %out[%k] : memref<64xf32>
  }
  func.return
}

// -----

// A kernel without points does nothing.
// CHECK-LABEL: func.func private @empty(
// CHECK-NEXT:    func.return
func.func private @empty(%x: memref<0x4xf32>) attributes {rt.tile = array<i64: 0>} {
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%x : memref<0x4xf32>)
  func.return
}

// -----

// Host functions are left alone.
// CHECK-LABEL: func.func @host_only(
// CHECK-SAME:    %{{\w+}}: memref<4xf32>, %{{\w+}}: memref<4xf32>, %{{\w+}}: memref<0xi8>)
// CHECK-NEXT:    "memref.copy"
func.func @host_only(%x: memref<4xf32>, %out: memref<4xf32>, %arena: memref<0xi8>) attributes {rt.num_inputs = 1 : i64} {
  "memref.copy"(%x, %out) : (memref<4xf32>, memref<4xf32>) -> ()
  func.return
}

// -----

// A running reduction along rows carries its state in a register and stores at every step, in order: no vectors.
// CHECK-LABEL: func.func private @running_rows(
// CHECK-NOT:     memref.alloca
// CHECK:         scf.for %[[I:\w+]] = %{{.*}} to
// CHECK:           scf.for %[[J:\w+]] = {{.*}} iter_args(%[[SUM:\w+]] = %{{.*}}) -> (f32)
// CHECK-NEXT:        %[[P:\w+]] = memref.load %{{\w+}}[%[[I]], %[[J]]]
// CHECK:             %[[S:\w+]] = arith.addf %[[SUM]], %[[P]] : f32
// CHECK:             memref.store %[[S]], %{{.*}}[%[[I]], %[[J]]]
// CHECK:             scf.yield %[[S]]
func.func private @running_rows(%x: memref<5x40xf32>, %out: memref<5x40xf32>) attributes {rt.tile = array<i64: 5>} {
  %zero = arith.constant 0.0 : f32
  %last = memref.alloca() : memref<5xf32>
  linalg.fill ins(%zero : f32) outs(%last : memref<5xf32>)
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "reduction"]} ins(%x : memref<5x40xf32>) outs(%last, %out : memref<5xf32>, memref<5x40xf32>) {
  ^bb0(%p: f32, %acc: f32, %o: f32):
    %s = arith.addf %acc, %p : f32
    linalg.yield %s, %s : f32, f32
  }
  func.return
}

// -----

// Lanes of a running reduction along columns are neighbouring columns.
// CHECK-LABEL: func.func private @running_columns(
// CHECK:         scf.for %[[J:\w+]] = %{{.*}} to
// CHECK:           scf.for %[[I:\w+]] = {{.*}} iter_args(%[[SUM:\w+]] = %{{.*}}) -> (vector<8xf32>)
// CHECK:             %[[P:\w+]] = vector.load %{{.*}}[%[[I]], %[[J]]]
// CHECK:             %[[S:\w+]] = arith.addf %[[SUM]], %[[P]] : vector<8xf32>
// CHECK:             vector.store %[[S]], %{{.*}}[%[[I]], %[[J]]]
func.func private @running_columns(%x: memref<9x40xf32>, %out: memref<9x40xf32>) attributes {rt.tile = array<i64: 40>} {
  %zero = arith.constant 0.0 : f32
  %last = memref.alloca() : memref<40xf32>
  linalg.fill ins(%zero : f32) outs(%last : memref<40xf32>)
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (j, i)>, affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (j, i)>], iterator_types = ["parallel", "reduction"]} ins(%x : memref<9x40xf32>) outs(%last, %out : memref<40xf32>, memref<9x40xf32>) {
  ^bb0(%p: f32, %acc: f32, %o: f32):
    %s = arith.addf %acc, %p : f32
    linalg.yield %s, %s : f32, f32
  }
  func.return
}

// -----

// The parts of complex numbers: pairs are read once, as two vectors, and taken apart.
// CHECK-LABEL: func.func private @squared_sizes(
// CHECK:         scf.for
// CHECK:           %[[Z:.*]] = vector.load %{{.*}} : memref<200xf32>, vector<16xf32>
// CHECK-NEXT:      %[[RE:.*]] = vector.shuffle %[[Z]], %[[Z]] [0, 2, 4, 6, 8, 10, 12, 14]
// CHECK-NEXT:      %[[IM:.*]] = vector.shuffle %[[Z]], %[[Z]] [1, 3, 5, 7, 9, 11, 13, 15]
// CHECK-NEXT:      arith.mulf %[[RE]], %[[RE]] : vector<8xf32>
// CHECK-NEXT:      arith.mulf %[[IM]], %[[IM]] : vector<8xf32>
func.func private @squared_sizes(%z: memref<100x2xf32>, %out: memref<100xf32>) attributes {rt.tile = array<i64: 100>} {
  linalg.generic {indexing_maps = [affine_map<(d0) -> (d0, 0)>, affine_map<(d0) -> (d0, 1)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} ins(%z, %z : memref<100x2xf32>, memref<100x2xf32>) outs(%out : memref<100xf32>) {
  ^bb0(%re: f32, %im: f32, %o: f32):
    %0 = arith.mulf %re, %re : f32
    %1 = arith.mulf %im, %im : f32
    %2 = arith.addf %0, %1 : f32
    linalg.yield %2 : f32
  }
  func.return
}

// -----

// Pairs of which a part is at a computed place are read one by one.
// CHECK-LABEL: func.func private @reversed_pairs(
// CHECK-NOT:     vector.shuffle
// CHECK:         func.return
func.func private @reversed_pairs(%z: memref<100x2xf32>, %out: memref<100x2xf32>) attributes {rt.tile = array<i64: 100>} {
  linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, -d1 + 1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%z : memref<100x2xf32>) outs(%out : memref<100x2xf32>) {
  ^bb0(%a: f32, %o: f32):
    linalg.yield %a : f32
  }
  func.return
}

// -----

// Columns of two points, transformed together: whole vectors, no masks, and no scratch for a single step.
// CHECK-LABEL: func.func private @fft(
// CHECK-NOT:     memref.alloca
// CHECK:         scf.for
// CHECK:           vector.load %{{.*}} : memref<96xf32>, vector<16xf32>
// CHECK:           vector.load %{{.*}} : memref<96xf32>, vector<16xf32>
// CHECK:           arith.addf %{{.*}}, %{{.*}} : vector<8xf32>
// CHECK:           arith.subf %{{.*}}, %{{.*}} : vector<8xf32>
// CHECK:           vector.store %{{.*}} : memref<96xf32>, vector<16xf32>
// CHECK-NOT:     vector.masked
// CHECK:         func.return
func.func private @fft(%x: memref<3x2x8x2xf32>, %roots: memref<2xf32>, %out: memref<3x2x8x2xf32>) attributes {rt.tile = array<i64: 3, 1>} {
  rt.fft "complex" %x, %roots into %out radices [2] scale 1.0 parts 1 : memref<3x2x8x2xf32>, memref<2xf32> into memref<3x2x8x2xf32>
  func.return
}

// -----

// A row of two vectors is sorted in registers: it is loaded and stored once.
// CHECK-LABEL: func.func private @sort_group(
// CHECK-COUNT-2: vector.load %{{.*}} : memref<3x16xi32>, vector<8xi32>
// CHECK-NOT:     vector.load
// CHECK:         vector.shuffle
// CHECK:         arith.minui {{.*}} : vector<8xi32>
// CHECK:         arith.maxui {{.*}} : vector<8xi32>
// CHECK-COUNT-2: vector.store
// CHECK-NOT:     vector.store
// CHECK:         func.return
func.func private @sort_group(%x: memref<3x16xi32>) attributes {rt.tile = array<i64: 3>} {
  rt.sort_rows %x : memref<3x16xi32> into (%x : memref<3x16xi32>)
  func.return
}

// -----

// A longer one is sorted in memory, in loops over runs, without jumps and without other memory; what is not sorted in place is copied first.
// CHECK-LABEL: func.func private @sort_row(
// CHECK-SAME:    %[[X:\w+]]: memref<3x4096xi32>, %[[OUT:\w+]]: memref<3x4096xi32>)
// CHECK-NOT:     memref.alloca
// CHECK:         %[[COPIED:.*]] = vector.load %[[X]]
// CHECK-NEXT:    vector.store %[[COPIED]], %[[OUT]]
// CHECK-NOT:     %[[X]][
// CHECK-NOT:     scf.if
// CHECK:         func.return
func.func private @sort_row(%x: memref<3x4096xi32>, %out: memref<3x4096xi32>) attributes {rt.tile = array<i64: 3>} {
  rt.sort_rows %x : memref<3x4096xi32> into (%out : memref<3x4096xi32>)
  func.return
}

// -----

// Two columns are compared together: the second one where the first ones are equal.
// CHECK-LABEL: func.func private @sort_columns(
// CHECK:         arith.cmpi ult, {{.*}} : vector<4xi64>
// CHECK:         arith.cmpi ult, {{.*}} : vector<4xi64>
// CHECK:         arith.cmpi eq, {{.*}} : vector<4xi64>
// CHECK:         arith.select
// CHECK-NOT:     arith.minui
// CHECK:         func.return
func.func private @sort_columns(%x: memref<3x4xi64>, %y: memref<3x4xi64>) attributes {rt.tile = array<i64: 3>} {
  rt.sort_rows %x, %y : memref<3x4xi64>, memref<3x4xi64> into (%x, %y : memref<3x4xi64>, memref<3x4xi64>)
  func.return
}

// -----

// Rows of a group are merged a vector of each at a time; the second group lacks its fourth row.
// CHECK-LABEL: func.func private @merge(
// CHECK:         scf.for
// CHECK:           scf.for
// CHECK-COUNT-4:     vector.load
// CHECK-NOT:         vector.load
// CHECK-COUNT-4:     vector.store
// CHECK:         scf.for
// CHECK:           scf.for
// CHECK-COUNT-3:     vector.load
// CHECK-NOT:         vector.load
// CHECK-COUNT-3:     vector.store
// CHECK-NOT:     vector.store
func.func private @merge(%x: memref<7x64xi32>) attributes {rt.tile = array<i64: 2, 4>} {
  rt.merge_rows group 4 parts 4 %x : memref<7x64xi32> into (%x : memref<7x64xi32>)
  func.return
}

// -----

// Few long rows are cut into parts of whole vectors, which are launched side by side.
// CHECK-LABEL: func.func @parts_of_rows(
// CHECK:         rt.launch @scaled over [3, 2] grain 1(
// CHECK-LABEL: func.func private @scaled(
// CHECK:         scf.for %[[POINT:.*]] =
// CHECK:           arith.remui %[[POINT]]
// CHECK:           arith.minsi
// CHECK:           scf.for
// CHECK:             vector.load %{{.*}} : memref<3x40000xf32>, vector<8xf32>
func.func @parts_of_rows(%x: memref<3x40000xf32>, %s: memref<3xf32>, %out: memref<3x40000xf32>, %arena: memref<0xi8>) attributes {rt.num_inputs = 2 : i64} {
  rt.launch @scaled over [3, 40000] grain 20000 (%x, %s, %out) : memref<3x40000xf32>, memref<3xf32>, memref<3x40000xf32>
  func.return
}
func.func private @scaled(%x: memref<3x40000xf32>, %s: memref<3xf32>, %out: memref<3x40000xf32>) attributes {rt.tile = array<i64: 3, 40000>} {
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]} ins(%x, %s : memref<3x40000xf32>, memref<3xf32>) outs(%out : memref<3x40000xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %t = arith.mulf %p, %q : f32
    linalg.yield %t : f32
  }
  func.return
}

// -----

// A grain counts the points of the range that is left: rows, where lanes run along the last tile dimension. Parts are whole vectors
// where they run along the only one, and there are none where that is all of the range.
// CHECK-LABEL: func.func @grains(
// CHECK:         rt.launch @columns over [64] grain 16(
// CHECK-NEXT:    rt.launch @few over [8](
func.func @grains(%x: memref<64x8x128xf32>, %out: memref<64x128xf32>, %y: memref<4096x8xf32>, %sums: memref<8xf32>, %arena: memref<0xi8>) attributes {rt.num_inputs = 2 : i64} {
  rt.launch @columns over [64, 128] grain 2048 (%x, %out) : memref<64x8x128xf32>, memref<64x128xf32>
  rt.launch @few over [8] grain 2 (%y, %sums) : memref<4096x8xf32>, memref<8xf32>
  func.return
}
func.func private @columns(%x: memref<64x8x128xf32>, %out: memref<64x128xf32>) attributes {rt.tile = array<i64: 64, 128>} {
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%out : memref<64x128xf32>)
  linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d2, d1)>, affine_map<(d0, d1, d2) -> (d0, d1)>], iterator_types = ["parallel", "parallel", "reduction"]} ins(%x : memref<64x8x128xf32>) outs(%out : memref<64x128xf32>) {
  ^bb0(%a: f32, %b: f32):
    %s = arith.addf %a, %b : f32
    linalg.yield %s : f32
  }
  func.return
}
func.func private @few(%x: memref<4096x8xf32>, %out: memref<8xf32>) attributes {rt.tile = array<i64: 8>} {
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%out : memref<8xf32>)
  linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d1, d0)>, affine_map<(d0, d1) -> (d0)>], iterator_types = ["parallel", "reduction"]} ins(%x : memref<4096x8xf32>) outs(%out : memref<8xf32>) {
  ^bb0(%a: f32, %b: f32):
    %s = arith.addf %a, %b : f32
    linalg.yield %s : f32
  }
  func.return
}

// -----

// Three columns take vectors of four however much is computed of each: wider ones are slow to divide, and to load after a masked store.
// CHECK-LABEL: func.func private @few_columns(
// CHECK-NOT:     vector<8xf32>
// CHECK:         math.exp %{{.*}} : vector<4xf32>
// CHECK-NOT:     vector<8xf32>
// CHECK:         vector.maskedstore
// CHECK:         func.return
func.func private @few_columns(%x: memref<5x3xf32>, %out: memref<3xf32>) attributes {rt.tile = array<i64: 3>} {
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%out : memref<3xf32>)
  linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d1, d0)>, affine_map<(d0, d1) -> (d0)>], iterator_types = ["parallel", "reduction"]} ins(%x : memref<5x3xf32>) outs(%out : memref<3xf32>) {
  ^bb0(%a: f32, %s: f32):
    %e = math.exp %a : f32
    %r = arith.addf %s, %e : f32
    linalg.yield %r : f32
  }
  func.return
}
