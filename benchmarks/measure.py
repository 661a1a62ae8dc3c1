"""Measures one workload in this process: its contenders interleaved, all with the same number of threads."""

import argparse
import json
import math
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

BURST = 0.02
"""Seconds that calls are repeated for in one round, at least; so that the clock does not count, nor the caches of others."""
REST = 0.15
"""Seconds before each burst: OpenBLAS' threads go on spinning for 0.1, on processors that the next contender needs."""

MOST_ROUNDS = 8
FEWEST_ROUNDS = 3


def use_processors(count: int) -> None:
    """Run on so many processors; libraries that are imported afterwards start as many threads."""
    processors = sorted(os.sched_getaffinity(0))
    if count > len(processors):
        raise SystemExit(f"{count} threads: this process may use {len(processors)} processors")
    os.sched_setaffinity(0, processors[:count])


def seconds(function: Callable[[], Any], repeats: int = 1) -> float:
    """Wall-clock time of one call."""
    start = time.perf_counter()
    for _ in range(repeats):
        function()
    return (time.perf_counter() - start) / repeats


@contextmanager
def limited(limit: int) -> Iterator[None]:
    """Raise `TimeoutError` after so many seconds."""

    def give_up(*_: Any) -> None:
        raise TimeoutError(f"took more than {limit} s")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(limit)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def end_subprocesses() -> None:
    """Kill what this process has started, and what that has: the compilers of a contender that was given up would go on, beside the others."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended meanwhile
            children.setdefault(int(stat.read_text().rpartition(")")[2].split()[1]), []).append(int(stat.parent.name))
    started = list(children.get(os.getpid(), ()))
    for process in started:
        started += children.get(process, ())
    for process in started:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


def warm_up(peer: str) -> None:
    """Compile something else first, so that first calls measure compiling and not importing, or starting threads."""
    import numpy as np
    from peers import array_programs, numba_program

    programs = array_programs(lambda t, x: t.np.tanh(x * x) + 1)
    programs["Numba"] = numba_program(lambda numba: numba.njit(parallel=True)(lambda x: np.tanh(x * x) + 1))
    if peer in programs:
        programs[peer](np.ones((1000, 1000), np.float32))()


def interleaved(contenders: dict[str, Callable[[], Any]], patience: float) -> dict[str, list[float]]:
    """Times of every contender, one burst each per round, so that all see the same machine.

    They share the seconds of `patience`; one that has had its part is called no more after `FEWEST_ROUNDS`.
    """
    share = patience / len(contenders)
    bursts = {name: max(1, math.ceil(BURST / seconds(call))) for name, call in contenders.items()}
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for i in range(MOST_ROUNDS):
        for name, call in contenders.items():
            if i < FEWEST_ROUNDS or sum(times[name]) * bursts[name] < share:
                time.sleep(REST)
                times[name].append(seconds(call, bursts[name]))
    return times


def measure(name: str, peers: list[str], patience: float, limit: int, *, is_tiny: bool) -> dict[str, Any]:
    """First call and times of every contender; one that fails is named with the reason."""
    from peers import as_numpy
    from workloads import all_workloads

    workload = all_workloads()[name]
    arguments = workload.arguments(is_tiny)
    expected = workload.expected(arguments)  # of NumPy, which may have the first results only; then of the first peer
    contenders: dict[str, Callable[[], Any]] = {}
    first: dict[str, float] = {}
    failures: dict[str, str] = {}
    for peer, program in workload.programs.items():
        if peer not in peers:
            continue
        try:
            with limited(limit):
                warm_up(peer)
                start = time.perf_counter()
                call = program(*arguments)
                results = call()
                first[peer] = time.perf_counter() - start
            workload.check(peer, results, expected)
            if workload.reference is not None and not contenders:
                expected = as_numpy(results)
            contenders[peer] = call
        except Exception as error:
            end_subprocesses()
            failures[peer] = f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error) else ''}"
    times = interleaved(contenders, patience) if contenders else {}
    return {
        "workload": name,
        "bytes": 0 if is_tiny else workload.bytes,
        "flops": 0 if is_tiny else workload.flops,
        "failures": failures,
        "first_call_ms": {peer: 1e3 * value for peer, value in first.items()},
        "median_ms": {peer: 1e3 * sorted(values)[len(values) // 2] for peer, values in times.items()},
        "min_ms": {peer: 1e3 * min(values) for peer, values in times.items()},
        "rounds": {peer: len(values) for peer, values in times.items()},
    }


def main() -> int:
    """Measure what the command line says, and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workload")
    parser.add_argument("output", type=Path)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--peers", nargs="+", required=True)
    parser.add_argument("--patience", type=float, required=True, help="seconds of repeated calls")
    parser.add_argument("--limit", type=int, required=True, help="most seconds of a first call")
    parser.add_argument("--tiny", action="store_true")
    args = parser.parse_args()
    use_processors(args.threads)
    result = measure(args.workload, args.peers, args.patience, args.limit, is_tiny=args.tiny)
    args.output.write_text(json.dumps(result))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
