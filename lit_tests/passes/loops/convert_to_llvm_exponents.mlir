// RUN: dlc-opt %s -p convert-to-llvm --split-input-file | filecheck %s

// One intrinsic for a register; the widest ones take a mode of rounding.
// CHECK-LABEL: llvm.func internal @registers
// CHECK: llvm.call_intrinsic "llvm.x86.avx512.mask.scalef.ps.512"(%x, %n, %{{.*}}, %{{.*}}, %{{.*}})
// CHECK: llvm.call_intrinsic "llvm.x86.avx512.mask.getexp.pd.256"(%v, %{{.*}}, %{{.*}})
// CHECK: llvm.call_intrinsic "llvm.x86.avx512.rsqrt14.ps.512"(%x, %{{.*}}, %{{.*}})
func.func private @registers(%x: vector<16xf32>, %n: vector<16xf32>, %v: vector<4xf64>) {
  %0 = special.scalb %x, %n : vector<16xf32>
  %1 = special.logb %v : vector<4xf64>
  %2 = special.rsqrt_estimate %x : vector<16xf32>
  func.return
}

// -----

// A longer vector is several registers.
// CHECK-LABEL: llvm.func internal @halves
// CHECK-COUNT-2: llvm.call_intrinsic "llvm.x86.avx512.mask.getmant.pd.512"
// CHECK: llvm.shufflevector
func.func private @halves(%x: vector<16xf64>) {
  %0 = special.significand %x : vector<16xf64>
  func.return
}
