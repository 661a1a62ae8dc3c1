"""Values of special functions in NumPy: what `dlc` and `special` operations mean, to some 1e-15.

They are written for clarity, one number at a time; compiled code has expansions of its own.
"""

import math
from collections.abc import Callable
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

_BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510)
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
    series = sum(number / (2 * k) / x ** (2 * k) for k, number in enumerate(_BERNOULLI, 1) if x < 1e20)
    return total + math.log(x) - 0.5 / x - series


erf = _elementwise(math.erf)
erfc = _elementwise(math.erfc)
erfcx = _elementwise(_erfcx)
erf_inv = _elementwise(_erf_inv)
erfc_inv = _elementwise(_erfc_inv)
lgamma = _elementwise(_lgamma)
digamma = _elementwise(_digamma)
