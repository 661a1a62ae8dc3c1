"""Programs as users write them: what a table of programs holds, and how a compiled one is compared with NumPy."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator

import compiler
from compiler.pytrees import flatten, unflatten

Make = Callable[[Generator, Any], tuple[Any, ...]]


@dataclass(frozen=True)
class Program:
    """A function in plain NumPy and its arguments.

    Attributes:
        fn: the function; it runs in NumPy and under `compiler.jit`.
        make: `(rng, dtype) -> arguments`.
        ulps: the error allowed, in units of the last place of the largest element of each result.
        differentiable: whether the derivative by the first argument is compared with differences.
        batchable: whether the program is compared under `vmap` with a loop.
    """

    fn: Callable[..., Any]
    make: Make
    ulps: float = 64
    differentiable: bool = False
    batchable: bool = False


def assert_trees_close(got: Any, want: Any, ulps: float) -> None:
    """Two trees have the same structure, shapes, dtypes, and values up to `ulps` of the largest element."""
    got_leaves, got_spec = flatten(got)
    want_leaves, want_spec = flatten(want)
    assert got_spec == want_spec
    for actual, leaf in zip(got_leaves, want_leaves, strict=True):
        expected = np.asarray(leaf)
        assert type(actual) is np.ndarray
        assert actual.shape == expected.shape
        assert actual.dtype == expected.dtype
        if expected.dtype.kind != "f":
            np.testing.assert_array_equal(actual, expected)
            continue
        finite = np.abs(expected[np.isfinite(expected)])
        scale = float(finite.max()) if finite.size else 0.0
        tolerance = ulps * float(np.finfo(expected.dtype).eps)
        np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=tolerance * scale)


def assert_compiles_as_numpy(fn: Callable[..., Any], args: Any, ulps: float = 64) -> None:
    """`jit(fn)(*args)` is what NumPy gives, and leaves the arguments alone."""
    with np.errstate(all="ignore"):
        expected = fn(*copy.deepcopy(args))
    before = [np.array(leaf) for leaf in flatten(args)[0]]
    assert_trees_close(compiler.jit(fn)(*args), expected, ulps)
    for leaf, original in zip(flatten(args)[0], before, strict=True):
        np.testing.assert_array_equal(leaf, original, err_msg="an argument was changed")


def scalar_of(fn: Callable[..., Any]) -> Callable[..., Any]:
    """A smooth scalar function of the floating-point results of `fn`."""

    def total(*args: Any) -> Any:
        leaves = [leaf for leaf in flatten(fn(*args))[0] if np.result_type(leaf).kind == "f"]
        return sum((leaf * leaf).sum() + leaf.sum() for leaf in map(_array, leaves))

    return total


def _array(x: Any) -> Any:
    return np.asarray(x) if isinstance(x, float | np.generic) else x


def assert_gradient_is_slope(fn: Callable[..., Any], args: Any) -> None:
    """`grad` of the float64 program along a direction is the slope, and so is `jvp`."""
    total = scalar_of(fn)
    leaves, spec = flatten(args[0])
    rng = np.random.default_rng(7)
    direction = unflatten(spec, [rng.standard_normal(np.shape(leaf)) for leaf in leaves])

    def at(step: float) -> float:
        moved = unflatten(spec, [x + step * d for x, d in zip(leaves, flatten(direction)[0], strict=True)])
        with np.errstate(all="ignore"):
            return float(total(moved, *copy.deepcopy(args[1:])))

    h = 1e-6
    slope = (at(-2 * h) - 8 * at(-h) + 8 * at(h) - at(2 * h)) / (12 * h)

    @compiler.jit
    def derivatives(args: Any, direction: Any) -> Any:
        value, gradient = compiler.value_and_grad(total)(*args)
        _, tangent = compiler.jvp(lambda x: total(x, *args[1:]), (args[0],), (direction,))
        return value, gradient, tangent

    value, gradient, tangent = derivatives(args, direction)
    np.testing.assert_allclose(value, at(0.0), rtol=1e-10)
    products = [np.sum(g * d) for g, d in zip(flatten(gradient)[0], flatten(direction)[0], strict=True)]
    tolerance = {"rtol": 1e-5, "atol": 1e-6 * max(1.0, abs(at(0.0)))}
    np.testing.assert_allclose(np.sum(products), slope, **tolerance)
    np.testing.assert_allclose(tangent, slope, **tolerance)


def assert_batches_as_loop(fn: Callable[..., Any], batch: list[Any], ulps: float = 64) -> None:
    """`vmap(fn)` on stacked arguments is the stack of the results of `fn` in NumPy."""
    spec = flatten(batch[0])[1]
    stacked = unflatten(spec, [np.stack(leaves) for leaves in zip(*[flatten(a)[0] for a in batch], strict=True)])
    with np.errstate(all="ignore"):
        results = [fn(*copy.deepcopy(args)) for args in batch]
    out = flatten(results[0])[1]
    expected = unflatten(out, [np.stack(leaves) for leaves in zip(*[flatten(r)[0] for r in results], strict=True)])
    assert_trees_close(compiler.vmap(fn)(*stacked), expected, ulps)


def assert_second_derivative_is_slope(fn: Callable[..., Any], args: Any) -> None:
    """The Hessian times a direction, forward over reverse and reverse over reverse, is the slope of the gradient."""
    gradient = compiler.grad(scalar_of(fn))
    leaves, spec = flatten(args[0])
    rng = np.random.default_rng(3)
    direction = [rng.standard_normal(np.shape(leaf)) for leaf in leaves]

    @compiler.jit
    def products(x: Any, direction: Any) -> Any:
        def along(x: Any) -> Any:
            return sum((g * d).sum() for g, d in zip(flatten(gradient(x, *args[1:]))[0], direction, strict=True))

        forward = compiler.jvp(lambda x: gradient(x, *args[1:]), (x,), (unflatten(spec, direction),))[1]
        return forward, compiler.grad(along)(x)

    def at(step: float) -> Any:
        moved = [x + step * d for x, d in zip(leaves, direction, strict=True)]
        return flatten(gradient(unflatten(spec, moved), *args[1:]))[0]

    h = 1e-5
    for product in products(args[0], direction):
        for got, above, below in zip(flatten(product)[0], at(h), at(-h), strict=True):
            slope = (above - below) / (2 * h)
            np.testing.assert_allclose(got, slope, rtol=1e-4, atol=1e-5 * (1 + np.abs(slope).max()))
