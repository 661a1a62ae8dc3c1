"""What programs are written with, so that one program serves NumPy, dlc, JAX and PyTorch."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import layers
import numpy as np

import compiler


@dataclass(frozen=True)
class Toolkit:
    """A library's arrays (`np`), functions of statistics (`special`), layers (`nn`) and loops."""

    np: Any
    special: Any
    nn: Any
    fori_loop: Callable[..., Any]
    scan: Callable[..., Any]


def python_fori_loop(lower, upper, body, carry):
    """`fori_loop`, in Python."""
    for i in range(lower, upper):
        carry = body(i, carry)
    return carry


def python_scan(f, carry, xs, length):
    """`scan` of no arrays, in Python."""
    del xs
    for _ in range(length):
        carry, _ = f(carry, None)
    return carry, None


def numpy_toolkit() -> Toolkit:
    """NumPy and SciPy."""
    from scipy import special

    return Toolkit(np, special, layers.NumpyLayers(), python_fori_loop, python_scan)


def dlc_toolkit() -> Toolkit:
    """NumPy code, compiled."""
    functions = layers.FunctionalLayers(compiler.nn, lambda x, w: compiler.nn.lstm(x, w)[0])
    return Toolkit(np, compiler.special, functions, compiler.fori_loop, compiler.scan)


def jax_toolkit() -> Toolkit:
    """JAX."""
    import jax

    return Toolkit(jax.numpy, jax.scipy.special, layers.JaxLayers(), jax.lax.fori_loop, jax.lax.scan)


def torch_toolkit() -> Toolkit:
    """PyTorch."""
    import torch

    def lstm(x, weights):
        zeros = torch.zeros(1, x.shape[1], weights["weight_hh_l0"].shape[1])
        parameters = layers.lstm_weights(weights)
        return torch.lstm(x, (zeros, zeros), parameters, True, 1, 0.0, torch.is_grad_enabled(), False, False)[0]

    functions = layers.FunctionalLayers(torch.nn.functional, lstm)
    return Toolkit(torch, torch.special, functions, python_fori_loop, python_scan)
