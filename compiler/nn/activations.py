"""Activations: elementwise, and normalised along a dimension."""

import math
from typing import Any, Literal

import numpy as np

from compiler.compiled_functions import compiled
from compiler.errors import ArgumentError, at_user_line
from compiler.nn.operands import check_dim, constant_for_derivatives, floating_tracer
from compiler.special_rules import log_expit
from compiler.tracing import Tracer, array_value, current_frame, new_tracer
from dialects.dlc import unary


@compiled()
def relu(input: Any) -> Any:  # noqa: A002 - PyTorch's name
    """`max(input, 0)`; NaN stays NaN; the derivative at 0 is 0.

    Args:
        input: any shape, float32 or float64.

    Example:
        >>> relu(np.array([-1.0, 0.0, 2.0]))
        array([0., 0., 2.])
    """
    x = floating_tracer(input, "relu")
    return np.where(x <= 0, np.zeros_like(x), x)


@compiled()
def sigmoid(input: Any) -> Any:  # noqa: A002
    """`1 / (1 + exp(-input))`.

    Args:
        input: any shape, float32 or float64.

    Example:
        >>> sigmoid(np.array([-1000.0, 0.0, 1000.0]))
        array([0. , 0.5, 1. ])
    """
    x = floating_tracer(input, "sigmoid")
    return new_tracer(unary.logistic(current_frame().builder, array_value(x)))


@compiled()
def log_sigmoid(input: Any) -> Any:  # noqa: A002
    """`log(sigmoid(input))` as `min(input, 0) - log(1 + exp(-|input|))`, without overflow or cancellation.

    Args:
        input: any shape, float32 or float64.

    Example:
        >>> log_sigmoid(np.array([-1000.0, 0.0, 1000.0])).round(4)
        array([-1.000e+03, -6.931e-01,  0.000e+00])
    """
    x = floating_tracer(input, "log_sigmoid")
    return new_tracer(log_expit(current_frame().builder, array_value(x)))


@compiled(("approximate",))
def gelu(input: Any, approximate: Literal["none", "tanh"] = "none") -> Any:  # noqa: A002
    """Gaussian error linear unit (Hendrycks and Gimpel, arXiv 1606.08415).

    Args:
        input: any shape, float32 or float64.
        approximate: `"none"` is `x * (1 + erf(x / sqrt(2))) / 2`; `"tanh"` is
            `x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x**3))) / 2`.

    Example:
        >>> gelu(np.array([-1.0, 0.0, 1.0])).round(4)
        array([-0.1587,  0.    ,  0.8413])
    """
    x = floating_tracer(input, "gelu")
    if approximate == "tanh":
        return 0.5 * x * (1.0 + np.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * x * x * x)))
    if approximate != "none":
        raise ArgumentError(at_user_line(f"gelu: approximate is {approximate!r}; use 'none' or 'tanh'"))
    error = new_tracer(unary.erf(current_frame().builder, array_value(x * math.sqrt(0.5))))
    return 0.5 * x * (1.0 + error)


@compiled(("dim",))
def softmax(input: Any, dim: int = -1) -> Any:  # noqa: A002
    """`exp(input) / sum(exp(input))` along `dim`, computed without overflow.

    Args:
        input: at least one dimension, float32 or float64.
        dim: the dimension that sums to one.

    Example:
        >>> softmax(np.array([[1.0, 1.0], [0.0, 1000.0]]))
        array([[0.5, 0.5],
               [0. , 1. ]])
    """
    x = floating_tracer(input, "softmax")
    check_dim(x, dim, "softmax")
    if not x.shape[dim]:
        return x
    exponentials = np.exp(x - _maximum(x, dim))
    return exponentials / np.sum(exponentials, axis=dim, keepdims=True)


@compiled(("dim",))
def log_softmax(input: Any, dim: int = -1) -> Any:  # noqa: A002
    """`log(softmax(input))` along `dim`, computed without overflow or cancellation.

    Args:
        input: at least one dimension, float32 or float64.
        dim: the dimension that is normalised.

    Example:
        >>> log_softmax(np.array([0.0, 1000.0]))
        array([-1000.,     0.])
    """
    x = floating_tracer(input, "log_softmax")
    check_dim(x, dim, "log_softmax")
    if not x.shape[dim]:
        return x
    shifted = x - _maximum(x, dim)
    return shifted - np.log(np.sum(np.exp(shifted), axis=dim, keepdims=True))


def _maximum(x: Tracer, dim: int) -> Tracer:
    """The maximum along `dim`, a constant for derivatives: shifting changes no value."""
    return constant_for_derivatives(np.max(x, axis=dim, keepdims=True))
