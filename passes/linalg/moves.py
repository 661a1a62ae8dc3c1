"""Operations that only move elements, as selections in the body of what reads them.

Such are pads, rolled arrays and concatenations, which are operations of that kind, and tensors that window writes put together.
"""

from collections.abc import Sequence
from math import prod
from typing import TypeGuard, cast

from xdsl.dialects import arith, tensor
from xdsl.dialects.builtin import (
    ArrayAttr,
    DenseIntOrFPElementsAttr,
    IndexType,
    IntegerAttr,
    i1,
    i64,
)
from xdsl.dialects.linalg.ops import FillOp, GenericOp, YieldOp
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.ir.affine import AffineExpr

from dialects.builder import OpBuilder, affine_map, constant_attribute, segment_sizes
from dialects.structured import PARALLEL, element_type, is_splat_constant
from passes.linalg.bodies import BodyCopier
from passes.linalg.fusion_plan import Read
from passes.linalg.maps import (
    Access,
    accesses,
    build_expression,
    compose,
    dimensions,
    iterators,
    normal_form,
    num_parallel,
    shape_of,
)
from passes.linalg.seams import is_choice
from passes.linalg.windows import is_window_write

_INDEX = IndexType()
_SLT = IntegerAttr(2, i64)
_SGE = IntegerAttr(5, i64)


def with_moves_inlined(op: GenericOp, max_ops: int) -> GenericOp:
    """`op`, or a detached copy of it that reads the sources of what only moves elements, not its results.

    It stays if its parts would surely have more than `max_ops` operations.
    """
    if not is_elementwise(op):
        return op
    body = _Body(op)
    moved = [access for value, access in zip(op.inputs, accesses(op), strict=False) if body.is_move(value)]
    if not moved:
        return op
    num_ops = sum(not is_choice(inner) for inner in op.body.block.ops)
    # Reads at several distances from an edge get there one after the other.
    if num_ops * prod(len(set(places)) for places in zip(*moved, strict=False)) > max_ops:
        return op
    arguments = [body.read(value, access) for value, access in zip(op.inputs, accesses(op), strict=False)]
    yielded = body.copier.copy(op.body.block, [*arguments, None], dimensions(len(iterators(op))), {})
    body.block.insert_arg(element_type(op.results[0]), len(body.block.args))
    body.builder.create_op(YieldOp, yielded)
    return elementwise_op(list(body.reads), op.outputs[0], body.block)


def elementwise_op(reads: Sequence[Read], output: SSAValue, block: Block) -> GenericOp:
    """A `linalg.generic` with parallel loops and the body `block`, whose arguments stand for `reads`, then for `output`."""
    rank = len(shape_of(output))
    maps = [affine_map(rank, access) for access in (*(access for _, access in reads), dimensions(rank))]
    return GenericOp.create(
        operands=[*(value for value, _ in reads), output],
        result_types=[output.type],
        properties={
            "indexing_maps": ArrayAttr(maps),
            "iterator_types": ArrayAttr([PARALLEL] * rank),
            "operandSegmentSizes": segment_sizes(len(reads), 1),
        },
        regions=[Region(block)],
    )


def is_elementwise(op: Operation | Block) -> bool:
    """Whether `op` computes one tensor, each element alone."""
    return isinstance(op, GenericOp) and len(op.results) == 1 and num_parallel(op) == len(iterators(op))


def _only_moves(op: GenericOp) -> bool:
    """Whether an elementwise operation chooses among elements by loop indices and computes nothing else."""
    return is_elementwise(op) and all(map(is_choice, op.body.block.ops))


def _assembly(reader: GenericOp) -> set[Operation]:
    """The window writes that put together what `reader` reads, and nothing else does."""
    found: set[Operation] = set()
    waiting = [value.owner for value in reader.inputs]
    while waiting:
        op = waiting.pop()
        if _is_static(op) and all(use.operation is reader or use.operation in found for use in op.result.uses):
            found.add(op)
            waiting.append(op.dest.owner)
    return found


def _is_static(op: Operation | Block) -> TypeGuard[tensor.InsertSliceOp]:
    """Whether a window, which nothing else reads, has a known place and no gaps."""
    return (
        isinstance(op, tensor.InsertSliceOp)
        and is_window_write(op)
        and len(op.operands) == 2
        and all(stride == 1 for stride in op.static_strides.get_values())
        and op.source.has_one_use()
    )


class _Body:
    """The body of a reader under construction."""

    def __init__(self, reader: GenericOp):
        self.assembly = _assembly(reader)
        self.block = Block()
        self.builder = OpBuilder(self.block, reader.location)
        self.copier = BodyCopier(self.builder)
        self.reads: dict[Read, SSAValue] = {}
        """What is read from memory."""
        self._moved: dict[Read, SSAValue] = {}
        self._indices: dict[AffineExpr, SSAValue] = {}

    def is_move(self, value: SSAValue) -> bool:
        """Whether what computes `value` only moves elements."""
        op = value.owner
        return op in self.assembly or (isinstance(op, GenericOp) and _only_moves(op))

    def read(self, value: SSAValue, access: Access) -> SSAValue:
        """The element of `value` at `access`."""
        if self.is_move(value):
            if (value, access) not in self._moved:
                self._moved[value, access] = self._move(value.owner, access)
            return self._moved[value, access]
        if (value, access) not in self.reads:
            self.reads[value, access] = self.block.insert_arg(element_type(value), len(self.block.args))
        return self.reads[value, access]

    def _move(self, op: Operation | Block, access: Access) -> SSAValue:
        if isinstance(op, GenericOp):
            arguments = [self.read(v, compose(a, access)) for v, a in zip(op.inputs, accesses(op), strict=False)]
            return self.copier.copy(op.body.block, [*arguments, None], access, {})[0]
        assert isinstance(op, tensor.InsertSliceOp)
        element, inside = self._window_element(op, access)
        around = self._around(op.dest, access)
        return self.builder.create(arith.SelectOp, (inside, element, around), element.type)

    def _window_element(self, op: tensor.InsertSliceOp, access: Access) -> tuple[SSAValue, SSAValue]:
        """The element of the window at a place of the whole, clamped, and whether it is one."""
        b = self.builder
        inside = self.copier.constant(IntegerAttr(1, i1), i1)
        place: list[SSAValue] = []
        for expression, low, size in zip(access, op.static_offsets.get_values(), shape_of(op.source), strict=True):
            index = build_expression(b, normal_form(expression - low), self._indices)
            zero, bound, last = b.index(0), b.index(size), b.index(size - 1)
            for other, predicate in ((zero, _SGE), (bound, _SLT)):
                test = b.create(arith.CmpiOp, (index, other), i1, {"predicate": predicate})
                inside = b.create(arith.AndIOp, (inside, test), i1)
            clamped = b.create(arith.MaxSIOp, (index, zero), _INDEX)
            place.append(b.create(arith.MinSIOp, (clamped, last), _INDEX))
        return b.create(tensor.ExtractOp, (op.source, *place), element_type(op.source)), inside

    def _around(self, dest: SSAValue, access: Access) -> SSAValue:
        """The element of what a window is written into."""
        op, scalar_type = dest.owner, element_type(dest)
        constant: Attribute | None = None
        if isinstance(op, tensor.EmptyOp):
            constant = constant_attribute(0, scalar_type)
        elif isinstance(op, FillOp) and isinstance(op.inputs[0].owner, arith.ConstantOp):
            constant = op.inputs[0].owner.value
        elif isinstance(op, arith.ConstantOp) and is_splat_constant(dest):
            numbers = cast(DenseIntOrFPElementsAttr, op.value).get_values()
            constant = constant_attribute(cast(float, numbers[0]), scalar_type)
        elif op in self.assembly:
            return self._move(op, access)
        return self.read(dest, access) if constant is None else self.copier.constant(constant, scalar_type)
