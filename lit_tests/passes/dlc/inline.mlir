// RUN: dlc-opt %s -p inline --split-input-file | filecheck %s

// A call is replaced by the callee's body, with the operands in place of the arguments.
// CHECK-LABEL: func.func @main(
// CHECK-SAME:    %[[a:.*]]: tensor<4xf32>) -> tensor<4xf32> {
// CHECK-NEXT:    %[[n:.*]] = dlc.neg %[[a]]
// CHECK-NEXT:    %[[e:.*]] = dlc.exp %[[n]]
// CHECK-NEXT:    func.return %[[e]]
func.func @main(%a: tensor<4xf32>) -> tensor<4xf32> {
  %n = dlc.neg %a : tensor<4xf32>
  %r = dlc.call @f(%n) : (tensor<4xf32>) -> tensor<4xf32>
  func.return %r : tensor<4xf32>
}
func.func private @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  %e = dlc.exp %x : tensor<4xf32>
  func.return %e : tensor<4xf32>
}

// -----

// Calls are inlined through several functions, wherever these stand in the module.
// CHECK-LABEL: func.func @main(
// CHECK-COUNT-4: dlc.exp
// CHECK-NOT:     dlc.call
// CHECK:         func.return
func.func @main(%a: tensor<4xf32>) -> tensor<4xf32> {
  %0 = dlc.call @twice_f(%a) : (tensor<4xf32>) -> tensor<4xf32>
  %1 = dlc.call @twice_f(%0) : (tensor<4xf32>) -> tensor<4xf32>
  func.return %1 : tensor<4xf32>
}
func.func private @twice_f(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = dlc.call @f(%x) : (tensor<4xf32>) -> tensor<4xf32>
  %1 = dlc.call @f(%0) : (tensor<4xf32>) -> tensor<4xf32>
  func.return %1 : tensor<4xf32>
}
func.func private @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = dlc.exp %x : tensor<4xf32>
  func.return %0 : tensor<4xf32>
}

// -----

// A callee that returns its argument leaves no operation behind.
// CHECK-LABEL: func.func @swap_twice(
// CHECK-SAME:    %[[a:.*]]: tensor<4xf32>, %[[b:.*]]: tensor<4xf32>)
// CHECK-NEXT:    func.return %[[a]], %[[b]]
func.func @swap_twice(%a: tensor<4xf32>, %b: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %0, %1 = dlc.call @swap(%a, %b) : (tensor<4xf32>, tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>)
  %2, %3 = dlc.call @swap(%0, %1) : (tensor<4xf32>, tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>)
  func.return %2, %3 : tensor<4xf32>, tensor<4xf32>
}
func.func private @swap(%a: tensor<4xf32>, %b: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  func.return %b, %a : tensor<4xf32>, tensor<4xf32>
}

// -----

// Transforms stay.
// CHECK-LABEL: func.func @main(
// CHECK:         dlc.vmap @f
func.func @main(%a: tensor<8x4xf32>) -> tensor<8x4xf32> {
  %0 = dlc.vmap @f(%a) mapped [0] size 8 : (tensor<8x4xf32>) -> tensor<8x4xf32>
  func.return %0 : tensor<8x4xf32>
}
func.func private @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = dlc.exp %x : tensor<4xf32>
  func.return %0 : tensor<4xf32>
}

// -----

// Once no transform is left, functions with custom derivatives and checkpoints are calls: rules are not looked at.
// CHECK-LABEL: func.func @main(
// CHECK-SAME:    %[[x:.*]]: tensor<4xf32>)
// CHECK-NEXT:    %[[a:.*]] = dlc.sin %[[x]]
// CHECK-NEXT:    %[[b:.*]] = dlc.sin %[[a]]
// CHECK-NEXT:    %[[c:.*]] = dlc.sin %[[b]]
// CHECK-NEXT:    func.return %[[c]]
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = dlc.custom_jvp @f jvp @rule(%x)() : (tensor<4xf32>) -> tensor<4xf32>
  %1 = dlc.custom_vjp @f fwd @fwd bwd @bwd(%0)() : (tensor<4xf32>) -> tensor<4xf32>
  %2 = dlc.checkpoint @f policy "dots_saveable"(%1) : (tensor<4xf32>) -> tensor<4xf32>
  func.return %2 : tensor<4xf32>
}
func.func private @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = dlc.sin %x : tensor<4xf32>
  func.return %0 : tensor<4xf32>
}
func.func private @rule(%x: tensor<4xf32>, %dx: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %0 = dlc.custom_jvp @f jvp @rule(%x)() : (tensor<4xf32>) -> tensor<4xf32>
  %1 = dlc.mul %dx, %0 : tensor<4xf32>
  func.return %0, %1 : tensor<4xf32>, tensor<4xf32>
}
func.func private @fwd(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %0 = dlc.sin %x : tensor<4xf32>
  func.return %0, %x : tensor<4xf32>, tensor<4xf32>
}
func.func private @bwd(%x: tensor<4xf32>, %ct: tensor<4xf32>) -> tensor<4xf32> {
  %0 = dlc.mul %ct, %x : tensor<4xf32>
  func.return %0 : tensor<4xf32>
}
