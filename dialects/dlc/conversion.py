"""Between element types: `dlc.convert`."""

from collections.abc import Sequence
from typing import Any, ClassVar, cast

import numpy as np
from ml_dtypes import finfo
from xdsl.dialects import arith, math
from xdsl.dialects.builtin import IntegerType, TensorType, f16, f32, f64, i32, i64
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.irdl import VarConstraint, base, irdl_op_definition, operand_def, prop_def, result_def
from xdsl.utils.exceptions import VerifyException

from dialects.builder import OpBuilder, tensor_type
from dialects.dlc.elementwise import ElementwiseOp
from dialects.dlc.interfaces import (
    DTYPES,
    AnyTensor,
    Array,
    Properties,
    dtype_of,
    element_type_of,
    is_bool,
    is_complex,
    is_float,
    is_unsigned,
    part_type,
    shape_of,
)
from dialects.dlc.scalars import scalar_compare, scalar_op, scalar_select
from dialects.structured import compute_type


def _holds_all(target: Attribute, source: Attribute) -> bool:
    """Whether elements of `target` can have every value of `source`."""
    if is_bool(source) or is_bool(target):
        return is_bool(source)
    old, new = DTYPES[source], DTYPES[target]
    if is_complex(source):
        return np.can_cast(old, new, "safe")
    if is_complex(target):
        return _holds_all(part_type(target), source)
    if is_float(target) and not is_float(source):
        return 8 * old.itemsize <= cast(Any, finfo(new)).nmant
    return np.can_cast(old, new, "safe")


@irdl_op_definition
class ConvertOp(ElementwiseOp):
    """`result[i] = operand[i]` as an element of another type, as NumPy's `astype`.

    To `i1`: whether it differs from 0 (NaN does). From `i1`: 0 or 1. Floating point to integer truncates toward zero;
    NaN and values out of range give an unspecified integer. Integers wrap around. A complex number loses its imaginary part.
    """

    name = "dlc.convert"

    T: ClassVar = VarConstraint("T", base(TensorType))

    operand = operand_def(TensorType)
    output = prop_def(T)
    result = result_def(T)

    assembly_format = "$operand attr-dict `:` type($operand) `->` $output"

    @property
    def no_derivative(self) -> str:
        """Only conversions between floating-point types have a derivative."""
        if is_float(element_type_of(self.operand)) and is_float(self.result.type.element_type):
            return ""
        return "a conversion from or to integers is constant but for jumps"

    @classmethod
    def infer_type(cls, operand_types: Sequence[AnyTensor], properties: Properties) -> AnyTensor:
        """The type given by `output`, which has the operand's shape."""
        (operand_type,) = operand_types
        output = cast(AnyTensor, properties["output"])
        dtype_of(operand_type)
        dtype_of(output)
        if operand_type.get_shape() != output.get_shape():
            raise VerifyException(
                f"{cls.name}: operand 0 has type {operand_type} and the result {output}; the shapes must be equal"
            )
        return output

    def evaluate(self, operands: Sequence[Array]) -> Array:
        """NumPy's `astype`."""
        (x,) = operands
        target = self.result.type.element_type
        if is_complex(element_type_of(self.operand)) and not is_complex(target) and not is_bool(target):
            x = np.real(x)  # without NumPy's warning
        with np.errstate(all="ignore"):
            return x.astype(dtype_of(self.result.type))

    def jvp(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> SSAValue | None:
        """Linear between floating-point types."""
        (dx,) = tangents
        return None if dx is None or self.no_derivative else convert(b, dx, self.result.type.element_type)

    def transpose(self, b: OpBuilder, cotangent: SSAValue, linear: Sequence[bool]) -> Sequence[SSAValue | None]:
        """Convert back."""
        del linear
        return (convert(b, cotangent, element_type_of(self.operand)),)

    def batch(self, b: OpBuilder, operands: Sequence[SSAValue], batched: Sequence[bool], size: int) -> SSAValue:
        """The same conversion."""
        del batched, size
        return convert(b, operands[0], self.result.type.element_type)

    def scalar(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue:
        """The one operation of `arith` for this pair of types."""
        (x,) = operands
        source, target = x.type, self.result.type.element_type
        if target == f16 and source == f64:
            return b.create(arith.TruncFOp, (_round_to_odd(b, x),), f16)
        target = compute_type(target)
        if source == target:
            return x
        if is_bool(target):
            return scalar_compare(b, "ne", x, b.constant(0, source))
        if is_float(source) and not is_float(target):
            return _float_to_integer(b, x, target)
        return b.create(_conversion(source, target), (x,), target)

    def simplify(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue | None:
        """To the same type: `x`. After a conversion that loses nothing: directly from its operand."""
        (x,) = operands
        if x.type == self.result.type:
            return x
        inner = x.owner
        if isinstance(inner, ConvertOp):
            source = element_type_of(inner.operand)
            if _holds_all(element_type_of(x), source):
                return convert(b, inner.operand, self.result.type.element_type)
        return None


def _conversion(source: Attribute, target: Attribute) -> type[Operation]:
    if is_float(source):
        return arith.ExtFOp if target == f64 else arith.TruncFOp
    zero_extends = is_bool(source) or is_unsigned(source)
    if is_float(target):
        return arith.UIToFPOp if zero_extends else arith.SIToFPOp
    old, new = cast(IntegerType, source).width.data, cast(IntegerType, target).width.data
    if old == new:
        return arith.BitcastOp
    if old > new:
        return arith.TruncIOp
    return arith.ExtUIOp if zero_extends else arith.ExtSIOp


def _round_to_odd(b: OpBuilder, x: SSAValue) -> SSAValue:
    """An f64 as an f32, which rounded again gives what rounding once does: if inexact, the neighbour with last bit 1.

    Boldo and Melquiond, "Emulation of FMA and correctly rounded sums: proved algorithms using rounding to odd", 2008.
    """
    near = b.create(arith.TruncFOp, (x,), f32)
    back = b.create(arith.ExtFOp, (near,), f64)
    bits = b.create(arith.BitcastOp, (near,), i32)
    one = b.constant(1, i32)
    is_beyond = scalar_compare(b, "gt", scalar_op(b, math.AbsFOp, back), scalar_op(b, math.AbsFOp, x))
    toward_zero = scalar_select(b, is_beyond, scalar_op(b, arith.SubiOp, bits, one), bits)
    is_exact = scalar_compare(b, "eq", back, x)
    odd = scalar_select(b, is_exact, bits, scalar_op(b, arith.OrIOp, toward_zero, one))
    return b.create(arith.BitcastOp, (odd,), f32)


def _float_to_integer(b: OpBuilder, x: SSAValue, target: Attribute) -> SSAValue:
    """As C compilers do on this hardware: through the next wider signed integer, so that small values wrap around."""
    width = cast(IntegerType, target).width.data
    unsigned = is_unsigned(target)
    if width == 64 and unsigned:
        half = b.constant(2.0**63, x.type)
        high = scalar_compare(b, "ge", x, half)
        low_part = scalar_select(b, high, scalar_op(b, arith.SubfOp, x, half), x)
        integer = b.create(arith.FPToSIOp, (low_part,), i64)
        top = scalar_select(b, high, b.constant(-(2**63), i64), b.constant(0, i64))
        return b.create(arith.BitcastOp, (scalar_op(b, arith.XOrIOp, integer, top),), target)
    wide = i32 if width < 32 or (width == 32 and not unsigned) else i64
    integer = b.create(arith.FPToSIOp, (x,), wide)
    return integer if wide == target else b.create(arith.TruncIOp, (integer,), target)


def convert(b: OpBuilder, x: SSAValue, element_type: Attribute) -> SSAValue:
    """Append `x` with elements of `element_type`; `x` itself if it has them already."""
    if element_type_of(x) == element_type:
        return x
    return ConvertOp.emit(b, (x,), {"output": tensor_type(element_type, shape_of(x))})
