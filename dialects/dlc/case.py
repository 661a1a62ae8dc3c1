"""`dlc.case`: one of several functions, chosen by an index."""

from collections.abc import Sequence
from typing import Self, cast

from xdsl.dialects.builtin import ArrayAttr, IntegerType, SymbolRefAttr
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import irdl_op_definition, operand_def, prop_def, var_operand_def
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.utils.exceptions import VerifyException

from dialects.builder import OpBuilder
from dialects.dlc.function_syntax import parse_function_type, parse_values, print_function_type, print_values
from dialects.dlc.higher_order import Call, CalleeType, HigherOrderOp
from dialects.dlc.interfaces import AnyTensor, Array, element_type_of, shape_of


@irdl_op_definition
class CaseOp(HigherOrderOp):
    """`branches[index](arguments)`; an index out of range counts as the nearest in range, a condition as 0 or 1."""

    name = "dlc.case"

    index = operand_def(AnyTensor)
    arguments = var_operand_def(AnyTensor)
    branches_attr = prop_def(ArrayAttr[SymbolRefAttr], prop_name="branches")

    @property
    def branches(self) -> tuple[str, ...]:
        """The names of the functions."""
        return tuple(symbol.string_value() for symbol in self.branches_attr)

    def print(self, printer: Printer) -> None:
        """Print as `dlc.case %index [@f, @g](%a, %b) : (types) -> types`."""
        printer.print_string(" ")
        printer.print_operand(self.index)
        printer.print_string(" [")
        printer.print_list(self.branches_attr, printer.print_attribute)
        printer.print_string("]")
        print_values(printer, self.arguments)
        print_function_type(printer, self)

    @classmethod
    def parse(cls, parser: Parser) -> Self:
        """Parse what `print` prints."""
        index = parser.parse_unresolved_operand()
        branches = parser.parse_comma_separated_list(parser.Delimiter.SQUARE, parser.parse_symbol_name)
        groups = [[index], parse_values(parser)]
        operands, result_types, attributes = parse_function_type(parser, groups)
        return cls.build(
            operands=[operands[0][0], operands[1]],
            result_types=[result_types],
            properties={"branches": ArrayAttr([SymbolRefAttr(name) for name in branches])},
            attributes=attributes,
        )

    def verify_(self) -> None:
        """Check the index, and that there is a branch."""
        if not self.branches_attr.data:
            raise VerifyException("dlc.case: has no branches, expected at least one")
        if shape_of(self.index) or not isinstance(element_type_of(self.index), IntegerType):
            raise VerifyException(
                f"dlc.case: the index has type {self.index.type}, expected a 0-d tensor of integers, or of i1"
            )

    def callee_types(self) -> Sequence[CalleeType]:
        """Every branch maps `arguments` to `outputs`."""
        inputs, outputs = list(self.arguments.types), list(self.outputs.types)
        return [CalleeType(branch, inputs, outputs) for branch in self.branches]

    def evaluate(self, operands: Sequence[Array], call: Call) -> list[Array]:
        """The values of the chosen branch."""
        branches = self.branches
        chosen = min(max(int(operands[0]), 0), len(branches) - 1)
        return call(branches[chosen], operands[1:])


def case(
    b: OpBuilder,
    index: SSAValue,
    branches: Sequence[str],
    arguments: Sequence[SSAValue],
    output_types: Sequence[Attribute],
) -> tuple[SSAValue, ...]:
    """Append a choice among `branches`; return its results, which have `output_types`."""
    properties = {"branches": cast(Attribute, ArrayAttr([SymbolRefAttr(branch) for branch in branches]))}
    return tuple(b.create_op(CaseOp, (index, *arguments), output_types, properties).results)
