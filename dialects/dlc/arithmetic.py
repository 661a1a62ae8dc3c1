"""The field operations and negation, closed under their own derivatives: `neg`, `add`, `sub`, `mul`, `div`.

`unary.py` and `binary.py` hold the other elementwise operations, whose derivatives are built from these.
"""

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from xdsl.dialects import arith
from xdsl.dialects.builtin import f16
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import irdl_op_definition

from dialects.builder import OpBuilder
from dialects.dlc.constants import full, is_splat, splat_value
from dialects.dlc.elementwise import BinaryOp, UnaryOp
from dialects.dlc.interfaces import Array, element_type_of, is_float, is_unsigned
from dialects.dlc.scalars import safe_divisor, scalar_compare, scalar_select


@irdl_op_definition
class NegOp(UnaryOp):
    """`result[i] = -operand[i]`."""

    name = "dlc.neg"

    KINDS: ClassVar[str] = "float, complex or int"
    UFUNC: ClassVar = np.negative

    def jvp(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> SSAValue | None:
        """`d(-x) = -dx`."""
        (dx,) = tangents
        return None if dx is None else neg(b, dx)

    def transpose(self, b: OpBuilder, cotangent: SSAValue, linear: Sequence[bool]) -> Sequence[SSAValue | None]:
        """Its own adjoint."""
        del linear
        return (neg(b, cotangent),)

    def scalar(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue:
        """`arith.negf x`, or `0 - x`."""
        (x,) = operands
        if is_float(x.type):
            return b.create(arith.NegfOp, (x,), x.type)
        return b.create(arith.SubiOp, (b.constant(0, x.type), x), x.type)

    def simplify(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue | None:
        """`-(-x)` = `x`."""
        del b
        (x,) = operands
        return x.owner.operand if isinstance(x.owner, NegOp) else None


@irdl_op_definition
class AddOp(BinaryOp):
    """`result[i] = lhs[i] + rhs[i]`; integers wrap around."""

    name = "dlc.add"

    KINDS: ClassVar[str] = "float, complex or int"
    UFUNC: ClassVar = np.add
    FLOAT_OP: ClassVar = arith.AddfOp
    INT_OP: ClassVar = arith.AddiOp

    def jvp(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> SSAValue | None:
        """`d(x + y) = dx + dy`."""
        return add_tangents(b, *tangents)

    def transpose(self, b: OpBuilder, cotangent: SSAValue, linear: Sequence[bool]) -> Sequence[SSAValue | None]:
        """Both get the cotangent."""
        del b
        return tuple(cotangent if is_linear else None for is_linear in linear)

    def simplify(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue | None:
        """`x + 0` = `x` (floating point: `x + -0.0` only); `x + -y` = `x - y`."""
        for x, y in (operands, operands[::-1]):
            if is_splat(y, -0.0 if is_float(element_type_of(y)) else 0):
                return x
            if isinstance(y.owner, NegOp):
                return sub(b, x, y.owner.operand)
        return None


@irdl_op_definition
class SubOp(BinaryOp):
    """`result[i] = lhs[i] - rhs[i]`; integers wrap around."""

    name = "dlc.sub"

    KINDS: ClassVar[str] = "float, complex or int"
    UFUNC: ClassVar = np.subtract
    FLOAT_OP: ClassVar = arith.SubfOp
    INT_OP: ClassVar = arith.SubiOp

    def jvp(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> SSAValue | None:
        """`d(x - y) = dx - dy`."""
        dx, dy = tangents
        if dx is None or dy is None:
            return dx if dy is None else neg(b, dy)
        return sub(b, dx, dy)

    def transpose(self, b: OpBuilder, cotangent: SSAValue, linear: Sequence[bool]) -> Sequence[SSAValue | None]:
        """The cotangent and its negative."""
        return (cotangent if linear[0] else None, neg(b, cotangent) if linear[1] else None)

    def simplify(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue | None:
        """`x - 0` = `x`; `-0.0 - x` = `-x`; `x - -y` = `x + y`; integers also: `0 - x` = `-x`, `x - x` = `0`."""
        x, y = operands
        is_int = not is_float(element_type_of(x))
        if is_splat(y, 0.0):
            return x
        if is_splat(x, 0 if is_int else -0.0):
            return neg(b, y)
        if isinstance(y.owner, NegOp):
            return add(b, x, y.owner.operand)
        return full(b, 0, self.result.type) if is_int and x is y else None


@irdl_op_definition
class MulOp(BinaryOp):
    """`result[i] = lhs[i] * rhs[i]`; integers wrap around."""

    name = "dlc.mul"

    KINDS: ClassVar[str] = "float, complex or int"
    UFUNC: ClassVar = np.multiply
    FLOAT_OP: ClassVar = arith.MulfOp
    INT_OP: ClassVar = arith.MuliOp

    def jvp(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> SSAValue | None:
        """`d(x y) = dx y + x dy`."""
        dx, dy = tangents
        return add_tangents(
            b,
            None if dx is None else mul(b, dx, self.rhs),
            None if dy is None else mul(b, self.lhs, dy),
        )

    def transpose(self, b: OpBuilder, cotangent: SSAValue, linear: Sequence[bool]) -> Sequence[SSAValue | None]:
        """The cotangent times the other factor, which is constant."""
        assert not all(linear), f"{self.name}: is not linear in both operands together"
        return (mul(b, cotangent, self.rhs), None) if linear[0] else (None, mul(b, self.lhs, cotangent))

    def simplify(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue | None:
        """`x * 1` = `x`; `x * -1` = `-x`; `-x * c` = `x * -c`; `-x * -y` = `x * y`; integers also: `x * 0` = `0`."""
        for x, y in (operands, operands[::-1]):
            number = splat_value(y)
            if number == 1:
                return x
            if number == -1:
                return neg(b, x)
            if number == 0 and not is_float(element_type_of(y)):
                return y
            if number is not None and isinstance(x.owner, NegOp):
                return mul(b, x.owner.operand, full(b, -number, self.result.type))
        x, y = operands
        if isinstance(x.owner, NegOp) and isinstance(y.owner, NegOp):
            return mul(b, x.owner.operand, y.owner.operand)
        return None


def _divide(x: Array, y: Array) -> Array:
    if x.dtype.kind in "fc":
        return np.divide(x, y)
    # Dividing magnitudes as unsigned integers truncates, and survives the least integer divided by -1.
    unsigned: Any = np.dtype(f"u{x.dtype.itemsize}")
    magnitude = np.abs(x).view(unsigned) // np.maximum(np.abs(y).view(unsigned), 1)
    quotient = magnitude.view(x.dtype)
    return np.where(y == 0, 0, np.where((x < 0) != (y < 0), -quotient, quotient))


@irdl_op_definition
class DivOp(BinaryOp):
    """`result[i] = lhs[i] / rhs[i]`.

    Integers truncate toward zero; dividing by zero gives 0, and the least integer divided by -1 wraps around to itself.
    """

    name = "dlc.div"

    KINDS: ClassVar[str] = "float, complex or int"
    UFUNC: ClassVar = _divide

    def jvp(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> SSAValue | None:
        """`d(x / y) = (dx - (x / y) dy) / y`."""
        dx, dy = tangents
        scaled = None if dy is None else mul(b, self.result, dy)
        if scaled is None:
            return None if dx is None else div(b, dx, self.rhs)
        return div(b, neg(b, scaled) if dx is None else sub(b, dx, scaled), self.rhs)

    def transpose(self, b: OpBuilder, cotangent: SSAValue, linear: Sequence[bool]) -> Sequence[SSAValue | None]:
        """The cotangent divided by the same divisor."""
        assert not linear[1], f"{self.name}: is not linear in the divisor"
        return (div(b, cotangent, self.rhs) if linear[0] else None, None)

    def scalar(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue:
        """`arith.divf`, or `arith.divsi` or `divui` with divisors replaced that would trap."""
        x, y = operands
        if is_float(x.type):
            return b.create(arith.DivfOp, (x, y), x.type)
        zero = b.constant(0, x.type)
        by_zero = scalar_compare(b, "eq", y, zero)
        if is_unsigned(x.type):
            quotient = b.create(arith.DivUIOp, (x, safe_divisor(b, y)), x.type)
            return scalar_select(b, by_zero, zero, quotient)
        by_minus_one = scalar_compare(b, "eq", y, b.constant(-1, x.type))
        quotient = b.create(arith.DivSIOp, (x, safe_divisor(b, y)), x.type)
        negated = b.create(arith.SubiOp, (zero, x), x.type)
        quotient = scalar_select(b, by_minus_one, negated, quotient)
        return scalar_select(b, by_zero, zero, quotient)

    def simplify(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue | None:
        """`x / 1` = `x`; `x / -1` = `-x`; floating point also: `x / 2**n` = `x * 2**-n`, `-x / -y` = `x / y`."""
        x, y = operands
        number = splat_value(y)
        if number == 1:
            return x
        if number == -1:
            return neg(b, x)
        if not is_float(element_type_of(x)):
            return None
        if number is not None and (inverse := _exact_inverse(number, element_type_of(x))) is not None:
            return mul(b, x, full(b, inverse, self.result.type))
        if isinstance(x.owner, NegOp) and isinstance(y.owner, NegOp):
            return div(b, x.owner.operand, y.owner.operand)
        return None


def _exact_inverse(number: complex, element_type: Attribute) -> float | None:
    """`1 / number` if `number` is a power of two whose inverse is a normal number of the type (or of f32)."""
    if isinstance(number, complex):
        return None
    mantissa, exponent = math.frexp(number)
    limit = 14 if element_type == f16 else 126
    return 1 / number if abs(mantissa) == 0.5 and abs(exponent) < limit else None


def neg(b: OpBuilder, x: SSAValue) -> SSAValue:
    """Append `-x`."""
    return NegOp.emit(b, (x,))


def add(b: OpBuilder, x: SSAValue, y: SSAValue) -> SSAValue:
    """Append `x + y`."""
    return AddOp.emit(b, (x, y))


def sub(b: OpBuilder, x: SSAValue, y: SSAValue) -> SSAValue:
    """Append `x - y`."""
    return SubOp.emit(b, (x, y))


def mul(b: OpBuilder, x: SSAValue, y: SSAValue) -> SSAValue:
    """Append `x * y`."""
    return MulOp.emit(b, (x, y))


def div(b: OpBuilder, x: SSAValue, y: SSAValue) -> SSAValue:
    """Append `x / y`; integers truncate."""
    return DivOp.emit(b, (x, y))


def add_tangents(b: OpBuilder, dx: SSAValue | None, dy: SSAValue | None) -> SSAValue | None:
    """`dx + dy`, where `None` is zero."""
    if dx is None or dy is None:
        return dx if dy is None else dy
    return add(b, dx, dy)
