"""`compiler.optim` against the loops of the papers, written out in NumPy."""

import ml_dtypes
import numpy as np
import optree
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


def lion_loop(p, gs, lr, betas=(0.9, 0.99), decay=0.0):
    """Algorithm 2 of arXiv 2302.06675."""
    m = np.zeros_like(p)
    for g in gs:
        c = betas[0] * m + (1 - betas[0]) * g
        p = p - lr * (np.sign(c) + decay * p)
        m = betas[1] * m + (1 - betas[1]) * g
    return p


def lamb_loop(p, gs, lr, betas=(0.9, 0.999), eps=1e-6, decay=0.0):
    """Algorithm 2 of arXiv 1904.00962, with phi the identity."""
    m, v = np.zeros_like(p), np.zeros_like(p)
    for t, g in enumerate(gs, start=1):
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g * g
        r = (m / (1 - betas[0] ** t)) / (np.sqrt(v / (1 - betas[1] ** t)) + eps) + decay * p
        p = p - lr * np.linalg.norm(np.atleast_1d(p).ravel()) / np.linalg.norm(np.atleast_1d(r).ravel()) * r
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
    "lion": (optim.lion(1e-2), lambda p, g: lion_loop(p, g, 1e-2)),
    "lion, settings": (optim.lion(1e-2, (0.5, 0.8), 0.3), lambda p, g: lion_loop(p, g, 1e-2, (0.5, 0.8), 0.3)),
    "lamb": (optim.lamb(1e-2), lambda p, g: lamb_loop(p, g, 1e-2)),
    "lamb, settings": (
        optim.lamb(1e-2, (0.8, 0.95), 1e-3, 0.1),
        lambda p, g: lamb_loop(p, g, 1e-2, (0.8, 0.95), 1e-3, 0.1),
    ),
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
        (lambda: optim.adamw(1, weight_decay=-0.5), "adamw: weight_decay is -0.5; expected a number of at least 0"),
        (lambda: optim.sgd(0.1, 0.9, nesterov=True, dampening=0.1), "sgd: nesterov needs .* no dampening"),
        (lambda: optim.rmsprop(0.1, alpha=float("nan")), "rmsprop: alpha is nan"),
        (lambda: optim.adadelta(rho=1.0), "adadelta: rho is 1.0"),
        (lambda: optim.exponential_moving_average(1.0), "exponential_moving_average: decay is 1.0"),
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


ALL = {
    "sgd": optim.sgd,
    "momentum": lambda rate: optim.sgd(rate, 0.9, dampening=0.5),
    "adam": lambda rate: optim.adam(rate, amsgrad=True, weight_decay=0.1),
    "adamw": optim.adamw,
    "radam": optim.radam,
    "adamax": optim.adamax,
    "lamb": optim.lamb,
    "lion": lambda rate: optim.lion(rate, weight_decay=0.1),
    "rmsprop": lambda rate: optim.rmsprop(rate, momentum=0.9, centered=True),
    "adagrad": lambda rate: optim.adagrad(rate, 0.1),
    "adadelta": optim.adadelta,
}


@pytest.mark.parametrize("compiled", [True, False], ids=["compiled", "eager"])
@pytest.mark.parametrize("name", ALL)
def test_a_learning_rate_in_float64_leaves_parameters_and_state_in_float32(name, compiled):
    params, gradients = parameters(np.float32), gradients_of(0, np.float32)
    by_rate = []
    for rate in (0.1, np.float64(0.1), lambda step: np.where(step >= 0, 0.1, 0.2)):
        optimiser = ALL[name](rate)
        update = compiler.jit(optimiser.update) if compiled else optimiser.update
        new, state = update(gradients, optimiser.init(params), params)
        assert {leaf.dtype for leaf in optree.tree_leaves((new, state[1:]))} == {np.dtype(np.float32)}
        by_rate.append(new)
    for other in by_rate[1:]:
        for got, expected in zip(leaves(other), leaves(by_rate[0]), strict=True):
            np.testing.assert_allclose(got, expected, rtol=1e-6)


@pytest.mark.parametrize("name", ALL)
def test_parameters_in_bfloat16_stay_what_they_are_and_numbers_become_arrays(name):
    optimiser = ALL[name](0.1)
    for params in ({"w": np.ones(3, ml_dtypes.bfloat16)}, {"w": 1.0}):
        state = optimiser.init(params)
        eager, compiled = optimiser.update(params, state, params), compiler.jit(optimiser.update)(params, state, params)
        for got, expected in zip(optree.tree_leaves(eager), optree.tree_leaves(compiled), strict=True):
            assert got.dtype == expected.dtype
            # NumPy rounds to bfloat16 once, the compiled program after every operation.
            tolerance = 4 * float(ml_dtypes.finfo(got.dtype).eps) if got.dtype.kind != "i" else 0
            np.testing.assert_allclose(got.astype(np.float64), expected.astype(np.float64), tolerance, tolerance)


@pytest.mark.parametrize("name", ALL)
def test_a_tree_without_parameters_and_empty_arrays_are_updated(name):
    optimiser = ALL[name](0.1)
    for params in ({}, {"w": np.zeros((0, 3), np.float32)}):
        new, state = compiler.jit(optimiser.update)(params, optimiser.init(params), params)
        assert optree.tree_structure(new) == optree.tree_structure(params)
        assert [leaf.shape for leaf in optree.tree_leaves(new)] == [leaf.shape for leaf in optree.tree_leaves(params)]
        assert state.step == 1


def test_lamb_takes_a_plain_step_where_there_is_nothing_to_be_in_proportion_to():
    optimiser = optim.lamb(0.1)
    params, gradients = [np.zeros(2), np.ones(2)], [np.ones(2), np.zeros(2)]
    new, _ = compiler.jit(optimiser.update)(gradients, optimiser.init(params), params)
    np.testing.assert_allclose(new[0], [-0.1, -0.1], rtol=1e-5)
    np.testing.assert_array_equal(new[1], params[1])


def test_a_schedule_is_asked_about_the_updates_so_far():
    optimiser = optim.sgd(lambda step: 10.0**-step)
    params, state = np.zeros(()), optimiser.init(np.zeros(()))
    for expected in (-1.0, -1.1, -1.11):
        params, state = optimiser.update(np.ones(()), state, params)
        np.testing.assert_allclose(params, expected)


def test_a_gradient_of_another_shape_is_an_error():
    params = {"w": np.ones((2, 3))}
    optimiser = optim.sgd(0.1)
    with pytest.raises(compiler.ShapeError, match=r"sgd: the gradient \['w'\] has shape \(3,\), expected \(2, 3\)"):
        optimiser.update({"w": np.ones(3)}, optimiser.init(params), params)


@pytest.mark.parametrize("dtype", [np.int64, np.complex128])
def test_a_parameter_that_is_no_float_is_an_error(dtype):
    params = {"w": np.ones(3, dtype)}
    optimiser = optim.adam(0.1)
    with pytest.raises(
        compiler.DtypeError, match=r"adam: the parameter \['w'\] is (int64|complex128), expected a float"
    ):
        optimiser.update(params, optimiser.init(params), params)


def test_a_state_of_another_optimiser_is_an_error():
    params = {"w": np.ones(3)}
    with pytest.raises(compiler.ArgumentError, match="adam: the state is a LionState, expected AdamState from init"):
        optim.adam(0.1).update(params, optim.lion(0.1).init(params), params)
    without = optim.adam(0.1).init(params)
    with pytest.raises(compiler.ArgumentError, match=r"adam: state.largest_variance has the structure"):
        optim.adam(0.1, amsgrad=True).update(params, without, params)


def test_a_call_without_all_arguments_is_an_error_that_names_the_optimiser():
    with pytest.raises(TypeError, match=r"^adam\.update\(\) missing 1 required positional argument: 'params'"):
        optim.adam(0.1).update({}, optim.adam(0.1).init({}))


def test_gradients_in_another_precision_are_taken_in_that_of_the_parameters():
    params = {"w": np.ones(3, np.float32)}
    optimiser = optim.adam(0.1)
    new, state = compiler.jit(optimiser.update)({"w": np.ones(3, np.float64)}, optimiser.init(params), params)
    assert new["w"].dtype == state.mean["w"].dtype == np.float32


def test_small_parameters_share_kernels():
    params = {f"layer{i}": np.ones(16, np.float32) for i in range(20)}
    optimiser = optim.adam(1e-3)
    text = compiler.jit(optimiser.update).lower(params, optimiser.init(params), params).as_text("fused")
    assert text.count("rt.kernel") <= 3


@pytest.mark.parametrize("norm_type", [1.0, 2.0, np.inf])
def test_the_norm_of_no_gradients_is_zero(norm_type):
    for tree in ([], [np.zeros((0, 2))]):
        assert compiler.jit(lambda t: optim.global_norm(t, norm_type))(tree) == 0
    clipped, norm = optim.clip_grad_norm({"w": np.zeros(2)}, 1.0, norm_type)
    np.testing.assert_array_equal(clipped["w"], np.zeros(2))
    assert norm == 0


def test_clipped_gradients_keep_their_dtype():
    gradients = [np.full(2, 3.0, np.float32)]
    for limit in (1.0, np.float64(1.0)):
        (by_norm,), _ = compiler.jit(optim.clip_grad_norm)(gradients, limit)
        (by_value,) = compiler.jit(optim.clip_grad_value)(gradients, limit)
        assert by_norm.dtype == by_value.dtype == np.float32
        np.testing.assert_allclose(by_norm, [0.5**0.5] * 2, rtol=1e-6)
        np.testing.assert_array_equal(by_value, [1.0, 1.0])


def test_a_norm_of_no_positive_order_is_an_error():
    with pytest.raises(compiler.ArgumentError, match="global_norm: norm_type is 0; expected a number above 0"):
        optim.global_norm([np.ones(2)], 0)


def test_a_moving_average_without_bias_weighs_updates_only():
    average = optim.exponential_moving_average(0.9)
    state = average.init({"w": np.full(2, 1e6, np.float32)})
    update = compiler.jit(average.update)
    numbers = [1.0, 5.0, -2.0]
    for number in numbers:
        state = update({"w": np.full(2, number, np.float32)}, state)
    weights = 0.9 ** np.arange(3)[::-1]
    value = compiler.jit(average.value)(state)["w"]
    assert value.dtype == np.float32
    np.testing.assert_allclose(value, [np.average(numbers, weights=weights)] * 2, rtol=1e-6)


@pytest.mark.parametrize("debias", [True, False])
def test_a_moving_average_works_in_compiled_functions_and_keeps_dtypes(debias):
    average = optim.exponential_moving_average(0.5, debias=debias)
    params = {"w": np.ones(2, np.float32), "h": np.ones(2, ml_dtypes.bfloat16)}
    for run in (lambda f: f, compiler.jit):
        state = run(average.update)(params, run(average.init)(params))
        value = run(average.value)(state)
        assert [value[name].dtype for name in params] == [leaf.dtype for leaf in params.values()]
        np.testing.assert_array_equal(value["w"], params["w"])


def test_groups_see_names_and_arrays_and_hold_states_by_name():
    seen = {}

    def label(name, p):
        seen[name] = p.shape
        return "biases" if name.endswith(".1") else "rest"

    optimiser = optim.grouped(label, {"rest": optim.sgd(0.1), "biases": optim.adam(0.1), "nobody": optim.lion(0.1)})
    params, gradients = parameters(np.float32), gradients_of(0, np.float32)
    state = optimiser.init(params)
    assert seen == {"layers.0.0": (3, 4), "layers.0.1": (4,), "scale": ()}
    new, state = compiler.jit(optimiser.update)(gradients, state, params)
    assert list(state["biases"].mean) == ["layers.0.1"]
    assert state["nobody"].mean == {}
    np.testing.assert_array_equal(new["scale"], params["scale"] - np.float32(0.1) * gradients["scale"])
    expected, _ = optim.adam(0.1).update(gradients, optim.adam(0.1).init(params), params)
    np.testing.assert_allclose(new["layers"][0][1], expected["layers"][0][1], rtol=1e-6)


def test_a_group_that_is_not_there_is_an_error():
    optimiser = optim.grouped(lambda name, p: name, {"w": optim.sgd(0.1)})
    with pytest.raises(compiler.ArgumentError, match="grouped: the group of 'b' is 'b', expected one of 'w'"):
        optimiser.init({"w": np.ones(2), "b": np.ones(2)})
    with pytest.raises(compiler.ArgumentError, match=r"grouped: two leaves have the name 'a\.b'"):
        optimiser.init({"a.b": np.ones(2), "a": {"b": np.ones(2)}})
    with pytest.raises(compiler.ArgumentError, match="grouped: gradients has the structure"):
        optimiser.update({"b": np.ones(2)}, optimiser.init({"w": np.ones(2)}), {"w": np.ones(2)})
