"""Functions on traced arrays that work on plain arrays too."""

import functools
import inspect
from collections.abc import Callable
from typing import Any, cast

from compiler.argument_checks import argument_check
from compiler.frames import is_tracing


def compiled(static: tuple[str, ...] = ()) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Let a function on tracers work on plain arrays too, by compiling it there; `static` are names of arguments.

    A list is as good as a tuple for them, though it has no hash. Arguments are checked first (see `argument_check`).
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        jitted: list[Callable[..., Any]] = []
        check = argument_check(function)
        positions = {i for i, name in enumerate(inspect.signature(function).parameters) if name in static}

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            check(args, kwargs)
            if is_tracing():
                return function(*args, **kwargs)
            if not jitted:
                from compiler.jit_function import jit

                jitted.append(jit(function, static_argnames=static))
            if any(isinstance(value, list) for value in (*args, *kwargs.values())):
                args = tuple(_without_lists(value) if i in positions else value for i, value in enumerate(args))
                kwargs = {name: _without_lists(value) if name in static else value for name, value in kwargs.items()}
            return jitted[0](*args, **kwargs)

        return call

    return decorate


def _without_lists(value: Any) -> Any:
    return tuple(map(_without_lists, cast("list[Any]", value))) if isinstance(value, list | tuple) else value
