"""How a function of `compiler.numpy` is carried out: compiled at once, or written into the program being traced."""

import functools
from collections.abc import Callable
from types import FunctionType
from typing import Any

import numpy as np

from compiler.axes import is_array
from compiler.eager import EAGER_RULES
from compiler.eager_programs import call, fail_as_operand
from compiler.errors import ArgumentError, at_user_line
from compiler.frames import Array, current_frame, is_tracing
from compiler.numpy_rules import RULES
from compiler.operands import as_tracer
from compiler.tensor import Tensor


def apply(function: Callable[..., Any], *operands: Any, **settings: Any) -> Any:
    """`function(*operands, **settings)`.

    Args:
        function: a ufunc or function of NumPy, or one of traced arrays.
        operands: arrays, Python scalars, and `None` for one that is left out.
        settings: what a program depends on: axes, shapes, dtypes.

    Raises:
        ArgumentError: an operand is neither.
    """
    if is_tracing():
        traced = [as_tracer(x) if isinstance(x, Tensor | np.ndarray | np.generic) else x for x in operands]
        return _traced(function, *traced, **settings)
    if isinstance(function, np.ufunc):
        return EAGER_RULES.ufunc(function, "__call__", operands, settings, is_operator=False)

    for operand in operands:
        if operand is not None and not isinstance(operand, Tensor | np.ndarray | np.generic | int | float | complex):
            fail_as_operand(operand)

    def program(*operands: Any, **settings: Any) -> Any:
        return _traced(function, *operands, **settings)

    program.__name__ = function.__name__
    return call(function, program, operands, settings, scalars=True)


def _traced(function: Callable[..., Any], *operands: Any, **settings: Any) -> Any:
    if isinstance(function, FunctionType):
        return function(*operands, **settings)
    if isinstance(function, np.ufunc):
        return RULES.ufunc(function, "__call__", operands, settings, is_operator=False)
    return RULES.function(function, operands, settings)


def of_numpy(function: Any) -> Callable[..., Any]:
    """`function` of NumPy, with its signature, on `Tensor`s and in traced functions."""

    @functools.wraps(function, updated=())
    def same(*args: Any, **kwargs: Any) -> Any:
        rules = current_frame().rules if is_tracing() else EAGER_RULES
        if isinstance(function, np.ufunc):
            return rules.ufunc(function, "__call__", args, kwargs, is_operator=False)
        return rules.function(function, args, kwargs)

    return same


def created(array: Array) -> Any:
    """A new array: a constant of the program that is being traced, or a `Tensor` over the memory of `array`."""
    return as_tracer(array).copy() if is_tracing() else Tensor.over(array)


def concrete(what: str, x: Any) -> Tensor:
    """`x` as a `Tensor`, for functions whose result's shape depends on values.

    Raises:
        ArgumentError: it is not an array.
    """
    if isinstance(x, Tensor):
        return x
    if not is_array(x):
        raise ArgumentError(
            at_user_line(f"{what}: expected an array, got {type(x).__name__}; use `compiler.numpy.asarray`")
        )
    return Tensor(x)


def shape_of(x: Any) -> tuple[int, ...]:
    """The shape of an array, `()` of a Python scalar."""
    return tuple(getattr(x, "shape", ()))
