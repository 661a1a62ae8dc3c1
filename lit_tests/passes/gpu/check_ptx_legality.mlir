// RUN: dlc-opt %s -p check-ptx-legality --split-input-file --verify-diagnostics | filecheck %s

// What NVPTX selects passes unchanged.
// CHECK-LABEL: llvm.func @legal
// CHECK:         llvm.intr.fma
// CHECK:         llvm.intr.maximum
// CHECK:         nvvm.rsqrt.approx
// CHECK:         llvm.intr.sqrt
"gpu.module"() <{sym_name = "kernels"}> ({
  llvm.func @legal(%x: !llvm.ptr<1>) attributes {nvvm.kernel} {
    %a = llvm.load %x {alignment = 4 : i64} : !llvm.ptr<1> -> f32
    %b = llvm.intr.fma(%a, %a, %a) : (f32, f32, f32) -> f32
    %c = llvm.intr.maximum(%a, %b) : (f32, f32) -> f32
    %d = nvvm.rsqrt.approx %c : f32
    %e = llvm.intr.sqrt(%d) : (f32) -> f32
    llvm.store %e, %x {alignment = 4 : i64} : f32, !llvm.ptr<1>
    llvm.return
  }
}) : () -> ()

// -----

// Functions for the CPU may call what they like.
// CHECK-LABEL: llvm.func @host
// CHECK:         llvm.intr.exp
llvm.func @host(%a: f32) {
  %b = llvm.intr.exp(%a) : (f32) -> f32
  llvm.return
}

// -----

// A function that would end the process is named, with what to do.
"gpu.module"() <{sym_name = "kernels"}> ({
  llvm.func @exponential(%a: f32) attributes {nvvm.kernel} {
    // expected-error@+1 {{llvm.intr.exp on (f32) in @exponential: the intrinsic llvm.exp has no PTX instruction that computes it exactly; run expand-math before map-to-gpu}}
    %b = llvm.intr.exp(%a) : (f32) -> f32
    llvm.return
  }
}) : () -> ()

// -----

// There are no libraries on the device.
"gpu.module"() <{sym_name = "kernels"}> ({
  llvm.func @expf(f32) -> f32
  llvm.func @calls(%a: f32) attributes {nvvm.kernel} {
    // expected-error@+1 {{@expf is not defined in the GPU module}}
    %b = llvm.call @expf(%a) : (f32) -> f32
    llvm.return
  }
}) : () -> ()
