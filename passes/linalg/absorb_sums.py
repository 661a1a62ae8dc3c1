"""Let kernels of rows add up over their rows what other kernels would have to read again.

Before:

```mlir
func.func @f(%x: tensor<512x512xf32>) -> (tensor<512x512xf32>, tensor<512xf32>) {
  %y = rt.kernel "exp" tile [512] ins(%a = %x : tensor<512x512xf32>) -> (tensor<512x512xf32>) {
    %e = tensor.empty() : tensor<512x512xf32>
    %r = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>],
                         iterator_types = ["parallel", "parallel"]}
        ins(%a : tensor<512x512xf32>) outs(%e : tensor<512x512xf32>) {
    ^bb0(%p: f32, %out: f32):
      %q = math.exp %p : f32
      linalg.yield %q : f32
    } -> tensor<512x512xf32>
    rt.yield %r : tensor<512x512xf32>
  }
  %sum = rt.kernel "sum" tile [512] ins(%a = %y : tensor<512x512xf32>) -> (tensor<512xf32>) {
    %zero = arith.constant 0.0 : f32
    %e = tensor.empty() : tensor<512xf32>
    %start = linalg.fill ins(%zero : f32) outs(%e : tensor<512xf32>) -> tensor<512xf32>
    %r = linalg.generic {indexing_maps = [affine_map<(j, i) -> (i, j)>, affine_map<(j, i) -> (j)>],
                         iterator_types = ["parallel", "reduction"]}
        ins(%a : tensor<512x512xf32>) outs(%start : tensor<512xf32>) {
    ^bb0(%p: f32, %acc: f32):
      %q = arith.addf %acc, %p : f32
      linalg.yield %q : f32
    } -> tensor<512xf32>
    rt.yield %r : tensor<512xf32>
  }
  func.return %y, %sum : tensor<512x512xf32>, tensor<512xf32>
}
```

After:

```mlir
func.func @f(%x: tensor<512x512xf32>) -> (tensor<512x512xf32>, tensor<512xf32>) {
  %parts = tensor.expand_shape %x [[0, 1], [2]] output_shape [64, 8, 512] : tensor<512x512xf32> into tensor<64x8x512xf32>
  %y, %partial = rt.kernel "fused_exp_sum" tile [64] ins(%a = %parts : tensor<64x8x512xf32>) -> (tensor<64x8x512xf32>, tensor<64x512xf32>) {
    %e = tensor.empty() : tensor<64x8x512xf32>
    %r = linalg.generic {indexing_maps = [affine_map<(p, i, j) -> (p, i, j)>, affine_map<(p, i, j) -> (p, i, j)>],
                         iterator_types = ["parallel", "parallel", "parallel"]}
        ins(%a : tensor<64x8x512xf32>) outs(%e : tensor<64x8x512xf32>) {
    ^bb0(%v: f32, %out: f32):
      %q = math.exp %v : f32
      linalg.yield %q : f32
    } -> tensor<64x8x512xf32>
    %zero = arith.constant 0.0 : f32
    %d = tensor.empty() : tensor<64x512xf32>
    %start = linalg.fill ins(%zero : f32) outs(%d : tensor<64x512xf32>) -> tensor<64x512xf32>
    %s = linalg.generic {indexing_maps = [affine_map<(p, j, i) -> (p, i, j)>, affine_map<(p, j, i) -> (p, j)>],
                         iterator_types = ["parallel", "parallel", "reduction"]}
        ins(%r : tensor<64x8x512xf32>) outs(%start : tensor<64x512xf32>) {
    ^bb0(%v: f32, %acc: f32):
      %q = arith.addf %acc, %v : f32
      linalg.yield %q : f32
    } -> tensor<64x512xf32>
    rt.yield %r, %s : tensor<64x8x512xf32>, tensor<64x512xf32>
  }
  %whole = tensor.collapse_shape %y [[0, 1], [2]] : tensor<64x8x512xf32> into tensor<512x512xf32>
  %sum = rt.kernel "sum" tile [512] ins(%a = %partial : tensor<64x512xf32>) -> (tensor<512xf32>) {
    %zero = arith.constant 0.0 : f32
    %e = tensor.empty() : tensor<512xf32>
    %start = linalg.fill ins(%zero : f32) outs(%e : tensor<512xf32>) -> tensor<512xf32>
    %r = linalg.generic {indexing_maps = [affine_map<(j, p) -> (p, j)>, affine_map<(j, p) -> (j)>],
                         iterator_types = ["parallel", "reduction"]}
        ins(%a : tensor<64x512xf32>) outs(%start : tensor<512xf32>) {
    ^bb0(%v: f32, %acc: f32):
      %q = arith.addf %acc, %v : f32
      linalg.yield %q : f32
    } -> tensor<512xf32>
    rt.yield %r : tensor<512xf32>
  }
  func.return %whole, %sum : tensor<512x512xf32>, tensor<512xf32>
}
```

The number of parts depends on the number of rows alone, so results do not depend on the number of threads. `lower-kernels` takes the rows
of a part one after the other (`row_loops.py`).

*Requires*: the `fused` stage, after `collapse-dims`.
*Ensures*: the `fused` stage.
*Leaves alone*: what a kernel adds up that reads less than `least_bytes`; kernels that do not go over rows alone.
"""

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Block
from xdsl.passes import ModulePass

from dialects.rt import KernelOp
from passes.linalg.host_blocks import host_blocks
from passes.linalg.row_kernels import RowKernel, Sum, absorb, find_sum


@dataclass(frozen=True)
class AbsorbSumsPass(ModulePass):
    """Make sums over the rows of a kernel part of it."""

    name = "absorb-sums"

    least_bytes: int = 1 << 20
    """The least that a kernel must read to be worth being part of another."""
    most_parts: int = 64
    """Into how many parts rows are divided at most."""
    least_rows: int = 8
    """The least rows of one part, and the least parts."""
    least_row: int = 32
    """The least work on one row, in loop iterations, that is worth a loop of its own."""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Rewrite every function of the module."""
        del ctx
        for block in host_blocks(op):
            self._rewrite(block)

    def _rewrite(self, block: Block) -> None:
        positions = {op: position for position, op in enumerate(block.ops)}
        examined: dict[KernelOp, RowKernel | None] = {}
        absorbed: dict[RowKernel, list[Sum]] = {}
        inner: set[KernelOp] = set()
        for op, position in positions.items():
            total = find_sum(op) if isinstance(op, KernelOp) else None
            if total is None or total.bytes_read < self.least_bytes or examined.get(total.kernel) in absorbed:
                continue
            best: RowKernel | None = None
            for kernel in _neighbours(total):
                if kernel in inner or positions.get(kernel, position) >= position:
                    continue
                if kernel not in examined:
                    examined[kernel] = RowKernel.examine(kernel, self.least_row)
                rows = examined[kernel]
                if (
                    rows is not None
                    and self._parts(rows.count)
                    and rows.fits(total, positions)
                    and (best is None or rows.bytes_shared(total) > best.bytes_shared(total))
                ):
                    best = rows
            if best is not None:
                absorbed.setdefault(best, []).append(total)
                inner.add(total.kernel)
        for rows, sums in absorbed.items():
            absorb(rows, sums, self._parts(rows.count))

    def _parts(self, rows: int) -> int:
        """The largest divisor of `rows` that leaves enough of them in each part; 0 if there is none."""
        for parts in range(min(self.most_parts, rows // self.least_rows), self.least_rows - 1, -1):
            if rows % parts == 0:
                return parts
        return 0


def _neighbours(total: Sum) -> dict[KernelOp, None]:
    """The kernels that compute, or read as well, what `total` reads row by row."""
    found: dict[KernelOp, None] = {}
    for value in total.row_inputs:
        for op in (value.owner, *(use.operation for use in value.uses)):
            if isinstance(op, KernelOp):
                found[op] = None
    return found
