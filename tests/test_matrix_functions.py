"""Functions of matrices in `compiler.linalg` beyond factorizations: against SciPy, exact values, and differences."""

from typing import Any

import mpmath
import numpy as np
import pytest
import scipy.linalg
from derivative_checks import check_derivatives, sample

import compiler
from compiler import linalg

DTYPES = [np.float32, np.float64, np.complex64, np.complex128]


def exact_exponential(x: Any) -> Any:
    """The exponential, computed with 50 digits."""
    with mpmath.workdps(50):
        return np.array(mpmath.expm(mpmath.matrix(x.tolist())).tolist(), np.complex128)


@pytest.mark.parametrize("dtype", DTYPES)
def test_exponentials_are_exact_to_the_condition_of_the_matrix(dtype: Any) -> None:
    sizes = np.array([0, 1e-9, 1e-3, 0.1, 1.0, 3.0, 10.0, 60.0])
    batch = (sample(len(sizes), 3, 3, seed=1, dtype=dtype) * sizes[:, np.newaxis, np.newaxis]).astype(dtype)
    got = compiler.jit(linalg.expm)(batch)
    assert (got.shape, got.dtype) == (batch.shape, batch.dtype)
    for x, y in zip(batch, got, strict=True):
        want = exact_exponential(x)
        condition = max(1, np.abs(x).sum(0).max())
        assert np.max(np.abs(y - want)) <= 16 * np.finfo(dtype).eps * condition * np.max(np.abs(want))


def test_exponentials_of_matrices_of_other_structure() -> None:
    # Nilpotent, triangular with a large corner (where scaling by the norm would lose all digits), and the example of Moler and Van Loan.
    matrices = np.array([[[0, 1e8], [0, 0]], [[1, 1e6], [0, -1]], [[-49, 24], [-64, 31]]])
    for x, y in zip(matrices, np.asarray(linalg.expm(matrices)), strict=True):
        np.testing.assert_allclose(y, exact_exponential(x).real, rtol=1e-13, atol=1e-13)
    np.testing.assert_array_equal(linalg.expm(np.zeros((2, 2))), np.eye(2))
    np.testing.assert_array_equal(linalg.expm(np.array([[2]])), np.exp([[2.0]]))
    assert linalg.expm(np.zeros((0, 3, 3))).shape == (0, 3, 3)
    assert linalg.expm(np.zeros((2, 0, 0))).shape == (2, 0, 0)
    for broken in (np.full((2, 2), np.nan), np.full((2, 2), np.inf), np.full((2, 2), 1e12)):
        assert np.isnan(linalg.expm(broken)).all()
    np.testing.assert_allclose(linalg.expm(np.diag([-1e5, 1.0])), np.diag([0, np.e]), rtol=1e-10)


def test_the_derivative_of_the_exponential_is_that_of_frechet() -> None:
    direction, cotangent = sample(2, 3, 3, dtype=np.float64)
    forward = compiler.jit(lambda x, dx: compiler.jvp(linalg.expm, (x,), (dx,))[1])
    backward = compiler.jit(lambda x, ct: compiler.vjp(linalg.expm, x)[1](ct)[0])
    for size in (0, 1e-6, 1.0, 20.0):
        x = size * sample(3, 3, seed=3, dtype=np.float64)
        moved = scipy.linalg.expm_frechet(x, direction)[1]
        np.testing.assert_allclose(forward(x, direction), moved, rtol=1e-12, atol=1e-13 * np.max(np.abs(moved)))
        np.testing.assert_allclose(np.sum(backward(x, cotangent) * direction), np.sum(cotangent * moved), rtol=1e-12)


def test_derivatives_are_differences() -> None:
    x = sample(3, 3, seed=2)
    check_derivatives(linalg.expm, x)
    check_derivatives(lambda x: linalg.polar(x)[0] + linalg.polar(x, side="left")[1], x)
    y = sample(4, 2, seed=2, dtype=np.float64)
    check_derivatives(lambda y: (*linalg.polar(y), *linalg.polar(y.T)), y)


def test_second_derivatives_are_differences_of_first_ones() -> None:
    def first(x: Any) -> Any:
        return compiler.grad(lambda x: np.sum(linalg.expm(x) ** 2))(x)

    check_derivatives(first, sample(3, 3, seed=2, dtype=np.float64))


def test_vmap_is_the_function_of_each_matrix() -> None:
    x = sample(3, 4, 4, dtype=np.float64) * np.array([0.1, 3, 20])[:, np.newaxis, np.newaxis]
    want = [scipy.linalg.expm(one) for one in x]
    for got, one in zip(compiler.jit(compiler.vmap(linalg.expm))(x), want, strict=True):
        np.testing.assert_allclose(got, one, rtol=1e-11, atol=1e-13 * np.max(np.abs(one)))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(4, 4), (5, 3), (3, 5)], ids=str)
def test_polar_decompositions_are_those_of_scipy(shape: tuple[int, int], dtype: Any) -> None:
    x = sample(*shape, dtype=dtype)
    eps = 50 * np.finfo(dtype).eps
    for side in ("right", "left"):
        for got, want in zip(linalg.polar(x, side=side), scipy.linalg.polar(x, side=side), strict=True):
            np.testing.assert_allclose(got, want, rtol=eps, atol=eps)


def test_the_derivative_of_a_unitary_factor_is_finite_at_equal_singular_values() -> None:
    dx = sample(3, 3, dtype=np.float64)
    _, tangent = compiler.jit(lambda x, dx: compiler.jvp(lambda x: linalg.polar(x)[0], (x,), (dx,)))(np.eye(3), dx)
    np.testing.assert_allclose(tangent, (dx - dx.T) / 2, atol=1e-15)


def test_matrices_of_a_structure_are_those_of_scipy() -> None:
    c, r = np.array([1.0, 2.0, 3.0]), np.array([9.0, 5.0])
    np.testing.assert_array_equal(linalg.toeplitz(c, r), scipy.linalg.toeplitz(c, r))
    np.testing.assert_array_equal(linalg.toeplitz(1j * c), scipy.linalg.toeplitz(1j * c))
    assert linalg.toeplitz(c[:1], r).shape == (1, 2)
    blocks = [np.ones((1, 2)), 3.0, c, np.zeros((0, 2)), np.eye(2, dtype=np.complex64)]
    got = compiler.jit(linalg.block_diag)(*blocks)
    want = scipy.linalg.block_diag(*blocks)
    np.testing.assert_array_equal(got, want)
    assert got.dtype == want.dtype
    check_derivatives(lambda c: (linalg.toeplitz(c, c[:2] ** 2), linalg.block_diag(c, c[:1])), c)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (linalg.expm, compiler.ShapeError, r"linalg\.expm.*square"),
        (lambda x: linalg.polar(x, side="up"), compiler.ArgumentError, "side is 'up'"),
        (lambda x: linalg.polar(x[0]), compiler.ShapeError, r"linalg\.polar"),
        (linalg.toeplitz, compiler.ShapeError, "expected vectors"),
        (lambda x: linalg.block_diag(x[None]), compiler.ShapeError, "at most two dimensions"),
    ],
)
def test_mistakes_are_named(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call(np.ones((3, 2)))
