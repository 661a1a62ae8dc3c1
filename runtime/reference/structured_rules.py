"""Rules of structured operations: `linalg` and `tensor`.

The body of a `linalg.generic` is run once for all points of the parallel loops at the same time, on arrays, and once
for every point of the reductions, in order.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, cast

import numpy as np
from xdsl.dialects import memref, tensor
from xdsl.dialects.builtin import DYNAMIC_INDEX, MemRefType, TensorType
from xdsl.dialects.linalg.ops import FillOp, GenericOp, IndexOp
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.ir.affine import AffineBinaryOpExpr, AffineBinaryOpKind, AffineConstantExpr, AffineDimExpr, AffineExpr

from dialects import rt
from dialects.dlc.interfaces import dtype_kind
from dialects.rt import MergeRowsOp, SortRowsOp
from dialects.structured import is_tensor
from runtime.reference.machine import Array, Machine, Rules, Values, dtype_of_element, violation
from runtime.reference.memory_rules import check_writable, checked_indices, from_memory, stored


def _ceiling_quotient(x: Any, y: Any) -> Any:
    return -np.floor_divide(-x, y)


_AFFINE: dict[AffineBinaryOpKind, Callable[[Any, Any], Any]] = {
    AffineBinaryOpKind.Add: np.add,
    AffineBinaryOpKind.Mul: np.multiply,
    AffineBinaryOpKind.FloorDiv: np.floor_divide,
    AffineBinaryOpKind.Mod: np.remainder,
    AffineBinaryOpKind.CeilDiv: _ceiling_quotient,
}


@dataclass(frozen=True)
class Loops:
    """The loops of a `linalg.generic`: their extents, parallel ones first, and the map of every operand."""

    extents: tuple[int, ...]
    num_parallel: int
    maps: tuple[tuple[AffineExpr, ...], ...]

    @property
    def parallel(self) -> tuple[int, ...]:
        """The extents of the parallel loops."""
        return self.extents[: self.num_parallel]


def is_array(value: SSAValue) -> bool:
    """Whether a value is a tensor or a memref."""
    value_type: Attribute = value.type
    return isinstance(value_type, TensorType | MemRefType)


def loops_of(op: GenericOp) -> Loops:
    """The loops of `op`; raise if it has not the structured form.

    The extents of the parallel loops are the sizes of the outputs, those of the reductions the sizes of what is read
    at the loop position alone.
    """
    maps = tuple(tuple(m.data.results) for m in op.indexing_maps.data)
    kinds = [str(kind.data.value) for kind in op.iterator_types.data]
    num_parallel = kinds.count("parallel")
    if kinds != ["parallel"] * num_parallel + ["reduction"] * (len(kinds) - num_parallel):
        raise violation(op, f"has the iterators {kinds}, expected parallel ones first, then reductions")
    extents: list[int | None] = [None] * len(kinds)
    identity = tuple(AffineExpr.dimension(dim) for dim in range(num_parallel))
    for value, access in zip(op.outputs, maps[len(op.inputs) :], strict=True):
        if access != identity and not _is_running(access, len(kinds)):
            raise violation(op, "has an output map that is not the identity on the parallel loops")
        _meet(op, extents, access, cast(TensorType[Any], value.type).get_shape())
    for value, access in zip(op.inputs, maps, strict=False):
        if is_array(value):
            shape = cast(TensorType[Any], value.type).get_shape()
            reductions = [
                (expression, size)
                for expression, size in zip(access, shape, strict=True)
                if isinstance(expression, AffineDimExpr) and expression.position >= num_parallel
            ]
            _meet(op, extents, tuple(e for e, _ in reductions), tuple(size for _, size in reductions))
    if None in extents:
        raise violation(op, f"has no operand that tells the extent of loop {extents.index(None)}")
    return Loops(tuple(cast(list[int], extents)), num_parallel, maps)


def _is_running(access: tuple[AffineExpr, ...], num_loops: int) -> bool:
    """Whether an output of a running reduction has one element for every loop point."""
    return sorted(e.position for e in access if isinstance(e, AffineDimExpr)) == list(range(num_loops))


def _meet(op: GenericOp, extents: list[int | None], access: tuple[AffineExpr, ...], shape: tuple[int, ...]) -> None:
    """Note the extents that an access of single dimensions tells."""
    for expression, size in zip(access, shape, strict=True):
        position = cast(AffineDimExpr, expression).position
        if extents[position] not in {None, size}:
            raise violation(op, f"has operands that disagree on the extent of loop {position}")
        extents[position] = size


def _generic(machine: Machine, op: GenericOp, values: Values, operands: list[Any]) -> list[Any]:
    loops = machine.memory.get(op)
    if loops is None:
        loops = machine.memory[op] = loops_of(op)
    count = len(op.inputs)
    inputs, outputs = operands[:count], operands[count:]
    _check_in_place(op, loops, values, inputs, outputs)
    block = op.body.block
    carried = block.args[count:]
    running = [len(access) > loops.num_parallel for access in loops.maps[count:]]
    accumulators = [
        from_memory(op, array, value.type)
        if argument.first_use is not None
        else np.empty_like(array)
        if is_running
        else array
        for array, value, argument, is_running in zip(outputs, op.outputs, carried, running, strict=True)
    ]
    shape = loops.parallel
    if prod(loops.extents):
        grid = list(np.indices(shape, sparse=True)) if shape else []
        for point in itertools.product(*map(range, loops.extents[loops.num_parallel :])):
            machine.position = [*grid, *map(np.int64, point)]
            for value, array, access, argument in zip(op.inputs, inputs, loops.maps, block.args, strict=False):
                values[argument] = _read(op, value, array, access, machine.position)
            values.update(zip(carried, accumulators, strict=True))
            for i, value in enumerate(machine.run_block(block, values)):
                if running[i]:
                    place = tuple(_affine(expression, machine.position) for expression in loops.maps[count + i])
                    accumulators[i][place] = value
                else:
                    accumulators[i] = np.array(np.broadcast_to(value, shape))
    return _written(op, outputs, accumulators)


def _read(op: GenericOp, value: SSAValue, array: Any, access: tuple[AffineExpr, ...], position: Sequence[Any]) -> Any:
    """What an input is at every point."""
    if not is_array(value):
        return array
    indices = checked_indices(op, [_affine(expression, position) for expression in access], array.shape)
    return from_memory(op, array[indices], value.type)


def _affine(expression: AffineExpr, position: Sequence[Any]) -> Any:
    """The value of an affine expression of the loop position."""
    match expression:
        case AffineDimExpr():
            return position[expression.position]
        case AffineConstantExpr():
            return np.int64(expression.value)
        case AffineBinaryOpExpr():
            return _AFFINE[expression.kind](_affine(expression.lhs, position), _affine(expression.rhs, position))
        case _:
            raise AssertionError(f"a map with {expression}")


def _written(op: GenericOp | FillOp, outputs: Sequence[Array], results: Sequence[Array]) -> list[Array]:
    """Write results to memrefs; return those that are tensors."""
    tensors: list[Array] = []
    for value, target, result in zip(op.outputs, outputs, results, strict=True):
        if isinstance(value.type, TensorType):
            tensors.append(result)
        else:
            check_writable(op, target)
            target[...] = stored(result, target)
    return tensors


def _check_in_place(
    op: GenericOp, loops: Loops, values: Values, inputs: Sequence[Any], outputs: Sequence[Array]
) -> None:
    """What is written may be read at the same loop point only: otherwise the order of the points would matter."""
    written = [
        (array, loops.maps[len(inputs) + i])
        for i, (value, array) in enumerate(zip(op.outputs, outputs, strict=True))
        if isinstance(value.type, MemRefType)
    ]
    if not written:
        return
    read = [
        (array, access)
        for value, array, access in zip(op.inputs, inputs, loops.maps, strict=False)
        if isinstance(value.type, MemRefType)
    ]
    read += [(values[inner.memref], None) for inner in op.body.block.ops if isinstance(inner, memref.LoadOp)]
    for target, target_map in written:
        for source, source_map in read:
            same_point = (
                source_map == target_map and source.shape == target.shape and _address(source) == _address(target)
            )
            if np.may_share_memory(target, source) and not same_point:
                raise violation(op, "reads memory at another loop point than the one at which it writes it")
    for (first, _), (second, _) in itertools.combinations(written, 2):
        if np.may_share_memory(first, second):
            raise violation(op, "has outputs that overlap")


def _address(array: Array) -> int:
    return array.ctypes.data


def _index(machine: Machine, op: IndexOp, values: Values, operands: list[Any]) -> list[Any]:
    del values, operands
    return [np.asarray(machine.position[op.dim.value.data])]


def _fill(machine: Machine, op: FillOp, values: Values, operands: list[Any]) -> list[Any]:
    del machine, values
    scalar, target = operands[0], cast(Array, operands[1])
    return _written(op, [target], [np.full(target.shape, scalar)])


def _empty(machine: Machine, op: tensor.EmptyOp, values: Values, operands: list[Any]) -> list[Any]:
    del machine, values, operands
    result_type = cast(TensorType[Any], op.tensor.type)
    dtype = dtype_of_element(result_type.element_type)
    return [np.full(result_type.get_shape(), np.nan if dtype_kind(dtype) == "f" else 77, dtype)]


def _reshape(machine: Machine, op: Operation, values: Values, operands: list[Any]) -> list[Any]:
    del machine, values
    return [operands[0].reshape(cast(TensorType[Any], op.results[0].type).get_shape())]


def _extract(machine: Machine, op: tensor.ExtractOp, values: Values, operands: list[Any]) -> list[Any]:
    del machine, values
    array, *indices = operands
    return [np.asarray(array[checked_indices(op, indices, array.shape)])]


def _insert(machine: Machine, op: tensor.InsertOp, values: Values, operands: list[Any]) -> list[Any]:
    del machine, values
    scalar, array, *indices = operands
    result = array.copy()
    result[checked_indices(op, indices, array.shape)] = scalar
    return [result]


def _scatter(machine: Machine, op: rt.ScatterOp, values: Values, operands: list[Any]) -> list[Any]:
    updates, indices, target = operands
    dest_type: Attribute = op.dest.type
    if is_tensor(op.dest):
        target = target.copy()
    else:
        check_writable(op, target)
    batch = op.batch_dims.value.data
    rank = len(op.parallel)
    loops = list(np.indices(op.parallel, sparse=True)) if rank else []
    position: list[Any] = [0] * target.ndim
    for dim, loop in zip((*range(batch), *op.rest), loops, strict=True):
        position[dim] = loop
    whole = (slice(None),) * batch
    for u in range(op.count):
        inside: Any = True
        for k, dim in enumerate(op.dims.get_values()):
            column = np.asarray(indices[(*whole, u, k)]).astype(np.int64)
            column = column.reshape(column.shape + (1,) * (rank - batch))
            position[dim] = np.clip(column, 0, target.shape[dim] - 1)
            inside = inside & (position[dim] == column)
        place = tuple(np.broadcast_arrays(*position, np.zeros(op.parallel))[:-1]) if target.ndim else ()
        old = from_memory(op, target[place], dest_type)
        update = from_memory(op, updates[(*whole, u)], dest_type)
        block = op.body.block
        values.update(zip(block.args, (np.asarray(old), np.asarray(update)), strict=True))
        (new,) = machine.run_block(block, values)
        target[place] = stored(np.where(inside, new, old) if op.is_dropping else new, target)
    return [target] if op.result is not None else []


def _fft(machine: Machine, op: rt.FftOp, values: Values, operands: list[Any]) -> list[Any]:
    """By NumPy; what scratch holds in the end is unspecified."""
    del machine, values
    x, _, *outs = operands
    layout, scale = op.layout, op.scale.value.data
    if layout.kind == "real":
        result = np.fft.rfft(x.reshape(len(x), layout.points * x.shape[-1])) * scale
    else:
        z = x[..., 0] + 1j * x[..., 1] if x.shape[-1] == 2 else x[..., 0]
        if layout.kind == "inverse_real":
            result = np.fft.irfft(z[:, :, 0], layout.points * layout.target[-1], norm="forward") * scale
        else:
            result = (np.fft.fft(z, axis=1) if op.inverse is None else np.fft.ifft(z, axis=1, norm="forward")) * scale
    result = np.ascontiguousarray(result).view(result.real.dtype).astype(x.dtype).reshape(layout.target)
    if outs:
        check_writable(op, outs[0])
        outs[0][...] = result
        return []
    return [result, *(np.zeros(layout.scratch_shape, x.dtype) for _ in op.outputs[1:])]


def _sort_rows(machine: Machine, op: SortRowsOp, values: Values, operands: list[Any]) -> list[Any]:
    """By NumPy."""
    del machine, values
    count = len(op.columns)
    return _write_rows(op, _sorted_rows(operands[:count]), operands[count:])


def _merge_rows(machine: Machine, op: MergeRowsOp, values: Values, operands: list[Any]) -> list[Any]:
    """By sorting each group: rows that are sorted are bitonic."""
    del machine, values
    count, group = len(op.columns), op.group.value.data
    rows, size = op.shape
    groups = [slice(first, first + group) for first in range(0, rows, group)]
    merged = [_sorted_rows([column[part].reshape(1, -1) for column in operands[:count]]) for part in groups]
    results = [np.concatenate([x.reshape(-1, size) for x in column]) for column in zip(*merged, strict=True)]
    return _write_rows(op, results, operands[count:])


def _sorted_rows(columns: Sequence[Array]) -> list[Array]:
    order = np.lexsort([column.view(f"u{column.itemsize}") for column in reversed(columns)], 1)
    return [np.take_along_axis(column, order, 1) for column in columns]


def _write_rows(op: Operation, results: list[Any], outs: Sequence[Any]) -> list[Any]:
    for out, result in zip(outs, results, strict=False):
        check_writable(op, out)
        out[...] = result
    return [] if outs else results


def _from_elements(machine: Machine, op: tensor.FromElementsOp, values: Values, operands: list[Any]) -> list[Any]:
    del machine, values
    result_type = cast(TensorType[Any], op.result.type)
    return [np.array(operands, dtype_of_element(result_type.element_type)).reshape(result_type.get_shape())]


def _slices(
    op: tensor.ExtractSliceOp | tensor.InsertSliceOp, operands: Sequence[Any], shape: Sequence[int]
) -> tuple[Any, ...]:
    """The slices that `op` takes of a tensor of `shape`, its dynamic offsets, sizes and strides being `operands`."""
    dynamic = iter(operands)
    columns: list[list[int]] = []
    for static in (op.static_offsets, op.static_sizes, op.static_strides):
        numbers = cast(Sequence[int], static.get_values())
        columns.append([int(next(dynamic)) if number == DYNAMIC_INDEX else number for number in numbers])
    ranges = [range(start, start + size * step, step) for start, size, step in zip(*columns, strict=True)]
    for end in (0, -1):
        checked_indices(op, [positions[end] if positions else [] for positions in ranges], shape)
    return tuple(slice(positions.start, positions.stop, positions.step) for positions in ranges)


def _extract_slice(machine: Machine, op: tensor.ExtractSliceOp, values: Values, operands: list[Any]) -> list[Any]:
    del machine, values
    array, *dynamic = operands
    shape = cast(TensorType[Any], op.result.type).get_shape()
    return [array[_slices(op, dynamic, array.shape)].reshape(shape)]


def _insert_slice(machine: Machine, op: tensor.InsertSliceOp, values: Values, operands: list[Any]) -> list[Any]:
    del machine, values
    source, array, *dynamic = operands
    result = array.copy()
    target = result[_slices(op, dynamic, array.shape)]
    target[...] = source.reshape(target.shape)
    return [result]


STRUCTURED_RULES: Rules = {
    GenericOp: _generic,
    FillOp: _fill,
    IndexOp: _index,
    tensor.EmptyOp: _empty,
    tensor.CollapseShapeOp: _reshape,
    tensor.ExpandShapeOp: _reshape,
    tensor.ExtractOp: _extract,
    rt.ScatterOp: _scatter,
    rt.FftOp: _fft,
    SortRowsOp: _sort_rows,
    MergeRowsOp: _merge_rows,
    tensor.InsertOp: _insert,
    tensor.FromElementsOp: _from_elements,
    tensor.ExtractSliceOp: _extract_slice,
    tensor.InsertSliceOp: _insert_slice,
}
