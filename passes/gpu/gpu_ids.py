"""`gpu` operations inside kernels to the `nvvm` and `llvm` dialects."""

from typing import Any, cast

from xdsl.dialects import gpu, llvm
from xdsl.dialects.builtin import i32, i64
from xdsl.ir import Operation, SSAValue

from dialects import nvvm
from passes.loops.llvm_function import NO_WRAP, Converter, Converters, FunctionConversion

_REGISTERS: dict[str, tuple[type[Operation], ...]] = {
    gpu.ThreadIdOp.name: (nvvm.ThreadIdXOp, nvvm.ThreadIdYOp, nvvm.ThreadIdZOp),
    gpu.BlockIdOp.name: (nvvm.BlockIdXOp, nvvm.BlockIdYOp, nvvm.BlockIdZOp),
    gpu.BlockDimOp.name: (nvvm.BlockDimXOp, nvvm.BlockDimYOp, nvvm.BlockDimZOp),
    gpu.GridDimOp.name: (nvvm.GridDimXOp, nvvm.GridDimYOp, nvvm.GridDimZOp),
}
"""The special registers of each dimension."""

_DIMENSIONS = (gpu.DimensionEnum.X, gpu.DimensionEnum.Y, gpu.DimensionEnum.Z)


def _read(f: FunctionConversion, name: str, op: Operation) -> SSAValue:
    dimension = _DIMENSIONS.index(cast(Any, op.properties["dimension"]).data)
    register = f.builder.create(_REGISTERS[name][dimension], (), i32)
    return f.builder.create(llvm.ZExtOp, (register,), i64)


def _register(name: str) -> Converter:
    def convert(f: FunctionConversion, op: Operation) -> None:
        f.values[op.results[0]] = _read(f, name, op)

    return convert


def _global_id(f: FunctionConversion, op: gpu.GlobalIdOp) -> None:
    block, size, thread = (
        _read(f, name, op) for name in (gpu.BlockIdOp.name, gpu.BlockDimOp.name, gpu.ThreadIdOp.name)
    )
    start = f.builder.create(llvm.MulOp, (block, size), i64, NO_WRAP)
    f.values[op.result] = f.builder.create(llvm.AddOp, (start, thread), i64, NO_WRAP)


def _barrier(f: FunctionConversion, op: gpu.BarrierOp) -> None:  # noqa: ARG001
    f.builder.create_op(nvvm.Barrier0Op)


def _keep(f: FunctionConversion, op: Operation) -> None:
    """An operation of the `nvvm` dialect on converted operands."""
    new = f.builder.create_op(type(op), f.operands(op), [result.type for result in op.results], op.properties)
    f.replace(op, new.results)


GPU: Converters = {
    **{name: _register(name) for name in _REGISTERS},
    gpu.GlobalIdOp.name: _global_id,
    gpu.BarrierOp.name: _barrier,
    **{op_type.name: _keep for op_type in nvvm.OPERATIONS},
}
