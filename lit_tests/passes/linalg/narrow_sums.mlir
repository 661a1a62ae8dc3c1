// RUN: dlc-opt %s -p narrow-sums --split-input-file | filecheck %s

// Few enough for 16 bits: the sum has these, and is widened once.
// CHECK-LABEL: func.func @few(
// CHECK:         %[[SUMS:\w+]] = linalg.generic {{.*}} outs(%{{.*}} : tensor<4xi16>)
// CHECK:         linalg.generic {{.*}}["parallel"]} ins(%[[SUMS]] : tensor<4xi16>)
// CHECK:           arith.extui %{{.*}} : i16 to i64
func.func @few(%x: tensor<4x1000xi1>) -> tensor<4xi64> {
  %zero = arith.constant 0 : i64
  %empty = tensor.empty() : tensor<4xi64>
  %start = linalg.fill ins(%zero : i64) outs(%empty : tensor<4xi64>) -> tensor<4xi64>
  %r = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>], iterator_types = ["parallel", "reduction"]} ins(%x : tensor<4x1000xi1>) outs(%start : tensor<4xi64>) {
  ^bb0(%p: i1, %acc: i64):
    %n = arith.extui %p : i1 to i64
    %s = arith.addi %acc, %n : i64
    linalg.yield %s : i64
  } -> tensor<4xi64>
  func.return %r : tensor<4xi64>
}

// -----

// Too many for 16 bits: blocks of at most 65535, whose sums are added up in 64.
// CHECK-LABEL: func.func @many(
// CHECK:         tensor.expand_shape {{.*}} output_shape [4, 4, 50000]
// CHECK:         %[[SUMS:\w+]] = linalg.generic {{.*}} outs(%{{.*}} : tensor<4x4xi16>)
// CHECK:         linalg.generic {{.*}}["parallel", "reduction"]} ins(%[[SUMS]] : tensor<4x4xi16>)
// CHECK:           arith.extui %{{.*}} : i16 to i64
// CHECK:           arith.addi
func.func @many(%x: tensor<4x200000xi1>) -> tensor<4xi64> {
  %zero = arith.constant 0 : i64
  %empty = tensor.empty() : tensor<4xi64>
  %start = linalg.fill ins(%zero : i64) outs(%empty : tensor<4xi64>) -> tensor<4xi64>
  %r = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>], iterator_types = ["parallel", "reduction"]} ins(%x : tensor<4x200000xi1>) outs(%start : tensor<4xi64>) {
  ^bb0(%p: i1, %acc: i64):
    %n = arith.extui %p : i1 to i64
    %s = arith.addi %acc, %n : i64
    linalg.yield %s : i64
  } -> tensor<4xi64>
  func.return %r : tensor<4xi64>
}

// -----

// What is compared takes 32 bits, and so may the sum; the comparison stays in the body.
// CHECK-LABEL: func.func @compared(
// CHECK:         linalg.generic {{.*}} ins(%{{.*}} : tensor<200000xf32>)
// CHECK:           arith.cmpf
// CHECK:           arith.extui %{{.*}} : i1 to i32
// CHECK-NEXT:      arith.addi %{{.*}} : i32
func.func @compared(%x: tensor<200000xf32>) -> tensor<i64> {
  %zero = arith.constant 0 : i64
  %empty = tensor.empty() : tensor<i64>
  %start = linalg.fill ins(%zero : i64) outs(%empty : tensor<i64>) -> tensor<i64>
  %r = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> ()>], iterator_types = ["reduction"]} ins(%x : tensor<200000xf32>) outs(%start : tensor<i64>) {
  ^bb0(%p: f32, %acc: i64):
    %c = arith.constant 0.0 : f32
    %t = arith.cmpf ogt, %p, %c : f32
    %n = arith.extui %t : i1 to i64
    %s = arith.addi %acc, %n : i64
    linalg.yield %s : i64
  } -> tensor<i64>
  func.return %r : tensor<i64>
}

// -----

// 65537 times the least number of 16 bits with sign needs 33: the sum stays as it is.
// CHECK-LABEL: func.func @too_wide(
// CHECK:         arith.extsi %{{.*}} : i16 to i64
// CHECK-NEXT:    arith.addi %{{.*}} : i64
// CHECK-NOT:     linalg.generic
func.func @too_wide(%x: tensor<65537xi16>) -> tensor<i64> {
  %zero = arith.constant 0 : i64
  %empty = tensor.empty() : tensor<i64>
  %start = linalg.fill ins(%zero : i64) outs(%empty : tensor<i64>) -> tensor<i64>
  %r = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> ()>], iterator_types = ["reduction"]} ins(%x : tensor<65537xi16>) outs(%start : tensor<i64>) {
  ^bb0(%p: i16, %acc: i64):
    %n = arith.extsi %p : i16 to i64
    %s = arith.addi %acc, %n : i64
    linalg.yield %s : i64
  } -> tensor<i64>
  func.return %r : tensor<i64>
}

// -----

// A sum that goes on from another number is left alone.
// CHECK-LABEL: func.func @going_on(
// CHECK:         arith.addi %{{.*}} : i64
// CHECK-NOT:     linalg.generic
func.func @going_on(%x: tensor<1000xi1>, %start: tensor<i64>) -> tensor<i64> {
  %r = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> ()>], iterator_types = ["reduction"]} ins(%x : tensor<1000xi1>) outs(%start : tensor<i64>) {
  ^bb0(%p: i1, %acc: i64):
    %n = arith.extui %p : i1 to i64
    %s = arith.addi %acc, %n : i64
    linalg.yield %s : i64
  } -> tensor<i64>
  func.return %r : tensor<i64>
}
