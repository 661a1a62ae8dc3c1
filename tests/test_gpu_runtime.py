"""The host side of the GPU path: what is missing is said, addresses and products are right, memory is given back."""

import ctypes
import ctypes.util
import gc
import importlib.util
import subprocess
import sys
import threading
import types

import numpy as np
import pytest
from simulated_driver import ColumnMajorLibrary, SimulatedDriver
from xdsl.parser import Parser

import compiler
from compiler.cuda import compile_for_cuda, device_text
from compiler.options import CompileOptions
from compiler.pipelines import IR_STAGES
from compiler.printing import to_text
from compiler.signatures import signature_of
from compiler.source_ir import make_context
from compiler.stage_detection import stage_of
from dialects.errors import ArgumentError, InternalError, MissingLibraryError, UnsupportedError
from runtime.cuda import cublas, driver
from runtime.cuda.cublas import Cublas, Product


def compile_text(text, device=None):
    module = Parser(make_context(), text).parse_module()
    module.verify()
    return compile_for_cuda(module, stage="loops", driver=device or SimulatedDriver())


# What is missing


@pytest.fixture
def no_driver(monkeypatch):
    def refuse(name, *args, **kwargs):
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(ctypes, "CDLL", refuse)


@pytest.fixture
def some_driver(monkeypatch):
    monkeypatch.setattr(ctypes, "CDLL", lambda name, *args, **kwargs: object())


class CudaError(Exception):
    pass


class CudaMemoryError(CudaError):
    pass


def fake_pycuda(monkeypatch, **functions):
    """PyCUDA as far as `PyCudaDriver` uses it, on a machine without a GPU."""
    module = types.ModuleType("pycuda.driver")
    module.Error, module.MemoryError = CudaError, CudaMemoryError
    for name, value in functions.items():
        setattr(module, name, value)
    package = types.ModuleType("pycuda")
    package.driver = module
    monkeypatch.setitem(sys.modules, "pycuda", package)
    monkeypatch.setitem(sys.modules, "pycuda.driver", module)


def test_a_missing_driver_is_named(no_driver):
    with pytest.raises(MissingLibraryError, match=r"no NVIDIA driver: \S+ cannot be loaded .* install the driver"):
        driver.PyCudaDriver()


def test_a_missing_pycuda_is_named(some_driver, monkeypatch):
    monkeypatch.setitem(sys.modules, "pycuda", None)
    with pytest.raises(MissingLibraryError, match=r"PyCUDA cannot be imported .* run `pip install 'dlc\[cuda\]'`"):
        driver.PyCudaDriver()


def test_a_driver_that_does_not_start_is_named(some_driver, monkeypatch):
    def init():
        raise CudaError("cuInit failed: no CUDA-capable device is detected")

    fake_pycuda(monkeypatch, init=init)
    with pytest.raises(MissingLibraryError, match=r"does not start \(cuInit failed: .*\); check it with nvidia-smi"):
        driver.PyCudaDriver()


def test_a_missing_device_is_named(some_driver, monkeypatch):
    fake_pycuda(monkeypatch, init=lambda: None, Device=types.SimpleNamespace(count=lambda: 0))
    with pytest.raises(MissingLibraryError, match=r"sees no GPU; check nvidia-smi and CUDA_VISIBLE_DEVICES"):
        driver.PyCudaDriver()


def test_jit_for_cuda_says_what_is_missing(no_driver):
    driver.default_driver.cache_clear()
    with pytest.raises(compiler.MissingLibraryError, match=r"target 'cuda': no NVIDIA driver"):
        compiler.jit(lambda x: x + 1, target="cuda")(np.zeros(3, np.float32))


def test_a_missing_cublas_is_named(no_driver, monkeypatch):
    monkeypatch.delenv("DLC_CUBLAS", raising=False)
    with pytest.raises(
        MissingLibraryError, match=r"cuBLAS cannot be loaded .*; run `pip install 'dlc\[cuda\]'`, or set DLC_CUBLAS"
    ):
        cublas.load_cublas()


def test_a_library_that_is_no_cublas_is_refused(monkeypatch):
    monkeypatch.setenv("DLC_CUBLAS", ctypes.util.find_library("c") or "libc.so.6")
    with pytest.raises(MissingLibraryError, match=r"cublasCreate_v2"):
        cublas.load_cublas()


def test_cublas_is_looked_for_in_wheels_newest_first(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.delenv("DLC_CUBLAS", raising=False)
    for place in ("cublas/lib/libcublas.so.12", "cu13/lib/libcublas.so.13", "cu13/lib/libcublasLt.so.13"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).touch()
    spec = types.SimpleNamespace(submodule_search_locations=[str(tmp_path)])
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec if name == "nvidia" else None)
    assert cublas.library_candidates() == [
        str(tmp_path / "cu13/lib/libcublas.so.13"),
        str(tmp_path / "cublas/lib/libcublas.so.12"),
        "libcublas.so.13",
        "libcublas.so.12",
        "libcublas.so.11",
    ]
    monkeypatch.setenv("DLC_CUBLAS", "/opt/libcublas.so")
    assert cublas.library_candidates() == ["/opt/libcublas.so"]


def test_importing_the_compiler_loads_nothing_of_cuda():
    code = "import sys, compiler; print([m for m in sys.modules if m.startswith(('pycuda', 'runtime.cuda'))])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# PyCUDA, as far as it can be followed without a GPU


class RecordingCuda:
    """What `PyCudaDriver` calls, in order, with a device of compute capability 9.0."""

    Error, MemoryError = CudaError, CudaMemoryError

    def __init__(self):
        self.calls = []
        self.depth = 0

    def device(self, number):
        context = types.SimpleNamespace(push=self.push, pop=self.pop)
        return types.SimpleNamespace(
            compute_capability=lambda: (9, 0), name=lambda: "GPU", retain_primary_context=lambda: context
        )

    def push(self):
        self.depth += 1

    def pop(self):
        self.depth -= 1

    def record(self, name):
        def call(*arguments, **options):
            assert self.depth, f"{name} outside of a session"
            self.calls.append((name, *arguments))

        return call


@pytest.fixture
def recording(some_driver, monkeypatch):
    cuda = RecordingCuda()
    constructor = type("Device", (), {"count": staticmethod(lambda: 1), "__new__": lambda cls, n: cuda.device(n)})
    fake_pycuda(
        monkeypatch,
        init=lambda: None,
        Device=constructor,
        **{name: cuda.record(name) for name in ("memcpy_htod", "memcpy_dtoh", "memcpy_dtod", "memset_d8")},
    )
    return cuda


def test_the_context_is_current_in_sessions_only(recording):
    gpu = driver.PyCudaDriver()
    assert recording.depth == 0
    with gpu.session(), gpu.session():
        assert recording.depth == 2
        gpu.copy(1, 2, 3)
        gpu.clear(4, 5)
    assert recording.depth == 0
    with pytest.raises(ZeroDivisionError), gpu.session():
        _ = 1 / 0
    assert recording.depth == 0
    assert recording.calls == [("memcpy_dtod", 1, 2, 3), ("memset_d8", 4, 0, 5)]


def test_code_is_made_for_the_device(recording):
    gpu = driver.PyCudaDriver()
    assert gpu.architecture(None) == "sm_90"
    assert gpu.architecture("sm_80") == "sm_80"
    with pytest.raises(ArgumentError, match=r"cuda_arch is sm_120, but GPU runs code up to sm_90"):
        gpu.architecture("sm_120")


def test_the_log_of_the_driver_is_in_the_error(recording, monkeypatch):
    def module_from_buffer(buffer, message_handler):
        assert buffer.endswith(b"\0")
        message_handler(False, "", "ptxas fatal : Unresolved extern function 'expf'\0\0")
        raise CudaError("cuModuleLoadDataEx failed: a PTX JIT compilation failed")

    monkeypatch.setattr(sys.modules["pycuda.driver"], "module_from_buffer", module_from_buffer, raising=False)
    with pytest.raises(
        InternalError, match=r"driver of GPU rejects the PTX: cuModuleLoadDataEx(.|\n)*Unresolved extern"
    ):
        driver.PyCudaDriver().load("", "sm_90")


def test_launches_are_prepared_once(recording, monkeypatch):
    calls = []

    class Function:
        def prepare(self, types):
            calls.append(types)
            return self

        def prepared_call(self, *arguments):
            calls.append(arguments)

    module = types.SimpleNamespace(get_function=lambda name: calls.append(name) or Function())
    buffer = lambda ptx, message_handler: module  # noqa: E731
    monkeypatch.setattr(sys.modules["pycuda.driver"], "module_from_buffer", buffer, raising=False)
    step = driver.PyCudaDriver().load("", "sm_90").launch_step("k", 7, 64, [100, 200])
    step()
    step()
    assert calls == ["k", "PP", ((7, 1, 1), (64, 1, 1), 100, 200), ((7, 1, 1), (64, 1, 1), 100, 200)]


def test_too_little_memory_is_said_with_numbers(recording, monkeypatch):
    def mem_alloc(size):
        raise CudaMemoryError("out of memory")

    monkeypatch.setattr(sys.modules["pycuda.driver"], "mem_alloc", mem_alloc, raising=False)
    monkeypatch.setattr(sys.modules["pycuda.driver"], "mem_get_info", lambda: (10, 100), raising=False)
    with pytest.raises(MemoryError, match=r"needs 1000 bytes on GPU, which has 10 of 100 bytes free"):
        driver.PyCudaDriver().allocate(1000)


# Products


def run_product(product, lhs, rhs, out):
    library = ColumnMajorLibrary()
    Cublas(library).product_step(product, lhs.ctypes.data, rhs.ctypes.data, out.ctypes.data)()
    return library.calls


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("trans_lhs", [False, True])
@pytest.mark.parametrize("trans_rhs", [False, True])
def test_products_by_rows_become_products_by_columns(dtype, trans_lhs, trans_rhs):
    rng = np.random.default_rng(0)
    m, n, k = 3, 5, 4
    lhs = np.asarray(rng.standard_normal((k, m) if trans_lhs else (m, k)), dtype)
    rhs = np.asarray(rng.standard_normal((n, k) if trans_rhs else (k, n)), dtype)
    out = np.full((m, n), np.nan, dtype)
    element = "f32" if dtype == np.float32 else "f64"
    assert run_product(Product(element, m, n, k, trans_lhs, trans_rhs), lhs, rhs, out) == [
        "S" if element == "f32" else "D"
    ]
    np.testing.assert_allclose(out, (lhs.T if trans_lhs else lhs) @ (rhs.T if trans_rhs else rhs), rtol=1e-5)


GEMM = """
func.func @f(%x: memref<{lhs}>, %y: memref<{rhs}>, %out: memref<{out}>, %arena: memref<0xi8>)
    attributes {{rt.num_inputs = 2 : i64, rt.peak_lower_bound = 0 : i64}} {{
  rt.gemm {flags} %x, %y into %out : memref<{lhs}>, memref<{rhs}> into memref<{out}>
  func.return
}}
"""


def shape_text(shape, element):
    return "x".join([*map(str, shape), element])


@pytest.mark.parametrize("trans_lhs", [False, True])
@pytest.mark.parametrize("trans_rhs", [False, True])
@pytest.mark.parametrize("batches", [(0, 0), (3, 3), (3, 0), (0, 3), (1, 1)])
@pytest.mark.parametrize("sizes", [(3, 5, 4), (1, 5, 4), (3, 1, 4), (3, 5, 1), (3, 5, 0), (0, 5, 4)])
def test_gemm_of_every_form(trans_lhs, trans_rhs, batches, sizes):
    m, n, k = sizes
    rng = np.random.default_rng(1)
    lhs_shape = (batches[0],) * bool(batches[0]) + ((k, m) if trans_lhs else (m, k))
    rhs_shape = (batches[1],) * bool(batches[1]) + ((n, k) if trans_rhs else (k, n))
    out_shape = (max(batches),) * bool(max(batches)) + (m, n)
    lhs, rhs = (rng.standard_normal(shape).astype(np.float32) for shape in (lhs_shape, rhs_shape))
    flags = " ".join(["trans_lhs"] * trans_lhs + ["trans_rhs"] * trans_rhs)
    shapes = (shape_text(shape, "f32") for shape in (lhs_shape, rhs_shape, out_shape))
    text = GEMM.format(flags=flags, **dict(zip(("lhs", "rhs", "out"), shapes, strict=True)))
    (got,) = compile_text(text)([lhs, rhs])
    want = (np.swapaxes(lhs, -1, -2) if trans_lhs else lhs) @ (np.swapaxes(rhs, -1, -2) if trans_rhs else rhs)
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


def test_a_product_that_cublas_cannot_count_is_refused():
    with pytest.raises(UnsupportedError, match=r"sizes below 2147483648, got a batch of 1 products 2147483648x1x1"):
        Product("f32", 2**31, 1, 1)


def test_a_failing_call_of_cublas_is_an_error():
    library = ColumnMajorLibrary()
    blas = Cublas(library)
    library.cublasSgemm_v2 = lambda *arguments: 13
    with pytest.raises(InternalError, match=r"cublasSgemm_v2 failed: execution failed"):
        blas.product_step(Product("f32", 1, 1, 1), 0, 0, 0)()


# Host programs

VIEWS = """
"memref.global"() <{sym_name = "table", sym_visibility = "private", constant, type = memref<2x2xi64>,
                    initial_value = dense<[[1, 2], [3, -4]]> : tensor<2x2xi64>}> : () -> ()
func.func @f(%x: memref<4xi64>, %a: memref<2x2xi64>, %b: memref<4xi64>, %arena: memref<128xi8>)
    attributes {rt.num_inputs = 1 : i64, rt.peak_lower_bound = 128 : i64} {
  %offset = arith.constant 64 : index
  %t = memref.view %arena[%offset][] : memref<128xi8> to memref<4xi64>
  %c = memref.get_global @table : memref<2x2xi64>
  "memref.copy"(%c, %a) : (memref<2x2xi64>, memref<2x2xi64>) -> ()
  %flat = memref.collapse_shape %a [[0, 1]] : memref<2x2xi64> into memref<4xi64>
  "memref.copy"(%flat, %t) : (memref<4xi64>, memref<4xi64>) -> ()
  rt.launch @add over [4] (%x, %t, %b) : memref<4xi64>, memref<4xi64>, memref<4xi64>
  func.return
}
func.func private @add(%lo: index, %hi: index, %x: memref<4xi64>, %y: memref<4xi64>, %z: memref<4xi64>) {
  %one = arith.constant 1 : index
  scf.for %i = %lo to %hi step %one {
    %a = memref.load %x[%i] : memref<4xi64>
    %b = memref.load %y[%i] : memref<4xi64>
    %c = arith.addi %a, %b : i64
    memref.store %c, %z[%i] : memref<4xi64>
  }
  func.return
}
"""


def test_views_copies_and_constants_are_addresses():
    device = SimulatedDriver()
    first, second = compile_text(VIEWS, device)([np.array([10, 20, 30, 40])])
    np.testing.assert_array_equal(first, [[1, 2], [3, -4]])
    np.testing.assert_array_equal(second, [11, 22, 33, 36])
    assert device.log == ["copy", "copy", "add"]


def test_a_program_has_one_allocation_and_gives_it_back():
    device = SimulatedDriver()
    executable = compile_text(VIEWS, device)
    assert [a.size for a in device.allocations] == [executable.program.device_bytes] == [5 * 256]
    executable([np.arange(4)])
    assert len(device.allocations) == 1
    del executable
    gc.collect()
    assert device.allocations == []


def test_several_threads_may_call_one_program():
    executable = compile_text(VIEWS)
    wrong = []

    def work(number):
        for _ in range(20):
            _, got = executable([np.full(4, number)])
            if not np.array_equal(got, number + np.array([1, 2, 3, -4])):
                wrong.append(got)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_an_operation_that_is_no_step_is_an_error():
    text = VIEWS.replace(
        '"memref.copy"(%c, %a) ', '"memref.dealloc"(%t) : (memref<4xi64>) -> ()\n"memref.copy"(%c, %a) '
    )
    with pytest.raises(InternalError, match=r"host program: memref.dealloc has no meaning in a host function"):
        compile_text(text)


def test_a_module_for_the_cpu_has_no_device_text():
    module = Parser(make_context(), "llvm.func @f() { llvm.return }").parse_module()
    with pytest.raises(ArgumentError, match=r"the module was compiled for the CPU; start from the stage loops"):
        device_text(module, "ptx", CompileOptions())


def test_signature_can_be_read_at_every_stage():
    lowered = compiler.jit(lambda x: np.tanh(x) + 1, target="cuda").lower(np.zeros((3, 4), np.float32))
    for stage in IR_STAGES["cuda"]:
        signature = signature_of(lowered.module_at(stage))
        assert ([str(s) for s in signature.inputs], [str(s) for s in signature.outputs]) == (["float32[3,4]"],) * 2


def test_every_stage_reads_back_and_gives_the_same_results():
    x = np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 4)
    lowered = compiler.jit(lambda x: np.exp(x).sum(axis=1), target="cuda").lower(x)
    results = []
    for stage in IR_STAGES["cuda"]:
        module = Parser(make_context(), to_text(lowered.module_at(stage), debug_info=True)).parse_module()
        module.verify()
        if stage in {"gpu", "llvm"}:
            assert stage_of(module) == stage
        results += compile_for_cuda(module, stage=stage, driver=SimulatedDriver())([x])
    for result in results:
        np.testing.assert_array_equal(result, results[0])
    np.testing.assert_allclose(results[0], np.exp(x).sum(axis=1), rtol=1e-6)
