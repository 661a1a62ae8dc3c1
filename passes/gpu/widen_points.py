"""Let a thread take four neighbouring points, so that it reads and writes 16 bytes at once.

Before:

```mlir
func.func @f(%x: memref<131072xf32>, %out: memref<131072xf32>) attributes {rt.num_inputs = 1 : i64} {
  rt.launch @scale over [131072] (%x, %out) : memref<131072xf32>, memref<131072xf32>
  func.return
}
func.func private @scale(%lo: index, %hi: index, %x: memref<131072xf32>, %out: memref<131072xf32>) {
  %one = arith.constant 1 : index
  scf.for %i = %lo to %hi step %one {
    %a = memref.load %x[%i] : memref<131072xf32>
    %b = arith.addf %a, %a : f32
    memref.store %b, %out[%i] : memref<131072xf32>
  }
  func.return
}
```

After:

```mlir
func.func @f(%x: memref<131072xf32>, %out: memref<131072xf32>) attributes {rt.num_inputs = 1 : i64} {
  rt.launch @scale over [32768] (%x, %out) : memref<131072xf32>, memref<131072xf32>
  func.return
}
func.func private @scale(%lo: index, %hi: index, %x: memref<131072xf32>, %out: memref<131072xf32>) {
  %one = arith.constant 1 : index
  scf.for %thread = %lo to %hi step %one {
    %width = arith.constant 4 : index
    %first = arith.muli %thread, %width : index
    %a0 = memref.load %x[%first] : memref<131072xf32>
    %b0 = arith.addf %a0, %a0 : f32
    memref.store %b0, %out[%first] : memref<131072xf32>
    %place1 = arith.constant 1 : index
    %i1 = arith.addi %first, %place1 : index
    %a1 = memref.load %x[%i1] : memref<131072xf32>
    %b1 = arith.addf %a1, %a1 : f32
    memref.store %b1, %out[%i1] : memref<131072xf32>
    %place2 = arith.constant 2 : index
    %i2 = arith.addi %first, %place2 : index
    %a2 = memref.load %x[%i2] : memref<131072xf32>
    %b2 = arith.addf %a2, %a2 : f32
    memref.store %b2, %out[%i2] : memref<131072xf32>
    %place3 = arith.constant 3 : index
    %i3 = arith.addi %first, %place3 : index
    %a3 = memref.load %x[%i3] : memref<131072xf32>
    %b3 = arith.addf %a3, %a3 : f32
    memref.store %b3, %out[%i3] : memref<131072xf32>
  }
  func.return
}
```

LLVM makes one access of four that are side by side.

*Requires*: the `loops` level with scalar code (`lower-kernels{vector-bits=0}`).

*Ensures*: a launch of such a kernel is over a quarter of the points.

*Leaves alone*: kernels with loops, with accesses that are not side by side, or with too few points to keep the device busy.
"""

from dataclasses import dataclass
from math import prod

from xdsl.context import Context
from xdsl.dialects import arith, func, memref, scf
from xdsl.dialects.builtin import IndexType, ModuleOp
from xdsl.ir import Block, SSAValue
from xdsl.passes import ModulePass

from dialects.builder import OpBuilder, int_array
from dialects.remarks import emit_remark
from passes.gpu.map_to_gpu import kernel_launches, only_loop
from passes.gpu.sharing_plan import WIDTH

_INDEX = IndexType()


@dataclass(frozen=True)
class WidenPointsPass(ModulePass):
    """Let threads of kernels with very many points take four of them."""

    name = "widen-points"

    min_points: int = 1 << 17
    """From how many points on."""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Widen every kernel where that gives wide accesses."""
        del ctx
        functions = {f.sym_name.data: f for f in op.body.block.ops if isinstance(f, func.FuncOp)}
        for name, launches in kernel_launches(functions).items():
            loop = only_loop(functions[name].body.block)
            extents = {prod(launch.over.get_values()) for launch in launches}
            reason = None
            if loop is None or not _is_side_by_side(loop):
                reason = "it does more than to read and write elements side by side"
            elif min(extents) < self.min_points or len(extents) > 1 or min(extents) % WIDTH:
                reason = f"it has {' and '.join(map(str, sorted(extents)))} points"
            if loop is None or reason is not None:
                emit_remark(
                    "missed", self.name, f"@{name}: a thread takes one point: {reason}", functions[name].location
                )
                continue
            _widen(loop)
            for launch in launches:
                launch.properties["over"] = int_array((min(extents) // WIDTH,))
            emit_remark("passed", self.name, f"@{name}: a thread takes {WIDTH} points", functions[name].location)


def _is_side_by_side(loop: scf.ForOp) -> bool:
    """Whether each access of a point is next to that of the point before, or the same."""
    point = loop.body.block.args[0]
    moves = False
    for op in loop.body.walk():
        if isinstance(op, scf.ForOp | scf.WhileOp | memref.AllocaOp | func.CallOp):
            return False
        if not isinstance(op, memref.LoadOp | memref.StoreOp):
            continue
        *others, last = op.indices or (loop.lb,)
        moves = moves or last is point
        if any(_depends(index, loop) for index in others) or (last is not point and _depends(last, loop)):
            return False
    return moves


def _depends(value: SSAValue, loop: scf.ForOp) -> bool:
    """Whether a value is computed for each point."""
    block = value.owner if isinstance(value.owner, Block) else value.owner.parent
    return block is not None and loop.is_ancestor(block)


def _widen(loop: scf.ForOp) -> None:
    """Write the body of a loop out for four points."""
    old = loop.body.block
    new = Block(arg_types=[_INDEX])
    b = OpBuilder(new, loop.location)
    first = b.create(arith.MuliOp, (new.args[0], b.index(WIDTH)), _INDEX)
    for place in range(WIDTH):
        point = b.create(arith.AddiOp, (first, b.index(place)), _INDEX) if place else first
        values: dict[SSAValue, SSAValue] = {old.args[0]: point}
        for op in list(old.ops)[:-1]:
            b.insert(op.clone(values))
    b.create_op(scf.YieldOp)
    loop.body.detach_block(old)
    loop.body.add_block(new)
    old.erase()
