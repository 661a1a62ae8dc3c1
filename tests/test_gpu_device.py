"""Programs on a real NVIDIA GPU, compared with the CPU."""

import importlib.util
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from gpu_programs import OPS_OF_THE_DEVICE, PROGRAMS, assert_close, assert_gives_its_value

import compiler
from compiler.pytrees import flatten
from dialects.errors import MissingLibraryError
from runtime.cuda.cublas import load_cublas
from runtime.cuda.driver import default_driver

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"

pytestmark = pytest.mark.gpu


@pytest.fixture(scope="module", autouse=True)
def device():
    try:
        driver = default_driver()
        load_cublas()
    except MissingLibraryError as error:
        pytest.skip(str(error))
    return driver


def assert_as_on_the_cpu(function, arguments, ulps):
    got = flatten(compiler.jit(function, target="cuda")(*arguments))[0]
    want = flatten(compiler.jit(function)(*arguments))[0]
    for a, b in zip(got, want, strict=True):
        assert_close(np.asarray(a), np.asarray(b), ulps)


@pytest.mark.parametrize("name", PROGRAMS)
def test_program_gives_the_results_of_the_cpu(name):
    function, arguments = PROGRAMS[name]
    assert_as_on_the_cpu(function, arguments, ulps=256)


@pytest.mark.parametrize("example", OPS_OF_THE_DEVICE, ids=str)
def test_every_op_gives_its_value(example, device):
    assert_gives_its_value(example, device)


def test_more_points_than_one_block():
    x = np.random.default_rng(0).standard_normal((3000, 257)).astype(np.float32)
    assert_as_on_the_cpu(lambda a: np.tanh(a) * 2 + a.sum(axis=1, keepdims=True), (x,), ulps=4096)


def test_rows_too_long_for_local_memory():
    x = np.random.default_rng(0).standard_normal((5, 50_000)).astype(np.float32)
    assert_as_on_the_cpu(compiler.nn.softmax, (x,), ulps=4096)


def test_special_values():
    x = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-42, -1e-42, 3e38], np.float32)
    with np.errstate(all="ignore"):
        assert_as_on_the_cpu(
            lambda a: (np.exp(a), np.log(a), np.maximum(a, 0), np.minimum(a, a[::-1]), a * a), (x,), ulps=4
        )


def test_calls_from_several_threads():
    step = compiler.jit(lambda a: a * 2 + 1, target="cuda")
    wrong = []

    def work(number):
        for _ in range(20):
            if not (step(np.full(1000, number, np.float32)) == 2 * number + 1).all():
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_train_step_of_the_digits_example():
    pytest.importorskip("sklearn")
    pytest.importorskip("rich")
    spec = importlib.util.spec_from_file_location("train_digits", EXAMPLES / "train_digits.py")
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    rng = np.random.default_rng(0)
    params = example.init_params(rng, [64, 256, 256, 10])
    state = example.OPTIMISER.init(params)
    x, y = rng.random((128, 64), np.float32), rng.integers(0, 10, 128)
    function = example.train_step.__wrapped__
    on_gpu = compiler.jit(function, target="cuda")
    theirs, ours = (params, state, None), (params, state, None)
    for _ in range(5):
        theirs, ours = example.train_step(*theirs[:2], x, y), on_gpu(*ours[:2], x, y)
    for a, b in zip(flatten(ours)[0], flatten(theirs)[0], strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-3, atol=2e-4)


@pytest.mark.skipif(shutil.which("compute-sanitizer") is None, reason="compute-sanitizer is not installed")
def test_no_access_is_out_of_bounds(tmp_path):
    script = tmp_path / "program.py"
    script.write_text(
        "import numpy as np, compiler\n"
        "print(compiler.jit(compiler.nn.softmax, target='cuda')(np.ones((33, 70), np.float32)).sum())\n"
    )
    command = ["compute-sanitizer", "--error-exitcode=9", sys.executable, str(script)]
    assert subprocess.run(command, check=False, capture_output=True).returncode == 0
