"""What an index of NumPy picks: basic parts become a window, arrays of positions are kept apart.

Constant indices are checked; traced ones cannot be.
"""

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeGuard

import numpy as np
from xdsl.ir import SSAValue

from compiler.axes import is_array, is_sequence
from compiler.errors import DtypeError, ShapeError, at_user_line
from compiler.frames import Array, current_frame
from compiler.masks import fail_masked
from compiler.operands import as_tracer, contains_tracer
from compiler.promotion import BOOL, INT64
from compiler.tracer import Tracer, describe, fail_unsupported, value_of
from compiler.views import Window

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


def select_index(shape: tuple[int, ...], index: Any, *, gathers: bool = False) -> Selection:
    """What `index` means on an array of `shape`.

    With `gathers`, traced integers are arrays of positions too, and constant arrays may have positions out of range.

    Raises:
        ShapeError: too many indices, or a constant one out of range.
        DtypeError: an array that is neither of integers nor of bools.
        TracingError: a traced mask, or a traced value as a bound of a slice.
        UnsupportedError: a bool without dimensions.
    """
    items, breaks = _expand(shape, index)
    is_fancy = any(
        isinstance(item, np.ndarray) or (isinstance(item, Tracer) and (item.shape or gathers)) for item in items
    )
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
            if isinstance(item, Tracer):
                arrays.append(item)
            elif gathers and np.ndim(item):
                arrays.append(_wrapped_positions(np.asarray(item), size))
            else:
                arrays.append(_checked_positions(np.asarray(item), size, d))
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
    parts: tuple[Any, ...] = index if is_tuple(index) else (index,)
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


def is_tuple(x: object) -> TypeGuard[tuple[Any, ...]]:
    """Whether an index has several parts."""
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
            fail_masked(part)
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
    return _wrapped_positions(positions, size)


def _wrapped_positions(positions: Array, size: int) -> Array:
    return np.where(positions < 0, positions + size, positions).astype(INT64)
