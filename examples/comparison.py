"""What every example prints after its result: whether NumPy agrees, the times of both, and where to look next."""

import inspect
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import optree


def timed(function: Callable[..., Any], arguments: tuple[Any, ...]) -> tuple[Any, float]:
    """The result of a call and its wall-clock time in seconds."""
    start = time.perf_counter()
    result = function(*arguments)
    return result, time.perf_counter() - start


def compare(
    compiled: Callable[..., Any], reference: Callable[..., Any], arguments: tuple[Any, ...], rtol: float
) -> int:
    """Run both on the same arguments and print how they compare.

    Returns:
        0 if all results agree within `rtol` of the largest number of each array, otherwise 1: the exit status.
    """
    name = Path(inspect.unwrap(reference).__code__.co_filename).name
    result, first = timed(compiled, arguments)
    ours = min(timed(compiled, arguments)[1] for _ in range(3))
    expected, theirs = timed(reference, arguments)
    pairs = zip(optree.tree_leaves(result), optree.tree_leaves(expected), strict=True)
    agree = all(np.allclose(a, b, rtol=0, atol=rtol * np.abs(b).max()) for a, b in pairs)
    print(f"agrees with NumPy: {agree}")
    print(f"NumPy {1e3 * theirs:.1f} ms, compiled {1e3 * ours:.1f} ms: {theirs / ours:.1f} times as fast")
    print(f"first call (trace, compile, run): {1e3 * first:.0f} ms")
    print(f"every stage and pass: DLC_DUMP_IR_TO=dump .venv/bin/python examples/{name}")
    return 0 if agree else 1
