// RUN: dlc-opt %s -p "expand-math{exponents=true}" --split-input-file | filecheck %s

// One operation scales, and the parts of a number need no integers and no selection of limits.
// CHECK-LABEL: func.func @exp
// CHECK-NOT: arith.shli
// CHECK: %[[N:.*]] = arith.subf
// CHECK: %[[POWER:.*]] = arith.select %{{.*}}, %{{.*}}, %{{.*}} : vector<16xi1>, vector<16xf32>
// CHECK-NEXT: %[[Y:.*]] = special.scalb %[[POWER]], %[[N]] : vector<16xf32>
// CHECK: %[[M:.*]] = special.significand %[[Y]] : vector<16xf32>
// CHECK: special.logb %[[Y]] : vector<16xf32>
// CHECK-NEXT: special.logb %[[M]] : vector<16xf32>
// CHECK-NOT: arith.select
func.func @exp(%x: vector<16xf32>) -> vector<16xf32> {
  %y = math.exp %x : vector<16xf32>
  %z = math.log %y : vector<16xf32>
  func.return %z : vector<16xf32>
}

// -----

// Scalars, and vectors that fill no register, are computed as on other processors.
// CHECK-LABEL: func.func @others
// CHECK-NOT: special.
func.func @others(%x: f64, %v: vector<3xf64>) -> (f64, vector<3xf64>) {
  %y = math.log %x : f64
  %w = math.exp %v : vector<3xf64>
  func.return %y, %w : f64, vector<3xf64>
}

// -----

// A large quotient is reduced in steps, in a branch; the usual one takes one division.
// CHECK-LABEL: func.func @remainder
// CHECK: arith.divf
// CHECK: scf.if
// CHECK: scf.while
// CHECK: arith.divf
// CHECK-NOT: arith.divf
func.func @remainder(%x: vector<8xf64>, %y: vector<8xf64>) -> vector<8xf64> {
  %z = special.rem %x, %y : vector<8xf64>
  func.return %z : vector<8xf64>
}
