"""Machine code on this machine: LLVM text to object bytes, object bytes to callable addresses.

```
text --optimise--> LLVM module --emit_object--> bytes (what a cache keeps) --load--> Program --call--> results in memory
```
"""

import ctypes
import re
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import count
from pathlib import Path
from typing import Any

import llvmlite.binding as _llvmlite

from dialects.errors import InternalError, UnsupportedError
from runtime.once import once

llvm: Any = _llvmlite  # it has no type annotations


@dataclass(frozen=True)
class Target:
    """What code is generated for, and how thoroughly: as `llc -mtriple -mcpu -mattr -O`."""

    triple: str
    cpu: str
    features: str
    level: int = 3

    @property
    def vector_bits(self) -> int:
        """The width of a vector register."""
        enabled = self.features.split(",")
        if "+avx512f" in enabled and "+avx512vl" in enabled:
            return 512
        return 256 if "+avx" in enabled else 128

    @cached_property
    def machine(self) -> Any:
        """LLVM's target machine."""
        _initialise()
        if self.triple != llvm.get_process_triple():
            llvm.initialize_all_targets()
            llvm.initialize_all_asmprinters()
        return llvm.Target.from_triple(self.triple).create_target_machine(
            cpu=self.cpu, features=self.features, opt=self.level, reloc="pic", jit=True
        )


@cache
def host_target() -> Target:
    """The processor that this program runs on."""
    _initialise()
    return Target(llvm.get_process_triple(), llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten())


def host_vector_bits() -> int:
    """The width of a vector register of this machine."""
    return host_target().vector_bits


_HALF = re.compile(r"[ <(]half[ ,)>]")
"""The type of a float16 in LLVM assembly."""


@cache
def _initialise() -> None:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()


def parse(text: str, target: Target) -> Any:
    """Read LLVM assembly and verify it; raise `InternalError` if it is wrong, because LLVM would end the process."""
    machine = target.machine
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
        raise InternalError(f"LLVM rejects the module: {_first_lines(error)}; its text is in {_save(text)}") from error
    return module


Phase = Callable[[str], AbstractContextManager[Any]]
"""What gives a context for each part of the work, by its name."""


def optimise(text: str, target: Target | None = None, phase: Phase = nullcontext) -> Any:
    """Read LLVM assembly and improve it; the result is an `llvmlite` module."""
    target = target or host_target()
    with phase("parser and verifier"):
        module = parse(text, target)
    with phase("passes"):
        builder = llvm.create_pass_builder(target.machine, llvm.create_pipeline_tuning_options(speed_level=2))
        for name, add in _PASSES.items():
            passes = llvm.create_new_module_pass_manager()
            add(passes)
            with phase(name):
                passes.run(module, builder)
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
        return target.machine.emit_object(module)


def emit_assembly(text: str, target: Target | None = None, phase: Phase = nullcontext) -> str:
    """The native assembly of LLVM assembly, optimised."""
    target = target or host_target()
    module = optimise(text, target, phase)
    with phase("code generation"):
        return target.machine.emit_assembly(module)


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
        code = target.machine.emit_object(module)
        seconds = time.perf_counter() - start
        sections = llvm.ObjectFileRef.from_data(code).sections()
        costs.append((name, seconds, sum(section.size() for section in sections if section.is_text())))
    return costs


class Program:
    """Code in memory, for as long as this object lives."""

    def __init__(self, jit: Any, tracker: Any, library: str):
        self._jit = jit
        self._tracker = tracker
        self._library = library
        self._symbols: dict[str, Any] = {}
        self._lock = threading.Lock()
        self._entries: dict[str, _Entry] = {}

    def address(self, name: str) -> int:
        """The address of the symbol `name`; raise `InternalError` if it is not there or cannot be linked."""
        with self._lock:  # what a second lookup gives would unload the code when it is dropped
            if name not in self._symbols:
                try:
                    self._symbols[name] = self._jit.lookup(self._library, name)
                except RuntimeError as error:
                    raise InternalError(
                        f"cannot link {name!r}: it is not in the object, or calls a function that has no address: "
                        f"{_first_lines(error)}"
                    ) from error
            return self._symbols[name][name]

    def keep(self) -> None:
        """Keep the code in memory until the process ends, after this object and all others are gone."""
        for kept in (self, self._jit):
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(kept))

    def call(self, name: str, pointers: Sequence[int]) -> None:
        """Call the function `name`, which takes a table of pointers, with a table of `pointers`."""
        entry = self._entries.get(name)
        if entry is None or entry.size != len(pointers):
            entry = self._entries[name] = _Entry(self.address(name), len(pointers))
        entry(pointers)


class _Entry:
    """A function that takes a table of `size` pointers.

    Tables are kept and refilled. Taking one off the list and putting it back are atomic, so several threads may call at
    once; the code must not be entered with a table that another thread is filling.
    """

    def __init__(self, address: int, size: int):
        self.size = size
        self._function: Callable[..., None] = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(address)
        self._table_type = ctypes.c_void_p * size
        self._tables: list[ctypes.Array[ctypes.c_void_p]] = []

    def __call__(self, pointers: Sequence[int]) -> None:
        try:
            table = self._tables.pop()
        except IndexError:
            table = self._table_type()
        table[:] = pointers  # pyright: ignore[reportArgumentType]
        self._function(table)
        self._tables.append(table)


_library_numbers = count()


@once
def _linker() -> Any:
    """The linker of this process; it takes object files only, so it needs no code generator of its own."""
    _initialise()
    machine = llvm.Target.from_default_triple().create_target_machine(jit=True)
    return llvm.create_lljit_compiler(machine, use_jit_link=True, suppress_errors=True)


def load(object_code: bytes, symbols: Mapping[str, int] | None = None) -> Program:
    """Load an object file, `symbols` being the addresses of external functions; it is linked when an address is asked for.

    Raises:
        InternalError: LLVM does not take the object.
    """
    library = llvm.JITLibraryBuilder().add_object_img(object_code).add_current_process()
    for name, address in (symbols or {}).items():
        library.import_symbol(name, address)
    # A name can never be used again, not even after its library is gone.
    name = f"dlc{next(_library_numbers)}"
    try:
        return Program(_linker(), library.link(_linker(), name), name)
    except RuntimeError as error:
        raise InternalError(f"cannot load the object: {_first_lines(error)}") from error


def _first_lines(error: Exception) -> str:
    return " ".join(str(error).split("\n")[:3]).strip()


def _save(text: str) -> Path:
    with tempfile.NamedTemporaryFile("w", prefix="dlc-", suffix=".ll", delete=False) as file:
        file.write(text)
    return Path(file.name)
