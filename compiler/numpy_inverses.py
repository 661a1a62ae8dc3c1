"""Inverses in a wider sense: powers, pseudoinverses, least squares, and how well a matrix can be inverted.

What singular values count as zero is decided while the program runs; shapes do not depend on it.
"""

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from compiler.axes import normalize_axes
from compiler.errors import ArgumentError, ShapeError, at_user_line
from compiler.numpy_factorizations import eigh, eigvals, inv, matrices, qr, solve, svd, symmetrized, with_rule
from compiler.numpy_linalg import astype
from compiler.numpy_norms import norm
from compiler.operands import as_tracer
from compiler.promotion import result_dtype
from compiler.tracer import Tracer, xp


def matrix_power(a: Any, n: int) -> Tracer:
    """`np.linalg.matrix_power` by repeated squaring, of the inverse if `n` is negative."""
    x, power = as_tracer(a), operator.index(n)
    if x.ndim < 2 or x.shape[-1] != x.shape[-2]:
        raise ShapeError(at_user_line(f"matrix_power: the array has shape {x.shape}, expected square matrices"))
    if power < 0:
        x, power = inv(x), -power
    if power == 0:
        return xp.broadcast_to(np.eye(x.shape[-1], dtype=x.dtype), x.shape).copy()
    result: Tracer | None = None
    while True:
        if power % 2:
            result = x if result is None else result @ x
        power //= 2
        if not power:
            assert result is not None, "a positive number has a highest bit"
            return result
        x = x @ x


def tensorsolve(a: Any, b: Any, axes: Any = None) -> Tracer:
    """`np.linalg.tensorsolve`: the `x` with `tensordot(a, x, x.ndim) = b`; `axes` of `a` are moved to its end first."""
    x, y = as_tracer(a), as_tracer(b)
    if axes is not None:
        moved = normalize_axes("tensorsolve", axes, x.ndim)
        x = xp.transpose(x, (*(d for d in range(x.ndim) if d not in moved), *moved))
    shape = x.shape[y.ndim :]
    size = math.prod(shape)
    if math.prod(x.shape[: y.ndim]) != size or y.size != size:
        raise ShapeError(
            at_user_line(
                f"tensorsolve: shapes {x.shape} and {y.shape} do not fit: the first {y.ndim} dimensions of a and the "
                "others must be of one size, that of b"
            )
        )
    return solve(x.reshape(size, size), y.reshape(size)).reshape(shape)


def tensorinv(a: Any, ind: int = 2) -> Tracer:
    """`np.linalg.tensorinv`: the inverse of what `tensordot(a, x, ind)` does to `x`."""
    x = as_tracer(a)
    first, last = x.shape[:ind], x.shape[ind:]
    if ind <= 0 or math.prod(first) != math.prod(last):
        raise ShapeError(
            at_user_line(
                f"tensorinv: the shape {x.shape} is none of square matrices before and after dimension {ind}; use another ind="
            )
        )
    return inv(x.reshape(math.prod(first), math.prod(last))).reshape((*last, *first))


def pinv(a: Any, rcond: Any = None, hermitian: bool = False, *, rtol: Any = 1e-15) -> Tracer:
    """`np.linalg.pinv`; singular values up to `rtol` times the greatest count as zero, as does what they contribute to derivatives.

    `rtol=None` is the tolerance of the array API, `max(M, N) * eps`; `rcond` is another name for `rtol`.
    """
    x = matrices("np.linalg.pinv", a)
    return _pseudoinverse(
        symmetrized(x) if hermitian else x, _tolerance(x, rtol if rcond is None else rcond), hermitian
    )


def _tolerance(x: Tracer, rtol: Any) -> Tracer:
    limits = np.finfo(x.dtype)
    tolerance = max(x.shape[-2:]) * float(limits.eps) if rtol is None else rtol
    return astype(as_tracer(tolerance), limits.dtype)[..., np.newaxis]


def _pseudoinverse(x: Tracer, tolerance: Tracer, hermitian: bool = False) -> Tracer:
    return with_rule(_pseudoinverse_of, _pseudoinverse_jvp, (2,))(x, tolerance, hermitian)


def _pseudoinverse_of(x: Tracer, tolerance: Tracer, hermitian: bool) -> Tracer:
    if hermitian:
        s, u = eigh(x)
        vh = u.mT.conj()
    else:
        u, s, vh = svd(x, full_matrices=False)
    inverse = _inverse_above(s, tolerance)
    return (vh.mT.conj() * inverse[..., np.newaxis, :]) @ u.mT.conj()


def _inverse_above(s: Tracer, tolerance: Tracer) -> Tracer:
    """`1 / s`, zero for what is not above the tolerance."""
    size = xp.abs(s)
    is_large = size > tolerance * xp.max(size, axis=-1, keepdims=True, initial=0)
    return xp.where(is_large, 1 / xp.where(is_large, s, 1), 0)


def _pseudoinverse_jvp(hermitian: bool, primals: Sequence[Tracer], tangents: Sequence[Tracer]) -> tuple[Tracer, Tracer]:
    """`-P dA P + P Pᴴ dAᴴ (1 - A P) + (1 - P A) dAᴴ Pᴴ P` for `P = A⁺`, at a constant rank.

    (Golub and Pereyra, "The differentiation of pseudo-inverses and nonlinear least squares problems", 1973.)
    """
    x, tolerance = primals
    inverse = _pseudoinverse(x, tolerance, hermitian)
    if x.shape[-2] < x.shape[-1]:
        # A⁺ᴴ = Aᴴ⁺: products of the shorter side are the cheaper ones.
        return inverse, _moved(x.mT.conj(), inverse.mT.conj(), tangents[0].mT.conj()).mT.conj()
    return inverse, _moved(x, inverse, tangents[0])


def _moved(x: Tracer, inverse: Tracer, dx: Tracer) -> Tracer:
    dual, dxh = inverse.mT.conj(), dx.mT.conj()
    within = inverse @ dual @ (dxh - dxh @ x @ inverse)
    outside = (dxh - inverse @ x @ dxh) @ dual @ inverse
    return within + outside - inverse @ dx @ inverse


def lstsq(a: Any, b: Any, rcond: Any = None) -> tuple[Tracer, Tracer, Tracer, Tracer]:
    """`np.linalg.lstsq`: the solution, the sums of squared residuals, the rank and the singular values.

    There are residuals if the matrix has more rows than columns; in traced functions also if its rank is smaller than its columns are many,
    because a shape cannot depend on values. What counts as zero in single precision is measured by its own `eps`.
    """
    what = "np.linalg.lstsq"
    x, y = matrices(what, a), as_tracer(b)
    is_vector = y.ndim == 1
    y = matrices(what, y[:, np.newaxis] if is_vector else y)
    if x.ndim != 2 or y.ndim != 2 or x.shape[0] != y.shape[0]:
        raise ShapeError(
            at_user_line(
                f"{what}: shapes {x.shape} and {as_tracer(b).shape} do not fit: expected (M, N) and (M,) or (M, K)"
            )
        )
    dtype = result_dtype(x, y)
    x, y = astype(x, dtype), astype(y, dtype)
    rows, columns = x.shape
    is_default = rcond is None or (isinstance(rcond, int | float) and rcond < 0)
    tolerance = _tolerance(x, None if is_default else rcond)
    solution, s = with_rule(_least_squares, _least_squares_jvp)(x, y, tolerance)
    rank = xp.sum(s > tolerance * xp.max(s, initial=0), dtype=np.int32)
    residuals = xp.sum(xp.square(xp.abs(y - x @ solution)), axis=0) if rows > columns else xp.zeros_like(s, shape=(0,))
    return solution[:, 0] if is_vector else solution, residuals, rank, s


def _least_squares(x: Tracer, y: Tracer, tolerance: Tracer) -> tuple[Tracer, Tracer]:
    """The solution and the singular values.

    `R` of the matrix beside the right-hand sides has `R` of the matrix and `Qᴴ y`, all that matters of a matrix with many rows.
    """
    rows, columns = x.shape
    if rows > columns:
        r = qr(xp.concatenate([x, y], axis=1), mode="r")
        x, y = r[:columns, :columns], r[:columns, columns:]
    u, s, vh = svd(x, full_matrices=False)
    return vh.mT.conj() @ (_inverse_above(s, tolerance)[:, np.newaxis] * (u.mT.conj() @ y)), s


def _least_squares_jvp(primals: Sequence[Tracer], tangents: Sequence[Tracer]) -> tuple[Any, Any]:
    """`P (dy - dA z) + P Pᴴ dAᴴ (y - A z) + (1 - P A) dAᴴ Pᴴ z` for `P = A⁺`, and `ds[i] = u[:, i]ᴴ dA v[:, i]`, its real part."""
    x, y, tolerance = primals
    dx, dy, _ = tangents
    solution, s = with_rule(_least_squares, _least_squares_jvp)(x, y, tolerance)
    inverse = _pseudoinverse(x, tolerance)
    dual, dxh = inverse.mT.conj(), dx.mT.conj()
    outside = dxh @ (dual @ solution)
    moved = inverse @ (dy - dx @ solution + dual @ (dxh @ (y - x @ solution)) - x @ outside) + outside
    u, _, vh = svd(x, full_matrices=False)
    ds = xp.sum(u.conj() * (dx @ vh.mT.conj()), axis=-2).real
    return (solution, s), (moved, ds)


def matrix_rank(A: Any, tol: Any = None, hermitian: bool = False, *, rtol: Any = None) -> Tracer:  # noqa: N803
    """`np.linalg.matrix_rank`: how many singular values are above `tol`, or above `rtol` times the greatest."""
    if tol is not None and rtol is not None:
        raise ArgumentError(at_user_line("matrix_rank: tol and rtol are both given; use one of them"))
    if as_tracer(A).ndim < 2:
        return xp.any(as_tracer(A) != 0).astype(np.int64)
    x = matrices("np.linalg.matrix_rank", A)
    s = svd(x, compute_uv=False, hermitian=hermitian)
    limit = (
        _tolerance(x, rtol) * xp.max(s, axis=-1, keepdims=True, initial=0)
        if tol is None
        else as_tracer(tol)[..., np.newaxis]
    )
    return xp.count_nonzero(s > limit, axis=-1)


def cond(x: Any, p: Any = None) -> Tracer:
    """`np.linalg.cond`; inf where `x` is singular, NaN where it has one."""
    array = matrices("np.linalg.cond", x)
    if 0 in array.shape[-2:]:
        raise ShapeError(
            at_user_line(f"np.linalg.cond: the array has shape {array.shape}, expected matrices that are not empty")
        )
    if p in {None, 2, -2}:
        s = svd(array, compute_uv=False)
        ratio = s[..., -1] / s[..., 0] if p == -2 else s[..., 0] / s[..., -1]
    else:
        ratio = norm(array, p, (-2, -1)) * norm(inv(array), p, (-2, -1))
    return xp.where(xp.isnan(ratio) & ~xp.isnan(array).any(axis=(-2, -1)), np.inf, ratio)


def polyfit(x: Any, y: Any, deg: int, rcond: Any = None, full: bool = False, w: Any = None, cov: Any = False) -> Any:
    """`np.polyfit`; `deg` is a number. There is no warning if the rank is too small: `full=True` gives it."""
    place, values = as_tracer(x) + 0.0, as_tracer(y) + 0.0
    count = operator.index(deg) + 1
    if count < 1 or place.ndim != 1 or values.ndim not in {1, 2} or not 0 < place.size == values.shape[0]:
        raise ShapeError(
            at_user_line(
                f"polyfit: a polynomial of degree {deg} through x of shape {place.shape} and y of shape {values.shape}: "
                "expected a degree of 0 or more, and shapes (M,) and (M,) or (M, K)"
            )
        )
    powers = xp.vander(place, count)
    if w is not None:
        weights = as_tracer(w) + 0.0
        if weights.shape != place.shape:
            raise ShapeError(at_user_line(f"polyfit: w has shape {weights.shape}, expected that of x, {place.shape}"))
        powers = powers * weights[:, np.newaxis]
        values = values * (weights if values.ndim == 1 else weights[:, np.newaxis])
    scale = xp.sqrt(xp.sum(xp.square(powers), axis=0))
    powers = powers / scale
    tolerance = place.size * float(np.finfo(place.dtype).eps) if rcond is None else rcond
    solution, residuals, rank, s = lstsq(powers, values, tolerance)
    coefficients = (solution.T / scale).T
    if full:
        return coefficients, residuals, rank, s, tolerance
    if not cov:
        return coefficients
    if cov != "unscaled" and place.size <= count:
        raise ShapeError(at_user_line(f'polyfit: {place.size} points are too few for cov=True; use cov="unscaled"'))
    factor = 1 if cov == "unscaled" else residuals / (place.size - count)
    covariance = inv(powers.T @ powers) / xp.outer(scale, scale)
    covariance = (covariance if values.ndim == 1 else covariance[:, :, np.newaxis]) * factor
    return coefficients, covariance


def roots(p: Any) -> Tracer:
    """`np.roots`, complex always: the eigenvalues of the companion matrix. If the first coefficient is zero, NaN."""
    coefficients = xp.atleast_1d(as_tracer(p)) + 0.0
    if coefficients.ndim != 1:
        raise ShapeError(
            at_user_line(f"roots: the coefficients have shape {coefficients.shape}; they need one dimension")
        )
    count = max(coefficients.size - 1, 0)
    below = np.eye(count, k=-1, dtype=coefficients.dtype)
    first = np.eye(count, 1, dtype=coefficients.dtype) * -coefficients[1:]
    return eigvals(below + first / coefficients[:1])


FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.linalg.matrix_power: matrix_power,
    np.linalg.tensorsolve: tensorsolve,
    np.linalg.tensorinv: tensorinv,
    np.linalg.pinv: pinv,
    np.linalg.lstsq: lstsq,
    np.linalg.matrix_rank: matrix_rank,
    np.linalg.cond: cond,
    np.polyfit: polyfit,
    np.roots: roots,
}
"""The functions of this file by the function of NumPy that they are."""
