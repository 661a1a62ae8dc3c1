// RUN: dlc-opt %s -p 'share-points' --split-input-file | filecheck %s

// A sum along a row: each thread adds every 32nd element, five exchanges add what the threads have, and all write the result.
// CHECK-LABEL: func.func @host
// CHECK:         rt.launch @sum over [40, 32]
// CHECK-LABEL: func.func private @sum
// CHECK:         scf.for %[[THREAD:thread]] =
// CHECK:           %[[POINT:point]] = arith.divui %[[THREAD]]
// CHECK:           %[[LANE:lane]] = arith.remui %[[THREAD]]
// CHECK:           %[[TRIPS:.*]] = arith.constant 2 : index
// CHECK:           scf.for %[[TRIP:.*]] = %{{.*}} to %[[TRIPS]]
// CHECK:             %[[FIRST:.*]] = arith.muli %[[TRIP]], %{{.*}} : index
// CHECK:             %[[J:.*]] = arith.addi %[[FIRST]], %[[LANE]] : index
// CHECK:             memref.load %{{.*}}[%[[POINT]], %[[J]]]
// CHECK-COUNT-5:   nvvm.shfl.sync bfly
// CHECK-NOT:       nvvm.shfl.sync
// CHECK:           memref.store %{{.*}}, %{{.*}}[%[[POINT]]]
func.func @host(%x: memref<40x64xf32>, %out: memref<40xf32>) attributes {rt.num_inputs = 1 : i64} {
  rt.launch @sum over [40] (%x, %out) : memref<40x64xf32>, memref<40xf32>
  func.return
}
func.func private @sum(%lo: index, %hi: index, %x: memref<40x64xf32>, %out: memref<40xf32>) {
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  %size = arith.constant 64 : index
  %start = arith.constant 0.0 : f32
  scf.for %i = %lo to %hi step %one {
    %sum = scf.for %j = %zero to %size step %one iter_args(%s = %start) -> (f32) {
      %a = memref.load %x[%i, %j] : memref<40x64xf32>
      %t = arith.addf %s, %a : f32
      scf.yield %t : f32
    }
    memref.store %sum, %out[%i] : memref<40xf32>
  }
  func.return
}

// -----

// A temporary keeps every 32nd position, at the trip; the last trip is for the threads that have one.
// CHECK-LABEL: func.func private @twice
// CHECK:         %[[TEMPORARY:.*]] = memref.alloca() : memref<4xf32>
// CHECK:         scf.for %thread
// CHECK:         scf.for %[[TRIP:.*]] =
// CHECK:           %[[SIZE:.*]] = arith.constant 100 : index
// CHECK:           %[[INSIDE:.*]] = arith.cmpi ult, %{{.*}}, %[[SIZE]]
// CHECK:           scf.if %[[INSIDE]]
// CHECK:             memref.store %{{.*}}, %[[TEMPORARY]][%[[TRIP]]]
// CHECK:         scf.for %[[NEXT:.*]] =
// CHECK:             memref.load %[[TEMPORARY]][%[[NEXT]]]
func.func @host(%x: memref<40x100xf32>, %out: memref<40x100xf32>) attributes {rt.num_inputs = 1 : i64} {
  rt.launch @twice over [40] (%x, %out) : memref<40x100xf32>, memref<40x100xf32>
  func.return
}
func.func private @twice(%lo: index, %hi: index, %x: memref<40x100xf32>, %out: memref<40x100xf32>) {
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  %size = arith.constant 100 : index
  %temporary = memref.alloca() : memref<100xf32>
  scf.for %i = %lo to %hi step %one {
    scf.for %j = %zero to %size step %one {
      %a = memref.load %x[%i, %j] : memref<40x100xf32>
      memref.store %a, %temporary[%j] : memref<100xf32>
    }
    scf.for %j = %zero to %size step %one {
      %a = memref.load %temporary[%j] : memref<100xf32>
      %b = arith.addf %a, %a : f32
      memref.store %b, %out[%i, %j] : memref<40x100xf32>
    }
  }
  func.return
}

// -----

// A multiple of 128 trips is written out by four: a thread has four elements side by side.
// CHECK-LABEL: func.func private @copy
// CHECK:         scf.for %thread
// CHECK:         %[[TRIPS:.*]] = arith.constant 2 : index
// CHECK:         scf.for %{{.*}} = %{{.*}} to %[[TRIPS]]
// CHECK-COUNT-4:   memref.store
// CHECK-NOT:       memref.store
func.func @host(%x: memref<40x256xf32>, %out: memref<40x256xf32>) attributes {rt.num_inputs = 1 : i64} {
  rt.launch @copy over [40] (%x, %out) : memref<40x256xf32>, memref<40x256xf32>
  func.return
}
func.func private @copy(%lo: index, %hi: index, %x: memref<40x256xf32>, %out: memref<40x256xf32>) {
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  %size = arith.constant 256 : index
  scf.for %i = %lo to %hi step %one {
    scf.for %j = %zero to %size step %one {
      %a = memref.load %x[%i, %j] : memref<40x256xf32>
      memref.store %a, %out[%i, %j] : memref<40x256xf32>
    }
  }
  func.return
}

// -----

// A product starts from the given value in one thread and from 1 in the others; values of 64 bits travel as two halves.
// CHECK-LABEL: func.func private @product
// CHECK:         %[[ONE:.*]] = arith.constant 1.000000e+00 : f64
// CHECK:         %[[FIRST:.*]] = arith.cmpi eq, %lane
// CHECK:         arith.select %[[FIRST]], %{{.*}}, %[[ONE]] : f64
// CHECK-COUNT-10: nvvm.shfl.sync bfly {{.*}} : i32 -> i32
func.func @host(%x: memref<64xf64>, %out: memref<f64>) attributes {rt.num_inputs = 1 : i64} {
  rt.launch @product over [] (%x, %out) : memref<64xf64>, memref<f64>
  func.return
}
func.func private @product(%lo: index, %hi: index, %x: memref<64xf64>, %out: memref<f64>) {
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  %size = arith.constant 64 : index
  %start = arith.constant 3.0 : f64
  scf.for %i = %lo to %hi step %one {
    %result = scf.for %j = %zero to %size step %one iter_args(%s = %start) -> (f64) {
      %a = memref.load %x[%j] : memref<64xf64>
      %t = arith.mulf %s, %a : f64
      scf.yield %t : f64
    }
    memref.store %result, %out[] : memref<f64>
  }
  func.return
}

// -----

// All threads write the same, but not before all have read what was there.
// CHECK-LABEL: func.func private @divide
// CHECK:         memref.load %{{.*}}[] : memref<f32>
// CHECK:         nvvm.bar.warp.sync
// CHECK-NEXT:    memref.store %{{.*}}[] : memref<f32>
func.func @host(%x: memref<64xf32>, %out: memref<f32>) attributes {rt.num_inputs = 1 : i64} {
  rt.launch @divide over [] (%x, %out) : memref<64xf32>, memref<f32>
  func.return
}
func.func private @divide(%lo: index, %hi: index, %x: memref<64xf32>, %out: memref<f32>) {
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  %size = arith.constant 64 : index
  %start = arith.constant 0.0 : f32
  scf.for %i = %lo to %hi step %one {
    %sum = scf.for %j = %zero to %size step %one iter_args(%s = %start) -> (f32) {
      %a = memref.load %x[%j] : memref<64xf32>
      %t = arith.addf %s, %a : f32
      scf.yield %t : f32
    }
    %old = memref.load %out[] : memref<f32>
    %new = arith.divf %sum, %old : f32
    memref.store %new, %out[] : memref<f32>
  }
  func.return
}

// -----

// A running sum has an order.
// CHECK-LABEL: func.func @host
// CHECK:         rt.launch @running over [40]
func.func @host(%x: memref<40x64xf32>, %out: memref<40x64xf32>) attributes {rt.num_inputs = 1 : i64} {
  rt.launch @running over [40] (%x, %out) : memref<40x64xf32>, memref<40x64xf32>
  func.return
}
func.func private @running(%lo: index, %hi: index, %x: memref<40x64xf32>, %out: memref<40x64xf32>) {
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  %size = arith.constant 64 : index
  %start = arith.constant 0.0 : f32
  scf.for %i = %lo to %hi step %one {
    %sum = scf.for %j = %zero to %size step %one iter_args(%s = %start) -> (f32) {
      %a = memref.load %x[%i, %j] : memref<40x64xf32>
      %t = arith.addf %s, %a : f32
      memref.store %t, %out[%i, %j] : memref<40x64xf32>
      scf.yield %t : f32
    }
  }
  func.return
}

// -----

// What one thread writes, others would read.
// CHECK-LABEL: func.func @host
// CHECK:         rt.launch @reverse over [40]
func.func @host(%x: memref<40x64xf32>, %out: memref<40x64xf32>) attributes {rt.num_inputs = 1 : i64} {
  rt.launch @reverse over [40] (%x, %out) : memref<40x64xf32>, memref<40x64xf32>
  func.return
}
func.func private @reverse(%lo: index, %hi: index, %x: memref<40x64xf32>, %out: memref<40x64xf32>) {
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  %last = arith.constant 63 : index
  %size = arith.constant 64 : index
  %temporary = memref.alloca() : memref<64xf32>
  scf.for %i = %lo to %hi step %one {
    scf.for %j = %zero to %size step %one {
      %a = memref.load %x[%i, %j] : memref<40x64xf32>
      memref.store %a, %temporary[%j] : memref<64xf32>
    }
    scf.for %j = %zero to %size step %one {
      %k = arith.subi %last, %j : index
      %a = memref.load %temporary[%k] : memref<64xf32>
      memref.store %a, %out[%i, %j] : memref<40x64xf32>
    }
  }
  func.return
}

// -----

// All positions of a row add to the same element.
// CHECK-LABEL: func.func @host
// CHECK:         rt.launch @count over [40]
func.func @host(%x: memref<40x64xi64>, %out: memref<40x9xi64>) attributes {rt.num_inputs = 1 : i64} {
  rt.launch @count over [40] (%x, %out) : memref<40x64xi64>, memref<40x9xi64>
  func.return
}
func.func private @count(%lo: index, %hi: index, %x: memref<40x64xi64>, %out: memref<40x9xi64>) {
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  %size = arith.constant 64 : index
  %more = arith.constant 1 : i64
  scf.for %i = %lo to %hi step %one {
    scf.for %j = %zero to %size step %one {
      %a = memref.load %x[%i, %j] : memref<40x64xi64>
      %k = arith.index_cast %a : i64 to index
      %old = memref.load %out[%i, %k] : memref<40x9xi64>
      %new = arith.addi %old, %more : i64
      memref.store %new, %out[%i, %k] : memref<40x9xi64>
    }
  }
  func.return
}

// -----

// Sums of columns: neighbouring points read neighbouring elements already.
// CHECK-LABEL: func.func @host
// CHECK:         rt.launch @columns over [64]
func.func @host(%x: memref<40x64xf32>, %out: memref<64xf32>) attributes {rt.num_inputs = 1 : i64} {
  rt.launch @columns over [64] (%x, %out) : memref<40x64xf32>, memref<64xf32>
  func.return
}
func.func private @columns(%lo: index, %hi: index, %x: memref<40x64xf32>, %out: memref<64xf32>) {
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  %size = arith.constant 40 : index
  %start = arith.constant 0.0 : f32
  scf.for %i = %lo to %hi step %one {
    %sum = scf.for %j = %zero to %size step %one iter_args(%s = %start) -> (f32) {
      %a = memref.load %x[%j, %i] : memref<40x64xf32>
      %t = arith.addf %s, %a : f32
      scf.yield %t : f32
    }
    memref.store %sum, %out[%i] : memref<64xf32>
  }
  func.return
}
