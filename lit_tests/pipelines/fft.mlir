// RUN: dlc-opt %s --compile-to=fused | filecheck %s

// A batch of transforms is one kernel, which reads and writes complex numbers as they lie in memory.
// CHECK-LABEL: func.func @rows(
// CHECK-NOT:   linalg.generic
// CHECK:       rt.kernel "fft" tile [100, 1] ins(%{{.*}} = %{{.*}} : tensor<100x256x1x2xf32>
// CHECK:         rt.fft "complex" %{{.*}}, %{{.*}} radices [8, 8, 4] scale 1.000000e+00 parts 1
// CHECK-NOT:   linalg.generic
// CHECK:       func.return
func.func @rows(%z: tensor<100x256xcomplex<f32>>) -> tensor<100x256xcomplex<f32>> {
  %0 = dlc.fft %z dim 1 scale 1.0 : tensor<100x256xcomplex<f32>> -> tensor<100x256xcomplex<f32>>
  func.return %0 : tensor<100x256xcomplex<f32>>
}

// Along another dimension than the last, 32 columns are computed together; nothing is transposed.
// CHECK-LABEL: func.func @columns(
// CHECK-NOT:   linalg.generic
// CHECK:       rt.kernel "fft" tile [1, 3]
// CHECK-NOT:   linalg.generic
// CHECK:       func.return
func.func @columns(%z: tensor<100x96xcomplex<f32>>) -> tensor<100x96xcomplex<f32>> {
  %0 = dlc.fft %z dim 0 scale 1.0 : tensor<100x96xcomplex<f32>> -> tensor<100x96xcomplex<f32>>
  func.return %0 : tensor<100x96xcomplex<f32>>
}

// Real numbers are half as many complex ones.
// CHECK-LABEL: func.func @reals(
// CHECK-NOT:   linalg.generic
// CHECK:       rt.fft "real" %{{.*}}, %{{.*}} radices [8, 8] scale 1.000000e+00 parts 1 : tensor<1x64x1x2xf64>, tensor<{{.*}}xf64> -> tensor<1x65x1x2xf64>
// CHECK:       func.return
func.func @reals(%x: tensor<128xf64>) -> tensor<65xcomplex<f64>> {
  %0 = dlc.rfft %x scale 1.0 : tensor<128xf64> -> tensor<65xcomplex<f64>>
  func.return %0 : tensor<65xcomplex<f64>>
}
