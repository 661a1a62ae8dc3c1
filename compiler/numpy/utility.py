"""Tests of all or any elements, and differences."""

from typing import Any

import numpy as np

from compiler.numpy.calls import apply
from compiler.numpy.statistics import Axes
from compiler.tracer import xp


def all(x: Any, /, *, axis: Axes = None, keepdims: bool = False) -> Any:
    """Whether every element is true, that is, not zero; true if there is none.

    Example:
        >>> all(asarray([[True, False], [True, True]]), axis=1)
        Tensor([False,  True])
    """
    return apply(np.all, x, axis=axis, keepdims=keepdims)


def any(x: Any, /, *, axis: Axes = None, keepdims: bool = False) -> Any:
    """Whether an element is true, that is, not zero; false if there is none.

    Example:
        >>> any(asarray([0, 3]))
        Tensor(True)
    """
    return apply(np.any, x, axis=axis, keepdims=keepdims)


def diff(x: Any, /, *, axis: int = -1, n: int = 1, prepend: Any = None, append: Any = None) -> Any:
    """`result[i] = x[i + 1] - x[i]` along an axis, `n` times.

    Args:
        x: an array with at least one dimension.
        axis: the axis.
        n: how often.
        prepend: an array to put before `x` along the axis.
        append: one to put after it.

    Example:
        >>> diff(asarray([1, 4, 9]))
        Tensor([3, 5])
    """
    return apply(_diff, x, prepend, append, axis=axis, n=n)


def _diff(x: Any, prepend: Any, append: Any, axis: int, n: int) -> Any:
    edges = {name: edge for name, edge in (("prepend", prepend), ("append", append)) if edge is not None}
    return xp.diff(x, n, axis, **edges)
