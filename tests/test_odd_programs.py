"""Programs of odd shape: no inputs or hundreds, results that are inputs, deep chains, wide fans, strange arrays."""

import functools
from typing import Any, NamedTuple

import numpy as np
import pytest
from programs import assert_compiles_as_numpy

import compiler

X = np.arange(12.0).reshape(3, 4)


class Pair(NamedTuple):
    first: Any
    second: Any


def deep_chain(x: Any) -> Any:
    for i in range(2000):
        x = x * 0.999 + i % 7
    return x


def deep_reductions(x: Any) -> Any:
    for _ in range(60):
        x = x - x.mean() + 0.01 * x.sum(0)
    return x


def fan_out(x: Any) -> Any:
    y = np.exp(0.1 * x)
    return sum(y * i for i in range(200)), sum((y + i).sum() for i in range(40))


LARGE = np.random.default_rng(0).standard_normal((1100, 1000)).astype(np.float32)

PROGRAMS: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "input": (lambda x: x, (X,)),
    "input three times": (lambda x: [x, {"a": x}, x], (X,)),
    "value twice": (lambda x: [x * 2] * 3, (X,)),
    "nothing": (lambda x: None, (X,)),
    "empty containers": (lambda x: ({}, [], (), x.sum()), (X,)),
    "no input": (lambda: np.ones(3), ()),
    "constants": (lambda x: (3, 2.5, True, np.arange(100), np.eye(3, dtype=np.float32)), (X,)),
    "no array": (lambda: (), ()),
    "containers": (lambda d: {"q": Pair(d["p"].first + 1, None), "l": [(d["p"].second,)]}, ({"p": Pair(X, 2.0)},)),
    "Python scalars": (lambda a, b, c: (a + b, a * b, a / b, c & True, a > b), (3, 2.5, False)),
    "100 results": (lambda x: [x * i for i in range(100)], (X,)),
    "100 results of two kinds": (lambda x: [np.tanh(x * i).sum(i % 2) for i in range(100)], (X,)),
    "300 inputs": (lambda *xs: sum(xs).sum(), tuple(X + i for i in range(300))),
    "60 inputs side by side": (lambda *xs: np.concatenate(xs, axis=1), tuple(X[:, : i % 5] + i for i in range(60))),
    "chain of 4000 operations": (deep_chain, (X,)),
    "chain of 180 reductions": (deep_reductions, (X,)),
    "fan of 200": (fan_out, (X,)),
    "closure of a million": (lambda x: (LARGE * x).sum(0), (np.float32(2),)),
    "many closures": (lambda x: sum(c * x for c in [np.arange(99.0) + i for i in range(50)]), (1.5,)),
    "a million elements": (lambda x: np.tanh(x) + x.mean(1, keepdims=True), (LARGE,)),
    "six dimensions": (lambda x: x.transpose(5, 0, 3, 1, 4, 2).sum((1, 4)) * 2, (X.reshape(1, 3, 1, 2, 2, 1),)),
    "empty": (lambda x: (x + 1, x.sum(0), x.sum(1), x.T @ x, np.concatenate([x, x])), (np.zeros((0, 5)),)),
    "empty inner": (lambda x: (x @ x.T, x.sum(1), x.reshape(0, 7)), (np.zeros((7, 0)),)),
    "one element": (lambda x: (x.sum(), x.max(), x.argmax(), x.std(), x @ x), (np.array([[3.0]]),)),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_odd_program_gives_what_numpy_gives(name: str) -> None:
    fn, args = PROGRAMS[name]
    assert_compiles_as_numpy(fn, args, ulps=512)


LAYOUTS: dict[str, Any] = {
    "reversed": LARGE[::-3, ::-7],
    "transposed": LARGE[:30, :40].T,
    "stride 0": np.broadcast_to(np.float32(2), (4, 5)),
    "big endian": np.arange(6.0).reshape(2, 3).astype(">f8"),
    "unaligned": np.frombuffer(b"\0" + np.arange(6.0).tobytes(), np.uint8)[1:].view(np.float64).reshape(2, 3),
    "read only": np.frombuffer(np.arange(6.0).tobytes(), np.float64).reshape(2, 3),
    "Fortran": np.asfortranarray(X),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_arrays_of_any_layout_are_read(name: str) -> None:
    x = LAYOUTS[name]
    native = np.array(x, x.dtype.newbyteorder("="))
    result, product = compiler.jit(lambda x: (x + 1, x @ x.T))(x)
    np.testing.assert_allclose(result, native + 1)
    np.testing.assert_allclose(product, native @ native.T, rtol=1e-4, atol=1e-4)


def test_results_are_new_arrays_each_time() -> None:
    f = compiler.jit(lambda x: (x, np.arange(100), np.arange(3), x * 2, x))
    first = f(X)
    for array in first:
        assert array.flags.writeable
        assert not np.shares_memory(array, X)
        array[...] = -1
    for got, want in zip(f(X), (X, np.arange(100), np.arange(3), X * 2, X), strict=True):
        np.testing.assert_array_equal(got, want)


def test_transforms_of_odd_programs() -> None:
    np.testing.assert_allclose(compiler.grad(lambda x: deep_chain(x).sum())(X), np.full_like(X, 0.999**2000))
    gradients = compiler.grad(lambda xs: sum((i + 1) * x.sum() for i, x in enumerate(xs)))([X] * 50)
    assert [g[0, 0] for g in gradients] == list(range(1, 51))
    assert compiler.grad(lambda x: 3.0)(X).tolist() == np.zeros_like(X).tolist()
    assert compiler.grad(lambda p: p["a"].sum())({"a": X, "b": None, "c": X})["c"].any() == False  # noqa: E712
    np.testing.assert_array_equal(compiler.vmap(lambda x: (x, 1.0, x))(X)[1], [1, 1, 1])
    np.testing.assert_array_equal(compiler.vmap(compiler.grad(lambda x: (x[:0] ** 2).sum()))(X), np.zeros_like(X))
    np.testing.assert_array_equal(
        compiler.grad(lambda x: compiler.vmap(np.sum)(x).prod())(np.zeros((0, 2))), np.zeros((0, 2))
    )


def test_jit_inside_of_everything() -> None:
    inner = compiler.jit(lambda x, n: np.tanh(x) * n, static_argnames="n")

    @compiler.jit
    def outer(x: Any) -> Any:
        rows = compiler.vmap(lambda row: inner(row, 2).sum())(x)
        return compiler.grad(lambda y: inner(y, n=3).sum())(x), rows

    gradient, rows = outer(X)
    np.testing.assert_allclose(gradient, 3 * (1 - np.tanh(X) ** 2), atol=1e-12)
    np.testing.assert_allclose(rows, 2 * np.tanh(X).sum(1))
    chained = functools.reduce(lambda f, _: compiler.jit(f), range(20), lambda x: x + 1)
    np.testing.assert_array_equal(chained(X), X + 1)
