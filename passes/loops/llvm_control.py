"""`scf` and calls to the `llvm` dialect: blocks with arguments."""

from collections.abc import Sequence
from typing import cast

from xdsl.dialects import func, llvm, scf
from xdsl.dialects.builtin import SymbolRefAttr
from xdsl.dialects.llvm import LLVMFunctionType, LLVMVoidType
from xdsl.ir import Block, Operation, SSAValue

from dialects.builder import segment_sizes
from dialects.structured import constant_integer
from passes.loops.llvm_function import (
    EQUAL,
    NO_WRAP,
    SIGNED_LESS,
    Converters,
    FunctionConversion,
    convert_type,
)


def _for(f: FunctionConversion, op: scf.ForOp) -> None:
    """A loop with its test at the end, behind a test that there is a first iteration.

    LLVM's loop passes want this form; written this way from the start, they need not make it.
    """
    lower, upper, step = (f.values[value] for value in (op.lb, op.ub, op.step))
    initial = [f.values[value] for value in op.iter_args]
    first, last = constant_integer(op.lb), constant_integer(op.ub)
    if first is not None and last is not None and first >= last:
        f.replace(op, initial)
        return
    body = op.body.block
    types = [convert_type(value.type) for value in initial]
    loop = f.add_block([lower.type, *types])
    loop_values: list[SSAValue] = list(loop.args)
    f.values.update(zip(body.args, loop_values, strict=True))
    after = Block(arg_types=types)
    if first is not None and last is not None:
        f.branch(loop, (lower, *initial))
    else:
        f.branch_if(f.compare(SIGNED_LESS, lower, upper), loop, (lower, *initial), after, initial)
    f.builder.block = loop
    last_op = f.convert_block(body)
    carried = f.operands(last_op)
    following = f.builder.create(llvm.AddOp, (loop_values[0], step), lower.type, NO_WRAP)
    f.branch_if(f.compare(SIGNED_LESS, following, upper), loop, (following, *carried), after, carried)
    f.region.add_block(after)
    f.builder.block = after
    f.replace(op, after.args)


def _if(f: FunctionConversion, op: scf.IfOp) -> None:
    after = Block(arg_types=[convert_type(result.type) for result in op.results])
    then = f.add_block()
    has_else = bool(op.false_region.blocks)
    # The blocks of the else side follow those of the then side, whose number is not known yet.
    otherwise = Block() if has_else else after
    f.branch_if(f.values[op.cond], then, (), otherwise, ())
    f.builder.block = then
    f.branch(after, f.operands(f.convert_block(op.true_region.block)))
    if has_else:
        f.region.add_block(otherwise)
        f.builder.block = otherwise
        f.branch(after, f.operands(f.convert_block(op.false_region.block)))
    f.region.add_block(after)
    f.builder.block = after
    f.replace(op, after.args)


def _while(f: FunctionConversion, op: scf.WhileOp) -> None:
    before_block, after_block = op.before_region.block, op.after_region.block
    initial = f.operands(op)
    before = f.add_block([convert_type(value.type) for value in op.arguments])
    f.values.update(zip(before_block.args, before.args, strict=True))
    result_types = [convert_type(result.type) for result in op.results]
    body, after = Block(arg_types=result_types), Block(arg_types=result_types)
    f.branch(before, initial)
    f.builder.block = before
    condition, *forwarded = f.operands(f.convert_block(before_block))
    f.branch_if(condition, body, forwarded, after, forwarded)
    f.region.add_block(body)
    f.builder.block = body
    f.values.update(zip(after_block.args, body.args, strict=True))
    f.branch(before, f.operands(f.convert_block(after_block)))
    f.region.add_block(after)
    f.builder.block = after
    f.replace(op, after.args)


def _index_switch(f: FunctionConversion, op: scf.IndexSwitchOp) -> None:
    """A chain of tests; LLVM makes a jump table of it where that is faster."""
    after = Block(arg_types=[convert_type(result.type) for result in op.results])
    for number, region in zip(cast(Sequence[int], op.cases.get_values()), op.case_regions, strict=True):
        then, otherwise = f.add_block(), Block()
        f.branch_if(f.compare(EQUAL, f.values[op.arg], f.integer(number)), then, (), otherwise, ())
        f.builder.block = then
        f.branch(after, f.operands(f.convert_block(region.block)))
        f.region.add_block(otherwise)
        f.builder.block = otherwise
    f.branch(after, f.operands(f.convert_block(op.default_region.block)))
    f.region.add_block(after)
    f.builder.block = after
    f.replace(op, after.args)


def call(
    f: FunctionConversion, callee: SymbolRefAttr, arguments: Sequence[SSAValue], op: Operation | None = None
) -> None:
    """Append an `llvm.call`, whose result is that of `op`."""
    created = f.builder.create_op(
        llvm.CallOp,
        arguments,
        [convert_type(result.type) for result in op.results] if op is not None else [],
        {"callee": callee, "operandSegmentSizes": segment_sizes(len(arguments), 0)},
    )
    name = callee.root_reference.data
    if name not in f.called:
        result = created.results[0].type if created.results else LLVMVoidType()
        f.called[name] = LLVMFunctionType([argument.type for argument in arguments], result)
    for argument in arguments:
        if isinstance(argument.type, llvm.LLVMPointerType):
            f.mark_written(argument)
    if op is not None:
        f.replace(op, created.results)


def _call(f: FunctionConversion, op: func.CallOp) -> None:
    call(f, op.callee, f.operands(op), op)


CONTROL: Converters = {
    scf.ForOp.name: _for,
    scf.IfOp.name: _if,
    scf.IndexSwitchOp.name: _index_switch,
    scf.WhileOp.name: _while,
    func.CallOp.name: _call,
}
