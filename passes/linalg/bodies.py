"""Bodies of `linalg.generic`: what they cost, and how to copy them into another body."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from xdsl.dialects import arith, tensor
from xdsl.dialects.linalg.ops import GenericOp, IndexOp, YieldOp
from xdsl.ir import Attribute, Block, Operation, SSAValue
from xdsl.ir.affine import AffineExpr

from dialects.builder import OpBuilder
from dialects.structured import captured_values
from passes.linalg.maps import Access, build_expression

_CHEAP = frozenset(
    {
        arith.AddfOp,
        arith.AddiOp,
        arith.SubfOp,
        arith.SubiOp,
        arith.MulfOp,
        arith.MuliOp,
        arith.NegfOp,
        arith.CmpfOp,
        arith.CmpiOp,
        arith.SelectOp,
        arith.AndIOp,
        arith.OrIOp,
        arith.XOrIOp,
        arith.MaximumfOp,
        arith.MinimumfOp,
        arith.MaxSIOp,
        arith.MinSIOp,
        arith.ExtFOp,
        arith.TruncFOp,
        arith.ExtSIOp,
        arith.ExtUIOp,
        arith.TruncIOp,
        arith.SIToFPOp,
        arith.UIToFPOp,
        arith.IndexCastOp,
        arith.MaxUIOp,
        arith.MinUIOp,
        arith.ShLIOp,
        arith.ShRSIOp,
        arith.ShRUIOp,
    }
)
"""Operations of about one cycle per vector."""


@dataclass(frozen=True, slots=True)
class BodyFacts:
    """What a body does, found in one walk."""

    num_ops: int
    """Operations besides constants, those in regions included."""
    is_cheap: bool
    """Whether all of them are cheap to repeat."""
    is_flat: bool
    """Whether no region in it asks for a loop index, which would have to be renumbered there."""
    has_loops: bool
    """Whether it runs loops, or has other regions."""
    captured: tuple[SSAValue, ...]
    """Values from outside the operation, each once."""
    loop_dims: frozenset[int]
    """The loop dimensions whose index it uses."""


def examine_body(op: Operation) -> BodyFacts:
    """The facts of the body of the `linalg.generic` `op`."""
    block = op.regions[0].block
    count = 0
    cheap = flat = True
    nested: list[Operation] = []
    captured: dict[SSAValue, None] = {}
    loop_dims: list[int] = []
    for inner in block.ops:
        kind = type(inner)
        if kind is arith.ConstantOp:
            continue
        for value in inner.operands:
            owner = value.owner
            if owner is not block and (type(owner) is Block or owner.parent is not block):
                captured[value] = None
        if kind is YieldOp:
            continue
        count += 1
        if kind is IndexOp:
            loop_dims.append(cast(IndexOp, inner).dim.value.data)
        elif kind not in _CHEAP:
            cheap = False
            nested += [inside for region in inner.regions for inside in region.walk()]
    if nested:
        count += len(nested)
        captured = dict.fromkeys(captured_values(op))
        inside_dims = [inside.dim.value.data for inside in nested if isinstance(inside, IndexOp)]
        flat = not inside_dims
        loop_dims += inside_dims
    return BodyFacts(count, cheap, flat, bool(nested), tuple(captured), frozenset(loop_dims))


def captured_by(op: Operation) -> tuple[SSAValue, ...]:
    """The values that the regions of `op` read from outside of it, each once."""
    if type(op) is GenericOp:
        return examine_body(op).captured
    return tuple(captured_values(op)) if op.regions else ()


class BodyCopier:
    """Appends copies of bodies to one new body, sharing constants and loop indices, which go to `front` if that is another block."""

    def __init__(self, builder: OpBuilder, front: OpBuilder | None = None):
        self.builder = builder
        self.front = front or builder
        self._indices: dict[AffineExpr, SSAValue] = {}
        self._constants: dict[Attribute, SSAValue] = {}

    def constant(self, value: Attribute, scalar_type: Attribute) -> SSAValue:
        """A scalar constant of the new body."""
        result = self._constants.get(value)
        if result is None:
            result = self.front.create(arith.ConstantOp, (), scalar_type, {"value": value})
            self._constants[value] = result
        return result

    def index(self, expression: AffineExpr) -> SSAValue:
        """The value of an expression of the loop dimensions."""
        return build_expression(self.front, expression, self._indices)

    def copy(
        self, block: Block, arguments: Sequence[SSAValue | None], dims: Access, scalars: dict[SSAValue, Attribute]
    ) -> tuple[SSAValue, ...]:
        """Append the operations of `block` and return what it yields.

        `arguments` replace the block arguments (`None` where there is no use), `dims` the loop dimensions. Reads of
        the tensors in `scalars`, all of whose elements are that constant, become the constant.
        """
        builder = self.builder
        values: dict[SSAValue, SSAValue] = {
            argument: value for argument, value in zip(block.args, arguments, strict=True) if value is not None
        }
        for op in block.ops:
            kind = type(op)
            builder.location = op.location
            if kind is YieldOp:
                return tuple(values.get(operand, operand) for operand in op.operands)
            if kind is arith.ConstantOp:
                result = op.results[0]
                values[result] = self.constant(op.properties["value"], result.type)
            elif kind is IndexOp:
                dim = cast(IndexOp, op).dim.value.data
                values[op.results[0]] = self.index(dims[dim])
            elif kind is tensor.ExtractOp and op.operands[0] in scalars:
                result = op.results[0]
                values[result] = self.constant(scalars[op.operands[0]], result.type)
            elif op.regions:
                copy = builder.insert(op.clone(values))
                values.update(zip(op.results, copy.results, strict=True))
            else:
                copy = _copy_op(builder, op, values)
                values.update(zip(op.results, copy.results, strict=True))
        raise AssertionError("the body of a linalg.generic does not end in linalg.yield")


def _copy_op(builder: OpBuilder, op: Operation, values: dict[SSAValue, SSAValue]) -> Operation:
    return builder.create_op(
        type(op),
        [values.get(operand, operand) for operand in op.operands],
        [result.type for result in op.results],
        op.properties,
        attributes=dict(op.attributes),
    )


def drain(block: Block) -> list[Operation]:
    """Detach all operations of `block` and return them in order."""
    ops = list(block.ops)
    for op in ops:
        block.detach_op(op)
    return ops


def discard(block: Block) -> None:
    """Erase all operations of `block`, so that they use nothing from outside any more."""
    for op in reversed(list(block.ops)):
        block.erase_op(op, safe_erase=False)


def erase_dead(block: Block) -> None:
    """Erase the scalar operations of `block` whose results nothing uses."""
    for op in reversed(list(block.ops)):
        if op.results and all(result.first_use is None for result in op.results):
            block.erase_op(op)
