"""Functions that read and write at positions: take, put, place, fill_diagonal, nonzero with a size.

Positions that are traced cannot raise when they are out of range: where `mode` is `raise`, they are clamped when reading and
dropped when writing, as by `x[positions]`.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from compiler.axes import is_sequence, normalize_axis
from compiler.errors import ArgumentError, ShapeError, at_user_line
from compiler.frames import current_frame
from compiler.indexing import gather_windows, read, write
from compiler.numpy_reductions import truth
from compiler.numpy_selection import where
from compiler.numpy_ufuncs import store
from compiler.operands import as_tracer, operand_value
from compiler.promotion import INT64
from compiler.tracer import Tracer, describe, fail_unsupported, value_of, xp
from compiler.views import position_along
from dialects.dlc.shape import reshape


def take(a: Any, indices: Any, axis: Any = None, out: Any = None, mode: str = "raise") -> Tracer:
    """`np.take`. Traced indices out of range cannot raise: they are clamped."""
    x = as_tracer(a)
    if axis is None:
        x, axis = x.reshape(-1), 0
    dim = normalize_axis("take", axis, x.ndim)
    result = read(x, (*(slice(None),) * dim, _in_mode("take", indices, mode, x.shape[dim])))
    if result.is_view:
        result = result.copy()
    return result if out is None else store("take", out, value_of(result, current_frame()))


def _in_mode(what: str, indices: Any, mode: str, size: int) -> Any:
    """Positions as `mode` means them; a constant one out of range is an error later where it is `raise`."""
    if not isinstance(indices, Tracer):
        indices = np.asarray(indices) if np.size(indices) else np.asarray(indices, INT64)
    if mode not in {"raise", "wrap", "clip"}:
        raise ArgumentError(at_user_line(f"{what}: mode is {mode!r}; use 'raise', 'wrap' or 'clip'"))
    if mode == "wrap" and size:
        return indices % size
    return xp.clip(indices, 0, max(size - 1, 0)) if mode == "clip" else indices


def take_along_axis(arr: Any, indices: Any, axis: int | None = -1) -> Tracer:
    """`np.take_along_axis`."""
    x, index, dim = _index_along("take_along_axis", arr, indices, axis)
    positions = as_tracer(indices)
    others = [d for d in range(x.ndim) if d != dim]
    if any(positions.shape[d] != x.shape[d] for d in others):
        return read(x, index)
    # All but `axis` are shared: one gather in a batch of rows.
    frame = current_frame()
    rows, columns = xp.moveaxis(x, dim, -1), xp.moveaxis(positions, dim, -1)
    picked = gather_windows(frame, value_of(rows, frame), [x.ndim - 1], [columns], batch_dims=x.ndim - 1)
    return xp.moveaxis(Tracer(frame, picked), -1, dim)


def put_along_axis(arr: Any, indices: Any, values: Any, axis: int | None) -> None:
    """`np.put_along_axis`."""
    x, index, _ = _index_along("put_along_axis", arr, indices, axis)
    write(x, index, values)


def _index_along(what: str, arr: Any, indices: Any, axis: int | None) -> tuple[Tracer, tuple[Any, ...], int]:
    """The array, the index that picks `x[i0, …, positions[i0, …, in], …, in]`, and the axis."""
    x = as_tracer(arr)
    if axis is None:
        x, axis = x.reshape(-1), 0
    positions = as_tracer(indices)
    dim = normalize_axis(what, axis, x.ndim)
    if positions.ndim != x.ndim:
        raise ShapeError(
            at_user_line(f"{what}: indices of shape {positions.shape} must have as many dimensions as {x.shape}")
        )
    parts: list[Any] = []
    for d, size in enumerate(x.shape):
        if d != dim and positions.shape[d] not in {1, size}:
            raise ShapeError(at_user_line(f"{what}: indices of shape {positions.shape} do not fit {x.shape}"))
        sizes = tuple(size if k == d else 1 for k in range(x.ndim))
        # A constant picks without checks; one that would be large is counted by an iota instead.
        parts.append(indices if d == dim else position_along(sizes, d) if size > 64 else np.arange(size).reshape(sizes))
    return x, tuple(parts), dim


def put(a: Any, ind: Any, v: Any, mode: str = "raise") -> None:
    """`np.put`: assign to positions of the flat array; `v` is repeated, or cut, to as many values as positions."""
    x = as_tracer(a)
    positions = _in_mode("put", ind, mode, x.size).reshape(-1)
    if positions.size:
        flat = x.reshape(-1).copy()
        write(flat, positions, _repeated(v, positions.size))
        _assign_flat(x, flat)


def place(arr: Any, mask: Any, vals: Any) -> None:
    """`np.place`: the values one after the other, and again from the first, where `mask` is true."""
    x = as_tracer(arr)
    values = xp.ravel(as_tracer(vals))
    if not values.size:
        raise ShapeError(at_user_line("place: there are no values to place"))
    chosen = _flat_mask("place", mask, x)
    number = (xp.cumsum(chosen) - 1) % values.size
    _assign_flat(x, where(chosen, read(values, number).astype(x.dtype), x.reshape(-1)))


def putmask(a: Any, mask: Any, values: Any) -> None:
    """`np.putmask`: `values`, repeated to the size of `a`, where `mask` is true."""
    x = as_tracer(a)
    chosen = _flat_mask("putmask", mask, x)
    if x.size:
        _assign_flat(x, where(chosen, _repeated(values, x.size).astype(x.dtype), x.reshape(-1)))


def _flat_mask(what: str, mask: Any, x: Tracer) -> Tracer:
    mask = truth(as_tracer(mask))
    if mask.size != x.size:
        raise ShapeError(at_user_line(f"{what}: the mask has shape {mask.shape} and does not fit {x.shape}"))
    return mask.reshape(-1)


def _repeated(values: Any, size: int) -> Tracer:
    """`np.resize(values, size)`."""
    flat = xp.ravel(as_tracer(values))
    if not flat.size:
        raise ShapeError(at_user_line("put: there are no values to put"))
    if flat.size == 1:
        return xp.broadcast_to(flat, (size,))
    return flat[:size] if flat.size >= size else xp.tile(flat, -(-size // flat.size))[:size]


def _assign_flat(x: Tracer, flat: Tracer) -> None:
    frame = current_frame()
    value = operand_value(frame, flat, x.dtype, flat.shape)
    x.assign(reshape(frame.builder, value, x.shape))


def fill_diagonal(a: Any, val: Any, wrap: bool = False) -> None:
    """`np.fill_diagonal`."""
    x = as_tracer(a)
    if x.ndim < 2:
        raise ShapeError(
            at_user_line(f"fill_diagonal: the array has shape {x.shape}; it needs at least two dimensions")
        )
    if x.ndim > 2 and len(set(x.shape)) > 1:
        raise ShapeError(at_user_line(f"fill_diagonal: the sizes of {x.shape} are not all equal"))
    step = 1 + sum(int(np.prod(x.shape[d:])) for d in range(1, x.ndim))
    end = x.size if wrap or x.ndim > 2 else x.shape[1] * x.shape[1]
    positions = np.arange(0, min(end, x.size), step)
    if positions.size:
        flat = x.reshape(-1).copy()
        write(flat, slice(0, min(end, x.size), step), _repeated(val, positions.size))
        _assign_flat(x, flat)


def diag_indices_from(arr: Any) -> tuple[Any, ...]:
    """`np.diag_indices_from`: constants."""
    x = as_tracer(arr)
    if x.ndim < 2 or len(set(x.shape)) > 1:
        raise ShapeError(
            at_user_line(f"diag_indices_from: the sizes of {x.shape} are not all equal, or there is one only")
        )
    return np.diag_indices(x.shape[0], x.ndim)


def tril_indices_from(arr: Any, k: int = 0) -> tuple[Any, ...]:
    """`np.tril_indices_from`: constants."""
    return np.tril_indices(arr.shape[-2], k, arr.shape[-1])


def triu_indices_from(arr: Any, k: int = 0) -> tuple[Any, ...]:
    """`np.triu_indices_from`: constants."""
    return np.triu_indices(arr.shape[-2], k, arr.shape[-1])


def nonzero(a: Any, *, size: int | None = None, fill_value: Any = 0) -> tuple[Tracer, ...]:
    """`np.nonzero` with a static number of positions, as in JAX.

    Args:
        a: an array.
        size: how many positions to return: the first ones, then `fill_value`.
        fill_value: an integer, or one per dimension.

    Raises:
        UnsupportedError: no size is given.
    """
    x = as_tracer(a)
    if x.ndim == 0:
        raise ShapeError(at_user_line("nonzero: the array has no dimension; use `np.atleast_1d`"))
    fills: tuple[Any, ...] = tuple(fill_value) if is_sequence(fill_value) else (fill_value,) * x.ndim
    flat, is_there = _first_positions("nonzero", x, size)
    strides = [math.prod(x.shape[d + 1 :]) for d in range(x.ndim)]
    parts = [flat // max(stride, 1) % max(n, 1) for stride, n in zip(strides, x.shape, strict=True)]
    return tuple(where(is_there, part, fill) for part, fill in zip(parts, fills, strict=True))


def flatnonzero(a: Any, *, size: int | None = None, fill_value: Any = 0) -> Tracer:
    """`np.flatnonzero` with a static number of positions, as `nonzero`."""
    flat, is_there = _first_positions("flatnonzero", as_tracer(a), size)
    return where(is_there, flat, fill_value)


def argwhere(a: Any, *, size: int | None = None, fill_value: Any = 0) -> Tracer:
    """`np.argwhere` with a static number of positions, as `nonzero`."""
    return xp.stack(nonzero(a, size=size, fill_value=fill_value), axis=-1)


def _first_positions(what: str, x: Tracer, size: int | None) -> tuple[Tracer, Tracer]:
    """The positions in the flat array of the first elements that are not zero, and which of the `size` there are."""
    chosen = truth(x).reshape(-1)
    if size is None:
        fail_unsupported(
            f"np.{what} without size=",
            f"how many elements of {describe(x)} are not zero is not known; use `np.where(condition, x, y)`, or "
            f"`compiler.numpy.{what}(x, size=…)` for the first ones",
        )
    count = chosen.astype(INT64)
    number = where(chosen, xp.cumsum(chosen) - 1, size)
    # What is beyond `size` is dropped.
    positions = xp.zeros_like(count, shape=(size,)).at[number].set(position_along(chosen.shape, 0), mode="drop")
    return positions, position_along((size,), 0) < count.sum()


FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.take: take,
    np.take_along_axis: take_along_axis,
    np.put: put,
    np.put_along_axis: put_along_axis,
    np.place: place,
    np.putmask: putmask,
    np.fill_diagonal: fill_diagonal,
    np.diag_indices_from: diag_indices_from,
    np.tril_indices_from: tril_indices_from,
    np.triu_indices_from: triu_indices_from,
    np.nonzero: nonzero,
    np.flatnonzero: flatnonzero,
    np.argwhere: argwhere,
}
"""The functions of this file by the function of NumPy that they are."""
