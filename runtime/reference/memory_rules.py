"""Rules of memory. A memref is an array that shares its bytes with the buffer it is a view of.

`i1` is a byte that must be 0 or 1. New memory holds NaN, or bytes that are no `i1`, so that whoever reads
it before it is written gets a wrong value or an error.
"""

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
from xdsl.dialects import memref, tensor
from xdsl.dialects.builtin import DYNAMIC_INDEX, DenseIntOrFPElementsAttr, MemRefType, i1
from xdsl.ir import Attribute, Operation

from dialects import rt
from dialects.dlc.constants import array_of
from dialects.dlc.interfaces import dtype_kind
from dialects.rt import PrefetchOp
from runtime.reference.machine import Array, Machine, Rules, Values, dtype_of_element, violation

_UNWRITTEN_BYTE = 0xFF
"""No `i1`, and all its bytes make a NaN of every float type."""

_UNWRITTEN_INTEGERS = {1: -1, 2: 0x5A5A, 4: 0x5A5A5A5A, 8: 0x5A5A5A5A}


def _dtype(element_type: Attribute) -> np.dtype[Any]:
    return np.dtype(np.uint8) if element_type == i1 else dtype_of_element(element_type)


def new_memory(memref_type: MemRefType[Any]) -> Array:
    """Memory that nobody has written to."""
    dtype = _dtype(memref_type.element_type)
    unwritten = {"f": np.nan, "u": _UNWRITTEN_BYTE}.get(dtype_kind(dtype), _UNWRITTEN_INTEGERS[dtype.itemsize])
    return np.full(memref_type.get_shape(), unwritten, dtype)


def to_memory(array: Array) -> Array:
    """The bytes of an array."""
    return array.view(np.uint8) if array.dtype == np.bool_ else array


def from_memory(op: Operation, loaded: Array, memref_type: Attribute) -> Array:
    """Elements that `op` has read from a memref, as values to compute with."""
    if cast(MemRefType[Any], memref_type).element_type != i1:
        return loaded
    if np.any(loaded > 1):
        raise violation(op, "reads an i1 that is neither 0 nor 1: the memory was not written")
    return np.asarray(loaded).astype(np.bool_)


def stored(value: Any, target: Array) -> Any:
    """A value as it is in memory."""
    return np.asarray(value).astype(target.dtype) if target.dtype == np.uint8 else value


def check_writable(op: Operation, target: Array) -> None:
    """Inputs and constants of the program are never written."""
    if not target.flags.writeable:
        raise violation(op, "writes to an input or a constant of the program")


def checked_indices(op: Operation, indices: Sequence[Any], shape: Sequence[int]) -> tuple[Any, ...]:
    """The indices (scalars or arrays) of an access that must be in bounds."""
    for dim, (index, size) in enumerate(zip(indices, shape, strict=True)):
        low, high = (int(np.min(index)), int(np.max(index))) if np.size(index) else (0, -1)
        if low < 0 or high >= size:
            raise violation(op, f"has index {low if low < 0 else high} in dimension {dim}, which has size {size}")
    return tuple(indices)


def window_of(
    op: tensor.InsertSliceOp | memref.SubviewOp, dynamic: Sequence[Any], shape: Sequence[int]
) -> tuple[slice, ...]:
    """The window of `op`, which must be in bounds; `dynamic` are the offsets that are no constants."""
    moving = iter(dynamic)
    offsets = [int(next(moving)) if o == DYNAMIC_INDEX else o for o in op.static_offsets.get_values()]
    sizes, strides = op.static_sizes.get_values(), op.static_strides.get_values()
    ends = [o + (size - 1) * stride for o, size, stride in zip(offsets, sizes, strides, strict=True)]
    if 0 not in sizes:
        checked_indices(op, [np.array(both) for both in zip(offsets, ends, strict=True)], shape)
    return tuple(slice(o, end + 1, stride) for o, end, stride in zip(offsets, ends, strides, strict=True))


def _subview(machine: Machine, op: memref.SubviewOp, values: Values, operands: list[Any]) -> list[Any]:
    del machine, values
    memory, *offsets = operands
    return [memory[window_of(op, offsets, memory.shape)]]


def _new(machine: Machine, op: memref.AllocOp | memref.AllocaOp, values: Values, operands: list[Any]) -> list[Any]:
    del machine, values, operands
    return [new_memory(cast(MemRefType[Any], op.memref.type))]


def _load(machine: Machine, op: memref.LoadOp, values: Values, operands: list[Any]) -> list[Any]:
    del machine, values
    memory, *indices = operands
    return [from_memory(op, memory[checked_indices(op, indices, memory.shape)], op.memref.type)]


def _store(machine: Machine, op: memref.StoreOp, values: Values, operands: list[Any]) -> list[Any]:
    del machine, values
    value, memory, *indices = operands
    check_writable(op, memory)
    memory[checked_indices(op, indices, memory.shape)] = stored(value, memory)
    return []


def _copy(machine: Machine, op: memref.CopyOp, values: Values, operands: list[Any]) -> list[Any]:
    del machine, values
    source, target = operands
    check_writable(op, target)
    if np.may_share_memory(source, target):
        raise violation(op, "copies between memrefs that overlap")
    target[...] = source
    return []


def _same_memory(machine: Machine, op: Operation, values: Values, operands: list[Any]) -> list[Any]:
    del machine, values
    return [operands[0].reshape(cast(MemRefType[Any], op.results[0].type).get_shape())]


def _row(machine: Machine, op: rt.RowOp, values: Values, operands: list[Any]) -> list[Any]:
    del machine, values
    memory, position = operands
    checked_indices(op, (position,), memory.shape[:1])
    return [memory[int(position), ...]]


def _view(machine: Machine, op: memref.ViewOp, values: Values, operands: list[Any]) -> list[Any]:
    del machine, values
    memory, offset = operands[0], int(operands[1])
    memref_type = cast(MemRefType[Any], op.result.type)
    dtype, shape = _dtype(memref_type.element_type), memref_type.get_shape()
    end = offset + int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    if not 0 <= offset <= end <= memory.size:
        raise violation(op, f"takes bytes {offset} to {end} of {memory.size}")
    return [memory[offset:end].view(dtype).reshape(shape)]


def _get_global(machine: Machine, op: memref.GetGlobalOp, values: Values, operands: list[Any]) -> list[Any]:
    del values, operands
    declared = machine.symbols.get(op.name_.string_value())
    if not isinstance(declared, memref.GlobalOp):
        raise violation(op, f"names {op.name_}, which the module lacks")
    if declared not in machine.memory:
        value = declared.initial_value
        if isinstance(value, DenseIntOrFPElementsAttr):
            memory = to_memory(np.array(array_of(value), order="C"))
            memory.flags.writeable = declared.constant is None
        else:
            memory = new_memory(declared.type)
        machine.memory[declared] = memory
    return [machine.memory[declared]]


def _nothing(machine: Machine, op: Operation, values: Values, operands: list[Any]) -> list[Any]:
    del machine, op, values, operands
    return []


MEMORY_RULES: Rules = {
    memref.AllocOp: _new,
    memref.AllocaOp: _new,
    memref.DeallocOp: _nothing,
    PrefetchOp: _nothing,
    memref.LoadOp: _load,
    memref.StoreOp: _store,
    memref.CopyOp: _copy,
    memref.CollapseShapeOp: _same_memory,
    memref.ExpandShapeOp: _same_memory,
    memref.CastOp: _same_memory,
    memref.ViewOp: _view,
    memref.SubviewOp: _subview,
    rt.RowOp: _row,
    memref.GetGlobalOp: _get_global,
}
