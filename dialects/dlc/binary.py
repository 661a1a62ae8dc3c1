"""Elementwise functions of two operands.

`add`, `sub`, `mul` and `div` are defined in `arithmetic.py` and can be imported from here too.
"""

from collections.abc import Sequence
from typing import ClassVar, cast

import numpy as np
from xdsl.dialects import arith, math
from xdsl.dialects.builtin import IntegerType
from xdsl.ir import SSAValue
from xdsl.irdl import irdl_op_definition

from dialects import special
from dialects.builder import OpBuilder
from dialects.dlc.arithmetic import add, add_tangents, div, mul, neg, sub
from dialects.dlc.constants import full, splat_value
from dialects.dlc.elementwise import BinaryOp
from dialects.dlc.interfaces import Array, dtype_of, element_type_of, is_complex, is_float, is_unsigned, tensor_type_of
from dialects.dlc.rounding import round_
from dialects.dlc.scalars import (
    Direction,
    greater_of,
    lesser_of,
    safe_divisor,
    scalar_compare,
    scalar_op,
    scalar_select,
)
from dialects.dlc.selection import compare, select
from dialects.dlc.unary import log, not_, sqrt

__all__ = ["add", "and_", "div", "max_", "min_", "mul", "or_", "pow_", "rem", "sub", "xor"]


def _remainder(x: Array, y: Array) -> Array:
    if x.dtype.kind == "f":
        return np.fmod(x, y)
    return np.where((y == 0) | (y == -1), 0, np.fmod(x, np.where((y == 0) | (y == -1), 1, y)))


@irdl_op_definition
class RemOp(BinaryOp):
    """`result[i] = lhs[i] - trunc(lhs[i] / rhs[i]) rhs[i]`, exactly; it has the sign of `lhs[i]`.

    The remainder of dividing an integer by 0 is 0.
    """

    name = "dlc.rem"

    UFUNC: ClassVar = _remainder

    def jvp(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> SSAValue | None:
        """`d rem(x, y) = dx - trunc(x / y) dy`."""
        dx, dy = tangents
        if dy is None:
            return dx
        quotient = div(b, sub(b, self.lhs, self.result), self.rhs)
        change = mul(b, neg(b, round_(b, quotient)), dy)
        return add_tangents(b, dx, change)

    def scalar(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue:
        """`arith.remsi` or `remui` with divisors replaced that would trap, or `special.rem`."""
        x, y = operands
        if is_float(x.type):
            return scalar_op(b, special.RemOp, x, y)
        return scalar_op(b, arith.RemUIOp if is_unsigned(x.type) else arith.RemSIOp, x, safe_divisor(b, y))


def _power(x: Array, y: Array) -> Array:
    if x.dtype.kind in "fc":
        return np.power(x, y)
    power = np.power(x, np.maximum(y, 0))
    is_unit = (x == 1) | (x == -1)
    return np.where(y >= 0, power, np.where(is_unit, np.where(y & 1, x, 1), 0))


@irdl_op_definition
class PowOp(BinaryOp):
    """`result[i] = lhs[i] ** rhs[i]`.

    Integers wrap around; a negative exponent gives 0 unless the base is 1 or -1.
    """

    name = "dlc.pow"

    KINDS: ClassVar[str] = "float, complex or int"
    UFUNC: ClassVar = _power

    def jvp(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> SSAValue | None:
        """`d x**y = y x**(y - 1) dx + log(x) x**y dy`; the first term is 0 where `y` is 0, the second where `x` is."""
        dx, dy = tangents
        x, y = self.lhs, self.rhs
        one = full(b, 1, self.result.type)
        zero = full(b, 0, self.result.type)
        by_base = by_exponent = None
        if dx is not None and splat_value(y) != 0:
            by_base = mul(b, dx, self._slope(b))
        if dy is not None:
            base = select(b, compare(b, "eq", x, zero), one, x)
            by_exponent = mul(b, dy, mul(b, log(b, base), self.result))
        return add_tangents(b, by_base, by_exponent)

    def _slope(self, b: OpBuilder) -> SSAValue:
        """`y x**(y - 1)`."""
        x, y = self.lhs, self.rhs
        if (number := splat_value(y)) is not None:
            return mul(b, y, pow_(b, x, full(b, number - 1, self.result.type)))
        one = full(b, 1, self.result.type)
        is_constant = compare(b, "eq", y, full(b, 0, self.result.type))
        # x ** 0 is finite for every x, so that the product with y = 0 is 0
        return mul(b, y, pow_(b, x, select(b, is_constant, full(b, 0, self.result.type), sub(b, y, one))))

    def scalar(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue:
        """`math.powf`; a square root for some constant exponents; for integers a product over the bits of the exponent."""
        x, y = operands
        if is_float(x.type) and (number := splat_value(self.rhs)) in {-2.5, -1.5, -0.5, 1.5, 2.5}:
            return _half_power(b, x, float(number))
        return scalar_op(b, math.PowFOp, x, y) if is_float(x.type) else _integer_power(b, x, y)

    def simplify(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue | None:
        """`x**0` = `1`, `x**1` = `x`, `x**2` = `x x`, `x**3` = `x x x`, `x**-1` = `1 / x`, `x**0.5` = `sqrt(x)`.

        The last differs at -inf only, as NumPy's `**` does. Integers are multiplied out for every exponent up to 64.
        """
        x, y = operands
        number = splat_value(y)
        if number is None:
            return None
        if number == 0:
            return full(b, 1, self.result.type)
        if number == 1:
            return x
        if is_float(element_type_of(x)):
            if number == 0.5:
                return sqrt(b, x)
            if number == -1 and not is_complex(element_type_of(x)):  # whose 0**-1 is NaN
                return div(b, full(b, 1, self.result.type), x)
        if number in {2, 3} or (number in range(2, 65) and not is_float(element_type_of(x))):
            return _repeated_product(b, x, int(number))
        return None


def _half_power(b: OpBuilder, x: SSAValue, exponent: float) -> SSAValue:
    """`|sqrt(x) x x…|` or `|rsqrt(x) / x / x…|`, but at -inf; the sign is that of -0.0 only."""
    result = scalar_op(b, math.SqrtOp if exponent > 0 else math.RsqrtOp, x)
    for _ in range(int(abs(exponent))):
        result = scalar_op(b, arith.MulfOp if exponent > 0 else arith.DivfOp, result, x)
    is_lowest = scalar_compare(b, "eq", x, b.constant(-np.inf, x.type))
    limit = b.constant(np.inf if exponent > 0 else 0.0, x.type)
    return scalar_select(b, is_lowest, limit, scalar_op(b, math.AbsFOp, result))


def _repeated_product(b: OpBuilder, x: SSAValue, exponent: int) -> SSAValue:
    result = None
    while True:
        if exponent & 1:
            result = x if result is None else mul(b, result, x)
        exponent >>= 1
        if not exponent:
            assert result is not None
            return result
        x = mul(b, x, x)


def _integer_power(b: OpBuilder, x: SSAValue, y: SSAValue) -> SSAValue:
    """Square and multiply over all bits of the exponent but its sign, without a branch."""
    zero, one = b.constant(0, x.type), b.constant(1, x.type)
    result, square = one, x
    unsigned = is_unsigned(x.type)
    for bit in range(cast(IntegerType, x.type).width.data - (0 if unsigned else 1)):
        is_set = scalar_compare(b, "ne", scalar_op(b, arith.AndIOp, y, b.constant(1 << bit, y.type)), zero)
        result = scalar_op(b, arith.MuliOp, result, scalar_select(b, is_set, square, one))
        square = scalar_op(b, arith.MuliOp, square, square)
    if unsigned:
        return result
    # Powers of 1 and -1 depend on the lowest bit of the exponent only, and those are right whatever its sign is.
    is_unit = scalar_op(
        b, arith.OrIOp, scalar_compare(b, "eq", x, one), scalar_compare(b, "eq", x, b.constant(-1, x.type))
    )
    fraction = scalar_select(b, is_unit, result, zero)
    return scalar_select(b, scalar_compare(b, "lt", y, zero), fraction, result)


class ExtremumOp(BinaryOp):
    """The greater or the lesser of two, for which the derivative has to choose."""

    WINS: ClassVar[Direction]
    """How `lhs` compares to `rhs` where `lhs` is the result."""

    LOSES: ClassVar[Direction]

    def jvp(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> SSAValue | None:
        """The tangent of the operand that is the result; half of each where both are equal."""
        dx, dy = tangents
        one, half, zero = (full(b, value, self.result.type) for value in (1, 0.5, 0))
        rest = select(b, compare(b, self.LOSES, self.lhs, self.rhs), zero, half)
        weight = select(b, compare(b, self.WINS, self.lhs, self.rhs), one, rest)
        return add_tangents(
            b,
            None if dx is None else mul(b, dx, weight),
            None if dy is None else mul(b, dy, sub(b, one, weight)),
        )

    def simplify(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue | None:
        """`max(x, x)` = `x`; `min(x, x)` = `x`."""
        del b
        x, y = operands
        return x if x is y else None


@irdl_op_definition
class MaxOp(ExtremumOp):
    """`result[i]` = the greater of `lhs[i]` and `rhs[i]`; NaN if either is."""

    name = "dlc.max"

    WINS: ClassVar[Direction] = "gt"
    LOSES: ClassVar[Direction] = "lt"
    UFUNC: ClassVar = np.maximum

    def scalar(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue:
        """The maximum of this type."""
        return scalar_op(b, greater_of(operands[0].type), *operands)


@irdl_op_definition
class MinOp(ExtremumOp):
    """`result[i]` = the lesser of `lhs[i]` and `rhs[i]`; NaN if either is."""

    name = "dlc.min"

    WINS: ClassVar[Direction] = "lt"
    LOSES: ClassVar[Direction] = "gt"
    UFUNC: ClassVar = np.minimum

    def scalar(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue:
        """The minimum of this type."""
        return scalar_op(b, lesser_of(operands[0].type), *operands)


class BitwiseOp(BinaryOp):
    """A logical operation on bools, on every bit for integers."""

    NO_DERIVATIVE: ClassVar[str] = "integers have no derivative"

    KINDS: ClassVar[str] = "bool or int"


@irdl_op_definition
class AndOp(BitwiseOp):
    """`result[i] = lhs[i] and rhs[i]`, on every bit for integers."""

    name = "dlc.and"

    UFUNC: ClassVar = np.bitwise_and
    INT_OP: ClassVar = arith.AndIOp

    def simplify(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue | None:
        """`x & x` = `x`; `x & -1` = `x`; `x & 0` = `0`."""
        del b
        for x, y in (operands, operands[::-1]):
            number = splat_value(y)
            if x is y or _is_all_ones(y, number):
                return x
            if number == 0:
                return y
        return None


@irdl_op_definition
class OrOp(BitwiseOp):
    """`result[i] = lhs[i] or rhs[i]`, on every bit for integers."""

    name = "dlc.or"

    UFUNC: ClassVar = np.bitwise_or
    INT_OP: ClassVar = arith.OrIOp

    def simplify(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue | None:
        """`x | x` = `x`; `x | 0` = `x`; `x | -1` = `-1`."""
        del b
        for x, y in (operands, operands[::-1]):
            number = splat_value(y)
            if x is y or number == 0:
                return x
            if _is_all_ones(y, number):
                return y
        return None


@irdl_op_definition
class XorOp(BitwiseOp):
    """`result[i]` = either `lhs[i]` or `rhs[i]` but not both, on every bit for integers."""

    name = "dlc.xor"

    UFUNC: ClassVar = np.bitwise_xor
    INT_OP: ClassVar = arith.XOrIOp

    def simplify(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue | None:
        """`x ^ x` = `0`; `x ^ 0` = `x`; `x ^ -1` = `not(x)`."""
        for x, y in (operands, operands[::-1]):
            number = splat_value(y)
            if x is y:
                return full(b, 0, self.result.type)
            if number == 0:
                return x
            if _is_all_ones(y, number):
                return not_(b, x)
        return None


def _is_all_ones(value: SSAValue, number: float | None) -> bool:
    if number is None:
        return False
    dtype = dtype_of(tensor_type_of(value))
    return number == (1 if dtype.kind == "b" else -1 if dtype.kind == "i" else np.iinfo(dtype).max)


def rem(b: OpBuilder, x: SSAValue, y: SSAValue) -> SSAValue:
    """Append the remainder of `x / y` truncated, with the sign of `x`."""
    return RemOp.emit(b, (x, y))


def pow_(b: OpBuilder, x: SSAValue, y: SSAValue) -> SSAValue:
    """Append `x ** y`."""
    return PowOp.emit(b, (x, y))


def max_(b: OpBuilder, x: SSAValue, y: SSAValue) -> SSAValue:
    """Append the greater of `x` and `y`; NaN wins."""
    return MaxOp.emit(b, (x, y))


def min_(b: OpBuilder, x: SSAValue, y: SSAValue) -> SSAValue:
    """Append the lesser of `x` and `y`; NaN wins."""
    return MinOp.emit(b, (x, y))


def and_(b: OpBuilder, x: SSAValue, y: SSAValue) -> SSAValue:
    """Append `x & y`."""
    return AndOp.emit(b, (x, y))


def or_(b: OpBuilder, x: SSAValue, y: SSAValue) -> SSAValue:
    """Append `x | y`."""
    return OrOp.emit(b, (x, y))


def xor(b: OpBuilder, x: SSAValue, y: SSAValue) -> SSAValue:
    """Append `x ^ y`."""
    return XorOp.emit(b, (x, y))
