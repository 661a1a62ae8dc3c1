"""The loop nest of one sweep, and the reductions in it."""

from collections.abc import Callable
from math import prod
from typing import Any, cast

from xdsl.dialects import arith, vector
from xdsl.dialects.vector import CombiningKindAttr, CombiningKindFlag

from passes.memref.combiners import COMBINERS
from passes.memref.loop_builder import VECTOR, Position, Value
from passes.memref.memory_code import MemoryCode
from passes.memref.statement_code import EITHER_ZERO, Reduction, StatementCode
from passes.memref.statements import Kernel, Statement, constant_number
from passes.memref.sweeps import Sweep
from passes.memref.vector_plan import SweepPlan

STEPS = 4
"""Steps of a reduction that share one load and store of accumulators in memory."""
UNROLLED_POINTS = 8
"""Up to this many points of inner loops are written out, one after the other."""
UNROLLED_OPERATIONS = 64
"""The most operations of a body that they may have together."""
SUMMANDS = 128
"""How many vectors a sum adds up before it adds the result to a total: NumPy's sums, too, have a logarithm in their error."""


class SweepCode:
    """Appends the code of sweeps."""

    def __init__(self, memory: MemoryCode, kernel: Kernel):
        self.b = memory.b
        self.memory = memory
        self.at_point = StatementCode(memory, kernel)
        self.rank = kernel.rank
        self.statements: list[Statement] = []
        self.extents: tuple[int, ...] = ()
        self.plan = SweepPlan(None, 0, masked_tail=False)
        self.reductions: list[Reduction] = []
        self.carried: dict[Any, Value] = {}
        """The accumulators: key `(reduction, is_tail)`."""

    def emit(self, sweep: Sweep, plan: SweepPlan) -> None:
        """Append the loop nest of a sweep at the current tile point."""
        self.enter(sweep, plan)
        self._dim(0)

    def emit_interchanged(self, sweep: Sweep, lanes: Callable[[Callable[[], None]], None]) -> None:
        """Append the inner loops of a sweep around those over a block of tile points, which `lanes` appends.

        The accumulators of the block are in memory, and stay in the cache. Several steps of the innermost loop go
        together, so that an accumulator is loaded and stored once for all of them.
        """
        b = self.b
        self.enter(sweep, SweepPlan(None, 0, masked_tail=False))
        starting = [r for r in self.reductions if r.output.initial is not None]

        def initialise() -> None:
            for reduction in starting:
                self.memory.store(reduction.output.access, self.at_point.initial(reduction.output))

        def accumulate(positions: list[Position]) -> None:
            self.carried = {}
            for r in self.reductions:
                value = self.memory.load(r.output.access)
                self.carried[r, False] = b.as_vector(value) if b.lanes else value
            for position in positions:
                b.dims[-1] = position
                self._point()
            for r in self.reductions:
                self.memory.store(r.output.access, self.carried[r, False])

        def inner_loops(dim: int) -> None:
            extent = self.extents[dim]
            if dim + 1 < len(self.extents):

                def body(position: Value) -> None:
                    b.dims[self.rank + dim] = position
                    inner_loops(dim + 1)

                b.loop(0, extent, 1, {}, body)
                return
            whole = extent - extent % STEPS

            def steps(position: Value) -> None:
                positions = [b.add(position, step) for step in range(STEPS)]
                lanes(lambda: accumulate(positions))

            if whole:
                b.loop(0, whole, STEPS, {}, steps)
            if whole < extent:
                lanes(lambda: accumulate(list(range(whole, extent))))

        lanes(initialise)
        for buffer in self.memory.stored_here:
            self.memory.forget(buffer)
        inner_loops(0)

    def emit_within(self, sweep: Sweep, loops: Callable[[Callable[[], None]], None]) -> None:
        """Append a sweep without reductions, in loops of which `loops` appends all."""
        self.enter(sweep, SweepPlan(None, 0, masked_tail=False))
        loops(self._point)

    def emit_scatter(self, sweep: Sweep, lanes: Callable[[Callable[[], None]], None]) -> None:
        """Append the loop of a scatter over its updates around those over a block of tile points, which `lanes` appends."""
        self.enter(sweep, SweepPlan(None, 0, masked_tail=False))

        def body(position: Value) -> None:
            self.b.dims[-1] = position
            lanes(self._point)

        self.b.loop(0, self.extents[0], 1, {}, body)

    def enter(self, sweep: Sweep, plan: SweepPlan) -> None:
        """Get ready for the code of a sweep."""
        b = self.b
        self.statements = sweep.statements
        self.extents = sweep.extents
        self.plan = plan
        self.memory.sweep_depth = b.depth
        self.memory.ahead = sweep.ahead
        del b.dims[self.rank :]
        b.dims.extend([0] * len(sweep.extents))
        self.memory.stored_here = {
            buffer for s in sweep.statements for buffer in s.written() if buffer.storage is not None
        }
        if not plan.is_straight(sweep.extents):
            for buffer in self.memory.stored_here:
                self.memory.forget(buffer)
        self.reductions = [
            Reduction(s, o, s.num_parallel - self.rank)
            for s in sweep.statements
            if s.is_reduction
            for o in s.outputs
            if not o.is_running
        ]
        self.carried = {}

    # Loops

    def _dim(self, dim: int) -> None:
        """Append the loops of the dimensions from `dim` on, with the reductions that start at `dim` around them."""
        starting = [r for r in self.reductions if r.start == dim]
        finish = [self._start(reduction) for reduction in starting]
        if dim == len(self.extents):
            self._point()
        elif dim == self.plan.dim:
            self._vector_dim(dim)
        elif self.extents[dim] == 1 or self._is_unrolled(dim):
            for position in range(self.extents[dim]):
                self.b.dims[self.rank + dim] = position
                self._dim(dim + 1)
        elif self.extents[dim] > 1:
            self._loop(dim, 0, self.extents[dim], 1)
        for finish_reduction in finish:
            finish_reduction()

    def _is_unrolled(self, dim: int) -> bool:
        """Whether the loops from `dim` on are so short that a loop costs more than its body, and no more code than that of vectors."""
        inner = self.extents[dim:]
        if 0 in inner or prod(inner) > UNROLLED_POINTS or (self.plan.dim or 0) > dim:
            return False
        operations = sum(len(statement.body) for statement in self.statements)
        return prod(inner) * operations <= UNROLLED_OPERATIONS

    def _loop(self, dim: int, lower: Position, upper: Position, step: int) -> None:
        def body(position: Value) -> None:
            self.b.dims[self.rank + dim] = position
            self._dim(dim + 1)

        self.b.loop(lower, upper, step, self.carried, body)

    def _vector_dim(self, dim: int) -> None:
        """Append the dimension that lanes run along: whole vectors, then the rest with a mask or one by one."""
        lanes, extent = self.plan.lanes, self.extents[dim]
        whole = extent - extent % lanes
        carried = self.carried
        tails = {key: value for key, value in carried.items() if key[1]}
        vectors = {key: value for key, value in carried.items() if not key[1]}
        absolute = self.rank + dim
        self.carried = vectors
        self.b.lanes, self.b.lane_dim = lanes, absolute
        if whole > 2 * lanes:
            self._whole_vectors(dim, whole)
        else:
            for offset in range(0, whole, lanes):
                self.b.dims[absolute] = offset
                self._dim(dim + 1)
        if whole < extent and self.plan.masked_tail:
            self.b.mask = self.b.create_mask(extent - whole)
            self.b.dims[absolute] = whole
            self._dim(dim + 1)
            self.b.mask = None
        self.b.lanes = 0
        if whole < extent and not self.plan.masked_tail:
            self.carried = {(key[0], False): value for key, value in tails.items()}
            self._loop(dim, whole, extent, 1)
            tails = {(key[0], True): value for key, value in self.carried.items()}
        self.carried = carried
        carried.update(vectors)
        carried.update(tails)

    def _whole_vectors(self, dim: int, whole: int) -> None:
        """Append the loop over whole vectors; long sums are those of blocks, so that errors of rounding stay small."""
        b, lanes = self.b, self.plan.lanes
        block = SUMMANDS * lanes
        sums = [key for key in self.carried if isinstance(key[0].output.combiner, arith.AddfOp)]
        blocks_end = whole - whole % block if sums and whole > 2 * block else 0

        def sum_block(position: Value) -> None:
            totals = {key: self.carried[key] for key in sums}
            for key in sums:
                self.carried[key] = b.splat(0.0, key[0].output.access.buffer.element_type)
            self._loop(dim, position, b.add(position, block), lanes)
            for key, total in totals.items():
                combine = cast(arith.AddfOp, key[0].output.combiner)
                b.set_location(combine)
                operands, result_type = (total, self.carried[key]), total.ssa.type
                self.carried[key] = b.op(arith.AddfOp, operands, result_type, combine.properties, VECTOR)

        if blocks_end:
            b.loop(0, blocks_end, block, self.carried, sum_block)
        if blocks_end < whole:
            self._loop(dim, blocks_end, whole, lanes)

    def _point(self) -> None:
        """Append all statements at the current loop point."""
        for statement in self.statements:
            self.at_point.append(statement, self.carried)

    # Reductions

    def _start(self, reduction: Reduction) -> Callable[[], None]:
        """Make the accumulator of a reduction; return what stores the result in the end."""
        b, key = self.b, (reduction, False)
        output = reduction.output
        initial = self.at_point.initial(output)
        dim = self.plan.dim
        if dim is None or b.lanes or reduction.start > dim:
            self.carried[key] = b.as_vector(initial) if b.lanes else initial
            return lambda: self.memory.store(output.access, self.carried.pop(key))
        combine = output.combiner
        assert combine is not None
        kind, neutral = COMBINERS[type(combine)]
        element_type = output.access.buffer.element_type
        number = neutral(element_type)
        lanes, extent = self.plan.lanes, self.extents[dim]
        has_vectors = extent >= lanes or self.plan.masked_tail
        if has_vectors:
            b.lanes = lanes
            self.carried[key] = b.splat(number, element_type)
            b.lanes = 0
        tail_key = (reduction, True)
        has_tail = extent % lanes and not self.plan.masked_tail
        if has_tail:
            self.carried[tail_key] = initial

        def finish() -> None:
            result = self.carried.pop(tail_key) if has_tail else initial
            if has_vectors:
                b.set_location(combine)
                flags = EITHER_ZERO if isinstance(combine, arith.MaximumfOp | arith.MinimumfOp) else {}
                across = b.op(
                    vector.ReductionOp,
                    (self.carried.pop(key),),
                    element_type,
                    {"kind": CombiningKindAttr(CombiningKindFlag(kind)), **flags},
                    depth=b.depth,
                )
                if not has_tail and constant_number(result.ssa) == number:
                    result = across
                else:
                    properties = {**combine.properties, **flags}
                    result = b.op(type(combine), (result, across), element_type, properties, depth=b.depth)
            self.memory.store(output.access, result)

        return finish
