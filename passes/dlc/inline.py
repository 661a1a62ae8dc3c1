"""Replace every `dlc.call`, checkpoint and function with a custom derivative by the body of its callee.

Before:

```mlir
func.func private @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = dlc.exp %x : tensor<4xf32>
  func.return %0 : tensor<4xf32>
}
func.func @main(%a: tensor<4xf32>) -> tensor<4xf32> {
  %0 = dlc.neg %a : tensor<4xf32>
  %1 = dlc.call @f(%0) : (tensor<4xf32>) -> tensor<4xf32>
  func.return %1 : tensor<4xf32>
}
```

After:

```mlir
func.func private @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = dlc.exp %x : tensor<4xf32>
  func.return %0 : tensor<4xf32>
}
func.func @main(%a: tensor<4xf32>) -> tensor<4xf32> {
  %0 = dlc.neg %a : tensor<4xf32>
  %1 = dlc.exp %0 : tensor<4xf32>
  func.return %1 : tensor<4xf32>
}
```

*Requires* that callees are defined in the module, and no recursion.
*Ensures* that no `dlc.call`, `dlc.checkpoint`, `dlc.custom_jvp` or `dlc.custom_vjp` is left. Callees come first, so each body is copied complete.
*Leaves alone* the transforms, and callees that have become unused (`remove-dead-functions` removes them).
"""

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from passes.dlc.call_graph import CallGraph


@dataclass(frozen=True)
class InlinePass(ModulePass):
    """Replace every `dlc.call` by the body of its callee."""

    name = "inline"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Run on `op`."""
        del ctx
        graph = CallGraph(op)
        graph.inline_calls(graph.functions.values(), plain=True)
