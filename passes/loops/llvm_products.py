"""`rt.gemm` to the `llvm` dialect: calls of the BLAS library, for whole products, for batches of them, and for blocks that threads share."""

from collections.abc import Callable, Sequence
from math import prod
from typing import Any, cast

from xdsl.dialects import llvm
from xdsl.dialects.builtin import FloatAttr, MemRefType, SymbolRefAttr, f32, i32, i64
from xdsl.ir import Attribute, Block, SSAValue
from xdsl.utils.exceptions import PassFailedException

from dialects.rt import GemmOp
from passes.loops.llvm_control import call
from passes.loops.llvm_function import (
    NO_WRAP,
    SIGNED_LESS,
    FunctionConversion,
    byte_count,
    static_shape,
    stored_type,
)
from passes.loops.llvm_memory import fill_with_zeros, offset_pointer
from passes.loops.llvm_parts import call_parts, part_bounds

CBLAS_ROW_MAJOR, CBLAS_NO_TRANSPOSE, CBLAS_TRANSPOSE = 101, 111, 112

Size = int | SSAValue
"""A number that is known, or a value of type `i64`."""


def lower_product(f: FunctionConversion, op: GemmOp) -> None:
    """Call the library once, once for each matrix of a batch, or for blocks in parts."""
    assert op.out is not None, "rt.gemm on memrefs has an out operand"
    batch, m, n, k = op.sizes
    if max(m, n, k) >= 2**31:
        raise PassFailedException(f"convert-to-llvm: rt.gemm of {m}x{k}x{n}: BLAS takes sizes below 2147483648")
    if batch * m * n == 0:
        return
    values = (op.lhs, op.rhs, op.out)
    pointers = [f.values[value] for value in values]
    if k == 0:
        fill_with_zeros(f, pointers[2], byte_count(cast(MemRefType[Any], op.out.type)))
        return
    f.mark_written(pointers[2])
    ranks = [len(static_shape(cast(MemRefType[Any], value.type))) for value in values]
    strides = (m * k * (ranks[0] == 3), k * n * (ranks[1] == 3), m * n)
    element = cast(MemRefType[Any], op.out.type).element_type
    product = _Product(m, n, k, op.trans_lhs is not None, op.trans_rhs is not None, element)

    def matrices(f: FunctionConversion, lower: Size, upper: Size, pointers: Sequence[SSAValue]) -> None:
        arrays = [(base, stride, element) for base, stride in zip(pointers, strides, strict=True)]
        repeated(f, lower, upper, arrays, lambda moved: product.emit(f, *moved))

    if op.blocks is None:
        matrices(f, 0, batch, pointers)
        return
    sizes = cast(Sequence[int], op.blocks.get_values())
    counts = [-(-extent // size) for extent, size in zip((batch, m, n), sizes, strict=True)]

    def part(f: FunctionConversion, index: SSAValue, pointers: Sequence[SSAValue]) -> None:
        if sizes[0] > 1:
            matrices(f, *part_bounds(f, index, sizes[0], batch), pointers)
            return
        places = _places(f, index, counts)
        matrix, rows, columns = (_bounds(f, *axis) for axis in zip(places, counts, sizes, (batch, m, n), strict=True))
        moved = [
            pointer if batch == 1 else offset_pointer(f, pointer, _times(f, matrix[0], stride), stored_type(element))
            for pointer, stride in zip(pointers, strides, strict=True)
        ]
        product.emit_block(f, (moved[0], moved[1], moved[2]), rows, columns)

    call_parts(f, op, prod(counts), pointers, part)


def repeated(
    f: FunctionConversion,
    lower: Size,
    upper: Size,
    arrays: Sequence[tuple[SSAValue, int, Attribute]],
    emit: Callable[[Sequence[SSAValue]], None],
) -> None:
    """Append a loop from `lower` to `upper`, of at least 1 iteration, around what `emit(pointers)` appends.

    `arrays` are pointers, how many elements they move on in each iteration, and the type of these.
    """
    if (lower, upper) == (0, 1):
        emit([base for base, _, _ in arrays])
        return
    loop, after = f.add_block([i64]), Block()
    f.branch(loop, (_value(f, lower),))
    f.builder.block = loop
    index = loop.args[0]
    pointers: list[SSAValue] = []
    for base, stride, element in arrays:
        offset = f.builder.create(llvm.MulOp, (index, f.integer(stride)), i64, NO_WRAP) if stride else 0
        pointers.append(offset_pointer(f, base, offset, stored_type(element)))
    emit(pointers)
    following = f.builder.create(llvm.AddOp, (index, f.integer(1)), i64, NO_WRAP)
    f.branch_if(f.compare(SIGNED_LESS, following, _value(f, upper)), loop, (following,), after, ())
    f.region.add_block(after)
    f.builder.block = after


def _places(f: FunctionConversion, index: SSAValue, counts: Sequence[int]) -> list[Size]:
    """The position in a grid of `counts` that has the number `index`, the last dimension being the fastest."""
    places: list[Size] = [0] * len(counts)
    for axis in reversed(range(len(counts))):
        if prod(counts[:axis]) == 1:
            places[axis] = index if counts[axis] > 1 else 0
        elif counts[axis] > 1:
            size = f.integer(counts[axis])
            places[axis] = f.builder.create(llvm.URemOp, (index, size), i64)
            index = f.builder.create(llvm.UDivOp, (index, size), i64)
    return places


def _bounds(f: FunctionConversion, place: Size, count: int, size: int, extent: int) -> tuple[Size, Size]:
    """Where a block starts along a dimension, and how large it is there."""
    if isinstance(place, int):
        return 0, extent if count == 1 else size
    lower, upper = part_bounds(f, place, size, extent)
    return lower, size if extent % size == 0 else f.builder.create(llvm.SubOp, (upper, lower), i64)


def _value(f: FunctionConversion, size: Size) -> SSAValue:
    return f.integer(size) if isinstance(size, int) else size


def _times(f: FunctionConversion, size: Size, factor: int) -> Size:
    if isinstance(size, int):
        return size * factor
    return size if factor == 1 else f.builder.create(llvm.MulOp, (size, f.integer(factor)), i64, NO_WRAP)


class _Product:
    """One product of an `m x k` and a `k x n` matrix of `element`, all sizes at least 1."""

    def __init__(self, m: int, n: int, k: int, trans_lhs: bool, trans_rhs: bool, element: Attribute):
        self.m, self.n, self.k = m, n, k
        self.trans_lhs, self.trans_rhs = trans_lhs, trans_rhs
        self.element = element
        self.letter = "s" if element == f32 else "d"

    def emit(self, f: FunctionConversion, lhs: SSAValue, rhs: SSAValue, out: SSAValue) -> None:
        """Append the call of the library."""
        self._call(f, lhs, rhs, out, self.m, self.n)

    def emit_block(
        self,
        f: FunctionConversion,
        pointers: tuple[SSAValue, SSAValue, SSAValue],
        rows: tuple[Size, Size],
        columns: tuple[Size, Size],
    ) -> None:
        """Append the call for a block: where its rows and columns start, and how many they are."""
        unit = stored_type(self.element)
        lhs, rhs, out = pointers
        lhs = offset_pointer(f, lhs, _times(f, rows[0], 1 if self.trans_lhs else self.k), unit)
        rhs = offset_pointer(f, rhs, _times(f, columns[0], self.k if self.trans_rhs else 1), unit)
        out = offset_pointer(f, offset_pointer(f, out, _times(f, rows[0], self.n), unit), columns[0], unit)
        self._call(f, lhs, rhs, out, rows[1], columns[1])

    def _call(
        self, f: FunctionConversion, lhs: SSAValue, rhs: SSAValue, out: SSAValue, rows: Size, columns: Size
    ) -> None:
        one = f.constant(FloatAttr(1.0, cast(Any, self.element)), self.element)
        zero = f.constant(FloatAttr(0.0, cast(Any, self.element)), self.element)
        lhs_stride, rhs_stride = self.m if self.trans_lhs else self.k, self.k if self.trans_rhs else self.n
        if 1 in (self.m, self.n):
            is_column = self.n == 1
            matrix, vector, stride = (lhs, rhs, lhs_stride) if is_column else (rhs, lhs, rhs_stride)
            length, transposed = (rows, self.trans_lhs) if is_column else (columns, not self.trans_rhs)
            shape = (self.k, length) if transposed else (length, self.k)
            head = self._integers(f, CBLAS_ROW_MAJOR, _transposed(transposed), *shape)
            lda, step = self._integers(f, stride, 1)
            call(f, self._function("gemv"), [*head, one, matrix, lda, vector, step, zero, out, step])
            return
        flags = map(_transposed, (self.trans_lhs, self.trans_rhs))
        head = self._integers(f, CBLAS_ROW_MAJOR, *flags, rows, columns, self.k)
        lda, ldb, ldc = self._integers(f, lhs_stride, rhs_stride, self.n)
        call(f, self._function("gemm"), [*head, one, lhs, lda, rhs, ldb, zero, out, ldc])

    def _function(self, name: str) -> SymbolRefAttr:
        return SymbolRefAttr(f"cblas_{self.letter}{name}")

    @staticmethod
    def _integers(f: FunctionConversion, *values: Size) -> list[SSAValue]:
        return [
            f.integer(value, i32) if isinstance(value, int) else f.builder.create(llvm.TruncOp, (value,), i32)
            for value in values
        ]


def _transposed(flag: bool) -> int:
    return CBLAS_TRANSPOSE if flag else CBLAS_NO_TRANSPOSE
