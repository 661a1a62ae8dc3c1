"""`dlc-opt`: read IR, run passes or compile between stages, print IR. The flags are those of `mlir-opt`.

IR goes to standard output, everything else to standard error; the exit status is 1 if anything failed.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.transforms import get_all_passes as get_upstream_passes

from compiler.expected_diagnostics import Diagnostic, expected_diagnostics, unmet
from compiler.instrumentation import PrintObserver, ReproducerObserver, TimingObserver, pipeline_text
from compiler.options import CompileOptions
from compiler.pass_pipeline import PassFactories, parse_pipeline
from compiler.pipelines import IR_STAGES, TEXT_STAGES, Observer, Target, passes_between, run_passes, stages
from compiler.source_ir import IrError, make_context, parse_module, verify_module
from dialects.errors import ArgumentError, CompilerError, InternalError
from dialects.remarks import Remark, collect_remarks
from passes import get_all_passes

SEPARATOR = "// -----"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    available: PassFactories = {**get_upstream_passes(), **get_all_passes()}
    parser = _parser(available)
    args = parser.parse_args(argv)
    if args.list_passes:
        print("\n".join(sorted(available)))
        return 0
    if args.show_dialects:
        print("\n".join(sorted(make_context().registered_dialect_names)))
        return 0
    try:
        return _Run(args, available).run()
    except BrokenPipeError:  # the reader of our output has enough
        return 1
    except (ArgumentError, OSError) as error:
        print(f"dlc-opt: error: {error}", file=sys.stderr)
        return 1


class _PassFlag(argparse.Action):
    """`--<pass>` or `--<pass>=x=1`: append the pass to the pipeline, in the order of the command line."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: str | None = None) -> None:
        del parser
        name = (option_string or "").removeprefix("--")
        namespace.pass_flags = [*(namespace.pass_flags or []), f"{name}{{{values}}}" if values else name]


def _parser(available: PassFactories) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("dlc-opt", description=__doc__, allow_abbrev=False)
    parser.add_argument("input", nargs="?", default="-", help="file to read, - for standard input")
    parser.add_argument("-o", "--output", default="-", help="file to write, - for standard output")
    group = parser.add_argument_group("what to run")
    group.add_argument("-p", "--passes", help="passes in xDSL's spelling: a,b{x=1}")
    group.add_argument("--pass-pipeline", help="passes in MLIR's spelling: builtin.module(a,b{x=1})")
    group.add_argument("--compile-from", metavar="STAGE", help="the stage that the input is at (default: tensor)")
    group.add_argument(
        "--compile-to", metavar="STAGE", help="compile to a stage: " + ", ".join(stages("cpu")) + ", gpu, ptx"
    )
    group.add_argument("-t", "--target", choices=tuple(IR_STAGES), default=None, help="cpu or cuda, for --compile-to")
    group.add_argument("--cuda-arch", default=None, help="GPU architecture for ptx, for example sm_90")
    group.add_argument(
        "--vector-bits", type=int, default=None, help="vector width for --compile-to; default: this machine's"
    )
    group.add_argument("--run-reproducer", action="store_true", help="run the pipeline that a reproducer file states")
    group.add_argument("--dump-pass-pipeline", action="store_true", help="print the pipeline on standard error first")
    group.add_argument("--list-passes", action="store_true", help="list all passes")
    group.add_argument("--show-dialects", action="store_true", help="list all dialects")
    group = parser.add_argument_group("reading and checking")
    group.add_argument("--split-input-file", action="store_true", help=f"treat the parts between '{SEPARATOR}' alone")
    group.add_argument("--verify-diagnostics", action="store_true", help="check `// expected-error {{…}}` comments")
    group.add_argument(
        "--verify-each", type=_boolean, nargs="?", const=True, default=True, help="verify after every pass"
    )
    group.add_argument(
        "--verify-roundtrip", action="store_true", help="check that the output reads back to the same text"
    )
    group.add_argument("--allow-unregistered-dialect", action="store_true")
    group.add_argument("--no-implicit-module", action="store_true", help="the input must be one builtin.module")
    group = parser.add_argument_group("printing")
    for flag, what in (("before", "before"), ("after", "after")):
        group.add_argument(f"--mlir-print-ir-{flag}", f"--print-ir-{flag}", action="append", default=[], metavar="PASS",
                           help=f"print the IR {what} a pass; may be repeated, or a comma-separated list")  # fmt: skip
        group.add_argument(f"--mlir-print-ir-{flag}-all", f"--print-ir-{flag}-all", action="store_true")
    group.add_argument("--mlir-print-ir-after-change", "--print-ir-after-change", action="store_true")
    group.add_argument("--mlir-print-ir-after-failure", "--print-ir-after-failure", action="store_true")
    group.add_argument("--mlir-print-ir-tree-dir", "--print-ir-tree-dir", type=Path, default=None, metavar="DIR")
    group.add_argument("--print-changed", choices=("diff",), default=None, help="print what each pass changed")
    group.add_argument("--mlir-print-op-generic", "--print-op-generic", action="store_true")
    group.add_argument("--mlir-print-debuginfo", "--print-debuginfo", action="store_true")
    group.add_argument("--mlir-timing", "--timing", action="store_true", help="print the time of every pass")
    group.add_argument("--mlir-timing-display", choices=("list", "tree"), default="tree")
    group.add_argument("--remarks-filter", metavar="REGEX", default=None, help="print remarks of passes that match")
    group = parser.add_argument_group("reproducers")
    group.add_argument("--mlir-pass-pipeline-crash-reproducer", type=Path, default=None, metavar="FILE")
    group.add_argument("--mlir-pass-pipeline-local-reproducer", action="store_true", help="only the failing pass")
    flags = parser.add_argument_group("passes, in the order given")
    parser.set_defaults(pass_flags=None)
    for name in available:
        flags.add_argument(f"--{name}", nargs="?", action=_PassFlag, help=argparse.SUPPRESS, dest=f"_{name}")
    return parser


def _boolean(text: str) -> bool:
    if text.lower() in {"1", "true"}:
        return True
    if text.lower() in {"0", "false"}:
        return False
    raise argparse.ArgumentTypeError(f"{text!r} is not a boolean; use true or false")


class _Run:
    """One run of the tool."""

    def __init__(self, args: argparse.Namespace, available: PassFactories):
        self.args = args
        self.file = "<stdin>" if args.input == "-" else args.input
        self.text = sys.stdin.read() if args.input == "-" else Path(args.input).read_text()
        self.target: Target = args.target or ("cuda" if args.compile_to in {"gpu", "ptx"} else "cpu")
        self.options = CompileOptions(vector_bits=args.vector_bits, cuda_arch=args.cuda_arch)
        self.passes, self.text_stage = self._pipeline(available)
        self.timing = TimingObserver()

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
        outputs: list[str] = []
        complaints: list[str] = []
        failed = False
        for part, first_line in self._parts():
            diagnostics: list[Diagnostic] = []
            output, errors = self._part(part, first_line, diagnostics)
            if output is not None:
                outputs.append(output)
            if self.args.verify_diagnostics:
                complaints += unmet(expected_diagnostics(part, first_line), diagnostics, self.file)
            else:
                failed = failed or bool(errors)
                complaints += errors
        for complaint in complaints:
            print(complaint, file=sys.stderr)
        if self.args.mlir_timing:
            print(self.timing.report(as_list=self.args.mlir_timing_display == "list"), file=sys.stderr)
        if not self.args.verify_diagnostics or outputs:
            self._write(f"{SEPARATOR}\n".join(outputs))
        return 1 if failed or complaints else 0

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

    def _part(self, text: str, first_line: int, diagnostics: list[Diagnostic]) -> tuple[str | None, list[str]]:
        """The output of one part and its errors as text; also collect the diagnostics."""
        errors: list[str] = []
        output = None
        with collect_remarks() as remarks:
            try:
                output = self._process(text, first_line)
            except IrError as error:
                diagnostics.append(Diagnostic("error", error.message, error.line))
                errors.append(str(error))
            except CompilerError as error:
                diagnostics.append(Diagnostic("error", str(error), None))
                errors.append(f"{self.file}: error: {error}")
        for remark in remarks:
            diagnostics.append(Diagnostic("remark", remark.message, _line_of(remark)))
            self._print_remark(remark)
        return output, errors

    def _print_remark(self, remark: Remark) -> None:
        if self.args.remarks_filter is not None:
            import re

            if re.search(self.args.remarks_filter, remark.pass_name):
                print(remark, file=sys.stderr)

    def _process(self, text: str, first_line: int) -> str:
        """Parse, verify, run the passes, print."""
        args = self.args
        context = make_context(allow_unregistered=args.allow_unregistered_dialect)
        start = time.perf_counter()
        module = parse_module(context, text, self.file, first_line)
        if args.no_implicit_module and not text.lstrip().startswith(
            ("builtin.module", "module", "//", '"builtin.module"')
        ):
            raise IrError("expected one builtin.module (--no-implicit-module)", self.file, first_line)
        self.timing.add("Parser", time.perf_counter() - start)
        start = time.perf_counter()
        verify_module(module, self.file)
        self.timing.add("Verifier", time.perf_counter() - start)
        run_passes(module, self.passes, self._observers(), context)
        start = time.perf_counter()
        if self.text_stage is not None:
            from compiler.printing import machine_text

            output = machine_text(module, self.text_stage, self.target, self.options)
        else:
            output = self._print(module)
        self.timing.add("Output", time.perf_counter() - start)
        if args.verify_roundtrip and self.text_stage is None:
            self._check_round_trip(output)
        return output

    def _print(self, module: ModuleOp) -> str:
        from io import StringIO

        from xdsl.printer import Printer

        stream = StringIO()
        args = self.args
        Printer(
            stream, print_generic_format=args.mlir_print_op_generic, print_debuginfo=args.mlir_print_debuginfo
        ).print_op(module)
        return stream.getvalue() + "\n"

    def _check_round_trip(self, output: str) -> None:
        context = make_context(allow_unregistered=self.args.allow_unregistered_dialect)
        again = self._print(parse_module(context, output, "<round trip>"))
        if again != output:
            raise IrError("the output reads back as different IR (--verify-roundtrip)", self.file, None)

    def _observers(self) -> list[Observer]:
        args = self.args
        observers: list[Observer] = [self.timing]
        if args.verify_each:
            observers.append(_VerifyEach(self.file))
        before = _names(args.mlir_print_ir_before, every=args.mlir_print_ir_before_all)
        after = _names(args.mlir_print_ir_after, every=args.mlir_print_ir_after_all)
        changes = args.mlir_print_ir_after_change or args.print_changed is not None
        if changes and not after:
            after = ["*"]
        if before or after or args.mlir_print_ir_after_failure or args.mlir_print_ir_tree_dir:
            observers.append(
                PrintObserver(
                    before=before,
                    after=after,
                    only_changes=changes,
                    as_diff=args.print_changed == "diff",
                    on_failure=args.mlir_print_ir_after_failure,
                    debug_info=args.mlir_print_debuginfo,
                    tree=args.mlir_print_ir_tree_dir,
                )
            )
        if args.mlir_pass_pipeline_crash_reproducer is not None:
            path: Path = args.mlir_pass_pipeline_crash_reproducer
            local: bool = args.mlir_pass_pipeline_local_reproducer
            observers.append(ReproducerObserver(path, self.passes, local=local))
        return observers

    def _write(self, output: str) -> None:
        if self.args.output == "-":
            sys.stdout.write(output)
        else:
            Path(self.args.output).write_text(output)


class _VerifyEach(Observer):
    """Verifies after every pass and names the pass in the error."""

    def __init__(self, file: str):
        self._file = file

    def after_pass(self, executed: ModulePass, module: ModuleOp, seconds: float) -> None:
        del seconds
        try:
            verify_module(module, self._file)
        except IrError as error:
            raise InternalError(f"{executed.name}: left IR that does not verify: {error}") from error


def _names(values: Sequence[str], *, every: bool) -> list[str]:
    return ["*"] if every else [name for value in values for name in value.split(",")]


def _line_of(remark: Remark) -> int | None:
    from xdsl.dialects.builtin import FileLineColLoc

    return remark.location.line.data if isinstance(remark.location, FileLineColLoc) else None


def _reproducer_pipeline(text: str) -> str:
    """The pipeline that the header of a reproducer file states."""
    import re

    match = re.search(r"^// configuration: --pass-pipeline='(.*)'$", text, re.MULTILINE)
    if match is None:
        raise ArgumentError("--run-reproducer: the file has no line `// configuration: --pass-pipeline='…'`")
    return match[1]


def run() -> None:
    """The console script."""
    raise SystemExit(main())


if __name__ == "__main__":
    run()
