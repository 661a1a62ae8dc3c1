"""Reductions beyond NumPy's: over windows, of exponentials, and of which the largest few are wanted."""

from collections.abc import Sequence
from typing import Any, Literal, cast

import numpy as np

from compiler.compiled_functions import compiled
from compiler.nn.operands import floating_tracer
from compiler.numpy_sorting import top_k as traced_top_k
from compiler.numpy_windows import reduced_windows


@compiled(("dim", "keepdim"))
def logsumexp(input: Any, dim: int | tuple[int, ...] | None = None, keepdim: bool = False) -> Any:  # noqa: A002
    """`log(sum(exp(input)))` over `dim`, computed without overflow: the largest element is taken out of the sum.

    Args:
        input: any shape, float32 or float64.
        dim: the dimension or dimensions to sum over; all of them if `None`. Over nothing the result is `-inf`.
        keepdim: whether they stay, with size 1.

    Raises:
        ShapeError: there is no such dimension.

    Example:
        >>> logsumexp(np.array([1000.0, 1000.0])).round(3)
        np.float64(1000.693)
    """
    return np.logaddexp.reduce(floating_tracer(input, "logsumexp"), axis=cast(Any, dim), keepdims=keepdim)


@compiled(("k", "dim", "largest"))
def top_k(input: Any, k: int, dim: int = -1, largest: bool = True) -> tuple[Any, Any]:  # noqa: A002
    """The `k` largest (or smallest) elements along `dim` in order, and their positions as int64.

    Of equal elements the first come first. NaN counts as larger than all numbers.

    Args:
        input: at least one dimension, any dtype.
        k: how many; at most as many as there are along `dim`.
        dim: the dimension to search along.
        largest: whether the largest or the smallest are wanted.

    Raises:
        ShapeError: there is no such dimension, or `k` does not fit it.

    Example:
        >>> values, positions = top_k(np.array([3.0, 9.0, 5.0]), 2)
        >>> values, positions
        (array([9., 5.]), array([1, 2]))
    """
    return traced_top_k(input, k, dim, largest)


@compiled(
    ("computation", "window_dimensions", "window_strides", "padding", "base_dilation", "window_dilation"),
)
def reduce_window(
    input: Any,  # noqa: A002
    computation: Literal["sum", "max", "min"],
    window_dimensions: Sequence[int],
    window_strides: Sequence[int] | int = 1,
    padding: str | Sequence[tuple[int, int]] = "VALID",
    base_dilation: Sequence[int] | int = 1,
    window_dilation: Sequence[int] | int = 1,
) -> Any:
    """The sum, or the largest or smallest element, of every window that slides over `input`: StableHLO's `reduce_window`.

    Result `i` is of the elements `i * stride + t * dilation`, `0 <= t < window_dimensions`, in every dimension.

    Args:
        input: any shape; integers or floats.
        computation: `"sum"`, `"max"` or `"min"`.
        window_dimensions: the size of the window in each dimension (1 where it does not extend).
        window_strides: steps between windows, for each dimension or for all.
        padding: `"VALID"` (none), `"SAME"` (as many windows as elements, divided by the stride), or a pair of amounts in front
            and behind for each dimension; what is added changes no result.
        base_dilation: distance at which the elements of `input` are put.
        window_dilation: distance of the elements in a window.

    Raises:
        ShapeError: there is not one positive number for each dimension.
        ArgumentError: `computation` is none of the three.

    Example:
        >>> reduce_window(np.array([1.0, 5.0, 2.0, 4.0]), "max", (2,), 2)
        array([5., 4.])
    """
    arguments = window_strides, padding, base_dilation, window_dilation
    return reduced_windows(input, computation, window_dimensions, *arguments)
