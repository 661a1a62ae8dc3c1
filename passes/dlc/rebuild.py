"""Rebuilding the body of a function in one walk, with a map from old to new values."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Attribute, Block, Operation, SSAValue

from dialects.builder import OpBuilder

Values: TypeAlias = dict[SSAValue, SSAValue]
"""From the values of the old body to those of the new one."""

Rewrite: TypeAlias = Callable[[OpBuilder, Operation, Values], object]


def functions_of(module: ModuleOp) -> Iterator[FuncOp]:
    """The functions of `module` that have a body, in order."""
    for op in module.body.block.ops:
        if isinstance(op, FuncOp) and op.body.blocks:
            yield op


def body_of(function: FuncOp) -> Block:
    """The only block of a function on tensors."""
    assert len(function.body.blocks) == 1, f"@{function.sym_name.data}: expected one block"
    return function.body.block


def return_of(block: Block) -> ReturnOp:
    """The operation that ends the body of a function."""
    last = block.last_op
    assert isinstance(last, ReturnOp), f"expected the body to end in func.return, got {last and last.name}"
    return last


def copy_arguments(source: Block, types: Sequence[Attribute] | None = None) -> Block:
    """A new block whose arguments have the names of those of `source`, and `types` if given."""
    block = Block(arg_types=source.arg_types if types is None else types)
    for old, new in zip(source.args, block.args, strict=False):
        new.name_hint = old.name_hint
    return block


def copy_op(b: OpBuilder, op: Operation, values: Values) -> Operation:
    """Append a copy of `op` at its own location, and enter its results into `values`."""
    b.location = op.location
    if op.regions:
        copy = b.insert(op.clone(value_mapper=values))
    else:
        copy = b.create_op(
            type(op),
            [values[operand] for operand in op.operands],
            [result.type for result in op.results],
            op.properties,
            attributes=dict(op.attributes),
        )
    for old, new in zip(op.results, copy.results, strict=True):
        new.name_hint = old.name_hint
        values[old] = new
    return copy


def replace_body(function: FuncOp, block: Block) -> None:
    """Make `block` the body of `function`; the old one is dropped."""
    function.body.detach_block(body_of(function))
    function.body.add_block(block)


def rebuild_function(function: FuncOp, rewrite: Rewrite, builder: Callable[[Block], OpBuilder] = OpBuilder) -> None:
    """Rebuild the body of `function`: `rewrite(b, op, values)` is called for each operation, terminator included.

    It appends to `b` what stands for `op` and enters the new values of its results into `values`.
    """
    source = body_of(function)
    block = copy_arguments(source)
    b = builder(block)
    values: Values = dict(zip(source.args, block.args, strict=True))
    for op in source.ops:
        b.location = op.location
        rewrite(b, op, values)
    replace_body(function, block)
