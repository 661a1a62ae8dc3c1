"""Elements of images in other places: padding, and channels that become pixels and back."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from compiler.argument_checks import checked
from compiler.axes import is_sequence
from compiler.compiled_functions import compiled
from compiler.errors import ArgumentError, ShapeError, at_user_line
from compiler.frames import Array
from compiler.nn.operands import per_dimension
from compiler.numpy_padding import framed
from compiler.operands import as_tracer
from compiler.tracer import Tracer, xp

_MODES = ("constant", "reflect", "replicate", "circular")


@checked
def pad(input: Any, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Any:  # noqa: A002
    """`input` with elements put before and behind its last dimensions, or cut off there.

    Args:
        input: any shape; any dtype.
        pad: pairs of amounts before and behind: the first pair is for the last dimension, the next for the one in front of
            that, and so on. Negative amounts cut.
        mode: what is put there: `"constant"`, the mirrored elements without the edge (`"reflect"`), the element at the edge
            (`"replicate"`), or the elements from the other end (`"circular"`).
        value: the constant, 0 if `None`.

    Raises:
        ArgumentError: there is no such mode, `value` is given in another mode than `"constant"`, or `pad` is no tuple of integers.
        ShapeError: there are more pairs than dimensions, an odd number of amounts, or fewer elements than the mode needs.

    Example:
        >>> pad(np.array([1, 2, 3]), (1, 2), mode="circular")
        array([3, 1, 2, 3, 1, 2])
    """
    if not is_sequence(pad) or not all(isinstance(n, int | np.integer) for n in pad):
        raise ArgumentError(at_user_line(f"pad: pad is {pad!r}; use a tuple of integers"))
    if mode not in _MODES:
        raise ArgumentError(at_user_line(f"pad: mode is {mode!r}; use {', '.join(map(repr, _MODES))}"))
    if value is not None and mode != "constant":
        raise ArgumentError(at_user_line(f"pad: value is {value!r}, which mode {mode!r} has no use for; leave it out"))
    return _pad(input, tuple(int(n) for n in pad), mode, value or 0)


@compiled(("amounts", "mode", "value"))
def _pad(input: Any, amounts: tuple[int, ...], mode: str, value: float) -> Any:  # noqa: A002
    x = as_tracer(input)
    if len(amounts) % 2 or len(amounts) > 2 * x.ndim:
        raise ShapeError(
            at_user_line(
                f"pad: {len(amounts)} amounts do not fit shape {x.shape}; use a pair for each of its last dimensions"
            )
        )
    pairs = [(0, 0)] * (x.ndim - len(amounts) // 2) + list(zip(amounts[-2::-2], amounts[::-2], strict=True))
    for dim, (low, high) in enumerate(pairs):
        if (low < 0 and -low + max(-high, 0) > x.shape[dim]) or high < -x.shape[dim]:
            raise ShapeError(
                at_user_line(f"pad: {(low, high)} cuts more than there is of dimension {dim} of {x.shape}")
            )
    if mode in {"constant", "circular"}:
        x = x[tuple(slice(max(-low, 0), n - max(-high, 0)) for n, (low, high) in zip(x.shape, pairs, strict=True))]
        pairs = [(max(low, 0), max(high, 0)) for low, high in pairs]
    if mode == "constant":
        return xp.pad(x, pairs, constant_values=value)
    return framed(x, [_sources(x, dim, low, high, mode) for dim, (low, high) in enumerate(pairs)], pairs)


def _sources(x: Tracer, dim: int, low: int, high: int, mode: str) -> Array:
    """Where the elements of the padded dimension come from."""
    size = x.shape[dim]
    if not low and not high:
        return np.arange(size)
    most = {"reflect": size - 1, "circular": size, "replicate": max(low, high) if size else 0}[mode]
    if max(low, high) > most:
        raise ShapeError(
            at_user_line(f"pad: mode {mode!r} can put at most {max(most, 0)} elements at dimension {dim} of {x.shape}")
        )
    places = np.arange(-low, size + high)
    if mode == "circular":
        return places % size
    if mode == "replicate":
        return places.clip(0, size - 1)
    return size - 1 - xp.abs(size - 1 - xp.abs(places))


@checked
def pixel_shuffle(input: Any, upscale_factor: int) -> Any:  # noqa: A002
    """Channels become pixels (Shi et al., arXiv 1609.05158): `[…, C r², H, W]` becomes `[…, C, H r, W r]`.

    Element `[c, h r + i, w r + j]` is `input[c r² + i r + j, h, w]`.

    Args:
        input: shape `[…, C r², H, W]`; any dtype.
        upscale_factor: `r`.

    Raises:
        ArgumentError: `upscale_factor` is no positive integer.
        ShapeError: there are fewer than three dimensions, or `r²` does not divide the number of channels.

    Example:
        >>> pixel_shuffle(np.arange(4).reshape(4, 1, 1), 2)
        array([[[0, 1],
                [2, 3]]])
    """
    (factor,) = per_dimension("pixel_shuffle", "upscale_factor", upscale_factor, 1)
    return _pixel_shuffle(input, factor)


@compiled(("factor",))
def _pixel_shuffle(input: Any, factor: int) -> Any:  # noqa: A002
    x = as_tracer(input)
    if x.ndim < 3 or x.shape[-3] % factor**2:
        raise ShapeError(at_user_line(f"pixel_shuffle: input has shape {x.shape}, expected […, C * {factor**2}, H, W]"))
    *batch, channels, height, width = x.shape
    count = channels // factor**2
    parts = x.reshape(math.prod(batch), count, factor, factor, height, width)
    return parts.transpose(0, 1, 4, 2, 5, 3).reshape(*batch, count, height * factor, width * factor)


@checked
def pixel_unshuffle(input: Any, downscale_factor: int) -> Any:  # noqa: A002
    """Pixels become channels, the inverse of `pixel_shuffle`: `[…, C, H r, W r]` becomes `[…, C r², H, W]`.

    Args:
        input: shape `[…, C, H r, W r]`; any dtype.
        downscale_factor: `r`.

    Raises:
        ArgumentError: `downscale_factor` is no positive integer.
        ShapeError: there are fewer than three dimensions, or `r` does not divide the last two.

    Example:
        >>> pixel_unshuffle(np.array([[[0, 1], [2, 3]]]), 2).ravel()
        array([0, 1, 2, 3])
    """
    (factor,) = per_dimension("pixel_unshuffle", "downscale_factor", downscale_factor, 1)
    return _pixel_unshuffle(input, factor)


@compiled(("factor",))
def _pixel_unshuffle(input: Any, factor: int) -> Any:  # noqa: A002
    x = as_tracer(input)
    if x.ndim < 3 or x.shape[-1] % factor or x.shape[-2] % factor:
        raise ShapeError(
            at_user_line(f"pixel_unshuffle: input has shape {x.shape}, expected […, C, H * {factor}, W * {factor}]")
        )
    *batch, channels, height, width = x.shape
    parts = x.reshape(math.prod(batch), channels, height // factor, factor, width // factor, factor)
    return parts.transpose(0, 1, 3, 5, 2, 4).reshape(*batch, channels * factor**2, height // factor, width // factor)


@checked
def channel_shuffle(input: Any, groups: int) -> Any:  # noqa: A002
    """Channels dealt from `groups` groups in turn (Zhang et al., arXiv 1707.01083).

    Args:
        input: shape `[N, C, …]`; any dtype.
        groups: how many; they divide `C`.

    Raises:
        ArgumentError: `groups` is no positive integer.
        ShapeError: there are fewer than three dimensions, or `groups` does not divide `C`.

    Example:
        >>> channel_shuffle(np.arange(6).reshape(1, 6, 1), 2).ravel()
        array([0, 3, 1, 4, 2, 5])
    """
    (count,) = per_dimension("channel_shuffle", "groups", groups, 1)
    return _channel_shuffle(input, count)


@compiled(("groups",))
def _channel_shuffle(input: Any, groups: int) -> Any:  # noqa: A002
    x = as_tracer(input)
    if x.ndim < 3 or x.shape[1] % groups:
        raise ShapeError(
            at_user_line(f"channel_shuffle: input has shape {x.shape}, expected [N, C, …] with C divisible by {groups}")
        )
    number, channels, *rest = x.shape
    return x.reshape(number, groups, channels // groups, *rest).swapaxes(1, 2).reshape(x.shape)
