"""Control flow: carries and results of every kind, what is captured, calls outside of `jit`, and misuse."""

from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import compiler

DTYPES = [np.bool_, np.int8, np.int32, np.int64, np.uint8, np.uint32, np.uint64, np.float32, np.float64]
X = np.array([0.5, -1.5, 2.0])


def assert_same(actual, expected):
    expected = np.asarray(expected)
    assert (actual.shape, actual.dtype) == (expected.shape, expected.dtype)
    np.testing.assert_array_equal(actual, expected)


# Carries


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (1,), (0,), (3,), (2, 0, 3), (2, 3)])
def test_arrays_of_every_dtype_and_shape_are_carried_and_stacked(dtype, shape):
    x = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    if dtype == np.bool_:
        step = np.logical_xor
        expected = [x, ~x, x, ~x]
    else:
        step = np.add
        expected = [x, x + dtype(1), x + dtype(2), x + dtype(3)]

    @compiler.jit
    def program(x):
        last, ys = compiler.scan(lambda c, a: (step(c, a), c), x, np.ones((3, *shape), dtype))
        again = compiler.fori_loop(0, 3, lambda i, c: step(c, dtype(1)), x)
        doubled = compiler.while_loop(lambda c: c[1] < 3, lambda c: (step(c[0], dtype(1)), c[1] + 1), (x, 0))
        chosen = compiler.cond(c_is_large(x), lambda c: c, lambda c: step(c, dtype(1)), x)
        return last, ys, again, doubled[0], chosen, compiler.map(lambda c: step(c, c), ys)

    def c_is_large(x):
        return x.size > 100

    last, ys, again, doubled, chosen, mapped = program(x)
    for value in (last, again, doubled):
        assert_same(value, expected[3])
    assert_same(chosen, expected[1])
    assert_same(ys, np.stack(expected[:3]))
    assert_same(mapped, step(ys, ys))


def test_python_scalars_adopt_the_dtype_that_the_body_gives_them():
    x = np.float32([1, 2])

    def last(init, step):
        return compiler.jit(lambda x: compiler.fori_loop(0, 3, lambda i, c: step(c, x), init))(x)

    assert_same(last(0, lambda c, x: c + x[0]), np.float32(3))
    assert_same(last(0.0, lambda c, x: c + x.sum()), np.float32(9))
    assert_same(last(1, lambda c, x: c * 2), np.int64(8))
    assert_same(last(1, lambda c, x: c * 0.5), 0.125)
    assert_same(last(np.int32(1), lambda c, x: c + 1), np.int32(4))
    assert_same(last(np.float32(1), lambda c, x: 7.0), np.float32(7))
    assert_same(last(False, lambda c, x: ~c), np.True_)
    total, counts = compiler.scan(lambda c, a: ((c[0] + a, c[1] + 1), c[1]), (0, np.int32(0)), x)
    assert_same(total[0], np.float32(3))
    assert_same(total[1], np.int32(2))
    assert_same(counts, np.int32([0, 1]))


def test_number_of_the_step_stands_for_a_python_integer():
    assert_same(compiler.fori_loop(0, 4, lambda i, c: c + i, np.float32(0)), np.float32(6))
    assert_same(compiler.fori_loop(-2, 2, lambda i, c: c * 2 + i, np.int8(1)), np.int8(-3))
    bounds = compiler.jit(lambda lo, hi: compiler.fori_loop(lo, hi, lambda i, c: c + i, np.float32(0)))
    assert_same(bounds(np.int32(1), np.uint8(4)), np.float32(6))
    assert_same(bounds(5, 2), np.float32(0))
    picked = compiler.fori_loop(0, 3, lambda i, c: c + np.asarray(X, like=i)[i], 0.0)
    assert_same(picked, X.sum())


def test_containers_keep_their_kind():
    class State(NamedTuple):
        x: Any
        rest: Any

    init = State(X, {"n": 0, "none": None, "list": [1.0, ()]})
    state = compiler.fori_loop(
        0, 2, lambda i, s: State(s.x * 2, {**s.rest, "n": s.rest["n"] + 1, "list": [s.rest["list"][0] / 2, ()]}), init
    )
    assert isinstance(state, State)
    assert_same(state.x, 4 * X)
    assert state.rest["none"] is None
    assert state.rest["list"] == [0.25, ()]
    nothing, ys = compiler.scan(lambda c, _: (c, {"y": None}), None, length=3)
    assert (nothing, ys) == (None, {"y": None})


def test_arrays_may_be_changed_inside_and_stay_as_they_are_outside():
    x = X.copy()

    @compiler.jit
    def program(x):
        def body(i, c):
            c["a"][i] += 1
            view = c["b"][1:]
            view[...] = view * 2
            return c

        start = {"a": x, "b": x.copy()}
        result = compiler.fori_loop(0, 2, body, start)
        return result, start["a"], start["b"]

    result, a, b = program(x)
    assert_same(result["a"], X + np.array([1, 1, 0]))
    assert_same(result["b"], X * np.array([1, 4, 4]))
    for kept in (x, a, b):
        assert_same(kept, X)


# Captured values, nesting, calls outside of jit


def test_bodies_use_what_is_around_them():
    large = np.arange(100.0)  # passed at each call, not written into the program

    @compiler.jit
    def program(x):
        y = x * 2

        def outer(i, c):
            z = c + y

            def inner(j, d):
                return d + z + np.asarray(large, like=j)[j + 98] + x[0]

            return compiler.fori_loop(0, 2, inner, c)

        return compiler.fori_loop(0, 2, outer, x)

    c = X
    for _ in range(2):
        z = c + 2 * X
        for j in range(2):
            c = c + z + large[j + 98] + X[0]
    np.testing.assert_allclose(program(X), c, rtol=1e-14)


def test_only_the_chosen_branch_is_computed():
    def forever(x):
        return compiler.while_loop(lambda c: c[0] == c[0], lambda c: c + 1, x)

    assert_same(compiler.cond(False, forever, np.negative, X), -X)
    assert_same(compiler.switch(1, [forever, np.negative, forever], X), -X)


@pytest.mark.parametrize("index", [-5, 0, 1, 2, 9])
@pytest.mark.parametrize("dtype", [np.int8, np.int64, np.uint8, np.uint64])
def test_index_out_of_range_counts_as_the_nearest(index, dtype):
    if index < 0 and np.iinfo(dtype).min == 0:
        index = int(np.iinfo(dtype).max)  # what -1 wraps around to
    branches = [lambda x: x, lambda x: x * 2, lambda x: x * 3]
    assert_same(compiler.switch(dtype(index), branches, X), X * (min(max(index, 0), 2) + 1))


@pytest.mark.parametrize("pred", [True, False, 2, 0, 0.5, np.float32(0), np.True_])
def test_numbers_are_conditions_as_in_python(pred):
    assert_same(compiler.cond(pred, lambda x: x, lambda x: x * 2, X), X if pred else X * 2)


def test_branches_return_python_scalars_and_arrays():
    f = compiler.jit(lambda p, x: compiler.cond(p, lambda: (x, 1), lambda: (0, 2)))
    x = np.float32(3)
    for pred, expected in [(True, (x, 1)), (False, (np.float32(0), 2))]:
        for value, want in zip(f(pred, x), expected, strict=True):
            assert_same(value, want)


@pytest.mark.parametrize("size", [0, 1, 2, 3, 5, 8, 13])
@pytest.mark.parametrize("reverse", [False, True])
def test_associative_scan_has_all_partial_results(size, reverse):
    matrices = np.random.default_rng(size).integers(-2, 3, (size, 2, 2))
    result = compiler.associative_scan(np.matmul, matrices, reverse=reverse)
    order = range(size)
    expected = list(matrices)
    for i in reversed(order) if reverse else order:
        j = i + 1 if reverse else i - 1
        if j in order:
            expected[i] = expected[j] @ matrices[i]
    assert_same(result, np.array(expected, int).reshape(size, 2, 2))


def test_examples_of_a_batch_end_at_different_steps():
    def steps(x, limit):
        return compiler.while_loop(lambda c: c[0] < limit, lambda c: (c[0] * 2, c[1] + 1), (x, 0))

    values, counts = compiler.vmap(steps, in_axes=(0, None))(np.array([1.0, 5.0, 100.0, 0.5]), 20.0)
    np.testing.assert_array_equal(values, [32, 20, 100, 32])
    np.testing.assert_array_equal(counts, [5, 2, 0, 6])
    values, counts = compiler.vmap(steps, in_axes=(None, 0))(1.0, np.array([0.0, 20.0]))
    np.testing.assert_array_equal(counts, [0, 5])
    both = compiler.vmap(compiler.vmap(steps, in_axes=(0, None)), in_axes=(None, 0))(np.arange(1.0, 4), np.arange(5.0))
    assert both[1].shape == (5, 3)


# Misuse

PAIR = (1.0, 2.0)
MISTAKES = {
    "scan of no pair": (lambda x: compiler.scan(lambda c, a: c + a, 0.0, x), TypeError, "scan: .* expected a pair"),
    "scan lengths": (
        lambda x: compiler.scan(np.add, 0.0, (x, x[:2])),
        ValueError,
        r"xs\[1\] has .* size 2, expected 3",
    ),
    "scan length of a fraction": (
        lambda x: compiler.scan(np.add, 0.0, length=2.5),
        TypeError,
        "length is 2.5, expected a",
    ),
    "scan length": (lambda x: compiler.scan(np.add, 0.0, x, length=2), ValueError, "size 3, expected 2"),
    "scan of nothing": (
        lambda x: compiler.scan(lambda c, _: (c, c), x),
        TypeError,
        "give the number of steps as `length",
    ),
    "scan of a scalar": (lambda x: compiler.scan(np.add, 0.0, x[0]), ValueError, "xs is a scalar"),
    "scan of a number": (lambda x: compiler.scan(3, 0.0, x), TypeError, "scan: f is a int, expected a function"),
    "structure": (lambda x: compiler.fori_loop(0, 2, lambda i, c: (c, c), x), TypeError, "carry of structure"),
    "shape": (
        lambda x: compiler.fori_loop(0, 2, lambda i, c: c[:, None] * c, x),
        ValueError,
        r"returns the carry as float64\[3,3\], but got it as float64\[3\]",
    ),
    "dtype": (
        lambda x: compiler.fori_loop(0, 2, lambda i, c: {"n": c["n"] + x[0]}, {"n": np.int32(0)}),
        TypeError,
        r"carry\['n'\] as float64\[\], but got it as int32\[\]; convert with `.astype\(np.int32\)`, or start with float64",
    ),
    "float bound": (lambda x: compiler.fori_loop(0, 2.5, lambda i, c: c, x), TypeError, "upper is float64.*an integer"),
    "array bound": (lambda x: compiler.fori_loop(x, 2, lambda i, c: c, x), ValueError, r"lower has shape \(3,\)"),
    "array condition": (
        lambda x: compiler.while_loop(lambda c: c > 0, lambda c: c - 1, x),
        ValueError,
        r"condition has shapes \[\(3,\)\], expected one scalar",
    ),
    "float condition": (lambda x: compiler.while_loop(np.sum, np.sin, x), TypeError, "expected a bool"),
    "max_steps": (
        lambda x: compiler.while_loop(lambda c: c.sum() > 0, np.sin, x, max_steps=-1),
        TypeError,
        "max_steps is -1, expected a non-negative",
    ),
    "branch structures": (
        lambda x: compiler.cond(x[0] > 0, lambda: x, lambda: (x, x)),
        TypeError,
        "different structures",
    ),
    "branch shapes": (lambda x: compiler.cond(x[0] > 0, lambda: x, lambda: x[0]), ValueError, "make the shapes equal"),
    "branch dtypes": (
        lambda x: compiler.cond(x[0] > 0, lambda: x, lambda: x.astype(np.float32)),
        TypeError,
        r"the result of true_fun is float64\[3\], that of another branch float32\[3\]|convert one",
    ),
    "array pred": (lambda x: compiler.cond(x > 0, np.sin, np.cos, x), ValueError, r"pred has shape \(3,\).*np.where"),
    "no branches": (lambda x: compiler.switch(0, [], x), TypeError, "there are no branches"),
    "float index": (lambda x: compiler.switch(x[0], [np.sin], x), TypeError, "index is float64.*use cond"),
    "map of nothing": (lambda x: compiler.map(lambda _: x, None), TypeError, "no arrays in xs"),
    "associative structure": (lambda x: compiler.associative_scan(lambda a, b: (a, b), x), TypeError, "the structure"),
    "associative axis": (lambda x: compiler.associative_scan(np.add, x, axis=1), ValueError, "axis 1 does not exist"),
    "a captured array is changed": (
        lambda x: compiler.fori_loop(0, 2, lambda i, c: [c, x.fill(0)][0], x),
        compiler.TracingError,
        "cannot be changed inside of",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistake_is_explained_at_the_line_of_the_user(name):
    program, error, message = MISTAKES[name]
    with pytest.raises(error, match=message) as caught:
        compiler.jit(program)(X)
    assert isinstance(caught.value, compiler.CompilerError)
    assert "test_control_flow.py:" in str(caught.value)


def test_reverse_derivative_of_an_unbounded_loop_says_what_to_do():
    def loop(x):
        return compiler.while_loop(lambda c: c < 10, lambda c: c * 2, x)

    with pytest.raises(compiler.UnsupportedError, match=r"max_steps=.*fori_loop or scan.*jvp, jacfwd") as caught:
        compiler.grad(loop)(1.0)
    assert "test_control_flow.py:" in str(caught.value)
    traced = compiler.jit(compiler.grad(lambda x, n: compiler.fori_loop(0, n, lambda i, c: c * 2, x)))
    with pytest.raises(compiler.UnsupportedError, match="number of steps is not known"):
        traced(1.0, 3)
    assert compiler.jvp(loop, (1.0,), (1.0,))[1] == 16
    assert compiler.jacfwd(loop)(1.0) == 16
    assert compiler.linearize(loop, 1.0)[1](1.0) == 16


# Random programs

OPERATIONS = {
    "add": lambda a, b: a + b,
    "mul": lambda a, b: a * b * 0.5,
    "sin": lambda a, b: np.sin(a) + b,
    "max": np.maximum,
    "roll": lambda a, b: np.roll(a, 1) - b,
}


@st.composite
def programs(draw, depth=2):
    """A nest of loops and branches around operations on two arrays, as data."""
    kinds = ["operation", "operation", *(["scan", "fori", "while", "cond"] if depth else [])]
    steps = []
    for _ in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(kinds))
        if kind == "operation":
            steps.append((kind, draw(st.sampled_from(sorted(OPERATIONS))), draw(st.booleans())))
        else:
            body = draw(programs(depth=depth - 1))
            other = draw(programs(depth=depth - 1)) if kind == "cond" else None
            steps.append((kind, draw(st.integers(0, 3)), body, other))
    return steps


def run_python(steps, a, b):
    for step in steps:
        if step[0] == "operation":
            _, name, swap = step
            new = OPERATIONS[name](b, a) if swap else OPERATIONS[name](a, b)
            a, b = np.clip(new, -4, 4), a
            continue
        kind, n, body, other = step
        if kind == "cond":
            a, b = run_python(body, a, b) if a[0] > n - 1 else run_python(other, a, b)
        elif kind == "scan":
            ys = []
            for i in reversed(range(n)) if n % 2 else range(n):
                a, b = run_python(body, a * b[i], b)
                ys.insert(0, a) if n % 2 else ys.append(a)
            b = b + sum(ys, 0 * b)
        elif kind == "fori":
            for i in range(n):
                a, b = run_python(body, a + i, b)
        else:
            count = 0
            while count < n and a.sum() < 5:
                a, b = run_python(body, a + 0.25, b)
                count += 1
    return a, b


def run_dlc(steps, a, b):
    for step in steps:
        if step[0] == "operation":
            _, name, swap = step
            new = OPERATIONS[name](b, a) if swap else OPERATIONS[name](a, b)
            a, b = np.clip(new, -4, 4), a
            continue
        kind, n, body, other = step
        if kind == "cond":
            branches = [lambda a, b, s=s: run_dlc(s, a, b) for s in (body, other)]
            a, b = compiler.cond(a[0] > n - 1, *branches, a, b)
        elif kind == "scan":

            def step_of_scan(c, i, body=body):
                a, b = run_dlc(body, c[0] * c[1][i], c[1])
                return (a, b), a

            (a, b), ys = compiler.scan(step_of_scan, (a, b), np.arange(n), reverse=n % 2 == 1)
            b = b + ys.sum(axis=0)
        elif kind == "fori":
            a, b = compiler.fori_loop(0, n, lambda i, c, body=body: run_dlc(body, c[0] + i, c[1]), (a, b))
        else:
            a, b = compiler.while_loop(
                lambda c: c[0].sum() < 5, lambda c, body=body: run_dlc(body, c[0] + 0.25, c[1]), (a, b), max_steps=n
            )
    return a, b


@settings(max_examples=25, deadline=None, derandomize=True)
@given(programs(), st.integers(0, 1000))
def test_random_programs_are_what_python_computes(steps, seed):
    a, b = np.random.default_rng(seed).uniform(-2, 2, (2, 4))
    results = compiler.jit(lambda a, b: run_dlc(steps, a, b))(a, b)
    for actual, expected in zip(results, run_python(steps, a, b), strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-10, atol=1e-10)


@settings(max_examples=10, deadline=None, derandomize=True)
@given(programs(), st.integers(0, 1000))
def test_random_programs_have_the_derivatives_that_directions_show(steps, seed):
    a, b, da, db = np.random.default_rng(seed).uniform(-2, 2, (4, 4))

    def loss(a, b):
        a, b = run_dlc(steps, a, b)
        return (a * a).sum() + np.sin(b).sum()

    slope = compiler.jvp(loss, (a, b), (da, db))[1]
    to_a, to_b = compiler.jit(compiler.grad(loss, (0, 1)))(a, b)
    np.testing.assert_allclose((to_a * da).sum() + (to_b * db).sum(), slope, rtol=1e-9, atol=1e-9)
    several = compiler.vmap(loss)(np.stack([a, da]), np.stack([b, db]))
    single = compiler.jit(loss)
    np.testing.assert_allclose(several, [single(a, b), single(da, db)], rtol=1e-10, atol=1e-10)


def test_what_follows_a_loop_of_unknown_length_does_not_write_to_a_buffer_of_its_result():
    maxima = [("operation", "max", False), ("operation", "max", True), ("operation", "sin", False)]
    branches = [("operation", "mul", True)], [("operation", "sin", False), ("operation", "roll", False)]
    steps = [
        ("operation", "sin", True),
        ("scan", 3, [("while", 1, maxima, None), ("cond", 0, *branches), ("operation", "roll", True)], None),
    ]
    a, b, da, db = np.random.default_rng(259).uniform(-2, 2, (4, 4))

    def loss(a, b):
        a, b = run_dlc(steps, a, b)
        return (a * a).sum() + np.sin(b).sum()

    slope = compiler.jit(lambda: compiler.jvp(loss, (a, b), (da, db))[1])()
    to_a, to_b = compiler.jit(compiler.grad(loss, (0, 1)))(a, b)
    np.testing.assert_allclose((to_a * da).sum() + (to_b * db).sum(), slope, rtol=1e-9)
