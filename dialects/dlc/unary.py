"""Elementwise functions of one operand. `neg` is defined in `arithmetic.py` and can be imported from here too."""

import math as python_math
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from xdsl.dialects import arith, math
from xdsl.ir import SSAValue
from xdsl.irdl import irdl_op_definition

from dialects import special_values
from dialects.builder import OpBuilder
from dialects.dlc.arithmetic import NegOp, div, mul, neg, sub
from dialects.dlc.constants import full
from dialects.dlc.elementwise import UnaryOp
from dialects.dlc.interfaces import Array, element_type_of, is_float, is_unsigned, tensor_type_of
from dialects.dlc.scalars import Direction, scalar_compare, scalar_op, scalar_select
from dialects.dlc.selection import CompareOp, compare

__all__ = [
    "abs_",
    "cos",
    "erf",
    "exp",
    "expm1",
    "log",
    "log1p",
    "logistic",
    "neg",
    "not_",
    "rsqrt",
    "sign",
    "sin",
    "sqrt",
    "stop_gradient",
    "tanh",
]


@irdl_op_definition
class AbsOp(UnaryOp):
    """`result[i] = |operand[i]|`; the least integer stays as it is."""

    name = "dlc.abs"

    KINDS: ClassVar[str] = "float or int"
    UFUNC: ClassVar = np.abs

    def jvp(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> SSAValue | None:
        """`d|x| = sign(x) dx`."""
        (dx,) = tangents
        return None if dx is None else mul(b, dx, sign(b, self.operand))

    def scalar(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue:
        """`math.absf x`, or `max(x, 0 - x)`; without a sign it is `x`."""
        (x,) = operands
        if is_unsigned(x.type):
            return x
        if is_float(x.type):
            return scalar_op(b, math.AbsFOp, x)
        return scalar_op(b, arith.MaxSIOp, x, scalar_op(b, arith.SubiOp, b.constant(0, x.type), x))

    def simplify(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue | None:
        """`||x||` = `|x|`; `|-x|` = `|x|`."""
        (x,) = operands
        if isinstance(x.owner, AbsOp) or is_unsigned(element_type_of(x)):
            return x
        return abs_(b, x.owner.operand) if isinstance(x.owner, NegOp) else None


@irdl_op_definition
class SignOp(UnaryOp):
    """`result[i]` = -1, 0 or 1, the sign of `operand[i]`; NaN for NaN."""

    name = "dlc.sign"

    NO_DERIVATIVE: ClassVar[str] = "sign is constant but for a jump at 0"

    KINDS: ClassVar[str] = "float or int"
    UFUNC: ClassVar = np.sign

    def scalar(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue:
        """Two selections; `x` itself (0 or NaN) is what remains."""
        (x,) = operands
        zero = b.constant(0, x.type)
        if is_unsigned(x.type):
            return scalar_op(b, arith.MinUIOp, x, b.constant(1, x.type))
        negative = scalar_select(b, scalar_compare(b, "lt", x, zero), b.constant(-1, x.type), x)
        return scalar_select(b, scalar_compare(b, "gt", x, zero), b.constant(1, x.type), negative)


@irdl_op_definition
class ExpOp(UnaryOp):
    """`result[i] = exp(operand[i])`."""

    name = "dlc.exp"

    KINDS: ClassVar[str] = "float or complex"
    UFUNC: ClassVar = np.exp
    MATH_OP: ClassVar = math.ExpOp

    def jvp(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> SSAValue | None:
        """`d exp(x) = exp(x) dx`: the primal result is reused."""
        (dx,) = tangents
        return None if dx is None else mul(b, dx, self.result)


@irdl_op_definition
class Expm1Op(UnaryOp):
    """`result[i] = exp(operand[i]) - 1`, exact near 0."""

    name = "dlc.expm1"

    KINDS: ClassVar[str] = "float or complex"
    UFUNC: ClassVar = np.expm1
    MATH_OP: ClassVar = math.ExpM1Op

    def jvp(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> SSAValue | None:
        """`d expm1(x) = (expm1(x) + 1) dx`."""
        (dx,) = tangents
        return None if dx is None else mul(b, dx, sub(b, self.result, _full_like(b, -1, self.result)))


@irdl_op_definition
class LogOp(UnaryOp):
    """`result[i]` = the natural logarithm of `operand[i]`."""

    name = "dlc.log"

    KINDS: ClassVar[str] = "float or complex"
    UFUNC: ClassVar = np.log
    MATH_OP: ClassVar = math.LogOp

    def jvp(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> SSAValue | None:
        """`d log(x) = dx / x`."""
        (dx,) = tangents
        return None if dx is None else div(b, dx, self.operand)


@irdl_op_definition
class Log1pOp(UnaryOp):
    """`result[i] = log(1 + operand[i])`, exact near 0."""

    name = "dlc.log1p"

    KINDS: ClassVar[str] = "float or complex"
    UFUNC: ClassVar = np.log1p
    MATH_OP: ClassVar = math.Log1pOp

    def jvp(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> SSAValue | None:
        """`d log1p(x) = dx / (1 + x)`."""
        (dx,) = tangents
        return None if dx is None else div(b, dx, sub(b, self.operand, _full_like(b, -1, self.operand)))


@irdl_op_definition
class SqrtOp(UnaryOp):
    """`result[i]` = the square root of `operand[i]`."""

    name = "dlc.sqrt"

    KINDS: ClassVar[str] = "float or complex"
    UFUNC: ClassVar = np.sqrt
    MATH_OP: ClassVar = math.SqrtOp

    def jvp(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> SSAValue | None:
        """`d sqrt(x) = dx / (2 sqrt(x))`."""
        (dx,) = tangents
        return None if dx is None else mul(b, dx, div(b, _full_like(b, 0.5, self.result), self.result))


def _rsqrt(x: Array) -> Array:
    return 1 / np.sqrt(x)


@irdl_op_definition
class RsqrtOp(UnaryOp):
    """`result[i] = 1 / sqrt(operand[i])`."""

    name = "dlc.rsqrt"

    KINDS: ClassVar[str] = "float or complex"
    UFUNC: ClassVar = _rsqrt

    def jvp(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> SSAValue | None:
        """`d rsqrt(x) = -rsqrt(x) / (2 x) dx`."""
        (dx,) = tangents
        if dx is None:
            return None
        return mul(b, dx, mul(b, _full_like(b, -0.5, self.result), div(b, self.result, self.operand)))

    def scalar(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue:
        """`1 / sqrt(x)`: both operations round correctly, unlike the estimates of hardware."""
        (x,) = operands
        return scalar_op(b, arith.DivfOp, b.constant(1, x.type), scalar_op(b, math.SqrtOp, x))


@irdl_op_definition
class TanhOp(UnaryOp):
    """`result[i]` = the hyperbolic tangent of `operand[i]`."""

    name = "dlc.tanh"

    KINDS: ClassVar[str] = "float or complex"
    UFUNC: ClassVar = np.tanh
    MATH_OP: ClassVar = math.TanhOp

    def jvp(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> SSAValue | None:
        """`d tanh(x) = (1 - tanh(x)**2) dx`."""
        (dx,) = tangents
        if dx is None:
            return None
        return mul(b, dx, sub(b, _full_like(b, 1, self.result), mul(b, self.result, self.result)))


def _logistic(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


@irdl_op_definition
class LogisticOp(UnaryOp):
    """`result[i] = 1 / (1 + exp(-operand[i]))`, also called sigmoid."""

    name = "dlc.logistic"

    UFUNC: ClassVar = _logistic

    def jvp(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> SSAValue | None:
        """`d s(x) = s(x) (1 - s(x)) dx`."""
        (dx,) = tangents
        if dx is None:
            return None
        return mul(b, dx, mul(b, self.result, sub(b, _full_like(b, 1, self.result), self.result)))

    def scalar(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue:
        """`1 / (1 + exp(-x))`; `exp` overflows to infinity where the quotient is 0."""
        (x,) = operands
        one = b.constant(1, x.type)
        decay = scalar_op(b, math.ExpOp, scalar_op(b, arith.NegfOp, x))
        return scalar_op(b, arith.DivfOp, one, scalar_op(b, arith.AddfOp, one, decay))


@irdl_op_definition
class StopGradientOp(UnaryOp):
    """`result[i] = operand[i]`, a constant for every derivative."""

    name = "dlc.stop_gradient"

    NO_DERIVATIVE: ClassVar[str] = "zero by definition"

    KINDS: ClassVar[str] = "float, complex, int or bool"
    UFUNC: ClassVar = np.copy

    def scalar(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue:
        """The operand."""
        del b
        return operands[0]

    def lower(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue:
        """The operand: derivatives have been taken by then."""
        del b
        return operands[0]


@irdl_op_definition
class ErfOp(UnaryOp):
    """`result[i] = 2 / sqrt(pi)` times the integral of `exp(-t**2)` from 0 to `operand[i]`."""

    name = "dlc.erf"

    UFUNC: ClassVar = special_values.erf
    MATH_OP: ClassVar = math.ErfOp

    def jvp(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> SSAValue | None:
        """`d erf(x) = 2 / sqrt(pi) exp(-x**2) dx`."""
        (dx,) = tangents
        if dx is None:
            return None
        density = exp(b, neg(b, mul(b, self.operand, self.operand)))
        return mul(b, dx, mul(b, density, _full_like(b, 2 / python_math.sqrt(python_math.pi), density)))


@irdl_op_definition
class SinOp(UnaryOp):
    """`result[i] = sin(operand[i])`."""

    name = "dlc.sin"

    KINDS: ClassVar[str] = "float or complex"
    UFUNC: ClassVar = np.sin
    MATH_OP: ClassVar = math.SinOp

    def jvp(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> SSAValue | None:
        """`d sin(x) = cos(x) dx`."""
        (dx,) = tangents
        return None if dx is None else mul(b, dx, cos(b, self.operand))


@irdl_op_definition
class CosOp(UnaryOp):
    """`result[i] = cos(operand[i])`."""

    name = "dlc.cos"

    KINDS: ClassVar[str] = "float or complex"
    UFUNC: ClassVar = np.cos
    MATH_OP: ClassVar = math.CosOp

    def jvp(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> SSAValue | None:
        """`d cos(x) = -sin(x) dx`."""
        (dx,) = tangents
        return None if dx is None else mul(b, dx, neg(b, sin(b, self.operand)))

    def simplify(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue | None:
        """`cos(-x)` = `cos(x)`."""
        (x,) = operands
        return cos(b, x.owner.operand) if isinstance(x.owner, NegOp) else None


_INVERSE_FOR_ALL: dict[str, Direction] = {"eq": "ne", "ne": "eq"}
_INVERSE_WITHOUT_NAN: dict[str, Direction] = {**_INVERSE_FOR_ALL, "lt": "ge", "ge": "lt", "le": "gt", "gt": "le"}


@irdl_op_definition
class NotOp(UnaryOp):
    """`result[i]` = the complement of `operand[i]`, of every bit for integers."""

    name = "dlc.not"

    NO_DERIVATIVE: ClassVar[str] = "integers have no derivative"

    KINDS: ClassVar[str] = "bool or int"
    UFUNC: ClassVar = np.invert

    def scalar(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue:
        """`x ^ -1`."""
        (x,) = operands
        return scalar_op(b, arith.XOrIOp, x, b.constant(-1, x.type))

    def simplify(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue | None:
        """`not(not(x))` = `x`; `not(x == y)` = `x != y`; without NaN also `not(x < y)` = `x >= y`."""
        (x,) = operands
        inner = x.owner
        if isinstance(inner, NotOp):
            return inner.operand
        if isinstance(inner, CompareOp):
            inverses = _INVERSE_FOR_ALL if is_float(element_type_of(inner.lhs)) else _INVERSE_WITHOUT_NAN
            direction = inverses.get(inner.direction.data)
            return compare(b, direction, inner.lhs, inner.rhs) if direction else None
        return None


def _full_like(b: OpBuilder, value: float, like: SSAValue) -> SSAValue:
    return full(b, value, tensor_type_of(like))


def abs_(b: OpBuilder, x: SSAValue) -> SSAValue:
    """Append `|x|`."""
    return AbsOp.emit(b, (x,))


def sign(b: OpBuilder, x: SSAValue) -> SSAValue:
    """Append -1, 0 or 1, the sign of `x`."""
    return SignOp.emit(b, (x,))


def exp(b: OpBuilder, x: SSAValue) -> SSAValue:
    """Append `exp(x)`."""
    return ExpOp.emit(b, (x,))


def expm1(b: OpBuilder, x: SSAValue) -> SSAValue:
    """Append `exp(x) - 1`."""
    return Expm1Op.emit(b, (x,))


def log(b: OpBuilder, x: SSAValue) -> SSAValue:
    """Append the natural logarithm of `x`."""
    return LogOp.emit(b, (x,))


def log1p(b: OpBuilder, x: SSAValue) -> SSAValue:
    """Append `log(1 + x)`."""
    return Log1pOp.emit(b, (x,))


def sqrt(b: OpBuilder, x: SSAValue) -> SSAValue:
    """Append the square root of `x`."""
    return SqrtOp.emit(b, (x,))


def rsqrt(b: OpBuilder, x: SSAValue) -> SSAValue:
    """Append `1 / sqrt(x)`."""
    return RsqrtOp.emit(b, (x,))


def tanh(b: OpBuilder, x: SSAValue) -> SSAValue:
    """Append the hyperbolic tangent of `x`."""
    return TanhOp.emit(b, (x,))


def logistic(b: OpBuilder, x: SSAValue) -> SSAValue:
    """Append `1 / (1 + exp(-x))`."""
    return LogisticOp.emit(b, (x,))


def stop_gradient(b: OpBuilder, x: SSAValue) -> SSAValue:
    """Append `x` as a constant for every derivative."""
    return StopGradientOp.emit(b, (x,))


def erf(b: OpBuilder, x: SSAValue) -> SSAValue:
    """Append the error function of `x`."""
    return ErfOp.emit(b, (x,))


def sin(b: OpBuilder, x: SSAValue) -> SSAValue:
    """Append `sin(x)`."""
    return SinOp.emit(b, (x,))


def cos(b: OpBuilder, x: SSAValue) -> SSAValue:
    """Append `cos(x)`."""
    return CosOp.emit(b, (x,))


def not_(b: OpBuilder, x: SSAValue) -> SSAValue:
    """Append the complement of `x`, of every bit for integers."""
    return NotOp.emit(b, (x,))
