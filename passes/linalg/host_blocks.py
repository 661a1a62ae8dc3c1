"""The blocks of a host function: its body, and the bodies of the loops and branches in it.

A host function is a list of kernels-to-be, library calls and control flow on tensors (`scf.for`, `scf.while`, `scf.if`,
`scf.index_switch`), whose regions are such lists again. Only a *scalar nest*, loops that insert elements into carried tensors
(a sort), is control flow inside of a kernel.
"""

from collections.abc import Iterator, Sequence
from typing import cast

from xdsl.dialects import scf, tensor
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.ir import Block, Operation, SSAValue
from xdsl.utils.exceptions import PassFailedException

from dialects.structured import is_tensor

CONTROL_FLOW: frozenset[type[Operation]] = frozenset({scf.ForOp, scf.WhileOp, scf.IfOp, scf.IndexSwitchOp})


def is_control_flow(op: Operation) -> bool:
    """Whether `op` is control flow of the host, whose regions are host blocks."""
    return type(op) in CONTROL_FLOW and not is_scalar_nest(op)


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


def initial_and_body(op: scf.ForOp | scf.WhileOp) -> tuple[Sequence[SSAValue], Block]:
    """The initial values of a loop and the block that computes the next ones."""
    if isinstance(op, scf.ForOp):
        initial: Sequence[SSAValue] = op.iter_args
        body = op.body.block
    else:
        initial, body = op.arguments, op.after_region.block
        before = op.before_region.block
        condition = before.last_op
        assert condition is not None
        if condition.operands[1:] != before.args:
            message = "scf.while: scf.condition must pass on the arguments of its block, in order"
            op.emit_error(message, PassFailedException(message))
    for value in initial:
        if not is_tensor(value):
            message = f"{op.name}: carries {value.type}, expected tensors; use tensor.from_elements"
            op.emit_error(message, PassFailedException(message))
    return initial, body
