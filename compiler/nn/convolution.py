"""Convolution in one to three dimensions, and its adjoint."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from compiler.axes import is_sequence
from compiler.compiled_functions import compiled
from compiler.errors import ArgumentError, DtypeError, ShapeError, at_user_line
from compiler.frames import current_frame
from compiler.nn.operands import check_rank, image_layout, per_dimension
from compiler.numpy_linalg import product_operands
from compiler.operands import as_tracer
from compiler.tracer import Tracer, value_of
from dialects.dlc import convolution
from dialects.dlc.convolution_geometry import Geometry
from dialects.dlc.interfaces import dtype_kind

Amount = int | Sequence[int]
Padding = int | str | Sequence[int] | Sequence[tuple[int, int]]


@compiled(("stride", "padding", "dilation", "groups"))
def conv(
    input: Any,  # noqa: A002
    weight: Any,
    bias: Any = None,
    stride: Amount = 1,
    padding: Padding = 0,
    dilation: Amount = 1,
    groups: int = 1,
) -> Any:
    """Convolution (in the sense of neural networks: the kernel is not turned round) over as many dimensions as `weight` has.

    `result[n, o, p] = bias[o] + sum over i, k of input[n, g * I + i, p * stride + k * dilation - padding] * weight[o, i, k]`, where
    output channel `o` is in group `g = o // (O / groups)`, and `input` is zero beyond its ends.

    Args:
        input: `[N, C, spatial…]`, or without `N`; floating point, complex or integers.
        weight: `[O, C / groups, kernel…]`.
        bias: `[O]`, or `None` for zeros.
        stride: steps between windows, for all spatial dimensions or for each.
        padding: zeros on both sides, for all spatial dimensions or for each, or pairs of amounts in front and behind; `"valid"` is
            none, `"same"` as many as keep the sizes, with stride 1 (of an odd number the smaller half in front).
        dilation: distance of the elements in a window.
        groups: into how many parts the channels are divided, each of which is convolved by itself.

    Returns:
        `[N, O, spatial…]`, `(size + padding - (kernel - 1) * dilation - 1) // stride + 1` in each dimension.

    Raises:
        ShapeError: shapes, groups or numbers of amounts do not fit, or no window fits into the input.
        ArgumentError: an amount is out of range, or `padding="same"` has a stride.

    Example:
        >>> conv(np.array([[1.0, 2.0, 4.0]]), np.array([[[-1.0, 1.0]]]))
        array([[1., 2.]])
    """
    return _convolved("conv", None, input, weight, bias, stride, padding, dilation, groups)


@compiled(("stride", "padding", "dilation", "groups"))
def conv1d(
    input: Any,  # noqa: A002
    weight: Any,
    bias: Any = None,
    stride: Amount = 1,
    padding: Padding = 0,
    dilation: Amount = 1,
    groups: int = 1,
) -> Any:
    """`conv` over one dimension: `input` is `[N, C, length]` or `[C, length]`, `weight` `[O, C / groups, kernel]`.

    Example:
        >>> conv1d(np.ones((1, 1, 4)), np.ones((1, 1, 3)), padding="same")
        array([[[2., 3., 3., 2.]]])
    """
    return _convolved("conv1d", 1, input, weight, bias, stride, padding, dilation, groups)


@compiled(("stride", "padding", "dilation", "groups"))
def conv2d(
    input: Any,  # noqa: A002
    weight: Any,
    bias: Any = None,
    stride: Amount = 1,
    padding: Padding = 0,
    dilation: Amount = 1,
    groups: int = 1,
) -> Any:
    """`conv` over two dimensions: `input` is `[N, C, height, width]` or `[C, height, width]`.

    Example:
        >>> conv2d(np.ones((2, 3, 8, 8)), np.ones((5, 3, 3, 3)), stride=2, padding=1).shape
        (2, 5, 4, 4)
    """
    return _convolved("conv2d", 2, input, weight, bias, stride, padding, dilation, groups)


@compiled(("stride", "padding", "dilation", "groups"))
def conv3d(
    input: Any,  # noqa: A002
    weight: Any,
    bias: Any = None,
    stride: Amount = 1,
    padding: Padding = 0,
    dilation: Amount = 1,
    groups: int = 1,
) -> Any:
    """`conv` over three dimensions: `input` is `[N, C, depth, height, width]` or `[C, depth, height, width]`.

    Example:
        >>> conv3d(np.ones((2, 3, 4, 8, 8)), np.ones((5, 3, 1, 3, 3))).shape
        (2, 5, 4, 6, 6)
    """
    return _convolved("conv3d", 3, input, weight, bias, stride, padding, dilation, groups)


def _convolved(
    name: str,
    rank: int | None,
    input: Any,  # noqa: A002
    weight: Any,
    bias: Any,
    stride: Amount,
    padding: Padding,
    dilation: Amount,
    groups: int,
) -> Tracer:
    x, w, is_batch = _operands(name, rank, input, weight)
    spatial = w.ndim - 2
    steps = per_dimension(name, "stride", stride, spatial)
    dilations = per_dimension(name, "dilation", dilation, spatial)
    _check_groups(name, groups, x, w, channels=x.shape[1], inputs=w.shape[1] * groups, outputs=w.shape[0])
    spans = [(k - 1) * d + 1 for k, d in zip(w.shape[2:], dilations, strict=True)]
    low, high = _padding(name, padding, steps, spans)
    geometry = Geometry(steps, low, high, (1,) * spatial, dilations, groups)
    for d, (size, span) in enumerate(zip(x.shape[2:], spans, strict=True)):
        if size + low[d] + high[d] < span:
            raise ShapeError(
                at_user_line(
                    f"{name}: a window of {span} does not fit the padded size {size + low[d] + high[d]} of spatial dimension "
                    f"{d} of input {x.shape}; use more padding"
                )
            )
    frame = current_frame()
    value = convolution.convolution(frame.builder, value_of(x, frame), value_of(w, frame), geometry)
    return _finished(name, Tracer(frame, value), bias, is_batch)


@compiled(("stride", "padding", "output_padding", "groups", "dilation"))
def conv_transpose(
    input: Any,  # noqa: A002
    weight: Any,
    bias: Any = None,
    stride: Amount = 1,
    padding: Amount = 0,
    output_padding: Amount = 0,
    groups: int = 1,
    dilation: Amount = 1,
) -> Any:
    """The adjoint of `conv` in its input (also called deconvolution), plus a bias: what makes an image larger.

    `result[n, g * O + o, m]` is `bias[g * O + o]` plus the sum over all `i, p, k` with `p * stride + k * dilation - padding = m` of
    `input[n, g * I + i, p] * weight[g * I + i, o, k]`.

    Args:
        input: `[N, C, spatial…]`, or without `N`; floating point, complex or integers.
        weight: `[C, O, kernel…]` for `O` output channels per group.
        bias: `[groups * O]`, or `None` for zeros.
        stride: steps between the windows of the result, for all spatial dimensions or for each.
        padding: how much is cut off on both sides of the result.
        output_padding: how much less is cut off at the end; below `stride` or `dilation`. It tells apart the sizes that `conv` rounds to one.
        groups: into how many parts the channels are divided, each of which is convolved by itself.
        dilation: distance of the elements in a window.

    Returns:
        `[N, groups * O, spatial…]`, `(size - 1) * stride - 2 * padding + (kernel - 1) * dilation + output_padding + 1` in each dimension.

    Raises:
        ShapeError: shapes, groups or numbers of amounts do not fit, or nothing is left of the result.
        ArgumentError: an amount is out of range.

    Example:
        >>> conv_transpose(np.array([[1.0, 2.0]]), np.array([[[1.0, 1.0]]]), stride=2)
        array([[1., 1., 2., 2.]])
    """
    arguments = bias, stride, padding, output_padding, groups, dilation
    return _transposed("conv_transpose", None, input, weight, *arguments)


@compiled(("stride", "padding", "output_padding", "groups", "dilation"))
def conv_transpose1d(
    input: Any,  # noqa: A002
    weight: Any,
    bias: Any = None,
    stride: Amount = 1,
    padding: Amount = 0,
    output_padding: Amount = 0,
    groups: int = 1,
    dilation: Amount = 1,
) -> Any:
    """`conv_transpose` over one dimension.

    Example:
        >>> conv_transpose1d(np.ones((1, 2, 4)), np.ones((2, 3, 5)), stride=2).shape
        (1, 3, 11)
    """
    arguments = bias, stride, padding, output_padding, groups, dilation
    return _transposed("conv_transpose1d", 1, input, weight, *arguments)


@compiled(("stride", "padding", "output_padding", "groups", "dilation"))
def conv_transpose2d(
    input: Any,  # noqa: A002
    weight: Any,
    bias: Any = None,
    stride: Amount = 1,
    padding: Amount = 0,
    output_padding: Amount = 0,
    groups: int = 1,
    dilation: Amount = 1,
) -> Any:
    """`conv_transpose` over two dimensions.

    Example:
        >>> conv_transpose2d(np.ones((1, 2, 4, 4)), np.ones((2, 3, 4, 4)), stride=2, padding=1).shape
        (1, 3, 8, 8)
    """
    arguments = bias, stride, padding, output_padding, groups, dilation
    return _transposed("conv_transpose2d", 2, input, weight, *arguments)


@compiled(("stride", "padding", "output_padding", "groups", "dilation"))
def conv_transpose3d(
    input: Any,  # noqa: A002
    weight: Any,
    bias: Any = None,
    stride: Amount = 1,
    padding: Amount = 0,
    output_padding: Amount = 0,
    groups: int = 1,
    dilation: Amount = 1,
) -> Any:
    """`conv_transpose` over three dimensions.

    Example:
        >>> conv_transpose3d(np.ones((1, 2, 3, 4, 4)), np.ones((2, 3, 1, 2, 2)), stride=(1, 2, 2)).shape
        (1, 3, 3, 8, 8)
    """
    arguments = bias, stride, padding, output_padding, groups, dilation
    return _transposed("conv_transpose3d", 3, input, weight, *arguments)


def _transposed(
    name: str,
    rank: int | None,
    input: Any,  # noqa: A002
    weight: Any,
    bias: Any,
    stride: Amount,
    padding: Amount,
    output_padding: Amount,
    groups: int,
    dilation: Amount,
) -> Tracer:
    x, w, is_batch = _operands(name, rank, input, weight)
    spatial = w.ndim - 2
    steps = per_dimension(name, "stride", stride, spatial)
    dilations = per_dimension(name, "dilation", dilation, spatial)
    paddings = per_dimension(name, "padding", padding, spatial, 0)
    more = per_dimension(name, "output_padding", output_padding, spatial, 0)
    _check_groups(name, groups, x, w, channels=x.shape[1], inputs=w.shape[0], outputs=w.shape[0])
    for amount, step, distance in zip(more, steps, dilations, strict=True):
        if amount >= max(step, distance):
            raise ArgumentError(
                at_user_line(
                    f"{name}: output_padding is {amount}, expected less than stride {step} or dilation {distance}"
                )
            )
    reach = [(k - 1) * d for k, d in zip(w.shape[2:], dilations, strict=True)]
    low = tuple(span - amount for span, amount in zip(reach, paddings, strict=True))
    high = tuple(amount + behind for amount, behind in zip(low, more, strict=True))
    geometry = Geometry((1,) * spatial, low, high, steps, dilations, groups)
    sizes = geometry.counts(x.shape[2:], w.shape[2:])
    if any(size < 1 for size in sizes):
        raise ShapeError(
            at_user_line(
                f"{name}: padding {padding} leaves nothing of the result for input {x.shape}; use less padding"
            )
        )
    frame = current_frame()
    kernel = convolution.turned(frame.builder, value_of(w, frame), groups)
    result = convolution.convolution(frame.builder, value_of(x, frame), kernel, geometry)
    return _finished(name, Tracer(frame, result), bias, is_batch)


def _operands(name: str, rank: int | None, x: Any, weight: Any) -> tuple[Tracer, Tracer, bool]:
    """Input and weight in one dtype, the input with a batch dimension; and whether it had one."""
    x, w = product_operands(name, x, weight)
    if dtype_kind(x.dtype) == "b":
        raise DtypeError(at_user_line(f"{name}: input has dtype bool, expected numbers; convert it with astype"))
    if w.ndim < 3 or w.ndim - 2 != (w.ndim - 2 if rank is None else rank) or w.ndim > 5:
        spatial = "1 to 3" if rank is None else str(rank)
        raise ShapeError(
            at_user_line(f"{name}: weight has shape {w.shape}, expected two dimensions and {spatial} spatial ones")
        )
    if 0 in w.shape[2:]:
        raise ShapeError(
            at_user_line(f"{name}: weight has shape {w.shape}, expected at least one element in each window")
        )
    check_rank(x, name, (w.ndim - 1, w.ndim), image_layout(w.ndim - 2))
    is_batch = x.ndim == w.ndim
    return (x if is_batch else x[None]), w, is_batch


def _check_groups(name: str, groups: Any, x: Tracer, w: Tracer, *, channels: int, inputs: int, outputs: int) -> None:
    if isinstance(groups, bool) or not isinstance(groups, int | np.integer) or groups < 1:
        raise ArgumentError(at_user_line(f"{name}: groups is {groups!r}, expected a positive integer"))
    if channels != inputs:
        raise ShapeError(
            at_user_line(
                f"{name}: input {x.shape} has {channels} channels, expected {inputs} for weight {w.shape} and {groups} groups; "
                "channels come after the batch"
            )
        )
    if channels % groups or outputs % groups:
        raise ShapeError(
            at_user_line(
                f"{name}: {groups} groups do not divide {channels} channels of the input and {outputs} of weight"
            )
        )


def _padding(
    name: str, padding: Any, steps: Sequence[int], spans: Sequence[int]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """How many zeros are in front and behind."""
    rank = len(steps)
    if isinstance(padding, str):
        if padding == "valid":
            return (0,) * rank, (0,) * rank
        if padding != "same":
            raise ArgumentError(at_user_line(f"{name}: padding is {padding!r}, expected 'valid', 'same' or numbers"))
        if set(steps) != {1}:
            raise ArgumentError(at_user_line(f"{name}: padding='same' needs stride 1, got {tuple(steps)}"))
        low = tuple((span - 1) // 2 for span in spans)
        return low, tuple(span - 1 - amount for span, amount in zip(spans, low, strict=True))
    if is_sequence(padding) and any(map(is_sequence, padding)):
        pairs = [per_dimension(name, "padding", pair, 2, 0) for pair in padding]
        if len(pairs) != rank:
            raise ShapeError(at_user_line(f"{name}: padding is {padding}, expected {rank} pairs"))
        return tuple(low for low, _ in pairs), tuple(high for _, high in pairs)
    both = per_dimension(name, "padding", padding, rank, 0)
    return both, both


def _finished(name: str, result: Tracer, bias: Any, is_batch: bool) -> Tracer:
    """The result plus the bias, without the batch dimension if there was none."""
    total: Any = result
    if bias is not None:
        b = as_tracer(bias)
        if b.shape != (result.shape[1],):
            raise ShapeError(at_user_line(f"{name}: bias has shape {b.shape}, expected {(result.shape[1],)}"))
        total = total + b.reshape(-1, *(1,) * (result.ndim - 2))
    return total if is_batch else total[0]
