"""`x[index]` on `Tensor`s: a view where the index is of integers and slices, a compiled program where it has arrays.

Masks become the positions of their true elements first: outside of traced functions their number can be computed.
"""

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from compiler.axes import is_array, is_sequence, is_slice, is_tuple
from compiler.eager_programs import call
from compiler.errors import DtypeError, ShapeError, at_user_line
from compiler.numpy_rules import RULES
from compiler.tensor import Tensor
from compiler.tracer import Tracer, fail_unsupported
from compiler.value_dependent import nonzero


def read_tensor(x: Tensor, index: Any) -> Tensor:
    """`x[index]`.

    Raises:
        ShapeError: too many indices, one out of range, or a mask that does not fit.
        DtypeError: something that is no index.
    """
    parts = [_part(part) for part in (index if is_tuple(index) else (index,))]
    if not any(isinstance(part, Tensor) for part in parts):
        try:
            # With an ellipsis, NumPy gives an array without dimensions instead of a scalar.
            basic = tuple(parts) if Ellipsis in parts else (*parts, ...)
            return Tensor.over(x.__array__()[basic])
        except IndexError as error:
            raise ShapeError(at_user_line(f"index: {error}")) from None
    items = _checked(x.shape, parts)
    # Slices cannot be part of a key, so they are passed by their bounds.
    pattern = tuple(
        (item.start, item.stop, item.step) if is_slice(item) else "new" if item is None else "array" for item in items
    )
    arrays = [item for item in items if isinstance(item, Tensor | int)]
    return call("index", _read, (x, [np.asarray(array) for array in arrays], pattern), {})


def _read(x: Tracer, arrays: Sequence[Tracer], pattern: tuple[Any, ...]) -> Tracer:
    remaining = iter(arrays)
    index = tuple(None if item == "new" else next(remaining) if item == "array" else slice(*item) for item in pattern)
    return RULES.read(x, index)


def _part(part: Any) -> Any:
    """A part of an index as a slice, `None`, `...`, an integer, or a `Tensor` of integers or bools."""
    if part is None or part is Ellipsis or type(part) is int:
        return part
    if is_slice(part):
        return slice(
            *(None if bound is None else operator.index(bound) for bound in (part.start, part.stop, part.step))
        )
    if isinstance(part, bool | np.bool_):
        fail_unsupported("indexing with a single bool", "use `np.where`")
    if is_sequence(part):
        part = np.asarray(part, np.int64 if len(part) == 0 else None)
    if is_array(part):
        part = Tensor(part)
    if isinstance(part, Tensor) and (part.shape or part.dtype.kind == "b"):
        if part.dtype.kind not in "iub":
            raise DtypeError(
                at_user_line(f"index: an array of {part.dtype.name} cannot be an index; convert with `.astype(int)`")
            )
        return part
    try:
        return operator.index(part)
    except TypeError:
        kind = type(part).__name__
        raise DtypeError(
            at_user_line(f"index: {kind} cannot be an index; use integers, slices, `...`, `None` or arrays")
        ) from None


def _checked(shape: tuple[int, ...], parts: Sequence[Any]) -> list[Any]:
    """The parts of an index, one per dimension besides new ones, without masks; positions are in range."""
    items: list[Any] = []
    used = sum(
        part.ndim if isinstance(part, Tensor) and part.dtype.kind == "b" else part is not None and part is not Ellipsis
        for part in parts
    )
    if used > len(shape) or sum(part is Ellipsis for part in parts) > 1:
        raise ShapeError(at_user_line(f"index: {used} dimensions are indexed, and the array has shape {shape}"))
    dim = 0
    for part in parts:
        if part is None:
            items.append(None)
        elif part is Ellipsis:
            items.extend([slice(None, None, None)] * (len(shape) - used))
            dim += len(shape) - used
        elif isinstance(part, Tensor) and part.dtype.kind == "b":
            if part.ndim == 0:
                fail_unsupported("indexing with a single bool", "use `np.where`")
            if part.shape != shape[dim : dim + part.ndim]:
                raise ShapeError(
                    at_user_line(f"index: the mask has shape {part.shape} and does not fit an array of shape {shape}")
                )
            items.extend(nonzero(part))
            dim += part.ndim
        else:
            if not isinstance(part, slice):
                _check_positions(np.asarray(part), shape[dim], dim)
            items.append(part)
            dim += 1
    return items


def _check_positions(positions: Any, size: int, dim: int) -> None:
    """Raise `ShapeError` if a position is out of range: a compiled program would take the nearest."""
    outside = positions[(positions < -size) | (positions >= size)]
    if outside.size:
        raise ShapeError(at_user_line(f"index: {outside.flat[0]} is out of bounds for dimension {dim} of size {size}"))
