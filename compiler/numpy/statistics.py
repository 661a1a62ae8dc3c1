"""Reductions to sums, means, spreads and extremes, and running sums and products.

`axis` is one axis, several, or `None` for all; with `keepdims` the axes stay with size 1. An axis that does not exist is a
`ShapeError`. Sums and products of integers are of int64 (uint64 if unsigned), those of floats of their dtype.
"""

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from compiler.errors import ShapeError, at_user_line
from compiler.numpy.calls import apply, shape_of

Axes: TypeAlias = int | Sequence[int] | None


def sum(x: Any, /, *, axis: Axes = None, dtype: Any = None, keepdims: bool = False) -> Any:
    """The sum of elements, zero if there is none.

    Example:
        >>> sum(asarray([[1, 2], [3, 4]]), axis=0)
        Tensor([4, 6])
    """
    return apply(np.sum, x, axis=axis, dtype=dtype, keepdims=keepdims)


def prod(x: Any, /, *, axis: Axes = None, dtype: Any = None, keepdims: bool = False) -> Any:
    """The product of elements, one if there is none.

    Example:
        >>> prod(asarray([1, 2, 3, 4]))
        Tensor(24)
    """
    return apply(np.prod, x, axis=axis, dtype=dtype, keepdims=keepdims)


def mean(x: Any, /, *, axis: Axes = None, keepdims: bool = False) -> Any:
    """The sum of elements by their number, NaN if there is none.

    Example:
        >>> mean(asarray([1.0, 2.0, 6.0]))
        Tensor(3.)
    """
    return apply(np.mean, x, axis=axis, keepdims=keepdims)


def var(x: Any, /, *, axis: Axes = None, correction: float = 0.0, keepdims: bool = False) -> Any:
    """The variance: `sum(|x - mean(x)| ** 2) / (n - correction)`.

    Example:
        >>> var(asarray([1.0, 2.0, 3.0, 4.0]), correction=0)
        Tensor(1.25)
    """
    return apply(np.var, x, axis=axis, correction=correction, keepdims=keepdims)


def std(x: Any, /, *, axis: Axes = None, correction: float = 0.0, keepdims: bool = False) -> Any:
    """The standard deviation: `sqrt(var(x))`.

    Example:
        >>> std(asarray([1.0, 3.0]))
        Tensor(1.)
    """
    return apply(np.std, x, axis=axis, correction=correction, keepdims=keepdims)


def max(x: Any, /, *, axis: Axes = None, keepdims: bool = False) -> Any:
    """The greatest element, NaN if one is.

    Raises:
        ShapeError: there is no element.

    Example:
        >>> max(asarray([[1.0, 5.0], [3.0, 4.0]]), axis=1)
        Tensor([5., 4.])
    """
    return apply(np.max, x, axis=axis, keepdims=keepdims)


def min(x: Any, /, *, axis: Axes = None, keepdims: bool = False) -> Any:
    """The smallest element, NaN if one is.

    Raises:
        ShapeError: there is no element.

    Example:
        >>> min(asarray([[1.0, 5.0], [3.0, 4.0]]), axis=1)
        Tensor([1., 3.])
    """
    return apply(np.min, x, axis=axis, keepdims=keepdims)


def cumulative_sum(x: Any, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False) -> Any:
    """`result[i] = x[0] + … + x[i]` along an axis, which may be left out if there is one; first a 0 if `include_initial`.

    Example:
        >>> cumulative_sum(asarray([1, 2, 3]), include_initial=True)
        Tensor([0, 1, 3, 6])
    """
    _check_axis("cumulative_sum", x, axis)
    return apply(np.cumulative_sum, x, axis=axis, dtype=dtype, include_initial=include_initial)


def cumulative_prod(x: Any, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False) -> Any:
    """`result[i] = x[0] * … * x[i]` along an axis, which may be left out if there is one; first a 1 if `include_initial`.

    Example:
        >>> cumulative_prod(asarray([1, 2, 3]))
        Tensor([1, 2, 6])
    """
    _check_axis("cumulative_prod", x, axis)
    return apply(np.cumulative_prod, x, axis=axis, dtype=dtype, include_initial=include_initial)


def _check_axis(what: str, x: Any, axis: int | None) -> None:
    rank = len(shape_of(x))
    if axis is None and rank != 1:
        raise ShapeError(at_user_line(f"{what}: the array has {rank} dimensions; say which with axis="))
