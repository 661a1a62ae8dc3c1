"""Activations, normalisation and losses as functions of arrays, under PyTorch's names and signatures.

All work inside of `jit` and the transforms, where they become part of the program, and outside, where each is compiled
for the shapes it is called with. Arrays may be float32 or float64; results have the dtype of the input.
"""

import math
from collections.abc import Sequence
from typing import Any, Literal, cast

import numpy as np

from compiler.compiled_functions import compiled
from compiler.errors import ArgumentError, DtypeError, ShapeError, at_user_line
from compiler.numpy_sorting import top_k as traced_top_k
from compiler.numpy_windows import reduced_windows
from compiler.special_rules import log_expit
from compiler.tracing import Tracer, array_value, current_frame, new_tracer
from dialects.dlc import unary
from dialects.dlc.interfaces import dtype_kind

__all__ = [
    "cross_entropy",
    "gelu",
    "layer_norm",
    "log_sigmoid",
    "log_softmax",
    "logsumexp",
    "reduce_window",
    "relu",
    "sigmoid",
    "softmax",
    "top_k",
]


def _traced(x: Any, name: str) -> Tracer:
    """`x` as a floating-point tracer."""
    tracer = new_tracer(array_value(x), isinstance(x, float))
    if dtype_kind(tracer.dtype) != "f":
        raise DtypeError(
            at_user_line(f"{name}: input has dtype {tracer.dtype}, expected float32 or float64; convert it with astype")
        )
    return tracer


@compiled()
def relu(input: Any) -> Any:  # noqa: A002 - PyTorch's name
    """`max(input, 0)`; NaN stays NaN; the derivative at 0 is 0.

    Args:
        input: any shape, float32 or float64.

    Example:
        >>> relu(np.array([-1.0, 0.0, 2.0]))
        array([0., 0., 2.])
    """
    x = _traced(input, "relu")
    return np.where(x <= 0, np.zeros_like(x), x)


@compiled()
def sigmoid(input: Any) -> Any:  # noqa: A002
    """`1 / (1 + exp(-input))`.

    Args:
        input: any shape, float32 or float64.

    Example:
        >>> sigmoid(np.array([-1000.0, 0.0, 1000.0]))
        array([0. , 0.5, 1. ])
    """
    x = _traced(input, "sigmoid")
    return new_tracer(unary.logistic(current_frame().builder, array_value(x)))


@compiled()
def log_sigmoid(input: Any) -> Any:  # noqa: A002
    """`log(sigmoid(input))` as `min(input, 0) - log(1 + exp(-|input|))`, without overflow or cancellation.

    Args:
        input: any shape, float32 or float64.

    Example:
        >>> log_sigmoid(np.array([-1000.0, 0.0, 1000.0])).round(4)
        array([-1.000e+03, -6.931e-01,  0.000e+00])
    """
    x = _traced(input, "log_sigmoid")
    return new_tracer(log_expit(current_frame().builder, array_value(x)))


@compiled(("approximate",))
def gelu(input: Any, approximate: Literal["none", "tanh"] = "none") -> Any:  # noqa: A002
    """Gaussian error linear unit (Hendrycks and Gimpel, arXiv 1606.08415).

    Args:
        input: any shape, float32 or float64.
        approximate: `"none"` is `x * (1 + erf(x / sqrt(2))) / 2`; `"tanh"` is
            `x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x**3))) / 2`.

    Example:
        >>> gelu(np.array([-1.0, 0.0, 1.0])).round(4)
        array([-0.1587,  0.    ,  0.8413])
    """
    x = _traced(input, "gelu")
    if approximate == "tanh":
        return 0.5 * x * (1.0 + np.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * x * x * x)))
    if approximate != "none":
        raise ArgumentError(at_user_line(f"gelu: approximate is {approximate!r}; use 'none' or 'tanh'"))
    error = new_tracer(unary.erf(current_frame().builder, array_value(x * math.sqrt(0.5))))
    return 0.5 * x * (1.0 + error)


@compiled(("dim",))
def softmax(input: Any, dim: int = -1) -> Any:  # noqa: A002
    """`exp(input) / sum(exp(input))` along `dim`, computed without overflow.

    Args:
        input: at least one dimension, float32 or float64.
        dim: the dimension that sums to one.

    Example:
        >>> softmax(np.array([[1.0, 1.0], [0.0, 1000.0]]))
        array([[0.5, 0.5],
               [0. , 1. ]])
    """
    x = _traced(input, "softmax")
    _check_dim(x, dim, "softmax")
    if not x.shape[dim]:
        return x
    exponentials = np.exp(x - _maximum(x, dim))
    return exponentials / np.sum(exponentials, axis=dim, keepdims=True)


@compiled(("dim",))
def log_softmax(input: Any, dim: int = -1) -> Any:  # noqa: A002
    """`log(softmax(input))` along `dim`, computed without overflow or cancellation.

    Args:
        input: at least one dimension, float32 or float64.
        dim: the dimension that is normalised.

    Example:
        >>> log_softmax(np.array([0.0, 1000.0]))
        array([-1000.,     0.])
    """
    x = _traced(input, "log_softmax")
    _check_dim(x, dim, "log_softmax")
    if not x.shape[dim]:
        return x
    shifted = x - _maximum(x, dim)
    return shifted - np.log(np.sum(np.exp(shifted), axis=dim, keepdims=True))


def _check_dim(x: Tracer, dim: int, name: str) -> None:
    if isinstance(dim, bool) or not isinstance(dim, int | np.integer):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ArgumentError(at_user_line(f"{name}: dim is {dim!r}; use an integer"))
    if not -x.ndim <= dim < x.ndim:
        raise ShapeError(at_user_line(f"{name}: dim {dim} does not exist in shape {x.shape}"))


def _maximum(x: Tracer, dim: int) -> Tracer:
    """The maximum along `dim`, a constant for derivatives: shifting changes no value."""
    return _stop_gradient(np.max(x, axis=dim, keepdims=True))


def _stop_gradient(x: Any) -> Tracer:
    return new_tracer(unary.stop_gradient(current_frame().builder, array_value(x)))


@compiled(("reduction", "label_smoothing"))
def cross_entropy(
    input: Any,  # noqa: A002
    target: Any,
    *,
    reduction: Literal["none", "mean", "sum"] = "mean",
    label_smoothing: float = 0.0,
) -> Any:
    """Cross entropy between logits and targets.

    Args:
        input: logits of shape `[classes]`, `[batch, classes]` or `[batch, classes, …]`, float32 or float64.
        target: class indices (int32 or int64) of the shape of `input` without the class dimension, or probabilities of the
            shape of `input`. Indices outside of `0 … classes-1` contribute zero.
        reduction: `"mean"` over the batch (and further dimensions), `"sum"`, or `"none"`.
        label_smoothing: in `[0, 1]`: share of the target that is spread evenly over the classes.

    Raises:
        ShapeError: the shapes do not fit.

    Example:
        >>> logits = np.array([[2.0, 0.0], [0.0, 0.0]])
        >>> cross_entropy(logits, np.array([0, 1]), reduction="none").round(4)
        array([0.1269, 0.6931])
    """
    logits = _traced(input, "cross_entropy")
    if reduction not in {"none", "mean", "sum"}:
        raise ArgumentError(at_user_line(f"cross_entropy: reduction is {reduction!r}; use 'none', 'mean' or 'sum'"))
    if not 0.0 <= label_smoothing <= 1.0:
        raise ArgumentError(
            at_user_line(f"cross_entropy: label_smoothing is {label_smoothing}; use a number in [0, 1]")
        )
    if logits.ndim == 0:
        raise ShapeError(at_user_line("cross_entropy: input is a scalar, expected [batch, classes]"))
    axis = 0 if logits.ndim == 1 else 1
    labels = target if isinstance(target, Tracer) else new_tracer(array_value(target))
    surprisal = -log_softmax(logits, dim=axis)
    losses = _surprisal_of_target(surprisal, labels, axis)
    if label_smoothing:
        losses = losses * (1.0 - label_smoothing) + np.mean(surprisal, axis=axis) * label_smoothing
    if reduction == "none":
        return losses
    return losses.mean() if reduction == "mean" else losses.sum()


def _surprisal_of_target(surprisal: Tracer, labels: Tracer, axis: int) -> Any:
    """`surprisal` of the target class, or weighted by the probabilities of the target."""
    if dtype_kind(labels.dtype) == "f":
        if labels.shape != surprisal.shape:
            raise ShapeError(
                at_user_line(
                    f"cross_entropy: probabilities have shape {labels.shape}, expected {surprisal.shape} as the input"
                )
            )
        return np.sum(labels.astype(surprisal.dtype) * surprisal, axis=axis)
    if labels.dtype.kind not in "iu":
        raise DtypeError(
            at_user_line(f"cross_entropy: target has dtype {labels.dtype}, expected class indices or probabilities")
        )
    expected = surprisal.shape[:axis] + surprisal.shape[axis + 1 :]
    if labels.shape != expected:
        raise ShapeError(
            at_user_line(
                f"cross_entropy: target has shape {labels.shape}, expected {expected} for input {surprisal.shape}"
            )
        )
    classes = surprisal.shape[axis]
    index = np.arange(classes, dtype=labels.dtype).reshape([-1 if d == axis else 1 for d in range(surprisal.ndim)])
    # Selected, not multiplied by one-hot weights: an impossible class has an infinite surprisal, and 0 * inf is NaN.
    return np.sum(np.where(np.expand_dims(labels, axis) == index, surprisal, 0.0), axis=axis)


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
    x = _traced(input, "layer_norm")
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


@compiled(("dim", "keepdim"))
def logsumexp(input: Any, dim: int | tuple[int, ...] | None = None, keepdim: bool = False) -> Any:  # noqa: A002
    """`log(sum(exp(input)))` over `dim`, computed without overflow: the largest element is taken out of the sum.

    Args:
        input: any shape, float32 or float64.
        dim: the dimension or dimensions to sum over; all of them if `None`. Over nothing the result is `-inf`.
        keepdim: whether they stay, with size 1.

    Raises:
        ShapeError: there is no such dimension.

    Example:
        >>> logsumexp(np.array([1000.0, 1000.0])).round(3)
        np.float64(1000.693)
    """
    return np.logaddexp.reduce(_traced(input, "logsumexp"), axis=cast(Any, dim), keepdims=keepdim)


@compiled(("k", "dim", "largest"))
def top_k(input: Any, k: int, dim: int = -1, largest: bool = True) -> tuple[Any, Any]:  # noqa: A002
    """The `k` largest (or smallest) elements along `dim` in order, and their positions as int64.

    Of equal elements the first come first. NaN counts as larger than all numbers.

    Args:
        input: at least one dimension, any dtype.
        k: how many; at most as many as there are along `dim`.
        dim: the dimension to search along.
        largest: whether the largest or the smallest are wanted.

    Raises:
        ShapeError: there is no such dimension, or `k` does not fit it.

    Example:
        >>> values, positions = top_k(np.array([3.0, 9.0, 5.0]), 2)
        >>> values, positions
        (array([9., 5.]), array([1, 2]))
    """
    return traced_top_k(input, k, dim, largest)


@compiled(
    ("computation", "window_dimensions", "window_strides", "padding", "base_dilation", "window_dilation"),
)
def reduce_window(
    input: Any,  # noqa: A002
    computation: Literal["sum", "max", "min"],
    window_dimensions: Sequence[int],
    window_strides: Sequence[int] | int = 1,
    padding: str | Sequence[tuple[int, int]] = "VALID",
    base_dilation: Sequence[int] | int = 1,
    window_dilation: Sequence[int] | int = 1,
) -> Any:
    """The sum, or the largest or smallest element, of every window that slides over `input`: StableHLO's `reduce_window`.

    Result `i` is of the elements `i * stride + t * dilation`, `0 <= t < window_dimensions`, in every dimension.

    Args:
        input: any shape; integers or floats.
        computation: `"sum"`, `"max"` or `"min"`.
        window_dimensions: the size of the window in each dimension (1 where it does not extend).
        window_strides: steps between windows, for each dimension or for all.
        padding: `"VALID"` (none), `"SAME"` (as many windows as elements, divided by the stride), or a pair of amounts in front
            and behind for each dimension; what is added changes no result.
        base_dilation: distance at which the elements of `input` are put.
        window_dilation: distance of the elements in a window.

    Raises:
        ShapeError: there is not one positive number for each dimension.
        ArgumentError: `computation` is none of the three.

    Example:
        >>> reduce_window(np.array([1.0, 5.0, 2.0, 4.0]), "max", (2,), 2)
        array([5., 4.])
    """
    arguments = window_strides, padding, base_dilation, window_dilation
    return reduced_windows(input, computation, window_dimensions, *arguments)
