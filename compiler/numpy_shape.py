"""Functions that rearrange an array: reshape, transpose, flip, roll, tile, broadcast."""

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from compiler.axes import is_sequence, normalize_axes, normalize_axis
from compiler.errors import DtypeError, ShapeError, at_user_line
from compiler.frames import current_frame
from compiler.numpy_linalg import astype as converted
from compiler.numpy_ufuncs import store
from compiler.operands import as_tracer, aval_of
from compiler.promotion import broadcast_shapes
from compiler.tracer import Tracer, fail_unsupported, is_scalar, value_of, xp
from compiler.views import broadcast, imaginary_part, normalized_shape, real_part, reinterpreted, reshaped, transposed
from dialects.dlc.constants import zeros


def _sizes(shape: Any) -> tuple[int, ...]:
    if isinstance(shape, list | tuple | np.ndarray):
        return tuple(map(operator.index, shape))  # pyright: ignore[reportUnknownArgumentType]
    return (operator.index(shape),)


def reshape(
    a: Any, /, shape: Any = None, order: str = "C", *, newshape: Any = None, copy: bool | None = None
) -> Tracer:
    """`np.reshape`."""
    x = as_tracer(a)
    if order not in {"C", "K", "A"}:
        if order == "F":
            reversed_sizes = normalized_shape(_sizes(shape)[::-1], x.size)
            if reversed_sizes is not None:
                return reshape(x.T, reversed_sizes).T
        fail_unsupported(f"np.reshape: order={order!r}", "use 'C' or 'F'")
    wanted = _sizes(newshape if shape is None else shape)
    sizes = normalized_shape(wanted, x.size)
    if sizes is None:
        raise ShapeError(
            at_user_line(
                f"reshape: shapes {x.shape} and {wanted} do not fit: the array has {x.size} elements, the new shape has "
                f"{'no whole number' if -1 in wanted else math.prod(wanted)}; give one size as -1 to have it computed"
            )
        )
    return reshaped(x.copy() if copy else x, sizes)


def ravel(a: Any, order: str = "C") -> Tracer:
    """`np.ravel`."""
    return reshape(a, -1 if as_tracer(a).size else 0, order)


def transpose(a: Any, axes: Any = None) -> Tracer:
    """`np.transpose`."""
    x = as_tracer(a)
    order = tuple(reversed(range(x.ndim))) if axes is None else normalize_axes("transpose", tuple(axes), x.ndim)
    if len(order) != x.ndim:
        raise ShapeError(at_user_line(f"transpose: axes {list(order)} do not match an array of shape {x.shape}"))
    return transposed(x, order)


def swapaxes(a: Any, axis1: int, axis2: int) -> Tracer:
    """`np.swapaxes`."""
    x = as_tracer(a)
    first, second = normalize_axis("swapaxes", axis1, x.ndim), normalize_axis("swapaxes", axis2, x.ndim)
    order = list(range(x.ndim))
    order[first], order[second] = second, first
    return transposed(x, order)


def moveaxis(a: Any, source: Any, destination: Any) -> Tracer:
    """`np.moveaxis`."""
    x = as_tracer(a)
    sources = normalize_axes("moveaxis", source, x.ndim)
    destinations = normalize_axes("moveaxis", destination, x.ndim)
    if len(sources) != len(destinations):
        raise ShapeError(
            at_user_line(f"moveaxis: {len(sources)} sources do not match {len(destinations)} destinations")
        )
    order = [d for d in range(x.ndim) if d not in sources]
    for place, dim in sorted(zip(destinations, sources, strict=True)):
        order.insert(place, dim)
    return transposed(x, order)


def rollaxis(a: Any, axis: int, start: int = 0) -> Tracer:
    """`np.rollaxis`."""
    x = as_tracer(a)
    dim = normalize_axis("rollaxis", axis, x.ndim)
    place = start + x.ndim if start < 0 else start
    return moveaxis(x, dim, place - (dim < place))


def expand_dims(a: Any, axis: Any) -> Tracer:
    """`np.expand_dims`."""
    x = as_tracer(a)
    count = len(axis) if is_sequence(axis) else 1  # pyright: ignore[reportUnknownArgumentType]
    places = normalize_axes("expand_dims", axis, x.ndim + count)
    sizes = iter(x.shape)
    return reshaped(x, tuple(1 if d in places else next(sizes) for d in range(x.ndim + count)))


def squeeze(a: Any, axis: Any = None) -> Tracer:
    """`np.squeeze`."""
    x = as_tracer(a)
    if axis is None:
        return reshaped(x, tuple(size for size in x.shape if size != 1))
    dims = normalize_axes("squeeze", axis, x.ndim)
    for d in dims:
        if x.shape[d] != 1:
            raise ShapeError(at_user_line(f"squeeze: dimension {d} of shape {x.shape} has size {x.shape[d]}, not 1"))
    return reshaped(x, tuple(size for d, size in enumerate(x.shape) if d not in dims))


def broadcast_to(array: Any, shape: Any, subok: bool = False) -> Tracer:
    """`np.broadcast_to`."""
    del subok
    x, sizes = as_tracer(array), _sizes(shape)
    if x.ndim > len(sizes) or broadcast_shapes("broadcast_to", x.shape, sizes) != sizes:
        raise ShapeError(at_user_line(f"broadcast_to: an array of shape {x.shape} does not broadcast to {sizes}"))
    return broadcast(x, sizes).copy()


def broadcast_arrays(*args: Any, subok: bool = False) -> tuple[Tracer, ...]:
    """`np.broadcast_arrays`."""
    del subok
    arrays = [as_tracer(a) for a in args]
    shape = broadcast_shapes("broadcast_arrays", *(x.shape for x in arrays))
    return tuple(broadcast(x, shape).copy() for x in arrays)


def _at_least(rank: int) -> Callable[..., Any]:
    def extend(x: Tracer) -> Tracer:
        shape = x.shape
        if rank == 3 and len(shape) == 1:
            return reshaped(x, (1, *shape, 1))
        if rank == 3 and len(shape) == 2:
            return reshaped(x, (*shape, 1))
        return reshaped(x, (1,) * (rank - len(shape)) + shape)

    def convert(*arys: Any) -> Any:
        results = tuple(extend(as_tracer(a)) for a in arys)
        return results[0] if len(results) == 1 else results

    return convert


def flip(m: Any, axis: Any = None) -> Tracer:
    """`np.flip`."""
    x = as_tracer(m)
    dims = normalize_axes("flip", axis, x.ndim)
    return x[tuple(slice(None, None, -1) if d in dims else slice(None) for d in range(x.ndim))]


def fliplr(m: Any) -> Tracer:
    """`np.fliplr`."""
    return flip(m, 1)


def flipud(m: Any) -> Tracer:
    """`np.flipud`."""
    return flip(m, 0)


def rot90(m: Any, k: int = 1, axes: Any = (0, 1)) -> Tracer:
    """`np.rot90`."""
    x = as_tracer(m)
    first, second = normalize_axes("rot90", tuple(axes), x.ndim)
    match k % 4:
        case 0:
            return x[...]
        case 1:
            return swapaxes(flip(x, second), first, second)
        case 2:
            return flip(x, (first, second))
        case _:
            return flip(swapaxes(x, first, second), second)


def roll(a: Any, shift: Any, axis: Any = None) -> Tracer:
    """`np.roll`."""
    x = as_tracer(a)
    if axis is None:
        return roll(ravel(x), int(xp.sum(shift)), 0).reshape(x.shape)
    axes = axis if is_sequence(axis) else [axis]
    shifts = shift if is_sequence(shift) else [shift]
    for amount, one_axis in zip(*np.broadcast_arrays(shifts, axes), strict=True):
        dim = normalize_axis("roll", one_axis, x.ndim)
        size = x.shape[dim]
        cut = (size - operator.index(amount)) % size if size else 0
        if cut:
            before = (slice(None),) * dim
            x = xp.concatenate([x[(*before, slice(cut, None))], x[(*before, slice(None, cut))]], dim)
    return x.copy()


def tile(A: Any, reps: Any) -> Tracer:  # noqa: N803
    """`np.tile`."""
    x = as_tracer(A)
    counts = _sizes(reps)
    rank = max(x.ndim, len(counts))
    counts = (1,) * (rank - len(counts)) + counts
    shape = (1,) * (rank - x.ndim) + x.shape
    spread = reshape(x, [size for pair in zip((1,) * rank, shape, strict=True) for size in pair])
    spread = broadcast(spread, tuple(size for pair in zip(counts, shape, strict=True) for size in pair))
    return reshape(spread, [count * size for count, size in zip(counts, shape, strict=True)])


def repeat(a: Any, repeats: Any, axis: int | None = None, *, total_repeat_length: int | None = None) -> Tracer:
    """`np.repeat`, with constant counts; with traced ones if `total_repeat_length` says how many elements there will be.

    The last element is repeated more often if the counts add up to less, and what is beyond is cut off, as in JAX.
    """
    x = as_tracer(a)
    if axis is None:
        x, axis = ravel(x), 0
    dim = normalize_axis("repeat", axis, x.ndim)
    if total_repeat_length is not None:
        counts = xp.broadcast_to(as_tracer(repeats), (x.shape[dim],))
        positions = xp.searchsorted(xp.cumsum(counts), np.arange(total_repeat_length), "right")
        return xp.take(x, xp.minimum(positions, x.shape[dim] - 1), dim)
    if isinstance(repeats, Tracer):
        fail_unsupported("np.repeat with traced counts", "the shape would not be known; use a constant count")
    counts = np.asarray(repeats)
    if counts.size == 1:
        count = int(counts.reshape(()))
        spread = broadcast(expand_dims(x, dim + 1), (*x.shape[: dim + 1], count, *x.shape[dim + 1 :]))
        return reshape(spread, (*x.shape[:dim], x.shape[dim] * count, *x.shape[dim + 1 :]))
    if counts.shape != (x.shape[dim],):
        raise ShapeError(at_user_line(f"repeat: {counts.size} counts do not fit dimension {dim} of shape {x.shape}"))
    return xp.take(x, np.repeat(np.arange(x.shape[dim]), counts), dim)


def astype(
    x: Any,
    dtype: Any,
    order: str = "K",
    casting: str = "unsafe",
    subok: bool = True,
    copy: bool = True,
    device: Any = None,
) -> Tracer:
    """`np.astype`: always a copy."""
    del order, subok, copy, device
    x = as_tracer(x)
    if not np.can_cast(x.dtype, dtype, casting):  # pyright: ignore[reportArgumentType]
        raise DtypeError(
            at_user_line(f"astype: {x.dtype.name} is not cast to {np.dtype(dtype).name} with casting={casting!r}")
        )
    return converted(x, np.dtype(dtype)).copy()


def meshgrid(*xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> tuple[Tracer, ...]:
    """`np.meshgrid`."""
    del copy
    arrays = [as_tracer(x) for x in xi]
    rank = len(arrays)
    order = [1, 0, *range(2, rank)] if indexing == "xy" and rank > 1 else list(range(rank))
    spread = [x.reshape([x.size if d == order[i] else 1 for d in range(rank)]) for i, x in enumerate(arrays)]
    return tuple(spread) if sparse else broadcast_arrays(*spread)


def _copy(a: Any, *_: Any, **__: Any) -> Tracer:
    return as_tracer(a).copy()


def _sizes_of(a: Any) -> tuple[int, ...]:
    return aval_of(a).shape


def ndim(a: Any) -> int:
    """`np.ndim`."""
    return len(_sizes_of(a))


def real(val: Any) -> Tracer:
    """`np.real`."""
    x = as_tracer(val)
    return real_part(x) if x.dtype.kind == "c" else x


def imag(val: Any) -> Tracer:
    """`np.imag`."""
    x = as_tracer(val)
    if x.dtype.kind == "c":
        return imaginary_part(x)
    frame = current_frame()
    return Tracer(frame, zeros(frame.builder, x.aval.type))


def view(a: Any, dtype: Any = None) -> Tracer:
    """`np.ndarray.view`."""
    x = as_tracer(a)
    return reinterpreted(x, x.dtype if dtype is None else np.dtype(dtype))


def angle(z: Any, deg: bool = False) -> Tracer:
    """`np.angle`."""
    result = xp.arctan2(imag(z), real(z))
    return result * (180 / math.pi) if deg else result


def iscomplex(x: Any) -> Tracer:
    """`np.iscomplex`."""
    return imag(x) != 0


def isreal(x: Any) -> Tracer:
    """`np.isreal`."""
    return imag(x) == 0


def iscomplexobj(x: Any) -> bool:
    """`np.iscomplexobj`."""
    return aval_of(x).dtype.kind == "c"


def isrealobj(x: Any) -> bool:
    """`np.isrealobj`."""
    return not iscomplexobj(x)


def size(a: Any, axis: Any = None) -> int:
    """`np.size`."""
    shape: Sequence[int] = aval_of(a).shape
    return math.prod(shape if axis is None else [shape[d] for d in normalize_axes("size", axis, len(shape))])


def copyto(dst: Any, src: Any, casting: str = "same_kind", where: Any = True) -> None:
    """`np.copyto`."""
    source = as_tracer(src)
    if is_scalar(src):
        source = source.astype(as_tracer(dst).dtype)
    store("copyto", dst, value_of(source, current_frame()), where, casting)


FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.reshape: reshape,
    np.ravel: ravel,
    np.transpose: transpose,
    np.permute_dims: transpose,
    np.swapaxes: swapaxes,
    np.moveaxis: moveaxis,
    np.rollaxis: rollaxis,
    np.expand_dims: expand_dims,
    np.squeeze: squeeze,
    np.broadcast_to: broadcast_to,
    np.broadcast_arrays: broadcast_arrays,
    np.atleast_1d: _at_least(1),
    np.atleast_2d: _at_least(2),
    np.atleast_3d: _at_least(3),
    np.flip: flip,
    np.fliplr: fliplr,
    np.flipud: flipud,
    np.rot90: rot90,
    np.roll: roll,
    np.tile: tile,
    np.repeat: repeat,
    np.meshgrid: meshgrid,
    np.copy: _copy,
    np.astype: astype,
    np.real: real,
    np.ndarray.view: view,
    np.imag: imag,
    np.angle: angle,
    np.iscomplex: iscomplex,
    np.isreal: isreal,
    np.shape: _sizes_of,
    np.ndim: ndim,
    np.size: size,
    np.copyto: copyto,
    np.iscomplexobj: iscomplexobj,
    np.isrealobj: isrealobj,
}
"""The functions of this file by the function of NumPy that they are."""
