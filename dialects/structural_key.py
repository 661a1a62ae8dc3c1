"""When two pieces of IR are the same program: equal structure, whatever their values and locations are called."""

import struct
from collections.abc import Hashable, Mapping
from typing import cast

from xdsl.dialects.builtin import AnyFloat, FloatAttr
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue


def region_key(region: Region) -> Hashable:
    """A key that two regions share exactly if they differ in the names of values and in locations only."""
    return _region(region, {})


def operation_key(op: Operation) -> Hashable:
    """The same for an operation without operands, such as a module or a function; symbol names count."""
    return _operation(op, {})


def _region(region: Region, numbers: dict[SSAValue, int]) -> Hashable:
    positions = {block: i for i, block in enumerate(region.blocks)}
    return tuple(_block(block, numbers, positions) for block in region.blocks)


def _block(block: Block, numbers: dict[SSAValue, int], positions: Mapping[Block, int]) -> Hashable:
    for argument in block.args:
        numbers[argument] = len(numbers)
    key: list[Hashable] = [tuple(argument.type for argument in block.args)]
    key.extend(
        (_operation(op, numbers), tuple(positions[successor] for successor in op.successors)) for op in block.ops
    )
    return tuple(key)


def _operation(op: Operation, numbers: dict[SSAValue, int]) -> Hashable:
    operands = tuple(numbers[operand] for operand in op.operands)
    regions = tuple(_region(region, numbers) for region in op.regions)
    for result in op.results:
        numbers[result] = len(numbers)
    return (
        op.name,
        operands,
        tuple(result.type for result in op.results),
        _attributes(op.properties),
        _attributes(op.attributes),
        regions,
    )


def _attributes(attributes: Mapping[str, Attribute]) -> Hashable:
    return tuple((name, _exact(attributes[name])) for name in sorted(attributes))


def _exact(attribute: Attribute) -> Hashable:
    """A key that keeps 0.0 and -0.0 apart, which are equal as attributes, and lets NaN equal itself."""
    if isinstance(attribute, FloatAttr):
        number = cast(FloatAttr[AnyFloat], attribute)
        return struct.pack("<d", number.value.data), number.type
    return attribute
