"""Recurrent nets and CTC against PyTorch: values and gradients over configurations that cover the options."""

import numpy as np
import pytest

import compiler
from compiler import nn, random

torch = pytest.importorskip("torch", reason="compares with PyTorch")

F32, F64 = np.float32, np.float64
TOLERANCE = {np.dtype(F32): 1e-4, np.dtype(F64): 1e-10}


def assert_agrees(got, want):
    """Equal to 1e-4 in float32 and 1e-10 in float64, relative to the largest value."""
    want = want.detach().numpy()
    got = np.asarray(got)
    assert got.dtype == want.dtype
    assert got.shape == want.shape
    tolerance = TOLERANCE[got.dtype]
    np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance * np.abs(want).max(initial=0))


def tensor(x):
    return torch.tensor(np.asarray(x), requires_grad=True)


def agree_with_gradients(function, reference, args):
    """`function(*args)` and `reference` of tensors agree, trees of results flattened, and so do all gradients."""
    out = compiler.jit(function)(*args)
    tensors = [tensor(arg) for arg in args]
    want = reference(*tensors)
    assert len(out) == len(want)
    cotangents = [np.random.default_rng(i).standard_normal(each.shape).astype(each.dtype) for i, each in enumerate(out)]

    def loss(*args):
        return sum(np.sum(each * ct) for each, ct in zip(function(*args), cotangents, strict=True))

    gradients = compiler.jit(compiler.grad(loss, argnums=tuple(range(len(args)))))(*args)
    sum((each * torch.tensor(ct)).sum() for each, ct in zip(want, cotangents, strict=True)).backward()
    for got, each in zip(out, want, strict=True):
        assert_agrees(got, each)
    for got, each in zip(gradients, tensors, strict=True):
        assert_agrees(got, each.grad if each.grad is not None else torch.zeros_like(each))


LAYERS = {
    "lstm": (nn.lstm, nn.init.lstm, "LSTM"),
    "gru": (nn.gru, nn.init.gru, "GRU"),
    "rnn": (nn.rnn, nn.init.rnn, "RNN"),
}
CASES = {
    "plain": {"dtype": F64},
    "float32": {"dtype": F32},
    "no bias, first state": {"bias": False, "first": True},
    "two layers both ways, batch first": {"num_layers": 2, "bidirectional": True, "batch_first": True, "first": True},
    "one sequence, two layers": {"num_layers": 2, "batch": None, "first": True},
    "lengths both ways": {"bidirectional": True, "num_layers": 2, "lengths": [3, 6, 1], "first": True},
    "one step of one": {"steps": 1, "batch": 1, "sizes": (1, 1)},
}
LSTM_CASES = {
    "projection": {"proj_size": 2, "first": True, "dtype": F32},
    "projection, two layers both ways, lengths": {
        "proj_size": 2,
        "num_layers": 2,
        "bidirectional": True,
        "lengths": [2, 1, 5],
        "batch_first": True,
    },
}
RNN_CASES = {"relu": {"nonlinearity": "relu", "num_layers": 2}}
CONFIGURATIONS = [
    pytest.param(kind, case, id=f"{kind}: {name}")
    for kind, cases in (("lstm", CASES | LSTM_CASES), ("gru", CASES), ("rnn", CASES | RNN_CASES))
    for name, case in cases.items()
]


@pytest.mark.filterwarnings("ignore:LSTM with projections:UserWarning")
@pytest.mark.parametrize(("kind", "case"), CONFIGURATIONS)
def test_sequence_layers_and_their_gradients_are_those_of_pytorch(kind, case):
    layer, init, torch_name = LAYERS[kind]
    dtype, steps, batch = case.get("dtype", F64), case.get("steps", 6), case.get("batch", 3)
    input_size, hidden_size = case.get("sizes", (4, 5))
    shape = {key: case[key] for key in ("num_layers", "bias", "bidirectional", "proj_size") if key in case}
    nonlinearity = {key: case[key] for key in ("nonlinearity",) if key in case}
    batch_first, lengths = case.get("batch_first", False), case.get("lengths")
    params = init(random.key(1), input_size, hidden_size, dtype=dtype, **shape)
    names = list(params)

    module = torch.nn.__dict__[torch_name](
        input_size, hidden_size, batch_first=batch_first, **shape, **nonlinearity
    ).to(torch.tensor(np.zeros((), dtype)).dtype)
    assert {name: tuple(each.shape) for name, each in module.named_parameters()} == {
        name: each.shape for name, each in params.items()
    }

    rng = np.random.default_rng(2)
    sizes = () if batch is None else (batch,)
    x = rng.standard_normal((*sizes, steps, input_size) if batch_first else (steps, *sizes, input_size)).astype(dtype)
    count = shape.get("num_layers", 1) * (2 if shape.get("bidirectional") else 1)
    states = []
    if case.get("first"):
        states = [(count, *sizes, shape.get("proj_size") or hidden_size)]
        states += [(count, *sizes, hidden_size)] if kind == "lstm" else []
    first = [rng.standard_normal(each).astype(dtype) for each in states]

    def function(x, *rest):
        weights, state = dict(zip(names, rest, strict=False)), rest[len(names) :]
        hx = None if not state else state if kind == "lstm" else state[0]
        settings = {} if lengths is None else {"lengths": np.array(lengths)}
        output, last = layer(x, weights, hx, batch_first=batch_first, **settings, **nonlinearity)
        return (output, *last) if kind == "lstm" else (output, last)

    def reference(x, *rest):
        weights, state = dict(zip(names, rest, strict=False)), rest[len(names) :]
        hx = None if not state else tuple(state) if kind == "lstm" else state[0]
        if lengths is not None:
            x = torch.nn.utils.rnn.pack_padded_sequence(x, torch.tensor(lengths), batch_first, enforce_sorted=False)
        output, last = torch.func.functional_call(module, weights, (x, hx))
        if lengths is not None:
            output, _ = torch.nn.utils.rnn.pad_packed_sequence(output, batch_first, total_length=steps)
        return (output, *last) if kind == "lstm" else (output, last)

    agree_with_gradients(function, reference, [x, *params.values(), *first])


@pytest.mark.parametrize("dtype", [F32, F64], ids=["float32", "float64"])
@pytest.mark.parametrize("with_bias", [True, False], ids=["bias", "no bias"])
@pytest.mark.parametrize("name", ["rnn_tanh_cell", "rnn_relu_cell", "lstm_cell", "gru_cell"])
def test_cells_and_their_gradients_are_those_of_pytorch(name, with_bias, dtype):
    gates, states = {"lstm_cell": (4, 2), "gru_cell": (3, 1)}.get(name, (1, 1))
    rng = np.random.default_rng(3)
    shapes = [(3, 4), *[(3, 5)] * states, (gates * 5, 4), (gates * 5, 5), *([(gates * 5,)] * 2 if with_bias else ())]
    args = [rng.standard_normal(shape).astype(dtype) for shape in shapes]

    def call(cell):
        def function(x, *rest):
            hx = rest[:states] if states == 2 else rest[0]
            result = cell(x, hx, *rest[states:])
            return result if states == 2 else (result,)

        return function

    agree_with_gradients(call(getattr(nn, name)), call(getattr(torch, name)), args)


CTC_CASES = {
    "mean": {},
    "sum, float32": {"reduction": "sum", "dtype": F32},
    "none, last class is blank": {"reduction": "none", "blank": 5},
    "zero infinity": {"zero_infinity": True, "input_lengths": [9, 7, 2, 5]},
    "concatenated targets": {"concatenated": True},
    "one sequence": {"batch": None, "reduction": "none"},
    "one step, one label": {"steps": 1, "labels": 1, "input_lengths": [1] * 4, "target_lengths": [1, 0, 1, 1]},
}


@pytest.mark.parametrize("case", CTC_CASES.values(), ids=CTC_CASES)
def test_ctc_loss_and_its_gradient_at_the_logits_are_those_of_pytorch(case):
    dtype, steps, count = case.get("dtype", F64), case.get("steps", 9), case.get("labels", 4)
    blank = case.get("blank", 0)
    rng = np.random.default_rng(4)
    logits = rng.standard_normal((steps, 4, 6)).astype(dtype)
    targets = rng.permutation([each for each in range(6) if each != blank])[rng.integers(0, 5, (4, count))]
    targets[1] = targets[1, 0]  # equal neighbours need a blank
    ends = np.array(case.get("input_lengths", [9, 8, 6, 5]))
    counts = np.array(case.get("target_lengths", [4, 3, 0, 2]))
    if case.get("concatenated"):
        targets = np.concatenate([row[:length] for row, length in zip(targets, counts, strict=True)])
    if "batch" in case:
        logits, targets, ends, counts = logits[:, 1], targets[1, : counts[1]], ends[1], counts[1]
    settings = {
        "blank": blank,
        "reduction": case.get("reduction", "mean"),
        "zero_infinity": case.get("zero_infinity", False),
    }

    def function(logits):
        return (nn.ctc_loss(nn.log_softmax(logits), targets, ends, counts, **settings),)

    def reference(logits):
        whole = [torch.tensor(each) for each in (targets, ends, counts)]
        return (torch.nn.functional.ctc_loss(torch.log_softmax(logits, -1), *whole, **settings),)

    agree_with_gradients(function, reference, [logits])
