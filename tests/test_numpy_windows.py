"""Sliding windows, traced and in NumPy; pooling and its gradients, compiled."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from traced import assert_as_numpy

import compiler
from compiler.errors import ArgumentError, ShapeError

SLIDING: dict[str, Callable[[Any], Any]] = {
    "view": lambda x: (
        np.lib.stride_tricks.sliding_window_view(x, (2, 3)),
        np.lib.stride_tricks.sliding_window_view(x, 3, axis=1),
        np.lib.stride_tricks.sliding_window_view(x[0], 2).max(-1),
    ),
    "convolve": lambda x: [np.convolve(x[0], x[1, :3], mode) for mode in ("full", "same", "valid")],
    "convolve even": lambda x: [np.convolve(x[0, :4], x[1], mode) for mode in ("full", "same", "valid")],
    "correlate": lambda x: [np.correlate(x[0], x[1, :3], mode) for mode in ("full", "same", "valid")],
    "correlate even": lambda x: [np.correlate(x[0, :4], x[1], mode) for mode in ("full", "same", "valid")],
    "correlate more": lambda x: [np.correlate(x[0], x[1, :4], mode) for mode in ("full", "same", "valid")],
}


@pytest.mark.parametrize("dtype", [np.int64, np.float32, np.float64])
@pytest.mark.parametrize("name", SLIDING)
def test_function_is_as_in_numpy(name: str, dtype: Any) -> None:
    x = np.random.default_rng(0).integers(-4, 5, (3, 7)).astype(dtype)
    assert_as_numpy(SLIDING[name], x, ulps=16)


def test_long_filters_are_as_in_numpy() -> None:
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=100), rng.normal(size=40)
    np.testing.assert_allclose(compiler.jit(np.convolve)(x, w), np.convolve(x, w), rtol=1e-12, atol=1e-13)


def pooled(x: Any, size: int, stride: int, reduce: Any) -> Any:
    windows = np.lib.stride_tricks.sliding_window_view(x, (size, size), (2, 3))[:, :, ::stride, ::stride]
    return reduce(windows, axis=(4, 5))


@pytest.mark.parametrize(("computation", "reduce"), [("max", np.max), ("min", np.min), ("sum", np.sum)])
def test_pooling_is_the_reduction_of_each_window(computation: Any, reduce: Any) -> None:
    x = np.random.default_rng(0).normal(size=(2, 3, 9, 11))
    actual = compiler.nn.reduce_window(x, computation, (1, 1, 3, 3), (1, 1, 2, 2))
    np.testing.assert_allclose(actual, pooled(x, 3, 2, reduce), rtol=1e-13, atol=1e-14)
    same = compiler.nn.reduce_window(x, computation, (1, 1, 3, 3), (1, 1, 2, 2), "SAME")
    neutral = {"max": -np.inf, "min": np.inf, "sum": 0.0}[computation]
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=neutral)
    np.testing.assert_allclose(same, pooled(padded, 3, 2, reduce), rtol=1e-13, atol=1e-14)


def test_dilations_spread_the_elements_and_the_window() -> None:
    x = np.array([1.0, 2.0, 3.0, 4.0])
    spread = compiler.nn.reduce_window(x, "sum", (2,), 1, ((1, 0),), base_dilation=2)
    np.testing.assert_array_equal(spread, [1, 1, 2, 2, 3, 3, 4])
    np.testing.assert_array_equal(compiler.nn.reduce_window(x, "max", (2,), window_dilation=2), [3, 4])


@pytest.mark.parametrize("computation", ["max", "min", "sum"])
def test_gradient_of_pooling_is_that_of_gathered_windows(computation: Any) -> None:
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(2, 2, 7, 8)), rng.normal(size=(2, 2, 3, 3))
    reduce = {"max": np.max, "min": np.min, "sum": np.sum}[computation]

    def ours(x: Any) -> Any:
        return np.sum(w * compiler.nn.reduce_window(x, computation, (1, 1, 3, 3), (1, 1, 2, 2))[..., :3] ** 2)

    def gathered(x: Any) -> Any:
        return np.sum(w * pooled(x, 3, 2, reduce)[..., :3] ** 2)

    expected = compiler.jit(compiler.grad(gathered))(x)
    np.testing.assert_allclose(compiler.jit(compiler.grad(ours))(x), expected, rtol=1e-12, atol=1e-13)
    batched = compiler.jit(compiler.vmap(compiler.grad(lambda x: ours(x[None]))))(x)
    one_by_one = [compiler.jit(compiler.grad(lambda x: ours(x[None])))(row) for row in x]
    np.testing.assert_allclose(batched, one_by_one, rtol=1e-12, atol=1e-13)


def test_the_first_of_equal_elements_of_a_window_gets_the_gradient() -> None:
    grad = compiler.jit(compiler.grad(lambda x: compiler.nn.reduce_window(x, "max", (2, 2), 2).sum()))
    np.testing.assert_array_equal(grad(np.ones((2, 4))), [[1, 0, 1, 0], [0, 0, 0, 0]])


def test_misuse_is_refused() -> None:
    x = np.ones((3, 4))
    with pytest.raises(ArgumentError, match="use 'sum', 'max' or 'min'"):
        compiler.nn.reduce_window(x, "mean", (2, 2))  # pyright: ignore[reportArgumentType]
    with pytest.raises(ShapeError, match=r"window_dimensions is .* for each of the 2 dimensions"):
        compiler.nn.reduce_window(x, "max", (2,))
    with pytest.raises(ShapeError, match="a pair per dimension"):
        compiler.nn.reduce_window(x, "max", (2, 2), padding=((1, 1),))
    with pytest.raises(ShapeError, match="does not fit dimension 1"):
        compiler.jit(lambda x: np.lib.stride_tricks.sliding_window_view(x, 5, 1))(x)
