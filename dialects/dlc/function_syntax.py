"""How operations that name functions are written: `@f(%a, %b) … : (types) -> types`."""

from collections.abc import Sequence
from typing import Any

from xdsl.dialects.builtin import DenseArrayBase
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.parser import Parser, UnresolvedOperand
from xdsl.printer import Printer

from dialects.builder import int_array


def print_function_type(printer: Printer, op: Operation) -> None:
    """Print the attributes of `op` and `: (operand types) -> result types`."""
    printer.print_op_attributes(op.attributes)
    printer.print_string(" : ")
    printer.print_function_type(op.operand_types, op.result_types)


def print_values(printer: Printer, values: Sequence[SSAValue]) -> None:
    """Print `(%a, %b)`."""
    with printer.in_parens():
        printer.print_list(values, printer.print_operand)


def print_integers(printer: Printer, keyword: str, values: Sequence[int]) -> None:
    """Print ` keyword [0, 1]`."""
    printer.print_string(f" {keyword} [")
    printer.print_list(values, lambda value: printer.print_string(str(value)))
    printer.print_string("]")


def parse_values(parser: Parser) -> list[UnresolvedOperand]:
    """Parse what `print_values` prints."""
    return parser.parse_comma_separated_list(parser.Delimiter.PAREN, parser.parse_unresolved_operand)


def parse_integers(parser: Parser, keyword: str) -> DenseArrayBase[Any]:
    """Parse what `print_integers` prints."""
    parser.parse_keyword(keyword)
    return int_array(tuple(parser.parse_comma_separated_list(parser.Delimiter.SQUARE, parser.parse_integer)))


def parse_function_type(
    parser: Parser, groups: Sequence[Sequence[UnresolvedOperand]]
) -> tuple[list[Sequence[SSAValue]], Sequence[Attribute], dict[str, Attribute]]:
    """Parse `{attributes} : (operand types) -> result types`: operands by group, result types, attributes."""
    attributes = parser.parse_optional_attr_dict()
    parser.parse_punctuation(":")
    position = parser.pos
    operand_types = parser.parse_comma_separated_list(parser.Delimiter.PAREN, parser.parse_type)
    parser.parse_punctuation("->")
    result_types = parser.parse_optional_comma_separated_list(parser.Delimiter.PAREN, parser.parse_type)
    if result_types is None:
        result_types = [parser.parse_type()]
    flat = parser.resolve_operands([value for group in groups for value in group], operand_types, position)
    operands: list[Sequence[SSAValue]] = []
    start = 0
    for group in groups:
        operands.append(flat[start : start + len(group)])
        start += len(group)
    return operands, result_types, attributes
