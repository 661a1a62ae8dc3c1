"""Max pooling over windows at random places."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from compiler.argument_checks import checked
from compiler.axes import is_sequence
from compiler.compiled_functions import compiled
from compiler.errors import ArgumentError, ShapeError, at_user_line
from compiler.nn.adaptive_pooling import at_plane_positions
from compiler.nn.operands import check_rank, drawn_dtype, floating_tracer, image_layout, per_dimension
from compiler.nn.pooling import Amounts
from compiler.operands import as_tracer
from compiler.random import uniform
from compiler.tracer import xp
from compiler.tracing import Tracer


@checked
def fractional_max_pool2d(
    input: Any,  # noqa: A002
    kernel_size: Amounts,
    output_size: Amounts | None = None,
    output_ratio: float | Sequence[float] | None = None,
    return_indices: bool = False,
    _random_samples: Any = None,
    *,
    rng_key: Any = None,
) -> Any:
    """The largest elements of windows at pseudo-random steps (Graham, arXiv 1412.6071), drawn for each channel.

    With `a = (H - kernel_size) / (output_size - 1)` and a sample `u`, window `i` starts at `floor((i + u) a) - floor(u a)`,
    the last one at `H - kernel_size`.

    Args:
        input: shape `[N, C, H, W]` or `[C, H, W]`, floating point.
        kernel_size: how many elements a window has, as an integer or a pair.
        output_size: how many windows, as an integer or a pair.
        output_ratio: how many windows for every element, below 1, if `output_size` is `None`.
        return_indices: whether the positions of the elements are wanted too, counted in their image as int64.
        _random_samples: numbers from `[0, 1)` of shape `[N, C, 2]` to use, for the columns and for the rows.
        rng_key: key of `compiler.random` to draw them with.

    Raises:
        ArgumentError: not exactly one of `output_size` and `output_ratio`, or of samples and a key, is given, or one is wrong.
        ShapeError: `input` or samples have another shape, or the windows do not fit.
        DtypeError: `input` is not floating point.

    Example:
        >>> from compiler import random
        >>> fractional_max_pool2d(np.arange(25.0).reshape(1, 5, 5), 2, output_ratio=0.6, rng_key=random.key(0)).shape
        (1, 3, 3)
    """
    wanted = _fractions("fractional_max_pool2d", 2, kernel_size, output_size, output_ratio)
    return _fractional_max_pool(input, _random_samples, rng_key, "fractional_max_pool2d", *wanted, return_indices)


@checked
def fractional_max_pool3d(
    input: Any,  # noqa: A002
    kernel_size: Amounts,
    output_size: Amounts | None = None,
    output_ratio: float | Sequence[float] | None = None,
    return_indices: bool = False,
    _random_samples: Any = None,
    *,
    rng_key: Any = None,
) -> Any:
    """`fractional_max_pool2d` over the last three dimensions of `[N, C, D, H, W]` or `[C, D, H, W]`.

    Samples are for the depth, the rows and the columns, in this order.

    Example:
        >>> from compiler import random
        >>> fractional_max_pool3d(np.ones((1, 4, 5, 6)), 2, (2, 3, 4), rng_key=random.key(0)).shape
        (1, 2, 3, 4)
    """
    wanted = _fractions("fractional_max_pool3d", 3, kernel_size, output_size, output_ratio)
    return _fractional_max_pool(input, _random_samples, rng_key, "fractional_max_pool3d", *wanted, return_indices)


def _fractions(
    name: str, rank: int, kernel_size: Amounts, output_size: Any, output_ratio: Any
) -> tuple[tuple[int, ...], tuple[int, ...] | None, tuple[float, ...] | None]:
    """The size of a window, and the number of windows or what to multiply the size of `input` by for it."""
    sizes = per_dimension(name, "kernel_size", kernel_size, rank)
    if (output_size is None) == (output_ratio is None):
        raise ArgumentError(
            at_user_line(
                f"{name}: output_size is {output_size!r}, output_ratio {output_ratio!r}; give exactly one of them"
            )
        )
    if output_size is not None:
        return sizes, per_dimension(name, "output_size", output_size, rank), None
    ratios = tuple(output_ratio) if is_sequence(output_ratio) else (output_ratio,) * rank
    if len(ratios) != rank or not all(isinstance(ratio, int | float) and 0 < ratio < 1 for ratio in ratios):
        raise ArgumentError(
            at_user_line(f"{name}: output_ratio is {output_ratio!r}; use one number between 0 and 1, or {rank} of them")
        )
    return sizes, None, ratios


@compiled(("name", "sizes", "output_sizes", "ratios", "return_indices"))
def _fractional_max_pool(
    input: Any,  # noqa: A002
    samples: Any,
    rng_key: Any,
    name: str,
    sizes: tuple[int, ...],
    output_sizes: tuple[int, ...] | None,
    ratios: tuple[float, ...] | None,
    return_indices: bool,
) -> Any:
    x, rank = floating_tracer(input, name), len(sizes)
    check_rank(x, name, (rank + 1, rank + 2), image_layout(rank))
    outer, plane = x.shape[: x.ndim - rank], x.shape[x.ndim - rank :]
    if ratios is not None:
        output_sizes = tuple(int(n * ratio) for n, ratio in zip(plane, ratios, strict=True))
    assert output_sizes is not None, "a size or a ratio is given"
    for n, size, count in zip(plane, sizes, output_sizes, strict=True):
        if count < 1 or count + size - 1 > n:
            raise ShapeError(
                at_user_line(
                    f"{name}: {output_sizes} windows of {sizes} at different places do not fit shape {x.shape}"
                )
            )
    starts = _starts(_samples(x, samples, rng_key, name, outer, rank), plane, sizes, output_sizes)
    positions: Any = 0
    for dim, (n, size, count) in enumerate(zip(plane, sizes, output_sizes, strict=True)):
        places = starts[dim].reshape(*outer, count, 1) + np.arange(size)
        # Every dimension of the result is followed by that of its windows.
        ones = [(1, 1)] * dim + [(count, size)] + [(1, 1)] * (rank - dim - 1)
        positions = positions * n + places.reshape(*outer, *(extent for pair in ones for extent in pair))
    axes = [*range(len(outer)), *(len(outer) + 2 * dim for dim in range(rank))]
    axes += [axis + 1 for axis in axes[len(outer) :]]
    positions = positions.transpose(axes).reshape(*outer, *output_sizes, math.prod(sizes))
    chosen = xp.argmax(at_plane_positions(x, positions, rank), axis=-1)
    positions = xp.take_along_axis(positions, xp.expand_dims(chosen, -1), axis=-1).squeeze(-1)
    result = at_plane_positions(x, positions, rank)
    return (result, positions) if return_indices else result


def _samples(x: Tracer, samples: Any, rng_key: Any, name: str, outer: tuple[int, ...], rank: int) -> Tracer:
    """One number for each channel and spatial dimension."""
    if (samples is None) == (rng_key is None):
        raise ArgumentError(at_user_line(f"{name}: needs either rng_key=compiler.random.key(seed) or _random_samples"))
    if rng_key is not None:
        return uniform(rng_key, (*outer, rank), dtype=drawn_dtype(x))
    given = as_tracer(samples)
    expected = (*((1,) * (2 - len(outer))), *outer, rank)
    if given.shape != expected:
        raise ShapeError(at_user_line(f"{name}: _random_samples have shape {given.shape}, expected {expected}"))
    return given.astype(drawn_dtype(x)).reshape(*outer, rank)


def _starts(samples: Tracer, plane: Sequence[int], sizes: Sequence[int], counts: Sequence[int]) -> list[Tracer]:
    """Where the windows of each channel start, in each dimension."""
    rank = len(plane)
    starts: list[Tracer] = []
    for dim, (n, size, count) in enumerate(zip(plane, sizes, counts, strict=True)):
        # PyTorch's order: columns before rows for images, but the dimensions' order for volumes.
        sample = samples[..., rank - 1 - dim if rank == 2 else dim, None]
        step = np.asarray((n - size) / max(count - 1, 1), samples.dtype)
        early = xp.floor((np.arange(count).astype(samples.dtype) + sample) * step) - xp.floor(sample * step)
        starts.append(xp.where(np.arange(count) == count - 1, n - size, early.astype(np.int64)))
    return starts
