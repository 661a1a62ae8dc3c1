"""LLVM assembly of each operation of the `llvm` dialect."""

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, TypeAlias, cast

from xdsl.dialects import llvm
from xdsl.dialects.builtin import IntegerAttr
from xdsl.dialects.llvm import LLVMPointerType
from xdsl.ir import Attribute, Operation, SSAValue

from dialects import llvm as ours
from dialects import llvm_intrinsics as intrinsics
from dialects.errors import InternalError
from dialects.llvm_intrinsics import IntrinsicOp, mangled
from runtime.llvm_function_text import FunctionText
from runtime.llvm_values import constant_text, symbol_text

Emitter: TypeAlias = Callable[[FunctionText, Any], None]

ICMP_PREDICATES = tuple(str(flag) for flag in llvm.ALL_ICMP_FLAGS)
FCMP_PREDICATES = tuple(str(flag).removeprefix("_") for flag in llvm.ALL_FCMP_FLAGS)


def _number(attribute: Attribute) -> int:
    return cast("IntegerAttr[Any]", attribute).value.data


def _flags(op: Operation) -> str:
    """The fast-math flags with a space behind each."""
    flags = op.properties.get("fastmathFlags")
    return _flags_text(flags) if flags is not None else ""


@lru_cache(maxsize=256)
def _flags_text(flags: Attribute) -> str:
    names = sorted(flag.value for flag in cast(llvm.FastMathAttr, flags).data)
    if len(names) == 7:
        return "fast "
    return "".join(f"{name} " for name in names)


_OVERFLOW = ("", "nsw ", "nuw ", "nuw nsw ")


def _binary(opcode: str) -> Emitter:
    """Two operands of one type; with the fast-math, overflow and exact flags that the operation has."""

    def emit(f: FunctionText, op: Operation) -> None:
        lhs, rhs = op.operands
        flags = ""
        properties = op.properties
        if properties:
            overflow = properties.get("overflowFlags")
            if overflow is not None:
                flags = _OVERFLOW[_number(overflow)]
            elif "isExact" in properties:
                flags = "exact "
            elif "isDisjoint" in properties:
                flags = "disjoint "
            else:
                flags = _flags(op)
        names = f.names
        operands = f"{f.type(lhs.type)} {names[lhs]}, {names[rhs]}"
        f.lines.append(f"  {f.name(op.results[0])} = {opcode} {flags}{operands}")

    return emit


def _conversion(opcode: str) -> Emitter:
    def emit(f: FunctionText, op: Operation) -> None:
        operand = f.typed(op.operands[0])
        result = op.results[0]
        flags = "nneg " if "nonNeg" in op.properties else ""
        f.lines.append(f"  {f.name(result)} = {opcode} {flags}{operand} to {f.type(result.type)}")

    return emit


def _comparison(opcode: str, predicates: tuple[str, ...]) -> Emitter:
    def emit(f: FunctionText, op: Operation) -> None:
        lhs, rhs = op.operands
        predicate = predicates[_number(op.properties["predicate"])]
        operands = f"{f.typed(lhs)}, {f.names[rhs]}"
        f.lines.append(f"  {f.name(op.results[0])} = {opcode} {_flags(op)}{predicate} {operands}")

    return emit


def _instruction(opcode: str) -> Emitter:
    """One result, all operands with their types."""

    def emit(f: FunctionText, op: Operation) -> None:
        operands = ", ".join([f.typed(operand) for operand in op.operands])
        f.lines.append(f"  {f.name(op.results[0])} = {opcode} {_flags(op)}{operands}")

    return emit


def _constant(f: FunctionText, op: llvm.ConstantOp) -> None:
    f.names[op.result] = constant_text(cast(Attribute, op.value), op.result.type)


def _inline(text: str) -> Emitter:
    def emit(f: FunctionText, op: Operation) -> None:
        f.names[op.results[0]] = text

    return emit


def _zero(f: FunctionText, op: llvm.ZeroOp) -> None:
    f.names[op.res] = "null" if isinstance(op.res.type, LLVMPointerType) else "zeroinitializer"


def _address_of(f: FunctionText, op: llvm.AddressOfOp) -> None:
    f.names[op.result] = f"@{symbol_text(op.global_name.root_reference.data)}"


def _alloca(f: FunctionText, op: llvm.AllocaOp) -> None:
    alignment = f", align {op.alignment.value.data}" if op.alignment is not None else ""
    text = f"alloca {f.type(op.elem_type)}, {f.typed(op.size)}{alignment}"
    f.lines.append(f"  {f.name(op.res)} = {text}")


def _element_pointer(f: FunctionText, op: llvm.GEPOp) -> None:
    base, *dynamic = op.operands
    remaining = iter(dynamic)
    properties = op.properties
    indices = [
        f.typed(next(remaining)) if index == llvm.GEP_USE_SSA_VAL else f"i32 {index}"
        for index in _static_indices(properties["rawConstantIndices"])
    ]
    inbounds = "inbounds " if "inbounds" in properties else ""
    text = f"getelementptr {inbounds}{f.type(properties['elem_type'])}, {f.typed(base)}, {', '.join(indices)}"
    f.lines.append(f"  {f.name(op.results[0])} = {text}")


@lru_cache(maxsize=4096)
def _static_indices(attribute: Attribute) -> tuple[int, ...]:
    return tuple(cast(Any, attribute).get_values())


def _access_suffix(f: FunctionText, op: Operation) -> str:
    """Alignment and metadata of a load or store."""
    suffix = ""
    alignment = op.properties.get("alignment")
    if alignment is not None:
        suffix = f", align {_number(alignment)}"
    if op.attributes or "nontemporal" in op.properties:
        extra = {**op.properties, **op.attributes}
        if "nontemporal" in extra:
            suffix += f", !nontemporal {f.module.node('!{i32 1}')}"
        if "invariant" in extra:
            suffix += f", !invariant.load {f.module.node('!{}')}"
    return suffix


def _load(f: FunctionText, op: llvm.LoadOp) -> None:
    result = op.results[0]
    text = f"load {f.type(result.type)}, {f.typed(op.operands[0])}{_access_suffix(f, op)}"
    f.lines.append(f"  {f.name(result)} = {text}")


def _store(f: FunctionText, op: llvm.StoreOp) -> None:
    value, pointer = op.operands
    volatile = "volatile " if "volatile_" in op.properties else ""
    f.lines.append(f"  store {volatile}{f.typed(value)}, {f.typed(pointer)}{_access_suffix(f, op)}")


def _fence(f: FunctionText, op: ours.FenceOp) -> None:
    del op
    f.lines.append("  fence seq_cst")


def _masked_load(f: FunctionText, op: intrinsics.MaskedLoadOp) -> None:
    types = [f.type(value.type) for value in op.operands]
    name = f"llvm.masked.load.{mangled(op.res.type)}.{mangled(op.data.type)}"
    f.module.declare(name, types[2], types)
    pointer = f"{types[0]} align {op.alignment.value.data} {f.names[op.data]}"
    text = f"call {types[2]} @{name}({pointer}, {f.typed(op.mask)}, {f.typed(op.pass_thru)})"
    f.lines.append(f"  {f.name(op.res)} = {text}")


def _masked_store(f: FunctionText, op: intrinsics.MaskedStoreOp) -> None:
    types = [f.type(value.type) for value in op.operands]
    name = f"llvm.masked.store.{mangled(op.value.type)}.{mangled(op.data.type)}"
    f.module.declare(name, "void", types)
    pointer = f"{types[1]} align {op.alignment.value.data} {f.names[op.data]}"
    f.lines.append(f"  call void @{name}({f.typed(op.value)}, {pointer}, {f.typed(op.mask)})")


def _memory_transfer(f: FunctionText, op: intrinsics.MemcpyOp | intrinsics.MemsetOp) -> None:
    kind = op.name.removeprefix("llvm.intr.")
    overloads = [value.type for value in op.operands if isinstance(value.type, LLVMPointerType)]
    name = ".".join((f"llvm.{kind}", *map(mangled, (*overloads, op.len.type))))
    f.module.declare(name, "void", [*(f.type(value.type) for value in op.operands), "i1 immarg"])
    volatile = "true" if op.is_volatile.value.data else "false"
    f.lines.append(f"  call void @{name}({', '.join(f.typed(value) for value in op.operands)}, i1 {volatile})")


def _shuffle(f: FunctionText, op: llvm.ShuffleVectorOp) -> None:
    indices = op.mask.get_values()
    mask = f"<{', '.join('i32 poison' if index < 0 else f'i32 {index}' for index in indices)}>"
    if not any(indices):
        mask = "zeroinitializer"
    text = f"shufflevector {f.typed(op.v1)}, {f.typed(op.v2)}, <{len(indices)} x i32> {mask}"
    f.lines.append(f"  {f.name(op.res)} = {text}")


def _extract_value(f: FunctionText, op: llvm.ExtractValueOp) -> None:
    position = ", ".join(map(str, cast(Any, op.position).get_values()))
    text = f"extractvalue {f.typed(op.container)}, {position}"
    f.lines.append(f"  {f.name(op.res)} = {text}")


def _insert_value(f: FunctionText, op: llvm.InsertValueOp) -> None:
    position = ", ".join(map(str, cast(Any, op.position).get_values()))
    text = f"insertvalue {f.typed(op.container)}, {f.typed(op.value)}, {position}"
    f.lines.append(f"  {f.name(op.res)} = {text}")


def _call_text(f: FunctionText, op: Operation, callee: str, arguments: Iterable[SSAValue]) -> None:
    operands = ", ".join([f.typed(argument) for argument in arguments])
    if op.results:
        result = op.results[0]
        head = f"call {_flags(op)}{f.type(result.type)}"
        f.lines.append(f"  {f.name(result)} = {head} {callee}({operands})")
    else:
        f.lines.append(f"  call void {callee}({operands})")


def _call(f: FunctionText, op: llvm.CallOp) -> None:
    if op.callee is None:
        function, *arguments = op.args
        _call_text(f, op, f.names[function], arguments)
    else:
        _call_text(f, op, f"@{symbol_text(op.callee.root_reference.data)}", op.args)


def _intrinsic(f: FunctionText, op: Operation, name: str, arguments: Iterable[SSAValue]) -> None:
    values = list(arguments)
    result = f.type(op.results[0].type) if op.results else "void"
    f.module.declare(name, result, [f.type(value.type) for value in values])
    _call_text(f, op, f"@{name}", values)


def _call_intrinsic(f: FunctionText, op: llvm.CallIntrinsicOp) -> None:
    _intrinsic(f, op, op.intrin.data, op.args)


def _upstream_intrinsic(f: FunctionText, op: Operation) -> None:
    """`llvm.intr.X` of upstream: overloaded on the type of its operands."""
    name = f"llvm.{op.name.removeprefix('llvm.intr.')}.{mangled(op.operands[-1].type)}"
    _intrinsic(f, op, name, op.operands)


def _own_intrinsic(f: FunctionText, op: IntrinsicOp) -> None:
    _intrinsic(f, op, op.intrinsic_name(), op.operands)


def _branch(f: FunctionText, op: llvm.BrOp) -> None:
    f.lines.append(f"  br label %{f.labels[op.successor]}")


def _conditional_branch(f: FunctionText, op: llvm.CondBrOp) -> None:
    labels = f"label %{f.labels[op.then_block]}, label %{f.labels[op.else_block]}"
    f.lines.append(f"  br i1 {f.names[op.cond]}, {labels}")


def _return(f: FunctionText, op: llvm.ReturnOp) -> None:
    f.lines.append(f"  ret {f.typed(op.operands[0])}" if op.operands else "  ret void")


def _unreachable(f: FunctionText, op: llvm.UnreachableOp) -> None:  # noqa: ARG001
    f.lines.append("  unreachable")


_BINARY: dict[type[Operation], str] = {
    llvm.AddOp: "add",
    llvm.SubOp: "sub",
    llvm.MulOp: "mul",
    llvm.UDivOp: "udiv",
    llvm.SDivOp: "sdiv",
    llvm.URemOp: "urem",
    llvm.SRemOp: "srem",
    llvm.AndOp: "and",
    llvm.OrOp: "or",
    llvm.XOrOp: "xor",
    llvm.ShlOp: "shl",
    llvm.LShrOp: "lshr",
    llvm.AShrOp: "ashr",
    llvm.FAddOp: "fadd",
    llvm.FSubOp: "fsub",
    llvm.FMulOp: "fmul",
    llvm.FDivOp: "fdiv",
    llvm.FRemOp: "frem",
}
_CONVERSIONS: dict[type[Operation], str] = {
    llvm.TruncOp: "trunc",
    llvm.ZExtOp: "zext",
    llvm.SExtOp: "sext",
    llvm.BitcastOp: "bitcast",
    llvm.SIToFPOp: "sitofp",
    llvm.FPExtOp: "fpext",
    llvm.FPTruncOp: "fptrunc",
    llvm.PtrToIntOp: "ptrtoint",
    llvm.IntToPtrOp: "inttoptr",
    ours.FPToSIOp: "fptosi",
    ours.FPToUIOp: "fptoui",
    ours.UIToFPOp: "uitofp",
    ours.AddrSpaceCastOp: "addrspacecast",
}
_UPSTREAM_INTRINSICS: tuple[type[Operation], ...] = (
    llvm.FAbsOp,
    llvm.FCeilOp,
    llvm.FFloorOp,
    llvm.FSqrtOp,
    llvm.FExpOp,
    llvm.FExp2Op,
    llvm.FLogOp,
    llvm.FLog2Op,
    llvm.FSinOp,
    llvm.FCosOp,
    llvm.FPowOp,
    llvm.FMAOp,
    llvm.FCopySignOp,
    llvm.VectorFMaxOp,
    llvm.VectorFMinOp,
)

EMITTERS: dict[type[Operation], Emitter] = {
    **{op_type: _binary(opcode) for op_type, opcode in _BINARY.items()},
    **{op_type: _conversion(opcode) for op_type, opcode in _CONVERSIONS.items()},
    **dict.fromkeys(_UPSTREAM_INTRINSICS, _upstream_intrinsic),
    llvm.ICmpOp: _comparison("icmp", ICMP_PREDICATES),
    llvm.FCmpOp: _comparison("fcmp", FCMP_PREDICATES),
    ours.FCmpOp: _comparison("fcmp", FCMP_PREDICATES),
    llvm.SelectOp: _instruction("select"),
    ours.SelectOp: _instruction("select"),
    llvm.FNegOp: _instruction("fneg"),
    ours.ExtractElementOp: _instruction("extractelement"),
    llvm.InsertElementOp: _instruction("insertelement"),
    llvm.ShuffleVectorOp: _shuffle,
    llvm.ExtractValueOp: _extract_value,
    llvm.InsertValueOp: _insert_value,
    llvm.ConstantOp: _constant,
    llvm.UndefOp: _inline("undef"),
    ours.PoisonOp: _inline("poison"),
    llvm.ZeroOp: _zero,
    llvm.AddressOfOp: _address_of,
    llvm.AllocaOp: _alloca,
    llvm.GEPOp: _element_pointer,
    llvm.LoadOp: _load,
    llvm.StoreOp: _store,
    intrinsics.MaskedLoadOp: _masked_load,
    intrinsics.MaskedStoreOp: _masked_store,
    intrinsics.MemcpyOp: _memory_transfer,
    intrinsics.MemsetOp: _memory_transfer,
    llvm.CallOp: _call,
    llvm.CallIntrinsicOp: _call_intrinsic,
    ours.FenceOp: _fence,
    llvm.BrOp: _branch,
    llvm.CondBrOp: _conditional_branch,
    llvm.ReturnOp: _return,
    llvm.UnreachableOp: _unreachable,
}


def emitter_of(op: Operation) -> Emitter:
    """How to write `op`; a type that is not in the table but derives from `IntrinsicOp` is a call of its intrinsic."""
    emitter = EMITTERS.get(type(op))
    if emitter is not None:
        return emitter
    if isinstance(op, IntrinsicOp):
        return _own_intrinsic
    raise InternalError(f"emit_llvm: {op.name} has no LLVM form; run convert-to-llvm first")
