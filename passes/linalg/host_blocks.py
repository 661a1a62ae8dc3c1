"""The blocks of a host function: its body, and the bodies of the loops and branches in it.

A host function is a list of kernels-to-be, library calls and control flow on tensors (`scf.for`, `scf.while`, `scf.if`,
`scf.index_switch`), whose regions are such lists again.
"""

from collections.abc import Iterator

from xdsl.dialects import scf
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.ir import Block

CONTROL_FLOW = (scf.ForOp, scf.WhileOp, scf.IfOp, scf.IndexSwitchOp)


def host_blocks(module: ModuleOp) -> list[Block]:
    """The host blocks of the functions of `module`, each behind those that it lies in."""
    return [
        block
        for function in module.body.block.ops
        if isinstance(function, FuncOp) and function.body.blocks
        for block in blocks_within(function.body.block)
    ]


def blocks_within(block: Block) -> Iterator[Block]:
    """`block` and the blocks of the control flow in it, outer ones first."""
    yield block
    for op in block.ops:
        if isinstance(op, CONTROL_FLOW):
            for region in op.regions:
                for inner in region.blocks:
                    yield from blocks_within(inner)
