// RUN: dlc-opt %s -p "fold-constants{max-elements=3}" --split-input-file | filecheck %s

// An operation on small constants is evaluated, and so is what depends on it.
// CHECK-LABEL: func.func @small(
// CHECK:         %[[r:.*]] = dlc.constant dense<[-4, -6, -8]> : tensor<3xi32>
// CHECK-NEXT:    func.return %[[r]]
func.func @small() -> tensor<3xi32> {
  %0 = dlc.constant dense<[1, 2, 3]> : tensor<3xi32>
  %1 = dlc.constant dense<[3, 4, 5]> : tensor<3xi32>
  %2 = dlc.add %0, %1 : tensor<3xi32>
  %3 = dlc.neg %2 : tensor<3xi32>
  func.return %3 : tensor<3xi32>
}

// -----

// A result of more than max-elements elements stays an operation.
// CHECK-LABEL: func.func @large(
// CHECK:         %[[r:.*]] = dlc.add
// CHECK-NEXT:    func.return %[[r]]
func.func @large() -> tensor<4xi32> {
  %0 = dlc.constant dense<[1, 2, 3, 4]> : tensor<4xi32>
  %1 = dlc.constant dense<[3, 4, 5, 6]> : tensor<4xi32>
  %2 = dlc.add %0, %1 : tensor<4xi32>
  func.return %2 : tensor<4xi32>
}

// -----

// Splats of any size are evaluated as one element.
// CHECK-LABEL: func.func @splat(
// CHECK:         %[[r:.*]] = dlc.constant dense<5> : tensor<100x100xi32>
// CHECK-NEXT:    func.return %[[r]]
func.func @splat() -> tensor<100x100xi32> {
  %0 = dlc.constant dense<2> : tensor<100x100xi32>
  %1 = dlc.constant dense<3> : tensor<100x100xi32>
  %2 = dlc.add %0, %1 : tensor<100x100xi32>
  func.return %2 : tensor<100x100xi32>
}

// -----

// A reduction of a large constant to a small one is evaluated.
// CHECK-LABEL: func.func @reduction(
// CHECK:         %[[r:.*]] = dlc.constant dense<10> : tensor<i32>
// CHECK-NEXT:    func.return %[[r]]
func.func @reduction() -> tensor<i32> {
  %0 = dlc.constant dense<[1, 2, 3, 4]> : tensor<4xi32>
  %1 = dlc.reduce_sum %0 dims [0] : tensor<4xi32> -> tensor<i32>
  func.return %1 : tensor<i32>
}

// -----

// An operand that is not constant leaves the operation alone.
// CHECK-LABEL: func.func @argument(
// CHECK:         dlc.add
func.func @argument(%x: tensor<i32>) -> tensor<i32> {
  %0 = dlc.constant dense<2> : tensor<i32>
  %1 = dlc.add %x, %0 : tensor<i32>
  func.return %1 : tensor<i32>
}
