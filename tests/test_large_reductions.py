"""Large reductions and transposes: the right values, and in the form that is fast."""

import math

import ml_dtypes
import numpy as np
import pytest

import compiler

LARGE = 1 << 18


def remarks(function, *arguments):
    return [str(remark) for remark in compiler.jit(function).lower(*arguments).remarks()]


@pytest.mark.parametrize(
    ("shape", "axis"),
    [
        ((LARGE,), None),
        ((LARGE + 3,), 0),
        ((7, 40009), None),
        ((7, 40009), 1),
        ((4099, 70), 0),
        ((LARGE // 2, 2), 0),
        ((87391, 3), 0),
        ((40, 2200, 3), 1),
        ((40, 50, 131), (0, 1)),
        ((1, LARGE, 1), (0, 1, 2)),
    ],
    ids=str,
)
@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "float16"])
def test_parts_of_a_large_reduction_add_up_to_the_whole(shape, axis, dtype):
    x = (np.random.default_rng(0).standard_normal(shape) * 5).astype(dtype)
    exact = x.astype(np.float64 if dtype.startswith("float") else np.int64)

    def f(x):
        return x.sum(axis), x.max(axis), x.min(axis)

    total, most, least = compiler.jit(f)(x)
    np.testing.assert_array_equal(most, x.max(axis))
    np.testing.assert_array_equal(least, x.min(axis))
    if dtype == "int32":
        np.testing.assert_array_equal(total, exact.sum(axis))
    else:
        # Blocks of blocks: the error grows with the logarithm of the length, not with the length.
        size = np.abs(exact).sum(axis).max()
        eps = float(np.finfo(np.float32 if dtype == "float16" else dtype).eps)
        own = 2 * float(np.finfo(dtype).eps) * np.abs(exact.sum(axis)).max()
        np.testing.assert_allclose(np.asarray(total, np.float64), exact.sum(axis), rtol=0, atol=16 * eps * size + own)


@pytest.mark.parametrize("size", [LARGE, LARGE + 3])
def test_the_first_of_several_extrema_is_found_in_any_part(size):
    for places in ((5, size - 1), (size - 2, size - 1), (LARGE // 16, LARGE // 16 + 1)):
        x = np.zeros(size, np.float32)
        x[list(places)] = 1
        assert compiler.jit(np.argmax)(x) == places[0]
        assert compiler.jit(np.argmin)(-x) == places[0]
    x[[7, size - 1]] = np.nan
    assert compiler.jit(np.argmax)(x) == 7
    assert math.isnan(compiler.jit(np.max)(x))


@pytest.mark.parametrize("size", [LARGE, LARGE + 3, 300_007])
def test_the_first_nan_is_found_in_any_part_and_in_what_is_left_over(size):
    for places in ((), (0, size - 1), (size - 1,), (size // 2, size - 1)):
        x = np.random.default_rng(0).standard_normal(size).astype(np.float32)
        x[list(places)] = np.nan
        for find in (np.argmax, np.argmin):
            assert compiler.jit(find)(x) == find(x)


@pytest.mark.parametrize("size", [1000, LARGE, LARGE + 3])
def test_the_first_flag_is_found(size):
    for flags in (np.zeros(size, bool), np.ones(size, bool), np.arange(size) >= size - 2, np.arange(size) < 7):
        for find in (np.argmax, np.argmin):
            assert compiler.jit(find)(flags) == find(flags)


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint8", "int16", "uint16", "int32"])
@pytest.mark.parametrize("shape", [(70_000,), (1 << 20,), (LARGE + 3,), (300, 1000)], ids=str)
def test_sums_of_small_integers_do_not_overflow(shape, dtype):
    """Those of the greatest and the least numbers, and in the type that NumPy has for them."""
    ends = (False, True) if dtype == "bool" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    for number in ends:
        x = np.full(shape, number, dtype)
        for axis in (None, 0, len(shape) - 1):
            np.testing.assert_array_equal(compiler.jit(lambda x, axis=axis: np.sum(x, axis))(x), np.sum(x, axis))


def test_counts_are_added_up_in_narrow_lanes():
    flags = np.arange(1 << 20) % 3 == 0
    assert any("[narrow-sums] passed" in remark for remark in remarks(np.count_nonzero, flags))
    assert compiler.jit(np.count_nonzero)(flags) == np.count_nonzero(flags)


def test_products_and_conditions_are_reduced_in_parts():
    x = np.full(LARGE + 5, True)
    assert compiler.jit(np.all)(x)
    assert compiler.jit(np.any)(x)
    x[LARGE // 3] = False
    assert not compiler.jit(np.all)(x)
    y = np.ones(LARGE + 5)
    y[[1, LARGE // 2, -1]] = (3, -2, 7)
    assert compiler.jit(np.prod)(y) == -42


def test_gradients_and_batches_of_large_reductions_are_right():
    rng = np.random.default_rng(1)
    w, x = rng.standard_normal(96), rng.standard_normal((3000, 96))

    def loss(w, x):
        return np.mean(np.tanh(x * w) ** 2)

    t = np.tanh(x * w)
    expected = (2 * t * (1 - t * t) * x).sum(0) / x.size
    np.testing.assert_allclose(compiler.jit(compiler.grad(loss))(w, x), expected, rtol=1e-11, atol=1e-14)
    batch = np.stack([x, 2 * x])
    got = compiler.jit(compiler.vmap(loss, in_axes=(None, 0)))(w, batch)
    np.testing.assert_allclose(got, [np.mean(np.tanh(y * w) ** 2) for y in batch], rtol=1e-12)


def test_what_is_fused_into_a_reduction_is_computed_in_its_parts():
    x = np.ones(LARGE, np.float32)
    fused = compiler.jit(lambda x, y: np.sqrt(x * y).mean()).lower(x, x).as_text("fused")
    assert 'rt.kernel "fused_mul_sqrt_sum" tile [16]' in fused
    assert fused.count("rt.kernel") == 2


@pytest.mark.parametrize("rows", [1, 64])
def test_short_rows_and_many_rows_stay_whole(rows):
    found = remarks(lambda x: x.sum(1), np.ones((rows, LARGE // 8), np.float32))
    assert not any("[split-reductions] passed" in remark for remark in found)


def test_distances_read_coordinates_in_rows():
    x, y = np.random.default_rng(2).standard_normal((2, 200, 3))

    def distances(x, y):
        return np.sqrt(((x[:, None] - y[None]) ** 2).sum(-1))

    assert any("[pack-operands] passed" in remark for remark in remarks(distances, x, y))
    np.testing.assert_allclose(compiler.jit(distances)(x, y), distances(x, y), rtol=1e-14)
    # The same without a copy of what is seldom read.
    np.testing.assert_allclose(compiler.jit(distances)(x[:3], y), distances(x[:3], y), rtol=1e-14)


@pytest.mark.parametrize(
    "dtype", ["int8", "uint16", "int64", "float16", "float32", "float64", ml_dtypes.bfloat16, "complex64"]
)
@pytest.mark.parametrize("shape", [(64, 64), (50, 37), (16, 17), (100, 4), (9, 8), (5, 4), (1, 40), (0, 20)], ids=str)
@pytest.mark.parametrize("bits", [128, 512])
def test_transposes_move_every_element(shape, dtype, bits):
    x = np.arange(math.prod(shape)).reshape(shape).astype(dtype)
    jit = {"options": compiler.CompileOptions(vector_bits=bits)}
    np.testing.assert_array_equal(compiler.jit(lambda x: x.T, **jit)(x), x.T)
    np.testing.assert_array_equal(compiler.jit(lambda x, y: x.T + y, **jit)(x, x.T.copy()), x.T + x.T)


@pytest.mark.parametrize("order", [(0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)], ids=str)
@pytest.mark.parametrize("shape", [(24, 17, 33), (5, 40, 16)], ids=str)
def test_dimensions_change_places_with_work_around(shape, order):
    x = np.random.default_rng(3).standard_normal(shape).astype(np.float32)
    row = np.linspace(1, 2, shape[order[-1]], dtype=np.float32)

    def f(x, row):
        return 2 * x.transpose(order) - row, x.transpose(order)[::-1] + 1

    for got, expected in zip(compiler.jit(f)(x, row), f(x, row), strict=True):
        np.testing.assert_array_equal(got, expected)


def test_an_update_in_place_of_odd_size_adds_once():
    x = np.random.default_rng(4).standard_normal((37, 50))
    y = np.ones((50, 37))
    expected = y + x.T
    np.testing.assert_array_equal(compiler.jit(lambda x, y: y + x.T, donate_argnums=1)(x, y), expected)


def test_squares_of_vectors_are_transposed_in_registers():
    found = remarks(lambda x: x.T, np.ones((64, 48), np.float32))
    assert any("transposed in registers" in remark for remark in found)


@pytest.mark.parametrize(("dtype", "is_streamed"), [("float32", True), ("uint8", False)])
def test_squares_write_around_the_cache_only_whole_lines(dtype, is_streamed):
    x = np.ones((4096, 2048), dtype)
    lowered = compiler.jit(lambda x: x.T, options=compiler.CompileOptions(vector_bits=512)).lower(x)
    assert any("written around" in str(remark) for remark in lowered.remarks()) == is_streamed
