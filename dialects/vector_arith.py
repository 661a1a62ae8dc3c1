"""`arith` on vectors: comparisons, `select` and casts whose operands are vectors verify, parse and print as in MLIR.

xDSL 0.74 defines `arith.addf` and its like on vectors, but gives comparisons a scalar `i1` result and casts scalar
types only. `allow_vectors_in_arith` widens the definitions of those operations in place; their classes stay the same,
so passes that dispatch on the class notice nothing. An operand or result may be a vector of what was allowed, the
vectors of a cast or comparison have one shape, and `arith.select` takes a scalar or a vector condition:
`arith.select %c, %a, %b : vector<8xi1>, vector<8xf32>`.
"""

from functools import cache
from typing import Any, ClassVar, cast

from xdsl.dialects import arith
from xdsl.dialects.builtin import IndexType, IntegerType, VectorType, i1
from xdsl.ir import Attribute, Operation
from xdsl.irdl import IRDLOperation, VerificationContext
from xdsl.irdl.constraints import AttrConstraint, RangeOf
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.utils.exceptions import VerifyException

_CASTS = (
    arith.SIToFPOp,
    arith.UIToFPOp,
    arith.FPToSIOp,
    arith.FPToUIOp,
    arith.TruncIOp,
    arith.ExtSIOp,
    arith.ExtUIOp,
    arith.IndexCastOp,
)
_COMPARISONS = (arith.CmpiOp, arith.CmpfOp)
_NARROWS = {arith.TruncIOp: True, arith.ExtSIOp: False, arith.ExtUIOp: False}


class _ScalarOrVector(AttrConstraint[Attribute]):
    """What `scalar` accepts, or a vector of it."""

    scalar: ClassVar[Any]

    def __init__(self, scalar: Any):
        object.__setattr__(self, "scalar", scalar)

    def verify(self, attr: Attribute, constraint_context: VerificationContext) -> None:
        self.scalar.verify((_element(attr),), constraint_context)

    def mapping_type_vars(self, type_var_mapping: Any) -> "_ScalarOrVector":
        del type_var_mapping
        return self


def _element(attribute: Attribute) -> Attribute:
    return cast(VectorType[Any], attribute).element_type if isinstance(attribute, VectorType) else attribute


def _shape(attribute: Attribute) -> tuple[int, ...] | None:
    return cast(VectorType[Any], attribute).get_shape() if isinstance(attribute, VectorType) else None


def _like(attribute: Attribute, element: Attribute) -> Attribute:
    """`element`, or a vector of it with the shape of `attribute`."""
    shape = _shape(attribute)
    return element if shape is None else VectorType(element, list(shape))


def _widen(op_type: type[IRDLOperation]) -> None:
    definition = op_type.get_irdl_definition()
    for _, operand in definition.operands:
        operand.constr = RangeOf(_ScalarOrVector(operand.constr)).of_length(1)
    for _, result in definition.results:
        result.constr = RangeOf(_ScalarOrVector(result.constr)).of_length(1)


def _verify_cast(op: Operation) -> None:
    cast(Any, type(op)).get_irdl_definition().verify(op)
    source, target = op.operands[0].type, op.results[0].type
    if _shape(source) != _shape(target):
        raise VerifyException(f"{op.name}: casts {source} to {target}, expected types of one shape")
    narrows = _NARROWS.get(cast(Any, type(op)))
    if narrows is not None:
        before, after = cast(IntegerType, _element(source)), cast(IntegerType, _element(target))
        if (after.width.data < before.width.data) != narrows or after == before:
            raise VerifyException(
                f"{op.name}: casts {source} to {target}, which is not {'narrower' if narrows else 'wider'}"
            )
    if isinstance(op, arith.IndexCastOp) and isinstance(_element(source), IndexType) == isinstance(
        _element(target), IndexType
    ):
        raise VerifyException(f"{op.name}: casts {source} to {target}, expected exactly one type of index")


def _verify_comparison(op: Operation) -> None:
    cast(Any, type(op)).get_irdl_definition().verify(op)
    expected = _like(op.operands[0].type, i1)
    if op.operands[1].type != op.operands[0].type or op.results[0].type != expected:
        raise VerifyException(
            f"{op.name}: compares {op.operands[0].type} with {op.operands[1].type} to {op.results[0].type}, expected {expected}"
        )


def _verify_select(op: arith.SelectOp) -> None:
    arith.SelectOp.get_irdl_definition().verify(op)
    shape = _shape(op.cond.type)
    if shape is not None and shape != _shape(op.result.type):
        raise VerifyException(
            f"arith.select: the condition has type {op.cond.type}, expected the shape of {op.result.type}"
        )


def _parse_select(cls: type[arith.SelectOp], parser: Parser) -> arith.SelectOp:
    operands = [parser.parse_unresolved_operand()]
    for _ in range(2):
        parser.parse_punctuation(",")
        operands.append(parser.parse_unresolved_operand())
    attributes = parser.parse_optional_attr_dict()
    parser.parse_punctuation(":")
    types = [parser.parse_type()]
    if parser.parse_optional_punctuation(","):
        types.append(parser.parse_type())
    condition = types[0] if len(types) == 2 else i1
    resolved = parser.resolve_operands(operands, [condition, types[-1], types[-1]], parser.pos)
    return cls.create(operands=resolved, result_types=[types[-1]], attributes=attributes)


def _print_select(op: arith.SelectOp, printer: Printer) -> None:
    printer.print_string(" ")
    printer.print_list(op.operands, printer.print_ssa_value)
    printer.print_op_attributes(op.attributes)
    printer.print_string(" : ")
    if _shape(op.cond.type) is not None:
        printer.print_attribute(op.cond.type)
        printer.print_string(", ")
    printer.print_attribute(op.result.type)


def _vector_comparison(parse: Any) -> Any:
    """`parse` of a comparison, with the result type that its operands call for."""

    def parse_comparison(cls: type[IRDLOperation], parser: Parser) -> IRDLOperation:
        op: IRDLOperation = parse.__func__(cls, parser)
        if _shape(op.operands[0].type) is None:
            return op
        operands = tuple(op.operands)
        op.drop_all_references()
        return cls.create(operands=operands, result_types=[_like(operands[0].type, i1)], properties=op.properties)

    return classmethod(parse_comparison)


@cache
def allow_vectors_in_arith() -> None:
    """Widen the definitions, once; `dialects.builder` calls it, so it holds wherever IR is built."""
    for op_type in _CASTS:
        _widen(op_type)
        cast(Any, op_type).verify_ = _verify_cast
    for op_type in _COMPARISONS:
        cast(Any, op_type).parse = _vector_comparison(op_type.parse)
        _widen(op_type)
        cast(Any, op_type).verify_ = _verify_comparison
    select = cast(Any, arith.SelectOp)
    _widen(arith.SelectOp)
    select.verify_ = _verify_select
    select.parse = classmethod(_parse_select)
    select.print = _print_select
