"""Averages of parameters over training, which often predict better than the last ones."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from compiler.argument_checks import checked
from compiler.optim.optimizer import Tree, cast, check_settings, map_leaves


class Average(NamedTuple):
    """An average of trees.

    Attributes:
        init: `init(params) -> state`.
        update: `update(params, state) -> new state`.
        value: `value(state) -> params`: the average; there is none before the first update, if it starts at zero.
    """

    init: Callable[[Tree], "AverageState"]
    update: Callable[[Tree, "AverageState"], "AverageState"]
    value: Callable[["AverageState"], Tree]


class AverageState(NamedTuple):
    """`step` counts updates (int64); `mean` has the structure of the parameters."""

    step: Any
    mean: Tree


@checked
def exponential_moving_average(decay: float, *, debias: bool = True) -> Average:
    """The exponential moving average `mean = decay * mean + (1 - decay) * params`.

    Args:
        decay: in `[0, 1)`.
        debias: start at zero, and divide by `1 - decay**step`, as Adam does: every update counts alike, and the parameters
            given to `init` count nothing. Otherwise start at the parameters given to `init`, as PyTorch's `AveragedModel`.

    Raises:
        ArgumentError: `decay` is out of range.

    Example:
        >>> average = exponential_moving_average(0.9)
        >>> state = average.init(np.array([0.0]))
        >>> for number in (1.0, 2.0):
        ...     state = average.update(np.array([number]), state)
        >>> average.value(state).round(6)
        array([1.526316])
    """
    check_settings("exponential_moving_average", 0.0, {"decay": decay})

    def init(params: Tree) -> AverageState:
        mean = map_leaves(np.zeros_like if debias else np.copy, "params", params)
        return AverageState(np.zeros((), np.int64), mean)

    def update(params: Tree, state: AverageState) -> AverageState:
        def leaf(m: Any, p: Any) -> Any:
            return cast(decay * m + (1.0 - decay) * p, m)

        return AverageState(state.step + 1, map_leaves(leaf, "exponential_moving_average: params", state.mean, params))

    def value(state: AverageState) -> Tree:
        if not debias:
            return state.mean
        weight = 1.0 - decay ** state.step.astype(np.float64)

        def leaf(m: Any) -> Any:
            return m / cast(weight, m)

        return map_leaves(leaf, "exponential_moving_average: state", state.mean)

    return Average(init, update, value)
