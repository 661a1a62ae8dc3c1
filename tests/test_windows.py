"""Assignment writes its window only: no copy of the rest, in a loop too, and gathers and scatters differentiate."""

from typing import Any

import numpy as np
import pytest
from xdsl.dialects import memref, scf

import compiler

X = np.random.default_rng(0).normal(size=(40, 16))


def copies(fn: Any, *args: Any) -> tuple[int, int]:
    """How many buffers are copied, and how many of them in loops."""
    found = [op for op in compiler.jit(fn).lower(*args).module_at("bufferized").walk() if isinstance(op, memref.CopyOp)]
    loops = [op for op in found if isinstance(op.parent_op(), scf.ForOp | scf.WhileOp)]
    return len(found), len(loops)


def assigned(change: Any) -> Any:
    """A function that changes an array that nobody else needs."""

    def fn(x: Any, *args: Any) -> Any:
        y = np.sin(x)
        change(y, *args)
        return y

    return fn


def setter(index: Any, value: Any) -> Any:
    def change(y: Any, *args: Any) -> None:
        y[index(*args) if callable(index) else index] = value(y, *args) if callable(value) else value

    return change


WRITES = {
    "slice": setter(np.s_[1:-1, 2:], 0.0),
    "steps": setter(np.s_[::3, ::-2], 1.0),
    "row": setter(lambda i: i, 5.0),
    "column": setter(lambda i: np.s_[:, i], 2.0),
    "part of a row": setter(lambda i: np.s_[i, 3:], lambda y, i: np.arange(13.0)),
    "same element": setter(np.s_[2:5], lambda y, *_: y[2:5] * 2),
    "same row": setter(lambda i: i, lambda y, i: np.exp(y[i]) + y[i]),
    "other row": setter(lambda i: i, lambda y, i: y[i - 1] + 1),
    "sum": setter(lambda i: np.s_[i, 0], lambda y, i: y.sum()),
    "rows": setter(np.array([3, 1, 3]), lambda y, *_: y[:3]),
    "elements": setter((np.array([3, 1]), np.array([0, 9])), -1.0),
}


@pytest.mark.parametrize("name", WRITES)
def test_only_the_window_is_written(name: str) -> None:
    fn = assigned(WRITES[name])
    for i in (0, 7, -1):
        np.testing.assert_allclose(compiler.jit(fn)(X, i), fn(X, i), rtol=1e-12)
    assert copies(fn, X, 0) == (0, 0)


def test_an_argument_is_copied_once() -> None:
    def fn(x: Any) -> Any:
        x = x.copy()
        for i in range(5):
            x[i] = x[i + 1] * 2
        x[1:-1, 1:-1] = x[:-2, 1:-1] + x[2:, 1:-1]
        return x

    np.testing.assert_allclose(compiler.jit(fn)(X), fn(X), rtol=1e-14)
    assert copies(fn, X) == (1, 0)


LOOPS = {
    "row": lambda i, y: setter(i, 1.0)(y),
    "recurrence": lambda i, y: setter(i, lambda y: y[i - 1] * 0.5 + y[i])(y),
    "same row": lambda i, y: setter(i, lambda y: y[i] * 2)(y),
    "column": lambda i, y: setter(np.s_[:, i], lambda y: y[:, i] + 1)(y),
    "scatter": lambda i, y: np.add.at(y, np.array([1, 1]) * i, 1.0),
}


@pytest.mark.parametrize("name", LOOPS)
def test_a_loop_writes_windows_of_what_it_carries_in_place(name: str) -> None:
    def fn(x: Any) -> Any:
        def body(i: Any, y: Any) -> Any:
            LOOPS[name](i, y)
            return y

        return compiler.fori_loop(1, 9, body, x)

    expected = X.copy()
    for i in range(1, 9):
        LOOPS[name](i, expected)
    np.testing.assert_allclose(compiler.jit(fn)(X), expected, rtol=1e-14)
    assert copies(fn, X) == (1, 0)


def program(mode: str) -> Any:
    def fn(x: Any, u: Any) -> Any:
        i = np.array([[0, 2], [2, 9]])
        y = getattr(x.at[i], mode)(u)
        return (np.sin(y) * y[np.array([2, 0, 2])].sum(0)).sum()

    return fn


@pytest.mark.parametrize("mode", ["set", "add", "mul", "min", "max"])
def test_scatter_differentiates_in_both_modes_and_twice(mode: str) -> None:
    rng = np.random.default_rng(1)
    x, u = rng.normal(size=(5, 3)), rng.normal(size=(2, 2, 3))
    u[0, 0, 0] = 0.0 if mode == "mul" else u[0, 0, 0]
    dx, du = rng.normal(size=x.shape), rng.normal(size=u.shape)
    fn = program(mode)
    gradient = compiler.grad(fn, (0, 1))

    def slope(f: Any, step: float = 1e-5) -> Any:
        return (f(x + step * dx, u + step * du) - f(x - step * dx, u - step * du)) / (2 * step)

    compiled = compiler.jit(fn)
    forward = compiler.jit(lambda x, u: compiler.jvp(fn, (x, u), (dx, du))[1])(x, u)
    gx, gu = compiler.jit(gradient)(x, u)
    np.testing.assert_allclose(forward, slope(compiled), rtol=1e-7)
    np.testing.assert_allclose((gx * dx).sum() + (gu * du).sum(), forward, rtol=1e-12)
    inner = compiler.jit(lambda x, u: sum((g * t).sum() for g, t in zip(gradient(x, u), (dx, du), strict=True)))
    second = compiler.jit(lambda x, u: compiler.jvp(lambda *a: compiler.jvp(fn, a, (dx, du))[1], (x, u), (dx, du))[1])
    np.testing.assert_allclose(second(x, u), slope(inner), rtol=1e-6)
    hx, hu = compiler.jit(compiler.grad(inner, (0, 1)))(x, u)
    np.testing.assert_allclose((hx * dx).sum() + (hu * du).sum(), second(x, u), rtol=1e-10)


def test_ties_share_the_derivative_of_an_extreme() -> None:
    def fn(x: Any, u: Any) -> Any:
        return (x.at[np.array([0, 0, 1])].max(u) * np.array([1.0, 10.0, 100.0])).sum()

    gx, gu = compiler.jit(compiler.grad(fn, (0, 1)))(np.array([2.0, 0, 1]), np.array([2.0, 2, 3]))
    np.testing.assert_allclose(gx, [1 / 3, 0, 100])
    np.testing.assert_allclose(gu, [1 / 3, 1 / 3, 10])


def test_the_gradient_of_an_array_written_part_by_part_reads_each_part_where_it_is():
    def fn(x: Any) -> Any:
        y = np.zeros_like(x)
        for i in range(4):
            y[10 * i : 10 * i + 10 : 3] = np.sin(x[10 * i : 10 * i + 10 : 3])
        y[2:5] = x[2:5] ** 2  # hides what was written there before
        return np.sum(y * y)

    gradient = compiler.grad(fn)
    x, step = X[:, 0], 1e-6
    ends = [(fn(x + step * e) - fn(x - step * e)) / (2 * step) for e in np.eye(40)]
    np.testing.assert_allclose(compiler.jit(gradient)(x), ends, rtol=1e-7, atol=1e-8)


def test_the_gradient_of_disjoint_parts_changes_no_cotangent():
    def fn(x: Any, weights: Any) -> Any:
        y = np.zeros_like(x)
        for i in range(4):
            y[i] = x[i + 4]
        return np.sum(y * weights)

    text = compiler.jit(compiler.grad(fn)).lower(X, X).as_text("autodiff")
    assert text.count("dlc.slice") == 4
    assert "dlc.update_slice" not in text
