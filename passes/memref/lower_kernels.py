"""Lower kernels from structured operations to loops over a range, with explicit vectors.

Before:

```mlir
func.func private @scale(%x: memref<100xf32>, %out: memref<100xf32>) attributes {rt.tile = array<i64: 100>} {
  linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]}
      ins(%x : memref<100xf32>) outs(%out : memref<100xf32>) {
  ^bb0(%a: f32, %b: f32):
    %c = arith.mulf %a, %a : f32
    linalg.yield %c : f32
  }
  func.return
}
```

After:

```mlir
func.func private @scale(%lo: index, %hi: index, %x: memref<100xf32>, %out: memref<100xf32>) {
  func.return
}
```

Requires: kernels as `bufferize` and `outline-kernels` leave them: private functions with `rt.tile`.

Ensures: no `linalg` is left. A kernel computes the points `lo … hi - 1` of its tile space, whatever the split. Temporaries
shrink to one tile point: values in registers where they can be, otherwise a `memref.alloca` of the inner shape in front of all loops.

Leaves alone: host functions, except that the `over` of a launch loses its last size where the kernel's lanes run along the
last of several tile dimensions.
"""

from dataclasses import dataclass
from math import prod
from typing import Any, cast

from xdsl.context import Context
from xdsl.dialects import func, memref
from xdsl.dialects.builtin import DenseArrayBase, FunctionType, IndexType, ModuleOp, i32
from xdsl.ir import Block, SSAValue
from xdsl.passes import ModulePass

from dialects import rt
from dialects.builder import OpBuilder, int_array, memref_type
from dialects.remarks import emit_remark
from passes.memref.loop_builder import LoopBuilder, Position, Value
from passes.memref.statements import Kernel
from passes.memref.sweep_code import SweepCode
from passes.memref.sweeps import Schedule, Sweep, needs_memory
from passes.memref.vector_plan import PASS_NAME, KernelPlan, plan_kernel

_NO_OPERANDS = DenseArrayBase.from_list(i32, [0, 0])


@dataclass(frozen=True)
class LowerKernelsPass(ModulePass):
    """Turn kernels into loop nests over a range of their tile space."""

    name = PASS_NAME

    vector_bits: int = 256
    """The size of a vector register; 0 for scalar code only, as GPU threads want it."""

    def __post_init__(self) -> None:
        if self.vector_bits not in (0, 128, 256, 512):
            raise ValueError(f"lower-kernels: vector-bits is {self.vector_bits}, expected 0, 128, 256 or 512")

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Lower every kernel of the module."""
        del ctx
        demoted: dict[str, tuple[int, ...]] = {}
        functions = [f for f in op.body.block.ops if isinstance(f, func.FuncOp)]
        for function in functions:
            tile = function.attributes.get("rt.tile")
            if isinstance(tile, DenseArrayBase):
                sizes = cast(tuple[int, ...], tuple(cast(Any, tile).get_values()))
                over = _lower(function, sizes, self.vector_bits)
                if over != sizes:
                    demoted[function.sym_name.data] = over
        if not demoted:
            return
        for function in functions:
            for launch in function.body.block.ops if function.body.blocks else ():
                if isinstance(launch, rt.LaunchOp):
                    over = demoted.get(launch.kernel.string_value())
                    if over is not None:
                        launch.properties["over"] = int_array(over)


def _lower(function: func.FuncOp, tile: tuple[int, ...], vector_bits: int) -> tuple[int, ...]:
    """Replace the body of a kernel; return the sizes that it is launched over."""
    kernel = Kernel(function, tile)
    old = function.body.block
    block = Block(arg_types=[IndexType(), IndexType(), *(argument.type for argument in old.args)])
    block.args[0].name_hint = "lo"
    block.args[1].name_hint = "hi"
    for before, after in zip(old.args, block.args[2:], strict=True):
        after.name_hint = before.name_hint
        kernel.buffers[before].storage = after
    builder = LoopBuilder(block)
    builder.set_location(function)
    over = tile
    if prod(tile):
        over = _KernelCode(kernel, builder, vector_bits).emit()
    OpBuilder(block, function.location).create_op(func.ReturnOp)
    function.body.detach_block(old)
    function.body.add_block(block)
    function.properties["function_type"] = FunctionType.from_lists([a.type for a in block.args], [])
    del function.attributes["rt.tile"]
    return over


class _KernelCode:
    """Appends the code of one kernel to `b`."""

    def __init__(self, kernel: Kernel, b: LoopBuilder, vector_bits: int):
        self.kernel = kernel
        self.b = b
        self.scalars: dict[SSAValue, Value] = {}
        for op in kernel.prologue:
            operands = [self.scalars[operand].ssa for operand in op.operands]
            new = b.blocks[0].create_op(type(op), operands, [r.type for r in op.results], op.properties)
            self.scalars.update({r: Value(n, 0) for r, n in zip(op.results, new.results, strict=True)})
        self.sweeps: list[Sweep] = Schedule(kernel).sweeps
        self.plan: KernelPlan = plan_kernel(kernel, self.sweeps, vector_bits)
        self._make_storage()

    def _make_storage(self) -> None:
        """Allocate what temporaries need, for one tile point (or one per lane), and note what is stored."""
        lanes = self.plan.tile_lanes
        straight: dict[Sweep, object] = {
            sweep: plan for sweep, plan in self.plan.sweeps.items() if plan.is_straight(sweep.extents)
        }
        for buffer in self.kernel.buffers.values():
            if buffer.is_temporary and needs_memory(buffer, self.sweeps, straight):
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

    def emit(self) -> tuple[int, ...]:
        """Append the loop over the tile; return the sizes that the kernel is to be launched over."""
        block = self.b.blocks[0].block
        lower, upper = (Value(argument, 0) for argument in block.args[:2])
        tile = self.kernel.tile
        lanes = self.plan.tile_lanes
        if lanes and len(tile) == 1:
            self._tile_vectors(lower, upper)
            return tile
        over = tile[:-1] if lanes else tile

        def body(position: Value) -> None:
            rest: Position = position
            positions: list[Position] = []
            for i, size in reversed(list(enumerate(over))):
                positions.append(0 if size == 1 else self.b.remainder(rest, size) if i else rest)
                rest = self.b.quotient(rest, size) if i else 0
            self.b.dims = positions[::-1]
            if lanes:
                self._static_vectors(tile[-1])
            else:
                self._point()

        self.b.loop(lower, upper, 1, {}, body)
        if lanes:
            message = f"@{self.kernel.name}: lanes run along the last tile dimension, launched over {list(over)}"
            emit_remark("passed", PASS_NAME, message, self.kernel.function.location)
        return over

    def _point(self) -> None:
        """Append all sweeps at one tile point, or one vector of them."""
        code = SweepCode(self.b, self.kernel, self.scalars)
        for sweep in self.sweeps:
            code.emit(sweep, self.plan.sweeps[sweep])

    def _tile_vectors(self, lower: Value, upper: Value) -> None:
        """The points of a range of the only tile dimension: whole vectors, then the rest."""
        lanes = self.plan.tile_lanes
        count = self.b.subtract(upper, lower)
        rest = self.b.remainder(count, lanes)
        middle = self.b.subtract(upper, rest)
        self._vector_loop(lower, middle, lanes)
        if self.plan.masked_tail:
            self._vector_loop(middle, upper, lanes, upper)
        else:
            self._scalar_loop(middle, upper)

    def _static_vectors(self, size: int) -> None:
        """All points of the last tile dimension: whole vectors, then the rest."""
        lanes = self.plan.tile_lanes
        whole = size - size % lanes
        self.b.dims.append(0)
        if whole > lanes:
            self._vector_loop(0, whole, lanes)
        elif whole:
            self._vector_point(0)
        if whole < size and self.plan.masked_tail:
            self.b.lanes = lanes
            self.b.mask = self.b.create_mask(size - whole)
            self._vector_point(whole)
            self.b.mask = None
        elif whole < size:
            self._scalar_loop(whole, size)

    def _vector_loop(self, lower: Position, upper: Position, lanes: int, end: Position | None = None) -> None:
        def body(position: Value) -> None:
            self.b.lanes = lanes
            if end is not None:
                self.b.mask = self.b.create_mask(self.b.subtract(end, position))
            self._vector_point(position)
            self.b.mask = None

        self.b.loop(lower, upper, lanes, {}, body)

    def _scalar_loop(self, lower: Position, upper: Position) -> None:
        def body(position: Value) -> None:
            self.b.dims = [*self.b.dims[: self.kernel.rank - 1], position]
            self._point()

        self.b.loop(lower, upper, 1, {}, body)

    def _vector_point(self, position: Position) -> None:
        self.b.dims = [*self.b.dims[: self.kernel.rank - 1], position]
        self.b.lanes = self.plan.tile_lanes
        self.b.lane_dim = self.kernel.rank - 1
        self._point()
        self.b.lanes = 0
