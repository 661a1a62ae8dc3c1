// RUN: dlc-opt %s -p collapse-dims --split-input-file | filecheck %s

#id = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>

// Between two kernels that both collapse, the reshapes cancel.
// CHECK-LABEL: func.func @neighbours(
// CHECK:         %[[F:\w+]] = tensor.collapse_shape
// CHECK:         %[[A:\w+]] = rt.kernel "exp" tile [32] ins(%{{.*}} = %[[F]] : tensor<32xf32>)
// CHECK-NOT:     tensor.expand_shape
// CHECK-NOT:     tensor.collapse_shape
// CHECK:         %[[B:\w+]] = rt.kernel "neg" tile [32] ins(%{{.*}} = %[[A]] : tensor<32xf32>)
// CHECK:         %[[R:\w+]] = tensor.expand_shape %[[B]]
// CHECK:         func.return %[[R]]
func.func @neighbours(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %0 = rt.kernel "exp" tile [4, 8] ins(%a = %x : tensor<4x8xf32>) -> (tensor<4x8xf32>) {
    %e = tensor.empty() : tensor<4x8xf32>
    %y = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%a : tensor<4x8xf32>) outs(%e : tensor<4x8xf32>) {
    ^bb0(%p: f32, %o: f32):
      %v = math.exp %p : f32
      linalg.yield %v : f32
    } -> tensor<4x8xf32>
    rt.yield %y : tensor<4x8xf32>
  }
  %1 = rt.kernel "neg" tile [4, 8] ins(%a = %0 : tensor<4x8xf32>) -> (tensor<4x8xf32>) {
    %e = tensor.empty() : tensor<4x8xf32>
    %y = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%a : tensor<4x8xf32>) outs(%e : tensor<4x8xf32>) {
    ^bb0(%p: f32, %o: f32):
      %v = arith.negf %p : f32
      linalg.yield %v : f32
    } -> tensor<4x8xf32>
    rt.yield %y : tensor<4x8xf32>
  }
  func.return %1 : tensor<4x8xf32>
}

// -----

#id = affine_map<(i, j) -> (i, j)>

// A broadcast operand keeps the dimensions apart; the tile leaves the last one to the inner loop.
// CHECK-LABEL: func.func @broadcast(
// CHECK-NOT:     tensor.collapse_shape
// CHECK:         rt.kernel "add" tile [4] ins(%{{.*}} : tensor<4x8xf32>, %{{.*}} : tensor<8xf32>)
func.func @broadcast(%x: tensor<4x8xf32>, %b: tensor<8xf32>) -> tensor<4x8xf32> {
  %0 = rt.kernel "add" tile [4, 8] ins(%a = %x : tensor<4x8xf32>, %c = %b : tensor<8xf32>) -> (tensor<4x8xf32>) {
    %e = tensor.empty() : tensor<4x8xf32>
    %y = linalg.generic {indexing_maps = [#id, affine_map<(i, j) -> (j)>, #id], iterator_types = ["parallel", "parallel"]} ins(%a, %c : tensor<4x8xf32>, tensor<8xf32>) outs(%e : tensor<4x8xf32>) {
    ^bb0(%p: f32, %q: f32, %o: f32):
      %v = arith.addf %p, %q : f32
      linalg.yield %v : f32
    } -> tensor<4x8xf32>
    rt.yield %y : tensor<4x8xf32>
  }
  func.return %0 : tensor<4x8xf32>
}

// -----

// Tile dimensions merge among themselves and reduced ones among themselves, for the whole kernel; size 1 goes.
// CHECK-LABEL: func.func @rows(
// CHECK:         rt.kernel "fused_sum_sub" tile [8] ins(%{{.*}} : tensor<8x15xf32>) -> (tensor<8x15xf32>)
// CHECK:           outs(%{{.*}} : tensor<8xf32>)
// CHECK:         tensor.expand_shape {{.*}} into tensor<2x1x4x3x5xf32>
func.func @rows(%x: tensor<2x1x4x3x5xf32>) -> tensor<2x1x4x3x5xf32> {
  %0 = rt.kernel "fused_sum_sub" tile [2, 1, 4] ins(%a = %x : tensor<2x1x4x3x5xf32>) -> (tensor<2x1x4x3x5xf32>) {
    %zero = arith.constant 0.0 : f32
    %e = tensor.empty() : tensor<2x1x4xf32>
    %f = linalg.fill ins(%zero : f32) outs(%e : tensor<2x1x4xf32>) -> tensor<2x1x4xf32>
    %s = linalg.generic {indexing_maps = [affine_map<(a, b, c, d, e) -> (a, b, c, d, e)>, affine_map<(a, b, c, d, e) -> (a, b, c)>], iterator_types = ["parallel", "parallel", "parallel", "reduction", "reduction"]} ins(%a : tensor<2x1x4x3x5xf32>) outs(%f : tensor<2x1x4xf32>) {
    ^bb0(%p: f32, %o: f32):
      %v = arith.addf %o, %p : f32
      linalg.yield %v : f32
    } -> tensor<2x1x4xf32>
    %g = tensor.empty() : tensor<2x1x4x3x5xf32>
    %y = linalg.generic {indexing_maps = [affine_map<(a, b, c, d, e) -> (a, b, c, d, e)>, affine_map<(a, b, c, d, e) -> (a, b, c)>, affine_map<(a, b, c, d, e) -> (a, b, c, d, e)>], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]} ins(%a, %s : tensor<2x1x4x3x5xf32>, tensor<2x1x4xf32>) outs(%g : tensor<2x1x4x3x5xf32>) {
    ^bb0(%p: f32, %q: f32, %o: f32):
      %v = arith.subf %p, %q : f32
      linalg.yield %v : f32
    } -> tensor<2x1x4x3x5xf32>
    rt.yield %y : tensor<2x1x4x3x5xf32>
  }
  func.return %0 : tensor<2x1x4x3x5xf32>
}

// -----

// A loop whose position the body uses stays as it is, and so does a tensor that is read at computed indices.
// CHECK-LABEL: func.func @positions(
// CHECK-NOT:     tensor.collapse_shape
// CHECK:         rt.kernel "gather" tile [4] ins(%{{.*}} : tensor<4x8xf32>) -> (tensor<4x8xf32>)
func.func @positions(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %0 = rt.kernel "gather" tile [4, 8] ins(%a = %x : tensor<4x8xf32>) -> (tensor<4x8xf32>) {
    %e = tensor.empty() : tensor<4x8xf32>
    %y = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]} outs(%e : tensor<4x8xf32>) {
    ^bb0(%o: f32):
      %i = linalg.index 0 : index
      %j = linalg.index 1 : index
      %v = tensor.extract %a[%i, %j] : tensor<4x8xf32>
      linalg.yield %v : f32
    } -> tensor<4x8xf32>
    rt.yield %y : tensor<4x8xf32>
  }
  func.return %0 : tensor<4x8xf32>
}

// -----

// Few rows that are long stay in the tile with their elements: threads share these.
// CHECK-LABEL: func.func @few_long_rows(
// CHECK:         rt.kernel "mul" tile [3, 40000]
func.func @few_long_rows(%x: tensor<3x40000xf32>, %s: tensor<3xf32>) -> tensor<3x40000xf32> {
  %r = rt.kernel "mul" tile [3, 40000] ins(%a = %x : tensor<3x40000xf32>, %b = %s : tensor<3xf32>) -> (tensor<3x40000xf32>) {
    %e = tensor.empty() : tensor<3x40000xf32>
    %m = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]} ins(%a, %b : tensor<3x40000xf32>, tensor<3xf32>) outs(%e : tensor<3x40000xf32>) {
    ^bb0(%p: f32, %q: f32, %out: f32):
      %t = arith.mulf %p, %q : f32
      linalg.yield %t : f32
    } -> tensor<3x40000xf32>
    rt.yield %m : tensor<3x40000xf32>
  }
  func.return %r : tensor<3x40000xf32>
}
