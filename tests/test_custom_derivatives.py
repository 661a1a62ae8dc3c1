"""`custom_jvp` and `custom_vjp`: rules instead of derivatives, in both modes, under every transform, in control flow.

Rules differ from the derivative on purpose, so that it shows which was taken.
"""

import functools

import numpy as np
import pytest

import compiler
from compiler import grad, vmap

X = np.linspace(0.2, 1.4, 6).reshape(2, 3)


@compiler.custom_jvp
def doubled_slope(x):
    """The sine, whose rule says that it is twice as steep, in terms of the function itself."""
    return np.sin(x)


@doubled_slope.defjvp
def _(primals, tangents):
    (x,), (dx,) = primals, tangents
    return doubled_slope(x), 2 * doubled_slope(x + np.pi / 2) * dx


@compiler.custom_vjp
def scaled(x, factor):
    """The product, whose rule says that `x` counts sevenfold and `factor` not at all."""
    return x * factor


scaled.defvjp(lambda x, factor: (scaled(x, factor), factor), lambda factor, ct: (7 * factor * ct, None))


def close(actual, expected):
    np.testing.assert_allclose(actual, expected, rtol=1e-12, atol=1e-14)


def test_the_rule_is_taken_in_both_modes_and_to_second_order():
    @compiler.jit
    def everything(x):
        value, moved = compiler.jvp(doubled_slope, (x,), (x,))
        total = lambda x: doubled_slope(x).sum()  # noqa: E731
        return value, moved, grad(total)(x), grad(lambda x: grad(total)(x).sum())(x), compiler.hessian(total)(x[0])

    value, moved, slope, curvature, hessian = everything(X)
    close(value, np.sin(X))
    close(moved, 2 * np.cos(X) * X)
    close(slope, 2 * np.cos(X))
    # The rule of the rule: 2 f(x + π/2) is doubled again.
    close(curvature, 4 * np.cos(X + np.pi / 2))
    close(hessian, np.diag(4 * np.cos(X[0] + np.pi / 2)))


def test_the_backward_rule_is_taken_and_none_is_zero():
    to_x, to_factor = compiler.jit(grad(lambda x, factor: (scaled(x, factor) ** 2).sum(), (0, 1)))(X, 3.0)
    close(to_x, 2 * X * 3 * 3 * 7)
    close(to_factor, 0.0)
    # A backward rule is differentiated like any function.
    close(grad(lambda x: grad(lambda x: (scaled(x, 3.0) ** 2).sum())(x).sum())(X), np.full_like(X, 2 * 3 * 7 * 3 * 7))


@pytest.mark.parametrize("in_axes", [(0, 0), (0, None), (None, 0)], ids=str)
def test_batched_rules_equal_a_loop(in_axes):
    x = X if in_axes[0] == 0 else X[0]
    factor = np.array([2.0, -3.0]) if in_axes[1] == 0 else np.array(2.0)

    def total(x, factor):
        return (doubled_slope(scaled(x, factor)) ** 2).sum()

    def of_example(i):
        return grad(total, (0, 1))(x[i] if in_axes[0] == 0 else x, factor[i] if in_axes[1] == 0 else factor)

    expected = [np.stack(parts) for parts in zip(*map(of_example, range(2)), strict=True)]
    for actual, right in zip(vmap(grad(total, (0, 1)), in_axes)(x, factor), expected, strict=True):
        close(actual, right)
    # Outside the derivative, cotangents of what the examples share are summed.
    outside = grad(lambda x, factor: vmap(total, in_axes)(x, factor).sum(), (0, 1))(x, factor)
    for actual, right, axis in zip(outside, expected, in_axes, strict=True):
        close(actual, right if axis == 0 else right.sum(axis=0))


LOOPS = {
    "scan": lambda x: compiler.scan(lambda c, row: (doubled_slope(scaled(c, row)), c), x[0], x)[0],
    "fori_loop": lambda x: compiler.fori_loop(0, 2, lambda i, c: doubled_slope(scaled(c, x[i])), x[0]),
    "while_loop": lambda x: compiler.while_loop(
        lambda s: s[0] < 2, lambda s: (s[0] + 1, doubled_slope(scaled(s[1], x[s[0]]))), (0, x[0]), max_steps=4
    )[1],
    "cond": lambda x: compiler.cond(
        x.sum() > 0, lambda x: doubled_slope(scaled(doubled_slope(scaled(x[0], x[0])), x[1])), lambda x: x[0], x
    ),
    "checkpoint": compiler.checkpoint(lambda x: doubled_slope(scaled(doubled_slope(scaled(x[0], x[0])), x[1]))),
}


@pytest.mark.parametrize("name", LOOPS)
def test_rules_are_taken_inside_of(name):
    def unrolled(x):
        return doubled_slope(scaled(doubled_slope(scaled(x[0], x[0])), x[1]))

    def slopes(fn):
        total = lambda x: fn(x).sum()  # noqa: E731
        return compiler.jit(lambda x: (grad(total)(x), vmap(grad(total))(np.stack([x, 2 * x]))))(X)

    for actual, expected in zip(slopes(LOOPS[name]), slopes(unrolled), strict=True):
        close(actual, expected)


def test_trees_integers_and_none_pass_through():
    @compiler.custom_vjp
    def pick(tree):
        return {"row": tree["table"][tree["index"]], "none": None, "index": tree["index"]}

    def backward(tree, ct):
        return ({"table": np.ones_like(tree["table"]) * ct["row"].sum(), "index": None},)

    pick.defvjp(lambda tree: (pick(tree), tree), backward)
    result = pick({"table": X, "index": 1})
    close(result["row"], X[1])
    assert result["none"] is None
    assert result["index"] == 1
    close(grad(lambda x: (pick({"table": x, "index": 1})["row"] * 2).sum())(X), np.full_like(X, 6.0))


def test_arguments_that_are_not_differentiated_come_first():
    @functools.partial(compiler.custom_jvp, nondiff_argnums=(0, 2))
    def apply(fn, x, n):
        return fn(x) * n

    apply.defjvp(lambda fn, n, primals, tangents: (apply(fn, *primals, n), 5 * n * tangents[0]))
    close(apply(np.sin, X, 3), np.sin(X) * 3)
    close(grad(lambda x: apply(np.sin, x, 3).sum())(X), np.full_like(X, 15.0))


def test_one_rule_per_argument_is_summed():
    @compiler.custom_jvp
    def product(x, y, z):
        return x * y * z

    product.defjvps(lambda dx, out, x, y, z: dx * out / x, None, lambda dz, out, x, y, z: 3 * dz * x * y)
    gradients = grad(product, (0, 1, 2))(2.0, 3.0, 5.0)
    close(gradients, (15.0, 0.0, 18.0))


def test_rules_may_use_what_is_around_them():
    def total(x, w):
        @compiler.custom_jvp
        def f(x):
            return x * w

        f.defjvp(lambda primals, tangents: (primals[0] * w, 10 * w * tangents[0]))
        return f(x).sum()

    close(compiler.jit(grad(total))(X, 2.0), np.full_like(X, 20.0))
    with pytest.raises(compiler.UnsupportedError, match="uses a value from around it that is being differentiated"):
        grad(total, argnums=1)(X, 2.0)


def with_rules(fwd, bwd):
    @compiler.custom_vjp
    def f(x):
        return x * 2

    f.defvjp(fwd, bwd)
    return lambda: grad(lambda x: f(x).sum())(X)


def with_rule(rule):
    @compiler.custom_jvp
    def f(x):
        return x * 2

    f.defjvp(rule)
    return lambda: grad(lambda x: f(x).sum())(X)


def saved(x):
    return x * 2, None


MISUSES = {
    "a rule that is missing": (
        lambda: compiler.custom_jvp(np.sin)(X), compiler.ArgumentError, r"has no rule yet; give one with `.defjvp\(…\)`"),
    "rules that are missing": (
        lambda: compiler.custom_vjp(np.sin)(X), compiler.ArgumentError, r"has no rule yet; give one with `.defvjp\(…\)`"),
    "no function": (lambda: compiler.custom_jvp(3), compiler.ArgumentError, "expected a function, got int"),
    "forward mode of a reverse rule": (
        lambda: compiler.jvp(lambda x: scaled(x, 2.0), (X,), (X,)), compiler.UnsupportedError, "rule for reverse mode only"),
    "a rule without a pair": (
        with_rule(lambda p, t: p[0]), compiler.ArgumentError, r"must return a pair \(output, tangent\)"),
    "a tangent of another shape": (
        with_rule(lambda p, t: (p[0], t[0][0])), compiler.ShapeError, r"the tangent .* has shape \(3,\), expected \(2, 3\)"),
    "a tangent of another dtype": (
        with_rule(lambda p, t: (p[0], t[0].astype(np.float32))), compiler.DtypeError, "dtype float32, expected float64"),
    "a forward rule without a pair": (
        with_rules(lambda x: x, lambda _, ct: (ct,)), compiler.ArgumentError, r"must return a pair \(output, residuals\)"),
    "too few cotangents": (
        with_rules(saved, lambda _, ct: ()), compiler.ArgumentError, "one cotangent for each of the 1 arguments"),
    "a cotangent of another shape": (
        with_rules(saved, lambda _, ct: (ct[0],)), compiler.ShapeError, r"shape \(3,\), expected \(2, 3\)"),
    "a cotangent of another structure": (
        with_rules(saved, lambda _, ct: ((ct, ct),)), compiler.ArgumentError, "has the structure"),
}  # fmt: skip


@pytest.mark.parametrize("name", MISUSES)
def test_misuse_is_explained(name):
    call, error, message = MISUSES[name]
    with pytest.raises(error, match=message):
        call()
