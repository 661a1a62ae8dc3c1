"""Order. NaN counts as greater than every number."""

from typing import Any

from compiler.axes import normalize_axis
from compiler.numpy.calls import apply, shape_of
from compiler.tracer import xp


def sort(x: Any, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Any:
    """The elements in order along an axis.

    Args:
        x: a real array with at least one dimension.
        axis: the axis.
        descending: whether the greatest comes first.
        stable: without effect on the values.

    Example:
        >>> sort(asarray([3, 1, 2]), descending=True)
        Tensor([3, 2, 1])
    """
    del stable
    return apply(_sort, x, axis=normalize_axis("sort", axis, len(shape_of(x))), descending=descending)


def _sort(x: Any, axis: int, descending: bool) -> Any:
    result = xp.sort(x, axis)
    return xp.flip(result, axis) if descending else result


def argsort(x: Any, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Any:
    """The positions of the elements in order along an axis; equal ones stay in theirs.

    Args:
        x: a real array with at least one dimension.
        axis: the axis.
        descending: whether the greatest comes first.
        stable: the order is stable in any case.

    Example:
        >>> argsort(asarray([3, 1, 3, 2]), descending=True)
        Tensor([0, 2, 3, 1])
    """
    del stable
    return apply(_argsort, x, axis=normalize_axis("argsort", axis, len(shape_of(x))), descending=descending)


def _argsort(x: Any, axis: int, descending: bool) -> Any:
    if not descending:
        return xp.argsort(x, axis, stable=True)
    # Reversed twice, so that equal elements keep their order.
    order = xp.argsort(xp.flip(x, axis), axis, stable=True)
    return x.shape[axis] - 1 - xp.flip(order, axis)
