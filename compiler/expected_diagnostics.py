"""`--verify-diagnostics`: compare the diagnostics of a run with `// expected-error {{…}}` comments, as `mlir-opt` does.

An annotation names the line that the diagnostic is for: its own, `@+N`, `@-N`, `@above` and `@below` (the next line that has
no annotation), or `@unknown` for a diagnostic without a line. Its text must occur in the message. Every annotation must be
met and every error expected; remarks too, in a part of the file that expects some.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_ANNOTATION = re.compile(
    r"//\s*expected-(?P<kind>error|remark|warning|note)\s*(?:@(?P<where>[+-]\d+|above|below|unknown))?\s*"
    r"\{\{(?P<text>.*?)\}\}"
)


@dataclass(frozen=True)
class Diagnostic:
    """What a run said: `kind` is `error` or `remark`; `line` counts from 1 in the whole file, `None` if it is not known."""

    kind: str
    message: str
    line: int | None


@dataclass(frozen=True)
class Expected:
    """An annotation; `line` is the line it is for, `None` for `@unknown`."""

    kind: str
    text: str
    line: int | None
    written_at: int

    def matches(self, diagnostic: Diagnostic) -> bool:
        """Whether a diagnostic is the expected one."""
        return self.kind == diagnostic.kind and self.line == diagnostic.line and self.text in diagnostic.message


def expected_diagnostics(text: str, first_line: int = 1) -> list[Expected]:
    """The annotations in `text`, which starts at `first_line` of its file."""
    annotated = {number: list(_ANNOTATION.finditer(line)) for number, line in enumerate(text.splitlines(), first_line)}
    plain = [number for number, matches in annotated.items() if not matches]
    found: list[Expected] = []
    for number, matches in annotated.items():
        for match in matches:
            line = _target(match["where"] or "+0", number, plain)
            found.append(Expected(match["kind"], match["text"], line, number))
    return found


def _target(where: str, number: int, plain: Sequence[int]) -> int | None:
    """The line that an annotation in line `number` is for; `plain` are the lines without annotations."""
    match where:
        case "unknown":
            return None
        case "above":
            return max((line for line in plain if line < number), default=number - 1)
        case "below":
            return min((line for line in plain if line > number), default=number + 1)
        case _:
            return number + int(where)


def unmet(expected: Sequence[Expected], diagnostics: Sequence[Diagnostic], file: str) -> list[str]:
    """What differs between the annotations and what was said; empty if nothing does."""
    complaints: list[str] = []
    rest = list(diagnostics)
    for annotation in expected:
        match = next((d for d in rest if annotation.matches(d)), None)
        if match is None:
            where = f"{file}:{annotation.written_at}"
            complaints.append(f'{where}: error: expected {annotation.kind} "{annotation.text}" was not produced')
        else:
            rest.remove(match)
    strict = {"error", *(annotation.kind for annotation in expected)}
    for diagnostic in rest:
        if diagnostic.kind in strict:
            where = file if diagnostic.line is None else f"{file}:{diagnostic.line}"
            complaints.append(f"{where}: error: unexpected {diagnostic.kind}: {diagnostic.message}")
    return complaints
