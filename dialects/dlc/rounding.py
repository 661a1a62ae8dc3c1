"""Rounding to integers: floor, ceil, round, trunc."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from xdsl.dialects import math
from xdsl.ir import SSAValue
from xdsl.irdl import irdl_op_definition

from dialects.builder import OpBuilder
from dialects.dlc.elementwise import UnaryOp


class RoundingOp(UnaryOp):
    """A rounding to integers, which stays what it is when it is rounded again."""

    NO_DERIVATIVE: ClassVar[str] = "rounding is constant but for jumps"

    def simplify(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue | None:
        """`round(x)` = `x` for `x` that was rounded in any way."""
        del b
        (x,) = operands
        return x if isinstance(x.owner, RoundingOp) else None


@irdl_op_definition
class FloorOp(RoundingOp):
    """`result[i]` = the greatest integer that is not above `operand[i]`."""

    name = "dlc.floor"

    UFUNC: ClassVar = np.floor
    MATH_OP: ClassVar = math.FloorOp


@irdl_op_definition
class CeilOp(RoundingOp):
    """`result[i]` = the least integer that is not below `operand[i]`."""

    name = "dlc.ceil"

    UFUNC: ClassVar = np.ceil
    MATH_OP: ClassVar = math.CeilOp


@irdl_op_definition
class RoundOp(RoundingOp):
    """`result[i]` = the nearest integer to `operand[i]`, the even one of two."""

    name = "dlc.round"

    KINDS: ClassVar[str] = "float or complex"
    UFUNC: ClassVar = np.rint
    MATH_OP: ClassVar = math.RoundEvenOp


@irdl_op_definition
class TruncOp(RoundingOp):
    """`result[i] = operand[i]` rounded toward 0."""

    name = "dlc.trunc"

    UFUNC: ClassVar = np.trunc
    MATH_OP: ClassVar = math.TruncOp


def floor(b: OpBuilder, x: SSAValue) -> SSAValue:
    """Append `x` rounded down."""
    return FloorOp.emit(b, (x,))


def ceil(b: OpBuilder, x: SSAValue) -> SSAValue:
    """Append `x` rounded up."""
    return CeilOp.emit(b, (x,))


def round_(b: OpBuilder, x: SSAValue) -> SSAValue:
    """Append `x` rounded to the nearest integer, half to even."""
    return RoundOp.emit(b, (x,))


def trunc(b: OpBuilder, x: SSAValue) -> SSAValue:
    """Append `x` rounded toward 0."""
    return TruncOp.emit(b, (x,))
