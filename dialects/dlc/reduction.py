"""Reductions other than the sum: prod, max, min, and, or, xor.

The dimensions `dims` disappear. A product of nothing is 1, `and` of nothing is true, `or` of nothing is false; the
largest of nothing does not exist.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from xdsl.dialects import arith
from xdsl.dialects.builtin import I64, DenseArrayBase
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.irdl import irdl_op_definition, operand_def, prop_def
from xdsl.utils.exceptions import VerifyException

from dialects.builder import OpBuilder, int_array, tensor_type
from dialects.dlc.arithmetic import div, mul
from dialects.dlc.broadcast import broadcast_in_dim, reduce_sum
from dialects.dlc.constants import full, zeros
from dialects.dlc.conversion import convert
from dialects.dlc.interfaces import (
    DTYPES,
    AnyTensor,
    Array,
    Properties,
    TensorOp,
    computed,
    element_type_of,
    expect_order,
    ints,
    is_bool,
    is_float,
    shape_of,
    tensor_type_of,
)
from dialects.dlc.scalars import greater_of, lesser_of, scalar_op
from dialects.dlc.selection import compare, select
from dialects.dlc.shape import reshape, transposed
from dialects.dlc.slicing import pad
from dialects.structured import (
    build_reduction,
)


def lowest(element_type: Attribute) -> int | float:
    """The smallest value of a type: minus infinity, the most negative integer, or false."""
    if is_float(element_type):
        return -math.inf
    return 0 if is_bool(element_type) else int(np.iinfo(DTYPES[element_type]).min)


def highest(element_type: Attribute) -> int | float:
    """The largest value of a type: infinity, the largest integer, or true."""
    if is_float(element_type):
        return math.inf
    return 1 if is_bool(element_type) else int(np.iinfo(DTYPES[element_type]).max)


class _ReduceOp(TensorOp, ABC):
    """What the reductions with one scalar operation share."""

    operand = operand_def(AnyTensor)
    dims = prop_def(DenseArrayBase.constr(I64))

    assembly_format = "$operand `dims` $dims attr-dict `:` type($operand) `->` type($result)"

    REFUSES_BOOL: ClassVar[str] = ""
    """The operation to use for `i1` instead; empty if `i1` is allowed."""
    REFUSES_FLOAT: ClassVar[bool] = False
    NEEDS_ELEMENT: ClassVar[bool] = False
    """Whether there is no result for an empty dimension."""

    @staticmethod
    @abstractmethod
    def neutral(element_type: Attribute) -> int | float:
        """The value that changes nothing."""

    @staticmethod
    @abstractmethod
    def combiner(element_type: Attribute) -> type[Operation]:
        """The scalar operation."""

    @staticmethod
    @abstractmethod
    def reduce(x: Array, dims: tuple[int, ...]) -> Array:
        """The reduction in NumPy, with any dtype."""

    @classmethod
    def infer_type(cls, operand_types: Sequence[AnyTensor], properties: Properties) -> AnyTensor:
        """The operand's type without `dims`."""
        (operand,) = operand_types
        dims = ints(properties["dims"])
        shape = operand.get_shape()
        if cls.REFUSES_BOOL and is_bool(operand.element_type):
            raise VerifyException(f"{cls.name}: operand has type {operand}; use {cls.REFUSES_BOOL}")
        if cls.NEEDS_ELEMENT:
            expect_order(cls.name, operand)
        if cls.REFUSES_FLOAT and is_float(operand.element_type):
            raise VerifyException(f"{cls.name}: operand has type {operand}, expected integers or i1; use dlc.compare")
        if any(low >= high for low, high in zip((-1, *dims), (*dims, len(shape)), strict=True)):
            raise VerifyException(f"{cls.name}: dims {list(dims)} are not increasing dimensions of {operand}")
        result = tensor_type(operand.element_type, tuple(size for dim, size in enumerate(shape) if dim not in dims))
        if cls.NEEDS_ELEMENT:
            expect_elements(cls.name, operand, dims, result)
        return result

    def evaluate(self, operands: Sequence[Array]) -> Array:
        """The reduction, in the operand's own dtype; of `f16` and `bf16`, in `f32`."""
        (x,) = operands
        with np.errstate(all="ignore"):
            return np.asarray(self.reduce(computed(x), ints(self.dims))).astype(x.dtype)

    def simplify(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue | None:
        """Over no dimensions it is `x`, and so it is over dimensions of size 1 but for the shape; two are one."""
        (x,) = operands
        dims = ints(self.dims)
        shape = shape_of(x)
        if not dims:
            return x
        if all(shape[dim] == 1 for dim in dims):
            return reshape(b, x, self.shape)
        inner = x.owner
        if isinstance(inner, _ReduceOp) and type(inner) is type(self):
            rank = len(shape_of(inner.operand))
            kept = [dim for dim in range(rank) if dim not in ints(inner.dims)]
            joined = sorted((*ints(inner.dims), *(kept[dim] for dim in dims)))
            return self._emit_over(b, inner.operand, joined)
        return None

    def _emit_over(self, b: OpBuilder, x: SSAValue, dims: Sequence[int]) -> SSAValue:
        return self.emit(b, (x,), {"dims": int_array(tuple(dims))})

    def batch(self, b: OpBuilder, operands: Sequence[SSAValue], batched: Sequence[bool], size: int) -> SSAValue:
        """Shift the dims."""
        del batched, size
        return self._emit_over(b, operands[0], [dim + 1 for dim in ints(self.dims)])

    def lower(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue:
        """A reduction that starts from the neutral element."""
        (x,) = operands
        element = element_type_of(x)
        combiner = self.combiner(element)
        return build_reduction(
            b,
            x,
            ints(self.dims),
            self.neutral(element),
            lambda inner, accumulator, value: scalar_op(inner, combiner, accumulator, value),
        )


@irdl_op_definition
class ReduceProdOp(_ReduceOp):
    """`result[kept] = product over dims of operand[kept, dims]`. Integers wrap around."""

    name = "dlc.reduce_prod"

    REFUSES_BOOL: ClassVar[str] = "dlc.reduce_and"

    @staticmethod
    def neutral(element_type: Attribute) -> int | float:
        """One."""
        del element_type
        return 1

    @staticmethod
    def combiner(element_type: Attribute) -> type[Operation]:
        """Multiplication."""
        return arith.MulfOp if is_float(element_type) else arith.MuliOp

    @staticmethod
    def reduce(x: Array, dims: tuple[int, ...]) -> Array:
        """`np.prod`."""
        return np.prod(x, axis=dims, dtype=x.dtype)

    def jvp(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> SSAValue | None:
        """`sum_i dx_i * prod_{j != i} x_j`.

        The products of the others are those of all before times those of all after, each by doubling: `O(n log n)`
        and right for zeros, where `result / x_i` is not, also in further derivatives.
        """
        (dx,) = tangents
        if dx is None:
            return None
        x = self._flat(b, self.operand)
        others = mul(b, _products_of_others(b, x, 1), _products_of_others(b, x, -1))
        return reduce_sum(b, mul(b, self._flat(b, dx), others), (len(self.shape),))

    def _flat(self, b: OpBuilder, x: SSAValue) -> SSAValue:
        """`x` with the reduced dimensions joined into the last one."""
        shape = shape_of(x)
        dims = ints(self.dims)
        kept = [dim for dim in range(len(shape)) if dim not in dims]
        joined = tuple(shape[dim] for dim in kept), math.prod(shape[dim] for dim in dims)
        return reshape(b, transposed(b, x, [*kept, *dims]), (*joined[0], joined[1]))


def _products_of_others(b: OpBuilder, x: SSAValue, direction: int) -> SSAValue:
    """The product of all elements before each (`direction` 1) or after each (-1) along the last dimension."""
    rank = len(shape_of(x))
    size = shape_of(x)[-1]
    one = full(b, 1, tensor_type(element_type_of(x), ()))

    def shifted(value: SSAValue, distance: int) -> SSAValue:
        low = [0] * (rank - 1) + [direction * distance]
        return pad(b, value, one, low, [-n for n in low], [0] * rank)

    product = shifted(x, 1) if size else x
    distance = 1
    while distance < size - 1:
        product = mul(b, product, shifted(product, distance))
        distance *= 2
    return product


class _ReduceExtremumOp(_ReduceOp, ABC):
    """The largest or smallest element; a NaN wins."""

    REFUSES_BOOL: ClassVar[str] = "dlc.reduce_or or dlc.reduce_and"
    NEEDS_ELEMENT: ClassVar[bool] = True

    def jvp(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> SSAValue | None:
        """The mean of the tangents of those elements that are equal to the result."""
        (dx,) = tangents
        if dx is None:
            return None
        dims = ints(self.dims)
        x_type = tensor_type_of(self.operand)
        kept = [dim for dim in range(len(x_type.get_shape())) if dim not in dims]
        extremum = broadcast_in_dim(b, self.result, x_type.get_shape(), kept)
        mask = compare(b, "eq", self.operand, extremum)
        count = reduce_sum(b, convert(b, mask, x_type.element_type), dims)
        return div(b, reduce_sum(b, select(b, mask, dx, zeros(b, x_type)), dims), count)


@irdl_op_definition
class ReduceMaxOp(_ReduceExtremumOp):
    """`result[kept] = max over dims of operand[kept, dims]`; NaN if there is one."""

    name = "dlc.reduce_max"

    @staticmethod
    def neutral(element_type: Attribute) -> int | float:
        """The smallest value."""
        return lowest(element_type)

    @staticmethod
    def combiner(element_type: Attribute) -> type[Operation]:
        """The maximum that propagates NaN."""
        return greater_of(element_type)

    @staticmethod
    def reduce(x: Array, dims: tuple[int, ...]) -> Array:
        """`np.max`."""
        return np.max(x, axis=dims)


@irdl_op_definition
class ReduceMinOp(_ReduceExtremumOp):
    """`result[kept] = min over dims of operand[kept, dims]`; NaN if there is one."""

    name = "dlc.reduce_min"

    @staticmethod
    def neutral(element_type: Attribute) -> int | float:
        """The largest value."""
        return highest(element_type)

    @staticmethod
    def combiner(element_type: Attribute) -> type[Operation]:
        """The minimum that propagates NaN."""
        return lesser_of(element_type)

    @staticmethod
    def reduce(x: Array, dims: tuple[int, ...]) -> Array:
        """`np.min`."""
        return np.min(x, axis=dims)


@irdl_op_definition
class ReduceAndOp(_ReduceOp):
    """`result[kept] = and over dims of operand[kept, dims]`, bit by bit."""

    name = "dlc.reduce_and"

    NO_DERIVATIVE: ClassVar[str] = "integers and bools do not move"
    REFUSES_FLOAT: ClassVar[bool] = True

    @staticmethod
    def neutral(element_type: Attribute) -> int | float:
        """All bits set."""
        return 1 if is_bool(element_type) else -1

    @staticmethod
    def combiner(element_type: Attribute) -> type[Operation]:
        """Bitwise and."""
        del element_type
        return arith.AndIOp

    @staticmethod
    def reduce(x: Array, dims: tuple[int, ...]) -> Array:
        """`np.bitwise_and.reduce`."""
        return np.bitwise_and.reduce(x, axis=dims)


@irdl_op_definition
class ReduceOrOp(_ReduceOp):
    """`result[kept] = or over dims of operand[kept, dims]`, bit by bit."""

    name = "dlc.reduce_or"

    NO_DERIVATIVE: ClassVar[str] = "integers and bools do not move"
    REFUSES_FLOAT: ClassVar[bool] = True

    @staticmethod
    def neutral(element_type: Attribute) -> int | float:
        """No bits set."""
        del element_type
        return 0

    @staticmethod
    def combiner(element_type: Attribute) -> type[Operation]:
        """Bitwise or."""
        del element_type
        return arith.OrIOp

    @staticmethod
    def reduce(x: Array, dims: tuple[int, ...]) -> Array:
        """`np.bitwise_or.reduce`."""
        return np.bitwise_or.reduce(x, axis=dims)


@irdl_op_definition
class ReduceXorOp(_ReduceOp):
    """`result[kept] = xor over dims of operand[kept, dims]`, bit by bit."""

    name = "dlc.reduce_xor"

    NO_DERIVATIVE: ClassVar[str] = "integers and bools do not move"
    REFUSES_FLOAT: ClassVar[bool] = True

    @staticmethod
    def neutral(element_type: Attribute) -> int | float:
        """No bits set."""
        del element_type
        return 0

    @staticmethod
    def combiner(element_type: Attribute) -> type[Operation]:
        """Bitwise exclusive or."""
        del element_type
        return arith.XOrIOp

    @staticmethod
    def reduce(x: Array, dims: tuple[int, ...]) -> Array:
        """`np.bitwise_xor.reduce`."""
        return np.bitwise_xor.reduce(x, axis=dims)


def expect_elements(name: str, operand: AnyTensor, dims: Sequence[int], result: AnyTensor) -> None:
    """Raise `VerifyException` if `result` has elements and one of `dims`, which are reduced, has none."""
    if math.prod(result.get_shape()) == 0:
        return
    for dim in dims:
        if operand.get_shape()[dim] == 0:
            raise VerifyException(
                f"{name}: dimension {dim} of {operand} is empty, it has no largest or smallest element"
            )


def reduce_prod(b: OpBuilder, x: SSAValue, dims: Sequence[int]) -> SSAValue:
    """The product over `dims`."""
    return ReduceProdOp.emit(b, (x,), {"dims": int_array(tuple(sorted(dims)))})


def reduce_max(b: OpBuilder, x: SSAValue, dims: Sequence[int]) -> SSAValue:
    """The maximum over `dims`; NaN if there is one."""
    return ReduceMaxOp.emit(b, (x,), {"dims": int_array(tuple(sorted(dims)))})


def reduce_min(b: OpBuilder, x: SSAValue, dims: Sequence[int]) -> SSAValue:
    """The minimum over `dims`; NaN if there is one."""
    return ReduceMinOp.emit(b, (x,), {"dims": int_array(tuple(sorted(dims)))})


def reduce_and(b: OpBuilder, x: SSAValue, dims: Sequence[int]) -> SSAValue:
    """Whether all over `dims` hold; bitwise for integers."""
    return ReduceAndOp.emit(b, (x,), {"dims": int_array(tuple(sorted(dims)))})


def reduce_xor(b: OpBuilder, x: SSAValue, dims: Sequence[int]) -> SSAValue:
    """The bitwise exclusive or over `dims`."""
    return ReduceXorOp.emit(b, (x,), {"dims": int_array(tuple(dims))})


def reduce_or(b: OpBuilder, x: SSAValue, dims: Sequence[int]) -> SSAValue:
    """Whether any over `dims` holds; bitwise for integers."""
    return ReduceOrOp.emit(b, (x,), {"dims": int_array(tuple(sorted(dims)))})
