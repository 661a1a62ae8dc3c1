"""`np.einsum`: all its formats, the order of contraction, and derivatives."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from traced import assert_as_numpy

import compiler
from compiler.errors import ShapeError

EQUATIONS: dict[str, Callable[[Any], Any]] = {
    "lists": lambda x: (
        np.einsum(x, [0, 1, 2], x, [0, 1, 3], [2, 3]),
        np.einsum(x[0], [5, 5]),
        np.einsum(x, [Ellipsis, 7], x[0, 0], [7], [Ellipsis]),
        np.einsum(x, [2, 0, 1]),
    ),
    "repeated": lambda x: (
        np.einsum("iii->i", x),
        np.einsum("iij->j", x),
        np.einsum("iij,jk->ik", x, x[0]),
        np.einsum("ii,jj->ij", x[0], x[1]),
    ),
    "dots": lambda x: (
        np.einsum("...ij,...jk->...ik", x, x),
        np.einsum("i...j,j", x, x[0, 0]),
        np.einsum("...,...", x, x[0]),
    ),
    "many": lambda x: (
        np.einsum("ij,jk,kl,lm->im", *x, x[0], optimize=True),
        np.einsum("ij,ij,jk,ik->", *x, x[0]),
        np.einsum("ij,k,l->ijkl", x[0], x[1, 0], x[2, 0], optimize="optimal"),
        np.einsum("ij,jk,kl->il", *x, optimize=["einsum_path", (1, 2), (0, 1)]),
        np.einsum("ij,jk,kl->il", *x, optimize=["einsum_path", (0, 1, 2)]),
        np.einsum("i,i,i,i->i", *x[:, 0], x[0, 1]),
    ),
    "broadcast": lambda x: (np.einsum("ij,ij->ij", x[0], x[1, :1]), np.einsum("...i,...i", x[:, :1], x[1])),
    "scalars": lambda x: (np.einsum(",ij,->ij", x[0, 0, 0], x[0], x[0, 0, 1]), np.einsum("ij->", x[0])),
}


@pytest.mark.parametrize("dtype", [np.int64, np.float32, np.float64])
@pytest.mark.parametrize("name", EQUATIONS)
def test_einsum_is_as_in_numpy(name: str, dtype: Any) -> None:
    x = np.random.default_rng(0).integers(-3, 4, (3, 3, 3)).astype(dtype)
    assert_as_numpy(EQUATIONS[name], x, ulps=64)


def test_a_chain_is_contracted_in_the_cheap_order() -> None:
    def fn(a: Any, b: Any, c: Any) -> Any:
        return np.einsum("ij,jk,k->i", a, b, c)

    lowered = compiler.jit(fn).lower(np.ones((50, 60)), np.ones((60, 70)), np.ones(70))
    assert "tensor<50x70xf64>" not in lowered.as_text("tensor")


def test_einsum_path_of_traced_arrays_is_that_of_their_shapes() -> None:
    shapes = ((2, 30), (30, 4), (4, 5))
    found: list[Any] = []

    def fn(*arrays: Any) -> Any:
        found.append(np.einsum_path("ij,jk,kl->il", *arrays, optimize="optimal"))
        return arrays[0]

    arrays = [np.ones(shape) for shape in shapes]
    compiler.jit(fn)(*arrays)
    assert found == [np.einsum_path("ij,jk,kl->il", *arrays, optimize="optimal")]


def test_gradient_and_batch_of_a_planned_einsum() -> None:
    rng = np.random.default_rng(0)
    a, b, c = rng.normal(size=(3, 4)), rng.normal(size=(4, 5)), rng.normal(size=(2, 5, 3))

    def fn(a: Any, b: Any, c: Any) -> Any:
        return np.einsum("ij,jk,ki->i", a, b, c)

    batched = compiler.jit(lambda a, b, c: compiler.vmap(lambda c: fn(a, b, c))(c))(a, b, c)
    np.testing.assert_allclose(batched, np.einsum("ij,jk,nki->ni", a, b, c), rtol=1e-13)
    grad = compiler.jit(compiler.grad(lambda a: fn(a, b, c[0]).sum()))(a)
    np.testing.assert_allclose(grad, np.einsum("jk,ki->ij", b, c[0]), rtol=1e-13)


def test_misuse_is_refused() -> None:
    x = np.ones((2, 3))
    with pytest.raises(ShapeError, match="'j' in 'ij,jk' has the sizes 3 and 2"):
        compiler.jit(lambda x: np.einsum("ij,jk", x, x))(x)
    with pytest.raises(ShapeError, match="not all between 0 and 51"):
        compiler.jit(lambda x: np.einsum(x, [0, 52]))(x)
