"""The different elements of an array. Every NaN differs from every other."""

from typing import Any, NamedTuple

import numpy as np

from compiler.frames import is_tracing
from compiler.numpy.calls import apply, concrete
from compiler.operands import as_tracer
from compiler.tracer import fail_unsupported, xp


class UniqueAll(NamedTuple):
    """What `unique_all` gives."""

    values: Any
    indices: Any
    inverse_indices: Any
    counts: Any


class UniqueCounts(NamedTuple):
    """What `unique_counts` gives."""

    values: Any
    counts: Any


class UniqueInverse(NamedTuple):
    """What `unique_inverse` gives."""

    values: Any
    inverse_indices: Any


def unique_all(x: Any, /, *, size: int | None = None) -> UniqueAll:
    """The different elements in ascending order, and how they make up the array.

    Args:
        x: an array; it is taken as one list of elements in C order.
        size: how many elements to give; needed in a traced function. If there are fewer, the last is repeated with a count
            of zero; if there are more, they are left out.

    Returns:
        `values`; `indices`, the first position of each; `inverse_indices`, such that `values[inverse_indices]` is `x`; `counts`.

    Raises:
        UnsupportedError: in a traced function without `size`.

    Example:
        >>> unique_all(asarray([3, 1, 3]))  # doctest: +NORMALIZE_WHITESPACE
        UniqueAll(values=Tensor([1, 3]), indices=Tensor([1, 0]), inverse_indices=Tensor([1, 0, 1]),
                  counts=Tensor([1, 2]))
    """
    if size is None:
        if is_tracing():
            fail_unsupported(
                "unique_* without size=", "pass size=, the number of different elements, or sort the array"
            )
        size = int(apply(_count_unique, concrete("unique", x)))
    return UniqueAll(*apply(_unique, x, size=size))


def unique_counts(x: Any, /, *, size: int | None = None) -> UniqueCounts:
    """The different elements in ascending order, and how often each occurs; arguments as `unique_all`.

    Example:
        >>> unique_counts(asarray([3, 1, 3]))
        UniqueCounts(values=Tensor([1, 3]), counts=Tensor([1, 2]))
    """
    result = unique_all(x, size=size)
    return UniqueCounts(result.values, result.counts)


def unique_inverse(x: Any, /, *, size: int | None = None) -> UniqueInverse:
    """The different elements in ascending order, and where each element of `x` is among them; arguments as `unique_all`.

    Example:
        >>> unique_inverse(asarray([3, 1, 3]))
        UniqueInverse(values=Tensor([1, 3]), inverse_indices=Tensor([1, 0, 1]))
    """
    result = unique_all(x, size=size)
    return UniqueInverse(result.values, result.inverse_indices)


def unique_values(x: Any, /, *, size: int | None = None) -> Any:
    """The different elements in ascending order; arguments as `unique_all`.

    Example:
        >>> unique_values(asarray([3, 1, 3]))
        Tensor([1, 3])
    """
    return unique_all(x, size=size).values


def isin(x1: Any, x2: Any, /, *, invert: bool = False) -> Any:
    """Whether each element of `x1` is one of those of `x2`; with `invert`, whether it is none.

    Example:
        >>> isin(asarray([1, 2, 3]), asarray([3, 1]))
        Tensor([ True, False,  True])
    """
    return apply(_isin, x1, x2, invert=invert)


def _isin(x1: Any, x2: Any, invert: bool) -> Any:
    x1, x2 = as_tracer(x1), as_tracer(x2)
    found = (x1.reshape((*x1.shape, 1)) == x2.reshape(-1)).any(axis=-1)
    return ~found if invert else found


def _runs(x: Any) -> tuple[Any, Any, Any]:
    """Elements in order, their positions, and whether each is the first of equal ones."""
    flat = x.reshape(-1)
    order = xp.argsort(flat, stable=True)
    values = xp.take(flat, order)
    is_first = xp.concatenate([xp.ones(min(flat.size, 1), bool, like=x), values[1:] != values[:-1]])
    return values, order, is_first


def _count_unique(x: Any) -> Any:
    return xp.count_nonzero(_runs(x)[2])


def _unique(x: Any, size: int) -> tuple[Any, Any, Any, Any]:
    values, order, is_first = _runs(x)
    group = xp.cumsum(is_first) - 1
    # Where each group starts, one more than wanted to count the last; groups that are not there start at the end. The last
    # place takes what has none.
    starts = xp.full(size + 2, x.size, np.int64, like=x)
    starts[xp.where(is_first, xp.minimum(group, size + 1), size + 1)] = np.arange(x.size)
    counts = starts[1:-1] - starts[:-2]
    first = xp.minimum(starts[:-2], max(x.size - 1, 0))
    inverse = xp.zeros(x.size, np.int64, like=x)
    inverse[order] = xp.minimum(group, max(size - 1, 0))
    return xp.take(values, first), xp.take(order, first), inverse.reshape(x.shape), counts
