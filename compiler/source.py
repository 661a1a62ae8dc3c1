"""Where in the user's program an operation comes from.

A frame is the user's if its file lies outside this project's packages and the libraries that call back into them. The
answer is cached by file name and locations by file and line, so asking costs about a microsecond.
"""

import sys
from functools import lru_cache
from pathlib import Path
from types import FrameType

import numpy
from xdsl.dialects.builtin import FileLineColLoc, IntAttr, LocationAttr, StringAttr

from dialects.builder import UNKNOWN
from dialects.errors import show_line

_PROJECT = Path(__file__).resolve().parent.parent
_LIBRARIES = tuple(Path(numpy.__file__).parent.parent / library for library in ("numpy", "scipy", "optree"))
_NOT_USER = tuple(
    f"{folder}/"
    for folder in (
        *(_PROJECT / package for package in ("compiler", "dialects", "passes", "runtime")),
        *(folder for package in _LIBRARIES for folder in (package, package.resolve())),  # behind a link or not
    )
)


@lru_cache(maxsize=4096)
def _is_user_file(filename: str) -> bool:
    return not filename.startswith(_NOT_USER) and not filename.startswith(("<__array_function__", "<frozen "))


def user_frame() -> FrameType | None:
    """The innermost frame of the stack that runs the user's code."""
    frame: FrameType | None = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]
    while frame is not None and not _is_user_file(frame.f_code.co_filename):
        frame = frame.f_back
    return frame


@lru_cache(maxsize=8192)
def file_location(filename: str, line: int) -> FileLineColLoc:
    """The location attribute of a line; one object per line."""
    return FileLineColLoc(StringAttr(filename), IntAttr(line), IntAttr(0))


def user_location() -> LocationAttr:
    """The location attribute of the user's line that is being executed."""
    frame = user_frame()
    return UNKNOWN if frame is None else file_location(frame.f_code.co_filename, frame.f_lineno)


def user_line() -> str | None:
    """The user's line that is being executed, as `file:line: text`."""
    frame = user_frame()
    return None if frame is None else show_line(frame.f_code.co_filename, frame.f_lineno)
