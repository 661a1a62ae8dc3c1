"""Layers and losses of `compiler.nn` without PyTorch: edge cases, random decisions, kernels, initial values, misuse."""

import re

import ml_dtypes
import numpy as np
import pytest

import compiler
from compiler import nn, random

F32, F64 = np.float32, np.float64
KEY = random.key(7)
SPECIALS = np.array([-np.inf, -1e30, -1e-30, 0.0, 1e-30, 1e30, np.inf, np.nan])


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def kernels(function, *operands):
    """How many kernels the program has, and the shapes of the floats that they write."""
    text = compiler.jit(function).trace(*operands).lower().as_text("fused")
    results = [line.rpartition("->")[2] for line in text.splitlines() if " = rt.kernel " in line]
    return len(results), re.findall(r"tensor<([\dx]*)f\d\d>", "".join(results))


# Activations


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (nn.silu, [np.nan, 0, 0, 0, 0, 1e30, np.inf, np.nan]),
        (nn.mish, [np.nan, 0, 0, 0, 0, 1e30, np.inf, np.nan]),
        (nn.softplus, [0, 0, np.log(2), np.log(2), np.log(2), 1e30, np.inf, np.nan]),
        (nn.elu, [-1, -1, 0, 0, 0, 1e30, np.inf, np.nan]),
        (nn.relu6, [0, 0, 0, 0, 0, 6, 6, np.nan]),
        (nn.hardsigmoid, [0, 0, 0.5, 0.5, 0.5, 1, 1, np.nan]),
        (nn.hardswish, [0, 0, 0, 0, 0, 1e30, np.inf, np.nan]),
        (nn.hardshrink, [-np.inf, -1e30, 0, 0, 0, 1e30, np.inf, np.nan]),
        (nn.softshrink, [-np.inf, -1e30, 0, 0, 0, 1e30, np.inf, np.nan]),
        (nn.hardtanh, [-1, -1, 0, 0, 0, 1, 1, np.nan]),
        (nn.leaky_relu, [-np.inf, -1e28, 0, 0, 0, 1e30, np.inf, np.nan]),
        (lambda x: nn.threshold(x, 0.0, 2.0), [2, 2, 2, 2, 0, 1e30, np.inf, np.nan]),
    ],
)
@pytest.mark.parametrize("dtype", [F32, F64], ids=["float32", "float64"])
def test_activations_of_special_values_neither_overflow_nor_lose_nan(function, expected, dtype):
    np.testing.assert_allclose(function(SPECIALS.astype(dtype)), expected, rtol=8 * np.finfo(dtype).eps, atol=1e-29)


@pytest.mark.parametrize("function", [nn.elu, nn.selu, nn.celu, nn.softplus, nn.mish, nn.hardswish, nn.silu])
def test_derivatives_of_large_numbers_are_finite(function):
    gradient = compiler.grad(lambda x: function(x).sum())(np.array([-1e4, -800.0, 800.0, 1e4]))
    slope = 1.0507009873554805 if function is nn.selu else 1.0
    np.testing.assert_allclose(gradient, [0.0, 0.0, slope, slope], atol=1e-300)


@pytest.mark.parametrize("bound", [-3.0, 3.0])
def test_the_derivative_of_hardsigmoid_is_a_sixth_within_its_bounds(bound):
    x = np.array([bound, 0.9 * bound])
    np.testing.assert_array_equal(compiler.grad(lambda x: nn.hardsigmoid(x).sum())(x), [0.0, 1 / 6])


def test_random_slopes_are_between_their_bounds_and_used_by_the_derivative():
    x = normal(1000)
    value, gradient = compiler.value_and_grad(lambda x: nn.rrelu(x, 0.25, 0.5, True, rng_key=KEY).sum())(x)
    assert np.all(gradient[x > 0] == 1.0)
    slopes = gradient[x <= 0]
    assert 0.25 <= slopes.min() < 0.27
    assert 0.48 < slopes.max() <= 0.5
    np.testing.assert_allclose(value, np.sum(gradient * x))


@pytest.mark.parametrize("dim", [0, 1, -1])
def test_hard_samples_are_one_hot_with_derivatives_of_soft_ones(dim):
    x = normal(5, 4)
    weights = normal(5, 4, seed=1)

    def loss(x, hard):
        return (nn.gumbel_softmax(x, 0.5, hard, dim, rng_key=KEY) * weights).sum()

    hard = nn.gumbel_softmax(x, 0.5, True, dim, rng_key=KEY)
    soft = nn.gumbel_softmax(x, 0.5, False, dim, rng_key=KEY)
    np.testing.assert_array_equal(hard, soft == soft.max(axis=dim, keepdims=True))
    np.testing.assert_array_equal(compiler.grad(lambda x: loss(x, True))(x), compiler.grad(lambda x: loss(x, False))(x))


def test_samples_follow_the_logits():
    probabilities = np.array([0.1, 0.2, 0.7])
    samples = nn.gumbel_softmax(np.broadcast_to(np.log(probabilities), (20000, 3)).copy(), hard=True, rng_key=KEY)
    # Four standard deviations.
    np.testing.assert_allclose(samples.mean(axis=0), probabilities, atol=4 * np.sqrt(0.25 / 20000))


# Dropout


@pytest.mark.parametrize("p", [0.2, 0.5, 0.9])
def test_dropout_keeps_the_mean_and_its_derivative_has_the_same_zeros(p):
    x = np.ones(20000, F32)
    value = nn.dropout(x, p, rng_key=KEY)
    assert value.dtype == F32
    np.testing.assert_allclose(np.unique(value), [0.0, 1.0 / (1.0 - p)], rtol=1e-6)
    np.testing.assert_allclose(np.mean(value == 0), p, atol=4 * np.sqrt(p * (1 - p) / x.size))
    gradient = compiler.grad(lambda x: nn.dropout(x, p, rng_key=KEY).sum())(x)
    np.testing.assert_array_equal(gradient, value)
    np.testing.assert_array_equal(nn.dropout(x, p, rng_key=KEY), value)
    assert np.any(nn.dropout(x, p, rng_key=random.key(8)) != value)


DROPOUTS = [
    (nn.dropout, (6,)),
    (nn.dropout1d, (3, 4, 5)),
    (nn.dropout1d, (4, 5)),
    (nn.dropout2d, (3, 4, 5, 2)),
    (nn.dropout2d, (4, 5, 2)),
    (nn.dropout3d, (3, 4, 5, 2, 2)),
    (nn.dropout3d, (4, 5, 2, 2)),
    (nn.alpha_dropout, (6,)),
    (nn.feature_alpha_dropout, (3, 4, 5)),
]


@pytest.mark.parametrize(("function", "shape"), DROPOUTS)
def test_dropout_is_the_identity_unless_training(function, shape):
    x = normal(*shape)
    np.testing.assert_array_equal(function(x, 0.5, False), x)
    np.testing.assert_array_equal(function(x, 0.0, True), x)
    np.testing.assert_array_equal(function(x, 1.0, True, rng_key=KEY), np.zeros(shape))


@pytest.mark.parametrize(("function", "shape"), [case for case in DROPOUTS if case[0] is not nn.dropout])
def test_whole_channels_are_dropped_together(function, shape):
    channels = {nn.alpha_dropout: len(shape), nn.feature_alpha_dropout: 2}.get(function)
    if channels is None:
        batched = {nn.dropout1d: 3, nn.dropout2d: 4, nn.dropout3d: 5}[function]
        channels = len(shape) - batched + 2
    decisions = function(
        np.ones((*(10 * size for size in shape[:channels]), *shape[channels:])), 0.5, True, rng_key=KEY
    )
    flat = decisions.reshape(-1, int(np.prod(shape[channels:])))
    assert np.all(flat == flat[:, :1])
    assert len(np.unique(flat)) == 2


@pytest.mark.parametrize("p", [0.1, 0.5])
def test_alpha_dropout_keeps_mean_and_variance(p):
    value = nn.alpha_dropout(normal(200_000), p, True, rng_key=KEY)
    np.testing.assert_allclose([value.mean(), value.std()], [0.0, 1.0], atol=0.02)


# Losses


def test_losses_of_classes_ignore_what_is_no_class():
    logits = normal(4, 3)
    labels = np.array([0, -100, 7, 2])
    counted = [0, 3]
    for function, x in ((nn.cross_entropy, logits), (nn.nll_loss, nn.log_softmax(logits))):
        value, gradient = compiler.value_and_grad(function)(x, labels)
        np.testing.assert_allclose(value, function(x[counted], labels[counted]), rtol=1e-14)
        np.testing.assert_array_equal(gradient[[1, 2]], 0.0)
        assert np.all(np.any(gradient[counted] != 0, axis=1))


@pytest.mark.parametrize("function", [nn.cross_entropy, nn.nll_loss])
@pytest.mark.parametrize("shape", [(0, 3), (2, 0), (2, 3, 0)])
def test_losses_of_nothing_are_nothing(function, shape):
    labels = np.zeros(shape[:1] + shape[2:], int)
    np.testing.assert_array_equal(function(np.zeros(shape), labels, reduction="none"), np.zeros(labels.shape))
    assert function(np.zeros(shape), labels, reduction="sum") == 0.0


def test_cross_entropy_writes_no_table_of_classes_but_its_gradient():
    logits, labels, weight = normal(64, 100).astype(F32), np.arange(64), np.ones(100, F32)
    for settings in ({}, {"label_smoothing": 0.1}):
        function = lambda x, t, w: nn.cross_entropy(x, t, w, **settings)  # noqa: B023, E731
        assert "64x100x" not in kernels(function, logits, labels, weight)[1]
        assert kernels(compiler.grad(function), logits, labels, weight)[1].count("64x100x") == 1
    assert kernels(compiler.value_and_grad(nn.cross_entropy), logits, labels)[1].count("64x100x") == 1


def test_derivatives_of_probabilities_at_0_and_1_are_finite():
    p, y = np.array([0.0, 1.0, 0.0, 1.0]), np.array([0.25, 0.25, 0.0, 1.0])
    by_input, by_target = compiler.grad(lambda p, y: nn.binary_cross_entropy(p, y).sum() * 4, (0, 1))(p, y)
    np.testing.assert_allclose(by_input, [-0.25e12, 0.75e12, 0.0, 0.0])
    np.testing.assert_allclose(by_target, [100.0, -100.0, 100.0, -100.0])


def test_second_derivatives_of_binary_cross_entropy():
    p, y = np.array([0.25]), np.array([1.0])
    hessian = compiler.hessian(lambda p: nn.binary_cross_entropy(p, y))(p)
    np.testing.assert_allclose(hessian, [[16.0]])


def test_the_divergence_of_distributions_with_zeros_is_finite():
    p = np.array([[0.0, 0.25, 0.75]])
    value, gradient = compiler.value_and_grad(lambda x: nn.kl_div(x, p, reduction="batchmean"))(np.log(p + 0.5))
    np.testing.assert_allclose(value, np.sum(p[:, 1:] * np.log(p[:, 1:] / (p[:, 1:] + 0.5))))
    np.testing.assert_array_equal(gradient, -p)


# Normalisation


def test_the_running_statistics_are_constants_for_derivatives():
    x, mean, variance = normal(5, 2), np.zeros(2), np.ones(2)
    gradient = compiler.grad(lambda x: sum(s.sum() for s in nn.batch_norm(x, mean, variance, training=True)[1:]))(x)
    np.testing.assert_array_equal(gradient, np.zeros((5, 2)))


def test_training_needs_no_running_statistics():
    output, mean, variance = nn.batch_norm(normal(5, 2), None, None, training=True)
    assert mean is None
    assert variance is None
    np.testing.assert_allclose(output.mean(axis=0), 0.0, atol=1e-14)


@pytest.mark.parametrize("shape", [(0, 3, 4), (2, 3, 0)])
def test_normalisation_of_nothing_is_nothing(shape):
    x = np.zeros(shape)
    assert nn.group_norm(x, 3).shape == shape
    assert nn.instance_norm(x)[0].shape == shape
    assert nn.batch_norm(x, np.zeros(3), np.ones(3))[0].shape == shape
    assert nn.local_response_norm(x, 2).shape == shape
    assert nn.layer_norm(x, shape[1:]).shape == shape
    assert nn.rms_norm(x, shape[1:]).shape == shape


@pytest.mark.parametrize("function", [nn.layer_norm, nn.rms_norm])
def test_normalisation_of_rows_is_one_kernel(function):
    x = normal(16, 64).astype(F32)
    assert kernels(lambda x, w: function(x, 64, w), x, x[0]) == (1, ["16x64x"])


@pytest.mark.parametrize("sizes", [4, (3, 4)])
def test_second_derivatives_of_layer_norm(sizes):
    x, weights = normal(3, 4), normal(3, 4, seed=1)
    gradient = compiler.grad(lambda x: (nn.layer_norm(x, sizes) * weights).sum())
    hessian = compiler.hessian(lambda x: (nn.layer_norm(x, sizes) * weights).sum())(x)
    step = 1e-6
    for position in np.ndindex(x.shape):
        moved = step * np.eye(x.size)[np.ravel_multi_index(position, x.shape)].reshape(x.shape)
        expected = (gradient(x + moved) - gradient(x - moved)) / (2 * step)
        np.testing.assert_allclose(hessian[position], expected, atol=1e-8 * np.abs(hessian).max())


# Linear maps and embeddings


def test_linear_is_one_product_and_one_kernel():
    x, weight, bias = normal(4, 5, 64).astype(F32), normal(32, 64).astype(F32), normal(32).astype(F32)
    text = compiler.jit(nn.linear).trace(x, weight, bias).lower().as_text("fused")
    assert text.count("rt.gemm") == 1
    assert text.count("rt.kernel") == 1


@pytest.mark.parametrize("shape", [(0, 4), (2, 0), (0,)])
def test_linear_of_nothing(shape):
    weight, bias = np.ones((3, shape[-1])), np.arange(3.0)
    np.testing.assert_array_equal(nn.linear(np.ones(shape), weight, bias), np.ones((*shape[:-1], 3)) * bias)


def test_the_derivative_of_embedding_is_scattered_without_a_table_of_classes():
    table, index = normal(50, 8).astype(F32), np.arange(12) % 5
    gradient = compiler.grad(lambda w, i: (nn.embedding(i, w) ** 2).sum())
    assert set(kernels(gradient, table, index)[1]) == {"12x8x", "50x8x"}
    expected = np.zeros_like(table)
    np.add.at(expected, index, 2 * table[index])
    np.testing.assert_allclose(gradient(table, index), expected, rtol=1e-6)


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
def test_empty_bags_are_zeros(mode):
    table = normal(4, 3)
    got = nn.embedding_bag(np.array([1, 2]), table, np.array([0, 0, 2, 2]), mode=mode)
    np.testing.assert_allclose(got[1], {"sum": np.sum, "mean": np.mean, "max": np.max}[mode](table[[1, 2]], axis=0))
    np.testing.assert_array_equal(got[[0, 2, 3]], 0.0)
    np.testing.assert_array_equal(nn.embedding_bag(np.zeros((2, 0), int), table, mode=mode), np.zeros((2, 3)))


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
def test_what_follows_the_last_offset_is_in_no_bag(mode):
    table = normal(4, 3)
    offsets = np.array([0, 1, 3])
    got = nn.embedding_bag(np.array([1, 2, 3, 0]), table, offsets, mode=mode, include_last_offset=True)
    reduce = {"sum": np.sum, "mean": np.mean, "max": np.max}[mode]
    np.testing.assert_allclose(got, [table[1], reduce(table[[2, 3]], axis=0)])


@pytest.mark.parametrize("index", [np.array(2), np.zeros((0, 2), int), np.array([[0, 3], [-1, 4]], np.int32)])
def test_one_hot_of_what_is_no_class_is_zeros(index):
    expected = np.arange(4) == index[..., None]
    got = compiler.jit(lambda i: nn.one_hot(i, 4))(index)
    assert got.dtype == np.int64
    np.testing.assert_array_equal(got, expected)


def test_distances_of_few_rows():
    for rows in range(3):
        assert nn.pdist(np.ones((rows, 4))).shape == (rows * (rows - 1) // 2,)
    np.testing.assert_array_equal(nn.pdist(np.ones((3, 0))), np.zeros(3))


LABELS = np.array([[0, 3, 1, 1], [2, 0, 3, 3], [1, 1, 0, 2]])


@pytest.mark.parametrize(
    ("function", "operands"),
    [
        (nn.cross_entropy, (normal(3, 4, 5), LABELS)),
        (nn.nll_loss, (normal(3, 4, 5), LABELS)),
        (nn.multi_margin_loss, (normal(3, 4, 5), LABELS)),
        (nn.multilabel_margin_loss, (normal(3, 4), LABELS)),
        (lambda i, w: nn.embedding(i, w, 1), (LABELS, normal(3, 4, 2))),
        (lambda i, w: nn.embedding_bag(i[None], w, mode="max"), (LABELS, normal(3, 4, 2))),
        (lambda x: nn.batch_norm(x, np.zeros(5), np.ones(5), training=True), (normal(3, 4, 5),)),
        (lambda x: nn.group_norm(x, 2), (normal(3, 4, 6),)),
        (nn.pdist, (normal(3, 4, 5),)),
        (lambda x, key: nn.dropout(x, rng_key=key), (normal(3, 100), random.split(KEY, 3))),
        (lambda x, key: nn.gumbel_softmax(x, hard=True, rng_key=key), (normal(3, 10), random.split(KEY, 3))),
        (nn.binary_cross_entropy, (np.abs(np.tanh(normal(3, 4))), np.abs(np.tanh(normal(3, 4, seed=1))))),
    ],
    ids=range(12),
)
def test_vmap_of_layers_is_a_loop(function, operands):
    mapped = compiler.vmap(function)(*operands)
    rows = [function(*row) for row in zip(*operands, strict=True)]
    if isinstance(mapped, tuple):
        for got, want in zip(mapped, zip(*rows, strict=True), strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-14)
    else:
        np.testing.assert_allclose(mapped, rows, rtol=1e-12, atol=1e-14)


# Initial values


@pytest.mark.parametrize(
    ("draw", "bound", "deviation"),
    [
        (lambda: nn.init.uniform(KEY, (300, 200), -1, 3), None, 4 / np.sqrt(12)),
        (lambda: nn.init.normal(KEY, (300, 200), 1.0, 2.0), None, 2.0),
        (lambda: nn.init.xavier_uniform(KEY, (300, 200), 2.0), 2 * np.sqrt(6 / 500), 2 * np.sqrt(2 / 500)),
        (lambda: nn.init.xavier_normal(KEY, (30, 20, 10)), None, np.sqrt(2 / 500)),
        (lambda: nn.init.kaiming_uniform(KEY, (300, 200), 1.0), np.sqrt(3 / 200), np.sqrt(1 / 200)),
        (lambda: nn.init.kaiming_normal(KEY, (300, 200), mode="fan_out", nonlinearity="relu"), None, np.sqrt(2 / 300)),
        (lambda: nn.init.linear(KEY, 100, 600)["weight"], 0.1, 0.1 / np.sqrt(3)),
        (lambda: nn.init.linear(KEY, 100, 60000)["bias"], 0.1, 0.1 / np.sqrt(3)),
        (lambda: nn.init.bilinear(KEY, 100, 10, 60)["weight"], 0.1, 0.1 / np.sqrt(3)),
        (lambda: nn.init.embedding(KEY, 300, 200)["weight"], None, 1.0),
    ],
    ids=range(10),
)
def test_initial_values_have_their_bounds_and_deviations(draw, bound, deviation):
    values = draw()
    assert values.dtype == F32
    np.testing.assert_allclose(values.std(), deviation, rtol=0.02)
    if bound is not None:
        assert 0.99 * bound < np.abs(values).max() <= bound * (1 + 1e-6)


def test_truncated_values_are_within_their_bounds():
    values = nn.init.trunc_normal(KEY, (20000,), 1.0, 2.0, -1.0, 2.0)
    assert values.dtype == F32
    assert -1.0 <= values.min() < -0.95
    assert 1.95 < values.max() <= 2.0
    # The mean of a normal distribution between -1 and 1/2 deviations.
    np.testing.assert_allclose(values.mean(), 1.0 + 2.0 * (0.24197 - 0.35207) / (0.69146 - 0.15866), atol=0.03)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_orthogonal_values_have_orthonormal_rows_or_columns_of_any_direction(dtype):
    tolerance = 50 * np.finfo(dtype).eps
    for shape in ((3, 7), (7, 3), (4, 4), (3, 2, 5), (2, 0), (1, 1)):
        w = nn.init.orthogonal(KEY, shape, 2.0, dtype)
        assert (w.shape, w.dtype) == (shape, dtype)
        flat = w.reshape(shape[0], int(np.prod(shape[1:])))
        gram = flat @ flat.T if flat.shape[0] < flat.shape[1] else flat.T @ flat
        np.testing.assert_allclose(gram, 4 * np.eye(len(gram)), atol=4 * tolerance)
    keys = compiler.random.split(KEY, 2000)
    drawn = compiler.vmap(lambda key: nn.init.orthogonal(key, (2, 2)))(keys)
    # Without the signs of r, the first element of q would never be positive.
    assert abs(np.mean(drawn[:, 0, 0] > 0) - 0.5) < 0.05
    assert abs(np.mean(np.linalg.det(drawn) > 0) - 0.5) < 0.05


def test_a_share_of_each_column_is_sparse():
    values = nn.init.sparse(KEY, (100, 8), 0.25, std=2.0)
    np.testing.assert_array_equal((values == 0).sum(axis=0), 25)
    assert len({tuple(np.flatnonzero(column == 0)) for column in values.T}) == 8


@pytest.mark.parametrize("groups", [1, 2])
def test_dirac_keeps_channels(groups):
    weight = nn.init.dirac((4, 3, 5), groups)
    each = 4 // groups
    for group in range(groups):
        block = weight[group * each : (group + 1) * each]
        np.testing.assert_array_equal(block[:, :, 2], np.eye(each, 3))
    np.testing.assert_array_equal(np.delete(weight, 2, axis=2), 0.0)


def test_parameters_may_be_drawn_in_traced_functions():
    drawn = compiler.jit(lambda key: nn.init.linear(key, 3, 2) | {"e": nn.init.embedding(key, 4, 2, 1)})(KEY)
    np.testing.assert_array_equal(drawn["weight"], nn.init.linear(KEY, 3, 2)["weight"])
    np.testing.assert_array_equal(drawn["e"]["weight"][1], 0.0)


def test_a_model_is_a_function_and_a_dict():
    keys = random.split(KEY, 2)
    params = {"fc": nn.init.linear(keys[0], 4, 8), "norm": nn.init.batch_norm(8), "out": nn.init.linear(keys[1], 8, 3)}
    statistics = nn.init.batch_norm_statistics(8)
    x, labels = normal(16, 4).astype(F32), np.arange(16) % 3

    def loss(params):
        hidden = nn.linear(x, **params["fc"])
        hidden, mean, variance = nn.batch_norm(hidden, **statistics, **params["norm"], training=True)
        logits = nn.linear(nn.silu(hidden), **params["out"])
        return nn.cross_entropy(logits, labels), {"running_mean": mean, "running_var": variance}

    (value, new), gradients = compiler.value_and_grad(loss, has_aux=True)(params)
    assert 0.5 < value < 2.0
    assert new.keys() == statistics.keys()
    step = {
        layer: {name: p - 0.1 * gradients[layer][name] for name, p in tree.items()} for layer, tree in params.items()
    }
    assert loss(step)[0] < value


# Misuse

X = np.ones((2, 4))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: nn.glu(np.ones((2, 3))), compiler.ShapeError, "glu: dimension -1 of shape (2, 3) is odd"),
        (lambda: nn.hardtanh(X, 1.0, 0.0), compiler.ArgumentError, "hardtanh: min_val is 1.0, above max_val 0.0"),
        (lambda: nn.celu(X, 0.0), compiler.ArgumentError, "celu: alpha is 0"),
        (lambda: nn.softshrink(X, -1.0), compiler.ArgumentError, "softshrink: lambd is -1.0"),
        (lambda: nn.prelu(X, np.ones(3)), compiler.ShapeError, "prelu: weight has shape (3,), expected (1,) or (4,)"),
        (lambda: nn.rrelu(X, training=True), compiler.ArgumentError, "rrelu: rng_key is missing"),
        (lambda: nn.dropout(X), compiler.ArgumentError, "dropout: rng_key is missing; pass a key of `compiler.random`"),
        (lambda: nn.dropout(X, 1.5), compiler.ArgumentError, "dropout: p is 1.5; use a probability in [0, 1]"),
        (lambda: nn.dropout2d(X), compiler.ShapeError, "dropout2d: input has shape (2, 4), expected 3 or 4 dimensions"),
        (lambda: nn.mse_loss(X, np.ones(3)), compiler.ShapeError, "mse_loss: shapes (2, 4) and (3,) do not fit"),
        (lambda: nn.mse_loss(X, X, reduction="max"), compiler.ArgumentError, "mse_loss: reduction is 'max'"),
        (lambda: nn.mse_loss(np.ones(2, int), 1), compiler.DtypeError, "mse_loss: input has dtype int64"),
        (lambda: nn.huber_loss(X, X, delta=0.0), compiler.ArgumentError, "huber_loss: delta is 0.0"),
        (lambda: nn.smooth_l1_loss(X, X, beta=-1.0), compiler.ArgumentError, "smooth_l1_loss: beta is -1.0"),
        (
            lambda: nn.gaussian_nll_loss(X, X, np.ones(3)),
            compiler.ShapeError,
            "gaussian_nll_loss: var has shape (3,), expected (2, 4) as the input",
        ),
        (lambda: nn.kl_div(X, X, reduction="batch"), compiler.ArgumentError, "kl_div: reduction is 'batch'"),
        (lambda: nn.nll_loss(X, np.ones(2)), compiler.DtypeError, "nll_loss: target has dtype float64, expected class"),
        (
            lambda: nn.cross_entropy(X, np.zeros(2, int), np.ones(3)),
            compiler.ShapeError,
            "cross_entropy: weight has shape (3,), expected one for each of 4 classes",
        ),
        (lambda: nn.multi_margin_loss(X, np.zeros(2, int), 3), compiler.ArgumentError, "multi_margin_loss: p is 3"),
        (
            lambda: nn.multilabel_margin_loss(X, np.zeros(2, int)),
            compiler.ShapeError,
            "multilabel_margin_loss: target has shape (2,), expected (2, 4) as the input",
        ),
        (
            lambda: nn.group_norm(X, 3),
            compiler.ShapeError,
            "group_norm: 4 channels cannot be divided into 3 equal groups",
        ),
        (
            lambda: nn.batch_norm(X, None, None),
            compiler.ShapeError,
            "batch_norm: without training, running_mean and running_var are needed",
        ),
        (
            lambda: nn.batch_norm(X[:1], None, None, training=True),
            compiler.ShapeError,
            "batch_norm: input has shape (1, 4), with one value to take a variance of",
        ),
        (
            lambda: nn.batch_norm(X, np.zeros(3), np.ones(3)),
            compiler.ShapeError,
            "batch_norm: running_mean has shape (3,), expected (4,)",
        ),
        (
            lambda: nn.rms_norm(X, 3),
            compiler.ShapeError,
            "rms_norm: input has shape (2, 4), expected it to end in (3,)",
        ),
        (lambda: nn.local_response_norm(X, 2), compiler.ShapeError, "local_response_norm: input has shape (2, 4)"),
        (lambda: nn.linear(X, np.ones((3, 5))), compiler.ShapeError, "linear: weight has shape (3, 5)"),
        (lambda: nn.linear(X, X, np.ones(3)), compiler.ShapeError, "linear: bias has shape (3,), expected (2,)"),
        (
            lambda: nn.bilinear(X, X, np.ones((3, 4, 5))),
            compiler.ShapeError,
            "bilinear: inputs of shape (2, 4) and (2, 4)",
        ),
        (lambda: nn.one_hot(X, 2), compiler.DtypeError, "one_hot: indices have dtype float64, expected integers"),
        (lambda: nn.embedding(np.array([0]), X, 2), compiler.ShapeError, "embedding: padding_idx 2 does not exist"),
        (lambda: nn.embedding(np.array([0]), X[0]), compiler.ShapeError, "embedding: weight has shape (4,)"),
        (
            lambda: nn.embedding_bag(np.array([0]), X),
            compiler.ArgumentError,
            "embedding_bag: input has shape (1,); use [bags, size] without offsets, or [indices] with offsets",
        ),
        (lambda: nn.pdist(X[0]), compiler.ShapeError, "pdist: input has shape (4,), expected [rows, features]"),
        (lambda: nn.normalize(X, -1.0), compiler.ArgumentError, "p is -1.0; use a number that is not negative"),
    ],
)
def test_misuse_is_an_error_with_both_sides_and_the_users_line(call, error, message):
    for run in (call, compiler.jit(call)):
        with pytest.raises(error, match=re.escape(message)) as caught:
            run()
        assert "test_nn_layers.py" in str(caught.value)


@pytest.mark.parametrize(
    ("function", "argument"),
    [(nn.layer_norm, "normalized_shape"), (nn.softmax, "dim"), (nn.avg_pool1d, "kernel_size")],
)
def test_a_traced_setting_is_an_error_that_says_how_to_make_it_static(function, argument):
    message = rf"{argument} is the traced argument `{argument}` .*static_argnames"
    with pytest.raises(compiler.TracingError, match=message) as caught:
        compiler.jit(function)(X, 4)
    assert "test_nn_layers.py" in str(caught.value)
    setting = {"dim": 1}.get(argument, 4)
    assert np.array_equal(compiler.jit(function, static_argnames=argument)(X, setting), function(X, setting))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: nn.init.calculate_gain("gelu"), compiler.ArgumentError, "calculate_gain: nonlinearity is 'gelu'"),
        (
            lambda: nn.init.orthogonal(KEY, (3,)),
            compiler.ShapeError,
            "orthogonal: shape is (3,), expected two sizes",
        ),
        (
            lambda: nn.init.xavier_normal(KEY, (3,)),
            compiler.ShapeError,
            "xavier_normal: shape is (3,), expected [out, in",
        ),
        (
            lambda: nn.init.kaiming_uniform(KEY, (3, 2), mode="in"),
            compiler.ArgumentError,
            "kaiming_uniform: mode is 'in'",
        ),
        (lambda: nn.init.eye((3,)), compiler.ShapeError, "eye: shape is (3,), expected two sizes"),
        (lambda: nn.init.dirac((3, 2)), compiler.ShapeError, "dirac: shape is (3, 2), expected [out, in, *window]"),
        (lambda: nn.init.sparse(KEY, (3, 2), 2.0), compiler.ArgumentError, "sparse: sparsity is 2.0"),
    ],
)
def test_misuse_of_schemes_is_an_error(call, error, message):
    with pytest.raises(error, match=re.escape(message)):
        call()


def test_one_hot_of_traced_indices_needs_the_number_of_classes():
    with pytest.raises(compiler.ArgumentError, match="one_hot: num_classes is -1"):
        compiler.jit(nn.one_hot)(np.array([0, 1]))


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
@pytest.mark.parametrize(
    "function",
    [
        lambda x: nn.rms_norm(x, 4),
        lambda x: nn.dropout(x, rng_key=KEY),
        lambda x: nn.alpha_dropout(x, training=True, rng_key=KEY),
        lambda x: nn.rrelu(x, training=True, rng_key=KEY),
        lambda x: nn.gumbel_softmax(x, rng_key=KEY),
        lambda x: nn.fractional_max_pool2d(x[None], 1, 2, rng_key=KEY)[0],
        lambda x: nn.scaled_dot_product_attention(x, x, x, dropout_p=0.5, rng_key=KEY),
    ],
    ids=["rms_norm", "dropout", "alpha_dropout", "rrelu", "gumbel_softmax", "fractional_max_pool2d", "attention"],
)
def test_half_precision_draws_the_numbers_of_single_precision(function, dtype):
    x = normal(3, 4).astype(dtype)
    got = function(x)
    assert got.dtype == dtype
    tolerance = 8 * float(ml_dtypes.finfo(dtype).eps)
    np.testing.assert_allclose(got.astype(F32), function(x.astype(F32)), rtol=tolerance, atol=tolerance)
