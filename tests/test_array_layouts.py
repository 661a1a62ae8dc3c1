"""Compiled functions take arrays in any layout, byte order and place in memory, and leave them as they are."""

import numpy as np
import pytest

import compiler


def program(x, y):
    z = np.tanh(x) @ y.T + np.sum(x, axis=0)[0]
    return z, np.maximum(x, 0.5), y[::-1, ::2]


def base(shape, dtype=np.float32):
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype(dtype)


def misaligned(array):
    raw = np.empty(array.nbytes + 1, np.uint8)
    raw[1:] = np.frombuffer(array.tobytes(), np.uint8)
    result = raw[1:].view(array.dtype).reshape(array.shape)
    assert result.itemsize == 1 or not result.flags.aligned
    return result


def read_only(array):
    array.flags.writeable = False
    return array


LAYOUTS = {
    "contiguous": lambda x: x,
    "Fortran order": np.asfortranarray,
    "every second row": lambda x: np.repeat(x, 2, axis=0)[::2],
    "every second column": lambda x: np.repeat(x, 2, axis=1)[:, ::2],
    "rows backwards": lambda x: x[::-1].copy()[::-1],
    "columns backwards": lambda x: x[:, ::-1].copy()[:, ::-1],
    "transposed": lambda x: x.T.copy().T,
    "part of a larger array": lambda x: np.pad(x, 3)[3:-3, 3:-3],
    "field of records": lambda x: np.rec.fromarrays([np.zeros(x.shape, np.int8), x], names="a,b")["b"],
    "misaligned": misaligned,
    "read-only": lambda x: read_only(x.copy()),
    "big-endian": lambda x: x.astype(x.dtype.newbyteorder(">")),
    "big-endian and backwards": lambda x: x[::-1].astype(x.dtype.newbyteorder(">"))[::-1],
    "stride 0": lambda x: np.broadcast_to(x[:1], x.shape),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_layout_does_not_matter(layout, dtype):
    x, y = LAYOUTS[layout](base((5, 7), dtype)), LAYOUTS[layout](base((6, 7), dtype))
    before = x.copy(), y.copy()
    actual = compiler.jit(program)(x, y)
    plain = np.ascontiguousarray(x, dtype), np.ascontiguousarray(y, dtype)
    for got, want in zip(actual, program(*plain), strict=True):
        assert got.dtype == want.dtype
        assert got.dtype.isnative
        assert got.flags.c_contiguous
        assert got.flags.writeable
        np.testing.assert_allclose(got, want, rtol=30 * np.finfo(dtype).eps, atol=30 * np.finfo(dtype).eps)
    for argument, copy in zip((x, y), before, strict=True):
        np.testing.assert_array_equal(argument, copy)


@pytest.mark.parametrize("dtype", [np.bool_, np.int32, np.int64])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_layout_of_integers_does_not_matter(layout, dtype):
    x = LAYOUTS[layout](np.random.default_rng(0).integers(0, 2 if dtype == np.bool_ else 9, (5, 7)).astype(dtype))
    actual = compiler.jit(lambda x: (x[::-1], np.sum(x, axis=0), x.T.reshape(-1)))(x)
    for got, want in zip(actual, (x[::-1], np.sum(x, axis=0), x.T.reshape(-1)), strict=True):
        assert got.dtype == want.dtype.newbyteorder("=")
        np.testing.assert_array_equal(got, want)


def test_results_never_share_memory():
    x = base((4, 4))
    one, two, transposed = compiler.jit(lambda x: (x, x, x.T))(x)
    arrays = (x, one, two, transposed)
    for i, first in enumerate(arrays):
        for second in arrays[i + 1 :]:
            assert not np.may_share_memory(first, second)
    one += 1
    np.testing.assert_array_equal(two, x)


def test_same_array_for_several_arguments():
    x = base((4, 4))
    np.testing.assert_array_equal(compiler.jit(lambda x, y: (x - y, x + y.T))(x, x)[1], x + x.T)


@pytest.mark.parametrize("shape", [(), (0,), (1,), (0, 3), (3, 0), (2, 0, 3), (1, 1, 1)])
def test_shapes_without_extent(shape):
    x = base(shape)
    actual = compiler.jit(lambda x: (np.exp(x) + 1, np.sum(x), x.reshape(-1), x.astype(np.int64)))(x)
    for got, want in zip(actual, (np.exp(x) + 1, np.sum(x), x.reshape(-1), x.astype(np.int64)), strict=True):
        assert got.shape == np.shape(want)
        np.testing.assert_allclose(got, want, rtol=1e-6)


def test_layouts_share_one_compilation():
    fn = compiler.jit(lambda x: x + 1)
    x = base((4, 4))
    for layout in ("contiguous", "Fortran order", "rows backwards", "misaligned", "read-only"):
        np.testing.assert_array_equal(fn(LAYOUTS[layout](x)), x + 1)
    assert fn.cache_info().currsize == 1
