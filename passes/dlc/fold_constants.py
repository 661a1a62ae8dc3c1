"""Evaluate at compile time the operations whose operands are all constants.

Before:

```mlir
func.func @f(%x: tensor<1000xf32>) -> tensor<1000xf32> {
  %0 = dlc.constant dense<2.0> : tensor<1000xf32>
  %1 = dlc.constant dense<3.0> : tensor<1000xf32>
  %2 = dlc.mul %0, %1 : tensor<1000xf32>
  %3 = dlc.add %x, %2 : tensor<1000xf32>
  func.return %3 : tensor<1000xf32>
}
```

After:

```mlir
func.func @f(%x: tensor<1000xf32>) -> tensor<1000xf32> {
  %0 = dlc.constant dense<2.0> : tensor<1000xf32>
  %1 = dlc.constant dense<3.0> : tensor<1000xf32>
  %2 = dlc.constant dense<6.0> : tensor<1000xf32>
  %3 = dlc.add %x, %2 : tensor<1000xf32>
  func.return %3 : tensor<1000xf32>
}
```

*Requires* nothing.
*Ensures* that no operation on constants is left whose result has at most `max-elements` elements, or is elementwise on
splats: a splat of any size is evaluated as one element.
*Leaves alone* operations without operands, and the constants that were operands (`simplify-dlc` removes dead ones).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from xdsl.context import Context
from xdsl.dialects.builtin import BytesAttr, DenseIntOrFPElementsAttr, ModuleOp
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass

from dialects.builder import OpBuilder
from dialects.dlc.constants import ConstantOp, array_of, constant
from dialects.dlc.elementwise import ElementwiseOp
from dialects.dlc.interfaces import Array, TensorOp
from passes.dlc.rebuild import Values, copy_op, functions_of, rebuild_function

MAX_ELEMENTS = 64
"""The default of `max-elements`: what fits in a line of a dump."""


def fold(b: OpBuilder, op: TensorOp, operands: Sequence[SSAValue], max_elements: int) -> SSAValue | None:
    """Append the value of `op` on `operands` as a constant; `None` if they are not constant or the value is large."""
    if not operands:
        return None
    constants: list[ConstantOp] = []
    for operand in operands:
        owner = operand.owner
        if type(owner) is not ConstantOp:
            return None
        constants.append(owner)
    if isinstance(op, ElementwiseOp):
        elements = [splat_element(constant) for constant in constants]
        if None not in elements:
            value = op.evaluate([element for element in elements if element is not None])
            return build_splat(b, op, value)
    if math.prod(op.shape) > max_elements:
        return None
    return constant(b, op.evaluate([array_of(constant.value) for constant in constants]))


def splat_element(op: ConstantOp) -> Array | None:
    """The only element of a splat constant, as an array of size 1; `None` if it is no splat, or empty."""
    flat = array_of(op.value)
    if flat.size == 0 or len(op.value.data.data) != flat.itemsize:
        return None
    return flat[(0,) * flat.ndim].reshape(1)


def build_splat(b: OpBuilder, op: TensorOp, element: Array) -> SSAValue:
    """Append a constant of the type of `op` that is `element` everywhere, bit by bit."""
    result_type = op.result.type
    data = BytesAttr(element.tobytes() if math.prod(op.shape) else b"")
    return b.create(ConstantOp, (), result_type, {"value": DenseIntOrFPElementsAttr(cast(Any, result_type), data)})


@dataclass(frozen=True)
class FoldConstantsPass(ModulePass):
    """Evaluate operations on constants at compile time."""

    name = "fold-constants"

    max_elements: int = MAX_ELEMENTS
    """Results with more elements are folded only if they are splats."""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Run on `op`."""
        del ctx
        for function in functions_of(op):
            rebuild_function(function, self._fold_or_copy)

    def _fold_or_copy(self, b: OpBuilder, op: Operation, values: Values) -> None:
        if isinstance(op, TensorOp):
            folded = fold(b, op, [values[operand] for operand in op.operands], self.max_elements)
            if folded is not None:
                folded.name_hint = op.result.name_hint
                values[op.result] = folded
                return
        copy_op(b, op, values)
