"""The way back from pooled images."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from compiler.argument_checks import checked
from compiler.compiled_functions import compiled
from compiler.errors import ArgumentError, DtypeError, ShapeError, at_user_line
from compiler.nn.operands import check_rank, floating_tracer, image_layout, per_dimension
from compiler.nn.pooling import Amounts
from compiler.operands import as_tracer
from compiler.tracing import array_value, current_frame, new_tracer
from dialects.dlc.indexing import scatter


@checked
def max_unpool1d(
    input: Any,  # noqa: A002
    indices: Any,
    kernel_size: Amounts,
    stride: Amounts | None = None,
    padding: Amounts = 0,
    output_size: Sequence[int] | None = None,
) -> Any:
    """What `max_pool1d` was applied to, with zeros for all that was not the largest element of a window.

    Args:
        input: shape `[N, C, W]` or `[C, W]`, floating point.
        indices: the positions that `max_pool1d` returned, integers in the shape of `input`. Of several elements with the same
            position the last one stays, and those with a position outside of the result are left out.
        kernel_size: as for the pooling.
        stride: as for the pooling.
        padding: as for the pooling.
        output_size: the shape of the result, or its spatial part: less than a stride from
            `(W - 1) stride + kernel_size - 2 padding`, which is taken if it is `None`.

    Raises:
        ArgumentError: an amount is no positive integer (for `padding`: no natural number), or `output_size` cannot be.
        ShapeError: `input` has another number of dimensions, or `indices` another shape.
        DtypeError: `input` is not floating point, or `indices` are not integers.

    Example:
        >>> values, indices = np.array([[5.0, 4.0]]), np.array([[1, 3]])
        >>> max_unpool1d(values, indices, 2)
        array([[0., 5., 0., 4.]])
    """
    return _max_unpool(
        input, indices, "max_unpool1d", *_unpooling("max_unpool1d", 1, kernel_size, stride, padding, output_size)
    )


@checked
def max_unpool2d(
    input: Any,  # noqa: A002
    indices: Any,
    kernel_size: Amounts,
    stride: Amounts | None = None,
    padding: Amounts = 0,
    output_size: Sequence[int] | None = None,
) -> Any:
    """`max_unpool1d` over the last two dimensions of `[N, C, H, W]` or `[C, H, W]`; amounts are integers or pairs of them.

    Example:
        >>> max_unpool2d(np.array([[[7.0]]]), np.array([[[2]]]), 2)
        array([[[0., 0.],
                [7., 0.]]])
    """
    return _max_unpool(
        input, indices, "max_unpool2d", *_unpooling("max_unpool2d", 2, kernel_size, stride, padding, output_size)
    )


@checked
def max_unpool3d(
    input: Any,  # noqa: A002
    indices: Any,
    kernel_size: Amounts,
    stride: Amounts | None = None,
    padding: Amounts = 0,
    output_size: Sequence[int] | None = None,
) -> Any:
    """`max_unpool1d` over the last three dimensions of `[N, C, D, H, W]` or `[C, D, H, W]`; amounts are integers or triples.

    Example:
        >>> max_unpool3d(np.array([[[[7.0]]]]), np.array([[[[1]]]]), (1, 1, 2))
        array([[[[0., 7.]]]])
    """
    return _max_unpool(
        input, indices, "max_unpool3d", *_unpooling("max_unpool3d", 3, kernel_size, stride, padding, output_size)
    )


def _unpooling(
    name: str, rank: int, kernel_size: Amounts, stride: Amounts | None, padding: Amounts, output_size: Any
) -> tuple[tuple[tuple[int, int, int], ...], tuple[int, ...] | None]:
    """Size, stride and padding of each dimension, and what the result shall have there."""
    sizes = per_dimension(name, "kernel_size", kernel_size, rank)
    strides = sizes if stride is None else per_dimension(name, "stride", stride, rank)
    amounts = per_dimension(name, "padding", padding, rank, 0)
    if output_size is not None:
        output_size = per_dimension(name, "output_size", tuple(output_size)[-rank:], rank, 0)
    return tuple(zip(sizes, strides, amounts, strict=True)), output_size


@compiled(("name", "windows", "output_size"))
def _max_unpool(
    input: Any,  # noqa: A002
    indices: Any,
    name: str,
    windows: tuple[tuple[int, int, int], ...],
    output_size: tuple[int, ...] | None,
) -> Any:
    x, positions, rank = floating_tracer(input, name), as_tracer(indices), len(windows)
    check_rank(x, name, (rank + 1, rank + 2), image_layout(rank))
    if positions.dtype.kind not in "iu":
        raise DtypeError(at_user_line(f"{name}: indices have dtype {positions.dtype}, expected integers"))
    if positions.shape != x.shape:
        raise ShapeError(
            at_user_line(f"{name}: indices have shape {positions.shape}, expected that of input, {x.shape}")
        )
    natural = tuple((n - 1) * s + k - 2 * p for n, (k, s, p) in zip(x.shape[-rank:], windows, strict=True))
    plane = natural if output_size is None else output_size
    if min(plane) < 0 or any(abs(a - b) >= s for a, b, (_, s, _) in zip(plane, natural, windows, strict=True)):
        raise ArgumentError(
            at_user_line(f"{name}: output_size is {plane}; use sizes less than a stride from {natural}")
        )
    outer = x.shape[: x.ndim - rank]
    rows, count, size = math.prod(outer), math.prod(x.shape[len(outer) :]), math.prod(plane)
    result = scatter(
        current_frame().builder,
        array_value(np.zeros((rows, size), x.dtype)),
        array_value(positions.reshape(rows, count, 1)),
        array_value(x.reshape(rows, count)),
        (1,),
        "set",
        batch_dims=1,
        bounds="drop",
    )
    return new_tracer(result).reshape(*outer, *plane)
