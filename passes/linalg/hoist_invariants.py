"""Move in front of a loop what it would compute anew in each iteration from the same values.

Before:

```mlir
func.func @f(%n: index, %x: tensor<4xf32>, %w: tensor<4x4xf32>) -> tensor<4xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %r = scf.for %i = %c0 to %n step %c1 iter_args(%c = %x) -> (tensor<4xf32>) {
    %ww = rt.gemm %w, %w : tensor<4x4xf32>, tensor<4x4xf32> -> tensor<4x4xf32>
    %column = tensor.expand_shape %c [[0, 1]] output_shape [4, 1] : tensor<4xf32> into tensor<4x1xf32>
    %y = rt.gemm %ww, %column : tensor<4x4xf32>, tensor<4x1xf32> -> tensor<4x1xf32>
    %z = tensor.collapse_shape %y [[0, 1]] : tensor<4x1xf32> into tensor<4xf32>
    scf.yield %z : tensor<4xf32>
  }
  func.return %r : tensor<4xf32>
}
```

After:

```mlir
func.func @f(%n: index, %x: tensor<4xf32>, %w: tensor<4x4xf32>) -> tensor<4xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %ww = rt.gemm %w, %w : tensor<4x4xf32>, tensor<4x4xf32> -> tensor<4x4xf32>
  %r = scf.for %i = %c0 to %n step %c1 iter_args(%c = %x) -> (tensor<4xf32>) {
    %column = tensor.expand_shape %c [[0, 1]] output_shape [4, 1] : tensor<4xf32> into tensor<4x1xf32>
    %y = rt.gemm %ww, %column : tensor<4x4xf32>, tensor<4x1xf32> -> tensor<4x1xf32>
    %z = tensor.collapse_shape %y [[0, 1]] : tensor<4x1xf32> into tensor<4xf32>
    scf.yield %z : tensor<4xf32>
  }
  func.return %r : tensor<4xf32>
}
```

This happens after fusion, when all that is left in a loop would go through memory in any case: a broadcast that fusion has made part
of a kernel takes no room outside of it.

*Requires*: the `fused` stage.
*Ensures*: the `fused` stage; a kernel, a library call, a reshape or a constant in a loop needs some value of the loop.
*Leaves alone*: branches, whose operations may never run; loops within loops, as a whole; what a kernel of the loop writes a window
into, which would have to be copied in each iteration.
"""

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import arith, scf, tensor
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Block, Operation, SSAValue, Use
from xdsl.passes import ModulePass

from dialects.remarks import emit_remark
from dialects.rt import GemmOp, KernelOp, LapackOp
from passes.linalg.host_blocks import host_blocks

_MOVABLE = (KernelOp, GemmOp, LapackOp, tensor.CollapseShapeOp, tensor.ExpandShapeOp, arith.ConstantOp)


@dataclass(frozen=True)
class HoistInvariantsPass(ModulePass):
    """Move in front of a loop what it would compute anew in each iteration from the same values."""

    name = "hoist-invariants"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Rewrite every function of the module."""
        del ctx
        for block in reversed(host_blocks(op)):  # inner ones first, so that values get as far out as they can
            loop = block.parent_op()
            if isinstance(loop, scf.ForOp | scf.WhileOp):
                _hoist(block, loop)


def _hoist(body: Block, loop: Operation) -> None:
    target = loop.parent
    assert target is not None
    for op in list(body.ops):
        if (
            isinstance(op, _MOVABLE)
            and not any(_is_computed_in(value, loop) for value in op.operands)
            and not any(_is_written_into(use) for result in op.results for use in result.uses)
        ):
            op.detach()
            target.insert_op_before(op, loop)
            if isinstance(op, KernelOp | GemmOp | LapackOp):
                emit_remark("passed", HoistInvariantsPass.name, "computed once, in front of the loop", op.location)


def _is_computed_in(value: SSAValue, loop: Operation) -> bool:
    """Whether `value` belongs to a block within `loop`."""
    owner = value.owner
    block = owner if isinstance(owner, Block) else owner.parent
    return block is not None and block.parent_op() is loop


def _is_written_into(use: Use) -> bool:
    """Whether a kernel writes a window into the tensor that it uses here."""
    kernel = use.operation
    if not isinstance(kernel, KernelOp):
        return False
    argument = kernel.body.block.args[use.index]
    return any(
        isinstance(inner.operation, tensor.InsertSliceOp) and inner.operation.dest is argument
        for inner in argument.uses
    )
