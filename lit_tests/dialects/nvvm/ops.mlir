// RUN: dlc-opt %s --split-input-file --verify-roundtrip | filecheck %s
// RUN: dlc-opt %s --split-input-file --mlir-print-op-generic | dlc-opt --split-input-file | filecheck %s

// Special registers are read as 32-bit integers.
// CHECK-LABEL: llvm.func @registers
llvm.func @registers() {
  // CHECK-NEXT: %{{.*}} = nvvm.read.ptx.sreg.tid.x : i32
  %0 = nvvm.read.ptx.sreg.tid.x : i32
  // CHECK-NEXT: %{{.*}} = nvvm.read.ptx.sreg.ctaid.y : i32
  %1 = nvvm.read.ptx.sreg.ctaid.y : i32
  // CHECK-NEXT: %{{.*}} = nvvm.read.ptx.sreg.ntid.z : i32
  %2 = nvvm.read.ptx.sreg.ntid.z : i32
  // CHECK-NEXT: %{{.*}} = nvvm.read.ptx.sreg.nctaid.x : i32
  %3 = nvvm.read.ptx.sreg.nctaid.x : i32
  llvm.return
}

// -----

// Threads of a block wait for each other, and those of a warp exchange values.
// CHECK-LABEL: llvm.func @together
llvm.func @together(%mask: i32, %value: f32, %number: i32, %offset: i32, %clamp: i32) {
  // CHECK-NEXT: nvvm.barrier0
  nvvm.barrier0
  // CHECK-NEXT: nvvm.bar.warp.sync %mask
  nvvm.bar.warp.sync %mask
  // CHECK-NEXT: %{{.*}} = nvvm.shfl.sync bfly %mask, %value, %offset, %clamp : f32 -> f32
  %0 = nvvm.shfl.sync bfly %mask, %value, %offset, %clamp : f32 -> f32
  // CHECK-NEXT: %{{.*}} = nvvm.shfl.sync idx %mask, %number, %offset, %clamp : i32 -> i32
  %1 = nvvm.shfl.sync idx %mask, %number, %offset, %clamp : i32 -> i32
  llvm.return
}

// -----

// What the hardware approximates has names of its own.
// CHECK-LABEL: llvm.func @approximations
llvm.func @approximations(%x: f32) {
  // CHECK-NEXT: %{{.*}} = nvvm.ex2.approx %x : f32
  %0 = nvvm.ex2.approx %x : f32
  // CHECK-NEXT: %{{.*}} = nvvm.lg2.approx %x : f32
  %1 = nvvm.lg2.approx %x : f32
  // CHECK-NEXT: %{{.*}} = nvvm.rcp.approx %x : f32
  %2 = nvvm.rcp.approx %x : f32
  // CHECK-NEXT: %{{.*}} = nvvm.rsqrt.approx %x : f32
  %3 = nvvm.rsqrt.approx %x : f32
  llvm.return
}
