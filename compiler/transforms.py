"""Function transforms: `grad`, `value_and_grad`, `vjp`, `jvp`, `vmap`.

Each takes a function on trees of arrays and gives one; they nest in any order with each other and with `jit`. While a
function is being traced they write one symbolic operation (`dlc.vjp @f`, `dlc.vmap @f`) that the compiler expands.
Called outside of `jit`, a transformed function is compiled as if it were wrapped in `jit`: traced once per signature.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np
from xdsl.ir import SSAValue

from compiler.abstract import AbstractArray
from compiler.array_kinds import copied
from compiler.errors import ArgumentError, DtypeError, ShapeError, at_user_line
from compiler.pytrees import TreeSpec, flatten, sequence_of, unflatten
from compiler.tracing import (
    Subfunction,
    array_value,
    current_frame,
    is_tracing,
    leaf_names,
    new_tracer,
    parameter_names,
    trace_subfunction,
)
from dialects.dlc import constants, transforms
from dialects.dlc.interfaces import is_float

Function = Callable[..., Any]


def _compiled_outside(inner: Function, fn: Function, name: str) -> Function:
    """`inner` while tracing; compiled on its own otherwise."""
    if not callable(fn):
        raise ArgumentError(f"{name}: expected a function, got {type(fn).__name__}")
    jitted: list[Function] = []

    @functools.wraps(fn, updated=())
    def transformed(*args: Any, **kwargs: Any) -> Any:
        if is_tracing():
            return inner(*args, **kwargs)
        if not jitted:
            from compiler.jit_function import jit

            jitted.append(jit(inner))
        return jitted[0](*args, **kwargs)

    inner.__name__ = transformed.__name__ = f"{name}_{getattr(fn, '__name__', type(fn).__name__)}"
    inner.__wrapped__ = fn  # type: ignore[attr-defined] # argument names for messages come from here
    return transformed


def grad(fun: Function, argnums: int | Sequence[int] = 0, *, has_aux: bool = False) -> Function:
    """The gradient of a scalar function.

    Args:
        fun: returns a floating-point scalar, or `(scalar, aux)` with `has_aux`.
        argnums: which positional arguments to differentiate with respect to; their leaves must be floating point.
        has_aux: whether `fun` also returns auxiliary data, which is passed through.

    Returns:
        A function with the arguments of `fun` that returns the gradient, a tree like the argument (a tuple of trees if
        `argnums` is a sequence); `(gradient, aux)` with `has_aux`.

    Raises:
        DtypeError: an argument or the result is not floating point.
        ShapeError: the result is not a scalar.

    Example:
        >>> grad(lambda x: (x**3).sum())(np.array([1.0, 2.0]))
        array([ 3., 12.])
        >>> grad(grad(lambda x: x**3))(2.0)
        array(12.)
    """
    both = _value_and_grad(fun, argnums, has_aux=has_aux, name="grad")

    def gradient(*args: Any, **kwargs: Any) -> Any:
        value, gradients = both(*args, **kwargs)
        return (gradients, value[1]) if has_aux else gradients

    return _compiled_outside(gradient, fun, "grad")


def value_and_grad(fun: Function, argnums: int | Sequence[int] = 0, *, has_aux: bool = False) -> Function:
    """The value and the gradient of a scalar function; arguments and errors as `grad`.

    Returns:
        A function that returns `(value, gradient)`; `((value, aux), gradient)` with `has_aux`.

    Example:
        >>> def loss(params, x):
        ...     return ((x @ params["w"] - 1) ** 2).mean()
        >>> value_and_grad(loss)({"w": np.array([1.0, 2.0])}, np.eye(2))
        (array(0.5), {'w': array([0., 1.])})
    """
    both = _value_and_grad(fun, argnums, has_aux=has_aux, name="value_and_grad")
    return _compiled_outside(both, fun, "value_and_grad")


def _value_and_grad(fun: Function, argnums: int | Sequence[int], *, has_aux: bool, name: str) -> Function:
    indices = (argnums,) if isinstance(argnums, int | str) else tuple(argnums)
    for index in indices:
        if not isinstance(index, int):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ArgumentError(f"{name}: argnums has {index!r}; use the integer positions of arguments")

    def both(*args: Any, **kwargs: Any) -> Any:
        positions = [_position(index, len(args), name) for index in indices]
        if len(set(positions)) < len(positions):
            raise ArgumentError(at_user_line(f"{name}: argnums {tuple(indices)} names an argument twice"))
        leaves, spec = flatten((args, kwargs))
        chosen, specs = _leaves_of_arguments(args, positions)
        traced = [i for i, leaf in enumerate(leaves) if i in chosen or _is_array(leaf)]
        sub = _trace_leaves(fun, leaves, spec, traced, len(args))
        wrt = [traced.index(leaf) for leaf in chosen]
        _check_differentiable(sub, wrt, name, fun)
        _check_scalar(sub, fun, name, has_aux=has_aux)
        b = current_frame().builder
        cotangents: list[SSAValue] = []
        for i, output in enumerate(sub.outputs):
            if is_float(output.type.element_type):
                cotangents.append(constants.full(b, 1.0 if i == 0 else 0.0, output.type))
        operands = [*(array_value(leaves[i]) for i in traced), *sub.captured]
        results = transforms.vjp(b, sub.symbol, operands, cotangents, wrt, _types(sub.outputs))
        tracers = [new_tracer(result) for result in results]
        value = unflatten(sub.output_tree, tracers[: len(sub.outputs)])
        gradients = _unflatten_each(specs, tracers[len(sub.outputs) :])
        return value, gradients[0] if isinstance(argnums, int) else tuple(gradients)

    return both


def vjp(fun: Function, *primals: Any, has_aux: bool = False) -> Any:
    """The value of `fun` at `primals` and the function that maps cotangents back: `(out, vjp_fun)`.

    `vjp_fun(cotangent)` takes a tree like `out` and returns a tuple with one tree per primal. With `has_aux`, `fun`
    returns `(out, aux)` and the result is `(out, vjp_fun, aux)`.

    Outside of `jit`, every call of `vjp` traces `fun` anew: call it in a compiled function to do that once.

    Example:
        >>> out, pull_back = vjp(lambda x, y: x * y, np.array([1.0, 2.0]), 3.0)
        >>> out
        array([3., 6.])
        >>> pull_back(np.array([1.0, 0.0]))
        (array([3., 0.]), array(1.))
    """
    if not is_tracing():
        from compiler.jit_function import jit

        out, aux = _out_and_aux(jit(fun)(*primals), fun, has_aux=has_aux)
        primals = _snapshot(primals)

        @jit
        def pullback(primals: Any, cotangent: Any) -> Any:
            return vjp(fun, *primals, has_aux=has_aux)[1](cotangent)

        def pull_back(cotangent: Any) -> Any:
            return pullback(primals, cotangent)

        return (out, pull_back, aux) if has_aux else (out, pull_back)

    sub = trace_subfunction(fun, primals)
    leaves, _ = flatten(primals)
    operands = [*(array_value(leaf) for leaf in leaves), *sub.captured]
    held = [new_tracer(value) for value in operands]  # the cotangent may come while an inner function is traced
    wrt, specs = _leaves_of_arguments(primals, list(range(len(primals))))
    _check_differentiable(sub, wrt, "vjp", fun)
    results = transforms.call(current_frame().builder, sub.symbol, operands, _types(sub.outputs))
    value = unflatten(sub.output_tree, [new_tracer(result) for result in results])
    out, aux = _out_and_aux(value, fun, has_aux=has_aux)
    num_out = len(flatten(out)[0])

    def pull_back(cotangent: Any) -> Any:
        given = _matching_leaves(cotangent, sub.outputs[:num_out], flatten(out)[1], "vjp: the cotangent")
        b = current_frame().builder
        cotangents = [
            given[i] if i < num_out else constants.zeros(b, output.type)
            for i, output in enumerate(sub.outputs)
            if is_float(output.type.element_type)
        ]
        b = current_frame().builder
        values = [array_value(tracer) for tracer in held]
        results = transforms.vjp(b, sub.symbol, values, cotangents, wrt, _types(sub.outputs))
        return tuple(_unflatten_each(specs, [new_tracer(r) for r in results[len(sub.outputs) :]]))

    return (out, pull_back, aux) if has_aux else (out, pull_back)


def jvp(fun: Function, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """The value of `fun` at `primals` and its derivative along `tangents`: `(out, tangent of out)`.

    `tangents` are trees like `primals`, equal in shape and dtype. Results that are not floating point have zero tangents.
    Outside of `jit`, every call of `jvp` traces `fun` anew: call it in a compiled function to do that once.

    Example:
        >>> jvp(np.sin, (0.0,), (2.0,))
        (array(0.), array(2.))
    """
    if not isinstance(primals, tuple | list) or not isinstance(tangents, tuple | list):
        raise ArgumentError("jvp: primals and tangents are tuples with one entry per argument")
    if len(primals) != len(tangents):
        raise ArgumentError(f"jvp: {len(primals)} primals but {len(tangents)} tangents; pass one tangent per primal")
    if not is_tracing():
        from compiler.jit_function import jit

        def push_forward(primals: Any, tangents: Any) -> Any:
            return jvp(fun, primals, tangents)

        return jit(push_forward)(tuple(primals), tuple(tangents))

    sub = trace_subfunction(fun, primals)
    leaves, spec = flatten(tuple(primals))
    given = _matching_leaves(tuple(tangents), sub.inputs, spec, "jvp: the tangent")
    wrt = [i for i, aval in enumerate(sub.inputs) if is_float(aval.type.element_type)]
    operands = [*map(array_value, leaves), *sub.captured]
    b = current_frame().builder
    results = transforms.jvp(b, sub.symbol, operands, [given[i] for i in wrt], wrt, _types(sub.outputs))
    outputs = [new_tracer(result) for result in results[: len(sub.outputs)]]
    remaining = iter(results[len(sub.outputs) :])
    b = current_frame().builder
    out_tangents = [
        new_tracer(next(remaining) if is_float(output.type.element_type) else constants.zeros(b, output.type))
        for output in sub.outputs
    ]
    return unflatten(sub.output_tree, outputs), unflatten(sub.output_tree, out_tangents)


def vmap(fun: Function, in_axes: Any = 0, out_axes: Any = 0) -> Function:
    """`fun` over a batch: maps over one axis of each argument and stacks the results.

    Args:
        fun: a function of unbatched arguments.
        in_axes: the axis of each positional argument, `None` for arguments that are shared by the batch; one integer for
            all, or a tuple with one entry per argument, each an integer, `None`, or a tree of them like the argument.
        out_axes: where the batch axis goes in the results; an integer or a tree of integers like the result.

    Raises:
        ShapeError: the mapped axes differ in size or do not exist.
        ArgumentError: nothing is mapped, or the trees do not match.

    Example:
        >>> vmap(np.dot, in_axes=(0, None))(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([1.0, 1.0]))
        array([3., 7.])
    """

    def mapped(*args: Any, **kwargs: Any) -> Any:
        axes = sequence_of(in_axes) or (in_axes,) * len(args)
        if len(axes) != len(args):
            raise ArgumentError(at_user_line(f"vmap: in_axes has {len(axes)} entries for {len(args)} arguments"))
        leaves, spec = flatten((args, kwargs))
        leaf_axes = [axis for axis, arg in zip(axes, args, strict=True) for axis in _axes_of_leaves(axis, arg)]
        leaf_axes += [0] * (len(leaves) - len(leaf_axes))
        size, leaf_axes = _batch_size(leaves, leaf_axes, leaf_names(spec, len(args), parameter_names(fun)))
        moved = [
            leaf if axis is None else np.moveaxis(_as_traced(leaf), axis, 0)
            for leaf, axis in zip(leaves, leaf_axes, strict=True)
        ]
        unbatched = [
            leaf if axis is None else AbstractArray(tuple(leaf.shape[1:]), leaf.dtype, leaf.weak_type)
            for leaf, axis in zip(moved, leaf_axes, strict=True)
        ]
        traced = [i for i, axis in enumerate(leaf_axes) if axis is not None or _is_array(leaves[i])]
        sub = _trace_leaves(fun, unbatched, spec, traced, len(args))
        operands = [*(array_value(moved[i]) for i in traced), *sub.captured]
        positions = [position for position, i in enumerate(traced) if leaf_axes[i] is not None]
        results = transforms.vmap(current_frame().builder, sub.symbol, operands, positions, size, _types(sub.outputs))
        tracers = [new_tracer(result) for result in results]
        out = unflatten(sub.output_tree, tracers)
        targets = _axes_of_leaves(out_axes, out)
        if any(axis is None for axis in targets):
            raise ArgumentError(at_user_line("vmap: out_axes of None is not supported; return the value without vmap"))
        return unflatten(
            sub.output_tree,
            [np.moveaxis(cast(Any, t), 0, axis) if axis else t for t, axis in zip(tracers, targets, strict=True)],
        )

    return _compiled_outside(mapped, fun, "vmap")


# Leaves, axes and checks


def _is_array(leaf: Any) -> bool:
    """Whether a leaf is data; Python values are constants of the program, as `jit` passes static arguments on."""
    return hasattr(leaf, "dtype") and hasattr(leaf, "shape")


def _trace_leaves(
    fun: Function, leaves: Sequence[Any], spec: TreeSpec, traced: Sequence[int], num_args: int
) -> Subfunction:
    """Trace `fun` as a function of the leaves `traced` of its arguments; the others are constants."""
    if len(traced) == len(leaves):
        args, kwargs = unflatten(spec, leaves)
        return trace_subfunction(fun, args, kwargs)

    @functools.wraps(fun, updated=())
    def of_traced(*arrays: Any) -> Any:
        full = list(leaves)
        for i, array in zip(traced, arrays, strict=True):
            full[i] = array
        args, kwargs = unflatten(spec, full)
        return fun(*args, **kwargs)

    names = leaf_names(spec, num_args, parameter_names(fun))
    return trace_subfunction(of_traced, [leaves[i] for i in traced], argument_names=[names[i] for i in traced])


def _out_and_aux(value: Any, fun: Function, *, has_aux: bool) -> tuple[Any, Any]:
    """The result of a function to be differentiated, and what it returns beside it."""
    if not has_aux:
        return value, None
    pair = sequence_of(value)
    if pair is None or len(pair) != 2:
        function = getattr(fun, "__name__", "the function")
        raise ArgumentError(at_user_line(f"vjp: with has_aux, {function} must return a pair (value, aux)"))
    return pair[0], pair[1]


def _snapshot(tree: Any) -> Any:
    """`tree` with copies of its arrays, which the caller may change before they are used."""
    leaves, spec = flatten(tree)
    return unflatten(spec, [copied(leaf) for leaf in leaves])


def _types(avals: Sequence[AbstractArray]) -> list[Any]:
    return [aval.type for aval in avals]


def _as_traced(x: Any) -> Any:
    return new_tracer(array_value(x))


def _position(index: int, count: int, name: str) -> int:
    if not -count <= index < count:
        raise ArgumentError(
            at_user_line(
                f"{name}: argnums names argument {index}, but the call has {count} positional arguments; "
                "arguments given by name are not differentiated"
            )
        )
    return index % count


def _leaves_of_arguments(args: Sequence[Any], positions: Sequence[int]) -> tuple[list[int], list[TreeSpec]]:
    """The positions of the leaves of the chosen arguments among all leaves, and the trees of these arguments."""
    starts = [0]
    specs: list[TreeSpec] = []
    for arg in args:
        _, spec = flatten(arg)
        specs.append(spec)
        starts.append(starts[-1] + spec.num_leaves)
    wrt = [leaf for p in positions for leaf in range(starts[p], starts[p + 1])]
    return wrt, [specs[p] for p in positions]


def _unflatten_each(specs: Sequence[TreeSpec], leaves: Sequence[Any]) -> list[Any]:
    trees: list[Any] = []
    start = 0
    for spec in specs:
        trees.append(unflatten(spec, leaves[start : start + spec.num_leaves]))
        start += spec.num_leaves
    return trees


def _check_scalar(sub: Subfunction, fun: Function, name: str, *, has_aux: bool) -> None:
    function = getattr(fun, "__name__", "the function")
    if has_aux:
        pair = sequence_of(unflatten(sub.output_tree, sub.outputs))
        if pair is None or len(pair) != 2:
            raise ArgumentError(at_user_line(f"{name}: with has_aux, {function} must return a pair (value, aux)"))
        first: Any = pair[0]
    else:
        first = unflatten(sub.output_tree, sub.outputs)
    if not isinstance(first, AbstractArray):
        raise ArgumentError(
            at_user_line(
                f"{name}: {function} returns a {type(first).__name__}, expected one scalar; use has_aux or vjp"
            )
        )
    if first.shape != ():
        raise ShapeError(
            at_user_line(f"{name}: {function} returns {first}, expected a scalar; reduce it (`.sum()`) or use vjp")
        )
    if not is_float(first.type.element_type) or first.dtype.kind == "c":
        advice = "; take the derivative of a real function, such as its real part" if first.dtype.kind == "c" else ""
        raise DtypeError(
            at_user_line(f"{name}: {function} returns {first}, expected a real floating-point scalar{advice}")
        )


def _check_differentiable(sub: Subfunction, wrt: Sequence[int], name: str, fun: Function) -> None:
    for leaf in wrt:
        aval = sub.inputs[leaf]
        if not is_float(aval.type.element_type):
            raise DtypeError(
                at_user_line(
                    f"{name}: argument {sub.argument_names[leaf]} of {getattr(fun, '__name__', 'the function')} is {aval}, "
                    "which has no derivative; convert it to float32 or float64, or leave the argument out of argnums"
                )
            )


def _matching_leaves(tree: Any, avals: Sequence[AbstractArray], spec: TreeSpec, what: str) -> list[SSAValue]:
    """The leaves of `tree` as values, which must have the structure, shapes and dtypes given."""
    leaves, given = flatten(tree)
    if given != spec:
        raise ArgumentError(at_user_line(f"{what} has the structure {given}, expected {spec}"))
    values: list[SSAValue] = []
    for leaf, aval in zip(leaves, avals, strict=True):
        tracer = _as_traced(leaf)
        if tracer.shape != aval.shape:
            raise ShapeError(at_user_line(f"{what} has shape {tracer.shape}, expected {aval.shape}"))
        if tracer.dtype != aval.dtype and is_float(aval.type.element_type):
            if not isinstance(leaf, int | float):
                raise DtypeError(at_user_line(f"{what} has dtype {tracer.dtype}, expected {aval.dtype}; use astype"))
            tracer = tracer.astype(aval.dtype)
        values.append(array_value(tracer))
    return values


def _axes_of_leaves(axes: Any, tree: Any) -> list[int | None]:
    """The axis of every leaf of `tree`, where `axes` is an axis or a tree of axes that is a prefix of it."""
    if axes is None or isinstance(axes, int):
        return [axes] * len(flatten(tree)[0])
    if isinstance(axes, dict) and isinstance(tree, dict):
        axis_of, arrays = cast(dict[Any, Any], axes), cast(dict[Any, Any], tree)
        if set(axis_of) == set(arrays):
            return [axis for key in sorted(arrays) for axis in _axes_of_leaves(axis_of[key], arrays[key])]
    several, trees = sequence_of(axes), sequence_of(tree)
    if several is not None and trees is not None and len(several) == len(trees):
        return [axis for a, t in zip(several, trees, strict=True) for axis in _axes_of_leaves(a, t)]
    kind = type(cast(object, tree)).__name__
    raise ArgumentError(at_user_line(f"vmap: the axes {axes!r} do not match a {kind} argument or result"))


def _batch_size(
    leaves: Sequence[Any], axes: Sequence[int | None], paths: Sequence[str]
) -> tuple[int, list[int | None]]:
    """The size of the mapped axes, which must be equal, and the axes counted from the front."""
    size: int | None = None
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
            size = shape[axis]
        elif shape[axis] != size:
            raise ShapeError(
                at_user_line(
                    f"vmap: argument {path} has size {shape[axis]} along axis {axis}, expected {size} as before"
                )
            )
    if size is None:
        raise ArgumentError(at_user_line("vmap: no argument is mapped; give at least one an axis in in_axes"))
    return size, normal
