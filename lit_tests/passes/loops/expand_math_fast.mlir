// RUN: dlc-opt %s -p "expand-math{fast=true}" --split-input-file | filecheck %s

// One power of two scales, and only zero and infinity are beyond it.
// CHECK-LABEL: func.func @exp
// CHECK-COUNT-1: arith.shli
// CHECK-NOT: arith.shli
func.func @exp(%x: vector<8xf32>) -> vector<8xf32> {
  %y = math.exp %x : vector<8xf32>
  func.return %y : vector<8xf32>
}

// -----

// A quotient by a root, or by the product of a number and its root, divides in a branch for rare numbers only; two quotients
// share the inverse root.
// CHECK-LABEL: func.func @by_root
// CHECK-NOT: arith.divf
// CHECK: %[[INVERSE:.*]] = scf.if
// CHECK: arith.divf
// CHECK: }
// CHECK-NOT: arith.divf
// CHECK: %{{.*}} = arith.mulf %{{.*}}, %[[INVERSE]] : f64
// CHECK: %[[ONCE:.*]] = arith.mulf %{{.*}}, %[[INVERSE]] : f64
// CHECK: %[[TWICE:.*]] = arith.mulf %[[INVERSE]], %[[INVERSE]] : f64
// CHECK: arith.mulf %[[ONCE]], %[[TWICE]] : f64
func.func @by_root(%a: f64, %b: f64, %c: f64) -> (f64, f64) {
  %root = math.sqrt %c : f64
  %x = arith.divf %a, %root : f64
  %cube = arith.mulf %c, %root : f64
  %y = arith.divf %b, %cube : f64
  func.return %x, %y : f64, f64
}

// -----

// Other quotients stay, as do those by the root of another number.
// CHECK-LABEL: func.func @other
// CHECK-COUNT-2: arith.divf
// CHECK-NOT: scf.if
func.func @other(%a: f32, %b: f32) -> (f32, f32) {
  %root = math.sqrt %a : f32
  %product = arith.mulf %root, %b : f32
  %x = arith.divf %a, %product : f32
  %y = arith.divf %a, %b : f32
  func.return %x, %y : f32, f32
}

// -----

// What has no fast variant is expanded as ever.
// CHECK-LABEL: func.func @sinh
// CHECK-NOT: math.sinh
// CHECK-COUNT-2: arith.shli
func.func @sinh(%x: f32) -> f32 {
  %y = math.sinh %x : f32
  func.return %y : f32
}
