"""Short constructors for the scalar bodies of elementwise operations, over `arith`.

While bodies are built, integers have the sign of their tensor: `ui8` picks the unsigned one of two operations. The pass
that lowers takes the signs off at its end, because `arith` has integers without sign only.
"""

from typing import Literal, TypeAlias, cast

from xdsl.dialects import arith
from xdsl.dialects.builtin import IndexType, IntegerAttr, IntegerType, i1, i64
from xdsl.ir import Attribute, Operation, SSAValue

from dialects.builder import OpBuilder
from dialects.dlc.interfaces import is_bool, is_float, is_unsigned

Direction: TypeAlias = Literal["eq", "ne", "lt", "le", "gt", "ge"]

# Ordered, but `ne`: a comparison with NaN is false, and NaN differs from everything.
_FLOAT_PREDICATES: dict[Direction, int] = {"eq": 1, "gt": 2, "ge": 3, "lt": 4, "le": 5, "ne": 13}
_SIGNED_PREDICATES: dict[Direction, int] = {"eq": 0, "ne": 1, "lt": 2, "le": 3, "gt": 4, "ge": 5}
_UNSIGNED_PREDICATES: dict[Direction, int] = {"eq": 0, "ne": 1, "lt": 6, "le": 7, "gt": 8, "ge": 9}


def greater_of(element_type: Attribute) -> type[Operation]:
    """The operation for the greater of two scalars of a type; NaN wins, true is greater than false."""
    if is_float(element_type):
        return arith.MaximumfOp
    if is_bool(element_type):
        return arith.OrIOp
    return arith.MaxUIOp if is_unsigned(element_type) else arith.MaxSIOp


def lesser_of(element_type: Attribute) -> type[Operation]:
    """The operation for the lesser of two scalars of a type; NaN wins, false is less than true."""
    if is_float(element_type):
        return arith.MinimumfOp
    if is_bool(element_type):
        return arith.AndIOp
    return arith.MinUIOp if is_unsigned(element_type) else arith.MinSIOp


def scalar_op(b: OpBuilder, op_type: type[Operation], *operands: SSAValue) -> SSAValue:
    """Append an operation whose result has the type of its first operand."""
    return b.create(op_type, operands, operands[0].type)


def scalar_compare(b: OpBuilder, direction: Direction, x: SSAValue, y: SSAValue) -> SSAValue:
    """Append a comparison; `i1` compares as false < true."""
    if is_float(x.type):
        return b.create(arith.CmpfOp, (x, y), i1, {"predicate": IntegerAttr(_FLOAT_PREDICATES[direction], i64)})
    predicates = _UNSIGNED_PREDICATES if is_bool(x.type) or is_unsigned(x.type) else _SIGNED_PREDICATES
    return b.create(arith.CmpiOp, (x, y), i1, {"predicate": IntegerAttr(predicates[direction], i64)})


def scalar_select(b: OpBuilder, condition: SSAValue, on_true: SSAValue, on_false: SSAValue) -> SSAValue:
    """Append a choice between two scalars."""
    return b.create(arith.SelectOp, (condition, on_true, on_false), on_true.type)


def scalar_index(b: OpBuilder, x: SSAValue) -> SSAValue:
    """An integer of any type as an `index`; what is above the greatest `i64` becomes that."""
    if is_unsigned(x.type):
        if cast(IntegerType, x.type).width.data == 64:
            x = scalar_op(b, arith.MinUIOp, x, b.constant(2**63 - 1, x.type))
            x = b.create(arith.BitcastOp, (x,), i64)
        else:
            x = b.create(arith.ExtUIOp, (x,), i64)
    return b.create(arith.IndexCastOp, (x,), IndexType())


def safe_divisor(b: OpBuilder, divisor: SSAValue) -> SSAValue:
    """`divisor`, with 1 instead of 0 and -1: the integers that division instructions may trap on."""
    one = b.constant(1, divisor.type)
    is_zero = scalar_compare(b, "eq", divisor, b.constant(0, divisor.type))
    if is_unsigned(divisor.type):
        return scalar_select(b, is_zero, one, divisor)
    is_minus_one = scalar_compare(b, "eq", divisor, b.constant(-1, divisor.type))
    return scalar_select(b, scalar_op(b, arith.OrIOp, is_zero, is_minus_one), one, divisor)
