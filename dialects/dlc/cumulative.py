"""Cumulative operations along one dimension: cumsum, cumprod, cummax, cummin, cumlogsumexp, and linear recurrences.

With `reverse` they run from the last element to the first. The derivative of each is a linear recurrence, whose
derivative and adjoint are linear recurrences again, so that every one takes a single sweep.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, TypeAlias, cast

import numpy as np
from xdsl.dialects import arith, math
from xdsl.dialects.builtin import I64, IntegerAttr, UnitAttr, i64
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.irdl import irdl_op_definition, operand_def, opt_prop_def, prop_def
from xdsl.utils.exceptions import VerifyException

from dialects.builder import OpBuilder, tensor_type
from dialects.dlc.arithmetic import add, mul, sub
from dialects.dlc.constants import full, splat_value, zeros
from dialects.dlc.conversion import convert
from dialects.dlc.elementwise import expect_kind, expect_same_type
from dialects.dlc.interfaces import (
    AnyTensor,
    Array,
    Properties,
    TensorOp,
    computed,
    dtype_of,
    element_type_of,
    is_float,
    shape_of,
    tensor_type_of,
)
from dialects.dlc.reduction import highest, lowest
from dialects.dlc.scalars import greater_of, lesser_of, scalar_compare, scalar_op, scalar_select
from dialects.dlc.selection import compare, select
from dialects.dlc.shape import stacked
from dialects.dlc.slicing import pad
from dialects.dlc.unary import exp
from dialects.structured import build_loop_index, build_running_reduction, compute_type

Step: TypeAlias = Callable[[OpBuilder, SSAValue, SSAValue], SSAValue]


class _AlongDimOp(TensorOp, ABC):
    """What operations share whose result `i` along `dim` depends on the elements up to `i`."""

    dim = prop_def(IntegerAttr[I64])
    reverse = opt_prop_def(UnitAttr)

    KINDS: ClassVar[str] = "float or int"

    @classmethod
    def infer_type(cls, operand_types: Sequence[AnyTensor], properties: Properties) -> AnyTensor:
        """The common type of the operands."""
        first = operand_types[0]
        for index, operand_type in enumerate(operand_types[1:], 1):
            expect_same_type(cls.name, index, operand_type, first)
        expect_kind(cls.name, 0, first, cls.KINDS)
        dim = cast(IntegerAttr[Any], properties["dim"]).value.data
        if not 0 <= dim < len(first.get_shape()):
            raise VerifyException(f"{cls.name}: dim {dim} is not a dimension of {first}")
        return first

    @property
    def along(self) -> int:
        """The dimension that it runs along."""
        return self.dim.value.data

    @property
    def is_reverse(self) -> bool:
        """Whether it runs from the last element to the first."""
        return self.reverse is not None

    def evaluate(self, operands: Sequence[Array]) -> Array:
        """`accumulate` of the operands with the dimension in front, in the order of the steps."""
        step = -1 if self.is_reverse else 1
        moved = [np.moveaxis(computed(x), self.along, 0)[::step] for x in operands]
        with np.errstate(all="ignore"):
            result = self.accumulate(*moved) if operands[0].size else moved[0]
        result = np.moveaxis(result[::step], 0, self.along)
        return np.ascontiguousarray(result, dtype_of(self.result.type)).reshape(self.shape)

    @abstractmethod
    def accumulate(self, *operands: Array) -> Array:
        """The reference value along the first axis of the operands, which are not empty."""

    def batch(self, b: OpBuilder, operands: Sequence[SSAValue], batched: Sequence[bool], size: int) -> SSAValue:
        """Shift the dimension."""
        operands = stacked(b, operands, batched, size)
        return self.emit(b, operands, _properties(self.along + 1, self.is_reverse))

    def before(self, b: OpBuilder, x: SSAValue, first: float) -> SSAValue:
        """`x` moved by one step: at each place what was at the place before; `first` at the first."""
        return shifted(b, x, self.along, -1 if self.is_reverse else 1, first)


class _CumulativeOp(_AlongDimOp, ABC):
    """`result[…, i, …] = operand[…, 0, …] ∘ … ∘ operand[…, i, …]` along `dim`."""

    operand = operand_def(AnyTensor)

    assembly_format = "$operand `dim` $dim (`reverse` $reverse^)? attr-dict `:` type($operand) `->` type($result)"

    UFUNC: ClassVar[np.ufunc]
    """`∘` in NumPy."""

    def accumulate(self, *operands: Array) -> Array:
        """`accumulate` of the ufunc, in the operand's own dtype."""
        (x,) = operands
        return np.asarray(self.UFUNC.accumulate(x, axis=0, dtype=x.dtype))

    @staticmethod
    @abstractmethod
    def neutral(element_type: Attribute) -> int | float:
        """The value that changes nothing."""

    @staticmethod
    @abstractmethod
    def combiner(element_type: Attribute) -> type[Operation]:
        """`∘` on scalars."""

    def simplify(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue | None:
        """Of one element it is `x`; of neutral elements as well."""
        del b
        (x,) = operands
        return x if self.shape[self.along] <= 1 or splat_value(x) == self.neutral(element_type_of(x)) else None

    def lower(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue:
        """A running reduction that carries the last result."""
        (x,) = operands
        element = compute_type(element_type_of(x))
        if 0 in self.shape or self.shape[self.along] == 1:
            return x

        def step(
            inner: OpBuilder, values: Sequence[SSAValue], state: Sequence[SSAValue]
        ) -> tuple[Sequence[SSAValue], SSAValue]:
            result = scalar_op(inner, self.combiner(element), state[0], values[0])
            return (result,), result

        return build_running_reduction(b, (x,), self.along, self.is_reverse, (self.neutral(element),), step)


@irdl_op_definition
class CumsumOp(_CumulativeOp):
    """`result[i] = operand[0] + … + operand[i]` along `dim`, added in this order. Integers wrap around."""

    name = "dlc.cumsum"

    KINDS: ClassVar[str] = "float, complex or int"
    UFUNC: ClassVar[np.ufunc] = np.add

    @staticmethod
    def neutral(element_type: Attribute) -> int | float:
        """Zero."""
        del element_type
        return 0

    @staticmethod
    def combiner(element_type: Attribute) -> type[Operation]:
        """Addition."""
        return arith.AddfOp if is_float(element_type) else arith.AddiOp

    def jvp(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> SSAValue | None:
        """Linear."""
        (dx,) = tangents
        return None if dx is None else cumsum(b, dx, self.along, self.is_reverse)

    def transpose(self, b: OpBuilder, cotangent: SSAValue, linear: Sequence[bool]) -> Sequence[SSAValue | None]:
        """The sum of the cotangents from each place on: the same in the other direction."""
        del linear
        return (cumsum(b, cotangent, self.along, not self.is_reverse),)


@irdl_op_definition
class CumprodOp(_CumulativeOp):
    """`result[i] = operand[0] * … * operand[i]` along `dim`, multiplied in this order. Integers wrap around."""

    name = "dlc.cumprod"

    KINDS: ClassVar[str] = "float, complex or int"
    UFUNC: ClassVar[np.ufunc] = np.multiply

    @staticmethod
    def neutral(element_type: Attribute) -> int | float:
        """One."""
        del element_type
        return 1

    @staticmethod
    def combiner(element_type: Attribute) -> type[Operation]:
        """Multiplication."""
        return arith.MulfOp if is_float(element_type) else arith.MuliOp

    def jvp(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> SSAValue | None:
        """`dy[i] = x[i] dy[i-1] + y[i-1] dx[i]`: nothing is divided by, so zeros do no harm."""
        (dx,) = tangents
        if dx is None:
            return None
        inflow = mul(b, self.before(b, self.result, 1), dx)
        return linear_recurrence(b, self.operand, inflow, self.along, self.is_reverse)


class _CumulativeExtremumOp(_CumulativeOp, ABC):
    """The largest or smallest element so far; a NaN stays."""

    def jvp(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> SSAValue | None:
        """The tangent of the element that the result is; of equal ones, of the first."""
        (dx,) = tangents
        if dx is None:
            return None
        x_type = tensor_type_of(self.operand)
        # NaN before the first: equal to nothing.
        stays = compare(b, "eq", self.result, self.before(b, self.result, np.nan))
        inflow = select(b, stays, zeros(b, x_type), dx)
        keep = convert(b, stays, x_type.element_type)
        return linear_recurrence(b, keep, inflow, self.along, self.is_reverse)


@irdl_op_definition
class CummaxOp(_CumulativeExtremumOp):
    """`result[i] = max(operand[0], …, operand[i])` along `dim`; NaN from the first NaN on."""

    name = "dlc.cummax"

    UFUNC: ClassVar[np.ufunc] = np.maximum

    @staticmethod
    def neutral(element_type: Attribute) -> int | float:
        """The smallest value."""
        return lowest(element_type)

    @staticmethod
    def combiner(element_type: Attribute) -> type[Operation]:
        """The maximum that propagates NaN."""
        return greater_of(element_type)


@irdl_op_definition
class CumminOp(_CumulativeExtremumOp):
    """`result[i] = min(operand[0], …, operand[i])` along `dim`; NaN from the first NaN on."""

    name = "dlc.cummin"

    UFUNC: ClassVar[np.ufunc] = np.minimum

    @staticmethod
    def neutral(element_type: Attribute) -> int | float:
        """The largest value."""
        return highest(element_type)

    @staticmethod
    def combiner(element_type: Attribute) -> type[Operation]:
        """The minimum that propagates NaN."""
        return lesser_of(element_type)


@irdl_op_definition
class CumlogsumexpOp(_AlongDimOp):
    """`result[i] = log(exp(operand[0]) + … + exp(operand[i]))` along `dim`, without overflow."""

    name = "dlc.cumlogsumexp"

    operand = operand_def(AnyTensor)

    assembly_format = "$operand `dim` $dim (`reverse` $reverse^)? attr-dict `:` type($operand) `->` type($result)"

    KINDS: ClassVar[str] = "float"

    def accumulate(self, *operands: Array) -> Array:
        """As `lower` does it."""
        (x,) = operands
        result = np.empty_like(x)
        largest, total = np.full(x.shape[1:], -np.inf, x.dtype), np.zeros(x.shape[1:], x.dtype)
        for i, element in enumerate(x):
            before, largest = largest, np.maximum(largest, element)
            shift = np.where(np.isinf(largest), 0, largest).astype(x.dtype)
            total = total * np.exp(before - shift) + np.exp(element - shift)
            result[i] = shift + np.log(total)
        return result

    def simplify(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue | None:
        """Of one element it is `x`."""
        del b
        return operands[0] if self.shape[self.along] <= 1 else None

    def jvp(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> SSAValue | None:
        """`dy[i] = exp(y[i-1] - y[i]) dy[i-1] + exp(x[i] - y[i]) dx[i]`: the exponents are never positive."""
        (dx,) = tangents
        if dx is None:
            return None
        y = self.result
        y_type = tensor_type_of(y)
        nothing = full(b, -np.inf, y_type)
        shift = select(b, compare(b, "eq", y, nothing), zeros(b, y_type), y)
        keep = exp(b, sub(b, self.before(b, y, -np.inf), shift))
        inflow = mul(b, exp(b, sub(b, self.operand, shift)), dx)
        return linear_recurrence(b, keep, inflow, self.along, self.is_reverse)

    def lower(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue:
        """A running reduction that carries the largest element and the sum of `exp(element - largest)`."""
        (x,) = operands
        element = compute_type(element_type_of(x))
        if 0 in self.shape or self.shape[self.along] == 1:
            return x

        def step(
            inner: OpBuilder, values: Sequence[SSAValue], state: Sequence[SSAValue]
        ) -> tuple[Sequence[SSAValue], SSAValue]:
            (value,), (before, total) = values, state
            largest = scalar_op(inner, arith.MaximumfOp, before, value)
            infinity = inner.constant(np.inf, element)
            is_infinite = scalar_compare(inner, "eq", scalar_op(inner, math.AbsFOp, largest), infinity)
            shift = scalar_select(inner, is_infinite, inner.constant(0.0, element), largest)
            old = scalar_op(inner, math.ExpOp, scalar_op(inner, arith.SubfOp, before, shift))
            new = scalar_op(inner, math.ExpOp, scalar_op(inner, arith.SubfOp, value, shift))
            total = scalar_op(inner, arith.AddfOp, scalar_op(inner, arith.MulfOp, total, old), new)
            result = scalar_op(inner, arith.AddfOp, shift, scalar_op(inner, math.LogOp, total))
            return (largest, total), result

        return build_running_reduction(b, (x,), self.along, self.is_reverse, (-np.inf, 0.0), step)


@irdl_op_definition
class LinearRecurrenceOp(_AlongDimOp):
    """`result[i] = factor[i] * result[i-1] + inflow[i]` along `dim`; `result[0] = inflow[0]`."""

    name = "dlc.linear_recurrence"

    KINDS: ClassVar[str] = "float, complex or int"
    factor = operand_def(AnyTensor)
    inflow = operand_def(AnyTensor)

    assembly_format = (
        "$factor `,` $inflow `dim` $dim (`reverse` $reverse^)? attr-dict "
        "`:` type($factor) `,` type($inflow) `->` type($result)"
    )

    def accumulate(self, *operands: Array) -> Array:
        """Step by step."""
        factor, inflow = operands
        result = np.array(inflow)
        for i in range(1, len(result)):
            result[i] = factor[i] * result[i - 1] + inflow[i]
        return result

    def simplify(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue | None:
        """Of one element, or without factors, it is the inflow; with factors of one it is the sum of it."""
        factor, inflow = operands
        if self.shape[self.along] <= 1 or splat_value(inflow) == 0:
            return inflow
        return cumsum(b, inflow, self.along, self.is_reverse) if splat_value(factor) == 1 else None

    def jvp(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> SSAValue | None:
        """`dy[i] = a[i] dy[i-1] + (y[i-1] da[i] + db[i])`."""
        da, db = tangents
        inflow = db
        if da is not None:
            inflow = mul(b, self.before(b, self.result, 0), da)
            inflow = inflow if db is None else add(b, inflow, db)
        return None if inflow is None else linear_recurrence(b, self.factor, inflow, self.along, self.is_reverse)

    def transpose(self, b: OpBuilder, cotangent: SSAValue, linear: Sequence[bool]) -> Sequence[SSAValue | None]:
        """Of the inflow: `r[i] = a[i+1] r[i+1] + ct[i]`, a recurrence in the other direction."""
        assert list(linear) == [False, True], "dlc.linear_recurrence is linear in its inflow only"
        ahead = shifted(b, self.factor, self.along, 1 if self.is_reverse else -1, 0)
        return None, linear_recurrence(b, ahead, cotangent, self.along, not self.is_reverse)

    def lower(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue:
        """A running reduction that carries the last result."""
        if 0 in self.shape or self.shape[self.along] == 1:
            return operands[1]
        element = compute_type(element_type_of(operands[0]))
        multiply, plus = (arith.MulfOp, arith.AddfOp) if is_float(element) else (arith.MuliOp, arith.AddiOp)

        def step(
            inner: OpBuilder, values: Sequence[SSAValue], state: Sequence[SSAValue]
        ) -> tuple[Sequence[SSAValue], SSAValue]:
            factor, inflow = values
            # Selected, not multiplied by zero: the first factor counts for nothing even if it is infinite.
            index = build_loop_index(inner, len(self.shape) - 1)
            is_first = scalar_compare(inner, "eq", index, inner.index(0))
            later = scalar_op(inner, plus, scalar_op(inner, multiply, factor, state[0]), inflow)
            result = scalar_select(inner, is_first, inflow, later)
            return (result,), result

        return build_running_reduction(b, operands, self.along, self.is_reverse, (0,), step)


def shifted(b: OpBuilder, x: SSAValue, dim: int, distance: int, filling: float) -> SSAValue:
    """`x` moved by `distance` along `dim`, with `filling` where nothing comes from."""
    amounts = [distance if d == dim else 0 for d in range(len(shape_of(x)))]
    value = full(b, filling, tensor_type(element_type_of(x), ()))
    return pad(b, x, value, amounts, [-n for n in amounts], [0] * len(amounts)) if shape_of(x)[dim] else x


def _properties(dim: int, is_reverse: bool) -> dict[str, Attribute]:
    properties: dict[str, Attribute] = {"dim": IntegerAttr(dim, i64)}
    return {**properties, "reverse": UnitAttr()} if is_reverse else properties


def cumsum(b: OpBuilder, x: SSAValue, dim: int, reverse: bool = False) -> SSAValue:
    """The sums of the elements up to each along `dim`; from each on with `reverse`."""
    return CumsumOp.emit(b, (x,), _properties(dim, reverse))


def cumprod(b: OpBuilder, x: SSAValue, dim: int, reverse: bool = False) -> SSAValue:
    """The products of the elements up to each along `dim`; from each on with `reverse`."""
    return CumprodOp.emit(b, (x,), _properties(dim, reverse))


def cummax(b: OpBuilder, x: SSAValue, dim: int, reverse: bool = False) -> SSAValue:
    """The largest of the elements up to each along `dim`; from each on with `reverse`."""
    return CummaxOp.emit(b, (x,), _properties(dim, reverse))


def cummin(b: OpBuilder, x: SSAValue, dim: int, reverse: bool = False) -> SSAValue:
    """The smallest of the elements up to each along `dim`; from each on with `reverse`."""
    return CumminOp.emit(b, (x,), _properties(dim, reverse))


def cumlogsumexp(b: OpBuilder, x: SSAValue, dim: int, reverse: bool = False) -> SSAValue:
    """The logarithm of the sum of exponentials of the elements up to each along `dim`; from each on with `reverse`."""
    return CumlogsumexpOp.emit(b, (x,), _properties(dim, reverse))


def linear_recurrence(b: OpBuilder, factor: SSAValue, inflow: SSAValue, dim: int, reverse: bool = False) -> SSAValue:
    """`y[i] = factor[i] * y[i-1] + inflow[i]` along `dim`; `y[i+1]` instead of `y[i-1]` with `reverse`."""
    return LinearRecurrenceOp.emit(b, (factor, inflow), _properties(dim, reverse))
