"""Linear algebra that NumPy does not have, under SciPy's names: factorizations and solving with them, functions of matrices.

All work inside of `jit` and the transforms, and outside, where each is compiled for the shapes it is called with. The last two
dimensions of an array are matrices, those in front a batch. Nothing raises in compiled code: a matrix that cannot be factorized gives NaN, a
singular one inf or NaN. What NumPy has, `np.linalg.solve` and so on, works on traced arrays as it is.
"""

from typing import Any

import numpy as np

from compiler.compiled_functions import compiled
from compiler.errors import ArgumentError, at_user_line
from compiler.matrix_functions import block_diag, expm, polar, toeplitz
from compiler.numpy_factorizations import cholesky, common_matrices, emitted, matrices, solved
from compiler.numpy_linalg import diagonal_mask
from compiler.operands import as_tracer
from compiler.pytrees import sequence_of
from compiler.tracer import Tracer
from compiler.views import broadcast
from dialects.dlc import lu as lu_ops
from dialects.dlc import triangular

__all__ = [
    "block_diag",
    "cho_factor",
    "cho_solve",
    "expm",
    "lu",
    "lu_factor",
    "lu_solve",
    "polar",
    "solve_triangular",
    "toeplitz",
]

_FORMS = {0: "none", "N": "none", 1: "transpose", "T": "transpose", 2: "adjoint", "C": "adjoint"}


@compiled()
def lu(a: Any) -> Any:
    """The factors `p`, `l`, `u` with `a = p @ l @ u`: a permutation, a lower triangle with ones on its diagonal, and an upper triangle.

    Example:
        >>> import numpy as np
        >>> from compiler import linalg
        >>> a = np.array([[1.0, 2.0], [4.0, 3.0]])
        >>> p, l, u = linalg.lu(a)
        >>> np.allclose(np.asarray(p) @ np.asarray(l) @ np.asarray(u), a)
        True
    """
    x = matrices("linalg.lu", a)
    rows, columns = x.shape[-2:]
    size = min(rows, columns)
    factors, _, permutation = emitted(lu_ops.lu, x)
    below = np.tril(factors[..., :size], -1)
    lower = below + diagonal_mask(below.shape).astype(x.dtype)
    p = (permutation[..., np.newaxis, :] == np.arange(rows, dtype=np.int32)[:, np.newaxis]).astype(x.real.dtype)
    return p, lower, np.triu(factors[..., :size, :])


@compiled()
def lu_factor(a: Any) -> Any:
    """The factors of `lu` packed into one matrix, and the pivots (int32): row `i` was exchanged with row `pivots[i]`, in order.

    Example:
        >>> import numpy as np
        >>> from compiler import linalg
        >>> factors, pivots = linalg.lu_factor(np.array([[1.0, 2.0], [4.0, 3.0]]))
        >>> np.asarray(linalg.lu_solve((factors, pivots), np.array([5.0, 10.0])))
        array([1., 2.])
    """
    factors, pivots, _ = emitted(lu_ops.lu, matrices("linalg.lu_factor", a))
    return factors, pivots


def lu_solve(lu_and_piv: Any, b: Any, trans: int = 0) -> Any:
    """The solution of `a x = b`, of `aᵀ x = b` (`trans=1`) or of `aᴴ x = b` (2), from what `lu_factor` makes of `a`.

    Raises:
        ArgumentError: there is no such `trans`.
        ShapeError: the shapes do not fit.

    Example:
        >>> import numpy as np
        >>> from compiler import linalg
        >>> factors = linalg.lu_factor(np.array([[1.0, 2.0], [4.0, 3.0]]))
        >>> np.asarray(linalg.lu_solve(factors, np.array([9.0, 8.0]), trans=1))
        array([1., 2.])
    """
    factors, pivots = _pair("lu_solve: lu_and_piv", lu_and_piv, "lu_factor")
    return _lu_solve(factors, pivots, b, form=_form("lu_solve", trans))


@compiled(static=("form",))
def _lu_solve(factors: Any, pivots: Any, b: Any, *, form: str) -> Any:
    factors, y, is_vector = common_matrices("linalg.lu_solve", factors, b)
    permutation = emitted(lu_ops.permutation_of_pivots, as_tracer(pivots), size=factors.shape[-1])

    def solve_batch(x: Tracer, y: Tracer) -> Tracer:
        rows = broadcast(permutation, x.shape[:-1])
        if form == "none":
            y = emitted(lu_ops.permuted, y, rows)
        for lower in (form == "none", form != "none"):
            y = emitted(triangular.triangular_solve, x, y, lower=lower, form=form, unit_diagonal=lower)
        return y if form == "none" else emitted(lu_ops.permuted_back, y, rows)

    return solved(factors, y, is_vector, solve_batch)


@compiled(static=("trans", "lower", "unit_diagonal"))
def solve_triangular(a: Any, b: Any, trans: Any = 0, lower: bool = False, unit_diagonal: bool = False) -> Any:
    """The solution of `a x = b` with a triangular `a`, or with its transpose (`trans=1` or `"T"`) or adjoint (2 or `"C"`).

    Only the triangle of `a` is read, with `unit_diagonal` without its diagonal.

    Raises:
        ArgumentError: there is no such `trans`.
        ShapeError: the shapes do not fit.

    Example:
        >>> import numpy as np
        >>> from compiler import linalg
        >>> np.asarray(linalg.solve_triangular(np.array([[2.0, 0.0], [1.0, 4.0]]), np.array([2.0, 9.0]), lower=True))
        array([1., 2.])
    """
    options = {"lower": lower, "form": _form("solve_triangular", trans), "unit_diagonal": unit_diagonal}
    operands = common_matrices("linalg.solve_triangular", a, b)
    return solved(*operands, lambda x, y: emitted(triangular.triangular_solve, x, y, **options))


def cho_factor(a: Any, lower: bool = False) -> Any:
    """The Cholesky factor of `a`, upper or lower, and which of them it is: what `cho_solve` takes.

    Other than SciPy's, the rest of the factor is zero.

    Example:
        >>> import numpy as np
        >>> from compiler import linalg
        >>> factor = linalg.cho_factor(np.array([[4.0, 2.0], [2.0, 5.0]]))
        >>> np.asarray(linalg.cho_solve(factor, np.array([8.0, 12.0])))
        array([1., 2.])
    """
    return _cho_factor(a, lower=lower), lower


@compiled(static=("lower",))
def _cho_factor(a: Any, *, lower: bool) -> Any:
    return cholesky(a, upper=not lower)


def cho_solve(c_and_lower: Any, b: Any) -> Any:
    """The solution of `a x = b` from what `cho_factor` makes of `a`.

    Raises:
        ShapeError: the shapes do not fit.

    Example:
        >>> import numpy as np
        >>> from compiler import linalg
        >>> factor = linalg.cho_factor(np.array([[4.0, 2.0], [2.0, 5.0]]), lower=True)
        >>> np.asarray(linalg.cho_solve(factor, np.array([8.0, 12.0])))
        array([1., 2.])
    """
    factor, lower = _pair("cho_solve: c_and_lower", c_and_lower, "cho_factor")
    return _cho_solve(factor, b, lower=bool(lower))


@compiled(static=("lower",))
def _cho_solve(factor: Any, b: Any, *, lower: bool) -> Any:
    def solve_batch(x: Tracer, y: Tracer) -> Tracer:
        for form in ("none", "adjoint") if lower else ("adjoint", "none"):
            y = emitted(triangular.triangular_solve, x, y, lower=lower, form=form)
        return y

    return solved(*common_matrices("linalg.cho_solve", factor, b), solve_batch)


def _pair(what: str, value: Any, maker: str) -> tuple[Any, Any]:
    parts = sequence_of(value)
    if parts is None or len(parts) != 2:
        raise ArgumentError(at_user_line(f"linalg.{what} is a {type(value).__name__}, expected what {maker} returns"))
    return parts[0], parts[1]


def _form(what: str, trans: Any) -> str:
    if trans not in _FORMS:
        raise ArgumentError(at_user_line(f"linalg.{what}: trans is {trans!r}, expected 0, 1 or 2"))
    return _FORMS[trans]
