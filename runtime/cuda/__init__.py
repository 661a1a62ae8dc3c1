"""Programs on NVIDIA GPUs: PTX from LLVM text, kernels on a device, matrix products by cuBLAS."""
