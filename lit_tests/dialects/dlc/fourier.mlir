// RUN: dlc-opt %s --split-input-file --verify-diagnostics | dlc-opt --split-input-file | filecheck %s

// A transform keeps complex types along any dimension; of real numbers there is the first half.
// CHECK-LABEL: func.func @transforms
func.func @transforms(%z: tensor<6x10xcomplex<f32>>, %x: tensor<2x7xf64>, %p: tensor<3x4x2xf32>) -> tensor<2x7xf64> {
  // CHECK: dlc.fft %z dim 0 scale 1.000000e+00 : tensor<6x10xcomplex<f32>> -> tensor<6x10xcomplex<f32>>
  %0 = dlc.fft %z dim 0 scale 1.0 : tensor<6x10xcomplex<f32>> -> tensor<6x10xcomplex<f32>>
  // CHECK: dlc.fft inverse %z dim 1 scale 1.000000e-01 : tensor<6x10xcomplex<f32>> -> tensor<6x10xcomplex<f32>>
  %1 = dlc.fft inverse %z dim 1 scale 0.1 : tensor<6x10xcomplex<f32>> -> tensor<6x10xcomplex<f32>>
  // CHECK: %[[half:.*]] = dlc.rfft %x scale 1.000000e+00 : tensor<2x7xf64> -> tensor<2x4xcomplex<f64>>
  %2 = dlc.rfft %x scale 1.0 : tensor<2x7xf64> -> tensor<2x4xcomplex<f64>>
  // CHECK: dlc.irfft %[[half]] length 7 scale 1.000000e+00 : tensor<2x4xcomplex<f64>> -> tensor<2x7xf64>
  %3 = dlc.irfft %2 length 7 scale 1.0 : tensor<2x4xcomplex<f64>> -> tensor<2x7xf64>
  // CHECK: dlc.packed_fft "complex" %p dim 1 length 4 scale 1.000000e+00 : tensor<3x4x2xf32> -> tensor<3x4x2xf32>
  %4 = dlc.packed_fft "complex" %p dim 1 length 4 scale 1.0 : tensor<3x4x2xf32> -> tensor<3x4x2xf32>
  // CHECK: dlc.packed_fft "real" %x dim 1 length 7 scale 1.000000e+00 : tensor<2x7xf64> -> tensor<2x4x2xf64>
  %5 = dlc.packed_fft "real" %x dim 1 length 7 scale 1.0 : tensor<2x7xf64> -> tensor<2x4x2xf64>
  func.return %3 : tensor<2x7xf64>
}

// -----

func.func @no_such_dimension(%z: tensor<3xcomplex<f32>>) {
  // expected-error @+1 {{dlc.fft: dim 1 is not a dimension of tensor<3xcomplex<f32>>}}
  %0 = dlc.fft %z dim 1 scale 1.0 : tensor<3xcomplex<f32>> -> tensor<3xcomplex<f32>>
  func.return
}

// -----

func.func @no_points(%z: tensor<2x0xcomplex<f32>>) {
  // expected-error @+1 {{dlc.fft: operand 0 has type tensor<2x0xcomplex<f32>>, expected at least one point along dim 1}}
  %0 = dlc.fft %z dim 1 scale 1.0 : tensor<2x0xcomplex<f32>> -> tensor<2x0xcomplex<f32>>
  func.return
}

// -----

func.func @real_operand(%x: tensor<3xf32>) {
  // expected-error @+1 {{dlc.fft: operand 0 has type tensor<3xf32>, expected elements of kind complex}}
  %0 = dlc.fft %x dim 0 scale 1.0 : tensor<3xf32> -> tensor<3xf32>
  func.return
}

// -----

func.func @complex_operand(%z: tensor<3xcomplex<f32>>) {
  // expected-error @+1 {{dlc.rfft: operand 0 has type tensor<3xcomplex<f32>>, expected elements of f32 or f64; use dlc.convert}}
  %0 = dlc.rfft %z scale 1.0 : tensor<3xcomplex<f32>> -> tensor<2xcomplex<f32>>
  func.return
}

// -----

func.func @other_length(%z: tensor<3xcomplex<f32>>) {
  // expected-error @+1 {{dlc.irfft: length is 7 and operand 0 has type tensor<3xcomplex<f32>>, expected a last dimension of size 4; use dlc.slice or dlc.pad}}
  %0 = dlc.irfft %z length 7 scale 1.0 : tensor<3xcomplex<f32>> -> tensor<7xf32>
  func.return
}

// -----

func.func @unknown_kind(%p: tensor<4x2xf32>) {
  // expected-error @+1 {{dlc.packed_fft: kind is "other", expected one of complex, from_real, real, inverse_real, inverse with the first two only}}
  %0 = dlc.packed_fft "other" %p dim 0 length 4 scale 1.0 : tensor<4x2xf32> -> tensor<4x2xf32>
  func.return
}

// -----

func.func @packed_integers(%p: tensor<4x2xi32>) {
  // expected-error @+1 {{dlc.packed_fft: operand 0 has type tensor<4x2xi32>, expected elements of f32 or f64}}
  %0 = dlc.packed_fft "complex" %p dim 0 length 4 scale 1.0 : tensor<4x2xi32> -> tensor<4x2xi32>
  func.return
}

// -----

func.func @not_pairs(%p: tensor<4x3xf32>) {
  // expected-error @+1 {{dlc.packed_fft: dim is 0 of tensor<4x3xf32>, expected numbers along the last dimension}}
  %0 = dlc.packed_fft "complex" %p dim 0 length 4 scale 1.0 : tensor<4x3xf32> -> tensor<4x3xf32>
  func.return
}

// -----

func.func @large_prime(%p: tensor<131x2xf32>) {
  // expected-error @+1 {{dlc.packed_fft: length is 131 and operand 0 has type tensor<131x2xf32>, expected as many points, without a large prime factor}}
  %0 = dlc.packed_fft "complex" %p dim 0 length 131 scale 1.0 : tensor<131x2xf32> -> tensor<131x2xf32>
  func.return
}
