"""Jacobi's method for Laplace's equation on a square, with two arrays that take turns, in plain NumPy code.

The loop is that of PolyBench's `jacobi-2d`, without the centre: every inner point becomes the mean of its neighbours.
"""

from functools import partial

import numpy as np
from comparison import compare

import compiler


def sweep(a, b):
    """Two sweeps: from `a` into `b` and back. The edges of both hold the boundary values."""
    b[1:-1, 1:-1] = 0.25 * (a[1:-1, :-2] + a[1:-1, 2:] + a[2:, 1:-1] + a[:-2, 1:-1])
    a[1:-1, 1:-1] = 0.25 * (b[1:-1, :-2] + b[1:-1, 2:] + b[2:, 1:-1] + b[:-2, 1:-1])
    return a, b


def solve_numpy(a, pairs):
    """Call `sweep` in a loop of Python; return the solution and the largest change of the last sweep."""
    a = a.copy()
    b = a.copy()
    for _ in range(pairs):
        a, b = sweep(a, b)
    return a, np.abs(a - b).max()


@partial(compiler.jit, static_argnames="pairs")
def solve(a, pairs):
    """Compile the loop, too: the same `sweep`, called by `fori_loop`."""
    a, b = compiler.fori_loop(0, pairs, lambda _, ab: sweep(*ab), (a, a.copy()))
    return a, np.abs(a - b).max()


def square(n):
    """Zero inside; the boundary values are those of the harmonic function `x² - y²`."""
    x, y = np.meshgrid(np.linspace(0, 1, n), np.linspace(0, 1, n))
    u = x**2 - y**2
    u[1:-1, 1:-1] = 0
    return u


def main():
    """Sweep a square of 1000×1000 points 100 times, then a small one to the end."""
    small, change = solve(square(33), 1000)
    x, y = np.meshgrid(np.linspace(0, 1, 33), np.linspace(0, 1, 33))
    print(f"33×33 after 2000 sweeps: error {np.abs(small - (x**2 - y**2)).max():.1e}, last change {change:.1e}")
    return compare(solve, solve_numpy, (square(1000), 50), rtol=1e-12)


if __name__ == "__main__":
    raise SystemExit(main())
