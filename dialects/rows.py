"""Rows: the slices `[i, 0, …] [1, size, …]` that loops take of what they map over, and stack their results from."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, cast

from xdsl.dialects import tensor
from xdsl.dialects.builtin import DYNAMIC_INDEX, DenseArrayBase, TensorType, i32
from xdsl.ir import Attribute, SSAValue
from xdsl.utils.exceptions import PassFailedException

from dialects.builder import OpBuilder, int_array, tensor_type


def build_row(b: OpBuilder, source: SSAValue, position: SSAValue) -> SSAValue:
    """Append `source[position]`: a `tensor.extract_slice` without the first dimension."""
    source_type = cast(TensorType[Any], source.type)
    shape = source_type.get_shape()
    properties = _row_properties(shape, (1, 1, 0, 0))
    result_type = tensor_type(source_type.element_type, shape[1:])
    return b.create(tensor.ExtractSliceOp, (source, position), result_type, properties)


def build_with_row(b: OpBuilder, row: SSAValue, whole: SSAValue, position: SSAValue) -> SSAValue:
    """Append `whole` with `row` at `position`: a `tensor.insert_slice`."""
    properties = _row_properties(cast(TensorType[Any], whole.type).get_shape(), (1, 1, 1, 0, 0))
    return b.create(tensor.InsertSliceOp, (row, whole, position), whole.type, properties)


@lru_cache(maxsize=1024)
def _row_properties(shape: tuple[int, ...], operand_segments: tuple[int, ...]) -> dict[str, Attribute]:
    return {
        "static_offsets": int_array((DYNAMIC_INDEX, *(0 for _ in shape[1:]))),
        "static_sizes": int_array((1, *shape[1:])),
        "static_strides": int_array((1,) * len(shape)),
        "operandSegmentSizes": DenseArrayBase.from_list(i32, operand_segments),
    }


def row_position(op: tensor.ExtractSliceOp | tensor.InsertSliceOp) -> SSAValue | int:
    """The position of the row that `op` reads or writes.

    Raises:
        PassFailedException: it is another slice.
    """
    whole, row = (op.source, op.result) if isinstance(op, tensor.ExtractSliceOp) else (op.dest, op.source)
    shape = cast(TensorType[Any], whole.type).get_shape()
    offsets, sizes, strides = map(_integers, (op.static_offsets, op.static_sizes, op.static_strides))
    is_row = (
        cast(TensorType[Any], row.type).get_shape() == shape[1:]
        and sizes == (1, *shape[1:])
        and not any(offsets[1:])
        and strides == (1,) * len(shape)
    )
    if not is_row:
        message = (
            f"{op.name}: {row.type} at {list(offsets)} of {whole.type} is not a row [i, 0, …] without its first dimension; "
            "move other slices by a linalg.generic"
        )
        op.emit_error(message, PassFailedException(message))
    return op.offsets[0] if offsets[0] == DYNAMIC_INDEX else offsets[0]


def _integers(array: DenseArrayBase[Any]) -> tuple[int, ...]:
    return tuple(cast(Sequence[int], array.get_values()))
