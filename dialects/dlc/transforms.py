"""Functions and transforms of functions as operations: call, jvp, vjp, vmap.

They name their callee, have no facets, and are gone after `expand-transforms` and `inline`. What they check without
their callee is what their own operands and results say.
"""

from abc import ABC
from collections.abc import Sequence
from typing import Self, cast

from xdsl.dialects.builtin import I64, DenseArrayBase, IntegerAttr, SymbolRefAttr, i32, i64
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import (
    AttrSizedOperandSegments,
    IRDLOperation,
    irdl_op_definition,
    prop_def,
    traits_def,
    var_operand_def,
    var_result_def,
)
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException

from dialects.builder import OpBuilder, int_array, tensor_type
from dialects.dlc.function_syntax import (
    parse_function_type,
    parse_integers,
    parse_values,
    print_function_type,
    print_integers,
    print_values,
)
from dialects.dlc.interfaces import AnyTensor, ints, is_float, shape_of, tensor_type_of


class TransformOp(IRDLOperation, ABC):
    """An operation that stands for a function, or for a function made from it."""

    function = prop_def(SymbolRefAttr, prop_name="callee")
    outputs = var_result_def(AnyTensor)

    traits = traits_def(Pure())

    @property
    def callee(self) -> str:
        """The name of the function."""
        return self.function.string_value()


@irdl_op_definition
class CallOp(TransformOp):
    """`outputs = callee(arguments)`."""

    name = "dlc.call"

    arguments = var_operand_def(AnyTensor)

    def print(self, printer: Printer) -> None:
        """Print as `dlc.call @f(%a, %b) : (type, type) -> type`."""
        printer.print_string(" ")
        printer.print_attribute(self.function)
        print_values(printer, self.arguments)
        print_function_type(printer, self)

    @classmethod
    def parse(cls, parser: Parser) -> Self:
        """Parse what `print` prints."""
        function = parser.parse_symbol_name()
        operands, result_types, attributes = parse_function_type(parser, [parse_values(parser)])
        return cls.build(
            operands=operands,
            result_types=[result_types],
            properties={"callee": SymbolRefAttr(function)},
            attributes=attributes,
        )


class _DerivativeOp(TransformOp, ABC):
    """What `jvp` and `vjp` share: the arguments `wrt` are the ones that move."""

    primals = var_operand_def(AnyTensor)
    directions = var_operand_def(AnyTensor)
    wrt = prop_def(DenseArrayBase.constr(I64))

    irdl_options = (AttrSizedOperandSegments(as_property=True),)

    def print(self, printer: Printer) -> None:
        """Print as `dlc.jvp @f(%a, %b)(%da) wrt [0] : (type, type, type) -> (type, type)`."""
        printer.print_string(" ")
        printer.print_attribute(self.function)
        print_values(printer, self.primals)
        print_values(printer, self.directions)
        print_integers(printer, "wrt", ints(self.wrt))
        print_function_type(printer, self)

    @classmethod
    def parse(cls, parser: Parser) -> Self:
        """Parse what `print` prints."""
        function = parser.parse_symbol_name()
        groups = [parse_values(parser), parse_values(parser)]
        wrt = parse_integers(parser, "wrt")
        operands, result_types, attributes = parse_function_type(parser, groups)
        return cls.build(
            operands=operands,
            result_types=[result_types],
            properties={"callee": SymbolRefAttr(function), "wrt": wrt},
            attributes=attributes,
        )

    def verify_wrt(self) -> list[AnyTensor]:
        """Check that `wrt` names different floating-point arguments; return their types."""
        wrt = ints(self.wrt)
        if any(not 0 <= index < len(self.primals) for index in wrt) or len(set(wrt)) != len(wrt):
            raise VerifyException(
                f"{self.name}: wrt {list(wrt)} does not name different ones of the {len(self.primals)} arguments"
            )
        types = [tensor_type_of(self.primals[index]) for index in wrt]
        for index, argument_type in zip(wrt, types, strict=True):
            if not is_float(argument_type.element_type):
                raise VerifyException(
                    f"{self.name}: argument {index} has type {argument_type}, expected floating point to differentiate"
                )
        return types


@irdl_op_definition
class JvpOp(_DerivativeOp):
    """The outputs of the callee, then the tangent of each floating-point output.

    There is one tangent operand (`directions`) per index in `wrt`; the other arguments do not move.
    """

    name = "dlc.jvp"

    @property
    def num_outputs(self) -> int:
        """How many of the results are outputs of the callee; the others are tangents."""
        total = 0
        for count, output in enumerate(self.outputs):
            if total == len(self.outputs):
                return count
            total += 1 + is_float(tensor_type_of(output).element_type)
        return len(self.outputs)

    def verify_(self) -> None:
        """Check the tangents against the arguments, and the results against each other."""
        expected = self.verify_wrt()
        actual = [tensor_type_of(tangent) for tangent in self.directions]
        if actual != expected:
            raise VerifyException(f"dlc.jvp: tangents have types {_names(actual)}, expected {_names(expected)}")
        results = [tensor_type_of(output) for output in self.outputs]
        count = self.num_outputs
        tangents = [output for output in results[:count] if is_float(output.element_type)]
        if results[count:] != tangents:
            raise VerifyException(
                f"dlc.jvp: results have types {_names(results)}, expected outputs and then the tangent of each output of "
                "floating point"
            )


@irdl_op_definition
class VjpOp(_DerivativeOp):
    """The outputs of the callee, then one cotangent per index in `wrt`.

    There is one cotangent operand (`directions`) per floating-point output.
    """

    name = "dlc.vjp"

    @property
    def num_outputs(self) -> int:
        """How many of the results are outputs of the callee; the others are cotangents."""
        return len(self.outputs) - len(ints(self.wrt))

    def verify_(self) -> None:
        """Check the cotangents against outputs and arguments."""
        expected = self.verify_wrt()
        results = [tensor_type_of(output) for output in self.outputs]
        count = self.num_outputs
        if count < 0 or results[count:] != expected:
            raise VerifyException(
                f"dlc.vjp: results have types {_names(results)}, expected outputs and then the types of the arguments "
                f"wrt, {_names(expected)}"
            )
        moving = [output for output in results[:count] if is_float(output.element_type)]
        actual = [tensor_type_of(cotangent) for cotangent in self.directions]
        if actual != moving:
            raise VerifyException(
                f"dlc.vjp: cotangents have types {_names(actual)}, expected those of the floating-point outputs, "
                f"{_names(moving)}"
            )


@irdl_op_definition
class VmapOp(TransformOp):
    """The callee on each of `size` examples: arguments `mapped` and all outputs have a leading dimension of `size`."""

    name = "dlc.vmap"

    arguments = var_operand_def(AnyTensor)
    mapped = prop_def(DenseArrayBase.constr(I64))
    size_attr = prop_def(IntegerAttr[I64], prop_name="size")

    @property
    def size(self) -> int:
        """The number of examples."""
        return self.size_attr.value.data

    def print(self, printer: Printer) -> None:
        """Print as `dlc.vmap @f(%a, %b) mapped [0] size 8 : (type, type) -> type`."""
        printer.print_string(" ")
        printer.print_attribute(self.function)
        print_values(printer, self.arguments)
        print_integers(printer, "mapped", ints(self.mapped))
        printer.print_string(f" size {self.size}")
        print_function_type(printer, self)

    @classmethod
    def parse(cls, parser: Parser) -> Self:
        """Parse what `print` prints."""
        function = parser.parse_symbol_name()
        arguments = parse_values(parser)
        mapped = parse_integers(parser, "mapped")
        parser.parse_keyword("size")
        size = parser.parse_integer()
        operands, result_types, attributes = parse_function_type(parser, [arguments])
        return cls.build(
            operands=operands,
            result_types=[result_types],
            properties={"callee": SymbolRefAttr(function), "mapped": mapped, "size": IntegerAttr(size, i64)},
            attributes=attributes,
        )

    def verify_(self) -> None:
        """Check that everything mapped has the leading dimension."""
        mapped = ints(self.mapped)
        if any(not 0 <= index < len(self.arguments) for index in mapped) or len(set(mapped)) != len(mapped):
            raise VerifyException(
                f"dlc.vmap: mapped {list(mapped)} does not name different ones of the {len(self.arguments)} arguments"
            )
        values = [(f"argument {index}", self.arguments[index]) for index in mapped]
        values += [(f"result {index}", output) for index, output in enumerate(self.outputs)]
        for what, value in values:
            if shape_of(value)[:1] != (self.size,):
                raise VerifyException(
                    f"dlc.vmap: {what} has type {value.type}, expected a leading dimension of size {self.size}"
                )


def _names(types: Sequence[AnyTensor]) -> str:
    return "(" + ", ".join(str(each) for each in types) + ")"


def call(
    b: OpBuilder, callee: str, arguments: Sequence[SSAValue], output_types: Sequence[Attribute]
) -> tuple[SSAValue, ...]:
    """Append a call; return its results, which have `output_types`."""
    return tuple(b.create_op(CallOp, arguments, output_types, {"callee": SymbolRefAttr(callee)}).results)


def jvp(
    b: OpBuilder,
    callee: str,
    primals: Sequence[SSAValue],
    tangents: Sequence[SSAValue],
    wrt: Sequence[int],
    output_types: Sequence[Attribute],
) -> tuple[SSAValue, ...]:
    """Append a jvp; return the outputs, then the tangents of those of floating point."""
    moving = [each for each in output_types if is_float(cast(AnyTensor, each).element_type)]
    return _derivative(b, JvpOp, callee, primals, tangents, wrt, (*output_types, *moving))


def vjp(
    b: OpBuilder,
    callee: str,
    primals: Sequence[SSAValue],
    cotangents: Sequence[SSAValue],
    wrt: Sequence[int],
    output_types: Sequence[Attribute],
) -> tuple[SSAValue, ...]:
    """Append a vjp; return the outputs, then the cotangents of the arguments `wrt`."""
    return _derivative(b, VjpOp, callee, primals, cotangents, wrt, (*output_types, *(primals[i].type for i in wrt)))


def _derivative(
    b: OpBuilder,
    op_type: type[_DerivativeOp],
    callee: str,
    primals: Sequence[SSAValue],
    directions: Sequence[SSAValue],
    wrt: Sequence[int],
    result_types: Sequence[Attribute],
) -> tuple[SSAValue, ...]:
    properties: dict[str, Attribute] = {
        "callee": SymbolRefAttr(callee),
        "wrt": int_array(tuple(wrt)),
        "operandSegmentSizes": DenseArrayBase.from_list(i32, [len(primals), len(directions)]),
    }
    return tuple(b.create_op(op_type, (*primals, *directions), result_types, properties).results)


def vmap(
    b: OpBuilder,
    callee: str,
    arguments: Sequence[SSAValue],
    mapped: Sequence[int],
    size: int,
    output_types: Sequence[Attribute],
) -> tuple[SSAValue, ...]:
    """Append a vmap; `output_types` are those of the callee, each result has `size` in front."""
    result_types = [
        tensor_type(each.element_type, (size, *each.get_shape())) for each in cast(Sequence[AnyTensor], output_types)
    ]
    properties: dict[str, Attribute] = {
        "callee": SymbolRefAttr(callee),
        "mapped": int_array(tuple(mapped)),
        "size": IntegerAttr(size, i64),
    }
    return tuple(b.create_op(VmapOp, arguments, result_types, properties).results)
