"""Windows at a position known only at run time: dynamic_slice and dynamic_update_slice.

The window has a static size and is moved to lie within `x`: `start` counts as `min(max(start, 0), n - size)`. Reading
zeros but for one window is the adjoint of reading that window.
"""

import math
from collections.abc import Sequence
from typing import cast

import numpy as np
from xdsl.dialects import arith, tensor
from xdsl.dialects.builtin import I64, DenseArrayBase, DenseIntOrFPElementsAttr, IndexType, i64
from xdsl.ir import SSAValue
from xdsl.irdl import irdl_op_definition, operand_def, prop_def, var_operand_def
from xdsl.utils.exceptions import VerifyException

from dialects.builder import OpBuilder, int_array, tensor_type
from dialects.dlc.arithmetic import add
from dialects.dlc.broadcast import broadcast_in_dim
from dialects.dlc.constants import ConstantOp, array_of, full, iota, zeros
from dialects.dlc.conversion import convert
from dialects.dlc.indexing import gather, scatter
from dialects.dlc.interfaces import (
    AnyTensor,
    Array,
    Properties,
    TensorOp,
    element_type_of,
    ints,
    is_integer,
    shape_of,
    tensor_type_of,
)
from dialects.dlc.scalars import scalar_index
from dialects.dlc.selection import clamp
from dialects.dlc.shape import inverse_permutation, stacked, transposed
from dialects.dlc.slicing import concatenate, slice_
from dialects.dlc.updating import update_slice
from dialects.structured import (
    PARALLEL,
    build_empty,
    build_generic,
    build_loop_index,
    build_window_write,
    is_splat_constant,
)

_INDEX = IndexType()


def _check_starts(name: str, starts: Sequence[AnyTensor], rank: int) -> None:
    if len(starts) != rank:
        raise VerifyException(f"{name}: {len(starts)} starts do not fit an operand of rank {rank}")
    for position, start in enumerate(starts):
        if start.get_shape() or not is_integer(start.element_type):
            raise VerifyException(f"{name}: start {position} has type {start}, expected one integer, as tensor<i64>")


def _numpy_window(starts: Sequence[Array], sizes: Sequence[int], shape: Sequence[int]) -> tuple[slice, ...]:
    clamped = [min(max(int(start), 0), n - size) for start, size, n in zip(starts, sizes, shape, strict=True)]
    return tuple(slice(start, start + size) for start, size in zip(clamped, sizes, strict=True))


def _constant_starts(
    starts: Sequence[SSAValue], sizes: Sequence[int], shape: Sequence[int]
) -> tuple[slice, ...] | None:
    """The window, if every start is a constant or does not matter."""
    values: list[Array] = []
    for start, size, n in zip(starts, sizes, shape, strict=True):
        if size == n:
            values.append(np.array(0))
        elif isinstance(start.owner, ConstantOp):
            values.append(array_of(start.owner.value))
        else:
            return None
    return _numpy_window(values, sizes, shape)


def _build_start(b: OpBuilder, start: SSAValue, room: int) -> SSAValue:
    """Append the clamped start of type `index`, from a scalar."""
    if room == 0:
        return b.index(0)
    index = scalar_index(b, start)
    index = b.create(arith.MaxSIOp, (index, b.index(0)), _INDEX)
    return b.create(arith.MinSIOp, (index, b.index(room)), _INDEX)


def _build_offset(b: OpBuilder, start: SSAValue, room: int) -> SSAValue | int:
    """The clamped start of type `index` of a 0-d tensor, outside of structured operations; a constant is a number."""
    if room == 0:
        return 0
    if is_splat_constant(start):
        constant = cast(arith.ConstantOp, start.owner).value
        assert isinstance(constant, DenseIntOrFPElementsAttr)
        return min(max(cast(int, constant.get_values()[0]), 0), room)
    return _build_start(b, b.create(tensor.ExtractOp, (start,), element_type_of(start)), room)


@irdl_op_definition
class DynamicSliceOp(TensorOp):
    """`result[i, …] = operand[starts[0] + i, …]`, the starts moved so that the window lies within the operand."""

    name = "dlc.dynamic_slice"

    operand = operand_def(AnyTensor)
    starts = var_operand_def(AnyTensor)
    sizes = prop_def(DenseArrayBase.constr(I64))

    assembly_format = (
        "$operand `[` $starts `]` `sizes` $sizes attr-dict `:` type($operand) `[` type($starts) `]` `->` type($result)"
    )

    @classmethod
    def infer_type(cls, operand_types: Sequence[AnyTensor], properties: Properties) -> AnyTensor:
        """The element type of the operand with `sizes`, which fit into it."""
        operand, *starts = operand_types
        sizes = ints(properties["sizes"])
        shape = operand.get_shape()
        _check_starts("dlc.dynamic_slice", starts, len(shape))
        if len(sizes) != len(shape) or any(not 0 <= size <= n for size, n in zip(sizes, shape, strict=False)):
            raise VerifyException(f"dlc.dynamic_slice: sizes {list(sizes)} do not fit into {operand}")
        return tensor_type(operand.element_type, sizes)

    def evaluate(self, operands: Sequence[Array]) -> Array:
        """Clamp the starts, then slice."""
        x, *starts = operands
        return np.asarray(x[_numpy_window(starts, self.shape, x.shape)])

    def simplify(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue | None:
        """With constant starts it is a slice; a window of the size of `x` is `x`."""
        x, *starts = operands
        if self.shape == shape_of(x):
            return x
        window = _constant_starts(starts, self.shape, shape_of(x))
        if window is None:
            return None
        return slice_(b, x, [part.start for part in window], [part.stop for part in window], [1] * len(window))

    def jvp(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> SSAValue | None:
        """The same window of the tangent."""
        dx = tangents[0]
        return None if dx is None else dynamic_slice(b, dx, self.starts, self.shape)

    def transpose(self, b: OpBuilder, cotangent: SSAValue, linear: Sequence[bool]) -> Sequence[SSAValue | None]:
        """Zeros, with the cotangent in the window."""
        del linear
        nothing = zeros(b, tensor_type_of(self.operand))
        return (dynamic_update_slice(b, nothing, cotangent, self.starts), *(None for _ in self.starts))

    def batch(self, b: OpBuilder, operands: Sequence[SSAValue], batched: Sequence[bool], size: int) -> SSAValue:
        """With one window for all, a window of the batch; with one window each, a gather."""
        x, *starts = operands
        shape = shape_of(self.operand)
        moving = _moving_dims(shape, self.shape)
        if not any(batched[1 + dim] for dim in moving):
            (x,) = stacked(b, [x], batched[:1], size)
            return dynamic_slice(b, x, _batch_starts(b, starts, batched[1:]), (size, *self.shape))
        indices = _window_indices(b, starts, batched[1:], shape, self.shape, size)
        dims = [dim + 1 for dim in moving] if batched[0] else moving
        windows = gather(b, x, indices, dims, batch_dims=int(batched[0]))
        return transposed(b, windows, inverse_permutation(_window_order(shape, moving)))

    def lower(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue:
        """One generic over the window: the starts are 0-d inputs, the operand is captured."""
        x, *starts = operands
        shape = shape_of(x)
        rank = len(shape)

        def body(inner: OpBuilder, arguments: tuple[SSAValue, ...]) -> Sequence[SSAValue]:
            position: list[SSAValue] = []
            for dim in range(rank):
                start = _build_start(inner, arguments[dim], shape[dim] - self.shape[dim])
                position.append(inner.create(arith.AddiOp, (start, build_loop_index(inner, dim)), _INDEX))
            return (inner.create(tensor.ExtractOp, (x, *position), element_type_of(x)),)

        empty = build_empty(b, self.result.type)
        maps = [()] * rank
        return build_generic(b, starts, (empty,), (*maps, range(rank)), (PARALLEL,) * rank, body)[0]


def dynamic_slice(b: OpBuilder, x: SSAValue, starts: Sequence[SSAValue], sizes: Sequence[int]) -> SSAValue:
    """The window of `x` with `sizes` at the 0-d integers `starts`, which are moved into range."""
    return DynamicSliceOp.emit(b, (x, *starts), {"sizes": int_array(tuple(sizes))})


@irdl_op_definition
class DynamicUpdateSliceOp(TensorOp):
    """`operand` with the window at `starts` replaced by `update`; the starts are moved so that it lies within."""

    name = "dlc.dynamic_update_slice"

    operand = operand_def(AnyTensor)
    update = operand_def(AnyTensor)
    starts = var_operand_def(AnyTensor)

    assembly_format = (
        "$update `into` $operand `[` $starts `]` attr-dict "
        "`:` type($update) `into` type($operand) `[` type($starts) `]` `->` type($result)"
    )

    @classmethod
    def infer_type(cls, operand_types: Sequence[AnyTensor], properties: Properties) -> AnyTensor:
        """The type of the operand, which the update fits into."""
        del properties
        operand, update, *starts = operand_types
        shape, sizes = operand.get_shape(), update.get_shape()
        _check_starts("dlc.dynamic_update_slice", starts, len(shape))
        fits = len(sizes) == len(shape) and all(size <= n for size, n in zip(sizes, shape, strict=True))
        if not fits or update.element_type != operand.element_type:
            raise VerifyException(f"dlc.dynamic_update_slice: update has type {update}, it does not fit into {operand}")
        return operand

    def evaluate(self, operands: Sequence[Array]) -> Array:
        """Clamp the starts, copy, then assign."""
        x, update, *starts = operands
        result = np.array(x)
        result[_numpy_window(starts, update.shape, x.shape)] = update
        return result

    def simplify(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue | None:
        """An update of everything is the update, one of nothing is `x`; with constant starts it is `update_slice`."""
        x, update, *starts = operands
        sizes = shape_of(update)
        if sizes == self.shape:
            return update
        if math.prod(sizes) == 0:
            return x
        window = _constant_starts(starts, sizes, self.shape)
        if window is None:
            return None
        return update_slice(b, x, update, [part.start for part in window], [1] * len(window))

    def jvp(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> SSAValue | None:
        """Linear in operand and update together."""
        dx, dupdate, *_ = tangents
        dx = zeros(b, self.result.type) if dx is None else dx
        dupdate = zeros(b, tensor_type_of(self.update)) if dupdate is None else dupdate
        return dynamic_update_slice(b, dx, dupdate, self.starts)

    def transpose(self, b: OpBuilder, cotangent: SSAValue, linear: Sequence[bool]) -> Sequence[SSAValue | None]:
        """Of the operand: the cotangent with zeros in the window. Of the update: the window."""
        operand_cotangent = update_cotangent = None
        if linear[0]:
            nothing = zeros(b, tensor_type_of(self.update))
            operand_cotangent = dynamic_update_slice(b, cotangent, nothing, self.starts)
        if linear[1]:
            update_cotangent = dynamic_slice(b, cotangent, self.starts, shape_of(self.update))
        return (operand_cotangent, update_cotangent, *(None for _ in self.starts))

    def batch(self, b: OpBuilder, operands: Sequence[SSAValue], batched: Sequence[bool], size: int) -> SSAValue:
        """With one window for all, a window of the batch; with one window each, a scatter."""
        x, update, *starts = operands
        x, update = stacked(b, (x, update), batched[:2], size)
        shape, sizes = self.shape, shape_of(self.update)
        moving = _moving_dims(shape, sizes)
        if not any(batched[2 + dim] for dim in moving):
            return dynamic_update_slice(b, x, update, _batch_starts(b, starts, batched[2:]))
        indices = _window_indices(b, starts, batched[2:], shape, sizes, size)
        windows = transposed(b, update, _window_order(shape, moving))
        return scatter(b, x, indices, windows, [dim + 1 for dim in moving], "set", batch_dims=1)

    def lower(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue:
        """A window write, at the starts clamped."""
        x, update, *starts = operands
        sizes = shape_of(update)
        if math.prod(sizes) == 0:
            return x
        places = zip(starts, self.shape, sizes, strict=True)
        offsets = [_build_offset(b, start, n - size) for start, n, size in places]
        return build_window_write(b, update, x, offsets, [1] * len(sizes))


def dynamic_update_slice(b: OpBuilder, x: SSAValue, update: SSAValue, starts: Sequence[SSAValue]) -> SSAValue:
    """`x` with the window at the 0-d integers `starts`, which are moved into range, replaced by `update`."""
    return DynamicUpdateSliceOp.emit(b, (x, update, *starts))


def _moving_dims(shape: Sequence[int], sizes: Sequence[int]) -> list[int]:
    """The dimensions in which a window can be in more than one place."""
    return [dim for dim, size in enumerate(sizes) if size != shape[dim]]


def _window_order(shape: Sequence[int], moving: Sequence[int]) -> list[int]:
    """The permutation from a batch of windows to the layout of gather: batch, moving dimensions, the others."""
    return [0, *(dim + 1 for dim in moving), *(dim + 1 for dim in range(len(shape)) if dim not in moving)]


def _batch_starts(b: OpBuilder, starts: Sequence[SSAValue], batched: Sequence[bool]) -> list[SSAValue]:
    """Starts for the whole batch. One that is batched belongs to a dimension in which the window cannot move."""
    zero = full(b, 0, tensor_type(i64, ()))
    return [zero, *(zero if is_batched else start for start, is_batched in zip(starts, batched, strict=True))]


def _window_indices(
    b: OpBuilder,
    starts: Sequence[SSAValue],
    batched: Sequence[bool],
    shape: Sequence[int],
    sizes: Sequence[int],
    size: int,
) -> SSAValue:
    """Where the windows of a batch lie in the dimensions that they can move in.

    `result[n, i…, k]` is the index, in the `k`-th moving dimension, of element `i…` of window `n`; `i…` runs over the
    moving dimensions only.
    """
    moving = _moving_dims(shape, sizes)
    columns_type = tensor_type(i64, (size, *(sizes[dim] for dim in moving), 1))
    scalar = tensor_type(i64, ())
    columns: list[SSAValue] = []
    for k, dim in enumerate(moving):
        start = starts[dim] if element_type_of(starts[dim]) == i64 else convert(b, starts[dim], i64)
        start = clamp(b, full(b, 0, scalar), start, full(b, shape[dim] - sizes[dim], scalar))
        start = broadcast_in_dim(b, start, columns_type.get_shape(), (0,) if batched[dim] else ())
        columns.append(add(b, start, iota(b, columns_type, k + 1)))
    return concatenate(b, columns, len(columns) + 1)
