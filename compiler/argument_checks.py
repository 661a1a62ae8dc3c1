"""Numbers, words and truth values that functions take, checked against the functions' annotations."""

import functools
import inspect
from collections.abc import Callable, Sequence
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import numpy as np

from compiler.axes import is_sequence
from compiler.errors import ArgumentError, at_user_line

Function = TypeVar("Function", bound=Callable[..., Any])
Check = Callable[[tuple[Any, ...], dict[str, Any]], None]

_WORDS = {bool: "True or False", int: "an integer", float: "a number", str: "a string", NoneType: "None"}
_PLURALS = {int: "integers", float: "numbers"}


def checked(function: Function) -> Function:
    """`function`, which first checks its arguments as `argument_check` says."""
    check = argument_check(function)

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        check(args, kwargs)
        return function(*args, **kwargs)

    return cast(Function, call)


def argument_check(function: Callable[..., Any]) -> Check:
    """What raises `ArgumentError` for arguments that are not as annotated: numbers, words, truth values, sequences of numbers, `None`.

    Other annotations, such as those of arrays, are not looked at. Where a number is expected, an array without dimensions is one.
    """
    name = getattr(function, "__name__", "function")
    names = tuple(inspect.signature(function).parameters)
    kinds = functools.cache(lambda: _checkable(function))

    def check(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        known = kinds()
        for argument, value in (*zip(names, args, strict=False), *kwargs.items()):
            if argument in known and not any(type(value) is kind or _fits(value, kind) for kind in known[argument]):
                text = repr(value)
                shown = text if len(text) <= 40 else f"of type {type(value).__name__}"
                expected = " or ".join(map(_expected, known[argument]))
                raise ArgumentError(at_user_line(f"{name}: {argument} is {shown}; use {expected}"))

    return check


def _checkable(function: Callable[..., Any]) -> dict[str, tuple[Any, ...]]:
    """For each argument whose annotation says enough the kinds of values that it may have."""
    kinds = {name: _kinds(hint) for name, hint in get_type_hints(function).items() if name != "return"}
    return {name: some for name, some in kinds.items() if all(map(_is_checkable, some))}


def _kinds(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in {Union, UnionType} else (hint,)


def _is_checkable(kind: Any) -> bool:
    if get_origin(kind) in {tuple, Sequence}:
        return all(element in _PLURALS or element is ... for element in get_args(kind))
    return kind in _WORDS or get_origin(kind) is Literal


def _is_endless(kind: Any) -> bool:
    return get_origin(kind) is Sequence or get_args(kind)[1:] == (...,)


def _fits(value: Any, kind: Any) -> bool:
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Literal:
        return isinstance(value, str) and value in parts
    if origin is not None:
        fits = is_sequence(value) and all(_fits(element, parts[0]) for element in value)
        return fits and (_is_endless(kind) or len(value) == len(parts))
    if kind is bool or isinstance(value, bool | np.bool):
        return kind is bool and isinstance(value, bool | np.bool)
    if kind in _PLURALS and getattr(value, "shape", None) == ():
        return getattr(value.dtype, "kind", "f") in ("iu" if kind is int else "iufV")
    if kind is float:
        return isinstance(value, int | float)
    return isinstance(value, kind)


def _expected(kind: Any) -> str:
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Literal:
        *words, last = map(repr, parts)
        return f"{', '.join(words)} or {last}"
    if _is_endless(kind):
        return f"a sequence of {_PLURALS[parts[0]]}"
    return _WORDS[kind] if origin is None else f"{len(parts)} {_PLURALS[parts[0]]}"
