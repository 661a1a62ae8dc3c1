// RUN: dlc-opt %s -p simplify-dlc --split-input-file | filecheck %s

// Identical operations become one.
// CHECK-LABEL: func.func @merge(
// CHECK-SAME:    %[[x:.*]]: tensor<4xf32>)
// CHECK-NEXT:    %[[e:.*]] = dlc.exp %[[x]]
// CHECK-NEXT:    %[[r:.*]] = dlc.mul %[[e]], %[[e]]
// CHECK-NEXT:    func.return %[[r]]
func.func @merge(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = dlc.exp %x : tensor<4xf32>
  %1 = dlc.exp %x : tensor<4xf32>
  %2 = dlc.mul %0, %1 : tensor<4xf32>
  func.return %2 : tensor<4xf32>
}

// -----

// Operations that differ in a property do not become one.
// CHECK-LABEL: func.func @keep_apart(
// CHECK-COUNT-2: dlc.reduce_sum
func.func @keep_apart(%x: tensor<4x4xf32>) -> tensor<4xf32> {
  %0 = dlc.reduce_sum %x dims [0] : tensor<4x4xf32> -> tensor<4xf32>
  %1 = dlc.reduce_sum %x dims [1] : tensor<4x4xf32> -> tensor<4xf32>
  %2 = dlc.mul %0, %1 : tensor<4xf32>
  func.return %2 : tensor<4xf32>
}

// -----

// Dead operations go, with what only they used.
// CHECK-LABEL: func.func @dead(
// CHECK-SAME:    %[[x:.*]]: tensor<4xf32>)
// CHECK-NEXT:    func.return %[[x]]
func.func @dead(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = dlc.exp %x : tensor<4xf32>
  %1 = dlc.neg %0 : tensor<4xf32>
  func.return %x : tensor<4xf32>
}

// -----

// Each operation's own simplification is used, on operands that are simplified already, until nothing is left to do.
// CHECK-LABEL: func.func @own(
// CHECK-SAME:    %[[x:.*]]: tensor<4xf32>)
// CHECK-NEXT:    func.return %[[x]]
func.func @own(%x: tensor<4xf32>) -> tensor<4xf32> {
  %half = dlc.constant dense<0.5> : tensor<f32>
  %one = dlc.add %half, %half : tensor<f32>
  %ones = dlc.broadcast_in_dim %one dims [] : tensor<f32> -> tensor<4xf32>
  %0 = dlc.mul %x, %ones : tensor<4xf32>
  %1 = dlc.neg %0 : tensor<4xf32>
  %2 = dlc.neg %1 : tensor<4xf32>
  func.return %2 : tensor<4xf32>
}

// -----

// Adding zero is kept in floating point, where it turns -0.0 into 0.0.
// CHECK-LABEL: func.func @keep_plus_zero(
// CHECK:         dlc.add
func.func @keep_plus_zero(%x: tensor<4xf32>) -> tensor<4xf32> {
  %zero = dlc.constant dense<0.0> : tensor<4xf32>
  %0 = dlc.add %x, %zero : tensor<4xf32>
  func.return %0 : tensor<4xf32>
}

// -----

// Calls are not tensor operations: they stay, even unused.
// CHECK-LABEL: func.func @main(
// CHECK:         dlc.call @f
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = dlc.call @f(%x) : (tensor<4xf32>) -> tensor<4xf32>
  func.return %x : tensor<4xf32>
}
func.func private @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  func.return %x : tensor<4xf32>
}

// -----

// Identical operations with several results become one, and stay while any result is used.
// CHECK-LABEL: func.func @merge_several(
// CHECK-SAME:    %[[x:.*]]: tensor<3x3xf32>)
// CHECK-NEXT:    %[[w:.*]], %[[v:.*]] = dlc.eigh %[[x]]
// CHECK-NEXT:    func.return %[[w]], %[[v]]
func.func @merge_several(%x: tensor<3x3xf32>) -> (tensor<3xf32>, tensor<3x3xf32>) {
  %w, %u = dlc.eigh %x : tensor<3x3xf32> -> tensor<3xf32>, tensor<3x3xf32>
  %s, %v = dlc.eigh %x : tensor<3x3xf32> -> tensor<3xf32>, tensor<3x3xf32>
  %q, %r = dlc.qr %x : tensor<3x3xf32> -> tensor<3x3xf32>, tensor<3x3xf32>
  func.return %w, %v : tensor<3xf32>, tensor<3x3xf32>
}
