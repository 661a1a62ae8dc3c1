"""Put all temporaries of a host function into one arena.

Before:

```mlir
func.func @f(%x: memref<8xf32>, %out: memref<8xf32>) attributes {rt.num_inputs = 1 : i64} {
  %t = memref.alloc() : memref<8xf32>
  rt.launch @k over [8] (%x, %t) : memref<8xf32>, memref<8xf32>
  rt.launch @k over [8] (%t, %out) : memref<8xf32>, memref<8xf32>
  func.return
}
```

After:

```mlir
func.func @f(%x: memref<8xf32>, %out: memref<8xf32>, %arena: memref<64xi8>) attributes {rt.num_inputs = 1 : i64, rt.peak_lower_bound = 64 : i64} {
  %offset = arith.constant 0 : index
  %t = memref.view %arena[%offset][] : memref<64xi8> to memref<8xf32>
  rt.launch @k over [8] (%x, %t) : memref<8xf32>, memref<8xf32>
  rt.launch @k over [8] (%t, %out) : memref<8xf32>, memref<8xf32>
  func.return
}
```

Offsets are chosen by *greedy by size* (Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net Inference",
arXiv 2001.03288): buffers from large to small, each at the lowest offset, a multiple of 64 bytes, at which it overlaps no
buffer that is alive at the same time. Where that leaves gaps, so that it needs more than `rt.peak_lower_bound`, the largest number of bytes alive
at once, which no plan can beat, buffers are also tried by the product of their size and the length of their lives, and in the order of their first uses.

Requires: host functions without kernel regions (after `outline-kernels`).

Ensures: no `memref.alloc` in functions with `rt.num_inputs`, each of which has the arena as last argument, even if it is empty.
Buffers that are alive at the same time do not overlap; a buffer is alive from its first to its last use, views included, and through every
loop that uses it from outside.

Leaves alone: kernels.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from xdsl.context import Context
from xdsl.dialects import arith, func, memref, scf
from xdsl.dialects.builtin import (
    FixedBitwidthType,
    FunctionType,
    IntegerAttr,
    IntegerType,
    MemRefType,
    ModuleOp,
    i8,
    i64,
)
from xdsl.ir import Block, Operation, SSAValue
from xdsl.passes import ModulePass

from dialects.builder import OpBuilder, memref_type
from passes.memref.effects import VIEWS

ALIGNMENT = 64


@dataclass
class Buffer:
    """A temporary: `size` bytes (a multiple of 64), alive at positions `first` to `last`, at `offset` in the arena."""

    memory: SSAValue
    size: int
    first: int
    last: int
    offset: int = 0


@dataclass(frozen=True)
class PlanMemoryPass(ModulePass):
    """Replace allocations by views of one arena."""

    name = "plan-memory"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Plan every host function."""
        del ctx
        for function in op.body.block.ops:
            if isinstance(function, func.FuncOp) and "rt.num_inputs" in function.attributes:
                _plan_function(function)


def _plan_function(function: func.FuncOp) -> None:
    block = function.body.block
    buffers = _Lifetimes().of(block)
    bound = peak_lower_bound(buffers)
    arena_type = memref_type(i8, (assign_offsets(buffers, bound),))
    arena = block.insert_arg(arena_type, len(block.args))
    arena.name_hint = "arena"
    function.properties["function_type"] = FunctionType.from_lists([a.type for a in block.args], [])
    function.attributes["rt.peak_lower_bound"] = IntegerAttr(bound, i64)
    for buffer in buffers:
        _replace_by_view(buffer, arena)


class _Lifetimes:
    """Numbers the operations of a function, those within loops and branches too, and notes when each buffer is used.

    What a loop uses of a buffer from outside it may use in every iteration: so the buffer lives as long as the loop. A loop carries
    memrefs where buffers take turns: any of them may be behind any pointer, so each use is one of all.
    """

    def __init__(self) -> None:
        self.buffers: list[Buffer] = []
        self._buffers_of: dict[SSAValue, tuple[Buffer, ...]] = {}
        self._position = 0

    def of(self, block: Block) -> list[Buffer]:
        """The buffers of a function in order of allocation, alive from first to last use."""
        self._visit(block)
        for buffer in self.buffers:
            if buffer.first < 0:
                buffer.first = buffer.last
        return self.buffers

    def _visit(self, block: Block) -> None:
        for op in block.ops:
            self._position += 1
            if isinstance(op, memref.AllocOp | memref.ViewOp):
                memory = op.results[0]
                buffer = Buffer(memory, size_of(memory), first=-1, last=self._position)
                self.buffers.append(buffer)
                self._buffers_of[memory] = (buffer,)
            elif isinstance(op, VIEWS):
                self._buffers_of[op.results[0]] = self._behind(op.operands[:1])
            elif op.regions:
                self._visit_control_flow(op)
            else:
                self._use(self._behind(op.operands), self._position)

    def _visit_control_flow(self, op: Operation) -> None:
        carried = self._behind(op.operands)
        self._use(carried, self._position)
        for region in op.regions:
            for block in region.blocks:
                self._buffers_of.update((argument, carried) for argument in block.args if _is_memref(argument))
        start, known = self._position, len(self.buffers)
        for region in op.regions:
            for block in region.blocks:
                self._visit(block)
                carried += self._behind(cast(Operation, block.last_op).operands)
        self._buffers_of.update((result, carried) for result in op.results)
        self._position += 1
        if isinstance(op, scf.ForOp | scf.WhileOp):
            for buffer in self.buffers[:known]:
                if buffer.first >= 0 and buffer.last >= start:
                    buffer.first, buffer.last = min(buffer.first, start), self._position

    def _behind(self, values: Iterable[SSAValue]) -> tuple[Buffer, ...]:
        return tuple(buffer for value in values for buffer in self._buffers_of.get(value, ()))

    def _use(self, buffers: Iterable[Buffer], position: int) -> None:
        for buffer in buffers:
            buffer.last = position
            if buffer.first < 0:
                buffer.first = position


def _is_memref(value: SSAValue) -> bool:
    return isinstance(value.type, MemRefType)


def size_of(buffer: SSAValue) -> int:
    """The bytes of a buffer, rounded up to the alignment; `i1` takes a byte."""
    memref_type_ = cast(Any, buffer.type)
    element = memref_type_.element_type
    if isinstance(element, IntegerType):
        width = max(8, cast(int, cast(Any, element).width.data))
    else:
        assert isinstance(element, FixedBitwidthType), f"plan-memory: {element} has no fixed size"
        width = element.bitwidth
    elements = 1
    for extent in memref_type_.get_shape():
        elements *= extent
    size = elements * width // 8
    return -(-size // ALIGNMENT) * ALIGNMENT


def assign_offsets(buffers: Sequence[Buffer], enough: int) -> int:
    """Set the offset of every buffer; return the size of the arena in bytes, of which `enough` are the fewest possible."""
    keys: tuple[Callable[[Buffer], tuple[int, ...]], ...] = (
        lambda b: (-b.size, b.first - b.last, b.first),
        lambda b: (-b.size * (b.last - b.first + 1), b.first),
        lambda b: (b.first, -b.size),
    )
    peak, best = 0, None
    for key in keys:
        offsets = _placed(sorted(buffers, key=key))
        size = max((offset + buffer.size for buffer, offset in offsets), default=0)
        if best is None or size < peak:
            peak, best = size, offsets
        if peak == enough:
            break
    for buffer, offset in best or ():
        buffer.offset = offset
    return peak


def _placed(buffers: Sequence[Buffer]) -> list[tuple[Buffer, int]]:
    """The buffers, each with the lowest offset that those in front of it leave."""
    result: list[tuple[Buffer, int]] = []
    placed = np.empty((4, len(buffers)), np.int64)  # first, last, offset and end of each, by offset
    for count, buffer in enumerate(buffers):
        first, last, offset, end = placed[:, :count]
        alive = (first <= buffer.last) & (buffer.first <= last)
        # The gaps: each starts where all below it have ended.
        starts = np.append(0, np.maximum.accumulate(end[alive]))
        ends = np.append(offset[alive], np.iinfo(np.int64).max)
        lowest = int(starts[np.argmax(ends - starts >= buffer.size)])
        result.append((buffer, lowest))
        place = np.searchsorted(offset, lowest, side="right")
        placed[:, place + 1 : count + 1] = placed[:, place:count]
        placed[:, place] = buffer.first, buffer.last, lowest, lowest + buffer.size
    return result


def peak_lower_bound(buffers: Sequence[Buffer]) -> int:
    """The largest number of bytes that are alive at one position."""
    events: list[tuple[int, int]] = []
    for buffer in buffers:
        events.extend(((buffer.first, buffer.size), (buffer.last + 1, -buffer.size)))
    alive = peak = 0
    for _, change in sorted(events):
        alive += change
        peak = max(peak, alive)
    return peak


def _replace_by_view(buffer: Buffer, arena: SSAValue) -> None:
    alloc, scratch = cast(Operation, buffer.memory.owner), Block()
    b = OpBuilder(scratch, alloc.location)
    offset = b.index(buffer.offset)
    view = b.create(memref.ViewOp, (arena, offset), buffer.memory.type)
    view.name_hint = buffer.memory.name_hint
    operations: list[Operation] = list(scratch.ops)
    for op in operations:
        op.detach()
    parent = alloc.parent
    assert parent is not None
    parent.insert_ops_before(operations, alloc)
    buffer.memory.replace_all_uses_with(view)
    parent.erase_op(alloc)


def planned_buffers(function: func.FuncOp) -> list[Buffer]:
    """The temporaries of a host function whose memory is planned, in order of their places in the program."""
    buffers = _Lifetimes().of(function.body.block)
    for buffer in buffers:
        offset = cast(arith.ConstantOp, cast(memref.ViewOp, buffer.memory.owner).byte_shift.owner)
        buffer.offset = cast(IntegerAttr[Any], offset.value).value.data
    return buffers
