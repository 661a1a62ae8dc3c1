// REQUIRES: ptxas
// RUN: dlc-opt %s --compile-to=ptx --cuda-arch=sm_80 -o %t.80.ptx
// RUN: ptxas -arch=sm_80 %t.80.ptx -o %t.80.cubin
// RUN: dlc-opt %s --compile-to=ptx --cuda-arch=sm_90 -o %t.90.ptx
// RUN: ptxas -arch=sm_90 %t.90.ptx -o %t.90.cubin

// NVIDIA's assembler takes elementary functions in f64, whose code has everything from fma to integer shifts.
func.func @functions(%x: tensor<7x5xf64>, %y: tensor<7x5xf64>) -> tensor<7x5xf64> {
  %a = dlc.exp %x : tensor<7x5xf64>
  %b = dlc.log %a : tensor<7x5xf64>
  %c = dlc.tanh %b : tensor<7x5xf64>
  %d = dlc.sin %c : tensor<7x5xf64>
  %e = dlc.pow %a, %d : tensor<7x5xf64>
  func.return %e : tensor<7x5xf64>
}
