"""Compiled host functions as callables on NumPy arrays, and the way there from a module."""

import ctypes
import threading
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import ModuleOp

from compiler.options import CompileOptions
from compiler.pipelines import IR_STAGES, Observer, observe_functions, observed_phase, passes_between, run_passes
from compiler.signatures import Signature, signature_of
from dialects.errors import ArgumentError
from runtime.dispatch.native_callable import NativeCallable

ALIGNMENT = 64
Array = NDArray[Any]

_Byte = ctypes.c_char
_thread = threading.local()


def _arena(size: int) -> int:
    """The address of `size` bytes of scratch memory, 64-byte aligned, kept per thread and reused by every call."""
    held = getattr(_thread, "arena", None)
    if held is None or held[1] < size:
        memory = np.empty(size + ALIGNMENT, np.uint8)
        address = -(-memory.ctypes.data // ALIGNMENT) * ALIGNMENT
        held = _thread.arena = (memory, size, address)
    return held[2]


def _address(array: Array) -> int:
    """Where the elements are. The buffer protocol tells it four times as fast as `array.ctypes`, where it can."""
    if array.flags.writeable and array.nbytes and array.dtype.isbuiltin == 1:
        return ctypes.addressof(_Byte.from_buffer(cast(Any, array)))
    return array.ctypes.data


class Executable(NativeCallable):
    """A host function in memory: call it with a list of arrays, get a list of new arrays.

    Inputs may have any strides: what is not contiguous and aligned is copied first. Dtypes and shapes must be exactly
    those of `signature`; `ArgumentError` is raised if they are not. Callable from several threads at once.
    """

    def __init__(self, signature: Signature, program: Any):
        from compiler.native_calls import list_entry, native_program

        super().__init__()
        self.signature = signature
        self._program = program  # keeps the machine code mapped
        address = program.address(signature.name)
        self._entry = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(address)
        self._table_type = ctypes.c_void_p * (len(signature.inputs) + len(signature.outputs) + 1)
        self.native_program = native_program(signature, address, program)
        self._add_entry(list_entry(signature, self.native_program))

    def _call_in_python(self, arrays: Sequence[Array]) -> list[Array]:
        """Run on arrays of any layout, or fail."""
        inputs = checked_inputs(self.signature, arrays)
        if self._entries:
            return self(inputs)
        sources = self.signature.result_inputs or (-1,) * len(self.signature.outputs)
        outputs = [
            np.empty(spec.shape, spec.dtype) if i < 0 else inputs[i].reshape(spec.shape)
            for spec, i in zip(self.signature.outputs, sources, strict=True)
        ]
        pointers = [_address(array) for array in (*inputs, *outputs)]
        table = self._table_type(*pointers, _arena(self.signature.arena_bytes))
        self._entry(ctypes.addressof(table))
        return outputs


def checked_inputs(signature: Signature, arrays: Sequence[Array]) -> list[Array]:
    """`arrays`, contiguous and aligned.

    Raises:
        ArgumentError: the number, shape or dtype of the arrays is not that of the signature.
    """
    specs = signature.inputs
    if len(arrays) != len(specs):
        raise ArgumentError(f"{signature.name}: takes {len(specs)} arrays, got {len(arrays)}")
    inputs: list[Array] = []
    for index, (array, spec) in enumerate(zip(arrays, specs, strict=True)):
        if array.dtype != spec.dtype or array.shape != spec.shape:
            shape = ",".join(map(str, array.shape))
            raise ArgumentError(f"{signature.name}: argument {index} is {array.dtype}[{shape}], expected {spec}")
        plain = np.require(np.asarray(array), requirements=["C", "A"])
        inputs.append(plain if plain.dtype is spec.dtype else plain.view(spec.dtype))
    for index in signature.donated:
        others = (array for i, array in enumerate(inputs) if i != index)
        if not inputs[index].flags.writeable or any(np.may_share_memory(inputs[index], other) for other in others):
            inputs[index] = inputs[index].copy()
    return inputs


@dataclass(frozen=True)
class MachineCode:
    """An object file with a host function, and what one must know to run it in any process on this kind of machine.

    Attributes:
        signature: what the host function takes and returns.
        library_functions: the functions outside of it that it calls, by plain names: of the BLAS library, and of the pool of threads.
        code: the object file.
    """

    signature: Signature
    library_functions: tuple[str, ...]
    code: bytes


def compile_to_machine_code(
    module: ModuleOp,
    name: str | None = None,
    *,
    stage: str = "tensor",
    options: CompileOptions | None = None,
    observers: Sequence[Observer] = (),
) -> MachineCode:
    """The machine code of the host function `name` of `module`, which is at `stage`; `module` is consumed.

    Raises:
        CompilerError: the program is not supported.
    """
    from compiler.cost import is_short_program
    from runtime.imported_functions import imported_functions
    from runtime.llvm_text import emit_llvm
    from runtime.native import emit_object

    options, is_short = options or CompileOptions(), False
    if IR_STAGES["cpu"].index(stage) <= IR_STAGES["cpu"].index("fused"):
        run_passes(module, passes_between(stage, "fused", "cpu", options), observers)
        stage, is_short = "fused", is_short_program(module)
    run_passes(module, passes_between(stage, "llvm", "cpu", options), observers)
    signature = replace(signature_of(module, name), is_short=is_short)
    phase = partial(observed_phase, observers) if observers else nullcontext
    with phase("LLVM"):
        with phase("text"):
            text = emit_llvm(module)
        code = emit_object(text, phase=phase)
    observe_functions(observers, text)
    return MachineCode(signature, imported_functions(text), code)


def load_machine_code(
    machine_code: MachineCode, options: CompileOptions | None = None, observers: Sequence[Observer] = ()
) -> Executable:
    """The host function in this process.

    Raises:
        MissingLibraryError: the BLAS library is missing, or a function that is called.
    """
    from runtime.imported_functions import function_addresses
    from runtime.linker import load

    with observed_phase(observers, "linking"):
        symbols = function_addresses(machine_code.library_functions, options.blas if options else None)
        return Executable(machine_code.signature, load(machine_code.code, symbols))


def compile_for_cpu(
    module: ModuleOp,
    name: str | None = None,
    *,
    stage: str = "tensor",
    options: CompileOptions | None = None,
    observers: Sequence[Observer] = (),
) -> Executable:
    """Compile the host function `name` of `module`, which is at `stage`, and load it; `module` is consumed.

    Raises:
        CompilerError: the program is not supported, or a library is missing.
    """
    code = compile_to_machine_code(module, name, stage=stage, options=options, observers=observers)
    return load_machine_code(code, options, observers)
