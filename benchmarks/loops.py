"""Loops of many small steps, where what counts is the time around the arithmetic: 10,000 steps each, float64.

Every program is written once, for the names that NumPy, dlc and JAX share.
"""

from functools import partial

import numpy as np
from peers import array_programs, dlc_program, jax_program, numpy_program
from toolkits import Toolkit, numpy_toolkit
from training_programs import gradient_programs
from workload import Workload

import compiler

STEPS = 10_000


def matrix_product(t: Toolkit, c, w):
    """Multiply a 3×3 matrix by another, again and again."""
    return t.scan(lambda c, _: (c @ w, None), c, None, length=STEPS)[0].sum()


def recurrent_network(t: Toolkit, c, w):
    """The same with a nonlinearity: a small recurrent network without inputs."""
    return t.scan(lambda c, _: (t.np.tanh(c @ w) + 0.1, None), c, None, length=STEPS)[0].sum()


def orbit(t: Toolkit, y, friction):
    """A body around a sun, with friction: classical Runge-Kutta steps for 6 unknowns."""
    h = 0.001

    def derivative(y, friction):
        r, v = y[:3], y[3:]
        return t.np.concatenate([v, -r / (1.0 + (r * r).sum()) ** 1.5 - friction @ v])

    def step(y, friction):
        k1 = derivative(y, friction)
        k2 = derivative(y + h / 2 * k1, friction)
        k3 = derivative(y + h / 2 * k2, friction)
        k4 = derivative(y + h * k3, friction)
        return y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)

    return t.fori_loop(0, STEPS, lambda _, y: step(y, friction), y).sum()


def complex_step_gradient(f, count):
    """Value and gradient of an analytic function: `∂f/∂x = Im f(x + ih) / h`, exact for tiny `h` (Squire, Trapp 1998)."""

    def gradient(*arguments):
        results = []
        for argnum, argument in enumerate(arguments[:count]):
            slopes = np.zeros_like(argument)
            for index in np.ndindex(slopes.shape):
                moved = [x.astype(complex) for x in arguments]
                moved[argnum][index] += 1e-30j
                slopes[index] = f(*moved).imag / 1e-30
            results.append(slopes)
        return f(*arguments), tuple(results)

    return gradient


def loop_workload(name, program, arguments, count) -> list[Workload]:
    """A program, and its gradient by the first `count` arguments, which NumPy has only as a reference."""
    value = array_programs(program)
    gradient = gradient_programs(program, count)
    by_steps = complex_step_gradient(partial(program, numpy_toolkit()), count)
    return [
        # PyTorch would take a second for every 10,000 steps in Python.
        Workload(name, lambda _: arguments, {peer: value[peer] for peer in ("NumPy", "dlc", "JAX")}),
        Workload(
            f"{name}_grad",
            lambda _: arguments,
            {peer: gradient[peer] for peer in ("dlc", "JAX")},
            reference=numpy_program(by_steps),
        ),
    ]


def newton_step(s, a):
    """One step of Newton's method towards the cube root of `a`."""
    return s - (s * s * s - a) / (3 * s * s)


def newton_numpy(a):
    """Cube roots of all numbers, in steps for those that have not arrived."""
    s = a.copy()
    while (moving := np.abs(s * s * s - a) > 1e-9 * a).any():
        s = np.where(moving, newton_step(s, a), s)
    return s


def newton(while_loop, vmap):
    """Newton's method under `vmap`: each number takes as many steps as it needs."""

    def root(a):
        return while_loop(lambda s: abs(s * s * s - a) > 1e-9 * a, lambda s: newton_step(s, a), a)

    return vmap(root)


def newton_jax(_, a):
    """The same of JAX."""
    import jax

    return newton(jax.lax.while_loop, jax.vmap)(a)


def loop_workloads() -> list[Workload]:
    """All loops, forward and gradient."""
    rng = np.random.default_rng(0)
    rotation = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    numbers = np.random.default_rng(2).uniform(1, 1000, 1000)
    programs = {
        "NumPy": numpy_program(newton_numpy),
        "dlc": dlc_program(newton(compiler.while_loop, compiler.vmap)),
        "JAX": jax_program(newton_jax),
    }
    return [
        *loop_workload("scan_products", matrix_product, (np.eye(3), rotation), 2),
        *loop_workload("scan_tanh", recurrent_network, (np.eye(3), 0.3 * rng.standard_normal((3, 3))), 2),
        *loop_workload("rk4", orbit, (rng.standard_normal(6), 0.1 * np.eye(3)), 1),
        Workload("while_newton_1000", lambda _: (numbers,), programs),
    ]
