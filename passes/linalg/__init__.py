"""Passes from structured operations on tensors to kernels on memrefs."""
