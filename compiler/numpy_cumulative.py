"""Cumulative functions: sums, products and extremes of the elements so far; differences and integrals of samples."""

from collections.abc import Callable
from typing import Any

import numpy as np
from xdsl.ir import SSAValue

from compiler.axes import normalize_axes, normalize_axis
from compiler.errors import ShapeError, at_user_line
from compiler.frames import current_frame
from compiler.numpy_linalg import astype
from compiler.numpy_reductions import in_accumulator_dtype, truth
from compiler.numpy_ufuncs import store
from compiler.operands import as_tracer
from compiler.promotion import BOOL, FLOAT64, INT32
from compiler.tracer import Tracer, value_of, xp
from dialects.builder import OpBuilder
from dialects.dlc import cumulative
from dialects.dlc.interfaces import dtype_kind

Accumulator = Callable[[OpBuilder, SSAValue, int], SSAValue]


def accumulate_along(what: str, accumulator: Accumulator, x: Tracer, axis: Any, out: Any = None) -> Tracer:
    """The cumulative operation along `axis`, or of all elements in order if it is `None`."""
    x = x.reshape(-1 if x.size else 0) if axis is None else x
    dim = normalize_axis(what, 0 if axis is None else axis, x.ndim)
    frame = current_frame()
    result = Tracer(frame, accumulator(frame.builder, value_of(x, frame), dim))
    return result if out is None else store(what, out, value_of(result, frame))


def cumsum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Tracer:
    """`np.cumsum`."""
    x = in_accumulator_dtype(as_tracer(a), dtype)
    if x.dtype == BOOL:
        return _accumulate_bools("cumsum", cumulative.cummax, x, axis, out)
    return accumulate_along("cumsum", cumulative.cumsum, x, axis, out)


def cumprod(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Tracer:
    """`np.cumprod`."""
    x = in_accumulator_dtype(as_tracer(a), dtype)
    if x.dtype == BOOL:
        return _accumulate_bools("cumprod", cumulative.cummin, x, axis, out)
    return accumulate_along("cumprod", cumulative.cumprod, x, axis, out)


def _accumulate_bools(what: str, accumulator: Accumulator, x: Tracer, axis: Any, out: Any) -> Tracer:
    result = astype(accumulate_along(what, accumulator, astype(x, INT32), axis), BOOL)
    return result if out is None else store(what, out, value_of(result, current_frame()))


def _with_initial(what: str, function: Callable[..., Tracer], initial: int) -> Callable[..., Tracer]:
    def accumulate(
        x: Any, /, *, axis: Any = None, dtype: Any = None, out: Any = None, include_initial: bool = False
    ) -> Tracer:
        x = as_tracer(x)
        if axis is None and x.ndim != 1:
            raise ShapeError(at_user_line(f"{what}: an array of shape {x.shape} needs axis="))
        dim = normalize_axis(what, 0 if axis is None else axis, x.ndim)
        result = function(x, dim, dtype)
        if include_initial:
            result = xp.pad(result, [(int(d == dim), 0) for d in range(x.ndim)], constant_values=initial)
        return result if out is None else store(what, out, value_of(result, current_frame()))

    return accumulate


def nancumsum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Tracer:
    """`np.nancumsum`."""
    x = as_tracer(a)
    return cumsum(xp.where(xp.isnan(x), np.zeros((), x.dtype), x), axis, dtype, out)


def nancumprod(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Tracer:
    """`np.nancumprod`."""
    x = as_tracer(a)
    return cumprod(xp.where(xp.isnan(x), np.ones((), x.dtype), x), axis, dtype, out)


def _extreme(what: str, accumulator: Accumulator) -> Callable[..., Tracer]:
    def accumulate(array: Any, axis: Any = 0, dtype: Any = None, out: Any = None) -> Tracer:
        x = as_tracer(array) if dtype is None else as_tracer(array).astype(dtype)
        if x.dtype == BOOL:
            return _accumulate_bools(what, accumulator, x, axis, out)
        return accumulate_along(what, accumulator, x, axis, out)

    return accumulate


def _logaddexp(array: Any, axis: Any = 0, dtype: Any = None, out: Any = None) -> Tracer:
    x = as_tracer(array)
    x = x.astype(dtype) if dtype is not None else x if dtype_kind(x.dtype) == "f" else astype(x, FLOAT64)
    return accumulate_along("logaddexp", cumulative.cumlogsumexp, x, axis, out)


def _truths(accumulator: Accumulator) -> Callable[..., Tracer]:
    def accumulate(array: Any, axis: Any = 0, dtype: Any = None, out: Any = None) -> Tracer:
        del dtype
        return _accumulate_bools("logical", accumulator, truth(as_tracer(array)), axis, out)

    return accumulate


ACCUMULATIONS: dict[np.ufunc, Callable[..., Tracer]] = {
    np.add: cumsum,
    np.multiply: cumprod,
    np.maximum: _extreme("maximum", cumulative.cummax),
    np.minimum: _extreme("minimum", cumulative.cummin),
    np.logaddexp: _logaddexp,
    np.logical_and: _truths(cumulative.cummin),
    np.logical_or: _truths(cumulative.cummax),
}
"""What `accumulate` of a ufunc is, of an array, an axis, a dtype and `out`."""


def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Tracer:
    """`np.ediff1d`."""
    differences = xp.diff(as_tracer(ary).reshape(-1))
    ends = [None if end is None else as_tracer(end).astype(differences.dtype).reshape(-1) for end in (to_begin, to_end)]
    parts = [part for part in (ends[0], differences, ends[1]) if part is not None]
    return xp.concatenate(parts) if len(parts) > 1 else differences


def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Tracer:
    """`np.trapezoid`: the integral of samples by the trapezoidal rule."""
    samples = as_tracer(y)
    dim = normalize_axis("trapezoid", axis, samples.ndim)
    if x is None:
        width = dx
    else:
        places = as_tracer(x)
        width = xp.diff(places, axis=dim if places.ndim > 1 else 0)
        if places.ndim == 1:
            width = width.reshape([width.size if d == dim else 1 for d in range(samples.ndim)])
    before = (slice(None),) * dim
    heights = samples[(*before, slice(1, None))] + samples[(*before, slice(None, -1))]
    return xp.sum(width * heights / 2.0, axis=dim)


def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    """`np.gradient`: second-order differences inside, of order `edge_order` at the ends."""
    x = as_tracer(f)
    x = x if dtype_kind(x.dtype) in "fc" else x.astype(np.float64)
    dims = normalize_axes("gradient", axis, x.ndim)
    spacings = [1.0] * len(dims) if not varargs else list(varargs) * len(dims) if len(varargs) == 1 else list(varargs)
    if len(spacings) != len(dims) or edge_order not in {1, 2}:
        raise ShapeError(
            at_user_line(
                f"gradient: {len(spacings)} spacings for {len(dims)} axes and edge_order={edge_order}; "
                "give one spacing, or one per axis, and an edge order of 1 or 2"
            )
        )
    results = [_slope(x, spacing, dim, edge_order) for spacing, dim in zip(spacings, dims, strict=True)]
    return results[0] if len(results) == 1 else tuple(results)


def _slope(x: Tracer, spacing: Any, dim: int, edge_order: int) -> Tracer:
    size = x.shape[dim]
    if size <= edge_order:
        raise ShapeError(
            at_user_line(f"gradient: dimension {dim} of shape {x.shape} needs at least {edge_order + 1} elements")
        )
    places = as_tracer(spacing)
    if places.ndim == 1 and places.size != size:
        raise ShapeError(at_user_line(f"gradient: {places.size} coordinates do not fit dimension {dim} of {x.shape}"))
    y = xp.moveaxis(x, dim, -1)
    step = xp.diff(places) if places.ndim else xp.broadcast_to(places, (size - 1,))
    before, after = step[:-1], step[1:]
    inside = (
        -after / (before * (before + after)) * y[..., :-2]
        + (after - before) / (before * after) * y[..., 1:-1]
        + before / (after * (before + after)) * y[..., 2:]
    )
    ends = [
        _end_slope(y[..., :3], step[:2], edge_order),
        _end_slope(y[..., ::-1][..., :3], -step[::-1][:2], edge_order),
    ]
    # As NumPy: spacings in double precision do not widen the result.
    return xp.moveaxis(astype(xp.concatenate([ends[0], inside, ends[1]], -1), x.dtype), -1, dim)


def _end_slope(y: Tracer, step: Tracer, edge_order: int) -> Tracer:
    """The slope at the first of three samples."""
    if edge_order == 1:
        return (y[..., 1:2] - y[..., :1]) / step[0]
    first, second = step[0], step[1]
    return (
        -(2.0 * first + second) / (first * (first + second)) * y[..., :1]
        + (first + second) / (first * second) * y[..., 1:2]
        - first / (second * (first + second)) * y[..., 2:3]
    )


FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.cumsum: cumsum,
    np.cumprod: cumprod,
    np.nancumsum: nancumsum,
    np.nancumprod: nancumprod,
    np.ediff1d: ediff1d,
    np.trapezoid: trapezoid,
    np.gradient: gradient,
}
"""The functions of this file by the function of NumPy that they are."""
if hasattr(np, "cumulative_sum"):  # NumPy 2.1 and later
    FUNCTIONS[np.cumulative_sum] = _with_initial("cumulative_sum", cumsum, 0)
    FUNCTIONS[np.cumulative_prod] = _with_initial("cumulative_prod", cumprod, 1)
