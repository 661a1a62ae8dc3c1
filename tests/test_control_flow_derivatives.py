"""Values, derivatives and batches of control flow are those of the program that Python unrolls."""

import numpy as np
import pytest
from loop_programs import CASES, unrolled_at

import compiler
from compiler.pytrees import flatten

REVERSE = [name for name, case in CASES.items() if case.reverse]


@pytest.fixture
def interpreted(monkeypatch):
    """Run in the reference interpreter: what higher derivatives add is new programs, not new ways to run them."""
    monkeypatch.setenv("DLC_DISABLE_JIT", "1")


def inputs(seed, *shape):
    return np.random.default_rng(seed).uniform(0.3, 1.1, (2, *shape, 4))


def assert_equal_trees(actual, expected, ulps=200):
    got, got_spec = flatten(actual)
    want, want_spec = flatten(expected)
    assert got_spec == want_spec
    for a, e in zip(got, map(np.asarray, want), strict=True):
        assert (a.shape, a.dtype) == (e.shape, e.dtype)
        if e.dtype.kind == "f":
            tolerance = ulps * np.finfo(e.dtype).eps
            np.testing.assert_allclose(a, e, rtol=tolerance, atol=tolerance * max(1, np.abs(e).max(initial=0)))
        else:
            np.testing.assert_array_equal(a, e)


def scalar(tree):
    """A number that every float of a tree has a part in, each with a weight of its own."""
    leaves = [leaf for leaf in flatten(tree)[0] if not isinstance(leaf, int) and leaf.dtype.kind == "f"]
    return sum((np.sin(leaf + k) * (k + 1)).sum() for k, leaf in enumerate(leaves))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", CASES)
def test_value_is_that_of_the_unrolled_program(name, dtype):
    loop = compiler.jit(CASES[name].loop)
    for seed in range(3):  # branches are taken differently
        x, w = inputs(seed).astype(dtype)
        assert_equal_trees(loop(x, w), unrolled_at(CASES[name], x, w)[0])


@pytest.mark.parametrize("name", CASES)
def test_jvp_is_that_of_the_unrolled_program(name):
    (x, w), (dx, dw) = inputs(1), inputs(7)
    _, unrolled = unrolled_at(CASES[name], x, w)
    for tangents in ((dx, dw), (dx, 0 * dw)):
        actual = compiler.jvp(CASES[name].loop, (x, w), tangents)
        assert_equal_trees(actual, compiler.jvp(unrolled, (x, w), tangents))


@pytest.mark.parametrize("name", REVERSE)
def test_gradient_is_that_of_the_unrolled_program(name):
    x, w = inputs(1)
    _, unrolled = unrolled_at(CASES[name], x, w)
    loop = CASES[name].loop
    both = compiler.value_and_grad(lambda x, w: scalar(loop(x, w)), (0, 1))
    expected = compiler.value_and_grad(lambda x, w: scalar(unrolled(x, w)), (0, 1))(x, w)
    assert_equal_trees(compiler.jit(both)(x, w), expected)
    nested = compiler.jit(compiler.grad(compiler.jit(lambda w: scalar(loop(x, w)))))
    assert_equal_trees(nested(w), expected[1][1])


@pytest.mark.usefixtures("interpreted")
@pytest.mark.parametrize("name", REVERSE)
def test_second_derivatives_are_those_of_the_unrolled_program(name):
    (x, w), (dx, dw) = inputs(1), inputs(7)
    _, unrolled = unrolled_at(CASES[name], x, w)

    def second(f):
        gradient = compiler.grad(lambda x, w: scalar(f(x, w)), (0, 1))
        forward = compiler.jvp(gradient, (x, w), (dx, dw))[1]
        backward = compiler.grad(lambda x, w: (gradient(x, w)[0] * dx).sum() + (gradient(x, w)[1] * dw).sum(), (0, 1))
        return forward, backward(x, w)

    forward, backward = second(CASES[name].loop)
    assert_equal_trees(forward, backward)
    assert_equal_trees(forward, second(unrolled)[0], ulps=2000)


@pytest.mark.parametrize("in_axes", [(0, 0), (0, None), (None, 0)])
@pytest.mark.parametrize("name", CASES)
def test_vmap_is_a_loop_over_the_examples(name, in_axes):
    x, w = inputs(3, 5)
    x, w = (x if in_axes[0] == 0 else x[0]), (w if in_axes[1] == 0 else w[0])
    actual = compiler.vmap(CASES[name].loop, in_axes)(x, w)
    examples = [
        unrolled_at(CASES[name], x[i] if in_axes[0] == 0 else x, w[i] if in_axes[1] == 0 else w)[0] for i in range(5)
    ]
    leaves = [flatten(example) for example in examples]
    stacked = [np.stack(each) for each in zip(*(flat for flat, _ in leaves), strict=True)]
    assert_equal_trees(flatten(actual)[0], stacked)


@pytest.mark.parametrize("name", REVERSE)
def test_vmap_of_gradients_is_a_loop_over_the_examples(name):
    x, w = inputs(4, 3)
    gradient = compiler.jit(compiler.grad(lambda x, w: scalar(CASES[name].loop(x, w)), (0, 1)))
    expected = [gradient(*pair) for pair in zip(x, w, strict=True)]
    stacked = tuple(np.stack(each) for each in zip(*expected, strict=True))
    assert_equal_trees(compiler.vmap(gradient)(x, w), stacked)

    def summed(x, w):
        return compiler.vmap(lambda x, w: scalar(CASES[name].loop(x, w)))(x, w).sum()

    assert_equal_trees(compiler.grad(summed, (0, 1))(x, w), stacked)


@pytest.mark.usefixtures("interpreted")
@pytest.mark.parametrize(
    "name", ["scan of a tree", "while_loop, bounded", "switch", "cond in fori_loop", "scan in scan"]
)
def test_transforms_of_control_flow_nest(name):
    (x, w), (dx, dw) = inputs(1), inputs(7)
    _, unrolled = unrolled_at(CASES[name], x, w)
    loop = CASES[name].loop
    _, push = compiler.linearize(loop, x, w)
    assert_equal_trees(push(dx, dw), compiler.jvp(unrolled, (x, w), (dx, dw))[1])

    def of_loop(x):
        return scalar(loop(x, w))

    hessian = compiler.hessian(lambda x: scalar(unrolled(x, w)))(x)
    assert_equal_trees(compiler.hessian(of_loop)(x), hessian, ulps=2000)
    reverse_over_forward = compiler.vjp(lambda x: compiler.jvp(of_loop, (x,), (dx,))[1], x)[1](1.0)[0]
    assert_equal_trees(reverse_over_forward, hessian @ dx, ulps=2000)
    forward_over_reverse = compiler.jvp(lambda x: compiler.vjp(of_loop, x)[1](1.0)[0], (x,), (dx,))[1]
    assert_equal_trees(forward_over_reverse, hessian @ dx, ulps=2000)
    rows = compiler.jit(compiler.vmap(compiler.jacrev(of_loop)))(np.stack([x, x]))
    assert_equal_trees(rows, np.stack([compiler.jacfwd(of_loop)(x)] * 2))
