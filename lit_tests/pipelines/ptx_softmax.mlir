// RUN: dlc-opt %s --compile-to=ptx --cuda-arch=sm_90 | filecheck %s
// RUN: dlc-opt %s --target=cuda --compile-to=gpu | dlc-opt --compile-from=gpu --compile-to=ptx --cuda-arch=sm_90 | filecheck %s
// RUN: dlc-opt %s --target=cuda --compile-to=llvm | dlc-opt --compile-from=llvm --compile-to=ptx --cuda-arch=sm_90 | filecheck %s

// Softmax of short rows is one kernel of one thread per row: it reads its rows as constants, and divides and exponentiates exactly.
// CHECK:       .target sm_90
// CHECK:       .visible .entry fused_max_sub_exp_sum_div(
// CHECK:       .maxntid 32, 1, 1
// CHECK:       %tid.x
// CHECK:       setp.gt.u64 %{{.*}}, 63
// CHECK:       ld.global.nc
// CHECK:       max.NaN.f32
// CHECK:       fma.rn.f32
// CHECK:       div.rn.f32
// CHECK:       st.global
// CHECK:       ret;
// CHECK-NOT:   .entry
// CHECK-NOT:   call
func.func @softmax(%x: tensor<64x10xf32>) -> tensor<64x10xf32> {
  %m = dlc.reduce_max %x dims [1] : tensor<64x10xf32> -> tensor<64xf32>
  %mb = dlc.broadcast_in_dim %m dims [0] : tensor<64xf32> -> tensor<64x10xf32>
  %s = dlc.sub %x, %mb : tensor<64x10xf32>
  %e = dlc.exp %s : tensor<64x10xf32>
  %t = dlc.reduce_sum %e dims [1] : tensor<64x10xf32> -> tensor<64xf32>
  %tb = dlc.broadcast_in_dim %t dims [0] : tensor<64xf32> -> tensor<64x10xf32>
  %r = dlc.div %e, %tb : tensor<64x10xf32>
  func.return %r : tensor<64x10xf32>
}
