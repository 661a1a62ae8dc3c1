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

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from xdsl.context import Context
from xdsl.dialects.builtin import LocationAttr, ModuleOp
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import PassFailedException

from dialects.builder import UNKNOWN, OpBuilder
from dialects.dlc.arithmetic import add
from dialects.dlc.constants import zeros
from dialects.dlc.interfaces import TensorOp, element_type_of, ints, is_float, tensor_type_of
from dialects.dlc.transforms import JvpOp, VjpOp
from passes.dlc.expansion import Expander, expand_transforms
from passes.dlc.rebuild import Values, body_of, copy_arguments, copy_op, return_of


class JvpExpander(Expander):
    """Derives `@f_jvp_<wrt>`: primals and tangents in, outputs and tangents of floating-point outputs out."""

    def suffix(self, op: Operation) -> str:
        """`_jvp_` and the arguments to differentiate with respect to."""
        assert isinstance(op, JvpOp)
        return "_".join(("_jvp", *map(str, ints(op.wrt))))

    def build_body(self, op: Operation, callee: FuncOp) -> Block:
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
        build_tangents(b, source, values, tangents)
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

    def build_body(self, op: Operation, callee: FuncOp) -> Block:
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
        build_tangents(b, source, values, tangents)

        last = return_of(source)
        cotangents: Values = {}
        backward = OpBuilder(block, last.location)
        differentiable = [output for output in last.operands if has_tangent(output)]
        for output, cotangent in zip(differentiable, block.args[len(source.args) :], strict=True):
            cotangent.name_hint = "ct" if len(differentiable) == 1 else f"ct{cotangent.index - len(source.args)}"
            tangent = tangents.get(output)
            if tangent is not None:
                accumulate(backward, cotangents, tangent, cotangent)
        b.transpose_tangents(backward, cotangents)
        backward.location = last.location
        gradients = [
            cotangents.get(placeholder) or zeros(backward, tensor_type_of(placeholder)) for placeholder in placeholders
        ]
        backward.create_op(ReturnOp, [*(values[output] for output in last.operands), *gradients])
        return block


class LinearizingBuilder(OpBuilder):
    """Appends what depends on a tangent to `linear_block`, everything else to the block that it was made for.

    The arguments of `linear_block` are placeholders for the tangents of the arguments. What it holds is the linear
    program of the tangents; it may use values of the other block, never the other way round.
    """

    __slots__ = ("linear", "linear_block", "primal_block")

    def __init__(self, block: Block, tangent_types: Sequence[Attribute], location: LocationAttr = UNKNOWN):
        super().__init__(block, location)
        self.primal_block = block
        self.linear_block = Block(arg_types=tangent_types)
        self.linear: set[SSAValue] = set(self.linear_block.args)

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
        """Append an operation to the block that it belongs to."""
        linear = self.linear
        is_linear = any(operand in linear for operand in operands)
        self.block = self.linear_block if is_linear else self.primal_block
        op = super().create_op(op_type, operands, result_types, properties, regions, successors, attributes)
        if is_linear:
            linear.update(op.results)
        return op

    def insert(self, op: Operation) -> Operation:
        """Append a detached operation to the block that it belongs to."""
        is_linear = any(operand in self.linear for operand in op.operands)
        self.block = self.linear_block if is_linear else self.primal_block
        if is_linear:
            self.linear.update(op.results)
        return super().insert(op)

    def transpose_tangents(self, b: OpBuilder, cotangents: Values) -> None:
        """Walk the linear program backwards and append its transpose to `b`; then drop the linear program.

        `cotangents` maps values of the linear program to their cotangents, at first those of the outputs, in the end
        those of the placeholders. A value that is not in it has cotangent zero.
        """
        linear = self.linear
        for op in reversed(self.linear_block.ops):
            assert isinstance(op, TensorOp), f"{op.name}: a jvp builds tensor operations only"
            cotangent = cotangents.pop(op.result, None)
            if cotangent is not None:
                b.location = op.location
                parts = op.transpose(b, cotangent, [operand in linear for operand in op.operands])
                for operand, part in zip(op.operands, parts, strict=True):
                    if part is not None and operand in linear:
                        accumulate(b, cotangents, operand, part)
            op.drop_all_references()


def build_tangents(b: OpBuilder, source: Block, values: Values, tangents: Values) -> None:
    """Append a copy of every operation of `source`, and the tangent of each that an output depends on.

    `values` maps values of `source` to their copies, `tangents` to tangents; what is not in `tangents` has tangent
    zero. Both hold the arguments at first, and everything in the end.
    """
    active = active_values(source, tangents)
    last = return_of(source)
    for op in source.ops:
        if op is last:
            break
        copy = cast(TensorOp, copy_op(b, op, values))
        result = op.results[0]
        if result in active:
            operand_tangents = [tangents.get(operand) for operand in op.operands]
            if operand_tangents.count(None) < len(operand_tangents):
                tangent = copy.jvp(b, operand_tangents)
                if tangent is not None:
                    tangents[result] = tangent


def active_values(source: Block, tangents: Values) -> set[SSAValue]:
    """The values on a differentiable path from an argument in `tangents` to an output."""
    reached: set[SSAValue] = set(tangents)
    for op in source.ops:
        if isinstance(op, TensorOp) and has_tangent(op.result) and not op.no_derivative:
            for operand in op.operands:
                if operand in reached:
                    reached.add(op.result)
                    break
    active = {output for output in return_of(source).operands if output in reached}
    for op in reversed(source.ops):
        if isinstance(op, TensorOp) and op.result in active:
            active.update(operand for operand in op.operands if operand in reached)
    return active


def accumulate(b: OpBuilder, cotangents: Values, value: SSAValue, part: SSAValue) -> None:
    """Add `part` to the cotangent of `value`."""
    assert part.type == value.type, f"transpose: cotangent has type {part.type}, expected {value.type}"
    sum_so_far = cotangents.get(value)
    cotangents[value] = part if sum_so_far is None else add(b, sum_so_far, part)


def has_tangent(value: SSAValue) -> bool:
    """Whether `value` is floating point, which is what has derivatives."""
    return is_float(element_type_of(value))


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
        expand_transforms(op, {JvpOp: JvpExpander(), VjpOp: VjpExpander()})
