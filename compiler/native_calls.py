"""Signatures of compiled functions in the words of native calls: what the arguments must be, how results are built."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, cast

import numpy as np
import optree

from compiler.abstract import AbstractArray
from compiler.pytrees import NAMESPACE, TreeSpec, unflatten
from compiler.signatures import Signature
from compiler.tensor import Tensor
from runtime.dispatch.entry import NativeEntry, NativeProgram, Pattern, Recipe
from runtime.dispatch.match_text import Check, Fetch
from runtime.dispatch.result_text import Build

_NUMBERS: dict[type, tuple[Check, np.dtype[Any]]] = {
    bool: (Check.BOOL, np.dtype(np.bool_)),
    int: (Check.INT, np.dtype(np.int64)),
    float: (Check.FLOAT, np.dtype(np.float64)),
    complex: (Check.COMPLEX, np.dtype(np.complex128)),
}


class _NotNativeError(Exception):
    """The arguments hold something that native code does not know."""


def native_program(signature: Signature, address: int, owner: Any) -> NativeProgram:
    """A host function at an address, whose code is there while `owner` lives."""
    outputs = tuple((spec.dtype, spec.shape) for spec in signature.outputs)
    return NativeProgram(
        address,
        outputs,
        signature.result_inputs,
        signature.donated,
        signature.arena_bytes,
        not signature.is_short,
        owner,
    )


def list_entry(signature: Signature, program: NativeProgram) -> NativeEntry:
    """What answers calls with one list of all arrays, and gives a list of all results."""
    pattern = Pattern(1, 0)
    arrays = pattern.add(0, Fetch.TUPLE, 0, list, Check.COUNT, size=len(signature.inputs))
    for i, spec in enumerate(signature.inputs):
        pattern.add_array(arrays, Fetch.LIST, i, spec.dtype, spec.shape)
    recipe = Recipe()
    for i in range(len(signature.outputs)):
        recipe.add(Build.ARRAY, i)
    recipe.add(Build.LIST, len(signature.outputs))
    return NativeEntry(pattern, (), program, recipe)


def slot_offset() -> int:
    """Where a `Tensor` has its array: the only slot of the class follows the head of the object."""
    assert Tensor.__basicsize__ == object.__basicsize__ + 8, "a Tensor has one field"
    return object.__basicsize__


def argument_pattern(
    args: Sequence[Any], kwargs: Mapping[str, Any], static: Sequence[int | str], arrays: Sequence[AbstractArray]
) -> Pattern | None:
    """What the arguments of calls like this one must be; `None` if they hold what native code does not know.

    Args:
        args: positional arguments, static ones included.
        kwargs: the others.
        static: positions and names of static arguments; other calls must pass the same objects.
        arrays: the shape and dtype of each leaf of the arguments that are not static.
    """
    pattern = Pattern(len(args), len(kwargs))
    walk = _Walk(pattern, iter(arrays))
    try:
        for i, arg in enumerate(args):
            walk.visit(0, Fetch.TUPLE, i, arg, is_static=i in static)
        for name in sorted(kwargs):
            pattern.kept.append(name)
            walk.visit(1, Fetch.DICT, id(name), kwargs[name], is_static=name in static)
    except _NotNativeError:
        return None
    return pattern


class _Walk:
    """One walk over arguments, in the order of their leaves."""

    def __init__(self, pattern: Pattern, arrays: Iterator[AbstractArray]):
        self._pattern = pattern
        self._arrays = arrays

    def visit(self, parent: int, fetch: Fetch, where: int, value: Any, *, is_static: bool = False) -> None:
        """Describe an argument or a part of one."""
        kind: type[Any] = cast(Any, type(value))
        add = self._pattern.add
        if is_static:
            self._pattern.kept.append(value)
            add(parent, fetch, where, kind, Check.SAME, value=id(value))
        elif value is None:
            add(parent, fetch, where, kind, Check.TYPE)
        elif kind in {tuple, list} or (
            optree.is_namedtuple_class(kind) and not optree.is_structseq_class(kind) and not _is_registered(kind)
        ):
            node = add(parent, fetch, where, kind, Check.COUNT, size=len(value))
            for i, item in enumerate(value):
                self.visit(node, Fetch.LIST if kind is list else Fetch.TUPLE, i, item)
        elif kind is dict and all(type(key) is str for key in value):
            node = add(parent, fetch, where, kind, Check.COUNT, size=len(value))
            for key in sorted(value):
                self._pattern.kept.append(key)
                self.visit(node, Fetch.DICT, id(key), value[key])
        else:
            self._leaf(parent, fetch, where, kind, next(self._arrays, None))

    def _leaf(self, parent: int, fetch: Fetch, where: int, kind: type, array: AbstractArray | None) -> None:
        if array is None:
            raise _NotNativeError
        if kind is Tensor:
            parent = self._pattern.add(parent, fetch, where, Tensor, Check.TYPE)
            self._pattern.has_tensors = True
            fetch, where, kind = Fetch.SLOT, slot_offset(), np.ndarray
        if kind is np.ndarray:
            self._pattern.add_array(parent, fetch, where, array.dtype, array.shape)
        elif kind in _NUMBERS and array.dtype == _NUMBERS[kind][1]:
            self._pattern.add_number(parent, fetch, where, kind, _NUMBERS[kind][0])
        else:
            raise _NotNativeError


def _is_registered(kind: type) -> bool:
    """Whether a class says itself what its leaves are."""
    registry = cast(Any, optree.register_pytree_node)  # pyright: ignore[reportUnknownMemberType]
    found = registry.get(kind, namespace=NAMESPACE)
    return found is not None and found.kind is optree.PyTreeKind.CUSTOM


class _Leaf:
    """A leaf of a tree of results."""

    def __init__(self, number: int):
        self.number = number


def result_recipe(spec: TreeSpec, *, has_tensors: bool) -> Recipe:
    """How to build results of the structure `spec`, with arrays of NumPy or `Tensor`s as leaves."""
    recipe = Recipe()
    tree = unflatten(spec, map(_Leaf, range(spec.num_leaves)))
    try:
        _build(recipe, tree, has_tensors=has_tensors)
    except _NotNativeError:
        recipe = Recipe()
        _build(recipe, tuple(map(_Leaf, range(spec.num_leaves))), has_tensors=has_tensors)
        recipe.add(Build.CALL, value=partial(unflatten, spec))
    return recipe


def _build(recipe: Recipe, tree: Any, *, has_tensors: bool) -> None:
    if isinstance(tree, _Leaf):
        recipe.add(Build.ARRAY, tree.number)
        if has_tensors:
            recipe.add(Build.WRAP, slot_offset(), Tensor)
    elif tree is None:
        recipe.add(Build.OBJECT, value=None)
    elif type(tree) in {tuple, list, dict}:
        container = cast("tuple[Any, ...] | list[Any] | dict[str, Any]", tree)
        for value in container.values() if isinstance(container, dict) else container:
            _build(recipe, value, has_tensors=has_tensors)
        kinds = {tuple: Build.TUPLE, list: Build.LIST, dict: Build.DICT}
        recipe.add(kinds[type(container)], len(container), tuple(container) if isinstance(container, dict) else None)
    else:
        raise _NotNativeError
