"""Derivatives along directions: `jvp`, `vjp`, `linearize`, `linear_transpose`.

`jvp` writes one symbolic operation (`dlc.jvp @f`). The others split the function when they are called, because what
their two halves hand over is decided then: one computes the results and what the derivative needs of them, the other is
linear. So the function is computed once, however often the linear half is applied, outside of `jit` too.
"""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from xdsl.ir import SSAValue

from compiler.abstract import AbstractArray, abstract
from compiler.derived_programs import LinearProgram, PushForward, forward_program
from compiler.errors import ArgumentError, at_user_line, check_function
from compiler.frames import Program
from compiler.pytrees import TreeSpec, flatten, leaf_paths, unflatten
from compiler.tracing import (
    Tracer,
    array_value,
    current_frame,
    function_name,
    is_tracing,
    new_tracer,
    trace_subfunction,
)
from compiler.transformed import (
    check_differentiable,
    is_differentiable,
    matching_leaves,
    name_of,
    out_and_aux,
    types_of,
)
from dialects.dlc import constants, transforms
from dialects.dlc.higher_order import Flags

Function = Callable[..., Any]
P = TypeVar("P", bound=PushForward)
Derive = Callable[[Program, str, Flags, Flags], P]


def jvp(fun: Function, primals: Sequence[Any], tangents: Sequence[Any], has_aux: bool = False) -> Any:
    """The value of `fun` at `primals` and its derivative along `tangents`: `(out, tangent of out)`.

    Outside of `jit`, every call of `jvp` traces `fun` anew: call it in a compiled function to do that once.

    Args:
        fun: returns a tree of arrays, or `(out, aux)` with `has_aux`.
        primals: a tuple with one tree per argument.
        tangents: trees like `primals`, equal in shape and dtype; what is not floating point does not move.
        has_aux: whether `fun` also returns auxiliary data; the result is then `(out, tangent of out, aux)`.

    Returns:
        The pair; results that are not floating point have zero tangents.

    Raises:
        ArgumentError: `tangents` differ from `primals` in structure, or `fun` returns no pair with `has_aux`.
        ShapeError: a tangent has another shape than its primal.
        DtypeError: a tangent has another dtype than its primal.

    Example:
        >>> jvp(np.sin, (0.0,), (2.0,))
        (array(0.), array(2.))
    """
    check_function(fun, "jvp")
    if not isinstance(primals, tuple | list) or not isinstance(tangents, tuple | list):
        raise ArgumentError(at_user_line("jvp: primals and tangents are tuples with one entry per argument"))
    if len(primals) != len(tangents):
        raise ArgumentError(
            at_user_line(f"jvp: {len(primals)} primals but {len(tangents)} tangents; pass one tangent per primal")
        )
    if not is_tracing():
        from compiler.jit_function import jit

        def push_forward(primals: Any, tangents: Any) -> Any:
            return jvp(fun, primals, tangents, has_aux)

        push_forward.__name__ = f"jvp_{function_name(fun)}"
        return jit(push_forward)(tuple(primals), tuple(tangents))

    out, moves, aux = pushed_forward(fun, tuple(primals), tuple(tangents), "jvp", has_aux=has_aux)
    return (out, moves, aux) if has_aux else (out, moves)


def pushed_forward(
    fun: Function, primals: tuple[Any, ...], tangents: tuple[Any, ...], name: str, *, has_aux: bool
) -> tuple[Any, Any, Any]:
    """`(out, tangent of out, aux)`, as `jvp` while something is being traced; `name` is for messages."""
    sub = trace_subfunction(fun, primals)
    leaves, spec = flatten(primals)
    given = matching_leaves(tangents, sub.inputs, spec, f"{name}: the tangent")
    wrt = [i for i, aval in enumerate(sub.inputs) if is_differentiable(aval)]
    operands = [*map(array_value, leaves), *sub.captured]
    b = current_frame().builder
    results = transforms.jvp(b, sub.symbol, operands, [given[i] for i in wrt], wrt, types_of(sub.outputs))
    values = [new_tracer(result) for result in results[: len(sub.outputs)]]
    moves = _tangents(results[len(sub.outputs) :], sub.outputs)
    out, aux = out_and_aux(unflatten(sub.output_tree, values), fun, name, has_aux=has_aux)
    return out, out_and_aux(unflatten(sub.output_tree, moves), fun, name, has_aux=has_aux)[0], aux


def vjp(fun: Function, *primals: Any, has_aux: bool = False) -> Any:
    """The value of `fun` at `primals` and the function that maps cotangents back: `(out, vjp_fun)`.

    `fun` is computed once; `vjp_fun` keeps what it needs of that. Outside of `jit`, every call of `vjp` traces `fun`
    anew: call it in a compiled function to do that once.

    Args:
        fun: returns a tree of arrays, or `(out, aux)` with `has_aux`.
        *primals: one tree per argument, of floating point.
        has_aux: whether `fun` also returns auxiliary data; the result is then `(out, vjp_fun, aux)`.

    Returns:
        The pair; `vjp_fun(cotangent)` takes a tree like `out` and returns a tuple with one tree per primal.

    Raises:
        ArgumentError: `fun` returns no pair with `has_aux`, or a cotangent differs from `out` in structure.
        ShapeError: a cotangent has another shape than its result.
        DtypeError: a primal is not floating point, or a cotangent has another dtype than its result.

    Example:
        >>> out, pull_back = vjp(lambda x, y: x * y, np.array([1.0, 2.0]), 3.0)
        >>> out
        array([3., 6.])
        >>> pull_back(np.array([1.0, 0.0]))
        (array([3., 0.]), array(1.))
    """
    out, pull_back, aux = pulled_back(fun, primals, "vjp", has_aux=has_aux)
    return (out, pull_back, aux) if has_aux else (out, pull_back)


def pulled_back(
    fun: Function, primals: tuple[Any, ...], name: str, *, has_aux: bool
) -> tuple[Any, Callable[[Any], tuple[Any, ...]], Any]:
    """`(out, vjp_fun, aux)`, as `vjp`; `name` is for messages."""
    lin = _linearized(fun, primals, LinearProgram, name, has_aux=has_aux)
    check_differentiable(lin.inputs, lin.names, name, fun)

    def pull_back(residuals: Sequence[Any], cotangent: Any) -> tuple[Any, ...]:
        given = matching_leaves(cotangent, lin.outputs, lin.out_spec, f"{name}: the cotangent")
        moving = [value for value, aval in zip(given, lin.outputs, strict=True) if is_differentiable(aval)]
        results = lin.program.pull_back([array_value(each) for each in residuals], moving)
        return unflatten(lin.in_spec, [new_tracer(result) for result in results])

    pull_back.__name__ = f"{name}_{function_name(fun)}"
    return lin.out, _applied(pull_back, lin.residuals), lin.aux


def linearize(fun: Function, *primals: Any, has_aux: bool = False) -> Any:
    """The value of `fun` at `primals` and its derivative there: `(out, f_jvp)`.

    `fun` is computed once; `f_jvp` keeps what it needs of that (but for what must be computed again: checkpoints, and
    a `while_loop` without `max_steps`). It is for many tangents at the same place; for one, `jvp` needs less memory.
    Outside of `jit`, every call of `linearize` traces `fun` anew.

    Args:
        fun: returns a tree of arrays, or `(out, aux)` with `has_aux`.
        *primals: one tree per argument.
        has_aux: whether `fun` also returns auxiliary data; the result is then `(out, f_jvp, aux)`.

    Returns:
        The pair; `f_jvp(*tangents)` takes trees like `primals` and returns the tangent of `out`.

    Raises:
        ArgumentError: `fun` returns no pair with `has_aux`, or a tangent differs from its primal in structure.
        ShapeError: a tangent has another shape than its primal.
        DtypeError: a tangent has another dtype than its primal.

    Example:
        >>> out, f_jvp = linearize(np.sin, 0.0)
        >>> out, f_jvp(1.0), f_jvp(2.0)
        (array(0.), array(1.), array(2.))
    """
    lin = _linearized(fun, primals, forward_program, "linearize", has_aux=has_aux)

    def push_forward(residuals: Sequence[Any], tangents: tuple[Any, ...]) -> Any:
        given = matching_leaves(tangents, lin.inputs, lin.in_spec, "linearize: the tangent")
        moving = [value for value, aval in zip(given, lin.inputs, strict=True) if is_differentiable(aval)]
        results = lin.program.push_forward([array_value(each) for each in residuals], moving)
        return unflatten(lin.out_spec, _tangents(results, lin.outputs))

    push_forward.__name__ = f"linearize_{function_name(fun)}"
    apply = _applied(push_forward, lin.residuals)

    def f_jvp(*tangents: Any) -> Any:
        return apply(tangents)

    return (lin.out, f_jvp, lin.aux) if has_aux else (lin.out, f_jvp)


def linear_transpose(fun: Function, *primals: Any) -> Callable[[Any], tuple[Any, ...]]:
    """The transpose of a linear function.

    Args:
        fun: linear in its arguments.
        *primals: trees of arrays, or of anything with `shape` and `dtype`; their values do not matter.

    Returns:
        A function of a tree like the result of `fun` that returns a tuple with one tree per argument.

    Raises:
        ArgumentError: `fun` is not linear.
        DtypeError: an argument is not floating point.

    Example:
        >>> transposed = linear_transpose(lambda x: 2 * x[::-1], np.zeros(3))
        >>> transposed(np.array([1.0, 2.0, 3.0]))
        (array([6., 4., 2.]),)
    """
    check_function(fun, "linear_transpose")
    leaves, spec = flatten(primals)
    avals = [
        abstract(leaf, f"linear_transpose: primals{path}") for leaf, path in zip(leaves, leaf_paths(spec), strict=True)
    ]

    def transposed(_: Sequence[Any], cotangent: Any) -> tuple[Any, ...]:
        lin = _split(fun, unflatten(spec, avals), LinearProgram, "linear_transpose", has_aux=False)
        check_differentiable(lin.inputs, lin.names, "linear_transpose", fun)
        if lin.program.depends_on_primals:
            raise ArgumentError(
                at_user_line(
                    f"linear_transpose: {name_of(fun)} is not linear in its arguments; "
                    "use vjp for the transpose of its derivative"
                )
            )
        given = matching_leaves(cotangent, lin.outputs, lin.out_spec, "linear_transpose: the argument")
        results = lin.program.pull_back([array_value(each) for each in lin.residuals], given)
        return unflatten(spec, [new_tracer(result) for result in results])

    transposed.__name__ = f"linear_transpose_{function_name(fun)}"
    return _applied(transposed, ())


def _applied(function: Callable[[Sequence[Any], Any], Any], residuals: Sequence[Any]) -> Callable[[Any], Any]:
    """`function` of what was kept and of an argument, compiled if nothing is being traced."""
    from compiler.jit_function import jit

    compiled = jit(function)

    is_traced = any(isinstance(each, Tracer) for each in residuals)

    def apply(argument: Any) -> Any:
        return (function if is_tracing() or is_traced else compiled)(residuals, argument)

    return apply


def _tangents(moving: Sequence[SSAValue], avals: Sequence[AbstractArray]) -> list[Any]:
    """One tangent per output: the next of `moving`, or zeros for what is not floating point."""
    b = current_frame().builder
    rest = iter(moving)
    return [new_tracer(next(rest) if is_differentiable(aval) else constants.zeros(b, aval.type)) for aval in avals]


@dataclass(frozen=True)
class _Linearized(Generic[P]):
    """A function at some primals, and its derivative there.

    Attributes:
        out: its result, without what is auxiliary.
        aux: the rest of it.
        residuals: what `program` needs.
        program: the derivative of `out`.
        inputs: one abstract array per leaf of the primals.
        names: what the user calls each.
        in_spec: the structure of the primals.
        outputs: one abstract array per leaf of `out`.
        out_spec: the structure of `out`.
    """

    out: Any
    aux: Any
    residuals: list[Any]
    program: P
    inputs: tuple[AbstractArray, ...]
    names: tuple[str, ...]
    in_spec: TreeSpec
    outputs: tuple[AbstractArray, ...]
    out_spec: TreeSpec


def _linearized(
    fun: Function, primals: tuple[Any, ...], derive: Derive[P], name: str, *, has_aux: bool
) -> _Linearized[P]:
    """`fun` at `primals`, computed, or traced if something is being traced."""
    check_function(fun, name)
    if is_tracing():
        return _split(fun, primals, derive, name, has_aux=has_aux)
    from compiler.jit_function import jit

    found: list[_Linearized[P]] = []

    @functools.wraps(fun, updated=())
    def forward(*primals: Any) -> Any:
        found[:] = [_split(fun, primals, derive, name, has_aux=has_aux)]
        return found[0].out, found[0].aux, found[0].residuals

    forward.__name__ = f"{name}_{function_name(fun)}"
    out, aux, residuals = jit(forward)(*primals)
    return replace(found[0], out=out, aux=aux, residuals=residuals)


def _split(fun: Function, primals: tuple[Any, ...], derive: Derive[P], name: str, *, has_aux: bool) -> _Linearized[P]:
    """Trace `fun`; primals may be abstract, which stands for zeros."""
    sub = trace_subfunction(fun, primals)
    leaves, in_spec = flatten(primals)
    out, _ = out_and_aux(unflatten(sub.output_tree, sub.outputs), fun, name, has_aux=has_aux)
    outputs, out_spec = flatten(out)
    moving = (*map(is_differentiable, sub.inputs), *(False for _ in sub.captured))
    wanted = tuple(i < len(outputs) and is_differentiable(aval) for i, aval in enumerate(sub.outputs))
    frame = current_frame()
    program = derive(frame.program, sub.symbol, moving, wanted)
    values = [
        constants.zeros(frame.builder, leaf.type) if isinstance(leaf, AbstractArray) else array_value(leaf)
        for leaf in leaves
    ]
    results, residuals = program.primal([*values, *sub.captured], len(sub.outputs))
    value = unflatten(sub.output_tree, [new_tracer(result) for result in results])
    out, aux = out_and_aux(value, fun, name, has_aux=has_aux)
    kept = [new_tracer(residual) for residual in residuals]  # they may be used while an inner function is traced
    return _Linearized(out, aux, kept, program, sub.inputs, sub.argument_names, in_spec, tuple(outputs), out_spec)
