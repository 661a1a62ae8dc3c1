"""`dlc.scan`: a loop with a known number of steps."""

from collections.abc import Sequence
from operator import not_
from typing import Any, Self, TypeVar, cast

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
from dialects.dlc.arithmetic import add
from dialects.dlc.broadcast import broadcast_to_front
from dialects.dlc.carries import PrunedArguments, closed_flags, or_zeros, tangents_of_carry, values_of
from dialects.dlc.constants import zeros
from dialects.dlc.function_syntax import parse_function_type, parse_values, print_function_type, print_values
from dialects.dlc.higher_order import (
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
from dialects.dlc.interfaces import AnyTensor, Array, dtype_of, shape_of, tensor_type_of
from dialects.dlc.shape import transpose

T = TypeVar("T")

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

    def outputs_moving(self, moving: Flags, derive: Derivations) -> Flags:
        """The least set that the body maps into itself."""
        return closed_flags(self.body, len(self.init), moving, derive.outputs_moving, (False,))

    def outputs_batched(self, batched: Flags, derive: Derivations) -> Flags:
        """The least set that the body maps into itself."""
        return closed_flags(self.body, len(self.init), batched, derive.outputs_batched, (False,))

    def _groups(self, values: Sequence[T]) -> tuple[Sequence[T], Sequence[T], Sequence[T]]:
        """Parts of one value per operand: those of the carry, the constants and the `xs`."""
        init, constants, xs = split(values, len(self.init), len(self.constants), len(self.xs))
        return init, constants, xs

    def _slice_types(self) -> list[Attribute]:
        return [slice_type(tensor_type_of(y)) for y in self.outputs[len(self.init) :]]

    def jvp(
        self, b: OpBuilder, operands: Sequence[SSAValue], tangents: Optionals, derive: Derivations
    ) -> tuple[Sequence[SSAValue], Optionals]:
        """Scan the body together with its tangents."""
        wanted = self.outputs_moving(present(tangents), derive)
        init, constants, xs = self._groups(operands)
        d_init, d_constants, d_xs = self._groups(tangents)
        moving, moving_ys = wanted[: len(init)], wanted[len(init) :]
        start = tangents_of_carry(b, init, d_init, moving)
        parts = [1, len(init), len(start), len(constants), sum(present(d_constants)), len(xs), sum(present(d_xs))]
        slice_types = self._slice_types()

        def body(inner: OpBuilder, arguments: tuple[SSAValue, ...]) -> Sequence[SSAValue]:
            i, carry, d_carry, k, dk, x, dx = split(arguments, *parts)
            moves = (None, *spread(d_carry, moving), *spread(dk, present(d_constants)), *spread(dx, present(d_xs)))
            outputs, d_outputs = derive.jvp(inner, self.body, (*i, *carry, *k, *x), moves, wanted)
            carry, ys = split(outputs, len(init), len(slice_types))
            d_carry, d_ys = split(d_outputs, len(init), len(slice_types))
            return [*carry, *values_of(d_carry, moving), *ys, *values_of(d_ys, moving_ys)]

        first = [*init, *start]
        fixed = [*constants, *values_of(d_constants)]
        stacked = [*xs, *values_of(d_xs)]
        symbol = derive.build(f"{self.body}_jvp", self.body, step_types(first, fixed, stacked), body)
        types = [*slice_types, *chosen(slice_types, moving_ys)]
        results = scan(b, symbol, first, fixed, stacked, types, self.length, reverse=self.is_reverse)
        carry, d_carry, ys, d_ys = split(results, len(init), len(start), len(slice_types), sum(moving_ys))
        return [*carry, *ys], [*spread(d_carry, moving), *spread(d_ys, moving_ys)]

    def linearize(
        self, b: OpBuilder, operands: Sequence[SSAValue], tangents: Optionals, derive: Derivations
    ) -> tuple[Sequence[SSAValue], Optionals]:
        """Scan the body, stacking what its tangents need; then scan the tangents."""
        wanted = self.outputs_moving(present(tangents), derive)
        init, constants, xs = self._groups(operands)
        d_init, d_constants, d_xs = self._groups(tangents)
        moving, moving_ys = wanted[: len(init)], wanted[len(init) :]
        lin = derive.linearize(
            self.body,
            (False, *moving, *present(d_constants), *present(d_xs)),
            wanted,
            at_hand=(True, *(False for _ in init), *(True for _ in constants), *(False for _ in xs)),
        )
        first_constant = 1 + len(init)
        first_x = first_constant + len(constants)
        slice_types = self._slice_types()

        def forward(inner: OpBuilder, arguments: tuple[SSAValue, ...]) -> Sequence[SSAValue]:
            results = derive.inline(inner, lin.primal, arguments)
            carried = [arguments[r] for r in lin.residuals if r is not None and 0 < r < first_constant]
            return [*results, *carried]

        step = step_types(init, constants, xs)
        computed = derive.output_types(lin.primal)[len(init) + len(slice_types) :]
        carried = [step[r] for r in lin.residuals if r is not None and 0 < r < first_constant]
        symbol = derive.build(f"{self.body}_forward", self.body, step, forward)
        types = [*slice_types, *computed, *carried]
        results = scan(b, symbol, init, constants, xs, types, self.length, reverse=self.is_reverse)
        outputs = results[: len(init) + len(slice_types)]
        stacks, saved = split(results[len(outputs) :], len(computed), len(carried))

        # Each residual is the number of the step, a constant, or stacked: computed, a carry or one of the xs.
        fixed: list[SSAValue] = []
        stacked: list[SSAValue] = []
        places: list[tuple[int, int]] = []
        next_stack, next_saved = iter(stacks), iter(saved)
        for residual in lin.residuals:
            if residual == 0:
                places.append((0, 0))
            elif residual is not None and first_constant <= residual < first_x:
                places.append((1, len(fixed)))
                fixed.append(constants[residual - first_constant])
            else:
                places.append((2, len(stacked)))
                if residual is None:
                    stacked.append(next(next_stack))
                else:
                    stacked.append(next(next_saved) if residual < first_x else xs[residual - first_x])

        start = tangents_of_carry(b, init, d_init, moving)
        parts = [1, len(start), len(fixed), sum(present(d_constants)), len(stacked), sum(present(d_xs))]

        def linear(inner: OpBuilder, arguments: tuple[SSAValue, ...]) -> Sequence[SSAValue]:
            i, d_carry, k, dk, x, dx = split(arguments, *parts)
            residuals = [(i, k, x)[group][position] for group, position in places]
            return derive.inline(inner, lin.linear, [*residuals, *d_carry, *dk, *dx])

        fixed += values_of(d_constants)
        stacked += values_of(d_xs)
        symbol = derive.build(f"{self.body}_linear", self.body, step_types(start, fixed, stacked), linear)
        types = chosen(slice_types, moving_ys)
        d_results = scan(b, symbol, start, fixed, stacked, types, self.length, reverse=self.is_reverse)
        return outputs, [*spread(d_results[: len(start)], moving), *spread(d_results[len(start) :], moving_ys)]

    def transpose(self, b: OpBuilder, cotangents: Optionals, linear: Flags, derive: Derivations) -> Optionals:
        """Scan the transposed body in the other direction; the scan is linear in its whole carry."""
        init, constants, xs = self._groups(self.operands)
        _, linear_constants, linear_xs = self._groups(linear)
        ct_carry, ct_ys = split(cotangents, len(init), len(self.outputs) - len(init))
        linear_k, linear_x = chosen(constants, linear_constants), chosen(xs, linear_xs)
        fixed_k = chosen(constants, map(not_, linear_constants))
        fixed_x = chosen(xs, map(not_, linear_xs))
        parts = [1, len(init), len(linear_k), len(fixed_k), len(fixed_x), sum(present(ct_ys))]

        def body(inner: OpBuilder, arguments: tuple[SSAValue, ...]) -> Sequence[SSAValue]:
            i, carry, sums, k, x, ys = split(arguments, *parts)
            given = (
                *i,
                *(None for _ in init),
                *spread(k, map(not_, linear_constants)),
                *spread(x, map(not_, linear_xs)),
            )
            parts_of = derive.transpose(inner, self.body, given, (*carry, *spread(ys, present(ct_ys))))
            _, to_carry, to_k, to_x = split(parts_of, 1, len(init), len(constants), len(xs))
            new_sums = [
                each if part is None else add(inner, each, part)
                for each, part in zip(sums, chosen(to_k, linear_constants), strict=True)
            ]
            step = step_types(init, (), linear_x)
            new_carry = [or_zeros(inner, part, t) for part, t in zip(to_carry, step[1:], strict=False)]
            slices = [
                or_zeros(inner, part, t) for part, t in zip(chosen(to_x, linear_xs), step[1 + len(init) :], strict=True)
            ]
            return [*new_carry, *new_sums, *slices]

        first = [
            *(or_zeros(b, ct, value.type) for ct, value in zip(ct_carry, init, strict=True)),
            *(zeros(b, tensor_type_of(value)) for value in linear_k),
        ]
        stacked = [*fixed_x, *values_of(ct_ys)]
        symbol = derive.build(f"{self.body}_transpose", self.body, step_types(first, fixed_k, stacked), body)
        types = [slice_type(tensor_type_of(value)) for value in linear_x]
        results = scan(b, symbol, first, fixed_k, stacked, types, self.length, reverse=not self.is_reverse)
        to_init, to_k, to_x = split(results, len(init), len(linear_k), len(linear_x))
        return [*to_init, *spread(to_k, linear_constants), *spread(to_x, linear_xs)]

    def prune(self, b: OpBuilder, operands: Sequence[SSAValue], used: Flags, derive: Derivations) -> Optionals | None:
        """Carry only what changes and is needed; stack only what is new."""
        init, constants, xs = self._groups(operands)
        count, first_x = len(init), 1 + len(init) + len(constants)
        origins = derive.origins(self.body)
        fixed = [origin == 1 + i for i, (origin, _) in enumerate(origins[:count])]
        # The first of several equal `ys` stands for all; one that is an argument is known without a loop, but for a carry.
        first_of: dict[int, int] = {}
        stands_for = [
            first_of.setdefault(same, y) if y >= count and used[y] else y for y, (_, same) in enumerate(origins)
        ]
        stacked = [
            flag and stands_for[y] == y and (origin is None or (origin <= count and not (origin and fixed[origin - 1])))
            for y, (flag, (origin, _)) in enumerate(zip(used, origins, strict=True))
        ]
        wanted = (*used[:count], *stacked[count:])
        while True:
            needed = derive.arguments_needed(self.body, wanted)
            carried = tuple(a or c for a, c in zip(wanted[:count], needed[1 : 1 + count], strict=True))
            if carried == wanted[:count]:
                break
            wanted = (*carried, *wanted[count:])
        carried = tuple(flag and not is_fixed for flag, is_fixed in zip(carried, fixed, strict=True))
        still = tuple(n and f for n, f in zip(needed[1 : 1 + count], fixed, strict=True))
        kept = PrunedArguments([*init, *constants], (*still, *needed[1 + count : first_x]))
        rows = chosen(xs, needed[first_x:])
        ys = chosen(range(count, len(used)), wanted[count:])
        if (
            sum(carried) == count
            and len(kept.operands) == len(constants)
            and len(rows) == len(xs)
            and len(ys) == len(used) - count
        ):
            return None
        first = chosen(init, carried)
        parts = [1, len(first), len(kept.operands), len(rows)]

        def body(inner: OpBuilder, arguments: tuple[SSAValue, ...]) -> Sequence[SSAValue]:
            i, carry, k, x = split(arguments, *parts)
            restored = kept.restore(inner, k)
            for place, value in zip(chosen(range(count), carried), carry, strict=True):
                restored[place] = value
            slices = [
                value if value is not None else zeros(inner, slice_type(tensor_type_of(whole)))
                for value, whole in zip(spread(x, needed[first_x:]), xs, strict=True)
            ]
            results = derive.inline(inner, self.body, [*i, *restored, *slices])
            return [*chosen(results[:count], carried), *(results[y] for y in ys)]

        symbol = derive.build(self.body, self.body, step_types(first, kept.operands, rows), body)
        types = [slice_type(tensor_type_of(self.outputs[y])) for y in ys]
        results = scan(b, symbol, first, kept.operands, rows, types, self.length, reverse=self.is_reverse)
        found: dict[int, SSAValue] = dict(zip((*chosen(range(count), carried), *ys), results, strict=True))
        for y, (origin, _) in enumerate(origins):
            if not used[y] or y in found:
                continue
            if y < count:
                found[y] = init[y]
            elif stands_for[y] in found:
                found[y] = found[stands_for[y]]
            else:
                assert origin is not None
                found[y] = (
                    xs[origin - first_x]
                    if origin >= first_x
                    else broadcast_to_front(b, [*init, *constants][origin - 1], self.length)
                )
        return [found.get(y) for y in range(len(used))]

    def batch(
        self, b: OpBuilder, operands: Sequence[SSAValue], batched: Flags, size: int, derive: Derivations
    ) -> tuple[Sequence[SSAValue], Flags]:
        """Scan the batched body; what is stacked has the steps in front of the examples."""
        flags = self.outputs_batched(batched, derive)
        init, constants, xs = self._groups(operands)
        is_init, is_constant, is_x = self._groups(batched)
        carry_flags = flags[: len(init)]
        first = [
            broadcast_to_front(b, value, size) if wanted and not is_batched else value
            for value, is_batched, wanted in zip(init, is_init, carry_flags, strict=True)
        ]
        stacked = [_swap_leading(b, x) if is_batched else x for x, is_batched in zip(xs, is_x, strict=True)]

        def body(inner: OpBuilder, arguments: tuple[SSAValue, ...]) -> Sequence[SSAValue]:
            which = (False, *carry_flags, *is_constant, *is_x)
            return derive.batch(inner, self.body, arguments, which, size, flags)

        symbol = derive.build(f"{self.body}_vmap", self.body, step_types(first, constants, stacked), body)
        types = [
            stack_type(each, size) if is_batched else each
            for each, is_batched in zip(self._slice_types(), flags[len(init) :], strict=True)
        ]
        results = scan(b, symbol, first, constants, stacked, types, self.length, reverse=self.is_reverse)
        ys = zip(results[len(init) :], flags[len(init) :], strict=True)
        return [*results[: len(init)], *(_swap_leading(b, y) if is_batched else y for y, is_batched in ys)], flags


def step_types(init: Sequence[SSAValue], constants: Sequence[SSAValue], xs: Sequence[SSAValue]) -> list[Attribute]:
    """The types of the arguments of a body."""
    return [
        INDEX,
        *(value.type for value in init),
        *(value.type for value in constants),
        *(slice_type(tensor_type_of(value)) for value in xs),
    ]


def _swap_leading(b: OpBuilder, x: SSAValue) -> SSAValue:
    """`x` with its first two dimensions exchanged."""
    return transpose(b, x, (1, 0, *range(2, len(shape_of(x)))))


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
