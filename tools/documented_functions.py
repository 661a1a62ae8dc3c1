"""The functions whose programs the documents show."""

from typing import Any

import numpy as np

import compiler
from compiler import nn

VECTOR_BITS = 256
"""The documents show code for this width whatever machine they are made on."""


def distance(x, y):
    """The Euclidean distance of each row of `x` to `y`."""
    return np.sqrt(((x - y) ** 2).sum(axis=1))


def head(x, w, b):
    """The last layer of a classifier: probabilities of the classes."""
    z = x @ w + b
    e = np.exp(z - np.max(z, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)


def slope(x):
    """The derivative of tanh, by reverse mode."""
    return compiler.grad(lambda x: np.tanh(x).sum())(x)


def dense(x, weight, bias):
    """A layer with its activation."""
    return nn.gelu(nn.linear(x, weight, bias))


def downsample(image, weight, bias):
    """A convolution that halves height and width, with its activation."""
    return nn.relu(nn.conv(image, weight, bias, stride=2, padding=1))


def states(x, h, weights):
    """The states of a recurrent net after each step."""
    return nn.gru(x, weights, h)[0]


def filtered(x, response):
    """Signals with their frequencies amplified."""
    return np.fft.irfft(np.fft.rfft(x) * response, 256)


def factor(x):
    """Cholesky factors of covariance matrices."""
    return np.linalg.cholesky(x @ x.mT)


def shares(x, w):
    """Activations as shares of their rows, and the mean of each column."""
    z = np.maximum(x @ w, 0)
    return z / z.sum(axis=1, keepdims=True), z.mean(axis=0)


def _float32(*shape: int) -> Any:
    return np.zeros(shape, np.float32)


ARGUMENTS: dict[Any, tuple[Any, ...]] = {
    distance: (_float32(64, 1024), _float32(1024)),
    head: (_float32(64, 32), _float32(32, 128), _float32(128)),
    slope: (_float32(8),),
    dense: (_float32(64, 256), _float32(512, 256), _float32(512)),
    downsample: (_float32(8, 16, 32, 32), _float32(32, 16, 3, 3), _float32(32)),
    factor: (_float32(10, 32, 256),),
    shares: (_float32(2048, 512), _float32(512, 256)),
    filtered: (_float32(100, 256), _float32(129)),
    states: (
        _float32(100, 8, 16),
        _float32(1, 8, 32),
        {"weight_ih_l0": _float32(96, 16), "weight_hh_l0": _float32(96, 32)},
    ),
}
