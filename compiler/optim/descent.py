"""Optimisers that know one number for each parameter, or none: gradient descent with momentum, and Lion."""

from typing import Any, NamedTuple

import numpy as np

from compiler.argument_checks import checked
from compiler.errors import ArgumentError, at_user_line
from compiler.optim.optimizer import LearningRate, Optimizer, Tree, cast, check_settings, from_rule


class SgdState(NamedTuple):
    """`step` counts updates (int64); `velocity` has the structure of the parameters, or is `None` without momentum."""

    step: Any
    velocity: Tree = None


class LionState(NamedTuple):
    """`step` counts updates (int64); `mean` has the structure of the parameters."""

    step: Any
    mean: Tree


@checked
def sgd(
    learning_rate: LearningRate,
    momentum: float = 0.0,
    *,
    dampening: float = 0.0,
    nesterov: bool = False,
    weight_decay: float = 0.0,
) -> Optimizer:
    """Stochastic gradient descent, as `torch.optim.SGD`.

    `v = momentum * v + (1 - dampening) * g`, `p = p - learning_rate * v`, with `g = gradient + weight_decay * p`; the
    first `v` is `g`.

    Args:
        learning_rate: step size: a number, an array, or a schedule.
        momentum: in `[0, 1)`.
        dampening: how much less of the gradient goes into the velocity.
        nesterov: use `g + momentum * v` instead of `v`.
        weight_decay: L2 penalty.

    Raises:
        ArgumentError: a setting is out of range, or `nesterov` without momentum, or with dampening.

    Example:
        >>> optimiser = sgd(0.1)
        >>> params = {"w": np.array([1.0, 2.0])}
        >>> state = optimiser.init(params)
        >>> optimiser.update({"w": np.array([10.0, 0.0])}, state, params)[0]
        {'w': array([0., 2.])}
    """
    check_settings("sgd", learning_rate, {"momentum": momentum}, weight_decay=weight_decay)
    if nesterov and (not momentum or dampening):
        raise ArgumentError(at_user_line("sgd: nesterov needs a momentum above 0, and no dampening"))

    def rule(rate: Any, step: Any) -> Any:
        # The first gradient enters whole: the velocity is 0 then, so that only the factor of the gradient is to be chosen.
        share = np.where(step == 1, 1.0, 1.0 - dampening) if dampening else 1.0

        def leaf(p: Any, g: Any, velocity: Any) -> tuple[Any, Any]:
            if weight_decay:
                g = g + weight_decay * p
            direction = g
            if momentum:
                velocity = momentum * velocity + (cast(share, p) * g if dampening else g)
                direction = g + momentum * velocity if nesterov else velocity
            return p - cast(rate, p) * direction, velocity

        return leaf

    return from_rule("sgd", rule, learning_rate, SgdState, 0.0 if momentum else None)


@checked
def lion(learning_rate: LearningRate, betas: tuple[float, float] = (0.9, 0.99), weight_decay: float = 0.0) -> Optimizer:
    """Lion (Chen et al., arXiv 2302.06675): steps of one size in the direction of the sign.

    `p = p - learning_rate * (sign(b1 * m + (1 - b1) * g) + weight_decay * p)`, `m = b2 * m + (1 - b2) * g`.

    Args:
        learning_rate: a number, an array, or a schedule; the paper advises a third to a tenth of Adam's.
        betas: `b1` and `b2`, in `[0, 1)`.
        weight_decay: decoupled from the gradient, as in `adamw`; the paper advises three to ten times as much.

    Raises:
        ArgumentError: a setting is out of range.

    Example:
        >>> optimiser = lion(0.1)
        >>> params = np.array([1.0, 2.0, 3.0])
        >>> optimiser.update(np.array([5.0, 0.0, -0.1]), optimiser.init(params), params)[0]
        array([0.9, 2. , 3.1])
    """
    beta1, beta2 = betas
    check_settings("lion", learning_rate, {"beta1": beta1, "beta2": beta2}, weight_decay=weight_decay)

    def rule(rate: Any, step: Any) -> Any:
        del step

        def leaf(p: Any, g: Any, mean: Any) -> tuple[Any, Any]:
            direction = np.sign(beta1 * mean + (1.0 - beta1) * g)
            if weight_decay:
                direction = direction + weight_decay * p
            return p - cast(rate, p) * direction, beta2 * mean + (1.0 - beta2) * g

        return leaf

    return from_rule("lion", rule, learning_rate, LionState, 0.0)
