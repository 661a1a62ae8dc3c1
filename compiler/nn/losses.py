"""Losses."""

from typing import Any, Literal

import numpy as np

from compiler.compiled_functions import compiled
from compiler.errors import ArgumentError, DtypeError, ShapeError, at_user_line
from compiler.nn.activations import log_softmax
from compiler.nn.operands import floating_tracer
from compiler.tracing import Tracer, array_value, new_tracer
from dialects.dlc.interfaces import dtype_kind


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
    logits = floating_tracer(input, "cross_entropy")
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
