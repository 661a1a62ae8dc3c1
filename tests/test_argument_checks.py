"""Numbers, words and truth values are checked where users pass them, with a message that says both sides."""

import re
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
import pytest

import compiler
from compiler import nn, optim, random
from compiler.argument_checks import checked

KEY = random.key(0)
X = np.ones((2, 4))


@checked
def example(
    x: Any = None,
    size: int = 1,
    rate: float | None = None,
    word: Literal["a", "b", "c"] = "a",
    flag: bool = True,
    pair: tuple[float, float] = (0.0, 1.0),
    shape: int | Sequence[int] = 1,
    function: Callable[[Any], Any] | None = None,
) -> Any:
    return x, size, rate, word, flag, pair, shape, function


@pytest.mark.parametrize(
    "arguments",
    [
        {"x": "anything", "function": "anything"},
        {"size": np.int64(2), "rate": np.float32(0.5), "flag": np.bool(False)},
        {"size": np.array(2), "rate": 1, "word": "c", "pair": [1, np.float64(2.0)]},
        {"rate": np.array(0.5), "shape": [1, np.int64(2)]},
        {"rate": compiler.Tensor(0.5), "shape": ()},
    ],
    ids=range(5),
)
def test_arguments_that_are_as_annotated_pass(arguments):
    example(**arguments)
    example(*arguments.values()) if list(arguments) == ["x"] else None


@pytest.mark.parametrize(
    ("argument", "value", "message"),
    [
        ("size", 1.0, "size is 1.0; use an integer"),
        ("size", True, "size is True; use an integer"),
        ("size", np.array(1.5), "size is array(1.5); use an integer"),
        ("size", np.array([1]), "size is array([1]); use an integer"),
        ("rate", "1", "rate is '1'; use a number or None"),
        ("rate", 1j, "rate is 1j; use a number or None"),
        ("rate", np.zeros((40, 40)), "rate is of type ndarray; use a number or None"),
        ("word", "d", "word is 'd'; use 'a', 'b' or 'c'"),
        ("word", np.array([1, 2]), "word is array([1, 2]); use 'a', 'b' or 'c'"),
        ("flag", 1, "flag is 1; use True or False"),
        ("flag", None, "flag is None; use True or False"),
        ("pair", 0.5, "pair is 0.5; use 2 numbers"),
        ("pair", (0.5, 0.5, 0.5), "pair is (0.5, 0.5, 0.5); use 2 numbers"),
        ("shape", (1, 2.0), "shape is (1, 2.0); use an integer or a sequence of integers"),
    ],
)
def test_arguments_that_are_not_as_annotated_are_errors(argument, value, message):
    with pytest.raises(compiler.ArgumentError, match=re.escape(f"example: {message}\n")) as caught:
        example(**{argument: value})
    assert "test_argument_checks.py" in str(caught.value)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: nn.elu(X, None), "elu: alpha is None; use a number"),
        (lambda: nn.layer_norm(X, 4, eps="small"), "layer_norm: eps is 'small'; use a number"),
        (lambda: nn.max_pool1d(X, 2, ceil_mode=None), "max_pool1d: ceil_mode is None; use True or False"),
        (lambda: nn.init.batch_norm(2.5), "batch_norm: num_features is 2.5; use an integer"),
        (lambda: nn.init.linear(KEY, "3", 2), "linear: in_features is '3'; use an integer"),
        (lambda: nn.init.embedding(KEY, 3, 2, padding_idx=3), "embedding: padding_idx is 3, expected the index"),
        (lambda: nn.init.trunc_normal(KEY, (2,), std=0.0), "trunc_normal: std is 0.0; use a positive number"),
        (
            lambda: nn.multi_head_attention(X, X, X, 2, np.ones((12, 4)), out_proj={}),
            "multi_head_attention: parameters are",
        ),
        (
            lambda: nn.triplet_margin_with_distance_loss(X, X, X, distance_function=2),
            "triplet_margin_with_distance_loss: distance_function: expected a function, got int",
        ),
        (lambda: optim.adam("fast"), "adam: learning_rate is a str; use a number, a scalar array or a schedule"),
        (lambda: optim.adam(0.1, betas=0.9), "adam: betas is 0.9; use 2 numbers"),
        (lambda: optim.schedules.constant("fast"), "constant: value is 'fast'; use a number"),
        (lambda: optim.schedules.join([0.1, 0.2], [3]), "join: schedules: expected a function, got float"),
        (lambda: optim.clip_grad_norm(X, -1.0), "clip_grad_norm: max_norm is -1.0; expected a number of at least 0"),
        (lambda: optim.clip_grad_value(X, "1"), "clip_grad_value: clip_value is '1'; expected a number"),
    ],
    ids=range(15),
)
def test_settings_of_public_functions_are_checked(call, message):
    with pytest.raises(compiler.ArgumentError, match=re.escape(message)):
        call()


def test_sizes_of_layers_may_be_numbers_of_numpy():
    assert nn.init.batch_norm(np.int64(3))["weight"].shape == (3,)
    assert nn.init.conv(KEY, 2, 4, np.int64(3))["weight"].shape == (4, 2, 3, 3)
    assert nn.layer_norm(X, np.int64(4)).shape == (2, 4)
    assert nn.alibi_bias(np.int64(2), np.int64(3)).shape == (2, 1, 3)
    biases = nn.init.multi_head_attention(KEY, 4, 2, add_bias_kv=True, dtype="float64")
    assert biases["bias_k"].dtype == np.float64


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: nn.init.ones((2,), "foo"), "ones: 'foo' is not a dtype"),
        (lambda: nn.alibi_slopes(2, "foo"), "alibi_slopes: 'foo' is not a dtype"),
        (lambda: nn.sinusoidal_positions(np.arange(2), 2, dtype="foo"), "sinusoidal_positions: 'foo' is not a dtype"),
        (
            lambda: nn.ctc_loss(np.zeros((3, 1, 2)), np.ones((1, 2), int), None, [1]),
            "ctc_loss: input_lengths have dtype object, expected integers",
        ),
        (
            lambda: nn.ctc_loss(np.zeros((3, 1, 2)), np.ones((1, 2), int), [3], "a"),
            "ctc_loss: target_lengths have dtype <U1, expected integers",
        ),
    ],
    ids=range(5),
)
def test_what_is_no_dtype_or_has_none_is_an_error(call, message):
    with pytest.raises(compiler.DtypeError, match=re.escape(message)):
        call()


def test_gradients_that_are_no_floats_are_not_clipped_to_zero():
    for call in (lambda g: optim.clip_grad_norm(g, 1.0), lambda g: optim.clip_grad_value(g, 1.0), optim.global_norm):
        with pytest.raises(compiler.DtypeError, match=re.escape("['w'] is int64, expected a float")):
            call({"w": np.arange(3)})


def test_the_state_of_other_parameters_is_an_error():
    optimiser = optim.adam(0.1)
    params = {"w": np.zeros(3)}
    with pytest.raises(compiler.ShapeError, match=re.escape("adam: the state of ['w'] has shape (4,), expected (3,)")):
        optimiser.update(params, optimiser.init({"w": np.zeros(4)}), params)


@pytest.mark.parametrize("padding", [None, "foo", -1, (1, 2), ((1, 2), (None, None)), ((1, 2),)], ids=range(6))
def test_padding_of_windows_that_is_no_list_of_pairs_is_an_error(padding):
    with pytest.raises(
        compiler.ShapeError, match=r"reduce_window: padding is .*, expected 'VALID', 'SAME' or a pair per"
    ):
        nn.reduce_window(X, "max", (2, 2), padding=padding)
