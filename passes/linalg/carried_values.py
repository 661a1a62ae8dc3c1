"""The buffers of the values that a loop carries: updated in place, taking turns, or rows of what is stacked."""

from collections.abc import Container, Iterator, Sequence
from math import prod
from typing import Any, cast

from xdsl.dialects import arith, scf, tensor
from xdsl.dialects.builtin import TensorType
from xdsl.ir import Attribute, Operation, SSAValue

from dialects.remarks import emit_remark
from dialects.rows import row_position
from dialects.structured import captured_values, is_tensor, trip_count
from passes.linalg.block_plan import BlockPlan
from passes.linalg.storage import FOREVER, ControlPlan, Slot, Storage, slot_at_end


def plan_carried(
    around: BlockPlan, body: BlockPlan, op: scf.ForOp | scf.WhileOp, initial: Sequence[SSAValue], position: int
) -> None:
    """Choose the buffers of what the loop at `position` carries, and of its results; its `body` is planned already."""
    next_values = cast(Operation, body.block.last_op).operands
    control = around.plan.control[op] = ControlPlan()
    trips = trip_count(op) if isinstance(op, scf.ForOp) else None
    rows = _rows_carried(body, next_values) if trips else {}
    following, spares = _take_turns(body, next_values, control, rows)
    outside, starts = _start(around, op, initial, position, rows)
    outside += [around.new(position) for _ in spares]
    starts += [None] * len(spares)
    slots = zip([*body.carried, *spares], outside, following, starts, strict=True)
    control.slots = [Slot(*entry) for entry in slots]
    for index, result in enumerate(op.results):
        if index in rows:
            control.slots[index].row = next_values[index]
            control.results.append(outside[rows[index]])
            around.enter(result, outside[rows[index]], position)
            around.plan.parts.add(result)
            continue
        at_end = slot_at_end(control.slots, index, trips)
        if at_end is None:
            storage = around.new(position)
            storage.is_fixed = True
            for number in _takes_turns_with(control.slots, index):
                outside[number].last_use = FOREVER  # the result may lie in any of them
        else:
            storage = outside[at_end]
        control.results.append(storage)
        around.enter(result, storage, position)


def _rows_carried(body: BlockPlan, next_values: Sequence[SSAValue]) -> dict[int, int]:
    """The carried values whose next value is stacked in every iteration, each with the number of the stack.

    The loop need not keep such a value: it can read the row where it was stacked last.
    """
    rows: dict[int, int] = {}
    storages = [body.plan.storage_of[value] for value in next_values]
    for index, (value, storage) in enumerate(zip(next_values, storages, strict=True)):
        own = body.carried[index]
        if storage.row_of is None or value in body.plan.parts or own.is_overwritten or own in storages:
            continue
        whole, insert = storage.row_of
        if whole in body.carried and _differs_each_time(body, row_position(insert)):
            number = body.carried.index(whole)
            if storages[number] is whole:
                rows[index] = number
    return rows


def _differs_each_time(body: BlockPlan, position: SSAValue | int) -> bool:
    """Whether no two iterations have the same `position`: it is the counter, or counts down."""
    if isinstance(position, int):
        return False
    counter, owner = body.block.args[0], position.owner
    counts_down = (
        isinstance(owner, arith.SubiOp) and owner.rhs is counter and isinstance(owner.lhs.owner, arith.ConstantOp)
    )
    return position is counter or counts_down


def _take_turns(
    body: BlockPlan, next_values: Sequence[SSAValue], control: ControlPlan, rows: Container[int]
) -> tuple[list[int], list[Storage]]:
    """Find a buffer for the next value of every carried one.

    Returns, for each slot, the number of the slot whose buffer it has in the next iteration, and the storages of the spare slots,
    which come behind those of the carried values.
    """
    plan, carried = body.plan, body.carried
    count = len(carried)
    claimed: dict[Storage, int] = {}
    for keep in (True, False):  # first what stays where it is
        for index, value in enumerate(next_values):
            storage = plan.storage_of[value]
            own = storage is carried[index]
            if own is keep and storage not in claimed and (body.is_whole(value) or _is_carried(body, value)):
                claimed[storage] = index
    slot_of = {storage: index for index, storage in enumerate(carried)}
    following = [-1] * count
    computed: dict[int, Storage] = {}
    for storage, index in claimed.items():
        if storage in slot_of:
            following[index] = slot_of[storage]
        else:
            computed[index] = storage
    copies = control.copies.setdefault(body.block, [])
    for index, value in enumerate(next_values):
        if index in rows:
            following[index] = index
        elif index not in claimed.values():
            computed[index] = Storage(body.block, True, FOREVER, FOREVER)
            copies.append((value, computed[index]))
            _tell(body, f"carried value {index} ({value.type}) is copied: it comes from outside or is carried twice")
    unclaimed = [index for index in range(count) if carried[index] not in claimed and index not in rows]
    for index in list(computed):
        storage = computed[index]
        for other in sorted(unclaimed, key=lambda i: i != index):
            if _key(next_values[other]) == _key(next_values[index]) and carried[other].last_use < storage.first:
                storage.home = carried[other]
                following[index] = other
                unclaimed.remove(other)
                del computed[index]
                break
    spares: list[Storage] = []
    for index, storage in computed.items():
        other = next(
            i for i in sorted(unclaimed, key=lambda i: i != index) if _key(next_values[i]) == _key(next_values[index])
        )
        unclaimed.remove(other)
        following[index] = count + len(spares)
        following.append(other)
        spares.append(storage)
        _tell(body, f"carried value {index} ({next_values[index].type}) alternates between two buffers")
    return following, spares


def _is_carried(body: BlockPlan, value: SSAValue) -> bool:
    return body.plan.storage_of[value] in body.carried and value not in body.plan.parts


def _tell(body: BlockPlan, message: str) -> None:
    parent = body.block.parent_op()
    emit_remark("analysis", "bufferize", message, parent.location if parent is not None else None)


def _start(
    around: BlockPlan, op: scf.ForOp | scf.WhileOp, initial: Sequence[SSAValue], position: int, rows: Container[int]
) -> tuple[list[Storage], list[SSAValue | None]]:
    """The storages that a loop starts to work on, and what is to be copied to them first."""
    plan = around.plan
    read = {plan.storage_of[value] for value in captured_values(op) if is_tensor(value)}
    read |= {plan.storage_of[value] for index, value in enumerate(initial) if index in rows}
    outside: list[Storage] = []
    starts: list[SSAValue | None] = []
    for index, value in enumerate(initial):
        storage = plan.storage_of[value]
        if index in rows:
            outside.append(storage)
            starts.append(None)
            continue
        if around.may_overwrite(value, position) and storage not in read and storage not in outside:
            storage.is_overwritten = True
            outside.append(storage)
            starts.append(None)
            continue
        outside.append(around.new(position))
        starts.append(None if isinstance(value.owner, tensor.EmptyOp) else value)
    return outside, starts


def _key(value: SSAValue) -> tuple[Attribute, int]:
    """What two values have in common that fit into the same buffer."""
    value_type = cast(TensorType[Any], value.type)
    return value_type.element_type, prod(value_type.get_shape())


def _takes_turns_with(slots: Sequence[Slot], index: int) -> Iterator[int]:
    """The slots whose buffers slot `index` has in some iteration, itself among them."""
    number = index
    while True:
        yield number
        number = slots[number].following
        if number == index:
            return
