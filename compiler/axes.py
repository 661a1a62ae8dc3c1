"""Axes as users give them: negative ones, one or several, or none for all."""

import operator
from collections.abc import Sequence
from typing import Any, TypeGuard

import numpy as np

from compiler.errors import ShapeError, at_user_line


def is_sequence(x: object) -> TypeGuard[Sequence[Any]]:
    """Whether `x` is a list or tuple."""
    return isinstance(x, list | tuple)


def is_tuple(x: object) -> TypeGuard[tuple[Any, ...]]:
    """Whether `x` is a tuple."""
    return isinstance(x, tuple)


def is_slice(x: object) -> TypeGuard[slice]:
    """Whether `x` is a slice."""
    return isinstance(x, slice)


def is_array(x: object) -> TypeGuard[np.ndarray[Any, np.dtype[Any]]]:
    """Whether `x` is an array of NumPy."""
    return isinstance(x, np.ndarray)


def normalize_axis(what: str, axis: Any, rank: int) -> int:
    """`axis` counted from the front; raise `ShapeError` if an array of that rank has no such axis."""
    index = operator.index(axis)
    if not -rank <= index < rank:
        raise ShapeError(
            at_user_line(f"{what}: axis {index} is out of bounds for an array with {rank} dimension{'s'[: rank != 1]}")
        )
    return index % rank


def normalize_axes(what: str, axes: Any, rank: int) -> tuple[int, ...]:
    """The axes in the order given, `None` for all; raise `ShapeError` if one is out of range or stands twice."""
    if axes is None:
        return tuple(range(rank))
    if not is_sequence(axes) and not isinstance(axes, range):
        return (normalize_axis(what, axes, rank),)
    result = tuple(normalize_axis(what, axis, rank) for axis in axes)
    if len(set(result)) != len(result):
        raise ShapeError(at_user_line(f"{what}: axes {list(result)} hold an axis twice"))
    return result
