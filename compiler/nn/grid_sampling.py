"""Images at the positions of a grid, and the grids of affine maps (Jaderberg et al., arXiv 1506.02025)."""

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from compiler.argument_checks import checked
from compiler.axes import is_sequence
from compiler.compiled_functions import compiled
from compiler.errors import ArgumentError, ShapeError, at_user_line
from compiler.frames import Array
from compiler.nn.operands import check_rank, floating_tracer, per_dimension
from compiler.nn.resampling import cubic
from compiler.tracer import xp
from compiler.tracing import Tracer, array_value, current_frame, new_tracer
from dialects.dlc.indexing import gather

_MODES = ("bilinear", "nearest", "bicubic")
_PADDING_MODES = ("zeros", "border", "reflection")


@compiled(("mode", "padding_mode", "align_corners"))
def grid_sample(
    input: Any,  # noqa: A002
    grid: Any,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Any:
    """`input` at the positions in `grid`, where -1 and 1 are the ends of a dimension.

    Differentiable in both; positions that are NaN give zeros.

    Args:
        input: shape `[N, C, H, W]` or `[N, C, D, H, W]`, floating point.
        grid: shape `[N, …, 2]`, positions `x, y`, or `[N, …, 3]`, positions `x, y, z`, with as many dimensions as `input`;
            of the dtype of `input`.
        mode: `"bilinear"`, `"nearest"` (of two equally near the even one), or `"bicubic"` (for images; Keys' kernel with
            `a = -0.75`).
        padding_mode: what lies outside: `"zeros"`, the nearest element (`"border"`), or what is mirrored at the ends
            (`"reflection"`).
        align_corners: whether -1 and 1 are the centres of the outermost elements, and not their outer edges; `None` is no.

    Returns:
        Shape `[N, C, …]`.

    Raises:
        ArgumentError: there is no such mode, or not for this number of dimensions.
        ShapeError: the shapes do not fit, or `input` has no elements to sample.
        DtypeError: an argument is not floating point.

    Example:
        >>> image = np.arange(4.0).reshape(1, 1, 2, 2)
        >>> grid_sample(image, np.array([[[[0.0, 0.0], [1.0, -1.0]]]]), align_corners=True)
        array([[[[1.5, 1. ]]]])
    """
    x, positions = floating_tracer(input, "grid_sample"), floating_tracer(grid, "grid_sample")
    check_rank(x, "grid_sample", (4, 5), "[N, C, H, W] or [N, C, D, H, W]")
    rank, plane = x.ndim - 2, x.shape[2:]
    for name, value, known in (("mode", mode, _MODES), ("padding_mode", padding_mode, _PADDING_MODES)):
        if value not in known:
            raise ArgumentError(at_user_line(f"grid_sample: {name} is {value!r}; use {', '.join(map(repr, known))}"))
    if mode == "bicubic" and rank == 3:
        raise ArgumentError(
            at_user_line(f"grid_sample: mode 'bicubic' is for images, input has shape {x.shape}; use 'bilinear'")
        )
    if positions.ndim != x.ndim or positions.shape[0] != x.shape[0] or positions.shape[-1] != rank:
        raise ShapeError(
            at_user_line(
                f"grid_sample: grid has shape {positions.shape}, expected {rank + 2} dimensions from {x.shape[0]} to {rank} "
                f"for input of shape {x.shape}"
            )
        )
    if 0 in plane:
        raise ShapeError(at_user_line(f"grid_sample: input of shape {x.shape} has no elements to sample"))
    (number, channels), shape = x.shape[:2], positions.shape[1:-1]
    positions = positions.astype(x.dtype).reshape(number, math.prod(shape), rank)
    # The last coordinate is that of the first spatial dimension.
    taps = [
        _taps(positions[..., rank - 1 - dim], n, mode, padding_mode, bool(align_corners)) for dim, n in enumerate(plane)
    ]
    flat, result = x.reshape(number, channels, math.prod(plane)), None
    for combination in itertools.product(*taps):
        place, weight, is_inside = combination[0]
        for n, (further, factor, is_within) in zip(plane[1:], combination[1:], strict=True):
            place, weight, is_inside = place * n + further, weight * factor, is_inside & is_within
        # Out of bounds a gather reads zero, and its adjoint writes nothing.
        elements = _elements(flat, xp.where(is_inside, place, -1))
        term = elements * xp.expand_dims(xp.where(is_inside, weight, xp.zeros_like(weight)), -1)
        result = term if result is None else result + term
    assert result is not None, "there is a tap"
    return xp.swapaxes(result, 1, 2).reshape(number, channels, *shape)


@checked
def affine_grid(theta: Any, size: Sequence[int], align_corners: bool | None = None) -> Any:
    """The positions that `grid_sample` needs for affine maps: `theta @ (x, y, 1)`, or `theta @ (x, y, z, 1)`.

    Args:
        theta: shape `[N, 2, 3]` or `[N, 3, 4]`, floating point.
        size: the shape of the result of sampling, `(N, C, H, W)` or `(N, C, D, H, W)`.
        align_corners: whether -1 and 1 are the centres of the outermost elements, and not their outer edges; `None` is no.

    Returns:
        Shape `[N, H, W, 2]` or `[N, D, H, W, 3]`.

    Raises:
        ArgumentError: `size` is no sequence of four or five natural numbers.
        ShapeError: `theta` does not fit `size`.
        DtypeError: `theta` is not floating point.

    Example:
        >>> affine_grid(np.array([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]]), (1, 1, 1, 2))
        array([[[[-0.5,  0. ],
                 [ 0.5,  0. ]]]])
    """
    if not is_sequence(size) or len(size) not in {4, 5}:
        raise ArgumentError(at_user_line(f"affine_grid: size is {size!r}; use (N, C, H, W) or (N, C, D, H, W)"))
    return _affine_grid(theta, per_dimension("affine_grid", "size", size, len(size), 0), bool(align_corners))


def _taps(
    position: Tracer, n: int, mode: str, padding_mode: str, align_corners: bool
) -> list[tuple[Tracer, Tracer, Tracer]]:
    """Of one dimension with `n` elements: which are combined for each position, their weights, and whether there are such."""
    at = (position + 1) / 2 * (n - 1) if align_corners else ((position + 1) * n - 1) / 2
    if mode == "bicubic":
        before = xp.floor(at)
        weigh = cubic(-0.75)
        taps = [
            (_inner(before + k, n, padding_mode, align_corners), weigh(xp.abs(at - before - k))) for k in range(-1, 3)
        ]
    else:
        at = _inner(at, n, padding_mode, align_corners)
        before = xp.rint(at) if mode == "nearest" else xp.floor(at)
        share = at - before
        taps = [(before, xp.ones_like(at))] if mode == "nearest" else [(before, 1 - share), (before + 1, share)]
    result: list[tuple[Tracer, Tracer, Tracer]] = []
    for place, weight in taps:
        is_inside = (place >= 0) & (place <= n - 1)
        result.append((xp.where(is_inside, place, xp.zeros_like(place)).astype(np.int64), weight, is_inside))
    return result


def _inner(at: Tracer, n: int, padding_mode: str, align_corners: bool) -> Tracer:
    """Positions with those outside of `n` elements moved to where their elements are found, by a map of slope 1, -1 or 0."""
    if padding_mode == "zeros":
        return at
    if padding_mode == "reflection":
        low, span = (0.0, n - 1) if align_corners else (-0.5, n)
        if span == 0:
            return xp.zeros_like(at)
        distance = xp.abs(at - low)
        rest = xp.fmod(distance, span)
        at = low + xp.where(xp.floor(distance / span) % 2 == 0, rest, span - rest)
    zero = xp.zeros_like(at)
    return xp.where(at <= 0, zero, xp.where(at >= n - 1, zero + (n - 1), at))


def _elements(flat: Tracer, places: Tracer) -> Tracer:
    """`[n, i, c]`: channel `c` of image `n` at place `i`, zero where that is outside."""
    operands = array_value(flat), array_value(xp.expand_dims(places, -1))
    return new_tracer(gather(current_frame().builder, *operands, (2,), batch_dims=1, bounds="drop"))


@compiled(("size", "align_corners"))
def _affine_grid(theta: Any, size: tuple[int, ...], align_corners: bool) -> Any:
    maps, plane = floating_tracer(theta, "affine_grid"), size[2:]
    rank = len(plane)
    if maps.shape != (size[0], rank, rank + 1):
        raise ShapeError(
            at_user_line(
                f"affine_grid: theta has shape {maps.shape}, expected {(size[0], rank, rank + 1)} for size {size}"
            )
        )
    # The last spatial dimension is the first coordinate.
    axes = [_centres(n, align_corners).reshape(-1, *(1,) * (rank - dim - 1)) for dim, n in enumerate(plane)]
    base = xp.stack([*xp.broadcast_arrays(*axes)[::-1], np.ones(plane)], axis=-1).reshape(math.prod(plane), rank + 1)
    return (base.astype(maps.dtype) @ xp.swapaxes(maps, 1, 2)).reshape(size[0], *plane, rank)


def _centres(n: int, align_corners: bool) -> Array:
    """Where the elements of a dimension are between -1 and 1; a single one is in the middle."""
    ends = np.linspace(-1, 1, n) if n != 1 else np.zeros(1)
    return ends if align_corners else ends * (n - 1) / max(n, 1)
