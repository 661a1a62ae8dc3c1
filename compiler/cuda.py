"""Programs for NVIDIA GPUs: the way from a module to kernels on a device and a list of steps for the host."""

from collections.abc import Iterator
from typing import Any

from xdsl.dialects import gpu
from xdsl.dialects.builtin import ModuleOp

from compiler.options import CompileOptions
from dialects.errors import ArgumentError


def device_text(module: ModuleOp, stage: str, options: CompileOptions) -> str:
    """The kernels of a module at the stage `llvm` as text of a later stage: `llvm-opt` or `ptx`.

    Raises:
        ArgumentError: the module has no kernels on the GPU, or `options.cuda_arch` is unknown.
        CompilerError: a kernel has no PTX form.
    """
    from runtime.cuda.ptx import DEFAULT_ARCH, emit_device_llvm, emit_ptx

    text = device_llvm(module)
    arch = options.cuda_arch or DEFAULT_ARCH
    return emit_device_llvm(text, arch) if stage == "llvm-opt" else emit_ptx(text, arch)


def device_llvm(module: ModuleOp) -> str:
    """The kernels of a module at the stage `llvm` as LLVM text, not optimised."""
    from runtime.llvm_text import emit_operations

    return emit_operations(_device_operations(module))


def _device_operations(module: ModuleOp) -> Iterator[Any]:
    for op in module.body.block.ops:
        if isinstance(op, gpu.ModuleOp):
            yield from op.body.block.ops
        elif op.name.startswith("llvm."):
            raise ArgumentError(
                f"{op.name} outside of a GPU module: the module was compiled for the CPU; start from the stage loops or before"
            )
