"""Compiling takes work in proportion to the program: no pass, and nothing handed to LLVM, grows faster. No clocks."""

import cProfile

import numpy as np
import pytest
from xdsl.dialects import llvm

import compiler
from compiler.pipelines import Observer, passes_between, run_passes
from passes.loops.llvm_host import PART_SIZE

F = np.float32
X = np.ones(100, F)
SQUARE = np.ones((64, 64), F)


def chain(x, n):
    for i in range(n):
        x = np.tanh(x) if i % 8 == 0 else x * F(1.01) + F(i)
    return x


def outputs(x, n):
    return [x * F(i) + F(1) for i in range(n)]


def tree(x, n):
    level = [x * F(i + 1) for i in range(n)]
    while len(level) > 1:
        level = [sum(level[i : i + 2]) for i in range(0, len(level), 2)]
    return level[0]


def body_of_a_loop(x, n):
    return compiler.fori_loop(0, 3, lambda _, x: chain(x, n), x)


def layers(x, matrices):
    for matrix in matrices:
        x = np.tanh(x @ matrix)
    return x


def slope_of_layers(x, matrices):
    return compiler.grad(lambda matrices: layers(x, matrices).sum())(matrices)


def rows(x, n):
    for _ in range(n // 2):
        x = x - x.max(axis=-1, keepdims=True)
    return x


def update(arrays):
    slopes = compiler.grad(lambda arrays: sum((x * x).sum() for x in arrays))(arrays)
    return [x - F(0.1) * slope for x, slope in zip(arrays, slopes, strict=True)]


def sized(f, *args):
    """A program with `n` in the closure."""
    return lambda n: (lambda *args: f(*args, n), args)


PROGRAMS = {
    "chain": sized(chain, X),
    "independent outputs": sized(outputs, X),
    "wide tree": sized(tree, X),
    "body of a loop": sized(body_of_a_loop, X),
    "rows": sized(rows, SQUARE),
    "slope of a chain": sized(lambda x, n: compiler.grad(lambda x: chain(x, n).sum())(x), X),
    "equal products": lambda n: (layers, (SQUARE, [SQUARE] * n)),
    "different products": lambda n: (
        layers,
        (SQUARE[:8, :8], [np.ones((8 + i % 9, 8 + (i + 1) % 9), F) for i in range(n)]),
    ),
    "slope of layers": lambda n: (slope_of_layers, (SQUARE, [SQUARE] * n)),
    "update of many arrays": lambda n: (update, ([np.ones(3 + i % 5, F) for i in range(n)],)),
}


class CallCounter(Observer):
    """Counts the calls of functions, Python's and C's, in each pass."""

    def __init__(self):
        self.calls = {}

    def before_pass(self, executed, module):
        self._profile = cProfile.Profile()
        self._profile.enable()

    def after_pass(self, executed, module, seconds):
        self._profile.disable()
        self.calls[executed.name] = sum(entry.callcount for entry in self._profile.getstats())


def compiled(program, n):
    """The module at the last level, and the calls of each pass."""
    f, args = PROGRAMS[program](n)
    profile = cProfile.Profile()
    profile.enable()
    module = compiler.jit(f).trace(*args).lower().module_at("tensor")
    profile.disable()
    counter = CallCounter()
    run_passes(module, passes_between("tensor", "llvm"), [counter])
    return module, counter.calls | {"tracing": sum(entry.callcount for entry in profile.getstats())}


@pytest.mark.parametrize("program", PROGRAMS)
def test_work_grows_no_faster_than_the_program(program):
    # Fusion limits the size of kernels: what has one kernel at first is larger.
    size = 300 if program in {"independent outputs", "rows", "wide tree", "slope of a chain"} else 60
    compiled(program, 20)  # what is done once in a process
    _, few = compiled(program, size)
    _, many = compiled(program, 3 * size)
    growth = {name: many[name] / (few[name] + 1000) for name in many}
    assert max(growth.values()) < 3.6, growth


def functions(module):
    return [op for op in module.body.block.ops if isinstance(op, llvm.FuncOp) and op.body.blocks]


def test_llvm_gets_functions_of_limited_size():
    arrays = [X[: 3 + i % 5] for i in range(3 * PART_SIZE)]
    module = compiler.jit(lambda arrays: [x * F(2) for x in arrays]).lower(arrays).module_at("llvm")
    calls = {
        op.sym_name.data: sum(isinstance(inner, llvm.CallOp) for inner in op.body.walk()) for op in functions(module)
    }
    assert sum(calls.values()) > PART_SIZE
    assert max(calls.values()) <= PART_SIZE


def test_a_long_program_in_several_functions_computes_the_same():
    def f(x, flag):
        """Scalars that the host reads stand between many launches, and are used behind them."""
        results = []
        for i in range(PART_SIZE):
            results.append((x[: i + 1] + F(i)).sum())
            if i % 100 == 0:
                x = compiler.cond(flag > F(i), lambda x: x * F(2), lambda x: x + F(1), x)
        return results

    def expected(x, flag):
        results = []
        for i in range(PART_SIZE):
            results.append((x[: i + 1] + F(i)).sum())
            if i % 100 == 0:
                x = x * F(2) if flag > i else x + F(1)
        return results

    x = np.linspace(0, 1, PART_SIZE, dtype=F)
    for flag in (F(-1), F(150)):
        np.testing.assert_allclose(compiler.jit(f)(x, flag), expected(x, flag), rtol=1e-5)
