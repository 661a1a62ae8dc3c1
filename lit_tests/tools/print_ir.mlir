// RUN: dlc-opt %s -p inline,convert-dlc-to-linalg --mlir-print-ir-after-change -o /dev/null 2>&1 | filecheck %s

// Banners are those of mlir-opt; a pass that changes nothing is silent.
// CHECK-NOT:  (inline)
// CHECK:      // -----// IR Dump After ConvertDlcToLinalgPass (convert-dlc-to-linalg) //----- //
// CHECK-NEXT: builtin.module {
func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = dlc.exp %x : tensor<4xf32>
  func.return %0 : tensor<4xf32>
}
