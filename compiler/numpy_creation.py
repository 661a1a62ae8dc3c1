"""New arrays made after the model of a traced one: `np.zeros_like(x)`, `np.zeros(shape, like=x)` and the like."""

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from compiler.abstract import unsupported_dtype
from compiler.axes import is_sequence
from compiler.errors import DtypeError, ShapeError, at_user_line
from compiler.frames import current_frame
from compiler.operands import as_tracer, contains_tracer, operand_value
from compiler.promotion import result_dtype
from compiler.tracer import Tracer, xp
from dialects.dlc.interfaces import ELEMENT_TYPES


def filled(shape: Any, value: Any, dtype: Any) -> Tracer:
    """A new array of `value`, which may be traced and of any shape that fits."""
    sizes = tuple(map(operator.index, shape)) if is_sequence(shape) else (operator.index(shape),)
    dtype = np.dtype(dtype)
    if dtype not in ELEMENT_TYPES:
        raise DtypeError(at_user_line(unsupported_dtype(dtype, "the new array")))
    frame = current_frame()
    return Tracer(frame, operand_value(frame, value, dtype, sizes))


def full_like(
    a: Any, fill_value: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None
) -> Any:
    """A new array of `fill_value` with the shape and dtype of `a`."""
    del order, subok
    x = as_tracer(a)
    return filled(x.shape if shape is None else shape, fill_value, x.dtype if dtype is None else dtype)


def _like(value: int) -> Callable[..., Tracer]:
    def make(
        a: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None, device: Any = None
    ) -> Any:
        del device
        return full_like(a, value, dtype, order, subok, shape)

    return make


def _sized(value: int) -> Callable[..., Tracer]:
    def make(shape: Any, dtype: Any = None, order: str = "C", *, device: Any = None) -> Tracer:
        del order, device
        return filled(shape, value, np.float64 if dtype is None else dtype)

    return make


def linspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, retstep: bool = False, dtype: Any = None, axis: int = 0,
    *, device: Any = None,
) -> Any:  # fmt: skip
    """`num` numbers at equal distances from `start` to `stop`, along a new axis."""
    del device
    count = operator.index(num)
    if count < 0:
        raise ShapeError(at_user_line(f"linspace: num={num} is negative"))
    common = result_dtype(start, stop, 1.0)
    first, last = (as_tracer(x).astype(common) for x in (start, stop))
    parts = count - 1 if endpoint else count
    step = (last - first) / (parts or math.nan)
    steps = np.arange(count).astype(common).reshape(-1, *(1,) * step.ndim)
    values = first + steps * step if parts > 0 else first + steps * (last - first)
    if endpoint and count > 1:
        values = xp.concatenate([values[:-1], xp.broadcast_to(last, step.shape)[np.newaxis]])
    result = xp.moveaxis(values, 0, axis)
    if dtype is not None:
        target = np.dtype(dtype)
        result = (xp.floor(result) if target.kind in "iu" else result).astype(target)
    return (result, step) if retstep else result


def full(shape: Any, fill_value: Any, dtype: Any = None, order: str = "C", *, device: Any = None) -> Tracer:
    """A new array of `fill_value`."""
    del order, device
    value = as_tracer(fill_value)
    return filled(shape, fill_value, value.dtype if dtype is None else dtype)


def array(object: Any, dtype: Any = None, **_: Any) -> Tracer:  # noqa: A002
    """A copy of an array, or of nested lists of traced values."""
    x = as_tracer(object if contains_tracer([object]) else np.asarray(object, dtype))
    return x.copy() if dtype is None else x.astype(dtype)


def _constant(function: Callable[..., Any]) -> Callable[..., Tracer]:
    """The function of NumPy on constants, its result traced."""
    return lambda *args, **kwargs: as_tracer(function(*args, **kwargs)).copy()


FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.zeros_like: _like(0),
    np.ones_like: _like(1),
    np.empty_like: _like(0),
    np.full_like: full_like,
    np.zeros: _sized(0),
    np.ones: _sized(1),
    np.empty: _sized(0),
    np.full: full,
    np.array: array,
    np.asarray: array,
    np.asanyarray: array,
    np.ascontiguousarray: array,
    np.linspace: linspace,
    np.arange: _constant(np.arange),
    np.eye: _constant(np.eye),
    np.identity: _constant(np.identity),
    np.tri: _constant(np.tri),
}
"""The functions of this file by the function of NumPy that they are, called with `like=`."""
