"""`pow` by base-2 logarithm and exponential with enough digits, and the roots `rsqrt` and `cbrt`."""

import math

from xdsl.ir import SSAValue

from passes.loops.math.exp import build_exp2_reduced, round_to_integer, scale
from passes.loops.math.float_builder import FloatBuilder
from passes.loops.math.float_format import DOUBLE, SINGLE, FloatFormat
from passes.loops.math.log import split

# Note [Digits of pow]: the relative error of `2^v` is the absolute error of `v = y log2 |x|`, which is as large as the
# range of exponents. So log2 needs 11 bits more than the result: for f32 an f64 has them (and one rounding at the end
# gives subnormals and infinities), for f64 it is the sum of two numbers.

LOG2_SINGLE = (
    1.442695040994539,
    -0.7213475168570554,
    0.48089828222207176,
    -0.3606743592333334,
    0.28854602360374326,
    -0.24042822263772012,
    0.20582039869075422,
    -0.18031455455601167,
    0.16465696753129766,
    -0.1528706572207786,
    0.11550444321863464,
    -0.04495518068723559,
)
"""f64 coefficients for a result in f32: `log2(1 + f) = f p(f)`."""

LOG2_DOUBLE = (
    2.8853900817779268,
    0.9617966939259757,
    0.5770780163555715,
    0.4121985831155391,
    0.32059889726256263,
    0.2623082553769962,
    0.22194935637003513,
    0.19248888375193068,
    0.16702661125590995,
    0.18252540717280755,
)
"""`log2 m = s p(s²)` with `s = (m - 1) / (m + 1)`; the first two are sums with `LOG2_DOUBLE_LOW`."""

LOG2_DOUBLE_LOW = (4.070717697843324e-17, -4.3655890497629006e-17)


INVERSE_ROOT_MAGIC: dict[FloatFormat, int] = {SINGLE: 0x5F375A86, DOUBLE: 0x5FE6EB50C7B537A9}
"""`magic - bits / 2` encodes a number near the inverse root: C. Lomont, "Fast inverse square root" (2003)."""

INVERSE_CBRT = (
    0.9999984502792358,
    -0.3332383632659912,
    0.22236569225788116,
    -0.1775411069393158,
    0.14822867512702942,
    -0.07894105464220047,
)
"""f32 coefficients: `(1 + f)^(-1/3)` to some 17 bits."""


def expand_cbrt(fb: FloatBuilder, x: SSAValue) -> SSAValue:
    """`2^k c` with `x = 2^(3k) m`, where `c = m p²` from an approximation `p` of `m^(-1/3)`, and a last step of Newton's.

    `m = 2^j (1 + f)` with `j` from -1 to 1. For f64, a step of third order triples the digits of `p` first.
    """
    e, f = split(fb, fb.abs(x))
    third = fb.add(fb.mul(e, 1 / 3), fb.format.biased_magic)
    k = fb.sub(third, fb.format.biased_magic)
    j = fb.fma(k, -3.0, e)
    is_more, is_less = fb.compare("ogt", j, 0.5), fb.compare("olt", j, -0.5)
    m = fb.mul(fb.add(f, 1.0), fb.select(is_more, 2.0, fb.select(is_less, 0.5, 1.0)))
    p = fb.mul(
        fb.polynomial(f, INVERSE_CBRT),
        fb.select(is_more, 0.5 ** (1 / 3), fb.select(is_less, 2.0 ** (1 / 3), 1.0)),
    )
    if fb.is_double:
        h = fb.fma(fb.neg(fb.mul(fb.mul(p, p), p)), m, 1.0)
        p = fb.fma(fb.mul(p, h), fb.fma(h, 2 / 9, 1 / 3), p)
    square = fb.mul(p, p)
    c = fb.mul(m, square)
    # m - c³ to more digits than the format has.
    c_square = fb.mul(c, c)
    c_cube = fb.mul(c_square, c)
    error = fb.fma(fb.fma(c, c, fb.neg(c_square)), c, fb.fma(c_square, c, fb.neg(c_cube)))
    rest = fb.sub(fb.sub(m, c_cube), error)
    c = fb.fma(fb.mul(rest, square), 1 / 3, c)
    result = fb.copysign(fb.mul(c, fb.power_of_two(third)), x)
    is_plain = fb.both(fb.compare("ogt", fb.abs(x), 0.0), fb.compare("olt", fb.abs(x), math.inf))
    return fb.select(is_plain, result, x)


def expand_rsqrt(fb: FloatBuilder, x: SSAValue) -> SSAValue:
    """A linear function of the encoding is within 4 %; each step cubes what is lacking in `1 = x y²`.

    A root and a division take several times as long. They serve the rare elements in a branch: zero, subnormal, negative
    or infinite.
    """
    fmt = fb.format
    rest = fb.int_sub(fb.bits(x), fmt.bits(fmt.smallest_normal))
    is_rare = fb.int_compare("uge", rest, fmt.bits(math.inf) - fmt.bits(fmt.smallest_normal))
    y = fb.from_bits(fb.int_sub(INVERSE_ROOT_MAGIC[fmt], fb.shift_right(fb.bits(x), 1)))
    for _ in range(3 if fb.is_double else 2):
        lacking = fb.fma(fb.neg(fb.mul(x, y)), y, 1.0)
        y = fb.fma(fb.mul(y, lacking), fb.fma(lacking, 0.375, 0.5), y)

    def divide(inner: FloatBuilder) -> tuple[SSAValue]:
        return (inner.select(is_rare, inner.div(1.0, inner.sqrt(x)), y),)

    return fb.where_any(is_rare, divide, (y,))[0]


def expand_pow(fb: FloatBuilder, x: SSAValue, y: SSAValue) -> SSAValue:
    """`±2^(y log2 |x|)`, with the exceptions of C99 annex F."""
    magnitude = _power_double(fb, fb.abs(x), y) if fb.is_double else _power_single(fb, fb.abs(x), y)
    return with_signs_of_powers(fb, x, y, magnitude)


def with_signs_of_powers(fb: FloatBuilder, x: SSAValue, y: SSAValue, magnitude: SSAValue) -> SSAValue:
    """`x^y` from `|x|^y`, which is NaN only where the exponent of two is: a branch for these and for negative `x`."""
    has_sign = fb.int_compare("uge", fb.bits(x), fb.format.sign_mask)
    is_rare = fb.either(has_sign, fb.compare("uno", magnitude, 0.0))
    return fb.where_any(is_rare, lambda inner: (_power_of_rare(inner, x, y, magnitude),), (magnitude,))[0]


def _power_of_rare(fb: FloatBuilder, x: SSAValue, y: SSAValue, magnitude: SSAValue) -> SSAValue:
    whole = fb.floor(y)
    is_fractional = fb.compare("une", whole, y)
    half = fb.mul(y, 0.5)
    has_odd_half = fb.compare("une", fb.floor(half), half)
    sign = fb.int_select(has_odd_half, fb.int_and(fb.bits(x), fb.format.sign_mask), 0)
    sign = fb.int_select(is_fractional, 0, sign)
    result = fb.from_bits(fb.int_xor(fb.bits(magnitude), sign))
    is_negative = fb.both(fb.compare("olt", x, 0.0), fb.compare("ogt", x, -math.inf))
    result = fb.select(fb.both(is_negative, is_fractional), math.nan, result)
    # Powers that are 1 even where the other operand is NaN or infinite.
    is_one = fb.either(fb.compare("oeq", y, 0.0), fb.compare("oeq", x, 1.0))
    is_minus_one = fb.both(fb.compare("oeq", x, -1.0), fb.compare("oeq", fb.abs(y), math.inf))
    return fb.select(fb.either(is_one, is_minus_one), 1.0, result)


def _power_single(fb: FloatBuilder, x: SSAValue, y: SSAValue) -> SSAValue:
    """`x^y` for f32 `x ≥ 0`, its logarithm in f64 arithmetic; NaN where `y log2 x` is."""
    wide = fb.as_double()
    wide_x = fb.widened(x)
    e, f = split(wide, wide_x, may_be_subnormal=False)
    logarithm = wide.fma(wide.polynomial(f, LOG2_SINGLE), f, e)
    if not wide.has_exponents:
        logarithm = _log2_with_limits(wide, wide_x, logarithm)
    exponent = wide.mul(fb.widened(y), logarithm)
    if not fb.has_exponents:
        exponent = wide.at_most(wide.at_least(exponent, -250.0), 250.0)
    _, wide_n = round_to_integer(wide, exponent, wide.format.magic)
    n, r = fb.narrowed(wide_n), fb.narrowed(wide.sub(exponent, wide_n))
    if fb.has_exponents:
        # What is too large for a power has no fraction, or NaN if it is infinite; NaN stays in `n`.
        r = fb.select(fb.compare("ogt", r, -0.5), r, -0.5)
        r = fb.select(fb.compare("olt", r, 0.5), r, 0.5)
    return scale(fb, build_exp2_reduced(fb, r), n)


def _power_double(fb: FloatBuilder, x: SSAValue, y: SSAValue) -> SSAValue:
    """`x^y` for f64 `x ≥ 0`; NaN where `y log2 x` is."""
    high, low = _log2_double(fb, x)
    high = _log2_with_limits(fb, x, high)
    exponent = fb.mul(y, high)
    rest = fb.fma(y, low, fb.fma(y, high, fb.neg(exponent)))
    # Beyond, the result is 0 or infinite, and `rest` may be NaN.
    rest = fb.select(fb.compare("olt", fb.abs(exponent), 1100.0), rest, 0.0)
    exponent = fb.at_most(fb.at_least(exponent, -1100.0), 1100.0)
    n = fb.sub(fb.add(exponent, fb.format.magic), fb.format.magic)
    r = fb.add(fb.sub(exponent, n), rest)
    return scale(fb, build_exp2_reduced(fb, r), n)


def _log2_with_limits(fb: FloatBuilder, x: SSAValue, logarithm: SSAValue) -> SSAValue:
    """`logarithm`, but the limits where `x ≥ 0` is zero or infinite, and NaN where it is NaN."""
    logarithm = fb.select(fb.compare("oeq", x, 0.0), -math.inf, logarithm)
    return fb.select(fb.compare("olt", x, math.inf), logarithm, x)


def _log2_double(fb: FloatBuilder, x: SSAValue) -> tuple[SSAValue, SSAValue]:
    """`log2 x` as the sum of two f64, with some 66 bits: see Note [Digits of pow].

    `s = f / (2 + f)` and its powers, and the first two terms of the series, are sums of two numbers; the other terms
    are small enough to be one.
    """
    e, f = split(fb, x)
    divisor = fb.add(f, 2.0)
    divisor_low = fb.sub(f, fb.sub(divisor, 2.0))
    inverse = fb.div(1.0, divisor)
    s = fb.mul(f, inverse)
    negated = fb.neg(s)
    s_low = fb.mul(fb.fma(negated, divisor_low, fb.fma(negated, divisor, f)), inverse)
    square = _product(fb, s, s_low, s, s_low)
    cube = _product(fb, s, s_low, *square)
    first = _product(fb, s, s_low, fb.constant(LOG2_DOUBLE[0]), fb.constant(LOG2_DOUBLE_LOW[0]))
    second = _product(fb, *cube, fb.constant(LOG2_DOUBLE[1]), fb.constant(LOG2_DOUBLE_LOW[1]))
    others = fb.mul(fb.mul(cube[0], square[0]), fb.polynomial(square[0], LOG2_DOUBLE[2:]))
    high, error = _fast_sum(fb, e, first[0])
    high, other_error = _fast_sum(fb, high, second[0])
    errors = fb.add(fb.add(error, other_error), fb.add(first[1], fb.add(second[1], others)))
    return _fast_sum(fb, high, errors)


def _fast_sum(fb: FloatBuilder, larger: SSAValue, smaller: SSAValue) -> tuple[SSAValue, SSAValue]:
    """The rounded sum and its error, exactly, if `larger` is zero or not the smaller one."""
    total = fb.add(larger, smaller)
    return total, fb.add(fb.sub(larger, total), smaller)


def _product(
    fb: FloatBuilder, lhs: SSAValue, lhs_low: SSAValue, rhs: SSAValue, rhs_low: SSAValue
) -> tuple[SSAValue, SSAValue]:
    """The product of two sums as a sum, less the product of the low parts."""
    high = fb.mul(lhs, rhs)
    low = fb.fma(lhs, rhs, fb.neg(high))
    return high, fb.fma(lhs_low, rhs, fb.fma(lhs, rhs_low, low))
