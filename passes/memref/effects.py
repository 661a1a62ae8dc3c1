"""Which memory the operations of a host function read and write, at the `bufferized` stage."""

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from xdsl.dialects import memref
from xdsl.dialects.builtin import MemRefType
from xdsl.dialects.func import FuncOp
from xdsl.dialects.linalg.ops import FillOp, GenericOp
from xdsl.ir import Block, Operation, SSAValue
from xdsl.traits import IsTerminator

from dialects import rt
from dialects.rt import LapackOp, RowsOp

VIEWS = (memref.CollapseShapeOp, memref.ExpandShapeOp, rt.RowOp)
"""Host operations whose result is memory of their first operand."""

PLACES = (memref.AllocOp, memref.GetGlobalOp, *VIEWS)
"""Host operations that say where memory is, and do nothing with it."""

Memory: TypeAlias = tuple[SSAValue, ...]
"""Allocations, constants, and arguments of the function."""


class Effects:
    """What the operations of `function` do to memory; `functions` has the kernels by name.

    A loop carries memrefs where buffers take turns: any of them may be behind any pointer.
    """

    def __init__(self, function: FuncOp, functions: Mapping[str, FuncOp]):
        self._functions = functions
        self._written: dict[str, frozenset[int]] = {}
        self._behind: dict[SSAValue, Memory] = {a: (a,) for a in function.body.block.args}
        self._enter(function.body.block)

    def read_and_written(self, op: Operation) -> tuple[Memory, Memory]:
        """The memory that `op`, with what is in it, may read or write, and the part of that which it may write."""
        used: dict[SSAValue, None] = {}
        written: dict[SSAValue, None] = {}
        for inner in op.walk():
            if isinstance(inner, PLACES):
                continue
            used.update(dict.fromkeys(self._all_behind(inner.operands)))
            written.update(dict.fromkeys(self._all_behind(self._written_operands(inner))))
        return tuple(used), tuple(written)

    def _written_operands(self, op: Operation) -> Iterable[SSAValue]:
        if isinstance(op, rt.LaunchOp):
            name = op.kernel.root_reference.data
            if name not in self._written:
                self._written[name] = written_arguments(self._functions[name])
            return [op.operands[index] for index in sorted(self._written[name])]
        if isinstance(op, rt.GemmOp):
            return op.operands[2:]
        if isinstance(op, LapackOp):
            return op.outs
        if isinstance(op, memref.CopyOp):
            return (op.destination,)
        if isinstance(op, memref.LoadOp) or op.regions or op.has_trait(IsTerminator):
            return ()
        return op.operands

    def _all_behind(self, values: Iterable[SSAValue]) -> Memory:
        return tuple(dict.fromkeys(memory for value in values for memory in self._behind.get(value, ())))

    def _enter(self, block: Block) -> None:
        for op in block.ops:
            if isinstance(op, VIEWS):
                self._behind[op.results[0]] = self._all_behind(op.operands[:1])
            elif isinstance(op, PLACES):
                self._behind[op.results[0]] = (op.results[0],)
            elif op.regions:
                self._enter_control_flow(op)

    def _enter_control_flow(self, op: Operation) -> None:
        blocks = [block for region in op.regions for block in region.blocks]
        passed = self._all_behind(op.operands)
        while True:
            for block in blocks:
                self._behind.update((a, passed) for a in block.args if isinstance(a.type, MemRefType))
                self._enter(block)
            ends = [operand for block in blocks if block.last_op is not None for operand in block.last_op.operands]
            known, passed = passed, tuple(dict.fromkeys((*passed, *self._all_behind(ends))))
            if passed == known:
                break
        self._behind.update((result, passed) for result in op.results)


def written_arguments(kernel: FuncOp) -> frozenset[int]:
    """The numbers of the arguments that a kernel may write."""
    return frozenset(argument.index for argument in kernel.body.block.args if _is_written(argument))


def _is_written(memory: SSAValue) -> bool:
    return any(_writes_to(use.operation, memory) for use in memory.uses)


def _writes_to(op: Operation, memory: SSAValue) -> bool:
    if isinstance(op, memref.SubviewOp | memref.CollapseShapeOp | memref.ExpandShapeOp):
        return _is_written(op.results[0])
    if isinstance(op, GenericOp | FillOp):
        return memory in op.outputs
    if isinstance(op, rt.FftOp | RowsOp):
        return memory in op.outs
    if isinstance(op, rt.ScatterOp):
        return memory is op.dest
    return not isinstance(op, memref.LoadOp)
