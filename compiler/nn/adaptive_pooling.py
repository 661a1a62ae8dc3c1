"""Adaptive pooling: as many windows as are wanted, which together cover the input.

Window `i` of `o` in a dimension of `n` has the elements from `floor(i n / o)` to `ceil((i + 1) n / o)`.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from compiler.argument_checks import checked
from compiler.axes import is_sequence
from compiler.compiled_functions import compiled
from compiler.errors import ArgumentError, ShapeError, at_user_line
from compiler.frames import Array
from compiler.nn.operands import check_rank, floating_tracer, image_layout, per_dimension
from compiler.nn.pooling import Windows
from compiler.tracer import xp
from compiler.tracing import Tracer, array_value, current_frame, new_tracer
from dialects.dlc.resampling import resample
from dialects.dlc.window_selection import WindowArgmaxOp
from dialects.dlc.windows import ReduceWindowMaxOp, ReduceWindowSumOp

Sizes = int | None | Sequence[int | None]


@checked
def adaptive_avg_pool1d(input: Any, output_size: int) -> Any:  # noqa: A002
    """The means of `output_size` windows, which cover `input` and may differ in size by one or overlap by one element.

    Args:
        input: shape `[N, C, W]` or `[C, W]`, floating point.
        output_size: how many windows; `None` for as many as there are elements.

    Raises:
        ArgumentError: `output_size` is no positive integer.
        ShapeError: `input` has another number of dimensions, or no elements to take means of.
        DtypeError: `input` is not floating point.

    Example:
        >>> adaptive_avg_pool1d(np.array([[1.0, 2.0, 3.0, 4.0, 5.0]]), 2)
        array([[2., 4.]])
    """
    return _adaptive_avg_pool(input, "adaptive_avg_pool1d", _output_sizes("adaptive_avg_pool1d", output_size, 1))


@checked
def adaptive_avg_pool2d(input: Any, output_size: Sizes) -> Any:  # noqa: A002
    """`adaptive_avg_pool1d` over the last two dimensions of `[N, C, H, W]` or `[C, H, W]`, to an integer or a pair of them.

    Example:
        >>> adaptive_avg_pool2d(np.arange(16.0).reshape(1, 4, 4), (2, None))
        array([[[ 2.,  3.,  4.,  5.],
                [10., 11., 12., 13.]]])
    """
    return _adaptive_avg_pool(input, "adaptive_avg_pool2d", _output_sizes("adaptive_avg_pool2d", output_size, 2))


@checked
def adaptive_avg_pool3d(input: Any, output_size: Sizes) -> Any:  # noqa: A002
    """`adaptive_avg_pool1d` over the last three dimensions of `[N, C, D, H, W]` or `[C, D, H, W]`, to an integer or a triple.

    Example:
        >>> adaptive_avg_pool3d(np.arange(8.0).reshape(1, 2, 2, 2), 1)
        array([[[[3.5]]]])
    """
    return _adaptive_avg_pool(input, "adaptive_avg_pool3d", _output_sizes("adaptive_avg_pool3d", output_size, 3))


@checked
def adaptive_max_pool1d(input: Any, output_size: int, return_indices: bool = False) -> Any:  # noqa: A002
    """The largest elements of `output_size` windows, which cover `input` and may differ in size by one or overlap by one.

    Args:
        input: shape `[N, C, W]` or `[C, W]`, floating point.
        output_size: how many windows; `None` for as many as there are elements.
        return_indices: whether the positions of the elements are wanted too, counted in their row as int64.

    Raises:
        ArgumentError: `output_size` is no positive integer.
        ShapeError: `input` has another number of dimensions, or no elements.
        DtypeError: `input` is not floating point.

    Example:
        >>> adaptive_max_pool1d(np.array([[1.0, 2.0, 3.0, 4.0, 5.0]]), 2, return_indices=True)
        (array([[3., 5.]]), array([[2, 4]]))
    """
    sizes = _output_sizes("adaptive_max_pool1d", output_size, 1)
    return _adaptive_max_pool(input, "adaptive_max_pool1d", sizes, return_indices)


@checked
def adaptive_max_pool2d(input: Any, output_size: Sizes, return_indices: bool = False) -> Any:  # noqa: A002
    """`adaptive_max_pool1d` over the last two dimensions of `[N, C, H, W]` or `[C, H, W]`, to an integer or a pair of them.

    Positions are counted in their image, row by row.

    Example:
        >>> adaptive_max_pool2d(np.arange(9.0).reshape(1, 3, 3), 2)
        array([[[4., 5.],
                [7., 8.]]])
    """
    sizes = _output_sizes("adaptive_max_pool2d", output_size, 2)
    return _adaptive_max_pool(input, "adaptive_max_pool2d", sizes, return_indices)


@checked
def adaptive_max_pool3d(input: Any, output_size: Sizes, return_indices: bool = False) -> Any:  # noqa: A002
    """`adaptive_max_pool1d` over the last three dimensions of `[N, C, D, H, W]` or `[C, D, H, W]`, to an integer or a triple.

    Example:
        >>> adaptive_max_pool3d(np.arange(8.0).reshape(1, 2, 2, 2), 1)
        array([[[[7.]]]])
    """
    sizes = _output_sizes("adaptive_max_pool3d", output_size, 3)
    return _adaptive_max_pool(input, "adaptive_max_pool3d", sizes, return_indices)


def _output_sizes(name: str, output_size: Any, rank: int) -> tuple[int | None, ...]:
    """The size wanted in each dimension; `None` is as many as there are elements."""
    given = tuple(output_size) if is_sequence(output_size) else (output_size,) * rank
    if len(given) != rank:
        raise ArgumentError(at_user_line(f"{name}: output_size is {output_size!r}; use one integer, or {rank} of them"))
    return tuple(None if size is None else per_dimension(name, "output_size", size, 1)[0] for size in given)


def _checked(input: Any, name: str, output_sizes: tuple[int | None, ...]) -> tuple[Tracer, tuple[int, ...]]:  # noqa: A002
    """`input` as a tracer, and how many windows there are."""
    x, rank = floating_tracer(input, name), len(output_sizes)
    check_rank(x, name, (rank + 1, rank + 2), image_layout(rank))
    if 0 in x.shape[-rank:]:
        raise ShapeError(at_user_line(f"{name}: input of shape {x.shape} has no elements to make windows of"))
    return x, tuple(n if size is None else size for n, size in zip(x.shape[-rank:], output_sizes, strict=True))


def _equal_windows(x: Tracer, name: str, counts: tuple[int, ...]) -> Windows | None:
    """The windows, if they have one size and do not overlap."""
    extents = x.shape[-len(counts) :]
    if any(n % count for n, count in zip(extents, counts, strict=True)):
        return None
    sizes = tuple(n // count for n, count in zip(extents, counts, strict=True))
    return Windows(name, sizes, sizes, (0,) * len(sizes), (1,) * len(sizes), False)


def _places(size: int, count: int) -> tuple[Array, Array]:
    """The elements of each window, the last of them repeated to make all equally long, and how many there are."""
    windows = np.arange(count)
    first, end = windows * size // count, -(-(windows + 1) * size // count)
    taps = np.arange(int((end - first).max(initial=0)))
    return xp.minimum(first[:, None] + taps, end[:, None] - 1), end - first


@compiled(("name", "output_sizes"))
def _adaptive_avg_pool(input: Any, name: str, output_sizes: tuple[int | None, ...]) -> Any:  # noqa: A002
    return adaptive_avg(*_checked(input, name, output_sizes))


def adaptive_avg(x: Tracer, counts: tuple[int, ...]) -> Tracer:
    """The means of so many windows in each of the last dimensions, which are not empty."""
    windows = _equal_windows(x, "adaptive_avg_pool", counts)
    if windows is not None:
        return windows.emit(ReduceWindowSumOp, x) / math.prod(windows.sizes)
    for dim, count in zip(reversed(range(x.ndim)), reversed(counts), strict=False):
        places, lengths = _places(x.shape[dim], count)
        is_place = xp.less(np.arange(places.shape[1]), lengths[:, None])
        x = resampled(x, dim, np.where(is_place, places, -1), np.repeat(1 / lengths[:, None], places.shape[1], 1))
    return x


def resampled(x: Tracer, dim: int, positions: Array, weights: Array) -> Tracer:
    """Weighted sums of the elements along `dim`; the tables are `[elements, summands]`, and -1 is no position."""
    return new_tracer(resample(current_frame().builder, array_value(x), dim, positions, weights))


@compiled(("name", "output_sizes", "return_indices"))
def _adaptive_max_pool(input: Any, name: str, output_sizes: tuple[int | None, ...], return_indices: bool) -> Any:  # noqa: A002
    x, counts = _checked(input, name, output_sizes)
    rank = len(counts)
    plane = x.shape[x.ndim - rank :]
    tables = [_places(n, count)[0] for n, count in zip(plane, counts, strict=True)]
    if return_indices:
        # Windows side by side, all of one size: the last element of a shorter one again is not the first of the largest.
        apart = x
        for dim, table in enumerate(tables, x.ndim - rank):
            apart = _apart(apart, dim, table)
        sizes = tuple(table.shape[1] for table in tables)
        windows = Windows(name, sizes, sizes, (0,) * rank, (1,) * rank, False)
        found = windows.plane_positions(apart, windows.emit(WindowArgmaxOp, apart), apart)
        places = xp.unravel_index(found, apart.shape[x.ndim - rank :])
        origins: list[Any] = [xp.asarray(table.ravel(), like=x) for table in tables]
        positions = xp.ravel_multi_index(
            tuple(origin[place] for origin, place in zip(origins, places, strict=True)), plane
        )
        return windows.emit(ReduceWindowMaxOp, apart), positions
    # One dimension after the other; the first of the largest elements in row-major order is that of the first row that has one.
    for dim, table in reversed(list(enumerate(tables, x.ndim - rank))):
        sizes = tuple(table.shape[1] if d == dim else 1 for d in range(x.ndim - rank, x.ndim))
        x = Windows(name, sizes, sizes, (0,) * rank, (1,) * rank, False).emit(ReduceWindowMaxOp, _apart(x, dim, table))
    return x


def _apart(x: Tracer, dim: int, table: Array) -> Tracer:
    """The windows along `dim` side by side."""
    return resampled(x, dim, table.reshape(-1, 1), np.ones((table.size, 1)))


def at_plane_positions(x: Tracer, positions: Tracer, rank: int) -> Tracer:
    """The elements of `x` at positions in its last `rank` dimensions, counted in row-major order."""
    outer = x.shape[: x.ndim - rank]
    flat = x.reshape(*outer, math.prod(x.shape[len(outer) :]))
    return xp.take_along_axis(
        flat, positions.reshape(*outer, math.prod(positions.shape[len(outer) :])), axis=-1
    ).reshape(positions.shape)
