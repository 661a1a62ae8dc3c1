"""The Mandelbrot set in plain NumPy code: complex numbers, and boolean masks for the points that have not escaped.

After Nicolas P. Rougier's "From Python to NumPy", which NPBench has as `mandelbrot1`.
"""

from functools import partial

import numpy as np
from comparison import compare

import compiler


def plane(width, height):
    """The points of the complex plane, shape (height, width)."""
    x = np.linspace(-2.25, 0.75, width)
    y = np.linspace(-1.25, 1.25, height)
    return x + y[:, None] * 1j


def step(n, z, counts, c):
    """Iterate the points that are still inside and note that they have come to step n."""
    inside = abs(z) < 2.0
    counts[inside] = n
    z[inside] = z[inside] ** 2 + c[inside]
    return z, counts


def escape_numpy(c, steps):
    """Call `step` in a loop of Python: the last step that each point was inside, 0 for those that never leave."""
    z, counts = np.zeros(c.shape, c.dtype), np.zeros(c.shape, np.int64)
    for n in range(steps):
        z, counts = step(n, z, counts, c)
    counts[counts == steps - 1] = 0
    return counts


@partial(compiler.jit, static_argnames="steps")
def escape(c, steps):
    """Compile the loop, too: the same `step`, called by `fori_loop`."""
    start = (np.zeros(c.shape, c.dtype), np.zeros(c.shape, np.int64))
    _, counts = compiler.fori_loop(0, steps, lambda n, state: step(n, *state, c), start)
    counts[counts == steps - 1] = 0
    return counts


def main():
    """Draw the set with letters, then compute a large image."""
    for row in escape(plane(72, 24), 100):
        print("".join(" .:-=+*#%@"[min(9, count)] for count in row))
    return compare(escape, escape_numpy, (plane(600, 400), 100), rtol=0)


if __name__ == "__main__":
    raise SystemExit(main())
