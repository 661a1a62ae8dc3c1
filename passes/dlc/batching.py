"""Operations built once more for a batch of examples: the core of `vmap`."""

from xdsl.ir import Block, SSAValue

from dialects.builder import OpBuilder
from dialects.dlc.higher_order import Derivations, HigherOrderOp, chosen
from dialects.dlc.interfaces import PureOp
from passes.dlc.rebuild import Values, copy_op, return_of


def build_batched(
    b: OpBuilder, source: Block, values: Values, batched: set[SSAValue], size: int, derive: Derivations
) -> None:
    """Append every operation of `source` with its `batch` facet, or a copy where no operand is batched.

    `values` maps values of `source` to new ones, `batched` holds those of `source` whose new value has a leading dimension
    of extent `size`. Both hold the arguments at first, and everything in the end.
    """
    last = return_of(source)
    for op in source.ops:
        if op is last:
            break
        flags = tuple(operand in batched for operand in op.operands)
        if True not in flags:
            copy_op(b, op, values)
            continue
        b.location = op.location
        operands = [values[operand] for operand in op.operands]
        if isinstance(op, HigherOrderOp):
            results, is_batched = op.batch(b, operands, flags, size, derive)
        else:
            assert isinstance(op, PureOp)
            results, is_batched = op.batch_all(b, operands, flags, size), (True,) * len(op.results)
        for old, new in zip(op.results, results, strict=True):
            new.name_hint = new.name_hint or old.name_hint
            values[old] = new
        batched.update(chosen(op.results, is_batched))


def batched_values(source: Block, batched: set[SSAValue], derive: Derivations) -> set[SSAValue]:
    """The values that differ from example to example if the arguments `batched` do."""
    reached = set(batched)
    for op in source.ops:
        flags = tuple(operand in reached for operand in op.operands)
        if True in flags:
            is_batched = (
                op.outputs_batched(flags, derive) if isinstance(op, HigherOrderOp) else (True,) * len(op.results)
            )
            reached.update(chosen(op.results, is_batched))
    return reached
