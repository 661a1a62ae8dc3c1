"""What neural networks are made of, as functions of arrays, under PyTorch's names and signatures.

There are no classes: a layer is a function, its parameters are arguments, and a model is a function of a tree of parameters. The
functions work inside of `jit` and the transforms, where they become part of the program, and outside, where each is compiled
for the shapes it is called with. Arrays may be float32 or float64; results have the dtype of the input.
"""

from compiler.nn import init
from compiler.nn.activations import gelu, log_sigmoid, log_softmax, relu, sigmoid, softmax
from compiler.nn.convolution import (
    conv,
    conv1d,
    conv2d,
    conv3d,
    conv_transpose,
    conv_transpose1d,
    conv_transpose2d,
    conv_transpose3d,
)
from compiler.nn.losses import cross_entropy
from compiler.nn.normalization import layer_norm
from compiler.nn.reductions import logsumexp, reduce_window, top_k
from compiler.nn.unfolding import fold, unfold

__all__ = [
    "conv",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "cross_entropy",
    "fold",
    "gelu",
    "init",
    "layer_norm",
    "log_sigmoid",
    "log_softmax",
    "logsumexp",
    "reduce_window",
    "relu",
    "sigmoid",
    "softmax",
    "top_k",
    "unfold",
]
