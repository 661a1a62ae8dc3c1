"""`compiler.special`: values, derivatives and edges, against SciPy and mpmath."""

import math
from typing import Any

import mpmath
import numpy as np
import pytest
import scipy.special
from traced import assert_as_numpy

import compiler
from compiler import special

INF, NAN = math.inf, math.nan
EVERYWHERE = np.array([0.0, -0.0, 0.3, -0.3, 1.0, -1.0, 1.7, -1.7, 2.5, -2.5, 7.25, -7.25, 30.0, -30.0, INF, -INF, NAN])
UNIT = np.array([0.0, 1e-300, 1e-20, 1e-3, 0.1, 0.25, 0.49, 0.5, 0.51, 0.75, 0.9, 0.999, 1.0, -0.1, 1.5, NAN])
POSITIVE = np.array([1e-30, 1e-3, 0.3, 0.5, 1.0, 1.3, 2.0, 2.5, 3.3, 4.4, 7.0, 50.0, 1e5, 1e30, INF, 0.0])

ARGUMENTS = {
    "erf": EVERYWHERE, "erfc": EVERYWHERE, "erfcx": np.append(EVERYWHERE, [-5.0, 1e4]), "expit": EVERYWHERE,
    "log_expit": EVERYWHERE, "ndtr": EVERYWHERE, "log_ndtr": np.append(EVERYWHERE, [-200.0, -1e10]),
    "entr": EVERYWHERE, "erfinv": 2 * UNIT - 1, "erfcinv": 2 * UNIT, "ndtri": UNIT, "logit": UNIT,
    "gammaln": np.concatenate([POSITIVE, [-0.5, -1.5, -10.3, -3.0]]),
    "psi": np.concatenate([POSITIVE, [-0.5, -1.5, -10.3]]),
}  # fmt: skip
GRID = (np.repeat([0.0, 1e-3, 0.5, 1.0, 3.0, 40.0, NAN], 7), np.tile([0.0, 1e-3, 0.5, 1.0, 3.1, INF, NAN], 7))
PAIRS = {
    "xlogy": GRID, "xlog1py": GRID, "rel_entr": GRID, "kl_div": GRID,
    "betaln": (np.array([0.5, 1.0, 3.0, 40.0]), np.array([2.5, 1.0, 0.1, 3.0])),
}  # fmt: skip
ULPS = {
    "log_ndtr": 256, "ndtr": 256, "betaln": 64, "psi": 64, "logit": 8, "kl_div": 256, "rel_entr": 16, "gammaln": 16,
}  # fmt: skip
"""More than 6 where terms cancel near zeros, or where the result is `exp(-x²/2)` of a rounded multiple of `x`."""


def assert_close(actual: Any, expected: Any, ulps: int) -> None:
    assert actual.dtype == expected.dtype
    eps = np.finfo(expected.dtype).eps
    tiny = float(np.finfo(expected.dtype).smallest_normal)
    np.testing.assert_allclose(actual, expected, rtol=ulps * eps, atol=2 * tiny)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", [*ARGUMENTS, *PAIRS])
def test_function_has_the_values_of_scipy(name: str, dtype: Any) -> None:
    operands = [x.astype(dtype) for x in PAIRS.get(name, (ARGUMENTS.get(name),))]
    actual = getattr(special, name)(*operands)
    with np.errstate(all="ignore"):
        # In f64, because SciPy's f32 is f64 rounded, or less.
        expected = getattr(scipy.special, name)(*[x.astype(np.float64) for x in operands]).astype(dtype)
    assert_close(actual, expected, ULPS.get(name, 6))


def test_ufuncs_of_scipy_answer_on_tracers() -> None:
    def fn(x: Any) -> Any:
        return (
            *(getattr(scipy.special, name)(x) for name in ("erfc", "erfcx", "gammaln", "psi", "ndtr", "log_ndtr")),
            *(getattr(scipy.special, name)(x / 9) for name in ("erfinv", "erfcinv", "ndtri", "logit", "entr")),
            scipy.special.xlogy(x, 2 * x),
            scipy.special.kl_div(x, 1.5),
        )

    assert_as_numpy(fn, np.array([0.3, 1.0, 2.5, 7.0]), ulps=64)


def test_integers_become_float64_and_scalars_stay_weak() -> None:
    assert special.erf(np.array([1, 2])).dtype == np.float64
    assert special.xlogy(np.float32(2), np.ones(3, np.float32)).dtype == np.float32
    assert special.xlogy(np.ones(3, np.float32), 2.0).dtype == np.float32


def test_operands_broadcast() -> None:
    x, y = np.arange(3.0)[:, None], np.arange(1.0, 5.0)
    np.testing.assert_allclose(special.xlogy(x, y), scipy.special.xlogy(x, y), rtol=1e-15)
    with pytest.raises(compiler.ShapeError, match="betaln"):
        special.betaln(np.ones(3), np.ones(2))


@pytest.mark.parametrize("order", [0, 1, 2, 3, 6])
def test_polygamma_is_that_of_scipy(order: int) -> None:
    x = np.array([1e-3, 0.3, 1.5, 4.0, 9.5, 100.0, 1e6])
    np.testing.assert_allclose(special.polygamma(order, x), scipy.special.polygamma(order, x), rtol=1e-14)
    negative = np.array([-0.3, -1.4, -7.9])
    expected = [float(mpmath.polygamma(order, v)) for v in negative]
    np.testing.assert_allclose(special.polygamma(order, negative), expected, rtol=2e-13)


@pytest.mark.parametrize("order", [-1, 101, 1.5, True])
def test_polygamma_of_a_wrong_order_is_refused(order: Any) -> None:
    with pytest.raises(compiler.ArgumentError, match="polygamma: n is"):
        special.polygamma(order, np.ones(2))


LOGITS = np.array([[1.0, -2.0, 0.5], [1000.0, 1000.0, -1000.0]])


@pytest.mark.parametrize("axis", [None, 0, -1, (0, 1)])
def test_sums_of_exponentials_are_those_of_scipy(axis: Any) -> None:
    for name in ("logsumexp", "softmax", "log_softmax"):
        expected = getattr(scipy.special, name)(LOGITS, axis=axis)
        np.testing.assert_allclose(getattr(special, name)(LOGITS, axis=axis), expected, rtol=1e-14, atol=1e-300)
    weights = np.array([0.5, 2.0, 0.0])
    for keepdims in (False, True):
        actual = special.logsumexp(LOGITS, axis=axis, b=weights, keepdims=keepdims)
        expected = scipy.special.logsumexp(LOGITS, axis=axis, b=weights, keepdims=keepdims)
        assert np.shape(actual) == np.shape(expected)
        np.testing.assert_allclose(actual, expected, rtol=1e-14)


def slopes(fn: Any, x: Any) -> tuple[Any, Any]:
    """The first and the second derivative of an elementwise function, in forward mode over reverse mode."""

    def first(x: Any) -> Any:
        _, pull = compiler.vjp(fn, x)
        return pull(np.ones_like(x))[0]

    return compiler.jit(lambda x: compiler.jvp(first, (x,), (np.ones_like(x),)))(x)


def log_ndtr(x: Any) -> Any:
    return mpmath.log(mpmath.erfc(-x / mpmath.sqrt(2)) / 2)


DERIVATIVES = {
    "erfc": (special.erfc, mpmath.erfc, [-1.3, 0.2, 2.0, 5.0]),
    "erfcx": (special.erfcx, lambda x: mpmath.exp(x * x) * mpmath.erfc(x), [-1.3, 0.2, 2.0, 5.0]),
    "erfinv": (special.erfinv, mpmath.erfinv, [-0.9, -0.1, 0.3, 0.99]),
    "erfcinv": (special.erfcinv, lambda x: mpmath.erfinv(1 - x), [0.01, 0.3, 1.2, 1.9]),
    "gammaln": (special.gammaln, mpmath.loggamma, [0.2, 1.3, 3.0, 20.0]),
    "psi": (special.psi, mpmath.digamma, [-1.7, 0.2, 1.3, 20.0]),
    "logit": (special.logit, lambda x: mpmath.log(x / (1 - x)), [0.01, 0.3, 0.5, 0.9]),
    "log_expit": (special.log_expit, lambda x: -mpmath.log1p(mpmath.exp(-x)), [-30.0, -1.0, 0.5, 20.0]),
    "log_ndtr": (special.log_ndtr, log_ndtr, [-20.0, -3.0, -0.5, 2.0]),
    "ndtri": (special.ndtri, lambda p: mpmath.sqrt(2) * mpmath.erfinv(2 * p - 1), [0.01, 0.3, 0.5, 0.9]),
    "entr": (special.entr, lambda x: -x * mpmath.log(x), [0.01, 0.3, 2.0]),
    "tan": (np.tan, mpmath.tan, [-1.2, 0.3, 1.5, 4.0]),
    "asin": (np.arcsin, mpmath.asin, [-0.9, 0.1, 0.99]),
    "acos": (np.arccos, mpmath.acos, [-0.9, 0.1, 0.99]),
    "atan": (np.arctan, mpmath.atan, [-3.0, 0.1, 20.0]),
    "sinh": (np.sinh, mpmath.sinh, [-3.0, 0.1, 20.0]),
    "cosh": (np.cosh, mpmath.cosh, [-3.0, 0.1, 20.0]),
    "asinh": (np.arcsinh, mpmath.asinh, [-3.0, 0.1, 20.0]),
    "acosh": (np.arccosh, mpmath.acosh, [1.01, 2.0, 20.0]),
    "atanh": (np.arctanh, mpmath.atanh, [-0.9, 0.1, 0.99]),
    "cbrt": (np.cbrt, lambda x: mpmath.sign(x) * mpmath.cbrt(abs(x)), [-8.0, 0.1, 20.0]),
    "exp2": (np.exp2, lambda x: mpmath.power(2, x), [-3.0, 0.1, 20.0]),
    "log2": (np.log2, lambda x: mpmath.log(x) / mpmath.log(2), [0.1, 1.0, 20.0]),
    "log10": (np.log10, mpmath.log10, [0.1, 1.0, 20.0]),
}


@pytest.mark.parametrize("name", DERIVATIVES)
def test_first_and_second_derivatives_are_exact(name: str) -> None:
    fn, exact, points = DERIVATIVES[name]
    first, second = slopes(fn, np.array(points))
    with mpmath.workprec(200):
        for order, values in ((1, first), (2, second)):
            expected = [float(mpmath.re(mpmath.diff(exact, mpmath.mpf(p), order))) for p in points]
            np.testing.assert_allclose(values, expected, rtol=1e-11 if order == 2 else 1e-13, atol=1e-13)


def gradients(fn: Any, *operands: float) -> list[float]:
    arrays = [np.array(x) for x in operands]
    return [float(g) for g in compiler.jit(compiler.grad(fn, tuple(range(len(arrays)))))(*arrays)]


EDGES = {
    "atan2 on the axes": (
        np.arctan2,
        [((0.0, 2.0), (0.5, 0.0)), ((2.0, 0.0), (0.0, -0.5)), ((0.0, -2.0), (-0.5, 0.0))],
    ),
    "logaddexp of equal numbers": (np.logaddexp, [((1.0, 1.0), (0.5, 0.5)), ((-INF, -INF), (0.5, 0.5))]),
    "logaddexp with an infinity": (np.logaddexp, [((INF, 1.0), (1.0, 0.0)), ((1.0, -INF), (1.0, 0.0))]),
    "hypot": (np.hypot, [((0.0, 0.0), (0.0, 0.0)), ((3e200, 4e200), (0.6, 0.8)), ((0.0, 2.0), (0.0, 1.0))]),
    "xlogy at 0": (special.xlogy, [((0.0, 2.0), (math.log(2), 0.0)), ((0.0, 0.0), (-INF, 0.0))]),
    "xlog1py at 0": (special.xlog1py, [((0.0, 1.0), (math.log(2), 0.0)), ((0.0, -1.0), (-INF, 0.0))]),
    "copysign": (np.copysign, [((-3.0, 2.0), (-1.0, 0.0)), ((3.0, -0.0), (-1.0, 0.0))]),
    "ldexp": (lambda x: np.ldexp(x, np.array([4]))[0], [((3.0,), (16.0,))]),
    "log_expit at 0": (special.log_expit, [((0.0,), (0.5,)), ((-1000.0,), (1.0,)), ((1000.0,), (0.0,))]),
    "log_ndtr far out": (special.log_ndtr, [((-1e4,), (1e4 + 1e-4,)), ((50.0,), (0.0,))]),
    "cbrt at 0": (np.cbrt, [((0.0,), (INF,))]),
    "asin at 1": (np.arcsin, [((1.0,), (INF,))]),
    "acosh at 1": (np.arccosh, [((1.0,), (INF,))]),
    "entr at 0": (special.entr, [((0.0,), (INF,))]),
}


@pytest.mark.parametrize("name", EDGES)
def test_derivatives_at_the_edges(name: str) -> None:
    fn, cases = EDGES[name]
    for operands, expected in cases:
        np.testing.assert_allclose(gradients(fn, *operands), expected, rtol=1e-12, err_msg=str(operands))
