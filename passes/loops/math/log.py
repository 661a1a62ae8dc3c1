"""`log`, `log1p`, `log2`, `log10`: `x = 2^e (1 + f)` with `1 + f` in `[¾, 1½)`, and a polynomial in `f`.

That takes as many terms as the range around 1 has octaves, but no division, and terms that do not wait for one another.
"""

import math
from dataclasses import dataclass

from xdsl.ir import SSAValue

from passes.loops.math.float_builder import FloatBuilder
from passes.loops.math.float_format import DOUBLE, SINGLE

LOWEST = 0.75


@dataclass(frozen=True)
class LogFormat:
    """Constants as the sum of a number of the format and a small correction, and the polynomials."""

    ln2_high: float
    ln2_low: float
    log10_2_high: float
    log10_2_low: float
    log10_e_high: float
    log10_e_low: float
    tail: tuple[float, ...]
    """`log(1 + f) = f + f² tail(f)`."""
    log2_ratio: tuple[float, ...]
    """`log2(1 + f) = f log2_ratio(f)`."""


FORMATS = {
    SINGLE: LogFormat(
        ln2_high=0.6931471824645996,
        ln2_low=-1.904654299957768e-09,
        log10_2_high=0.3010299801826477,
        log10_2_low=1.5481333548450493e-08,
        log10_e_high=0.4342944920063019,
        log10_e_low=-1.0103049952192578e-08,
        tail=(
            -0.5,
            0.3333345055580139,
            -0.2500009536743164,
            0.19990773499011993,
            -0.16647224128246307,
            0.14479710161685944,
            -0.13163632154464722,
            0.10459797084331512,
            -0.045005664229393005,
        ),
        log2_ratio=(
            1.4426950216293335,
            -0.7213475108146667,
            0.4809044599533081,
            -0.3606823682785034,
            0.28823933005332947,
            -0.2397526055574417,
            0.21037639677524567,
            -0.19525747001171112,
            0.15364055335521698,
            -0.062260013073682785,
        ),
    ),
    DOUBLE: LogFormat(
        ln2_high=0.6931471805599453,
        ln2_low=2.3190468138462996e-17,
        log10_2_high=0.30102999566398114,
        log10_2_low=5.270742310347266e-17,
        log10_e_high=0.4342944819032518,
        log10_e_low=1.098319650216765e-17,
        tail=(
            -0.4999999999999997,
            0.3333333333333395,
            -0.2500000000001966,
            0.19999999999816004,
            -0.16666666662745505,
            0.1428571430137984,
            -0.1250000035034878,
            0.11111110798814162,
            -0.09999983742444087,
            0.09090889594112855,
            -0.08333732209790665,
            0.07693482148501012,
            -0.07138424272572087,
            0.06642264583826579,
            -0.062490785254839656,
            0.06087249902450485,
            -0.059778295455425394,
            0.05075560536674995,
            -0.029363816339752772,
            0.00806002530763179,
        ),
        log2_ratio=(
            1.4426950408889634,
            -0.7213475204444817,
            0.48089834696301925,
            -0.36067376022230085,
            0.2885390081698289,
            -0.2404491734550791,
            0.20609929230643884,
            -0.18033688373905213,
            0.1602994174325372,
            -0.14426928302819633,
            0.13115458195977747,
            -0.12023127409538807,
            0.11098207534002051,
            -0.10295385063023856,
            0.09589101308276393,
            -0.09052811314327798,
            0.08809710028631149,
            -0.08497042461165075,
            0.069892465883968,
            -0.03915424529265132,
            0.010475412710611566,
        ),
    ),
}


def expand_log(fb: FloatBuilder, x: SSAValue, subnormals: bool = True) -> SSAValue:
    """`log x = e ln 2 + log(1 + f)`; without `subnormals` they may count as zero, here and in the next two."""
    e, f = split(fb, x, subnormals)
    return _with_limits_of_parts(fb, x, _log_of_parts(fb, e, f), subnormals)


def expand_log2(fb: FloatBuilder, x: SSAValue, subnormals: bool = True) -> SSAValue:
    """`log2 x = e + log2(1 + f)`."""
    first, *others = FORMATS[fb.format].log2_ratio
    e, f = split(fb, x, subnormals)
    # The larger product is not rounded on its own.
    fraction = fb.fma(f, first, fb.mul(fb.polynomial(f, tuple(others)), fb.mul(f, f)))
    return _with_limits_of_parts(fb, x, fb.add(e, fraction), subnormals)


def expand_log10(fb: FloatBuilder, x: SSAValue, subnormals: bool = True) -> SSAValue:
    """`log10 x = e log10 2 + log(1 + f) / ln 10`; powers of ten come out exactly."""
    constants = FORMATS[fb.format]
    e, f = split(fb, x, subnormals)
    # Both parts of log10 2 are positive: infinite `e` stays infinite.
    low = fb.fma(f, constants.log10_e_low, fb.mul(e, constants.log10_2_low))
    tail = fb.mul(fb.polynomial(f, constants.tail), fb.mul(f, f))
    low = fb.fma(tail, constants.log10_e_high, low)
    result = fb.fma(e, constants.log10_2_high, fb.fma(f, constants.log10_e_high, low))
    return _with_limits_of_parts(fb, x, result, subnormals)


def build_log(fb: FloatBuilder, x: SSAValue, correction: SSAValue | None = None, twice: bool = False) -> SSAValue:
    """`log x + correction`, or `log 2x + correction`, for positive `x` that is not subnormal; infinity and NaN stay."""
    e, f = split(fb, x, may_be_subnormal=False)
    if twice:
        e = fb.add(e, 1.0)
    result = _log_of_parts(fb, e, f, correction)
    return result if fb.has_exponents else fb.select(fb.compare("olt", x, math.inf), result, x)


def build_log_parts(fb: FloatBuilder, x: SSAValue) -> tuple[SSAValue, SSAValue]:
    """`log x` as a sum of two, with some six bits more than one has; infinity gives infinity, 0 minus infinity."""
    constants = FORMATS[fb.format]
    e, f = split(fb, x)
    tail = fb.fma(fb.polynomial(f, constants.tail), fb.mul(f, f), fb.mul(e, constants.ln2_low))
    fraction = fb.add(f, tail)
    fraction_low = fb.add(fb.sub(f, fraction), tail)
    high = fb.fma(e, constants.ln2_high, fraction)
    low = fb.add(fb.add(fb.fma(e, constants.ln2_high, fb.neg(high)), fraction), fraction_low)
    is_plain = fb.both(fb.compare("ogt", x, 0.0), fb.compare("olt", x, math.inf))
    return _with_limits(fb, x, high, at_infinity=math.inf, zero=0.0), fb.select(is_plain, low, 0.0)


def expand_log1p(fb: FloatBuilder, x: SSAValue) -> SSAValue:
    """`log(1 + x)`: `e` from the rounded sum `1 + x`, but `f = 2^-e x + (2^-e - 1)`, so nothing of `x` is lost."""
    fmt = fb.format
    biased = fb.int_add(fb.bits(fb.add(x, 1.0)), (fmt.bias << fmt.mantissa_bits) - fmt.bits(LOWEST))
    exponent = fb.int_sub(fb.int_and(biased, ~fmt.mantissa_mask), fmt.bias << fmt.mantissa_bits)
    scaled = fb.from_bits(fb.int_sub(fb.bits(x), exponent))
    # 4 · 2^-e, unlike 2^-e, is a normal number for every e.
    four_over_power = fb.from_bits(fb.int_sub(fmt.bits(4.0), exponent))
    f = fb.add(scaled, fb.fma(four_over_power, 0.25, -1.0))
    e = _float_exponent(fb, biased, 2.0**fmt.mantissa_bits + fmt.bias)
    result = fb.copysign(_log_of_parts(fb, e, f), x)
    return _with_limits(fb, x, result, at_infinity=math.inf, zero=-1.0)


def split(fb: FloatBuilder, x: SSAValue, may_be_subnormal: bool = True) -> tuple[SSAValue, SSAValue]:
    """`e` and `f` with `x = 2^e (1 + f)` and `¾ ≤ 1 + f < 1½`, for positive finite `x`.

    If the builder has exponents, `e` is infinite and `f` zero where `x` is zero or infinite, and NaN where `x` is negative.
    """
    fmt = fb.format
    if fb.has_exponents:
        m = fb.significand(x)
        return fb.sub(fb.logb(x), fb.logb(m)), fb.sub(m, 1.0)
    bias: SSAValue | float = 2.0**fmt.mantissa_bits + fmt.bias
    if may_be_subnormal:
        x, bias = _normalised(fb, x, bias)
    biased = fb.int_add(fb.bits(x), (fmt.bias << fmt.mantissa_bits) - fmt.bits(LOWEST))
    e = _float_exponent(fb, biased, bias)
    mantissa = fb.int_add(fb.int_and(biased, fmt.mantissa_mask), fmt.bits(LOWEST))
    return e, fb.sub(fb.from_bits(mantissa), 1.0)


def exponent_of(fb: FloatBuilder, x: SSAValue) -> SSAValue:
    """`⌊log2 x⌋` for positive finite `x`; for 0 something that is lower than for any other."""
    if fb.has_exponents:
        return fb.logb(x)
    x, bias = _normalised(fb, x, 2.0**fb.format.mantissa_bits + fb.format.bias)
    return _float_exponent(fb, fb.bits(x), bias)


def _normalised(fb: FloatBuilder, x: SSAValue, bias: float) -> tuple[SSAValue, SSAValue]:
    """`x` if it is not subnormal, else a multiple; and `bias` for its exponent."""
    digits = fb.format.mantissa_bits
    is_subnormal = fb.compare("olt", x, fb.format.smallest_normal)
    return fb.select(is_subnormal, fb.mul(x, 2.0**digits), x), fb.select(is_subnormal, bias + digits, bias)


def _float_exponent(fb: FloatBuilder, biased: SSAValue, bias: SSAValue | float) -> SSAValue:
    """The exponent field of `biased` as a float, less `bias - 2^mantissa_bits`.

    The field becomes the low bits of 2^mantissa_bits: no conversion, which AVX2 lacks for 64 bits.
    """
    fmt = fb.format
    field = fb.shift_right(biased, fmt.mantissa_bits)
    return fb.sub(fb.from_bits(fb.int_or(field, fmt.bits(2.0**fmt.mantissa_bits))), bias)


def _log_of_parts(fb: FloatBuilder, e: SSAValue, f: SSAValue, correction: SSAValue | None = None) -> SSAValue:
    """`e ln 2 + log(1 + f) + correction`; one number is enough for ln 2, because the sum is never much less than `e`."""
    constants = FORMATS[fb.format]
    tail, square = fb.polynomial(f, constants.tail), fb.mul(f, f)
    fraction = fb.fma(tail, square, f) if correction is None else fb.add(f, fb.fma(tail, square, correction))
    return fb.fma(e, constants.ln2_high, fraction)


def _with_limits_of_parts(fb: FloatBuilder, x: SSAValue, result: SSAValue, subnormals: bool) -> SSAValue:
    """`_with_limits` of a logarithm whose limits the parts of `split` give, if the builder has exponents."""
    if fb.has_exponents:
        return result
    return _with_limits(fb, x, result, at_infinity=math.inf, zero=0.0, subnormals=subnormals)


def _with_limits(
    fb: FloatBuilder, x: SSAValue, result: SSAValue, at_infinity: float, zero: float, subnormals: bool = True
) -> SSAValue:
    """`result`, but the limits where the argument of the logarithm, `x - zero`, is infinite, zero, negative or NaN."""
    result = fb.select(fb.compare("oeq", x, math.inf), at_infinity, result)
    is_zero = fb.compare("oeq", x, zero) if subnormals else fb.compare("olt", x, fb.format.smallest_normal)
    result = fb.select(is_zero, -math.inf, result)
    return fb.select(fb.compare("ult", x, zero), math.nan, result)
