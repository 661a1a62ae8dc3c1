"""Derivatives of smooth functions at the points where their formulas change branches are those of the function."""

import numpy as np
import pytest

import compiler

POINTS = np.array([0.0, -0.0, 1.0, -1.0, 3.0, -3.0, 0.3, 40.0])


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def series(x):
    """`np.sinc` and two derivatives of it."""
    y = np.pi * np.where(x == 0, 1.0, x)
    first = np.pi * (np.cos(y) / y - np.sin(y) / y**2)
    second = np.pi**2 * (-np.sin(y) / y - 2 * np.cos(y) / y**2 + 2 * np.sin(y) / y**3)
    return np.sinc(x), np.where(x == 0, 0.0, first), np.where(x == 0, -(np.pi**2) / 3, second)


def slope(x):
    return sigmoid(x) * sigmoid(-x)


# Each function, and what its value and its first two derivatives are.
FUNCTIONS = {
    "log_sigmoid": (compiler.nn.log_sigmoid, lambda x: (np.log(sigmoid(x)), sigmoid(-x), -slope(x))),
    "log_expit": (compiler.special.log_expit, lambda x: (np.log(sigmoid(x)), sigmoid(-x), -slope(x))),
    "logaddexp": (lambda x: np.logaddexp(x, 3 - 2 * x), lambda x: (
        np.logaddexp(x, 3 - 2 * x), 3 * sigmoid(3 * x - 3) - 2, 9 * slope(3 * x - 3))),
    "logaddexp2": (lambda x: np.logaddexp2(x, 0.0), lambda x: (
        np.logaddexp2(x, 0.0), sigmoid(np.log(2) * x), np.log(2) * slope(np.log(2) * x))),
    "sinc": (np.sinc, series),
    "mod": (lambda x: np.mod(x, 3.0) ** 2, lambda x: (np.mod(x, 3.0) ** 2, 2 * np.mod(x, 3.0), 2 + 0 * x)),
    "mod by a negative number": (lambda x: np.mod(x, -3.0) ** 2, lambda x: (
        np.mod(x, -3.0) ** 2, 2 * np.mod(x, -3.0), 2 + 0 * x)),
    "mod of 1": (lambda x: np.mod(1.0, x + 4) + x**2, lambda x: (
        np.mod(1.0, x + 4) + x**2, 2 * x - np.floor(1 / (x + 4)), 2 + 0 * x)),
    "hypot": (lambda x: np.hypot(x, 1.0), lambda x: (np.hypot(x, 1), x / np.hypot(x, 1), np.hypot(x, 1) ** -3.0)),
    "abs of a complex number": (lambda x: abs(x + 1j), lambda x: (
        np.hypot(x, 1), x / np.hypot(x, 1), np.hypot(x, 1) ** -3.0)),
    "modf": (lambda x: np.modf(x)[0] ** 2, lambda x: (np.modf(x)[0] ** 2, 2 * np.modf(x)[0], 2 + 0 * x)),
    "ldexp": (lambda x: np.ldexp(x, 3) + x**2, lambda x: (8 * x + x**2, 8 + 2 * x, 2 + 0 * x)),
    "floor_divide": (lambda x: np.floor_divide(x, 0.5) * x, lambda x: (x // 0.5 * x, x // 0.5, 0 * x)),
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_derivatives_are_those_of_the_function(name):
    function, expected = FUNCTIONS[name]

    @compiler.jit
    def derivatives(x):
        first = compiler.grad(function)
        return function(x), compiler.vmap(first)(x), compiler.vmap(compiler.grad(first))(x)

    for actual, right in zip(derivatives(POINTS), expected(POINTS), strict=True):
        np.testing.assert_allclose(actual, right, rtol=1e-11, atol=1e-12)


def test_a_remainder_of_zero_has_the_sign_of_the_divisor():
    x, y = np.array([6.0, -6.0, 0.0, -0.0, 6.0, -6.0]), np.array([3.0, 3.0, 3.0, 3.0, -3.0, -3.0])
    actual = compiler.jit(np.mod)(x, y)
    np.testing.assert_array_equal(actual, 0.0)
    np.testing.assert_array_equal(np.signbit(actual), np.signbit(np.mod(x, y)))


def test_floor_divide_does_not_move_where_the_divisor_is_zero():
    gradients = compiler.grad(np.floor_divide, argnums=(0, 1))(1.0, 0.0)
    np.testing.assert_array_equal(gradients, (0.0, 0.0))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64], ids=str)
def test_sinc_of_zero_is_one(dtype):
    x = np.array([0.0, 1e-7, 6e-5, 0.25], dtype)
    actual = compiler.jit(np.sinc)(x)
    assert actual.dtype == dtype
    np.testing.assert_allclose(actual, np.sinc(x.astype(np.float64)), rtol=4 * np.finfo(dtype).eps)


def test_logaddexp_of_infinities():
    x, y = map(np.ravel, np.meshgrid([np.inf, -np.inf, np.nan, 1.0], [np.inf, -np.inf, np.nan, 1.0]))
    with np.errstate(invalid="ignore"):
        expected = np.logaddexp(x, y)
    np.testing.assert_array_equal(compiler.jit(np.logaddexp)(x, y), expected)
