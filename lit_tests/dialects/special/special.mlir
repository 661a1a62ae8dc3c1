// RUN: dlc-opt %s --verify-roundtrip | filecheck %s

// Special functions of scalars and vectors print as they parse.
// CHECK-LABEL: func.func @round_trip
// CHECK-SAME: (%[[X:.*]]: f64, %[[V:.*]]: vector<8xf32>)
// CHECK: special.erfc %[[X]] : f64
// CHECK: special.erfcx %[[V]] : vector<8xf32>
// CHECK: special.erf_inv %[[X]] : f64
// CHECK: special.erfc_inv %[[V]] : vector<8xf32>
// CHECK: special.lgamma %[[X]] : f64
// CHECK: special.digamma %[[V]] : vector<8xf32>
// CHECK: special.polygamma %[[X]] {order = 2 : i64} : f64
// CHECK: special.rem %[[X]], %[[X]] : f64
// CHECK: special.scalb %[[V]], %[[V]] : vector<8xf32>
// CHECK: special.logb %[[V]] : vector<8xf32>
// CHECK: special.significand %[[V]] : vector<8xf32>
// CHECK: special.rsqrt_estimate %[[V]] : vector<8xf32>
func.func @round_trip(%x: f64, %v: vector<8xf32>) {
  %0 = special.erfc %x : f64
  %1 = special.erfcx %v : vector<8xf32>
  %2 = special.erf_inv %x : f64
  %3 = special.erfc_inv %v : vector<8xf32>
  %4 = special.lgamma %x : f64
  %5 = special.digamma %v : vector<8xf32>
  %6 = special.polygamma %x {order = 2 : i64} : f64
  %7 = special.rem %x, %x : f64
  %8 = special.scalb %v, %v : vector<8xf32>
  %9 = special.logb %v : vector<8xf32>
  %10 = special.significand %v : vector<8xf32>
  %11 = special.rsqrt_estimate %v : vector<8xf32>
  func.return
}
