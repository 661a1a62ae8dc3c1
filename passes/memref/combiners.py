"""The operations that reductions combine elements with, and their neutral elements."""

from collections.abc import Callable
from typing import NamedTuple, cast

from xdsl.dialects import arith
from xdsl.dialects.builtin import (
    IntegerType,
)
from xdsl.ir import Attribute, Operation, SSAValue

INFINITY = float("inf")


class Combiner(NamedTuple):
    """An associative and commutative operation that reductions use."""

    vector_kind: str
    neutral: Callable[[Attribute], int | float]


def _always(number: float) -> Callable[[Attribute], int | float]:
    def neutral(_: Attribute) -> int | float:
        return number

    return neutral


def _smallest(element_type: Attribute) -> int:
    return -(1 << (cast(IntegerType, element_type).width.data - 1))


def _largest(element_type: Attribute) -> int:
    return (1 << (cast(IntegerType, element_type).width.data - 1)) - 1


COMBINERS: dict[type[Operation], Combiner] = {
    arith.AddfOp: Combiner("add", _always(0.0)),
    arith.AddiOp: Combiner("add", _always(0)),
    arith.MulfOp: Combiner("mul", _always(1.0)),
    arith.MuliOp: Combiner("mul", _always(1)),
    arith.MaximumfOp: Combiner("maximumf", _always(-INFINITY)),
    arith.MinimumfOp: Combiner("minimumf", _always(INFINITY)),
    arith.MaxSIOp: Combiner("maxsi", _smallest),
    arith.MinSIOp: Combiner("minsi", _largest),
    arith.MaxUIOp: Combiner("maxui", _always(0)),
    arith.MinUIOp: Combiner("minui", _always(-1)),
    arith.AndIOp: Combiner("and", _always(-1)),
    arith.OrIOp: Combiner("or", _always(0)),
    arith.XOrIOp: Combiner("xor", _always(0)),
}


def find_combiner(argument: SSAValue, value: SSAValue) -> Operation | None:
    """The operation `value = op(argument, x)`, if it may be reordered and nothing else sees partial results."""
    op = value.owner
    if not isinstance(op, Operation) or type(op) not in COMBINERS:
        return None
    if not argument.has_one_use() or not value.has_one_use():
        return None
    return op if argument in op.operands else None
