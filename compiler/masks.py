"""Traced masks: they select in assignment, and cannot pick, since how many elements they pick is not known."""

from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from compiler.errors import TracingError, at_user_line
from compiler.tracer import Tracer, describe


def mask_message(mask: Tracer) -> str:
    """Why a traced mask cannot pick elements, and what to do."""
    return at_user_line(
        f"index: the mask is {describe(mask)}: how many elements it picks is not known while tracing; use "
        "`np.where(mask, x, other)`, or assign to the elements: `x[mask] = value`, `x[mask] += value`"
    )


def fail_masked(mask: Tracer) -> NoReturn:
    """Raise the error for a traced mask where elements must be picked."""
    raise TracingError(mask_message(mask))


class MaskedElements:
    """What `x[mask]` is for a traced mask: `x[mask] += value` may use it, all else raises the error of `fail_masked`.

    Attributes:
        base: `x`.
        index: `mask`, or the tuple that it is in.
        part: the part of `x` that the mask is laid over, with the updates carried out everywhere.
    """

    __slots__ = ("_message", "_spread", "base", "index", "part")

    def __init__(self, base: Tracer, index: Any, part: Tracer, mask: Tracer, spread: Callable[[Any], Any]):
        self.base = base
        self.index = index
        self.part = part
        self._spread = spread
        self._message = mask_message(mask)

    def update(self, operator: str, value: Any) -> "MaskedElements":
        """Carry out an operator that updates in place."""
        self.part = getattr(self.part.copy(), operator)(self._spread(value))
        return self

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") and not hasattr(np.ndarray, name):
            raise AttributeError(name)
        raise TracingError(self._message)

    def fail(self, *_: Any, **__: Any) -> NoReturn:
        """Raise the error."""
        raise TracingError(self._message)


def _updating(operator: str) -> Callable[[MaskedElements, Any], MaskedElements]:
    def update(masked: MaskedElements, value: Any) -> MaskedElements:
        return masked.update(operator, value)

    return update


_BINARY = ["add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and", "or", "xor", "lshift", "rshift"]
for _name in (
    *(f"__{prefix}{name}__" for name in _BINARY for prefix in ("", "r")),
    *[
        "__lt__",
        "__le__",
        "__gt__",
        "__ge__",
        "__eq__",
        "__ne__",
        "__neg__",
        "__pos__",
        "__abs__",
        "__invert__",
        "__len__",
        "__iter__",
        "__bool__",
    ],
    *[
        "__float__",
        "__int__",
        "__index__",
        "__getitem__",
        "__setitem__",
        "__array__",
        "__array_ufunc__",
        "__array_function__",
        "__repr__",
    ],
):
    setattr(MaskedElements, _name, MaskedElements.fail)
for _name in _BINARY:
    setattr(MaskedElements, f"__i{_name}__", _updating(f"__i{_name}__"))
