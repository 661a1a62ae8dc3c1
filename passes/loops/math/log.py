"""`log`, `log1p`, `log2`, `log10`: `x = 2^e (1 + f)` with `1 + f` in `[√½, √2)`, and a polynomial in `f` or `f / (2 + f)`."""

import math
from dataclasses import dataclass

from xdsl.ir import SSAValue

from passes.loops.math.float_builder import DOUBLE, SINGLE, FloatBuilder

SQRT_HALF = math.sqrt(0.5)


@dataclass(frozen=True)
class LogFormat:
    """Constants as the sum of a number of the format and a small correction, and the polynomial."""

    ln2_high: float
    ln2_low: float
    log2_e_high: float
    log2_e_low: float
    log10_2_high: float
    log10_2_low: float
    log10_e_high: float
    log10_e_low: float
    tail: tuple[float, ...]
    """f32: `log(1 + f) = f - f²/2 + f³ tail(f)`; f64: `2 atanh(s) = 2 s + s³ tail(s²)`."""


FORMATS = {
    SINGLE: LogFormat(
        ln2_high=0.6931471824645996,
        ln2_low=-1.904654299957768e-09,
        log2_e_high=1.4426950216293335,
        log2_e_low=1.925963033500011e-08,
        log10_2_high=0.3010300099849701,
        log10_2_low=-1.432098883924482e-08,
        log10_e_high=0.4342944920063019,
        log10_e_low=-1.0103049952192578e-08,
        tail=(
            0.3333333134651184,
            -0.2500081956386566,
            0.20001240074634552,
            -0.1662340760231018,
            0.14201617240905762,
            -0.131596639752388,
            0.12761984765529633,
            -0.07636018842458725,
        ),
    ),
    DOUBLE: LogFormat(
        ln2_high=0.6931471805599453,
        ln2_low=2.3190468138462996e-17,
        log2_e_high=1.4426950408889634,
        log2_e_low=2.0355273740931033e-17,
        log10_2_high=0.3010299956639812,
        log10_2_low=-2.8037281277851704e-18,
        log10_e_high=0.4342944819032518,
        log10_e_low=1.098319650216765e-17,
        tail=(
            0.6666666666666734,
            0.3999999999941664,
            0.2857142874202885,
            0.22222198604897228,
            0.1818356286421847,
            0.153140843910745,
            0.14795639026983126,
        ),
    ),
}


def expand_log(fb: FloatBuilder, x: SSAValue, subnormals: bool = True) -> SSAValue:
    """`log x = e ln 2 + log(1 + f)`; without `subnormals` they count as zero, here and in the next two."""
    e, f = split(fb, x, subnormals)
    return _with_limits(fb, x, _log_of_parts(fb, e, f), at_infinity=math.inf, zero=0.0, subnormals=subnormals)


def expand_log2(fb: FloatBuilder, x: SSAValue, subnormals: bool = True) -> SSAValue:
    """`log2 x = e + log(1 + f) / ln 2`, the quotient with a correction term."""
    constants = FORMATS[fb.format]
    e, f = split(fb, x, subnormals)
    result = fb.fma(_log1p_tail(fb, f, None), constants.log2_e_high, fb.mul(f, constants.log2_e_low))
    result = fb.add(e, fb.fma(f, constants.log2_e_high, result))
    return _with_limits(fb, x, result, at_infinity=math.inf, zero=0.0, subnormals=subnormals)


def expand_log10(fb: FloatBuilder, x: SSAValue, subnormals: bool = True) -> SSAValue:
    """`log10 x = e log10 2 + log(1 + f) / ln 10`; powers of ten come out exactly."""
    constants = FORMATS[fb.format]
    e, f = split(fb, x, subnormals)
    low = fb.fma(f, constants.log10_e_low, fb.mul(e, constants.log10_2_low))
    low = fb.fma(_log1p_tail(fb, f, None), constants.log10_e_high, low)
    result = fb.fma(e, constants.log10_2_high, fb.fma(f, constants.log10_e_high, low))
    return _with_limits(fb, x, result, at_infinity=math.inf, zero=0.0, subnormals=subnormals)


def build_log(fb: FloatBuilder, x: SSAValue, correction: SSAValue | None = None, twice: bool = False) -> SSAValue:
    """`log x + correction`, or `log 2x + correction`, for positive `x` that is not subnormal; infinity and NaN stay."""
    e, f = split(fb, x, may_be_subnormal=False)
    if twice:
        e = fb.add(e, 1.0)
    return fb.select(fb.compare("olt", x, math.inf), _log_of_parts(fb, e, f, correction), x)


def build_log_parts(fb: FloatBuilder, x: SSAValue) -> tuple[SSAValue, SSAValue]:
    """`log x` as a sum of two, with some six bits more than one has; infinity gives infinity, 0 minus infinity."""
    constants = FORMATS[fb.format]
    e, f = split(fb, x)
    tail = _log1p_tail(fb, f, fb.mul(e, constants.ln2_low))
    fraction = fb.add(f, tail)
    fraction_low = fb.add(fb.sub(f, fraction), tail)
    high = fb.fma(e, constants.ln2_high, fraction)
    low = fb.add(fb.add(fb.fma(e, constants.ln2_high, fb.neg(high)), fraction), fraction_low)
    is_plain = fb.both(fb.compare("ogt", x, 0.0), fb.compare("olt", x, math.inf))
    return _with_limits(fb, x, high, at_infinity=math.inf, zero=0.0), fb.select(is_plain, low, 0.0)


def expand_log1p(fb: FloatBuilder, x: SSAValue) -> SSAValue:
    """`log(1 + x)`: `e` from the rounded sum `1 + x`, but `f = 2^-e x + (2^-e - 1)`, so nothing of `x` is lost."""
    fmt = fb.format
    biased = fb.int_add(fb.bits(fb.add(x, 1.0)), (fmt.bias << fmt.mantissa_bits) - fmt.bits(SQRT_HALF))
    exponent = fb.int_sub(fb.int_and(biased, ~fmt.mantissa_mask), fmt.bias << fmt.mantissa_bits)
    scaled = fb.from_bits(fb.int_sub(fb.bits(x), exponent))
    # 4 · 2^-e, unlike 2^-e, is a normal number for every e.
    four_over_power = fb.from_bits(fb.int_sub(fmt.bits(4.0), exponent))
    f = fb.add(scaled, fb.fma(four_over_power, 0.25, -1.0))
    e = _float_exponent(fb, biased, 2.0**fmt.mantissa_bits + fmt.bias)
    result = fb.copysign(_log_of_parts(fb, e, f), x)
    return _with_limits(fb, x, result, at_infinity=math.inf, zero=-1.0)


def split(fb: FloatBuilder, x: SSAValue, may_be_subnormal: bool = True) -> tuple[SSAValue, SSAValue]:
    """`e` and `f` with `x = 2^e (1 + f)` and `√½ ≤ 1 + f < √2`, for positive finite `x`."""
    fmt = fb.format
    bias: SSAValue | float = 2.0**fmt.mantissa_bits + fmt.bias
    if may_be_subnormal:
        is_subnormal = fb.compare("olt", x, fmt.smallest_normal)
        x = fb.select(is_subnormal, fb.mul(x, 2.0**fmt.mantissa_bits), x)
        bias = fb.select(is_subnormal, bias + fmt.mantissa_bits, bias)
    biased = fb.int_add(fb.bits(x), (fmt.bias << fmt.mantissa_bits) - fmt.bits(SQRT_HALF))
    e = _float_exponent(fb, biased, bias)
    mantissa = fb.int_add(fb.int_and(biased, fmt.mantissa_mask), fmt.bits(SQRT_HALF))
    return e, fb.sub(fb.from_bits(mantissa), 1.0)


def _float_exponent(fb: FloatBuilder, biased: SSAValue, bias: SSAValue | float) -> SSAValue:
    """The exponent field of `biased` as a float, less `bias - 2^mantissa_bits`.

    The field becomes the low bits of 2^mantissa_bits: no conversion, which AVX2 lacks for 64 bits.
    """
    fmt = fb.format
    field = fb.shift_right(biased, fmt.mantissa_bits)
    return fb.sub(fb.from_bits(fb.int_or(field, fmt.bits(2.0**fmt.mantissa_bits))), bias)


def _log_of_parts(fb: FloatBuilder, e: SSAValue, f: SSAValue, correction: SSAValue | None = None) -> SSAValue:
    """`e ln 2 + log(1 + f) + correction`, from the smallest term to the largest."""
    constants = FORMATS[fb.format]
    ln2_low = constants.ln2_low
    addend = fb.mul(e, ln2_low) if correction is None else fb.fma(e, ln2_low, correction)
    low = _log1p_tail(fb, f, addend)
    return fb.fma(e, constants.ln2_high, fb.add(f, low))


def _log1p_tail(fb: FloatBuilder, f: SSAValue, addend: SSAValue | None) -> SSAValue:
    """`log(1 + f) - f + addend`.

    The f64 form is that of fdlibm: with `s = f / (2 + f)` and `h = f²/2`, `log(1 + f) = f - h + s (h + R)`, where
    `s R = 2 atanh(s) - 2 s`.
    """
    tail = FORMATS[fb.format].tail
    square = fb.mul(f, f)
    if fb.is_double:
        s = fb.div(f, fb.add(f, 2.0))
        z = fb.mul(s, s)
        inner = fb.fma(fb.polynomial(z, tail), z, fb.mul(square, 0.5))
        result = fb.mul(s, inner) if addend is None else fb.fma(s, inner, addend)
    else:
        cube = fb.mul(square, f)
        polynomial = fb.polynomial(f, tail)
        result = fb.mul(polynomial, cube) if addend is None else fb.fma(polynomial, cube, addend)
    return fb.fma(square, -0.5, result)


def _with_limits(
    fb: FloatBuilder, x: SSAValue, result: SSAValue, at_infinity: float, zero: float, subnormals: bool = True
) -> SSAValue:
    """`result`, but the limits where the argument of the logarithm, `x - zero`, is infinite, zero, negative or NaN."""
    result = fb.select(fb.compare("oeq", x, math.inf), at_infinity, result)
    is_zero = fb.compare("oeq", x, zero) if subnormals else fb.compare("olt", x, fb.format.smallest_normal)
    result = fb.select(is_zero, -math.inf, result)
    return fb.select(fb.compare("ult", x, zero), math.nan, result)
