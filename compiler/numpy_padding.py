"""`np.pad` in all its modes."""

import operator
from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np

from compiler.axes import normalize_axis
from compiler.errors import ArgumentError, ShapeError, at_user_line
from compiler.frames import Array, current_frame
from compiler.numpy_linalg import astype
from compiler.operands import as_tracer, operand_value
from compiler.tracer import Tracer, fail_unsupported, value_of, xp
from dialects.dlc import slicing
from dialects.dlc.interfaces import dtype_kind

_STATISTICS: dict[str, Any] = {"maximum": xp.max, "minimum": xp.min, "mean": xp.mean, "median": xp.median}
_REPEATING = {"edge", "reflect", "symmetric", "wrap"}
_MODES = ("constant", "empty", "linear_ramp", *sorted(_REPEATING), *_STATISTICS)
_ARGUMENTS = {
    "constant": {"constant_values"},
    "linear_ramp": {"end_values"},
    "reflect": {"reflect_type"},
    "symmetric": {"reflect_type"},
    **{mode: {"stat_length"} for mode in _STATISTICS},
}
"""The arguments that a mode has besides the widths."""


def pad(array: Any, pad_width: Any, mode: Any = "constant", **arguments: Any) -> Tracer:
    """`np.pad`; axes one after the other, as NumPy does, so that later ones see what earlier ones put."""
    x = as_tracer(array)
    widths = _widths(x, pad_width)
    if callable(mode):
        fail_unsupported("np.pad with a function as mode", "concatenate what it computes")
    if mode not in _MODES or set(arguments) - _ARGUMENTS.get(mode, set()):
        raise ArgumentError(
            at_user_line(
                f"pad: mode={mode!r} with {sorted(arguments)}; the modes are {', '.join(_MODES)}, each with its own arguments"
            )
        )
    if mode == "constant":
        return _pad_constant(x, widths, arguments.get("constant_values", 0))
    if mode == "empty":
        return _pad_constant(x, widths, 0)
    shape = x.shape
    if mode in _REPEATING and arguments.get("reflect_type", "even") == "even" and 0 not in shape:
        return framed(x, [xp.pad(np.arange(n), pair, mode) for n, pair in zip(shape, widths, strict=True)], widths)
    for dim, (low, high) in enumerate(widths):
        if not low and not high:
            continue
        if not shape[dim] and mode != "linear_ramp":
            raise ShapeError(
                at_user_line(f"pad: dimension {dim} of shape {shape} is empty; only a constant can pad it")
            )
        if mode in _REPEATING:
            if arguments.get("reflect_type", "even") == "odd" and shape[dim] > 1:
                x = _pad_odd(x, dim, low, high, mode)
            else:
                x = xp.take(x, xp.pad(np.arange(x.shape[dim]), (low, high), mode), dim)
        elif mode == "linear_ramp":
            ends = _pairs(arguments.get("end_values", 0), x.ndim)[dim]
            x = _joined(x, dim, _ramp(x, dim, low, ends[0], 0), xp.flip(_ramp(x, dim, high, ends[1], -1), dim))
        else:
            lengths = _pairs(arguments.get("stat_length"), x.ndim)[dim]
            x = _joined(
                x, dim, *(_statistic(x, dim, mode, *side) for side in ((low, lengths[0], 0), (high, lengths[1], -1)))
            )
    return x


def _widths(x: Tracer, pad_width: Any) -> list[list[int]]:
    if isinstance(pad_width, dict):
        pairs = [(0, 0)] * x.ndim
        for axis, width in cast(dict[int, Any], pad_width).items():
            low, high = xp.broadcast_to(width, (2,)).tolist()
            pairs[normalize_axis("pad", axis, x.ndim)] = (low, high)
        pad_width = pairs
    widths = xp.broadcast_to(np.asarray(pad_width), (x.ndim, 2)).tolist()
    if any(low < 0 or high < 0 for low, high in widths):
        raise ShapeError(at_user_line(f"pad: widths {widths} may not be negative"))
    return widths


def _pairs(values: Any, rank: int) -> list[list[Any]]:
    """The values for both sides of every dimension; traced ones may be given as a scalar only."""
    if isinstance(values, Tracer) and values.shape == ():
        return [[values, values]] * rank
    return xp.broadcast_to(np.asarray(values), (rank, 2)).tolist()


def _pad_constant(x: Tracer, widths: list[list[int]], constant_values: Any) -> Tracer:
    frame = current_frame()
    result = value_of(x, frame)
    # One operation if one value is enough; axis by axis, as NumPy does, if not: the later value wins in the corners.
    steps: list[tuple[Any, list[int], list[int]]] = []
    for dim, ((low, high), (first, last)) in enumerate(zip(widths, _pairs(constant_values, x.ndim), strict=True)):
        for value, amounts, k in ((first, low, 1), (last, high, 2)):
            if not amounts:
                continue
            same = steps and (steps[-1][0] is value or (not isinstance(value, Tracer) and steps[-1][0] == value))
            if not same:
                steps.append((value, [0] * x.ndim, [0] * x.ndim))
            steps[-1][k][dim] = amounts
    for value, low, high in steps:
        scalar = operand_value(frame, value, x.dtype, ())
        result = slicing.pad(frame.builder, result, scalar, low, high, [0] * x.ndim)
    return Tracer(frame, result)


def framed(x: Tracer, places: Sequence[Array], widths: Sequence[Sequence[int]]) -> Tracer:
    """The elements `x[places[0][i], places[1][j], …]`, which are those of `x` in order but for so many before and behind.

    All of `x` is written at once; what is around it comes from thin slabs of it, which are framed in the dimensions that follow.
    """
    whole = tuple(map(len, places))
    inner = tuple(slice(max(low, 0), size - max(high, 0)) for (low, high), size in zip(widths, whole, strict=True))
    kept = tuple(slice(max(-low, 0), n - max(-high, 0)) for (low, high), n in zip(widths, x.shape, strict=True))
    if all(part == slice(0, size) for part, size in zip(inner, whole, strict=True)):
        return x[kept]
    result: Any = xp.zeros(whole, x.dtype, like=x)
    result[inner] = x[kept]
    for dim, part in enumerate(inner):
        for side in (slice(0, part.start), slice(part.stop, whole[dim])):
            if side.start == side.stop:
                continue
            slab = _taken(x[kept[:dim]], dim, places[dim][side])
            rest = framed(
                slab,
                [*map(np.arange, slab.shape[: dim + 1]), *places[dim + 1 :]],
                [*[(0, 0)] * (dim + 1), *widths[dim + 1 :]],
            )
            result[(*inner[:dim], side)] = rest
    return result


def _taken(x: Tracer, dim: int, places: Array) -> Tracer:
    """The elements at these places of a dimension: a slice, if they are one."""
    first, last, index = int(places[0]), int(places[-1]), (slice(None),) * dim
    if (places == first).all():
        return xp.repeat(x[(*index, slice(first, first + 1))], len(places), dim)
    if (np.diff(places) == 1).all():
        return x[(*index, slice(first, last + 1))]
    if (np.diff(places) == -1).all():
        return x[(*index, slice(first, last - 1 if last else None, -1))]
    return xp.take(x, places, dim)


def _joined(x: Tracer, dim: int, before: Tracer, after: Tracer) -> Tracer:
    return xp.concatenate([part for part in (before, x, after) if part.shape[dim]], dim)


def _ramp(x: Tracer, dim: int, width: int, end: Any, place: int) -> Tracer:
    """From `end` to the element at `place` of the dimension, without that."""
    edge = xp.take(x, [place], dim)
    steps = np.arange(width).reshape([width if d == dim else 1 for d in range(x.ndim)])
    is_exact = dtype_kind(x.dtype) not in "fc"
    dtype = np.dtype(np.float64) if is_exact else x.dtype
    values = astype(edge, dtype) - end
    values = end + values / max(width, 1) * steps.astype(dtype)
    return astype(xp.floor(values) if is_exact else values, x.dtype)


def _statistic(x: Tracer, dim: int, mode: str, width: int, length: Any, place: int) -> Tracer:
    """The statistic of the first, or last, `length` elements, `width` times."""
    size = x.shape[dim]
    count = size if length is None else min(operator.index(length), size)
    if count < 1:
        raise ShapeError(at_user_line(f"pad: stat_length={length} leaves no element for mode={mode!r}"))
    part = (*(slice(None),) * dim, slice(0, count) if place == 0 else slice(size - count, size))
    value = _STATISTICS[mode](x[part], axis=dim, keepdims=True)
    if dtype_kind(x.dtype) in "iu" and dtype_kind(value.dtype) == "f":
        value = xp.rint(value)
    return xp.repeat(astype(value, x.dtype), width, dim)


def _pad_odd(x: Tracer, dim: int, low: int, high: int, mode: str) -> Tracer:
    """Reflections that are also negated at the edge: `2 * edge - element`, again and again.

    Every element is `sign * x[place] + first * x[0] + last * x[-1]`. Padding constants and a ramp tells the factors: a constant
    stays one, and the ramp becomes what NumPy makes of it.
    """
    size = x.shape[dim]
    period = size if mode == "symmetric" else size - 1
    positions = np.arange(-low, size + high)
    place = xp.pad(np.arange(size), (low, high), mode)
    sign = np.where(np.floor_divide(positions, period) % 2 == 0, 1, -1)
    sign[low : low + size] = 1
    ramp = xp.pad(np.arange(size), (low, high), mode, reflect_type="odd")
    last = (ramp - sign * place) // (size - 1)
    first = 1 - sign - last
    shape = [-1 if d == dim else 1 for d in range(x.ndim)]
    factors = [factor.astype(x.dtype).reshape(shape) for factor in (sign, first, last)]
    edges = xp.take(x, [0], dim), xp.take(x, [-1], dim)
    return xp.take(x, place, dim) * factors[0] + edges[0] * factors[1] + edges[1] * factors[2]


FUNCTIONS: dict[Any, Callable[..., Any]] = {np.pad: pad}
"""The functions of this file by the function of NumPy that they are."""
