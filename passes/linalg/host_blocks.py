"""The blocks of a host function: its body, and the bodies of the loops and branches in it.

A host function is a list of kernels-to-be, library calls and control flow on tensors (`scf.for`, `scf.while`, `scf.if`,
`scf.index_switch`), whose regions are such lists again. Only a *scatter*, a nest of loops that inserts elements into one carried tensor,
is control flow inside of a kernel.
"""

from collections.abc import Iterator

from xdsl.dialects import scf, tensor
from xdsl.dialects.builtin import ModuleOp, TensorType
from xdsl.dialects.func import FuncOp
from xdsl.ir import Block, Operation, SSAValue

CONTROL_FLOW = (scf.ForOp, scf.WhileOp, scf.IfOp, scf.IndexSwitchOp)


def is_control_flow(op: Operation) -> bool:
    """Whether `op` is control flow of the host, whose regions are host blocks."""
    return isinstance(op, CONTROL_FLOW) and not is_scatter(op)


def is_scatter(op: Operation) -> bool:
    """Whether `op` is a nest of loops over one carried tensor that compute scalars and insert them, and nothing else."""
    if not isinstance(op, scf.ForOp) or len(op.iter_args) != 1 or not is_tensor(op.iter_args[0]):
        return False
    start = carried = op.body.block.args[1]
    for inner in op.body.block.ops:
        if isinstance(inner, tensor.InsertOp):
            if inner.dest is not carried:
                return False
            carried = inner.result
        elif isinstance(inner, scf.ForOp):
            if inner.operands[3] is not carried or not is_scatter(inner):
                return False
            carried = inner.results[0]
        elif isinstance(inner, scf.YieldOp):
            return inner.operands[0] is carried and carried is not start
        elif not isinstance(inner, tensor.ExtractOp) and any(map(is_tensor, (*inner.operands, *inner.results))):
            return False
    return False


def is_tensor(value: SSAValue) -> bool:
    """Whether `value` is a tensor."""
    return isinstance(value.type, TensorType)


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
        if is_control_flow(op):
            for region in op.regions:
                for inner in region.blocks:
                    yield from blocks_within(inner)
