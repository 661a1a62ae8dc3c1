// RUN: dlc-opt %s -p batch --split-input-file | filecheck %s

// Operations on a mapped argument get one more leading dimension; the others are computed once.
// CHECK-LABEL: func.func private @f_vmap_0(
// CHECK-SAME:    %[[x:.*]]: tensor<8x4xf32>, %[[y:.*]]: tensor<4xf32>) -> tensor<8x4xf32> {
// CHECK-NEXT:    %[[e:.*]] = dlc.exp %[[y]] : tensor<4xf32>
// CHECK-NEXT:    %[[w:.*]] = dlc.broadcast_in_dim %[[e]] dims [1] : tensor<4xf32> -> tensor<8x4xf32>
// CHECK-NEXT:    %[[r:.*]] = dlc.add %[[x]], %[[w]] : tensor<8x4xf32>
// CHECK-NEXT:    func.return %[[r]]
// CHECK-LABEL: func.func @main(
// CHECK:         dlc.call @f_vmap_0(
// CHECK-NOT:     dlc.vmap
func.func private @f(%x: tensor<4xf32>, %y: tensor<4xf32>) -> tensor<4xf32> {
  %0 = dlc.exp %y : tensor<4xf32>
  %1 = dlc.add %x, %0 : tensor<4xf32>
  func.return %1 : tensor<4xf32>
}
func.func @main(%a: tensor<8x4xf32>, %b: tensor<4xf32>) -> tensor<8x4xf32> {
  %0 = dlc.vmap @f(%a, %b) mapped [0] size 8 : (tensor<8x4xf32>, tensor<4xf32>) -> tensor<8x4xf32>
  func.return %0 : tensor<8x4xf32>
}

// -----

// A result that does not depend on a mapped argument is repeated.
// CHECK-LABEL: func.func private @f_vmap_0(
// CHECK-SAME:    %[[x:.*]]: tensor<8xf32>, %[[y:.*]]: tensor<4xf32>)
// CHECK-NEXT:    %[[r:.*]] = dlc.broadcast_in_dim %[[y]] dims [1] : tensor<4xf32> -> tensor<8x4xf32>
// CHECK-NEXT:    func.return %[[r]], %[[x]]
func.func private @f(%x: tensor<f32>, %y: tensor<4xf32>) -> (tensor<4xf32>, tensor<f32>) {
  func.return %y, %x : tensor<4xf32>, tensor<f32>
}
func.func @main(%a: tensor<8xf32>, %b: tensor<4xf32>) -> (tensor<8x4xf32>, tensor<8xf32>) {
  %0, %1 = dlc.vmap @f(%a, %b) mapped [0] size 8 : (tensor<8xf32>, tensor<4xf32>) -> (tensor<8x4xf32>, tensor<8xf32>)
  func.return %0, %1 : tensor<8x4xf32>, tensor<8xf32>
}

// -----

// Transforms that agree share one function; another size or another set of mapped arguments needs its own.
// CHECK-LABEL: func.func @main(
// CHECK:         dlc.call @f_vmap_0(
// CHECK:         dlc.call @f_vmap_0(
// CHECK:         dlc.call @f_vmap_0_2(
// CHECK:         dlc.call @f_vmap_0_1(
func.func @main(%a: tensor<8xf32>, %b: tensor<3xf32>, %c: tensor<f32>) -> (tensor<8xf32>, tensor<8xf32>, tensor<3xf32>, tensor<3xf32>) {
  %0 = dlc.vmap @f(%a, %c) mapped [0] size 8 : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  %1 = dlc.vmap @f(%0, %c) mapped [0] size 8 : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  %2 = dlc.vmap @f(%b, %c) mapped [0] size 3 : (tensor<3xf32>, tensor<f32>) -> tensor<3xf32>
  %3 = dlc.vmap @f(%b, %2) mapped [0, 1] size 3 : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>
  func.return %0, %1, %2, %3 : tensor<8xf32>, tensor<8xf32>, tensor<3xf32>, tensor<3xf32>
}
func.func private @f(%x: tensor<f32>, %y: tensor<f32>) -> tensor<f32> {
  %0 = dlc.mul %x, %y : tensor<f32>
  func.return %0 : tensor<f32>
}

// -----

// Nested: the inner vmap is expanded first, and its call inlined before the outer one looks in.
// CHECK-LABEL: func.func private @row_vmap_0(
// CHECK-SAME:    %[[x:.*]]: tensor<8x4xf32>)
// CHECK-NEXT:    %[[r:.*]] = dlc.exp %[[x]] : tensor<8x4xf32>
// CHECK-NEXT:    func.return %[[r]]
func.func private @element(%x: tensor<f32>) -> tensor<f32> {
  %0 = dlc.exp %x : tensor<f32>
  func.return %0 : tensor<f32>
}
func.func private @row(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = dlc.vmap @element(%x) mapped [0] size 4 : (tensor<4xf32>) -> tensor<4xf32>
  func.return %0 : tensor<4xf32>
}
func.func @main(%a: tensor<8x4xf32>) -> tensor<8x4xf32> {
  %0 = dlc.vmap @row(%a) mapped [0] size 8 : (tensor<8x4xf32>) -> tensor<8x4xf32>
  func.return %0 : tensor<8x4xf32>
}

// -----

// A callee that is still to be differentiated is left alone.
// CHECK-LABEL: func.func @main(
// CHECK:         dlc.vmap @g(
// CHECK-NOT:     dlc.call
func.func private @f(%x: tensor<f32>) -> tensor<f32> {
  %0 = dlc.exp %x : tensor<f32>
  func.return %0 : tensor<f32>
}
func.func private @g(%x: tensor<f32>) -> tensor<f32> {
  %0, %1 = dlc.jvp @f(%x)(%x) wrt [0] : (tensor<f32>, tensor<f32>) -> (tensor<f32>, tensor<f32>)
  func.return %1 : tensor<f32>
}
func.func @main(%a: tensor<8xf32>) -> tensor<8xf32> {
  %0 = dlc.vmap @g(%a) mapped [0] size 8 : (tensor<8xf32>) -> tensor<8xf32>
  func.return %0 : tensor<8xf32>
}
