"""The formulas of NumPy's elementwise ufuncs in `dlc` operations.

A rule gets the builder and operands of one shape, already converted to the dtypes of NumPy's loop. Where a formula has
a branch that is not taken, its operand is replaced there by a harmless one, so that derivatives stay finite.
"""

import math
from collections.abc import Callable

import numpy as np
from xdsl.dialects.builtin import i1, i64
from xdsl.ir import SSAValue

from compiler.special_rules import SPECIAL_RULES
from compiler.ufunc_bits import bitwise_count, frexp, ldexp, nextafter, right_shift, spacing
from dialects.builder import OpBuilder, tensor_type
from dialects.dlc.arithmetic import add, div, mul, neg, sub
from dialects.dlc.binary import and_, max_, min_, or_, pow_, rem, xor
from dialects.dlc.bits import copysign, shift_left, shift_right_arithmetic
from dialects.dlc.complex_functions import hypot
from dialects.dlc.complex_parts import complex_, conj, imag, real
from dialects.dlc.constants import full, splat_value
from dialects.dlc.conversion import convert
from dialects.dlc.interfaces import (
    dtype_of,
    element_type_of,
    is_bool,
    is_complex,
    is_float,
    is_unsigned,
    shape_of,
    tensor_type_of,
)
from dialects.dlc.powers import cbrt, exp2, log2, log10
from dialects.dlc.rounding import ceil, floor, round_, trunc
from dialects.dlc.selection import Direction, compare, select
from dialects.dlc.trigonometric import acos, acosh, asin, asinh, atan, atan2, atanh, cosh, sinh, tan
from dialects.dlc.unary import abs_, cos, exp, expm1, log, log1p, not_, sign, sin, sqrt, stop_gradient, tanh

Rule = Callable[..., SSAValue | tuple[SSAValue, ...]]


def like(b: OpBuilder, x: SSAValue, value: float) -> SSAValue:
    """A constant of the shape and element type of `x`."""
    return full(b, value, tensor_type(element_type_of(x), shape_of(x)))


def bool_like(b: OpBuilder, x: SSAValue, value: bool) -> SSAValue:
    """A constant of bools of the shape of `x`."""
    return full(b, value, tensor_type(i1, shape_of(x)))


def has_floats(x: SSAValue) -> bool:
    """Whether the elements of `x` are floating point."""
    return is_float(element_type_of(x)) and not has_complex(x)


def has_complex(x: SSAValue) -> bool:
    """Whether the elements of `x` are complex."""
    return is_complex(element_type_of(x))


def has_bools(x: SSAValue) -> bool:
    """Whether the elements of `x` are bools."""
    return is_bool(element_type_of(x))


def _moving_as(b: OpBuilder, x: SSAValue, value: SSAValue) -> SSAValue:
    """`value`, also if it is -0, with the derivatives of `x`, which is finite."""
    return sub(b, stop_gradient(b, value), sub(b, stop_gradient(b, x), x))


# Arithmetic


def add_rule(b: OpBuilder, x: SSAValue, y: SSAValue) -> SSAValue:
    """`x + y`; of bools, or."""
    return or_(b, x, y) if has_bools(x) else add(b, x, y)


def multiply_rule(b: OpBuilder, x: SSAValue, y: SSAValue) -> SSAValue:
    """`x y`; of bools, and."""
    return and_(b, x, y) if has_bools(x) else mul(b, x, y)


def positive(b: OpBuilder, x: SSAValue) -> SSAValue:
    """`x`."""
    del b
    return x


def absolute(b: OpBuilder, x: SSAValue) -> SSAValue:
    """`|x|`; a bool is its own; of a complex number, the length."""
    if has_complex(x):
        return hypot(b, real(b, x), imag(b, x))
    return x if has_bools(x) else abs_(b, x)


def sign_rule(b: OpBuilder, x: SSAValue) -> SSAValue:
    """-1, 0 or 1; of a complex number, `x / |x|`, or 0."""
    if not has_complex(x):
        return sign(b, x)
    size = absolute(b, x)
    is_zero = compare(b, "eq", size, like(b, size, 0))
    size = select(b, is_zero, like(b, size, 1), size)
    return complex_(b, div(b, real(b, x), size), div(b, imag(b, x), size))


def reciprocal(b: OpBuilder, x: SSAValue) -> SSAValue:
    """`1 / x`."""
    return div(b, like(b, x, 1), x)


def square(b: OpBuilder, x: SSAValue) -> SSAValue:
    """`x x`."""
    return mul(b, x, x)


def power(b: OpBuilder, x: SSAValue, y: SSAValue) -> SSAValue:
    """`x ** y`; by multiplication for small constant exponents."""
    exponent = splat_value(y)
    if exponent == 1:
        return x
    if exponent in {2, 3, 4}:
        squared = mul(b, x, x)
        return squared if exponent == 2 else mul(b, squared, x if exponent == 3 else squared)
    return pow_(b, x, y)


def floor_and_remainder(b: OpBuilder, x: SSAValue, y: SSAValue) -> tuple[SSAValue, SSAValue]:
    """`floor(x / y)` and the remainder with the sign of `y`, as NumPy computes them; zero for integers divided by 0."""
    zero = like(b, x, 0)
    remainder = rem(b, x, y)
    if not has_floats(x):
        # An integer divided by 0 must give 0, whatever the remainder of the operation is.
        is_mixed = xor(b, compare(b, "lt", remainder, zero), compare(b, "lt", y, zero))
        corrects = and_(b, and_(b, compare(b, "ne", remainder, zero), is_mixed), compare(b, "ne", y, zero))
        quotient = sub(b, div(b, x, y), convert(b, corrects, element_type_of(x)))
        remainder = add(b, remainder, select(b, corrects, y, zero))
        return quotient, select(b, compare(b, "eq", y, zero), zero, remainder)
    one = like(b, x, 1)
    is_mixed = xor(b, compare(b, "lt", remainder, zero), compare(b, "lt", y, zero))
    corrects = and_(b, compare(b, "ne", remainder, zero), is_mixed)
    exact = div(b, sub(b, x, remainder), y)
    exact = select(b, corrects, sub(b, exact, one), exact)
    rounded = floor(b, exact)
    rounded = select(b, compare(b, "gt", sub(b, exact, rounded), like(b, x, 0.5)), add(b, rounded, one), rounded)
    ratio = stop_gradient(b, div(b, x, y))
    # A quotient of zero has the sign of x / y; the quotient by zero is x / y itself.
    signed_zero = select(b, compare(b, "lt", ratio, zero), like(b, x, -0.0), mul(b, ratio, zero))
    signed_zero = select(b, compare(b, "gt", ratio, zero), zero, signed_zero)
    quotient = select(b, compare(b, "eq", exact, zero), signed_zero, rounded)
    quotient = select(b, compare(b, "eq", y, zero), ratio, quotient)
    corrected = select(b, corrects, add(b, remainder, y), remainder)
    of_zero = select(b, compare(b, "lt", y, zero), like(b, x, -0.0), zero)
    return quotient, select(b, compare(b, "eq", remainder, zero), _moving_as(b, remainder, of_zero), corrected)


def floor_divide(b: OpBuilder, x: SSAValue, y: SSAValue) -> SSAValue:
    """The quotient of `floor_and_remainder`."""
    divisor = splat_value(y)
    if not has_floats(x) and divisor is not None and divisor > 0:
        if is_unsigned(element_type_of(x)):
            return div(b, x, y)
        # All bits are the sign's: `~x` stands for negative `x`, and `~` of its quotient for the quotient.
        sign = shift_right_arithmetic(b, x, like(b, x, dtype_of(tensor_type_of(x)).itemsize * 8 - 1))
        return xor(b, div(b, xor(b, x, sign), y), sign)
    return floor_and_remainder(b, x, y)[0]


def remainder_rule(b: OpBuilder, x: SSAValue, y: SSAValue) -> SSAValue:
    """The remainder of `floor_and_remainder`."""
    divisor = splat_value(y)
    if not has_floats(x) and divisor is not None and divisor > 0:
        remainder = rem(b, x, y)
        is_negative = compare(b, "lt", remainder, like(b, x, 0))
        return select(b, is_negative, add(b, remainder, y), remainder)
    return floor_and_remainder(b, x, y)[1]


def fmod(b: OpBuilder, x: SSAValue, y: SSAValue) -> SSAValue:
    """The remainder with the sign of `x`; zero for integers divided by 0."""
    remainder = rem(b, x, y)
    if has_floats(x) or splat_value(y):
        return remainder
    zero = like(b, x, 0)
    return select(b, compare(b, "eq", y, zero), zero, remainder)


def rounding(op: Callable[[OpBuilder, SSAValue], SSAValue]) -> Rule:
    """A rule that rounds floats, both parts of complex numbers, and leaves integers alone."""

    def rule(b: OpBuilder, x: SSAValue) -> SSAValue:
        return op(b, x) if has_floats(x) or has_complex(x) else x

    return rule


def modf(b: OpBuilder, x: SSAValue) -> tuple[SSAValue, SSAValue]:
    """The fractional and the integral part, both with the sign of `x`."""
    whole = trunc(b, x) if has_floats(x) else x
    is_infinite = compare(b, "eq", abs_(b, x), like(b, x, math.inf))
    fraction = select(b, is_infinite, like(b, x, 0), sub(b, x, select(b, is_infinite, like(b, x, 0), whole)))
    return _moving_as(b, fraction, copysign(b, fraction, x)), whole


# Exponentials and trigonometry


def scaled(factor: float) -> Rule:
    """The rule `factor x`."""

    def rule(b: OpBuilder, x: SSAValue) -> SSAValue:
        return mul(b, x, like(b, x, factor))

    return rule


def logaddexp(base: float | None) -> Rule:
    """The rule `log(exp(x) + exp(y))`, or the same to another base: the larger, plus what the smaller adds.

    Which is the larger is chosen rather than computed by `max`, so that it is smooth where they are equal.
    """

    def rule(b: OpBuilder, x: SSAValue, y: SSAValue) -> SSAValue:
        is_less = compare(b, "lt", x, y)
        larger, smaller = select(b, is_less, y, x), select(b, is_less, x, y)
        # The difference of equal infinities is NaN.
        is_same = and_(b, compare(b, "eq", x, y), compare(b, "eq", abs_(b, x), like(b, x, math.inf)))
        zero = like(b, x, 0)
        distance = sub(b, select(b, is_same, zero, smaller), select(b, is_same, zero, larger))
        larger = select(b, is_same, max_(b, x, y), larger)
        if base is None:
            return add(b, larger, log1p(b, exp(b, distance)))
        rest = log1p(b, exp(b, mul(b, distance, like(b, x, math.log(base)))))
        return add(b, larger, div(b, rest, like(b, x, math.log(base))))

    return rule


# Comparisons, logic, kinds of numbers


def comparison(direction: Direction) -> Rule:
    """The rule that compares; NumPy's loops for uint64 and int64 together are exact, a negative number is less than all others."""

    def rule(b: OpBuilder, x: SSAValue, y: SSAValue) -> SSAValue:
        element = element_type_of(x)
        if element == element_type_of(y):
            return compare(b, direction, x, y)
        signed, unsigned = (x, y) if element == i64 else (y, x)
        is_negative = compare(b, "lt", signed, like(b, signed, 0))
        is_so = compare(b, direction, *(convert(b, v, element_type_of(unsigned)) for v in (x, y)))
        if direction == "ne" or direction in (("lt", "le") if signed is x else ("gt", "ge")):
            return or_(b, is_negative, is_so)
        return and_(b, not_(b, is_negative), is_so)

    return rule


def truth(b: OpBuilder, x: SSAValue) -> SSAValue:
    """`x != 0` as bools."""
    return x if has_bools(x) else compare(b, "ne", x, like(b, x, 0))


def logical(op: Callable[[OpBuilder, SSAValue, SSAValue], SSAValue]) -> Rule:
    """The rule that joins truth values."""

    def rule(b: OpBuilder, x: SSAValue, y: SSAValue) -> SSAValue:
        return op(b, truth(b, x), truth(b, y))

    return rule


def logical_not(b: OpBuilder, x: SSAValue) -> SSAValue:
    """`x == 0`."""
    return not_(b, truth(b, x))


def maximum(b: OpBuilder, x: SSAValue, y: SSAValue) -> SSAValue:
    """The larger; NaN if either is; of bools, or."""
    return or_(b, x, y) if has_bools(x) else max_(b, x, y)


def minimum(b: OpBuilder, x: SSAValue, y: SSAValue) -> SSAValue:
    """The smaller; NaN if either is; of bools, and."""
    return and_(b, x, y) if has_bools(x) else min_(b, x, y)


def ignoring_nan(rule: Callable[[OpBuilder, SSAValue, SSAValue], SSAValue]) -> Rule:
    """The rule of `fmax` and `fmin`: the other operand where one is NaN."""

    def ignoring(b: OpBuilder, x: SSAValue, y: SSAValue) -> SSAValue:
        if not has_floats(x):
            return rule(b, x, y)
        return select(b, isnan(b, x), y, select(b, isnan(b, y), x, rule(b, x, y)))

    return ignoring


def isnan(b: OpBuilder, x: SSAValue) -> SSAValue:
    """Whether an element is not a number."""
    return compare(b, "ne", x, x) if has_floats(x) or has_complex(x) else bool_like(b, x, value=False)


def isinf(b: OpBuilder, x: SSAValue) -> SSAValue:
    """Whether an element is infinite."""
    if not has_floats(x) and not has_complex(x):
        return bool_like(b, x, value=False)
    size = absolute(b, x)
    return compare(b, "eq", size, like(b, size, math.inf))


def isfinite(b: OpBuilder, x: SSAValue) -> SSAValue:
    """Whether an element is neither infinite nor NaN."""
    if has_complex(x):
        return and_(b, isfinite(b, real(b, x)), isfinite(b, imag(b, x)))
    return compare(b, "lt", abs_(b, x), like(b, x, math.inf)) if has_floats(x) else bool_like(b, x, value=True)


def signbit(b: OpBuilder, x: SSAValue) -> SSAValue:
    """Whether an element is negative, -0.0 and negative NaN included."""
    return compare(b, "lt", copysign(b, like(b, x, 1), x) if has_floats(x) else x, like(b, x, 0))


def heaviside(b: OpBuilder, x: SSAValue, at_zero: SSAValue) -> SSAValue:
    """0 below zero, `at_zero` at it, 1 above; NaN stays."""
    zero, one = like(b, x, 0), like(b, x, 1)
    step = select(b, compare(b, "gt", x, zero), one, select(b, compare(b, "lt", x, zero), zero, x))
    return select(b, compare(b, "eq", x, zero), at_zero, step)


def clip(b: OpBuilder, x: SSAValue, low: SSAValue, high: SSAValue) -> SSAValue:
    """`min(max(x, low), high)`."""
    return minimum(b, maximum(b, x, low), high)


UFUNC_RULES: dict[np.ufunc, Rule] = {
    np.add: add_rule,
    np.subtract: sub,
    np.multiply: multiply_rule,
    np.true_divide: div,
    np.negative: neg,
    np.positive: positive,
    np.absolute: absolute,
    np.fabs: absolute,
    np.sign: sign_rule,
    np.reciprocal: reciprocal,
    np.square: square,
    np.sqrt: sqrt,
    np.cbrt: cbrt,
    np.power: power,
    np.float_power: power,
    np.floor_divide: floor_divide,
    np.remainder: remainder_rule,
    np.fmod: fmod,
    np.divmod: floor_and_remainder,
    np.modf: modf,
    np.exp: exp,
    np.exp2: exp2,
    np.expm1: expm1,
    np.log: log,
    np.log2: log2,
    np.log10: log10,
    np.log1p: log1p,
    np.logaddexp: logaddexp(None),
    np.logaddexp2: logaddexp(2),
    np.sin: sin,
    np.cos: cos,
    np.tan: tan,
    np.arcsin: asin,
    np.arccos: acos,
    np.arctan: atan,
    np.arctan2: atan2,
    np.sinh: sinh,
    np.cosh: cosh,
    np.tanh: tanh,
    np.arcsinh: asinh,
    np.arccosh: acosh,
    np.arctanh: atanh,
    np.hypot: hypot,
    np.deg2rad: scaled(math.pi / 180),
    np.radians: scaled(math.pi / 180),
    np.rad2deg: scaled(180 / math.pi),
    np.degrees: scaled(180 / math.pi),
    np.floor: rounding(floor),
    np.ceil: rounding(ceil),
    np.rint: rounding(round_),
    np.trunc: rounding(trunc),
    np.less: comparison("lt"),
    np.less_equal: comparison("le"),
    np.greater: comparison("gt"),
    np.greater_equal: comparison("ge"),
    np.equal: comparison("eq"),
    np.not_equal: comparison("ne"),
    np.logical_and: logical(and_),
    np.logical_or: logical(or_),
    np.logical_xor: logical(xor),
    np.logical_not: logical_not,
    np.bitwise_and: and_,
    np.bitwise_or: or_,
    np.bitwise_xor: xor,
    np.invert: not_,
    np.left_shift: shift_left,
    np.right_shift: right_shift,
    np.bitwise_count: bitwise_count,
    np.maximum: maximum,
    np.minimum: minimum,
    np.fmax: ignoring_nan(maximum),
    np.fmin: ignoring_nan(minimum),
    np.isnan: isnan,
    np.isinf: isinf,
    np.isfinite: isfinite,
    np.signbit: signbit,
    np.copysign: copysign,
    np.nextafter: nextafter,
    np.spacing: spacing,
    np.ldexp: ldexp,
    np.frexp: frexp,
    np.heaviside: heaviside,
    np.conjugate: conj,
}
"""The rule of each elementwise ufunc of NumPy."""

UFUNC_RULES_BY_NAME: dict[str, Rule] = {**SPECIAL_RULES, "clip": clip}
"""Ufuncs found by name: SciPy's, which need not be installed, and NumPy's that have no public name."""
