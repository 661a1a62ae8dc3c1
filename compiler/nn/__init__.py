"""What neural networks are made of, as functions of arrays, under PyTorch's names and signatures.

There are no classes: a layer is a function, its parameters are arguments, and a model is a function of a tree of parameters. The
functions work inside of `jit` and the transforms, where they become part of the program, and outside, where each is compiled
for the shapes it is called with. Arrays may be float32 or float64; results have the dtype of the input.
"""

from compiler.nn import init
from compiler.nn.activations import gelu, log_sigmoid, log_softmax, relu, sigmoid, softmax
from compiler.nn.attention import cached_attention, scaled_dot_product_attention
from compiler.nn.losses import cross_entropy
from compiler.nn.multi_head import multi_head_attention
from compiler.nn.normalization import layer_norm
from compiler.nn.positions import alibi_bias, alibi_slopes, rotary_embedding, sinusoidal_positions
from compiler.nn.reductions import logsumexp, reduce_window, top_k

__all__ = [
    "alibi_bias",
    "alibi_slopes",
    "cached_attention",
    "cross_entropy",
    "gelu",
    "init",
    "layer_norm",
    "log_sigmoid",
    "log_softmax",
    "logsumexp",
    "multi_head_attention",
    "reduce_window",
    "relu",
    "rotary_embedding",
    "scaled_dot_product_attention",
    "sigmoid",
    "sinusoidal_positions",
    "softmax",
    "top_k",
]
