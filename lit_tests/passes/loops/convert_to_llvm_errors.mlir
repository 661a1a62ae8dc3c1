// RUN: dlc-opt %s -p convert-to-llvm --split-input-file --verify-diagnostics

// Math that is no instruction is refused, with what to do.
// expected-error @unknown {{convert-to-llvm: cannot convert math.exp on (f32); run expand-math first}}
func.func @math(%x: f32) -> f32 {
  %r = math.exp %x : f32
  func.return %r : f32
}

// -----

// A memref with strides is refused.
// expected-error @unknown {{convert-to-llvm: memref<4xf32, strided<[2]>> is not static and contiguous}}
func.func @strided(%x: memref<4xf32, strided<[2]>>, %i: index) -> f32 {
  %r = memref.load %x[%i] : memref<4xf32, strided<[2]>>
  func.return %r : f32
}

// -----

// Vectors of rank 2 are refused.
// expected-error @unknown {{convert-to-llvm: vector<2x2xf32> does not have rank 1}}
func.func @rank2(%x: vector<2x2xf32>) {
  func.return
}

// -----

// Instructions on exponents are those of vectors.
// expected-error @unknown {{convert-to-llvm: cannot convert special.logb on (f32); the instructions are for vectors that fill registers; run expand-math without exponents}}
func.func @scalar(%x: f32) -> f32 {
  %r = special.logb %x : f32
  func.return %r : f32
}
