// RUN: dlc-opt %s -p "absorb-sums{least-bytes=0 least-rows=2 least-row=4}" --split-input-file | filecheck %s

// The kernel of rows adds up its result over the rows of each part; only the sum was read before, so it is no result any more.
// CHECK-LABEL: func.func @f(
// CHECK-SAME:    %[[X:\w+]]: tensor<6x4xf32>
// CHECK:         %[[PARTS:\w+]] = tensor.expand_shape %[[X]] {{.*}} output_shape [3, 2, 4]
// CHECK:         %[[PARTIAL:\w+]] = rt.kernel "fused_exp_sum" tile [3] ins(%{{\w+}} = %[[PARTS]] : tensor<3x2x4xf32>) -> (tensor<3x4xf32>)
// CHECK:           iterator_types = ["parallel", "parallel", "parallel"]
// CHECK:           affine_map<(d0, d1, d2) -> (d0, d2, d1)>, affine_map<(d0, d1, d2) -> (d0, d1)>], iterator_types = ["parallel", "parallel", "reduction"]
// CHECK:         rt.kernel "sum" tile [4] ins(%{{\w+}} = %[[PARTIAL]] : tensor<3x4xf32>) -> (tensor<4xf32>)
// CHECK:           affine_map<(d0, d1) -> (d1, d0)>
func.func @f(%x: tensor<6x4xf32>) -> tensor<4xf32> {
  %y = rt.kernel "exp" tile [6] ins(%a = %x : tensor<6x4xf32>) -> (tensor<6x4xf32>) {
    %e = tensor.empty() : tensor<6x4xf32>
    %r = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]} ins(%a : tensor<6x4xf32>) outs(%e : tensor<6x4xf32>) {
    ^bb0(%p: f32, %out: f32):
      %q = math.exp %p : f32
      linalg.yield %q : f32
    } -> tensor<6x4xf32>
    rt.yield %r : tensor<6x4xf32>
  }
  %sum = rt.kernel "sum" tile [4] ins(%a = %y : tensor<6x4xf32>) -> (tensor<4xf32>) {
    %zero = arith.constant 0.0 : f32
    %e = tensor.empty() : tensor<4xf32>
    %start = linalg.fill ins(%zero : f32) outs(%e : tensor<4xf32>) -> tensor<4xf32>
    %r = linalg.generic {indexing_maps = [affine_map<(j, i) -> (i, j)>, affine_map<(j, i) -> (j)>], iterator_types = ["parallel", "reduction"]} ins(%a : tensor<6x4xf32>) outs(%start : tensor<4xf32>) {
    ^bb0(%p: f32, %acc: f32):
      %q = arith.addf %acc, %p : f32
      linalg.yield %q : f32
    } -> tensor<4xf32>
    rt.yield %r : tensor<4xf32>
  }
  func.return %sum : tensor<4xf32>
}

// -----

// Five rows are no equal parts of two rows or more.
// CHECK-LABEL: func.func @prime(
// CHECK:         rt.kernel "exp" tile [5]
// CHECK:         rt.kernel "sum" tile []
func.func @prime(%x: tensor<5x4xf32>) -> (tensor<5x4xf32>, tensor<f32>) {
  %y = rt.kernel "exp" tile [5] ins(%a = %x : tensor<5x4xf32>) -> (tensor<5x4xf32>) {
    %e = tensor.empty() : tensor<5x4xf32>
    %r = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]} ins(%a : tensor<5x4xf32>) outs(%e : tensor<5x4xf32>) {
    ^bb0(%p: f32, %out: f32):
      %q = math.exp %p : f32
      linalg.yield %q : f32
    } -> tensor<5x4xf32>
    rt.yield %r : tensor<5x4xf32>
  }
  %sum = rt.kernel "sum" tile [] ins(%a = %y : tensor<5x4xf32>) -> (tensor<f32>) {
    %zero = arith.constant 0.0 : f32
    %e = tensor.empty() : tensor<f32>
    %start = linalg.fill ins(%zero : f32) outs(%e : tensor<f32>) -> tensor<f32>
    %r = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> ()>], iterator_types = ["reduction", "reduction"]} ins(%a : tensor<5x4xf32>) outs(%start : tensor<f32>) {
    ^bb0(%p: f32, %acc: f32):
      %q = arith.addf %acc, %p : f32
      linalg.yield %q : f32
    } -> tensor<f32>
    rt.yield %r : tensor<f32>
  }
  func.return %y, %sum : tensor<5x4xf32>, tensor<f32>
}

// -----

// The sum needs the first columns too, which are summed up over rows only after all of them are known: the kernel cannot do both.
// CHECK-LABEL: func.func @columns(
// CHECK:         rt.kernel "exp" tile [6]
// CHECK:         rt.kernel "sum" tile [4] ins(%{{\w+}} = %{{\w+}} : tensor<6x4xf32>, %{{\w+}} = %{{\w+}} : tensor<4xf32>)
func.func @columns(%x: tensor<6x4xf32>) -> tensor<4xf32> {
  %y = rt.kernel "exp" tile [6] ins(%a = %x : tensor<6x4xf32>) -> (tensor<6x4xf32>) {
    %e = tensor.empty() : tensor<6x4xf32>
    %r = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]} ins(%a : tensor<6x4xf32>) outs(%e : tensor<6x4xf32>) {
    ^bb0(%p: f32, %out: f32):
      %q = math.exp %p : f32
      linalg.yield %q : f32
    } -> tensor<6x4xf32>
    rt.yield %r : tensor<6x4xf32>
  }
  %first = rt.kernel "copy" tile [4] ins(%a = %y : tensor<6x4xf32>) -> (tensor<4xf32>) {
    %e = tensor.empty() : tensor<4xf32>
    %r = linalg.generic {indexing_maps = [affine_map<(j) -> (0, j)>, affine_map<(j) -> (j)>], iterator_types = ["parallel"]} ins(%a : tensor<6x4xf32>) outs(%e : tensor<4xf32>) {
    ^bb0(%p: f32, %out: f32):
      linalg.yield %p : f32
    } -> tensor<4xf32>
    rt.yield %r : tensor<4xf32>
  }
  %sum = rt.kernel "sum" tile [4] ins(%a = %y : tensor<6x4xf32>, %b = %first : tensor<4xf32>) -> (tensor<4xf32>) {
    %zero = arith.constant 0.0 : f32
    %e = tensor.empty() : tensor<4xf32>
    %start = linalg.fill ins(%zero : f32) outs(%e : tensor<4xf32>) -> tensor<4xf32>
    %r = linalg.generic {indexing_maps = [affine_map<(j, i) -> (i, j)>, affine_map<(j, i) -> (j)>, affine_map<(j, i) -> (j)>], iterator_types = ["parallel", "reduction"]} ins(%a, %b : tensor<6x4xf32>, tensor<4xf32>) outs(%start : tensor<4xf32>) {
    ^bb0(%p: f32, %s: f32, %acc: f32):
      %t = arith.subf %p, %s : f32
      %q = arith.addf %acc, %t : f32
      linalg.yield %q : f32
    } -> tensor<4xf32>
    rt.yield %r : tensor<4xf32>
  }
  func.return %sum : tensor<4xf32>
}
