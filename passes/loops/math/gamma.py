"""`lgamma`, `digamma`, `polygamma`: a polynomial around 2, Stirling's series, recurrence and reflection."""

import math

from xdsl.ir import SSAValue

from dialects.special_values import cotangent_derivative, zeta_series
from passes.loops.math.float_builder import FloatBuilder
from passes.loops.math.float_format import DOUBLE, SINGLE, FloatFormat
from passes.loops.math.log import build_log, build_log_parts, expand_log
from passes.loops.math.trigonometric import build_cotangent_of_pi, build_sine_of_pi

NEAR_TWO: dict[FloatFormat, tuple[float, ...]] = {
    SINGLE: (
        0.42278432846069336,
        0.32246699929237366,
        -0.06735270470380783,
        0.020582914352416992,
        -0.007371330168098211,
        0.0028661396354436874,
        -0.0013007627567276359,
        0.0006024619797244668,
    ),
    DOUBLE: (
        0.42278433509846713,
        0.3224670334241132,
        -0.06735230105319617,
        0.020580808427777045,
        -0.007385551028885056,
        0.0028905103314376384,
        -0.0011927539025861113,
        0.0005096695023779662,
        -0.00022315495334610845,
        9.945787102924535e-05,
        -4.492392658698174e-05,
        2.050397650895872e-05,
        -9.455375257965601e-06,
        4.392030708794056e-06,
        -1.976501446189207e-06,
        9.026676614240561e-07,
        -5.789853236876077e-07,
        2.9557092282480305e-07,
    ),
}
"""`lgamma(2 + d) = d near(d)` for `|d| ≤ ½`."""

STIRLING_FROM = 4.5
STIRLING: dict[FloatFormat, tuple[float, ...]] = {
    SINGLE: (
        0.08333238214254379,
        -0.002721584402024746,
    ),
    DOUBLE: (
        0.08333333333329722,
        -0.002777777761610961,
        0.0007936482027189455,
        -0.0005950331449235523,
        0.0008327320394227864,
        -0.0016869666856784327,
        0.002983773763540805,
    ),
}
"""`lgamma x = (x - ½) log x - x + ½ log 2π + stirling(1 / x²) / x` from 4½ on."""

DIGAMMA_FROM = 4.0
DIGAMMA: dict[FloatFormat, tuple[float, ...]] = {
    SINGLE: (
        0.08332645893096924,
        -0.007996379397809505,
    ),
    DOUBLE: (
        0.08333333333319125,
        -0.008333333265218488,
        0.003968242330813774,
        -0.004165673953222001,
        0.007527298360739192,
        -0.019646541586355093,
        0.05600969338555563,
        -0.10483190185662528,
    ),
}
"""`digamma x = log x - 1 / (2x) - digamma(1 / x²) / x²` from 4 on."""


def expand_lgamma(fb: FloatBuilder, x: SSAValue) -> SSAValue:
    """`log |Γ(x)|`; for negative `x`, `-log |sin πx / π| - log Γ(1 - x)`, in a branch."""
    is_reflected = fb.compare("olt", x, 0.0)
    result = _lgamma_of_positive(fb, fb.select(is_reflected, fb.sub(1.0, x), x))

    def reflect(inner: FloatBuilder) -> tuple[SSAValue]:
        sine = build_sine_of_pi(inner, x)
        reflected = inner.sub(inner.neg(expand_log(inner, sine)), result)
        return (inner.select(is_reflected, reflected, result),)

    (reflected,) = fb.where_any(is_reflected, reflect, (result,))
    return fb.select(fb.compare("oeq", fb.abs(x), math.inf), math.inf, reflected)


def _lgamma_of_positive(fb: FloatBuilder, x: SSAValue) -> SSAValue:
    """`log Γ(x)` for `x ≥ 0`: below 4½, `Γ(x)` is `Γ(2 + d)` times or by up to two factors, whose logarithm is shared."""
    is_far = fb.compare("oge", x, STIRLING_FROM)
    n = fb.floor(fb.add(x, 0.5))
    d = fb.sub(x, n)
    is_below, is_above = fb.compare("olt", n, 1.5), fb.compare("ogt", n, 2.5)
    first = fb.select(is_above, fb.sub(x, 1.0), fb.select(is_below, x, 1.0))
    second = fb.select(fb.compare("olt", n, 0.5), fb.add(x, 1.0), 1.0)
    second = fb.select(fb.compare("ogt", n, 3.5), fb.sub(x, 2.0), second)
    high, low = build_log_parts(fb, fb.select(is_far, x, fb.mul(first, second)))
    sign = fb.select(is_below, -1.0, 1.0)
    near = fb.fma(fb.polynomial(d, NEAR_TWO[fb.format]), d, fb.mul(high, sign))
    near = fb.fma(low, sign, near)
    inverse = fb.div(1.0, x)
    series = fb.polynomial(fb.mul(inverse, inverse), STIRLING[fb.format])
    factor = fb.sub(x, 0.5)
    rest = fb.fma(factor, low, fb.fma(series, inverse, 0.5 * math.log(2 * math.pi)))
    far = fb.add(fb.fma(factor, high, fb.neg(x)), rest)
    return fb.select(is_far, far, near)


def expand_digamma(fb: FloatBuilder, x: SSAValue) -> SSAValue:
    """`Γ'(x) / Γ(x)`; for negative `x`, `digamma(1 - x) - π cot πx`, in a branch."""
    is_reflected = fb.compare("olt", x, 0.0)
    result = _digamma_of_positive(fb, fb.select(is_reflected, fb.sub(1.0, x), x))

    def reflect(inner: FloatBuilder) -> tuple[SSAValue]:
        reflected = inner.fma(build_cotangent_of_pi(inner, x), -math.pi, result)
        return (inner.select(is_reflected, reflected, result),)

    return fb.where_any(is_reflected, reflect, (result,))[0]


def _digamma_of_positive(fb: FloatBuilder, x: SSAValue) -> SSAValue:
    """Below 4, `digamma(x + 4) - (3m² - 1) / (m (m² - 1)) - 1/x`: the quotient is `Σ 1/(x + k)` around `m = x + 2`."""
    is_near = fb.compare("olt", x, DIGAMMA_FROM)
    shifted = fb.select(is_near, fb.add(x, 4.0), x)
    inverse = fb.div(1.0, shifted)
    square = fb.mul(inverse, inverse)
    rest = fb.fma(inverse, 0.5, fb.mul(square, fb.polynomial(square, DIGAMMA[fb.format])))
    far = fb.sub(build_log(fb, shifted), rest)
    m = fb.add(x, 2.0)
    middle = fb.mul(m, m)
    three = fb.div(fb.fma(middle, 3.0, -1.0), fb.mul(m, fb.sub(middle, 1.0)))
    return fb.select(is_near, fb.sub(fb.sub(far, three), fb.div(1.0, x)), far)


def expand_polygamma(fb: FloatBuilder, x: SSAValue, order: int) -> SSAValue:
    """`±n! Σ_(k ≥ 0) (x + k)^-(n + 1)`: some terms, and the rest by the series of Euler and Maclaurin.

    For negative `x`, `±polygamma(n, 1 - x)` less `π^(n + 1)` times a polynomial in `cot πx`, in a branch.
    """
    is_reflected = fb.compare("olt", x, 0.0)
    y = fb.select(is_reflected, fb.sub(1.0, x), x)
    total = _inverse_power(fb, y, order + 1)
    steps = (10 if fb.is_double else 5) + order // 2
    for k in range(1, steps):
        total = fb.add(total, _inverse_power(fb, fb.add(y, float(k)), order + 1))
    inverse = fb.div(1.0, fb.add(y, float(steps)))
    terms = zeta_series(order + 1)
    even = tuple(terms[2 * j] for j in range(1, 9 if fb.is_double else 5))
    series = fb.fma(fb.polynomial(fb.mul(inverse, inverse), even), inverse, terms[1])
    series = fb.fma(series, inverse, terms[0])
    total = fb.fma(series, _power(fb, inverse, order), total)
    result = fb.mul(total, -((-1.0) ** order) * math.factorial(order))

    def reflect(inner: FloatBuilder) -> tuple[SSAValue]:
        cotangent = build_cotangent_of_pi(inner, x)
        slope = inner.polynomial(cotangent, tuple(map(float, cotangent_derivative(order))))
        mirrored = inner.neg(result) if order % 2 else result
        reflected = inner.fma(slope, -(math.pi ** (order + 1)), mirrored)
        if order % 2:  # poles of even order have a limit
            is_pole = inner.both(inner.compare("oeq", x, inner.round(x)), inner.compare("ogt", x, -math.inf))
            reflected = inner.select(is_pole, math.inf, reflected)
        return (inner.select(is_reflected, reflected, result),)

    return fb.where_any(is_reflected, reflect, (result,))[0]


def _inverse_power(fb: FloatBuilder, x: SSAValue, exponent: int) -> SSAValue:
    return fb.div(1.0, _power(fb, x, exponent))


def _power(fb: FloatBuilder, x: SSAValue, exponent: int) -> SSAValue:
    result: SSAValue | None = None
    while exponent:
        if exponent & 1:
            result = x if result is None else fb.mul(result, x)
        exponent >>= 1
        if exponent:
            x = fb.mul(x, x)
    assert result is not None
    return result
