"""Optimisers as pairs of pure functions on trees of parameters.

```python
optimiser = compiler.optim.adam(1e-3)
state = optimiser.init(params)                              # a tree of arrays: save it, pass it through jit
params, state = optimiser.update(gradients, state, params)  # inside of the compiled training step
```

`update` works on plain arrays too, where NumPy carries it out. The learning rate may be an argument of the training step: make the
optimiser inside of it.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import optree

from compiler.errors import ArgumentError, at_user_line
from compiler.pytrees import NAMESPACE

__all__ = ["AdamState", "Optimizer", "SgdState", "adam", "adamw", "sgd"]

Tree = Any


class Optimizer(NamedTuple):
    """An optimiser.

    Attributes:
        init: `init(params) -> state`.
        update: `update(gradients, state, params) -> (new params, new state)`; nothing is changed in place.
    """

    init: Callable[[Tree], Tree]
    update: Callable[[Tree, Tree, Tree], tuple[Tree, Tree]]


class SgdState(NamedTuple):
    """`velocity` has the structure of the parameters; it is `None` without momentum."""

    velocity: Tree


class AdamState(NamedTuple):
    """`step` counts updates (int64); `mean` and `variance` have the structure of the parameters."""

    step: Any
    mean: Tree
    variance: Tree


def _map(function: Callable[..., Any], *trees: Tree) -> Tree:
    return optree.tree_map(function, *trees, namespace=NAMESPACE)


def _check_structure(name: str, params: Tree, **others: Tree) -> None:
    """Raise `ArgumentError` if a tree has another structure than the parameters."""
    expected = optree.tree_structure(params, namespace=NAMESPACE)
    for what, tree in others.items():
        given = optree.tree_structure(tree, namespace=NAMESPACE)
        if given != expected:
            raise ArgumentError(
                at_user_line(f"{name}: {what} has the structure {given}, expected {expected} as the parameters")
            )


def _scaled_sum(first: Tree, factor: float, second: Tree) -> Tree:
    """`first + factor * second` on every leaf."""

    def leaf(a: Any, b: Any) -> Any:
        return a + factor * b

    return _map(leaf, first, second)


def _unzip(pairs: Tree, like: Tree, count: int) -> list[Tree]:
    """Turn a tree of tuples into a tuple of trees."""
    spec = optree.tree_structure(like, namespace=NAMESPACE)
    leaves = spec.flatten_up_to(pairs)
    return [optree.tree_unflatten(spec, [leaf[i] for leaf in leaves]) for i in range(count)]


def _check(name: str, learning_rate: Any, **rates: float) -> None:
    if isinstance(learning_rate, int | float) and learning_rate < 0:
        raise ArgumentError(f"{name}: learning_rate is {learning_rate}; expected a number of at least 0")
    for what, value in rates.items():
        if not 0.0 <= value < 1.0:
            raise ArgumentError(f"{name}: {what} is {value}; expected a number in [0, 1)")


def sgd(learning_rate: float, momentum: float = 0.0, *, nesterov: bool = False, weight_decay: float = 0.0) -> Optimizer:
    """Stochastic gradient descent, as `torch.optim.SGD`.

    `v = momentum * v + g`, `p = p - learning_rate * v`, with `g = gradient + weight_decay * p`.

    Args:
        learning_rate: step size; a Python float, or an array passed through.
        momentum: in `[0, 1)`.
        nesterov: use `g + momentum * v` instead of `v`.
        weight_decay: L2 penalty.

    Example:
        >>> optimiser = sgd(0.1)
        >>> params = {"w": np.array([1.0, 2.0])}
        >>> state = optimiser.init(params)
        >>> optimiser.update({"w": np.array([10.0, 0.0])}, state, params)[0]
        {'w': array([0., 2.])}
    """
    _check("sgd", learning_rate, momentum=momentum)
    if nesterov and not momentum:
        raise ArgumentError("sgd: nesterov needs a momentum above 0")

    def init(params: Tree) -> SgdState:
        return SgdState(_map(np.zeros_like, params) if momentum else None)

    def update(gradients: Tree, state: SgdState, params: Tree) -> tuple[Tree, SgdState]:
        _check_structure("sgd", params, gradients=gradients)
        if weight_decay:
            gradients = _scaled_sum(gradients, weight_decay, params)
        if not momentum:
            return _scaled_sum(params, -learning_rate, gradients), state
        velocity = _scaled_sum(gradients, momentum, state.velocity)
        steps = _scaled_sum(gradients, momentum, velocity) if nesterov else velocity
        return _scaled_sum(params, -learning_rate, steps), SgdState(velocity)

    return Optimizer(init, update)


def adam(
    learning_rate: float, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8, weight_decay: float = 0.0
) -> Optimizer:
    """Adam (Kingma and Ba, arXiv 1412.6980), as `torch.optim.Adam`; `weight_decay` is an L2 penalty in the gradient."""
    return _adam("adam", learning_rate, betas, eps, penalty=weight_decay, decay=0.0)


def adamw(
    learning_rate: float, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8, weight_decay: float = 1e-2
) -> Optimizer:
    """Adam with decoupled weight decay (Loshchilov and Hutter, arXiv 1711.05101), as `torch.optim.AdamW`."""
    return _adam("adamw", learning_rate, betas, eps, penalty=0.0, decay=weight_decay)


def _adam(
    name: str, learning_rate: float, betas: tuple[float, float], eps: float, *, penalty: float, decay: float
) -> Optimizer:
    beta1, beta2 = betas
    _check(name, learning_rate, beta1=beta1, beta2=beta2)

    def init(params: Tree) -> AdamState:
        return AdamState(np.zeros((), np.int64), _map(np.zeros_like, params), _map(np.zeros_like, params))

    def update(gradients: Tree, state: AdamState, params: Tree) -> tuple[Tree, AdamState]:
        _check_structure(name, params, gradients=gradients, state=state.mean)
        step = state.step + 1
        count = step.astype(np.float64)
        # The powers are of one number, so they are computed in float64 whatever the parameters are.
        correction1 = 1.0 - beta1**count
        correction2 = np.sqrt(1.0 - beta2**count)

        def leaf(p: Any, g: Any, m: Any, v: Any) -> tuple[Any, Any, Any]:
            if penalty:
                g = g + penalty * p
            m = beta1 * m + (1.0 - beta1) * g
            v = beta2 * v + (1.0 - beta2) * (g * g)
            rate = (learning_rate / correction1).astype(p.dtype)
            step_size = m / (np.sqrt(v) / correction2.astype(p.dtype) + eps)
            decayed = p - learning_rate * decay * p if decay else p
            return decayed - rate * step_size, m, v

        new = _map(leaf, params, gradients, state.mean, state.variance)
        params, mean, variance = _unzip(new, params, 3)
        return params, AdamState(step, mean, variance)

    return Optimizer(init, update)
