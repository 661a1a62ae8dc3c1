"""Expand all function transforms, innermost first: no `dlc.jvp`, `dlc.vjp` or `dlc.vmap` is left.

Before:

```mlir
func.func private @f(%x: tensor<f32>) -> tensor<f32> {
  %0 = dlc.mul %x, %x : tensor<f32>
  func.return %0 : tensor<f32>
}
func.func private @g(%x: tensor<f32>, %dx: tensor<f32>) -> tensor<f32> {
  %0, %1 = dlc.jvp @f(%x)(%dx) wrt [0] : (tensor<f32>, tensor<f32>) -> (tensor<f32>, tensor<f32>)
  func.return %1 : tensor<f32>
}
func.func @main(%a: tensor<8xf32>, %da: tensor<f32>) -> tensor<8xf32> {
  %0 = dlc.vmap @g(%a, %da) mapped [0] size 8 : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  func.return %0 : tensor<8xf32>
}
```

After:

```mlir
func.func private @f(%x: tensor<f32>) -> tensor<f32> {
  %0 = dlc.mul %x, %x : tensor<f32>
  func.return %0 : tensor<f32>
}
func.func private @f_jvp_0(%x: tensor<f32>, %d_x: tensor<f32>) -> (tensor<f32>, tensor<f32>) {
  %0 = dlc.mul %x, %x : tensor<f32>
  %1 = dlc.mul %d_x, %x : tensor<f32>
  %2 = dlc.mul %x, %d_x : tensor<f32>
  %3 = dlc.add %1, %2 : tensor<f32>
  func.return %0, %3 : tensor<f32>, tensor<f32>
}
func.func private @g(%x: tensor<f32>, %dx: tensor<f32>) -> tensor<f32> {
  %0 = dlc.mul %x, %x : tensor<f32>
  %1 = dlc.mul %dx, %x : tensor<f32>
  %2 = dlc.mul %x, %dx : tensor<f32>
  %3 = dlc.add %1, %2 : tensor<f32>
  func.return %3 : tensor<f32>
}
func.func private @g_vmap_0(%x: tensor<8xf32>, %dx: tensor<f32>) -> tensor<8xf32> {
  %0 = dlc.mul %x, %x : tensor<8xf32>
  %1 = dlc.broadcast_in_dim %dx dims [] : tensor<f32> -> tensor<8xf32>
  %2 = dlc.mul %1, %x : tensor<8xf32>
  %3 = dlc.broadcast_in_dim %dx dims [] : tensor<f32> -> tensor<8xf32>
  %4 = dlc.mul %x, %3 : tensor<8xf32>
  %5 = dlc.add %2, %4 : tensor<8xf32>
  func.return %5 : tensor<8xf32>
}
func.func @main(%a: tensor<8xf32>, %da: tensor<f32>) -> tensor<8xf32> {
  %0 = dlc.call @g_vmap_0(%a, %da) : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  func.return %0 : tensor<8xf32>
}
```

*Requires* `func` and `dlc` operations only, and no recursion.
*Ensures* that no transform is left: each is a `dlc.call` of a derived function, which is built once per callee, set of
arguments and types.
*Leaves alone* calls in functions that no transform refers to (`inline` replaces them); in the others they are
inlined.
"""

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from dialects.dlc.transforms import JvpOp, VjpOp, VmapOp
from passes.dlc.batch import VmapExpander
from passes.dlc.call_graph import CallGraph
from passes.dlc.differentiate import JvpExpander, VjpExpander
from passes.dlc.expansion import Expanders, expand_transforms

EXPANDERS: Expanders = {JvpOp: JvpExpander(), VjpOp: VjpExpander(), VmapOp: VmapExpander()}


@dataclass(frozen=True)
class ExpandTransformsPass(ModulePass):
    """Expand `dlc.jvp`, `dlc.vjp` and `dlc.vmap`, innermost first."""

    name = "expand-transforms"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Run on `op`."""
        del ctx
        expand_transforms(CallGraph(op), EXPANDERS)
