"""Rules of control flow, kernels, launches and library calls."""

import ctypes
from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import prod
from typing import Any, cast

import numpy as np
from xdsl.dialects import memref, scf, vector
from xdsl.dialects.builtin import DenseArrayBase, IndexType, IntegerAttr, MemRefType, StringAttr, TensorType
from xdsl.dialects.linalg.ops import FillOp, GenericOp
from xdsl.ir import Block, Operation, SSAValue

from dialects import rt
from dialects.rt.lapack import LapackOp, array_number
from runtime.blas import get_blas
from runtime.reference.kernel_contract import check_kernel
from runtime.reference.machine import Array, Machine, Rules, Values, dtype_of_element, violation

_VIEWS = (memref.CollapseShapeOp, memref.ExpandShapeOp, memref.ViewOp, memref.CastOp)


def _for(machine: Machine, op: scf.ForOp, values: Values, operands: list[Any]) -> list[Any]:
    lower, upper, step = (int(bound) for bound in operands[:3])
    if step <= 0:
        raise violation(op, f"has the step {step}, expected a positive one")
    carried = operands[3:]
    block = op.body.block
    dtype = np.int64 if isinstance(op.lb.type, IndexType) else operands[0].dtype
    for position in range(lower, upper, step):
        values[block.args[0]] = np.asarray(position, dtype)[()]
        values.update(zip(block.args[1:], carried, strict=True))
        carried = machine.run_block(block, values)
    return carried


def _if(machine: Machine, op: scf.IfOp, values: Values, operands: list[Any]) -> list[Any]:
    region = op.true_region if bool(operands[0]) else op.false_region
    return machine.run_block(region.block, values) if region.blocks else []


def _index_switch(machine: Machine, op: scf.IndexSwitchOp, values: Values, operands: list[Any]) -> list[Any]:
    cases = dict(zip(cast(Sequence[int], op.cases.get_values()), op.case_regions, strict=True))
    return machine.run_block(cases.get(int(operands[0]), op.default_region).block, values)


def _while(machine: Machine, op: scf.WhileOp, values: Values, operands: list[Any]) -> list[Any]:
    before, after = op.before_region.block, op.after_region.block
    carried = operands
    while True:
        values.update(zip(before.args, carried, strict=True))
        condition, *passed = machine.run_block(before, values)
        if not np.any(condition):  # in a body: of a point, which passes on what it has when it does not go on
            return passed
        values.update(zip(after.args, passed, strict=True))
        carried = machine.run_block(after, values)


def _kernel(machine: Machine, op: rt.KernelOp, values: Values, operands: list[Any]) -> list[Any]:
    del values
    if op not in machine.memory:
        check_kernel(op)
        machine.memory[op] = _written_arguments(op.body.block)
    _check_overlap(op, operands, machine.memory[op])
    block = op.body.block
    return machine.run_block(block, dict(zip(block.args, operands, strict=True)))


def _launch(machine: Machine, op: rt.LaunchOp, values: Values, operands: list[Any]) -> list[Any]:
    """Run a kernel: at once if it still has a tile, else as parts of its range, in any order."""
    del values
    kernel = machine.function(op, op.kernel.string_value())
    if kernel not in machine.memory:
        machine.memory[kernel] = _written_arguments(kernel.body.block)
    over = tuple(cast(Sequence[int], op.over.get_values()))
    tile = kernel.attributes.get("rt.tile")
    if tile is not None:
        if tile != op.over:
            raise violation(op, f"runs over {list(over)} a kernel with tile {tile}")
        _check_overlap(op, operands, machine.memory[kernel])
        machine.call(kernel, operands)
        return []
    _check_overlap(op, operands, {position - 2 for position in machine.memory[kernel]})
    extent = prod(over)
    if op.grain is None:
        cuts = sorted(int(cut) for cut in machine.random.integers(0, extent + 1, 2))
    else:
        cuts = list(range(op.grain.value.data, extent, op.grain.value.data))
    parts = list(pairwise((0, *cuts, extent)))
    for part in machine.random.permutation(len(parts)):
        machine.call(kernel, [*(np.int64(bound) for bound in parts[int(part)]), *operands])
    return []


def _gemm(machine: Machine, op: rt.GemmOp, values: Values, operands: list[Any]) -> list[Any]:
    del machine, values
    lhs, rhs = operands[:2]
    product = np.matmul(
        lhs if op.trans_lhs is None else np.swapaxes(lhs, -1, -2),
        rhs if op.trans_rhs is None else np.swapaxes(rhs, -1, -2),
    )
    if op.out is None:
        return [product]
    _check_overlap(op, operands, {2})
    operands[2][...] = product
    return []


def _lapack(machine: Machine, op: LapackOp, values: Values, operands: list[Any]) -> list[Any]:
    """Call the routine itself: it is not ours to interpret."""
    del machine, values
    count = len(op.inputs)
    if op.outs:
        arrays = operands
        _check_overlap(op, operands, set(range(count, len(operands))))
    else:
        starts = operands[count:]
        fresh = [_garbage(cast(TensorType[Any], result.type)) for result in op.outputs[len(starts) :]]
        arrays = [*operands[:count], *(start.copy() for start in starts), *fresh]
    call_lapack(op, arrays)
    return [] if op.outs else arrays[count:]


def _garbage(tensor_type: TensorType[Any]) -> Array:
    dtype = dtype_of_element(tensor_type.element_type)
    return np.full(tensor_type.get_shape(), np.nan if dtype.kind == "f" else -7, dtype)


def call_lapack(op: LapackOp, arrays: Sequence[Array]) -> None:
    """Make the calls of `op` on contiguous `arrays`."""
    function = get_blas().function(f"{op.routine.data}_")
    function.restype = None
    for number in range(op.calls):
        references: list[Any] = []
        for argument in op.arguments:
            index = array_number(argument)
            if index is not None:
                array = arrays[index]
                assert array.flags.c_contiguous, "rt.lapack: the array is not contiguous"
                references.append(ctypes.c_void_p(array.ctypes.data + number * op.steps[index] * array.itemsize))
            elif isinstance(argument, StringAttr):
                references.append(ctypes.c_char_p(argument.data.encode()))
            elif isinstance(argument, IntegerAttr):
                references.append(ctypes.byref(ctypes.c_int(cast(Any, argument).value.data)))
            else:
                scalar = cast(DenseArrayBase[Any], argument)
                dtype = dtype_of_element(scalar.elt_type)
                references.append(np.asarray(scalar.get_values(), dtype).ctypes.data_as(ctypes.c_void_p))
        lengths = [ctypes.c_size_t(1) for argument in op.arguments if isinstance(argument, StringAttr)]
        function(*references, *lengths)


def _check_overlap(op: Operation, arguments: Sequence[Array], written: set[int]) -> None:
    """Distinct arguments must not overlap if one of them is written, and inputs must not be written at all."""
    for position in written:
        if not arguments[position].flags.writeable:
            raise violation(op, f"writes to argument {position}, which is an input or a constant of the program")
        for other, argument in enumerate(arguments):
            if other != position and np.may_share_memory(arguments[position], argument):
                raise violation(op, f"writes to argument {position}, which overlaps argument {other}")


def _written_arguments(block: Block) -> set[int]:
    """The positions of the block arguments that operations of the block write to, through views too."""
    position_of: dict[SSAValue, int] = {
        argument: position for position, argument in enumerate(block.args) if isinstance(argument.type, MemRefType)
    }
    written: set[int] = set()
    for op in block.walk():
        if isinstance(op, _VIEWS) and op.operands[0] in position_of:
            position_of[op.results[0]] = position_of[op.operands[0]]
        written.update(position_of[value] for value in _targets(op) if value in position_of)
    return written


def _targets(op: Operation) -> Iterator[SSAValue]:
    """The memrefs that an operation writes to."""
    match op:
        case memref.StoreOp():
            yield op.memref
        case memref.CopyOp():
            yield op.destination
        case vector.StoreOp() | vector.MaskedStoreOp():
            yield op.base
        case GenericOp() | FillOp():
            yield from op.outputs
        case rt.GemmOp() if op.out is not None:
            yield op.out
        case LapackOp():
            yield from op.outs
        case _:
            pass


CONTROL_RULES: Rules = {
    scf.ForOp: _for,
    scf.IfOp: _if,
    scf.IndexSwitchOp: _index_switch,
    scf.WhileOp: _while,
    rt.KernelOp: _kernel,
    rt.LaunchOp: _launch,
    rt.GemmOp: _gemm,
    LapackOp: _lapack,
}
