"""What is paid before the arithmetic: importing, a first call in a new process, a call of nothing, memory, disk."""

import argparse
import json
import resource
import time
from importlib import metadata, util
from pathlib import Path

from measure import seconds, use_processors

DISTRIBUTIONS = {
    "dlc": "dlc",
    "NumPy": "numpy",
    "JAX": "jax",
    "torch": "torch",
    "Numba": "numba",
    "ONNX Runtime": "onnxruntime",
}

PACKAGES = ("compiler", "dialects", "passes", "runtime")
"""Ours, which an editable installation does not list."""


def first_call(peer: str, workload: str, *, is_tiny: bool) -> dict[str, float]:
    """Time to the first result, imports included, then the peak memory after three more calls."""
    from workloads import all_workloads

    chosen = all_workloads()[workload]
    arguments = chosen.arguments(is_tiny)
    start = time.perf_counter()
    call = chosen.programs[peer](*arguments)
    call()
    first = time.perf_counter() - start
    for _ in range(3):
        call()
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"first_call_ms": 1e3 * first, "peak_mb": kilobytes / 1000}


def dispatch_microseconds(peer: str) -> float:
    """Best time of adding 8 elements, NumPy arrays in and out."""
    import numpy as np

    x, y = np.ones(8, np.float32), np.ones(8, np.float32)
    add = lambda x, y: x + y  # noqa: E731
    if peer == "dlc":
        import compiler

        f = compiler.jit(add)
    elif peer == "JAX":
        import jax

        jitted = jax.jit(add)
        f = lambda x, y: np.asarray(jitted(x, y))  # noqa: E731
    elif peer in {"torch", "torch.compile"}:
        import torch

        plain = torch.compile(add) if peer == "torch.compile" else add
        f = lambda x, y: plain(torch.from_numpy(x), torch.from_numpy(y)).numpy()  # noqa: E731
    elif peer == "Numba":
        import numba

        f = numba.njit(add)
    elif peer == "ONNX Runtime":
        f = onnx_add(x, y)
    else:
        f = add
    np.testing.assert_array_equal(f(x, y), x + y)
    return 1e6 * min(seconds(lambda: f(x, y), 500) for _ in range(20))


def onnx_add(x, y):
    """A graph of one addition."""
    import onnx_layers
    import onnxruntime

    graph = onnx_layers.OnnxLayers()
    operands = [graph.input(array) for array in (x, y)]
    session = onnxruntime.InferenceSession(graph.model(operands[0] + operands[1]))
    return lambda x, y: session.run(None, {operands[0].name: x, operands[1].name: y})[0]


def installed_megabytes(peer: str) -> float:
    """Files of a distribution and of all it needs."""
    from packaging.requirements import Requirement

    seen: dict[str, metadata.Distribution] = {}
    waiting = [DISTRIBUTIONS[peer]]
    while waiting:
        name = waiting.pop().lower().replace("_", "-")
        if name in seen:
            continue
        seen[name] = metadata.distribution(name)
        needs = map(Requirement, seen[name].requires or [])
        waiting += [need.name for need in needs if need.marker is None or need.marker.evaluate({"extra": ""})]
    files = {Path(str(file.locate())) for found in seen.values() for file in found.files or []}
    if peer == "dlc":
        homes = [Path(spec.origin).parent for name in PACKAGES if (spec := util.find_spec(name)) and spec.origin]
        files |= {file for home in homes for file in home.rglob("*") if file.is_file()}
    return sum(file.stat().st_size for file in files if file.exists()) / 1e6


def main() -> int:
    """Measure what the command line says, and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("first-call", "dispatch", "size"))
    parser.add_argument("output", type=Path)
    parser.add_argument("--peer", required=True)
    parser.add_argument("--workload")
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--tiny", action="store_true")
    args = parser.parse_args()
    use_processors(args.threads)
    if args.what == "first-call":
        result = first_call(args.peer, args.workload, is_tiny=args.tiny)
    elif args.what == "dispatch":
        result = dispatch_microseconds(args.peer)
    else:
        result = installed_megabytes(args.peer)
    args.output.write_text(json.dumps(result))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
