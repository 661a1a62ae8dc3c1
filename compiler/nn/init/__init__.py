"""Parameters of layers, with PyTorch's default distributions and names, from explicit keys of `compiler.random`."""

from compiler.nn.init.recurrent import gru, lstm, rnn

__all__ = ["gru", "lstm", "rnn"]
