"""`dlc-opt`: read IR, run passes or compile between stages, print IR. The flags are those of `mlir-opt`.

IR goes to standard output, everything else to standard error; the exit status is 1 if anything failed.
"""

import argparse
import os
import re
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

from xdsl.dialects.builtin import FileLineColLoc, ModuleOp
from xdsl.passes import ModulePass
from xdsl.transforms import get_all_passes as get_upstream_passes
from xdsl.utils.exceptions import PassFailedException

from compiler.expected_diagnostics import Diagnostic, expected_diagnostics, unmet
from compiler.instrumentation import (
    PrintObserver,
    ReproducerObserver,
    VerifyEachObserver,
    pipeline_text,
    write_file,
)
from compiler.opt_flags import SEPARATOR, parse_arguments
from compiler.options import CompileOptions
from compiler.pass_pipeline import PassFactories, check_pass_name, parse_pipeline
from compiler.pipelines import IR_STAGES, TEXT_STAGES, Observer, Target, passes_between, run_passes, stages
from compiler.printing import machine_text, to_text
from compiler.source_ir import IrError, make_context, parse_module, pass_error, read_source, verify_module
from compiler.timing import TimingObserver
from dialects.errors import ArgumentError, CompilerError
from dialects.remarks import Remark, collect_remarks
from passes import get_all_passes


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    available: PassFactories = {**get_upstream_passes(), **get_all_passes()}
    args = parse_arguments(argv, available)
    if args.list_passes:
        print("\n".join(sorted(available)))
        return 0
    if args.show_dialects:
        print("\n".join(sorted(make_context().registered_dialect_names)))
        return 0
    try:
        return _Run(args, available).run()
    except ArgumentError as error:
        print(f"dlc-opt: error: {error}", file=sys.stderr)
        return 1


class _Run:
    """One run of the tool."""

    def __init__(self, args: argparse.Namespace, available: PassFactories):
        self.args = args
        self.file, self.text = read_source(args.input)
        self.target: Target = args.target or ("cuda" if args.compile_to in {"gpu", "ptx"} else "cpu")
        self.options = CompileOptions(
            vector_bits=args.vector_bits, cuda_arch=args.cuda_arch, math=args.math, threads=args.threads
        )
        self.passes, self.text_stage = self._pipeline(available)
        self.timing = TimingObserver()
        self.printing = self._printing(available)
        self.wanted_remarks = _remark_filter(args)

    def _pipeline(self, available: PassFactories) -> tuple[list[ModulePass], str | None]:
        """The passes to run, and the text stage to print after them."""
        args = self.args
        pipelines = [text for text in (args.passes, args.pass_pipeline) if text is not None]
        if args.pass_flags:
            pipelines.append(",".join(args.pass_flags))
        if args.run_reproducer:
            pipelines.append(_reproducer_pipeline(self.text))
        if len(pipelines) + bool(args.compile_to) > 1:
            raise ArgumentError(
                "give one of --passes, --pass-pipeline, --<pass> flags, --run-reproducer and --compile-to"
            )
        if args.compile_from and not args.compile_to:
            raise ArgumentError("--compile-from needs --compile-to")
        if not args.compile_to:
            return (parse_pipeline(pipelines[0], available) if pipelines else []), None
        last, text_stage = args.compile_to, None
        if last in TEXT_STAGES[self.target]:
            last, text_stage = IR_STAGES[self.target][-1], last
        elif last not in IR_STAGES[self.target]:
            raise ArgumentError(
                f"unknown stage '{last}' for target {self.target}; use one of {', '.join(stages(self.target))}"
            )
        return passes_between(args.compile_from or "tensor", last, self.target, self.options), text_stage

    def run(self) -> int:
        """Treat every part of the input; print results and diagnostics."""
        if self.args.dump_pass_pipeline:
            print(f"Pass Manager with {len(self.passes)} passes:\n{pipeline_text(self.passes)}", file=sys.stderr)
        self._bisect()
        outputs: list[str] = []
        complaints: list[str] = []
        for part, first_line in self._parts():
            output, diagnostics, errors = self._part(part, first_line)
            if output is not None:
                outputs.append(output)
            if self.args.verify_diagnostics:
                errors = unmet(expected_diagnostics(part, first_line), diagnostics, self.file)
            complaints += errors
        for complaint in complaints:
            print(complaint, file=sys.stderr)
        if self.args.mlir_timing:
            print(self.timing.report(as_list=self.args.mlir_timing_display == "list"), file=sys.stderr)
        self._write(f"{SEPARATOR}\n".join(outputs), failed=bool(complaints))
        return 1 if complaints else 0

    def _bisect(self) -> None:
        """Keep the first passes only, as `opt -opt-bisect-limit` does."""
        limit: int = self.args.opt_bisect_limit
        if limit < 0:
            return
        for number, executed in enumerate(self.passes, start=1):
            verb = "running" if number <= limit else "NOT running"
            print(f"BISECT: {verb} pass ({number}) {executed.name}", file=sys.stderr)
        if limit < len(self.passes):
            self.passes, self.text_stage = self.passes[:limit], None

    def _parts(self) -> list[tuple[str, int]]:
        """The parts of the input, each with its first line."""
        if not self.args.split_input_file:
            return [(self.text, 1)]
        parts: list[tuple[str, int]] = []
        current: list[str] = []
        start = 1
        for number, line in enumerate(self.text.splitlines(keepends=True), start=1):
            if line.strip() == SEPARATOR:
                parts.append(("".join(current), start))
                current, start = [], number + 1
            else:
                current.append(line)
        parts.append(("".join(current), start))
        return parts

    def _part(self, text: str, first_line: int) -> tuple[str | None, list[Diagnostic], list[str]]:
        """The output of one part, what was said about it, and its errors as text."""
        output, error = None, None
        with collect_remarks() as remarks:
            try:
                output = self._process(text, first_line)
            except IrError as caught:
                error = caught
            except CompilerError as caught:
                cause = caught.__cause__
                is_about_input = isinstance(cause, PassFailedException)
                error = pass_error(cause, self.file) if is_about_input else IrError(str(caught), self.file, None)
                if self.args.mlir_print_stacktrace_on_diagnostic:
                    traceback.print_exception(cause or caught)
        diagnostics = [Diagnostic("remark", remark.message, _line_of(remark)) for remark in remarks]
        for remark in filter(self.wanted_remarks, remarks):
            print(remark, file=sys.stderr)
        if error is None:
            return output, diagnostics, []
        return None, [Diagnostic("error", error.message, error.line), *diagnostics], [str(error)]

    def _process(self, text: str, first_line: int) -> str:
        """Parse, verify, run the passes, print."""
        args = self.args
        context = make_context(allow_unregistered=args.allow_unregistered_dialect)
        with self.timing.phase("Parser"):
            module = parse_module(context, text, self.file, first_line, implicit_module=not args.no_implicit_module)
        with self.timing.phase("Verifier"):
            verify_module(module, self.file)
        if args.verify_roundtrip:
            self._check_round_trip(module)
        run_passes(module, self.passes, self._observers(), context)
        if self.text_stage is not None:
            return machine_text(module, self.text_stage, self.target, self.options, self._observers())
        if args.verify_roundtrip and self.passes:
            self._check_round_trip(module)
        with self.timing.phase("Output"):
            return self._print(module)

    def _print(self, module: ModuleOp) -> str:
        args = self.args
        return to_text(
            module,
            debug_info=args.mlir_print_debuginfo,
            generic=args.mlir_print_op_generic,
            elide_above=args.mlir_elide_elementsattrs_if_larger,
        )

    def _check_round_trip(self, module: ModuleOp) -> None:
        context = make_context(allow_unregistered=self.args.allow_unregistered_dialect)
        text = to_text(module)
        try:
            again = to_text(parse_module(context, text, "<output>"))
        except IrError as error:
            raise IrError(f"--verify-roundtrip: the output cannot be read back: {error}", self.file, None) from error
        if again != text:
            lines = zip(text.splitlines(), again.splitlines(), strict=False)
            printed, reread = next((pair for pair in lines if pair[0] != pair[1]), ("", "more or fewer lines"))
            message = (
                f"--verify-roundtrip: the output reads back as different IR: {printed.strip()} as {reread.strip()}"
            )
            raise IrError(message, self.file, None)

    def _printing(self, available: PassFactories) -> list[Observer]:
        """What prints IR between passes; one object for all parts, because it numbers files."""
        args = self.args
        before = _names(args.mlir_print_ir_before, available, every=args.mlir_print_ir_before_all)
        after = _names(args.mlir_print_ir_after, available, every=args.mlir_print_ir_after_all)
        changes = args.mlir_print_ir_after_change or args.print_changed is not None
        if changes and not after:
            after = ["*"]
        if not (before or after or args.mlir_print_ir_after_failure or args.mlir_print_ir_tree_dir):
            return []
        return [
            PrintObserver(
                before=before,
                after=after,
                only_changes=changes,
                as_diff=args.print_changed == "diff",
                on_failure=args.mlir_print_ir_after_failure,
                debug_info=args.mlir_print_debuginfo,
                generic=args.mlir_print_op_generic,
                elide_above=args.mlir_elide_elementsattrs_if_larger,
                tree=args.mlir_print_ir_tree_dir,
            )
        ]

    def _observers(self) -> list[Observer]:
        args = self.args
        observers: list[Observer] = [self.timing, *self.printing]
        if args.mlir_pass_pipeline_crash_reproducer is not None:
            path: Path = args.mlir_pass_pipeline_crash_reproducer
            local: bool = args.mlir_pass_pipeline_local_reproducer
            observers.append(ReproducerObserver(path, self.passes, local=local))
        if args.verify_each:
            observers.append(VerifyEachObserver(self.file))
        return observers

    def _write(self, output: str, *, failed: bool) -> None:
        if self.args.output == "-":
            sys.stdout.write(output)
            sys.stdout.flush()
        elif not failed:
            write_file(Path(self.args.output), output)


def _names(values: Sequence[str], available: PassFactories, *, every: bool) -> list[str]:
    """The pass names of a flag, `"*"` for all."""
    names = [name.strip() for value in values for name in value.split(",")]
    for name in names:
        check_pass_name(name, available)
    return ["*"] if every else names


def _remark_filter(args: argparse.Namespace) -> Callable[[Remark], bool]:
    """Whether a remark is to be printed."""
    kinds = {"passed": args.remarks_filter_passed, "missed": args.remarks_filter_missed}
    kinds["analysis"] = args.remarks_filter_analyse
    try:
        patterns = {
            kind: [re.compile(text) for text in (args.remarks_filter, own) if text is not None]
            for kind, own in kinds.items()
        }
    except re.error as error:
        raise ArgumentError(f"--remarks-filter: {error.pattern!r} is not a regular expression: {error}") from error
    return lambda remark: any(pattern.search(remark.pass_name) for pattern in patterns[remark.kind])


def _line_of(remark: Remark) -> int | None:
    return remark.location.line.data if isinstance(remark.location, FileLineColLoc) else None


def _reproducer_pipeline(text: str) -> str:
    """The pipeline that the header of a reproducer file states."""
    match = re.search(r"^// configuration: --pass-pipeline='(.*)'$", text, re.MULTILINE)
    if match is None:
        raise ArgumentError("--run-reproducer: the file has no line `// configuration: --pass-pipeline='…'`")
    return match[1]


def run() -> None:
    """The console script."""
    try:
        status = main()
    except BrokenPipeError:  # the reader of our output has enough; nothing is left to be flushed at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 1
    raise SystemExit(status)


if __name__ == "__main__":
    run()
