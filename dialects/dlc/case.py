"""`dlc.case`: one of several functions, chosen by an index."""

from collections.abc import Callable, Sequence
from typing import Self, cast

from xdsl.dialects.builtin import ArrayAttr, SymbolRefAttr, i1, i32, i64
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import irdl_op_definition, operand_def, prop_def, var_operand_def
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.utils.exceptions import VerifyException

from dialects.builder import OpBuilder, tensor_type
from dialects.dlc.broadcast import broadcast_in_dim
from dialects.dlc.carries import PrunedArguments, or_zeros, values_of
from dialects.dlc.constants import ConstantOp, array_of, full
from dialects.dlc.function_syntax import parse_function_type, parse_values, print_function_type, print_values
from dialects.dlc.higher_order import (
    BuildBody,
    Call,
    CalleeType,
    Derivations,
    Flags,
    HigherOrderOp,
    Linearization,
    Optionals,
    chosen,
    present,
    split,
    spread,
)
from dialects.dlc.interfaces import AnyTensor, Array, element_type_of, is_bool, shape_of, tensor_type_of
from dialects.dlc.selection import compare, select


@irdl_op_definition
class CaseOp(HigherOrderOp):
    """The function `branches[index]` of the arguments; an index out of range counts as the nearest, a condition as 0 or 1."""

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
        if shape_of(self.index) or element_type_of(self.index) not in {i1, i32, i64}:
            raise VerifyException(
                f"dlc.case: the index has type {self.index.type}, expected a 0-d tensor of i1, i32 or i64; use dlc.convert"
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

    def outputs_moving(self, moving: Flags, derive: Derivations) -> Flags:
        """What moves in some branch."""
        return self._any_branch(moving[1:], derive.outputs_moving)

    def _any_branch(self, flags: Flags, outputs: Callable[[str, Flags], Flags]) -> Flags:
        return tuple(map(any, zip(*(outputs(branch, flags) for branch in self.branches), strict=True)))

    def jvp(
        self, b: OpBuilder, operands: Sequence[SSAValue], tangents: Optionals, derive: Derivations
    ) -> tuple[Sequence[SSAValue], Optionals]:
        """The same choice among the branches with their tangents."""
        moving = present(tangents[1:])
        wanted = self.outputs_moving((False, *moving), derive)
        arguments = [*operands[1:], *values_of(tangents)]
        types = [value.type for value in arguments]
        count = len(self.arguments)

        def with_tangents(branch: str) -> BuildBody:
            def body(inner: OpBuilder, values: tuple[SSAValue, ...]) -> Sequence[SSAValue]:
                moves = spread(values[count:], moving)
                outputs, d_outputs = derive.jvp(inner, branch, values[:count], moves, wanted)
                return [*outputs, *values_of(d_outputs, wanted)]

            return body

        symbols = [derive.build(f"{branch}_jvp", branch, types, with_tangents(branch)) for branch in self.branches]
        output_types = list(self.outputs.types)
        results = case(b, operands[0], symbols, arguments, [*output_types, *chosen(output_types, wanted)])
        return results[: len(output_types)], spread(results[len(output_types) :], wanted)

    def linearize(
        self, b: OpBuilder, operands: Sequence[SSAValue], tangents: Optionals, derive: Derivations
    ) -> tuple[Sequence[SSAValue], Optionals]:
        """A choice that also returns what the tangents of the chosen branch need, then one among linear branches."""
        index, *arguments = operands
        moving = present(tangents[1:])
        wanted = self.outputs_moving((False, *moving), derive)
        output_types = list(self.outputs.types)
        lins = [derive.linearize(branch, moving, wanted) for branch in self.branches]
        slots, slot_types = _shared_slots(
            [derive.output_types(lin.primal)[len(output_types) :] for lin in lins],
        )
        types = [value.type for value in arguments]

        def forward_of(lin: Linearization, used: Sequence[int]) -> BuildBody:
            def forward(inner: OpBuilder, values: tuple[SSAValue, ...]) -> Sequence[SSAValue]:
                results = derive.inline(inner, lin.primal, values)
                outputs, computed = split(results, len(output_types), len(used))
                held = dict(zip(used, computed, strict=True))
                return [*outputs, *(or_zeros(inner, held.get(slot), t) for slot, t in enumerate(slot_types))]

            return forward

        forwards = [
            derive.build(f"{branch}_forward", branch, types, forward_of(lin, used))
            for branch, lin, used in zip(self.branches, lins, slots, strict=True)
        ]
        results = case(b, index, forwards, arguments, [*output_types, *slot_types])
        outputs, saved = split(results, len(output_types), len(slot_types))

        # The linear branches take all that was saved, the arguments that some branch needs, and the tangents.
        needed = sorted({r for lin in lins for r in lin.residuals if r is not None})
        inputs = [*saved, *(arguments[r] for r in needed), *values_of(tangents)]
        input_types = [value.type for value in inputs]

        def linear_of(lin: Linearization, used: Sequence[int]) -> BuildBody:
            def linear(inner: OpBuilder, values: tuple[SSAValue, ...]) -> Sequence[SSAValue]:
                saved, given, moves = split(values, len(slot_types), len(needed), sum(moving))
                computed = iter(used)
                residuals = [saved[next(computed)] if r is None else given[needed.index(r)] for r in lin.residuals]
                return derive.inline(inner, lin.linear, [*residuals, *moves])

            return linear

        linears = [
            derive.build(f"{branch}_linear", branch, input_types, linear_of(lin, used))
            for branch, lin, used in zip(self.branches, lins, slots, strict=True)
        ]
        d_outputs = case(b, index, linears, inputs, chosen(output_types, wanted))
        return outputs, spread(d_outputs, wanted)

    def transpose(self, b: OpBuilder, cotangents: Optionals, linear: Flags, derive: Derivations) -> Optionals:
        """The same choice among the transposed branches."""
        is_linear = linear[1:]
        fixed = [value for value, flag in zip(self.arguments, is_linear, strict=True) if not flag]
        targets = chosen(self.arguments, is_linear)
        inputs = [*fixed, *values_of(cotangents)]

        def transposed(branch: str) -> BuildBody:
            def body(inner: OpBuilder, values: tuple[SSAValue, ...]) -> Sequence[SSAValue]:
                given = spread(values[: len(fixed)], (not flag for flag in is_linear))
                cts = spread(values[len(fixed) :], present(cotangents))
                parts = chosen(derive.transpose(inner, branch, given, cts), is_linear)
                return [or_zeros(inner, part, t.type) for part, t in zip(parts, targets, strict=True)]

            return body

        types = [value.type for value in inputs]
        symbols = [derive.build(f"{branch}_transpose", branch, types, transposed(branch)) for branch in self.branches]
        results = case(b, self.index, symbols, inputs, [value.type for value in targets])
        return [None, *spread(results, is_linear)]

    def prune(self, b: OpBuilder, operands: Sequence[SSAValue], used: Flags, derive: Derivations) -> Optionals | None:
        """The branch itself if it is known; else only what is used, of what differs between the branches."""
        index, *arguments = operands
        known = index.owner
        if isinstance(known, ConstantOp):
            chosen_branch = min(max(int(array_of(known.value).item()), 0), len(self.branches) - 1)
            return derive.inline(b, self.branches[chosen_branch], arguments)
        origins = [[origin for origin, _ in derive.origins(branch)] for branch in self.branches]
        passed: list[int | None] = [each[0] if len(set(each)) == 1 else None for each in zip(*origins, strict=True)]
        wanted = tuple(flag and origin is None for flag, origin in zip(used, passed, strict=True))
        needed = self._any_branch(wanted, derive.arguments_needed)
        kept = PrunedArguments(arguments, needed)
        if all(wanted) and len(kept.operands) == len(arguments):
            return None

        def pruned(branch: str) -> BuildBody:
            return lambda inner, values: chosen(derive.inline(inner, branch, kept.restore(inner, values)), wanted)

        results: Optionals = [None] * len(wanted)
        if any(wanted):
            types = [value.type for value in kept.operands]
            symbols = [derive.build(branch, branch, types, pruned(branch)) for branch in self.branches]
            found = case(b, index, symbols, kept.operands, chosen(self.outputs.types, wanted))
            results = spread(found, wanted)
        return [
            arguments[origin] if origin is not None and flag else result
            for flag, origin, result in zip(used, passed, results, strict=True)
        ]

    def outputs_batched(self, batched: Flags, derive: Derivations) -> Flags:
        """What differs in some branch; everything if the examples choose differently."""
        if batched[0]:
            return (True,) * len(self.outputs)
        return self._any_branch(batched[1:], derive.outputs_batched)

    def batch(
        self, b: OpBuilder, operands: Sequence[SSAValue], batched: Flags, size: int, derive: Derivations
    ) -> tuple[Sequence[SSAValue], Flags]:
        """The same choice among batched branches; if the examples choose differently, all branches and a selection."""
        index, *arguments = operands
        flags = self.outputs_batched(batched, derive)
        which = batched[1:]
        if batched[0]:
            return self._select_each(b, index, arguments, which, size, derive), flags

        def for_batch(branch: str) -> BuildBody:
            return lambda inner, values: derive.batch(inner, branch, values, which, size, flags)

        types = [value.type for value in arguments]
        symbols = [derive.build(f"{branch}_vmap", branch, types, for_batch(branch)) for branch in self.branches]
        output_types = [
            tensor_type(t.element_type, (size, *t.get_shape())) if flag else t
            for t, flag in zip(map(tensor_type_of, self.outputs), flags, strict=True)
        ]
        return case(b, index, symbols, arguments, output_types), flags

    def _select_each(
        self,
        b: OpBuilder,
        index: SSAValue,
        arguments: Sequence[SSAValue],
        batched: Flags,
        size: int,
        derive: Derivations,
    ) -> Sequence[SSAValue]:
        """The values of all branches, from the last to the first selected where the index is not above."""
        wanted = (True,) * len(self.outputs)
        last, *others = reversed(self.branches)
        results: Sequence[SSAValue] = derive.batch(b, last, arguments, batched, size, wanted)
        for branch, number in zip(others, range(len(others) - 1, -1, -1), strict=True):
            values = derive.batch(b, branch, arguments, batched, size, wanted)
            bound = full(b, number, tensor_type_of(index))
            here = compare(b, "eq" if is_bool(element_type_of(index)) else "le", index, bound)
            results = [
                select(b, broadcast_in_dim(b, here, shape_of(value), (0,)), value, other)
                for value, other in zip(values, results, strict=True)
            ]
        return results


def _shared_slots(types: Sequence[Sequence[Attribute]]) -> tuple[list[list[int]], list[Attribute]]:
    """Slots that hold one value per entry of any of `types`: for each entry its slot, and the type of each slot."""
    slot_types: list[Attribute] = []
    slots: list[list[int]] = []
    for entries in types:
        free = list(range(len(slot_types)))
        used: list[int] = []
        for entry in entries:
            slot = next((slot for slot in free if slot_types[slot] == entry), None)
            if slot is None:
                slot = len(slot_types)
                slot_types.append(entry)
            else:
                free.remove(slot)
            used.append(slot)
        slots.append(used)
    return slots, slot_types


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
