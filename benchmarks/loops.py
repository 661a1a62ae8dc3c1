"""Loops of many small steps, where what counts is the time around the arithmetic: 10,000 steps each, float64.

Every program is written once, for the names that NumPy, dlc and JAX share.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from workloads import Call, Workload, installed_peers

import compiler

STEPS = 10_000


@dataclass(frozen=True)
class Tools:
    """What a program is written with."""

    np: Any
    scan: Callable[..., Any]
    fori_loop: Callable[..., Any]


def python_scan(f, carry, xs, length):
    """`scan` of no arrays, in Python."""
    del xs
    for _ in range(length):
        carry, _ = f(carry, None)
    return carry, None


def python_fori_loop(lower, upper, body, carry):
    """`fori_loop`, in Python."""
    for i in range(lower, upper):
        carry = body(i, carry)
    return carry


NUMPY = Tools(np, python_scan, python_fori_loop)
DLC = Tools(np, compiler.scan, compiler.fori_loop)


def jax_tools() -> Tools:
    """The same of JAX."""
    import jax

    return Tools(jax.numpy, jax.lax.scan, jax.lax.fori_loop)


def matrix_product(tools: Tools):
    """Multiply a 3×3 matrix by another, again and again."""

    def f(c, w):
        return tools.scan(lambda c, _: (c @ w, None), c, None, length=STEPS)[0].sum()

    return f


def recurrent_network(tools: Tools):
    """The same with a nonlinearity: a small recurrent network without inputs."""

    def f(c, w):
        return tools.scan(lambda c, _: (tools.np.tanh(c @ w) + 0.1, None), c, None, length=STEPS)[0].sum()

    return f


def orbit(tools: Tools):
    """A body around a sun, with friction: classical Runge-Kutta steps for 6 unknowns."""
    h = 0.001

    def derivative(y, friction):
        r, v = y[:3], y[3:]
        return tools.np.concatenate([v, -r / (1.0 + (r * r).sum()) ** 1.5 - friction @ v])

    def step(y, friction):
        k1 = derivative(y, friction)
        k2 = derivative(y + h / 2 * k1, friction)
        k3 = derivative(y + h / 2 * k2, friction)
        k4 = derivative(y + h * k3, friction)
        return y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)

    return lambda y, friction: tools.fori_loop(0, STEPS, lambda _, y: step(y, friction), y).sum()


def complex_step_gradient(f, argnums):
    """The gradient of an analytic function in NumPy: `∂f/∂x = Im f(x + ih) / h`, exact for tiny `h` (Squire, Trapp 1998)."""

    def gradient(*arguments):
        results = []
        for argnum in argnums:
            slopes = np.zeros_like(arguments[argnum])
            for index in np.ndindex(slopes.shape):
                moved = [x.astype(complex) for x in arguments]
                moved[argnum][index] += 1e-30j
                slopes[index] = f(*moved).imag / 1e-30
            results.append(slopes)
        return tuple(results)

    return gradient


def loop_workload(name: str, program: Callable[[Tools], Any], arguments: tuple[Any, ...], argnums=()) -> Workload:
    """A program of `Tools`, or its gradient with respect to `argnums`."""
    reference = program(NUMPY)
    if argnums:
        reference = complex_step_gradient(reference, argnums)

    def ours() -> Call:
        f = program(DLC)
        f = compiler.jit(compiler.grad(f, argnums=argnums) if argnums else f)
        return lambda: f(*arguments) if argnums else (f(*arguments),)

    compiled = {"dlc": ours}
    if "jax" in installed_peers():

        def jax_loop() -> Call:
            import jax

            f = program(jax_tools())
            f = jax.jit(jax.grad(f, argnums=argnums) if argnums else f)
            held = jax.device_put(arguments)
            return lambda: jax.block_until_ready(f(*held) if argnums else (f(*held),))

        compiled["JAX"] = jax_loop
    expected = lambda: reference(*arguments) if argnums else (reference(*arguments),)  # noqa: E731
    return Workload(name, expected, compiled, is_numpy_timed=not argnums)


def newton_step(s, a):
    """One step of Newton's method towards the cube root of `a`."""
    return s - (s * s * s - a) / (3 * s * s)


def newton_numpy(a):
    """Cube roots of all numbers, in steps for those that have not arrived."""
    s = a.copy()
    while (moving := np.abs(s * s * s - a) > 1e-9 * a).any():
        s = np.where(moving, newton_step(s, a), s)
    return s


def newton_workload() -> Workload:
    """Newton's method under `vmap`: each of 1000 numbers takes as many steps as it needs."""
    numbers = np.random.default_rng(2).uniform(1, 1000, 1000)

    def program(while_loop, vmap):
        def root(a):
            return while_loop(lambda s: abs(s * s * s - a) > 1e-9 * a, lambda s: newton_step(s, a), a)

        return vmap(root)

    def ours() -> Call:
        f = compiler.jit(program(compiler.while_loop, compiler.vmap))
        return lambda: (f(numbers),)

    compiled = {"dlc": ours}
    if "jax" in installed_peers():

        def jax_newton() -> Call:
            import jax

            f = jax.jit(program(jax.lax.while_loop, jax.vmap))
            held = jax.device_put(numbers)
            return lambda: (f(held).block_until_ready(),)

        compiled["JAX"] = jax_newton
    return Workload("while_loop under vmap: Newton, 1000 numbers", lambda: (newton_numpy(numbers),), compiled)


def loop_workloads() -> list[Workload]:
    """All loops, forward and gradient."""
    rng = np.random.default_rng(0)
    rotation = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    state = rng.standard_normal(6)
    products = (np.eye(3), rotation)
    network = (np.eye(3), 0.3 * rng.standard_normal((3, 3)))
    body = (state, 0.1 * np.eye(3))
    return [
        loop_workload("scan of 3×3 products", matrix_product, products),
        loop_workload("scan of 3×3 products, gradient", matrix_product, products, (0, 1)),
        loop_workload("scan of 3×3 products and tanh", recurrent_network, network),
        loop_workload("scan of 3×3 products and tanh, gradient", recurrent_network, network, (0, 1)),
        loop_workload("RK4 of 6 unknowns", orbit, body),
        loop_workload("RK4 of 6 unknowns, gradient", orbit, body, (0,)),
        newton_workload(),
    ]
