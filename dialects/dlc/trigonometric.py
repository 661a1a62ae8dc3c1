"""Trigonometric and hyperbolic functions and their inverses; `sin`, `cos` and `tanh` are in `unary.py`."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from xdsl.dialects import math
from xdsl.ir import SSAValue
from xdsl.irdl import irdl_op_definition

from dialects.builder import OpBuilder
from dialects.dlc.arithmetic import NegOp, add, add_tangents, div, mul, neg, sub
from dialects.dlc.constants import full
from dialects.dlc.elementwise import BinaryOp, UnaryOp
from dialects.dlc.interfaces import element_type_of, is_complex, tensor_type_of
from dialects.dlc.unary import rsqrt

__all__ = ["acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "cosh", "sinh", "tan"]


@irdl_op_definition
class TanOp(UnaryOp):
    """`result[i] = tan(operand[i])`."""

    name = "dlc.tan"

    KINDS: ClassVar[str] = "float or complex"
    UFUNC: ClassVar = np.tan
    MATH_OP: ClassVar = math.TanOp

    def jvp(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> SSAValue | None:
        """`d tan(x) = (1 + tan(x)**2) dx`."""
        (dx,) = tangents
        return None if dx is None else mul(b, dx, add(b, _one(b, dx), mul(b, self.result, self.result)))


@irdl_op_definition
class AsinOp(UnaryOp):
    """`result[i]` = the angle in `[-pi/2, pi/2]` whose sine is `operand[i]`; NaN outside of `[-1, 1]`."""

    name = "dlc.asin"

    KINDS: ClassVar[str] = "float or complex"
    UFUNC: ClassVar = np.arcsin
    MATH_OP: ClassVar = math.AsinOp

    def jvp(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> SSAValue | None:
        """`d asin(x) = dx / sqrt((1 - x) (1 + x))`."""
        (dx,) = tangents
        return None if dx is None else mul(b, dx, rsqrt(b, _one_minus_square(b, self.operand)))


@irdl_op_definition
class AcosOp(UnaryOp):
    """`result[i]` = the angle in `[0, pi]` whose cosine is `operand[i]`; NaN outside of `[-1, 1]`."""

    name = "dlc.acos"

    KINDS: ClassVar[str] = "float or complex"
    UFUNC: ClassVar = np.arccos
    MATH_OP: ClassVar = math.AcosOp

    def jvp(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> SSAValue | None:
        """`d acos(x) = -dx / sqrt((1 - x) (1 + x))`."""
        (dx,) = tangents
        return None if dx is None else neg(b, mul(b, dx, rsqrt(b, _one_minus_square(b, self.operand))))


@irdl_op_definition
class AtanOp(UnaryOp):
    """`result[i]` = the angle in `[-pi/2, pi/2]` whose tangent is `operand[i]`."""

    name = "dlc.atan"

    KINDS: ClassVar[str] = "float or complex"
    UFUNC: ClassVar = np.arctan
    MATH_OP: ClassVar = math.AtanOp

    def jvp(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> SSAValue | None:
        """`d atan(x) = dx / (1 + x**2)`."""
        (dx,) = tangents
        return None if dx is None else div(b, dx, _one_plus_square(b, self.operand))


@irdl_op_definition
class Atan2Op(BinaryOp):
    """`result[i]` = the angle in `[-pi, pi]` of the point with abscissa `rhs[i]` and ordinate `lhs[i]`.

    Zeros count by their sign, and two infinities are on a diagonal, as in C99.
    """

    name = "dlc.atan2"

    KINDS: ClassVar[str] = "float"
    UFUNC: ClassVar = np.arctan2
    FLOAT_OP: ClassVar = math.Atan2Op

    def jvp(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> SSAValue | None:
        """`d atan2(y, x) = (x dy - y dx) / (x**2 + y**2)`."""
        dy, dx = tangents
        y, x = self.lhs, self.rhs
        square = add(b, mul(b, x, x), mul(b, y, y))
        return add_tangents(
            b,
            None if dy is None else mul(b, dy, div(b, x, square)),
            None if dx is None else neg(b, mul(b, dx, div(b, y, square))),
        )


@irdl_op_definition
class SinhOp(UnaryOp):
    """`result[i] = (exp(operand[i]) - exp(-operand[i])) / 2`."""

    name = "dlc.sinh"

    KINDS: ClassVar[str] = "float or complex"
    UFUNC: ClassVar = np.sinh
    MATH_OP: ClassVar = math.SinhOp

    def jvp(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> SSAValue | None:
        """`d sinh(x) = cosh(x) dx`."""
        (dx,) = tangents
        return None if dx is None else mul(b, dx, cosh(b, self.operand))


@irdl_op_definition
class CoshOp(UnaryOp):
    """`result[i] = (exp(operand[i]) + exp(-operand[i])) / 2`."""

    name = "dlc.cosh"

    KINDS: ClassVar[str] = "float or complex"
    UFUNC: ClassVar = np.cosh
    MATH_OP: ClassVar = math.CoshOp

    def jvp(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> SSAValue | None:
        """`d cosh(x) = sinh(x) dx`."""
        (dx,) = tangents
        return None if dx is None else mul(b, dx, sinh(b, self.operand))

    def simplify(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue | None:
        """`cosh(-x)` = `cosh(x)`."""
        (x,) = operands
        return cosh(b, x.owner.operand) if isinstance(x.owner, NegOp) else None


@irdl_op_definition
class AsinhOp(UnaryOp):
    """`result[i]` = the number whose hyperbolic sine is `operand[i]`."""

    name = "dlc.asinh"

    KINDS: ClassVar[str] = "float or complex"
    UFUNC: ClassVar = np.arcsinh
    MATH_OP: ClassVar = math.AsinhOp

    def jvp(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> SSAValue | None:
        """`d asinh(x) = dx / sqrt(1 + x**2)`."""
        (dx,) = tangents
        return None if dx is None else mul(b, dx, rsqrt(b, _one_plus_square(b, self.operand)))


@irdl_op_definition
class AcoshOp(UnaryOp):
    """`result[i]` = the positive number whose hyperbolic cosine is `operand[i]`; NaN below 1."""

    name = "dlc.acosh"

    KINDS: ClassVar[str] = "float or complex"
    UFUNC: ClassVar = np.arccosh
    MATH_OP: ClassVar = math.AcoshOp

    def jvp(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> SSAValue | None:
        """`d acosh(x) = dx / (sqrt(x - 1) sqrt(x + 1))`; of complex numbers, the root of the product may be the other one."""
        (dx,) = tangents
        if dx is None:
            return None
        x, one = self.operand, _one(b, dx)
        below, above = sub(b, x, one), add(b, x, one)
        if is_complex(element_type_of(x)):
            return mul(b, mul(b, dx, rsqrt(b, below)), rsqrt(b, above))
        return mul(b, dx, rsqrt(b, mul(b, below, above)))


@irdl_op_definition
class AtanhOp(UnaryOp):
    """`result[i]` = the number whose hyperbolic tangent is `operand[i]`; infinite at 1 and -1, NaN beyond."""

    name = "dlc.atanh"

    KINDS: ClassVar[str] = "float or complex"
    UFUNC: ClassVar = np.arctanh
    MATH_OP: ClassVar = math.AtanhOp

    def jvp(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> SSAValue | None:
        """`d atanh(x) = dx / ((1 - x) (1 + x))`."""
        (dx,) = tangents
        return None if dx is None else div(b, dx, _one_minus_square(b, self.operand))


def _one(b: OpBuilder, like: SSAValue) -> SSAValue:
    return full(b, 1, tensor_type_of(like))


def _one_minus_square(b: OpBuilder, x: SSAValue) -> SSAValue:
    """`(1 - x) (1 + x)`, which keeps what is left of 1 near 1."""
    one = _one(b, x)
    return mul(b, sub(b, one, x), add(b, one, x))


def _one_plus_square(b: OpBuilder, x: SSAValue) -> SSAValue:
    return add(b, _one(b, x), mul(b, x, x))


def tan(b: OpBuilder, x: SSAValue) -> SSAValue:
    """Append the tangent of `x`."""
    return TanOp.emit(b, (x,))


def asin(b: OpBuilder, x: SSAValue) -> SSAValue:
    """Append the inverse sine of `x`."""
    return AsinOp.emit(b, (x,))


def acos(b: OpBuilder, x: SSAValue) -> SSAValue:
    """Append the inverse cosine of `x`."""
    return AcosOp.emit(b, (x,))


def atan(b: OpBuilder, x: SSAValue) -> SSAValue:
    """Append the inverse tangent of `x`."""
    return AtanOp.emit(b, (x,))


def atan2(b: OpBuilder, y: SSAValue, x: SSAValue) -> SSAValue:
    """Append the angle of the point `(x, y)`."""
    return Atan2Op.emit(b, (y, x))


def sinh(b: OpBuilder, x: SSAValue) -> SSAValue:
    """Append the hyperbolic sine of `x`."""
    return SinhOp.emit(b, (x,))


def cosh(b: OpBuilder, x: SSAValue) -> SSAValue:
    """Append the hyperbolic cosine of `x`."""
    return CoshOp.emit(b, (x,))


def asinh(b: OpBuilder, x: SSAValue) -> SSAValue:
    """Append the inverse hyperbolic sine of `x`."""
    return AsinhOp.emit(b, (x,))


def acosh(b: OpBuilder, x: SSAValue) -> SSAValue:
    """Append the inverse hyperbolic cosine of `x`."""
    return AcoshOp.emit(b, (x,))


def atanh(b: OpBuilder, x: SSAValue) -> SSAValue:
    """Append the inverse hyperbolic tangent of `x`."""
    return AtanhOp.emit(b, (x,))
