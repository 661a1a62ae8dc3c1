"""Calls of LLVM intrinsics as operations: `llvm.intr.X` is `@llvm.X` with the suffix that `intrinsic_name` gives.

Other dialects (`nvvm`) derive from `IntrinsicOp`, and the text emitter knows their operations without being told.
"""

from abc import ABC, abstractmethod
from functools import lru_cache
from typing import Any, ClassVar, cast

from xdsl.dialects.builtin import (
    I1,
    AnyFloat,
    AnyFloatConstr,
    BFloat16Type,
    BoolAttr,
    IntAttr,
    IntegerAttr,
    IntegerType,
    SignlessIntegerConstraint,
    VectorType,
)
from xdsl.dialects.llvm import FastMathAttr, LLVMPointerType
from xdsl.ir import Attribute
from xdsl.irdl import (
    AnyAttr,
    IRDLOperation,
    ParsePropInAttrDict,
    VarConstraint,
    irdl_op_definition,
    operand_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.traits import Pure

FloatLike = AnyFloatConstr | VectorType.constr(AnyFloatConstr)
IntLike = SignlessIntegerConstraint | VectorType.constr(SignlessIntegerConstraint)
NO_FLAGS = FastMathAttr("none")


@lru_cache(maxsize=1024)
def mangled(value_type: Attribute) -> str:
    """The suffix that LLVM gives an overloaded intrinsic for `value_type`: `f32`, `v16f32`, `p0`."""
    if isinstance(value_type, VectorType):
        vector = cast(VectorType[Any], value_type)
        return f"v{vector.get_shape()[0]}{mangled(vector.element_type)}"
    if isinstance(value_type, IntegerType):
        return f"i{cast(Any, value_type).width.data}"
    if isinstance(value_type, BFloat16Type):
        return "bf16"
    if isinstance(value_type, LLVMPointerType):
        space = value_type.addr_space
        return f"p{space.data if isinstance(space, IntAttr) else 0}"
    return f"f{cast(AnyFloat, value_type).bitwidth}"


class IntrinsicOp(IRDLOperation, ABC):
    """A call of the LLVM intrinsic `intrinsic_name()`, its operands being the arguments."""

    @abstractmethod
    def intrinsic_name(self) -> str:
        """The full name, with the suffix of an overloaded intrinsic, without `@`."""


class OverloadedIntrinsicOp(IntrinsicOp, ABC):
    """An `llvm.intr.X` overloaded on the type of its last operand: `@llvm.X.v8f32`."""

    def intrinsic_name(self) -> str:
        """The name of the operation without `intr`, and the suffix of the last operand's type."""
        return f"llvm.{self.name.removeprefix('llvm.intr.')}.{mangled(self.operands[-1].type)}"


class UnaryFloatIntrinsicOp(OverloadedIntrinsicOp, ABC):
    """`result[i] = f(input[i])` on floats."""

    T: ClassVar = VarConstraint("T", FloatLike)

    input = operand_def(T)
    res = result_def(T)
    fast_math = prop_def(FastMathAttr, default_value=NO_FLAGS, prop_name="fastmathFlags")

    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "`(` operands `)` attr-dict `:` functional-type(operands, results)"


class BinaryFloatIntrinsicOp(OverloadedIntrinsicOp, ABC):
    """`result[i] = f(lhs[i], rhs[i])` on floats."""

    T: ClassVar = VarConstraint("T", FloatLike)

    lhs = operand_def(T)
    rhs = operand_def(T)
    res = result_def(T)
    fast_math = prop_def(FastMathAttr, default_value=NO_FLAGS, prop_name="fastmathFlags")

    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "`(` operands `)` attr-dict `:` functional-type(operands, results)"


class UnaryIntIntrinsicOp(OverloadedIntrinsicOp, ABC):
    """`result[i] = f(input[i])` on integers."""

    T: ClassVar = VarConstraint("T", IntLike)

    input = operand_def(T)
    res = result_def(T)

    traits = traits_def(Pure())
    assembly_format = "`(` operands `)` attr-dict `:` functional-type(operands, results)"


class BinaryIntIntrinsicOp(OverloadedIntrinsicOp, ABC):
    """`result[i] = f(lhs[i], rhs[i])` on integers."""

    T: ClassVar = VarConstraint("T", IntLike)

    lhs = operand_def(T)
    rhs = operand_def(T)
    res = result_def(T)

    traits = traits_def(Pure())
    assembly_format = "`(` operands `)` attr-dict `:` functional-type(operands, results)"


@irdl_op_definition
class FTruncOp(UnaryFloatIntrinsicOp):
    """Round towards zero."""

    name = "llvm.intr.trunc"


@irdl_op_definition
class RoundEvenOp(UnaryFloatIntrinsicOp):
    """Round to the nearest integer, ties to even."""

    name = "llvm.intr.roundeven"


@irdl_op_definition
class CtPopOp(UnaryIntIntrinsicOp):
    """The number of bits that are 1."""

    name = "llvm.intr.ctpop"


@irdl_op_definition
class MaximumOp(BinaryFloatIntrinsicOp):
    """The larger operand; NaN if one is NaN; `maximum(-0, +0) = +0`."""

    name = "llvm.intr.maximum"


@irdl_op_definition
class MinimumOp(BinaryFloatIntrinsicOp):
    """The smaller operand; NaN if one is NaN; `minimum(-0, +0) = -0`."""

    name = "llvm.intr.minimum"


@irdl_op_definition
class SMaxOp(BinaryIntIntrinsicOp):
    """The larger operand, signed."""

    name = "llvm.intr.smax"


@irdl_op_definition
class SMinOp(BinaryIntIntrinsicOp):
    """The smaller operand, signed."""

    name = "llvm.intr.smin"


@irdl_op_definition
class UMaxOp(BinaryIntIntrinsicOp):
    """The larger operand, unsigned."""

    name = "llvm.intr.umax"


@irdl_op_definition
class UMinOp(BinaryIntIntrinsicOp):
    """The smaller operand, unsigned."""

    name = "llvm.intr.umin"


class FloatFoldOp(OverloadedIntrinsicOp, ABC):
    """`start_value` combined with all elements of `vector`: in order, or in any order under `reassoc`."""

    T: ClassVar = VarConstraint("T", AnyFloatConstr)

    start_value = operand_def(T)
    vector = operand_def(VectorType.constr(T))
    res = result_def(T)
    fast_math = prop_def(FastMathAttr, default_value=NO_FLAGS, prop_name="fastmathFlags")

    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "`(` operands `)` attr-dict `:` functional-type(operands, results)"


@irdl_op_definition
class VectorReduceFAddOp(FloatFoldOp):
    """The sum of all elements and `start_value`."""

    name = "llvm.intr.vector.reduce.fadd"


@irdl_op_definition
class VectorReduceFMulOp(FloatFoldOp):
    """The product of all elements and `start_value`."""

    name = "llvm.intr.vector.reduce.fmul"


class FloatReduceOp(OverloadedIntrinsicOp, ABC):
    """All elements of a vector of floats combined."""

    T: ClassVar = VarConstraint("T", AnyFloatConstr)

    vector = operand_def(VectorType.constr(T))
    res = result_def(T)
    fast_math = prop_def(FastMathAttr, default_value=NO_FLAGS, prop_name="fastmathFlags")

    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "`(` operands `)` attr-dict `:` functional-type(operands, results)"


class IntReduceOp(OverloadedIntrinsicOp, ABC):
    """All elements of a vector of integers combined."""

    T: ClassVar = VarConstraint("T", SignlessIntegerConstraint)

    vector = operand_def(VectorType.constr(T))
    res = result_def(T)

    traits = traits_def(Pure())
    assembly_format = "`(` operands `)` attr-dict `:` functional-type(operands, results)"


@irdl_op_definition
class VectorReduceFMaximumOp(FloatReduceOp):
    """The largest element; NaN if one is NaN."""

    name = "llvm.intr.vector.reduce.fmaximum"


@irdl_op_definition
class VectorReduceFMinimumOp(FloatReduceOp):
    """The smallest element; NaN if one is NaN."""

    name = "llvm.intr.vector.reduce.fminimum"


@irdl_op_definition
class VectorReduceFMaxOp(FloatReduceOp):
    """The largest element that is not NaN."""

    name = "llvm.intr.vector.reduce.fmax"


@irdl_op_definition
class VectorReduceFMinOp(FloatReduceOp):
    """The smallest element that is not NaN."""

    name = "llvm.intr.vector.reduce.fmin"


@irdl_op_definition
class VectorReduceAddOp(IntReduceOp):
    """The sum, modulo 2^width."""

    name = "llvm.intr.vector.reduce.add"


@irdl_op_definition
class VectorReduceMulOp(IntReduceOp):
    """The product, modulo 2^width."""

    name = "llvm.intr.vector.reduce.mul"


@irdl_op_definition
class VectorReduceAndOp(IntReduceOp):
    """The bitwise and."""

    name = "llvm.intr.vector.reduce.and"


@irdl_op_definition
class VectorReduceOrOp(IntReduceOp):
    """The bitwise or."""

    name = "llvm.intr.vector.reduce.or"


@irdl_op_definition
class VectorReduceXorOp(IntReduceOp):
    """The bitwise exclusive or."""

    name = "llvm.intr.vector.reduce.xor"


@irdl_op_definition
class VectorReduceSMaxOp(IntReduceOp):
    """The largest element, signed."""

    name = "llvm.intr.vector.reduce.smax"


@irdl_op_definition
class VectorReduceSMinOp(IntReduceOp):
    """The smallest element, signed."""

    name = "llvm.intr.vector.reduce.smin"


@irdl_op_definition
class VectorReduceUMaxOp(IntReduceOp):
    """The largest element, unsigned."""

    name = "llvm.intr.vector.reduce.umax"


@irdl_op_definition
class VectorReduceUMinOp(IntReduceOp):
    """The smallest element, unsigned."""

    name = "llvm.intr.vector.reduce.umin"


@irdl_op_definition
class MaskedLoadOp(IRDLOperation):
    """`res[i] = mask[i] ? data[i] : pass_thru[i]`; elements that are masked off are not touched."""

    name = "llvm.intr.masked.load"

    T: ClassVar = VarConstraint("T", VectorType.constr(AnyAttr()))

    data = operand_def(LLVMPointerType)
    mask = operand_def(VectorType[I1])
    pass_thru = operand_def(T)
    res = result_def(T)
    alignment = prop_def(IntegerAttr)

    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = (
        "$data `,` $mask `,` $pass_thru attr-dict `:` `(` type($data) `,` type($mask) `,` type($pass_thru) `)` "
        "`->` type($res)"
    )


@irdl_op_definition
class MaskedStoreOp(IRDLOperation):
    """`data[i] = value[i]` where `mask[i]`; elements that are masked off are not touched."""

    name = "llvm.intr.masked.store"

    value = operand_def(VectorType)
    data = operand_def(LLVMPointerType)
    mask = operand_def(VectorType[I1])
    alignment = prop_def(IntegerAttr)

    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$value `,` $data `,` $mask attr-dict `:` type($value) `,` type($mask) `into` type($data)"


@irdl_op_definition
class MemcpyOp(IRDLOperation):
    """Copy `len` bytes from `src` to `dst`, which are the same or do not overlap."""

    name = "llvm.intr.memcpy"

    dst = operand_def(LLVMPointerType)
    src = operand_def(LLVMPointerType)
    len = operand_def(IntegerType)
    is_volatile = prop_def(BoolAttr, default_value=BoolAttr.from_bool(False), prop_name="isVolatile")


@irdl_op_definition
class MemsetOp(IRDLOperation):
    """Set `len` bytes at `dst` to `val`."""

    name = "llvm.intr.memset"

    dst = operand_def(LLVMPointerType)
    val = operand_def(IntegerType)
    len = operand_def(IntegerType)
    is_volatile = prop_def(BoolAttr, default_value=BoolAttr.from_bool(False), prop_name="isVolatile")
