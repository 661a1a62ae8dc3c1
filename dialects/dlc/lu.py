"""The LU factorization with partial pivoting, and solving with it."""

from collections.abc import Sequence
from math import prod
from typing import Any, ClassVar, cast

import numpy as np
from xdsl.dialects import arith, tensor
from xdsl.dialects.builtin import I64, IndexType, IntegerAttr, StringAttr, TensorType, i32, i64
from xdsl.ir import SSAValue
from xdsl.irdl import irdl_op_definition, operand_def, prop_def, result_def
from xdsl.utils.exceptions import VerifyException

from dialects.builder import OpBuilder, tensor_type
from dialects.dlc.arithmetic import add, add_tangents, neg, sub
from dialects.dlc.binary import and_
from dialects.dlc.broadcast import broadcast_in_dim
from dialects.dlc.constants import full, iota, zeros
from dialects.dlc.indexing import gather, scatter
from dialects.dlc.interfaces import (
    AnyTensor,
    Array,
    Properties,
    TensorOp,
    element_type_of,
    shape_of,
    tensor_type_of,
)
from dialects.dlc.matrix_op import MatrixOp, SolverOp, expect_matrices, expect_type, product, triangle
from dialects.dlc.scalars import scalar_op
from dialects.dlc.selection import compare, select
from dialects.dlc.shape import reshape
from dialects.dlc.slicing import pad, slice_
from dialects.dlc.triangular import expect_form, formed, substitute, transposed_form, triangular_solve
from dialects.reshapes import build_reshape
from dialects.rt.lapack import Output, Overwritten
from dialects.structured import PARALLEL, build_empty, build_for, build_generic, build_loop_index

_INDEX = IndexType()


@irdl_op_definition
class LuOp(MatrixOp):
    """`L` and `U` with `operand[p] = L U`, packed into one matrix, and the pivots: row `i` was exchanged with row `pivots[i]`, in order.

    `L` has ones on its diagonal, which are not stored. A pivot of zero stays: then `U` is singular.
    """

    name = "dlc.lu"

    operand = operand_def(TensorType)
    factors = result_def(TensorType)
    pivots = result_def(TensorType)

    assembly_format = "(`packed` $packed^)? $operand attr-dict `:` type($operand) `->` type($factors) `,` type($pivots)"

    @classmethod
    def infer(cls, operand_types: Sequence[AnyTensor], properties: Properties) -> tuple[AnyTensor, ...]:
        """The operand's type, and as many `i32` as the matrix has rows or columns, whichever are fewer."""
        del properties
        (operand,) = operand_types
        count = min(expect_matrices(cls.name, 0, operand))
        return operand, tensor_type(i32, (*operand.get_shape()[:-2], count))

    def compute(self, operands: Sequence[Array]) -> Sequence[Array]:
        """Elimination column by column."""
        factors = operands[0].copy()
        *batch, rows, columns = factors.shape
        pivots = np.zeros((*batch, min(rows, columns)), np.int32)
        with np.errstate(all="ignore"):
            for place in np.ndindex(*batch):
                x = factors[place]
                for i in range(pivots.shape[-1]):
                    pivots[(*place, i)] = pivot = i + int(
                        np.argmax(np.abs(np.real(x[i:, i])) + np.abs(np.imag(x[i:, i])))
                    )
                    x[[i, pivot]] = x[[pivot, i]]
                    if x[i, i] != 0:
                        x[i + 1 :, i] /= x[i, i]
                    x[i + 1 :, i + 1 :] -= np.outer(x[i + 1 :, i], x[i, i + 1 :])
        return factors, pivots

    def jvp_all(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> Sequence[SSAValue | None]:
        """`dL = L low(F)` and `dU = up(F) U` where `F = L⁻¹ dA[p] U⁻¹`, `low` is what is below the diagonal and `up` the rest.

        (de Hoog, Anderssen and Lukas, "Differentiation of matrix functionals using triangular factorization", 2011.) Of a matrix that is
        not square, `L` and `U` are extended by ones on the diagonal. What a last pivot of zero is divided by is multiplied by it again, so
        any other number does: then the determinant of a singular matrix has its derivative.
        """
        (da,) = tangents
        if da is None:
            return None, None
        rows, columns = self.sizes
        size = min(rows, columns)
        moved = permuted(b, da, permutation_of_pivots(b, self.pivots, rows))
        lower = _completed(b, triangle(b, self._part(b, rows, size), "gt"), rows, 0)
        upper = _with_pivots(b, _completed(b, triangle(b, self._part(b, size, columns), "le"), columns, size))
        inner = triangular_solve(b, lower, moved, unit_diagonal=True)
        inner = triangular_solve(b, upper, inner, left_side=False, lower=False)
        below = product(b, lower, triangle(b, inner, "gt"))
        return add(b, below, product(b, triangle(b, inner, "le"), upper)), None

    def _part(self, b: OpBuilder, rows: int, columns: int) -> SSAValue:
        """The first rows and columns of the factors."""
        limits = (*self.batch_shape, rows, columns)
        return slice_(b, self.factors, (0,) * len(limits), limits, (1,) * len(limits))

    def compose(self, b: OpBuilder, operands: Sequence[SSAValue]) -> Sequence[SSAValue]:
        """`getrf` of the transpose, transposed back; its positions count from one."""
        (x,) = operands
        rows, columns = self.sizes
        if 0 in shape_of(x):
            return x, zeros(b, self.pivots.type)
        factors, pivots, _ = self.call(
            b,
            "getrf",
            rows,
            columns,
            Overwritten(self.swapped(b, x)),
            rows,
            Output(self.pivots.type),
            Output(self.info_type),
        )
        return self.swapped(b, factors), sub(b, pivots, full(b, 1, self.pivots.type))


def _completed(b: OpBuilder, x: SSAValue, size: int, first: int) -> SSAValue:
    """`x` as the first rows and columns of square matrices of `size` that have ones on the diagonal from place `first` on."""
    *batch, rows, columns = shape_of(x)
    zero = zeros(b, tensor_type(element_type_of(x), ()))
    none = (0,) * len(shape_of(x))
    whole = pad(b, x, zero, none, (*none[2:], size - rows, size - columns), none)
    square = tensor_type(i32, (size, size))
    row, column = iota(b, square, 0), iota(b, square, 1)
    is_one = and_(b, compare(b, "eq", row, column), compare(b, "ge", row, full(b, first, square)))
    shape = shape_of(whole)
    is_one = broadcast_in_dim(b, is_one, shape, (len(batch), len(batch) + 1))
    return select(b, is_one, full(b, 1, tensor_type_of(whole)), whole)


def _with_pivots(b: OpBuilder, upper: SSAValue) -> SSAValue:
    """`upper` with ones for zeros on its diagonal."""
    ones = full(b, 1, tensor_type_of(upper))
    is_zero = compare(b, "eq", upper, zeros(b, tensor_type_of(upper)))
    return select(b, is_zero, triangle(b, ones, "eq"), upper)


@irdl_op_definition
class PermutationOfPivotsOp(TensorOp):
    """The permutation `p` with `x[p]` = `x` after its rows `i` and `pivots[i]` have been exchanged, for each `i` in order."""

    name = "dlc.permutation_of_pivots"

    NO_DERIVATIVE: ClassVar[str] = "a position is an integer"

    pivots = operand_def(TensorType)
    size = prop_def(IntegerAttr[I64])

    assembly_format = "$pivots `size` $size attr-dict `:` type($pivots) `->` type($result)"

    @classmethod
    def infer_type(cls, operand_types: Sequence[AnyTensor], properties: Properties) -> AnyTensor:
        """`i32`, of `size` elements for each row of pivots."""
        (pivots,) = operand_types
        size = cast(IntegerAttr[Any], properties["size"]).value.data
        shape = pivots.get_shape()
        if pivots.element_type != i32 or not shape or shape[-1] > size:
            raise VerifyException(
                f"{cls.name}: pivots have type {pivots}, expected at most {size} elements of i32 in a row"
            )
        return tensor_type(i32, (*shape[:-1], size))

    def evaluate(self, operands: Sequence[Array]) -> Array:
        """Exchange positions."""
        (pivots,) = operands
        result = np.broadcast_to(np.arange(self.shape[-1], dtype=np.int32), self.shape).copy()
        for place in np.ndindex(self.shape[:-1]):
            row = result[place]
            for i, pivot in enumerate(np.clip(pivots[place], 0, self.shape[-1] - 1)):
                row[[i, pivot]] = row[[pivot, i]]
        return result

    def batch(self, b: OpBuilder, operands: Sequence[SSAValue], batched: Sequence[bool], size: int) -> SSAValue:
        """The same."""
        del batched, size
        return PermutationOfPivotsOp.emit(b, operands, self.properties)

    def lower(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue:
        """A nest of `scf.for` that exchanges elements; pivots are clamped, so that every access is in bounds."""
        (pivots,) = operands
        *batch, count = shape_of(pivots)
        size, rows = self.shape[-1], prod(batch)
        flat = tensor_type(i32, (rows, size))

        def position(inner: OpBuilder, _: tuple[SSAValue, ...]) -> Sequence[SSAValue]:
            return (inner.create(arith.IndexCastOp, (build_loop_index(inner, 1),), i32),)

        (start,) = build_generic(b, (), (build_empty(b, flat),), (range(2),), (PARALLEL,) * 2, position)
        if rows * count == 0:
            return build_reshape(b, start, self.shape)
        pivots = build_reshape(b, pivots, (rows, count))
        zero, one, last = b.index(0), b.index(1), b.index(size - 1)

        def for_row(outer: OpBuilder, row: SSAValue, carried: Sequence[SSAValue]) -> Sequence[SSAValue]:
            def exchange(inner: OpBuilder, i: SSAValue, carried: Sequence[SSAValue]) -> Sequence[SSAValue]:
                (x,) = carried
                pivot = inner.create(tensor.ExtractOp, (pivots, row, i), i32)
                k = inner.create(arith.IndexCastOp, (pivot,), _INDEX)
                k = scalar_op(inner, arith.MinSIOp, scalar_op(inner, arith.MaxSIOp, k, zero), last)
                first, second = (inner.create(tensor.ExtractOp, (x, row, place), i32) for place in (i, k))
                x = inner.create(tensor.InsertOp, (second, x, row, i), x.type)
                return (inner.create(tensor.InsertOp, (first, x, row, k), x.type),)

            return build_for(outer, zero, count_of_pivots, one, carried, exchange)

        count_of_pivots = b.index(count)
        (result,) = build_for(b, zero, b.index(rows), one, (start,), for_row, "permutation")
        return build_reshape(b, result, self.shape)


@irdl_op_definition
class LuSolveOp(SolverOp):
    """The solution `x` of `form(a) x = b`, where `factors` and `permutation` are those of `a`: `a[permutation] = L U`.

    `form` is `"none"`, `"transpose"` or `"adjoint"`. The value depends on the factors only, the derivative on `a` only, as if the factors
    were computed inside: so one factorization serves for the solution and for its derivatives.
    """

    name = "dlc.lu_solve"

    a = operand_def(TensorType)
    factors = operand_def(TensorType)
    permutation = operand_def(TensorType)
    b = operand_def(TensorType)
    form = prop_def(StringAttr)
    result = result_def(TensorType)

    assembly_format = (
        "(`packed` $packed^)? $form $a `factors` $factors `,` $permutation `,` $b attr-dict "
        "`:` type($a) `,` type($factors) `,` type($permutation) `,` type($b) `->` type($result)"
    )

    @classmethod
    def infer(cls, operand_types: Sequence[AnyTensor], properties: Properties) -> tuple[AnyTensor, ...]:
        """The type of `b`."""
        a, factors, permutation, b = operand_types
        n, _ = expect_matrices(cls.name, 0, a, square=True)
        batch = a.get_shape()[:-2]
        expect_type(cls.name, 1, factors, a)
        expect_type(cls.name, 2, permutation, tensor_type(i32, (*batch, n)))
        sizes = expect_matrices(cls.name, 3, b)
        expect_type(cls.name, 3, b, tensor_type(a.element_type, (*batch, n, sizes[1])))
        expect_form(cls.name, properties)
        return (b,)

    def compute(self, operands: Sequence[Array]) -> Sequence[Array]:
        """Substitution with one factor and then the other."""
        _, factors, permutation, x = operands
        form, rows = self.form.data, permutation[..., np.newaxis].astype(np.int64)
        if form == "none":
            x = np.take_along_axis(x, rows, -2)
        for lower in (form == "none", form != "none"):
            x = substitute(factors, x, form, lower=lower, unit_diagonal=lower)
        if form != "none":
            back, x = x, np.empty_like(x)
            np.put_along_axis(x, rows, back, -2)
        return (x,)

    def jvp_all(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> Sequence[SSAValue | None]:
        """`form(a)⁻¹ (db - form(da) x)`."""
        da, _, _, moved = tangents
        if da is not None:
            moved = add_tangents(b, moved, neg(b, product(b, formed(b, da, self.form.data), self.result)))
        if moved is None:
            return (None,)
        return (self.emit_one(b, (self.a, self.factors, self.permutation, moved), self.properties),)

    def transpose_all(
        self, b: OpBuilder, cotangents: Sequence[SSAValue | None], linear: Sequence[bool]
    ) -> Sequence[SSAValue | None]:
        """The solution with the transposed matrix."""
        assert list(linear) == [False, False, False, True], "dlc.lu_solve is linear in its right-hand side only"
        (cotangent,) = cotangents
        assert cotangent is not None
        (a, factors), form = transposed_form(b, (self.a, self.factors), self.form.data)
        operands = (a, factors, self.permutation, cotangent)
        return None, None, None, self.emit_one(b, operands, {"form": StringAttr(form)})

    def compose(self, b: OpBuilder, operands: Sequence[SSAValue]) -> Sequence[SSAValue]:
        """`U⁻¹ L⁻¹ b[permutation]`; of the transpose `x[permutation] = L⁻ᵀ U⁻ᵀ b`."""
        _, factors, permutation, x = operands
        if 0 in shape_of(x):
            return (x,)
        form, packed = self.form.data, self.packed is not None
        if form == "none":
            x = permuted(b, x, permutation)
        for lower in (form == "none", form != "none"):
            x = triangular_solve(b, factors, x, lower=lower, form=form, unit_diagonal=lower, packed=packed)
        if form != "none":
            x = permuted_back(b, x, permutation)
        return (x,)


def permuted(b: OpBuilder, x: SSAValue, permutation: SSAValue) -> SSAValue:
    """The rows `x[permutation[i]]`; dimensions behind those of the permutation are a row."""
    shape = shape_of(permutation)
    dim = len(shape) - 1
    return gather(b, x, reshape(b, permutation, (*shape, 1)), (dim,), batch_dims=dim)


def permuted_back(b: OpBuilder, x: SSAValue, permutation: SSAValue) -> SSAValue:
    """The rows `y` with `y[permutation[i]] = x[i]`."""
    shape = shape_of(permutation)
    dim = len(shape) - 1
    indices = reshape(b, permutation, (*shape, 1))
    return scatter(b, zeros(b, tensor_type_of(x)), indices, x, (dim,), "set", batch_dims=dim)


def permutation_of_pivots(b: OpBuilder, pivots: SSAValue, size: int) -> SSAValue:
    """The permutation of `size` rows that exchanging each row `i` with row `pivots[i]` makes."""
    return PermutationOfPivotsOp.emit(b, (pivots,), {"size": IntegerAttr(size, i64)})


def lu(b: OpBuilder, x: SSAValue) -> tuple[SSAValue, SSAValue, SSAValue]:
    """The packed factors of `x`, the pivots, and the permutation that they make."""
    factors, pivots = LuOp.emit_all(b, (x,))
    return factors, pivots, permutation_of_pivots(b, pivots, shape_of(x)[-2])


def lu_solve(
    b: OpBuilder, a: SSAValue, factors: SSAValue, permutation: SSAValue, x: SSAValue, form: str = "none"
) -> SSAValue:
    """The solution of `form(a) y = x`, given what `lu` makes of `a`."""
    return LuSolveOp.emit_one(b, (a, factors, permutation, x), {"form": StringAttr(form)})
