"""Elements by their positions."""

from typing import Any

import numpy as np

from compiler.numpy.calls import apply


def take(x: Any, indices: Any, /, *, axis: int | None = None) -> Any:
    """The parts of `x` at positions `indices` along `axis`, which may be left out if there is one.

    Args:
        x: an array.
        indices: integers; negative ones count from the end. Out of range they are an error where they are constant; where
            they are not, the nearest position is taken.
        axis: the axis.

    Example:
        >>> take(asarray([5, 6, 7]), asarray([2, 0]))
        Tensor([7, 5])
    """
    return apply(np.take, x, indices, axis=axis)


def take_along_axis(x: Any, indices: Any, /, *, axis: int = -1) -> Any:
    """`result[i, j] = x[i, indices[i, j]]` for the last of two axes.

    Example:
        >>> take_along_axis(asarray([[5, 6], [7, 8]]), asarray([[1], [0]]))
        Tensor([[6],
                [7]])
    """
    return apply(np.take_along_axis, x, indices, axis=axis)
