// RUN: dlc-opt %s --split-input-file --verify-diagnostics --verify-roundtrip | filecheck %s

// Constants print their elements, splats one of them.
// CHECK-LABEL: func.func @round_trip
func.func @round_trip() {
  // CHECK: dlc.constant dense<[1.000000e+00, -0.000000e+00]> : tensor<2xf32>
  %0 = dlc.constant dense<[1.0, -0.0]> : tensor<2xf32>
  // CHECK: dlc.constant dense<3> : tensor<64x64xi32>
  %1 = dlc.constant dense<3> : tensor<64x64xi32>
  // CHECK: dlc.constant dense<5.000000e-01> : tensor<f64>
  %2 = dlc.constant dense<5.000000e-01> : tensor<f64>
  // CHECK: dlc.constant dense<[true, false]> : tensor<2xi1>
  %3 = dlc.constant dense<[true, false]> : tensor<2xi1>
  // CHECK: dlc.constant dense<> : tensor<0x3xf32>
  %4 = dlc.constant dense<> : tensor<0x3xf32>
  // CHECK: dlc.iota dim 1 : tensor<3x5xi64>
  %5 = dlc.iota dim 1 : tensor<3x5xi64>
  func.return
}

// -----

// Equal elements are a splat, however they were written.
// CHECK-LABEL: func.func @splat
func.func @splat() {
  // CHECK-NEXT: dlc.constant dense<2.000000e+00> : tensor<3xf32>
  %0 = dlc.constant dense<[2.0, 2.0, 2.0]> : tensor<3xf32>
  func.return
}

// -----

// NaN and infinity survive as bits.
// CHECK-LABEL: func.func @not_finite
func.func @not_finite() {
  // CHECK-NEXT: dlc.constant dense<0x7fc00000> : tensor<4xf32>
  %0 = dlc.constant dense<0x7FC00000> : tensor<4xf32>
  // CHECK-NEXT: dlc.constant dense<[0x7f800000, 1.000000e+00]> : tensor<2xf32>
  %1 = dlc.constant dense<"0x0000807F0000803F"> : tensor<2xf32>
  func.return
}

// -----

func.func @element_type() {
  // expected-error @+1 {{element type i4 is not supported; use one of i1, i8, i16, i32, i64, ui8, ui16, ui32, ui64,}}
  %0 = dlc.constant dense<1> : tensor<4xi4>
  func.return
}

// -----

func.func @iota_beyond_rank() {
  // expected-error @+1 {{dlc.iota: dim 2 is not a dimension of tensor<3x5xi64>}}
  %0 = dlc.iota dim 2 : tensor<3x5xi64>
  func.return
}

// -----

func.func @iota_of_bools() {
  // expected-error @+1 {{dlc.iota: element type i1 does not count; use dlc.convert on an iota of i64}}
  %0 = dlc.iota dim 0 : tensor<3xi1>
  func.return
}
