// RUN: dlc-opt %s -p "absorb-sums{least-bytes=0 least-parts=2 least-row=4}" --split-input-file | filecheck %s

// The kernel of rows adds up its result over the rows of each part; only the sum was read before, so it is no result any more.
// CHECK-LABEL: func.func @f(
// CHECK-SAME:    %[[X:\w+]]: tensor<6x4xf32>
// CHECK:         %[[PARTS:\w+]] = tensor.expand_shape %[[X]] {{.*}} output_shape [3, 2, 4]
// CHECK:         %[[PARTIAL:\w+]] = rt.kernel "fused_exp_sum" tile [3] ins(%{{\w+}} = %[[PARTS]] : tensor<3x2x4xf32>) -> (tensor<3x4xf32>)
// CHECK:           iterator_types = ["parallel", "parallel", "parallel"]
// CHECK:           affine_map<(d0, d1, d2) -> (d0, d2, d1)>, affine_map<(d0, d1, d2) -> (d0, d1)>], iterator_types = ["parallel", "parallel", "reduction"]
// CHECK-NOT:     rt.kernel
// CHECK-NOT:     tensor.expand_shape
// CHECK:         func.return %[[PARTIAL]]
func.func @f(%x: tensor<6x4xf32>) -> tensor<3x4xf32> {
  %y = rt.kernel "exp" tile [6] ins(%a = %x : tensor<6x4xf32>) -> (tensor<6x4xf32>) {
    %e = tensor.empty() : tensor<6x4xf32>
    %r = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]} ins(%a : tensor<6x4xf32>) outs(%e : tensor<6x4xf32>) {
    ^bb0(%p: f32, %out: f32):
      %q = math.exp %p : f32
      linalg.yield %q : f32
    } -> tensor<6x4xf32>
    rt.yield %r : tensor<6x4xf32>
  }
  %parts = tensor.expand_shape %y [[0, 1], [2]] output_shape [3, 2, 4] : tensor<6x4xf32> into tensor<3x2x4xf32>
  %sum = rt.kernel "sum" tile [3, 4] ins(%a = %parts : tensor<3x2x4xf32>) -> (tensor<3x4xf32>) {
    %zero = arith.constant 0.0 : f32
    %e = tensor.empty() : tensor<3x4xf32>
    %start = linalg.fill ins(%zero : f32) outs(%e : tensor<3x4xf32>) -> tensor<3x4xf32>
    %r = linalg.generic {indexing_maps = [affine_map<(p, j, i) -> (p, i, j)>, affine_map<(p, j, i) -> (p, j)>], iterator_types = ["parallel", "parallel", "reduction"]} ins(%a : tensor<3x2x4xf32>) outs(%start : tensor<3x4xf32>) {
    ^bb0(%p: f32, %acc: f32):
      %q = arith.addf %acc, %p : f32
      linalg.yield %q : f32
    } -> tensor<3x4xf32>
    rt.yield %r : tensor<3x4xf32>
  }
  func.return %sum : tensor<3x4xf32>
}

// -----

// All that is absorbed has the same parts: the sum over halves stays.
// CHECK-LABEL: func.func @halves(
// CHECK:         %[[Y:\w+]], %[[THIRDS:\w+]] = rt.kernel "fused_exp_sum" tile [3]
// CHECK:         %[[HALVES:\w+]] = rt.kernel "max" tile [2, 4]
// CHECK:         func.return %[[THIRDS]], %[[HALVES]]
func.func @halves(%x: tensor<6x4xf32>) -> (tensor<3x4xf32>, tensor<2x4xf32>) {
  %y = rt.kernel "exp" tile [6] ins(%a = %x : tensor<6x4xf32>) -> (tensor<6x4xf32>) {
    %e = tensor.empty() : tensor<6x4xf32>
    %r = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]} ins(%a : tensor<6x4xf32>) outs(%e : tensor<6x4xf32>) {
    ^bb0(%p: f32, %out: f32):
      %q = math.exp %p : f32
      linalg.yield %q : f32
    } -> tensor<6x4xf32>
    rt.yield %r : tensor<6x4xf32>
  }
  %parts = tensor.expand_shape %y [[0, 1], [2]] output_shape [3, 2, 4] : tensor<6x4xf32> into tensor<3x2x4xf32>
  %sum = rt.kernel "sum" tile [3, 4] ins(%a = %parts : tensor<3x2x4xf32>) -> (tensor<3x4xf32>) {
    %zero = arith.constant 0.0 : f32
    %e = tensor.empty() : tensor<3x4xf32>
    %start = linalg.fill ins(%zero : f32) outs(%e : tensor<3x4xf32>) -> tensor<3x4xf32>
    %r = linalg.generic {indexing_maps = [affine_map<(p, j, i) -> (p, i, j)>, affine_map<(p, j, i) -> (p, j)>], iterator_types = ["parallel", "parallel", "reduction"]} ins(%a : tensor<3x2x4xf32>) outs(%start : tensor<3x4xf32>) {
    ^bb0(%p: f32, %acc: f32):
      %q = arith.addf %acc, %p : f32
      linalg.yield %q : f32
    } -> tensor<3x4xf32>
    rt.yield %r : tensor<3x4xf32>
  }
  %halves = tensor.expand_shape %y [[0, 1], [2]] output_shape [2, 3, 4] : tensor<6x4xf32> into tensor<2x3x4xf32>
  %max = rt.kernel "max" tile [2, 4] ins(%a = %halves : tensor<2x3x4xf32>) -> (tensor<2x4xf32>) {
    %zero = arith.constant -1.0 : f32
    %e = tensor.empty() : tensor<2x4xf32>
    %start = linalg.fill ins(%zero : f32) outs(%e : tensor<2x4xf32>) -> tensor<2x4xf32>
    %r = linalg.generic {indexing_maps = [affine_map<(p, j, i) -> (p, i, j)>, affine_map<(p, j, i) -> (p, j)>], iterator_types = ["parallel", "parallel", "reduction"]} ins(%a : tensor<2x3x4xf32>) outs(%start : tensor<2x4xf32>) {
    ^bb0(%p: f32, %acc: f32):
      %q = arith.maximumf %acc, %p : f32
      linalg.yield %q : f32
    } -> tensor<2x4xf32>
    rt.yield %r : tensor<2x4xf32>
  }
  func.return %sum, %max : tensor<3x4xf32>, tensor<2x4xf32>
}

// -----

// The sum needs the first columns too, which are known only after all rows are: the kernel cannot do both.
// CHECK-LABEL: func.func @columns(
// CHECK:         rt.kernel "exp" tile [6]
// CHECK:         rt.kernel "sum" tile [3, 4] ins(%{{\w+}} = %{{\w+}} : tensor<3x2x4xf32>, %{{\w+}} = %{{\w+}} : tensor<4xf32>)
func.func @columns(%x: tensor<6x4xf32>) -> tensor<3x4xf32> {
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
  %parts = tensor.expand_shape %y [[0, 1], [2]] output_shape [3, 2, 4] : tensor<6x4xf32> into tensor<3x2x4xf32>
  %sum = rt.kernel "sum" tile [3, 4] ins(%a = %parts : tensor<3x2x4xf32>, %b = %first : tensor<4xf32>) -> (tensor<3x4xf32>) {
    %zero = arith.constant 0.0 : f32
    %e = tensor.empty() : tensor<3x4xf32>
    %start = linalg.fill ins(%zero : f32) outs(%e : tensor<3x4xf32>) -> tensor<3x4xf32>
    %r = linalg.generic {indexing_maps = [affine_map<(p, j, i) -> (p, i, j)>, affine_map<(p, j, i) -> (j)>, affine_map<(p, j, i) -> (p, j)>], iterator_types = ["parallel", "parallel", "reduction"]} ins(%a, %b : tensor<3x2x4xf32>, tensor<4xf32>) outs(%start : tensor<3x4xf32>) {
    ^bb0(%p: f32, %s: f32, %acc: f32):
      %t = arith.subf %p, %s : f32
      %q = arith.addf %acc, %t : f32
      linalg.yield %q : f32
    } -> tensor<3x4xf32>
    rt.yield %r : tensor<3x4xf32>
  }
  func.return %sum : tensor<3x4xf32>
}
