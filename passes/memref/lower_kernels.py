"""Lower kernels from structured operations to loops over a range, with explicit vectors.

Before:

```mlir
func.func private @sum_exp(%x: memref<64x100xf32>, %out: memref<64xf32>) attributes {rt.tile = array<i64: 64>} {
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%out : memref<64xf32>)
  linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0)>],
      iterator_types = ["parallel", "reduction"]} ins(%x : memref<64x100xf32>) outs(%out : memref<64xf32>) {
  ^bb0(%a: f32, %sum: f32):
    %e = math.exp %a : f32
    %s = arith.addf %sum, %e : f32
    linalg.yield %s : f32
  }
  func.return
}
```

After:

```mlir
func.func private @sum_exp(%lo: index, %hi: index, %x: memref<64x100xf32>, %out: memref<64xf32>) {
  %c1 = arith.constant 1 : index
  %zeros = arith.constant dense<0.0> : vector<8xf32>
  %c0 = arith.constant 0 : index
  %c96 = arith.constant 96 : index
  %c8 = arith.constant 8 : index
  %c4 = arith.constant 4 : index
  %mask = vector.create_mask %c4 : vector<8xi1>
  scf.for %i = %lo to %hi step %c1 {
    %sums = scf.for %j = %c0 to %c96 step %c8 iter_args(%sum = %zeros) -> (vector<8xf32>) {
      %a = vector.load %x[%i, %j] : memref<64x100xf32>, vector<8xf32>
      %e = math.exp %a : vector<8xf32>
      %s = arith.addf %sum, %e : vector<8xf32>
      scf.yield %s : vector<8xf32>
    }
    %a_tail = vector.maskedload %x[%i, %c96], %mask, %zeros
        : memref<64x100xf32>, vector<8xi1>, vector<8xf32> into vector<8xf32>
    %e_tail = math.exp %a_tail : vector<8xf32>
    %added = arith.addf %sums, %e_tail : vector<8xf32>
    %all = arith.select %mask, %added, %sums : vector<8xi1>, vector<8xf32>
    %result = vector.reduction <add>, %all : vector<8xf32> into f32
    memref.store %result, %out[%i] : memref<64xf32>
  }
  func.return
}
```

The loops of an `rt.fft` or `rt.sort_rows` or `rt.merge_rows`, which is alone in its kernel, are in `fft_code.py` and `sort_code.py`.

Requires: kernels as `bufferize` and `outline-kernels` leave them: private functions with `rt.tile`.

Ensures: no `linalg` is left. A kernel computes the points `lo … hi - 1` of its tile space, whatever the split. Temporaries
shrink to one tile point: values in registers where they can be, otherwise a `memref.alloca` of the inner shape in front of all loops.

Results too large for the cache are written by stores marked `nontemporal`, which go to memory directly; `rt.prefetch` asks early for
what an elementwise kernel that does so reads.

Leaves alone: host functions, except that the `over` of a launch loses its last size where the kernel's lanes run along the
last of several tile dimensions, and counts blocks of rows where squares of vectors are transposed (`transpose_code.py`); its `grain`
then counts the points that are left. Where lanes run along the only tile dimension, it becomes a multiple of them.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any, cast

from xdsl.context import Context
from xdsl.dialects import func, memref
from xdsl.dialects.builtin import DenseArrayBase, FunctionType, IndexType, IntegerAttr, MemRefType, ModuleOp, i64
from xdsl.ir import Block, Operation, SSAValue
from xdsl.passes import ModulePass

from dialects import rt
from dialects.builder import OpBuilder, int_array
from dialects.remarks import emit_remark
from dialects.rt import MergeRowsOp, SortRowsOp
from passes.memref.fft_code import FftCode
from passes.memref.kernel_code import KernelCode, Ranges
from passes.memref.loop_builder import LoopBuilder
from passes.memref.row_vectors import RowsCode
from passes.memref.sort_code import MergeCode, SortCode
from passes.memref.statements import Kernel, bit_width
from passes.memref.vector_plan import PASS_NAME


@dataclass(frozen=True)
class LowerKernelsPass(ModulePass):
    """Turn kernels into loop nests over a range of their tile space."""

    name = PASS_NAME

    vector_bits: int = 256
    """The size of a vector register; 0 for scalar code only, as GPU threads want it."""

    streamed_bytes: int = 1 << 23
    """Results of the program of at least as many bytes, which it does not read again, are written around the cache; so is what it
    reads again from four times as many bytes on."""

    def __post_init__(self) -> None:
        if self.vector_bits not in (0, 128, 256, 512):
            raise ValueError(f"lower-kernels: vector-bits is {self.vector_bits}, expected 0, 128, 256 or 512")

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Lower every kernel of the module."""
        del ctx
        lowered: dict[str, Ranges] = {}
        streamed = _streamed_arguments(op, self.streamed_bytes) if self.vector_bits else {}
        functions = [f for f in op.body.block.ops if isinstance(f, func.FuncOp)]
        for function in functions:
            tile = function.attributes.get("rt.tile")
            if isinstance(tile, DenseArrayBase):
                sizes = cast(tuple[int, ...], tuple(cast(Any, tile).get_values()))
                name = function.sym_name.data
                lowered[name] = _lower(function, sizes, self.vector_bits, streamed.get(name, frozenset()))
        for function in functions:
            if function.sym_name.data in lowered:
                continue
            for launch in function.body.walk():
                if isinstance(launch, rt.LaunchOp) and (ranges := lowered.get(launch.kernel.string_value())):
                    _launch_over(launch, ranges)


def _launch_over(launch: rt.LaunchOp, ranges: Ranges) -> None:
    """Launch a kernel over the range that it has now, in parts of the same size as before, in whole vectors."""
    grain, extent = launch.grain, launch.extent
    launch.properties["over"] = int_array(ranges.over)
    if grain is not None:
        points = max(1, grain.value.data * launch.extent // extent)
        points = -(-points // ranges.lanes) * ranges.lanes
        name, asked = launch.kernel.string_value(), grain.value.data
        if points >= launch.extent:
            del launch.properties["grain"]
            message = f"@{name}: one thread, its range has {launch.extent} points for {ranges.lanes} lanes"
            emit_remark("missed", PASS_NAME, message, launch.location)
        elif points != asked:
            launch.properties["grain"] = IntegerAttr(points, i64)
            message = f"@{name}: {launch.part_count} parts of {points} points now, of a range over {list(ranges.over)}"
            emit_remark("passed", PASS_NAME, message, launch.location)


def _streamed_arguments(module: ModuleOp, least: int) -> dict[str, set[int]]:
    """For each kernel the arguments that are, in all its launches, too large to wait in the cache for whoever reads them."""
    streamed: dict[str, set[int]] = {}
    for function in module.body.block.ops:
        if not isinstance(function, func.FuncOp) or "rt.num_inputs" not in function.attributes:
            continue
        num_inputs = cast(IntegerAttr[Any], function.attributes["rt.num_inputs"]).value.data
        results = set(function.body.block.args[num_inputs:])
        for launch in function.body.walk():
            if isinstance(launch, rt.LaunchOp):
                here: set[int] = set()
                for position, memory in enumerate(launch.arguments):
                    is_read_again = not _is_last_use(memory, results)
                    if _bytes(memory) >= (4 * least if is_read_again else least):
                        here.add(position)
                name = launch.kernel.string_value()
                streamed[name] = streamed.get(name, here) & here
    return streamed


def _is_last_use(memory: SSAValue, results: Collection[SSAValue]) -> bool:
    """Whether `memory` is one of `results` and has, with all views of it, no other use."""
    if sum(not _is_unused_view(use.operation) for use in memory.uses) > 1:
        return False
    owner = memory.owner
    if isinstance(owner, memref.CollapseShapeOp | memref.ExpandShapeOp):
        return _is_last_use(owner.operands[0], results)
    return memory in results


def _is_unused_view(op: Operation) -> bool:
    return isinstance(op, memref.CollapseShapeOp | memref.ExpandShapeOp) and all(
        _is_unused_view(use.operation) for use in op.results[0].uses
    )


def _bytes(memory: SSAValue) -> int:
    memref_type = cast(MemRefType[Any], memory.type)
    return prod(memref_type.get_shape()) * bit_width(memref_type.element_type) // 8


def _code_of_its_own(
    op: Operation, block: Block, arguments: Mapping[SSAValue, SSAValue], vector_bits: int
) -> FftCode | RowsCode | None:
    """What appends the code of an operation that is alone in its kernel, and is no generic."""
    b = OpBuilder(block, op.location)
    match op:
        case rt.FftOp():
            return FftCode(op, b, arguments, vector_bits)
        case SortRowsOp():
            return SortCode(op, b, arguments, vector_bits)
        case MergeRowsOp():
            return MergeCode(op, b, arguments, vector_bits)
        case _:
            return None


def _lower(function: func.FuncOp, tile: tuple[int, ...], vector_bits: int, streamed: Collection[int]) -> Ranges:
    """Replace the body of a kernel; return what it is launched over."""
    old = function.body.block
    block = Block(arg_types=[IndexType(), IndexType(), *(argument.type for argument in old.args)])
    block.args[0].name_hint = "lo"
    block.args[1].name_hint = "hi"
    arguments: dict[SSAValue, SSAValue] = dict(zip(old.args, block.args[2:], strict=True))
    for before, after in arguments.items():
        after.name_hint = before.name_hint
    ranges = Ranges(tile, 1)
    alone = next((code for op in old.ops if (code := _code_of_its_own(op, block, arguments, vector_bits))), None)
    if alone is not None:
        alone.emit()
    elif prod(tile):
        kernel = Kernel(function, tile)
        for before, after in arguments.items():
            kernel.buffers[before].storage = after
        for index in streamed:
            kernel.buffers[old.args[index]].is_streamed = True
        builder = LoopBuilder(block)
        builder.set_location(function)
        ranges = KernelCode(kernel, builder, vector_bits).emit()
    OpBuilder(block, function.location).create_op(func.ReturnOp)
    function.body.detach_block(old)
    function.body.add_block(block)
    function.properties["function_type"] = FunctionType.from_lists([a.type for a in block.args], [])
    del function.attributes["rt.tile"]
    return ranges
