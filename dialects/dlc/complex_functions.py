"""Elementwise functions of complex numbers in real arithmetic; their inverses are in `complex_inverses.py`.

A formula gets its operands as pairs of a real and an imaginary part. Special values are those of C99 (Annex G) as far as NumPy has them.
"""

import math
from collections.abc import Callable
from typing import TypeAlias, cast

from xdsl.dialects.builtin import IntegerType, bf16, f16, f32, f64, i16, i32, i64
from xdsl.ir import Attribute, SSAValue

from dialects.builder import OpBuilder
from dialects.dlc.arithmetic import add, div, mul, neg, sub
from dialects.dlc.binary import and_, max_, min_, or_
from dialects.dlc.bits import bitcast_convert, copysign
from dialects.dlc.constants import full, splat_value
from dialects.dlc.conversion import convert
from dialects.dlc.interfaces import element_type_of, tensor_type_of
from dialects.dlc.rounding import trunc
from dialects.dlc.selection import compare, select
from dialects.dlc.trigonometric import atan2, cosh, sinh, tan
from dialects.dlc.unary import abs_, cos, exp, expm1, log, log1p, sin, sqrt, stop_gradient

Pair: TypeAlias = tuple[SSAValue, SSAValue]

_EXPONENTS: dict[Attribute, tuple[IntegerType, int]] = {f16: (i16, 10), bf16: (i16, 7), f32: (i32, 23), f64: (i64, 52)}
"""For each format the integers of its width, and how many bits stand behind the exponent."""


def like(b: OpBuilder, x: SSAValue, value: float) -> SSAValue:
    """A constant of the type of `x`."""
    return full(b, value, tensor_type_of(x))


def equals(b: OpBuilder, x: SSAValue, value: float) -> SSAValue:
    """`x == value`."""
    return compare(b, "eq", x, like(b, x, value))


# Arithmetic


def multiply(b: OpBuilder, x: Pair, y: Pair) -> Pair:
    """`(a + ib)(c + id) = (ac - bd) + i(ad + bc)`."""
    (re_x, im_x), (re_y, im_y) = x, y
    return (
        sub(b, mul(b, re_x, re_y), mul(b, im_x, im_y)),
        add(b, mul(b, re_x, im_y), mul(b, im_x, re_y)),
    )


def divide(b: OpBuilder, x: Pair, y: Pair) -> Pair:
    """Smith's quotient, as NumPy's: both parts of the divisor are divided by the larger one."""
    (re_x, im_x), (re_y, im_y) = x, y
    re_larger = compare(b, "ge", abs_(b, re_y), abs_(b, im_y))
    is_zero = and_(b, equals(b, re_y, 0), equals(b, im_y, 0))
    large, small = select(b, re_larger, re_y, im_y), select(b, re_larger, im_y, re_y)
    ratio = div(b, small, select(b, is_zero, like(b, large, 1), large))
    scale = div(b, like(b, large, 1), add(b, large, mul(b, small, ratio)))
    # With the parts of the dividend exchanged where those of the divisor are.
    first, second = select(b, re_larger, re_x, im_x), select(b, re_larger, im_x, re_x)
    real = mul(b, add(b, first, mul(b, second, ratio)), scale)
    imag = mul(b, sub(b, second, mul(b, first, ratio)), scale)
    imag = select(b, re_larger, imag, neg(b, imag))
    zero = abs_(b, re_y)
    return select(b, is_zero, div(b, re_x, zero), real), select(b, is_zero, div(b, im_x, zero), imag)


def hypot(b: OpBuilder, x: SSAValue, y: SSAValue) -> SSAValue:
    """`sqrt(x**2 + y**2)`, scaled by a power of two so that squares stay in range; infinite if either is.

    The scale is a constant for derivatives, which are then those of the formula.
    """
    sizes = abs_(b, x), abs_(b, y)
    large = max_(b, *sizes)
    infinity, one = like(b, x, math.inf), like(b, x, 1)
    is_plain = and_(b, compare(b, "gt", large, like(b, x, 0)), compare(b, "lt", large, infinity))
    scale, inverse = _powers_of_two(b, stop_gradient(b, select(b, is_plain, large, one)))
    x, y = (mul(b, select(b, is_plain, side, one), inverse) for side in (x, y))
    length = mul(b, scale, sqrt(b, add(b, mul(b, x, x), mul(b, y, y))))
    is_infinite = or_(b, compare(b, "eq", sizes[0], infinity), compare(b, "eq", sizes[1], infinity))
    return select(b, is_plain, length, select(b, is_infinite, infinity, large))


def _powers_of_two(b: OpBuilder, size: SSAValue) -> Pair:
    """The largest power of two up to `size`, and its inverse, as far as both are normal numbers: no product with them is rounded."""
    element = element_type_of(size)
    integer, mantissa = _EXPONENTS[element]
    width = integer.width.data
    bias = (1 << (width - mantissa - 2)) - 1
    bits = bitcast_convert(b, size, integer)
    exponent = and_(b, bits, like(b, bits, 2 * bias + 1 << mantissa))
    exponent = min_(b, max_(b, exponent, like(b, bits, 1 << mantissa)), like(b, bits, 2 * bias - 1 << mantissa))
    inverse = sub(b, like(b, bits, 2 * bias << mantissa), exponent)
    return bitcast_convert(b, exponent, element), bitcast_convert(b, inverse, element)


# Functions


def exponential(b: OpBuilder, z: Pair) -> Pair:
    """`exp(x + iy) = exp(x) (cos(y) + i sin(y))`; a large factor is multiplied last, so that it overflows no earlier."""
    x, y = z
    limit, step = (85.0, 20.0) if bits_of(x) == 32 else (700.0, 50.0)
    is_large = compare(b, "gt", x, like(b, x, limit))
    size = exp(b, sub(b, x, select(b, is_large, like(b, x, step), like(b, x, 0))))
    rest = select(b, is_large, like(b, x, math.exp(step)), like(b, x, 1))
    is_real = equals(b, y, 0)  # keeps its zero, also where exp(x) is infinite
    has_no_angle = is_endless(b, y)
    vanishes = and_(b, equals(b, x, -math.inf), has_no_angle)
    angle = select(b, vanishes, like(b, y, 0), y)
    real = mul(b, mul(b, size, cos(b, angle)), rest)
    imag = mul(b, mul(b, size, sin(b, angle)), rest)
    real = select(b, and_(b, equals(b, x, math.inf), has_no_angle), x, real)
    return select(b, is_real, exp(b, x), real), select(b, is_real, y, imag)


def bits_of(x: SSAValue) -> int:
    """The width of the elements of `x`."""
    return cast(int, getattr(element_type_of(x), "bitwidth", 64))


def logarithm(b: OpBuilder, z: Pair) -> Pair:
    """`log(x) + log1p((y / x)**2) / 2 + i arg z` with `x` the larger part; near 1, `log1p((x - 1)(x + 1) + y**2) / 2`."""
    x, y = abs_(b, z[0]), abs_(b, z[1])
    large, small = max_(b, x, y), min_(b, x, y)
    one, nothing, infinity = like(b, x, 1), like(b, x, 0), like(b, x, math.inf)
    is_near = and_(b, compare(b, "gt", large, like(b, x, 0.5)), compare(b, "lt", large, like(b, x, 2)))
    excess = add(b, mul(b, sub(b, large, one), add(b, large, one)), mul(b, small, small))
    is_plain = compare(b, "gt", small, nothing)
    ratio = select(b, is_plain, div(b, small, select(b, is_plain, large, one)), nothing)
    beside = log1p(b, select(b, is_near, excess, mul(b, ratio, ratio)))
    real = add(b, select(b, is_near, nothing, log(b, large)), mul(b, beside, like(b, x, 0.5)))
    is_infinite = or_(b, compare(b, "eq", x, infinity), compare(b, "eq", y, infinity))
    return select(b, is_infinite, infinity, real), atan2(b, z[1], z[0])


def square_root(b: OpBuilder, z: Pair) -> Pair:
    """The root with a real part of at least 0; of the two parts, the larger one is computed without cancellation."""
    x, y = z
    infinity = like(b, x, math.inf)
    size = max_(b, abs_(b, x), abs_(b, y))
    # Scaled by powers of 4, so that |z| + |x| neither overflows nor loses bits.
    big, tiny = (1e37, 1e-30) if bits_of(x) == 32 else (1e307, 1e-290)
    up, down = (2.0**40, 2.0**-20) if bits_of(x) == 32 else (2.0**110, 2.0**-55)
    is_big, is_tiny = compare(b, "gt", size, like(b, x, big)), compare(b, "lt", size, like(b, x, tiny))
    scale = select(b, is_big, like(b, x, 1 / 16), select(b, is_tiny, like(b, x, up), like(b, x, 1)))
    back = select(b, is_big, like(b, x, 4), select(b, is_tiny, like(b, x, down), like(b, x, 1)))
    re, im = mul(b, x, scale), mul(b, y, scale)
    half = like(b, x, 0.5)
    root = sqrt(b, mul(b, add(b, abs_(b, re), hypot(b, re, im)), half))
    is_zero = and_(b, equals(b, x, 0), equals(b, y, 0))
    other = mul(b, div(b, abs_(b, im), select(b, is_zero, like(b, x, 1), root)), half)
    root, other = mul(b, root, back), mul(b, other, back)
    is_right = compare(b, "ge", x, like(b, x, 0))
    real = select(b, is_right, root, other)
    imag = copysign(b, select(b, is_right, other, root), y)
    is_left = compare(b, "lt", x, like(b, x, 0))
    is_infinite = compare(b, "eq", abs_(b, x), infinity)
    is_finite_beside = compare(b, "lt", abs_(b, y), infinity)
    on_left, on_right = (and_(b, is_infinite, side) for side in (is_left, compare(b, "gt", x, like(b, x, 0))))
    of_right = select(b, is_finite_beside, copysign(b, like(b, y, 0), y), y)
    of_left = select(b, is_finite_beside, like(b, x, 0), abs_(b, y))
    real = select(b, on_right, x, select(b, on_left, of_left, real))
    imag = select(b, on_right, of_right, select(b, on_left, copysign(b, infinity, y), imag))
    y_infinite = compare(b, "eq", abs_(b, y), infinity)
    real, imag = select(b, is_zero, like(b, x, 0), real), select(b, is_zero, y, imag)
    return select(b, y_infinite, infinity, real), select(b, y_infinite, y, imag)


def times_i(b: OpBuilder, z: Pair) -> Pair:
    """`i z`."""
    return neg(b, z[1]), z[0]


def over_i(b: OpBuilder, z: Pair) -> Pair:
    """`z / i`."""
    return z[1], neg(b, z[0])


def is_endless(b: OpBuilder, x: SSAValue) -> SSAValue:
    """Whether an element is infinite or NaN."""
    return compare(b, "ne", sub(b, x, x), like(b, x, 0))


def hyperbolic_sine(b: OpBuilder, z: Pair) -> Pair:
    """`sinh(x) cos(y) + i cosh(x) sin(y)`; a real or imaginary number stays one, also where a factor is infinite."""
    x, y = z
    cosine = cos(b, y)
    real, imag = mul(b, sinh(b, x), cosine), mul(b, cosh(b, x), sin(b, y))
    # 0 times NaN, and an infinity times NaN, for an infinite angle
    real = select(b, _is_unturned(b, z), mul(b, x, copysign(b, like(b, x, 1), cosine)), real)
    return real, select(b, equals(b, y, 0), y, imag)


def _is_unturned(b: OpBuilder, z: Pair) -> SSAValue:
    """Whether the real part of a number is 0 or infinite and the imaginary part is no angle."""
    size = abs_(b, z[0])
    return and_(b, or_(b, equals(b, size, 0), equals(b, size, math.inf)), is_endless(b, z[1]))


def hyperbolic_cosine(b: OpBuilder, z: Pair) -> Pair:
    """`cosh(x) cos(y) + i sinh(x) sin(y)`."""
    x, y = z
    real, imag = mul(b, cosh(b, x), cos(b, y)), mul(b, sinh(b, x), sin(b, y))
    size = abs_(b, x)
    real = select(b, and_(b, equals(b, size, math.inf), is_endless(b, y)), size, real)
    is_real = or_(b, equals(b, x, 0), equals(b, y, 0))
    turned = mul(b, copysign(b, like(b, x, 1), x), _zeroed(b, select(b, is_endless(b, y), y, sin(b, y))))
    return real, select(b, is_real, turned, imag)


def _zeroed(b: OpBuilder, y: SSAValue) -> SSAValue:
    """0 with the sign of `y`."""
    return copysign(b, like(b, y, 0), y)


def sine(b: OpBuilder, z: Pair) -> Pair:
    """`sin(z) = sinh(iz) / i`."""
    return over_i(b, hyperbolic_sine(b, times_i(b, z)))


def cosine(b: OpBuilder, z: Pair) -> Pair:
    """`cos(z) = cosh(iz)`."""
    return hyperbolic_cosine(b, times_i(b, z))


def hyperbolic_tangent(b: OpBuilder, z: Pair) -> Pair:
    """Kahan's: with `t = tan(y)`, `s = sinh(x)`: `(beta rho s + it) / (1 + beta s**2)`, `beta = 1 + t**2`, `rho = sqrt(1 + s**2)`.

    Kahan, "Branch cuts for complex elementary functions", 1987. For large `x` it is `1 + 4 i sin(y) cos(y) exp(-2|x|)`.
    """
    x, y = z
    one = like(b, x, 1)
    limit = 11.0 if bits_of(x) == 32 else 22.0
    is_large = compare(b, "gt", abs_(b, x), like(b, x, limit))
    within = select(b, is_large, like(b, x, 0), x)
    t, s = tan(b, y), sinh(b, within)
    beta, rho = add(b, one, mul(b, t, t)), sqrt(b, add(b, one, mul(b, s, s)))
    denominator = add(b, one, mul(b, beta, mul(b, s, s)))
    real = div(b, mul(b, beta, mul(b, rho, s)), denominator)
    imag = div(b, t, denominator)
    decay = exp(b, mul(b, abs_(b, x), like(b, x, -2)))
    # An infinite number has a tangent at every angle, finite ones only at finite angles.
    is_infinite = equals(b, abs_(b, x), math.inf)
    angle = select(b, and_(b, is_infinite, is_endless(b, y)), like(b, y, 0), y)
    far = mul(b, mul(b, mul(b, like(b, x, 4), sin(b, angle)), cos(b, angle)), decay)
    far_real = add(b, copysign(b, one, x), sub(b, angle, angle))
    real, imag = select(b, is_large, far_real, real), select(b, is_large, far, imag)
    return select(b, equals(b, x, 0), x, real), select(b, equals(b, y, 0), y, imag)


def tangent(b: OpBuilder, z: Pair) -> Pair:
    """`tan(z) = tanh(iz) / i`."""
    return over_i(b, hyperbolic_tangent(b, times_i(b, z)))


def scaled(b: OpBuilder, z: Pair, factor: float) -> Pair:
    """Both parts times a real number."""
    return mul(b, z[0], like(b, z[0], factor)), mul(b, z[1], like(b, z[1], factor))


def select_pair(b: OpBuilder, condition: SSAValue, x: Pair, y: Pair) -> Pair:
    """`x` where `condition` holds, else `y`."""
    return select(b, condition, x[0], y[0]), select(b, condition, x[1], y[1])


def one_like(b: OpBuilder, z: Pair) -> Pair:
    """1, of the type of `z`."""
    return like(b, z[0], 1), like(b, z[1], 0)


def reciprocal_square_root(b: OpBuilder, z: Pair) -> Pair:
    """`1 / sqrt(z)`."""
    return divide(b, one_like(b, z), square_root(b, z))


def exponential_minus_one(b: OpBuilder, z: Pair) -> Pair:
    """`exp(z) - 1`; where its real part cancels, it is `expm1(x) cos(y) - 2 sin(y/2)**2`.

    As in NumPy, numbers without an angle have none, though `exp` has a value for some.
    """
    x, y = z
    real, imag = exponential(b, z)
    one = like(b, x, 1)
    half_sine = sin(b, mul(b, y, like(b, y, 0.5)))
    near = sub(b, mul(b, expm1(b, x), cos(b, y)), mul(b, like(b, x, 2), mul(b, half_sine, half_sine)))
    near = select(b, equals(b, y, 0), expm1(b, x), near)
    real = select(b, compare(b, "lt", abs_(b, x), one), near, sub(b, real, one))
    missing = like(b, x, math.nan)
    return select_pair(b, is_endless(b, y), (missing, missing), (real, imag))


def logarithm_of_one_plus(b: OpBuilder, z: Pair) -> Pair:
    """`log(1 + z)`; its real part is `log1p(x (2 + x) + y**2) / 2` where `z` is small."""
    x, y = z
    half, one = like(b, x, 0.5), like(b, x, 1)
    real, imag = logarithm(b, (add(b, x, one), y))
    is_near = and_(b, compare(b, "lt", abs_(b, x), half), compare(b, "lt", abs_(b, y), half))
    excess = add(b, mul(b, x, add(b, x, like(b, x, 2))), mul(b, y, y))
    near = mul(b, log1p(b, select(b, is_near, excess, like(b, x, 0))), half)
    return select(b, is_near, near, real), imag


def power_of_two(b: OpBuilder, z: Pair) -> Pair:
    """`2**z = exp(log(2) z)`."""
    return exponential(b, scaled(b, z, math.log(2)))


def logarithm_to_base(base: int) -> Callable[[OpBuilder, Pair], Pair]:
    """The formula `log(z) / log(base)`."""

    def formula(b: OpBuilder, z: Pair) -> Pair:
        return scaled(b, logarithm(b, z), 1 / math.log(base))

    return formula


_FACTORS = 100
"""Powers by integers below this are products, as in NumPy."""


def power(b: OpBuilder, x: Pair, y: Pair) -> Pair:
    """`exp(y log(x))`, but a product where `y` is an integer below 100 in size, as in NumPy.

    `x**0` is 1; 0 to a power with a positive real part is 0, else NaN.
    """
    one, nothing = one_like(b, x), like(b, x[0], 0)
    is_zero = and_(b, equals(b, x[0], 0), equals(b, x[1], 0))
    of_zero = select(b, compare(b, "gt", y[0], nothing), nothing, like(b, nothing, math.nan))
    number, is_real = splat_value(y[0]), splat_value(y[1]) == 0
    if number is not None and is_real and abs(number) < _FACTORS and number == int(number):
        product = _product(b, x, abs(int(number)))
        return select_pair(b, is_zero, (of_zero, of_zero), divide(b, one, product)) if number < 0 else product
    result = exponential(b, multiply(b, y, logarithm(b, select_pair(b, is_zero, one, x))))
    if number is None:
        is_within = compare(b, "lt", abs_(b, y[0]), like(b, nothing, _FACTORS))
        count = select(b, is_within, y[0], nothing)
        is_whole = and_(b, and_(b, is_within, equals(b, y[1], 0)), compare(b, "eq", trunc(b, count), count))
        result = select_pair(b, is_whole, _product_of_any(b, x, count), result)
    exponent_is_zero = and_(b, equals(b, y[0], 0), equals(b, y[1], 0))
    of_zero = select(b, exponent_is_zero, one[0], of_zero), select(b, exponent_is_zero, nothing, of_zero)
    return select_pair(b, is_zero, of_zero, result)


def _product(b: OpBuilder, x: Pair, exponent: int) -> Pair:
    """`x ** exponent` by squaring."""
    result, factor = None, x
    while exponent:
        if exponent & 1:
            result = factor if result is None else multiply(b, result, factor)
        factor, exponent = multiply(b, factor, factor), exponent >> 1
    return result or one_like(b, x)


def _product_of_any(b: OpBuilder, x: Pair, exponent: SSAValue) -> Pair:
    """`x ** exponent` by squaring, for integers below `_FACTORS` in size that are not known while compiling."""
    count = convert(b, abs_(b, exponent), i32)
    nothing = like(b, count, 0)
    result, factor = one_like(b, x), x
    for bit in range(_FACTORS.bit_length()):
        has_bit = compare(b, "ne", and_(b, count, like(b, count, 1 << bit)), nothing)
        is_first = compare(b, "eq", and_(b, count, like(b, count, (1 << bit) - 1)), nothing)
        # 1 times an infinite number would be NaN
        product = select_pair(b, is_first, factor, multiply(b, result, factor))
        result = select_pair(b, has_bit, product, result)
        factor = multiply(b, factor, factor)
    inverse = divide(b, one_like(b, x), result)
    return select_pair(b, compare(b, "lt", exponent, like(b, exponent, 0)), inverse, result)
