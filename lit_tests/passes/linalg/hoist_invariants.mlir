// RUN: dlc-opt %s -p hoist-invariants --split-input-file | filecheck %s

// What needs no value of either loop leaves both; what needs the counter of the outer one leaves the inner one only.
// CHECK-LABEL: func.func @nested(
// CHECK-SAME:    %[[W:\w+]]: tensor<4x4xf32>
// CHECK:         %[[WW:\w+]] = rt.gemm %[[W]], %[[W]]
// CHECK:         scf.for
// CHECK:           %[[ROW:\w+]] = tensor.extract_slice
// CHECK:           %[[P:\w+]] = rt.gemm %[[ROW]], %[[WW]]
// CHECK:           scf.for
// CHECK-NEXT:        rt.gemm %{{.*}}, %[[P]]
// CHECK-NEXT:        scf.yield
func.func @nested(%w: tensor<4x4xf32>, %xs: tensor<9x4x4xf32>, %c: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c9 = arith.constant 9 : index
  %r = scf.for %i = %c0 to %c9 step %c1 iter_args(%a = %c) -> (tensor<4x4xf32>) {
    %row = tensor.extract_slice %xs[%i, 0, 0] [1, 4, 4] [1, 1, 1] : tensor<9x4x4xf32> to tensor<4x4xf32>
    %s = scf.for %j = %c0 to %c9 step %c1 iter_args(%b = %a) -> (tensor<4x4xf32>) {
      %ww = rt.gemm %w, %w : tensor<4x4xf32>, tensor<4x4xf32> -> tensor<4x4xf32>
      %p = rt.gemm %row, %ww : tensor<4x4xf32>, tensor<4x4xf32> -> tensor<4x4xf32>
      %q = rt.gemm %b, %p : tensor<4x4xf32>, tensor<4x4xf32> -> tensor<4x4xf32>
      scf.yield %q : tensor<4x4xf32>
    }
    scf.yield %s : tensor<4x4xf32>
  }
  func.return %r : tensor<4x4xf32>
}

// -----

// A branch may not be taken: what it computes stays in it.
// CHECK-LABEL: func.func @branch(
// CHECK:         scf.for
// CHECK:           scf.if
// CHECK-NEXT:        rt.gemm
func.func @branch(%w: tensor<4x4xf32>, %p: tensor<9xi1>, %c: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c9 = arith.constant 9 : index
  %r = scf.for %i = %c0 to %c9 step %c1 iter_args(%a = %c) -> (tensor<4x4xf32>) {
    %holds = tensor.extract %p[%i] : tensor<9xi1>
    %s = scf.if %holds -> (tensor<4x4xf32>) {
      %ww = rt.gemm %w, %w : tensor<4x4xf32>, tensor<4x4xf32> -> tensor<4x4xf32>
      scf.yield %ww : tensor<4x4xf32>
    } else {
      scf.yield %a : tensor<4x4xf32>
    }
    scf.yield %s : tensor<4x4xf32>
  }
  func.return %r : tensor<4x4xf32>
}

// -----

// A matrix that is the same in every iteration is factorized once.
// CHECK-LABEL: func.func @factorization(
// CHECK:         rt.lapack "dpotrf"
// CHECK:         scf.for
// CHECK-NEXT:      rt.lapack "dtrsm"
func.func @factorization(%n: index, %a: tensor<4x4xf64>, %x: tensor<4x1xf64>) -> tensor<4x1xf64> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %r = scf.for %i = %c0 to %n step %c1 iter_args(%c = %x) -> (tensor<4x1xf64>) {
    %l, %info = rt.lapack "dpotrf" ["U", 4 : i32, 0 : index, 4 : i32, 1 : index] count 1 strides [16, 1] inits(%a : tensor<4x4xf64>) -> tensor<4x4xf64>, tensor<i32>
    %y = rt.lapack "dtrsm" ["R", "U", "N", "N", 1 : i32, 4 : i32, array<f64: 1.0>, 0 : index, 4 : i32, 1 : index, 1 : i32] count 1 strides [16, 4] ins(%l : tensor<4x4xf64>) inits(%c : tensor<4x1xf64>) -> tensor<4x1xf64>
    scf.yield %y : tensor<4x1xf64>
  }
  func.return %r : tensor<4x1xf64>
}

// -----

// What a kernel of the loop writes a window into is made anew in each iteration: to copy it takes no less.
// CHECK-LABEL: func.func @begun(
// CHECK-NEXT:    arith.constant
// CHECK-NEXT:    arith.constant
// CHECK-NEXT:    arith.constant
// CHECK-NEXT:    scf.for
// CHECK-NEXT:      rt.kernel "zeros"
// CHECK:           rt.kernel "inner"
func.func @begun(%x: tensor<4xf32>) -> tensor<4xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c9 = arith.constant 9 : index
  %r = scf.for %i = %c0 to %c9 step %c1 iter_args(%a = %x) -> (tensor<4xf32>) {
    %begun = rt.kernel "zeros" tile [4] ins() -> (tensor<4xf32>) {
      %zero = arith.constant 0.0 : f32
      %e = tensor.empty() : tensor<4xf32>
      %z = linalg.generic {indexing_maps = [affine_map<(d) -> (d)>], iterator_types = ["parallel"]} outs(%e : tensor<4xf32>) {
      ^bb0(%o: f32):
        linalg.yield %zero : f32
      } -> tensor<4xf32>
      rt.yield %z : tensor<4xf32>
    }
    %next = rt.kernel "inner" tile [2] ins(%b = %begun : tensor<4xf32>, %p = %a : tensor<4xf32>) -> (tensor<4xf32>) {
      %e = tensor.empty() : tensor<2xf32>
      %w = linalg.generic {indexing_maps = [affine_map<(d) -> (d + 1)>, affine_map<(d) -> (d)>], iterator_types = ["parallel"]} ins(%p : tensor<4xf32>) outs(%e : tensor<2xf32>) {
      ^bb0(%v: f32, %o: f32):
        linalg.yield %v : f32
      } -> tensor<2xf32>
      %n = tensor.insert_slice %w into %b[1] [2] [1] : tensor<2xf32> into tensor<4xf32>
      rt.yield %n : tensor<4xf32>
    }
    scf.yield %next : tensor<4xf32>
  }
  func.return %r : tensor<4xf32>
}
