"""`vmap`: a function over a batch of examples."""

from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np
import optree
from xdsl.ir import SSAValue

from compiler.abstract import AbstractArray
from compiler.errors import ArgumentError, ShapeError, at_user_line
from compiler.pytrees import NAMESPACE, flatten, leaf_paths, sequence_of, unflatten
from compiler.tracing import Subfunction, array_value, current_frame, leaf_names, new_tracer, parameter_names
from compiler.transformed import as_traced, compiled_outside, expanded, is_array, name_of, trace_leaves, types_of
from dialects.dlc import transforms

Function = Callable[..., Any]


def vmap(fun: Function, in_axes: Any = 0, out_axes: Any = 0, *, axis_size: int | None = None) -> Function:
    """`fun` over a batch: maps over one axis of each argument and stacks the results.

    Args:
        fun: a function of unbatched arguments.
        in_axes: the axis of each positional argument, `None` for arguments that are shared by the batch; one integer for
            all, or a tuple with one entry per argument, each an integer, `None`, or a tree of them that the argument
            begins with: what stands for a subtree holds for all of it. Arguments given by name are mapped over axis 0.
        out_axes: where the batch axis goes in the results: an integer, or a tree of integers that the result begins
            with; `None` for results that are the same for all examples.
        axis_size: the number of examples; needed if no argument is mapped.

    Returns:
        A function of batched arguments.

    Raises:
        ShapeError: the mapped axes differ in size or do not exist.
        ArgumentError: nothing is mapped, the trees do not match, or `out_axes` is `None` for a result that differs from
            example to example.

    Example:
        >>> vmap(np.dot, in_axes=(0, None))(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([1.0, 1.0]))
        array([3., 7.])
        >>> vmap(lambda p, x: p["w"] * x + p["b"], in_axes=({"w": None, "b": 0}, None))({"w": 2.0, "b": np.arange(3.0)}, 1.0)
        array([2., 3., 4.])
    """
    several = sequence_of(in_axes)
    if several is None and in_axes is not None and not isinstance(in_axes, int):
        raise ArgumentError(
            at_user_line(f"vmap: in_axes is {in_axes!r}; use an integer, None, or a tuple with one entry per argument")
        )

    def mapped(*args: Any, **kwargs: Any) -> Any:
        axes = (in_axes,) * len(args) if several is None else tuple(several)
        if len(axes) != len(args):
            raise ArgumentError(at_user_line(f"vmap: in_axes has {len(axes)} entries for {len(args)} arguments"))
        leaves, spec = flatten((args, kwargs))
        leaf_axes = _axes_of_leaves(axes, args, "in_axes", "the arguments")
        leaf_axes += [0] * (len(leaves) - len(leaf_axes))
        names = leaf_names(spec, len(args), parameter_names(fun))
        size, leaf_axes = _batch_size(leaves, leaf_axes, names, axis_size)
        moved = [
            leaf if axis is None else np.moveaxis(as_traced(leaf), axis, 0)
            for leaf, axis in zip(leaves, leaf_axes, strict=True)
        ]
        unbatched = [
            leaf if axis is None else AbstractArray(tuple(leaf.shape[1:]), leaf.dtype, leaf.weak_type)
            for leaf, axis in zip(moved, leaf_axes, strict=True)
        ]
        traced = [i for i, axis in enumerate(leaf_axes) if axis is not None or is_array(leaves[i])]
        sub = trace_leaves(fun, unbatched, spec, traced, len(args))
        operands = [*(array_value(moved[i]) for i in traced), *sub.captured]
        positions = [position for position, i in enumerate(traced) if leaf_axes[i] is not None]
        targets = _axes_of_leaves(out_axes, unflatten(sub.output_tree, sub.outputs), "out_axes", "the result")
        what = [f"the result{path} of {name_of(fun)}" for path in leaf_paths(sub.output_tree)]
        if None in targets:
            results = _partly_stacked(sub, operands, positions, size, targets, what)
        else:
            b = current_frame().builder
            results = transforms.vmap(b, sub.symbol, operands, positions, size, types_of(sub.outputs))
        return unflatten(
            sub.output_tree,
            [
                _placed(new_tracer(result), axis, name)
                for result, axis, name in zip(results, targets, what, strict=True)
            ],
        )

    return compiled_outside(mapped, fun, "vmap")


def _partly_stacked(
    sub: Subfunction,
    operands: Sequence[SSAValue],
    positions: Sequence[int],
    size: int,
    targets: Sequence[int | None],
    what: Sequence[str],
) -> Sequence[SSAValue]:
    """The results for a batch; those without a target are not stacked, for they are the same for all examples.

    Whether they are shows only once the function is expanded, so `vmap` is expanded here.
    """
    _, derive = expanded(current_frame().program, sub.symbol)
    batched = tuple(position in positions for position in range(len(operands)))
    for axis, differs, name in zip(targets, derive.outputs_batched(sub.symbol, batched), what, strict=True):
        if axis is None and differs:
            raise ArgumentError(
                at_user_line(
                    f"vmap: out_axes is None for {name}, which differs from example to example; give it an axis"
                )
            )
    stacked = tuple(axis is not None for axis in targets)
    symbol = derive.build(
        f"{sub.symbol}_vmap",
        sub.symbol,
        [value.type for value in operands],
        lambda b, arguments: derive.batch(b, sub.symbol, arguments, batched, size, stacked),
    )
    return transforms.call(current_frame().builder, symbol, operands, derive.output_types(symbol))


def _placed(x: Any, axis: int | None, what: str) -> Any:
    """`x` with its leading axis at `axis`."""
    if axis is None or axis == 0:
        return x
    if not -x.ndim <= axis < x.ndim:
        raise ShapeError(at_user_line(f"vmap: out_axes puts the batch at axis {axis} of {what}, of shape {x.shape}"))
    return np.moveaxis(x, 0, axis)


def _axes_of_leaves(axes: Any, tree: Any, option: str, what: str) -> list[int | None]:
    """The axis of every leaf of `tree`, where `axes` is an axis or a tree of axes that `tree` begins with."""
    try:
        each = optree.broadcast_prefix(axes, tree, none_is_leaf=True, namespace=NAMESPACE)
    except ValueError as error:
        raise ArgumentError(at_user_line(f"vmap: {option} {axes!r} does not match {what}: {error}")) from None
    present = optree.tree_leaves(tree, none_is_leaf=True, namespace=NAMESPACE)  # None has no leaves
    found = [axis for axis, leaf in zip(each, present, strict=True) if leaf is not None]
    for axis in found:
        if axis is not None and (not isinstance(axis, int) or isinstance(axis, bool)):
            raise ArgumentError(at_user_line(f"vmap: {option} has {axis!r}; use integers and None"))
    return cast(list[int | None], found)


def _batch_size(
    leaves: Sequence[Any], axes: Sequence[int | None], paths: Sequence[str], size: int | None
) -> tuple[int, list[int | None]]:
    """The size of the mapped axes, which must be equal, and the axes counted from the front."""
    expected = "as axis_size"
    normal: list[int | None] = []
    for leaf, axis, path in zip(leaves, axes, paths, strict=True):
        if axis is None:
            normal.append(None)
            continue
        shape = np.shape(leaf)
        if not -len(shape) <= axis < len(shape):
            raise ShapeError(at_user_line(f"vmap: axis {axis} does not exist in argument {path} of shape {shape}"))
        normal.append(axis % len(shape))
        if size is None:
            size, expected = shape[axis], f"as argument {path}"
        elif shape[axis] != size:
            raise ShapeError(
                at_user_line(
                    f"vmap: argument {path} has size {shape[axis]} along axis {axis}, expected {size} {expected}"
                )
            )
    if size is None:
        raise ArgumentError(
            at_user_line("vmap: no argument is mapped; give at least one an axis in in_axes, or give axis_size")
        )
    return size, normal
