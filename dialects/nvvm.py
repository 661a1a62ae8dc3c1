"""The `nvvm` dialect: what PTX has and LLVM's own instructions lack, under MLIR's names.

Every operation is a call of one `llvm.nvvm` intrinsic, which the LLVM text emitter writes without being told about it. The
module also says which of LLVM's other intrinsics the NVPTX back end can select: on those that it cannot, it ends the process.
"""

from abc import ABC
from typing import ClassVar

from xdsl.dialects.builtin import Float32Type, IntegerType, StringAttr, i32
from xdsl.ir import Dialect, Operation
from xdsl.irdl import VarConstraint, irdl_op_definition, operand_def, prop_def, result_def, traits_def
from xdsl.irdl.constraints import EqAttrConstraint
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException

from dialects.llvm_intrinsics import IntrinsicOp

# Special registers


class SpecialRegisterOp(IntrinsicOp, ABC):
    """The value of a special register of the thread, 32 bits."""

    res = result_def(i32)

    traits = traits_def(Pure())
    assembly_format = "attr-dict `:` type($res)"

    def intrinsic_name(self) -> str:
        """`llvm.` and the name of the operation."""
        return f"llvm.{self.name}"


@irdl_op_definition
class ThreadIdXOp(SpecialRegisterOp):
    """The position of the thread in its block, `tid.x`."""

    name = "nvvm.read.ptx.sreg.tid.x"


@irdl_op_definition
class ThreadIdYOp(SpecialRegisterOp):
    """The position of the thread in its block, `tid.y`."""

    name = "nvvm.read.ptx.sreg.tid.y"


@irdl_op_definition
class ThreadIdZOp(SpecialRegisterOp):
    """The position of the thread in its block, `tid.z`."""

    name = "nvvm.read.ptx.sreg.tid.z"


@irdl_op_definition
class BlockIdXOp(SpecialRegisterOp):
    """The position of the block in the grid, `ctaid.x`."""

    name = "nvvm.read.ptx.sreg.ctaid.x"


@irdl_op_definition
class BlockIdYOp(SpecialRegisterOp):
    """The position of the block in the grid, `ctaid.y`."""

    name = "nvvm.read.ptx.sreg.ctaid.y"


@irdl_op_definition
class BlockIdZOp(SpecialRegisterOp):
    """The position of the block in the grid, `ctaid.z`."""

    name = "nvvm.read.ptx.sreg.ctaid.z"


@irdl_op_definition
class BlockDimXOp(SpecialRegisterOp):
    """The number of threads of a block, `ntid.x`."""

    name = "nvvm.read.ptx.sreg.ntid.x"


@irdl_op_definition
class BlockDimYOp(SpecialRegisterOp):
    """The number of threads of a block, `ntid.y`."""

    name = "nvvm.read.ptx.sreg.ntid.y"


@irdl_op_definition
class BlockDimZOp(SpecialRegisterOp):
    """The number of threads of a block, `ntid.z`."""

    name = "nvvm.read.ptx.sreg.ntid.z"


@irdl_op_definition
class GridDimXOp(SpecialRegisterOp):
    """The number of blocks of the grid, `nctaid.x`."""

    name = "nvvm.read.ptx.sreg.nctaid.x"


@irdl_op_definition
class GridDimYOp(SpecialRegisterOp):
    """The number of blocks of the grid, `nctaid.y`."""

    name = "nvvm.read.ptx.sreg.nctaid.y"


@irdl_op_definition
class GridDimZOp(SpecialRegisterOp):
    """The number of blocks of the grid, `nctaid.z`."""

    name = "nvvm.read.ptx.sreg.nctaid.z"


# Threads together


@irdl_op_definition
class Barrier0Op(IntrinsicOp):
    """Wait until all threads of the block are here; their writes to memory are then seen by the block."""

    name = "nvvm.barrier0"

    assembly_format = "attr-dict"

    def intrinsic_name(self) -> str:
        """`llvm.nvvm.barrier0`."""
        return "llvm.nvvm.barrier0"


@irdl_op_definition
class BarWarpSyncOp(IntrinsicOp):
    """Wait until the lanes of the warp in `mask` are here; their writes to memory are then seen by them."""

    name = "nvvm.bar.warp.sync"

    mask = operand_def(i32)

    assembly_format = "$mask attr-dict"

    def intrinsic_name(self) -> str:
        """`llvm.nvvm.bar.warp.sync`."""
        return f"llvm.{self.name}"


SHUFFLE_KINDS = ("bfly", "up", "down", "idx")


@irdl_op_definition
class ShflSyncOp(IntrinsicOp):
    """The `val` of another lane of the warp.

    The lane is `lane ^ offset` (`bfly`), `lane - offset` (`up`), `lane + offset` (`down`) or `offset` (`idx`); `thread_mask` says
    which lanes take part. `mask_and_clamp` bounds the lane: 31 for a whole warp, 0 with `up`.
    """

    name = "nvvm.shfl.sync"

    T: ClassVar = VarConstraint("T", EqAttrConstraint(Float32Type()) | EqAttrConstraint(IntegerType(32)))

    thread_mask = operand_def(i32)
    val = operand_def(T)
    offset = operand_def(i32)
    mask_and_clamp = operand_def(i32)
    res = result_def(T)
    kind = prop_def(StringAttr)

    def verify_(self) -> None:
        """Check the kind."""
        if self.kind.data not in SHUFFLE_KINDS:
            raise VerifyException(f"{self.name}: kind is {self.kind.data}, expected one of {', '.join(SHUFFLE_KINDS)}")

    def print(self, printer: Printer) -> None:
        """Print as `nvvm.shfl.sync bfly %mask, %val, %offset, %clamp : f32 -> f32`."""
        printer.print_string(f" {self.kind.data} ")
        printer.print_list(self.operands, printer.print_ssa_value)
        printer.print_op_attributes(self.attributes)
        printer.print_string(" : ")
        printer.print_attribute(self.val.type)
        printer.print_string(" -> ")
        printer.print_attribute(self.res.type)

    @classmethod
    def parse(cls, parser: Parser) -> "ShflSyncOp":
        """Parse what `print` prints."""
        kind = parser.parse_identifier(" (kind of shuffle)")
        operands = [parser.parse_unresolved_operand()]
        for _ in range(3):
            parser.parse_punctuation(",")
            operands.append(parser.parse_unresolved_operand())
        attributes = parser.parse_optional_attr_dict()
        parser.parse_punctuation(":")
        value_type = parser.parse_type()
        parser.parse_punctuation("->")
        result_type = parser.parse_type()
        return cls.create(
            operands=parser.resolve_operands(operands, [i32, value_type, i32, i32], parser.pos),
            result_types=[result_type],
            properties={"kind": StringAttr(kind)},
            attributes=attributes,
        )

    def intrinsic_name(self) -> str:
        """The name with kind and type: `llvm.nvvm.shfl.sync.bfly.f32`."""
        return f"llvm.{self.name}.{self.kind.data}.{'f32' if isinstance(self.val.type, Float32Type) else 'i32'}"


# Approximations in hardware


class ApproximationOp(IntrinsicOp, ABC):
    """An elementary function of an f32 as the hardware computes it, a few units in the last place off."""

    arg = operand_def(Float32Type())
    res = result_def(Float32Type())

    traits = traits_def(Pure())
    assembly_format = "$arg attr-dict `:` type($res)"

    def intrinsic_name(self) -> str:
        """`llvm.`, the name of the operation, and LLVM's suffix for f32."""
        return f"llvm.{self.name}.f"


@irdl_op_definition
class Exp2ApproximationOp(ApproximationOp):
    """`2 ** arg`."""

    name = "nvvm.ex2.approx"


@irdl_op_definition
class Log2ApproximationOp(ApproximationOp):
    """The logarithm of `arg` to base 2."""

    name = "nvvm.lg2.approx"


@irdl_op_definition
class ReciprocalApproximationOp(ApproximationOp):
    """`1 / arg`; subnormal arguments and results are zero, which is the only form that LLVM has."""

    name = "nvvm.rcp.approx"

    def intrinsic_name(self) -> str:
        """`llvm.nvvm.rcp.approx.ftz.f`."""
        return f"llvm.{self.name}.ftz.f"


@irdl_op_definition
class ReciprocalSqrtApproximationOp(ApproximationOp):
    """`1 / sqrt(arg)`."""

    name = "nvvm.rsqrt.approx"


OPERATIONS: tuple[type[Operation], ...] = (
    ThreadIdXOp,
    ThreadIdYOp,
    ThreadIdZOp,
    BlockIdXOp,
    BlockIdYOp,
    BlockIdZOp,
    BlockDimXOp,
    BlockDimYOp,
    BlockDimZOp,
    GridDimXOp,
    GridDimYOp,
    GridDimZOp,
    Barrier0Op,
    BarWarpSyncOp,
    ShflSyncOp,
    Exp2ApproximationOp,
    Log2ApproximationOp,
    ReciprocalApproximationOp,
    ReciprocalSqrtApproximationOp,
)

Nvvm = Dialect("nvvm", [*OPERATIONS], [])
