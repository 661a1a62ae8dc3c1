"""Functions with derivatives of their own: `custom_jvp` and `custom_vjp`, with JAX's interface."""

import functools
import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from xdsl.ir import SSAValue

from compiler.abstract import AbstractArray, abstract
from compiler.branches import run_compiled
from compiler.errors import ArgumentError, DtypeError, ShapeError, UnsupportedError, at_user_line
from compiler.pytrees import TreeSpec, flatten, leaf_paths, sequence_of, unflatten
from compiler.tracing import (
    Subfunction,
    array_value,
    current_frame,
    function_name,
    is_tracing,
    new_tracer,
    share_captured,
    trace_subfunction,
)
from dialects.dlc import custom_derivatives as ops
from dialects.dlc.interfaces import is_float

Function = Callable[..., Any]

NESTED_RULES = 4
"""How deep rules are followed that call their function with other settings, and so how often it can be differentiated."""


class _CustomDerivative(ABC):
    """A function whose positional arguments but those in `nondiff_argnums` are differentiated by rules."""

    _kind: str
    _op: type[ops.CustomDerivativeOp]

    def __init__(self, fun: Function, nondiff_argnums: Sequence[int] = ()):
        if not callable(fun):
            raise ArgumentError(f"{self._kind}: expected a function, got {type(fun).__name__}")
        self._fun = fun
        self._nondiff = tuple(nondiff_argnums)
        functools.update_wrapper(self, fun)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else functools.partial(self, instance)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The value of the function."""
        if kwargs:
            bound = inspect.signature(self._fun).bind(*args, **kwargs)
            bound.apply_defaults()
            if bound.kwargs:
                raise ArgumentError(
                    at_user_line(
                        f"{self._kind}: {function_name(self._fun)} takes keyword-only arguments; pass by position"
                    )
                )
            args = bound.args
        fixed = tuple(args[i] for i in self._nondiff)
        given = tuple(arg for i, arg in enumerate(args) if i not in self._nondiff)
        if is_tracing():
            return self._traced(fixed, given)
        return run_compiled(self._kind, self._fun, lambda tree: self._traced(fixed, tree), given)

    def _traced(self, fixed: tuple[Any, ...], args: tuple[Any, ...]) -> Any:
        """Trace the function and its rules, which may call the function again, and append the operation."""
        rules = self._rules()
        name = function_name(self._fun)
        leaves, spec = flatten(args)
        program = current_frame().program
        avals = tuple(abstract(leaf, "argument") for leaf in leaves)
        key = (id(self), avals, spec, tuple(map(id, fixed)))
        call = program.rules_in_progress.get(key)
        constants: list[SSAValue] = []
        op_type = self._op
        depth = sum(other[0] == key[0] for other in program.rules_in_progress)
        if call is not None:
            call.is_recursive = True
        elif depth == NESTED_RULES:
            op_type = ops.CustomUnknownOp
            call = _Call(trace_subfunction(self._with_fixed(self._fun, fixed), args, name=name), [], fixed, spec)
            constants = share_captured([call.sub])
        else:
            sub = trace_subfunction(self._with_fixed(self._fun, fixed), args, name=name)
            call = _Call(sub, [program.unique_symbol(f"{name}_{role}") for role in self._op.ROLES], fixed, spec)
            program.rules_in_progress[key] = call
            try:
                subs = self._trace_rules(call, args, *rules)
            finally:
                del program.rules_in_progress[key]
            constants = share_captured([sub, *subs])
            if constants and call.is_recursive:
                raise UnsupportedError(
                    at_user_line(
                        f"{self._kind}: a rule of {name} calls {name}, which uses traced arrays from around it; pass them "
                        "as arguments"
                    )
                )
        types = [aval.type for aval in call.sub.outputs]
        symbols = (call.sub.symbol, *call.rule_symbols)
        values = [array_value(leaf) for leaf in leaves]
        results = ops.custom(current_frame().builder, op_type, symbols, values, constants, types)
        tracers = [new_tracer(r, aval.weak_type) for r, aval in zip(results, call.sub.outputs, strict=True)]
        return unflatten(call.sub.output_tree, tracers)

    @abstractmethod
    def _rules(self) -> tuple[Function, ...]:
        """The rules that were given; raise if there are none."""

    @abstractmethod
    def _trace_rules(self, call: "_Call", args: tuple[Any, ...], *rules: Function) -> list[Subfunction]:
        """Trace the rules under the symbols of `call`."""

    def _with_fixed(self, function: Function, fixed: tuple[Any, ...]) -> Function:
        """`function` of the other arguments."""
        if not fixed:
            return function
        nondiff = self._nondiff

        @functools.wraps(function, updated=())
        def of_others(*others: Any) -> Any:
            args = list(others)
            for i, arg in zip(nondiff, fixed, strict=True):
                args.insert(i, arg)
            return function(*args)

        return of_others

    def _missing(self, method: str) -> ArgumentError:
        return ArgumentError(
            at_user_line(f"{self._kind}: {function_name(self._fun)} has no rule yet; give one with `.{method}(…)`")
        )

    def _checked(
        self, what: str, tree: Any, spec: TreeSpec, avals: Sequence[AbstractArray], *, none_is_zero: bool = False
    ) -> list[Any]:
        """The leaves of what a rule returns, which has a structure, shapes and dtypes to keep to."""
        if none_is_zero:
            expected = unflatten(spec, avals)
            tree = _zeros_for_none(tree, expected)
        leaves, given = flatten(tree)
        name = f"{self._kind}: {what} of {function_name(self._fun)}"
        if given != spec:
            raise ArgumentError(at_user_line(f"{name} has the structure {given}, expected {spec}"))
        results: list[Any] = []
        for leaf, aval, path in zip(leaves, avals, leaf_paths(spec), strict=True):
            tracer = new_tracer(array_value(leaf))
            if tracer.shape != aval.shape:
                raise ShapeError(at_user_line(f"{name}{path} has shape {tracer.shape}, expected {aval.shape}"))
            if tracer.dtype != aval.dtype and _is_moving(aval):
                if hasattr(leaf, "dtype") and not getattr(leaf, "weak_type", False):
                    raise DtypeError(at_user_line(f"{name}{path} has dtype {tracer.dtype}, expected {aval.dtype}"))
                tracer = tracer.astype(aval.dtype)
            results.append(tracer)
        return results


class custom_jvp(_CustomDerivative):  # noqa: N801 - JAX's name, used as a decorator
    """Give a function a derivative of its own, for both modes.

    Args:
        fun: a function of trees of arrays.
        nondiff_argnums: positions of arguments that are not arrays or are not differentiated; rules get them in front.

    Raises:
        ArgumentError: `fun` is not a function, or is called without a rule.

    Example:
        >>> @custom_jvp
        ... def log1pexp(x):
        ...     return np.log(1 + np.exp(x))
        >>> @log1pexp.defjvp
        ... def log1pexp_jvp(primals, tangents):
        ...     (x,), (dx,) = primals, tangents
        ...     return log1pexp(x), dx / (1 + np.exp(-x))
        >>> grad(log1pexp)(100.0)
        array(1.)
    """

    _kind = "custom_jvp"
    _op = ops.CustomJvpOp
    _rule: Function | None = None

    def defjvp(self, jvp: Function) -> Function:
        """Set the rule: `jvp(*nondiff, primals, tangents)` returns the outputs and their tangents, as trees alike.

        It must be linear in `tangents`; those of integers and booleans are zeros. Returns `jvp`.
        """
        self._rule = jvp
        return jvp

    def defjvps(self, *jvps: Function | None) -> None:
        """Set one rule per argument: `jvp(tangent, output, *args)` is what it adds to the tangent; `None` for nothing."""

        def rule(*args: Any) -> Any:
            *fixed, primals, tangents = args
            output = self(*self._merged(fixed, primals))
            parts = [jvp(t, output, *primals) for jvp, t in zip(jvps, tangents, strict=True) if jvp is not None]
            if not parts:
                leaves, spec = flatten(output)
                return output, unflatten(spec, [np.zeros_like(leaf) for leaf in leaves])
            total = parts[0]
            for part in parts[1:]:
                leaves, spec = flatten(total)
                total = unflatten(spec, [a + b for a, b in zip(leaves, flatten(part)[0], strict=True)])
            return output, total

        self._rule = rule

    def _merged(self, fixed: Sequence[Any], others: Sequence[Any]) -> list[Any]:
        args = list(others)
        for i, arg in zip(self._nondiff, fixed, strict=True):
            args.insert(i, arg)
        return args

    def _rules(self) -> tuple[Function, ...]:
        if self._rule is None:
            raise self._missing("defjvp")
        return (self._rule,)

    def _trace_rules(self, call: "_Call", args: tuple[Any, ...], *rules: Function) -> list[Subfunction]:
        del args
        (rule,) = rules
        sub, fixed, spec = call.sub, call.fixed, call.spec
        moving = [_is_moving(aval) for aval in sub.inputs]

        def of_leaves(primals: list[Any], moves: list[Any]) -> Any:
            rest = iter(moves)
            tangents = [
                next(rest) if moves else np.zeros(aval.shape, aval.dtype, like=primal)
                for moves, aval, primal in zip(moving, sub.inputs, primals, strict=True)
            ]
            result = rule(*fixed, unflatten(spec, primals), unflatten(spec, tangents))
            pair = sequence_of(result)
            if pair is None or len(pair) != 2:
                raise ArgumentError(
                    at_user_line(
                        f"custom_jvp: the rule of {function_name(self._fun)} must return a pair (output, tangent)"
                    )
                )
            outputs = self._checked("the output by the rule", pair[0], sub.output_tree, sub.outputs)
            d_outputs = self._checked("the tangent by the rule", pair[1], sub.output_tree, sub.outputs)
            return outputs, [d for d, aval in zip(d_outputs, sub.outputs, strict=True) if _is_moving(aval)]

        primals = [AbstractArray(aval.shape, aval.dtype) for aval in sub.inputs]
        moves = [aval for aval in primals if _is_moving(aval)]
        return [trace_subfunction(of_leaves, (primals, moves), symbol=call.rule_symbols[0])]


class custom_vjp(_CustomDerivative):  # noqa: N801 - JAX's name, used as a decorator
    """Give a function a reverse derivative of its own. Forward mode (`jvp`) of it is an error.

    Args:
        fun: a function of trees of arrays.
        nondiff_argnums: positions of arguments that are not arrays or are not differentiated; the backward rule gets
            them in front.

    Raises:
        ArgumentError: `fun` is not a function, or is called without rules.

    Example:
        >>> @custom_vjp
        ... def clip_gradient(x):
        ...     return x
        >>> clip_gradient.defvjp(lambda x: (x, None), lambda _, ct: (np.clip(ct, -1, 1),))
        >>> grad(lambda x: 5 * clip_gradient(x))(2.0)
        array(1.)
    """

    _kind = "custom_vjp"
    _op = ops.CustomVjpOp
    _fwd: Function | None = None
    _bwd: Function | None = None

    def defvjp(self, fwd: Function, bwd: Function) -> None:
        """Set the rules.

        `fwd` has the arguments of the function and returns `(output, residuals)`, two trees. `bwd(*nondiff, residuals,
        cotangent)` returns a tuple with one tree per differentiated argument; `None` stands for zero, also within.
        """
        self._fwd, self._bwd = fwd, bwd

    def _rules(self) -> tuple[Function, ...]:
        if self._fwd is None or self._bwd is None:
            raise self._missing("defvjp")
        return self._fwd, self._bwd

    def _trace_rules(self, call: "_Call", args: tuple[Any, ...], *rules: Function) -> list[Subfunction]:
        fwd, bwd = rules
        sub, fixed, spec = call.sub, call.fixed, call.spec
        name = function_name(self._fun)
        residual_specs: list[TreeSpec] = []

        def forward(*arguments: Any) -> Any:
            pair = sequence_of(self._with_fixed(fwd, fixed)(*arguments))
            if pair is None or len(pair) != 2:
                raise ArgumentError(
                    at_user_line(f"custom_vjp: the forward rule of {name} must return a pair (output, residuals)")
                )
            outputs = self._checked("the output by the forward rule", pair[0], sub.output_tree, sub.outputs)
            residuals, spec = flatten(pair[1])
            residual_specs[:] = [spec]
            return outputs, residuals

        saved = trace_subfunction(forward, args, symbol=call.rule_symbols[0])
        residuals = saved.outputs[len(sub.outputs) :]

        def backward(held: list[Any], moves: list[Any]) -> Any:
            rest = iter(moves)
            cotangents = [
                next(rest) if _is_moving(aval) else new_tracer(array_value(np.zeros(aval.shape, aval.dtype)))
                for aval in sub.outputs
            ]
            result = bwd(*fixed, unflatten(residual_specs[0], held), unflatten(sub.output_tree, cotangents))
            given = sequence_of(result)
            if given is None or len(given) != len(args):
                raise ArgumentError(
                    at_user_line(
                        f"custom_vjp: the backward rule of {name} must return a tuple with one cotangent for each of the "
                        f"{len(args)} arguments; `None` stands for zero"
                    )
                )
            leaves = self._checked("the cotangent", tuple(given), spec, sub.inputs, none_is_zero=True)
            return [leaf for leaf, aval in zip(leaves, sub.inputs, strict=True) if _is_moving(aval)]

        moves = [AbstractArray(aval.shape, aval.dtype) for aval in sub.outputs if _is_moving(aval)]
        return [saved, trace_subfunction(backward, (list(residuals), moves), symbol=call.rule_symbols[1])]


@dataclass
class _Call:
    """A call whose rules are being traced.

    Attributes:
        sub: the function.
        rule_symbols: the names that its rules will have.
        fixed: the arguments that are not differentiated.
        spec: the structure of the others.
        is_recursive: whether a rule calls the function with equal types.
    """

    sub: Subfunction
    rule_symbols: list[str]
    fixed: tuple[Any, ...]
    spec: TreeSpec
    is_recursive: bool = False


def _is_moving(aval: AbstractArray) -> bool:
    return is_float(aval.type.element_type)


def _zeros_for_none(tree: Any, expected: Any) -> Any:
    """`tree` with zeros for each `None` where `expected` has arrays."""
    if tree is None:
        leaves, spec = flatten(expected)
        return unflatten(spec, [np.zeros(aval.shape, aval.dtype) for aval in leaves])
    kind = cast(type[object], type(tree))
    if kind is type(expected) and kind in {tuple, list, dict} and len(tree) == len(expected):
        if kind is dict and tree.keys() == expected.keys():
            return {key: _zeros_for_none(tree[key], expected[key]) for key in tree}
        if kind is not dict:
            parts = (_zeros_for_none(part, whole) for part, whole in zip(tree, expected, strict=True))
            return tuple(parts) if kind is tuple else list(parts)
    return tree
