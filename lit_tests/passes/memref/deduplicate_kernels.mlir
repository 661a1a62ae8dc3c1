// RUN: dlc-opt %s -p deduplicate-kernels | filecheck %s

// Equal bodies under different names are one kernel; a different constant or tile is another.
// CHECK-LABEL: func.func @f(
// CHECK-NEXT:    rt.launch @a over [8]
// CHECK-NEXT:    rt.launch @a over [8]
// CHECK-NEXT:    rt.launch @other_constant over [8]
// CHECK-NEXT:    rt.launch @other_tile over [4]
// CHECK-NEXT:    rt.launch @negative_zero over [8]
// CHECK-NEXT:    rt.launch @zero over [8]
// CHECK-NOT:   @same
func.func @f(%x: memref<8xf32>) {
  rt.launch @a over [8] (%x) : memref<8xf32>
  rt.launch @same over [8] (%x) : memref<8xf32>
  rt.launch @other_constant over [8] (%x) : memref<8xf32>
  rt.launch @other_tile over [4] (%x) : memref<8xf32>
  rt.launch @negative_zero over [8] (%x) : memref<8xf32>
  rt.launch @zero over [8] (%x) : memref<8xf32>
  func.return
}
func.func private @a(%r: memref<8xf32>) attributes {rt.tile = array<i64: 8>} {
  %c = arith.constant 1.0 : f32
  linalg.fill ins(%c : f32) outs(%r : memref<8xf32>)
  func.return
}
func.func private @same(%out: memref<8xf32>) attributes {rt.tile = array<i64: 8>} {
  %one = arith.constant 1.0 : f32
  linalg.fill ins(%one : f32) outs(%out : memref<8xf32>)
  func.return
}
func.func private @other_constant(%r: memref<8xf32>) attributes {rt.tile = array<i64: 8>} {
  %c = arith.constant 2.0 : f32
  linalg.fill ins(%c : f32) outs(%r : memref<8xf32>)
  func.return
}
func.func private @negative_zero(%r: memref<8xf32>) attributes {rt.tile = array<i64: 8>} {
  %c = arith.constant -0.0 : f32
  linalg.fill ins(%c : f32) outs(%r : memref<8xf32>)
  func.return
}
func.func private @zero(%r: memref<8xf32>) attributes {rt.tile = array<i64: 8>} {
  %c = arith.constant 0.0 : f32
  linalg.fill ins(%c : f32) outs(%r : memref<8xf32>)
  func.return
}
func.func private @other_tile(%r: memref<8xf32>) attributes {rt.tile = array<i64: 4>} {
  %c = arith.constant 1.0 : f32
  linalg.fill ins(%c : f32) outs(%r : memref<8xf32>)
  func.return
}
