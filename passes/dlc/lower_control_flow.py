"""Control flow of `dlc` as `scf` on tensors: the functions that it names become regions.

```mlir
// dlc.scan: takes rows of the `xs`, and puts rows of the `ys` into a stack
%r, %ys = scf.for %i = %zero to %length step %one iter_args(%carry = %init, %stack = %empty) -> (tensor<f32>, tensor<9x4xf32>) {
  %x = tensor.extract_slice %xs[%i, 0] [1, 4] [1, 1] : tensor<9x4xf32> to tensor<4xf32>
  …
  %stacked = tensor.insert_slice %y into %stack[%i, 0] [1, 4] [1, 1] : tensor<4xf32> into tensor<9x4xf32>
  scf.yield %next, %stacked : tensor<f32>, tensor<9x4xf32>
}
```
What is carried or stacked in vain, `prune-control-flow` has taken out before.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias, cast

from xdsl.dialects import arith, scf, tensor
from xdsl.dialects.builtin import IndexType, IntegerAttr, IntegerType, i1, i64
from xdsl.dialects.func import FuncOp
from xdsl.ir import Attribute, Block, Region, SSAValue

from dialects.builder import OpBuilder, int_array
from dialects.dlc.case import CaseOp
from dialects.dlc.higher_order import HigherOrderOp
from dialects.dlc.interfaces import element_type_of, is_unsigned, tensor_type_of
from dialects.dlc.scan import INDEX, ScanOp
from dialects.dlc.while_loop import WhileOp
from dialects.rows import build_row, build_with_row
from dialects.structured import build_empty
from passes.dlc.rebuild import body_of

_INDEX = IndexType()
_AT_LEAST, _AT_LEAST_UNSIGNED = 5, 9
"""The numbers of `sge` and `uge` among the predicates of `arith.cmpi`."""


Inline: TypeAlias = Callable[[OpBuilder, FuncOp, Sequence[SSAValue]], list[SSAValue]]
"""Appends the lowered body of a function on arguments; returns its results."""


def lower_control_flow(
    b: OpBuilder, op: HigherOrderOp, operands: Sequence[SSAValue], callees: Sequence[FuncOp], inline: Inline
) -> Sequence[SSAValue]:
    """Append the form of `op` on lowered `operands` in `scf`; return its results. `callees` are the functions that it names."""
    match op:
        case ScanOp():
            return _lower_scan(b, op, operands, callees[0], inline)
        case WhileOp():
            return _lower_while(b, op, operands, callees[0], callees[1], inline)
        case CaseOp():
            return _lower_case(b, op, operands, callees, inline)
        case _:
            raise AssertionError(f"{op.name}: has no form in scf")


def _lower_scan(
    b: OpBuilder, op: ScanOp, operands: Sequence[SSAValue], body: FuncOp, inline: Inline
) -> Sequence[SSAValue]:
    count, first_x = len(op.init), len(op.init) + len(op.constants)
    constants, xs = operands[count:first_x], operands[first_x:]
    zero, length, one = (b.index(n) for n in (0, op.length, 1))
    stacks = [build_empty(b, tensor_type_of(output)) for output in op.outputs[count:]]
    initial = [*operands[:count], *stacks]
    types = [value.type for value in initial]
    block = Block(arg_types=[_INDEX, *types])
    inner = OpBuilder(block, b.location)
    position, carried, stacked = block.args[0], block.args[1 : 1 + count], block.args[1 + count :]
    if op.is_reverse:
        position = inner.create(arith.SubiOp, (inner.index(op.length - 1), position), _INDEX)
    step = position  # stands for the number of the step if nothing reads that
    if body_of(body).args[0].first_use is not None:
        step = inner.create(tensor.FromElementsOp, (inner.create(arith.IndexCastOp, (position,), i64),), INDEX)
    results = inline(inner, body, [step, *carried, *constants, *(build_row(inner, x, position) for x in xs)])
    rows = zip(results[count:], stacked, strict=True)
    stacked = [build_with_row(inner, row, stack, position) for row, stack in rows]
    inner.create_op(scf.YieldOp, (*results[:count], *stacked))
    return b.create_op(scf.ForOp, (zero, length, one, *initial), types, regions=[Region(block)]).results


def _lower_while(
    b: OpBuilder, op: WhileOp, operands: Sequence[SSAValue], cond: FuncOp, body: FuncOp, inline: Inline
) -> Sequence[SSAValue]:
    count = len(op.init)
    initial, constants = operands[:count], operands[count:]
    types = [value.type for value in initial]
    before, after = Block(arg_types=types), Block(arg_types=types)
    inner = OpBuilder(before, b.location)
    (holds,) = inline(inner, cond, [*before.args, *constants])
    inner.create_op(scf.ConditionOp, (inner.create(tensor.ExtractOp, (holds,), i1), *before.args))
    inner = OpBuilder(after, b.location)
    inner.create_op(scf.YieldOp, inline(inner, body, [*after.args, *constants]))
    return b.create_op(scf.WhileOp, initial, types, regions=[Region(before), Region(after)]).results


def _lower_case(
    b: OpBuilder, op: CaseOp, operands: Sequence[SSAValue], branches: Sequence[FuncOp], inline: Inline
) -> Sequence[SSAValue]:
    index, *arguments = operands
    if len(branches) == 1:
        return inline(b, branches[0], arguments)
    types = [output.type for output in op.outputs]

    def region(branch: FuncOp) -> Region:
        block = Block()
        inner = OpBuilder(block, b.location)
        inner.create_op(scf.YieldOp, inline(inner, branch, arguments))
        return Region(block)

    element = element_type_of(index)
    chosen = b.create(tensor.ExtractOp, (index,), element)
    if element == i1 or len(branches) == 2:
        if element != i1:
            at_least = {"predicate": IntegerAttr(_AT_LEAST_UNSIGNED if is_unsigned(element) else _AT_LEAST, i64)}
            chosen = b.create(arith.CmpiOp, (chosen, b.constant(1, element)), i1, at_least)
        return b.create_op(scf.IfOp, (chosen,), types, regions=[region(branches[1]), region(branches[0])]).results
    position = _build_position(b, chosen, element)
    cases = {"cases": int_array(tuple(range(len(branches) - 1)))}
    regions = [region(branch) for branch in (branches[-1], *branches[:-1])]
    return b.create_op(scf.IndexSwitchOp, (position,), types, cases, regions=regions).results


def _build_position(b: OpBuilder, chosen: SSAValue, element: Attribute) -> SSAValue:
    """The `index` of a branch. The last branch is the default, so only indices below 0 have to be clamped."""
    if not is_unsigned(element):
        chosen = b.create(arith.MaxSIOp, (chosen, b.constant(0, element)), element)
    elif cast(IntegerType, element).width.data < 64:
        chosen = b.create(arith.ExtUIOp, (chosen,), i64)
    else:
        greatest = b.constant(2**31, element)  # so that it does not become negative
        chosen = b.create(arith.MinUIOp, (chosen, greatest), element)
    return b.create(arith.IndexCastOp, (chosen,), _INDEX)
