"""`np.linalg` beyond factorizations gives on traced arrays and `Tensor`s what it gives on arrays, to LAPACK's accuracy."""

import warnings
from typing import Any

import numpy as np
import pytest
from derivative_checks import check_derivatives, sample

import compiler
import compiler.numpy as cnp
from compiler.pytrees import flatten

L: Any = np.linalg
DTYPES = [np.float32, np.float64, np.complex128]


def assert_close(got: Any, want: Any, eps: float = 200) -> None:
    """Equal shapes and dtypes, and values within `eps` units of the largest."""
    got, want = flatten(got)[0], flatten(want)[0]
    assert len(got) == len(want)
    for i, (x, y) in enumerate(zip(map(np.asarray, got), map(np.asarray, want), strict=True)):
        assert (x.shape, x.dtype) == (y.shape, y.dtype), i
        if y.dtype.kind not in "fc":
            np.testing.assert_array_equal(x, y, err_msg=str(i))
            continue
        tolerance = eps * float(np.finfo(y.dtype).eps)
        largest = np.max(np.abs(y), initial=1, where=np.isfinite(y))
        np.testing.assert_allclose(x, y, rtol=tolerance, atol=tolerance * largest, err_msg=str(i))


def well_conditioned(*shape: int, seed: int = 0, dtype: Any = np.float64) -> Any:
    """Matrices with singular values between 1 and 2."""
    u, _, vh = np.linalg.svd(
        sample(*shape, seed=seed, dtype=np.complex128 if np.dtype(dtype).kind == "c" else np.float64), False
    )
    return ((u * np.linspace(2, 1, u.shape[-1])) @ vh).astype(dtype)


def norms(x: Any) -> Any:
    y = x[0]
    return (
        L.norm(y), L.norm(y[0]), L.norm(x), L.norm(x, keepdims=True), L.norm(y, 2), L.norm(y, -2), L.norm(y, "nuc"), L.norm(y, "fro"),
        L.norm(y, 1), L.norm(y, -1), L.norm(y, np.inf), L.norm(y, -np.inf), L.norm(x, 2, (0, 2)), L.norm(x, -2, (2, 1)),
        L.norm(x, "nuc", (0, 1), keepdims=True), L.norm(x, 2, (1, 2), keepdims=True), L.norm(x, 3, 1), L.norm(x, 0, 0), L.norm(x, np.inf, -1),
        L.matrix_norm(x), L.matrix_norm(x, ord=2, keepdims=True), L.matrix_norm(x, ord="nuc"), L.matrix_norm(x, ord=1),
        L.vector_norm(x), L.vector_norm(x, axis=(0, 2), ord=1), L.vector_norm(x, ord=-np.inf, keepdims=True), L.vector_norm(x, axis=1, ord=0),
    )  # fmt: skip


def inverses(x: Any) -> Any:
    square = x[:, :3]
    return (
        L.pinv(x), L.pinv(x.mT), L.pinv(x[0], rtol=0.6), L.pinv(x, np.array([0.1, 0.9])), L.pinv(square + square.mT.conj(), hermitian=True),
        L.matrix_rank(x), L.matrix_rank(x[..., :1] @ x[:, :1]), L.matrix_rank(x, rtol=0.6), L.matrix_rank(x, 1.2), L.matrix_rank(x[0, 0]),
        L.matrix_rank(square + square.mT.conj(), hermitian=True), L.cond(x), L.cond(x, -2), L.cond(square, 1), L.cond(square, -np.inf),
        L.cond(square, "fro"), L.cond(x[0], 2), L.matrix_power(square, -3), L.matrix_power(square, 0), L.matrix_power(square, 5),
        L.lstsq(x[0], x[1]), L.lstsq(x[0], x[1, :, 0]), L.lstsq(x[0].T, x[0, :3]), L.lstsq(x[0], x[1], 0.7)[0], L.lstsq(x[0, :3], x[1, :3])[0],
    )  # fmt: skip


def tensors(x: Any) -> Any:
    return (
        L.tensorinv(x, 1), L.tensorinv(x.reshape(2, 3, 6)), L.tensorsolve(x, x[:, 0, 0]), L.tensorsolve(x.reshape(2, 3, 6), x[:2].sum(1)),
        L.tensorsolve(np.moveaxis(x, 1, 0), x[:, 0, 0], axes=(0,)),
        L.outer(x[0, 0], x[1, 0]), L.vecdot(x, x, axis=1), L.multi_dot([x[:, 0], x[:3, 0].T, x[:3, 1]]), L.trace(x, offset=1), L.diagonal(x, offset=-1),
        L.cross(x, x[0]), L.matrix_transpose(x), L.matmul(x, x.mT), L.tensordot(x, x, axes=((1, 2), (1, 2))),
    )  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
def test_norms_are_those_of_numpy(dtype: Any) -> None:
    x = well_conditioned(2, 4, 3, dtype=dtype)
    assert_close(compiler.jit(norms)(x), norms(x), eps=32)


@pytest.mark.parametrize("dtype", DTYPES)
def test_inverses_are_those_of_numpy(dtype: Any) -> None:
    x = well_conditioned(2, 4, 3, dtype=dtype)
    assert_close(compiler.jit(inverses)(x), inverses(x))


@pytest.mark.parametrize("dtype", [np.float32, np.complex128])
def test_functions_of_tensors_are_those_of_numpy(dtype: Any) -> None:
    x = well_conditioned(6, 6, dtype=dtype).reshape(6, 2, 3)
    assert_close(compiler.jit(tensors)(x), tensors(x))


@pytest.mark.parametrize("dtype", [np.float64, np.complex128])
def test_functions_of_tensors_outside_of_traced_functions_are_those_of_numpy(dtype: Any) -> None:
    x = well_conditioned(2, 4, 3, dtype=dtype)
    y = cnp.asarray(x)
    for fn in (
        lambda x: L.norm(x[0], 2),
        lambda x: L.lstsq(x[0], x[1]),
        lambda x: L.lstsq(x[0, :, :1] @ x[0, :1], x[1, :, 0])[1:3],
        lambda x: L.pinv(x, rtol=None),
        L.matrix_rank,
    ):
        result = fn(y)
        assert all(isinstance(leaf, compiler.Tensor) for leaf in flatten(result)[0])
        assert_close(result, fn(x))


def test_polynomials_are_those_of_numpy() -> None:
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=9), rng.normal(size=(9, 2))

    def fits(x: Any, y: Any) -> Any:
        return (
            np.polyfit(x, y, 2), np.polyfit(x, y, 2, full=True)[:4], np.polyfit(x, y[:, 0], 1, w=x + 5, cov=True),
            np.polyfit(x, y, 1, cov=True), np.polyfit(x, y[:, 0], 3, cov="unscaled"), np.polyfit(x, y, 0),
        )  # fmt: skip

    assert_close(compiler.jit(fits)(x, y), fits(x, y))
    for p in ([2.0, -3, 5, 1, 0], [1, 2], [3.0], [1.0, 0, 1], [1j, 2, 3]):
        got, want = compiler.jit(np.roots)(np.array(p)), np.roots(p)
        np.testing.assert_allclose(np.sort_complex(got), np.sort_complex(want), rtol=1e-14, atol=1e-14)
    assert np.isnan(compiler.jit(np.roots)(np.array([0.0, 1.0, 2.0]))).all()


@pytest.mark.parametrize("dtype", [np.float32, np.complex128])
def test_matrices_without_elements(dtype: Any) -> None:
    def functions(x: Any) -> Any:
        none = x[:, :0]
        return (
            L.pinv(none), L.pinv(x[..., :0]), L.pinv(x[:0]), L.matrix_rank(none), L.matrix_rank(x[:0]), L.norm(x[:0], 2, (1, 2)),
            L.norm(none, "nuc", (1, 2)), L.norm(none[0], 1), L.norm(none[0].T, np.inf),
            L.norm(x[0, :, :0], np.inf), L.matrix_power(x[:0, :3, :3], -2), L.cond(x[:0]), L.matrix_norm(x[:0]),
            L.lstsq(x[0, :, :0], x[0, :, 0])[0], L.lstsq(x[0], x[0, :, :0]), L.lstsq(x[0, :0], x[0, :0, :2]), L.det(x[:0, :3, :3]),
        )  # fmt: skip

    x = well_conditioned(2, 4, 3, dtype=dtype)
    assert_close(compiler.jit(functions)(x), functions(x))


def test_singular_and_infinite_matrices() -> None:
    x = np.zeros((3, 2, 2))
    x[1] = 1
    x[2] = [[np.nan, 1], [1, 1]]

    def functions(x: Any) -> Any:
        return L.cond(x[:2]), L.cond(x[:2], 1), L.pinv(x[:2]), L.matrix_rank(x[:2]), L.norm(x[:2], 2, (1, 2))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert_close(compiler.jit(functions)(x), functions(x))
    for fn in (L.cond, L.pinv, lambda x: L.norm(x, 2), lambda x: L.lstsq(x, x[0])[0], lambda x: L.cond(x, 1)):
        assert np.isnan(compiler.jit(fn)(x[2])).all()


def test_least_squares_give_residuals_of_a_small_rank_in_traced_functions_only() -> None:
    a, b = np.ones((3, 2)), np.array([1.0, 2.0, 4.0])
    x, squares, rank, _ = compiler.jit(L.lstsq)(a, b)
    assert rank == 1
    np.testing.assert_allclose(x, L.lstsq(a, b)[0], rtol=1e-14)
    np.testing.assert_allclose(squares, [np.sum((b - b.mean()) ** 2)], rtol=1e-14)
    assert cnp.linalg.lstsq(a, b)[1].shape == L.lstsq(a, b)[1].shape == (0,)


@pytest.mark.parametrize("dtype", [np.float64, np.complex128])
def test_derivatives_are_differences(dtype: Any) -> None:
    x = sample(4, 3, seed=5, dtype=dtype)
    a_square = sample(3, 3, seed=6, dtype=dtype)

    def functions(x: Any, a: Any) -> Any:
        return (
            L.pinv(x), L.pinv(x.mT), L.norm(x, 2), L.norm(x, "nuc"), L.norm(a, -2), L.cond(a), L.cond(a, 1), L.matrix_power(a, -2),
            L.lstsq(x, x[:, :2] ** 2)[:2], L.lstsq(x.T, x[:3, 0] ** 2)[0], L.tensorinv(a, 1), L.tensorsolve(a, x[0]), L.pinv(a @ a.mT.conj(), hermitian=True),
        )  # fmt: skip

    check_derivatives(lambda x, a: tuple(flatten(functions(x, a))[0]), x, a_square, rtol=1e-5)


def test_derivatives_of_pseudoinverses_of_equal_singular_values_and_small_rank() -> None:
    eye, direction = np.eye(3), sample(3, 3, dtype=np.float64)
    _, tangent = compiler.jit(lambda x, dx: compiler.jvp(L.pinv, (x,), (dx,)))(eye, direction)
    np.testing.assert_allclose(tangent, -direction, rtol=1e-14)

    left, right = sample(4, 2, dtype=np.float64), sample(2, 3, seed=1, dtype=np.float64)
    check_derivatives(lambda left, right: L.pinv(left @ right), left, right)
    check_derivatives(lambda left, right: L.lstsq(left @ right, left[:, 0] + 1)[0], left, right)


def test_second_derivatives_are_differences_of_first_ones() -> None:
    def first(x: Any) -> Any:
        return compiler.grad(lambda x: np.sum(L.pinv(x) ** 3) + L.norm(x, 2) + L.lstsq(x, x[:, 0] ** 2)[0].sum())(x)

    check_derivatives(first, sample(4, 3, seed=5, dtype=np.float64), rtol=1e-5)


def test_vmap_is_the_function_of_each_matrix() -> None:
    x, y = well_conditioned(3, 4, 2), sample(3, 4, dtype=np.float64)

    def functions(x: Any, y: Any) -> Any:
        return (
            L.lstsq(x, y),
            L.pinv(x, rtol=0.6),
            L.matrix_rank(x, rtol=0.6),
            L.norm(x, "nuc"),
            L.cond(x),
            L.matrix_power(x[:2], -1),
        )

    got = compiler.jit(compiler.vmap(functions))(x, y)
    want = [flatten(functions(*one))[0] for one in zip(x, y, strict=True)]
    assert_close(flatten(got)[0], [np.stack(parts) for parts in zip(*want, strict=True)])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda x: compiler.linalg.lu_solve(x, x),
            compiler.ArgumentError,
            "lu_and_piv is a Tracer, expected what lu_factor",
        ),
        (
            lambda x: compiler.linalg.cho_solve(x, x),
            compiler.ArgumentError,
            "c_and_lower is a Tracer, expected what cho_",
        ),
        (lambda x: L.pinv(x[0]), compiler.ShapeError, r"np\.linalg\.pinv.*shape \(3,\)"),
        (lambda x: L.lstsq(x, x[:3]), compiler.ShapeError, r"shapes \(4, 3\) and \(3, 3\) do not fit"),
        (lambda x: L.cond(x[:0]), compiler.ShapeError, "not empty"),
        (lambda x: L.cond(x, 1), compiler.ShapeError, "square"),
        (lambda x: L.matrix_power(x, -1), compiler.ShapeError, "matrix_power.*square"),
        (lambda x: L.matrix_rank(x, 1.0, rtol=1.0), compiler.ArgumentError, "tol and rtol"),
        (lambda x: L.norm(x, 5), compiler.ShapeError, "5 is no order of a matrix norm"),
        (lambda x: L.norm(x, "nuc", 1), compiler.ShapeError, "'nuc' is no order of a vector norm"),
        (lambda x: L.tensorsolve(x, x[:, 0]), compiler.ShapeError, "do not fit"),
        (lambda x: L.tensorinv(x, 1), compiler.ShapeError, "none of square matrices"),
        (lambda x: L.outer(x, x), compiler.ShapeError, "two vectors"),
        (lambda x: L.pinv(x.astype(np.float16)), compiler.DtypeError, "float16"),
        (lambda x: np.polyfit(x[:, 0], x[:3, 0], 1), compiler.ShapeError, "degree 1"),
        (lambda x: np.polyfit(x[:, 0], x[:, 1], 4, cov=True), compiler.ShapeError, "unscaled"),
        (np.roots, compiler.ShapeError, "one dimension"),
    ],
)
def test_mistakes_are_named(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        compiler.jit(call)(np.ones((4, 3)))
