"""The exact remainder of floating-point division, as C's `fmod`, in straight-line scalar code."""

from xdsl.dialects import arith, math
from xdsl.dialects.builtin import f32, f64
from xdsl.ir import SSAValue

from dialects.builder import OpBuilder
from dialects.dlc.scalars import scalar_compare, scalar_op, scalar_select

_STEP_BITS = 50


def float_remainder(b: OpBuilder, x: SSAValue, y: SSAValue) -> SSAValue:
    """Build the number of the sign of `x` and less than `|y|` that differs from `x` by a multiple of `y`, exactly.

    See Note [Exact remainder]. NaN if `x` is infinite or `y` is 0; `x` if `y` is infinite.
    """
    if x.type == f32:
        wide = _remainder_of_f32(b, b.create(arith.ExtFOp, (x,), f64), b.create(arith.ExtFOp, (y,), f64))
        return b.create(arith.TruncFOp, (wide,), f32)
    return _remainder_of_f64(b, x, y)


def _remainder_of_f32(b: OpBuilder, x: SSAValue, y: SSAValue) -> SSAValue:
    magnitude, modulus = scalar_op(b, math.AbsFOp, x), scalar_op(b, math.AbsFOp, y)
    # |x / y| < 2**277; f64 has 53 bits, so the product of a quotient of 28 bits and y (24 bits) is exact.
    rest = magnitude
    for power in range(252, -1, -28):
        rest = _reduce(b, rest, scalar_op(b, arith.MulfOp, modulus, b.constant(2.0**power, f64)))
    return _finish(b, x, magnitude, modulus, rest)


def _remainder_of_f64(b: OpBuilder, x: SSAValue, y: SSAValue) -> SSAValue:
    magnitude, modulus = scalar_op(b, math.AbsFOp, x), scalar_op(b, math.AbsFOp, y)
    largest = b.constant(1.7976931348623157e308, f64)
    step = b.constant(2.0**_STEP_BITS, f64)
    # Capping a multiple of y at the largest number must not change its quotient, 0: hence x / 4 where x >= 1.
    is_large = scalar_compare(b, "ge", magnitude, b.constant(1.0, f64))
    scale = scalar_select(b, is_large, b.constant(0.25, f64), b.constant(1.0, f64))
    back = scalar_select(b, is_large, b.constant(4.0, f64), b.constant(1.0, f64))
    rest = scalar_op(b, arith.MulfOp, magnitude, scale)
    multiple = scalar_op(b, arith.MulfOp, scalar_op(b, arith.MulfOp, modulus, step), scale)
    multiples = [scalar_op(b, arith.MinimumfOp, multiple, largest)]
    # |x / y| < 2**2098
    for _ in range(2098 // _STEP_BITS - 1):
        multiple = scalar_op(b, arith.MulfOp, multiples[-1], step)
        multiples.append(scalar_op(b, arith.MinimumfOp, multiple, largest))
    for multiple in reversed(multiples):
        rest = _reduce_fused(b, rest, multiple)
    rest = _reduce_fused(b, scalar_op(b, arith.MulfOp, rest, back), modulus)
    return _finish(b, x, magnitude, modulus, rest)


def _reduce(b: OpBuilder, rest: SSAValue, multiple: SSAValue) -> SSAValue:
    quotient = scalar_op(b, math.RoundEvenOp, scalar_op(b, arith.DivfOp, rest, multiple))
    return scalar_op(b, arith.SubfOp, rest, scalar_op(b, arith.MulfOp, quotient, multiple))


def _reduce_fused(b: OpBuilder, rest: SSAValue, multiple: SSAValue) -> SSAValue:
    quotient = scalar_op(b, math.RoundEvenOp, scalar_op(b, arith.DivfOp, rest, multiple))
    return scalar_op(b, math.FmaOp, scalar_op(b, arith.NegfOp, quotient), multiple, rest)


def _finish(b: OpBuilder, x: SSAValue, magnitude: SSAValue, modulus: SSAValue, rest: SSAValue) -> SSAValue:
    """From a remainder in `[-|y| / 2, |y| / 2]` to one in `[0, |y|)`, with the sign of `x`."""
    is_negative = scalar_compare(b, "lt", rest, b.constant(0.0, f64))
    rest = scalar_select(b, is_negative, scalar_op(b, arith.AddfOp, rest, modulus), rest)
    rest = scalar_select(b, scalar_compare(b, "lt", magnitude, modulus), magnitude, rest)
    return scalar_op(b, math.CopySignOp, rest, x)


# Note [Exact remainder]
#
# With m = |y| * 2**k and |r| < m * 2**n, where n + 1 bits fit the significand, q = roundeven(r / m) is within 1/2 (and a
# rounding error) of r / m, so r - q * m lies in [-m/2, m/2] up to that error. It is a multiple of the last bit of m and
# smaller than m, hence a floating-point number: subtracting the exact product q * m (a fused multiply-add, or few enough
# bits) makes no error at all. Going from the largest k down to 0 in steps of n leaves r in [-|y|/2, |y|/2].
