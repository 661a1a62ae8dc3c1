"""Programs for NVIDIA GPUs: the way from a module to kernels on a device and a list of steps for the host."""

from collections.abc import Iterator, Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects import func, gpu
from xdsl.dialects.builtin import ModuleOp

from compiler.executable import checked_inputs
from compiler.options import CompileOptions
from compiler.pipelines import Observer, passes_between, run_passes
from compiler.signatures import Signature, find_host_function, signature_of
from dialects.errors import ArgumentError
from runtime.cuda.driver import Driver, default_driver
from runtime.cuda.host_program import HostProgram

Array = NDArray[Any]


class CudaExecutable:
    """A host function on a GPU: call it with a list of NumPy arrays, get a list of new arrays.

    Arrays are copied to the device and back by every call. Inputs may have any strides; dtypes and shapes must be exactly those of
    `signature`. Callable from several threads, one at a time.
    """

    def __init__(self, signature: Signature, program: HostProgram, architecture: str):
        self.signature = signature
        self.program = program
        self.architecture = architecture

    def __call__(self, arrays: Sequence[Array]) -> list[Array]:
        """Run on `arrays`.

        Raises:
            ArgumentError: the number, shape or dtype of the arrays is not that of the signature.
        """
        inputs = checked_inputs(self.signature, arrays)
        outputs = [np.empty(spec.shape, spec.dtype) for spec in self.signature.outputs]
        self.program.run(inputs, outputs)
        return outputs


def compile_for_cuda(
    module: ModuleOp,
    name: str | None = None,
    *,
    stage: str = "tensor",
    options: CompileOptions | None = None,
    observers: Sequence[Observer] = (),
    driver: Driver | None = None,
) -> CudaExecutable:
    """Compile the host function `name` of `module`, which is at `stage`, for a GPU; `module` is consumed.

    `driver` is the device to run on, by default the first NVIDIA GPU.

    Raises:
        CompilerError: the program is not supported, or the driver, a device, PyCUDA or cuBLAS is missing.
        MemoryError: the device has not enough memory for the inputs, results and temporaries.
    """
    options = options or CompileOptions()
    device = default_driver() if driver is None else driver
    architecture = device.architecture(options.cuda_arch)
    run_passes(module, passes_between(stage, "llvm", "cuda", options), observers)
    function = cast(func.FuncOp, find_host_function(module, name))
    with device.session():
        text = device_llvm(module)
        kernels = device.load(text, architecture) if text.strip() else None
        program = HostProgram(module, function, kernels, device)
    return CudaExecutable(signature_of(module, function.sym_name.data), program, architecture)


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
