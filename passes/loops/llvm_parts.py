"""Work in parts, which threads share: a function for one part, and a call of the pool of threads."""

from collections.abc import Callable, Sequence

from xdsl.dialects import llvm
from xdsl.dialects.builtin import IntegerAttr, SymbolRefAttr, i64
from xdsl.dialects.llvm import LLVMArrayType
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue

from passes.loops.llvm_control import call
from passes.loops.llvm_function import NO_WRAP, POINTER, SIGNED_LESS, FunctionConversion, internal_function
from passes.loops.llvm_memory import alignment_of, offset_pointer, store

PARALLEL = SymbolRefAttr("dlc_parallel")
"""`runtime/threads/pool_text.py`: calls a function with a pointer and the number of each part."""

EmitPart = Callable[[FunctionConversion, SSAValue, Sequence[SSAValue]], None]


def call_parts(f: FunctionConversion, op: Operation, count: int, pointers: Sequence[SSAValue], emit: EmitPart) -> None:
    """Append `op` as `count` parts in any order, some of them at once; `emit(f, index, pointers)` appends one.

    It does so in a function of its own, which operations that differ in their operands only share.
    """
    if count == 1:
        emit(f, f.integer(0), pointers)
        return
    key = (op.name, frozenset(op.properties.items()), frozenset(op.attributes.items()), *(x.type for x in op.operands))
    name = f.shared.get(key)
    if name is None:
        name = f.shared[key] = f"{f.name}.part{len(f.parts)}"
        f.parts.append(_part_function(f, name, len(pointers), emit))
    table = _table(f, len(pointers))
    for index, pointer in enumerate(pointers):
        store(f, pointer, offset_pointer(f, table, index, POINTER), POINTER)
    function = f.builder.create(llvm.AddressOfOp, (), POINTER, {"global_name": SymbolRefAttr(name)})
    call(f, PARALLEL, (function, table, f.integer(count), f.integer(f.max_threads)))


def part_bounds(f: FunctionConversion, index: SSAValue, grain: int, extent: int) -> tuple[SSAValue, SSAValue]:
    """The first point of a part, and the one behind its last."""
    lower = f.builder.create(llvm.MulOp, (index, f.integer(grain)), i64, NO_WRAP)
    upper = f.builder.create(llvm.AddOp, (lower, f.integer(grain)), i64, NO_WRAP)
    if extent % grain:
        is_whole = f.compare(SIGNED_LESS, upper, f.integer(extent))
        upper = f.builder.create(llvm.SelectOp, (is_whole, upper, f.integer(extent)), i64)
    return lower, upper


def _table(f: FunctionConversion, size: int) -> SSAValue:
    """Room for pointers on the stack, the same for all parts of a function, which run one after the other."""
    if f.table is None:
        properties: dict[str, Attribute] = {"elem_type": LLVMArrayType(0, POINTER), "alignment": IntegerAttr(8, i64)}
        f.table = f.entry.create_op(llvm.AllocaOp, (f.integer(1),), (POINTER,), properties)
    room = f.table.properties["elem_type"]
    if isinstance(room, LLVMArrayType) and room.size.data < size:
        f.table.properties["elem_type"] = LLVMArrayType(size, POINTER)
    return f.table.results[0]


def _part_function(f: FunctionConversion, name: str, size: int, emit: EmitPart) -> llvm.FuncOp:
    region, block = Region(), Block(arg_types=[POINTER, i64])
    region.add_block(block)
    part = FunctionConversion(region, block, f.converters, name)
    part.builder.location = f.builder.location
    table, index = block.args
    table.name_hint, index.name_hint = "table", "part"
    pointers: list[SSAValue] = []
    for place in range(size):
        pointer = offset_pointer(part, table, place, POINTER)
        pointers.append(part.builder.create(llvm.LoadOp, (pointer,), POINTER, alignment_of(POINTER)))
    emit(part, index, pointers)
    part.builder.create_op(llvm.ReturnOp)
    part.finish()
    f.called |= part.called
    return internal_function(name, (POINTER, i64), region)
