"""The windows of images as columns, and their sum."""

from collections.abc import Sequence
from math import prod
from typing import Any

from compiler.compiled_functions import compiled
from compiler.errors import ShapeError, at_user_line
from compiler.nn.operands import check_rank, image_layout, per_dimension
from compiler.operands import as_tracer
from compiler.tracer import Tracer, xp
from compiler.tracing import array_value, current_frame, new_tracer
from dialects.dlc import unfolding

Amount = int | Sequence[int]


@compiled(("kernel_size", "dilation", "padding", "stride"))
def unfold(
    input: Any,  # noqa: A002
    kernel_size: Amount,
    dilation: Amount = 1,
    padding: Amount = 0,
    stride: Amount = 1,
) -> Any:
    """The windows of images as columns: what `conv2d` multiplies its weights by.

    Args:
        input: `[N, C, height, width]`, or without `N`.
        kernel_size: height and width of a window, or both in one.
        dilation: distance of the elements in a window.
        padding: zeros on both sides.
        stride: steps between windows.

    Returns:
        `[N, C * kernel height * kernel width, number of windows]`.

    Raises:
        ShapeError: `input` is no image, or no window fits into it.
        ArgumentError: an amount is out of range.

    Example:
        >>> unfold(np.arange(6.0).reshape(1, 2, 3), (1, 2))
        array([[0., 1., 3., 4.],
               [1., 2., 4., 5.]])
    """
    x = as_tracer(input)
    check_rank(x, "unfold", (3, 4), image_layout(2))
    is_batch = x.ndim == 4
    x = x if is_batch else x[None]
    grid = _Grid("unfold", x.shape[2:], kernel_size, dilation, padding, stride)
    padded = _padded(x, grid.paddings)
    columns = unfolding.unfold(current_frame().builder, array_value(padded), grid.kernel, grid.strides, grid.dilations)
    result = new_tracer(columns).reshape(x.shape[0], x.shape[1] * prod(grid.kernel), prod(grid.counts))
    return result if is_batch else result[0]


@compiled(("output_size", "kernel_size", "dilation", "padding", "stride"))
def fold(
    input: Any,  # noqa: A002
    output_size: Amount,
    kernel_size: Amount,
    dilation: Amount = 1,
    padding: Amount = 0,
    stride: Amount = 1,
) -> Any:
    """The sum of windows where they lie in an image: the adjoint of `unfold`.

    Args:
        input: `[N, C * kernel height * kernel width, number of windows]`, or without `N`.
        output_size: height and width of the image, or both in one.
        kernel_size: height and width of a window, or both in one.
        dilation: distance of the elements in a window.
        padding: how much is cut off on both sides.
        stride: steps between windows.

    Returns:
        `[N, C, *output_size]`.

    Raises:
        ShapeError: `input` does not have as many windows, or as many elements in each.
        ArgumentError: an amount is out of range.

    Example:
        >>> fold(np.array([[0.0, 1.0], [1.0, 2.0]]), (1, 3), (1, 2))
        array([[[0., 2., 2.]]])
    """
    columns: Any = as_tracer(input)
    check_rank(columns, "fold", (2, 3), "[N, C * kernel elements, windows], or without N")
    is_batch = columns.ndim == 3
    columns = columns if is_batch else columns[None]
    sizes = per_dimension("fold", "output_size", output_size, 2)
    grid = _Grid("fold", sizes, kernel_size, dilation, padding, stride)
    batch, rows, count = columns.shape
    if rows % prod(grid.kernel) or count != prod(grid.counts):
        raise ShapeError(
            at_user_line(
                f"fold: input has shape {columns.shape}, expected a multiple of {prod(grid.kernel)} rows and "
                f"{prod(grid.counts)} columns for an image of {sizes}"
            )
        )
    columns = columns.reshape(batch, rows // prod(grid.kernel), *grid.kernel, *grid.counts)
    whole = [size + 2 * amount for size, amount in zip(sizes, grid.paddings, strict=True)]
    image = new_tracer(
        unfolding.fold(current_frame().builder, array_value(columns), whole, grid.kernel, grid.strides, grid.dilations)
    )
    kept = (slice(amount, amount + size) for size, amount in zip(sizes, grid.paddings, strict=True))
    result = image[(..., *kept)]
    return result if is_batch else result[0]


class _Grid:
    """Where the windows of `unfold` and `fold` lie in an image of some sizes."""

    def __init__(
        self, name: str, sizes: Sequence[int], kernel: Amount, dilation: Amount, padding: Amount, stride: Amount
    ):
        self.kernel = per_dimension(name, "kernel_size", kernel, 2)
        self.dilations = per_dimension(name, "dilation", dilation, 2)
        self.paddings = per_dimension(name, "padding", padding, 2, 0)
        self.strides = per_dimension(name, "stride", stride, 2)
        amounts = zip(sizes, self.paddings, self.kernel, self.dilations, self.strides, strict=True)
        self.counts = tuple((n + 2 * p - (k - 1) * d - 1) // s + 1 for n, p, k, d, s in amounts)
        if any(count < 1 for count in self.counts):
            raise ShapeError(at_user_line(f"{name}: no window of {self.kernel} fits an image of {tuple(sizes)}"))


def _padded(x: Tracer, amounts: Sequence[int]) -> Any:
    return xp.pad(x, ((0, 0), (0, 0), *((n, n) for n in amounts))) if any(amounts) else x
