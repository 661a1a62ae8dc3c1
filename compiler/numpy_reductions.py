"""Reductions: sums, extremes, means, tests of all or any, and their variants that ignore NaN."""

import math
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
from xdsl.ir import SSAValue

from compiler.axes import normalize_axes, normalize_axis
from compiler.errors import ShapeError, at_user_line
from compiler.frames import current_frame
from compiler.numpy_linalg import astype
from compiler.numpy_ufuncs import store
from compiler.operands import as_tracer
from compiler.promotion import BOOL, FLOAT32, FLOAT64
from compiler.tracer import Tracer, value_of, xp
from dialects.builder import OpBuilder
from dialects.dlc import arg_extrema, reduction
from dialects.dlc.broadcast import reduce_sum
from dialects.dlc.interfaces import dtype_kind

MISSING: Any = xp._NoValue
"""What NumPy passes for an argument that was left out."""

Reducer = Callable[[OpBuilder, SSAValue, Sequence[int]], SSAValue]


def reduce_array(
    what: str, reducer: Reducer, x: Tracer, axis: Any, keepdims: Any, *, initial: Any = MISSING, join: Any = None
) -> Tracer:
    """Reduce `x` over `axis`, and join the result with `initial`, cast to its dtype, if there is one."""
    dims = normalize_axes(what, axis, x.ndim)
    frame = current_frame()
    result = Tracer(frame, reducer(frame.builder, value_of(x, frame), sorted(dims)) if dims else value_of(x, frame))
    if keepdims is not MISSING and keepdims:
        result = result.reshape([1 if d in dims else size for d, size in enumerate(x.shape)])
    return result if initial is MISSING else join(result, astype(as_tracer(initial), result.dtype))


def _finish(what: str, result: Tracer, out: Any) -> Tracer:
    return result if out is None else store(what, out, value_of(result, current_frame()))


def _selected(x: Tracer, where: Any, neutral: Any) -> Tracer:
    """`x` with what `where` leaves out replaced by the neutral element."""
    return x if where is MISSING or where is True else xp.where(where, x, np.asarray(neutral, x.dtype))


def in_accumulator_dtype(x: Tracer, dtype: Any = None) -> Tracer:
    """`x` in the dtype that NumPy adds and multiplies it in: integers in no less than 64 bits."""
    if dtype is not None:
        return x.astype(dtype)
    return astype(x, accumulator_dtype(x.dtype))


@cache
def accumulator_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype that NumPy adds and multiplies numbers of `dtype` in: integers have at least 64 bits."""
    return np.sum(np.empty(0, dtype)).dtype


def sum_(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = MISSING, initial: Any = MISSING,
    where: Any = MISSING,
) -> Tracer:  # fmt: skip
    """`np.sum`."""
    x = _selected(in_accumulator_dtype(as_tracer(a), dtype), where, 0)
    if x.dtype == BOOL:
        return any_(x, axis, out, keepdims)
    return _finish("sum", reduce_array("sum", reduce_sum, x, axis, keepdims, initial=initial, join=xp.add), out)


def prod(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = MISSING, initial: Any = MISSING,
    where: Any = MISSING,
) -> Tracer:  # fmt: skip
    """`np.prod`."""
    x = _selected(in_accumulator_dtype(as_tracer(a), dtype), where, 1)
    if x.dtype == BOOL:
        return all_(x, axis, out, keepdims)
    result = reduce_array("prod", reduction.reduce_prod, x, axis, keepdims, initial=initial, join=xp.multiply)
    return _finish("prod", result, out)


def _extreme(what: str, reducer: Reducer, of_bools: Reducer, join: np.ufunc, neutral: float) -> Callable[..., Tracer]:
    def reduce(
        a: Any, axis: Any = None, out: Any = None, keepdims: Any = MISSING, initial: Any = MISSING,
        where: Any = MISSING,
    ) -> Tracer:  # fmt: skip
        x = as_tracer(a)
        if where is not MISSING and where is not True and initial is MISSING:
            raise ShapeError(at_user_line(f"{what}: where= needs initial=, the value if no element is selected"))
        if where is not MISSING:
            x = _selected(x, where, least_or_greatest(x.dtype, neutral))
        dims = normalize_axes(what, axis, x.ndim)
        if initial is MISSING and any(x.shape[d] == 0 for d in dims):
            raise ShapeError(
                at_user_line(
                    f"{what}: an array of shape {x.shape} has no element along axis {axis}, so there is no {what}; "
                    "pass initial=, or skip empty arrays"
                )
            )
        if initial is not MISSING and any(x.shape[d] == 0 for d in dims):
            sizes = x.sum(axis, keepdims=False if keepdims is MISSING else keepdims).shape
            return _finish(what, xp.full_like(x, initial, shape=sizes), out)
        used = of_bools if x.dtype == BOOL else reducer
        return _finish(what, reduce_array(what, used, x, axis, keepdims, initial=initial, join=join), out)

    return reduce


def least_or_greatest(dtype: np.dtype[Any], sign: float) -> Any:
    """The greatest value of a dtype if `sign` is positive, the least if negative."""
    if dtype == BOOL:
        return sign > 0
    if dtype.kind in "iu":
        return np.iinfo(dtype).max if sign > 0 else np.iinfo(dtype).min
    return math.copysign(math.inf, sign)


max_ = _extreme("max", reduction.reduce_max, reduction.reduce_or, np.maximum, -1.0)
min_ = _extreme("min", reduction.reduce_min, reduction.reduce_and, np.minimum, 1.0)


def any_(a: Any, axis: Any = None, out: Any = None, keepdims: Any = MISSING, *, where: Any = MISSING) -> Tracer:
    """`np.any`."""
    x = _selected(truth(as_tracer(a)), where, False)
    return _finish("any", reduce_array("any", reduction.reduce_or, x, axis, keepdims), out)


def all_(a: Any, axis: Any = None, out: Any = None, keepdims: Any = MISSING, *, where: Any = MISSING) -> Tracer:
    """`np.all`."""
    x = _selected(truth(as_tracer(a)), where, True)
    return _finish("all", reduce_array("all", reduction.reduce_and, x, axis, keepdims), out)


def _bitwise(what: str, reducer: Reducer, neutral: int) -> Callable[..., Tracer]:
    def reduce(
        a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = MISSING, initial: Any = MISSING,
        where: Any = MISSING,
    ) -> Tracer:  # fmt: skip
        x = as_tracer(a) if dtype is None else as_tracer(a).astype(dtype)
        x = _selected(x, where, True if x.dtype == BOOL and neutral else neutral)
        ufunc = getattr(xp, what)
        return _finish(what, reduce_array(what, reducer, x, axis, keepdims, initial=initial, join=ufunc), out)

    return reduce


bitwise_and_of = _bitwise("bitwise_and", reduction.reduce_and, -1)
bitwise_or_of = _bitwise("bitwise_or", reduction.reduce_or, 0)
bitwise_xor_of = _bitwise("bitwise_xor", reduction.reduce_xor, 0)


def logical_xor_of(a: Any, *arguments: Any, **named: Any) -> Tracer:
    """`np.logical_xor.reduce`: whether an odd number of elements is true."""
    return bitwise_xor_of(truth(as_tracer(a)), *arguments, **named)


def logaddexp_of(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = MISSING, initial: Any = MISSING,
    where: Any = MISSING,
) -> Tracer:  # fmt: skip
    """`np.logaddexp.reduce`: `log(sum(exp(a)))` without overflow."""
    x = as_tracer(a)
    x = x.astype(dtype) if dtype is not None else x if dtype_kind(x.dtype) == "f" else astype(x, FLOAT64)
    x = _selected(x, where, -math.inf)
    largest = max_(x, axis, keepdims=True, initial=-math.inf)
    # Not a number would come of infinity minus infinity.
    shift = xp.where(xp.isinf(largest), np.zeros((), x.dtype), largest)
    total = xp.log(sum_(xp.exp(x - shift), axis, keepdims=True)) + shift
    dims = normalize_axes("logaddexp", axis, x.ndim)
    result = total if keepdims is not MISSING and keepdims else xp.squeeze(total, dims)
    result = result if initial is MISSING else xp.logaddexp(result, astype(as_tracer(initial), x.dtype))
    return _finish("logaddexp", result, out)


def truth(x: Tracer) -> Tracer:
    """`x != 0`."""
    return x if x.dtype == BOOL else x != 0


def count_nonzero(a: Any, axis: Any = None, *, keepdims: bool = False) -> Tracer:
    """`np.count_nonzero`."""
    return sum_(truth(as_tracer(a)), axis, keepdims=keepdims)


def _positions(what: str, find: Callable[[OpBuilder, SSAValue, int], SSAValue]) -> Callable[..., Tracer]:
    def reduce(a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = MISSING) -> Tracer:
        x = as_tracer(a)
        flat = x.reshape(-1) if axis is None else x
        dim = normalize_axis(what, 0 if axis is None else axis, flat.ndim)
        if flat.shape[dim] == 0:
            raise ShapeError(at_user_line(f"{what}: an array of shape {x.shape} has no element along axis {axis}"))
        frame = current_frame()
        result = Tracer(frame, find(frame.builder, value_of(flat, frame), dim))
        if keepdims is not MISSING and keepdims:
            result = result.reshape([1 if axis is None or d == dim else size for d, size in enumerate(x.shape)])
        return _finish(what, result, out)

    return reduce


argmax = _positions("argmax", arg_extrema.argmax)
argmin = _positions("argmin", arg_extrema.argmin)


def _count(x: Tracer, axis: Any, where: Any, keepdims: Any) -> Any:
    """How many elements a mean is of: a number, or an array if `where` selects."""
    if where is MISSING or where is True:
        return math.prod(x.shape[d] for d in normalize_axes("mean", axis, x.ndim))
    return sum_(xp.broadcast_to(as_tracer(where), x.shape), axis, keepdims=keepdims)


def mean(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = MISSING, *, where: Any = MISSING
) -> Tracer:
    """`np.mean`."""
    x = as_tracer(a)
    x = x.astype(dtype) if dtype is not None else x if dtype_kind(x.dtype) in "fc" else astype(x, FLOAT64)
    wide = _computed(x)
    total = sum_(wide, axis, None, None, keepdims, where=where)
    return _finish("mean", astype(xp.true_divide(total, _count(x, axis, where, keepdims)), x.dtype), out)


def _computed(x: Tracer) -> Tracer:
    """`x` in the dtype that NumPy computes means in: float16 (and bfloat16) in float32, so that sums do not overflow."""
    return astype(x, FLOAT32) if x.dtype.itemsize == 2 else x


def var(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0, keepdims: Any = MISSING, *,
    where: Any = MISSING, mean: Any = MISSING, correction: Any = MISSING,
) -> Tracer:  # fmt: skip
    """`np.var`."""
    return _finish("var", _variance(a, axis, dtype, ddof, keepdims, where, mean, correction), out)


def std(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0, keepdims: Any = MISSING, *,
    where: Any = MISSING, mean: Any = MISSING, correction: Any = MISSING,
) -> Tracer:  # fmt: skip
    """`np.std`."""
    return _finish("std", xp.sqrt(_variance(a, axis, dtype, ddof, keepdims, where, mean, correction)), out)


def _variance(
    a: Any, axis: Any, dtype: Any, ddof: Any, keepdims: Any, where: Any, mean_: Any, correction: Any
) -> Tracer:
    x = as_tracer(a)
    x = x.astype(dtype) if dtype is not None else x if dtype_kind(x.dtype) in "fc" else astype(x, FLOAT64)
    wide = _computed(x)
    centre = mean(wide, axis, None, None, keepdims=True, where=where) if mean_ is MISSING else mean_
    distance = wide - centre
    squares = xp.square(distance.real) + xp.square(distance.imag) if x.dtype.kind == "c" else xp.square(distance)
    total = sum_(squares, axis, None, None, keepdims, where=where)
    freedom = _count(x, axis, where, keepdims) - (ddof if correction is MISSING else correction)
    return astype(xp.true_divide(total, xp.maximum(freedom, 0)), x.real.dtype)


def average(a: Any, axis: Any = None, weights: Any = None, returned: bool = False, *, keepdims: Any = MISSING) -> Any:
    """`np.average`."""
    x = as_tracer(a)
    if weights is None:
        result = mean(x, axis, keepdims=keepdims)
        total: Any = xp.full_like(result, _count(x, axis, MISSING, keepdims))
    else:
        w = as_tracer(weights)
        if x.shape != w.shape:
            dims = normalize_axes("average", axis, x.ndim)
            if axis is None or w.shape != tuple(x.shape[d] for d in dims):
                raise ShapeError(
                    at_user_line(
                        f"average: weights of shape {w.shape} do not fit axis {axis} of an array of shape {x.shape}"
                    )
                )
            order = np.argsort(dims)
            w = xp.transpose(w, order).reshape([size if d in dims else 1 for d, size in enumerate(x.shape)])
        dtype = np.result_type(x.dtype, w.dtype, *([] if dtype_kind(x.dtype) in "fc" else [FLOAT64]))
        total = sum_(xp.broadcast_to(astype(w, dtype), x.shape), axis, keepdims=keepdims)
        result = sum_(astype(x, dtype) * astype(w, dtype), axis, keepdims=keepdims) / total
    return (result, total) if returned else result


def ptp(a: Any, axis: Any = None, out: Any = None, keepdims: Any = MISSING) -> Tracer:
    """`np.ptp`."""
    return _finish("ptp", max_(a, axis, None, keepdims) - min_(a, axis, None, keepdims), out)


def _present(x: Tracer) -> Tracer:
    return ~xp.isnan(x)


def _present_and(x: Tracer, where: Any) -> Tracer:
    return _present(x) if where is MISSING or where is True else _present(x) & where


def nansum(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = MISSING, initial: Any = MISSING,
    where: Any = MISSING,
) -> Tracer:  # fmt: skip
    """`np.nansum`."""
    x = as_tracer(a)
    return sum_(_selected(x, _present(x), 0), axis, dtype, out, keepdims, initial, where)


def nanprod(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = MISSING, initial: Any = MISSING,
    where: Any = MISSING,
) -> Tracer:  # fmt: skip
    """`np.nanprod`."""
    x = as_tracer(a)
    return prod(_selected(x, _present(x), 1), axis, dtype, out, keepdims, initial, where)


def nanmean(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = MISSING, *, where: Any = MISSING
) -> Tracer:
    """`np.nanmean`."""
    x = as_tracer(a)
    return mean(x, axis, dtype, out, keepdims, where=_present_and(x, where))


def nanvar(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0, keepdims: Any = MISSING, *,
    where: Any = MISSING,
) -> Tracer:  # fmt: skip
    """`np.nanvar`."""
    return _finish("nanvar", _nan_variance(a, axis, dtype, ddof, keepdims, where), out)


def nanstd(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0, keepdims: Any = MISSING, *,
    where: Any = MISSING,
) -> Tracer:  # fmt: skip
    """`np.nanstd`."""
    return _finish("nanstd", xp.sqrt(_nan_variance(a, axis, dtype, ddof, keepdims, where)), out)


def _nan_variance(a: Any, axis: Any, dtype: Any, ddof: Any, keepdims: Any, where: Any) -> Tracer:
    x = as_tracer(a)
    present = _present_and(x, where)
    result = var(_selected(x, present, 0), axis, dtype, None, ddof, keepdims, where=present)
    freedom = _count(x, axis, present, keepdims) - ddof
    return xp.where(freedom > 0, result, np.asarray(math.nan, result.dtype))


def _nan_extreme(reduce: Callable[..., Tracer], neutral: float) -> Callable[..., Tracer]:
    def ignoring(
        a: Any, axis: Any = None, out: Any = None, keepdims: Any = MISSING, initial: Any = MISSING,
        where: Any = MISSING,
    ) -> Tracer:  # fmt: skip
        x = as_tracer(a)
        if dtype_kind(x.dtype) != "f" or initial is not MISSING:
            x = x if dtype_kind(x.dtype) != "f" else _selected(x, _present(x), neutral)
            return reduce(x, axis, out, keepdims, initial, where)
        present = _present_and(x, where)
        result = reduce(_selected(x, present, neutral), axis, None, keepdims)
        found = any_(present, axis, None, keepdims)
        return _finish("nanmax", xp.where(found, result, np.asarray(math.nan, x.dtype)), out)

    return ignoring


FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.sum: sum_,
    np.prod: prod,
    np.max: max_,
    np.min: min_,
    np.amax: max_,
    np.amin: min_,
    np.any: any_,
    np.all: all_,
    np.argmax: argmax,
    np.argmin: argmin,
    np.mean: mean,
    np.var: var,
    np.std: std,
    np.average: average,
    np.ptp: ptp,
    np.count_nonzero: count_nonzero,
    np.nansum: nansum,
    np.nanprod: nanprod,
    np.nanmean: nanmean,
    np.nanvar: nanvar,
    np.nanstd: nanstd,
    np.nanmax: _nan_extreme(max_, -math.inf),
    np.nanmin: _nan_extreme(min_, math.inf),
}
"""The functions of this file by the function of NumPy that they are."""
