"""Inverse trigonometric and hyperbolic functions of complex numbers in real arithmetic.

The formulas are those of Kahan, "Branch cuts for complex elementary functions, or much ado about nothing's sign bit" (1987): sums
without cancellation, on branch cuts continuous with the side that the sign of zero says. Special values are those of C99 (Annex G).
"""

import math

from xdsl.ir import SSAValue

from dialects.builder import OpBuilder
from dialects.dlc.arithmetic import add, div, mul, neg, sub
from dialects.dlc.binary import and_, or_
from dialects.dlc.bits import copysign
from dialects.dlc.complex_functions import (
    Pair,
    bits_of,
    equals,
    hypot,
    like,
    logarithm,
    over_i,
    select_pair,
    square_root,
    times_i,
)
from dialects.dlc.selection import compare, select
from dialects.dlc.trigonometric import asinh, atan2
from dialects.dlc.unary import abs_, log, log1p


def _is_large(b: OpBuilder, z: Pair) -> SSAValue:
    """Whether 1 vanishes beside `z**2`; squares of smaller numbers stay in range."""
    limit = like(b, z[0], 1e10 if bits_of(z[0]) == 32 else 1e20)
    return or_(b, *(compare(b, "gt", abs_(b, part), limit) for part in z))


def _moderate(b: OpBuilder, z: Pair, is_large: SSAValue) -> Pair:
    """`z`, and 1 where it is large, as a formula for it is not used there."""
    return select(b, is_large, like(b, z[0], 1), z[0]), select(b, is_large, like(b, z[1], 0), z[1])


def _roots(b: OpBuilder, z: Pair) -> tuple[Pair, Pair]:
    """`sqrt(1 - z)` and `sqrt(1 + z)`."""
    x, y = z
    one = like(b, x, 1)
    return square_root(b, (sub(b, one, x), neg(b, y))), square_root(b, (add(b, one, x), y))


def _inverse_sine_size(b: OpBuilder, z: Pair, minus: Pair, plus: Pair) -> SSAValue:
    """The imaginary part of `asin(z)`, of which that of `acos(z)` is the negative."""
    within = asinh(b, sub(b, mul(b, minus[0], plus[1]), mul(b, minus[1], plus[0])))
    doubled = add(b, logarithm(b, z)[0], like(b, z[0], math.log(2)))
    return select(b, _is_large(b, z), copysign(b, doubled, z[1]), within)


def inverse_sine(b: OpBuilder, z: Pair) -> Pair:
    """`atan(x / Re(p q)) + i asinh(Im(conj(p) q))` with `p = sqrt(1 - z)`, `q = sqrt(1 + z)`."""
    x, y = z
    is_large = _is_large(b, z)
    minus, plus = _roots(b, _moderate(b, z, is_large))
    beside = sub(b, mul(b, minus[0], plus[0]), mul(b, minus[1], plus[1]))
    # For large numbers p q = -i z or i z.
    real = atan2(b, x, select(b, is_large, abs_(b, y), beside))
    return select(b, equals(b, x, 0), x, real), _inverse_sine_size(b, z, minus, plus)


def inverse_cosine(b: OpBuilder, z: Pair) -> Pair:
    """`2 atan(Re(p) / Re(q)) - i asinh(Im(conj(p) q))` with `p = sqrt(1 - z)`, `q = sqrt(1 + z)`."""
    x, y = z
    is_large = _is_large(b, z)
    minus, plus = _roots(b, _moderate(b, z, is_large))
    near = atan2(b, minus[0], plus[0])
    real = select(b, is_large, atan2(b, abs_(b, y), x), add(b, near, near))
    real = select(b, equals(b, x, 0), like(b, x, math.pi / 2), real)
    return real, neg(b, _inverse_sine_size(b, z, minus, plus))


def inverse_hyperbolic_sine(b: OpBuilder, z: Pair) -> Pair:
    """`asinh(z) = asin(iz) / i`."""
    return over_i(b, inverse_sine(b, times_i(b, z)))


def inverse_hyperbolic_cosine(b: OpBuilder, z: Pair) -> Pair:
    """`i acos(z)` or `-i acos(z)`, the one with a real part of at least 0."""
    real, imag = inverse_cosine(b, z)
    return abs_(b, imag), copysign(b, real, z[1])


def inverse_hyperbolic_tangent(b: OpBuilder, z: Pair) -> Pair:
    """`log1p(4x / ((1 - x)**2 + y**2)) / 4 + i atan2(2y, (1 - x)(1 + x) - y**2) / 2` for positive `x`; it is odd.

    Large numbers have a real part of `Re(1 / z)`.
    """
    is_large = _is_large(b, z)
    x, y = _moderate(b, (abs_(b, z[0]), z[1]), is_large)
    one, two, nothing = like(b, x, 1), like(b, x, 2), like(b, x, 0)
    below, square = sub(b, one, x), mul(b, y, y)
    # y**2 is out of range for the least numbers beside 1.
    is_pole = and_(b, equals(b, below, 0), compare(b, "lt", abs_(b, y), like(b, y, 1e-10)))
    distance = add(b, mul(b, below, below), square)
    ratio = div(b, mul(b, like(b, x, 4), x), select(b, is_pole, one, distance))
    at_pole = mul(b, sub(b, like(b, y, math.log(2)), log(b, select(b, is_pole, abs_(b, y), one))), like(b, y, 0.5))
    real = select(b, is_pole, at_pole, mul(b, log1p(b, ratio), like(b, x, 0.25)))
    imag = mul(b, atan2(b, mul(b, two, y), sub(b, mul(b, below, add(b, one, x)), square)), like(b, y, 0.5))
    length = hypot(b, *z)
    far = div(b, div(b, abs_(b, z[0]), length), length)
    far = select(b, equals(b, length, math.inf), nothing, far)
    are_numbers = and_(b, *(compare(b, "eq", part, part) for part in z))
    has_angle = or_(b, are_numbers, equals(b, abs_(b, z[1]), math.inf))
    right_angle = select(b, has_angle, like(b, y, math.pi / 2), like(b, y, math.nan))
    real, imag = select_pair(b, is_large, (far, copysign(b, right_angle, z[1])), (real, imag))
    return select(b, equals(b, z[0], 0), z[0], copysign(b, real, z[0])), imag


def inverse_tangent(b: OpBuilder, z: Pair) -> Pair:
    """`atan(z) = atanh(iz) / i`."""
    return over_i(b, inverse_hyperbolic_tangent(b, times_i(b, z)))
