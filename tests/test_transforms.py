"""The transforms: values against NumPy and central differences, nesting, trees, errors."""

import numpy as np
import pytest

import compiler


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def central_differences(f, x, step=1e-6):
    gradient = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        ahead, behind = x.copy(), x.copy()
        ahead[index] += step
        behind[index] -= step
        gradient[index] = (f(ahead) - f(behind)) / (2 * step)
    return gradient


FUNCTIONS = {
    "polynomial": lambda x: (x**3 - 2 * x * x).sum(),
    "softmax": lambda x: (compiler.nn.softmax(x) ** 2).sum(),
    "layer_norm": lambda x: (compiler.nn.layer_norm(x, x.shape[-1]) ** 3).sum(),
    "gelu": lambda x: compiler.nn.gelu(x).sum(),
    "gelu_tanh": lambda x: compiler.nn.gelu(x, approximate="tanh").sum(),
    "matmul": lambda x: np.tanh(x @ x.T).sum(),
    "slices": lambda x: (x[1:, ::2] * x[:-1, ::2]).sum() + x[0, -1] ** 2,
    "where": lambda x: np.where(x > 0, np.sin(x), x * x).sum(),
    "max": lambda x: x.max(axis=1).sum() * x.min(),
    "gather": lambda x: (x[np.array([0, 2, 0])] ** 2).sum(),
    "cross_entropy": lambda x: compiler.nn.cross_entropy(x, np.array([1, 0, 3])),
    "assignment": lambda x: _assigned(x).sum(),
}


def _assigned(x):
    y = x * 2
    y[0] = x[1] * x[2]
    y[:, 1] *= 3
    return y * y


@pytest.mark.parametrize("name", FUNCTIONS)
def test_grad_equals_central_differences(name, rng):
    f = FUNCTIONS[name]
    x = rng.standard_normal((3, 4))
    jitted = compiler.jit(f)
    gradient = compiler.grad(f)(x)
    assert gradient.dtype == np.float64
    np.testing.assert_allclose(gradient, central_differences(jitted, x), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_jvp_equals_grad(name, rng):
    f = FUNCTIONS[name]
    x, dx = rng.standard_normal((2, 3, 4))
    value, tangent = compiler.jvp(f, (x,), (dx,))
    np.testing.assert_allclose(value, compiler.jit(f)(x), rtol=1e-12)
    np.testing.assert_allclose(tangent, (compiler.grad(f)(x) * dx).sum(), rtol=1e-10)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_second_derivative_equals_differences_of_the_first(name, rng):
    f = FUNCTIONS[name]
    x, v = rng.standard_normal((2, 3, 4))

    def directional(x):
        return (compiler.grad(f)(x) * v).sum()

    hessian_vector = compiler.jit(compiler.grad(directional))(x)
    step = 1e-5
    gradient = compiler.jit(compiler.grad(f))
    expected = (gradient(x + step * v) - gradient(x - step * v)) / (2 * step)
    np.testing.assert_allclose(hessian_vector, expected, rtol=1e-4, atol=1e-5)
    forward_over_reverse = compiler.jvp(compiler.grad(f), (x,), (v,))[1]
    np.testing.assert_allclose(forward_over_reverse, hessian_vector, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_vmap_of_grad_equals_a_loop(name, rng):
    f = FUNCTIONS[name]
    batch = rng.standard_normal((5, 3, 4))
    gradient = compiler.grad(f)
    expected = np.stack([gradient(x) for x in batch])
    np.testing.assert_allclose(compiler.vmap(gradient)(batch), expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_grad_of_vmap_equals_vmap_of_grad(name, rng):
    f = FUNCTIONS[name]
    batch = rng.standard_normal((5, 3, 4))
    summed = compiler.grad(lambda xs: compiler.vmap(f)(xs).sum())(batch)
    np.testing.assert_allclose(summed, compiler.vmap(compiler.grad(f))(batch), rtol=1e-10, atol=1e-12)


def test_value_and_grad_over_trees(rng):
    params = {
        "layers": [(rng.standard_normal((4, 3)), np.zeros(3)), (rng.standard_normal((3, 2)), np.zeros(2))],
        "scale": 2.0,
    }
    x = rng.standard_normal((5, 4))

    def loss(params, x):
        for w, b in params["layers"]:
            x = np.tanh(x @ w + b)
        return (x * params["scale"]).sum()

    value, gradients = compiler.value_and_grad(loss)(params, x)
    np.testing.assert_allclose(value, loss(params, x), rtol=1e-12)
    assert set(gradients) == {"layers", "scale"}
    assert gradients["layers"][1][0].shape == (3, 2)
    np.testing.assert_allclose(gradients["scale"], loss(params, x) / 2.0, rtol=1e-12)


def test_argnums_and_aux(rng):
    x, y = rng.standard_normal((2, 3))

    def f(x, y):
        return (x * y).sum(), {"x": x, "count": 3}

    (gx, gy), aux = compiler.grad(f, argnums=(0, 1), has_aux=True)(x, y)
    np.testing.assert_array_equal(gx, y)
    np.testing.assert_array_equal(gy, x)
    np.testing.assert_array_equal(aux["x"], x)
    value, gradient = compiler.value_and_grad(f, argnums=-1, has_aux=True)(x, y)
    np.testing.assert_allclose(value[0], x @ y)
    np.testing.assert_array_equal(gradient, x)


def test_vjp_pulls_back_any_cotangent(rng):
    x, w = rng.standard_normal((3, 4)), rng.standard_normal((4, 2))
    out, pull_back = compiler.vjp(lambda x, w: x @ w, x, w)
    ct = rng.standard_normal(out.shape)
    dx, dw = pull_back(ct)
    np.testing.assert_allclose(dx, ct @ w.T)
    np.testing.assert_allclose(dw, x.T @ ct)


def test_vjp_inside_jit(rng):
    x = rng.standard_normal(4)

    @compiler.jit
    def hessian_diagonal(x):
        _, pull_back = compiler.vjp(compiler.grad(lambda x: (x**4).sum()), x)
        return pull_back(np.ones(4))[0]

    np.testing.assert_allclose(hessian_diagonal(x), 12 * x**2, rtol=1e-12)


def test_gradient_through_a_closure_in_an_inner_transform(rng):
    x = rng.standard_normal(3)

    def f(x):
        inner = compiler.grad(lambda y: (y * y * x).sum())  # captures x, which is differentiated outside
        return inner(x).sum()

    np.testing.assert_allclose(compiler.grad(f)(x), 4 * x, rtol=1e-12)


def test_vmap_axes(rng):
    a, b = rng.standard_normal((3, 5)), rng.standard_normal((5, 4))
    products = compiler.vmap(np.dot, in_axes=(None, 1), out_axes=1)(a, b)
    np.testing.assert_allclose(products, a @ b, rtol=1e-12)
    tree = {"a": a, "b": b.T}
    sums = compiler.vmap(lambda t: t["a"].sum() + t["b"].sum(), in_axes=({"a": 1, "b": 1},))(tree)
    np.testing.assert_allclose(sums, a.sum(axis=0) + b.sum(axis=1), rtol=1e-12)


def test_vmap_twice_equals_outer_product(rng):
    a, b = rng.standard_normal(3), rng.standard_normal(4)
    outer = compiler.vmap(compiler.vmap(np.multiply, in_axes=(None, 0)), in_axes=(0, None))(a, b)
    np.testing.assert_array_equal(outer, np.outer(a, b))


def test_unused_argument_has_zero_gradient(rng):
    x, y = rng.standard_normal((2, 3))
    np.testing.assert_array_equal(compiler.grad(lambda x, y: (y * y).sum())(x, y), np.zeros(3))


def test_nothing_that_the_user_passes_is_changed(rng):
    x = rng.standard_normal((3, 4))
    kept = x.copy()

    def f(x):
        x[0] = 7
        x *= 2
        return x.sum()

    compiler.jit(f)(x)
    compiler.grad(f)(x)
    np.testing.assert_array_equal(x, kept)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: compiler.grad(lambda x: x)(np.ones(3)),
            compiler.ShapeError,
            r"returns float64\[3\], expected a scalar",
        ),
        (
            lambda: compiler.grad(lambda x: x.sum())(np.arange(3)),
            compiler.DtypeError,
            r"int64\[3\], which has no derivative",
        ),
        (lambda: compiler.grad(lambda x: x)(1.0, 2.0), TypeError, "positional argument"),
        (lambda: compiler.grad(lambda x: x, argnums=3)(1.0), compiler.ArgumentError, "argnums names argument 3"),
        (lambda: compiler.grad(lambda x: x > 0)(1.0), compiler.DtypeError, "expected a floating-point scalar"),
        (lambda: compiler.vmap(np.add)(np.ones(3), np.ones(4)), compiler.ShapeError, "size 4 along axis 0, expected 3"),
        (lambda: compiler.vmap(np.add, in_axes=None)(1.0, 2.0), compiler.ArgumentError, "no argument is mapped"),
        (lambda: compiler.vmap(np.sin, in_axes=2)(np.ones(3)), compiler.ShapeError, "axis 2 does not exist"),
        (
            lambda: compiler.jvp(np.sin, (np.ones(3),), (np.ones(4),)),
            compiler.ShapeError,
            r"shape \(4,\), expected \(3,\)",
        ),
        (lambda: compiler.jvp(np.sin, (np.ones(3),), ()), compiler.ArgumentError, "1 primals but 0 tangents"),
    ],
)
def test_misuse_is_explained(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_naming_an_argument_twice_is_an_error():
    with pytest.raises(compiler.ArgumentError, match=r"argnums \(0, -1\) names an argument twice"):
        compiler.grad(lambda x: x.sum(), argnums=(0, -1))(np.ones(2))


def test_vjp_keeps_the_primals_as_they_were():
    x = np.array([3.0])
    _, pull_back = compiler.vjp(lambda x: x * x, x)
    x[0] = 100.0
    np.testing.assert_array_equal(pull_back(np.ones(1))[0], [6.0])


def test_has_aux_without_a_pair_is_an_error():
    with pytest.raises(compiler.ArgumentError, match=r"vjp: with has_aux, .* must return a pair"):
        compiler.vjp(lambda x: x, np.ones(1), has_aux=True)


@pytest.mark.parametrize("subscripts", ["le,se->ls", "le,es->ls", "el,se->ls", "ble,bse->bls"])
def test_cotangents_of_products_need_no_transpose(subscripts):
    sizes = {"b": 2, "l": 3, "s": 4, "e": 5}
    lhs, rhs, out = (
        np.ones([sizes[d] for d in part])
        for part in (*subscripts.split("->")[0].split(","), subscripts[-3:].strip("->"))
    )

    def pulled(lhs, rhs, weights):
        return compiler.vjp(lambda lhs, rhs: np.einsum(subscripts, lhs, rhs), lhs, rhs)[1](weights)

    assert "dlc.transpose" not in compiler.jit(pulled).lower(lhs, rhs, out).as_text("autodiff")


@pytest.mark.parametrize(
    "product",
    [lambda x, w: x @ w.T, lambda x, w: x.T.T @ w.T.T.T, compiler.nn.linear],
    ids=["once", "twice", "linear"],
)
def test_cotangents_of_transposed_factors_need_no_transpose(product):
    def loss(x, w):
        return np.sum(np.tanh(product(x, w)))

    gradients = compiler.jit(compiler.grad(loss, argnums=(0, 1)))
    x, w = np.random.default_rng(0).standard_normal((3, 4)), np.random.default_rng(1).standard_normal((5, 4))
    assert "dlc.transpose" not in gradients.lower(x, w).as_text("autodiff")
    slopes = 1 - np.tanh(x @ w.T) ** 2
    for got, want in zip(gradients(x, w), (slopes @ w, slopes.T @ x), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-12)
