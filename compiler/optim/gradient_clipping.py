"""Gradients made smaller before an optimiser sees them, as plain functions of trees."""

from typing import Any

import numpy as np

from compiler.errors import ArgumentError, at_user_line
from compiler.optim.optimizer import Tree, cast, map_leaves
from compiler.pytrees import flatten
from compiler.tracer import xp


def global_norm(tree: Tree, norm_type: float = 2.0) -> Any:
    """The norm of all numbers of a tree as one vector, as `torch.nn.utils.get_total_norm`.

    Args:
        tree: a tree of floating-point arrays.
        norm_type: `p` of the p-norm, above 0; `inf` is the largest absolute value.

    Returns:
        A scalar; 0 for a tree without arrays.

    Raises:
        ArgumentError: `norm_type` is not above 0.

    Example:
        >>> float(global_norm({"w": np.array([3.0, 0.0]), "b": np.array(4.0)}))
        5.0
    """
    if not norm_type > 0:
        raise ArgumentError(at_user_line(f"global_norm: norm_type is {norm_type}; expected a number above 0"))
    leaves, _ = flatten(tree)
    if not leaves:
        return np.zeros(())
    if norm_type == np.inf:
        norm = 0.0
        for leaf in leaves:
            norm = np.maximum(norm, np.max(np.abs(leaf), initial=0.0))
        return norm
    powers = [np.sum(leaf * leaf if norm_type == 2 else np.abs(leaf) ** norm_type) for leaf in leaves]
    total = sum(powers[1:], powers[0])
    return np.sqrt(total) if norm_type == 2 else total ** (1.0 / norm_type)


def clip_grad_norm(gradients: Tree, max_norm: Any, norm_type: float = 2.0) -> tuple[Tree, Any]:
    """Scale gradients so that their norm together is at most `max_norm`, as `torch.nn.utils.clip_grad_norm_`.

    Args:
        gradients: a tree of floating-point arrays.
        max_norm: a number or a scalar array.
        norm_type: as in `global_norm`.

    Returns:
        The scaled gradients (`torch` changes them in place), and the norm before.

    Example:
        >>> clipped, norm = clip_grad_norm({"w": np.array([3.0, 4.0])}, 1.0)
        >>> clipped["w"].round(5), float(norm)
        (array([0.6, 0.8]), 5.0)
    """
    norm = global_norm(gradients, norm_type)
    # PyTorch's formula, in which a norm of zero divides by something.
    factor = np.minimum(max_norm / (norm + 1e-6), 1.0)

    def leaf(g: Any) -> Any:
        return g * cast(factor, g)

    return map_leaves(leaf, "clip_grad_norm", gradients), norm


def clip_grad_value(gradients: Tree, clip_value: Any) -> Tree:
    """Each number of the gradients in `[-clip_value, clip_value]`, as `torch.nn.utils.clip_grad_value_`.

    Args:
        gradients: a tree of floating-point arrays.
        clip_value: a number of at least 0.

    Returns:
        The clipped gradients; `torch` changes them in place.

    Example:
        >>> clip_grad_value([np.array([-3.0, 0.5])], 1.0)
        [array([-1. ,  0.5])]
    """

    def leaf(g: Any) -> Any:
        limit = cast(clip_value, g)
        return xp.clip(g, -limit, limit)

    return map_leaves(leaf, "clip_grad_value", gradients)
