"""Functions of NumPy whose result's shape depends on values, on `Tensor`s outside of traced functions.

The first program computes the size, which is read, and the second is for that size. In traced functions sizes are arguments.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from compiler.eager_programs import call
from compiler.errors import ShapeError, at_user_line
from compiler.numpy_rules import RULES
from compiler.tensor import Tensor
from compiler.tracer import Tracer, xp


def positions(x: Tracer, size: int, fill_value: int | None = None) -> tuple[Tracer, ...]:
    """The positions of the first `size` elements that are not zero, then `fill_value`: one array per dimension."""
    mask = (x != 0).reshape(-1)
    rank = xp.cumsum(mask) - 1
    flat = xp.full(size + 1, -1, np.int64, like=x)
    flat[xp.where(mask & (rank < size), rank, size)] = np.arange(mask.size)  # the last place takes what has none
    flat = flat[:-1]
    strides = [max(math.prod(x.shape[d + 1 :]), 1) for d in range(x.ndim)]
    found = [flat // stride % max(length, 1) for stride, length in zip(strides, x.shape, strict=True)]
    return tuple(found if fill_value is None else (xp.where(flat < 0, fill_value, one) for one in found))


def nonzero(a: Tensor) -> tuple[Tensor, ...]:
    """`np.nonzero`."""
    if not a.shape:
        raise ShapeError(at_user_line("nonzero: the array has no dimension; use `reshape(x, (1,))`"))
    count = int(call(xp.count_nonzero, xp.count_nonzero, (a,), {}))
    return call(positions, positions, (a,), {"size": count})


def flatnonzero(a: Tensor) -> Tensor:
    """`np.flatnonzero`."""
    return nonzero(a.ravel())[0]


def argwhere(a: Tensor) -> Tensor:
    """`np.argwhere`."""
    return xp.stack(nonzero(a), axis=1)


def unique(
    ar: Any,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: Any = None,
    *,
    equal_nan: bool = True,
    **settings: Any,
) -> Any:
    """`np.unique`; `size=` may still be given, as in traced functions."""
    if settings.get("size") is None:
        settings["size"] = int(call(_count_different, _count_different, (ar,), {"equal_nan": equal_nan}))
    wanted = {"return_index": return_index, "return_inverse": return_inverse, "return_counts": return_counts}
    return call(np.unique, _unique, (ar,), {**wanted, "axis": axis, "equal_nan": equal_nan, **settings})


def _unique(*args: Any, **kwargs: Any) -> Any:
    return RULES.function(np.unique, args, kwargs)


def _count_different(x: Tracer, equal_nan: bool) -> Any:
    ordered = xp.sort(x.reshape(-1))
    is_new = ordered[1:] != ordered[:-1]
    if equal_nan:
        is_new &= ~(xp.isnan(ordered[1:]) & xp.isnan(ordered[:-1]))
    return is_new.sum() + min(ordered.size, 1)


def bincount(x: Any, /, weights: Any = None, minlength: int = 0) -> Any:
    """`np.bincount`."""
    length = max(int(xp.max(x)) + 1 if xp.size(x) else 0, minlength)
    return call(np.bincount, _bincount, (x, weights), {"minlength": length})


def _bincount(*args: Any, **kwargs: Any) -> Any:
    return RULES.function(np.bincount, args, kwargs)


FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.nonzero: nonzero,
    np.flatnonzero: flatnonzero,
    np.argwhere: argwhere,
    np.unique: unique,
    np.bincount: bincount,
}
"""The functions of this file by the function of NumPy that they are."""
