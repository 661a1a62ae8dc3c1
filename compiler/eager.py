"""NumPy on `Tensor`s outside of traced functions: every call is a compiled program."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

from compiler.axes import is_tuple
from compiler.eager_indexing import TensorUpdates, read_tensor
from compiler.eager_programs import SCALARS, call, fits, run_program
from compiler.numpy_rules import RULES
from compiler.static_arguments import static_key
from compiler.tensor import Tensor, fail_immutable, plain
from compiler.value_dependent import FUNCTIONS as VALUE_DEPENDENT

_ABOUT_ARRAYS = frozenset(
    {
        np.shape, np.ndim, np.size, np.result_type, np.can_cast, np.iscomplexobj, np.isrealobj, np.min_scalar_type,
        np.einsum_path,
        np.array_repr, np.array_str, np.array2string, np.save, np.savez, np.savez_compressed, np.savetxt,
        np.may_share_memory, np.shares_memory,
    }
)  # fmt: skip
"""Functions that compute no array: NumPy's own are right."""

_CHANGE_ARGUMENTS = frozenset({np.copyto, np.put, np.place, np.putmask, np.put_along_axis, np.fill_diagonal})
_TAKE_SCALARS = frozenset({np.where, np.clip})
"""Functions other than ufuncs whose Python scalars are operands, not settings: new values need no new program."""


class EagerRules:
    """The `Rules` of `Tensor`s outside of traced functions."""

    def ufunc(
        self, ufunc: np.ufunc, method: str, inputs: Sequence[Any], arguments: Mapping[str, Any], *, is_operator: bool
    ) -> Any:
        """The value of a ufunc or of one of its methods."""
        if method == "at":
            fail_immutable(f"np.{ufunc.__name__}.at")

        if arguments or method != "__call__":

            def function(*args: Any, **kwargs: Any) -> Any:
                return RULES.ufunc(ufunc, method, args, kwargs, is_operator=is_operator)

            function.__name__ = ufunc.__name__
            return _stored(
                arguments,
                lambda rest: call((ufunc, method), function, inputs, rest),
                is_masked=method == "__call__" and "out" in arguments,
            )
        static = _static_scalars(ufunc, inputs)

        def build() -> Callable[..., Any]:
            def program(*operands: Any) -> Any:
                remaining = iter(operands)
                full = [static[i] if i in static else next(remaining) for i in range(len(inputs))]
                return RULES.ufunc(ufunc, "__call__", full, {}, is_operator=is_operator)

            program.__name__ = ufunc.__name__
            return program

        if not static:
            return run_program((ufunc, is_operator), build, inputs)
        key = (ufunc, is_operator, *((i, static_key(x)) for i, x in static.items()))
        return run_program(key, build, [x for i, x in enumerate(inputs) if i not in static])

    def function(self, function: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """The value of a NumPy function that is not a ufunc."""
        if function in _ABOUT_ARRAYS:
            return function(*plain(args), **plain(kwargs))
        if function in _CHANGE_ARGUMENTS:
            fail_immutable(f"np.{function.__name__}")
        if function is np.where and len(args) == 1:
            function = np.nonzero
        if function in VALUE_DEPENDENT:
            return VALUE_DEPENDENT[function](*args, **kwargs)

        def traced(*args: Any, **kwargs: Any) -> Any:
            return RULES.function(function, args, kwargs)

        traced.__name__ = function.__name__
        takes_scalars = function in _TAKE_SCALARS
        place = _place_of_out(function)
        if place is not None and len(args) > place:
            args, kwargs = (*args[:place], None, *args[place + 1 :]), {**kwargs, "out": args[place]}
        return _stored(kwargs, lambda rest: call(function, traced, args, rest, scalars=takes_scalars))

    def read(self, x: Any, index: Any) -> Any:
        """The value of `x[index]`."""
        return read_tensor(x, index)

    def at(self, x: Any) -> Any:
        """The value of `x.at`."""
        return TensorUpdates(x)

    def write(self, x: Any, index: Any, value: Any) -> None:
        """Not possible."""
        del x, index, value
        fail_immutable("assignment to elements")


@cache
def _place_of_out(function: Callable[..., Any]) -> int | None:
    """Where `out` stands among the arguments that may be given by position."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # a function written in C, which has no `out` that Tensors reach
        return None
    places = [i for i, p in enumerate(parameters) if p.name == "out" and p.kind is p.POSITIONAL_OR_KEYWORD]
    return places[0] if places else None


def _stored(arguments: Mapping[str, Any], compute: Callable[[dict[str, Any]], Any], *, is_masked: bool = False) -> Any:
    """The result of `compute` for `arguments` without `out=`, stored in the NumPy arrays that `out=` names.

    If it `is_masked`, only where `where=` holds.
    """
    rest = dict(arguments)
    out = rest.pop("out", None)
    where = np.asarray(rest.pop("where", True)) if is_masked else True
    result = compute(rest)
    if out is None:
        return result
    targets, results = (x if is_tuple(x) else (x,) for x in (out, result))
    for target, value in zip(targets, results, strict=True):
        if isinstance(target, Tensor):
            fail_immutable("out=")
        if target is not None:
            np.copyto(target, np.asarray(value), casting="same_kind", where=where)
    return targets[0] if len(targets) == 1 else targets


def _static_scalars(ufunc: np.ufunc, inputs: Sequence[Any]) -> dict[int, Any]:
    """The Python scalars, by position, whose value decides what the program is: exponents, and integers out of range."""
    if SCALARS.isdisjoint(map(type, inputs)):
        return {}
    return {
        i: x
        for i, x in enumerate(inputs)
        if (type(x) in SCALARS and ufunc is np.power and i == 1) or (type(x) is int and not fits(x, inputs))
    }


EAGER_RULES = EagerRules()
"""The rules of `Tensor`s outside of traced functions."""
