// RUN: dlc-opt %s -p 'schedule-launches{least-gain=1}' --split-input-file | filecheck %s
// RUN: dlc-opt %s -p schedule-launches --split-input-file | filecheck %s --check-prefix=KEPT

// Two chains are computed one after the other, so that one temporary is alive at a time. What is little is left in order.
// CHECK-LABEL: func.func @chains(
// CHECK-SAME:    %[[X:\w+]]: memref<8xf32>, %[[Y:\w+]]: memref<8xf32>, %[[OUT0:\w+]]: memref<8xf32>, %[[OUT1:\w+]]: memref<8xf32>)
// CHECK:         %[[A:.*]] = memref.alloc()
// CHECK-NEXT:    rt.launch @exp over [8](%[[X]], %[[A]])
// CHECK-NEXT:    rt.launch @exp over [8](%[[A]], %[[OUT0]])
// CHECK-NEXT:    %[[B:.*]] = memref.alloc()
// CHECK-NEXT:    rt.launch @exp over [8](%[[Y]], %[[B]])
// CHECK-NEXT:    rt.launch @exp over [8](%[[B]], %[[OUT1]])
// KEPT-LABEL:  func.func @chains(%x: memref<8xf32>, %y: memref<8xf32>
// KEPT:          rt.launch @exp over [8](%x, %{{.*}})
// KEPT:          rt.launch @exp over [8](%y, %{{.*}})
func.func @chains(%x: memref<8xf32>, %y: memref<8xf32>, %out0: memref<8xf32>, %out1: memref<8xf32>) attributes {rt.num_inputs = 2 : i64} {
  %a = memref.alloc() : memref<8xf32>
  rt.launch @exp over [8] (%x, %a) : memref<8xf32>, memref<8xf32>
  %b = memref.alloc() : memref<8xf32>
  rt.launch @exp over [8] (%y, %b) : memref<8xf32>, memref<8xf32>
  rt.launch @exp over [8] (%a, %out0) : memref<8xf32>, memref<8xf32>
  rt.launch @exp over [8] (%b, %out1) : memref<8xf32>, memref<8xf32>
  func.return
}
func.func private @exp(%x: memref<8xf32>, %out: memref<8xf32>) attributes {rt.tile = array<i64: 8>} {
  linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]}
      ins(%x : memref<8xf32>) outs(%out : memref<8xf32>) {
  ^bb0(%p: f32, %o: f32):
    %e = math.exp %p : f32
    linalg.yield %e : f32
  }
  func.return
}

// -----

// A step of an optimizer would free its gradient early, but it overwrites the weights, which a product still reads.
// CHECK-LABEL: func.func @in_place(
// CHECK:         rt.gemm %x, %w into %out :
// CHECK-NEXT:    %[[DW:.*]] = memref.alloc
// CHECK-NEXT:    rt.gemm trans_lhs %x, %y into %[[DW]] :
// CHECK-NEXT:    rt.launch @step over [8](%w, %[[DW]])
// CHECK-NEXT:    %[[T:.*]] = memref.alloc
// CHECK-NEXT:    rt.gemm %y, %x into %[[T]] :
// CHECK-NEXT:    rt.launch @step over [8](%out, %[[T]])
func.func @in_place(%w: memref<8x8xf32>, %x: memref<8x8xf32>, %y: memref<8x8xf32>, %out: memref<8x8xf32>) attributes {rt.num_inputs = 3 : i64} {
  %dw = memref.alloc() : memref<8x8xf32>
  rt.gemm trans_lhs %x, %y into %dw : memref<8x8xf32>, memref<8x8xf32> into memref<8x8xf32>
  rt.gemm %x, %w into %out : memref<8x8xf32>, memref<8x8xf32> into memref<8x8xf32>
  %t = memref.alloc() : memref<8x8xf32>
  rt.gemm %y, %x into %t : memref<8x8xf32>, memref<8x8xf32> into memref<8x8xf32>
  rt.launch @step over [8] (%w, %dw) : memref<8x8xf32>, memref<8x8xf32>
  rt.launch @step over [8] (%out, %t) : memref<8x8xf32>, memref<8x8xf32>
  func.return
}
func.func private @step(%p: memref<8x8xf32>, %g: memref<8x8xf32>) attributes {rt.tile = array<i64: 8>} {
  linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]}
      ins(%g : memref<8x8xf32>) outs(%p : memref<8x8xf32>) {
  ^bb0(%a: f32, %b: f32):
    %s = arith.subf %b, %a : f32
    linalg.yield %s : f32
  }
  func.return
}

// -----

// A loop is one step, which needs what its body needs; a body is ordered by itself.
// CHECK-LABEL: func.func @body(
// CHECK:         scf.for
// CHECK:           rt.launch @exp over [8](%x, %[[A:.*]])
// CHECK-NEXT:      rt.launch @exp over [8](%[[A]], %out)
// CHECK-NEXT:      %[[B:.*]] = memref.alloc
// CHECK-NEXT:      rt.launch @exp over [8](%x, %[[B]])
// CHECK-NEXT:      rt.launch @exp over [8](%[[B]], %out1)
func.func @body(%x: memref<8xf32>, %out: memref<8xf32>, %out1: memref<8xf32>) attributes {rt.num_inputs = 1 : i64} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c9 = arith.constant 9 : index
  scf.for %i = %c0 to %c9 step %c1 {
    %a = memref.alloc() : memref<8xf32>
    rt.launch @exp over [8] (%x, %a) : memref<8xf32>, memref<8xf32>
    %b = memref.alloc() : memref<8xf32>
    rt.launch @exp over [8] (%x, %b) : memref<8xf32>, memref<8xf32>
    rt.launch @exp over [8] (%a, %out) : memref<8xf32>, memref<8xf32>
    rt.launch @exp over [8] (%b, %out1) : memref<8xf32>, memref<8xf32>
    scf.yield
  }
  func.return
}
func.func private @exp(%x: memref<8xf32>, %out: memref<8xf32>) attributes {rt.tile = array<i64: 8>} {
  linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]}
      ins(%x : memref<8xf32>) outs(%out : memref<8xf32>) {
  ^bb0(%p: f32, %o: f32):
    %e = math.exp %p : f32
    linalg.yield %e : f32
  }
  func.return
}
