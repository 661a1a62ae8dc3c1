"""LLVM assembly of types, constants and symbols."""

import struct
from functools import lru_cache
from typing import Any, cast

from xdsl.dialects.builtin import (
    BFloat16Type,
    DenseIntOrFPElementsAttr,
    Float16Type,
    Float32Type,
    Float64Type,
    FloatAttr,
    IntAttr,
    IntegerAttr,
    IntegerType,
    VectorType,
)
from xdsl.dialects.llvm import LLVMArrayType, LLVMFunctionType, LLVMPointerType, LLVMStructType, LLVMVoidType
from xdsl.ir import Attribute

from dialects.errors import InternalError


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
            vector = cast("VectorType[Any]", value_type)
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


def constant_text(value: Attribute, value_type: Attribute) -> str:
    """A constant without its type."""
    # Only dense values are memoised: as keys of a cache, 0.0 and -0.0 are the same.
    if isinstance(value, FloatAttr):
        return _float_text(cast("FloatAttr[Any]", value).value.data, value_type)
    if isinstance(value, IntegerAttr):
        number = cast("IntegerAttr[Any]", value).value.data
        return _integer_text(number, value_type)
    if not isinstance(value, DenseIntOrFPElementsAttr):
        raise InternalError(f"emit_llvm: constant {value} has no LLVM form")
    return _dense_text(cast("DenseIntOrFPElementsAttr[Any]", value), cast("VectorType[Any]", value_type))


@lru_cache(maxsize=4096)
def _dense_text(dense: DenseIntOrFPElementsAttr[Any], value_type: VectorType[Any]) -> str:
    element = cast(Attribute, value_type.element_type)
    is_integer = type_text(element).startswith("i")
    texts = [_integer_text(n, element) if is_integer else _float_text(n, element) for n in dense.get_values()]
    head = type_text(element)
    if len(texts) > 1 and all(text == texts[0] for text in texts):
        return f"splat ({head} {texts[0]})"
    return f"<{', '.join(f'{head} {text}' for text in texts)}>"


def _integer_text(number: int, value_type: Attribute) -> str:
    return str(number & 1) if type_text(value_type) == "i1" else str(number)


def _float_text(number: float, value_type: Attribute) -> str:
    """Hexadecimal digits, so that no digit is lost: of a double for `float` and `double`."""
    kind = type(value_type)  # `isinstance` is slow for what it is not
    if kind is Float16Type:
        return f"0xH{struct.unpack('<H', struct.pack('<e', number))[0]:04X}"
    if kind is BFloat16Type:
        return f"0xR{struct.unpack('<I', struct.pack('<f', number))[0] >> 16:04X}"
    if kind is Float32Type:
        number = struct.unpack("<f", struct.pack("<f", number))[0]
    return f"0x{struct.unpack('<Q', struct.pack('<d', number))[0]:016X}"


def symbol_text(name: str) -> str:
    """A symbol, quoted if it needs to be."""
    return name if name.replace(".", "_").replace("$", "_").isidentifier() and name.isascii() else f'"{name}"'
