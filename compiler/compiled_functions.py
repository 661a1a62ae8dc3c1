"""Functions on traced arrays that work on plain arrays too."""

import functools
from collections.abc import Callable
from typing import Any

from compiler.frames import is_tracing


def compiled(static: tuple[str, ...] = ()) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Let a function on tracers work on plain arrays too, by compiling it there; `static` are names of arguments."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        jitted: list[Callable[..., Any]] = []

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            if is_tracing():
                return function(*args, **kwargs)
            if not jitted:
                from compiler.jit_function import jit

                jitted.append(jit(function, static_argnames=static))
            return jitted[0](*args, **kwargs)

        return call

    return decorate
