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
// CHECK:         rt.gemm %{{.*}}, %{{.*}} into %{{.*}} blocks [1, 512, 256] :
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

// -----

// Large copies have parts.
// CHECK-LABEL: func.func @copies(
// CHECK:         "memref.copy"(%a, %b) {rt.grain = 131072 : i64}
// CHECK-NEXT:    "memref.copy"(%c, %d) : (
func.func @copies(%a: memref<1024x1024xf32>, %b: memref<1024x1024xf32>, %c: memref<32x32xf32>, %d: memref<32x32xf32>, %arena: memref<0xi8>) attributes {rt.num_inputs = 2 : i64} {
  "memref.copy"(%a, %b) : (memref<1024x1024xf32>, memref<1024x1024xf32>) -> ()
  "memref.copy"(%c, %d) : (memref<32x32xf32>, memref<32x32xf32>) -> ()
  func.return
}

// -----

// What counts is what a kernel reads and writes, not how large its buffers are: this one adds to four rows of a thousand.
// CHECK-LABEL: func.func @rows(
// CHECK:         rt.launch @add_rows over [4](
func.func @rows(%x: memref<1000x1000xf32>, %arena: memref<0xi8>) attributes {rt.num_inputs = 1 : i64} {
  rt.launch @add_rows over [4] (%x) : memref<1000x1000xf32>
  func.return
}
func.func private @add_rows(%x: memref<1000x1000xf32>) attributes {rt.tile = array<i64: 4>} {
  %rows = memref.subview %x[7, 0] [4, 1000] [1, 1] : memref<1000x1000xf32> to memref<4x1000xf32, strided<[1000, 1], offset: 7000>>
  linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0 + 7, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%x : memref<1000x1000xf32>) outs(%rows : memref<4x1000xf32, strided<[1000, 1], offset: 7000>>) {
  ^bb0(%a: f32, %b: f32):
    %s = arith.addf %a, %a : f32
    linalg.yield %s : f32
  }
  func.return
}

// -----

// Calls of LAPACK are shared where each has memory of its own: the first routine writes two arrays, the second one a workspace, of which the
// third has one for each of four parts.
// CHECK-LABEL: func.func @factorizations(
// CHECK:         rt.lapack "sgetrf" {{.*}} {rt.grain = 1 : i64}
// CHECK-NEXT:    rt.lapack "sgeqrf" {{.*}} memref<32xi32>)
// CHECK-NOT:     grain
// CHECK-SAME:    {{$}}
// CHECK-NEXT:    rt.lapack "sgeqrf" {{.*}} workspaces 4 {{.*}} {rt.grain = 8 : i64}
func.func @factorizations(%a: memref<32x64x64xf32>, %p: memref<32x64xi32>, %i: memref<32xi32>, %w: memref<64xf32>, %v: memref<4x64xf32>, %arena: memref<0xi8>) attributes {rt.num_inputs = 1 : i64} {
  rt.lapack "sgetrf" [64 : i32, 64 : i32, 0 : index, 64 : i32, 1 : index, 2 : index] count 32 strides [4096, 64, 1] outs(%a, %p, %i : memref<32x64x64xf32>, memref<32x64xi32>, memref<32xi32>)
  rt.lapack "sgeqrf" [64 : i32, 64 : i32, 0 : index, 64 : i32, 1 : index, 2 : index, 64 : i32, 3 : index] count 32 strides [4096, 64, 0, 1] outs(%a, %p, %w, %i : memref<32x64x64xf32>, memref<32x64xi32>, memref<64xf32>, memref<32xi32>)
  rt.lapack "sgeqrf" [64 : i32, 64 : i32, 0 : index, 64 : i32, 1 : index, 2 : index, 64 : i32, 3 : index] count 32 workspaces 4 strides [4096, 64, 0, 1] outs(%a, %p, %v, %i : memref<32x64x64xf32>, memref<32x64xi32>, memref<4x64xf32>, memref<32xi32>)
  func.return
}
