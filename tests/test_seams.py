"""Pads, rolled arrays, concatenations and assignments: computed part by part, without copies of their own."""

import numpy as np
import pytest

import compiler

DTYPES = (np.float32, np.float64, np.int32)


def mean_of_five(x):
    return x[1:-1, 1:-1] + x[1:-1, :-2] + x[1:-1, 2:] + x[2:, 1:-1] - x[:-2, 1:-1]


def joined(x):
    middle = np.concatenate([x[1:-1, :1], mean_of_five(x), x[1:-1, -1:]], 1)
    return np.concatenate([x[:1], middle, x[-1:]], 0)


def padded(x):
    return mean_of_five(np.pad(x, 1))


def padded_unevenly(x):
    y = np.pad(x, ((3, 0), (1, 2)), constant_values=7)
    return y[:-3, 1:-2] * 2 - y[2:-1, 3:]


def rolled(x):
    return x + np.roll(x, 1, 0) - np.roll(x, -1, 0) * 2 + np.roll(x, 2, 1) - np.roll(x, -1, 1)


def rolled_twice(x):
    return np.roll(x, (1, -2), (0, 1)) * 3


def assigned(x):
    y = x.copy()
    y[1:-1, 2:] = (x[2:, 2:] - x[:-2, :-2]) * 2
    return y


def assigned_from_itself(x):
    x[1:, 1:] = x[:-1, 1:] + x[1:, :-1]
    return x, x[0]


def stacked(x):
    return np.stack([x + 1, x * x, -x])


def split_and_joined(x):
    first, second, third = np.split(x, [5, 100], 1)
    return np.concatenate([third * 2, second + 1, first - 1], 1)


def differences(x):
    return np.diff(x, axis=0), np.diff(x, prepend=0)


def below(x):
    rows = np.arange(x.shape[0])[:, None]
    return np.where(rows < 20, x, -x)


PROGRAMS = (
    joined, padded, padded_unevenly, rolled, rolled_twice, assigned, assigned_from_itself, stacked, split_and_joined,
    differences, below,
)  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("f", PROGRAMS, ids=lambda f: f.__name__)
def test_parts_are_what_numpy_computes(f, dtype):
    x = np.random.default_rng(0).integers(-9, 9, (130, 133)).astype(dtype)
    got, expected = compiler.jit(f)(x), f(x.copy())
    for mine, theirs in zip(*(r if isinstance(r, tuple) else (r,) for r in (got, expected)), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_choices_that_are_the_same_everywhere_go_where_points_run_loops():
    def loss(x):
        doubled = compiler.fori_loop(0, 2, lambda i, c: c + i * x, x)
        return (
            np.maximum.accumulate(doubled, axis=0).mean(1) ** 2
        ).sum()  # its gradient asks whether there is a row before

    x = np.random.default_rng(0).standard_normal((1, 16, 7))
    slope = np.broadcast_to(x.mean(1, keepdims=True) / 2, x.shape)
    np.testing.assert_allclose(compiler.jit(compiler.grad(loss))(x), slope, rtol=1e-14)


@pytest.mark.parametrize("f", [joined, padded, rolled, assigned], ids=lambda f: f.__name__)
def test_gradients_of_parts_are_those_of_sums(f):
    rng = np.random.default_rng(1)
    x, ct, dx = rng.standard_normal((3, 130, 133))
    _, pull = compiler.vjp(f, x)
    _, push = compiler.jvp(f, (x,), (dx,))
    np.testing.assert_allclose(np.vdot(pull(ct)[0], dx), np.vdot(ct, push), rtol=1e-9)


@pytest.mark.parametrize("step", [joined, padded, rolled, assigned], ids=lambda f: f.__name__)
def test_a_stencil_in_a_loop_only_copies_edges(step):
    def f(x):
        return compiler.fori_loop(0, 3, lambda _, x: step(x) * 0.25, x)

    x = np.random.default_rng(2).standard_normal((130, 133))
    expected = x
    for _ in range(3):
        expected = step(expected) * 0.25
    np.testing.assert_allclose(compiler.jit(f)(x), expected, rtol=1e-12)
    _, _, body = compiler.jit(f).lower(x).as_text("bufferized").partition("scf.for")
    body, _, _ = body.partition("scf.yield")
    assert "memref.copy" not in body
    assert "memref.view" not in body, "the loop needs no memory besides two buffers that take turns"


def test_what_would_become_too_many_parts_stays_whole_and_says_so():
    lowered = compiler.jit(lambda x: np.stack([x[i] + i for i in range(40)])).lower(np.ones((40, 1000)))
    assert any("more than 32 parts" in str(remark) for remark in lowered.remarks())


def test_a_reader_that_can_compute_the_whole_in_its_loops_keeps_it():
    def f(x):
        return np.max(np.pad(x, ((0, 0), (1, 1))), 1)

    lowered = compiler.jit(f).lower(np.ones((130, 133)))
    assert lowered.as_text("bufferized").count("rt.launch") == 1


def test_a_part_counts_for_what_it_reads_and_writes():
    x = np.ones((130, 133))
    lowered = compiler.jit(padded).lower(x)
    assert lowered.as_text("bufferized").count("rt.launch") == 9
    assert lowered.cost_analysis().bytes_accessed < 2.2 * x.nbytes
