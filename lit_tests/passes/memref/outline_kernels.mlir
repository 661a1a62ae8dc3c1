// RUN: dlc-opt %s -p outline-kernels | filecheck %s

// Kernels become private functions after the host function, with unique names, and are launched over their tile.
// CHECK-LABEL: func.func @f(
// CHECK-SAME:    %[[X:\w+]]: memref<8x2xf32>, %[[Y:\w+]]: memref<8x2xf32>)
// CHECK-NEXT:    rt.launch @fill over [8](%[[X]])
// CHECK-NEXT:    rt.launch @fill_0 over [8](%[[Y]])
// CHECK-NEXT:    func.return
// CHECK:       func.func private @fill(%r: memref<8x2xf32>) attributes {rt.tile = array<i64: 8>} {
// CHECK:         linalg.fill
// CHECK-NEXT:    func.return
// CHECK:       func.func private @fill_0(
// CHECK-NOT:   rt.kernel
func.func @f(%x: memref<8x2xf32>, %y: memref<8x2xf32>) {
  rt.kernel "fill" tile [8] ins(%r = %x : memref<8x2xf32>) {
    %c = arith.constant 1.0 : f32
    linalg.fill ins(%c : f32) outs(%r : memref<8x2xf32>)
    rt.yield
  }
  rt.kernel "fill" tile [8] ins(%r = %y : memref<8x2xf32>) {
    %c = arith.constant 2.0 : f32
    linalg.fill ins(%c : f32) outs(%r : memref<8x2xf32>)
    rt.yield
  }
  func.return
}
