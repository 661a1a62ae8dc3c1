"""Counting and sets: histograms, `bincount`, `unique` with a static size, membership."""

import operator
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from compiler.errors import DtypeError, ShapeError, at_user_line
from compiler.numpy_cumulative import cumsum
from compiler.numpy_linalg import astype
from compiler.numpy_sorting import argsort, searchsorted, sort
from compiler.operands import as_tracer
from compiler.promotion import BOOL, FLOAT64, INT64, result_dtype
from compiler.tracer import Tracer, fail_unsupported, xp
from dialects.dlc.interfaces import dtype_kind


def bincount(x: Any, /, weights: Any = None, minlength: int = 0) -> Tracer:
    """`np.bincount`, whose length is `minlength`: what is not below it is not counted.

    Raises:
        UnsupportedError: there is no `minlength`.
    """
    values = as_tracer(x)
    length = operator.index(minlength)
    if values.ndim != 1 or dtype_kind(values.dtype) not in "iu":
        raise DtypeError(
            at_user_line(f"bincount: the array must have one dimension and integers, not {values.dtype.name}")
        )
    if not length:
        fail_unsupported("np.bincount without minlength=", "the length would depend on values: pass `minlength=`")
    if weights is None:
        amounts: Any = xp.ones_like(values, dtype=np.int64)
    else:
        amounts = astype(as_tracer(weights), FLOAT64)
    return _sum_into(length, values, amounts)


def _sum_into(length: int, places: Tracer, amounts: Tracer) -> Tracer:
    """`amounts` added up at `places`; those outside of `0 … length - 1` are dropped."""
    is_inside = (places >= 0) & (places < length)
    sums = xp.zeros_like(amounts, shape=(length + 1,))
    np.add.at(sums, xp.where(is_inside, places, length), amounts)
    return sums[:length]


def histogram_bin_edges(a: Any, bins: Any = 10, range: Any = None, weights: Any = None) -> Tracer:  # noqa: A002
    """`np.histogram_bin_edges`, for a number of bins or explicit edges."""
    del weights
    if isinstance(bins, str):
        fail_unsupported(f"np.histogram with bins={bins!r}", "how many there are depends on values: pass a number")
    if np.ndim(bins):
        edges = as_tracer(bins)
        if edges.ndim != 1 or (not isinstance(bins, Tracer) and np.any(xp.diff(np.asarray(bins)) < 0)):
            raise ShapeError(at_user_line("histogram: bins must have one dimension and increase monotonically"))
        return edges
    count = operator.index(bins)
    if count < 1:
        raise ShapeError(at_user_line(f"histogram: bins={count} is not positive"))
    x = as_tracer(a)
    dtype = np.result_type(x.dtype, np.float32 if dtype_kind(x.dtype) == "f" else np.float64)
    if range is not None:
        first, last = range
    else:
        first, last = (xp.min(x), xp.max(x)) if x.size else (0.0, 1.0)
    # As NumPy: in the dtype of the ends, which are those of the array or Python floats.
    first, last = (t.astype(dtype if t.dtype == x.dtype else np.float64) for t in map(as_tracer, (first, last)))
    is_single = first == last
    first, last = xp.where(is_single, first - 0.5, first), xp.where(is_single, last + 0.5, last)
    steps = np.arange(count + 1).astype(first.dtype)
    edges = steps * ((last - first) / count) + first
    return xp.concatenate([edges[:-1], last.reshape(1)]).astype(dtype)


def histogram(
    a: Any,
    bins: Any = 10,
    range: Any = None,  # noqa: A002
    density: bool | None = None,
    weights: Any = None,
) -> tuple[Tracer, Tracer]:
    """`np.histogram`; NaN is in no bin."""
    x = as_tracer(a).reshape(-1)
    edges = histogram_bin_edges(x, bins, range)
    dtype = result_dtype(x, edges)
    count = edges.size - 1
    ordered, values = astype(edges, dtype), astype(x, dtype)
    place = searchsorted(ordered, values, "right") - 1
    # The last bin has its upper edge too.
    place = xp.where(values == ordered[-1], count - 1, place)
    place = xp.where(xp.isnan(values), -1, place)
    if weights is None:
        amounts: Tracer = xp.ones_like(x, dtype=np.int64)
    else:
        amounts = as_tracer(weights).reshape(-1)
        if amounts.shape != x.shape:
            raise ShapeError(at_user_line("histogram: weights must have the shape of the array"))
    # As NumPy: floats are added up in double precision, whatever they are.
    wide = astype(amounts, FLOAT64) if dtype_kind(amounts.dtype) == "f" else amounts
    sums = astype(_sum_into(count, place, wide), amounts.dtype)
    if density:
        return sums / xp.diff(edges).astype(np.float64) / xp.sum(sums), edges
    return sums, edges


class UniqueAll(NamedTuple):
    """The results of `unique_all` of the array API standard."""

    values: Tracer
    indices: Tracer
    inverse_indices: Tracer
    counts: Tracer


def unique_all(x: Any, /, *, size: int | None = None, fill_value: Any = None) -> UniqueAll:
    """The different elements in order, where each is first, which one every element is, and how many there are of each.

    Args:
        x: array of any shape.
        size: how many there are to be in the results; must be known while tracing.
        fill_value: what the values end with if there are fewer; the least element by default. Their counts are 0. If
            there are more than `size`, the greatest are left out.

    NaN differs from itself, as the standard says.

    Raises:
        UnsupportedError: `size` is missing.
        ShapeError: the array is empty and there is no `fill_value`.
    """
    return _unique(as_tracer(x), size, fill_value, equal_nan=False)


def _unique(array: Tracer, size: int | None, fill_value: Any, *, equal_nan: bool) -> UniqueAll:
    if size is None:
        fail_unsupported("np.unique", "how many there are is not known while tracing: use `unique(x, size=…)`")
    length = operator.index(size)
    flat = array.reshape(-1 if array.size else 0)
    if not array.size:
        if fill_value is None and length:
            raise ShapeError(at_user_line("unique: an empty array has no element to fill with; pass fill_value="))
        nothing = xp.zeros_like(flat, shape=(length,), dtype=INT64)
        values = xp.full_like(flat, 0 if fill_value is None else fill_value, shape=(length,))
        return UniqueAll(values, nothing, xp.zeros_like(array, dtype=INT64), nothing)
    order = argsort(flat)
    ordered = sort(flat)
    differs = ordered[1:] != ordered[:-1]
    if equal_nan and dtype_kind(flat.dtype) in "fc":
        differs &= ~(xp.isnan(ordered[1:]) & xp.isnan(ordered[:-1]))
    is_new = xp.concatenate([np.ones(1, bool), differs])
    place = cumsum(is_new) - 1
    # What comes after the last place is written to one more, which is cut off.
    target = xp.where(is_new & (place < length), place, length)
    filling = as_tracer(ordered[0] if fill_value is None else fill_value).astype(flat.dtype)
    values = xp.full_like(flat, filling, shape=(length + 1,))
    values[target] = ordered
    indices = xp.zeros_like(order, shape=(length + 1,))
    indices[target] = order
    inverse = xp.zeros_like(order)
    inverse[order] = xp.minimum(place, max(length - 1, 0))
    counts = _sum_into(length, place, xp.ones_like(place))
    return UniqueAll(values[:length], indices[:length], inverse.reshape(array.shape), counts)


class UniqueCounts(NamedTuple):
    """The results of `unique_counts` of the array API standard."""

    values: Tracer
    counts: Tracer


class UniqueInverse(NamedTuple):
    """The results of `unique_inverse` of the array API standard."""

    values: Tracer
    inverse_indices: Tracer


def unique_counts(x: Any, /, *, size: int | None = None, fill_value: Any = None) -> UniqueCounts:
    """The different elements and how many there are of each; see `unique_all`."""
    found = unique_all(x, size=size, fill_value=fill_value)
    return UniqueCounts(found.values, found.counts)


def unique_inverse(x: Any, /, *, size: int | None = None, fill_value: Any = None) -> UniqueInverse:
    """The different elements and which of them every element is; see `unique_all`."""
    found = unique_all(x, size=size, fill_value=fill_value)
    return UniqueInverse(found.values, found.inverse_indices)


def unique_values(x: Any, /, *, size: int | None = None, fill_value: Any = None) -> Tracer:
    """The different elements; see `unique_all`."""
    return unique_all(x, size=size, fill_value=fill_value).values


def unique(
    ar: Any,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: Any = None,
    *,
    equal_nan: bool = True,
    sorted: bool = True,  # noqa: A002
    size: int | None = None,
    fill_value: Any = None,
) -> Any:
    """`np.unique` with a static `size` and a `fill_value`, as `jax.numpy.unique` has them; see `unique_all`."""
    del sorted
    if axis is not None:
        fail_unsupported("np.unique: axis=", "use it on arrays of one dimension")
    x = as_tracer(ar)
    result = _unique(x, size, fill_value, equal_nan=equal_nan)
    wanted = (return_index, return_inverse, return_counts)
    chosen = [part for part, is_wanted in zip(result[1:], wanted, strict=True) if is_wanted]
    return (result.values, *chosen) if chosen else result.values


def isin(
    element: Any, test_elements: Any, assume_unique: bool = False, invert: bool = False, *, kind: Any = None
) -> Tracer:
    """`np.isin`."""
    del assume_unique, kind
    x = as_tracer(element)
    candidates = as_tracer(test_elements)
    candidates = candidates.reshape(-1 if candidates.size else 0)
    if not candidates.size:
        return xp.full_like(x, invert, dtype=BOOL)
    dtype = result_dtype(x, candidates)
    if dtype.kind == "c":  # which cannot be searched
        is_there = (x[..., np.newaxis] == candidates).any(-1)
        return ~is_there if invert else is_there
    ordered, queries = sort(astype(candidates, dtype)), astype(x, dtype)
    place = xp.minimum(searchsorted(ordered, queries), candidates.size - 1)
    is_there = xp.take(ordered, place) == queries
    return ~is_there if invert else is_there


FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.bincount: bincount,
    np.histogram: histogram,
    np.histogram_bin_edges: histogram_bin_edges,
    np.unique: unique,
    np.unique_all: unique_all,
    np.unique_counts: unique_counts,
    np.unique_inverse: unique_inverse,
    np.unique_values: unique_values,
    np.isin: isin,
}
"""The functions of this file by the function of NumPy that they are."""
