"""Assignment to a window at a position known while compiling: update_slice.

The adjoint of writing a window is reading it. `dialects/dlc/dynamic_slicing.py` has windows that move.
"""

import math
from collections.abc import Sequence

import numpy as np
from xdsl.dialects.builtin import I64, DenseArrayBase
from xdsl.ir import SSAValue
from xdsl.irdl import irdl_op_definition, operand_def, prop_def
from xdsl.utils.exceptions import VerifyException

from dialects.builder import OpBuilder, int_array
from dialects.dlc.constants import splat_value, zeros
from dialects.dlc.interfaces import AnyTensor, Array, Properties, TensorOp, ints, shape_of, tensor_type_of
from dialects.dlc.shape import stacked
from dialects.dlc.slicing import slice_
from dialects.structured import build_window_write


@irdl_op_definition
class UpdateSliceOp(TensorOp):
    """`operand` with `result[starts[0] + i * strides[0], …] = update[i, …]`; the window lies within the operand."""

    name = "dlc.update_slice"

    operand = operand_def(AnyTensor)
    update = operand_def(AnyTensor)
    starts = prop_def(DenseArrayBase.constr(I64))
    strides = prop_def(DenseArrayBase.constr(I64))

    assembly_format = (
        "$update `into` $operand `starts` $starts `strides` $strides attr-dict "
        "`:` type($update) `into` type($operand) `->` type($result)"
    )

    @classmethod
    def infer_type(cls, operand_types: Sequence[AnyTensor], properties: Properties) -> AnyTensor:
        """The type of the operand, which the window fits into."""
        operand, update = operand_types
        starts, strides = ints(properties["starts"]), ints(properties["strides"])
        shape, sizes = operand.get_shape(), update.get_shape()
        if update.element_type != operand.element_type or not len(starts) == len(strides) == len(shape) == len(sizes):
            raise VerifyException(
                f"dlc.update_slice: an update of type {update} with {len(starts)} starts and {len(strides)} strides "
                f"does not fit {operand}"
            )
        for dim, (start, stride, size) in enumerate(zip(starts, strides, sizes, strict=True)):
            if stride < 1:
                raise VerifyException(f"dlc.update_slice: stride {stride} of dimension {dim} is not positive")
            if start < 0 or start + max(size - 1, 0) * stride + min(size, 1) > shape[dim]:
                raise VerifyException(
                    f"dlc.update_slice: {size} elements from {start} on with stride {stride} exceed dimension {dim} of "
                    f"{operand}"
                )
        return operand

    def evaluate(self, operands: Sequence[Array]) -> Array:
        """Copy, then assign."""
        x, update = operands
        result = np.array(x)
        result[self._window()] = update
        return result

    def _window(self) -> tuple[slice, ...]:
        places = zip(ints(self.starts), ints(self.strides), shape_of(self.update), strict=True)
        return tuple(slice(start, start + size * stride, stride) for start, stride, size in places)

    def simplify(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue | None:
        """An update of everything is the update; of nothing, or of a value by the same value, it is `x`.

        What an earlier update wrote to the same window is gone.
        """
        x, update = operands
        if shape_of(update) == self.shape:
            return update
        if math.prod(shape_of(update)) == 0:
            return x
        number = splat_value(update)
        if number is not None and number == splat_value(x) and number != 0:
            return x
        inner = x.owner
        if (
            isinstance(inner, UpdateSliceOp)
            and inner.properties == self.properties
            and shape_of(inner.update) == shape_of(update)
        ):
            return UpdateSliceOp.emit(b, (inner.operand, update), self.properties)
        return None

    def jvp(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> SSAValue | None:
        """Linear in operand and update together."""
        dx, dupdate = tangents
        dx = zeros(b, self.result.type) if dx is None else dx
        dupdate = zeros(b, tensor_type_of(self.update)) if dupdate is None else dupdate
        return UpdateSliceOp.emit(b, (dx, dupdate), self.properties)

    def transpose(self, b: OpBuilder, cotangent: SSAValue, linear: Sequence[bool]) -> Sequence[SSAValue | None]:
        """Of the operand: the cotangent with zeros in the window. Of the update: the window.

        What later updates put zeros into is read before they do, if it is elsewhere: an array that is written part by part costs each part.
        """
        operand_cotangent = update_cotangent = None
        if linear[0]:
            nothing = zeros(b, tensor_type_of(self.update))
            operand_cotangent = UpdateSliceOp.emit(b, (cotangent, nothing), self.properties)
        if linear[1]:
            places = zip(ints(self.starts), ints(self.strides), shape_of(self.update), strict=True)
            limits = [start + max(size - 1, 0) * stride + min(size, 1) for start, stride, size in places]
            before = cotangent
            while isinstance(before.owner, UpdateSliceOp) and before.owner.is_beside(ints(self.starts), limits):
                before = before.owner.operand
            update_cotangent = slice_(b, before, ints(self.starts), limits, ints(self.strides))
        return operand_cotangent, update_cotangent

    def is_beside(self, starts: Sequence[int], limits: Sequence[int]) -> bool:
        """Whether the window has nothing between `starts` and `limits`."""
        places = zip(ints(self.starts), ints(self.strides), shape_of(self.update), strict=True)
        bounds = zip(places, starts, limits, strict=True)
        return any(
            limit <= first or first + (size - 1) * stride < start for (first, stride, size), start, limit in bounds
        )

    def batch(self, b: OpBuilder, operands: Sequence[SSAValue], batched: Sequence[bool], size: int) -> SSAValue:
        """The window with all of the leading dimension."""
        x, update = stacked(b, operands, batched, size)
        return update_slice(b, x, update, (0, *ints(self.starts)), (1, *ints(self.strides)))

    def lower(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue:
        """A window write."""
        x, update = operands
        if math.prod(shape_of(update)) == 0:
            return x
        return build_window_write(b, update, x, ints(self.starts), ints(self.strides))


def update_slice(
    b: OpBuilder, x: SSAValue, update: SSAValue, starts: Sequence[int], strides: Sequence[int]
) -> SSAValue:
    """`x` with `update` in the window at `starts`, all nonnegative and within `x`."""
    properties = {"starts": int_array(tuple(starts)), "strides": int_array(tuple(strides))}
    return UpdateSliceOp.emit(b, (x, update), properties)
