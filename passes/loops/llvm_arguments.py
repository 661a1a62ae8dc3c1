"""What LLVM may know of the pointers that a kernel takes."""

from collections.abc import Iterable, Sequence

from xdsl.dialects import func, memref
from xdsl.dialects.builtin import ArrayAttr, DictionaryAttr, UnitAttr
from xdsl.dialects.llvm import LLVMPointerType
from xdsl.ir import Attribute, Operation, SSAValue

from dialects.rt import LaunchOp, RowOp

_NO_ALIAS: dict[str, Attribute] = {"llvm.noalias": UnitAttr()}
_READ_ONLY: dict[str, Attribute] = {"llvm.readonly": UnitAttr()}


def aliased_arguments(operations: Iterable[Operation]) -> dict[str, set[int]]:
    """For each kernel, the arguments that some launch passes twice; reading them twice is fine, `noalias` is not.

    `operations` are those at the top of a module, host functions among them.
    """
    aliased: dict[str, set[int]] = {}
    for function in operations:
        if not isinstance(function, func.FuncOp) or "rt.num_inputs" not in function.attributes:
            continue
        roots: dict[SSAValue, SSAValue] = {}
        for op in function.body.walk():
            if isinstance(op, memref.CollapseShapeOp | memref.ExpandShapeOp | RowOp):
                roots[op.results[0]] = roots.get(op.operands[0], op.operands[0])
            elif isinstance(op, LaunchOp):
                arguments = [roots.get(value, value) for value in op.arguments]
                repeated = {index for index, value in enumerate(arguments) if arguments.count(value) > 1}
                name = op.kernel.nested_references.data[-1] if op.kernel.nested_references else op.kernel.root_reference
                aliased.setdefault(name.data, set()).update(repeated)
    return aliased


def argument_attributes(arguments: Sequence[SSAValue], written: set[SSAValue], aliased: set[int]) -> Attribute:
    """The attributes of the arguments of a kernel.

    `written` are those that the kernel stores to; `aliased` numbers the pointers that may be passed the same memory as another.
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
            position += 1
        result.append(DictionaryAttr(attributes))
    return ArrayAttr(result)
