"""`exp`, `exp2`, `expm1`: reduction to `[-½ log 2, ½ log 2]`, a polynomial, and scaling by a power of two."""

import math
from dataclasses import dataclass

from xdsl.ir import SSAValue

from passes.loops.math.float_builder import DOUBLE, SINGLE, FloatBuilder

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
            0.5,
            0.1666666567325592,
            0.04166649281978607,
            0.008333547040820122,
            0.0013932312140241265,
            0.00019760994473472238,
        ),
        exp2_tail=(
            0.6931471824645996,
            0.24022650718688965,
            0.05550406128168106,
            0.009618086740374565,
            0.001333665568381548,
            0.00015452312072739005,
            1.4674870726594236e-05,
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
            0.5,
            0.16666666666666677,
            0.041666666666666574,
            0.008333333333321143,
            0.0013888888888942811,
            0.00019841269887878373,
            2.4801587202474472e-05,
            2.75572420235246e-06,
            2.7557379242287386e-07,
            2.510992308948439e-08,
            2.0882618652813112e-09,
        ),
        exp2_tail=(
            0.6931471805599453,
            0.24022650695910072,
            0.055504108664823505,
            0.009618129107628031,
            0.0013333558145981676,
            0.0001540353039408577,
            1.5252734232166612e-05,
            1.3215486299322517e-06,
            1.017790028686537e-07,
            7.0550646966127575e-09,
            4.4786756955833757e-10,
            2.552223275044392e-11,
        ),
    ),
}


def expand_exp(fb: FloatBuilder, x: SSAValue) -> SSAValue:
    """`e^x = 2^n e^r` with `n = round(x / ln 2)` and `r = x - n ln 2`.

    Zero is scaled where the result is zero, as in masked softmax: a product that underflows takes x86 a hundred cycles.
    """
    constants = FORMATS[fb.format]
    vanishes = fb.compare("ogt", constants.lowest, x)
    _, n, r = reduce(fb, fb.at_most(fb.select(vanishes, constants.lowest, x), constants.highest))
    return scale(fb, fb.select(vanishes, 0.0, fb.add(build_expm1_reduced(fb, r), 1.0)), n)


def expand_exp2(fb: FloatBuilder, x: SSAValue) -> SSAValue:
    """`2^x = 2^n 2^r` with `n = round(x)` and `r = x - n`, which is exact."""
    constants = FORMATS[fb.format]
    x = fb.at_most(fb.at_least(x, constants.lowest_exp2), constants.highest_exp2)
    n = fb.sub(fb.add(x, fb.format.biased_magic), fb.format.biased_magic)
    r = fb.sub(x, n)
    return scale(fb, fb.fma(fb.polynomial(r, constants.exp2_tail), r, 1.0), n)


def expand_expm1(fb: FloatBuilder, x: SSAValue) -> SSAValue:
    """`e^x - 1 = 2^n (e^r - 1) + (2^n - 1)`; exact steps where the two terms cancel."""
    constants = FORMATS[fb.format]
    clamped = fb.at_most(fb.at_least(x, constants.lowest_expm1), constants.highest)
    shifted, _, r = reduce(fb, clamped)
    is_largest = fb.compare("ogt", x, constants.largest_scaled)
    shifted = fb.select(is_largest, fb.sub(shifted, 1.0), shifted)
    result = fb.mul(_expm1_scaled(fb, r, shifted), fb.select(is_largest, 2.0, 1.0))
    return fb.copysign(result, x)


def build_exp_in_range(fb: FloatBuilder, x: SSAValue) -> SSAValue:
    """`e^x` for `x` whose result is a normal number."""
    shifted, _, r = reduce(fb, x)
    return fb.mul(fb.add(build_expm1_reduced(fb, r), 1.0), fb.power_of_two(shifted))


def build_half_exp(fb: FloatBuilder, x: SSAValue) -> SSAValue:
    """`½e^x` for `x ≥ 0`, which overflows later than `e^x`."""
    _, n, r = reduce(fb, fb.at_most(x, FORMATS[fb.format].highest + 1.0))
    return scale(fb, fb.add(build_expm1_reduced(fb, r), 1.0), fb.sub(n, 1.0))


def build_expm1_in_range(fb: FloatBuilder, x: SSAValue) -> SSAValue:
    """`e^x - 1` for `x` from 0 to about half of the largest that does not overflow."""
    shifted, _, r = reduce(fb, x)
    return _expm1_scaled(fb, r, shifted)


def scale(fb: FloatBuilder, value: SSAValue, n: SSAValue) -> SSAValue:
    """`value · 2^n` for integers `n` within twice the range of exponents, rounded once (to subnormals and infinity)."""
    shifted_half = fb.fma(n, 0.5, fb.format.biased_magic)
    half = fb.sub(shifted_half, fb.format.biased_magic)
    shifted_rest = fb.add(fb.sub(n, half), fb.format.biased_magic)
    return fb.mul(fb.mul(value, fb.power_of_two(shifted_half)), fb.power_of_two(shifted_rest))


def reduce(fb: FloatBuilder, x: SSAValue) -> tuple[SSAValue, SSAValue, SSAValue]:
    """`n + biased_magic`, `n = round(x / ln 2)` and `r = x - n ln 2`, which is rounded once."""
    constants = FORMATS[fb.format]
    shifted = fb.fma(x, LOG2_E, fb.format.biased_magic)
    n = fb.sub(shifted, fb.format.biased_magic)
    r = fb.fma(n, -constants.ln2_low, fb.fma(n, -constants.ln2_high, x))
    return shifted, n, r


def build_expm1_reduced(fb: FloatBuilder, r: SSAValue) -> SSAValue:
    """`e^r - 1` for reduced `r`."""
    tail = fb.polynomial(r, FORMATS[fb.format].tail)
    return fb.fma(fb.mul(r, r), tail, r)


def _expm1_scaled(fb: FloatBuilder, r: SSAValue, shifted: SSAValue) -> SSAValue:
    """`2^n e^r - 1` from `shifted = n + biased_magic`."""
    power = fb.power_of_two(shifted)
    return fb.fma(build_expm1_reduced(fb, r), power, fb.sub(power, 1.0))
