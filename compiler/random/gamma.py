"""The gamma distribution and those made of it: Marsaglia and Tsang's method, and derivatives in the shape parameter."""

from typing import Any

import numpy as np

from compiler.custom_derivatives import custom_jvp
from compiler.errors import ShapeError, at_user_line
from compiler.loops import while_loop
from compiler.random.continuous import draw_normal
from compiler.random.drawing import (
    Shape,
    apply,
    as_float,
    check_key,
    common_shape,
    parameter,
    positive_uniform,
    run,
    shape_of,
)
from compiler.random.keys import split
from compiler.random.rejection import first_accepted
from compiler.tracer import Tracer, xp
from dialects.dlc.special import digamma
from dialects.dlc.unary import logistic


def gamma(key: Any, a: Any, shape: Any = None, dtype: Any = np.float64) -> Any:
    """Numbers of the distribution of shape `a` and scale 1 whose density is proportional to `x**(a - 1) exp(-x)` for `x > 0`.

    Marsaglia and Tsang, "A simple method for generating gamma variables" (2000): a rejection method, which all elements
    go through together until the last is accepted. An element does not depend on the others. The derivative in `a` is
    that of the quantile at a fixed probability (implicit reparametrisation: Figurnov, Mohamed and Mnih, 2018).

    Args:
        key: `uint32[2]`.
        a: positive numbers; they broadcast to `shape`.
        shape: the shape of the result, that of `a` if left out.
        dtype: `float32` or `float64`.

    Returns:
        Positive numbers; where `a` is so small that they underflow, 0. NaN where `a` is not positive.

    Raises:
        ShapeError: `a` does not broadcast to `shape`.
        DtypeError: `dtype` is not floating point.

    Example:
        >>> from compiler import random
        >>> random.gamma(random.key(0), 3.0, (2,)).shape
        (2,)
    """
    check_key("gamma", key)
    known = as_float("gamma", dtype)
    return run(_gamma, key, a, shape=common_shape("gamma", shape, a), dtype=known)


def loggamma(key: Any, a: Any, shape: Any = None, dtype: Any = np.float64) -> Any:
    """Logarithms of `gamma(key, a, shape, dtype)`, which are finite where those numbers underflow.

    Args:
        key: `uint32[2]`.
        a: positive numbers; they broadcast to `shape`.
        shape: the shape of the result, that of `a` if left out.
        dtype: `float32` or `float64`.

    Raises:
        ShapeError: `a` does not broadcast to `shape`.
        DtypeError: `dtype` is not floating point.

    Example:
        >>> from compiler import random
        >>> bool(random.loggamma(random.key(0), 1e-5) < -100)
        True
    """
    check_key("loggamma", key)
    known = as_float("loggamma", dtype)
    return run(_loggamma, key, a, shape=common_shape("loggamma", shape, a), dtype=known)


def beta(key: Any, a: Any, b: Any, shape: Any = None, dtype: Any = np.float64) -> Any:
    """Numbers of the beta distribution, whose density is proportional to `x**(a - 1) (1 - x)**(b - 1)` in (0, 1).

    `x / (x + y)` of two gamma numbers, of shapes `a` and `b`.

    Args:
        key: `uint32[2]`.
        a: positive numbers; they broadcast to `shape`.
        b: the same.
        shape: the shape of the result, that of `a` and `b` together if left out.
        dtype: `float32` or `float64`.

    Raises:
        ShapeError: the parameters do not broadcast to `shape`.
        DtypeError: `dtype` is not floating point.

    Example:
        >>> from compiler import random
        >>> random.beta(random.key(0), 2.0, 3.0, (2,)).shape
        (2,)
    """
    check_key("beta", key)
    known = as_float("beta", dtype)
    return run(_beta, key, a, b, shape=common_shape("beta", shape, a, b), dtype=known)


def _beta(key: Any, a: Any, b: Any, *, shape: Shape, dtype: np.dtype[Any]) -> Any:
    first, second = split(key)
    logs = [_loggamma(own, x, shape=shape, dtype=dtype) for own, x in ((first, a), (second, b))]
    return apply(logistic, logs[0] - logs[1])


def dirichlet(key: Any, alpha: Any, shape: Any = None, dtype: Any = np.float64) -> Any:
    """Points of the Dirichlet distribution: positive numbers that sum to 1 along the last axis.

    Gamma numbers of shapes `alpha`, divided by their sum.

    Args:
        key: `uint32[2]`.
        alpha: positive numbers, at least one-dimensional; the leading axes broadcast to `shape`.
        shape: the shape of the result without its last axis, that of `alpha` without it if left out.
        dtype: `float32` or `float64`.

    Raises:
        ShapeError: `alpha` is a scalar, or does not broadcast to `shape`.
        DtypeError: `dtype` is not floating point.

    Example:
        >>> from compiler import random
        >>> point = random.dirichlet(random.key(0), np.ones(3))
        >>> point.shape, float(point.sum().round(12))
        ((3,), 1.0)
    """
    check_key("dirichlet", key)
    known = as_float("dirichlet", dtype)
    sizes = shape_of(alpha)
    if not sizes:
        raise ShapeError(at_user_line("dirichlet: alpha is a scalar, expected at least one axis"))
    leading = common_shape("dirichlet", shape, np.empty(sizes[:-1], np.bool_))
    return run(_dirichlet, key, alpha, shape=(*leading, sizes[-1]), dtype=known)


def _dirichlet(key: Any, alpha: Any, *, shape: Shape, dtype: np.dtype[Any]) -> Any:
    logs = _loggamma(key, alpha, shape=shape, dtype=dtype)
    weights = xp.exp(logs - xp.max(logs, axis=-1, keepdims=True))
    return weights / xp.sum(weights, axis=-1, keepdims=True)


def _gamma(key: Any, a: Any, *, shape: Shape, dtype: np.dtype[Any]) -> Any:
    return _sample(key, xp.broadcast_to(parameter(a, dtype), shape))[0]


def _loggamma(key: Any, a: Any, *, shape: Shape, dtype: np.dtype[Any]) -> Any:
    return _sample(key, xp.broadcast_to(parameter(a, dtype), shape))[1]


@custom_jvp
def _sample(key: Any, a: Any) -> tuple[Any, Any]:
    """A gamma number for each of `a`, and its logarithm.

    One of shape `a < 1` is one of shape `a + 1` times `u**(1 / a)`.
    """
    is_small = a < 1.0
    center = xp.where(is_small, a + 1.0, a) - 1.0 / 3.0
    value = center * _cubes(key, center)
    # From stream 0, which the proposals leave.
    log_factor = xp.where(is_small, xp.log(positive_uniform(key, a.shape, a.dtype)) / a, 0.0)
    is_right = a > 0.0
    return (
        xp.where(is_right, value * xp.exp(log_factor), np.nan),
        xp.where(is_right, xp.log(value) + log_factor, np.nan),
    )


def _cubes(key: Any, center: Any) -> Any:
    """For each `d` of `center`, a number `v` such that `d v` is of the gamma distribution of shape `d + 1 / 3`."""
    width = 1.0 / (3.0 * xp.sqrt(center))
    shape, dtype = center.shape, center.dtype

    def propose(stream: Any) -> tuple[Any, Any]:
        x = draw_normal(key, shape=shape, dtype=dtype, stream=stream)
        u = positive_uniform(key, shape, dtype, stream=stream + np.uint32(1))
        v = (1.0 + width * x) ** 3
        log_v = xp.log(xp.where(v > 0.0, v, 1.0))
        return v, (v > 0.0) & (xp.log(u) < 0.5 * x * x + center * (1.0 - v + log_v))

    # Where the shape is not a number above 0, nothing would ever be accepted.
    return first_accepted(propose, ~(center > 0.0), xp.ones_like(center))


@_sample.defjvp
def _sample_jvp(primals: tuple[Any, Any], tangents: tuple[Any, Any]) -> tuple[Any, Any]:
    """`d log x / da`, at a fixed value of the distribution function `P(a, x)`, is `-(dP/da) / (x dP/dx)`.

    `P(a, x) = x**a exp(-x) / gamma(a + 1) S`, with the series `S = 1 + x / (a + 1) + x**2 / ((a + 1) (a + 2)) + …`.
    """
    key, a = primals
    x, log_x = _sample(key, a)
    series, slope = _series(a, x)
    d_log = -((log_x - apply(digamma, a + 1.0)) * series + slope) / a * tangents[1]
    return (x, log_x), (x * d_log, d_log)


def _series(a: Tracer, x: Tracer) -> tuple[Any, Any]:
    """`S` and its derivative in `a`."""
    eps = float(np.finfo(a.dtype).eps)

    def step(state: tuple[Any, ...]) -> tuple[Any, ...]:
        number, term, slope, total, total_slope = state
        term = term * x / (a + number)
        slope = slope - 1.0 / (a + number)
        return number + 1.0, term, slope, total + term, total_slope + term * slope

    def goes_on(state: tuple[Any, ...]) -> Any:
        _, term, slope, total, total_slope = state
        return xp.any((term > eps * total) | (term * -slope > eps * -total_slope))

    one, zero = xp.ones_like(a), xp.zeros_like(a)
    first = (a.dtype.type(1), one, zero, one, zero)
    return while_loop(goes_on, step, first)[3:]
