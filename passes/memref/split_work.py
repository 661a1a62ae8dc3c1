"""Split launches into parts that threads share, where there is enough to do.

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

Parts take about 20 microseconds, so that a processor that is busy otherwise delays little, and there are at least four, so that
those of few threads end at about the same time. They start on whole vectors and cache lines, and are equal where sizes allow: less
code is needed then. They follow from shapes only, so results do not depend on the number of threads.

Requires: host functions and kernels after `plan-memory`.

Ensures: no launch with a `grain` takes less than 40 microseconds, as `kernel_time.py` has it.

Leaves alone: kernels; with `max-threads=1` everything.
"""

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import IntegerAttr, ModuleOp, i64
from xdsl.passes import ModulePass

from dialects import rt
from dialects.remarks import emit_remark
from passes.memref.kernel_time import kernel_nanoseconds

PASS_NAME = "split-work"
_LEAST, _PART = 40_000, 20_000
"""Nanoseconds of work that are worth a second thread, and those of one part."""

_LINE = 64
"""Points of the fewest bytes that fill a cache line, and no vector has more."""


@dataclass(frozen=True)
class SplitWorkPass(ModulePass):
    """Give launches a `grain`."""

    name = PASS_NAME

    max_threads: int = 0
    """The most threads that a call of the program may use; 0 for as many as there are."""

    def __post_init__(self) -> None:
        if self.max_threads < 0:
            raise ValueError(f"split-work: max-threads is {self.max_threads}, expected at least 0")

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Split the work of every host function."""
        del ctx
        if self.max_threads == 1:
            return
        functions = [f for f in op.body.block.ops if isinstance(f, func.FuncOp)]
        times = {f.sym_name.data: kernel_nanoseconds(f) for f in functions if "rt.tile" in f.attributes}
        for function in functions:
            if "rt.num_inputs" in function.attributes:
                if self.max_threads:
                    function.attributes[rt.MAX_THREADS] = IntegerAttr(self.max_threads, i64)
                for launch in function.body.walk():
                    if isinstance(launch, rt.LaunchOp):
                        _split_launch(launch, times[launch.kernel.string_value()])


def _split_launch(launch: rt.LaunchOp, time: float) -> None:
    name, extent = launch.kernel.string_value(), launch.extent
    if time < _LEAST or extent < 2:
        reason = f"about {time / 1000:.3g} us of work" if time < _LEAST else "its range cannot be split"
        emit_remark("missed", PASS_NAME, f"@{name}: one thread, {reason}", launch.location)
        return
    grain = part_size(extent, time)
    launch.properties["grain"] = IntegerAttr(grain, i64)
    message = f"@{name}: {-(-extent // grain)} parts of {grain} points, about {time / 1000:.3g} us of work"
    emit_remark("passed", PASS_NAME, message, launch.location)


def part_size(extent: int, time: float) -> int:
    """How many of `extent` points, which take `time` in all, make a part."""
    wanted = max(1, int(extent * min(_PART / time, 0.25)))
    unit = next((unit for unit in (_LINE, 16, 4) if wanted >= 4 * unit), 1)
    rounded = -(-wanted // unit) * unit
    return next((size for size in range(rounded, rounded // 2, -unit) if extent % size == 0), rounded)
