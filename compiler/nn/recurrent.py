"""Recurrent nets over whole sequences: several layers, one direction or both, sequences of different lengths.

The parameters are one dict under the names of PyTorch's `state_dict`, from which the number of layers, the directions and whether
there are biases and projections follow. `compiler.nn.init.lstm` and its like make them.
"""

from collections.abc import Mapping
from typing import Any, Literal, cast

import numpy as np

from compiler.compiled_functions import compiled
from compiler.errors import ArgumentError, DtypeError, ShapeError, at_user_line
from compiler.loops import scan
from compiler.nn.dropout import dropped, drops
from compiler.nn.operands import floating_tracer
from compiler.nn.recurrent_cells import (
    GRU,
    LSTM,
    RNN_RELU,
    RNN_TANH,
    Cell,
    State,
    Weights,
    check_parameter,
    check_weights,
)
from compiler.operands import as_tracer
from compiler.pytrees import sequence_of
from compiler.random import fold_in
from compiler.tracer import Tracer, xp

SETTINGS = ("batch_first", "dropout", "training")


@compiled(("nonlinearity", *SETTINGS))
def rnn(
    input: Any,  # noqa: A002
    params: Mapping[str, Any],
    hx: Any = None,
    *,
    nonlinearity: Literal["tanh", "relu"] = "tanh",
    batch_first: bool = False,
    dropout: float = 0.0,
    training: bool = True,
    rng_key: Any = None,
    lengths: Any = None,
) -> tuple[Any, Any]:
    """A recurrent net of cells `rnn_tanh_cell` or `rnn_relu_cell`; all else is as in `lstm`, but the state is one array.

    Args:
        input: see `lstm`.
        params: see `lstm`; `hidden_size` rows in place of `4 * hidden_size`.
        hx: the first state, shape `[layers * directions, batch, hidden_size]`, or `None` for zeros.
        nonlinearity: `"tanh"` or `"relu"`.
        batch_first: see `lstm`.
        dropout: see `lstm`.
        training: see `lstm`.
        rng_key: see `lstm`.
        lengths: see `lstm`.

    Returns:
        The output and the last state.

    Raises:
        ArgumentError: `nonlinearity` is neither of the two, and as `lstm` says.

    Example:
        >>> params = {"weight_ih_l0": np.ones((1, 1)), "weight_hh_l0": np.ones((1, 1))}
        >>> rnn(np.ones((3, 1)), params, nonlinearity="relu")
        (array([[1.],
               [2.],
               [3.]]), array([[3.]]))
    """
    if nonlinearity not in {"tanh", "relu"}:
        raise ArgumentError(at_user_line(f"rnn: nonlinearity is {nonlinearity!r}; use 'tanh' or 'relu'"))
    cell = RNN_TANH if nonlinearity == "tanh" else RNN_RELU
    hx = None if hx is None else (hx,)
    output, (h,) = _recurrent("rnn", cell, input, params, hx, batch_first, dropout, training, rng_key, lengths)
    return output, h


@compiled(SETTINGS)
def lstm(
    input: Any,  # noqa: A002
    params: Mapping[str, Any],
    hx: Any = None,
    *,
    batch_first: bool = False,
    dropout: float = 0.0,
    training: bool = True,
    rng_key: Any = None,
    lengths: Any = None,
) -> tuple[Any, tuple[Any, Any]]:
    """Long short-term memory (see `lstm_cell`) over sequences: what `torch.nn.LSTM` computes.

    Args:
        input: shape `[steps, batch, input_size]`, or `[steps, input_size]` for one sequence; float32 or float64.
        params: for each layer `k` from 0 `weight_ih_l{k}` of shape `[4 * hidden_size, size of the layer's input]` and
            `weight_hh_l{k}` `[4 * hidden_size, output_size]`; `bias_ih_l{k}` and `bias_hh_l{k}` `[4 * hidden_size]` for all
            layers or none; `weight_hr_l{k}` `[output_size, hidden_size]` for all or none, which projects the hidden state
            (Sak et al., arXiv 1402.1128; without it the sizes are equal). If the same names with `_reverse` are there too,
            a second net reads every sequence backwards, and each layer's output is both nets' side by side.
        hx: the first states: `h` of shape `[layers * directions, batch, output_size]` and `c` with `hidden_size`, or `None`
            for zeros; without `batch` for one sequence. A layer's forward direction comes before its reverse.
        batch_first: whether input and output are `[batch, steps, …]`; the states are not.
        dropout: the probability that an element of the output of a layer but the last is dropped, the others growing by
            `1 / (1 - dropout)`.
        training: whether anything is dropped.
        rng_key: a key of `compiler.random`, needed if something is dropped.
        lengths: how many steps of each sequence are valid, integers of shape `[batch]` in any order (`[]` for one
            sequence); all if `None`. The rest has no influence: outputs there are zero, the last state is that after the
            last valid step, and the reverse direction starts there. PyTorch says this with packed sequences.

    Returns:
        The output, `[steps, batch, directions * output_size]`, and the pair of the last states, shaped as `hx`.

    Raises:
        ArgumentError: names in `params` are missing or unknown, `hx` is not a pair, `dropout` is not in `[0, 1]`, or a key is
            needed.
        ShapeError: the shapes do not fit.
        DtypeError: the dtypes differ, or are not floating point, or `lengths` are not integers.

    Example:
        >>> params = {"weight_ih_l0": np.ones((4, 1)), "weight_hh_l0": np.ones((4, 1))}
        >>> output, (h, c) = lstm(np.ones((3, 1)), params)
        >>> output.round(3).ravel(), h.round(3), c.round(3)
        (array([0.37 , 0.651, 0.789]), array([[0.789]]), array([[1.739]]))
    """
    if hx is not None:
        pair = sequence_of(hx)
        if pair is None or len(pair) != 2:
            raise ArgumentError(at_user_line("lstm: hx is no pair of arrays; pass (h, c)"))
        hx = tuple(pair)
    output, (h, c) = _recurrent("lstm", LSTM, input, params, hx, batch_first, dropout, training, rng_key, lengths)
    return output, (h, c)


@compiled(SETTINGS)
def gru(
    input: Any,  # noqa: A002
    params: Mapping[str, Any],
    hx: Any = None,
    *,
    batch_first: bool = False,
    dropout: float = 0.0,
    training: bool = True,
    rng_key: Any = None,
    lengths: Any = None,
) -> tuple[Any, Any]:
    """Gated recurrent units (see `gru_cell`) over sequences; all else is as in `lstm`, but the state is one array.

    Args:
        input: see `lstm`.
        params: see `lstm`; `3 * hidden_size` rows in place of `4 * hidden_size`.
        hx: the first state, shape `[layers * directions, batch, hidden_size]`, or `None` for zeros.
        batch_first: see `lstm`.
        dropout: see `lstm`.
        training: see `lstm`.
        rng_key: see `lstm`.
        lengths: see `lstm`.

    Returns:
        The output and the last state.

    Raises:
        ArgumentError: as `lstm` says.

    Example:
        >>> params = {"weight_ih_l0": np.ones((3, 1)), "weight_hh_l0": np.zeros((3, 1))}
        >>> output, h = gru(np.ones((2, 1)), params)
        >>> output.round(3).ravel(), h.round(3)
        (array([0.205, 0.355]), array([[0.355]]))
    """
    hx = None if hx is None else (hx,)
    output, (h,) = _recurrent("gru", GRU, input, params, hx, batch_first, dropout, training, rng_key, lengths)
    return output, h


def _recurrent(
    name: str,
    cell: Cell,
    x: Any,
    params: Mapping[str, Any],
    hx: tuple[Any, ...] | None,
    batch_first: bool,
    dropout: float,
    training: bool,
    rng_key: Any,
    lengths: Any,
) -> tuple[Tracer, State]:
    """The output and the last states, each stacked over layers and directions."""
    x = floating_tracer(x, name)
    if x.ndim not in {2, 3}:
        raise ShapeError(
            at_user_line(
                f"{name}: input has shape {x.shape}, expected [steps, input_size], or [steps, batch, input_size] with the "
                "first two exchanged by batch_first"
            )
        )
    is_batch = x.ndim == 3
    if not is_batch:
        x = x[:, np.newaxis]
    elif batch_first:
        x = xp.swapaxes(x, 0, 1)
    layers = _layers(name, cell, params, x)
    valid = None if lengths is None else _valid_steps(name, lengths, x, is_batch=is_batch)
    state = iter(_first_states(name, cell, layers, hx, x, is_batch=is_batch))
    drops_between = drops(name, dropout, training and len(layers) > 1, rng_key, "dropout")
    last: list[State] = []
    for number, directions in enumerate(layers):
        if number and drops_between:
            x = dropped(name, x, x.shape, dropout, training, fold_in(rng_key, number))
        outputs: list[Tracer] = []
        for weights, is_reverse in zip(directions, (False, True), strict=False):
            end, output = _run(cell, x, next(state), weights, valid, is_reverse=is_reverse)
            last.append(tuple(each.T for each in end))
            outputs.append(xp.swapaxes(output, 1, 2))
        x = outputs[0] if len(outputs) == 1 else xp.concatenate(outputs, axis=-1)
    states = tuple(xp.stack(each) for each in zip(*last, strict=True))
    if not is_batch:
        return x[:, 0], tuple(each[:, 0] for each in states)
    return xp.swapaxes(x, 0, 1) if batch_first else x, states


def _run(
    cell: Cell, x: Tracer, first: State, weights: Weights, valid: Tracer | None, *, is_reverse: bool
) -> tuple[State, Tracer]:
    """One direction of one layer: the last state and the outputs.

    The inputs of all steps are projected in one product. A step that is not valid keeps the state, so that a reverse
    direction begins with the last one that is.
    """

    def step(state: State, slices: tuple[Tracer, Tracer | None]) -> tuple[State, Tracer]:
        projected, is_valid = slices
        after = cell.advance(projected, state, weights)
        if is_valid is None:
            return after, after[0]
        kept = tuple(xp.where(is_valid, new, old) for new, old in zip(after, state, strict=True))
        return kept, xp.where(is_valid, after[0], xp.zeros_like(after[0]))

    weights = cell.prepare(weights, x.shape[1])
    return scan(step, first, (cell.project(x, weights), valid), reverse=is_reverse)


PARAMETERS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr")


def _layers(name: str, cell: Cell, params: Mapping[str, Any], x: Tracer) -> list[list[Weights]]:
    """The parameters of each layer and direction."""
    if not isinstance(params, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ArgumentError(
            at_user_line(f"{name}: params is a {type(params).__name__}, expected a dict; {_make(name)}")
        )
    count = max(1, sum(f"weight_ih_l{layer}" in params for layer in range(len(params))))
    suffixes = ("", "_reverse") if any(str(key).endswith("_reverse") for key in params) else ("",)
    with_bias = any(str(key).startswith("bias") for key in params)
    with_projection = cell is LSTM and any(str(key).startswith("weight_hr") for key in params)
    stems = [*PARAMETERS[:2], *(PARAMETERS[2:4] if with_bias else ()), *(PARAMETERS[4:] if with_projection else ())]
    expected = {f"{stem}_l{layer}{suffix}" for stem in stems for layer in range(count) for suffix in suffixes}
    missing, unknown = sorted(expected - set(params)), sorted(map(str, set(params) - expected))
    if missing or unknown:
        wrong = [f"{what} {', '.join(keys)}" for what, keys in (("lack", missing), ("have unknown", unknown)) if keys]
        raise ArgumentError(at_user_line(f"{name}: params {' and '.join(wrong)}; {_make(name)}"))
    layers: list[list[Weights]] = []
    input_size = x.shape[-1]
    for layer in range(count):
        directions: list[Weights] = []
        for suffix in suffixes:
            labels = tuple(f"{stem}_l{layer}{suffix}" for stem in PARAMETERS)
            weights = Weights(*cast(Any, (as_tracer(params[key]) if key in params else None for key in labels)))
            check_weights(name, cell, weights, labels, input_size, x.dtype)
            directions.append(weights)
        layers.append(directions)
        input_size = len(suffixes) * directions[0].w_hh.shape[1]
    sizes = {weights.w_hh.shape for directions in layers for weights in directions}
    if len(sizes) > 1:
        raise ShapeError(at_user_line(f"{name}: weight_hh has shapes {sorted(sizes)}, expected the same everywhere"))
    return layers


def _make(name: str) -> str:
    return f"make them with nn.init.{name}"


def _first_states(
    name: str, cell: Cell, layers: list[list[Weights]], hx: tuple[Any, ...] | None, x: Tracer, *, is_batch: bool
) -> list[State]:
    """The first state of each layer and direction."""
    weights = layers[0][0]
    count, batch = sum(map(len, layers)), x.shape[1]
    sizes = (weights.w_hh.shape[1], weights.w_hh.shape[0] // cell.gates)[: cell.states]
    if hx is None:
        zero = as_tracer(np.zeros((), x.dtype))
        zeros = tuple(xp.broadcast_to(zero, (size, batch)) for size in sizes)
        return [zeros] * count
    given = tuple(map(as_tracer, hx))
    for label, each, size in zip(("hx",) if len(given) == 1 else ("h", "c"), given, sizes, strict=True):
        check_parameter(name, label, each, (count, batch, size) if is_batch else (count, size), x.dtype)
    return [
        tuple(each[place].T if is_batch else each[place, :, np.newaxis] for each in given) for place in range(count)
    ]


def _valid_steps(name: str, lengths: Any, x: Tracer, *, is_batch: bool) -> Tracer:
    """Which steps of which sequences are valid: `[steps, 1, batch]`."""
    ends = as_tracer(lengths)
    expected = x.shape[1:2] if is_batch else ()
    if ends.shape != expected:
        raise ShapeError(at_user_line(f"{name}: lengths has shape {ends.shape}, expected {expected}, one per sequence"))
    if ends.dtype.kind not in "iu":
        raise DtypeError(at_user_line(f"{name}: lengths has dtype {ends.dtype}, expected integers"))
    return (np.arange(x.shape[0])[:, np.newaxis] < ends.astype(np.int64).reshape(-1))[:, np.newaxis]
