"""Split launches, products, copies and calls of LAPACK into parts that threads share, where there is enough to do.

Before:

```mlir
func.func private @exp(%x: memref<1048576xf32>, %out: memref<1048576xf32>) attributes {rt.tile = array<i64: 1048576>} {
  linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]}
      ins(%x : memref<1048576xf32>) outs(%out : memref<1048576xf32>) {
  ^bb0(%a: f32, %b: f32):
    %e = math.exp %a : f32
    linalg.yield %e : f32
  }
  func.return
}
func.func @f(%x: memref<1048576xf32>, %out: memref<1048576xf32>, %arena: memref<0xi8>) attributes {rt.num_inputs = 1 : i64} {
  rt.launch @exp over [1048576] (%x, %out) : memref<1048576xf32>, memref<1048576xf32>
  func.return
}
```

After:

```mlir
func.func private @exp(%x: memref<1048576xf32>, %out: memref<1048576xf32>) attributes {rt.tile = array<i64: 1048576>} {
  linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]}
      ins(%x : memref<1048576xf32>) outs(%out : memref<1048576xf32>) {
  ^bb0(%a: f32, %b: f32):
    %e = math.exp %a : f32
    linalg.yield %e : f32
  }
  func.return
}
func.func @f(%x: memref<1048576xf32>, %out: memref<1048576xf32>, %arena: memref<0xi8>) attributes {rt.num_inputs = 1 : i64} {
  rt.launch @exp over [1048576] grain 16384 (%x, %out) : memref<1048576xf32>, memref<1048576xf32>
  func.return
}
```

Products get `blocks`, fewer and larger ones, because the library packs rows and columns again for each.

Parts of launches take about 20 microseconds, so that a processor that is busy otherwise delays little, and there are at least four, so that
those of few threads end at about the same time. They start on whole vectors and cache lines, and are equal where sizes allow: less
code is needed then. They follow from shapes, and blocks from the number of processors of the machine as well, whoever may use them: so results
do not depend on the number of threads.

Requires: host functions and kernels after `plan-memory`.

Ensures: no work that has parts takes less than 25 microseconds, as `kernel_time.py` has it.

Leaves alone: kernels; with `max-threads=1` all but products. Blocks of products, whose last bits may depend on them, are the same for any number of
threads.
"""

import itertools
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import func, memref
from xdsl.dialects.builtin import IntegerAttr, ModuleOp, i64
from xdsl.passes import ModulePass

from dialects import rt
from dialects.builder import int_array
from dialects.remarks import emit_remark
from dialects.rt import LapackOp
from passes.memref.kernel_time import BYTE, kernel_nanoseconds, lapack_nanoseconds, memref_bytes, product_nanoseconds

PASS_NAME = "split-work"
_LEAST, _PART = 25_000, 20_000
"""Nanoseconds of work that are worth a second thread, and those of one part."""

_SHORT_BLOCK = 40_000
"""Nanoseconds of several products, of a block of one with a vector, or of several calls of LAPACK."""

_FEW, _MANY = 4, 64
"""Parts that are enough for few threads to end at about the same time, and the most blocks."""

_PACKING, _MOST_PACKED, _STRAGGLING = 30.0, 0.2, 0.1
"""How many additions to an element take as long as packing one, and how much time packing again may take of one thread, which has the same
blocks; how much of the time of a block the last one is late where several processors share them."""

_POWERS = (1, 2, 4, 8, 16, 32, 64)

_LINE = 64
"""Points of the fewest bytes that fill a cache line, and no vector has more."""


@dataclass(frozen=True)
class SplitWorkPass(ModulePass):
    """Give launches, copies and calls a grain, and products blocks."""

    name = PASS_NAME

    max_threads: int = 0
    """The most threads that a call of the program may use; 0 for as many as there are."""

    processors: int = 2
    """How many processors there are: blocks of one product are not many more."""

    def __post_init__(self) -> None:
        if self.processors < 1:
            raise ValueError(f"split-work: processors is {self.processors}, expected at least 1")
        if self.max_threads < 0:
            raise ValueError(f"split-work: max-threads is {self.max_threads}, expected at least 0")

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Split the work of every host function."""
        del ctx
        functions = [f for f in op.body.block.ops if isinstance(f, func.FuncOp)]
        times = {f.sym_name.data: kernel_nanoseconds(f) for f in functions if "rt.tile" in f.attributes}
        for function in functions:
            if "rt.num_inputs" in function.attributes:
                if self.max_threads:
                    function.attributes[rt.MAX_THREADS] = IntegerAttr(self.max_threads, i64)
                for work in function.body.walk():
                    if isinstance(work, rt.GemmOp):
                        _split_product(work, self.processors)
                    elif self.max_threads == 1:
                        continue
                    elif isinstance(work, rt.LaunchOp):
                        _split_launch(work, times[work.kernel.string_value()])
                    elif isinstance(work, memref.CopyOp):
                        _split_copy(work)
                    elif isinstance(work, LapackOp):
                        _split_calls(work)


def _split_launch(launch: rt.LaunchOp, time: float) -> None:
    name, extent = launch.kernel.string_value(), launch.extent
    if time < _LEAST or extent < 2:
        reason = f"about {_duration(time)} of work" if time < _LEAST else "its range cannot be split"
        emit_remark("missed", PASS_NAME, f"@{name}: one thread, {reason}", launch.location)
        return
    grain = part_size(extent, time)
    launch.properties["grain"] = IntegerAttr(grain, i64)
    message = f"@{name}: {-(-extent // grain)} parts of {grain} points, about {_duration(time)} of work"
    emit_remark("passed", PASS_NAME, message, launch.location)


def _split_copy(copy: memref.CopyOp) -> None:
    size = memref_bytes(copy.source)
    time = 2 * BYTE * size
    if time >= _LEAST:
        copy.attributes[rt.GRAIN] = IntegerAttr(part_size(size, time), i64)


def _split_calls(op: LapackOp) -> None:
    name, time = f"{op.calls} calls of {op.routine.data}", lapack_nanoseconds(op)
    if op.calls > 1 and op.most_parts == 1:
        reason = "they share a workspace"
    elif op.calls < 2 or time < _LEAST:
        reason = f"about {_duration(time)} of work"
    else:
        grain = max(1, int(op.calls * min(_SHORT_BLOCK / time, 1 / _FEW)), -(-op.calls // op.most_parts))
        op.attributes[rt.GRAIN] = IntegerAttr(grain, i64)
        emit_remark("passed", PASS_NAME, f"{name}: parts of {grain}, about {_duration(time)} of work", op.location)
        return
    emit_remark("missed", PASS_NAME, f"{name}: one thread, {reason}", op.location)


def _duration(nanoseconds: float) -> str:
    """A time for remarks, in digits that an estimate may have."""
    value, unit = (nanoseconds / 1e6, "ms") if nanoseconds >= 1e6 else (nanoseconds / 1e3, "us")
    return f"{value:.2g} {unit}" if value < 100 else f"{round(value, -1):.0f} {unit}"


def part_size(extent: int, time: float) -> int:
    """How many of `extent` points, which take `time` in all, make a part."""
    wanted = max(1, int(extent * min(_PART / time, 0.25)))
    unit = next((unit for unit in (_LINE, 16, 4) if wanted >= 4 * unit), 1)
    rounded = -(-wanted // unit) * unit
    return next((size for size in range(rounded, rounded // 2, -unit) if extent % size == 0), rounded)


def _split_product(product: rt.GemmOp, processors: int) -> None:
    batch, m, n, k = product.sizes
    time = product_nanoseconds(product)
    blocks = block_sizes(product, time, processors) if time >= _LEAST else (batch, m, n)
    name = f"product of {f'{batch} x ' if batch > 1 else ''}{m}x{k} and {k}x{n}"
    if blocks == (batch, m, n):
        few = "there is one processor" if processors == 1 else "its blocks would be too small"
        reason = f"about {_duration(time)} of work" if time < _LEAST else few
        emit_remark("missed", PASS_NAME, f"{name}: one thread, {reason}", product.location)
        return
    product.properties["blocks"] = int_array(blocks)
    message = f"{name}: blocks of {' x '.join(map(str, blocks))}, about {_duration(time)} of work"
    emit_remark("passed", PASS_NAME, message, product.location)


def block_sizes(product: rt.GemmOp, time: float, processors: int) -> tuple[int, int, int]:
    """The matrices, rows and columns of one block of products that take `time` in all."""
    batch, m, n, _ = product.sizes
    if batch >= _FEW:
        return max(1, int(batch * min(_SHORT_BLOCK / time, 1 / _FEW))), m, n
    if 1 in (m, n):
        is_read_by_rows = product.trans_lhs is None if n == 1 else product.trans_rhs is not None
        most = min(_MANY, int(time / _SHORT_BLOCK), max(m, n) // (64 if is_read_by_rows else 512))
        length = _part(max(m, n), max(1, most))
        return (1, length, 1) if n == 1 else (1, 1, length)
    best, least = (1, m, n), float("inf")
    late = _STRAGGLING if processors > 1 else 0.0
    for down, across in itertools.product(_POWERS, _POWERS):
        rows, columns = _part(m, down), _part(n, across)
        count = batch * -(-m // rows) * -(-n // columns)
        # Whoever computes a block packs all that its rows and columns are multiplied with, and one of the last ones is waited for.
        packed = _PACKING * (1 / rows + 1 / columns - 1 / m - 1 / n)
        expected = (1 + packed) * (-(-count // processors) + late) / count
        if count <= _MANY and packed <= _MOST_PACKED and expected < least:
            best, least = (1, rows, columns), expected
    return best


def _part(extent: int, count: int) -> int:
    """The size of `count` parts of an extent, in whole vectors where it is not all of it."""
    return extent if count == 1 else min(extent, -(-extent // (16 * count)) * 16)
