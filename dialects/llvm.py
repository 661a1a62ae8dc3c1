"""The `llvm` dialect, completed: operations of MLIR's `llvm` dialect that xDSL lacks, under MLIR's names.

`Llvm` holds upstream's operations and ours, and replaces upstream's dialect in our contexts. Where upstream's class takes
scalars only (`llvm.fcmp`, `llvm.select`, the masked accesses, the reductions), ours of the same name takes vectors too.
"""

from abc import ABC
from typing import Any, ClassVar, Self, cast

from xdsl.dialects.builtin import I1, IntegerAttr, IntegerType, SignlessIntegerConstraint, VectorType, i64
from xdsl.dialects.llvm import LLVM, FastMathAttr, FCmpPredicateFlag
from xdsl.ir import Attribute, Dialect, Operation
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
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import NoMemoryEffect, Pure
from xdsl.utils.exceptions import VerifyException

from dialects import llvm_intrinsics
from dialects.llvm_intrinsics import NO_FLAGS, FloatLike


@irdl_op_definition
class FCmpOp(IRDLOperation):
    """`result[i] = lhs[i] predicate rhs[i]` on floats or vectors of floats."""

    name = "llvm.fcmp"

    T: ClassVar = VarConstraint("T", FloatLike)

    lhs = operand_def(T)
    rhs = operand_def(T)
    res = result_def(I1 | VectorType[I1])
    predicate = prop_def(IntegerAttr)
    fast_math = prop_def(FastMathAttr, default_value=NO_FLAGS, prop_name="fastmathFlags")

    traits = traits_def(Pure())

    @classmethod
    def parse(cls, parser: Parser) -> Self:
        """Parse `"olt" %lhs, %rhs {attributes} : type`."""
        predicate = FCmpPredicateFlag(parser.parse_str_literal()).to_int()
        lhs = parser.parse_unresolved_operand()
        parser.parse_punctuation(",")
        rhs = parser.parse_unresolved_operand()
        attributes = parser.parse_optional_attr_dict()
        parser.parse_punctuation(":")
        operand_type = parser.parse_type()
        flags = attributes.pop("fastmathFlags", NO_FLAGS)
        return cls.create(
            operands=parser.resolve_operands([lhs, rhs], [operand_type] * 2, parser.pos),
            result_types=[comparison_type(operand_type)],
            properties={"predicate": IntegerAttr(predicate, i64), "fastmathFlags": flags},
            attributes=attributes,
        )

    def print(self, printer: Printer) -> None:
        """Print what `parse` parses."""
        printer.print_string(f' "{FCmpPredicateFlag.from_int(self.predicate.value.data)}" ')
        printer.print_list((self.lhs, self.rhs), printer.print_ssa_value)
        flags: dict[str, Attribute] = {} if self.fast_math == NO_FLAGS else {"fastmathFlags": self.fast_math}
        printer.print_op_attributes(self.attributes | flags)
        printer.print_string(" : ")
        printer.print_attribute(self.lhs.type)


def comparison_type(operand_type: Attribute) -> Attribute:
    """The type of a comparison of two values of `operand_type`: `i1`, or a vector of as many."""
    if isinstance(operand_type, VectorType):
        return VectorType(IntegerType(1), cast(VectorType[Any], operand_type).shape)
    return IntegerType(1)


@irdl_op_definition
class SelectOp(IRDLOperation):
    """`res = cond ? lhs : rhs`, by element if `cond` is a vector."""

    name = "llvm.select"

    T: ClassVar = VarConstraint("T", AnyAttr())

    cond = operand_def(I1 | VectorType[I1])
    lhs = operand_def(T)
    rhs = operand_def(T)
    res = result_def(T)
    fast_math = prop_def(FastMathAttr, default_value=NO_FLAGS, prop_name="fastmathFlags")

    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$cond `,` $lhs `,` $rhs attr-dict `:` type($cond) `,` type($res)"

    def verify_(self) -> None:
        """Check that a vector of conditions has as many elements as the values."""
        condition: Attribute = self.cond.type
        if isinstance(condition, VectorType) and condition != comparison_type(self.res.type):
            raise VerifyException(f"llvm.select: condition {condition} does not fit values {self.res.type}")


@irdl_op_definition
class ExtractElementOp(IRDLOperation):
    """`res = vector[position]`."""

    name = "llvm.extractelement"

    T: ClassVar = VarConstraint("T", AnyAttr())

    vector = operand_def(VectorType.constr(T))
    position = operand_def(SignlessIntegerConstraint)
    res = result_def(T)

    traits = traits_def(Pure())
    assembly_format = "$vector `[` $position `:` type($position) `]` attr-dict `:` type($vector)"


@irdl_op_definition
class PoisonOp(IRDLOperation):
    """A value that does not matter."""

    name = "llvm.mlir.poison"

    res = result_def()

    traits = traits_def(Pure())
    assembly_format = "attr-dict `:` type($res)"


@irdl_op_definition
class FenceOp(IRDLOperation):
    """What this thread has stored before is seen by others before what it stores afterwards."""

    name = "llvm.fence"

    assembly_format = "`seq_cst` attr-dict"


class ConversionOp(IRDLOperation, ABC):
    """A conversion, by element on vectors."""

    arg = operand_def()
    res = result_def()

    traits = traits_def(NoMemoryEffect())
    assembly_format = "$arg attr-dict `:` type($arg) `to` type($res)"


@irdl_op_definition
class FPToSIOp(ConversionOp):
    """A float to a signed integer, towards zero."""

    name = "llvm.fptosi"


@irdl_op_definition
class FPToUIOp(ConversionOp):
    """A float to an unsigned integer, towards zero."""

    name = "llvm.fptoui"


@irdl_op_definition
class UIToFPOp(ConversionOp):
    """An unsigned integer to a float."""

    name = "llvm.uitofp"


@irdl_op_definition
class AddrSpaceCastOp(ConversionOp):
    """A pointer to another address space."""

    name = "llvm.addrspacecast"


_OURS: tuple[type[Operation], ...] = (
    AddrSpaceCastOp,
    ExtractElementOp,
    FCmpOp,
    FenceOp,
    FPToSIOp,
    FPToUIOp,
    PoisonOp,
    SelectOp,
    UIToFPOp,
    llvm_intrinsics.CtPopOp,
    llvm_intrinsics.FTruncOp,
    llvm_intrinsics.MaskedLoadOp,
    llvm_intrinsics.MaskedStoreOp,
    llvm_intrinsics.MaximumOp,
    llvm_intrinsics.MemcpyOp,
    llvm_intrinsics.MemsetOp,
    llvm_intrinsics.MinimumOp,
    llvm_intrinsics.RoundEvenOp,
    llvm_intrinsics.SMaxOp,
    llvm_intrinsics.SMinOp,
    llvm_intrinsics.UMaxOp,
    llvm_intrinsics.UMinOp,
    llvm_intrinsics.VectorReduceAddOp,
    llvm_intrinsics.VectorReduceAndOp,
    llvm_intrinsics.VectorReduceFAddOp,
    llvm_intrinsics.VectorReduceFMaxOp,
    llvm_intrinsics.VectorReduceFMaximumOp,
    llvm_intrinsics.VectorReduceFMinOp,
    llvm_intrinsics.VectorReduceFMinimumOp,
    llvm_intrinsics.VectorReduceFMulOp,
    llvm_intrinsics.VectorReduceMulOp,
    llvm_intrinsics.VectorReduceOrOp,
    llvm_intrinsics.VectorReduceSMaxOp,
    llvm_intrinsics.VectorReduceSMinOp,
    llvm_intrinsics.VectorReduceUMaxOp,
    llvm_intrinsics.VectorReduceUMinOp,
    llvm_intrinsics.VectorReduceXorOp,
)
_OUR_NAMES = {op_type.name for op_type in _OURS}

Llvm = Dialect(
    "llvm",
    [*_OURS, *(op_type for op_type in LLVM.operations if op_type.name not in _OUR_NAMES)],
    [*LLVM.attributes],
)
