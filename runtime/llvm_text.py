"""The `llvm` dialect as LLVM assembly text.

`emit_llvm` walks each function once. Values get numbers in the order of the text, constants are written where they are
used, block arguments become phis.
"""

from collections.abc import Iterable
from typing import Any, cast

from xdsl.dialects import llvm
from xdsl.dialects.builtin import (
    ArrayAttr,
    DenseArrayBase,
    DenseIntOrFPElementsAttr,
    DictionaryAttr,
    IntegerAttr,
    ModuleOp,
    StringAttr,
    UnitAttr,
)
from xdsl.ir import Attribute, Operation

from dialects.errors import InternalError
from runtime.llvm_function_text import FunctionText, ModuleText
from runtime.llvm_instructions import EMITTERS, emitter_of
from runtime.llvm_values import constant_text, symbol_text, type_text


def emit_llvm(module: ModuleOp, *, triple: str = "", data_layout: str = "") -> str:
    """The text of `module`, which holds only `llvm` operations; raise `InternalError` on any other."""
    return emit_operations(module.body.block.ops, triple=triple, data_layout=data_layout)


def emit_operations(operations: Iterable[Operation], *, triple: str = "", data_layout: str = "") -> str:
    """The text of a module with the functions and globals `operations`; raise `InternalError` on anything else."""
    text = ModuleText()
    if data_layout:
        text.lines.append(f'target datalayout = "{data_layout}"')
    if triple:
        text.lines.append(f'target triple = "{triple}"')
    for op in operations:
        if isinstance(op, llvm.FuncOp):
            _emit_function(text, op)
        elif isinstance(op, llvm.GlobalOp):
            text.lines.append(_global_text(op))
        else:
            raise InternalError(f"emit_llvm: {op.name} at the top of the module; run convert-to-llvm first")
    return text.finish()


def _emit_function(text: ModuleText, op: llvm.FuncOp) -> None:
    """Append a function, or a declaration if it has no body."""
    if not op.body.blocks:
        text.lines.append(f"declare {_signature(op, None)}")
        return
    f = FunctionText(text)
    entry = op.body.blocks[0]
    for argument in entry.args:
        f.name(argument)
    text.lines.append(f"define {_signature(op, [f.names[argument] for argument in entry.args])} {{")
    for index, block in enumerate(op.body.blocks):
        f.labels[block] = f"b{index}"
    for block in op.body.blocks:
        f.open_block(block, is_entry=block is entry)
        instruction = block.first_op
        while instruction is not None:
            emitter = EMITTERS.get(type(instruction)) or emitter_of(instruction)
            emitter(f, instruction)
            instruction = instruction.next_op
    f.fill_phis()
    text.lines.append("}")


def _global_text(op: llvm.GlobalOp) -> str:
    """A global; its value as raw bytes, because a list of numbers costs LLVM ten times as long to read."""
    alignment = f", align {op.alignment.value.data}" if op.alignment is not None else ""
    space = f"addrspace({op.addr_space.value.data}) " if op.addr_space.value.data else ""
    kind = "constant" if op.constant is not None else "global"
    name = f"@{symbol_text(op.sym_name.data)} = {op.linkage.linkage.data} {space}{kind}"
    value: Attribute | None = op.value
    if isinstance(value, DenseIntOrFPElementsAttr):
        data = cast(DenseIntOrFPElementsAttr[Any], value).data.data
        if any(data):
            return f'{name} [{len(data)} x i8] c"\\{data.hex(chr(92))}"{alignment}'
    elif isinstance(value, StringAttr):
        return f'{name} {type_text(op.global_type)} c"{_escaped(value.data.encode())}"{alignment}'
    elif value is not None:
        return f"{name} {type_text(op.global_type)} {constant_text(value, op.global_type)}{alignment}"
    if op.linkage.linkage.data == "external" and value is None:
        return f"{name} {type_text(op.global_type)}{alignment}"
    # Memory of a GPU block cannot be initialised.
    initial = "undef" if op.addr_space.value.data and value is None else "zeroinitializer"
    return f"{name} {type_text(op.global_type)} {initial}{alignment}"


def _escaped(data: bytes) -> str:
    return "".join(chr(b) if 32 <= b < 127 and b not in (34, 92) else f"\\{b:02X}" for b in data)


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
        f"@{symbol_text(op.sym_name.data)}({', '.join(arguments)})",
        *_function_attributes(extra),
    ]
    return " ".join(word for word in words if word)


_FUNCTION_FLAGS = {
    "no_unwind": "nounwind",
    "no_inline": "noinline",
    "always_inline": "alwaysinline",
    "optimize_none": "optnone",
}


def _function_attributes(extra: dict[str, Attribute]) -> list[str]:
    """`no_unwind` and its like, the threads of a GPU block, and what `passthrough` lists: `"name"` or `["key", "value"]`."""
    words = [word for name, word in _FUNCTION_FLAGS.items() if name in extra]
    threads = extra.get("nvvm.maxntid")
    if isinstance(threads, DenseArrayBase):
        sizes = cast(DenseArrayBase[Any], threads).get_values()
        words.append(f'"nvvm.maxntid"="{",".join(map(str, sizes))}"')
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
