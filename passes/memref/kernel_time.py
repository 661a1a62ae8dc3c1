"""About how long a kernel takes on one processor: enough to tell what is worth several.

The figures are those of 512-bit vectors and data in the shared cache. Half or twice as much makes no difference for what they are for.
"""

from collections import Counter
from functools import cache
from math import log2, prod
from typing import Any, cast

from xdsl.dialects import arith, func, math, memref, scf, tensor
from xdsl.dialects.builtin import MemRefType
from xdsl.dialects.linalg.ops import FillOp, GenericOp
from xdsl.ir import Block, Operation, SSAValue

from dialects import rt
from dialects.partial_reads import loop_extents
from dialects.rt import LapackOp, MergeRowsOp, RowsOp, SortRowsOp
from dialects.structured import trip_count
from passes.loops.expand_math import EXPANSIONS

BYTE = 0.05
"""Nanoseconds to read or write a byte."""

_FLOPS = 150
"""Operations of a matrix product in a nanosecond, on floats of four bytes."""

_SIMPLE, _DIVISION, _ELEMENTARY, _GATHER = 0.02, 0.2, 0.7, 1.0
"""Nanoseconds for one element of four bytes: an addition, a division, an elementary function, a read at a computed position."""

_STEPS = 10
"""Of a loop that nobody knows the steps of."""

_DIVISIONS = (arith.DivfOp, arith.DivSIOp, arith.DivUIOp, arith.RemSIOp, arith.RemUIOp, math.SqrtOp)


def kernel_nanoseconds(function: func.FuncOp) -> float:
    """The time for the whole tile of a kernel of structured operations."""
    block = function.body.block
    moved: Counter[SSAValue] = Counter()
    for op in block.ops:
        moved.update(_bytes_moved(op))
    memory = sum(min(moved[argument], memref_bytes(argument)) for argument in block.args)
    return max(sum(map(_compute, block.ops)), BYTE * memory)


def _bytes_moved(op: Operation) -> dict[SSAValue, int]:
    """How many bytes an operation reads and writes of each buffer at most, each element once."""
    if isinstance(op, GenericOp):
        extents = _extents(op)
        moved: Counter[SSAValue] = Counter()
        for operand, access in zip(op.operands, op.indexing_maps.data, strict=True):
            if _is_memref(operand):
                elements = prod(extents[dim] for dim in access.data.used_dims())
                moved[_root(operand)] += elements * _element_bytes(operand)
        return moved
    if isinstance(op, rt.ScatterOp):
        updates = memref_bytes(op.updates)
        return {op.updates: updates, op.indices: memref_bytes(op.indices), op.dest: 2 * updates}
    if isinstance(op, FillOp | rt.FftOp | RowsOp):
        return {_root(operand): memref_bytes(operand) for operand in op.operands if _is_memref(operand)}
    return {}


def _root(buffer: SSAValue) -> SSAValue:
    """The buffer that a window is part of."""
    owner = buffer.owner
    return owner.operands[0] if isinstance(owner, memref.SubviewOp) else buffer


def product_nanoseconds(product: rt.GemmOp) -> float:
    """The time of a product by the BLAS library."""
    batch, m, n, k = product.sizes
    read_or_written = sum(memref_bytes(value) for value in product.operands)
    return max(2 * batch * m * n * k / _FLOPS * _element_bytes(product.lhs) / 4, BYTE * read_or_written)


def lapack_nanoseconds(op: LapackOp) -> float:
    """The time of calls of LAPACK, as if they factorized square matrices."""
    return 0.1 * op.calls * max(op.steps) ** 1.5


def memref_bytes(value: SSAValue) -> int:
    """The bytes of a buffer."""
    return prod(cast(MemRefType[Any], value.type).get_shape()) * _element_bytes(value)


def _compute(op: Operation) -> float:
    if isinstance(op, GenericOp):
        width = max(map(_element_bytes, op.outputs)) / 4
        return prod(_extents(op)) * width * _point(op.body.block)
    if isinstance(op, FillOp):
        return _SIMPLE * sum(map(memref_bytes, op.outputs)) / 4
    if isinstance(op, rt.ScatterOp):
        return _GATHER * op.count * prod(op.parallel)
    if isinstance(op, rt.FftOp):
        length = prod(cast(Any, op.radices.get_values()))
        return 5 * _SIMPLE * log2(max(2, length)) * memref_bytes(op.input) / 4
    if isinstance(op, SortRowsOp):
        steps = log2(max(2, op.shape[1]))
        return _SIMPLE * prod(op.shape) * steps * (steps if op.bitonic is None else 1)
    if isinstance(op, MergeRowsOp):
        return _SIMPLE * prod(op.shape) * log2(op.group.value.data)
    return 0.0


def _point(block: Block) -> float:
    """The time of a body at one point, with all steps of loops in it."""
    time = 0.0
    for op in block.ops:
        time += _element(type(op))
        if op.regions:
            steps = trip_count(op) if isinstance(op, scf.ForOp) else None
            time += (_STEPS if steps is None else steps) * sum(_point(region.block) for region in op.regions)
    return time


def _extents(op: GenericOp) -> list[int]:
    shapes = [cast(Any, operand.type).get_shape() if _is_memref(operand) else () for operand in op.operands]
    extents = loop_extents([attribute.data for attribute in op.indexing_maps.data], shapes)
    return [1 if extent is None else extent for extent in extents]


@cache
def _element(op_type: type[Operation]) -> float:
    if issubclass(op_type, tuple(EXPANSIONS)):
        return _ELEMENTARY
    if issubclass(op_type, _DIVISIONS):
        return _DIVISION
    return _GATHER if issubclass(op_type, memref.LoadOp | tensor.ExtractOp) else _SIMPLE


def _is_memref(value: SSAValue) -> bool:
    return isinstance(value.type, MemRefType)


def _element_bytes(value: SSAValue) -> int:
    element = cast(Any, value.type).element_type
    return max(8, cast(int, getattr(element, "bitwidth", 64))) // 8
