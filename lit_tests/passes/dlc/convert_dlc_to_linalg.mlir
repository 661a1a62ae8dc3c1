// RUN: dlc-opt %s -p convert-dlc-to-linalg --split-input-file | filecheck %s

// An elementwise operation is one linalg.generic with identity maps, on an empty destination.
// CHECK-LABEL: func.func @elementwise(
// CHECK-SAME:    %[[x:.*]]: tensor<2x3xf32>, %[[y:.*]]: tensor<2x3xf32>)
// CHECK:         %[[e:.*]] = tensor.empty() : tensor<2x3xf32>
// CHECK:         linalg.generic
// CHECK-SAME:      iterator_types = ["parallel", "parallel"]
// CHECK-SAME:      ins(%[[x]], %[[y]] : tensor<2x3xf32>, tensor<2x3xf32>) outs(%[[e]] : tensor<2x3xf32>)
// CHECK:         arith.addf
// CHECK-NOT:     dlc.
func.func @elementwise(%x: tensor<2x3xf32>, %y: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = dlc.add %x, %y : tensor<2x3xf32>
  func.return %0 : tensor<2x3xf32>
}

// -----

// A reduction starts from a fill, and its reduction dimension is the last.
// CHECK-LABEL: func.func @reduction(
// CHECK:         linalg.fill
// CHECK:         linalg.generic
// CHECK-SAME:      iterator_types = ["parallel", "reduction"]
// CHECK:         arith.addf
// CHECK-NOT:     dlc.
func.func @reduction(%x: tensor<2x3xf32>) -> tensor<2xf32> {
  %0 = dlc.reduce_sum %x dims [1] : tensor<2x3xf32> -> tensor<2xf32>
  func.return %0 : tensor<2xf32>
}

// -----

// A constant becomes arith.constant of tensor type.
// CHECK-LABEL: func.func @constant(
// CHECK:         arith.constant dense<[1, 2]> : tensor<2xi32>
// CHECK-NOT:     dlc.
func.func @constant() -> tensor<2xi32> {
  %0 = dlc.constant dense<[1, 2]> : tensor<2xi32>
  func.return %0 : tensor<2xi32>
}

// -----

// The signature stays, and a function without operations is left as it is.
// CHECK-LABEL: func.func @identity(
// CHECK-SAME:    %[[x:.*]]: tensor<2xi32>) -> tensor<2xi32> {
// CHECK-NEXT:    func.return %[[x]]
func.func @identity(%x: tensor<2xi32>) -> tensor<2xi32> {
  func.return %x : tensor<2xi32>
}

// -----

// A cumulative sum is a running reduction: its last output is indexed by the reduction too. Against the direction of memory it reads from
// the end, and what it writes is turned around.
// CHECK-LABEL: func.func @running(
// CHECK-SAME:    %[[x:.*]]: tensor<4x8xf32>)
// CHECK:         %[[state:.*]], %[[sums:.*]] = linalg.generic
// CHECK-SAME:      affine_map<(d0, d1) -> (d0, ((d1 * -1) + 7))>, affine_map<(d0, d1) -> (d0)>, affine_map<(d0, d1) -> (d0, d1)>
// CHECK-SAME:      iterator_types = ["parallel", "reduction"]
// CHECK-SAME:      ins(%[[x]] : tensor<4x8xf32>)
// CHECK:         linalg.generic
// CHECK-SAME:      affine_map<(d0, d1) -> (d0, ((d1 * -1) + 7))>
// CHECK-SAME:      ins(%[[sums]] : tensor<4x8xf32>)
func.func @running(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %0 = dlc.cumsum %x dim 1 reverse : tensor<4x8xf32> -> tensor<4x8xf32>
  func.return %0 : tensor<4x8xf32>
}

// -----

// Below the tensor dialect integers have no sign: the operation has it, and the function says what its arrays are.
// CHECK-LABEL: func.func @unsigned(
// CHECK-SAME:    %{{.*}}: tensor<4xi8>) -> tensor<4xi8> attributes {rt.array_types = (tensor<4xui8>) -> tensor<4xui8>}
// CHECK:         arith.constant -56 : i8
// CHECK:         arith.divui
// CHECK-NOT:     ui8
func.func @unsigned(%x: tensor<4xui8>) -> tensor<4xui8> {
  %0 = dlc.constant dense<200> : tensor<4xui8>
  %1 = dlc.div %x, %0 : tensor<4xui8>
  func.return %1 : tensor<4xui8>
}

// -----

// A sort compares integers in the order of the floats, and makes floats of them again.
// CHECK-LABEL: func.func @sort(
// CHECK-SAME:    %[[x:.*]]: tensor<4x8xf32>)
// CHECK:         %[[keys:.*]] = linalg.generic {{.*}} ins(%[[x]] : tensor<4x8xf32>) outs(%{{.*}} : tensor<4x8xi32>)
// CHECK:         %[[sorted:.*]] = rt.sort_rows %[[keys]] : tensor<4x8xi32>
// CHECK:         %[[result:.*]] = linalg.generic {{.*}} ins(%[[sorted]] : tensor<4x8xi32>) outs(%{{.*}} : tensor<4x8xf32>)
// CHECK:         func.return %[[result]]
func.func @sort(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %0 = dlc.sort %x, %x dim 1 : tensor<4x8xf32>, tensor<4x8xf32> -> tensor<4x8xf32>
  func.return %0 : tensor<4x8xf32>
}

// -----

// Other values are read at the positions that the lower bits of the keys have.
// CHECK-LABEL: func.func @sort_beside(
// CHECK:           arith.shli
// CHECK:         %[[sorted:.*]] = rt.sort_rows %{{.*}} : tensor<1x8xi32>
// CHECK:           arith.andi
// CHECK:           tensor.extract
// CHECK:         func.return
func.func @sort_beside(%x: tensor<8xi1>, %v: tensor<8xf64>) -> tensor<8xf64> {
  %0 = dlc.sort %x, %v dim 0 : tensor<8xi1>, tensor<8xf64> -> tensor<8xf64>
  func.return %0 : tensor<8xf64>
}

// -----

// Keys of 64 bits have the positions in a column beside them. The rows are as long as a power of two.
// CHECK-LABEL: func.func @sort_beside_wide_keys(
// CHECK-COUNT-2: tensor.insert_slice {{.*}} : tensor<1x5xi64> into tensor<1x8xi64>
// CHECK:         rt.sort_rows %{{.*}}, %{{.*}} : tensor<1x8xi64>, tensor<1x8xi64>
func.func @sort_beside_wide_keys(%x: tensor<5xf64>, %v: tensor<5xf64>) -> tensor<5xf64> {
  %0 = dlc.sort %x, %v dim 0 : tensor<5xf64>, tensor<5xf64> -> tensor<5xf64>
  func.return %0 : tensor<5xf64>
}

// -----

// One long row is sorted in parts, of which two, and then four, are merged.
// CHECK-LABEL: func.func @sort_in_parts(
// CHECK:         rt.sort_rows %{{.*}} : tensor<3x8192xi32>
// CHECK:         rt.merge_rows group 2 parts 4 %{{.*}} : tensor<3x8192xi32>
// CHECK:         rt.sort_rows bitonic
// CHECK:         rt.merge_rows group 4 parts 4
// CHECK:         rt.sort_rows bitonic
// CHECK-NOT:     rt.merge_rows
// CHECK:         func.return
func.func @sort_in_parts(%x: tensor<20000xi32>) -> tensor<20000xi32> {
  %0 = dlc.sort %x, %x dim 0 : tensor<20000xi32>, tensor<20000xi32> -> tensor<20000xi32>
  func.return %0 : tensor<20000xi32>
}

// -----

// Signed integers keep the type of the function, which then needs no attribute.
// CHECK-LABEL: func.func @signed(
// CHECK-SAME:    %{{.*}}: tensor<4xi8>, %{{.*}}: tensor<4xi8>) -> tensor<4xi8> {
// CHECK:         arith.divsi
func.func @signed(%x: tensor<4xi8>, %y: tensor<4xi8>) -> tensor<4xi8> {
  %0 = dlc.div %x, %y : tensor<4xi8>
  func.return %0 : tensor<4xi8>
}

// -----

// A scan is a loop over rows. The body is gone with it, and the number of the step, which nothing reads, is not computed.
// CHECK-LABEL: func.func @scan(
// CHECK-SAME:    %[[c:.*]]: tensor<3xf32>, %[[k:.*]]: tensor<3xf32>, %[[xs:.*]]: tensor<5x3xf32>)
// CHECK:         %[[stack:.*]] = tensor.empty() : tensor<5x3xf32>
// CHECK:         %[[r:.*]], %[[ys:.*]] = scf.for %[[i:.*]] = {{.*}} iter_args(%[[carry:.*]] = %[[c]], %[[acc:.*]] = %[[stack]])
// CHECK:           %[[last:.*]] = arith.constant 4 : index
// CHECK:           %[[at:.*]] = arith.subi %[[last]], %[[i]] : index
// CHECK-NOT:       tensor.from_elements
// CHECK:           %[[x:.*]] = tensor.extract_slice %[[xs]][%[[at]], 0] [1, 3] [1, 1] : tensor<5x3xf32> to tensor<3xf32>
// CHECK:           ins(%[[carry]], %[[x]] : tensor<3xf32>, tensor<3xf32>)
// CHECK:           ins({{.*}}, %[[k]] : tensor<3xf32>, tensor<3xf32>)
// CHECK:           %[[new:.*]] = tensor.insert_slice {{.*}} into %[[acc]][%[[at]], 0] [1, 3] [1, 1]
// CHECK:           scf.yield {{.*}}, %[[new]] : tensor<3xf32>, tensor<5x3xf32>
// CHECK:         func.return %[[r]], %[[ys]]
// CHECK-NOT:     @step
func.func private @step(%i: tensor<i64>, %c: tensor<3xf32>, %k: tensor<3xf32>, %x: tensor<3xf32>) -> (tensor<3xf32>, tensor<3xf32>) {
  %0 = dlc.add %c, %x : tensor<3xf32>
  %1 = dlc.mul %0, %k : tensor<3xf32>
  func.return %0, %1 : tensor<3xf32>, tensor<3xf32>
}
func.func @scan(%c: tensor<3xf32>, %k: tensor<3xf32>, %xs: tensor<5x3xf32>) -> (tensor<3xf32>, tensor<5x3xf32>) {
  %0, %1 = dlc.scan @step(%c)(%k)(%xs) length 5 reverse : (tensor<3xf32>, tensor<3xf32>, tensor<5x3xf32>) -> (tensor<3xf32>, tensor<5x3xf32>)
  func.return %0, %1 : tensor<3xf32>, tensor<5x3xf32>
}

// -----

// Half floats are extended, computed in f32 and rounded, in the body of the operation.
// CHECK-LABEL: func.func @half(
// CHECK:         ^bb0(%[[A:.*]]: bf16, %{{.*}}: bf16):
// CHECK:           %[[X:.*]] = arith.extf %[[A]] : bf16 to f32
// CHECK:           %[[C:.*]] = arith.constant 2.000000e+00 : f32
// CHECK:           %[[P:.*]] = arith.mulf %[[X]], %[[C]] : f32
// CHECK:           arith.truncf %[[P]] : f32 to bf16
func.func @half(%x: tensor<4xbf16>) -> tensor<4xbf16> {
  %0 = dlc.constant dense<2.0> : tensor<4xbf16>
  %1 = dlc.mul %x, %0 : tensor<4xbf16>
  func.return %1 : tensor<4xbf16>
}

// -----

// The number of the step is a tensor like any other.
// CHECK-LABEL: func.func @number(
// CHECK:         scf.for %[[i:.*]] = {{.*}} iter_args(%[[carry:.*]] = {{.*}})
// CHECK:           %[[n:.*]] = arith.index_cast %[[i]] : index to i64
// CHECK:           %[[t:.*]] = tensor.from_elements %[[n]] : tensor<i64>
// CHECK:           ins(%[[carry]], %[[t]] : tensor<i64>, tensor<i64>)
func.func private @step(%i: tensor<i64>, %c: tensor<i64>) -> tensor<i64> {
  %0 = dlc.add %c, %i : tensor<i64>
  func.return %0 : tensor<i64>
}
func.func @number(%c: tensor<i64>) -> tensor<i64> {
  %0 = dlc.scan @step(%c)()() length 5 : (tensor<i64>) -> tensor<i64>
  func.return %0 : tensor<i64>
}

// -----

// The condition of a while loop is a tensor that the host reads; constants are values from outside.
// CHECK-LABEL: func.func @while(
// CHECK-SAME:    %[[c:.*]]: tensor<i64>, %[[n:.*]]: tensor<i64>)
// CHECK:         scf.while (%[[before:.*]] = %[[c]]) : (tensor<i64>) -> tensor<i64> {
// CHECK:           ins(%[[before]], %[[n]] : tensor<i64>, tensor<i64>)
// CHECK:           %[[holds:.*]] = tensor.extract %{{.*}}[] : tensor<i1>
// CHECK:           scf.condition(%[[holds]]) %[[before]] : tensor<i64>
// CHECK:         } do {
// CHECK:         ^{{.*}}(%[[after:.*]]: tensor<i64>):
// CHECK:           ins(%[[after]], %[[n]] : tensor<i64>, tensor<i64>)
// CHECK:           scf.yield
func.func private @less(%c: tensor<i64>, %n: tensor<i64>) -> tensor<i1> {
  %0 = dlc.compare lt %c, %n : tensor<i64>
  func.return %0 : tensor<i1>
}
func.func private @step(%c: tensor<i64>, %n: tensor<i64>) -> tensor<i64> {
  %0 = dlc.add %c, %n : tensor<i64>
  func.return %0 : tensor<i64>
}
func.func @while(%c: tensor<i64>, %n: tensor<i64>) -> tensor<i64> {
  %0 = dlc.while cond @less body @step(%c)(%n) : (tensor<i64>, tensor<i64>) -> tensor<i64>
  func.return %0 : tensor<i64>
}

// -----

// Two branches are an scf.if; of three, the last is the default, so that only negative indices are clamped.
// CHECK-LABEL: func.func @case(
// CHECK-SAME:    %[[p:.*]]: tensor<i1>, %[[k:.*]]: tensor<i32>, %[[x:.*]]: tensor<3xf32>)
// CHECK:         %[[holds:.*]] = tensor.extract %[[p]][] : tensor<i1>
// CHECK:         scf.if %[[holds]] -> (tensor<3xf32>) {
// CHECK:           arith.negf
// CHECK:         } else {
// CHECK-NEXT:      scf.yield %[[x]]
// CHECK:         %[[index:.*]] = tensor.extract %[[k]][] : tensor<i32>
// CHECK:         %[[clamped:.*]] = arith.maxsi %[[index]], {{.*}} : i32
// CHECK:         %[[chosen:.*]] = arith.index_cast %[[clamped]] : i32 to index
// CHECK:         scf.index_switch %[[chosen]] -> tensor<3xf32>
// CHECK:         case 0 {
// CHECK:         case 1 {
// CHECK:         default {
func.func private @same(%x: tensor<3xf32>) -> tensor<3xf32> {
  func.return %x : tensor<3xf32>
}
func.func private @neg(%x: tensor<3xf32>) -> tensor<3xf32> {
  %0 = dlc.neg %x : tensor<3xf32>
  func.return %0 : tensor<3xf32>
}
func.func @case(%p: tensor<i1>, %k: tensor<i32>, %x: tensor<3xf32>) -> (tensor<3xf32>, tensor<3xf32>) {
  %0 = dlc.case %p [@same, @neg](%x) : (tensor<i1>, tensor<3xf32>) -> tensor<3xf32>
  %1 = dlc.case %k [@same, @neg, @neg](%x) : (tensor<i32>, tensor<3xf32>) -> tensor<3xf32>
  func.return %0, %1 : tensor<3xf32>, tensor<3xf32>
}

// -----

// A sum of half floats is accumulated in f32 and rounded once.
// CHECK-LABEL: func.func @half_sum(
// CHECK:         linalg.fill
// CHECK-SAME:      tensor<f32>
// CHECK:         arith.addf {{.*}} : f32
// CHECK:         arith.truncf {{.*}} : f32 to f16
// CHECK-NOT:     truncf
func.func @half_sum(%x: tensor<4xf16>) -> tensor<f16> {
  %0 = dlc.reduce_sum %x dims [0] : tensor<4xf16> -> tensor<f16>
  func.return %0 : tensor<f16>
}

// -----

// What nothing reads is not computed: no eigenvectors ("N"), and no place for them.
// CHECK-LABEL: func.func @eigenvalues(
// CHECK:         rt.lapack "ssyevd" ["N", "U", 3 : i32
func.func @eigenvalues(%x: tensor<3x3xf32>) -> tensor<3xf32> {
  %w, %v = dlc.eigh %x : tensor<3x3xf32> -> tensor<3xf32>, tensor<3x3xf32>
  func.return %w : tensor<3xf32>
}
