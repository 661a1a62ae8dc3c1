"""Products of arrays: `matmul`, `dot`, `tensordot`, `inner`, `outer`, `cross`; diagonals and triangles."""

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from compiler.axes import normalize_axes, normalize_axis
from compiler.errors import DtypeError, ShapeError, at_user_line
from compiler.frames import current_frame
from compiler.operands import as_tracer, convert_value
from compiler.promotion import BOOL, INT64, broadcast_shapes, kind_of, ufunc_dtypes
from compiler.tracer import Tracer, describe, fail_unsupported, value_of, xp
from compiler.views import broadcast, position_along, transposed
from dialects.dlc.contraction import dot_general


def product_operands(what: str, x: Any, y: Any, ufunc: np.ufunc = np.matmul) -> tuple[Tracer, Tracer]:
    """Both operands in the dtype of their product."""
    x, y = as_tracer(x), as_tracer(y)
    try:
        dtypes = ufunc_dtypes(ufunc, (kind_of(x), kind_of(y)), None)
    except TypeError as error:
        raise DtypeError(at_user_line(f"{what}: {error}")) from None
    return astype(x, dtypes[0]), astype(y, dtypes[1])


def astype(x: Tracer, dtype: np.dtype[Any]) -> Tracer:
    """`x` converted, itself if it has the dtype.

    Raises:
        DtypeError: `x` is complex, and the dtype would lose its imaginary parts.
    """
    if x.dtype == dtype:
        return x
    if x.dtype.kind == "c" and dtype.kind not in "cb":
        raise DtypeError(at_user_line(f"{describe(x)} is complex, expected real numbers; use `.real` or `.imag`"))
    frame = current_frame()
    return Tracer(frame, convert_value(frame, value_of(x, frame), dtype))


def contract(
    x: Tracer,
    y: Tracer,
    x_dims: Sequence[int],
    y_dims: Sequence[int],
    x_batch: Sequence[int] = (),
    y_batch: Sequence[int] = (),
) -> Tracer:
    """The sum of products over pairs of dimensions; the result has the batch, then the rest of `x`, then of `y`."""
    if x.dtype == BOOL:
        return contract(astype(x, INT64), astype(y, INT64), x_dims, y_dims, x_batch, y_batch) != 0
    frame = current_frame()
    lhs, rhs = value_of(x, frame), value_of(y, frame)
    return Tracer(frame, dot_general(frame.builder, lhs, rhs, x_batch, y_batch, x_dims, y_dims))


def matmul(x: Any, y: Any) -> Tracer:
    """`x @ y`."""
    x, y = product_operands("matmul", x, y)
    if not x.shape or not y.shape:
        raise ShapeError(
            at_user_line(
                f"matmul: shapes {x.shape} and {y.shape} need at least one dimension each; use `*` for scalars"
            )
        )
    contracted = y.ndim - 2 if y.ndim > 1 else 0
    if x.shape[-1] != y.shape[contracted]:
        raise ShapeError(
            at_user_line(
                f"matmul: shapes {x.shape} and {y.shape} do not fit: the last dimension of the first has size "
                f"{x.shape[-1]}, dimension {contracted} of the second has {y.shape[contracted]}; "
                "transpose an operand or check their order"
            )
        )
    if y.ndim <= 2:
        return contract(x, y, (x.ndim - 1,), (contracted,))
    if x.ndim == 1:
        return contract(x, y, (0,), (contracted,))
    batch = broadcast_shapes("matmul", x.shape[:-2], y.shape[:-2])
    x, y = broadcast(x, (*batch, *x.shape[-2:])), broadcast(y, (*batch, *y.shape[-2:]))
    dims = range(len(batch))
    return contract(x, y, (len(batch) + 1,), (len(batch),), dims, dims)


def vecdot(x: Any, y: Any) -> Tracer:
    """`sum(conj(x) * y, axis=-1)`."""
    x, y = product_operands("vecdot", x, y, np.vecdot)
    _check_equal_sizes("vecdot", x, y, -1, -1)
    batch = broadcast_shapes("vecdot", x.shape[:-1], y.shape[:-1])
    x, y = broadcast(x, (*batch, x.shape[-1])), broadcast(y, (*batch, y.shape[-1]))
    dims = range(len(batch))
    return contract(x.conj(), y, (len(batch),), (len(batch),), dims, dims)


def matvec(x: Any, y: Any) -> Tracer:
    """`(x @ y[..., np.newaxis])[..., 0]`."""
    return matmul(x, as_tracer(y)[..., np.newaxis])[..., 0]


def vecmat(x: Any, y: Any) -> Tracer:
    """`(conj(x)[..., np.newaxis, :] @ y)[..., 0, :]`."""
    return matmul(as_tracer(x).conj()[..., np.newaxis, :], y)[..., 0, :]


def dot(a: Any, b: Any, out: Any = None) -> Tracer:
    """The sum over the last dimension of `a` and the last but one of `b`; a product with a scalar."""
    _refuse_out("dot", out)
    x, y = as_tracer(a), as_tracer(b)
    if not x.shape or not y.shape:
        return x * y
    x, y = product_operands("dot", x, y)
    axis = max(y.ndim - 2, 0)
    _check_equal_sizes("dot", x, y, -1, axis)
    return contract(x, y, (x.ndim - 1,), (axis,))


def inner(a: Any, b: Any) -> Tracer:
    """The sum over the last dimensions of both."""
    x, y = as_tracer(a), as_tracer(b)
    if not x.shape or not y.shape:
        return x * y
    x, y = product_operands("inner", x, y)
    _check_equal_sizes("inner", x, y, -1, -1)
    return contract(x, y, (x.ndim - 1,), (y.ndim - 1,))


def outer(a: Any, b: Any, out: Any = None) -> Tracer:
    """The products of all pairs of elements."""
    _refuse_out("outer", out)
    x, y = as_tracer(a), as_tracer(b)
    return x.reshape(-1, 1) * y.reshape(1, -1)


def vdot(a: Any, b: Any) -> Tracer:
    """The sum of products of all elements, of `a` conjugated."""
    x, y = as_tracer(a), as_tracer(b)
    return dot(x.reshape(-1).conj(), y.reshape(-1))


def tensordot(a: Any, b: Any, axes: Any = 2) -> Tracer:
    """The sum of products over `axes`: a number of adjacent ones, or those of each operand."""
    x, y = product_operands("tensordot", a, b)
    try:
        first, second = axes
    except TypeError:
        count = operator.index(axes)
        first, second = range(x.ndim - count, x.ndim), range(count)
    x_dims = normalize_axes("tensordot", first, x.ndim)
    y_dims = normalize_axes("tensordot", second, y.ndim)
    if len(x_dims) != len(y_dims) or any(x.shape[i] != y.shape[k] for i, k in zip(x_dims, y_dims, strict=True)):
        raise ShapeError(
            at_user_line(
                f"tensordot: axes {list(x_dims)} of shape {x.shape} and axes {list(y_dims)} of shape {y.shape} "
                "do not have the same sizes"
            )
        )
    return contract(x, y, x_dims, y_dims)


def cross(a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None) -> Tracer:
    """The vector product of vectors of three elements."""
    if axis is not None:
        axisa = axisb = axisc = axis
    x, y = xp.moveaxis(as_tracer(a), axisa, -1), xp.moveaxis(as_tracer(b), axisb, -1)
    if x.shape[-1] != 3 or y.shape[-1] != 3:
        raise ShapeError(
            at_user_line(f"cross: the vectors have {x.shape[-1]} and {y.shape[-1]} elements; both need three")
        )
    parts = [x[..., i] * y[..., k] - x[..., k] * y[..., i] for i, k in ((1, 2), (2, 0), (0, 1))]
    return xp.moveaxis(xp.stack(parts, -1), -1, axisc)


def kron(a: Any, b: Any) -> Tracer:
    """The Kronecker product."""
    x, y = as_tracer(a), as_tracer(b)
    rank = max(x.ndim, y.ndim)
    x_shape = (1,) * (rank - x.ndim) + x.shape
    y_shape = (1,) * (rank - y.ndim) + y.shape
    x = x.reshape([size for pair in zip(x_shape, (1,) * rank, strict=True) for size in pair])
    y = y.reshape([size for pair in zip((1,) * rank, y_shape, strict=True) for size in pair])
    return (x * y).reshape([m * n for m, n in zip(x_shape, y_shape, strict=True)])


def matrix_transpose(x: Any) -> Tracer:
    """The last two dimensions exchanged."""
    return as_tracer(x).mT


def diagonal(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tracer:
    """The elements `a[..., i, i + offset]`."""
    x = as_tracer(a)
    first, second = normalize_axis("diagonal", axis1, x.ndim), normalize_axis("diagonal", axis2, x.ndim)
    if first == second:
        raise ShapeError(at_user_line(f"diagonal: axis1 and axis2 are both {first}"))
    rest = [d for d in range(x.ndim) if d not in {first, second}]
    x = transposed(x, (*rest, first, second))
    count = max(0, min(x.shape[-2] + min(offset, 0), x.shape[-1] - max(offset, 0)))
    positions = np.arange(count)
    return x[..., positions + max(-offset, 0), positions + max(offset, 0)]


def diag(v: Any, k: int = 0) -> Tracer:
    """The diagonal of a matrix, or the matrix with a vector on its diagonal."""
    x = as_tracer(v)
    if x.ndim == 2:
        return diagonal(x, k)
    if x.ndim != 1:
        raise ShapeError(at_user_line(f"diag: the array has shape {x.shape}; it needs one or two dimensions"))
    size = x.shape[0] + abs(k)
    column = xp.pad(x, (max(-k, 0), max(k, 0)))[:, np.newaxis]
    zero = np.zeros((), x.dtype)
    return xp.where(diagonal_mask((size, size), k), broadcast(column, (size, size)), zero)


def trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None, out: Any = None) -> Tracer:
    """The sum of a diagonal."""
    _refuse_out("trace", out)
    return xp.sum(diagonal(a, offset, axis1, axis2), axis=-1, dtype=dtype)


def diagonal_mask(shape: tuple[int, ...], offset: int = 0, comparison: np.ufunc = np.equal) -> Tracer:
    """Where the column compares so with the row plus `offset`, in the last two of the dimensions `shape`."""
    rows, columns = position_along(shape, len(shape) - 2), position_along(shape, len(shape) - 1)
    return comparison(columns, rows + offset)


def tril(m: Any, k: int = 0) -> Tracer:
    """The elements on and below a diagonal, zero elsewhere."""
    return _triangle("tril", m, k, np.less_equal)


def triu(m: Any, k: int = 0) -> Tracer:
    """The elements on and above a diagonal, zero elsewhere."""
    return _triangle("triu", m, k, np.greater_equal)


def _triangle(what: str, m: Any, k: int, comparison: np.ufunc) -> Tracer:
    x = as_tracer(m)
    if x.ndim == 1:
        x = broadcast(x, (x.shape[0], x.shape[0]))
    if x.ndim < 2:
        raise ShapeError(at_user_line(f"{what}: the array has shape {x.shape}; it needs at least one dimension"))
    return xp.where(diagonal_mask(x.shape, k, comparison), x, np.zeros((), x.dtype))


def _check_equal_sizes(what: str, x: Tracer, y: Tracer, x_axis: int, y_axis: int) -> None:
    if x.shape and y.shape and x.shape[x_axis] == y.shape[y_axis]:
        return
    raise ShapeError(
        at_user_line(
            f"{what}: shapes {x.shape} and {y.shape} do not fit: dimension {x_axis % max(x.ndim, 1)} of the first and "
            f"dimension {y_axis % max(y.ndim, 1)} of the second must have one size; transpose an operand"
        )
    )


def _refuse_out(what: str, out: Any) -> None:
    if out is not None:
        fail_unsupported(f"np.{what}: out=", "assign the result: `out[...] = result`")


FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.dot: dot,
    np.inner: inner,
    np.outer: outer,
    np.vdot: vdot,
    np.tensordot: tensordot,
    np.cross: cross,
    np.kron: kron,
    np.matrix_transpose: matrix_transpose,
    np.diagonal: diagonal,
    np.diag: diag,
    np.trace: trace,
    np.tril: tril,
    np.triu: triu,
}
"""The functions of this file by the function of NumPy that they are."""
