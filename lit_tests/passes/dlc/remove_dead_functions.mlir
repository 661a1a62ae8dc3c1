// RUN: dlc-opt %s -p remove-dead-functions --split-input-file | filecheck %s

// Private functions that only dead functions refer to are removed; what a public function reaches stays.
// CHECK-NOT:   @dead
// CHECK-LABEL: func.func private @used(
// CHECK-LABEL: func.func private @used_by_used(
// CHECK-LABEL: func.func @main(
func.func private @dead(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = dlc.call @dead_too(%x) : (tensor<4xf32>) -> tensor<4xf32>
  func.return %0 : tensor<4xf32>
}
func.func private @dead_too(%x: tensor<4xf32>) -> tensor<4xf32> {
  func.return %x : tensor<4xf32>
}
func.func private @used(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = dlc.call @used_by_used(%x) : (tensor<4xf32>) -> tensor<4xf32>
  func.return %0 : tensor<4xf32>
}
func.func private @used_by_used(%x: tensor<4xf32>) -> tensor<4xf32> {
  func.return %x : tensor<4xf32>
}
func.func @main(%x: tensor<8x4xf32>) -> tensor<8x4xf32> {
  %0 = dlc.vmap @used(%x) mapped [0] size 8 : (tensor<8x4xf32>) -> tensor<8x4xf32>
  func.return %0 : tensor<8x4xf32>
}

// -----

// A public function that nothing refers to stays.
// CHECK-LABEL: func.func @entry(
func.func @entry(%x: tensor<4xf32>) -> tensor<4xf32> {
  func.return %x : tensor<4xf32>
}

// -----

// The same at the level of launches.
// CHECK-NOT:   @dead_kernel
// CHECK-LABEL: func.func private @kernel(
func.func private @dead_kernel(%x: memref<4xf32>) {
  func.return
}
func.func private @kernel(%x: memref<4xf32>) {
  func.return
}
func.func @main(%x: memref<4xf32>) {
  rt.launch @kernel over [4] (%x) : memref<4xf32>
  func.return
}
