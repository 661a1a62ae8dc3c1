"""Variants for `math="fast"`: fewer operations, by a few units less accurate, and without subnormal numbers.

Subnormal arguments and results count as zero, and powers of two and of e are infinite from half an octave below the largest
number on, unless the processor has instructions for them. All else (NaN, infinities, zeros with sign, poles) is as in the accurate expansions.
"""

import math
from collections.abc import Callable
from functools import partial

from xdsl.dialects import arith
from xdsl.dialects import math as math_dialect
from xdsl.ir import Operation, SSAValue

from passes.loops.math.error_function import expand_erf
from passes.loops.math.exp import (
    FORMATS,
    build_exp2_reduced,
    build_exp_reduced,
    expand_exp,
    expand_exp2,
    reduce,
    round_to_integer,
)
from passes.loops.math.float_builder import FloatBuilder
from passes.loops.math.log import expand_log, expand_log2, expand_log10
from passes.loops.math.power import expand_rsqrt, with_signs_of_powers

ERF_END = 3.92
ERF: tuple[tuple[float, ...], tuple[float, ...]] = (
    (
        1.1283791065216064,
        0.19039560854434967,
        0.05274704098701477,
        0.00376507849432528,
        0.0002848582807928324,
        2.050011289611575e-06,
    ),
    (
        1.0,
        0.502066433429718,
        0.11410439759492874,
        0.014968154951930046,
        0.001162381493486464,
        3.808964538620785e-05,
    ),
)
"""f32: `erf r = r p(r²) / q(r²)` up to `ERF_END`."""


def fast_exp(fb: FloatBuilder, x: SSAValue) -> SSAValue:
    """As `expand_exp`, scaled by one power of two."""
    if fb.has_exponents:
        return expand_exp(fb, x)
    lowest = math.log(fb.format.smallest_normal)
    shifted, _, r = reduce(fb, fb.at_most(fb.at_least(x, lowest), FORMATS[fb.format].highest))
    power = fb.select(fb.compare("ogt", lowest, x), 0.0, fb.power_of_two(shifted))
    return fb.mul(build_exp_reduced(fb, r), power)


def fast_exp2(fb: FloatBuilder, x: SSAValue) -> SSAValue:
    """As `expand_exp2`, scaled by one power of two."""
    if fb.has_exponents:
        return expand_exp2(fb, x)
    lowest, highest = 1.0 - fb.format.bias, 1.0 + fb.format.bias
    clamped = fb.at_most(fb.at_least(x, lowest), highest)
    shifted, n = round_to_integer(fb, clamped, fb.format.biased_magic)
    power = fb.select(fb.compare("ogt", lowest, x), 0.0, fb.power_of_two(shifted))
    return fb.mul(build_exp2_reduced(fb, fb.sub(clamped, n)), power)


def fast_pow(fb: FloatBuilder, x: SSAValue, y: SSAValue) -> SSAValue:
    """`±2^(y log2 |x|)` with a logarithm of the format's own digits: the error grows with that of the exponent."""
    logarithm = expand_log2(fb, fb.abs(x), subnormals=False)
    return with_signs_of_powers(fb, x, y, fast_exp2(fb, fb.mul(y, logarithm)))


def fast_erf(fb: FloatBuilder, x: SSAValue) -> SSAValue:
    """f32: `x p(x²) / q(x²)`; 1 beyond `ERF_END`, exactly: what is left of `1 - erf x` may be multiplied by a large number."""
    if fb.is_double:
        return expand_erf(fb, x)
    magnitude = fb.abs(x)
    clamped = fb.at_most(magnitude, ERF_END)
    square = fb.mul(clamped, clamped)
    value = fb.div(fb.mul(clamped, fb.polynomial(square, ERF[0])), fb.polynomial(square, ERF[1]))
    return fb.copysign(fb.select(fb.compare("ogt", magnitude, ERF_END), 1.0, fb.at_most(value, 1.0)), x)


def fast_rsqrt(fb: FloatBuilder, x: SSAValue) -> SSAValue:
    """From an estimate, if the processor has one; where it is exact, at the limits, no step follows."""
    if not fb.has_exponents:
        return expand_rsqrt(fb, x)
    y = fb.rsqrt_estimate(x)
    better, lacking = _refined(fb, y, fb.mul(x, y), y)
    if fb.is_double:
        better, _ = _refined(fb, better, fb.mul(x, better), better)
    return fb.select(fb.compare("uno", lacking, 0.0), y, better)


def fast_sqrt(fb: FloatBuilder, x: SSAValue) -> SSAValue | None:
    """`x` times the inverse root, refined as that is, if the processor has an estimate."""
    if not fb.has_exponents:
        return None
    y = fb.rsqrt_estimate(x)
    if fb.is_double:
        y, _ = _refined(fb, y, fb.mul(x, y), y)
    root = fb.mul(x, y)
    better, _ = _refined(fb, root, root, y)
    is_limit = fb.either(fb.compare("oeq", x, 0.0), fb.compare("oeq", x, math.inf))
    result = fb.select(is_limit, x, better)
    fb.note_root(result, x)
    return result


def _refined(fb: FloatBuilder, value: SSAValue, root: SSAValue, inverse: SSAValue) -> tuple[SSAValue, SSAValue]:
    """`value` times what `root · inverse` lacks for 1, to the power ½; and what it lacks. Cubes that."""
    lacking = fb.fma(fb.neg(root), inverse, 1.0)
    return fb.fma(fb.mul(value, lacking), fb.fma(lacking, 0.375, 0.5), value), lacking


def fast_division(fb: FloatBuilder, lhs: SSAValue, rhs: SSAValue) -> SSAValue | None:
    """`a / sqrt(b)` and `a / (b sqrt(b))` by the inverse root, which takes neither a root nor a division."""
    if (b := _square_of_root(fb, rhs)) is not None:
        return fb.mul(lhs, fast_rsqrt(fb, b))
    if isinstance(product := rhs.owner, arith.MulfOp):
        for b, factor in ((product.lhs, product.rhs), (product.rhs, product.lhs)):
            if _square_of_root(fb, factor) is b:
                inverse = fast_rsqrt(fb, b)
                return fb.mul(fb.mul(lhs, inverse), fb.mul(inverse, inverse))
    return None


def _square_of_root(fb: FloatBuilder, value: SSAValue) -> SSAValue | None:
    """`b` if `value` is the root of `b`, as it was or as `fast_sqrt` made it."""
    if isinstance(root := value.owner, math_dialect.SqrtOp):
        return root.operand
    return fb.square_of_root(value)


FAST: dict[type[Operation], Callable[..., SSAValue | None]] = {
    math_dialect.ExpOp: fast_exp,
    math_dialect.Exp2Op: fast_exp2,
    math_dialect.LogOp: partial(expand_log, subnormals=False),
    math_dialect.Log2Op: partial(expand_log2, subnormals=False),
    math_dialect.Log10Op: partial(expand_log10, subnormals=False),
    math_dialect.ErfOp: fast_erf,
    math_dialect.PowFOp: fast_pow,
    math_dialect.RsqrtOp: fast_rsqrt,
    math_dialect.SqrtOp: fast_sqrt,
    arith.DivfOp: fast_division,
}
"""The functions that have a fast variant; the result is `None` where it does not apply."""
