"""`vmap` with axes over trees, shared results, sizes without arguments, and misuse."""

from typing import Any, NamedTuple

import numpy as np
import pytest

import compiler

X = np.arange(12.0).reshape(3, 4)


class Pair(NamedTuple):
    """A node of a tree."""

    first: Any
    second: Any


def test_axes_may_be_trees_that_the_argument_begins_with():
    tree = {"a": (X, X.T), "b": Pair(X, None), "c": 2.0}
    axes = {"a": (0, -1), "b": 0, "c": None}

    def f(tree):
        assert tree["b"].second is None
        return tree["a"][0] + tree["a"][1] * tree["c"] + tree["b"].first

    np.testing.assert_array_equal(compiler.vmap(f, in_axes=(axes,))(tree), 4 * X)
    np.testing.assert_array_equal(compiler.vmap(f, in_axes=[axes])(tree), 4 * X)
    named = compiler.vmap(lambda p: p.first @ p.second, in_axes=(Pair(0, None),))(Pair(X, np.ones(4)))
    np.testing.assert_array_equal(named, X.sum(axis=1))


def test_arguments_by_name_are_mapped_over_axis_0():
    result = compiler.vmap(lambda x, *, scale: x * scale["s"], in_axes=1)(X, scale={"s": np.arange(4.0)})
    np.testing.assert_array_equal(result, (X * np.arange(4.0)).T)


def test_out_axes_may_be_trees_negative_and_none():
    def f(x, w):
        return {"x": x, "w": (w * 2, None), "n": 3}, Pair(x.sum(), np.ones(2))

    axes = ({"x": -1, "w": None, "n": None}, Pair(0, None))
    named, pair = compiler.vmap(f, in_axes=(0, None), out_axes=axes)(X, np.arange(2.0))
    np.testing.assert_array_equal(named["x"], X.T)
    np.testing.assert_array_equal(named["w"][0], [0, 2])
    assert named["w"][1] is None
    assert named["n"] == 3
    np.testing.assert_array_equal(pair.first, X.sum(axis=1))
    np.testing.assert_array_equal(pair.second, [1, 1])


def test_shared_results_may_come_through_inner_functions_and_transforms():
    inner = compiler.jit(lambda x, w: (x * w, w + 1))

    def f(x, w):
        product, shifted = inner(x, w)
        value, gradient = compiler.value_and_grad(lambda w: (w * w).sum())(w)
        return product, shifted, value, gradient

    def batch(w):
        return compiler.vmap(f, in_axes=(0, None), out_axes=(0, None, None, None))(X[0], w)

    product, shifted, value, gradient = batch(3.0)
    np.testing.assert_array_equal(product, 3 * X[0])
    assert (shifted, value, gradient) == (4, 9, 6)
    np.testing.assert_array_equal(compiler.grad(lambda w: sum(r.sum() for r in batch(w)))(3.0), X[0].sum() + 1 + 6 + 2)
    twice = compiler.vmap(batch, out_axes=(1, 0, 0, 0))(np.arange(2.0))
    np.testing.assert_array_equal(twice[0], np.outer(X[0], np.arange(2.0)))
    np.testing.assert_array_equal(twice[1], [1, 2])


def test_axis_size_gives_the_number_of_examples():
    np.testing.assert_array_equal(compiler.vmap(lambda: 3.0, axis_size=2)(), [3, 3])
    np.testing.assert_array_equal(compiler.vmap(np.sin, in_axes=None, axis_size=2)(0.0), [0, 0])
    assert compiler.vmap(lambda x: x * 2)(np.ones((0, 3))).shape == (0, 3)
    shared = compiler.vmap(lambda x: np.ones(2), out_axes=None)(np.ones(0))
    np.testing.assert_array_equal(shared, [1, 1])


def test_functions_and_strings_that_are_not_mapped_pass_through():
    def f(x, mode, function):
        return function(x) if mode == "apply" else x

    np.testing.assert_array_equal(compiler.vmap(f, in_axes=(0, None, None))(X, "apply", np.square), X * X)
    np.testing.assert_array_equal(compiler.grad(lambda x, f, n: f(x).sum())(X, np.square, "s"), 2 * X)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: compiler.vmap(np.sin, in_axes="x"), compiler.ArgumentError, "in_axes is 'x'; use an integer"),
        (
            lambda: compiler.vmap(np.sin, in_axes={"x": 0}),
            compiler.ArgumentError,
            "a tuple with one entry per argument",
        ),
        (lambda: compiler.vmap(np.add, in_axes=(0,))(X, X), compiler.ArgumentError, "has 1 entries for 2 arguments"),
        (
            lambda: compiler.vmap(np.sin, in_axes=({"a": 0},))({"b": X}),
            compiler.ArgumentError,
            "does not match the arg",
        ),
        (lambda: compiler.vmap(np.sin, in_axes=((0, 0),))([X, X]), compiler.ArgumentError, "in_axes .* does not match"),
        (lambda: compiler.vmap(np.sin, in_axes=(1.5,))(X), compiler.ArgumentError, "in_axes has 1.5; use integers"),
        (lambda: compiler.vmap(np.sin, out_axes=(0, 0))(X), compiler.ArgumentError, "out_axes .* the result"),
        (
            lambda: compiler.vmap(np.sin, out_axes=2)(X),
            compiler.ShapeError,
            r"at axis 2 of the result of sin, of shape",
        ),
        (lambda: compiler.vmap(np.sin, axis_size=4)(X), compiler.ShapeError, "argument arg0 has size 3 .* expected 4"),
        (
            lambda: compiler.vmap(np.sin, in_axes=None)(1.0),
            compiler.ArgumentError,
            "no argument is mapped; .* or give axis_size",
        ),
        (lambda: compiler.vmap(np.sin)("a"), compiler.ShapeError, r"axis 0 does not exist in argument arg0 of shape"),
        (
            lambda: compiler.vmap(lambda x: {"a": x}, out_axes=None)(X),
            compiler.ArgumentError,
            r"out_axes is None for the result\['a'\] of <lambda>, which differs",
        ),
    ],
)
def test_misuse_is_explained(call, error, message):
    with pytest.raises(error, match=message) as caught:
        call()
    assert "test_vmap.py:" in str(caught.value)
