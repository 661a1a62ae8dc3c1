"""Parameters of recurrent nets."""

import math
from typing import Any

import numpy as np

from compiler.argument_checks import checked
from compiler.errors import ArgumentError, at_user_line
from compiler.random import split, uniform


@checked
def rnn(
    key: Any,
    input_size: int,
    hidden_size: int,
    num_layers: int = 1,
    bias: bool = True,
    bidirectional: bool = False,
    dtype: Any = np.float32,
) -> dict[str, Any]:
    """Parameters of `compiler.nn.rnn`, uniform in ±1/sqrt(hidden_size) as PyTorch's; see `lstm`.

    Example:
        >>> from compiler import random
        >>> {name: weight.shape for name, weight in rnn(random.key(0), 3, 5, bias=False).items()}
        {'weight_ih_l0': (5, 3), 'weight_hh_l0': (5, 5)}
    """
    return _parameters("rnn", key, 1, input_size, hidden_size, num_layers, bias, bidirectional, 0, dtype)


@checked
def lstm(
    key: Any,
    input_size: int,
    hidden_size: int,
    num_layers: int = 1,
    bias: bool = True,
    bidirectional: bool = False,
    proj_size: int = 0,
    dtype: Any = np.float32,
) -> dict[str, Any]:
    """Parameters of `compiler.nn.lstm`, uniform in ±1/sqrt(hidden_size) as PyTorch's, under the names of its `state_dict`.

    Args:
        key: a key of `compiler.random`.
        input_size: the size of each step's input.
        hidden_size: the size of the state.
        num_layers: how many layers, each of which reads the output of the one before.
        bias: whether there are biases.
        bidirectional: whether a second net reads the sequence backwards.
        proj_size: the size that the hidden state is projected to; 0 for no projection.
        dtype: float32 or float64.

    Raises:
        ArgumentError: a size is negative, there is no layer, or `proj_size` is not below `hidden_size`.

    Example:
        >>> from compiler import random
        >>> {name: weight.shape for name, weight in lstm(random.key(0), 3, 5, bias=False, proj_size=2).items()}
        {'weight_ih_l0': (20, 3), 'weight_hh_l0': (20, 2), 'weight_hr_l0': (2, 5)}
    """
    return _parameters("lstm", key, 4, input_size, hidden_size, num_layers, bias, bidirectional, proj_size, dtype)


@checked
def gru(
    key: Any,
    input_size: int,
    hidden_size: int,
    num_layers: int = 1,
    bias: bool = True,
    bidirectional: bool = False,
    dtype: Any = np.float32,
) -> dict[str, Any]:
    """Parameters of `compiler.nn.gru`, uniform in ±1/sqrt(hidden_size) as PyTorch's; see `lstm`.

    Example:
        >>> from compiler import random
        >>> {name: weight.shape for name, weight in gru(random.key(0), 3, 5, bias=False).items()}
        {'weight_ih_l0': (15, 3), 'weight_hh_l0': (15, 5)}
    """
    return _parameters("gru", key, 3, input_size, hidden_size, num_layers, bias, bidirectional, 0, dtype)


def _parameters(
    name: str,
    key: Any,
    gates: int,
    input_size: int,
    hidden_size: int,
    num_layers: int,
    bias: bool,
    bidirectional: bool,
    proj_size: int,
    dtype: Any,
) -> dict[str, Any]:
    sizes = {"input_size": (input_size, 0), "hidden_size": (hidden_size, 1), "num_layers": (num_layers, 1)}
    for what, (value, least) in sizes.items():
        if value < least:
            raise ArgumentError(at_user_line(f"{name}: {what} is {value}, expected at least {least}"))
    if not 0 <= proj_size < hidden_size:
        raise ArgumentError(
            at_user_line(
                f"{name}: proj_size is {proj_size}, expected less than hidden_size = {hidden_size}, or 0 for none"
            )
        )
    rows, output_size = gates * hidden_size, proj_size or hidden_size
    suffixes = ("", "_reverse") if bidirectional else ("",)
    shapes: dict[str, tuple[int, ...]] = {}
    for layer in range(num_layers):
        layer_input = len(suffixes) * output_size if layer else input_size
        for suffix in suffixes:
            place = f"l{layer}{suffix}"
            shapes[f"weight_ih_{place}"] = rows, layer_input
            shapes[f"weight_hh_{place}"] = rows, output_size
            if bias:
                shapes[f"bias_ih_{place}"] = shapes[f"bias_hh_{place}"] = (rows,)
            if proj_size:
                shapes[f"weight_hr_{place}"] = proj_size, hidden_size
    bound = 1.0 / math.sqrt(hidden_size)
    keys = split(key, len(shapes))
    return {each: uniform(keys[i], shape, dtype, -bound, bound) for i, (each, shape) in enumerate(shapes.items())}
