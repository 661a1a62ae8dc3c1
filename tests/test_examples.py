"""The examples run as a user would run them, and reach what they promise."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

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
    assert "same assignment as NumPy: True" in out
    assert float(re.search(r"adjusted Rand index\): ([\d.]+)", out)[1]) > 0.6
