"""`compiler.optim` against the loops of the papers, written out in NumPy."""

import numpy as np
import pytest

import compiler
from compiler import optim

STEPS = 10


def parameters(dtype):
    rng = np.random.default_rng(0)
    return {
        "layers": [(rng.standard_normal((3, 4)).astype(dtype), rng.standard_normal(4).astype(dtype))],
        "scale": np.asarray(rng.standard_normal(), dtype),
        "nothing": None,
    }


def gradients_of(step, dtype):
    rng = np.random.default_rng(100 + step)
    return {
        "layers": [(rng.standard_normal((3, 4)).astype(dtype), rng.standard_normal(4).astype(dtype))],
        "scale": np.asarray(rng.standard_normal(), dtype),
        "nothing": None,
    }


def leaves(tree):
    return [tree["layers"][0][0], tree["layers"][0][1], tree["scale"]]


def sgd_loop(p, gs, lr, momentum=0.0, nesterov=False, decay=0.0):
    velocity = np.zeros_like(p)
    for g in gs:
        g = g + decay * p  # noqa: PLW2901
        velocity = momentum * velocity + g
        p = p - lr * (g + momentum * velocity if nesterov else velocity)
    return p


def adam_loop(p, gs, lr, betas=(0.9, 0.999), eps=1e-8, penalty=0.0, decay=0.0):
    m, v = np.zeros_like(p), np.zeros_like(p)
    for t, g in enumerate(gs, start=1):
        p = p * (1 - lr * decay)
        g = g + penalty * (p / (1 - lr * decay))  # noqa: PLW2901
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g * g
        p = p - lr * (m / (1 - betas[0] ** t)) / (np.sqrt(v / (1 - betas[1] ** t)) + eps)
    return p


CASES = {
    "sgd": (optim.sgd(0.1), lambda p, g: sgd_loop(p, g, 0.1)),
    "sgd, weight decay": (optim.sgd(0.1, weight_decay=0.01), lambda p, g: sgd_loop(p, g, 0.1, decay=0.01)),
    "sgd, momentum": (optim.sgd(0.1, 0.9), lambda p, g: sgd_loop(p, g, 0.1, 0.9)),
    "sgd, nesterov": (
        optim.sgd(0.1, 0.9, nesterov=True, weight_decay=0.01),
        lambda p, g: sgd_loop(p, g, 0.1, 0.9, True, 0.01),
    ),
    "adam": (optim.adam(1e-2), lambda p, g: adam_loop(p, g, 1e-2)),
    "adam, settings": (
        optim.adam(1e-2, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.1),
        lambda p, g: adam_loop(p, g, 1e-2, (0.8, 0.95), 1e-3, penalty=0.1),
    ),
    "adamw": (optim.adamw(1e-2, weight_decay=0.1), lambda p, g: adam_loop(p, g, 1e-2, decay=0.1)),
}


@pytest.mark.parametrize("compiled", [True, False], ids=["compiled", "eager"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("name", CASES)
def test_ten_steps_are_those_of_the_loop(name, dtype, compiled):
    optimiser, loop = CASES[name]
    update = compiler.jit(optimiser.update) if compiled else optimiser.update
    params = parameters(dtype)
    state = optimiser.init(params)
    for step in range(STEPS):
        params, state = update(gradients_of(step, dtype), state, params)
    assert params["nothing"] is None
    start = [leaf.astype(np.float64) for leaf in leaves(parameters(dtype))]
    steps = [[leaf.astype(np.float64) for leaf in leaves(gradients_of(step, dtype))] for step in range(STEPS)]
    for index, (got, first) in enumerate(zip(leaves(params), start, strict=True)):
        assert got.dtype == dtype
        expected = loop(first, [gradients[index] for gradients in steps])
        np.testing.assert_allclose(got, expected, rtol=200 * np.finfo(dtype).eps, atol=200 * np.finfo(dtype).eps)


@pytest.mark.parametrize("name", CASES)
def test_a_step_compiles_once_and_changes_nothing_in_place(name):
    optimiser, _ = CASES[name]
    update = compiler.jit(optimiser.update)
    params = parameters(np.float32)
    state = optimiser.init(params)
    for step in range(3):
        new, state = update(gradients_of(step, np.float32), state, params)
    assert update.cache_info() == (2, 1, 1)
    for leaf, before in zip(leaves(params), leaves(parameters(np.float32)), strict=True):
        np.testing.assert_array_equal(leaf, before)
    assert not np.array_equal(new["scale"], params["scale"])


def test_adam_counts_steps_in_int64():
    optimiser = optim.adam(1e-3)
    params = {"w": np.ones(2, np.float32)}
    state = optimiser.init(params)
    update = compiler.jit(optimiser.update)
    for _ in range(3):
        _, state = update({"w": np.ones(2, np.float32)}, state, params)
    assert state.step == 3
    assert state.step.dtype == np.int64
    assert state.mean["w"].dtype == np.float32


def test_adam_after_many_steps_divides_by_no_zero():
    optimiser = optim.adam(1e-3)
    params = {"w": np.ones(2, np.float32)}
    state = optimiser.init(params)._replace(step=np.asarray(10**9))
    new, _ = optimiser.update({"w": np.zeros(2, np.float32)}, state, params)
    np.testing.assert_array_equal(new["w"], params["w"])


def test_the_learning_rate_may_be_an_argument_of_the_step():
    @compiler.jit
    def step(params, gradients, state, rate):
        return optim.adam(rate).update(gradients, state, params)

    params, gradients = parameters(np.float32), gradients_of(0, np.float32)
    state = optim.adam(0.0).init(params)
    for rate in (0.1, 0.2):
        got, _ = step(params, gradients, state, rate)
        expected, _ = optim.adam(rate).update(gradients, state, params)
        assert got["scale"].dtype == np.float32
        np.testing.assert_allclose(got["scale"], expected["scale"], rtol=1e-6)
    assert step.cache_info().misses == 1


def test_init_inside_of_jit():
    optimiser = optim.adam(1e-3)
    state = compiler.jit(optimiser.init)({"w": np.ones((2, 3), np.float32)})
    assert isinstance(state, optim.AdamState)
    np.testing.assert_array_equal(state.mean["w"], np.zeros((2, 3)))


def test_gradient_descent_finds_the_least_squares_solution():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((50, 3)), rng.standard_normal(50)
    optimiser = optim.sgd(0.2, momentum=0.5)

    @compiler.jit
    def step(w, state):
        gradient = compiler.grad(lambda w: ((x @ w - y) ** 2).mean())(w)
        return optimiser.update(gradient, state, w)

    w = np.zeros(3)
    state = optimiser.init(w)
    for _ in range(200):
        w, state = step(w, state)
    np.testing.assert_allclose(w, np.linalg.lstsq(x, y)[0], rtol=1e-8)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: optim.sgd(0.1, momentum=1.0), r"sgd: momentum is 1.0; expected a number in \[0, 1\)"),
        (lambda: optim.sgd(-0.1), "sgd: learning_rate is -0.1"),
        (lambda: optim.sgd(0.1, nesterov=True), "sgd: nesterov needs a momentum above 0"),
        (lambda: optim.adam(0.1, betas=(0.9, 1.0)), "adam: beta2 is 1.0"),
        (lambda: optim.adamw(0.1, betas=(-0.1, 0.9)), "adamw: beta1 is -0.1"),
        (lambda: optim.adamw(-1), "adamw: learning_rate is -1"),
    ],
)
def test_wrong_settings_are_errors(make, message):
    with pytest.raises(compiler.ArgumentError, match=message):
        make()


@pytest.mark.parametrize("optimiser", [optim.sgd(0.1), optim.adam(0.1)], ids=["sgd", "adam"])
def test_gradients_of_another_structure_are_an_error(optimiser):
    params = {"w": np.ones(2)}
    state = optimiser.init(params)
    with pytest.raises(compiler.ArgumentError, match=r"gradients has the structure .*, expected .* as the parameters"):
        optimiser.update({"w": np.ones(2), "b": np.ones(2)}, state, params)
