"""Merges the tensor values of a host function into storages, block by block.

A loop updates its carried values in place where the buffer of a carried value is not read any more when its next value is
written. Otherwise the next value is computed in a spare buffer, and the two take turns: the loop carries pointers to them. So does a
loop that permutes its carried values. What is left, a value that is carried twice or comes from outside, is copied.
The regions of a branch compute their results in one common destination.
"""

from collections.abc import Collection, Sequence
from typing import cast

from xdsl.dialects import scf, tensor
from xdsl.ir import Block, Operation, SSAValue

from dialects.rows import row_position
from dialects.structured import is_tensor
from passes.linalg.block_plan import BlockPlan
from passes.linalg.carried_values import plan_carried
from passes.linalg.host_blocks import initial_and_body, is_control_flow
from passes.linalg.in_place import plan_insert, plan_result
from passes.linalg.storage import FOREVER, VIEWS, ControlPlan, Storage, StoragePlan


def plan_storage(block: Block, donated: Collection[int] = ()) -> StoragePlan:
    """Merge the tensor values of the body of a function, which may overwrite its `donated` arguments, into storages."""
    plan = StoragePlan()
    here = BlockPlan(plan, block)
    for index, argument in enumerate(block.args):
        last_use = here.last_use.get(argument, -1) if index in donated else FOREVER
        plan.storage_of[argument] = Storage(block, index in donated, first=-1, last_use=last_use)
    _plan_block(here)
    return plan


def _plan_block(here: BlockPlan) -> None:
    """Plan every operation of a block, in order."""
    for position, op in enumerate(here.operations[:-1]):
        if isinstance(op, scf.ForOp | scf.WhileOp) and is_control_flow(op):
            _plan_loop(here, op, position)
        elif isinstance(op, scf.IfOp | scf.IndexSwitchOp):
            _plan_branches(here, op, position)
        elif isinstance(op, VIEWS):
            here.share(op.operands[0], op.results[0])
        elif isinstance(op, tensor.ExtractSliceOp):
            row_position(op)
            here.share(op.source, op.result)
            here.plan.parts.add(op.result)
        elif isinstance(op, tensor.InsertSliceOp):
            plan_insert(here, op, position)
        else:
            # What the function returns comes first: it can take the memory of donated arguments for good.
            for index in sorted(range(len(op.results)), key=lambda i: here.last_use.get(op.results[i]) != FOREVER):
                if is_tensor(op.results[index]):
                    plan_result(here, op, index, position)


def _plan_loop(around: BlockPlan, op: scf.ForOp | scf.WhileOp, position: int) -> None:
    initial, block = initial_and_body(op)
    inside = [Storage(block, writable=True, first=-1, last_use=-1) for _ in initial]
    if isinstance(op, scf.WhileOp):
        before = op.before_region.block
        around.plan.storage_of.update(zip(before.args, inside, strict=True))
        _plan_block(BlockPlan(around.plan, before))
    body = BlockPlan(around.plan, block, inside)
    for argument, storage in zip(block.args[len(block.args) - len(inside) :], inside, strict=True):
        body.enter(argument, storage, -1)
    _plan_block(body)
    plan_carried(around, body, op, initial, position)


def _plan_branches(around: BlockPlan, op: scf.IfOp | scf.IndexSwitchOp, position: int) -> None:
    plan = around.plan
    control = plan.control[op] = ControlPlan()
    blocks = [region.block for region in op.regions if region.blocks]
    yields = [cast(Operation, block.last_op).operands for block in blocks]
    granted = _destinations(around, op, yields, position)
    control.results = [storage or around.new(position) for storage in granted]
    for block, values in zip(blocks, yields, strict=True):
        branch = BlockPlan(plan, block)
        kept = [(storage, storage.scope, storage.first, storage.last_use) for storage in granted if storage]
        for storage, *_ in kept:
            used = [use for value, use in branch.last_use.items() if plan.storage_of.get(value) is storage]
            storage.scope, storage.first, storage.last_use = block, -1, max(used, default=-1)
            storage.is_overwritten = True
        _plan_block(branch)
        control.copies[block] = _write_to(branch, control.results, values)
        for storage, scope, first, last_use in kept:
            storage.scope, storage.first, storage.last_use = scope, first, last_use
    for result, storage in zip(op.results, control.results, strict=True):
        around.enter(result, storage, position)


def _destinations(
    around: BlockPlan, op: Operation, yields: Sequence[Sequence[SSAValue]], position: int
) -> list[Storage | None]:
    """For each result, the storage of a value that some region passes on and that nothing else needs."""
    plan = around.plan
    places: dict[Storage, set[int]] = {}
    for values in yields:
        for index, value in enumerate(values):
            storage = plan.storage_of.get(value)  # what is computed in the region has none yet
            if storage is not None and around.may_overwrite(value, position):
                places.setdefault(storage, set()).add(index)
    result: list[Storage | None] = [None] * len(op.results)
    for storage, where in places.items():
        if len(where) == 1:
            result[min(where)] = storage
    return result


def _write_to(
    branch: BlockPlan, destinations: Sequence[Storage], values: Sequence[SSAValue]
) -> list[tuple[SSAValue, Storage]]:
    """Let the yielded `values` be computed in `destinations`; return what has to be copied."""
    copies: list[tuple[SSAValue, Storage]] = []
    for value, destination in zip(values, destinations, strict=True):
        storage = branch.plan.storage_of[value]
        if storage is destination:
            continue
        is_read = destination.scope is branch.block and destination.last_use >= storage.first
        if branch.is_whole(value) and not is_read:
            storage.home = destination
        else:
            copies.append((value, destination))
    return copies
