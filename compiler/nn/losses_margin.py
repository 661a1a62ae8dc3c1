"""Losses that push scores or distances apart by a margin. `reduction` is that of `losses.py`."""

from collections.abc import Callable
from typing import Any

import numpy as np

from compiler.compiled_functions import compiled
from compiler.errors import ArgumentError, DtypeError, ShapeError, at_user_line, check_function
from compiler.nn.activations import log_sigmoid_of, softplus_of
from compiler.nn.distances import pairwise_distance
from compiler.nn.losses import Reduction, operands_of_loss, reduced
from compiler.nn.losses_classification import class_indices
from compiler.nn.operands import floating_tracer, operand_like
from compiler.operands import as_tracer
from compiler.tracer import xp
from compiler.views import position_along


def hinge(x: Any) -> Any:
    """`max(x, 0)` with PyTorch's derivative of `clamp_min`, which is 1 at 0; NaN stays NaN."""
    return np.where(x < 0, 0.0, x)


@compiled(("reduction",))
def soft_margin_loss(input: Any, target: Any, *, reduction: Reduction = "mean") -> Any:  # noqa: A002
    """`log(1 + exp(-target * input))`, without overflow.

    Args:
        input: scores, any shape, float32 or float64.
        target: 1 or -1; a shape that broadcasts with it.
        reduction: see the module.

    Example:
        >>> soft_margin_loss(np.array([0.0, 1000.0]), np.array([1.0, -1.0]), reduction="none").round(4)
        array([6.931e-01, 1.000e+03])
    """
    x, y = operands_of_loss("soft_margin_loss", input, target)
    return reduced("soft_margin_loss", softplus_of(-y * x), reduction)


@compiled(("margin", "reduction"))
def hinge_embedding_loss(
    input: Any,  # noqa: A002
    target: Any,
    margin: float = 1.0,
    *,
    reduction: Reduction = "mean",
) -> Any:
    """`input` where the target is 1, and `max(0, margin - input)` where it is -1.

    Args:
        input: distances, any shape, float32 or float64.
        target: 1 or -1; a shape that broadcasts with it.
        margin: how far apart dissimilar elements should be.
        reduction: see the module.

    Example:
        >>> hinge_embedding_loss(np.array([0.25, 0.25]), np.array([1.0, -1.0]), reduction="none")
        array([0.25, 0.75])
    """
    x, y = operands_of_loss("hinge_embedding_loss", input, target)
    losses = np.where(y != 1, hinge(margin - x), 0.0) + np.where(y != -1, x, 0.0)
    return reduced("hinge_embedding_loss", losses, reduction)


@compiled(("margin", "reduction"))
def margin_ranking_loss(
    input1: Any, input2: Any, target: Any, margin: float = 0.0, *, reduction: Reduction = "mean"
) -> Any:
    """`max(0, margin - target * (input1 - input2))`.

    Args:
        input1: scores, any shape, float32 or float64.
        input2: scores to compare with; a shape that broadcasts with it.
        target: 1 where `input1` should be higher, -1 where it should be lower.
        margin: by how much.
        reduction: see the module.

    Example:
        >>> margin_ranking_loss(np.array([3.0, 3.0]), np.array([1.0, 1.0]), np.array([1.0, -1.0]), reduction="none")
        array([0., 2.])
    """
    x1, x2, y = operands_of_loss("margin_ranking_loss", input1, input2, target)
    return reduced("margin_ranking_loss", hinge(margin - y * (x1 - x2)), reduction)


@compiled(("p", "margin", "reduction"))
def multi_margin_loss(
    input: Any,  # noqa: A002
    target: Any,
    p: int = 1,
    margin: float = 1.0,
    weight: Any = None,
    *,
    reduction: Reduction = "mean",
) -> Any:
    """The sum over the other classes of `max(0, margin - input[target] + input[class])**p`, divided by how many classes there are.

    Args:
        input: scores of shape `[classes]` or `[batch, classes]`, float32 or float64.
        target: class indices, a scalar or shape `[batch]`.
        p: 1 or 2.
        margin: how much higher the score of the target should be.
        weight: shape `[classes]`: factors by target.
        reduction: `"mean"`, `"sum"` or `"none"`; weights do not change what the mean is divided by.

    Raises:
        ShapeError: the shapes do not fit.
        ArgumentError: `p` is neither 1 nor 2.

    Example:
        >>> multi_margin_loss(np.array([[1.0, 0.5, 3.0]]), np.array([0])).round(4)
        np.float64(1.1667)
    """
    x = floating_tracer(input, "multi_margin_loss")
    if p not in {1, 2}:
        raise ArgumentError(at_user_line(f"multi_margin_loss: p is {p}; use 1 or 2"))
    labels = class_indices("multi_margin_loss", target, x, x.ndim - 1)
    is_target = position_along(x.shape, x.ndim - 1) == np.expand_dims(labels, -1)
    wanted = np.sum(np.where(is_target, x, 0.0), axis=-1, keepdims=True)
    excess = margin - wanted + x
    excess = np.where(is_target | (excess <= 0), 0.0, excess)
    losses = np.sum(excess if p == 1 else excess * excess, axis=-1) / x.shape[-1]
    if weight is not None:
        losses = losses * np.take(operand_like(weight, x), labels)
    return reduced("multi_margin_loss", losses, reduction)


@compiled(("reduction",))
def multilabel_margin_loss(input: Any, target: Any, *, reduction: Reduction = "mean") -> Any:  # noqa: A002
    """The sum of `max(0, 1 - input[target] + input[class])` over all targets and all classes that are none.

    It is divided by how many classes there are.

    Args:
        input: scores of shape `[classes]` or `[batch, classes]`, float32 or float64.
        target: class indices of the same shape; those from the first negative one on do not count.
        reduction: see `losses.py`.

    Raises:
        ShapeError: the shapes differ.

    Example:
        >>> multilabel_margin_loss(np.array([0.1, 0.2, 0.4, 0.8]), np.array([3, 0, -1, 1])).round(4)
        np.float64(0.85)
    """
    x = floating_tracer(input, "multilabel_margin_loss")
    labels = as_tracer(target)
    if labels.shape != x.shape:
        raise ShapeError(
            at_user_line(f"multilabel_margin_loss: target has shape {labels.shape}, expected {x.shape} as the input")
        )
    if labels.dtype.kind != "i":
        raise DtypeError(
            at_user_line(f"multilabel_margin_loss: target has dtype {labels.dtype}, expected class indices")
        )
    classes = x.shape[-1]
    counts = np.cumsum(labels < 0, axis=-1) == 0
    chosen = np.where(counts, labels, 0)
    # [batch, target, class], never in memory: comparisons and sums are one loop.
    is_pair = (chosen[..., :, None] == np.arange(classes)) & counts[..., :, None]
    is_other = ~np.any(is_pair, axis=-2, keepdims=True)
    excess = 1.0 - xp.take_along_axis(x, chosen, -1)[..., :, None] + x[..., None, :]
    excess = np.where(counts[..., :, None] & is_other & (excess > 0), excess, 0.0)
    return reduced("multilabel_margin_loss", np.sum(excess, axis=(-2, -1)) / classes, reduction)


@compiled(("reduction",))
def multilabel_soft_margin_loss(
    input: Any,  # noqa: A002
    target: Any,
    weight: Any = None,
    *,
    reduction: Reduction = "mean",
) -> Any:
    """The mean over the classes of `binary_cross_entropy_with_logits`.

    Args:
        input: logits of shape `[…, classes]`, float32 or float64.
        target: 0 or 1, of the same shape.
        weight: factors of the classes.
        reduction: see `losses.py`.

    Example:
        >>> multilabel_soft_margin_loss(np.array([[0.0, 1000.0]]), np.array([[1, 1]])).round(4)
        np.float64(0.3466)
    """
    x, y = operands_of_loss("multilabel_soft_margin_loss", input, target)
    losses = (1.0 - y) * x - log_sigmoid_of(x)
    if weight is not None:
        losses = losses * operand_like(weight, x)
    return reduced("multilabel_soft_margin_loss", np.mean(losses, axis=-1), reduction)


@compiled(("margin", "reduction"))
def cosine_embedding_loss(
    input1: Any, input2: Any, target: Any, margin: float = 0.0, *, reduction: Reduction = "mean"
) -> Any:
    """`1 - cos(input1, input2)` where the target is 1, and `max(0, cos(input1, input2) - margin)` where it is -1.

    The cosine is `x · y / sqrt((x · x + 1e-12) * (y · y + 1e-12))`.

    Args:
        input1: shape `[features]` or `[batch, features]`, float32 or float64.
        input2: the same shape.
        target: 1 or -1, a scalar or shape `[batch]`.
        margin: the cosine up to which dissimilar vectors cost nothing.
        reduction: see `losses.py`.

    Example:
        >>> cosine_embedding_loss(np.array([[3.0, 4.0]]), np.array([[3.0, 4.0]]), np.array([-1])).round(4)
        np.float64(1.0)
    """
    x1, x2 = operands_of_loss("cosine_embedding_loss", input1, input2)
    y = operand_like(target, x1)
    squares = (np.sum(x1 * x1, axis=-1) + 1e-12) * (np.sum(x2 * x2, axis=-1) + 1e-12)
    cosine = np.sum(x1 * x2, axis=-1) / np.sqrt(squares)
    losses = np.where(y == 1, 1.0 - cosine, 0.0) + np.where(y == -1, hinge(cosine - margin), 0.0)
    return reduced("cosine_embedding_loss", losses, reduction)


@compiled(("margin", "p", "eps", "swap", "reduction"))
def triplet_margin_loss(
    anchor: Any,
    positive: Any,
    negative: Any,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    *,
    reduction: Reduction = "mean",
) -> Any:
    """`max(0, d(anchor, positive) - d(anchor, negative) + margin)` for `d = pairwise_distance` with `p` and `eps`.

    Args:
        anchor: shape `[…, features]`, float32 or float64.
        positive: what should be near to it, the same shape.
        negative: what should be farther, the same shape.
        margin: by how much.
        p: the exponent of the norm.
        eps: added to differences.
        swap: whether `d(positive, negative)` counts instead, where it is smaller (Balntas et al., BMVC 2016).
        reduction: see `losses.py`.

    Example:
        >>> triplet_margin_loss(np.array([[0.0]]), np.array([[1.0]]), np.array([[0.5]])).round(4)
        np.float64(1.5)
    """

    def distance(x: Any, y: Any) -> Any:
        return pairwise_distance(x, y, p, eps)

    return _triplet_loss("triplet_margin_loss", anchor, positive, negative, distance, margin, swap, reduction)


@compiled(("distance_function", "margin", "swap", "reduction"))
def triplet_margin_with_distance_loss(
    anchor: Any,
    positive: Any,
    negative: Any,
    *,
    distance_function: Callable[[Any, Any], Any] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: Reduction = "mean",
) -> Any:
    """`triplet_margin_loss` with another distance.

    Args:
        anchor: shape `[…, features]`, float32 or float64.
        positive: what should be near to it, the same shape.
        negative: what should be farther, the same shape.
        distance_function: a function of two arrays; `pairwise_distance` if `None`.
        margin: by how much.
        swap: whether the distance of `positive` and `negative` counts instead, where it is smaller.
        reduction: see `losses.py`.

    Example:
        >>> triplet_margin_with_distance_loss(
        ...     np.array([[0.0]]), np.array([[1.0]]), np.array([[0.5]]), distance_function=lambda x, y: abs(x - y)[:, 0]
        ... )
        array(1.5)
    """
    name = "triplet_margin_with_distance_loss"
    if distance_function is not None:
        check_function(distance_function, f"{name}: distance_function")
    return _triplet_loss(
        name, anchor, positive, negative, distance_function or pairwise_distance, margin, swap, reduction
    )


def _triplet_loss(
    name: str,
    anchor: Any,
    positive: Any,
    negative: Any,
    distance: Callable[[Any, Any], Any],
    margin: float,
    swap: bool,
    reduction: str,
) -> Any:
    anchors, positives, negatives = operands_of_loss(name, anchor, positive, negative)
    near, far = distance(anchors, positives), distance(anchors, negatives)
    if swap:
        far = np.minimum(far, distance(positives, negatives))
    return reduced(name, hinge(margin + near - far), reduction)
