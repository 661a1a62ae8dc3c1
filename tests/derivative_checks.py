"""Derivatives compared with differences of values, of real and complex arrays."""

from typing import Any

import numpy as np

import compiler


def sample(*shape: int, seed: int = 0, dtype: Any = np.complex128) -> np.ndarray[Any, Any]:
    random = np.random.default_rng(seed)
    real, imag = random.normal(size=(2, *shape))
    return (real + 1j * imag).astype(dtype) if np.dtype(dtype).kind == "c" else real.astype(dtype)


def leaves(value: Any) -> list[np.ndarray[Any, Any]]:
    if isinstance(value, tuple | list):
        return [leaf for part in value for leaf in leaves(part)]
    return [np.asarray(value)]


def pairing(xs: Any, ys: Any) -> float:
    """The real bilinear form that JAX's convention transposes with: nothing is conjugated."""
    return sum(np.sum(x * y).real for x, y in zip(leaves(xs), leaves(ys), strict=True))


def check_derivatives(fn: Any, *points: Any, reverse: bool = True, rtol: float = 1e-6) -> None:
    """The tangent is the central difference, and the vector product with a cotangent is adjoint to it."""
    directions = tuple(sample(*z.shape, seed=20 + i, dtype=z.dtype) for i, z in enumerate(points))
    value, tangent = compiler.jit(lambda zs, dzs: compiler.jvp(fn, zs, dzs))(points, directions)
    step, compiled = 1e-6, compiler.jit(fn)
    ahead, back = (compiled(*(z + s * dz for z, dz in zip(points, directions, strict=True))) for s in (step, -step))
    for got, there, here, at in zip(leaves(tangent), leaves(ahead), leaves(back), leaves(value), strict=True):
        if at.dtype.kind not in "fc":
            continue
        assert got.dtype == at.dtype
        want = (there - here) / (2 * step)
        np.testing.assert_allclose(got, want, rtol=rtol, atol=rtol * max(1, np.max(np.abs(want), initial=0)))
    if not reverse:
        return
    cotangent = tuple(sample(*y.shape, seed=40 + i, dtype=y.dtype) for i, y in enumerate(leaves(value)))
    if not isinstance(value, tuple):
        (cotangent,) = cotangent
    product = compiler.jit(lambda zs, ct: compiler.vjp(fn, *zs)[1](ct))(points, cotangent)
    np.testing.assert_allclose(pairing(cotangent, tangent), pairing(product, directions), rtol=1e-9, atol=1e-9)
