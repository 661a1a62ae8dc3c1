"""Donated arguments: results take their memory where that is right, and values never depend on it."""

import sys

import numpy as np
import pytest

import compiler
from runtime.dispatch.native_library import native_library

N = 1000


def fresh(seed=0):
    return np.random.default_rng(seed).normal(size=N)


def shares(a, b):
    return np.shares_memory(a, b)


@pytest.mark.parametrize("repeats", [1, 3], ids=["first call", "native call"])
def test_a_result_takes_the_memory_of_a_donated_argument(repeats):
    step = compiler.jit(lambda p, g: p - 0.5 * g, donate_argnums=0)
    g = fresh(1)
    for _ in range(repeats):
        p = fresh()
        result = step(p, g)
        assert shares(result, p)
    np.testing.assert_array_equal(result, fresh() - 0.5 * g)
    assert not shares(result, g)


def test_only_what_is_donated_is_overwritten():
    step = compiler.jit(lambda p, g: p - 0.5 * g)
    p, g = fresh(), fresh(1)
    for _ in range(3):
        assert not shares(step(p, g), p)
    np.testing.assert_array_equal(p, fresh())


def test_trees_are_donated_leaf_by_leaf_and_chains_keep_the_memory_alive():
    def update(state, g):
        m = 0.9 * state["m"] + g
        return {"m": m, "p": state["p"] - 0.1 * m}

    step, plain = compiler.jit(update, donate_argnums=0), compiler.jit(update)
    state, expected = {"m": fresh(1), "p": fresh(2)}, {"m": fresh(1), "p": fresh(2)}
    places = {state["m"].ctypes.data, state["p"].ctypes.data}
    for i in range(5):
        state, expected = step(state, fresh(i)), plain(expected, fresh(i))
    np.testing.assert_array_equal(state["m"], expected["m"])
    np.testing.assert_array_equal(state["p"], expected["p"])
    assert {state["m"].ctypes.data, state["p"].ctypes.data} == places
    owner = state["m"].base
    assert isinstance(owner, np.ndarray)
    assert owner.base is None


def test_the_step_of_an_optimizer_takes_all_donated_memory_and_holds_one_gradient_at_a_time():
    n = 256
    params, batch = [np.full((n, n), 0.01, np.float32) for _ in range(8)], np.ones((1, n), np.float32)
    optimizer = compiler.optim.adamw(1e-3)

    def loss(params, x):
        for weights in params:
            x = np.tanh(x @ weights)
        return (x * x).mean()

    def step(params, state, x):
        return optimizer.update(compiler.grad(loss)(params, x), state, params)

    lowered = compiler.jit(step, donate_argnums=(0, 1)).lower(params, optimizer.init(params), batch)
    assert not [remark for remark in lowered.remarks() if "no result takes" in remark.message]
    assert lowered.memory_analysis().temp_size_in_bytes < 2 * params[0].nbytes


def test_a_donated_cache_is_updated_in_place():
    write = compiler.jit(lambda c, x, i: compiler.dynamic_update_slice(c, x, (i, 0)), donate_argnums=0)
    cache, row = np.zeros((64, 8)), np.ones((1, 8))
    first = cache.ctypes.data
    for i in range(4):
        cache = write(cache, row * i, i)
        assert cache.ctypes.data == first
    np.testing.assert_array_equal(cache[:5, 0], [0, 1, 2, 3, 0])


@pytest.mark.parametrize(
    ("function", "count"),
    [
        (lambda x: (x + 1, x * 2), 1),
        (lambda x: x[::-1] + x, 0),
        (lambda x: np.cumsum(x) + x.sum() * x, None),
        (lambda x: (x, x), 1),
        (lambda x: x.reshape(10, -1) * 2, 1),
        (lambda x: (x * 2).sum(), 0),
        (lambda x: compiler.fori_loop(0, 5, lambda i, y: y * 2 + i, x), None),
        (lambda x: compiler.cond(x[0] > 0, lambda y: y + 1, lambda y: y * 2, x), None),
        (lambda x: compiler.scan(lambda c, _: (c + x, c), x, None, 3), None),
    ],
    ids=["two readers", "reversed", "running sum", "twice", "reshaped", "sum", "loop", "branch", "scan"],
)  # fmt: skip
def test_values_are_those_without_donation(function, count):
    donating, plain = compiler.jit(function, donate_argnums=0), compiler.jit(function)
    for seed in range(3):
        x = fresh(seed)
        got, want = donating(x), plain(fresh(seed))
        leaves = [got] if isinstance(got, np.ndarray) else list(got)
        for a, b in zip(leaves, [want] if isinstance(want, np.ndarray) else list(want), strict=True):
            np.testing.assert_array_equal(a, b)
        if count is not None:
            assert sum(shares(leaf, x) for leaf in leaves) == count
        assert not any(shares(a, b) for i, a in enumerate(leaves) for b in leaves[:i])


def test_arrays_that_cannot_be_written_are_left_alone():
    double = compiler.jit(lambda x: x * 2, donate_argnums=0)
    for _ in range(3):
        x = fresh()
        x.flags.writeable = False
        np.testing.assert_array_equal(double(x), 2 * fresh())
        np.testing.assert_array_equal(x, fresh())


@pytest.mark.parametrize("other", [lambda x: x, lambda x: x[:], lambda x: x.view()], ids=["same", "slice", "view"])
def test_an_argument_that_is_passed_twice_is_read_before_it_is_overwritten(other):
    add = compiler.jit(lambda x, y: (x * 2, y + 1), donate_argnums=0)
    for _ in range(3):
        x = fresh()
        doubled, incremented = add(x, other(x))
        np.testing.assert_array_equal(doubled, 2 * fresh())
        np.testing.assert_array_equal(incremented, fresh() + 1)


def test_overlapping_arguments_are_noticed():
    step = compiler.jit(lambda x, y: (x * 2, y + 1), donate_argnums=0)
    for _ in range(3):
        whole = np.arange(float(N + 1))
        doubled, incremented = step(whole[:-1], whole[1:])
        np.testing.assert_array_equal(doubled, 2 * np.arange(float(N)))
        np.testing.assert_array_equal(incremented, np.arange(float(N)) + 2)


def test_empty_arrays_overlap_nothing():
    step = compiler.jit(lambda x, y: (x * 2, y + 1), donate_argnums=(0, 1))
    whole = np.arange(10.0)
    for _ in range(3):
        empty, incremented = step(whole[5:5], whole.copy())
        assert empty.shape == (0,)
        np.testing.assert_array_equal(incremented, whole + 1)
        doubled, empty = step(memory := whole.copy(), memory[3:3])
        assert empty.shape == (0,)
        np.testing.assert_array_equal(doubled, 2 * whole)


def test_tensors_and_numbers_are_not_overwritten():
    double = compiler.jit(lambda x, s: x * s, donate_argnums=(0, 1))
    x = compiler.Tensor(fresh())
    for _ in range(3):
        np.testing.assert_array_equal(np.asarray(double(x, 2.0)), 2 * fresh())
    np.testing.assert_array_equal(np.asarray(x), fresh())


def test_static_arguments_do_not_move_what_is_donated():
    step = compiler.jit(lambda mode, p, g: p - g if mode == "down" else p + g, static_argnums=0, donate_argnums=1)
    p, g = fresh(), fresh(1)
    assert shares(step("down", p, g), p)
    np.testing.assert_array_equal(g, fresh(1))


@pytest.mark.skipif(native_library() is None, reason="calls are not native on this interpreter")
def test_references_to_donated_arguments_are_exact():
    step = compiler.jit(lambda p: p + 1, donate_argnums=0)
    p = fresh()
    for _ in range(100):
        result = step(p)
    assert sys.getrefcount(p) == 3  # the name, the base of the result, the argument
    del result
    assert sys.getrefcount(p) == 2
