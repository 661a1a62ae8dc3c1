"""Complex numbers under every transform, in every control-flow construct, captured, and as `Tensor`s."""

from typing import Any

import numpy as np
import pytest
from derivative_checks import check_derivatives, leaves, sample

import compiler


def test_derivatives_of_functions() -> None:
    def functions(z: Any) -> Any:
        return (
            np.arcsin(z), np.arccos(z), np.arctan(z), np.arcsinh(z), np.arccosh(z), np.arctanh(z), np.expm1(z), np.log1p(z), np.log2(z),
            np.log10(z), np.exp2(z), np.exp(z), np.log(z), np.sqrt(z), np.tan(z), np.tanh(z), np.sinh(z), np.cosh(z), abs(z), np.angle(z),
            np.reciprocal(z), np.sign(z), z ** (1 + 0.3 * z), z**-2, z**5, z**2.5, np.sinc(z), np.square(z), np.rint(z),
        )  # fmt: skip

    check_derivatives(functions, sample(6, seed=3))


def test_derivatives_of_reductions_products_and_moves() -> None:
    def functions(z: Any, w: Any) -> Any:
        y = z.copy()
        y[1:3] = w[0, :2] * z[0]
        np.add.at(y, np.array([0, 0, 2]), w[1, :3])
        return (
            np.cumsum(z), np.cumprod(z), z.prod(), z.mean(), z.var(), z.std(), np.vdot(z, w[0]), np.vecdot(z, w), np.dot(w, z), y, z[::-1],
            np.einsum("i,ij->j", z, w), np.linalg.norm(z), np.linalg.norm(z, 1), np.where(z.real > 0, z * z, 1j), np.pad(z, 1), np.cov(w),
            np.concatenate([z, w[0]]), np.select([z.real > 1, z.imag > 0], [z, z * 2], 1j), np.take(w, np.array([2, 0, 2]), 1), w.conj().T @ w,
            np.convolve(z, w[1]), np.correlate(z, w[1]), np.outer(z, z), np.gradient(z), np.average(z, weights=np.arange(4.0)),
        )  # fmt: skip

    check_derivatives(functions, sample(4), sample(4, 4, seed=1))


CAPTURED = 0.5 * sample(3, seed=7)


def recurrence(z: Any, xs: Any) -> Any:
    def step(carry: Any, x: Any) -> Any:
        state, total = carry
        return (np.tanh(state * x + CAPTURED), total + np.sum(x.real)), (state * 1j, abs(x))

    (last, total), (states, sizes) = compiler.scan(step, (z, 0.0), xs)
    return last, total, states, sizes


def nested(z: Any, xs: Any) -> Any:
    def step(state: Any, x: Any) -> Any:
        state = compiler.cond(
            abs(x[0]) > 1,
            lambda state: state * x,
            lambda state: compiler.fori_loop(0, 3, lambda i, s: s * (0.5 + 0.1j) + x, state),
            state,
        )
        return state, state * state.conj()

    return compiler.scan(step, z, xs)


def mapped(z: Any, xs: Any) -> Any:
    return compiler.map(lambda x: x * np.exp(z), xs), compiler.associative_scan(lambda a, b: a * b, xs)


def chosen(z: Any, xs: Any) -> Any:
    return (
        compiler.cond(np.sum(z.real) > 9, np.exp, lambda z: np.conj(z) * xs[0], z),
        compiler.switch(2, [np.exp, np.sin, lambda z: z * CAPTURED], z),
    )


def converged(z: Any, xs: Any) -> Any:
    return compiler.while_loop(
        lambda c: (c[1] < 30) & (np.sum(abs(c[0])) < 50), lambda c: (c[0] * (1.1 + 0.5j) + xs[1], c[1] + 1), (z, 0)
    )


CONTROL_FLOW = [recurrence, nested, mapped, chosen, converged]


@pytest.mark.parametrize("fn", CONTROL_FLOW)
def test_derivatives_of_control_flow(fn: Any) -> None:
    check_derivatives(fn, sample(3, seed=5), sample(6, 3, seed=6), reverse=fn is not converged)


@pytest.mark.parametrize("fn", CONTROL_FLOW)
def test_vmap_of_control_flow_is_one_call_per_element(fn: Any) -> None:
    zs, xs = sample(4, 3, seed=8), sample(6, 3, seed=9)
    got = leaves(compiler.jit(compiler.vmap(fn, in_axes=(0, None)))(zs, xs))
    compiled = compiler.jit(fn)
    want = [leaves(compiled(z, xs)) for z in zs]
    for i, result in enumerate(got):
        np.testing.assert_allclose(result, np.stack([row[i] for row in want]), rtol=1e-13, atol=1e-13)


def test_loops_compute_what_python_loops_do() -> None:
    z, xs = sample(3, seed=5), sample(6, 3, seed=6)
    last, total, states, sizes = compiler.jit(recurrence)(z, xs)
    state, want = z, []
    for x in xs:
        want.append(state * 1j)
        state = np.tanh(state * x + CAPTURED)
    np.testing.assert_allclose(last, state, rtol=1e-13)
    np.testing.assert_allclose(states, want, rtol=1e-13)
    np.testing.assert_allclose((total, sizes[2, 1]), (np.sum(xs.real), abs(xs[2, 1])), rtol=1e-13)
    state, count = z, 0
    while count < 30 and np.sum(abs(state)) < 50:
        state, count = state * (1.1 + 0.5j) + xs[1], count + 1
    got = compiler.jit(converged)(z, xs)
    np.testing.assert_allclose(got[0], state, rtol=1e-12)
    assert got[1] == count


def test_checkpoint_changes_no_derivative() -> None:
    z, xs = sample(3, seed=5), sample(6, 3, seed=6)

    def loss(z: Any) -> Any:
        return np.sum(abs(recurrence(z, xs)[2]) ** 2)

    plain, saved = (compiler.jit(compiler.grad(f))(z) for f in (loss, compiler.checkpoint(loss)))
    np.testing.assert_allclose(saved, plain, rtol=1e-13)


def test_custom_derivatives_get_complex_tangents_and_cotangents() -> None:
    forward = compiler.custom_jvp(np.exp)
    forward.defjvp(lambda primals, tangents: (np.exp(primals[0]), 2j * tangents[0]))
    backward = compiler.custom_vjp(lambda z: z * z)
    backward.defvjp(lambda z: (z * z, z), lambda z, ct: (3j * ct * z,))
    z, dz = sample(3), sample(3, seed=1)
    np.testing.assert_allclose(compiler.jvp(forward, (z,), (dz,))[1], 2j * dz, rtol=1e-14)
    np.testing.assert_allclose(compiler.vjp(forward, z)[1](dz)[0], 2j * dz, rtol=1e-14)
    np.testing.assert_allclose(compiler.vjp(backward, z)[1](dz)[0], 3j * dz * z, rtol=1e-14)
    rows = compiler.jit(compiler.vmap(lambda z: compiler.vjp(backward, z)[1](z)[0]))(sample(4, 3))
    np.testing.assert_allclose(rows, 3j * sample(4, 3) ** 2, rtol=1e-14)


def test_linear_functions_are_linearized_and_transposed() -> None:
    z, w = sample(3), sample(5, 3, seed=1)
    np.testing.assert_allclose(compiler.linearize(np.exp, z)[1](w[0]), np.exp(z) * w[0], rtol=1e-14)
    (transposed,) = leaves(compiler.linear_transpose(lambda z: w @ z, z)(sample(5, seed=2)))
    np.testing.assert_allclose(transposed, sample(5, seed=2) @ w, rtol=1e-14)


def test_captured_arrays_and_tensors_are_complex() -> None:
    z = compiler.Tensor(CAPTURED)
    np.testing.assert_allclose(
        np.asarray(np.exp(z).conj() @ z + 1j), np.exp(CAPTURED).conj() @ CAPTURED + 1j, rtol=1e-14
    )
    np.testing.assert_allclose(compiler.jit(lambda x: x + z)(1.5), 1.5 + CAPTURED, rtol=1e-15)
    assert compiler.jit(lambda x: x + CAPTURED.astype(np.complex64))(np.float32(1)).dtype == np.complex64
    assert np.asarray(z * 2).dtype == np.complex128
