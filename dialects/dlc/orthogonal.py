"""The QR factorization."""

from collections.abc import Sequence

import numpy as np
from xdsl.dialects.builtin import TensorType, UnitAttr
from xdsl.ir import SSAValue
from xdsl.irdl import irdl_op_definition, operand_def, opt_prop_def, result_def

from dialects.builder import OpBuilder, tensor_type
from dialects.dlc.arithmetic import add, sub
from dialects.dlc.complex_parts import complex_, imag
from dialects.dlc.constants import zeros
from dialects.dlc.interfaces import AnyTensor, Array, Properties, element_type_of, is_complex, shape_of, tensor_type_of
from dialects.dlc.matrix_op import MatrixOp, adjoint, expect_matrices, product, triangle
from dialects.dlc.slicing import concatenate, pad, slice_
from dialects.dlc.spectral import BLOCK
from dialects.dlc.triangular import triangular_solve
from dialects.errors import UnsupportedError, at_location
from dialects.rt.lapack import Output, Overwritten


@irdl_op_definition
class QrOp(MatrixOp):
    """`operand = q r` with orthonormal columns of `q` and an upper triangular `r`, whose diagonal is real.

    `q` has as many columns as the operand has rows or columns, whichever are fewer; with `full` it is square.
    """

    name = "dlc.qr"

    operand = operand_def(TensorType)
    full = opt_prop_def(UnitAttr)
    q = result_def(TensorType)
    r = result_def(TensorType)

    assembly_format = (
        "(`packed` $packed^)? (`full` $full^)? $operand attr-dict `:` type($operand) `->` type($q) `,` type($r)"
    )

    @classmethod
    def infer(cls, operand_types: Sequence[AnyTensor], properties: Properties) -> tuple[AnyTensor, ...]:
        """The types of `q` and `r`."""
        (operand,) = operand_types
        rows, columns = expect_matrices(cls.name, 0, operand)
        size = rows if "full" in properties else min(rows, columns)
        batch, element = operand.get_shape()[:-2], operand.element_type
        return tensor_type(element, (*batch, rows, size)), tensor_type(element, (*batch, size, columns))

    def compute(self, operands: Sequence[Array]) -> Sequence[Array]:
        """`np.linalg.qr`."""
        return tuple(np.linalg.qr(operands[0], "reduced" if self.full is None else "complete"))

    def jvp_all(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> Sequence[SSAValue | None]:
        """`dq = q (W - C) + D` and `dr = (C - W) r` where `D = dA r⁻¹`, `C = qᴴ D` and `W` is what is skew about `C`.

        (Walter and Lehmann, "Algorithmic differentiation of linear algebra functions", 2010.) Of a matrix with more columns than rows,
        this holds for the first ones; the others are `qᴴ` times those of the operand.
        """
        (da,) = tangents
        if da is None:
            return None, None
        rows, columns = self.sizes
        if self.full is not None and rows > columns:
            message = 'dlc.qr: the derivative of a complete q is not defined; use mode="reduced"'
            raise UnsupportedError(at_location(message, self.location))
        q, r = self.q, self.r
        if rows >= columns:
            return self._moved(b, da, r)
        dq, dr = self._moved(b, _columns(b, da, 0, rows), _columns(b, r, 0, rows))
        rest = _columns(b, self.operand, rows, columns), _columns(b, da, rows, columns)
        others = add(b, product(b, adjoint(b, dq), rest[0]), product(b, adjoint(b, q), rest[1]))
        return dq, concatenate(b, [dr, others], len(shape_of(r)) - 1)

    def _moved(self, b: OpBuilder, da: SSAValue, r: SSAValue) -> tuple[SSAValue, SSAValue]:
        moved = triangular_solve(b, r, da, left_side=False, lower=False)
        inner = product(b, adjoint(b, self.q), moved)
        below = triangle(b, inner, "gt")
        skew = sub(b, below, adjoint(b, below))
        if is_complex(element_type_of(inner)):
            # The diagonal of r stays real.
            turning = imag(b, triangle(b, inner, "eq"))
            skew = add(b, skew, complex_(b, zeros(b, tensor_type_of(turning)), turning))
        dq = add(b, product(b, self.q, sub(b, skew, inner)), moved)
        return dq, product(b, sub(b, inner, skew), r)

    def compose(self, b: OpBuilder, operands: Sequence[SSAValue]) -> Sequence[SSAValue]:
        """`geqrf` of a matrix with more rows than columns, and `gelqf` of the transpose of others, `operandᵀ = l p`: each is the faster one.

        `orgqr` and `orglq` make `q` of what they leave; `r = lᵀ`, `q = pᵀ`.
        """
        (x,) = operands
        rows, columns = self.sizes
        row_dim, column_dim = self.matrix_dims
        size = shape_of(self.q)[column_dim]
        if 0 in shape_of(x):
            return self.identity(b, self.q.type), zeros(b, self.r.type)
        is_tall = rows > columns
        reflections = Output(self.packed_type(min(rows, columns)))
        space = BLOCK * max(rows, columns)
        packed, scales, _ = self.call(
            b,
            "geqrf" if is_tall else "gelqf",
            *((rows, columns) if is_tall else (columns, rows)),
            Overwritten(self.swapped(b, x) if is_tall else x),
            max(rows, columns),
            reflections,
            self.workspace(space),
            space,
            Output(self.info_type),
        )
        # As we see the matrix: the dimension of LAPACK's that has our rows, and that of our columns.
        of_rows, of_columns = (column_dim, row_dim) if is_tall else (row_dim, column_dim)
        r = self._resized(b, packed, of_rows, size)
        r = triangle(b, self.swapped(b, r) if is_tall else r, "le", self.matrix_dims)
        if not self.is_read(0):
            return zeros(b, self.q.type), r
        letters = "or" if self.packed is None else "un"
        q, _ = self.call(
            b,
            f"{letters}gqr" if is_tall else f"{letters}glq",
            *((rows, size) if is_tall else (size, rows)),
            min(rows, columns),
            Overwritten(self._resized(b, packed, of_columns, size)),
            rows if is_tall else size,
            scales,
            self.workspace(space),
            space,
            Output(self.info_type),
        )
        return self.swapped(b, q) if is_tall else q, r

    @staticmethod
    def _resized(b: OpBuilder, x: SSAValue, dim: int, size: int) -> SSAValue:
        """`x` cut to `size` along `dim`, or with zeros behind it."""
        shape = list(shape_of(x))
        if shape[dim] >= size:
            shape[dim] = size
            return x if shape == list(shape_of(x)) else slice_(b, x, (0,) * len(shape), shape, (1,) * len(shape))
        none = (0,) * len(shape)
        high = (*none[:dim], size - shape[dim], *none[dim + 1 :])
        return pad(b, x, zeros(b, tensor_type(element_type_of(x), ())), none, high, none)


def _columns(b: OpBuilder, x: SSAValue, start: int, end: int) -> SSAValue:
    *others, _ = shape_of(x)
    return slice_(b, x, (*(0 for _ in others), start), (*others, end), (1,) * (len(others) + 1))


def qr(b: OpBuilder, x: SSAValue, full_matrices: bool = False) -> tuple[SSAValue, SSAValue]:
    """`q` and `r` with `x = q r`."""
    q, r = QrOp.emit_all(b, (x,), {"full": UnitAttr()} if full_matrices else {})
    return q, r
