"""Functions of `np.linalg` that factorize matrices, and what follows from a factorization.

Nothing raises in compiled code: where NumPy raises `LinAlgError`, results are NaN, or what dividing by zero gives.
"""

import math
from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any, cast

import numpy as np
from xdsl.ir import SSAValue

from compiler.errors import ArgumentError, DtypeError, ShapeError, at_user_line
from compiler.frames import current_frame
from compiler.numpy_linalg import astype, diagonal, diagonal_mask
from compiler.operands import as_tracer, new_tracer
from compiler.promotion import FLOAT64, broadcast_shapes, result_dtype
from compiler.tracer import Tracer, fail_unsupported, value_of, xp
from compiler.views import broadcast
from dialects.dlc import eigen, orthogonal, spectral, triangular
from dialects.dlc import lu as lu_ops
from dialects.dlc.interfaces import dtype_kind

SlogdetResult: Any = type(np.linalg.slogdet(np.eye(1)))
QRResult: Any = type(np.linalg.qr(np.eye(1)))
EigResult: Any = type(np.linalg.eig(np.eye(1)))
EighResult: Any = type(np.linalg.eigh(np.eye(1)))
SVDResult: Any = type(np.linalg.svd(np.eye(1)))


def matrices(what: str, a: Any, *, square: bool = False) -> Tracer:
    """`a` as floating-point matrices.

    Raises:
        DtypeError: LAPACK does not have the dtype.
        ShapeError: they are no (square) matrices.
    """
    x = as_tracer(a)
    if dtype_kind(x.dtype) in "biu":
        x = astype(x, FLOAT64)
    if x.dtype.char not in "fdFD":
        raise DtypeError(at_user_line(f"{what}: there is no LAPACK for {x.dtype}; convert with `.astype(np.float32)`"))
    if x.ndim < 2 or (square and x.shape[-1] != x.shape[-2]):
        kind = "square matrices" if square else "matrices"
        raise ShapeError(
            at_user_line(f"{what}: the array has shape {x.shape}, expected {kind} in the last two dimensions")
        )
    return x


def symmetrized(x: Tracer) -> Tracer:
    """`(x + xᴴ) / 2`."""
    return (x + x.mT.conj()) / 2


@cache
def with_rule(
    function: Callable[..., Any], rule: Callable[..., Any], fixed: tuple[int, ...] = ()
) -> Callable[..., Any]:
    """A function of matrices with a derivative of its own, which `rule` computes."""
    # By name: what traces rules of derivatives knows the functions of NumPy.
    differentiable = import_module("compiler").custom_jvp(function, nondiff_argnums=fixed)
    differentiable.defjvp(rule)
    return differentiable


def triangle_of_hermitian(x: Tracer, *, upper: bool) -> Tracer:
    """A matrix whose lower triangle is that of the Hermitian one of which `x` has the lower or upper triangle.

    The other triangle is not read, as in NumPy. Derivatives take it to be there: the matrix moves as `(dx + dxᴴ) / 2`, so that gradients
    are Hermitian.
    """
    return _triangle_of_hermitian(upper)(x)


@cache
def _triangle_of_hermitian(upper: bool) -> Callable[[Tracer], Tracer]:
    def lower_triangle(x: Tracer) -> Tracer:
        return x.mT.conj() if upper else x

    def rule(primals: tuple[Tracer], tangents: tuple[Tracer]) -> tuple[Tracer, Tracer]:
        return lower_triangle(*primals), symmetrized(*tangents)

    return with_rule(lower_triangle, rule)


def emitted(function: Callable[..., Any], *operands: Tracer, **options: Any) -> Any:
    """What `function` of the dialect appends for operands: a tracer, or a tuple of them."""
    frame = current_frame()
    results = function(frame.builder, *(value_of(x, frame) for x in operands), **options)
    if isinstance(results, SSAValue):
        return new_tracer(cast(SSAValue, results))
    return tuple(map(new_tracer, results))


def cholesky(a: Any, *, upper: bool = False) -> Tracer:
    """`np.linalg.cholesky`, which reads one triangle; NaN where `a` is not positive definite."""
    x = matrices("np.linalg.cholesky", a, square=True)
    factor = emitted(triangular.cholesky, triangle_of_hermitian(x, upper=upper))
    return factor.mT.conj() if upper else factor


def solve(a: Any, b: Any) -> Tracer:
    """`np.linalg.solve`; inf or NaN where `a` is singular."""
    x, y, is_vector = common_matrices("np.linalg.solve", a, b)
    factors, _, permutation = emitted(lu_ops.lu, x)

    def solve_batch(x: Tracer, y: Tracer) -> Tracer:
        like_x = broadcast(factors, x.shape), broadcast(permutation, x.shape[:-1])
        return emitted(lu_ops.lu_solve, x, *like_x, y)

    return solved(x, y, is_vector, solve_batch)


def common_matrices(what: str, a: Any, b: Any) -> tuple[Tracer, Tracer, bool]:
    """Square matrices and right-hand sides, of one dtype, and whether the latter were one vector, which is a column now.

    Raises:
        ShapeError: the shapes do not fit.
    """
    x, y = matrices(what, a, square=True), as_tracer(b)
    is_vector = y.ndim == 1
    y = matrices(what, y[:, np.newaxis] if is_vector else y)
    dtype = result_dtype(x, y)
    if x.shape[-1] != y.shape[-2]:
        raise ShapeError(
            at_user_line(
                f"{what}: the matrices have shape {x.shape} and the right-hand sides {np.shape(b)}; "
                f"expected {x.shape[-1]} rows"
            )
        )
    return astype(x, dtype), astype(y, dtype), is_vector


def solved(x: Tracer, y: Tracer, is_vector: bool, solve_batch: Callable[[Tracer, Tracer], Tracer]) -> Tracer:
    """What `solve_batch`, which wants equal batches, makes of `x` and `y`; all right-hand sides of one matrix are its columns."""
    if x.ndim == 2 and y.ndim > 2:
        rows = xp.moveaxis(y, -2, 0)
        flat = solve_batch(x, rows.reshape(x.shape[0], math.prod(rows.shape[1:])))
        return xp.moveaxis(flat.reshape(rows.shape), 0, -2)
    batch = broadcast_shapes("solve", x.shape[:-2], y.shape[:-2])
    solution = solve_batch(broadcast(x, (*batch, *x.shape[-2:])), broadcast(y, (*batch, *y.shape[-2:])))
    return solution[..., 0] if is_vector else solution


def inv(a: Any) -> Tracer:
    """`np.linalg.inv`; inf or NaN where `a` is singular."""
    x = matrices("np.linalg.inv", a, square=True)
    return solve(x, diagonal_mask(x.shape).astype(x.dtype))


def slogdet(a: Any) -> Any:
    """`np.linalg.slogdet`."""
    x = matrices("np.linalg.slogdet", a, square=True)
    diagonal_of_upper, parity = _pivots(x)
    signs = xp.sign(diagonal_of_upper)
    return SlogdetResult(parity * xp.prod(signs, axis=-1), xp.sum(xp.log(xp.abs(diagonal_of_upper)), axis=-1))


def det(a: Any) -> Tracer:
    """`np.linalg.det`."""
    diagonal_of_upper, parity = _pivots(matrices("np.linalg.det", a, square=True))
    return parity * xp.prod(diagonal_of_upper, axis=-1)


def _pivots(x: Tracer) -> tuple[Tracer, Tracer]:
    """The diagonal of `U`, and 1 or -1 for an even or an odd number of exchanges."""
    factors, pivots, _ = emitted(lu_ops.lu, x)
    exchanges = xp.sum(pivots != np.arange(x.shape[-1], dtype=np.int32), axis=-1)
    parity = (1 - 2 * (exchanges % 2)).astype(x.dtype)
    return diagonal(factors, 0, -2, -1), parity


def qr(a: Any, mode: str = "reduced") -> Any:
    """`np.linalg.qr`; `mode` is `"reduced"`, `"complete"` or `"r"`.

    Raises:
        UnsupportedError: the mode is `"raw"`, which is how LAPACK has it.
        ArgumentError: there is no such mode.
    """
    x = matrices("np.linalg.qr", a)
    if mode == "raw":
        fail_unsupported('np.linalg.qr: mode="raw"', 'use mode="reduced"')
    if mode not in {"reduced", "complete", "r"}:
        raise ArgumentError(at_user_line(f'np.linalg.qr: mode is {mode!r}, expected "reduced", "complete" or "r"'))
    q, r = emitted(orthogonal.qr, x, full_matrices=mode == "complete")
    return r if mode == "r" else QRResult(q, r)


def eigh(a: Any, UPLO: str = "L") -> Any:  # noqa: N803
    """`np.linalg.eigh`, which reads the triangle that `UPLO` says; NaN where `a` is not finite."""
    return EighResult(*_eigh("np.linalg.eigh", a, UPLO))


def eigvalsh(a: Any, UPLO: str = "L") -> Tracer:  # noqa: N803
    """`np.linalg.eigvalsh`, as `eigh`; no vectors are computed."""
    return _eigh("np.linalg.eigvalsh", a, UPLO)[0]


def _eigh(what: str, a: Any, triangle: str) -> tuple[Tracer, Tracer]:
    if triangle.upper() not in {"L", "U"}:
        raise ArgumentError(at_user_line(f'{what}: UPLO is {triangle!r}, expected "L" or "U"'))
    x = matrices(what, a, square=True)
    return emitted(spectral.eigh, triangle_of_hermitian(x, upper=triangle.upper() == "U"))


def eig(a: Any) -> Any:
    """`np.linalg.eig`, complex also if all eigenvalues of a real matrix are real; NaN where `a` is not finite."""
    return EigResult(*emitted(eigen.eig, matrices("np.linalg.eig", a, square=True)))


def eigvals(a: Any) -> Tracer:
    """`np.linalg.eigvals`, as `eig`; no vectors are computed."""
    return emitted(eigen.eig, matrices("np.linalg.eigvals", a, square=True))[0]


def svd(a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False) -> Any:
    """`np.linalg.svd`; NaN where `a` is not finite. `hermitian` is no faster here."""
    del hermitian
    x = matrices("np.linalg.svd", a)
    u, s, vh = emitted(spectral.svd, x, full_matrices=bool(full_matrices and compute_uv))
    return SVDResult(u, s, vh) if compute_uv else s


def svdvals(x: Any, /) -> Tracer:
    """`np.linalg.svdvals`; no vectors are computed."""
    return svd(x, compute_uv=False)


FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.linalg.cholesky: cholesky,
    np.linalg.solve: solve,
    np.linalg.inv: inv,
    np.linalg.slogdet: slogdet,
    np.linalg.det: det,
    np.linalg.qr: qr,
    np.linalg.eig: eig,
    np.linalg.eigvals: eigvals,
    np.linalg.eigh: eigh,
    np.linalg.eigvalsh: eigvalsh,
    np.linalg.svd: svd,
    np.linalg.svdvals: svdvals,
}
"""The functions of this file by the function of NumPy that they are."""
