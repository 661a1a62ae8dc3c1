"""Let the 32 threads of a warp share a tile point: they go through its loops side by side.

Before:

```mlir
func.func @f(%x: memref<8x64xf32>, %s: memref<8xf32>, %out: memref<8x64xf32>) attributes {rt.num_inputs = 2 : i64} {
  rt.launch @scale over [8] (%x, %s, %out) : memref<8x64xf32>, memref<8xf32>, memref<8x64xf32>
  func.return
}
func.func private @scale(%lo: index, %hi: index, %x: memref<8x64xf32>, %s: memref<8xf32>, %out: memref<8x64xf32>) {
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  %size = arith.constant 64 : index
  scf.for %i = %lo to %hi step %one {
    %a = memref.load %s[%i] : memref<8xf32>
    scf.for %j = %zero to %size step %one {
      %b = memref.load %x[%i, %j] : memref<8x64xf32>
      %c = arith.mulf %a, %b : f32
      memref.store %c, %out[%i, %j] : memref<8x64xf32>
    }
  }
  func.return
}
```

After:

```mlir
func.func @f(%x: memref<8x64xf32>, %s: memref<8xf32>, %out: memref<8x64xf32>) attributes {rt.num_inputs = 2 : i64} {
  rt.launch @scale over [8, 32] (%x, %s, %out) : memref<8x64xf32>, memref<8xf32>, memref<8x64xf32>
  func.return
}
func.func private @scale(%lo: index, %hi: index, %x: memref<8x64xf32>, %s: memref<8xf32>, %out: memref<8x64xf32>) {
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  %size = arith.constant 64 : index
  scf.for %thread = %lo to %hi step %one {
    %warp = arith.constant 32 : index
    %point = arith.divui %thread, %warp : index
    %lane = arith.remui %thread, %warp : index
    %a = memref.load %s[%point] : memref<8xf32>
    %first = arith.constant 0 : index
    %trips = arith.constant 2 : index
    %step = arith.constant 1 : index
    scf.for %trip = %first to %trips step %step {
      %width = arith.constant 32 : index
      %start = arith.muli %trip, %width : index
      %j = arith.addi %start, %lane : index
      %b = memref.load %x[%point, %j] : memref<8x64xf32>
      %c = arith.mulf %a, %b : f32
      memref.store %c, %out[%point, %j] : memref<8x64xf32>
    }
  }
  func.return
}
```

The parts of a sum (or another reduction) that the threads have are combined in five exchanges, after which all threads have the sum.
A loop is shared if what it carries are sums and the like, and if an element of memory that it writes is touched by one thread only: by
the thread of its position, in all loops. So a temporary needs room for a 32nd of the positions. Loops of a multiple of 128 trips are
written out four times, for accesses of 16 bytes. All else is done by all threads, which write the same: before such a write to memory
that is read too, they wait for each other.

*Requires*: the `loops` level with scalar code (`lower-kernels{vector-bits=0}`).

*Ensures*: a warp works at one point of a shared kernel, whose launches have a last dimension of 32.

*Leaves alone*: kernels whose neighbouring threads read neighbouring elements as it is, and those with loops that cannot be shared.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import prod
from typing import Any, cast

from xdsl.context import Context
from xdsl.dialects import arith, func, memref, scf
from xdsl.dialects.builtin import (
    Float32Type,
    IndexType,
    IntegerAttr,
    IntegerType,
    MemRefType,
    ModuleOp,
    StringAttr,
    i1,
    i32,
    i64,
)
from xdsl.ir import Block, BlockArgument, Operation, Region, SSAValue
from xdsl.passes import ModulePass

from dialects import nvvm
from dialects.builder import OpBuilder, int_array, memref_type
from dialects.remarks import emit_remark
from passes.gpu.map_to_gpu import WARP, kernel_launches, only_loop
from passes.loops.llvm_arguments import aliased_arguments
from passes.memref.combiners import COMBINERS

WIDTH = 4
"""How many positions a thread has side by side where that divides a loop: 16 bytes of 32-bit elements are one access."""

_INDEX = IndexType()
_EQUAL, _LESS_UNSIGNED = ({"predicate": IntegerAttr(number, i64)} for number in (0, 6))
_BUTTERFLY = {"kind": StringAttr("bfly")}
_Access = memref.LoadOp | memref.StoreOp


@dataclass(frozen=True)
class SharePointsPass(ModulePass):
    """Let a warp share each tile point of kernels with long loops."""

    name = "share-points"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Share the points of every kernel where that pays."""
        del ctx
        functions = {f.sym_name.data: f for f in op.body.block.ops if isinstance(f, func.FuncOp)}
        aliased = aliased_arguments(op.body.block.ops)
        for name, launches in kernel_launches(functions).items():
            kernel = functions[name]
            try:
                plan = _plan(kernel, prod(launches[0].over.get_values()), aliased.get(name, set()))
            except _NotShared as reason:
                emit_remark("missed", self.name, f"@{name}: one thread for each point: {reason}", kernel.location)
                continue
            _Sharing(plan).run()
            for launch in launches:
                launch.properties["over"] = int_array((*cast(Any, launch.over).get_values(), WARP))
            emit_remark("passed", self.name, f"@{name}: a warp for each point", kernel.location)


class _NotShared(Exception):
    """Why the points of a kernel are not shared."""


@dataclass
class _Plan:
    """How the points of a kernel are shared.

    `shared` are the loops over positions of threads, `owned` is the dimension of each memory that they write along which its elements
    belong to threads, `ordered` are the writes of all threads to memory that is read too. A thread has `width` positions side by side.
    """

    points: scf.ForOp
    shared: list[scf.ForOp] = field(default_factory=list[scf.ForOp])
    owned: dict[SSAValue, int] = field(default_factory=dict[SSAValue, int])
    ordered: list[memref.StoreOp] = field(default_factory=list[memref.StoreOp])
    width: int = 1


def _plan(kernel: func.FuncOp, extent: int, aliased: set[int]) -> _Plan:
    """Decide how to share the points of a kernel; raise `_NotShared`."""
    points = only_loop(kernel.body.block)
    if points is None:
        raise _NotShared("it is more than a loop over its points")
    plan = _Plan(points)
    _choose_loops(points.body.block, plan.shared)
    if not plan.shared:
        raise _NotShared(f"it has no loop of {WARP} or more trips")
    loop_of = {op: loop for loop in plan.shared for op in loop.walk()}
    accesses = list(_accesses(kernel))
    written = {op.memref for op in accesses if isinstance(op, memref.StoreOp)}
    for number, argument in enumerate(kernel.body.block.args[2:]):
        if argument in written and number in aliased:
            raise _NotShared("it writes memory that it is passed twice")
    for op in accesses:
        if isinstance(op, memref.StoreOp) and op in loop_of:
            loop = loop_of[op]
            dimension = next((i for i, index in enumerate(op.indices) if index is loop.body.block.args[0]), None)
            if dimension is None or plan.owned.setdefault(op.memref, dimension) != dimension:
                raise _NotShared("threads would write the same elements")
    starts = {(_constant(loop.lb), _constant(loop.step)) for loop in plan.shared}
    for op in accesses:
        if op.memref not in plan.owned:
            continue
        loop = loop_of.get(op)
        if loop is None or op.indices[plan.owned[op.memref]] is not loop.body.block.args[0] or len(starts) > 1:
            raise _NotShared("a thread would read what another one writes")
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
        raise _NotShared("its points lie side by side in memory")
    if all(cast(int, _trips(loop)) % (WARP * WIDTH) == 0 for loop in plan.shared):
        plan.width = WIDTH
    return plan


def _choose_loops(block: Block, chosen: list[scf.ForOp]) -> None:
    """Append the innermost loops that can be shared; raise `_NotShared` if long ones cannot."""
    for op in block.ops:
        if isinstance(op, scf.ForOp):
            _choose_loop(op, chosen)
        elif any(isinstance(inner, scf.ForOp | scf.WhileOp) for inner in op.walk()):
            raise _NotShared("a loop depends on a condition")


def _choose_loop(loop: scf.ForOp, chosen: list[scf.ForOp]) -> None:
    """Append loops inside of `loop`, or else `loop`."""
    inner: list[scf.ForOp] = []
    refusal = None
    try:
        _choose_loops(loop.body.block, inner)
    except _NotShared as reason:
        refusal = reason
    trips = _trips(loop)
    if inner and refusal is None:
        chosen += inner
    elif trips is not None and trips >= WARP and _combiners(loop) is not None:
        chosen.append(loop)
    elif refusal is not None:
        raise refusal
    elif trips is None or trips >= WARP:
        raise _NotShared("a loop has an order, or bounds that are not known")


def _accesses(kernel: func.FuncOp) -> Iterator[_Access]:
    """The accesses to memory; raise `_NotShared` if there are some of other kinds."""
    for op in kernel.body.walk():
        if isinstance(op, memref.LoadOp | memref.StoreOp):
            yield op
        elif isinstance(op, func.CallOp) or (
            not isinstance(op, memref.AllocaOp)
            and any(isinstance(value.type, MemRefType) for value in (*op.operands, *op.results))
        ):
            raise _NotShared(f"{op.name} may touch any memory")


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


def _constant(value: SSAValue) -> float | None:
    owner = value.owner
    return cast(Any, owner.value).value.data if isinstance(owner, arith.ConstantOp) else None


def _trips(loop: scf.ForOp) -> int | None:
    bounds = [_constant(value) for value in (loop.lb, loop.ub, loop.step)]
    return None if None in bounds else len(range(*cast(list[int], bounds)))


def _combiners(loop: scf.ForOp) -> list[Operation] | None:
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


class _Sharing:
    """The change of one kernel."""

    def __init__(self, plan: _Plan):
        self.plan = plan
        self.lane: SSAValue = plan.points.body.block.args[0]

    def run(self) -> None:
        """Change the kernel."""
        body = self.plan.points.body.block
        thread = body.args[0]
        scratch = Block()
        b = OpBuilder(scratch, self.plan.points.location)
        warp = b.index(WARP)
        point = b.create(arith.DivUIOp, (thread, warp), _INDEX)
        self.lane = b.create(arith.RemUIOp, (thread, warp), _INDEX)
        point.name_hint, self.lane.name_hint, thread.name_hint = "point", "lane", "thread"
        thread.replace_uses_with_if(point, lambda use: use.operation.parent is not scratch)
        for loop in self.plan.shared:
            self._share(loop)
        for memory in self.plan.owned:
            if isinstance(memory.owner, memref.AllocaOp):
                _shrink(memory.owner, self.plan.owned[memory])
        for store in self.plan.ordered:
            wait = Block()
            b = OpBuilder(wait, store.location)
            b.create_op(nvvm.BarWarpSyncOp, (b.constant(-1, i32),))
            _move_before(wait, store)
        _move_before(scratch, cast(Operation, body.first_op))

    def _share(self, loop: scf.ForOp) -> None:
        """Let each thread do a 32nd of the trips, and then combine what the threads have."""
        old, trips, combiners = loop.body.block, cast(int, _trips(loop)), cast(list[Operation], _combiners(loop))
        types = [result.type for result in loop.results]
        width = self.plan.width
        body = Block(arg_types=[_INDEX, *types])
        b = OpBuilder(body, loop.location)
        trip, *carried = body.args
        position = b.create(arith.AddiOp, (b.create(arith.MuliOp, (trip, b.index(WARP)), _INDEX), self.lane), _INDEX)
        if trips % WARP:
            inside = b.create(arith.CmpiOp, (position, b.index(trips)), i1, _LESS_UNSIGNED)
            target = Block()
            otherwise = Region(Block([scf.YieldOp(*carried)])) if types else Region()
            guarded = b.create_op(scf.IfOp, (inside,), types, regions=[Region(target), otherwise])
            b.create_op(scf.YieldOp, guarded.results)
            b.block = target
        for place in range(width):
            index, slot = (_scaled(b, value, width, place) for value in (position, trip))
            values: dict[SSAValue, SSAValue] = {old.args[0]: self._index(b, loop, index)}
            values.update(zip(old.args[1:], carried, strict=True))
            for op in list(old.ops)[:-1]:
                self._compact(b.insert(op.clone(values)), slot)
            carried = [values.get(value, value) for value in cast(Operation, old.last_op).operands]
        b.create_op(scf.YieldOp, carried)
        around = Block()
        b = OpBuilder(around, loop.location)
        starts = [self._start(b, combiner, start) for combiner, start in zip(combiners, loop.iter_args, strict=True)]
        bounds = (b.index(0), b.index(-(-trips // (WARP * width))), b.index(1))
        parts = b.create_op(scf.ForOp, (*bounds, *starts), types, regions=[Region(body)]).results
        for result, combiner, part in zip(loop.results, combiners, parts, strict=True):
            result.replace_all_uses_with(_combined(b, combiner, part))
        _move_before(around, loop)
        loop.detach()
        loop.erase()

    @staticmethod
    def _index(b: OpBuilder, loop: scf.ForOp, position: SSAValue) -> SSAValue:
        """The index of a loop at a position."""
        if _constant(loop.step) != 1:
            position = b.create(arith.MuliOp, (position, loop.step), _INDEX)
        if _constant(loop.lb) != 0:
            position = b.create(arith.AddiOp, (loop.lb, position), _INDEX)
        return position

    def _compact(self, op: Operation, slot: SSAValue) -> None:
        """Let accesses in `op` of temporaries of threads go to a slot."""
        for access in op.walk():
            if isinstance(access, memref.LoadOp | memref.StoreOp) and isinstance(access.memref.owner, memref.AllocaOp):
                dimension = self.plan.owned.get(access.memref)
                if dimension is not None:
                    access.operands[len(access.operands) - len(access.indices) + dimension] = slot

    def _start(self, b: OpBuilder, combiner: Operation, start: SSAValue) -> SSAValue:
        """What a thread starts from: the first from `start`, the others from what changes nothing."""
        element = start.type
        nothing = COMBINERS[type(combiner)].neutral(element)
        if _constant(start) == nothing:
            return start
        neutral = b.constant(nothing, element)
        first = b.create(arith.CmpiOp, (self.lane, b.index(0)), i1, _EQUAL)
        return b.create(arith.SelectOp, (first, start, neutral), element)


def _scaled(b: OpBuilder, value: SSAValue, width: int, place: int) -> SSAValue:
    """`value * width + place`."""
    if width > 1:
        value = b.create(arith.MuliOp, (value, b.index(width)), _INDEX)
    return b.create(arith.AddiOp, (value, b.index(place)), _INDEX) if place else value


def _combined(b: OpBuilder, combiner: Operation, part: SSAValue) -> SSAValue:
    """The parts of all threads together, the same bits in each."""
    offset = WARP // 2
    while offset:
        other = _exchange(b, part, b.constant(offset, i32))
        part = b.create(type(combiner), (part, other), part.type, combiner.properties)
        offset //= 2
    return part


def _exchange(b: OpBuilder, value: SSAValue, offset: SSAValue) -> SSAValue:
    """The value of the thread whose lane differs in the bits of `offset`; values of other than 32 bits travel as such."""
    element = value.type
    if isinstance(element, Float32Type) or element == i32:
        operands = (b.constant(-1, i32), value, offset, b.constant(WARP - 1, i32))
        return b.create(nvvm.ShflSyncOp, operands, element, _BUTTERFLY)
    width = cast(int, cast(Any, element).bitwidth)
    if not isinstance(element, IntegerType):
        bits = _exchange(b, b.create(arith.BitcastOp, (value,), IntegerType(width)), offset)
        return b.create(arith.BitcastOp, (bits,), element)
    if width < 32:
        wide = _exchange(b, b.create(arith.ExtUIOp, (value,), i32), offset)
        return b.create(arith.TruncIOp, (wide,), value.type)
    half = b.constant(32, i64)
    high = b.create(arith.TruncIOp, (b.create(arith.ShRUIOp, (value, half), i64),), i32)
    low = b.create(arith.TruncIOp, (value,), i32)
    high, low = (b.create(arith.ExtUIOp, (_exchange(b, part, offset),), i64) for part in (high, low))
    return b.create(arith.OrIOp, (b.create(arith.ShLIOp, (high, half), i64), low), i64)


def _shrink(alloca: memref.AllocaOp, dimension: int) -> None:
    """Keep a 32nd of the positions of a temporary."""
    old = cast(MemRefType[Any], alloca.memref.type)
    shape = list(old.get_shape())
    shape[dimension] = -(-shape[dimension] // WARP)
    scratch = Block()
    b = OpBuilder(scratch, alloca.location)
    new = b.create_op(memref.AllocaOp, (), (memref_type(old.element_type, tuple(shape)),), alloca.properties)
    alloca.memref.replace_all_uses_with(new.results[0])
    _move_before(scratch, alloca)
    alloca.detach()
    alloca.erase()


def _move_before(block: Block, op: Operation) -> None:
    """Move all operations of `block` to the front of `op`."""
    ops = list(block.ops)
    for moved in ops:
        moved.detach()
    cast(Block, op.parent).insert_ops_before(ops, op)
