"""Products of vectors and matrices. Floats are accumulated in their dtype, narrow ones in float32."""

from typing import Any

import numpy as np

from compiler.axes import normalize_axis
from compiler.errors import ShapeError, at_user_line
from compiler.numpy.calls import apply, shape_of


def matmul(x1: Any, x2: Any, /) -> Any:
    """The product of matrices: `result[..., i, j] = sum_k x1[..., i, k] * x2[..., k, j]`.

    Args:
        x1: matrices in the last two dimensions, or a vector, a row.
        x2: the same; a vector is a column. The dimensions before broadcast.

    Raises:
        ShapeError: a scalar, or sizes that do not fit.

    Example:
        >>> matmul(asarray([[1.0, 2.0], [3.0, 4.0]]), asarray([1.0, 1.0]))
        Tensor([3., 7.])
    """
    return apply(np.matmul, x1, x2)


def matrix_transpose(x: Any, /) -> Any:
    """`result[..., i, j] = x[..., j, i]`.

    Raises:
        ShapeError: `x` has fewer than two dimensions.

    Example:
        >>> matrix_transpose(asarray([[1, 2], [3, 4]]))
        Tensor([[1, 3],
                [2, 4]])
    """
    if len(shape_of(x)) < 2:
        raise ShapeError(at_user_line(f"matrix_transpose: the shape {shape_of(x)} needs at least two dimensions"))
    return apply(_matrix_transpose, x)


def _matrix_transpose(x: Any) -> Any:
    return np.swapaxes(x, -1, -2)


def tensordot(x1: Any, x2: Any, /, *, axes: Any = 2) -> Any:
    """The sum of products over pairs of axes; the result has the others, first those of `x1`.

    Args:
        x1: an array.
        x2: an array.
        axes: how many axes at the end of `x1` and the start of `x2`; or the axes of each, as two sequences.

    Raises:
        ShapeError: two axes of a pair differ in size.

    Example:
        >>> tensordot(ones((2, 3)), ones((3, 2)), axes=1)
        Tensor([[3., 3.],
                [3., 3.]])
    """
    return apply(np.tensordot, x1, x2, axes=axes)


def vecdot(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    """`sum(conj(x1) * x2)` along an axis of both; the other dimensions broadcast.

    Args:
        x1: an array.
        x2: an array.
        axis: the axis, counted from the end in each.

    Raises:
        ShapeError: sizes do not fit.

    Example:
        >>> vecdot(asarray([[1.0, 2.0], [3.0, 4.0]]), asarray([1.0, 1.0]))
        Tensor([3., 7.])
    """
    return apply(_vecdot, x1, x2, axis=axis)


def _vecdot(x1: Any, x2: Any, axis: int) -> Any:
    if axis >= 0 and x1.ndim != x2.ndim:
        raise ShapeError(at_user_line("vecdot: count the axis from the end where the arrays differ in rank"))
    moved = [np.moveaxis(x, normalize_axis("vecdot", axis, x.ndim), -1) for x in (x1, x2)]
    return np.vecdot(*moved)
