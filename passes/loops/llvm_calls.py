"""`rt` to the `llvm` dialect: kernel launches and matrix products by the BLAS library."""

from math import prod
from typing import Any, cast

from xdsl.dialects import llvm
from xdsl.dialects.builtin import (
    FloatAttr,
    MemRefType,
    SymbolRefAttr,
    f32,
    i32,
    i64,
)
from xdsl.dialects.llvm import LinkageAttr, LLVMFunctionType
from xdsl.ir import Attribute, Block, Region, SSAValue
from xdsl.utils.exceptions import PassFailedException

from dialects.builder import OpBuilder
from dialects.rt import GemmOp, LaunchOp
from passes.loops.llvm_control import call
from passes.loops.llvm_function import (
    NO_WRAP,
    POINTER,
    SIGNED_LESS,
    Converters,
    FunctionConversion,
    byte_count,
    static_shape,
)
from passes.loops.llvm_memory import fill_with_zeros, offset_pointer

CBLAS_ROW_MAJOR, CBLAS_NO_TRANSPOSE, CBLAS_TRANSPOSE = 101, 111, 112


def lower_launch(f: FunctionConversion, op: LaunchOp) -> None:
    """Run the kernel over its whole range: one call."""
    extent = prod(op.over.get_values())
    call(f, op.kernel, (f.integer(0), f.integer(extent), *f.operands(op)))


def _gemm(f: FunctionConversion, op: GemmOp) -> None:
    assert op.out is not None, "rt.gemm on memrefs has an out operand"
    lhs_shape, rhs_shape, out_shape = (
        static_shape(cast(MemRefType[Any], value.type)) for value in (op.lhs, op.rhs, op.out)
    )
    trans_lhs, trans_rhs = op.trans_lhs is not None, op.trans_rhs is not None
    m, n = out_shape[-2:]
    k = lhs_shape[-2] if trans_lhs else lhs_shape[-1]
    batch = prod(out_shape[:-2])
    if len(lhs_shape) == 3 and len(rhs_shape) == 2 and not trans_lhs:
        # One matrix on the right for all: the batch is more rows.
        m, batch = m * batch, 1
    if max(m, n, k) >= 2**31:
        raise PassFailedException(f"convert-to-llvm: rt.gemm of {m}x{k}x{n}: BLAS takes sizes below 2147483648")
    if batch * m * n == 0:
        return
    lhs, rhs, out = (f.values[value] for value in (op.lhs, op.rhs, op.out))
    if k == 0:
        fill_with_zeros(f, out, byte_count(cast(MemRefType[Any], op.out.type)))
        return
    element = cast(MemRefType[Any], op.out.type).element_type
    product = _Product(m, n, k, trans_lhs, trans_rhs, element)
    f.mark_written(out)
    if batch == 1:
        product.emit(f, lhs, rhs, out)
        return
    strides = (m * k * (len(lhs_shape) == 3), k * n * (len(rhs_shape) == 3), m * n)
    loop, after = f.add_block([i64]), Block()
    f.branch(loop, (f.integer(0),))
    f.builder.block = loop
    index = loop.args[0]
    pointers: list[SSAValue] = []
    for base, stride in zip((lhs, rhs, out), strides, strict=True):
        offset = f.builder.create(llvm.MulOp, (index, f.integer(stride)), i64, NO_WRAP) if stride else 0
        pointers.append(offset_pointer(f, base, offset, element))
    product.emit(f, *pointers)
    following = f.builder.create(llvm.AddOp, (index, f.integer(1)), i64, NO_WRAP)
    f.branch_if(f.compare(SIGNED_LESS, following, f.integer(batch)), loop, (following,), after, ())
    f.region.add_block(after)
    f.builder.block = after


class _Product:
    """One product of an `m x k` and a `k x n` matrix of `element`, all sizes at least 1."""

    def __init__(self, m: int, n: int, k: int, trans_lhs: bool, trans_rhs: bool, element: Attribute):
        self.m, self.n, self.k = m, n, k
        self.trans_lhs, self.trans_rhs = trans_lhs, trans_rhs
        self.element = element
        self.letter = "s" if element == f32 else "d"

    def emit(self, f: FunctionConversion, lhs: SSAValue, rhs: SSAValue, out: SSAValue) -> None:
        """Append the call of the library."""
        m, n, k = self.m, self.n, self.k
        one = f.constant(FloatAttr(1.0, cast(Any, self.element)), self.element)
        zero = f.constant(FloatAttr(0.0, cast(Any, self.element)), self.element)
        if n == 1:
            self._matrix_vector(f, (k, m) if self.trans_lhs else (m, k), self.trans_lhs, lhs, rhs, out, one, zero)
        elif m == 1:
            self._matrix_vector(f, (n, k) if self.trans_rhs else (k, n), not self.trans_rhs, rhs, lhs, out, one, zero)
        else:
            lhs_columns = m if self.trans_lhs else k
            rhs_columns = k if self.trans_rhs else n
            head = self._integers(f, CBLAS_ROW_MAJOR, *map(_transposed, (self.trans_lhs, self.trans_rhs)), m, n, k)
            columns = self._integers(f, lhs_columns, rhs_columns, n)
            arguments = [*head, one, lhs, columns[0], rhs, columns[1], zero, out, columns[2]]
            call(f, SymbolRefAttr(f"cblas_{self.letter}gemm"), arguments)

    def _matrix_vector(
        self,
        f: FunctionConversion,
        shape: tuple[int, int],
        transposed: bool,
        matrix: SSAValue,
        vector: SSAValue,
        out: SSAValue,
        one: SSAValue,
        zero: SSAValue,
    ) -> None:
        head = self._integers(f, CBLAS_ROW_MAJOR, _transposed(transposed), *shape)
        columns, stride = self._integers(f, shape[1], 1)
        arguments = [*head, one, matrix, columns, vector, stride, zero, out, stride]
        call(f, SymbolRefAttr(f"cblas_{self.letter}gemv"), arguments)

    @staticmethod
    def _integers(f: FunctionConversion, *values: int) -> list[SSAValue]:
        return [f.integer(value, i32) for value in values]


def _transposed(flag: bool) -> int:
    return CBLAS_TRANSPOSE if flag else CBLAS_NO_TRANSPOSE


def declare_blas(builder: OpBuilder, names: set[str]) -> None:
    """Declare those entries of CBLAS that are called by `names`, as `(order, transpose…, sizes…, alpha, …)`."""
    for letter, element in (("s", "f32"), ("d", "f64")):
        scalar = f32 if element == "f32" else cast(Any, FloatAttr(0.0, 64).type)
        gemm = [i32] * 6 + [scalar, POINTER, i32, POINTER, i32, scalar, POINTER, i32]
        gemv = [i32] * 4 + [scalar, POINTER, i32, POINTER, i32, scalar, POINTER, i32]
        for name, inputs in ((f"cblas_{letter}gemm", gemm), (f"cblas_{letter}gemv", gemv)):
            if name in names:
                declare(builder, name, LLVMFunctionType(cast(list[Attribute], inputs)))


def declare(builder: OpBuilder, name: str, function_type: LLVMFunctionType) -> None:
    """Append an external function."""
    builder.insert(llvm.FuncOp(name, function_type, LinkageAttr("external"), body=Region()))


CALLS: Converters = {LaunchOp.name: lower_launch, GemmOp.name: _gemm}
