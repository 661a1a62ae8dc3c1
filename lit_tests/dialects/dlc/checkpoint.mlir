// RUN: dlc-opt %s --split-input-file --verify-diagnostics | dlc-opt --split-input-file | filecheck %s

// A checkpoint is a call with a policy, which says what of it is kept for reverse mode; a barrier has the type of its operand.
// CHECK-LABEL: func.func @checkpoint
func.func @checkpoint(%x: tensor<4xf32>, %n: tensor<i64>) {
  // CHECK: dlc.checkpoint @f policy "nothing_saveable"(%x, %n) : (tensor<4xf32>, tensor<i64>) -> (tensor<4xf32>, tensor<i64>)
  %0, %1 = dlc.checkpoint @f policy "nothing_saveable"(%x, %n) : (tensor<4xf32>, tensor<i64>) -> (tensor<4xf32>, tensor<i64>)
  // CHECK: dlc.checkpoint @f policy "dots_saveable"() : () -> ()
  dlc.checkpoint @f policy "dots_saveable"() : () -> ()
  // CHECK: dlc.optimization_barrier %n : tensor<i64>
  %2 = dlc.optimization_barrier %n : tensor<i64>
  func.return
}

// -----

// The policy is one of those that there are.
func.func @policy(%x: tensor<4xf32>) {
  // expected-error @+1 {{dlc.checkpoint: the policy is 'save_all', expected one of 'nothing_saveable', 'dots_saveable', 'everything_saveable'}}
  %0 = dlc.checkpoint @f policy "save_all"(%x) : (tensor<4xf32>) -> tensor<4xf32>
  func.return
}

// -----

// A barrier changes nothing.
func.func @barrier(%x: tensor<4xf32>) {
  // expected-error @+1 {{result 'result' at position 0 does not verify: attribute tensor<4xf32> expected from variable 'T', but got tensor<3xf32>}}
  %0 = "dlc.optimization_barrier"(%x) : (tensor<4xf32>) -> tensor<3xf32>
  func.return
}
