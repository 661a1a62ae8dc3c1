"""Losses between probabilities: binary cross entropy, and the Kullback-Leibler divergence."""

from typing import Any, Literal

import numpy as np

from compiler.compiled_functions import compiled
from compiler.custom_derivatives import custom_jvp
from compiler.nn.activations import log_sigmoid_of
from compiler.nn.losses import Reduction, reduced
from compiler.nn.operands import check_choice, floating_tracer, operand_like
from compiler.promotion import broadcast_shapes
from compiler.special import xlogy


@compiled(("reduction",))
def binary_cross_entropy(
    input: Any,  # noqa: A002
    target: Any,
    weight: Any = None,
    *,
    reduction: Reduction = "mean",
) -> Any:
    """`-(target * log(input) + (1 - target) * log(1 - input))`, with logarithms of at least -100.

    The derivative is PyTorch's, `(input - target) / max(input * (1 - input), 1e-12)`: large but finite at 0 and 1. That by the target
    is finite there, too, where PyTorch's is infinite.

    Args:
        input: probabilities, any shape, float32 or float64.
        target: probabilities; a shape that broadcasts with it.
        weight: factors of the elements.
        reduction: `"mean"`, `"sum"` or `"none"`; weights do not change what the mean is divided by.

    Example:
        >>> binary_cross_entropy(np.array([0.5, 0.0]), np.array([1.0, 1.0]), reduction="none").round(4)
        array([  0.6931, 100.    ])
    """
    p = floating_tracer(input, "binary_cross_entropy")
    y = operand_like(target, p)
    shape = broadcast_shapes("binary_cross_entropy", p.shape, y.shape)
    losses = _binary_entropy(np.broadcast_to(p, shape), np.broadcast_to(y, shape))
    if weight is not None:
        losses = losses * operand_like(weight, p)
    return reduced("binary_cross_entropy", losses, reduction)


def _clamped_logs(p: Any) -> tuple[Any, Any]:
    return np.maximum(np.log(p), -100.0), np.maximum(np.log1p(-p), -100.0)


@custom_jvp
def _binary_entropy(p: Any, y: Any) -> Any:
    log_p, log_q = _clamped_logs(p)
    return -(y * log_p + (1.0 - y) * log_q)


@_binary_entropy.defjvp
def _binary_entropy_jvp(primals: tuple[Any, Any], tangents: tuple[Any, Any]) -> tuple[Any, Any]:
    (p, y), (dp, dy) = primals, tangents
    log_p, log_q = _clamped_logs(p)
    slope = (p - y) / np.maximum(p * (1.0 - p), 1e-12)
    return _binary_entropy(p, y), slope * dp + (log_q - log_p) * dy


@compiled(("reduction",))
def binary_cross_entropy_with_logits(
    input: Any,  # noqa: A002
    target: Any,
    weight: Any = None,
    *,
    reduction: Reduction = "mean",
    pos_weight: Any = None,
) -> Any:
    """`binary_cross_entropy(sigmoid(input), target)`, computed without overflow or cancellation.

    Args:
        input: logits, any shape, float32 or float64.
        target: probabilities; a shape that broadcasts with it.
        weight: factors of the elements.
        reduction: `"mean"`, `"sum"` or `"none"`; weights do not change what the mean is divided by.
        pos_weight: factors of the part of the target, such as one for each class; they broadcast with `target`.

    Example:
        >>> binary_cross_entropy_with_logits(np.array([0.0, -1000.0]), np.array([1.0, 1.0]), reduction="none").round(4)
        array([6.931e-01, 1.000e+03])
    """
    name = "binary_cross_entropy_with_logits"
    x = floating_tracer(input, name)
    y = operand_like(target, x)
    broadcast_shapes(name, x.shape, y.shape)
    factor: Any = 1.0 if pos_weight is None else 1.0 + (operand_like(pos_weight, x) - 1.0) * y
    losses = (1.0 - y) * x - factor * log_sigmoid_of(x)
    if weight is not None:
        losses = losses * operand_like(weight, x)
    return reduced(name, losses, reduction)


@compiled(("reduction", "log_target"))
def kl_div(
    input: Any,  # noqa: A002
    target: Any,
    *,
    reduction: Literal["none", "mean", "sum", "batchmean"] = "mean",
    log_target: bool = False,
) -> Any:
    """Kullback-Leibler divergence, `target * (log(target) - input)`; 0 where the target is 0 and the input finite.

    Args:
        input: log probabilities, any shape, float32 or float64.
        target: probabilities, or their logarithms; a shape that broadcasts with it.
        reduction: `"mean"` over all elements, `"batchmean"` for the sum divided by the first size, which is the divergence,
            `"sum"`, or `"none"`.
        log_target: whether `target` is the logarithm.

    Example:
        >>> kl_div(np.log(np.array([[0.5, 0.5]])), np.array([[1.0, 0.0]]), reduction="batchmean").round(4)
        np.float64(0.6931)
    """
    check_choice("kl_div", "reduction", reduction, ("none", "mean", "sum", "batchmean"))
    x = floating_tracer(input, "kl_div")
    y = operand_like(target, x)
    broadcast_shapes("kl_div", x.shape, y.shape)
    losses = np.exp(y) * (y - x) if log_target else xlogy(y, y) - y * x
    if reduction == "batchmean":
        return losses.sum() / (x.shape[0] if x.ndim else 1)
    return reduced("kl_div", losses, reduction)
