"""Initial parameters: schemes under the names of `torch.nn.init`, and the parameters of whole layers under the layers' names."""

from compiler.nn.init.convolution import conv, conv_transpose

__all__ = ["conv", "conv_transpose"]
