"""`rt.gemm`: products of matrices by the BLAS library."""

from math import prod
from typing import cast

from xdsl.dialects.builtin import I64, DenseArrayBase, MemRefType, ShapedType, TensorType, UnitAttr
from xdsl.irdl import IRDLOperation, irdl_op_definition, operand_def, opt_operand_def, opt_prop_def, opt_result_def
from xdsl.utils.exceptions import VerifyException


@irdl_op_definition
class GemmOp(IRDLOperation):
    """Matrix product by the BLAS library: `out[b] = op(lhs[b]) @ op(rhs[b])`.

    `lhs` is `[b x] m x k` (`k x m` with `trans_lhs`), `rhs` is `[b x] k x n` (`n x k` with `trans_rhs`), `out` is
    `[b x] m x n`; the element type is f32 or f64. Either operand may lack the batch dimension. On tensors the product
    is the result; on memrefs it is written to the operand `out`. With `blocks` threads compute blocks of so many matrices, rows and
    columns of `sizes`, those at the ends being smaller; all of several matrices, or parts of one.
    """

    name = "rt.gemm"

    lhs = operand_def(TensorType | MemRefType)
    rhs = operand_def(TensorType | MemRefType)
    out = opt_operand_def(MemRefType)
    result = opt_result_def(TensorType)
    trans_lhs = opt_prop_def(UnitAttr)
    trans_rhs = opt_prop_def(UnitAttr)
    blocks = opt_prop_def(DenseArrayBase.constr(I64))

    assembly_format = (
        "(`trans_lhs` $trans_lhs^)? (`trans_rhs` $trans_rhs^)? $lhs `,` $rhs (`into` $out^)? (`blocks` $blocks^)? "
        "`:` type($lhs) `,` type($rhs) (`into` type($out)^)? (`->` type($result)^)? attr-dict"
    )

    def verify_(self) -> None:
        """Check the shapes, and that exactly one of `out` and `result` is there."""
        if (self.out is None) == (self.result is None):
            raise VerifyException("rt.gemm: needs either an out memref or a tensor result")
        destination = cast(ShapedType, (self.out or self.result).type)  # pyright: ignore[reportOptionalMemberAccess]
        expected = self.product_shape()
        if destination.get_shape() != expected:
            raise VerifyException(f"rt.gemm: the product has shape {expected}, got {destination}")
        if self.blocks is not None:
            block, sizes = self.blocks.get_values(), self.sizes[:3]
            if len(block) != 3 or min(block) < 1 or (block[0] > 1 and block[1:] != sizes[1:]):
                raise VerifyException(
                    f"rt.gemm: blocks {list(block)} are not blocks of {list(sizes)}, or of parts of several matrices"
                )

    @property
    def sizes(self) -> tuple[int, int, int, int]:
        """`b, m, n, k`, where many matrices on the left of one are a single matrix with more rows."""
        *batch, m, n = self.product_shape()
        k = cast(ShapedType, self.lhs.type).get_shape()[-2 if self.trans_lhs is not None else -1]
        count, ranks = prod(batch), [cast(ShapedType, value.type).get_num_dims() for value in (self.lhs, self.rhs)]
        return (1, m * count, n, k) if ranks == [3, 2] and self.trans_lhs is None else (count, m, n, k)

    def product_shape(self) -> tuple[int, ...]:
        """The shape of the product; raise `VerifyException` if the operands do not fit."""
        lhs = cast(ShapedType, self.lhs.type).get_shape()
        rhs = cast(ShapedType, self.rhs.type).get_shape()
        if not 2 <= len(lhs) <= 3 or not 2 <= len(rhs) <= 3:
            raise VerifyException(f"rt.gemm: operands of shapes {lhs} and {rhs} are not (batches of) matrices")
        m, k = (lhs[-1], lhs[-2]) if self.trans_lhs is not None else (lhs[-2], lhs[-1])
        k_rhs, n = (rhs[-1], rhs[-2]) if self.trans_rhs is not None else (rhs[-2], rhs[-1])
        if k != k_rhs or (len(lhs) == len(rhs) == 3 and lhs[0] != rhs[0]):
            raise VerifyException(f"rt.gemm: shapes {lhs} and {rhs} do not fit")
        batch = lhs[:-2] or rhs[:-2]
        return (*batch, m, n)
