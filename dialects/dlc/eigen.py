"""Eigenvalues and eigenvectors of any square matrix; those of Hermitian ones are in `spectral.py`."""

from collections.abc import Sequence

import numpy as np
from xdsl.dialects.builtin import TensorType
from xdsl.ir import SSAValue
from xdsl.irdl import irdl_op_definition, operand_def, result_def

from dialects.builder import OpBuilder, tensor_type
from dialects.dlc.arg_extrema import argmax
from dialects.dlc.arithmetic import add, div, mul, neg, sub
from dialects.dlc.binary import and_
from dialects.dlc.broadcast import broadcast_in_dim, reduce_sum
from dialects.dlc.complex_parts import complex_, conj, deinterleave, imag, real
from dialects.dlc.constants import full, iota, zeros
from dialects.dlc.conversion import convert
from dialects.dlc.cumulative import shifted
from dialects.dlc.interfaces import AnyTensor, Array, Properties, element_type_of, shape_of, tensor_type_of
from dialects.dlc.lu import lu, lu_solve
from dialects.dlc.matrix_op import (
    MatrixOp,
    along_columns,
    diagonal,
    expect_matrices,
    matrix_transpose,
    product,
    triangle,
)
from dialects.dlc.selection import compare, select
from dialects.dlc.spectral import BLOCK, cleaned, real_type
from dialects.rt.lapack import Output, Overwritten


@irdl_op_definition
class EigOp(MatrixOp):
    """The eigenvalues of square matrices, in no particular order, and eigenvectors of length 1 as columns: `operand v = v diag(w)`.

    Both are complex also if the operand is real: the results are the real and the imaginary part of `w`, and those of `v`. NaN if the
    operand is not finite. What nothing reads is not computed.
    """

    name = "dlc.eig"

    operand = operand_def(TensorType)
    w_real = result_def(TensorType)
    w_imag = result_def(TensorType)
    v_real = result_def(TensorType)
    v_imag = result_def(TensorType)

    assembly_format = (
        "(`packed` $packed^)? $operand attr-dict `:` type($operand) `->` "
        "type($w_real) `,` type($w_imag) `,` type($v_real) `,` type($v_imag)"
    )

    @classmethod
    def infer(cls, operand_types: Sequence[AnyTensor], properties: Properties) -> tuple[AnyTensor, ...]:
        """Real numbers: one for each row, twice, and one for each element, twice."""
        del properties
        (operand,) = operand_types
        expect_matrices(cls.name, 0, operand, square=True)
        element, shape = real_type(operand), operand.get_shape()
        values, vectors = tensor_type(element, shape[:-1]), tensor_type(element, shape)
        return values, values, vectors, vectors

    def compute(self, operands: Sequence[Array]) -> Sequence[Array]:
        """`np.linalg.eig`."""
        finite, x = cleaned(operands[0])
        parts: list[Array] = []
        for result in np.linalg.eig(x):
            for part in (np.real(result).copy(), np.imag(result).copy()):
                part[~finite] = np.nan
                parts.append(part)
        return parts

    def jvp_all(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> Sequence[SSAValue | None]:
        """`dw = diag(P)` and `dv = v (F ∘ P)` where `P = v⁻¹ dA v` and `F[i, j] = 1 / (w[j] - w[i])` beside the diagonal.

        (Boeddeker et al., arXiv 1701.00392, section 4.17.) From `dv` is taken what would change the lengths, and what would turn the
        largest component of a vector, which LAPACK makes real. Vectors of equal eigenvalues have no derivative.
        """
        (da,) = tangents
        if da is None:
            return None, None, None, None
        values, vectors = complex_(b, self.w_real, self.w_imag), complex_(b, self.v_real, self.v_imag)
        factors, _, permutation = lu(b, vectors)
        moved = product(b, convert(b, da, element_type_of(vectors)), vectors)
        moved = lu_solve(b, vectors, factors, permutation, moved)
        across = along_columns(b, values, self.sizes[0])
        ones = full(b, 1, tensor_type_of(across))
        eye = triangle(b, ones, "eq")
        gaps = add(b, eye, sub(b, across, matrix_transpose(b, across)))
        dw = diagonal(b, moved)
        dv = product(b, vectors, mul(b, sub(b, div(b, ones, gaps), eye), moved))
        row_dim, _ = self.matrix_dims
        stretching = reduce_sum(b, real(b, mul(b, conj(b, vectors), dv)), (row_dim,))
        largest = self._largest(b)
        turning = div(b, self._sum(b, largest, imag(b, dv)), self._sum(b, largest, self.v_real))
        change = along_columns(b, complex_(b, stretching, turning), self.sizes[0])
        dv = sub(b, dv, mul(b, vectors, change))
        return real(b, dw), imag(b, dw), real(b, dv), imag(b, dv)

    def _largest(self, b: OpBuilder) -> SSAValue:
        """Where the largest component of each vector is."""
        row_dim, column_dim = self.matrix_dims
        squares = add(b, mul(b, self.v_real, self.v_real), mul(b, self.v_imag, self.v_imag))
        places = argmax(b, squares, row_dim)
        shape = shape_of(squares)
        dims = [dim for dim in range(column_dim + 1) if dim != row_dim]
        places = broadcast_in_dim(b, places, shape, dims)
        return compare(b, "eq", places, iota(b, tensor_type_of(places), row_dim))

    def _sum(self, b: OpBuilder, flags: SSAValue, x: SSAValue) -> SSAValue:
        return reduce_sum(b, select(b, flags, x, zeros(b, tensor_type_of(x))), (self.matrix_dims[0],))

    def compose(self, b: OpBuilder, operands: Sequence[SSAValue]) -> Sequence[SSAValue]:
        """`geev` of the transpose, whose left eigenvectors are the conjugates of our vectors; they lie in rows for us."""
        (x,) = operands
        n, _ = self.sizes
        values_type, vectors_type = self.w_real.type, self.v_real.type
        if 0 in shape_of(x):
            return tuple(zeros(b, result.type) for result in self.results)  # pyright: ignore[reportArgumentType]
        with_vectors = self.is_read(2) or self.is_read(3)
        finite = self.finite(b, x)
        clean = self.where(b, finite, x, 0)
        vectors_out = Output(self.packed_type(n, n)) if with_vectors else self.workspace(1)
        values_out = (Output(values_type),) * 2 if self.packed is None else (Output(self.packed_type(n)),)
        size = (BLOCK + 4) * n
        _, *values, info = self.call(
            b,
            "geev",
            "V" if with_vectors else "N",
            "N",
            n,
            Overwritten(clean),
            n,
            *values_out,
            vectors_out,
            n,
            self.workspace(1),
            1,
            self.workspace(size),
            size,
            *(() if self.packed is None else (self.real_workspace(2 * n),)),
            Output(self.info_type),
        )
        vectors = self.swapped(b, values.pop()) if with_vectors else None
        if self.packed is not None:
            values = [deinterleave(b, values[0], part) for part in (0, 1)]
        if vectors is None:
            parts = zeros(b, vectors_type), zeros(b, vectors_type)
        elif self.packed is not None:
            parts = deinterleave(b, vectors, 0), neg(b, deinterleave(b, vectors, 1))
        else:
            parts = self._pairs(b, vectors, values[1])
        good = and_(b, finite, compare(b, "eq", info, zeros(b, self.info_type)))
        return [self.where(b, good, part) for part in (*values, *parts)]

    def _pairs(self, b: OpBuilder, vectors: SSAValue, w_imag: SSAValue) -> tuple[SSAValue, SSAValue]:
        """The parts of complex vectors, of which `geev` stores the parts of one of each conjugate pair in two columns."""
        _, columns = self.matrix_dims
        turns = along_columns(b, w_imag, self.sizes[0])
        nothing = zeros(b, tensor_type_of(turns))
        is_first, is_second = compare(b, "gt", turns, nothing), compare(b, "lt", turns, nothing)
        before, after = (shifted(b, vectors, columns, distance, 0) for distance in (1, -1))
        real_part = select(b, is_second, before, vectors)
        return real_part, select(b, is_first, neg(b, after), select(b, is_second, vectors, nothing))


def eig(b: OpBuilder, x: SSAValue) -> tuple[SSAValue, SSAValue]:
    """The eigenvalues and eigenvectors of `x`, complex."""
    w_real, w_imag, v_real, v_imag = EigOp.emit_all(b, (x,))
    return complex_(b, w_real, w_imag), complex_(b, v_real, v_imag)
