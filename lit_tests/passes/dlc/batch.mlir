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

// -----

// A loop is batched once: what is sliced and stacked has the steps in front; a carry that no example changes is not
// repeated.
// CHECK-LABEL: func.func private @body_vmap(
// CHECK-SAME:    %{{.*}}: tensor<i64>, %{{.*}}: tensor<f32>, %{{.*}}: tensor<8x4xf32>) -> (tensor<f32>, tensor<8x4xf32>) {
// CHECK-LABEL: func.func private @f_vmap_1(
// CHECK-SAME:    %[[c:.*]]: tensor<f32>, %[[xs:.*]]: tensor<8x5x4xf32>)
// CHECK-NEXT:    %[[t:.*]] = dlc.transpose %[[xs]] permutation [1, 0, 2] : tensor<8x5x4xf32> -> tensor<5x8x4xf32>
// CHECK-NEXT:    %[[r:.*]], %[[ys:.*]] = dlc.scan @body_vmap(%[[c]])()(%[[t]]) length 5 :
// CHECK-NEXT:    dlc.transpose %[[ys]] permutation [1, 0, 2] : tensor<5x8x4xf32> -> tensor<8x5x4xf32>
func.func private @body(%i: tensor<i64>, %c: tensor<f32>, %x: tensor<4xf32>) -> (tensor<f32>, tensor<4xf32>) {
  %1 = dlc.add %c, %c : tensor<f32>
  %2 = dlc.sin %x : tensor<4xf32>
  func.return %1, %2 : tensor<f32>, tensor<4xf32>
}
func.func private @f(%c: tensor<f32>, %xs: tensor<5x4xf32>) -> (tensor<f32>, tensor<5x4xf32>) {
  %0, %1 = dlc.scan @body(%c)()(%xs) length 5 : (tensor<f32>, tensor<5x4xf32>) -> (tensor<f32>, tensor<5x4xf32>)
  func.return %0, %1 : tensor<f32>, tensor<5x4xf32>
}
func.func @main(%c: tensor<f32>, %xs: tensor<8x5x4xf32>) -> tensor<8x5x4xf32> {
  %0:2 = dlc.vmap @f(%c, %xs) mapped [1] size 8 : (tensor<f32>, tensor<8x5x4xf32>) -> (tensor<8xf32>, tensor<8x5x4xf32>)
  func.return %0#1 : tensor<8x5x4xf32>
}

// -----

// A while goes on until the condition is false for all examples; those that have ended keep their carry.
// CHECK-LABEL: func.func private @less_vmap(
// CHECK:         %[[p:.*]] = dlc.compare lt
// CHECK-NEXT:    %[[any:.*]] = dlc.reduce_or %[[p]] dims [0]
// CHECK-NEXT:    func.return %[[any]]
// CHECK-LABEL: func.func private @double_vmap(
// CHECK-SAME:    %[[c:.*]]: tensor<8xf32>, %[[k:.*]]: tensor<f32>)
// CHECK:         %[[new:.*]] = dlc.add %[[c]], %[[c]] : tensor<8xf32>
// CHECK:         %[[p:.*]] = dlc.compare lt
// CHECK:         dlc.select %[[p]], %[[new]], %[[c]]
func.func private @less(%c: tensor<f32>, %k: tensor<f32>) -> tensor<i1> {
  %0 = dlc.compare lt %c, %k : tensor<f32>
  func.return %0 : tensor<i1>
}
func.func private @double(%c: tensor<f32>, %k: tensor<f32>) -> tensor<f32> {
  %0 = dlc.add %c, %c : tensor<f32>
  func.return %0 : tensor<f32>
}
func.func private @f(%c: tensor<f32>, %k: tensor<f32>) -> tensor<f32> {
  %0 = dlc.while cond @less body @double(%c)(%k) : (tensor<f32>, tensor<f32>) -> tensor<f32>
  func.return %0 : tensor<f32>
}
func.func @main(%c: tensor<8xf32>, %k: tensor<f32>) -> tensor<8xf32> {
  %0 = dlc.vmap @f(%c, %k) mapped [0] size 8 : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  func.return %0 : tensor<8xf32>
}

// -----

// A choice that all examples share stays a choice; where they choose differently, every branch is computed, and selected.
// CHECK-LABEL: func.func private @f_vmap_0_1(
// CHECK-DAG:     %[[a:.*]] = dlc.sin %x : tensor<8xf32>
// CHECK-DAG:     %[[b:.*]] = dlc.exp %x : tensor<8xf32>
// CHECK:         dlc.select %{{.*}}, %[[a]], %[[b]]
// CHECK-NOT:     dlc.case
// CHECK-LABEL: func.func private @f_vmap_1(
// CHECK-NEXT:    dlc.case %p [@a_vmap, @b_vmap](%x) : (tensor<i1>, tensor<8xf32>) -> tensor<8xf32>
// CHECK-NOT:     dlc.select
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
func.func @shared(%p: tensor<i1>, %x: tensor<8xf32>) -> tensor<8xf32> {
  %0 = dlc.vmap @f(%p, %x) mapped [1] size 8 : (tensor<i1>, tensor<8xf32>) -> tensor<8xf32>
  func.return %0 : tensor<8xf32>
}
func.func @each(%p: tensor<8xi1>, %x: tensor<8xf32>) -> tensor<8xf32> {
  %0 = dlc.vmap @f(%p, %x) mapped [0, 1] size 8 : (tensor<8xi1>, tensor<8xf32>) -> tensor<8xf32>
  func.return %0 : tensor<8xf32>
}

// -----

// A function with a rule is batched together with its rule, which calls the batched function.
// CHECK-LABEL: func.func private @rule_vmap(
// CHECK-SAME:    %[[x:.*]]: tensor<8x4xf32>, %[[dx:.*]]: tensor<8x4xf32>)
// CHECK-NEXT:    %[[r:.*]] = dlc.custom_jvp @f_vmap jvp @rule_vmap(%[[x]])() : (tensor<8x4xf32>) -> tensor<8x4xf32>
// CHECK-NEXT:    dlc.mul %[[dx]], %[[r]]
// CHECK-LABEL: func.func private @g_vmap_0(
// CHECK-NEXT:    dlc.custom_jvp @f_vmap jvp @rule_vmap(%x)() : (tensor<8x4xf32>) -> tensor<8x4xf32>
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
func.func @main(%x: tensor<8x4xf32>) -> tensor<8x4xf32> {
  %0 = dlc.vmap @g(%x) mapped [0] size 8 : (tensor<8x4xf32>) -> tensor<8x4xf32>
  func.return %0 : tensor<8x4xf32>
}

// -----

// So are both rules for reverse mode.
// CHECK-LABEL: func.func private @bwd_vmap(
// CHECK-SAME:    %[[x:.*]]: tensor<8x4xf32>, %[[ct:.*]]: tensor<8x4xf32>)
// CHECK-NEXT:    dlc.mul %[[ct]], %[[x]] : tensor<8x4xf32>
// CHECK-LABEL: func.func private @g_vmap_0(
// CHECK-NEXT:    dlc.custom_vjp @f_vmap fwd @fwd_vmap bwd @bwd_vmap(%x)() : (tensor<8x4xf32>) -> tensor<8x4xf32>
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
func.func @main(%x: tensor<8x4xf32>) -> tensor<8x4xf32> {
  %0 = dlc.vmap @g(%x) mapped [0] size 8 : (tensor<8x4xf32>) -> tensor<8x4xf32>
  func.return %0 : tensor<8x4xf32>
}

// -----

// A checkpoint stays one, with its policy.
// CHECK-LABEL: func.func private @g_vmap_0(
// CHECK-NEXT:    dlc.checkpoint @f_vmap policy "dots_saveable"(%x) : (tensor<8x4xf32>) -> tensor<8x4xf32>
func.func private @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = dlc.sin %x : tensor<4xf32>
  func.return %0 : tensor<4xf32>
}
func.func private @g(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = dlc.checkpoint @f policy "dots_saveable"(%x) : (tensor<4xf32>) -> tensor<4xf32>
  func.return %0 : tensor<4xf32>
}
func.func @main(%x: tensor<8x4xf32>) -> tensor<8x4xf32> {
  %0 = dlc.vmap @g(%x) mapped [0] size 8 : (tensor<8x4xf32>) -> tensor<8x4xf32>
  func.return %0 : tensor<8x4xf32>
}

// -----

// All results of an operation are batched.
// CHECK-LABEL: func.func private @f_vmap_0(
// CHECK-NEXT:    %[[q:.*]], %[[r:.*]] = dlc.qr %{{.*}} : tensor<8x4x3xf32> -> tensor<8x4x3xf32>, tensor<8x3x3xf32>
// CHECK-NEXT:    func.return %[[q]], %[[r]]
func.func private @f(%x: tensor<4x3xf32>) -> (tensor<4x3xf32>, tensor<3x3xf32>) {
  %q, %r = dlc.qr %x : tensor<4x3xf32> -> tensor<4x3xf32>, tensor<3x3xf32>
  func.return %q, %r : tensor<4x3xf32>, tensor<3x3xf32>
}
func.func @main(%x: tensor<8x4x3xf32>) -> (tensor<8x4x3xf32>, tensor<8x3x3xf32>) {
  %0, %1 = dlc.vmap @f(%x) mapped [0] size 8 : (tensor<8x4x3xf32>) -> (tensor<8x4x3xf32>, tensor<8x3x3xf32>)
  func.return %0, %1 : tensor<8x4x3xf32>, tensor<8x3x3xf32>
}
