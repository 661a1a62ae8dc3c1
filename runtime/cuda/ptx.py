"""LLVM text to PTX by LLVM's NVPTX back end.

Before code is generated, every function that the optimised module declares is looked up in `dialects.ptx_intrinsics`: LLVM ends the
process on those that it cannot select.
"""

import re
from functools import cache
from typing import Any

import llvmlite.binding

from dialects.errors import ArgumentError, InternalError, UnsupportedError
from dialects.ptx_intrinsics import is_selectable

llvm: Any = llvmlite.binding

TRIPLE = "nvptx64-nvidia-cuda"
DEFAULT_ARCH = "sm_80"
MINIMUM_ARCH = 80
"""`max.NaN` and asynchronous copies begin with sm_80."""


@cache
def check_arch(arch: str) -> str:
    """Return `arch`; raise `ArgumentError` if LLVM does not know it or it is older than sm_80."""
    match = re.fullmatch(r"sm_(\d+)[af]?", arch)
    if match is None or int(match[1]) < MINIMUM_ARCH or arch not in _known_archs():
        known = ", ".join(name for name in _known_archs() if re.fullmatch(r"sm_\d+", name))
        raise ArgumentError(f"unknown GPU architecture '{arch}'; use one of {known}")
    return arch


@cache
def _known_archs() -> tuple[str, ...]:
    """The architectures from sm_80 on that LLVM has code generation for."""
    return tuple(f"sm_{number}{suffix}" for number in _NUMBERS for suffix in ("", *_SUFFIXES.get(number, ())))


_NUMBERS = (80, 86, 87, 89, 90, 100, 101, 103, 120, 121)
_SUFFIXES: dict[int, tuple[str, ...]] = {
    90: ("a",),
    **dict.fromkeys((100, 101, 103, 120, 121), ("a", "f")),
}


@cache
def newest_known(capability: int) -> str:
    """The newest architecture that LLVM knows and a device of compute capability `capability` (90 for 9.0) runs."""
    older = [number for number in _NUMBERS if number <= capability]
    if not older:
        raise UnsupportedError(
            f"the GPU has compute capability {capability / 10:.1f}; dlc needs {MINIMUM_ARCH / 10:.1f} or newer"
        )
    return f"sm_{older[-1]}"


@cache
def _machine(arch: str) -> Any:
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    return llvm.Target.from_triple(TRIPLE).create_target_machine(cpu=check_arch(arch), opt=3)


def _optimise(text: str, arch: str) -> Any:
    """Read, improve and check LLVM assembly; the result is an `llvmlite` module."""
    machine = _machine(arch)
    try:
        module = llvm.parse_assembly(text, llvm.create_context())
        module.triple = TRIPLE
        module.data_layout = str(machine.target_data)
        module.verify()
    except RuntimeError as error:
        raise InternalError(f"LLVM rejects the GPU module: {' '.join(str(error).split())}") from error
    _check_declarations(module)
    options = llvm.create_pipeline_tuning_options(speed_level=2)
    options.loop_vectorization = False
    options.slp_vectorization = False
    builder = llvm.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)
    _check_declarations(module)
    return module


def _check_declarations(module: Any) -> None:
    """Raise for a function that is neither defined nor an intrinsic that NVPTX selects."""
    for function in module.functions:
        if function.is_declaration and not is_selectable(function.name):
            raise UnsupportedError(
                f"emit_ptx: @{function.name} has no PTX form and would end the process; run expand-math and "
                "check-ptx-legality before"
            )


def emit_ptx(text: str, arch: str = DEFAULT_ARCH) -> str:
    """The PTX of LLVM assembly for the GPU architecture `arch`, for example `"sm_90"`.

    Raises:
        ArgumentError: LLVM does not know the architecture.
        UnsupportedError: the text calls something that has no PTX form.
        InternalError: LLVM does not take the text.
    """
    return _machine(arch).emit_assembly(_optimise(text, arch))


def emit_device_llvm(text: str, arch: str = DEFAULT_ARCH) -> str:
    """LLVM assembly, optimised for the GPU architecture `arch`; raises as `emit_ptx` does."""
    return str(_optimise(text, arch))
