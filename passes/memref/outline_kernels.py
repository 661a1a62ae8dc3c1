"""Move every kernel region into a private function and launch it.

Before:

```mlir
func.func @f(%x: memref<8xf32>, %out: memref<8xf32>) attributes {rt.num_inputs = 1 : i64} {
  rt.kernel "fill" tile [8] ins(%r = %out : memref<8xf32>) {
    %c = arith.constant 1.000000e+00 : f32
    linalg.fill ins(%c : f32) outs(%r : memref<8xf32>)
    rt.yield
  }
  func.return
}
```

After:

```mlir
func.func @f(%x: memref<8xf32>, %out: memref<8xf32>) attributes {rt.num_inputs = 1 : i64} {
  rt.launch @fill over [8] (%out) : memref<8xf32>
  func.return
}
func.func private @fill(%r: memref<8xf32>) attributes {rt.tile = array<i64: 8>} {
  %c = arith.constant 1.000000e+00 : f32
  linalg.fill ins(%c : f32) outs(%r : memref<8xf32>)
  func.return
}
```

Requires: kernels on memrefs (after `bufferize`).

Ensures: no `rt.kernel` is left. Kernels are functions named after their content, in order of first use; names are made
unique with a number.

Leaves alone: everything else in the host functions.
"""

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import FunctionType, ModuleOp, StringAttr, SymbolRefAttr
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter
from xdsl.traits import SymbolOpInterface

from dialects import rt
from dialects.builder import OpBuilder


@dataclass(frozen=True)
class OutlineKernelsPass(ModulePass):
    """Make a private function of every `rt.kernel`."""

    name = "outline-kernels"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Outline the kernels of every function."""
        del ctx
        taken: dict[str, int] = {}
        for symbol in op.body.block.ops:
            interface = symbol.get_trait(SymbolOpInterface)
            name = interface.get_sym_attr_name(symbol) if interface is not None else None
            if name is not None:
                taken[name.data] = 0
        for function in list(op.body.block.ops):
            if isinstance(function, func.FuncOp):
                for kernel in [k for k in function.body.walk() if isinstance(k, rt.KernelOp)]:
                    _outline(op, kernel, taken)


def _unique(name: str, taken: dict[str, int]) -> str:
    """`name`, or `name_0`, `name_1` …; `taken` holds the next number to try for each name."""
    unique = name
    while unique in taken:
        unique = f"{name}_{taken[name]}"
        taken[name] += 1
    taken[unique] = 0
    return unique


def _outline(module: ModuleOp, kernel: rt.KernelOp, taken: dict[str, int]) -> None:
    name = _unique(kernel.kernel_name.data, taken)
    region = kernel.detach_region(kernel.body)
    block = region.block
    assert block.last_op is not None
    block.erase_op(block.last_op)
    OpBuilder(block, kernel.location).create_op(func.ReturnOp)
    function = func.FuncOp(
        name, FunctionType.from_lists([a.type for a in block.args], []), region, visibility=StringAttr("private")
    )
    function.location = kernel.location
    function.attributes["rt.tile"] = kernel.tile
    module.body.block.add_op(function)
    launch = rt.LaunchOp.create(
        operands=kernel.inputs,
        properties={"kernel": SymbolRefAttr(name), "over": kernel.tile},
        location=kernel.location,
    )
    Rewriter.insert_op(launch, InsertPoint.before(kernel))
    Rewriter.erase_op(kernel)
