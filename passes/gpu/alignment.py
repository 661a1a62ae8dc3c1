"""Where the memory that kernels are passed starts.

Buffers of a device start at multiples of 256 bytes: those of inputs, results and constants, and the arena (`runtime/cuda/host_program.py`).
"""

from collections.abc import Iterable
from math import gcd, prod
from typing import Any, cast

from xdsl.dialects import arith, func, memref
from xdsl.dialects.builtin import MemRefType
from xdsl.ir import BlockArgument, Operation, SSAValue

from dialects.rt import LaunchOp, RowOp
from passes.loops.llvm_arguments import kernel_name

_BUFFER_ALIGNMENT = 256
_WIDEST_ACCESS = 16
"""What one thread reads or writes at once, in bytes."""


def aligned_arguments(operations: Iterable[Operation]) -> dict[str, set[int]]:
    """For each kernel, the arguments that all launches pass memory for whose start is a multiple of the widest access.

    `operations` are those at the top of a module, host functions among them.
    """
    aligned: dict[str, set[int]] = {}
    for function in operations:
        if not isinstance(function, func.FuncOp) or "rt.num_inputs" not in function.attributes:
            continue
        for launch in function.body.walk():
            if isinstance(launch, LaunchOp):
                known = {i for i, value in enumerate(launch.arguments) if _alignment(value) % _WIDEST_ACCESS == 0}
                name = kernel_name(launch)
                aligned[name] = aligned.get(name, known) & known
    return aligned


def _alignment(value: SSAValue) -> int:
    """A number of bytes that the start of `value` is a multiple of."""
    if isinstance(value, BlockArgument):
        return _BUFFER_ALIGNMENT if isinstance(value.block.parent_op(), func.FuncOp) else 1
    op = value.owner
    if isinstance(op, memref.GetGlobalOp):
        return _BUFFER_ALIGNMENT
    if isinstance(op, memref.CollapseShapeOp | memref.ExpandShapeOp | memref.CastOp):
        return _alignment(op.operands[0])
    if isinstance(op, memref.ViewOp) and isinstance(op.byte_shift.owner, arith.ConstantOp):
        return gcd(_alignment(op.source), cast(Any, op.byte_shift.owner.value).value.data)
    if isinstance(op, RowOp):
        row = cast(MemRefType[Any], op.result.type)
        return gcd(_alignment(op.source), prod(row.get_shape()) * max(8, row.element_type.bitwidth) // 8)
    return 1
