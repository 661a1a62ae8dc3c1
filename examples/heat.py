"""Heat spreading over an insulated plate: explicit finite differences in plain NumPy code.

The equation is `∂u/∂t = ∇²u`; the step adds the five-point Laplacian in place. Stable for `rate = Δt/Δx² ≤ 1/4`.
"""

from functools import partial

import numpy as np
from comparison import compare

import compiler


def step(u, rate):
    """Advance the temperatures, shape (n, m), by one time step; no heat crosses the edges."""
    u[1:-1, 1:-1] += rate * (u[2:, 1:-1] + u[:-2, 1:-1] + u[1:-1, 2:] + u[1:-1, :-2] - 4 * u[1:-1, 1:-1])
    u[0], u[-1] = u[1], u[-2]
    u[:, 0], u[:, -1] = u[:, 1], u[:, -2]
    return u


def simulate_numpy(u, rate, steps):
    """Call `step` in a loop of Python."""
    u = u.copy()
    for _ in range(steps):
        u = step(u, rate)
    return u


@partial(compiler.jit, static_argnames="steps")
def simulate(u, rate, steps):
    """Compile the loop, too: the same `step`, called by `fori_loop`."""
    return compiler.fori_loop(0, steps, lambda _, u: step(u, rate), u)


def plate(n):
    """A cold plate of n×n points with a hot disc off its centre."""
    y, x = np.mgrid[:n, :n] / n
    return np.where((x - 0.3) ** 2 + (y - 0.4) ** 2 < 0.04, 100.0, 0.0)


def main():
    """Follow the heat for 200 steps on a plate of 512×512 points."""
    u = plate(512)
    after = simulate(u, 0.2, 200)
    print(f"hottest point {u.max():.1f} -> {after.max():.1f}, coldest {u.min():.1f} -> {after.min():.2f}")
    return compare(simulate, simulate_numpy, (u, 0.2, 200), rtol=1e-12)


if __name__ == "__main__":
    raise SystemExit(main())
