"""Where elements are, and choices between them."""

from typing import Any

import numpy as np

from compiler.frames import is_tracing
from compiler.numpy.calls import apply, concrete
from compiler.numpy.statistics import Axes
from compiler.value_dependent import nonzero as nonzero_positions


def argmax(x: Any, /, *, axis: int | None = None, keepdims: bool = False) -> Any:
    """The position of the greatest element, the first if there are several; in C order if `axis` is `None`.

    Raises:
        ShapeError: there is no element.

    Example:
        >>> argmax(asarray([[1.0, 5.0], [7.0, 4.0]]), axis=1)
        Tensor([1, 0])
    """
    return apply(np.argmax, x, axis=axis, keepdims=keepdims)


def argmin(x: Any, /, *, axis: int | None = None, keepdims: bool = False) -> Any:
    """The position of the smallest element, the first if there are several; in C order if `axis` is `None`.

    Raises:
        ShapeError: there is no element.

    Example:
        >>> argmin(asarray([[1.0, 5.0], [7.0, 4.0]]), axis=1)
        Tensor([0, 1])
    """
    return apply(np.argmin, x, axis=axis, keepdims=keepdims)


def count_nonzero(x: Any, /, *, axis: Axes = None, keepdims: bool = False) -> Any:
    """How many elements are not zero.

    Example:
        >>> count_nonzero(asarray([0, 3, 4]))
        Tensor(2)
    """
    return apply(np.count_nonzero, x, axis=axis, keepdims=keepdims)


def nonzero(x: Any, /, *, size: int | None = None, fill_value: Any = 0) -> tuple[Any, ...]:
    """The positions of the elements that are not zero, in C order: one array per dimension.

    Args:
        x: an array with at least one dimension.
        size: how many positions to give; needed in a traced function, where their number must not depend on values.
        fill_value: what stands after the last position if there are fewer.

    Raises:
        ShapeError: `x` has no dimension.
        UnsupportedError: in a traced function without `size`.

    Example:
        >>> nonzero(asarray([0, 3, 4]))
        (Tensor([1, 2]),)
        >>> nonzero(asarray([0, 3, 4]), size=3, fill_value=-1)
        (Tensor([ 1,  2, -1]),)
    """
    if is_tracing():
        return apply(np.nonzero, x, size=size, fill_value=fill_value)
    return nonzero_positions(concrete("nonzero", x), size=size, fill_value=fill_value)


def searchsorted(x1: Any, x2: Any, /, *, side: str = "left", sorter: Any = None) -> Any:
    """The positions in sorted `x1` before which the elements of `x2` would have to be put to keep the order.

    Args:
        x1: a vector in ascending order.
        x2: the elements to look for.
        side: `"left"`: before equal elements; `"right"`: after them.
        sorter: positions that sort `x1`, if it is not sorted.

    Example:
        >>> searchsorted(asarray([1.0, 2.0, 4.0]), asarray([2.0, 3.0]))
        Tensor([1, 2])
    """
    return apply(np.searchsorted, x1, x2, side=side, sorter=sorter)


def where(condition: Any, x1: Any, x2: Any, /) -> Any:
    """`x1` where `condition` holds, `x2` elsewhere; all three broadcast, one of `x1` and `x2` may be a Python scalar.

    Example:
        >>> where(asarray([True, False]), asarray([1.0, 2.0]), 0.0)
        Tensor([1., 0.])
    """
    return apply(np.where, condition, x1, x2)
