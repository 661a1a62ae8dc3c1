"""The methods of NumPy's ufuncs on tracers: `reduce`, `accumulate`, `reduceat`, `outer`, `at`."""

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from compiler.axes import normalize_axes, normalize_axis
from compiler.errors import ShapeError, TracingError, at_user_line
from compiler.numpy_cumulative import ACCUMULATIONS
from compiler.numpy_reductions import (
    MISSING,
    all_,
    any_,
    bitwise_and_of,
    bitwise_or_of,
    bitwise_xor_of,
    logaddexp_of,
    logical_xor_of,
    max_,
    min_,
    prod,
    sum_,
)
from compiler.operands import as_tracer
from compiler.tracer import Tracer, fail_unsupported, xp
from dialects.dlc.indexing import Mode

REDUCTIONS: dict[np.ufunc, Callable[..., Tracer]] = {
    np.add: sum_,
    np.multiply: prod,
    np.maximum: max_,
    np.minimum: min_,
    np.logical_and: all_,
    np.logical_or: any_,
    np.logical_xor: logical_xor_of,
    np.bitwise_and: bitwise_and_of,
    np.bitwise_or: bitwise_or_of,
    np.bitwise_xor: bitwise_xor_of,
    np.logaddexp: logaddexp_of,
}
"""What `reduce` of a ufunc is."""

MOST_STEPS = 64
"""How many elements a ufunc without a reduction of its own is applied to one after the other."""


def traced_method(ufunc: np.ufunc, method: str, inputs: Sequence[Any], arguments: Mapping[str, Any]) -> Any:
    """The value of `ufunc.method(*inputs, **arguments)`.

    Raises:
        UnsupportedError: there is no operation for it and too many elements to write it out.
    """
    given = {name: value for name, value in arguments.items() if value is not MISSING}
    out = given.get("out")
    if isinstance(out, tuple):
        (given["out"],) = out
    if ufunc.nin != 2 or ufunc.nout != 1:
        fail_unsupported(f"np.{ufunc.__name__}.{method}", "it takes a ufunc with two operands and one result")
    match method:
        case "reduce":
            return _reduce(ufunc, *inputs, **given)
        case "accumulate":
            return _accumulate(ufunc, *inputs, **given)
        case "reduceat":
            return _reduceat(ufunc, *inputs, **given)
        case "outer":
            x, y = map(as_tracer, inputs)
            return ufunc(x.reshape((*x.shape, *[1] * y.ndim)), y, **given)  # pyright: ignore[reportUnknownVariableType]
        case _:
            return _at(ufunc, *inputs)


def _reduce(ufunc: np.ufunc, array: Any, axis: Any = 0, dtype: Any = None, out: Any = None, **arguments: Any) -> Tracer:
    if out is not None:
        arguments["out"] = out
    if dtype is not None:
        arguments["dtype"] = dtype
    reduction = REDUCTIONS.get(ufunc)
    if reduction is not None:
        return reduction(array, axis, **arguments)
    x = as_tracer(array)
    dims = normalize_axes(ufunc.__name__, axis, x.ndim)
    if len(dims) != 1 or set(arguments) - {"keepdims", "initial"}:
        fail_unsupported(f"np.{ufunc.__name__}.reduce with axis={axis}", "reduce one axis at a time, without where=")
    parts = _steps(ufunc, "reduce", x, dims[0])
    if "initial" in arguments:
        parts.insert(0, as_tracer(arguments["initial"]))
    if not parts:
        raise ShapeError(at_user_line(f"{ufunc.__name__}.reduce: there is no element along axis {axis} of {x.shape}"))
    result = parts[0]
    for part in parts[1:]:
        result = ufunc(result, part)
    return xp.expand_dims(result, dims[0]) if arguments.get("keepdims") else result


def _steps(ufunc: np.ufunc, method: str, x: Tracer, dim: int) -> list[Tracer]:
    """The slices of `x` along `dim`, few enough to apply the ufunc to one after the other."""
    if x.shape[dim] > MOST_STEPS:
        fail_unsupported(
            f"np.{ufunc.__name__}.{method} of {x.shape[dim]} elements",
            f"use at most {MOST_STEPS}, or a loop with `compiler.scan`",
        )
    return list(xp.moveaxis(x, dim, 0))


def _accumulate(ufunc: np.ufunc, array: Any, axis: Any = 0, dtype: Any = None, out: Any = None) -> Tracer:
    accumulation = ACCUMULATIONS.get(ufunc)
    if accumulation is not None:
        return accumulation(array, axis, dtype, out)
    x = as_tracer(array) if dtype is None else as_tracer(array).astype(dtype)
    dim = normalize_axis(ufunc.__name__, axis, x.ndim)
    results: list[Tracer] = []
    for part in _steps(ufunc, "accumulate", x, dim):
        results.append(ufunc(results[-1], part) if results else part)
    return xp.stack(results, dim, out=out) if results else x.copy()


def _reduceat(ufunc: np.ufunc, array: Any, indices: Any, axis: Any = 0, dtype: Any = None, out: Any = None) -> Tracer:
    """Reductions of the parts that start at `indices`, which are constant."""
    x = as_tracer(array)
    dim = normalize_axis(ufunc.__name__, axis, x.ndim)
    if isinstance(indices, Tracer):
        fail_unsupported(f"np.{ufunc.__name__}.reduceat with traced indices", "use constant indices")
    starts = [operator.index(i) for i in np.asarray(indices)]
    if any(not 0 <= start < x.shape[dim] for start in starts):
        raise ShapeError(
            at_user_line(f"{ufunc.__name__}.reduceat: indices {starts} are not all within dimension {dim} of {x.shape}")
        )
    before = (slice(None),) * dim
    parts: list[Tracer] = []
    for start, end in zip(starts, [*starts[1:], x.shape[dim]], strict=True):
        part = x[(*before, slice(start, max(end, start + 1)))]
        parts.append(_reduce(ufunc, part, dim, dtype))
    return xp.stack(parts, dim, out=out)


_AT_MODES: dict[np.ufunc, Mode] = {
    np.add: "add",
    np.subtract: "add",
    np.multiply: "mul",
    np.minimum: "min",
    np.maximum: "max",
}
"""What scatter does for `ufunc.at`."""


def _at(ufunc: np.ufunc, target: Any, *operands: Any) -> None:
    """`target[index] = ufunc(target[index], values)`, where the values of equal positions all count."""
    name = ufunc.__name__
    if ufunc not in _AT_MODES or len(operands) != 2:
        supported = ", ".join(f"`np.{known.__name__}.at`" for known in _AT_MODES)
        fail_unsupported(f"np.{name}.at", f"of the ufuncs, {supported} are supported")
    if not isinstance(target, Tracer):
        raise TracingError(
            at_user_line(f"{name}.at: a traced value cannot be stored in a NumPy array; make it with `np.zeros_like`")
        )
    from compiler.indexing import update_at

    index, values = operands
    update_at(target, index, -as_tracer(values) if ufunc is np.subtract else values, _AT_MODES[ufunc])
