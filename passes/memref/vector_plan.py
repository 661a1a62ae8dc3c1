"""Which loop of a kernel becomes vectors, and how many lanes it gets.

Either the lanes are consecutive points of the last tile dimension, in the whole kernel, or each sweep picks one of its inner
dimensions, or stays scalar. Both are costed by counting instructions; accesses that are not contiguous along the
lanes cost one instruction per lane.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import prod
from typing import NamedTuple

from xdsl.dialects import arith, memref, scf
from xdsl.dialects.builtin import Float32Type, Float64Type
from xdsl.ir import Operation, SSAValue

from dialects.remarks import emit_remark
from passes.memref.accesses import Access, Index
from passes.memref.statements import Kernel, Statement, bit_width, operation_cost
from passes.memref.sweeps import Sweep, read_elsewhere

PASS_NAME = "lower-kernels"
CHEAP = 12
"""Up to this many instructions per point, several vectors per iteration hide the latency of a reduction."""
SHORT = 16
"""Up to this many instructions per step, several vectors run the loops of their points in registers."""
BLOCK_BYTES = 1 << 14
"""What points that take steps together may need in memory, to stay in the first-level cache with what they read."""
CACHE_BYTES = 1 << 16
"""What a reduction may read again and again in small pieces without losing time."""
LINE = 16
"""About how many elements a cache line holds."""
STREAMS = 8
"""How many places of memory a loop may walk through at once before they push each other out of the cache."""
BLOCK = 2048
"""Points whose accumulators stay in the first-level cache."""

_DIVISIONS = (arith.DivSIOp, arith.RemSIOp, arith.DivUIOp, arith.RemUIOp, arith.FloorDivSIOp, arith.CeilDivSIOp)


class SweepPlan(NamedTuple):
    """How one sweep is vectorized: `dim` is an inner dimension, or `None` for sequential loops."""

    dim: int | None
    lanes: int
    masked_tail: bool

    def is_straight(self, extents: tuple[int, ...]) -> bool:
        """Whether the code has no loop, so that its values stay in registers between sweeps."""
        if self.dim is None or len(extents) != 1:
            return False
        has_tail_loop = not self.masked_tail and extents[0] % self.lanes > 0
        return extents[0] <= 2 * self.lanes and not has_tail_loop


@dataclass(frozen=True)
class KernelPlan:
    """How a kernel is vectorized.

    `tile_lanes` > 0 says that lanes are points of the last tile dimension; otherwise `sweeps` has a plan per sweep.
    """

    tile_lanes: int
    masked_tail: bool
    sweeps: dict[Sweep, SweepPlan]
    block: int = 0
    """With lanes along the tile: how many points go through one sweep before the next; 0: one vector of them."""


def plan_kernel(kernel: Kernel, sweeps: list[Sweep], vector_bits: int, may_tile: bool = True) -> KernelPlan:
    """Choose for every sweep of `kernel`; without `may_tile`, lanes are no tile points."""
    scalar = SweepPlan(None, 0, masked_tail=False)
    if vector_bits == 0:
        return KernelPlan(0, False, dict.fromkeys(sweeps, scalar))
    scatters = [s for sweep in sweeps for s in sweep.statements if s.scatter is not None]
    if scatters:
        return _plan_scatter(kernel, sweeps, scatters, vector_bits)
    plans: dict[Sweep, SweepPlan] = {}
    inner_cost = 0.0
    for sweep in sweeps:
        plan, cost = _plan_sweep(kernel, sweep, vector_bits)
        plans[sweep] = plan
        inner_cost += cost
    tile_lanes = _tile_lanes(kernel, sweeps, vector_bits) if may_tile else 0
    if tile_lanes:
        size = kernel.tile[-1]
        waste = -(-size // tile_lanes) * tile_lanes / size
        width = min(vector_width(sweep.statements, vector_bits) for sweep in sweeps)
        tile_cost = sum(_cost(sweep, kernel.rank - 1, width) for sweep in sweeps) * waste
        if tile_cost < inner_cost:
            masked = all(_may_mask(s, kernel.rank - 1) for sweep in sweeps for s in sweep.statements)
            has_loops = any(s.has_loops for sweep in sweeps for s in sweep.statements)
            block = _phased(kernel, sweeps, width) if has_loops else _block(kernel, sweeps, tile_lanes)
            return KernelPlan(_narrowed(tile_lanes, size), masked, dict.fromkeys(sweeps, scalar), block)
    for sweep, plan in plans.items():
        if plan.dim is None and prod(sweep.extents) > 1:
            why = (
                "a reduction of a form that cannot be reordered"
                if sweep.is_sequential
                else "accesses are not contiguous"
            )
            location = sweep.statements[0].op.location
            emit_remark(
                "missed", PASS_NAME, f"@{kernel.name}: a sweep over {list(sweep.extents)} stays scalar: {why}", location
            )
    return KernelPlan(0, False, plans)


def _plan_scatter(kernel: Kernel, sweeps: list[Sweep], scatters: list[Statement], vector_bits: int) -> KernelPlan:
    """Lanes along the rows that a scatter writes, if these are contiguous; all of a row goes before the next update.

    The place of a row is one for all lanes: they may not be the rows of a batch, each of which has its own.
    """
    scalar = SweepPlan(None, 0, masked_tail=False)
    last = kernel.rank - 1
    moved = [access for s in scatters for access in (s.inputs[0][1], s.outputs[0].access) if isinstance(access, Access)]
    places = [access for s in scatters if s.scatter is not None for _, access, _ in s.scatter.columns]
    if (
        kernel.rank
        and kernel.tile[-1] > 1
        and all(lane_stride(access, last) == 1 for access in moved)
        and all(lane_stride(access, last) == 0 for access in places)
    ):
        lanes = vector_width(scatters, vector_bits)
        masked = all(_may_mask(statement, last) for statement in scatters)
        block = min(BLOCK, -(-kernel.tile[-1] // lanes) * lanes)
        return KernelPlan(lanes, masked, dict.fromkeys(sweeps, scalar), block)
    return KernelPlan(0, False, dict.fromkeys(sweeps, scalar))


def _tile_lanes(kernel: Kernel, sweeps: list[Sweep], vector_bits: int) -> int:
    if not kernel.rank or kernel.tile[-1] < 2 or any(s.is_opaque for sweep in sweeps for s in sweep.statements):
        return 0
    width = min(vector_width(sweep.statements, vector_bits) for sweep in sweeps)
    statements = [s for sweep in sweeps for s in sweep.statements]
    last = kernel.rank - 1
    loops = [s for s in statements if s.has_loops]
    if loops:
        if _phased(kernel, sweeps, width):
            return width
        return _interleaved(width, kernel.tile[-1], loops, last, vector_bits, may_repeat(statements))
    if any(body_cost(sweep) > CHEAP for sweep in sweeps):
        return width
    accesses = [access for s in statements for access in _accesses(s)]
    if any(lane_stride(a, last) not in (0, 1) and not is_part_of_pairs(a, last) for a in accesses):
        return min(width, STREAMS)
    size = kernel.tile[-1]
    return _widened(width, size) if any(s.is_reduction for s in statements) else _narrowed(width, size)


def _block(kernel: Kernel, sweeps: list[Sweep], lanes: int) -> int:
    """How many tile points to take through the inner loops together, so that a reduction reads memory in order.

    A reduction over rows that takes a few columns at a time reads a little of every row, which is slow if the whole does not
    stay in the cache from one group of columns to the next.
    """
    size = kernel.tile[-1]
    if size <= lanes:
        return 0
    temporaries = [b for b in kernel.buffers.values() if b.is_temporary and prod(b.inner_shape) > 1]
    if any(read_elsewhere(buffer, sweeps) for buffer in temporaries):
        return 0
    reductions = [sweep for sweep in sweeps if any(s.is_reduction for s in sweep.statements)]
    for sweep in reductions:
        if any(s.num_parallel != kernel.rank for s in sweep.statements if s.is_reduction):
            return 0
    if all(_bytes_read(sweep, size) <= CACHE_BYTES for sweep in reductions):
        return 0
    return min(BLOCK, -(-size // lanes) * lanes)


def _bytes_read(sweep: Sweep, size: int) -> int:
    """The bytes that a sweep reads for `size` tile points."""
    accesses = [access for s in sweep.statements for access in s.read_accesses() if 0 not in access.strides]
    return sum(bit_width(a.buffer.element_type) for a in accesses) // 8 * prod(sweep.extents) * size


def _plan_sweep(kernel: Kernel, sweep: Sweep, vector_bits: int) -> tuple[SweepPlan, float]:
    """The best inner dimension for the lanes and its cost per tile point, or scalar code."""
    width = vector_width(sweep.statements, vector_bits)
    best = SweepPlan(None, 0, masked_tail=False)
    best_cost = _cost(sweep, None, width)
    if any(s.is_opaque for s in sweep.statements):
        return best, best_cost
    reduces = any(s.is_reduction for s in sweep.statements)
    for dim, extent in reversed(list(enumerate(sweep.extents))):
        carried = [s for s in sweep.statements if dim + kernel.rank >= s.num_parallel]
        if extent < 2 or any(s.is_sequential for s in carried):
            continue
        masked = all(_may_mask(s, dim + kernel.rank) for s in sweep.statements)
        if sweep.statements[0].has_loops:
            lanes = _interleaved(width, extent, sweep.statements, dim + kernel.rank, vector_bits, may_overlap=False)
        elif reduces and body_cost(sweep) <= CHEAP:
            lanes = _widened(width, extent)
        else:
            lanes = _narrowed(width, extent)
        waste = -(-extent // width) * width / extent if masked else 1 + (extent % width) * (width - 1) / extent
        cost = _cost(sweep, dim + kernel.rank, width) * waste
        if cost < best_cost:
            best, best_cost = SweepPlan(dim, lanes, masked), cost
    return best, best_cost


def _widened(width: int, extent: int) -> int:
    """Several vectors of `width` lanes at once, if there are enough points."""
    for factor in (4, 2):
        if extent >= 4 * factor * width:
            return factor * width
    return _narrowed(width, extent)


def _interleaved(
    width: int, extent: int, statements: list[Statement], dim: int, vector_bits: int, may_overlap: bool
) -> int:
    """Several vectors at once where points run short loops of their own: one computes while another waits for its last step.

    As many as the registers hold with all that is carried, if the rest can be masked or the last vectors may overlap; two if
    points may leave after any step, since all wait for the last.
    """
    live = max(_values_in_loops(s) for s in statements)
    registers = 32 if vector_bits == 512 else 16
    short = all(_step_cost(s) <= SHORT for s in statements)
    has_mask = all(_may_mask(s, dim) for s in statements)
    for factor in (2,) if any(map(_ends_at_any_step, statements)) else (8, 4, 2):
        fits = (has_mask and (factor // 2) * width < extent) or (may_overlap and factor * width <= extent)
        if fits and short and factor * live <= registers:
            return factor * width
    return _narrowed(width, extent)


def _innermost_loops(statement: Statement) -> list[Operation]:
    """The loops of a body that have none themselves: there all but the whole time is spent."""
    return [op for op in statement.operations() if op.regions and not any(inner.regions for inner in _inside(op))]


def _inside(loop: Operation) -> list[Operation]:
    return [op for region in loop.regions for op in region.block.ops]


def _step_cost(statement: Statement) -> int:
    """Instructions of the steps of a body."""
    return sum(operation_cost(op) for loop in _innermost_loops(statement) for op in _inside(loop) if op.results)


def _may_not_end(statement: Statement) -> bool:
    """Whether lanes that no mask tells from others might run forever."""
    return any(isinstance(op, scf.WhileOp) for op in statement.operations())


def _ends_at_any_step(statement: Statement) -> bool:
    """Whether points may leave after any step, and wait for those that do not."""
    return any(isinstance(loop, scf.WhileOp) for loop in _innermost_loops(statement))


def _values_in_loops(statement: Statement) -> int:
    """About how many values a step needs at the same time: what it carries and reads, and two that it computes."""
    return max(len(loop.results) + len(_values_read(loop)) for loop in _innermost_loops(statement)) + 2


def _values_read(loop: Operation) -> set[SSAValue]:
    """What a loop reads from outside, besides constants and where it starts from."""
    ops = _inside(loop)
    own = {value for op in ops for value in op.results} | {
        value for region in loop.regions for value in region.block.args
    }
    read = {operand for op in ops for operand in op.operands} - own
    return {value for value in read if not isinstance(value.owner, arith.ConstantOp)}


def _phased(kernel: Kernel, sweeps: list[Sweep], width: int) -> int:
    """How many points take long steps of their loops together, in memory; 0: each vector keeps to the registers."""
    statements = [s for sweep in sweeps for s in sweep.statements]
    loops = [s for s in statements if s.has_loops]
    size = kernel.tile[-1]
    may_mask = all(_may_mask(s, kernel.rank - 1) and not _may_not_end(s) for s in statements)
    if size <= width or not may_mask or any(prod(s.extents) != 1 or s.is_reduction for s in statements):
        return 0
    if all(_step_cost(s) <= SHORT for s in loops):
        return 0
    points = BLOCK_BYTES // (8 * max(_values_in_loops(s) for s in loops))
    return min(-(-size // width), max(1, points // width)) * width


def _narrowed(width: int, extent: int) -> int:
    """No more lanes than `extent` needs: what is stored under a mask of many lanes is slow to load right afterwards."""
    while width > 2 and width // 2 >= extent:
        width //= 2
    return width


def _cost(sweep: Sweep, dim: int | None, width: int) -> float:
    """Instructions per tile point times lanes, with lanes along loop dimension `dim`; `None` for scalar code."""
    total = 0.0
    for statement in sweep.statements:
        total += sum(map(operation_cost, statement.operations()))
        total += 2 * len(statement.captured)
        for access in _accesses(statement):
            if dim is None or (stride := lane_stride(access, dim)) == 1:
                total += 1
            elif is_part_of_pairs(access, dim):
                total += 2
            elif stride != 0:
                # Far lanes cost a cache line each, unless the next iteration goes on in the same lines.
                far = dim == len(statement.sizes) - 1 and (stride is None or abs(stride) > LINE)
                total += 3 * width if far else width
    total *= prod(sweep.extents) * (width if dim is None else 1)
    if dim is not None:
        for statement in sweep.statements:
            if dim >= statement.num_parallel:
                ends = prod(statement.sizes[statement.tile_rank : statement.num_parallel])
                total += ends * width * sum(_cost_across_lanes(output.combiner) for output in statement.outputs)
    return total


def may_repeat(statements: list[Statement]) -> bool:
    """Whether a point may be computed twice: nothing that is read is written."""
    read = {b for s in statements for b in (*(a.buffer for a in s.read_accesses()), *s.captured)}
    return not any(buffer in read and not buffer.is_temporary for s in statements for buffer in s.written())


def _accesses(statement: Statement) -> Iterable[Access]:
    yield from statement.read_accesses()
    for output in statement.outputs:
        if output.is_running or not statement.is_reduction:
            yield output.access


def body_cost(sweep: Sweep) -> int:
    """About how many instructions a sweep takes at one point."""
    return sum(operation_cost(op) for statement in sweep.statements for op in statement.operations())


def vector_width(statements: list[Statement], vector_bits: int) -> int:
    """Lanes of one vector register: as many floats as fit, or elements of the widest type if there are no floats."""
    floats = integers = 8
    for statement in statements:
        types = [access.buffer.element_type for access in _accesses(statement)]
        types += [output.access.buffer.element_type for output in statement.outputs]
        types += [result.type for op in statement.operations() for result in op.results]
        for element_type in types:
            if isinstance(element_type, Float32Type | Float64Type):
                floats = max(floats, bit_width(element_type))
            else:
                integers = max(integers, bit_width(element_type))
    return max(2, vector_bits // (floats if floats > 8 else integers))


def _cost_across_lanes(combiner: Operation | None) -> int:
    """What combining the lanes of one vector costs, mostly latency; `maximumf` ends in scalar code for signs and NaN."""
    return 80 if isinstance(combiner, arith.MaximumfOp | arith.MinimumfOp) else 24


def lane_stride(access: Access, dim: int) -> int | None:
    """How far apart in memory the lanes of an access are, if they are points along loop dimension `dim`."""
    stride = access.strides[dim]
    # Lanes that are tile points are the last dimension of a temporary's storage.
    is_tile_dim = dim < len(access.buffer.shape) - len(access.buffer.inner_shape)
    return 1 if stride != 0 and is_tile_dim and access.buffer.is_temporary else stride


def is_part_of_pairs(access: Access, dim: int) -> bool:
    """Whether lanes along `dim` are one part each of pairs of neighbours, as complex numbers are: two vectors hold all the pairs."""
    last = access.indices[-1:]
    return lane_stride(access, dim) == 2 and access.buffer.shape[-1] == 2 and last in ((Index((), 0),), (Index((), 1),))


def _may_mask(statement: Statement, dim: int) -> bool:
    """Whether lanes beyond the end do no harm: no gather, no integer division, no masked access that is slow."""
    if statement.captured or any(isinstance(op, (*_DIVISIONS, memref.LoadOp)) for op in statement.operations()):
        return False
    accesses = [*statement.read_accesses(), *(output.access for output in statement.outputs)]
    return all(bit_width(a.buffer.element_type) >= 32 and lane_stride(a, dim) in (0, 1) for a in accesses)
