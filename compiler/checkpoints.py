"""`checkpoint`: trade memory for time in reverse mode, with JAX's interface."""

import functools
from collections.abc import Callable
from typing import Any

from compiler.branches import run_compiled
from compiler.errors import ArgumentError, check_function
from compiler.pytrees import flatten, unflatten
from compiler.tracing import array_value, current_frame, is_tracing, new_tracer
from compiler.transformed import is_array, trace_leaves
from dialects.dlc.checkpoint import POLICIES
from dialects.dlc.checkpoint import checkpoint as build_checkpoint

Function = Callable[..., Any]


def checkpoint(fun: Function, *, policy: str | None = None, prevent_cse: bool = True) -> Function:
    """Let reverse mode compute the intermediate values of `fun` again instead of keeping them.

    Args:
        fun: a function of trees of arrays; leaves that are not arrays are constants of the program.
        policy: what is kept beside the arguments: `"nothing_saveable"` (the default), `"dots_saveable"` (the results of
            matrix products) or `"everything_saveable"`, which are JAX's names.
        prevent_cse: accepted for JAX's sake; what is computed again is never merged with the first time.

    Returns:
        A function with the same values and derivatives.

    Raises:
        ArgumentError: `fun` is not a function, or the policy is not known.

    Example:
        >>> layer = checkpoint(lambda w, x: np.tanh(np.tanh(x * w) * w))
        >>> grad(lambda w: layer(w, 1.0))(0.0)
        array(0.)
    """
    del prevent_cse
    policy = policy or "nothing_saveable"
    check_function(fun, "checkpoint")
    if policy not in POLICIES:
        raise ArgumentError(f"checkpoint: unknown policy {policy!r}; use one of {', '.join(map(repr, POLICIES))}")

    @functools.wraps(fun, updated=())
    def checkpointed(*args: Any, **kwargs: Any) -> Any:
        if not is_tracing():
            return run_compiled("checkpoint", fun, lambda tree: checkpointed(*tree[0], **tree[1]), (args, kwargs))
        leaves, spec = flatten((args, kwargs))
        traced = [i for i, leaf in enumerate(leaves) if is_array(leaf)]
        sub = trace_leaves(fun, leaves, spec, traced, len(args))
        operands = [*(array_value(leaves[i]) for i in traced), *sub.captured]
        types = [aval.type for aval in sub.outputs]
        results = build_checkpoint(current_frame().builder, sub.symbol, operands, types, policy)
        tracers = [new_tracer(result, aval.weak_type) for result, aval in zip(results, sub.outputs, strict=True)]
        return unflatten(sub.output_tree, tracers)

    return checkpointed
