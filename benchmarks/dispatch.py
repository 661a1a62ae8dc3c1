"""What a call costs beside the work: small arrays, trees of them, and fresh memory for large results.

`python benchmarks/dispatch.py` prints a Markdown table; figures are minima of interleaved rounds, so only the ratios within a
row mean something on a shared machine.
"""

import argparse
import timeit
from collections.abc import Callable
from typing import Any

import numpy as np

import compiler

try:
    import jax
except ImportError:
    jax = None

Calls = dict[str, Callable[[], Any]]


def add(a: Any, b: Any) -> Any:
    """One small kernel."""
    return a + b


def step(tree: Any) -> Any:
    """A gradient step on a tree of 20 leaves."""
    return {name: [p - 0.5 * g for p, g in pairs] for name, pairs in tree.items()}


def contenders(function: Callable[..., Any], *args: Any, is_numpy_native: bool = True) -> Calls:
    """The function of the same arguments in every library: NumPy's arrays in and out, and the own arrays of each."""
    ours = compiler.jit(function)
    calls: Calls = {"dlc": lambda: ours(*args)}
    if is_numpy_native:
        calls["NumPy"] = lambda: function(*args)
    if jax is not None:
        theirs = jax.jit(function)
        on_device = jax.device_put(args)
        calls["JAX, NumPy in"] = lambda: jax.block_until_ready(theirs(*args))
        calls["JAX, own arrays"] = lambda: jax.block_until_ready(theirs(*on_device))
    return calls


def workloads() -> dict[str, tuple[Calls, int]]:
    """The calls of every contender, and how often one is repeated per round."""
    small, other = np.arange(8, dtype=np.float32), np.ones(8, np.float32)
    tensor = compiler.Tensor(small)
    leaves = {f"layer{i}": [(small, other), (other, small)] for i in range(5)}
    large = np.ones(1 << 24, np.float32)
    out = np.empty_like(large)
    ours = compiler.jit(add)
    results = contenders(add, large, large)
    results["NumPy, out="] = lambda: np.add(large, large, out=out)
    return {
        "add of 8 floats": (contenders(add, small, other), 2000),
        "add of 8 floats, Tensors": ({"dlc": lambda: ours(tensor, tensor), "NumPy": lambda: small + small}, 2000),
        "add of 8 floats and a Python number": (contenders(add, small, 2.0), 2000),
        "step on a tree of 20 leaves": (contenders(step, leaves), 200),
        "add of 64 MiB": (results, 1),
    }


def nanoseconds(calls: Calls, number: int, rounds: int) -> dict[str, float]:
    """The fastest round of each contender."""
    for call in calls.values():
        for _ in range(3):
            call()
    best = dict.fromkeys(calls, float("inf"))
    for _ in range(rounds):
        for name, call in calls.items():
            best[name] = min(best[name], timeit.timeit(call, number=number) / number * 1e9)
    return best


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=30)
    rounds = parser.parse_args().rounds
    print("| call | contender | time, µs | time ÷ dlc |\n|---|---|---|---|")
    for name, (calls, number) in workloads().items():
        times = nanoseconds(calls, number, rounds)
        for contender, time in times.items():
            print(f"| {name} | {contender} | {time / 1e3:.3f} | {time / times['dlc']:.2f} |")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
