"""`linearize`, `vjp`, `jvp`, `linear_transpose`, `stop_gradient`: the two halves of a derivative, inside and outside of `jit`."""

import numpy as np
import pytest

import compiler

X = np.array([0.3, -1.2, 2.0])


def f(x, y):
    return {"product": np.sin(x) * y, "count": np.arange(2)}


def test_linearized_function_is_the_jvp():
    out, push = compiler.linearize(f, X, 2.0)
    np.testing.assert_allclose(out["product"], np.sin(X) * 2.0)
    for dx, dy in [(np.ones(3), 0.0), (X, -1.0)]:
        tangent = push(dx, dy)
        np.testing.assert_allclose(tangent["product"], np.cos(X) * 2.0 * dx + np.sin(X) * dy, rtol=1e-14)
        np.testing.assert_array_equal(tangent["count"], [0, 0])


def test_what_was_linearized_outside_is_used_in_any_transform():
    _, push = compiler.linearize(lambda x: np.sin(x) * x, X)
    _, pull = compiler.vjp(lambda x: np.sin(x) * x, X)
    slope = np.cos(X) * X + np.sin(X)
    np.testing.assert_allclose(compiler.jit(lambda t: push(2 * t))(X), 2 * slope * X, rtol=1e-14)
    np.testing.assert_allclose(compiler.vmap(push)(np.eye(3)), np.diag(slope), rtol=1e-14)
    np.testing.assert_allclose(compiler.vmap(pull)(np.eye(3))[0], np.diag(slope), rtol=1e-14)
    np.testing.assert_allclose(compiler.grad(lambda t: push(t).sum())(X), slope, rtol=1e-14)
    twice = compiler.jit(lambda t: pull(push(t))[0] + push(pull(t)[0]))
    np.testing.assert_allclose(twice(X), 2 * slope * slope * X, rtol=1e-14)


def test_what_is_linearized_inside_nests():
    @compiler.jit
    def hessian_times(x, v):
        _, pull = compiler.vjp(lambda x: (x**4).sum(), x)
        _, push = compiler.linearize(lambda x: compiler.vjp(lambda x: (x**4).sum(), x)[1](1.0)[0], x)
        return push(v), pull(1.0)[0]

    product, gradient = hessian_times(X, np.ones(3))
    np.testing.assert_allclose(product, 12 * X**2, rtol=1e-14)
    np.testing.assert_allclose(gradient, 4 * X**3, rtol=1e-14)

    def of_captured(x):
        out, push = compiler.linearize(lambda y: y * y * x, x)  # x is captured, and differentiated outside
        return (push(np.ones(3)) + out).sum()

    np.testing.assert_allclose(compiler.grad(of_captured)(X), 4 * X + 3 * X**2, rtol=1e-14)
    np.testing.assert_allclose(compiler.jvp(of_captured, (X,), (X,))[1], (4 * X**2 + 3 * X**3).sum(), rtol=1e-14)
    np.testing.assert_allclose(compiler.vmap(of_captured)(np.diag(X)), 2 * X**2 + X**3, rtol=1e-14)


def test_pullback_may_be_called_in_an_inner_function():
    def g(x):
        _, pull = compiler.vjp(np.exp, x)
        return compiler.vmap(lambda ct: pull(ct)[0])(np.eye(3))

    np.testing.assert_allclose(compiler.jit(g)(X), np.diag(np.exp(X)), rtol=1e-14)


def test_the_function_is_computed_once():
    def both(x):
        out, pull = compiler.vjp(lambda x: np.exp(np.tanh(x)), x)
        return out, pull(out), pull(np.ones(3))

    text = compiler.jit(both).lower(X).as_text("autodiff")
    assert text.count("dlc.tanh") == text.count("dlc.exp") == 1

    calls = []

    def counted(x):
        calls.append(x)
        return x * x

    _, pull = compiler.vjp(counted, X)
    _, push = compiler.linearize(counted, X)
    for _ in range(3):
        pull(X), push(X)
    assert len(calls) == 2


def test_auxiliary_data_is_passed_through():
    def g(x):
        return x * x, (x + 1, np.arange(2))

    out, tangent, aux = compiler.jvp(g, (X,), (np.ones(3),), has_aux=True)
    np.testing.assert_array_equal(tangent, 2 * X)
    out, pull, aux_of_vjp = compiler.vjp(g, X, has_aux=True)
    np.testing.assert_allclose(pull(out)[0], 2 * X**3, rtol=1e-14)
    _, push, aux_of_linearize = compiler.linearize(g, X, has_aux=True)
    np.testing.assert_array_equal(push(X), 2 * X * X)
    for shifted, numbers in (aux, aux_of_vjp, aux_of_linearize):
        np.testing.assert_array_equal(shifted, X + 1)
        np.testing.assert_array_equal(numbers, [0, 1])


def test_linear_transpose_is_the_adjoint():
    a = np.arange(12.0).reshape(4, 3)

    def linear(p):
        return a @ p["x"] + p["y"].sum(), np.pad(p["y"], 1)[::-1]

    like = {"x": np.zeros(3), "y": np.zeros(2)}
    transposed = compiler.linear_transpose(linear, like)
    u, v = {"x": X, "y": np.array([3.0, -1.0])}, (np.arange(4.0), np.array([2.0, 3.0, 5.0, 7.0]))
    ax, ay = linear(u)
    for function in (transposed, compiler.jit(transposed)):
        (back,) = function(v)
        np.testing.assert_allclose(back["x"] @ u["x"] + back["y"] @ u["y"], ax @ v[0] + ay @ v[1], rtol=1e-14)
    twice = compiler.linear_transpose(lambda v: transposed(v)[0], v)(u)[0]
    np.testing.assert_allclose(twice[0], ax)
    np.testing.assert_allclose(twice[1], ay)


def test_linear_transpose_may_use_what_does_not_depend_on_the_argument():
    def outer(w):
        return compiler.linear_transpose(lambda x: np.exp(w) * x, w)(w)[0].sum()

    np.testing.assert_allclose(compiler.grad(outer)(X), np.exp(X) * (1 + X), rtol=1e-14)


def test_stop_gradient_holds_trees_constant():
    def g(x):
        held = compiler.stop_gradient({"x": x, "n": 3})
        return (held["x"] * x).sum() * held["n"]

    np.testing.assert_array_equal(compiler.grad(g)(X), 3 * X)
    np.testing.assert_array_equal(compiler.jvp(g, (X,), (np.ones(3),))[1], 3 * X.sum())
    np.testing.assert_array_equal(compiler.stop_gradient(X), X)


def test_linearize_works_through_custom_derivatives_and_checkpoints():
    @compiler.custom_jvp
    def tripled(x):
        return 3 * x

    tripled.defjvp(lambda primals, tangents: (tripled(*primals), 5 * tangents[0] * primals[0]))
    g = compiler.checkpoint(lambda x: tripled(np.sin(x)))
    slope = 5 * np.sin(X) * np.cos(X)
    np.testing.assert_allclose(compiler.linearize(g, X)[1](X), slope * X, rtol=1e-14)
    np.testing.assert_allclose(compiler.vjp(g, X)[1](X)[0], slope * X, rtol=1e-14)
    np.testing.assert_allclose(compiler.jacrev(g)(X), np.diag(slope), rtol=1e-14)
    np.testing.assert_allclose(compiler.jacfwd(g)(X), np.diag(slope), rtol=1e-14)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: compiler.linearize(np.sin, X)[1](X[:2]), compiler.ShapeError, r"the tangent has shape \(2,\)"),
        (lambda: compiler.linearize(np.sin, X)[1]([X]), compiler.ArgumentError, "the tangent has the structure"),
        (lambda: compiler.linearize(np.sin, X)[1](X > 0), compiler.DtypeError, "has dtype bool, expected float64"),
        (lambda: compiler.vjp(np.sin, X)[1](np.float32(X)), compiler.DtypeError, "cotangent has dtype float32"),
        (lambda: compiler.vjp(lambda i: i * 1.0, np.arange(3)), compiler.DtypeError, r"vjp: argument i of .* int64"),
        (lambda: compiler.vjp(lambda x: x, X, has_aux=True), compiler.ArgumentError, "vjp: with has_aux, <lambda>"),
        (lambda: compiler.linearize(None, X), compiler.ArgumentError, "linearize: expected a function, got NoneType"),
        (lambda: compiler.jvp(np.sin, X, X), compiler.ArgumentError, "primals and tangents are tuples"),
        (
            lambda: compiler.linear_transpose(lambda x: x * x, X)(X),
            compiler.ArgumentError,
            "linear_transpose: <lambda> is not linear in its arguments",
        ),
        (
            lambda: compiler.linear_transpose(lambda x: np.where(x > 0, x, 0.0), X)(X),
            compiler.ArgumentError,
            "is not linear",
        ),
    ],
)
def test_misuse_is_explained(call, error, message):
    with pytest.raises(error, match=message) as caught:
        call()
    assert "test_linearization.py:" in str(caught.value)


def test_a_pullback_that_leaves_its_function_is_explained():
    kept = []

    def g(x):
        kept[:] = [compiler.vjp(np.sin, x)[1]]
        return x

    compiler.jit(g)(X)
    with pytest.raises(compiler.TracingError, match="after the tracing of its function has finished"):
        kept[0](X)
