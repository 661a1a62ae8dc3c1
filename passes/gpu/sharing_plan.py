"""Whether the 32 threads of a warp can share the points of a kernel, and how: the decisions of `share-points`."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast

from xdsl.dialects import arith, func, memref, scf
from xdsl.dialects.builtin import IndexType, MemRefType
from xdsl.ir import Block, BlockArgument, Operation, SSAValue

from passes.gpu.map_to_gpu import WARP, only_loop
from passes.memref.combiners import COMBINERS

WIDTH = 4
"""How many positions a thread has side by side where that divides a loop: 16 bytes of 32-bit elements are one access."""

_Access = memref.LoadOp | memref.StoreOp


class NotSharedError(Exception):
    """Why the points of a kernel are not shared."""


@dataclass
class SharingPlan:
    """How the points of a kernel are shared.

    `shared` are the loops over positions of threads, `owned` is the dimension of each memory that they write along which its elements
    belong to threads, `ordered` are the writes of all threads to memory that is read too. A thread has `width` positions side by side.
    """

    points: scf.ForOp
    shared: list[scf.ForOp] = field(default_factory=list[scf.ForOp])
    owned: dict[SSAValue, int] = field(default_factory=dict[SSAValue, int])
    ordered: list[memref.StoreOp] = field(default_factory=list[memref.StoreOp])
    width: int = 1


def plan_sharing(kernel: func.FuncOp, extent: int, aliased: set[int]) -> SharingPlan:
    """Decide how to share the points of a kernel; raise `NotSharedError`."""
    points = only_loop(kernel.body.block)
    if points is None:
        raise NotSharedError("it is more than a loop over its points")
    plan = SharingPlan(points)
    _choose_loops(points.body.block, plan.shared)
    if not plan.shared:
        raise NotSharedError(f"it has no loop of {WARP} or more trips")
    loop_of = {op: loop for loop in plan.shared for op in loop.walk()}
    accesses = list(_accesses(kernel))
    written = {op.memref for op in accesses if isinstance(op, memref.StoreOp)}
    for number, argument in enumerate(kernel.body.block.args[2:]):
        if argument in written and number in aliased:
            raise NotSharedError("it writes memory that it is passed twice")
    for op in accesses:
        if isinstance(op, memref.StoreOp) and op in loop_of:
            loop = loop_of[op]
            dimension = next((i for i, index in enumerate(op.indices) if index is loop.body.block.args[0]), None)
            if dimension is None or plan.owned.setdefault(op.memref, dimension) != dimension:
                raise NotSharedError("threads would write the same elements")
    starts = {(constant_of(loop.lb), constant_of(loop.step)) for loop in plan.shared}
    for op in accesses:
        if op.memref not in plan.owned:
            continue
        loop = loop_of.get(op)
        if loop is None or op.indices[plan.owned[op.memref]] is not loop.body.block.args[0] or len(starts) > 1:
            raise NotSharedError("a thread would read what another one writes")
    loaded = {op.memref for op in accesses if isinstance(op, memref.LoadOp)}
    plan.ordered += (
        op
        for op in accesses
        if isinstance(op, memref.StoreOp)
        and op not in loop_of
        and isinstance(op.memref, BlockArgument)
        and op.memref in loaded
    )
    if extent > WARP and not _is_along_loops(points, [op for op in accesses if op in loop_of], loop_of):
        raise NotSharedError("its points lie side by side in memory")
    if all(cast(int, trip_count(loop)) % (WARP * WIDTH) == 0 for loop in plan.shared):
        plan.width = WIDTH
    return plan


def _choose_loops(block: Block, chosen: list[scf.ForOp]) -> None:
    """Append the innermost loops that can be shared; raise `NotSharedError` if long ones cannot."""
    for op in block.ops:
        if isinstance(op, scf.ForOp):
            _choose_loop(op, chosen)
        elif any(isinstance(inner, scf.ForOp | scf.WhileOp) for inner in op.walk()):
            raise NotSharedError("a loop depends on a condition")


def _choose_loop(loop: scf.ForOp, chosen: list[scf.ForOp]) -> None:
    """Append loops inside of `loop`, or else `loop`."""
    inner: list[scf.ForOp] = []
    refusal = None
    try:
        _choose_loops(loop.body.block, inner)
    except NotSharedError as reason:
        refusal = reason
    trips = trip_count(loop)
    if inner and refusal is None:
        chosen += inner
    elif trips is not None and trips >= WARP and combiners_of(loop) is not None:
        chosen.append(loop)
    elif refusal is not None:
        raise refusal
    elif trips is None or trips >= WARP:
        raise NotSharedError("a loop has an order, or bounds that are not known")


def _accesses(kernel: func.FuncOp) -> Iterator[_Access]:
    """The accesses to memory; raise `NotSharedError` if there are some of other kinds."""
    for op in kernel.body.walk():
        if isinstance(op, memref.LoadOp | memref.StoreOp):
            yield op
        elif isinstance(op, func.CallOp) or (
            not isinstance(op, memref.AllocaOp)
            and any(isinstance(value.type, MemRefType) for value in (*op.operands, *op.results))
        ):
            raise NotSharedError(f"{op.name} may touch any memory")


def _is_along_loops(points: scf.ForOp, accesses: list[_Access], loop_of: dict[Operation, scf.ForOp]) -> bool:
    """Whether neighbouring positions are neighbours in memory more often than neighbouring points are."""
    along = across = 0
    for op in accesses:
        indices = list(op.indices)
        if not indices:
            continue
        if indices[-1] is loop_of[op].body.block.args[0]:
            along += 1
        elif _depends(indices[-1], points.body.block.args[0]):
            across += 1
    return along >= across


def _depends(value: SSAValue, source: SSAValue) -> bool:
    if value is source:
        return True
    return isinstance(value.owner, Operation) and any(_depends(operand, source) for operand in value.owner.operands)


def constant_of(value: SSAValue) -> float | None:
    """The number that a value is known to be."""
    owner = value.owner
    return cast(Any, owner.value).value.data if isinstance(owner, arith.ConstantOp) else None


def trip_count(loop: scf.ForOp) -> int | None:
    """How many trips a loop makes, if its bounds are constants."""
    bounds = [constant_of(value) for value in (loop.lb, loop.ub, loop.step)]
    return None if None in bounds else len(range(*cast(list[int], bounds)))


def combiners_of(loop: scf.ForOp) -> list[Operation] | None:
    """What combines each value that a loop carries with others, if all are combined in any order and used for nothing else."""
    combiners: list[Operation] = []
    for carried, result in zip(
        loop.body.block.args[1:], cast(Operation, loop.body.block.last_op).operands, strict=True
    ):
        combiner = result.owner
        uses = list(carried.uses)
        if (
            not isinstance(combiner, Operation)
            or type(combiner) not in COMBINERS
            or combiner.parent is not loop.body.block
            or len(uses) != 1
            or uses[0].operation is not combiner
            or len(list(result.uses)) != 1
            or isinstance(result.type, IndexType)
        ):
            return None
        combiners.append(combiner)
    return combiners
