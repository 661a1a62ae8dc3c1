"""Learning rates as functions of the step: `optim.adamw(optim.schedules.warmup_cosine(1e-3, 100, 10_000))`.

A schedule takes the number of updates so far (0 in the first), a Python integer or an array, traced or not, and returns a number
in float64. Optimisers hand it the step of their state, so that a run that is resumed goes on with the right rate.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np

from compiler.argument_checks import checked
from compiler.errors import ArgumentError, at_user_line, check_function
from compiler.tracer import xp

__all__ = [
    "constant",
    "cosine_decay",
    "exponential_decay",
    "join",
    "linear",
    "one_cycle",
    "piecewise_constant",
    "polynomial",
    "warmup_cosine",
]

Schedule: TypeAlias = Callable[[Any], Any]


@checked
def constant(value: float) -> Schedule:
    """The same number at every step.

    Example:
        >>> constant(0.1)(7)
        0.1
    """

    def schedule(step: Any) -> Any:
        del step
        return value

    return schedule


@checked
def linear(init_value: float, end_value: float, transition_steps: int) -> Schedule:
    """A straight line from `init_value` to `end_value`, which stays from step `transition_steps` on; PyTorch's `LinearLR`.

    Example:
        >>> [float(linear(1.0, 0.0, 4)(step)) for step in (0, 1, 4, 5)]
        [1.0, 0.75, 0.0, 0.0]
    """
    return polynomial(init_value, end_value, 1.0, transition_steps)


@checked
def polynomial(init_value: float, end_value: float, power: float, transition_steps: int) -> Schedule:
    """`end + (init - end) * (1 - step / transition_steps)**power`, then `end_value`; PyTorch's `PolynomialLR`.

    Raises:
        ArgumentError: `transition_steps` is not a positive integer.

    Example:
        >>> [float(polynomial(1.0, 0.0, 2.0, 4)(step)) for step in (0, 2, 4)]
        [1.0, 0.25, 0.0]
    """
    _check_steps("polynomial", transition_steps=transition_steps)

    def schedule(step: Any) -> Any:
        return end_value + (init_value - end_value) * (1.0 - _progress(step, transition_steps)) ** power

    return schedule


@checked
def exponential_decay(
    init_value: float, decay_rate: float, transition_steps: int = 1, *, staircase: bool = False
) -> Schedule:
    """`init_value * decay_rate**(step / transition_steps)`; PyTorch's `ExponentialLR`.

    Args:
        init_value: the number at step 0.
        decay_rate: the factor of `transition_steps` steps.
        transition_steps: after how many steps the factor is reached.
        staircase: round the exponent down; PyTorch's `StepLR`.

    Raises:
        ArgumentError: `transition_steps` is not a positive integer.

    Example:
        >>> [float(exponential_decay(1.0, 0.5, 2, staircase=True)(step)) for step in range(5)]
        [1.0, 1.0, 0.5, 0.5, 0.25]
    """
    _check_steps("exponential_decay", transition_steps=transition_steps)

    def schedule(step: Any) -> Any:
        exponent = _as_float(step) / transition_steps
        return init_value * decay_rate ** (np.floor(exponent) if staircase else exponent)

    return schedule


@checked
def cosine_decay(init_value: float, decay_steps: int, end_value: float = 0.0) -> Schedule:
    """Half a cosine from `init_value` to `end_value` (Loshchilov and Hutter, arXiv 1608.03983), which stays from `decay_steps` on.

    PyTorch's `CosineAnnealingLR`, which goes up again afterwards.

    Raises:
        ArgumentError: `decay_steps` is not a positive integer.

    Example:
        >>> [round(float(cosine_decay(1.0, 4)(step)), 3) for step in range(6)]
        [1.0, 0.854, 0.5, 0.146, 0.0, 0.0]
    """
    _check_steps("cosine_decay", decay_steps=decay_steps)

    def schedule(step: Any) -> Any:
        share = 0.5 * (1.0 + np.cos(np.pi * _progress(step, decay_steps)))
        return end_value + (init_value - end_value) * share

    return schedule


@checked
def piecewise_constant(values: Sequence[float], boundaries: Sequence[int]) -> Schedule:
    """`values[i]` from step `boundaries[i - 1]` on; PyTorch's `MultiStepLR` has these steps as milestones.

    Args:
        values: one more than boundaries.
        boundaries: in ascending order, above 0.

    Raises:
        ArgumentError: the numbers of values and boundaries do not fit, or the boundaries are not ascending.

    Example:
        >>> [float(piecewise_constant([1.0, 0.1], [2])(step)) for step in range(4)]
        [1.0, 1.0, 0.1, 0.1]
    """
    return join([constant(value) for value in values], boundaries)


@checked
def join(schedules: Sequence[Schedule], boundaries: Sequence[int]) -> Schedule:
    """One schedule after the other: `schedules[i]` from step `boundaries[i - 1]` on, where it begins with its own step 0.

    Args:
        schedules: one more than boundaries.
        boundaries: in ascending order, above 0.

    Raises:
        ArgumentError: the numbers of schedules and boundaries do not fit, or the boundaries are not ascending.

    Example:
        >>> schedule = join([linear(0.0, 1.0, 2), exponential_decay(1.0, 0.5)], [2])
        >>> [float(schedule(step)) for step in range(5)]
        [0.0, 0.5, 1.0, 0.5, 0.25]
    """
    for each in schedules:
        check_function(each, "join: schedules")
    starts = [0, *boundaries]
    if len(schedules) != len(starts) or any(a >= b for a, b in pairwise(starts)):
        raise ArgumentError(
            at_user_line(
                f"join: {len(schedules)} schedules and the boundaries {list(boundaries)}; expected one boundary less than "
                "schedules, in ascending order, above 0"
            )
        )

    def schedule(step: Any) -> Any:
        value = schedules[0](step)
        for start, following in zip(starts[1:], schedules[1:], strict=True):
            # A later schedule is never asked about steps before its own.
            value = xp.where(step >= start, following(np.maximum(step - start, 0)), value)
        return value

    return schedule


@checked
def warmup_cosine(
    peak_value: float, warmup_steps: int, decay_steps: int, init_value: float = 0.0, end_value: float = 0.0
) -> Schedule:
    """A straight line up to `peak_value`, then half a cosine down to `end_value` at step `decay_steps`.

    Args:
        peak_value: the number at step `warmup_steps`.
        warmup_steps: how long it goes up.
        decay_steps: how many steps there are, those of the warm-up included.
        init_value: the number at step 0.
        end_value: the number from step `decay_steps` on.

    Raises:
        ArgumentError: numbers of steps are not positive integers, or `decay_steps` is not above `warmup_steps`.

    Example:
        >>> [round(float(warmup_cosine(1.0, 2, 4)(step)), 3) for step in range(6)]
        [0.0, 0.5, 1.0, 0.5, 0.0, 0.0]
    """
    _check_steps("warmup_cosine", warmup_steps=warmup_steps, decay_steps=decay_steps - warmup_steps)
    decay = cosine_decay(peak_value, decay_steps - warmup_steps, end_value)
    return join([linear(init_value, peak_value, warmup_steps), decay], [warmup_steps])


@checked
def one_cycle(
    max_value: float,
    total_steps: int,
    pct_start: float = 0.3,
    div_factor: float = 25.0,
    final_div_factor: float = 1e4,
) -> Schedule:
    """Half a cosine up and half a cosine down (Smith and Topin, arXiv 1708.07120); PyTorch's `OneCycleLR`.

    Args:
        max_value: the highest number, at step `pct_start * total_steps - 1`.
        total_steps: how many steps there are; the last is `total_steps - 1`.
        pct_start: the share of the steps that goes up, in `(0, 1)`.
        div_factor: the first number is `max_value / div_factor`.
        final_div_factor: the last is that divided by `final_div_factor`.

    Raises:
        ArgumentError: the way up or down has less than one step.

    Example:
        >>> [round(float(one_cycle(1.0, 10)(step)), 3) for step in (0, 2, 9)]
        [0.04, 1.0, 0.0]
    """
    top = pct_start * total_steps - 1
    down = total_steps - 1 - top
    if not (top > 0 and down > 0):
        raise ArgumentError(
            at_user_line(
                f"one_cycle: {total_steps} steps with pct_start {pct_start} leave {top} up and {down} down; use more steps"
            )
        )
    first = max_value / div_factor

    def schedule(step: Any) -> Any:
        up_share = 0.5 * (1.0 + np.cos(np.pi * _progress(step, top)))
        down_share = 0.5 * (1.0 + np.cos(np.pi * _progress(step - top, down)))
        last = first / final_div_factor
        return xp.where(step <= top, max_value + (first - max_value) * up_share, last + (max_value - last) * down_share)

    return schedule


def _as_float(step: Any) -> Any:
    return step.astype(np.float64) if hasattr(step, "astype") else float(step)


def _progress(step: Any, steps: float) -> Any:
    """The share of the steps that is done, in [0, 1]."""
    return np.clip(_as_float(step) / steps, 0.0, 1.0)


def _check_steps(name: str, **counts: int) -> None:
    for what, count in counts.items():
        if not isinstance(count, int | np.integer) or isinstance(count, bool) or count < 1:  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ArgumentError(at_user_line(f"{name}: {what} is {count!r}; expected an integer of at least 1"))
