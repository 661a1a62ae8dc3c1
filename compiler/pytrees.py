"""Arguments and results as trees: `optree` with one namespace, and paths as the user would write them.

`None` is a node without leaves. Classes registered with optree globally or in the namespace `"dlc"` are nodes.
"""

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias, cast

import optree

from compiler.errors import ArgumentError, at_user_line

NAMESPACE = "dlc"
TreeSpec: TypeAlias = optree.PyTreeSpec


def flatten(tree: Any) -> tuple[list[Any], TreeSpec]:
    """The leaves of `tree` in order, and its structure."""
    leaves, spec = optree.tree_flatten(tree, namespace=NAMESPACE)
    return leaves, spec


def unflatten(spec: TreeSpec, leaves: Iterable[Any]) -> Any:
    """The tree of structure `spec` with the given leaves."""
    return optree.tree_unflatten(spec, leaves)


def leaf_paths(spec: TreeSpec) -> list[str]:
    """How to reach each leaf from the whole, as Python: `[0]['w'].bias`."""
    return [accessor.codify("") for accessor in spec.accessors()]


def dotted_names(spec: TreeSpec, who: str) -> list[str]:
    """Keys, positions and fields on the way to each leaf, joined by dots, as PyTorch names parameters: `layers.0.bias`.

    Raises:
        ArgumentError: two leaves have one name; `who` says who needs the names.
    """
    names = [".".join(str(getattr(entry, "field", entry.entry)) for entry in way) for way in spec.accessors()]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ArgumentError(at_user_line(f"{who}: two leaves have the name {twice!r}; rename a key"))
    return names


def sequence_of(tree: Any) -> Sequence[Any] | None:
    """`tree` if it is a tuple or list."""
    return cast(Sequence[Any], tree) if isinstance(tree, tuple | list) else None
