"""The loops over the tile of one kernel, and the memory of its temporaries."""

from collections.abc import Callable
from math import prod
from typing import NamedTuple, cast

from xdsl.dialects import arith, memref
from xdsl.dialects.builtin import DenseArrayBase, i32
from xdsl.ir import Operation, SSAValue

from dialects.builder import memref_type
from dialects.remarks import emit_remark
from passes.linalg.collapse_dims import FEW_ROWS, LEAST_PART
from passes.memref.accesses import Buffer
from passes.memref.loop_builder import INDEX, LoopBuilder, Position, Value
from passes.memref.memory_code import MemoryCode
from passes.memref.phased_loops import PhasedLoops
from passes.memref.row_loops import take_rows
from passes.memref.statements import Kernel, bit_width
from passes.memref.sweep_code import SweepCode
from passes.memref.sweeps import Schedule, Sweep, needs_memory, read_elsewhere
from passes.memref.transpose_code import Transposition, emit_transposition, plan_transposition
from passes.memref.vector_plan import PASS_NAME, KernelPlan, body_cost, may_repeat, plan_kernel

MANY_PARTS = 64
"""As many parts of few long rows are enough for threads to end at about the same time."""
LINE_BITS = 512
"""The size of a line of the cache."""
_NO_OPERANDS = DenseArrayBase.from_list(i32, [0, 0])


class Ranges(NamedTuple):
    """What a kernel is launched over: sizes whose product is the range, and how many points of it one vector takes."""

    over: tuple[int, ...]
    lanes: int


class KernelCode:
    """Appends the code of one kernel to `b`, whose block has the range of tile points as its first arguments."""

    def __init__(self, kernel: Kernel, b: LoopBuilder, vector_bits: int):
        self.kernel = kernel
        self.b = b
        self.memory = MemoryCode(b)
        scalars = self.memory.scalars
        self.prologue: list[Operation] = []
        for op in kernel.prologue:
            operands = [
                cast(SSAValue, kernel.buffers[operand].storage) if operand in kernel.buffers else scalars[operand].ssa
                for operand in op.operands
            ]
            new = b.blocks[0].create_op(type(op), operands, [r.type for r in op.results], op.properties)
            self.prologue.append(new)
            scalars.update({r: Value(n, 0) for r, n in zip(op.results, new.results, strict=True)})
        self.launched = kernel.tile
        self.clearing: list[Sweep] = take_rows(kernel)
        """With a loop over rows inside of the tile that is launched: what comes before it."""
        self.sweeps: list[Sweep] = Schedule(kernel).sweeps
        has_rows = kernel.tile != self.launched
        self.transposition = None if has_rows else self._plan_transposition(vector_bits)
        bits = vector_bits if self.transposition is None else 0
        self.plan: KernelPlan = plan_kernel(kernel, [*self.clearing, *self.sweeps], bits, may_tile=not has_rows)
        self._make_storage()
        self._find_streams()
        self.may_repeat = may_repeat(kernel.statements)

    def _plan_transposition(self, vector_bits: int) -> Transposition | None:
        kernel = self.kernel
        plan = plan_transposition(kernel, self.sweeps, vector_bits)
        if isinstance(plan, str):
            message = (
                f"@{kernel.name}: reads along one dimension and writes along another, not in squares of vectors: {plan}"
            )
            emit_remark("missed", PASS_NAME, message, kernel.function.location)
            return None
        if plan is not None:
            message = f"@{kernel.name}: squares of {plan.lanes} vectors are transposed in registers"
            emit_remark("passed", PASS_NAME, message, kernel.function.location)
        return plan

    def _make_storage(self) -> None:
        """Allocate what temporaries need, for one tile point (or one per lane), and note what is stored."""
        for buffer in self.kernel.buffers.values():
            if buffer.is_temporary and self._needs_memory(buffer):
                lanes = self.plan.block or self.plan.tile_lanes
                shape = (*buffer.inner_shape, lanes) if lanes else buffer.inner_shape
                buffer.lanes_last = lanes > 0
                buffer.storage = self.b.blocks[0].create(
                    memref.AllocaOp,
                    (),
                    memref_type(buffer.element_type, shape),
                    {"operandSegmentSizes": _NO_OPERANDS},
                )
        for sweep in self.sweeps:
            for statement in sweep.statements:
                for buffer in statement.written():
                    buffer.stored = buffer.storage is not None

    def _find_streams(self) -> None:
        """Choose which of the arguments to write around the cache.

        A loop that writes like this waits for what it reads, which processors do not fetch early enough; so it asks for it.
        """
        for buffer in self._read_buffers():
            buffer.is_streamed = False
        if self.transposition is not None:
            for buffer in self.kernel.buffers.values():
                # Vectors of squares go to as many lines as there are; parts of lines would not wait for one another.
                buffer.is_streamed &= self.transposition.lanes * bit_width(buffer.element_type) >= LINE_BITS
        streamed = [buffer for buffer in self.kernel.buffers.values() if buffer.is_streamed]
        for buffer in streamed:
            message = f"@{self.kernel.name}: {buffer.old.type} is larger than the cache and written around it"
            emit_remark("passed", PASS_NAME, message, self.kernel.function.location)
        if streamed and not self.plan.block:
            self._ask_early()

    def _read_buffers(self) -> set[Buffer]:
        statements = self.kernel.statements
        return {b for s in statements for b in (*(a.buffer for a in s.read_accesses()), *s.captured)}

    def _ask_early(self) -> None:
        """Let the sweep that computes most for each vector of an argument ask for the vectors to come, which may be those of the next row."""
        rank = self.kernel.rank
        for buffer in self.kernel.buffers.values():
            sweeps = [
                sweep
                for sweep in self.sweeps
                for statement in sweep.statements
                for access in statement.read_accesses()
                if access.buffer is buffer and any(access.strides[:rank])
            ]
            if sweeps and not buffer.stored and not buffer.is_temporary:
                max(sweeps, key=body_cost).ahead.add(buffer)

    def _needs_memory(self, buffer: Buffer) -> bool:
        if self.plan.block:
            return read_elsewhere(buffer, self.sweeps)
        straight: dict[Sweep, object] = {
            sweep: (plan, sweep.extents) for sweep, plan in self.plan.sweeps.items() if plan.is_straight(sweep.extents)
        }
        return needs_memory(buffer, self.sweeps, straight)

    def emit(self) -> Ranges:
        """Append the loop over the tile; return what the kernel is to be launched over."""
        ranges = self._tile() if self.transposition is None else self._squares(self.transposition)
        for op in reversed(self.prologue):
            if all(result.first_use is None for result in op.results):
                op.detach()
                op.erase()
        return ranges

    def _squares(self, plan: Transposition) -> Ranges:
        return Ranges(emit_transposition(self.memory, self.kernel, self.sweeps[0], plan), 1)

    def _tile(self) -> Ranges:
        block = self.b.blocks[0].block
        lower, upper = (Value(argument, 0) for argument in block.args[:2])
        tile = self.kernel.tile
        self.b.dims = [0] * len(tile)
        has_lanes = self.plan.tile_lanes > 0
        if has_lanes and len(tile) == 1:
            self._last_dim(lower, upper)
            return Ranges(tile, self.plan.tile_lanes)
        length = self._part_of_row() if has_lanes else 0
        over = self.launched
        if has_lanes:
            over = (*tile[:-1], -(-tile[-1] // length)) if length else tile[:-1]

        def body(position: Value) -> None:
            self.b.set_dims(position, over)
            if length:
                start = self.b.multiply(self.b.dims[-1], length)
                end = self.b.op(
                    arith.MinSIOp, (self.b.position(self.b.add(start, length)), self.b.position(tile[-1])), INDEX
                )
                self._last_dim(start, end)
            elif has_lanes:
                self._last_dim(0, tile[-1])
            elif over != tile:
                self._rows()
            else:
                self._point()

        self.b.loop(lower, upper, 1, {}, body)
        if has_lanes:
            message = f"@{self.kernel.name}: lanes run along the last tile dimension, launched over {list(over)}"
            emit_remark("passed", PASS_NAME, message, self.kernel.function.location)
        return Ranges(over, 1)

    def _part_of_row(self) -> int:
        """Into how long parts rows are cut, the last tile dimension, if threads would have few of them; 0 if they stay whole."""
        rows, size = prod(self.kernel.tile[:-1]), self.kernel.tile[-1]
        count = min(MANY_PARTS // rows, size // LEAST_PART)
        unit = max(self.plan.tile_lanes, self.plan.block)
        return -(-size // (count * unit)) * unit if count > 1 and rows < FEW_ROWS else 0

    def _rows(self) -> None:
        """Append the loop over the rows of one point of what is launched."""
        b, last = self.b, self.kernel.rank - 1
        code = SweepCode(self.memory, self.kernel)
        for sweep in self.clearing:
            code.emit(sweep, self.plan.sweeps[sweep])
        for statement in self.kernel.statements:
            for buffer in statement.written():
                self.memory.forget(buffer)

        def row(position: Position) -> None:
            b.dims[last] = position
            self._point()

        b.loop(0, self.kernel.tile[-1], 1, {}, row)

    def _point(self) -> None:
        """Append all sweeps at one tile point, or one vector of them."""
        code = SweepCode(self.memory, self.kernel)
        for sweep in self.sweeps:
            code.emit(sweep, self.plan.sweeps[sweep])

    def _last_dim(self, lower: Position, upper: Position) -> None:
        """Append all sweeps for points of the last tile dimension, which lanes run along."""
        size = self.plan.block
        if not size:
            self._lanes(lower, upper, self._point)
        elif isinstance(lower, int) and isinstance(upper, int) and upper - lower <= size:
            self._block(lower, upper)
        else:

            def body(start: Value) -> None:
                end = self.b.position(self.b.add(start, size))
                self._block(start, self.b.op(arith.MinSIOp, (end, self.b.position(upper)), INDEX))

            self.b.loop(lower, upper, size, {}, body)

    def _block(self, start: Position, end: Position) -> None:
        """Append one sweep after the other for a block of tile points, so that reductions read memory in order."""
        self.memory.block_start = start
        code = SweepCode(self.memory, self.kernel)
        for sweep in self.sweeps:
            if any(statement.scatter for statement in sweep.statements):
                code.emit_scatter(sweep, lambda point: self._lanes(start, end, point))
            elif sweep.statements[0].has_loops:
                code.enter(sweep, self.plan.sweeps[sweep])
                loops = PhasedLoops(code.at_point, sweep.statements[0], self.plan.tile_lanes, self.plan.block)
                loops.emit(start, end, lambda point: self._lanes(start, end, point))
            elif any(statement.is_reduction for statement in sweep.statements):
                code.emit_interchanged(sweep, lambda point: self._lanes(start, end, point))
            else:
                self._lanes(start, end, lambda sweep=sweep: code.emit(sweep, self.plan.sweeps[sweep]))
        self.memory.block_start = None

    def _lanes(self, lower: Position, upper: Position, point: Callable[[], None]) -> None:
        """Append `point` for a range of the last tile dimension: whole vectors, then the rest masked or one by one.

        Where it does no harm to compute a point again, there is no rest: vectors start at multiples of their size, and the last one ends
        where the tile does. All of the kernel is there once, and stores are aligned wherever the range begins.
        """
        b, lanes = self.b, self.plan.tile_lanes
        last = self.kernel.rank - 1
        size = self.kernel.tile[-1]

        def vector(position: Position) -> None:
            b.dims[last] = position
            b.lanes, b.lane_dim = lanes, last
            point()
            b.lanes = 0

        def overlapping(position: Position) -> None:
            if size % lanes:
                position = b.op(arith.MinSIOp, (b.position(position), b.position(size - lanes)), INDEX)
            vector(position)

        def masked(position: Position) -> None:
            b.lanes = lanes
            b.mask = b.create_mask(b.subtract(upper, position))
            vector(position)
            b.mask = None

        def scalar(position: Position) -> None:
            b.dims[last] = position
            b.lane_dim = last
            point()

        if size >= lanes and not self.plan.block and self.may_repeat:
            self._range(b.multiply(b.quotient(lower, lanes), lanes), upper, lanes, overlapping)
            return
        rest = b.remainder(b.subtract(upper, lower), lanes)
        middle = b.subtract(upper, rest)
        self._range(lower, middle, lanes, vector)
        if self.plan.masked_tail:
            self._range(middle, upper, lanes, masked)
        else:
            self._range(middle, upper, 1, scalar)

    def _range(self, lower: Position, upper: Position, step: int, body: Callable[[Position], None]) -> None:
        if isinstance(lower, int) and isinstance(upper, int) and upper - lower <= step:
            if lower < upper:
                body(lower)
        else:
            self.b.loop(lower, upper, step, {}, body)
