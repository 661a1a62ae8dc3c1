"""`rt` to the `llvm` dialect: kernel launches, matrix products by the BLAS library, and routines of LAPACK."""

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any, cast

from xdsl.dialects import llvm
from xdsl.dialects.builtin import (
    DenseArrayBase,
    FloatAttr,
    IntegerAttr,
    MemRefType,
    StringAttr,
    SymbolRefAttr,
    f32,
    i8,
    i32,
    i64,
)
from xdsl.dialects.llvm import LinkageAttr, LLVMArrayType, LLVMFunctionType
from xdsl.ir import Attribute, Block, Region, SSAValue
from xdsl.utils.exceptions import PassFailedException

from dialects.builder import OpBuilder
from dialects.lapack import LapackOp, array_number
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
    stored_type,
)
from passes.loops.llvm_memory import fill_with_zeros, offset_pointer, store
from passes.loops.llvm_parts import call_parts, part_bounds

CBLAS_ROW_MAJOR, CBLAS_NO_TRANSPOSE, CBLAS_TRANSPOSE = 101, 111, 112


def lower_launch(f: FunctionConversion, op: LaunchOp) -> None:
    """Run the kernel over its range: one call for all of it, or one for each part."""
    if op.grain is None:
        call(f, op.kernel, (f.integer(0), f.integer(op.extent), *f.operands(op)))
        return
    grain, extent = op.grain.value.data, op.extent

    def part(f: FunctionConversion, index: SSAValue, pointers: Sequence[SSAValue]) -> None:
        lower, upper = part_bounds(f, index, grain, extent)
        call(f, op.kernel, (lower, upper, *pointers))

    call_parts(f, op.part_count, f.operands(op), part)


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
    strides = (m * k * (len(lhs_shape) == 3), k * n * (len(rhs_shape) == 3), m * n)
    arrays = [(base, stride, element) for base, stride in zip((lhs, rhs, out), strides, strict=True)]
    repeated(f, batch, arrays, lambda pointers: product.emit(f, *pointers))


def repeated(
    f: FunctionConversion,
    count: int,
    arrays: Sequence[tuple[SSAValue, int, Attribute]],
    emit: Callable[[Sequence[SSAValue]], None],
) -> None:
    """Append a loop of `count` iterations, at least 1, around what `emit(pointers)` appends.

    `arrays` are pointers, how many elements they move on in each iteration, and the type of these.
    """
    if count == 1:
        emit([base for base, _, _ in arrays])
        return
    loop, after = f.add_block([i64]), Block()
    f.branch(loop, (f.integer(0),))
    f.builder.block = loop
    index = loop.args[0]
    pointers: list[SSAValue] = []
    for base, stride, element in arrays:
        offset = f.builder.create(llvm.MulOp, (index, f.integer(stride)), i64, NO_WRAP) if stride else 0
        pointers.append(offset_pointer(f, base, offset, stored_type(element)))
    emit(pointers)
    following = f.builder.create(llvm.AddOp, (index, f.integer(1)), i64, NO_WRAP)
    f.branch_if(f.compare(SIGNED_LESS, following, f.integer(count)), loop, (following,), after, ())
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


def _lapack(f: FunctionConversion, op: LapackOp) -> None:
    """The calls of a routine: all arguments by reference, then the length of each character, as gfortran has it."""
    if not op.calls:
        return
    sizes = [argument.value.data for argument in op.arguments if isinstance(argument, IntegerAttr)]
    if max(sizes) >= 2**31:
        raise PassFailedException(f"convert-to-llvm: rt.lapack {op.routine}: LAPACK takes sizes below 2147483648")
    arrays, steps = [f.values[value] for value in op.arrays], op.steps
    numbers = [array_number(argument) for argument in op.arguments]
    slots = [_slot(f, x) if number is None else None for x, number in zip(op.arguments, numbers, strict=True)]
    lengths = [f.integer(1) for argument in op.arguments if isinstance(argument, StringAttr)]
    for array in arrays[len(op.inputs) :]:
        f.mark_written(array)

    def emit(pointers: Sequence[SSAValue]) -> None:
        places = [slot or pointers[cast(int, number)] for slot, number in zip(slots, numbers, strict=True)]
        call(f, SymbolRefAttr(f"{op.routine.data}_"), (*places, *lengths))

    elements = [cast(MemRefType[Any], array.type).element_type for array in op.arrays]
    repeated(f, op.calls, list(zip(arrays, steps, elements, strict=True)), emit)


def _slot(f: FunctionConversion, argument: Attribute) -> SSAValue:
    """A place on the stack that holds a character, an integer or a scalar."""
    if isinstance(argument, StringAttr):
        numbers: list[SSAValue] = [f.integer(ord(argument.data), i8)]
    elif isinstance(argument, IntegerAttr):
        numbers = [f.integer(cast(Any, argument).value.data, i32)]
    else:
        scalar = cast(DenseArrayBase[Any], argument)
        element = scalar.elt_type
        numbers = [f.constant(FloatAttr(cast(float, x), element), element) for x in scalar.get_values()]
    element = numbers[0].type
    properties: dict[str, Attribute] = {
        "elem_type": LLVMArrayType(len(numbers), element),
        "alignment": IntegerAttr(8, i64),
    }
    slot = f.entry.create(llvm.AllocaOp, (f.integer(1),), POINTER, properties)
    for index, number in enumerate(numbers):
        store(f, number, offset_pointer(f, slot, index, element), element)
    return slot


def declare_called(builder: OpBuilder, called: Mapping[str, LLVMFunctionType]) -> None:
    """Declare the external functions that are called."""
    for name in sorted(called):
        builder.insert(llvm.FuncOp(name, called[name], LinkageAttr("external"), body=Region()))


CALLS: Converters = {LaunchOp.name: lower_launch, GemmOp.name: _gemm, LapackOp.name: _lapack}
