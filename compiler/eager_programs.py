"""Compiled programs for calls outside of traced functions, kept by signature.

The signature is the function, the shapes and dtypes of the arrays, which operands are Python scalars, and the values of all
other arguments (`axis=1`). A program is made by tracing the one call, so that what a function means is said once, in the
rules of tracing.
"""

import threading
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, NoReturn, cast

import numpy as np

from compiler.axes import is_sequence
from compiler.collector import paused_collector
from compiler.errors import ArgumentError, at_user_line
from compiler.frames import Array, current_frame
from compiler.options import CompileOptions
from compiler.pytrees import flatten, unflatten
from compiler.stages import Compiled, Traced
from compiler.static_arguments import static_key
from compiler.tensor import Tensor
from compiler.tracer import Tracer
from compiler.tracing import trace

CAPACITY = 4096
"""Programs kept; then the oldest ones are forgotten."""

_programs: dict[Hashable, Compiled] = {}
_lock = threading.Lock()

SCALARS = frozenset({bool, int, float, complex})
_ARRAYS = (
    Tensor,
    np.ndarray,
    np.inexact,
)  # NumPy's integers and bools may be axes and flags, its floats are no settings
_VALUES = (Tensor, np.ndarray, np.generic)


def run_program(key: Hashable, build: Callable[[], Callable[..., Any]], operands: Sequence[Any]) -> Any:
    """The result, with `Tensor`s as leaves, of the function that `build` gives, compiled on first use.

    Args:
        key: what tells the function from others.
        build: makes the function of traced arrays, one for each operand.
        operands: arrays and Python scalars.
    """
    arrays: list[Array] = []
    signature: list[Hashable] = [key]
    for operand in operands:
        if type(operand) is Tensor:
            array = operand.__array__()
        elif type(operand) in SCALARS:
            arrays.append(np.asarray(operand))
            signature.append(type(operand))  # pyright: ignore[reportUnknownArgumentType]
            continue
        else:
            array = _as_array(operand)
        arrays.append(array)
        signature.append(array.dtype)
        signature.append(array.shape)
    known = tuple(signature)
    program = _programs.get(known)
    if program is None:
        scalars_kept = [x if type(x) in SCALARS else a for x, a in zip(operands, arrays, strict=True)]
        program = _compile(build(), scalars_kept)
        with _lock:
            if len(_programs) >= CAPACITY:
                del _programs[next(iter(_programs))]
            _programs[known] = program
    return program.run(arrays, Tensor.over)


def _compile(function: Callable[..., Any], operands: Sequence[Any]) -> Compiled:
    with paused_collector():
        return Traced(trace(function, operands), "cpu", CompileOptions()).lower().compile()


def _as_array(operand: object) -> Array:
    """An operand that is neither a `Tensor` nor a Python scalar."""
    if not isinstance(operand, np.ndarray | np.generic) and not is_sequence(operand):
        fail_as_operand(operand)
    array = np.asarray(cast(Any, operand))
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def fail_as_operand(operand: object) -> NoReturn:
    """Raise the error for something that is no array, or one of a traced function that is over."""
    if isinstance(operand, Tracer):
        current_frame()
    kind = type(operand).__name__
    raise ArgumentError(at_user_line(f"expected an array, got {kind}; convert it with `compiler.numpy.asarray`"))


def fits(number: int, operands: Sequence[Any]) -> bool:
    """Whether every integer array among `operands` can hold the Python integer `number`, so that no program looks at it."""
    dtypes = [np.dtype(x.dtype) for x in operands if hasattr(x, "dtype")]
    limits = [np.iinfo(dtype) for dtype in dtypes if dtype.kind in "iu"] or [np.iinfo(np.int64)]
    return all(limit.min <= number <= limit.max for limit in limits)


def call(
    key: Hashable,
    function: Callable[..., Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    *,
    scalars: bool = False,
) -> Any:
    """`function(*args, **kwargs)`, compiled: arrays anywhere in the arguments are operands, everything else is static.

    Args:
        key: what tells the function from others.
        function: a function of traced arrays.
        args: trees of arrays and settings.
        kwargs: the same by keyword.
        scalars: whether the Python scalars among `args` are operands too: another value needs no other program.
    """
    leaves, spec = flatten((tuple(args), dict(kwargs)))
    for leaf in leaves:
        if isinstance(leaf, Tracer):
            fail_as_operand(leaf)
    is_operand = [isinstance(leaf, _ARRAYS) for leaf in leaves]
    if scalars:
        count = len(flatten(tuple(args))[0])
        is_operand[:count] = [
            isinstance(leaf, _VALUES) or (type(leaf) in SCALARS and (type(leaf) is not int or fits(leaf, leaves)))
            for leaf in leaves[:count]
        ]
    static = tuple(None if is_array else _setting_key(leaf) for leaf, is_array in zip(leaves, is_operand, strict=True))

    def build() -> Callable[..., Any]:
        def program(*operands: Any) -> Any:
            remaining = iter(operands)
            full = [next(remaining) if found else leaf for leaf, found in zip(leaves, is_operand, strict=True)]
            full_args, full_kwargs = unflatten(spec, full)
            return function(*full_args, **full_kwargs)

        program.__name__ = getattr(function, "__name__", "program")
        return program

    operands = [leaf for leaf, found in zip(leaves, is_operand, strict=True) if found]
    return run_program((key, spec, static), build, operands)


def _setting_key(value: Any) -> Hashable:
    try:
        hash(value)
    except TypeError:
        kind = type(value).__name__
        raise ArgumentError(
            at_user_line(f"a {kind} is neither an array nor a setting; convert it with `compiler.numpy.asarray`")
        ) from None
    return static_key(value)
