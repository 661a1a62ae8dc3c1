"""The exceptions of `compiler`, and how the user's line gets into their messages.

The tree itself stands in `dialects.errors`; this module names it for users and adds `at_user_line`.
"""

from compiler.source import user_line
from dialects.errors import (
    ArgumentError,
    CompilerError,
    CopyError,
    DtypeError,
    FormatError,
    InternalError,
    MissingLibraryError,
    ShapeError,
    TracingError,
    UnsupportedError,
)

__all__ = [
    "ArgumentError",
    "CompilerError",
    "CopyError",
    "DtypeError",
    "FormatError",
    "InternalError",
    "MissingLibraryError",
    "ShapeError",
    "TracingError",
    "UnsupportedError",
    "at_user_line",
    "check_function",
]


def at_user_line(message: str) -> str:
    """`message`, followed by the file, the line and the text of the user's innermost line on the stack."""
    line = user_line()
    return message if line is None else f"{message}\n  at {line}"


def check_function(fn: object, what: str) -> None:
    """Raise unless `fn` can be called; `what` says who expects it."""
    if not callable(fn):
        raise ArgumentError(at_user_line(f"{what}: expected a function, got {type(fn).__name__}"))
