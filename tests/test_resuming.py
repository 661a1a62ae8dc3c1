"""A training run that is interrupted and resumed from a file goes on as if nothing had happened, bit by bit."""

import functools
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import optree
import pytest

import compiler
from compiler import optim, random

ROOT = Path(__file__).resolve().parent.parent
SCHEDULE = optim.schedules.warmup_cosine(1e-2, 3, 10)
OPTIMISERS = {
    "sgd": optim.sgd(SCHEDULE, 0.9, dampening=0.1),
    "adamw": optim.adamw(SCHEDULE, amsgrad=True),
    "radam": optim.radam(SCHEDULE),
    "rmsprop": optim.rmsprop(SCHEDULE, momentum=0.9, centered=True),
    "adadelta": optim.adadelta(SCHEDULE),
    "lion": optim.lion(SCHEDULE),
    "lamb": optim.lamb(SCHEDULE),
}
AVERAGE = optim.exponential_moving_average(0.9)


def first(optimiser):
    """All that a run consists of: parameters, optimiser, average, key, step."""
    rng = np.random.default_rng(0)
    params = {
        "layers": [
            {"weight": rng.standard_normal((6, 8)).astype(np.float32), "bias": np.zeros(8, np.float32)},
            {"weight": rng.standard_normal((8, 1)).astype(np.float32), "bias": np.zeros(1, np.float32)},
        ]
    }
    return {
        "params": params,
        "optimiser": optimiser.init(params),
        "average": AVERAGE.init(params),
        "key": random.key(3),
        "step": 0,
    }


def loss(params, x, y, key):
    one, two = params["layers"]
    hidden = np.tanh(x @ one["weight"] + one["bias"])
    hidden = np.where(random.bernoulli(key, 0.8, hidden.shape), hidden, 0) / np.float32(0.8)  # dropout
    return np.mean((hidden @ two["weight"] + two["bias"] - y) ** 2)


@functools.cache
def compiled_step(name):
    optimiser = OPTIMISERS[name]

    @compiler.jit
    def step(run, x, y):
        key, now = random.split(run["key"])
        gradients = compiler.grad(loss)(run["params"], x, y, now)
        gradients, _ = optim.clip_grad_norm(gradients, 1.0)
        params, state = optimiser.update(gradients, run["optimiser"], run["params"])
        return {
            "params": params,
            "optimiser": state,
            "average": AVERAGE.update(params, run["average"]),
            "key": key,
            "step": run["step"] + 1,
        }

    return step


def train(name, run, steps):
    data = np.random.default_rng(1).standard_normal((40, 7)).astype(np.float32)
    for _ in range(steps):
        chosen = np.random.default_rng(int(run["step"])).choice(
            40, 16, replace=False
        )  # the order follows from the step
        run = compiled_step(name)(run, data[chosen, :6], data[chosen, 6:])
    return run


@pytest.mark.parametrize("name", OPTIMISERS)
def test_a_resumed_run_has_the_bits_of_an_uninterrupted_one(name, tmp_path):
    start = first(OPTIMISERS[name])
    expected = train(name, start, 6)
    halfway = train(name, start, 3)
    compiler.save(tmp_path / "run.safetensors", halfway)
    resumed = train(name, compiler.load(tmp_path / "run.safetensors", like=halfway), 3)
    assert optree.tree_structure(resumed) == optree.tree_structure(expected)
    for got, want, before in zip(*map(optree.tree_leaves, (resumed, expected, start)), strict=True):
        assert got.dtype == want.dtype
        assert got.tobytes() == want.tobytes()
        assert got.tobytes() != np.asarray(before, got.dtype).tobytes(), "nothing happened"


def test_the_digit_classifier_resumes_to_the_same_file(tmp_path):
    pytest.importorskip("sklearn", reason="scikit-learn is not installed: pip install '.[examples]'")
    pytest.importorskip("rich", reason="rich is not installed: pip install '.[examples]'")

    def run(name, *arguments):
        command = [
            sys.executable,
            "examples/train_digits.py",
            "--hidden",
            "16",
            "--checkpoint",
            tmp_path / name,
            *arguments,
        ]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        return subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False
        )

    run("whole", "--epochs", "4")
    run("parts", "--epochs", "2")
    assert (tmp_path / "parts").read_bytes() != (tmp_path / "whole").read_bytes()
    done = run("parts", "--epochs", "4", "--resume")
    assert "resumed after epoch 2" in done.stdout
    assert (tmp_path / "parts").read_bytes() == (tmp_path / "whole").read_bytes()
