"""Choosing what to compute by a traced value: `cond` and `switch`, with JAX's signatures.

Only the chosen branch is computed, unless examples of a batch (`vmap`) choose differently.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from xdsl.ir import SSAValue

from compiler.abstract import AbstractArray, abstract
from compiler.errors import ArgumentError, DtypeError, ShapeError, at_user_line, check_function
from compiler.operands import as_tracer
from compiler.promotion import common_dtype
from compiler.pytrees import flatten, leaf_paths, unflatten
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
from dialects.dlc.case import case

Function = Callable[..., Any]


def cond(pred: Any, true_fun: Function, false_fun: Function, *operands: Any) -> Any:
    """`true_fun(*operands)` if `pred` holds, else `false_fun(*operands)`; only one of them is computed.

    Args:
        pred: a boolean scalar, or a number, which holds if it is not zero.
        true_fun: a function of `operands`, which may also use arrays from around it.
        false_fun: the same; its results have the same structure, shapes and dtypes.
        operands: trees of arrays.

    Returns:
        The tree that the branches return.

    Raises:
        ArgumentError: a branch is not a function, or the branches return different structures.
        ShapeError: `pred` is not a scalar, or the results differ in shape.
        DtypeError: the results differ in dtype.

    Example:
        >>> cond(True, np.sin, np.cos, 0.0)
        array(0.)
        >>> grad(lambda x: cond(x > 0, np.sqrt, np.negative, x))(4.0)
        array(0.25)
    """
    for name, function in (("true_fun", true_fun), ("false_fun", false_fun)):
        check_function(function, f"cond: {name}")
    if not is_tracing():
        return run_compiled(
            "cond", true_fun, lambda tree: cond(tree[0], true_fun, false_fun, *tree[1:]), (pred, *operands)
        )
    _check_scalar("cond: pred", pred)
    index = pred if abstract(pred, "pred").dtype.kind == "b" else as_tracer(pred) != 0
    return _choose("cond", array_value(index), [false_fun, true_fun], operands)


def switch(index: Any, branches: Sequence[Function], *operands: Any) -> Any:
    """`branches[index](*operands)`; an index out of range counts as the nearest in range.

    Args:
        index: an integer scalar.
        branches: functions of `operands`, whose results agree in structure, shapes and dtypes.
        operands: trees of arrays.

    Returns:
        The tree that the branches return.

    Raises:
        ArgumentError: there are no branches, one is not a function, or they return different structures.
        ShapeError: `index` is not a scalar, or the results differ in shape.
        DtypeError: `index` is not an integer, or the results differ in dtype.

    Example:
        >>> switch(2, [np.sin, np.cos, np.exp], 0.0)
        array(1.)
    """
    branches = list(branches)
    if not branches:
        raise ArgumentError(at_user_line("switch: there are no branches; give at least one function"))
    for number, function in enumerate(branches):
        check_function(function, f"switch: branch {number}")
    if not is_tracing():
        return run_compiled(
            "switch", branches[0], lambda tree: switch(tree[0], branches, *tree[1:]), (index, *operands)
        )
    _check_scalar("switch: index", index)
    aval = abstract(index, "index")
    if aval.dtype.kind not in "iu":
        raise DtypeError(at_user_line(f"switch: index is {aval}, expected an integer; use cond for a condition"))
    if aval.dtype.name not in {"int32", "int64"}:
        largest = min(np.iinfo(aval.dtype).max, len(branches) - 1)  # as int64, a larger uint64 would be negative
        index = np.minimum(as_tracer(index), largest).astype(np.int64)
    return _choose("switch", array_value(index), branches, operands)


def _choose(name: str, index: SSAValue, branches: Sequence[Function], operands: tuple[Any, ...]) -> Any:
    leaves, _ = flatten(operands)
    subs = [_trace_branch(branch, operands, None) for branch in branches]
    joined = _joined_outputs(name, subs)
    subs = [
        sub if list(sub.outputs) == joined else _trace_branch(branch, operands, joined)
        for sub, branch in zip(subs, branches, strict=True)
    ]
    captured = share_captured(subs, len(leaves))
    b = current_frame().builder
    inputs = [*map(array_value, leaves), *captured]
    results = case(b, index, [sub.symbol for sub in subs], inputs, [aval.type for aval in joined])
    tracers = [new_tracer(result, aval.weak_type) for result, aval in zip(results, joined, strict=True)]
    return unflatten(subs[0].output_tree, tracers)


def _trace_branch(branch: Function, operands: tuple[Any, ...], outputs: Sequence[AbstractArray] | None) -> Subfunction:
    """Trace a branch; its results adopt the dtypes of `outputs`."""
    if outputs is None:
        return trace_subfunction(branch, operands)

    def converted(*args: Any) -> Any:
        leaves, spec = flatten(branch(*args))
        return unflatten(
            spec, [new_tracer(array_value(as_tracer(x).astype(o.dtype))) for x, o in zip(leaves, outputs, strict=True)]
        )

    return trace_subfunction(converted, operands, name=function_name(branch))


def _joined_outputs(name: str, subs: Sequence[Subfunction]) -> list[AbstractArray]:
    """What the branches return in common: Python scalars adopt the dtype of the arrays that other branches return."""
    first, *others = subs
    for number, sub in enumerate(others, 1):
        if sub.output_tree != first.output_tree:
            raise ArgumentError(
                at_user_line(
                    f"{name}: branches return different structures: {_branch(name, 0)} {first.output_tree}, "
                    f"{_branch(name, number)} {sub.output_tree}; return the same structure from all"
                )
            )
    joined: list[AbstractArray] = []
    paths = leaf_paths(first.output_tree)
    for position, avals in enumerate(zip(*(sub.outputs for sub in subs), strict=True)):
        strong = [aval for aval in avals if not aval.weak_type] or list(avals)
        target = strong[0]
        if strong[0].weak_type:
            target = AbstractArray(target.shape, common_dtype(*(aval.dtype for aval in avals)), weak_type=True)
        for number, aval in enumerate(avals):
            what = f"{name}: the result{paths[position]} of {_branch(name, number)} is {aval}"
            if aval.shape != target.shape:
                raise ShapeError(at_user_line(f"{what}, that of another branch {target}; make the shapes equal"))
            if aval.dtype != target.dtype and not aval.weak_type:
                raise DtypeError(at_user_line(f"{what}, that of another branch {target}; convert one with `.astype`"))
        joined.append(target)
    return joined


def _branch(name: str, number: int) -> str:
    return ("false_fun", "true_fun")[number] if name == "cond" else f"branch {number}"


def _check_scalar(what: str, value: Any) -> None:
    shape = np.shape(value)
    if shape:
        raise ShapeError(
            at_user_line(f"{what} has shape {shape}, expected a scalar; use `np.where` to choose element by element")
        )


def run_compiled(name: str, fun: Function, inner: Callable[[Any], Any], tree: Any) -> Any:
    """`inner(tree)`, compiled, for a call outside of `jit`: `name` is that of the public function, `fun` the user's."""
    from compiler.jit_function import jit

    inner.__name__ = f"{name}_{function_name(fun)}"
    return jit(inner)(tree)
