// RUN: dlc-opt %s -p 'widen-points{min-points=64}' --split-input-file | filecheck %s

// A thread takes four points; what all points read has its place.
// CHECK-LABEL: func.func @host
// CHECK:         rt.launch @scale over [32]
// CHECK-LABEL: func.func private @scale
// CHECK:         scf.for %[[THREAD:.*]] = %lo to %hi
// CHECK:           %[[FIRST:.*]] = arith.muli %[[THREAD]]
// CHECK:           memref.load %x[%[[FIRST]]]
// CHECK:           memref.load %s[]
// CHECK:           memref.store %{{.*}}, %out[%[[FIRST]]]
// CHECK-COUNT-3:   memref.store %{{.*}}, %out[%{{.*}}] : memref<128xf32>
// CHECK-NOT:       memref.store
func.func @host(%x: memref<128xf32>, %s: memref<f32>, %out: memref<128xf32>) attributes {rt.num_inputs = 2 : i64} {
  rt.launch @scale over [2, 64] (%x, %s, %out) : memref<128xf32>, memref<f32>, memref<128xf32>
  func.return
}
func.func private @scale(%lo: index, %hi: index, %x: memref<128xf32>, %s: memref<f32>, %out: memref<128xf32>) {
  %one = arith.constant 1 : index
  scf.for %i = %lo to %hi step %one {
    %a = memref.load %x[%i] : memref<128xf32>
    %b = memref.load %s[] : memref<f32>
    %c = arith.mulf %a, %b : f32
    memref.store %c, %out[%i] : memref<128xf32>
  }
  func.return
}

// -----

// Points that four do not divide, or that are few, have threads of their own.
// CHECK-LABEL: func.func @host
// CHECK:         rt.launch @odd over [66]
// CHECK:         rt.launch @few over [32]
func.func @host(%x: memref<66xf32>) attributes {rt.num_inputs = 1 : i64} {
  rt.launch @odd over [66] (%x) : memref<66xf32>
  rt.launch @few over [32] (%x) : memref<66xf32>
  func.return
}
func.func private @odd(%lo: index, %hi: index, %x: memref<66xf32>) {
  %one = arith.constant 1 : index
  scf.for %i = %lo to %hi step %one {
    %a = memref.load %x[%i] : memref<66xf32>
    memref.store %a, %x[%i] : memref<66xf32>
  }
  func.return
}
func.func private @few(%lo: index, %hi: index, %x: memref<66xf32>) {
  %one = arith.constant 1 : index
  scf.for %i = %lo to %hi step %one {
    %a = memref.load %x[%i] : memref<66xf32>
    memref.store %a, %x[%i] : memref<66xf32>
  }
  func.return
}

// -----

// Elements that are not side by side stay with their threads: those of a column, those at positions that are read, those of a loop.
// CHECK-LABEL: func.func @host
// CHECK:         rt.launch @column over [64]
// CHECK:         rt.launch @gather over [64]
// CHECK:         rt.launch @rows over [64]
func.func @host(%x: memref<64x4xf32>, %p: memref<64xi64>, %out: memref<64xf32>) attributes {rt.num_inputs = 2 : i64} {
  rt.launch @column over [64] (%x, %out) : memref<64x4xf32>, memref<64xf32>
  rt.launch @gather over [64] (%p, %out) : memref<64xi64>, memref<64xf32>
  rt.launch @rows over [64] (%x, %out) : memref<64x4xf32>, memref<64xf32>
  func.return
}
func.func private @column(%lo: index, %hi: index, %x: memref<64x4xf32>, %out: memref<64xf32>) {
  %one = arith.constant 1 : index
  scf.for %i = %lo to %hi step %one {
    %a = memref.load %x[%i, %one] : memref<64x4xf32>
    memref.store %a, %out[%i] : memref<64xf32>
  }
  func.return
}
func.func private @gather(%lo: index, %hi: index, %p: memref<64xi64>, %out: memref<64xf32>) {
  %one = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  scf.for %i = %lo to %hi step %one {
    %position = memref.load %p[%i] : memref<64xi64>
    %k = arith.index_cast %position : i64 to index
    memref.store %zero, %out[%k] : memref<64xf32>
  }
  func.return
}
func.func private @rows(%lo: index, %hi: index, %x: memref<64x4xf32>, %out: memref<64xf32>) {
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  %size = arith.constant 4 : index
  scf.for %i = %lo to %hi step %one {
    scf.for %j = %zero to %size step %one {
      %a = memref.load %x[%i, %j] : memref<64x4xf32>
      memref.store %a, %out[%i] : memref<64xf32>
    }
  }
  func.return
}
