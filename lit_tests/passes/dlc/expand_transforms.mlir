// RUN: dlc-opt %s -p expand-transforms --split-input-file | filecheck %s

// A batch of gradients: innermost first, and no transform is left.
// CHECK-LABEL: func.func private @f_vjp_0(
// CHECK-LABEL: func.func private @grad_f_vmap_0(
// CHECK-SAME:    tensor<8xf32>
// CHECK-LABEL: func.func @main(
// CHECK-NEXT:    %[[r:.*]] = dlc.call @grad_f_vmap_0(
// CHECK-NEXT:    func.return %[[r]]
// CHECK-NOT:     {{dlc.(vmap|vjp|jvp)}}
func.func private @f(%x: tensor<f32>) -> tensor<f32> {
  %0 = dlc.sin %x : tensor<f32>
  func.return %0 : tensor<f32>
}
func.func private @grad_f(%x: tensor<f32>) -> tensor<f32> {
  %one = dlc.constant dense<1.0> : tensor<f32>
  %0, %1 = dlc.vjp @f(%x)(%one) wrt [0] : (tensor<f32>, tensor<f32>) -> (tensor<f32>, tensor<f32>)
  func.return %1 : tensor<f32>
}
func.func @main(%a: tensor<8xf32>) -> tensor<8xf32> {
  %0 = dlc.vmap @grad_f(%a) mapped [0] size 8 : (tensor<8xf32>) -> tensor<8xf32>
  func.return %0 : tensor<8xf32>
}

// -----

// The gradient of a batch.
// CHECK-LABEL: func.func private @f_vmap_0(
// CHECK-LABEL: func.func private @g_vjp_0(
// CHECK-SAME:    tensor<8xf32>, %{{.*}}: tensor<8xf32>)
// CHECK-NOT:     {{dlc.(vmap|vjp|jvp)}}
func.func private @f(%x: tensor<f32>) -> tensor<f32> {
  %0 = dlc.sin %x : tensor<f32>
  func.return %0 : tensor<f32>
}
func.func private @g(%x: tensor<8xf32>) -> tensor<8xf32> {
  %0 = dlc.vmap @f(%x) mapped [0] size 8 : (tensor<8xf32>) -> tensor<8xf32>
  func.return %0 : tensor<8xf32>
}
func.func @main(%a: tensor<8xf32>, %ct: tensor<8xf32>) -> tensor<8xf32> {
  %0, %1 = dlc.vjp @g(%a)(%ct) wrt [0] : (tensor<8xf32>, tensor<8xf32>) -> (tensor<8xf32>, tensor<8xf32>)
  func.return %1 : tensor<8xf32>
}

// -----

// A plain call outside of any callee of a transform stays.
// CHECK-LABEL: func.func @main(
// CHECK:         dlc.call @f(
func.func private @f(%x: tensor<f32>) -> tensor<f32> {
  %0 = dlc.sin %x : tensor<f32>
  func.return %0 : tensor<f32>
}
func.func @main(%a: tensor<f32>) -> tensor<f32> {
  %0 = dlc.call @f(%a) : (tensor<f32>) -> tensor<f32>
  func.return %0 : tensor<f32>
}

// -----

// Transforms in the body of a loop are expanded in it; those of the loop then see none.
// CHECK-LABEL: func.func private @body(
// CHECK:         dlc.cos %{{.*}} : tensor<f32>
// CHECK-LABEL: func.func private @body_vmap(
// CHECK:         dlc.cos %{{.*}} : tensor<8xf32>
// CHECK-LABEL: func.func @main(
// CHECK-NOT:     dlc.vmap
// CHECK-NOT:     dlc.jvp
func.func private @sine(%x: tensor<f32>) -> tensor<f32> {
  %0 = dlc.sin %x : tensor<f32>
  func.return %0 : tensor<f32>
}
func.func private @body(%i: tensor<i64>, %c: tensor<f32>, %d: tensor<f32>) -> tensor<f32> {
  %0:2 = dlc.jvp @sine(%c)(%d) wrt [0] : (tensor<f32>, tensor<f32>) -> (tensor<f32>, tensor<f32>)
  func.return %0#1 : tensor<f32>
}
func.func private @f(%c: tensor<f32>, %d: tensor<f32>) -> tensor<f32> {
  %0 = dlc.scan @body(%c)(%d)() length 5 : (tensor<f32>, tensor<f32>) -> tensor<f32>
  func.return %0 : tensor<f32>
}
func.func @main(%c: tensor<8xf32>, %d: tensor<f32>) -> tensor<8xf32> {
  %0 = dlc.vmap @f(%c, %d) mapped [0] size 8 : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  func.return %0 : tensor<8xf32>
}
