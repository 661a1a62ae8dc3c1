"""What is computed in memory that is there already: results in that of operands, rows in what they are inserted into."""

from xdsl.dialects import arith, tensor
from xdsl.ir import Operation, SSAValue

from dialects.remarks import emit_remark
from dialects.rows import row_position
from dialects.rt import KernelOp, LapackOp
from dialects.structured import is_splat_constant
from passes.linalg.block_plan import BlockPlan
from passes.linalg.storage import FOREVER, VIEWS, Storage, is_for_static_window, overwrite_refusal, values_read_by


def plan_result(here: BlockPlan, op: Operation, index: int, position: int) -> None:
    """Choose where result `index` of the operation at `position` lives."""
    result = op.results[index]
    storage = None
    if isinstance(op, KernelOp):
        storage = _reused(here, op, index, position)
    elif isinstance(op, LapackOp):
        storage = _overwritten(here, op, index, position)
    if storage is None:
        # A splat is filled in each time anew, other constants are there from the start.
        writable = not isinstance(op, arith.ConstantOp) or is_splat_constant(result)
        storage = here.new(position, writable=writable)
    here.enter(result, storage, position)


def _reused(here: BlockPlan, kernel: KernelOp, index: int, position: int) -> Storage | None:
    """The storage of an operand that result `index` of `kernel` overwrites."""
    plan = here.plan
    name = kernel.kernel_name.data
    taken = {plan.in_place.get((kernel, other)) for other in range(len(kernel.outputs))}
    result = kernel.outputs[index]
    wanted, is_stacked = _carried_as(here, result), _is_stacked(here, result)

    def preference(operand: int) -> tuple[bool, bool]:
        # First the carried value that the result is the next value of; then donated memory, which is there in any case.
        storage = plan.storage_of[kernel.inputs[operand]]
        return storage is not wanted, storage.is_free

    for i in sorted(range(len(kernel.inputs)), key=preference):
        value = kernel.inputs[i]
        may_overwrite = here.may_overwrite(value, position) or _has_same_window_each_time(here, kernel, index, i)
        if i in taken or value.type != result.type or not may_overwrite:
            continue
        storage = plan.storage_of[value]
        if sum(plan.storage_of[other] is storage for other in kernel.inputs) != 1:
            continue
        if is_stacked and not storage.is_free:
            continue  # it can be computed where it is stacked
        reason = overwrite_refusal(kernel, i, index)
        if reason:
            emit_remark("missed", "bufferize", f"{name}: {reason}", kernel.location)
            continue
        plan.in_place[kernel, index] = i
        storage.is_overwritten = True
        message = f"{name}: result {index} overwrites operand {i} ({value.type}) in place"
        emit_remark("passed", "bufferize", message, kernel.location)
        return storage
    return None


def _has_same_window_each_time(here: BlockPlan, kernel: KernelOp, index: int, operand: int) -> bool:
    """Whether result `index` differs from `operand`, such as the padding around images, in the same window in every iteration.

    The operand is computed around the loop for nothing else, so one buffer will do: no operation of the loop overwrites the rest of it,
    which is in another block.
    """
    value = kernel.inputs[operand]
    storage = here.plan.storage_of[value]
    if not storage.writable or storage.is_overwritten or value in here.plan.parts:
        return False
    return is_for_static_window(kernel, operand, index)


def _overwritten(here: BlockPlan, call: LapackOp, index: int, position: int) -> Storage | None:
    """The storage of what result `index` of a library call starts as, if the call may overwrite it."""
    if index >= len(call.inits):
        return None
    value = call.inits[index]
    storage = here.plan.storage_of[value]
    is_alone = sum(here.plan.storage_of[other] is storage for other in call.operands) == 1
    if not is_alone or not here.may_overwrite(value, position):
        message = f"{call.routine.data} overwrites a copy of {value.type}, which is needed later"
        emit_remark("missed", "bufferize", message, call.location)
        return None
    storage.is_overwritten = True
    return storage


def _carried_as(here: BlockPlan, value: SSAValue) -> Storage | None:
    """The storage of the carried value whose next value is `value`, or a view of it."""
    for use in value.uses:
        user = use.operation
        if user is here.operations[-1] and here.carried:
            return here.carried[use.index]
        if isinstance(user, VIEWS) and (storage := _carried_as(here, user.results[0])) is not None:
            return storage
    return None


def _is_stacked(here: BlockPlan, value: SSAValue) -> bool:
    """Whether `value`, or a view of it, becomes a row of something."""
    for use in value.uses:
        user = use.operation
        if isinstance(user, tensor.InsertSliceOp) and use.index == 0 and user.parent is here.block:
            return True
        if isinstance(user, VIEWS) and _is_stacked(here, user.results[0]):
            return True
    return False


def plan_insert(here: BlockPlan, op: tensor.InsertSliceOp, position: int) -> None:
    """Write a row into the buffer that it is inserted into, and compute it there if nothing else changes it."""
    plan = here.plan
    index = row_position(op)
    if not here.may_overwrite(op.dest, position):
        storage = here.new(position)
        message = f"tensor.insert_slice copies {op.dest.type}, which is needed later"
        emit_remark("missed", "bufferize", message, op.location)
    else:
        storage = plan.storage_of[op.dest]
        storage.is_overwritten = True
        plan.inserted_in_place.add(op)
        row = plan.storage_of[op.source]
        if here.is_whole(op.source) and row is not storage:
            known = here.position_of(index) if isinstance(index, SSAValue) else -1
            if max(known, _last_read(here, storage, op)) < row.first:
                row.row_of = (storage, op)
                row.last_use = FOREVER
    here.enter(op.result, storage, position)


def _last_read(here: BlockPlan, storage: Storage, before: Operation) -> int:
    """The last position in front of `before` of an operation that reads or writes a value in `storage`."""
    last = -1
    for position, op in enumerate(here.operations):
        if op is before:
            return last
        if any(here.plan.storage_of.get(value) is storage for value in (*values_read_by(op), *op.results)):
            last = position
    raise AssertionError("an operation of another block")
