"""Normalisation: by mean and variance of features, groups, instances or batches, by root mean squares, by neighbours."""

import functools
import math
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
from ml_dtypes import finfo

from compiler.argument_checks import checked
from compiler.axes import is_sequence
from compiler.compiled_functions import compiled
from compiler.custom_derivatives import custom_jvp
from compiler.errors import ShapeError, at_user_line
from compiler.nn.operands import check_known, constant_for_derivatives, floating_tracer, operand_like
from compiler.numpy_windows import reduced_windows
from compiler.tracing import Tracer


@checked
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
    return _layer_norm(input, _sizes("layer_norm", normalized_shape), weight, bias, eps)


def _sizes(name: str, normalized_shape: int | Sequence[int]) -> tuple[int, ...]:
    sizes = tuple(normalized_shape) if is_sequence(normalized_shape) else (cast(int, normalized_shape),)
    check_known(name, "normalized_shape", *sizes)
    return sizes


@compiled(("sizes", "eps"))
def _layer_norm(input: Any, sizes: tuple[int, ...], weight: Any, bias: Any, eps: float) -> Any:  # noqa: A002
    x, axes = _last_dims("layer_norm", input, sizes)
    parameters = [_parameter("layer_norm", what, p, sizes, x) for what, p in (("weight", weight), ("bias", bias))]
    return _affine(_standardised(x, axes, eps)[0], *parameters)


def _last_dims(name: str, input: Any, sizes: tuple[int, ...]) -> tuple[Tracer, tuple[int, ...]]:  # noqa: A002
    x = floating_tracer(input, name)
    if not sizes or x.shape[-len(sizes) :] != sizes:
        raise ShapeError(at_user_line(f"{name}: input has shape {x.shape}, expected it to end in {sizes}"))
    return x, tuple(range(x.ndim - len(sizes), x.ndim))


def _parameter(name: str, what: str, x: Any, sizes: tuple[int, ...], like: Tracer) -> Any:
    if x is None:
        return None
    parameter = operand_like(x, like)
    if parameter.shape != sizes:
        raise ShapeError(at_user_line(f"{name}: {what} has shape {parameter.shape}, expected {sizes}"))
    return parameter


def _channels(name: str, what: str, x: Any, like: Tracer) -> Any:
    """A parameter for each channel, to be broadcast with an input of shape `[batch, channels, …]`."""
    parameter = _parameter(name, what, x, like.shape[1:2], like)
    return None if parameter is None else parameter.reshape((-1, *(1,) * (like.ndim - 2)))


@functools.partial(custom_jvp, nondiff_argnums=(1, 2))
def _standardised(x: Any, axes: tuple[int, ...], eps: float) -> tuple[Any, Any, Any]:
    """`(x - mean) / sqrt(variance + eps)`, the mean, and the variance."""
    mean = np.mean(x, axis=axes, keepdims=True)
    centred = x - mean
    variance = np.mean(centred * centred, axis=axes, keepdims=True)
    return centred * _inverse_deviation(variance, eps), mean, variance


@_standardised.defjvp
def _standardised_jvp(axes: tuple[int, ...], eps: float, primals: tuple[Any], tangents: tuple[Any]) -> tuple[Any, Any]:
    """Two means and one pass over the elements, forwards and transposed: the derivative is a projection, divided by the deviation."""
    (x,), (dx,) = primals, tangents
    result, mean, variance = _standardised(x, axes, eps)
    d_mean = np.mean(dx, axis=axes, keepdims=True)
    d_variance_half = np.mean(result * dx, axis=axes, keepdims=True)
    return (result, mean, variance), (
        (dx - d_mean - result * d_variance_half) * _inverse_deviation(variance, eps),
        d_mean,
        2.0 * np.sqrt(variance + eps) * d_variance_half,
    )


def _inverse_deviation(variance: Any, eps: float) -> Any:
    """A factor for each row: multiplying a row is many times faster than dividing it."""
    return 1.0 / np.sqrt(variance + eps)


def _affine(x: Any, weight: Any, bias: Any) -> Any:
    scaled = x if weight is None else x * weight
    return scaled if bias is None else scaled + bias


@checked
def rms_norm(
    input: Any,  # noqa: A002
    normalized_shape: int | Sequence[int],
    weight: Any = None,
    eps: float | None = None,
) -> Any:
    """Root mean square normalisation (Zhang and Sennrich, arXiv 1910.07467): `x / sqrt(mean(x**2) + eps) * weight`.

    Args:
        input: shape `[…, *normalized_shape]`, float32 or float64.
        normalized_shape: sizes of the last dimensions, as an integer or a tuple.
        weight: shape `normalized_shape`, or `None` for ones.
        eps: added to the mean; that of the dtype if `None`.

    Raises:
        ShapeError: the last dimensions of `input` are not `normalized_shape`.

    Example:
        >>> rms_norm(np.array([[3.0, 4.0]]), 2).round(4)
        array([[0.8485, 1.1314]])
    """
    return _rms_norm(input, _sizes("rms_norm", normalized_shape), weight, eps)


@compiled(("sizes", "eps"))
def _rms_norm(input: Any, sizes: tuple[int, ...], weight: Any, eps: float | None) -> Any:  # noqa: A002
    x, axes = _last_dims("rms_norm", input, sizes)
    least = float(cast(Any, finfo(x.dtype)).eps) if eps is None else eps
    scaled = x * _inverse_deviation(np.mean(x * x, axis=axes, keepdims=True), least)
    return _affine(scaled, _parameter("rms_norm", "weight", weight, sizes, x), None)


@compiled(("training", "momentum", "eps"))
def batch_norm(
    input: Any,  # noqa: A002
    running_mean: Any,
    running_var: Any,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> tuple[Any, Any, Any]:
    """Batch normalisation (Ioffe and Szegedy, arXiv 1502.03167): by mean and variance of each channel.

    Unlike PyTorch's it changes nothing in place: the running statistics are returned.

    Args:
        input: shape `[batch, channels, …]`, float32 or float64.
        running_mean: shape `[channels]`; it may be `None` in training.
        running_var: shape `[channels]`; it may be `None` in training.
        weight: shape `[channels]`, or `None` for ones.
        bias: shape `[channels]`, or `None` for zeros.
        training: whether mean and variance are those of the input, over all dimensions but the channels; otherwise they are
            the running statistics.
        momentum: share of the new statistics in the running ones.
        eps: added to the variance.

    Returns:
        The normalised input and the running mean and variance: in training,
        `(1 - momentum) * running + momentum * new`, with the variance over `n - 1`, and constant for derivatives;
        otherwise as they were given.

    Raises:
        ShapeError: there is nothing to take a variance of, or the shapes do not fit.

    Example:
        >>> x = np.array([[1.0], [2.0], [3.0]])
        >>> output, mean, variance = batch_norm(x, np.zeros(1), np.ones(1), training=True)
        >>> output[:, 0].round(4), mean, variance
        (array([-1.2247,  0.    ,  1.2247]), array([0.2]), array([1.]))
    """
    x = floating_tracer(input, "batch_norm")
    if x.ndim < 2:
        raise ShapeError(at_user_line(f"batch_norm: input has shape {x.shape}, expected [batch, channels, …]"))
    axes = (0, *range(2, x.ndim))
    return _with_statistics("batch_norm", x, axes, running_mean, running_var, weight, bias, training, momentum, eps)


@compiled(("use_input_stats", "momentum", "eps"))
def instance_norm(
    input: Any,  # noqa: A002
    running_mean: Any = None,
    running_var: Any = None,
    weight: Any = None,
    bias: Any = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> tuple[Any, Any, Any]:
    """Instance normalisation (Ulyanov et al., arXiv 1607.08022): by mean and variance of each channel of each element.

    Args:
        input: shape `[batch, channels, …]` with at least one more dimension, float32 or float64.
        running_mean: shape `[channels]`, or `None`.
        running_var: shape `[channels]`, or `None`.
        weight: shape `[channels]`, or `None` for ones.
        bias: shape `[channels]`, or `None` for zeros.
        use_input_stats: whether mean and variance are those of the input; otherwise they are the running statistics.
        momentum: share of the new statistics, averaged over the batch, in the running ones.
        eps: added to the variance.

    Returns:
        The normalised input and the running mean and variance, as `batch_norm`.

    Raises:
        ShapeError: there is nothing to take a variance of, or the shapes do not fit.

    Example:
        >>> instance_norm(np.array([[[1.0, 3.0], [5.0, 5.0]]]))[0].round(4)
        array([[[-1.,  1.],
                [ 0.,  0.]]])
    """
    x = floating_tracer(input, "instance_norm")
    if x.ndim < 3:
        raise ShapeError(at_user_line(f"instance_norm: input has shape {x.shape}, expected [batch, channels, …]"))
    axes = tuple(range(2, x.ndim))
    return _with_statistics(
        "instance_norm", x, axes, running_mean, running_var, weight, bias, use_input_stats, momentum, eps
    )


def _with_statistics(
    name: str,
    x: Tracer,
    axes: tuple[int, ...],
    running_mean: Any,
    running_var: Any,
    weight: Any,
    bias: Any,
    training: bool,
    momentum: float,
    eps: float,
) -> tuple[Any, Any, Any]:
    factor, offset = _channels(name, "weight", weight, x), _channels(name, "bias", bias, x)
    running = [
        _channels(name, what, statistic, x)
        for what, statistic in (("running_mean", running_mean), ("running_var", running_var))
    ]
    if not training:
        if running[0] is None or running[1] is None:
            raise ShapeError(at_user_line(f"{name}: without training, running_mean and running_var are needed"))
        inverse = 1.0 / np.sqrt(running[1] + eps)
        scaled = (x - running[0]) * (inverse if factor is None else inverse * factor)
        return _affine(scaled, None, offset), running_mean, running_var
    count = math.prod(x.shape[axis] for axis in axes)
    if count == 1:
        raise ShapeError(
            at_user_line(
                f"{name}: input has shape {x.shape}, with one value to take a variance of; training needs more"
            )
        )
    result, mean, variance = _standardised(x, axes, eps)
    new = [
        None if old is None else _moved(old.reshape(-1), np.mean(statistic, axis=(0, *range(2, x.ndim))), momentum)
        for old, statistic in zip(running, (mean, variance * (count / max(count - 1, 1))), strict=True)
    ]
    return _affine(result, factor, offset), new[0], new[1]


def _moved(old: Any, new: Any, momentum: float) -> Any:
    return constant_for_derivatives((1.0 - momentum) * old + momentum * new)


@compiled(("num_groups", "eps"))
def group_norm(
    input: Any,  # noqa: A002
    num_groups: int,
    weight: Any = None,
    bias: Any = None,
    eps: float = 1e-5,
) -> Any:
    """Group normalisation (Wu and He, arXiv 1803.08494): by mean and variance of groups of channels of each element.

    Args:
        input: shape `[batch, channels, …]`, float32 or float64.
        num_groups: how many groups; it divides the channels.
        weight: shape `[channels]`, or `None` for ones.
        bias: shape `[channels]`, or `None` for zeros.
        eps: added to the variance.

    Raises:
        ShapeError: the shapes do not fit.

    Example:
        >>> group_norm(np.array([[1.0, 3.0, 5.0, 5.0]]), 2).round(4)
        array([[-1.,  1.,  0.,  0.]])
    """
    x = floating_tracer(input, "group_norm")
    if x.ndim < 2:
        raise ShapeError(at_user_line(f"group_norm: input has shape {x.shape}, expected [batch, channels, …]"))
    if num_groups < 1 or x.shape[1] % num_groups:
        raise ShapeError(
            at_user_line(f"group_norm: {x.shape[1]} channels cannot be divided into {num_groups} equal groups")
        )
    factor, offset = _channels("group_norm", "weight", weight, x), _channels("group_norm", "bias", bias, x)
    groups = x.reshape((x.shape[0], num_groups, x.shape[1] // num_groups, *x.shape[2:]))
    normalised = _standardised(groups, tuple(range(2, groups.ndim)), eps)[0]
    return _affine(normalised.reshape(x.shape), factor, offset)


@compiled(("size", "alpha", "beta", "k"))
def local_response_norm(
    input: Any,  # noqa: A002
    size: int,
    alpha: float = 1e-4,
    beta: float = 0.75,
    k: float = 1.0,
) -> Any:
    """`x / (k + alpha * mean(x**2))**beta`, with the mean over `size` neighbouring channels; those that are not there are 0.

    The response normalisation of Krizhevsky, Sutskever and Hinton (NIPS 2012), whose `alpha` is this one divided by `size`.

    Args:
        input: shape `[batch, channels, …]` with at least one more dimension, float32 or float64.
        size: how many channels, `size // 2` of them before.
        alpha: the factor of the mean.
        beta: the exponent.
        k: added to it.

    Raises:
        ShapeError: the input has too few dimensions, or `size` is not positive.

    Example:
        >>> local_response_norm(np.array([[[3.0], [4.0]]]), 2, alpha=2.0, beta=0.5, k=0.0).round(4)
        array([[[1. ],
                [0.8]]])
    """
    x = floating_tracer(input, "local_response_norm")
    if x.ndim < 3:
        raise ShapeError(at_user_line(f"local_response_norm: input has shape {x.shape}, expected [batch, channels, …]"))
    if size < 1:
        raise ShapeError(at_user_line(f"local_response_norm: size is {size}; use a positive integer"))
    around = [(0, 0), (size // 2, (size - 1) // 2), *[(0, 0)] * (x.ndim - 2)]
    window = (1, size, *(1,) * (x.ndim - 2))
    return x / (k + alpha / size * reduced_windows(x * x, "sum", window, 1, around, 1, 1)) ** beta
