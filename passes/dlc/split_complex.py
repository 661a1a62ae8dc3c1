"""Compute complex numbers in real arithmetic.

Before:

```mlir
func.func @f(%x: tensor<4xcomplex<f32>>, %y: tensor<4xcomplex<f32>>) -> tensor<4xcomplex<f32>> {
  %0 = dlc.add %x, %y : tensor<4xcomplex<f32>>
  func.return %0 : tensor<4xcomplex<f32>>
}
```

After:

```mlir
func.func @f(%x: tensor<4x2xf32>, %y: tensor<4x2xf32>) -> tensor<4x2xf32>
    attributes {rt.array_types = (tensor<4xcomplex<f32>>, tensor<4xcomplex<f32>>) -> tensor<4xcomplex<f32>>} {
  %0 = dlc.deinterleave %x index 0 : tensor<4x2xf32> -> tensor<4xf32>
  %1 = dlc.deinterleave %x index 1 : tensor<4x2xf32> -> tensor<4xf32>
  %2 = dlc.deinterleave %y index 0 : tensor<4x2xf32> -> tensor<4xf32>
  %3 = dlc.deinterleave %y index 1 : tensor<4x2xf32> -> tensor<4xf32>
  %4 = dlc.add %0, %2 : tensor<4xf32>
  %5 = dlc.add %1, %3 : tensor<4xf32>
  %6 = dlc.interleave %4, %5 : tensor<4xf32> -> tensor<4x2xf32>
  func.return %6 : tensor<4x2xf32>
}
```

Within a function a complex tensor is two real ones; where it is passed on (arguments, results, control flow) it is one with a last
dimension of size 2, which is how NumPy has it in memory. So has LAPACK: an operation on matrices gets such tensors, and is `packed`.

*Requires* that no transform is left (`expand-transforms`): derivatives are taken of complex operations.
*Ensures* that no type is complex; a public function that had complex types keeps its type as `rt.array_types`.
*Leaves alone* functions without complex numbers.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import FunctionType, ModuleOp, UnitAttr
from xdsl.dialects.func import FuncOp
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import PassFailedException

from dialects.dlc.complex_forms import Parts, split
from dialects.dlc.complex_parts import deinterleave, interleave, is_complex_tensor, packed_type
from dialects.dlc.interfaces import TensorOp
from dialects.dlc.matrix_op import MatrixOp
from dialects.rt import keep_array_types
from passes.dlc.rebuild import body_of, copy_arguments, functions_of, replace_body
from passes.dlc.simplify_dlc import SimplifyingBuilder, erase_dead_ops


@dataclass(frozen=True)
class SplitComplexPass(ModulePass):
    """Compute complex numbers in real arithmetic: every complex tensor becomes a real and an imaginary part."""

    name = "split-complex"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Run on `op`."""
        del ctx
        for function in functions_of(op):
            if any(map(is_complex_tensor, _types(function))):
                _Splitter(function).run()


def _types(function: FuncOp) -> Iterator[Attribute]:
    yield from body_of(function).arg_types
    for op in function.body.walk():
        yield from (result.type for result in op.results)


class _Splitter:
    def __init__(self, function: FuncOp):
        self.function = function
        self.source = body_of(function)
        self.block = copy_arguments(self.source, [_packed(t) for t in self.source.arg_types])
        self.b = SimplifyingBuilder(self.block)
        self.values: dict[SSAValue, Parts] = {}

    def run(self) -> None:
        """Rebuild the function."""
        for old, new in zip(self.source.args, self.block.args, strict=True):
            self._enter(old, new)
        for op in self.source.ops:
            self.b.location = op.location
            self._rewrite(op)
        replace_body(self.function, self.block)
        erase_dead_ops(self.block)
        old_type = self.function.function_type
        new_type = FunctionType.from_lists(*([_packed(t) for t in ts] for ts in (old_type.inputs, old_type.outputs)))
        self.function.properties["function_type"] = new_type
        keep_array_types(self.function, old_type)

    def _enter(self, old: SSAValue, new: SSAValue) -> None:
        """Let `new`, whose parts lie interleaved if it is complex, stand for `old`."""
        is_complex = is_complex_tensor(old.type)
        self.values[old] = Parts(*(deinterleave(self.b, new, k) for k in (0, 1))) if is_complex else Parts(new)

    def _packed(self, value: SSAValue) -> SSAValue:
        real, imag = self.values[value]
        return real if imag is None else interleave(self.b, real, imag)

    def _rewrite(self, op: Operation) -> None:
        if isinstance(op, MatrixOp) and any(is_complex_tensor(value.type) for value in op.operands):
            packed = [self._packed(operand) for operand in op.operands]
            results = op.emit_all(self.b, packed, {**op.properties, "packed": UnitAttr()})
            for old, new in zip(op.results, results, strict=True):
                self._enter(old, new)
            return
        if not isinstance(op, TensorOp):
            copy = self.b.create_op(
                type(op),
                [self._packed(operand) for operand in op.operands],
                [_packed(result.type) for result in op.results],
                op.properties,
                attributes=dict(op.attributes),
            )
            for old, new in zip(op.results, copy.results, strict=True):
                new.name_hint = old.name_hint
                self._enter(old, new)
            return
        operands = [self.values[operand] for operand in op.operands]
        if not any(is_complex_tensor(value.type) for value in (*op.operands, *op.results)):
            real = self.b.create(type(op), [operand.real for operand in operands], op.result.type, op.properties)
            self.values[op.result] = Parts(real)
            return
        try:
            self.values[op.result] = split(self.b, op, operands)
        except KeyError:
            message = f"{op.name}: has no form for complex numbers; compute with dlc.real and dlc.imag"
            op.emit_error(message, PassFailedException(message))


def _packed(value_type: Attribute) -> Attribute:
    return packed_type(value_type) if is_complex_tensor(value_type) else value_type  # pyright: ignore[reportArgumentType]
