"""`--verify-diagnostics`: compare the diagnostics of a run with `// expected-error {{…}}` comments, as `mlir-opt` does.

An annotation names the line that the diagnostic is for: its own, `@+N`, `@-N` or `@above`, `@below`; or `@unknown`. The text
must occur in the message. Kinds are `error` and `remark`. A diagnostic without a line matches any annotation of its
kind. Every error must be expected and every annotation met; remarks that nothing expects are fine, unless one is expected.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_ANNOTATION = re.compile(
    r"//\s*expected-(?P<kind>error|remark|warning|note)\s*(?:@(?P<where>[+-]\d+|above|below|unknown))?\s*\{\{(?P<text>.*?)\}\}"
)


@dataclass(frozen=True)
class Diagnostic:
    """What a run said: `kind` is `error` or `remark`, `line` counts from 1 in the whole file."""

    kind: str
    message: str
    line: int | None


@dataclass(frozen=True)
class Expected:
    """An annotation; `line` is the line it is for, `None` for any."""

    kind: str
    text: str
    line: int | None
    written_at: int

    def matches(self, diagnostic: Diagnostic) -> bool:
        """Whether a diagnostic is the expected one."""
        same_line = self.line is None or diagnostic.line is None or self.line == diagnostic.line
        return self.kind == diagnostic.kind and same_line and self.text in diagnostic.message


def expected_diagnostics(text: str, first_line: int = 1) -> list[Expected]:
    """The annotations in `text`, which starts at `first_line` of its file."""
    found: list[Expected] = []
    for number, line in enumerate(text.splitlines(), start=first_line):
        for match in _ANNOTATION.finditer(line):
            where = match["where"]
            target: int | None = number
            if where == "unknown":
                target = None
            elif where in {"above", "below"}:
                target = number + (1 if where == "below" else -1)
            elif where:
                target = number + int(where)
            found.append(Expected(match["kind"], match["text"], target, number))
    return found


def unmet(expected: Sequence[Expected], diagnostics: Sequence[Diagnostic], file: str) -> list[str]:
    """What differs between the annotations and what was said; empty if nothing does."""
    complaints: list[str] = []
    rest = list(diagnostics)
    for annotation in expected:
        match = next((d for d in rest if annotation.matches(d)), None)
        if match is None:
            complaints.append(
                f'{file}:{annotation.written_at}: error: expected {annotation.kind} "{annotation.text}" was not produced'
            )
        else:
            rest.remove(match)
    for diagnostic in rest:
        if diagnostic.kind == "error":
            where = file if diagnostic.line is None else f"{file}:{diagnostic.line}"
            complaints.append(f"{where}: error: unexpected error: {diagnostic.message}")
    return complaints
