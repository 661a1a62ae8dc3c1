"""Exponentials and logarithms to the bases 2 and 10, and the cube root; those to base e are in `unary.py`."""

import math as python_math
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from xdsl.dialects import math
from xdsl.ir import SSAValue
from xdsl.irdl import irdl_op_definition

from dialects.builder import OpBuilder
from dialects.dlc.arithmetic import NegOp, div, mul, neg
from dialects.dlc.constants import full
from dialects.dlc.elementwise import UnaryOp
from dialects.dlc.interfaces import tensor_type_of

__all__ = ["cbrt", "exp2", "log2", "log10"]


@irdl_op_definition
class Exp2Op(UnaryOp):
    """`result[i] = 2 ** operand[i]`."""

    name = "dlc.exp2"

    KINDS: ClassVar[str] = "float or complex"
    UFUNC: ClassVar = np.exp2
    MATH_OP: ClassVar = math.Exp2Op

    def jvp(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> SSAValue | None:
        """`d 2**x = log(2) 2**x dx`."""
        (dx,) = tangents
        return None if dx is None else mul(b, dx, _scaled(b, self.result, python_math.log(2)))


@irdl_op_definition
class Log2Op(UnaryOp):
    """`result[i]` = the logarithm of `operand[i]` to base 2; exact for powers of two."""

    name = "dlc.log2"

    KINDS: ClassVar[str] = "float or complex"
    UFUNC: ClassVar = np.log2
    MATH_OP: ClassVar = math.Log2Op

    def jvp(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> SSAValue | None:
        """`d log2(x) = dx / (log(2) x)`."""
        (dx,) = tangents
        return None if dx is None else div(b, dx, _scaled(b, self.operand, python_math.log(2)))


@irdl_op_definition
class Log10Op(UnaryOp):
    """`result[i]` = the logarithm of `operand[i]` to base 10; exact for powers of ten."""

    name = "dlc.log10"

    KINDS: ClassVar[str] = "float or complex"
    UFUNC: ClassVar = np.log10
    MATH_OP: ClassVar = math.Log10Op

    def jvp(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> SSAValue | None:
        """`d log10(x) = dx / (log(10) x)`."""
        (dx,) = tangents
        return None if dx is None else div(b, dx, _scaled(b, self.operand, python_math.log(10)))


@irdl_op_definition
class CbrtOp(UnaryOp):
    """`result[i]` = the real cube root of `operand[i]`."""

    name = "dlc.cbrt"

    UFUNC: ClassVar = np.cbrt
    MATH_OP: ClassVar = math.CbrtOp

    def jvp(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> SSAValue | None:
        """`d cbrt(x) = dx / (3 cbrt(x)**2)`."""
        (dx,) = tangents
        return None if dx is None else div(b, dx, _scaled(b, mul(b, self.result, self.result), 3))

    def simplify(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue | None:
        """`cbrt(-x)` = `-cbrt(x)`."""
        (x,) = operands
        return neg(b, cbrt(b, x.owner.operand)) if isinstance(x.owner, NegOp) else None


def _scaled(b: OpBuilder, x: SSAValue, factor: float) -> SSAValue:
    return mul(b, x, full(b, factor, tensor_type_of(x)))


def exp2(b: OpBuilder, x: SSAValue) -> SSAValue:
    """Append `2 ** x`."""
    return Exp2Op.emit(b, (x,))


def log2(b: OpBuilder, x: SSAValue) -> SSAValue:
    """Append the logarithm of `x` to base 2."""
    return Log2Op.emit(b, (x,))


def log10(b: OpBuilder, x: SSAValue) -> SSAValue:
    """Append the logarithm of `x` to base 10."""
    return Log10Op.emit(b, (x,))


def cbrt(b: OpBuilder, x: SSAValue) -> SSAValue:
    """Append the real cube root of `x`."""
    return CbrtOp.emit(b, (x,))
