"""What a workload is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import optree
from peers import Program, as_numpy


@dataclass(frozen=True)
class Workload:
    """The same mathematics for several libraries.

    Attributes:
        name: what it is called in tables.
        arguments: `arguments(is_tiny)`: trees of arrays.
        programs: for each peer.
        bytes: how many any program must read and write in memory.
        flops: how many any program must compute.
        reference: NumPy's program where it is not timed; it may compute only the first of the results.
        compared: what of the results is compared.
        rtol: by how much results may differ, relative to the largest element.
    """

    name: str
    arguments: Callable[[bool], tuple[Any, ...]]
    programs: dict[str, Program]
    bytes: float = 0
    flops: float = 0
    reference: Program | None = None
    compared: Callable[[Any], Any] = lambda results: results
    rtol: float = 1e-4

    def expected(self, arguments: tuple[Any, ...]) -> Any:
        """The results of NumPy."""
        return as_numpy((self.reference or self.programs["NumPy"])(*arguments)())

    def check(self, peer: str, results: Any, expected: Any) -> None:
        """Raise `AssertionError` where results differ; where fewer are expected, they are the first ones."""
        got, want = (optree.tree_leaves(self.compared(as_numpy(tree))) for tree in (results, expected))
        assert len(want) <= len(got), f"{self.name}: {peer} has {len(got)} results, expected {len(want)}"
        for i, (x, y) in enumerate(zip(got, want, strict=False)):
            scale = float(np.abs(y).max(initial=0))
            message = f"{self.name}: result {i} of {peer}"
            np.testing.assert_allclose(x, y, rtol=self.rtol, atol=self.rtol * scale, err_msg=message)
