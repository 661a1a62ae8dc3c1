"""Derivatives of what looks at windows, pads and pairs: the right values, and no scatter or large array behind them."""

from typing import Any

import numpy as np
import pytest

import compiler
from compiler import nn
from dialects import rt
from dialects.dlc.indexing import ScatterOp

IMAGE = np.random.default_rng(0).standard_normal((2, 3, 7, 8))
TIED = np.maximum(IMAGE.round(), 0)


def weights(shape: Any) -> Any:
    return np.cos(np.arange(np.prod(shape))).reshape(shape)


def gradient_of(function: Any, x: Any) -> Any:
    factor = weights(function(x).shape)
    return compiler.jit(compiler.grad(lambda x: np.sum(function(x) * factor)))


def windows_of(n: int, size: int, stride: int, dilation: int, padding: int) -> list[range]:
    count = (n + 2 * padding - (size - 1) * dilation - 1) // stride + 1
    starts = (i * stride - padding for i in range(count))
    return [range(start, start + (size - 1) * dilation + 1, dilation) for start in starts]


def first_extremum_gradient(x: Any, rows: list[range], columns: list[range]) -> Any:
    """The weights of all windows, each added at the first of the largest elements in row-major order."""
    result, factor = np.zeros(x.shape), weights((*x.shape[:2], len(rows), len(columns)))
    for n, c, i, j in np.ndindex(factor.shape):
        places = [(n, c, h, w) for h in rows[i] for w in columns[j] if 0 <= h < x.shape[2] and 0 <= w < x.shape[3]]
        result[max(places, key=lambda place: x[place])] += factor[n, c, i, j]
    return result


@pytest.mark.parametrize(
    ("size", "stride", "padding", "dilation"), [(2, 2, 0, 1), (3, 2, 1, 1), (3, 1, 1, 1), (2, 1, 0, 3), (2, 3, 0, 1)]
)
def test_gradient_of_max_pooling_goes_to_the_first_of_equal_elements(size, stride, padding, dilation):
    found = gradient_of(lambda x: nn.max_pool2d(x, size, stride, padding, dilation), TIED)(TIED)
    places = [windows_of(n, size, stride, dilation, padding) for n in TIED.shape[2:]]
    np.testing.assert_allclose(found, first_extremum_gradient(TIED, *places), rtol=1e-14, atol=1e-15)


def test_gradient_of_adaptive_pooling_goes_to_the_first_of_equal_elements():
    found = gradient_of(lambda x: nn.adaptive_max_pool2d(x, (3, 5)), TIED)(TIED)
    places = [
        [range(i * n // count, -(-(i + 1) * n // count)) for i in range(count)]
        for n, count in zip(TIED.shape[2:], (3, 5), strict=True)
    ]
    np.testing.assert_allclose(found, first_extremum_gradient(TIED, *places), rtol=1e-14, atol=1e-15)
    values, indices = nn.adaptive_max_pool2d(TIED, (3, 5), return_indices=True)
    for n, c, i, j in np.ndindex(values.shape):
        inside = [(h, w) for h in places[0][i] for w in places[1][j]]
        first = max(inside, key=lambda place: TIED[(n, c, *place)])
        assert indices[n, c, i, j] == first[0] * TIED.shape[3] + first[1]


def test_maxima_of_windows_have_second_derivatives_and_batches_of_gradients():
    def loss(x: Any) -> Any:
        return np.sum(nn.max_pool2d(x, 3, 2) ** 3)

    direction = np.random.default_rng(1).standard_normal(IMAGE.shape)
    _, moved = compiler.jvp(compiler.grad(loss), (IMAGE,), (direction,))
    step = 1e-6
    ahead, behind = (compiler.grad(loss)(IMAGE + sign * step * direction) for sign in (1, -1))
    np.testing.assert_allclose(moved, (ahead - behind) / (2 * step), rtol=1e-6, atol=1e-6)
    stacked = np.stack([IMAGE, TIED, -IMAGE])
    each = [compiler.grad(loss)(x) for x in stacked]
    np.testing.assert_allclose(compiler.vmap(compiler.grad(loss))(stacked), each, rtol=1e-14)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: nn.max_pool2d(x, 3, 2, 1),
        lambda x: nn.adaptive_max_pool2d(x, (3, 5)),
        lambda x: nn.unfold(x, 3, padding=1),
        lambda x: nn.fold(x.reshape(2, 12, 14), (3, 8), 2),
        lambda x: nn.pad(x, (2, 1, 1, 0), "reflect"),
        lambda x: nn.pad(x, (2, 1), "circular"),
        lambda x: np.pad(x, ((0, 0), (0, 0), (2, 0), (1, 1)), "edge"),
        lambda x: np.lib.stride_tricks.sliding_window_view(x, (3, 2), (1, 3)),
    ],
    ids=["max_pool", "adaptive", "unfold", "fold", "reflect", "circular", "edge", "sliding_window_view"],
)
def test_gradients_scatter_nothing(function):
    x = np.zeros((2, 3, 7, 8))
    module = gradient_of(function, x).lower(x).module_at("autodiff")
    assert not [op for op in module.walk() if isinstance(op, ScatterOp)]


def test_unfold_and_the_gradient_of_fold_are_one_kernel_each():
    x, columns = np.zeros((2, 3, 7, 8), np.float32), np.zeros((2, 12, 42), np.float32)
    fold = compiler.jit(lambda c, x: compiler.vjp(lambda c: nn.fold(c, (7, 8), 2), c)[1](x))
    for lowered in (compiler.jit(lambda x: nn.unfold(x, 2)).lower(x), fold.lower(columns, x)):
        assert sum(isinstance(op, rt.LaunchOp) for op in lowered.module_at("bufferized").walk()) == 1


@pytest.mark.parametrize("mode", ["edge", "reflect", "symmetric", "wrap"])
@pytest.mark.parametrize("widths", [((1, 2), (3, 0)), ((0, 7), (9, 11)), ((0, 0), (0, 1))], ids=str)
def test_padding_with_elements_is_that_of_numpy_also_beyond_the_size(mode, widths):
    x = np.arange(12.0).reshape(3, 4)
    np.testing.assert_array_equal(compiler.jit(lambda x: np.pad(x, widths, mode))(x), np.pad(x, widths, mode))


def test_pairs_in_blocks_are_all_pairs():
    x = np.random.default_rng(2).standard_normal((300, 5))
    first, second = np.triu_indices(300, 1)
    expected = np.sqrt(((x[first] - x[second]) ** 2).sum(-1))
    np.testing.assert_allclose(nn.pdist(x), expected, rtol=1e-14)


def test_gradient_of_pdist_has_no_array_of_differences():
    x = np.zeros((300, 64), np.float32)
    arena = gradient_of(nn.pdist, x).lower(x).memory_analysis().temp_size_in_bytes
    assert arena < 4 * 300 * 300 * 4
