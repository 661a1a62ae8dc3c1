"""Parameters of layers, with PyTorch's default distributions and names, from explicit keys of `compiler.random`."""

from compiler.nn.init.attention import multi_head_attention

__all__ = ["multi_head_attention"]
