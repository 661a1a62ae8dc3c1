"""Recurrent nets against their formulas in NumPy, their edges, and what their loops are compiled to."""

import re

import numpy as np
import pytest

import compiler
from compiler import nn, random

F64 = np.float64
EPS = np.finfo(F64).eps


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def lstm_step(x, state, p):
    h, c = state
    i, f, g, o = np.split(p["weight_ih_l0"] @ x + p["weight_hh_l0"] @ h + p["bias_ih_l0"] + p["bias_hh_l0"], 4)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def gru_step(x, state, p):
    (h,) = state
    r, z, n = np.split(p["weight_ih_l0"] @ x + p["bias_ih_l0"], 3)
    hr, hz, hn = np.split(p["weight_hh_l0"] @ h + p["bias_hh_l0"], 3)
    z = sigmoid(z + hz)
    return ((1 - z) * np.tanh(n + sigmoid(r + hr) * hn) + z * h,)


def rnn_step(x, state, p):
    return (np.tanh(p["weight_ih_l0"] @ x + p["bias_ih_l0"] + p["weight_hh_l0"] @ state[0] + p["bias_hh_l0"]),)


KINDS = {
    "lstm": (nn.lstm, nn.init.lstm, lstm_step, 2),
    "gru": (nn.gru, nn.init.gru, gru_step, 1),
    "rnn": (nn.rnn, nn.init.rnn, rnn_step, 1),
}
ALL_KINDS = pytest.mark.parametrize("kind", KINDS)


def call(kind, x, params, hx=None, **settings):
    """The output and a tuple of the last states."""
    layer, _, _, states = KINDS[kind]
    output, last = layer(x, params, hx if hx is None or states == 2 else hx[0], **settings)
    return output, last if states == 2 else (last,)


def parameters(kind, *sizes, **settings):
    return KINDS[kind][1](random.key(0), *sizes, dtype=F64, **settings)


def sample(*shape):
    return np.random.default_rng(0).standard_normal(shape)


@ALL_KINDS
def test_a_layer_repeats_the_formula_of_its_cell(kind):
    step, states = KINDS[kind][2:]
    p, x = parameters(kind, 3, 4), sample(7, 3)
    first = [sample(1, 4) * (i + 1) for i in range(states)]
    state, outputs = tuple(each[0] for each in first), []
    for row in x:
        state = step(row, state, p)
        outputs.append(state[0])
    output, last = call(kind, x, p, tuple(first))
    np.testing.assert_allclose(output, outputs, rtol=64 * EPS, atol=64 * EPS)
    np.testing.assert_allclose(last, np.array(state)[:, np.newaxis], rtol=64 * EPS, atol=64 * EPS)


@ALL_KINDS
def test_the_end_of_a_sequence_hides_what_is_behind_it(kind):
    p = parameters(kind, 3, 4, 2, bidirectional=True)
    x, lengths = sample(6, 4, 3), np.array([4, 0, 6, 1])
    output, last = call(kind, x, p, lengths=lengths)
    spoilt = x.copy()
    for i, length in enumerate(lengths):
        spoilt[length:, i] = np.nan
        alone, end = call(kind, x[:length, i], p)
        np.testing.assert_allclose(output[:length, i], alone, rtol=64 * EPS, atol=64 * EPS)
        np.testing.assert_array_equal(output[length:, i], 0)
        np.testing.assert_allclose([each[:, i] for each in last], end, rtol=64 * EPS, atol=64 * EPS)
    again, end = call(kind, spoilt, p, lengths=lengths)
    np.testing.assert_array_equal(again, output)
    np.testing.assert_array_equal(end, last)


@ALL_KINDS
def test_gradients_of_what_is_behind_the_end_are_zero(kind):
    p, x, lengths = parameters(kind, 3, 4, bidirectional=True), sample(5, 3, 3), np.array([2, 5, 0])
    gradient = compiler.grad(lambda x: np.sum(call(kind, x, p, lengths=lengths)[0] ** 2))(x)
    for i, length in enumerate(lengths):
        assert np.all(gradient[:length, i] != 0)
        np.testing.assert_array_equal(gradient[length:, i], 0)


@ALL_KINDS
def test_forward_and_reverse_derivatives_are_central_differences(kind):
    p, x = parameters(kind, 3, 4, 2, bidirectional=True), sample(5, 2, 3)
    rng = np.random.default_rng(1)
    direction = {name: rng.standard_normal(weight.shape) for name, weight in p.items()}

    def function(p):
        return np.sum(np.sin(call(kind, x, p)[0]))

    def moved(step):
        return function({name: weight + step * direction[name] for name, weight in p.items()})

    want = (moved(1e-5) - moved(-1e-5)) / 2e-5
    gradient = compiler.grad(function)(p)
    _, forward = compiler.jvp(function, (p,), (direction,))
    np.testing.assert_allclose(sum(np.sum(gradient[name] * direction[name]) for name in p), want, rtol=1e-8)
    np.testing.assert_allclose(forward, want, rtol=1e-8)


@ALL_KINDS
@pytest.mark.parametrize(("steps", "batch"), [(0, 2), (3, 0), (1, 1)])
def test_empty_and_single_sequences(kind, steps, batch):
    p = parameters(kind, 3, 4)
    hx = tuple(sample(1, batch, 4) + i for i in range(KINDS[kind][3]))
    output, last = call(kind, sample(steps, batch, 3), p, hx)
    assert output.shape == (steps, batch, 4)
    assert all(each.shape == (1, batch, 4) for each in last)
    if steps == 0:
        np.testing.assert_array_equal(last, hx)


@pytest.mark.parametrize("name", ["rnn_tanh_cell", "rnn_relu_cell", "lstm_cell", "gru_cell"])
def test_one_bias_alone_is_one_beside_zeros(name):
    cell, gates = getattr(nn, name), {"lstm_cell": 4, "gru_cell": 3}.get(name, 1)
    h = sample(2, 4)
    operands = sample(2, 3), (h, h) if name == "lstm_cell" else h, sample(gates * 4, 3), sample(gates * 4, 4)
    bias, zeros = sample(gates * 4), np.zeros(gates * 4)
    np.testing.assert_array_equal(cell(*operands, bias), cell(*operands, bias, zeros))
    np.testing.assert_array_equal(cell(*operands, None, bias), cell(*operands, zeros, bias))
    assert not np.allclose(cell(*operands, bias), cell(*operands))


def test_vmap_over_parameters_is_a_loop():
    many = [nn.init.lstm(random.key(i), 3, 4, dtype=F64) for i in range(3)]
    stacked = {name: np.stack([p[name] for p in many]) for name in many[0]}
    x = sample(5, 2, 3)
    got = compiler.vmap(lambda p: nn.lstm(x, p)[0])(stacked)
    np.testing.assert_allclose(got, [nn.lstm(x, p)[0] for p in many], rtol=64 * EPS, atol=64 * EPS)


def test_nan_in_one_sequence_stays_there():
    x = sample(4, 3, 2)
    x[1, 1, 0] = np.nan
    output, _ = nn.lstm(x, parameters("lstm", 2, 3))
    assert np.isfinite(output[:, [0, 2]]).all()
    assert np.isfinite(output[0]).all()
    assert np.isnan(output[1:, 1]).all()


def test_dropout_is_between_layers_and_in_training_only():
    p, x, key = parameters("lstm", 3, 64, 2), sample(4, 8, 3), random.key(5)
    plain, _ = nn.lstm(x, p)
    np.testing.assert_array_equal(nn.lstm(x, p, dropout=0.5, training=False)[0], plain)
    dropped, (h, _) = nn.lstm(x, p, dropout=0.5, rng_key=key)
    assert not np.allclose(dropped, plain)
    np.testing.assert_array_equal(dropped, nn.lstm(x, p, dropout=0.5, rng_key=key)[0])
    np.testing.assert_allclose(h[0], nn.lstm(x, p)[1][0][0], rtol=64 * EPS)
    nothing, _ = nn.lstm(x, p, dropout=1.0, rng_key=key)
    upper = {name.replace("l1", "l0"): weight for name, weight in p.items() if "l1" in name}
    np.testing.assert_allclose(nothing, nn.lstm(np.zeros((4, 8, 64)), upper)[0], rtol=64 * EPS)
    one_layer = parameters("lstm", 3, 4)
    np.testing.assert_array_equal(nn.lstm(x, one_layer, dropout=0.5)[0], nn.lstm(x, one_layer)[0])


def test_dropped_elements_are_as_many_as_wanted_and_the_mean_stays():
    """Ones through a layer that changes nothing, dropped on the way to a second one that changes nothing."""
    width = 4096
    p = {
        "weight_ih_l0": np.ones((width, 1)),
        "weight_hh_l0": np.zeros((width, width)),
        "weight_ih_l1": np.eye(width),
        "weight_hh_l1": np.zeros((width, width)),
    }
    output, _ = nn.rnn(np.ones((1, 1)), p, nonlinearity="relu", dropout=0.25, rng_key=random.key(0))
    assert set(np.unique(output)) == {0.0, 1 / 0.75}
    deviation = np.sqrt(0.25 * 0.75 / width)
    assert abs(np.mean(output == 0) - 0.25) < 5 * deviation


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"x": np.ones(3)}, compiler.ShapeError, "lstm: input has shape (3,), expected [steps, input_size]"),
        ({"x": np.ones((5, 2, 3), int)}, compiler.DtypeError, "lstm: input has dtype int64"),
        (
            {"x": np.ones((5, 2, 3), np.float32)},
            compiler.DtypeError,
            "weight_ih_l0 has dtype float64, expected float32",
        ),
        ({"x": np.ones((5, 2, 2))}, compiler.ShapeError, "weight_ih_l0 has shape (16, 3), expected (16, 2)"),
        ({"params": {}}, compiler.ArgumentError, "params lack weight_hh_l0, weight_ih_l0; make them with nn.init.lstm"),
        ({"without": "bias_hh_l0"}, compiler.ArgumentError, "params lack bias_hh_l0"),
        ({"extra": {"weight_ih_l2": np.ones(3)}}, compiler.ArgumentError, "weight_ih_l2"),
        ({"extra": {"bias_l0": np.ones(3)}}, compiler.ArgumentError, "params have unknown bias_l0"),
        ({"extra": {"weight_hh_l0": np.ones((15, 4))}}, compiler.ShapeError, "weight_hh_l0 has shape (15, 4)"),
        ({"hx": np.ones((1, 2, 4))}, compiler.ArgumentError, "lstm: hx is no pair of arrays; pass (h, c)"),
        ({"hx": (np.ones((2, 4)),) * 2}, compiler.ShapeError, "h has shape (2, 4), expected (1, 2, 4)"),
        ({"dropout": 1.5}, compiler.ArgumentError, "dropout is 1.5; use a probability in [0, 1]"),
        ({"lengths": np.array([1.0, 2.0])}, compiler.DtypeError, "lengths has dtype float64"),
        ({"lengths": np.array([1, 2, 3])}, compiler.ShapeError, "lengths has shape (3,), expected (2,)"),
    ],
)
def test_wrong_arguments_are_named(arguments, error, message):
    arguments = dict(arguments)
    x = arguments.pop("x", np.ones((5, 2, 3)))
    params = arguments.pop("params", parameters("lstm", 3, 4)) | arguments.pop("extra", {})
    params.pop(arguments.pop("without", None), None)
    with pytest.raises(error, match=re.escape(message)):
        nn.lstm(x, params, **arguments)


def test_dropout_without_a_key_and_unknown_nonlinearity_are_errors():
    with pytest.raises(compiler.ArgumentError, match="lstm: rng_key is missing"):
        nn.lstm(np.ones((5, 3)), parameters("lstm", 3, 4, 2), dropout=0.5)
    with pytest.raises(compiler.ArgumentError, match="nonlinearity is 'sin'"):
        nn.rnn(np.ones((5, 3)), parameters("rnn", 3, 4), nonlinearity="sin")
    other = {f"{name}_reverse": weight for name, weight in parameters("gru", 3, 5).items()}
    with pytest.raises(compiler.ShapeError, match=re.escape("gru: weight_hh has shapes [(12, 4), (15, 5)]")):
        nn.gru(np.ones((5, 3)), parameters("gru", 3, 4) | other)
    with pytest.raises(compiler.ArgumentError, match="params have unknown weight_hr_l0"):
        nn.gru(np.ones((5, 3)), parameters("gru", 3, 4) | {"weight_hr_l0": np.ones((2, 4))})
    with pytest.raises(compiler.ArgumentError, match="lstm_cell: hx is no pair of arrays"):
        nn.lstm_cell(np.ones(1), np.ones(1), np.ones((4, 1)), np.ones((4, 1)))
    with pytest.raises(compiler.ShapeError, match=re.escape("gru_cell: hx has shape (2,), expected (1,)")):
        nn.gru_cell(np.ones(1), np.ones(2), np.ones((3, 1)), np.ones((3, 1)))


def test_initial_parameters_are_uniform_and_different():
    p = nn.init.lstm(random.key(0), 30, 50, 2, bidirectional=True, proj_size=20)
    bound = 1 / np.sqrt(50)
    for name, weight in p.items():
        assert weight.dtype == np.float32
        assert np.abs(weight).max() <= bound, name
        if weight.size > 1000:
            assert abs(weight.std() - bound / np.sqrt(3)) < 0.05 * bound
    assert len({weight.ravel()[0] for weight in p.values()}) == len(p)
    for wrong in ({"num_layers": 0}, {"proj_size": 50}):
        with pytest.raises(compiler.ArgumentError, match=next(iter(wrong))):
            nn.init.lstm(random.key(0), 30, 50, **wrong)


def host_loops(text):
    """The bodies of the loops of the host function."""
    host = text[text.index("func.func @") :]
    return re.findall(r"scf\.for .*?\n((?:      .*\n)*)    }", host)


def host_ops(body):
    return re.findall(r"rt\.gemm|rt\.launch|memref\.copy|memref\.alloc", body)


@ALL_KINDS
def test_a_step_is_one_product_and_one_kernel(kind):
    x, p = np.ones((6, 8, 64), np.float32), KINDS[kind][1](random.key(0), 64, 64)
    text = compiler.jit(lambda x, p: call(kind, x, p)[0]).lower(x, p).as_text("bufferized")
    (loop,) = host_loops(text)
    assert host_ops(loop) == ["rt.gemm", "rt.launch"]
    assert text.count("rt.gemm") == 2, "the inputs of all steps are projected by one product"


def test_the_gradient_adds_up_no_weights_in_its_loop():
    x, p = np.ones((6, 8, 64), np.float32), nn.init.lstm(random.key(0), 64, 64)
    gradient = compiler.jit(compiler.grad(lambda p: np.sum(nn.lstm(x, p)[0] ** 2)))
    text = gradient.lower(p).as_text("bufferized")
    forward, backward = host_loops(text)
    assert host_ops(forward).count("rt.gemm") == host_ops(backward).count("rt.gemm") == 1
    assert "memref.copy" not in host_ops(backward)
    assert not re.search(r"memref<256x64xf32>[^\n]*rt\.launch|rt\.launch[^\n]*memref<256x64xf32>", backward)
    assert text.count("rt.gemm") == 5


def test_a_large_batch_adds_up_its_products_in_the_loop():
    """Stacking the factors of 256 x 8 would take more memory than a sum of 8 x 8, and their products are large already."""
    x = np.ones((6, 256, 8), np.float32)

    def loss(w):
        return np.sum(compiler.scan(lambda h, row: (np.tanh(h @ w + row), None), x[0], x)[0])

    text = compiler.jit(compiler.grad(loss)).lower(np.ones((8, 8), np.float32)).as_text("autodiff")
    transposed = re.search(r"@\w*transpose\w*\(.*?\n  }", text, re.DOTALL)
    assert transposed is not None
    assert transposed.group().count("dlc.dot_general") == 2


def steps_of_weights(loop):
    """The sum of squares of states that a matrix makes, used in several ways, with or without a loop of the compiler."""
    x = sample(7, 5)

    def function(w, b):
        def step(h, row):
            h = np.tanh(w @ row + h @ w.T * 0.5 + b)
            return h, h

        return np.sum(loop(step, np.zeros(5), x)[1] ** 2)

    return function


def nested_steps(loop):
    """A loop in a loop, both of which use the same matrix."""
    x = sample(3, 2, 8)

    def function(w, b):
        def inner(h, row):
            return np.tanh(w @ h + row + b), None

        def outer(h, rows):
            h = np.tanh(w @ loop(inner, h, rows)[0])
            return h, h

        return np.sum(loop(outer, np.ones(8), x)[1] ** 2)

    return function


def python_loop(step, carry, xs):
    ys = []
    for x in xs:
        carry, y = step(carry, x)
        ys.append(y)
    return carry, None if ys[0] is None else np.stack(ys)


@pytest.mark.parametrize(("make", "size"), [(steps_of_weights, 5), (nested_steps, 8)])
def test_gradients_of_loops_are_those_of_their_steps_and_products_are_behind_them(make, size):
    w, b = sample(size, size) / 2, sample(size)
    gradient = compiler.jit(compiler.grad(make(compiler.scan), (0, 1)))
    for got, want in zip(gradient(w, b), compiler.grad(make(python_loop), (0, 1))(w, b), strict=True):
        np.testing.assert_allclose(got, want, rtol=256 * EPS, atol=64 * EPS)
    text = gradient.lower(w, b).as_text("autodiff")
    outer_products = re.findall(r"func\.func private(?:(?!func\.func).)*?contracting \[\] x \[\]", text, re.DOTALL)
    assert not outer_products
