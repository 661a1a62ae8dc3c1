// RUN: dlc-opt %s --split-input-file --verify-diagnostics --verify-roundtrip | filecheck %s

// A comparison prints the type of its operands; predicates and bounds may be 0-d.
// CHECK-LABEL: func.func @round_trip
// CHECK-SAME: (%[[X:.*]]: tensor<4xf32>, %[[Y:.*]]: tensor<4xf32>, %[[P:.*]]: tensor<i1>, %[[L:.*]]: tensor<f32>)
func.func @round_trip(%x: tensor<4xf32>, %y: tensor<4xf32>, %p: tensor<i1>, %low: tensor<f32>) {
  // CHECK: %[[C:.*]] = dlc.compare lt %[[X]], %[[Y]] : tensor<4xf32>
  %0 = dlc.compare lt %x, %y : tensor<4xf32>
  // CHECK: dlc.compare eq %[[P]], %[[P]] : tensor<i1>
  %1 = dlc.compare eq %p, %p : tensor<i1>
  // CHECK: dlc.select %[[C]], %[[X]], %[[Y]] : tensor<4xi1>, tensor<4xf32>
  %2 = dlc.select %0, %x, %y : tensor<4xi1>, tensor<4xf32>
  // CHECK: dlc.select %[[P]], %[[X]], %[[Y]] : tensor<i1>, tensor<4xf32>
  %3 = dlc.select %p, %x, %y : tensor<i1>, tensor<4xf32>
  // CHECK: dlc.clamp %[[L]], %[[X]], %[[Y]] : tensor<f32>, tensor<4xf32>, tensor<4xf32>
  %4 = dlc.clamp %low, %x, %y : tensor<f32>, tensor<4xf32>, tensor<4xf32>
  func.return
}

// -----

func.func @unknown_direction(%x: tensor<4xf32>) {
  // expected-error @+1 {{dlc.compare: unknown direction 'less'; use one of eq, ne, lt, le, gt, ge}}
  %0 = dlc.compare less %x, %x : tensor<4xf32>
  func.return
}

// -----

func.func @predicate_of_another_shape(%p: tensor<5xi1>, %x: tensor<4xf32>) {
  // expected-error @+1 {{dlc.select: operand 0 has type tensor<5xi1>, expected tensor<4xi1> or tensor<i1>}}
  %0 = dlc.select %p, %x, %x : tensor<5xi1>, tensor<4xf32>
  func.return
}

// -----

func.func @predicate_of_integers(%p: tensor<4xi32>, %x: tensor<4xf32>) {
  // expected-error @+1 {{dlc.select: operand 0 has type tensor<4xi32>, expected elements of i1; use dlc.compare}}
  %0 = dlc.select %p, %x, %x : tensor<4xi32>, tensor<4xf32>
  func.return
}

// -----

func.func @bound_of_another_type(%low: tensor<f64>, %x: tensor<4xf32>, %high: tensor<f32>) {
  // expected-error @+1 {{dlc.clamp: operand 0 has type tensor<f64>, expected tensor<4xf32> or tensor<f32>}}
  %0 = dlc.clamp %low, %x, %high : tensor<f64>, tensor<4xf32>, tensor<f32>
  func.return
}
