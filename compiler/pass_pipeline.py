"""Pipelines as text: MLIR's spelling `builtin.module(a,b{x=1})` and xDSL's `a,b{x=1}`."""

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
        raise ArgumentError(f"pass pipeline '{text}': {_first_line(error)}") from error
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


def _make_pass(spec: ArgSpec, available: PassFactories) -> ModulePass:
    factory = available.get(spec.name)
    if factory is None:
        raise ArgumentError(f"unknown pass '{spec.name}'{_suggestion(spec.name, available)}; see --list-passes")
    pass_type = factory()
    try:
        return pass_type.from_pass_spec(spec)
    except (ValueError, TypeError) as error:
        raise ArgumentError(f"pass {spec.name}: {_first_line(error)}") from error


def _suggestion(name: str, available: PassFactories) -> str:
    close = difflib.get_close_matches(name, available, n=1)
    return f"; did you mean '{close[0]}'?" if close else ""


def _first_line(error: BaseException) -> str:
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__
