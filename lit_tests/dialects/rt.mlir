// RUN: dlc-opt %s --split-input-file --verify-diagnostics | filecheck %s

// CHECK-LABEL: func.func @row(
func.func @row(%x: memref<9x4xf32>, %i: index) {
  // CHECK: rt.row %x[%i] : memref<9x4xf32> -> memref<4xf32>
  %0 = rt.row %x[%i] : memref<9x4xf32> -> memref<4xf32>
  func.return
}

// -----

func.func @wrong(%x: memref<9x4xf32>, %i: index) {
  // expected-error@+1 {{rt.row: a row of memref<9x4xf32> is no memref<9xf32>; leave out the first dimension}}
  %0 = rt.row %x[%i] : memref<9x4xf32> -> memref<9xf32>
  func.return
}

// -----

// Four points in one step; the table has one number that each has.
// CHECK-LABEL: func.func @fft(
func.func @fft(%x: tensor<3x4x2x2xf64>, %roots: tensor<2xf64>, %memory: memref<3x4x2x2xf64>, %table: memref<2xf64>, %out: memref<3x4x2x2xf64>) {
  // CHECK: rt.fft "complex" inverse %x, %roots radices [4] scale 2.500000e-01 parts 1 : tensor<3x4x2x2xf64>, tensor<2xf64> -> tensor<3x4x2x2xf64>
  %0 = rt.fft "complex" inverse %x, %roots radices [4] scale 0.25 parts 1 : tensor<3x4x2x2xf64>, tensor<2xf64> -> tensor<3x4x2x2xf64>
  // CHECK: rt.fft "complex" %memory, %table into %out radices [4] scale 1.000000e+00 parts 2 : memref<3x4x2x2xf64>, memref<2xf64> into memref<3x4x2x2xf64>
  rt.fft "complex" %memory, %table into %out radices [4] scale 1.0 parts 2 : memref<3x4x2x2xf64>, memref<2xf64> into memref<3x4x2x2xf64>
  func.return
}

// -----

func.func @fft_of_other_points(%x: tensor<3x5x1x2xf64>, %roots: tensor<2xf64>) {
  // expected-error@+1 {{rt.fft: takes shape (3, 5, 1, 2) to (3, 5, 1, 2), expected (3, 4, 1, 2) to (3, 4, 1, 2), in equal parts}}
  %0 = rt.fft "complex" %x, %roots radices [4] scale 1.0 parts 1 : tensor<3x5x1x2xf64>, tensor<2xf64> -> tensor<3x5x1x2xf64>
  func.return
}

// -----

func.func @fft_of_unknown_kind(%x: tensor<3x4x1x2xf64>, %roots: tensor<2xf64>) {
  // expected-error@+1 {{rt.fft: kind is "sine", expected one of complex, real, inverse_real}}
  %0 = rt.fft "sine" %x, %roots radices [4] scale 1.0 parts 1 : tensor<3x4x1x2xf64>, tensor<2xf64> -> tensor<3x4x1x2xf64>
  func.return
}

// -----

func.func @fft_without_steps(%x: tensor<3x1x1x2xf64>, %roots: tensor<2xf64>) {
  // expected-error@+1 {{rt.fft: the operand has shape (3, 1, 1, 2) and the radices are (), expected four dimensions and some radices}}
  %0 = rt.fft "complex" %x, %roots radices [] scale 1.0 parts 1 : tensor<3x1x1x2xf64>, tensor<2xf64> -> tensor<3x1x1x2xf64>
  func.return
}

// -----

func.func @fft_with_other_scratch(%x: tensor<3x4x1x2xf64>, %roots: tensor<4xf64>) {
  // expected-error@+1 {{rt.fft: scratch has shape (5,), expected (3, 8)}}
  %0, %1 = rt.fft "complex" %x, %roots radices [2, 2] scale 1.0 parts 1 : tensor<3x4x1x2xf64>, tensor<4xf64> -> tensor<3x4x1x2xf64>, tensor<5xf64>
  func.return
}

// -----

func.func @fft_with_other_roots(%x: tensor<3x4x1x2xf64>, %roots: tensor<5xf64>) {
  // expected-error@+1 {{rt.fft: roots have type tensor<5xf64>, expected 6 numbers}}
  %0 = rt.fft "complex" %x, %roots radices [2, 2] scale 1.0 parts 1 : tensor<3x4x1x2xf64>, tensor<5xf64> -> tensor<3x4x1x2xf64>
  func.return
}

// -----

// CHECK-LABEL: func.func @sort_rows(
func.func @sort_rows(%keys: tensor<3x4xi64>, %places: tensor<3x4xi64>, %memory: memref<3x4xi16>) {
  // CHECK: rt.sort_rows %keys, %places : tensor<3x4xi64>, tensor<3x4xi64> -> tensor<3x4xi64>, tensor<3x4xi64>
  %0, %1 = rt.sort_rows %keys, %places : tensor<3x4xi64>, tensor<3x4xi64> -> tensor<3x4xi64>, tensor<3x4xi64>
  // CHECK: rt.sort_rows bitonic %memory : memref<3x4xi16> into(%memory : memref<3x4xi16>)
  rt.sort_rows bitonic %memory : memref<3x4xi16> into (%memory : memref<3x4xi16>)
  // CHECK: rt.merge_rows group 2 parts 4 %memory : memref<3x4xi16> into(%memory : memref<3x4xi16>)
  rt.merge_rows group 2 parts 4 %memory : memref<3x4xi16> into (%memory : memref<3x4xi16>)
  func.return
}

// -----

func.func @sort_of_floats(%keys: tensor<3x4xf32>) {
  // expected-error@+1 {{rt.sort_rows: a column is of f32, expected integers of 16, 32, 64 bits}}
  %0 = rt.sort_rows %keys : tensor<3x4xf32> -> tensor<3x4xf32>
  func.return
}

// -----

func.func @sort_of_columns_that_differ(%keys: tensor<3x4xi32>, %places: tensor<3x5xi32>) {
  // expected-error@+1 {{rt.sort_rows: columns have types tensor<3x4xi32>, tensor<3x5xi32>, expected one shape [rows, size]}}
  %0, %1 = rt.sort_rows %keys, %places : tensor<3x4xi32>, tensor<3x5xi32> -> tensor<3x4xi32>, tensor<3x5xi32>
  func.return
}

// -----

func.func @sort_with_other_results(%keys: tensor<3x4xi32>) {
  // expected-error@+1 {{rt.sort_rows: results have types tensor<3x5xi32>, expected tensor<3x4xi32>}}
  %0 = rt.sort_rows %keys : tensor<3x4xi32> -> tensor<3x5xi32>
  func.return
}

// -----

func.func @sort_of_bitonic_rows(%keys: tensor<2x3xi32>) {
  // expected-error@+1 {{rt.sort_rows: bitonic rows have 3 elements, expected a power of two}}
  %0 = rt.sort_rows bitonic %keys : tensor<2x3xi32> -> tensor<2x3xi32>
  func.return
}

// -----

func.func @merge_of_three(%keys: tensor<3x4xi32>) {
  // expected-error@+1 {{rt.merge_rows: groups of 3 rows, and 4 parts of 4 elements; expected a power of two of rows, and whole parts}}
  %0 = rt.merge_rows group 3 parts 4 %keys : tensor<3x4xi32> -> tensor<3x4xi32>
  func.return
}

// -----

// CHECK-LABEL: func.func @lapack(
func.func @lapack(%x: tensor<2x3x3xf64>, %a: memref<3x3xf64>, %b: memref<3x4xf64>) {
  // CHECK: rt.lapack "dpotrf" ["U", 3 : i32, 0 : index, 3 : i32, 1 : index] count 2 strides [9, 1] inits(%x : tensor<2x3x3xf64>) -> tensor<2x3x3xf64>, tensor<2xi32>
  %0, %1 = rt.lapack "dpotrf" ["U", 3 : i32, 0 : index, 3 : i32, 1 : index] count 2 strides [9, 1] inits(%x : tensor<2x3x3xf64>) -> tensor<2x3x3xf64>, tensor<2xi32>
  // CHECK: rt.lapack "dtrsm" {{.*}} array<f64: 1.000000e+00>, 0 : index, {{.*}} ins(%a : memref<3x3xf64>) outs(%b : memref<3x4xf64>)
  rt.lapack "dtrsm" ["R", "U", "N", "N", 4 : i32, 3 : i32, array<f64: 1.0>, 0 : index, 3 : i32, 1 : index, 4 : i32] count 1 strides [9, 12] ins(%a : memref<3x3xf64>) outs(%b : memref<3x4xf64>)
  func.return
}

// -----

func.func @lapack_without_results(%x: tensor<3x3xf64>) {
  // expected-error@+1 {{rt.lapack: needs either outs memrefs or tensor results}}
  rt.lapack "dpotrf" ["U", 3 : i32, 0 : index, 3 : i32] count 1 strides [9] ins(%x : tensor<3x3xf64>)
  func.return
}

// -----

func.func @lapack_forgets_an_array(%x: tensor<3x3xf64>) {
  // expected-error@+1 {{rt.lapack: the arguments name the arrays [0], expected each of 2 once}}
  %0, %1 = rt.lapack "dpotrf" ["U", 3 : i32, 0 : index, 3 : i32] count 1 strides [9, 1] inits(%x : tensor<3x3xf64>) -> tensor<3x3xf64>, tensor<i32>
  func.return
}

// -----

func.func @lapack_leaves_an_array(%x: tensor<2x3x3xf64>) {
  // expected-error@+1 {{rt.lapack: tensor<2x3x3xf64> is too short for 3 calls with stride 9}}
  %0, %1 = rt.lapack "dpotrf" ["U", 3 : i32, 0 : index, 3 : i32, 1 : index] count 3 strides [9, 1] inits(%x : tensor<2x3x3xf64>) -> tensor<2x3x3xf64>, tensor<3xi32>
  func.return
}

// -----

func.func @lapack_changes_a_type(%x: tensor<3x3xf64>) {
  // expected-error@+1 {{rt.lapack: the types of inits are not those of the first results}}
  %0, %1 = rt.lapack "dpotrf" ["U", 3 : i32, 0 : index, 3 : i32, 1 : index] count 1 strides [9, 1] inits(%x : tensor<3x3xf64>) -> tensor<9xf64>, tensor<i32>
  func.return
}

// -----

// CHECK-LABEL: func.func @parts(
func.func @parts(%a: memref<64x64xf32>, %b: memref<64x64xf32>) {
  // CHECK: rt.launch @k over [4096] grain 1024({{.*}}) : memref<64x64xf32>
  rt.launch @k over [4096] grain 1024 (%a) : memref<64x64xf32>
  // CHECK: rt.gemm %a, %a into %b blocks [1, 32, 64] : memref<64x64xf32>, memref<64x64xf32> into memref<64x64xf32>
  rt.gemm %a, %a into %b blocks [1, 32, 64] : memref<64x64xf32>, memref<64x64xf32> into memref<64x64xf32>
  func.return
}

// -----

func.func @no_points(%a: memref<64x64xf32>) {
  // expected-error@+1 {{rt.launch: grain is 0, expected at least 1}}
  rt.launch @k over [4096] grain 0 (%a) : memref<64x64xf32>
  func.return
}

// -----

func.func @blocks_of_several(%a: memref<8x64x64xf32>, %b: memref<8x64x64xf32>) {
  // expected-error@+1 {{rt.gemm: blocks [2, 32, 64] are not blocks of [8, 64, 64], or of parts of several matrices}}
  rt.gemm %a, %a into %b blocks [2, 32, 64] : memref<8x64x64xf32>, memref<8x64x64xf32> into memref<8x64x64xf32>
  func.return
}

// -----

// CHECK-LABEL: func.func @prefetch(
// CHECK-SAME:    %[[X:\w+]]: memref<3x4xf32>, %[[I:\w+]]: index)
func.func @prefetch(%x: memref<3x4xf32>, %i: index) {
  // CHECK: rt.prefetch %[[X]][%[[I]], %[[I]]] : memref<3x4xf32>
  rt.prefetch %x[%i, %i] : memref<3x4xf32>
  func.return
}

// -----

func.func @prefetch_with_too_few_indices(%x: memref<3x4xf32>, %i: index) {
  // expected-error@+1 {{rt.prefetch: 1 indices into memref<3x4xf32>; give 2}}
  rt.prefetch %x[%i] : memref<3x4xf32>
  func.return
}
