"""Activations with kinks, most of them piecewise linear. NaN stays NaN; derivatives at the kinks are PyTorch's."""

from typing import Any

import numpy as np

from compiler.compiled_functions import compiled
from compiler.errors import ArgumentError, ShapeError, at_user_line
from compiler.nn.operands import check_rng_key, drawn_dtype, floating_tracer, operand_like
from compiler.random import uniform
from compiler.tracer import Tracer, xp

SELU_ALPHA = 1.6732632423543772
SELU_SCALE = 1.0507009873554805
"""With which activations keep mean 0 and variance 1 (Klambauer et al., arXiv 1706.02515)."""


@compiled(("threshold", "value"))
def threshold(input: Any, threshold: float, value: float) -> Any:  # noqa: A002 - PyTorch's name
    """`input` where it is above `threshold`, elsewhere `value`.

    Args:
        input: any shape, float32 or float64.
        threshold: the bound.
        value: what stands for elements that are not above it; there, the derivative is 0.

    Example:
        >>> from compiler import nn
        >>> nn.threshold(np.array([-1.0, 0.0, 2.0]), 0.0, 5.0)
        array([5., 5., 2.])
    """
    x = floating_tracer(input, "threshold")
    return np.where(x <= threshold, value, x)


@compiled(("min_val", "max_val"))
def hardtanh(input: Any, min_val: float = -1.0, max_val: float = 1.0) -> Any:  # noqa: A002
    """`input` clipped to `[min_val, max_val]`; the derivative at the bounds is 0.

    Args:
        input: any shape, float32 or float64.
        min_val: the lower bound.
        max_val: the upper bound.

    Raises:
        ArgumentError: `min_val` is above `max_val`.

    Example:
        >>> hardtanh(np.array([-3.0, 0.5, 3.0]))
        array([-1. ,  0.5,  1. ])
    """
    if min_val > max_val:
        raise ArgumentError(at_user_line(f"hardtanh: min_val is {min_val}, above max_val {max_val}"))
    return _clipped(floating_tracer(input, "hardtanh"), min_val, max_val)


def _clipped(x: Tracer, low: float, high: float) -> Any:
    return np.where(x <= low, low, np.where(x >= high, high, x))


@compiled()
def relu6(input: Any) -> Any:  # noqa: A002
    """`min(max(input, 0), 6)`; the derivative at 0 and 6 is 0.

    Args:
        input: any shape, float32 or float64.

    Example:
        >>> relu6(np.array([-1.0, 2.0, 7.0]))
        array([0., 2., 6.])
    """
    return _clipped(floating_tracer(input, "relu6"), 0.0, 6.0)


@compiled()
def hardsigmoid(input: Any) -> Any:  # noqa: A002
    """`relu6(input + 3) / 6`; the derivative at -3 and 3 is 0.

    Args:
        input: any shape, float32 or float64.

    Example:
        >>> hardsigmoid(np.array([-4.0, 0.0, 4.0]))
        array([0. , 0.5, 1. ])
    """
    x = floating_tracer(input, "hardsigmoid")
    return np.where(x <= -3, 0.0, np.where(x >= 3, 1.0, (x + 3.0) / 6.0))


@compiled()
def hardswish(input: Any) -> Any:  # noqa: A002
    """`input * relu6(input + 3) / 6` (Howard et al., arXiv 1905.02244).

    Args:
        input: any shape, float32 or float64.

    Example:
        >>> hardswish(np.array([-4.0, 1.5, 4.0]))
        array([0.   , 1.125, 4.   ])
    """
    x = floating_tracer(input, "hardswish")
    inner = np.where(np.abs(x) >= 3, 0.0, x)
    return np.where(x <= -3, 0.0, np.where(x >= 3, x, inner * (inner + 3.0) / 6.0))


@compiled(("alpha",))
def elu(input: Any, alpha: float = 1.0) -> Any:  # noqa: A002
    """`input` where it is positive, elsewhere `alpha * (exp(input) - 1)` (Clevert et al., arXiv 1511.07289).

    Args:
        input: any shape, float32 or float64.
        alpha: what negative numbers saturate at, negated; the derivative at 0.

    Example:
        >>> elu(np.array([-1000.0, 0.0, 2.0]))
        array([-1.,  0.,  2.])
    """
    return _exponential_unit(floating_tracer(input, "elu"), alpha)


def _exponential_unit(x: Tracer, alpha: float, rate: float = 1.0) -> Any:
    is_positive = x > 0
    # The exponential of large numbers is kept out: infinity times a derivative of zero is NaN.
    return np.where(is_positive, x, alpha * np.expm1(np.where(is_positive, 0.0, x) * rate))


@compiled()
def selu(input: Any) -> Any:  # noqa: A002
    """`scale * elu(input, alpha)` with the constants that keep mean and variance (Klambauer et al., arXiv 1706.02515).

    Args:
        input: any shape, float32 or float64.

    Example:
        >>> selu(np.array([-1.0, 0.0, 1.0])).round(4)
        array([-1.1113,  0.    ,  1.0507])
    """
    return SELU_SCALE * _exponential_unit(floating_tracer(input, "selu"), SELU_ALPHA)


@compiled(("alpha",))
def celu(input: Any, alpha: float = 1.0) -> Any:  # noqa: A002
    """`input` where it is positive, elsewhere `alpha * (exp(input / alpha) - 1)` (Barron, arXiv 1704.07483).

    Args:
        input: any shape, float32 or float64.
        alpha: what negative numbers saturate at, negated; not 0. The derivative at 0 is 1.

    Example:
        >>> celu(np.array([-1000.0, 0.0, 2.0]), alpha=0.5)
        array([-0.5,  0. ,  2. ])
    """
    if alpha == 0:
        raise ArgumentError(at_user_line("celu: alpha is 0; use relu"))
    return _exponential_unit(floating_tracer(input, "celu"), alpha, 1.0 / alpha)


@compiled(("negative_slope",))
def leaky_relu(input: Any, negative_slope: float = 0.01) -> Any:  # noqa: A002
    """`input` where it is positive, elsewhere `negative_slope * input`; the derivative at 0 is `negative_slope`.

    Args:
        input: any shape, float32 or float64.
        negative_slope: the slope for negative numbers.

    Example:
        >>> leaky_relu(np.array([-1.0, 0.0, 2.0]))
        array([-0.01,  0.  ,  2.  ])
    """
    x = floating_tracer(input, "leaky_relu")
    return np.where(x > 0, x, x * negative_slope)


@compiled()
def prelu(input: Any, weight: Any) -> Any:  # noqa: A002
    """`leaky_relu` with slopes that are parameters (He et al., arXiv 1502.01852).

    Args:
        input: shape `[batch, channels, …]`, or any shape for one slope; float32 or float64.
        weight: the slope for negative numbers: a scalar, shape `[1]`, or shape `[channels]`.

    Raises:
        ShapeError: there is not one slope, nor one for each channel.

    Example:
        >>> prelu(np.array([[-1.0, -1.0, 2.0]]), np.array([0.5, 0.25, 0.0]))
        array([[-0.5 , -0.25,  2.  ]])
    """
    x = floating_tracer(input, "prelu")
    slopes = operand_like(weight, x)
    channels = x.shape[1] if x.ndim > 1 else 1
    if slopes.ndim > 1 or slopes.size not in {1, channels}:
        raise ShapeError(
            at_user_line(f"prelu: weight has shape {slopes.shape}, expected (1,) or ({channels},) for input {x.shape}")
        )
    slopes = slopes.reshape(() if slopes.size == 1 else (-1, *(1,) * (x.ndim - 2)))
    return np.where(x > 0, x, x * slopes)


@compiled(("lower", "upper", "training"))
def rrelu(
    input: Any,  # noqa: A002
    lower: float = 1.0 / 8,
    upper: float = 1.0 / 3,
    training: bool = False,
    *,
    rng_key: Any = None,
) -> Any:
    """`leaky_relu` with random slopes (Xu et al., arXiv 1505.00853).

    Args:
        input: any shape, float32 or float64.
        lower: the least slope for negative numbers.
        upper: the greatest.
        training: whether each element has a uniformly random slope; otherwise all have the mean.
        rng_key: a key of `compiler.random`, needed for training.

    Raises:
        ArgumentError: `lower` is above `upper`, or a key is missing.

    Example:
        >>> rrelu(np.array([-1.0, 0.0, 2.0]), 0.25, 0.75)
        array([-0.5,  0. ,  2. ])
    """
    x = floating_tracer(input, "rrelu")
    if lower > upper:
        raise ArgumentError(at_user_line(f"rrelu: lower is {lower}, above upper {upper}"))
    if not training:
        return np.where(x > 0, x, x * ((lower + upper) / 2))
    check_rng_key("rrelu", rng_key)
    slopes: Any = uniform(rng_key, x.shape, drawn_dtype(x), lower, upper).astype(x.dtype)
    return np.where(x > 0, x, x * slopes)


@compiled(("lambd",))
def hardshrink(input: Any, lambd: float = 0.5) -> Any:  # noqa: A002
    """`input` where it is outside of `[-lambd, lambd]`, elsewhere 0.

    Args:
        input: any shape, float32 or float64.
        lambd: the bound.

    Example:
        >>> hardshrink(np.array([-1.0, 0.5, 1.0]))
        array([-1.,  0.,  1.])
    """
    x = floating_tracer(input, "hardshrink")
    return np.where((x >= -lambd) & (x <= lambd), 0.0, x)


@compiled(("lambd",))
def softshrink(input: Any, lambd: float = 0.5) -> Any:  # noqa: A002
    """`input` moved towards 0 by `lambd`, and 0 within `[-lambd, lambd]`.

    Args:
        input: any shape, float32 or float64.
        lambd: the bound, not negative.

    Raises:
        ArgumentError: `lambd` is negative.

    Example:
        >>> softshrink(np.array([-1.0, 0.5, 2.0]))
        array([-0.5,  0. ,  1.5])
    """
    if lambd < 0:
        raise ArgumentError(at_user_line(f"softshrink: lambd is {lambd}; use a number that is not negative"))
    x = floating_tracer(input, "softshrink")
    return np.where((x >= -lambd) & (x <= lambd), 0.0, xp.where(x > 0, x - lambd, x + lambd))
