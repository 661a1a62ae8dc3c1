"""Functions of NumPy whose result's shape depends on values, on `Tensor`s outside of traced functions.

The first program computes the size, which is read, and the second is for that size. In traced functions sizes are arguments.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

import compiler.numpy_indexing as traced_positions
import compiler.numpy_inverses as traced_inverses
import compiler.numpy_sets as traced_sets
from compiler.eager_programs import call
from compiler.tensor import Tensor
from compiler.tracer import Tracer, fail_unsupported, xp


def nonzero(a: Any, *, size: int | None = None, fill_value: Any = 0) -> tuple[Tensor, ...]:
    """`np.nonzero`; `size=` and `fill_value=` may be given, as in traced functions."""
    return _positions(traced_positions.nonzero, a, size, fill_value)


def flatnonzero(a: Any, *, size: int | None = None, fill_value: Any = 0) -> Tensor:
    """`np.flatnonzero`, as `nonzero`."""
    return _positions(traced_positions.flatnonzero, a, size, fill_value)


def argwhere(a: Any, *, size: int | None = None, fill_value: Any = 0) -> Tensor:
    """`np.argwhere`, as `nonzero`."""
    return _positions(traced_positions.argwhere, a, size, fill_value)


def _positions(function: Callable[..., Any], a: Any, size: int | None, fill_value: Any) -> Any:
    if size is None:
        size = int(call(xp.count_nonzero, xp.count_nonzero, (a,), {}))
    return call(function, function, (a,), {"size": size, "fill_value": fill_value})


def unique(ar: Any, *args: Any, equal_nan: bool = True, size: int | None = None, **settings: Any) -> Any:
    """`np.unique`; `size=` and `fill_value=` may be given, as in traced functions."""
    return _different(traced_sets.unique, ar, size, *args, equal_nan=equal_nan, **settings)


def unique_all(x: Any, /, *, size: int | None = None, fill_value: Any = None) -> traced_sets.UniqueAll:
    """`np.unique_all`, as `unique`."""
    return _different(traced_sets.unique_all, x, size, fill_value=fill_value)


def unique_counts(x: Any, /, *, size: int | None = None, fill_value: Any = None) -> traced_sets.UniqueCounts:
    """`np.unique_counts`, as `unique`."""
    return _different(traced_sets.unique_counts, x, size, fill_value=fill_value)


def unique_inverse(x: Any, /, *, size: int | None = None, fill_value: Any = None) -> traced_sets.UniqueInverse:
    """`np.unique_inverse`, as `unique`."""
    return _different(traced_sets.unique_inverse, x, size, fill_value=fill_value)


def unique_values(x: Any, /, *, size: int | None = None, fill_value: Any = None) -> Any:
    """`np.unique_values`, as `unique`."""
    return _different(traced_sets.unique_values, x, size, fill_value=fill_value)


def _different(function: Callable[..., Any], x: Any, size: int | None, *args: Any, **settings: Any) -> Any:
    if size is None:
        equal_nan = settings.get("equal_nan", False)
        size = int(call(_count_different, _count_different, (x,), {"equal_nan": equal_nan}))
    return call(function, function, (x, *args), {**settings, "size": size})


def _count_different(x: Tracer, equal_nan: bool) -> Any:
    ordered = xp.sort(x.reshape(-1))
    is_new = ordered[1:] != ordered[:-1]
    if equal_nan:
        is_new &= ~(xp.isnan(ordered[1:]) & xp.isnan(ordered[:-1]))
    return is_new.sum() + min(ordered.size, 1)


def bincount(x: Any, /, weights: Any = None, minlength: int = 0) -> Tensor:
    """`np.bincount`."""
    length = max(int(xp.max(x)) + 1 if xp.size(x) else 0, minlength)
    return call(np.bincount, traced_sets.bincount, (x, weights), {"minlength": length})


def compress(condition: Any, a: Any, axis: int | None = None, out: None = None) -> Tensor:
    """`np.compress`."""
    if out is not None:
        fail_unsupported("np.compress: out=", "use the result")
    return np.take(Tensor(np.asarray(a)), flatnonzero(np.asarray(condition)), axis)  # pyright: ignore[reportReturnType]


def extract(condition: Any, arr: Any) -> Tensor:
    """`np.extract`."""
    return compress(np.ravel(np.asarray(condition)), arr)


def lstsq(a: Any, b: Any, rcond: Any = None) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """`np.linalg.lstsq`; there are no sums of squares where the rank is less than `a` has columns."""
    x, squares, rank, s = call(np.linalg.lstsq, traced_inverses.lstsq, (a, b, rcond), {})
    return x, squares if int(rank) == x.shape[0] else squares[:0], rank, s


FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.nonzero: nonzero,
    np.flatnonzero: flatnonzero,
    np.argwhere: argwhere,
    np.unique: unique,
    np.unique_all: unique_all,
    np.unique_counts: unique_counts,
    np.unique_inverse: unique_inverse,
    np.unique_values: unique_values,
    np.bincount: bincount,
    np.compress: compress,
    np.extract: extract,
    np.linalg.lstsq: lstsq,
}
"""The functions of this file by the function of NumPy that they are."""
