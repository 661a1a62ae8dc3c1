"""Functions that choose elements, and tests of elements: where, take, clip, round, isclose, diff."""

import math
from collections.abc import Callable
from typing import Any, cast

import numpy as np
from ml_dtypes import finfo

from compiler.axes import normalize_axis
from compiler.errors import DtypeError, ShapeError, at_user_line
from compiler.frames import current_frame
from compiler.indexing import gather_windows, read, select_index, write
from compiler.numpy_linalg import astype
from compiler.numpy_reductions import MISSING, all_, truth
from compiler.numpy_ufuncs import store
from compiler.operands import as_tracer, operand_value
from compiler.promotion import BOOL, FLOAT64, INT64, broadcast_shapes, result_dtype
from compiler.tracer import Tracer, fail_unsupported, is_scalar, value_of, xp
from compiler.views import position_along
from dialects.dlc.interfaces import dtype_kind
from dialects.dlc.selection import select


def where(condition: Any, x: Any = MISSING, y: Any = MISSING, /) -> Tracer:
    """`np.where` with three arguments."""
    if x is MISSING or y is MISSING:
        fail_unsupported(
            "np.where with one argument",
            "how many positions there are is not known while tracing; use `np.where(condition, x, y)`",
        )
    condition = truth(as_tracer(condition))
    shape = broadcast_shapes("where", condition.shape, np.shape(x), np.shape(y))
    dtype = result_dtype(x, y)
    frame = current_frame()
    values = [operand_value(frame, operand, dtype, shape) for operand in (x, y)]
    mask = value_of(condition, frame) if not condition.shape else operand_value(frame, condition, BOOL, shape)
    return Tracer(frame, select(frame.builder, mask, *values))


def select_(condlist: Any, choicelist: Any, default: Any = 0) -> Tracer:
    """`np.select`."""
    result = default
    for condition, choice in reversed(list(zip(condlist, choicelist, strict=True))):
        result = where(condition, choice, result)
    return astype(as_tracer(result), result_dtype(*choicelist, default))


def clip(
    a: Any,
    a_min: Any = None,
    a_max: Any = None,
    out: Any = None,
    *,
    min: Any = None,  # noqa: A002
    max: Any = None,  # noqa: A002
    **_: Any,
) -> Tracer:
    """`np.clip`."""
    low, high = (a_min if min is None else min), (a_max if max is None else max)
    low, high = (None if bound is MISSING else bound for bound in (low, high))
    arguments = {} if out is None else {"out": (out,)}
    for bound in (low, high):
        if type(bound) is int and not isinstance(a, int) and result_dtype(a).kind in "iu":
            limits = np.iinfo(result_dtype(a))
            if bound is low and bound < limits.min:
                low = None
            elif bound is high and bound > limits.max:
                high = None
    if low is None and high is None:
        return xp.positive(a, **arguments)
    if high is None:
        return xp.maximum(a, low, **arguments)
    if low is None:
        return xp.minimum(a, high, **arguments)
    return xp.minimum(xp.maximum(a, low), high, **arguments)


def round_(a: Any, decimals: int = 0, out: Any = None) -> Tracer:
    """`np.round`: half to even."""
    x = as_tracer(a)
    if x.dtype.kind == "c":
        result = round_(x.real, decimals) + 1j * round_(x.imag, decimals)
    elif dtype_kind(x.dtype) == "f":
        if decimals == 0:
            result = xp.rint(x)
        else:
            # As NumPy: scale, round, scale back.
            factor = 10.0 ** abs(decimals)
            result = xp.rint(x * factor) / factor if decimals > 0 else xp.rint(x / factor) * factor
    elif x.dtype == BOOL:
        raise DtypeError(at_user_line("round: the array is of bools; convert with `.astype(np.float64)`"))
    elif decimals >= 0:
        result = x.copy()
    else:
        factor = 10 ** (-decimals)
        result = astype(xp.rint(x / factor) * factor, x.dtype)
    return result if out is None else store("round", out, value_of(result, current_frame()))


def take(a: Any, indices: Any, axis: Any = None, out: Any = None, mode: str = "raise") -> Tracer:
    """`np.take`. Traced indices out of range cannot raise: they are clamped."""
    x = as_tracer(a)
    if axis is None:
        x, axis = x.reshape(-1), 0
    dim = normalize_axis("take", axis, x.ndim)
    size = x.shape[dim]
    if not isinstance(indices, Tracer):
        indices = np.asarray(indices) if np.size(indices) else np.asarray(indices, INT64)
    if mode == "wrap":
        indices = indices % size
    elif mode == "clip":
        indices = xp.clip(indices, 0, size - 1)
    result = read(x, (*(slice(None),) * dim, indices))
    if result.is_view:
        result = result.copy()
    return result if out is None else store("take", out, value_of(result, current_frame()))


def take_along_axis(arr: Any, indices: Any, axis: int | None = -1) -> Tracer:
    """`np.take_along_axis`."""
    x, index = _index_along("take_along_axis", arr, indices, axis)
    frame = current_frame()
    arrays = select_index(x.shape, index).arrays
    return Tracer(frame, gather_windows(frame, value_of(x, frame), range(x.ndim), arrays))


def put_along_axis(arr: Any, indices: Any, values: Any, axis: int | None) -> None:
    """`np.put_along_axis`."""
    x, index = _index_along("put_along_axis", arr, indices, axis)
    write(x, index, values)


def _index_along(what: str, arr: Any, indices: Any, axis: int | None) -> tuple[Tracer, tuple[Any, ...]]:
    """The array, and the index that picks `x[i0, …, positions[i0, …, in], …, in]`."""
    x = as_tracer(arr)
    if axis is None:
        x, axis = x.reshape(-1), 0
    positions = as_tracer(indices)
    dim = normalize_axis(what, axis, x.ndim)
    if positions.ndim != x.ndim:
        raise ShapeError(
            at_user_line(f"{what}: indices of shape {positions.shape} must have as many dimensions as {x.shape}")
        )
    shape = tuple(positions.shape[d] if d == dim else size for d, size in enumerate(x.shape))
    broadcast_shapes(what, positions.shape, shape)
    parts: list[Any] = []
    for d, size in enumerate(x.shape):
        sizes = tuple(size if k == d else 1 for k in range(x.ndim))
        # A constant picks without checks; one that would be large is counted by an iota instead.
        parts.append(indices if d == dim else position_along(sizes, d) if size > 64 else np.arange(size).reshape(sizes))
    return x, tuple(parts)


def diff(a: Any, n: int = 1, axis: int = -1, prepend: Any = MISSING, append: Any = MISSING) -> Tracer:
    """`np.diff`."""
    x = as_tracer(a)
    if x.ndim == 0:
        raise ShapeError(at_user_line("diff: the array has no dimension"))
    dim = normalize_axis("diff", axis, x.ndim)
    edges: list[Tracer] = [x]
    for edge, place in ((prepend, 0), (append, len(edges) + 1)):
        if edge is not MISSING:
            part = as_tracer(edge)
            if part.ndim == 0:
                part = xp.broadcast_to(part, tuple(1 if d == dim else size for d, size in enumerate(x.shape)))
            edges.insert(place, part)
    if len(edges) > 1:
        x = xp.concatenate(edges, dim)
    before = (slice(None),) * dim
    for _ in range(n):
        step = xp.not_equal if x.dtype == BOOL else xp.subtract
        x = step(x[(*before, slice(1, None))], x[(*before, slice(None, -1))])
    return x


def isclose(a: Any, b: Any, rtol: Any = 1e-05, atol: Any = 1e-08, equal_nan: bool = False) -> Tracer:
    """`np.isclose`."""
    x, y = as_tracer(a), as_tracer(b)
    if dtype_kind(y.dtype) not in "fc" and not is_scalar(b):
        y = astype(y, FLOAT64)
    is_near = (xp.abs(x - y) <= atol + rtol * xp.abs(y)) & xp.isfinite(y)
    result = is_near | (x == y)
    return result | (xp.isnan(x) & xp.isnan(y)) if equal_nan else result


def allclose(a: Any, b: Any, rtol: Any = 1e-05, atol: Any = 1e-08, equal_nan: bool = False) -> Tracer:
    """`np.allclose`, as a traced bool."""
    return all_(isclose(a, b, rtol, atol, equal_nan))


def array_equal(a1: Any, a2: Any, equal_nan: bool = False) -> Any:
    """`np.array_equal`, as a traced bool; false at once if the shapes differ."""
    x, y = as_tracer(a1), as_tracer(a2)
    if x.shape != y.shape:
        return False
    same = x == y
    if equal_nan and dtype_kind(x.dtype) in "fc" and dtype_kind(y.dtype) in "fc":
        same = same | (xp.isnan(x) & xp.isnan(y))
    return all_(same)


def array_equiv(a1: Any, a2: Any) -> Any:
    """`np.array_equiv`, as a traced bool."""
    return all_(as_tracer(a1) == as_tracer(a2))


def nan_to_num(x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Tracer:
    """`np.nan_to_num`."""
    array = as_tracer(x)
    if array.dtype.kind == "c":
        parts = [nan_to_num(part, True, nan, posinf, neginf) for part in (array.real, array.imag)]
        result = astype(parts[0] + 1j * parts[1], array.dtype)
    elif dtype_kind(array.dtype) == "f":
        limits = cast(Any, finfo(array.dtype))
        high = float(limits.max) if posinf is None else posinf
        low = float(limits.min) if neginf is None else neginf
        result = where(xp.isnan(array), nan, array)
        result = where(array == math.inf, high, result)
        result = where(array == -math.inf, low, result)
    else:
        result = array
    if not copy:
        return store("nan_to_num", array, value_of(result, current_frame()))
    return result.copy()


def fill_diagonal(a: Any, val: Any, wrap: bool = False) -> None:
    """`np.fill_diagonal`."""
    x = as_tracer(a)
    if wrap or x.ndim < 2:
        fail_unsupported("np.fill_diagonal: wrap=", "assign with an index")
    positions = np.arange(min(x.shape))
    write(x, (positions,) * x.ndim, val)


def putmask(a: Any, mask: Any, values: Any) -> None:
    """`np.putmask` with one value."""
    if np.ndim(values):
        fail_unsupported("np.putmask with several values", "use `np.where`")
    write(as_tracer(a), as_tracer(mask), values)


def fix(x: Any, out: Any = None) -> Tracer:
    """`np.fix`."""
    return xp.trunc(x) if out is None else xp.trunc(x, out=out)


def isposinf(x: Any, out: Any = None) -> Tracer:
    """`np.isposinf`."""
    return _signed_infinity(x, out, math.inf)


def isneginf(x: Any, out: Any = None) -> Tracer:
    """`np.isneginf`."""
    return _signed_infinity(x, out, -math.inf)


def _signed_infinity(x: Any, out: Any, infinity: float) -> Tracer:
    x = as_tracer(x)
    result = x == infinity if dtype_kind(x.dtype) == "f" else xp.zeros_like(x, dtype=BOOL)
    return result if out is None else store("isinf", out, value_of(result, current_frame()))


def sinc(x: Any) -> Tracer:
    """`np.sinc`."""
    x = as_tracer(x)
    y = math.pi * where(x == 0, 1.0e-20, x if dtype_kind(x.dtype) in "fc" else astype(x, FLOAT64))
    return xp.sin(y) / y


def result_type(*arrays_and_dtypes: Any) -> np.dtype[Any]:
    """`np.result_type`."""
    operands: list[Any] = [
        x if isinstance(x, Tracer | np.ndarray | np.generic | int | float) else np.zeros((), x)
        for x in arrays_and_dtypes
    ]
    return result_dtype(*operands)


def can_cast(from_: Any, to: Any, casting: str = "safe") -> bool:
    """`np.can_cast`."""
    return xp.can_cast(from_.dtype if isinstance(from_, Tracer) else from_, to, casting)


FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.where: where,
    np.select: select_,
    np.clip: clip,
    np.round: round_,
    np.around: round_,
    np.take: take,
    np.take_along_axis: take_along_axis,
    np.put_along_axis: put_along_axis,
    np.diff: diff,
    np.isclose: isclose,
    np.allclose: allclose,
    np.array_equal: array_equal,
    np.array_equiv: array_equiv,
    np.nan_to_num: nan_to_num,
    np.fill_diagonal: fill_diagonal,
    np.putmask: putmask,
    np.fix: fix,
    np.isposinf: isposinf,
    np.isneginf: isneginf,
    np.sinc: sinc,
    np.result_type: result_type,
    np.can_cast: can_cast,
}
"""The functions of this file by the function of NumPy that they are."""
