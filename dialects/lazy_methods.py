"""Methods of xDSL's dataclasses that Python compiles when they are first called.

Nearly every class of xDSL is a dataclass, for which Python 3.11 and 3.12 write and compile `__eq__`, `__hash__`, `__setattr__` and others,
each by itself: 1,000 methods, of which a compilation calls a tenth, and a fifth of the 0.2 s that importing takes (40 ms).
`compile_methods_when_called` puts them off for all classes of xDSL made from then on; `__init__` is made at once, because its
signature is asked for. Python 3.13 compiles all methods of a class at once.

What is replaced is a private function of `dataclasses`, and for the whole process: modules of xDSL are imported as passes need them.
It is called for classes of other modules as if nothing had happened.
"""

import dataclasses
from functools import cache
from typing import Any

_module: Any = dataclasses  # what is replaced is private


@cache
def compile_methods_when_called() -> None:
    """Correct `dataclasses`, once; the package `dialects` calls it, before it imports xDSL."""
    if hasattr(_module, "_create_fn"):
        _module._create_fn = _lazy(_module._create_fn)


def _lazy(create: Any) -> Any:
    def create_lazily(name: str, *arguments: Any, **named_arguments: Any) -> Any:
        namespace: Any = named_arguments.get("globals") or {}
        if name == "__init__" or not namespace.get("__name__", "").startswith("xdsl."):
            return create(name, *arguments, **named_arguments)
        created: Any = None

        def method(self: Any, /, *values: Any, **named: Any) -> Any:
            nonlocal created
            if created is None:  # two threads may make it twice, and either will do
                made = create(name, *arguments, **named_arguments)
                made.__qualname__ = method.__qualname__
                for kind in type(self).__mro__:
                    if kind.__dict__.get(name) is method:
                        setattr(kind, name, made)
                created = made
            return created(self, *values, **named)

        method.__name__ = name
        return method

    return create_lazily
