"""A device that is not there: memory is NumPy's, kernels run on the CPU, cuBLAS is NumPy by columns.

Kernels run as the device code that PTX is made from: the same LLVM text, with the special registers as parameters, called for one
thread after the other; or, where the threads of a warp exchange values, for all lanes of a warp at once. So grids, bounds, arguments
and addresses are those of a GPU.
"""

import ctypes
import re
import threading
from contextlib import contextmanager

import numpy as np

from runtime import native
from runtime.cuda.cublas import Cublas
from runtime.cuda.ptx import emit_ptx

REGISTERS = ("tid", "ctaid", "ntid", "nctaid")
SIGNATURE = re.compile(r"^define ptx_kernel void @(\w+)\((.*)\) ", re.MULTILINE)
WARP = 32
EXCHANGE = """
@barrier = internal global [64 x i8] zeroinitializer, align 16
@exchanged = internal global [{warp} x i32] zeroinitializer
define void @prepare() {{
  %r = call i32 inttoptr (i64 {init} to ptr)(ptr @barrier, ptr null, i32 {warp})
  ret void
}}
define internal void @wait() {{
  %r = call i32 inttoptr (i64 {wait} to ptr)(ptr @barrier)
  ret void
}}
define internal i32 @exchange.i32(i32 %tid, i32 %mask, i32 %value, i32 %offset, i32 %clamp) {{
  %lane = and i32 %tid, 31
  %mine = getelementptr i32, ptr @exchanged, i32 %lane
  store i32 %value, ptr %mine
  call void @wait()
  %lane.other = xor i32 %lane, %offset
  %theirs = getelementptr i32, ptr @exchanged, i32 %lane.other
  %r = load i32, ptr %theirs
  call void @wait()
  ret i32 %r
}}
define internal float @exchange.f32(i32 %tid, i32 %mask, float %value, i32 %offset, i32 %clamp) {{
  %bits = bitcast float %value to i32
  %other = call i32 @exchange.i32(i32 %tid, i32 %mask, i32 %bits, i32 %offset, i32 %clamp)
  %r = bitcast i32 %other to float
  ret float %r
}}
"""


def host_text(text):
    """Device code as code for the CPU, and for each kernel `launch.NAME(grid, block, first, step, pointers)`, which runs every
    `step`th thread of each block from `first` on."""
    kernels = SIGNATURE.findall(text)
    hidden = ", ".join(f"i32 %register.{register}" for register in REGISTERS)
    text = SIGNATURE.sub(lambda m: f"define void @{m[1]}({', '.join(filter(None, (m[2], hidden)))}) ", text)
    text = text.replace(" addrspace(1)", "").replace(".p1", ".p0")
    text = re.sub(r'"nvvm\.maxntid"="[\d,]+"', "", text)
    text = re.sub(r"^declare .*@llvm\.nvvm\..*\n", "", text, flags=re.MULTILINE)
    text = re.sub(r"call i32 @llvm\.nvvm\.read\.ptx\.sreg\.(\w+)\.x\(\)", r"add i32 %register.\1, 0", text)
    text = re.sub(r"@llvm\.nvvm\.shfl\.sync\.bfly\.(\w+)\(", r"@exchange.\1(i32 %register.tid, ", text)
    text = re.sub(r"@llvm\.nvvm\.bar\.warp\.sync\(i32 .*\)", "@wait()", text)
    libc = ctypes.CDLL(None)
    init, wait = (ctypes.cast(f, ctypes.c_void_p).value for f in (libc.pthread_barrier_init, libc.pthread_barrier_wait))
    lines = [EXCHANGE.format(warp=WARP, init=init, wait=wait)]
    for name, parameters in kernels:
        count = len([p for p in parameters.split(",") if p.strip()])
        loads = []
        for i in range(count):
            loads += [f"%q{i} = getelementptr ptr, ptr %pointers, i64 {i}", f"%p{i} = load ptr, ptr %q{i}"]
        arguments = ", ".join([*(f"ptr %p{i}" for i in range(count)), "i32 %t, i32 %b, i32 %block, i32 %grid"])
        lines += [
            f"define void @launch.{name}(i32 %grid, i32 %block, i32 %first, i32 %step, ptr %pointers) {{",
            "entry:",
            *loads,
            "br label %blocks",
            "blocks:",
            "%b = phi i32 [0, %entry], [%b1, %next]",
            "br label %threads",
            "threads:",
            "%t = phi i32 [%first, %blocks], [%t1, %threads]",
            f"call void @{name}({arguments})",
            "%t1 = add i32 %t, %step",
            "%more = icmp ult i32 %t1, %block",
            "br i1 %more, label %threads, label %next",
            "next:",
            "%b1 = add i32 %b, 1",
            "%again = icmp ult i32 %b1, %grid",
            "br i1 %again, label %blocks, label %done",
            "done:",
            "ret void",
            "}",
        ]
    return "\n".join((text, *lines, ""))


class SimulatedKernels:
    def __init__(self, driver, text):
        self.driver = driver
        self.sizes = dict(re.findall(r'@(\w+)\(.*"nvvm\.maxntid"="(\d+),1,1"', text))
        bodies = re.findall(r"^define ptx_kernel void @(\w+)(.*?)^}", text, re.MULTILINE | re.DOTALL)
        self.together = {name for name, body in bodies if ".sync" in body}
        """The kernels whose warps run in lockstep, each lane in a thread of the CPU."""
        self.program = native.load(native.emit_object(host_text(text)))
        ctypes.CFUNCTYPE(None)(self.program.address("prepare"))()

    def launch_step(self, name, grid, block, pointers):
        assert grid >= 1
        assert 1 <= block <= int(self.sizes[name]) <= 1024
        assert all(self.driver.owns(pointer) for pointer in pointers)
        table = (ctypes.c_void_p * len(pointers))(*pointers)
        function = ctypes.CFUNCTYPE(None, *[ctypes.c_int] * 4, ctypes.c_void_p)(self.program.address(f"launch.{name}"))

        def step():
            assert self.driver.in_session
            self.driver.log.append(name)
            if name not in self.together:
                function(grid, block, 0, 1, ctypes.addressof(table))
                return
            assert block % WARP == 0
            lanes = [
                threading.Thread(target=function, args=(grid, block, lane, WARP, ctypes.addressof(table)), daemon=True)
                for lane in range(WARP)
            ]
            for lane in lanes:
                lane.start()
            for lane in lanes:
                lane.join(timeout=60)
                assert not lane.is_alive(), f"{name}: threads of a warp wait for others that do not come"

        return step


class SimulatedAllocation:
    def __init__(self, driver, size):
        self.memory = np.full(size + 256, 0xA5, np.uint8)  # a pattern, so that a read before a write shows
        self.address = -(-self.memory.ctypes.data // 256) * 256
        self.size = size
        self.driver = driver

    def release(self):
        self.driver.allocations.remove(self)


class ColumnMajorLibrary:
    """The functions of cuBLAS that `Cublas` calls, on the memory of this process; matrices are stored by columns."""

    def __init__(self):
        self.calls = []

    def cublasCreate_v2(self, handle):
        handle._obj.value = 7
        return 0

    def cublasSetMathMode(self, handle, mode):
        assert (handle.value, mode) == (7, 2)
        return 0

    def cublasSgemm_v2(self, *arguments):
        return self._gemm("S", np.float32, arguments)

    def cublasDgemm_v2(self, *arguments):
        return self._gemm("D", np.float64, arguments)

    def cublasSgemmStridedBatched(self, *arguments):
        return self._batched("S", np.float32, arguments)

    def cublasDgemmStridedBatched(self, *arguments):
        return self._batched("D", np.float64, arguments)

    def _batched(self, letter, dtype, arguments):
        handle, ta, tb, m, n, k, alpha, a, lda, stride_a, b, ldb, stride_b, beta, c, ldc, stride_c, batch = arguments
        size = np.dtype(dtype).itemsize
        for i in range(batch):
            pointers = (a + i * stride_a * size, b + i * stride_b * size, c + i * stride_c * size)
            status = self._gemm(
                f"{letter} batched",
                dtype,
                (handle, ta, tb, m, n, k, alpha, pointers[0], lda, pointers[1], ldb, beta, pointers[2], ldc),
            )
            if status:
                return status
        return 0

    def _gemm(self, what, dtype, arguments):
        handle, ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc = arguments
        self.calls.append(what)
        rows_a, rows_b = (k if ta else m), (n if tb else k)
        if handle.value != 7 or lda < max(1, rows_a) or ldb < max(1, rows_b) or ldc < max(1, m):
            return 7
        lhs = self._matrix(a, dtype, rows_a, m if ta else k, lda)
        rhs = self._matrix(b, dtype, rows_b, k if tb else n, ldb)
        out = self._matrix(c, dtype, m, n, ldc)
        assert (alpha._obj.value, beta._obj.value) == (1.0, 0.0)
        out[...] = (lhs.T if ta else lhs) @ (rhs.T if tb else rhs)
        return 0

    @staticmethod
    def _matrix(address, dtype, rows, columns, leading):
        size = np.dtype(dtype).itemsize * (leading * (columns - 1) + rows)
        flat = np.frombuffer((ctypes.c_char * size).from_address(address), dtype)
        return np.lib.stride_tricks.as_strided(flat, (rows, columns), (flat.itemsize, flat.itemsize * leading))


class SimulatedDriver:
    def __init__(self, capability=80, *, assemble=True):
        self.capability = capability
        self.assemble = assemble
        self.allocations = []
        self.log = []
        self.in_session = 0
        self.library = ColumnMajorLibrary()
        self._lock = threading.RLock()
        self._blas = None

    @contextmanager
    def session(self):
        with self._lock:
            self.in_session += 1
            try:
                yield
            finally:
                self.in_session -= 1

    def architecture(self, wanted):
        return wanted or f"sm_{self.capability}"

    def load(self, llvm_text, architecture):
        if self.assemble:
            emit_ptx(llvm_text, architecture)
        return SimulatedKernels(self, llvm_text)

    def owns(self, address):
        return any(a.address <= address <= a.address + a.size for a in self.allocations)

    def allocate(self, size):
        assert self.in_session
        self.allocations.append(SimulatedAllocation(self, size))
        return self.allocations[-1]

    def copy_in(self, address, array):
        assert self.in_session
        assert array.flags.c_contiguous
        ctypes.memmove(address, array.ctypes.data, array.nbytes)

    def copy_out(self, array, address):
        assert self.in_session
        assert array.flags.c_contiguous
        ctypes.memmove(array.ctypes.data, address, array.nbytes)

    def copy(self, destination, source, size):
        self.log.append("copy")
        ctypes.memmove(destination, source, size)

    def clear(self, address, size):
        self.log.append("clear")
        ctypes.memset(address, 0, size)

    def blas(self):
        if self._blas is None:
            self._blas = Cublas(self.library)
        return self._blas
