"""Group structured operations into kernels that share their outer loops.

Before:

```mlir
func.func @f(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %e0 = tensor.empty() : tensor<4xf32>
  %start = linalg.fill ins(%zero : f32) outs(%e0 : tensor<4xf32>) -> tensor<4xf32>
  %sum = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>],
                         iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<4x8xf32>) outs(%start : tensor<4xf32>) {
  ^bb0(%p: f32, %acc: f32):
    %s = arith.addf %acc, %p : f32
    linalg.yield %s : f32
  } -> tensor<4xf32>
  %e1 = tensor.empty() : tensor<4x8xf32>
  %share = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (i, j)>],
                           iterator_types = ["parallel", "parallel"]}
      ins(%x, %sum : tensor<4x8xf32>, tensor<4xf32>) outs(%e1 : tensor<4x8xf32>) {
  ^bb0(%p: f32, %q: f32, %out: f32):
    %d = arith.divf %p, %q : f32
    linalg.yield %d : f32
  } -> tensor<4x8xf32>
  func.return %share : tensor<4x8xf32>
}
```

After:

```mlir
func.func @f(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %share = rt.kernel "fused_sum_div" tile [4] ins(%a = %x : tensor<4x8xf32>) -> (tensor<4x8xf32>) {
    %zero = arith.constant 0.0 : f32
    %e0 = tensor.empty() : tensor<4xf32>
    %start = linalg.fill ins(%zero : f32) outs(%e0 : tensor<4xf32>) -> tensor<4xf32>
    %sum = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>],
                           iterator_types = ["parallel", "reduction"]}
        ins(%a : tensor<4x8xf32>) outs(%start : tensor<4xf32>) {
    ^bb0(%p: f32, %acc: f32):
      %s = arith.addf %acc, %p : f32
      linalg.yield %s : f32
    } -> tensor<4xf32>
    %e1 = tensor.empty() : tensor<4x8xf32>
    %r = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (i, j)>],
                         iterator_types = ["parallel", "parallel"]}
        ins(%a, %sum : tensor<4x8xf32>, tensor<4xf32>) outs(%e1 : tensor<4x8xf32>) {
    ^bb0(%p: f32, %q: f32, %out: f32):
      %d = arith.divf %p, %q : f32
      linalg.yield %d : f32
    } -> tensor<4x8xf32>
    rt.yield %r : tensor<4x8xf32>
  }
  func.return %share : tensor<4x8xf32>
}
```

In program order, each operation joins the kernels of its producers, those first that save most memory traffic, if they
have outer parallel loops in common through which all values pass unpermuted, and if no cycle arises. These must be all the
loops of some member, as the rows of a softmax are; or the kernel has many long rows and no reduction; or there is little to do.
Little work that others still wait for does not join what waits for a large kernel: they could then not join that one.
At last, kernels with the same outer loops join that read the same tensor in the same way, such as the sums for two gradients.

*Requires*: the structured form.
*Ensures*: the `fused` stage: every structured operation lies in exactly one kernel, kernels are closed.
*Leaves alone*: library calls, reshapes, constants that are read from memory.
"""

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from passes.linalg.host_blocks import host_blocks
from passes.linalg.kernel_groups import KernelGrouping
from passes.linalg.kernel_regions import build_kernels, materialize_fills, materialize_windows


@dataclass(frozen=True)
class FormKernelsPass(ModulePass):
    """Group structured operations into kernels that share their outer loops."""

    name = "form-kernels"

    max_group_size: int = 64
    """The most structured operations of one kernel."""
    max_point_bytes: int = 1 << 20
    """The most memory for what one point of a kernel's tile computes."""
    max_serial_points: int = 4096
    """Up to this many loop iterations, operations may share a kernel that has no outer loops to split."""
    min_rows: int = 64
    """From this many points of a common tile on, elementwise operations on the same rows share a kernel."""
    min_row_size: int = 32
    """The least extent of the innermost loop for that."""
    min_shared_part: int = 4
    """Kernels that only read the same tensor join if it is at least one part in so many of what one of them reads and writes."""
    search_limit: int = 256
    """The most operations to visit in the search for a cycle, for each pair of kernels that might become one."""

    def __post_init__(self) -> None:
        if self.max_group_size < 1:
            raise ValueError(f"{self.name}: max-group-size is {self.max_group_size}; use at least 1")

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Rewrite every function of the module."""
        del ctx
        blocks = host_blocks(op)
        for block in blocks:
            materialize_fills(block)
            materialize_windows(block)
        for block in reversed(blocks):
            grouping = KernelGrouping(
                self.max_group_size,
                self.max_point_bytes,
                self.max_serial_points,
                self.min_rows,
                self.min_row_size,
                self.min_shared_part,
                self.search_limit,
            )
            build_kernels(block, grouping)
