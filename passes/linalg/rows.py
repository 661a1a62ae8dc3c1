"""Rows: the slices that loops take of what they map over, and put together what they stack from."""

from typing import Any, cast

from xdsl.dialects import tensor
from xdsl.dialects.builtin import DYNAMIC_INDEX, DenseArrayBase
from xdsl.ir import SSAValue
from xdsl.utils.exceptions import PassFailedException

from passes.linalg.maps import shape_of


def row_position(op: tensor.ExtractSliceOp | tensor.InsertSliceOp) -> SSAValue | int:
    """The position along the first dimension of the row that `op` reads or writes.

    Raises:
        PassFailedException: it is another slice than `[position, 0, …] [1, size, …] [1, 1, …]` without its first dimension.
    """
    whole, row = (op.source, op.result) if isinstance(op, tensor.ExtractSliceOp) else (op.dest, op.source)
    shape = shape_of(whole)
    offsets, sizes, strides = map(_integers, (op.static_offsets, op.static_sizes, op.static_strides))
    is_row = (
        shape_of(row) == shape[1:]
        and sizes == (1, *shape[1:])
        and not any(offsets[1:])
        and strides == (1,) * len(shape)
    )
    if not is_row:
        message = f"{op.name}: {row.type} at {list(offsets)} of {whole.type} is not a row [i, 0, …]; gather it by a linalg.generic"
        op.emit_error(message, PassFailedException(message))
    return op.offsets[0] if offsets[0] == DYNAMIC_INDEX else offsets[0]


def _integers(array: DenseArrayBase[Any]) -> tuple[int, ...]:
    return tuple(cast("tuple[int, ...]", array.get_values()))
