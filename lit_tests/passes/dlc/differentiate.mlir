// RUN: dlc-opt %s -p differentiate --split-input-file | filecheck %s

// Forward mode: primals and tangents in one function, outputs first.
// CHECK-LABEL: func.func private @f_jvp_0(
// CHECK-SAME:    %[[x:.*]]: tensor<4xf32>, %[[y:.*]]: tensor<4xf32>, %[[dx:.*]]: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
// CHECK-NEXT:    %[[r:.*]] = dlc.mul %[[x]], %[[y]]
// CHECK-NEXT:    %[[dr:.*]] = dlc.mul %[[dx]], %[[y]]
// CHECK-NEXT:    func.return %[[r]], %[[dr]]
// CHECK-LABEL: func.func @main(
// CHECK:         dlc.call @f_jvp_0(
func.func private @f(%x: tensor<4xf32>, %y: tensor<4xf32>) -> tensor<4xf32> {
  %0 = dlc.mul %x, %y : tensor<4xf32>
  func.return %0 : tensor<4xf32>
}
func.func @main(%a: tensor<4xf32>, %b: tensor<4xf32>, %t: tensor<4xf32>) -> tensor<4xf32> {
  %0, %1 = dlc.jvp @f(%a, %b)(%t) wrt [0] : (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>)
  func.return %1 : tensor<4xf32>
}

// -----

// Reverse mode: a value that is used twice gets the sum of both cotangents.
// CHECK-LABEL: func.func private @f_vjp_0(
// CHECK-SAME:    %[[x:.*]]: tensor<4xf32>, %[[ct:.*]]: tensor<4xf32>)
// CHECK:         %[[r:.*]] = dlc.exp %[[x]]
// CHECK:         %[[s:.*]] = dlc.mul %[[ct]], %[[r]]
// CHECK:         %[[g:.*]] = dlc.add %[[ct]], %[[s]]
// CHECK-NEXT:    func.return %{{.*}}, %[[g]]
func.func private @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = dlc.exp %x : tensor<4xf32>
  %1 = dlc.add %0, %x : tensor<4xf32>
  func.return %1 : tensor<4xf32>
}
func.func @main(%a: tensor<4xf32>, %ct: tensor<4xf32>) -> tensor<4xf32> {
  %0, %1 = dlc.vjp @f(%a)(%ct) wrt [0] : (tensor<4xf32>, tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>)
  func.return %1 : tensor<4xf32>
}

// -----

// What no path joins is not differentiated: the gradient of an unused argument is zero, and %u gets no cotangent.
// CHECK-LABEL: func.func private @f_vjp_0_1(
// CHECK-NEXT:    %[[u:.*]] = dlc.tanh
// CHECK-NEXT:    %[[r:.*]] = dlc.neg
// CHECK-NEXT:    %[[g:.*]] = dlc.neg
// CHECK-NEXT:    %[[z:.*]] = dlc.constant dense<0.0{{.*}}> : tensor<3xf32>
// CHECK-NEXT:    func.return %[[r]], %[[g]], %[[z]]
func.func private @f(%x: tensor<4xf32>, %y: tensor<3xf32>) -> tensor<4xf32> {
  %u = dlc.tanh %y : tensor<3xf32>
  %0 = dlc.neg %x : tensor<4xf32>
  func.return %0 : tensor<4xf32>
}
func.func @main(%a: tensor<4xf32>, %b: tensor<3xf32>, %ct: tensor<4xf32>) -> (tensor<4xf32>, tensor<3xf32>) {
  %0, %1, %2 = dlc.vjp @f(%a, %b)(%ct) wrt [0, 1] : (tensor<4xf32>, tensor<3xf32>, tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>, tensor<3xf32>)
  func.return %1, %2 : tensor<4xf32>, tensor<3xf32>
}

// -----

// Integer values have no tangent: only the floating-point output has a cotangent.
// CHECK-LABEL: func.func private @f_vjp_0(
// CHECK-SAME:    %[[x:.*]]: tensor<4xf32>, %[[n:.*]]: tensor<4xi64>, %[[ct:.*]]: tensor<4xf32>) -> (tensor<4xi64>, tensor<4xf32>, tensor<4xf32>) {
// CHECK:         %[[g:.*]] = dlc.neg %[[ct]]
// CHECK-NEXT:    func.return %{{.*}}, %{{.*}}, %[[g]]
func.func private @f(%x: tensor<4xf32>, %n: tensor<4xi64>) -> (tensor<4xi64>, tensor<4xf32>) {
  %0 = dlc.add %n, %n : tensor<4xi64>
  %1 = dlc.neg %x : tensor<4xf32>
  func.return %0, %1 : tensor<4xi64>, tensor<4xf32>
}
func.func @main(%a: tensor<4xf32>, %n: tensor<4xi64>, %ct: tensor<4xf32>) -> tensor<4xf32> {
  %0, %1, %2 = dlc.vjp @f(%a, %n)(%ct) wrt [0] : (tensor<4xf32>, tensor<4xi64>, tensor<4xf32>) -> (tensor<4xi64>, tensor<4xf32>, tensor<4xf32>)
  func.return %2 : tensor<4xf32>
}

// -----

// A callee that is still to be batched is left alone.
// CHECK-LABEL: func.func @main(
// CHECK:         dlc.vjp @g(
// CHECK-NOT:     dlc.call
func.func private @f(%x: tensor<f32>) -> tensor<f32> {
  %0 = dlc.exp %x : tensor<f32>
  func.return %0 : tensor<f32>
}
func.func private @g(%x: tensor<8xf32>) -> tensor<8xf32> {
  %0 = dlc.vmap @f(%x) mapped [0] size 8 : (tensor<8xf32>) -> tensor<8xf32>
  func.return %0 : tensor<8xf32>
}
func.func @main(%a: tensor<8xf32>) -> tensor<8xf32> {
  %0, %1 = dlc.vjp @g(%a)(%a) wrt [0] : (tensor<8xf32>, tensor<8xf32>) -> (tensor<8xf32>, tensor<8xf32>)
  func.return %1 : tensor<8xf32>
}
