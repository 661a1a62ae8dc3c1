"""`dlc-run`: run a function of an IR file, at any stage, on random or given arrays.

Results are printed, or saved with `--output`; `--compare-with=reference` runs the interpreter too and compares.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
from ml_dtypes import finfo
from numpy.typing import NDArray
from xdsl.dialects.builtin import ModuleOp

from compiler.opt_flags import Parser
from compiler.options import CompileOptions
from compiler.pipelines import IR_STAGES, Target
from compiler.signatures import ArraySpec, Signature, signature_of
from compiler.source_ir import make_context, parse_module, read_source, verify_module
from compiler.stage_detection import stage_of
from compiler.timing import TimingObserver
from dialects.dlc.interfaces import dtype_kind
from dialects.errors import ArgumentError, CompilerError

Array = NDArray[Any]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status: 0, or 1 for an error or a difference."""
    args = _parser().parse_args(argv)
    try:
        return _run(args)
    except CompilerError as error:
        prefix = "" if ": error:" in str(error) else "dlc-run: error: "
        print(f"{prefix}{error}", file=sys.stderr)
        return 1


def _parser() -> Parser:
    parser = Parser("dlc-run", description=__doc__, allow_abbrev=False)
    parser.add_argument("file", help="IR file, - for standard input")
    parser.add_argument(
        "function", nargs="?", default=None, help="public function to run; may be left out if there is one"
    )
    parser.add_argument("-i", "--input", action="append", default=[], metavar="FILE",
                        help=".npy file for the next input, or .npz file with all inputs in order")  # fmt: skip
    parser.add_argument(
        "-o", "--output", type=Path, default=None, metavar="FILE", help=".npy or .npz file for the results"
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="seed of the random inputs (standard normal; small integers)"
    )
    parser.add_argument(
        "--compile-from", default=None, metavar="STAGE", help="the stage of the file; told from it if left out"
    )
    parser.add_argument("-t", "--target", choices=tuple(IR_STAGES), default="cpu")
    parser.add_argument("--vector-bits", type=int, default=None)
    parser.add_argument("--threads", type=int, default=None, help="the most threads that a call may use")
    parser.add_argument("--compare-with", choices=("reference",), default=None)
    parser.add_argument(
        "--rtol",
        type=float,
        default=None,
        help="relative tolerance; default 1e-5 for float32, 1e-12 for float64, 4 units for others",
    )
    parser.add_argument("--reference-only", action="store_true", help="run the interpreter instead of machine code")
    parser.add_argument(
        "--mlir-timing", "--timing", action="store_true", help="print how long each part of compiling takes"
    )
    parser.add_argument("--quiet", action="store_true", help="do not print the results")
    return parser


def _run(args: argparse.Namespace) -> int:
    name, text = read_source(args.file)
    module = parse_module(make_context(), text, name)
    verify_module(module, name)
    stage: str = args.compile_from or stage_of(module)
    if stage not in IR_STAGES[args.target]:
        known = ", ".join(IR_STAGES[args.target])
        raise ArgumentError(f"--compile-from: unknown stage '{stage}' for target {args.target}; use one of {known}")
    if args.output is not None and args.output.suffix not in {".npy", ".npz"}:
        raise ArgumentError(f"--output: {args.output} is neither .npy nor .npz")
    signature = signature_of(module, args.function)
    inputs = _inputs(signature, args.input, args.seed)
    expected = None
    if args.compare_with or args.reference_only:
        expected = _reference(module.clone(), stage, signature, inputs)
    results = expected if args.reference_only else _execute(module, stage, signature, inputs, args)
    assert results is not None
    if args.output is not None:
        _save(args.output, results)
    if not args.quiet:
        for index, (result, spec) in enumerate(zip(results, signature.outputs, strict=True)):
            print(f"result {index}: {spec}\n{np.array2string(result, threshold=64)}")
    if args.compare_with:
        assert expected is not None
        return _compare(results, expected, args.rtol)
    return 0


def _execute(
    module: ModuleOp, stage: str, signature: Signature, inputs: list[Array], args: argparse.Namespace
) -> list[Array]:
    target: Target = args.target
    options = CompileOptions(vector_bits=args.vector_bits, threads=args.threads)
    timing = TimingObserver()
    observers = [timing] if args.mlir_timing else []
    if target == "cuda":
        from compiler.cuda import compile_for_cuda as compile_module
    else:
        from compiler.executable import compile_for_cpu as compile_module
    run = compile_module(module, signature.name, stage=stage, options=options, observers=observers)
    if observers:
        print(timing.report(), file=sys.stderr)
    return run(inputs)


def _reference(module: ModuleOp, stage: str, signature: Signature, inputs: list[Array]) -> list[Array]:
    """The results of the interpreter at the stage of the file."""
    if stage in {"llvm", "gpu"}:
        raise ArgumentError(f"there is no interpreter for the stage {stage}; compare at loops or earlier")
    from runtime.reference import interpret

    if stage == "tensor":
        from compiler.pipelines import passes_between, run_passes

        run_passes(module, passes_between("tensor", "autodiff"))
    return interpret(module, signature.name, inputs)


def _inputs(signature: Signature, files: Sequence[str], seed: int) -> list[Array]:
    """Given arrays, checked, and random ones for the rest."""
    given: list[Array] = []
    for file in files:
        given += _load(file)
    if len(given) > len(signature.inputs):
        raise ArgumentError(f"@{signature.name} takes {len(signature.inputs)} arrays, {len(given)} were given")
    for index, (array, spec) in enumerate(zip(given, signature.inputs, strict=False)):
        if array.dtype == "V2" and spec.dtype.kind == "V":  # `.npy` files do not say that an array is of bfloat16
            given[index] = array = array.view(spec.dtype)  # noqa: PLW2901
        if array.shape != spec.shape or array.dtype != spec.dtype:
            shape = ",".join(map(str, array.shape))
            raise ArgumentError(f"input {index} of @{signature.name} is {array.dtype}[{shape}], expected {spec}")
    rng = np.random.default_rng(seed)
    return given + [_random(rng, spec) for spec in signature.inputs[len(given) :]]


def _load(file: str) -> list[Array]:
    try:
        loaded: Any = np.load(file)
    except OSError as error:
        raise ArgumentError(f"--input: cannot read {file}: {error.strerror or error}") from error
    except (ValueError, EOFError) as error:
        raise ArgumentError(f"--input: {file} is neither .npy nor .npz: {error}") from error
    return [loaded] if isinstance(loaded, np.ndarray) else [loaded[key] for key in loaded.files]


def _random(rng: np.random.Generator, spec: ArraySpec) -> Array:
    if spec.dtype.kind == "c":
        parts = rng.standard_normal((2, *spec.shape))
        return np.asarray(parts[0] + 1j * parts[1]).astype(spec.dtype)
    if dtype_kind(spec.dtype) == "f":
        return rng.standard_normal(spec.shape).astype(spec.dtype)
    high = 2 if spec.dtype.kind == "b" else 8
    return np.asarray(rng.integers(0, high, spec.shape)).astype(spec.dtype)


def _save(path: Path, results: Sequence[Array]) -> None:
    if path.suffix == ".npy" and len(results) != 1:
        raise ArgumentError(f"--output: {len(results)} results do not fit into one .npy file; use .npz")
    try:
        if path.suffix == ".npy":
            np.save(path, results[0])
        else:
            np.savez(path, *results)
    except OSError as error:
        raise ArgumentError(f"--output: cannot write {path}: {error.strerror or error}") from error


_TOLERANCES = {np.dtype(np.float32): 1e-5, np.dtype(np.float64): 1e-12}


def _compare(results: Sequence[Array], expected: Sequence[Array], rtol: float | None) -> int:
    """Report the largest difference of each result; 1 if one is above the tolerance."""
    status = 0
    for index, (got, want) in enumerate(zip(results, expected, strict=True)):
        if dtype_kind(got.dtype) not in "fc":
            equal = bool(np.array_equal(got, want))
            print(f"result {index}: {'equal' if equal else 'DIFFERENT'}", file=sys.stderr)
            status |= not equal
            continue
        precision = cast(Any, finfo(got.dtype))
        tolerance = rtol if rtol is not None else _TOLERANCES.get(precision.dtype, 4 * float(precision.eps))
        wide = np.complex128 if got.dtype.kind == "c" else np.float64
        got, want = got.astype(wide), want.astype(wide)  # noqa: PLW2901
        with np.errstate(all="ignore"):
            scale = max(1.0, float(np.max(np.abs(want[np.isfinite(want)]), initial=0.0)))
            both = np.isfinite(got) & np.isfinite(want)
            error = float(np.max(np.abs(got[both] - want[both]), initial=0.0)) / scale
            same_specials = bool(np.array_equal(got[~both], want[~both], equal_nan=True))
        good = same_specials and error <= tolerance
        print(
            f"result {index}: largest difference {error:.2e} of the largest value, tolerance {tolerance:.0e}"
            f"{'' if good else '; DIFFERENT'}{'' if same_specials else ' (NaN or infinities differ)'}",
            file=sys.stderr,
        )
        status |= not good
    return int(status)


def run() -> None:
    """The console script."""
    raise SystemExit(main())


if __name__ == "__main__":
    run()
