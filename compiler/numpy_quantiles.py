"""Medians, quantiles and percentiles, by all the methods of NumPy (Hyndman and Fan, 1996), also without NaN."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from compiler.axes import normalize_axes
from compiler.errors import DtypeError, ShapeError, at_user_line
from compiler.frames import current_frame
from compiler.numpy_linalg import astype
from compiler.numpy_reductions import MISSING
from compiler.numpy_sorting import sort
from compiler.numpy_ufuncs import store
from compiler.operands import as_tracer
from compiler.promotion import BOOL, FLOAT64
from compiler.tracer import Tracer, fail_unsupported, value_of, xp
from dialects.dlc.interfaces import dtype_kind


def _position(alpha: float, beta: float) -> Callable[[Any, Any], Any]:
    return lambda n, q: n * q + (alpha + q * (1 - alpha - beta)) - 1


def _fraction(share: Any, _: Any) -> Any:
    return share


CONTINUOUS: dict[str, tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Any]]] = {
    "linear": (lambda n, q: (n - 1) * q, _fraction),
    "averaged_inverted_cdf": (lambda n, q: n * q - 1, lambda share, _: xp.where(share == 0, 0.5, 1.0)),
    "interpolated_inverted_cdf": (_position(0, 1), _fraction),
    "hazen": (_position(0.5, 0.5), _fraction),
    "weibull": (_position(0, 0), _fraction),
    "median_unbiased": (_position(1 / 3, 1 / 3), _fraction),
    "normal_unbiased": (_position(3 / 8, 3 / 8), _fraction),
    "midpoint": (
        lambda n, q: 0.5 * (xp.floor((n - 1) * q) + xp.ceil((n - 1) * q)),
        lambda _, place: xp.where(place % 1 == 0, 0.0, 0.5),
    ),
}
"""For each method the place of quantile `q` among `n` elements, and how far from the element before to the next one."""


def _boundary(place: Any, takes_lower: Callable[[Any, Any], Any]) -> Any:
    lower = xp.floor(place)
    return xp.maximum(xp.where(takes_lower(place - lower, lower), lower, lower + 1), 0)


DISCRETE: dict[str, Callable[[Any, Any], Any]] = {
    "lower": lambda n, q: xp.floor((n - 1) * q),
    "higher": lambda n, q: xp.ceil((n - 1) * q),
    "nearest": lambda n, q: xp.round((n - 1) * q),
    "inverted_cdf": lambda n, q: _boundary(n * q - 1, lambda share, _: share == 0),
    "closest_observation": lambda n, q: _boundary(n * q - 1.5, lambda share, lower: (share == 0) & (lower % 2 == 1)),
}
"""For each method the place of the element that quantile `q` among `n` elements is."""


def _rows(what: str, a: Any, axis: Any) -> tuple[Tracer, tuple[int, ...]]:
    """The array with the dimensions of `axis` joined into the last, and those dimensions."""
    x = as_tracer(a)
    dims = normalize_axes(what, axis, x.ndim)
    kept = [d for d in range(x.ndim) if d not in dims]
    moved = xp.transpose(x, (*kept, *dims))
    return moved.reshape((*(x.shape[d] for d in kept), math.prod(x.shape[d] for d in dims))), dims


def _finish(what: str, x: Any, result: Tracer, dims: tuple[int, ...], front: int, keepdims: Any, out: Any) -> Tracer:
    """Keep the dimensions `dims` with size 1, behind the `front` dimensions of the quantiles."""
    if keepdims is not MISSING and keepdims:
        sizes = iter(result.shape[front:])
        rank = as_tracer(x).ndim
        result = result.reshape((*result.shape[:front], *(1 if d in dims else next(sizes) for d in range(rank))))
    return result if out is None else store(what, out, value_of(result, current_frame()))


def _quantile(rows: Tracer, q: Any, method: str, count: Any) -> Tracer:
    """The quantiles `q`, of one dimension, in front; `count` elements of each row are not NaN, or all (`None`)."""
    ordered = sort(rows, -1)
    n = rows.shape[-1] if count is None else count[..., np.newaxis]
    bound = n - 1
    last = ordered[..., -1:]
    if method in DISCRETE:
        result = _elements(ordered, xp.clip(DISCRETE[method](n, q), 0, bound))
    else:
        find, share_of = CONTINUOUS[method]
        place = find(n, q)
        lower = xp.floor(place)
        share = share_of(place - lower, place)
        below, above = (_elements(ordered, xp.clip(p, 0, bound)) for p in (lower, lower + 1))
        difference = above - below
        # From the nearer side, as NumPy does, so that equal elements give themselves.
        result = xp.where(share >= 0.5, above - difference * (1 - share), below + difference * share)
    if dtype_kind(rows.dtype) == "f":
        is_missing = xp.isnan(last) if count is None else n == 0
        result = xp.where(is_missing, np.asarray(math.nan, result.dtype), result)
    return xp.moveaxis(result, -1, 0)


def _elements(ordered: Tracer, places: Any) -> Tracer:
    """The elements of each row at `places`, which are the same for all rows unless traced."""
    if not isinstance(places, Tracer):
        return ordered[..., np.asarray(places).astype(np.int64)]
    places = places.astype(np.int64)
    shape = (*ordered.shape[:-1], places.shape[-1])
    return xp.take_along_axis(ordered, xp.broadcast_to(places, shape), -1)


def _quantiles(what: str, scale: float, *, without_nan: bool) -> Callable[..., Tracer]:
    def compute(
        a: Any,
        q: Any,
        axis: Any = None,
        out: Any = None,
        overwrite_input: bool = False,
        method: str = "linear",
        keepdims: Any = MISSING,
        *,
        weights: Any = None,
        interpolation: Any = None,
    ) -> Tracer:
        del overwrite_input, interpolation
        if weights is not None:
            fail_unsupported(
                f"np.{what}: weights=", "repeat the elements, or compute `np.cumsum` of the sorted weights"
            )
        if method not in CONTINUOUS and method not in DISCRETE:
            raise ShapeError(
                at_user_line(f"{what}: method is {method!r}; use one of {', '.join(sorted((*CONTINUOUS, *DISCRETE)))}")
            )
        rows, dims = _rows(what, a, axis)
        if rows.dtype == BOOL:
            raise DtypeError(at_user_line(f"{what}: the array is of bools; convert with `.astype(np.float64)`"))
        _check_elements(what, a, rows, axis)
        is_float = dtype_kind(rows.dtype) == "f"
        if isinstance(q, Tracer):
            levels: Any = q if dtype_kind(q.dtype) == "f" else q.astype(np.float64)
        else:
            levels = np.asarray(q, rows.dtype if is_float and isinstance(q, int | float) else None)
            levels = levels if dtype_kind(levels.dtype) == "f" else levels.astype(np.float64)
        levels = levels if scale == 1 else levels / levels.dtype.type(scale)
        if not isinstance(levels, Tracer) and not np.all((levels >= 0) & (levels <= 1)):
            raise ShapeError(at_user_line(f"{what}: q={q} is not between 0 and {scale:g}"))
        count = xp.sum(~xp.isnan(rows), -1).astype(levels.dtype) if without_nan and is_float else None
        result = _quantile(rows, levels.reshape(-1), method, count)
        result = result.reshape((*levels.shape, *result.shape[1:]))
        return _finish(what, a, result, dims, levels.ndim, keepdims, out)

    return compute


def _check_elements(what: str, a: Any, rows: Tracer, axis: Any) -> None:
    if rows.shape[-1] == 0:
        raise ShapeError(
            at_user_line(f"{what}: an array of shape {as_tracer(a).shape} has no element along axis {axis}")
        )


def _median(what: str, *, without_nan: bool) -> Callable[..., Tracer]:
    def compute(
        a: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False, keepdims: Any = MISSING
    ) -> Tracer:
        del overwrite_input
        rows, dims = _rows(what, a, axis)
        _check_elements(what, a, rows, axis)
        rows = rows if dtype_kind(rows.dtype) in "fc" else astype(rows, FLOAT64)
        ordered = sort(rows, -1)
        if without_nan:
            count = xp.sum(~xp.isnan(rows), -1)[..., np.newaxis]
            middle = [xp.maximum((count - 1) // 2, 0), count // 2]
            is_missing = count == 0
            pair = [_elements(ordered, xp.minimum(place, rows.shape[-1] - 1)) for place in middle]
        else:
            size = rows.shape[-1]
            pair = [ordered[..., (size - 1) // 2 : (size - 1) // 2 + 1], ordered[..., size // 2 : size // 2 + 1]]
            is_missing = xp.isnan(ordered[..., -1:])
        result = xp.where(pair[0] == pair[1], pair[0], (pair[0] + pair[1]) * 0.5)
        result = xp.where(is_missing, np.asarray(math.nan, rows.dtype), result)[..., 0]
        return _finish(what, a, result, dims, 0, keepdims, out)

    return compute


FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.median: _median("median", without_nan=False),
    np.nanmedian: _median("nanmedian", without_nan=True),
    np.quantile: _quantiles("quantile", 1.0, without_nan=False),
    np.nanquantile: _quantiles("nanquantile", 1.0, without_nan=True),
    np.percentile: _quantiles("percentile", 100.0, without_nan=False),
    np.nanpercentile: _quantiles("nanpercentile", 100.0, without_nan=True),
}
"""The functions of this file by the function of NumPy that they are."""
