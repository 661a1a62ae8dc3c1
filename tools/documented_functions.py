"""The functions whose programs the documents show."""

from typing import Any

import numpy as np

import compiler

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


ARGUMENTS: dict[Any, tuple[Any, ...]] = {
    distance: (np.zeros((64, 1024), np.float32), np.zeros(1024, np.float32)),
    head: (np.zeros((64, 32), np.float32), np.zeros((32, 128), np.float32), np.zeros(128, np.float32)),
    slope: (np.zeros(8, np.float32),),
}
