"""Speed, compile time and memory of dlc and of the peers that are installed, in processes of their own.

`make bench` writes a Markdown table, the figures as JSON and a plot to `benchmarks/results/`; runs of a part, and quick ones, have
folders in it. Contenders of one workload are
interleaved in one process, so on a shared machine only the ratios within one run mean something.
"""

import argparse
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import report
from peers import MODULES, missing_peers
from startup import DISTRIBUTIONS
from workloads import GROUPS

HERE = Path(__file__).parent
RESULTS = HERE / "results"

NEW_PROCESSES = {
    "softmax_4096x1024": ("dlc", "JAX", "torch.compile", "Numba"),
    "mlp_train_step": ("dlc", "JAX", "torch", "torch.compile"),
    "cifar_resnet20_train_step": ("dlc", "JAX", "torch"),
    "nanogpt_train_step": ("dlc", "JAX", "torch"),
}
"""The workloads whose first call in a new process and whose memory are measured, and the peers of each."""

CACHES = ("DLC_CACHE_DIR", "JAX_COMPILATION_CACHE_DIR", "TORCHINDUCTOR_CACHE_DIR")
IMPORTS = 5


@dataclass(frozen=True)
class Settings:
    """How to measure: seconds of calls of one workload, the most seconds of a first call, and whether arrays are tiny."""

    peers: list[str]
    patience: float
    limit: int
    is_tiny: bool
    caches: Path

    def environment(self, threads: int, caches: Path | None) -> dict[str, str]:
        """Variables that give every library so many threads, and folders for what it has compiled.

        Without `caches`, only what PyTorch has compiled is kept, from one number of threads to the next: it takes minutes.
        """
        names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "DLC_NUM_THREADS")
        counts = dict.fromkeys(names, str(threads))
        folders = {"DLC_CACHE_DIR": "", "TORCHINDUCTOR_CACHE_DIR": str(self.caches)}
        if caches:
            folders = {name: str(caches / name.lower()) for name in CACHES}
        paths = [str(HERE.parent), os.environ.get("PYTHONPATH", "")]
        jax_keeps_all = {"JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
        # Installed packages have bytecode; so has a checkout when it has run once.
        python = {"PYTHONPATH": os.pathsep.join(filter(None, paths)), "PYTHONDONTWRITEBYTECODE": ""}
        return os.environ | counts | folders | jax_keeps_all | python

    def run(self, script: str, *arguments: str, threads: int, caches: Path | None = None) -> Any:
        """What a script of this folder writes, or the reason why it has not."""
        with tempfile.TemporaryDirectory() as folder:
            output = Path(folder) / "result.json"
            head, *rest = arguments or (None,)
            words = [word for word in (head, str(output), *rest, "--threads", str(threads)) if word is not None]
            command = [sys.executable, str(HERE / script), *words]
            most = self.limit * len(MODULES) + 10 * self.patience
            environment = self.environment(threads, caches)
            try:
                done = subprocess.run(
                    command, env=environment, capture_output=True, text=True, timeout=most, check=False
                )
            except subprocess.TimeoutExpired:
                return {"error": f"took more than {most:.0f} s"}
            if done.returncode:
                lines = done.stderr.strip().splitlines()
                return {"error": lines[-1] if lines else f"exit status {done.returncode}"}
            return json.loads(output.read_text())

    def tiny(self) -> tuple[str, ...]:
        """The option of scripts that asks for tiny arrays."""
        return ("--tiny",) if self.is_tiny else ()


def measure_workloads(names: list[str], settings: Settings, threads: int) -> list[dict[str, Any]]:
    """All workloads with so many threads."""
    results = []
    for name in names:
        start = time.perf_counter()
        options = ("--patience", str(settings.patience), "--limit", str(settings.limit), *settings.tiny())
        found = settings.run("measure.py", name, "--peers", *settings.peers, *options, threads=threads)
        result = {"workload": name, "seconds": time.perf_counter() - start} | found
        print(report.progress(result, threads), flush=True)
        results.append(result)
    return results


def measure_new_processes(names: list[str], settings: Settings, threads: int) -> dict[str, dict[str, Any]]:
    """First calls, with caches on disk that are empty and then filled, and peak memory."""
    found: dict[str, dict[str, Any]] = {}
    for name, peers in NEW_PROCESSES.items():
        for peer in [peer for peer in peers if name in names and peer in settings.peers]:
            arguments = ("first-call", "--peer", peer, "--workload", name, *settings.tiny())
            with tempfile.TemporaryDirectory() as folder:
                calls = {
                    state: settings.run("startup.py", *arguments, threads=threads, caches=Path(folder))
                    for state in ("cold", "warm")
                }
            found.setdefault(name, {})[peer] = calls
            print(f"new process: {name}, {peer}: {calls}", flush=True)
    return found


def import_seconds(module: str, repeats: int) -> float:
    """Median time of importing a module in a new process, the interpreter's start not counted."""
    code = f"import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
    command = [sys.executable, "-c", code]
    outputs = [subprocess.run(command, capture_output=True, text=True, check=True) for _ in range(repeats)]
    return sorted(float(output.stdout) for output in outputs)[repeats // 2]


def measure_overheads(settings: Settings) -> dict[str, dict[str, Any]]:
    """Importing, dispatch and size of each library."""
    libraries = [peer for peer in settings.peers if peer in DISTRIBUTIONS]
    repeats = 1 if settings.is_tiny else IMPORTS
    return {
        "import_s": {peer: import_seconds(MODULES[peer][0], repeats) for peer in libraries},
        "dispatch_us": {
            peer: settings.run("startup.py", "dispatch", "--peer", peer, threads=1) for peer in settings.peers
        },
        "installed_mb": {peer: settings.run("startup.py", "size", "--peer", peer, threads=1) for peer in libraries},
    }


def describe_machine() -> dict[str, Any]:
    """What the figures were measured on and with."""
    names = [line.split(":")[1].strip() for line in cpu_lines() if line.startswith("model name")]
    versions = {}
    for name in {*DISTRIBUTIONS.values(), "llvmlite"}:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {
        "processor": names[0] if names else platform.machine(),
        "processors": len(os.sched_getaffinity(0)),
        "load": os.getloadavg()[0],
        "python": platform.python_version(),
        "versions": dict(sorted(versions.items())),
    }


def cpu_lines() -> list[str]:
    """What Linux says about the processors."""
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []


def main() -> int:
    """Measure the chosen workloads and write the report; the status is 1 if dlc failed at any."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--only", nargs="+", default=[""], help="run workloads and groups whose names contain one of these"
    )
    parser.add_argument("--peers", nargs="+", choices=MODULES, default=list(MODULES), help="all that are installed")
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--patience", type=float, default=3.0, help="seconds of repeated calls of a workload")
    parser.add_argument("--limit", type=int, default=90, help="most seconds of a first call")
    parser.add_argument("--quick", action="store_true", help="tiny arrays and few rounds, to see that all works")
    parser.add_argument("--no-overheads", action="store_true", help="only the workloads")
    args = parser.parse_args()
    grouped = {workload.name: group for group, make in GROUPS.items() for workload in make()}
    names = [name for name in grouped if any(part in name or part == grouped[name] for part in args.only)]
    if not names:
        parser.error(f"--only: no workload has a name like {' or '.join(args.only)}; there are {', '.join(grouped)}")
    is_partial = names != list(grouped) or args.no_overheads or len(args.peers) < len(MODULES)
    missing = missing_peers()
    peers = [peer for peer in args.peers if peer not in missing]
    print(f"not installed: {', '.join(missing) or 'none'} (the extra `bench` has all)", flush=True)
    folder = RESULTS / ("quick" if args.quick else "partial" if is_partial else "")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as caches:
        patience = 0.2 if args.quick else args.patience
        settings = Settings(peers, patience, args.limit, args.quick, Path(caches))
        results: dict[str, Any] = {"machine": describe_machine(), "not_installed": missing, "threads": {}}
        for threads in args.threads:
            results["threads"][str(threads)] = {
                "floors": settings.run("machine.py", threads=threads),
                "workloads": measure_workloads(names, settings, threads),
            }
        if not args.no_overheads:
            results["new_process"] = measure_new_processes(names, settings, max(args.threads))
            results["overheads"] = measure_overheads(settings)
    report.write(results, folder)
    return int(report.has_failed(results, "dlc"))


if __name__ == "__main__":
    raise SystemExit(main())
