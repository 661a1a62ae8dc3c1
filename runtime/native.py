"""Machine code for this machine or another: LLVM text to object bytes.

```
text --optimise--> LLVM module --emit_object--> bytes (what a cache keeps) --load--> Program --call--> results in memory
```

The second half is `linker.py`: who finds all code in a cache does without this module, and without llvmlite's.
"""

import re
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from pathlib import Path
from typing import Any

import llvmlite.binding as _llvmlite

from dialects.errors import InternalError, UnsupportedError
from runtime.linker import Program, load
from runtime.llvm_library import first_lines
from runtime.target import Target, host_target

__all__ = [
    "Program",
    "Target",
    "emit_assembly",
    "emit_llvm_ir",
    "emit_object",
    "function_costs",
    "host_target",
    "host_vector_bits",
    "load",
    "optimise",
    "parse",
]

llvm: Any = _llvmlite  # it has no type annotations


@cache
def target_machine(target: Target) -> Any:
    """LLVM's target machine."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    if target.triple != llvm.get_process_triple():
        llvm.initialize_all_targets()
        llvm.initialize_all_asmprinters()
    return llvm.Target.from_triple(target.triple).create_target_machine(
        cpu=target.cpu, features=target.features, opt=target.level, reloc="pic", jit=True
    )


def host_vector_bits() -> int:
    """The width of a vector register of this machine."""
    return host_target().vector_bits


_HALF = re.compile(r"[ <(]half[ ,)>]")
"""The type of a float16 in LLVM assembly."""


def parse(text: str, target: Target) -> Any:
    """Read LLVM assembly and verify it; raise `InternalError` if it is wrong, because LLVM would end the process."""
    machine = target_machine(target)
    if target.triple.startswith("x86_64") and "+f16c" not in target.features.split(",") and _HALF.search(text):
        raise UnsupportedError(
            f"{target.cpu}: the processor has no instructions for float16 (F16C); convert with `.astype(np.float32)`"
        )
    try:
        module = llvm.parse_assembly(text, llvm.create_context())
        module.triple = target.triple
        module.data_layout = str(machine.target_data)
        module.verify()
    except RuntimeError as error:
        raise InternalError(
            f"LLVM rejects the module: {first_lines(str(error))}; its text is in {_save(text)}"
        ) from error
    return module


Phase = Callable[[str], AbstractContextManager[Any]]
"""What gives a context for each part of the work, by its name."""


def optimise(text: str, target: Target | None = None, phase: Phase = nullcontext) -> Any:
    """Read LLVM assembly and improve it; the result is an `llvmlite` module."""
    target = target or host_target()
    with phase("parser and verifier"):
        module = parse(text, target)
    with phase("passes"):
        builder = llvm.create_pass_builder(target_machine(target), llvm.create_pipeline_tuning_options(speed_level=2))
        # Each run looks at the module anew: there are several only for somebody who wants to know how long each pass takes.
        runs = [_PASSES] if phase is nullcontext else [{name: add} for name, add in _PASSES.items()]
        for passes in runs:
            manager = llvm.create_new_module_pass_manager()
            for add in passes.values():
                add(manager)
            with phase(next(iter(passes))):
                manager.run(module, builder)
    return module


_PASSES: dict[str, Callable[[Any], None]] = {
    "always-inline": lambda passes: passes.add_always_inliner_pass(),
    "ipsccp": lambda passes: passes.add_ipsccp_pass(),
    "sroa": lambda passes: passes.add_sroa_pass(),
    "instcombine": lambda passes: passes.add_instruction_combine_pass(),
    "simplifycfg": lambda passes: passes.add_simplify_cfg_pass(),
}
"""What explicit vector code needs, a tenth of the time of LLVM's own pipeline at the same speed of the result.

Only what asks for it is inlined: kernels of loops. The range of a kernel that is launched once is constant: `ipsccp`
carries it into the kernel, where branches for empty ranges and other tails fall away, and with them up to 40 % of the
time of code generation.

`newgvn`, the only elimination of common subexpressions that llvmlite offers, is left out: LLVM 22's is wrong (conditions
on the counters of two nested loops become those of an earlier iteration), and gains nothing here.
"""


def emit_object(text: str, target: Target | None = None, phase: Phase = nullcontext) -> bytes:
    """The object file of LLVM assembly, optimised."""
    target = target or host_target()
    module = optimise(text, target, phase)
    with phase("code generation"):
        return target_machine(target).emit_object(module)


def emit_assembly(text: str, target: Target | None = None, phase: Phase = nullcontext) -> str:
    """The native assembly of LLVM assembly, optimised."""
    target = target or host_target()
    module = optimise(text, target, phase)
    with phase("code generation"):
        return target_machine(target).emit_assembly(module)


def emit_llvm_ir(text: str, target: Target | None = None, phase: Phase = nullcontext) -> str:
    """LLVM assembly, optimised."""
    return str(optimise(text, target, phase))


_DEFINITION = re.compile(r"^define (?:internal )?([^\n]*?(@[\w.]+)\([^\n]*) \{\n.*?^\}\n", re.MULTILINE | re.DOTALL)
"""A function of LLVM assembly that LLVM has printed: what declares it, and its name."""
_SYMBOL = re.compile(r"@[\w.]+")


def function_costs(text: str, target: Target | None = None) -> list[tuple[str, float, int]]:
    """For each function of LLVM assembly, optimised: its name, the seconds that generating its code takes alone, and the bytes."""
    target = target or host_target()
    text = emit_llvm_ir(text, target)
    functions = {function[2]: function for function in _DEFINITION.finditer(text)}
    others = {name: f"declare {function[1]}\n" for name, function in functions.items()}
    settings = ""
    for line in _DEFINITION.sub("", text).splitlines(keepends=True):
        symbol = _SYMBOL.search(line)
        if symbol is None:
            settings += line
        else:  # a constant, or the declaration of a function
            others[symbol[0]] = line
    costs: list[tuple[str, float, int]] = []
    for name, function in functions.items():
        used = sorted(set(_SYMBOL.findall(function[0])) & others.keys() - {name})
        alone = function[0].replace("define internal ", "define ", 1)
        module = parse(settings + "".join(map(others.__getitem__, used)) + alone, target)
        start = time.perf_counter()
        code = target_machine(target).emit_object(module)
        seconds = time.perf_counter() - start
        sections = llvm.ObjectFileRef.from_data(code).sections()
        costs.append((name, seconds, sum(section.size() for section in sections if section.is_text())))
    return costs


def _save(text: str) -> Path:
    with tempfile.NamedTemporaryFile("w", prefix="dlc-", suffix=".ll", delete=False) as file:
        file.write(text)
    return Path(file.name)
