// RUN: dlc-opt %s --split-input-file --verify-diagnostics --verify-roundtrip | filecheck %s

// Broadcasts and sums print both types.
// CHECK-LABEL: func.func @round_trip
// CHECK-SAME: (%[[X:.*]]: tensor<64x10xf32>, %[[R:.*]]: tensor<10xf32>, %[[C:.*]]: tensor<64x1xf32>, %[[S:.*]]: tensor<i1>)
func.func @round_trip(%x: tensor<64x10xf32>, %row: tensor<10xf32>, %column: tensor<64x1xf32>, %s: tensor<i1>) {
  // CHECK: dlc.broadcast_in_dim %[[R]] dims [1] : tensor<10xf32> -> tensor<64x10xf32>
  %0 = dlc.broadcast_in_dim %row dims [1] : tensor<10xf32> -> tensor<64x10xf32>
  // CHECK: dlc.broadcast_in_dim %[[C]] dims [0, 1] : tensor<64x1xf32> -> tensor<64x10xf32>
  %1 = dlc.broadcast_in_dim %column dims [0, 1] : tensor<64x1xf32> -> tensor<64x10xf32>
  // CHECK: dlc.broadcast_in_dim %[[S]] dims [] : tensor<i1> -> tensor<0x2xi1>
  %2 = dlc.broadcast_in_dim %s dims [] : tensor<i1> -> tensor<0x2xi1>
  // CHECK: dlc.reduce_sum %[[X]] dims [1] : tensor<64x10xf32> -> tensor<64xf32>
  %3 = dlc.reduce_sum %x dims [1] : tensor<64x10xf32> -> tensor<64xf32>
  // CHECK: dlc.reduce_sum %[[X]] dims [0, 1] : tensor<64x10xf32> -> tensor<f32>
  %4 = dlc.reduce_sum %x dims [0, 1] : tensor<64x10xf32> -> tensor<f32>
  func.return
}

// -----

func.func @size_does_not_fit(%x: tensor<5xf32>) {
  // expected-error @+1 {{whose size 5 does not fit dimension 1 of tensor<3x4xf32>; it must be 4 or 1}}
  %0 = dlc.broadcast_in_dim %x dims [1] : tensor<5xf32> -> tensor<3x4xf32>
  func.return
}

// -----

func.func @dims_out_of_order(%x: tensor<3x4xf32>) {
  // expected-error @+1 {{dims [1, 0] are not increasing dimensions of tensor<4x3xf32>; use dlc.transpose first}}
  %0 = dlc.broadcast_in_dim %x dims [1, 0] : tensor<3x4xf32> -> tensor<4x3xf32>
  func.return
}

// -----

func.func @dims_of_another_rank(%x: tensor<3x4xf32>) {
  // expected-error @+1 {{operand 0 has type tensor<3x4xf32>, but dims [1] are given}}
  %0 = dlc.broadcast_in_dim %x dims [1] : tensor<3x4xf32> -> tensor<4x3xf32>
  func.return
}

// -----

func.func @element_types_differ(%x: tensor<4xf32>) {
  // expected-error @+1 {{the element types of tensor<4xf32> and tensor<3x4xf64> differ; use dlc.convert}}
  %0 = dlc.broadcast_in_dim %x dims [1] : tensor<4xf32> -> tensor<3x4xf64>
  func.return
}

// -----

func.func @sum_over_a_missing_dimension(%x: tensor<3x4xf32>) {
  // expected-error @+1 {{dlc.reduce_sum: dims [2] are not increasing dimensions of tensor<3x4xf32>}}
  %0 = dlc.reduce_sum %x dims [2] : tensor<3x4xf32> -> tensor<3x4xf32>
  func.return
}

// -----

func.func @sum_of_bools(%p: tensor<4xi1>) {
  // expected-error @+1 {{operand 0 has type tensor<4xi1>; use dlc.convert or dlc.reduce_or}}
  %0 = dlc.reduce_sum %p dims [0] : tensor<4xi1> -> tensor<i1>
  func.return
}

// -----

func.func @wrong_result_type(%x: tensor<3x4xf32>) {
  // expected-error @+1 {{dlc.reduce_sum: result has type tensor<4xf32>, expected tensor<3xf32>}}
  %0 = dlc.reduce_sum %x dims [1] : tensor<3x4xf32> -> tensor<4xf32>
  func.return
}
