"""The stream of remarks: what passes decided, and why.

Passes call `emit_remark`; whoever wants to know wraps the passes in `collect_remarks`. Without a collector a remark costs
one look-up.
"""

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Literal

from xdsl.dialects.builtin import FileLineColLoc, LocationAttr

Kind = Literal["passed", "missed", "analysis"]


@dataclass(frozen=True)
class Remark:
    """One decision of one pass about one operation.

    `kind` is `"passed"` (an optimisation was made), `"missed"` (it was refused) or `"analysis"` (a fact).
    """

    kind: Kind
    pass_name: str
    message: str
    location: LocationAttr | None = None

    def __str__(self) -> str:
        where = ""
        if isinstance(self.location, FileLineColLoc):
            where = f"{self.location.filename.data}:{self.location.line.data}: "
        return f"{where}remark: [{self.pass_name}] {self.kind}: {self.message}"


_collector: ContextVar[list[Remark] | None] = ContextVar("dlc_remarks", default=None)


@contextmanager
def collect_remarks() -> Generator[list[Remark]]:
    """Collect the remarks of the passes that run inside the `with` block, in order."""
    remarks: list[Remark] = []
    token = _collector.set(remarks)
    try:
        yield remarks
    finally:
        _collector.reset(token)


def is_collecting() -> bool:
    """Whether anybody listens: ask before building a costly message."""
    return _collector.get() is not None


def emit_remark(kind: Kind, pass_name: str, message: str, location: LocationAttr | None = None) -> None:
    """Add a remark to the innermost collector, if there is one."""
    remarks = _collector.get()
    if remarks is not None:
        remarks.append(Remark(kind, pass_name, message, location))
