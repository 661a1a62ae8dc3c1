"""`x[index]` and `x[index] = value` on tracers, by NumPy's rules.

Integers, slices, `...` and `np.newaxis` give a view (`Window`). Integer arrays, traced or not, and masks that are
constant gather and scatter; a traced mask selects, in assignment only. Constant indices are checked; traced ones cannot
be: negative ones count from the end, others outside are clamped when reading and dropped when writing.
"""

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeGuard

import numpy as np
from xdsl.ir import SSAValue

from compiler.axes import is_array, is_sequence
from compiler.errors import DtypeError, ShapeError, TracingError, at_user_line
from compiler.frames import Array, Frame, current_frame
from compiler.operands import as_tracer, broadcast_value, contains_tracer, operand_value
from compiler.promotion import BOOL, INT64, broadcast_shapes
from compiler.tracer import Tracer, describe, fail_unsupported, value_of
from compiler.views import Window, window_view, wrapped_index
from dialects.builder import tensor_type
from dialects.dlc.constants import zeros
from dialects.dlc.indexing import gather, scatter
from dialects.dlc.interfaces import element_type_of, shape_of
from dialects.dlc.selection import select
from dialects.dlc.shape import inverse_permutation, reshape, transpose
from dialects.dlc.slicing import concatenate

IndexArray: TypeAlias = "Array | Tracer"
"""An array of integers that picks elements of a dimension."""

Item: TypeAlias = "slice | int | Array | Tracer | None"
"""One part of an index: a new dimension, a slice, a position (traced: 0-d), or an array of positions."""


@dataclass(frozen=True)
class Selection:
    """An index in two steps: a window, then arrays of positions in dimensions `dims` of the window.

    `is_adjacent` tells where the dimensions of the arrays go: to the place of `dims`, or to the front.
    """

    window: Window
    dims: tuple[int, ...]
    arrays: tuple[IndexArray, ...]
    is_adjacent: bool


def read(x: Tracer, index: Any) -> Tracer:
    """`x[index]`."""
    selection = select_index(x.shape, index)
    frame = current_frame()
    if not selection.arrays:
        return window_view(x, selection.window)
    base = selection.window.read(frame.builder, value_of(x, frame))
    value = gather_windows(frame, base, selection.dims, selection.arrays)
    order = _result_order(selection, len(shape_of(base)), len(shape_of(value)))
    return Tracer(frame, value if order is None else transpose(frame.builder, value, order))


def write(x: Tracer, index: Any, value: Any) -> None:
    """`x[index] = value`."""
    mask = _traced_mask(index)
    frame = current_frame()
    if mask is not None:
        _write_masked(frame, x, mask, value)
        return
    selection = select_index(x.shape, index)
    window = selection.window
    if isinstance(value, Tracer) and value.is_view_of(x, window) and not selection.arrays:
        return  # the second half of `x[index] += …`, which has changed the view already
    b = frame.builder
    base = value_of(x, frame)
    if not selection.arrays:
        x.assign(window.write(b, base, _assigned_value(frame, x, value, window.result_shape)))
        return
    part = window.read(b, base)
    x.assign(window.write(b, base, _scatter_into(frame, x, part, selection, value, "set")))


def add_at(x: Tracer, index: Any, value: Any) -> None:
    """`np.add.at(x, index, value)`: as `x[index] += value`, but equal positions add up."""
    selection = select_index(x.shape, index)
    if not selection.arrays:
        x[index] += value
        return
    frame = current_frame()
    base = value_of(x, frame)
    part = selection.window.read(frame.builder, base)
    part = _scatter_into(frame, x, part, selection, value, "add")
    x.assign(selection.window.write(frame.builder, base, part))


def gather_windows(
    frame: Frame, x: SSAValue, dims: Sequence[int], arrays: Sequence[IndexArray], *, wraps: bool = True
) -> SSAValue:
    """The elements of `x` at positions `arrays` in `dims`: the dimensions of the arrays, then the rest of `x`.

    `wraps` says whether negative traced positions count from the end; constant ones are expected to be in range.
    """
    shape = shape_of(x)
    indices = stack_indices(frame, [shape[d] for d in dims], arrays, wraps=wraps)
    batch = shape_of(indices)[:-1]
    result_shape = (*batch, *(size for d, size in enumerate(shape) if d not in dims))
    if 0 in result_shape:
        return zeros(frame.builder, tensor_type(element_type_of(x), result_shape))
    return gather(frame.builder, x, indices, dims)


def stack_indices(frame: Frame, sizes: Sequence[int], arrays: Sequence[IndexArray], *, wraps: bool = True) -> SSAValue:
    """The positions as the `…xK` operand of gather and scatter: one array per dimension, broadcast, nonnegative."""
    shape = broadcast_shapes("indexing", *(array.shape for array in arrays))
    if not any(isinstance(array, Tracer) for array in arrays):
        stacked = np.stack([np.broadcast_to(np.asarray(array), shape) for array in arrays], axis=-1)
        return frame.constant(np.ascontiguousarray(stacked, INT64))
    b = frame.builder
    columns: list[SSAValue] = []
    for array, size in zip(arrays, sizes, strict=True):
        column = operand_value(frame, array, INT64, array.shape)
        if isinstance(array, Tracer) and wraps:
            if size == 0 and 0 not in shape:
                raise ShapeError(at_user_line("index: a dimension of size 0 has no element to pick"))
            column = wrapped_index(b, column, size)
        columns.append(reshape(b, broadcast_value(frame, column, shape), (*shape, 1)))
    return columns[0] if len(columns) == 1 else concatenate(b, columns, len(shape))


# Reading an index


def select_index(shape: tuple[int, ...], index: Any) -> Selection:
    """What `index` means on an array of `shape`.

    Raises:
        ShapeError: too many indices, or a constant one out of range.
        DtypeError: an array that is neither of integers nor of bools.
        TracingError: a traced mask, or a traced value as a bound of a slice.
        UnsupportedError: a bool without dimensions.
    """
    items, breaks = _expand(shape, index)
    is_fancy = any(isinstance(item, np.ndarray) or (isinstance(item, Tracer) and item.shape) for item in items)
    starts: list[int] = []
    steps: list[int] = []
    sizes: list[int] = []
    dynamic: list[SSAValue | None] = []
    result_shape: list[int] = []
    dims: list[int] = []
    arrays: list[IndexArray] = []
    fancy_positions: list[int] = []
    for position, item in enumerate(items):
        if item is None:
            result_shape.append(1)
            continue
        d = len(sizes)
        start, step, size, traced = 0, 1, shape[d], None
        if isinstance(item, slice):
            start, stop, step = item.indices(shape[d])
            size = len(range(start, stop, step))
            result_shape.append(size)
        elif is_fancy:
            dims.append(len(result_shape))
            fancy_positions.append(position)
            result_shape.append(size)
            arrays.append(item if isinstance(item, Tracer) else _checked_positions(np.asarray(item), size, d))
        elif isinstance(item, Tracer):
            if size == 0:
                raise ShapeError(at_user_line(f"index: dimension {d} has size 0, so it has no element to pick"))
            size, traced = 1, value_of(item, current_frame())
        else:
            start, size = int(_checked_positions(np.asarray(item), size, d)), 1
        starts.append(start)
        steps.append(step)
        sizes.append(size)
        dynamic.append(traced)
    window = Window(tuple(starts), tuple(steps), tuple(sizes), tuple(dynamic), tuple(result_shape))
    is_adjacent = not fancy_positions or (
        fancy_positions[-1] - fancy_positions[0] + 1 == len(fancy_positions)
        and not any(fancy_positions[0] < position <= fancy_positions[-1] for position in breaks)
    )
    return Selection(window, tuple(dims), tuple(arrays), is_adjacent)


def _expand(shape: tuple[int, ...], index: Any) -> tuple[list[Item], list[int]]:
    """The parts of `index`, one per dimension besides new ones; and where an ellipsis stood."""
    parts: tuple[Any, ...] = index if _is_tuple(index) else (index,)
    items: list[Item] = []
    ellipsis: int | None = None
    for part in parts:
        if part is Ellipsis:
            if ellipsis is not None:
                raise ShapeError(at_user_line("index: `...` may stand only once"))
            ellipsis = len(items)
        else:
            items.extend(_items_of(part, shape, items))
    used = sum(item is not None for item in items)
    if used > len(shape):
        raise ShapeError(
            at_user_line(f"index: too many indices: the array has shape {shape} and {used} dimensions are indexed")
        )
    fill: list[Item] = [slice(None)] * (len(shape) - used)
    if ellipsis is None:
        return [*items, *fill], []
    return [*items[:ellipsis], *fill, *items[ellipsis:]], [ellipsis]


def _is_tuple(x: object) -> TypeGuard[tuple[Any, ...]]:
    return isinstance(x, tuple)


def _is_slice(x: object) -> TypeGuard[slice]:
    return isinstance(x, slice)


def _items_of(part: Any, shape: tuple[int, ...], before: Sequence[Item]) -> Sequence[Item]:
    if part is None or _is_slice(part):
        return (part,)
    if isinstance(part, bool | np.bool_):
        fail_unsupported("indexing with a single bool", "use `np.where`")
    if is_sequence(part):
        part = as_tracer(part) if contains_tracer(part) else np.asarray(part, INT64 if not part else None)
    if isinstance(part, Tracer):
        if part.dtype == BOOL:
            raise TracingError(
                at_user_line(
                    f"index: the mask is {describe(part)}: how many elements it picks is not known while tracing; use "
                    "`np.where(mask, x, other)`, or assign to the elements: `x[mask] = value`"
                )
            )
        if part.dtype.kind not in "iu":
            raise DtypeError(at_user_line(f"index: {describe(part)} is not of integers; convert with `.astype(int)`"))
        return (part,)
    if is_array(part):
        if part.dtype == BOOL:
            d = sum(item is not None for item in before)
            if part.ndim == 0:
                fail_unsupported("indexing with a single bool", "use `np.where`")
            if part.shape != shape[d : d + part.ndim]:
                raise ShapeError(
                    at_user_line(f"index: the mask has shape {part.shape} and does not fit an array of shape {shape}")
                )
            return np.nonzero(part)
        if part.dtype.kind not in "iu":
            raise DtypeError(
                at_user_line(f"index: an array of {part.dtype.name} cannot be an index; convert with `.astype(int)`")
            )
        return (part.astype(INT64),) if part.ndim else (int(part),)
    try:
        return (operator.index(part),)
    except TypeError:
        raise DtypeError(
            at_user_line(
                f"index: {type(part).__name__} cannot be an index; use integers, slices, `...`, `np.newaxis` or arrays"
            )
        ) from None


def _checked_positions(positions: Array, size: int, dim: int) -> Array:
    """Constant positions, made nonnegative; raise `ShapeError` if one is out of range."""
    is_outside = (positions < -size) | (positions >= size)
    if np.any(is_outside):
        wrong = int(positions[is_outside].flat[0])
        raise ShapeError(at_user_line(f"index: {wrong} is out of bounds for dimension {dim} of size {size}"))
    return np.where(positions < 0, positions + size, positions).astype(INT64)


def _traced_mask(index: Any) -> Tracer | None:
    """The mask, if the index is a traced array of bools."""
    if _is_tuple(index) and len(index) == 1:
        index = index[0]
    return index if isinstance(index, Tracer) and index.dtype == BOOL and index.shape else None


# Writing


def _result_order(selection: Selection, window_rank: int, result_rank: int) -> tuple[int, ...] | None:
    """How to permute gather's result, which has the dimensions of the arrays first; `None` if it is right so."""
    first = selection.dims[0]
    if not selection.is_adjacent or first == 0:
        return None
    batch = result_rank - (window_rank - len(selection.dims))
    return (*range(batch, batch + first), *range(batch), *range(batch + first, result_rank))


def _scatter_into(frame: Frame, x: Tracer, part: SSAValue, selection: Selection, value: Any, mode: str) -> SSAValue:
    """`part`, the window of `x`, with `value` at the positions of the selection."""
    b = frame.builder
    shape = shape_of(part)
    indices = stack_indices(frame, [shape[d] for d in selection.dims], selection.arrays)
    windows = (*shape_of(indices)[:-1], *(size for d, size in enumerate(shape) if d not in selection.dims))
    order = _result_order(selection, len(shape), len(windows))
    if order is None:
        updates = _assigned_value(frame, x, value, windows)
    else:
        updates = _assigned_value(frame, x, value, tuple(windows[d] for d in order))
        updates = transpose(b, updates, inverse_permutation(order))
    if 0 in windows:
        return part
    return scatter(b, part, indices, updates, selection.dims, mode)  # pyright: ignore[reportArgumentType]


def _assigned_value(frame: Frame, x: Tracer, value: Any, shape: tuple[int, ...]) -> SSAValue:
    """`value` as what is assigned to a part of `x` of `shape`: cast, and broadcast; leading sizes of 1 may be extra."""
    if is_sequence(value) and contains_tracer(value):
        value = as_tracer(value)
    if not isinstance(value, Tracer):
        value = np.asarray(value)
    if value.dtype.kind == "c" and x.dtype.kind != "c":
        raise DtypeError(at_user_line(f"assignment: a complex value does not fit into an array of {x.dtype.name}"))
    while value.ndim > len(shape) and value.shape[0] == 1:
        value = value.reshape(value.shape[1:])
    if value.ndim > len(shape) or broadcast_shapes("assignment", value.shape, shape) != shape:
        raise ShapeError(
            at_user_line(f"assignment: a value of shape {value.shape} does not fit into a part of shape {shape}")
        )
    return operand_value(frame, value, x.dtype, shape)


def _write_masked(frame: Frame, x: Tracer, mask: Tracer, value: Any) -> None:
    """`x[mask] = value` for a value that is the same for every element that the mask picks."""
    if x.shape[: mask.ndim] != mask.shape:
        raise ShapeError(
            at_user_line(f"index: the mask has shape {mask.shape} and does not fit an array of shape {x.shape}")
        )
    value = value if isinstance(value, Tracer) else np.asarray(value)
    rest = x.shape[mask.ndim :]
    if value.ndim > len(rest):
        raise TracingError(
            at_user_line(
                f"assignment: the mask is {describe(mask)}, and a value of shape {value.shape} has one row per element "
                "that it picks; how many is not known while tracing; use `np.where(mask, value, x)`"
            )
        )
    new = broadcast_value(frame, _assigned_value(frame, x, value, rest), x.shape)
    spread = reshape(frame.builder, value_of(mask, frame), (*mask.shape, *[1] * len(rest)))
    x.assign(select(frame.builder, broadcast_value(frame, spread, x.shape), new, value_of(x, frame)))
