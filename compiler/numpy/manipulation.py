"""Functions that arrange elements in another shape or order."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from compiler.axes import is_sequence, normalize_axis
from compiler.errors import ShapeError, at_user_line
from compiler.numpy.calls import apply, shape_of
from compiler.tensor import Tensor, plain
from compiler.tracer import Tracer, fail_unsupported


def broadcast_arrays(*arrays: Any) -> tuple[Any, ...]:
    """The arrays, each broadcast to the shape that all have in common.

    Raises:
        ShapeError: they have none.

    Example:
        >>> broadcast_arrays(asarray([1, 2]), asarray([[3]]))[1]
        Tensor([[3, 3]])
    """
    return tuple(apply(np.broadcast_arrays, *arrays)) if arrays else ()


def broadcast_shapes(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    """The shape that arrays of these shapes broadcast to.

    Raises:
        ShapeError: they do not fit together.

    Example:
        >>> broadcast_shapes((2, 1), (3,))
        (2, 3)
    """
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError as error:
        raise ShapeError(at_user_line(f"broadcast_shapes: {error}")) from None


def broadcast_to(x: Any, /, shape: Sequence[int]) -> Any:
    """`x` repeated along dimensions of size 1 and new ones in front.

    Raises:
        ShapeError: `x` does not broadcast to `shape`.

    Example:
        >>> broadcast_to(asarray([1, 2]), (2, 2))
        Tensor([[1, 2],
                [1, 2]])
    """
    return apply(np.broadcast_to, x, shape=tuple(shape))


def concat(arrays: Sequence[Any], /, *, axis: int | None = 0) -> Any:
    """The arrays one after the other along an axis that exists; with `None`, their elements in one dimension.

    Raises:
        ShapeError: their other dimensions differ.

    Example:
        >>> concat((asarray([1, 2]), asarray([3])))
        Tensor([1, 2, 3])
    """
    return apply(_concat, *arrays, axis=axis)


def _concat(*arrays: Any, axis: int | None) -> Any:
    return np.concatenate(arrays, axis)


def expand_dims(x: Any, /, axis: int = 0) -> Any:
    """`x` with a new dimension of size 1 at `axis` of the result.

    Raises:
        ShapeError: `axis` is out of range.

    Example:
        >>> expand_dims(asarray([1, 2]), axis=1).shape
        (2, 1)
    """
    return apply(np.expand_dims, x, axis=axis)


def flip(x: Any, /, *, axis: int | Sequence[int] | None = None) -> Any:
    """`x` with the order of elements reversed along some axes, or all.

    Example:
        >>> flip(asarray([1, 2, 3]))
        Tensor([3, 2, 1])
    """
    return apply(np.flip, x, axis=axis)


def moveaxis(x: Any, source: int | Sequence[int], destination: int | Sequence[int], /) -> Any:
    """`x` with the axes `source` at the places `destination`, the others in their order.

    Example:
        >>> moveaxis(zeros((2, 3, 4)), 0, -1).shape
        (3, 4, 2)
    """
    return apply(_moveaxis, x, axes=(source, destination))


def _moveaxis(x: Any, axes: tuple[Any, Any]) -> Any:
    return np.moveaxis(x, *axes)


def permute_dims(x: Any, /, axes: Sequence[int]) -> Any:
    """`x` with its dimensions in the order `axes`.

    Raises:
        ShapeError: `axes` is not a permutation.

    Example:
        >>> permute_dims(zeros((2, 3)), (1, 0)).shape
        (3, 2)
    """
    return apply(np.transpose, x, axes=tuple(axes))


def repeat(x: Any, repeats: Any, /, *, axis: int | None = None) -> Any:
    """Each element, `repeats` times one after the other along `axis`, or in one dimension.

    Args:
        x: an array.
        repeats: a count, or one for each position along the axis; its values decide the shape, so they must not be traced.
        axis: the axis.

    Example:
        >>> repeat(asarray([1, 2]), asarray([1, 2]))
        Tensor([1, 2, 2])
    """
    if isinstance(repeats, Tracer):
        fail_unsupported("repeat with traced counts", "the shape would not be known; use a constant count")
    counts = np.asarray(plain(repeats))
    if counts.size == 1:
        return apply(np.repeat, x, repeats=int(counts.reshape(())), axis=axis)
    shape = shape_of(x)
    size = int(np.prod(shape)) if axis is None else shape[normalize_axis("repeat", axis, len(shape))]
    if counts.shape != (size,):
        raise ShapeError(at_user_line(f"repeat: counts of shape {counts.shape} do not fit {size} positions"))
    return apply(np.take, x, np.repeat(np.arange(size), counts), axis=axis)


def reshape(x: Any, /, shape: Sequence[int], *, copy: bool | None = None) -> Any:
    """The elements of `x`, in C order, in another shape; one size may be -1, to be computed.

    Args:
        x: an array.
        shape: the sizes.
        copy: `False` gives a view of a `Tensor`. Without effect otherwise: nothing can change the result through `x`.

    Raises:
        ShapeError: `x` has another number of elements.
        CopyError: `copy` is `False` where elements must be moved.

    Example:
        >>> reshape(arange(6), (2, -1))
        Tensor([[0, 1, 2],
                [3, 4, 5]])
    """
    sizes = tuple(shape) if is_sequence(shape) else (shape,)
    if copy is False and isinstance(x, Tensor):
        return _viewed(x, sizes)
    return apply(np.reshape, x, shape=sizes)


def _viewed(x: Tensor, sizes: tuple[Any, ...]) -> Tensor:
    from compiler.errors import CopyError

    try:
        return Tensor.over(np.reshape(x.__array__(), sizes, copy=False))
    except ValueError as error:
        raise CopyError(at_user_line(f"reshape: {error}")) from None


def roll(x: Any, /, shift: int | Sequence[int], *, axis: int | Sequence[int] | None = None) -> Any:
    """`x` with elements moved by `shift` along `axis`; those that leave at the end come in at the start.

    Example:
        >>> roll(asarray([1, 2, 3]), 1)
        Tensor([3, 1, 2])
    """
    return apply(np.roll, x, shift=shift, axis=axis)


def squeeze(x: Any, /, axis: int | Sequence[int]) -> Any:
    """`x` without the dimensions `axis`, which have size 1.

    Raises:
        ShapeError: one has another size.

    Example:
        >>> squeeze(zeros((1, 3)), 0).shape
        (3,)
    """
    return apply(np.squeeze, x, axis=axis)


def stack(arrays: Sequence[Any], /, *, axis: int = 0) -> Any:
    """The arrays, which have one shape, side by side along a new axis.

    Raises:
        ShapeError: the shapes differ.

    Example:
        >>> stack([asarray([1, 2]), asarray([3, 4])], axis=1)
        Tensor([[1, 3],
                [2, 4]])
    """
    return apply(_stack, *arrays, axis=axis)


def _stack(*arrays: Any, axis: int) -> Any:
    return np.stack(arrays, axis)


def tile(x: Any, repetitions: Sequence[int], /) -> Any:
    """`x` repeated as a whole along each axis, new ones in front.

    Example:
        >>> tile(asarray([1, 2]), (2, 2))
        Tensor([[1, 2, 1, 2],
                [1, 2, 1, 2]])
    """
    return apply(np.tile, x, reps=tuple(repetitions))


def unstack(x: Any, /, *, axis: int = 0) -> tuple[Any, ...]:
    """The parts of `x` along an axis, without it.

    Example:
        >>> unstack(asarray([[1, 2], [3, 4]]), axis=1)
        (Tensor([1, 3]), Tensor([2, 4]))
    """
    place = normalize_axis("unstack", axis, len(shape_of(x)))
    before = (slice(None),) * place
    return tuple(x[(*before, i)] for i in range(shape_of(x)[place]))
