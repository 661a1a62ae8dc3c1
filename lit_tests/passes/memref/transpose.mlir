// RUN: dlc-opt %s -p 'lower-kernels{vector-bits=128}' --split-input-file | filecheck %s

// Squares of four vectors: four loads along the rows of what is read, eight shuffles, four stores along the rows of what is written.
// The kernel is launched over blocks of rows.
// CHECK-LABEL: func.func private @transpose(
// CHECK-SAME:    %[[X:\w+]]: memref<64x32xf32>, %[[Y:\w+]]: memref<32xf32>, %[[OUT:\w+]]: memref<32x64xf32>)
// CHECK-COUNT-4: vector.load %[[X]]
// CHECK-COUNT-8: vector.shuffle
// CHECK:         %[[SCALAR:\w+]] = memref.load %[[Y]]
// CHECK:         vector.broadcast %[[SCALAR]]
// CHECK:         arith.addf {{.*}} : vector<4xf32>
// CHECK:         vector.store {{.*}}, %[[OUT]]
// CHECK-NOT:     memref.store
// CHECK-LABEL: func.func @main(
// CHECK:         rt.launch @transpose over [4]
func.func private @transpose(%x: memref<64x32xf32>, %y: memref<32xf32>, %out: memref<32x64xf32>) attributes {rt.tile = array<i64: 32>} {
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (j, i)>, affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]} ins(%x, %y : memref<64x32xf32>, memref<32xf32>) outs(%out : memref<32x64xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %s = arith.addf %p, %q : f32
    linalg.yield %s : f32
  }
  func.return
}
func.func @main(%x: memref<64x32xf32>, %y: memref<32xf32>, %out: memref<32x64xf32>, %arena: memref<0xi8>) attributes {rt.num_inputs = 2 : i64} {
  rt.launch @transpose over [32] (%x, %y, %out) : memref<64x32xf32>, memref<32xf32>, memref<32x64xf32>
  func.return
}

// -----

// The squares of 6 rows overlap, which an update in place could not bear: it would add twice.
// CHECK-LABEL: func.func private @in_place(
// CHECK-NOT:     vector.shuffle
// CHECK:         func.return
func.func private @in_place(%x: memref<64x6xf32>, %out: memref<6x64xf32>) attributes {rt.tile = array<i64: 6>} {
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (j, i)>, affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]} ins(%x, %out : memref<64x6xf32>, memref<6x64xf32>) outs(%out : memref<6x64xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %s = arith.addf %p, %q : f32
    linalg.yield %s : f32
  }
  func.return
}
