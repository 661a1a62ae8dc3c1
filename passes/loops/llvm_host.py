"""The bodies of host functions in the `llvm` dialect: see Note [Long lists of calls]."""

from collections.abc import Iterator, Sequence

from xdsl.dialects import arith, llvm, memref
from xdsl.dialects.builtin import SymbolRefAttr
from xdsl.ir import Block, BlockArgument, Operation, Region, SSAValue

from dialects.rt import RowOp
from passes.loops.llvm_control import call
from passes.loops.llvm_function import POINTER, FunctionConversion, internal_function
from passes.loops.llvm_memory import alignment_of, offset_pointer

PART_SIZE = 256
"""How many operations a function has at least before the next one starts."""

_REPEATED: frozenset[type] = frozenset(
    {
        arith.ConstantOp,
        memref.ViewOp,
        memref.CollapseShapeOp,
        memref.ExpandShapeOp,
        memref.CastOp,
        memref.GetGlobalOp,
        RowOp,
    }
)
"""The operations that say where memory is, and do nothing."""


def convert_host_block(f: FunctionConversion, table: SSAValue, block: Block) -> Operation:
    """Convert the body of a host function but the terminator, which is returned.

    `table` points to the addresses of its arguments. A long body becomes several functions, which are called.
    """
    lists = _cut(block)
    if len(lists) == 1:
        _convert(f, table, block, lists[0])
    else:
        for number, operations in enumerate(lists):
            name = f"{f.name}.{number}"
            body = Region(Block(arg_types=[POINTER]))
            part = FunctionConversion(body, body.block, f.converters, name, f.max_threads)
            part.shared = f.shared
            _convert(part, body.block.args[0], block, operations)
            part.builder.create_op(llvm.ReturnOp)
            part.finish()
            f.parts += [*part.parts, internal_function(name, (POINTER,), body)]
            f.called |= part.called
            call(f, SymbolRefAttr(name), (table,))
    last = block.last_op
    assert last is not None
    f.builder.location = last.location
    return last


def _cut(block: Block) -> list[list[Operation]]:
    """The operations that do something, in lists such that nothing but memory goes from one to the next."""
    operations = [op for op in block.ops if type(op) not in _REPEATED][:-1]
    last_use: dict[Operation, int] = {}
    for position, op in enumerate(operations):
        needed = list(_used(op))
        for value in needed:  # grows
            if isinstance(value.owner, Operation):
                last_use[value.owner] = position
                if type(value.owner) in _REPEATED:
                    needed.extend(value.owner.operands)
    lists: list[list[Operation]] = [[]]
    needed_until = 0
    for position, op in enumerate(operations):
        if len(lists[-1]) >= PART_SIZE and needed_until < position:
            lists.append([])
        lists[-1].append(op)
        needed_until = max(needed_until, last_use.get(op, 0))
    return lists


def _convert(f: FunctionConversion, table: SSAValue, block: Block, operations: Sequence[Operation]) -> None:
    table.name_hint = "table"
    for op in operations:
        f.builder.location = op.location
        placed: set[SSAValue] = set()
        for operand in _used(op):
            _place(f, table, block, operand, placed)
        f.convert_operation(op)


def _used(op: Operation) -> Iterator[SSAValue]:
    """What an operation and those in it use."""
    if not op.regions:
        yield from op.operands
    else:
        for inner in op.walk():
            yield from inner.operands


def _place(f: FunctionConversion, table: SSAValue, block: Block, value: SSAValue, placed: set[SSAValue]) -> None:
    """Compute an address again if `value` is one that the body computes."""
    owner = value.owner
    if value in placed:
        return
    if isinstance(value, BlockArgument) and owner is block:
        placed.add(value)
        pointer = offset_pointer(f, table, value.index, POINTER)
        f.values[value] = f.builder.create(llvm.LoadOp, (pointer,), POINTER, alignment_of(POINTER))
        f.values[value].name_hint = value.name_hint
    elif isinstance(owner, Operation) and type(owner) in _REPEATED and owner.parent is block:
        placed.add(value)
        for operand in owner.operands:
            _place(f, table, block, operand, placed)
        f.convert_operation(owner)


# Note [Long lists of calls]
#
# A host function is one long list of calls. LLVM's code generator takes time quadratic in the number of values that live
# across calls, and in the length of a block: 10,000 products took 25 s. So each operation of the body loads the addresses that
# it uses from the table again (a nanosecond, as from where the register allocator would have put them; what stands in a
# loop is loaded in front of it), and a long body becomes several functions.
