"""Reading IR files: every dialect registered, and the file and line of each operation as its location."""

from collections.abc import Callable
from functools import lru_cache

from xdsl.context import Context
from xdsl.dialects import get_all_dialects
from xdsl.dialects.builtin import FileLineColLoc, IntAttr, ModuleOp, StringAttr, UnknownLoc
from xdsl.ir import Dialect, Operation
from xdsl.parser import Parser
from xdsl.utils.exceptions import ParseError, VerifyException

from compiler.universe import DLC_UNIVERSE, get_llvm
from dialects.errors import CompilerError


class IrError(CompilerError):
    """Text that is not IR, or IR that breaks a rule: the message has the form `file:line:column: error: …`."""

    def __init__(self, message: str, file: str, line: int | None, column: int = 0, excerpt: str = ""):
        self.message, self.file, self.line, self.excerpt = message, file, line, excerpt
        where = file if line is None else f"{file}:{line}:{column}"
        super().__init__(f"{where}: error: {message}" + (f"\n{excerpt}" if excerpt else ""))


def make_context(*, allow_unregistered: bool = False) -> Context:
    """A context that knows upstream's dialects and ours, each loaded when first met."""
    context = Context(allow_unregistered=allow_unregistered)
    factories: dict[str, Callable[[], Dialect]] = {
        **get_all_dialects(),
        **DLC_UNIVERSE.all_dialects,
        "llvm": get_llvm,
    }
    for name, factory in factories.items():
        context.register_dialect(name, factory)
    return context


class LocatedParser(Parser):
    """A parser that gives operations without a location the place where they stand in the text."""

    def __init__(self, context: Context, text: str, name: str, first_line: int = 1):
        super().__init__(context, text, name)
        self._file = name
        self._starts = [0]
        for position, character in enumerate(text):
            if character == "\n":
                self._starts.append(position + 1)
        self._first_line = first_line

    def place(self, position: int) -> tuple[int, int]:
        """Line and column (from 1) of a position in the text."""
        from bisect import bisect_right

        index = bisect_right(self._starts, position) - 1
        return self._first_line + index, position - self._starts[index] + 1

    def parse_operation(self) -> Operation:
        """Parse an operation and note where."""
        line, column = self.place(self._current_token.span.start)
        op = super().parse_operation()
        if isinstance(op.location, UnknownLoc):
            op.location = _location(self._file, line, column)
        return op


@lru_cache(maxsize=65536)
def _location(file: str, line: int, column: int) -> FileLineColLoc:
    return FileLineColLoc(StringAttr(file), IntAttr(line), IntAttr(column))


def parse_module(context: Context, text: str, name: str, first_line: int = 1) -> ModuleOp:
    """The module in `text`; several top-level operations are wrapped in one.

    Raises:
        IrError: the text does not parse.
    """
    parser = LocatedParser(context, text, name, first_line)
    try:
        return parser.parse_module()
    except ParseError as error:
        line, column = parser.place(error.span.start)
        source = text.splitlines()
        excerpt = ""
        if 0 <= line - first_line < len(source):
            excerpt = f"{source[line - first_line]}\n{' ' * (column - 1)}^"
        raise IrError(error.msg.strip(), name, line, column, excerpt) from error
    except VerifyException as error:
        raise IrError(str(error).strip(), name, None) from error


def verify_module(module: ModuleOp, name: str) -> None:
    """Verify every operation.

    Raises:
        IrError: one does not verify; the message has its line and its text.
    """
    for op in [*module.walk()]:
        try:
            op.verify(verify_nested_ops=False)
        except (VerifyException, ValueError) as error:
            raise ir_error(op, _last_line(error), name) from error
    try:
        module.verify()  # dominance and what else regions check
    except (VerifyException, ValueError) as error:
        raise IrError(_last_line(error), name, None) from error


def ir_error(op: Operation, message: str, name: str) -> IrError:
    """An error about one operation."""
    excerpt = str(op).splitlines()
    shown = excerpt[0] + (" …" if len(excerpt) > 1 else "") if excerpt else ""
    underlined = f"  {shown}\n  {'^' * len(shown)}"
    if isinstance(op.location, FileLineColLoc):
        location = op.location
        return IrError(message, location.filename.data, location.line.data, location.column.data, underlined)
    return IrError(message, name, None, excerpt=underlined)


def _last_line(error: Exception) -> str:
    """The innermost message; xDSL wraps it in `Operation does not verify: `."""
    text = str(error).strip()
    return text.removeprefix("Operation does not verify: ").strip()
