"""`dlc.while`: a loop that ends when a condition says so."""

from collections.abc import Sequence
from typing import Self

from xdsl.dialects.builtin import I64, DenseArrayBase, IntegerAttr, SymbolRefAttr, i1, i32, i64
from xdsl.ir import Attribute, Block, SSAValue
from xdsl.irdl import AttrSizedOperandSegments, irdl_op_definition, opt_prop_def, prop_def, var_operand_def
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.utils.exceptions import VerifyException

from dialects.builder import OpBuilder, tensor_type
from dialects.dlc.broadcast import broadcast_in_dim, broadcast_to_front
from dialects.dlc.carries import PrunedArguments, closed_flags, tangents_of_carry, values_of
from dialects.dlc.case import case
from dialects.dlc.function_syntax import parse_function_type, parse_values, print_function_type, print_values
from dialects.dlc.higher_order import (
    BuildBody,
    Call,
    CalleeType,
    Derivations,
    Flags,
    HigherOrderOp,
    Optionals,
    chosen,
    present,
    split,
    spread,
)
from dialects.dlc.interfaces import AnyTensor, Array, shape_of
from dialects.dlc.reduction import reduce_or
from dialects.dlc.scan import ScanOp, scan, step_types
from dialects.dlc.selection import select
from dialects.errors import UnsupportedError, at_location

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

    def outputs_moving(self, moving: Flags, derive: Derivations) -> Flags:
        """The least set that the body maps into itself."""
        return closed_flags(self.body, len(self.init), moving, derive.outputs_moving)

    def jvp(
        self, b: OpBuilder, operands: Sequence[SSAValue], tangents: Optionals, derive: Derivations
    ) -> tuple[Sequence[SSAValue], Optionals]:
        """The same loop on the carry and its tangents."""
        count = len(self.init)
        moving = self.outputs_moving(present(tangents), derive)
        init, constants = operands[:count], operands[count:]
        d_init, d_constants = tangents[:count], tangents[count:]
        start = tangents_of_carry(b, init, d_init, moving)
        parts = [count, len(start), len(constants), sum(present(d_constants))]

        def cond(inner: OpBuilder, arguments: tuple[SSAValue, ...]) -> Sequence[SSAValue]:
            carry, _, k, _ = split(arguments, *parts)
            return derive.inline(inner, self.cond, [*carry, *k])

        def body(inner: OpBuilder, arguments: tuple[SSAValue, ...]) -> Sequence[SSAValue]:
            carry, d_carry, k, dk = split(arguments, *parts)
            moves = (*spread(d_carry, moving), *spread(dk, present(d_constants)))
            outputs, d_outputs = derive.jvp(inner, self.body, [*carry, *k], moves, moving)
            return [*outputs, *values_of(d_outputs, moving)]

        first, fixed = [*init, *start], [*constants, *values_of(d_constants)]
        types = [value.type for value in (*first, *fixed)]
        cond_symbol = derive.build(f"{self.cond}_jvp", self.cond, types, cond)
        body_symbol = derive.build(f"{self.body}_jvp", self.body, types, body)
        results = while_(b, cond_symbol, body_symbol, first, fixed, self.max_steps)
        return results[:count], spread(results[count:], moving)

    def linearize(
        self, b: OpBuilder, operands: Sequence[SSAValue], tangents: Optionals, derive: Derivations
    ) -> tuple[Sequence[SSAValue], Optionals]:
        """As a scan of `max_steps` steps, which do nothing once the condition is false."""
        if self.max_steps is None:
            raise UnsupportedError(
                at_location(
                    "while_loop: the number of steps is not known, so the values that a reverse derivative needs cannot "
                    "be kept; give an upper bound as `max_steps=`, use fori_loop or scan, or differentiate forwards "
                    "(jvp, jacfwd)",
                    self.location,
                )
            )
        count = len(self.init)
        init, constants = operands[:count], operands[count:]
        types = [value.type for value in operands]

        def stay(inner: OpBuilder, arguments: tuple[SSAValue, ...]) -> Sequence[SSAValue]:
            del inner
            return arguments[:count]

        stay_symbol = derive.build(f"{self.body}_stay", self.body, types, stay)

        def step(inner: OpBuilder, arguments: tuple[SSAValue, ...]) -> Sequence[SSAValue]:
            (pred,) = derive.inline(inner, self.cond, arguments[1:])
            return case(inner, pred, (stay_symbol, self.body), arguments[1:], types[:count])

        symbol = derive.build(f"{self.body}_step", self.body, step_types(init, constants, ()), step)
        aside = OpBuilder(Block(), b.location)
        scan(aside, symbol, init, constants, (), (), self.max_steps)
        op = aside.block.last_op
        assert isinstance(op, ScanOp)
        results = op.linearize(b, operands, tangents, derive)
        op.drop_all_references()
        return results

    def prune(self, b: OpBuilder, operands: Sequence[SSAValue], used: Flags, derive: Derivations) -> Optionals | None:
        """Carry only what changes and is needed."""
        count = len(self.init)
        fixed = tuple(origin == i for i, (origin, _) in enumerate(derive.origins(self.body)))
        asked = derive.arguments_needed(self.cond, (True,))
        carried = tuple(map(any, zip(used, asked[:count], strict=True)))
        while True:
            needed = tuple(map(any, zip(asked, derive.arguments_needed(self.body, carried), strict=True)))
            closed = tuple(map(any, zip(carried, needed[:count], strict=True)))
            if closed == carried:
                break
            carried = closed
        moving = tuple(flag and not is_fixed for flag, is_fixed in zip(carried, fixed, strict=True))
        kept = PrunedArguments(
            operands, (*(n and f for n, f in zip(needed[:count], fixed, strict=True)), *needed[count:])
        )
        if sum(moving) == count and len(kept.operands) == len(self.constants):
            return None
        first = chosen(operands[:count], moving)

        def on_all(symbol: str, wanted: Flags) -> BuildBody:
            def body(inner: OpBuilder, arguments: tuple[SSAValue, ...]) -> Sequence[SSAValue]:
                restored = kept.restore(inner, arguments[len(first) :])
                for place, value in zip(chosen(range(count), moving), arguments, strict=False):
                    restored[place] = value
                return chosen(derive.inline(inner, symbol, restored), wanted)

            return body

        types = [value.type for value in (*first, *kept.operands)]
        cond = derive.build(self.cond, self.cond, types, on_all(self.cond, (True,)))
        body = derive.build(self.body, self.body, types, on_all(self.body, moving))
        results = iter(while_(b, cond, body, first, kept.operands, self.max_steps))
        return [next(results) if flag else init for flag, init in zip(moving, operands, strict=False)]

    def outputs_batched(self, batched: Flags, derive: Derivations) -> Flags:
        """The least set that the body maps into itself; all of the carry if examples end at different steps."""
        count = len(self.init)
        flags = closed_flags(self.body, count, batched, derive.outputs_batched)
        if derive.outputs_batched(self.cond, (*flags, *batched[count:]))[0]:
            return (True,) * count
        return flags

    def batch(
        self, b: OpBuilder, operands: Sequence[SSAValue], batched: Flags, size: int, derive: Derivations
    ) -> tuple[Sequence[SSAValue], Flags]:
        """One loop for all examples, until the condition is false for all; an example that has ended does not change."""
        count = len(self.init)
        flags = self.outputs_batched(batched, derive)
        which = (*flags, *batched[count:])
        first = [
            broadcast_to_front(b, value, size) if wanted and not is_batched else value
            for value, is_batched, wanted in zip(operands[:count], batched[:count], flags, strict=True)
        ]
        (ends_apart,) = derive.outputs_batched(self.cond, which)

        def condition(inner: OpBuilder, arguments: Sequence[SSAValue]) -> SSAValue:
            return derive.batch(inner, self.cond, arguments, which, size, (ends_apart,))[0]

        def cond(inner: OpBuilder, arguments: tuple[SSAValue, ...]) -> Sequence[SSAValue]:
            pred = condition(inner, arguments)
            return [reduce_or(inner, pred, (0,)) if ends_apart else pred]

        def body(inner: OpBuilder, arguments: tuple[SSAValue, ...]) -> Sequence[SSAValue]:
            results = derive.batch(inner, self.body, arguments, which, size, flags)
            if not ends_apart:
                return results
            pred = condition(inner, arguments)
            return [
                select(inner, broadcast_in_dim(inner, pred, shape_of(new), (0,)), new, old)
                for new, old in zip(results, arguments[:count], strict=True)
            ]

        types = [value.type for value in (*first, *operands[count:])]
        cond_symbol = derive.build(f"{self.cond}_vmap", self.cond, types, cond)
        body_symbol = derive.build(f"{self.body}_vmap", self.body, types, body)
        return while_(b, cond_symbol, body_symbol, first, operands[count:], self.max_steps), flags


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
