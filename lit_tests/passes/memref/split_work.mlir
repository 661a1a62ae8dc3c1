// RUN: dlc-opt %s -p split-work --split-input-file | filecheck %s

// Launches with enough work have parts, of whole cache lines and of equal sizes where that can be; others have none.
// CHECK-LABEL: func.func @f(
// CHECK:         rt.launch @exp over [1048576] grain 16384
// CHECK-NEXT:    rt.launch @exp_odd over [1000003] grain 27840(
// CHECK-NEXT:    rt.launch @exp_small over [1000](
func.func @f(%x: memref<1048576xf32>, %y: memref<1000003xf32>, %z: memref<1000xf32>, %arena: memref<0xi8>) attributes {rt.num_inputs = 3 : i64} {
  rt.launch @exp over [1048576] (%x) : memref<1048576xf32>
  rt.launch @exp_odd over [1000003] (%y) : memref<1000003xf32>
  rt.launch @exp_small over [1000] (%z) : memref<1000xf32>
  func.return
}
func.func private @exp(%x: memref<1048576xf32>) attributes {rt.tile = array<i64: 1048576>} {
  linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} outs(%x : memref<1048576xf32>) {
  ^bb0(%a: f32):
    %e = math.exp %a : f32
    linalg.yield %e : f32
  }
  func.return
}
func.func private @exp_odd(%x: memref<1000003xf32>) attributes {rt.tile = array<i64: 1000003>} {
  linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} outs(%x : memref<1000003xf32>) {
  ^bb0(%a: f32):
    %e = math.exp %a : f32
    linalg.yield %e : f32
  }
  func.return
}
func.func private @exp_small(%x: memref<1000xf32>) attributes {rt.tile = array<i64: 1000>} {
  linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} outs(%x : memref<1000xf32>) {
  ^bb0(%a: f32):
    %e = math.exp %a : f32
    linalg.yield %e : f32
  }
  func.return
}

// -----

// A range of one point cannot be split.
// CHECK-LABEL: func.func @g(
// CHECK:         rt.launch @sum over [](
func.func @g(%x: memref<1048576xf32>, %out: memref<f32>, %arena: memref<0xi8>) attributes {rt.num_inputs = 1 : i64} {
  rt.launch @sum over [] (%x, %out) : memref<1048576xf32>, memref<f32>
  func.return
}
func.func private @sum(%x: memref<1048576xf32>, %out: memref<f32>) attributes {rt.tile = array<i64>} {
  linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> ()>], iterator_types = ["reduction"]} ins(%x : memref<1048576xf32>) outs(%out : memref<f32>) {
  ^bb0(%a: f32, %b: f32):
    %s = arith.addf %a, %b : f32
    linalg.yield %s : f32
  }
  func.return
}

// -----

// Large products have blocks: parts of a matrix, or several matrices; small ones have none.
// CHECK-LABEL: func.func @products(
// CHECK:         rt.gemm %{{.*}}, %{{.*}} into %{{.*}} blocks [1, 256, 256] :
// CHECK-NEXT:    rt.gemm %{{.*}}, %{{.*}} into %{{.*}} blocks [11, 64, 64] :
// CHECK-NEXT:    rt.gemm %{{.*}}, %{{.*}} into %{{.*}} blocks [1, 64, 1] :
// CHECK-NEXT:    rt.gemm %{{.*}}, %{{.*}} into %{{[a-z]+}} :
func.func @products(%a: memref<512x512xf32>, %aa: memref<512x512xf32>, %b: memref<100x64x64xf32>, %bb: memref<100x64x64xf32>, %c: memref<4096x4096xf32>, %x: memref<4096x1xf32>, %y: memref<4096x1xf32>, %d: memref<64x64xf32>, %dd: memref<64x64xf32>, %arena: memref<0xi8>) attributes {rt.num_inputs = 4 : i64} {
  rt.gemm %a, %a into %aa : memref<512x512xf32>, memref<512x512xf32> into memref<512x512xf32>
  rt.gemm %b, %b into %bb : memref<100x64x64xf32>, memref<100x64x64xf32> into memref<100x64x64xf32>
  rt.gemm %c, %x into %y : memref<4096x4096xf32>, memref<4096x1xf32> into memref<4096x1xf32>
  rt.gemm %d, %d into %dd : memref<64x64xf32>, memref<64x64xf32> into memref<64x64xf32>
  func.return
}
