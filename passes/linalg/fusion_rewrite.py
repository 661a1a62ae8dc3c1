"""Build the fused operations that a `FusionPlan` decided on."""

from typing import Any

from xdsl.dialects import arith, tensor
from xdsl.dialects.builtin import ArrayAttr, DenseArrayBase, i32
from xdsl.dialects.linalg.ops import FillOp, GenericOp, YieldOp
from xdsl.ir import Block, Operation, Region, SSAValue

from dialects.builder import OpBuilder, affine_map
from dialects.remarks import emit_remark
from dialects.structured import PARALLEL, REDUCTION, element_type
from passes.linalg.bodies import BodyCopier, drain
from passes.linalg.fusion_plan import FusionPlan, Loops, Read
from passes.linalg.maps import accesses, compose, dimensions, tensor_type_of

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
        if root.inlined:
            emit_remark("passed", "fuse-elementwise", f"{len(root.inlined)} operations computed inside", op.location)
    # Only now: the plan knows values by their old names.
    for old, value in new_values.items():
        old.replace_all_uses_with(value)
    for op in reversed(replaced):
        op.erase()
    for op in reversed(list(block.ops)):
        if isinstance(op, _REMOVABLE) and all(result.first_use is None for result in op.results):
            block.erase_op(op)


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
    reads = list(root.reads)
    block = Block(arg_types=[element_type(value) for value in (*(value for value, _ in reads), *outputs)])
    copier = BodyCopier(OpBuilder(block, op.location))
    values: dict[Read, SSAValue] = dict(zip(reads, block.args, strict=False))
    for read, attribute in root.scalars.items():
        values[read] = copier.constant(attribute, element_type(read[0]))
    for loops, dims in reversed(root.inlined):
        (result,) = _copy_body(copier, loops, compose(loops.dims, dims), root, values, (), plan)
        values[loops.op.results[0], dims] = result
    yielded = _copy_body(copier, root, root.dims, root, values, block.args[len(reads) :], plan)
    copier.builder.location = op.location
    copier.builder.create_op(YieldOp, yielded)
    rank = len(root.sizes)
    identity = affine_map(rank, dimensions(root.num_parallel))
    maps = [affine_map(rank, access) for _, access in reads] + [identity] * len(outputs)
    return b.create_op(
        GenericOp,
        (*(new_values.get(value, value) for value, _ in reads), *outputs),
        [result.type for result in op.results],
        {
            "indexing_maps": ArrayAttr(maps),
            "iterator_types": ArrayAttr([PARALLEL] * root.num_parallel + [REDUCTION] * (rank - root.num_parallel)),
            "operandSegmentSizes": DenseArrayBase.from_list(i32, [len(reads), len(outputs)]),
        },
        regions=[Region(block)],
    )


def _copy_body(
    copier: BodyCopier,
    loops: Loops,
    dims: tuple[Any, ...],
    root: Loops,
    values: dict[Read, SSAValue],
    accumulators: tuple[SSAValue, ...],
    plan: FusionPlan,
) -> tuple[SSAValue, ...]:
    """Copy the body of `loops`, whose loop dimensions are `dims` of the root's, and return what it yields."""
    op = loops.op
    num_inputs = len(op.operands) - len(op.results)
    arguments: list[SSAValue | None] = []
    block = op.regions[0].block
    for value, access, argument in zip(op.operands[:num_inputs], accesses(op), block.args, strict=False):
        if argument.first_use is None:
            arguments.append(None)
            continue
        read = (value, compose(access, dims))
        while read in root.aliases:
            read = root.aliases[read]
        arguments.append(values[read])
    if loops.start:
        outs = block.args[num_inputs:]
        starts = zip(loops.start, outs, strict=True)
        arguments.extend(None if out.first_use is None else copier.constant(attr, out.type) for attr, out in starts)
    else:
        arguments.extend(accumulators or [None] * len(op.results))
    return copier.copy(block, arguments, dims, plan.uniform)
