"""Functions that choose elements, and tests of elements: where, clip, round, isclose, diff."""

import math
from collections.abc import Callable
from typing import Any, cast

import numpy as np
from ml_dtypes import finfo

from compiler.axes import normalize_axis
from compiler.errors import DtypeError, ShapeError, at_user_line
from compiler.frames import current_frame
from compiler.numpy_linalg import astype
from compiler.numpy_reductions import MISSING, all_, truth
from compiler.numpy_ufuncs import store
from compiler.operands import as_tracer, operand_value
from compiler.promotion import BOOL, FLOAT64, broadcast_shapes, result_dtype
from compiler.tracer import Tracer, fail_unsupported, is_scalar, value_of, xp
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
    if x.dtype.kind == "c":
        raise DtypeError(
            at_user_line(f"isposinf, isneginf: the array has dtype {x.dtype}; complex numbers have no sign")
        )
    result = x == infinity if dtype_kind(x.dtype) == "f" else xp.zeros_like(x, dtype=BOOL)
    return result if out is None else store("isinf", out, value_of(result, current_frame()))


def sinc(x: Any) -> Tracer:
    """`np.sinc`; near 0 by its series, which has derivatives there."""
    x = as_tracer(x)
    y = math.pi * (x if dtype_kind(x.dtype) in "fc" else astype(x, FLOAT64))
    is_small = abs(y) < 3.0e-3
    square = where(is_small, y * y, 0.0)
    far = where(is_small, 1.0, y)
    return where(is_small, 1 + square * (-1 / 6 + square * (1 / 120 - square / 5040)), xp.sin(far) / far)


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
    np.diff: diff,
    np.isclose: isclose,
    np.allclose: allclose,
    np.array_equal: array_equal,
    np.array_equiv: array_equiv,
    np.nan_to_num: nan_to_num,
    np.fix: fix,
    np.isposinf: isposinf,
    np.isneginf: isneginf,
    np.sinc: sinc,
    np.result_type: result_type,
    np.can_cast: can_cast,
}
"""The functions of this file by the function of NumPy that they are."""
