"""What LLVM may know of a kernel: of the pointers that it takes, and where it is worth to be inlined."""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence

from xdsl.dialects import func, memref, scf
from xdsl.dialects.builtin import ArrayAttr, DictionaryAttr, IntegerAttr, UnitAttr, i64
from xdsl.dialects.llvm import LLVMPointerType
from xdsl.ir import Attribute, Operation, SSAValue

from dialects.rt import LaunchOp, RowOp

_NO_ALIAS: dict[str, Attribute] = {"llvm.noalias": UnitAttr()}
_READ_ONLY: dict[str, Attribute] = {"llvm.readonly": UnitAttr()}
_ALIGNED: dict[str, Attribute] = {"llvm.align": IntegerAttr(16, i64)}


def aliased_arguments(operations: Iterable[Operation]) -> dict[str, set[int]]:
    """For each kernel, the arguments that some launch passes twice; reading them twice is fine, `noalias` is not.

    `operations` are those at the top of a module, host functions among them.
    """
    aliased: dict[str, set[int]] = {}
    for function in filter(_is_host, operations):
        roots: dict[SSAValue, SSAValue] = {}
        for op in function.walk():
            if isinstance(op, memref.CollapseShapeOp | memref.ExpandShapeOp | RowOp):
                roots[op.results[0]] = roots.get(op.operands[0], op.operands[0])
            elif isinstance(op, LaunchOp):
                arguments = [roots.get(value, value) for value in op.arguments]
                repeated = {index for index, value in enumerate(arguments) if arguments.count(value) > 1}
                aliased.setdefault(kernel_name(op), set()).update(repeated)
    return aliased


def _is_host(function: Operation) -> bool:
    return isinstance(function, func.FuncOp) and "rt.num_inputs" in function.attributes


def kernels_to_inline(operations: Iterable[Operation]) -> set[str]:
    """The kernels that are launched in one place, which lies in a loop or has parts; equal launches in parts share one.

    Small ones cost no more than the call, and bounds of parts that are constant or whole vectors leave less code.
    """
    places: defaultdict[str, set[Hashable]] = defaultdict(set)
    repeated: set[str] = set()
    for function in filter(_is_host, operations):
        for op in function.walk():
            if isinstance(op, LaunchOp):
                places[kernel_name(op)].add(op if op.grain is None else (op.extent, op.grain))
                if op.grain is not None or _is_in_loop(op):
                    repeated.add(kernel_name(op))
    return {name for name in repeated if len(places[name]) == 1}


def kernel_name(op: LaunchOp) -> str:
    """The name of the kernel that is launched, in its module."""
    name = op.kernel.nested_references.data[-1] if op.kernel.nested_references else op.kernel.root_reference
    return name.data


def _is_in_loop(op: Operation) -> bool:
    parent = op.parent_op()
    while parent is not None and not isinstance(parent, scf.ForOp | scf.WhileOp):
        parent = parent.parent_op()
    return parent is not None


def argument_attributes(
    arguments: Sequence[SSAValue], written: set[SSAValue], aliased: set[int], aligned: set[int]
) -> Attribute:
    """The attributes of the arguments of a kernel.

    `written` are those that the kernel stores to; `aliased` numbers the pointers that may be passed the same memory as another, `aligned`
    those to memory that starts at a multiple of 16 bytes.
    """
    result: list[DictionaryAttr] = []
    position = 0
    for argument in arguments:
        attributes: dict[str, Attribute] = {}
        if isinstance(argument.type, LLVMPointerType):
            if position not in aliased:
                attributes |= _NO_ALIAS
            if argument not in written:
                attributes |= _READ_ONLY
            if position in aligned:
                attributes |= _ALIGNED
            position += 1
        result.append(DictionaryAttr(attributes))
    return ArrayAttr(result)
