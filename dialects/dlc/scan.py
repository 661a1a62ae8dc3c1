"""`dlc.scan`: a loop with a known number of steps."""

from collections.abc import Sequence
from typing import Any, Self, cast

import numpy as np
from xdsl.dialects.builtin import I64, DenseArrayBase, IntegerAttr, SymbolRefAttr, UnitAttr, i32, i64
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import (
    AttrSizedOperandSegments,
    irdl_op_definition,
    opt_prop_def,
    prop_def,
    var_operand_def,
)
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.utils.exceptions import VerifyException

from dialects.builder import OpBuilder, tensor_type
from dialects.dlc.function_syntax import parse_function_type, parse_values, print_function_type, print_values
from dialects.dlc.higher_order import Call, CalleeType, HigherOrderOp
from dialects.dlc.interfaces import AnyTensor, Array, dtype_of, shape_of, tensor_type_of

INDEX = tensor_type(i64, ())
"""The type of the number of a step."""


@irdl_op_definition
class ScanOp(HigherOrderOp):
    """Steps `i` = 0, …, length - 1 (backwards with `reverse`) of `carry, ys[i] = body(i, carry, constants, xs[i])`.

    Operands are the first carry, the constants, and the `xs`, whose leading dimension is the length. Results are the last
    carry and the `ys`.
    """

    name = "dlc.scan"

    init = var_operand_def(AnyTensor)
    constants = var_operand_def(AnyTensor)
    xs = var_operand_def(AnyTensor)
    body_attr = prop_def(SymbolRefAttr, prop_name="body")
    length_attr = prop_def(IntegerAttr[I64], prop_name="length")
    reverse_attr = opt_prop_def(UnitAttr, prop_name="reverse")

    irdl_options = (AttrSizedOperandSegments(as_property=True),)

    @property
    def body(self) -> str:
        """The name of the function that is one step."""
        return self.body_attr.string_value()

    @property
    def length(self) -> int:
        """The number of steps."""
        return self.length_attr.value.data

    @property
    def is_reverse(self) -> bool:
        """Whether the last step comes first."""
        return self.reverse_attr is not None

    def print(self, printer: Printer) -> None:
        """Print as `dlc.scan @body(%init)(%constant)(%xs) length 10 reverse : (types) -> types`."""
        printer.print_string(" ")
        printer.print_attribute(self.body_attr)
        for group in (self.init, self.constants, self.xs):
            print_values(printer, group)
        printer.print_string(f" length {self.length}")
        if self.is_reverse:
            printer.print_string(" reverse")
        print_function_type(printer, self)

    @classmethod
    def parse(cls, parser: Parser) -> Self:
        """Parse what `print` prints."""
        body = parser.parse_symbol_name()
        groups = [parse_values(parser) for _ in range(3)]
        parser.parse_keyword("length")
        length = parser.parse_integer()
        reverse = parser.parse_optional_keyword("reverse") is not None
        operands, result_types, attributes = parse_function_type(parser, groups)
        properties: dict[str, Attribute] = {"body": SymbolRefAttr(body), "length": IntegerAttr(length, i64)}
        if reverse:
            properties["reverse"] = UnitAttr()
        return cls.build(operands=operands, result_types=[result_types], properties=properties, attributes=attributes)

    def verify_(self) -> None:
        """Check the carry, and the leading dimension of all that is sliced."""
        carry = [value.type for value in self.init]
        results = [output.type for output in self.outputs]
        if results[: len(carry)] != carry:
            raise VerifyException(
                f"dlc.scan: results have types ({', '.join(map(str, results))}), expected the types of the carry "
                f"({', '.join(map(str, carry))}) in front"
            )
        ys = self.outputs[len(carry) :]
        for what, values in (("xs", self.xs), ("ys", ys)):
            for position, value in enumerate(values):
                if shape_of(value)[:1] != (self.length,):
                    raise VerifyException(
                        f"dlc.scan: {what} {position} has type {value.type}, expected a leading dimension of size "
                        f"{self.length}, the number of steps"
                    )

    def callee_types(self) -> Sequence[CalleeType]:
        """`body(i, carry, constants, slices of xs) -> (carry, slices of ys)`."""
        carry = [value.type for value in self.init]
        xs = [slice_type(tensor_type_of(value)) for value in self.xs]
        ys = [slice_type(tensor_type_of(value)) for value in self.outputs[len(carry) :]]
        inputs = [INDEX, *carry, *(value.type for value in self.constants), *xs]
        return (CalleeType(self.body, inputs, [*carry, *ys]),)

    def evaluate(self, operands: Sequence[Array], call: Call) -> list[Array]:
        """One call of the body per step."""
        count = len(self.init)
        first_x = count + len(self.constants)
        carry, constants, xs = list(operands[:count]), operands[count:first_x], operands[first_x:]
        ys = [np.empty(shape_of(y), dtype_of(tensor_type_of(y))) for y in self.outputs[count:]]
        steps = range(self.length)
        for i in reversed(steps) if self.is_reverse else steps:
            results = call(self.body, [np.asarray(i), *carry, *constants, *(x[i] for x in xs)])
            carry = results[:count]
            for y, result in zip(ys, results[count:], strict=True):
                y[i] = result
        return [*carry, *ys]


def slice_type(stacked: AnyTensor) -> AnyTensor:
    """The type of one of the tensors that are stacked along the leading dimension."""
    return tensor_type(stacked.element_type, stacked.get_shape()[1:])


def stack_type(each: Attribute, length: int) -> AnyTensor:
    """The type of `length` tensors stacked along a new leading dimension."""
    tensor = cast(AnyTensor, each)
    return tensor_type(tensor.element_type, (length, *tensor.get_shape()))


def scan(
    b: OpBuilder,
    body: str,
    init: Sequence[SSAValue],
    constants: Sequence[SSAValue],
    xs: Sequence[SSAValue],
    slice_types: Sequence[Attribute],
    length: int,
    *,
    reverse: bool = False,
) -> tuple[SSAValue, ...]:
    """Append a scan; return the last carry and the `ys`, whose slices have `slice_types`."""
    properties: dict[str, Attribute] = {
        "body": SymbolRefAttr(body),
        "length": IntegerAttr(length, i64),
        "operandSegmentSizes": DenseArrayBase.from_list(i32, [len(init), len(constants), len(xs)]),
    }
    if reverse:
        properties["reverse"] = UnitAttr()
    types: list[Any] = [*(value.type for value in init), *(stack_type(each, length) for each in slice_types)]
    return tuple(b.create_op(ScanOp, (*init, *constants, *xs), types, properties).results)
