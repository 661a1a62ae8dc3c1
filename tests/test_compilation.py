"""What one compilation promises: its stages, its errors, and what the environment asks of it."""

import os
import re
import subprocess
import sys
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest

import compiler
from compiler.pipelines import IR_STAGES, stages

ROOT = Path(__file__).resolve().parent.parent
F32, F64 = np.float32, np.float64


def softmax(x):
    e = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)


# Stages


def test_trace_gives_the_program_and_the_shape_of_results():
    traced = compiler.jit(lambda x: {"a": x.sum(axis=0)}).trace(np.ones((3, 4), F32))
    assert "dlc.reduce_sum" in traced.as_text()
    assert (traced.out_info["a"].shape, traced.out_info["a"].dtype) == ((4,), F32)


def test_stages_need_shapes_and_dtypes_only():
    class Spec:
        shape, dtype = (3, 4), np.dtype(F32)

    assert "tensor<3x4xf32>" in compiler.jit(lambda x: x + 1).lower(Spec()).as_text()


@pytest.mark.parametrize(
    ("stage", "sign"),
    [
        ("tensor", "dlc.exp"), ("autodiff", "dlc.exp"), ("linalg", "linalg.generic"), ("fused", "rt.kernel"),
        ("bufferized", "rt.launch"), ("loops", "scf.for"), ("llvm", "llvm.func"), ("llvm-opt", "define void @"),
        ("asm", ".globl"),
    ],
)  # fmt: skip
def test_every_stage_has_a_text(stage, sign):
    lowered = compiler.jit(softmax).lower(np.ones((64, 10), F32))
    assert sign in lowered.as_text(stage)
    assert sign in lowered.compile().as_text(stage)


def test_the_stages_are_those_of_the_architecture():
    assert stages("cpu") == (*IR_STAGES["cpu"], "llvm-opt", "asm")


def test_debug_info_shows_the_users_line():
    text = compiler.jit(softmax).lower(np.ones((4, 4))).as_text("fused", debug_info=True)
    line = softmax.__code__.co_firstlineno
    assert f'test_compilation.py":{line + 1}' in text
    assert "loc(" not in compiler.jit(softmax).lower(np.ones((4, 4))).as_text("fused")


def test_an_unknown_stage_is_an_error():
    with pytest.raises(
        compiler.ArgumentError, match="unknown stage 'assembly' for target cpu; use one of tensor, autodiff"
    ):
        compiler.jit(softmax).lower(np.ones((4, 4))).as_text("assembly")


def test_compiled_functions_run():
    x = np.random.default_rng(0).standard_normal((4, 4))
    compiled = compiler.jit(softmax).lower(x).compile()
    np.testing.assert_allclose(compiled(x), softmax(x), rtol=1e-14)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.ones(3), r"argument x is float64\[3\], compiled for float32\[4\]"),
        (np.ones(4), r"argument x is float64\[4\], compiled for float32\[4\]"),
        (1.0, r"argument x is float64\[\], compiled for float32\[4\]"),
    ],
)
def test_compiled_functions_refuse_other_arrays(x, message):
    compiled = compiler.jit(lambda x: x + 1).lower(np.ones(4, F32)).compile()
    with pytest.raises(compiler.ArgumentError, match=message):
        compiled(x)
    with pytest.raises(compiler.ArgumentError, match="the arguments have the structure"):
        compiled((x,))


def test_compiled_functions_do_not_truncate_scalars():
    compiled = compiler.jit(lambda x: x + 1).lower(1).compile()
    assert compiled(41) == 42
    with pytest.raises(compiler.ArgumentError, match=r"argument x is float64\[\], compiled for int64\[\]"):
        compiled(1.5)
    assert compiler.jit(lambda x: x + 1).lower(np.zeros((), F32)).compile()(2) == 3.0


def test_memory_analysis_of_a_chain_has_no_slack():
    def chain(x, y):
        for _ in range(4):
            x = softmax(x @ y)
        return x @ y

    memory = compiler.jit(chain).lower(np.ones((64, 64), F32), np.ones((64, 64), F32)).memory_analysis()
    matrix = 64 * 64 * 4
    assert memory.argument_size_in_bytes == 2 * matrix
    assert memory.output_size_in_bytes == matrix
    assert memory.temp_size_in_bytes == memory.temp_lower_bound_in_bytes
    assert memory.temp_size_in_bytes <= 2 * matrix


def test_memory_analysis_names_each_temporary_and_results_in_donated_memory():
    function = compiler.jit(lambda p, x: (p - (x @ x) @ x, x.sum()), donate_argnums=0)
    x = np.ones((64, 64), F32)
    memory = function.lower(x, x).memory_analysis()
    assert (memory.argument_size_in_bytes, memory.output_size_in_bytes) == (2 * x.nbytes, x.nbytes + 4)
    assert memory.alias_size_in_bytes == x.nbytes
    assert memory.peak_memory_in_bytes == 2 * x.nbytes + 4 + memory.temp_size_in_bytes
    first, second = [t for t in memory.temporaries if t.size_in_bytes == x.nbytes]
    assert first.type == second.type == "memref<64x64xf32>"
    assert first.first_use < second.first_use <= first.last_use < second.last_use
    assert first.offset + first.size_in_bytes <= second.offset or second.offset + second.size_in_bytes <= first.offset
    assert max(t.offset + t.size_in_bytes for t in memory.temporaries) == memory.temp_size_in_bytes
    assert "test_compilation.py:" in first.where


def test_cost_analysis_counts_the_fused_program():
    x, w = np.ones((64, 32), F32), np.ones((32, 10), F32)
    cost = compiler.jit(lambda x, w: softmax(x @ w)).lower(x, w).cost_analysis()
    assert (cost.kernels, cost.library_calls, cost.transcendentals) == (1, 1, 640)
    assert cost.flops >= 2 * 64 * 32 * 10
    assert cost.bytes_accessed >= x.nbytes + w.nbytes + 64 * 10 * 4


def test_remarks_say_what_was_fused():
    remarks = compiler.jit(softmax).lower(np.ones((64, 10), F32)).remarks()
    assert any(remark.pass_name == "form-kernels" and remark.kind == "passed" for remark in remarks)
    assert all("test_compilation.py" in str(remark) for remark in remarks if remark.location is not None)


def test_a_long_unrolled_loop_earns_a_remark(monkeypatch):
    monkeypatch.setattr("compiler.unrolling.MANY_OPERATIONS", 20)

    def steps(x, count):
        for _ in range(count):
            x = np.sin(x) + x
        return x

    def remarks_for(count):
        lowered = compiler.jit(steps, static_argnames="count").lower(np.ones(3), count=count)
        return [remark for remark in lowered.remarks() if remark.pass_name == "trace"]

    assert remarks_for(9) == []
    (remark,) = remarks_for(10)
    assert remark.kind == "missed"
    assert "20 operations" in remark.message
    assert "fori_loop" in remark.message
    assert f"test_compilation.py:{steps.__code__.co_firstlineno + 2}" in str(remark)


def test_remarks_say_which_donated_arguments_are_reused():
    function = compiler.jit(lambda x, y, z: (x + z, y.sum()), donate_argnums=(0, 1))
    x = np.ones(3)
    remarks = [str(remark) for remark in function.lower(x, x, x).remarks() if "donated" in remark.message]
    assert remarks == [
        "remark: [bufferize] passed: result 0 takes the memory of the donated input 0 (tensor<3xf64>)",
        "remark: [bufferize] missed: no result takes the memory of the donated input 1 (tensor<3xf64>): none is computed "
        "from it point by point",
    ]


# Errors


def test_a_shape_mismatch_shows_both_shapes_and_the_users_line():
    @compiler.jit
    def mismatch(x, y):
        return x @ y  # the line of the mistake

    with pytest.raises(compiler.ShapeError) as caught:
        mismatch(np.ones((2, 3)), np.ones((4, 5)))
    message = str(caught.value)
    assert "return x @ y  # the line of the mistake" in message
    assert "test_compilation.py" in message
    assert re.search(r"\(2, 3\).*\(4, 5\)|2,3.*4,5|2x3.*4x5", message, re.DOTALL)


def test_a_traced_value_in_if_says_what_to_do():
    @compiler.jit
    def branch(x):
        if x > 0:
            return x
        return -x

    with pytest.raises(compiler.TracingError) as caught:
        branch(1.0)
    message = str(caught.value)
    assert "the truth value" in message
    assert "if x > 0:" in message
    assert "static_argnames" in message


def test_a_tracer_that_outlives_its_function_is_an_error():
    leaked = []

    @compiler.jit
    def leak(x):
        leaked.append(x)
        return x

    leak(np.ones(2))
    with pytest.raises(compiler.TracingError, match="return it from the function instead of storing it elsewhere"):
        leaked[0] + 1
    with pytest.raises(compiler.CompilerError):
        compiler.jit(lambda x: x + 1)(leaked[0])
    with pytest.raises(compiler.TracingError):
        compiler.jit(lambda x: x + leaked[0])(np.ones(2))


def test_a_missing_blas_library_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("DLC_BLAS", "/nonexistent/libblas.so")
    with pytest.raises(compiler.MissingLibraryError, match=r"/nonexistent/libblas\.so"):
        compiler.jit(lambda x: x @ x)(np.ones((100, 100)))
    options = compiler.CompileOptions(blas=str(tmp_path / "absent.so"))
    with pytest.raises(compiler.MissingLibraryError, match=r"absent\.so"):
        compiler.jit(lambda x: x @ x, options=options)(np.ones((100, 100)))


def test_a_failing_pass_is_our_mistake_and_leaves_a_reproducer(monkeypatch, tmp_path):
    from passes.linalg.form_kernels import FormKernelsPass

    def fail(*_):
        raise KeyError("nothing here")

    monkeypatch.setattr(FormKernelsPass, "apply", fail)
    monkeypatch.setattr("compiler.program_cache._programs", OrderedDict())  # softmax may have been compiled
    monkeypatch.setenv("DLC_REPRODUCER_PATH", str(tmp_path / "reproducers"))
    with pytest.raises(compiler.InternalError, match="form-kernels: KeyError: 'nothing here'") as caught:
        compiler.jit(softmax)(np.ones((4, 4)))
    path = tmp_path / "reproducers" / "softmax.mlir"
    assert f"dlc-opt --run-reproducer {path}" in str(caught.value)
    monkeypatch.undo()
    from compiler import opt

    assert opt.main([str(path), "--run-reproducer", "-o", str(tmp_path / "out.mlir")]) == 0
    assert "llvm.func @softmax" in (tmp_path / "out.mlir").read_text()


# What the environment asks for


def test_log_compiles_names_function_arguments_and_time(monkeypatch, capsys):
    monkeypatch.setenv("DLC_LOG_COMPILES", "1")
    function = compiler.jit(lambda params, n: params["w"] * n, static_argnums=1)
    function({"w": np.ones(3, F32)}, 2)
    function({"w": np.ones(3, F32)}, 2)
    err = capsys.readouterr().err
    assert re.match(
        r"dlc: compiled lambda\(params\['w'\]: float32\[3\], .*=2 \(static\)\) in \d+\.\d ms\n  at .*test_compilation.py:",
        err,
    )
    assert err.count("compiled") == 1


def test_timing_shows_passes_kernels_and_linking(monkeypatch, capsys):
    monkeypatch.setenv("DLC_TIMING", "1")
    function = compiler.jit(lambda x: np.tanh(x).sum(axis=1))
    function(np.ones((3, 4), F32))
    err = capsys.readouterr().err
    rows = re.findall(r"\d+\.\d{4} \( *[\d.]+%\)  (.*)", err)
    assert [row for row in rows if row in {"inline", "bufferize", "LLVM", "  code generation", "linking", "Total"}] == [
        "inline",
        "bufferize",
        "LLVM",
        "  code generation",
        "linking",
        "Total",
    ]
    assert any(re.fullmatch(r"    @fused_tanh_sum \([1-9]\d* bytes\)", row) for row in rows)
    function(np.ones((3, 4), F32))
    assert capsys.readouterr().err == ""
    monkeypatch.delenv("DLC_TIMING")
    lowered = function.lower(np.ones((3, 4), F32))
    assert "code generation" in lowered.timing_report()
    assert "code generation" in lowered.compile().timing_report(as_list=True)


@pytest.mark.parametrize(
    ("args", "reason"),
    [
        ((np.ones(4, F32), 1.0, 1), "x is float32[4], before float32[3]"),
        ((np.ones(3), 1.0, 1), "x is float64[3], before float32[3]"),
        ((np.ones(3, F32), np.float64(1.0), 1), "y is an array, before a Python scalar"),
        ((np.ones(3, F32), 1.0, 2), "the static argument 2 is 2, before 1"),
        (((np.ones(3, F32),), 1.0, 1), "the arguments have the structure"),
    ],
)
def test_explain_recompiles_names_what_differs(monkeypatch, capsys, args, reason):
    monkeypatch.setenv("DLC_EXPLAIN_RECOMPILES", "1")
    function = compiler.jit(lambda x, y, n: 0, static_argnums=2)
    function(np.ones(3, F32), 1.0, 1)
    assert capsys.readouterr().err == ""
    function(*args)
    err = capsys.readouterr().err
    assert err.startswith("dlc: recompiling lambda: ")
    assert reason in err
    assert "test_compilation.py" in err


def test_print_ir_after_works_for_jit(monkeypatch, capsys):
    monkeypatch.setenv("DLC_PRINT_IR_AFTER", "form-kernels")
    compiler.jit(softmax)(np.ones((4, 4)))
    titles = re.findall(r"IR Dump (.*) //----- //", capsys.readouterr().err)
    assert [title.partition(" (")[0] for title in titles] == ["After FormKernelsPass"]
    monkeypatch.setenv("DLC_PRINT_IR_AFTER", "all")
    compiler.jit(softmax)(np.ones((5, 5)))
    assert capsys.readouterr().err.count("IR Dump After") > 10


def test_dump_ir_to_writes_every_stage(monkeypatch, tmp_path):
    monkeypatch.setenv("DLC_DUMP_IR_TO", str(tmp_path))
    function = compiler.jit(softmax)
    function(np.ones((4, 4)))
    function(np.ones((5, 5)))
    names = sorted(path.name for path in (tmp_path / "softmax").iterdir())
    assert names == sorted(
        [*(f"{i}_{stage}.mlir" for i, stage in enumerate(IR_STAGES["cpu"])), "7_llvm-opt.ll", "8_asm.s", "passes"]
    )
    assert (tmp_path / "softmax.1" / "0_tensor.mlir").exists()


def test_dumped_commands_repeat_the_options(monkeypatch, tmp_path):
    monkeypatch.setenv("DLC_DUMP_IR_TO", str(tmp_path))
    compiler.jit(softmax, options=compiler.CompileOptions(vector_bits=128, max_group_size=2))(np.ones((64, 4)))
    first_lines = {path.name: path.read_text().splitlines()[0] for path in (tmp_path / "softmax").rglob("*.mlir")}
    assert first_lines["4_bufferized.mlir"].endswith("--vector-bits=128 --compile-from=bufferized --compile-to=loops")
    specs = [line.partition(" -p ")[2] for line in first_lines.values()]
    assert "'form-kernels{max_group_size=2}'" in specs
    assert "'lower-kernels{vector_bits=128}'" in specs


def test_dump_modes_choose_stages(monkeypatch, tmp_path):
    monkeypatch.setenv("DLC_DUMP_IR_TO", str(tmp_path))
    monkeypatch.setenv("DLC_DUMP_IR_MODES", "fused,asm")
    compiler.jit(softmax)(np.ones((4, 4)))
    assert sorted(path.name for path in (tmp_path / "softmax").iterdir()) == ["3_fused.mlir", "8_asm.s"]
    monkeypatch.setenv("DLC_DUMP_IR_MODES", "fusd")
    with pytest.raises(compiler.ArgumentError, match="DLC_DUMP_IR_MODES: unknown stage 'fusd'"):
        compiler.jit(softmax)(np.ones((4, 4)))


@pytest.mark.parametrize("variable", ["DLC_VERIFY", "DLC_DISABLE_JIT"])
def test_checked_and_interpreted_runs_give_the_same(monkeypatch, variable):
    x = np.random.default_rng(0).standard_normal((4, 5))
    monkeypatch.setenv(variable, "1")
    np.testing.assert_allclose(compiler.jit(softmax)(x), softmax(x), rtol=1e-14)


def test_calls_leave_the_collector_as_it_was():
    program = (
        "import gc, numpy as np, compiler\n"
        "compiler.jit(lambda x: x + 1)(np.ones(3)); assert gc.isenabled()\n"
        "gc.disable(); compiler.jit(lambda x: x + 1)(np.ones(3)); assert not gc.isenabled()\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", program], env=environment, timeout=60, check=True)


@pytest.mark.parametrize("freeze", ["", "gc.freeze()"])
def test_the_collector_does_not_look_at_what_was_imported(freeze):
    program = (
        f"import gc, numpy as np, compiler; {freeze}\n"
        "is_frozen = gc.get_freeze_count() > 0\n"
        "compiler.jit(lambda x: x + 1)(np.ones(3))\n"
        "assert (gc.get_freeze_count() > 0) == is_frozen\n"
        "young = len(gc.get_objects(0)) + len(gc.get_objects(1))\n"
        "assert is_frozen or young < 1000, young\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", program], env=environment, timeout=60, check=True)
