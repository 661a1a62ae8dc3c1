// RUN: dlc-opt %s -p expand-math --split-input-file | filecheck %s

// The exponential keeps NaN when it clamps (the constant is the first operand of an ordered comparison), rounds the
// quotient by adding a large number, and scales by two powers of two, so that subnormal results are rounded once. Where the
// result is zero, the first power is zero: nothing underflows.
// CHECK-LABEL: func.func @exp
// CHECK-SAME: (%[[X:.*]]: f32)
// CHECK: %[[LOW:.*]] = arith.constant -1.040000e+02 : f32
// CHECK-NEXT: %[[IS_LOW:.*]] = arith.cmpf ogt, %[[LOW]], %[[X]] : f32
// CHECK-NEXT: %{{.*}} = arith.select %[[IS_LOW]], %[[LOW]], %[[X]] : f32
// CHECK: math.fma
// CHECK-COUNT-2: arith.shli
// CHECK: %[[ZERO:.*]] = arith.constant 0.000000e+00 : f32
// CHECK-NEXT: %[[POWER:.*]] = arith.select %[[IS_LOW]], %[[ZERO]], %{{.*}} : f32
// CHECK-NEXT: %[[SCALED:.*]] = arith.mulf %{{.*}}, %[[POWER]] : f32
// CHECK-NEXT: %[[RESULT:.*]] = arith.mulf %[[SCALED]], %{{.*}}
// CHECK-NEXT: func.return %[[RESULT]] : f32
func.func @exp(%x: f32) -> f32 {
  %y = math.exp %x : f32
  func.return %y : f32
}

// -----

// Vectors get the same code, on vectors, and no branch.
// CHECK-LABEL: func.func @tanh_of_vector
// CHECK-NOT: scf.if
// CHECK-NOT: math.tanh
// CHECK: arith.select %{{.*}}, %{{.*}}, %{{.*}} : vector<8xi1>, vector<8xf32>
// CHECK: %[[MAGNITUDE:.*]] = arith.divf %{{.*}}, %{{.*}} : vector<8xf32>
// CHECK-NEXT: %{{.*}} = math.copysign %[[MAGNITUDE]], %{{.*}} : vector<8xf32>
func.func @tanh_of_vector(%x: vector<8xf32>) -> vector<8xf32> {
  %y = math.tanh %x : vector<8xf32>
  func.return %y : vector<8xf32>
}

// -----

// Only the reduction of large arguments is a branch, taken by all elements if one of them needs it: as doubles, and in a
// branch of that for huge ones.
// CHECK-LABEL: func.func @sin_of_vector
// CHECK: %[[ANY:.*]] = vector.reduction <or>, %{{.*}} : vector<4xi1> into i1
// CHECK: scf.if %[[ANY]] -> (vector<4xf32>, vector<4xi32>)
// CHECK: scf.if %{{.*}} -> (vector<4xf64>, vector<4xi64>)
// CHECK: arith.truncf %{{.*}} : vector<4xf64> to vector<4xf32>
// CHECK-NOT: scf.if
func.func @sin_of_vector(%x: vector<4xf32>) -> vector<4xf32> {
  %y = math.sin %x : vector<4xf32>
  func.return %y : vector<4xf32>
}

// -----

// A scalar needs no reduction.
// CHECK-LABEL: func.func @cos_of_scalar
// CHECK-NOT: vector.reduction
// CHECK: %[[LARGE:.*]] = arith.andi %{{.*}}, %{{.*}} : i1
// CHECK: scf.if %[[LARGE]] -> (f64, i64)
func.func @cos_of_scalar(%x: f64) -> f64 {
  %y = math.cos %x : f64
  func.return %y : f64
}

// -----

// The logarithm of `pow` of f32 is computed in f64; what is rounded are the two parts of the exponent. Negative bases take a branch.
// CHECK-LABEL: func.func @pow
// CHECK-NOT: math.powf
// CHECK: arith.extf %{{.*}} : f32 to f64
// CHECK-COUNT-2: arith.truncf %{{.*}} : f64 to f32
// CHECK-NOT: arith.truncf
// CHECK: scf.if
func.func @pow(%x: f32, %y: f32) -> f32 {
  %z = math.powf %x, %y : f32
  func.return %z : f32
}

// -----

// Functions in loops are expanded in place.
// CHECK-LABEL: func.func @loop
// CHECK: scf.for
// CHECK-NEXT: %[[X:.*]] = memref.load
// CHECK-NOT: math.log
// CHECK: memref.store
func.func @loop(%lo: index, %hi: index, %m: memref<8xf32>) {
  %c1 = arith.constant 1 : index
  scf.for %i = %lo to %hi step %c1 {
    %x = memref.load %m[%i] : memref<8xf32>
    %y = math.log %x : f32
    memref.store %y, %m[%i] : memref<8xf32>
  }
  func.return
}

// -----

// What is one instruction, or has no expansion, stays, whatever its type.
// CHECK-LABEL: func.func @untouched
// CHECK-NEXT: %[[A:.*]] = math.sqrt %{{.*}} : f32
// CHECK-NEXT: %[[B:.*]] = math.floor %[[A]] : f32
// CHECK-NEXT: %[[C:.*]] = math.absf %[[B]] : f32
// CHECK-NEXT: %[[D:.*]] = math.round %[[C]] : f32
// CHECK-NEXT: func.return %[[D]]
func.func @untouched(%x: f32) -> f32 {
  %a = math.sqrt %x : f32
  %b = math.floor %a : f32
  %c = math.absf %b : f32
  %d = math.round %c : f32
  func.return %d : f32
}

// -----

// Functions that are mirrored at 0 do that in a branch of their own, which only negative arguments take.
// CHECK-LABEL: func.func @lgamma
// CHECK-NOT: special.lgamma
// CHECK: %[[ANY:.*]] = vector.reduction <or>, %{{.*}} : vector<4xi1> into i1
// CHECK: scf.if %[[ANY]] -> (vector<4xf64>)
// CHECK: math.roundeven
// CHECK-NOT: scf.if
func.func @lgamma(%x: vector<4xf64>) -> vector<4xf64> {
  %y = special.lgamma %x : vector<4xf64>
  func.return %y : vector<4xf64>
}

// -----

// The angle of a point takes one division, and no branch, whatever the quadrant is.
// CHECK-LABEL: func.func @atan2
// CHECK-NOT: scf.if
// CHECK-COUNT-1: arith.divf
// CHECK-NOT: arith.divf
// CHECK-NOT: scf.if
func.func @atan2(%y: f32, %x: f32) -> f32 {
  %z = math.atan2 %y, %x : f32
  func.return %z : f32
}

// -----

// The complements of a number and of its negative are one computation, up to the side that is chosen at the end.
// CHECK-LABEL: func.func @both_sides
// CHECK-COUNT-1: math.absf
// CHECK-NOT: math.absf
// CHECK-COUNT-2: arith.cmpf olt, %{{.*}}, %{{.*}} : f64
func.func @both_sides(%x: f64) -> (f64, f64) {
  %c = arith.constant 0.5 : f64
  %d = arith.constant -0.5 : f64
  %p = arith.mulf %x, %c : f64
  %n = arith.mulf %x, %d : f64
  %y = special.erfc %p : f64
  %z = special.erfc %n : f64
  func.return %y, %z : f64, f64
}

// -----

// What two functions of one number have in common is computed once: here the exponential and its reciprocal.
// CHECK-LABEL: func.func @sinh_and_cosh
// CHECK-COUNT-1: arith.divf
// CHECK-NOT: arith.divf
func.func @sinh_and_cosh(%x: vector<8xf32>) -> (vector<8xf32>, vector<8xf32>) {
  %y = math.sinh %x : vector<8xf32>
  %z = math.cosh %x : vector<8xf32>
  func.return %y, %z : vector<8xf32>, vector<8xf32>
}
