"""Stars that attract each other, all pairs, in plain NumPy code: leapfrog steps with softened gravity.

After Philip Mocz's "Create your own N-body simulation (with Python)", which NPBench has as `nbody`.
"""

from functools import partial

import numpy as np
from comparison import compare

import compiler

SOFTENING = 0.1


def acceleration(position, mass):
    """What all stars do to each: positions (n, 3) and masses (n, 1) to accelerations (n, 3)."""
    x, y, z = position[:, 0:1], position[:, 1:2], position[:, 2:3]
    dx, dy, dz = x.T - x, y.T - y, z.T - z
    inv_r3 = (dx**2 + dy**2 + dz**2 + SOFTENING**2) ** -1.5
    return np.hstack(((dx * inv_r3) @ mass, (dy * inv_r3) @ mass, (dz * inv_r3) @ mass))


def energy(position, velocity, mass):
    """Kinetic and potential energy, which together stay nearly the same."""
    kinetic = 0.5 * np.sum(mass * velocity**2)
    r = np.sqrt(((position[:, None] - position[None, :]) ** 2).sum(axis=-1) + SOFTENING**2)
    return kinetic, -np.sum(np.triu(mass * mass.T / r, 1))


def step(position, velocity, acc, mass, dt):
    """Kick, drift, kick."""
    velocity += acc * dt / 2
    position += velocity * dt
    acc = acceleration(position, mass)
    velocity += acc * dt / 2
    return position, velocity, acc


def simulate_numpy(position, velocity, mass, dt, steps):
    """Call `step` in a loop of Python."""
    state = (position.copy(), velocity.copy(), acceleration(position, mass))
    for _ in range(steps):
        state = step(*state, mass, dt)
    return state[0], state[1], energy(state[0], state[1], mass)


@partial(compiler.jit, static_argnames="steps")
def simulate(position, velocity, mass, dt, steps):
    """Compile the loop, too: the same `step`, called by `fori_loop`."""
    start = (position, velocity, acceleration(position, mass))
    position, velocity, _ = compiler.fori_loop(0, steps, lambda _, state: step(*state, mass, dt), start)
    return position, velocity, energy(position, velocity, mass)


def cluster(n):
    """A cluster of n stars of total mass 20, at rest as a whole."""
    rng = np.random.default_rng(17)
    mass = np.full((n, 1), 20.0 / n)
    position, velocity = rng.standard_normal((2, n, 3))
    return position, velocity - (mass * velocity).mean(axis=0) / mass.mean(), mass


def main():
    """Follow 500 stars for 20 steps."""
    position, velocity, mass = cluster(500)
    before = sum(energy(position, velocity, mass))
    after = sum(simulate(position, velocity, mass, 0.01, 20)[2])
    print(f"total energy {before:.4f} -> {after:.4f}")
    return compare(simulate, simulate_numpy, (position, velocity, mass, 0.01, 20), rtol=1e-10)


if __name__ == "__main__":
    raise SystemExit(main())
