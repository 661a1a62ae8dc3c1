"""Pooling over windows that slide: largest elements, averages, and norms.

The functions for one, two and three dimensions differ in how many dimensions the windows extend in, and in nothing else.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from compiler.argument_checks import checked
from compiler.compiled_functions import compiled
from compiler.errors import ArgumentError, ShapeError, at_user_line
from compiler.nn.operands import check_rank, floating_tracer, image_layout, per_dimension
from compiler.tracer import xp
from compiler.tracing import Tracer, array_value, current_frame, new_tracer
from dialects.builder import int_array
from dialects.dlc.window_selection import WindowArgmaxOp
from dialects.dlc.windows import ReduceWindowMaxOp, ReduceWindowSumOp

Amounts = int | Sequence[int]


@checked
def max_pool1d(
    input: Any,  # noqa: A002
    kernel_size: Amounts,
    stride: Amounts | None = None,
    padding: Amounts = 0,
    dilation: Amounts = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest element of every window, NaN if there is one; the derivative is that of the first of equal ones.

    Args:
        input: shape `[N, C, W]` or `[C, W]`, floating point.
        kernel_size: how many elements a window has.
        stride: steps between windows; `kernel_size` if `None`.
        padding: how many elements that are never the largest are put at both ends; at most half of a window.
        dilation: steps between the elements of a window.
        ceil_mode: whether a last window that does not fit counts, if it starts in the input or the padding in front.
        return_indices: whether the positions of the elements are wanted too, counted in their row as int64.

    Returns:
        One element per window, `floor((W + 2 padding - dilation (kernel_size - 1) - 1) / stride) + 1` in a row (`ceil` with
        `ceil_mode`); with `return_indices` a pair of these and of positions.

    Raises:
        ArgumentError: an amount is no positive integer (for `padding`: no natural number), or `padding` is too large.
        ShapeError: `input` has another number of dimensions, or no window fits it.
        DtypeError: `input` is not floating point.

    Example:
        >>> max_pool1d(np.array([[1.0, 5.0, 2.0, 4.0]]), 2)
        array([[5., 4.]])
    """
    return _max_pool(
        input, _windows("max_pool1d", 1, kernel_size, stride, padding, dilation, ceil_mode), return_indices
    )


@checked
def max_pool2d(
    input: Any,  # noqa: A002
    kernel_size: Amounts,
    stride: Amounts | None = None,
    padding: Amounts = 0,
    dilation: Amounts = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """`max_pool1d` over the last two dimensions of `[N, C, H, W]` or `[C, H, W]`; amounts are integers or pairs of them.

    Positions are counted in their image, row by row.

    Example:
        >>> max_pool2d(np.arange(16.0).reshape(1, 4, 4), 2, return_indices=True)
        (array([[[ 5.,  7.],
                [13., 15.]]]), array([[[ 5,  7],
                [13, 15]]]))
    """
    return _max_pool(
        input, _windows("max_pool2d", 2, kernel_size, stride, padding, dilation, ceil_mode), return_indices
    )


@checked
def max_pool3d(
    input: Any,  # noqa: A002
    kernel_size: Amounts,
    stride: Amounts | None = None,
    padding: Amounts = 0,
    dilation: Amounts = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """`max_pool1d` over the last three dimensions of `[N, C, D, H, W]` or `[C, D, H, W]`; amounts are integers or triples.

    Example:
        >>> max_pool3d(np.arange(64.0).reshape(1, 4, 4, 4), (4, 2, 2))
        array([[[[53., 55.],
                 [61., 63.]]]])
    """
    return _max_pool(
        input, _windows("max_pool3d", 3, kernel_size, stride, padding, dilation, ceil_mode), return_indices
    )


@checked
def avg_pool1d(
    input: Any,  # noqa: A002
    kernel_size: Amounts,
    stride: Amounts | None = None,
    padding: Amounts = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Any:
    """The mean of every window.

    Args:
        input: shape `[N, C, W]` or `[C, W]`, floating point.
        kernel_size: how many elements a window has.
        stride: steps between windows; `kernel_size` if `None`.
        padding: how many zeros are put at both ends; at most half of a window.
        ceil_mode: whether a last window that does not fit counts, if it starts in the input or the padding in front; what lies
            behind the padding does not count as its elements.
        count_include_pad: whether the padding counts as elements.

    Raises:
        ArgumentError: an amount is no positive integer (for `padding`: no natural number), or `padding` is too large.
        ShapeError: `input` has another number of dimensions, or no window fits it.
        DtypeError: `input` is not floating point.

    Example:
        >>> avg_pool1d(np.array([[1.0, 5.0, 2.0, 4.0]]), 3, 1, padding=1, count_include_pad=False).round(4)
        array([[3.    , 2.6667, 3.6667, 3.    ]])
    """
    return _avg_pool(
        input, _windows("avg_pool1d", 1, kernel_size, stride, padding, 1, ceil_mode), count_include_pad, None
    )


@checked
def avg_pool2d(
    input: Any,  # noqa: A002
    kernel_size: Amounts,
    stride: Amounts | None = None,
    padding: Amounts = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Any:
    """`avg_pool1d` over the last two dimensions of `[N, C, H, W]` or `[C, H, W]`; amounts are integers or pairs of them.

    With `divisor_override` sums are divided by that, whatever the number of elements is.

    Example:
        >>> avg_pool2d(np.arange(16.0).reshape(1, 4, 4), 2)
        array([[[ 2.5,  4.5],
                [10.5, 12.5]]])
    """
    where = _windows("avg_pool2d", 2, kernel_size, stride, padding, 1, ceil_mode)
    return _avg_pool(input, where, count_include_pad, divisor_override)


@checked
def avg_pool3d(
    input: Any,  # noqa: A002
    kernel_size: Amounts,
    stride: Amounts | None = None,
    padding: Amounts = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Any:
    """`avg_pool2d` over the last three dimensions of `[N, C, D, H, W]` or `[C, D, H, W]`; amounts are integers or triples.

    Example:
        >>> avg_pool3d(np.arange(64.0).reshape(1, 4, 4, 4), (4, 2, 2))
        array([[[[26.5, 28.5],
                 [34.5, 36.5]]]])
    """
    where = _windows("avg_pool3d", 3, kernel_size, stride, padding, 1, ceil_mode)
    return _avg_pool(input, where, count_include_pad, divisor_override)


@checked
def lp_pool1d(
    input: Any,  # noqa: A002
    norm_type: float,
    kernel_size: Amounts,
    stride: Amounts | None = None,
    ceil_mode: bool = False,
) -> Any:
    """`sum(input ** p) ** (1 / p)` of every window, with a derivative of 0 where the sum is 0.

    Windows that `ceil_mode` cuts short are scaled as if they were whole. Where negative elements make the sum negative the
    result is NaN, as a root of it is.

    Args:
        input: shape `[N, C, W]` or `[C, W]`, floating point.
        norm_type: `p`, not 0; `inf` and `-inf` are the largest and the smallest absolute value.
        kernel_size: how many elements a window has.
        stride: steps between windows; `kernel_size` if `None`.
        ceil_mode: whether a last window that does not fit counts, if it starts in the input.

    Raises:
        ArgumentError: an amount is no positive integer, or `norm_type` is 0.
        ShapeError: `input` has another number of dimensions, or no window fits it.
        DtypeError: `input` is not floating point.

    Example:
        >>> lp_pool1d(np.array([[3.0, 4.0, 6.0, 8.0]]), 2, 2)
        array([[ 5., 10.]])
    """
    return _lp_pool(input, _windows("lp_pool1d", 1, kernel_size, stride, 0, 1, ceil_mode), norm_type)


@checked
def lp_pool2d(
    input: Any,  # noqa: A002
    norm_type: float,
    kernel_size: Amounts,
    stride: Amounts | None = None,
    ceil_mode: bool = False,
) -> Any:
    """`lp_pool1d` over the last two dimensions of `[N, C, H, W]` or `[C, H, W]`; amounts are integers or pairs of them.

    Example:
        >>> lp_pool2d(np.ones((1, 2, 4)), 2, 2)
        array([[[2., 2.]]])
    """
    return _lp_pool(input, _windows("lp_pool2d", 2, kernel_size, stride, 0, 1, ceil_mode), norm_type)


@checked
def lp_pool3d(
    input: Any,  # noqa: A002
    norm_type: float,
    kernel_size: Amounts,
    stride: Amounts | None = None,
    ceil_mode: bool = False,
) -> Any:
    """`lp_pool1d` over the last three dimensions of `[N, C, D, H, W]` or `[C, D, H, W]`; amounts are integers or triples.

    Example:
        >>> lp_pool3d(np.ones((1, 2, 2, 4)), 3, 2)
        array([[[[2., 2.]]]])
    """
    return _lp_pool(input, _windows("lp_pool3d", 3, kernel_size, stride, 0, 1, ceil_mode), norm_type)


@dataclass(frozen=True)
class Windows:
    """Where the windows of a pooling lie in the last dimensions of its input."""

    name: str
    sizes: tuple[int, ...]
    strides: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    ceil_mode: bool

    @property
    def rank(self) -> int:
        """How many dimensions the windows extend in."""
        return len(self.sizes)

    def checked(self, input: Any) -> Tracer:  # noqa: A002
        """`input` as a tracer that the windows fit."""
        x = floating_tracer(input, self.name)
        check_rank(x, self.name, (self.rank + 1, self.rank + 2), image_layout(self.rank))
        if 0 in x.shape[-self.rank :] or min(self.counts(x)) < 1:
            raise ShapeError(at_user_line(f"{self.name}: no window of {self.sizes} fits in input of shape {x.shape}"))
        return x

    def counts(self, x: Tracer) -> tuple[int, ...]:
        """How many windows there are in each dimension."""
        counts: list[int] = []
        extents = zip(x.shape[-self.rank :], self.sizes, self.strides, self.padding, self.dilation, strict=True)
        for n, size, stride, padding, dilation in extents:
            last = n + 2 * padding - (size - 1) * dilation - 1
            count = (-(-last // stride) if self.ceil_mode else last // stride) + 1
            # With `ceil_mode`, a window that lies behind the input altogether does not count.
            counts.append(count - (self.ceil_mode and (count - 1) * stride >= n + padding))
        return tuple(counts)

    def padded(self, x: Tracer, value: float) -> Tracer:
        """`x` with `value` around it, as far as the windows reach."""
        behind = [
            max((count - 1) * stride + (size - 1) * dilation + 1 - n - padding, 0)
            for n, count, size, stride, padding, dilation in zip(
                x.shape[-self.rank :],
                self.counts(x),
                self.sizes,
                self.strides,
                self.padding,
                self.dilation,
                strict=True,
            )
        ]
        widths = [(0, 0)] * (x.ndim - self.rank) + list(zip(self.padding, behind, strict=True))
        return xp.pad(x, widths, constant_values=value)

    def emit(self, op: type[Any], x: Tracer) -> Tracer:
        """What an operation on windows makes of `x`, which is padded."""
        ones = (1,) * (x.ndim - self.rank)
        amounts = {"sizes": self.sizes, "strides": self.strides, "dilations": self.dilation}
        properties = {name: int_array((*ones, *values)) for name, values in amounts.items()}
        return new_tracer(op.emit(current_frame().builder, (array_value(x),), properties))

    def plane_positions(self, x: Tracer, positions: Tracer, padded: Tracer) -> Tracer:
        """Positions in `padded`, which is `x` with padding, as positions in their plane of `x`."""
        shape = padded.shape[-self.rank :]
        rest, step = positions % math.prod(shape), 1
        result = xp.zeros_like(positions)
        for n, size, padding, dilation in reversed(
            list(zip(x.shape[-self.rank :], shape, self.padding, self.dilation, strict=True))
        ):
            place = rest % size - padding
            # Padding is what is found where all elements are -inf: the first of them, which PyTorch finds, comes next.
            place = xp.where(place < 0, place % dilation, place) if padding else place
            result, step, rest = result + place * step, step * n, rest // size
        return result


def _windows(
    name: str,
    rank: int,
    kernel_size: Amounts,
    stride: Amounts | None,
    padding: Amounts,
    dilation: Amounts,
    ceil_mode: bool,
) -> Windows:
    sizes = per_dimension(name, "kernel_size", kernel_size, rank)
    strides = sizes if stride is None else per_dimension(name, "stride", stride, rank)
    amounts = per_dimension(name, "padding", padding, rank, 0)
    dilations = per_dimension(name, "dilation", dilation, rank)
    for size, amount, step in zip(sizes, amounts, dilations, strict=True):
        if 2 * amount > (size - 1) * step + 1:
            raise ArgumentError(
                at_user_line(f"{name}: padding is {padding!r}, more than half of a window of {(size - 1) * step + 1}")
            )
    return Windows(name, sizes, strides, amounts, dilations, ceil_mode)


@compiled(("windows", "return_indices"))
def _max_pool(input: Any, windows: Windows, return_indices: bool) -> Any:  # noqa: A002
    x = windows.checked(input)
    padded = windows.padded(x, -np.inf)
    result = windows.emit(ReduceWindowMaxOp, padded)
    if not return_indices:
        return result
    return result, windows.plane_positions(x, windows.emit(WindowArgmaxOp, padded), padded)


@compiled(("windows", "count_include_pad", "divisor_override"))
def _avg_pool(input: Any, windows: Windows, count_include_pad: bool, divisor_override: int | None) -> Any:  # noqa: A002
    if divisor_override == 0:
        raise ArgumentError(at_user_line(f"{windows.name}: divisor_override is 0; use another number"))
    x = windows.checked(input)
    total = windows.emit(ReduceWindowSumOp, windows.padded(x, 0))
    return total / (divisor_override or _numbers_of_elements(windows, x, count_include_pad))


def _numbers_of_elements(windows: Windows, x: Tracer, include_padding: bool) -> Any:
    """How many elements each window has: one number, or an array that broadcasts."""
    result = np.ones((), np.int64)
    extents = zip(
        x.shape[-windows.rank :], windows.counts(x), windows.sizes, windows.strides, windows.padding, strict=True
    )
    for n, count, size, stride, padding in extents:
        first = np.arange(count) * stride - padding
        margin = padding if include_padding else 0
        numbers = xp.minimum(first + size, n + margin) - xp.maximum(first, -margin)
        result = xp.multiply.outer(result, numbers)
    same = result.flat[0]
    return int(same) if (result == same).all() else result.astype(x.dtype)


@compiled(("windows", "norm_type"))
def _lp_pool(input: Any, windows: Windows, norm_type: float) -> Any:  # noqa: A002
    if norm_type == 0:
        raise ArgumentError(at_user_line(f"{windows.name}: norm_type is 0; use another number"))
    if math.isinf(norm_type):
        x = math.copysign(1, norm_type) * xp.abs(windows.checked(input))
        return math.copysign(1, norm_type) * windows.emit(ReduceWindowMaxOp, windows.padded(x, -np.inf))
    mean = _avg_pool(floating_tracer(input, windows.name) ** norm_type, windows, True, None)
    total = mean * math.prod(windows.sizes)
    is_zero = total == 0
    return xp.where(is_zero, xp.zeros_like(total), xp.where(is_zero, xp.ones_like(total), total) ** (1 / norm_type))
