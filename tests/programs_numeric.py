"""Numerical programs: simulation, finance, images, signals, statistics in plain NumPy."""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.random import Generator
from programs import Program
from programs_learning import normal


def jacobi(u: Any, f: Any) -> Any:
    for _ in range(4):
        new = u.copy()
        new[1:-1, 1:-1] = 0.25 * (u[:-2, 1:-1] + u[2:, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:] - f[1:-1, 1:-1])
        u = new
    return u


def heat(u: Any) -> Any:
    for _ in range(5):
        u[1:-1] += 0.1 * (u[2:] - 2 * u[1:-1] + u[:-2])
        u[0], u[-1] = u[1], u[-2]
    return u


def life(world: Any) -> Any:
    for _ in range(3):
        alive = world.astype(np.int32)
        neighbours = sum(
            np.roll(alive, (i, j), axis=(0, 1)) for i in (-1, 0, 1) for j in (-1, 0, 1) if (i, j) != (0, 0)
        )
        world = (neighbours == 3) | (world & (neighbours == 2))
    return world


def erf(x: Any) -> Any:
    """Abramowitz and Stegun 7.1.26."""
    t = 1 / (1 + 0.3275911 * np.abs(x))
    poly = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
    return np.sign(x) * (1 - poly * np.exp(-x * x))


def black_scholes(spot: Any, strike: Any, years: Any, volatility: Any) -> Any:
    rate = 0.03
    spread = volatility * np.sqrt(years)
    d1 = (np.log(spot / strike) + (rate + volatility**2 / 2) * years) / spread
    d2 = d1 - spread
    n1, n2 = (0.5 * (1 + erf(d / math.sqrt(2))) for d in (d1, d2))
    call = spot * n1 - strike * np.exp(-rate * years) * n2
    return {"call": call, "put": call - spot + strike * np.exp(-rate * years), "delta": n1}


def mandelbrot(re: Any, im: Any) -> Any:
    x = np.zeros_like(re)
    y = np.zeros_like(re)
    count = np.zeros(re.shape, np.int32, like=re)
    for _ in range(12):
        x, y = x * x - y * y + re, 2 * x * y + im
        inside = x * x + y * y <= 4
        count = np.where(inside, count + 1, count)
        x, y = np.where(inside, x, 2), np.where(inside, y, 2)
    return count


def accelerations(position: Any, mass: Any) -> Any:
    r = position[None, :, :] - position[:, None, :]
    d2 = (r**2).sum(-1) + 0.01
    return (mass[None, :, None] * r / (d2 * np.sqrt(d2))[:, :, None]).sum(1)


def pairwise(x: Any, y: Any) -> Any:
    squares = np.maximum((x * x).sum(1)[:, None] + (y * y).sum(1) - 2 * x @ y.T, 0)
    return np.sqrt(squares + 1e-3), np.abs(x[:, None] - y).sum(-1), np.abs(x[:, None] - y).max(-1)


def rbf_kernel(x: Any, scale: Any) -> Any:
    d2 = np.square(x[:, np.newaxis] - x[np.newaxis]).sum(axis=2)
    return np.exp(-d2 / (2 * scale**2)) + 1e-3 * np.eye(len(x), dtype=x.dtype)


def pagerank(links: Any, rank: Any) -> Any:
    out = links.sum(axis=0)
    transition = np.where(out > 0, links / np.where(out > 0, out, 1), 1 / len(links)).astype(rank.dtype)
    for _ in range(8):
        rank = 0.85 * (transition @ rank) + 0.15 / len(rank)
    return rank / rank.sum()


def horner(coefficients: Any, x: Any) -> Any:
    y = np.zeros_like(x)
    for c in coefficients[::-1]:
        y = y * x + c
    return y


def assignments(x: Any, i: Any) -> Any:
    x[i] = 7
    x[[0, 2], 1] += 10
    x[:, -1] = x[:, 0] * 2
    x[x > 9] = -1
    x[::2, ::2] *= 3
    y = x[i][:, [2, 0]]
    return x, y, x[1], x[..., None].shape[0] * x.T[0]


def norms(x: Any) -> Any:
    return (
        np.linalg.norm(x), np.linalg.norm(x, axis=0), np.linalg.norm(x, 1), np.linalg.norm(x, np.inf),
        np.linalg.norm(x[0], 3), np.linalg.norm(x, "fro"), np.linalg.norm(x, 1, axis=1),
    )  # fmt: skip


def moving_average(x: Any) -> Any:
    window = 5
    total = sum(x[i : len(x) - window + 1 + i] for i in range(window))
    smooth = x.copy()
    for t in range(1, 6):
        smooth[t] = 0.3 * x[t] + 0.7 * smooth[t - 1]
    return total / window, smooth


def dft(x: Any) -> Any:
    n = x.shape[-1]
    angle = -2 * np.pi * np.outer(np.arange(n), np.arange(n)) / n
    re, im = x @ np.cos(angle).astype(x.dtype), x @ np.sin(angle).astype(x.dtype)
    return re, im, np.sqrt(re**2 + im**2 + 1e-6)


def sobel(image: Any) -> Any:
    p = np.pad(image, 1, mode="edge")
    gx = (p[:-2, 2:] + 2 * p[1:-1, 2:] + p[2:, 2:]) - (p[:-2, :-2] + 2 * p[1:-1, :-2] + p[2:, :-2])
    gy = (p[2:, :-2] + 2 * p[2:, 1:-1] + p[2:, 2:]) - (p[:-2, :-2] + 2 * p[:-2, 1:-1] + p[:-2, 2:])
    return np.hypot(gx, gy + 0.01)


def image_pipeline(image: Any) -> Any:
    grey = image @ np.array([0.299, 0.587, 0.114], image.dtype)
    flipped = np.flip(grey, 1)[::2, 1::2]
    clipped = np.clip((flipped - flipped.mean()) / (flipped.std() + 1e-3), -1, 1)
    return np.rot90(clipped)


def kalman(state: Any, covariance: Any, z: Any) -> Any:
    f = np.array([[1, 0.1], [0, 1]], state.dtype)
    h = np.array([[1, 0]], state.dtype)
    state = f @ state
    covariance = f @ covariance @ f.T + 0.01 * np.eye(2, dtype=state.dtype)
    innovation = z - h @ state
    s = h @ covariance @ h.T + 0.5
    gain = covariance @ h.T / s
    return state + gain @ innovation, (np.eye(2, dtype=state.dtype) - gain @ h) @ covariance


class Body(NamedTuple):
    angle: Any
    speed: Any


def runge_kutta(body: Body, length: Any) -> Any:
    def slope(b: Body) -> Body:
        return Body(b.speed, -9.81 / length * np.sin(b.angle))

    def step(b: Body, d: Body, h: float) -> Body:
        return Body(b.angle + h * d.angle, b.speed + h * d.speed)

    h = 0.05
    for _ in range(3):
        k1 = slope(body)
        k2 = slope(step(body, k1, h / 2))
        k3 = slope(step(body, k2, h / 2))
        k4 = slope(step(body, k3, h))
        body = Body(*(y + h / 6 * (a + 2 * b + 2 * c + d) for y, a, b, c, d in zip(body, k1, k2, k3, k4, strict=True)))
    return body


def rotate(q: Any, v: Any) -> Any:
    q = q / np.sqrt((q * q).sum(-1, keepdims=True))
    w, u = q[..., :1], q[..., 1:]
    t = 2 * np.cross(u, v)
    return v + w * t + np.cross(u, t)


def cumulative_products(x: Any) -> Any:
    running, out = np.ones_like(x[0]), []
    for row in x:
        running = running * row
        out.append(running)
    return np.stack(out, axis=1), running


def joins(x: Any) -> Any:
    a, b, c = np.split(x, [2, 5], axis=1)
    joined = np.concatenate([c, a[:, ::-1], b], axis=1)
    stacked = np.stack([x, 2 * x, x - 1], axis=-1).reshape(x.shape[0], -1)
    return (
        joined, stacked, np.pad(x, ((1, 2), (0, 3)), constant_values=5), np.tile(x, (2, 3)), np.repeat(x, 3, axis=0),
        np.vstack([x, x]), np.hstack([x, x]), np.array_split(x, 3, axis=1)[1],
    )  # fmt: skip


def integers(a: Any, b: Any) -> Any:
    safe = np.where(b == 0, 1, b)
    return (
        a // safe, a % safe, np.divmod(a, safe)[1], np.abs(a) ** 2 - b, a & b, a | b, a ^ b, ~a, -a, a < b,
        np.sign(a), np.maximum(a, b).sum(), (a * b).min(), a.prod(axis=0), a // 3, a % -7, -a // 4, 100 // safe, a / safe,
    )  # fmt: skip


def booleans(p: Any, q: Any) -> Any:
    return (
        p & q, p | q, p ^ q, ~p, np.logical_and(p, q), np.logical_xor(p, q), p.any(), q.all(1), p.sum(0), p.mean(),
        p == q, p < q, np.where(p, 1, 2.5), p * 3, p + q, p.astype(np.float32) - 1, np.where(p, q, ~q), p.argmax(1),
        np.maximum(p, q),
    )  # fmt: skip


def mixed_dtypes(x: Any, i: Any, p: Any) -> Any:
    return (
        x + i, x * 2, i * 2.5, i + 1, x * p, i / 2, i // 2, x**2, 2**x, x**0.5, i**2, p + 1, True + i, x > i, 3 - x,
        np.float32(2) * i, np.float64(2) * x, x.sum() * 3, i.mean(), x + i.astype(np.int32), np.where(p, x, i),
        np.where(p, x, 0), -i + 0.5, x // 2, x % 0.75, abs(i), np.round(x, 1),
    )  # fmt: skip


def scalars(a: Any, b: Any) -> Any:
    c = a * b + 1
    return c, np.sin(c), np.where(a > b, a, b), np.stack([a, b, c]).sum(), a.reshape(1, 1), np.broadcast_to(c, (2, 3))


def empties(x: Any, y: Any) -> Any:
    return (
        x.sum(), x.sum(0), x.sum(1), x.prod(), x + 1, x.T @ y, x @ x.T, np.concatenate([x, y[:, :4]]), x.any(), x.all(),
        x[:, :2], np.exp(x), x.reshape(4, 0), (x @ np.ones((4, 0), x.dtype)).shape[0] + y[:, :0].sum(),
    )  # fmt: skip


def five_dims(x: Any) -> Any:
    y = x.transpose(4, 2, 0, 3, 1)
    return (
        y,
        y.sum((1, 3)),
        y[1, ..., ::-1, 0],
        np.moveaxis(x, 0, 3).max(2),
        (x + y.transpose(2, 4, 1, 3, 0)).mean((0, 4)),
    )


def statistics(x: Any) -> Any:
    z = (x - x.mean(0)) / x.std(0, ddof=1)
    correlation = z.T @ z / (len(x) - 1)
    skew, kurtosis = (z**3).mean(0), (z**4).mean(0)
    return correlation, skew, kurtosis, np.ptp(x, 0), np.average(x, 0, np.arange(len(x)))


def cholesky_by_loops(a: Any) -> Any:
    n = a.shape[0]
    lower = np.zeros_like(a)
    for j in range(n):
        lower[j, j] = np.sqrt(a[j, j] - (lower[j, :j] ** 2).sum())
        for i in range(j + 1, n):
            lower[i, j] = (a[i, j] - (lower[i, :j] * lower[j, :j]).sum()) / lower[j, j]
    return lower


def thomas_solver(lower: Any, diagonal: Any, upper: Any, right: Any) -> Any:
    d, r = diagonal.copy(), right.copy()
    for i in range(1, len(d)):
        factor = lower[i] / d[i - 1]
        d[i] -= factor * upper[i - 1]
        r[i] -= factor * r[i - 1]
    x = np.zeros_like(r)
    x[-1] = r[-1] / d[-1]
    for i in range(len(d) - 2, -1, -1):
        x[i] = (r[i] - upper[i] * x[i + 1]) / d[i]
    return x


def histogram(x: Any, edges: Any) -> Any:
    inside = (x[:, None] >= edges[:-1]) & (x[:, None] < edges[1:])
    counts = inside.sum(0)
    return counts, (inside * x[:, None]).sum(0) / np.maximum(counts, 1).astype(x.dtype)


def bilinear(image: Any, y: Any, x: Any) -> Any:
    y0, x0 = np.floor(y).astype(np.int64), np.floor(x).astype(np.int64)
    fy, fx = y - y0.astype(y.dtype), x - x0.astype(x.dtype)
    h, w = image.shape
    y0, x0 = np.clip(y0, 0, h - 2), np.clip(x0, 0, w - 2)
    top = image[y0, x0] * (1 - fx) + image[y0, x0 + 1] * fx
    bottom = image[y0 + 1, x0] * (1 - fx) + image[y0 + 1, x0 + 1] * fx
    return top * (1 - fy) + bottom * fy


def viterbi(score: Any, transition: Any) -> Any:
    best, back = score[0], []
    for t in range(1, len(score)):
        candidates = best[:, None] + transition
        back.append(candidates.argmax(0))
        best = candidates.max(0) + score[t]
    state = best.argmax()
    path = [state]
    for pointers in reversed(back):
        state = pointers[state]
        path.append(state)
    return best.max(), np.stack(path[::-1])


def outer_updates(x: Any, y: Any) -> Any:
    m = np.outer(x, y)
    np.fill_diagonal(m, 0)
    return m, np.triu(m) + np.tril(m, -1).T, np.trace(m @ m.T), np.kron(x[:2], y), np.diag(x)


def _floats(*shapes: tuple[int, ...]) -> Any:
    return lambda rng, dtype: tuple(normal(rng, dtype, *shape) for shape in shapes)


def _positive(*shapes: tuple[int, ...]) -> Any:
    return lambda rng, dtype: tuple((rng.random(shape) + 0.5).astype(dtype) for shape in shapes)


def _integers(rng: Generator, _: Any) -> Any:
    return rng.integers(-50, 50, (7, 9)), rng.integers(-9, 9, (7, 9))


def _spd(rng: Generator, dtype: Any) -> Any:
    a = rng.standard_normal((5, 5))
    return ((a @ a.T + 5 * np.eye(5)).astype(dtype),)


PROGRAMS: dict[str, Program] = {
    "jacobi": Program(jacobi, _floats((9, 11), (9, 11)), 16, True, True),
    "heat": Program(heat, _floats((23,)), 16, True, True),
    "life": Program(life, lambda rng, t: (rng.random((13, 11)) < 0.4,), batchable=True),
    "black-scholes": Program(black_scholes, _positive((19,), (19,), (19,), (19,)), 64, True, True),
    "mandelbrot": Program(mandelbrot, _floats((9, 8), (9, 8)), batchable=True),
    "n-body": Program(accelerations, lambda rng, t: (normal(rng, t, 17, 3), rng.random(17).astype(t)), 128, True, True),
    "pairwise": Program(pairwise, _floats((8, 3), (11, 3)), 2048, True, True),
    "rbf kernel": Program(rbf_kernel, lambda rng, t: (normal(rng, t, 14, 3), t(0.7)), 64, True),
    "pagerank": Program(
        pagerank, lambda rng, t: ((rng.random((9, 9)) < 0.4).astype(t), np.full(9, 1 / 9, t)), 64, batchable=True
    ),
    "horner": Program(horner, _floats((7,), (12,)), 64, True, True),
    "assignments": Program(
        assignments, lambda rng, t: (normal(rng, t, 6, 5) * 5, np.array([4, 1, 4])), 2, batchable=True
    ),
    "norms": Program(norms, _floats((6, 5)), 32, True, True),
    "moving average": Program(moving_average, _floats((29,)), 16, True, True),
    "dft": Program(dft, _floats((3, 16)), 64, True, True),
    "sobel": Program(sobel, _floats((9, 7)), 16, True, True),
    "kalman": Program(
        kalman, lambda rng, t: (normal(rng, t, 2, 1), np.eye(2, dtype=t), normal(rng, t, 1, 1)), 32, True, True
    ),
    "runge-kutta": Program(runge_kutta, lambda rng, t: (Body(normal(rng, t, 8), normal(rng, t, 8)), t(1.5)), 32, True),
    "quaternions": Program(rotate, _floats((10, 4), (10, 3)), 64, True, True),
    "cumulative products": Program(cumulative_products, _floats((6, 5)), 16, True, True),
    "joins": Program(joins, _floats((3, 8)), 1, True, True),
    "integers": Program(integers, _integers, 1, batchable=True),
    "booleans": Program(booleans, lambda rng, t: (rng.random((5, 6)) < 0.5, rng.random((5, 6)) < 0.5), batchable=True),
    "mixed dtypes": Program(
        mixed_dtypes,
        lambda rng, t: ((rng.random((4, 5)) + 0.3).astype(t), rng.integers(-5, 5, (4, 5)), rng.random((4, 5)) < 0.5),
        16,
        batchable=True,
    ),
    "scalars": Program(scalars, _floats((), ()), 8, True, True),
    "empties": Program(empties, lambda rng, t: (np.zeros((0, 4), t), np.zeros((0, 5), t)), batchable=True),
    "five dims": Program(five_dims, _floats((2, 3, 4, 2, 3)), 16, True, True),
    "statistics": Program(statistics, _floats((31, 4)), 256, True, True),
    "cholesky by loops": Program(cholesky_by_loops, _spd, 64, True, True),
    "thomas solver": Program(
        thomas_solver,
        lambda rng, t: (normal(rng, t, 9), normal(rng, t, 9) + t(5), normal(rng, t, 9), normal(rng, t, 9)),
        64,
        True,
        True,
    ),
    "histogram": Program(
        histogram, lambda rng, t: (normal(rng, t, 43), np.linspace(-3, 3, 8).astype(t)), 64, batchable=True
    ),
    "bilinear": Program(
        bilinear,
        lambda rng, t: (normal(rng, t, 6, 7), (rng.random(15) * 5).astype(t), (rng.random(15) * 6).astype(t)),
        32,
        True,
        True,
    ),
    "viterbi": Program(viterbi, _floats((7, 4), (4, 4)), 16, batchable=True),
    "outer updates": Program(outer_updates, _floats((5,), (5,)), 64, True, True),
    "image pipeline": Program(image_pipeline, _floats((8, 10, 3)), 64, True, True),
}
