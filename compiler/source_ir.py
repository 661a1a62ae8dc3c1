"""Reading IR files: every dialect registered, and the file and line of each operation as its location."""

import re
import sys
from bisect import bisect_right
from collections.abc import Callable
from functools import lru_cache
from io import StringIO
from pathlib import Path
from typing import Any, cast

from xdsl.context import Context
from xdsl.dialects import get_all_dialects
from xdsl.dialects.builtin import FileLineColLoc, IntAttr, ModuleOp, StringAttr, UnknownLoc
from xdsl.ir import Dialect, Operation
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.utils.exceptions import ParseError, PassFailedException, VerifyException
from xdsl.utils.mlir_lexer import MLIRLexer

from compiler.universe import DLC_UNIVERSE, get_linalg, get_llvm
from dialects.errors import ArgumentError, CompilerError
from dialects.float_literals import read_bits_in_dense
from dialects.value_names import strip_numbers_of_names


class IrError(CompilerError):
    """Text that is not IR, or IR that breaks a rule: the message has the form `file:line:column: error: …`."""

    def __init__(self, message: str, file: str, line: int | None, column: int = 0, excerpt: str = ""):
        self.message, self.file, self.line, self.excerpt = message, file, line, excerpt
        where = file if line is None else f"{file}:{line}:{column}"
        super().__init__(f"{where}: error: {message}" + (f"\n{excerpt}" if excerpt else ""))


def make_context(*, allow_unregistered: bool = False) -> Context:
    """A context that knows upstream's dialects and ours, each loaded when first met."""
    _read_open_strings_in_linear_time()
    read_bits_in_dense()  # before anything is parsed: the lines of a file may hold none of our operations
    strip_numbers_of_names()
    context = Context(allow_unregistered=allow_unregistered)
    factories: dict[str, Callable[[], Dialect]] = {
        **get_all_dialects(),
        **DLC_UNIVERSE.all_dialects,
        "linalg": get_linalg,
        "llvm": get_llvm,
    }
    for name, factory in factories.items():
        context.register_dialect(name, factory)
    return context


def _read_open_strings_in_linear_time() -> None:
    """Correct the lexer: in a line with a string that is not closed, xDSL 0.74 tries exponentially many ways to read it."""
    closed = re.compile(r'"(?:[^"\\\n\v\f]|\\(?:["nt\\]|[0-9A-Fa-f]{2}))*"')
    cast(Any, MLIRLexer)._unescaped_characters_regex = closed


class LocatedParser(Parser):
    """A parser that gives operations without a location the place where they stand in the text."""

    def __init__(self, context: Context, text: str, name: str, first_line: int = 1):
        super().__init__(context, text, name)
        self._file, self._text = name, text
        self._starts = [0]
        for position, character in enumerate(text):
            if character == "\n":
                self._starts.append(position + 1)
        self._first_line = first_line

    def place(self, position: int) -> tuple[int, int]:
        """Line and column (from 1) of a position in the text."""
        index = bisect_right(self._starts, position) - 1
        return self._first_line + index, position - self._starts[index] + 1

    def parse_operation(self) -> Operation:
        """Parse an operation and note where."""
        start = self._current_token.span.start
        try:
            op = super().parse_operation()
        except (ParseError, IrError, RecursionError):
            raise
        except Exception as error:  # the syntax was right, but the operation cannot be built from what was read
            kind = "" if isinstance(error, VerifyException | ValueError) else f"{type(error).__name__}: "
            raise self.error(f"{kind}{_message(error)}", start) from error
        if isinstance(op.location, UnknownLoc):
            line, column = self.place(start)
            op.location = _location(self._file, line, column)
        return op

    def error(self, message: str, position: int) -> "IrError":
        """An error about a position in the text, with its line and a caret below it."""
        line, column = self.place(position)
        source = self._text.splitlines()
        excerpt = ""
        if line - self._first_line < len(source):
            excerpt = f"{source[line - self._first_line]}\n{' ' * (column - 1)}^"
        return IrError(message, self._file, line, column, excerpt)


@lru_cache(maxsize=65536)
def _location(file: str, line: int, column: int) -> FileLineColLoc:
    return FileLineColLoc(StringAttr(file), IntAttr(line), IntAttr(column))


def read_source(path: str) -> tuple[str, str]:
    """The name to give a file in messages, and its text; `-` is standard input.

    Raises:
        ArgumentError: it is not there, or no text.
    """
    if path == "-":
        return "<stdin>", sys.stdin.read()
    try:
        return path, Path(path).read_text()
    except OSError as error:
        raise ArgumentError(f"cannot read {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ArgumentError(f"cannot read {path}: it is not text") from error


def parse_module(
    context: Context, text: str, name: str, first_line: int = 1, *, implicit_module: bool = True
) -> ModuleOp:
    """The module in `text`; several top-level operations are wrapped in one if `implicit_module`.

    Raises:
        IrError: the text does not parse.
    """
    parser = LocatedParser(context, text, name, first_line)
    try:
        return parser.parse_module(allow_implicit_module=implicit_module)
    except ParseError as error:
        raise parser.error(error.msg.strip(), error.span.start) from error
    except RecursionError:
        raise IrError("regions are nested too deeply", name, None) from None


def verify_module(module: ModuleOp, name: str) -> None:
    """Verify every operation.

    Raises:
        IrError: one does not verify; the message has its line and its text.
    """
    try:
        module.verify()
    except (VerifyException, ValueError) as error:
        for op in module.walk():  # `verify` does not say which operation it was
            try:
                op.verify(verify_nested_ops=False)
            except (VerifyException, ValueError) as inner:
                raise ir_error(op, _message(inner), name) from error
        raise IrError(_message(error), name, None) from error


def failing_operation(error: BaseException) -> Operation | None:
    """The operation that a pass complained about with `op.emit_error`, which keeps it in its frame only."""
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code is Operation.emit_error.__code__:
            return trace.tb_frame.f_locals["self"]
        trace = trace.tb_next
    return None


def pass_error(error: PassFailedException, name: str) -> "IrError":
    """What a pass says about its input."""
    op = failing_operation(error)
    return IrError(_message(error), name, None) if op is None else ir_error(op, _message(error), name)


def ir_error(op: Operation, message: str, name: str) -> IrError:
    """An error about one operation, which is shown underlined."""
    excerpt = op_text(op).splitlines()
    shown = excerpt[0] + (" …" if len(excerpt) > 1 else "") if excerpt else ""
    underlined = f"  {shown}\n  {'^' * len(shown)}"
    if isinstance(op.location, FileLineColLoc):
        location = op.location
        return IrError(message, location.filename.data, location.line.data, location.column.data, underlined)
    return IrError(message, name, None, excerpt=underlined)


def op_text(op: Operation) -> str:
    """The text of an operation that may be wrong: if its own syntax cannot show it, the generic form."""
    try:
        return str(op)
    except Exception:
        stream = StringIO()
        Printer(stream, print_generic_format=True).print_op(op)
        return stream.getvalue()


def _message(error: Exception) -> str:
    """The innermost message in one line; xDSL wraps it in `Operation does not verify: `."""
    return " ".join(str(error).split()).removeprefix("Operation does not verify: ")
