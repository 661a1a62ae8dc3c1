"""Programs on the GPU path: their PTX assembles, and their kernels give NumPy's results on a simulated device."""

import importlib.util
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from gpu_programs import OPS_OF_THE_DEVICE, PROGRAMS, assert_close, assert_gives_its_value
from simulated_driver import SimulatedDriver

import compiler
from compiler.cuda import compile_for_cuda
from compiler.dumps import DumpObserver
from compiler.options import CompileOptions
from compiler.pipelines import IR_STAGES, passes_between, run_passes
from compiler.pytrees import flatten

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
needs_ptxas = pytest.mark.skipif(shutil.which("ptxas") is None, reason="ptxas of the CUDA toolkit is not installed")


def assemble(ptx, arch, folder):
    source = folder / f"kernels_{arch}.ptx"
    source.write_text(ptx)
    command = ["ptxas", f"-arch={arch}", str(source), "-o", str(source.with_suffix(".cubin"))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def run_simulated(function, arguments, driver):
    traced = compiler.jit(function).trace(*arguments)._traced
    executable = compile_for_cuda(traced.module, traced.name, driver=driver)
    leaves = [np.asarray(leaf, a.dtype) for leaf, a in zip(flatten((arguments, {}))[0], traced.inputs, strict=True)]
    return executable([*leaves, *traced.constants])


@needs_ptxas
@pytest.mark.parametrize("arch", ["sm_80", "sm_90"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_ptx_assembles(name, arch, tmp_path):
    function, arguments = PROGRAMS[name]
    lowered = compiler.jit(function, target="cuda", options=CompileOptions(cuda_arch=arch)).lower(*arguments)
    ptx = lowered.as_text("ptx")
    assert f".target {arch}" in ptx
    assemble(ptx, arch, tmp_path)


@pytest.mark.parametrize("name", PROGRAMS)
def test_program_gives_the_results_of_the_cpu(name):
    function, arguments = PROGRAMS[name]
    driver = SimulatedDriver()
    got = run_simulated(function, arguments, driver)
    want = flatten(compiler.jit(function)(*arguments))[0]
    for a, b in zip(got, want, strict=True):
        assert_close(a, np.asarray(b), ulps=256)


@pytest.mark.parametrize("example", OPS_OF_THE_DEVICE, ids=str)
def test_every_op_gives_its_value_on_the_device(example):
    assert_gives_its_value(example, SimulatedDriver())


def test_lapack_is_refused_with_the_line_that_asks_for_it():
    traced = compiler.jit(np.linalg.inv).trace(np.eye(3))._traced
    with pytest.raises(compiler.UnsupportedError, match=r"LAPACK's dgetrf runs on the CPU only.*\n  at "):
        compile_for_cuda(traced.module, traced.name, driver=SimulatedDriver(assemble=False))


def test_softmax_layer_norm_and_gelu_are_one_launch_each():
    for name in ("softmax", "layer_norm", "gelu_chain"):
        function, arguments = PROGRAMS[name]
        driver = SimulatedDriver(assemble=False)
        run_simulated(function, arguments, driver)
        assert len(driver.log) == 1, f"{name}: {driver.log}"


def test_large_products_go_to_cublas():
    for name, call in (("matmul", "S"), ("matmul_f64", "D"), ("batched_matmul", "S batched")):
        function, arguments = PROGRAMS[name]
        driver = SimulatedDriver(assemble=False)
        run_simulated(function, arguments, driver)
        assert call in driver.library.calls


def test_a_program_runs_again_with_other_arguments():
    function, (x,) = PROGRAMS["softmax"]
    traced = compiler.jit(function).trace(x)._traced
    executable = compile_for_cuda(traced.module, traced.name, driver=SimulatedDriver(assemble=False))
    for scale in (1, 2, 3):
        (got,) = executable([x * np.float32(scale)])
        want = np.exp(scale * (x - x.max(axis=1, keepdims=True)))
        assert_close(got, want / want.sum(axis=1, keepdims=True), ulps=64)


def test_inputs_may_have_any_strides():
    x = np.arange(24, dtype=np.float32).reshape(4, 6)
    traced = compiler.jit(lambda a: a + 1).trace(x.T)._traced
    executable = compile_for_cuda(traced.module, traced.name, driver=SimulatedDriver(assemble=False))
    (got,) = executable([x.T])
    np.testing.assert_array_equal(got, x.T + 1)


def test_wrong_arguments_are_refused_before_anything_is_copied():
    traced = compiler.jit(lambda a: a + 1).trace(np.zeros(3, np.float32))._traced
    executable = compile_for_cuda(traced.module, traced.name, driver=SimulatedDriver(assemble=False))
    with pytest.raises(compiler.ArgumentError, match=r"takes 1 arrays, got 2"):
        executable([np.zeros(3, np.float32)] * 2)
    with pytest.raises(compiler.ArgumentError, match=r"argument 0 is float64\[3\], expected float32\[3\]"):
        executable([np.zeros(3)])


def test_rows_too_long_for_local_memory_use_the_arena():
    x = np.random.default_rng(0).standard_normal((5, 40_000)).astype(np.float32)
    traced = compiler.jit(compiler.nn.softmax).trace(x)._traced
    executable = compile_for_cuda(traced.module, traced.name, driver=SimulatedDriver())
    assert executable.signature.arena_bytes >= x.nbytes
    (got,) = executable([x])
    want = np.exp(x - x.max(axis=1, keepdims=True))
    assert_close(got, want / want.sum(axis=1, keepdims=True), ulps=256)


def test_train_step_of_the_digits_example():
    pytest.importorskip("sklearn")
    pytest.importorskip("rich")
    spec = importlib.util.spec_from_file_location("train_digits", EXAMPLES / "train_digits.py")
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    rng = np.random.default_rng(0)
    params = example.init_params(rng, [64, 32, 32, 10])
    arguments = (params, example.OPTIMISER.init(params), rng.random((16, 64), np.float32), rng.integers(0, 10, 16))
    function = example.train_step.__wrapped__
    got = run_simulated(function, arguments, SimulatedDriver())
    want = flatten(example.train_step(*arguments))[0]
    for a, b in zip(got, want, strict=True):
        assert_close(a, np.asarray(b), ulps=4096)


def test_a_dump_holds_every_stage_down_to_ptx(tmp_path):
    function, arguments = PROGRAMS["softmax"]
    traced = compiler.jit(function, target="cuda").trace(*arguments)._traced
    observer = DumpObserver(str(tmp_path), "softmax", traced.module, "cuda", CompileOptions())
    module = traced.module.clone()
    run_passes(module, passes_between("tensor", "llvm", "cuda"), [observer])
    names = [path.name for path in sorted((tmp_path / "softmax").iterdir()) if path.is_file()]
    assert names == [
        *(f"{i}_{stage}.mlir" for i, stage in enumerate(IR_STAGES["cuda"])),
        "8_llvm-opt.ll",
        "9_ptx.ptx",
    ]
