"""Broadcasting and summation, each the other's transpose: `dlc.broadcast_in_dim` and `dlc.reduce_sum`."""

from collections.abc import Sequence
from typing import ClassVar, cast

import numpy as np
from xdsl.dialects import arith
from xdsl.dialects.builtin import I64, AffineMapAttr, DenseArrayBase, TensorType
from xdsl.ir import SSAValue
from xdsl.ir.affine import AffineExpr
from xdsl.irdl import VarConstraint, base, irdl_op_definition, operand_def, prop_def, result_def
from xdsl.utils.exceptions import VerifyException

from dialects.builder import OpBuilder, affine_map, int_array, tensor_type
from dialects.dlc.constants import full, splat_value
from dialects.dlc.interfaces import (
    AnyTensor,
    Array,
    Properties,
    TensorOp,
    computed,
    dtype_of,
    element_type_of,
    ints,
    is_bool,
    is_float,
    shape_of,
)
from dialects.structured import PARALLEL, build_empty, build_generic, build_reduction


@irdl_op_definition
class BroadcastInDimOp(TensorOp):
    """`result[…, i_dims[k], …] = operand[…, i_k, …]`: operand dimension `k` becomes result dimension `dims[k]`.

    `dims` increases strictly. A dimension of size 1 may grow; its only element is repeated.
    """

    name = "dlc.broadcast_in_dim"

    T: ClassVar = VarConstraint("T", base(TensorType))

    operand = operand_def(TensorType)
    dims = prop_def(DenseArrayBase.constr(I64))
    output = prop_def(T)
    result = result_def(T)

    assembly_format = "$operand `dims` $dims attr-dict `:` type($operand) `->` $output"

    @classmethod
    def infer_type(cls, operand_types: Sequence[AnyTensor], properties: Properties) -> AnyTensor:
        """The type given by `output`, which the operand fits into."""
        (operand_type,) = operand_types
        output = cast(AnyTensor, properties["output"])
        dims = ints(properties["dims"])
        shape, sizes = operand_type.get_shape(), output.get_shape()
        dtype_of(output)
        if output.element_type != operand_type.element_type:
            raise VerifyException(
                f"{cls.name}: the element types of {operand_type} and {output} differ; use dlc.convert"
            )
        if len(dims) != len(shape):
            raise VerifyException(f"{cls.name}: operand 0 has type {operand_type}, but dims {list(dims)} are given")
        if any(low >= high for low, high in zip((-1, *dims), (*dims, len(sizes)), strict=True)):
            raise VerifyException(
                f"{cls.name}: dims {list(dims)} are not increasing dimensions of {output}; use dlc.transpose first"
            )
        for size, dim in zip(shape, dims, strict=True):
            if size not in {1, sizes[dim]}:
                raise VerifyException(
                    f"{cls.name}: operand 0 has type {operand_type}, whose size {size} does not fit dimension {dim} of "
                    f"{output}; it must be {sizes[dim]} or 1"
                )
        return output

    def evaluate(self, operands: Sequence[Array]) -> Array:
        """A read-only view of the operand."""
        (x,) = operands
        sizes = [1] * len(self.shape)
        for size, dim in zip(x.shape, ints(self.dims), strict=True):
            sizes[dim] = size
        return np.broadcast_to(x.reshape(sizes), self.shape)

    def jvp(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> SSAValue | None:
        """Linear."""
        (dx,) = tangents
        return None if dx is None else broadcast_in_dim(b, dx, self.shape, ints(self.dims))

    def transpose(self, b: OpBuilder, cotangent: SSAValue, linear: Sequence[bool]) -> Sequence[SSAValue | None]:
        """The sum over the dimensions that are new or have grown."""
        del linear
        shape = shape_of(self.operand)
        copied = {dim: k for k, dim in enumerate(ints(self.dims)) if shape[k] == self.shape[dim]}
        total = reduce_sum(b, cotangent, [dim for dim in range(len(self.shape)) if dim not in copied])
        return (broadcast_in_dim(b, total, shape, tuple(copied.values())),)

    def batch(self, b: OpBuilder, operands: Sequence[SSAValue], batched: Sequence[bool], size: int) -> SSAValue:
        """The new dimension stays in front."""
        del batched
        return broadcast_in_dim(b, operands[0], (size, *self.shape), (0, *(dim + 1 for dim in ints(self.dims))))

    def lower(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue:
        """A copy that reads through a map without the new dimensions."""
        rank = len(self.shape)
        empty = build_empty(b, self.result.type)
        copy = build_generic(
            b,
            operands,
            (empty,),
            (self._map(), range(rank)),
            (PARALLEL,) * rank,
            lambda _, arguments: arguments[:1],
        )
        return copy[0]

    def _map(self) -> AffineMapAttr:
        grown = (
            size == 1 != self.shape[dim] for size, dim in zip(shape_of(self.operand), ints(self.dims), strict=True)
        )
        return affine_map(
            len(self.shape),
            tuple(
                AffineExpr.constant(0) if repeated else AffineExpr.dimension(dim)
                for repeated, dim in zip(grown, ints(self.dims), strict=True)
            ),
        )

    def simplify(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue | None:
        """`broadcast(x)` to the same type = `x`; a splat stays a splat; `broadcast(broadcast(x))` is one broadcast.

        So is the broadcast of a reshape that only inserts dimensions of size 1.
        """
        (x,) = operands
        if x.type == self.result.type:
            return x
        if (number := splat_value(x)) is not None:
            return full(b, number, self.result.type)
        inner = x.owner
        if isinstance(inner, BroadcastInDimOp):
            dims = ints(self.dims)
            return broadcast_in_dim(b, inner.operand, self.shape, tuple(dims[dim] for dim in ints(inner.dims)))
        # By name, because the module of reshapes builds on this one.
        if isinstance(inner, TensorOp) and inner.name == "dlc.reshape":
            (source,) = inner.operands
            positions = _positions_with_ones_inserted(shape_of(source), shape_of(x))
            if positions is not None:
                return broadcast_in_dim(b, source, self.shape, [ints(self.dims)[position] for position in positions])
        return None


@irdl_op_definition
class ReduceSumOp(TensorOp):
    """`result[kept] = sum over dims of operand[kept, dims]`; the dimensions `dims` disappear.

    The order of the additions is not specified. Integers wrap around.
    """

    name = "dlc.reduce_sum"

    operand = operand_def(TensorType)
    dims = prop_def(DenseArrayBase.constr(I64))

    assembly_format = "$operand `dims` $dims attr-dict `:` type($operand) `->` type($result)"

    @classmethod
    def infer_type(cls, operand_types: Sequence[AnyTensor], properties: Properties) -> AnyTensor:
        """The operand's type without `dims`."""
        (operand_type,) = operand_types
        dims = ints(properties["dims"])
        shape = operand_type.get_shape()
        dtype_of(operand_type)
        if is_bool(operand_type.element_type):
            raise VerifyException(f"{cls.name}: operand 0 has type {operand_type}; use dlc.convert or dlc.reduce_or")
        if any(low >= high for low, high in zip((-1, *dims), (*dims, len(shape)), strict=True)):
            raise VerifyException(f"{cls.name}: dims {list(dims)} are not increasing dimensions of {operand_type}")
        return tensor_type(operand_type.element_type, tuple(n for dim, n in enumerate(shape) if dim not in dims))

    def evaluate(self, operands: Sequence[Array]) -> Array:
        """The sum in the operand's own dtype; of `f16` and `bf16`, in `f32`."""
        (x,) = operands
        with np.errstate(all="ignore"):
            wide = computed(x)
            return np.asarray(np.sum(wide, axis=ints(self.dims), dtype=wide.dtype)).astype(x.dtype)

    def jvp(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> SSAValue | None:
        """Linear."""
        (dx,) = tangents
        return None if dx is None else reduce_sum(b, dx, ints(self.dims))

    def transpose(self, b: OpBuilder, cotangent: SSAValue, linear: Sequence[bool]) -> Sequence[SSAValue | None]:
        """Every summand gets the cotangent of its sum."""
        del linear
        shape = shape_of(self.operand)
        dims = ints(self.dims)
        return (broadcast_in_dim(b, cotangent, shape, tuple(dim for dim in range(len(shape)) if dim not in dims)),)

    def batch(self, b: OpBuilder, operands: Sequence[SSAValue], batched: Sequence[bool], size: int) -> SSAValue:
        """The new dimension stays in front."""
        del batched, size
        return reduce_sum(b, operands[0], tuple(dim + 1 for dim in ints(self.dims)))

    def lower(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue:
        """A reduction that starts from zero."""
        (x,) = operands
        addition = arith.AddfOp if is_float(element_type_of(x)) else arith.AddiOp
        return build_reduction(
            b,
            x,
            ints(self.dims),
            0,
            lambda inner, accumulator, element: inner.create(addition, (accumulator, element), element.type),
        )

    def simplify(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue | None:
        """The sum over no dimensions is `x`; `sum(sum(x, p), q)` is one sum; a sum of zeros is zero."""
        (x,) = operands
        if not ints(self.dims):
            return x
        if splat_value(x) == 0:
            return full(b, 0, self.result.type)
        inner = x.owner
        if isinstance(inner, ReduceSumOp):
            kept = [dim for dim in range(len(shape_of(inner.operand))) if dim not in ints(inner.dims)]
            return reduce_sum(b, inner.operand, sorted((*ints(inner.dims), *(kept[dim] for dim in ints(self.dims)))))
        return None


def _positions_with_ones_inserted(old: Sequence[int], new: Sequence[int]) -> list[int] | None:
    """Where the dimensions of `old` are in `new`, which has further ones of size 1; `None` if it is not like that."""
    dims: list[int] = []
    for dim, size in enumerate(new):
        if len(dims) < len(old) and old[len(dims)] == size:
            dims.append(dim)
        elif size != 1:
            return None
    return dims if len(dims) == len(old) else None


def broadcast_in_dim(b: OpBuilder, x: SSAValue, shape: Sequence[int], dims: Sequence[int]) -> SSAValue:
    """Append a broadcast of `x` to `shape`; operand dimension `k` becomes dimension `dims[k]`."""
    output = tensor_type(element_type_of(x), tuple(shape))
    return x if x.type == output else BroadcastInDimOp.emit(b, (x,), {"dims": int_array(tuple(dims)), "output": output})


def broadcast_scalar(b: OpBuilder, x: SSAValue, shape: Sequence[int]) -> SSAValue:
    """`x`, which has `shape` or is 0-d, with `shape`."""
    return x if shape_of(x) == tuple(shape) else broadcast_in_dim(b, x, shape, ())


def reduce_sum(b: OpBuilder, x: SSAValue, dims: Sequence[int]) -> SSAValue:
    """Append the sum of `x` over `dims`, in any order of naming them; over no dimensions it is `x`."""
    return ReduceSumOp.emit(b, (x,), {"dims": int_array(tuple(sorted(dims)))}) if dims else x


def broadcast_to_front(b: OpBuilder, x: SSAValue, size: int) -> SSAValue:
    """`size` copies of `x`, stacked along a new leading dimension."""
    shape = shape_of(x)
    return broadcast_in_dim(b, x, (size, *shape), tuple(range(1, len(shape) + 1)))
