"""`dlc.checkpoint`: a call whose intermediate values are computed again for reverse mode instead of being kept."""

from collections.abc import Sequence
from typing import ClassVar, Self

import numpy as np
from xdsl.dialects.builtin import I64, DenseArrayBase, StringAttr, SymbolRefAttr, TensorType, i32
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import (
    AttrSizedOperandSegments,
    VarConstraint,
    base,
    irdl_op_definition,
    operand_def,
    prop_def,
    result_def,
    var_operand_def,
)
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.utils.exceptions import VerifyException

from dialects.builder import OpBuilder, int_array
from dialects.dlc.carries import values_of
from dialects.dlc.contraction import DotGeneralOp
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
    spread,
)
from dialects.dlc.interfaces import AnyTensor, Array, Properties, PureOp, TensorOp, ints

POLICIES: dict[str, tuple[type[PureOp], ...]] = {
    "nothing_saveable": (),
    "dots_saveable": (DotGeneralOp,),
    "everything_saveable": (PureOp,),
}
"""The operations whose results are kept, by the name of the policy (the names are JAX's)."""


@irdl_op_definition
class CheckpointOp(HigherOrderOp):
    """`outputs = callee(arguments)`; reverse mode keeps of it the arguments and what `policy` names."""

    name = "dlc.checkpoint"

    arguments = var_operand_def(AnyTensor)
    callee_attr = prop_def(SymbolRefAttr, prop_name="callee")
    policy_attr = prop_def(StringAttr, prop_name="policy")

    @property
    def plain_callee(self) -> str:
        """The function itself."""
        return self.callee_attr.string_value()

    @property
    def policy(self) -> str:
        """What is kept."""
        return self.policy_attr.data

    def print(self, printer: Printer) -> None:
        """Print as `dlc.checkpoint @f policy "nothing_saveable"(%a) : (types) -> types`."""
        printer.print_string(" ")
        printer.print_attribute(self.callee_attr)
        printer.print_string(" policy ")
        printer.print_attribute(self.policy_attr)
        print_values(printer, self.arguments)
        print_function_type(printer, self)

    @classmethod
    def parse(cls, parser: Parser) -> Self:
        """Parse what `print` prints."""
        callee = parser.parse_symbol_name()
        parser.parse_keyword("policy")
        policy = parser.parse_str_literal()
        operands, result_types, attributes = parse_function_type(parser, [parse_values(parser)])
        properties: dict[str, Attribute] = {"callee": SymbolRefAttr(callee), "policy": StringAttr(policy)}
        return cls.build(operands=operands, result_types=[result_types], properties=properties, attributes=attributes)

    def verify_(self) -> None:
        """Check the policy."""
        if self.policy not in POLICIES:
            raise VerifyException(
                f"dlc.checkpoint: the policy is {self.policy!r}, expected one of {', '.join(map(repr, POLICIES))}"
            )

    def callee_types(self) -> Sequence[CalleeType]:
        """The function."""
        return (CalleeType(self.plain_callee, list(self.arguments.types), list(self.outputs.types)),)

    def evaluate(self, operands: Sequence[Array], call: Call) -> list[Array]:
        """The values of the function."""
        return call(self.plain_callee, operands)

    def outputs_moving(self, moving: Flags, derive: Derivations) -> Flags:
        """As the function says."""
        return derive.outputs_moving(self.plain_callee, moving)

    def outputs_batched(self, batched: Flags, derive: Derivations) -> Flags:
        """As the function says."""
        return derive.outputs_batched(self.plain_callee, batched)

    def jvp(
        self, b: OpBuilder, operands: Sequence[SSAValue], tangents: Optionals, derive: Derivations
    ) -> tuple[Sequence[SSAValue], Optionals]:
        """The function with its tangents, under the same policy."""
        moving = present(tangents)
        wanted = self.outputs_moving(moving, derive)
        inputs = [*operands, *values_of(tangents)]

        def body(inner: OpBuilder, arguments: tuple[SSAValue, ...]) -> Sequence[SSAValue]:
            count = len(operands)
            moves = spread(arguments[count:], moving)
            outputs, moved = derive.jvp(inner, self.plain_callee, arguments[:count], moves, wanted)
            return [*outputs, *values_of(moved)]

        callee = self.plain_callee
        symbol = derive.build(f"{callee}_jvp", callee, [value.type for value in inputs], body)
        results = checkpoint(b, symbol, inputs, derive.output_types(symbol), self.policy)
        return results[: len(wanted)], spread(results[len(wanted) :], wanted)

    def linearize(
        self, b: OpBuilder, operands: Sequence[SSAValue], tangents: Optionals, derive: Derivations
    ) -> tuple[Sequence[SSAValue], Optionals]:
        """The function, and a linear map that computes what it needs when it is transposed."""
        moving = present(tangents)
        wanted = self.outputs_moving(moving, derive)
        lin = derive.linearize(self.plain_callee, moving, wanted)
        kinds = POLICIES[self.policy]
        saving, using = derive.with_kept(lin.primal, lambda op: isinstance(op, kinds))
        results = derive.inline(b, saving, operands)
        kept = results[len(derive.output_types(using)) :]
        properties: dict[str, Attribute] = {
            "primal": SymbolRefAttr(using),
            "linear": SymbolRefAttr(lin.linear),
            "residuals": int_array(tuple(-1 if r is None else r for r in lin.residuals)),
            "operandSegmentSizes": DenseArrayBase.from_list(i32, [len(operands), len(kept), sum(moving)]),
        }
        types = chosen(self.outputs.types, wanted)
        moved = b.create_op(RecomputedOp, [*operands, *kept, *values_of(tangents)], types, properties).results
        return results[: len(wanted)], spread(moved, wanted)

    def batch(
        self, b: OpBuilder, operands: Sequence[SSAValue], batched: Flags, size: int, derive: Derivations
    ) -> tuple[Sequence[SSAValue], Flags]:
        """The batched function under the same policy."""
        callee = self.plain_callee
        flags = self.outputs_batched(batched, derive)
        types = [value.type for value in operands]
        symbol = derive.build(
            f"{callee}_vmap",
            callee,
            types,
            lambda inner, arguments: derive.batch(inner, callee, arguments, batched, size, flags),
        )
        return checkpoint(b, symbol, operands, derive.output_types(symbol), self.policy), flags


@irdl_op_definition
class RecomputedOp(FunctionalOp):
    """The tangents of a checkpointed function: `linear(residuals, tangents)`.

    `residuals` are arguments or, where -1 stands, the last results of `primal(arguments, kept)`, in order. They are
    computed only when the map is transposed.
    """

    name = "dlc.recomputed"

    arguments = var_operand_def(AnyTensor)
    kept = var_operand_def(AnyTensor)
    tangents = var_operand_def(AnyTensor)
    primal_attr = prop_def(SymbolRefAttr, prop_name="primal")
    linear_attr = prop_def(SymbolRefAttr, prop_name="linear")
    residuals = prop_def(DenseArrayBase.constr(I64))

    irdl_options = (AttrSizedOperandSegments(as_property=True),)

    def callee_types(self) -> Sequence[CalleeType]:
        """Both functions."""
        inputs = [*self.arguments.types, *self.kept.types]
        return (
            CalleeType(self.primal_attr.string_value(), inputs, None),
            CalleeType(self.linear_attr.string_value(), None, list(self.outputs.types)),
        )

    def transpose(self, b: OpBuilder, cotangents: Optionals, linear: Flags, derive: Derivations) -> Optionals:
        """Compute the residuals again, behind a barrier that keeps them apart from the first time; transpose `linear`."""
        del linear
        arguments = [optimization_barrier(b, value) for value in self.arguments]
        kept = [optimization_barrier(b, value) for value in self.kept]
        results = derive.inline(b, self.primal_attr.string_value(), [*arguments, *kept])
        places = ints(self.residuals)
        computed = iter(results[len(results) - places.count(-1) :])
        residuals = [next(computed) if place < 0 else arguments[place] for place in places]
        given = (*residuals, *(None for _ in self.tangents))
        parts = derive.transpose(b, self.linear_attr.string_value(), given, cotangents)
        fixed = len(self.arguments) + len(self.kept)
        return [*(None for _ in range(fixed)), *parts[len(residuals) :]]


@irdl_op_definition
class OptimizationBarrierOp(TensorOp):
    """`result = operand`, as a value of its own: what is computed from it is not merged with what is from `operand`."""

    name = "dlc.optimization_barrier"

    T: ClassVar = VarConstraint("T", base(TensorType))

    operand = operand_def(T)
    result = result_def(T)

    assembly_format = "$operand attr-dict `:` type($operand)"

    @classmethod
    def infer_type(cls, operand_types: Sequence[AnyTensor], properties: Properties) -> AnyTensor:
        """The operand's type."""
        del properties
        return operand_types[0]

    def evaluate(self, operands: Sequence[Array]) -> Array:
        """The operand."""
        return np.copy(operands[0])

    def jvp(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> SSAValue | None:
        """The operand's tangent."""
        del b
        return tangents[0]

    def batch(self, b: OpBuilder, operands: Sequence[SSAValue], batched: Sequence[bool], size: int) -> SSAValue:
        """A barrier on all examples."""
        del batched, size
        return optimization_barrier(b, operands[0])

    def lower(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue:
        """The operand: values are not merged any more."""
        del b
        return operands[0]


def optimization_barrier(b: OpBuilder, x: SSAValue) -> SSAValue:
    """Append a barrier."""
    return OptimizationBarrierOp.emit(b, (x,))


def checkpoint(
    b: OpBuilder, callee: str, arguments: Sequence[SSAValue], output_types: Sequence[Attribute], policy: str
) -> tuple[SSAValue, ...]:
    """Append a call of `callee` whose intermediate values are not kept."""
    properties: dict[str, Attribute] = {"callee": SymbolRefAttr(callee), "policy": StringAttr(policy)}
    return tuple(b.create_op(CheckpointOp, arguments, output_types, properties).results)
