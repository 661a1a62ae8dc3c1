"""Values of special functions in NumPy: what `dlc` and `special` operations mean, to some 1e-15.

They are written for clarity, one number at a time; compiled code has expansions of its own.
"""

import math
from collections.abc import Callable
from functools import partial
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510)
"""The Bernoulli numbers of even index, from the second."""


def _elementwise(function: Callable[..., float]) -> Callable[..., Array]:
    """`function` of f64 on arrays, in the dtype of the array."""
    ufunc = np.frompyfunc(function, 1, 1)

    def of_array(x: Array) -> Array:
        return np.asarray(ufunc(np.asarray(x, np.float64))).astype(x.dtype)

    return of_array


def _erfcx(x: float) -> float:
    if x < 2:
        try:
            return math.exp(x * x) * math.erfc(x)
        except OverflowError:
            return math.inf
    # The continued fraction of Laplace, from the inside.
    tail = x
    for k in range(120, 0, -1):
        tail = x + k / 2 / tail
    return 1 / (math.sqrt(math.pi) * tail)


def _erf_inv(x: float) -> float:
    if not abs(x) < 1:
        return math.copysign(math.inf, x) if abs(x) == 1 else math.nan
    if abs(x) > 0.5:
        return math.copysign(_erfc_inv_of_small(1 - abs(x)), x)
    z = x
    for _ in range(5):  # Newton's
        z -= (math.erf(z) - x) * math.sqrt(math.pi) / 2 * math.exp(z * z)
    return z


def _erfc_inv(x: float) -> float:
    if not 0 < x < 2:
        return {0.0: math.inf, 2.0: -math.inf}.get(x, math.nan)
    if 0.5 < x < 1.5:
        return -_erf_inv(x - 1)
    return _erfc_inv_of_small(x) if x < 1 else -_erfc_inv_of_small(2 - x)


def _erfc_inv_of_small(x: float) -> float:

    return -NormalDist().inv_cdf(max(x / 2, 5e-324)) / math.sqrt(2)


def _lgamma(x: float) -> float:
    try:
        return math.lgamma(x)
    except (OverflowError, ValueError):  # too large; a pole
        return math.inf


def _digamma(x: float) -> float:
    if x == 0:
        return -math.copysign(math.inf, x)
    if x < 0:
        fraction = x - np.rint(x)
        return math.nan if fraction == 0 or math.isinf(x) else _digamma(1 - x) - math.pi / math.tan(math.pi * fraction)
    total = 0.0
    while x < 10:
        total -= 1 / x
        x += 1
    series = sum(number / (2 * k) / x ** (2 * k) for k, number in enumerate(BERNOULLI, 1) if x < 1e20)
    return total + math.log(x) - 0.5 / x - series


def _polygamma(order: int, x: float) -> float:
    if x <= 0:
        fraction = x - np.rint(x)
        if fraction == 0 or math.isinf(x):
            return math.inf if order % 2 and not math.isinf(x) else math.nan
        cotangent = 1 / math.tan(math.pi * fraction)
        slope = sum(c * cotangent**k for k, c in enumerate(cotangent_derivative(order)))
        return (-1) ** order * _polygamma(order, 1 - x) - math.pi ** (order + 1) * slope
    total = 0.0
    while x < 10 + order:
        total += x ** -(order + 1)
        x += 1
    series = sum(c * x ** -(order + k) for k, c in zeta_series(order + 1).items())
    return -((-1.0) ** order) * math.factorial(order) * (total + series)


def zeta_series(s: int) -> dict[int, float]:
    """`c` with `Σ_(k ≥ 0) (x + k)**-s = Σ_k c[k] x**(1 - s - k)`, asymptotically (Euler and Maclaurin)."""
    terms = {0: 1 / (s - 1), 1: 0.5}
    rising = s / 2  # s (s + 1) … (s + 2j - 2) / (2j)!
    for j, number in enumerate(BERNOULLI, 1):
        terms[2 * j] = number * rising
        rising *= (s + 2 * j - 1) * (s + 2 * j) / ((2 * j + 1) * (2 * j + 2))
    return terms


def cotangent_derivative(order: int) -> list[int]:
    """The derivative of the cotangent of that order, as coefficients of powers of the cotangent."""
    coefficients = [0, 1]
    for _ in range(order):  # d cot u = -(1 + cot² u) du
        slopes = [k * c for k, c in enumerate(coefficients)][1:]
        coefficients = [-(a + b) for a, b in zip([*slopes, 0, 0], [0, 0, *slopes], strict=True)]
    return coefficients


def polygamma(order: int, x: Array) -> Array:
    """The derivative of the digamma function of that order."""
    return _elementwise(partial(_polygamma, order))(x)


erf = _elementwise(math.erf)
erfc = _elementwise(math.erfc)
erfcx = _elementwise(_erfcx)
erf_inv = _elementwise(_erf_inv)
erfc_inv = _elementwise(_erfc_inv)
lgamma = _elementwise(_lgamma)
digamma = _elementwise(_digamma)
