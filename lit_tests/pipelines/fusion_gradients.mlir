// RUN: dlc-opt %s --split-input-file --compile-to=fused | filecheck %s

// The gradient of a layer normalisation is one kernel, which takes the rows of 64 parts, and the sums over these parts.
// CHECK-LABEL: func.func @layer_norm(
// CHECK:         %{{.*}}, %[[W:\w+]], %[[B:\w+]] = rt.kernel "fused_{{\w+}}" tile [64] {{.*}} -> (tensor<64x64x1024xf32>, tensor<64x1024xf32>, tensor<64x1024xf32>)
// CHECK-DAG:     rt.kernel "reduce_sum" tile [1024] ins(%{{\w+}} = %[[W]] : tensor<64x1024xf32>)
// CHECK-DAG:     rt.kernel "reduce_sum" tile [1024] ins(%{{\w+}} = %[[B]] : tensor<64x1024xf32>)
// CHECK-NOT:     rt.kernel
func.func @layer_norm(%x: tensor<4096x1024xf32>, %w: tensor<1024xf32>, %b: tensor<1024xf32>, %dy: tensor<4096x1024xf32>) -> (tensor<4096x1024xf32>, tensor<1024xf32>, tensor<1024xf32>) {
  %0 = dlc.reduce_sum %x dims [1] : tensor<4096x1024xf32> -> tensor<4096xf32>
  %1 = dlc.reshape %0 : tensor<4096xf32> -> tensor<4096x1xf32>
  %2 = dlc.constant dense<0.0009765625> : tensor<4096x1xf32>
  %3 = dlc.mul %1, %2 : tensor<4096x1xf32>
  %4 = dlc.broadcast_in_dim %3 dims [0, 1] : tensor<4096x1xf32> -> tensor<4096x1024xf32>
  %5 = dlc.sub %x, %4 : tensor<4096x1024xf32>
  %6 = dlc.mul %5, %5 : tensor<4096x1024xf32>
  %7 = dlc.reduce_sum %6 dims [1] : tensor<4096x1024xf32> -> tensor<4096xf32>
  %8 = dlc.reshape %7 : tensor<4096xf32> -> tensor<4096x1xf32>
  %9 = dlc.mul %8, %2 : tensor<4096x1xf32>
  %10 = dlc.constant dense<1.000000e-05> : tensor<4096x1xf32>
  %11 = dlc.add %9, %10 : tensor<4096x1xf32>
  %12 = dlc.sqrt %11 : tensor<4096x1xf32>
  %13 = dlc.constant dense<5.000000e-01> : tensor<4096x1xf32>
  %14 = dlc.div %13, %12 : tensor<4096x1xf32>
  %15 = dlc.broadcast_in_dim %12 dims [0, 1] : tensor<4096x1xf32> -> tensor<4096x1024xf32>
  %16 = dlc.div %5, %15 : tensor<4096x1024xf32>
  %17 = dlc.broadcast_in_dim %w dims [1] : tensor<1024xf32> -> tensor<4096x1024xf32>
  %18 = dlc.reduce_sum %dy dims [0] : tensor<4096x1024xf32> -> tensor<1024xf32>
  %19 = dlc.mul %16, %dy : tensor<4096x1024xf32>
  %20 = dlc.mul %dy, %17 : tensor<4096x1024xf32>
  %21 = dlc.reduce_sum %19 dims [0] : tensor<4096x1024xf32> -> tensor<1024xf32>
  %22 = dlc.div %20, %15 : tensor<4096x1024xf32>
  %23 = dlc.neg %22 : tensor<4096x1024xf32>
  %24 = dlc.mul %16, %23 : tensor<4096x1024xf32>
  %25 = dlc.reduce_sum %24 dims [1] : tensor<4096x1024xf32> -> tensor<4096xf32>
  %26 = dlc.broadcast_in_dim %25 dims [0] : tensor<4096xf32> -> tensor<4096x1xf32>
  %27 = dlc.mul %26, %14 : tensor<4096x1xf32>
  %28 = dlc.mul %27, %2 : tensor<4096x1xf32>
  %29 = dlc.reshape %28 : tensor<4096x1xf32> -> tensor<4096xf32>
  %30 = dlc.broadcast_in_dim %29 dims [0] : tensor<4096xf32> -> tensor<4096x1024xf32>
  %31 = dlc.mul %5, %30 : tensor<4096x1024xf32>
  %32 = dlc.add %22, %31 : tensor<4096x1024xf32>
  %33 = dlc.mul %30, %5 : tensor<4096x1024xf32>
  %34 = dlc.add %32, %33 : tensor<4096x1024xf32>
  %35 = dlc.neg %34 : tensor<4096x1024xf32>
  %36 = dlc.reduce_sum %35 dims [1] : tensor<4096x1024xf32> -> tensor<4096xf32>
  %37 = dlc.broadcast_in_dim %36 dims [0] : tensor<4096xf32> -> tensor<4096x1xf32>
  %38 = dlc.mul %37, %2 : tensor<4096x1xf32>
  %39 = dlc.reshape %38 : tensor<4096x1xf32> -> tensor<4096xf32>
  %40 = dlc.broadcast_in_dim %39 dims [0] : tensor<4096xf32> -> tensor<4096x1024xf32>
  %41 = dlc.add %34, %40 : tensor<4096x1024xf32>
  func.return %41, %21, %18 : tensor<4096x1024xf32>, tensor<1024xf32>, tensor<1024xf32>
}

// -----

// The gradient of a batch normalisation: statistics, what is normalised and its cotangent, four sums over both in one kernel, the result.
// CHECK-LABEL: func.func @batch_norm(
// CHECK:         rt.kernel "{{\w+}}" tile [64] {{.*}} : tensor<32x64x1024xf32>) -> (tensor<64xf32>, tensor<64xf32>)
// CHECK:         rt.kernel "{{\w+}}" tile [64] ins(%{{\w+}} = %{{\w+}} : tensor<64xf32>)
// CHECK-COUNT-2: rt.kernel "{{\w+}}" tile [32, 64] {{.*}} -> (tensor<32x64x1024xf32>)
// CHECK:         rt.kernel "{{\w+}}" tile [64] {{.*}} -> (tensor<64xf32>, tensor<64xf32>, tensor<64xf32>, tensor<64xf32>)
// CHECK:         rt.kernel "{{\w+}}" tile [32, 64] {{.*}} -> (tensor<32x64x1024xf32>)
// CHECK-NOT:     rt.kernel
func.func @batch_norm(%x: tensor<32x64x32x32xf32>, %w: tensor<64xf32>, %b: tensor<64xf32>, %dy: tensor<32x64x32x32xf32>) -> (tensor<32x64x32x32xf32>, tensor<64xf32>, tensor<64xf32>) {
  %0 = dlc.reduce_sum %x dims [0, 2, 3] : tensor<32x64x32x32xf32> -> tensor<64xf32>
  %1 = dlc.reshape %0 : tensor<64xf32> -> tensor<1x64x1x1xf32>
  %2 = dlc.constant dense<3.05175781e-05> : tensor<1x64x1x1xf32>
  %3 = dlc.mul %1, %2 : tensor<1x64x1x1xf32>
  %4 = dlc.broadcast_in_dim %3 dims [0, 1, 2, 3] : tensor<1x64x1x1xf32> -> tensor<32x64x32x32xf32>
  %5 = dlc.sub %x, %4 : tensor<32x64x32x32xf32>
  %6 = dlc.mul %5, %5 : tensor<32x64x32x32xf32>
  %7 = dlc.reduce_sum %6 dims [0, 2, 3] : tensor<32x64x32x32xf32> -> tensor<64xf32>
  %8 = dlc.reshape %7 : tensor<64xf32> -> tensor<1x64x1x1xf32>
  %9 = dlc.mul %8, %2 : tensor<1x64x1x1xf32>
  %10 = dlc.constant dense<1.000000e-05> : tensor<1x64x1x1xf32>
  %11 = dlc.add %9, %10 : tensor<1x64x1x1xf32>
  %12 = dlc.sqrt %11 : tensor<1x64x1x1xf32>
  %13 = dlc.constant dense<5.000000e-01> : tensor<1x64x1x1xf32>
  %14 = dlc.div %13, %12 : tensor<1x64x1x1xf32>
  %15 = dlc.broadcast_in_dim %12 dims [0, 1, 2, 3] : tensor<1x64x1x1xf32> -> tensor<32x64x32x32xf32>
  %16 = dlc.div %5, %15 : tensor<32x64x32x32xf32>
  %17 = dlc.broadcast_in_dim %w dims [1] : tensor<64xf32> -> tensor<32x64x32x32xf32>
  %18 = dlc.reduce_sum %dy dims [0, 2, 3] : tensor<32x64x32x32xf32> -> tensor<64xf32>
  %19 = dlc.mul %16, %dy : tensor<32x64x32x32xf32>
  %20 = dlc.mul %dy, %17 : tensor<32x64x32x32xf32>
  %21 = dlc.reduce_sum %19 dims [0, 2, 3] : tensor<32x64x32x32xf32> -> tensor<64xf32>
  %22 = dlc.div %20, %15 : tensor<32x64x32x32xf32>
  %23 = dlc.neg %22 : tensor<32x64x32x32xf32>
  %24 = dlc.mul %16, %23 : tensor<32x64x32x32xf32>
  %25 = dlc.reduce_sum %24 dims [0, 2, 3] : tensor<32x64x32x32xf32> -> tensor<64xf32>
  %26 = dlc.broadcast_in_dim %25 dims [1] : tensor<64xf32> -> tensor<1x64x1x1xf32>
  %27 = dlc.mul %26, %14 : tensor<1x64x1x1xf32>
  %28 = dlc.mul %27, %2 : tensor<1x64x1x1xf32>
  %29 = dlc.reshape %28 : tensor<1x64x1x1xf32> -> tensor<64xf32>
  %30 = dlc.broadcast_in_dim %29 dims [1] : tensor<64xf32> -> tensor<32x64x32x32xf32>
  %31 = dlc.mul %5, %30 : tensor<32x64x32x32xf32>
  %32 = dlc.add %22, %31 : tensor<32x64x32x32xf32>
  %33 = dlc.mul %30, %5 : tensor<32x64x32x32xf32>
  %34 = dlc.add %32, %33 : tensor<32x64x32x32xf32>
  %35 = dlc.neg %34 : tensor<32x64x32x32xf32>
  %36 = dlc.reduce_sum %35 dims [0, 2, 3] : tensor<32x64x32x32xf32> -> tensor<64xf32>
  %37 = dlc.broadcast_in_dim %36 dims [1] : tensor<64xf32> -> tensor<1x64x1x1xf32>
  %38 = dlc.mul %37, %2 : tensor<1x64x1x1xf32>
  %39 = dlc.reshape %38 : tensor<1x64x1x1xf32> -> tensor<64xf32>
  %40 = dlc.broadcast_in_dim %39 dims [1] : tensor<64xf32> -> tensor<32x64x32x32xf32>
  %41 = dlc.add %34, %40 : tensor<32x64x32x32xf32>
  func.return %41, %21, %18 : tensor<32x64x32x32xf32>, tensor<64xf32>, tensor<64xf32>
}

// -----

// The gradient of a cross entropy is one kernel, which adds it up for the bias, too.
// CHECK-LABEL: func.func @cross_entropy(
// CHECK:         rt.kernel "fused_{{\w+}}" tile [64] {{.*}} -> (tensor<64x64x1000xf32>, tensor<64x1000xf32>)
// CHECK:         rt.kernel "reduce_sum" tile [1000]
// CHECK-NOT:     rt.kernel
func.func @cross_entropy(%x: tensor<4096x1000xf32>, %b: tensor<1000xf32>, %t: tensor<4096x1000xf32>) -> (tensor<4096x1000xf32>, tensor<1000xf32>) {
  %0 = dlc.broadcast_in_dim %b dims [1] : tensor<1000xf32> -> tensor<4096x1000xf32>
  %1 = dlc.add %x, %0 : tensor<4096x1000xf32>
  %2 = dlc.reduce_max %1 dims [1] : tensor<4096x1000xf32> -> tensor<4096xf32>
  %3 = dlc.broadcast_in_dim %2 dims [0] : tensor<4096xf32> -> tensor<4096x1000xf32>
  %4 = dlc.compare eq %1, %3 : tensor<4096x1000xf32>
  %5 = dlc.convert %4 : tensor<4096x1000xi1> -> tensor<4096x1000xf32>
  %6 = dlc.reduce_sum %5 dims [1] : tensor<4096x1000xf32> -> tensor<4096xf32>
  %7 = dlc.constant dense<0.000000e+00> : tensor<4096x1000xf32>
  %8 = dlc.sub %1, %3 : tensor<4096x1000xf32>
  %9 = dlc.exp %8 : tensor<4096x1000xf32>
  %10 = dlc.reduce_sum %9 dims [1] : tensor<4096x1000xf32> -> tensor<4096xf32>
  %11 = dlc.constant dense<0.000244140625> : tensor<4096xf32>
  %12 = dlc.constant dense<-0.000244140625> : tensor<4096x1000xf32>
  %13 = dlc.mul %12, %t : tensor<4096x1000xf32>
  %14 = dlc.constant dense<0.000244140625> : tensor<4096x1xf32>
  %15 = dlc.div %11, %10 : tensor<4096xf32>
  %16 = dlc.broadcast_in_dim %15 dims [0] : tensor<4096xf32> -> tensor<4096x1000xf32>
  %17 = dlc.mul %16, %9 : tensor<4096x1000xf32>
  %18 = dlc.neg %17 : tensor<4096x1000xf32>
  %19 = dlc.add %13, %17 : tensor<4096x1000xf32>
  %20 = dlc.reduce_sum %18 dims [1] : tensor<4096x1000xf32> -> tensor<4096xf32>
  %21 = dlc.broadcast_in_dim %20 dims [0] : tensor<4096xf32> -> tensor<4096x1xf32>
  %22 = dlc.add %14, %21 : tensor<4096x1xf32>
  %23 = dlc.reshape %22 : tensor<4096x1xf32> -> tensor<4096xf32>
  %24 = dlc.div %23, %6 : tensor<4096xf32>
  %25 = dlc.broadcast_in_dim %24 dims [0] : tensor<4096xf32> -> tensor<4096x1000xf32>
  %26 = dlc.select %4, %25, %7 : tensor<4096x1000xi1>, tensor<4096x1000xf32>
  %27 = dlc.add %19, %26 : tensor<4096x1000xf32>
  %28 = dlc.reduce_sum %27 dims [0] : tensor<4096x1000xf32> -> tensor<1000xf32>
  func.return %27, %28 : tensor<4096x1000xf32>, tensor<1000xf32>
}

// -----

// So is the gradient of a rectified layer between its two products.
// CHECK-LABEL: func.func @layer(
// CHECK:         rt.gemm
// CHECK:         rt.kernel "fused_{{\w+}}" tile [64] {{.*}} -> (tensor<64x16x1024xf32>, tensor<64x1024xf32>)
// CHECK:         rt.kernel "reduce_sum" tile [1024]
// CHECK-NOT:     rt.kernel
// CHECK:         rt.gemm trans_lhs
// CHECK-NOT:     rt.kernel
func.func @layer(%x: tensor<1024x512xf32>, %w: tensor<512x1024xf32>, %b: tensor<1024xf32>, %dy: tensor<1024x1024xf32>) -> (tensor<512x1024xf32>, tensor<1024xf32>) {
  %0 = dlc.dot_general %x, %w contracting [1] x [0] : tensor<1024x512xf32>, tensor<512x1024xf32> -> tensor<1024x1024xf32>
  %1 = dlc.broadcast_in_dim %b dims [1] : tensor<1024xf32> -> tensor<1024x1024xf32>
  %2 = dlc.add %0, %1 : tensor<1024x1024xf32>
  %3 = dlc.constant dense<0.000000e+00> : tensor<1024x1024xf32>
  %4 = dlc.constant dense<1.000000e+00> : tensor<1024x1024xf32>
  %5 = dlc.constant dense<5.000000e-01> : tensor<1024x1024xf32>
  %6 = dlc.compare lt %2, %3 : tensor<1024x1024xf32>
  %7 = dlc.select %6, %3, %5 : tensor<1024x1024xi1>, tensor<1024x1024xf32>
  %8 = dlc.compare gt %2, %3 : tensor<1024x1024xf32>
  %9 = dlc.select %8, %4, %7 : tensor<1024x1024xi1>, tensor<1024x1024xf32>
  %10 = dlc.mul %dy, %9 : tensor<1024x1024xf32>
  %11 = dlc.reduce_sum %10 dims [0] : tensor<1024x1024xf32> -> tensor<1024xf32>
  %12 = dlc.dot_general %x, %10 contracting [0] x [0] : tensor<1024x512xf32>, tensor<1024x1024xf32> -> tensor<512x1024xf32>
  func.return %12, %11 : tensor<512x1024xf32>, tensor<1024xf32>
}
