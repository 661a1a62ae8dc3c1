"""Sum products behind a loop where its steps only add them up.

The gradient of a weight that all steps of a loop use is the sum of one product per step. One product over all steps is the same,
at the speed of a large matrix product, and the sum is not read and written again in every step.

Before:

```mlir
func.func private @step(%i: tensor<i64>, %h: tensor<2xf32>, %sum: tensor<2x3xf32>, %x: tensor<3xf32>, %k: tensor<2xf32>) -> (tensor<2xf32>, tensor<2x3xf32>) {
  %0 = dlc.mul %h, %k : tensor<2xf32>
  %1 = dlc.dot_general %0, %x contracting [] x [] : tensor<2xf32>, tensor<3xf32> -> tensor<2x3xf32>
  %2 = dlc.add %sum, %1 : tensor<2x3xf32>
  func.return %0, %2 : tensor<2xf32>, tensor<2x3xf32>
}
func.func @main(%h: tensor<2xf32>, %w: tensor<2x3xf32>, %x: tensor<8x3xf32>, %k: tensor<8x2xf32>) -> tensor<2x3xf32> {
  %0, %1 = dlc.scan @step(%h, %w)()(%x, %k) length 8 : (tensor<2xf32>, tensor<2x3xf32>, tensor<8x3xf32>, tensor<8x2xf32>) -> (tensor<2xf32>, tensor<2x3xf32>)
  func.return %1 : tensor<2x3xf32>
}
```

After:

```mlir
func.func private @step(%i: tensor<i64>, %h: tensor<2xf32>, %sum: tensor<2x3xf32>, %x: tensor<3xf32>, %k: tensor<2xf32>) -> (tensor<2xf32>, tensor<2x3xf32>) {
  %0 = dlc.mul %h, %k : tensor<2xf32>
  %1 = dlc.dot_general %0, %x contracting [] x [] : tensor<2xf32>, tensor<3xf32> -> tensor<2x3xf32>
  %2 = dlc.add %sum, %1 : tensor<2x3xf32>
  func.return %0, %2 : tensor<2xf32>, tensor<2x3xf32>
}
func.func private @step_2(%i: tensor<i64>, %h: tensor<2xf32>, %k: tensor<2xf32>) -> (tensor<2xf32>, tensor<2xf32>) {
  %0 = dlc.mul %h, %k : tensor<2xf32>
  func.return %0, %0 : tensor<2xf32>, tensor<2xf32>
}
func.func @main(%h: tensor<2xf32>, %w: tensor<2x3xf32>, %x: tensor<8x3xf32>, %k: tensor<8x2xf32>) -> tensor<2x3xf32> {
  %0, %1 = dlc.scan @step_2(%h)()(%k) length 8 : (tensor<2xf32>, tensor<8x2xf32>) -> (tensor<2xf32>, tensor<8x2xf32>)
  %2 = dlc.dot_general %1, %x contracting [0] x [0] : tensor<8x2xf32>, tensor<8x3xf32> -> tensor<2x3xf32>
  %3 = dlc.add %w, %2 : tensor<2x3xf32>
  func.return %3 : tensor<2x3xf32>
}
```

*Requires* that no call and no transform is left.
*Ensures* that no step of a scan adds a product, or a sum over dimensions, to a carry that it uses for nothing else, if all that
has to be stacked for it is in each step not larger than that carry.
*Leaves alone* sums of large products, such as those over a large batch, for which more would have to be stacked, and the order of
all other additions.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Block, BlockArgument, Operation, SSAValue
from xdsl.passes import ModulePass

from dialects.builder import OpBuilder
from dialects.dlc.arithmetic import AddOp, add
from dialects.dlc.broadcast import ReduceSumOp, reduce_sum
from dialects.dlc.constants import splat_value
from dialects.dlc.contraction import DotGeneralOp, dot_general
from dialects.dlc.higher_order import split
from dialects.dlc.interfaces import element_type_of, ints, is_bool, shape_of
from dialects.dlc.scan import ScanOp, scan, step_types
from dialects.dlc.shape import TransposeOp, transpose
from passes.dlc.call_graph import CallGraph
from passes.dlc.derivations import GraphDerivations
from passes.dlc.rebuild import Values, body_of, copy_op, rebuild_function, return_of
from passes.dlc.simplify_dlc import SimplifyingBuilder, erase_dead_ops, simplify_op


@dataclass(frozen=True)
class HoistSumsPass(ModulePass):
    """Sum products behind a loop where its steps only add them up."""

    name = "hoist-sums"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Run on `op`."""
        del ctx
        graph = CallGraph(op)
        derive = GraphDerivations(graph)
        for function in graph.callees_first(list(graph.functions.values())):
            scans = [each for each in graph.calls_in(function) if isinstance(each, ScanOp)]
            hoisted = [_hoist(each, graph, derive) for each in scans]
            if any(hoisted):
                rebuild_function(function, simplify_op, SimplifyingBuilder)
                erase_dead_ops(body_of(function))
                graph.update(function)


@dataclass(frozen=True)
class _Sum:
    """A carry that a step only adds to.

    Attributes:
        place: which carry.
        terms: the values of a step that what it adds is computed from.
        total: what the steps add in all, from the stacked `terms`.
    """

    place: int
    terms: tuple[SSAValue, ...]
    total: Callable[[OpBuilder, list[SSAValue]], SSAValue]


def _hoist(op: ScanOp, graph: CallGraph, derive: GraphDerivations) -> bool:
    """Replace `op` by a scan without the sums and what computes them from stacks; return whether there are any."""
    body = body_of(graph.functions[op.body])
    sums = _sums(op, body)
    if not sums:
        return False
    count = len(op.init)
    summed = {each.place for each in sums}
    outputs = return_of(body).operands
    kept = [place for place in range(count) if place not in summed]
    ys = list(outputs[count:])
    for term in dict.fromkeys(term for each in sums for term in each.terms):
        if term not in ys and not _is_slice(op, term):
            ys.append(term)
    returned = [*(outputs[place] for place in kept), *ys]
    # What is left needs fewer of the slices, if they were only multiplied.
    needed = _needed(returned)
    rows = [row for row, argument in enumerate(body.args[-len(op.xs) :] if op.xs else ()) if argument in needed]
    first, stacked = [op.init[place] for place in kept], [op.xs[row] for row in rows]

    def step(b: OpBuilder, arguments: tuple[SSAValue, ...]) -> list[SSAValue]:
        i, carry, constants, xs = split(arguments, 1, len(kept), len(op.constants), len(rows))
        first_x = 1 + count + len(op.constants)
        values: Values = {body.args[0]: i[0]}
        values |= {body.args[1 + place]: value for place, value in zip(kept, carry, strict=True)}
        values |= dict(zip(body.args[1 + count : first_x], constants, strict=True))
        values |= {body.args[first_x + row]: value for row, value in zip(rows, xs, strict=True)}
        for old, new in values.items():
            new.name_hint = old.name_hint
        for inner in body.ops:
            if any(result in needed for result in inner.results):
                copy_op(b, inner, values)
        return [values[value] for value in returned]

    aside = Block()
    b = OpBuilder(aside, op.location)
    symbol = derive.build(op.body, op.body, step_types(first, op.constants, stacked), step)
    types = [y.type for y in ys]
    results = scan(b, symbol, first, op.constants, stacked, types, op.length, reverse=op.is_reverse)
    stacks = dict(zip(ys, results[len(kept) :], strict=True))
    found: dict[int, SSAValue] = dict(zip(kept, results, strict=False))
    for each in sums:
        terms = [stacks[term] if term in stacks else _stack_of(op, term) for term in each.terms]
        init, total = op.init[each.place], each.total(b, terms)
        found[each.place] = total if splat_value(init) == 0 else add(b, init, total)
    new = [*(found[place] for place in range(count)), *results[len(kept) : len(kept) + len(outputs) - count]]
    for each in list(aside.ops):
        each.detach()
        cast(Block, op.parent).insert_op_before(each, op)
    for old, value in zip(op.results, new, strict=True):
        value.name_hint = value.name_hint or old.name_hint
        old.replace_all_uses_with(value)
    cast(Block, op.parent).erase_op(op)
    return True


def _sums(op: ScanOp, body: Block) -> list[_Sum]:
    """The carries of `op` that are worth to be summed behind it."""
    outputs = return_of(body).operands
    known = set(outputs[len(op.init) :])
    found: list[_Sum] = []
    for place in range(len(op.init)):
        carry, output = body.args[1 + place], outputs[place]
        step = output.owner
        if not isinstance(step, AddOp) or is_bool(element_type_of(output)):
            continue
        if not carry.has_one_use() or not output.has_one_use() or carry not in step.operands:
            continue
        term = step.rhs if step.lhs is carry else step.lhs
        each = _sum_of(place, term)
        if each is None or any(_is_fixed(op, value) for value in each.terms):
            continue
        stacked = {value for value in each.terms if value not in known and not _is_slice(op, value)}
        if sum(math.prod(shape_of(value)) for value in stacked) <= math.prod(shape_of(term)):
            found.append(each)
            known |= stacked
    return found


def _sum_of(place: int, term: SSAValue) -> _Sum | None:
    """The sum of `term` over all steps: that of `x_i y_i` is one product, contracted over the steps too."""
    owner = term.owner
    if isinstance(owner, TransposeOp):
        inner, permutation = _sum_of(place, owner.operand), ints(owner.permutation)
        if inner is None:
            return None
        return _Sum(place, inner.terms, lambda b, stacks: transpose(b, inner.total(b, stacks), permutation))
    if isinstance(owner, AddOp):
        lhs, rhs = _sum_of(place, owner.lhs), _sum_of(place, owner.rhs)
        if lhs is None or rhs is None:
            return None
        count = len(lhs.terms)
        return _Sum(
            place,
            (*lhs.terms, *rhs.terms),
            lambda b, stacks: add(b, lhs.total(b, stacks[:count]), rhs.total(b, stacks[count:])),
        )
    if isinstance(owner, DotGeneralOp):
        dims = owner.dimensions

        def product(b: OpBuilder, stacks: list[SSAValue]) -> SSAValue:
            left, right = stacks
            batch = _shifted(dims.lhs_batch), _shifted(dims.rhs_batch)
            return dot_general(
                b, left, right, *batch, [0, *_shifted(dims.lhs_contracting)], [0, *_shifted(dims.rhs_contracting)]
            )

        return _Sum(place, (owner.lhs, owner.rhs), product)
    if isinstance(owner, ReduceSumOp):
        reduced = [0, *_shifted(ints(owner.dims))]
        return _Sum(place, (owner.operand,), lambda b, stacks: reduce_sum(b, stacks[0], reduced))
    return None


def _shifted(dims: tuple[int, ...]) -> list[int]:
    """The same dimensions of a stack."""
    return [dim + 1 for dim in dims]


def _needed(outputs: list[SSAValue]) -> set[SSAValue]:
    """All that `outputs` are computed from, themselves included."""
    needed: set[SSAValue] = set()
    pending = list(outputs)
    while pending:
        value = pending.pop()
        if value not in needed:
            needed.add(value)
            if isinstance(value.owner, Operation):
                pending += value.owner.operands
    return needed


def _is_fixed(op: ScanOp, value: SSAValue) -> bool:
    """Whether `value` is the same in every step."""
    constants = range(1 + len(op.init), 1 + len(op.init) + len(op.constants))
    return all(each.index in constants for each in _needed([value]) if isinstance(each, BlockArgument))


def _is_slice(op: ScanOp, value: SSAValue) -> bool:
    """Whether `value` is a slice of what is stacked already."""
    return isinstance(value, BlockArgument) and value.index >= 1 + len(op.init) + len(op.constants)


def _stack_of(op: ScanOp, value: SSAValue) -> SSAValue:
    assert isinstance(value, BlockArgument)
    return op.xs[value.index - 1 - len(op.init) - len(op.constants)]
