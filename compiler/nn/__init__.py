"""What neural networks are made of, as functions of arrays, under PyTorch's names and signatures.

There are no classes: a layer is a function, its parameters are arguments, and a model is a function of a tree of parameters. The
functions work inside of `jit` and the transforms, where they become part of the program, and outside, where each is compiled
for the shapes it is called with. Arrays may be float32 or float64; results have the dtype of the input.
"""

from compiler.nn.activations import gelu, log_sigmoid, log_softmax, relu, sigmoid, softmax
from compiler.nn.adaptive_pooling import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_avg_pool3d,
    adaptive_max_pool1d,
    adaptive_max_pool2d,
    adaptive_max_pool3d,
)
from compiler.nn.fractional_pooling import fractional_max_pool2d, fractional_max_pool3d
from compiler.nn.grid_sampling import affine_grid, grid_sample
from compiler.nn.losses import cross_entropy
from compiler.nn.normalization import layer_norm
from compiler.nn.pooling import (
    avg_pool1d,
    avg_pool2d,
    avg_pool3d,
    lp_pool1d,
    lp_pool2d,
    lp_pool3d,
    max_pool1d,
    max_pool2d,
    max_pool3d,
)
from compiler.nn.rearrangement import channel_shuffle, pad, pixel_shuffle, pixel_unshuffle
from compiler.nn.reductions import logsumexp, reduce_window, top_k
from compiler.nn.resampling import interpolate
from compiler.nn.unpooling import max_unpool1d, max_unpool2d, max_unpool3d

__all__ = [
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
    "adaptive_max_pool1d",
    "adaptive_max_pool2d",
    "adaptive_max_pool3d",
    "affine_grid",
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "channel_shuffle",
    "cross_entropy",
    "fractional_max_pool2d",
    "fractional_max_pool3d",
    "gelu",
    "grid_sample",
    "interpolate",
    "layer_norm",
    "log_sigmoid",
    "log_softmax",
    "logsumexp",
    "lp_pool1d",
    "lp_pool2d",
    "lp_pool3d",
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
    "max_unpool1d",
    "max_unpool2d",
    "max_unpool3d",
    "pad",
    "pixel_shuffle",
    "pixel_unshuffle",
    "reduce_window",
    "relu",
    "sigmoid",
    "softmax",
    "top_k",
]
