"""Cumulative functions and the methods of ufuncs, traced and in NumPy; their derivatives and batching, compiled."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from traced import assert_as_numpy

import compiler
from compiler.errors import ShapeError, UnsupportedError


def sample(dtype: Any, shape: tuple[int, ...] = (2, 3, 4)) -> np.ndarray[Any, Any]:
    values = np.random.default_rng(3).integers(-4, 5, shape)
    return values.astype(dtype) if np.dtype(dtype).kind != "f" else (values / 4).astype(dtype)


CUMULATIVE: dict[str, Callable[[Any], Any]] = {
    "cumsum": lambda x: (np.cumsum(x), x.cumsum(1), np.cumsum(x, -1), np.cumsum(x, 0, dtype=np.float64)),
    "cumprod": lambda x: (np.cumprod(x), x.cumprod(0), np.cumprod(x, 2)),
    "initial": lambda x: (
        np.cumulative_sum(x[0, 0]),
        np.cumulative_sum(x, axis=1, include_initial=True),
        np.cumulative_prod(x, axis=-1, include_initial=True),
    ),
    "nan": lambda x: (np.nancumsum(np.where(x > 0, x, np.nan), 1), np.nancumprod(np.where(x > 0, x, np.nan))),
    "accumulate": lambda x: (
        np.add.accumulate(x),
        np.multiply.accumulate(x, 1),
        np.maximum.accumulate(x, axis=2),
        np.minimum.accumulate(x, 0),
        np.subtract.accumulate(x, 1),
        np.logical_and.accumulate(x, 1),
        np.logical_or.accumulate(x, 1),
    ),
    "ediff1d": lambda x: (np.ediff1d(x), np.ediff1d(x, to_begin=9, to_end=[1, 2])),
    "trapezoid": lambda x: (np.trapezoid(x), np.trapezoid(x, dx=0.5, axis=1), np.trapezoid(x, [0, 1, 3, 4.5])),
    "gradient": lambda x: (
        np.gradient(x),
        np.gradient(x, 0.5, axis=1),
        np.gradient(x, [0, 1, 3, 4.5], axis=2, edge_order=2),
        np.gradient(x, 2.0, axis=(1, 2)),
    ),
    "reduce": lambda x: (
        np.add.reduce(x),
        np.add.reduce(x, axis=(0, 2), keepdims=True),
        np.subtract.reduce(x, axis=1),
        np.logical_xor.reduce(x, axis=2),
        np.maximum.reduce(x, axis=None, initial=1),
        np.hypot.reduce(x, axis=2, keepdims=True),
    ),
    "reduceat": lambda x: (np.add.reduceat(x, [0, 2, 1], axis=1), np.maximum.reduceat(x, [1, 3], axis=2)),
    "outer": lambda x: (np.subtract.outer(x[0], x[1, 0]), np.less.outer(x[0, 0], x[0, 1])),
}


@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.float32, np.float64])
@pytest.mark.parametrize("name", CUMULATIVE)
def test_function_is_as_in_numpy(name: str, dtype: Any) -> None:
    assert_as_numpy(CUMULATIVE[name], sample(dtype), ulps=64)


def test_bools_accumulate_as_in_numpy() -> None:
    def fn(x: Any) -> Any:
        return (
            np.cumsum(x, 0),
            np.cumprod(x, 1),
            np.maximum.accumulate(x, 1),
            np.cumsum(x, 1, dtype=bool),
            np.cumprod(x, 1, dtype=bool),
            np.bitwise_and.reduce(x, 1),
            np.bitwise_xor.reduce(x, 1),
        )

    assert_as_numpy(fn, sample(np.bool_))


def test_bitwise_reductions_are_as_in_numpy() -> None:
    def fn(x: Any) -> Any:
        return (
            np.bitwise_and.reduce(x, 1),
            np.bitwise_or.reduce(x, axis=None),
            np.bitwise_xor.reduce(x, axis=(0, 2)),
            np.bitwise_xor.reduce(x, axis=1, initial=5, keepdims=True),
        )

    assert_as_numpy(fn, sample(np.int64))


def test_logaddexp_reduces_and_accumulates_without_overflow() -> None:
    def fn(x: Any) -> Any:
        return (
            np.logaddexp.reduce(x, axis=1),
            np.logaddexp.reduce(x, axis=None),
            np.logaddexp.reduce(x, axis=0, keepdims=True, initial=3.0),
            np.logaddexp.accumulate(x, axis=1),
        )

    x = sample(np.float64, (3, 5)) * 1000
    x[1, :2] = -np.inf
    assert_as_numpy(fn, x, ulps=16)
    assert np.logaddexp.reduce(np.full(3, -np.inf)) == compiler.jit(np.logaddexp.reduce)(np.full(3, -np.inf)) == -np.inf


def test_cumulative_functions_of_a_long_axis_run_compiled_in_each_layout() -> None:
    @compiler.jit
    def fn(x: Any) -> Any:
        return np.cumsum(x, 0), np.cumsum(x, 1), np.maximum.accumulate(x[::-1], 0)[::-1], np.cumprod(1 + x / 1000, 0)

    x = np.random.default_rng(0).normal(size=(301, 77))
    expected = (
        np.cumsum(x, 0),
        np.cumsum(x, 1),
        np.maximum.accumulate(x[::-1], 0)[::-1],
        np.cumprod(1 + x / 1000, 0),
    )
    for actual, value in zip(fn(x), expected, strict=True):
        np.testing.assert_array_equal(actual, value)


def test_a_cumulative_sum_shares_the_kernel_of_its_rows() -> None:
    def fn(x: Any) -> Any:
        return np.exp(np.cumsum(2 * x, 1)) / np.sum(x, 1, keepdims=True)

    lowered = compiler.jit(fn).lower(np.ones((40, 30), np.float32))
    assert lowered.as_text("fused").count("rt.kernel") == 1


@pytest.mark.parametrize("name", ["add", "multiply", "maximum", "minimum", "logaddexp"])
def test_gradient_of_a_cumulative_function_is_that_of_the_written_out_loop(name: str) -> None:
    ufunc = getattr(np, name)

    def direct(x: Any, w: Any) -> Any:
        return np.sum(w * ufunc.accumulate(x, axis=1))

    def loop(x: Any, w: Any) -> Any:
        total, so_far = 0.0, x[:, 0]
        for i in range(x.shape[1]):
            so_far = x[:, 0] if i == 0 else ufunc(so_far, x[:, i])
            total = total + np.sum(w[:, i] * so_far)
        return total

    rng = np.random.default_rng(1)
    x, w = rng.normal(size=(3, 6)), rng.normal(size=(3, 6))
    x[0, 2] = 0.0 if name == "multiply" else x[0, 2]
    expected = compiler.jit(compiler.grad(loop))(x, w)
    np.testing.assert_allclose(compiler.jit(compiler.grad(direct))(x, w), expected, rtol=1e-12, atol=1e-14)
    second = [
        compiler.jit(compiler.grad(lambda x, f=f: np.sum(compiler.grad(f)(x, w) ** 2)))(x) for f in (direct, loop)
    ]
    np.testing.assert_allclose(*second, rtol=1e-11, atol=1e-12)


def test_a_batched_cumulative_function_is_that_of_each() -> None:
    x = np.random.default_rng(1).normal(size=(4, 5))
    actual = compiler.jit(compiler.vmap(lambda row: (np.cumsum(row), np.logaddexp.accumulate(row))))(x)
    np.testing.assert_array_equal(actual[0], np.cumsum(x, 1))
    np.testing.assert_allclose(actual[1], np.logaddexp.accumulate(x, 1), rtol=1e-14, atol=1e-15)


def test_misuse_is_refused() -> None:
    with pytest.raises(ShapeError, match="axis="):
        compiler.jit(np.cumulative_sum)(np.ones((2, 2)))
    with pytest.raises(ShapeError, match="out of bounds"):
        compiler.jit(lambda x: np.cumsum(x, 2))(np.ones((2, 2)))
    with pytest.raises(UnsupportedError, match="use at most 64"):
        compiler.jit(np.subtract.accumulate)(np.ones(65))
    with pytest.raises(ShapeError, match=r"reduceat: indices \[0, 4\]"):
        compiler.jit(lambda x: np.add.reduceat(x, [0, 4]))(np.ones(4))
    with pytest.raises(ShapeError, match="needs at least 2 elements"):
        compiler.jit(np.gradient)(np.ones(1))


@pytest.mark.parametrize("size", [9, 40])
def test_what_is_cumulated_is_not_overwritten_where_it_is_still_read(size):
    def transposed(x):
        return np.cumsum((x @ x / 3).T, axis=0), np.cumsum((x @ x / 5).T, axis=1), np.cumsum(x @ x / 7, axis=0).T

    x = np.random.default_rng(0).standard_normal((size, size))
    for got, expected in zip(compiler.jit(transposed)(x), transposed(x), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-12)
    # One result alone can be computed where the product is.
    got, expected = (f(x) for f in (compiler.jit(lambda x: transposed(x)[0]), lambda x: transposed(x)[0]))
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-12)
