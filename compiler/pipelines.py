"""The stages and the passes that lead to each, as flat lists.

A stage is a level that a user can ask for by name; `passes_between` is all that `jit`, `as_text`, `dlc-opt --compile-to`
and `dlc-run` need to know about the order of passes.
"""

import os
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from functools import cache, lru_cache
from typing import Any, Literal

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import PassFailedException, VerifyException

from compiler.options import CompileOptions
from dialects.errors import ArgumentError, CompilerError, InternalError
from passes import get_all_passes

Target = Literal["cpu", "cuda"]
PassSpec = tuple[str, dict[str, Any]]

IR_STAGES: dict[Target, tuple[str, ...]] = {
    "cpu": ("tensor", "autodiff", "linalg", "fused", "bufferized", "loops", "llvm"),
    "cuda": ("tensor", "autodiff", "linalg", "fused", "bufferized", "loops", "gpu", "llvm"),
}
"""The stages that are IR, in order; a module at any of them can be printed, read and compiled further."""

TEXT_STAGES: dict[Target, tuple[str, ...]] = {"cpu": ("llvm-opt", "asm"), "cuda": ("llvm-opt", "ptx")}
"""The stages that LLVM prints; they follow the IR stages and cannot be read back."""


def stages(target: Target = "cpu") -> tuple[str, ...]:
    """All stages of a target, in order."""
    return IR_STAGES[target] + TEXT_STAGES[target]


def passes_to_stage(target: Target, options: CompileOptions) -> dict[str, list[PassSpec]]:
    """For each IR stage, the passes that lead to it from the one before."""
    shared: dict[str, list[PassSpec]] = {
        "tensor": [],
        "autodiff": [
            ("expand-transforms", {}),
            ("inline", {}),
            ("simplify-dlc", {}),  # folds constants and merges equal values on the way
            ("prune-control-flow", {}),
            ("hoist-sums", {}),  # what is stacked is known now
            ("remove-dead-functions", {}),
        ],
        "linalg": [("split-complex", {}), ("split-carries", {}), ("convert-dlc-to-linalg", {})],
        "fused": [
            ("select-libraries", {}),
            ("interchange-loops", {}),  # what is left of a loop can then be fused with what is around it
            ("fuse-elementwise", {}),
            ("split-at-seams", {}),
            ("pack-operands", {}),
            ("split-reductions", {}),  # what is fused into a reduction is now computed in its parts
            ("narrow-sums", {}),  # what adds up in a part may need fewer bits
            ("form-kernels", {"max_group_size": options.max_group_size}),
            ("collapse-dims", {}),
            ("hoist-invariants", {}),
        ],
        "bufferized": [
            ("bufferize", {}),
            ("outline-kernels", {}),
            ("deduplicate-kernels", {}),  # before anything is lowered: compile each distinct kernel once
            ("schedule-launches", {}),
            ("plan-memory", {}),
        ],
    }
    variants = {"fast": options.math == "fast", "exponents": target == "cpu" and _has_exponents(options)}
    expand_math: PassSpec = ("expand-math", {name: True for name, is_chosen in variants.items() if is_chosen})
    if target == "cpu":
        fused = shared["fused"]
        # Parts of rows one after the other keep threads busy, but no GPU.
        fused.insert(fused.index(("hoist-invariants", {})), ("absorb-sums", {}))
        return shared | {
            "loops": [
                ("split-work", {"max_threads": options.threads or 0, "processors": processor_count()}),
                ("leave-loops", {}),  # split-work has counted the steps
                ("lower-kernels", {"vector_bits": _vector_bits(options)}),
            ],
            "llvm": [expand_math, ("convert-to-llvm", {})],
        }
    return shared | {
        "loops": [("lower-kernels", {"vector_bits": 0})],
        "gpu": [expand_math, ("share-points", {}), ("widen-points", {}), ("map-to-gpu", {})],
        "llvm": [("convert-gpu-to-llvm", {}), ("check-ptx-legality", {})],
    }


def processor_count() -> int:
    """The processors of this machine, used or not: so that results do not depend on who may use them."""
    return os.cpu_count() or 1


def _vector_bits(options: CompileOptions) -> int:
    if options.vector_bits is not None:
        return options.vector_bits
    from runtime.target import host_target

    return host_target().vector_bits


def _has_exponents(options: CompileOptions) -> bool:
    """Whether code is for this machine as it is, and this has instructions that work on exponents."""
    if options.vector_bits is not None:
        return False
    from runtime.target import host_target

    return host_target().has_exponents


@cache
def _pass_loaders() -> dict[str, Callable[[], type[ModulePass]]]:
    return get_all_passes()


def make_pass(spec: PassSpec) -> ModulePass:
    """The pass object of a name and its options."""
    name, arguments = spec
    return _pass_loaders()[name]()(**arguments)


def passes_between(
    start: str, end: str, target: Target = "cpu", options: CompileOptions | None = None
) -> list[ModulePass]:
    """The passes from stage `start` to stage `end`, both IR stages.

    Raises:
        ArgumentError: a stage that the target has not, or `end` before `start`.
    """
    return list(_passes_between(start, end, target, options or CompileOptions()))


@lru_cache(maxsize=64)
def _passes_between(start: str, end: str, target: Target, options: CompileOptions) -> tuple[ModulePass, ...]:
    names = IR_STAGES[target]
    for stage in (start, end):
        if stage not in names:
            raise ArgumentError(f"unknown stage '{stage}' for target {target}; use one of {', '.join(names)}")
    first, last = names.index(start), names.index(end)
    if last < first:
        raise ArgumentError(f"cannot compile from stage '{start}' back to '{end}'; the order is {', '.join(names)}")
    by_stage = passes_to_stage(target, options)
    return tuple(make_pass(spec) for stage in names[first + 1 : last + 1] for spec in by_stage[stage])


class Observer:
    """Whoever wants to see a compilation: dumps, timing, verification. The methods of this base do nothing.

    Attributes:
        looks_at_functions: whether it wants `generated_function` to be called, which costs as much as generating the code.
    """

    looks_at_functions = False

    def before_pass(self, executed: ModulePass, module: ModuleOp) -> None:
        """Called before each pass."""

    def after_pass(self, executed: ModulePass, module: ModuleOp, seconds: float) -> None:
        """Called after each pass with the module it left."""

    def phase(self, name: str) -> AbstractContextManager[Any]:
        """What the part `name` of a compilation, which is no pass, runs in."""
        del name
        return nullcontext()

    def generated_function(self, name: str, seconds: float, size: int) -> None:
        """Called for each function of a program with the time that its code took, alone, and the bytes of it."""

    def failed_pass(self, executed: ModulePass, module: ModuleOp, error: Exception) -> None:
        """Called when a pass or the look at its result raises; `module` may be half changed."""


@contextmanager
def observed_phase(observers: Sequence[Observer], name: str) -> Generator[None]:
    """A part of a compilation that is no pass."""
    with ExitStack() as stack:
        for observer in observers:
            stack.enter_context(observer.phase(name))
        yield


def observe_functions(observers: Sequence[Observer], text: str) -> None:
    """Tell those who want to know what the machine code of each function of LLVM assembly costs."""
    interested = [observer for observer in observers if observer.looks_at_functions]
    if interested:
        from runtime.native import function_costs

        for cost in function_costs(text):
            for observer in interested:
                observer.generated_function(*cost)


class VerifyingObserver(Observer):
    """Verifies the module after every pass (`DLC_VERIFY=1`)."""

    def after_pass(self, executed: ModulePass, module: ModuleOp, seconds: float) -> None:
        """Raise `InternalError` that names the pass if the module does not verify."""
        del seconds
        try:
            module.verify()
        except VerifyException as error:
            raise InternalError(f"{executed.name}: left IR that does not verify: {error}") from error


def run_passes(
    module: ModuleOp, passes: Iterable[ModulePass], observers: Sequence[Observer] = (), context: Context | None = None
) -> None:
    """Run `passes` on `module` in place.

    Raises:
        CompilerError: what a pass says about the user's program.
        InternalError: anything else that a pass raises; it names the pass.
    """
    context = context or Context()
    for executed in passes:
        try:
            for observer in observers:
                observer.before_pass(executed, module)
            start = time.perf_counter()
            executed.apply(context, module)
            seconds = time.perf_counter() - start
            for observer in observers:
                observer.after_pass(executed, module, seconds)
        except Exception as error:
            for observer in observers:
                observer.failed_pass(executed, module, error)
            if isinstance(error, CompilerError):
                raise
            raise InternalError(_failure(executed, error)) from error


def _failure(executed: ModulePass, error: Exception) -> str:
    """What a pass said about its input, or what went wrong in it, with its name in front."""
    text = str(error) if isinstance(error, PassFailedException) else f"{type(error).__name__}: {error}"
    return text if text.startswith(executed.name) else f"{executed.name}: {text}"
