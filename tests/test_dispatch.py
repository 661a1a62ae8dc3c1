"""What calls in native code promise: the results of the way through Python, exact reference counts, any thread, any fork."""

import os
import pickle
import subprocess
import sys
import threading
from collections import OrderedDict
from typing import Any, NamedTuple

import numpy as np
import pytest

import compiler
from compiler.stages import Compiled
from runtime.dispatch import interpreter, records
from runtime.dispatch.native_callable import MAX_ENTRIES
from runtime.dispatch.native_library import native_library

F32, F64 = np.float32, np.float64


class Point(NamedTuple):
    x: Any
    y: Any


pytestmark = pytest.mark.skipif(native_library() is None, reason="calls are not native on this interpreter")

ARRAY = np.arange(6, dtype=F32).reshape(2, 3)


@pytest.fixture
def forbid_python(monkeypatch):
    """Fail when a call goes through Python."""

    def forbid():
        def run(self, leaves, wrap=None):
            raise AssertionError("the call went through Python")

        monkeypatch.setattr(Compiled, "run", run)

    return forbid


def same(a, b):
    """Whether two trees have the same containers, keys in order, dtypes and bytes."""
    assert type(a) is type(b)
    if isinstance(a, dict):
        assert list(a) == list(b)
        return all(same(a[k], b[k]) for k in a)
    if isinstance(a, tuple | list):
        return len(a) == len(b) and all(map(same, a, b))
    if a is None:
        return b is None
    left, right = np.asarray(a), np.asarray(b)
    return (left.dtype, left.shape, left.tobytes()) == (right.dtype, right.shape, right.tobytes())


CALLS = {
    "arrays": (lambda a, b: a + b, (ARRAY, ARRAY), {}),
    "no arguments": (lambda: np.zeros(3) + 1, (), {}),
    "no results": (lambda a: (), (ARRAY,), {}),
    "none as a result": (lambda a: None, (ARRAY,), {}),
    "an argument as a result, twice": (lambda a: [a, a], (ARRAY,), {}),
    "keywords": (lambda a, *, c, b: {"z": a - b, "y": c}, (ARRAY,), {"b": ARRAY, "c": 2 * ARRAY}),
    "containers": (
        lambda t: [{"b": (t["b"][0] + 1, [])}, None, (t["a"][0],)], ({"b": (ARRAY, None), "a": [ARRAY * 2]},), {}
    ),
    "empty containers": (lambda a, t: (a, t), (ARRAY, {"a": (), "b": [], "c": {}}), {}),
    "named tuples": (lambda p: p.x - p.y, (Point(ARRAY, ARRAY + 1),), {}),
    "named tuples as results": (lambda a: {"p": Point(a, a + 1)}, (ARRAY,), {}),
    "ordered dicts as results": (lambda a: OrderedDict(b=a, a=a + 1), (ARRAY,), {}),
    "a dict whose keys are not in order": (lambda a: {"z": a, "a": a + 1, "m": a + 2}, (ARRAY,), {}),
    "floats": (lambda a, s: a * s, (ARRAY, 0.5), {}),
    "ints": (lambda a, s: (a * s, s), (ARRAY, -3), {}),
    "bools": (lambda a, s: np.where(s, a, -a), (ARRAY, True), {}),
    "complex numbers": (lambda a, s: a * s, (ARRAY, 1 + 2j), {}),
    "tensors": (lambda a, b: (a + b, [a]), (compiler.Tensor(ARRAY), ARRAY), {}),
    "zero-dimensional arrays": (lambda a: a + 1, (np.array(3.0),), {}),
    "empty arrays": (lambda a: a + 1, (np.zeros((0, 3)),), {}),
    "half floats": (lambda a: a + 1, (ARRAY.astype(np.float16),), {}),
    "complex arrays": (lambda a: a * 2, (ARRAY.astype(np.complex64),), {}),
    "constants": (lambda a: a + np.arange(200.0), (np.ones(200),), {}),
    "large results": (lambda a: (a + 1, a.sum()), (np.ones(1 << 18),), {}),
    "arenas": (lambda a: (a @ a) @ (a @ a), (np.eye(100),), {}),
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_a_native_call_gives_what_the_first_call_gave(name, forbid_python):
    function, args, kwargs = CALLS[name]
    compiled = compiler.jit(function)
    first = compiled(*args, **kwargs)
    forbid_python()
    for _ in range(3):
        assert same(compiled(*args, **kwargs), first)
    assert compiled.cache_info() == (3, 1, 1)


def test_static_arguments_are_native_if_the_same_object_is_passed(forbid_python):
    mode = "".join(["do", "uble"])
    compiled = compiler.jit(lambda a, mode, k: a * 2 * k if mode == "double" else a, static_argnames=("mode", "k"))
    assert compiled(ARRAY, mode, k=3)[0, 1] == 6
    assert compiled(ARRAY, "other", k=3)[0, 1] == 1
    forbid_python()
    assert compiled(ARRAY, mode, k=3)[0, 1] == 6
    assert compiled(ARRAY, "other", k=3)[0, 1] == 1


def test_several_signatures_are_all_native(forbid_python):
    double = compiler.jit(lambda x: x * 2)
    arguments = [np.arange(float(n)) for n in range(8)] + [np.ones((2, 3), F32), 3.0, 3]
    first = [double(a) for a in arguments]
    forbid_python()
    for _ in range(2):
        assert all(same(double(a), f) for a, f in zip(arguments, first, strict=True))


def test_more_signatures_than_entries_are_right_counted_and_native_again(forbid_python):
    double = compiler.jit(lambda x: x * 2)
    count = MAX_ENTRIES + 3
    for _ in range(2):
        for n in range(count):
            assert double(np.ones(n)).shape == (n,)
    assert double.cache_info() == (count, count, count)
    double(np.ones(0)), double(np.ones(1))
    forbid_python()
    assert double(np.ones(0)).shape == (0,)
    assert double(np.ones(1)).shape == (1,)


def strided(a):
    return np.repeat(a, 2, axis=1)[:, ::2]


def misaligned(a):
    return np.frombuffer(b"0" + a.tobytes(), a.dtype, offset=1).reshape(a.shape)


class SubArray(np.ndarray):
    pass


OTHERS = {
    "strided": strided,
    "transposed": np.asfortranarray,
    "misaligned": misaligned,
    "unpickled": lambda a: pickle.loads(pickle.dumps(a)),
    "of another class": lambda a: a.view(SubArray),
    "read-only": lambda a: np.frombuffer(a.tobytes(), a.dtype).reshape(a.shape),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_layouts_and_classes_give_the_same(name):
    add = compiler.jit(lambda a, b: a + 2 * b)
    expected = add(ARRAY, ARRAY)
    for _ in range(2):
        assert same(add(OTHERS[name](ARRAY), ARRAY), expected)
        assert same(add(ARRAY, OTHERS[name](ARRAY)), expected)


def test_the_byte_order_matters():
    add = compiler.jit(lambda a: a + 1)
    add(ARRAY)
    assert same(add(ARRAY.astype(">f4")), ARRAY + 1)


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        ((), {}), ((ARRAY,), {}), ((ARRAY, ARRAY, ARRAY), {}), ((ARRAY,), {"b": ARRAY}), ((ARRAY,), {"c": ARRAY}),
        ((ARRAY, ARRAY.astype(F64)), {}), ((ARRAY, ARRAY[:1]), {}), ((ARRAY, [ARRAY]), {}), ((ARRAY, None), {}),
        ((ARRAY, 2.0), {}), ((ARRAY, "text"), {}), ((ARRAY, ARRAY.astype(object)), {}),
    ],
)  # fmt: skip
def test_other_arguments_are_answered_as_by_a_new_function(args, kwargs):
    def add(a, b):
        return a + b

    def outcome(function):
        try:
            return function(*args, **kwargs)
        except Exception as error:
            return str(error)

    compiled = compiler.jit(add)
    compiled(ARRAY, ARRAY)
    compiled(ARRAY, 3)
    assert same(outcome(compiled), outcome(compiler.jit(add)))


def test_integers_that_do_not_fit_are_refused_by_later_calls_too():
    add = compiler.jit(lambda a, b: a + b)
    assert same(add(ARRAY, 3), ARRAY + 3)
    for _ in range(2):
        with pytest.raises(compiler.DtypeError, match="does not fit into int64"):
            add(ARRAY, 1 << 70)
    assert same(add(ARRAY, -(1 << 20)), ARRAY - (1 << 20))


def test_changed_containers_are_seen():
    total = compiler.jit(lambda t: sum(t["a"]) + t["b"])
    tree = {"a": [ARRAY, ARRAY], "b": ARRAY}
    for _ in range(2):
        assert same(total(tree), 3 * ARRAY)
    tree["a"].append(ARRAY)
    assert same(total(tree), 4 * ARRAY)
    tree["a"][:] = [ARRAY]
    assert same(total(tree), 2 * ARRAY)
    tree["c"] = tree.pop("b")
    with pytest.raises(KeyError):
        total(tree)


def test_calls_within_traced_functions_are_parts_of_the_program():
    inner = compiler.jit(lambda x: x + 1)
    inner(ARRAY), inner(ARRAY)
    outer = compiler.jit(lambda y: inner(ARRAY) * y)
    assert "call" in outer.lower(ARRAY).as_text()
    assert same(outer(ARRAY), (ARRAY + 1) * ARRAY)


def test_a_cleared_cache_compiles_again():
    add = compiler.jit(lambda x: x + 1)
    add(ARRAY), add(ARRAY)
    add.cache_clear()
    assert add.cache_info() == (0, 0, 0)
    add(ARRAY)
    assert add.cache_info() == (0, 1, 1)


def test_methods_and_bound_functions_stay_callable():
    class Model:
        @compiler.jit
        def scale(self, x):
            return self["w"] * x

    assert same(Model.scale({"w": ARRAY}, ARRAY), ARRAY * ARRAY)
    assert same(Model.scale({"w": ARRAY}, ARRAY), ARRAY * ARRAY)


# Memory


def test_references_are_counted_exactly():
    big = np.ones(1 << 16)
    tree = {"a": [big, (ARRAY, 2.5, None)], "b": compiler.Tensor(ARRAY)}
    compiled = compiler.jit(lambda t: {"x": (t["a"][0] + t["a"][1][1], None), "y": [t["b"] + t["a"][1][0]]})
    for _ in range(2):
        compiled(tree)
    held = [
        compiled, tree, tree["a"], tree["a"][1], big, ARRAY, tree["b"], "a", big.dtype, ARRAY.dtype, None,
        compiler.Tensor, np.ndarray,
    ]  # fmt: skip
    compiled(tree)
    before = [sys.getrefcount(x) for x in held]
    for _ in range(10_000):
        compiled(tree)
    after = [sys.getrefcount(x) for x in held]
    assert [abs(a - b) < 20 for a, b in zip(after, before, strict=True)] == [True] * len(held)
    result = compiled(tree)
    assert sys.getrefcount(result) == 2
    parts = [*result.values(), result["y"][0], result["x"][0]]
    assert [sys.getrefcount(parts[i]) for i in range(4)] == [3] * 4


def test_misses_and_failures_leave_references_as_they_were():
    add = compiler.jit(lambda a, b: a + b)
    add(ARRAY, ARRAY)
    arguments = [ARRAY, ARRAY[::-1], "text"]
    before = [sys.getrefcount(x) for x in arguments]
    for _ in range(50):
        add(arguments[0], arguments[1])
        with pytest.raises(compiler.CompilerError):
            add(arguments[0], arguments[2])
    assert [abs(sys.getrefcount(x) - b) < 5 for x, b in zip(arguments, before, strict=True)] == [True] * 3


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="needs /proc")
def test_memory_does_not_grow_with_calls():
    def resident():
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    tree = [np.ones(64), {"a": np.ones((3, 4))}]
    compiled = compiler.jit(lambda t: (t[0] * 2, {"b": t[1]["a"], "c": [t[0]]}))
    large, big = compiler.jit(lambda x: x + 1), np.ones(1 << 17)
    for i in range(101_000):
        if i == 1000:
            before = resident()
        compiled(tree)
        if i % 100 == 0:
            large(big)
    assert resident() - before < 4 << 20


# Threads and processes


def test_threads_call_at_once():
    step = compiler.jit(lambda x, y: ((x + y) @ y, x.sum()))
    inputs = [(np.full((64, 64), float(i)), np.eye(64) * i) for i in range(8)]
    expected = [step(*pair) for pair in inputs]
    wrong = []

    def work(i):
        for _ in range(200):
            if not same(step(*inputs[i]), expected[i]):
                wrong.append(i)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_arguments_survive_when_another_thread_drops_them():
    double = compiler.jit(lambda t: t[0] * 2)
    tree = [np.ones(1 << 18)]
    double(tree)
    stop = threading.Event()

    def replace():
        while not stop.is_set():
            tree[0] = np.ones(1 << 18)

    thread = threading.Thread(target=replace)
    thread.start()
    try:
        assert all((double(tree) == 2).all() for _ in range(100))
    finally:
        stop.set()
        thread.join()


def test_the_cache_may_be_cleared_while_threads_call():
    work = compiler.jit(lambda x: (x @ x).sum())
    x = np.eye(200)
    results = []
    threads = [threading.Thread(target=lambda: results.extend(work(x) for _ in range(50))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(5):
        work.cache_clear()
    for thread in threads:
        thread.join()
    assert results == [200.0] * 150


@pytest.mark.parametrize("is_before", [True, False])
def test_no_entry_is_found_that_another_thread_has_dropped(is_before, monkeypatch):
    add = compiler.jit(lambda x: x + 1)
    add(np.ones(3))
    library = native_library()
    insert = library.insert

    def insert_while_another_thread_drops(state, entry):
        if is_before:
            add._drop_entries()
        insert(state, entry)
        if not is_before:
            add._drop_entries()

    monkeypatch.setattr(library, "insert", insert_while_another_thread_drops)
    add(np.ones(4))
    assert add._state.first in {None, *(entry.address for entry in add._entries)}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:os.fork:RuntimeWarning")  # of JAX, if another test has imported it
def test_a_forked_child_calls_and_recycles_for_itself():
    double = compiler.jit(lambda x: x * 2)
    big = np.ones(1 << 18)
    kept = double(big)
    double(big)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            results = [double(big) for _ in range(3)]
            status = 0 if all((r == 2).all() for r in (*results, kept)) else 2
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    assert (kept == 2).all()


# Where calls cannot be native


def test_the_reason_why_calls_go_through_python_is_a_remark(monkeypatch):
    monkeypatch.setattr(interpreter, "missing_feature", lambda: "the interpreter has no global lock")
    remarks = [str(r) for r in compiler.jit(lambda x: x + 1).lower(ARRAY).remarks()]
    assert "remark: [jit] missed: calls go through Python: the interpreter has no global lock" in remarks


@pytest.mark.parametrize("record", ["PySized", "PyArray", "PySlotted", "PyData"])
def test_another_layout_of_objects_is_noticed(record, monkeypatch):
    class Shifted:
        @staticmethod
        def from_address(address):
            return getattr(records, record).from_address(address + 8)

    monkeypatch.setattr(interpreter, record, Shifted)
    assert "another layout" in interpreter.missing_feature.__wrapped__()


def test_the_way_through_python_gives_the_same():
    code = (
        "import runtime.dispatch.interpreter as i; i.missing_feature = lambda: 'no'\n"
        "import numpy as np, compiler\n"
        "f = compiler.jit(lambda t: {'s': t[0] @ t[0], 'n': None})\n"
        "x = np.arange(9.0).reshape(3, 3)\n"
        "for _ in range(2): np.testing.assert_allclose(f((x,))['s'], x @ x)\n"
        "assert f.cache_info() == (1, 1, 1)\n"
        "assert type(f).__call__.__qualname__ == 'NativeCallable.__call__'\n"
    )
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
