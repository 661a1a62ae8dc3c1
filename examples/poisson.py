"""Poisson's equation by conjugate gradients in plain NumPy code, without a matrix: the Laplacian is a stencil.

`-∇²u = f` on the unit square, zero on its edges. Hestenes and Stiefel (1952); the loop ends when the residual is small.
"""

import numpy as np
from comparison import compare

import compiler

TOLERANCE = 1e-8


def laplacian(u, h):
    """`-∇²u` at the inner points, (n, n), by the five-point formula with spacing h."""
    au = 4 * u
    au[1:] -= u[:-1]
    au[:-1] -= u[1:]
    au[:, 1:] -= u[:, :-1]
    au[:, :-1] -= u[:, 1:]
    return au / h**2


def step(u, r, p, rr, h):
    """One step of conjugate gradients: solution, residual, direction and squared residual."""
    ap = laplacian(p, h)
    alpha = rr / (p * ap).sum()
    u = u + alpha * p
    r = r - alpha * ap
    new = (r * r).sum()
    return u, r, r + (new / rr) * p, new


def solve_numpy(f):
    """The solution at the inner points and the number of steps, in a loop of Python."""
    h = 1 / (f.shape[0] + 1)
    u, r, p, rr, steps = np.zeros_like(f), f, f, (f * f).sum(), 0
    while rr > TOLERANCE**2 * (f * f).sum():
        u, r, p, rr = step(u, r, p, rr, h)
        steps += 1
    return u, steps


@compiler.jit
def solve(f):
    """Compile the loop, too: `while` becomes `while_loop`."""
    h = 1 / (f.shape[0] + 1)
    ff = (f * f).sum()
    start = (np.zeros_like(f), f, f, ff), 0
    (u, _, _, _), steps = compiler.while_loop(
        lambda state: state[0][3] > TOLERANCE**2 * ff, lambda state: (step(*state[0], h), state[1] + 1), start
    )
    return u, steps


def charges(n):
    """The right-hand side whose solution is `sin(πx) sin(2πy) + x(1-x)y(1-y)`, and that solution."""
    grid = np.arange(1, n + 1) / (n + 1)
    y, x = np.meshgrid(grid, grid)
    wave = np.sin(np.pi * x) * np.sin(2 * np.pi * y)
    return 5 * np.pi**2 * wave + 2 * (x * (1 - x) + y * (1 - y)), wave + x * (1 - x) * y * (1 - y)


def main():
    """Solve on 128×128 points."""
    f, exact = charges(128)
    u, steps = solve(f)
    print(f"{steps} steps, largest error against the exact solution {np.abs(u - exact).max():.1e}")
    return compare(solve, solve_numpy, (f,), rtol=1e-9)


if __name__ == "__main__":
    raise SystemExit(main())
