"""Windows that slide along dimensions: their reductions, `sliding_window_view`, convolution and correlation of sequences."""

import operator
from collections.abc import Callable, Sequence
from typing import Any, Literal, cast

import numpy as np

from compiler.axes import is_sequence, normalize_axes
from compiler.errors import ArgumentError, ShapeError, at_user_line
from compiler.frames import current_frame
from compiler.numpy_linalg import product_operands
from compiler.operands import as_tracer
from compiler.tracer import Tracer, fail_unsupported, value_of, xp
from dialects.dlc import windows
from dialects.dlc.unfolding import unfold

MOST_SHIFTS = 32
"""Up to this many elements of a filter, a convolution is a sum of shifted sequences; beyond, a product with a matrix."""


def reduced_windows(
    x: Any,
    computation: str,
    window_dimensions: Sequence[int],
    window_strides: Sequence[int] | int = 1,
    padding: str | Sequence[tuple[int, int]] = "VALID",
    base_dilation: Sequence[int] | int = 1,
    window_dilation: Sequence[int] | int = 1,
) -> Tracer:
    """What `compiler.nn.reduce_window` documents, on tracers."""
    array = as_tracer(x)
    if computation not in {"sum", "max", "min"}:
        raise ArgumentError(at_user_line(f"reduce_window: computation is {computation!r}; use 'sum', 'max' or 'min'"))
    sizes, strides, bases, dilations = (
        _per_dimension(array, name, value)
        for name, value in (
            ("window_dimensions", window_dimensions),
            ("window_strides", window_strides),
            ("base_dilation", base_dilation),
            ("window_dilation", window_dilation),
        )
    )
    spans = [(size - 1) * dilation + 1 for size, dilation in zip(sizes, dilations, strict=True)]
    extents = [(n - 1) * base + 1 if n else 0 for n, base in zip(array.shape, bases, strict=True)]
    frame = current_frame()
    low, high = zip(*_amounts(padding, extents, spans, strides), strict=True) if array.ndim else ((), ())
    return Tracer(
        frame,
        windows.reduce_window(
            frame.builder,
            value_of(array, frame),
            cast(windows.Kind, computation),
            sizes,
            strides,
            low=low,
            high=high,
            base_dilations=bases,
            dilations=dilations,
        ),
    )


def _per_dimension(x: Tracer, name: str, value: Any) -> list[int]:
    values = [operator.index(n) for n in value] if is_sequence(value) else [operator.index(value)] * x.ndim
    if len(values) != x.ndim or any(n < 1 for n in values):
        raise ShapeError(
            at_user_line(
                f"reduce_window: {name} is {value}, expected a positive number for each of the {x.ndim} dimensions"
            )
        )
    return values


def _amounts(
    padding: Any, extents: Sequence[int], spans: Sequence[int], strides: Sequence[int]
) -> list[tuple[int, int]]:
    """How much is put in front of and behind each dimension."""
    if padding == "VALID":
        return [(0, 0)] * len(extents)
    if padding == "SAME":
        pairs: list[tuple[int, int]] = []
        for extent, span, stride in zip(extents, spans, strides, strict=True):
            total = max(0, (-(-extent // stride) - 1) * stride + span - extent)
            pairs.append((total // 2, total - total // 2))
        return pairs
    given: list[Any] = list(padding) if is_sequence(padding) else [padding]
    is_pair = [
        is_sequence(pair) and len(pair) == 2 and all(isinstance(n, int | np.integer) for n in pair) for pair in given
    ]
    if len(given) != len(extents) or not all(is_pair):
        raise ShapeError(
            at_user_line(f"reduce_window: padding is {padding!r}, expected 'VALID', 'SAME' or a pair per dimension")
        )
    return [(int(low), int(high)) for low, high in given]


def sliding_window_view(
    x: Any, window_shape: Any, axis: Any = None, *, subok: bool = False, writeable: bool = False
) -> Tracer:
    """`np.lib.stride_tricks.sliding_window_view`, as a copy."""
    del subok, writeable
    array = as_tracer(x)
    sizes = tuple(window_shape) if is_sequence(window_shape) else (window_shape,)
    axes = normalize_axes("sliding_window_view", axis, array.ndim)
    if len(axes) != len(sizes):
        raise ShapeError(
            at_user_line(f"sliding_window_view: {len(sizes)} window sizes do not fit the {len(axes)} axes {list(axes)}")
        )
    result, frame = array, current_frame()
    for dim, size in zip(axes, sizes, strict=True):
        count = result.shape[dim] - size + 1
        if size < 0 or count < 1:
            raise ShapeError(
                at_user_line(f"sliding_window_view: a window of {size} does not fit dimension {dim} of {array.shape}")
            )
        last = xp.moveaxis(result, dim, -1)
        nothing = xp.empty((*last.shape[:-1], 0, count), last.dtype)
        unfolded = (
            unfold(frame.builder, value_of(last, frame), (size,), (1,), (1,)) if size else value_of(nothing, frame)
        )
        result = xp.moveaxis(Tracer(frame, unfolded), -1, dim)
    return result


def convolve(a: Any, v: Any, mode: Literal["full", "same", "valid"] = "full") -> Tracer:
    """`np.convolve`."""
    return _filtered("convolve", a, as_tracer(v)[::-1], mode)


def correlate(a: Any, v: Any, mode: Literal["full", "same", "valid"] = "valid") -> Tracer:
    """`np.correlate`."""
    x, y = as_tracer(a), as_tracer(v)
    result = _filtered("correlate", x, y.conj(), mode)
    # The shorter one slides, which turns the result around.
    return result[::-1] if y.size > x.size else result


def _filtered(what: str, a: Any, weights: Any, mode: str) -> Tracer:
    x, w = product_operands(what, a, weights)
    if x.ndim != 1 or w.ndim != 1 or not x.size or not w.size:
        raise ShapeError(
            at_user_line(
                f"{what}: shapes {x.shape} and {w.shape} must have one dimension and at least one element each"
            )
        )
    if mode not in {"full", "same", "valid"}:
        fail_unsupported(f"np.{what}: mode={mode!r}", "use 'full', 'same' or 'valid'")
    if w.size > x.size:
        x, w = (w[::-1], x[::-1]) if what == "convolve" else (w, x)
    n, size = x.size, w.size
    padded = xp.pad(x, size - 1)
    count = n + size - 1
    full = _shifted_sum(padded, w, count) if size <= MOST_SHIFTS else sliding_window_view(padded, size) @ w
    first = {"full": 0, "same": (size - 1) // 2, "valid": size - 1}[mode]
    length = {"full": count, "same": n, "valid": n - size + 1}[mode]
    return full[first : first + length]


def _shifted_sum(x: Tracer, weights: Tracer, count: int) -> Tracer:
    result = x[:count] * weights[0]
    for t in range(1, weights.size):
        result = result + x[t : t + count] * weights[t]
    return result


FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.lib.stride_tricks.sliding_window_view: sliding_window_view,
    np.convolve: convolve,
    np.correlate: correlate,
}
"""The functions of this file by the function of NumPy that they are."""
