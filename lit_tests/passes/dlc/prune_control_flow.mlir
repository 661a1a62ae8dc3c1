// RUN: dlc-opt %s -p prune-control-flow,remove-dead-functions --split-input-file | filecheck %s

// A carried value that no result depends on is not carried; what it was computed from goes with it.
// CHECK-LABEL: func.func private @step
// CHECK-SAME:    (%{{.*}}: tensor<i64>, %[[a:.*]]: tensor<f32>) -> tensor<f32> {
// CHECK-NOT:     dlc.exp
// CHECK:       func.func @dead_carry(
// CHECK-SAME:    %[[x:.*]]: tensor<f32>)
// CHECK-NEXT:    dlc.scan @step_2(%[[x]])()() length 8 : (tensor<f32>) -> tensor<f32>
func.func private @step(%i: tensor<i64>, %a: tensor<f32>, %b: tensor<f32>) -> (tensor<f32>, tensor<f32>) {
  %0 = dlc.neg %a : tensor<f32>
  %1 = dlc.exp %b : tensor<f32>
  func.return %0, %1 : tensor<f32>, tensor<f32>
}
func.func @dead_carry(%x: tensor<f32>) -> tensor<f32> {
  %0 = dlc.neg %x : tensor<f32>
  %1, %2 = dlc.scan @step(%x, %0)()() length 8 : (tensor<f32>, tensor<f32>) -> (tensor<f32>, tensor<f32>)
  func.return %1 : tensor<f32>
}

// -----

// A carried value that another one depends on stays, and the operation as it is.
// CHECK-LABEL: func.func @live_carry(
// CHECK:         dlc.scan @step(%{{.*}}, %{{.*}})()() length 8
func.func private @step(%i: tensor<i64>, %a: tensor<f32>, %b: tensor<f32>) -> (tensor<f32>, tensor<f32>) {
  %0 = dlc.add %a, %b : tensor<f32>
  %1 = dlc.exp %b : tensor<f32>
  func.return %0, %1 : tensor<f32>, tensor<f32>
}
func.func @live_carry(%x: tensor<f32>) -> tensor<f32> {
  %1, %2 = dlc.scan @step(%x, %x)()() length 8 : (tensor<f32>, tensor<f32>) -> (tensor<f32>, tensor<f32>)
  func.return %1 : tensor<f32>
}

// -----

// Equal stacks are made once, also where they equal a carry; a stack of what was sliced is what was sliced.
// CHECK-LABEL: func.func @stacks(
// CHECK-SAME:    %[[c:.*]]: tensor<f32>, %[[xs:.*]]: tensor<8xf32>)
// CHECK-NEXT:    %[[r:.*]], %[[ys:.*]] = dlc.scan @{{.*}}(%[[c]])()(%[[xs]]) length 8 : (tensor<f32>, tensor<8xf32>) -> (tensor<f32>, tensor<8xf32>)
// CHECK-NEXT:    func.return %[[r]], %[[ys]], %[[ys]], %[[xs]]
func.func private @step(%i: tensor<i64>, %c: tensor<f32>, %x: tensor<f32>) -> (tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>) {
  %0 = dlc.add %c, %x : tensor<f32>
  func.return %0, %0, %0, %x : tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>
}
func.func @stacks(%c: tensor<f32>, %xs: tensor<8xf32>) -> (tensor<f32>, tensor<8xf32>, tensor<8xf32>, tensor<8xf32>) {
  %0:4 = dlc.scan @step(%c)()(%xs) length 8 : (tensor<f32>, tensor<8xf32>) -> (tensor<f32>, tensor<8xf32>, tensor<8xf32>, tensor<8xf32>)
  func.return %0#0, %0#1, %0#2, %0#3 : tensor<f32>, tensor<8xf32>, tensor<8xf32>, tensor<8xf32>
}

// -----

// A choice with a constant index, here beyond the last branch, is that branch.
// CHECK-LABEL: func.func @known(
// CHECK-SAME:    %[[x:.*]]: tensor<f32>)
// CHECK-NEXT:    %[[e:.*]] = dlc.exp %[[x]]
// CHECK-NEXT:    func.return %[[e]]
func.func private @f(%x: tensor<f32>) -> tensor<f32> {
  %0 = dlc.neg %x : tensor<f32>
  func.return %0 : tensor<f32>
}
func.func private @g(%x: tensor<f32>) -> tensor<f32> {
  %0 = dlc.exp %x : tensor<f32>
  func.return %0 : tensor<f32>
}
func.func @known(%x: tensor<f32>) -> tensor<f32> {
  %0 = dlc.constant dense<5> : tensor<i32>
  %1 = dlc.case %0 [@f, @g](%x) : (tensor<i32>, tensor<f32>) -> tensor<f32>
  func.return %1 : tensor<f32>
}

// -----

// What all branches return unchanged needs no choice; what nobody reads is not computed.
// CHECK-LABEL: func.func @passed(
// CHECK-SAME:    %[[p:.*]]: tensor<i1>, %[[x:.*]]: tensor<f32>, %[[y:.*]]: tensor<f32>)
// CHECK-NEXT:    %[[r:.*]] = dlc.case %[[p]] [@{{.*}}, @{{.*}}](%[[x]]) : (tensor<i1>, tensor<f32>) -> tensor<f32>
// CHECK-NEXT:    func.return %[[r]], %[[y]]
func.func private @f(%x: tensor<f32>, %y: tensor<f32>) -> (tensor<f32>, tensor<f32>, tensor<f32>) {
  %0 = dlc.neg %x : tensor<f32>
  %1 = dlc.exp %y : tensor<f32>
  func.return %0, %y, %1 : tensor<f32>, tensor<f32>, tensor<f32>
}
func.func private @g(%x: tensor<f32>, %y: tensor<f32>) -> (tensor<f32>, tensor<f32>, tensor<f32>) {
  func.return %x, %y, %y : tensor<f32>, tensor<f32>, tensor<f32>
}
func.func @passed(%p: tensor<i1>, %x: tensor<f32>, %y: tensor<f32>) -> (tensor<f32>, tensor<f32>) {
  %0, %1, %2 = dlc.case %p [@f, @g](%x, %y) : (tensor<i1>, tensor<f32>, tensor<f32>) -> (tensor<f32>, tensor<f32>, tensor<f32>)
  func.return %0, %1 : tensor<f32>, tensor<f32>
}

// -----

// A loop carries what its condition needs, even if no result does; what stays the same is a constant of it.
// CHECK-LABEL: func.func @loop(
// CHECK-SAME:    %[[n:.*]]: tensor<i64>, %[[x:.*]]: tensor<f32>, %[[k:.*]]: tensor<f32>)
// CHECK-NEXT:    %{{.*}}, %[[r:.*]] = dlc.while cond @{{.*}} body @{{.*}}(%[[n]], %[[x]])(%[[k]])
// CHECK-NEXT:    func.return %[[r]], %[[k]]
func.func private @c(%n: tensor<i64>, %x: tensor<f32>, %k: tensor<f32>) -> tensor<i1> {
  %0 = dlc.constant dense<0> : tensor<i64>
  %1 = dlc.compare gt %n, %0 : tensor<i64>
  func.return %1 : tensor<i1>
}
func.func private @b(%n: tensor<i64>, %x: tensor<f32>, %k: tensor<f32>) -> (tensor<i64>, tensor<f32>, tensor<f32>) {
  %0 = dlc.constant dense<-1> : tensor<i64>
  %1 = dlc.add %n, %0 : tensor<i64>
  %2 = dlc.mul %x, %k : tensor<f32>
  func.return %1, %2, %k : tensor<i64>, tensor<f32>, tensor<f32>
}
func.func @loop(%n: tensor<i64>, %x: tensor<f32>, %k: tensor<f32>) -> (tensor<f32>, tensor<f32>) {
  %0, %1, %2 = dlc.while cond @c body @b(%n, %x, %k)() : (tensor<i64>, tensor<f32>, tensor<f32>) -> (tensor<i64>, tensor<f32>, tensor<f32>)
  func.return %1, %2 : tensor<f32>, tensor<f32>
}
