"""How long the parts of a compilation take, as a tree: passes, LLVM's passes, the code of each kernel, linking."""

import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from compiler.pipelines import Observer


@dataclass
class _Node:
    """Time by the name of what took it; a note says what came out."""

    seconds: float = 0.0
    note: str = ""
    parts: dict[str, "_Node"] = field(default_factory=dict[str, "_Node"])

    def rows(self, depth: int = 0) -> Iterator[tuple[int, str, "_Node"]]:
        """The nodes below this one, each with its depth and name."""
        for name, node in self.parts.items():
            yield depth, name, node
            yield from node.rows(depth + 1)


class TimingObserver(Observer):
    """Collects the time of every pass and phase; `report` prints it as `--mlir-timing` does.

    It makes LLVM generate the code of every function once more, alone, to tell how long each takes: that is not part of the total.
    """

    looks_at_functions = True

    def __init__(self) -> None:
        self._root = _Node()
        self._path = [self._root]

    @contextmanager
    def phase(self, name: str) -> Generator[None]:
        """Count the time of a `with` block; what is counted within it is a part of it."""
        node = self._path[-1].parts.setdefault(name, _Node())
        self._path.append(node)
        start = time.perf_counter()
        try:
            yield
        finally:
            node.seconds += time.perf_counter() - start
            self._path.pop()

    def after_pass(self, executed: ModulePass, module: ModuleOp, seconds: float) -> None:
        """Count the time of a pass."""
        del module
        self._path[-1].parts.setdefault(executed.name, _Node()).seconds += seconds

    def generated_function(self, name: str, seconds: float, size: int) -> None:
        """Note what the machine code of a function took, alone, and how many bytes it has."""
        llvm = self._path[-1].parts.setdefault("LLVM", _Node())
        llvm.parts.setdefault("code generation", _Node()).parts[name] = _Node(seconds, f"{size} bytes")

    def seconds(self) -> dict[str, float]:
        """The time of every pass and phase that is not a part of another."""
        return {name: node.seconds for name, node in self._root.parts.items()}

    def report(self, *, as_list: bool = False) -> str:
        """The table: a tree in the order of the pipeline, or sorted by time with `as_list`."""
        total = sum(node.seconds for node in self._root.parts.values())
        rows = list(self._root.rows())
        if as_list:
            rows = sorted(((0, name, node) for _, name, node in rows), key=lambda row: -row[2].seconds)
        lines = [
            "===" + "-" * 73 + "===",
            "... Execution time report ...".center(79),
            "===" + "-" * 73 + "===",
            f"  Total Execution Time: {total:.4f} seconds",
            "",
            "  ----Wall Time----  ----Name----",
        ]
        share = 100 / total if total else 0.0
        for depth, name, node in rows:
            note = f" ({node.note})" if node.note else ""
            lines.append(f"  {node.seconds:8.4f} ({node.seconds * share:5.1f}%)  {'  ' * depth}{name}{note}")
        lines.append(f"  {total:8.4f} (100.0%)  Total")
        return "\n".join(lines)
