"""`memref` to the `llvm` dialect: bare pointers and constant-stride address arithmetic."""

from collections.abc import Sequence
from math import prod
from typing import Any, cast

from xdsl.dialects import llvm, memref
from xdsl.dialects.builtin import (
    DenseIntOrFPElementsAttr,
    IntegerAttr,
    MemRefType,
    StringAttr,
    SymbolRefAttr,
    UnitAttr,
    i1,
    i8,
    i32,
    i64,
)
from xdsl.dialects.llvm import GEP_USE_SSA_VAL, LinkageAttr, LLVMArrayType
from xdsl.ir import Attribute, Region, SSAValue

from dialects.builder import OpBuilder, segment_sizes
from dialects.llvm_intrinsics import MemsetOp
from dialects.rt import PrefetchOp, RowOp
from dialects.structured import constant_integer
from passes.loops.llvm_function import (
    NO_WRAP,
    POINTER,
    Converters,
    FunctionConversion,
    byte_size,
    int32_array,
    static_shape,
    stored_type,
)

BUFFER_ALIGNMENT = 64
"""Bytes: stack slots and constants start where a vector register's worth of data is aligned."""

_DYNAMIC_INDEX = int32_array((GEP_USE_SSA_VAL,))
_NO_FLAGS = IntegerAttr(0, i32)
_INSIDE: dict[bool, dict[str, Attribute]] = {True: {"inbounds": UnitAttr()}, False: {}}
_NOT_ATOMIC = IntegerAttr(0, i64)
_ALIGNMENTS: dict[int, dict[str, Attribute]] = {size: {"alignment": IntegerAttr(size, i64)} for size in (1, 2, 4, 8)}


def alignment_of(element_type: Attribute) -> dict[str, Attribute]:
    """The property `alignment` of an access to elements: all that is known is that each element is aligned."""
    return _ALIGNMENTS[byte_size(element_type)]


def offset_pointer(
    f: FunctionConversion, base: SSAValue, offset: SSAValue | int, unit: Attribute, is_inside: bool = True
) -> SSAValue:
    """The pointer `offset` elements of type `unit` after `base`; `is_inside` promises that it is one into the same memory."""
    if isinstance(offset, int):
        if offset == 0:
            return base
        if not -(2**31) < offset < 2**31:
            return offset_pointer(f, base, f.integer(offset), unit, is_inside)
        indices, operands = int32_array((offset,)), (base,)
    else:
        indices, operands = _DYNAMIC_INDEX, (base, offset)
    pointer = f.builder.create(
        llvm.GEPOp,
        operands,
        base.type,
        {"rawConstantIndices": indices, "elem_type": unit, "noWrapFlags": _NO_FLAGS, **_INSIDE[is_inside]},
    )
    f.roots[pointer] = f.roots.get(base, base)
    return pointer


def element_pointer(
    f: FunctionConversion, base: SSAValue, indices: Sequence[SSAValue], is_inside: bool = True
) -> SSAValue:
    """The pointer to `base[indices]`, both of them old values; indices left out at the end are 0."""
    memref_type = cast("MemRefType[Any]", base.type)
    shape = static_shape(memref_type)
    fixed = 0
    variable: SSAValue | None = None
    for dim, index in enumerate(indices):
        stride = prod(shape[dim + 1 :])
        number = constant_integer(index)
        if number is not None:
            fixed += number * stride
        elif shape[dim] != 1 or stride != 1:
            term = f.values[index]
            if stride != 1:
                term = f.builder.create(llvm.MulOp, (term, f.integer(stride)), i64, NO_WRAP)
            variable = term if variable is None else f.builder.create(llvm.AddOp, (variable, term), i64, NO_WRAP)
    pointer = f.values[base]
    unit = stored_type(memref_type.element_type)
    if variable is not None:
        pointer = offset_pointer(f, pointer, variable, unit, is_inside)
    return offset_pointer(f, pointer, fixed, unit, is_inside)


def load(f: FunctionConversion, pointer: SSAValue, value_type: Attribute, element_type: Attribute) -> SSAValue:
    """Load a scalar or a vector of `element_type`; a byte in memory becomes an `i1`."""
    stored = f.builder.create(llvm.LoadOp, (pointer,), stored_type(value_type), alignment_of(element_type))
    return from_stored(f, stored, value_type, element_type)


def from_stored(f: FunctionConversion, stored: SSAValue, value_type: Attribute, element_type: Attribute) -> SSAValue:
    """A value as it was in memory, as a value to compute with."""
    return f.builder.create(llvm.TruncOp, (stored,), value_type) if element_type == i1 else stored


def to_stored(f: FunctionConversion, value: SSAValue, element_type: Attribute) -> SSAValue:
    """A value to compute with, as it is in memory."""
    return f.builder.create(llvm.ZExtOp, (value,), stored_type(value.type)) if element_type == i1 else value


def store(f: FunctionConversion, value: SSAValue, pointer: SSAValue, element_type: Attribute) -> None:
    """Store a scalar or a vector of `element_type`."""
    properties = {**alignment_of(element_type), "ordering": _NOT_ATOMIC}
    f.builder.create_op(llvm.StoreOp, (to_stored(f, value, element_type), pointer), (), properties)
    f.mark_written(pointer)


def _load(f: FunctionConversion, op: memref.LoadOp) -> None:
    pointer = element_pointer(f, op.memref, op.indices)
    element_type = op.res.type
    f.values[op.res] = load(f, pointer, element_type, element_type)


def _store(f: FunctionConversion, op: memref.StoreOp) -> None:
    pointer = element_pointer(f, op.memref, op.indices)
    store(f, f.values[op.value], pointer, op.value.type)


def _alloca(f: FunctionConversion, op: memref.AllocaOp) -> None:
    memref_type = cast("MemRefType[Any]", op.memref.type)
    count = prod(static_shape(memref_type))
    properties: dict[str, Attribute] = {
        "elem_type": LLVMArrayType(count, stored_type(memref_type.element_type)),
        "alignment": op.alignment or IntegerAttr(BUFFER_ALIGNMENT, i64),
    }
    f.values[op.memref] = f.entry.create(llvm.AllocaOp, (f.integer(1),), POINTER, properties)


def _prefetch(f: FunctionConversion, op: PrefetchOp) -> None:
    """Of data, for reading, with a place in all caches."""
    pointer = element_pointer(f, op.source, op.indices, is_inside=False)
    hints = (f.integer(0, i32), f.integer(3, i32), f.integer(1, i32))
    properties = {"intrin": StringAttr("llvm.prefetch.p0"), "operandSegmentSizes": segment_sizes(4, 0)}
    f.builder.create_op(llvm.CallIntrinsicOp, (pointer, *hints), (), properties)


def _view(f: FunctionConversion, op: memref.ViewOp) -> None:
    static_shape(cast("MemRefType[Any]", op.result.type))
    shift = constant_integer(op.byte_shift)
    offset = f.values[op.byte_shift] if shift is None else shift
    f.values[op.result] = offset_pointer(f, f.values[op.source], offset, i8)


def _row(f: FunctionConversion, op: RowOp) -> None:
    static_shape(cast("MemRefType[Any]", op.source.type))
    f.values[op.result] = element_pointer(f, op.source, (op.position,))


def _same_memory(f: FunctionConversion, op: memref.CollapseShapeOp | memref.ExpandShapeOp | memref.CastOp) -> None:
    static_shape(cast("MemRefType[Any]", op.operands[0].type))
    static_shape(cast("MemRefType[Any]", op.results[0].type))
    f.values[op.results[0]] = f.values[op.operands[0]]


def _get_global(f: FunctionConversion, op: memref.GetGlobalOp) -> None:
    f.values[op.memref] = f.builder.create(llvm.AddressOfOp, (), POINTER, {"global_name": op.name_})


def fill_with_zeros(f: FunctionConversion, pointer: SSAValue, size: int) -> None:
    """Set `size` bytes at `pointer` to zero."""
    if size:
        f.builder.create_op(MemsetOp, (pointer, f.integer(0, i8), f.integer(size)))
        f.mark_written(pointer)


def convert_global(builder: OpBuilder, op: memref.GlobalOp) -> None:
    """A constant tensor as an array; uninitialised memory starts as zeros."""
    memref_type = op.type
    shape = static_shape(memref_type)
    element = stored_type(memref_type.element_type)
    properties: dict[str, Attribute] = {
        "global_type": LLVMArrayType(prod(shape), element),
        "sym_name": op.sym_name,
        "linkage": LinkageAttr("internal" if op.sym_visibility.data == "private" else "external"),
        "addr_space": _NO_FLAGS,
        "alignment": op.alignment or IntegerAttr(BUFFER_ALIGNMENT, i64),
    }
    if isinstance(op.initial_value, DenseIntOrFPElementsAttr):
        properties["value"] = op.initial_value
        if op.constant is not None:
            properties["constant"] = UnitAttr()
    builder.create_op(llvm.GlobalOp, (), (), properties, regions=[Region()])


def referenced_symbol(reference: SymbolRefAttr) -> str:
    """The name behind a symbol reference without nesting."""
    return reference.root_reference.data


MEMORY: Converters = {
    memref.LoadOp.name: _load,
    memref.StoreOp.name: _store,
    memref.AllocaOp.name: _alloca,
    memref.ViewOp.name: _view,
    RowOp.name: _row,
    PrefetchOp.name: _prefetch,
    memref.CollapseShapeOp.name: _same_memory,
    memref.ExpandShapeOp.name: _same_memory,
    memref.CastOp.name: _same_memory,
    memref.GetGlobalOp.name: _get_global,
}
