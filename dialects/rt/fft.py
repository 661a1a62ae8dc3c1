"""`rt.fft`: Fourier transforms, which `linalg` lacks."""

from collections.abc import Sequence
from typing import cast

from xdsl.dialects.builtin import (
    I64,
    DenseArrayBase,
    Float64Type,
    FloatAttr,
    IntegerAttr,
    MemRefType,
    ShapedType,
    StringAttr,
    TensorType,
    UnitAttr,
)
from xdsl.irdl import (
    IRDLOperation,
    irdl_op_definition,
    operand_def,
    opt_prop_def,
    prop_def,
    var_operand_def,
    var_result_def,
)
from xdsl.utils.exceptions import VerifyException

from dialects.fourier import FourierLayout


@irdl_op_definition
class FftOp(IRDLOperation):
    """A structured operation: `result[o, k, i] = scale * sum over j of exp(-2 pi i j k / n) input[o, j, i]` on complex numbers.

    The last dimension has the real and the imaginary part, or is of size 1: of real numbers. With `inverse` the sign of the exponent is
    positive. The steps have the `radices`, whose product is `n`, and take their roots of unity from `roots` (`dialects/fourier.py`).
    Where `kind` is `real`, the result are the elements `0 … n / 2` of the transform of `n` real numbers; if they lie in pairs, of
    `2 n`. `inverse_real` is the way back. `parts` is in how many parts the loop over `i` is split. Scratch has one row for each point of
    the parallel loops; without it there is room on the stack. On memrefs the result and the scratch are the operands `outs`.
    """

    name = "rt.fft"

    input = operand_def(TensorType | MemRefType)
    roots = operand_def(TensorType | MemRefType)
    outs = var_operand_def(MemRefType)
    outputs = var_result_def(TensorType)
    kind = prop_def(StringAttr)
    inverse = opt_prop_def(UnitAttr)
    radices = prop_def(DenseArrayBase.constr(I64))
    scale = prop_def(FloatAttr[Float64Type])
    parts = prop_def(IntegerAttr[I64])

    assembly_format = (
        "$kind (`inverse` $inverse^)? $input `,` $roots (`into` $outs^)? `radices` $radices `scale` $scale `parts` $parts "
        "`:` type($input) `,` type($roots) (`into` type($outs)^)? (`->` type($outputs)^)? attr-dict"
    )

    @property
    def layout(self) -> FourierLayout:
        """What lies where."""
        shapes = [cast(ShapedType, value.type).get_shape() for value in (self.input, *(self.outs or self.outputs))]
        radices = tuple(cast(Sequence[int], self.radices.get_values()))
        return FourierLayout(self.kind.data, radices, shapes[0], shapes[1], self.parts.value.data)

    @property
    def parallel(self) -> tuple[int, ...]:
        """The extents of the parallel loops."""
        return cast(ShapedType, self.input.type).get_shape()[0], self.parts.value.data

    def verify_(self) -> None:
        """Check that the shapes fit."""
        layout = self.layout
        fault = layout.fault()
        if fault:
            raise VerifyException(f"rt.fft: {fault}")
        scratch = [cast(ShapedType, value.type).get_shape() for value in (self.outs or self.outputs)[1:]]
        if scratch not in ([], [layout.scratch_shape]):
            raise VerifyException(f"rt.fft: scratch has shape {scratch[0]}, expected {layout.scratch_shape}")
        size = layout.plan.table_size
        if cast(ShapedType, self.roots.type).get_shape() != (size,):
            raise VerifyException(f"rt.fft: roots have type {self.roots.type}, expected {size} numbers")
