"""Adam and its family: steps that are divided by the size that gradients had."""

from typing import Any, NamedTuple

import numpy as np

from compiler.argument_checks import checked
from compiler.optim.optimizer import LearningRate, Optimizer, Tree, cast, check_settings, from_rule
from compiler.tracer import xp

Betas = tuple[float, float]


class AdamState(NamedTuple):
    """`step` counts updates (int64); `mean` and `variance` have the structure of the parameters.

    `largest_variance` has it too, or is `None` without `amsgrad`.
    """

    step: Any
    mean: Tree
    variance: Tree
    largest_variance: Tree = None


class AdamaxState(NamedTuple):
    """`step` counts updates (int64); `mean` and `largest`, the sizes of gradients, have the structure of the parameters."""

    step: Any
    mean: Tree
    largest: Tree


@checked
def adam(
    learning_rate: LearningRate,
    betas: Betas = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    *,
    amsgrad: bool = False,
) -> Optimizer:
    """Adam (Kingma and Ba, arXiv 1412.6980), as `torch.optim.Adam`.

    `m = b1 * m + (1 - b1) * g`, `v = b2 * v + (1 - b2) * g**2`, with `g = gradient + weight_decay * p`, and
    `p = p - learning_rate * (m / (1 - b1**t)) / (sqrt(v / (1 - b2**t)) + eps)` in step `t`.

    Args:
        learning_rate: a number, an array, or a schedule.
        betas: `b1` and `b2`, in `[0, 1)`.
        eps: keeps the divisor away from zero.
        weight_decay: L2 penalty; `adamw` decouples it from the gradient.
        amsgrad: divide by the largest `v` so far (Reddi et al., arXiv 1904.09237).

    Raises:
        ArgumentError: a setting is out of range.

    Example:
        >>> optimiser = adam(0.1)
        >>> params = np.array([1.0, 2.0])
        >>> optimiser.update(np.array([5.0, -0.1]), optimiser.init(params), params)[0].round(6)
        array([0.9, 2.1])
    """
    return _adam("adam", learning_rate, betas, eps, penalty=weight_decay, decay=0.0, amsgrad=amsgrad)


@checked
def adamw(
    learning_rate: LearningRate,
    betas: Betas = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 1e-2,
    *,
    amsgrad: bool = False,
) -> Optimizer:
    """Adam with decoupled weight decay (Loshchilov and Hutter, arXiv 1711.05101), as `torch.optim.AdamW`.

    `adam`, with `learning_rate * weight_decay * p` subtracted beside the step instead of a penalty in the gradient.

    Args:
        learning_rate: a number, an array, or a schedule.
        betas: as in `adam`.
        eps: as in `adam`.
        weight_decay: how much of a parameter each step takes away, in units of the learning rate.
        amsgrad: as in `adam`.

    Raises:
        ArgumentError: a setting is out of range.

    Example:
        >>> optimiser = adamw(0.1, weight_decay=0.5)
        >>> params = np.array([1.0, 2.0])
        >>> optimiser.update(np.array([0.0, -0.1]), optimiser.init(params), params)[0].round(6)
        array([0.95, 2.  ])
    """
    return _adam("adamw", learning_rate, betas, eps, penalty=0.0, decay=weight_decay, amsgrad=amsgrad)


def _adam(
    name: str, learning_rate: LearningRate, betas: Betas, eps: float, *, penalty: float, decay: float, amsgrad: bool
) -> Optimizer:
    beta1, beta2 = betas
    check_settings(
        name, learning_rate, {"beta1": beta1, "beta2": beta2}, eps=eps, weight_decay=max(penalty, decay, key=abs)
    )

    def rule(rate: Any, step: Any) -> Any:
        correction1, correction2 = _corrections(betas, step)
        size, root = rate / correction1, np.sqrt(correction2)

        def leaf(p: Any, g: Any, m: Any, v: Any, largest: Any) -> tuple[Any, Any, Any, Any]:
            if penalty:
                g = g + penalty * p
            m, v = _moments(betas, g, m, v)
            if amsgrad:
                largest = np.maximum(largest, v)
            direction = m / (np.sqrt(largest if amsgrad else v) / cast(root, p) + eps)
            decayed = p - cast(rate, p) * decay * p if decay else p
            return decayed - cast(size, p) * direction, m, v, largest

        return leaf

    return from_rule(name, rule, learning_rate, AdamState, 0.0, 0.0, 0.0 if amsgrad else None)


@checked
def radam(
    learning_rate: LearningRate, betas: Betas = (0.9, 0.999), eps: float = 1e-8, weight_decay: float = 0.0
) -> Optimizer:
    """Adam that trusts the variance only when enough gradients were seen (Liu et al., arXiv 1908.03265), as `torch.optim.RAdam`.

    Args:
        learning_rate: a number, an array, or a schedule.
        betas: as in `adam`.
        eps: as in `adam`.
        weight_decay: L2 penalty.

    Raises:
        ArgumentError: a setting is out of range.

    Example:
        >>> optimiser = radam(0.1)
        >>> params = np.array([1.0, 2.0])
        >>> optimiser.update(np.array([5.0, -0.1]), optimiser.init(params), params)[0].round(6)
        array([0.5 , 2.01])
    """
    beta1, beta2 = betas
    check_settings("radam", learning_rate, {"beta1": beta1, "beta2": beta2}, eps=eps, weight_decay=weight_decay)
    longest = 2.0 / (1.0 - beta2) - 1.0

    def rule(rate: Any, step: Any) -> Any:
        correction1, correction2 = _corrections(betas, step)
        length = longest - 2.0 * step * (1.0 - correction2) / correction2
        trusted = length > 5.0
        variance = (length - 4.0) * (length - 2.0) * longest / ((longest - 4.0) * (longest - 2.0) * length)
        rectified = np.sqrt(xp.where(trusted, variance, 0.0) * correction2)
        size = rate / correction1

        def leaf(p: Any, g: Any, m: Any, v: Any) -> tuple[Any, Any, Any]:
            if weight_decay:
                g = g + weight_decay * p
            m, v = _moments(betas, g, m, v)
            adapted = cast(rectified, p) / (np.sqrt(v) + eps)
            return p - cast(size, p) * m * xp.where(trusted, adapted, cast(np.float64(1.0), p)), m, v

        return leaf

    return from_rule("radam", rule, learning_rate, AdamState, 0.0, 0.0)


@checked
def adamax(
    learning_rate: LearningRate, betas: Betas = (0.9, 0.999), eps: float = 1e-8, weight_decay: float = 0.0
) -> Optimizer:
    """Adam with the largest size of gradients instead of the mean square (arXiv 1412.6980, section 7), as `torch.optim.Adamax`.

    `u = max(b2 * u, |g| + eps)`, `p = p - learning_rate * (m / (1 - b1**t)) / u`.

    Args:
        learning_rate: a number, an array, or a schedule.
        betas: as in `adam`.
        eps: keeps the divisor away from zero.
        weight_decay: L2 penalty.

    Raises:
        ArgumentError: a setting is out of range.

    Example:
        >>> optimiser = adamax(0.1)
        >>> params = np.array([1.0, 2.0])
        >>> optimiser.update(np.array([5.0, -0.1]), optimiser.init(params), params)[0].round(6)
        array([0.9, 2.1])
    """
    beta1, beta2 = betas
    check_settings("adamax", learning_rate, {"beta1": beta1, "beta2": beta2}, eps=eps, weight_decay=weight_decay)

    def rule(rate: Any, step: Any) -> Any:
        size = rate / _corrections(betas, step)[0]

        def leaf(p: Any, g: Any, m: Any, u: Any) -> tuple[Any, Any, Any]:
            if weight_decay:
                g = g + weight_decay * p
            m = beta1 * m + (1.0 - beta1) * g
            u = np.maximum(beta2 * u, np.abs(g) + eps)
            return p - cast(size, p) * (m / u), m, u

        return leaf

    return from_rule("adamax", rule, learning_rate, AdamaxState, 0.0, 0.0)


@checked
def lamb(
    learning_rate: LearningRate, betas: Betas = (0.9, 0.999), eps: float = 1e-6, weight_decay: float = 0.0
) -> Optimizer:
    """LAMB (You et al., arXiv 1904.00962): Adam for large batches, with steps in proportion to each parameter array.

    `p = p - learning_rate * |p| / |r| * r`, where `r` is the direction of `adam` plus `weight_decay * p`, and `|.|` the norm of
    a whole array; the ratio is 1 where one of them is zero.

    Args:
        learning_rate: a number, an array, or a schedule.
        betas: as in `adam`.
        eps: as in `adam`.
        weight_decay: decoupled from the gradient.

    Raises:
        ArgumentError: a setting is out of range.

    Example:
        >>> optimiser = lamb(0.1)
        >>> params = np.array([3.0, 4.0])
        >>> optimiser.update(np.array([5.0, 0.0]), optimiser.init(params), params)[0].round(6)
        array([2.5, 4. ])
    """
    beta1, beta2 = betas
    check_settings("lamb", learning_rate, {"beta1": beta1, "beta2": beta2}, eps=eps, weight_decay=weight_decay)

    def rule(rate: Any, step: Any) -> Any:
        correction1, correction2 = _corrections(betas, step)
        root = np.sqrt(correction2)

        def leaf(p: Any, g: Any, m: Any, v: Any) -> tuple[Any, Any, Any]:
            m, v = _moments(betas, g, m, v)
            direction = m / cast(correction1, p) / (np.sqrt(v) / cast(root, p) + eps)
            if weight_decay:
                direction = direction + weight_decay * p
            size, length = np.sqrt(np.sum(p * p)), np.sqrt(np.sum(direction * direction))
            usable = (size > 0) & (length > 0)
            trust = xp.where(usable, size / xp.where(usable, length, 1.0), 1.0)
            return p - cast(rate * trust, p) * direction, m, v

        return leaf

    return from_rule("lamb", rule, learning_rate, AdamState, 0.0, 0.0)


def _corrections(betas: Betas, step: Any) -> tuple[Any, Any]:
    """`1 - beta**step`: powers of one number, so they are computed in float64 whatever the parameters are."""
    count = step.astype(np.float64)
    return 1.0 - betas[0] ** count, 1.0 - betas[1] ** count


def _moments(betas: Betas, g: Any, m: Any, v: Any) -> tuple[Any, Any]:
    """The means of gradients and of their squares with one more gradient in them."""
    return betas[0] * m + (1.0 - betas[0]) * g, betas[1] * v + (1.0 - betas[1]) * (g * g)
