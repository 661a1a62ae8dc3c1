"""The arguments of a compiled function that are constants of the program: by which names and positions, and what keeps them apart."""

import inspect
from collections.abc import Callable, Hashable, Sequence
from typing import Any, cast

import numpy as np

from compiler.errors import ArgumentError

Function = Callable[..., Any]


def static_key(value: Hashable) -> Hashable:
    """A key that keeps static values apart which are equal but compile differently: `1`, `1.0` and `True`; `0.0` and `-0.0`."""
    if isinstance(value, float):
        return (type(value), value.hex())
    if isinstance(value, np.generic):
        scalar = cast("np.generic[Any]", value)
        return (scalar.dtype, scalar.tobytes())
    if isinstance(value, complex):
        return (type(value), value.real.hex(), value.imag.hex())
    if isinstance(value, tuple):
        parts = cast(tuple[Hashable, ...], value)
        return (type(parts), *map(static_key, parts))
    if isinstance(value, frozenset):
        members = cast(frozenset[Hashable], value)
        return (type(members), frozenset(map(static_key, members)))
    return (type(value), value)


def positional_parameters(fun: Function) -> list[str]:
    """The names of the parameters that can be passed by position; none if Python does not know them."""
    try:
        parameters = inspect.signature(fun).parameters.values()
    except (TypeError, ValueError):
        return []
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [parameter.name for parameter in parameters if parameter.kind in positional]


def static_arguments(
    fun: Function, nums: Sequence[int], names: Sequence[str]
) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Static arguments by every name and position that they can be passed by."""
    if not nums and not names:
        return (), ()
    parameters = positional_parameters(fun)
    try:
        signature = inspect.signature(fun).parameters
        known, kinds = set(signature), {parameter.kind for parameter in signature.values()}
    except (TypeError, ValueError):
        known, kinds = set(names), {inspect.Parameter.VAR_KEYWORD}
    has_var_keyword = inspect.Parameter.VAR_KEYWORD in kinds
    check_positions("static_argnums", fun, nums)
    for name in names:
        if name not in known and not has_var_keyword:
            raise ArgumentError(f"jit: static_argnames has '{name}'; the parameters are {', '.join(sorted(known))}")
    positions = {n % len(parameters) if n < 0 and parameters else n for n in nums}
    all_names = set(names) | {parameters[n] for n in positions if n < len(parameters)}
    positions |= {parameters.index(name) for name in names if name in parameters}
    return tuple(sorted(all_names)), tuple(sorted(positions))


def check_positions(name: str, fun: Function, numbers: Sequence[int]) -> None:
    """Raise `ArgumentError` unless all `numbers` are positions of parameters of `fun`."""
    parameters = positional_parameters(fun)
    try:
        kinds = {parameter.kind for parameter in inspect.signature(fun).parameters.values()}
    except (TypeError, ValueError):
        kinds = {inspect.Parameter.VAR_POSITIONAL}
    for number in numbers:
        if not isinstance(number, int):  # pyright: ignore[reportUnnecessaryIsInstance]
            advice = "use integers, or static_argnames for names" if name == "static_argnums" else "use integers"
            raise ArgumentError(f"jit: {name} has {number!r}; {advice}")
        has_end = parameters and inspect.Parameter.VAR_POSITIONAL not in kinds
        if has_end and not -len(parameters) <= number < len(parameters):
            raise ArgumentError(
                f"jit: {name} has {number}; there are {len(parameters)} positional parameters: {', '.join(parameters)}"
            )
