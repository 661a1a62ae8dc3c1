"""When two pieces of IR are the same program: equal structure, whatever their values and locations are called."""

import hashlib
import struct
from collections.abc import Mapping
from enum import Enum
from typing import Any, cast

from xdsl.ir import Attribute, Block, Data, Operation, ParametrizedAttribute, Region, SSAValue
from xdsl.ir.affine import AffineMap, AffineSet

_MOST_KEPT = 1 << 10
"""The most bytes of what an attribute keeps: not all the data of a constant a second time."""


def region_key(region: Region) -> bytes:
    """A key that two regions share exactly if they differ in the names of values and in locations only.

    It is a hash that is the same in every process; one that two programs share by chance will not be seen.
    """
    encoder = _Encoder()
    encoder.region(region)
    return encoder.key()


def operation_key(op: Operation) -> bytes:
    """The same for an operation without operands, such as a module or a function; symbol names count."""
    encoder = _Encoder()
    encoder.operation(op)
    return encoder.key()


class _Encoder:
    """Writes IR as bytes from which it could be read back, values as numbers in order of definition."""

    def __init__(self) -> None:
        self._numbers: dict[SSAValue, int] = {}
        self._parts: list[bytes] = []

    def key(self) -> bytes:
        return hashlib.sha256(b"".join(self._parts)).digest()

    def region(self, region: Region) -> None:
        positions = {block: i for i, block in enumerate(region.blocks)}
        self._parts.append(b"{%d" % len(positions))
        for block in region.blocks:
            self._block(block, positions)

    def _block(self, block: Block, positions: Mapping[Block, int]) -> None:
        self._define(block.args)
        for op in block.ops:
            self.operation(op)
            if op.successors:
                self._parts.append(b"^%b" % _integers(positions[successor] for successor in op.successors))
        self._parts.append(b"}")

    def operation(self, op: Operation) -> None:
        self._parts.append(_text(op.name))
        self._parts.append(_integers(self._numbers[operand] for operand in op.operands))
        for attributes in (op.properties, op.attributes):
            self._parts.append(b"[%d" % len(attributes))
            for name in sorted(attributes):
                self._parts.append(_text(name))
                self._parts.append(_attribute(attributes[name]))
        self._parts.append(b"(%d" % len(op.regions))
        for region in op.regions:
            self.region(region)
        self._define(op.results)

    def _define(self, values: Any) -> None:
        self._parts.append(b"=%d" % len(values))
        for value in values:
            self._numbers[value] = len(self._numbers)
            self._parts.append(_attribute(value.type))


def _text(text: str) -> bytes:
    data = text.encode()
    return b"s%d:%b" % (len(data), data)


def _integers(numbers: Any) -> bytes:
    return b"%b;" % ",".join(map(str, numbers)).encode()


def _attribute(attribute: Attribute) -> bytes:
    """An attribute, which keeps it: of equal ones, each its own, because 0.0 equals -0.0."""
    kept: Any = attribute.__dict__
    found = kept.get("key")
    if found is None:
        found = _encode(attribute)
        if len(found) <= _MOST_KEPT:
            kept["key"] = found
    return found


def _encode(value: Any) -> bytes:
    """An attribute, or what one is made of. Numbers are exact: 0.0 and -0.0 differ, and every NaN equals itself."""
    if isinstance(value, ParametrizedAttribute):
        return b"A%b%b" % (_text(value.name), _sequence(value.parameters))
    if isinstance(value, Data):
        return b"D%b%b" % (_text(value.name), _encode(cast("Data[Any]", value).data))
    if isinstance(value, Enum):
        return b"E%b" % _text(value.name)
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, bytes):
        return b"b%d:%b" % (len(value), value)
    if isinstance(value, float):
        return b"f%b" % struct.pack("<d", value)
    if isinstance(value, int) or value is None:
        return b"i%b;" % repr(value).encode()
    if isinstance(value, AffineMap | AffineSet):
        return _text(str(value))
    if isinstance(value, tuple | list):
        return _sequence(cast("tuple[Any, ...]", value))
    if isinstance(value, set | frozenset):
        return _sequence_of(sorted(map(_encode, cast("frozenset[Any]", value))))
    if isinstance(value, Mapping):
        items = cast("Mapping[str, Any]", value)
        return _sequence([part for name in sorted(items) for part in (name, items[name])])
    raise AssertionError(f"no encoding for {type(value).__name__} in an attribute; add it here")


def _sequence(values: Any) -> bytes:
    return _sequence_of([_encode(value) for value in values])


def _sequence_of(parts: list[bytes]) -> bytes:
    return b"(%d%b" % (len(parts), b"".join(parts))
