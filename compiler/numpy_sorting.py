"""Functions that sort, and that search in what is sorted."""

from collections.abc import Callable
from typing import Any

import numpy as np

from compiler.axes import normalize_axis
from compiler.errors import DtypeError, ShapeError, at_user_line
from compiler.frames import current_frame
from compiler.numpy_linalg import astype
from compiler.operands import as_tracer
from compiler.promotion import FLOAT64, result_dtype
from compiler.tracer import Tracer, fail_unsupported, value_of, xp
from dialects.dlc import sorting


def _operand(what: str, a: Any, axis: int | None) -> tuple[Tracer, int]:
    """The array, flat if `axis` is `None`, and the axis counted from the front."""
    x = as_tracer(a)
    if axis is None:
        x, axis = x.reshape(-1 if x.size else 0), 0
    if not x.ndim:
        raise ShapeError(at_user_line(f"{what}: the array has no dimension to sort along"))
    return x, normalize_axis(what, axis, x.ndim)


def _refuse_order(what: str, order: Any) -> None:
    if order is not None:
        fail_unsupported(f"np.{what}: order=", "there are no structured arrays; sort by a key with `np.lexsort`")


def sort(
    a: Any,
    axis: int | None = -1,
    kind: Any = None,
    order: Any = None,
    *,
    stable: bool | None = None,
    descending: bool = False,
) -> Tracer:
    """`np.sort`, always stable; `descending` as in the array API standard: NaN first, equal elements in their order."""
    del kind, stable
    _refuse_order("sort", order)
    x, dim = _operand("sort", a, axis)
    if x.dtype.kind == "c":
        return xp.take_along_axis(x, _order_of_complex(x, dim, descending), dim)
    return sort_by(x, x, dim, descending)


def argsort(
    a: Any,
    axis: int | None = -1,
    kind: Any = None,
    order: Any = None,
    *,
    stable: bool | None = None,
    descending: bool = False,
) -> Tracer:
    """`np.argsort`, always stable; `descending` as for `sort`."""
    del kind, stable
    _refuse_order("argsort", order)
    x, dim = _operand("argsort", a, axis)
    if x.dtype.kind == "c":
        return _order_of_complex(x, dim, descending)
    frame = current_frame()
    return Tracer(frame, sorting.argsort(frame.builder, value_of(x, frame), dim, descending))


def _order_of_complex(x: Tracer, dim: int, descending: bool) -> Tracer:
    """The positions that sort by real parts, then by imaginary ones, after what has a NaN in one of them, as in NumPy."""
    kinds_of_nan = 2 * xp.isnan(x.real).astype(np.int8) + xp.isnan(x.imag)
    order = argsort(x.imag, dim, descending=descending)
    for key in (x.real, kinds_of_nan):
        order = sort_by(xp.take_along_axis(key, order, dim), order, dim, descending)
    return order


def sort_by(keys: Tracer, values: Tracer, dim: int, descending: bool = False) -> Tracer:
    """`values` along `dim` in the order that sorts `keys`, which have the same shape."""
    frame = current_frame()
    return Tracer(frame, sorting.sort(frame.builder, value_of(keys, frame), value_of(values, frame), dim, descending))


def partition(a: Any, kth: Any, axis: int | None = -1, kind: str = "introselect", order: Any = None) -> Tracer:
    """`np.partition`: sorted altogether, which is a partition at every place."""
    _check_places("partition", a, kth, axis)
    return sort(a, axis, kind, order)


def argpartition(a: Any, kth: Any, axis: int | None = -1, kind: str = "introselect", order: Any = None) -> Tracer:
    """`np.argpartition`: sorted altogether."""
    _check_places("argpartition", a, kth, axis)
    return argsort(a, axis, kind, order)


def _check_places(what: str, a: Any, kth: Any, axis: int | None) -> None:
    x, dim = _operand(what, a, axis)
    places = np.asarray(kth)
    if np.any((places < -x.shape[dim]) | (places >= x.shape[dim])):
        raise ShapeError(at_user_line(f"{what}: kth={kth} is out of bounds for {x.shape[dim]} elements"))


def lexsort(keys: Any, axis: int = -1) -> Tracer:
    """`np.lexsort`: the positions that sort by the last key, of equal ones by the one before, and so on."""
    columns = [as_tracer(key) for key in keys]
    if not columns or any(key.shape != columns[0].shape for key in columns):
        raise ShapeError(at_user_line("lexsort: it needs at least one key, and all of the same shape"))
    dim = normalize_axis("lexsort", axis, columns[0].ndim)
    order = argsort(columns[0], dim)
    for key in columns[1:]:
        order = sort_by(xp.take_along_axis(key, order, dim), order, dim)
    return order


def top_k(x: Any, k: int, axis: int = -1, largest: bool = True) -> tuple[Tracer, Tracer]:
    """The `k` largest (or smallest) elements along `axis` in order, and their positions; NaN counts as the largest."""
    array, dim = _operand("top_k", x, axis)
    if not 0 <= k <= array.shape[dim]:
        raise ShapeError(at_user_line(f"top_k: k={k} does not fit {array.shape[dim]} elements along axis {axis}"))
    first = (*(slice(None),) * dim, slice(0, k))
    return sort(array, dim, descending=largest)[first], argsort(array, dim, descending=largest)[first]


def searchsorted(a: Any, v: Any, side: str = "left", sorter: Any = None) -> Tracer:
    """`np.searchsorted`."""
    if side not in {"left", "right"}:
        raise DtypeError(at_user_line(f"searchsorted: side is {side!r}; use 'left' or 'right'"))
    ordered = as_tracer(a)
    if ordered.ndim != 1:
        raise ShapeError(
            at_user_line(f"searchsorted: the sorted array has shape {ordered.shape}; it needs one dimension")
        )
    if sorter is not None:
        ordered = xp.take(ordered, sorter)
    queries = as_tracer(v)
    dtype = result_dtype(ordered, v if not isinstance(v, list | tuple) else queries)
    frame = current_frame()
    row, wanted = (value_of(astype(x, dtype), frame) for x in (ordered, queries))
    return Tracer(frame, sorting.searchsorted(frame.builder, row, wanted, side))


def digitize(x: Any, bins: Any, right: bool = False) -> Tracer:
    """`np.digitize`; that traced bins are monotonic cannot be checked: they count as decreasing if the last is less."""
    edges = as_tracer(bins)
    side = "left" if right else "right"
    if not isinstance(bins, Tracer):
        steps = xp.diff(np.asarray(bins))
        if np.any(steps < 0) and np.any(steps > 0):
            raise ShapeError(at_user_line("digitize: bins must increase or decrease monotonically"))
        if np.any(steps < 0):
            return edges.size - searchsorted(edges[::-1], x, side)
    return searchsorted(edges, x, side)


def interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None) -> Tracer:
    """`np.interp`: linear between the points `(xp, fp)`, which are in order of `xp`."""
    return _interpolated(x, xp, fp, left, right, period)


def _interpolated(x: Any, points: Any, values: Any, left: Any, right: Any, period: Any) -> Tracer:
    queries, places = (astype(as_tracer(t), FLOAT64) for t in (x, points))
    heights = as_tracer(values)
    heights = astype(heights, np.result_type(heights.dtype, FLOAT64))
    if places.ndim != 1 or places.shape != heights.shape or not places.size:
        raise ShapeError(at_user_line(f"interp: xp of shape {places.shape} and fp of shape {heights.shape} do not fit"))
    if period is not None:
        width = abs(period)
        queries, places = queries % width, places % width
        order = argsort(places)
        places, heights = places[order], heights[order]
        places = xp.concatenate([places[-1:] - width, places, places[:1] + width])
        heights = xp.concatenate([heights[-1:], heights, heights[:1]])
        left = right = None
    size = places.size
    low = heights[0] if left is None else left
    high = heights[-1] if right is None else right
    if size == 1:
        inside = heights[0]
    else:
        place = xp.clip(searchsorted(places, queries, "right") - 1, 0, size - 2)
        x0, x1, y0, y1 = places[place], places[place + 1], heights[place], heights[place + 1]
        inside = y0 + (y1 - y0) / (x1 - x0) * (queries - x0)
        inside = xp.where(queries == places[-1], heights[-1], inside)
    result = xp.where(queries < places[0], low, xp.where(queries > places[-1], high, inside))
    return xp.where(xp.isnan(queries), queries, result)


FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.sort: sort,
    np.argsort: argsort,
    np.partition: partition,
    np.argpartition: argpartition,
    np.lexsort: lexsort,
    np.searchsorted: searchsorted,
    np.digitize: digitize,
    np.interp: interp,
}
"""The functions of this file by the function of NumPy that they are."""
