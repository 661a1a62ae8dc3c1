"""Products of tensors summed over shared dimensions: dot_general, the adjoint of itself in either operand."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from xdsl.dialects import arith
from xdsl.dialects.builtin import I64, DenseArrayBase
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.irdl import irdl_op_definition, operand_def, prop_def
from xdsl.utils.exceptions import VerifyException

from dialects.builder import OpBuilder, int_array, tensor_type
from dialects.dlc.arithmetic import add_tangents
from dialects.dlc.constants import splat_value, zeros
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
from dialects.dlc.scalars import scalar_op
from dialects.dlc.shape import TransposeOp, check_dims, inverse_permutation, transposed
from dialects.structured import PARALLEL, REDUCTION, Map, build_cast, build_fill, build_generic, compute_type


@dataclass(frozen=True)
class Dimensions:
    """Which dimensions of the operands of a dot_general belong together."""

    lhs_batch: tuple[int, ...]
    rhs_batch: tuple[int, ...]
    lhs_contracting: tuple[int, ...]
    rhs_contracting: tuple[int, ...]

    @classmethod
    def of(cls, properties: Properties) -> "Dimensions":
        """The dimensions among the properties of an operation."""
        return cls(
            ints(properties["lhs_batch"]),
            ints(properties["rhs_batch"]),
            ints(properties["lhs_contracting"]),
            ints(properties["rhs_contracting"]),
        )

    def properties(self) -> dict[str, DenseArrayBase[Any]]:
        """The properties of an operation with these dimensions."""
        return {name: int_array(dims) for name, dims in vars(self).items()}

    def lhs_free(self, rank: int) -> tuple[int, ...]:
        """The other dimensions of the left operand."""
        return tuple(dim for dim in range(rank) if dim not in self.lhs_batch and dim not in self.lhs_contracting)

    def rhs_free(self, rank: int) -> tuple[int, ...]:
        """The other dimensions of the right operand."""
        return tuple(dim for dim in range(rank) if dim not in self.rhs_batch and dim not in self.rhs_contracting)


@irdl_op_definition
class DotGeneralOp(TensorOp):
    """`result[batch, i, j] = sum over c of lhs[batch, i, c] * rhs[batch, j, c]`, the dimensions in any order.

    The dimensions of the result are the batch dimensions, the free ones of `lhs`, the free ones of `rhs`. For `i1` the
    product is `and` and the sum `or`. The order of the additions is not specified.
    """

    name = "dlc.dot_general"

    lhs = operand_def(AnyTensor)
    rhs = operand_def(AnyTensor)
    lhs_batch = prop_def(DenseArrayBase.constr(I64), default_value=int_array(()))
    rhs_batch = prop_def(DenseArrayBase.constr(I64), default_value=int_array(()))
    lhs_contracting = prop_def(DenseArrayBase.constr(I64))
    rhs_contracting = prop_def(DenseArrayBase.constr(I64))

    assembly_format = (
        "$lhs `,` $rhs (`batch` $lhs_batch^ `x` $rhs_batch)? `contracting` $lhs_contracting `x` $rhs_contracting "
        "attr-dict `:` type($lhs) `,` type($rhs) `->` type($result)"
    )

    @classmethod
    def infer_type(cls, operand_types: Sequence[AnyTensor], properties: Properties) -> AnyTensor:
        """Batch sizes, then the free sizes of both operands."""
        lhs, rhs = operand_types
        dims = Dimensions.of(properties)
        dtype_of(lhs)
        if lhs.element_type != rhs.element_type:
            raise VerifyException(f"dlc.dot_general: the element types of {lhs} and {rhs} differ; use dlc.convert")
        shape, other = lhs.get_shape(), rhs.get_shape()
        check_dims("dlc.dot_general", (*dims.lhs_batch, *dims.lhs_contracting), len(shape))
        check_dims("dlc.dot_general", (*dims.rhs_batch, *dims.rhs_contracting), len(other))
        for kind, left, right in (
            ("batch", dims.lhs_batch, dims.rhs_batch),
            ("contracting", dims.lhs_contracting, dims.rhs_contracting),
        ):
            if [shape[dim] for dim in left] != [other[dim] for dim in right]:
                raise VerifyException(
                    f"dlc.dot_general: {kind} dimensions {list(left)} of {lhs} and {list(right)} of {rhs} have sizes "
                    f"{[shape[dim] for dim in left]} and {[other[dim] for dim in right]}, expected equal ones"
                )
        sizes = (
            *(shape[dim] for dim in dims.lhs_batch),
            *(shape[dim] for dim in dims.lhs_free(len(shape))),
            *(other[dim] for dim in dims.rhs_free(len(other))),
        )
        return tensor_type(lhs.element_type, sizes)

    @property
    def dimensions(self) -> Dimensions:
        """Which dimensions belong together."""
        return Dimensions.of(self.properties)

    def evaluate(self, operands: Sequence[Array]) -> Array:
        """`np.matmul` of the operands as batches of matrices; of `f16` and `bf16`, in `f32`."""
        lhs, rhs = map(computed, operands)
        dims = self.dimensions
        batch = [lhs.shape[dim] for dim in dims.lhs_batch]
        contracted = int(np.prod([lhs.shape[dim] for dim in dims.lhs_contracting], dtype=np.int64))
        lhs_free, rhs_free = dims.lhs_free(lhs.ndim), dims.rhs_free(rhs.ndim)
        rows = int(np.prod([lhs.shape[dim] for dim in lhs_free], dtype=np.int64))
        columns = int(np.prod([rhs.shape[dim] for dim in rhs_free], dtype=np.int64))
        left = lhs.transpose((*dims.lhs_batch, *lhs_free, *dims.lhs_contracting)).reshape((*batch, rows, contracted))
        right = rhs.transpose((*dims.rhs_batch, *dims.rhs_contracting, *rhs_free)).reshape(
            (*batch, contracted, columns)
        )
        with np.errstate(all="ignore"):
            return np.matmul(left, right).reshape(self.shape).astype(dtype_of(self.result.type))

    def simplify(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue | None:
        """A transpose of an operand that keeps the order of its free dimensions joins the dimension numbers.

        The product of an integer tensor with zeros is zero, and so is every sum of nothing.
        """
        lhs, rhs = operands
        dims = self.dimensions
        empty = any(shape_of(lhs)[dim] == 0 for dim in dims.lhs_contracting)
        if empty or (not is_float(element_type_of(lhs)) and 0 in {splat_value(lhs), splat_value(rhs)}):
            return zeros(b, self.result.type)
        left = _without_transpose(lhs, dims.lhs_batch, dims.lhs_contracting)
        right = _without_transpose(rhs, dims.rhs_batch, dims.rhs_contracting)
        if left[0] is lhs and right[0] is rhs:
            return None
        return _dot_general(b, left, right)

    def jvp(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> SSAValue | None:
        """The product rule."""
        dlhs, drhs = tangents
        properties = self.properties
        first = None if dlhs is None else DotGeneralOp.emit(b, (dlhs, self.rhs), properties)
        second = None if drhs is None else DotGeneralOp.emit(b, (self.lhs, drhs), properties)
        return add_tangents(b, first, second)

    def transpose(self, b: OpBuilder, cotangent: SSAValue, linear: Sequence[bool]) -> Sequence[SSAValue | None]:
        """The cotangent times the other operand, summed over the free dimensions of that one."""
        assert not all(linear), "dlc.dot_general: linear in each operand, not in both together"
        return (self._of_lhs(b, cotangent), None) if linear[0] else (None, self._of_rhs(b, cotangent))

    def _of_lhs(self, b: OpBuilder, cotangent: SSAValue) -> SSAValue:
        dims = self.dimensions
        lhs_free = dims.lhs_free(len(shape_of(self.lhs)))
        rhs_free = dims.rhs_free(len(shape_of(self.rhs)))
        first_rhs = len(dims.lhs_batch) + len(lhs_free)
        matrix = (cotangent, range(len(dims.lhs_batch)), range(first_rhs, len(self.shape)), lhs_free)
        # The product has the contracted dimensions in the order in which the right operand has them.
        contracted = [left for _, left in sorted(zip(dims.rhs_contracting, dims.lhs_contracting, strict=True))]
        return _product_in_order(b, dims.lhs_batch, matrix, (self.rhs, dims.rhs_batch, rhs_free, contracted))

    def _of_rhs(self, b: OpBuilder, cotangent: SSAValue) -> SSAValue:
        dims = self.dimensions
        lhs_free = dims.lhs_free(len(shape_of(self.lhs)))
        rhs_free = dims.rhs_free(len(shape_of(self.rhs)))
        first_lhs = len(dims.lhs_batch)
        matrix = (cotangent, range(first_lhs), range(first_lhs, first_lhs + len(lhs_free)), rhs_free)
        contracted = [right for _, right in sorted(zip(dims.lhs_contracting, dims.rhs_contracting, strict=True))]
        return _product_in_order(b, dims.rhs_batch, (self.lhs, dims.lhs_batch, lhs_free, contracted), matrix)

    def batch(self, b: OpBuilder, operands: Sequence[SSAValue], batched: Sequence[bool], size: int) -> SSAValue:
        """One more batch dimension if both are batched; else a free dimension, moved to the front."""
        del size
        lhs, rhs = operands
        dims = self.dimensions
        left, right = (int(flag) for flag in batched)
        lhs_batch = tuple(dim + left for dim in dims.lhs_batch)
        rhs_batch = tuple(dim + right for dim in dims.rhs_batch)
        if left and right:
            lhs_batch, rhs_batch = (0, *lhs_batch), (0, *rhs_batch)
        product = dot_general(
            b,
            lhs,
            rhs,
            lhs_batch,
            rhs_batch,
            [dim + left for dim in dims.lhs_contracting],
            [dim + right for dim in dims.rhs_contracting],
        )
        if left and right:
            return product
        place = len(lhs_batch) if left else len(lhs_batch) + len(dims.lhs_free(len(shape_of(self.lhs))))
        rank = len(self.shape) + 1
        return transposed(b, product, [place, *(dim for dim in range(rank) if dim != place)])

    def lower(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue:
        """A fill with zero and one generic; loops run over batch, left, right, then the contracted dimensions.

        Tensors of `f16` and `bf16` are multiplied as tensors of `f32`, so that the BLAS library takes large ones.
        """
        element = compute_type(element_type_of(operands[0]))
        lhs, rhs = (build_cast(b, operand, element) for operand in operands)
        dims = self.dimensions
        lhs_free, rhs_free = dims.lhs_free(len(shape_of(lhs))), dims.rhs_free(len(shape_of(rhs)))
        num_parallel = len(self.shape)
        num_reduced = len(dims.lhs_contracting)
        batch = range(len(dims.lhs_batch))
        reduced = range(num_parallel, num_parallel + num_reduced)
        first_right = len(batch) + len(lhs_free)
        left_loops = _loops(
            (dims.lhs_batch, batch),
            (lhs_free, range(len(batch), first_right)),
            (dims.lhs_contracting, reduced),
        )
        right_loops = _loops(
            (dims.rhs_batch, batch), (rhs_free, range(first_right, num_parallel)), (dims.rhs_contracting, reduced)
        )
        product = build_product_sum(b, lhs, rhs, (left_loops, right_loops), self.shape, num_reduced)
        return build_cast(b, product, self.result.type.element_type)


def product_and_sum(element: Attribute) -> tuple[type[Operation], type[Operation]]:
    """The scalar operations that multiply elements of a type and add them up: `and` and `or` for `i1`."""
    if is_bool(element):
        return arith.AndIOp, arith.OrIOp
    return (arith.MulfOp, arith.AddfOp) if is_float(element) else (arith.MuliOp, arith.AddiOp)


def build_product_sum(
    b: OpBuilder, lhs: SSAValue, rhs: SSAValue, maps: tuple[Map, Map], shape: Sequence[int], num_reduced: int
) -> SSAValue:
    """Append the tensor of this shape whose elements are sums of products: a fill with zero and one generic.

    `maps` tell where the loops over the result, then over what is added up, read the operands.
    """
    element = element_type_of(lhs)
    multiply, accumulate = product_and_sum(element)

    def body(inner: OpBuilder, arguments: tuple[SSAValue, ...]) -> Sequence[SSAValue]:
        left, right, total = arguments
        return (scalar_op(inner, accumulate, total, scalar_op(inner, multiply, left, right)),)

    start = build_fill(b, b.constant(0, element), tensor_type(element, tuple(shape)))
    iterators = (*(PARALLEL,) * len(shape), *(REDUCTION,) * num_reduced)
    (result,) = build_generic(b, (lhs, rhs), (start,), (*maps, range(len(shape))), iterators, body)
    return result


def _loops(*groups: tuple[Sequence[int], Sequence[int]]) -> tuple[int, ...]:
    """The loop of each dimension of an operand, from groups of dimensions and their loops."""
    loop_of: dict[int, int] = {}
    for dims, loops in groups:
        loop_of.update(zip(dims, loops, strict=True))
    return tuple(loop_of[dim] for dim in range(len(loop_of)))


def _product_in_order(b: OpBuilder, batch: Sequence[int], lhs: "_Factor", rhs: "_Factor") -> SSAValue:
    """The product of two factors with the dimensions in the order of the operand that it is the cotangent of.

    The factor whose dimensions come first there is the first, so that a transposed operand has a cotangent without a transpose.
    """
    if lhs[3] and rhs[3] and min(lhs[3]) > max(rhs[3]):
        lhs, rhs = rhs, lhs
    product = dot_general(b, lhs[0], rhs[0], lhs[1], rhs[1], lhs[2], rhs[2])
    return transposed(b, product, inverse_permutation((*batch, *lhs[3], *rhs[3])))


_Factor: TypeAlias = tuple[SSAValue, Sequence[int], Sequence[int], Sequence[int]]
"""An operand, its batch dimensions, those that are contracted, and where the others go."""


_Side: TypeAlias = tuple[SSAValue, tuple[int, ...], tuple[int, ...]]
"""An operand, its batch dimensions, and those that are contracted."""


def _without_transpose(operand: SSAValue, batch: tuple[int, ...], contracting: tuple[int, ...]) -> _Side:
    """The operand and its dimensions before transposes, if these leave the free dimensions in order."""
    if not isinstance(operand.owner, TransposeOp):
        return operand, batch, contracting
    permutation = ints(operand.owner.permutation)
    free = [permutation[dim] for dim in range(len(permutation)) if dim not in batch and dim not in contracting]
    if free != sorted(free):
        return operand, batch, contracting
    before = tuple(permutation[dim] for dim in batch), tuple(permutation[dim] for dim in contracting)
    return _without_transpose(operand.owner.operand, *before)


def dot_general(
    b: OpBuilder,
    lhs: SSAValue,
    rhs: SSAValue,
    lhs_batch: Sequence[int],
    rhs_batch: Sequence[int],
    lhs_contracting: Sequence[int],
    rhs_contracting: Sequence[int],
) -> SSAValue:
    """The product of `lhs` and `rhs`, equal along the batch dimensions and summed over the contracting ones.

    Transposes are joined here already, not only by `simplify`: so the cotangent of `w` in `x @ w.T` is computed as `w` lies.
    """
    left = _without_transpose(lhs, tuple(lhs_batch), tuple(lhs_contracting))
    right = _without_transpose(rhs, tuple(rhs_batch), tuple(rhs_contracting))
    return _dot_general(b, left, right)


def _dot_general(b: OpBuilder, left: "_Side", right: "_Side") -> SSAValue:
    dims = Dimensions(left[1], right[1], left[2], right[2])
    return DotGeneralOp.emit(b, (left[0], right[0]), dims.properties())
