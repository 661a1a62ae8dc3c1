"""A GPU: memory, kernels and matrix products; and the first NVIDIA GPU of this machine, through PyCUDA.

`Driver` is all that a `HostProgram` asks of a device, so that programs can run on something else in tests. PyCUDA works on the primary
context of the device, which other CUDA libraries of the process (cuBLAS, PyTorch, CuPy) use too; it is current during a session only.
"""

import ctypes
import sys
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cache, cached_property
from typing import Any, Protocol

from numpy.typing import NDArray

from dialects.errors import ArgumentError, InternalError, MissingLibraryError
from runtime.cuda.cublas import Cublas, load_cublas
from runtime.cuda.ptx import emit_ptx, newest_known

Array = NDArray[Any]
Step = Callable[[], object]

_INSTALL = "run `pip install 'dlc[cuda]'`"


class Allocation(Protocol):
    """Memory of the device."""

    @property
    def address(self) -> int:
        """Where it starts, a multiple of 256."""
        ...

    def release(self) -> None:
        """Give it back; nothing may use it afterwards."""
        ...


class Kernels(Protocol):
    """Kernels on the device."""

    def launch_step(self, name: str, grid: int, block: int, pointers: Sequence[int]) -> Step:
        """What launches the kernel `name` with `grid` blocks of `block` threads on `pointers` to memory of the device."""
        ...


class Driver(Protocol):
    """A device. All methods are called inside a session, except `session` itself and `architecture`."""

    def session(self) -> AbstractContextManager[None]:
        """The right to use the device, for one thread at a time."""
        ...

    def architecture(self, wanted: str | None) -> str:
        """The architecture to make code for: the device's, or `wanted`; raise `ArgumentError` if the device cannot run that."""
        ...

    def load(self, llvm_text: str, architecture: str) -> Kernels:
        """The kernels of an LLVM module."""
        ...

    def allocate(self, size: int) -> Allocation:
        """Memory of `size` bytes; raise Python's `MemoryError` if there is not enough."""
        ...

    def copy_in(self, address: int, array: Array) -> None:
        """Copy a contiguous array to the device."""
        ...

    def copy_out(self, array: Array, address: int) -> None:
        """Copy from the device to a contiguous array, when all steps before are done."""
        ...

    def copy(self, destination: int, source: int, size: int) -> None:
        """Copy `size` bytes on the device."""
        ...

    def clear(self, address: int, size: int) -> None:
        """Set `size` bytes to zero."""
        ...

    def blas(self) -> Cublas:
        """Matrix products on the device."""
        ...


class PyCudaDriver:
    """The first NVIDIA GPU.

    Raises:
        MissingLibraryError: there is no driver, no PyCUDA or no device.
    """

    def __init__(self) -> None:
        _load_driver_library()
        self._cuda = _import_pycuda()
        device = _first_device(self._cuda)
        major, minor = device.compute_capability()
        self._capability = 10 * major + minor
        self._name = device.name()
        self._context = device.retain_primary_context()
        self._lock = threading.RLock()

    @contextmanager
    def session(self) -> Generator[None]:
        """Make the primary context current."""
        with self._lock:
            self._context.push()
            try:
                yield
            finally:
                self._context.pop()

    def architecture(self, wanted: str | None) -> str:
        """The newest architecture that LLVM knows and the device runs, or `wanted`."""
        own = newest_known(self._capability)
        if wanted is None:
            return own
        number = int("".join(filter(str.isdigit, wanted)) or 0)
        if number > self._capability:
            raise ArgumentError(f"cuda_arch is {wanted}, but {self._name} runs code up to {own}; leave cuda_arch out")
        return wanted

    def load(self, llvm_text: str, architecture: str) -> "_PyCudaKernels":
        """Let the driver assemble the PTX of an LLVM module."""
        ptx = emit_ptx(llvm_text, architecture)
        logs: list[str] = []

        def keep_logs(_success: bool, info: str, error: str) -> None:
            logs.extend((info, error))

        try:
            module = self._cuda.module_from_buffer(ptx.encode() + b"\0", message_handler=keep_logs)
        except self._cuda.Error as error:
            log = "\n".join(text.strip("\0\n ") for text in logs if text.strip("\0\n "))
            raise InternalError(f"the driver of {self._name} rejects the PTX: {error}\n{log}") from error
        return _PyCudaKernels(module)

    def allocate(self, size: int) -> "_PyCudaAllocation":
        """Memory of the device."""
        try:
            return _PyCudaAllocation(self, self._cuda.mem_alloc(max(size, 1)))
        except self._cuda.MemoryError as error:
            free, total = self._cuda.mem_get_info()
            raise MemoryError(
                f"the program needs {size} bytes on {self._name}, which has {free} of {total} bytes free"
            ) from error

    def copy_in(self, address: int, array: Array) -> None:
        """Copy to the device."""
        self._cuda.memcpy_htod(address, array)

    def copy_out(self, array: Array, address: int) -> None:
        """Copy from the device; the copy waits for the kernels, so what they did wrong shows here."""
        try:
            self._cuda.memcpy_dtoh(array, address)
        except self._cuda.Error as error:
            raise InternalError(f"a kernel failed on {self._name}: {error}") from error

    def copy(self, destination: int, source: int, size: int) -> None:
        """Copy on the device."""
        self._cuda.memcpy_dtod(destination, source, size)

    def clear(self, address: int, size: int) -> None:
        """Set to zero."""
        self._cuda.memset_d8(address, 0, size)

    def blas(self) -> Cublas:
        """cuBLAS, loaded when first asked for."""
        return self._blas

    @cached_property
    def _blas(self) -> Cublas:
        return Cublas(load_cublas())


class _PyCudaAllocation:
    def __init__(self, driver: PyCudaDriver, memory: Any):
        self._driver = driver
        self._memory = memory
        self.address = int(memory)

    def release(self) -> None:
        # PyCUDA frees memory in the thread that made its context, or where the context is current: any thread here.
        with self._driver.session():
            self._memory.free()


class _PyCudaKernels:
    def __init__(self, module: Any):
        self._module = module

    def launch_step(self, name: str, grid: int, block: int, pointers: Sequence[int]) -> Step:
        function = self._module.get_function(name).prepare("P" * len(pointers))
        grid_shape, block_shape, arguments = (grid, 1, 1), (block, 1, 1), tuple(pointers)
        return lambda: function.prepared_call(grid_shape, block_shape, *arguments)


@cache
def default_driver() -> PyCudaDriver:
    """The first NVIDIA GPU of this machine; raise `MissingLibraryError` with what is missing."""
    return PyCudaDriver()


def driver_library_name() -> str:
    """The file name of NVIDIA's driver library."""
    return "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"


def _load_driver_library() -> None:
    """Load the driver for everyone: a PyCUDA built against a stub does not name it."""
    name = driver_library_name()
    try:
        ctypes.CDLL(name, mode=ctypes.RTLD_GLOBAL)
    except OSError as error:
        raise MissingLibraryError(
            f"target 'cuda': no NVIDIA driver: {name} cannot be loaded ({error}); install the driver of your GPU, "
            "or use target='cpu'"
        ) from error


def _import_pycuda() -> Any:
    try:
        import pycuda.driver as cuda  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise MissingLibraryError(
            f"target 'cuda': PyCUDA cannot be imported ({error}); {_INSTALL}, which builds it with a C++ compiler and "
            "the CUDA headers"
        ) from error
    return cuda


def _first_device(cuda: Any) -> Any:
    try:
        cuda.init()
        count = cuda.Device.count()
    except cuda.Error as error:
        raise MissingLibraryError(
            f"target 'cuda': the NVIDIA driver does not start ({error}); check it with nvidia-smi, or use target='cpu'"
        ) from error
    if count == 0:
        raise MissingLibraryError(
            "target 'cuda': the NVIDIA driver sees no GPU; check nvidia-smi and CUDA_VISIBLE_DEVICES, or use target='cpu'"
        )
    return cuda.Device(0)
