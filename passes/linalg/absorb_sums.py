"""Let kernels of rows add up over their rows what other kernels would have to read again.

Before:

```mlir
func.func @f(%x: tensor<512x512xf32>) -> (tensor<512x512xf32>, tensor<16x512xf32>) {
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
  %parts = tensor.expand_shape %y [[0, 1], [2]] output_shape [16, 32, 512] : tensor<512x512xf32> into tensor<16x32x512xf32>
  %sums = rt.kernel "sum" tile [16, 512] ins(%a = %parts : tensor<16x32x512xf32>) -> (tensor<16x512xf32>) {
    %zero = arith.constant 0.0 : f32
    %e = tensor.empty() : tensor<16x512xf32>
    %start = linalg.fill ins(%zero : f32) outs(%e : tensor<16x512xf32>) -> tensor<16x512xf32>
    %r = linalg.generic {indexing_maps = [affine_map<(p, j, i) -> (p, i, j)>, affine_map<(p, j, i) -> (p, j)>],
                         iterator_types = ["parallel", "parallel", "reduction"]}
        ins(%a : tensor<16x32x512xf32>) outs(%start : tensor<16x512xf32>) {
    ^bb0(%v: f32, %acc: f32):
      %q = arith.addf %acc, %v : f32
      linalg.yield %q : f32
    } -> tensor<16x512xf32>
    rt.yield %r : tensor<16x512xf32>
  }
  func.return %y, %sums : tensor<512x512xf32>, tensor<16x512xf32>
}
```

After:

```mlir
func.func @f(%x: tensor<512x512xf32>) -> (tensor<512x512xf32>, tensor<16x512xf32>) {
  %parts = tensor.expand_shape %x [[0, 1], [2]] output_shape [16, 32, 512] : tensor<512x512xf32> into tensor<16x32x512xf32>
  %y, %sums = rt.kernel "fused_exp_sum" tile [16] ins(%a = %parts : tensor<16x32x512xf32>) -> (tensor<16x32x512xf32>, tensor<16x512xf32>) {
    %e = tensor.empty() : tensor<16x32x512xf32>
    %r = linalg.generic {indexing_maps = [affine_map<(p, i, j) -> (p, i, j)>, affine_map<(p, i, j) -> (p, i, j)>],
                         iterator_types = ["parallel", "parallel", "parallel"]}
        ins(%a : tensor<16x32x512xf32>) outs(%e : tensor<16x32x512xf32>) {
    ^bb0(%v: f32, %out: f32):
      %q = math.exp %v : f32
      linalg.yield %q : f32
    } -> tensor<16x32x512xf32>
    %zero = arith.constant 0.0 : f32
    %d = tensor.empty() : tensor<16x512xf32>
    %start = linalg.fill ins(%zero : f32) outs(%d : tensor<16x512xf32>) -> tensor<16x512xf32>
    %s = linalg.generic {indexing_maps = [affine_map<(p, j, i) -> (p, i, j)>, affine_map<(p, j, i) -> (p, j)>],
                         iterator_types = ["parallel", "parallel", "reduction"]}
        ins(%r : tensor<16x32x512xf32>) outs(%start : tensor<16x512xf32>) {
    ^bb0(%v: f32, %acc: f32):
      %q = arith.addf %acc, %v : f32
      linalg.yield %q : f32
    } -> tensor<16x512xf32>
    rt.yield %r, %s : tensor<16x32x512xf32>, tensor<16x512xf32>
  }
  %whole = tensor.collapse_shape %y [[0, 1], [2]] : tensor<16x32x512xf32> into tensor<512x512xf32>
  func.return %whole, %sums : tensor<512x512xf32>, tensor<16x512xf32>
}
```

The parts are those that `split-reductions` has chosen. `lower-kernels` takes the rows of a part one after the other (`row_loops.py`).

*Requires*: the `fused` stage, after `collapse-dims`.
*Ensures*: the `fused` stage.
*Leaves alone*: sums that are not in parts or read less than `least_bytes`; kernels that do not go over rows alone.
"""

from dataclasses import dataclass
from typing import cast

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Block, Operation
from xdsl.passes import ModulePass

from dialects.remarks import emit_remark
from dialects.rt import KernelOp
from passes.linalg.host_blocks import host_blocks
from passes.linalg.reshapes import RESHAPES, source_of
from passes.linalg.row_kernels import RowKernel, Sums, absorb, find_sums


@dataclass(frozen=True)
class AbsorbSumsPass(ModulePass):
    """Make sums over the rows of a kernel part of it."""

    name = "absorb-sums"

    least_bytes: int = 1 << 20
    """The least that a kernel must read to be worth being part of another."""
    least_parts: int = 8
    """The fewest parts that keep threads busy."""
    least_row: int = 32
    """The least work on one row, in loop iterations, that is worth a loop of its own."""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Rewrite every function of the module."""
        del ctx
        for block in host_blocks(op):
            self._rewrite(block)

    def _rewrite(self, block: Block) -> None:
        positions = {op: position for position, op in enumerate(block.ops)}
        kernels = [op for op in positions if isinstance(op, KernelOp)]
        rows_of = {op: RowKernel.examine(op, self.least_row, positions) for op in kernels}
        joined: set[KernelOp] = set()
        found = [sums for op in kernels if (sums := find_sums(op)) is not None]
        # Those that read most come first: what has other parts than they must stay.
        for sums in sorted(found, key=lambda sums: -sums.bytes_read):
            own = rows_of[sums.kernel]
            if sums.parts < self.least_parts or sums.bytes_read < self.least_bytes or (own is not None and own.joining):
                continue
            best: RowKernel | None = None
            refusals: list[str] = []
            for kernel in _neighbours(sums):
                if kernel in joined or kernel is sums.kernel or kernel not in positions:
                    continue
                rows = rows_of[kernel]
                refusal = "it goes over more than rows" if rows is None else rows.refusal(sums, positions)
                if refusal is not None:
                    refusals.append(f"{kernel.kernel_name.data}: {refusal}")
                elif best is None or cast(RowKernel, rows).bytes_shared(sums) > best.bytes_shared(sums):
                    best = rows
            if best is not None:
                best.join(sums, positions)
                joined.add(sums.kernel)
            elif refusals:
                message = f"{sums.kernel.kernel_name.data} does not become part of {'; '.join(refusals)}"
                emit_remark("missed", self.name, message, sums.kernel.location)
        for rows in rows_of.values():
            if rows is not None and rows.joining:
                absorb(rows)


def _neighbours(sums: Sums) -> dict[KernelOp, None]:
    """The kernels that compute, or read as well, what `sums` read row by row."""
    found: dict[KernelOp, None] = {}

    def visit(op: Operation | Block) -> None:
        if isinstance(op, KernelOp):
            found[op] = None
        elif isinstance(op, RESHAPES):
            for use in op.results[0].uses:
                visit(use.operation)

    for value in map(source_of, sums.row_inputs):
        visit(value.owner)
        for use in value.uses:
            visit(use.operation)
    return found
