// RUN: dlc-opt %s --split-input-file --verify-diagnostics | dlc-opt --split-input-file | filecheck %s

// The result has an element for each row of the tables.
// CHECK-LABEL: func.func @rows
func.func @rows(%x: tensor<2x3xf32>) -> tensor<2x2xf32> {
  // CHECK: dlc.resample %x dim 1 positions dense<{{\[\[}}0, 1], [2, -1]]> : tensor<2x2xi64> weights dense<{{\[\[}}5.000000e-01, 5.000000e-01], [1.000000e+00, 0.000000e+00]]> : tensor<2x2xf64> : tensor<2x3xf32> -> tensor<2x2xf32>
  %0 = dlc.resample %x dim 1 positions dense<[[0, 1], [2, -1]]> : tensor<2x2xi64> weights dense<[[0.5, 0.5], [1.0, 0.0]]> : tensor<2x2xf64> : tensor<2x3xf32> -> tensor<2x2xf32>
  func.return %0 : tensor<2x2xf32>
}

// -----

func.func @dim(%x: tensor<3xf32>) {
  // expected-error @+1 {{dlc.resample: dim 1 is not a dimension of tensor<3xf32>}}
  %0 = dlc.resample %x dim 1 positions dense<[[0]]> : tensor<1x1xi64> weights dense<[[1.0]]> : tensor<1x1xf64> : tensor<3xf32> -> tensor<1xf32>
  func.return
}

// -----

func.func @integers(%x: tensor<3xi32>) {
  // expected-error @+1 {{dlc.resample: operand 0 has type tensor<3xi32>, expected elements of kind float}}
  %0 = dlc.resample %x dim 0 positions dense<[[0]]> : tensor<1x1xi64> weights dense<[[1.0]]> : tensor<1x1xf64> : tensor<3xi32> -> tensor<1xi32>
  func.return
}

// -----

func.func @tables(%x: tensor<3xf32>) {
  // expected-error @+1 {{dlc.resample: weights have type tensor<1x1xf32>, expected tensor<?x?xf64>}}
  %0 = dlc.resample %x dim 0 positions dense<[[0]]> : tensor<1x1xi64> weights dense<[[1.0]]> : tensor<1x1xf32> : tensor<3xf32> -> tensor<1xf32>
  func.return
}

// -----

func.func @sizes_of_tables(%x: tensor<3xf32>) {
  // expected-error @+1 {{dlc.resample: positions have type tensor<1x1xi64>, but weights tensor<2x1xf64>}}
  %0 = dlc.resample %x dim 0 positions dense<[[0]]> : tensor<1x1xi64> weights dense<[[1.0], [2.0]]> : tensor<2x1xf64> : tensor<3xf32> -> tensor<1xf32>
  func.return
}

// -----

func.func @positions(%x: tensor<3xf32>) {
  // expected-error @+1 {{dlc.resample: positions are from 0 to 3, expected -1 to 2 for dimension 0 of tensor<3xf32>}}
  %0 = dlc.resample %x dim 0 positions dense<[[0], [3]]> : tensor<2x1xi64> weights dense<[[1.0], [2.0]]> : tensor<2x1xf64> : tensor<3xf32> -> tensor<2xf32>
  func.return
}
