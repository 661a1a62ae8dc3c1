"""`sin`, `cos`: reduction to `[-½π, ½π]` in f64, one odd polynomial, and the sign of the quotient's parity.

`tan`: reduction to `[-¼π, ¼π]`, an odd polynomial, and one over it where the quotient is odd.

Reduction is exact for every finite argument: with fma and π in parts up to 2^40, and beyond with the bits of 1/π that
matter for the exponent at hand (Payne and Hanek), in a branch that is taken if any element is that large. A single is
reduced in its own format up to 2^15, beyond as a double, in a branch too.
"""

import math

from xdsl.ir import SSAValue

from passes.loops.math.argument_reduction import build_large_reduction
from passes.loops.math.float_builder import FloatBuilder
from passes.loops.math.float_format import DOUBLE, SINGLE

INVERSE_PI = 0.3183098861837907
PI_PARTS = (3.141592653589793, 1.2246467991473532e-16, -2.9947698097183397e-33)
LARGE = 2.0**40

PI_PARTS_SINGLE = (3.140625, 0.0009670257568359375, 6.2771141529083252e-07, 1.2154201256553421e-10)
"""The products of the first three with integers up to 2^14 are exact."""

LARGE_SINGLE = 2.0**15

SIN_TAIL: dict[object, tuple[float, ...]] = {
    SINGLE: (
        -0.16666659712791443,
        0.008333069272339344,
        -0.00019809776858892292,
        2.606095677037956e-06,
    ),
    DOUBLE: (
        -0.16666666666666666,
        0.008333333333333207,
        -0.0001984126984121248,
        2.755731921156934e-06,
        -2.505210690438239e-08,
        1.6058940998224317e-10,
        -7.64301919650038e-13,
        2.7214168366946244e-15,
    ),
}
"""`sin r = r + r³ tail(r²)`."""


TAN_TAIL: dict[object, tuple[float, ...]] = {
    SINGLE: (
        0.33333155512809753,
        0.13338840007781982,
        0.053407616913318634,
        0.024443984031677246,
        0.0030967388302087784,
        0.009399600327014923,
    ),
    DOUBLE: (
        0.33333333333332765,
        0.13333333333416347,
        0.05396825392584338,
        0.02186948962878631,
        0.008863218885141856,
        0.0035922916014568154,
        0.001454742607937222,
        0.000595129533708767,
        0.0002221882312520512,
        0.00013692134400960143,
        -2.6945737566089872e-05,
        8.996816080913217e-05,
        -4.5155859456249046e-05,
        2.0930631423283893e-05,
    ),
}
"""`tan r = r + r³ tail(r²)` up to ¼π."""


def expand_sin(fb: FloatBuilder, x: SSAValue) -> SSAValue:
    """`sin x = (-1)^q sin(x - q π)` with the integer `q = round(x / π)`."""
    # Arithmetic loses the sign of -0, because the terms of the series have alternating signs.
    return fb.select(fb.compare("oeq", x, 0.0), x, _expand(fb, x, cosine=False))


def expand_cos(fb: FloatBuilder, x: SSAValue) -> SSAValue:
    """`cos x = (-1)^q sin(x - (q - ½) π)` with the integer `q = round(x / π + ½)`."""
    return _expand(fb, x, cosine=True)


def expand_tan(fb: FloatBuilder, x: SSAValue) -> SSAValue:
    """`tan x = tan(x - ½q π)` for even `q = round(2x / π)`, `-1 / tan(x - ½q π)` for odd."""
    r, parity = _reduce(fb, x, halves=True)
    square = fb.mul(r, r)
    tangent = fb.fma(fb.mul(square, fb.polynomial(square, TAN_TAIL[fb.format])), r, r)
    is_odd = fb.int_compare("ne", fb.int_and(parity, 1), 0)
    result = fb.div(fb.select(is_odd, -1.0, tangent), fb.select(is_odd, tangent, 1.0))
    return fb.select(fb.compare("oeq", x, 0.0), x, result)


def _expand(fb: FloatBuilder, x: SSAValue, cosine: bool) -> SSAValue:
    r, parity = _reduce(fb, x, cosine)
    square = fb.mul(r, r)
    sine = fb.fma(fb.mul(square, fb.polynomial(square, SIN_TAIL[fb.format])), r, r)
    sign = fb.shift_left(parity, fb.format.width - 1)
    return fb.from_bits(fb.int_xor(fb.bits(sine), sign))


def _reduce(fb: FloatBuilder, x: SSAValue, cosine: bool = False, halves: bool = False) -> tuple[SSAValue, SSAValue]:
    """The reduced argument, and an integer with the parity of the quotient in its lowest bit.

    `cosine` and `halves` are those of `build_large_reduction`.
    """
    if fb.is_double:
        return _reduce_double(fb, x, cosine, halves, single=False)
    r, parity = _reduce_by_parts(fb, x, PI_PARTS_SINGLE, cosine, halves)
    is_large = fb.both(fb.compare("ogt", fb.abs(x), LARGE_SINGLE), fb.compare("olt", fb.abs(x), math.inf))

    def reduce_as_double(inner: FloatBuilder) -> tuple[SSAValue, SSAValue]:
        wide_r, wide_parity = _reduce_double(inner.as_double(), inner.widened(x), cosine, halves, single=True)
        narrow_r, narrow_parity = inner.narrowed(wide_r), inner.narrowed_bits(wide_parity)
        return inner.select(is_large, narrow_r, r), inner.int_select(is_large, narrow_parity, parity)

    reduced = fb.where_any(is_large, reduce_as_double, (r, parity))
    return reduced[0], reduced[1]


def _reduce_by_parts(
    fb: FloatBuilder, x: SSAValue, parts: tuple[float, ...], cosine: bool, halves: bool
) -> tuple[SSAValue, SSAValue]:
    """`_reduce` where the products of the quotient with the first parts of π, but for one, are exact."""
    scale = 2 * INVERSE_PI if halves else INVERSE_PI
    quotient = fb.fma(x, scale, 0.5) if cosine else fb.mul(x, scale)
    shifted = fb.add(quotient, fb.format.magic)
    q = fb.sub(shifted, fb.format.magic)
    multiple = fb.sub(0.5, q) if cosine else fb.mul(q, -0.5) if halves else fb.neg(q)
    r = x
    for part in parts:
        r = fb.fma(multiple, part, r)
    return r, fb.bits(shifted)


def _reduce_double(
    fb: FloatBuilder, x: SSAValue, cosine: bool, halves: bool, single: bool
) -> tuple[SSAValue, SSAValue]:
    # The first step is exact: both terms are multiples of 2^-52, and the result is less than 2. The others round once.
    r, parity = _reduce_by_parts(fb, x, PI_PARTS[: 2 if single else 3], cosine, halves)
    magnitude = fb.abs(x)
    is_large = fb.both(fb.compare("ogt", magnitude, LARGE), fb.compare("olt", magnitude, math.inf))

    def reduce_large(inner: FloatBuilder) -> tuple[SSAValue, SSAValue]:
        large_r, large_parity = build_large_reduction(inner, x, single, cosine, halves)
        return inner.select(is_large, large_r, r), inner.int_select(is_large, large_parity, parity)

    reduced = fb.where_any(is_large, reduce_large, (r, parity))
    return reduced[0], reduced[1]


def build_sine_of_pi(fb: FloatBuilder, x: SSAValue) -> SSAValue:
    """`|sin πx| / π`; exactly 0 for integers."""
    fraction = fb.abs(fb.sub(x, fb.round(x)))
    r = fb.mul(fraction, math.pi)
    square = fb.mul(r, r)
    return fb.fma(fb.mul(square, fb.polynomial(square, SIN_TAIL[fb.format])), fraction, fraction)


def build_cotangent_of_pi(fb: FloatBuilder, x: SSAValue) -> SSAValue:
    """`cot πx`; NaN for integers."""
    fraction = fb.sub(x, fb.round(x))
    magnitude = fb.abs(fraction)
    is_far = fb.compare("ogt", magnitude, 0.25)
    r = fb.mul(fb.select(is_far, fb.sub(0.5, magnitude), magnitude), math.pi)
    square = fb.mul(r, r)
    tangent = fb.fma(fb.mul(square, fb.polynomial(square, TAN_TAIL[fb.format])), r, r)
    result = fb.select(is_far, tangent, fb.div(1.0, tangent))
    return fb.select(fb.compare("oeq", magnitude, 0.0), math.nan, fb.copysign(result, fraction))
