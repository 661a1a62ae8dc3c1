"""`tanh`, `sinh`, `cosh` by exponentials, and `asinh`, `acosh`, `atanh` by logarithms; polynomials near zero."""

import math

from xdsl.ir import SSAValue

from passes.loops.math.exp import build_expm1_in_range, build_half_exp
from passes.loops.math.float_builder import FloatBuilder
from passes.loops.math.float_format import DOUBLE, SINGLE, FloatFormat
from passes.loops.math.log import build_log

SINH_TAIL: dict[FloatFormat, tuple[float, ...]] = {
    SINGLE: (
        0.1666671633720398,
        0.008330270648002625,
        0.00020373340521473438,
    ),
    DOUBLE: (
        0.16666666666666669,
        0.008333333333332912,
        0.00019841269841593408,
        2.7557319106758582e-06,
        2.5052130998208327e-08,
        1.605665922767689e-10,
        7.776597624860717e-13,
    ),
}
"""`sinh r = r + r³ tail(r²)` up to 1."""

ASINH_SPLIT = 0.53
ASINH_TAIL: dict[FloatFormat, tuple[float, ...]] = {
    SINGLE: (
        -0.16666628420352936,
        0.07497995346784592,
        -0.04429836943745613,
        0.027731705456972122,
        -0.01248190738260746,
    ),
    DOUBLE: (
        -0.16666666666663635,
        0.07499999999363896,
        -0.04464285667808146,
        0.030381927461110993,
        -0.022371796974805673,
        0.017347877647295912,
        -0.013921197529711033,
        0.011288162614899061,
        -0.008680184595908762,
        0.005410255989912011,
        -0.0019065879203422132,
    ),
}
"""`asinh r = r + r³ tail(r²)` up to `ASINH_SPLIT`."""

ACOSH_TAIL: dict[FloatFormat, tuple[float, ...]] = {
    SINGLE: (
        -0.08333321660757065,
        0.018746601417660713,
        -0.005547866690903902,
        0.0017600434366613626,
        -0.0004131945315748453,
    ),
    DOUBLE: (
        -0.08333333333332847,
        0.01874999999942782,
        -0.005580357119413304,
        0.0018988710475627679,
        -0.0006991242348020065,
        0.0002710936006274412,
        -0.00010888386278177618,
        4.4394431180772695e-05,
        -1.7400682566314307e-05,
        5.658955060869814e-06,
        -1.0667787671502504e-06,
    ),
}
"""`acosh(1 + t) = √(2t) (1 + t tail(t))` up to `t = ½`."""

ATANH_TAIL: dict[FloatFormat, tuple[float, ...]] = {
    SINGLE: (
        0.33333301544189453,
        0.2000245302915573,
        0.1422378420829773,
        0.11816410720348358,
        0.051603056490421295,
        0.17638073861598969,
    ),
    DOUBLE: (
        0.3333333333333399,
        0.19999999999794496,
        0.14285714308097414,
        0.11111109885440729,
        0.09090948579326996,
        0.07691492994790815,
        0.06677966280583869,
        0.05774210046180466,
        0.05983484276220174,
        0.01452267411159473,
        0.14503339369634996,
        -0.15304803950238535,
        0.22487475302894983,
    ),
}
"""`atanh r = r + r³ tail(r²)` up to ½."""


def expand_tanh(fb: FloatBuilder, x: SSAValue) -> SSAValue:
    """`tanh |x| = t / (t + 2)` with `t = e^(2|x|) - 1`, which keeps small numbers; then the sign of `x`."""
    magnitude = fb.abs(x)
    doubled = fb.at_most(fb.add(magnitude, magnitude), 44.0 if fb.is_double else 20.0)
    t = build_expm1_in_range(fb, doubled)
    return fb.copysign(fb.div(t, fb.add(t, 2.0)), x)


def expand_sinh(fb: FloatBuilder, x: SSAValue) -> SSAValue:
    """`½e^|x| - ½e^-|x|` beyond 1; then the sign of `x`."""
    magnitude = fb.abs(x)
    half = build_half_exp(fb, magnitude)
    far = fb.sub(half, fb.div(0.25, half))
    near = _odd(fb, magnitude, SINH_TAIL[fb.format])
    return fb.copysign(fb.select(fb.compare("ogt", magnitude, 1.0), far, near), x)


def expand_cosh(fb: FloatBuilder, x: SSAValue) -> SSAValue:
    """`½e^|x| + ½e^-|x|`."""
    half = build_half_exp(fb, fb.abs(x))
    return fb.add(half, fb.div(0.25, half))


def expand_asinh(fb: FloatBuilder, x: SSAValue) -> SSAValue:
    """`log(|x| + √(x² + 1))` with the sign of `x`."""
    magnitude = fb.abs(x)
    far = _log_of_sum(fb, magnitude, fb.sqrt(fb.fma(magnitude, magnitude, 1.0)), magnitude)
    near = _odd(fb, magnitude, ASINH_TAIL[fb.format])
    return fb.copysign(fb.select(fb.compare("ogt", magnitude, ASINH_SPLIT), far, near), x)


def expand_acosh(fb: FloatBuilder, x: SSAValue) -> SSAValue:
    """`log(x + √((x - 1)(x + 1)))`; from 1 to 1½ a polynomial times `√(2(x - 1))`."""
    t = fb.sub(x, 1.0)
    far = _log_of_sum(fb, fb.sqrt(fb.mul(t, fb.add(x, 1.0))), x, x)
    root = fb.sqrt(fb.add(t, t))
    near = fb.fma(fb.mul(root, t), fb.polynomial(t, ACOSH_TAIL[fb.format]), root)
    return fb.select(fb.compare("ogt", t, 0.5), far, near)


def expand_atanh(fb: FloatBuilder, x: SSAValue) -> SSAValue:
    """`½ log((1 + |x|) / (1 - |x|))` beyond ½; then the sign of `x`."""
    magnitude = fb.abs(x)
    quotient = fb.div(fb.add(magnitude, 1.0), fb.sub(1.0, magnitude))
    far = fb.mul(build_log(fb, quotient), 0.5)
    far = fb.select(fb.compare("ogt", magnitude, 1.0), math.nan, far)
    near = _odd(fb, magnitude, ATANH_TAIL[fb.format])
    return fb.copysign(fb.select(fb.compare("ogt", magnitude, 0.5), far, near), x)


def _odd(fb: FloatBuilder, x: SSAValue, tail: tuple[float, ...]) -> SSAValue:
    """`x + x³ tail(x²)`."""
    square = fb.mul(x, x)
    return fb.fma(fb.mul(fb.polynomial(square, tail), square), x, x)


def _log_of_sum(fb: FloatBuilder, smaller: SSAValue, larger: SSAValue, x: SSAValue) -> SSAValue:
    """`log(smaller + larger)` where `larger² - smaller² = 1`; `log 2x` where squares that differ by 1 are the same.

    What is lost in rounding the sum is given back to the logarithm: one over the sum is `larger - smaller`.
    """
    is_large = fb.compare("ogt", x, 2.0 ** (fb.format.mantissa_bits // 2 + 3))
    total = fb.add(larger, smaller)
    error = fb.add(fb.sub(larger, total), smaller)
    correction = fb.select(is_large, 0.0, fb.mul(error, fb.sub(larger, smaller)))
    return build_log(fb, fb.select(is_large, x, fb.mul(total, 0.5)), correction, twice=True)
