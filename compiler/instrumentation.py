"""Observers of passes for the command line: printing, verification, reproducers. Names and output follow `mlir-opt`."""

import difflib
import sys
from collections.abc import Collection
from pathlib import Path

from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from compiler.pipelines import Observer
from compiler.printing import to_text
from compiler.source_ir import IrError, verify_module
from dialects.errors import ArgumentError, InternalError


def write_file(path: Path, text: str) -> None:
    """Write a file, and the folder that it is in.

    Raises:
        ArgumentError: that is not possible.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    except OSError as error:
        raise ArgumentError(f"cannot write {path}: {error.strerror or error}") from error


def pass_spec(executed: ModulePass) -> str:
    """A pass with its options as one writes it in a pipeline."""
    return str(executed.pipeline_pass_spec())


def pipeline_text(passes: Collection[ModulePass]) -> str:
    """A pipeline in MLIR's spelling."""
    return f"builtin.module({','.join(map(pass_spec, passes))})"


class PrintObserver(Observer):
    """Prints the IR before and after passes on standard error, or into a folder.

    `before` and `after` hold pass names, or `"*"` for all.
    """

    def __init__(
        self,
        *,
        before: Collection[str] = (),
        after: Collection[str] = (),
        only_changes: bool = False,
        as_diff: bool = False,
        on_failure: bool = False,
        debug_info: bool = False,
        generic: bool = False,
        elide_above: int | None = None,
        tree: Path | None = None,
    ):
        self._before, self._after = before, after
        self._only_changes, self._as_diff, self._on_failure = only_changes, as_diff, on_failure
        self._debug_info, self._generic, self._elide_above = debug_info, generic, elide_above
        self._tree = tree
        self._previous = ""
        self._number = 0

    def before_pass(self, executed: ModulePass, module: ModuleOp) -> None:
        """Print if asked to; remember the text if changes are to be told."""
        if self._only_changes or self._as_diff:
            self._previous = self._text(module)
        if executed.name in self._before or "*" in self._before:
            self._show("Before", executed, self._text(module))

    def after_pass(self, executed: ModulePass, module: ModuleOp, seconds: float) -> None:
        """Print if asked to."""
        del seconds
        self._number += 1
        if self._tree is not None:
            write_file(self._tree / f"{self._number:02d}_{executed.name}.mlir", self._text(module))
        if executed.name not in self._after and "*" not in self._after:
            return
        text = self._text(module)
        if self._as_diff:
            lines = difflib.unified_diff(
                self._previous.splitlines(), text.splitlines(), "before", "after", lineterm="", n=2
            )
            text_to_show = "\n".join(lines) + "\n"
        else:
            text_to_show = text
        if self._only_changes and text == self._previous:
            return
        self._show("After", executed, text_to_show)

    def failed_pass(self, executed: ModulePass, module: ModuleOp, error: Exception) -> None:
        """Print what the pass left behind."""
        del error
        if self._on_failure:
            self._show("After", executed, self._text(module), " Failed")

    def _text(self, module: ModuleOp) -> str:
        return to_text(module, debug_info=self._debug_info, generic=self._generic, elide_above=self._elide_above)

    def _show(self, when: str, executed: ModulePass, text: str, note: str = "") -> None:
        title = f"{type(executed).__name__}{note} ({pass_spec(executed)})"
        print(f"// -----// IR Dump {when} {title} //----- //\n{text}", file=sys.stderr)


class VerifyEachObserver(Observer):
    """Verifies the module after every pass; the error names the pass and underlines the operation."""

    def __init__(self, file: str):
        self._file = file

    def after_pass(self, executed: ModulePass, module: ModuleOp, seconds: float) -> None:
        """Raise `InternalError` if the module does not verify."""
        del seconds
        try:
            verify_module(module, self._file)
        except IrError as error:
            raise InternalError(f"{executed.name}: left IR that does not verify: {error}") from error


class ReproducerObserver(Observer):
    """Writes a file that `--run-reproducer` repeats a failure from: the input and all passes, or the last step only."""

    def __init__(self, path: Path, passes: Collection[ModulePass], *, local: bool = False):
        self._path, self._passes, self._local = path, list(passes), local
        self._text = ""

    def before_pass(self, executed: ModulePass, module: ModuleOp) -> None:
        """Remember the module."""
        del executed
        if self._local or not self._text:
            self._text = to_text(module)

    def failed_pass(self, executed: ModulePass, module: ModuleOp, error: Exception) -> None:
        """Write the file."""
        del module
        passes = [executed] if self._local else self._passes
        write_file(self._path, reproducer(self._text, passes, f"{executed.name} failed: {error}"))
        print(f"reproducer written to {self._path}; run it with dlc-opt --run-reproducer", file=sys.stderr)


def reproducer(text: str, passes: Collection[ModulePass], note: str) -> str:
    """A file that `dlc-opt --run-reproducer` runs."""
    return f"// configuration: --pass-pipeline='{pipeline_text(passes)}'\n// note: {note.splitlines()[0]}\n{text}"
