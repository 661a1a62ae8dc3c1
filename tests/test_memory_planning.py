"""The order of launches and the places of temporaries: values never depend on them, memory does."""

import numpy as np
import optree
import pytest
from xdsl.dialects import func

import compiler
from compiler.pipelines import make_pass, run_passes
from passes.memref.effects import Effects
from passes.memref.plan_memory import Buffer, assign_offsets, peak_lower_bound
from passes.memref.schedule_launches import rearrange, steps_of
from passes.memref.schedules import Steps, low_order
from runtime.reference import interpret


def sorted_and_scattered(x, y):
    order = np.argsort(x[:, 0])
    z = np.zeros_like(y)
    z[2:4] = x[order][1:3]
    z[1] += y[0]
    return np.cumsum(z, axis=0) @ x[:5].T, np.sort(y, axis=1)


def factorized(x, y):
    square = x @ x.T + 9 * np.eye(6)
    return np.linalg.solve(square, y), np.linalg.inv(square), np.fft.rfft(y, axis=0).real


def looped(x, y):
    def body(carry, row):
        a, b = carry
        c = np.tanh(a @ x.T @ x) + row
        return (b, c), (a * 2, c.sum())

    return compiler.scan(body, (x, y), y)


def branched(x, y):
    z = compiler.cond(x.sum() > 0, lambda x, y: (x @ y.T) @ x, lambda x, y: x - y, x, y)
    return z * x, z.T @ y


def trained(x, y):
    def loss(w, v):
        return (np.tanh(x @ w) @ v - y).sum() ** 2

    w, v = np.eye(4), np.ones((4, 4))
    for _ in range(3):
        dw, dv = compiler.grad(loss, (0, 1))(w, v)
        w, v = w - 0.01 * dw, v - 0.01 * dv
    return w, v


PROGRAMS = [
    sorted_and_scattered,
    factorized,
    looped,
    branched,
    trained,
    compiler.grad(lambda x, y: sum(np.sum(r) for r in optree.tree_leaves(looped(x, y)))),
]


def random_order(steps, rng):
    """Any order that the steps allow."""
    order, left = [], list(range(len(steps.used)))
    while left:
        step = rng.choice([step for step in left if steps.before[step] <= set(order)])
        left.remove(step)
        order.append(step)
    return order


def shuffle(block, effects, rng):
    """Put the steps of a block, and of those in it, in any order that is allowed."""
    operations, steps = steps_of(block, effects, {})
    for op in operations:
        for region in op.regions:
            for inner in region.blocks:
                shuffle(inner, effects, rng)
    rearrange(block, [operations[step] for step in random_order(steps, rng)])


@pytest.mark.parametrize("program", PROGRAMS)
def test_values_are_the_same_in_every_order_that_is_allowed(program):
    rng = np.random.default_rng(0)
    arguments = [rng.normal(size=(6, 4)), rng.normal(size=(6, 4))]
    module = compiler.jit(program).lower(*arguments).module_at("fused")
    run_passes(module, [make_pass((name, {})) for name in ("bufferize", "outline-kernels", "deduplicate-kernels")])
    functions = {f.sym_name.data: f for f in module.body.block.ops if isinstance(f, func.FuncOp)}
    (host,) = [name for name, f in functions.items() if "rt.num_inputs" in f.attributes]
    expected = interpret(module, host, arguments)
    for _ in range(4):
        other = module.clone()
        functions = {f.sym_name.data: f for f in other.body.block.ops if isinstance(f, func.FuncOp)}
        shuffle(functions[host].body.block, Effects(functions[host], functions), rng)
        run_passes(other, [make_pass(("plan-memory", {}))])
        other.verify()
        for result, wanted in zip(interpret(other, host, arguments), expected, strict=True):
            np.testing.assert_array_equal(result, wanted)


def random_steps(rng):
    count, buffers = rng.integers(1, 30), rng.integers(1, 12)
    before = [
        frozenset(map(int, rng.integers(0, step, size=min(step, 2)))) if step else frozenset() for step in range(count)
    ]
    used = [frozenset(map(int, rng.integers(0, buffers, size=rng.integers(0, 4)))) for _ in range(count)]
    return Steps(before, used, [64 * int(size) for size in rng.integers(1, 9, size=buffers) ** 3])


@pytest.mark.parametrize("seed", range(40))
def test_an_order_is_one_that_is_allowed_and_needs_what_it_says(seed):
    steps = random_steps(np.random.default_rng(seed))
    order, peak, before = low_order(steps)
    assert sorted(order) == list(range(len(steps.used)))
    assert all(steps.before[step] <= set(order[:place]) for place, step in enumerate(order))
    assert before == steps.peak(range(len(order)))
    lives = [
        [place for place, step in enumerate(order) if buffer in steps.used[step]] for buffer in range(len(steps.sizes))
    ]
    alive = [
        sum(size for size, life in zip(steps.sizes, lives, strict=True) if life and life[0] <= place <= life[-1])
        for place in range(len(order))
    ]
    assert steps.least_peak() <= max(alive) == peak <= before


def test_gradients_are_used_as_soon_as_they_are_there():
    # Products 0 to 7 make gradients, steps 8 to 15 use one each; all wait for a number that step 16 makes.
    before = [frozenset[int]()] * 8 + [frozenset({i, 16}) for i in range(8)] + [frozenset[int]()]
    used = [frozenset({i}) for i in range(8)] + [frozenset({i, 8}) for i in range(8)] + [frozenset({8})]
    program = [*range(8), 16, *range(8, 16)]
    place = {step: i for i, step in enumerate(program)}
    steps = Steps(
        [frozenset(place[s] for s in before[step]) for step in program],
        [used[s] for s in program],
        [1 << 20] * 8 + [64],
    )
    assert low_order(steps)[1:] == ((1 << 20) + 64, (8 << 20) + 64)


@pytest.mark.parametrize("seed", range(20))
def test_temporaries_that_are_alive_at_once_do_not_overlap(seed):
    rng = np.random.default_rng(seed)
    buffers = []
    for _ in range(rng.integers(0, 60)):
        first = int(rng.integers(0, 50))
        buffers.append(Buffer(None, 64 * int(rng.integers(0, 40)), first, first + int(rng.integers(0, 20))))
    bound = peak_lower_bound(buffers)
    size = assign_offsets(buffers, bound)
    assert size == max((b.offset + b.size for b in buffers), default=0)
    assert bound <= size <= 1.25 * bound
    for i, a in enumerate(buffers):
        for b in buffers[:i]:
            together = a.first <= b.last and b.first <= a.last
            assert not (together and a.offset < b.offset + b.size and b.offset < a.offset + a.size)


def test_gaps_between_large_buffers_are_used():
    # Those of a step of training: greedy by size alone needs a quarter more.
    lives = [
        (8192, 3, 36), (2048, 5, 41), (8192, 7, 19), (2048, 9, 24), (320, 19, 28), (8192, 21, 38), (16384, 36, 45), (8192, 38, 53),
        (25088, 53, 57),
    ]  # fmt: skip
    buffers = [Buffer(None, 64 * size, first, last) for size, first, last in lives]
    assert assign_offsets(buffers, bound := peak_lower_bound(buffers)) == bound
