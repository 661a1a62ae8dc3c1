"""How the time of compiling grows with the program: milliseconds per operation, by phase, for small and large programs.

Prints a Markdown table with one row for each program and size; nothing is taken from caches.
"""

import argparse
import time
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

import compiler
from compiler.options import CompileOptions
from compiler.pipelines import passes_to_stage
from compiler.timing import TimingObserver

Program = tuple[Callable[..., Any], tuple[Any, ...]]
F = np.float32
X = np.ones(1000, F)


def chain(x: Any, n: int) -> Any:
    """`n` operations, one after the other."""
    for i in range(n // 2):
        x = x * F(1.0001) + F(i)
    return x


def outputs(x: Any, n: int) -> list[Any]:
    """`n` operations with `n / 2` results."""
    return [x * F(i) + F(1) for i in range(n // 2)]


def tree(x: Any, n: int) -> Any:
    """`n` operations, a product in each leaf and sums."""
    level: list[Any] = [x * F(i) for i in range(n // 2)]
    while len(level) > 1:
        level = [sum(level[i : i + 2]) for i in range(0, len(level), 2)]
    return level[0]


def loop(x: Any, n: int) -> Any:
    """A loop with a chain as body."""

    def body(_: Any, x: Any) -> Any:
        return chain(x, n)

    return compiler.fori_loop(0, 3, body, x)


def matrices(n: int, *, equal: bool) -> Program:
    """`n` products, each of the one before."""
    sizes = [64] * (n + 1) if equal else [8 + i % 37 for i in range(n + 1)]

    def product(x: Any, factors: list[Any]) -> Any:
        for factor in factors:
            x = x @ factor
        return x

    return product, (np.ones((16, sizes[0]), F), [np.ones(shape, F) for shape in pairwise(sizes)])


def slope(x: Any, n: int) -> Any:
    """The gradient of a chain with `n` operations, some of which are worth keeping."""

    def value(x: Any) -> Any:
        for i in range(n):
            x = np.tanh(x) if i % 4 == 0 else x * F(1.01)
        return x.sum()

    return compiler.grad(value)(x)


def update(n: int) -> Program:
    """A step of gradient descent on `n` arrays."""

    def value(arrays: list[Any]) -> Any:
        return sum((x * x).sum() for x in arrays)

    def step(arrays: list[Any]) -> list[Any]:
        slopes = compiler.grad(value)(arrays)
        return [x - F(0.1) * slope for x, slope in zip(arrays, slopes, strict=True)]

    return step, ([np.ones(3 + i % 5, F) for i in range(n)],)


PROGRAMS: dict[str, Callable[[int], Program]] = {
    "chain": lambda n: (partial(chain, n=n), (X,)),
    "outputs": lambda n: (partial(outputs, n=n), (X,)),
    "tree": lambda n: (partial(tree, n=n), (X,)),
    "scan_body": lambda n: (partial(loop, n=n), (X,)),
    "chain_grad": lambda n: (partial(slope, n=n), (X,)),
    "equal_products": partial(matrices, equal=True),
    "different_products": partial(matrices, equal=False),
    "pytree_update": update,
}


class Phases(TimingObserver):
    """Times without those of single kernels."""

    looks_at_functions = False


def measure(program: str, size: int) -> dict[str, float]:
    """Seconds of each phase."""
    f, args = PROGRAMS[program](size)
    stage_of = {name: stage for stage, specs in passes_to_stage("cpu", CompileOptions()).items() for name, _ in specs}
    start = time.perf_counter()
    lowered = compiler.jit(f).lower(*args)
    seconds = {"tracing": time.perf_counter() - start}
    timing = Phases()
    lowered.compile_observed([timing])
    for name, taken in timing.seconds().items():
        phase = stage_of.get(name, name)
        seconds[phase] = seconds.get(phase, 0.0) + taken
    return seconds


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 1000, 10000])
    parser.add_argument("--only", nargs="+", choices=PROGRAMS, default=list(PROGRAMS))
    args = parser.parse_args()
    measure("chain", 10)  # imports
    titles: list[str] = []
    for program in args.only:
        for size in args.sizes:
            seconds = measure(program, size)
            if not titles:
                titles = list(seconds)
                print(f"| program | operations | ms per operation | {' | '.join(titles)} |")
                print("|---" * (len(titles) + 3) + "|")
            cells = [1e3 * seconds.get(title, 0.0) / size for title in titles]
            print(
                f"| {program} | {size} | {sum(cells):.2f} | {' | '.join(f'{cell:.2f}' for cell in cells)} |", flush=True
            )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
