"""The bits of numbers: shifts, `popcnt`, `bitcast_convert`, and the sign bit by `copysign`."""

from collections.abc import Sequence
from typing import ClassVar, cast

import numpy as np
from xdsl.dialects import arith, math
from xdsl.dialects.builtin import IntegerType, TensorType
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import VarConstraint, base, irdl_op_definition, operand_def, prop_def, result_def
from xdsl.utils.exceptions import VerifyException

from dialects.builder import OpBuilder, tensor_type
from dialects.dlc.arithmetic import NegOp, mul
from dialects.dlc.constants import full, is_splat
from dialects.dlc.elementwise import BinaryOp, ElementwiseOp, UnaryOp
from dialects.dlc.interfaces import (
    AnyTensor,
    Array,
    Properties,
    dtype_of,
    element_type_of,
    is_bool,
    is_unsigned,
    shape_of,
    tensor_type_of,
)
from dialects.dlc.scalars import scalar_compare, scalar_op, scalar_select
from dialects.dlc.unary import AbsOp, sign

__all__ = [
    "bitcast_convert",
    "copysign",
    "popcnt",
    "shift_left",
    "shift_right_arithmetic",
    "shift_right_logical",
]


def _unsigned(x: Array) -> Array:
    return x.view(f"u{x.dtype.itemsize}")


class ShiftOp(BinaryOp):
    """`lhs[i]` shifted by `rhs[i]` bits, counted as an unsigned number: a negative count shifts everything out."""

    NO_DERIVATIVE: ClassVar[str] = "integers have no derivative"

    KINDS: ClassVar[str] = "int"
    KEEPS_SIGN: ClassVar[bool] = False
    """Whether what is left after everything has been shifted out is the sign, else 0."""

    def scalar(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue:
        """`INT_OP`, which is defined for less than the width only."""
        x, count = operands
        last = b.constant(cast(IntegerType, x.type).width.data - 1, x.type)
        within = scalar_op(b, arith.MinUIOp, count, last)
        keeps_sign = self.KEEPS_SIGN and not is_unsigned(x.type)
        shifted = scalar_op(b, arith.ShRUIOp if self.KEEPS_SIGN and not keeps_sign else self.INT_OP, x, within)
        if keeps_sign:
            return shifted
        return scalar_select(b, scalar_compare(b, "eq", within, count), shifted, b.constant(0, x.type))

    def simplify(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue | None:
        """Shifted by 0, `x` is `x`."""
        del b
        x, count = operands
        return x if is_splat(count, 0) else None


def _at_most(count: Array) -> Array:
    """The count as an unsigned number, but at most all bits but one."""
    return np.minimum(_unsigned(count), 8 * count.dtype.itemsize - 1).astype(count.dtype)


def _where_within(count: Array, shifted: Array) -> Array:
    return np.where(_at_most(count) == count, shifted, np.zeros_like(shifted))


def _shift_left(x: Array, count: Array) -> Array:
    return _where_within(count, np.left_shift(x, _at_most(count)))


def _shift_right_arithmetic(x: Array, count: Array) -> Array:
    return _shift_right_logical(x, count) if x.dtype.kind == "u" else np.right_shift(x, _at_most(count))


def _shift_right_logical(x: Array, count: Array) -> Array:
    return _where_within(count, np.right_shift(_unsigned(x), _unsigned(_at_most(count))).view(x.dtype))


@irdl_op_definition
class ShiftLeftOp(ShiftOp):
    """`result[i] = lhs[i] 2**rhs[i]` modulo 2 to the number of bits; 0 if `rhs[i]` is at least that or negative."""

    name = "dlc.shift_left"

    UFUNC: ClassVar = _shift_left
    INT_OP: ClassVar = arith.ShLIOp


@irdl_op_definition
class ShiftRightArithmeticOp(ShiftOp):
    """`result[i] = floor(lhs[i] / 2**rhs[i])`; -1 or 0, by the sign, if `rhs[i]` is the number of bits or more.

    Numbers without a sign are shifted as by `dlc.shift_right_logical`.
    """

    name = "dlc.shift_right_arithmetic"

    KEEPS_SIGN: ClassVar[bool] = True
    UFUNC: ClassVar = _shift_right_arithmetic
    INT_OP: ClassVar = arith.ShRSIOp


@irdl_op_definition
class ShiftRightLogicalOp(ShiftOp):
    """`lhs[i]` as an unsigned number, shifted right by `rhs[i]`; 0 if that is the number of bits or more."""

    name = "dlc.shift_right_logical"

    UFUNC: ClassVar = _shift_right_logical
    INT_OP: ClassVar = arith.ShRUIOp


def _count_bits(x: Array) -> Array:
    return np.bitwise_count(_unsigned(x)).astype(x.dtype)


@irdl_op_definition
class PopcntOp(UnaryOp):
    """`result[i]` = how many bits of `operand[i]` are 1, of the two's complement of a negative number."""

    name = "dlc.popcnt"

    NO_DERIVATIVE: ClassVar[str] = "integers have no derivative"

    KINDS: ClassVar[str] = "int"
    UFUNC: ClassVar = _count_bits
    MATH_OP: ClassVar = math.CtPopOp


@irdl_op_definition
class BitcastConvertOp(ElementwiseOp):
    """`result[i]` = the number of another type of the same width with the bits of `operand[i]`."""

    name = "dlc.bitcast_convert"

    NO_DERIVATIVE: ClassVar[str] = "bits have no derivative"

    T: ClassVar = VarConstraint("T", base(TensorType))

    operand = operand_def(TensorType)
    output = prop_def(T)
    result = result_def(T)

    assembly_format = "$operand attr-dict `:` type($operand) `->` $output"

    @classmethod
    def infer_type(cls, operand_types: Sequence[AnyTensor], properties: Properties) -> AnyTensor:
        """The type given by `output`, which has the operand's shape and number of bits."""
        (operand_type,) = operand_types
        output = cast(AnyTensor, properties["output"])
        if operand_type.get_shape() != output.get_shape():
            raise VerifyException(
                f"{cls.name}: operand 0 has type {operand_type} and the result {output}; the shapes must be equal"
            )
        same_width = dtype_of(operand_type).itemsize == dtype_of(output).itemsize
        if not same_width or is_bool(operand_type.element_type) or is_bool(output.element_type):
            raise VerifyException(
                f"{cls.name}: operand 0 has type {operand_type} and the result {output}; "
                "elements must be numbers of the same width; use dlc.convert to keep the values"
            )
        return output

    def evaluate(self, operands: Sequence[Array]) -> Array:
        """NumPy's `view`."""
        return np.asarray(operands[0].view(dtype_of(self.result.type))).copy()

    def batch(self, b: OpBuilder, operands: Sequence[SSAValue], batched: Sequence[bool], size: int) -> SSAValue:
        """The same reinterpretation."""
        del batched, size
        return bitcast_convert(b, operands[0], self.result.type.element_type)

    def body_type(self, element_type: Attribute) -> Attribute:
        """The type itself, `f16` and `bf16` too."""
        return element_type

    def scalar(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue:
        """`arith.bitcast`."""
        (x,) = operands
        target = self.result.type.element_type
        return x if x.type == target else b.create(arith.BitcastOp, (x,), target)

    def simplify(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue | None:
        """There and back: `x`."""
        (x,) = operands
        if x.type == self.result.type:
            return x
        inner = x.owner
        if isinstance(inner, BitcastConvertOp):
            return bitcast_convert(b, inner.operand, self.result.type.element_type)
        return None


@irdl_op_definition
class CopysignOp(BinaryOp):
    """`result[i] = |lhs[i]|` with the sign of `rhs[i]`, that of zeros and NaN included."""

    name = "dlc.copysign"

    KINDS: ClassVar[str] = "float"
    UFUNC: ClassVar = np.copysign
    FLOAT_OP: ClassVar = math.CopySignOp

    def jvp(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> SSAValue | None:
        """`d copysign(x, y) = sign(x) sign(y) dx`, where zeros count by their sign for `y`, as 0 for `x`."""
        dx, _ = tangents
        if dx is None:
            return None
        one = full(b, 1, tensor_type_of(self.rhs))
        return mul(b, dx, mul(b, sign(b, self.lhs), copysign(b, one, self.rhs)))

    def simplify(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue | None:
        """`copysign(x, x)` = `x`; the sign of `x` has no effect: `copysign(-x, y)` = `copysign(x, y)`, and of `|x|`."""
        x, y = operands
        if x is y:
            return x
        return copysign(b, x.owner.operand, y) if isinstance(x.owner, NegOp | AbsOp) else None


def shift_left(b: OpBuilder, x: SSAValue, count: SSAValue) -> SSAValue:
    """Append `x` shifted left by `count`."""
    return ShiftLeftOp.emit(b, (x, count))


def shift_right_arithmetic(b: OpBuilder, x: SSAValue, count: SSAValue) -> SSAValue:
    """Append `x` shifted right by `count`, filled with the sign."""
    return ShiftRightArithmeticOp.emit(b, (x, count))


def shift_right_logical(b: OpBuilder, x: SSAValue, count: SSAValue) -> SSAValue:
    """Append `x` shifted right by `count`, filled with zeros."""
    return ShiftRightLogicalOp.emit(b, (x, count))


def popcnt(b: OpBuilder, x: SSAValue) -> SSAValue:
    """Append the number of bits of `x` that are 1."""
    return PopcntOp.emit(b, (x,))


def bitcast_convert(b: OpBuilder, x: SSAValue, element_type: Attribute) -> SSAValue:
    """Append the bits of `x` as elements of `element_type`; `x` itself if it has them already."""
    if element_type_of(x) == element_type:
        return x
    return BitcastConvertOp.emit(b, (x,), {"output": tensor_type(element_type, shape_of(x))})


def copysign(b: OpBuilder, x: SSAValue, y: SSAValue) -> SSAValue:
    """Append `|x|` with the sign of `y`."""
    return CopysignOp.emit(b, (x, y))
