"""Build the fused operations that a `FusionPlan` decided on."""

from collections.abc import Sequence

from xdsl.dialects import arith, tensor
from xdsl.dialects.builtin import ArrayAttr, LocationAttr
from xdsl.dialects.linalg.ops import FillOp, GenericOp, YieldOp
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue

from dialects.builder import OpBuilder, affine_map, segment_sizes
from dialects.remarks import emit_remark, is_collecting
from dialects.structured import PARALLEL, REDUCTION, element_type
from passes.linalg.bodies import BodyCopier, drain
from passes.linalg.fusion_plan import FusionPlan, Loops, Read
from passes.linalg.kernel_names import content_name
from passes.linalg.maps import Access, accesses, compose, tensor_type_of

_REMOVABLE = (arith.ConstantOp, tensor.EmptyOp, FillOp, GenericOp, tensor.CollapseShapeOp, tensor.ExpandShapeOp)


def rewrite_block(block: Block, plan: FusionPlan) -> None:
    """Rebuild `block` as `plan` says, and drop what nothing reads any more."""
    old_ops = drain(block)
    builder = OpBuilder(block)
    replaced: list[Operation] = []
    new_values: dict[SSAValue, SSAValue] = {}
    for op in old_ops:
        root = plan.roots.get(op)
        if root is None or not _has_changed(root, plan):
            block.add_op(op)
            continue
        builder.location = op.location
        new = _build_root(builder, root, plan, new_values)
        new_values.update(zip(op.results, new.results, strict=True))
        replaced.append(op)
        if (root.inlined or root.aliases) and is_collecting():
            emit_remark("passed", "fuse-elementwise", _description(root), op.location)
    # Only now: the plan knows values by their old names.
    for old, value in new_values.items():
        old.replace_all_uses_with(value)
    for op in reversed(replaced):
        op.erase()
    for op in reversed(list(block.ops)):
        if isinstance(op, _REMOVABLE) and all(result.first_use is None for result in op.results):
            block.erase_op(op)


def _description(root: Loops) -> str:
    """What became part of `root`."""
    reader = content_name(root.op)
    if not root.inlined:
        return f"{reader} reads its operands where they were before they were moved or reshaped"
    names = dict.fromkeys(content_name(loops.op) for loops, _ in reversed(root.inlined))
    return f"{', '.join(names)} computed inside {reader}"


def _has_changed(root: Loops, plan: FusionPlan) -> bool:
    op = root.op
    if root.inlined or root.scalars or root.aliases or root.start or len(root.dims) != len(root.sizes):
        return True
    if len(root.reads) != len(op.operands) - len(op.results):
        return True
    return any(value in plan.uniform for value in root.body.captured)


def _build_root(b: OpBuilder, root: Loops, plan: FusionPlan, new_values: dict[SSAValue, SSAValue]) -> Operation:
    op = root.op
    num_inputs = len(op.operands) - len(op.results)
    outputs = [new_values.get(value, value) for value in op.operands[num_inputs:]]
    if root.start:
        outputs = [b.create(tensor.EmptyOp, (), tensor_type_of(value)) for value in outputs]
    body = _Body(root, plan, op.location)
    for loops, dims in reversed(root.inlined):
        own_dims = compose(loops.dims, dims)
        (result,) = body.copy(loops, own_dims, body.arguments(loops, own_dims), ())
        body.values[loops.op.results[0], dims] = result
    arguments = body.arguments(root, root.dims)
    for read in root.reads:
        # What no body uses tells the extent of a loop.
        body.value_of(read)
    reads = list(body.reads)
    accumulators = [body.add_argument(element_type(value)) for value in outputs]
    yielded = body.copy(root, root.dims, arguments, accumulators)
    body.copier.builder.location = op.location
    body.copier.builder.create_op(YieldOp, yielded)
    rank = len(root.sizes)
    output_accesses = [compose(access, root.dims) for access in accesses(op)[num_inputs:]]
    maps = [affine_map(rank, access) for access in (*(access for _, access in reads), *output_accesses)]
    return b.create_op(
        GenericOp,
        (*(new_values.get(value, value) for value, _ in reads), *outputs),
        [result.type for result in op.results],
        {
            "indexing_maps": ArrayAttr(maps),
            "iterator_types": ArrayAttr([PARALLEL] * root.num_parallel + [REDUCTION] * (rank - root.num_parallel)),
            "operandSegmentSizes": segment_sizes(len(reads), len(outputs)),
        },
        regions=[Region(body.block)],
    )


class _Body:
    """The body of a fused operation under construction; its inputs are in the order in which it uses them."""

    def __init__(self, root: Loops, plan: FusionPlan, location: LocationAttr):
        self.root = root
        self.plan = plan
        self.block = Block()
        self.copier = BodyCopier(OpBuilder(self.block, location))
        self.values: dict[Read, SSAValue] = {}
        """The scalars that stand for reads: block arguments, constants, and what inlined operations yield."""
        self.reads: list[Read] = []
        """What the block arguments stand for."""

    def add_argument(self, scalar_type: Attribute) -> SSAValue:
        """Append a block argument."""
        return self.block.insert_arg(scalar_type, len(self.block.args))

    def value_of(self, read: Read) -> SSAValue:
        """The scalar that stands for `read`."""
        while (behind := self.root.aliases.get(read)) is not None:
            read = behind
        value = self.values.get(read)
        if value is None:
            scalar_type = element_type(read[0])
            constant = self.root.scalars.get(read)
            if constant is not None:
                value = self.copier.constant(constant, scalar_type)
            else:
                value = self.add_argument(scalar_type)
                self.reads.append(read)
            self.values[read] = value
        return value

    def arguments(self, loops: Loops, dims: Access) -> list[SSAValue | None]:
        """The scalars for the inputs of `loops`, whose loop dimensions are `dims` of the root's."""
        op = loops.op
        num_inputs = len(op.operands) - len(op.results)
        arguments = op.regions[0].block.args
        return [
            None if argument.first_use is None else self.value_of((value, compose(access, dims)))
            for value, access, argument in zip(op.operands[:num_inputs], accesses(op), arguments, strict=False)
        ]

    def copy(
        self, loops: Loops, dims: Access, inputs: Sequence[SSAValue | None], accumulators: Sequence[SSAValue]
    ) -> tuple[SSAValue, ...]:
        """Copy the body of `loops` and return what it yields."""
        block = loops.op.regions[0].block
        outputs: list[SSAValue | None] = list(accumulators) or [None] * len(loops.op.results)
        for index, start in enumerate(loops.start):
            argument = block.args[len(inputs) + index]
            outputs[index] = None if argument.first_use is None else self.copier.constant(start, argument.type)
        return self.copier.copy(block, [*inputs, *outputs], dims, self.plan.uniform)
