"""`dlc.while`: a loop that ends when a condition says so."""

from collections.abc import Sequence
from typing import Self

from xdsl.dialects.builtin import I64, DenseArrayBase, IntegerAttr, SymbolRefAttr, i1, i32, i64
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import AttrSizedOperandSegments, irdl_op_definition, opt_prop_def, prop_def, var_operand_def
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.utils.exceptions import VerifyException

from dialects.builder import OpBuilder, tensor_type
from dialects.dlc.function_syntax import parse_function_type, parse_values, print_function_type, print_values
from dialects.dlc.higher_order import Call, CalleeType, HigherOrderOp
from dialects.dlc.interfaces import AnyTensor, Array

CONDITION = tensor_type(i1, ())
"""The type of a condition."""


@irdl_op_definition
class WhileOp(HigherOrderOp):
    """`while cond(carry, constants): carry = body(carry, constants)`; the results are the last carry.

    `max_steps`, if given, is a promise that the loop takes no more steps. Its reverse derivative needs it.
    """

    name = "dlc.while"

    init = var_operand_def(AnyTensor)
    constants = var_operand_def(AnyTensor)
    cond_attr = prop_def(SymbolRefAttr, prop_name="cond")
    body_attr = prop_def(SymbolRefAttr, prop_name="body")
    max_steps_attr = opt_prop_def(IntegerAttr[I64], prop_name="max_steps")

    irdl_options = (AttrSizedOperandSegments(as_property=True),)

    @property
    def cond(self) -> str:
        """The name of the condition."""
        return self.cond_attr.string_value()

    @property
    def body(self) -> str:
        """The name of the function that is one step."""
        return self.body_attr.string_value()

    @property
    def max_steps(self) -> int | None:
        """The number of steps that the loop does not exceed."""
        return None if self.max_steps_attr is None else self.max_steps_attr.value.data

    def print(self, printer: Printer) -> None:
        """Print as `dlc.while cond @c body @b(%init)(%constant) max_steps 10 : (types) -> types`."""
        printer.print_string(" cond ")
        printer.print_attribute(self.cond_attr)
        printer.print_string(" body ")
        printer.print_attribute(self.body_attr)
        print_values(printer, self.init)
        print_values(printer, self.constants)
        if self.max_steps is not None:
            printer.print_string(f" max_steps {self.max_steps}")
        print_function_type(printer, self)

    @classmethod
    def parse(cls, parser: Parser) -> Self:
        """Parse what `print` prints."""
        properties: dict[str, Attribute] = {}
        for role in ("cond", "body"):
            parser.parse_keyword(role)
            properties[role] = SymbolRefAttr(parser.parse_symbol_name())
        groups = [parse_values(parser) for _ in range(2)]
        if parser.parse_optional_keyword("max_steps") is not None:
            properties["max_steps"] = IntegerAttr(parser.parse_integer(), i64)
        operands, result_types, attributes = parse_function_type(parser, groups)
        return cls.build(operands=operands, result_types=[result_types], properties=properties, attributes=attributes)

    def verify_(self) -> None:
        """Check that the results are the carry."""
        carry, results = self.init.types, self.outputs.types
        if carry != results:
            raise VerifyException(
                f"dlc.while: results have types ({', '.join(map(str, results))}), expected those of the carry "
                f"({', '.join(map(str, carry))})"
            )

    def callee_types(self) -> Sequence[CalleeType]:
        """`cond(carry, constants) -> tensor<i1>` and `body(carry, constants) -> carry`."""
        carry = list(self.init.types)
        inputs = [*carry, *self.constants.types]
        return CalleeType(self.cond, inputs, [CONDITION]), CalleeType(self.body, inputs, carry)

    def evaluate(self, operands: Sequence[Array], call: Call) -> list[Array]:
        """One call of the body for each time that the condition holds."""
        count = len(self.init)
        carry, constants = list(operands[:count]), operands[count:]
        while call(self.cond, [*carry, *constants])[0]:
            carry = call(self.body, [*carry, *constants])
        return carry


def while_(
    b: OpBuilder,
    cond: str,
    body: str,
    init: Sequence[SSAValue],
    constants: Sequence[SSAValue],
    max_steps: int | None = None,
) -> tuple[SSAValue, ...]:
    """Append a loop; return the last carry."""
    properties: dict[str, Attribute] = {
        "cond": SymbolRefAttr(cond),
        "body": SymbolRefAttr(body),
        "operandSegmentSizes": DenseArrayBase.from_list(i32, [len(init), len(constants)]),
    }
    if max_steps is not None:
        properties["max_steps"] = IntegerAttr(max_steps, i64)
    return tuple(b.create_op(WhileOp, (*init, *constants), [value.type for value in init], properties).results)
