"""Carry the real and the imaginary parts of complex numbers apart, where the steps of a loop compute with them apart.

Before:

```mlir
func.func private @step(%i: tensor<i64>, %z: tensor<4x2xf32>, %k: tensor<f32>) -> tensor<4x2xf32> {
  %0 = dlc.deinterleave %z index 0 : tensor<4x2xf32> -> tensor<4xf32>
  %1 = dlc.deinterleave %z index 1 : tensor<4x2xf32> -> tensor<4xf32>
  %2 = dlc.neg %1 : tensor<4xf32>
  %3 = dlc.interleave %2, %0 : tensor<4xf32> -> tensor<4x2xf32>
  func.return %3 : tensor<4x2xf32>
}
func.func @main(%z: tensor<4x2xf32>, %k: tensor<f32>) -> tensor<4x2xf32> {
  %0 = dlc.scan @step(%z)(%k)() length 8 : (tensor<4x2xf32>, tensor<f32>) -> tensor<4x2xf32>
  func.return %0 : tensor<4x2xf32>
}
```

After:

```mlir
func.func private @step_2(%i: tensor<i64>, %x: tensor<4xf32>, %y: tensor<4xf32>, %k: tensor<f32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %0 = dlc.neg %y : tensor<4xf32>
  func.return %0, %x : tensor<4xf32>, tensor<4xf32>
}
func.func @main(%z: tensor<4x2xf32>, %k: tensor<f32>) -> tensor<4x2xf32> {
  %x = dlc.deinterleave %z index 0 : tensor<4x2xf32> -> tensor<4xf32>
  %y = dlc.deinterleave %z index 1 : tensor<4x2xf32> -> tensor<4xf32>
  %0, %1 = dlc.scan @step_2(%x, %y)(%k)() length 8 : (tensor<4xf32>, tensor<4xf32>, tensor<f32>) -> (tensor<4xf32>, tensor<4xf32>)
  %2 = dlc.interleave %0, %1 : tensor<4xf32> -> tensor<4x2xf32>
  func.return %2 : tensor<4x2xf32>
}
```

So vectors have parts of one kind, and a loop of elementwise steps is one that points can run by themselves.

*Requires* what `split-complex` ensures.
*Ensures* that no step does nothing with a carry but take its parts, and make the next one of two parts.
*Leaves alone* carries that a step stacks, transforms, or hands on as a whole.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.ir import Attribute, Block, SSAValue
from xdsl.passes import ModulePass

from dialects.builder import OpBuilder
from dialects.dlc.complex_parts import DeinterleaveOp, InterleaveOp, deinterleave, interleave
from dialects.dlc.higher_order import split
from dialects.dlc.interfaces import tensor_type_of
from dialects.dlc.scan import ScanOp, scan, slice_type, step_types
from dialects.dlc.while_loop import WhileOp, while_
from dialects.remarks import emit_remark
from passes.dlc.call_graph import CallGraph
from passes.dlc.derivations import GraphDerivations
from passes.dlc.rebuild import body_of, rebuild_function, return_of
from passes.dlc.remove_dead_functions import RemoveDeadFunctionsPass
from passes.dlc.simplify_dlc import SimplifyingBuilder, erase_dead_ops, simplify_op


@dataclass(frozen=True)
class SplitCarriesPass(ModulePass):
    """Carry real and imaginary parts apart where the steps of a loop compute with them apart."""

    name = "split-carries"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Run on `op`."""
        graph = CallGraph(op)
        derive = GraphDerivations(graph)
        changed = False
        for function in graph.callees_first(
            list(graph.functions.values())
        ):  # what an inner loop carries apart, an outer one may
            loops = [each for each in graph.calls_in(function) if isinstance(each, ScanOp | WhileOp)]
            split_ones = [_split(each, graph, derive) for each in loops]
            if any(split_ones):
                _simplify(function, graph)
                changed = True
        if changed:
            RemoveDeadFunctionsPass().apply(ctx, op)


def _simplify(function: FuncOp, graph: CallGraph) -> None:
    rebuild_function(function, simplify_op, SimplifyingBuilder)
    erase_dead_ops(body_of(function))
    graph.update(function)


def _split(op: ScanOp | WhileOp, graph: CallGraph, derive: GraphDerivations) -> bool:
    """Replace `op` by a loop that carries parts; return whether it has carries to split."""
    pairs = _pairs(op, graph)
    if not pairs:
        return False
    count = len(op.init)
    width = count + len(pairs)
    cond = op.cond if isinstance(op, WhileOp) else None

    def apart(b: OpBuilder, values: Sequence[SSAValue]) -> list[SSAValue]:
        """The carry with parts in place of pairs."""
        parts = ([deinterleave(b, v, k) for k in (0, 1)] if place in pairs else [v] for place, v in enumerate(values))
        return [value for each in parts for value in each]

    def together(b: OpBuilder, values: Sequence[SSAValue]) -> list[SSAValue]:
        """The carry with pairs again."""
        rest = iter(values)
        return [interleave(b, next(rest), next(rest)) if place in pairs else next(rest) for place in range(count)]

    def on_parts(symbol: str, leading: int, types: Sequence[Attribute]) -> str:
        """A function on a carry with pairs, which stands behind `leading` arguments, for one with parts."""

        def body(b: OpBuilder, arguments: tuple[SSAValue, ...]) -> Sequence[SSAValue]:
            first, carry, rest = split(arguments, leading, width, len(arguments) - leading - width)
            results = derive.inline(b, symbol, [*first, *together(b, carry), *rest])
            return results if symbol == cond else [*apart(b, results[:count]), *results[count:]]

        name = derive.build(symbol, symbol, types, body)
        _simplify(graph.functions[name], graph)
        return name

    parent = cast(Block, op.parent)
    aside = Block()
    b = OpBuilder(aside, op.location)
    init = apart(b, op.init)
    if isinstance(op, ScanOp):
        slices = [slice_type(tensor_type_of(value)) for value in op.outputs[count:]]
        body = on_parts(op.body, 1, step_types(init, op.constants, op.xs))
        results = scan(b, body, init, op.constants, op.xs, slices, op.length, reverse=op.is_reverse)
    else:
        types = [value.type for value in (*init, *op.constants)]
        callees = on_parts(op.cond, 0, types), on_parts(op.body, 0, types)
        results = while_(b, *callees, init, op.constants, op.max_steps)
    new = [*together(b, results[:width]), *results[width:]]
    for each in list(aside.ops):
        each.detach()
        parent.insert_op_before(each, op)
    for old, value in zip(op.results, new, strict=True):
        value.name_hint = value.name_hint or old.name_hint
        old.replace_all_uses_with(value)
    message = f"real and imaginary parts of {len(pairs)} of {count} carried values are carried apart"
    emit_remark("passed", SplitCarriesPass.name, message, op.location)
    parent.erase_op(op)
    return True


def _pairs(op: ScanOp | WhileOp, graph: CallGraph) -> frozenset[int]:
    """Which carries are pairs that no step uses as a whole."""
    blocks = [body_of(callee) for callee in graph.callees_of(op)]
    outputs = return_of(blocks[-1]).operands
    first = len(blocks[-1].args) - len(op.operands)
    carried = [[block.args[first + place] for block in blocks] for place in range(len(op.init))]
    place_of: dict[SSAValue, int] = {argument: place for place, values in enumerate(carried) for argument in values}

    def is_apart(place: int, pairs: frozenset[int]) -> bool:
        output = outputs[place]
        is_pair = isinstance(output.owner, InterleaveOp) or place_of.get(output) in pairs
        uses = [use for value in (*carried[place], output) for use in value.uses]
        return is_pair and all(
            isinstance(use.operation, DeinterleaveOp) or (use.operation is blocks[-1].last_op and use.index in pairs)
            for use in uses
        )

    complex_ones = frozenset(place for place, values in enumerate(carried) if _has_parts(outputs[place], values))
    pairs, wider = complex_ones, None
    while pairs != wider:
        pairs, wider = frozenset(place for place in pairs if is_apart(place, pairs)), pairs
    for place in sorted(complex_ones - pairs):
        message = f"carried value {place}, {op.init[place].type}, is stacked, transformed or handed on as a whole"
        emit_remark("missed", SplitCarriesPass.name, message, op.location)
    return pairs


def _has_parts(output: SSAValue, carried: Sequence[SSAValue]) -> bool:
    """Whether a step takes parts of a carry or makes it of parts."""
    uses = (use.operation for value in carried for use in value.uses)
    return isinstance(output.owner, InterleaveOp) or any(isinstance(use, DeinterleaveOp) for use in uses)
