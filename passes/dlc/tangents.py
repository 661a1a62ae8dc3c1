"""Primals and tangents built side by side, and linear programs walked backwards: the core of differentiation."""

from collections.abc import Iterable, Mapping, Sequence
from typing import cast

from xdsl.dialects.builtin import LocationAttr
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue

from dialects.builder import UNKNOWN, OpBuilder
from dialects.dlc.arithmetic import add
from dialects.dlc.higher_order import Derivations, FunctionalOp, HigherOrderOp, chosen
from dialects.dlc.interfaces import PureOp, element_type_of, is_float
from passes.dlc.rebuild import Values, copy_op, return_of


class LinearizingBuilder(OpBuilder):
    """Appends what depends on a tangent to `linear_block`, everything else to the block that it was made for.

    The arguments of `linear_block` are placeholders for the tangents of the arguments. What it holds is the linear
    program of the tangents; it may use values of the other block, never the other way round.
    """

    __slots__ = ("linear", "linear_block", "primal_block")

    def __init__(self, block: Block, tangent_types: Sequence[Attribute], location: LocationAttr = UNKNOWN):
        super().__init__(block, location)
        self.primal_block = block
        self.linear_block = Block(arg_types=tangent_types)
        self.linear: set[SSAValue] = set(self.linear_block.args)

    def create_op(
        self,
        op_type: type[Operation],
        operands: Sequence[SSAValue] = (),
        result_types: Sequence[Attribute] = (),
        properties: Mapping[str, Attribute] | None = None,
        regions: Sequence[Region] = (),
        successors: Sequence[Block] = (),
        attributes: Mapping[str, Attribute] | None = None,
    ) -> Operation:
        """Append an operation to the block that it belongs to."""
        linear = self.linear
        is_linear = any(operand in linear for operand in operands)
        self.block = self.linear_block if is_linear else self.primal_block
        op = super().create_op(op_type, operands, result_types, properties, regions, successors, attributes)
        if is_linear:
            linear.update(op.results)
        return op

    def insert(self, op: Operation) -> Operation:
        """Append a detached operation to the block that it belongs to."""
        is_linear = any(operand in self.linear for operand in op.operands)
        self.block = self.linear_block if is_linear else self.primal_block
        if is_linear:
            self.linear.update(op.results)
        return super().insert(op)

    def transpose_tangents(self, b: OpBuilder, cotangents: Values, derive: Derivations) -> None:
        """Walk the linear program backwards and append its transpose to `b`; then drop the linear program.

        `cotangents` maps values of the linear program to their cotangents, at first those of the outputs, in the end
        those of the placeholders. A value that is not in it has cotangent zero.
        """
        linear = self.linear
        for op in reversed(self.linear_block.ops):
            given = [cotangents.pop(result, None) for result in op.results]
            if any(cotangent is not None for cotangent in given):
                b.location = op.location
                flags = tuple(operand in linear for operand in op.operands)
                if isinstance(op, FunctionalOp):
                    parts = op.transpose(b, given, flags, derive)
                else:
                    assert isinstance(op, PureOp), f"{op.name}: a jvp builds tensor operations only"
                    parts = op.transpose_all(b, given, flags)
                for operand, part in zip(op.operands, parts, strict=True):
                    if part is not None and operand in linear:
                        accumulate(b, cotangents, operand, part)
            op.drop_all_references()


def build_tangents(
    b: OpBuilder,
    source: Block,
    values: Values,
    tangents: Values,
    derive: Derivations,
    outputs: Sequence[SSAValue] | None = None,
) -> None:
    """Append a copy of every operation of `source`, and the tangent of each that one of `outputs` depends on.

    `values` maps values of `source` to their copies, `tangents` to tangents; what is not in `tangents` has tangent
    zero. Both hold the arguments at first, and everything in the end. If `b` separates what is linear, it gets
    operations that can be transposed.
    """
    last = return_of(source)
    active = active_values(source, tangents, derive, last.operands if outputs is None else outputs)
    for op in source.ops:
        if op is last:
            break
        if not any(result in active for result in op.results):
            copy_op(b, op, values)
        elif isinstance(op, HigherOrderOp):
            b.location = op.location
            differentiate = op.linearize if isinstance(b, LinearizingBuilder) else op.jvp
            operands = [values[operand] for operand in op.operands]
            results, result_tangents = differentiate(b, operands, [tangents.get(each) for each in op.operands], derive)
            for old, new, tangent in zip(op.results, results, result_tangents, strict=True):
                new.name_hint = new.name_hint or old.name_hint
                values[old] = new
                if tangent is not None and _moves(b, tangent):
                    tangents[old] = tangent
        else:
            copy = cast(PureOp, copy_op(b, op, values))
            operand_tangents = [tangents.get(operand) for operand in op.operands]
            if operand_tangents.count(None) < len(operand_tangents):
                for result, tangent in zip(op.results, copy.jvp_all(b, operand_tangents), strict=True):
                    if tangent is not None and _moves(b, tangent):
                        tangents[result] = tangent


def _moves(b: OpBuilder, tangent: SSAValue) -> bool:
    """Whether a tangent depends on those of the arguments; if not, it is zero, since it is linear in them."""
    return not isinstance(b, LinearizingBuilder) or tangent in b.linear


def moving_values(source: Block, moving: Iterable[SSAValue], derive: Derivations) -> set[SSAValue]:
    """The values on a differentiable path from one of the arguments `moving`."""
    reached: set[SSAValue] = set(moving)
    for op in source.ops:
        if isinstance(op, HigherOrderOp):
            flags = tuple(operand in reached for operand in op.operands)
            if any(flags):
                reached.update(chosen(op.results, op.outputs_moving(flags, derive)))
        elif isinstance(op, PureOp) and not op.no_derivative:
            for operand in op.operands:
                if operand in reached:
                    reached.update(filter(has_tangent, op.results))
                    break
    return reached


def active_values(
    source: Block, tangents: Iterable[SSAValue], derive: Derivations, outputs: Sequence[SSAValue]
) -> set[SSAValue]:
    """The values on a differentiable path from an argument in `tangents` to one of `outputs`."""
    reached = moving_values(source, tangents, derive)
    active = {output for output in outputs if output in reached}
    for op in reversed(source.ops):
        if any(result in active for result in op.results):
            active.update(operand for operand in op.operands if operand in reached)
    return active


def accumulate(b: OpBuilder, cotangents: Values, value: SSAValue, part: SSAValue) -> None:
    """Add `part` to the cotangent of `value`."""
    assert part.type == value.type, f"transpose: cotangent has type {part.type}, expected {value.type}"
    sum_so_far = cotangents.get(value)
    cotangents[value] = part if sum_so_far is None else add(b, sum_so_far, part)


def has_tangent(value: SSAValue) -> bool:
    """Whether `value` is floating point, which is what has derivatives."""
    return is_float(element_type_of(value))
