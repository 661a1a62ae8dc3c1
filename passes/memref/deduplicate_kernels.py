"""Keep one of every set of kernels that compute the same.

Before:

```mlir
func.func @f(%x: memref<8xf32>, %y: memref<8xf32>) {
  rt.launch @fill over [8] (%x) : memref<8xf32>
  rt.launch @fill_0 over [8] (%y) : memref<8xf32>
  func.return
}
func.func private @fill(%r: memref<8xf32>) attributes {rt.tile = array<i64: 8>} {
  %c = arith.constant 1.000000e+00 : f32
  linalg.fill ins(%c : f32) outs(%r : memref<8xf32>)
  func.return
}
func.func private @fill_0(%r: memref<8xf32>) attributes {rt.tile = array<i64: 8>} {
  %c = arith.constant 1.000000e+00 : f32
  linalg.fill ins(%c : f32) outs(%r : memref<8xf32>)
  func.return
}
```

After:

```mlir
func.func @f(%x: memref<8xf32>, %y: memref<8xf32>) {
  rt.launch @fill over [8] (%x) : memref<8xf32>
  rt.launch @fill over [8] (%y) : memref<8xf32>
  func.return
}
func.func private @fill(%r: memref<8xf32>) attributes {rt.tile = array<i64: 8>} {
  %c = arith.constant 1.000000e+00 : f32
  linalg.fill ins(%c : f32) outs(%r : memref<8xf32>)
  func.return
}
```

Requires: kernels as private functions (after `outline-kernels`).

Ensures: no two private functions with `rt.tile` have equal bodies; names and locations do not count. Each distinct kernel is
then lowered and compiled once, which keeps compile time linear in the number of *different* kernels (the layers of a
transformer share theirs).

Leaves alone: public functions, functions without `rt.tile`.
"""

from collections.abc import Hashable
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp, SymbolRefAttr
from xdsl.passes import ModulePass

from dialects import rt
from dialects.remarks import emit_remark
from dialects.structural_key import region_key


@dataclass(frozen=True)
class DeduplicateKernelsPass(ModulePass):
    """Merge kernels of equal structure."""

    name = "deduplicate-kernels"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Redirect launches to the first of equal kernels and erase the others."""
        del ctx
        kernels = [f for f in op.body.block.ops if isinstance(f, func.FuncOp) and "rt.tile" in f.attributes]
        first: dict[Hashable, str] = {}
        same_as: dict[str, str] = {}
        for kernel in kernels if len(kernels) > 1 else ():
            name = kernel.sym_name.data
            original = first.setdefault(structure_of(kernel), name)
            if original != name:
                same_as[name] = original
                emit_remark("passed", self.name, f"{name} is the same kernel as {original}", kernel.location)
                op.body.block.erase_op(kernel)
        if not same_as:
            return
        for launch in op.walk():
            if isinstance(launch, rt.LaunchOp):
                kept = same_as.get(launch.kernel.root_reference.data)
                if kept is not None:
                    launch.properties["kernel"] = SymbolRefAttr(kept)


def structure_of(kernel: func.FuncOp) -> Hashable:
    """A key that two kernels share exactly if they differ in names and locations only."""
    return (kernel.function_type, kernel.attributes["rt.tile"], region_key(kernel.body))
