"""Functions whose derivative the user gives: `dlc.custom_jvp`, `dlc.custom_vjp`, `dlc.custom_unknown`.

Once transforms are expanded they are calls of their first function.
"""

from abc import ABC
from collections.abc import Sequence
from typing import ClassVar, Self, cast

from xdsl.dialects.builtin import DenseArrayBase, SymbolRefAttr, i32
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import AttrSizedOperandSegments, irdl_op_definition, prop_def, var_operand_def
from xdsl.parser import Parser
from xdsl.printer import Printer

from dialects.builder import OpBuilder, tensor_type
from dialects.dlc.broadcast import reduce_sum
from dialects.dlc.carries import or_zeros
from dialects.dlc.function_syntax import parse_function_type, parse_values, print_function_type, print_values
from dialects.dlc.higher_order import (
    Call,
    CalleeType,
    Derivations,
    Flags,
    FunctionalOp,
    HigherOrderOp,
    Optionals,
    chosen,
    present,
    split,
    spread,
)
from dialects.dlc.interfaces import AnyTensor, Array, element_type_of, is_float
from dialects.errors import UnsupportedError, at_location


class CustomDerivativeOp(HigherOrderOp, ABC):
    """`outputs = callee(arguments, constants)`, with functions that say how it moves when the arguments move.

    `constants` are what the functions use from around them; they have no derivative.
    """

    ROLES: ClassVar[tuple[str, ...]]
    """What the further functions are called."""

    arguments = var_operand_def(AnyTensor)
    constants = var_operand_def(AnyTensor)
    callee_attr = prop_def(SymbolRefAttr, prop_name="callee")

    irdl_options = (AttrSizedOperandSegments(as_property=True),)

    @property
    def plain_callee(self) -> str:
        """The function itself."""
        return self.callee_attr.string_value()

    def symbol(self, role: str) -> str:
        """The name of a further function."""
        return cast(SymbolRefAttr, self.properties[role]).string_value()

    def print(self, printer: Printer) -> None:
        """Print as `dlc.custom_jvp @f jvp @rule(%a)(%constant) : (types) -> types`."""
        printer.print_string(" ")
        printer.print_attribute(self.callee_attr)
        for role in self.ROLES:
            printer.print_string(f" {role} ")
            printer.print_attribute(self.properties[role])
        print_values(printer, self.arguments)
        print_values(printer, self.constants)
        print_function_type(printer, self)

    @classmethod
    def parse(cls, parser: Parser) -> Self:
        """Parse what `print` prints."""
        properties: dict[str, Attribute] = {"callee": SymbolRefAttr(parser.parse_symbol_name())}
        for role in cls.ROLES:
            parser.parse_keyword(role)
            properties[role] = SymbolRefAttr(parser.parse_symbol_name())
        groups = [parse_values(parser) for _ in range(2)]
        operands, result_types, attributes = parse_function_type(parser, groups)
        return cls.build(operands=operands, result_types=[result_types], properties=properties, attributes=attributes)

    def evaluate(self, operands: Sequence[Array], call: Call) -> list[Array]:
        """The values of the function."""
        return call(self.plain_callee, operands)

    def outputs_moving(self, moving: Flags, derive: Derivations) -> Flags:
        """Every floating-point output."""
        del derive
        return tuple(any(moving) and _is_float(output) for output in self.outputs)

    def tangents_of_arguments(self, b: OpBuilder, tangents: Optionals) -> list[SSAValue]:
        """One tangent per floating-point argument, zero where there is none; constants must not move."""
        count = len(self.arguments)
        if any(present(tangents[count:])):
            raise UnsupportedError(
                at_location(
                    f"{self.name.removeprefix('dlc.')}: @{self.plain_callee} uses a value from around it that is being "
                    "differentiated, for which its rule says nothing; pass the value as an argument",
                    self.location,
                )
            )
        pairs = zip(self.arguments, tangents[:count], strict=True)
        return [or_zeros(b, tangent, argument.type) for argument, tangent in pairs if _is_float(argument)]


def _is_float(value: SSAValue) -> bool:
    return is_float(element_type_of(value))


@irdl_op_definition
class CustomJvpOp(CustomDerivativeOp):
    """`outputs = callee(arguments, constants)`; `jvp(arguments, tangents, constants)` gives outputs and tangents.

    There is one tangent per floating-point argument, and one per floating-point output.
    """

    name = "dlc.custom_jvp"

    ROLES: ClassVar[tuple[str, ...]] = ("jvp",)

    jvp_attr = prop_def(SymbolRefAttr, prop_name="jvp")

    def callee_types(self) -> Sequence[CalleeType]:
        """The function, and its rule."""
        moving = [argument.type for argument in self.arguments if _is_float(argument)]
        moved = [output.type for output in self.outputs if _is_float(output)]
        arguments, constants, outputs = self.arguments.types, self.constants.types, self.outputs.types
        return (
            CalleeType(self.plain_callee, [*arguments, *constants], list(outputs)),
            CalleeType(self.symbol("jvp"), [*arguments, *moving, *constants], [*outputs, *moved], is_rule=True),
        )

    def jvp(
        self, b: OpBuilder, operands: Sequence[SSAValue], tangents: Optionals, derive: Derivations
    ) -> tuple[Sequence[SSAValue], Optionals]:
        """The rule."""
        arguments, constants = split(operands, len(self.arguments), len(self.constants))
        moves = self.tangents_of_arguments(b, tangents)
        results = derive.inline(b, self.symbol("jvp"), [*arguments, *moves, *constants])
        outputs, moved = results[: len(self.outputs)], results[len(self.outputs) :]
        return outputs, spread(moved, map(_is_float, self.outputs))

    def linearize(
        self, b: OpBuilder, operands: Sequence[SSAValue], tangents: Optionals, derive: Derivations
    ) -> tuple[Sequence[SSAValue], Optionals]:
        """The rule, which is linear in the tangents."""
        return self.jvp(b, operands, tangents, derive)

    def outputs_batched(self, batched: Flags, derive: Derivations) -> Flags:
        """What the function or the rule make differ from example to example."""
        arguments, constants = batched[: len(self.arguments)], batched[len(self.arguments) :]
        own = derive.outputs_batched(self.plain_callee, batched)
        ruled = derive.outputs_batched(self.symbol("jvp"), self._rule_flags(arguments, constants))
        moved = iter(ruled[len(own) :])
        return tuple(
            flag or by_rule or (_is_float(output) and next(moved))
            for flag, by_rule, output in zip(own, ruled, self.outputs, strict=False)
        )

    def _rule_flags(self, arguments: Flags, constants: Flags) -> Flags:
        return (*arguments, *chosen(arguments, map(_is_float, self.arguments)), *constants)

    def batch(
        self, b: OpBuilder, operands: Sequence[SSAValue], batched: Flags, size: int, derive: Derivations
    ) -> tuple[Sequence[SSAValue], Flags]:
        """The batched function with the batched rule."""
        flags = self.outputs_batched(batched, derive)
        arguments, constants = split(operands, len(self.arguments), len(self.constants))
        is_argument, is_constant = batched[: len(arguments)], batched[len(arguments) :]
        moving = chosen(arguments, map(_is_float, self.arguments))
        rule, rule_flags = self.symbol("jvp"), self._rule_flags(is_argument, is_constant)
        wanted = (*flags, *chosen(flags, map(_is_float, self.outputs)))
        functions = [
            _build_batched(derive, symbol, [v.type for v in values], which, size, want)
            for symbol, values, which, want in (
                (self.plain_callee, operands, batched, flags),
                (rule, [*arguments, *moving, *constants], rule_flags, wanted),
            )
        ]
        types = derive.output_types(functions[0])
        return custom(b, CustomJvpOp, functions, arguments, constants, types), flags


def _build_batched(
    derive: Derivations, symbol: str, types: Sequence[Attribute], batched: Flags, size: int, wanted: Flags
) -> str:
    """The batched function; one per kind of batch, so that a rule may call its function."""

    def body(b: OpBuilder, arguments: tuple[SSAValue, ...]) -> Sequence[SSAValue]:
        return derive.batch(b, symbol, arguments, batched, size, wanted)

    return derive.build(f"{symbol}_vmap", symbol, types, body, key=("vmap", symbol, batched, size, wanted))


@irdl_op_definition
class CustomVjpOp(CustomDerivativeOp):
    """`outputs = callee(arguments, constants)`, with a rule for reverse mode.

    `fwd(arguments, constants)` gives the outputs and what `bwd` needs; `bwd(needed, cotangents, constants)` takes one
    cotangent per floating-point output and gives one per floating-point argument.
    """

    name = "dlc.custom_vjp"

    ROLES: ClassVar[tuple[str, ...]] = ("fwd", "bwd")

    fwd_attr = prop_def(SymbolRefAttr, prop_name="fwd")
    bwd_attr = prop_def(SymbolRefAttr, prop_name="bwd")

    def callee_types(self) -> Sequence[CalleeType]:
        """The function and its two rules."""
        inputs, outputs = [*self.arguments.types, *self.constants.types], list(self.outputs.types)
        moving = [argument.type for argument in self.arguments if _is_float(argument)]
        return (
            CalleeType(self.plain_callee, inputs, outputs),
            CalleeType(self.symbol("fwd"), inputs, None, is_rule=True),
            CalleeType(self.symbol("bwd"), None, moving, is_rule=True),
        )

    def jvp(
        self, b: OpBuilder, operands: Sequence[SSAValue], tangents: Optionals, derive: Derivations
    ) -> tuple[Sequence[SSAValue], Optionals]:
        """Not possible."""
        del b, operands, tangents, derive
        raise UnsupportedError(
            at_location(
                f"custom_vjp: @{self.plain_callee} has a rule for reverse mode only, but is differentiated forwards; use "
                "custom_jvp, which serves both modes",
                self.location,
            )
        )

    def linearize(
        self, b: OpBuilder, operands: Sequence[SSAValue], tangents: Optionals, derive: Derivations
    ) -> tuple[Sequence[SSAValue], Optionals]:
        """The forward rule, and the linear map whose transpose is the backward rule."""
        moves = self.tangents_of_arguments(b, tangents)
        results = derive.inline(b, self.symbol("fwd"), operands)
        outputs, needed = results[: len(self.outputs)], results[len(self.outputs) :]
        moved = [output.type for output in self.outputs if _is_float(output)]
        fixed = [*needed, *operands[len(self.arguments) :]]
        properties: dict[str, Attribute] = {
            "bwd": self.bwd_attr,
            "operandSegmentSizes": DenseArrayBase.from_list(i32, [len(needed), len(fixed) - len(needed), len(moves)]),
        }
        results = b.create_op(TransposedOp, [*fixed, *moves], moved, properties).results
        return outputs, spread(results, map(_is_float, self.outputs))

    def outputs_batched(self, batched: Flags, derive: Derivations) -> Flags:
        """What the function or its forward rule make differ from example to example."""
        own = derive.outputs_batched(self.plain_callee, batched)
        ruled = derive.outputs_batched(self.symbol("fwd"), batched)
        return tuple(flag or by_rule for flag, by_rule in zip(own, ruled, strict=False))

    def batch(
        self, b: OpBuilder, operands: Sequence[SSAValue], batched: Flags, size: int, derive: Derivations
    ) -> tuple[Sequence[SSAValue], Flags]:
        """The batched function with batched rules; cotangents of arguments that are not batched are summed."""
        flags = self.outputs_batched(batched, derive)
        arguments, constants = split(operands, len(self.arguments), len(self.constants))
        is_argument, is_constant = batched[: len(arguments)], batched[len(arguments) :]
        types = [value.type for value in operands]
        callee, fwd, bwd = self.plain_callee, self.symbol("fwd"), self.symbol("bwd")
        needed = derive.outputs_batched(fwd, batched)[len(flags) :]
        new_callee = _build_batched(derive, callee, types, batched, size, flags)
        new_fwd = _build_batched(derive, fwd, types, batched, size, (*flags, *needed))
        moved = chosen(derive.output_types(new_callee), map(_is_float, self.outputs))
        which = (*needed, *chosen(flags, map(_is_float, self.outputs)), *is_constant)
        is_moving = tuple(chosen(is_argument, map(_is_float, self.arguments)))

        def backward(b: OpBuilder, values: tuple[SSAValue, ...]) -> Sequence[SSAValue]:
            found = derive.outputs_batched(bwd, which)
            # Each example adds to the cotangent of what the examples share, if there is one output per example.
            wanted = tuple(is_batched or own or any(flags) for is_batched, own in zip(found, is_moving, strict=True))
            results = derive.batch(b, bwd, values, which, size, wanted)
            return [
                reduce_sum(b, result, (0,)) if is_batched and not own else result
                for result, is_batched, own in zip(results, wanted, is_moving, strict=True)
            ]

        inputs = [
            *(
                tensor_type(t.element_type, (size, *t.get_shape())) if flag else t
                for t, flag in zip(derive.output_types(fwd)[len(flags) :], needed, strict=True)
            ),
            *moved,
            *(value.type for value in constants),
        ]
        new_bwd = derive.build(f"{bwd}_vmap", bwd, inputs, backward, key=("vmap", bwd, which, is_moving, size))
        output_types = derive.output_types(new_callee)
        functions = [new_callee, new_fwd, new_bwd]
        return custom(b, CustomVjpOp, functions, arguments, constants, output_types), flags


@irdl_op_definition
class CustomUnknownOp(CustomDerivativeOp):
    """`outputs = callee(arguments, constants)`, a function with a rule that was not asked for.

    A rule may call its function with other settings, whose rule calls it again: this is where that ends.
    """

    name = "dlc.custom_unknown"

    ROLES: ClassVar[tuple[str, ...]] = ()

    def callee_types(self) -> Sequence[CalleeType]:
        """The function."""
        inputs = [*self.arguments.types, *self.constants.types]
        return (CalleeType(self.plain_callee, inputs, list(self.outputs.types)),)

    def jvp(
        self, b: OpBuilder, operands: Sequence[SSAValue], tangents: Optionals, derive: Derivations
    ) -> tuple[Sequence[SSAValue], Optionals]:
        """Not known."""
        del b, operands, tangents, derive
        raise UnsupportedError(
            at_location(
                f"a rule calls @{self.plain_callee} with other settings, which is differentiated once more than rules were "
                "followed; differentiate less often, or write the rule without calling its function",
                self.location,
            )
        )

    def linearize(
        self, b: OpBuilder, operands: Sequence[SSAValue], tangents: Optionals, derive: Derivations
    ) -> tuple[Sequence[SSAValue], Optionals]:
        """Not known."""
        return self.jvp(b, operands, tangents, derive)

    def outputs_batched(self, batched: Flags, derive: Derivations) -> Flags:
        """As the function says."""
        return derive.outputs_batched(self.plain_callee, batched)

    def batch(
        self, b: OpBuilder, operands: Sequence[SSAValue], batched: Flags, size: int, derive: Derivations
    ) -> tuple[Sequence[SSAValue], Flags]:
        """The batched function."""
        flags = self.outputs_batched(batched, derive)
        arguments, constants = split(operands, len(self.arguments), len(self.constants))
        callee = _build_batched(derive, self.plain_callee, [v.type for v in operands], batched, size, flags)
        return custom(b, CustomUnknownOp, [callee], arguments, constants, derive.output_types(callee)), flags


@irdl_op_definition
class TransposedOp(FunctionalOp):
    """The linear map of `tangents` whose transpose is `bwd(needed, cotangents, constants)`.

    It stands for the tangents of a function with a custom reverse rule until these are transposed.
    """

    name = "dlc.transposed"

    needed = var_operand_def(AnyTensor)
    constants = var_operand_def(AnyTensor)
    tangents = var_operand_def(AnyTensor)
    bwd_attr = prop_def(SymbolRefAttr, prop_name="bwd")

    irdl_options = (AttrSizedOperandSegments(as_property=True),)

    def callee_types(self) -> Sequence[CalleeType]:
        """The backward rule."""
        inputs = [*self.needed.types, *self.outputs.types, *self.constants.types]
        return (CalleeType(self.bwd_attr.string_value(), inputs, list(self.tangents.types)),)

    def transpose(self, b: OpBuilder, cotangents: Optionals, linear: Flags, derive: Derivations) -> Optionals:
        """The backward rule."""
        del linear
        given = [or_zeros(b, ct, output.type) for ct, output in zip(cotangents, self.outputs, strict=True)]
        results = derive.inline(b, self.bwd_attr.string_value(), [*self.needed, *given, *self.constants])
        return [*(None for _ in self.needed), *(None for _ in self.constants), *results]


def custom(
    b: OpBuilder,
    op_type: type[CustomDerivativeOp],
    functions: Sequence[str],
    arguments: Sequence[SSAValue],
    constants: Sequence[SSAValue],
    output_types: Sequence[Attribute],
) -> tuple[SSAValue, ...]:
    """Append a call of `functions[0]` with its rules, one per role of `op_type`; return its results."""
    properties: dict[str, Attribute] = {
        role: SymbolRefAttr(symbol) for role, symbol in zip(("callee", *op_type.ROLES), functions, strict=True)
    }
    properties["operandSegmentSizes"] = DenseArrayBase.from_list(i32, [len(arguments), len(constants)])
    return tuple(b.create_op(op_type, (*arguments, *constants), output_types, properties).results)
