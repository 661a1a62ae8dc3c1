// RUN: dlc-opt %s -p split-complex --split-input-file | filecheck %s

// A product is four real ones, and the host function remembers that its arrays are complex.
// CHECK-LABEL: func.func @product(
// CHECK-SAME:    %[[X:.*]]: tensor<4x2xf32>) -> tensor<4x2xf32>
// CHECK-SAME:    rt.array_types = (tensor<4xcomplex<f32>>) -> tensor<4xcomplex<f32>>
// CHECK:         %[[RE:.*]] = dlc.deinterleave %[[X]] index 0
// CHECK:         %[[IM:.*]] = dlc.deinterleave %[[X]] index 1
// CHECK-COUNT-3: dlc.mul
// CHECK:         dlc.interleave
// CHECK-NOT:     complex<
func.func @product(%x: tensor<4xcomplex<f32>>) -> tensor<4xcomplex<f32>> {
  %0 = dlc.mul %x, %x : tensor<4xcomplex<f32>>
  func.return %0 : tensor<4xcomplex<f32>>
}

// -----

// What needs the real part only computes only that.
// CHECK-LABEL: func.func @real_part(
// CHECK:         dlc.deinterleave %{{.*}} index 0
// CHECK-NEXT:    dlc.reduce_sum
// CHECK-NEXT:    func.return
func.func @real_part(%x: tensor<4xcomplex<f32>>) -> tensor<f32> {
  %0 = dlc.reduce_sum %x dims [0] : tensor<4xcomplex<f32>> -> tensor<complex<f32>>
  %1 = dlc.real %0 : tensor<complex<f32>> -> tensor<f32>
  func.return %1 : tensor<f32>
}

// -----

// Functions without complex numbers stay as they are, with what could be simplified in them.
// CHECK-LABEL: func.func @real(
// CHECK-SAME:    %[[X:.*]]: tensor<4xf32>) -> tensor<4xf32> {
// CHECK-NEXT:    dlc.add
// CHECK-NEXT:    dlc.add
func.func @real(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = dlc.add %x, %x : tensor<4xf32>
  %1 = dlc.add %x, %x : tensor<4xf32>
  func.return %1 : tensor<4xf32>
}

// -----

// LAPACK gets complex matrices as they lie in memory; real results of it are real.
// CHECK-LABEL: func.func @packed(
// CHECK-SAME:    %[[X:.*]]: tensor<3x3x2xf32>) -> (tensor<3xf32>, tensor<3x3x2xf32>)
// CHECK:         %[[W:.*]], %[[V:.*]] = dlc.eigh packed %{{.*}} : tensor<3x3x2xf32> -> tensor<3xf32>, tensor<3x3x2xf32>
// CHECK:         func.return %[[W]]
func.func @packed(%x: tensor<3x3xcomplex<f32>>) -> (tensor<3xf32>, tensor<3x3xcomplex<f32>>) {
  %w, %v = dlc.eigh %x : tensor<3x3xcomplex<f32>> -> tensor<3xf32>, tensor<3x3xcomplex<f32>>
  func.return %w, %v : tensor<3xf32>, tensor<3x3xcomplex<f32>>
}
