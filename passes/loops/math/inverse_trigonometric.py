"""`asin`, `acos`, `atan`, `atan2`: an odd polynomial on `[0, ½]`, and identities that lead there."""

import math

from xdsl.ir import SSAValue

from passes.loops.math.float_builder import FloatBuilder
from passes.loops.math.float_format import DOUBLE, SINGLE, FloatFormat

ASIN_TAIL: dict[FloatFormat, tuple[float, ...]] = {
    SINGLE: (
        0.16666752099990845,
        0.074953094124794,
        0.045469146221876144,
        0.0241848211735487,
        0.04215819016098976,
    ),
    DOUBLE: (
        0.16666666666665408,
        0.07500000000337094,
        0.0446428568282802,
        0.03038195913850823,
        0.022371758020612642,
        0.017359705134592392,
        0.013885232404569148,
        0.012169228497738967,
        0.006527914012804447,
        0.019528406098024843,
        -0.016224438225569984,
        0.03191237585858401,
    ),
}
"""`asin r = r + r³ tail(r²)` up to ½."""

ATAN_TAIL: dict[FloatFormat, tuple[float, ...]] = {
    SINGLE: (
        -0.3333323299884796,
        0.19994166493415833,
        -0.14174173772335052,
        0.10155516862869263,
        -0.051243800669908524,
    ),
    DOUBLE: (
        -0.3333333333333298,
        0.199999999999031,
        -0.1428571427638451,
        0.11111110659555468,
        -0.09090896242271604,
        0.07692073868309013,
        -0.06663810117572402,
        0.05858295269281941,
        -0.05121988579632694,
        0.041864536194572324,
        -0.027434102276583203,
        0.010116233998161592,
    ),
}
"""`atan r = r + r³ tail(r²)` up to ½."""

QUARTER_PI: dict[FloatFormat, tuple[float, float]] = {
    SINGLE: (0.7853981852531433, -2.1855694143368964e-08),
    DOUBLE: (0.7853981633974483, 3.061616997868383e-17),
}
"""¼π as a number of the format, and what is left of it."""


def expand_asin(fb: FloatBuilder, x: SSAValue) -> SSAValue:
    """Beyond ½, `asin x = ½π - 2 asin √(½(1 - x))`."""
    is_far, root, root_low, near = _asin_parts(fb, x)
    high, low = (2.0 * part for part in QUARTER_PI[fb.format])
    # The largest term comes last, and the rounding of the root is made up for: it counts double near ½.
    rest = fb.fma(fb.add(root_low, near), -2.0, low)
    far = fb.add(fb.fma(root, -2.0, high), rest)
    return fb.copysign(fb.select(is_far, far, fb.add(fb.abs(x), near)), x)


def expand_acos(fb: FloatBuilder, x: SSAValue) -> SSAValue:
    """`½π - asin x` up to ½; beyond, `acos x = 2 asin √(½(1 - x))`, and `acos -x = π - acos x`."""
    is_far, root, root_low, near = _asin_parts(fb, x)
    high, low = (2.0 * part for part in QUARTER_PI[fb.format])
    is_negative = fb.compare("olt", x, 0.0)
    tail = fb.add(root_low, near)
    positive = fb.mul(fb.add(root, tail), 2.0)
    negative = fb.add(fb.fma(root, -2.0, 2.0 * high), fb.fma(tail, -2.0, 2.0 * low))
    far = fb.select(is_negative, negative, positive)
    middle = fb.sub(high, fb.sub(x, fb.sub(low, fb.copysign(near, x))))
    return fb.select(is_far, far, middle)


def _asin_parts(fb: FloatBuilder, x: SSAValue) -> tuple[SSAValue, SSAValue, SSAValue, SSAValue]:
    """Whether `|x| > ½`, the root of `½(1 - |x|)` there and its rounding error, and `asin r - r` of that or of `|x|`."""
    magnitude = fb.abs(x)
    is_far = fb.compare("ogt", magnitude, 0.5)
    rest = fb.fma(magnitude, -0.5, 0.5)
    root = fb.sqrt(rest)
    # Of the error, a small part of the root, some digits are enough.
    inverse = fb.reciprocal(fb.add(root, root), 2.0**-fb.format.mantissa_bits, 2.0, accuracy=0.01)
    error = fb.mul(fb.fma(fb.neg(root), root, rest), inverse)
    root_low = fb.select(fb.compare("ogt", rest, 0.0), error, 0.0)
    r = fb.select(is_far, root, magnitude)
    square = fb.select(is_far, rest, fb.mul(magnitude, magnitude))
    return is_far, root, root_low, fb.mul(fb.mul(fb.polynomial(square, ASIN_TAIL[fb.format]), square), r)


def expand_atan(fb: FloatBuilder, x: SSAValue) -> SSAValue:
    """`½π - atan(1 / |x|)` beyond 1; then the sign of `x`."""
    magnitude = fb.abs(x)
    is_steep = fb.compare("ogt", magnitude, 1.0)
    smaller, larger = fb.select(is_steep, 1.0, magnitude), fb.select(is_steep, magnitude, 1.0)
    quarters, sign = fb.select(is_steep, 2.0, 0.0), fb.select(is_steep, -1.0, 1.0)
    return fb.copysign(_angle(fb, smaller, larger, quarters, sign), x)


def expand_atan2(fb: FloatBuilder, y: SSAValue, x: SSAValue) -> SSAValue:
    """`atan(y / x)` in the quadrant of `(x, y)`; the exceptions are those of C99 annex F."""
    height, width = fb.abs(y), fb.abs(x)
    is_steep = fb.compare("ogt", height, width)
    smaller, larger = fb.select(is_steep, width, height), fb.select(is_steep, height, width)
    # Two infinities make the angle of two ones; two zeros that of 0 and 1.
    both_infinite = fb.compare("oeq", smaller, math.inf)
    smaller, larger = fb.select(both_infinite, 1.0, smaller), fb.select(both_infinite, 1.0, larger)
    larger = fb.select(fb.compare("oeq", larger, 0.0), 1.0, larger)
    # The sum of the two must not overflow.
    scale = fb.select(fb.compare("ogt", larger, 2.0 ** (fb.format.bias - 1)), 0.25, 1.0)
    smaller, larger = fb.mul(smaller, scale), fb.mul(larger, scale)
    # With a = atan(smaller / larger): steep ½π - a, left π - a, both ½π + a.
    is_left = fb.compare("olt", fb.copysign(1.0, x), 0.0)
    quarters = fb.select(is_steep, 2.0, fb.select(is_left, 4.0, 0.0))
    sign = fb.select(is_steep, fb.select(is_left, 1.0, -1.0), fb.select(is_left, -1.0, 1.0))
    result = fb.copysign(_angle(fb, smaller, larger, quarters, sign), y)
    return fb.select(fb.compare("uno", x, y), math.nan, result)


def _angle(fb: FloatBuilder, smaller: SSAValue, larger: SSAValue, quarters: SSAValue, sign: SSAValue) -> SSAValue:
    """`quarters ¼π + sign atan(smaller / larger)`, for `0 ≤ smaller ≤ larger`.

    Beyond ½, `atan(a / b) = ¼π + atan((a - b) / (a + b))`; either way there is one quotient, and `a - b` is exact.
    """
    quarter_high, quarter_low = QUARTER_PI[fb.format]
    is_far = fb.compare("ogt", fb.add(smaller, smaller), larger)
    numerator = fb.select(is_far, fb.sub(smaller, larger), smaller)
    denominator = fb.select(is_far, fb.add(smaller, larger), larger)
    angle = fb.mul(fb.div(numerator, denominator), sign)
    square = fb.mul(angle, angle)
    tail = fb.mul(fb.mul(fb.polynomial(square, ATAN_TAIL[fb.format]), square), angle)
    # The sum of all terms is rounded about once: the largest goes first, and its rounding errors join the smallest.
    quarters = fb.add(quarters, fb.select(is_far, sign, 0.0))
    high = fb.mul(quarters, quarter_high)
    low = fb.fma(quarters, quarter_low, fb.fma(quarters, quarter_high, fb.neg(high)))
    total = fb.add(high, angle)
    error = fb.add(fb.sub(high, total), angle)
    return fb.add(total, fb.add(fb.add(low, tail), error))
