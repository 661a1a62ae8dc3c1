"""Methods of xDSL's dataclasses that Python compiles when they are first called.

Nearly every class of xDSL is a dataclass, for which Python 3.11 and 3.12 write and compile `__eq__`, `__hash__`, `__setattr__` and others,
each by itself: 1,100 methods, a quarter of the time that importing takes, of which a compilation calls a tenth.
`compile_methods_when_called` puts them off for all classes of xDSL made from then on. Python 3.13 compiles all of a class at once.
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
    def create_lazily(name: str, arguments: Any, body: Any, **names: Any) -> Any:
        if not names["globals"].get("__name__", "").startswith("xdsl."):
            return create(name, arguments, body, **names)
        created: Any = None

        def method(self: Any, /, *values: Any, **named: Any) -> Any:
            nonlocal created
            if created is None:
                created = create(name, arguments, body, **names)
                created.__qualname__ = method.__qualname__
                for kind in type(self).__mro__:
                    if kind.__dict__.get(name) is method:
                        setattr(kind, name, created)
            return created(self, *values, **named)

        method.__name__ = name
        return method

    return create_lazily
