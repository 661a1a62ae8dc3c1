"""Factorizations, and solving with them: `np.linalg` on traced arrays, and `compiler.linalg`."""

import numpy as np
import pytest

import compiler
from compiler import linalg

DTYPES = (np.float32, np.float64, np.complex64, np.complex128)
SHAPES = ((1, 1), (40, 40), (2, 2, 3, 3), (0, 3, 3), (2, 0, 0))
RECTANGLES = ((6, 3), (2, 3, 5), (2, 40, 9), (0, 3), (3, 0), (0, 3, 2), (1, 4))


def drawn(dtype, *shape, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(shape)
    return (x + 1j * rng.standard_normal(shape) if np.dtype(dtype).kind == "c" else x).astype(dtype)


def adjoint(x):
    return np.swapaxes(x, -1, -2).conj()


def positive(dtype, *shape):
    x = drawn(dtype, *shape)
    return x @ adjoint(x) + np.eye(shape[-1], dtype=dtype)


def compiled(function, *arguments):
    """The results as NumPy arrays."""
    results = compiler.jit(function)(*arguments)
    return [np.asarray(x) for x in results] if isinstance(results, tuple) else np.asarray(results)


def assert_small(residual, *factors, columns):
    """`residual` is no larger than rounding makes it: `columns * eps * |factors|`."""
    scale = np.prod([np.max(np.abs(x), initial=0.0) for x in factors]) * max(columns, 1)
    assert np.max(np.abs(residual), initial=0.0) <= 16 * np.finfo(residual.dtype).eps * scale


def assert_like(actual, expected):
    assert (actual.shape, actual.dtype) == (expected.shape, expected.dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_cholesky_solve_inv_and_determinants_are_numpys(shape, dtype):
    a, b, p = drawn(dtype, *shape), drawn(dtype, *shape[:-1], 2), positive(dtype, *shape)

    def function(a, b, p):
        return (
            np.linalg.cholesky(p),
            np.linalg.cholesky(p, upper=True),
            np.linalg.solve(a, b),
            np.linalg.inv(a),
            np.linalg.det(a),
            *np.linalg.slogdet(a),
        )

    n = shape[-1]
    actual, expected = compiled(function, a, b, p), function(a, b, p)
    for x, y in zip(actual, expected, strict=True):
        assert_like(x, y)
    lower, upper, x, inverse, determinant, sign, logarithm = actual
    assert_small(lower @ adjoint(lower) - p, p, columns=n)
    np.testing.assert_array_equal(lower, np.tril(lower))
    assert_small(adjoint(upper) @ upper - p, p, columns=n)
    np.testing.assert_array_equal(upper, np.triu(upper))
    assert_small(a @ x - b, a, x, columns=n)
    assert_small(inverse @ a - np.eye(n, dtype=dtype), a, inverse, columns=n)
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(determinant, expected[4], rtol=64 * n * eps, atol=0)
    np.testing.assert_allclose(sign, expected[5], rtol=64 * n * eps)
    np.testing.assert_allclose(logarithm, expected[6], rtol=64 * n * eps, atol=64 * n * eps)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [*SHAPES[1:3], *RECTANGLES], ids=str)
def test_qr_and_svd_give_back_the_matrix(shape, dtype):
    a = drawn(dtype, *shape)

    def function(a):
        return (
            *np.linalg.qr(a),
            *np.linalg.qr(a, "complete"),
            np.linalg.qr(a, "r"),
            *np.linalg.svd(a),
            *np.linalg.svd(a, full_matrices=False),
            np.linalg.svd(a, compute_uv=False),
            np.linalg.svdvals(a),
        )

    actual, expected = compiled(function, a), function(a)
    for x, y in zip(actual, expected, strict=True):
        assert_like(x, y)
    q, r, q_full, r_full, only_r, u, s, vh, u_thin, s_thin, vh_thin, *values = actual
    rows, columns = shape[-2:]
    n, k = max(rows, columns), min(rows, columns)
    for left, right in ((q, r), (q_full, r_full), (u[..., :k] * s[..., np.newaxis, :], vh[..., :k, :])):
        assert_small(left @ right - a, a, columns=n)
    assert_small(u_thin * s_thin[..., np.newaxis, :] @ vh_thin - a, a, columns=n)
    for basis in (q, q_full, u, u_thin, adjoint(vh), adjoint(vh_thin)):
        assert_small(adjoint(basis) @ basis - np.eye(basis.shape[-1], dtype=dtype), np.ones(1), columns=n)
    for each in (r, only_r):
        assert_small(each - expected[1], a, columns=n)
    for each in (s, s_thin, *values):
        assert_small(each - expected[6], a, columns=n)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_eigenvectors_are_stretched_by_eigenvalues(shape, dtype):
    a = drawn(dtype, *shape)
    h = a + adjoint(a)

    def function(a, h):
        return (
            *np.linalg.eig(a),
            np.linalg.eigvals(a),
            *np.linalg.eigh(h),
            *np.linalg.eigh(h, "U"),
            np.linalg.eigvalsh(h),
        )

    w, v, only_w, wh, vh, w_upper, v_upper, only_wh = compiled(function, a, h)
    n = shape[-1]
    complex_dtype = np.result_type(dtype, np.complex64)
    assert w.dtype == v.dtype == only_w.dtype == complex_dtype
    assert_small(a @ v - v * w[..., np.newaxis, :], a, columns=n)
    np.testing.assert_allclose(np.linalg.norm(v, axis=-2), 1, rtol=16 * np.finfo(dtype).eps)
    assert_small(np.sort_complex(w) - np.sort_complex(only_w), a, v, columns=16 * n)
    for values, vectors in ((wh, vh), (w_upper, v_upper)):
        assert_like(values, np.linalg.eigvalsh(h))
        assert_small(h @ vectors - vectors * values[..., np.newaxis, :], h, columns=n)
        assert_small(adjoint(vectors) @ vectors - np.eye(n, dtype=dtype), np.ones(1), columns=n)
    assert_small(only_wh - np.linalg.eigvalsh(h), h, columns=n)


def test_operands_are_broadcast_and_converted():
    a, b = drawn(np.float64, 3, 3), drawn(np.float32, 5, 2, 3, 4)
    np.testing.assert_allclose(compiled(np.linalg.solve, a, b), np.linalg.solve(a, b), rtol=1e-9)
    stack = drawn(np.float64, 2, 3, 3)
    np.testing.assert_allclose(compiled(np.linalg.solve, stack, b), np.linalg.solve(stack, b), rtol=1e-9)
    np.testing.assert_allclose(compiled(np.linalg.solve, stack, a[0]), np.linalg.solve(stack, a[0]), rtol=1e-9)
    lower = np.tril(a) + 2 * np.eye(3)
    x = np.asarray(linalg.solve_triangular(lower, b, lower=True))
    np.testing.assert_allclose(x, np.linalg.solve(lower, b), rtol=1e-9)
    assert compiled(np.linalg.solve, np.zeros((0, 0)), np.zeros((4, 0, 2))).shape == (4, 0, 2)
    integers = np.array([[2, 1], [1, 3]])
    np.testing.assert_allclose(compiled(np.linalg.inv, integers), np.linalg.inv(integers))
    assert compiled(np.linalg.cholesky, integers).dtype == np.float64


def test_what_cannot_be_factorized_is_nan_and_leaves_the_rest_of_the_batch_alone():
    bad = np.stack([np.full((3, 3), np.nan), np.eye(3), np.full((3, 3), np.inf), -np.eye(3), np.zeros((3, 3))])

    def function(a):
        return (
            np.linalg.cholesky(a),
            np.linalg.eigvalsh(a),
            np.linalg.svdvals(a),
            np.linalg.eigvals(a),
            *np.linalg.eigh(a),
            *np.linalg.svd(a),
            *np.linalg.eig(a),
            *np.linalg.qr(a),
            np.linalg.inv(a),
            np.linalg.det(a),
        )

    factor, *spectra, inverse, determinant = compiled(function, bad)
    is_nan = np.isnan(factor[[0, 1, 3, 4], 2, 2])
    np.testing.assert_array_equal(is_nan, [True, False, True, True])
    np.testing.assert_array_equal(factor[1], np.eye(3))
    np.testing.assert_array_equal(factor[0], np.tril(np.full((3, 3), np.nan)))
    for result in spectra[:-2]:
        assert np.isnan(result[[0, 2]]).all()
        assert np.isfinite(result[[1, 3, 4]]).all()
    assert not np.isfinite(inverse[4]).any()
    np.testing.assert_array_equal(inverse[1], np.eye(3))
    np.testing.assert_array_equal(determinant, [np.nan, 1, np.nan, -1, 0])


def test_solving_with_factors_is_solving():
    for dtype in (np.float64, np.complex128):
        a, b = drawn(dtype, 2, 4, 4), drawn(dtype, 2, 4, 3)
        factors, pivots = linalg.lu_factor(a)
        assert np.asarray(pivots).dtype == np.int32
        for trans, matrix in ((0, a), (1, np.swapaxes(a, -1, -2)), (2, adjoint(a))):
            x = np.asarray(linalg.lu_solve((factors, pivots), b, trans=trans))
            np.testing.assert_allclose(matrix @ x, b, atol=1e-12)
            t = np.tril(a) + 3 * np.eye(4)
            x = np.asarray(linalg.solve_triangular(t, b, trans=trans, lower=True))
            np.testing.assert_allclose({0: t, 1: np.swapaxes(t, -1, -2), 2: adjoint(t)}[trans] @ x, b, atol=1e-12)
        p, lower, upper = map(np.asarray, linalg.lu(a))
        np.testing.assert_allclose(p @ lower @ upper, a, atol=1e-14)
        for shape in ((5, 3), (3, 5)):
            x = drawn(dtype, *shape)
            p, lower, upper = map(np.asarray, linalg.lu(x))
            np.testing.assert_allclose(p @ lower @ upper, x, atol=1e-14)
        h = positive(dtype, 4, 4)
        for is_lower in (False, True):
            x = np.asarray(linalg.cho_solve(linalg.cho_factor(h, lower=is_lower), b[0]))
            np.testing.assert_allclose(h @ x, b[0], atol=1e-12)
            x = np.asarray(linalg.cho_solve(linalg.cho_factor(h, lower=is_lower), b[0, :, 0]))
            np.testing.assert_allclose(h @ x, b[0, :, 0], atol=1e-12)


def central_differences(function, x, step=1e-6):
    """`df/dx - i df/dy`, as `compiler.grad` has it."""
    gradient = np.zeros_like(x)
    for place in np.ndindex(x.shape):
        for unit in (1, 1j) if x.dtype.kind == "c" else (1,):
            direction = np.zeros_like(x)
            direction[place] = unit * step
            slope = (function(x + direction) - function(x - direction)) / (2 * step)
            gradient[place] += np.conj(unit) * slope
    return gradient


def of_vectors(v):
    """A real number that does not depend on the phases of vectors."""
    weights = np.arange(1.0, v.shape[-1] + 1)
    return np.sum(np.abs(v[..., 0, :]) ** 2 * weights) + np.sum(np.abs(v[..., -1, :] + v[..., 0, :]) ** 2 * weights**2)


FUNCTIONS = {
    "cholesky": lambda a: np.sum(np.abs(np.linalg.cholesky(a @ a.mT.conj() + np.eye(4)) + 0.5) ** 2),
    "solve": lambda a: np.sum(np.abs(np.linalg.solve(a, a[0] + 1)) ** 2),
    "inv": lambda a: np.sum(np.abs(np.linalg.inv(a) + 1) ** 2),
    "det": lambda a: np.abs(np.linalg.det(a) + 1) ** 2,
    "slogdet": lambda a: np.linalg.slogdet(a)[1] + np.abs(np.linalg.slogdet(a)[0] + 2) ** 2,
    "qr": lambda a: np.sum(np.abs(np.linalg.qr(a)[0] + np.linalg.qr(a)[1]) ** 2),
    "wide qr": lambda a: np.sum(np.abs(np.linalg.qr(a[:2])[1] + 1) ** 2),
    "eigvalsh": lambda a: np.sum(np.linalg.eigvalsh(a + a.mT.conj()) ** 3),
    "eigh": lambda a: of_vectors(np.linalg.eigh(a + a.mT.conj())[1]),
    "svdvals": lambda a: np.sum(np.linalg.svdvals(a) ** 3),
    "svd": lambda a: of_vectors(np.linalg.svd(a[:, :3], full_matrices=False)[0]),
    "wide svd": lambda a: of_vectors(np.linalg.svd(a[:3], full_matrices=False)[2].mT),
    "eigvals": lambda a: np.sum(np.abs(np.linalg.eigvals(a) - 1) ** 3),
    "eig": lambda a: np.sum(np.abs(np.linalg.eig(a)[1][0]) ** 4),
}


@pytest.mark.parametrize("dtype", [np.float64, np.complex128])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_gradients_are_central_differences(name, dtype):
    a = drawn(dtype, 4, 4, seed=3) + np.diag([1.0, 4.0, 9.0, 15.0])
    actual = np.asarray(compiler.jit(compiler.grad(FUNCTIONS[name]))(a))
    expected = central_differences(compiler.jit(FUNCTIONS[name]), a)
    np.testing.assert_allclose(actual, expected, rtol=1e-6, atol=1e-7 * np.max(np.abs(expected)))


@pytest.mark.parametrize("dtype", [np.float64, np.complex128])
def test_one_triangle_of_a_hermitian_matrix_is_read_as_numpy_does(dtype):
    p = positive(dtype, 2, 4, 4)
    lower, upper = np.tril(p) + 7 * np.triu(np.ones((4, 4)), 1), np.triu(p) + 7 * np.tril(np.ones((4, 4)), -1)

    def function(lower, upper):
        return (
            np.linalg.cholesky(lower),
            np.linalg.cholesky(upper, upper=True),
            np.linalg.eigvalsh(lower),
            np.linalg.eigvalsh(upper, "U"),
            compiler.linalg.cho_factor(upper)[0],
        )

    *actual, factor = compiler.jit(function)(lower, upper)
    for ours, numpys in zip(actual, function(lower, upper), strict=False):
        np.testing.assert_allclose(ours, numpys, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(factor, actual[1])


def test_the_gradient_of_a_hermitian_matrix_is_hermitian():
    a = positive(np.float64, 4, 4)
    for function in (lambda a: np.sum(np.linalg.cholesky(a)), lambda a: np.sum(np.linalg.eigvalsh(a) ** 2)):
        gradient = np.asarray(compiler.grad(function)(a))
        np.testing.assert_allclose(gradient, gradient.T, rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float64, np.complex128])
def test_the_determinant_of_a_singular_matrix_has_its_derivative(dtype):
    a = np.array([[1, 2], [2, 4]], dtype)
    gradient = np.asarray(compiler.grad(lambda a: np.linalg.det(a).real)(a))
    np.testing.assert_allclose(gradient, [[4, -2], [-2, 1]], rtol=1e-14)
    b = np.arange(9.0).reshape(3, 3).astype(dtype)
    cofactors = np.array([[-3, 6, -3], [6, -12, 6], [-3, 6, -3]])
    np.testing.assert_allclose(np.asarray(compiler.grad(lambda b: np.linalg.det(b).real)(b)), cofactors, rtol=1e-12)


def test_second_derivatives_of_a_log_determinant():
    a = positive(np.float64, 3, 3)
    hessian = np.asarray(compiler.hessian(lambda a: np.linalg.slogdet(a)[1])(a))
    inverse = np.linalg.inv(a)
    np.testing.assert_allclose(hessian, -np.einsum("li,jk->ijkl", inverse, inverse), rtol=1e-9, atol=1e-12)


def test_one_factorization_serves_for_a_solution_and_its_gradients():
    lowered = compiler.jit(compiler.grad(lambda a, b: np.sum(np.linalg.solve(a, b) ** 2))).lower(np.eye(3), np.ones(3))
    assert lowered.as_text("autodiff").count("dlc.lu ") == 1


def test_calls_of_lapack_count_as_calls_of_a_library():
    lowered = compiler.jit(np.linalg.inv).lower(np.zeros((5, 3, 3)))
    assert lowered.cost_analysis().library_calls == 3


def test_equal_factorizations_are_one():
    def function(a):
        return np.linalg.cholesky(a) + np.linalg.cholesky(a), np.linalg.eigvalsh(a), np.linalg.eigh(a)[1]

    text = compiler.jit(function).lower(np.eye(3)).as_text("autodiff")
    assert [text.count(f"dlc.{name} ") for name in ("cholesky", "eigh")] == [1, 1]


def test_vectors_that_nothing_reads_are_not_computed():
    for function in (np.linalg.eigvalsh, np.linalg.svdvals, np.linalg.eigvals):
        fused = compiler.jit(function).lower(np.eye(3)).as_text("fused")
        assert '["N"' in fused
    fused = compiler.jit(lambda a: np.linalg.qr(a, "r")).lower(np.eye(3)).as_text("fused")
    assert "orglq" not in fused


def test_vmap_of_a_solution_is_a_batch():
    a, b = drawn(np.float64, 3, 3), drawn(np.float64, 6, 3)
    expected = np.linalg.solve(a, b.T).T
    solve = compiler.vmap(np.linalg.solve, in_axes=(None, 0))
    np.testing.assert_allclose(np.asarray(solve(a, b)), expected, rtol=1e-9)
    fused = compiler.jit(solve).lower(a, b).as_text("fused")
    assert "tensor<6x3x3" not in fused, "one matrix serves for all right-hand sides"
    stack = drawn(np.float64, 6, 3, 3)
    both = compiler.vmap(np.linalg.solve)
    np.testing.assert_allclose(
        np.asarray(both(stack, b)), np.linalg.solve(stack, b[..., np.newaxis])[..., 0], rtol=1e-9
    )


def test_factorizations_work_in_loops():
    def function(a):
        def step(x, _):
            q, r = np.linalg.qr(x)
            return r @ q, np.linalg.slogdet(x)[1]

        return compiler.scan(step, a, None, length=60)

    a = positive(np.float64, 4, 4)
    x, logarithms = (np.asarray(result) for result in compiler.jit(function)(a))
    np.testing.assert_allclose(np.sort(np.diag(x)), np.linalg.eigvalsh(a), rtol=1e-6)
    np.testing.assert_allclose(logarithms, np.linalg.slogdet(a)[1], rtol=1e-9)


@pytest.mark.parametrize(
    ("function", "argument", "error", "message"),
    [
        (np.linalg.inv, np.ones((2, 3)), compiler.ShapeError, "expected square matrices"),
        (np.linalg.qr, np.ones(3), compiler.ShapeError, "expected matrices"),
        (np.linalg.cholesky, np.ones((2, 2), np.float16), compiler.DtypeError, "no LAPACK for float16"),
        (lambda a: np.linalg.solve(a, np.ones(3)), np.eye(2), compiler.ShapeError, "expected 2 rows"),
        (lambda a: np.linalg.qr(a, "raw"), np.eye(2), compiler.UnsupportedError, 'mode="reduced"'),
        (lambda a: np.linalg.qr(a, "thin"), np.eye(2), compiler.ArgumentError, "mode is 'thin'"),
        (lambda a: np.linalg.eigh(a, "X"), np.eye(2), compiler.ArgumentError, "UPLO is 'X'"),
        (lambda a: linalg.solve_triangular(a, a, trans=3), np.eye(2), compiler.ArgumentError, "trans is 3"),
        (compiler.grad(lambda a: np.sum(np.linalg.qr(a, "complete")[0])), np.ones((3, 2)), compiler.UnsupportedError, 'use mode="reduced"'),
        (compiler.grad(lambda a: np.sum(np.linalg.svd(a)[0])), np.ones((3, 2)), compiler.UnsupportedError, "full_matrices=False"),
    ],
)  # fmt: skip
def test_mistakes_are_told(function, argument, error, message):
    with pytest.raises(error, match=message):
        compiler.jit(function)(argument)
