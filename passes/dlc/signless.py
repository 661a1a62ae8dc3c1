"""Taking the signs off integer types: below `dlc` an integer has bits, and operations say how to read them."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, cast

from xdsl.dialects.builtin import DenseIntOrFPElementsAttr, FunctionType, IntegerAttr, IntegerType, TensorType
from xdsl.dialects.func import FuncOp
from xdsl.ir import Attribute, Region, SSAValue

from dialects.builder import constant_attribute, tensor_type
from dialects.dlc.interfaces import is_unsigned
from dialects.rt import keep_array_types


def remove_signs(function: FuncOp) -> None:
    """Replace `ui8` by `i8`, and so on, in every type and constant of `function`.

    `rt.array_types` keeps the type of a public function that had such types.
    """
    for value in _values(function.body):
        value_type: Attribute = value.type
        plain = signless(value_type)
        if plain is not value_type:
            cast(Any, value)._type = plain
    for op in function.body.walk():
        value = op.properties.get("value")
        if value is not None:
            op.properties["value"] = _signless_constant(value)
    old = function.function_type
    new = FunctionType.from_lists([signless(t) for t in old.inputs], [signless(t) for t in old.outputs])
    if new != old:
        function.properties["function_type"] = new
        keep_array_types(function, old)


def _values(region: Region) -> Iterator[SSAValue]:
    for block in region.blocks:
        yield from block.args
        for op in block.ops:
            yield from op.results
            for inner in op.regions:
                yield from _values(inner)


@lru_cache(maxsize=4096)
def signless(value_type: Attribute) -> Attribute:
    """The type with integers that have no sign."""
    if isinstance(value_type, TensorType):
        tensor = cast(TensorType[Attribute], value_type)
        return tensor_type(signless(tensor.element_type), tensor.get_shape())
    return IntegerType(cast(IntegerType, value_type).width.data) if is_unsigned(value_type) else value_type


def _signless_constant(value: Attribute) -> Attribute:
    """The constant with the same bits of a type without sign."""
    if isinstance(value, DenseIntOrFPElementsAttr):
        dense = cast(DenseIntOrFPElementsAttr[Any], value)
        dense_type = cast(Attribute, dense.type)
        plain = signless(dense_type)
        return dense if plain == dense_type else DenseIntOrFPElementsAttr(cast(Any, plain), dense.data)
    if isinstance(value, IntegerAttr):
        integer = cast(IntegerAttr[Any], value)
        return constant_attribute(integer.value.data, signless(integer.type)) if is_unsigned(integer.type) else integer
    return value
