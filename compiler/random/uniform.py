"""Uniform numbers: of an interval, of a range of integers, and the decisions made of them."""

from typing import Any

import numpy as np

from compiler.errors import DtypeError, at_user_line
from compiler.random.drawing import (
    Shape,
    as_float,
    as_integer,
    as_shape,
    check_key,
    common_shape,
    parameter,
    run,
    shifted_right,
    unit_uniform,
    words,
)
from compiler.tracer import Tracer, xp


def uniform(key: Any, shape: Any = (), dtype: Any = np.float64, minval: Any = 0.0, maxval: Any = 1.0) -> Any:
    """Uniform numbers in `[minval, maxval)`.

    Args:
        key: `uint32[2]`.
        shape: the shape of the result.
        dtype: `float32` or `float64`.
        minval: the least number; it broadcasts to `shape`.
        maxval: what all numbers are below; it broadcasts to `shape`. If it is not above `minval`, the result is `minval`.

    Returns:
        `minval + u (maxval - minval)`, with `u` a multiple of half the dtype's eps; differentiable in both bounds.

    Raises:
        ShapeError: a bound does not broadcast to `shape`.
        DtypeError: `dtype` is not floating point.

    Example:
        >>> from compiler import random
        >>> random.uniform(random.key(0), (3,)).round(4)
        array([0.8805, 0.3621, 0.3194])
    """
    check_key("uniform", key)
    known = as_float("uniform", dtype)
    sizes = common_shape("uniform", shape, minval, maxval)
    if type(minval) in {int, float} and type(maxval) in {int, float} and (minval, maxval) == (0, 1):
        return run(unit_uniform, key, shape=sizes, dtype=known)
    return run(_uniform, key, minval, maxval, shape=sizes, dtype=known)


def _uniform(key: Any, minval: Any, maxval: Any, *, shape: Shape, dtype: np.dtype[Any]) -> Any:
    low, high = parameter(minval, dtype), parameter(maxval, dtype)
    result = low + unit_uniform(key, shape, dtype) * (high - low)
    return xp.where(result >= high, low, result)  # the sum may have been rounded up to `maxval`


def randint(key: Any, shape: Any, minval: Any, maxval: Any, dtype: Any = np.int64) -> Any:
    """Uniform integers in `[minval, maxval)`.

    The high half of the product of random bits, twice as many as the dtype has, with the size of the range (Lemire, "Fast
    random integer generation in an interval", 2019, without the rejection): probabilities differ by less than one part
    in 2 to the number of bits of the dtype (in 2**32 for narrower ones).

    Args:
        key: `uint32[2]`.
        shape: the shape of the result.
        minval: the least number, an integer; it broadcasts to `shape`.
        maxval: one above the greatest, an integer; it broadcasts to `shape`. If it is not above `minval`, the result is
            `minval`.
        dtype: an integer dtype, which has the bounds as values (or `maxval - 1`).

    Raises:
        ShapeError: a bound does not broadcast to `shape`.
        DtypeError: `dtype` or a bound is not an integer, or a Python integer does not fit.

    Example:
        >>> from compiler import random
        >>> random.randint(random.key(0), (5,), 0, 10)
        array([8, 3, 3, 4, 6])
    """
    check_key("randint", key)
    known = as_integer("randint", dtype)
    sizes = common_shape("randint", shape, minval, maxval)
    info = np.iinfo(known)
    bounds: list[Any] = []
    for name, bound, above in (("minval", minval, 0), ("maxval", maxval, 1)):
        if isinstance(bound, int):
            if not info.min <= bound <= info.max + above:
                raise DtypeError(at_user_line(f"randint: {name} is {bound}, which does not fit into {known.name}"))
            # The greatest number instead of the bound above it, which the dtype may not have.
            bounds.append(np.asarray(max(bound - above, info.min), known))
        elif getattr(bound, "dtype", np.dtype(object)).kind not in "iu":
            raise DtypeError(at_user_line(f"randint: {name} is {bound!r}, expected integers"))
        else:
            bounds.append(bound)
    inclusive = isinstance(maxval, int)
    return run(_randint, key, *bounds, shape=sizes, dtype=known, inclusive=inclusive)


def _randint(key: Any, minval: Any, maxval: Any, *, shape: Shape, dtype: np.dtype[Any], inclusive: bool) -> Any:
    low, high = parameter(minval, dtype), parameter(maxval, dtype)
    last = high if inclusive else xp.where(high > low, high - dtype.type(1), low)
    unsigned = np.dtype(f"u{dtype.itemsize}")
    width = xp.where(last > low, last - low, dtype.type(0)).astype(unsigned)  # one less than the size of the range
    draw = _below_64 if dtype.itemsize == 8 else _below_32
    return low + draw(key, shape, width).astype(dtype)


def _below_32(key: Any, shape: Shape, width: Tracer) -> Tracer:
    """Uniform in `[0, width]`, of 64 bits each."""
    size = width.astype(np.uint64) + np.uint64(1)
    bits = words(key, shape, np.uint64)
    high, low = _halves(bits)
    return shifted_right(high * size + shifted_right(low * size, 32), 32)


def _below_64(key: Any, shape: Shape, width: Tracer) -> Tracer:
    """Uniform in `[0, width]`, of 128 bits each."""
    size = width + np.uint64(1)
    high, low = words(key, shape, np.uint64), words(key, shape, np.uint64, stream=1)
    part, carry = high * size, _product_high(low, size)
    total = part + carry
    result = _product_high(high, size) + (total < part).astype(np.uint64)
    return xp.where(size == np.uint64(0), high, result)


def _halves(x: Any) -> tuple[Any, Any]:
    return shifted_right(x, 32), x & np.uint64(0xFFFFFFFF)


def _product_high(x: Any, y: Any) -> Any:
    """The upper 64 of the 128 bits of a product."""
    (a, b), (c, d) = _halves(x), _halves(y)
    middle_high, middle_low = _halves(a * d)
    other_high, other_low = _halves(b * c)
    carry = shifted_right(shifted_right(b * d, 32) + middle_low + other_low, 32)
    return a * c + middle_high + other_high + carry


def bernoulli(key: Any, p: Any = 0.5, shape: Any = None) -> Any:
    """Booleans that are true with probability `p`.

    Args:
        key: `uint32[2]`.
        p: probabilities, floating point; they broadcast to `shape`.
        shape: the shape of the result, that of `p` if left out.

    Returns:
        `uniform(key, shape, p.dtype) < p`.

    Example:
        >>> from compiler import random
        >>> random.bernoulli(random.key(0), 0.4, (5,))
        array([False,  True,  True, False, False])
    """
    check_key("bernoulli", key)
    dtype = as_float("bernoulli: p", getattr(p, "dtype", np.float64))
    return run(_bernoulli, key, p, shape=common_shape("bernoulli", shape, p), dtype=dtype)


def _bernoulli(key: Any, p: Any, *, shape: Shape, dtype: np.dtype[Any]) -> Any:
    return unit_uniform(key, shape, dtype) < parameter(p, dtype)


def rademacher(key: Any, shape: Any = (), dtype: Any = np.int64) -> Any:
    """-1 or 1, equally likely.

    Args:
        key: `uint32[2]`.
        shape: the shape of the result.
        dtype: a signed integer or floating-point dtype.

    Example:
        >>> from compiler import random
        >>> random.rademacher(random.key(0), (4,))
        array([-1, -1,  1,  1])
    """
    check_key("rademacher", key)
    known = np.dtype(dtype)
    known = as_float("rademacher", known) if known.kind == "f" else as_integer("rademacher", known)
    if known.kind == "u":
        raise DtypeError(at_user_line(f"rademacher: dtype {known.name} has no -1; use a signed one"))
    return run(_rademacher, key, shape=as_shape("rademacher", shape), dtype=known)


def _rademacher(key: Any, *, shape: Shape, dtype: np.dtype[Any]) -> Any:
    return xp.where(words(key, shape, np.uint8) >= np.uint8(128), dtype.type(-1), dtype.type(1))
