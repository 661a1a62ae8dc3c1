"""Functions that read and write at positions give what NumPy's give; `x.at` what JAX's gives."""

from typing import Any

import numpy as np
import pytest
from programs import assert_compiles_as_numpy
from traced import assert_as_numpy, run_traced

import compiler
from compiler import numpy_indexing
from compiler.errors import ArgumentError, DtypeError, ShapeError, UnsupportedError
from compiler.tracing import trace

X = np.random.default_rng(0).normal(size=(4, 5))
I = np.array([2, -1, 0, 2])  # noqa: E741
CUBE = np.arange(27.0).reshape(3, 3, 3)


def changed(x: Any, change: Any, *args: Any, **options: Any) -> Any:
    x = x.copy()
    change(x, *args, **options)
    return x


CASES = {
    "take": lambda x, i: (np.take(x, i), np.take(x, i, 1), np.take(x, i, axis=-2), x.take([[0, 1]], 0)),
    "take modes": lambda x, i: (np.take(x, i * 9, mode="wrap"), np.take(x, i * 9, 0, mode="clip"), np.take(x, -1)),
    "take_along_axis": lambda x, i: (
        np.take_along_axis(x, np.argsort(X, 1), 1),
        np.take_along_axis(x, i[:, None] % 5, 1),
        np.take_along_axis(x, i[:1, None] * np.ones((1, 5), int), 0),
        np.take_along_axis(x, i, None),
        np.take_along_axis(x, i[None, :, None] % 4 * np.ones((4, 1, 1), int), 1)
        if np.ndim(x) == 3
        else np.take_along_axis(x, i[:3, None] % 4 * np.ones((1, 5), int), 0),
    ),
    "put": lambda x, i: (changed(x, np.put, i, [1, 2, 3]), changed(x, np.put, i * 7, 9.0, mode="wrap")),
    "put clip": lambda x, i: changed(x, np.put, i * 70, x[0], mode="clip"),
    "put into a view": lambda x, i: changed(x, lambda y: np.put(y.T[1:3], i[:2], [5, 6])),
    "put_along_axis": lambda x, i: changed(x, np.put_along_axis, i[:, None], 7, 1),
    "place": lambda x, i: (changed(x, np.place, x > 0, [1, 2, 3]), changed(x, np.place, x > 9, i)),
    "putmask": lambda x, i: (changed(x, np.putmask, x > 0, i * 1.0), changed(x, np.putmask, x > 0, 3)),
    "copyto": lambda x, i: changed(x, np.copyto, i[:, None], where=x > 0),
    "fill_diagonal": lambda x, i: (changed(x, np.fill_diagonal, 3), changed(x.T, np.fill_diagonal, i, wrap=True)),
    "fill_diagonal of a tall array": lambda x, i: changed(np.tile(x, (4, 1))[:, :3], np.fill_diagonal, 3, wrap=True),
    "diagonals": lambda x, i: (
        x[np.tril_indices_from(x)], x[np.triu_indices_from(x, 1)], x[:4, :4][np.diag_indices_from(x[:4, :4])],
    ),
    "ufuncs at": lambda x, i: (
        changed(x, lambda y: np.subtract.at(y, i, 1.5)),
        changed(x, lambda y: np.multiply.at(y, (i, i), 1.5)),
        changed(x, lambda y: np.minimum.at(y, (slice(None), i), y[:, :4])),
        changed(x, lambda y: np.maximum.at(y, i % 4, 0.0)),
        changed(x, lambda y: np.add.at(y, np.s_[1:, ::2], 0.5)),
        changed(x, lambda y: np.multiply.at(y, 1, y[0])),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_function_is_as_in_numpy(name: str) -> None:
    assert_as_numpy(CASES[name], X, I)
    assert_as_numpy(lambda x: CASES[name](x, I), X)


def test_functions_compile() -> None:
    names = [name for name in CASES if name not in {"take_along_axis", "put into a view"}]
    assert_compiles_as_numpy(lambda x, i: [CASES[name](x, i) for name in names[::2]], (X, I))
    assert_compiles_as_numpy(lambda x, i: [CASES[name](x, i) for name in names[1::2]], (X, I.astype(np.int32)))


def test_fill_diagonal_of_a_cube() -> None:
    assert_as_numpy(lambda x: changed(x, np.fill_diagonal, [1, 2]), CUBE)


@pytest.mark.parametrize("size", [0, 2, 7, 30])
def test_nonzero_gives_the_first_positions(size: int) -> None:
    x = np.where(X > 0.3, X, 0)

    def fn(x: Any) -> Any:
        return (
            numpy_indexing.nonzero(x, size=size, fill_value=-1),
            numpy_indexing.flatnonzero(x, size=size, fill_value=99),
            numpy_indexing.argwhere(x, size=size, fill_value=(7, 8)),
        )

    got = run_traced(fn, x)
    found = np.argwhere(x)
    filled = np.concatenate([found, np.full((30, 2), -1)])[:size]
    np.testing.assert_array_equal(np.stack(got[:2], -1), filled)
    np.testing.assert_array_equal(got[2], np.concatenate([np.flatnonzero(x), np.full(30, 99)])[:size])
    np.testing.assert_array_equal(got[3], np.concatenate([found, np.full((30, 2), [7, 8])])[:size])


@pytest.mark.parametrize("function", [np.nonzero, np.flatnonzero, np.argwhere])
def test_nonzero_without_a_size_says_what_to_do(function: Any) -> None:
    with pytest.raises(UnsupportedError, match=r"how many elements .*size="):
        trace(function, [X])


FAR = np.array([1, -1, 4, -9, 2**62, -(2**63), 2**63 - 1])


def at_oracle(x: Any, i: Any, combine: Any, mode: Any) -> Any:
    """`x` with `combine(x[p], k + 1)` for every position `p = i[k]`, by the rules of JAX."""
    x = x.copy()
    for k, position in enumerate(i.tolist()):
        p = position + len(x) if position < 0 else position
        if mode == "clip":
            p = min(max(p, 0), len(x) - 1)
        if 0 <= p < len(x):
            x[p] = combine(x[p], k + 1)
    return x


AT = {
    "set": (lambda _, new: new, lambda x, new: x.set(new)),
    "add": (np.add, lambda at, new, **m: at.add(new, **m)),
    "subtract": (np.subtract, lambda at, new, **m: at.subtract(new, **m)),
    "multiply": (np.multiply, lambda at, new, **m: at.mul(new, **m)),
    "divide": (np.divide, lambda at, new, **m: at.divide(new, **m)),
    "min": (np.minimum, lambda at, new, **m: at.min(new, **m)),
    "max": (np.maximum, lambda at, new, **m: at.max(new, **m)),
}


@pytest.mark.parametrize("mode", [None, "clip", "drop", "fill", "promise_in_bounds"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_at_is_as_in_jax(mode: Any, dtype: Any) -> None:
    x = np.linspace(-3, 3, 12).reshape(4, 3).astype(dtype)
    new = np.arange(1.0, 8)[:, None].astype(dtype)
    safe = np.where((FAR < 4) & (FAR >= -4), FAR, 0) if mode == "promise_in_bounds" else FAR
    names = [name for name in AT if name != "set"]

    def fn(x: Any, i: Any, new: Any) -> Any:
        options = {} if mode is None else {"mode": mode}
        kept = x.at[i].set(new, **options)
        return [kept, *(AT[name][1](x.at[i], new, **options) for name in names), x]

    got = compiler.jit(fn)(x, safe, new)
    rules = [AT["set"][0], *(AT[name][0] for name in names)]
    for value, rule in zip(got, rules, strict=False):
        expected = at_oracle(x, safe, rule, "clip" if mode == "promise_in_bounds" else mode)
        np.testing.assert_allclose(value, expected, rtol=8 * np.finfo(dtype).eps)
    np.testing.assert_array_equal(got[-1], x)


def test_at_reads_what_is_not_there_as_jax_does() -> None:
    def fn(x: Any, n: Any, i: Any, k: Any) -> Any:
        return (
            x.at[i].get(mode="fill"), x.at[i].get(mode="fill", fill_value=5), x.at[i].get(mode="clip"), x.at[i].get(),
            n.at[i].get(mode="fill"), x.at[k].get(mode="fill"), x.at[k].set(8.0), x.at[1:3].get(mode="fill", fill_value=1),
            x.at[k].set(9.0, mode="clip"), x.at[0].apply(np.exp), x.at[x > 2].add(10), x.at[1].power(2), x.at[::2].mul(3),
        )  # fmt: skip

    x, n = np.arange(4.0), np.arange(4, dtype=np.int32)
    got = compiler.jit(fn)(x, n, np.array([0, -1, 4, -5]), np.int64(9))
    nan, least = np.nan, np.iinfo(np.int32).min
    expected = (
        [0, 3, nan, nan], [0, 3, 5, 5], [0, 3, 3, 0], [0, 3, 3, 0], [0, 3, least, least], nan, x, [1, 2],
        [0, 1, 2, 9], [1, 1, 2, 3], [0, 1, 2, 13], [0, 1, 2, 3], [0, 1, 6, 3],
    )  # fmt: skip
    for value, want in zip(got, expected, strict=True):
        np.testing.assert_array_equal(value, want)


def test_at_of_a_tensor_gives_a_new_tensor() -> None:
    x = compiler.Tensor(np.arange(6.0).reshape(2, 3))
    kept = x.__array__().copy()
    i = np.array([0, 0, 7])
    for got, want in (
        (x.at[0, 1:].set(9), [[0, 9, 9], [3, 4, 5]]),
        (x.at[:, i].add(1.0), [[2, 1, 2], [5, 4, 5]]),
        (x.at[i].get(mode="fill", fill_value=-1.0), [[0, 1, 2], [0, 1, 2], [-1, -1, -1]]),
        (x.at[..., -1].mul(compiler.Tensor([2.0, 3.0])), [[0, 1, 4], [3, 4, 15]]),
        (x.at[x > 3].min(4.0), [[0, 1, 2], [3, 4, 4]]),
    ):
        assert isinstance(got, compiler.Tensor)
        np.testing.assert_array_equal(np.asarray(got), want)
    np.testing.assert_array_equal(np.asarray(x), kept)
    with pytest.raises(AttributeError, match="no method 'other'"):
        x.at[0].other(1)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint32, np.uint64, np.int8, np.int64])
def test_no_position_reaches_outside(dtype: Any) -> None:
    limits = np.iinfo(dtype)
    i = np.array([limits.min, limits.max, 0, 3, 4, limits.max // 2 + 1, limits.max - 1], dtype)

    def fn(x: Any, i: Any) -> Any:
        y = x.copy()
        y[i[1]] = -1
        z = compiler.dynamic_update_slice(x, np.ones(2), [i[1]])
        return x[i], x[i[1]], x.at[i].set(9), y, z, compiler.dynamic_slice(x, [i[5]], [3]), np.take_along_axis(x, i, 0)

    x = np.arange(4.0)
    positions = [p + 4 if p < 0 else p for p in i.tolist()]
    clamped = np.array([min(max(p, 0), 3) for p in positions])
    got = compiler.jit(fn)(x, i)
    inside = [p for p in positions if 0 <= p < 4]
    expected = (
        x[clamped], x[clamped[1]], changed(x, lambda y: y.__setitem__(np.array(inside, int), 9)),
        changed(x, lambda y: y.__setitem__(clamped[1], -1)), np.array([0, 1, 1, 1]), x[1:], x[clamped],
    )  # fmt: skip
    for value, want in zip(got, expected, strict=True):
        np.testing.assert_array_equal(value, want)


def test_dynamic_slices_batch_and_differentiate() -> None:
    def fn(x: Any, i: Any) -> Any:
        y = compiler.dynamic_slice(x, (i, 1), (2, 3))
        return compiler.dynamic_update_slice(x * x, y * 3, (1, i))

    x = np.arange(20.0).reshape(4, 5)
    for i in (0, 1, 2, -2):
        start = min(i % 4, 2)
        expected = x * x
        expected[1:3, min(i % 5, 2) : min(i % 5, 2) + 3] = 3 * x[start : start + 2, 1:4]
        np.testing.assert_array_equal(compiler.jit(fn)(x, i), expected)
    batch = compiler.jit(compiler.vmap(fn, in_axes=(None, 0)))(x, np.array([0, 1, 2]))
    np.testing.assert_array_equal(batch, [compiler.jit(fn)(x, i) for i in range(3)])
    gradient = compiler.jit(compiler.grad(lambda x, i: (fn(x, i) ** 2).sum()))(x, 1)
    step = 1e-6
    basis = np.eye(20).reshape(20, 4, 5)
    numeric = [
        ((fn_value(fn, x + step * e) ** 2).sum() - (fn_value(fn, x - step * e) ** 2).sum()) / (2 * step) for e in basis
    ]
    np.testing.assert_allclose(gradient.reshape(-1), numeric, rtol=1e-6, atol=1e-2)


def fn_value(fn: Any, x: Any) -> Any:
    return run_traced(fn, x, np.int64(1))[0]


BAD = {
    "mode of take": (lambda x: np.take(x, [0], mode="other"), ArgumentError, "mode is 'other'"),
    "mode of at": (lambda x: x.at[x[:, 0].astype(int)].set(1, mode="wrap"), ArgumentError, "mode is 'wrap'"),
    "size": (lambda x: compiler.dynamic_slice(x, (0, 0), (5, 1)), ShapeError, r"sizes \[5, 1\] do not fit"),
    "starts": (lambda x: compiler.dynamic_slice(x, (0,), (1, 1)), ShapeError, "1 starts do not fit"),
    "update": (lambda x: compiler.dynamic_update_slice(x, x[0], (0, 0)), ShapeError, r"an update of shape \(5,\)"),
    "start": (lambda x: compiler.dynamic_slice(x, (0.5, 0), (1, 1)), DtypeError, "0.5 is no integer"),
    "traced start": (lambda x: compiler.dynamic_slice(x, (x[0, 0], 0), (1, 1)), DtypeError, "is no integer"),
    "bools": (lambda x: (x > 0).at[x[:, 0].astype(int)].add(True), DtypeError, "of bools"),
    "diagonal": (lambda x: np.fill_diagonal(x[0], 1), ShapeError, "at least two dimensions"),
    "place": (lambda x: np.place(x, x > 0, []), ShapeError, "no values"),
    "mask": (lambda x: np.putmask(x, x[0] > 0, 1), ShapeError, "does not fit"),
}


@pytest.mark.parametrize("name", BAD)
def test_wrong_use_is_refused_with_a_reason(name: str) -> None:
    fn, error, message = BAD[name]
    with pytest.raises(error, match=message) as caught:
        trace(fn, [X])
    assert "test_numpy_indexing.py:" in str(caught.value)
