"""What a fused program computes and moves, counted from its structured operations."""

from collections import Counter
from math import prod
from typing import Any, cast

from xdsl.dialects import arith, math, scf, tensor
from xdsl.dialects.builtin import ModuleOp, ShapedType
from xdsl.dialects.linalg.ops import GenericOp
from xdsl.ir import Operation, SSAValue, Use

from dialects import rt
from dialects.partial_reads import loop_extents
from dialects.rt import LapackOp
from dialects.structured import trip_count
from passes.loops.expand_math import EXPANSIONS

_FLOPS = (
    arith.AddfOp, arith.SubfOp, arith.MulfOp, arith.DivfOp, arith.NegfOp, arith.MaximumfOp, arith.MinimumfOp,
    arith.CmpfOp, math.SqrtOp, math.AbsFOp,
)  # fmt: skip
_TRANSCENDENTALS = tuple(EXPANSIONS)

_SHORT = 1 << 15
"""Bytes and operations of a program that takes about two microseconds."""

FIELDS = ("flops", "transcendentals", "bytes_accessed", "kernels", "library_calls")


def cost_of(module: ModuleOp) -> dict[str, int]:
    """The fields of `CostAnalysis` for a module at the `fused` stage.

    A loop counts as often as it runs, once if that is known at run time only; of branches, the largest numbers count.
    """
    total = _cost_within(module)
    return {field: total[field] for field in FIELDS}


def is_short_program(module: ModuleOp) -> bool:
    """Whether a program at the `fused` stage surely takes a few microseconds at most: less than other threads may wait."""
    for op in module.walk():
        if _repeats_unknown_times(op) or (isinstance(op, rt.KernelOp) and _bytes_moved(op) > _SHORT):
            return False
    cost = cost_of(module)
    work = cost["flops"] + 16 * cost["transcendentals"] + cost["bytes_accessed"]
    return work + 1024 * cost["kernels"] <= _SHORT and not cost["library_calls"]


def _repeats_unknown_times(op: Operation) -> bool:
    return isinstance(op, scf.WhileOp) or (isinstance(op, scf.ForOp) and trip_count(op) is None)


def _cost_within(op: Operation) -> Counter[str]:
    """The cost of what lies in the regions of `op`."""
    regions = [
        sum((_cost_of(inner) for block in region.blocks for inner in block.ops), Counter[str]())
        for region in op.regions
    ]
    if isinstance(op, scf.IfOp | scf.IndexSwitchOp):
        return Counter({field: max(cost[field] for cost in regions) for field in FIELDS})
    total = sum(regions, Counter[str]())
    trips = trip_count(op) if isinstance(op, scf.ForOp) else None
    return total if trips is None else Counter({field: trips * count for field, count in total.items()})


def _cost_of(op: Operation) -> Counter[str]:
    if isinstance(op, GenericOp):
        return _cost_of_generic(op)
    total = _cost_within(op)
    if isinstance(op, _FLOPS):
        total["flops"] += 1
    elif isinstance(op, math.FmaOp):
        total["flops"] += 2
    elif isinstance(op, _TRANSCENDENTALS):
        total["transcendentals"] += 1
    elif isinstance(op, rt.KernelOp):
        total["kernels"] += 1
        total["bytes_accessed"] += _bytes_moved(op)
    elif isinstance(op, rt.GemmOp):
        total["library_calls"] += 1
        total["flops"] += _gemm_flops(op)
        total["bytes_accessed"] += sum(map(_bytes, (*op.operands, *op.results)))
    elif isinstance(op, LapackOp):
        total["library_calls"] += 1
        total["bytes_accessed"] += sum(map(_bytes, op.arrays))
    return total


def _cost_of_generic(op: GenericOp) -> Counter[str]:
    points = prod(loop_sizes(op))
    return Counter({field: points * count for field, count in _cost_within(op).items()})


def loop_sizes(op: GenericOp) -> list[int]:
    """The extent of every loop of a structured operation, read off operands that a single dimension indexes."""
    maps = [attribute.data for attribute in op.indexing_maps.data]
    extents = loop_extents(maps, [_shape(operand) for operand in op.operands])
    return [1 if extent is None else extent for extent in extents]


def _bytes_moved(kernel: rt.KernelOp) -> int:
    """The bytes that a kernel reads and writes: of a tensor that it reads or writes a part of, that part."""
    last = kernel.body.block.last_op
    assert isinstance(last, rt.YieldOp)
    written = (v.owner.source if isinstance(v.owner, tensor.InsertSliceOp) else v for v in last.values)
    read = (min(_bytes(a), sum(_bytes_read(use) for use in a.uses)) for a in kernel.body.block.args)
    return sum(map(_bytes, written)) + sum(read)


def _bytes_read(use: Use) -> int:
    """The bytes of a kernel's argument that one operation reads, each as often as the loops that it depends on go there."""
    op, value = use.operation, use.operation.operands[use.index]
    if isinstance(op, tensor.InsertSliceOp):
        return 0
    if not isinstance(op, GenericOp):
        return _bytes(value)
    access, sizes = op.indexing_maps.data[use.index].data, loop_sizes(op)
    points = prod(sizes[d] for d in access.used_dims())
    return points * _bytes(value) // max(1, prod(_shape(value)))


def _gemm_flops(op: rt.GemmOp) -> int:
    lhs = _shape(op.lhs)
    contracted = lhs[-2] if op.trans_lhs is not None else lhs[-1]
    destination: Operation | SSAValue | None = op.result if op.result is not None else op.out
    assert isinstance(destination, SSAValue)
    return 2 * contracted * prod(_shape(destination))


def _shape(value: SSAValue) -> tuple[int, ...]:
    value_type = cast(Any, value.type)
    return tuple(value_type.get_shape()) if isinstance(value_type, ShapedType) else ()


def _bytes(value: SSAValue) -> int:
    element = cast(Any, value.type).element_type
    width = getattr(element, "bitwidth", None) or element.width.data
    return prod(_shape(value)) * max(8, width) // 8
