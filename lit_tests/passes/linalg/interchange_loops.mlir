// RUN: dlc-opt %s -p interchange-loops --split-input-file | filecheck %s

// Every point runs the loop with two carried values, one of which has no dimensions, and reads what does not change once.
// CHECK-LABEL: func.func @points(
// CHECK-SAME:    %[[X:\w+]]: tensor<8xf32>, %[[T:\w+]]: tensor<f32>
// CHECK-NOT:     iter_args({{.*}}) -> (tensor
// CHECK:         linalg.generic
// CHECK-SAME:      affine_map<(d0) -> (d0)>, affine_map<(d0) -> ()>, affine_map<(d0) -> (d0)>
// CHECK-SAME:      ins(%[[X]], %[[T]] : tensor<8xf32>, tensor<f32>)
// CHECK-NEXT:    ^bb0(%[[P:\w+]]: f32, %[[S:\w+]]: f32, %{{.*}}: f32):
// CHECK:           %[[R:\w+]], %{{.*}} = scf.for {{.*}} iter_args(%[[C:\w+]] = %[[P]], %[[U:\w+]] = %[[S]]) -> (f32, f32) {
// CHECK-NEXT:        %[[N:\w+]] = arith.mulf %[[C]], %[[U]] : f32
// CHECK-NEXT:        %[[V:\w+]] = arith.addf %[[U]], %[[U]] : f32
// CHECK-NEXT:        scf.yield %[[N]], %[[V]] : f32, f32
// CHECK:           linalg.yield %[[R]] : f32
func.func @points(%x: tensor<8xf32>, %t: tensor<f32>) -> tensor<8xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c9 = arith.constant 9 : index
  %r, %u = scf.for %i = %c0 to %c9 step %c1 iter_args(%c = %x, %s = %t) -> (tensor<8xf32>, tensor<f32>) {
    %e0 = tensor.empty() : tensor<8xf32>
    %n = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> ()>, affine_map<(i) -> (i)>],
                         iterator_types = ["parallel"]} ins(%c, %s : tensor<8xf32>, tensor<f32>) outs(%e0 : tensor<8xf32>) {
    ^bb0(%p: f32, %q: f32, %out: f32):
      %m = arith.mulf %p, %q : f32
      linalg.yield %m : f32
    } -> tensor<8xf32>
    %e1 = tensor.empty() : tensor<f32>
    %v = linalg.generic {indexing_maps = [affine_map<() -> ()>, affine_map<() -> ()>], iterator_types = []}
        ins(%s : tensor<f32>) outs(%e1 : tensor<f32>) {
    ^bb0(%p: f32, %out: f32):
      %m = arith.addf %p, %p : f32
      linalg.yield %m : f32
    } -> tensor<f32>
    scf.yield %n, %v : tensor<8xf32>, tensor<f32>
  }
  func.return %r : tensor<8xf32>
}

// -----

// A step that reads its neighbour's value stays a step of all points.
// CHECK-LABEL: func.func @neighbours(
// CHECK:         scf.for {{.*}} -> (tensor<8xf32>) {
// CHECK-NEXT:      tensor.empty
// CHECK-NEXT:      linalg.generic
func.func @neighbours(%x: tensor<8xf32>) -> tensor<8xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c9 = arith.constant 9 : index
  %r = scf.for %i = %c0 to %c9 step %c1 iter_args(%c = %x) -> (tensor<8xf32>) {
    %e0 = tensor.empty() : tensor<8xf32>
    %n = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (-i + 7)>, affine_map<(i) -> (i)>],
                         iterator_types = ["parallel"]} ins(%c, %c : tensor<8xf32>, tensor<8xf32>) outs(%e0 : tensor<8xf32>) {
    ^bb0(%p: f32, %q: f32, %out: f32):
      %m = arith.mulf %p, %q : f32
      linalg.yield %m : f32
    } -> tensor<8xf32>
    scf.yield %n : tensor<8xf32>
  }
  func.return %r : tensor<8xf32>
}

// -----

// So does one that adds up what it carries.
// CHECK-LABEL: func.func @sums(
// CHECK:         scf.for {{.*}} -> (tensor<f32>) {
// CHECK:           "reduction"
func.func @sums(%x: tensor<8xf32>, %t: tensor<f32>) -> tensor<f32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c9 = arith.constant 9 : index
  %r = scf.for %i = %c0 to %c9 step %c1 iter_args(%c = %t) -> (tensor<f32>) {
    %n = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> ()>],
                         iterator_types = ["reduction"]} ins(%x : tensor<8xf32>) outs(%c : tensor<f32>) {
    ^bb0(%p: f32, %q: f32):
      %m = arith.addf %p, %q : f32
      linalg.yield %m : f32
    } -> tensor<f32>
    scf.yield %n : tensor<f32>
  }
  func.return %r : tensor<f32>
}

// -----

// And one that stacks what it computes.
// CHECK-LABEL: func.func @stacks(
// CHECK:         scf.for {{.*}} -> (tensor<4xf32>, tensor<9x4xf32>) {
// CHECK:           tensor.insert_slice
func.func @stacks(%x: tensor<4xf32>, %d: tensor<4xf32>) -> tensor<9x4xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c9 = arith.constant 9 : index
  %empty = tensor.empty() : tensor<9x4xf32>
  %r, %ys = scf.for %i = %c0 to %c9 step %c1 iter_args(%c = %x, %stack = %empty) -> (tensor<4xf32>, tensor<9x4xf32>) {
    %e0 = tensor.empty() : tensor<4xf32>
    %n = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>, affine_map<(i) -> (i)>],
                         iterator_types = ["parallel"]} ins(%c, %d : tensor<4xf32>, tensor<4xf32>) outs(%e0 : tensor<4xf32>) {
    ^bb0(%p: f32, %q: f32, %out: f32):
      %m = arith.mulf %p, %q : f32
      linalg.yield %m : f32
    } -> tensor<4xf32>
    %stacked = tensor.insert_slice %n into %stack[%i, 0] [1, 4] [1, 1] : tensor<4xf32> into tensor<9x4xf32>
    scf.yield %n, %stacked : tensor<4xf32>, tensor<9x4xf32>
  }
  func.return %ys : tensor<9x4xf32>
}

// -----

// A loop that goes on as long as any point does, and leaves alone the others, is one that each point leaves by itself.
// CHECK-LABEL: func.func @roots(
// CHECK-NOT:     tensor.extract
// CHECK:         linalg.generic
// CHECK:           %[[R:\w+]] = scf.while (%[[C:\w+]] = %{{.*}}) : (f32) -> f32 {
// CHECK-NEXT:        %[[P:\w+]] = arith.cmpf ogt, %[[C]], %{{.*}} : f32
// CHECK-NEXT:        %[[S:\w+]] = math.sqrt %[[C]] : f32
// CHECK-NEXT:        %[[N:\w+]] = arith.select %[[P]], %[[S]], %[[C]] : f32
// CHECK-NEXT:        scf.condition(%[[P]]) %[[N]] : f32
// CHECK:           linalg.yield %[[R]] : f32
func.func @roots(%x: tensor<8xf32>, %d: tensor<8xf32>) -> tensor<8xf32> {
  %false = arith.constant false
  %r = scf.while (%c = %x) : (tensor<8xf32>) -> tensor<8xf32> {
    %e0 = tensor.empty() : tensor<8xi1>
    %p = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>, affine_map<(i) -> (i)>],
                         iterator_types = ["parallel"]} ins(%c, %d : tensor<8xf32>, tensor<8xf32>) outs(%e0 : tensor<8xi1>) {
    ^bb0(%a: f32, %b: f32, %out: i1):
      %q = arith.cmpf ogt, %a, %b : f32
      linalg.yield %q : i1
    } -> tensor<8xi1>
    %e1 = tensor.empty() : tensor<i1>
    %none = linalg.fill ins(%false : i1) outs(%e1 : tensor<i1>) -> tensor<i1>
    %any = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> ()>], iterator_types = ["reduction"]}
        ins(%p : tensor<8xi1>) outs(%none : tensor<i1>) {
    ^bb0(%a: i1, %out: i1):
      %q = arith.ori %out, %a : i1
      linalg.yield %q : i1
    } -> tensor<i1>
    %go = tensor.extract %any[] : tensor<i1>
    scf.condition(%go) %c : tensor<8xf32>
  } do {
  ^bb0(%c: tensor<8xf32>):
    %e = tensor.empty() : tensor<8xf32>
    %n = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>, affine_map<(i) -> (i)>],
                         iterator_types = ["parallel"]} ins(%c, %d : tensor<8xf32>, tensor<8xf32>) outs(%e : tensor<8xf32>) {
    ^bb0(%a: f32, %b: f32, %out: f32):
      %q = arith.cmpf ogt, %a, %b : f32
      %s = math.sqrt %a : f32
      %k = arith.select %q, %s, %a : f32
      linalg.yield %k : f32
    } -> tensor<8xf32>
    scf.yield %n : tensor<8xf32>
  }
  func.return %r : tensor<8xf32>
}
