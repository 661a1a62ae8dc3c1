"""The benchmarks compute what they say: every workload, made tiny, agrees with NumPy, and the report is complete."""

import dataclasses
import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import optree
import pytest

ROOT = Path(__file__).resolve().parent.parent
BENCHMARKS = ROOT / "benchmarks"
sys.path.append(str(BENCHMARKS))
pytest.importorskip("scipy", reason="scipy is not installed: pip install '.[dev]'")

WORKLOADS = importlib.import_module("workloads").all_workloads()
REPORT = importlib.import_module("report")
# One of each program; the others differ in sizes only, which are the same when tiny.
DISTINCT = [name for name in WORKLOADS if not name.startswith("sgemm_") or name == "sgemm_64"]


@pytest.fixture(autouse=True)
def few_steps(monkeypatch):
    monkeypatch.setattr("loops.STEPS", 50)


@pytest.mark.parametrize("peer", ["dlc", "torch"])
@pytest.mark.parametrize("name", DISTINCT)
def test_a_tiny_workload_agrees_with_numpy(name, peer):
    if peer == "torch":
        pytest.importorskip("torch", reason="PyTorch is not installed: pip install '.[bench]'")
    workload = dataclasses.replace(WORKLOADS[name], rtol=min(WORKLOADS[name].rtol, 2e-3))
    if peer not in workload.programs:
        pytest.skip(f"{peer} is not timed for it")
    arguments = workload.arguments(True)
    workload.check(peer, workload.programs[peer](*arguments)(), workload.expected(arguments))


@pytest.mark.parametrize("name", ["softmax_4096x1024", "mandelbrot_1000x1000x100", "mlp_train_step"])
def test_a_wrong_result_is_noticed(name):
    workload = WORKLOADS[name]
    expected = workload.expected(workload.arguments(True))
    wrong = optree.tree_map(lambda x: 1.01 * x, expected)
    with pytest.raises(AssertionError, match="result 0 of JAX"):
        workload.check("JAX", wrong, expected)


def test_jax_computes_in_double_precision_where_arguments_are():
    is_double = importlib.import_module("peers").is_double
    assert is_double({"x": np.ones(2), "n": np.arange(3)})
    assert is_double([np.float32(1), np.complex128(1)])
    assert not is_double((np.ones(2, np.float32), np.arange(3)))


def test_every_workload_has_a_floor_or_is_a_loop():
    without = [name for name, workload in WORKLOADS.items() if not (workload.bytes or workload.flops)]
    assert all(name.startswith(("scan_", "rk4", "while_")) for name in without), without


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are found in Linux's /proc")
def test_what_a_contender_leaves_running_is_ended():
    code = """
import subprocess, measure
shell = subprocess.Popen(["sh", "-c", "sleep 60 & echo $!; wait"], stdout=subprocess.PIPE, text=True)
inner = int(shell.stdout.readline())
measure.end_subprocesses()
assert shell.wait(10) == -9
assert shell.stdout.read() == ""  # the end of the pipe, which the inner process has, too
"""
    subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": str(BENCHMARKS)}, check=True, timeout=30
    )


def test_a_workload_is_measured_in_a_process_of_its_own(tmp_path):
    output = tmp_path / "result.json"
    options = ("--threads", "1", "--peers", "dlc", "NumPy", "--patience", "0.05", "--limit", "60", "--tiny")
    command = (sys.executable, str(BENCHMARKS / "measure.py"), "mlp_train_step", str(output), *options)
    subprocess.run(command, env=os.environ | {"PYTHONPATH": str(ROOT)}, check=True, timeout=120)
    result = json.loads(output.read_text())
    assert result["failures"] == {}
    assert result["median_ms"].keys() == {"dlc", "NumPy"}
    assert all(0 < result["min_ms"][peer] <= result["median_ms"][peer] for peer in ("dlc", "NumPy"))
    assert result["first_call_ms"]["dlc"] > result["median_ms"]["dlc"]


RUN = {
    "floors": {"bytes_per_second": 2e9, "flops_per_second": 1e9},
    "workloads": [
        {
            "workload": "rows",
            "bytes": 4e6,
            "flops": 1e6,
            "failures": {"Numba": "TypeError: no"},
            "first_call_ms": {"dlc": 50.0, "JAX": 70.0},
            "median_ms": {"dlc": 4.0, "JAX": 6.0, "torch": 9.0},
            "min_ms": {"dlc": 3.0, "JAX": 5.0, "torch": 8.0},
        },
        {"workload": "columns", "error": "MemoryError: no"},
    ],
}


def test_the_table_compares_with_the_best_peer_and_the_floor():
    head, _, row = REPORT.workload_table(RUN).splitlines()
    cells = dict(zip(head.split(" | "), row.split(" | "), strict=True))
    assert (cells["ahead"], cells["floor"], cells["dlc ÷ floor"]) == ("1.50", "2", "2.0")
    assert cells["JAX"] == "6 (5)"


def test_failures_are_told_by_name():
    results = {"threads": {"2": RUN}}
    lines = REPORT.failure_lines(results)
    assert lines == ["- rows, 2 threads: Numba: TypeError: no", "- columns, 2 threads: all: MemoryError: no"]
    assert REPORT.has_failed(results, "dlc")
    assert not REPORT.has_failed({"threads": {"2": RUN | {"workloads": RUN["workloads"][:1]}}}, "dlc")
