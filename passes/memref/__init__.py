"""Passes from kernels on memrefs to loops."""
