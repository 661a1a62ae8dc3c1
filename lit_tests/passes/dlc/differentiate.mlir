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

// -----

// A loop is differentiated forwards by one loop over the carry and its tangent.
// CHECK-LABEL: func.func private @body_jvp(
// CHECK-COUNT-1: dlc.sin
// CHECK-LABEL: func.func private @f_jvp_0(
// CHECK-SAME:    %[[c:.*]]: tensor<f32>, %[[k:.*]]: tensor<f32>, %[[dc:.*]]: tensor<f32>)
// CHECK-NEXT:    %[[r:.*]], %[[dr:.*]] = dlc.scan @body_jvp(%[[c]], %[[dc]])(%[[k]])() length 5 :
// CHECK-NEXT:    func.return %[[r]], %[[dr]]
func.func private @body(%i: tensor<i64>, %c: tensor<f32>, %k: tensor<f32>) -> tensor<f32> {
  %0 = dlc.sin %c : tensor<f32>
  %1 = dlc.mul %0, %k : tensor<f32>
  func.return %1 : tensor<f32>
}
func.func private @f(%c: tensor<f32>, %k: tensor<f32>) -> tensor<f32> {
  %0 = dlc.scan @body(%c)(%k)() length 5 : (tensor<f32>, tensor<f32>) -> tensor<f32>
  func.return %0 : tensor<f32>
}
func.func @main(%c: tensor<f32>, %k: tensor<f32>, %d: tensor<f32>) -> tensor<f32> {
  %0:2 = dlc.jvp @f(%c, %k)(%d) wrt [0] : (tensor<f32>, tensor<f32>, tensor<f32>) -> (tensor<f32>, tensor<f32>)
  func.return %0#1 : tensor<f32>
}

// -----

// Backwards, the loop stacks what the derivative needs, and a second one goes over the stacks from the end; the cotangent
// of a constant is summed in the carry.
// CHECK-LABEL: func.func private @body_linear_transpose(
// CHECK-NOT:     dlc.sin
// CHECK-LABEL: func.func private @body_forward(
// CHECK-LABEL: func.func private @f_vjp_1(
// CHECK-SAME:    %[[c:.*]]: tensor<f32>, %[[k:.*]]: tensor<f32>, %[[ct:.*]]: tensor<f32>)
// CHECK-NEXT:    %[[r:.*]], %[[s0:.*]], %[[s1:.*]] = dlc.scan @body_forward(%[[c]])(%[[k]])() length 5 :
// CHECK:         %[[to_c:.*]], %[[to_k:.*]] = dlc.scan @body_linear_transpose(%[[ct]], %{{.*}})(%[[k]])({{.*}}) length 5 reverse :
// CHECK-NEXT:    func.return %[[r]], %[[to_k]]
func.func private @body(%i: tensor<i64>, %c: tensor<f32>, %k: tensor<f32>) -> tensor<f32> {
  %0 = dlc.sin %c : tensor<f32>
  %1 = dlc.mul %0, %k : tensor<f32>
  func.return %1 : tensor<f32>
}
func.func private @f(%c: tensor<f32>, %k: tensor<f32>) -> tensor<f32> {
  %0 = dlc.scan @body(%c)(%k)() length 5 : (tensor<f32>, tensor<f32>) -> tensor<f32>
  func.return %0 : tensor<f32>
}
func.func @main(%c: tensor<f32>, %k: tensor<f32>, %ct: tensor<f32>) -> tensor<f32> {
  %0:2 = dlc.vjp @f(%c, %k)(%ct) wrt [1] : (tensor<f32>, tensor<f32>, tensor<f32>) -> (tensor<f32>, tensor<f32>)
  func.return %0#1 : tensor<f32>
}

// -----

// A bounded while is differentiated backwards as a scan of as many steps, which stay where the loop has ended.
// CHECK-LABEL: func.func private @double_stay(
// CHECK-LABEL: func.func private @f_vjp_0(
// CHECK:         dlc.scan @{{.*}} length 9 :
// CHECK:         dlc.scan @{{.*}} length 9 reverse :
// CHECK-NOT:     dlc.while
// CHECK-LABEL: func.func @main(
func.func private @less(%c: tensor<f32>, %k: tensor<f32>) -> tensor<i1> {
  %0 = dlc.compare lt %c, %k : tensor<f32>
  func.return %0 : tensor<i1>
}
func.func private @double(%c: tensor<f32>, %k: tensor<f32>) -> tensor<f32> {
  %0 = dlc.mul %c, %c : tensor<f32>
  func.return %0 : tensor<f32>
}
func.func private @f(%c: tensor<f32>, %k: tensor<f32>) -> tensor<f32> {
  %0 = dlc.while cond @less body @double(%c)(%k) max_steps 9 : (tensor<f32>, tensor<f32>) -> tensor<f32>
  func.return %0 : tensor<f32>
}
func.func @main(%c: tensor<f32>, %k: tensor<f32>, %ct: tensor<f32>) -> tensor<f32> {
  %0:2 = dlc.vjp @f(%c, %k)(%ct) wrt [0] : (tensor<f32>, tensor<f32>, tensor<f32>) -> (tensor<f32>, tensor<f32>)
  func.return %0#1 : tensor<f32>
}

// -----

// A choice keeps what the chosen branch needs, in slots that the branches share, and chooses again among the transposes.
// CHECK-LABEL: func.func private @f_vjp_1(
// CHECK-SAME:    %[[p:.*]]: tensor<i1>, %[[x:.*]]: tensor<f32>, %[[ct:.*]]: tensor<f32>)
// CHECK-NEXT:    %[[r:.*]], %[[s:.*]] = dlc.case %[[p]] [@a_forward, @b_forward](%[[x]]) : (tensor<i1>, tensor<f32>) -> (tensor<f32>, tensor<f32>)
// CHECK-NEXT:    %[[g:.*]] = dlc.case %[[p]] [@a_linear_transpose, @b_linear_transpose](%[[s]], %[[ct]]) :
// CHECK-NEXT:    func.return %[[r]], %[[g]]
func.func private @a(%x: tensor<f32>) -> tensor<f32> {
  %0 = dlc.sin %x : tensor<f32>
  func.return %0 : tensor<f32>
}
func.func private @b(%x: tensor<f32>) -> tensor<f32> {
  %0 = dlc.exp %x : tensor<f32>
  func.return %0 : tensor<f32>
}
func.func private @f(%p: tensor<i1>, %x: tensor<f32>) -> tensor<f32> {
  %0 = dlc.case %p [@a, @b](%x) : (tensor<i1>, tensor<f32>) -> tensor<f32>
  func.return %0 : tensor<f32>
}
func.func @main(%p: tensor<i1>, %x: tensor<f32>, %ct: tensor<f32>) -> tensor<f32> {
  %0:2 = dlc.vjp @f(%p, %x)(%ct) wrt [1] : (tensor<i1>, tensor<f32>, tensor<f32>) -> (tensor<f32>, tensor<f32>)
  func.return %0#1 : tensor<f32>
}

// -----

// The rule of a function stands for its derivative, in both modes; a rule that calls the function keeps the call.
// CHECK-LABEL: func.func private @g_vjp_0(
// CHECK-SAME:    %[[x:.*]]: tensor<4xf32>, %[[ct:.*]]: tensor<4xf32>)
// CHECK-NEXT:    %[[r:.*]] = dlc.custom_jvp @f jvp @rule(%[[x]])()
// CHECK-NEXT:    %[[g:.*]] = dlc.mul %[[ct]], %[[r]]
// CHECK-NEXT:    func.return %[[r]], %[[g]]
func.func private @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = dlc.sin %x : tensor<4xf32>
  func.return %0 : tensor<4xf32>
}
func.func private @rule(%x: tensor<4xf32>, %dx: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %0 = dlc.custom_jvp @f jvp @rule(%x)() : (tensor<4xf32>) -> tensor<4xf32>
  %1 = dlc.mul %dx, %0 : tensor<4xf32>
  func.return %0, %1 : tensor<4xf32>, tensor<4xf32>
}
func.func private @g(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = dlc.custom_jvp @f jvp @rule(%x)() : (tensor<4xf32>) -> tensor<4xf32>
  func.return %0 : tensor<4xf32>
}
func.func @main(%x: tensor<4xf32>, %ct: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %0, %1 = dlc.vjp @g(%x)(%ct) wrt [0] : (tensor<4xf32>, tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>)
  func.return %0, %1 : tensor<4xf32>, tensor<4xf32>
}

// -----

// Backwards, the forward rule stands for the function and the backward rule for its adjoint.
// CHECK-LABEL: func.func private @g_vjp_0(
// CHECK-SAME:    %[[x:.*]]: tensor<4xf32>, %[[ct:.*]]: tensor<4xf32>)
// CHECK-NEXT:    %[[r:.*]] = dlc.sin %[[x]]
// CHECK-NEXT:    %[[g:.*]] = dlc.mul %[[ct]], %[[x]]
// CHECK-NEXT:    func.return %[[r]], %[[g]]
func.func private @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = dlc.sin %x : tensor<4xf32>
  func.return %0 : tensor<4xf32>
}
func.func private @fwd(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %0 = dlc.sin %x : tensor<4xf32>
  func.return %0, %x : tensor<4xf32>, tensor<4xf32>
}
func.func private @bwd(%x: tensor<4xf32>, %ct: tensor<4xf32>) -> tensor<4xf32> {
  %0 = dlc.mul %ct, %x : tensor<4xf32>
  func.return %0 : tensor<4xf32>
}
func.func private @g(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = dlc.custom_vjp @f fwd @fwd bwd @bwd(%x)() : (tensor<4xf32>) -> tensor<4xf32>
  func.return %0 : tensor<4xf32>
}
func.func @main(%x: tensor<4xf32>, %ct: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %0, %1 = dlc.vjp @g(%x)(%ct) wrt [0] : (tensor<4xf32>, tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>)
  func.return %0, %1 : tensor<4xf32>, tensor<4xf32>
}

// -----

// What a checkpointed function needs backwards is computed again from its arguments, behind a barrier.
// CHECK-LABEL: func.func private @g_vjp_0(
// CHECK-SAME:    %[[x:.*]]: tensor<4xf32>, %[[ct:.*]]: tensor<4xf32>)
// CHECK:         %[[again:.*]] = dlc.optimization_barrier %[[x]]
// CHECK:         %[[c:.*]] = dlc.cos %[[again]]
// CHECK:         %[[g:.*]] = dlc.mul %[[ct]], %[[c]]
// CHECK-NEXT:    func.return %{{.*}}, %[[g]]
func.func private @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = dlc.sin %x : tensor<4xf32>
  func.return %0 : tensor<4xf32>
}
func.func private @g(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = dlc.checkpoint @f policy "nothing_saveable"(%x) : (tensor<4xf32>) -> tensor<4xf32>
  func.return %0 : tensor<4xf32>
}
func.func @main(%x: tensor<4xf32>, %ct: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %0, %1 = dlc.vjp @g(%x)(%ct) wrt [0] : (tensor<4xf32>, tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>)
  func.return %0, %1 : tensor<4xf32>, tensor<4xf32>
}

// -----

// If the policy keeps everything, nothing is computed again.
// CHECK-LABEL: func.func private @g_vjp_0(
// CHECK-SAME:    %[[x:.*]]: tensor<4xf32>, %[[ct:.*]]: tensor<4xf32>)
// CHECK-COUNT-1: dlc.cos %[[x]]
// CHECK-NOT:     dlc.cos
// CHECK:         func.return
func.func private @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = dlc.sin %x : tensor<4xf32>
  func.return %0 : tensor<4xf32>
}
func.func private @g(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = dlc.checkpoint @f policy "everything_saveable"(%x) : (tensor<4xf32>) -> tensor<4xf32>
  func.return %0 : tensor<4xf32>
}
func.func @main(%x: tensor<4xf32>, %ct: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %0, %1 = dlc.vjp @g(%x)(%ct) wrt [0] : (tensor<4xf32>, tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>)
  func.return %0, %1 : tensor<4xf32>, tensor<4xf32>
}
