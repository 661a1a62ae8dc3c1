"""Simplify tensor operations, fold constants, merge identical operations and drop dead ones, in one walk.

Before:

```mlir
func.func @f(%x: tensor<4xf32>, %y: tensor<4xf32>) -> tensor<4xf32> {
  %0 = dlc.constant dense<1.0> : tensor<f32>
  %1 = dlc.broadcast_in_dim %0 dims [] : tensor<f32> -> tensor<4xf32>
  %2 = dlc.mul %x, %1 : tensor<4xf32>
  %3 = dlc.exp %2 : tensor<4xf32>
  %4 = dlc.exp %x : tensor<4xf32>
  %5 = dlc.add %3, %4 : tensor<4xf32>
  %6 = dlc.sub %y, %x : tensor<4xf32>
  func.return %5 : tensor<4xf32>
}
```

After:

```mlir
func.func @f(%x: tensor<4xf32>, %y: tensor<4xf32>) -> tensor<4xf32> {
  %0 = dlc.exp %x : tensor<4xf32>
  %1 = dlc.add %0, %0 : tensor<4xf32>
  func.return %1 : tensor<4xf32>
}
```

*Requires* nothing.
*Ensures* that no operation with a simpler form, no two identical tensor operations and no dead tensor operation are
left; the value of every result is the same, bit by bit up to the sign of NaN.
*Leaves alone* calls, transforms and everything that is not a tensor operation.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from xdsl.context import Context
from xdsl.dialects.builtin import LocationAttr, ModuleOp
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.passes import ModulePass

from dialects.builder import UNKNOWN, OpBuilder
from dialects.dlc.higher_order import HigherOrderOp
from dialects.dlc.interfaces import PureOp, TensorOp
from passes.dlc.fold_constants import MAX_ELEMENTS, fold
from passes.dlc.rebuild import Values, body_of, copy_op, functions_of, rebuild_function

MAX_DEPTH = 64
"""How many simplifications may lead to one another before they are taken to go in a circle."""


class SimplifyingBuilder(OpBuilder):
    """Answers with an existing or simpler value where it can, and appends an operation only where it must.

    As the `simplify` of an operation builds with this builder too, what it builds is simplified in turn.
    """

    __slots__ = ("_depth", "_known", "_known_ops", "_max_elements")

    def __init__(self, block: Block, location: LocationAttr = UNKNOWN, max_elements: int = MAX_ELEMENTS):
        super().__init__(block, location)
        self._max_elements = max_elements
        self._known: dict[Hashable, SSAValue] = {}
        self._known_ops: dict[Hashable, Operation] = {}
        self._depth = 0

    def create(
        self,
        op_type: type[Operation],
        operands: Sequence[SSAValue],
        result_type: Attribute,
        properties: Mapping[str, Attribute] | None = None,
    ) -> SSAValue:
        """The simplest known value of this operation."""
        if not issubclass(op_type, TensorOp):
            return super().create(op_type, operands, result_type, properties)
        # The result type follows from operands and properties, so it need not be part of the key.
        key = (op_type, tuple(operands), _properties_key(properties))
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._create_simplest(op_type, operands, result_type, properties)
        return known

    def create_op(
        self,
        op_type: type[Operation],
        operands: Sequence[SSAValue] = (),
        result_types: Sequence[Attribute] = (),
        properties: Mapping[str, Attribute] | None = None,
        regions: Sequence[Region] = (),
        successors: Sequence[Block] = (),
        attributes: Mapping[str, Attribute] | None = None,
    ) -> Operation:
        """Append an operation; a pure one that `create` does not know, only if there is none like it."""
        if issubclass(op_type, TensorOp) or not issubclass(op_type, PureOp):
            return super().create_op(op_type, operands, result_types, properties, regions, successors, attributes)
        key = (op_type, tuple(operands), _properties_key(properties))
        known = self._known_ops.get(key)
        if known is None:
            known = self._known_ops[key] = super().create_op(op_type, operands, result_types, properties)
        return known

    def _create_simplest(
        self,
        op_type: type[TensorOp],
        operands: Sequence[SSAValue],
        result_type: Attribute,
        properties: Mapping[str, Attribute] | None,
    ) -> SSAValue:
        result = super().create(op_type, operands, result_type, properties)
        op = result.owner
        assert isinstance(op, TensorOp)
        assert self._depth < MAX_DEPTH, f"{op.name}: its simplifications go in a circle"
        self._depth += 1
        simpler = fold(self, op, operands, self._max_elements)
        if simpler is None:
            simpler = op.simplify(self, operands)
        self._depth -= 1
        if simpler is None:
            return result
        assert simpler.type == result_type, f"{op.name}: simplifies to type {simpler.type}, expected {result_type}"
        self.block.erase_op(op)
        return simpler


def _properties_key(properties: Mapping[str, Attribute] | None) -> Hashable:
    if not properties:
        return ()
    return tuple(sorted(properties.items())) if len(properties) > 1 else tuple(properties.items())


def erase_dead_ops(block: Block) -> None:
    """Erase every operation on tensors that nothing uses, also those used only by such."""
    op = block.last_op
    while op is not None:
        previous = op.prev_op
        if isinstance(op, PureOp | HigherOrderOp) and all(result.first_use is None for result in op.results):
            block.erase_op(op)
        op = previous


def simplify_op(b: OpBuilder, op: Operation, values: Values) -> None:
    """Enter the simplest value of `op` on the new operands into `values`."""
    if not isinstance(op, TensorOp):
        copy_op(b, op, values)
        return
    result = op.results[0]
    simplest = b.create(type(op), [values[operand] for operand in op.operands], result.type, op.properties)
    if simplest.name_hint is None:
        simplest.name_hint = result.name_hint
    values[result] = simplest


@dataclass(frozen=True)
class SimplifyDlcPass(ModulePass):
    """Simplify, fold, merge and drop tensor operations."""

    name = "simplify-dlc"

    max_elements: int = MAX_ELEMENTS
    """Constants with more elements are folded only if they are splats."""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Run on `op`."""
        del ctx
        for function in functions_of(op):
            rebuild_function(function, simplify_op, partial(SimplifyingBuilder, max_elements=self.max_elements))
            erase_dead_ops(body_of(function))
