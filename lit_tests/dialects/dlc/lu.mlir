// RUN: dlc-opt %s --split-input-file --verify-diagnostics | filecheck %s

// CHECK-LABEL: func.func @solve(
func.func @solve(%a: tensor<3x3xf32>, %b: tensor<3x2xf32>) {
  // CHECK: %[[lu:.*]], %[[pivots:.*]] = dlc.lu %a : tensor<3x3xf32> -> tensor<3x3xf32>, tensor<3xi32>
  %lu, %pivots = dlc.lu %a : tensor<3x3xf32> -> tensor<3x3xf32>, tensor<3xi32>
  // CHECK: %[[p:.*]] = dlc.permutation_of_pivots %[[pivots]] size 3 : tensor<3xi32> -> tensor<3xi32>
  %p = dlc.permutation_of_pivots %pivots size 3 : tensor<3xi32> -> tensor<3xi32>
  // CHECK: dlc.lu_solve "none" %a factors %[[lu]], %[[p]], %b : tensor<3x3xf32>, tensor<3x3xf32>, tensor<3xi32>, tensor<3x2xf32> -> tensor<3x2xf32>
  %x = dlc.lu_solve "none" %a factors %lu, %p, %b : tensor<3x3xf32>, tensor<3x3xf32>, tensor<3xi32>, tensor<3x2xf32> -> tensor<3x2xf32>
  func.return
}

// -----

func.func @wrong_pivots(%a: tensor<3x5xf32>) {
  // expected-error @+1 {{dlc.lu: result has type tensor<5xi32>, expected tensor<3xi32>}}
  %lu, %pivots = dlc.lu %a : tensor<3x5xf32> -> tensor<3x5xf32>, tensor<5xi32>
  func.return
}

// -----

func.func @too_many_pivots(%p: tensor<4xi32>) {
  // expected-error @+1 {{dlc.permutation_of_pivots: pivots have type tensor<4xi32>, expected at most 3 elements of i32 in a row}}
  %0 = dlc.permutation_of_pivots %p size 3 : tensor<4xi32> -> tensor<3xi32>
  func.return
}

// -----

func.func @other_factors(%a: tensor<3x3xf32>, %lu: tensor<2x2xf32>, %p: tensor<3xi32>) {
  // expected-error @+1 {{dlc.lu_solve: operand 1 has type tensor<2x2xf32>, expected tensor<3x3xf32>}}
  %0 = dlc.lu_solve "none" %a factors %lu, %p, %a : tensor<3x3xf32>, tensor<2x2xf32>, tensor<3xi32>, tensor<3x3xf32> -> tensor<3x3xf32>
  func.return
}

// -----

func.func @other_rows(%a: tensor<3x3xf32>, %p: tensor<3xi32>, %b: tensor<2x2xf32>) {
  // expected-error @+1 {{dlc.lu_solve: operand 3 has type tensor<2x2xf32>, expected tensor<3x2xf32>}}
  %0 = dlc.lu_solve "none" %a factors %a, %p, %b : tensor<3x3xf32>, tensor<3x3xf32>, tensor<3xi32>, tensor<2x2xf32> -> tensor<2x2xf32>
  func.return
}
