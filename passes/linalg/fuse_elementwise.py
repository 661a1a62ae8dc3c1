"""Compute elementwise operations inside the operations that read them.

Before:

```mlir
func.func @f(%x: tensor<4x8xf32>, %b: tensor<8xf32>) -> tensor<4x8xf32> {
  %e0 = tensor.empty() : tensor<4x8xf32>
  %wide = linalg.generic {indexing_maps = [affine_map<(i, j) -> (j)>, affine_map<(i, j) -> (i, j)>],
                          iterator_types = ["parallel", "parallel"]}
      ins(%b : tensor<8xf32>) outs(%e0 : tensor<4x8xf32>) {
  ^bb0(%p: f32, %out: f32):
    linalg.yield %p : f32
  } -> tensor<4x8xf32>
  %e1 = tensor.empty() : tensor<4x8xf32>
  %sum = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>],
                         iterator_types = ["parallel", "parallel"]}
      ins(%x, %wide : tensor<4x8xf32>, tensor<4x8xf32>) outs(%e1 : tensor<4x8xf32>) {
  ^bb0(%p: f32, %q: f32, %out: f32):
    %s = arith.addf %p, %q : f32
    linalg.yield %s : f32
  } -> tensor<4x8xf32>
  func.return %sum : tensor<4x8xf32>
}
```

After:

```mlir
func.func @f(%x: tensor<4x8xf32>, %b: tensor<8xf32>) -> tensor<4x8xf32> {
  %e1 = tensor.empty() : tensor<4x8xf32>
  %sum = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (j)>, affine_map<(i, j) -> (i, j)>],
                         iterator_types = ["parallel", "parallel"]}
      ins(%x, %b : tensor<4x8xf32>, tensor<8xf32>) outs(%e1 : tensor<4x8xf32>) {
  ^bb0(%p: f32, %q: f32, %out: f32):
    %s = arith.addf %p, %q : f32
    linalg.yield %s : f32
  } -> tensor<4x8xf32>
  func.return %sum : tensor<4x8xf32>
}
```

An operation disappears into its readers if nothing is computed more often than before, or if it is cheap to repeat.
Operations that only move elements (broadcast, transpose, slice) always disappear; so do constants and reshapes that only
add or remove dimensions of size 1.

*Requires*: the structured form.
*Ensures*: the structured form; every reduction dimension still has an input that tells its extent; no dead operation.
*Leaves alone*: reductions as producers, operands of library calls, tensors read through `tensor.extract`, scatter loops.
"""

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Attribute, SSAValue
from xdsl.passes import ModulePass

from passes.linalg.fusion_plan import FusionPlan
from passes.linalg.fusion_rewrite import rewrite_block
from passes.linalg.host_blocks import host_blocks


@dataclass(frozen=True)
class FuseElementwisePass(ModulePass):
    """Compute elementwise operations inside the operations that read them."""

    name = "fuse-elementwise"

    max_recomputed_ops: int = 4
    """The most scalar operations that may be repeated to save a tensor in memory."""
    max_body_ops: int = 256
    """The most scalar operations of one fused body."""

    def __post_init__(self) -> None:
        if self.max_recomputed_ops < 0 or self.max_body_ops < 1:
            raise ValueError(
                f"{self.name}: max-recomputed-ops is {self.max_recomputed_ops} and max-body-ops is {self.max_body_ops}; "
                "use at least 0 and 1"
            )

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Rewrite every function of the module."""
        del ctx
        uniform: dict[SSAValue, Attribute] = {}
        plans = [
            (block, FusionPlan(self.max_recomputed_ops, self.max_body_ops, block, uniform)) for block in host_blocks(op)
        ]
        # Inner blocks first: what they still read of an outer one has to be in memory.
        for block, plan in reversed(plans):
            plan.decide(block)
            rewrite_block(block, plan)
