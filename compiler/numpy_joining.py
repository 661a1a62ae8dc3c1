"""Functions that join and split arrays: concatenate, stack, split, append."""

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from compiler.axes import normalize_axis
from compiler.errors import ShapeError, at_user_line
from compiler.frames import current_frame
from compiler.numpy_ufuncs import store
from compiler.operands import as_tracer, operand_value
from compiler.promotion import join_shapes, result_dtype
from compiler.tracer import Tracer, value_of, xp
from compiler.views import reshaped
from dialects.dlc import slicing


def _arrays(sequence: Any) -> list[Any]:
    """The arrays to join; a traced array is the sequence of its rows."""
    return list(sequence)


def _join(what: str, arrays: Sequence[Any], dim: int, dtype: Any) -> Tracer:
    """The arrays, of equal rank, one after the other along `dim`."""
    dtype = result_dtype(*arrays) if dtype is None else np.dtype(dtype)
    shapes = tuple(np.shape(x) for x in arrays)
    rest = {shape[:dim] + shape[dim + 1 :] for shape in shapes}
    if len({len(shape) for shape in shapes}) > 1 or len(rest) > 1:
        raise ShapeError(
            at_user_line(f"{what}: shapes {join_shapes(shapes)} do not fit: they may differ in dimension {dim} only")
        )
    frame = current_frame()
    values = [operand_value(frame, x, dtype, shape) for x, shape in zip(arrays, shapes, strict=True)]
    return Tracer(frame, values[0] if len(values) == 1 else slicing.concatenate(frame.builder, values, dim))


def concatenate(
    arrays: Any, axis: int | None = 0, out: Any = None, *, dtype: Any = None, casting: str = "same_kind"
) -> Tracer:
    """`np.concatenate`."""
    del casting
    parts = [x if isinstance(x, Tracer) else np.asarray(x) for x in _arrays(arrays)]
    if not parts:
        raise ShapeError(at_user_line("concatenate: there is no array to join"))
    if axis is None:
        parts, axis = [x.reshape(-1) for x in parts], 0
    if parts[0].ndim == 0:
        raise ShapeError(at_user_line("concatenate: arrays without dimensions cannot be joined; use `np.stack`"))
    result = _join("concatenate", parts, normalize_axis("concatenate", axis, parts[0].ndim), dtype)
    return result if out is None else store("concatenate", out, value_of(result, current_frame()))


def stack(arrays: Any, axis: int = 0, out: Any = None, *, dtype: Any = None, casting: str = "same_kind") -> Tracer:
    """`np.stack`."""
    del casting
    parts = [as_tracer(x) for x in _arrays(arrays)]
    shapes = tuple(x.shape for x in parts)
    if not parts or len(set(shapes)) > 1:
        problem = f"shapes {join_shapes(shapes)} are not all the same" if parts else "there is no array to stack"
        raise ShapeError(at_user_line(f"stack: {problem}"))
    dim = normalize_axis("stack", axis, len(shapes[0]) + 1)
    shape = (*shapes[0][:dim], 1, *shapes[0][dim:])
    dtype = result_dtype(*parts) if dtype is None else dtype
    result = _join("stack", [reshaped(x, shape) for x in parts], dim, dtype)
    return result if out is None else store("stack", out, value_of(result, current_frame()))


def _stacking(prepare: Callable[[Any], Any], axis: int | None) -> Callable[..., Tracer]:
    def join(tup: Any, *, dtype: Any = None, casting: str = "same_kind") -> Tracer:
        parts = [prepare(as_tracer(x)) for x in _arrays(tup)]
        along = axis if axis is not None else 0 if parts and parts[0].ndim == 1 else 1
        return concatenate(parts, along, dtype=dtype, casting=casting)

    return join


def column_stack(tup: Any) -> Tracer:
    """`np.column_stack`."""
    parts = [as_tracer(x) for x in _arrays(tup)]
    return concatenate([x if x.ndim > 1 else reshaped(x, (x.size, 1)) for x in parts], 1)


def append(arr: Any, values: Any, axis: int | None = None) -> Tracer:
    """`np.append`."""
    return concatenate([as_tracer(arr), as_tracer(values)], axis)


def array_split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Tracer]:
    """`np.array_split`."""
    x = as_tracer(ary)
    dim = normalize_axis("split", axis, x.ndim)
    # NumPy itself cuts the positions, so that ends beyond the array and uneven parts are as it has them.
    return [_range(x, dim, part) for part in np.array_split(np.arange(x.shape[dim]), indices_or_sections)]


def _range(x: Tracer, dim: int, positions: np.ndarray[Any, Any]) -> Tracer:
    first, last = (int(positions[0]), int(positions[-1]) + 1) if positions.size else (0, 0)
    return x[(*(slice(None),) * dim, slice(first, last))]


def split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Tracer]:
    """`np.split`."""
    x = as_tracer(ary)
    size = x.shape[normalize_axis("split", axis, x.ndim)]
    if np.ndim(indices_or_sections) == 0 and size % operator.index(indices_or_sections):
        raise ShapeError(
            at_user_line(f"split: {indices_or_sections} equal parts do not fit a size of {size}; use `np.array_split`")
        )
    return array_split(x, indices_or_sections, axis)


def vsplit(ary: Any, indices_or_sections: Any) -> list[Tracer]:
    """`np.vsplit`."""
    return split(ary, indices_or_sections, 0)


def hsplit(ary: Any, indices_or_sections: Any) -> list[Tracer]:
    """`np.hsplit`."""
    return split(ary, indices_or_sections, 0 if as_tracer(ary).ndim == 1 else 1)


def dsplit(ary: Any, indices_or_sections: Any) -> list[Tracer]:
    """`np.dsplit`."""
    return split(ary, indices_or_sections, 2)


def unstack(x: Any, /, *, axis: int = 0) -> tuple[Tracer, ...]:
    """`np.unstack`."""
    return tuple(xp.moveaxis(as_tracer(x), axis, 0))


FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.concatenate: concatenate,
    np.stack: stack,
    np.vstack: _stacking(np.atleast_2d, 0),
    np.hstack: _stacking(np.atleast_1d, None),
    np.dstack: _stacking(np.atleast_3d, 2),
    np.column_stack: column_stack,
    np.append: append,
    np.array_split: array_split,
    np.split: split,
    np.vsplit: vsplit,
    np.hsplit: hsplit,
    np.dsplit: dsplit,
}
"""The functions of this file by the function of NumPy that they are."""
if hasattr(np, "unstack"):  # NumPy 2.1 and later
    FUNCTIONS[np.unstack] = unstack
