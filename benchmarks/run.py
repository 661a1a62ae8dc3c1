"""Compile time and speed of dlc against NumPy and the peers that are installed, interleaved in one run.

`make bench` prints a Markdown table and writes it with the raw figures to `benchmarks/results/`. On a shared machine only
the ratios within one run mean something.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import workloads
from loops import loop_workloads
from numeric import numeric_workloads

RESULTS = Path(__file__).parent / "results"
PATIENCE = 4.0


def seconds(function: Callable[[], Any]) -> float:
    """Wall-clock time of one call."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def interleaved(contenders: dict[str, Callable[[], Any]], rounds: int) -> dict[str, list[float]]:
    """Times of every contender, one call each per round, so that all see the same machine.

    After three rounds, one that has taken `PATIENCE` seconds is called no more.
    """
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for i in range(rounds):
        for name, call in contenders.items():
            if i < 3 or sum(times[name]) < PATIENCE:
                times[name].append(seconds(call))
    return times


def import_seconds(module: str, repeats: int = 5) -> float:
    """Median time of importing a module in a new process, the interpreter's start not counted."""
    code = f"import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
    outputs = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True) for _ in range(repeats)
    ]
    return sorted(float(output.stdout) for output in outputs)[repeats // 2]


def median(values: list[float]) -> float:
    """The middle value."""
    return sorted(values)[len(values) // 2]


def measure(workload: workloads.Workload, rounds: int) -> dict[str, Any]:
    """First call and run time of one workload for every contender; results are checked against NumPy's."""
    expected = workload.numpy()
    first: dict[str, float] = {}
    contenders = {"NumPy": workload.numpy} if workload.is_numpy_timed else {}
    for name, make in workload.compiled.items():
        call = make()
        start = time.perf_counter()
        result = call()
        first[name] = time.perf_counter() - start
        for got, want in zip(result, expected, strict=True):
            np.testing.assert_allclose(np.asarray(got), want, rtol=2e-3, atol=2e-4, err_msg=f"{workload.name}: {name}")
        contenders[name] = call
    times = interleaved(contenders, rounds)
    return {
        "workload": workload.name,
        "first_call_ms": {name: 1e3 * value for name, value in first.items()},
        "median_ms": {name: 1e3 * median(values) for name, values in times.items()},
        "min_ms": {name: 1e3 * min(values) for name, values in times.items()},
    }


def table(results: list[dict[str, Any]], imports: dict[str, float]) -> str:
    """The figures as Markdown."""
    names = sorted(
        {name for result in results for name in result["median_ms"]}, key=lambda n: (n != "dlc", n != "NumPy", n)
    )
    lines = [
        "| workload | "
        + " | ".join(f"{name}, ms" for name in names)
        + " | NumPy ÷ dlc | best peer ÷ dlc | first call, ms |",
        "|---" * (len(names) + 4) + "|",
    ]
    for result in results:
        medians = result["median_ms"]
        ours = medians["dlc"]
        peers = [value for name, value in medians.items() if name not in {"dlc", "NumPy"}]
        by_numpy = f"{medians['NumPy'] / ours:.2f}" if "NumPy" in medians else "–"
        by_peer = f"{min(peers) / ours:.2f}" if peers else "–"
        first = ", ".join(f"{name} {value:.0f}" for name, value in result["first_call_ms"].items())
        cells = " | ".join(f"{medians[name]:.3f}" if name in medians else "–" for name in names)
        lines.append(f"| {result['workload']} | {cells} | {by_numpy} | {by_peer} | {first} |")
    lines.append("")
    lines.append("import, s: " + ", ".join(f"{name} {value:.3f}" for name, value in imports.items()))
    return "\n".join(lines)


def main() -> int:
    """Run the chosen workloads and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--only", default="", help="run workloads whose name contains this")
    args = parser.parse_args()
    os.environ["DLC_CACHE_DIR"] = "0"  # first calls compile
    workloads.warm_up()
    chosen = [*workloads.network_workloads(), *loop_workloads(), *numeric_workloads()]
    results = [measure(w, args.rounds) for w in chosen if args.only in w.name]
    imports = {module: import_seconds(module) for module in ("compiler", "numpy", *workloads.installed_peers())}
    text = table(results, imports)
    print(text)
    RESULTS.mkdir(exist_ok=True)
    machine = {"processor": platform.processor() or platform.machine(), "python": platform.python_version()}
    (RESULTS / "latest.json").write_text(
        json.dumps({"machine": machine, "results": results, "import_s": imports}, indent=1)
    )
    (RESULTS / "latest.md").write_text(text + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
