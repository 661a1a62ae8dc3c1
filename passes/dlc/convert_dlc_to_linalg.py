"""Lower every tensor operation to structured operations on tensors.

Before:

```mlir
func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = dlc.sqrt %x : tensor<4xf32>
  func.return %0 : tensor<4xf32>
}
```

After:

```mlir
func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = tensor.empty() : tensor<4xf32>
  %1 = linalg.generic {
    indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>],
    iterator_types = ["parallel"]
  } ins(%x : tensor<4xf32>) outs(%0 : tensor<4xf32>) {
  ^bb0(%a: f32, %out: f32):
    %2 = math.sqrt %a : f32
    linalg.yield %2 : f32
  } -> tensor<4xf32>
  func.return %1 : tensor<4xf32>
}
```

*Requires* that no call and no transform is left (`expand-transforms`, `inline`).
*Ensures* the structured form of the `linalg` stage; no `dlc` operation is left, and no integer type with a sign: a public
function that had some keeps its type as `rt.array_types`.
*Leaves alone* the shapes in signatures of functions, and operations of other dialects.
"""

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import PassFailedException

from dialects.builder import OpBuilder
from dialects.dlc.interfaces import TensorOp
from passes.dlc.call_graph import CALLS
from passes.dlc.rebuild import Values, copy_op, functions_of, rebuild_function
from passes.dlc.signless import remove_signs


def lower_op(b: OpBuilder, op: Operation, values: Values) -> None:
    """Enter the lowered result of `op` into `values`."""
    if isinstance(op, TensorOp):
        result = op.results[0]
        lowered = op.lower(b, [values[operand] for operand in op.operands])
        if lowered.name_hint is None:
            lowered.name_hint = result.name_hint
        values[result] = lowered
        return
    if type(op) in CALLS:
        message = f"{op.name}: has no form in linalg; run expand-transforms and inline first"
        op.emit_error(message, PassFailedException(message))
    copy_op(b, op, values)


@dataclass(frozen=True)
class ConvertDlcToLinalgPass(ModulePass):
    """Lower every tensor operation with its `lower` facet."""

    name = "convert-dlc-to-linalg"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Run on `op`."""
        del ctx
        for function in functions_of(op):
            rebuild_function(function, lower_op)
            remove_signs(function)
