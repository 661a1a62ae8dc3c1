"""`jacfwd`, `jacrev`, `hessian`: values, the structure of blocks, one evaluation of the function, misuse."""

import numpy as np
import pytest

import compiler
from compiler.pytrees import flatten

JACOBIANS = [compiler.jacfwd, compiler.jacrev]
X = np.array([0.3, -1.2, 2.0])
W = np.arange(6.0).reshape(2, 3) - 2.5


@pytest.mark.parametrize("jacobian", JACOBIANS)
def test_blocks_have_the_shape_of_the_result_and_then_of_the_argument(jacobian):
    by_x, by_w = jacobian(lambda x, w: np.tanh(w @ x), argnums=(0, 1))(X, W)
    slope = 1 - np.tanh(W @ X) ** 2
    np.testing.assert_allclose(by_x, slope[:, None] * W, rtol=1e-14)
    expected = np.zeros((2, 2, 3))
    for i in range(2):
        expected[i, i] = slope[i] * X
    np.testing.assert_allclose(by_w, expected, rtol=1e-14)


@pytest.mark.parametrize("jacobian", JACOBIANS)
def test_a_tree_of_results_holds_trees_of_arguments(jacobian):
    def f(p, scale):
        return {"product": p["w"] @ p["x"] * scale, "parts": (p["x"][:2], scale * 1.0)}

    blocks, (of_scale,) = (
        jacobian(f)({"x": X, "w": W}, 2.0),
        [jacobian(f, argnums=argnums)({"x": X, "w": W}, 2.0) for argnums in [(1,)]],
    )
    assert set(blocks) == {"product", "parts"}
    np.testing.assert_allclose(blocks["product"]["x"], 2 * W)
    np.testing.assert_allclose(blocks["product"]["w"], 2 * np.eye(2)[:, :, None] * X)
    np.testing.assert_array_equal(blocks["parts"][0]["x"], np.eye(2, 3))
    np.testing.assert_array_equal(blocks["parts"][1]["w"], np.zeros((2, 3)))
    np.testing.assert_allclose(of_scale["product"][0], W @ X)
    np.testing.assert_array_equal(of_scale["parts"][1][0], 1.0)


@pytest.mark.parametrize("jacobian", JACOBIANS)
def test_dtypes_of_leaves_are_kept(jacobian):
    x, y = np.float32([1, 2]), np.array([3.0, 4.0])
    blocks = jacobian(lambda x, y: {"a": x * x, "b": y * x[::-1].astype(np.float64)}, argnums=(0, 1))(x, y)
    np.testing.assert_array_equal(blocks["a"][0], np.diag(2 * x))
    np.testing.assert_array_equal(blocks["b"][0], np.diag(y)[:, ::-1])
    np.testing.assert_array_equal(blocks["b"][1], np.diag(x[::-1]))
    by_x = np.float64 if jacobian is compiler.jacfwd else np.float32
    assert [leaf.dtype for leaf in flatten(blocks)[0]][:2] == [np.float32, blocks["a"][1].dtype]
    assert blocks["b"][0].dtype == by_x


@pytest.mark.parametrize("jacobian", [*JACOBIANS, compiler.hessian])
def test_auxiliary_data_and_arguments_by_name_pass_through(jacobian):
    def f(x, *, power, kind):
        assert kind == "sum"
        return (x**3).sum() * power, {"x": x * 2, "count": np.arange(3)}

    _, aux = jacobian(f, has_aux=True)(X, power=2.0, kind="sum")
    np.testing.assert_array_equal(aux["x"], 2 * X)
    np.testing.assert_array_equal(aux["count"], np.arange(3))


@pytest.mark.parametrize("jacobian", JACOBIANS)
def test_empty_arguments_and_results(jacobian):
    assert jacobian(lambda x: x * 2)(np.zeros((0, 2))).shape == (0, 2, 0, 2)
    assert jacobian(lambda x: x[:0])(X).shape == (0, 3)
    assert jacobian(lambda x: np.ones(2) * x.sum())(X[:0]).shape == (2, 0)
    assert jacobian(lambda x: {"none": None})(X) == {"none": None}


def test_hessian_of_a_tree_is_symmetric():
    def f(p):
        return (np.sin(p["x"]) * (p["y"] @ p["x"])).sum()

    rng = np.random.default_rng(0)
    p = {"x": rng.standard_normal(3), "y": rng.standard_normal((2, 3))[:, :3][0]}
    blocks = compiler.hessian(f)(p)
    np.testing.assert_allclose(blocks["x"]["y"], blocks["y"]["x"].T, rtol=1e-12)
    np.testing.assert_allclose(blocks["y"]["y"], np.zeros((3, 3)), atol=1e-15)
    x, y = p["x"], p["y"]
    expected = np.outer(np.cos(x), y) + np.outer(y, np.cos(x)) - np.diag(np.sin(x)) * (y @ x)
    np.testing.assert_allclose(blocks["x"]["x"], expected, rtol=1e-12)


def test_jacobians_nest_with_everything():
    def f(x):
        return np.sin(x) * x.sum()

    expected = np.diag(np.cos(X) * X.sum()) + np.sin(X)[:, None]
    batch = np.stack([X, 2 * X])
    mapped = compiler.vmap(compiler.jacrev(f))(batch)
    np.testing.assert_allclose(mapped[0], expected, rtol=1e-12)
    jitted = compiler.jit(compiler.jacfwd(compiler.jit(f)))
    np.testing.assert_allclose(jitted(2 * X), mapped[1], rtol=1e-12)
    third = compiler.jacfwd(compiler.jacrev(compiler.jacfwd(f)))(X)
    assert third.shape == (3, 3, 3, 3)
    np.testing.assert_allclose(third, compiler.jacrev(compiler.hessian(f))(X), rtol=1e-12, atol=1e-14)
    traces = compiler.grad(lambda x: np.trace(compiler.jacrev(f)(x)))(X)
    step = 1e-6 * np.eye(3)
    trace = compiler.jit(lambda x: np.trace(compiler.jacfwd(f)(x)))
    np.testing.assert_allclose(traces, [(trace(X + s) - trace(X - s)) / 2e-6 for s in step], rtol=1e-6)


@pytest.mark.parametrize("jacobian", JACOBIANS)
def test_the_function_is_computed_once_for_all_directions(jacobian):
    text = compiler.jit(jacobian(lambda x: np.exp(np.tanh(x)))).lower(X).as_text("autodiff")
    assert text.count("dlc.tanh") == text.count("dlc.exp") == 1
    assert "dlc.tanh %x : tensor<3xf64>" in text


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: compiler.jacfwd(lambda i: i)(np.arange(3)), compiler.DtypeError, r"argument i of .* int64\[3\]"),
        (lambda: compiler.jacrev(lambda x: x > 0)(X), compiler.DtypeError, "jacrev: the result of .* is bool"),
        (lambda: compiler.jacfwd(lambda x: {"a": x > 0})(X), compiler.DtypeError, r"result\['a'\] of .*has_aux=True"),
        (lambda: compiler.hessian(lambda x: x, argnums=2)(X), compiler.ArgumentError, "names argument 2, but"),
        (lambda: compiler.jacrev(lambda x: x, argnums=1.5), compiler.ArgumentError, "jacrev: argnums has 1.5"),
        (
            lambda: compiler.jacfwd(lambda x: x, has_aux=True)(X),
            compiler.ArgumentError,
            "jacfwd: with has_aux, <lambda>",
        ),
        (lambda: compiler.jacfwd(3), compiler.ArgumentError, "jacfwd: expected a function, got int"),
    ],
)
def test_misuse_is_explained(call, error, message):
    with pytest.raises(error, match=message) as caught:
        call()
    assert "test_jacobians.py:" in str(caught.value)
