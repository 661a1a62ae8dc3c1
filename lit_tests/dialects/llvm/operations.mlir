// RUN: dlc-opt %s | dlc-opt | filecheck %s

// Each operation that upstream lacks parses and prints as in MLIR.
// CHECK-LABEL: llvm.func @floats(
llvm.func @floats(%x: f32, %v: vector<4xf32>, %w: vector<8xf64>) {
  // CHECK: llvm.intr.trunc(%{{.*}}) : (f32) -> f32
  %0 = llvm.intr.trunc(%x) : (f32) -> f32
  // CHECK: llvm.intr.roundeven(%{{.*}}) : (vector<4xf32>) -> vector<4xf32>
  %1 = llvm.intr.roundeven(%v) : (vector<4xf32>) -> vector<4xf32>
  // CHECK: llvm.intr.maximum(%{{.*}}, %{{.*}}) : (vector<4xf32>, vector<4xf32>) -> vector<4xf32>
  %2 = llvm.intr.maximum(%v, %v) : (vector<4xf32>, vector<4xf32>) -> vector<4xf32>
  // CHECK: llvm.intr.minimum(%{{.*}}, %{{.*}}) {fastmathFlags = #llvm.fastmath<nnan>} : (f32, f32) -> f32
  %3 = llvm.intr.minimum(%x, %x) {fastmathFlags = #llvm.fastmath<nnan>} : (f32, f32) -> f32
  // CHECK: llvm.intr.vector.reduce.fadd(%{{.*}}, %{{.*}}) {fastmathFlags = #llvm.fastmath<reassoc>} : (f32, vector<4xf32>) -> f32
  %4 = llvm.intr.vector.reduce.fadd(%x, %v) {fastmathFlags = #llvm.fastmath<reassoc>} : (f32, vector<4xf32>) -> f32
  // CHECK: llvm.intr.vector.reduce.fmaximum(%{{.*}}) : (vector<8xf64>) -> f64
  %5 = llvm.intr.vector.reduce.fmaximum(%w) : (vector<8xf64>) -> f64
  // CHECK: llvm.fcmp "olt" %{{.*}}, %{{.*}} : vector<4xf32>
  %6 = llvm.fcmp "olt" %v, %v : vector<4xf32>
  // CHECK: llvm.select %{{.*}}, %{{.*}}, %{{.*}} : vector<4xi1>, vector<4xf32>
  %7 = llvm.select %6, %v, %v : vector<4xi1>, vector<4xf32>
  // CHECK: llvm.fptosi %{{.*}} : vector<4xf32> to vector<4xi32>
  %8 = llvm.fptosi %v : vector<4xf32> to vector<4xi32>
  // CHECK: llvm.fptoui %{{.*}} : f32 to i8
  %9 = llvm.fptoui %x : f32 to i8
  llvm.return
}

// CHECK-LABEL: llvm.func @integers(
llvm.func @integers(%i: i32, %v: vector<4xi32>) {
  // CHECK: llvm.intr.smax(%{{.*}}, %{{.*}}) : (i32, i32) -> i32
  %0 = llvm.intr.smax(%i, %i) : (i32, i32) -> i32
  // CHECK: llvm.intr.umin(%{{.*}}, %{{.*}}) : (vector<4xi32>, vector<4xi32>) -> vector<4xi32>
  %1 = llvm.intr.umin(%v, %v) : (vector<4xi32>, vector<4xi32>) -> vector<4xi32>
  // CHECK: llvm.intr.vector.reduce.xor(%{{.*}}) : (vector<4xi32>) -> i32
  %2 = llvm.intr.vector.reduce.xor(%v) : (vector<4xi32>) -> i32
  // CHECK: llvm.extractelement %{{.*}}[%{{.*}} : i32] : vector<4xi32>
  %3 = llvm.extractelement %v[%i : i32] : vector<4xi32>
  // CHECK: llvm.mlir.poison : vector<4xi32>
  %4 = llvm.mlir.poison : vector<4xi32>
  // CHECK: llvm.uitofp %{{.*}} : i32 to f64
  %5 = llvm.uitofp %i : i32 to f64
  llvm.return
}

// CHECK-LABEL: llvm.func @memory(
llvm.func @memory(%p: !llvm.ptr, %m: vector<4xi1>, %v: vector<4xi8>, %n: i64) {
  // CHECK: llvm.intr.masked.load %{{.*}}, %{{.*}}, %{{.*}} {alignment = 1 : i32} : (!llvm.ptr, vector<4xi1>, vector<4xi8>) -> vector<4xi8>
  %0 = llvm.intr.masked.load %p, %m, %v {alignment = 1 : i32} : (!llvm.ptr, vector<4xi1>, vector<4xi8>) -> vector<4xi8>
  // CHECK: llvm.intr.masked.store %{{.*}}, %{{.*}}, %{{.*}} {alignment = 1 : i32} : vector<4xi8>, vector<4xi1> into !llvm.ptr
  llvm.intr.masked.store %0, %p, %m {alignment = 1 : i32} : vector<4xi8>, vector<4xi1> into !llvm.ptr
  // CHECK: "llvm.intr.memcpy"(%{{.*}}, %{{.*}}, %{{.*}}) <{isVolatile = false}> : (!llvm.ptr, !llvm.ptr, i64) -> ()
  "llvm.intr.memcpy"(%p, %p, %n) <{isVolatile = false}> : (!llvm.ptr, !llvm.ptr, i64) -> ()
  // CHECK: llvm.addrspacecast %{{.*}} : !llvm.ptr to !llvm.ptr<1>
  %1 = llvm.addrspacecast %p : !llvm.ptr to !llvm.ptr<1>
  // CHECK: llvm.fence seq_cst
  llvm.fence seq_cst
  llvm.return
}
