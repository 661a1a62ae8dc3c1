"""Rules of the `vector` dialect: rank-1 vectors as arrays."""

from collections.abc import Sequence
from functools import reduce
from typing import Any, cast

import numpy as np
from xdsl.dialects import arith, vector
from xdsl.dialects.builtin import DYNAMIC_INDEX, VectorType
from xdsl.dialects.vector import CombiningKindFlag
from xdsl.ir import Operation

from runtime.reference.machine import Array, Machine, Rules, Values, dtype_of_element, violation
from runtime.reference.memory_rules import check_writable, checked_indices, from_memory, stored
from runtime.reference.scalar_rules import BINARY, exact_fma

_COMBINERS: dict[CombiningKindFlag, type[Operation]] = {
    CombiningKindFlag.MAXIMUMF: arith.MaximumfOp,
    CombiningKindFlag.MINIMUMF: arith.MinimumfOp,
    CombiningKindFlag.MAXNUMF: arith.MaxnumfOp,
    CombiningKindFlag.MINNUMF: arith.MinnumfOp,
    CombiningKindFlag.ADD: arith.AddiOp,
    CombiningKindFlag.MUL: arith.MuliOp,
    CombiningKindFlag.AND: arith.AndIOp,
    CombiningKindFlag.OR: arith.OrIOp,
    CombiningKindFlag.XOR: arith.XOrIOp,
    CombiningKindFlag.MAXSI: arith.MaxSIOp,
    CombiningKindFlag.MINSI: arith.MinSIOp,
    CombiningKindFlag.MAXUI: arith.MaxUIOp,
    CombiningKindFlag.MINUI: arith.MinUIOp,
}


def _lanes(op: Operation, memory: Array, indices: Sequence[Any], size: int) -> Array:
    """The part of the last dimension that an access of `size` lanes covers."""
    *outer, start = (int(index) for index in indices)
    checked_indices(op, (*outer, start), (*memory.shape[:-1], memory.shape[-1] + (size == 0)))
    if start + size > memory.shape[-1]:
        raise violation(op, f"has lanes {start} to {start + size} in a dimension of size {memory.shape[-1]}")
    return memory[(*outer, slice(start, start + size))]


def _masked_lanes(op: Operation, memory: Array, indices: Sequence[Any], mask: Array) -> tuple[Array, Any]:
    """The memory of the lanes up to the last in the mask, and which of them are in it."""
    size = int(np.flatnonzero(mask)[-1]) + 1 if mask.any() else 0
    if not size:
        return memory.reshape(-1)[:0], mask[:0]
    return _lanes(op, memory, indices, size), mask[:size]


def _load(machine: Machine, op: vector.LoadOp, values: Values, operands: list[Any]) -> list[Any]:
    del machine, values
    memory, *indices = operands
    (size,) = cast(VectorType[Any], op.result.type).get_shape()
    return [np.array(from_memory(op, _lanes(op, memory, indices, size), op.base.type))]


def _store(machine: Machine, op: vector.StoreOp, values: Values, operands: list[Any]) -> list[Any]:
    del machine, values
    value, memory, *indices = operands
    check_writable(op, memory)
    _lanes(op, memory, indices, value.size)[...] = stored(value, memory)
    return []


def _masked_load(machine: Machine, op: vector.MaskedLoadOp, values: Values, operands: list[Any]) -> list[Any]:
    del machine, values
    memory, *indices, mask, fallback = operands
    lanes, inside = _masked_lanes(op, memory, indices, mask)
    result = np.array(fallback)
    result[: inside.size][inside] = from_memory(op, lanes[inside], op.base.type)
    return [result]


def _masked_store(machine: Machine, op: vector.MaskedStoreOp, values: Values, operands: list[Any]) -> list[Any]:
    del machine, values
    memory, *indices, mask, value = operands
    check_writable(op, memory)
    lanes, inside = _masked_lanes(op, memory, indices, mask)
    lanes[inside] = stored(value, memory)[: inside.size][inside]
    return []


def _broadcast(machine: Machine, op: vector.BroadcastOp, values: Values, operands: list[Any]) -> list[Any]:
    del machine, values
    return [np.broadcast_to(operands[0], cast(VectorType[Any], op.vector.type).get_shape())]


def _create_mask(machine: Machine, op: vector.CreateMaskOp, values: Values, operands: list[Any]) -> list[Any]:
    del machine, values
    (size,) = cast(VectorType[Any], op.mask_vector.type).get_shape()
    return [np.arange(size) < int(operands[0])]


def _position(op: vector.ExtractOp | vector.InsertOp, dynamic: Sequence[Any], vector_value: Array) -> tuple[Any, ...]:
    indices = iter(dynamic)
    static = cast(Sequence[int], op.static_position.get_values())
    position = [int(next(indices)) if entry == DYNAMIC_INDEX else entry for entry in static]
    return checked_indices(op, position, vector_value.shape[: len(position)])


def _extract(machine: Machine, op: vector.ExtractOp, values: Values, operands: list[Any]) -> list[Any]:
    del machine, values
    value, *dynamic = operands
    return [np.asarray(value[_position(op, dynamic, value)])]


def _insert(machine: Machine, op: vector.InsertOp, values: Values, operands: list[Any]) -> list[Any]:
    del machine, values
    scalar, value, *dynamic = operands
    result = np.array(value)
    result[_position(op, dynamic, value)] = scalar
    return [result]


def _fma(machine: Machine, op: Operation, values: Values, operands: list[Any]) -> list[Any]:
    del machine, op, values
    return [exact_fma(*operands)]


def _shuffle(machine: Machine, op: vector.ShuffleOp, values: Values, operands: list[Any]) -> list[Any]:
    del machine, values
    lanes = [int(lane) for lane in cast(Sequence[int], op.mask.get_values())]
    return [np.concatenate([np.atleast_1d(operand) for operand in operands])[lanes]]


def _bitcast(machine: Machine, op: vector.BitcastOp, values: Values, operands: list[Any]) -> list[Any]:
    del machine, values
    return [np.array(operands[0]).view(dtype_of_element(cast(VectorType[Any], op.result.type).element_type))]


def _reduction(machine: Machine, op: vector.ReductionOp, values: Values, operands: list[Any]) -> list[Any]:
    del machine, values
    combine = BINARY[_COMBINERS[op.kind.data]]
    lanes, *accumulator = operands
    return [np.asarray(reduce(combine, (*accumulator, *lanes)), lanes.dtype)]


VECTOR_RULES: Rules = {
    vector.LoadOp: _load,
    vector.StoreOp: _store,
    vector.MaskedLoadOp: _masked_load,
    vector.MaskedStoreOp: _masked_store,
    vector.BroadcastOp: _broadcast,
    vector.CreateMaskOp: _create_mask,
    vector.ExtractOp: _extract,
    vector.InsertOp: _insert,
    vector.FMAOp: _fma,
    vector.ShuffleOp: _shuffle,
    vector.BitcastOp: _bitcast,
    vector.ReductionOp: _reduction,
}
