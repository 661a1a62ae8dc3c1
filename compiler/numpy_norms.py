"""Norms, and the forms of products and diagonals that `np.linalg` has."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from compiler.axes import normalize_axes
from compiler.errors import ShapeError, at_user_line
from compiler.numpy_factorizations import svdvals
from compiler.numpy_linalg import (
    astype,
    cross,
    diagonal,
    matmul,
    matrix_transpose,
    outer,
    tensordot,
    trace,
    vecdot,
)
from compiler.operands import as_tracer
from compiler.promotion import FLOAT64
from compiler.tracer import Tracer, fail_unsupported, xp
from dialects.dlc.interfaces import dtype_kind


def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Tracer:  # noqa: A002
    """`np.linalg.norm`."""
    x = as_tracer(x)
    if dtype_kind(x.dtype) not in "fc":
        x = astype(x, FLOAT64)
    if axis is None:
        axes = tuple(range(x.ndim))
        if ord is None:
            total = xp.sqrt(xp.sum(_squares(x)))
            return total.reshape((1,) * x.ndim) if keepdims else total
    else:
        axes = normalize_axes("norm", axis, x.ndim)
    if len(axes) == 1:
        return _vector_norm(x, ord, axes[0], keepdims)
    if len(axes) == 2:
        return _matrix_norm(x, ord, axes, keepdims)
    raise ShapeError(at_user_line(f"norm: axis {axis} of an array of shape {x.shape} is neither a vector nor a matrix"))


def _squares(x: Tracer) -> Tracer:
    return xp.square(x.real) + xp.square(x.imag) if x.dtype.kind == "c" else xp.square(x)


def _vector_norm(x: Tracer, ord: Any, axis: int, keepdims: bool) -> Tracer:  # noqa: A002
    keywords: dict[str, Any] = {"axis": axis, "keepdims": keepdims}
    if ord in {None, 2}:
        return xp.sqrt(xp.sum(_squares(x), **keywords))
    if ord == math.inf:
        return xp.max(xp.abs(x), **keywords)
    if ord == -math.inf:
        return xp.min(xp.abs(x), **keywords)
    if ord == 0:
        return xp.sum((x != 0).astype(x.real.dtype), **keywords)
    if ord == 1:
        return xp.sum(xp.abs(x), **keywords)
    if isinstance(ord, int | float):
        return xp.sum(xp.abs(x) ** ord, **keywords) ** (1 / ord)
    raise ShapeError(at_user_line(f"norm: {ord!r} is no order of a vector norm"))


def _matrix_norm(x: Tracer, ord: Any, axes: tuple[int, ...], keepdims: bool) -> Tracer:  # noqa: A002
    rows, columns = axes
    if ord in {None, "fro"}:
        return xp.sqrt(xp.sum(_squares(x), axis=axes, keepdims=keepdims))
    if ord in {2, -2, "nuc"}:
        values = svdvals(xp.moveaxis(x, axes, (-2, -1)))
        total = (
            xp.sum(values, -1) if ord == "nuc" else xp.min(values, -1) if ord == -2 else xp.max(values, -1, initial=0)
        )
        return xp.expand_dims(total, axes) if keepdims else total
    if ord not in {1, -1, math.inf, -math.inf}:
        raise ShapeError(at_user_line(f"norm: {ord!r} is no order of a matrix norm"))
    summed, compared = (rows, columns) if abs(ord) == 1 else (columns, rows)
    sums = xp.sum(xp.abs(x), axis=summed, keepdims=True)
    best = (
        xp.max(sums, axis=compared, keepdims=True, initial=0) if ord > 0 else xp.min(sums, axis=compared, keepdims=True)
    )
    return best if keepdims else xp.squeeze(best, axes)


def vector_norm(x: Any, /, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Tracer:  # noqa: A002
    """`np.linalg.vector_norm`, of all elements along the axes, of which there may be several."""
    x = as_tracer(x)
    axes = normalize_axes("vector_norm", axis, x.ndim)
    kept = [d for d in range(x.ndim) if d not in axes]
    rows = xp.transpose(x, (*kept, *axes)).reshape((*(x.shape[d] for d in kept), math.prod(x.shape[d] for d in axes)))
    total = norm(rows, ord, -1)
    return total.reshape([1 if d in axes else size for d, size in enumerate(x.shape)]) if keepdims else total


def matrix_norm(x: Any, /, *, keepdims: bool = False, ord: Any = "fro") -> Tracer:  # noqa: A002
    """`np.linalg.matrix_norm`, of the last two dimensions."""
    return norm(x, ord, (-2, -1), keepdims)


def matrix_trace(x: Any, /, *, offset: int = 0, dtype: Any = None) -> Tracer:
    """`np.linalg.trace`, of the last two dimensions."""
    return trace(x, offset, -2, -1, dtype)


def matrix_diagonal(x: Any, /, *, offset: int = 0) -> Tracer:
    """`np.linalg.diagonal`, of the last two dimensions."""
    return diagonal(x, offset, -2, -1)


def outer_of_vectors(x1: Any, x2: Any, /) -> Tracer:
    """`np.linalg.outer`."""
    shapes = as_tracer(x1).shape, as_tracer(x2).shape
    if len(shapes[0]) != 1 or len(shapes[1]) != 1:
        raise ShapeError(at_user_line(f"np.linalg.outer: shapes {shapes[0]} and {shapes[1]}, expected two vectors"))
    return outer(x1, x2)


def vecdot_along(x1: Any, x2: Any, /, *, axis: int = -1) -> Tracer:
    """`np.linalg.vecdot`."""
    return vecdot(xp.moveaxis(as_tracer(x1), axis, -1), xp.moveaxis(as_tracer(x2), axis, -1))


def cross_along(x1: Any, x2: Any, /, *, axis: int = -1) -> Tracer:
    """`np.linalg.cross`."""
    return cross(x1, x2, axis=axis)


def multi_dot(arrays: Sequence[Any], *, out: Any = None) -> Tracer:
    """`np.linalg.multi_dot`: the product of matrices in the cheapest order; the first and the last may be vectors."""
    if out is not None:
        fail_unsupported("np.linalg.multi_dot: out=", "assign the result: `out[...] = result`")
    factors = [as_tracer(a) for a in arrays]
    if len(factors) < 2 or any(
        x.ndim not in ({1, 2} if i in {0, len(factors) - 1} else {2}) for i, x in enumerate(factors)
    ):
        shapes = ", ".join(str(x.shape) for x in factors)
        raise ShapeError(
            at_user_line(f"multi_dot: shapes {shapes}; it needs two matrices or more, vectors only at the ends")
        )
    operands: list[Any] = []
    for i, x in enumerate(factors):
        operands += [x, [i, i + 1] if x.ndim == 2 else [i + 1] if i == 0 else [i]]
    kept = ([0] if factors[0].ndim == 2 else []) + ([len(factors)] if factors[-1].ndim == 2 else [])
    return xp.einsum(*operands, kept, optimize="optimal")


FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.linalg.norm: norm,
    np.linalg.vector_norm: vector_norm,
    np.linalg.matrix_norm: matrix_norm,
    np.linalg.trace: matrix_trace,
    np.linalg.diagonal: matrix_diagonal,
    np.linalg.outer: outer_of_vectors,
    np.linalg.matmul: matmul,
    np.linalg.vecdot: vecdot_along,
    np.linalg.tensordot: tensordot,
    np.linalg.cross: cross_along,
    np.linalg.multi_dot: multi_dot,
    np.linalg.matrix_transpose: matrix_transpose,
}
"""The functions of this file by the function of NumPy that they are."""
