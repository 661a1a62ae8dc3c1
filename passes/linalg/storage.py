"""Which values of a host function can share one buffer.

A *storage* is one buffer over time: values that are views of each other (reshapes) share it, and so do an operand and
a result of a kernel when the operand is not needed afterwards and the kernel may overwrite it point by point.
`plan_storage` merges values into storages in one walk over the function.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from xdsl.dialects import arith, tensor
from xdsl.dialects.linalg.ops import GenericOp
from xdsl.ir import Block, BlockArgument, Operation, SSAValue
from xdsl.ir.affine import AffineDimExpr, AffineMap

from dialects.remarks import emit_remark
from dialects.rt import KernelOp, ScatterOp
from dialects.structured import captured_values, is_splat_constant
from passes.linalg.windows import window_reads, window_write

VIEWS = (tensor.CollapseShapeOp, tensor.ExpandShapeOp)


@dataclass
class Storage:
    """One buffer over time.

    `writable` is false for function inputs and constants; `last_use` is the position of the last operation that reads
    any value in it (the length of the block if it is returned).
    """

    writable: bool
    last_use: int = -1
    values: list[SSAValue] = field(default_factory=list[SSAValue])


class StoragePlan:
    """The storages of one host function, and the operands that kernels overwrite."""

    def __init__(self) -> None:
        self.storage_of: dict[SSAValue, Storage] = {}
        self.in_place: dict[tuple[Operation, int], int] = {}
        """`(kernel, result index)` to the index of the operand whose buffer the result takes."""

    def add(self, value: SSAValue, storage: Storage) -> None:
        """Let `value` live in `storage`."""
        self.storage_of[value] = storage
        storage.values.append(value)


def plan_storage(block: Block, return_values: Sequence[SSAValue]) -> StoragePlan:
    """Merge the tensor values of `block` into storages; results that are overwritten in place join the operand's."""
    plan = StoragePlan()
    operations = list(block.ops)
    last_use = _last_uses(operations, block, return_values)
    for argument in block.args:
        plan.add(argument, Storage(writable=False, last_use=len(operations)))
    for position, op in enumerate(operations):
        if isinstance(op, VIEWS):
            storage = plan.storage_of[op.operands[0]]
            plan.add(op.results[0], storage)
            continue
        for index, result in enumerate(op.results):
            storage = None
            if isinstance(op, KernelOp):
                storage = _reused_storage(plan, op, index, position, last_use)
            if storage is None:
                # A constant with one value is written anew in every call.
                writable = not isinstance(op, arith.ConstantOp) or is_splat_constant(result)
                storage = Storage(writable, last_use.get(result, position))
            plan.add(result, storage)
            storage.last_use = max(storage.last_use, last_use.get(result, position))
    return plan


def _last_uses(operations: Sequence[Operation], block: Block, return_values: Sequence[SSAValue]) -> dict[SSAValue, int]:
    """The last position at which each value, or a view of it, is read."""
    last: dict[SSAValue, int] = dict.fromkeys(return_values, len(operations))
    last.update((argument, len(operations)) for argument in block.args)
    for position in range(len(operations) - 1, -1, -1):
        op = operations[position]
        for operand in op.operands:
            use = last.get(op.results[0], position) if isinstance(op, VIEWS) else position
            last[operand] = max(last.get(operand, -1), use)
    return last


def _reused_storage(
    plan: StoragePlan, kernel: KernelOp, index: int, position: int, last_use: dict[SSAValue, int]
) -> Storage | None:
    """The storage of an operand that result `index` of `kernel` may overwrite."""
    taken = {plan.in_place.get((kernel, other)) for other in range(index)}
    result_type = kernel.outputs[index].type
    for i, value in enumerate(kernel.inputs):
        storage = plan.storage_of[value]
        if i in taken or not storage.writable or value.type != result_type:
            continue
        if storage.last_use > position or last_use[value] > position:
            continue
        if sum(plan.storage_of[other] is storage for other in kernel.inputs) != 1:
            continue
        reason = _refusal(kernel, i, index)
        if reason:
            emit_remark("missed", "bufferize", f"{kernel.kernel_name.data}: {reason}", kernel.location)
            continue
        plan.in_place[kernel, index] = i
        emit_remark(
            "passed",
            "bufferize",
            f"{kernel.kernel_name.data}: result {index} overwrites operand {i} ({value.type}) in place",
            kernel.location,
        )
        return storage
    return None


def _refusal(kernel: KernelOp, operand: int, result: int) -> str:
    """Why `result` must not overwrite `operand`; empty if it may.

    Every read of the operand must be at exactly the point that the kernel then writes, and not after the write; what lies
    outside of a window that is written must not be read at all.
    """
    body = kernel.body.block
    argument = body.args[operand]
    last = body.last_op
    assert last is not None
    yielded = last.operands[result]
    writer = yielded.owner
    if isinstance(writer, ScatterOp):
        return _scatter_refusal(writer, argument)
    if isinstance(writer, tensor.InsertSliceOp) and writer.dest is not argument:
        return f"operand {operand} is not what the window is written into"
    if not isinstance(writer, GenericOp | tensor.InsertSliceOp):
        return "the result is not written by a structured operation"
    written = False
    for op in body.ops:
        write = window_write(op)
        if isinstance(op, tensor.InsertSliceOp):
            if op.dest is argument and op is not writer:
                return f"operand {operand} is what another window is written into"
        elif isinstance(op, GenericOp) and write is not None and write is writer:
            if window_reads(op, write).others:
                return f"operand {operand} is not read where the window is written"
            written = True
        elif isinstance(op, tensor.ExtractOp) and op.tensor is argument:
            return f"operand {operand} tells where a window is written"
        elif isinstance(op, GenericOp):
            if argument in tuple(captured_values(op)):
                return f"operand {operand} is read at computed positions"
            reads = [i for i, value in enumerate(op.operands) if value is argument]
            if reads and written:
                return f"operand {operand} is read after the result is written"
            if reads and isinstance(writer, tensor.InsertSliceOp):
                return f"operand {operand} is read apart from where the window is written"
            maps = op.indexing_maps.data
            if any(not _is_pointwise(maps[i].data) for i in reads):
                return f"operand {operand} is not read point by point"
        written = written or op is writer
    return ""


def _scatter_refusal(scatter: ScatterOp, argument: BlockArgument) -> str:
    if scatter.dest is argument and len(list(argument.uses)) == 1:
        return ""
    return "the scattered-into operand has other readers"


def _is_pointwise(access: AffineMap) -> bool:
    """Whether a loop nest reads exactly the element whose indices are its loop indices."""
    return len(access.results) == access.num_dims and all(
        isinstance(expr, AffineDimExpr) and expr.position == i for i, expr in enumerate(access.results)
    )
