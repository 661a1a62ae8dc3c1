"""The `llvm` dialect as LLVM assembly text.

`emit_llvm` walks each function once. Values get numbers in the order of the text, constants are written where they are used, block arguments
become phis. An operation that has no entry in `_EMITTERS` but derives from `IntrinsicOp` is a call of its intrinsic.
"""

import struct
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, cast

from xdsl.dialects import llvm
from xdsl.dialects.builtin import (
    ArrayAttr,
    BFloat16Type,
    DenseIntOrFPElementsAttr,
    DictionaryAttr,
    Float16Type,
    Float32Type,
    Float64Type,
    FloatAttr,
    IntAttr,
    IntegerAttr,
    IntegerType,
    ModuleOp,
    StringAttr,
    SymbolRefAttr,
    UnitAttr,
    VectorType,
)
from xdsl.dialects.llvm import (
    LLVMArrayType,
    LLVMFunctionType,
    LLVMPointerType,
    LLVMStructType,
    LLVMVoidType,
)
from xdsl.ir import Attribute, Block, Operation, SSAValue

from dialects import llvm as ours
from dialects import llvm_intrinsics as intrinsics
from dialects.errors import InternalError
from dialects.llvm_intrinsics import IntrinsicOp, mangled

ICMP_PREDICATES = tuple(str(flag) for flag in llvm.ALL_ICMP_FLAGS)
FCMP_PREDICATES = tuple(str(flag).removeprefix("_") for flag in llvm.ALL_FCMP_FLAGS)


def emit_llvm(module: ModuleOp, *, triple: str = "", data_layout: str = "") -> str:
    """The text of `module`, which holds only `llvm` operations; raise `InternalError` on any other."""
    emitter = _ModuleEmitter()
    if data_layout:
        emitter.lines.append(f'target datalayout = "{data_layout}"')
    if triple:
        emitter.lines.append(f'target triple = "{triple}"')
    for op in module.body.block.ops:
        if isinstance(op, llvm.FuncOp):
            emitter.emit_function(op)
        elif isinstance(op, llvm.GlobalOp):
            emitter.lines.append(_global_text(op))
        else:
            raise InternalError(f"emit_llvm: {op.name} at the top of the module; run convert-to-llvm first")
    return emitter.finish()


class _ModuleEmitter:
    """Collects the lines of a module and the intrinsics that it calls."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.declarations: dict[str, str] = {}
        self.metadata: dict[str, str] = {}

    def emit_function(self, op: llvm.FuncOp) -> None:
        """Append a function, or a declaration if it has no body."""
        if not op.body.blocks:
            self.lines.append(f"declare {_signature(op, None)}")
            return
        f = _FunctionEmitter(self)
        entry = op.body.blocks[0]
        for argument in entry.args:
            f.name(argument)
        self.lines.append(f"define {_signature(op, [f.names[argument] for argument in entry.args])} {{")
        for index, block in enumerate(op.body.blocks):
            f.labels[block] = f"b{index}"
        for block in op.body.blocks:
            f.emit_block(block, is_entry=block is entry)
        f.fill_phis()
        self.lines.append("}")

    def declare(self, name: str, result: str, arguments: Iterable[str]) -> None:
        """Declare an intrinsic once."""
        if name not in self.declarations:
            self.declarations[name] = f"declare {result} @{name}({', '.join(arguments)})"

    def node(self, content: str) -> str:
        """The number of the metadata node `content`."""
        return self.metadata.setdefault(content, f"!{len(self.metadata)}")

    def finish(self) -> str:
        """All the text."""
        nodes = (f"{number} = {content}" for content, number in self.metadata.items())
        return "\n".join((*self.lines, *self.declarations.values(), *nodes, ""))


class _FunctionEmitter:
    """Names the values of one function and appends its instructions."""

    __slots__ = ("_count", "_phis", "labels", "lines", "module", "names")

    def __init__(self, module: _ModuleEmitter):
        self.module = module
        self.lines = module.lines
        self.names: dict[SSAValue, str] = {}
        self.labels: dict[Block, str] = {}
        self._count = 0
        self._phis: list[tuple[int, str, Block, int]] = []

    def name(self, value: SSAValue) -> str:
        """Give `value` the next number."""
        name = f"%{self._count}"
        self._count += 1
        self.names[value] = name
        return name

    def typed(self, value: SSAValue) -> str:
        """`value` with its type in front."""
        return f"{type_text(value.type)} {self.names[value]}"

    def emit_block(self, block: Block, *, is_entry: bool) -> None:
        """Append the label, the phis and the instructions of `block`."""
        self.lines.append(f"{self.labels[block]}:")
        if not is_entry:
            for index, argument in enumerate(block.args):
                head = f"{self.name(argument)} = phi {type_text(argument.type)}"
                self._phis.append((len(self.lines), head, block, index))
                self.lines.append("")
        op = block.first_op
        while op is not None:
            emitter = _EMITTERS.get(type(op))
            if emitter is None:
                emitter = _emitter_of_other(op)
            emitter(self, op)
            op = op.next_op

    def fill_phis(self) -> None:
        """Write the phis, now that all values have names."""
        if not self._phis:
            return
        incoming: dict[Block, list[tuple[Block, list[SSAValue]]]] = {}
        for block in self.labels:
            last = cast(Operation, block.last_op)
            for target, values in _successor_operands(last):
                incoming.setdefault(target, []).append((block, values))
        for line, head, block, index in self._phis:
            edges = ", ".join(
                f"[ {self.names[values[index]]}, %{self.labels[source]} ]" for source, values in incoming.get(block, [])
            )
            self.lines[line] = f"  {head} {edges}"


def _successor_operands(op: Operation) -> list[tuple[Block, list[SSAValue]]]:
    """Each block that the terminator `op` jumps to, with the values of its arguments."""
    if isinstance(op, llvm.BrOp):
        return [(op.successor, list(op.arguments))]
    if isinstance(op, llvm.CondBrOp):
        return [(op.then_block, list(op.then_arguments)), (op.else_block, list(op.else_arguments))]
    return []


# Types and constants


@lru_cache(maxsize=4096)
def type_text(value_type: Attribute) -> str:
    """An LLVM type."""
    match value_type:
        case IntegerType():
            return f"i{value_type.width.data}"
        case Float32Type():
            return "float"
        case Float64Type():
            return "double"
        case Float16Type():
            return "half"
        case BFloat16Type():
            return "bfloat"
        case VectorType():
            vector = cast(VectorType[Any], value_type)
            return f"<{vector.get_shape()[0]} x {type_text(vector.element_type)}>"
        case LLVMPointerType():
            space = value_type.addr_space
            return f"ptr addrspace({space.data})" if isinstance(space, IntAttr) and space.data else "ptr"
        case LLVMArrayType():
            return f"[{value_type.size.data} x {type_text(value_type.type)}]"
        case LLVMStructType():
            return f"{{{', '.join(type_text(field) for field in value_type.types)}}}"
        case LLVMVoidType():
            return "void"
        case LLVMFunctionType():
            return f"{type_text(value_type.output)} ({', '.join(map(type_text, value_type.inputs))})"
        case _:
            raise InternalError(f"emit_llvm: type {value_type} has no LLVM form; run convert-to-llvm first")


@lru_cache(maxsize=65536)
def constant_text(value: Attribute, value_type: Attribute) -> str:
    """A constant without its type."""
    if isinstance(value, FloatAttr):
        return _float_text(cast(FloatAttr[Any], value).value.data, value_type)
    if isinstance(value, IntegerAttr):
        number = cast(IntegerAttr[Any], value).value.data
        return _integer_text(number, value_type)
    if not isinstance(value, DenseIntOrFPElementsAttr):
        raise InternalError(f"emit_llvm: constant {value} has no LLVM form")
    dense = cast(DenseIntOrFPElementsAttr[Any], value)
    element = cast(Any, value_type).element_type
    write = _integer_text if isinstance(element, IntegerType) else _float_text
    texts = [write(number, element) for number in cast(Any, dense.get_values())]
    head = type_text(element)
    if len(texts) > 1 and all(text == texts[0] for text in texts):
        return f"splat ({head} {texts[0]})"
    return f"<{', '.join(f'{head} {text}' for text in texts)}>"


def _integer_text(number: int, value_type: Attribute) -> str:
    return str(number & 1) if type_text(value_type) == "i1" else str(number)


def _float_text(number: float, value_type: Attribute) -> str:
    """Hexadecimal digits, so that no digit is lost: of a double for `float` and `double`."""
    if isinstance(value_type, Float16Type):
        return f"0xH{struct.unpack('<H', struct.pack('<e', number))[0]:04X}"
    if isinstance(value_type, BFloat16Type):
        return f"0xR{struct.unpack('<I', struct.pack('<f', number))[0] >> 16:04X}"
    if isinstance(value_type, Float32Type):
        number = struct.unpack("<f", struct.pack("<f", number))[0]
    return f"0x{struct.unpack('<Q', struct.pack('<d', number))[0]:016X}"


def _global_text(op: llvm.GlobalOp) -> str:
    """A global; its value as raw bytes, because a list of numbers costs LLVM ten times as long to read."""
    alignment = f", align {op.alignment.value.data}" if op.alignment is not None else ""
    space = f"addrspace({op.addr_space.value.data}) " if op.addr_space.value.data else ""
    kind = "constant" if op.constant is not None else "global"
    name = f"@{_symbol(op.sym_name.data)} = {op.linkage.linkage.data} {space}{kind}"
    if isinstance(op.value, DenseIntOrFPElementsAttr):
        data = cast(DenseIntOrFPElementsAttr[Any], op.value).data.data
        if any(data):
            return f'{name} [{len(data)} x i8] c"\\{data.hex(chr(92))}"{alignment}'
    elif isinstance(op.value, StringAttr):
        return f'{name} {type_text(op.global_type)} c"{_escaped(op.value.data.encode())}"{alignment}'
    elif op.value is not None:
        return f"{name} {type_text(op.global_type)} {constant_text(op.value, op.global_type)}{alignment}"
    if op.linkage.linkage.data == "external" and op.value is None:
        return f"{name} {type_text(op.global_type)}{alignment}"
    initial = "undef" if op.addr_space.value.data else "zeroinitializer"
    return f"{name} {type_text(op.global_type)} {initial}{alignment}"


def _escaped(data: bytes) -> str:
    return "".join(chr(b) if 32 <= b < 127 and b not in (34, 92) else f"\\{b:02X}" for b in data)


def _symbol(name: str) -> str:
    """A symbol, quoted if it needs to be."""
    return name if name.replace(".", "_").replace("$", "_").isidentifier() and name.isascii() else f'"{name}"'


# Functions


def _signature(op: llvm.FuncOp, names: list[str] | None) -> str:
    """All that stands between `define` or `declare` and the body; `names` are those of the arguments."""
    extra = {**op.attributes, **op.properties}
    function_type = op.function_type
    arguments = [type_text(argument) for argument in function_type.inputs]
    if op.arg_attrs is not None:
        arguments = [
            " ".join((text, *_argument_attributes(attributes)))
            for text, attributes in zip(arguments, op.arg_attrs, strict=True)
        ]
    if names is not None:
        arguments = [f"{text} {name}" for text, name in zip(arguments, names, strict=True)]
    if function_type.is_variadic:
        arguments.append("...")
    linkage = op.linkage.linkage.data
    words = [
        linkage if linkage != "external" else "",
        "ptx_kernel" if "nvvm.kernel" in extra else "",
        op.CConv.convention.data if op.CConv.convention.data != "ccc" else "",
        type_text(function_type.output),
        f"@{_symbol(op.sym_name.data)}({', '.join(arguments)})",
        *_function_attributes(extra),
    ]
    return " ".join(word for word in words if word)


_FUNCTION_FLAGS = {"no_unwind": "nounwind", "no_inline": "noinline", "optimize_none": "optnone"}


def _function_attributes(extra: dict[str, Attribute]) -> list[str]:
    """`no_unwind` and its like, and what `passthrough` lists: `"name"` or `["key", "value"]`."""
    words = [word for name, word in _FUNCTION_FLAGS.items() if name in extra]
    passthrough = extra.get("passthrough")
    if isinstance(passthrough, ArrayAttr):
        for item in cast(ArrayAttr[Attribute], passthrough):
            if isinstance(item, StringAttr):
                words.append(item.data)
            elif isinstance(item, ArrayAttr):
                key, value = (cast(StringAttr, part).data for part in cast(ArrayAttr[Attribute], item))
                words.append(f'"{key}"="{value}"')
    return words


def _argument_attributes(attributes: DictionaryAttr) -> list[str]:
    """`llvm.noalias` as `noalias`, `llvm.align = 16` as `align 16`."""
    words: list[str] = []
    for key, value in attributes.data.items():
        word = key.removeprefix("llvm.")
        if isinstance(value, UnitAttr):
            words.append(word)
        elif isinstance(value, IntegerAttr):
            number = cast(IntegerAttr[Any], value).value.data
            words.append(f"align {number}" if word == "align" else f"{word}({number})")
        else:
            raise InternalError(f"emit_llvm: argument attribute {key} = {value} is not known")
    return words


# Instructions


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


def _binary(opcode: str) -> "Emitter":
    """Two operands of one type; with the fast-math, overflow and exact flags that the operation has."""

    def emit(f: _FunctionEmitter, op: Operation) -> None:
        lhs, rhs = op.operands
        flags = ""
        properties = op.properties
        if properties:
            overflow = properties.get("overflowFlags")
            if overflow is not None:
                flags = _OVERFLOW[cast(Any, overflow).value.data]
            elif "isExact" in properties:
                flags = "exact "
            elif "isDisjoint" in properties:
                flags = "disjoint "
            else:
                flags = _flags(op)
        names = f.names
        operands = f"{type_text(lhs.type)} {names[lhs]}, {names[rhs]}"
        f.lines.append(f"  {f.name(op.results[0])} = {opcode} {flags}{operands}")

    return emit


def _conversion(opcode: str) -> "Emitter":
    def emit(f: _FunctionEmitter, op: Operation) -> None:
        operand = f.typed(op.operands[0])
        result = op.results[0]
        flags = "nneg " if "nonNeg" in op.properties else ""
        f.lines.append(f"  {f.name(result)} = {opcode} {flags}{operand} to {type_text(result.type)}")

    return emit


def _comparison(opcode: str, predicates: tuple[str, ...]) -> "Emitter":
    def emit(f: _FunctionEmitter, op: Operation) -> None:
        lhs, rhs = op.operands
        predicate = predicates[cast(Any, op.properties["predicate"]).value.data]
        operands = f"{f.typed(lhs)}, {f.names[rhs]}"
        f.lines.append(f"  {f.name(op.results[0])} = {opcode} {_flags(op)}{predicate} {operands}")

    return emit


def _instruction(opcode: str) -> "Emitter":
    """One result, all operands with their types."""

    def emit(f: _FunctionEmitter, op: Operation) -> None:
        operands = ", ".join([f.typed(operand) for operand in op.operands])
        f.lines.append(f"  {f.name(op.results[0])} = {opcode} {_flags(op)}{operands}")

    return emit


def _constant(f: _FunctionEmitter, op: llvm.ConstantOp) -> None:
    f.names[op.result] = constant_text(cast(Attribute, op.value), op.result.type)


def _inline(text: str) -> "Emitter":
    def emit(f: _FunctionEmitter, op: Operation) -> None:
        f.names[op.results[0]] = text

    return emit


def _zero(f: _FunctionEmitter, op: llvm.ZeroOp) -> None:
    f.names[op.res] = "null" if isinstance(op.res.type, LLVMPointerType) else "zeroinitializer"


def _address_of(f: _FunctionEmitter, op: llvm.AddressOfOp) -> None:
    f.names[op.result] = f"@{_symbol(op.global_name.root_reference.data)}"


def _alloca(f: _FunctionEmitter, op: llvm.AllocaOp) -> None:
    alignment = f", align {op.alignment.value.data}" if op.alignment is not None else ""
    text = f"alloca {type_text(op.elem_type)}, {f.typed(op.size)}{alignment}"
    f.lines.append(f"  {f.name(op.res)} = {text}")


def _element_pointer(f: _FunctionEmitter, op: llvm.GEPOp) -> None:
    base, *dynamic = op.operands
    remaining = iter(dynamic)
    properties = op.properties
    indices = [
        f.typed(next(remaining)) if index == llvm.GEP_USE_SSA_VAL else f"i32 {index}"
        for index in _static_indices(properties["rawConstantIndices"])
    ]
    inbounds = "inbounds " if "inbounds" in properties else ""
    text = f"getelementptr {inbounds}{type_text(properties['elem_type'])}, {f.typed(base)}, {', '.join(indices)}"
    f.lines.append(f"  {f.name(op.results[0])} = {text}")


@lru_cache(maxsize=4096)
def _static_indices(attribute: Attribute) -> tuple[int, ...]:
    return tuple(cast(Any, attribute).get_values())


def _access_suffix(f: _FunctionEmitter, op: Operation) -> str:
    """Alignment and metadata of a load or store."""
    suffix = ""
    alignment = op.properties.get("alignment")
    if alignment is not None:
        suffix = f", align {cast(Any, alignment).value.data}"
    if op.attributes or "nontemporal" in op.properties:
        extra = {**op.properties, **op.attributes}
        if "nontemporal" in extra:
            suffix += f", !nontemporal {f.module.node('!{i32 1}')}"
        if "invariant" in extra:
            suffix += f", !invariant.load {f.module.node('!{}')}"
    return suffix


def _load(f: _FunctionEmitter, op: llvm.LoadOp) -> None:
    result = op.results[0]
    text = f"load {type_text(result.type)}, {f.typed(op.operands[0])}{_access_suffix(f, op)}"
    f.lines.append(f"  {f.name(result)} = {text}")


def _store(f: _FunctionEmitter, op: llvm.StoreOp) -> None:
    value, pointer = op.operands
    volatile = "volatile " if "volatile_" in op.properties else ""
    f.lines.append(f"  store {volatile}{f.typed(value)}, {f.typed(pointer)}{_access_suffix(f, op)}")


def _masked_load(f: _FunctionEmitter, op: intrinsics.MaskedLoadOp) -> None:
    types = [type_text(value.type) for value in op.operands]
    name = f"llvm.masked.load.{mangled(op.res.type)}.{mangled(op.data.type)}"
    f.module.declare(name, types[2], types)
    pointer = f"{types[0]} align {op.alignment.value.data} {f.names[op.data]}"
    text = f"call {types[2]} @{name}({pointer}, {f.typed(op.mask)}, {f.typed(op.pass_thru)})"
    f.lines.append(f"  {f.name(op.res)} = {text}")


def _masked_store(f: _FunctionEmitter, op: intrinsics.MaskedStoreOp) -> None:
    types = [type_text(value.type) for value in op.operands]
    name = f"llvm.masked.store.{mangled(op.value.type)}.{mangled(op.data.type)}"
    f.module.declare(name, "void", types)
    pointer = f"{types[1]} align {op.alignment.value.data} {f.names[op.data]}"
    f.lines.append(f"  call void @{name}({f.typed(op.value)}, {pointer}, {f.typed(op.mask)})")


def _memory_transfer(f: _FunctionEmitter, op: intrinsics.MemcpyOp | intrinsics.MemsetOp) -> None:
    kind = op.name.removeprefix("llvm.intr.")
    overloads = [value.type for value in op.operands if isinstance(value.type, LLVMPointerType)]
    name = ".".join((f"llvm.{kind}", *map(mangled, (*overloads, op.len.type))))
    f.module.declare(name, "void", [*(type_text(value.type) for value in op.operands), "i1 immarg"])
    volatile = "true" if op.is_volatile.value.data else "false"
    f.lines.append(f"  call void @{name}({', '.join(f.typed(value) for value in op.operands)}, i1 {volatile})")


def _shuffle(f: _FunctionEmitter, op: llvm.ShuffleVectorOp) -> None:
    indices = cast(tuple[int, ...], op.mask.get_values())
    mask = f"<{', '.join('i32 poison' if index < 0 else f'i32 {index}' for index in indices)}>"
    if not any(indices):
        mask = "zeroinitializer"
    text = f"shufflevector {f.typed(op.v1)}, {f.typed(op.v2)}, <{len(indices)} x i32> {mask}"
    f.lines.append(f"  {f.name(op.res)} = {text}")


def _extract_value(f: _FunctionEmitter, op: llvm.ExtractValueOp) -> None:
    position = ", ".join(map(str, cast(Any, op.position).get_values()))
    text = f"extractvalue {f.typed(op.container)}, {position}"
    f.lines.append(f"  {f.name(op.res)} = {text}")


def _insert_value(f: _FunctionEmitter, op: llvm.InsertValueOp) -> None:
    position = ", ".join(map(str, cast(Any, op.position).get_values()))
    text = f"insertvalue {f.typed(op.container)}, {f.typed(op.value)}, {position}"
    f.lines.append(f"  {f.name(op.res)} = {text}")


def _call_text(f: _FunctionEmitter, op: Operation, callee: str, arguments: Iterable[SSAValue]) -> None:
    operands = ", ".join([f.typed(argument) for argument in arguments])
    if op.results:
        result = op.results[0]
        head = f"call {_flags(op)}{type_text(result.type)}"
        f.lines.append(f"  {f.name(result)} = {head} {callee}({operands})")
    else:
        f.lines.append(f"  call void {callee}({operands})")


def _call(f: _FunctionEmitter, op: llvm.CallOp) -> None:
    if op.callee is None:
        function, *arguments = op.args
        _call_text(f, op, f.names[function], arguments)
    else:
        _call_text(f, op, f"@{_symbol(cast(SymbolRefAttr, op.callee).root_reference.data)}", op.args)


def _intrinsic(f: _FunctionEmitter, op: Operation, name: str, arguments: Iterable[SSAValue]) -> None:
    values = list(arguments)
    result = type_text(op.results[0].type) if op.results else "void"
    f.module.declare(name, result, [type_text(value.type) for value in values])
    _call_text(f, op, f"@{name}", values)


def _call_intrinsic(f: _FunctionEmitter, op: llvm.CallIntrinsicOp) -> None:
    _intrinsic(f, op, op.intrin.data, op.args)


def _upstream_intrinsic(f: _FunctionEmitter, op: Operation) -> None:
    """`llvm.intr.X` of upstream: overloaded on the type of its operands."""
    name = f"llvm.{op.name.removeprefix('llvm.intr.')}.{mangled(op.operands[-1].type)}"
    _intrinsic(f, op, name, op.operands)


def _own_intrinsic(f: _FunctionEmitter, op: IntrinsicOp) -> None:
    _intrinsic(f, op, op.intrinsic_name(), op.operands)


def _branch(f: _FunctionEmitter, op: llvm.BrOp) -> None:
    f.lines.append(f"  br label %{f.labels[op.successor]}")


def _conditional_branch(f: _FunctionEmitter, op: llvm.CondBrOp) -> None:
    labels = f"label %{f.labels[op.then_block]}, label %{f.labels[op.else_block]}"
    f.lines.append(f"  br i1 {f.names[op.cond]}, {labels}")


def _return(f: _FunctionEmitter, op: llvm.ReturnOp) -> None:
    f.lines.append(f"  ret {f.typed(op.operands[0])}" if op.operands else "  ret void")


def _unreachable(f: _FunctionEmitter, op: llvm.UnreachableOp) -> None:  # noqa: ARG001
    f.lines.append("  unreachable")


def _emitter_of_other(op: Operation) -> "Emitter":
    """The emitter of a type of operation that has no entry in the table."""
    if isinstance(op, IntrinsicOp):
        return cast(Emitter, _own_intrinsic)
    raise InternalError(f"emit_llvm: {op.name} has no LLVM form; run convert-to-llvm first")


Emitter = Callable[[_FunctionEmitter, Any], None]

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

_EMITTERS: dict[type[Operation], Emitter] = {
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
    llvm.BrOp: _branch,
    llvm.CondBrOp: _conditional_branch,
    llvm.ReturnOp: _return,
    llvm.UnreachableOp: _unreachable,
}
