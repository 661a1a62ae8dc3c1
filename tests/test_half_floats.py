"""float16 and bfloat16: stored in 16 bits, computed in float32, each result rounded; compiled."""

from typing import Any

import ml_dtypes
import numpy as np
import pytest

import compiler
from dialects.dlc.interfaces import dtype_kind

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
HALVES = [np.dtype(np.float16), BFLOAT16]
halves = pytest.mark.parametrize("dtype", HALVES, ids=str)


def sample(dtype: np.dtype[Any], *shape: int, seed: int = 0) -> np.ndarray[Any, Any]:
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def check(fn: Any, *arguments: Any, units: float = 0) -> None:
    """`fn` gives the same compiled as in NumPy, within `units` of the last place of each result's dtype."""
    with np.errstate(all="ignore"):
        expected = fn(*arguments)
    actual = compiler.jit(fn)(*arguments)
    for number, (got, want) in enumerate(zip(actual, expected, strict=True)):
        assert got.dtype == np.asarray(want).dtype, number
        if dtype_kind(got.dtype) != "f":
            np.testing.assert_array_equal(got, want, err_msg=str(number))
            continue
        tolerance = units * float(ml_dtypes.finfo(got.dtype).eps)
        got, want = got.astype(np.float64), np.asarray(want).astype(np.float64)  # noqa: PLW2901
        np.testing.assert_allclose(got, want, tolerance, tolerance, err_msg=str(number))


@halves
def test_every_operation_rounds_once(dtype: np.dtype[Any]) -> None:
    """These are correctly rounded in float32, so the rounding to 16 bits gives what NumPy gives, bit for bit."""

    def everything(x: Any, y: Any) -> Any:
        return (
            x + y, x - y, x * y, x / y, -x, abs(x), np.sqrt(abs(x)), np.maximum(x, y), np.minimum(x, y), x < y, x == y, x >= y,
            np.where(x > y, x, y), np.floor(x), np.ceil(x), np.rint(x), np.trunc(x), np.sign(x), np.isnan(x), np.isfinite(x), np.square(x),
            x * 2, x + 1, 1 / x, x * y + x - y / 3, np.copysign(x, y),
        )  # fmt: skip

    special = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1e-7, 65504, 300.25, 1 / 3]).astype(dtype)
    x = np.concatenate([sample(dtype, 61) * dtype.type(10), special])
    check(everything, x, np.roll(x, 7))


@halves
def test_functions_round_their_float32_values(dtype: np.dtype[Any]) -> None:
    def everything(x: Any) -> Any:
        return (
            np.exp(x), np.log(abs(x)), np.sin(x), np.cos(x), np.tanh(x), np.expm1(x), np.log1p(abs(x)), np.exp2(x), abs(x) ** x,
            np.tan(x), np.sinh(x), np.cosh(x), np.hypot(x, x),
        )  # fmt: skip

    check(everything, sample(dtype, 77), units=4)


@halves
def test_sums_accumulate_in_float32(dtype: np.dtype[Any]) -> None:
    x = np.full((3, 5000), 0.1).astype(dtype)
    total, mean, product = compiler.jit(lambda x: (x.sum(1), x.mean(1), (x[:, :50] + 1).prod(1)))(x)
    wide = x.astype(np.float32)
    eps = float(ml_dtypes.finfo(dtype).eps)
    for got, want in (
        (total, wide.sum(1)),
        (mean, wide.mean(1)),
        (product, (x[:, :50] + dtype.type(1)).astype(np.float32).prod(1)),
    ):
        assert got.dtype == dtype
        np.testing.assert_allclose(got.astype(np.float32), want, eps)
    # 60000 does not fit into the sum of two in float16, but its mean does.
    assert compiler.jit(np.mean)(np.full(4, 60000).astype(dtype)).astype(np.float32) == np.float32(dtype.type(60000))


@halves
@pytest.mark.parametrize("size", [3, 96])
def test_products_accumulate_in_float32(dtype: np.dtype[Any], size: int) -> None:
    x, y = sample(dtype, size, size), sample(dtype, size, size, seed=1)
    got = compiler.jit(lambda x, y: x @ y)(x, y)
    want = x.astype(np.float32) @ y.astype(np.float32)
    assert got.dtype == dtype
    eps = float(ml_dtypes.finfo(dtype).eps)
    np.testing.assert_allclose(got.astype(np.float32), want, eps, eps)


@halves
def test_large_products_are_left_to_blas(dtype: np.dtype[Any]) -> None:
    x = sample(dtype, 96, 96)
    assert "rt.gemm" in compiler.jit(lambda x: x @ x).lower(x).as_text("fused")


@halves
def test_shapes_and_indexing_move_bits(dtype: np.dtype[Any]) -> None:
    def everything(x: Any, i: Any) -> Any:
        y = x.copy()
        y[1:3, ::2] = 1.5
        y[i] = x[0]
        return (
            x.T, x[::-1, 1:6:2], x.reshape(7, 5), np.concatenate([x, x]), np.pad(x, 1), x[i], y, x.max(0), x.min(1), x.argmax(1),
            np.zeros_like(x), np.broadcast_to(x[0], (2, 7)), x.astype(np.float32), x.astype(np.int16), x > 0,
        )  # fmt: skip

    check(everything, sample(dtype, 5, 7), np.array([3, 0, 2]))


@pytest.mark.parametrize("source", [np.float64, np.float32, np.int64, np.int16, np.uint8])
def test_conversion_rounds_to_nearest_even(source: Any) -> None:
    """Also from float64 to float16, where rounding to float32 in between would be wrong."""
    if source in {np.float64, np.float32}:
        bits = np.random.default_rng(0).integers(0, 2**16, 4000)
        x = bits.astype(np.uint16).view(np.float16).astype(np.float64)
        above = np.nextafter(x.astype(np.float16), np.float16(np.inf)).astype(np.float64)
        with np.errstate(all="ignore"):
            middle = (x + above) / 2
            values = np.concatenate(
                [x, middle, np.nextafter(middle, np.inf), np.nextafter(middle, -np.inf), x * 1e-3, x * 1e4]
            )
            values = values.astype(source)
    else:
        values = np.arange(-3000, 3000).astype(source)

    def convert(x: Any) -> Any:
        return [x.astype(dtype) for dtype in HALVES]

    with np.errstate(all="ignore"):
        expected = convert(values)
    for got, want in zip(compiler.jit(convert)(values), expected, strict=True):
        is_nan = np.isnan(want)
        np.testing.assert_array_equal(np.isnan(got), is_nan)
        np.testing.assert_array_equal(got.view(np.uint16)[~is_nan], want.view(np.uint16)[~is_nan])


def test_promotion() -> None:
    """Of bfloat16 with NumPy's dtypes as `np.add` has it; Python scalars are weak, as JAX has it."""
    others = [np.bool_, np.int8, np.uint8, np.int16, np.int32, np.float16, np.float32, np.float64]
    x = np.ones(3, BFLOAT16)
    ys = [np.ones(3, other) for other in others]
    check(lambda x, *ys: [x + y for y in ys], x, *ys)
    wheres = compiler.jit(lambda x, *ys: [np.where(x > 0, x, y) for y in ys])(x, *ys)
    assert [w.dtype for w in wheres] == [(x + y).dtype for y in ys]
    weak = compiler.jit(lambda x, h: (x * 2, x * 2.5, 1.5 - x, x**2, h * 2.5, np.maximum(x, 0.0)))(
        x, np.ones(3, np.float16)
    )
    assert [w.dtype for w in weak] == [BFLOAT16] * 4 + [np.float16, BFLOAT16]
    # What NumPy computes for small integers in float16.
    check(lambda x, b: (np.sin(x), np.exp(b)), np.array([0, 1, 2], np.int8), np.array([True, False]), units=1)


@halves
def test_derivatives(dtype: np.dtype[Any]) -> None:
    def loss(w: Any, x: Any) -> Any:
        return np.sum(np.tanh(x @ w) ** 2) / 3

    w, x = sample(dtype, 7, 5), sample(dtype, 4, 7, seed=1)
    value, slope = compiler.jit(compiler.value_and_grad(loss))(w, x)
    assert value.dtype == slope.dtype == dtype
    _, want = compiler.jit(compiler.value_and_grad(loss))(w.astype(np.float64), x.astype(np.float64))
    eps = float(ml_dtypes.finfo(dtype).eps)
    np.testing.assert_allclose(slope.astype(np.float64), want, rtol=16 * eps, atol=16 * eps)
    batched = compiler.jit(compiler.vmap(lambda w: loss(w, x)))(np.stack([w, w]))
    assert batched.dtype == dtype


def test_half_code_uses_vectors() -> None:
    x = np.ones(1024, np.float16)
    lowered = compiler.jit(lambda x: x * x + x).lower(x)
    assert "vector<" in lowered.as_text("loops")
    assert "vector<16xf16>" in lowered.as_text("loops") or "vector<8xf16>" in lowered.as_text("loops")
