"""Whole derivatives as arrays: `jacfwd`, `jacrev`, `hessian`.

A Jacobian is the derivative along every unit direction at once: `vmap` of `jvp` or of the function that `vjp` gives.
The function itself does not depend on the direction, so it is computed once.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from xdsl.dialects.builtin import i64

from compiler.abstract import AbstractArray, abstract
from compiler.batching import vmap
from compiler.errors import DtypeError, at_user_line
from compiler.linearization import pulled_back, pushed_forward
from compiler.pytrees import TreeSpec, flatten, leaf_paths, unflatten
from compiler.tracing import current_frame, leaf_names, new_tracer, parameter_names
from compiler.transformed import (
    check_argnums,
    check_differentiable,
    compiled_outside,
    is_differentiable,
    leaves_of_arguments,
    name_of,
    positions_of,
)
from dialects.builder import tensor_type
from dialects.dlc import constants

Function = Callable[..., Any]


def jacfwd(
    fun: Function, argnums: int | Sequence[int] = 0, has_aux: bool = False, *, holomorphic: bool = False
) -> Function:
    """The Jacobian of a function, column by column: forward mode, for more results than arguments.

    Args:
        fun: returns a tree of arrays of floating point, or `(tree, aux)` with `has_aux`.
        argnums: which positional arguments to differentiate with respect to, trees whose leaves are floating point.
        has_aux: whether `fun` also returns auxiliary data, which is passed through.
        holomorphic: a promise that `fun` is, which complex arguments need: else there is no one complex derivative.

    Returns:
        A function with the arguments of `fun` that returns a tree like the result of `fun`, in which each array of shape
        `s` is replaced by a tree like the argument (a tuple of trees if `argnums` is a sequence) of arrays of shape
        `(*s, *t)`, where `t` is the shape of the leaf; `(Jacobian, aux)` with `has_aux`.

    Raises:
        ArgumentError: `argnums` names what is not a positional argument.
        DtypeError: an argument or a result is not floating point, or one is complex without `holomorphic`.

    Example:
        >>> jacfwd(lambda x: x**2)(np.array([1.0, 2.0]))
        array([[2., 0.],
               [0., 4.]])
    """
    check_argnums(argnums, "jacfwd")

    def jacobian(*args: Any, **kwargs: Any) -> Any:
        chosen, inputs, in_spec, of_chosen = _chosen(fun, argnums, args, kwargs, "jacfwd")
        _check_holomorphic("jacfwd", "takes", inputs, fun, holomorphic)

        def push_forward(*tangents: Any) -> Any:
            return pushed_forward(of_chosen, chosen, tangents, "jacfwd", has_aux=has_aux)[1:]

        directions = unflatten(flatten(chosen)[1], _unit_directions(inputs))
        size = sum(map(_size, inputs))
        moves, aux = vmap(push_forward, out_axes=(-1, None), axis_size=size)(*directions)
        leaves, out_spec = flatten(moves)
        _check_results(leaves, out_spec, fun, "jacfwd")
        blocks = [_blocks(leaf, inputs, -1, lambda s, t: (*s, *t)) for leaf in leaves]
        tree = unflatten(out_spec, [unflatten(in_spec, row) for row in blocks])
        return (tree, aux) if has_aux else tree

    return compiled_outside(jacobian, fun, "jacfwd")


def jacrev(
    fun: Function, argnums: int | Sequence[int] = 0, has_aux: bool = False, *, holomorphic: bool = False
) -> Function:
    """The Jacobian of a function, row by row: reverse mode, for more arguments than results.

    Arguments, results and errors are those of `jacfwd`. Of a real function of complex arguments `x + iy`, the Jacobian is
    `df/dx - i df/dy`, as that of `grad`; complex results need `holomorphic`.

    Example:
        >>> jacrev(lambda x, y: (x * y).sum(), argnums=(0, 1))(np.array([1.0, 2.0]), np.array([3.0, 4.0]))
        (array([3., 4.]), array([1., 2.]))
    """
    check_argnums(argnums, "jacrev")

    def jacobian(*args: Any, **kwargs: Any) -> Any:
        chosen, _, in_spec, of_chosen = _chosen(fun, argnums, args, kwargs, "jacrev")
        out, pull_back, aux = pulled_back(of_chosen, chosen, "jacrev", has_aux=has_aux)
        leaves, out_spec = flatten(out)
        _check_results(leaves, out_spec, fun, "jacrev")
        outputs = [leaf.aval for leaf in leaves]
        _check_holomorphic("jacrev", "returns", outputs, fun, holomorphic)
        columns, _ = flatten(
            vmap(pull_back, axis_size=sum(map(_size, outputs)))(unflatten(out_spec, _unit_directions(outputs)))
        )
        blocks = [_blocks(column, outputs, 0, lambda t, s: (*s, *t)) for column in columns]
        rows = [[of_leaf[i] for of_leaf in blocks] for i in range(len(leaves))]
        tree = unflatten(out_spec, [unflatten(in_spec, row) for row in rows])
        return (tree, aux) if has_aux else tree

    return compiled_outside(jacobian, fun, "jacrev")


def hessian(
    fun: Function, argnums: int | Sequence[int] = 0, has_aux: bool = False, *, holomorphic: bool = False
) -> Function:
    """The second derivatives of a function: `jacfwd(jacrev(fun))`.

    Arguments and errors are those of `jacfwd`.

    Returns:
        A function that returns a tree like the result of `fun`, with a tree of trees like the argument for each array.

    Example:
        >>> hessian(lambda x: (x**3).sum())(np.array([1.0, 2.0]))
        array([[ 6.,  0.],
               [ 0., 12.]])
    """
    check_argnums(argnums, "hessian")
    rows = jacrev(fun, argnums, has_aux=has_aux, holomorphic=holomorphic)
    return compiled_outside(jacfwd(rows, argnums, has_aux=has_aux, holomorphic=holomorphic), fun, "hessian")


def _check_holomorphic(name: str, verb: str, avals: Sequence[AbstractArray], fun: Function, holomorphic: bool) -> None:
    for aval in avals:
        if aval.dtype.kind == "c" and not holomorphic:
            raise DtypeError(
                at_user_line(
                    f"{name}: {name_of(fun)} {verb} {aval}; pass holomorphic=True if it is, or take derivatives with "
                    "respect to real and imaginary parts"
                )
            )


def _chosen(
    fun: Function, argnums: int | Sequence[int], args: tuple[Any, ...], kwargs: dict[str, Any], name: str
) -> tuple[tuple[Any, ...], list[AbstractArray], TreeSpec, Function]:
    """The arguments that `argnums` names, their leaves, the structure of one row of blocks, and the function of them."""
    positions = positions_of(argnums, len(args), name)
    _, spec = flatten((args, kwargs))
    wrt, specs = leaves_of_arguments(args, positions)
    chosen = tuple(args[position] for position in positions)
    names = leaf_names(spec, len(args), parameter_names(fun))
    inputs = [abstract(leaf, names[i]) for leaf, i in zip(flatten(chosen)[0], wrt, strict=True)]
    check_differentiable(inputs, [names[i] for i in wrt], name, fun)

    def of_chosen(*values: Any) -> Any:
        full = list(args)
        for position, value in zip(positions, values, strict=True):
            full[position] = value
        return fun(*full, **kwargs)

    of_chosen.__name__ = name_of(fun)
    return chosen, inputs, specs[0] if isinstance(argnums, int) else flatten(chosen)[1], of_chosen


def _unit_directions(avals: Sequence[AbstractArray]) -> list[Any]:
    """For each array as many directions as all have elements together, along each of these elements in turn."""
    total = sum(_size(aval) for aval in avals)
    directions: list[Any] = []
    start = 0
    for aval in avals:
        b = current_frame().builder
        shape = (total, _size(aval))
        row, column = (new_tracer(constants.iota(b, tensor_type(i64, shape), dim)) for dim in (0, 1))
        directions.append((row == column + start).astype(aval.dtype).reshape((total, *aval.shape)))
        start += _size(aval)
    return directions


def _blocks(
    x: Any,
    avals: Sequence[AbstractArray],
    axis: int,
    shape: Callable[[tuple[int, ...], tuple[int, ...]], tuple[int, ...]],
) -> list[Any]:
    """The parts of `x` along the axis of directions, one per array, with the shape that `shape` makes of both shapes."""
    rest = x.shape[:-1] if axis == -1 else x.shape[1:]
    blocks: list[Any] = []
    start = 0
    for aval in avals:
        stop = start + _size(aval)
        part = x[..., start:stop] if axis == -1 else x[start:stop]
        blocks.append(part.reshape(shape(rest, aval.shape)))
        start = stop
    return blocks


def _size(aval: AbstractArray) -> int:
    return int(np.prod(aval.shape))


def _check_results(leaves: Sequence[Any], spec: TreeSpec, fun: Function, name: str) -> None:
    for leaf, path in zip(leaves, leaf_paths(spec), strict=True):
        if not is_differentiable(leaf.aval):
            raise DtypeError(
                at_user_line(
                    f"{name}: the result{path} of {name_of(fun)} is {leaf.dtype.name}, expected floating point; "
                    "return it as auxiliary data (has_aux=True)"
                )
            )
