"""Arrays of every kind as values of the function being traced, and back."""

from typing import Any

import numpy as np
from xdsl.ir import SSAValue

from compiler.abstract import AbstractArray, check_dtype, unsupported_dtype
from compiler.axes import is_sequence
from compiler.errors import DtypeError, at_user_line
from compiler.frames import Array, Frame, current_frame
from compiler.tracer import Tracer, value_of
from dialects.dlc import broadcast, conversion
from dialects.dlc.interfaces import ELEMENT_TYPES, dtype_of, shape_of, tensor_type_of


def new_tracer(value: SSAValue, weak_type: bool = False) -> Tracer:
    """The traced array that stands for a value of the current frame."""
    return Tracer(current_frame(), value, weak_type)


def array_value(x: Any) -> SSAValue:
    """A tracer, NumPy array or Python scalar as a value of the current frame, with its own dtype."""
    frame = current_frame()
    if isinstance(x, Tracer):
        return value_of(x, frame)
    array = as_array(x)
    check_constant_dtype(array.dtype)
    return frame.splat(array, ()) if array.ndim == 0 else frame.constant(array)


def as_array(x: Any) -> Array:
    """A concrete operand as a NumPy array of its own dtype, in native byte order."""
    array = np.asarray(x)
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def check_constant_dtype(dtype: np.dtype[Any]) -> None:
    """Raise `DtypeError` if a constant has a dtype that is not supported."""
    if dtype not in ELEMENT_TYPES:
        raise DtypeError(at_user_line(unsupported_dtype(dtype, "a constant array")))


def as_tracer(x: Any) -> Tracer:
    """`x` as a traced array: a constant, or stacked from a list with tracers in it; a scalar becomes a 0-d array.

    As NumPy's functions other than ufuncs do with `np.asarray`, a scalar gets its own dtype for good.
    """
    if isinstance(x, Tracer):
        return Tracer(current_frame(), array_value(x)) if x.weak_type else x
    if is_sequence(x) and contains_tracer(x):
        return as_tracer(np.stack([as_tracer(item) for item in x]))
    return Tracer(current_frame(), array_value(x))


def contains_tracer(items: Any) -> bool:
    """Whether a tracer is in a list or tuple, or in one of those in it."""
    return any(isinstance(item, Tracer) or (is_sequence(item) and contains_tracer(item)) for item in items)


def aval_of(x: Any) -> AbstractArray:
    """Shape, dtype and weak type of a tracer or constant of a supported dtype."""
    if isinstance(x, Tracer):
        return x.aval
    array = as_array(x)
    check_dtype(array.dtype, "a constant array")
    return AbstractArray(
        array.shape, array.dtype, isinstance(x, int | float | complex) and not isinstance(x, np.generic | bool)
    )


def operand_value(frame: Frame, x: Any, dtype: np.dtype[Any], shape: tuple[int, ...]) -> SSAValue:
    """A tracer or constant, converted to `dtype` and broadcast to `shape`, which its shape must fit."""
    if isinstance(x, Tracer):
        return broadcast_value(frame, convert_value(frame, value_of(x, frame), dtype), shape)
    array = np.asarray(x)
    if array.dtype != dtype:
        with np.errstate(all="ignore"):
            array = array.astype(dtype)
    if dtype not in ELEMENT_TYPES:
        raise DtypeError(at_user_line(unsupported_dtype(dtype, "a constant array")))
    if array.size == 1:
        return frame.splat(array.reshape(()), shape)
    return broadcast_value(frame, frame.constant(array), shape)


def convert_value(frame: Frame, value: SSAValue, dtype: np.dtype[Any]) -> SSAValue:
    """`value` with elements of `dtype`."""
    if dtype_of(tensor_type_of(value)) == dtype:
        return value
    if dtype not in ELEMENT_TYPES:
        raise DtypeError(at_user_line(unsupported_dtype(dtype, "the result")))
    return conversion.convert(frame.builder, value, ELEMENT_TYPES[dtype])


def broadcast_value(frame: Frame, value: SSAValue, shape: tuple[int, ...]) -> SSAValue:
    """`value` broadcast to `shape` by NumPy's rules, which it must fit."""
    current = shape_of(value)
    if current == shape:
        return value
    return broadcast.broadcast_in_dim(frame.builder, value, shape, range(len(shape) - len(current), len(shape)))
