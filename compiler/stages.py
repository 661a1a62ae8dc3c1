"""The stages of one compilation as objects, named as in JAX: `Traced`, `Lowered`, `Compiled`.

`f.trace(x)` has the program as traced; `.lower()` prints it at any stage; `.compile()` gives machine code.
"""

import os
import sys
import tempfile
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import ModuleOp

from compiler.abstract import AbstractArray, abstract
from compiler.array_kinds import Wrap, as_plain
from compiler.collector import paused_collector
from compiler.compile_log import SignatureRecord
from compiler.errors import ArgumentError, InternalError, at_user_line
from compiler.executable import MachineCode, compile_to_machine_code, load_machine_code
from compiler.memory_analysis import MemoryAnalysis, memory_of
from compiler.options import CompileOptions
from compiler.pipelines import (
    IR_STAGES,
    TEXT_STAGES,
    Observer,
    Target,
    VerifyingObserver,
    passes_between,
    run_passes,
    stages,
)
from compiler.printing import machine_text, to_text
from compiler.program_cache import compiled_program, program_key
from compiler.pytrees import unflatten
from compiler.signatures import signature_of
from compiler.stored_programs import stored_machine_code
from compiler.tracing import Traced as TracedProgram
from compiler.unrolling import emit_unroll_remarks
from dialects.dlc.interfaces import dtype_kind
from dialects.remarks import Remark, collect_remarks, emit_remark

if TYPE_CHECKING:
    from runtime.dispatch.entry import NativeEntry

Array = NDArray[Any]
Run = Callable[[Sequence[Array]], list[Array]]


@dataclass(frozen=True)
class CostAnalysis:
    """What one call computes and moves, counted on the fused program.

    A loop counts as often as it runs, once if that is known at run time only; of branches, the largest numbers count.

    Attributes:
        flops: floating-point additions, multiplications, divisions and comparisons; a fused multiply-add is two.
        transcendentals: calls of exp, log, tanh and the like.
        bytes_accessed: bytes that kernels and library calls read and write, each operand once.
        kernels: launches of kernels.
        library_calls: calls of BLAS and LAPACK; one for a whole batch. What LAPACK computes is not counted.
    """

    flops: int
    transcendentals: int
    bytes_accessed: int
    kernels: int
    library_calls: int


class Traced:
    """A function traced for one signature."""

    def __init__(self, traced: TracedProgram, target: Target, options: CompileOptions):
        self._traced = traced
        self._target: Target = target
        self._options = options

    @property
    def out_info(self) -> Any:
        """The result as a tree of abstract arrays (`shape`, `dtype`)."""
        return unflatten(self._traced.output_tree, self._traced.outputs)

    def as_text(self, *, debug_info: bool = False) -> str:
        """The program as traced, in the `dlc` dialect."""
        return to_text(self._traced.module, debug_info=debug_info)

    def lower(self) -> "Lowered":
        """The program, ready to be printed at any stage or compiled."""
        return Lowered(self._traced, self._target, self._options)


class Lowered:
    """A traced program that can be printed at any stage, analysed, or compiled."""

    def __init__(self, traced: TracedProgram, target: Target, options: CompileOptions):
        self._traced = traced
        self._target: Target = target
        self._options = options

    def as_text(self, stage: str = "tensor", *, debug_info: bool = False) -> str:
        """The program at a stage: `tensor`, `autodiff`, `linalg`, `fused`, `bufferized`, `loops`, `llvm`, `llvm-opt`, `asm` (or `ptx`).

        Args:
            stage: a stage of the target.
            debug_info: whether to print the user's file and line with every operation.

        Raises:
            ArgumentError: the target has no such stage.
        """
        if stage not in stages(self._target):
            names = ", ".join(stages(self._target))
            raise ArgumentError(f"as_text: unknown stage {stage!r} for target {self._target}; use one of {names}")
        if stage in TEXT_STAGES[self._target]:
            return machine_text(self.module_at(IR_STAGES[self._target][-1]), stage, self._target, self._options)
        return to_text(self.module_at(stage), debug_info=debug_info)

    def module_at(self, stage: str) -> ModuleOp:
        """A new module with the program at an IR stage."""
        module = self._traced.module.clone()
        run_passes(module, passes_between("tensor", stage, self._target, self._options))
        return module

    def remarks(self) -> list[Remark]:
        """What the passes decided, and why: fusions made and refused, library or generated code, in place or copied."""
        from runtime.dispatch.interpreter import missing_feature

        with collect_remarks() as remarks:
            if self._target == "cpu" and (reason := missing_feature()):
                emit_remark("missed", "jit", f"calls go through Python: {reason}")
            emit_unroll_remarks(self._traced.module)
            self.module_at(IR_STAGES[self._target][-1])
        return remarks

    def signature_record(self, static: tuple[tuple[int | str, Hashable], ...] = ()) -> SignatureRecord:
        """The signature, for messages."""
        traced = self._traced
        return SignatureRecord(traced.input_tree, static, traced.argument_names, traced.inputs)

    def memory_analysis(self) -> MemoryAnalysis:
        """The bytes of inputs, results and temporaries of one call, and where each temporary lies."""
        last = "gpu" if self._target == "cuda" else "bufferized"  # kernels of a GPU may need more
        return memory_of(self.module_at("bufferized"), signature_of(self.module_at(last), self._traced.name))

    def timing_report(self, *, as_list: bool = False) -> str:
        """How long compiling takes, as a tree of passes down to LLVM's and to the code of each kernel, or sorted by time.

        It compiles; what is in caches is not used. The time of the code of a kernel is that of generating it alone.
        """
        from compiler.timing import TimingObserver

        timing = TimingObserver()
        self.compile_observed([timing])
        return timing.report(as_list=as_list)

    def compile_observed(self, observers: Sequence[Observer]) -> Run:
        """Machine code, compiled anew while `observers` look on."""
        with paused_collector():
            return self._compile_program(observers)

    def cost_analysis(self) -> CostAnalysis:
        """Floating-point operations and bytes of one call."""
        from compiler.cost import cost_of

        return CostAnalysis(**cost_of(self.module_at("fused")))

    def compile(self) -> "Compiled":
        """Machine code.

        Raises:
            CompilerError: a library, a driver or a device is missing, or the program is not supported.
        """
        observers = environment_observers(self._traced, self._target, self._options)
        timing = None
        if is_set("DLC_TIMING"):
            from compiler.timing import TimingObserver

            timing = TimingObserver()
            observers.append(timing)
        try:
            with paused_collector():
                run = self._compile_run(observers)
        except InternalError as error:
            raise InternalError(f"{error}\n{self._write_reproducer(error)}") from error
        if timing is not None:
            print(timing.report(), file=sys.stderr)
        return Compiled(self, self._traced, run)

    def _write_reproducer(self, error: InternalError) -> str:
        """Write what `dlc-opt` repeats a mistake of ours from; say where."""
        from compiler.instrumentation import reproducer, write_file

        passes = passes_between("tensor", IR_STAGES[self._target][-1], self._target, self._options)
        folder = os.environ.get("DLC_REPRODUCER_PATH") or tempfile.mkdtemp(prefix="dlc-")
        path = Path(folder) / f"{self._traced.name}.mlir"
        try:
            write_file(path, reproducer(to_text(self._traced.module, debug_info=True), passes, str(error)))
        except ArgumentError as failure:
            return f"this is a mistake of dlc; no reproducer is written: {failure}"
        return (
            f"this is a mistake of dlc; `dlc-opt --run-reproducer {path}` repeats it: please report it with this file"
        )

    def _compile_run(self, observers: Sequence[Observer]) -> Run:
        name = self._traced.name
        if is_set("DLC_DISABLE_JIT"):
            from runtime.reference import interpret

            module = self.module_at("autodiff")
            return lambda arrays: interpret(module, name, arrays)
        if observers:  # they want to see a compilation
            return self._compile_program(observers)
        key = program_key(self._traced.module, self._target, self._options)
        return compiled_program(key, lambda: self._compile_program(key=key))

    def _compile_program(self, observers: Sequence[Observer] = (), key: bytes | None = None) -> Run:
        """Compile, or take from the cache on disk what is there under `key`."""
        traced, options = self._traced, self._options
        if self._target == "cuda":
            from compiler.cuda import compile_for_cuda

            return compile_for_cuda(traced.module.clone(), traced.name, options=options, observers=observers)

        def compiled() -> MachineCode:
            return compile_to_machine_code(traced.module.clone(), traced.name, options=options, observers=observers)

        return load_machine_code(compiled() if key is None else stored_machine_code(key, compiled), options, observers)


class Compiled:
    """A compiled function for one signature: call it with arguments of that structure, shapes and dtypes."""

    def __init__(self, lowered: Lowered, traced: TracedProgram, run: Run):
        self._lowered = lowered
        self._traced = traced
        self._run = run
        self._is_one_array = traced.output_tree.is_leaf(strict=True)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run on arguments that must have the signature compiled for.

        Raises:
            ArgumentError: structure, shape or dtype differ.
        """
        from compiler.pytrees import flatten

        leaves, spec = flatten((args, kwargs))
        if spec != self._traced.input_tree:
            raise ArgumentError(
                f"{self._traced.name}: the arguments have the structure {spec}, compiled for {self._traced.input_tree}"
            )
        return self.run(*as_plain(leaves))

    def run(self, leaves: Sequence[Any], wrap: Wrap | None = None) -> Any:
        """Run on the leaves of arguments that have the signature compiled for; `wrap` makes the results from NumPy's arrays."""
        traced = self._traced
        arrays = [
            leaf
            if type(leaf) is np.ndarray and leaf.dtype is aval.dtype
            else as_array(leaf, aval, traced.argument_names[i])
            for i, (leaf, aval) in enumerate(zip(leaves, traced.inputs, strict=True))
        ]
        results = self._run([*arrays, *traced.constants] if traced.constants else arrays)
        if self._is_one_array:
            return results[0] if wrap is None else wrap(results[0])
        return unflatten(traced.output_tree, results if wrap is None else map(wrap, results))

    def native_entry(
        self, args: Sequence[Any], kwargs: Mapping[str, Any], static: Sequence[int | str]
    ) -> "NativeEntry | None":
        """What answers calls like this one natively; `None` if the program or an argument is of another kind.

        `static` are the positions and names of arguments that are part of the program.
        """
        from compiler.executable import Executable
        from compiler.native_calls import argument_pattern, result_recipe
        from runtime.dispatch.entry import NativeEntry

        run, traced = self._run, self._traced
        if not isinstance(run, Executable):
            return None
        pattern = argument_pattern(args, kwargs, static, traced.inputs)
        if pattern is None or pattern.leaf_count != len(traced.inputs):
            return None
        recipe = result_recipe(traced.output_tree, has_tensors=pattern.has_tensors)
        return NativeEntry(pattern, traced.constants, run.native_program, recipe)

    def as_text(self, stage: str = "llvm-opt", *, debug_info: bool = False) -> str:
        """The program at any stage; see `Lowered.as_text`."""
        return self._lowered.as_text(stage, debug_info=debug_info)

    def memory_analysis(self) -> MemoryAnalysis:
        """The bytes of inputs, results and temporaries of one call, and where each temporary lies."""
        return self._lowered.memory_analysis()

    def timing_report(self, *, as_list: bool = False) -> str:
        """How long compiling takes; see `Lowered.timing_report`."""
        return self._lowered.timing_report(as_list=as_list)

    def cost_analysis(self) -> CostAnalysis:
        """Floating-point operations and bytes of one call."""
        return self._lowered.cost_analysis()

    def remarks(self) -> list[Remark]:
        """What the passes decided, and why."""
        return self._lowered.remarks()


def as_array(leaf: Any, aval: AbstractArray, name: str) -> Array:
    """A leaf of the arguments as an array of the dtype compiled for, in native byte order.

    Raises:
        ArgumentError: it has another shape or dtype; a Python scalar may be an integer where a float is expected.
    """
    given = abstract(leaf, name)
    kinds = "ifc"  # of which a Python scalar may be an earlier one
    fits = given.dtype == aval.dtype or (
        given.weak_type and dtype_kind(aval.dtype) in kinds[kinds.index(dtype_kind(given.dtype)) :]
    )
    if not fits or given.shape != aval.shape:
        raise ArgumentError(at_user_line(f"argument {name} is {given}, compiled for {aval}"))
    return np.asarray(leaf, aval.dtype)


def is_set(variable: str) -> bool:
    """Whether an environment variable is there and neither empty nor 0."""
    return os.environ.get(variable, "0") not in {"", "0"}


def environment_observers(traced: TracedProgram, target: Target, options: CompileOptions) -> list[Observer]:
    """What the environment asks to see of a compilation: `DLC_VERIFY`, `DLC_DUMP_IR_TO`, `DLC_PRINT_IR_AFTER`."""
    observers: list[Observer] = []
    names = [name.strip() for name in os.environ.get("DLC_PRINT_IR_AFTER", "").split(",") if name.strip()]
    if names:
        from compiler.instrumentation import PrintObserver

        observers.append(PrintObserver(after=["*"] if "all" in names else names))
    if is_set("DLC_VERIFY"):
        observers.append(VerifyingObserver())
    folder = os.environ.get("DLC_DUMP_IR_TO")
    if folder:
        from compiler.dumps import DumpObserver

        observers.append(DumpObserver(folder, traced.name, traced.module, target, options))
    return observers
