"""Losses between scores of classes and class indices."""

from typing import Any

import numpy as np

from compiler.compiled_functions import compiled
from compiler.errors import ArgumentError, DtypeError, ShapeError, at_user_line
from compiler.nn.activations import largest_along
from compiler.nn.linear import linear
from compiler.nn.losses import Reduction, reduced
from compiler.nn.operands import check_choice, floating_tracer, operand_like
from compiler.operands import as_tracer
from compiler.tracer import Tracer, xp
from compiler.views import position_along
from dialects.dlc.interfaces import dtype_kind


@compiled(("ignore_index", "reduction"))
def nll_loss(
    input: Any,  # noqa: A002
    target: Any,
    weight: Any = None,
    *,
    ignore_index: int = -100,
    reduction: Reduction = "mean",
) -> Any:
    """Negative log likelihood: `-weight[target] * input[target]`.

    Args:
        input: log probabilities of shape `[classes]`, `[batch, classes]` or `[batch, classes, …]`, float32 or float64.
        target: class indices of the shape of `input` without the class dimension. Indices outside of `0 … classes-1` count
            as `ignore_index`.
        weight: shape `[classes]`: factors by target.
        ignore_index: the index of elements that contribute nothing.
        reduction: `"mean"`, divided by the sum of the weights of what is not ignored, `"sum"`, or `"none"`.

    Raises:
        ShapeError: the shapes do not fit.

    Example:
        >>> nll_loss(np.log(np.array([[0.5, 0.5], [0.25, 0.75]])), np.array([0, 1]), reduction="none").round(4)
        array([0.6931, 0.2877])
    """
    x = floating_tracer(input, "nll_loss")
    axis = _class_axis("nll_loss", x)
    labels = class_indices("nll_loss", target, x, axis)
    classes = x.shape[axis]
    is_counted = _is_counted(labels, classes, ignore_index)
    if not classes:
        return reduced("nll_loss", np.zeros_like(labels, dtype=x.dtype), reduction)
    # One element is read for each target, and its derivative is added to zeros.
    positions = np.expand_dims(np.where(is_counted, labels, 0), axis)
    losses = -xp.squeeze(xp.take_along_axis(x, positions, axis), axis)
    factors = _factors(x, labels, is_counted, _class_weights("nll_loss", weight, x, axis))
    return _reduced("nll_loss", np.where(is_counted, losses * factors, 0.0), factors, reduction)


@compiled(("ignore_index", "reduction", "label_smoothing"))
def cross_entropy(
    input: Any,  # noqa: A002
    target: Any,
    weight: Any = None,
    *,
    ignore_index: int = -100,
    reduction: Reduction = "mean",
    label_smoothing: float = 0.0,
) -> Any:
    """Cross entropy between logits and targets.

    Args:
        input: logits of shape `[classes]`, `[batch, classes]` or `[batch, classes, …]`, float32 or float64.
        target: class indices (integers) of the shape of `input` without the class dimension, or probabilities of the
            shape of `input`. Indices outside of `0 … classes-1` count as `ignore_index`.
        weight: shape `[classes]`: factors of the classes.
        ignore_index: the class index of elements that contribute nothing.
        reduction: `"mean"`, `"sum"`, or `"none"`. The mean is divided by the sum of the weights of the targets that are not
            ignored; for probabilities, by how many targets there are.
        label_smoothing: in `[0, 1]`: share of the target that is spread evenly over the classes.

    Raises:
        ShapeError: the shapes do not fit.

    Example:
        >>> logits = np.array([[2.0, 0.0], [0.0, 0.0]])
        >>> cross_entropy(logits, np.array([0, 1]), reduction="none").round(4)
        array([0.1269, 0.6931])
    """
    name = "cross_entropy"
    x = floating_tracer(input, name)
    check_choice(name, "reduction", reduction, ("none", "mean", "sum"))
    if not 0.0 <= label_smoothing <= 1.0:
        raise ArgumentError(at_user_line(f"{name}: label_smoothing is {label_smoothing}; use a number in [0, 1]"))
    axis = _class_axis(name, x)
    labels = as_tracer(target)
    weights = _class_weights(name, weight, x, axis)
    classes = x.shape[axis]
    if dtype_kind(labels.dtype) == "f":
        if labels.shape != x.shape:
            raise ShapeError(
                at_user_line(f"{name}: probabilities have shape {labels.shape}, expected {x.shape} as the input")
            )
        shares = labels.astype(x.dtype) * (1.0 - label_smoothing) + label_smoothing / max(classes, 1)
        losses = _expected_surprisal(x, shares if weights is None else shares * weights, axis)
        return reduced(name, losses, reduction)
    labels = class_indices(name, labels, x, axis)
    is_counted = _is_counted(labels, classes, ignore_index)
    factors = _factors(x, labels, is_counted, weights)
    losses = _surprisal(x, labels, axis) * factors
    if label_smoothing:
        even = label_smoothing / max(classes, 1)
        shares = xp.full_like(x, even) if weights is None else xp.broadcast_to(weights * even, x.shape)
        losses = losses * (1.0 - label_smoothing) + _expected_surprisal(x, shares, axis)
    return _reduced(name, np.where(is_counted, losses, 0.0), factors, reduction)


@compiled(("reduction", "ignore_index", "label_smoothing"))
def linear_cross_entropy(
    input: Any,  # noqa: A002
    linear_weight: Any,
    target: Any,
    *,
    linear_bias: Any = None,
    weight: Any = None,
    reduction: Reduction = "mean",
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
) -> Any:
    """`cross_entropy(linear(input, linear_weight, linear_bias), target, weight)`.

    Args:
        input: shape `[batch, in]` or `[in]`, float32 or float64.
        linear_weight: shape `[classes, in]`.
        target: as in `cross_entropy`.
        linear_bias: shape `[classes]`, or `None`.
        weight: as in `cross_entropy`, and so are all the others.
        reduction: `"mean"`, `"sum"`, or `"none"`.
        ignore_index: the class index of elements that contribute nothing.
        label_smoothing: in `[0, 1]`.

    Raises:
        ShapeError: the shapes do not fit.

    Example:
        >>> linear_cross_entropy(np.array([[1.0, 0.0]]), np.array([[2.0, 0.0], [0.0, 2.0]]), np.array([0])).round(4)
        np.float64(0.1269)
    """
    logits = linear(input, linear_weight, linear_bias)
    return cross_entropy(
        logits, target, weight, ignore_index=ignore_index, reduction=reduction, label_smoothing=label_smoothing
    )


def _surprisal(x: Tracer, labels: Tracer, axis: int) -> Any:
    """`-log softmax(x)` of the target class."""
    if not x.shape[axis]:
        return np.zeros_like(labels, dtype=x.dtype)
    shifted = x - largest_along(x, axis)
    is_target = position_along(x.shape, axis) == np.expand_dims(labels, axis)
    # Selected by comparison and not gathered: one loop over the logits does all, and another one is the gradient. Not multiplied by
    # one-hot weights: an impossible class has an infinite surprisal, and 0 * inf is NaN.
    return np.log(np.sum(np.exp(shifted), axis=axis)) - np.sum(np.where(is_target, shifted, 0.0), axis=axis)


def _expected_surprisal(x: Tracer, shares: Any, axis: int) -> Any:
    """The sum of `-log softmax(x)` of the classes times their shares."""
    if not x.shape[axis]:
        return np.sum(x, axis=axis)
    shifted = x - largest_along(x, axis)
    return np.sum(shares * (np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True)) - shifted), axis=axis)


def _class_axis(name: str, x: Tracer) -> int:
    if x.ndim == 0:
        raise ShapeError(at_user_line(f"{name}: input is a scalar, expected [batch, classes]"))
    return 0 if x.ndim == 1 else 1


def class_indices(name: str, target: Any, x: Tracer, axis: int) -> Tracer:
    """Class indices, whose shape is that of the scores `x` without the dimension of the classes."""
    labels = as_tracer(target)
    if labels.dtype.kind not in "iu":
        kinds = "class indices or probabilities" if name == "cross_entropy" else "class indices"
        raise DtypeError(at_user_line(f"{name}: target has dtype {labels.dtype}, expected {kinds}"))
    expected = x.shape[:axis] + x.shape[axis + 1 :]
    if labels.shape != expected:
        raise ShapeError(
            at_user_line(f"{name}: target has shape {labels.shape}, expected {expected} for input {x.shape}")
        )
    return labels


def _class_weights(name: str, weight: Any, x: Tracer, axis: int) -> Tracer | None:
    """The weights of the classes, to be broadcast with the scores."""
    if weight is None:
        return None
    weights = operand_like(weight, x)
    if weights.shape != x.shape[axis : axis + 1]:
        raise ShapeError(
            at_user_line(f"{name}: weight has shape {weights.shape}, expected one for each of {x.shape[axis]} classes")
        )
    return weights.reshape([-1 if d == axis else 1 for d in range(x.ndim)])


def _is_counted(labels: Tracer, classes: int, ignore_index: int) -> Any:
    is_class = (labels >= 0) & (labels < classes)
    return is_class & (labels != ignore_index) if 0 <= ignore_index < classes else is_class


def _factors(x: Tracer, labels: Tracer, is_counted: Any, weights: Tracer | None) -> Any:
    """The weights of the targets; 0 of those that are ignored."""
    if weights is None or not weights.size:
        return is_counted.astype(x.dtype)
    return np.where(is_counted, np.take(weights.reshape(-1), np.where(is_counted, labels, 0)), 0.0)


def _reduced(name: str, losses: Any, factors: Any, reduction: str) -> Any:
    if reduction == "mean":
        return losses.sum() / factors.sum()
    return reduced(name, losses, reduction)
