"""Derivatives along directions: `jvp`, `vjp`, `linearize`, `linear_transpose`.

`jvp` writes one symbolic operation (`dlc.jvp @f`). The others split the function when they are called, because what
their two halves hand over is decided then: one computes the results and what the derivative needs of them, the other is
linear. So the function is computed once, however often the linear half is applied, outside of `jit` too.
"""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from xdsl.dialects.builtin import ArrayAttr, StringAttr, SymbolRefAttr
from xdsl.ir import Attribute, SSAValue

from compiler.abstract import AbstractArray, abstract
from compiler.errors import ArgumentError, at_user_line
from compiler.frames import Program
from compiler.pytrees import TreeSpec, flatten, leaf_paths, unflatten
from compiler.tracing import array_value, current_frame, function_name, is_tracing, new_tracer, trace_subfunction
from compiler.transformed import (
    check_differentiable,
    check_function,
    expanded,
    is_differentiable,
    matching_leaves,
    name_of,
    out_and_aux,
    types_of,
)
from dialects.dlc import constants, transforms
from dialects.dlc.carries import or_zeros

Function = Callable[..., Any]


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

    sub = trace_subfunction(fun, primals)
    leaves, spec = flatten(tuple(primals))
    given = matching_leaves(tuple(tangents), sub.inputs, spec, "jvp: the tangent")
    wrt = [i for i, aval in enumerate(sub.inputs) if is_differentiable(aval)]
    operands = [*map(array_value, leaves), *sub.captured]
    b = current_frame().builder
    results = transforms.jvp(b, sub.symbol, operands, [given[i] for i in wrt], wrt, types_of(sub.outputs))
    values = unflatten(sub.output_tree, [new_tracer(result) for result in results[: len(sub.outputs)]])
    out, aux = out_and_aux(values, fun, "jvp", has_aux=has_aux)
    moves, _ = out_and_aux(
        unflatten(sub.output_tree, _tangents(results[len(sub.outputs) :], sub.outputs)), fun, "jvp", has_aux=has_aux
    )
    return (out, moves, aux) if has_aux else (out, moves)


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
    lin = _linearized(fun, primals, name, has_aux=has_aux)
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

    `fun` is computed once; `f_jvp` keeps what it needs of that. It is for many tangents at the same place; for one,
    `jvp` needs less memory. Outside of `jit`, every call of `linearize` traces `fun` anew.

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
        UnsupportedError: `fun` has a `while_loop` without `max_steps`; use `jvp`.

    Example:
        >>> out, f_jvp = linearize(np.sin, 0.0)
        >>> out, f_jvp(1.0), f_jvp(2.0)
        (array(0.), array(1.), array(2.))
    """
    lin = _linearized(fun, primals, "linearize", has_aux=has_aux)

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
        lin = _split(fun, unflatten(spec, avals), "linear_transpose", has_aux=False)
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

    def apply(argument: Any) -> Any:
        return (function if is_tracing() else compiled)(residuals, argument)

    return apply


def _tangents(moving: Sequence[SSAValue], avals: Sequence[AbstractArray]) -> list[Any]:
    """One tangent per output: the next of `moving`, or zeros for what is not floating point."""
    b = current_frame().builder
    rest = iter(moving)
    return [new_tracer(next(rest) if is_differentiable(aval) else constants.zeros(b, aval.type)) for aval in avals]


# Functions split into two


class _LinearProgram:
    """The derivative of a function at primals that stay: a function of residuals that is linear in tangents.

    It lives in the module of `program`, and is copied to where it is applied.
    """

    def __init__(self, program: Program, symbol: str, moving: Sequence[bool], wanted: Sequence[bool]):
        self._home = program
        self._graph, self._derive = expanded(program, symbol)
        self._moving = tuple(moving)
        self._parts = self._derive.linearize(symbol, self._moving, tuple(wanted))
        self._transposed: str | None = None
        self._copies: dict[tuple[int, str], tuple[Program, str]] = {}

    def primal(self, operands: Sequence[SSAValue], count: int) -> tuple[list[SSAValue], list[SSAValue]]:
        """Append the function itself; return its `count` results, and the residuals."""
        parts = self._parts
        types = self._derive.output_types(parts.primal)
        results = transforms.call(current_frame().builder, parts.primal, operands, types)
        computed = iter(results[count:])
        return list(results[:count]), [next(computed) if r is None else operands[r] for r in parts.residuals]

    def push_forward(self, residuals: Sequence[SSAValue], tangents: Sequence[SSAValue]) -> Sequence[SSAValue]:
        """Append the derivative along `tangents`, one per argument that moves; one result per wanted output."""
        return self._call(self._parts.linear, [*residuals, *tangents])

    def pull_back(self, residuals: Sequence[SSAValue], cotangents: Sequence[SSAValue]) -> Sequence[SSAValue]:
        """Append the transposed derivative at `cotangents`, one per wanted output; one result per argument that moves."""
        if self._transposed is None:
            linear = self._graph.functions[self._parts.linear]
            count = len(residuals)
            inputs = linear.function_type.inputs.data

            def body(b: Any, arguments: tuple[SSAValue, ...]) -> list[SSAValue]:
                given = (*arguments[:count], *(None for _ in inputs[count:]))
                parts = self._derive.transpose(b, self._parts.linear, given, arguments[count:])
                return [or_zeros(b, part, t) for part, t in zip(parts[count:], inputs[count:], strict=True)]

            types = [*inputs[:count], *linear.function_type.outputs.data]
            self._transposed = self._derive.build(f"{self._parts.linear}_transpose", self._parts.linear, types, body)
        return self._call(self._transposed, [*residuals, *cotangents])

    @property
    def depends_on_primals(self) -> bool:
        """Whether the derivative is not the same everywhere."""
        parts = self._parts
        computed = [r for r in parts.residuals if r is None]
        varies = self._derive.outputs_batched(parts.primal, self._moving)
        return any(r is not None and self._moving[r] for r in parts.residuals) or any(
            varies[len(varies) - len(computed) :]
        )

    def _call(self, symbol: str, operands: Sequence[SSAValue]) -> Sequence[SSAValue]:
        frame = current_frame()
        types = self._derive.output_types(symbol)
        if frame.program is not self._home:
            symbol = self._copied(symbol, frame.program)
        return transforms.call(frame.builder, symbol, operands, types)

    def _copied(self, symbol: str, program: Program) -> str:
        """The name of a function in the module of another program, copied there with all that it names."""
        key = (id(program), symbol)
        if key not in self._copies:
            functions = {f.sym_name.data: f for f in self._graph.callees_first([self._graph.functions[symbol]])}
            names = {name: program.unique_symbol(name) for name in functions}
            for name, function in functions.items():
                copy = function.clone()
                copy.properties["sym_name"] = StringAttr(names[name])
                for op in copy.body.block.ops:
                    op.properties.update({key: _renamed(value, names) for key, value in op.properties.items()})
                program.module.body.block.add_op(copy)
            self._copies[key] = (program, names[symbol])  # the program stays alive, and so its id is its own
        return self._copies[key][1]


def _renamed(attribute: Attribute, names: dict[str, str]) -> Attribute:
    """A property with the symbols in it renamed."""
    if isinstance(attribute, SymbolRefAttr):
        return SymbolRefAttr(names[attribute.string_value()])
    if isinstance(attribute, ArrayAttr):
        return ArrayAttr([_renamed(each, names) for each in cast(ArrayAttr[Attribute], attribute)])
    return attribute


@dataclass(frozen=True)
class _Linearized:
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
    program: _LinearProgram
    inputs: tuple[AbstractArray, ...]
    names: tuple[str, ...]
    in_spec: TreeSpec
    outputs: tuple[AbstractArray, ...]
    out_spec: TreeSpec


def _linearized(fun: Function, primals: tuple[Any, ...], name: str, *, has_aux: bool) -> _Linearized:
    """`fun` at `primals`, computed, or traced if something is being traced."""
    check_function(fun, name)
    if is_tracing():
        return _split(fun, primals, name, has_aux=has_aux)
    from compiler.jit_function import jit

    found: list[_Linearized] = []

    @functools.wraps(fun, updated=())
    def forward(*primals: Any) -> Any:
        found[:] = [_split(fun, primals, name, has_aux=has_aux)]
        return found[0].out, found[0].aux, found[0].residuals

    forward.__name__ = f"{name}_{function_name(fun)}"
    out, aux, residuals = jit(forward)(*primals)
    return replace(found[0], out=out, aux=aux, residuals=residuals)


def _split(fun: Function, primals: tuple[Any, ...], name: str, *, has_aux: bool) -> _Linearized:
    """Trace `fun`; primals may be abstract, which stands for zeros."""
    sub = trace_subfunction(fun, primals)
    leaves, in_spec = flatten(primals)
    out, _ = out_and_aux(unflatten(sub.output_tree, sub.outputs), fun, name, has_aux=has_aux)
    outputs, out_spec = flatten(out)
    moving = [*map(is_differentiable, sub.inputs), *(False for _ in sub.captured)]
    wanted = [i < len(outputs) and is_differentiable(aval) for i, aval in enumerate(sub.outputs)]
    frame = current_frame()
    program = _LinearProgram(frame.program, sub.symbol, moving, wanted)
    values = [
        constants.zeros(frame.builder, leaf.type) if isinstance(leaf, AbstractArray) else array_value(leaf)
        for leaf in leaves
    ]
    results, residuals = program.primal([*values, *sub.captured], len(sub.outputs))
    value = unflatten(sub.output_tree, [new_tracer(result) for result in results])
    out, aux = out_and_aux(value, fun, name, has_aux=has_aux)
    kept = [new_tracer(residual) for residual in residuals]  # they may be used while an inner function is traced
    return _Linearized(out, aux, kept, program, sub.inputs, sub.argument_names, in_spec, tuple(outputs), out_spec)
