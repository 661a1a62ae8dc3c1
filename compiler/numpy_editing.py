"""Functions that edit and assemble arrays by constant positions: delete, insert, resize, block, compress, choose, piecewise."""

import math
import operator
from collections.abc import Callable
from importlib import import_module
from typing import Any, cast

import numpy as np

from compiler.axes import is_sequence, normalize_axis
from compiler.errors import ShapeError, at_user_line
from compiler.numpy_linalg import astype
from compiler.operands import as_tracer
from compiler.promotion import broadcast_shapes, result_dtype
from compiler.tracer import Tracer, fail_unsupported, xp


def _flat_or_along(what: str, arr: Any, axis: int | None) -> tuple[Tracer, int]:
    x = as_tracer(arr)
    if axis is None:
        return x.reshape(-1 if x.size else 0), 0
    return x, normalize_axis(what, axis, x.ndim)


def _refuse_traced(what: str, name: str, value: Any) -> None:
    if isinstance(value, Tracer):
        fail_unsupported(f"{what} with traced {name}", "the shape would not be known; use constants")


def delete(arr: Any, obj: Any, axis: int | None = None) -> Tracer:
    """`np.delete`, of constant positions."""
    _refuse_traced("np.delete", "positions", obj)
    x, dim = _flat_or_along("delete", arr, axis)
    # NumPy itself says what stays.
    return xp.take(x, xp.delete(np.arange(x.shape[dim]), obj), dim)


def insert(arr: Any, obj: Any, values: Any, axis: int | None = None) -> Tracer:
    """`np.insert`, at constant positions."""
    _refuse_traced("np.insert", "positions", obj)
    x, dim = _flat_or_along("insert", arr, axis)
    new = astype(as_tracer(values), x.dtype)
    if isinstance(obj, slice):
        positions = np.arange(*obj.indices(x.shape[dim]))
    else:
        positions = np.asarray(obj)
        positions = np.flatnonzero(positions) if positions.dtype == np.bool_ else positions
    new = new.reshape((*(1,) * (x.ndim - new.ndim), *new.shape))
    is_single = positions.size == 1
    if is_single:
        # As NumPy: one position takes as many slices as there are values.
        new = xp.moveaxis(new, 0, dim) if positions.ndim == 0 else new
        count = new.shape[dim]
    else:
        count = positions.size
    sizes = tuple(count if d == dim else size for d, size in enumerate(x.shape))
    new = xp.broadcast_to(new, sizes)
    size = x.shape[dim]
    marks = xp.insert(np.arange(size), np.repeat(positions, count) if is_single else positions, -1 - np.arange(count))
    # The sources: elements of the array, then inserted ones.
    return xp.take(xp.concatenate([x, new], dim), np.where(marks >= 0, marks, size - 1 - marks), dim)


def resize(a: Any, new_shape: Any) -> Tracer:
    """`np.resize`: repeated as often as need be."""
    x = as_tracer(a).reshape(-1 if as_tracer(a).size else 0)
    shape = tuple(map(operator.index, new_shape)) if is_sequence(new_shape) else (operator.index(new_shape),)
    count = math.prod(shape)
    if not x.size or not count:
        return xp.zeros_like(x, shape=shape)
    return xp.tile(x, -(-count // x.size))[:count].reshape(shape)


def block(arrays: Any) -> Tracer:
    """`np.block`: nested lists, joined along the last dimension inside and the ones before outside."""
    depth = _depth(arrays)
    rank = max(depth, *(leaf.ndim for leaf in _leaves(arrays)))

    def join(part: Any, level: int) -> Tracer:
        items = _items(part)
        if items is None:
            x = as_tracer(part)
            return x.reshape((*(1,) * (rank - x.ndim), *x.shape))
        return xp.concatenate([join(item, level + 1) for item in items], rank - depth + level)

    return join(arrays, 0)


def _items(part: Any) -> list[Any] | None:
    return cast(list[Any], part) if isinstance(part, list) else None


def _leaves(part: Any) -> list[Tracer]:
    items = _items(part)
    return [as_tracer(part)] if items is None else [leaf for item in items for leaf in _leaves(item)]


def _depth(part: Any) -> int:
    items = _items(part)
    if items is None:
        return 0
    depths = {_depth(item) for item in items}
    if len(depths) != 1:
        raise ShapeError(at_user_line("block: the lists must not be empty, and all nested equally deep"))
    return 1 + depths.pop()


def compress(condition: Any, a: Any, axis: int | None = None, out: Any = None) -> Tracer:
    """`np.compress`, with a constant condition."""
    _refuse_traced("np.compress", "condition", condition)
    x, dim = _flat_or_along("compress", a, axis)
    return xp.take(x, np.flatnonzero(np.asarray(condition)), dim, out)


def extract(condition: Any, arr: Any) -> Tracer:
    """`np.extract`, with a constant condition."""
    _refuse_traced("np.extract", "condition", condition)
    return compress(np.asarray(condition).reshape(-1), as_tracer(arr))


def choose(a: Any, choices: Any, out: Any = None, mode: str = "raise") -> Tracer:
    """`np.choose`. Traced choices out of range cannot raise: they are clamped."""
    index = as_tracer(a)
    arrays = [as_tracer(choice) for choice in choices]
    count = len(arrays)
    index = index % count if mode == "wrap" else xp.clip(index, 0, count - 1)
    dtype = result_dtype(*choices)
    shape = broadcast_shapes("choose", index.shape, *(x.shape for x in arrays))
    result = xp.broadcast_to(astype(arrays[-1], dtype), shape)
    for k in reversed(range(count - 1)):
        result = xp.where(index == k, astype(arrays[k], dtype), result)
    if out is None:
        return result
    out[...] = result
    return out


def piecewise(x: Any, condlist: Any, funclist: Any, *args: Any, **kw: Any) -> Tracer:
    """`np.piecewise`: every function is computed everywhere, and its values are used where its condition holds."""
    array = as_tracer(x)
    conditions = list(condlist) if is_sequence(condlist) else [condlist]
    functions = list(funclist)
    if len(functions) not in {len(conditions), len(conditions) + 1}:
        raise ShapeError(
            at_user_line(
                f"piecewise: {len(functions)} functions do not fit {len(conditions)} conditions; one more is the default"
            )
        )
    values = [f(array, *args, **kw) if callable(f) else f for f in functions]
    result = values[len(conditions)] if len(functions) > len(conditions) else 0
    result = xp.broadcast_to(as_tracer(result).astype(array.dtype), array.shape)
    # As NumPy: where several conditions hold, the last one counts.
    for condition, value in zip(conditions, values, strict=False):
        result = xp.where(condition, as_tracer(value).astype(array.dtype), result)
    return result


def apply_along_axis(func1d: Callable[..., Any], axis: int, arr: Any, *args: Any, **kwargs: Any) -> Any:
    """`np.apply_along_axis`: the function is traced once, and batched over all rows."""
    # Transforms trace, and tracing needs this module.
    vmap: Callable[..., Any] = import_module("compiler").vmap

    def of_row(row: Tracer) -> Tracer:
        return as_tracer(func1d(row, *args, **kwargs))

    x = as_tracer(arr)
    dim = normalize_axis("apply_along_axis", axis, x.ndim)
    rows = xp.moveaxis(x, dim, -1)
    batch = rows.shape[:-1]
    results = vmap(of_row)(rows.reshape((math.prod(batch), rows.shape[-1])))
    inner = results.shape[1:]
    results = results.reshape((*batch, *inner))
    # The dimensions of the function's results take the place of the axis.
    source = range(len(batch), len(batch) + len(inner))
    return xp.moveaxis(results, tuple(source), tuple(range(dim, dim + len(inner))))


def apply_over_axes(func: Callable[..., Any], a: Any, axes: Any) -> Tracer:
    """`np.apply_over_axes`."""
    result = as_tracer(a)
    for axis in axes if is_sequence(axes) else [axes]:
        reduced = as_tracer(func(result, axis))
        result = reduced if reduced.ndim == result.ndim else xp.expand_dims(reduced, axis)
    return result


def ix_(*args: Any) -> tuple[Tracer, ...]:
    """`np.ix_` of arrays of one dimension; how many of a traced condition hold is not known."""
    arrays = [as_tracer(a) for a in args]
    for x in arrays:
        if x.ndim != 1:
            raise ShapeError(at_user_line(f"ix_: an array has shape {x.shape}; all need one dimension"))
        _refuse_traced("np.ix_", "conditions", x if x.dtype == np.bool_ else None)
    rank = len(arrays)
    return tuple(x.reshape([x.size if d == k else 1 for d in range(rank)]) for k, x in enumerate(arrays))


def _of_shape(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of NumPy that asks an array for its shape only."""

    def positions(arr: Any, *arguments: Any) -> Any:
        return function(np.broadcast_to(np.float64(0), as_tracer(arr).shape), *arguments)

    return positions


def unravel_index(indices: Any, shape: Any, order: str = "C") -> tuple[Tracer, ...]:
    """`np.unravel_index`. Traced indices out of range cannot raise."""
    sizes = tuple(map(operator.index, shape)) if is_sequence(shape) else (operator.index(shape),)
    rest = as_tracer(indices).astype(np.int64)
    parts: list[Tracer] = []
    for size in reversed(sizes) if order == "C" else sizes:
        parts.append(rest % size)
        rest = rest // size
    return tuple(reversed(parts) if order == "C" else parts)


def ravel_multi_index(multi_index: Any, dims: Any, mode: Any = "raise", order: str = "C") -> Tracer:
    """`np.ravel_multi_index`. Traced indices out of range cannot raise: they are clamped."""
    sizes = tuple(map(operator.index, dims)) if is_sequence(dims) else (operator.index(dims),)
    modes = mode if is_sequence(mode) else [mode] * len(sizes)
    columns = list(zip((as_tracer(x).astype(np.int64) for x in multi_index), sizes, modes, strict=True))
    result: Any = 0
    for index, size, how in columns if order == "C" else reversed(columns):
        result = result * size + (index % size if how == "wrap" else xp.clip(index, 0, size - 1))
    return result


FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.delete: delete,
    np.insert: insert,
    np.resize: resize,
    np.block: block,
    np.compress: compress,
    np.extract: extract,
    np.choose: choose,
    np.piecewise: piecewise,
    np.apply_along_axis: apply_along_axis,
    np.apply_over_axes: apply_over_axes,
    np.ix_: ix_,
    np.unravel_index: unravel_index,
    np.tril_indices_from: _of_shape(xp.tril_indices_from),
    np.triu_indices_from: _of_shape(xp.triu_indices_from),
    np.diag_indices_from: _of_shape(xp.diag_indices_from),
    np.ravel_multi_index: ravel_multi_index,
}
"""The functions of this file by the function of NumPy that they are."""
