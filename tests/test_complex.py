"""complex64 and complex128: what NumPy computes with them, compiled, and their derivatives by JAX's convention."""

import itertools
from typing import Any

import mpmath
import numpy as np
import pytest
from op_examples import OP_EXAMPLES
from xdsl.dialects.builtin import ComplexType, f32, f64
from xdsl.utils.exceptions import VerifyException

import compiler
from dialects.builder import tensor_type
from dialects.dlc.complex_forms import BY_PART, FORMS
from dialects.dlc.interfaces import is_complex
from dialects.dlc.matrix_op import MatrixOp

DTYPES = [np.dtype(np.complex64), np.dtype(np.complex128)]
dtypes = pytest.mark.parametrize("dtype", DTYPES, ids=str)


def sample(dtype: Any, *shape: int, seed: int = 0) -> np.ndarray[Any, Any]:
    random = np.random.default_rng(seed)
    return (random.normal(size=shape) + 1j * random.normal(size=shape)).astype(dtype)


def check(fn: Any, *arguments: Any, units: float = 0) -> None:
    """`fn` gives the same compiled as in NumPy; complex numbers within `units` of the last place of their size."""
    with np.errstate(all="ignore"):
        expected = fn(*arguments)
    actual = compiler.jit(fn)(*arguments)
    assert len(actual) == len(expected)
    for number, (got, want) in enumerate(zip(actual, expected, strict=True)):
        want = np.asarray(want)  # noqa: PLW2901
        assert (got.dtype, got.shape) == (want.dtype, want.shape), number
        if got.dtype.kind not in "fc" or not units:
            np.testing.assert_array_equal(got, want, err_msg=str(number))
            continue
        tolerance = units * np.finfo(got.dtype).eps
        error = np.abs(got - want)
        assert np.all(error <= tolerance * np.maximum(np.abs(want), 1)), (number, got, want)


@dtypes
def test_arithmetic(dtype: Any) -> None:
    def everything(x: Any, y: Any) -> Any:
        return (
            x + y, x - y, -x, x.real, x.imag, x.conj(), np.conjugate(x), x == y, x != y, x * 2, 1j * x, x + 1, np.where(x == y, x, 1j),
            np.real(x), np.imag(x), x.astype(bool), np.isnan(x), np.isfinite(x), np.isinf(x), np.iscomplex(x), np.isreal(x),
            np.zeros_like(x), np.full_like(x, 2 + 1j), x.real.astype(dtype), x.real + 1j * x.imag,
        )  # fmt: skip

    def inexact(x: Any, y: Any) -> Any:
        return (
            x * y, x / y, abs(x), np.angle(x), x**2, x**3, 1 / x, np.reciprocal(x), np.square(x), np.sign(x), x / 3, 2.5 / x, x * y.conj(),
        )  # fmt: skip

    x, y = sample(dtype, 37), sample(dtype, 37, seed=1)
    y[::5] = x[::5]
    check(everything, x, y)
    check(inexact, x, y, units=4)


def inverses_and_relatives(x: Any) -> Any:
    return (
        np.arcsin(x), np.arccos(x), np.arctan(x), np.arcsinh(x), np.arccosh(x), np.arctanh(x), np.expm1(x), np.log1p(x), np.log2(x), np.log10(x),
    )  # fmt: skip


def test_branch_cuts_and_infinities_are_those_of_numpy() -> None:
    values = [0.0, -0.0, 1.0, -1.0, -2.0, 0.5, np.inf, -np.inf]
    x = np.array([complex(re, im) for re, im in itertools.product(values, values)])
    with np.errstate(all="ignore"):
        expected = inverses_and_relatives(x)
    for number, (got, want) in enumerate(zip(compiler.jit(inverses_and_relatives)(x), expected, strict=True)):
        for part in (np.real, np.imag):
            known = ~np.isnan(part(want)) | (
                np.isnan(want.real) & np.isnan(want.imag)
            )  # NumPy: expm1(inf + 0j) is inf + nanj
            np.testing.assert_allclose(part(got)[known], part(want)[known], rtol=1e-14, err_msg=str(number))
            signed = known & ~np.isnan(part(want))
            np.testing.assert_array_equal(np.signbit(part(got)[signed]), np.signbit(part(want)[signed]), str(number))


def test_small_numbers_keep_their_digits() -> None:
    z = sample(np.complex128, 50) * 1e-9
    got = compiler.jit(lambda z: (np.log1p(z), np.expm1(z), np.arctanh(z), np.arcsin(z)))(z)
    for value, series in zip(got, (z - z * z / 2, z + z * z / 2, z, z), strict=True):
        np.testing.assert_allclose(value, series, rtol=4 * np.finfo(np.float64).eps)


@dtypes
def test_order_is_that_of_numpy(dtype: Any) -> None:
    parts = np.random.default_rng(0).choice([0.0, 1.0, -1.0, 2.0, np.nan], (2, 3, 40))
    x = (parts[0] + 1j * parts[1]).astype(dtype)
    got = compiler.jit(lambda x: (np.sort(x), np.sort(x, 0), np.argsort(x, stable=True), np.isin(x, x[0, :2])))(x)
    want = np.sort(x), np.sort(x, 0), np.argsort(x, stable=True), np.isin(x, x[0, :2])
    for one, other in zip(got, want, strict=True):
        np.testing.assert_array_equal(one, other)
    tensor = compiler.Tensor(x)
    for one, other in zip(np.unique(tensor, return_counts=True), np.unique(x, return_counts=True), strict=True):
        np.testing.assert_array_equal(np.asarray(one), other)


@dtypes
def test_functions(dtype: Any) -> None:
    def everything(x: Any, y: Any) -> Any:
        return (
            np.exp(x), np.log(x), np.sqrt(x), np.sin(x), np.cos(x), np.tan(x), np.sinh(x), np.cosh(x), np.tanh(x), x**y, x**0.5,
            *inverses_and_relatives(x), np.exp2(x), np.rint(x),
        )  # fmt: skip

    check(everything, sample(dtype, 41), sample(dtype, 41, seed=1), units=16)
    # Large and small sizes, the real and the imaginary axis.
    check(everything, sample(dtype, 41) * 1e-3, np.ones(41, dtype), units=16)
    x = np.array([1, -1, 1j, -1j, 2, -2, 0.5, 3 - 1e-6j, -3 + 1e-6j, -3 - 1e-6j, 20 + 1j, -20 + 1j, 1e-20], dtype)
    check(lambda x: (np.exp(x), np.log(x), np.sqrt(x), np.tanh(x)), x, units=16)
    huge = np.array([1e30 + 1e30j, 1e-30 - 1e-30j, -1e35 + 1j, 1e37 + 3e38j], dtype)
    roots = compiler.jit(np.sqrt)(huge)
    np.testing.assert_allclose(roots, np.sqrt(huge), rtol=8 * np.finfo(dtype).eps)


def grid(dtype: Any, *extra: float) -> np.ndarray[Any, Any]:
    """All pairs of parts that are zeros of both signs, tiny, beside 1, huge, infinite or NaN."""
    limits = np.finfo(dtype)
    eps, tiny, huge = float(limits.eps), float(limits.tiny), float(limits.max)
    sizes = [
        0.0,
        tiny,
        tiny**0.5,
        eps,
        eps**0.5,
        0.3,
        1 - eps / 2,
        1.0,
        1 + eps,
        2.0,
        40.0,
        1e9,
        2e10,
        huge**0.5,
        huge / 3,
        huge,
        *extra,
    ]
    parts = np.array([sign * size for size in sizes for sign in (1, -1)], limits.dtype)
    z = np.empty((parts.size, parts.size), dtype)
    z.real, z.imag = parts[:, None], parts
    return z.reshape(-1)


INVERSES = (np.arcsin, np.arccos, np.arctan, np.arcsinh, np.arccosh, np.arctanh)
FUNCTIONS = (
    *INVERSES, np.exp, np.log, np.sqrt, np.sin, np.cos, np.tan, np.sinh, np.cosh, np.tanh, np.log2, np.log10, np.exp2,
)  # fmt: skip


@dtypes
def test_special_values_and_sides_of_branch_cuts_are_those_of_numpy(dtype: Any) -> None:
    z = grid(dtype, np.inf, np.nan)
    got = compiler.jit(lambda z: tuple(fn(z) for fn in FUNCTIONS))(z)
    for fn, actual in zip(FUNCTIONS, got, strict=True):
        with np.errstate(all="ignore"):
            expected = fn(z)
        for part in ("real", "imag"):
            a, e = getattr(actual, part), getattr(expected, part)
            # The sum of two infinities or NaN may be anything that is one; of these C99 leaves the sign open as well.
            np.testing.assert_array_equal(np.isnan(a), np.isnan(e), err_msg=f"{fn.__name__}: NaN in {part}")
            np.testing.assert_array_equal(np.isinf(a), np.isinf(e), err_msg=f"{fn.__name__}: infinities in {part}")
            settled = np.isfinite(z) & np.isfinite(e)
            np.testing.assert_array_equal(
                np.signbit(a)[settled], np.signbit(e)[settled], err_msg=f"{fn.__name__}: signs of {part}"
            )


def exactly(fn: Any, z: complex, side: complex) -> mpmath.mpc:
    """`fn(z)` by mpmath; on branch cuts, which it has without signs of zeros, on the side of `side`."""
    value = fn(mpmath.mpc(z.real, z.imag))
    real = value.real if z.real else abs(value.real) * int(np.copysign(1, side.real))
    return mpmath.mpc(real, value.imag if z.imag else abs(value.imag) * int(np.copysign(1, side.imag)))


EXACT = {
    np.arcsin: mpmath.asin, np.arccos: mpmath.acos, np.arctan: mpmath.atan, np.arcsinh: mpmath.asinh, np.arccosh: mpmath.acosh,
    np.arctanh: mpmath.atanh, np.log: mpmath.log, np.log1p: mpmath.log1p, np.expm1: mpmath.expm1,
    np.log2: lambda z: mpmath.log(z) / mpmath.log(2), np.log10: lambda z: mpmath.log(z) / mpmath.log(10),
}  # fmt: skip


@dtypes
def test_functions_are_within_three_units_of_the_size_of_the_result(dtype: Any) -> None:
    eps = float(np.finfo(dtype).eps)
    around_circle = np.exp(1j * np.linspace(-3.1, 3.1, 17)) * (1 + 1e-5 * np.arange(17))
    z = np.concatenate([grid(dtype)[::3], sample(dtype, 60), 1 + eps**0.5 * sample(dtype, 20), around_circle]).astype(
        dtype
    )
    got = compiler.jit(lambda z: tuple(fn(z) for fn in EXACT))(z)
    with mpmath.workprec(1200):
        for (fn, exact), actual in zip(EXACT.items(), got, strict=True):
            bounded = abs(z.real) < 80 if fn is np.expm1 else abs(z) >= 0
            with np.errstate(all="ignore"):
                sides = fn(z)
            for place, value, side in zip(z[bounded], actual[bounded], sides[bounded], strict=True):
                if not np.isfinite(side):
                    continue
                want = exactly(exact, complex(place), complex(side))
                error = abs(mpmath.mpc(complex(value)) - want)
                assert error <= 3 * eps * abs(want) + np.finfo(dtype).tiny, (fn.__name__, place, value, want)


@dtypes
def test_powers_have_the_special_cases_of_numpy(dtype: Any) -> None:
    bases = [0, 1, -1, 1j, 1 + 1j, 2 - 0.5j, -0.25]
    exponents = [0, 1, 2, 3, 4, 5, 7, -1, -2, -3, 12, 64, 99, -99, 100, 0.5, -0.5, 1j, 1 + 1j, -1 + 1j, -2j, 2.5]
    x, y = (a.reshape(-1).astype(dtype) for a in np.meshgrid(bases, exponents))
    constants = [0, 1, 2, 3, 4, 5, 7, -1, -2, -3, 12, 99, -99, 0.5, -0.5, 2.5, 1j, -1j]

    def powers(x: Any, y: Any) -> Any:
        return (np.power(x, y), *(np.power(x, dtype.type(constant)) for constant in constants))

    with np.errstate(all="ignore"):
        expected = powers(x, y)
    got = compiler.jit(powers)(x, y)
    for exponent, a, e in zip(("y", *constants), got, expected, strict=True):
        tolerance = 400 * np.finfo(dtype).eps
        np.testing.assert_allclose(a, e, rtol=tolerance, atol=tolerance, err_msg=str(exponent))
    assert compiler.jit(np.power)(dtype.type(1 + 1j), dtype.type(4)) == -4
    infinite = np.array([complex(np.inf, 1), complex(1, -np.inf)], dtype)
    for n in (1, 2, 3):
        for actual in (
            compiler.jit(np.power)(infinite, np.full(2, n, dtype)),
            compiler.jit(lambda x, n=n: x**n)(infinite),
        ):
            with np.errstate(all="ignore"):
                np.testing.assert_array_equal(actual, infinite**n)


@dtypes
def test_products_and_quotients_are_those_of_numpy(dtype: Any) -> None:
    values = grid(dtype, np.inf, np.nan)[::23]
    x, y = (a.reshape(-1) for a in np.meshgrid(values, values))
    got = compiler.jit(lambda x, y: (x * y, x / y))(x, y)
    with np.errstate(all="ignore"):
        # One by one: NumPy's vector loop fuses products with sums, so that other results overflow.
        expected = np.array([a * b for a, b in zip(x, y, strict=True)]), x / y
    for actual, want in zip(got, expected, strict=True):
        for part in ("real", "imag"):
            np.testing.assert_allclose(
                getattr(actual, part), getattr(want, part), rtol=4 * np.finfo(dtype).eps, atol=4 * np.finfo(dtype).tiny
            )


@dtypes
def test_shapes_indexing_and_reductions(dtype: Any) -> None:
    def moves(x: Any, i: Any) -> Any:
        y = x.copy()
        y[1:3, ::2] = 1 + 2j
        y[i] = x[0]
        z = x.copy()
        np.add.at(z, i, x[:3])
        return (
            x.T, x[::-1, 1:6:2], x.reshape(7, 5), np.concatenate([x, x]), np.pad(x, 1), x[i], y, z, np.broadcast_to(x[0], (2, 7)),
            x.any(0), x.all(), np.count_nonzero(x, 1), x[i[0]], np.select([x.real > 1, x.imag > 0], [x, x.conj()], 1j), np.take(x, i, 1),
            np.take_along_axis(x, i[:, None], 0), np.flip(x), np.stack([x, -x]), np.round(x), np.array_equal(x, x), np.tril(x),
            np.isclose(x, x + 1), np.allclose(x, x),
        )  # fmt: skip

    def sums(x: Any, i: Any) -> Any:
        del i
        return (
            x.sum(), x.sum(1), x.mean(0), x.prod(1), x.prod(), np.cumsum(x, 1), np.cumprod(x, 0), x.var(0), x.std(1), np.linalg.norm(x),
            np.linalg.norm(x, axis=1), np.linalg.norm(x, 1), np.linalg.norm(x[0], np.inf), np.linalg.norm(x[0], 3), np.linalg.norm(x[0], 0),
            np.median(x, 0), np.median(x[:, :6], 1),
            np.cov(x), np.corrcoef(x[:3]), np.correlate(x[0], x[1], "full"), np.convolve(x[0], x[1]), np.gradient(x[0]), np.diff(x),
            np.interp(np.array([0.5, 2.2]), np.arange(7.0), x[0]), np.pad(x, 2, mode="linear_ramp"), np.pad(x, 1, mode="mean"),
            np.pad(x, 1, mode="reflect"), np.nansum(x), np.trapezoid(x), np.cumulative_prod(x[0]), np.round(x, 1),
            np.nan_to_num(x), np.isclose(x, x + 1e-9), np.average(x, 0),
        )  # fmt: skip

    x = sample(dtype, 5, 7)
    check(moves, x, np.array([3, 0, 2]))
    check(sums, x, np.array([3, 0, 2]), units=64)


@dtypes
@pytest.mark.parametrize("size", [3, 64])
def test_matrix_products(dtype: Any, size: int) -> None:
    x, y = sample(dtype, size, size), sample(dtype, size, size, seed=1)
    check(
        lambda x, y: (
            x @ y,
            np.einsum("ij,kj->ik", x, y),
            np.dot(x[0], y[0]),
            np.vdot(x, y),
            np.vecdot(x, y),
            np.inner(x, y),
            np.outer(x[0], y[0]),
            np.kron(x[:2, :2], y[:2, :2]),
            np.tensordot(x, y, 1),
            np.matvec(x, y[0]),
            np.vecmat(x[0], y),
            x.real @ y,
            np.einsum("ij,ji->", x, y.conj()),
        ),
        x,
        y,
        units=8 * size,
    )


def test_promotion_and_scalars() -> None:
    others = [np.bool_, np.int8, np.int32, np.uint16, np.float16, np.float32, np.float64, np.complex64]
    x = sample(np.complex64, 3)
    check(lambda x, *ys: [x + y for y in ys], x, *[np.ones(3, other) for other in others])
    check(lambda y, z: (y * 1j, y + (2 + 1j), z * 1j), np.ones(3, np.float32), np.ones(3, np.int64))
    (scalar,) = compiler.jit(lambda s, x: [s * x])(2 + 1j, x)
    assert scalar.dtype == np.complex64


@dtypes
def test_jvp_moves_along_complex_tangents(dtype: Any) -> None:
    def fn(z: Any) -> Any:
        return (
            np.exp(z) * z / (1 + z)
            + np.sin(z) * np.conj(z)
            + np.sqrt(z)
            + np.tanh(z)
            + np.log(z)
            + abs(z)
            + sum(inverses_and_relatives(z))
        )

    z, dz = sample(dtype, 9), sample(dtype, 9, seed=1)
    _, moved = compiler.jit(lambda z, dz: compiler.jvp(fn, (z,), (dz,)))(z, dz)
    wide, step = z.astype(np.complex128), 1e-6
    difference = (fn(wide + step * dz) - fn(wide - step * dz)) / (2 * step)
    np.testing.assert_allclose(moved, difference, rtol=1e-3 if dtype == np.complex64 else 1e-7, atol=1e-4)


@dtypes
def test_gradients_are_those_of_jax(dtype: Any) -> None:
    """`grad` of a real function of `x + iy` is `df/dx - i df/dy`."""

    def loss(z: Any, w: Any) -> Any:
        y = (w @ z) ** 2 / (2 + z * np.conj(z)) + np.prod(z) + np.cumprod(z)
        return np.sum(abs(y) ** 2) + np.sum(np.exp(z).real) + np.sum((z[::-1] * 1j).imag)

    z, w = sample(dtype, 4), sample(dtype, 4, 4, seed=1)
    slope = compiler.jit(compiler.grad(loss))(z, w)
    assert slope.dtype == dtype
    wide, step = z.astype(np.complex128), 1e-6
    want = np.empty(4, np.complex128)
    for i, unit in enumerate(np.eye(4)):
        along = [(loss(wide + step * d, w) - loss(wide - step * d, w)) / (2 * step) for d in (unit, 1j * unit)]
        want[i] = along[0] - 1j * along[1]
    np.testing.assert_allclose(
        slope, want, rtol=2e-3 if dtype == np.complex64 else 1e-6, atol=2e-3 if dtype == np.complex64 else 1e-6
    )
    with pytest.raises(
        compiler.DtypeError, match="expected a real floating-point scalar; take the derivative of a real"
    ):
        compiler.jit(compiler.grad(np.sum))(z)


def test_jacobians_need_a_promise() -> None:
    z = sample(np.complex128, 3)
    for jacobian in (compiler.jacfwd, compiler.jacrev):
        slopes = jacobian(lambda w: w * w, holomorphic=True)(z)
        np.testing.assert_allclose(slopes, np.diag(2 * z), atol=1e-14)
        with pytest.raises(compiler.DtypeError, match=r"complex128\[3\]; pass holomorphic=True if it is"):
            jacobian(lambda w: w * w)(z)
    curvature = compiler.hessian(lambda w: (w**3).sum(), holomorphic=True)(z)
    np.testing.assert_allclose(curvature, np.diag(6 * z), atol=1e-14)
    np.testing.assert_allclose(compiler.jacrev(lambda w: abs(w) ** 2)(z), np.diag(2 * z.conj()), atol=1e-14)


def test_statistics_and_filters() -> None:
    def functions(x: Any) -> Any:
        return (
            np.cov(x), np.corrcoef(x), np.correlate(x[0], x[1], "full"), np.correlate(x[0, :2], x[1], "same"), np.convolve(x[0], x[1]),
            *np.gradient(x), np.interp(np.array([0.1, 0.7]), np.array([0.0, 0.5, 1.0]), x[0, :3]), np.exp2(x), np.linspace(x[0], x[1], 5),
            np.linalg.matrix_power(x[:, :3], 3), np.linalg.multi_dot([x, x.T, x]), np.linalg.norm(x, "fro"), np.linalg.norm(x, 1),
        )  # fmt: skip

    check(functions, sample(np.complex128, 3, 4), units=32)


def test_vmap_and_loops() -> None:
    z = sample(np.complex128, 5, 3)
    got = compiler.jit(compiler.vmap(lambda v: (v * v.conj()).sum()))(z)
    np.testing.assert_allclose(got, (z * z.conj()).sum(1), rtol=1e-14)
    got = compiler.jit(lambda z: compiler.fori_loop(0, 5, lambda i, c: c * z[0, 0] + 1j, z))(z)
    want = z
    for _ in range(5):
        want = want * z[0, 0] + 1j
    np.testing.assert_allclose(got, want, rtol=1e-13)


def test_what_has_no_meaning_is_refused() -> None:
    z = sample(np.complex128, 3)
    for fn in (
        np.max,
        np.argmin,
        np.ptp,
        lambda x: x < 2,
        lambda x: np.searchsorted(x, x),
    ):
        with pytest.raises(compiler.DtypeError, match="complex numbers have no order: use their real parts or sizes"):
            compiler.jit(fn)(z)
    for fn in (
        np.floor,
        np.trunc,
        np.cbrt,
        np.fabs,
        np.signbit,
        lambda x: np.logaddexp(x, x),
        lambda x: np.hypot(x, x),
        lambda x: x % 2,
    ):
        with pytest.raises(compiler.DtypeError, match="NumPy does not define it for complex128"):
            compiler.jit(fn)(z)
    for fn in (
        lambda x: np.maximum(x, 1),
        lambda x: np.zeros_like(x).at[[0, 0]].multiply(x[:2]),
        np.unwrap,
        np.isneginf,
        compiler.special.erf,
        compiler.nn.sigmoid,
    ):
        with pytest.raises(compiler.DtypeError):
            compiler.jit(fn)(z)


def test_every_operation_that_takes_complex_numbers_has_a_form_for_them() -> None:
    taken: set[str] = set()
    missing: set[str] = set()
    for example in OP_EXAMPLES:
        if issubclass(example.op_type, MatrixOp):  # given to LAPACK as they are
            continue
        kinds = [{t, to_complex(t)} for t in example.operand_types]
        for types in itertools.product(*kinds):
            if not any(is_complex(t.element_type) for t in types):
                continue
            try:
                example.op_type.infer_type(types, example.properties)
            except VerifyException:
                continue
            taken.add(example.op_type.name)
            if example.op_type not in BY_PART and example.op_type not in FORMS:
                missing.add(example.op_type.name)
    assert len(taken) > 30
    assert not missing


def to_complex(operand_type: Any) -> Any:
    element = operand_type.element_type
    return tensor_type(ComplexType(element), operand_type.get_shape()) if element in {f32, f64} else operand_type


@dtypes
def test_code_for_complex_numbers_uses_vectors(dtype: Any) -> None:
    text = compiler.jit(lambda x, y: x * y + x).lower(sample(dtype, 1000), sample(dtype, 1000)).as_text("loops")
    assert "vector<" in text


@dtypes
def test_rint_rounds_both_parts_and_floor_is_refused(dtype: Any) -> None:
    x = np.array([2.5 + 1.5j, -0.5 - 2.5j, 1.2 + 0.7j, 3 - 0.4j], dtype)
    check(lambda x: (np.rint(x), np.round(x)), x)
    for function in (np.floor, np.ceil, np.trunc):
        with pytest.raises(compiler.DtypeError, match="NumPy does not define it"):
            compiler.jit(function)(x)


@dtypes
def test_zero_to_a_power_with_a_positive_real_part_is_zero(dtype: Any) -> None:
    y = np.array([1, 2.5, 1 + 1j, 0.5 - 3j], dtype)
    np.testing.assert_array_equal(compiler.jit(np.power)(np.zeros(4, dtype), y), np.zeros(4, dtype))
    assert np.isnan(compiler.jit(np.power)(np.zeros(2, dtype), np.array([-1 + 1j, 1j], dtype))).all()


@dtypes
def test_parts_are_views(dtype: Any) -> None:
    def fn(x: Any) -> Any:
        y, z, w = x.copy(), x.copy(), x.copy()
        y.real[:] = 1.5
        y.imag[1:] += x.real[1:]
        z.real, z.imag[0] = z.imag, 7
        np.real(w)[::2] = -1
        part = w.imag
        w *= 2
        return y, z, w, part, w.reshape(2, -1).real

    check(fn, sample(dtype, 6))


@dtypes
def test_inverse_functions_and_logarithms(dtype: Any) -> None:
    def everything(x: Any) -> Any:
        return (
            np.arcsin(x), np.arccos(x), np.arctan(x), np.arcsinh(x), np.arccosh(x), np.arctanh(x), np.expm1(x), np.exp2(x),
            np.log1p(x), np.log2(x), np.log10(x),
        )  # fmt: skip

    check(everything, sample(dtype, 41), units=16)
    check(everything, sample(dtype, 41) * 5, units=64)
    # Both sides of the branch cuts.
    cuts = [complex(re, im) for re in (2.5, -2.5, 0.25) for im in (0.0, -0.0)]
    cuts += [complex(re, im) for re in (0.0, -0.0) for im in (2.5, -2.5, 0.25)]
    check(everything, np.array(cuts, dtype), units=16)
    huge = np.array([1e30 + 1e30j, -1e30 + 1j, 1 + 1e30j, 1e30 - 0j], dtype)
    check(lambda x: (np.arcsin(x), np.arccosh(x), np.arctan(x), np.arctanh(x), np.log1p(x)), huge, units=16)
    infinite = np.array([np.inf, -np.inf], dtype)
    np.testing.assert_array_equal(compiler.jit(np.expm1)(infinite), np.array([np.inf, -1], dtype))
    # Near 0 to full precision, which NumPy's `log1p` is not.
    small = sample(dtype, 9) * 1e-6
    z = small.astype(np.complex128)
    for function, series in ((np.expm1, z + z**2 / 2 + z**3 / 6), (np.log1p, z - z**2 / 2 + z**3 / 3)):
        actual = compiler.jit(function)(small)
        for part in (np.real, np.imag):
            np.testing.assert_allclose(part(actual), part(series), rtol=16 * np.finfo(dtype).eps)


def test_derivatives_of_inverse_functions() -> None:
    x = sample(np.complex128, 7) * 0.7 + 0.1
    for function, slope in {
        np.arcsin: lambda x: 1 / np.sqrt(1 - x * x), np.arccos: lambda x: -1 / np.sqrt(1 - x * x),
        np.arctan: lambda x: 1 / (1 + x * x), np.arcsinh: lambda x: 1 / np.sqrt(1 + x * x),
        np.arctanh: lambda x: 1 / (1 - x * x), np.expm1: np.exp, np.log1p: lambda x: 1 / (1 + x),
        np.log2: lambda x: 1 / (x * np.log(2)), np.exp2: lambda x: np.log(2) * np.exp2(x),
    }.items():  # fmt: skip
        _, moved = compiler.jit(lambda x, f=function: compiler.jvp(f, (x,), (1j * x,)))(x)
        np.testing.assert_allclose(moved, 1j * x * slope(x), rtol=1e-12)
