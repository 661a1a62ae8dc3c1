"""The different elements of an array. Every NaN differs from every other."""

from collections.abc import Callable
from typing import Any

import numpy as np

import compiler.value_dependent as eager_sets
from compiler.frames import is_tracing
from compiler.numpy.calls import apply, concrete
from compiler.numpy_sets import UniqueAll, UniqueCounts, UniqueInverse


def unique_all(x: Any, /, *, size: int | None = None, fill_value: Any = None) -> UniqueAll:
    """The different elements in ascending order, and how they make up the array.

    Args:
        x: an array; it is taken as one list of elements in C order.
        size: how many elements to give; needed in a traced function. If there are more, the greatest are left out.
        fill_value: what stands after the last one if there are fewer, the least element if left out; with counts of zero.

    Returns:
        `values`; `indices`, the first position of each; `inverse_indices`, such that `values[inverse_indices]` is `x`; `counts`.

    Raises:
        UnsupportedError: in a traced function without `size`.

    Example:
        >>> unique_all(asarray([3, 1, 3]))  # doctest: +NORMALIZE_WHITESPACE
        UniqueAll(values=Tensor([1, 3]), indices=Tensor([1, 0]), inverse_indices=Tensor([1, 0, 1]),
                  counts=Tensor([1, 2]))
    """
    return _unique(eager_sets.unique_all, np.unique_all, x, size, fill_value)


def unique_counts(x: Any, /, *, size: int | None = None, fill_value: Any = None) -> UniqueCounts:
    """The different elements in ascending order, and how often each occurs; arguments as `unique_all`.

    Example:
        >>> unique_counts(asarray([3, 1, 3]))
        UniqueCounts(values=Tensor([1, 3]), counts=Tensor([1, 2]))
    """
    return _unique(eager_sets.unique_counts, np.unique_counts, x, size, fill_value)


def unique_inverse(x: Any, /, *, size: int | None = None, fill_value: Any = None) -> UniqueInverse:
    """The different elements in ascending order, and where each element of `x` is among them; arguments as `unique_all`.

    Example:
        >>> unique_inverse(asarray([3, 1, 3]))
        UniqueInverse(values=Tensor([1, 3]), inverse_indices=Tensor([1, 0, 1]))
    """
    return _unique(eager_sets.unique_inverse, np.unique_inverse, x, size, fill_value)


def unique_values(x: Any, /, *, size: int | None = None, fill_value: Any = None) -> Any:
    """The different elements in ascending order; arguments as `unique_all`.

    Example:
        >>> unique_values(asarray([3, 1, 3]))
        Tensor([1, 3])
    """
    return _unique(eager_sets.unique_values, np.unique_values, x, size, fill_value)


def _unique(eager: Callable[..., Any], traced: Any, x: Any, size: int | None, fill_value: Any) -> Any:
    if is_tracing():
        return apply(traced, x, size=size, fill_value=fill_value)
    return eager(concrete("unique", x), size=size, fill_value=fill_value)


def isin(x1: Any, x2: Any, /, *, invert: bool = False) -> Any:
    """Whether each element of `x1` is one of those of `x2`; with `invert`, whether it is none.

    Example:
        >>> isin(asarray([1, 2, 3]), asarray([3, 1]))
        Tensor([ True, False,  True])
    """
    return apply(np.isin, x1, x2, invert=invert)
