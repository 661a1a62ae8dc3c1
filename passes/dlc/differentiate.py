"""Expand `dlc.jvp` and `dlc.vjp`: build primals and tangents together, and for `vjp` walk the tangents backwards.

Before:

```mlir
func.func private @f(%x: tensor<4xf32>, %y: tensor<4xf32>) -> tensor<4xf32> {
  %0 = dlc.mul %x, %y : tensor<4xf32>
  func.return %0 : tensor<4xf32>
}
func.func @main(%a: tensor<4xf32>, %b: tensor<4xf32>, %ct: tensor<4xf32>) -> tensor<4xf32> {
  %0, %1 = dlc.vjp @f(%a, %b)(%ct) wrt [0] : (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>)
  func.return %1 : tensor<4xf32>
}
```

After:

```mlir
func.func private @f(%x: tensor<4xf32>, %y: tensor<4xf32>) -> tensor<4xf32> {
  %0 = dlc.mul %x, %y : tensor<4xf32>
  func.return %0 : tensor<4xf32>
}
func.func private @f_vjp_0(%x: tensor<4xf32>, %y: tensor<4xf32>, %ct: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %0 = dlc.mul %x, %y : tensor<4xf32>
  %1 = dlc.mul %ct, %y : tensor<4xf32>
  func.return %0, %1 : tensor<4xf32>, tensor<4xf32>
}
func.func @main(%a: tensor<4xf32>, %b: tensor<4xf32>, %ct: tensor<4xf32>) -> tensor<4xf32> {
  %0, %1 = dlc.call @f_vjp_0(%a, %b, %ct) : (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>)
  func.return %1 : tensor<4xf32>
}
```

*Requires* `func` and `dlc` operations only; differentiation with respect to floating-point arguments only.
*Ensures* that every `dlc.jvp` and `dlc.vjp` left has a callee that holds a `dlc.vmap`; no operation is differentiated
that does not lie between a chosen argument and an output.
*Leaves alone* `dlc.vmap`, calls outside the callees, and dead primal operations (`simplify-dlc` removes them).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Block, Operation
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import PassFailedException

from dialects.builder import OpBuilder
from dialects.dlc.constants import zeros
from dialects.dlc.higher_order import Derivations
from dialects.dlc.interfaces import ints, tensor_type_of
from dialects.dlc.transforms import JvpOp, VjpOp
from passes.dlc.call_graph import CallGraph
from passes.dlc.expansion import Expander, expand_transforms
from passes.dlc.rebuild import Values, body_of, copy_arguments, return_of
from passes.dlc.tangents import LinearizingBuilder, accumulate, build_tangents, has_tangent


class JvpExpander(Expander):
    """Derives `@f_jvp_<wrt>`: primals and tangents in, outputs and tangents of floating-point outputs out."""

    def suffix(self, op: Operation) -> str:
        """`_jvp_` and the arguments to differentiate with respect to."""
        assert isinstance(op, JvpOp)
        return "_".join(("_jvp", *map(str, ints(op.wrt))))

    def build_body(self, op: Operation, callee: FuncOp, derive: Derivations) -> Block:
        """Build primals and tangents in one block; only here do tangents that are zero become operations."""
        assert isinstance(op, JvpOp)
        wrt = ints(op.wrt)
        check_wrt(op, callee, wrt)
        source = body_of(callee)
        block = copy_arguments(source, op.operand_types)
        values: Values = dict(zip(source.args, block.args, strict=False))
        tangents: Values = {}
        for index, tangent in zip(wrt, block.args[len(source.args) :], strict=True):
            tangent.name_hint = f"d_{source.args[index].name_hint}" if source.args[index].name_hint else None
            tangents[source.args[index]] = tangent
        b = OpBuilder(block)
        build_tangents(b, source, values, tangents, derive)
        last = return_of(source)
        b.location = last.location
        output_tangents = [
            tangents.get(output) or zeros(b, tensor_type_of(output)) for output in last.operands if has_tangent(output)
        ]
        b.create_op(ReturnOp, [*(values[output] for output in last.operands), *output_tangents])
        return block


class VjpExpander(Expander):
    """Derives `@f_vjp_<wrt>`: primals and cotangents of floating-point outputs in, outputs and gradients out."""

    def suffix(self, op: Operation) -> str:
        """`_vjp_` and the arguments to differentiate with respect to."""
        assert isinstance(op, VjpOp)
        return "_".join(("_vjp", *map(str, ints(op.wrt))))

    def build_body(self, op: Operation, callee: FuncOp, derive: Derivations) -> Block:
        """Build the primals, with the tangents of placeholders aside, then the transpose of these tangents."""
        assert isinstance(op, VjpOp)
        wrt = ints(op.wrt)
        check_wrt(op, callee, wrt)
        source = body_of(callee)
        block = copy_arguments(source, op.operand_types)
        values: Values = dict(zip(source.args, block.args, strict=False))
        b = LinearizingBuilder(block, [source.args[index].type for index in wrt])
        placeholders = b.linear_block.args
        tangents: Values = {}
        for index, placeholder in zip(wrt, placeholders, strict=True):
            tangents[source.args[index]] = placeholder
        build_tangents(b, source, values, tangents, derive)

        last = return_of(source)
        cotangents: Values = {}
        backward = OpBuilder(block, last.location)
        differentiable = [output for output in last.operands if has_tangent(output)]
        for output, cotangent in zip(differentiable, block.args[len(source.args) :], strict=True):
            cotangent.name_hint = "ct" if len(differentiable) == 1 else f"ct{cotangent.index - len(source.args)}"
            tangent = tangents.get(output)
            if tangent is not None:
                accumulate(backward, cotangents, tangent, cotangent)
        b.transpose_tangents(backward, cotangents, derive)
        backward.location = last.location
        gradients = [
            cotangents.get(placeholder) or zeros(backward, tensor_type_of(placeholder)) for placeholder in placeholders
        ]
        backward.create_op(ReturnOp, [*(values[output] for output in last.operands), *gradients])
        return block


def check_wrt(op: Operation, callee: FuncOp, wrt: Sequence[int]) -> None:
    """Raise unless all arguments in `wrt` are floating point."""
    for index in wrt:
        argument = body_of(callee).args[index]
        if not has_tangent(argument):
            message = (
                f"{op.name}: argument {index} of @{callee.sym_name.data} has type {argument.type}, expected a "
                "floating-point tensor; leave it out of wrt, or convert it"
            )
            op.emit_error(message, PassFailedException(message))


@dataclass(frozen=True)
class DifferentiatePass(ModulePass):
    """Expand `dlc.jvp` and `dlc.vjp` with each operation's `jvp` and `transpose` facets."""

    name = "differentiate"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Run on `op`."""
        del ctx
        expand_transforms(CallGraph(op), {JvpOp: JvpExpander(), VjpOp: VjpExpander()})
