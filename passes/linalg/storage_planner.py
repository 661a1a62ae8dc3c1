"""Merges the tensor values of a host function into storages, block by block.

A loop updates its carried values in place where the buffer of a carried value is not read any more when its next value is
written. Otherwise the next value is computed in a spare buffer, and the two take turns: the loop carries pointers to them. So does a
loop that permutes its carried values. What is left, a value that is carried twice or comes from outside, is copied.
The regions of a branch compute their results in one common destination.
"""

from collections.abc import Collection, Container, Iterator, Sequence
from math import prod
from typing import Any, cast

from xdsl.dialects import arith, scf, tensor
from xdsl.dialects.builtin import TensorType
from xdsl.ir import Attribute, Block, Operation, SSAValue

from dialects.lapack import LapackOp
from dialects.remarks import emit_remark
from dialects.rows import row_position
from dialects.rt import KernelOp
from dialects.structured import captured_values, is_splat_constant, is_tensor, trip_count
from passes.linalg.host_blocks import initial_and_body, is_control_flow
from passes.linalg.storage import (
    FOREVER,
    VIEWS,
    ControlPlan,
    Slot,
    Storage,
    StoragePlan,
    is_for_static_window,
    last_uses,
    overwrite_refusal,
    slot_at_end,
    values_read_by,
)


def plan_storage(block: Block, donated: Collection[int] = ()) -> StoragePlan:
    """Merge the tensor values of the body of a function, which may overwrite its `donated` arguments, into storages."""
    plan = StoragePlan()
    planner = _BlockPlanner(plan, block)
    for index, argument in enumerate(block.args):
        last_use = planner.last_use.get(argument, -1) if index in donated else FOREVER
        plan.storage_of[argument] = Storage(block, index in donated, first=-1, last_use=last_use)
    planner.run()
    return plan


class _BlockPlanner:
    """Plans one host block; `carried` are the storages of the carried values, if it is the body of a loop."""

    def __init__(self, plan: StoragePlan, block: Block, carried: Sequence[Storage] = ()):
        self.plan = plan
        self.block = block
        self.carried = carried
        self.operations = list(block.ops)
        self.last_use = last_uses(self.operations)

    def run(self) -> None:
        """Plan every operation, in order."""
        for argument, storage in zip(
            self.block.args[len(self.block.args) - len(self.carried) :], self.carried, strict=True
        ):
            self._enter(argument, storage, -1)
        for position, op in enumerate(self.operations[:-1]):
            if isinstance(op, scf.ForOp | scf.WhileOp) and is_control_flow(op):
                self._plan_loop(op, position)
            elif isinstance(op, scf.IfOp | scf.IndexSwitchOp):
                self._plan_branches(op, position)
            elif isinstance(op, VIEWS):
                self._share(op.operands[0], op.results[0])
            elif isinstance(op, tensor.ExtractSliceOp):
                row_position(op)
                self._share(op.source, op.result)
                self.plan.parts.add(op.result)
            elif isinstance(op, tensor.InsertSliceOp):
                self._plan_insert(op, position)
            else:
                # What the function returns comes first: it can take the memory of donated arguments for good.
                for index in sorted(range(len(op.results)), key=lambda i: self.last_use.get(op.results[i]) != FOREVER):
                    if is_tensor(op.results[index]):
                        self._plan_result(op, index, position)

    def _enter(self, value: SSAValue, storage: Storage, position: int) -> None:
        """Let `value`, which the operation at `position` computes, live in `storage`."""
        self.plan.storage_of[value] = storage
        storage.last_use = max(storage.last_use, self.last_use.get(value, position))

    def _share(self, source: SSAValue, view: SSAValue) -> None:
        self.plan.storage_of[view] = self.plan.storage_of[source]
        if source in self.plan.parts:
            self.plan.parts.add(view)

    def _new(self, position: int, *, writable: bool = True) -> Storage:
        return Storage(self.block, writable, first=position, last_use=position)

    def _may_overwrite(self, value: SSAValue, position: int) -> bool:
        """Whether the operation at `position` may write to the buffer of `value`, because nothing reads it later."""
        storage = self.plan.storage_of[value]
        if value in self.plan.parts or not storage.writable or storage.scope is not self.block:
            return False
        return storage.last_use <= position and self.last_use.get(value, position) <= position

    def _plan_result(self, op: Operation, index: int, position: int) -> None:
        result = op.results[index]
        storage = None
        if isinstance(op, KernelOp):
            storage = self._reused(op, index, position)
        elif isinstance(op, LapackOp):
            storage = self._overwritten(op, index, position)
        if storage is None:
            # A splat is filled in each time anew, other constants are there from the start.
            writable = not isinstance(op, arith.ConstantOp) or is_splat_constant(result)
            storage = self._new(position, writable=writable)
        self._enter(result, storage, position)

    def _reused(self, kernel: KernelOp, index: int, position: int) -> Storage | None:
        """The storage of an operand that result `index` of `kernel` overwrites."""
        plan = self.plan
        name = kernel.kernel_name.data
        taken = {plan.in_place.get((kernel, other)) for other in range(len(kernel.outputs))}
        result = kernel.outputs[index]
        wanted, is_stacked = self._carried_as(result), self._is_stacked(result)

        def preference(operand: int) -> tuple[bool, bool]:
            # First the carried value that the result is the next value of; then donated memory, which is there in any case.
            storage = plan.storage_of[kernel.inputs[operand]]
            return storage is not wanted, storage.is_free

        for i in sorted(range(len(kernel.inputs)), key=preference):
            value = kernel.inputs[i]
            may_overwrite = self._may_overwrite(value, position) or self._has_same_window_each_time(kernel, index, i)
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

    def _has_same_window_each_time(self, kernel: KernelOp, index: int, operand: int) -> bool:
        """Whether result `index` differs from `operand`, such as the padding around images, in the same window in every iteration.

        The operand is computed around the loop for nothing else, so one buffer will do: no operation of the loop overwrites the rest of it,
        which is in another block.
        """
        value = kernel.inputs[operand]
        storage = self.plan.storage_of[value]
        if not storage.writable or storage.is_overwritten or value in self.plan.parts:
            return False
        return is_for_static_window(kernel, operand, index)

    def _overwritten(self, call: LapackOp, index: int, position: int) -> Storage | None:
        """The storage of what result `index` of a library call starts as, if the call may overwrite it."""
        if index >= len(call.inits):
            return None
        value = call.inits[index]
        storage = self.plan.storage_of[value]
        is_alone = sum(self.plan.storage_of[other] is storage for other in call.operands) == 1
        if not is_alone or not self._may_overwrite(value, position):
            message = f"{call.routine.data} overwrites a copy of {value.type}, which is needed later"
            emit_remark("missed", "bufferize", message, call.location)
            return None
        storage.is_overwritten = True
        return storage

    def _carried_as(self, value: SSAValue) -> Storage | None:
        """The storage of the carried value whose next value is `value`, or a view of it."""
        for use in value.uses:
            user = use.operation
            if user is self.operations[-1] and self.carried:
                return self.carried[use.index]
            if isinstance(user, VIEWS) and (storage := self._carried_as(user.results[0])) is not None:
                return storage
        return None

    def _is_stacked(self, value: SSAValue) -> bool:
        """Whether `value`, or a view of it, becomes a row of something."""
        for use in value.uses:
            user = use.operation
            if isinstance(user, tensor.InsertSliceOp) and use.index == 0 and user.parent is self.block:
                return True
            if isinstance(user, VIEWS) and self._is_stacked(user.results[0]):
                return True
        return False

    def _plan_insert(self, op: tensor.InsertSliceOp, position: int) -> None:
        """Write a row into the buffer that it is inserted into, and compute it there if nothing else changes it."""
        plan = self.plan
        index = row_position(op)
        if not self._may_overwrite(op.dest, position):
            storage = self._new(position)
            message = f"tensor.insert_slice copies {op.dest.type}, which is needed later"
            emit_remark("missed", "bufferize", message, op.location)
        else:
            storage = plan.storage_of[op.dest]
            storage.is_overwritten = True
            plan.inserted_in_place.add(op)
            row = plan.storage_of[op.source]
            if self._is_whole(op.source) and row is not storage:
                known = self._position_of(index) if isinstance(index, SSAValue) else -1
                if max(known, self._last_read(storage, op)) < row.first:
                    row.row_of = (storage, op)
                    row.last_use = FOREVER
        self._enter(op.result, storage, position)

    def _is_whole(self, value: SSAValue) -> bool:
        """Whether `value` fills a buffer of this block that can still be chosen."""
        storage = self.plan.storage_of[value]
        return storage.is_free and storage.scope is self.block and value not in self.plan.parts

    def _position_of(self, value: SSAValue) -> int:
        """The position of the operation that computes `value`; -1 if it does not lie in this block."""
        owner = value.owner
        return self.operations.index(owner) if isinstance(owner, Operation) and owner.parent is self.block else -1

    def _last_read(self, storage: Storage, before: Operation) -> int:
        """The last position in front of `before` of an operation that reads or writes a value in `storage`."""
        last = -1
        for position, op in enumerate(self.operations):
            if op is before:
                return last
            if any(self.plan.storage_of.get(value) is storage for value in (*values_read_by(op), *op.results)):
                last = position
        raise AssertionError("an operation of another block")

    # Loops

    def _plan_loop(self, op: scf.ForOp | scf.WhileOp, position: int) -> None:
        initial, body = initial_and_body(op)
        next_values = cast(Operation, body.last_op).operands
        inside = [Storage(body, writable=True, first=-1, last_use=-1) for _ in initial]
        if isinstance(op, scf.WhileOp):
            before = op.before_region.block
            self.plan.storage_of.update(zip(before.args, inside, strict=True))
            _BlockPlanner(self.plan, before).run()
        planner = _BlockPlanner(self.plan, body, inside)
        planner.run()
        control = self.plan.control[op] = ControlPlan()
        trips = trip_count(op) if isinstance(op, scf.ForOp) else None
        rows = planner.rows_carried(next_values) if trips else {}
        following, spares = planner.take_turns(next_values, control, rows)
        outside, starts = self._start(op, initial, position, rows)
        outside += [self._new(position) for _ in spares]
        starts += [None] * len(spares)
        control.slots = [Slot(*entry) for entry in zip([*inside, *spares], outside, following, starts, strict=True)]
        for index, result in enumerate(op.results):
            if index in rows:
                control.slots[index].row = next_values[index]
                control.results.append(outside[rows[index]])
                self._enter(result, outside[rows[index]], position)
                self.plan.parts.add(result)
                continue
            at_end = slot_at_end(control.slots, index, trips)
            if at_end is None:
                storage = self._new(position)
                storage.is_fixed = True
                for number in _takes_turns_with(control.slots, index):
                    outside[number].last_use = FOREVER  # the result may lie in any of them
            else:
                storage = outside[at_end]
            control.results.append(storage)
            self._enter(result, storage, position)

    def rows_carried(self, next_values: Sequence[SSAValue]) -> dict[int, int]:
        """The carried values whose next value is stacked in every iteration, each with the number of the stack.

        The loop need not keep such a value: it can read the row where it was stacked last.
        """
        rows: dict[int, int] = {}
        storages = [self.plan.storage_of[value] for value in next_values]
        for index, (value, storage) in enumerate(zip(next_values, storages, strict=True)):
            own = self.carried[index]
            if storage.row_of is None or value in self.plan.parts or own.is_overwritten or own in storages:
                continue
            whole, insert = storage.row_of
            if whole in self.carried and self._differs_each_time(row_position(insert)):
                number = self.carried.index(whole)
                if storages[number] is whole:
                    rows[index] = number
        return rows

    def _differs_each_time(self, position: SSAValue | int) -> bool:
        """Whether no two iterations have the same `position`: it is the counter, or counts down."""
        if isinstance(position, int):
            return False
        counter, owner = self.block.args[0], position.owner
        counts_down = (
            isinstance(owner, arith.SubiOp) and owner.rhs is counter and isinstance(owner.lhs.owner, arith.ConstantOp)
        )
        return position is counter or counts_down

    def take_turns(
        self, next_values: Sequence[SSAValue], control: ControlPlan, rows: Container[int]
    ) -> tuple[list[int], list[Storage]]:
        """Find a buffer for the next value of every carried one.

        Returns, for each slot, the number of the slot whose buffer it has in the next iteration, and the storages of the spare slots,
        which come behind those of the carried values.
        """
        plan, carried = self.plan, self.carried
        count = len(carried)
        claimed: dict[Storage, int] = {}
        for keep in (True, False):  # first what stays where it is
            for index, value in enumerate(next_values):
                storage = plan.storage_of[value]
                own = storage is carried[index]
                if own is keep and storage not in claimed and (self._is_whole(value) or self._is_carried(value)):
                    claimed[storage] = index
        slot_of = {storage: index for index, storage in enumerate(carried)}
        following = [-1] * count
        computed: dict[int, Storage] = {}
        for storage, index in claimed.items():
            if storage in slot_of:
                following[index] = slot_of[storage]
            else:
                computed[index] = storage
        copies = control.copies.setdefault(self.block, [])
        for index, value in enumerate(next_values):
            if index in rows:
                following[index] = index
            elif index not in claimed.values():
                computed[index] = Storage(self.block, True, FOREVER, FOREVER)
                copies.append((value, computed[index]))
                self._tell(f"carried value {index} ({value.type}) is copied: it comes from outside or is carried twice")
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
                i
                for i in sorted(unclaimed, key=lambda i: i != index)
                if _key(next_values[i]) == _key(next_values[index])
            )
            unclaimed.remove(other)
            following[index] = count + len(spares)
            following.append(other)
            spares.append(storage)
            self._tell(f"carried value {index} ({next_values[index].type}) alternates between two buffers")
        return following, spares

    def _is_carried(self, value: SSAValue) -> bool:
        return self.plan.storage_of[value] in self.carried and value not in self.plan.parts

    def _tell(self, message: str) -> None:
        parent = self.block.parent_op()
        emit_remark("analysis", "bufferize", message, parent.location if parent is not None else None)

    def _start(
        self, op: scf.ForOp | scf.WhileOp, initial: Sequence[SSAValue], position: int, rows: Container[int]
    ) -> tuple[list[Storage], list[SSAValue | None]]:
        """The storages that a loop starts to work on, and what is to be copied to them first."""
        plan = self.plan
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
            if self._may_overwrite(value, position) and storage not in read and storage not in outside:
                storage.is_overwritten = True
                outside.append(storage)
                starts.append(None)
                continue
            outside.append(self._new(position))
            starts.append(None if isinstance(value.owner, tensor.EmptyOp) else value)
        return outside, starts

    # Branches

    def _plan_branches(self, op: scf.IfOp | scf.IndexSwitchOp, position: int) -> None:
        control = self.plan.control[op] = ControlPlan()
        blocks = [region.block for region in op.regions if region.blocks]
        yields = [cast(Operation, block.last_op).operands for block in blocks]
        granted = self._destinations(op, yields, position)
        control.results = [storage or self._new(position) for storage in granted]
        for block, values in zip(blocks, yields, strict=True):
            planner = _BlockPlanner(self.plan, block)
            kept = [(storage, storage.scope, storage.first, storage.last_use) for storage in granted if storage]
            for storage, *_ in kept:
                used = [use for value, use in planner.last_use.items() if self.plan.storage_of.get(value) is storage]
                storage.scope, storage.first, storage.last_use = block, -1, max(used, default=-1)
                storage.is_overwritten = True
            planner.run()
            control.copies[block] = planner.write_to(control.results, values)
            for storage, scope, first, last_use in kept:
                storage.scope, storage.first, storage.last_use = scope, first, last_use
        for result, storage in zip(op.results, control.results, strict=True):
            self._enter(result, storage, position)

    def _destinations(self, op: Operation, yields: Sequence[Sequence[SSAValue]], position: int) -> list[Storage | None]:
        """For each result, the storage of a value that some region passes on and that nothing else needs."""
        plan = self.plan
        places: dict[Storage, set[int]] = {}
        for values in yields:
            for index, value in enumerate(values):
                storage = plan.storage_of.get(value)  # what is computed in the region has none yet
                if storage is not None and self._may_overwrite(value, position):
                    places.setdefault(storage, set()).add(index)
        result: list[Storage | None] = [None] * len(op.results)
        for storage, where in places.items():
            if len(where) == 1:
                result[min(where)] = storage
        return result

    def write_to(self, destinations: Sequence[Storage], values: Sequence[SSAValue]) -> list[tuple[SSAValue, Storage]]:
        """Let the yielded `values` be computed in `destinations`; return what has to be copied."""
        copies: list[tuple[SSAValue, Storage]] = []
        for value, destination in zip(values, destinations, strict=True):
            storage = self.plan.storage_of[value]
            if storage is destination:
                continue
            is_read = destination.scope is self.block and destination.last_use >= storage.first
            if self._is_whole(value) and not is_read:
                storage.home = destination
            else:
                copies.append((value, destination))
        return copies


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
