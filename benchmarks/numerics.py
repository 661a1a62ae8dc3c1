"""Numerical programs: finance, fractals, stencils, particles, distances."""

import math

import numpy as np
from peers import array_programs, jax_program, numba_program
from workload import Workload

TYPES = {"": np.float32, "_f64": np.float64}


def black_scholes(t, spot, strike, years):
    """Prices of calls and puts."""
    rate, volatility = 0.03, 0.2
    spread = volatility * t.np.sqrt(years)
    d1 = (t.np.log(spot / strike) + (rate + 0.5 * volatility**2) * years) / spread
    d2 = d1 - spread
    discounted = strike * t.np.exp(-rate * years)
    ndtr = t.special.ndtr
    return spot * ndtr(d1) - discounted * ndtr(d2), discounted * ndtr(-d2) - spot * ndtr(-d1)


def black_scholes_numba(numba):
    """The same, option by option."""

    @numba.njit(fastmath=True)
    def ndtr(x):
        return 0.5 * math.erfc(-x * 0.7071067811865476)

    @numba.njit(parallel=True, fastmath=True)
    def f(spot, strike, years):
        call, put = np.empty_like(spot), np.empty_like(spot)
        for i in numba.prange(spot.size):
            s, k, y = spot[i], strike[i], years[i]
            spread = 0.2 * math.sqrt(y)
            d1 = (math.log(s / k) + (0.03 + 0.5 * 0.2**2) * y) / spread
            d2 = d1 - spread
            discounted = k * math.exp(-0.03 * y)
            call[i] = s * ndtr(d1) - discounted * ndtr(d2)
            put[i] = discounted * ndtr(-d2) - s * ndtr(-d1)
        return call, put

    return f


def market(is_tiny: bool, dtype):
    """Random spot prices, strikes and times to expiry."""
    rng = np.random.default_rng(7)
    n = 37 if is_tiny else 1_000_000
    return tuple(rng.uniform(*bounds, n).astype(dtype) for bounds in ((10, 50), (10, 50), (0.5, 2)))


def mandelbrot(t, cx, cy):
    """In how many of 100 iterations each point is inside; all are iterated to the end."""

    def step(_, state):
        x, y, count = state
        xx, yy = x * x, y * y
        return xx - yy + cx, 2 * x * y + cy, count + (xx + yy <= 4)

    zeros = t.np.zeros_like(cx)
    counts = t.np.zeros_like(cx, dtype=t.np.int32)
    return t.fori_loop(0, 100, step, (zeros, zeros, counts))[2]


def mandelbrot_numpy(t, cx, cy):
    """The same; points that have left overflow."""
    with np.errstate(over="ignore", invalid="ignore"):
        return mandelbrot(t, cx, cy)


def mandelbrot_numba(numba):
    """The same, with an early exit."""

    @numba.njit(parallel=True, fastmath=True)
    def f(cx, cy):
        counts = np.empty(cx.shape, np.int32)
        for i in numba.prange(cx.shape[0]):
            for j in range(cx.shape[1]):
                x = y = np.float32(0)
                counts[i, j] = 100
                for n in range(100):
                    xx, yy = x * x, y * y
                    if xx + yy > np.float32(4):
                        counts[i, j] = n
                        break
                    x, y = xx - yy + cx[i, j], np.float32(2) * x * y + cy[i, j]
        return counts

    return f


def plane(is_tiny: bool):
    """Real and imaginary parts of the points."""
    n = 9 if is_tiny else 1000
    x, y = np.linspace(-2.25, 0.75, n, dtype=np.float32), np.linspace(-1.25, 1.25, n, dtype=np.float32)
    return tuple(part.copy() for part in np.meshgrid(x, y))


def jacobi(t, a):
    """100 steps of the mean of five points, with two arrays that take turns; the edges stay."""
    copy = a.copy if t.np is np else a.clone

    def steps(_, arrays):
        for x, y in (arrays, arrays[::-1]):
            y[1:-1, 1:-1] = 0.2 * (x[1:-1, 1:-1] + x[1:-1, :-2] + x[1:-1, 2:] + x[2:, 1:-1] + x[:-2, 1:-1])
        return arrays

    return t.fori_loop(0, 50, steps, (copy(), copy()))[0]


def jacobi_jax(t, a):
    """The same with an update."""

    def step(_, a):
        inner = 0.2 * (a[1:-1, 1:-1] + a[1:-1, :-2] + a[1:-1, 2:] + a[2:, 1:-1] + a[:-2, 1:-1])
        return a.at[1:-1, 1:-1].set(inner)

    return t.fori_loop(0, 100, step, a)


def jacobi_numba(numba):
    """The same, point by point."""

    @numba.njit(parallel=True, fastmath=True)
    def sweep(a, b):
        fifth = a.dtype.type(0.2)
        for i in numba.prange(1, a.shape[0] - 1):
            for j in range(1, a.shape[1] - 1):
                b[i, j] = fifth * (a[i, j] + a[i, j - 1] + a[i, j + 1] + a[i + 1, j] + a[i - 1, j])

    def f(a):
        a, b = a.copy(), a.copy()
        for _ in range(50):
            sweep(a, b)
            sweep(b, a)
        return a

    return f


def square(is_tiny: bool, dtype):
    """Random numbers inside and at the edges."""
    n = 9 if is_tiny else 1000
    return (np.random.default_rng(0).standard_normal((n, n)).astype(dtype),)


def nbody(t, position, velocity, mass):
    """Twenty steps of stars that attract each other, all pairs."""

    def acceleration(position):
        x, y, z = position[:, 0:1], position[:, 1:2], position[:, 2:3]
        dx, dy, dz = x.T - x, y.T - y, z.T - z
        squares = dx * dx + dy * dy + dz * dz + 0.01
        pull = mass / (squares * t.np.sqrt(squares))
        return t.np.stack([(dx * pull).sum(1), (dy * pull).sum(1), (dz * pull).sum(1)], 1)

    def step(_, state):
        position, velocity = state
        velocity = velocity + 0.01 * acceleration(position)
        return position + 0.01 * velocity, velocity

    return t.fori_loop(0, 20, step, (position, velocity))


def nbody_numba(numba):
    """The same, pair by pair."""

    @numba.njit(parallel=True, fastmath=True)
    def f(position, velocity, mass):
        x, v = position.copy(), velocity.copy()
        number = x.dtype.type
        dt, softening = number(0.01), number(0.01)
        for _ in range(20):
            for i in numba.prange(len(x)):
                ax = ay = az = number(0)
                for j in range(len(x)):
                    dx, dy, dz = x[j, 0] - x[i, 0], x[j, 1] - x[i, 1], x[j, 2] - x[i, 2]
                    squares = dx * dx + dy * dy + dz * dz + softening
                    pull = mass[j] / (squares * np.sqrt(squares))
                    ax += dx * pull
                    ay += dy * pull
                    az += dz * pull
                v[i, 0] += dt * ax
                v[i, 1] += dt * ay
                v[i, 2] += dt * az
            x += dt * v
        return x, v

    return f


def cluster(is_tiny: bool, dtype):
    """Random stars of total mass 20."""
    n = 7 if is_tiny else 1000
    position, velocity = np.random.default_rng(17).standard_normal((2, n, 3)).astype(dtype)
    return position, velocity, np.full(n, 20 / n, dtype)


def pairwise(t, x, y):
    """Euclidean distances of all points of two sets."""
    differences = x[:, None, :] - y[None, :, :]
    return t.np.sqrt((differences * differences).sum(-1))


def pairwise_numba(numba):
    """The same, pair by pair."""

    @numba.njit(parallel=True, fastmath=True)
    def f(x, y):
        result = np.empty((len(x), len(y)), x.dtype)
        for i in numba.prange(len(x)):
            for j in range(len(y)):
                a, b, c = x[i, 0] - y[j, 0], x[i, 1] - y[j, 1], x[i, 2] - y[j, 2]
                result[i, j] = np.sqrt(a * a + b * b + c * c)
        return result

    return f


def points(is_tiny: bool):
    """Two sets of points in space."""
    n = 7 if is_tiny else 2000
    return tuple(np.random.default_rng(3).standard_normal((2, n, 3)).astype(np.float32))


def numeric_workloads() -> list[Workload]:
    """All of them; those of single precision, then some of double."""
    programs = {
        "mandelbrot": array_programs(mandelbrot) | {"NumPy": array_programs(mandelbrot_numpy)["NumPy"]},
        "jacobi": array_programs(jacobi) | {"JAX": jax_program(jacobi_jax), "Numba": numba_program(jacobi_numba)},
        "black_scholes": array_programs(black_scholes) | {"Numba": numba_program(black_scholes_numba)},
        "nbody": array_programs(nbody) | {"Numba": numba_program(nbody_numba)},
    }
    by_type = [
        workload
        for suffix, dtype in TYPES.items()
        for workload in (
            Workload(
                f"black_scholes_1M{suffix}",
                lambda is_tiny, dtype=dtype: market(is_tiny, dtype),
                programs["black_scholes"],
                bytes=5e6 * dtype().itemsize,
            ),
            Workload(
                f"jacobi2d_1000x1000x100{suffix}",
                lambda is_tiny, dtype=dtype: square(is_tiny, dtype),
                programs["jacobi"],
                flops=100 * 1000 * 1000 * 5 * (dtype().itemsize / 4),
            ),
            Workload(
                f"nbody_1000x20{suffix}",
                lambda is_tiny, dtype=dtype: cluster(is_tiny, dtype),
                programs["nbody"],
                flops=20 * 1000 * 1000 * 20 * (dtype().itemsize / 4),
                rtol=1e-3,
            ),
        )
    ]
    return [
        *by_type,
        Workload(
            "mandelbrot_1000x1000x100",
            plane,
            programs["mandelbrot"] | {"Numba": numba_program(mandelbrot_numba)},
            flops=1000 * 1000 * 100 * 8,
            compared=lambda counts: counts.mean(),  # rounding decides about a few points at the edge
            rtol=1e-3,
        ),
        Workload(
            "pairwise_2000x2000x3",
            points,
            array_programs(pairwise) | {"Numba": numba_program(pairwise_numba)},
            bytes=4 * 2000 * 2000,
        ),
    ]
