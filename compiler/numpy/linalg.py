"""Linear algebra: the extension `linalg` of the array API standard 2024.12, and what NumPy has beyond it.

Names, signatures and results are the standard's; those of NumPy have NumPy's signatures. The last two dimensions are matrices, those before
a batch. Floats are `float32`, `float64`, `complex64` or `complex128`; integers are taken as `float64`. Nothing raises because of values: what
cannot be computed is NaN or infinite.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from compiler.numpy.calls import apply, of_numpy
from compiler.numpy.products import matmul, matrix_transpose, tensordot, vecdot
from compiler.numpy_factorizations import EighResult, EigResult, QRResult, SlogdetResult, SVDResult

__all__ = [
    "EigResult",
    "EighResult",
    "QRResult",
    "SVDResult",
    "SlogdetResult",
    "cholesky",
    "cond",
    "cross",
    "det",
    "diagonal",
    "eig",
    "eigh",
    "eigvals",
    "eigvalsh",
    "inv",
    "lstsq",
    "matmul",
    "matrix_norm",
    "matrix_power",
    "matrix_rank",
    "matrix_transpose",
    "multi_dot",
    "norm",
    "outer",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "svd",
    "svdvals",
    "tensordot",
    "tensorinv",
    "tensorsolve",
    "trace",
    "vecdot",
    "vector_norm",
]

_Order = Any
"""A number, `"fro"`, `"nuc"` or `None`."""


def cholesky(x: Any, /, *, upper: bool = False) -> Any:
    """The lower triangular `l` with `l @ l.conj().mT = x`, or the upper triangular `u` with `u.conj().mT @ u = x`.

    Args:
        x: Hermitian positive definite matrices, `(..., M, M)`; NaN where they are not.
        upper: which of the two.

    Raises:
        ShapeError: `x` has no square matrices.

    Example:
        >>> cnp.linalg.cholesky(cnp.asarray([[4.0, 2.0], [2.0, 5.0]]))
        Tensor([[2., 0.],
                [1., 2.]])
    """
    return apply(np.linalg.cholesky, x, upper=upper)


def cross(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    """The vector product of vectors of size 3 along an axis of both; the other dimensions broadcast.

    Raises:
        ShapeError: the axes do not have size 3.

    Example:
        >>> cnp.linalg.cross(cnp.asarray([1.0, 0.0, 0.0]), cnp.asarray([0.0, 1.0, 0.0]))
        Tensor([0., 0., 1.])
    """
    return apply(np.linalg.cross, x1, x2, axis=axis)


def det(x: Any, /) -> Any:
    """The determinants of square matrices.

    Example:
        >>> cnp.linalg.det(cnp.asarray([[2.0, 1.0], [0.0, 3.0]]))
        Tensor(6.)
    """
    return apply(np.linalg.det, x)


def diagonal(x: Any, /, *, offset: int = 0) -> Any:
    """The elements `x[..., i, i + offset]`.

    Example:
        >>> cnp.linalg.diagonal(cnp.asarray([[1, 2], [3, 4]]))
        Tensor([1, 4])
    """
    return apply(np.linalg.diagonal, x, offset=offset)


def eigh(x: Any, /) -> Any:
    """The eigenvalues of Hermitian matrices in ascending order, and eigenvectors as columns: `x @ v = v * w`.

    Args:
        x: Hermitian matrices, `(..., M, M)`. Eigenvectors of equal eigenvalues have no derivative.

    Returns:
        `eigenvalues`, real, `(..., M)`, and `eigenvectors`, `(..., M, M)`.

    Example:
        >>> cnp.linalg.eigh(cnp.asarray([[2.0, 0.0], [0.0, 1.0]])).eigenvalues
        Tensor([1., 2.])
    """
    return apply(np.linalg.eigh, x)


def eigvalsh(x: Any, /) -> Any:
    """The eigenvalues of Hermitian matrices in ascending order.

    Example:
        >>> cnp.linalg.eigvalsh(cnp.asarray([[2.0, 0.0], [0.0, 1.0]]))
        Tensor([1., 2.])
    """
    return apply(np.linalg.eigvalsh, x)


def inv(x: Any, /) -> Any:
    """The inverses of square matrices; infinite or NaN where they are singular.

    Example:
        >>> cnp.linalg.inv(cnp.asarray([[2.0, 0.0], [0.0, 4.0]]))
        Tensor([[0.5 , 0.  ],
                [0.  , 0.25]])
    """
    return apply(np.linalg.inv, x)


def matrix_norm(x: Any, /, *, keepdims: bool = False, ord: _Order = "fro") -> Any:
    """Norms of matrices.

    Args:
        x: an array, `(..., M, N)`.
        keepdims: whether the last two dimensions stay, with size 1.
        ord: `"fro"` for the root of the sum of squares; `"nuc"` for the sum of the singular values, 2 for the greatest and -2 for the
            least of them; 1 and -1 for the greatest and the least sum of sizes of a column, `inf` and `-inf` of a row.

    Example:
        >>> cnp.linalg.matrix_norm(cnp.asarray([[3.0, 0.0], [0.0, 4.0]]), ord="nuc")
        Tensor(7.)
    """
    return apply(np.linalg.matrix_norm, x, keepdims=keepdims, ord=ord)


def matrix_power(x: Any, n: int, /) -> Any:
    """The product of `n` times the same matrix, of its inverse if `n` is negative.

    Example:
        >>> cnp.linalg.matrix_power(cnp.asarray([[1, 1], [0, 1]]), 3)
        Tensor([[1, 3],
                [0, 1]])
    """
    return apply(np.linalg.matrix_power, x, n=n)


def matrix_rank(x: Any, /, *, rtol: Any = None) -> Any:
    """How many singular values are greater than `rtol` times the greatest one.

    Args:
        x: matrices, `(..., M, N)`.
        rtol: a number, or an array that broadcasts to the batch; `max(M, N) * eps` if left out.

    Example:
        >>> cnp.linalg.matrix_rank(cnp.asarray([[1.0, 2.0], [2.0, 4.0]]))
        Tensor(1)
    """
    return apply(_matrix_rank, x, rtol)


def _matrix_rank(x: Any, rtol: Any) -> Any:
    return np.linalg.matrix_rank(x, rtol=rtol)


def outer(x1: Any, x2: Any, /) -> Any:
    """The products `x1[i] * x2[j]` of two vectors.

    Raises:
        ShapeError: one of them is not a vector.

    Example:
        >>> cnp.linalg.outer(cnp.asarray([1.0, 2.0]), cnp.asarray([3.0, 4.0]))
        Tensor([[3., 4.],
                [6., 8.]])
    """
    return apply(np.linalg.outer, x1, x2)


def pinv(x: Any, /, *, rtol: Any = None) -> Any:
    """The pseudoinverses (Moore and Penrose) of matrices.

    Args:
        x: matrices, `(..., M, N)`. The derivative is that at a constant rank (Golub and Pereyra, 1973).
        rtol: up to which multiple of the greatest singular value others count as zero: a number, or an array that broadcasts to the
            batch; `max(M, N) * eps` if left out.

    Returns:
        An array `(..., N, M)`.

    Example:
        >>> cnp.linalg.pinv(cnp.asarray([[2.0, 0.0], [0.0, 0.0]]))
        Tensor([[0.5, 0. ],
                [0. , 0. ]])
    """
    return apply(_pinv, x, rtol)


def _pinv(x: Any, rtol: Any) -> Any:
    return np.linalg.pinv(x, rtol=rtol)  # pyright: ignore[reportUnknownVariableType]


def qr(x: Any, /, *, mode: str = "reduced") -> Any:
    """`Q` with orthonormal columns and an upper triangular `R` with `x = Q @ R`.

    Args:
        x: matrices, `(..., M, N)`.
        mode: `"reduced"`, where `Q` is `(..., M, min(M, N))`, or `"complete"`, where it is square and has no derivative if `M > N`.

    Raises:
        ArgumentError: there is no such mode.

    Example:
        >>> q, r = cnp.linalg.qr(cnp.asarray([[1.0, 2.0], [3.0, 4.0]]))
        >>> cnp.allclose(q @ r, cnp.asarray([[1.0, 2.0], [3.0, 4.0]]))
        Tensor(True)
    """
    return apply(np.linalg.qr, x, mode=mode)


def slogdet(x: Any, /) -> Any:
    """The signs of determinants and the logarithms of their sizes, which overflow later than the determinants.

    Returns:
        `sign`, of size 1 or 0, and `logabsdet`, real, -inf for a determinant of 0.

    Example:
        >>> cnp.linalg.slogdet(cnp.asarray([[0.0, 1.0], [1.0, 0.0]]))
        SlogdetResult(sign=Tensor(-1.), logabsdet=Tensor(0.))
    """
    return apply(np.linalg.slogdet, x)


def solve(x1: Any, x2: Any, /) -> Any:
    """The solution `y` of `x1 @ y = x2`; infinite or NaN where `x1` is singular.

    Args:
        x1: square matrices, `(..., M, M)`.
        x2: a vector, `(M,)`, or matrices, `(..., M, K)`; the batches broadcast.

    Raises:
        ShapeError: the shapes do not fit.

    Example:
        >>> cnp.linalg.solve(cnp.asarray([[2.0, 0.0], [0.0, 4.0]]), cnp.asarray([2.0, 2.0]))
        Tensor([1. , 0.5])
    """
    return apply(np.linalg.solve, x1, x2)


def svd(x: Any, /, *, full_matrices: bool = True) -> Any:
    """The singular value decomposition `x = (U * S) @ Vh`.

    Args:
        x: matrices, `(..., M, N)`.
        full_matrices: whether `U` and `Vh` are square, or have as many columns and rows as there are singular values. Square ones of a
            matrix that is not square have no derivative.

    Returns:
        `U`, the singular values `S` in descending order, `(..., min(M, N))`, and `Vh`.

    Example:
        >>> cnp.linalg.svd(cnp.asarray([[3.0, 0.0], [0.0, 4.0]])).S
        Tensor([4., 3.])
    """
    return apply(np.linalg.svd, x, full_matrices=full_matrices)


def svdvals(x: Any, /) -> Any:
    """The singular values of matrices in descending order.

    Example:
        >>> cnp.linalg.svdvals(cnp.asarray([[3.0, 0.0], [0.0, 4.0]]))
        Tensor([4., 3.])
    """
    return apply(np.linalg.svdvals, x)


def trace(x: Any, /, *, offset: int = 0, dtype: Any = None) -> Any:
    """The sums of the diagonals `x[..., i, i + offset]`.

    Args:
        x: matrices, `(..., M, N)`.
        offset: which diagonal.
        dtype: the dtype of the sums, that of `sum` if left out.

    Example:
        >>> cnp.linalg.trace(cnp.asarray([[1, 2], [3, 4]]))
        Tensor(5)
    """
    return apply(np.linalg.trace, x, offset=offset, dtype=dtype)


def vector_norm(x: Any, /, *, axis: Any = None, keepdims: bool = False, ord: _Order = 2) -> Any:
    """Norms of vectors, `sum(abs(x) ** ord) ** (1 / ord)`.

    Args:
        x: an array.
        axis: an axis or several, over which together one norm is taken; all if left out.
        keepdims: whether the axes stay, with size 1.
        ord: a number; `inf` and `-inf` are the greatest and the least size, 0 counts what is not zero.

    Example:
        >>> cnp.linalg.vector_norm(cnp.asarray([3.0, 4.0]))
        Tensor(5.)
    """
    return apply(np.linalg.vector_norm, x, axis=axis, keepdims=keepdims, ord=ord)


# NumPy's, beyond the standard 2024.12


def cond(x: Any, p: _Order = None) -> Any:
    """The condition numbers of matrices: a norm of the matrix times that of its inverse, infinite if it is singular.

    Args:
        x: matrices, `(..., M, N)`, square ones unless `p` is `None`, 2 or -2.
        p: the order of the norm as in `norm`, 2 if left out.

    Example:
        >>> cnp.linalg.cond(cnp.asarray([[2.0, 0.0], [0.0, 4.0]]))
        Tensor(2.)
    """
    return apply(np.linalg.cond, x, p=p)


def eig(a: Any) -> Any:
    """The eigenvalues of square matrices, in no particular order, and eigenvectors of length 1 as columns: `a @ v = v * w`.

    Both are complex, unlike NumPy's of a real matrix whose eigenvalues are all real.

    Example:
        >>> cnp.linalg.eig(cnp.asarray([[0.0, -1.0], [1.0, 0.0]])).eigenvalues
        Tensor([0.+1.j, 0.-1.j])
    """
    return apply(np.linalg.eig, a)


def eigvals(a: Any) -> Any:
    """The eigenvalues of square matrices, complex and in no particular order.

    Example:
        >>> cnp.linalg.eigvals(cnp.asarray([[0.0, -1.0], [1.0, 0.0]]))
        Tensor([0.+1.j, 0.-1.j])
    """
    return apply(np.linalg.eigvals, a)


def lstsq(a: Any, b: Any, rcond: Any = None) -> tuple[Any, Any, Any, Any]:
    """The `x` of least size for which the sum of the squares of `b - a @ x` is least.

    Args:
        a: a matrix, `(M, N)`.
        b: a vector, `(M,)`, or a matrix, `(M, K)`.
        rcond: up to which multiple of the greatest singular value others count as zero; `max(M, N) * eps` if left out.

    Returns:
        `x`, the sums of squares, the rank of `a`, and its singular values. The sums are empty if `M <= N`, as in NumPy; there also if the
        rank is less than `N`, which a traced function cannot know: it gives the sums.

    Example:
        >>> a = cnp.asarray([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]])
        >>> cnp.allclose(cnp.linalg.lstsq(a, cnp.asarray([1.0, 3.0, 5.0]))[0], cnp.asarray([1.0, 2.0]))
        Tensor(True)
    """
    return _lstsq(a, b, rcond)


_lstsq = of_numpy(np.linalg.lstsq)


def multi_dot(arrays: Sequence[Any]) -> Any:
    """The product of two matrices or more, in the cheapest order; the first and the last may be vectors.

    Example:
        >>> cnp.linalg.multi_dot([cnp.ones((2, 3)), cnp.ones((3, 2)), cnp.asarray([1.0, 2.0])])
        Tensor([9., 9.])
    """
    return apply(_multi_dot, *arrays)


def _multi_dot(*arrays: Any) -> Any:
    return np.linalg.multi_dot(arrays)


def norm(x: Any, ord: _Order = None, axis: Any = None, keepdims: bool = False) -> Any:
    """The norm of a vector or a matrix: see `vector_norm` and `matrix_norm`, of which the axes are those of one or two dimensions.

    Args:
        x: an array; without `axis` one of one or two dimensions, unless `ord` is `None`.
        ord: the order; if left out, the root of the sum of squares.
        axis: an axis, or two of them.
        keepdims: whether the axes stay, with size 1.

    Example:
        >>> cnp.linalg.norm(cnp.asarray([[3.0, 4.0], [6.0, 8.0]]), axis=1)
        Tensor([ 5., 10.])
    """
    return apply(np.linalg.norm, x, ord=ord, axis=axis, keepdims=keepdims)


def tensorinv(a: Any, ind: int = 2) -> Any:
    """The array whose `tensordot` with `a` over `ind` axes is the identity.

    Example:
        >>> cnp.linalg.tensorinv(cnp.reshape(2.0 * cnp.eye(4), (4, 2, 2)), ind=1).shape
        (2, 2, 4)
    """
    return apply(np.linalg.tensorinv, a, ind=ind)


def tensorsolve(a: Any, b: Any, axes: Any = None) -> Any:
    """The array `x` with `tensordot(a, x, x.ndim) = b`, once `axes` of `a` have been moved to its end.

    Example:
        >>> cnp.linalg.tensorsolve(cnp.reshape(2.0 * cnp.eye(4), (4, 2, 2)), cnp.ones(4))
        Tensor([[0.5, 0.5],
                [0.5, 0.5]])
    """
    return apply(np.linalg.tensorsolve, a, b, axes=axes)
