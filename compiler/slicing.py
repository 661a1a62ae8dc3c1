"""Windows at a traced position: `dynamic_slice` and `dynamic_update_slice`, as in JAX."""

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np
from xdsl.ir import SSAValue

from compiler.axes import is_sequence
from compiler.compiled_functions import compiled
from compiler.errors import DtypeError, ShapeError, at_user_line
from compiler.frames import Frame, current_frame, is_tracing
from compiler.operands import as_tracer, operand_value
from compiler.promotion import INT64
from compiler.tracer import Tracer, describe, value_of
from compiler.views import wrapped_index
from dialects.dlc import dynamic_slicing


def dynamic_slice(x: Any, starts: Any, sizes: Sequence[int]) -> Any:
    """The window `x[starts[0] : starts[0] + sizes[0], …]`, whose position may be traced; its size is constant.

    A negative start counts from the end. Then the window is moved so that it lies within `x`.

    Args:
        x: an array.
        starts: one integer per dimension of `x`, traced or not; an array of them will do.
        sizes: one size per dimension, at most that of `x`.

    Raises:
        ShapeError: not as many starts or sizes as `x` has dimensions, or a size that does not fit.
        DtypeError: a start that is no integer.

    Example:
        >>> dynamic_slice(np.arange(9.0), [4], [3])
        array([4., 5., 6.])
    """
    shape = tuple(operator.index(size) for size in sizes)
    if not is_tracing():
        return _compiled_slice(x, starts, shape)
    x = as_tracer(x)
    if len(shape) != x.ndim or any(not 0 <= size <= n for size, n in zip(shape, x.shape, strict=False)):
        raise ShapeError(at_user_line(f"dynamic_slice: sizes {list(shape)} do not fit an array of shape {x.shape}"))
    frame = current_frame()
    positions = _positions("dynamic_slice", frame, x, starts)
    return Tracer(frame, dynamic_slicing.dynamic_slice(frame.builder, value_of(x, frame), positions, shape))


_compiled_slice = compiled(("sizes",))(dynamic_slice)


@compiled()
def dynamic_update_slice(x: Any, update: Any, starts: Any) -> Any:
    """A copy of `x` with `update` in the window that starts at `starts`, which may be traced.

    In compiled code only the window is written, if nothing else needs `x` afterwards.
    A negative start counts from the end. Then the window is moved so that it lies within `x`.

    Args:
        x: an array.
        update: an array with as many dimensions as `x` and at most its sizes; cast to its dtype.
        starts: one integer per dimension of `x`, traced or not; an array of them will do.

    Raises:
        ShapeError: an update that does not fit, or not as many starts as `x` has dimensions.
        DtypeError: a start that is no integer.

    Example:
        >>> dynamic_update_slice(np.zeros(5), np.ones(2), [-2])
        array([0., 0., 0., 1., 1.])
    """
    x, update = as_tracer(x), as_tracer(update)
    if update.ndim != x.ndim or any(size > n for size, n in zip(update.shape, x.shape, strict=True)):
        raise ShapeError(
            at_user_line(
                f"dynamic_update_slice: an update of shape {update.shape} does not fit into an array of shape {x.shape}"
            )
        )
    frame = current_frame()
    positions = _positions("dynamic_update_slice", frame, x, starts)
    window = operand_value(frame, update, x.dtype, update.shape)
    return Tracer(frame, dynamic_slicing.dynamic_update_slice(frame.builder, value_of(x, frame), window, positions))


def _positions(what: str, frame: Frame, x: Tracer, starts: Any) -> list[SSAValue]:
    """One 0-d value per dimension."""
    parts: list[Any] = list(starts) if is_sequence(starts) or np.ndim(starts) else [starts]
    if len(parts) != x.ndim:
        raise ShapeError(at_user_line(f"{what}: {len(parts)} starts do not fit an array of shape {x.shape}"))
    values: list[SSAValue] = []
    for part, size in zip(parts, x.shape, strict=True):
        dtype, shape = (
            (part.dtype, part.shape) if isinstance(part, Tracer) else (np.asarray(part).dtype, np.shape(part))
        )
        if dtype.kind not in "iu" or shape:
            shown = describe(part) if isinstance(part, Tracer) else f"{part!r}"
            raise DtypeError(at_user_line(f"{what}: the start {shown} is no integer; convert with `.astype(int)`"))
        if isinstance(part, Tracer):
            values.append(wrapped_index(frame.builder, value_of(part, frame), size))
        else:
            number = int(part)
            number = max(min(number + size if number < 0 else number, size), 0)
            values.append(operand_value(frame, number, INT64, ()))
    return values
