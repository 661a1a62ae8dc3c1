"""The records that Python and native code share, and LLVM assembly that names their fields.

In the text of native code `%x = get Entry.nodes, %entry` loads a field and `%x = at Entry.nodes, %entry` is its address.
"""

import ctypes
import re
from typing import Any

_HEAD = ("head", ctypes.c_char * object.__basicsize__)

Pointer, Int = ctypes.c_void_p, ctypes.c_int64


class State(ctypes.Structure):
    """The first of the entries of a callable object, and a number that is not zero while Python must answer."""

    _fields_ = (("first", Pointer), ("gate", Pointer))


class Entry(ctypes.Structure):
    """A program for one signature: what the arguments must be, what the results are."""

    _fields_ = (
        ("next", Pointer),
        ("positional_count", Int),
        ("keyword_count", Int),
        ("nodes", Pointer),
        ("node_count", Int),
        ("constants", Pointer),
        ("constant_count", Int),
        ("argument_count", Int),
        ("outputs", Pointer),
        ("output_count", Int),
        ("steps", Pointer),
        ("step_count", Int),
        ("donated", Pointer),
        ("donated_count", Int),
        ("arena_bytes", Int),
        ("program", Pointer),
        ("is_long", Int),
        ("owner", Pointer),
        ("hits", Int),
    )


class Node(ctypes.Structure):
    """A node of the tree of arguments: where it is in its parent, and what it must be."""

    _fields_ = (
        ("fetch", Int),
        ("check", Int),
        ("parent", Int),
        ("where", Int),
        ("type", Pointer),
        ("size", Int),
        ("value", Pointer),
        ("sizes", Pointer),
        ("place", Int),
        ("flags", Int),
        ("bytes", Int),
    )


class Output(ctypes.Structure):
    """An array to allocate, or to make over the memory of the array at a `node` of the arguments that is not 0."""

    _fields_ = (("dtype", Pointer), ("rank", Int), ("sizes", Pointer), ("is_large", Int), ("node", Int))


class Step(ctypes.Structure):
    """One step of building the tree of results on a stack."""

    _fields_ = (("kind", Int), ("count", Int), ("value", Pointer))


class Block(ctypes.Structure):
    """What precedes every block of the memory pool."""

    _fields_ = (
        ("next", Pointer),
        ("previous", Pointer),
        ("capacity", Int),
        ("mapping", Pointer),
        ("mapped_bytes", Int),
        ("stamp", Int),
        ("unused", Int * 2),
    )


class Pool(ctypes.Structure):
    """The free blocks as a ring, the last released first; `held` are their bytes, and `limit` the most that they may be."""

    _fields_ = (("next", Pointer), ("previous", Pointer), ("held", Int), ("limit", Int), ("stamp", Int))


class PyArray(ctypes.Structure):
    """NumPy's array."""

    _fields_ = (
        _HEAD,
        ("data", Pointer),
        ("rank", ctypes.c_int32),
        ("sizes", Pointer),
        ("strides", Pointer),
        ("base", Pointer),
        ("dtype", Pointer),
        ("flags", ctypes.c_int32),
    )


class PySized(ctypes.Structure):
    """A tuple, whose items follow; a list, whose items are pointed to; a dict, which has as many items."""

    _fields_ = (_HEAD, ("count", Int), ("items", Pointer))


class PySlotted(ctypes.Structure):
    """An object of a class with slots: the first of them."""

    _fields_ = (_HEAD, ("first", Pointer))


class PyData(ctypes.Structure):
    """An object of `ctypes`: where its data are."""

    _fields_ = (_HEAD, ("data", Pointer))


_RECORDS: dict[str, Any] = {
    record.__name__: record
    for record in (State, Entry, Node, Output, Step, Block, Pool, PyArray, PySized, PySlotted, PyData)
}
_TYPES: dict[Any, str] = {Pointer: "ptr", Int: "i64", ctypes.c_int32: "i32"}
_ACCESS = re.compile(r"%([\w.]+) = (get|at) (\w+)\.(\w+), (%[\w.]+|@[\w.]+)")
_ITEM = re.compile(r"%([\w.]+) = item (\w+), (%[\w.]+), (%[\w.]+)")


def expand(text: str) -> str:
    """LLVM assembly with loads and addresses in the place of accesses to fields and to items of arrays of records."""

    def access(match: re.Match[str]) -> str:
        result, verb, record, field, base = match.groups()
        described = _RECORDS[record]
        offset = getattr(described, field).offset
        if verb == "at":
            return f"%{result} = getelementptr i8, ptr {base}, i64 {offset}"
        kind = _TYPES[dict(described._fields_)[field]]
        return f"%{result}.address = getelementptr i8, ptr {base}, i64 {offset}\n  %{result} = load {kind}, ptr %{result}.address"

    def item(match: re.Match[str]) -> str:
        result, record, base, index = match.groups()
        return f"%{result} = getelementptr [{ctypes.sizeof(_RECORDS[record])} x i8], ptr {base}, i64 {index}"

    return _ITEM.sub(item, _ACCESS.sub(access, text))
