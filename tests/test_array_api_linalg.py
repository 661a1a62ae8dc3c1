"""`compiler.numpy.linalg` is the extension `linalg` of the array API standard: against array-api-strict."""

import doctest
import inspect
import math

import array_api_strict as strict
import numpy as np
import pytest
from derivative_checks import sample
from signature_checks import parameters

import compiler
import compiler.numpy as cnp
from compiler.numpy_rules import FUNCTIONS as FUNCTIONS_OF_TRACING

STANDARD = sorted(strict.linalg.__all__)
RESULTS = {"EigResult", "EighResult", "QRResult", "SVDResult", "SlogdetResult"}


def test_names_are_those_of_the_standard_and_of_numpy():
    of_numpy = {name for name in np.linalg.__all__ if inspect.isroutine(getattr(np.linalg, name))} - {"test"}
    assert set(cnp.linalg.__all__) == {*STANDARD, *of_numpy} | RESULTS
    assert {f for f in FUNCTIONS_OF_TRACING if getattr(np.linalg, f.__name__, None) is f} == {
        getattr(np.linalg, name) for name in of_numpy
    }
    assert cnp.linalg in [getattr(cnp, name) for name in cnp.__all__]


@pytest.mark.parametrize("name", STANDARD)
def test_signatures_are_those_of_the_standard(name):
    assert parameters(getattr(cnp.linalg, name)) == parameters(getattr(strict.linalg, name))


@pytest.mark.parametrize("name", sorted({*cnp.linalg.__all__} - {*STANDARD} - RESULTS))
def test_signatures_of_others_are_those_of_numpy(name):
    ours, theirs = ([p[2] for p in parameters(getattr(xp.linalg, name))] for xp in (cnp, np))
    assert ours == theirs[: len(ours)]


def test_examples_in_docstrings_are_true():
    for name in sorted({*cnp.linalg.__all__} - RESULTS):
        examples = doctest.DocTestFinder().find(getattr(cnp.linalg, name), name, globs={**vars(cnp), "cnp": cnp})
        assert sum(len(test.examples) for test in examples) > 0, name
        for test in examples:
            assert doctest.DocTestRunner().run(test).failed == 0, name


# For each function what is compared: `x` are matrices (2, 4, 3), `a` Hermitian positive definite ones (2, 3, 3). Signs of vectors are free.
CASES = {
    "cholesky": lambda xp, x, a: (xp.linalg.cholesky(a), xp.linalg.cholesky(a[0, ...], upper=True)),
    "cross": lambda xp, x, a: (xp.linalg.cross(x, x + 1), xp.linalg.cross(a, a[0, ...], axis=-2)),
    "det": lambda xp, x, a: (xp.linalg.det(a), xp.linalg.det(a[0, ...])),
    "diagonal": lambda xp, x, a: (xp.linalg.diagonal(x), xp.linalg.diagonal(x, offset=-2)),
    "eigh": lambda xp, x, a: ((r := xp.linalg.eigh(a)).eigenvalues, r.eigenvectors * r.eigenvalues[..., None, :] @ xp.conj(r.eigenvectors.mT)),
    "eigvalsh": lambda xp, x, a: xp.linalg.eigvalsh(a),
    "inv": lambda xp, x, a: xp.linalg.inv(a),
    "matmul": lambda xp, x, a: xp.linalg.matmul(x, a),
    "matrix_norm": lambda xp, x, a: [
        xp.linalg.matrix_norm(x, ord=order, keepdims=order == 1) for order in ("fro", "nuc", 1, -1, 2, -2, math.inf, -math.inf)
    ],
    "matrix_power": lambda xp, x, a: [xp.linalg.matrix_power(a, n) for n in (-2, -1, 0, 1, 3)],
    "matrix_rank": lambda xp, x, a: (xp.linalg.matrix_rank(x), xp.linalg.matrix_rank(x[..., :1] @ x[:, :1, :], rtol=1e-3)),
    "matrix_transpose": lambda xp, x, a: xp.linalg.matrix_transpose(x),
    "outer": lambda xp, x, a: xp.linalg.outer(x[0, 0, :], x[1, :, 0]),
    "pinv": lambda xp, x, a: (xp.linalg.pinv(x), xp.linalg.pinv(x.mT, rtol=1e-2)),
    "qr": lambda xp, x, a: [
        (r := xp.linalg.qr(y, mode=mode)).Q @ r.R for y in (x, x.mT) for mode in ("reduced", "complete")
    ],
    "slogdet": lambda xp, x, a: tuple(xp.linalg.slogdet(a)),
    "solve": lambda xp, x, a: (xp.linalg.solve(a, x.mT), xp.linalg.solve(a, x[0, 0, :]), xp.linalg.solve(a[0, ...], x.mT)),
    "svd": lambda xp, x, a: ((r := xp.linalg.svd(x, full_matrices=False)).S, r.U * r.S[..., None, :] @ r.Vh,
            xp.abs(xp.linalg.svd(x).U)),
    "svdvals": lambda xp, x, a: xp.linalg.svdvals(x),
    "tensordot": lambda xp, x, a: (xp.linalg.tensordot(x[0, ...], a[0, ...], axes=1), xp.linalg.tensordot(x, x, axes=((0, 1), (0, 1)))),
    "trace": lambda xp, x, a: (xp.linalg.trace(x), xp.linalg.trace(x, offset=1, dtype=xp.complex128)),
    "vecdot": lambda xp, x, a: (xp.linalg.vecdot(x, x), xp.linalg.vecdot(x, x, axis=-2)),
    "vector_norm": lambda xp, x, a: [
        *(xp.linalg.vector_norm(x, ord=order, axis=1) for order in (0, 1, 2, 3.5, -1, math.inf, -math.inf)),
        xp.linalg.vector_norm(x), xp.linalg.vector_norm(x, axis=(0, 2), keepdims=True),
    ],
}  # fmt: skip


def leaves(result):
    return [leaf for part in result for leaf in leaves(part)] if isinstance(result, tuple | list) else [result]


@pytest.mark.parametrize("name", STANDARD)
def test_functions_against_the_strict_namespace(name):
    for dtype in (np.float32, np.float64, np.complex64, np.complex128):
        x = sample(2, 4, 3, seed=2, dtype=dtype)
        a = np.linalg.matrix_transpose(x).conj() @ x + np.eye(3, dtype=dtype)
        got = leaves(CASES[name](cnp, cnp.asarray(x), cnp.asarray(a)))
        want = leaves(CASES[name](strict, strict.asarray(x), strict.asarray(a)))
        for ours, theirs in zip(got, want, strict=True):
            assert isinstance(ours, compiler.Tensor)
            expected = np.asarray(theirs)
            assert (ours.shape, ours.dtype) == (expected.shape, expected.dtype), dtype
            tolerance = 100 * float(np.finfo(dtype).eps)
            np.testing.assert_allclose(np.asarray(ours), expected, rtol=tolerance, atol=tolerance * 10)


def test_functions_work_in_traced_functions_and_on_arrays_of_numpy():
    x = sample(2, 4, 3, dtype=np.float64)
    traced = compiler.jit(lambda x: (cnp.linalg.svdvals(x), cnp.linalg.lstsq(x[0], x[1])[1], cnp.linalg.norm(x[0], 2)))(
        x
    )
    for got, want in zip(
        traced, (np.linalg.svdvals(x), np.linalg.lstsq(x[0], x[1])[1], np.linalg.norm(x[0], 2)), strict=True
    ):
        np.testing.assert_allclose(got, want, rtol=1e-13)
    assert isinstance(cnp.linalg.inv(np.eye(2)), compiler.Tensor)


def test_functions_of_tensors_that_are_not_numpys_agree():
    a = cnp.asarray(sample(3, 3, seed=4, dtype=np.float64))
    values, vectors = cnp.linalg.eig(a)
    np.testing.assert_allclose(
        np.asarray(a) @ np.asarray(vectors), np.asarray(vectors) * np.asarray(values), atol=1e-13
    )
    np.testing.assert_allclose(
        np.sort_complex(np.asarray(cnp.linalg.eigvals(a))),
        np.sort_complex(np.linalg.eigvals(np.asarray(a))),
        rtol=1e-13,
    )
