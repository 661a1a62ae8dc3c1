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

from dataclasses import dataclass
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
from xdsl.ir import Block, Operation, Region, SSAValue
from xdsl.passes import ModulePass

from dialects import nvvm
from dialects.builder import OpBuilder, int_array, memref_type
from dialects.remarks import emit_remark
from passes.gpu.map_to_gpu import WARP, kernel_launches
from passes.gpu.sharing_plan import NotSharedError, SharingPlan, combiners_of, constant_of, plan_sharing, trip_count
from passes.loops.llvm_arguments import aliased_arguments
from passes.memref.combiners import COMBINERS

_INDEX = IndexType()
_EQUAL, _LESS_UNSIGNED = ({"predicate": IntegerAttr(number, i64)} for number in (0, 6))
_BUTTERFLY = {"kind": StringAttr("bfly")}


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
                plan = plan_sharing(kernel, prod(launches[0].over.get_values()), aliased.get(name, set()))
            except NotSharedError as reason:
                emit_remark("missed", self.name, f"@{name}: one thread for each point: {reason}", kernel.location)
                continue
            _Sharing(plan).run()
            for launch in launches:
                launch.properties["over"] = int_array((*cast(Any, launch.over).get_values(), WARP))
            emit_remark("passed", self.name, f"@{name}: a warp for each point", kernel.location)


class _Sharing:
    """The change of one kernel."""

    def __init__(self, plan: SharingPlan):
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
        old, trips, combiners = loop.body.block, cast(int, trip_count(loop)), cast(list[Operation], combiners_of(loop))
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
        if constant_of(loop.step) != 1:
            position = b.create(arith.MuliOp, (position, loop.step), _INDEX)
        if constant_of(loop.lb) != 0:
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
        if constant_of(start) == nothing:
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
