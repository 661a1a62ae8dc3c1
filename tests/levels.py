"""Run the functions of a module at every level: interpreted after passes, and as machine code."""

from collections.abc import Collection, Iterator, Mapping, Sequence

import numpy as np
from object_symbols import undefined_symbols
from xdsl.dialects.builtin import ModuleOp

from compiler.executable import Executable
from compiler.options import CompileOptions
from compiler.pipelines import IR_STAGES, passes_between, run_passes
from compiler.signatures import signature_of
from passes.loops.expand_math import EXPANSIONS, ExpandMathPass
from runtime.imported_functions import function_addresses, imported_functions
from runtime.llvm_text import emit_llvm
from runtime.native import emit_object, host_vector_bits, load
from runtime.reference import interpret

Arrays = list[np.ndarray]
Calls = Mapping[str, Sequence[Sequence[np.ndarray]]]
"""For each function, the argument lists to call it with."""

Results = dict[str, list[Arrays]]
"""For each function, the results of each call."""

LINKED = {"_GLOBAL_OFFSET_TABLE_", "memcpy", "memmove", "memset"}
"""What machine code may need besides the libraries of matrices: no function of the C library that computes."""

HOST_VECTOR_BITS = host_vector_bits()


def interpret_calls(module: ModuleOp, calls: Calls) -> Results:
    return {name: [interpret(module, name, arguments) for arguments in several] for name, several in calls.items()}


def after_every_stage(module: ModuleOp, calls: Calls, vector_bits: int) -> Iterator[tuple[str, Results]]:
    """The results at each stage up to `loops`, and with mathematical functions expanded; `module` is changed."""
    stages = IR_STAGES["cpu"][1:-1]
    options = CompileOptions(vector_bits=vector_bits)
    for before, stage in zip(IR_STAGES["cpu"], stages, strict=False):
        run_passes(module, passes_between(before, stage, options=options))
        yield stage, interpret_calls(module, calls)
    if not any(type(op) in EXPANSIONS for op in module.walk()):
        return
    ExpandMathPass().apply(None, module)
    yield "loops, expanded", interpret_calls(module, calls)


def after_every_pass(module: ModuleOp, calls: Calls, vector_bits: int) -> Iterator[tuple[str, Results]]:
    """The results after each pass that leads to `loops` or expands functions; `module` is changed."""
    options = CompileOptions(vector_bits=vector_bits)
    for executed in [*passes_between("tensor", "loops", options=options), ExpandMathPass()]:
        run_passes(module, [executed])
        module.verify()
        yield executed.name, interpret_calls(module, calls)


def executables(
    module: ModuleOp, names: Collection[str], vector_bits: int, stage: str = "tensor"
) -> dict[str, Executable]:
    """Machine code for the whole module: its functions `names`; `module` is changed."""
    options = CompileOptions(vector_bits=vector_bits)
    run_passes(module, passes_between(stage, "llvm", options=options))
    text = emit_llvm(module)
    code, functions = emit_object(text), imported_functions(text)
    assert undefined_symbols(code) <= LINKED | set(functions)
    program = load(code, function_addresses(functions))
    return {name: Executable(signature_of(module, name), program) for name in names}


def compiled(module: ModuleOp, calls: Calls, vector_bits: int, stage: str = "tensor") -> Results:
    """The results of machine code for the whole module; `module` is changed."""
    functions = executables(module, calls, vector_bits, stage)
    return {name: [functions[name](list(arguments)) for arguments in several] for name, several in calls.items()}
