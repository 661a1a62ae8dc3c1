"""Numerical programs in plain NumPy code: those of `examples/`, compiled as they are, and the same written for JAX."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from workloads import Call, Workload, installed_peers

sys.path.append(str(Path(__file__).resolve().parent.parent / "examples"))

import black_scholes
import jacobi
import mandelbrot
import nbody


def jax_jacobi(a, pairs):
    """`jacobi.solve`."""
    import jax
    import jax.numpy as jnp

    def sweep(a, b):
        return b.at[1:-1, 1:-1].set(0.25 * (a[1:-1, :-2] + a[1:-1, 2:] + a[2:, 1:-1] + a[:-2, 1:-1]))

    def both(_, ab):
        a, b = ab
        b = sweep(a, b)
        return sweep(b, a), b

    a, b = jax.lax.fori_loop(0, pairs, both, (a, a))
    return a, jnp.abs(a - b).max()


def jax_nbody(position, velocity, mass, dt, steps):
    """`nbody.simulate` without the energies."""
    import jax
    import jax.numpy as jnp

    def acceleration(position):
        x, y, z = position[:, 0:1], position[:, 1:2], position[:, 2:3]
        dx, dy, dz = x.T - x, y.T - y, z.T - z
        inv_r3 = (dx**2 + dy**2 + dz**2 + nbody.SOFTENING**2) ** -1.5
        return jnp.hstack(((dx * inv_r3) @ mass, (dy * inv_r3) @ mass, (dz * inv_r3) @ mass))

    def step(_, state):
        position, velocity, acc = state
        velocity += acc * dt / 2
        position += velocity * dt
        acc = acceleration(position)
        return position, velocity + acc * dt / 2, acc

    return jax.lax.fori_loop(0, steps, step, (position, velocity, acceleration(position)))[:2]


def jax_mandelbrot(c, steps):
    """`mandelbrot.escape`."""
    import jax
    import jax.numpy as jnp

    def step(n, state):
        z, counts = state
        inside = abs(z) < 2.0
        return jnp.where(inside, z**2 + c, z), jnp.where(inside, n, counts)

    start = (jnp.zeros(c.shape, c.dtype), jnp.zeros(c.shape, jnp.int64))
    counts = jax.lax.fori_loop(0, steps, step, start)[1]
    return jnp.where(counts == steps - 1, 0, counts)


def jax_black_scholes(spot, strike, years, rate, volatility):
    """`black_scholes.black_scholes`."""
    import jax.numpy as jnp
    from jax.scipy.special import ndtr

    spread = volatility * jnp.sqrt(years)
    d1 = (jnp.log(spot / strike) + (rate + 0.5 * volatility**2) * years) / spread
    d2 = d1 - spread
    discounted = strike * jnp.exp(-rate * years)
    return spot * ndtr(d1) - discounted * ndtr(d2), discounted * ndtr(-d2) - spot * ndtr(-d1)


def numeric_workload(
    name: str,
    programs: tuple[Callable[..., Any], Callable[..., Any], Callable[..., Any]],
    arrays: tuple[Any, ...],
    numbers: tuple[Any, ...],
    outputs: Callable[[Any], tuple[Any, ...]] = tuple,
) -> Workload:
    """The programs of NumPy, dlc and JAX, of arrays and then numbers; an integer is a count that is known when compiling.

    `outputs` says what to compare of the result.
    """
    reference, ours, theirs = programs
    compiled: dict[str, Callable[[], Call]] = {"dlc": lambda: lambda: outputs(ours(*arrays, *numbers))}
    if "jax" in installed_peers():

        def jax_call() -> Call:
            import jax

            counts = tuple(len(arrays) + i for i, number in enumerate(numbers) if isinstance(number, int))
            f = jax.jit(theirs, static_argnums=counts)
            held = jax.device_put(arrays)
            return lambda: outputs(jax.block_until_ready(f(*held, *numbers)))

        compiled["JAX"] = jax_call
    return Workload(name, lambda: outputs(reference(*arrays, *numbers)), compiled)


def numeric_workloads() -> list[Workload]:
    """Stencils, particles, fractals and finance."""
    jacobi_programs = (jacobi.solve_numpy, jacobi.solve, jax_jacobi)
    prices = (black_scholes.black_scholes, black_scholes.black_scholes_compiled, jax_black_scholes)
    stars = (nbody.simulate_numpy, nbody.simulate, jax_nbody)
    fractal = (mandelbrot.escape_numpy, mandelbrot.escape, jax_mandelbrot)
    square, market = jacobi.square(1000), black_scholes.market(1_000_000)
    # A rounding error decides whether a few points of the fractal escape a step later: the sum is compared.
    return [
        numeric_workload("jacobi 1000×1000, 100 sweeps, f64", jacobi_programs, (square,), (50,)),
        numeric_workload("jacobi 1000×1000, 100 sweeps, f32", jacobi_programs, (square.astype(np.float32),), (50,)),
        numeric_workload("n-body 1000, 20 steps, f64", stars, nbody.cluster(1000), (0.01, 20), lambda out: out[:2]),
        numeric_workload(
            "mandelbrot 1000×1000, 100 steps, c128",
            fractal,
            (mandelbrot.plane(1000, 1000),),
            (100,),
            lambda counts: (np.mean(counts),),
        ),
        numeric_workload("Black-Scholes 1M, f64", prices, market, (0.03, 0.2)),
        numeric_workload("Black-Scholes 1M, f32", prices, tuple(x.astype(np.float32) for x in market), (0.03, 0.2)),
    ]
