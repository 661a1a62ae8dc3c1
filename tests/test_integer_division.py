"""Division of vectors of integers: exact, as floats where these have the digits, and by constants without a division."""

import numpy as np
import pytest

import compiler

DTYPES = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")
FUNCTIONS = (np.floor_divide, np.remainder, np.fmod)
WIDTHS = (None, 256, 0)


def operands(name):
    """All pairs of bytes; else numbers of all sizes, and those next to multiples of the divisor."""
    limits, dtype = np.iinfo(name), np.dtype(name)
    if dtype.itemsize == 1:
        numbers = np.arange(limits.min, limits.max + 1).astype(dtype)
        x, y = np.meshgrid(numbers, numbers)
        return x.ravel(), y.ravel()
    generator = np.random.default_rng(0)
    x, y = (generator.integers(limits.min, limits.max, 20001, dtype, endpoint=True) for _ in range(2))
    y >>= generator.integers(0, dtype.itemsize * 8 - 1, y.size).astype(dtype)
    near = y * generator.integers(0, 40, x.size).astype(dtype) + generator.integers(0, 3, x.size).astype(dtype) - 1
    x[::2] = near[::2].astype(dtype)
    x[:40], y[20:60] = limits.min, limits.max
    y[:20] = limits.min
    if limits.min < 0:
        y[10:20] = -1
    return x, y


@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize("name", DTYPES)
def test_quotients_and_remainders_are_those_of_numpy(name, bits):
    x, y = operands(name)
    for function in FUNCTIONS:
        with np.errstate(all="ignore"):
            expected = function(x, y)
        result = compiler.jit(function, options=compiler.CompileOptions(vector_bits=bits))(x, y)
        np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize("divisor", [1, 2, 3, 7, 10, 64, 100, 127])
@pytest.mark.parametrize("name", DTYPES)
def test_constant_divisors_give_the_quotients_of_numpy(name, divisor):
    limits, number = np.iinfo(name), np.dtype(name).type(divisor)
    x = np.random.default_rng(0).integers(limits.min, limits.max, 1001, name, endpoint=True)
    x[:4] = limits.min, limits.max, 0, 1
    np.testing.assert_array_equal(compiler.jit(lambda x: x // number)(x), x // number)
    np.testing.assert_array_equal(compiler.jit(lambda x: x % number)(x), x % number)


@pytest.mark.parametrize("name", ["uint8", "int16", "int32"])
def test_vectors_of_up_to_32_bits_take_no_division_of_integers(name):
    x = np.ones(4096, name)
    lowered = compiler.jit(np.floor_divide, options=compiler.CompileOptions(vector_bits=256)).lower(x, x)
    text = lowered.as_text("llvm-opt")
    assert "fdiv <" in text
    assert "div <" not in text.replace("fdiv <", "")
    constant = compiler.jit(lambda x: x // x.dtype.type(7)).lower(x).as_text("llvm-opt")
    assert "fdiv" not in constant
