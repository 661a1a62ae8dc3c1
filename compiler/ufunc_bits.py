"""The formulas of NumPy's ufuncs that look at the bits of numbers: shifts, neighbours, exponents and mantissas.

A number `x` of a format with `p` bits of mantissa and bias `b` is `±(1 + m / 2**p) 2**(e - b)`, where `m` and `e` are the
low `p` bits and those above; `e = 0` has no leading 1 (subnormal numbers), and the largest `e` is infinity and NaN.
"""

import math
from typing import Any

import numpy as np
from xdsl.ir import SSAValue

from dialects.builder import OpBuilder
from dialects.dlc.arithmetic import add, mul, sub
from dialects.dlc.binary import and_, max_, min_, or_
from dialects.dlc.bits import bitcast_convert, copysign, popcnt, shift_left, shift_right_arithmetic, shift_right_logical
from dialects.dlc.constants import full
from dialects.dlc.conversion import convert
from dialects.dlc.interfaces import ELEMENT_TYPES, dtype_of, element_type_of, tensor_type_of
from dialects.dlc.selection import compare, select
from dialects.dlc.unary import abs_


def right_shift(b: OpBuilder, x: SSAValue, count: SSAValue) -> SSAValue:
    """`x >> count`: filled with the sign, with zeros for unsigned numbers."""
    is_unsigned = dtype_of(tensor_type_of(x)).kind == "u"
    return (shift_right_logical if is_unsigned else shift_right_arithmetic)(b, x, count)


def bitwise_count(b: OpBuilder, x: SSAValue) -> SSAValue:
    """How many bits of `|x|` are 1."""
    return popcnt(b, x if dtype_of(tensor_type_of(x)).kind == "u" else abs_(b, x))


def nextafter(b: OpBuilder, x: SSAValue, y: SSAValue) -> SSAValue:
    """The number next to `x` in the direction of `y`: its bits plus one are the next away from zero."""
    bits = _bits(b, x)
    one, zero = _like(b, bits, 1), _like(b, x, 0)
    grows = compare(b, "eq", compare(b, "lt", x, y), compare(b, "gt", x, zero))
    moved = bitcast_convert(b, select(b, grows, add(b, bits, one), sub(b, bits, one)), element_type_of(x))
    smallest = copysign(b, bitcast_convert(b, one, element_type_of(x)), y)
    moved = select(b, compare(b, "eq", x, zero), smallest, moved)
    moved = select(b, compare(b, "eq", x, y), y, moved)
    has_nan = or_(b, compare(b, "ne", x, x), compare(b, "ne", y, y))
    return select(b, has_nan, _like(b, x, math.nan), moved)


def spacing(b: OpBuilder, x: SSAValue) -> SSAValue:
    """The distance to the number next to `x` away from zero, with the sign of `x` (positive for 0); NaN for infinity."""
    away = select(b, compare(b, "lt", x, _like(b, x, 0)), _like(b, x, -math.inf), _like(b, x, math.inf))
    return sub(b, nextafter(b, x, away), x)


def frexp(b: OpBuilder, x: SSAValue) -> tuple[SSAValue, SSAValue]:
    """`m` and `e` with `x = m 2**e` and `½ ≤ |m| < 1`; zero, infinity and NaN are `m` themselves."""
    limits = _limits(x)
    number, size = x, abs_(b, x)
    is_plain = and_(b, compare(b, "gt", size, _like(b, x, 0)), compare(b, "lt", size, _like(b, x, math.inf)))
    x = select(b, is_plain, x, _like(b, x, 1))
    is_small = compare(b, "lt", size, _like(b, x, float(limits.smallest_normal)))
    lift = select(b, is_small, _like(b, x, 2.0**limits.nmant), _like(b, x, 1))
    lifted = mul(b, x, lift)
    bits = _bits(b, lifted)
    bias, mask = _bias(limits), 2**limits.nexp - 1
    field = and_(b, shift_right_logical(b, bits, _like(b, bits, limits.nmant)), _like(b, bits, mask))
    two = _like(b, bits, 2)
    # In two steps: 2**-e itself may be out of range.
    reduced = sub(b, sub(b, field, _like(b, bits, bias - 1)), two)
    mantissa = mul(b, mul(b, lifted, _power_of_two(b, sub(b, _like(b, bits, 0), reduced), x)), _like(b, x, 0.25))
    exponent = sub(b, add(b, reduced, two), select(b, is_small, _like(b, bits, limits.nmant), _like(b, bits, 0)))
    return select(b, is_plain, mantissa, number), select(b, is_plain, exponent, _like(b, exponent, 0))


def ldexp(b: OpBuilder, x: SSAValue, exponent: SSAValue) -> SSAValue:
    """`x 2**exponent`, rounded once."""
    mantissa, own = frexp(b, x)
    bias = _bias(_limits(x))
    # Every result beyond is zero or infinite, and sums stay within the integers.
    count = _clamped(b, exponent, -5 * bias, 5 * bias)
    total = add(b, own, convert(b, count, element_type_of(own)))
    first = _clamped(b, total, 2 - bias, bias)
    second = _clamped(b, sub(b, total, first), 1 - bias, bias)
    return mul(b, mul(b, mantissa, _power_of_two(b, first, x)), _power_of_two(b, second, x))


def _bits(b: OpBuilder, x: SSAValue) -> SSAValue:
    """The bits of floats as signed integers."""
    width = dtype_of(tensor_type_of(x)).itemsize
    return bitcast_convert(b, x, ELEMENT_TYPES[np.dtype(f"i{width}")])


def _power_of_two(b: OpBuilder, exponent: SSAValue, like: SSAValue) -> SSAValue:
    """`2**exponent` in the type of `like`, for exponents of numbers that are not subnormal."""
    limits = _limits(like)
    field = add(b, exponent, _like(b, exponent, _bias(limits)))
    return bitcast_convert(b, shift_left(b, field, _like(b, field, limits.nmant)), element_type_of(like))


def _clamped(b: OpBuilder, x: SSAValue, low: int, high: int) -> SSAValue:
    return min_(b, max_(b, x, _like(b, x, low)), _like(b, x, high))


def _limits(x: SSAValue) -> Any:
    return np.finfo(dtype_of(tensor_type_of(x)))


def _bias(limits: Any) -> int:
    return 1 - int(limits.minexp)


def _like(b: OpBuilder, x: SSAValue, value: float) -> SSAValue:
    return full(b, value, tensor_type_of(x))
