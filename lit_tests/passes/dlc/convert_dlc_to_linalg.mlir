// RUN: dlc-opt %s -p convert-dlc-to-linalg --split-input-file | filecheck %s

// An elementwise operation is one linalg.generic with identity maps, on an empty destination.
// CHECK-LABEL: func.func @elementwise(
// CHECK-SAME:    %[[x:.*]]: tensor<2x3xf32>, %[[y:.*]]: tensor<2x3xf32>)
// CHECK:         %[[e:.*]] = tensor.empty() : tensor<2x3xf32>
// CHECK:         linalg.generic
// CHECK-SAME:      iterator_types = ["parallel", "parallel"]
// CHECK-SAME:      ins(%[[x]], %[[y]] : tensor<2x3xf32>, tensor<2x3xf32>) outs(%[[e]] : tensor<2x3xf32>)
// CHECK:         arith.addf
// CHECK-NOT:     dlc.
func.func @elementwise(%x: tensor<2x3xf32>, %y: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = dlc.add %x, %y : tensor<2x3xf32>
  func.return %0 : tensor<2x3xf32>
}

// -----

// A reduction starts from a fill, and its reduction dimension is the last.
// CHECK-LABEL: func.func @reduction(
// CHECK:         linalg.fill
// CHECK:         linalg.generic
// CHECK-SAME:      iterator_types = ["parallel", "reduction"]
// CHECK:         arith.addf
// CHECK-NOT:     dlc.
func.func @reduction(%x: tensor<2x3xf32>) -> tensor<2xf32> {
  %0 = dlc.reduce_sum %x dims [1] : tensor<2x3xf32> -> tensor<2xf32>
  func.return %0 : tensor<2xf32>
}

// -----

// A constant becomes arith.constant of tensor type.
// CHECK-LABEL: func.func @constant(
// CHECK:         arith.constant dense<[1, 2]> : tensor<2xi32>
// CHECK-NOT:     dlc.
func.func @constant() -> tensor<2xi32> {
  %0 = dlc.constant dense<[1, 2]> : tensor<2xi32>
  func.return %0 : tensor<2xi32>
}

// -----

// The signature stays, and a function without operations is left as it is.
// CHECK-LABEL: func.func @identity(
// CHECK-SAME:    %[[x:.*]]: tensor<2xi32>) -> tensor<2xi32> {
// CHECK-NEXT:    func.return %[[x]]
func.func @identity(%x: tensor<2xi32>) -> tensor<2xi32> {
  func.return %x : tensor<2xi32>
}

// -----

// Below the tensor dialect integers have no sign: the operation has it, and the function says what its arrays are.
// CHECK-LABEL: func.func @unsigned(
// CHECK-SAME:    %{{.*}}: tensor<4xi8>) -> tensor<4xi8> attributes {rt.array_types = (tensor<4xui8>) -> tensor<4xui8>}
// CHECK:         arith.constant -56 : i8
// CHECK:         arith.divui
// CHECK-NOT:     ui8
func.func @unsigned(%x: tensor<4xui8>) -> tensor<4xui8> {
  %0 = dlc.constant dense<200> : tensor<4xui8>
  %1 = dlc.div %x, %0 : tensor<4xui8>
  func.return %1 : tensor<4xui8>
}

// -----

// Signed integers keep the type of the function, which then needs no attribute.
// CHECK-LABEL: func.func @signed(
// CHECK-SAME:    %{{.*}}: tensor<4xi8>, %{{.*}}: tensor<4xi8>) -> tensor<4xi8> {
// CHECK:         arith.divsi
func.func @signed(%x: tensor<4xi8>, %y: tensor<4xi8>) -> tensor<4xi8> {
  %0 = dlc.div %x, %y : tensor<4xi8>
  func.return %0 : tensor<4xi8>
}
