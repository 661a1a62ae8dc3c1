"""Loops of elementwise steps run inside of kernels, with the values of the loop around the kernels."""

import numpy as np
import pytest
from levels import after_every_pass, compiled
from xdsl.dialects import scf

import compiler
from compiler.options import CompileOptions
from compiler.pipelines import passes_between, run_passes
from compiler.pytrees import flatten
from compiler.tracing import trace
from dialects.remarks import collect_remarks
from dialects.rt import KernelOp
from passes.linalg.host_blocks import CONTROL_FLOW
from passes.linalg.interchange_loops import InterchangeLoopsPass

RNG = np.random.default_rng(11)


def floats(*shape, dtype=np.float32):
    return RNG.uniform(-1, 1, shape).astype(dtype)


def escape_counts(cx, cy):
    def step(_, state):
        x, y, count = state
        xx, yy = x * x, y * y
        return xx - yy + cx, 2 * x * y + cy, count + (xx + yy <= 4)

    zeros = np.zeros_like(cx)
    return compiler.fori_loop(0, 10, step, (zeros, zeros, np.zeros_like(cx, dtype=np.int32)))[2]


def counted(x):
    return compiler.fori_loop(2, 9, lambda i, c: c * x + i, x)


def with_a_clock(x):
    """What has no dimensions is carried beside, and is a result too."""
    return compiler.fori_loop(0, 5, lambda _, c: (c[0] * 0.5 + np.sin(c[1]), c[1] + 0.25), (x, np.float64(1)))


def broadcast_invariants(x, row, column):
    return compiler.fori_loop(0, 4, lambda i, c: c * row + column[:, None] * i, x)


def nested(x):
    """Newton's method in every step of a loop."""

    def outer(i, y):
        return compiler.fori_loop(0, 3, lambda _, r: r - (r * r * r - y) / (3 * r * r), y) + i

    return compiler.fori_loop(0, 4, outer, abs(x) + 1)


def masks(x, flags):
    return compiler.fori_loop(0, 6, lambda i, c: (np.where(c[1], c[0] + i, c[0] * 2), ~c[1]), (x, flags))


def collatz(n):
    """Divisions of integers, which no vector has."""
    step = lambda _, c: (np.where(c[0] % 2 == 0, c[0] // 2, 3 * c[0] + 1), c[1] + (c[0] > 1))  # noqa: E731
    return compiler.fori_loop(0, 20, step, (n, np.zeros_like(n)))[1]


def two_shapes(x, y):
    """Carried values that do not meet are loops of their own."""
    return compiler.fori_loop(0, 5, lambda i, c: (c[0] * 0.5 + i, np.tanh(c[1])), (x, y))


def table_lookups(x, table):
    return compiler.fori_loop(0, 5, lambda i, c: c + table[np.arange(7) % 3] * i, x)


def rows(x, rows_):
    """A single point takes its own rows."""
    return compiler.scan(lambda c, row: (0.5 * c + row, None), x, rows_)[0]


def unused_steps(x):
    return compiler.fori_loop(0, 0, lambda i, c: c * 2, x)


def long_steps(x, w):
    """Vectors take turns; positions, a mask and what is computed in front are read in every step."""
    bias = np.exp(w) + np.arange(x.size, dtype=x.dtype)

    def step(i, c):
        angle, speed, is_slow = c
        pull = np.sin(angle) * np.exp(-speed * speed) / (1 + angle * angle)
        speed = np.where(is_slow, speed * 0.5, speed) - 0.01 * pull * bias + 0.001 * i
        return angle + 0.01 * speed, speed, abs(speed) < 0.5

    angle, speed, is_slow = compiler.fori_loop(0, 6, step, (x, w, x > 0))
    return np.where(is_slow, angle * bias, speed)


def below_the_diagonal(x):
    """Which points these are is computed in front of their steps."""
    lower = np.tril(x)
    return compiler.fori_loop(0, 5, lambda _, c: np.sin(c) * np.exp(-c * c) * np.cos(c + lower) + lower, x)


def one_loop_after_another(x):
    slow = compiler.fori_loop(0, 4, lambda _, c: c + 0.1 * np.sin(c) / (2 + np.cos(c)), x)
    return compiler.fori_loop(0, 5, lambda _, c: c - 0.1 * np.cos(c) * np.exp(-c * c) * slow, slow * 2) + x


def grid(x, y):
    return compiler.fori_loop(0, 4, lambda _, c: c + 0.1 * np.sin(c) * np.cos(c + x) / (2 + y[:, None]), y[:, None] * x)


def root(a):
    def is_far(c):
        return abs(c[0] ** 3 - a) > 1e-3 * a

    return compiler.while_loop(is_far, lambda c: (c[0] - (c[0] ** 3 - a) / (3 * c[0] * c[0]), c[1] + 1), (a, 0))


def roots(a):
    """Every point takes as many steps as it needs."""
    return compiler.vmap(root)(abs(a) + 0.1)


def greatest_divisor(a, b):
    return compiler.while_loop(lambda c: c[1] > 0, lambda c: (c[1], c[0] % c[1]), (a, b))[0]


def all_as_long(x, n):
    """The number of steps is an argument."""
    return compiler.fori_loop(0, n, lambda i, c: c * x + i, x)


def complex_escape_counts(c):
    """The parts of the complex number are carried apart."""

    def step(_, state):
        z, count = state
        return z * z + c, count + ((z * z.conj()).real <= 4)

    return compiler.fori_loop(0, 10, step, (np.zeros_like(c), np.zeros_like(c, dtype=np.int32)))[1]


def complex_powers(z):
    return compiler.fori_loop(0, 5, lambda i, w: w * z + i, z)


def complex_orbit(z):
    """As long as the number is small, for each point."""

    def orbit(start):
        return compiler.while_loop(lambda w: abs(w) < 4, lambda w: w * (1.2 + 0.5j) + 0.1, start)

    return compiler.vmap(orbit)(z)


def pairs_that_take_turns(z, w):
    return compiler.fori_loop(0, 7, lambda _, c: (c[1], c[0] * c[1]), (z, w))


def complexes(*shape, dtype=np.complex64):
    return (RNG.uniform(-1, 1, shape) + 1j * RNG.uniform(-1, 1, shape)).astype(dtype)


def to_a_fixed_point(x):
    """All points arrive before the last step, most of them early."""
    return compiler.fori_loop(0, 400, lambda _, c: 0.5 * (c + x / c), x + 1)


def around_in_circles(x):
    """After two steps everything is what it was; an odd number of steps is not a whole number of circles."""
    return compiler.fori_loop(0, 401, lambda _, c: (1 - c[0], -c[1], ~c[2]), (x, x, x > 0))


def over_the_edge(x):
    """Some points overflow and end as NaN, which is itself bit by bit; others grow for long, and a counter goes on for those."""

    def step(_, c):
        y, n = c
        return y * y - y * x, n + (abs(y) < 9)

    return compiler.fori_loop(0, 300, step, (3 * x, np.zeros_like(x, dtype=np.int32)))


def beside_a_clock(x):
    """Nothing changes but what is the same for all points, until it changes the rest."""
    step = lambda _, c: (np.where(c[1] > 250, c[0] + 1, c[0]), c[1] + 1)  # noqa: E731
    return compiler.fori_loop(0, 300, step, (x, np.float64(0)))[0]


PROGRAMS = {
    "escape counts": (escape_counts, (floats(7, 9), floats(7, 9)), 1),
    "one point": (escape_counts, (floats(), floats()), 1),
    "no points": (counted, (floats(0, 3),), 1),
    "more points than lanes": (escape_counts, (floats(331), floats(331)), 1),
    "number of the step": (counted, (floats(5),), 1),
    "double precision": (counted, (floats(67, dtype=np.float64),), 1),
    "half precision": (counted, (floats(67, dtype=np.float16),), 1),
    "integers": (counted, (np.arange(9, dtype=np.uint8),), 1),
    "a clock": (with_a_clock, (floats(21, dtype=np.float64),), 2),
    "broadcast invariants": (broadcast_invariants, (floats(5, 6), floats(6), floats(5)), 1),
    "nested": (nested, (floats(19),), 1),
    "masks": (masks, (floats(18), RNG.uniform(size=18) < 0.5), 1),
    "integer division": (collatz, (np.arange(1, 40),), 1),
    "two shapes": (two_shapes, (floats(3, 4), floats(5)), 2),
    "table lookups": (table_lookups, (floats(7), floats(3)), 1),
    "rows": (rows, (floats(), floats(4)), 1),
    "long steps": (long_steps, (floats(37), floats(37)), 1),
    "long steps of many blocks": (long_steps, (floats(301), floats(301)), 1),
    "long steps in double precision": (long_steps, (floats(37, dtype=np.float64), floats(37, dtype=np.float64)), 1),
    "long steps below a diagonal": (below_the_diagonal, (floats(9, 40),), 1),
    "one loop after another": (one_loop_after_another, (floats(83),), 1),
    "a grid": (grid, (floats(35), floats(4)), 1),
    "while a point goes on": (roots, (floats(37),), 1),
    "while one point goes on": (greatest_divisor, (np.int64(84), np.int64(30)), 1),
    "as many steps as an argument says": (all_as_long, (floats(37), np.int64(7)), 1),
    "no steps": (unused_steps, (floats(6),), 1),
    "complex numbers": (complex_escape_counts, (complexes(7, 9),), 1),
    "one complex number": (complex_powers, (complexes(),), 1),
    "complex results": (complex_powers, (complexes(3, 70),), 1),
    "complex doubles": (complex_powers, (complexes(67, dtype=np.complex128),), 1),
    "while a complex number is small": (complex_orbit, (complexes(37),), 1),
    "pairs that take turns": (pairs_that_take_turns, (complexes(21), complexes(21)), 1),
    "a fixed point": (to_a_fixed_point, (abs(floats(331)),), 1),
    "a fixed point of few": (to_a_fixed_point, (abs(floats(5, dtype=np.float64)),), 1),
    "circles": (around_in_circles, (floats(67),), 1),
    "overflow": (over_the_edge, (floats(133),), 1),
    "a clock that strikes": (beside_a_clock, (floats(67, dtype=np.float64),), 1),
}
"""Programs, arguments, and the number of kernels."""


def fused(function, arguments):
    traced = trace(function, arguments)
    run_passes(traced.module, passes_between("tensor", "fused"))
    return traced.module


@pytest.mark.parametrize("name", PROGRAMS)
def test_loops_of_elementwise_steps_become_kernels(name):
    function, arguments, kernels = PROGRAMS[name]
    module = fused(function, arguments)
    host = next(op for op in module.body.block.ops if op.sym_name.data == function.__name__)
    assert not any(type(op) in CONTROL_FLOW for op in host.body.block.ops)
    assert sum(isinstance(op, KernelOp) for op in host.body.block.ops) == kernels


@pytest.mark.parametrize("vector_bits", [0, 256, 512])
@pytest.mark.parametrize("name", PROGRAMS)
def test_points_compute_what_the_loop_did(name, vector_bits):
    function, arguments, _ = PROGRAMS[name]
    traced = trace(function, arguments)
    leaves = [np.asarray(leaf, a.dtype) for leaf, a in zip(flatten((arguments, {}))[0], traced.inputs, strict=True)]
    calls = {traced.name: [[*leaves, *traced.constants]]}
    expected = None
    for where, results in after_every_pass(traced.module.clone(), calls, vector_bits):
        actual = results[traced.name][0]
        expected = expected or actual
        check(expected, actual, f"after {where}")
    check(expected, compiled(traced.module, calls, vector_bits)[traced.name][0], "of machine code")


def check(expected, actual, where):
    """Equal but for elementary functions, which are expanded on the way; a step may double a difference."""
    for want, got in zip(expected, actual, strict=True):
        assert (got.dtype, got.shape) == (want.dtype, want.shape), where
        if want.dtype.kind in "fc":
            tolerance = 64 * float(np.finfo(want.dtype).eps)
            np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance, err_msg=where)
        else:
            np.testing.assert_array_equal(got, want, err_msg=where)


REFUSED = {
    "reads the carried tensor<6xf32> at other points": lambda x: compiler.fori_loop(0, 5, lambda _, c: c + c[::-1], x),
    "combines elements into tensor<f32>": lambda x: compiler.fori_loop(0, 5, lambda _, c: c / np.sum(c), x),
    "has tensor.insert_slice": lambda x: compiler.scan(lambda c, _: (c * 2, c), x, None, length=5),
    "a point that does not go on changes": lambda x: compiler.while_loop(lambda c: np.any(c < 9), lambda c: c + 1, x),
    "goes on as long as something else": lambda x: compiler.while_loop(lambda c: np.all(c < 9), lambda c: c + 1, x),
    "computes which elements it reads": lambda x: compiler.fori_loop(0, 5, lambda _, c: c[(c * 3).astype(int)], x),
}


@pytest.mark.parametrize("reason", REFUSED)
def test_a_remark_says_what_a_step_does_that_points_cannot(reason):
    module = trace(REFUSED[reason], (floats(6),)).module
    run_passes(module, passes_between("tensor", "linalg"))
    before = str(module)
    with collect_remarks() as remarks:
        InterchangeLoopsPass().apply(None, module)
    (remark,) = remarks
    assert remark.kind == "missed"
    assert reason in remark.message
    assert str(module).count("scf.") == before.count("scf.")


def test_long_chains_need_no_deep_stack():
    def step(_, c):
        for _ in range(100):
            c = np.sqrt(c + 1)
        return c

    module = fused(lambda x: compiler.fori_loop(0, 3, step, x), (abs(floats(8)),))
    assert sum(isinstance(op, KernelOp) for op in module.walk()) == 1
    assert str(module).count("math.sqrt") == 100


LEFT = ["a fixed point", "circles", "overflow", "a clock that strikes"]


@pytest.mark.parametrize("name", LEFT)
def test_points_leave_loops_that_change_nothing(name):
    function, arguments, _ = PROGRAMS[name]
    module = trace(function, arguments).module
    with collect_remarks() as remarks:
        run_passes(module, passes_between("tensor", "loops", options=CompileOptions(vector_bits=512)))
    assert any(remark.kind == "passed" and remark.pass_name == "leave-loops" for remark in remarks)
    assert "vector.reduction <or>" in str(module)


REMAINING = {
    "they ask for their number": lambda x: compiler.fori_loop(0, 400, lambda i, c: c * x + i, x),
    "they are few": lambda x: compiler.fori_loop(0, 40, lambda _, c: c * x, x),
    "they are long": lambda x: compiler.fori_loop(0, 400, lambda _, c: np.exp(np.sin(c)), x),
    "they have loops themselves": lambda x: compiler.fori_loop(
        0, 40, lambda _, c: compiler.fori_loop(0, 3, lambda _, r: r * x, c) + 1, x
    ),
}


@pytest.mark.parametrize("reason", REMAINING)
def test_a_remark_says_why_points_stay_in_a_loop(reason):
    module = trace(REMAINING[reason], (floats(70),)).module
    with collect_remarks() as remarks:
        run_passes(module, passes_between("tensor", "loops"))
    messages = [remark.message for remark in remarks if remark.pass_name == "leave-loops"]
    assert any(reason in message for message in messages)


def test_a_value_that_all_points_share_stays_a_scalar():
    module = trace(beside_a_clock, (floats(70, dtype=np.float64),)).module
    run_passes(module, passes_between("tensor", "loops", options=CompileOptions(vector_bits=512)))
    (loop,) = (op for op in module.walk() if isinstance(op, scf.ForOp) and len(op.results) == 2)
    assert sorted(str(result.type).startswith("vector") for result in loop.results) == [False, True]


TOGETHER = {
    "transformed": lambda z: compiler.fori_loop(0, 5, lambda _, w: np.fft.fft(w * w), z),
    "stacked": lambda z: compiler.scan(lambda w, _: (w * w, w), z, None, length=5),
}


@pytest.mark.parametrize("use", TOGETHER)
def test_a_remark_says_which_complex_numbers_are_carried_as_pairs(use):
    module = trace(TOGETHER[use], (complexes(8),)).module
    with collect_remarks() as remarks:
        run_passes(module, passes_between("tensor", "linalg"))
    (remark,) = (each for each in remarks if each.pass_name == "split-carries")
    assert remark.kind == "missed"
    assert "carried value 0, tensor<8x2xf32>, is stacked, transformed" in remark.message


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
def test_complex_loops_have_as_many_vectors_at_once_as_real_ones(dtype):
    module = trace(complex_escape_counts, (complexes(1000, dtype=dtype),)).module
    run_passes(module, passes_between("tensor", "loops", options=CompileOptions(vector_bits=512)))
    assert ("vector<64xf32>" if dtype is np.complex64 else "vector<32xf64>") in str(module)


def test_vectors_of_several_registers_hide_the_latency_of_a_step():
    traced = trace(escape_counts, (floats(1000), floats(1000)))
    run_passes(traced.module, passes_between("tensor", "loops", options=CompileOptions(vector_bits=512)))
    assert "iter_args" in str(traced.module)
    assert "vector<64xf32>" in str(traced.module)
