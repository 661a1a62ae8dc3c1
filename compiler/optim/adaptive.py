"""Optimisers that divide gradients by what they were, without Adam's corrections: RMSprop, Adagrad, Adadelta."""

from typing import Any, NamedTuple

import numpy as np

from compiler.argument_checks import checked
from compiler.optim.optimizer import LearningRate, Optimizer, Tree, cast, check_settings, from_rule


class RmspropState(NamedTuple):
    """`step` counts updates (int64); the others have the structure of the parameters.

    `velocity` is `None` without momentum, and `mean` unless centred.
    """

    step: Any
    square: Tree
    velocity: Tree = None
    mean: Tree = None


class AdagradState(NamedTuple):
    """`step` counts updates (int64); `total`, the sums of squared gradients, has the structure of the parameters."""

    step: Any
    total: Tree


class AdadeltaState(NamedTuple):
    """`step` counts updates (int64); `square` and `change`, the mean squares of gradients and of steps, are as the parameters."""

    step: Any
    square: Tree
    change: Tree


@checked
def rmsprop(
    learning_rate: LearningRate,
    alpha: float = 0.99,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    momentum: float = 0.0,
    *,
    centered: bool = False,
) -> Optimizer:
    """RMSprop (Hinton's lecture notes), as `torch.optim.RMSprop`.

    `s = alpha * s + (1 - alpha) * g**2`, `v = momentum * v + g / (sqrt(s) + eps)`, `p = p - learning_rate * v`, with
    `g = gradient + weight_decay * p`.

    Args:
        learning_rate: a number, an array, or a schedule.
        alpha: in `[0, 1)`.
        eps: keeps the divisor away from zero.
        weight_decay: L2 penalty.
        momentum: in `[0, 1)`.
        centered: subtract the square of the mean gradient from `s` (Graves, arXiv 1308.0850).

    Raises:
        ArgumentError: a setting is out of range.

    Example:
        >>> optimiser = rmsprop(0.1)
        >>> params = np.array([2.0, 2.0])
        >>> optimiser.update(np.array([5.0, -0.1]), optimiser.init(params), params)[0].round(4)
        array([1., 3.])
    """
    shares = {"alpha": alpha, "momentum": momentum}
    check_settings("rmsprop", learning_rate, shares, eps=eps, weight_decay=weight_decay)

    def rule(rate: Any, step: Any) -> Any:
        del step

        def leaf(p: Any, g: Any, square: Any, velocity: Any, mean: Any) -> tuple[Any, Any, Any, Any]:
            if weight_decay:
                g = g + weight_decay * p
            square = alpha * square + (1.0 - alpha) * (g * g)
            variance = square
            if centered:
                mean = alpha * mean + (1.0 - alpha) * g
                variance = square - mean * mean
            direction = g / (np.sqrt(variance) + eps)
            if momentum:
                direction = velocity = momentum * velocity + direction
            return p - cast(rate, p) * direction, square, velocity, mean

        return leaf

    first = (0.0, 0.0 if momentum else None, 0.0 if centered else None)
    return from_rule("rmsprop", rule, learning_rate, RmspropState, *first)


@checked
def adagrad(
    learning_rate: LearningRate,
    lr_decay: float = 0.0,
    weight_decay: float = 0.0,
    initial_accumulator_value: float = 0.0,
    eps: float = 1e-10,
) -> Optimizer:
    """Adagrad (Duchi et al., JMLR 12, 2011), as `torch.optim.Adagrad`.

    `s = s + g**2`, `p = p - learning_rate / (1 + (t - 1) * lr_decay) * g / (sqrt(s) + eps)` in step `t`, with
    `g = gradient + weight_decay * p`.

    Args:
        learning_rate: a number, an array, or a schedule.
        lr_decay: how fast the learning rate falls.
        weight_decay: L2 penalty.
        initial_accumulator_value: the first `s`.
        eps: keeps the divisor away from zero.

    Raises:
        ArgumentError: a setting is out of range.

    Example:
        >>> optimiser = adagrad(0.1)
        >>> params = np.array([1.0, 2.0])
        >>> optimiser.update(np.array([5.0, -0.1]), optimiser.init(params), params)[0].round(6)
        array([0.9, 2.1])
    """
    check_settings(
        "adagrad",
        learning_rate,
        {},
        lr_decay=lr_decay,
        weight_decay=weight_decay,
        initial_accumulator_value=initial_accumulator_value,
        eps=eps,
    )

    def rule(rate: Any, step: Any) -> Any:
        size = rate / (1.0 + (step - 1) * lr_decay) if lr_decay else rate

        def leaf(p: Any, g: Any, total: Any) -> tuple[Any, Any]:
            if weight_decay:
                g = g + weight_decay * p
            total = total + g * g
            return p - cast(size, p) * (g / (np.sqrt(total) + eps)), total

        return leaf

    return from_rule("adagrad", rule, learning_rate, AdagradState, initial_accumulator_value)


@checked
def adadelta(
    learning_rate: LearningRate = 1.0, rho: float = 0.9, eps: float = 1e-6, weight_decay: float = 0.0
) -> Optimizer:
    """Adadelta (Zeiler, arXiv 1212.5701), as `torch.optim.Adadelta`.

    `s = rho * s + (1 - rho) * g**2`, `d = sqrt(c + eps) / sqrt(s + eps) * g`, `c = rho * c + (1 - rho) * d**2`,
    `p = p - learning_rate * d`, with `g = gradient + weight_decay * p`.

    Args:
        learning_rate: a number, an array, or a schedule.
        rho: in `[0, 1)`.
        eps: how large the first steps are.
        weight_decay: L2 penalty.

    Raises:
        ArgumentError: a setting is out of range.

    Example:
        >>> optimiser = adadelta(eps=0.1)
        >>> params = np.array([1.0, 2.0])
        >>> optimiser.update(np.array([3.0, -3.0]), optimiser.init(params), params)[0].round(6)
        array([0.051317, 2.948683])
    """
    check_settings("adadelta", learning_rate, {"rho": rho}, eps=eps, weight_decay=weight_decay)

    def rule(rate: Any, step: Any) -> Any:
        del step

        def leaf(p: Any, g: Any, square: Any, change: Any) -> tuple[Any, Any, Any]:
            if weight_decay:
                g = g + weight_decay * p
            square = rho * square + (1.0 - rho) * (g * g)
            direction = np.sqrt(change + eps) / np.sqrt(square + eps) * g
            return p - cast(rate, p) * direction, square, rho * change + (1.0 - rho) * (direction * direction)

        return leaf

    return from_rule("adadelta", rule, learning_rate, AdadeltaState, 0.0, 0.0)
