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

Control flow becomes `scf` with the functions that it names as regions (`passes/dlc/lower_control_flow.py`).

*Requires* that no call and no transform is left (`expand-transforms`, `inline`).
*Ensures* the structured form of the `linalg` stage; no `dlc` operation is left, no private function that control flow names,
and no integer type with a sign: a public function that had some keeps its type as `rt.array_types`.
*Leaves alone* the shapes in signatures of functions, and operations of other dialects.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import PassFailedException

from dialects.builder import OpBuilder
from dialects.dlc.higher_order import HigherOrderOp
from dialects.dlc.interfaces import PureOp
from passes.dlc.call_graph import CALLS
from passes.dlc.lower_control_flow import lower_control_flow
from passes.dlc.rebuild import Values, body_of, copy_op, functions_of, rebuild_function, return_of
from passes.dlc.signless import remove_signs


class _Lowering:
    """Lowers the operations of the functions of one module."""

    def __init__(self, functions: Mapping[str, FuncOp]):
        self.functions = functions

    def lower_op(self, b: OpBuilder, op: Operation, values: Values) -> None:
        """Enter the lowered results of `op` into `values`."""
        if isinstance(op, PureOp):
            lowered = op.lower_all(b, [values[operand] for operand in op.operands])
        elif isinstance(op, HigherOrderOp):
            callees = [self._callee(op, callee.symbol) for callee in op.callee_types()]
            lowered = lower_control_flow(b, op, [values[operand] for operand in op.operands], callees, self._inline)
        elif type(op) in CALLS:
            message = f"{op.name}: has no form in linalg; run expand-transforms and inline first"
            op.emit_error(message, PassFailedException(message))
        else:
            copy_op(b, op, values)
            return
        for result, value in zip(op.results, lowered, strict=True):
            if value.name_hint is None:
                value.name_hint = result.name_hint
            values[result] = value

    def _callee(self, op: Operation, symbol: str) -> FuncOp:
        function = self.functions.get(symbol)
        if function is None:
            message = f"{op.name}: there is no function @{symbol} with a body; define it in the same module"
            op.emit_error(message, PassFailedException(message))
        return function

    def _inline(self, b: OpBuilder, callee: FuncOp, arguments: Sequence[SSAValue]) -> list[SSAValue]:
        """Append the lowered body of `callee`; return its results."""
        body = body_of(callee)
        values: Values = dict(zip(body.args, arguments, strict=True))
        outer = b.location
        for op in body.ops:
            if op is not body.last_op:
                b.location = op.location
                self.lower_op(b, op, values)
        b.location = outer
        return [values[value] for value in return_of(body).operands]


@dataclass(frozen=True)
class ConvertDlcToLinalgPass(ModulePass):
    """Lower every tensor operation with its `lower` facet."""

    name = "convert-dlc-to-linalg"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Run on `op`."""
        del ctx
        functions = {function.sym_name.data: function for function in functions_of(op)}
        lowering = _Lowering(functions)
        named = {
            callee.symbol for inner in op.walk() if isinstance(inner, HigherOrderOp) for callee in inner.callee_types()
        }
        callees = [function for name, function in functions.items() if name in named and _is_private(function)]
        for function in functions.values():
            if function not in callees:
                rebuild_function(function, lowering.lower_op)
                remove_signs(function)
        for function in callees:
            op.body.block.erase_op(function)


def _is_private(function: FuncOp) -> bool:
    return function.sym_visibility is not None and function.sym_visibility.data == "private"
