"""Drop what control flow computes for nobody, and branches that are never taken.

Before:

```mlir
func.func private @step(%i: tensor<i64>, %a: tensor<f32>, %b: tensor<f32>, %k: tensor<f32>) -> (tensor<f32>, tensor<f32>, tensor<f32>) {
  %0 = dlc.mul %a, %k : tensor<f32>
  %1 = dlc.exp %b : tensor<f32>
  func.return %0, %1, %k : tensor<f32>, tensor<f32>, tensor<f32>
}
func.func @main(%x: tensor<f32>) -> (tensor<f32>, tensor<8xf32>) {
  %0 = dlc.constant dense<2.0> : tensor<f32>
  %1, %2, %3 = dlc.scan @step(%x, %x)(%0)() length 8 : (tensor<f32>, tensor<f32>, tensor<f32>) -> (tensor<f32>, tensor<f32>, tensor<8xf32>)
  func.return %1, %3 : tensor<f32>, tensor<8xf32>
}
```

After:

```mlir
func.func private @step(%i: tensor<i64>, %a: tensor<f32>, %b: tensor<f32>, %k: tensor<f32>) -> (tensor<f32>, tensor<f32>, tensor<f32>) {
  %0 = dlc.mul %a, %k : tensor<f32>
  %1 = dlc.exp %b : tensor<f32>
  func.return %0, %1, %k : tensor<f32>, tensor<f32>, tensor<f32>
}
func.func private @step_2(%i: tensor<i64>, %a: tensor<f32>) -> tensor<f32> {
  %0 = dlc.constant dense<2.0> : tensor<f32>
  %1 = dlc.mul %a, %0 : tensor<f32>
  func.return %1 : tensor<f32>
}
func.func @main(%x: tensor<f32>) -> (tensor<f32>, tensor<8xf32>) {
  %0 = dlc.scan @step_2(%x)()() length 8 : (tensor<f32>) -> tensor<f32>
  %1 = dlc.constant dense<2.0> : tensor<8xf32>
  func.return %0, %1 : tensor<f32>, tensor<8xf32>
}
```

*Requires* that no call and no transform is left.
*Ensures* that scans and loops carry only what changes and what a result depends on, that nothing is stacked for nobody, and
that no choice has a constant index. What it changes is simplified.
*Leaves alone* functions whose control flow computes nothing in vain.
"""

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.ir import Block
from xdsl.passes import ModulePass

from dialects.builder import OpBuilder
from dialects.dlc.higher_order import HigherOrderOp
from dialects.dlc.interfaces import PureOp
from passes.dlc.call_graph import CallGraph
from passes.dlc.derivations import GraphDerivations
from passes.dlc.rebuild import body_of, rebuild_function
from passes.dlc.simplify_dlc import SimplifyingBuilder, erase_dead_ops, simplify_op


@dataclass(frozen=True)
class PruneControlFlowPass(ModulePass):
    """Drop what control flow computes for nobody."""

    name = "prune-control-flow"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Run on `op`."""
        del ctx
        graph = CallGraph(op)
        derive = GraphDerivations(graph)
        pending = [function for function in graph.functions.values() if not _is_private(function)]
        seen: set[FuncOp] = set(pending)
        original = set(graph.functions.values())
        while pending:
            function = pending.pop()
            if _prune(function, derive) or function not in original:
                rebuild_function(function, simplify_op, SimplifyingBuilder)
                erase_dead_ops(body_of(function))
                graph.update(function)
            for inner in graph.calls_in(function):
                for callee in graph.callees_of(inner):
                    if callee not in seen:
                        seen.add(callee)
                        pending.append(callee)


def _is_private(function: FuncOp) -> bool:
    return function.sym_visibility is not None and function.sym_visibility.data == "private"


def _prune(function: FuncOp, derive: GraphDerivations) -> bool:
    """Prune the control flow of a function, last operations first; return whether anything changed."""
    block = body_of(function)
    changed = False
    op = block.last_op
    while op is not None:
        previous = op.prev_op
        used = tuple(result.first_use is not None for result in op.results)
        if isinstance(op, PureOp | HigherOrderOp) and not any(used):
            block.erase_op(op)
            changed = True
        elif isinstance(op, HigherOrderOp):
            aside = Block()
            results = op.prune(OpBuilder(aside, op.location), list(op.operands), used, derive)
            if results is not None:
                changed = True
                new = list(aside.ops)
                for each in new:
                    each.detach()
                block.insert_ops_before(new, op)
                for old, value in zip(op.results, results, strict=True):
                    if value is not None:
                        value.name_hint = value.name_hint or old.name_hint
                        old.replace_all_uses_with(value)
                block.erase_op(op)
                previous = new[-1] if new else previous
        op = previous
    return changed
