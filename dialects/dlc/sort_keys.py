"""The keys that a sort compares: integers without sign, in the order of the elements that they stand for.

Floats keep their bits if they are positive and the others have theirs turned around: their order is that of the numbers then. NaN is all
ones, greater than all numbers. In descending order every bit is the other one.
"""

from collections.abc import Callable, Sequence
from typing import Any, cast

from xdsl.dialects import arith
from xdsl.dialects.builtin import IntegerType, Signedness
from xdsl.ir import Attribute, SSAValue

from dialects.builder import OpBuilder, tensor_type
from dialects.dlc.interfaces import element_type_of, is_float, is_unsigned, shape_of
from dialects.dlc.scalars import scalar_compare, scalar_op, scalar_select
from dialects.structured import PARALLEL, build_empty, build_generic, cast_float, compute_type


def key_type(element_type: Attribute) -> IntegerType:
    """The type of the keys for elements of a type."""
    width = cast(Any, compute_type(element_type) if is_float(element_type) else element_type).bitwidth
    return IntegerType(max(16, width), Signedness.UNSIGNED)


def build_keys(b: OpBuilder, x: SSAValue, is_descending: bool, is_stable: bool) -> SSAValue:
    """Append the keys of a tensor; if `is_stable`, zeros of either sign have the same."""
    element = element_type_of(x)
    key = key_type(element)

    def of_element(inner: OpBuilder, arguments: tuple[SSAValue, ...]) -> Sequence[SSAValue]:
        result = _key_of_float(inner, arguments[0], key, is_stable) if is_float(element) else _key(inner, arguments[0], key)
        return (_turned(inner, result) if is_descending else result,)

    return _elementwise(b, x, key, of_element)


def build_elements(b: OpBuilder, keys: SSAValue, element: Attribute, is_descending: bool) -> SSAValue:
    """Append the elements whose keys are given; of the NaNs, one."""

    def of_key(inner: OpBuilder, arguments: tuple[SSAValue, ...]) -> Sequence[SSAValue]:
        key = _turned(inner, arguments[0]) if is_descending else arguments[0]
        return (_float_of(inner, key, element) if is_float(element) else _integer_of(inner, key, element),)

    return _elementwise(b, keys, element, of_key)


def _elementwise(
    b: OpBuilder,
    x: SSAValue,
    element: Attribute,
    body: Callable[[OpBuilder, tuple[SSAValue, ...]], Sequence[SSAValue]],
) -> SSAValue:
    shape = shape_of(x)
    dims = range(len(shape))
    empty = build_empty(b, tensor_type(element, shape))
    return build_generic(b, (x,), (empty,), (dims, dims), (PARALLEL,) * len(shape), body)[0]


def _key(b: OpBuilder, x: SSAValue, key: IntegerType) -> SSAValue:
    """Of an integer: signed ones are moved up by half of their range."""
    element = cast(IntegerType, x.type)
    has_sign = not (is_unsigned(element) or element.width.data == 1)
    if element.width.data < key.width.data:
        x = b.create(arith.ExtSIOp if has_sign else arith.ExtUIOp, (x,), key)
    elif has_sign:
        x = b.create(arith.BitcastOp, (x,), key)
    return scalar_op(b, arith.XOrIOp, x, _top(b, key)) if has_sign else x


def _integer_of(b: OpBuilder, key: SSAValue, element: Attribute) -> SSAValue:
    width = cast(IntegerType, element).width.data
    has_sign = not (is_unsigned(element) or width == 1)
    x = scalar_op(b, arith.XOrIOp, key, _top(b, cast(IntegerType, key.type))) if has_sign else key
    if x.type == element:
        return x
    narrows = width < cast(IntegerType, key.type).width.data
    return b.create(arith.TruncIOp if narrows else arith.BitcastOp, (x,), element)


def _key_of_float(b: OpBuilder, x: SSAValue, key: IntegerType, is_stable: bool) -> SSAValue:
    x = cast_float(b, x, compute_type(x.type))
    bits = b.create(arith.BitcastOp, (x,), key)
    if is_stable:
        is_zero = scalar_compare(b, "eq", x, b.constant(0.0, x.type))
        bits = scalar_select(b, is_zero, b.constant(0, key), bits)
    ones = b.constant(-1, key)
    is_negative = scalar_compare(b, "ge", bits, _top(b, key))
    ordered = scalar_op(b, arith.XOrIOp, bits, scalar_select(b, is_negative, ones, _top(b, key)))
    return scalar_select(b, scalar_compare(b, "ne", x, x), ones, ordered)


def _float_of(b: OpBuilder, key: SSAValue, element: Attribute) -> SSAValue:
    top = _top(b, cast(IntegerType, key.type))
    was_positive = scalar_compare(b, "ge", key, top)
    bits = scalar_op(b, arith.XOrIOp, key, scalar_select(b, was_positive, top, b.constant(-1, key.type)))
    return cast_float(b, b.create(arith.BitcastOp, (bits,), compute_type(element)), element)


def _turned(b: OpBuilder, key: SSAValue) -> SSAValue:
    return scalar_op(b, arith.XOrIOp, key, b.constant(-1, key.type))


def _top(b: OpBuilder, key: IntegerType) -> SSAValue:
    """The highest bit."""
    return b.constant(-(1 << (key.width.data - 1)), key)
