"""Random choices: of a category, of elements of an array, of an order."""

from typing import Any

import numpy as np

from compiler.errors import ArgumentError, DtypeError, ShapeError, at_user_line
from compiler.operands import as_tracer
from compiler.random.continuous import draw_gumbel
from compiler.random.drawing import (
    Shape,
    as_shape,
    check_key,
    run,
    shape_of,
    unit_uniform,
    words,
)
from compiler.random.uniform import randint
from compiler.tracer import xp


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
    if isinstance(x, bool) or not isinstance(x, int | np.integer):
        raise ArgumentError(
            at_user_line(f"{name}: {what} is {x!r}; use an array, or an integer that is known while tracing")
        )
    if int(x) < 0:
        raise ArgumentError(at_user_line(f"{name}: {what} is {int(x)}, expected at least 0"))
    return int(x)
