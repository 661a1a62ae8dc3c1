"""What neural networks are made of, as functions of arrays, under PyTorch's names and signatures.

There are no classes: a layer is a function, its parameters are arguments, and a model is a function of a tree of parameters. The
functions work inside of `jit` and the transforms, where they become part of the program, and outside, where each is compiled
for the shapes it is called with. Arrays may be float32 or float64; results have the dtype of the input.
"""

from compiler.nn import init
from compiler.nn.activations import gelu, log_sigmoid, log_softmax, relu, sigmoid, softmax
from compiler.nn.ctc import ctc_loss
from compiler.nn.losses import cross_entropy
from compiler.nn.normalization import layer_norm
from compiler.nn.recurrent import gru, lstm, rnn
from compiler.nn.recurrent_cells import gru_cell, lstm_cell, rnn_relu_cell, rnn_tanh_cell
from compiler.nn.reductions import logsumexp, reduce_window, top_k

__all__ = [
    "cross_entropy",
    "ctc_loss",
    "gelu",
    "gru",
    "gru_cell",
    "init",
    "layer_norm",
    "log_sigmoid",
    "log_softmax",
    "logsumexp",
    "lstm",
    "lstm_cell",
    "reduce_window",
    "relu",
    "rnn",
    "rnn_relu_cell",
    "rnn_tanh_cell",
    "sigmoid",
    "softmax",
    "top_k",
]
