"""What runs: machine code in memory, the BLAS library, the reference interpreter, the CUDA driver."""
