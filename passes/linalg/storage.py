"""Which values of a host function can share one buffer.

A *storage* is one buffer over time: values that are views of each other (reshapes, rows) share it, and so do an operand and
a result of a kernel when the operand is not needed afterwards and the kernel may overwrite it point by point.
`passes/linalg/storage_planner.py` merges values into storages.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from xdsl.dialects import tensor
from xdsl.dialects.arith import ConstantOp
from xdsl.dialects.linalg.ops import GenericOp
from xdsl.dialects.scf import ForOp
from xdsl.ir import Block, BlockArgument, Operation, SSAValue
from xdsl.ir.affine import AffineDimExpr, AffineMap

from dialects.rt import KernelOp, RowsOp, ScatterOp
from dialects.structured import captured_values
from passes.linalg.host_blocks import is_control_flow
from passes.linalg.maps import identity_prefix
from passes.linalg.windows import window_reads, window_write

VIEWS = (tensor.CollapseShapeOp, tensor.ExpandShapeOp)

FOREVER = 1 << 60
"""A position behind every operation of a block."""


@dataclass(eq=False)
class Storage:
    """One buffer over time.

    Only operations in the block `scope` may overwrite it. `writable` is false for function inputs and constants. `first` is the
    position in `scope` of the operation that writes it first (-1 if it holds a value from the start), `last_use` that of
    the last operation that reads any value in it.
    """

    scope: Block
    writable: bool
    first: int
    last_use: int
    home: "Storage | None" = None
    """The storage in whose buffer this one lies: a carried value, or the destination of a branch."""
    row_of: "tuple[Storage, tensor.InsertSliceOp] | None" = None
    """The storage of which this one is a row, and the operation that makes it one."""
    is_fixed: bool = False
    """Whether the buffer is known at run time only: a result of a loop whose buffers take turns."""
    is_overwritten: bool = False
    """Whether an operation writes over a value that was there."""

    @property
    def is_free(self) -> bool:
        """Whether the buffer can still be chosen."""
        return self.writable and self.first >= 0 and self.home is None and self.row_of is None and not self.is_fixed


@dataclass(eq=False)
class Slot:
    """A buffer that a loop works on: that of a carried value, or a spare one.

    In each iteration, the loop sees `inside` where the surroundings see `outside`. After it, the slot takes the buffer of the slot
    with the number `following`: its own if it is updated in place. The loop starts with a copy of `start`, if given.

    If the next value is stacked too, `row` is that value: the slot only points to where it was stacked last.
    """

    inside: Storage
    outside: Storage
    following: int
    start: SSAValue | None = None
    row: SSAValue | None = None

    def is_in_place(self, number: int) -> bool:
        """Whether the slot, which has this number, keeps its buffer."""
        return self.following == number and self.row is None


def slot_at_end(slots: Sequence[Slot], index: int, trips: int | None) -> int | None:
    """The slot that started with the buffer that slot `index` has after `trips` iterations; `None` if it depends on their number."""
    if slots[index].following == index:
        return index
    if trips is None:
        return None
    cycle = [index]
    while (following := slots[cycle[-1]].following) != index:
        cycle.append(following)
    return cycle[trips % len(cycle)]


@dataclass(eq=False)
class ControlPlan:
    """What a loop or a branch does besides the operations in its regions."""

    slots: list[Slot] = field(default_factory=list[Slot])
    """Of a loop: its buffers, carried values first."""
    results: list[Storage] = field(default_factory=list[Storage])
    copies: dict[Block, list[tuple[SSAValue, Storage]]] = field(
        default_factory=dict[Block, list[tuple[SSAValue, Storage]]]
    )
    """What the end of each region copies."""


class StoragePlan:
    """The storages of one host function, and the operands that are overwritten."""

    def __init__(self) -> None:
        self.storage_of: dict[SSAValue, Storage] = {}
        self.in_place: dict[tuple[Operation, int], int] = {}
        """`(kernel, result index)` to the index of the operand whose buffer the result takes."""
        self.inserted_in_place: set[Operation] = set()
        """The `tensor.insert_slice` that need no copy of what they insert into."""
        self.parts: set[SSAValue] = set()
        """Values that are rows of what their storage holds."""
        self.control: dict[Operation, ControlPlan] = {}


LastUses: TypeAlias = dict[SSAValue, int]
"""The last position of a block at which each value, or a view of it, is read."""


def last_uses(operations: Sequence[Operation]) -> LastUses:
    """The last uses in a block, in its control flow too; the operands of the terminator are used forever."""
    last: LastUses = dict.fromkeys(operations[-1].operands, FOREVER)
    for position in range(len(operations) - 2, -1, -1):
        op = operations[position]
        is_view = isinstance(op, (*VIEWS, tensor.ExtractSliceOp))
        use = last.get(op.results[0], position) if is_view else position
        for value in values_read_by(op):
            last[value] = max(last.get(value, -1), use)
    return last


def values_read_by(op: Operation) -> Iterable[SSAValue]:
    """The values that `op` reads, in its regions too."""
    return (*op.operands, *captured_values(op)) if is_control_flow(op) else op.operands


def overwrite_refusal(kernel: KernelOp, operand: int, result: int) -> str:
    """Why `result` must not overwrite `operand`; empty if it may.

    Every read of the operand must be at exactly the point that the kernel then writes (a running output may be written in another
    order of the loops), and not after the write; what lies outside of a window that is written must not be read at all.
    """
    body = kernel.body.block
    argument = body.args[operand]
    last = body.last_op
    assert last is not None
    yielded = last.operands[result]
    writer = yielded.owner
    if isinstance(writer, ScatterOp):
        return _scatter_refusal(writer, argument)
    if isinstance(writer, RowsOp):
        return _sort_refusal(writer, yielded, argument)
    if isinstance(writer, ForOp):
        return _nest_refusal(writer, yielded, argument)
    if isinstance(writer, tensor.InsertSliceOp) and writer.dest is not argument:
        return f"operand {operand} is not what the window is written into"
    if not isinstance(writer, GenericOp | tensor.InsertSliceOp):
        return "the result is not written by a structured operation"
    if isinstance(writer, GenericOp):
        place = writer.indexing_maps.data[len(writer.inputs) + writer.results.index(yielded)].data.results
        if identity_prefix(place) < len(place):
            return "the result is written in another order than that of the loops"
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


def is_for_static_window(kernel: KernelOp, operand: int, result: int) -> bool:
    """Whether `operand` is computed for one thing only: that `kernel` writes a window with constant offsets into it, which gives `result`."""
    argument, last = kernel.body.block.args[operand], kernel.body.block.last_op
    assert last is not None
    write = last.operands[result].owner
    if not isinstance(write, tensor.InsertSliceOp) or write.dest is not argument or write.operands[2:]:
        return False
    value = kernel.inputs[operand]
    while value.has_one_use() and isinstance(value.owner, VIEWS):
        value = value.owner.operands[0]
    return argument.has_one_use() and value.has_one_use() and isinstance(value.owner, KernelOp | ConstantOp)


def _scatter_refusal(scatter: ScatterOp, argument: BlockArgument) -> str:
    if scatter.dest is argument and argument.has_one_use():
        return ""
    return "the scattered-into operand has other readers"


def _sort_refusal(sort: RowsOp, result: SSAValue, argument: BlockArgument) -> str:
    (use, *others) = argument.uses
    if not others and use.operation is sort and sort.results[use.index] is result:
        return ""
    return "what is sorted is not that operand alone"


def _nest_refusal(loop: ForOp, result: SSAValue, argument: BlockArgument) -> str:
    (use, *others) = argument.uses
    if not others and use.operation is loop and loop.results[use.index - 3] is result:
        return ""
    return "what the loops insert into has other readers"


def _is_pointwise(access: AffineMap) -> bool:
    """Whether a loop nest reads exactly the element whose indices are its loop indices."""
    return len(access.results) == access.num_dims and all(
        isinstance(expr, AffineDimExpr) and expr.position == i for i, expr in enumerate(access.results)
    )
