"""Gradients made smaller before an optimiser sees them, as plain functions of trees."""

from typing import Any

import numpy as np

from compiler.argument_checks import checked
from compiler.errors import ArgumentError, DtypeError, at_user_line
from compiler.optim.optimizer import Tree, cast, leaves_like, map_leaves
from compiler.pytrees import flatten, leaf_paths
from compiler.tracer import xp
from dialects.dlc.interfaces import dtype_kind


@checked
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
    leaves = _floating("global_norm", tree)
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


@checked
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
    _floating("clip_grad_norm", gradients)
    _check_limit("clip_grad_norm: max_norm", max_norm)
    norm = global_norm(gradients, norm_type)
    # PyTorch's formula, in which a norm of zero divides by something.
    factor = np.minimum(max_norm / (norm + 1e-6), 1.0)

    def leaf(g: Any) -> Any:
        return g * cast(factor, g)

    return map_leaves(leaf, "clip_grad_norm", gradients), norm


@checked
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
    _floating("clip_grad_value", gradients)
    _check_limit("clip_grad_value: clip_value", clip_value)

    def leaf(g: Any) -> Any:
        limit = cast(clip_value, g)
        return xp.clip(g, -limit, limit)

    return map_leaves(leaf, "clip_grad_value", gradients)


def _check_limit(what: str, value: Any) -> None:
    """Raise an error unless `value` is a scalar array, or a number of at least 0."""
    is_number = isinstance(value, int | float | np.integer | np.floating)
    if not (value >= 0 if is_number else getattr(value, "shape", None) == ()):
        raise ArgumentError(at_user_line(f"{what} is {value!r}; expected a number of at least 0"))


def _floating(name: str, tree: Tree) -> list[Any]:
    """The leaves of a tree as arrays; raise an error unless all are floating point."""
    _, spec = flatten(tree)
    arrays = leaves_like(name, tree, spec)
    for path, leaf in zip(leaf_paths(spec), arrays, strict=True):
        if dtype_kind(leaf.dtype) != "f":
            raise DtypeError(at_user_line(f"{name}: {path} is {leaf.dtype}, expected a float; convert it with astype"))
    return arrays
