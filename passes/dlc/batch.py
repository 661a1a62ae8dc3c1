"""Expand `dlc.vmap`: build the callee once more, on operands with one more leading dimension.

Before:

```mlir
func.func private @f(%x: tensor<4xf32>, %y: tensor<4xf32>) -> tensor<4xf32> {
  %0 = dlc.exp %y : tensor<4xf32>
  %1 = dlc.neg %x : tensor<4xf32>
  func.return %1 : tensor<4xf32>
}
func.func @main(%a: tensor<8x4xf32>, %b: tensor<4xf32>) -> tensor<8x4xf32> {
  %0 = dlc.vmap @f(%a, %b) mapped [0] size 8 : (tensor<8x4xf32>, tensor<4xf32>) -> tensor<8x4xf32>
  func.return %0 : tensor<8x4xf32>
}
```

After:

```mlir
func.func private @f(%x: tensor<4xf32>, %y: tensor<4xf32>) -> tensor<4xf32> {
  %0 = dlc.exp %y : tensor<4xf32>
  %1 = dlc.neg %x : tensor<4xf32>
  func.return %1 : tensor<4xf32>
}
func.func private @f_vmap_0(%x: tensor<8x4xf32>, %y: tensor<4xf32>) -> tensor<8x4xf32> {
  %0 = dlc.exp %y : tensor<4xf32>
  %1 = dlc.neg %x : tensor<8x4xf32>
  func.return %1 : tensor<8x4xf32>
}
func.func @main(%a: tensor<8x4xf32>, %b: tensor<4xf32>) -> tensor<8x4xf32> {
  %0 = dlc.call @f_vmap_0(%a, %b) : (tensor<8x4xf32>, tensor<4xf32>) -> tensor<8x4xf32>
  func.return %0 : tensor<8x4xf32>
}
```

*Requires* `func` and `dlc` operations only.
*Ensures* that every `dlc.vmap` left has a callee that holds a `dlc.jvp` or `dlc.vjp`; what does not depend on a mapped
argument is computed once, and broadcast only where it is returned.
*Leaves alone* the other transforms, and calls outside the callees.
"""

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Block, Operation, SSAValue
from xdsl.passes import ModulePass

from dialects.builder import OpBuilder
from dialects.dlc.broadcast import broadcast_to_front
from dialects.dlc.higher_order import Derivations
from dialects.dlc.interfaces import ints
from dialects.dlc.transforms import VmapOp
from passes.dlc.batching import build_batched
from passes.dlc.call_graph import CallGraph
from passes.dlc.expansion import Expander, expand_transforms
from passes.dlc.rebuild import Values, body_of, copy_arguments, return_of


class VmapExpander(Expander):
    """Derives `@f_vmap_<mapped>`."""

    def suffix(self, op: Operation) -> str:
        """`_vmap_` and the mapped arguments."""
        assert isinstance(op, VmapOp)
        return "_".join(("_vmap", *map(str, ints(op.mapped))))

    def build_body(self, op: Operation, callee: FuncOp, derive: Derivations) -> Block:
        """Build each operation with its `batch` facet, or a copy where no operand is batched."""
        assert isinstance(op, VmapOp)
        source = body_of(callee)
        block = copy_arguments(source, op.operand_types)
        values: Values = dict(zip(source.args, block.args, strict=True))
        batched: set[SSAValue] = {source.args[index] for index in ints(op.mapped)}
        b = OpBuilder(block)
        build_batched(b, source, values, batched, op.size, derive)
        last = return_of(source)
        b.location = last.location
        returned = [
            values[value] if value in batched else broadcast_to_front(b, values[value], op.size)
            for value in last.operands
        ]
        b.create_op(ReturnOp, returned)
        return block


@dataclass(frozen=True)
class BatchPass(ModulePass):
    """Expand `dlc.vmap` with each operation's `batch` facet."""

    name = "batch"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Run on `op`."""
        del ctx
        expand_transforms(CallGraph(op), {VmapOp: VmapExpander()})
