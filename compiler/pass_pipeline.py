"""Pipelines as text: MLIR's spelling `builtin.module(a,b{x=1})` and xDSL's `a,b{x=1}`."""

import dataclasses
import difflib
import re
from collections.abc import Callable, Mapping

from xdsl.passes import ModulePass
from xdsl.utils.arg_spec import ArgSpec
from xdsl.utils.arg_spec import parse_pipeline as parse_specs
from xdsl.utils.exceptions import ArgSpecParseError

from dialects.errors import ArgumentError

PassFactories = Mapping[str, Callable[[], type[ModulePass]]]


def parse_pipeline(text: str, available: PassFactories) -> list[ModulePass]:
    """The passes of a pipeline, in order.

    Raises:
        ArgumentError: the text is not a pipeline, or names an unknown pass or option, or gives a wrong value.
    """
    inner = _strip_anchor(text.strip())
    try:
        specs = list(parse_specs(inner))
    except ArgSpecParseError as error:
        raise ArgumentError(f"pass pipeline '{text}' is not of the form 'a,b{{x=1 y=2}}': {_reason(error)}") from error
    return [_make_pass(spec, available) for spec in specs]


def _strip_anchor(text: str) -> str:
    match = re.fullmatch(r"([\w.]+)\s*\((.*)\)", text, re.DOTALL)
    if match is None:
        return text
    if match[1] not in {"builtin.module", "any"}:
        raise ArgumentError(
            f"pass pipeline '{text}': passes run on builtin.module, not on {match[1]}; write builtin.module(…)"
        )
    nested = re.search(r"([\w.]+)\(", re.sub(r"\{[^}]*\}", "", match[2]))
    if nested is not None:
        raise ArgumentError(f"pass pipeline '{text}': {nested[1]}(…) is nested; all passes run on builtin.module")
    return match[2].strip()


def check_pass_name(name: str, available: PassFactories) -> None:
    """Raise `ArgumentError` if there is no pass `name`."""
    if name not in available:
        close = difflib.get_close_matches(name, available, n=1)
        hint = f"did you mean '{close[0]}'? " if close else ""
        raise ArgumentError(f"unknown pass '{name}'; {hint}--list-passes lists all")


def _make_pass(spec: ArgSpec, available: PassFactories) -> ModulePass:
    check_pass_name(spec.name, available)
    pass_type = available[spec.name]()
    options = {field.name: field for field in dataclasses.fields(pass_type) if field.name != "name"}
    for option in spec.normalize_parameter_names().parameters:
        if option not in options:
            names = ", ".join(name.replace("_", "-") for name in options) or "(none)"
            raise ArgumentError(
                f"pass {spec.name}: unknown option '{option.replace('_', '-')}'; its options are {names}"
            )
    try:
        return pass_type.from_pass_spec(spec)
    except (ValueError, TypeError) as error:
        message = str(error).removeprefix(f"{spec.name}: ")
        wrong = re.match(r"Incompatible types: given \((.*?),?\), expected (.*)", message)
        if wrong is not None:
            expected = re.sub(r"<class '(\w+)'>", r"\1", wrong[2])
            message = f"{wrong[1]} is not of type {expected}, in {spec}"
        raise ArgumentError(f"pass {spec.name}: {message}") from error


def _reason(error: BaseException) -> str:
    """The last line of an error that shows the place above it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
