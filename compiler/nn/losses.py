"""Losses between numbers, for regression.

`reduction` of all losses is `"mean"`, `"sum"`, or `"none"` for one loss each. Targets and weights broadcast with the input.
"""

import math
from typing import Any, Literal

import numpy as np

from compiler.compiled_functions import compiled
from compiler.errors import ArgumentError, ShapeError, at_user_line
from compiler.nn.operands import check_choice, constant_for_derivatives, floating_tracer, operand_like
from compiler.promotion import broadcast_shapes
from compiler.tracer import Tracer, xp

Reduction = Literal["none", "mean", "sum"]


def reduced(name: str, losses: Any, reduction: str) -> Any:
    """The losses, their mean or their sum."""
    check_choice(name, "reduction", reduction, ("none", "mean", "sum"))
    if reduction == "none":
        return losses
    return losses.mean() if reduction == "mean" else losses.sum()


def operands_of_loss(name: str, first: Any, *others: Any) -> tuple[Any, ...]:
    """Operands that broadcast, in the dtype of the first one."""
    x = floating_tracer(first, name)
    tracers = x, *[operand_like(other, x) for other in others]
    broadcast_shapes(name, *[tracer.shape for tracer in tracers])
    return tracers


def _weighted(name: str, losses: Tracer, weight: Any, reduction: str) -> Any:
    """Losses of elements times their weights, reduced: the mean is divided by the sum of the weights, if there are any."""
    if weight is None:
        return reduced(name, losses, reduction)
    (losses, factors) = operands_of_loss(name, losses, weight)
    losses = losses * factors
    if reduction == "mean":
        return losses.sum() / np.broadcast_to(factors, losses.shape).sum()
    return reduced(name, losses, reduction)


@compiled(("reduction",))
def l1_loss(input: Any, target: Any, *, reduction: Reduction = "mean", weight: Any = None) -> Any:  # noqa: A002
    """`|input - target|`; the derivative where they are equal is 0.

    Args:
        input: any shape, float32 or float64.
        target: a shape that broadcasts with it.
        reduction: see the module.
        weight: factors of the elements; the mean is divided by their sum.

    Example:
        >>> l1_loss(np.array([1.0, 2.0]), np.array([1.0, 5.0]))
        array(1.5)
    """
    x, y = operands_of_loss("l1_loss", input, target)
    return _weighted("l1_loss", np.abs(x - y), weight, reduction)


@compiled(("reduction",))
def mse_loss(input: Any, target: Any, *, reduction: Reduction = "mean", weight: Any = None) -> Any:  # noqa: A002
    """`(input - target)**2`.

    Args:
        input: any shape, float32 or float64.
        target: a shape that broadcasts with it.
        reduction: see the module.
        weight: factors of the elements; the mean is divided by their sum.

    Example:
        >>> mse_loss(np.array([1.0, 2.0]), np.array([1.0, 4.0]))
        array(2.)
    """
    x, y = operands_of_loss("mse_loss", input, target)
    return _weighted("mse_loss", np.square(x - y), weight, reduction)


@compiled(("reduction", "beta"))
def smooth_l1_loss(input: Any, target: Any, *, reduction: Reduction = "mean", beta: float = 1.0) -> Any:  # noqa: A002
    """`d**2 / (2 beta)` for distances `d` below `beta`, elsewhere `d - beta / 2` (Girshick, arXiv 1504.08083).

    Args:
        input: any shape, float32 or float64.
        target: a shape that broadcasts with it.
        reduction: see the module.
        beta: where the parabola ends; with 0 it is `l1_loss`.

    Raises:
        ArgumentError: `beta` is negative.

    Example:
        >>> smooth_l1_loss(np.array([0.0, 3.0]), np.array([1.0, 0.0]), reduction="none")
        array([0.5, 2.5])
    """
    if beta < 0:
        raise ArgumentError(at_user_line(f"smooth_l1_loss: beta is {beta}; use a number that is not negative"))
    x, y = operands_of_loss("smooth_l1_loss", input, target)
    if beta == 0:
        return reduced("smooth_l1_loss", np.abs(x - y), reduction)
    return reduced("smooth_l1_loss", _parabola_then_line(x - y, beta) / beta, reduction)


@compiled(("reduction", "delta"))
def huber_loss(
    input: Any,  # noqa: A002
    target: Any,
    reduction: Reduction = "mean",
    delta: float = 1.0,
    weight: Any = None,
) -> Any:
    """`d**2 / 2` for distances `d` up to `delta`, elsewhere `delta * (d - delta / 2)`.

    Args:
        input: any shape, float32 or float64.
        target: a shape that broadcasts with it.
        reduction: see the module.
        delta: where the parabola ends, positive.
        weight: factors of the elements; unlike in `mse_loss`, the mean is not divided by their sum.

    Raises:
        ArgumentError: `delta` is not positive.

    Example:
        >>> huber_loss(np.array([0.0, 3.0]), np.array([1.0, 0.0]), reduction="none", delta=2.0)
        array([0.5, 4. ])
    """
    if delta <= 0:
        raise ArgumentError(at_user_line(f"huber_loss: delta is {delta}; use a positive number"))
    x, y = operands_of_loss("huber_loss", input, target)
    losses = _parabola_then_line(x - y, delta)
    return reduced("huber_loss", losses if weight is None else losses * operand_like(weight, x), reduction)


def _parabola_then_line(difference: Any, bound: float) -> Any:
    distance = np.abs(difference)
    return xp.where(distance < bound, 0.5 * difference * difference, bound * (distance - 0.5 * bound))


@compiled(("log_input", "full", "eps", "reduction"))
def poisson_nll_loss(
    input: Any,  # noqa: A002
    target: Any,
    log_input: bool = True,
    full: bool = False,
    *,
    eps: float = 1e-8,
    reduction: Reduction = "mean",
) -> Any:
    """Negative log likelihood of counts under Poisson distributions.

    Args:
        input: the rates or their logarithms, any shape, float32 or float64.
        target: the counts; a shape that broadcasts with it.
        log_input: whether `input` is the logarithm, `exp(input) - target * input`, or the rate,
            `input - target * log(input + eps)`.
        full: whether Stirling's approximation of `log(target!)` is added, for counts above 1.
        eps: keeps the logarithm finite.
        reduction: see the module.

    Example:
        >>> poisson_nll_loss(np.array([0.0, 1.0]), np.array([1.0, 1.0]), reduction="none").round(4)
        array([1.    , 1.7183])
    """
    x, y = operands_of_loss("poisson_nll_loss", input, target)
    losses = np.exp(x) - y * x if log_input else x - y * np.log(x + eps)
    if full:
        counts = np.where(y > 1, y, 1.0)
        stirling = counts * np.log(counts) - counts + 0.5 * np.log(2 * math.pi * counts)
        losses = losses + np.where(y > 1, stirling, 0.0)
    return reduced("poisson_nll_loss", losses, reduction)


@compiled(("full", "eps", "reduction"))
def gaussian_nll_loss(
    input: Any,  # noqa: A002
    target: Any,
    var: Any,
    full: bool = False,
    eps: float = 1e-6,
    reduction: Reduction = "mean",
) -> Any:
    """Negative log likelihood under normal distributions: `(log(var) + (input - target)**2 / var) / 2`.

    Args:
        input: the means, any shape, float32 or float64.
        target: a shape that broadcasts with it.
        var: the variances: a scalar, the shape of `input`, or that with the last dimension 1 or left out. Less than `eps`
            counts as `eps`; derivatives do not see that.
        full: whether the constant `log(2 pi) / 2` is added.
        eps: the least variance, positive.
        reduction: see the module.

    Raises:
        ShapeError: the shape of `var` is none of these.

    Example:
        >>> gaussian_nll_loss(np.array([0.0, 1.0]), np.array([0.0, 3.0]), np.array([1.0, 4.0]), reduction="none").round(4)
        array([0.    , 1.1931])
    """
    x, y = operands_of_loss("gaussian_nll_loss", input, target)
    variance = operand_like(var, x)
    if variance.shape == x.shape[:-1] and variance.ndim:
        variance = xp.expand_dims(variance, -1)
    elif variance.shape not in {(), x.shape, (*x.shape[:-1], 1)}:
        raise ShapeError(
            at_user_line(f"gaussian_nll_loss: var has shape {variance.shape}, expected {x.shape} as the input")
        )
    variance = variance + constant_for_derivatives(np.maximum(variance, eps) - variance)
    losses = 0.5 * (np.log(variance) + np.square(x - y) / variance)
    return reduced("gaussian_nll_loss", losses + 0.5 * math.log(2 * math.pi) if full else losses, reduction)
