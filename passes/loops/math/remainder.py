"""`rem`: one division where the quotient has no more bits than a number, else as many as it takes, in a branch."""

import math

from xdsl.ir import SSAValue

from passes.loops.math.exp import scale
from passes.loops.math.float_builder import FloatBuilder
from passes.loops.math.log import exponent_of

# Note [Exact remainder]
#
# With r ≥ 0, m > 0 and r / m less than 2^mantissa_bits, the rounded quotient, rounded down, is that of the exact one or one
# more. So r - q m lies in [-m, m), is a multiple of the last bit of r or m, whichever is smaller, and so a number of the
# format: a fused multiply-add makes no error at all. Multiples m 2^k, first with large k, serve where r / m is larger.


def expand_rem(fb: FloatBuilder, x: SSAValue, y: SSAValue) -> SSAValue:
    """The number of the sign of `x` and less than `|y|` that differs from `x` by a multiple of `y`: Note [Exact remainder].

    NaN if `x` is infinite or `y` is 0; `x` if `y` is infinite.
    """
    magnitude, modulus = fb.abs(x), fb.abs(y)
    quotient = fb.div(magnitude, modulus)
    near = _reduced(fb, magnitude, modulus, quotient)
    is_rare = fb.either(
        fb.compare("uge", quotient, 2.0 ** (fb.format.mantissa_bits - 1)), fb.compare("oeq", modulus, math.inf)
    )

    def choose(inner: FloatBuilder) -> tuple[SSAValue]:
        return (inner.select(is_rare, _remainder_of_rare(inner, magnitude, modulus), near),)

    return fb.copysign(fb.where_any(is_rare, choose, (near,))[0], x)


def _remainder_of_rare(fb: FloatBuilder, magnitude: SSAValue, modulus: SSAValue) -> SSAValue:
    is_finite = fb.compare("olt", magnitude, math.inf)
    has_remainder = fb.both(is_finite, fb.both(fb.compare("ogt", modulus, 0.0), fb.compare("olt", modulus, math.inf)))
    unchanged = fb.both(is_finite, fb.compare("oeq", modulus, math.inf))
    modulus = fb.select(has_remainder, modulus, 1.0)
    # What is below the exponent of a subnormal number does not count: no quotient of two of them is too large.
    lowest = fb.add(exponent_of(fb, modulus), fb.format.mantissa_bits - 1.0)

    def reduce_once(inner: FloatBuilder, rest: SSAValue) -> SSAValue:
        k = inner.at_least(inner.sub(exponent_of(inner, rest), lowest), 0.0)
        multiple = scale(inner, modulus, k)
        return _reduced(inner, rest, multiple, inner.div(rest, multiple))

    rest = fb.while_any(
        fb.select(has_remainder, magnitude, 0.0), lambda inner, rest: inner.compare("oge", rest, modulus), reduce_once
    )
    return fb.select(has_remainder, rest, fb.select(unchanged, magnitude, math.nan))


def _reduced(fb: FloatBuilder, rest: SSAValue, modulus: SSAValue, quotient: SSAValue) -> SSAValue:
    """`rest` less a multiple of `modulus`, from 0 to less than that."""
    reduced = fb.fma(fb.neg(fb.floor(quotient)), modulus, rest)
    return fb.select(fb.compare("olt", reduced, 0.0), fb.add(reduced, modulus), reduced)
