"""Kernels that read along one dimension and write along another: squares of vectors, transposed in registers.

Of `out[i, j] = x[j, i]`, `w` vectors along `i` are loaded for `w` neighbours along `j`. Shuffles make of them `w` vectors along `j`,
one for each `i`, and the body runs on these. So every access to memory is a vector, and every line of the cache that is touched is
used in full before the next.
"""

from collections.abc import Callable
from math import prod
from typing import NamedTuple

from xdsl.dialects import arith, vector
from xdsl.dialects.builtin import DenseArrayBase, i1, i64
from xdsl.ir import Attribute

from dialects.builder import vector_type
from passes.memref.accesses import Access, Buffer
from passes.memref.loop_builder import INDEX, VECTOR, LoopBuilder, Position, Value
from passes.memref.memory_code import MemoryCode
from passes.memref.statements import Kernel, Statement, bit_width, operation_cost
from passes.memref.sweep_code import SweepCode
from passes.memref.sweeps import Sweep
from passes.memref.vector_plan import CHEAP, lane_stride, vector_width

REGISTER_BITS = 128
"""Shuffles within this many bits are cheaper than those across."""
LARGEST_SQUARE = 16
"""Vectors on a side: with more, registers do not hold them."""
SMALLEST_SQUARE = 4
"""Vectors on a side: with less, one element after the other is as fast."""
LARGE_BYTES = 1 << 25
"""From this size of what is read on, pages of memory matter."""


class Transposition(NamedTuple):
    """A plan: lanes are loaded along tile dimension `dim`, and stored along the only inner dimension."""

    dim: int
    lanes: int
    accesses: tuple[Access, ...]
    """What is read along `dim`."""


def plan_transposition(kernel: Kernel, sweeps: list[Sweep], vector_bits: int) -> Transposition | str | None:
    """How `kernel` reads along one dimension and writes along another; why vectors cannot; `None` if it does not."""
    if not vector_bits or len(sweeps) != 1 or not kernel.rank or len(sweeps[0].extents) != 1:
        return None
    statements = sweeps[0].statements
    if any(s.is_reduction or s.is_sequential or s.captured for s in statements):
        return None
    inner = kernel.rank
    reads = {
        access: None for s in statements for access in s.read_accesses() if lane_stride(access, inner) not in (0, 1)
    }
    dims = {_contiguous_dim(access, kernel.rank) for access in reads}
    if len(dims) != 1 or None in dims:
        return None
    (dim,) = dims
    assert dim is not None
    lanes = min(LARGEST_SQUARE, vector_width(statements, vector_bits))
    sides = kernel.tile[dim], sweeps[0].extents[0]
    while lanes > min(sides):
        lanes //= 2
    if lanes < SMALLEST_SQUARE:
        return None
    return _refusal(statements, tuple(reads), sides, lanes) or Transposition(dim, lanes, tuple(reads))


def _refusal(statements: list[Statement], reads: tuple[Access, ...], sides: tuple[int, int], lanes: int) -> str | None:
    written = {buffer for s in statements for buffer in s.written()}
    if any(access.buffer in written for access in reads):
        return "it writes what it reads transposed"
    if any(access.buffer.element_type == i1 for access in reads):
        return "its elements are single bits in registers"
    outputs = [output.access for s in statements for output in s.outputs]
    if any(lane_stride(access, len(access.strides) - 1) != 1 for access in outputs):
        return "it writes with a stride"
    if len(reads) * lanes > 2 * LARGEST_SQUARE or sum(operation_cost(op) for s in statements for op in s.body) > CHEAP:
        return "its body is too large to be repeated for each vector of a square"
    read = {access.buffer for s in statements for access in s.read_accesses() if not access.buffer.is_temporary}
    if any(side % lanes for side in sides) and read & written:
        return f"squares of {lanes} vectors would overlap, and it updates in place"
    return None


def _contiguous_dim(access: Access, rank: int) -> int | None:
    """The tile dimension along which an access is contiguous, if it is the last index alone."""
    last = access.indices[-1]
    if len(last.terms) == 1 and last.terms[0][1] == 1 and last.expression is None and last.terms[0][0] < rank:
        dim = last.terms[0][0]
        return dim if lane_stride(access, dim) == 1 and not access.buffer.is_temporary else None
    return None


def emit_transposition(memory: MemoryCode, kernel: Kernel, sweep: Sweep, plan: Transposition) -> tuple[int, ...]:
    """Append the loops of a kernel; return the sizes that it is to be launched over: blocks of rows along `plan.dim`."""
    b = memory.b
    size, lanes = kernel.tile[plan.dim], plan.lanes
    # Squares side by side go through the same lines and pages of memory.
    squares_in_block = 4 if max(_num_bytes(access.buffer) for access in plan.accesses) >= LARGE_BYTES else 2
    block = squares_in_block * lanes if size >= 2 * squares_in_block * lanes else lanes
    over = (*kernel.tile[: plan.dim], -(-size // block), *kernel.tile[plan.dim + 1 :])
    code = SweepCode(memory, kernel)
    inner = kernel.rank

    def squares(first: Position, point: Callable[[], None]) -> None:
        end = b.op(arith.MinSIOp, (b.position(b.add(first, block)), b.position(size)), INDEX)

        def along_inner(column: Position) -> None:
            column = _shifted_back(b, column, sweep.extents[0], lanes)

            def along_dim(row: Position) -> None:
                _square(memory, plan, _shifted_back(b, row, size, lanes), column, inner, point)

            b.loop(first, end, lanes, {}, along_dim)

        b.loop(0, sweep.extents[0], lanes, {}, along_inner)

    def tile_point(position: Value) -> None:
        b.set_dims(position, over)
        first = b.multiply(b.dims[plan.dim], block)
        code.emit_within(sweep, lambda point: squares(first, point))

    block_args = b.blocks[0].block.args
    b.dims = [0] * kernel.rank
    b.loop(Value(block_args[0], 0), Value(block_args[1], 0), 1, {}, tile_point)
    return over


def _num_bytes(buffer: Buffer) -> int:
    return prod(buffer.shape) * bit_width(buffer.element_type) // 8


def _shifted_back(b: LoopBuilder, start: Position, size: int, lanes: int) -> Position:
    """Where a square starts that would else reach over the edge: it computes some points a second time."""
    if size % lanes == 0:
        return start
    return b.op(arith.MinSIOp, (b.position(start), b.position(size - lanes)), INDEX)


def _square(
    memory: MemoryCode, plan: Transposition, row: Position, column: Position, inner: int, point: Callable[[], None]
) -> None:
    """Append the points of one square: `lanes` neighbours along `plan.dim` from `row` on, and along the inner loop from `column` on."""
    b = memory.b
    lanes = b.lanes = plan.lanes
    columns: list[list[Value]] = []
    for access in plan.accesses:
        b.lane_dim = plan.dim
        b.dims[plan.dim] = row
        rows: list[Value] = []
        for step in range(lanes):
            b.dims[inner] = b.add(column, step)
            rows.append(memory.load(access))
        columns.append(_transposed(b, rows, access.buffer))
    b.lane_dim = inner
    b.dims[inner] = column
    for step in range(lanes):
        b.dims[plan.dim] = b.add(row, step)
        for access, vectors in zip(plan.accesses, columns, strict=True):
            memory.remember(access, vectors[step])
        point()
    b.lanes = 0


def _transposed(b: LoopBuilder, rows: list[Value], buffer: Buffer) -> list[Value]:
    """The columns of a square of vectors, in `n log n` shuffles of two vectors each.

    Within registers of 128 bits neighbours are interleaved, which is one instruction (`unpck`, `zip`); after as many steps as a
    register has elements to halve, each holds a part of one column. Then whole registers find their places.
    """
    lanes = len(rows)
    part = min(lanes, REGISTER_BITS // bit_width(buffer.element_type))
    result_type = vector_type(buffer.element_type, lanes)
    starts = range(0, lanes, part)
    low = [k for start in starts for i in range(start, start + part // 2) for k in (i, lanes + i)]
    high = [k + part // 2 for k in low]
    vectors: list[Value] = []
    for start in starts:
        group = rows[start : start + part]
        step = part
        while step > 1:
            halves = zip(group[: part // 2], group[part // 2 :], strict=True)
            group = [_shuffle(b, x, y, mask, result_type) for x, y in halves for mask in (low, high)]
            step //= 2
        vectors += group
    count = lanes // part
    even, odd = ([part * r + i for r in range(first, 2 * count, 2) for i in range(part)] for first in (0, 1))
    columns: list[list[Value]] = []
    for column in range(part):
        group = vectors[column::part]
        step = count
        while step > 1:
            pairs = list(zip(group[::2], group[1::2], strict=True))
            group = [_shuffle(b, x, y, mask, result_type) for mask in (even, odd) for x, y in pairs]
            step //= 2
        columns.append(group)
    return [columns[lane % part][lane // part] for lane in range(lanes)]


def _shuffle(b: LoopBuilder, x: Value, y: Value, mask: list[int], result_type: Attribute) -> Value:
    return b.op(vector.ShuffleOp, (x, y), result_type, {"mask": DenseArrayBase.from_list(i64, mask)}, VECTOR)
