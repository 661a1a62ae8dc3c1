"""Random choices: of a category, of elements of an array, of an order."""

import operator
from typing import Any

import numpy as np

from compiler.errors import ArgumentError, DtypeError, ShapeError, at_user_line
from compiler.loops import while_loop
from compiler.operands import as_tracer
from compiler.random.continuous import draw_gumbel
from compiler.random.drawing import (
    Shape,
    apply,
    as_integer,
    as_shape,
    check_key,
    common_shape,
    parameter,
    positive_uniform,
    run,
    shape_of,
    unit_uniform,
    words,
)
from compiler.random.rejection import State, first_accepted
from compiler.random.uniform import randint
from compiler.tracer import Tracer, xp
from dialects.dlc.special import lgamma


def categorical(key: Any, logits: Any, axis: int = -1, shape: Any = None) -> Any:
    """Indices along `axis`, each with a probability proportional to `exp(logits)`: where `logits + gumbel` is greatest.

    Args:
        key: `uint32[2]`.
        logits: logarithms of weights, floating point, at least one-dimensional; -inf for what is never chosen.
        axis: the axis of the categories.
        shape: the shape of the result; it ends in the shape of `logits` without `axis`, which it is if left out.

    Returns:
        An array of int64.

    Raises:
        ShapeError: `axis` does not exist or is empty, or `shape` does not end in the other sizes of `logits`.
        DtypeError: `logits` are not floating point.

    Example:
        >>> from compiler import random
        >>> random.categorical(random.key(0), np.log([0.1, 0.9]), shape=(6,)).shape
        (6,)
    """
    check_key("categorical", key)
    sizes, dtype = shape_of(logits), getattr(logits, "dtype", np.asarray(0.0).dtype)
    if dtype.kind != "f":
        raise DtypeError(at_user_line(f"categorical: logits have dtype {dtype.name}, expected floating point"))
    if not -len(sizes) <= axis < len(sizes) or not sizes[axis]:
        raise ShapeError(at_user_line(f"categorical: axis {axis} of logits of shape {sizes} has no elements"))
    kept = tuple(size for dim, size in enumerate(sizes) if dim != axis % len(sizes))
    result = kept if shape is None else as_shape("categorical", shape)
    if result[len(result) - len(kept) :] != kept:
        raise ShapeError(
            at_user_line(f"categorical: shape {result} does not end in {kept}, as logits of shape {sizes} do")
        )
    leading = result[: len(result) - len(kept)]
    return run(_categorical, key, logits, axis=axis % len(sizes) - len(sizes), leading=leading)


def _categorical(key: Any, logits: Any, *, axis: int, leading: Shape) -> Any:
    x = as_tracer(logits)
    return xp.argmax(x + draw_gumbel(key, shape=(*leading, *x.shape), dtype=x.dtype), axis=axis)


def poisson(key: Any, lam: Any, shape: Any = None, dtype: Any = np.int64) -> Any:
    """Numbers of the Poisson distribution, whose probabilities are `lam**k exp(-lam) / k!`.

    Below `lam = 10` by summing up probabilities to a uniform number, from there on by Hörmann's transformed rejection ("The
    transformed rejection method for generating Poisson random variables", 1993, algorithm PTRS), which all elements go
    through together.

    Args:
        key: `uint32[2]`.
        lam: expected numbers, at least 0; they broadcast to `shape`.
        shape: the shape of the result, that of `lam` if left out.
        dtype: an integer dtype that has all numbers to expect.

    Returns:
        Integers; -1 where `lam` is negative or NaN.

    Raises:
        ShapeError: `lam` does not broadcast to `shape`.
        DtypeError: `dtype` is not an integer.

    Example:
        >>> from compiler import random
        >>> random.poisson(random.key(0), 3.0, (5,))
        array([5, 2, 2, 2, 4])
    """
    check_key("poisson", key)
    return run(_poisson, key, lam, shape=common_shape("poisson", shape, lam), dtype=as_integer("poisson", dtype))


_LARGE = 10.0


def _poisson(key: Any, lam: Any, *, shape: Shape, dtype: np.dtype[Any]) -> Any:
    expected = xp.broadcast_to(parameter(lam, np.dtype(np.float64)), shape)
    is_large = expected >= _LARGE
    small = _poisson_by_sums(key, xp.where(is_large, 0.0, expected))
    large = _poisson_by_rejection(key, xp.where(is_large, expected, _LARGE), ~is_large)
    return xp.where(expected >= 0.0, xp.where(is_large, large, small), -1.0).astype(dtype)


def _poisson_by_sums(key: Any, lam: Any) -> Any:
    """The least `k` whose sum of probabilities reaches a uniform number; the terms end where they add nothing."""
    u = positive_uniform(key, lam.shape, lam.dtype)  # from stream 0, which the proposals for large ones leave

    def is_short(state: State) -> Any:
        _, term, total = state
        return (u > total) & (term > 1e-17 * total)

    def goes_on(state: State) -> Any:
        return xp.any(is_short(state))

    def step(state: State) -> State:
        k, term, total = state
        is_going = is_short(state)
        term = xp.where(is_going, term * lam / (k + 1.0), term)
        return xp.where(is_going, k + 1.0, k), term, xp.where(is_going, total + term, total)

    first = xp.exp(-lam)
    return while_loop(goes_on, step, (xp.zeros_like(lam), first, first))[0]


def _poisson_by_rejection(key: Any, lam: Any, is_left_out: Any) -> Any:
    b = 0.931 + 2.53 * xp.sqrt(lam)
    a = -0.059 + 0.02483 * b
    inverse_alpha = 1.1239 + 1.1328 / (b - 3.4)
    quick = 0.9277 - 3.6224 / (b - 2.0)
    log_lam = xp.log(lam)

    def propose(stream: Any) -> tuple[Any, Any]:
        u = positive_uniform(key, lam.shape, lam.dtype, stream=stream) - 0.5
        v = positive_uniform(key, lam.shape, lam.dtype, stream=stream + np.uint32(1))
        distance = xp.maximum(0.5 - xp.abs(u), 2.0**-60)
        k = xp.floor((2.0 * a / distance + b) * u + lam + 0.43)
        is_inside = (k >= 0.0) & ((distance >= 0.013) | (v <= distance))
        k = xp.maximum(k, 0.0)
        is_below = xp.log(v * inverse_alpha / (a / (distance * distance) + b)) <= (
            k * log_lam - lam - apply(lgamma, k + 1.0)
        )
        return k, is_inside & (((distance >= 0.07) & (v <= quick)) | is_below)

    return first_accepted(propose, is_left_out, xp.zeros_like(lam))


def permutation(key: Any, x: Any, axis: int = 0, independent: bool = False) -> Any:
    """`x` in random order along `axis`, or a random order of `0 … x - 1`.

    Sorted by 64 random bits, of which two are equal for once in 2**64 pairs.

    Args:
        key: `uint32[2]`.
        x: an array, or an integer.
        axis: the axis to shuffle along.
        independent: whether every row along `axis` has an order of its own.

    Raises:
        ShapeError: `axis` does not exist.
        ArgumentError: `x` is a negative or traced integer.

    Example:
        >>> from compiler import random
        >>> np.sort(random.permutation(random.key(0), 4))
        array([0, 1, 2, 3])
    """
    check_key("permutation", key)
    if not shape_of(x):
        count = _count("permutation", "x", x)
        return run(_order, key, shape=(count,), axis=0)
    sizes = shape_of(x)
    if not -len(sizes) <= axis < len(sizes):
        raise ShapeError(at_user_line(f"permutation: axis {axis} does not exist in shape {sizes}"))
    return run(_permutation, key, x, axis=axis % len(sizes), independent=independent)


def _permutation(key: Any, x: Any, *, axis: int, independent: bool) -> Any:
    array = as_tracer(x)
    if independent:
        return xp.take_along_axis(array, _order(key, shape=array.shape, axis=axis), axis=axis)
    return xp.take(array, _order(key, shape=(array.shape[axis],), axis=0), axis=axis)


def _order(key: Any, *, shape: Shape, axis: int) -> Any:
    return xp.argsort(words(key, shape, np.uint64), axis=axis, stable=True)


def choice(key: Any, a: Any, shape: Any = (), replace: bool = True, p: Any = None, axis: int = 0) -> Any:
    """Elements of `a` along `axis`, or integers of `0 … a - 1`, chosen at random.

    Args:
        key: `uint32[2]`.
        a: an array, or an integer.
        shape: the shape that takes the place of `axis` in the result.
        replace: whether an element may be chosen more than once.
        p: a probability for each element, in proportion; all equal if left out.
        axis: the axis to choose along.

    Raises:
        ShapeError: `axis` does not exist, `p` has another length, there is nothing to choose from, or more is to be
            chosen without replacement than there is.
        ArgumentError: `a` is a traced integer.

    Example:
        >>> from compiler import random
        >>> sorted(random.choice(random.key(0), np.array([5, 7, 9]), (3,), replace=False).tolist())
        [5, 7, 9]
    """
    check_key("choice", key)
    sizes, result = shape_of(a), as_shape("choice", shape)
    if sizes and not -len(sizes) <= axis < len(sizes):
        raise ShapeError(at_user_line(f"choice: axis {axis} does not exist in shape {sizes}"))
    count = sizes[axis] if sizes else _count("choice", "a", a)
    total = int(np.prod(result, dtype=np.int64))
    if total and not count:
        raise ShapeError(at_user_line("choice: there is nothing to choose from"))
    if not replace and total > count:
        raise ShapeError(at_user_line(f"choice: cannot choose {total} of {count} elements without replacement"))
    if p is not None and shape_of(p) != (count,):
        raise ShapeError(at_user_line(f"choice: p has shape {shape_of(p)}, expected {(count,)}"))
    arrays = {"a": a} if sizes else {}
    if p is not None:
        arrays["p"] = p
    function = _choose_again if replace else _choose_once
    return run(function, key, arrays, count=count, shape=result, axis=axis)


def _choose_again(key: Any, arrays: dict[str, Any], *, count: int, shape: Shape, axis: int) -> Any:
    if "p" not in arrays:
        return _taken(arrays, randint(key, shape, 0, max(count, 1)), shape, axis)
    sums = xp.cumsum(as_tracer(arrays["p"]))
    # From above, so that what has no probability is not chosen at the ends either.
    draw = sums[-1] * (1.0 - unit_uniform(key, shape, sums.dtype))
    return _taken(arrays, xp.minimum(xp.searchsorted(sums, draw), count - 1), shape, axis)


def _choose_once(key: Any, arrays: dict[str, Any], *, count: int, shape: Shape, axis: int) -> Any:
    if "p" in arrays:
        p = as_tracer(arrays["p"])
        order = xp.argsort(-(xp.log(p) + draw_gumbel(key, shape=(count,), dtype=p.dtype)), stable=True)
    else:
        order = _order(key, shape=(count,), axis=0)
    total = int(np.prod(shape, dtype=np.int64))
    return _taken(arrays, order[:total].reshape(shape), shape, axis)


def _taken(arrays: dict[str, Any], indices: Any, shape: Shape, axis: int) -> Any:
    return xp.take(as_tracer(arrays["a"]), indices, axis=axis) if "a" in arrays else indices.reshape(shape)


def _count(name: str, what: str, x: Any) -> int:
    if isinstance(x, Tracer) or not hasattr(x, "__index__"):
        raise ArgumentError(
            at_user_line(f"{name}: {what} is {x!r}; use an array, or an integer that is known while tracing")
        )
    count = operator.index(x)
    if count < 0:
        raise ArgumentError(at_user_line(f"{name}: {what} is {count}, expected at least 0"))
    return count
