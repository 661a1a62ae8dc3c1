"""The blocks of a host function: its body, and the bodies of the loops and branches in it.

A host function is a list of kernels-to-be, library calls and control flow on tensors (`scf.for`, `scf.while`, `scf.if`,
`scf.index_switch`), whose regions are such lists again. Only a *scalar nest*, loops that insert elements into carried tensors
(a scatter, a sort), is control flow inside of a kernel.
"""

from collections.abc import Iterator, Sequence
from typing import cast

from xdsl.dialects import scf, tensor
from xdsl.dialects.builtin import ModuleOp, TensorType
from xdsl.dialects.func import FuncOp
from xdsl.ir import Block, Operation, SSAValue

CONTROL_FLOW = (scf.ForOp, scf.WhileOp, scf.IfOp, scf.IndexSwitchOp)


def is_control_flow(op: Operation) -> bool:
    """Whether `op` is control flow of the host, whose regions are host blocks."""
    return isinstance(op, CONTROL_FLOW) and not is_scalar_nest(op)


def is_scalar_nest(op: Operation) -> bool:
    """Whether `op` is a nest of loops that inserts elements into carried tensors, one after the other.

    Its operations compute scalars, or extract and insert elements; nothing in it is a structured operation.
    """
    if not isinstance(op, scf.ForOp):
        return False
    if not _keeps_places(op):
        return False
    inserts = False
    for inner in op.walk():
        if isinstance(inner, tensor.InsertOp):
            inserts = True
        elif not isinstance(inner, tensor.ExtractOp | scf.ForOp | scf.IfOp | scf.YieldOp) and any(
            map(is_tensor, (*inner.operands, *inner.results))
        ):
            return False
    return inserts


def _keeps_places(op: scf.ForOp) -> bool:
    """Whether the loops insert into what they carry only, and do not exchange it: so each tensor can be one buffer."""
    arguments: Sequence[SSAValue] = op.body.block.args[1:]
    place: dict[SSAValue, int] = {value: index for index, value in enumerate(arguments) if is_tensor(value)}
    for inner in op.body.block.ops:
        if isinstance(inner, tensor.InsertOp):
            changed = [(inner.dest, inner.result)]
        elif isinstance(inner, scf.ForOp):
            if not _keeps_places(inner):
                return False
            carried: Sequence[SSAValue] = inner.iter_args
            changed = [(init, inner.results[i]) for i, init in enumerate(carried) if is_tensor(init)]
        else:
            continue
        for before, after in changed:
            if before not in place:
                return False
            place[after] = place[before]
    yielded = cast(Operation, op.body.block.last_op).operands
    return all(place.get(value) == index for index, value in enumerate(yielded) if is_tensor(value))


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
