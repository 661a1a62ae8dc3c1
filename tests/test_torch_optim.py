"""`compiler.optim` against `torch.optim`: the same parameters after the same gradients, and the same learning rates."""

import numpy as np
import pytest

import compiler
from compiler import optim
from compiler.optim import schedules

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install torch")

STEPS = 8
SHAPES = {"w": (3, 4), "b": (4,), "scale": ()}
TOLERANCE = {np.float32: 1e-4, np.float64: 1e-10}

OPTIMISERS = {
    "sgd": (lambda: optim.sgd(0.1, weight_decay=0.01), "SGD", {"lr": 0.1, "weight_decay": 0.01}),
    "sgd, dampening": (
        lambda: optim.sgd(0.1, 0.9, dampening=0.3),
        "SGD",
        {"lr": 0.1, "momentum": 0.9, "dampening": 0.3},
    ),
    "sgd, nesterov": (
        lambda: optim.sgd(0.1, 0.9, nesterov=True, weight_decay=0.1),
        "SGD",
        {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1},
    ),
    "adam": (
        lambda: optim.adam(0.01, (0.8, 0.95), 1e-4, 0.1),
        "Adam",
        {"lr": 0.01, "betas": (0.8, 0.95), "eps": 1e-4, "weight_decay": 0.1},
    ),
    "adam, amsgrad": (lambda: optim.adam(0.01, amsgrad=True), "Adam", {"lr": 0.01, "amsgrad": True}),
    "adamw": (lambda: optim.adamw(0.01, weight_decay=0.2), "AdamW", {"lr": 0.01, "weight_decay": 0.2}),
    "adamw, amsgrad": (lambda: optim.adamw(0.01, amsgrad=True), "AdamW", {"lr": 0.01, "amsgrad": True}),
    "radam": (lambda: optim.radam(0.01, weight_decay=0.1), "RAdam", {"lr": 0.01, "weight_decay": 0.1}),
    "adamax": (lambda: optim.adamax(0.01, weight_decay=0.1), "Adamax", {"lr": 0.01, "weight_decay": 0.1}),
    "rmsprop": (
        lambda: optim.rmsprop(0.01, 0.9, weight_decay=0.1),
        "RMSprop",
        {"lr": 0.01, "alpha": 0.9, "weight_decay": 0.1},
    ),
    "rmsprop, all": (
        lambda: optim.rmsprop(0.01, momentum=0.9, centered=True),
        "RMSprop",
        {"lr": 0.01, "momentum": 0.9, "centered": True},
    ),
    "adagrad": (
        lambda: optim.adagrad(0.1, 0.2, 0.1, 0.5),
        "Adagrad",
        {"lr": 0.1, "lr_decay": 0.2, "weight_decay": 0.1, "initial_accumulator_value": 0.5},
    ),
    "adadelta": (lambda: optim.adadelta(weight_decay=0.1), "Adadelta", {"weight_decay": 0.1}),
}


def random_tree(seed, dtype):
    rng = np.random.default_rng(seed)
    return {name: np.asarray(rng.standard_normal(shape), dtype) for name, shape in SHAPES.items()}


def torch_steps(make, dtype, schedule=None):
    """The parameters and learning rates after each of the steps."""
    start = random_tree(0, dtype)
    params = {name: torch.tensor(value, requires_grad=True) for name, value in start.items()}
    optimiser = make(list(params.values()))
    scheduler = schedule(optimiser) if schedule else None
    for step in range(STEPS):
        for name, gradient in random_tree(100 + step, dtype).items():
            params[name].grad = torch.tensor(gradient)
        optimiser.step()
        if scheduler:
            scheduler.step()
    return {name: value.detach().numpy() for name, value in params.items()}


def our_steps(optimiser, dtype):
    update = compiler.jit(optimiser.update)
    params = random_tree(0, dtype)
    state = optimiser.init(params)
    for step in range(STEPS):
        params, state = update(random_tree(100 + step, dtype), state, params)
    return params


def assert_equal(got, expected, dtype):
    for name in SHAPES:
        assert got[name].dtype == dtype
        np.testing.assert_allclose(got[name], expected[name], rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype] / 100)


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("name", OPTIMISERS)
def test_steps_are_those_of_torch(name, dtype):
    ours, theirs, settings = OPTIMISERS[name]
    expected = torch_steps(lambda params: getattr(torch.optim, theirs)(params, **settings), dtype)
    assert_equal(our_steps(ours(), dtype), expected, dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
def test_groups_are_the_parameter_groups_of_torch(dtype):
    def make(params):
        groups = [
            {"params": [p for p in params if p.ndim > 1]},
            {"params": [p for p in params if p.ndim < 2], "lr": 0.1},
        ]
        groups[1]["weight_decay"] = 0.0
        return torch.optim.AdamW(groups, lr=0.01, weight_decay=0.3)

    kinds = {"matrices": optim.adamw(0.01, weight_decay=0.3), "others": optim.adamw(0.1, weight_decay=0.0)}
    optimiser = optim.grouped(lambda name, p: "matrices" if p.ndim > 1 else "others", kinds)
    assert_equal(our_steps(optimiser, dtype), torch_steps(make, dtype), dtype)


SCHEDULES = {
    "linear": (
        lambda: schedules.linear(0.1, 0.05, 5),
        lambda o: torch.optim.lr_scheduler.LinearLR(o, 1.0, 0.5, total_iters=5),
    ),
    "polynomial": (
        lambda: schedules.polynomial(0.1, 0.0, 2.0, 5),
        lambda o: torch.optim.lr_scheduler.PolynomialLR(o, total_iters=5, power=2.0),
    ),
    "exponential_decay": (
        lambda: schedules.exponential_decay(0.1, 0.9),
        lambda o: torch.optim.lr_scheduler.ExponentialLR(o, 0.9),
    ),
    "staircase": (
        lambda: schedules.exponential_decay(0.1, 0.5, 3, staircase=True),
        lambda o: torch.optim.lr_scheduler.StepLR(o, 3, gamma=0.5),
    ),
    "cosine_decay": (
        lambda: schedules.cosine_decay(0.1, 9, 0.01),
        lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 9, eta_min=0.01),
    ),
    "piecewise_constant": (
        lambda: schedules.piecewise_constant([0.1, 0.01, 0.001], [2, 5]),
        lambda o: torch.optim.lr_scheduler.MultiStepLR(o, [2, 5], gamma=0.1),
    ),
    "one_cycle": (
        lambda: schedules.one_cycle(0.1, 10),
        lambda o: torch.optim.lr_scheduler.OneCycleLR(o, 0.1, total_steps=10, cycle_momentum=False),
    ),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_learning_rates_are_those_of_torch(name):
    ours, theirs = SCHEDULES[name]
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    scheduler = theirs(optimiser)
    for step in range(10):
        np.testing.assert_allclose(ours()(step), scheduler.get_last_lr()[0], rtol=1e-12, atol=1e-16)
        optimiser.step()
        if step < 9:
            scheduler.step()


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
def test_steps_with_a_schedule_are_those_of_torch(dtype):
    expected = torch_steps(
        lambda params: torch.optim.AdamW(params, lr=0.1),
        dtype,
        lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 9, eta_min=0.01),
    )
    assert_equal(our_steps(optim.adamw(schedules.cosine_decay(0.1, 9, 0.01)), dtype), expected, dtype)


@pytest.mark.parametrize("max_norm", [0.5, 100.0])
@pytest.mark.parametrize("norm_type", [1.0, 2.0, 3.0, np.inf])
def test_clipped_gradients_are_those_of_torch(norm_type, max_norm):
    gradients = random_tree(7, np.float64)
    params = {name: torch.zeros(shape, dtype=torch.float64, requires_grad=True) for name, shape in SHAPES.items()}
    for name, param in params.items():
        param.grad = torch.tensor(gradients[name])
    expected = torch.nn.utils.clip_grad_norm_(params.values(), max_norm, norm_type)
    clipped, norm = compiler.jit(optim.clip_grad_norm, static_argnames="norm_type")(
        gradients, max_norm, norm_type=norm_type
    )
    np.testing.assert_allclose(norm, expected.item(), rtol=1e-13)
    for name, param in params.items():
        np.testing.assert_allclose(clipped[name], param.grad.numpy(), rtol=1e-13)


def test_a_moving_average_from_the_first_parameters_is_that_of_torch():
    model = torch.nn.Linear(3, 2, dtype=torch.float64)
    averaged = torch.optim.swa_utils.AveragedModel(model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.9))
    average = optim.exponential_moving_average(0.9, debias=False)
    averaged.update_parameters(model)
    state = average.init({name: p.detach().numpy().copy() for name, p in model.named_parameters()})
    for _ in range(4):
        with torch.no_grad():
            for p in model.parameters():
                p.add_(torch.randn_like(p))
        averaged.update_parameters(model)
        state = average.update({name: p.detach().numpy().copy() for name, p in model.named_parameters()}, state)
    for name, p in averaged.module.named_parameters():
        np.testing.assert_allclose(average.value(state)[name], p.detach().numpy(), rtol=1e-13)
