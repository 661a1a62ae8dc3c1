// RUN: dlc-opt %s -p hoist-sums,remove-dead-functions --split-input-file | filecheck %s

// What is added to a carry is one product of stacks behind the loop; a transpose stays around it.
// CHECK-LABEL: func.func private @step_2(
// CHECK-NOT:     dlc.dot_general
// CHECK:       func.func @product(
// CHECK-SAME:    %[[h:.*]]: tensor<2x2xf32>, %[[w:.*]]: tensor<3x2xf32>, %[[xs:.*]]: tensor<8x2x3xf32>)
// CHECK-NEXT:    %[[last:.*]], %[[hs:.*]] = dlc.scan @step_2(%[[h]])()() length 8 reverse
// CHECK-NEXT:    %[[product:.*]] = dlc.dot_general %[[hs]], %[[xs]] contracting [0, 1] x [0, 1]
// CHECK-NEXT:    %[[transposed:.*]] = dlc.transpose %[[product]] permutation [1, 0]
// CHECK-NEXT:    %[[sum:.*]] = dlc.add %[[w]], %[[transposed]]
// CHECK-NEXT:    func.return %[[last]], %[[sum]]
func.func private @step(%i: tensor<i64>, %h: tensor<2x2xf32>, %w: tensor<3x2xf32>, %x: tensor<2x3xf32>) -> (tensor<2x2xf32>, tensor<3x2xf32>) {
  %0 = dlc.exp %h : tensor<2x2xf32>
  %1 = dlc.dot_general %0, %x contracting [0] x [0] : tensor<2x2xf32>, tensor<2x3xf32> -> tensor<2x3xf32>
  %2 = dlc.transpose %1 permutation [1, 0] : tensor<2x3xf32> -> tensor<3x2xf32>
  %3 = dlc.add %w, %2 : tensor<3x2xf32>
  func.return %0, %3 : tensor<2x2xf32>, tensor<3x2xf32>
}
func.func @product(%h: tensor<2x2xf32>, %w: tensor<3x2xf32>, %x: tensor<8x2x3xf32>) -> (tensor<2x2xf32>, tensor<3x2xf32>) {
  %0, %1 = dlc.scan @step(%h, %w)()(%x) length 8 reverse : (tensor<2x2xf32>, tensor<3x2xf32>, tensor<8x2x3xf32>) -> (tensor<2x2xf32>, tensor<3x2xf32>)
  func.return %0, %1 : tensor<2x2xf32>, tensor<3x2xf32>
}

// -----

// A sum over dimensions of what is stacked anyway is taken of the stack; zeros to start from are not added.
// CHECK-LABEL: func.func @reduction(
// CHECK:         %{{.*}}, %[[ys:.*]] = dlc.scan @step_2(%{{.*}})()() length 8
// CHECK-NEXT:    %[[sum:.*]] = dlc.reduce_sum %[[ys]] dims [0, 1]
// CHECK-NEXT:    func.return %[[sum]], %[[ys]]
func.func private @step(%i: tensor<i64>, %sum: tensor<f32>, %h: tensor<3xf32>) -> (tensor<f32>, tensor<3xf32>, tensor<3xf32>) {
  %0 = dlc.exp %h : tensor<3xf32>
  %1 = dlc.reduce_sum %0 dims [0] : tensor<3xf32> -> tensor<f32>
  %2 = dlc.add %1, %sum : tensor<f32>
  func.return %2, %0, %0 : tensor<f32>, tensor<3xf32>, tensor<3xf32>
}
func.func @reduction(%h: tensor<3xf32>) -> (tensor<f32>, tensor<8x3xf32>) {
  %0 = dlc.constant dense<0.0> : tensor<f32>
  %1, %2, %3 = dlc.scan @step(%0, %h)()() length 8 : (tensor<f32>, tensor<3xf32>) -> (tensor<f32>, tensor<3xf32>, tensor<8x3xf32>)
  func.return %1, %3 : tensor<f32>, tensor<8x3xf32>
}

// -----

// A product of rank 5 in each step is larger to stack than the sum is to carry.
// CHECK-LABEL: func.func @large_batch(
// CHECK:         dlc.scan @step(%{{.*}}, %{{.*}})()(%{{.*}}) length 8
func.func private @step(%i: tensor<i64>, %h: tensor<5x2xf32>, %w: tensor<2x3xf32>, %x: tensor<5x3xf32>) -> (tensor<5x2xf32>, tensor<2x3xf32>) {
  %0 = dlc.exp %h : tensor<5x2xf32>
  %1 = dlc.dot_general %0, %x contracting [0] x [0] : tensor<5x2xf32>, tensor<5x3xf32> -> tensor<2x3xf32>
  %2 = dlc.add %w, %1 : tensor<2x3xf32>
  func.return %0, %2 : tensor<5x2xf32>, tensor<2x3xf32>
}
func.func @large_batch(%h: tensor<5x2xf32>, %w: tensor<2x3xf32>, %x: tensor<8x5x3xf32>) -> tensor<2x3xf32> {
  %0, %1 = dlc.scan @step(%h, %w)()(%x) length 8 : (tensor<5x2xf32>, tensor<2x3xf32>, tensor<8x5x3xf32>) -> (tensor<5x2xf32>, tensor<2x3xf32>)
  func.return %1 : tensor<2x3xf32>
}

// -----

// A sum that a step reads stays in the loop.
// CHECK-LABEL: func.func @sum_that_is_read(
// CHECK:         dlc.scan @step(%{{.*}})()(%{{.*}}, %{{.*}}) length 8
func.func private @step(%i: tensor<i64>, %w: tensor<2x3xf32>, %h: tensor<2xf32>, %x: tensor<3xf32>) -> (tensor<2x3xf32>, tensor<2x3xf32>) {
  %0 = dlc.dot_general %h, %x contracting [] x [] : tensor<2xf32>, tensor<3xf32> -> tensor<2x3xf32>
  %1 = dlc.add %w, %0 : tensor<2x3xf32>
  %2 = dlc.exp %w : tensor<2x3xf32>
  func.return %1, %2 : tensor<2x3xf32>, tensor<2x3xf32>
}
func.func @sum_that_is_read(%w: tensor<2x3xf32>, %h: tensor<8x2xf32>, %x: tensor<8x3xf32>) -> (tensor<2x3xf32>, tensor<8x2x3xf32>) {
  %0, %1 = dlc.scan @step(%w)()(%h, %x) length 8 : (tensor<2x3xf32>, tensor<8x2xf32>, tensor<8x3xf32>) -> (tensor<2x3xf32>, tensor<8x2x3xf32>)
  func.return %0, %1 : tensor<2x3xf32>, tensor<8x2x3xf32>
}

// -----

// A factor that is the same in every step has no stack.
// CHECK-LABEL: func.func @fixed_factor(
// CHECK:         dlc.scan @step(%{{.*}})(%{{.*}})(%{{.*}}) length 8
func.func private @step(%i: tensor<i64>, %w: tensor<2x3xf32>, %h: tensor<2xf32>, %x: tensor<3xf32>) -> tensor<2x3xf32> {
  %0 = dlc.neg %h : tensor<2xf32>
  %1 = dlc.dot_general %0, %x contracting [] x [] : tensor<2xf32>, tensor<3xf32> -> tensor<2x3xf32>
  %2 = dlc.add %w, %1 : tensor<2x3xf32>
  func.return %2 : tensor<2x3xf32>
}
func.func @fixed_factor(%w: tensor<2x3xf32>, %h: tensor<2xf32>, %x: tensor<8x3xf32>) -> tensor<2x3xf32> {
  %0 = dlc.scan @step(%w)(%h)(%x) length 8 : (tensor<2x3xf32>, tensor<2xf32>, tensor<8x3xf32>) -> tensor<2x3xf32>
  func.return %0 : tensor<2x3xf32>
}
