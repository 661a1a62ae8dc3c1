"""The command line of `dlc-opt`: names and meaning of the flags are those of `mlir-opt`."""

import argparse
import difflib
import re
import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NoReturn

from compiler.options import MATH
from compiler.pipelines import IR_STAGES, stages

SEPARATOR = "// -----"
DESCRIPTION = """Read IR, run passes or compile between stages, print IR.

IR goes to standard output, everything else to standard error; the exit status is 1 if anything failed.
A pass can be run by its name as a flag: `--inline`, `--form-kernels='max-group-size=4'`."""


class Parser(argparse.ArgumentParser):
    """A parser whose errors are short, say what was meant, and exit with status 1, as those of `mlir-opt`."""

    def error(self, message: str) -> NoReturn:
        """Print `message` and exit."""
        unknown = re.match(r"unrecognized arguments: (--?[\w-]+)", message)
        if unknown is not None:
            known = [flag for action in self._actions for flag in action.option_strings]
            close = difflib.get_close_matches(unknown[1], known, n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            message = f"unknown flag {unknown[1]}{hint}"
        print(f"{self.prog}: error: {message}; see {self.prog} --help", file=sys.stderr)
        raise SystemExit(1)


def parse_arguments(argv: Sequence[str] | None, passes: Collection[str]) -> argparse.Namespace:
    """The flags of a command line; `pass_flags` lists those that are passes, in their order, as a pipeline has them."""
    rest: list[str] = []
    pass_flags: list[str] = []
    for argument in sys.argv[1:] if argv is None else argv:
        flag, equals, value = argument.partition("=")
        name = flag.removeprefix("--")
        if flag.startswith("--") and name in passes:
            pass_flags.append(f"{name}{{{value}}}" if value else name)
        elif flag in {"--verify-each", "--allow-unregistered-dialect"} and not equals:
            rest.append(f"{flag}=true")
        else:
            rest.append(argument)
    parser = make_parser()
    arguments, unknown = parser.parse_known_args(rest)
    if unknown:
        flag = unknown[0].partition("=")[0]
        close = difflib.get_close_matches(flag, [f"--{name}" for name in passes], n=1, cutoff=0.8)
        if close:
            parser.error(f"unknown flag {flag}; did you mean the pass {close[0]}?")
        parser.error(f"unrecognized arguments: {unknown[0]}")
    arguments.pass_flags = pass_flags
    return arguments


def make_parser() -> Parser:
    """All flags but those that are passes."""
    parser = Parser(
        "dlc-opt", description=DESCRIPTION, allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("input", nargs="?", default="-", help="file to read, - for standard input")
    parser.add_argument("-o", "--output", default="-", help="file to write, - for standard output")
    _add_what_to_run(parser.add_argument_group("what to run"))
    _add_checks(parser.add_argument_group("reading and checking"))
    _add_printing(parser.add_argument_group("printing"))
    _add_remarks(parser.add_argument_group("remarks"))
    group = parser.add_argument_group("reproducers")
    group.add_argument(
        "--mlir-pass-pipeline-crash-reproducer",
        type=Path,
        metavar="FILE",
        help="if a pass fails, write the IR and the pipeline that repeat it",
    )
    group.add_argument(
        "--mlir-pass-pipeline-local-reproducer",
        action="store_true",
        help="with the above: only the failing pass, and the IR before it",
    )
    group.add_argument("--run-reproducer", action="store_true", help="run the pipeline that the input file states")
    return parser


def _add_what_to_run(group: argparse._ArgumentGroup) -> None:  # pyright: ignore[reportPrivateUsage]
    group.add_argument("-p", "--passes", help="passes in xDSL's spelling: a,b{x=1}")
    group.add_argument("--pass-pipeline", help="passes in MLIR's spelling: builtin.module(a,b{x=1})")
    group.add_argument("--compile-from", metavar="STAGE", help="the stage that the input is at (default: tensor)")
    group.add_argument(
        "--compile-to", metavar="STAGE", help=f"compile to a stage: {', '.join(stages('cpu'))}, gpu, ptx"
    )
    group.add_argument("-t", "--target", choices=tuple(IR_STAGES), help="for --compile-to (default: cpu)")
    group.add_argument("--cuda-arch", metavar="ARCH", help="GPU architecture for ptx, for example sm_90")
    group.add_argument(
        "--vector-bits", type=int, metavar="N", help="vector width for --compile-to (default: this machine's)"
    )
    group.add_argument(
        "--threads", type=int, metavar="N", help="the most threads that a call may use (default: as many as there are)"
    )
    group.add_argument(
        "--math", choices=MATH, default=MATH[0], help="elementary functions for --compile-to (default: accurate)"
    )
    group.add_argument(
        "--opt-bisect-limit", type=int, default=-1, metavar="N", help="run only the first N passes, and list them"
    )
    group.add_argument("--dump-pass-pipeline", action="store_true", help="print the pipeline on standard error first")
    group.add_argument("--list-passes", action="store_true", help="list all passes, and exit")
    group.add_argument("--show-dialects", action="store_true", help="list all dialects, and exit")


def _add_checks(group: argparse._ArgumentGroup) -> None:  # pyright: ignore[reportPrivateUsage]
    group.add_argument("--split-input-file", action="store_true", help=f"treat the parts between '{SEPARATOR}' alone")
    group.add_argument(
        "--verify-diagnostics", action="store_true", help="check that errors are those of `// expected-error {{…}}`"
    )
    group.add_argument(
        "--verify-each", type=_boolean, default=True, metavar="BOOL", help="verify after every pass (default: true)"
    )
    group.add_argument(
        "--verify-roundtrip", action="store_true", help="check that input and output read back as they print"
    )
    group.add_argument(
        "--allow-unregistered-dialect", type=_boolean, default=False, metavar="BOOL", help="accept unknown operations"
    )
    group.add_argument("--no-implicit-module", action="store_true", help="the input must be one builtin.module")
    group.add_argument(
        "--mlir-print-stacktrace-on-diagnostic", action="store_true", help="print Python's stack with errors of passes"
    )


def _add_printing(group: argparse._ArgumentGroup) -> None:  # pyright: ignore[reportPrivateUsage]
    for when in ("before", "after"):
        group.add_argument(
            *_with_alias(f"--mlir-print-ir-{when}"),
            action="append",
            default=[],
            metavar="PASS",
            help=f"print the IR {when} a pass; may be repeated, or a list with commas",
        )
        group.add_argument(
            *_with_alias(f"--mlir-print-ir-{when}-all"), action="store_true", help=f"print the IR {when} every pass"
        )
    group.add_argument(
        *_with_alias("--mlir-print-ir-after-change"), action="store_true", help="only after passes that change the IR"
    )
    group.add_argument(
        *_with_alias("--mlir-print-ir-after-failure"), action="store_true", help="print what a failing pass left"
    )
    group.add_argument(
        *_with_alias("--mlir-print-ir-tree-dir"), type=Path, metavar="DIR", help="write the IR after each pass to files"
    )
    group.add_argument("--print-changed", choices=("diff",), help="print what each pass changes")
    group.add_argument(*_with_alias("--mlir-print-op-generic"), action="store_true", help="print the generic form")
    group.add_argument(*_with_alias("--mlir-print-debuginfo"), action="store_true", help="print locations")
    group.add_argument(
        *_with_alias("--mlir-elide-elementsattrs-if-larger"),
        type=int,
        metavar="N",
        help="leave out dense constants of more than N elements",
    )
    group.add_argument(*_with_alias("--mlir-timing"), action="store_true", help="print the time of every pass")
    group.add_argument(
        "--mlir-timing-display", choices=("list", "tree"), default="tree", help="sorted by time, or in order"
    )


def _add_remarks(group: argparse._ArgumentGroup) -> None:  # pyright: ignore[reportPrivateUsage]
    group.add_argument("--remarks-filter", metavar="REGEX", help="print remarks of the passes that match")
    for kind, what in (("passed", "made"), ("missed", "refused"), ("analyse", "found")):
        group.add_argument(f"--remarks-filter-{kind}", metavar="REGEX", help=f"the same, for what was {what}")


def _with_alias(flag: str) -> tuple[str, str]:
    """A flag of MLIR, and the same without `mlir-`."""
    return flag, flag.replace("--mlir-", "--")


def _boolean(text: str) -> bool:
    if text.lower() in {"1", "true"}:
        return True
    if text.lower() in {"0", "false"}:
        return False
    raise argparse.ArgumentTypeError(f"{text!r} is not a boolean; use true or false")
