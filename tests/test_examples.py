"""The examples run as a user would run them, and reach what they promise."""

import importlib
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import optree
import pytest

ROOT = Path(__file__).resolve().parent.parent
pytest.importorskip("sklearn", reason="scikit-learn is not installed: pip install '.[examples]'")
pytest.importorskip("rich", reason="rich is not installed: pip install '.[examples]'")


def run(*command, **variables):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "100", **variables}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def training(tmp_path_factory):
    """A short training run that dumps its IR: status, output and the folder."""
    folder = tmp_path_factory.mktemp("dump")
    command = (sys.executable, "examples/train_digits.py", "--epochs", "12", "--hidden", "128")
    return *run(*command, DLC_DUMP_IR_TO=str(folder)), folder


def test_the_digit_classifier_reaches_97_percent(training):
    status, out, err, _ = training
    assert status == 0, err
    accuracy = float(re.search(r"test accuracy: ([\d.]+) %", out)[1])
    assert accuracy >= 97.0


def test_the_digit_classifier_compares_itself_with_numpy(training):
    out = training[1]
    assert re.search(r"dlc is [\d.]+ times as fast as NumPy", out)
    assert re.search(r"first call of the training step .*: \d+ ms", out)


def test_the_commands_that_the_demo_shows_work(training):
    _, out, _, folder = training
    commands = re.findall(r"^  \.venv/bin/(dlc-\w+) (.*?) *#", out, re.MULTILINE)
    assert [tool for tool, _ in commands] == ["dlc-opt", "dlc-run"]
    for tool, arguments in commands:
        module = {"dlc-opt": "compiler.opt", "dlc-run": "compiler.run"}[tool]
        given = shlex.split(arguments.replace("dump/", f"{folder}/"))
        status, shown, err = run(sys.executable, "-m", module, *given)
        assert status == 0, err
        assert shown


def test_kmeans_assigns_as_numpy_does():
    status, out, err = run(sys.executable, "examples/kmeans.py")
    assert status == 0, err
    assert "agrees with NumPy: True" in out
    assert float(re.search(r"adjusted Rand index\): ([\d.]+)", out)[1]) > 0.6


SMALL = {
    "heat": lambda m: (m.simulate, m.simulate_numpy, (m.plate(17), 0.2, 9)),
    "jacobi": lambda m: (m.solve, m.solve_numpy, (m.square(14), 5)),
    "nbody": lambda m: (m.simulate, m.simulate_numpy, (*m.cluster(21), 0.01, 4)),
    "mandelbrot": lambda m: (m.escape, m.escape_numpy, (m.plane(33, 20), 30)),
    "black_scholes": lambda m: (m.black_scholes_compiled, m.black_scholes, (*m.market(1003), 0.03, 0.2)),
    "logistic_regression": lambda m: (m.fit, m.fit_numpy, (*m.cancer_data(), 1e-3, 0.1, 20)),
    "pagerank": lambda m: (m.pagerank, m.pagerank_numpy, m.web(50, 300)),
    "poisson": lambda m: (m.solve, m.solve_numpy, (m.charges(15)[0],)),
}
"""For each example: the compiled program, the same in NumPy, and arguments small enough for a test."""


@pytest.fixture
def example(request, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "examples")
    return importlib.import_module(request.param)


@pytest.mark.parametrize("example", SMALL, indirect=True)
def test_a_program_in_numpy_computes_the_same_when_compiled(example):
    compiled, reference, arguments = SMALL[example.__name__](example)
    before = optree.tree_map(np.array, arguments)
    result, expected = compiled(*arguments), reference(*arguments)
    for got, want in zip(optree.tree_leaves(result), optree.tree_leaves(expected), strict=True):
        np.testing.assert_allclose(got, want, rtol=0, atol=1e5 * np.finfo(np.float64).eps * np.abs(want).max())
    for argument, old in zip(optree.tree_leaves(arguments), optree.tree_leaves(before), strict=True):
        np.testing.assert_array_equal(argument, old)


@pytest.mark.parametrize("example", SMALL, indirect=True)
def test_an_example_agrees_with_numpy_and_says_where_to_look(example, capsys):
    assert example.main() == 0
    out = capsys.readouterr().out
    assert "agrees with NumPy: True" in out
    assert f"DLC_DUMP_IR_TO=dump .venv/bin/python examples/{example.__name__}.py" in out
    assert re.search(r"NumPy [\d.]+ ms, compiled [\d.]+ ms: [\d.]+ times as fast", out)


@pytest.mark.parametrize("example", ["nbody"], indirect=True)
def test_a_step_of_n_bodies_keeps_no_table_of_all_pairs(example):
    memory = example.simulate.lower(*example.cluster(200), 0.01, 4).as_text("bufferized").split("func.func private")[0]
    loop = memory[memory.index("scf.for") : memory.index("scf.yield")]
    assert "200x200" not in loop
    assert loop.count("rt.launch") == 3


@pytest.mark.parametrize("example", ["jacobi"], indirect=True)
def test_a_stencil_is_written_through_its_window(example):
    compiled, _, arguments = SMALL["jacobi"](example)
    memory = compiled.lower(*arguments).as_text("bufferized").split("func.func private")[0]
    loop = memory[memory.index("scf.for") : memory.index("memref.collapse_shape")]
    assert loop.count("rt.launch") == 2
    assert "memref.copy" not in loop
