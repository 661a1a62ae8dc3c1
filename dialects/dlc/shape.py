"""Operations that move elements without changing them: reshape, transpose, reverse.

Each is its own adjoint, up to its parameters.
"""

import math
from collections.abc import Sequence
from typing import ClassVar, Self, cast

import numpy as np
from xdsl.dialects.builtin import I64, DenseArrayBase, TensorType
from xdsl.ir import Attribute, SSAValue
from xdsl.ir.affine import AffineExpr
from xdsl.irdl import VarConstraint, base, irdl_op_definition, operand_def, prop_def, result_def
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.utils.exceptions import VerifyException

from dialects.builder import OpBuilder, affine_map, int_array, tensor_type
from dialects.dlc.broadcast import BroadcastInDimOp, broadcast_in_dim
from dialects.dlc.constants import full, splat_value
from dialects.dlc.interfaces import AnyTensor, Array, Properties, TensorOp, ints, shape_of
from dialects.reshapes import build_reshape
from dialects.structured import build_copy


def check_dims(name: str, dims: Sequence[int], rank: int) -> None:
    """Raise `VerifyException` unless `dims` are different dimensions of a tensor of rank `rank`."""
    if any(not 0 <= dim < rank for dim in dims):
        raise VerifyException(f"{name}: dims {list(dims)} are not all dimensions of an operand of rank {rank}")
    if len(set(dims)) != len(dims):
        raise VerifyException(f"{name}: dims {list(dims)} hold a dimension twice")


@irdl_op_definition
class ReshapeOp(TensorOp):
    """The elements of `operand` in row-major order, with other sizes."""

    name = "dlc.reshape"

    operand = operand_def(AnyTensor)
    sizes = prop_def(DenseArrayBase.constr(I64))

    def print(self, printer: Printer) -> None:
        """Print as `dlc.reshape %x : type -> type`; the sizes stand in the result type."""
        printer.print_string(" ")
        printer.print_operand(self.operand)
        printer.print_op_attributes(self.attributes)
        printer.print_string(" : ")
        printer.print_attribute(self.operand.type)
        printer.print_string(" -> ")
        printer.print_attribute(self.result.type)

    @classmethod
    def parse(cls, parser: Parser) -> Self:
        """Parse what `print` prints."""
        operand = parser.parse_unresolved_operand()
        attributes = parser.parse_optional_attr_dict()
        parser.parse_punctuation(":")
        operand_type = parser.parse_type()
        parser.parse_punctuation("->")
        result_type = parser.parse_type()
        if not isinstance(result_type, TensorType):
            parser.raise_error(f"dlc.reshape: the result type is {result_type}, expected a tensor")
        shape = cast(AnyTensor, result_type).get_shape()
        return cls.create(
            operands=[parser.resolve_operand(operand, operand_type)],
            result_types=[cast(Attribute, result_type)],
            properties={"sizes": int_array(shape)},
            attributes=attributes,
        )

    @classmethod
    def infer_type(cls, operand_types: Sequence[AnyTensor], properties: Properties) -> AnyTensor:
        """The element type of the operand with `sizes`, which have the same product."""
        (operand,) = operand_types
        sizes = ints(properties["sizes"])
        count = math.prod(operand.get_shape())
        if any(size < 0 for size in sizes) or math.prod(sizes) != count:
            raise VerifyException(
                f"dlc.reshape: operand of type {operand} has {count} elements, they do not fill the sizes {list(sizes)}"
            )
        return tensor_type(operand.element_type, sizes)

    def evaluate(self, operands: Sequence[Array]) -> Array:
        """Reshape in row-major order."""
        return operands[0].reshape(self.shape)

    def simplify(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue | None:
        """`reshape(x)` with the sizes of `x` becomes `x`; `reshape(reshape(x))` is one, that of a splat a splat.

        A reshape of a broadcast that only inserts or removes dimensions of size 1 joins it.
        """
        (x,) = operands
        shape = self.shape
        if shape_of(x) == shape:
            return x
        if (number := splat_value(x)) is not None:
            return full(b, number, self.result.type)
        if isinstance(x.owner, ReshapeOp):
            return reshaped(b, x.owner.operand, shape)
        if isinstance(x.owner, BroadcastInDimOp):
            return _reshape_of_broadcast(b, x.owner, shape)
        return None

    def jvp(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> SSAValue | None:
        """Reshape the tangent."""
        (dx,) = tangents
        return None if dx is None else reshape(b, dx, self.shape)

    def transpose(self, b: OpBuilder, cotangent: SSAValue, linear: Sequence[bool]) -> Sequence[SSAValue | None]:
        """Reshape the cotangent back."""
        del linear
        return (reshape(b, cotangent, shape_of(self.operand)),)

    def batch(self, b: OpBuilder, operands: Sequence[SSAValue], batched: Sequence[bool], size: int) -> SSAValue:
        """Keep the leading dimension."""
        del batched
        return reshape(b, operands[0], (size, *self.shape))

    def lower(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue:
        """`tensor.collapse_shape` and `tensor.expand_shape`, whichever are needed."""
        return build_reshape(b, operands[0], self.shape)


def _reshape_of_broadcast(b: OpBuilder, inner: BroadcastInDimOp, shape: Sequence[int]) -> SSAValue | None:
    """`reshape(broadcast(x))` as a reshape or a broadcast of `x`, if it is one."""
    source = shape_of(inner.operand)
    if math.prod(source) == math.prod(shape):
        return reshaped(b, inner.operand, shape)
    moved = [dim for dim, size in enumerate(inner.shape) if size != 1]
    targets = [dim for dim, size in enumerate(shape) if size != 1]
    if [inner.shape[dim] for dim in moved] != [shape[dim] for dim in targets]:
        return None
    target_of = dict(zip(moved, targets, strict=True))
    kept = [k for k, dim in enumerate(ints(inner.dims)) if dim in target_of]
    operand = reshaped(b, inner.operand, [source[k] for k in kept])
    return broadcast_in_dim(b, operand, shape, [target_of[ints(inner.dims)[k]] for k in kept])


def reshape(b: OpBuilder, x: SSAValue, shape: Sequence[int]) -> SSAValue:
    """The elements of `x` in row-major order with the sizes `shape`."""
    return ReshapeOp.emit(b, (x,), {"sizes": int_array(tuple(shape))})


def reshaped(b: OpBuilder, x: SSAValue, shape: Sequence[int]) -> SSAValue:
    """`reshape`, or `x` itself if it has that shape."""
    return x if shape_of(x) == tuple(shape) else reshape(b, x, shape)


@irdl_op_definition
class TransposeOp(TensorOp):
    """`result[i_0, …, i_n] = operand[…]` where dimension `k` of the result is dimension `permutation[k]` of the operand."""

    name = "dlc.transpose"

    operand = operand_def(AnyTensor)
    permutation = prop_def(DenseArrayBase.constr(I64))

    assembly_format = "$operand `permutation` $permutation attr-dict `:` type($operand) `->` type($result)"

    @classmethod
    def infer_type(cls, operand_types: Sequence[AnyTensor], properties: Properties) -> AnyTensor:
        """The sizes of the operand, permuted."""
        (operand,) = operand_types
        permutation = ints(properties["permutation"])
        shape = operand.get_shape()
        if sorted(permutation) != list(range(len(shape))):
            raise VerifyException(
                f"dlc.transpose: {list(permutation)} is not a permutation of the {len(shape)} dimensions of {operand}"
            )
        return tensor_type(operand.element_type, tuple(shape[dim] for dim in permutation))

    def evaluate(self, operands: Sequence[Array]) -> Array:
        """Permute the axes."""
        return np.transpose(operands[0], ints(self.permutation))

    def simplify(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue | None:
        """`transpose(x, identity)` becomes `x`; `transpose(transpose(x, p), q)` becomes `transpose(x, p[q])`.

        The transpose of a splat is a splat, that of a broadcast a broadcast if the order of its operand is kept.
        """
        (x,) = operands
        permutation = ints(self.permutation)
        if permutation == tuple(range(len(permutation))):
            return x
        if isinstance(x.owner, TransposeOp):
            inner = ints(x.owner.permutation)
            return transposed(b, x.owner.operand, [inner[dim] for dim in permutation])
        if (number := splat_value(x)) is not None:
            return full(b, number, self.result.type)
        if isinstance(x.owner, BroadcastInDimOp):
            inverse = inverse_permutation(permutation)
            dims = [inverse[dim] for dim in ints(x.owner.dims)]
            if dims == sorted(dims):
                return broadcast_in_dim(b, x.owner.operand, self.shape, dims)
        return None

    def jvp(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> SSAValue | None:
        """Transpose the tangent."""
        (dx,) = tangents
        return None if dx is None else transpose(b, dx, ints(self.permutation))

    def transpose(self, b: OpBuilder, cotangent: SSAValue, linear: Sequence[bool]) -> Sequence[SSAValue | None]:
        """Apply the inverse permutation to the cotangent."""
        del linear
        return (transpose(b, cotangent, inverse_permutation(ints(self.permutation))),)

    def batch(self, b: OpBuilder, operands: Sequence[SSAValue], batched: Sequence[bool], size: int) -> SSAValue:
        """Keep the leading dimension in front."""
        del batched, size
        return transpose(b, operands[0], (0, *(dim + 1 for dim in ints(self.permutation))))

    def lower(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue:
        """One generic that reads through the inverse permutation."""
        return build_copy(b, operands[0], self.result.type, inverse_permutation(ints(self.permutation)))


def transpose(b: OpBuilder, x: SSAValue, permutation: Sequence[int]) -> SSAValue:
    """Dimension `k` of the result is dimension `permutation[k]` of `x`."""
    return TransposeOp.emit(b, (x,), {"permutation": int_array(tuple(permutation))})


def transposed(b: OpBuilder, x: SSAValue, permutation: Sequence[int]) -> SSAValue:
    """`transpose`, or `x` itself if nothing moves."""
    return x if list(permutation) == list(range(len(permutation))) else transpose(b, x, permutation)


def inverse_permutation(permutation: Sequence[int]) -> tuple[int, ...]:
    """`inverse[permutation[k]] == k`."""
    inverse = [0] * len(permutation)
    for position, dim in enumerate(permutation):
        inverse[dim] = position
    return tuple(inverse)


@irdl_op_definition
class ReverseOp(TensorOp):
    """`result[…, i, …] = operand[…, n - 1 - i, …]` in every dimension of `dims`."""

    T: ClassVar = VarConstraint("T", base(AnyTensor))

    name = "dlc.reverse"

    operand = operand_def(T)
    dims = prop_def(DenseArrayBase.constr(I64))
    result = result_def(T)

    assembly_format = "$operand `dims` $dims attr-dict `:` type($operand)"

    @classmethod
    def infer_type(cls, operand_types: Sequence[AnyTensor], properties: Properties) -> AnyTensor:
        """The type of the operand."""
        (operand,) = operand_types
        check_dims("dlc.reverse", ints(properties["dims"]), len(operand.get_shape()))
        return operand

    def evaluate(self, operands: Sequence[Array]) -> Array:
        """Flip the axes."""
        return np.asarray(np.flip(operands[0], ints(self.dims)))

    def simplify(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue | None:
        """Drop dims of size 0 or 1; `reverse(reverse(x, p), q)` becomes `reverse(x, p ^ q)`."""
        (x,) = operands
        dims = ints(self.dims)
        useful = tuple(dim for dim in dims if self.shape[dim] > 1)
        if not useful:
            return x
        if isinstance(x.owner, ReverseOp):
            rest = sorted(set(useful) ^ set(ints(x.owner.dims)))
            return reverse(b, x.owner.operand, rest) if rest else x.owner.operand
        return reverse(b, x, useful) if useful != dims else None

    def jvp(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> SSAValue | None:
        """Reverse the tangent."""
        (dx,) = tangents
        return None if dx is None else reverse(b, dx, ints(self.dims))

    def transpose(self, b: OpBuilder, cotangent: SSAValue, linear: Sequence[bool]) -> Sequence[SSAValue | None]:
        """Reverse the cotangent."""
        del linear
        return (reverse(b, cotangent, ints(self.dims)),)

    def batch(self, b: OpBuilder, operands: Sequence[SSAValue], batched: Sequence[bool], size: int) -> SSAValue:
        """Shift the dims."""
        del batched, size
        return reverse(b, operands[0], [dim + 1 for dim in ints(self.dims)])

    def lower(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue:
        """One generic that reads at `-d + (n - 1)`."""
        dims = ints(self.dims)
        indices = tuple(
            AffineExpr.dimension(dim) * -1 + (size - 1) if dim in dims else AffineExpr.dimension(dim)
            for dim, size in enumerate(self.shape)
        )
        return build_copy(b, operands[0], self.result.type, affine_map(len(indices), indices))


def reverse(b: OpBuilder, x: SSAValue, dims: Sequence[int]) -> SSAValue:
    """`x` with the order of the elements reversed along `dims`."""
    return ReverseOp.emit(b, (x,), {"dims": int_array(tuple(dims))})


def stacked(b: OpBuilder, operands: Sequence[SSAValue], batched: Sequence[bool], size: int) -> tuple[SSAValue, ...]:
    """The operands, those not batched repeated along a new leading dimension."""
    return tuple(
        operand if is_batched else broadcast_in_dim(b, operand, (size, *shape), range(1, len(shape) + 1))
        for operand, is_batched in zip(operands, batched, strict=True)
        for shape in (shape_of(operand),)
    )
