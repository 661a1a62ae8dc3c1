"""`x.at[index].set(value)` and the like, as in JAX: indexing that gives a changed copy, and says what is out of bounds."""

from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import numpy as np

from compiler.errors import ArgumentError, at_user_line
from compiler.frames import current_frame
from compiler.index_selection import Selection, select_index
from compiler.indexing import gather_selection, read, scatter_selection, update_at, write
from compiler.promotion import BOOL
from compiler.tensor import plain
from compiler.tracer import Tracer, xp
from dialects.dlc.index_layout import Bounds
from dialects.dlc.indexing import Mode
from dialects.dlc.interfaces import dtype_kind

OutOfBounds: TypeAlias = Literal["clip", "fill", "drop", "promise_in_bounds"]

_BOUNDS: dict[str | None, Bounds] = {"clip": "clamp", "promise_in_bounds": "clamp", "fill": "drop", "drop": "drop"}


class IndexedUpdates:
    """`x.at`: its index is what to change.

    Example:
        >>> import numpy as np
        >>> import compiler
        >>> compiler.jit(lambda x, i: x.at[i].add(1.0))(np.zeros(4), np.array([1, 1, 9]))
        array([0., 2., 0., 0.])
    """

    __slots__ = ("_x",)

    def __init__(self, x: Tracer):
        self._x = x

    def __getitem__(self, index: Any) -> "IndexedUpdate":
        return IndexedUpdate(self._x, plain(index))


class IndexedUpdate:
    """`x.at[index]`: its methods give a copy of `x` with the elements at `index` changed; `x` stays as it is.

    All take `mode`, which says what positions outside of `x` mean, in arrays of them or traced; other constants must be inside.
    When changing elements: nothing, which is `drop` (or `fill`), if none is given; the nearest element for `clip`. `get` reads the
    nearest element if none is given or for `clip`, and `fill_value` for `fill`: NaN, the least or, if unsigned, the greatest
    integer, or true if none is given. `promise_in_bounds` leaves that open; it never reads or writes outside of `x`. Negative
    positions count from the end.

    Raises:
        ArgumentError: an unknown `mode`.
        ShapeError: what indexing and assignment raise.
    """

    __slots__ = ("_index", "_x")

    def __init__(self, x: Tracer, index: Any):
        self._x = x
        self._index = index

    def get(self, *, mode: OutOfBounds | None = None, fill_value: Any = None, **_: Any) -> Tracer:
        """`x[index]`."""
        _check(mode)
        x = self._x
        if mode not in {"fill", "drop"}:
            return read(x, self._index).copy()
        selection = select_index(x.shape, self._index, gathers=True)
        if not selection.arrays:
            return read(x, self._index).copy()
        filled = _missing(x.dtype) if fill_value is None else fill_value
        value = gather_selection(x, selection, "drop")
        if isinstance(filled, int | float) and filled == 0:
            return value
        ones = Tracer(current_frame(), xp.ones_like(x, dtype=BOOL).value())
        return xp.where(gather_selection(ones, selection, "drop"), value, xp.asarray(filled, dtype=x.dtype))

    def set(self, values: Any, *, mode: OutOfBounds | None = None, **_: Any) -> Tracer:
        """`x` with `values` at the index; the last one of equal positions stays."""
        return self._changed(values, "set", mode, lambda x: write(x, self._index, values))

    def add(self, values: Any, *, mode: OutOfBounds | None = None, **_: Any) -> Tracer:
        """`x` with `values` added at the index; all at equal positions count."""
        return self._combined(values, "add", mode)

    def subtract(self, values: Any, *, mode: OutOfBounds | None = None, **_: Any) -> Tracer:
        """`x` with `values` subtracted at the index; all at equal positions count."""
        return self._combined(xp.negative(values), "add", mode)

    def multiply(self, values: Any, *, mode: OutOfBounds | None = None, **_: Any) -> Tracer:
        """`x` multiplied by `values` at the index; all at equal positions count."""
        return self._combined(values, "mul", mode)

    mul = multiply

    def divide(self, values: Any, *, mode: OutOfBounds | None = None, **_: Any) -> Tracer:
        """`x` divided by `values` at the index, which is to divide by their product at equal positions."""
        x = self._x
        return xp.divide(x, IndexedUpdate(xp.ones_like(x), self._index).multiply(values, mode=mode))

    def power(self, values: Any, *, mode: OutOfBounds | None = None, **_: Any) -> Tracer:
        """`x` to the power of `values` at the index."""
        x = self._x
        return xp.power(x, IndexedUpdate(xp.ones_like(x), self._index).multiply(values, mode=mode))

    def min(self, values: Any, *, mode: OutOfBounds | None = None, **_: Any) -> Tracer:
        """`x` with the least of it and `values` at the index."""
        return self._combined(values, "min", mode)

    def max(self, values: Any, *, mode: OutOfBounds | None = None, **_: Any) -> Tracer:
        """`x` with the greatest of it and `values` at the index."""
        return self._combined(values, "max", mode)

    def apply(self, ufunc: Callable[[Any], Any], *, mode: OutOfBounds | None = None, **_: Any) -> Tracer:
        """`x` with `ufunc` of it at the index; once, also at equal positions."""
        return self.set(ufunc(self.get(mode=mode)), mode=mode)

    def _combined(self, values: Any, operation: Mode, mode: OutOfBounds | None) -> Tracer:
        return self._changed(values, operation, mode, lambda x: update_at(x, self._index, values, operation))

    def _changed(
        self, values: Any, operation: Mode, mode: OutOfBounds | None, change: Callable[[Tracer], None]
    ) -> Tracer:
        _check(mode)
        x = self._x.copy()
        if any(isinstance(part, Tracer) and part.dtype == BOOL for part in _parts(self._index)):
            change(x)
            return x
        selection: Selection = select_index(x.shape, self._index, gathers=True)
        if selection.arrays:
            scatter_selection(x, selection, values, operation, _BOUNDS.get(mode, "drop"))
        else:
            change(x)
        return x


def _parts(index: Any) -> tuple[Any, ...]:
    return index if isinstance(index, tuple) else (index,)  # pyright: ignore[reportUnknownVariableType]


def _check(mode: str | None) -> None:
    if mode is not None and mode not in _BOUNDS:
        raise ArgumentError(at_user_line(f"at: mode is {mode!r}; use one of {', '.join(map(repr, _BOUNDS))}"))


def _missing(dtype: np.dtype[Any]) -> Any:
    """What JAX fills in for elements that are not there."""
    if dtype_kind(dtype) == "f":
        return np.nan
    if dtype.kind == "i":
        return np.iinfo(dtype).min
    return np.iinfo(dtype).max if dtype.kind == "u" else True
