"""Loops on traced values: `scan`, `fori_loop`, `while_loop`, `map`, with JAX's signatures.

A loop is compiled once, however many steps it takes: its carry lives in buffers that are updated in place, without Python
between the steps. All have derivatives in both modes; the reverse derivative of `while_loop` needs `max_steps`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from xdsl.ir import SSAValue

from compiler.abstract import AbstractArray, abstract
from compiler.branches import run_compiled
from compiler.errors import ArgumentError, DtypeError, ShapeError, at_user_line, check_function
from compiler.operands import as_tracer
from compiler.promotion import common_dtype
from compiler.pytrees import TreeSpec, flatten, leaf_paths, sequence_of, unflatten
from compiler.tracing import (
    Subfunction,
    Tracer,
    array_value,
    current_frame,
    function_name,
    is_tracing,
    new_tracer,
    share_captured,
    trace_subfunction,
)
from dialects.dlc import scan as scan_op
from dialects.dlc import while_loop as while_op

Function = Callable[..., Any]
STEP = AbstractArray((), np.dtype(np.int64), weak_type=True)
"""The number of a step; it stands for a Python integer, so that it adopts the dtype of what it meets."""


def scan(
    f: Function, init: Any, xs: Any = None, length: int | None = None, reverse: bool = False, unroll: int = 1
) -> tuple[Any, Any]:
    """Carry a value along the leading axis of arrays: `carry, ys[i] = f(carry, xs[i])` for each `i` in turn.

    Args:
        f: takes the carry and a slice of `xs`; returns the next carry, of the same structure, shapes and dtypes, and
            a tree of arrays to be stacked. It may use arrays from around it.
        init: the first carry, a tree of arrays.
        xs: a tree of arrays with equal leading axes, or `None`.
        length: the number of steps; needed if `xs` has no arrays.
        reverse: start with the last slice; `ys` keeps the order of `xs`.
        unroll: accepted for JAX's sake; how a loop is compiled does not depend on it.

    Returns:
        The last carry, and the tree of `ys` with a new leading axis.

    Raises:
        ArgumentError: `f` does not return a pair, the carry changes its structure, or the length is not known.
        ShapeError: the leading axes differ, or the carry changes a shape.
        DtypeError: the carry changes a dtype.

    Example:
        >>> scan(lambda total, x: (total + x, total), 0.0, np.array([1.0, 2.0, 3.0]))
        (array(6.), array([0., 1., 3.]))
    """
    del unroll
    check_function(f, "scan: f")
    if not is_tracing():
        return run_compiled("scan", f, lambda tree: scan(f, tree[0], tree[1], length, reverse), (init, xs))
    leaves, spec = flatten(xs)
    steps = _length(leaves, [f"xs{path}" for path in leaf_paths(spec)], length)
    slices = [AbstractArray(tuple(x.shape[1:]), abstract(x, "xs").dtype) for x in leaves]

    def step(i: Any, carry: Any, x: Any) -> Any:
        del i
        result = f(carry, x)
        pair = sequence_of(result)
        if pair is None or len(pair) != 2:
            raise ArgumentError(
                at_user_line(
                    f"scan: {function_name(f)} returns a {type(result).__name__}, expected a pair (carry, y); "
                    "return (carry, None) if there is nothing to stack"
                )
            )
        return pair

    loop = _trace_step("scan", f, step, init, (unflatten(spec, slices),))
    return _scan(loop, [array_value(x) for x in leaves], steps, reverse=reverse)


def fori_loop(lower: Any, upper: Any, body_fun: Function, init_val: Any, *, unroll: Any = None) -> Any:
    """The loop `for i in range(lower, upper): val = body_fun(i, val)`, compiled once.

    Args:
        lower: the first number, an integer scalar.
        upper: the end, which is not reached.
        body_fun: takes the number of the step and the carry; returns the next carry. It may use arrays from around it.
        init_val: the first carry, a tree of arrays; structure, shapes and dtypes stay.
        unroll: accepted for JAX's sake; how a loop is compiled does not depend on it.

    Returns:
        The last carry.

    Raises:
        ArgumentError: `body_fun` is not a function, or changes the structure of the carry.
        ShapeError: a bound is not a scalar, or the carry changes a shape.
        DtypeError: a bound is not an integer, or the carry changes a dtype.
        UnsupportedError: a reverse derivative is asked for and the bounds are traced values.

    Example:
        >>> fori_loop(0, 5, lambda i, total: total + i, 0)
        array(10)
    """
    del unroll
    check_function(body_fun, "fori_loop: body_fun")
    for name, bound in (("lower", lower), ("upper", upper)):
        if np.shape(bound):
            raise ShapeError(at_user_line(f"fori_loop: {name} has shape {np.shape(bound)}, expected a scalar"))
        if abstract(bound, name).dtype.kind not in "iu":
            raise DtypeError(at_user_line(f"fori_loop: {name} is {abstract(bound, name)}, expected an integer"))
    if isinstance(lower, Tracer) or isinstance(upper, Tracer):
        end = _as_int64(upper)

        def goes_on(state: Any) -> Any:
            return state[0] < end

        def next_state(state: Any) -> Any:
            return state[0] + 1, body_fun(_weak(state[0]), state[1])

        next_state.__name__ = function_name(body_fun)
        return _while(goes_on, next_state, (_as_int64(lower), init_val), None)[1]
    first, steps = int(lower), max(0, int(upper) - int(lower))
    if not is_tracing():
        return run_compiled("fori_loop", body_fun, lambda init: fori_loop(lower, upper, body_fun, init), init_val)

    def step(i: Any, carry: Any) -> Any:
        return body_fun(_weak(i + first) if first else i, carry), None

    return _scan(_trace_step("fori_loop", body_fun, step, init_val, ()), (), steps)[0]


def while_loop(cond_fun: Function, body_fun: Function, init_val: Any, *, max_steps: int | None = None) -> Any:
    """The loop `while cond_fun(val): val = body_fun(val)`.

    Under `vmap` the loop goes on until no example's condition holds; examples that have ended do not change.

    Args:
        cond_fun: takes the carry; returns a boolean scalar. It may use arrays from around it.
        body_fun: takes the carry; returns the next one, of the same structure, shapes and dtypes.
        init_val: the first carry, a tree of arrays.
        max_steps: the loop ends after so many steps even if the condition still holds. With it the loop has a reverse
            derivative, which keeps `max_steps` times what a step needs.

    Returns:
        The last carry.

    Raises:
        ArgumentError: an argument is not a function, or the carry changes its structure.
        ShapeError: the condition is not a scalar, or the carry changes a shape.
        DtypeError: the condition is not boolean, or the carry changes a dtype.
        UnsupportedError: a reverse derivative is asked for without `max_steps`.

    Example:
        >>> while_loop(lambda x: x < 100, lambda x: 2 * x, 1)
        array(128)
    """
    check_function(cond_fun, "while_loop: cond_fun")
    check_function(body_fun, "while_loop: body_fun")
    if max_steps is not None:
        if not isinstance(max_steps, int) or max_steps < 0:  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ArgumentError(
                at_user_line(f"while_loop: max_steps is {max_steps!r}, expected a non-negative Python integer")
            )
        if is_tracing():
            return _bounded_loop(cond_fun, body_fun, init_val, max_steps)
    if not is_tracing():
        return run_compiled(
            "while_loop", body_fun, lambda init: while_loop(cond_fun, body_fun, init, max_steps=max_steps), init_val
        )
    return _while(cond_fun, body_fun, init_val, None)


def _bounded_loop(cond_fun: Function, body_fun: Function, init_val: Any, max_steps: int) -> Any:
    """Count the steps in the carry."""

    def condition(state: tuple[Any, Any]) -> Any:
        return np.logical_and(state[0] < max_steps, cond_fun(state[1]))

    def body(state: tuple[Any, Any]) -> Any:
        return state[0] + 1, body_fun(state[1])

    condition.__name__, body.__name__ = function_name(cond_fun), function_name(body_fun)
    return _while(condition, body, (np.int64(0), init_val), max_steps)[1]


def _while(cond_fun: Function, body_fun: Function, init_val: Any, max_steps: int | None) -> Any:
    def step(_: None, carry: Any) -> Any:
        return body_fun(carry), None

    loop = _trace_step("while_loop", body_fun, step, init_val, (), has_number=False)
    condition = trace_subfunction(cond_fun, (unflatten(loop.spec, loop.carry),), argument_names=("carry",))
    shapes = [aval.shape for aval in condition.outputs]
    if shapes != [()]:
        raise ShapeError(at_user_line(f"while_loop: the condition has shapes {shapes}, expected one scalar"))
    if condition.outputs[0].dtype != np.bool_:
        raise DtypeError(at_user_line(f"while_loop: the condition is {condition.outputs[0]}, expected a bool"))
    constants = share_captured([condition, loop.sub], len(loop.carry))
    results = while_op.while_(
        current_frame().builder, condition.symbol, loop.sub.symbol, loop.init, constants, max_steps
    )
    return unflatten(loop.spec, _tracers(results, loop.carry))


def map(f: Function, xs: Any, *, batch_size: int | None = None) -> Any:  # noqa: A001 - as JAX calls it
    """`f` of each slice of `xs` along the leading axis, one after the other, stacked.

    It needs less memory than `vmap`, and computes as `f` does on one slice.

    Args:
        f: a function of a slice of `xs`.
        xs: a tree of arrays with equal leading axes.
        batch_size: how many slices to compute at once, as `vmap` does; one if left out.

    Returns:
        The results, stacked along a new leading axis.

    Raises:
        ArgumentError: `batch_size` is not positive, or `xs` has no arrays.
        ShapeError: the leading axes differ.

    Example:
        >>> map(lambda x: x**2, np.array([1.0, 2.0, 3.0]))
        array([1., 4., 9.])
    """
    check_function(f, "map: f")
    if batch_size is not None and (not isinstance(batch_size, int) or batch_size < 1):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ArgumentError(at_user_line(f"map: batch_size is {batch_size!r}, expected a positive Python integer"))
    if not is_tracing():
        return run_compiled("map", f, lambda xs: map(f, xs, batch_size=batch_size), xs)
    if batch_size is None:
        return _map(f, xs)
    from compiler.batching import vmap

    leaves, spec = flatten(xs)
    size = _length(leaves, [f"xs{path}" for path in leaf_paths(spec)], None)
    whole = size // batch_size * batch_size
    batches = [
        x[:whole].reshape((size // batch_size, batch_size, *x.shape[1:])) for x in (as_tracer(leaf) for leaf in leaves)
    ]
    parts = [_merged(_map(vmap(f), unflatten(spec, batches)))] if whole or not size else []
    if whole < size:
        parts.append(vmap(f)(unflatten(spec, [as_tracer(x)[whole:] for x in leaves])))
    flat = [flatten(part) for part in parts]
    return unflatten(flat[0][1], [np.concatenate(each) for each in zip(*(part[0] for part in flat), strict=True)])


def _map(f: Function, xs: Any) -> Any:
    def step(_: Any, x: Any) -> Any:
        return (), f(x)

    step.__name__ = function_name(f)
    return scan(step, (), xs)[1]


def _merged(tree: Any) -> Any:
    leaves, spec = flatten(tree)
    return unflatten(spec, [x.reshape((x.shape[0] * x.shape[1], *x.shape[2:])) for x in leaves])


@dataclass(frozen=True)
class _Loop:
    """A body that maps its carry to one of the same types.

    Attributes:
        sub: the body; its outputs are the carry, then what it stacks.
        spec: the structure of the carry.
        carry: the types of the carry.
        init: the first carry.
        ys: the structure of what it stacks.
    """

    sub: Subfunction
    spec: TreeSpec
    carry: tuple[AbstractArray, ...]
    init: tuple[SSAValue, ...]
    ys: TreeSpec


def _trace_step(
    name: str, fun: Function, step: Function, init: Any, others: tuple[Any, ...], *, has_number: bool = True
) -> _Loop:
    """Trace `step(i, carry, *others) -> (carry, y)`; without `has_number` the body lacks the argument `i`.

    A Python scalar in the first carry adopts the dtype that the body gives it, and one that the body returns the dtype
    of the carry.
    """
    leaves, spec = flatten(init)
    paths = leaf_paths(spec)
    carry = [abstract(leaf, f"{name}: the carry{path}") for leaf, path in zip(leaves, paths, strict=True)]
    ys: list[TreeSpec] = []
    found: list[AbstractArray] = []

    def body(*arguments: Any) -> Any:
        i, values, *rest = arguments if has_number else (None, *arguments)
        new, y = step(i, values, *rest)
        new_leaves, new_spec = flatten(new)
        if new_spec != spec:
            raise ArgumentError(
                at_user_line(
                    f"{name}: {function_name(fun)} returns a carry of structure {new_spec}, but got {spec}; "
                    "return the structure of the initial value"
                )
            )
        tracers = [
            leaf if isinstance(leaf, Tracer) else new_tracer(array_value(leaf), abstract(leaf, name).weak_type)
            for leaf in new_leaves
        ]
        found[:] = [tracer.aval for tracer in tracers]
        adopted = [
            tracer.astype(aval.dtype)
            if tracer.weak_type and tracer.dtype != aval.dtype and not aval.weak_type
            else tracer
            for tracer, aval in zip(tracers, carry, strict=True)
        ]
        y_leaves, y_spec = flatten(y)
        ys[:] = [y_spec]
        return adopted, y_leaves

    names = [*(["i"] if has_number else []), "carry", *(["x"] if others else [])]

    def trace() -> Subfunction:
        arguments = (*([STEP] if has_number else []), unflatten(spec, carry), *others)
        return trace_subfunction(body, arguments, name=function_name(fun), argument_names=names)

    sub = trace()
    while (adopting := [_adopted(old, new) for old, new in zip(carry, found, strict=True)]) != carry:
        carry[:] = adopting
        sub = trace()
    for aval, new, path in zip(carry, sub.outputs, paths, strict=False):
        if new.shape != aval.shape or new.dtype != aval.dtype:
            what = f"{name}: {function_name(fun)} returns the carry{path} as {new}, but got it as {aval}"
            if new.shape != aval.shape:
                raise ShapeError(at_user_line(f"{what}; the shape must stay as it is in the initial value"))
            advice = f"convert with `.astype(np.{aval.dtype.name})`, or start with {new.dtype.name}"
            raise DtypeError(at_user_line(f"{what}; {advice}"))
    values = [
        array_value(leaf if abstract(leaf, name).dtype == aval.dtype else as_tracer(leaf).astype(aval.dtype))
        for leaf, aval in zip(leaves, carry, strict=True)
    ]
    return _Loop(sub, spec, tuple(carry), tuple(values), ys[0])


def _adopted(old: AbstractArray, new: AbstractArray) -> AbstractArray:
    """What a carry that was `old` should be if a step makes it `new`: a Python scalar gives way to an array."""
    if not old.weak_type or old == new:
        return old
    dtype = common_dtype(old.dtype, new.dtype) if new.weak_type else new.dtype
    return AbstractArray(old.shape, dtype, new.weak_type)


def _scan(loop: _Loop, xs: Sequence[SSAValue], length: int, *, reverse: bool = False) -> tuple[Any, Any]:
    count = len(loop.carry)
    constants = share_captured([loop.sub], 1 + count)
    slice_types = [aval.type for aval in loop.sub.outputs[count:]]
    b = current_frame().builder
    results = scan_op.scan(b, loop.sub.symbol, loop.init, constants, xs, slice_types, length, reverse=reverse)
    ys = [new_tracer(result) for result in results[count:]]
    return unflatten(loop.spec, _tracers(results[:count], loop.carry)), unflatten(loop.ys, ys)


def _tracers(results: Sequence[SSAValue], avals: Sequence[AbstractArray]) -> list[Tracer]:
    return [new_tracer(result, aval.weak_type) for result, aval in zip(results, avals, strict=True)]


def _length(leaves: Sequence[Any], paths: Sequence[str], length: int | None) -> int:
    """The number of steps: the size of the leading axes, which must agree with `length` if it is given."""
    steps = length
    for leaf, path in zip(leaves, paths, strict=True):
        shape = np.shape(leaf)
        if not shape:
            raise ShapeError(at_user_line(f"scan: {path} is a scalar, expected an array with a leading axis to slice"))
        if steps is None:
            steps = shape[0]
        elif shape[0] != steps:
            raise ShapeError(
                at_user_line(f"scan: {path} has a leading axis of size {shape[0]}, expected {steps} as the others")
            )
    if steps is None:
        raise ArgumentError(at_user_line("scan: there are no arrays in xs; give the number of steps as `length=`"))
    if isinstance(steps, Tracer) or not hasattr(steps, "__index__") or steps < 0:
        raise ArgumentError(at_user_line(f"scan: length is {steps}, expected a non-negative Python integer"))
    return int(steps)


def _as_int64(x: Any) -> Any:
    return x.astype(np.int64) if isinstance(x, Tracer) else np.int64(x)


def _weak(i: Tracer) -> Tracer:
    return new_tracer(array_value(i), weak_type=True)
