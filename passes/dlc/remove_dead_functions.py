"""Remove the private functions that no public function reaches.

Before:

```mlir
func.func private @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  func.return %x : tensor<4xf32>
}
func.func private @g(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = dlc.call @f(%x) : (tensor<4xf32>) -> tensor<4xf32>
  func.return %0 : tensor<4xf32>
}
func.func @main(%a: tensor<4xf32>) -> tensor<4xf32> {
  %0 = dlc.neg %a : tensor<4xf32>
  func.return %0 : tensor<4xf32>
}
```

After:

```mlir
func.func @main(%a: tensor<4xf32>) -> tensor<4xf32> {
  %0 = dlc.neg %a : tensor<4xf32>
  func.return %0 : tensor<4xf32>
}
```

*Requires* nothing; works at every level.
*Ensures* that every private `func.func` is reachable from a public function or another symbol.
*Leaves alone* public functions and everything else.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import cast

from xdsl.context import Context
from xdsl.dialects.builtin import ArrayAttr, DictionaryAttr, ModuleOp, SymbolRefAttr
from xdsl.dialects.func import FuncOp
from xdsl.ir import Attribute, Operation
from xdsl.passes import ModulePass


def symbols_used_by(op: Operation) -> Iterator[str]:
    """The root of every symbol that `op` or an operation in it refers to, in order, repeated if used repeatedly."""
    for inner in op.walk():
        if inner.properties:
            yield from symbols_in(inner.properties.values())
        if inner.attributes:
            yield from symbols_in(inner.attributes.values())


def symbols_in(attributes: Iterable[Attribute]) -> Iterator[str]:
    """The root of every symbol in `attributes`, also within arrays and dictionaries."""
    for attribute in attributes:
        if isinstance(attribute, SymbolRefAttr):
            yield attribute.root_reference.data
        elif isinstance(attribute, ArrayAttr):
            yield from symbols_in(cast(ArrayAttr[Attribute], attribute).data)
        elif isinstance(attribute, DictionaryAttr):
            yield from symbols_in(attribute.data.values())


@dataclass(frozen=True)
class RemoveDeadFunctionsPass(ModulePass):
    """Remove the private functions that no public function reaches."""

    name = "remove-dead-functions"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Run on `op`."""
        del ctx
        dead: dict[str, FuncOp] = {}
        pending: list[Operation] = []
        for inner in op.body.block.ops:
            if isinstance(inner, FuncOp) and inner.sym_visibility is not None and inner.sym_visibility.data != "public":
                dead[inner.sym_name.data] = inner
            else:
                pending.append(inner)
        while pending:
            for symbol in symbols_used_by(pending.pop()):
                reached = dead.pop(symbol, None)
                if reached is not None:
                    pending.append(reached)
        for function in dead.values():
            op.body.block.erase_op(function)
