"""Eigenvalues of Hermitian matrices and singular values, with their vectors.

Vectors that nothing reads are not computed. LAPACK need not return from what is not finite, so it gets zeros instead.
"""

from collections.abc import Sequence

import numpy as np
from xdsl.dialects.builtin import TensorType, UnitAttr, i32
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import irdl_op_definition, operand_def, opt_prop_def, result_def

from dialects.builder import OpBuilder, tensor_type
from dialects.dlc.arithmetic import add, div, mul, neg, sub
from dialects.dlc.binary import and_
from dialects.dlc.complex_parts import deinterleave, interleave, real
from dialects.dlc.constants import full, zeros
from dialects.dlc.conversion import convert
from dialects.dlc.interfaces import (
    AnyTensor,
    Array,
    Properties,
    element_type_of,
    is_complex,
    part_type,
    shape_of,
    tensor_type_of,
)
from dialects.dlc.matrix_op import (
    MatrixOp,
    adjoint,
    along_columns,
    diagonal,
    expect_matrices,
    halves,
    hermitian,
    matrix_transpose,
    product,
    triangle,
)
from dialects.dlc.selection import compare, select
from dialects.errors import UnsupportedError, at_location
from dialects.rt.lapack import Output, Overwritten

BLOCK = 64
"""The largest number of columns that LAPACK's blocked algorithms treat at once; a workspace for more gains nothing."""


@irdl_op_definition
class EighOp(MatrixOp):
    """The eigenvalues of Hermitian matrices in ascending order, and eigenvectors of length 1 as columns: `operand v = v diag(w)`.

    Only the lower triangle of the operand is read. NaN if it is not finite.
    """

    name = "dlc.eigh"

    operand = operand_def(TensorType)
    values = result_def(TensorType)
    vectors = result_def(TensorType)

    assembly_format = "(`packed` $packed^)? $operand attr-dict `:` type($operand) `->` type($values) `,` type($vectors)"

    @classmethod
    def infer(cls, operand_types: Sequence[AnyTensor], properties: Properties) -> tuple[AnyTensor, ...]:
        """One real number for each row, and the operand's type."""
        del properties
        (operand,) = operand_types
        expect_matrices(cls.name, 0, operand, square=True)
        return tensor_type(real_type(operand), operand.get_shape()[:-1]), operand

    def compute(self, operands: Sequence[Array]) -> Sequence[Array]:
        """`np.linalg.eigh`."""
        (x,) = operands
        finite, x = cleaned(x)
        values, vectors = np.linalg.eigh(x)
        values[~finite], vectors[~finite] = np.nan, np.nan
        return values, vectors

    def jvp_all(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> Sequence[SSAValue | None]:
        """`dw = diag(P)` and `dv = v (F ∘ P)` where `P = vᴴ dA v` and `F[i, j] = 1 / (w[j] - w[i])` beside the diagonal.

        (Giles, "An extended collection of matrix derivative results", 2008, section 3.1; of the phases that complex vectors may
        have, those that move least.) Vectors of equal eigenvalues have no derivative: it is infinite or NaN.
        """
        (da,) = tangents
        if da is None:
            return None, None
        vectors, values = self.vectors, self.values
        moved = product(b, product(b, adjoint(b, vectors), hermitian(b, da)), vectors)
        across = along_columns(b, values, self.sizes[0])
        gaps = sub(b, across, matrix_transpose(b, across))
        ones = full(b, 1, tensor_type_of(gaps))
        eye = triangle(b, ones, "eq")
        factors = sub(b, div(b, ones, add(b, eye, gaps)), eye)
        factors = convert(b, factors, element_type_of(da))
        return real(b, diagonal(b, moved)), product(b, vectors, mul(b, factors, moved))

    def compose(self, b: OpBuilder, operands: Sequence[SSAValue]) -> Sequence[SSAValue]:
        """`syevd` or `heevd` of the transpose, which is the conjugate; its vectors lie in rows for us."""
        (x,) = operands
        n, _ = self.sizes
        if 0 in shape_of(x):
            return zeros(b, self.values.type), x
        with_vectors = self.is_read(1)
        finite = self.finite(b, x)
        clean = self.where(b, finite, x, 0)
        real_size = max(1, 1 + 5 * n + 2 * n * n) if with_vectors else max(1, n)
        integers = 3 + 5 * n if with_vectors else 1
        workspace = Output(tensor_type(i32, (integers,)), is_workspace=True)
        head = ("V" if with_vectors else "N", "U", n, Overwritten(clean), n, Output(self.values.type))
        if self.packed is None:
            size = max(1 + 6 * n + 2 * n * n if with_vectors else 2 * n + 1, (BLOCK + 2) * n)
            sizes = (self.workspace(size), size)
            results = self.call(b, "syevd", *head, *sizes, workspace, integers, Output(self.info_type))
        else:
            size = max(2 * n + n * n if with_vectors else n + 1, (BLOCK + 1) * n)
            sizes = (self.workspace(size), size, self.real_workspace(real_size), real_size)
            results = self.call(b, "heevd", *head, *sizes, workspace, integers, Output(self.info_type))
        vectors, values, info = results
        good = and_(b, finite, compare(b, "eq", info, zeros(b, self.info_type)))
        vectors = self.swapped(b, vectors)
        if self.packed is not None:
            vectors = interleave(b, deinterleave(b, vectors, 0), neg(b, deinterleave(b, vectors, 1)))
        return self.where(b, good, values), self.where(b, good, vectors)


@irdl_op_definition
class SvdOp(MatrixOp):
    """`operand = u diag(s) vh`, with orthonormal columns of `u` and rows of `vh`, and `s` real, not negative and descending.

    `u` and `vh` have as many columns and rows as `s`; with `full` they are square. NaN if the operand is not finite.
    """

    name = "dlc.svd"

    operand = operand_def(TensorType)
    full = opt_prop_def(UnitAttr)
    u = result_def(TensorType)
    s = result_def(TensorType)
    vh = result_def(TensorType)

    assembly_format = "(`packed` $packed^)? (`full` $full^)? $operand attr-dict `:` type($operand) `->` type($u) `,` type($s) `,` type($vh)"

    @classmethod
    def infer(cls, operand_types: Sequence[AnyTensor], properties: Properties) -> tuple[AnyTensor, ...]:
        """The types of `u`, `s` and `vh`."""
        (operand,) = operand_types
        rows, columns = expect_matrices(cls.name, 0, operand)
        batch, element, size = operand.get_shape()[:-2], operand.element_type, min(rows, columns)
        left, right = (rows, columns) if "full" in properties else (size, size)
        return (
            tensor_type(element, (*batch, rows, left)),
            tensor_type(real_type(operand), (*batch, size)),
            tensor_type(element, (*batch, right, columns)),
        )

    @property
    def is_full(self) -> bool:
        """Whether `u` and `vh` are square."""
        return self.full is not None

    def compute(self, operands: Sequence[Array]) -> Sequence[Array]:
        """`np.linalg.svd`."""
        (x,) = operands
        finite, x = cleaned(x)
        results = np.linalg.svd(x, self.is_full)
        for result in results:
            result[~finite] = np.nan
        return results

    def jvp_all(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> Sequence[SSAValue | None]:
        """`ds = diag(P)`, `du = u (F ∘ (P s + s Pᴴ))` and `dv = v (F ∘ (s P + Pᴴ s))` where `P = uᴴ dA v` and `F[i, j] = 1 / (s[j]² - s[i]²)`.

        And what lies outside of the spaces that `u` and `v` span (Townsend, "Differentiating the singular value decomposition", 2016;
        for complex numbers as in JAX). Vectors of equal singular values have no derivative; terms that would be infinite count as zero.
        """
        (da,) = tangents
        if da is None:
            return None, None, None
        rows, columns = self.sizes
        if self.is_full and rows != columns:
            message = "dlc.svd: the derivative with full matrices is not defined; use full_matrices=False"
            raise UnsupportedError(at_location(message, self.location))
        u, s, vh = self.u, self.s, self.vh
        uh, v, element = adjoint(b, u), adjoint(b, vh), element_type_of(da)
        size = shape_of(s)[-1]
        moved = product(b, product(b, uh, da), v)
        across = along_columns(b, s, size)
        down = matrix_transpose(b, across)
        gaps = _inverse(b, mul(b, add(b, across, down), sub(b, across, down)))
        across, down, gaps = (convert(b, x, element) for x in (across, down, gaps))
        left, right = mul(b, across, moved), mul(b, down, moved)
        inverse = triangle(b, _inverse(b, across), "eq")
        phases = mul(b, halves(b, sub(b, moved, adjoint(b, moved))), inverse)
        du = product(b, u, add(b, mul(b, gaps, add(b, left, adjoint(b, left))), phases))
        dv = product(b, v, mul(b, gaps, add(b, right, adjoint(b, right))))
        if rows > columns:
            du = add(b, du, self._outside(b, product(b, da, v), u, uh))
        if columns > rows:
            dv = add(b, dv, self._outside(b, product(b, adjoint(b, da), u), v, vh))
        return du, real(b, diagonal(b, moved)), adjoint(b, dv)

    def _outside(self, b: OpBuilder, moved: SSAValue, basis: SSAValue, dual: SSAValue) -> SSAValue:
        """The part of `moved` outside of the space that `basis` spans, divided by the singular values."""
        outside = sub(b, moved, product(b, basis, product(b, dual, moved)))
        divisors = along_columns(b, self.s, shape_of(outside)[-2])
        return div(b, outside, convert(b, divisors, element_type_of(outside)))

    def compose(self, b: OpBuilder, operands: Sequence[SSAValue]) -> Sequence[SSAValue]:
        """`gesdd` of a matrix that has not fewer rows than columns as LAPACK sees it, because it is slower otherwise.

        So of the transpose if there are more columns: `operandᵀ = vhᵀ diag(s) uᵀ`, whose results are ours with their roles exchanged.
        """
        (x,) = operands
        rows, columns = self.sizes
        if 0 in shape_of(x):
            return self.identity(b, self.u.type), zeros(b, self.s.type), self.identity(b, self.vh.type)
        small, large = min(rows, columns), max(rows, columns)
        is_tall = rows > columns
        with_vectors = self.is_read(0) or self.is_read(2)
        finite = self.finite(b, x)
        clean = self.where(b, finite, x, 0)
        left, right = (rows, columns) if self.is_full else (small, small)
        real_size = 8 * small
        if with_vectors:
            size = 4 * small * small + 7 * small + large
            real_size = max(5 * small * small + 5 * small, 2 * large * small + 2 * small * small + small)
        else:
            size = 3 * small + max(large, 7 * small)
            left = right = 1
        size += BLOCK * (rows + columns)
        first, second = (left, right) if is_tall else (right, left)
        vectors = (
            Output(self.packed_type(*sizes)) if with_vectors else self.workspace(1)
            for sizes in ((first, large), (small, second))
        )
        _, s, *found, info = self.call(
            b,
            "gesdd",
            "N" if not with_vectors else "A" if self.is_full else "S",
            large,
            small,
            Overwritten(self.swapped(b, clean) if is_tall else clean),
            large,
            Output(self.s.type),
            next(vectors),
            large if with_vectors else 1,
            next(vectors),
            second,
            self.workspace(size),
            size,
            *((self.real_workspace(real_size),) if self.packed is not None else ()),
            Output(tensor_type(i32, (8 * small,)), is_workspace=True),
            Output(self.info_type),
        )
        good = and_(b, finite, compare(b, "eq", info, zeros(b, self.info_type)))
        if not found:
            return zeros(b, self.u.type), self.where(b, good, s), zeros(b, self.vh.type)
        u, vh = (self.swapped(b, x) for x in found) if is_tall else reversed(found)
        return self.where(b, good, u), self.where(b, good, s), self.where(b, good, vh)


def cleaned(x: Array) -> tuple[Array, Array]:
    """Which matrices are finite, and all of them with zeros for those that are not."""
    finite: Array = np.asarray(np.isfinite(x).all((-1, -2)))
    return finite, np.where(finite[..., np.newaxis, np.newaxis], x, 0)


def real_type(tensor: AnyTensor) -> Attribute:
    """The type of the real numbers that go with the elements of a tensor type."""
    element = tensor.element_type
    return part_type(element) if is_complex(element) else element


def _inverse(b: OpBuilder, x: SSAValue) -> SSAValue:
    """`1 / x`, and zero where `x` is zero."""
    ones, nothing = full(b, 1, tensor_type_of(x)), zeros(b, tensor_type_of(x))
    is_zero = compare(b, "eq", x, nothing)
    return select(b, is_zero, nothing, div(b, ones, select(b, is_zero, ones, x)))


def eigh(b: OpBuilder, x: SSAValue) -> tuple[SSAValue, SSAValue]:
    """The eigenvalues and eigenvectors of the Hermitian matrices whose lower triangles are those of `x`."""
    values, vectors = EighOp.emit_all(b, (x,))
    return values, vectors


def svd(b: OpBuilder, x: SSAValue, full_matrices: bool = False) -> tuple[SSAValue, SSAValue, SSAValue]:
    """`u`, `s` and `vh` with `x = u diag(s) vh`."""
    u, s, vh = SvdOp.emit_all(b, (x,), {"full": UnitAttr()} if full_matrices else {})
    return u, s, vh
