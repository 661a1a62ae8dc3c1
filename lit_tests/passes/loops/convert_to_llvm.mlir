// RUN: dlc-opt %s -p convert-to-llvm --split-input-file | filecheck %s

// A host function takes a table of pointers; unused ones are not read, and its signature stays readable.
// CHECK-LABEL: llvm.func @host(%table: !llvm.ptr) attributes {
// CHECK-SAME:    rt.num_inputs = 1 : i64, rt.signature = (memref<4xf32>, memref<4xf32>, memref<0xi8>) -> ()
// CHECK-DAG:     %[[ZERO:.*]] = llvm.mlir.constant(0) : i64
// CHECK-DAG:     %[[EXTENT:.*]] = llvm.mlir.constant(12) : i64
// CHECK:         %[[X:.*]] = llvm.load %table
// CHECK:         %[[SLOT:.*]] = llvm.getelementptr inbounds %table[1]
// CHECK:         %[[Y:.*]] = llvm.load %[[SLOT]]
// CHECK-NOT:     llvm.load
// CHECK:         llvm.call @k(%[[ZERO]], %[[EXTENT]], %[[X]], %[[Y]])
func.func @host(%x: memref<4xf32>, %y: memref<4xf32>, %arena: memref<0xi8>) attributes {rt.num_inputs = 1 : i64} {
  rt.launch @k over [3, 4] (%x, %y) : memref<4xf32>, memref<4xf32>
  func.return
}
func.func private @k(%lo: index, %hi: index, %x: memref<4xf32>, %y: memref<4xf32>)

// -----

// What a kernel only reads is readonly; an argument that a launch passes twice is not noalias.
// CHECK-LABEL: llvm.func internal @k(
// CHECK-SAME:    i64, %{{\w+}}: i64, %{{\w+}}: !llvm.ptr {llvm.readonly}, %{{\w+}}: !llvm.ptr {llvm.readonly}, %{{\w+}}: !llvm.ptr {llvm.noalias})
func.func private @k(%lo: index, %hi: index, %x: memref<4xf32>, %y: memref<4xf32>, %z: memref<4xf32>) {
  %a = memref.load %x[%lo] : memref<4xf32>
  %b = memref.load %y[%lo] : memref<4xf32>
  %c = arith.addf %a, %b : f32
  memref.store %c, %z[%lo] : memref<4xf32>
  func.return
}
func.func @host(%x: memref<4xf32>, %z: memref<4xf32>, %arena: memref<0xi8>) attributes {rt.num_inputs = 1 : i64} {
  rt.launch @k over [4] (%x, %x, %z) : memref<4xf32>, memref<4xf32>, memref<4xf32>
  func.return
}

// -----

// Constant indices become one constant offset, and leave no constant behind.
// CHECK-LABEL: llvm.func @offset(
// CHECK-NOT:     llvm.mlir.constant
// CHECK:         %[[P:.*]] = llvm.getelementptr inbounds %{{\w+}}[9] : (!llvm.ptr) -> !llvm.ptr, f64
// CHECK:         llvm.load %[[P]] {alignment = 8 : i64} : !llvm.ptr -> vector<2xf64>
func.func @offset(%x: memref<3x4xf64>) -> vector<2xf64> {
  %c2 = arith.constant 2 : index
  %c1 = arith.constant 1 : index
  %v = vector.load %x[%c2, %c1] : memref<3x4xf64>, vector<2xf64>
  func.return %v : vector<2xf64>
}

// -----

// A boolean is a byte in memory and a bit in a register.
// CHECK-LABEL: llvm.func @boolean(
// CHECK:         %[[BYTE:.*]] = llvm.load %{{.*}} {alignment = 1 : i64} : !llvm.ptr -> vector<8xi8>
// CHECK:         %[[BIT:.*]] = llvm.trunc %[[BYTE]] : vector<8xi8> to vector<8xi1>
// CHECK:         %[[BACK:.*]] = llvm.zext %[[BIT]] : vector<8xi1> to vector<8xi8>
// CHECK:         llvm.store %[[BACK]]
func.func @boolean(%x: memref<8xi1>, %y: memref<8xi1>) {
  %c0 = arith.constant 0 : index
  %v = vector.load %x[%c0] : memref<8xi1>, vector<8xi1>
  vector.store %v, %y[%c0] : memref<8xi1>, vector<8xi1>
  func.return
}

// -----

// A store around the cache, if its address allows it; others must see it before the function is over.
// CHECK-LABEL: llvm.func @stream(
// CHECK:         %[[REST:.*]] = llvm.and %{{.*}}, %{{.*}} : i64
// CHECK:         %[[ALIGNED:.*]] = llvm.icmp "eq" %[[REST]]
// CHECK:         llvm.cond_br %[[ALIGNED]], ^[[STREAM:bb[0-9]+]], ^[[STORE:bb[0-9]+]]
// CHECK:       ^[[STREAM]]:
// CHECK:         llvm.store %[[V:.*]], %[[P:.*]] {alignment = 32 : i64, nontemporal}
// CHECK:       ^[[STORE]]:
// CHECK:         llvm.store %[[V]], %[[P]] {alignment = 4 : i64}
// CHECK:         llvm.fence seq_cst
// CHECK-NEXT:    llvm.return
func.func @stream(%x: memref<8xf32>, %y: memref<8xf32>) {
  %c0 = arith.constant 0 : index
  %v = vector.load %x[%c0] : memref<8xf32>, vector<8xf32>
  vector.store %v, %y[%c0] {nontemporal = true} : memref<8xf32>, vector<8xf32>
  func.return
}

// -----

// A place that may lie outside: its address is computed without the promise to be inside.
// CHECK-LABEL: llvm.func @prefetch(
// CHECK:         %[[P:.*]] = llvm.getelementptr %{{.*}}[1000]
// CHECK-NOT:     inbounds
// CHECK:         llvm.call_intrinsic "llvm.prefetch.p0"(%[[P]],
func.func @prefetch(%x: memref<8xf32>) {
  %far = arith.constant 1000 : index
  rt.prefetch %x[%far] : memref<8xf32>
  func.return
}

// -----

// A loop tests at its end; a loop that is known to run at least once has no test in front.
// CHECK-LABEL: llvm.func @loop(
// CHECK:         llvm.br ^[[LOOP:.*]](%{{.*}}, %{{.*}} : i64, f32)
// CHECK:       ^[[LOOP]](%[[I:.*]]: i64, %[[S:.*]]: f32):
// CHECK:         %[[T:.*]] = llvm.fadd %[[S]], %[[S]] : f32
// CHECK:         %[[NEXT:.*]] = llvm.add %[[I]], %{{.*}} overflow<nsw> : i64
// CHECK:         llvm.cond_br %{{.*}}, ^[[LOOP]](%[[NEXT]], %[[T]] : i64, f32), ^[[AFTER:.*]](%[[T]] : f32)
// CHECK:       ^[[AFTER]](%[[R:.*]]: f32):
// CHECK:         llvm.return %[[R]]
func.func @loop(%x: f32) -> f32 {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %r = scf.for %i = %c0 to %c8 step %c1 iter_args(%s = %x) -> (f32) {
    %t = arith.addf %s, %s : f32
    scf.yield %t : f32
  }
  func.return %r : f32
}

// -----

// A loop that never runs is its initial values.
// CHECK-LABEL: llvm.func @empty_loop(
// CHECK-SAME:    %[[X:\w+]]: f32
// CHECK-NEXT:    llvm.return %[[X]] : f32
func.func @empty_loop(%x: f32) -> f32 {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %r = scf.for %i = %c1 to %c0 step %c1 iter_args(%s = %x) -> (f32) {
    %t = arith.addf %s, %s : f32
    scf.yield %t : f32
  }
  func.return %r : f32
}

// -----

// Stack memory in a loop is allocated once, at the start of the function.
// CHECK-LABEL: llvm.func @stack(
// CHECK:         llvm.alloca %{{.*}} x !llvm.array<4 x f32> {alignment = 64 : i64}
// CHECK:         llvm.cond_br
// CHECK-NOT:     llvm.alloca
func.func @stack(%n: index, %v: f32) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.for %i = %c0 to %n step %c1 {
    %m = memref.alloca() : memref<4xf32>
    memref.store %v, %m[%c0] : memref<4xf32>
  }
  func.return
}

// -----

// Fast-math and overflow flags are kept.
// CHECK-LABEL: llvm.func @flags(
// CHECK:         llvm.fadd %{{.*}}, %{{.*}} {fastmathFlags = #llvm.fastmath<contract>} : f32
// CHECK:         llvm.add %{{.*}}, %{{.*}} overflow<nuw> : i64
func.func @flags(%x: f32, %i: i64, %y: memref<1xf32>, %j: memref<1xi64>) {
  %c0 = arith.constant 0 : index
  %a = arith.addf %x, %x fastmath<contract> : f32
  %b = arith.addi %i, %i overflow<nuw> : i64
  memref.store %a, %y[%c0] : memref<1xf32>
  memref.store %b, %j[%c0] : memref<1xi64>
  func.return
}

// -----

// A sum may be reassociated and starts from -0.0, which changes nothing.
// CHECK-LABEL: llvm.func @sum(
// CHECK:         %[[START:.*]] = llvm.mlir.constant(-0.000000e+00 : f32) : f32
// CHECK:         llvm.intr.vector.reduce.fadd(%[[START]], %{{\w+}}) {fastmathFlags = #llvm.fastmath<reassoc>}
func.func @sum(%v: vector<8xf32>) -> f32 {
  %r = vector.reduction <add>, %v : vector<8xf32> into f32
  func.return %r : f32
}

// -----

// A matrix product is a call of the library, row major, with the trans flags of the operation.
// CHECK-LABEL: llvm.func @gemm(
// CHECK-DAG:     %[[ORDER:.*]] = llvm.mlir.constant(101 : i32) : i32
// CHECK-DAG:     %[[TRANS:.*]] = llvm.mlir.constant(112 : i32) : i32
// CHECK-DAG:     %[[NONE:.*]] = llvm.mlir.constant(111 : i32) : i32
// CHECK:         llvm.call @cblas_sgemm(%[[ORDER]], %[[TRANS]], %[[NONE]],
// CHECK:       llvm.func @cblas_sgemm(i32
func.func @gemm(%a: memref<3x2xf32>, %b: memref<3x4xf32>, %c: memref<2x4xf32>) {
  rt.gemm trans_lhs %a, %b into %c : memref<3x2xf32>, memref<3x4xf32> into memref<2x4xf32>
  func.return
}

// -----

// A matrix times a vector takes the cheaper routine; only what is called is declared.
// CHECK-LABEL: llvm.func @gemv(
// CHECK:         llvm.call @cblas_dgemv(
// CHECK-NOT:   gemm
func.func @gemv(%a: memref<3x2xf64>, %b: memref<2x1xf64>, %c: memref<3x1xf64>) {
  rt.gemm %a, %b into %c : memref<3x2xf64>, memref<2x1xf64> into memref<3x1xf64>
  func.return
}

// -----

// An empty result needs no call; a product over nothing is zero.
// CHECK-LABEL: llvm.func @degenerate(
// CHECK-NOT:     llvm.call
// CHECK:         "llvm.intr.memset"
// CHECK-NOT:     llvm.call
func.func @degenerate(%a: memref<0x2xf32>, %b: memref<2x4xf32>, %c: memref<0x4xf32>, %d: memref<3x0xf32>, %e: memref<0x4xf32>, %f: memref<3x4xf32>) {
  rt.gemm %a, %b into %c : memref<0x2xf32>, memref<2x4xf32> into memref<0x4xf32>
  rt.gemm %d, %e into %f : memref<3x0xf32>, memref<0x4xf32> into memref<3x4xf32>
  func.return
}

// -----

// A batch with one matrix on the right is one product with more rows; any other batch is a loop.
// CHECK-LABEL: llvm.func @batch(
// CHECK:         llvm.call @cblas_sgemm
// CHECK:         llvm.br ^[[LOOP:.*]](
// CHECK:       ^[[LOOP]](
// CHECK:         llvm.call @cblas_sgemm
// CHECK:         llvm.cond_br %{{.*}}, ^[[LOOP]](
func.func @batch(%a: memref<5x2x3xf32>, %b: memref<3x4xf32>, %c: memref<5x2x4xf32>, %d: memref<5x3x4xf32>) {
  rt.gemm %a, %b into %c : memref<5x2x3xf32>, memref<3x4xf32> into memref<5x2x4xf32>
  rt.gemm %a, %d into %c : memref<5x2x3xf32>, memref<5x3x4xf32> into memref<5x2x4xf32>
  func.return
}

// -----

// Reshapes cost nothing; a view is an offset in bytes.
// CHECK-LABEL: llvm.func @views(
// CHECK-SAME:    %[[ARENA:\w+]]: !llvm.ptr
// CHECK:         %[[VIEW:.*]] = llvm.getelementptr inbounds %[[ARENA]][64] : (!llvm.ptr) -> !llvm.ptr, i8
// CHECK:         llvm.store %{{.*}}, %[[VIEW]]
func.func @views(%arena: memref<128xi8>, %x: f32) {
  %c0 = arith.constant 0 : index
  %c64 = arith.constant 64 : index
  %v = memref.view %arena[%c64][] : memref<128xi8> to memref<2x3xf32>
  %f = memref.collapse_shape %v [[0, 1]] : memref<2x3xf32> into memref<6xf32>
  memref.store %x, %f[%c0] : memref<6xf32>
  func.return
}

// -----

// A global is an internal constant array.
// CHECK: llvm.mlir.global internal constant @w(dense<[true, false]> : tensor<2xi1>) {{.*}} : !llvm.array<2 x i8>
"memref.global"() <{sym_name = "w", sym_visibility = "private", constant, type = memref<2xi1>, initial_value = dense<[true, false]> : tensor<2xi1>}> : () -> ()

// -----

// A kernel that is launched in one place, in a loop, is inlined; one that is launched outside too is not. A row is an address.
// CHECK-LABEL: llvm.func internal @once(
// CHECK-SAME:    attributes {no_unwind, always_inline}
// CHECK-LABEL: llvm.func internal @twice(
// CHECK-SAME:    attributes {no_unwind}
// CHECK-LABEL: llvm.func @loop(
// CHECK:         llvm.br ^[[LOOP:\w+]](
// CHECK:       ^[[LOOP]](%[[I:\w+]]: i64):
// CHECK:         %[[AT:\w+]] = llvm.mul %[[I]], %{{\w+}}
// CHECK:         %[[ROW:\w+]] = llvm.getelementptr inbounds %{{\w+}}[%[[AT]]]
// CHECK:         llvm.call @once(%{{\w+}}, %{{\w+}}, %[[ROW]])
// CHECK:         llvm.cond_br
func.func private @once(%lo: index, %hi: index, %x: memref<4xf32>) {
  func.return
}
func.func private @twice(%lo: index, %hi: index, %x: memref<4xf32>) {
  func.return
}
func.func @loop(%x: memref<9x4xf32>, %arena: memref<0xi8>) attributes {rt.num_inputs = 1 : i64} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c9 = arith.constant 9 : index
  %first = rt.row %x[%c0] : memref<9x4xf32> -> memref<4xf32>
  rt.launch @twice over [4] (%first) : memref<4xf32>
  scf.for %i = %c0 to %c9 step %c1 {
    %row = rt.row %x[%i] : memref<9x4xf32> -> memref<4xf32>
    rt.launch @once over [4] (%row) : memref<4xf32>
    rt.launch @twice over [4] (%row) : memref<4xf32>
  }
  func.return
}

// -----

// An index_switch is a chain of tests; the last block is the default.
// CHECK-LABEL: llvm.func @switch(
// CHECK:         %[[IS0:\w+]] = llvm.icmp "eq" %[[K:\w+]], %{{\w+}} : i64
// CHECK-NEXT:    llvm.cond_br %[[IS0]], ^[[CASE:\w+]], ^[[REST:\w+]]
// CHECK-NEXT:  ^[[CASE]]:
// CHECK:         llvm.br ^[[AFTER:\w+]]
// CHECK-NEXT:  ^[[REST]]:
// CHECK:         llvm.br ^[[AFTER]]
// CHECK-NEXT:  ^[[AFTER]]:
// CHECK-NEXT:    llvm.return
func.func @switch(%k: memref<i64>, %x: memref<4xf32>, %out: memref<4xf32>, %arena: memref<0xi8>) attributes {rt.num_inputs = 2 : i64} {
  %n = memref.load %k[] : memref<i64>
  %i = arith.index_cast %n : i64 to index
  scf.index_switch %i
  case 0 {
    "memref.copy"(%x, %out) : (memref<4xf32>, memref<4xf32>) -> ()
    scf.yield
  }
  default {
    scf.yield
  }
  func.return
}

// -----

// LAPACK gets everything by reference, and the length of each character behind the arguments; a batch is a loop around the call.
// CHECK-LABEL: llvm.func @lapack(
// CHECK:         llvm.br ^[[LOOP:.*]](
// CHECK:       ^[[LOOP]](
// CHECK:         llvm.call @dpotrf_(%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %[[ONE:.*]]) : (!llvm.ptr, !llvm.ptr, !llvm.ptr, !llvm.ptr, !llvm.ptr, i64) -> ()
// CHECK:         llvm.cond_br %{{.*}}, ^[[LOOP]](
// CHECK:       llvm.func @dpotrf_(!llvm.ptr, !llvm.ptr, !llvm.ptr, !llvm.ptr, !llvm.ptr, i64)
func.func @lapack(%a: memref<2x3x3xf64>, %info: memref<2xi32>) {
  rt.lapack "dpotrf" ["U", 3 : i32, 0 : index, 3 : i32, 1 : index] count 2 strides [9, 1] outs(%a, %info : memref<2x3x3xf64>, memref<2xi32>)
  func.return
}

// -----

// Of an empty batch nothing is called.
// CHECK-LABEL: llvm.func @no_lapack(
// CHECK-NOT:     llvm.call
func.func @no_lapack(%a: memref<0x3x3xf64>, %info: memref<0xi32>) {
  rt.lapack "dpotrf" ["U", 3 : i32, 0 : index, 3 : i32, 1 : index] count 0 strides [0, 0] outs(%a, %info : memref<0x3x3xf64>, memref<0xi32>)
  func.return
}

// -----

// A launch with a grain becomes a function for one part, whose last one is shorter, and a call of the pool. Pointers go through a
// table on the stack, and the kernel is inlined.
// CHECK-LABEL: llvm.func internal @parallel.part0(
// CHECK-SAME:    %[[table:.*]]: !llvm.ptr, %[[part:.*]]: i64) attributes {no_unwind} {
// CHECK:         %[[x:.*]] = llvm.load %[[table]]
// CHECK:         %[[lo:.*]] = llvm.mul %[[part]], %{{.*}} overflow<nsw> : i64
// CHECK-NEXT:    %[[end:.*]] = llvm.add %[[lo]], %{{.*}} overflow<nsw> : i64
// CHECK-NEXT:    %[[is_whole:.*]] = llvm.icmp "slt" %[[end]], %{{.*}} : i64
// CHECK-NEXT:    %[[hi:.*]] = llvm.select %[[is_whole]], %[[end]], %{{.*}} : i1, i64
// CHECK-NEXT:    llvm.call @negate_parts(%[[lo]], %[[hi]], %[[x]]) : (i64, i64, !llvm.ptr) -> ()
// CHECK-LABEL: llvm.func @parallel(
// CHECK:         %[[count:.*]] = llvm.mlir.constant(3) : i64
// CHECK:         %[[limit:.*]] = llvm.mlir.constant(2) : i64
// CHECK:         llvm.store %{{.*}}, %[[room:.*]] {
// CHECK:         %[[function:.*]] = llvm.mlir.addressof @parallel.part0 : !llvm.ptr
// CHECK-NEXT:    llvm.call @dlc_parallel(%[[function]], %[[room]], %[[count]], %[[limit]])
// CHECK-LABEL: llvm.func internal @negate_parts(
// CHECK-SAME:    always_inline
func.func @parallel(%x: memref<1000xf32>, %arena: memref<0xi8>) attributes {rt.num_inputs = 0 : i64, rt.max_threads = 2 : i64} {
  rt.launch @negate_parts over [1000] grain 384 (%x) : memref<1000xf32>
  func.return
}
func.func private @negate_parts(%lo: index, %hi: index, %x: memref<1000xf32>) {
  %c1 = arith.constant 1 : index
  scf.for %i = %lo to %hi step %c1 {
    %a = memref.load %x[%i] : memref<1000xf32>
    %b = arith.negf %a : f32
    memref.store %b, %x[%i] : memref<1000xf32>
  }
  func.return
}

// -----

// Equal launches share the function for one part, into which the kernel is inlined.
// CHECK-LABEL: llvm.func internal @twice.part0(
// CHECK-LABEL: llvm.func internal @twice.part1(
// CHECK:         llvm.call @copy_parts(
// CHECK-LABEL: llvm.func @twice(
// CHECK:         llvm.mlir.addressof @twice.part0
// CHECK:         llvm.mlir.addressof @twice.part0
// CHECK:         llvm.mlir.addressof @twice.part1
// CHECK-LABEL: llvm.func internal @fill_parts(
// CHECK-SAME:    always_inline
func.func @twice(%x: memref<1000xf32>, %y: memref<1000xf32>, %arena: memref<0xi8>) attributes {rt.num_inputs = 0 : i64} {
  rt.launch @fill_parts over [1000] grain 384 (%x) : memref<1000xf32>
  rt.launch @fill_parts over [1000] grain 384 (%y) : memref<1000xf32>
  rt.launch @copy_parts over [1000] grain 384 (%x, %y) : memref<1000xf32>, memref<1000xf32>
  func.return
}
func.func private @fill_parts(%lo: index, %hi: index, %x: memref<1000xf32>) {
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  scf.for %i = %lo to %hi step %c1 {
    memref.store %zero, %x[%i] : memref<1000xf32>
  }
  func.return
}
func.func private @copy_parts(%lo: index, %hi: index, %x: memref<1000xf32>, %y: memref<1000xf32>) {
  %c1 = arith.constant 1 : index
  scf.for %i = %lo to %hi step %c1 {
    %a = memref.load %x[%i] : memref<1000xf32>
    memref.store %a, %y[%i] : memref<1000xf32>
  }
  func.return
}

// -----

// Blocks of a product are a grid: the number of a part is the place of its rows and columns, and those at the ends are fewer.
// CHECK-LABEL: llvm.func internal @blocks.part0(
// CHECK-SAME:    %{{.*}}: !llvm.ptr, %[[part:.*]]: i64)
// CHECK:         %[[column:.*]] = llvm.urem %[[part]], %{{.*}} : i64
// CHECK-NEXT:    %[[row:.*]] = llvm.udiv %[[part]], %{{.*}} : i64
// CHECK-NEXT:    %[[first:.*]] = llvm.mul %[[row]], %{{.*}} overflow<nsw> : i64
// CHECK:         %[[rows:.*]] = llvm.sub %{{.*}}, %[[first]] : i64
// CHECK:         llvm.trunc %[[rows]] : i64 to i32
// CHECK:         llvm.call @cblas_sgemm
// CHECK-LABEL: llvm.func @blocks(
// CHECK:         llvm.call @dlc_parallel
func.func @blocks(%a: memref<300x20xf32>, %b: memref<20x256xf32>, %c: memref<300x256xf32>, %arena: memref<0xi8>) attributes {rt.num_inputs = 2 : i64} {
  rt.gemm %a, %b into %c blocks [1, 160, 128] : memref<300x20xf32>, memref<20x256xf32> into memref<300x256xf32>
  func.return
}

// -----

// Blocks of several matrices are a loop from the first to the last of a part.
// CHECK-LABEL: llvm.func internal @matrices.part0(
// CHECK:         llvm.br ^[[LOOP:.*]](
// CHECK:       ^[[LOOP]](
// CHECK:         llvm.call @cblas_sgemm
// CHECK:         llvm.cond_br %{{.*}}, ^[[LOOP]](
func.func @matrices(%a: memref<9x2x3xf32>, %b: memref<9x3x4xf32>, %c: memref<9x2x4xf32>, %arena: memref<0xi8>) attributes {rt.num_inputs = 2 : i64} {
  rt.gemm %a, %b into %c blocks [4, 2, 4] : memref<9x2x3xf32>, memref<9x3x4xf32> into memref<9x2x4xf32>
  func.return
}

// -----

// Calls of LAPACK in parts: each has its own characters and sizes on the stack, and a loop over its matrices.
// CHECK-LABEL: llvm.func internal @calls.part0(
// CHECK:         llvm.alloca
// CHECK:         llvm.br ^[[LOOP:.*]](
// CHECK:       ^[[LOOP]](
// CHECK:         llvm.call @dpotrf_(
// CHECK:         llvm.cond_br %{{.*}}, ^[[LOOP]](
// CHECK-LABEL: llvm.func @calls(
// CHECK:         llvm.call @dlc_parallel(
func.func @calls(%a: memref<9x3x3xf64>, %i: memref<9xi32>, %arena: memref<0xi8>) attributes {rt.num_inputs = 0 : i64} {
  rt.lapack "dpotrf" ["U", 3 : i32, 0 : index, 3 : i32, 1 : index] count 9 strides [9, 1] outs(%a, %i : memref<9x3x3xf64>, memref<9xi32>) {rt.grain = 2 : i64}
  func.return
}

// -----

// Each part of the calls has a workspace of its own.
// CHECK-LABEL: llvm.func internal @calls_with_workspaces.part0(
// CHECK-SAME:    %{{.*}}: !llvm.ptr, %[[PART:.*]]: i64)
// CHECK:         %[[SIZE:.*]] = llvm.mlir.constant(64) : i64
// CHECK:         %[[OFFSET:.*]] = llvm.mul %[[PART]], %[[SIZE]]
// CHECK:         llvm.getelementptr inbounds %{{.*}}[%[[OFFSET]]]
// CHECK:         llvm.call @sgeqrf_(
func.func @calls_with_workspaces(%a: memref<9x64x64xf32>, %t: memref<9x64xf32>, %w: memref<5x64xf32>, %i: memref<9xi32>, %arena: memref<0xi8>) attributes {rt.num_inputs = 0 : i64} {
  rt.lapack "sgeqrf" [64 : i32, 64 : i32, 0 : index, 64 : i32, 1 : index, 2 : index, 64 : i32, 3 : index] count 9 workspaces 5 strides [4096, 64, 0, 1] outs(%a, %t, %w, %i : memref<9x64x64xf32>, memref<9x64xf32>, memref<5x64xf32>, memref<9xi32>) {rt.grain = 2 : i64}
  func.return
}

// -----

// A copy in parts.
// CHECK-LABEL: llvm.func internal @copy_in_parts.part0(
// CHECK:         "llvm.intr.memcpy"(
// CHECK-LABEL: llvm.func @copy_in_parts(
// CHECK-NOT:     memcpy
// CHECK:         llvm.call @dlc_parallel(
func.func @copy_in_parts(%a: memref<1000xf32>, %b: memref<1000xf32>, %arena: memref<0xi8>) attributes {rt.num_inputs = 1 : i64} {
  "memref.copy"(%a, %b) {rt.grain = 1024 : i64} : (memref<1000xf32>, memref<1000xf32>) -> ()
  func.return
}
