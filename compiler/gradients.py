"""Gradients of scalar functions: `grad`, `value_and_grad`; and `stop_gradient`.

While a function is being traced they write one symbolic operation (`dlc.vjp @f`) that the compiler expands. Called
outside of `jit`, a transformed function is compiled as if it were wrapped in `jit`: traced once per signature.
"""

from collections.abc import Callable, Sequence
from typing import Any

from xdsl.ir import SSAValue

from compiler.abstract import AbstractArray
from compiler.branches import run_compiled
from compiler.errors import ArgumentError, DtypeError, ShapeError, at_user_line
from compiler.pytrees import flatten, unflatten
from compiler.tracing import Subfunction, array_value, current_frame, is_tracing, new_tracer
from compiler.transformed import (
    check_argnums,
    check_differentiable,
    compiled_outside,
    is_array,
    is_differentiable,
    leaves_of_arguments,
    name_of,
    out_and_aux,
    positions_of,
    trace_leaves,
    types_of,
    unflatten_each,
)
from dialects.dlc import constants, transforms, unary

Function = Callable[..., Any]


def grad(fun: Function, argnums: int | Sequence[int] = 0, *, has_aux: bool = False) -> Function:
    """The gradient of a scalar function.

    Args:
        fun: returns a floating-point scalar, or `(scalar, aux)` with `has_aux`.
        argnums: which positional arguments to differentiate with respect to, trees whose leaves are floating point.
        has_aux: whether `fun` also returns auxiliary data, which is passed through.

    Returns:
        A function with the arguments of `fun` that returns the gradient, a tree like the argument (a tuple of trees if
        `argnums` is a sequence); `(gradient, aux)` with `has_aux`.

    Raises:
        ArgumentError: `argnums` names what is not a positional argument.
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

    return compiled_outside(gradient, fun, "grad")


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
    return compiled_outside(both, fun, "value_and_grad")


def stop_gradient(x: Any) -> Any:
    """`x`, a tree of arrays, as a constant for derivatives: all tangents and cotangents end here.

    Example:
        >>> grad(lambda x: x * stop_gradient(x))(3.0)
        array(3.)
    """
    if not is_tracing():
        return run_compiled("stop_gradient", stop_gradient, _stop_gradient, x)
    return _stop_gradient(x)


def _stop_gradient(x: Any) -> Any:
    leaves, spec = flatten(x)
    return unflatten(spec, [new_tracer(unary.stop_gradient(current_frame().builder, array_value(x))) for x in leaves])


def _value_and_grad(fun: Function, argnums: int | Sequence[int], *, has_aux: bool, name: str) -> Function:
    check_argnums(argnums, name)

    def both(*args: Any, **kwargs: Any) -> Any:
        positions = positions_of(argnums, len(args), name)
        leaves, spec = flatten((args, kwargs))
        chosen, specs = leaves_of_arguments(args, positions)
        traced = [i for i, leaf in enumerate(leaves) if i in chosen or is_array(leaf)]
        sub = trace_leaves(fun, leaves, spec, traced, len(args))
        wrt = [traced.index(leaf) for leaf in chosen]
        check_differentiable([sub.inputs[i] for i in wrt], [sub.argument_names[i] for i in wrt], name, fun)
        _check_scalar(sub, fun, name, has_aux=has_aux)
        b = current_frame().builder
        cotangents: list[SSAValue] = []
        for i, output in enumerate(sub.outputs):
            if is_differentiable(output):
                cotangents.append(constants.full(b, 1.0 if i == 0 else 0.0, output.type))
        operands = [*(array_value(leaves[i]) for i in traced), *sub.captured]
        results = transforms.vjp(b, sub.symbol, operands, cotangents, wrt, types_of(sub.outputs))
        tracers = [new_tracer(result) for result in results]
        value = unflatten(sub.output_tree, tracers[: len(sub.outputs)])
        gradients = unflatten_each(specs, tracers[len(sub.outputs) :])
        return value, gradients[0] if isinstance(argnums, int) else tuple(gradients)

    return both


def _check_scalar(sub: Subfunction, fun: Function, name: str, *, has_aux: bool) -> None:
    function = name_of(fun)
    first, _ = out_and_aux(unflatten(sub.output_tree, sub.outputs), fun, name, has_aux=has_aux)
    if not isinstance(first, AbstractArray):
        raise ArgumentError(
            at_user_line(
                f"{name}: {function} returns a {type(first).__name__}, expected one scalar; use has_aux or vjp"
            )
        )
    if first.shape != ():
        raise ShapeError(
            at_user_line(
                f"{name}: {function} returns {first}, expected a scalar; reduce it (`.sum()`), or use vjp or jacrev"
            )
        )
    if not is_differentiable(first) or first.dtype.kind == "c":
        advice = "; take the derivative of a real function, such as its real part" if first.dtype.kind == "c" else ""
        raise DtypeError(
            at_user_line(f"{name}: {function} returns {first}, expected a real floating-point scalar{advice}")
        )
