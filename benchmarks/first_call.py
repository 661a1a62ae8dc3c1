"""The first call in a new process, with the cache of machine code empty and full; the two take turns.

Prints a Markdown table: for each workload and cache the least time of each phase in milliseconds, on the wall and on the processor.
`import` is what the first use of `compiler` imports after NumPy; with a full cache, `compile` only loads.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from typing import Any

PHASES = ("import", "trace", "compile", "call")
WORKLOADS = ("softmax_4096x1024", "mlp_train_step")


def clocks() -> tuple[float, float]:
    """Milliseconds on the wall, and of this process on the processor."""
    return 1e3 * time.perf_counter(), 1e3 * time.process_time()


def program(workload: str) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """The function to compile, and its arguments."""
    import networks
    import rows
    import toolkits
    import training_programs

    if workload == "softmax_4096x1024":
        return partial(rows.softmax, toolkits.dlc_toolkit(), ()), tuple(rows.matrix(False, 4096, 1024))
    params, *batch = networks.mlp_data(False)
    state = networks.MLP_STEP.ours().init(params)
    return training_programs.dlc_step(networks.mlp_loss, networks.MLP_STEP), (params, state, *batch)


def measure(workload: str) -> dict[str, tuple[float, float]]:
    """Milliseconds of each phase in this process, which must not have imported `compiler`."""
    import numpy  # noqa: F401 - not counted

    start = clocks()
    import compiler

    compiler.jit  # noqa: B018 - imports it
    imported = clocks()
    f, args = program(workload)
    function = compiler.jit(f)
    ready = clocks()
    lowered = function.lower(*args)
    traced = clocks()
    compiled = lowered.compile()
    loaded = clocks()
    compiled(*args)
    done = clocks()
    phases = ((start, imported), (ready, traced), (traced, loaded), (loaded, done))
    return {
        phase: (after[0] - before[0], after[1] - before[1])
        for phase, (before, after) in zip(PHASES, phases, strict=True)
    }


def measure_in_new_process(workload: str, folder: str) -> dict[str, tuple[float, float]]:
    """The same in a new process with a cache in `folder`."""
    result = subprocess.run(
        [sys.executable, __file__, "--here", workload],
        env={**os.environ, "DLC_CACHE_DIR": folder, "PYTHONDONTWRITEBYTECODE": ""},  # installed packages have bytecode
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(result.stdout)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--here", choices=WORKLOADS, help="measure one workload in this process and print JSON")
    args = parser.parse_args()
    if args.here:
        print(json.dumps(measure(args.here)))
        return 0
    print("| workload | cache | " + " | ".join(PHASES) + " |")
    print("|---" * (len(PHASES) + 2) + "|")
    for workload in WORKLOADS:
        runs: dict[str, list[dict[str, tuple[float, float]]]] = {"empty": [], "full": []}
        with tempfile.TemporaryDirectory() as full:
            measure_in_new_process(workload, full)
            for _ in range(args.rounds):
                with tempfile.TemporaryDirectory() as empty:
                    runs["empty"].append(measure_in_new_process(workload, empty))
                runs["full"].append(measure_in_new_process(workload, full))
        for cache, results in runs.items():
            cells: list[str] = []
            for phase in PHASES:
                wall, processor = (min(result[phase][clock] for result in results) for clock in (0, 1))
                cells.append(f"{wall:.0f} / {processor:.0f}")
            print(f"| {workload} | {cache} | " + " | ".join(cells) + " |")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
