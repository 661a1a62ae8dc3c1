"""Programs with control flow, and the same unrolled by Python, for tests of values and derivatives."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

import compiler


class State(NamedTuple):
    """A carry with names."""

    position: Any
    velocity: Any
    rest: Any


@dataclass(frozen=True)
class Case:
    """A program and what it means.

    Attributes:
        loop: `(x, w) -> tree`, of two arrays with four elements each.
        unrolled: `(x, w, decide) -> tree`, the same in plain Python. `decide(value)` gives the Python value of what
            Python branches on; it is the value itself in NumPy, and was recorded there when the program is traced.
        reverse: whether it has a reverse derivative.
    """

    loop: Callable[..., Any]
    unrolled: Callable[..., Any]
    reverse: bool = True


class Decisions:
    """Records what a NumPy run decides, and replays it for a traced run."""

    def __init__(self):
        self.values = []

    def record(self, value):
        self.values.append(value.item())
        return self.values[-1]

    def replay(self):
        values = iter(self.values)
        return lambda value: next(values)


def unrolled_at(case, x, w):
    """The value of the unrolled program in NumPy, and the program with the decisions made there."""
    decisions = Decisions()
    value = case.unrolled(x, w, decisions.record)

    def program(x, w):
        return case.unrolled(x, w, decisions.replay())

    return value, program


# scan


def _scan_forwards(x, w):
    return compiler.scan(lambda c, a: (c * w + a, np.sin(c) * a), w, np.stack([x, x * w, w]))


def _scan_forwards_unrolled(x, w, decide):
    c, ys = w, []
    for a in (x, x * w, w):
        c, y = c * w + a, np.sin(c) * a
        ys.append(y)
    return c, np.stack(ys)


def _scan_backwards(x, w):
    return compiler.scan(lambda c, a: (np.tanh(c + a), (c, a * a)), w[0], x, reverse=True)


def _scan_backwards_unrolled(x, w, decide):
    c, ys = w[0], [None] * 4
    for i in reversed(range(4)):
        c, ys[i] = np.tanh(c + x[i]), (c, x[i] * x[i])
    return c, tuple(np.stack(each) for each in zip(*ys, strict=True))


def _scan_without_xs(x, w):
    return compiler.scan(lambda c, _: (c * w, c.sum()), x, length=5)


def _scan_without_xs_unrolled(x, w, decide):
    ys = []
    for _ in range(5):
        x, y = x * w, x.sum()
        ys.append(y)
    return x, np.stack(ys)


def _scan_without_ys(x, w):
    return compiler.scan(lambda c, a: (c + a * a, None), 0.0, {"x": x, "w": w}["x"])


def _scan_without_carry(x, w):
    return compiler.scan(lambda c, a: (c, {"p": a["x"] * a["w"], "x": a["x"]}), (), {"x": x, "w": w})[1]


def _scan_of_tree(x, w):
    def step(state, a):
        velocity = state.velocity * 0.5 - state.position * a["w"]
        position = state.position + 0.1 * velocity
        return State(position, velocity, {"count": state.rest["count"] + 1, "none": None}), position[:2]

    start = State(x, w, {"count": 0, "none": None})
    last, path = compiler.scan(step, start, {"w": w, "unused": np.arange(4)})
    return last, path


def _scan_of_tree_unrolled(x, w, decide):
    velocity, count, path = w, 0, []
    position = x
    for i in range(4):
        velocity = velocity * 0.5 - position * w[i]
        position = position + 0.1 * velocity
        count += 1
        path.append(position[:2])
    return State(position, velocity, {"count": count, "none": None}), np.stack(path)


# fori_loop


def _fori(x, w):
    return compiler.fori_loop(2, 6, lambda i, c: np.sin(c) * w + i * x, x)


def _fori_unrolled(x, w, decide):
    c = x
    for i in range(2, 6):
        c = np.sin(c) * w + i * x
    return c


def _fori_assigns(x, w):
    def body(i, c):
        a, total = c
        a[i] = a[i] * w[i] + total
        a[-1] += total
        return a, total + a[i]

    return compiler.fori_loop(0, 3, body, (x.copy(), w.sum()))


def _fori_assigns_unrolled(x, w, decide):
    a, total = x.copy(), w.sum()
    for i in range(3):
        a[i] = a[i] * w[i] + total
        a[-1] += total
        total = total + a[i]
    return a, total


def _fori_of_traced_bounds(x, w):
    steps = (x.sum() * 3).astype(np.int64)
    return compiler.fori_loop(steps - 2, steps + 1, lambda i, c: c * w + i, x), steps


def _fori_of_traced_bounds_unrolled(x, w, decide):
    steps = (x.sum() * 3).astype(np.int64)
    number, c = decide(steps), x
    for i in range(number - 2, number + 1):
        c = c * w + i
    return c, steps


# while_loop


def _while(x, w):
    return compiler.while_loop(lambda c: c[0].sum() < 9, lambda c: (c[0] * 1.5 + w, c[1] + 1), (x, 0))


def _while_bounded(x, w):
    return compiler.while_loop(lambda c: c[0].sum() < 9, lambda c: (c[0] * 1.5 + w, c[1] + 1), (x, 0), max_steps=20)


def _while_unrolled(x, w, decide):
    count = 0
    while decide(x.sum() < 9):
        x, count = x * 1.5 + w, count + 1
    return x, count


def _newton(x, w):
    """The square root of w by Newton's method; the condition uses what the body does not change."""
    return compiler.while_loop(
        lambda r: np.abs(r * r - w).max() > 1e-4, lambda r: (r + w / r) / 2, x + 1.0, max_steps=30
    )


def _newton_unrolled(x, w, decide):
    r = x + 1.0
    while decide(np.abs(r * r - w).max() > 1e-4):
        r = (r + w / r) / 2
    return r


def _while_exhausted(x, w):
    return compiler.while_loop(lambda c: c.sum() < 1e9, lambda c: c * c + w, x, max_steps=3)


def _while_exhausted_unrolled(x, w, decide):
    for _ in range(3):
        x = x * x + w
    return x


# cond and switch


def _cond(x, w):
    return compiler.cond(x[0] > 0.7, lambda a, b: (a * b, a.sum()), lambda a, b: (np.sin(b), (a * a).sum()), x, w)


def _cond_unrolled(x, w, decide):
    return (x * w, x.sum()) if decide(x[0] > 0.7) else (np.sin(w), (x * x).sum())


def _cond_of_captured(x, w):
    scale = x * w
    return {"r": compiler.cond(w[1] > 0.5, lambda: scale * scale, lambda: scale + x), "n": w}


def _cond_of_captured_unrolled(x, w, decide):
    return {"r": (x * w) * (x * w) if decide(w[1] > 0.5) else x * w + x, "n": w}


BRANCHES = [np.sin, lambda a: a * a * a, lambda a: np.exp(-a), np.ones_like]


def _switch(x, w):
    return compiler.switch((w[0] * 4).astype(np.int32) - 1, BRANCHES, x * w)


def _switch_unrolled(x, w, decide):
    index = decide((w[0] * 4).astype(np.int32)) - 1
    return BRANCHES[min(max(index, 0), 3)](x * w)


# map and associative_scan


def _map(x, w):
    return compiler.map(lambda a: (np.sin(a) * w, a * a), x)


def _map_in_batches(x, w):
    return compiler.map(lambda a: (np.sin(a) * w, a * a), x, batch_size=3)


def _map_unrolled(x, w, decide):
    return np.stack([np.sin(a) * w for a in x]), x * x


def _prefix_affine(x, w):
    """The affine maps `t -> w t + x` composed: `c[i] = w[i] c[i - 1] + x[i]`."""
    return compiler.associative_scan(lambda p, q: (p[0] * q[0], q[0] * p[1] + q[1]), (w, x))


def _prefix_affine_unrolled(x, w, decide):
    products, sums = [w[0]], [x[0]]
    for i in range(1, 4):
        products.append(products[-1] * w[i])
        sums.append(w[i] * sums[-1] + x[i])
    return np.stack(products), np.stack(sums)


def _prefix_reverse(x, w):
    return compiler.associative_scan(np.add, np.stack([x, w, x * w]), reverse=True, axis=1)


def _prefix_reverse_unrolled(x, w, decide):
    a = np.stack([x, w, x * w])
    columns = [a[:, 3]]
    for i in (2, 1, 0):
        columns.insert(0, columns[0] + a[:, i])
    return np.stack(columns, axis=1)


# Nested


def _scan_in_scan(x, w):
    def outer(c, a):
        inner, ys = compiler.scan(lambda d, b: (d * b + a, d), c, w)
        return inner, ys.sum()

    return compiler.scan(outer, w[0], x)


def _scan_in_scan_unrolled(x, w, decide):
    c, sums = w[0], []
    for a in x:
        ys = []
        for b in w:
            ys.append(c)
            c = c * b + a
        sums.append(np.stack(ys).sum())
    return c, np.stack(sums)


def _cond_in_loop(x, w):
    def body(i, c):
        return compiler.cond(c.sum() > 2, lambda c: c * w, lambda c: c + x * i, c)

    return compiler.fori_loop(0, 4, body, x)


def _cond_in_loop_unrolled(x, w, decide):
    c = x
    for i in range(4):
        c = c * w if decide(c.sum() > 2) else c + x * i
    return c


def _loop_in_branch(x, w):
    return compiler.cond(
        x.sum() > 0,
        lambda a: compiler.fori_loop(0, 3, lambda i, c: c * w, a),
        lambda a: compiler.scan(lambda c, b: (c + b, None), a, np.stack([w, w]))[0],
        x,
    )


def _loop_in_branch_unrolled(x, w, decide):
    return x * w * w * w if decide(x.sum() > 0) else x + w + w


def _while_in_scan(x, w):
    def step(c, a):
        halved = compiler.while_loop(lambda t: t > 0.3, lambda t: t * w[1] * 0.8, a + 1.0, max_steps=40)
        return c + halved, halved

    return compiler.scan(step, 0.0, x)


def _while_in_scan_unrolled(x, w, decide):
    c, ys = 0.0, []
    for a in x:
        t = a + 1.0
        while decide(t > 0.3):
            t = t * w[1] * 0.8
        c = c + t
        ys.append(t)
    return c, np.stack(ys)


def _grad_in_loop(x, w):
    """Gradient descent."""
    slope = compiler.grad(lambda p: ((p * w - x) ** 2).sum())
    return compiler.fori_loop(0, 4, lambda i, p: p - 0.1 * slope(p), x)


def _grad_in_loop_unrolled(x, w, decide):
    p = x
    for _ in range(4):
        p = p - 0.1 * (2 * (p * w - x) * w)
    return p


def _vmap_in_loop(x, w):
    body = compiler.vmap(lambda a, b: np.tanh(a * b))
    return compiler.scan(lambda c, _: (body(c, w) + x, compiler.jit(np.sum)(c)), x, length=3)


def _vmap_in_loop_unrolled(x, w, decide):
    c, ys = x, []
    for _ in range(3):
        c, y = np.tanh(c * w) + x, c.sum()
        ys.append(y)
    return c, np.stack(ys)


# Few steps


def _zero_and_one_steps(x, w):
    none = compiler.fori_loop(3, 3, lambda i, c: c * w, x)
    negative = compiler.fori_loop(3, 1, lambda i, c: c * w, x)
    empty, ys = compiler.scan(lambda c, a: (c * a, c + a), x[0], w[:0])
    once = compiler.fori_loop(0, 1, lambda i, c: c * w, x)
    never = compiler.while_loop(lambda c: c.sum() < 0, lambda c: c * w, x, max_steps=0)
    return none, negative, empty, ys, once, never


def _zero_and_one_steps_unrolled(x, w, decide):
    return x, x, x[0], x[:0], x * w, x


CASES = {
    "scan": Case(_scan_forwards, _scan_forwards_unrolled),
    "scan, reverse": Case(_scan_backwards, _scan_backwards_unrolled),
    "scan without xs": Case(_scan_without_xs, _scan_without_xs_unrolled),
    "scan without ys": Case(_scan_without_ys, lambda x, w, decide: ((x * x).sum(), None)),
    "scan without carry": Case(_scan_without_carry, lambda x, w, decide: {"p": x * w, "x": x}),
    "scan of a tree": Case(_scan_of_tree, _scan_of_tree_unrolled),
    "fori_loop": Case(_fori, _fori_unrolled),
    "fori_loop that assigns": Case(_fori_assigns, _fori_assigns_unrolled),
    "fori_loop of traced bounds": Case(_fori_of_traced_bounds, _fori_of_traced_bounds_unrolled, reverse=False),
    "while_loop": Case(_while, _while_unrolled, reverse=False),
    "while_loop, bounded": Case(_while_bounded, _while_unrolled),
    "while_loop of a captured limit": Case(_newton, _newton_unrolled),
    "while_loop at its bound": Case(_while_exhausted, _while_exhausted_unrolled),
    "cond": Case(_cond, _cond_unrolled),
    "cond of captured arrays": Case(_cond_of_captured, _cond_of_captured_unrolled),
    "switch": Case(_switch, _switch_unrolled),
    "map": Case(_map, _map_unrolled),
    "map in batches": Case(_map_in_batches, _map_unrolled),
    "associative_scan": Case(_prefix_affine, _prefix_affine_unrolled),
    "associative_scan, reverse": Case(_prefix_reverse, _prefix_reverse_unrolled),
    "scan in scan": Case(_scan_in_scan, _scan_in_scan_unrolled),
    "cond in fori_loop": Case(_cond_in_loop, _cond_in_loop_unrolled),
    "loops in cond": Case(_loop_in_branch, _loop_in_branch_unrolled),
    "while_loop in scan": Case(_while_in_scan, _while_in_scan_unrolled),
    "grad in fori_loop": Case(_grad_in_loop, _grad_in_loop_unrolled),
    "vmap and jit in scan": Case(_vmap_in_loop, _vmap_in_loop_unrolled),
    "zero and one steps": Case(_zero_and_one_steps, _zero_and_one_steps_unrolled),
}
