// RUN: dlc-opt %s -p 'map-to-gpu{block-size=64 min-blocks=1 max-local-bytes=32}' --split-input-file --verify-diagnostics | filecheck %s

// One thread per point: the loop over the range is its body, and threads past the last point do nothing.
// CHECK-LABEL: func.func @host
// CHECK:         rt.launch @kernels::@double over [100](%{{.*}}, %{{.*}}) : memref<100xf32>, memref<100xf32> {rt.grid = array<i64: 2>, rt.block = array<i64: 64>}
// CHECK:       "gpu.module"() <{sym_name = "kernels"}>
// CHECK-NOT:     scf.for
// CHECK:         %[[POINT:point]] = arith.addi
// CHECK:         %[[EXTENT:.*]] = arith.constant 100 : index
// CHECK:         %[[INSIDE:.*]] = arith.cmpi ult, %[[POINT]], %[[EXTENT]]
// CHECK:         scf.if %[[INSIDE]]
// CHECK:           memref.load %{{.*}}[%[[POINT]]]
// CHECK:           memref.store %{{.*}}[%[[POINT]]]
// CHECK:         {sym_name = "double", gpu.known_block_size = array<i32: 64, 1, 1>}
func.func @host(%x: memref<100xf32>, %out: memref<100xf32>, %arena: memref<0xi8>) attributes {rt.num_inputs = 1 : i64, rt.peak_lower_bound = 0 : i64} {
  rt.launch @double over [100] (%x, %out) : memref<100xf32>, memref<100xf32>
  func.return
}
func.func private @double(%lo: index, %hi: index, %x: memref<100xf32>, %out: memref<100xf32>) {
  %one = arith.constant 1 : index
  scf.for %i = %lo to %hi step %one {
    %a = memref.load %x[%i] : memref<100xf32>
    %b = arith.addf %a, %a : f32
    memref.store %b, %out[%i] : memref<100xf32>
  }
  func.return
}

// -----

// A body that is more than one loop runs as it is, over the range of one point; few points need few threads.
// CHECK-LABEL: func.func @two_loops
// CHECK:         rt.launch @kernels::@fill over [2, 3]
// CHECK-SAME:    {rt.grid = array<i64: 1>, rt.block = array<i64: 32>}
// CHECK:         %[[POINT:point]] = arith.addi
// CHECK:         scf.if
// CHECK:           %[[ONE:.*]] = arith.constant 1 : index
// CHECK:           %[[END:.*]] = arith.addi %[[POINT]], %[[ONE]]
// CHECK-COUNT-2:   scf.for %{{.*}} = %[[POINT]] to %[[END]]
func.func @two_loops(%out: memref<6xf32>, %arena: memref<0xi8>) attributes {rt.num_inputs = 0 : i64, rt.peak_lower_bound = 0 : i64} {
  rt.launch @fill over [2, 3] (%out) : memref<6xf32>
  func.return
}
func.func private @fill(%lo: index, %hi: index, %out: memref<6xf32>) {
  %one = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  scf.for %i = %lo to %hi step %one {
    memref.store %zero, %out[%i] : memref<6xf32>
  }
  scf.for %i = %lo to %hi step %one {
    memref.store %zero, %out[%i] : memref<6xf32>
  }
  func.return
}

// -----

// Small temporaries are local memory; large ones are parts of the arena, one for each thread.
// CHECK-LABEL: func.func @temporaries
// CHECK-SAME:    %[[ARENA:arena]]: memref<1344xi8>
// CHECK:         %[[OFFSET:.*]] = arith.constant 64 : index
// CHECK:         %[[SCRATCH:.*]] = memref.view %[[ARENA]][%[[OFFSET]]][] : memref<1344xi8> to memref<20x16xf32>
// CHECK:         rt.launch @kernels::@rows over [20](%{{.*}}, %[[SCRATCH]]) : memref<20xf32>, memref<20x16xf32>
// CHECK:       ^bb0(%{{.*}}: memref<20xf32>, %[[PART:scratch]]: memref<20x16xf32>):
// CHECK:         memref.alloca() : memref<4xf32>
// CHECK-NOT:     memref<16xf32>
// CHECK:         scf.for %[[J:.*]] =
// CHECK:           memref.store %{{.*}}, %[[PART]][%point, %[[J]]]
// CHECK:         memref.load %[[PART]][%point, %{{.*}}]
func.func @temporaries(%out: memref<20xf32>, %arena: memref<64xi8>) attributes {rt.num_inputs = 0 : i64, rt.peak_lower_bound = 64 : i64} {
  rt.launch @rows over [20] (%out) : memref<20xf32>
  func.return
}
func.func private @rows(%lo: index, %hi: index, %out: memref<20xf32>) {
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  %size = arith.constant 16 : index
  %value = arith.constant 2.0 : f32
  %large = memref.alloca() : memref<16xf32>
  %small = memref.alloca() : memref<4xf32>
  scf.for %i = %lo to %hi step %one {
    scf.for %j = %zero to %size step %one {
      memref.store %value, %large[%j] : memref<16xf32>
    }
    %a = memref.load %large[%one] : memref<16xf32>
    memref.store %a, %small[%zero] : memref<4xf32>
    memref.store %a, %out[%i] : memref<20xf32>
  }
  func.return
}

// -----

// A launch over nothing goes away, and so does a kernel that nothing launches.
// CHECK-LABEL: func.func @nothing
// CHECK-NOT:     rt.launch
// CHECK-NOT:   gpu.module
func.func @nothing(%out: memref<0xf32>, %arena: memref<0xi8>) attributes {rt.num_inputs = 0 : i64, rt.peak_lower_bound = 0 : i64} {
  rt.launch @fill over [0] (%out) : memref<0xf32>
  func.return
}
func.func private @fill(%lo: index, %hi: index, %out: memref<0xf32>) {
  func.return
}

// -----

// Functions that are no kernels stay, and so do launches that are not there.
// CHECK-LABEL: func.func @plain
// CHECK-NEXT:    func.return
// CHECK-LABEL: func.func private @helper(%{{.*}}: f32)
// CHECK-NOT:   gpu.module
func.func @plain(%x: memref<4xf32>) {
  func.return
}
func.func private @helper(%x: f32) {
  func.return
}

// -----

// One kernel has one extent: another one would need its own bounds.
func.func @two_extents(%out: memref<8xf32>, %arena: memref<0xi8>) attributes {rt.num_inputs = 0 : i64, rt.peak_lower_bound = 0 : i64} {
  rt.launch @fill over [8] (%out) : memref<8xf32>
  rt.launch @fill over [2, 2] (%out) : memref<8xf32>
  func.return
}
// expected-error@+1 {{map-to-gpu: @fill is launched over 4 and 8 points; make a kernel of its own for each}}
func.func private @fill(%lo: index, %hi: index, %out: memref<8xf32>) {
  func.return
}

// -----

// A kernel of the bufferized level is not lowered yet.
func.func @early(%out: memref<8xf32>, %arena: memref<0xi8>) attributes {rt.num_inputs = 0 : i64, rt.peak_lower_bound = 0 : i64} {
  // expected-error@+1 {{map-to-gpu: @fill is no private function on a range lo, hi; run lower-kernels first}}
  rt.launch @fill over [8] (%out) : memref<8xf32>
  func.return
}
func.func private @fill(%out: memref<8xf32>) {
  func.return
}

// -----

// Vectors of a large temporary would not be contiguous in the arena.
func.func @vectors(%out: memref<8xf32>, %arena: memref<0xi8>) attributes {rt.num_inputs = 0 : i64, rt.peak_lower_bound = 0 : i64} {
  rt.launch @fill over [8] (%out) : memref<8xf32>
  func.return
}
func.func private @fill(%lo: index, %hi: index, %out: memref<8xf32>) {
  %t = memref.alloca() : memref<16xf32>
  // expected-error@+1 {{map-to-gpu: vector.load of a temporary of 64 bytes; only memref.load and memref.store can go to the arena}}
  %v = vector.load %t[%lo] : memref<16xf32>, vector<4xf32>
  func.return
}
