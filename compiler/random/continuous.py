"""Numbers of continuous distributions that are functions of one uniform number: the quantile of a random probability.

Both tails are exact, because the probability of the tail is drawn, not that of the rest. Location and scale are left to the
caller: `mean + deviation * normal(key, shape)`, which is differentiable in both.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from compiler.random.drawing import (
    Shape,
    apply,
    as_float,
    as_shape,
    check_key,
    common_shape,
    parameter,
    positive_uniform,
    run,
    signed_tail,
    with_sign,
)
from compiler.tracer import xp
from dialects.dlc.special import erfc, erfc_inv


def _sample(sampler: Callable[..., Any], name: str, key: Any, shape: Any, dtype: Any) -> Any:
    check_key(name, key)
    return run(sampler, key, shape=as_shape(name, shape), dtype=as_float(name, dtype))


def normal(key: Any, shape: Any = (), dtype: Any = np.float64) -> Any:
    """Numbers of the standard normal distribution, by its quantile function; up to 9 (float32: 6) deviations.

    Args:
        key: `uint32[2]`.
        shape: the shape of the result.
        dtype: `float32` or `float64`.

    Raises:
        DtypeError: `dtype` is not floating point.

    Example:
        >>> from compiler import random
        >>> random.normal(random.key(0), (3,)).round(4)
        array([-0.3041,  0.3529,  0.4692])
    """
    return _sample(draw_normal, "normal", key, shape, dtype)


def draw_normal(key: Any, *, shape: Shape, dtype: np.dtype[Any], stream: Any = 0) -> Any:
    """`normal` on a traced key."""
    is_negative, tail = signed_tail(key, shape, dtype, stream=stream)
    return with_sign(is_negative, math.sqrt(2.0) * apply(erfc_inv, 2.0 * tail))


def truncated_normal(key: Any, lower: Any, upper: Any, shape: Any = None, dtype: Any = np.float64) -> Any:
    """Numbers of the standard normal distribution between two bounds.

    The quantile of a uniform number between the probabilities of the bounds, on the side where these are small. Where both
    underflow, beyond 38 (float32: 13) deviations, the result is the bound nearer to 0. Differentiable in the bounds.

    Args:
        key: `uint32[2]`.
        lower: the lower bounds, possibly -inf; they broadcast to `shape`.
        upper: the upper bounds, possibly inf; they broadcast to `shape`.
        shape: the shape of the result, that of the bounds together if left out.
        dtype: `float32` or `float64`.

    Raises:
        ShapeError: a bound does not broadcast to `shape`.
        DtypeError: `dtype` is not floating point.

    Example:
        >>> from compiler import random
        >>> random.truncated_normal(random.key(0), 2.0, 3.0, (3,)).round(4)
        array([2.0498, 2.3616, 2.4005])
    """
    check_key("truncated_normal", key)
    sizes = common_shape("truncated_normal", shape, lower, upper)
    return run(_draw_truncated, key, lower, upper, shape=sizes, dtype=as_float("truncated_normal", dtype))


def _draw_truncated(key: Any, lower: Any, upper: Any, *, shape: Shape, dtype: np.dtype[Any]) -> Any:
    low, high = parameter(lower, dtype), parameter(upper, dtype)
    # Mirrored, if need be, so that the smaller of the probabilities is not one less than 1.
    is_mirrored = low > 0.0
    start, end = xp.where(is_mirrored, -high, low), xp.where(is_mirrored, -low, high)
    below_start, below_end = (0.5 * apply(erfc, x * -math.sqrt(0.5)) for x in (start, end))
    below = below_start + positive_uniform(key, shape, dtype) * (below_end - below_start)
    below = xp.minimum(below, 1.0 - float(np.finfo(dtype).epsneg))
    is_normal = below > 0.0
    x = xp.clip(-math.sqrt(2.0) * apply(erfc_inv, xp.where(is_normal, 2.0 * below, 1.0)), start, end)
    return with_sign(is_mirrored, xp.where(is_normal, x, end))


def exponential(key: Any, shape: Any = (), dtype: Any = np.float64) -> Any:
    """Numbers of the exponential distribution of mean 1, whose density is `exp(-x)` for `x >= 0`.

    Args:
        key: `uint32[2]`.
        shape: the shape of the result.
        dtype: `float32` or `float64`.

    Raises:
        DtypeError: `dtype` is not floating point.

    Example:
        >>> from compiler import random
        >>> random.exponential(random.key(0), (3,)).round(4)
        array([0.1272, 1.0159, 1.1412])
    """
    return _sample(draw_exponential, "exponential", key, shape, dtype)


def draw_exponential(key: Any, *, shape: Shape, dtype: np.dtype[Any]) -> Any:
    """`exponential` on a traced key."""
    return -xp.log(positive_uniform(key, shape, dtype))


def gumbel(key: Any, shape: Any = (), dtype: Any = np.float64) -> Any:
    """Numbers of the standard Gumbel distribution, whose distribution function is `exp(-exp(-x))`.

    Args:
        key: `uint32[2]`.
        shape: the shape of the result.
        dtype: `float32` or `float64`.

    Raises:
        DtypeError: `dtype` is not floating point.

    Example:
        >>> from compiler import random
        >>> random.gumbel(random.key(0), (3,)).round(4)
        array([-0.7536,  0.7995,  0.9549])
    """
    return _sample(draw_gumbel, "gumbel", key, shape, dtype)


def draw_gumbel(key: Any, *, shape: Shape, dtype: np.dtype[Any]) -> Any:
    """`gumbel` on a traced key."""
    below_one = 1.0 - float(np.finfo(dtype).epsneg)
    return -xp.log(-xp.log1p(-xp.minimum(positive_uniform(key, shape, dtype), below_one)))


def laplace(key: Any, shape: Any = (), dtype: Any = np.float64) -> Any:
    """Numbers of the Laplace distribution, whose density is `exp(-|x|) / 2`.

    Args:
        key: `uint32[2]`.
        shape: the shape of the result.
        dtype: `float32` or `float64`.

    Raises:
        DtypeError: `dtype` is not floating point.

    Example:
        >>> from compiler import random
        >>> random.laplace(random.key(0), (3,)).round(4)
        array([-0.2731,  0.3227,  0.448 ])
    """
    return _sample(_draw_laplace, "laplace", key, shape, dtype)


def _draw_laplace(key: Any, *, shape: Shape, dtype: np.dtype[Any]) -> Any:
    is_negative, tail = signed_tail(key, shape, dtype)
    return with_sign(is_negative, -xp.log(2.0 * tail))


def logistic(key: Any, shape: Any = (), dtype: Any = np.float64) -> Any:
    """Numbers of the logistic distribution, whose distribution function is `1 / (1 + exp(-x))`.

    Args:
        key: `uint32[2]`.
        shape: the shape of the result.
        dtype: `float32` or `float64`.

    Raises:
        DtypeError: `dtype` is not floating point.

    Example:
        >>> from compiler import random
        >>> random.logistic(random.key(0), (3,)).round(4)
        array([-0.4873,  0.5663,  0.7563])
    """
    return _sample(_draw_logistic, "logistic", key, shape, dtype)


def _draw_logistic(key: Any, *, shape: Shape, dtype: np.dtype[Any]) -> Any:
    is_negative, tail = signed_tail(key, shape, dtype)
    return with_sign(is_negative, xp.log1p(-tail) - xp.log(tail))


def cauchy(key: Any, shape: Any = (), dtype: Any = np.float64) -> Any:
    """Numbers of the Cauchy distribution, whose density is `1 / (pi (1 + x**2))`.

    Args:
        key: `uint32[2]`.
        shape: the shape of the result.
        dtype: `float32` or `float64`.

    Raises:
        DtypeError: `dtype` is not floating point.

    Example:
        >>> from compiler import random
        >>> random.cauchy(random.key(0), (3,)).round(4)
        array([-0.394 ,  0.4626,  0.6371])
    """
    return _sample(_draw_cauchy, "cauchy", key, shape, dtype)


def _draw_cauchy(key: Any, *, shape: Shape, dtype: np.dtype[Any]) -> Any:
    is_negative, tail = signed_tail(key, shape, dtype)
    angle = math.pi * tail
    return with_sign(is_negative, xp.cos(angle) / xp.sin(angle))
