"""The keys that a sort compares: integers without sign, in the order of the elements that they stand for.

Floats keep their bits if they are positive and the others have theirs turned around: their order is that of the numbers then. NaN is all
ones, greater than all numbers. In descending order every bit is the other one. With positions in their lower bits, no two keys are equal, and
equal elements keep their order; keys of 64 bits have the positions in a column beside them. Rows are as long as whole vectors, with keys of
nothing but ones at the end.
"""

from collections.abc import Sequence
from typing import Any, cast

from xdsl.dialects import arith
from xdsl.dialects.builtin import IntegerType, Signedness, i64
from xdsl.ir import Attribute, SSAValue

from dialects.builder import OpBuilder, tensor_type
from dialects.dlc.interfaces import element_type_of, is_float, is_unsigned, shape_of
from dialects.dlc.scalars import scalar_compare, scalar_op, scalar_select
from dialects.structured import (
    PARALLEL,
    Body,
    build_empty,
    build_fill,
    build_generic,
    build_insertion,
    build_loop_index,
    cast_float,
    compute_type,
)

GROUP_BITS = 2 * 512
"""The bits of as many vectors as are sorted in registers together."""
MOST_PARTS, LEAST_PART = 16, 1 << 13
"""How many parts one row has that threads share, of which each has a vector in registers where they are merged; and the size of the smallest."""


def key_type(element_type: Attribute) -> IntegerType:
    """The type of the keys for elements of a type."""
    width = cast(Any, compute_type(element_type) if is_float(element_type) else element_type).bitwidth
    return _unsigned(max(16, width))


def build_keys(b: OpBuilder, rows: SSAValue, is_descending: bool, with_positions: bool) -> list[SSAValue]:
    """Append the columns to sort for a tensor `[rows, size]`."""
    element, (count, size) = element_type_of(rows), shape_of(rows)
    key = key_type(element)
    column_type, shift = _column_type(key, size) if with_positions else (key, 0)

    def key_of(inner: OpBuilder, x: SSAValue) -> SSAValue:
        result = _key_of_float(inner, x, key, with_positions) if is_float(element) else _key(inner, x, key)
        return _turned(inner, result) if is_descending else result

    def of_element(inner: OpBuilder, arguments: tuple[SSAValue, ...]) -> Sequence[SSAValue]:
        result = key_of(inner, arguments[0])
        if not shift:
            return (result,)
        result = scalar_op(
            inner, arith.ShLIOp, inner.create(arith.ExtUIOp, (result,), column_type), inner.constant(shift, column_type)
        )
        return (scalar_op(inner, arith.OrIOp, result, _position(inner, column_type)),)

    columns = [_padded(b, (rows,), column_type, (count, size), of_element)]
    if with_positions and not shift:
        columns.append(_padded(b, (), column_type, (count, size), lambda inner, _: (_position(inner, column_type),)))
    return columns


def build_elements(b: OpBuilder, keys: SSAValue, size: int, element: Attribute, is_descending: bool) -> SSAValue:
    """Append the elements `[rows, size]` whose keys are given; of the NaNs, one."""

    def of_key(inner: OpBuilder, arguments: tuple[SSAValue, ...]) -> Sequence[SSAValue]:
        key = _turned(inner, arguments[0]) if is_descending else arguments[0]
        return (_float_of(inner, key, element) if is_float(element) else _integer_of(inner, key, element),)

    return _elementwise(b, (keys,), element, (shape_of(keys)[0], size), of_key)


def build_positions(b: OpBuilder, column: SSAValue, size: int, element: Attribute) -> SSAValue:
    """Append the positions `[rows, size]`, i64, in the last of the sorted columns for keys of an element type."""
    column_type, shift = _column_type(key_type(element), size)

    def of_number(inner: OpBuilder, arguments: tuple[SSAValue, ...]) -> Sequence[SSAValue]:
        number = arguments[0]
        if shift:
            number = scalar_op(inner, arith.AndIOp, number, inner.constant((1 << shift) - 1, column_type))
        is_narrow = column_type.width.data < 64
        return (inner.create(arith.ExtUIOp if is_narrow else arith.BitcastOp, (number,), i64),)

    return _elementwise(b, (column,), i64, (shape_of(column)[0], size), of_number)


def _unsigned(width: int) -> IntegerType:
    return IntegerType(width, Signedness.UNSIGNED)


def _column_type(key: IntegerType, size: int) -> tuple[IntegerType, int]:
    """The type of keys with positions, and by how many bits they are moved up for these; 0: positions are a column beside them."""
    width = key.width.data
    if width == 16 and size <= 1 << 16:
        return _unsigned(32), 16
    return _unsigned(64), 32 if width < 64 and size < 1 << 32 else 0


def _position(b: OpBuilder, column_type: IntegerType) -> SSAValue:
    """The place of the element in its row."""
    index = build_loop_index(b, 1)
    signed = b.create(arith.IndexCastOp, (index,), IntegerType(column_type.width.data))
    return b.create(arith.BitcastOp, (signed,), column_type)


def _padded(
    b: OpBuilder, inputs: Sequence[SSAValue], column_type: IntegerType, shape: tuple[int, int], body: Body
) -> SSAValue:
    """Append a column with rows of whole groups of vectors, or of a power of two elements if these are fewer; one long row has whole parts."""
    count, size = shape
    part = part_size(size)
    unit = part if count == 1 and size > part else GROUP_BITS // column_type.width.data
    whole = -(-size // unit) * unit if size > unit else 1 << (size - 1).bit_length()
    if whole == size:
        return _elementwise(b, inputs, column_type, shape, body)
    ones = build_fill(b, b.constant(-1, column_type), tensor_type(column_type, (count, whole)))
    return build_insertion(b, _elementwise(b, inputs, column_type, shape, body), ones, (0, 0), (1, 1))


def part_size(size: int) -> int:
    """The size of the parts, a power of two, in which a single row is sorted: at most `MOST_PARTS`, of at least `LEAST_PART` elements."""
    return max(LEAST_PART, 1 << (-(-size // MOST_PARTS) - 1).bit_length())


def _elementwise(
    b: OpBuilder, inputs: Sequence[SSAValue], element: Attribute, shape: tuple[int, ...], body: Body
) -> SSAValue:
    dims = range(len(shape))
    empty = build_empty(b, tensor_type(element, shape))
    return build_generic(b, inputs, (empty,), [dims] * (len(inputs) + 1), (PARALLEL,) * len(shape), body)[0]


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


def _key_of_float(b: OpBuilder, x: SSAValue, key: IntegerType, has_equal_zeros: bool) -> SSAValue:
    x = cast_float(b, x, compute_type(x.type))
    bits = b.create(arith.BitcastOp, (x,), key)
    if has_equal_zeros:
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
