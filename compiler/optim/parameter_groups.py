"""Other settings for some parameters: one optimiser for each group of them."""

from collections.abc import Callable, Mapping
from typing import Any

from compiler.errors import ArgumentError, at_user_line
from compiler.optim.optimizer import Optimizer, Tree, leaves_like
from compiler.pytrees import TreeSpec, dotted_names, flatten, unflatten

Group = dict[str, Any]


def grouped(label: Callable[[str, Any], str], optimisers: Mapping[str, Optimizer]) -> Optimizer:
    """One optimiser for each group of parameters, as the parameter groups of PyTorch's optimisers.

    Args:
        label: takes the name of a parameter, such as `layers.0.weight`, and the parameter; returns the name of its group.
        optimisers: for each group its optimiser.

    Returns:
        An optimiser whose state is a dict: for each group the state of its optimiser.

    Raises:
        ArgumentError: from `init` and `update`, if `label` returns what is not the name of a group.

    Example:
        >>> from compiler import optim
        >>> kinds = {"matrix": optim.adamw(0.1, weight_decay=0.5), "other": optim.adam(0.1)}
        >>> optimiser = grouped(lambda name, p: "matrix" if p.ndim > 1 else "other", kinds)
        >>> params = {"weight": np.ones((1, 2)), "bias": np.ones(2)}
        >>> zeros = {"weight": np.zeros((1, 2)), "bias": np.zeros(2)}
        >>> optimiser.update(zeros, optimiser.init(params), params)[0]
        {'weight': array([[0.95, 0.95]]), 'bias': array([1., 1.])}
    """

    def labels(params: Tree) -> tuple[list[str], TreeSpec]:
        _, spec = flatten(params)
        names = dotted_names(spec, "grouped")
        groups = [label(name, p) for name, p in zip(names, leaves_like("grouped: params", params, spec), strict=True)]
        for name, group in zip(names, groups, strict=True):
            if group not in optimisers:
                raise ArgumentError(
                    at_user_line(
                        f"grouped: the group of {name!r} is {group!r}, expected one of {', '.join(map(repr, optimisers))}"
                    )
                )
        return groups, spec

    def split(what: str, tree: Tree, groups: list[str], spec: TreeSpec) -> dict[str, Group]:
        named = list(
            zip(groups, dotted_names(spec, "grouped"), leaves_like(f"grouped: {what}", tree, spec), strict=True)
        )
        return {group: {name: leaf for g, name, leaf in named if g == group} for group in optimisers}

    def init(params: Tree) -> Tree:
        parts = split("params", params, *labels(params))
        return {group: optimiser.init(parts[group]) for group, optimiser in optimisers.items()}

    def update(gradients: Tree, state: Tree, params: Tree) -> tuple[Tree, Tree]:
        groups, spec = labels(params)
        parts, slopes = split("params", params, groups, spec), split("gradients", gradients, groups, spec)
        new = {g: optimiser.update(slopes[g], state[g], parts[g]) for g, optimiser in optimisers.items()}
        leaves = [new[group][0][name] for group, name in zip(groups, dotted_names(spec, "grouped"), strict=True)]
        return unflatten(spec, leaves), {group: new[group][1] for group in optimisers}

    return Optimizer(init, update)
