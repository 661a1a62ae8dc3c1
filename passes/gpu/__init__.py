"""Passes on kernels for the GPU."""
