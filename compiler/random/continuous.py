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
    as_float,
    as_shape,
    check_key,
    positive_uniform,
    run,
    signed_tail,
    with_sign,
)
from compiler.random.normal_quantile import upper_quantile
from compiler.tracer import xp


def _sample(sampler: Callable[..., Any], name: str, key: Any, shape: Any, dtype: Any) -> Any:
    check_key(name, key)
    return run(sampler, key, shape=as_shape(name, shape), dtype=as_float(name, dtype))


def normal(key: Any, shape: Any = (), dtype: Any = np.float64) -> Any:
    """Numbers of the standard normal distribution, by its quantile function (Wichura's AS 241), up to 9 (float32: 6) deviations.

    Args:
        key: `uint32[2]`.
        shape: the shape of the result.
        dtype: `float32` or `float64`.

    Raises:
        DtypeError: `dtype` is not floating point.

    Example:
        >>> from compiler import random
        >>> random.normal(random.key(0), (3,)).round(4)
        array([-1.1897, -1.0138,  1.1723])
    """
    return _sample(draw_normal, "normal", key, shape, dtype)


def draw_normal(key: Any, *, shape: Shape, dtype: np.dtype[Any], stream: Any = 0) -> Any:
    """`normal` on a traced key."""
    is_negative, tail = signed_tail(key, shape, dtype, stream=stream)
    return with_sign(is_negative, upper_quantile(tail))


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
        array([0.1245, 0.1689, 2.1153])
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
        array([-0.7635, -0.6217,  2.0513])
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
        array([-1.4519, -1.1679,  1.4222])
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
        array([-2.0207, -1.6927,  1.9868])
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
        array([-2.5968, -1.8815,  2.5156])
    """
    return _sample(_draw_cauchy, "cauchy", key, shape, dtype)


def _draw_cauchy(key: Any, *, shape: Shape, dtype: np.dtype[Any]) -> Any:
    is_negative, tail = signed_tail(key, shape, dtype)
    angle = math.pi * tail
    return with_sign(is_negative, xp.cos(angle) / xp.sin(angle))
