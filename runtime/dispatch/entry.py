"""Entries: what native code reads to answer calls with one signature."""

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np

from runtime.dispatch.match_text import Check, Fetch
from runtime.dispatch.memory_pool import LARGE
from runtime.dispatch.records import Entry, Node, Output, Step
from runtime.dispatch.result_text import Build

_CONTIGUOUS = 0x101
"""The flags of arrays whose memory can be passed on: contiguous in C order, and aligned."""

_DONATED = 0x501
"""The same and writable."""


@dataclass(frozen=True)
class NativeProgram:
    """Machine code, and what it needs: a table of the addresses of inputs, constants, results and the arena.

    Attributes:
        address: where the code is.
        outputs: the dtype and sizes of each result.
        result_inputs: for each result, the input whose memory it takes, or -1; empty if there is none.
        donated: the inputs that it may overwrite.
        arena_bytes: the size of the arena.
        is_long: whether it may run for more than a few microseconds, so that other threads of Python should run meanwhile.
        owner: keeps the code in memory.
    """

    address: int
    outputs: tuple[tuple[np.dtype[Any], tuple[int, ...]], ...]
    result_inputs: tuple[int, ...]
    donated: tuple[int, ...]
    arena_bytes: int
    is_long: bool
    owner: Any


@dataclass
class Pattern:
    """What the arguments of a call must be: the tuple of positional arguments is node 0, the dict of the others node 1.

    Attributes:
        positional_count: the number of positional arguments.
        keyword_count: the number of the others.
        leaf_count: the arrays and numbers among the nodes, which are numbered in their order.
        has_tensors: whether an argument is an array of this library, so that results are.
    """

    positional_count: int
    keyword_count: int
    leaf_count: int = 0
    has_tensors: bool = False
    nodes: list[Node] = field(default_factory=lambda: [Node(), Node()])
    kept: list[Any] = field(default_factory=list[Any])

    def add(self, parent: int, fetch: Fetch, where: int, kind: type, check: Check, **values: Any) -> int:
        """A node: where it is, and what it must be; the result is its number."""
        self.nodes.append(Node(fetch=fetch, check=check, parent=parent, where=where, type=id(kind), **values))
        self.kept.append(kind)
        return len(self.nodes) - 1

    def add_array(self, parent: int, fetch: Fetch, where: int, dtype: np.dtype[Any], shape: Sequence[int]) -> None:
        """A contiguous array, which is the next leaf."""
        sizes = (ctypes.c_int64 * len(shape))(*shape)
        self.kept.extend((dtype, sizes))
        self.add(
            parent, fetch, where, np.ndarray, Check.ARRAY,
            size=len(shape), value=id(dtype), sizes=ctypes.addressof(sizes), place=self.leaf_count,
            flags=_CONTIGUOUS, bytes=prod(shape) * dtype.itemsize,
        )  # fmt: skip
        self.leaf_count += 1

    def add_number(self, parent: int, fetch: Fetch, where: int, kind: type, check: Check) -> None:
        """A number of Python, which is the next leaf."""
        self.add(parent, fetch, where, kind, check, place=self.leaf_count)
        self.leaf_count += 1


@dataclass
class Recipe:
    """How to build the result of a call from its arrays."""

    steps: list[Step] = field(default_factory=list[Step])
    kept: list[Any] = field(default_factory=list[Any])

    def add(self, kind: Build, count: int = 0, value: Any = None) -> None:
        """The next step; see `Build`."""
        self.steps.append(Step(kind=kind, count=count, value=id(value)))
        self.kept.append(value)


class NativeEntry:
    """One entry of a callable object, with all that its record points to."""

    def __init__(
        self, pattern: Pattern, constants: Sequence[np.ndarray[Any, Any]], program: NativeProgram, recipe: Recipe
    ):
        leaves = {node.place: number for number, node in enumerate(pattern.nodes) if node.check == Check.ARRAY}
        sources = program.result_inputs or (-1,) * len(program.outputs)
        for i in program.donated:
            pattern.nodes[leaves[i]].flags = _DONATED
        numbers = [leaves[i] for i in program.donated if pattern.nodes[leaves[i]].bytes]
        donated = (ctypes.c_int64 * len(numbers))(*numbers)
        sizes = [(ctypes.c_int64 * len(shape))(*shape) for _, shape in program.outputs]
        outputs = [
            Output(
                id(dtype), len(shape), ctypes.addressof(size), prod(shape) * dtype.itemsize >= LARGE, leaves.get(i, 0)
            )
            for (dtype, shape), size, i in zip(program.outputs, sizes, sources, strict=True)
        ]
        addresses = (ctypes.c_void_p * len(constants))(*(array.ctypes.data for array in constants))
        tables: list[Any] = [
            (Node * len(pattern.nodes))(*pattern.nodes), addresses,
            (Output * len(outputs))(*outputs), (Step * len(recipe.steps))(*recipe.steps),
        ]  # fmt: skip
        nodes, addresses, outputs, steps = tables
        self._record = Entry(
            positional_count=pattern.positional_count,
            keyword_count=pattern.keyword_count,
            nodes=ctypes.addressof(nodes),
            node_count=len(nodes),
            constants=ctypes.addressof(addresses),
            constant_count=len(addresses),
            argument_count=pattern.leaf_count,
            outputs=ctypes.addressof(outputs),
            output_count=len(outputs),
            steps=ctypes.addressof(steps),
            step_count=len(steps),
            donated=ctypes.addressof(donated),
            donated_count=len(donated),
            arena_bytes=program.arena_bytes,
            program=program.address,
            is_long=program.is_long or any(output.is_large for output in outputs),
            owner=id(self),
        )
        self._kept = (tables, sizes, donated, constants, program, pattern.kept, recipe.kept)

    def __len__(self) -> int:
        """The number of nodes of the arguments."""
        return self._record.node_count

    @property
    def address(self) -> int:
        """Where the record is."""
        return ctypes.addressof(self._record)

    @property
    def hits(self) -> int:
        """How many calls it has answered."""
        return self._record.hits
