"""Activations: elementwise, and normalised along a dimension."""

import math
from typing import Any, Literal

import numpy as np

from compiler.compiled_functions import compiled
from compiler.errors import ShapeError, at_user_line
from compiler.nn.operands import check_choice, check_dim, constant_for_derivatives, drawn_dtype, floating_tracer
from compiler.random import gumbel
from compiler.special_rules import log_expit
from compiler.tracer import xp
from compiler.tracing import Tracer, array_value, current_frame, new_tracer
from compiler.views import position_along
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

    `logsigmoid` is the same function, under PyTorch's name.

    Args:
        input: any shape, float32 or float64.

    Example:
        >>> log_sigmoid(np.array([-1000.0, 0.0, 1000.0])).round(4)
        array([-1.000e+03, -6.931e-01,  0.000e+00])
    """
    x = floating_tracer(input, "log_sigmoid")
    return log_sigmoid_of(x)


logsigmoid = log_sigmoid


def log_sigmoid_of(x: Tracer) -> Tracer:
    """`log_sigmoid` of a traced array."""
    return new_tracer(log_expit(current_frame().builder, array_value(x)))


def softplus_of(x: Tracer) -> Tracer:
    """`log(1 + exp(x))` of a traced array, without overflow; 0, not -0, where it vanishes."""
    return 0.0 - log_sigmoid_of(-x)


@compiled()
def tanh(input: Any) -> Any:  # noqa: A002
    """The hyperbolic tangent.

    Args:
        input: any shape, float32 or float64.

    Example:
        >>> tanh(np.array([-1000.0, 0.0, 1000.0]))
        array([-1.,  0.,  1.])
    """
    return np.tanh(floating_tracer(input, "tanh"))


@compiled()
def tanhshrink(input: Any) -> Any:  # noqa: A002
    """`input - tanh(input)`.

    Args:
        input: any shape, float32 or float64.

    Example:
        >>> tanhshrink(np.array([-1.0, 0.0, 30.0])).round(4)
        array([-0.2384,  0.    , 29.    ])
    """
    x = floating_tracer(input, "tanhshrink")
    return x - np.tanh(x)


@compiled()
def softsign(input: Any) -> Any:  # noqa: A002
    """`input / (1 + |input|)`.

    Args:
        input: any shape, float32 or float64.

    Example:
        >>> softsign(np.array([-1.0, 0.0, 3.0]))
        array([-0.5 ,  0.  ,  0.75])
    """
    x = floating_tracer(input, "softsign")
    return x / (1.0 + np.abs(x))


@compiled(("beta", "threshold"))
def softplus(input: Any, beta: float = 1.0, threshold: float = 20.0) -> Any:  # noqa: A002
    """`log(1 + exp(beta * input)) / beta`, a smooth `relu`; `input` itself where `beta * input` is above `threshold`.

    Args:
        input: any shape, float32 or float64.
        beta: how sharp the bend is.
        threshold: from where on it is linear. There is no overflow with any threshold.

    Example:
        >>> softplus(np.array([-1000.0, 0.0, 30.0])).round(4)
        array([ 0.    ,  0.6931, 30.    ])
    """
    x = floating_tracer(input, "softplus")
    scaled = x * beta
    return np.where(scaled > threshold, x, softplus_of(scaled) / beta)


@compiled()
def silu(input: Any) -> Any:  # noqa: A002
    """`input * sigmoid(input)` (Elfwing, Uchibe and Doya, arXiv 1702.03118), also called swish.

    Args:
        input: any shape, float32 or float64.

    Example:
        >>> silu(np.array([-1.0, 0.0, 1.0])).round(4)
        array([-0.2689,  0.    ,  0.7311])
    """
    x = floating_tracer(input, "silu")
    return x * sigmoid(x)


@compiled()
def mish(input: Any) -> Any:  # noqa: A002
    """`input * tanh(log(1 + exp(input)))` (Misra, arXiv 1908.08681), without overflow.

    Args:
        input: any shape, float32 or float64.

    Example:
        >>> mish(np.array([-1.0, 0.0, 1.0])).round(4)
        array([-0.3034,  0.    ,  0.8651])
    """
    x = floating_tracer(input, "mish")
    return x * np.tanh(softplus_of(x))


@compiled(("dim",))
def glu(input: Any, dim: int = -1) -> Any:  # noqa: A002
    """Gated linear unit (Dauphin et al., arXiv 1612.08083): `a * sigmoid(b)` of the two halves of `input` along `dim`.

    Args:
        input: at least one dimension, float32 or float64.
        dim: the dimension to halve.

    Raises:
        ShapeError: there is no such dimension, or its size is odd.

    Example:
        >>> glu(np.array([3.0, 8.0, 0.0, 1000.0]))
        array([1.5, 8. ])
    """
    x = floating_tracer(input, "glu")
    check_dim(x, dim, "glu")
    if x.shape[dim] % 2:
        raise ShapeError(at_user_line(f"glu: dimension {dim} of shape {x.shape} is odd; it has to have two halves"))
    values, gates = xp.split(x, 2, axis=dim)
    return values * sigmoid(gates)


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
    check_choice("gelu", "approximate", approximate, ("none", "tanh"))
    if approximate == "tanh":
        return 0.5 * x * (1.0 + np.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * x * x * x)))
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
    exponentials = np.exp(x - largest_along(x, dim))
    return exponentials * (1.0 / np.sum(exponentials, axis=dim, keepdims=True))


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
    shifted = x - largest_along(x, dim)
    return shifted - np.log(np.sum(np.exp(shifted), axis=dim, keepdims=True))


@compiled(("dim",))
def softmin(input: Any, dim: int = -1) -> Any:  # noqa: A002
    """`softmax(-input)` along `dim`.

    Args:
        input: at least one dimension, float32 or float64.
        dim: the dimension that sums to one.

    Example:
        >>> softmin(np.array([0.0, 1000.0]))
        array([1., 0.])
    """
    return softmax(-floating_tracer(input, "softmin"), dim)


@compiled(("tau", "hard", "dim"))
def gumbel_softmax(logits: Any, tau: float = 1.0, hard: bool = False, dim: int = -1, *, rng_key: Any) -> Any:
    """Samples of the Gumbel-softmax distribution (Jang, Gu and Poole, arXiv 1611.01144).

    Args:
        logits: unnormalised log probabilities, at least one dimension, float32 or float64.
        tau: the temperature: the smaller, the nearer samples are to one-hot vectors.
        hard: whether the values are one-hot vectors; derivatives are those of the soft sample.
        dim: the dimension that sums to one.
        rng_key: a key of `compiler.random`.

    Example:
        >>> from compiler import random
        >>> gumbel_softmax(np.array([0.0, 1000.0]), hard=True, rng_key=random.key(0))
        array([0., 1.])
    """
    x = floating_tracer(logits, "gumbel_softmax")
    check_dim(x, dim, "gumbel_softmax")
    sample = softmax((x + gumbel(rng_key, x.shape, drawn_dtype(x)).astype(x.dtype)) / tau, dim)
    if not hard or not x.shape[dim]:
        return sample
    position = np.argmax(sample, axis=dim, keepdims=True)
    one_hot = (position_along(x.shape, dim % x.ndim) == position).astype(x.dtype)
    return one_hot + (sample - constant_for_derivatives(sample))


def largest_along(x: Tracer, dim: int) -> Tracer:
    """The maximum along `dim`, a constant for derivatives: shifting changes no value."""
    return constant_for_derivatives(np.max(x, axis=dim, keepdims=True))
