"""Cells of recurrent nets: one step from an input and a state to the next state.

Names, argument order and the order of gates are PyTorch's (`torch.lstm_cell`, `torch.gru_cell`, `torch.rnn_tanh_cell`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from compiler.compiled_functions import compiled
from compiler.errors import ArgumentError, DtypeError, ShapeError, at_user_line
from compiler.nn.activations import relu, sigmoid
from compiler.nn.operands import floating_tracer
from compiler.operands import as_tracer
from compiler.pytrees import sequence_of
from compiler.tracer import Tracer, xp

State = tuple[Tracer, ...]
"""The hidden state, which is the output, and for an LSTM the cell state."""


class Weights(NamedTuple):
    """The parameters of a cell; `w_hr` projects the hidden state of an LSTM."""

    w_ih: Tracer
    w_hh: Tracer
    b_ih: Tracer | None
    b_hh: Tracer | None
    w_hr: Tracer | None = None


@dataclass(frozen=True)
class Cell:
    """A kind of cell.

    Attributes:
        gates: how many times the hidden size the rows of its weights are.
        states: how many arrays its state is.
        advance: the next state, from the projected input, the state and the parameters; all are columns, `[size, batch]`, so that
            the rows of a gate are contiguous and one loop, and because BLAS multiplies a large matrix by few columns faster than
            few rows by its transpose.
        inner_biases: how many gates use `b_hh` within `advance`, the last ones; in the others it is added to the input.
    """

    gates: int
    states: int
    advance: Callable[[Tracer, State, Weights], State]
    inner_biases: int = 0

    def prepare(self, weights: Weights, batch: int) -> Weights:
        """Equivalent parameters whose `b_ih` has all of `b_hh` that it can take, the rest of which is in columns."""
        given = [each for each in (weights.b_ih, weights.b_hh) if each is not None]
        if not given:
            return weights
        b_ih, b_hh = (xp.zeros_like(given[0]) if each is None else each for each in (weights.b_ih, weights.b_hh))
        rows = b_ih.shape[0]
        inner = self.inner_biases * rows // self.gates
        if not inner:
            return weights._replace(b_ih=b_ih + b_hh, b_hh=None)
        outer = xp.where(np.arange(rows) < rows - inner, b_hh, xp.zeros_like(b_hh))
        columns = xp.broadcast_to(b_hh[rows - inner :, np.newaxis], (inner, batch))
        return weights._replace(b_ih=b_ih + outer, b_hh=columns)

    def project(self, x: Tracer, weights: Weights) -> Tracer:
        """What depends on the input alone, in columns, for any number of steps `[…, batch, input_size]` in one product."""
        product = x @ weights.w_ih.T
        return xp.swapaxes(product if weights.b_ih is None else product + weights.b_ih, -1, -2)


def _gates(rows: Tracer, count: int) -> Tracer:
    """The rows of each gate; `[gates, hidden_size, batch]` rather than slices, so that the last two dimensions are one loop."""
    return rows.reshape(count, rows.shape[0] // count, rows.shape[1])


def _advance_rnn(activation: Callable[[Tracer], Tracer]) -> Callable[[Tracer, State, Weights], State]:
    def advance(projected: Tracer, state: State, weights: Weights) -> State:
        return (activation(projected + weights.w_hh @ state[0]),)

    return advance


def _advance_lstm(projected: Tracer, state: State, weights: Weights) -> State:
    h, c = state
    i, f, g, o = _gates(projected, 4) + _gates(weights.w_hh @ h, 4)
    c = sigmoid(f) * c + sigmoid(i) * xp.tanh(g)
    h = sigmoid(o) * xp.tanh(c)
    return (h if weights.w_hr is None else weights.w_hr @ h), c


def _advance_gru(projected: Tracer, state: State, weights: Weights) -> State:
    (h,) = state
    (r, z, n), (hidden_r, hidden_z, hidden_n) = _gates(projected, 3), _gates(weights.w_hh @ h, 3)
    if weights.b_hh is not None:
        hidden_n = hidden_n + weights.b_hh
    n = xp.tanh(n + sigmoid(r + hidden_r) * hidden_n)
    return (n + sigmoid(z + hidden_z) * (h - n),)


RNN_TANH = Cell(1, 1, _advance_rnn(xp.tanh))
RNN_RELU = Cell(1, 1, _advance_rnn(relu))
LSTM = Cell(4, 2, _advance_lstm)
GRU = Cell(3, 1, _advance_gru, inner_biases=1)


@compiled()
def rnn_tanh_cell(input: Any, hx: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None) -> Any:  # noqa: A002
    """`tanh(w_ih input + b_ih + w_hh hx + b_hh)` (Elman, "Finding structure in time", 1990).

    Args:
        input: shape `[batch, input_size]` or `[input_size]`, float32 or float64.
        hx: the hidden state, shape `[batch, hidden_size]` or `[hidden_size]`.
        w_ih: shape `[hidden_size, input_size]`.
        w_hh: shape `[hidden_size, hidden_size]`.
        b_ih: shape `[hidden_size]`, or `None` for zeros.
        b_hh: shape `[hidden_size]`, or `None` for zeros.

    Returns:
        The next hidden state.

    Raises:
        ShapeError: the shapes do not fit.
        DtypeError: the dtypes differ, or are not floating point.

    Example:
        >>> rnn_tanh_cell(np.array([1.0]), np.array([0.5]), np.array([[1.0]]), np.array([[2.0]])).round(4)
        array([0.964])
    """
    return _cell("rnn_tanh_cell", RNN_TANH, input, (hx,), w_ih, w_hh, b_ih, b_hh)[0]


@compiled()
def rnn_relu_cell(input: Any, hx: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None) -> Any:  # noqa: A002
    """`relu(w_ih input + b_ih + w_hh hx + b_hh)`; arguments, result and errors as `rnn_tanh_cell`.

    Example:
        >>> rnn_relu_cell(np.array([1.0]), np.array([0.5]), np.array([[1.0]]), np.array([[2.0]]))
        array([2.])
    """
    return _cell("rnn_relu_cell", RNN_RELU, input, (hx,), w_ih, w_hh, b_ih, b_hh)[0]


@compiled()
def lstm_cell(input: Any, hx: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None) -> Any:  # noqa: A002
    """One step of a long short-term memory (Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000).

    The rows of the weights are those of the gates i, f, g, o, one after the other. With
    `i, f, g, o = w_ih input + b_ih + w_hh h + b_hh` the next state is `c' = sigmoid(f) c + sigmoid(i) tanh(g)` and
    `h' = sigmoid(o) tanh(c')`.

    Args:
        input: shape `[batch, input_size]` or `[input_size]`, float32 or float64.
        hx: the pair `(h, c)`, each of shape `[batch, hidden_size]` or `[hidden_size]`.
        w_ih: shape `[4 * hidden_size, input_size]`.
        w_hh: shape `[4 * hidden_size, hidden_size]`.
        b_ih: shape `[4 * hidden_size]`, or `None` for zeros.
        b_hh: shape `[4 * hidden_size]`, or `None` for zeros.

    Returns:
        The pair `(h', c')`.

    Raises:
        ArgumentError: `hx` is not a pair.
        ShapeError: the shapes do not fit.
        DtypeError: the dtypes differ, or are not floating point.

    Example:
        >>> h, c = lstm_cell(np.ones(1), (np.zeros(1), np.ones(1)), np.zeros((4, 1)), np.zeros((4, 1)))
        >>> h.round(4), c
        (array([0.2311]), array([0.5]))
    """
    pair = sequence_of(hx)
    if pair is None or len(pair) != 2:
        raise ArgumentError(at_user_line("lstm_cell: hx is no pair of arrays; pass (h, c)"))
    return _cell("lstm_cell", LSTM, input, tuple(pair), w_ih, w_hh, b_ih, b_hh)


@compiled()
def gru_cell(input: Any, hx: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None) -> Any:  # noqa: A002
    """One step of a gated recurrent unit (Cho et al., arXiv 1406.1078), with the reset gate behind the product.

    The rows of the weights are those of the gates r, z, n. With `r, z, n = w_ih input + b_ih` and `r', z', n' = w_hh hx + b_hh`
    it is `m = tanh(n + sigmoid(r + r') n')`, and the next state `(1 - s) m + s hx` with `s = sigmoid(z + z')`.

    Args:
        input: shape `[batch, input_size]` or `[input_size]`, float32 or float64.
        hx: the hidden state, shape `[batch, hidden_size]` or `[hidden_size]`.
        w_ih: shape `[3 * hidden_size, input_size]`.
        w_hh: shape `[3 * hidden_size, hidden_size]`.
        b_ih: shape `[3 * hidden_size]`, or `None` for zeros.
        b_hh: shape `[3 * hidden_size]`, or `None` for zeros.

    Returns:
        The next hidden state.

    Raises:
        ShapeError: the shapes do not fit.
        DtypeError: the dtypes differ, or are not floating point.

    Example:
        >>> gru_cell(np.ones(1), np.ones(1), np.ones((3, 1)), np.zeros((3, 1))).round(4)
        array([0.9359])
    """
    return _cell("gru_cell", GRU, input, (hx,), w_ih, w_hh, b_ih, b_hh)[0]


def _cell(name: str, cell: Cell, x: Any, hx: tuple[Any, ...], w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any) -> State:
    """One step, checked."""
    step = floating_tracer(x, name)
    if step.ndim not in {1, 2}:
        raise ShapeError(
            at_user_line(f"{name}: input has shape {step.shape}, expected [input_size] or [batch, input_size]")
        )
    biases = (None if each is None else as_tracer(each) for each in (b_ih, b_hh))
    weights = Weights(as_tracer(w_ih), as_tracer(w_hh), *biases)
    hidden = check_weights(name, cell, weights, ("w_ih", "w_hh", "b_ih", "b_hh"), step.shape[-1], step.dtype)
    state = tuple(map(as_tracer, hx))
    for label, each in zip(("hx",) if len(state) == 1 else ("h", "c"), state, strict=True):
        check_parameter(name, label, each, (*step.shape[:-1], hidden), step.dtype)
    rows = step if step.ndim == 2 else step[np.newaxis]
    columns = tuple(each.T if each.ndim == 2 else each[:, np.newaxis] for each in state)
    weights = cell.prepare(weights, rows.shape[0])
    after = cell.advance(cell.project(rows, weights), columns, weights)
    return tuple(each.T if step.ndim == 2 else each[:, 0] for each in after)


def check_weights(
    name: str, cell: Cell, weights: Weights, labels: tuple[str, ...], input_size: int, dtype: np.dtype[Any]
) -> int:
    """Raise unless the parameters, called `labels`, fit each other and the input; return the hidden size."""
    rows = weights.w_hh.shape[0] if weights.w_hh.ndim == 2 else 0
    if weights.w_hh.ndim != 2 or rows % cell.gates:
        raise ShapeError(
            at_user_line(
                f"{name}: {labels[1]} has shape {weights.w_hh.shape}, expected {cell.gates} * hidden_size rows, one block "
                "for each gate"
            )
        )
    hidden = rows // cell.gates
    output = hidden if weights.w_hr is None else weights.w_hr.shape[0]
    shapes = (rows, input_size), (rows, output), (rows,), (rows,), (output, hidden)
    for label, weight, shape in zip(labels, weights, shapes, strict=False):
        if weight is not None:
            check_parameter(name, label, weight, shape, dtype)
    return hidden


def check_parameter(name: str, label: str, x: Tracer, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    """Raise unless `x`, called `label`, has this shape and the dtype of the input."""
    if x.shape != shape:
        raise ShapeError(at_user_line(f"{name}: {label} has shape {x.shape}, expected {shape}"))
    if x.dtype != dtype:
        raise DtypeError(
            at_user_line(f"{name}: {label} has dtype {x.dtype}, expected {dtype} as the input; convert it with astype")
        )
