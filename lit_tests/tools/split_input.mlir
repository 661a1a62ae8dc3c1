// RUN: dlc-opt %s --split-input-file | filecheck %s
// RUN: dlc-opt %s --split-input-file | dlc-opt - --split-input-file --verify-roundtrip | filecheck %s

// Parts are separate modules, so that names may occur again; the output has the same separators.
// CHECK-LABEL: func.func @f(
// CHECK:       // -----
// CHECK-LABEL: func.func @f(
// CHECK-NOT:   // -----
func.func @f(%x: tensor<2xf32>) -> tensor<2xf32> {
  func.return %x : tensor<2xf32>
}

// -----

func.func @f(%x: tensor<3xf32>) -> tensor<3xf32> {
  func.return %x : tensor<3xf32>
}
