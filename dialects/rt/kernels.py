"""`rt.kernel`, structured operations that become one kernel, and `rt.launch`, which runs it."""

from collections.abc import Sequence
from math import prod
from typing import Self, cast

from xdsl.dialects.builtin import (
    I64,
    DenseArrayBase,
    IntegerAttr,
    MemRefType,
    StringAttr,
    SymbolRefAttr,
    TensorType,
    i64,
)
from xdsl.ir import Attribute, Region, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    irdl_op_definition,
    opt_prop_def,
    prop_def,
    region_def,
    traits_def,
    var_operand_def,
    var_result_def,
)
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import HasParent, IsolatedFromAbove, IsTerminator
from xdsl.utils.exceptions import VerifyException


@irdl_op_definition
class KernelOp(IRDLOperation):
    """A group of structured operations that becomes one kernel.

    The region is isolated from above: its block arguments stand for `inputs`. `tile` holds the sizes of the outer
    parallel iteration space that all its `linalg.generic` operations share as their leading loop dimensions; one
    point of that space can be computed without any other.

    On tensors, `rt.yield` names the results. On memrefs (after `bufferize`) there are no results: the kernel writes
    to memrefs among its inputs.
    """

    name = "rt.kernel"

    inputs = var_operand_def(TensorType | MemRefType)
    outputs = var_result_def(TensorType)
    kernel_name = prop_def(StringAttr)
    tile = prop_def(DenseArrayBase.constr(I64))
    body = region_def("single_block")

    traits = traits_def(IsolatedFromAbove())

    def __init__(
        self,
        kernel_name: str,
        tile: Sequence[int],
        inputs: Sequence[SSAValue],
        result_types: Sequence[Attribute],
        body: Region,
    ):
        super().__init__(
            operands=[inputs],
            result_types=[result_types],
            properties={
                "kernel_name": StringAttr(kernel_name),
                "tile": DenseArrayBase.from_list(i64, list(tile)),
            },
            regions=[body],
        )

    def verify_(self) -> None:
        """Check that block arguments match the inputs and the yielded values the results."""
        block = self.body.block
        arguments = tuple(argument.type for argument in block.args)
        inputs = tuple(value.type for value in self.inputs)
        if arguments != inputs:
            raise VerifyException(f"rt.kernel: block arguments {arguments} differ from inputs {inputs}")
        last = block.last_op
        if not isinstance(last, YieldOp):
            raise VerifyException("rt.kernel: the region must end in rt.yield")
        yielded = tuple(value.type for value in last.values)
        results = tuple(value.type for value in self.outputs)
        if yielded != results:
            raise VerifyException(f"rt.kernel: yields {yielded}, expected the result types {results}")

    def print(self, printer: Printer) -> None:
        """Print as `rt.kernel "name" tile [64] ins(%a = %x : type) -> (types) { … }`."""
        printer.print_string(" ")
        printer.print_string_literal(self.kernel_name.data)
        printer.print_string(" tile [")
        printer.print_list(self.tile.get_values(), lambda size: printer.print_string(str(size)))
        printer.print_string("] ins(")
        block = self.body.block
        printer.print_list(
            list(zip(block.args, self.inputs, strict=True)),
            lambda pair: _print_binding(printer, *pair),
        )
        printer.print_string(")")
        if self.outputs:
            printer.print_string(" -> (")
            printer.print_list(self.outputs, lambda value: printer.print_attribute(value.type))
            printer.print_string(")")
        printer.print_string(" ")
        printer.print_region(self.body, print_entry_block_args=False)
        printer.print_op_attributes(self.attributes, print_keyword=True)

    @classmethod
    def parse(cls, parser: Parser) -> Self:
        """Parse what `print` prints."""
        name = parser.parse_str_literal()
        parser.parse_keyword("tile")
        tile = parser.parse_comma_separated_list(parser.Delimiter.SQUARE, parser.parse_integer)
        parser.parse_keyword("ins")
        arguments: list[Parser.Argument] = []
        inputs: list[SSAValue] = []

        def parse_binding() -> None:
            argument = parser.parse_argument(expect_type=False)
            parser.parse_punctuation("=")
            value = parser.parse_unresolved_operand()
            parser.parse_punctuation(":")
            value_type = parser.parse_type()
            arguments.append(argument.resolve(value_type))
            inputs.append(parser.resolve_operand(value, value_type))

        parser.parse_comma_separated_list(parser.Delimiter.PAREN, parse_binding)
        result_types: list[Attribute] = []
        if parser.parse_optional_punctuation("->"):
            result_types = parser.parse_comma_separated_list(parser.Delimiter.PAREN, parser.parse_type)
        body = parser.parse_region(arguments)
        attributes = parser.parse_optional_attr_dict_with_keyword()
        op = cls(name, tile, inputs, result_types, body)
        if attributes is not None:
            op.attributes |= attributes.data
        return op


def _print_binding(printer: Printer, argument: SSAValue, value: SSAValue) -> None:
    printer.print_ssa_value(argument)
    printer.print_string(" = ")
    printer.print_operand(value)
    printer.print_string(" : ")
    printer.print_attribute(value.type)


@irdl_op_definition
class YieldOp(IRDLOperation):
    """Ends the region of `rt.kernel` and names its results."""

    name = "rt.yield"

    values = var_operand_def(TensorType)

    traits = traits_def(IsTerminator(), HasParent(KernelOp))

    assembly_format = "($values^ `:` type($values))? attr-dict"


@irdl_op_definition
class LaunchOp(IRDLOperation):
    """Run the outlined kernel `kernel` over the whole range of its tile.

    The kernel's own arguments are `operands`; from the `loops` stage on it takes the range `lo, hi` in front of them,
    and `over` holds the sizes whose product is the extent of that range. With a `grain`, threads run parts of so many points, the
    last of which may have fewer; without, the thread that gets there runs all of it.
    """

    name = "rt.launch"

    kernel = prop_def(SymbolRefAttr)
    over = prop_def(DenseArrayBase.constr(I64))
    arguments = var_operand_def(MemRefType)
    grain = opt_prop_def(IntegerAttr[I64])

    assembly_format = "$kernel `over` $over (`grain` $grain^)? `(` $arguments `)` `:` type($arguments) attr-dict"

    @property
    def extent(self) -> int:
        """The number of points."""
        return prod(cast(Sequence[int], self.over.get_values()))

    @property
    def part_count(self) -> int:
        """How many parts the range has: 1 without a `grain`."""
        return 1 if self.grain is None else -(-self.extent // self.grain.value.data)

    def verify_(self) -> None:
        """Check that parts have points."""
        if self.grain is not None and self.grain.value.data < 1:
            raise VerifyException(f"rt.launch: grain is {self.grain.value.data}, expected at least 1")
