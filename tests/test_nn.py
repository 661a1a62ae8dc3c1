"""`compiler.nn` against the formulas, written out in NumPy; gradients against central differences."""

import math
import re

import numpy as np
import pytest
import scipy.special

import compiler
from compiler import nn

F32, F64 = np.float32, np.float64
DTYPES = pytest.mark.parametrize("dtype", [F32, F64], ids=["float32", "float64"])
SPECIALS = [-np.inf, -1e30, -88.5, -1.0, -1e-30, -0.0, 0.0, 1e-30, 1.0, 88.5, 1e30, np.inf, np.nan]


def sample(shape, dtype, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def assert_close(got, want, dtype, units=16):
    """Equal up to some units in the last place of the largest value."""
    got = np.asarray(got)
    assert got.dtype == dtype
    assert got.shape == np.shape(want)
    finite = np.abs(np.asarray(want)[np.isfinite(want)])
    np.testing.assert_allclose(
        got, want, rtol=units * np.finfo(dtype).eps, atol=units * np.finfo(dtype).eps * max(1, finite.max(initial=0))
    )


def sigmoid(x):
    return scipy.special.expit(x)


def gelu(x):
    return x * (1 + scipy.special.erf(x / math.sqrt(2))) / 2


def gelu_tanh(x):
    return x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))) / 2


def relu(x):
    return np.where(np.isnan(x), x, np.maximum(x, 0))


ELEMENTWISE = {
    "relu": (nn.relu, relu),
    "sigmoid": (nn.sigmoid, sigmoid),
    "gelu": (nn.gelu, gelu),
    "gelu tanh": (lambda x: nn.gelu(x, "tanh"), gelu_tanh),
}


def central_difference(function, x, direction, step=1e-6):
    return (function(x + step * direction) - function(x - step * direction)) / (2 * step)


def assert_gradient(function, x, *, tolerance=1e-7):
    """The gradient of the sum of weighted results, along a random direction."""
    weights = sample(np.shape(function(x)), F64, seed=5)
    direction = sample(x.shape, F64, seed=6)

    def loss(x):
        return (function(x) * weights).sum()

    gradient = compiler.grad(loss)(x)
    assert gradient.shape == x.shape
    expected = central_difference(lambda x: float(loss(x)), x, direction)
    np.testing.assert_allclose(np.sum(gradient * direction), expected, rtol=tolerance, atol=tolerance)


@DTYPES
@pytest.mark.parametrize("name", ELEMENTWISE)
@pytest.mark.parametrize("shape", [(), (0,), (7,), (3, 5, 2)])
def test_activations_are_their_formulas(name, dtype, shape):
    function, formula = ELEMENTWISE[name]
    x = 3 * sample(shape, dtype)
    x = np.asarray(x, dtype)
    for call in (function, compiler.jit(function)):
        assert_close(call(x), formula(x.astype(F64)), dtype)


@DTYPES
@pytest.mark.parametrize("name", ["relu", "sigmoid"])
def test_activations_of_special_values(name, dtype):
    function, formula = ELEMENTWISE[name]
    x = np.array(SPECIALS, dtype)
    with np.errstate(all="ignore"):
        assert_close(function(x), formula(x.astype(F64)).astype(dtype), dtype)


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_gradients_of_activations(name):
    assert_gradient(ELEMENTWISE[name][0], sample((4, 5), F64))


def test_the_derivative_of_relu_at_zero_is_zero():
    gradient = compiler.grad(lambda x: nn.relu(x).sum())(np.array([-1.0, -0.0, 0.0, 1.0]))
    np.testing.assert_array_equal(gradient, [0.0, 0.0, 0.0, 1.0])


@DTYPES
@pytest.mark.parametrize(
    ("shape", "dim"), [((5,), -1), ((5,), 0), ((4, 6), 1), ((4, 6), 0), ((2, 3, 4), 1), ((1, 1), 0)]
)
def test_softmax_is_its_formula(dtype, shape, dim):
    x = 5 * sample(shape, dtype)
    assert_close(nn.softmax(x, dim), scipy.special.softmax(x.astype(F64), axis=dim), dtype)
    assert_close(nn.log_softmax(x, dim=dim), scipy.special.log_softmax(x.astype(F64), axis=dim), dtype)
    np.testing.assert_allclose(nn.softmax(x, dim).sum(axis=dim), 1, rtol=1e-6)


@DTYPES
def test_softmax_neither_overflows_nor_underflows(dtype):
    x = np.array([[1e4, 0.0, -1e4], [-1e4, -1e4, -1e4], [np.inf, 0, 0], [-np.inf, 0.0, 0.0]], dtype)
    with np.errstate(invalid="ignore"):
        assert_close(nn.softmax(x), scipy.special.softmax(x.astype(F64), axis=1), dtype)
        assert_close(nn.log_softmax(x)[[0, 1, 3]], scipy.special.log_softmax(x.astype(F64), axis=1)[[0, 1, 3]], dtype)


@pytest.mark.parametrize("function", [nn.softmax, nn.log_softmax])
@pytest.mark.parametrize(("shape", "dim"), [((0, 3), 1), ((3, 0), 1), ((0,), 0)])
def test_softmax_of_nothing_is_nothing(function, shape, dim):
    assert function(np.zeros(shape, F32), dim).shape == shape


@pytest.mark.parametrize("function", [nn.softmax, nn.log_softmax])
@pytest.mark.parametrize("dim", [0, 1])
def test_gradients_of_softmax(function, dim):
    assert_gradient(lambda x: function(x, dim), sample((4, 5), F64))


def cross_entropy(x, target, *, smoothing=0.0):
    """Per element, classes in dimension 1 (or 0)."""
    axis = 0 if x.ndim == 1 else 1
    surprisal = -scipy.special.log_softmax(x.astype(F64), axis=axis)
    weights = target if target.dtype.kind == "f" else np.moveaxis(np.eye(x.shape[axis])[target], -1, axis)
    weights = weights * (1 - smoothing) + smoothing / x.shape[axis]
    return np.sum(weights * surprisal, axis=axis)


CASES = {
    "one": ((4,), ()),
    "batch": ((6, 4), (6,)),
    "images": ((2, 3, 4, 5), (2, 4, 5)),
}


@DTYPES
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("index", [np.int32, np.int64, "probabilities"])
@pytest.mark.parametrize("smoothing", [0.0, 0.25])
def test_cross_entropy_is_its_formula(case, dtype, index, smoothing):
    shape, batch = CASES[case]
    x = 3 * sample(shape, dtype)
    axis = 0 if len(shape) == 1 else 1
    if index == "probabilities":
        target = scipy.special.softmax(sample(shape, dtype, seed=1), axis=axis)
    else:
        target = np.asarray(np.random.default_rng(1).integers(0, shape[axis], batch), index)
    expected = cross_entropy(x, target, smoothing=smoothing)
    for reduction, wanted in {"none": expected, "sum": expected.sum(), "mean": expected.mean()}.items():
        got = nn.cross_entropy(x, target, reduction=reduction, label_smoothing=smoothing)
        assert_close(got, wanted, dtype, units=64)


def test_cross_entropy_with_impossible_classes_is_finite():
    x = np.array([[0.0, -np.inf, 1.0], [2.0, 2.0, -np.inf]])
    target = np.array([2, 0])
    value, gradient = compiler.value_and_grad(nn.cross_entropy)(x, target)
    np.testing.assert_allclose(value, (np.log1p(np.exp(-1.0)) + np.log(2)) / 2)
    expected = scipy.special.softmax(x, axis=1)
    expected[[0, 1], target] -= 1
    np.testing.assert_allclose(gradient, expected / 2, atol=1e-15)


def test_targets_that_are_no_class_contribute_nothing():
    x = sample((3, 4), F64)
    losses = nn.cross_entropy(x, np.array([1, -100, 4]), reduction="none")
    np.testing.assert_array_equal(losses != 0, [True, False, False])


def test_the_gradient_of_cross_entropy_is_softmax_minus_target():
    x, target = sample((6, 4), F64), np.array([0, 3, 1, 1, 2, 0])
    expected = (scipy.special.softmax(x, axis=1) - np.eye(4)[target]) / 6
    np.testing.assert_allclose(compiler.grad(nn.cross_entropy)(x, target), expected, atol=1e-15)
    assert_gradient(lambda x: nn.cross_entropy(x, target, label_smoothing=0.1, reduction="none"), x)


def layer_norm(x, axes, weight=1.0, bias=0.0, eps=1e-5):
    x = x.astype(F64)
    mean = x.mean(axis=axes, keepdims=True)
    variance = x.var(axis=axes, keepdims=True)
    return (x - mean) / np.sqrt(variance + eps) * weight + bias


@DTYPES
@pytest.mark.parametrize(
    ("shape", "sizes"), [((5,), 5), ((3, 8), (8,)), ((3, 8), [8]), ((2, 3, 4), (3, 4)), ((2, 3, 4), [4])]
)
def test_layer_norm_is_its_formula(dtype, shape, sizes):
    x = 2 * sample(shape, dtype) + 3
    dims = (sizes,) if isinstance(sizes, int) else tuple(sizes)
    axes = tuple(range(-len(dims), 0))
    weight, bias = sample(dims, dtype, seed=1), sample(dims, dtype, seed=2)
    assert_close(nn.layer_norm(x, sizes), layer_norm(x, axes), dtype, units=64)
    got = nn.layer_norm(x, sizes, weight, bias, eps=1e-3)
    assert_close(got, layer_norm(x, axes, weight, bias, 1e-3), dtype, units=64)
    assert_close(nn.layer_norm(x, sizes, bias=bias), layer_norm(x, axes, bias=bias), dtype, units=64)
    inside = compiler.jit(lambda x, w, b: nn.layer_norm(x, sizes, w, b, 1e-3))(x, weight, bias)
    assert_close(inside, layer_norm(x, axes, weight, bias, 1e-3), dtype, units=64)


def test_layer_norm_of_a_constant_row_is_the_bias():
    np.testing.assert_array_equal(nn.layer_norm(np.full((2, 4), 3.0), 4, bias=np.arange(4.0)), [np.arange(4.0)] * 2)


def test_gradients_of_layer_norm():
    x, weight, bias = sample((3, 8), F64), sample(8, F64, seed=1), sample(8, F64, seed=2)
    assert_gradient(lambda x: nn.layer_norm(x, 8, weight, bias), x)
    assert_gradient(lambda w: nn.layer_norm(x, 8, w, bias), weight)
    assert_gradient(lambda b: nn.layer_norm(x, 8, weight, b), bias)


@pytest.mark.parametrize("batched", [nn.softmax, nn.gelu, lambda x: nn.layer_norm(x, 5)])
def test_vmap_of_layers_is_a_loop(batched):
    x = sample((3, 4, 5), F64)
    np.testing.assert_allclose(compiler.vmap(batched)(x), [batched(row) for row in x], rtol=1e-13)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: nn.relu(np.arange(3)),
            compiler.DtypeError,
            "relu: input has dtype int64, expected float32 or float64",
        ),
        (lambda: nn.sigmoid(True), compiler.DtypeError, "sigmoid: input has dtype bool"),
        (
            lambda: nn.gelu(np.ones(2), "exact"),
            compiler.ArgumentError,
            "gelu: approximate is 'exact'; use 'none' or 'tanh'",
        ),
        (lambda: nn.softmax(np.ones((2, 3)), 2), compiler.ShapeError, "softmax: dim 2 does not exist in shape (2, 3)"),
        (lambda: nn.softmax(np.float64(1)), compiler.ShapeError, "softmax: dim -1 does not exist in shape ()"),
        (
            lambda: nn.log_softmax(np.ones(2), -2),
            compiler.ShapeError,
            "log_softmax: dim -2 does not exist in shape (2,)",
        ),
        (lambda: nn.softmax(np.ones(2), dim=None), compiler.ArgumentError, "softmax: dim is None; use an integer"),
        (
            lambda: nn.cross_entropy(np.ones((2, 3)), np.zeros(3, int)),
            compiler.ShapeError,
            "cross_entropy: target has shape (3,), expected (2,) for input (2, 3)",
        ),
        (
            lambda: nn.cross_entropy(np.ones((2, 3)), np.ones(3)),
            compiler.ShapeError,
            "cross_entropy: probabilities have shape (3,), expected (2, 3) as the input",
        ),
        (
            lambda: nn.cross_entropy(np.ones((2, 3)), np.zeros(2, bool)),
            compiler.DtypeError,
            "cross_entropy: target has dtype bool, expected class indices or probabilities",
        ),
        (
            lambda: nn.cross_entropy(np.ones((2, 3)), np.zeros(2, int), reduction="max"),
            compiler.ArgumentError,
            "cross_entropy: reduction is 'max'; use 'none', 'mean' or 'sum'",
        ),
        (
            lambda: nn.cross_entropy(np.ones((2, 3)), np.zeros(2, int), label_smoothing=2.0),
            compiler.ArgumentError,
            "cross_entropy: label_smoothing is 2.0; use a number in [0, 1]",
        ),
        (lambda: nn.cross_entropy(1.0, 1), compiler.ShapeError, "cross_entropy: input is a scalar"),
        (
            lambda: nn.layer_norm(np.ones((2, 3)), 2),
            compiler.ShapeError,
            "layer_norm: input has shape (2, 3), expected it to end in (2,)",
        ),
        (
            lambda: nn.layer_norm(np.ones((2, 3)), 3, np.ones(2)),
            compiler.ShapeError,
            "layer_norm: weight has shape (2,), expected (3,)",
        ),
    ],
)
def test_misuse_is_an_error_with_both_sides_and_the_users_line(call, error, message):
    for run in (call, compiler.jit(call)):
        with pytest.raises(error, match=re.escape(message)) as caught:
            run()
        assert "test_nn.py" in str(caught.value)
