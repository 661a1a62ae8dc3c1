"""What host functions call, to the `llvm` dialect: kernels, copies, products by the BLAS library, and routines of LAPACK."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from xdsl.dialects import llvm, memref
from xdsl.dialects.builtin import (
    DenseArrayBase,
    FloatAttr,
    IntegerAttr,
    MemRefType,
    StringAttr,
    SymbolRefAttr,
    i8,
    i32,
    i64,
)
from xdsl.dialects.llvm import LinkageAttr, LLVMArrayType, LLVMFunctionType
from xdsl.ir import Attribute, Region, SSAValue
from xdsl.utils.exceptions import PassFailedException

from dialects.builder import OpBuilder
from dialects.llvm_intrinsics import MemcpyOp
from dialects.rt import GRAIN, GemmOp, LaunchOp
from dialects.rt.lapack import LapackOp, array_number
from passes.loops.llvm_control import call
from passes.loops.llvm_function import (
    POINTER,
    Converters,
    FunctionConversion,
    byte_count,
)
from passes.loops.llvm_memory import offset_pointer, store
from passes.loops.llvm_parts import call_parts, part_bounds
from passes.loops.llvm_products import Size, lower_product, repeated


def lower_launch(f: FunctionConversion, op: LaunchOp) -> None:
    """Run the kernel over its range: one call for all of it, or one for each part."""
    if op.grain is None:
        call(f, op.kernel, (f.integer(0), f.integer(op.extent), *f.operands(op)))
        return
    grain, extent = op.grain.value.data, op.extent

    def part(f: FunctionConversion, index: SSAValue, pointers: Sequence[SSAValue]) -> None:
        lower, upper = part_bounds(f, index, grain, extent)
        call(f, op.kernel, (lower, upper, *pointers))

    call_parts(f, op, op.part_count, f.operands(op), part)


def _copy(f: FunctionConversion, op: memref.CopyOp) -> None:
    """Copy all bytes at once, or in parts."""
    source, destination = f.operands(op)
    size, grain = byte_count(cast(MemRefType[Any], op.source.type)), op.attributes.get(GRAIN)
    if not size or source is destination:
        return
    f.mark_written(destination)
    if not isinstance(grain, IntegerAttr):
        f.builder.create_op(MemcpyOp, (destination, source, f.integer(size)))
        return
    bytes_of_part = cast(int, cast(Any, grain).value.data)

    def part(f: FunctionConversion, index: SSAValue, pointers: Sequence[SSAValue]) -> None:
        lower, upper = part_bounds(f, index, bytes_of_part, size)
        length = f.builder.create(llvm.SubOp, (upper, lower), i64)
        f.builder.create_op(MemcpyOp, (*(offset_pointer(f, pointer, lower, i8) for pointer in pointers), length))

    call_parts(f, op, -(-size // bytes_of_part), (destination, source), part)


def _lapack(f: FunctionConversion, op: LapackOp) -> None:
    """The calls of a routine: all arguments by reference, then the length of each character, as gfortran has it."""
    if not op.calls:
        return
    sizes = [argument.value.data for argument in op.arguments if isinstance(argument, IntegerAttr)]
    if max(sizes) >= 2**31:
        raise PassFailedException(f"convert-to-llvm: rt.lapack {op.routine}: LAPACK takes sizes below 2147483648")
    arrays = [f.values[value] for value in op.arrays]
    elements = [cast(MemRefType[Any], array.type).element_type for array in op.arrays]
    numbers = [array_number(argument) for argument in op.arguments]
    for array in arrays[len(op.inputs) :]:
        f.mark_written(array)

    def calls(f: FunctionConversion, lower: Size, upper: Size, arrays: Sequence[SSAValue]) -> None:
        slots = [_slot(f, x) if number is None else None for x, number in zip(op.arguments, numbers, strict=True)]
        lengths = [f.integer(1) for argument in op.arguments if isinstance(argument, StringAttr)]

        def emit(pointers: Sequence[SSAValue]) -> None:
            places = [slot or pointers[cast(int, number)] for slot, number in zip(slots, numbers, strict=True)]
            call(f, SymbolRefAttr(f"{op.routine.data}_"), (*places, *lengths))

        repeated(f, lower, upper, list(zip(arrays, op.steps, elements, strict=True)), emit)

    grain = op.attributes.get(GRAIN)
    if isinstance(grain, IntegerAttr):
        count, size = op.calls, cast(int, cast(Any, grain).value.data)

        def part(f: FunctionConversion, index: SSAValue, arrays: Sequence[SSAValue]) -> None:
            moved = [
                offset_pointer(f, array, f.builder.create(llvm.MulOp, (index, f.integer(step)), i64), element)
                if step
                else array
                for array, step, element in zip(arrays, op.part_steps, elements, strict=True)
            ]
            calls(f, *part_bounds(f, index, size, count), moved)

        call_parts(f, op, -(-count // size), arrays, part)
    else:
        calls(f, 0, op.calls, arrays)


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


CALLS: Converters = {
    LaunchOp.name: lower_launch,
    memref.CopyOp.name: _copy,
    GemmOp.name: lower_product,
    LapackOp.name: _lapack,
}
