"""Padding, editing, assembling and statistics, traced and in NumPy."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from traced import assert_as_numpy

import compiler
from compiler.errors import CompilerError, ShapeError, UnsupportedError
from compiler.numpy_shape import repeat

WIDTHS = ((2, 1), (0, 3))

FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    # padding
    "pad statistics": lambda x: [
        np.pad(x[0], WIDTHS, mode, **arguments)
        for mode in ("maximum", "minimum", "mean", "median")
        for arguments in ({}, {"stat_length": 2}, {"stat_length": ((1, 2), (3, 9))})
    ],
    "pad ramp": lambda x: (
        np.pad(x[0], WIDTHS, "linear_ramp"),
        np.pad(x[0], WIDTHS, "linear_ramp", end_values=((5, -4), (1, 2))),
        np.pad(x, 1, "linear_ramp", end_values=3),
    ),
    "pad odd": lambda x: [
        np.pad(x[0], widths, mode, reflect_type="odd")
        for mode in ("reflect", "symmetric")
        for widths in (WIDTHS, ((7, 0), (5, 9)))
    ],
    "pad far": lambda x: [np.pad(x[0], ((7, 8), (1, 12)), mode) for mode in ("edge", "reflect", "symmetric", "wrap")],
    "pad empty": lambda x: np.pad(x[0], WIDTHS, "empty")[2:5, :4],
    "pad one": lambda x: [np.pad(x[:1, 0, 0], 2, mode) for mode in ("reflect", "symmetric", "mean")],
    # editing
    "delete": lambda x: (
        np.delete(x, 1, 1),
        np.delete(x, [0, -1], 2),
        np.delete(x, slice(0, 3, 2), 1),
        np.delete(x, [3, 5]),
        np.delete(x, [True, False, False], 1),
    ),
    "insert": lambda x: (
        np.insert(x, 1, 7, axis=1),
        np.insert(x, [0, 2], 7, axis=2),
        np.insert(x, 3, [1, 2, 3]),
        np.insert(x[0], 1, x[1, :, 0], axis=1),
        np.insert(x[0], [1], x[1, :, :2], axis=1),
        np.insert(x[0, 0], [2, 2, 0], [7, 8, 9]),
        np.insert(x[0], slice(0, 3, 2), 8, axis=1),
        np.insert(x, -1, 5.9, axis=0),
    ),
    "resize": lambda x: (np.resize(x, (3, 11)), np.resize(x, 5), np.resize(x[:0], (2, 2))),
    "block": lambda x: (
        np.block([[x[0], x[0]], [x[1], np.zeros((3, 4))]]),
        np.block([x[0, 0], 1, 2]),
        np.block([[x], [x]]),
        np.block(x[0, 0]),
    ),
    "compress": lambda x: (
        np.compress([True, False, True], x, 1),
        np.compress([0, 1, 1], x),
        np.extract(np.arange(24).reshape(2, 3, 4) % 5 == 0, x),
    ),
    "choose": lambda x: (
        np.choose(np.abs(x).astype(int) % 3, [x, -x, 7]),
        np.choose(x.astype(int), [x, 2, x[0]], mode="wrap"),
        np.choose(x.astype(int), [x, 2], mode="clip"),
    ),
    "piecewise": lambda x: (
        np.piecewise(x, [x < -1, x > 1], [-1, lambda v: v * v, 0]),
        np.piecewise(x, [x < 0], [lambda v, k: v + k, 3], 5),
        np.piecewise(x, [x > 0, x > 1], [1, 2]),
    ),
    "indices": lambda x: (
        np.ix_(np.arange(3), x[0, 0].astype(int)),
        np.unravel_index(np.abs(x).astype(int), (3, 4)),
        np.unravel_index(np.abs(x).astype(int), (3, 4), order="F"),
        np.ravel_multi_index((np.abs(x[0]).astype(int) % 2, np.abs(x[1]).astype(int)), (2, 5)),
        np.ravel_multi_index((x[0].astype(int), x[1].astype(int)), (3, 4), mode=("clip", "wrap"), order="F"),
    ),
    "indices of shape": lambda x: [
        x[0] [f(x[0])] for f in (np.tril_indices_from, np.triu_indices_from)
    ] + [x[0, :, :3][np.diag_indices_from(x[0, :, :3])]],
    # statistics
    "cov": lambda x: (
        np.cov(x[0]),
        np.cov(x[0], x[1]),
        np.cov(x[0], rowvar=False, bias=True),
        np.cov(x[0, 0]),
        np.cov(x[0], ddof=0, aweights=[1, 2, 3, 4.0]),
        np.cov(x[0], fweights=[1, 2, 3, 1], aweights=[1, 2, 3, 4.0]),
    ),
    "corrcoef": lambda x: (np.corrcoef(x[0]), np.corrcoef(x[0, 0], x[0, 1]), np.corrcoef(x[0, 0])),
    "nanargmax": lambda x: (
        np.nanargmax(np.where(x == x[0], np.nan, x)[1], 0),
        np.nanargmin(x, keepdims=True),
        np.nanargmin(np.where(x > 2, np.nan, x)),
    ),
    "polynomials": lambda x: (
        np.polyval(x[0, 0], x[1]),
        np.polyval([1, 2, 3], x),
        np.polyadd(x[0, 0], x[0, 1, :2]),
        np.polysub(x[0, 0, :3], x[0, 1]),
        np.polyder(x[0, 0]),
        np.polyder(x[0, 0], 2),
        np.polyint(x[0, 0], 2, [1, 2]),
        np.polymul([1, 2], np.abs(x[0, 0]) + 1),
    ),
    "vander": lambda x: (np.vander(x[0, 0]), np.vander(x[0, 0], 2), np.vander(x[0, 0], 6, increasing=True)),
    "unwrap": lambda x: (np.unwrap(x * 2.5), np.unwrap(x * 2.5, axis=0, period=4.0), np.unwrap(x * 2.5, 4.0, 1)),
    "diagflat": lambda x: (np.diagflat(x[0, :2, :2]), np.diagflat(x[0, 0], 1)),
}  # fmt: skip


@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.float32, np.float64])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_function_is_as_in_numpy(name: str, dtype: Any) -> None:
    values = np.random.default_rng(5).integers(-4, 5, (2, 3, 4))
    x = values.astype(dtype) if np.dtype(dtype).kind == "i" else (values / 4).astype(dtype)
    assert_as_numpy(FUNCTIONS[name], x, ulps=32)


def test_repetition_by_traced_counts_has_a_static_length() -> None:
    x, counts = np.array([[1, 2, 3], [4, 5, 6]]), np.array([2, 0, 3])
    fn = compiler.jit(lambda x, counts, length: repeat(x, counts, 1, total_repeat_length=length), static_argnums=2)
    np.testing.assert_array_equal(fn(x, counts, 5), np.repeat(x, counts, 1))
    np.testing.assert_array_equal(fn(x, counts, 7), [[1, 1, 3, 3, 3, 3, 3], [4, 4, 6, 6, 6, 6, 6]])
    np.testing.assert_array_equal(fn(x, counts, 3), [[1, 1, 3], [4, 4, 6]])


def test_functions_are_applied_along_and_over_axes() -> None:
    def fn(x: Any) -> Any:
        return (
            np.apply_along_axis(np.sum, 1, x),
            np.apply_along_axis(lambda v, k: v[:2] * k, 0, x, 3),
            np.apply_along_axis(lambda v: np.outer(v, v), 1, x),
            np.apply_over_axes(np.sum, x, (0, 2)),
        )

    x = np.random.default_rng(0).normal(size=(2, 3, 4))
    for actual, expected in zip(compiler.jit(fn)(x), fn(x), strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-14)


def test_gradient_of_padding_adds_up_where_elements_are_repeated() -> None:
    grad = compiler.jit(compiler.grad(lambda x: np.pad(x, (2, 1), "reflect").sum()))
    np.testing.assert_array_equal(grad(np.arange(4.0)), [1, 2, 3, 1])
    odd = compiler.jit(compiler.grad(lambda x: np.pad(x, (2, 1), "reflect", reflect_type="odd").sum()))
    np.testing.assert_array_equal(odd(np.arange(4.0)), [5, 0, -1, 3])


@pytest.mark.parametrize(
    ("fn", "error", "message"),
    [
        (lambda x: np.pad(x, 1, "mirror"), CompilerError, "mode='mirror'.*the modes are constant"),
        (lambda x: np.pad(x, 1, "edge", constant_values=1), CompilerError, "each with its own arguments"),
        (lambda x: np.pad(x[:0], 1, "edge"), ShapeError, "only a constant can pad it"),
        (lambda x: np.delete(x, x.argmax()), UnsupportedError, "np.delete with traced positions"),
        (lambda x: np.insert(x, x.argmax(), 1.0), UnsupportedError, "np.insert with traced positions"),
        (lambda x: np.compress(x > 0, x), UnsupportedError, "np.compress with traced condition"),
        (lambda x: np.block([[x], x]), ShapeError, "nested equally deep"),
        (lambda x: np.piecewise(x, [x > 0], [1, 2, 3]), ShapeError, "3 functions do not fit 1 conditions"),
        (lambda x: np.cov(x, aweights=[1.0, 2.0]), ShapeError, "weights of shape"),
        (lambda x: np.vander(x.reshape(2, 2)), ShapeError, "needs one dimension"),
    ],
)
def test_misuse_is_refused(fn: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        compiler.jit(fn)(np.arange(4.0))
