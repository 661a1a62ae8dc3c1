"""`exp`, `exp2`, `expm1`: reduction to `[-½ log 2, ½ log 2]`, a polynomial, and scaling by a power of two."""

import math
from dataclasses import dataclass

from xdsl.ir import SSAValue

from passes.loops.math.float_builder import FloatBuilder
from passes.loops.math.float_format import DOUBLE, SINGLE

LOG2_E = math.log2(math.e)


@dataclass(frozen=True)
class ExpFormat:
    """What depends on the format: the argument is clamped to `[lowest, highest]`, beyond which results are limits."""

    ln2_high: float
    ln2_low: float
    """ln 2 - `ln2_high`; both positive, so that zero keeps its sign."""
    lowest: float
    highest: float
    lowest_exp2: float
    highest_exp2: float
    lowest_expm1: float
    largest_scaled: float
    """From here on, `expm1` scales in two steps, because 2^n alone overflows."""
    tail: tuple[float, ...]
    """`e^r = 1 + r + r² tail(r)`."""
    exp2_tail: tuple[float, ...]
    """`2^r = 1 + r exp2_tail(r)`."""


FORMATS = {
    SINGLE: ExpFormat(
        ln2_high=0.6931471824645996,
        ln2_low=-1.904654299957768e-09,
        lowest=-104.0,
        highest=89.0,
        lowest_exp2=-151.0,
        highest_exp2=128.0,
        lowest_expm1=-18.0,
        largest_scaled=88.0,
        tail=(
            0.4999999701976776,
            0.16666540503501892,
            0.04166772589087486,
            0.0083667216822505,
            0.0013846284709870815,
        ),
        exp2_tail=(
            0.6931471824645996,
            0.24022650718688965,
            0.05550358071923256,
            0.00961806159466505,
            0.0013391667744144797,
            0.00015463291492778808,
        ),
    ),
    DOUBLE: ExpFormat(
        ln2_high=0.6931471805599453,
        ln2_low=2.3190468138462996e-17,
        lowest=-746.0,
        highest=710.0,
        lowest_exp2=-1076.0,
        highest_exp2=1024.0,
        lowest_expm1=-38.0,
        largest_scaled=709.0,
        tail=(
            0.5000000000000006,
            0.16666666666666588,
            0.04166666666657169,
            0.008333333333389028,
            0.0013888888933346285,
            0.0001984126972392335,
            2.480150301205159e-05,
            2.7557399252135396e-06,
            2.7626977714774627e-07,
            2.5057738966478166e-08,
        ),
        exp2_tail=(
            0.6931471805599453,
            0.2402265069591012,
            0.055504108664822534,
            0.009618129107597519,
            0.0013333558146273563,
            0.00015403530453779633,
            1.5252733933225962e-05,
            1.3215436642253133e-06,
            1.0178027043392128e-07,
            7.073585361414759e-09,
            4.4595929949830866e-10,
        ),
    ),
}


def expand_exp(fb: FloatBuilder, x: SSAValue) -> SSAValue:
    """`e^x = 2^n e^r` with `n = round(x / ln 2)` and `r = x - n ln 2`.

    Zero is scaled where the result is zero, as in masked softmax: a product that underflows takes x86 hundreds of cycles.
    """
    constants = FORMATS[fb.format]
    vanishes = fb.compare("ogt", constants.lowest, x)
    if fb.has_exponents:
        _, n, r = reduce(fb, fb.at_most(x, constants.highest), fb.format.twice_biased_magic)
        return fb.scalb(fb.select(vanishes, 0.0, build_exp_reduced(fb, r)), n)
    clamped = fb.at_most(fb.at_least(x, constants.lowest), constants.highest)
    shifted, _, r = reduce(fb, clamped, fb.format.twice_biased_magic)
    first, second = powers_of_halves(fb, shifted)
    return fb.mul(fb.mul(build_exp_reduced(fb, r), fb.select(vanishes, 0.0, first)), second)


def expand_exp2(fb: FloatBuilder, x: SSAValue) -> SSAValue:
    """`2^x = 2^n 2^r` with `n = round(x)` and `r = x - n`, which is exact."""
    constants = FORMATS[fb.format]
    x = fb.at_most(fb.at_least(x, constants.lowest_exp2), constants.highest_exp2)
    shifted, n = round_to_integer(fb, x, fb.format.twice_biased_magic)
    return _scaled(fb, build_exp2_reduced(fb, fb.sub(x, n)), shifted, n)


def expand_expm1(fb: FloatBuilder, x: SSAValue) -> SSAValue:
    """`e^x - 1 = 2^n (e^r - 1) + (2^n - 1)`; exact steps where the two terms cancel."""
    constants = FORMATS[fb.format]
    clamped = fb.at_most(fb.at_least(x, constants.lowest_expm1), constants.highest)
    shifted, n, r = reduce(fb, clamped)
    # Where the terms cancel, what the rounding of `r` lost would count twice.
    r_low = fb.fma(n, -constants.ln2_low, fb.sub(fb.fma(n, -constants.ln2_high, clamped), r))
    is_largest = fb.compare("ogt", x, constants.largest_scaled)
    shifted = fb.select(is_largest, fb.sub(shifted, 1.0), shifted)
    power = fb.power_of_two(shifted)
    result = fb.fma(build_expm1_reduced(fb, r, r_low), power, fb.sub(power, 1.0))
    return fb.copysign(fb.mul(result, fb.select(is_largest, 2.0, 1.0)), x)


def build_exp_in_range(fb: FloatBuilder, x: SSAValue) -> SSAValue:
    """`e^x` for `x` whose result is a normal number."""
    shifted, _, r = reduce(fb, x)
    return fb.mul(build_exp_reduced(fb, r), fb.power_of_two(shifted))


def build_half_exp(fb: FloatBuilder, x: SSAValue) -> SSAValue:
    """`½e^x` for `x ≥ 0`, which overflows later than `e^x`."""
    _, n, r = reduce(fb, fb.at_most(x, FORMATS[fb.format].highest + 1.0))
    return scale(fb, build_exp_reduced(fb, r), fb.sub(n, 1.0))


def build_expm1_in_range(fb: FloatBuilder, x: SSAValue) -> SSAValue:
    """`e^x - 1` for `x` from 0 to about half of the largest that does not overflow."""
    shifted, _, r = reduce(fb, x)
    power = fb.power_of_two(shifted)
    return fb.fma(build_expm1_reduced(fb, r), power, fb.sub(power, 1.0))


def scale(fb: FloatBuilder, value: SSAValue, n: SSAValue) -> SSAValue:
    """`value · 2^n` for integers `n` within twice the range of exponents, rounded once (to subnormals and infinity)."""
    return _scaled(fb, value, fb.add(n, fb.format.twice_biased_magic), n)


def _scaled(fb: FloatBuilder, value: SSAValue, shifted: SSAValue, n: SSAValue) -> SSAValue:
    """`scale`, where `shifted` is `n + twice_biased_magic`."""
    if fb.has_exponents:
        return fb.scalb(value, n)
    first, second = powers_of_halves(fb, shifted)
    return fb.mul(fb.mul(value, first), second)


def round_to_integer(fb: FloatBuilder, x: SSAValue, magic: float) -> tuple[SSAValue, SSAValue]:
    """`n + magic` and the integer `n` next to `x`."""
    shifted = fb.add(x, magic)
    return shifted, fb.sub(shifted, magic)


def build_exp2_reduced(fb: FloatBuilder, r: SSAValue) -> SSAValue:
    """`2^r` for `|r| ≤ ½`."""
    return fb.fma(fb.polynomial(r, FORMATS[fb.format].exp2_tail), r, 1.0)


def powers_of_halves(fb: FloatBuilder, shifted: SSAValue) -> tuple[SSAValue, SSAValue]:
    """`2^⌊n/2⌋` and `2^⌈n/2⌉` from `n + twice_biased_magic`: their product is `2^n`, which has no normal number to hold it."""
    bits = fb.bits(shifted)
    half = fb.shift_right(bits, 1)
    first, second = (fb.shift_left(part, fb.format.mantissa_bits) for part in (half, fb.int_sub(bits, half)))
    return fb.from_bits(first), fb.from_bits(second)


def reduce(fb: FloatBuilder, x: SSAValue, magic: float | None = None) -> tuple[SSAValue, SSAValue, SSAValue]:
    """`n + magic` (by default the biased one), `n = round(x / ln 2)` and `r = x - n ln 2`, which is rounded once."""
    constants = FORMATS[fb.format]
    magic = magic or fb.format.biased_magic
    shifted = fb.fma(x, LOG2_E, magic)
    n = fb.sub(shifted, magic)
    return shifted, n, fb.fma(n, -constants.ln2_low, fb.fma(n, -constants.ln2_high, x))


def build_exp_reduced(fb: FloatBuilder, r: SSAValue) -> SSAValue:
    """`e^r` for reduced `r`."""
    return fb.fma(fb.polynomial(r, (1.0, *FORMATS[fb.format].tail)), r, 1.0)


def build_expm1_reduced(fb: FloatBuilder, r: SSAValue, r_low: SSAValue | None = None) -> SSAValue:
    """`e^r - 1` for reduced `r`, or for `r + r_low`."""
    square, tail = fb.mul(r, r), fb.polynomial(r, FORMATS[fb.format].tail)
    return fb.fma(square, tail, r) if r_low is None else fb.add(fb.fma(square, tail, r_low), r)
