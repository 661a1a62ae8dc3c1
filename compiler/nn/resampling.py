"""Images of other sizes.

Interpolation is separable: along one dimension every element of the result is a weighted sum of a few elements at positions
that are known while tracing. Formulas are those of PyTorch, whose weights are computed here in float64.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from compiler.argument_checks import checked
from compiler.axes import is_sequence
from compiler.compiled_functions import compiled
from compiler.errors import ArgumentError, ShapeError, at_user_line
from compiler.frames import Array
from compiler.nn.adaptive_pooling import adaptive_avg, resampled
from compiler.nn.operands import check_rank, floating_tracer, per_dimension
from compiler.tracer import xp

Taps = tuple[Array, Array]
"""Positions and weights of what each element of a result is the sum of, `[elements, how many]`."""

_RANKS = {"linear": 1, "bilinear": 2, "bicubic": 2, "trilinear": 3}
_MODES = ("nearest", "nearest-exact", *_RANKS, "area")
_ANTIALIASED = ("bilinear", "bicubic")


@checked
def interpolate(
    input: Any,  # noqa: A002
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Any:
    """`input` with other numbers of elements in its spatial dimensions.

    Args:
        input: shape `[N, C, W]`, `[N, C, H, W]` or `[N, C, D, H, W]`, floating point.
        size: the sizes wanted, as one integer or one for each spatial dimension.
        scale_factor: what to multiply the sizes by (and round down), if `size` is `None`; a number, or one for each.
        mode: `"nearest"` (PyTorch's, which rounds positions down), `"nearest-exact"`, `"linear"`, `"bilinear"`,
            `"trilinear"` (for one, two, three spatial dimensions), `"bicubic"` (for two; Keys' kernel with `a = -0.75`), or
            `"area"` (adaptive averages).
        align_corners: for the linear and cubic modes: whether the centres of the corners are where they were, and not their
            outer edges; `None` is no.
        recompute_scale_factor: whether distances follow from the sizes of the result, and not from `scale_factor`.
        antialias: for `"bilinear"` and `"bicubic"`: whether kernels are stretched when the result is smaller (cubic ones have
            `a = -0.5` then).

    Raises:
        ArgumentError: not exactly one of `size` and `scale_factor` is given, or arguments do not fit the mode.
        ShapeError: `input` has another number of dimensions, or a size is 0.
        DtypeError: `input` is not floating point.

    Example:
        >>> interpolate(np.array([[[0.0, 4.0]]]), scale_factor=2, mode="linear")
        array([[[0., 1., 3., 4.]]])
    """
    if (size is None) == (scale_factor is None):
        raise ArgumentError(
            at_user_line(f"interpolate: size is {size!r}, scale_factor {scale_factor!r}; give exactly one of them")
        )
    if mode not in _MODES:
        raise ArgumentError(at_user_line(f"interpolate: mode is {mode!r}; use {', '.join(map(repr, _MODES))}"))
    if align_corners is not None and mode not in _RANKS:
        raise ArgumentError(at_user_line(f"interpolate: align_corners has no meaning for mode {mode!r}; leave it out"))
    if recompute_scale_factor and scale_factor is None:
        raise ArgumentError(at_user_line("interpolate: recompute_scale_factor has no meaning with size; leave it out"))
    if antialias and mode not in _ANTIALIASED:
        raise ArgumentError(at_user_line(f"interpolate: antialias is for 'bilinear' and 'bicubic', not for {mode!r}"))
    sizes = tuple(size) if is_sequence(size) else size
    factors = tuple(scale_factor) if is_sequence(scale_factor) else scale_factor
    keep_factor = not recompute_scale_factor and mode != "area"
    return _interpolate(input, sizes, factors, mode, bool(align_corners), keep_factor, antialias)


@compiled(("sizes", "factors", "mode", "align_corners", "keep_factor", "antialias"))
def _interpolate(
    input: Any,  # noqa: A002
    sizes: Any,
    factors: Any,
    mode: str,
    align_corners: bool,
    keep_factor: bool,
    antialias: bool,
) -> Any:
    x = floating_tracer(input, "interpolate")
    check_rank(x, "interpolate", (3, 4, 5), "[N, C, W], [N, C, H, W] or [N, C, D, H, W]")
    rank, plane = x.ndim - 2, x.shape[2:]
    if rank != _RANKS.get(mode, rank):
        raise ArgumentError(
            at_user_line(
                f"interpolate: mode {mode!r} is for {_RANKS[mode]} spatial dimensions, input has shape {x.shape}; "
                "use 'linear', 'bilinear' or 'trilinear' as there are one, two or three"
            )
        )
    scales: tuple[float | None, ...] = (None,) * rank
    if factors is not None:
        given = tuple(factors) if is_sequence(factors) else (factors,) * rank
        if len(given) != rank or not all(isinstance(f, int | float | np.number) and f > 0 for f in given):
            raise ArgumentError(
                at_user_line(f"interpolate: scale_factor is {factors!r}; use a positive number, or {rank} of them")
            )
        sizes = tuple(int(n * factor) for n, factor in zip(plane, given, strict=True))
        scales = tuple(1 / factor for factor in given) if keep_factor else scales
    counts = per_dimension("interpolate", "size", sizes, rank, 0)
    if 0 in counts or 0 in plane:
        raise ShapeError(
            at_user_line(f"interpolate: cannot make size {counts} of input of shape {x.shape}; both need elements")
        )
    if mode == "area":
        return adaptive_avg(x, counts)
    # The last dimension first: the others are computed along it, many elements at a time, and may be more then.
    for dim in reversed(range(2, x.ndim)):
        n, count, scale = x.shape[dim], counts[dim - 2], scales[dim - 2]
        if mode in {"nearest", "nearest-exact"}:
            places = _nearest(n, count, scale, 0.5 if mode == "nearest-exact" else 0.0)[:, None]
            x = resampled(x, dim, places, np.ones(places.shape))
        elif n != count or (scale not in {None, 1} and not align_corners and (antialias or mode == "bicubic")):
            step = (n - 1) / max(count - 1, 1) if align_corners else n / count if scale is None else scale
            centres = (
                np.arange(count) * step if align_corners and not antialias else (np.arange(count) + 0.5) * step - 0.5
            )
            x = resampled(x, dim, *(_stretched if antialias else _at)(mode, n, centres, step))
    return x


def _nearest(n: int, count: int, scale: float | None, shift: float) -> Array:
    """The positions of the nearest elements, computed in float32 as in PyTorch: rounding decides."""
    step = np.float32(n / count if scale is None else scale)
    return xp.minimum(xp.floor((np.arange(count, dtype=np.float32) + np.float32(shift)) * step).astype(np.int64), n - 1)


def _at(mode: str, n: int, centres: Array, step: float) -> Taps:
    """The taps of linear and cubic interpolation between the elements around `centres`; the outermost repeat."""
    del step
    centres = centres if mode == "bicubic" else xp.maximum(centres, 0)
    first = xp.floor(centres)
    reach = np.arange(-1, 3) if mode == "bicubic" else np.arange(2)
    weigh = cubic(-0.75) if mode == "bicubic" else _triangle
    positions = first[:, None] + reach
    return positions.clip(0, n - 1).astype(np.int64), weigh(xp.abs(centres[:, None] - positions))


def _stretched(mode: str, n: int, centres: Array, step: float) -> Taps:
    """The taps of a kernel that is `step` times as wide, if that is more than one; what lies outside has no weight."""
    width = max(step, 1.0)
    support = (2.0 if mode == "bicubic" else 1.0) * width
    first = xp.maximum((centres + 1 - support).astype(np.int64), 0)
    end = xp.minimum((centres + 1 + support).astype(np.int64), n)
    positions = first[:, None] + np.arange(int((end - first).max()))
    weigh = cubic(-0.5) if mode == "bicubic" else _triangle
    weights = xp.where(positions < end[:, None], weigh(xp.abs(positions - centres[:, None]) / width), 0)
    return positions.clip(0, n - 1), weights / weights.sum(1, keepdims=True)


def _triangle(distance: Any) -> Any:
    """`max(1 - |d|, 0)`."""
    return xp.maximum(1 - distance, 0)


def cubic(a: float) -> Callable[[Any], Any]:
    """The kernel of Keys (Cubic convolution interpolation for digital image processing, 1981) with parameter `a`."""

    def weigh(distance: Any) -> Any:
        near = ((a + 2) * distance - (a + 3)) * distance * distance + 1
        far = ((a * distance - 5 * a) * distance + 8 * a) * distance - 4 * a
        return xp.where(distance <= 1, near, xp.where(distance < 2, far, xp.zeros_like(far)))

    return weigh
