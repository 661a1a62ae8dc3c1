"""What operations on matrices have in common that LAPACK computes, and short forms of what their derivatives are made of.

The last two dimensions of an operand are a matrix, those in front a batch, the same for all operands. LAPACK has a routine for real
and one for complex numbers, which lie interleaved in memory; so `split-complex` hands complex matrices over *packed*, as real tensors with
a last dimension of size 2, instead of in two parts.
"""

from abc import abstractmethod
from collections.abc import Sequence
from math import nan, prod
from typing import Any, cast

import numpy as np
from xdsl.dialects.builtin import ComplexType, DenseArrayBase, UnitAttr, f32, f64, i32
from xdsl.ir import Block, Operation, SSAValue
from xdsl.irdl import opt_prop_def
from xdsl.utils.exceptions import VerifyException

from dialects.builder import OpBuilder, tensor_type
from dialects.dlc.arithmetic import add, mul, sub
from dialects.dlc.broadcast import broadcast_in_dim, reduce_sum
from dialects.dlc.complex_parts import conj, interleave, packed_type
from dialects.dlc.constants import full, iota, zeros
from dialects.dlc.contraction import dot_general
from dialects.dlc.interfaces import (
    AnyTensor,
    Array,
    ElementTypeError,
    Properties,
    PureOp,
    element_type_of,
    is_complex,
    is_float,
    shape_of,
    tensor_type_of,
)
from dialects.dlc.reduction import reduce_and
from dialects.dlc.scalars import Direction
from dialects.dlc.selection import compare, select
from dialects.dlc.shape import inverse_permutation, reshape, stacked, transpose, transposed
from dialects.rt.lapack import Argument, Output, build_lapack

ELEMENTS = {f32, f64, ComplexType(f32), ComplexType(f64)}


class MatrixOp(PureOp):
    """An operation on batches of matrices of `f32`, `f64` and complex numbers that LAPACK computes.

    With `packed`, matrices that look real with a last dimension of size 2 are complex ones.
    """

    packed = opt_prop_def(UnitAttr)

    @classmethod
    def emit_one(cls, b: OpBuilder, operands: Sequence[SSAValue], properties: Properties | None = None) -> SSAValue:
        """Append the operation, which has one result; return it."""
        (result,) = cls.emit_all(b, operands, properties)
        return result

    @classmethod
    def infer_types(cls, operand_types: Sequence[AnyTensor], properties: Properties) -> tuple[AnyTensor, ...]:
        """Those of `infer`, packed if the operands are."""
        if "packed" not in properties:
            return cls.infer(operand_types, properties)
        unpacked = [_unpacked(cls.name, t) if is_float(t.element_type) else t for t in operand_types]
        return tuple(packed_type(t) if is_complex(t.element_type) else t for t in cls.infer(unpacked, properties))

    def evaluate_all(self, operands: Sequence[Array]) -> Sequence[Array]:
        """Those of `compute`, on complex arrays if the operands are packed ones."""
        if self.packed is None:
            return self.compute(operands)
        with_parts = [_as_complex(x) if x.dtype.kind == "f" else x for x in operands]
        return [_as_parts(x) if x.dtype.kind == "c" else x for x in self.compute(with_parts)]

    def batch_all(
        self, b: OpBuilder, operands: Sequence[SSAValue], batched: Sequence[bool], size: int
    ) -> Sequence[SSAValue]:
        """One more dimension of the batch."""
        return self.emit_all(b, stacked(b, operands, batched, size), self.properties)

    def lower_all(self, b: OpBuilder, operands: Sequence[SSAValue]) -> Sequence[SSAValue]:
        """What `compose` builds, lowered."""
        block = Block(arg_types=[value.type for value in operands])
        results = self.compose(OpBuilder(block, b.location), block.args)
        values: dict[SSAValue, SSAValue] = dict(zip(block.args, operands, strict=True))
        for op in block.ops:
            values.update(zip(op.results, _lowered(b, op, [values[value] for value in op.operands]), strict=True))
        return [values[result] for result in results]

    @classmethod
    @abstractmethod
    def infer(cls, operand_types: Sequence[AnyTensor], properties: Properties) -> tuple[AnyTensor, ...]:
        """The result types for operands that are not packed."""

    @abstractmethod
    def compute(self, operands: Sequence[Array]) -> Sequence[Array]:
        """The values in NumPy for operands that are not packed."""

    @abstractmethod
    def compose(self, b: OpBuilder, operands: Sequence[SSAValue]) -> Sequence[SSAValue]:
        """Append calls of LAPACK, and operations of this dialect around them, on real or packed operands."""

    @property
    def matrix_dims(self) -> tuple[int, int]:
        """The dimensions of the rows and of the columns of operand 0."""
        rank = len(shape_of(self.operands[0])) - (self.packed is not None)
        return rank - 2, rank - 1

    @property
    def batch_shape(self) -> tuple[int, ...]:
        """The sizes in front of the matrices."""
        return shape_of(self.operands[0])[: self.matrix_dims[0]]

    @property
    def sizes(self) -> tuple[int, int]:
        """The numbers of rows and columns of operand 0."""
        rows, columns = self.matrix_dims
        shape = shape_of(self.operands[0])
        return shape[rows], shape[columns]

    @property
    def info_type(self) -> AnyTensor:
        """The type of what LAPACK says of each matrix: 0 if all went well."""
        return tensor_type(i32, self.batch_shape)

    def call(self, b: OpBuilder, routine: str, *arguments: Argument) -> tuple[SSAValue, ...]:
        """Append a call for each matrix of the batch; `routine` lacks the letter of the element type."""
        single = element_type_of(self.operands[0]) == f32
        letter = ("s" if single else "d") if self.packed is None else ("c" if single else "z")
        return build_lapack(b, letter + routine, prod(self.batch_shape), arguments)

    def scalar(self, number: float) -> Argument:
        """A number as an argument of a routine."""
        numbers = [number] if self.packed is None else [number, 0.0]
        return DenseArrayBase.from_list(cast(Any, element_type_of(self.operands[0])), numbers)

    def swapped(self, b: OpBuilder, x: SSAValue) -> SSAValue:
        """Each matrix of `x`, real or packed, transposed: as LAPACK sees matrices."""
        order = list(range(len(shape_of(x))))
        rows, columns = self.matrix_dims
        order[rows], order[columns] = columns, rows
        return transpose(b, x, order)

    def where(self, b: OpBuilder, flags: SSAValue, x: SSAValue, number: float = nan) -> SSAValue:
        """`x` where `flags`, which has the first dimensions of `x`, and `number` elsewhere."""
        shape = shape_of(x)
        flags = broadcast_in_dim(b, flags, shape, range(len(shape_of(flags))))
        return select(b, flags, x, full(b, number, tensor_type_of(x)))

    def workspace(self, size: int) -> Output:
        """A workspace of `size` elements, of numbers as they are in the matrices."""
        element = element_type_of(self.operands[0])
        return Output(tensor_type(element, (size,) if self.packed is None else (size, 2)), is_workspace=True)

    def real_workspace(self, size: int) -> Output:
        """A workspace of `size` real numbers."""
        return Output(tensor_type(element_type_of(self.operands[0]), (size,)), is_workspace=True)

    def packed_type(self, *sizes: int) -> AnyTensor:
        """The type of a batch of arrays with `sizes`, of numbers as they are in operand 0."""
        tail = () if self.packed is None else (2,)
        return tensor_type(element_type_of(self.operands[0]), (*self.batch_shape, *sizes, *tail))

    def identity(self, b: OpBuilder, matrix_type: AnyTensor) -> SSAValue:
        """Matrices of a type, real or packed, with ones on the diagonal and zeros elsewhere."""
        shape = matrix_type.get_shape()
        ones = full(b, 1, tensor_type(matrix_type.element_type, shape if self.packed is None else shape[:-1]))
        eye = triangle(b, ones, "eq")
        return eye if self.packed is None else interleave(b, eye, zeros(b, tensor_type_of(eye)))

    def is_read(self, index: int) -> bool:
        """Whether something reads result `index`: if not, it need not be computed."""
        return self.results[index].first_use is not None

    def finite(self, b: OpBuilder, x: SSAValue) -> SSAValue:
        """Whether all of each matrix is finite."""
        flags = compare(b, "eq", sub(b, x, x), zeros(b, tensor_type_of(x)))
        return reduce_and(b, flags, range(len(self.batch_shape), len(shape_of(x))))

    def succeeded(self, b: OpBuilder, info: SSAValue, x: SSAValue) -> SSAValue:
        """`x`, NaN for each matrix for which LAPACK failed."""
        return self.where(b, compare(b, "eq", info, zeros(b, self.info_type)), x)


def _lowered(b: OpBuilder, op: Operation, operands: Sequence[SSAValue]) -> Sequence[SSAValue]:
    if isinstance(op, PureOp):
        return op.lower_all(b, operands)
    return b.create_op(type(op), operands, [result.type for result in op.results], op.properties).results


def _unpacked(name: str, packed: AnyTensor) -> AnyTensor:
    shape = packed.get_shape()
    if not shape or shape[-1] != 2 or is_complex(packed.element_type):
        raise VerifyException(f"{name}: a packed operand has type {packed}, expected a last dimension of size 2")
    return tensor_type(ComplexType(packed.element_type), shape[:-1])  # pyright: ignore[reportArgumentType]


def _as_complex(x: Array) -> Array:
    return np.ascontiguousarray(x).view(np.result_type(x, np.complex64))[..., 0]


def _as_parts(x: Array) -> Array:
    return np.stack([np.real(x), np.imag(x)], axis=-1)


def expect_matrices(name: str, index: int, operand_type: AnyTensor, *, square: bool = False) -> tuple[int, int]:
    """The sizes of the matrices of an operand; raise `VerifyException` if they are none that LAPACK takes."""
    if operand_type.element_type not in ELEMENTS:
        raise ElementTypeError(
            f"{name}: operand {index} has type {operand_type}, expected elements of f32, f64 or complex numbers of these; "
            "use dlc.convert"
        )
    shape = operand_type.get_shape()
    if len(shape) < 2 or (square and shape[-1] != shape[-2]):
        kind = "square matrices" if square else "matrices"
        raise VerifyException(
            f"{name}: operand {index} has type {operand_type}, expected {kind} in the last two dimensions"
        )
    return cast("tuple[int, int]", shape[-2:])


def expect_type(name: str, index: int, actual: AnyTensor, expected: AnyTensor) -> None:
    """Raise `VerifyException` unless an operand has the expected type."""
    if actual != expected:
        raise VerifyException(f"{name}: operand {index} has type {actual}, expected {expected}")


class SolverOp(MatrixOp):
    """An operation whose last operand is right-hand sides, and whose result is solutions, column by column or row by row."""

    @property
    def is_right(self) -> bool:
        """Whether each row is a right-hand side, and not each column."""
        return False

    def batch_all(
        self, b: OpBuilder, operands: Sequence[SSAValue], batched: Sequence[bool], size: int
    ) -> Sequence[SSAValue]:
        """Right-hand sides for one and the same matrix are more columns (or rows); else one more dimension of the batch."""
        *matrices, x = operands
        if True in batched[:-1]:
            return super().batch_all(b, operands, batched, size)
        shape = shape_of(x)
        place = self.matrix_dims[0] + (not self.is_right)
        order = [*range(1, place + 1), 0, *range(place + 1, len(shape))]
        moved = transposed(b, x, order)
        sizes = shape_of(moved)
        flat = reshape(b, moved, (*sizes[:place], sizes[place] * sizes[place + 1], *sizes[place + 2 :]))
        solution = reshape(b, self.emit_one(b, (*matrices, flat), self.properties), sizes)
        return (transposed(b, solution, inverse_permutation(order)),)


# What derivatives are made of. All of these take matrices that are not packed.


def product(b: OpBuilder, x: SSAValue, y: SSAValue) -> SSAValue:
    """`x @ y` of batches of matrices."""
    rank = len(shape_of(x))
    batch = range(rank - 2)
    return dot_general(b, x, y, batch, batch, (rank - 1,), (rank - 2,))


def matrix_transpose(b: OpBuilder, x: SSAValue) -> SSAValue:
    """Each matrix transposed."""
    rank = len(shape_of(x))
    return transpose(b, x, (*range(rank - 2), rank - 1, rank - 2))


def adjoint(b: OpBuilder, x: SSAValue) -> SSAValue:
    """Each matrix transposed and conjugated."""
    return conj(b, matrix_transpose(b, x))


def triangle(
    b: OpBuilder, x: SSAValue, direction: Direction, dims: tuple[int, int] | None = None, number: float = 0
) -> SSAValue:
    """The elements of `x` whose row compares with the column as `direction` says, and `number` elsewhere.

    Rows and columns are the last two dimensions, or `dims`.
    """
    rank = len(shape_of(x))
    keep = triangle_mask(b, shape_of(x), direction, dims or (rank - 2, rank - 1))
    return select(b, keep, x, full(b, number, tensor_type_of(x)))


def triangle_mask(b: OpBuilder, shape: Sequence[int], direction: Direction, dims: tuple[int, int]) -> SSAValue:
    """Where the position along `dims[0]` compares with that along `dims[1]` as `direction` says, with sizes `shape`."""
    sizes = tensor_type(i32, tuple(shape[dim] for dim in dims))
    flags = compare(b, direction, iota(b, sizes, 0), iota(b, sizes, 1))
    return broadcast_in_dim(b, flags, shape, dims)


def hermitian(b: OpBuilder, x: SSAValue) -> SSAValue:
    """The Hermitian matrices whose lower triangles are those of `x`, of the diagonal the real parts."""
    below, diagonal = triangle(b, x, "gt"), triangle(b, x, "eq")
    return add(b, add(b, below, adjoint(b, below)), halves(b, add(b, diagonal, adjoint(b, diagonal))))


def halves(b: OpBuilder, x: SSAValue) -> SSAValue:
    """`x / 2`."""
    return mul(b, x, full(b, 0.5, tensor_type_of(x)))


def diagonal(b: OpBuilder, x: SSAValue) -> SSAValue:
    """The diagonals of square matrices."""
    return reduce_sum(b, triangle(b, x, "eq"), (len(shape_of(x)) - 1,))


def along_columns(b: OpBuilder, x: SSAValue, rows: int) -> SSAValue:
    """Matrices with `rows` rows, each of which is the vector `x`."""
    shape = shape_of(x)
    rank = len(shape)
    return broadcast_in_dim(b, x, (*shape[:-1], rows, shape[-1]), (*range(rank - 1), rank))
