// RUN: dlc-opt %s -p 'convert-dlc-to-linalg,fuse-elementwise,split-at-seams{min-points=0 min-width=1}' --split-input-file | filecheck %s

// RUN: dlc-opt %s -p convert-dlc-to-linalg,fuse-elementwise,split-at-seams --split-input-file | filecheck %s --check-prefix=SMALL
// Little work stays in one piece.
// SMALL-LABEL: func.func @padded(
// SMALL-NOT:     tensor.insert_slice
// SMALL-LABEL: func.func @rolled(

// The reader of a pad is computed in three parts, none of which asks where it is.
// CHECK-LABEL: func.func @padded(
// CHECK-SAME:    %[[X:\w+]]: tensor<8xf32>, %[[Y:\w+]]: tensor<11xf32>
// CHECK-NOT:     tensor.extract
// CHECK:         %[[A:\w+]] = linalg.generic {{.*}} ins(%[[Y]] : tensor<11xf32>) outs({{.*}} : tensor<1xf32>)
// CHECK:         %[[AA:\w+]] = tensor.insert_slice %[[A]] into %{{\w+}}[0] [1] [1]
// CHECK:         %[[B:\w+]] = linalg.generic {{.*}}affine_map<(d0) -> (d0)>, affine_map<(d0) -> ((d0 + 1))>{{.*}} ins(%[[X]], %[[Y]] : tensor<8xf32>, tensor<11xf32>) outs({{.*}} : tensor<8xf32>)
// CHECK:         %[[BB:\w+]] = tensor.insert_slice %[[B]] into %[[AA]][1] [8] [1]
// CHECK:         %[[C:\w+]] = linalg.generic {{.*}} ins(%[[Y]] : tensor<11xf32>) outs({{.*}} : tensor<2xf32>)
// CHECK:         tensor.insert_slice %[[C]] into %[[BB]][9] [2] [1]
// CHECK-NOT:     tensor.extract
// CHECK:         func.return
func.func @padded(%x: tensor<8xf32>, %y: tensor<11xf32>) -> tensor<11xf32> {
  %0 = dlc.constant dense<0.5> : tensor<f32>
  %1 = dlc.pad %x, %0 low [1] high [2] interior [0] : tensor<8xf32>, tensor<f32> -> tensor<11xf32>
  %2 = dlc.mul %1, %y : tensor<11xf32>
  func.return %2 : tensor<11xf32>
}

// -----

// What is read several times and only moves elements is not made at all.
// CHECK-LABEL: func.func @rolled(
// CHECK-COUNT-3: linalg.generic
// CHECK-NOT:     linalg.generic
func.func @rolled(%x: tensor<9xf32>) -> tensor<9xf32> {
  %0 = dlc.slice %x starts [8] limits [9] strides [1] : tensor<9xf32> -> tensor<1xf32>
  %1 = dlc.slice %x starts [0] limits [8] strides [1] : tensor<9xf32> -> tensor<8xf32>
  %2 = dlc.concatenate %0, %1 dim 0 : tensor<1xf32>, tensor<8xf32> -> tensor<9xf32>
  %3 = dlc.slice %x starts [1] limits [9] strides [1] : tensor<9xf32> -> tensor<8xf32>
  %4 = dlc.slice %x starts [0] limits [1] strides [1] : tensor<9xf32> -> tensor<1xf32>
  %5 = dlc.concatenate %3, %4 dim 0 : tensor<8xf32>, tensor<1xf32> -> tensor<9xf32>
  %6 = dlc.add %2, %5 : tensor<9xf32>
  func.return %6 : tensor<9xf32>
}

// -----

// What computes a piece of a concatenation writes it to its place.
// CHECK-LABEL: func.func @pieces(
// CHECK:         math.sin
// CHECK:         tensor.insert_slice {{.*}}[0] [4] [1]
// CHECK:         math.cos
// CHECK:         tensor.insert_slice {{.*}}[4] [4] [1]
// CHECK-NOT:     linalg.generic
func.func @pieces(%x: tensor<4xf32>) -> tensor<8xf32> {
  %0 = dlc.sin %x : tensor<4xf32>
  %1 = dlc.cos %x : tensor<4xf32>
  %2 = dlc.concatenate %0, %1 dim 0 : tensor<4xf32>, tensor<4xf32> -> tensor<8xf32>
  func.return %2 : tensor<8xf32>
}

// -----

// Around a window that is computed from what it would overwrite, the rest is copied, not all.
// CHECK-LABEL: func.func @around(
// CHECK-SAME:    %[[X:\w+]]: tensor<9xf32>
// CHECK:         %[[E:\w+]] = tensor.empty() : tensor<9xf32>
// CHECK:         %[[LOW:\w+]] = tensor.insert_slice %{{\w+}} into %[[E]][0] [1] [1]
// CHECK:         %[[BOTH:\w+]] = tensor.insert_slice %{{\w+}} into %[[LOW]][8] [1] [1]
// CHECK:         tensor.insert_slice %{{\w+}} into %[[BOTH]][1] [7] [1]
func.func @around(%x: tensor<9xf32>) -> tensor<9xf32> {
  %0 = dlc.slice %x starts [0] limits [7] strides [1] : tensor<9xf32> -> tensor<7xf32>
  %1 = dlc.slice %x starts [2] limits [9] strides [1] : tensor<9xf32> -> tensor<7xf32>
  %2 = dlc.add %0, %1 : tensor<7xf32>
  %3 = dlc.update_slice %2 into %x starts [1] strides [1] : tensor<7xf32> into tensor<9xf32> -> tensor<9xf32>
  func.return %3 : tensor<9xf32>
}

// -----

// A reader that can compute the whole row in its own loops keeps it whole.
// CHECK-LABEL: func.func @in_rows(
// CHECK-NOT:     tensor.insert_slice
func.func @in_rows(%x: tensor<4x8xf32>) -> tensor<4xf32> {
  %0 = dlc.constant dense<0.5> : tensor<f32>
  %1 = dlc.pad %x, %0 low [0, 1] high [0, 1] interior [0, 0] : tensor<4x8xf32>, tensor<f32> -> tensor<4x10xf32>
  %2 = dlc.reduce_sum %1 dims [1] : tensor<4x10xf32> -> tensor<4xf32>
  func.return %2 : tensor<4xf32>
}

// -----

// A question that has one answer everywhere is not asked, however little work there is.
// SMALL-LABEL: func.func @inside(
// SMALL-NOT:     arith.cmpi
// SMALL-NOT:     tensor.extract
// SMALL:         math.exp
func.func @inside(%x: tensor<8xf32>) -> tensor<6xf32> {
  %0 = dlc.constant dense<0.5> : tensor<f32>
  %1 = dlc.pad %x, %0 low [3] high [2] interior [0] : tensor<8xf32>, tensor<f32> -> tensor<13xf32>
  %2 = dlc.slice %1 starts [4] limits [10] strides [1] : tensor<13xf32> -> tensor<6xf32>
  %3 = dlc.exp %2 : tensor<6xf32>
  func.return %3 : tensor<6xf32>
}
