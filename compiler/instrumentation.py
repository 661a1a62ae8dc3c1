"""Observers of passes for the command line: printing, timing, reproducers. Names and output follow `mlir-opt`."""

import difflib
import sys
from collections.abc import Collection
from pathlib import Path

from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from compiler.pipelines import Observer
from compiler.printing import to_text


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
        tree: Path | None = None,
    ):
        self._before, self._after = before, after
        self._only_changes, self._as_diff, self._on_failure = only_changes, as_diff, on_failure
        self._debug_info, self._tree = debug_info, tree
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
            self._tree.mkdir(parents=True, exist_ok=True)
            (self._tree / f"{self._number:02d}_{executed.name}.mlir").write_text(self._text(module))
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
            print(f"// -----// IR Dump After {_title(executed)} (no change) //----- //", file=sys.stderr)
            return
        self._show("After", executed, text_to_show)

    def failed_pass(self, executed: ModulePass, module: ModuleOp, error: Exception) -> None:
        """Print what the pass left behind."""
        del error
        if self._on_failure:
            self._show("After", executed, self._text(module), " Failed")

    def _text(self, module: ModuleOp) -> str:
        return to_text(module, debug_info=self._debug_info)

    def _show(self, when: str, executed: ModulePass, text: str, note: str = "") -> None:
        print(f"// -----// IR Dump {when} {_title(executed)}{note} //----- //\n{text}", file=sys.stderr)


def _title(executed: ModulePass) -> str:
    return f"{type(executed).__name__.removesuffix('Pass')} ({pass_spec(executed)})"


class TimingObserver(Observer):
    """Collects the time of every pass; `report` prints a table as `--mlir-timing` does."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}

    def add(self, name: str, seconds: float) -> None:
        """Count time for something that is not a pass: parsing, verifying, printing."""
        self._seconds[name] = self._seconds.get(name, 0.0) + seconds

    def after_pass(self, executed: ModulePass, module: ModuleOp, seconds: float) -> None:
        """Count the time of a pass."""
        del module
        self.add(executed.name, seconds)

    def report(self, *, as_list: bool = False) -> str:
        """The table: in pipeline order, or by time with `as_list`."""
        total = sum(self._seconds.values())
        rows = list(self._seconds.items())
        if as_list:
            rows.sort(key=lambda row: -row[1])
        lines = [
            "===" + "-" * 73 + "===",
            "... Execution time report ...".center(79),
            "===" + "-" * 73 + "===",
            f"  Total Execution Time: {total:.4f} seconds",
            "",
            "  ----Wall Time----  ----Name----",
        ]
        share = 100 / total if total else 0.0
        lines += [f"  {seconds:8.4f} ({seconds * share:5.1f}%)  {name}" for name, seconds in rows]
        lines.append(f"  {total:8.4f} (100.0%)  Total")
        return "\n".join(lines)


class ReproducerObserver(Observer):
    """Writes the IR before a failing pass, and the pipeline from there on, so that `--run-reproducer` repeats it."""

    def __init__(self, path: Path, passes: Collection[ModulePass], *, local: bool = False):
        self._path, self._passes, self._local = path, list(passes), local
        self._done = 0
        self._text = ""

    def before_pass(self, executed: ModulePass, module: ModuleOp) -> None:
        """Remember the module."""
        if self._local or not self._text:
            self._text = to_text(module)

    def after_pass(self, executed: ModulePass, module: ModuleOp, seconds: float) -> None:
        """Go on to the next pass."""
        self._done += 1

    def failed_pass(self, executed: ModulePass, module: ModuleOp, error: Exception) -> None:
        """Write the file."""
        passes = [executed] if self._local else self._passes
        summary = str(error).splitlines()[0] if str(error) else type(error).__name__
        header = (
            f"// configuration: --pass-pipeline='{pipeline_text(passes)}'\n// note: {executed.name} failed: {summary}\n"
        )
        self._path.write_text(header + self._text)
        print(f"reproducer written to {self._path}", file=sys.stderr)
