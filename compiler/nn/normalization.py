"""Normalisation by mean and variance."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from compiler.compiled_functions import compiled
from compiler.errors import ShapeError, at_user_line
from compiler.nn.operands import floating_tracer


def layer_norm(
    input: Any,  # noqa: A002
    normalized_shape: int | Sequence[int],
    weight: Any = None,
    bias: Any = None,
    eps: float = 1e-5,
) -> Any:
    """Layer normalisation (Ba, Kiros and Hinton, arXiv 1607.06450) over the last dimensions.

    `(x - mean) / sqrt(variance + eps) * weight + bias`, with the variance over `n`, not `n - 1`.

    Args:
        input: shape `[…, *normalized_shape]`, float32 or float64.
        normalized_shape: sizes of the last dimensions, as an integer or a tuple.
        weight: shape `normalized_shape`, or `None` for ones.
        bias: shape `normalized_shape`, or `None` for zeros.
        eps: added to the variance.

    Raises:
        ShapeError: the last dimensions of `input` are not `normalized_shape`.

    Example:
        >>> layer_norm(np.array([[1.0, 2.0, 3.0]]), 3).round(4)
        array([[-1.2247,  0.    ,  1.2247]])
    """
    sizes = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    return _layer_norm(input, sizes, weight, bias, eps)


@compiled(("sizes", "eps"))
def _layer_norm(input: Any, sizes: tuple[int, ...], weight: Any, bias: Any, eps: float) -> Any:  # noqa: A002
    x = floating_tracer(input, "layer_norm")
    if not sizes or x.shape[-len(sizes) :] != sizes:
        raise ShapeError(at_user_line(f"layer_norm: input has shape {x.shape}, expected it to end in {sizes}"))
    axes = tuple(range(x.ndim - len(sizes), x.ndim))
    centred = x - np.mean(x, axis=axes, keepdims=True)
    variance = np.mean(centred * centred, axis=axes, keepdims=True)
    result = centred / np.sqrt(variance + eps)
    for parameter, name in ((weight, "weight"), (bias, "bias")):
        if parameter is not None and tuple(np.shape(parameter)) != sizes:
            raise ShapeError(at_user_line(f"layer_norm: {name} has shape {np.shape(parameter)}, expected {sizes}"))
    if weight is not None:
        result = result * weight
    return result if bias is None else result + bias
