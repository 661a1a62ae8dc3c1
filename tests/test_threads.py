"""Threads share work without changing results, whoever calls, and however many there are."""

import ctypes
import os
import re
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import compiler
from compiler import ArgumentError, CompileOptions, get_num_threads, jit, num_threads, set_num_threads
from dialects.rt import LaunchOp
from runtime.imported_functions import function_addresses
from runtime.native import emit_object, load
from runtime.once import once
from runtime.reference import interpret
from runtime.threads.cpu_count import usable_cpus

NUMBER = np.random.default_rng(0)


def _softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def _steps(x):
    return compiler.fori_loop(0, 5, lambda i, c: np.sin(c) + i, x)


def _scatter(x):
    y = np.zeros_like(x[:999])
    np.add.at(y, np.arange(len(x)) % 999, x)
    return y


def _copied(x):
    """Loops that change a part of what is given copy all of it first."""
    y = x.copy()
    y[:7] += 1
    return y, x.sum()


def _random(*shape, dtype=np.float32):
    return NUMBER.standard_normal(shape).astype(dtype)


PROGRAMS = {
    "elementwise": (lambda x: np.tanh(x) * 2, _random(300_007)),
    "elementwise of two rows": (lambda x: np.exp(x) + x[:, :1], _random(2, 100_001)),
    "integers of three rows": (lambda x: x // (abs(x[:, :1]) + 1), NUMBER.integers(-99, 99, (3, 70_001), np.int8)),
    "float64": (lambda x: np.exp(x) - x, _random(100_003, dtype=np.float64)),
    "integers": (lambda x: x * x % 7, NUMBER.integers(-100, 100, 1_000_003)),
    "rows": (_softmax, _random(517, 999)),
    "few long rows": (_softmax, _random(3, 200_001)),
    "sums of columns": (lambda x: x.sum(0), _random(2001, 777)),
    "full sum": (lambda x: x.sum(), _random(1_000_003)),
    "transpose": (lambda x: x.T + 1, _random(777, 1001)),
    "cumulative sums": (lambda x: np.cumsum(x, 1), _random(301, 2003)),
    "product": (lambda x: x @ x.T, _random(301, 257)),
    "product with a vector": (lambda x: x @ x[0], _random(1501, 1777)),
    "vector with a product": (lambda x: x[:, 0] @ x, _random(1501, 1777)),
    "products of a batch": (lambda x: x @ np.swapaxes(x, 1, 2), _random(65, 67, 71)),
    "Fourier transforms": (lambda x: abs(np.fft.fft(x)), _random(129, 2000)),
    "scatter": (_scatter, _random(3000, 401)),
    "convolution": (
        lambda x: compiler.nn.conv2d(x, np.ones((8, 3, 3, 3), np.float32), padding=1) + x.mean(),
        _random(4, 3, 65, 67),
    ),
    "gathers": (lambda x: x[np.arange(0, 5000) * 7 % 3001], _random(3001, 301)),
    "loop": (_steps, _random(200_003)),
    "factorizations of a batch": (lambda x: np.linalg.inv(x + 20 * np.eye(40, dtype=np.float32)), _random(33, 40, 40)),
    "singular values of a batch": (lambda x: np.linalg.svd(x)[1], _random(9, 50, 40)),
    "eigenvectors of a batch": (lambda x: np.linalg.eigh(x @ np.swapaxes(x, 1, 2))[1], _random(70, 20, 20)),
    "orthogonal factors of a batch": (lambda x: np.linalg.qr(x)[0], _random(37, 50, 40)),
    "copy": (lambda x: _copied(x)[0], _random(1001, 999)),
}


@pytest.fixture(autouse=True)
def _setting():
    before = get_num_threads()
    yield
    set_num_threads(before)


@pytest.mark.parametrize("name", PROGRAMS)
def test_results_do_not_depend_on_the_number_of_threads(name):
    function, x = PROGRAMS[name]
    compiled = jit(function)
    results = []
    for number in (1, 2, 3, 4, 2):
        set_num_threads(number)
        results.append(np.asarray(compiled(x)))
    for result in results[1:]:
        np.testing.assert_array_equal(result, results[0])
    np.testing.assert_allclose(results[0], np.asarray(jit(function, threads=1)(x)), rtol=1e-4, atol=1e-3)


def test_what_cannot_be_factorized_is_nan_in_its_own_place():
    x = _random(40, 30, 30) + 9 * np.eye(30, dtype=np.float32)
    x[[3, 21, 39], 2, 2] = np.nan
    compiled = jit(lambda x: (np.linalg.svd(x)[1], np.linalg.eigh(x)[0]))
    for number in (1, 4):
        set_num_threads(number)
        for result in compiled(x):
            assert np.flatnonzero(np.isnan(np.asarray(result)).any(1)).tolist() == [3, 21, 39]


def _has_blocks(multiply, *arrays):
    return " blocks [" in multiply.lower(*arrays).as_text("loops") or os.cpu_count() == 1


_PRODUCTS = [(160, 161, 163), (256, 784, 512), (33, 768, 3072), (1, 1000, 5000), (5000, 1001, 1), (100_003, 7, 9)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("trans_lhs", "trans_rhs"), [(False, False), (True, False), (False, True), (True, True)])
@pytest.mark.parametrize("sizes", _PRODUCTS)
def test_blocks_of_a_product_are_the_product(sizes, trans_lhs, trans_rhs, dtype):
    m, k, n = sizes
    lhs, rhs = _random(m, k, dtype=dtype), _random(k, n, dtype=dtype)
    a, b = (x.T.copy() if is_transposed else x for x, is_transposed in ((lhs, trans_lhs), (rhs, trans_rhs)))
    multiply = jit(lambda a, b: (a.T if trans_lhs else a) @ (b.T if trans_rhs else b))
    assert _has_blocks(multiply, a, b)
    set_num_threads(2)
    expected = lhs.astype(np.float64) @ rhs.astype(np.float64)
    np.testing.assert_allclose(
        multiply(a, b), expected, atol=4 * np.finfo(dtype).eps * k * np.abs(expected).max() ** 0.5
    )


_BATCHES = [
    ((3, 200, 210), (3, 210, 220)),
    ((65, 67, 71), (65, 71, 73)),
    ((9, 130, 140), (140, 150)),
    ((200, 210), (3, 210, 220)),
    ((2, 512, 100), (2, 100, 512)),
    ((100, 1, 500), (100, 500, 300)),
    ((64, 500, 300), (64, 300, 1)),
]


@pytest.mark.parametrize(("lhs", "rhs"), _BATCHES)
def test_blocks_of_many_products_are_the_products(lhs, rhs):
    a, b = _random(*lhs), _random(*rhs)
    multiply = jit(lambda a, b: a @ b)
    assert _has_blocks(multiply, a, b)
    set_num_threads(2)
    np.testing.assert_allclose(multiply(a, b), a.astype(np.float64) @ b.astype(np.float64), atol=1e-4)


def test_one_processor_is_left_no_blocks_to_pack(dlc_opt):
    text = jit(lambda a: a @ a).lower(np.ones((2048, 2048), np.float32)).as_text("bufferized")
    _, one, _ = dlc_opt(text, "-p", "split-work{processors=1}")
    assert " blocks " not in one
    _, two, _ = dlc_opt(text, "-p", "split-work{processors=2}")
    assert " blocks " in two


def test_small_products_are_one_call():
    assert " blocks " not in jit(lambda a: a @ a).lower(np.ones((64, 64), np.float32)).as_text("loops")


_COUNTING = """
declare void @dlc_parallel(ptr, ptr, i64, i64)
define void @count(ptr %place, i64 %part) {
  %bit = shl i64 1, %part
  %seen.at = getelementptr i64, ptr %place, i64 1
  %before = atomicrmw or ptr %seen.at, i64 %bit monotonic
  %calls = atomicrmw add ptr %place, i64 1 monotonic
  ret void
}
define void @count_in_parts(ptr %place, i64 %part) {
  call void @dlc_parallel(ptr @count, ptr %place, i64 5, i64 0)
  ret void
}
define void @run(ptr %function, ptr %place, i64 %count, i64 %limit) {
  call void @dlc_parallel(ptr %function, ptr %place, i64 %count, i64 %limit)
  ret void
}
"""


@pytest.fixture(scope="module")
def run_parts():
    """Run parts of a native function that counts; give how often it was called, and by which parts."""
    program = load(emit_object(_COUNTING), function_addresses(["dlc_parallel"]))
    run = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)(
        program.address("run")
    )

    def run_parts(name, count, limit=0):
        place = np.zeros(2, np.int64)
        run(program.address(name), place.ctypes.data, count, limit)
        return int(place[0]), int(place[1]).bit_count()

    return run_parts


@pytest.mark.parametrize("number", [1, 2, 3, 8])
@pytest.mark.parametrize("limit", [0, 1, 2])
def test_every_part_runs_once(run_parts, number, limit):
    set_num_threads(number)
    for count in (0, 1, 2, 3, 40) * 200:
        assert run_parts("count", count, limit) == (count, count)


def test_parts_may_have_parts(run_parts):
    set_num_threads(3)
    for _ in range(100):
        assert run_parts("count_in_parts", 11) == (55, 5)


def test_sleeping_threads_wake_up(run_parts):
    set_num_threads(4)
    for pause in (0, 0.0001, 0.001, 0.01) * 10:
        time.sleep(pause)
        assert run_parts("count", 17) == (17, 17)


_SENT_AWAY = """
import os, time, numpy as np, compiler

def threads():
    return set(map(int, os.listdir("/proc/self/task")))

compiler.set_num_threads(2)
f, x = compiler.jit(np.exp), np.ones(1_000_000, np.float32)
with compiler.num_threads(1):
    f(x)
before = threads()
f(x)
(worker,) = threads() - before
everywhere = os.sched_getaffinity(0)
here = min(everywhere)
for _ in range(1000):
    os.sched_setaffinity(worker, {here})
    os.sched_setaffinity(0, {here})
    f(x)
    time.sleep(0.001)  # the worker tells that it is here
    os.sched_setaffinity(0, everywhere)  # we may run elsewhere, but nothing makes us
    f(x)
    if os.sched_getaffinity(worker) != {here}:
        break
assert os.sched_getaffinity(worker) == everywhere - {here}, os.sched_getaffinity(worker)
print("sent away")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="threads tell their processors on Linux only")
@pytest.mark.skipif(usable_cpus() < 2, reason="there is no other processor to send a worker to")
def test_a_worker_on_its_callers_processor_is_sent_to_the_others():
    result = _run(_SENT_AWAY)
    assert result.stdout == "sent away\n", result.stderr


def _grains(compiled, x):
    return compiled.lower(x).as_text("loops").count(" grain ")


def test_only_launches_with_enough_work_have_parts():
    double = jit(lambda x: np.exp(x) * 2)
    assert _grains(double, np.ones(1_000_000, np.float32)) == 1
    assert _grains(double, np.ones(1_000, np.float32)) == 0
    assert _grains(jit(lambda x: np.exp(x) * 2, threads=1), np.ones(1_000_000, np.float32)) == 0


def test_few_long_rows_have_more_parts_than_rows():
    text = jit(lambda x: np.exp(x) + x[:, :1]).lower(_random(2, 100_001)).as_text("loops")
    assert " over [2, 6] grain 1(" in text


@pytest.mark.parametrize("name", ["rows", "product", "products of a batch", "few long rows", "sums of columns"])
def test_parts_in_any_order_are_what_the_interpreter_computes(name):
    function, x = PROGRAMS[name]
    x = x[: len(x) // 2 + 1]
    lowered = jit(function).lower(x)
    module = lowered.module_at("loops")
    assert any({"grain", "blocks"} & op.properties.keys() for op in module.walk()) or os.cpu_count() == 1
    (result,) = interpret(module, lowered._traced.name, [x])
    np.testing.assert_allclose(jit(function)(x), result, rtol=1e-4, atol=1e-4)


def test_the_command_line_has_a_limit(dlc_opt):
    text = jit(np.exp).lower(np.ones(1_000_000, np.float32)).as_text()
    _, parts, _ = dlc_opt(text, "--compile-to=llvm", "--threads=3")
    assert "rt.max_threads = 3" in parts
    assert "@dlc_parallel" in parts
    _, whole, _ = dlc_opt(text, "--compile-to=llvm", "--threads=1")
    assert "@dlc_parallel" not in whole


def test_remarks_tell_how_work_is_split():
    remarks = [str(remark) for remark in jit(np.exp).lower(np.ones(1_000_000, np.float32)).remarks()]
    assert any("parts of" in remark and "split-work" in remark for remark in remarks)
    remarks = [str(remark) for remark in jit(np.exp).lower(np.ones(1000, np.float32)).remarks()]
    assert any("one thread, about" in remark for remark in remarks)


@pytest.mark.parametrize("name", sorted(PROGRAMS))
def test_the_last_remark_on_a_launch_tells_its_parts(name):
    function, x = PROGRAMS[name]
    lowered = jit(function).lower(x)
    last = {}
    for remark in map(str, lowered.remarks()):
        if told := re.search(r"@(\w+): (?:(\d+) parts of (\d+) points|one thread)", remark):
            last[told[1]] = (int(told[2] or 1), int(told[3] or 0))
    for op in lowered.module_at("loops").walk():
        if isinstance(op, LaunchOp):
            grain = 0 if op.grain is None else op.grain.value.data
            assert last[op.kernel.string_value()] == (op.part_count, grain)


@pytest.mark.parametrize("equal", [True, False])
def test_eight_threads_may_call_at_once(equal):
    set_num_threads(3)
    names = ["rows", "elementwise", "sums of columns", "loop", "Fourier transforms", "gathers", "product", "float64"]
    cases = [PROGRAMS["rows" if equal else name] for name in names]
    compiled = {id(function): jit(function) for function, _ in cases}
    expected = [compiled[id(function)](x) for function, x in cases]
    wrong = []

    def call(place):
        function, x = cases[place]
        for _ in range(20):
            if not np.array_equal(compiled[id(function)](x), expected[place]):
                wrong.append(names[place])

    threads = [threading.Thread(target=call, args=(place,)) for place in range(len(cases))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    assert not wrong


def test_the_number_of_threads_may_change_while_others_compute():
    function, x = PROGRAMS["elementwise"]
    compiled = jit(function)
    expected = compiled(x)
    stop, wrong = threading.Event(), []

    def call():
        while not stop.is_set():
            if not np.array_equal(compiled(x), expected):
                wrong.append(1)

    threads = [threading.Thread(target=call) for _ in range(2)]
    for thread in threads:
        thread.start()
    for number in [1, 4, 2, 3, 1, 2] * 20:
        set_num_threads(number)
        time.sleep(0.001)
    stop.set()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_a_forked_child_has_threads_of_its_own():
    set_num_threads(2)
    function, x = PROGRAMS["rows"]
    compiled = jit(function)
    expected = compiled(x)
    child = os.fork()
    if child == 0:
        # Whatever happens, the child must not go on with the tests of its parent.
        status = 1
        try:
            threads_before = len(os.listdir("/proc/self/task")) if os.path.isdir("/proc/self/task") else 1
            same = all(np.array_equal(compiled(x), expected) for _ in range(20))
            threads_after = len(os.listdir("/proc/self/task")) if os.path.isdir("/proc/self/task") else 2
            status = 0 if same and threads_after > threads_before else 2
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    np.testing.assert_array_equal(compiled(x), expected)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_children_of_processes_that_compile_can_compile():
    text = """
import os, signal, threading, numpy as np, compiler
stop = threading.Event()
def compile_all_the_time(x, k=0):
    while not stop.is_set():
        k += 1
        compiler.jit(lambda x: np.tanh(x * k) + x.sum())(x)
threads = [threading.Thread(target=compile_all_the_time, args=(np.ones(n),)) for n in (1000, 1001)]
for thread in threads:
    thread.start()
children = []
for k in range(8):
    child = os.fork()
    if child == 0:
        signal.alarm(30)  # ends a child that hangs
        os._exit(0 if compiler.jit(lambda x: x * k)(2.0) == 2 * k else 1)
    children.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    if children[-1]:
        break
stop.set()
for thread in threads:
    thread.join()
print(children)
"""
    assert _run(text, DLC_CACHE_DIR="0").stdout == f"{[0] * 8}\n"


def test_what_is_made_once_is_made_once_by_several_threads():
    calls, start = [], threading.Barrier(4)

    @once
    def slow():
        calls.append(1)
        time.sleep(0.05)
        return object()

    def ask():
        start.wait()
        results.append(slow())

    results = []
    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == 1
    assert len(set(results)) == 1


def test_threads_that_compile_first_share_what_is_made_for_all():
    text = """
import threading, numpy as np, compiler
from runtime.linker import _linker
from runtime.threads.setting import default_address, own_key
start, made = threading.Barrier(8), []
def compile_first(k):
    start.wait()
    made.append((_linker(), default_address(), own_key()))
    for i in range(5):
        assert compiler.jit(lambda x: x * k + i)(1.0) == k + i
threads = [threading.Thread(target=compile_first, args=(k,)) for k in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(len(made), len(set(made)))
"""
    for _ in range(3):
        assert _run(text, DLC_CACHE_DIR="0").stdout == "8 1\n"


def test_one_thread_may_choose_for_itself():
    set_num_threads(3)
    seen = []
    with num_threads(2):
        assert get_num_threads() == 2
        with num_threads(1):
            assert get_num_threads() == 1
        other = threading.Thread(target=lambda: seen.append(get_num_threads()))
        other.start()
        other.join()
        assert get_num_threads() == 2
    assert get_num_threads() == 3
    assert seen == [3]


@pytest.mark.parametrize("number", [0, -1, 257, 1.5, "2", True])
def test_numbers_of_threads_are_positive_integers(number):
    choices = {
        "set_num_threads": set_num_threads,
        "num_threads": lambda n: num_threads(n).__enter__(),
        "jit": lambda n: jit(np.exp, threads=n),
        "CompileOptions": lambda n: CompileOptions(threads=n),
    }
    for name, choose in choices.items():
        with pytest.raises(
            ArgumentError, match=rf"^{name}: the number of threads is .*; use an integer from 1 to 256$"
        ):
            choose(number)


def _run(text, **environment):
    kept = {name: value for name, value in os.environ.items() if name != "DLC_NUM_THREADS"}
    run = [sys.executable, "-c", text]
    return subprocess.run(run, env={**kept, **environment}, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize("text", ["0", "-1", "abc", "1.5", "1000"])
def test_a_wrong_setting_is_a_clear_error(text):
    result = _run("import compiler; compiler.get_num_threads()", DLC_NUM_THREADS=text)
    assert f"ArgumentError: DLC_NUM_THREADS is {text!r}; use an integer from 1 to 256, or unset it" in result.stderr


def test_the_setting_is_what_programs_start_with():
    assert _run("import compiler; print(compiler.get_num_threads())", DLC_NUM_THREADS="3").stdout == "3\n"


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system has no affinity")
def test_a_process_on_one_processor_uses_one_thread():
    text = "import os; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))]); import compiler; print(compiler.get_num_threads())"
    assert _run(text, DLC_NUM_THREADS="").stdout == "1\n"


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="the system has no timers")
def test_signals_arrive_between_calls():
    text = """
import signal, numpy as np, compiler
compiler.set_num_threads(3)
f, x, ticks = compiler.jit(lambda x: np.exp(x).sum() + np.tanh(x)), np.ones(300_000), []
signal.signal(signal.SIGALRM, lambda *_: ticks.append(1))
signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
expected = f(x)
while len(ticks) < 50:
    assert np.array_equal(f(x), expected)
signal.setitimer(signal.ITIMER_REAL, 0)
print("done")
"""
    assert _run(text).stdout == "done\n"


def _files(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, 8),
        ({"sys/fs/cgroup/cpu.max": "max 100000\n"}, 8),
        ({"sys/fs/cgroup/cpu.max": "250000 100000\n"}, 3),
        ({"sys/fs/cgroup/cpu.max": "1000 100000\n"}, 1),
        ({"sys/fs/cgroup/cpu.max": "nonsense\n"}, 8),
        (
            {
                "proc/self/cgroup": "0::/a/b\n",
                "sys/fs/cgroup/a/b/cpu.max": "max 1\n",
                "sys/fs/cgroup/a/cpu.max": "2 1\n",
            },
            2,
        ),
        ({"sys/fs/cgroup/cpu/cpu.cfs_quota_us": "400000\n", "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n"}, 4),
        ({"sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n", "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n"}, 8),
        (
            {
                "proc/self/cgroup": "3:memory:/x\n2:cpu,cpuacct:/x\n",
                "sys/fs/cgroup/cpu,cpuacct/x/cpu.cfs_quota_us": "200000\n",
                "sys/fs/cgroup/cpu,cpuacct/x/cpu.cfs_period_us": "100000\n",
            },
            2,
        ),
    ],
)
def test_the_quota_of_the_control_group_counts(tmp_path, monkeypatch, files, expected):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    assert usable_cpus(_files(tmp_path, files)) == expected
