// RUN: dlc-opt %s -p convert-dlc-to-linalg,select-libraries,fuse-elementwise,form-kernels,collapse-dims,bufferize --split-input-file | filecheck %s

// LAPACK factorizes a temporary where it is, and the kernel after it writes over that: nothing is copied.
// CHECK-LABEL: func.func @temporary(
// CHECK-SAME:    %[[X:\w+]]: memref<5x5xf64>, %[[OUT:\w+]]: memref<5x5xf64>)
// CHECK-NOT:     "memref.copy"
// CHECK:         rt.lapack "dpotrf" {{.*}} outs(%[[OUT]], %{{.*}} : memref<5x5xf64>, memref<i32>)
// CHECK-NOT:     "memref.copy"
// CHECK:         func.return
func.func @temporary(%x: tensor<5x5xf64>) -> tensor<5x5xf64> {
  %0 = dlc.add %x, %x : tensor<5x5xf64>
  %1 = dlc.cholesky %0 : tensor<5x5xf64> -> tensor<5x5xf64>
  func.return %1 : tensor<5x5xf64>
}

// -----

// An argument stays as it is: LAPACK gets a copy.
// CHECK-LABEL: func.func @argument(
// CHECK-SAME:    %[[X:\w+]]: memref<5x5xf64>, %[[OUT:\w+]]: memref<5x5xf64>)
// CHECK:         "memref.copy"(%[[X]], %[[OUT]])
// CHECK:         rt.lapack "dpotrf" {{.*}} outs(%[[OUT]], %{{.*}} : memref<5x5xf64>, memref<i32>)
// CHECK-NOT:     "memref.copy"
func.func @argument(%x: tensor<5x5xf64>) -> tensor<5x5xf64> {
  %0 = dlc.cholesky %x : tensor<5x5xf64> -> tensor<5x5xf64>
  func.return %0 : tensor<5x5xf64>
}

// -----

// A batch is one operation: the loop around the calls is native code.
// CHECK-LABEL: func.func @batch(
// CHECK-COUNT-1: rt.lapack "cpotrf" {{.*}} count 6 strides [50, 1]
// CHECK-NOT:     rt.lapack
func.func @batch(%x: tensor<2x3x5x5x2xf32>) -> tensor<2x3x5x5x2xf32> {
  %0 = dlc.cholesky packed %x : tensor<2x3x5x5x2xf32> -> tensor<2x3x5x5x2xf32>
  func.return %0 : tensor<2x3x5x5x2xf32>
}
