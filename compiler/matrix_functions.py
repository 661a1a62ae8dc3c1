"""Functions of matrices beyond NumPy, and matrices of a given structure; `compiler.linalg` has them."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from compiler.compiled_functions import compiled
from compiler.custom_derivatives import custom_jvp
from compiler.errors import ArgumentError, ShapeError, at_user_line
from compiler.gradients import stop_gradient
from compiler.loops import fori_loop, while_loop
from compiler.numpy_factorizations import matrices, solve, svd, symmetrized
from compiler.operands import as_tracer
from compiler.tracer import Tracer, xp

_PADE = {
    "single": (7, 3.925724783138660),
    "double": (13, 5.371920351148152),
}
"""The order of the approximant of `exp`, and for which norms of a matrix it is exact to rounding (Higham, 2005, table 2.1)."""

_MAX_SQUARINGS = 32
"""More would leave no correct digit, as each may double the relative error."""


@compiled()
def expm(a: Any) -> Any:
    """The exponential of square matrices, `sum(a^k / k!)`.

    Padé approximation of `a / 2^s`, squared `s` times, where `s` follows from norms of powers of `a`. Differentiable any number of times.

    Args:
        a: square matrices, `(..., M, M)`. NaN if more than 32 squarings were needed: for norms above 1e10.

    Raises:
        ShapeError: `a` has no square matrices.

    Source: Al-Mohy and Higham, "A new scaling and squaring algorithm for the matrix exponential", 2009, with one order for all norms.

    Example:
        >>> import numpy as np
        >>> from compiler import linalg
        >>> np.asarray(linalg.expm(np.array([[0.0, 1.0], [0.0, 0.0]])))
        array([[1., 1.],
               [0., 1.]])
    """
    x = matrices("linalg.expm", a, square=True)
    if x.shape[-1] < 2:
        return xp.exp(x)
    order, norm = _PADE["single" if x.real.dtype == np.float32 else "double"]
    x2 = x @ x
    x4 = x2 @ x2
    x6 = x4 @ x2
    squarings = _squarings(stop_gradient(x), stop_gradient(x4), stop_gradient(x6), order, norm)
    scale = xp.ldexp(xp.ones_like(squarings), -squarings.astype(np.int32))[..., np.newaxis, np.newaxis]
    x, x2, x4, x6 = (power * scale**k for power, k in ((x, 1), (x2, 2), (x4, 4), (x6, 6)))
    odd, even = _approximant(x2, x4, x6, order)
    odd = x @ odd
    # V⁻¹ (V + 2 U) for U, the odd part, and V, the even one, as identity and rest.
    start = 2 * solve(even - odd, odd) + np.eye(x.shape[-1], dtype=x.dtype)
    most = xp.max(squarings, initial=0)

    def goes_on(state: tuple[Any, Any]) -> Any:
        return state[0] < most

    def square(state: tuple[Any, Any]) -> tuple[Any, Any]:
        step, y = state
        return step + 1, xp.where((step < squarings)[..., np.newaxis, np.newaxis], y @ y, y)

    _, result = while_loop(goes_on, square, (xp.zeros_like(most), start), max_steps=_MAX_SQUARINGS)
    return xp.where((squarings > _MAX_SQUARINGS)[..., np.newaxis, np.newaxis], np.nan, result)


def _squarings(x: Tracer, x4: Tracer, x6: Tracer, order: int, norm: float) -> Tracer:
    """How often to halve `x`: the `s` of algorithm 5.1, an integer as a float."""
    by_powers = xp.maximum(_norm(x4) ** 0.25, _norm(x6) ** (1 / 6))
    sizes = xp.abs(x)
    columns = xp.sum(sizes, axis=-2, keepdims=True)

    def multiply(_: Any, state: tuple[Any, Any]) -> tuple[Any, Any]:
        row, log_growth = state
        largest = xp.maximum(xp.max(row, axis=-1, keepdims=True), np.finfo(row.dtype).tiny)
        row = (row / largest) @ sizes
        return row, log_growth + xp.log2(xp.maximum(xp.max(row, axis=-1), np.finfo(row.dtype).tiny))

    # The norm of |x|^(2 m + 1) over that of x, for the first term of the error that the approximant makes.
    _, log_growth = fori_loop(0, 2 * order, multiply, (columns, xp.zeros_like(columns[..., 0])))
    log_term = math.log2(math.factorial(order) ** 2) - math.log2(
        math.factorial(2 * order) * math.factorial(2 * order + 1)
    )
    by_error = (log_growth[..., 0] + log_term - math.log2(np.finfo(sizes.dtype).eps / 2)) / (2 * order)
    count = xp.ceil(xp.maximum(xp.log2(by_powers / norm), by_error))
    return xp.where(xp.isfinite(count), xp.maximum(count, 0), 0)


def _norm(x: Tracer) -> Tracer:
    """The greatest sum of sizes of a column."""
    return xp.max(xp.sum(xp.abs(x), axis=-2), axis=-1)


def _approximant(x2: Tracer, x4: Tracer, x6: Tracer, order: int) -> tuple[Tracer, Tracer]:
    """The numerator's odd part over `x` and its even part; the denominator has the odd part with the other sign."""
    b = [math.comb(order, k) * math.factorial(2 * order - k) / math.factorial(2 * order) for k in range(order + 1)]
    one = np.eye(x2.shape[-1], dtype=x2.dtype)
    parts = [b[k + 6] * x6 + b[k + 4] * x4 + b[k + 2] * x2 + b[k] * one for k in (1, 0)]
    if order == 13:
        parts = [
            part + x6 @ (b[k + 12] * x6 + b[k + 10] * x4 + b[k + 8] * x2) for part, k in zip(parts, (1, 0), strict=True)
        ]
    return parts[0], parts[1]


@compiled(static=("side",))
def polar(a: Any, side: str = "right") -> tuple[Any, Any]:
    """The polar decomposition `a = u @ p`, or `a = p @ u` for `side="left"`, with a Hermitian `p` without negative eigenvalues.

    Args:
        a: matrices, `(..., M, N)`, of full rank where it is differentiated.
        side: where `p` stands.

    Returns:
        `u`, with orthonormal columns or rows, whichever are fewer, and `p`.

    Raises:
        ArgumentError: `side` is neither `"right"` nor `"left"`.

    Example:
        >>> import numpy as np
        >>> from compiler import linalg
        >>> u, p = linalg.polar(np.array([[0.0, -2.0], [3.0, 0.0]]))
        >>> np.asarray(p)
        array([[3., 0.],
               [0., 2.]])
    """
    if side not in {"right", "left"}:
        raise ArgumentError(at_user_line(f'linalg.polar: side is {side!r}, expected "right" or "left"'))
    x = matrices("linalg.polar", a)
    u = _unitary_factor(x)
    p = u.mT.conj() @ x if side == "right" else x @ u.mT.conj()
    return u, symmetrized(p)


@custom_jvp
def _unitary_factor(x: Tracer) -> Tracer:
    u, _, vh = svd(x, full_matrices=False)
    return u @ vh


@_unitary_factor.defjvp
def _unitary_factor_jvp(primals: tuple[Tracer], tangents: tuple[Tracer]) -> tuple[Tracer, Tracer]:
    """`u (K / (s[i] + s[j])) vᴴ` for `K = M - Mᴴ`, `M = uᴴ da v`, and what of `da` is outside of the spaces of `u` and `v`.

    Unlike what the derivatives of `u` and `v` make together, it is finite where singular values are equal.
    """
    (x,), (dx,) = primals, tangents
    u, s, vh = svd(x, full_matrices=False)
    uh, v = u.mT.conj(), vh.mT.conj()
    across, down = s[..., np.newaxis, :], s[..., np.newaxis]
    moved = uh @ dx @ v
    change = u @ ((moved - moved.mT.conj()) / (across + down)) @ vh
    if x.shape[-2] > x.shape[-1]:
        change = change + ((dx @ v - u @ moved) / across) @ vh
    if x.shape[-2] < x.shape[-1]:
        change = change + u @ ((uh @ dx - moved @ vh) / down)
    return _unitary_factor(x), change


def block_diag(*arrs: Any) -> Any:
    """The matrix with the given matrices along its diagonal and zeros elsewhere.

    Args:
        arrs: matrices; vectors and scalars count as matrices of one row.

    Raises:
        ShapeError: an array has more than two dimensions.

    Example:
        >>> import numpy as np
        >>> from compiler import linalg
        >>> np.asarray(linalg.block_diag(np.array([[1.0, 2.0]]), 3.0))
        array([[1., 2., 0.],
               [0., 0., 3.]])
    """
    return _block_diag(arrs)


@compiled()
def _block_diag(arrays: Sequence[Any]) -> Any:
    blocks: list[Tracer] = [xp.atleast_2d(as_tracer(x)) for x in arrays] or [as_tracer(np.zeros((1, 0)))]
    for x in blocks:
        if x.ndim > 2:
            raise ShapeError(
                at_user_line(f"linalg.block_diag: an array has shape {x.shape}, expected at most two dimensions")
            )
    columns = sum(x.shape[1] for x in blocks)
    rows: list[Tracer] = []
    start = 0
    for x in blocks:
        rows.append(xp.pad(x, ((0, 0), (start, columns - start - x.shape[1]))))
        start += x.shape[1]
    return xp.concatenate(rows)


@compiled()
def toeplitz(c: Any, r: Any = None) -> Any:
    """The matrix with constant diagonals whose first column is `c`, and whose first row is `r`, of which the first element is not read.

    Args:
        c: a vector.
        r: a vector, the conjugate of `c` if left out.

    Raises:
        ShapeError: one of them is not a vector.

    Example:
        >>> import numpy as np
        >>> from compiler import linalg
        >>> np.asarray(linalg.toeplitz(np.array([1, 2, 3])))
        array([[1, 2, 3],
               [2, 1, 2],
               [3, 2, 1]])
    """
    column = as_tracer(c)
    row = column.conj() if r is None else as_tracer(r)
    if column.ndim != 1 or row.ndim != 1:
        raise ShapeError(at_user_line(f"linalg.toeplitz: shapes {column.shape} and {row.shape}, expected vectors"))
    numbers = xp.concatenate([column[::-1], row[1:]])
    return numbers[np.arange(column.size)[::-1, np.newaxis] + np.arange(row.size)]
