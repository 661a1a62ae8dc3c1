"""Equal programs are compiled once in a process, and different ones never mixed up."""

from collections import OrderedDict

import numpy as np
import pytest

import compiler
from compiler import program_cache
from compiler.options import CompileOptions
from compiler.program_cache import program_key
from dialects.structural_key import operation_key


@pytest.fixture(autouse=True)
def empty_cache(monkeypatch):
    monkeypatch.setattr(program_cache, "_programs", OrderedDict())


def test_equal_programs_are_compiled_once_and_closures_stay_fresh():
    factor = [2.0]

    def f(x):
        return (x * x * factor[0]).sum()

    x = np.arange(3.0)
    first = compiler.grad(f)(x)
    np.testing.assert_array_equal(compiler.grad(f)(x), first)
    assert len(program_cache._programs) == 1
    factor[0] = -0.0
    np.testing.assert_array_equal(np.signbit(compiler.grad(f)(x + 1)), [True] * 3)
    factor[0] = 0.0
    np.testing.assert_array_equal(np.signbit(compiler.grad(f)(x + 1)), [False] * 3)
    assert len(program_cache._programs) == 3


def test_programs_long_unused_are_forgotten(monkeypatch):
    monkeypatch.setattr("compiler.program_cache.CAPACITY", 2)
    for n in (1, 2, 1, 3):
        compiler.jit(lambda x: x + 1)(np.ones(n))
    assert len(program_cache._programs) == 2
    assert list(program_cache._programs) == [
        program_key(compiler.jit(lambda x: x + 1).trace(np.ones(n))._traced.module, "cpu", CompileOptions())
        for n in (1, 3)
    ]


def key_of(function, *args):
    return operation_key(compiler.jit(function).trace(*args)._traced.module)


def test_keys_tell_programs_apart_and_nothing_else():
    x = np.ones((2, 3), np.float32)

    def f(x, y):
        return x - y

    key = key_of(f, x, x)

    def same(first, second):
        return first - second

    same.__name__ = "f"
    assert key_of(same, x, x) == key

    def swapped(x, y):
        return y - x

    swapped.__name__ = "f"
    constants = [
        key_of(lambda x, c=c: x + np.array(c, np.float32), x[0]) for c in ([0.0, 1, 2], [-0.0, 1, 2], [0, 1, np.nan])
    ]
    types = [key_of(f, x.astype(dtype), x.astype(dtype)) for dtype in (np.float64, np.int32, np.uint32, np.complex64)]
    others = [key_of(swapped, x, x), key_of(f, x, x[0]), key_of(f, x.T, x.T), *constants, *types]
    assert len({key, *others}) == 1 + len(others)
    assert key_of(lambda x: x + np.array([0, 1, np.nan], np.float32), x[0]) == constants[-1]
