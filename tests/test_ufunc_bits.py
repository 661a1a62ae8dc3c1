"""NumPy's functions on the bits of numbers, compiled: exact on all exponents, and `hypot` on all of them close to it."""

from typing import Any

import mpmath
import numpy as np
import pytest
from math_runner import error_in_ulps

import compiler


def numbers(dtype: Any) -> tuple[Any, Any]:
    """Pairs of random numbers of all exponents, and of special ones."""
    rng = np.random.default_rng(0)
    unsigned = np.dtype(f"u{np.dtype(dtype).itemsize}")
    x = rng.integers(0, np.iinfo(unsigned).max, 4000, unsigned, endpoint=True).view(dtype)
    limits = np.finfo(dtype)
    edges = [limits.max, limits.tiny, limits.smallest_subnormal, limits.eps, 0.0, 1.0, 0.5, 2.0, np.inf, np.nan]
    special = np.array([sign * edge for edge in edges for sign in (1, -1)], dtype)
    rows, columns = np.meshgrid(special, special)
    return np.concatenate([x, rows.ravel()]), np.concatenate([rng.permutation(x), columns.ravel()])


def assert_identical(actual: Any, expected: Any) -> None:
    """The same numbers, with the signs of zeros; NaN is NaN."""
    assert actual.dtype == expected.dtype
    np.testing.assert_array_equal(actual, expected)
    if actual.dtype.kind == "f":
        signed = ~np.isnan(expected)
        np.testing.assert_array_equal(np.signbit(actual)[signed], np.signbit(expected)[signed])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_parts_and_neighbours_of_floats_are_exact(dtype: Any) -> None:
    def parts(x: Any, y: Any, n: Any) -> Any:
        return (
            *(np.nextafter(x, y), np.spacing(x), *np.frexp(x), np.ldexp(x, n), np.copysign(x, y), np.signbit(x)),
            *(*np.modf(x), np.trunc(x), np.floor(x)),
        )

    x, y = numbers(dtype)
    n = np.random.default_rng(1).integers(-2200, 2200, x.size).astype(np.int32)
    n[::2] //= 20
    with np.errstate(all="ignore"):
        expected = parts(x, y, n)
    for actual, wanted in zip(compiler.jit(parts)(x, y, n), expected, strict=True):
        assert_identical(actual, wanted)


@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.uint8])
def test_shifts_beyond_the_width_leave_nothing_or_the_sign(dtype: Any) -> None:
    def shifts(x: Any, count: Any) -> Any:
        return x << count, x >> count, np.bitwise_count(x)

    rng = np.random.default_rng(2)
    limits = np.iinfo(dtype)
    x = rng.integers(limits.min, limits.max, 1000, dtype, endpoint=True)
    count = rng.integers(0, 70, 1000).astype(dtype)
    for actual, wanted in zip(compiler.jit(shifts)(x, count), shifts(x, count), strict=True):
        assert_identical(actual, wanted)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_hypot_neither_overflows_nor_vanishes(dtype: Any) -> None:
    x, y = numbers(dtype)
    with np.errstate(all="ignore"):
        y[::3] = x[::3] * dtype(0.75)
        is_finite = np.isfinite(x) & np.isfinite(y)
        infinite = np.isinf(x) | np.isinf(y)
    actual = compiler.jit(np.hypot)(x, y)
    assert np.isposinf(actual[infinite]).all()
    with mpmath.workprec(200):
        for a, b, c in zip(x[is_finite], y[is_finite], actual[is_finite], strict=True):
            assert error_in_ulps(c, mpmath.hypot(float(a), float(b)), dtype) <= 3, (a, b)
