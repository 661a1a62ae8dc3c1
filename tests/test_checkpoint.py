"""`checkpoint`: the same values and derivatives, with less kept in between."""

import numpy as np
import pytest

import compiler
from compiler import checkpoint, grad, vmap

X = np.linspace(-0.9, 1.1, 6).reshape(2, 3)
W = np.linspace(0.1, 0.9, 9).reshape(3, 3)
POLICIES = [None, "nothing_saveable", "dots_saveable", "everything_saveable"]


def layer(w, x):
    return np.tanh(np.sin(x @ w) * x)


def loss(apply):
    """Two layers, each by `apply`."""
    return lambda w, x: (apply(w, apply(w, x)) ** 2).sum()


def stacked(apply):
    """The same as a loop."""
    return lambda w, x: (compiler.scan(lambda c, _: (apply(w, c), None), x, None, length=2)[0] ** 2).sum()


def close(actual, expected):
    np.testing.assert_allclose(actual, expected, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("policy", POLICIES, ids=str)
@pytest.mark.parametrize("program", [loss, stacked])
def test_values_and_derivatives_are_those_of_the_function(policy, program):
    def derivatives(fn):
        @compiler.jit
        def run(w, x):
            moved = compiler.jvp(fn, (w, x), (w, x))
            batched = vmap(grad(fn), (None, 0))(w, np.stack([x, 2 * x]))
            second = compiler.jvp(lambda w: grad(fn)(w, x), (w,), (np.ones_like(w),))[1]
            return moved, grad(fn, (0, 1))(w, x), batched, second, vmap(fn, (0, None))(np.stack([w, -w]), x)

        return run(W, X)

    actual = derivatives(program(checkpoint(layer, policy=policy)))
    for got, right in zip(actual, derivatives(loss(layer)), strict=True):
        for part, expected in zip(got, right, strict=True):
            close(part, expected)


def autodiff(policy, *, of=layer):
    return compiler.jit(grad(loss(checkpoint(of, policy=policy)))).lower(W, X).as_text("autodiff")


def test_what_is_not_kept_is_computed_again_behind_a_barrier():
    plain = compiler.jit(grad(loss(layer))).lower(W, X).as_text("autodiff")
    assert (plain.count("dlc.sin"), plain.count("dlc.optimization_barrier")) == (2, 0)
    nothing = autodiff("nothing_saveable")
    assert nothing.count("dlc.sin ") == 4
    assert nothing.count("dlc.tanh ") >= 2
    assert nothing.count("dlc.optimization_barrier") >= 2
    assert autodiff(None) == nothing


def test_the_policy_says_what_is_kept():
    products = {policy: autodiff(policy).count("dlc.dot_general") for policy in POLICIES}
    assert products["nothing_saveable"] == products["everything_saveable"] + 2
    assert products["dots_saveable"] == products["everything_saveable"]
    assert autodiff("dots_saveable").count("dlc.sin ") == 4
    assert autodiff("everything_saveable").count("dlc.sin ") == 2


def test_a_deep_chain_needs_less_memory():
    def chain(apply):
        def total(w, x):
            for _ in range(6):
                x = apply(w, x)
            return x.sum()

        return compiler.jit(grad(total)).lower(np.eye(8), np.ones((1000, 8))).memory_analysis().temp_size_in_bytes

    def block(w, x):
        for _ in range(6):
            x = layer(w, x)
        return x

    assert chain(checkpoint(block)) < chain(block) / 2.5


def test_a_loop_keeps_one_carry_per_step():
    def kept(body):
        def total(x):
            return compiler.scan(lambda c, _: (body(c), None), x, None, length=50)[0].sum()

        return compiler.jit(grad(total)).lower(np.ones(1000)).memory_analysis().temp_size_in_bytes

    def body(x):
        return np.sin(np.exp(np.sin(x) * x) * x)

    one_carry = 50 * 1000 * 8
    assert kept(body) > 2 * one_carry
    assert kept(checkpoint(body)) < 1.2 * one_carry


def test_integers_settings_none_and_keywords_pass_through():
    @checkpoint
    def pick(x, i, scale, *, power=1, none=None):
        assert none is None
        return {"picked": x[i] * scale**power, "index": i, "none": none}

    result = pick(X, np.array(1), 2, power=3)
    close(result["picked"], X[1] * 8)
    assert result["index"] == 1
    assert result["none"] is None
    expected = np.zeros_like(X)
    expected[1] = 8
    close(grad(lambda x: pick(x, np.array(1), 2, power=3)["picked"].sum())(X), expected)


def test_values_from_around_are_differentiated_too():
    close(grad(lambda w: checkpoint(lambda x: layer(w, x))(X).sum())(W), grad(lambda w: layer(w, X).sum())(W))


def test_complex_numbers_are_computed_again_too():
    def size(z):
        return np.abs(np.exp(z * z)).sum()

    close(grad(checkpoint(size))(X + 1j), grad(size)(X + 1j))


def test_misuse_is_explained():
    with pytest.raises(compiler.ArgumentError, match="checkpoint: expected a function, got int"):
        checkpoint(3)
    with pytest.raises(compiler.ArgumentError, match="unknown policy 'dots'; use one of 'nothing_saveable'"):
        checkpoint(layer, policy="dots")
