// RUN: dlc-opt %s --split-input-file --verify-diagnostics

llvm.func @unknown_kind(%mask: i32, %value: f32) {
  // expected-error@+1 {{nvvm.shfl.sync: kind is left, expected one of bfly, up, down, idx}}
  %0 = nvvm.shfl.sync left %mask, %value, %mask, %mask : f32 -> f32
  llvm.return
}
