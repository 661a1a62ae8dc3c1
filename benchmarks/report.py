"""The figures as Markdown, JSON and a plot."""

import json
from pathlib import Path
from typing import Any

from peers import MODULES

OURS = "dlc"
LEGEND = """Medians of interleaved rounds in milliseconds, minima in parentheses. *Floor*: the time of the workload's bytes at the
bandwidth of a copy, or of its operations at the speed of a large product, whichever is longer. *Ahead*: the best peer's median over
ours, above 1 where we are faster. *First call* includes compiling, in a process that has compiled something else before."""


def floor_ms(result: dict[str, Any], floors: dict[str, float]) -> float:
    """The least time that memory and arithmetic allow."""
    by_bytes = result["bytes"] / floors["bytes_per_second"]
    return 1e3 * max(by_bytes, result["flops"] / floors["flops_per_second"])


def best_peer(result: dict[str, Any], figure: str = "median_ms") -> tuple[str, float] | None:
    """The fastest of the others."""
    peers = {peer: value for peer, value in result.get(figure, {}).items() if peer != OURS}
    return min(peers.items(), key=lambda item: item[1]) if peers else None


def ahead(result: dict[str, Any], figure: str = "median_ms") -> float | None:
    """The best peer's time over ours."""
    best = best_peer(result, figure)
    ours = result.get(figure, {}).get(OURS)
    return best[1] / ours if best and ours else None


def progress(result: dict[str, Any], threads: int) -> str:
    """One line for the terminal."""
    times = ", ".join(f"{peer} {value:.3f}" for peer, value in result.get("median_ms", {}).items())
    ratio = ahead(result)
    end = f" | ahead {ratio:.2f}" if ratio else ""
    problems = failures(result)
    wrong = " | " + "; ".join(f"{peer} failed: {reason}" for peer, reason in problems.items()) if problems else ""
    return f"{result['workload']} ({threads} threads, {result['seconds']:.0f} s): {times}{end}{wrong}"


def failures(result: dict[str, Any]) -> dict[str, str]:
    """Who failed and why."""
    return {"all": result["error"]} if "error" in result else result["failures"]


def has_failed(results: dict[str, Any], peer: str) -> bool:
    """Whether a contender has no figures in some workload."""
    runs = [result for run in results["threads"].values() for result in run["workloads"]]
    return any({peer, "all"} & failures(result).keys() for result in runs)


def markdown_table(head: list[str], rows: list[list[str]]) -> str:
    """A table of Markdown."""
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *rows))


def workload_table(run: dict[str, Any]) -> str:
    """The workloads with one number of threads."""
    results = [result for result in run["workloads"] if "error" not in result]
    peers = [peer for peer in (OURS, *MODULES) if any(peer in result["median_ms"] for result in results)]
    peers = list(dict.fromkeys(peers))
    rows = []
    for result in results:
        medians, minima = result["median_ms"], result["min_ms"]
        floor, ratio = floor_ms(result, run["floors"]), ahead(result)
        ours, first = medians.get(OURS), result["first_call_ms"].get(OURS)
        cells = [f"{medians[p]:.4g} ({minima[p]:.4g})" if p in medians else "–" for p in peers]
        rows.append(
            [
                result["workload"],
                *cells,
                f"{ratio:.2f}" if ratio else "–",
                f"{floor:.3g}" if floor else "–",
                f"{ours / floor:.1f}" if ours and floor else "–",
                f"{first:.0f}" if first else "–",
            ]
        )
    return markdown_table(["workload", *peers, "ahead", "floor", f"{OURS} ÷ floor", f"first call of {OURS}"], rows)


def first_call_table(run: dict[str, Any]) -> str:
    """First calls of all contenders that compile."""
    peers = [peer for peer in MODULES if peer not in {"NumPy", "torch"}]
    rows = [
        [
            result["workload"],
            *(f"{result['first_call_ms'][p]:.0f}" if p in result["first_call_ms"] else "–" for p in peers),
        ]
        for result in run["workloads"]
        if "error" not in result
    ]
    return markdown_table(["workload", *peers], rows)


def cell(value: Any, *keys: str, digits: int = 3) -> str:
    """A figure inside of dictionaries, or that there is none."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return f"{value:.{digits}g}" if isinstance(value, int | float) else "–"


def new_process_table(found: dict[str, dict[str, Any]]) -> str:
    """First calls in new processes, and memory."""
    rows = [
        [
            name,
            peer,
            cell(calls, "cold", "first_call_ms", digits=4),
            cell(calls, "warm", "first_call_ms", digits=4),
            cell(calls, "warm", "peak_mb", digits=4),
        ]
        for name, peers in found.items()
        for peer, calls in peers.items()
    ]
    return markdown_table(["workload", "library", "cold caches, ms", "warm caches, ms", "peak memory, MB"], rows)


def overhead_table(overheads: dict[str, dict[str, Any]]) -> str:
    """Importing, dispatch and size."""
    peers = list(overheads["dispatch_us"])
    titles = {
        "import_s": "import, s",
        "dispatch_us": "add of 8 elements, NumPy arrays in and out, µs",
        "installed_mb": "installed with all needs, MB",
    }
    rows = [[title, *(cell(overheads[key], peer) for peer in peers)] for key, title in titles.items()]
    return markdown_table(["", *peers], rows)


def failure_lines(results: dict[str, Any]) -> list[str]:
    """What failed."""
    return [
        f"- {result['workload']}, {threads} threads: {peer}: {reason}"
        for threads, run in results["threads"].items()
        for result in run["workloads"]
        for peer, reason in failures(result).items()
    ]


def markdown(results: dict[str, Any]) -> str:
    """The whole report."""
    machine = results["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    parts = [
        "# Benchmarks",
        f"{machine['processor']}, {machine['processors']} processors, load {machine['load']:.1f} at the start; "
        f"Python {machine['python']}, {versions}. Not installed: {', '.join(results['not_installed']) or 'none'}.",
        LEGEND,
    ]
    for threads, run in results["threads"].items():
        floors = run["floors"]
        speeds = (
            f"copy {floors['bytes_per_second'] / 1e9:.1f} GB/s, product {floors['flops_per_second'] / 1e9:.0f} GFLOP/s"
        )
        parts += [f"## {threads} thread{'s' if threads != '1' else ''} ({speeds})", workload_table(run)]
    # Later numbers of threads find what PyTorch has compiled for the first.
    first = next(iter(results["threads"].values()))
    parts += ["## First calls, ms", first_call_table(first)]
    if "overheads" in results:
        parts += [
            "## First call in a new process, imports included, and memory",
            new_process_table(results["new_process"]),
        ]
        parts += ["## Overheads", overhead_table(results["overheads"])]
    if lines := failure_lines(results):
        parts += ["## Failures", "\n".join(lines)]
    return "\n\n".join(parts) + "\n"


def plot(results: dict[str, Any], path: Path) -> None:
    """Bars of how far we are ahead, for the most threads."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    run = results["threads"][max(results["threads"], key=int)]
    bars = [(r["workload"], ratio, best_peer(r)) for r in run["workloads"] if (ratio := ahead(r))]
    with rc_context({"svg.hashsalt": "dlc", "svg.fonttype": "none", "font.size": 8}):
        figure = Figure(figsize=(8, 0.8 + 0.2 * len(bars)), layout="constrained")
        axes = figure.add_subplot()
        colours = ["#2a7f62" if ratio >= 1 else "#b5544a" for _, ratio, _ in bars]
        axes.barh([name for name, _, _ in bars], [ratio - 1 for _, ratio, _ in bars], left=1, color=colours)
        for i, (_, ratio, best) in enumerate(bars):
            side = "left" if ratio >= 1 else "right"
            axes.text(ratio, i, f" {ratio:.2f} {best[0] if best else ''} ", va="center", ha=side)
        axes.set_xscale("log", base=2)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}×")
        low, high = min((r for _, r, _ in bars), default=1), max((r for _, r, _ in bars), default=1)
        axes.set_xlim(min(low, 1) / 3, max(high, 1) * 3)
        axes.axvline(1, color="black", linewidth=0.8)
        axes.invert_yaxis()
        axes.set_title("time of the best peer over dlc's (right: dlc is faster)")
        figure.savefig(path, metadata={"Date": None})


def write(results: dict[str, Any], folder: Path) -> None:
    """Write `latest.json`, `latest.md` and `ratios.svg`, and print the tables."""
    (folder / "latest.json").write_text(json.dumps(results, indent=1) + "\n")
    text = markdown(results)
    (folder / "latest.md").write_text(text)
    plot(results, folder / "ratios.svg")
    print(text)
