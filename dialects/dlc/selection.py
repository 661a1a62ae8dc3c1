"""Comparing and choosing: `dlc.compare`, `dlc.select`, `dlc.clamp`."""

from collections.abc import Sequence
from typing import ClassVar, Self, cast, get_args

import numpy as np
from xdsl.dialects.builtin import StringAttr, TensorType
from xdsl.ir import SSAValue
from xdsl.irdl import VarConstraint, base, irdl_op_definition, operand_def, prop_def, result_def
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.utils.exceptions import VerifyException

from dialects.builder import OpBuilder
from dialects.dlc.broadcast import broadcast_scalar
from dialects.dlc.constants import full, splat_value, zeros
from dialects.dlc.elementwise import ElementwiseOp, expect_kind, expect_same_type, mask_type
from dialects.dlc.interfaces import (
    AnyTensor,
    Array,
    Properties,
    computed,
    dtype_of,
    element_type_of,
    expect_order,
    is_bool,
    is_float,
)
from dialects.dlc.scalars import Direction, greater_of, lesser_of, scalar_compare, scalar_op, scalar_select

DIRECTIONS: tuple[Direction, ...] = get_args(Direction)

_COMPARISONS: dict[str, np.ufunc] = {
    "eq": np.equal,
    "ne": np.not_equal,
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
}


@irdl_op_definition
class CompareOp(ElementwiseOp):
    """`result[i] = lhs[i] <direction> rhs[i]`, of type `i1`.

    `direction` is one of eq, ne, lt, le, gt, ge. False is less than true; with NaN only `ne` is
    true.
    """

    name = "dlc.compare"

    T: ClassVar = VarConstraint("T", base(TensorType))

    lhs = operand_def(T)
    rhs = operand_def(T)
    direction = prop_def(StringAttr)

    NO_DERIVATIVE: ClassVar[str] = "a comparison is constant but for jumps"

    @classmethod
    def infer_type(cls, operand_types: Sequence[AnyTensor], properties: Properties) -> AnyTensor:
        """The operands' shape, of `i1`."""
        lhs, rhs = operand_types
        direction = cast(StringAttr, properties["direction"]).data
        if direction not in DIRECTIONS:
            raise VerifyException(f"{cls.name}: unknown direction {direction!r}; use one of {', '.join(DIRECTIONS)}")
        expect_same_type(cls.name, 1, rhs, lhs)
        dtype_of(lhs)
        if direction not in {"eq", "ne"}:
            expect_order(cls.name, lhs)
        return mask_type(lhs)

    def evaluate(self, operands: Sequence[Array]) -> Array:
        """NumPy's comparison of that name."""
        return np.asarray(_COMPARISONS[self.direction.data](*map(computed, operands)))

    def scalar(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue:
        """`arith.cmpf` or `arith.cmpi`."""
        return scalar_compare(b, cast(Direction, self.direction.data), *operands)

    def simplify(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue | None:
        """For integers, `x <direction> x` is a constant."""
        x, y = operands
        if x is y and not is_float(element_type_of(x)):
            return full(b, self.direction.data in {"eq", "le", "ge"}, self.result.type)
        return None

    def print(self, printer: Printer) -> None:
        """Print as `dlc.compare lt %a, %b : tensor<4xf32>`."""
        printer.print_string(f" {self.direction.data} ")
        printer.print_operand(self.lhs)
        printer.print_string(", ")
        printer.print_operand(self.rhs)
        printer.print_op_attributes(self.attributes)
        printer.print_string(" : ")
        printer.print_attribute(self.lhs.type)

    @classmethod
    def parse(cls, parser: Parser) -> Self:
        """Parse what `print` prints."""
        direction = parser.parse_identifier("a direction: " + ", ".join(DIRECTIONS))
        lhs = parser.parse_unresolved_operand()
        parser.parse_punctuation(",")
        rhs = parser.parse_unresolved_operand()
        attributes = parser.parse_optional_attr_dict()
        parser.parse_punctuation(":")
        position = parser.pos
        parsed_type = parser.parse_type()
        if not isinstance(parsed_type, TensorType):
            parser.raise_error(f"{cls.name}: expected operands of tensor type, got {parsed_type}", position)
        operand_type = cast(AnyTensor, parsed_type)
        return cls.create(
            operands=parser.resolve_operands((lhs, rhs), (operand_type, operand_type), position),
            result_types=[mask_type(operand_type)],
            properties={"direction": StringAttr(direction)},
            attributes=attributes,
        )


@irdl_op_definition
class SelectOp(ElementwiseOp):
    """`result[i] = on_true[i] if pred[i] else on_false[i]`; `pred` has the same shape or is 0-d."""

    name = "dlc.select"

    T: ClassVar = VarConstraint("T", base(TensorType))

    pred = operand_def(TensorType)
    on_true = operand_def(T)
    on_false = operand_def(T)
    result = result_def(T)

    assembly_format = "$pred `,` $on_true `,` $on_false attr-dict `:` type($pred) `,` type($on_true)"

    UFUNC: ClassVar = np.where

    @classmethod
    def infer_type(cls, operand_types: Sequence[AnyTensor], properties: Properties) -> AnyTensor:
        """The common type of the two alternatives."""
        del properties
        pred, on_true, on_false = operand_types
        if not is_bool(pred.element_type):
            raise VerifyException(f"{cls.name}: operand 0 has type {pred}, expected elements of i1; use dlc.compare")
        dtype_of(on_true)
        if on_false != on_true:
            raise VerifyException(
                f"{cls.name}: operand 2 has type {on_false}, expected {on_true} as operand 1; use dlc.broadcast_in_dim "
                "or dlc.convert to align the types"
            )
        _expect_scalar_or(cls.name, 0, pred, mask_type(on_true))
        return on_true

    def jvp(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> SSAValue | None:
        """`d select(p, x, y) = select(p, dx, dy)`."""
        _, dx, dy = tangents
        if dx is None and dy is None:
            return None
        nothing = zeros(b, self.result.type) if dx is None or dy is None else None
        return select(b, self.pred, cast(SSAValue, dx or nothing), cast(SSAValue, dy or nothing))

    def transpose(self, b: OpBuilder, cotangent: SSAValue, linear: Sequence[bool]) -> Sequence[SSAValue | None]:
        """The alternative that was taken gets the cotangent."""
        nothing = zeros(b, self.result.type)
        return (
            None,
            select(b, self.pred, cotangent, nothing) if linear[1] else None,
            select(b, self.pred, nothing, cotangent) if linear[2] else None,
        )

    def scalar(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue:
        """`arith.select`."""
        return scalar_select(b, *operands)

    def simplify(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue | None:
        """`select(true, x, y)` = `x`; `select(p, x, x)` = `x`; `select(p, true, false)` = `p`."""
        del b
        pred, x, y = operands
        if x is y:
            return x
        if (number := splat_value(pred)) is not None:
            return x if number else y
        if pred.type == self.result.type and splat_value(x) is True and splat_value(y) is False:
            return pred
        return None


def _clip(low: Array, x: Array, high: Array) -> Array:
    return np.minimum(np.maximum(x, low), high)


@irdl_op_definition
class ClampOp(ElementwiseOp):
    """`result[i] = min(max(x[i], low[i]), high[i])`; `low` and `high` have the same shape or are 0-d.

    NaN in any of the three gives NaN.
    """

    name = "dlc.clamp"

    T: ClassVar = VarConstraint("T", base(TensorType))

    low = operand_def(TensorType)
    x = operand_def(T)
    high = operand_def(TensorType)
    result = result_def(T)

    assembly_format = "$low `,` $x `,` $high attr-dict `:` type($low) `,` type($x) `,` type($high)"

    UFUNC: ClassVar = _clip

    @classmethod
    def infer_type(cls, operand_types: Sequence[AnyTensor], properties: Properties) -> AnyTensor:
        """The type of `x`."""
        del properties
        low, x, high = operand_types
        expect_kind(cls.name, 1, x, "float or int")
        _expect_scalar_or(cls.name, 0, low, x)
        _expect_scalar_or(cls.name, 2, high, x)
        return x

    def jvp(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> SSAValue | None:
        """`dlow`, `dx` or `dhigh`, whichever of the three the result is; zero where `x` equals a bound."""
        dlow, dx, dhigh = tangents
        low, high = broadcast_scalar(b, self.low, self.shape), broadcast_scalar(b, self.high, self.shape)
        tangent = zeros(b, self.result.type)
        if dhigh is not None:
            capped = compare(b, "lt", high, select(b, compare(b, "gt", self.x, low), self.x, low))
            tangent = select(b, capped, broadcast_scalar(b, dhigh, self.shape), tangent)
        if dlow is not None:
            raised = select(
                b,
                compare(b, "lt", self.x, low),
                compare(b, "le", low, high),
                full(b, False, mask_type(self.result.type)),
            )
            tangent = select(b, raised, broadcast_scalar(b, dlow, self.shape), tangent)
        if dx is not None:
            nothing = tangent
            below = select(b, compare(b, "lt", self.x, high), dx, nothing)
            tangent = select(b, compare(b, "gt", self.x, low), below, nothing)
        return tangent

    def scalar(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue:
        """The lesser of the greater."""
        low, x, high = operands
        return scalar_op(b, lesser_of(x.type), scalar_op(b, greater_of(x.type), x, low), high)


def _expect_scalar_or(name: str, index: int, actual: AnyTensor, expected: AnyTensor) -> None:
    if actual.element_type != expected.element_type or actual.get_shape() not in {(), expected.get_shape()}:
        raise VerifyException(
            f"{name}: operand {index} has type {actual}, expected {expected} or tensor<{expected.element_type}>"
        )


def compare(b: OpBuilder, direction: Direction, x: SSAValue, y: SSAValue) -> SSAValue:
    """Append `x <direction> y`."""
    return CompareOp.emit(b, (x, y), {"direction": StringAttr(direction)})


def select(b: OpBuilder, pred: SSAValue, on_true: SSAValue, on_false: SSAValue) -> SSAValue:
    """Append `on_true where pred else on_false`; `pred` may be 0-d."""
    return SelectOp.emit(b, (pred, on_true, on_false))


def clamp(b: OpBuilder, low: SSAValue, x: SSAValue, high: SSAValue) -> SSAValue:
    """Append `min(max(x, low), high)`; `low` and `high` may be 0-d."""
    return ClampOp.emit(b, (low, x, high))
