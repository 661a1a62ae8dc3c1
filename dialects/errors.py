"""What can go wrong, as one tree of exceptions.

```
CompilerError
├── TracingError            a traced value was used as a Python value, or a tracer left its function
├── ShapeError              shapes, axes or indices that do not fit          (also a ValueError)
├── DtypeError              an element type that is not supported            (also a TypeError)
├── UnsupportedError        a function or feature that dlc does not have     (also a NotImplementedError)
├── ArgumentError           a wrong argument of a public function            (also a TypeError)
├── CopyError               a copy is needed that was forbidden              (also a ValueError)
├── FormatError             a file that is not what it should be             (also a ValueError)
├── MissingLibraryError     a BLAS, CUDA or other library that is not there  (also an ImportError)
└── InternalError           our mistake: a pass failed on a valid program
```

A message names the operation or pass, what is wrong with both values, and what to do; `jit` adds the user's file and line.
"""

import linecache

from xdsl.dialects.builtin import FileLineColLoc, LocationAttr


class CompilerError(Exception):
    """Base of everything that dlc raises on purpose."""


class TracingError(CompilerError):
    """A traced value was used where Python needs a concrete one, or outlived the function that was traced."""


class ShapeError(CompilerError, ValueError):
    """Shapes, axes or indices that do not fit together."""


class DtypeError(CompilerError, TypeError):
    """An element type that is not supported, or does not fit the operation."""


class UnsupportedError(CompilerError, NotImplementedError):
    """A function, argument or feature that dlc does not have."""


class ArgumentError(CompilerError, TypeError):
    """A wrong argument of a public function."""


class CopyError(CompilerError, ValueError):
    """An array must be copied for what is asked, and `copy=False` forbids it."""


class FormatError(CompilerError, ValueError):
    """A file that is damaged, or not of the format that it should have."""


class MissingLibraryError(CompilerError, ImportError):
    """A library that the program needs and that could not be found or loaded."""


class InternalError(CompilerError):
    """A mistake of the compiler: a pass failed on a program that it should accept."""


def show_line(filename: str, line: int) -> str:
    """`file:line: text of the line`."""
    text = linecache.getline(filename, line).strip()
    return f"{filename}:{line}: {text}" if text else f"{filename}:{line}"


def at_location(message: str, location: LocationAttr) -> str:
    """`message`, followed by the file, the line and the text of the user's line that an operation comes from."""
    if not isinstance(location, FileLineColLoc):
        return message
    return f"{message}\n  at {show_line(location.filename.data, location.line.data)}"
