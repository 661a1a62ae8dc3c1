// RUN: dlc-opt %s -p plan-memory --split-input-file | filecheck %s

// The third buffer takes the place of the first, which is dead by then; the peak equals the lower bound.
// CHECK-LABEL: func.func @reuse(
// CHECK-SAME:    %[[ARENA:\w+]]: memref<128xi8>) attributes {rt.num_inputs = 1 : i64, rt.peak_lower_bound = 128 : i64}
// CHECK:         %[[O0:.*]] = arith.constant 0 : index
// CHECK:         memref.view %[[ARENA]][%[[O0]]][]
// CHECK:         %[[O1:.*]] = arith.constant 64 : index
// CHECK:         memref.view %[[ARENA]][%[[O1]]][]
// CHECK:         %[[O2:.*]] = arith.constant 0 : index
// CHECK:         memref.view %[[ARENA]][%[[O2]]][]
// CHECK-NOT:     memref.alloc
func.func @reuse(%x: memref<8xf32>, %out: memref<8xf32>) attributes {rt.num_inputs = 1 : i64} {
  %a = memref.alloc() : memref<8xf32>
  rt.launch @k over [8] (%x, %a) : memref<8xf32>, memref<8xf32>
  %b = memref.alloc() : memref<8xf32>
  rt.launch @k over [8] (%a, %b) : memref<8xf32>, memref<8xf32>
  %c = memref.alloc() : memref<8xf32>
  rt.launch @k over [8] (%b, %c) : memref<8xf32>, memref<8xf32>
  rt.launch @k over [8] (%c, %out) : memref<8xf32>, memref<8xf32>
  func.return
}

// -----

// A view keeps its buffer alive.
// CHECK-LABEL: func.func @view(
// CHECK-SAME:    memref<128xi8>)
func.func @view(%x: memref<16xf32>, %out: memref<16xf32>) attributes {rt.num_inputs = 1 : i64} {
  %a = memref.alloc() : memref<4x4xf32>
  %v = memref.collapse_shape %a [[0, 1]] : memref<4x4xf32> into memref<16xf32>
  rt.launch @k over [16] (%x, %v) : memref<16xf32>, memref<16xf32>
  %b = memref.alloc() : memref<16xf32>
  rt.launch @k over [16] (%x, %b) : memref<16xf32>, memref<16xf32>
  rt.launch @k over [16] (%v, %out) : memref<16xf32>, memref<16xf32>
  rt.launch @k over [16] (%b, %out) : memref<16xf32>, memref<16xf32>
  func.return
}

// -----

// A function without temporaries has an empty arena; kernels get none.
// CHECK-LABEL: func.func @none(%x: memref<8xf32>, %arena: memref<0xi8>)
// CHECK:       func.func private @k(%r: memref<8xf32>)
func.func @none(%x: memref<8xf32>) attributes {rt.num_inputs = 0 : i64} {
  rt.launch @k over [8] (%x) : memref<8xf32>
  func.return
}
func.func private @k(%r: memref<8xf32>) attributes {rt.tile = array<i64: 8>} {
  func.return
}

// -----

// A loop may use a buffer from outside in every iteration, so it does not share memory with what lives within one iteration; the
// latter is planned once. After the loop, its memory is free.
// CHECK-LABEL: func.func @loop(
// CHECK-SAME:    %[[ARENA:\w+]]: memref<128xi8>) attributes {rt.num_inputs = 1 : i64, rt.peak_lower_bound = 128 : i64}
// CHECK:         arith.constant 9 : index
// CHECK:         %[[O0:.*]] = arith.constant 0 : index
// CHECK:         %[[A:.*]] = memref.view %[[ARENA]][%[[O0]]][]
// CHECK:         scf.for
// CHECK:           %[[O1:.*]] = arith.constant 64 : index
// CHECK:           %[[B:.*]] = memref.view %[[ARENA]][%[[O1]]][]
// CHECK:         %[[O2:.*]] = arith.constant 64 : index
// CHECK:         memref.view %[[ARENA]][%[[O2]]][]
func.func @loop(%x: memref<8xf32>, %out: memref<8xf32>) attributes {rt.num_inputs = 1 : i64} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c9 = arith.constant 9 : index
  %a = memref.alloc() : memref<8xf32>
  scf.for %i = %c0 to %c9 step %c1 {
    %b = memref.alloc() : memref<8xf32>
    rt.launch @k over [8] (%x, %b) : memref<8xf32>, memref<8xf32>
    rt.launch @k over [8] (%b, %a) : memref<8xf32>, memref<8xf32>
  }
  %c = memref.alloc() : memref<8xf32>
  rt.launch @k over [8] (%a, %c) : memref<8xf32>, memref<8xf32>
  rt.launch @k over [8] (%c, %out) : memref<8xf32>, memref<8xf32>
  func.return
}

// -----

// Each of two buffers that take turns may be the last: both live until the result of the loop is read.
// CHECK-LABEL: func.func @turns(
// CHECK-SAME:    %{{\w+}}: memref<192xi8>) attributes {rt.num_inputs = 1 : i64, rt.peak_lower_bound = 192 : i64}
func.func @turns(%x: memref<8xf32>, %out: memref<8xf32>) attributes {rt.num_inputs = 1 : i64} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c9 = arith.constant 9 : index
  %a = memref.alloc() : memref<8xf32>
  %b = memref.alloc() : memref<8xf32>
  %r, %s = scf.for %i = %c0 to %c9 step %c1 iter_args(%p = %a, %q = %b) -> (memref<8xf32>, memref<8xf32>) {
    rt.launch @k over [8] (%x, %q) : memref<8xf32>, memref<8xf32>
    scf.yield %q, %p : memref<8xf32>, memref<8xf32>
  }
  %c = memref.alloc() : memref<8xf32>
  rt.launch @k over [8] (%x, %c) : memref<8xf32>, memref<8xf32>
  rt.launch @k over [8] (%r, %out) : memref<8xf32>, memref<8xf32>
  rt.launch @k over [8] (%c, %out) : memref<8xf32>, memref<8xf32>
  func.return
}
