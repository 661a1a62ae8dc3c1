// RUN: dlc-opt %s --split-input-file --verify-diagnostics | filecheck %s

// CHECK-LABEL: func.func @row(
func.func @row(%x: memref<9x4xf32>, %i: index) {
  // CHECK: rt.row %x[%i] : memref<9x4xf32> -> memref<4xf32>
  %0 = rt.row %x[%i] : memref<9x4xf32> -> memref<4xf32>
  func.return
}

// -----

func.func @wrong(%x: memref<9x4xf32>, %i: index) {
  // expected-error@+1 {{rt.row: a row of memref<9x4xf32> is no memref<9xf32>; leave out the first dimension}}
  %0 = rt.row %x[%i] : memref<9x4xf32> -> memref<9xf32>
  func.return
}
