"""Order. NaN counts as greater than every number."""

from typing import Any

import numpy as np

from compiler.numpy.calls import apply


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
    return apply(np.sort, x, axis=axis, descending=descending, stable=stable)


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
    return apply(np.argsort, x, axis=axis, descending=descending, stable=stable)
