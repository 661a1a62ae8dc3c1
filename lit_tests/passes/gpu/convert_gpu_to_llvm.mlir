// RUN: dlc-opt %s -p convert-gpu-to-llvm --split-input-file --verify-diagnostics | filecheck %s

// A kernel takes pointers to global memory; what it reads only, what is passed once and what starts at 16 bytes is said. Host functions stay.
// CHECK-LABEL: func.func @host
// CHECK:         rt.launch @kernels::@sum
// CHECK:         llvm.func @sum(%{{.*}}: !llvm.ptr<1> {llvm.readonly, llvm.align = 16 : i64}, %{{.*}}: !llvm.ptr<1> {llvm.readonly, llvm.align = 16 : i64}, %{{.*}}: !llvm.ptr<1> {llvm.noalias})
// CHECK-SAME:    nvvm.kernel, nvvm.maxntid = array<i32: 64, 1, 1>
// CHECK:           llvm.load %{{.*}} : !llvm.ptr<1> -> f32
// CHECK:           llvm.store %{{.*}} : f32, !llvm.ptr<1>
// CHECK:           llvm.return
func.func @host(%x: memref<4xf32>, %arena: memref<64xi8>) attributes {rt.num_inputs = 1 : i64} {
  %offset = arith.constant 24 : index
  %out = memref.view %arena[%offset][] : memref<64xi8> to memref<4xf32>
  rt.launch @kernels::@sum over [4] (%x, %x, %out) : memref<4xf32>, memref<4xf32>, memref<4xf32> {rt.grid = array<i64: 1>, rt.block = array<i64: 64>}
  func.return
}
"gpu.module"() <{sym_name = "kernels"}> ({
  "gpu.func"() <{function_type = (memref<4xf32>, memref<4xf32>, memref<4xf32>) -> (), kernel}> ({
  ^bb0(%x: memref<4xf32>, %y: memref<4xf32>, %out: memref<4xf32>):
    %i = "gpu.thread_id"() <{dimension = #gpu<dim x>}> : () -> index
    %a = memref.load %x[%i] : memref<4xf32>
    %b = memref.load %y[%i] : memref<4xf32>
    %c = arith.addf %a, %b : f32
    memref.store %c, %out[%i] : memref<4xf32>
    "gpu.return"() : () -> ()
  }) {sym_name = "sum", gpu.known_block_size = array<i32: 64, 1, 1>} : () -> ()
}) : () -> ()

// -----

// Rows of 48 bytes start at multiples of 16, rows of 24 do not; what one launch does not align is not aligned.
// CHECK-LABEL: func.func @rows
// CHECK:         llvm.func @copy(%{{.*}}: !llvm.ptr<1> {llvm.noalias, llvm.readonly, llvm.align = 16 : i64}, %{{.*}}: !llvm.ptr<1> {llvm.noalias})
func.func @rows(%x: memref<2x12xf32>, %y: memref<2x6xf32>, %z: memref<6xf32>) attributes {rt.num_inputs = 1 : i64} {
  %one = arith.constant 1 : index
  %a = rt.row %x[%one] : memref<2x12xf32> -> memref<12xf32>
  %b = rt.row %y[%one] : memref<2x6xf32> -> memref<6xf32>
  rt.launch @kernels::@copy over [4] (%a, %b) : memref<12xf32>, memref<6xf32> {rt.grid = array<i64: 1>, rt.block = array<i64: 32>}
  rt.launch @kernels::@copy over [4] (%a, %z) : memref<12xf32>, memref<6xf32> {rt.grid = array<i64: 1>, rt.block = array<i64: 32>}
  func.return
}
"gpu.module"() <{sym_name = "kernels"}> ({
  "gpu.func"() <{function_type = (memref<12xf32>, memref<6xf32>) -> (), kernel}> ({
  ^bb0(%x: memref<12xf32>, %y: memref<6xf32>):
    %i = "gpu.thread_id"() <{dimension = #gpu<dim x>}> : () -> index
    %a = memref.load %x[%i] : memref<12xf32>
    memref.store %a, %y[%i] : memref<6xf32>
    "gpu.return"() : () -> ()
  }) {sym_name = "copy", gpu.known_block_size = array<i32: 32, 1, 1>} : () -> ()
}) : () -> ()

// -----

// Positions in the grid are special registers, widened to 64 bits.
// CHECK-LABEL: llvm.func @ids
// CHECK:         %[[B:.*]] = nvvm.read.ptx.sreg.ctaid.y : i32
// CHECK-NEXT:    llvm.zext %[[B]] : i32 to i64
// CHECK:         nvvm.read.ptx.sreg.nctaid.z
// CHECK:         nvvm.read.ptx.sreg.ntid.x
// CHECK:         nvvm.read.ptx.sreg.ctaid.x
// CHECK:         nvvm.read.ptx.sreg.ntid.x
// CHECK:         nvvm.read.ptx.sreg.tid.x
// CHECK:         nvvm.barrier0
"gpu.module"() <{sym_name = "kernels"}> ({
  "gpu.func"() <{function_type = (memref<9x9x9x9xf32>) -> (), kernel}> ({
  ^bb0(%x: memref<9x9x9x9xf32>):
    %a = "gpu.block_id"() <{dimension = #gpu<dim y>}> : () -> index
    %b = "gpu.grid_dim"() <{dimension = #gpu<dim z>}> : () -> index
    %c = "gpu.block_dim"() <{dimension = #gpu<dim x>}> : () -> index
    %d = "gpu.global_id"() <{dimension = #gpu<dim x>}> : () -> index
    "gpu.barrier"() : () -> ()
    %v = memref.load %x[%a, %b, %c, %d] : memref<9x9x9x9xf32>
    memref.store %v, %x[%d, %c, %b, %a] : memref<9x9x9x9xf32>
    "gpu.return"() : () -> ()
  }) {sym_name = "ids"} : () -> ()
}) : () -> ()

// -----

// Temporaries are local memory, which has pointers without an address space.
// CHECK-LABEL: llvm.func @temporary
// CHECK:         %[[T:.*]] = llvm.alloca %{{.*}} x !llvm.array<4 x f32>
// CHECK:         llvm.store %{{.*}}, %[[T]] {{.*}} : f32, !llvm.ptr
"gpu.module"() <{sym_name = "kernels"}> ({
  "gpu.func"() <{function_type = (memref<4xf32>) -> (), kernel}> ({
  ^bb0(%x: memref<4xf32>):
    %t = memref.alloca() : memref<4xf32>
    %i = arith.constant 0 : index
    %a = memref.load %x[%i] : memref<4xf32>
    memref.store %a, %t[%i] : memref<4xf32>
    %b = memref.load %t[%i] : memref<4xf32>
    memref.store %b, %x[%i] : memref<4xf32>
    "gpu.return"() : () -> ()
  }) {sym_name = "temporary"} : () -> ()
}) : () -> ()

// -----

// Only kernels can be called from outside, and only they are converted.
"gpu.module"() <{sym_name = "kernels"}> ({
  // expected-error@+1 {{convert-gpu-to-llvm: @device is not a kernel; inline it into its callers}}
  "gpu.func"() <{function_type = (f32) -> ()}> ({
  ^bb0(%x: f32):
    "gpu.return"() : () -> ()
  }) {sym_name = "device"} : () -> ()
}) : () -> ()
