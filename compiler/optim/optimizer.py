"""What an optimiser is, and how one is made of a rule for a single parameter."""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from compiler.errors import ArgumentError, DtypeError, ShapeError, at_user_line
from compiler.pytrees import TreeSpec, flatten, leaf_paths, unflatten
from dialects.dlc.interfaces import dtype_kind

Tree: TypeAlias = Any
LearningRate: TypeAlias = Any
"""A number, an array of no dimensions, or a schedule: a function of the number of updates before this one."""

Leaf: TypeAlias = Callable[..., tuple[Any, ...]]
"""`leaf(parameter, gradient, *kept) -> (new parameter, *new kept)`, where what is not kept is `None`."""

Rule: TypeAlias = Callable[[Any, Any], Leaf]
"""`rule(learning rate, step)`: computes once what all parameters share; `step` is 1 in the first update."""


class Optimizer(NamedTuple):
    """An optimiser.

    Attributes:
        init: `init(params) -> state`.
        update: `update(gradients, state, params) -> (new params, new state)`; nothing is changed in place.
    """

    init: Callable[[Tree], Tree]
    update: Callable[[Tree, Tree, Tree], tuple[Tree, Tree]]


def from_rule(
    name: str,
    rule: Rule,
    learning_rate: LearningRate,
    state_type: Any,
    *first: float | None,
) -> Optimizer:
    """The optimiser that applies a rule to every parameter.

    Args:
        name: what messages call it.
        rule: see `Rule`.
        learning_rate: see `LearningRate`.
        state_type: a named tuple: `step`, then trees of the structure of the parameters.
        first: for each of these trees the number that it is filled with at first, or `None`, which the tree is then, too;
            trees that are left out have their default.
    """

    def init(params: Tree) -> Tree:
        leaves, spec = flatten(params)
        kept = (
            None if number is None else unflatten(spec, [_full_like(p, number) for p in leaves]) for number in first
        )
        return state_type(np.zeros((), np.int64), *kept)

    def update(gradients: Tree, state: Tree, params: Tree) -> tuple[Tree, Tree]:
        if not isinstance(state, state_type):
            raise ArgumentError(
                at_user_line(f"{name}: the state is a {type(state).__name__}, expected {state_type.__name__} from init")
            )
        _, spec = flatten(params)
        leaves = leaves_like(f"{name}: params", params, spec)
        columns = [leaves, leaves_like(f"{name}: gradients", gradients, spec)]
        for field, number in zip(state_type._fields[1:], first, strict=False):
            kept = number is not None
            columns.append(
                leaves_like(f"{name}: state.{field}", getattr(state, field), spec) if kept else [None] * len(leaves)
            )
        rate = learning_rate(state.step) if callable(learning_rate) else learning_rate
        step = state.step + 1
        leaf = rule(rate, step)
        rows: list[list[Any]] = []
        for path, p, g, *kept in zip(leaf_paths(spec), *columns, strict=True):
            for old in kept:
                _check_shape(f"{name}: the state of", path, old, p)
            updated = leaf(p, _gradient(name, path, g, p), *kept)
            # Compiled, these have their dtypes already; NumPy makes float32 of bfloat16 and a Python number.
            rows.append([cast(new, old) for new, old in zip(updated, (p, *kept), strict=True)])
        new = [unflatten(spec, [row[i] for row in rows]) for i in range(len(first) + 1)]
        kept_trees = (None if number is None else tree for number, tree in zip(first, new[1:], strict=True))
        return new[0], state_type(step, *kept_trees)

    init.__qualname__, update.__qualname__ = f"{name}.init", f"{name}.update"  # as errors of Python call them
    return Optimizer(init, update)


def leaves_like(what: str, tree: Tree, spec: TreeSpec) -> list[Any]:
    """The leaves, as arrays, of a tree that must have the structure of the parameters."""
    leaves, given = flatten(tree)
    if given != spec:
        raise ArgumentError(at_user_line(f"{what} has the structure {given}, expected {spec} as the parameters"))
    arrays = [leaf if hasattr(leaf, "dtype") else np.asarray(leaf) for leaf in leaves]
    for leaf in arrays:
        if not isinstance(leaf.dtype, np.dtype):
            raise ArgumentError(
                at_user_line(
                    f"{what} hold a {type(leaf).__name__}; compile the call with `jit`, which takes such arrays"
                )
            )
    return arrays


def map_leaves(function: Callable[..., Any], what: str, tree: Tree, *others: Tree) -> Tree:
    """`function` of the leaves of trees of one structure; messages call the others `what`."""
    leaves, spec = flatten(tree)
    columns = [leaves_like(what, other, spec) for other in others]
    return unflatten(spec, [function(*row) for row in zip(leaves, *columns, strict=True)])


def cast(x: Any, like: Any) -> Any:
    """A scalar in the dtype of a parameter; Python's numbers adopt it by themselves."""
    return x.astype(like.dtype) if hasattr(x, "astype") and x.dtype != like.dtype else x


def check_settings(name: str, learning_rate: Any, shares: dict[str, float], **settings: float) -> None:
    """Raise unless the `shares` are in [0, 1), and the other settings are at least 0."""
    is_number = isinstance(learning_rate, int | float)
    if not (is_number or callable(learning_rate) or getattr(learning_rate, "shape", None) == ()):
        kind = type(learning_rate).__name__
        raise ArgumentError(
            at_user_line(f"{name}: learning_rate is a {kind}; use a number, a scalar array or a schedule")
        )
    rate = {"learning_rate": learning_rate} if is_number else {}
    for what, value in (rate | settings).items():
        if not value >= 0:
            raise ArgumentError(at_user_line(f"{name}: {what} is {value}; expected a number of at least 0"))
    for what, value in shares.items():
        if not 0.0 <= value < 1.0:
            raise ArgumentError(at_user_line(f"{name}: {what} is {value}; expected a number in [0, 1)"))


def _full_like(p: Any, number: float) -> Any:
    return np.full_like(p, number) if number else np.zeros_like(p)


def _gradient(name: str, path: str, g: Any, p: Any) -> Any:
    """The gradient of a parameter in the dtype of the parameter."""
    if dtype_kind(p.dtype) != "f":
        raise DtypeError(
            at_user_line(
                f"{name}: the parameter {path} is {p.dtype.name}, expected a float; hold the two parts of complex numbers as "
                "two parameters, and what is not trained in another tree"
            )
        )
    _check_shape(f"{name}: the gradient", path, g, p)
    return cast(g, p)


def _check_shape(what: str, path: str, x: Any, p: Any) -> None:
    if x is not None and x.shape != p.shape:
        raise ShapeError(at_user_line(f"{what} {path} has shape {x.shape}, expected {p.shape} as the parameter"))
