"""How many processors this process may use: those it may run on, as far as its control group gives it time on them."""

import os
from collections.abc import Iterator
from pathlib import Path


def usable_cpus(root: Path = Path("/")) -> int:
    """The number of processors, at least 1; `root` is where `proc` and `sys` are."""
    affinity = getattr(os, "sched_getaffinity", None)
    count = os.cpu_count() or 1 if affinity is None else len(affinity(0))
    return max(1, min([count, *(-(-quota // period) for quota, period in _quotas(root))]))


def _quotas(root: Path) -> Iterator[tuple[int, int]]:
    """The microseconds of processor time in each period of as many, of this control group and of those around it."""
    for group in _groups(root):
        for folder in (group, *group.parents):
            if folder == root / "sys/fs":
                break
            try:
                if (folder / "cpu.max").exists():
                    quota, period = (folder / "cpu.max").read_text().split()
                else:
                    quota, period = ((folder / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
                if int(quota) > 0 < int(period):
                    yield int(quota), int(period)
            except (OSError, ValueError):  # none here: no file, or "max"
                continue


def _groups(root: Path) -> Iterator[Path]:
    """The folders of this process' control groups, of version 2 and of version 1, and those that a container sees as its own."""
    mounted = root / "sys/fs/cgroup"
    yield from (mounted, mounted / "cpu")
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if not controllers:
            yield mounted / path.lstrip("/")
        elif "cpu" in controllers.split(","):
            yield from (mounted / name / path.lstrip("/") for name in ("cpu", controllers))
