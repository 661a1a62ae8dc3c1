"""Triangular matrices: the Cholesky factorization, and solving with a triangular matrix."""

from collections.abc import Sequence
from typing import cast

import numpy as np
from xdsl.dialects.builtin import StringAttr, TensorType, UnitAttr
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import irdl_op_definition, operand_def, opt_prop_def, prop_def, result_def
from xdsl.utils.exceptions import VerifyException

from dialects.builder import OpBuilder
from dialects.dlc.arithmetic import add, add_tangents, neg
from dialects.dlc.complex_parts import conj
from dialects.dlc.interfaces import AnyTensor, Array, Properties, shape_of
from dialects.dlc.matrix_op import (
    MatrixOp,
    SolverOp,
    adjoint,
    expect_matrices,
    halves,
    hermitian,
    matrix_transpose,
    product,
    triangle,
)
from dialects.dlc.scalars import Direction
from dialects.rt.lapack import Output, Overwritten

FORMS = ("none", "transpose", "adjoint")
"""What a solver may do with its matrix."""


@irdl_op_definition
class CholeskyOp(MatrixOp):
    """The lower triangular matrix `L` with a positive diagonal and `L Lᴴ = operand`; NaN on and below the diagonal if there is none.

    Only the lower triangle of the operand is read, of the diagonal only real parts: the rest follows, as the matrix is Hermitian.
    """

    name = "dlc.cholesky"

    operand = operand_def(TensorType)
    result = result_def(TensorType)

    assembly_format = "(`packed` $packed^)? $operand attr-dict `:` type($operand) `->` type($result)"

    @classmethod
    def infer(cls, operand_types: Sequence[AnyTensor], properties: Properties) -> tuple[AnyTensor, ...]:
        """The operand's type."""
        del properties
        (operand,) = operand_types
        expect_matrices(cls.name, 0, operand, square=True)
        return (operand,)

    def compute(self, operands: Sequence[Array]) -> Sequence[Array]:
        """`np.linalg.cholesky`, NaN where that raises."""
        (x,) = operands
        result = np.zeros_like(x)
        for place in np.ndindex(x.shape[:-2]):
            try:
                result[place] = np.linalg.cholesky(x[place])
            except np.linalg.LinAlgError:
                result[place] = np.tril(np.full(x.shape[-2:], np.nan, x.dtype))
        return (result,)

    def jvp_all(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> Sequence[SSAValue | None]:
        """`L F(L⁻¹ dA L⁻ᴴ)` where `F` halves the diagonal and drops what is above (Murray, arXiv 1602.07527, equation 8)."""
        (da,) = tangents
        if da is None:
            return (None,)
        factor = self.result
        inner = triangular_solve(b, factor, hermitian(b, da))
        inner = triangular_solve(b, factor, inner, left_side=False, form="adjoint")
        halved = add(b, triangle(b, inner, "gt"), halves(b, triangle(b, inner, "eq")))
        return (product(b, factor, halved),)

    def compose(self, b: OpBuilder, operands: Sequence[SSAValue]) -> Sequence[SSAValue]:
        """`potrf` of the upper triangle of what it sees, which is our lower one: `Uᴴ U = Aᵀ` where `L = Uᵀ`."""
        (x,) = operands
        if 0 in shape_of(x):
            return (x,)
        n, _ = self.sizes
        factor, info = self.call(b, "potrf", "U", n, Overwritten(x), n, Output(self.info_type))
        return (triangle(b, self.succeeded(b, info, factor), "ge", self.matrix_dims),)


@irdl_op_definition
class TriangularSolveOp(SolverOp):
    """The solution `x` of `form(a) x = b`, with `right` that of `x form(a) = b`, where `a` is upper or, with `lower`, lower triangular.

    `form` is `"none"`, `"transpose"` or `"adjoint"`. With `unit_diagonal` the diagonal counts as ones. The rest of `a` is not read.
    A zero on the diagonal divides, as it does in NumPy.
    """

    name = "dlc.triangular_solve"

    a = operand_def(TensorType)
    b = operand_def(TensorType)
    form = prop_def(StringAttr)
    right = opt_prop_def(UnitAttr)
    lower = opt_prop_def(UnitAttr)
    unit_diagonal = opt_prop_def(UnitAttr)
    result = result_def(TensorType)

    assembly_format = (
        "(`packed` $packed^)? $form $a `,` $b (`right` $right^)? (`lower` $lower^)? "
        "(`unit_diagonal` $unit_diagonal^)? attr-dict `:` type($a) `,` type($b) `->` type($result)"
    )

    @classmethod
    def infer(cls, operand_types: Sequence[AnyTensor], properties: Properties) -> tuple[AnyTensor, ...]:
        """The type of `b`."""
        a, b = operand_types
        n, _ = expect_matrices(cls.name, 0, a, square=True)
        sizes = expect_matrices(cls.name, 1, b)
        expect_form(cls.name, properties)
        side, kind = (1, "columns") if "right" in properties else (0, "rows")
        if a.element_type != b.element_type or a.get_shape()[:-2] != b.get_shape()[:-2] or sizes[side] != n:
            raise VerifyException(
                f"{cls.name}: operand 1 has type {b}, expected the batch and the element type of {a}, and {n} {kind}"
            )
        return (b,)

    @property
    def is_right(self) -> bool:
        """Whether the matrix is on the right."""
        return self.right is not None

    def compute(self, operands: Sequence[Array]) -> Sequence[Array]:
        """Substitution."""
        a, x = operands
        lower, unit, right = (flag is not None for flag in (self.lower, self.unit_diagonal, self.right))
        return (substitute(a, x, self.form.data, lower=lower, unit_diagonal=unit, right=right),)

    def jvp_all(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> Sequence[SSAValue | None]:
        """`form(a)⁻¹ (db - form(da) x)`, and likewise on the right."""
        da, db = tangents
        moved = db
        if da is not None:
            da = triangle(b, da, self._direction)
            da = formed(b, da, self.form.data)
            moving = product(b, da, self.result) if self.right is None else product(b, self.result, da)
            moved = add_tangents(b, db, neg(b, moving))
        if moved is None:
            return (None,)
        return (self.emit_one(b, (self.a, moved), self.properties),)

    @property
    def _direction(self) -> Direction:
        """Which elements of `a` count, as a comparison of row and column."""
        if self.unit_diagonal is not None:
            return "lt" if self.lower is None else "gt"
        return "le" if self.lower is None else "ge"

    def transpose_all(
        self, b: OpBuilder, cotangents: Sequence[SSAValue | None], linear: Sequence[bool]
    ) -> Sequence[SSAValue | None]:
        """The solution with the transposed matrix."""
        assert list(linear) == [False, True], "dlc.triangular_solve is linear in its right-hand side only"
        (cotangent,) = cotangents
        assert cotangent is not None
        a, form = transposed_form(b, (self.a,), self.form.data)
        return None, self.emit_one(b, (*a, cotangent), {**self.properties, "form": StringAttr(form)})

    def compose(self, b: OpBuilder, operands: Sequence[SSAValue]) -> Sequence[SSAValue]:
        """`trsm` of the transposes: the matrix is on the other side, and its other triangle counts."""
        a, x = operands
        if 0 in shape_of(x):
            return (x,)
        rows, columns = shape_of(x)[self.matrix_dims[0] : self.matrix_dims[1] + 1]
        n, _ = self.sizes
        return self.call(
            b,
            "trsm",
            "R" if self.right is None else "L",
            "L" if self.lower is None else "U",
            {"none": "N", "transpose": "T", "adjoint": "C"}[self.form.data],
            "N" if self.unit_diagonal is None else "U",
            columns,
            rows,
            self.scalar(1.0),
            a,
            n,
            Overwritten(x),
            columns,
        )


def substitute(a: Array, x: Array, form: str, *, lower: bool, unit_diagonal: bool, right: bool = False) -> Array:
    """The solution of a triangular system by forward substitution; all other cases are brought to that form."""
    a = np.tril(a) if lower else np.triu(a)
    if form != "none":
        a, lower = np.swapaxes(a, -1, -2), not lower
        a = a.conj() if form == "adjoint" else a
    if right:
        a, x, lower = np.swapaxes(a, -1, -2), np.swapaxes(x, -1, -2), not lower
    x = x.copy() if lower else np.flip(x, -2).copy()
    a = a if lower else np.flip(a, (-1, -2))
    with np.errstate(all="ignore"):
        for i in range(a.shape[-1]):
            x[..., i, :] -= (a[..., i, np.newaxis, :i] @ x[..., :i, :])[..., 0, :]
            if not unit_diagonal:
                x[..., i, :] /= a[..., i, i, np.newaxis]
    x = x if lower else np.flip(x, -2)
    return np.ascontiguousarray(np.swapaxes(x, -1, -2) if right else x)


def expect_form(name: str, properties: Properties) -> None:
    """Raise `VerifyException` unless the property `form` is one of `FORMS`."""
    form = cast(StringAttr, properties["form"]).data
    if form not in FORMS:
        raise VerifyException(f'{name}: form is "{form}", expected "none", "transpose" or "adjoint"')


def formed(b: OpBuilder, x: SSAValue, form: str) -> SSAValue:
    """The matrices of `x`, their transposes or their adjoints."""
    if form == "none":
        return x
    return adjoint(b, x) if form == "adjoint" else matrix_transpose(b, x)


def transposed_form(b: OpBuilder, matrices: Sequence[SSAValue], form: str) -> tuple[Sequence[SSAValue], str]:
    """Matrices and a form of them that is the transpose of `form` of `matrices`."""
    if form == "adjoint":
        return [conj(b, x) for x in matrices], "none"
    return matrices, "none" if form == "transpose" else "transpose"


def cholesky(b: OpBuilder, x: SSAValue) -> SSAValue:
    """The Cholesky factor of the Hermitian matrices whose lower triangles are those of `x`."""
    return CholeskyOp.emit_one(b, (x,))


def triangular_solve(
    b: OpBuilder,
    a: SSAValue,
    x: SSAValue,
    *,
    left_side: bool = True,
    lower: bool = True,
    form: str = "none",
    unit_diagonal: bool = False,
    packed: bool = False,
) -> SSAValue:
    """The solution of `form(a) y = x`, or of `y form(a) = x` if `a` is not on the left side."""
    flags = {"right": not left_side, "lower": lower, "unit_diagonal": unit_diagonal, "packed": packed}
    properties: dict[str, Attribute] = {name: UnitAttr() for name, flag in flags.items() if flag}
    return TriangularSolveOp.emit_one(b, (a, x), {"form": StringAttr(form), **properties})
