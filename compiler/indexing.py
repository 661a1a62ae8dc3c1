"""`x[index]` and `x[index] = value` on tracers, by NumPy's rules.

Integers, slices, `...` and `np.newaxis` give a view (`Window`). Integer arrays, traced or not, and masks that are
constant gather and scatter; a traced mask selects. Constant indices are checked; traced ones cannot
be: negative ones count from the end. Of those outside, a single integer means the nearest element; in an array of
positions they mean the nearest element when reading, and are dropped when writing.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple, cast

import numpy as np
from xdsl.ir import SSAValue

from compiler.axes import is_sequence
from compiler.errors import DtypeError, ShapeError, TracingError, at_user_line
from compiler.frames import Frame, current_frame
from compiler.index_selection import IndexArray, Selection, is_tuple, select_index
from compiler.masks import MaskedElements, mask_message
from compiler.operands import as_tracer, broadcast_value, contains_tracer, operand_value
from compiler.promotion import BOOL, INT64, broadcast_shapes
from compiler.tracer import Tracer, describe, value_of, xp
from compiler.views import window_view, wrapped_index
from dialects.builder import tensor_type
from dialects.dlc.constants import zeros
from dialects.dlc.index_layout import Bounds
from dialects.dlc.indexing import Mode, gather, scatter
from dialects.dlc.interfaces import element_type_of, shape_of
from dialects.dlc.selection import select
from dialects.dlc.shape import inverse_permutation, reshape, reshaped, transpose
from dialects.dlc.slicing import concatenate

_UFUNCS: dict[Mode, np.ufunc] = {"add": np.add, "mul": np.multiply, "min": np.minimum, "max": np.maximum}
"""What the modes of scatter do to single elements."""


def read(x: Tracer, index: Any) -> Tracer:
    """`x[index]`."""
    masked = _split_mask(x, index)
    if masked is not None:
        return cast(Tracer, _pick_masked(x, masked))  # not all that tracers can be used for
    selection = select_index(x.shape, index)
    if not selection.arrays:
        return window_view(x, selection.window)
    return gather_selection(x, selection, "clamp")


def gather_selection(x: Tracer, selection: Selection, bounds: Bounds) -> Tracer:
    """The elements of `x` that a selection with arrays picks."""
    frame = current_frame()
    base = selection.window.read(frame.builder, value_of(x, frame))
    value = gather_windows(frame, base, selection.dims, selection.arrays, bounds=bounds)
    order = _result_order(selection, len(shape_of(base)), len(shape_of(value)))
    return Tracer(frame, value if order is None else transpose(frame.builder, value, order))


def write(x: Tracer, index: Any, value: Any) -> None:
    """`x[index] = value`."""
    masked = _split_mask(x, index)
    if masked is not None:
        _write_masked(x, masked, value)
        return
    if isinstance(value, MaskedElements):
        value.fail()
    selection = select_index(x.shape, index)
    window = selection.window
    if isinstance(value, Tracer) and value.is_view_of(x, window) and not selection.arrays:
        return  # the second half of `x[index] += …`, which has changed the view already
    if selection.arrays:
        scatter_selection(x, selection, value, "set", "drop")
        return
    frame = current_frame()
    new = _assigned_value(frame, x, value, window.result_shape)
    x.assign(window.write(frame.builder, value_of(x, frame), new))


def update_at(x: Tracer, index: Any, value: Any, mode: Mode) -> None:
    """`np.add.at(x, index, value)` and the like: as `x[index] += value`, but all values at equal positions count."""
    masked = _split_mask(x, index)
    if masked is not None:
        part = read(x, masked.basic)
        _write_masked(x, masked, _UFUNCS[mode](part, _spread(part, masked, value)), is_spread=True)
        return
    selection = select_index(x.shape, index)
    if selection.arrays:
        scatter_selection(x, selection, value, mode, "drop")
    else:
        frame = current_frame()
        value = Tracer(frame, _assigned_value(frame, x, value, selection.window.result_shape))
        write(x, index, _UFUNCS[mode](window_view(x, selection.window), value))


def scatter_selection(x: Tracer, selection: Selection, value: Any, mode: Mode, bounds: Bounds) -> None:
    """Change the elements of `x` that a selection with arrays picks."""
    frame = current_frame()
    b = frame.builder
    base = value_of(x, frame)
    part = selection.window.read(b, base)
    shape = shape_of(part)
    indices = stack_indices(frame, [shape[d] for d in selection.dims], selection.arrays)
    windows = (*shape_of(indices)[:-1], *(size for d, size in enumerate(shape) if d not in selection.dims))
    order = _result_order(selection, len(shape), len(windows))
    if order is None:
        updates = _assigned_value(frame, x, value, windows)
    else:
        updates = _assigned_value(frame, x, value, tuple(windows[d] for d in order))
        updates = transpose(b, updates, inverse_permutation(order))
    if 0 not in windows:
        if x.dtype == BOOL and mode != "set":
            raise DtypeError(
                at_user_line(f"{mode} at positions: the array is of bools; convert with `.astype(np.int64)`")
            )
        if x.dtype.kind == "c" and mode not in {"set", "add"}:
            raise DtypeError(
                at_user_line(f"{mode} at positions: the array is complex; combine what `x[index]` reads, and set it")
            )
        part = scatter(b, part, indices, updates, selection.dims, mode, bounds=bounds)
    x.assign(selection.window.write(b, base, part))


def gather_windows(
    frame: Frame,
    x: SSAValue,
    dims: Sequence[int],
    arrays: Sequence[IndexArray],
    *,
    wraps: bool = True,
    bounds: Bounds = "clamp",
    batch_dims: int = 0,
) -> SSAValue:
    """The elements of `x` at positions `arrays` in `dims`: the dimensions of the arrays, then the rest of `x`.

    The first `batch_dims` dimensions of the arrays are those of `x`.

    `wraps` says whether negative traced positions count from the end; constant ones are expected to be in range.
    """
    shape = shape_of(x)
    indices = stack_indices(frame, [shape[d] for d in dims], arrays, wraps=wraps)
    batch = shape_of(indices)[:-1]
    result_shape = (*batch, *(size for d, size in enumerate(shape) if d >= batch_dims and d not in dims))
    if 0 not in result_shape and any(shape[d] == 0 for d in dims) and bounds == "clamp":
        raise ShapeError(at_user_line("index: a dimension of size 0 has no element to pick"))
    if 0 in result_shape:
        return zeros(frame.builder, tensor_type(element_type_of(x), result_shape))
    return gather(frame.builder, x, indices, dims, batch_dims=batch_dims, bounds=bounds)


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
            column = wrapped_index(b, value_of(array, frame), size)
        columns.append(reshape(b, broadcast_value(frame, column, shape), (*shape, 1)))
    return columns[0] if len(columns) == 1 else concatenate(b, columns, len(shape))


def _result_order(selection: Selection, window_rank: int, result_rank: int) -> tuple[int, ...] | None:
    """How to permute gather's result, which has the dimensions of the arrays first; `None` if it is right so."""
    first = selection.dims[0]
    if not selection.is_adjacent or first == 0:
        return None
    batch = result_rank - (window_rank - len(selection.dims))
    return (*range(batch, batch + first), *range(batch), *range(batch + first, result_rank))


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


# Traced masks


class _Masked(NamedTuple):
    """An index with a traced mask in it."""

    mask: Tracer
    basic: tuple[Any, ...]
    """The index of the part of the array that the mask is laid over."""
    at: int
    """The first dimension of the part that the mask is laid over."""
    has_integers: bool
    """Whether integers are in the index: they can move the elements that are picked to the front."""


def _split_mask(x: Tracer, index: Any) -> _Masked | None:
    """What `index` is if a traced mask is in it, and otherwise no arrays."""
    parts: tuple[Any, ...] = index if is_tuple(index) else (index,)
    masks = [i for i, part in enumerate(parts) if isinstance(part, Tracer) and part.dtype == BOOL]
    if len(masks) != 1:
        return None
    place = masks[0]
    before, mask, after = parts[:place], parts[place], parts[place + 1 :]
    basic = (*before, *[slice(None)] * mask.ndim, *after)
    selection = select_index(x.shape, basic)
    if selection.arrays:
        return None
    shape = selection.window.result_shape
    at = sum(map(_is_kept, before))
    if any(part is Ellipsis for part in before):
        at = len(shape) - mask.ndim - sum(map(_is_kept, after))
    if shape[at : at + mask.ndim] != mask.shape:
        raise ShapeError(
            at_user_line(f"index: the mask has shape {mask.shape} and does not fit an array of shape {x.shape}")
        )
    has_integers = not all(part is Ellipsis or _is_kept(part) for part in (*before, *after))
    return _Masked(mask, basic, at, has_integers)


def _is_kept(part: Any) -> bool:
    """Whether a part of a basic index gives a dimension of the result."""
    return part is None or isinstance(part, slice)


def _spread(part: Tracer, masked: _Masked, value: Any) -> Any:
    """`value`, the same for every element that the mask picks, in a shape that broadcasts to that of `part`."""
    if is_sequence(value) and contains_tracer(value):
        value = as_tracer(value)
    if isinstance(value, int | float | complex):
        return value
    array: Any = value if isinstance(value, Tracer) else np.asarray(value)
    if not array.ndim:
        return array
    mask, at = masked.mask, masked.at
    rank = part.ndim - mask.ndim + 1
    shape = (*[1] * (rank - array.ndim), *array.shape)
    if masked.has_integers or len(shape) > rank or shape[at] != 1:
        raise TracingError(
            at_user_line(
                f"assignment: the mask is {describe(mask)}, and a value of shape {array.shape} has one row per element "
                "that it picks; how many is not known while tracing; use `np.where(mask, value, x)`, or `np.place`"
            )
        )
    return array.reshape((*shape[:at], *[1] * mask.ndim, *shape[at + 1 :]))


def _write_masked(x: Tracer, masked: _Masked, value: Any, *, is_spread: bool = False) -> None:
    """`x[index] = value` where `index` has a traced mask: select in the part of `x` that it is laid over."""
    frame = current_frame()
    part = read(x, masked.basic)
    if isinstance(value, MaskedElements):
        if not value.is_aligned(_pick_masked(x, masked)):
            value.fail()
        value, is_spread = value.part, True
    new = _assigned_value(frame, x, value if is_spread else _spread(part, masked, value), part.shape)
    condition = broadcast_value(frame, value_of(_laid_over(part, masked), frame), part.shape)
    write(x, masked.basic, Tracer(frame, select(frame.builder, condition, new, value_of(part, frame))))


def _laid_over(part: Tracer, masked: _Masked) -> Tracer:
    """The mask as it is now, in a shape that broadcasts to that of `part`."""
    mask, at = masked.mask, masked.at
    frame = current_frame()
    sizes = (*[1] * at, *mask.shape, *[1] * (part.ndim - at - mask.ndim))
    return Tracer(frame, reshaped(frame.builder, value_of(mask, frame), sizes))


def _pick_masked(x: Tracer, masked: _Masked) -> MaskedElements:
    """The elements of `x` that a traced mask picks."""
    part = read(x, masked.basic)
    condition = _laid_over(part, masked)
    kept = xp.where(condition, part, np.ones((), part.dtype))
    # Integers and slices together decide which dimension the elements that are picked are in.
    order = tuple(map(type, masked.basic)) if masked.has_integers and masked.at else ()
    message = mask_message(masked.mask)
    return MaskedElements(kept, condition, (masked.at, order), partial(_spread, part, masked), message)
