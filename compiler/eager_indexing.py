"""`x[index]` on `Tensor`s: a view where the index is of integers and slices, a compiled program where it has arrays.

Masks become the positions of their true elements first: outside of traced functions their number can be computed.
"""

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from compiler.axes import is_array, is_sequence, is_slice, is_tuple
from compiler.eager_programs import call
from compiler.errors import DtypeError, ShapeError, at_user_line
from compiler.indexed_update import IndexedUpdate
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
    pattern = tuple(map(_pattern, items))
    arrays = [item for item in items if isinstance(item, Tensor | int)]
    return call("index", _read, (x, [np.asarray(array) for array in arrays], pattern), {})


def _read(x: Tracer, arrays: Sequence[Tracer], pattern: tuple[Any, ...]) -> Tracer:
    return RULES.read(x, _index(arrays, pattern))


class TensorUpdates:
    """`x.at` on a `Tensor`: each change is a compiled program that gives a new one."""

    __slots__ = ("_x",)

    def __init__(self, x: Tensor):
        self._x = x

    def __getitem__(self, index: Any) -> "TensorUpdate":
        return TensorUpdate(self._x, [_part(part) for part in (index if is_tuple(index) else (index,))])


class TensorUpdate:
    """`x.at[index]` on a `Tensor`, with the methods of `compiler.indexed_update.IndexedUpdate`."""

    __slots__ = ("_parts", "_x")

    def __init__(self, x: Tensor, parts: Sequence[Any]):
        self._x = x
        self._parts = parts

    def __getattr__(self, name: str) -> Callable[..., Tensor]:
        if name.startswith("_") or not hasattr(IndexedUpdate, name):
            raise AttributeError(f"x.at[index] has no method {name!r}")
        pattern = tuple(map(_pattern, self._parts))
        arrays = [np.asarray(part) for part in self._parts if isinstance(part, Tensor | int)]

        def update(*args: Any, **options: Any) -> Tensor:
            return call(("at", name), _update, (name, self._x, arrays, pattern, *args), options)

        return update


def _update(
    name: str, x: Tracer, arrays: Sequence[Tracer], pattern: Sequence[Any], *args: Any, **options: Any
) -> Tracer:
    return getattr(RULES.at(x)[_index(arrays, pattern)], name)(*args, **options)


def _pattern(part: Any) -> Any:
    """What stands for a part of an index in a key: slices cannot, so their bounds do."""
    if is_slice(part):
        return (part.start, part.stop, part.step)
    return "new" if part is None else "all" if part is Ellipsis else "array"


def _index(arrays: Sequence[Tracer], pattern: Sequence[Any]) -> tuple[Any, ...]:
    """The index that `pattern` stands for, with `arrays` in the place of its arrays."""
    remaining = iter(arrays)
    names = {"new": None, "all": Ellipsis}
    return tuple(
        slice(*item) if is_tuple(item) else next(remaining) if item == "array" else names[item] for item in pattern
    )


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
