"""Typed construction of arithmetic on one float type, scalar or vector."""

import math
from collections.abc import Callable, Sequence
from types import FunctionType
from typing import Any, cast

from xdsl.dialects import arith, scf, vector
from xdsl.dialects import math as math_dialect
from xdsl.dialects.builtin import (
    DenseIntOrFPElementsAttr,
    Float32Type,
    Float64Type,
    FloatAttr,
    IntegerAttr,
    VectorType,
    f32,
    f64,
    i1,
    i32,
    i64,
)
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue

from dialects import special
from dialects.builder import OpBuilder, vector_type
from passes.loops.llvm_exponents import fills_registers
from passes.loops.math.float_format import DOUBLE, SINGLE

Number = SSAValue | float
"""An operand: a value, or a Python number that becomes a constant of the type at hand."""

_ORDERS = {"oeq": 1, "ogt": 2, "oge": 3, "olt": 4, "ole": 5, "uge": 10, "ult": 11, "une": 13, "uno": 14}
_FLOAT_PREDICATES = {name: IntegerAttr(code, i64) for name, code in _ORDERS.items()}
_INT_PREDICATES = {name: IntegerAttr(code, i64) for name, code in {"ne": 1, "ult": 6, "uge": 9}.items()}

_LONG_CHAIN = 10


class FloatBuilder:
    """Appends arithmetic on `value_type` (f32, f64, or a vector of one) through `builder`.

    Numbers given as operands become constants. Each constant and each operation on the same operands is made once per
    `FloatBuilder`: what two functions of one number have in common is computed once. So a `FloatBuilder` must only serve
    places that its earlier ones dominate: one block, from front to back.

    With `exponents`, `has_exponents` tells whether `scalb`, `logb`, `significand` and `rsqrt_estimate` are instructions on this type.
    """

    __slots__ = (
        "_branches",
        "_constants",
        "_double",
        "_made",
        "_roots",
        "bool_type",
        "builder",
        "format",
        "has_exponents",
        "int_type",
        "value_type",
    )

    def __init__(self, builder: OpBuilder, value_type: Attribute, exponents: bool = False):
        self.builder = builder
        self.value_type: Attribute = value_type
        self.has_exponents = exponents and fills_registers(value_type)
        self._double: FloatBuilder | None = None
        self._constants: dict[tuple[float, float, bool], SSAValue] = {}
        self._made: dict[tuple[object, ...], SSAValue] = {}
        self._roots: dict[SSAValue, SSAValue] = {}
        self._branches: dict[tuple[object, ...], Sequence[SSAValue]] = {}
        element_type: Attribute = value_type
        if isinstance(value_type, VectorType):
            element_type = cast(VectorType[Attribute], value_type).element_type
        assert isinstance(element_type, Float32Type | Float64Type), f"no format for {element_type}"
        self.format = SINGLE if isinstance(element_type, Float32Type) else DOUBLE
        self.int_type = self.with_element_type(i32 if self.format is SINGLE else i64)
        self.bool_type = self.with_element_type(i1)

    @property
    def is_double(self) -> bool:
        """Whether numbers are f64."""
        return self.format is DOUBLE

    def with_element_type(self, element_type: Attribute) -> Attribute:
        """`element_type`, or a vector of as many of them as `value_type` has."""
        value_type = self.value_type
        if isinstance(value_type, VectorType):
            (size,) = cast(VectorType[Any], value_type).get_shape()
            return vector_type(element_type, size)
        return element_type

    def as_double(self) -> "FloatBuilder":
        """A builder in the same place for f64 of the same shape."""
        if self._double is None:
            self._double = FloatBuilder(self.builder, self.with_element_type(f64), self.has_exponents)
        return self._double

    # Operands

    def constant(self, value: float) -> SSAValue:
        """A float constant."""
        key = (value, math.copysign(1.0, value), True)
        if math.isnan(value):
            key = (0.0, 0.0, True)
        found = self._constants.get(key)
        if found is None:
            found = self._constants[key] = self.builder.constant(value, self.value_type)
        return found

    def int_constant(self, value: int) -> SSAValue:
        """A constant of the integer type of the same width."""
        key = (value, 0.0, False)
        found = self._constants.get(key)
        if found is None:
            found = self._constants[key] = self.builder.constant(value, self.int_type)
        return found

    def _once(
        self,
        op_type: type[Operation],
        operands: Sequence[SSAValue],
        result_type: Attribute,
        predicate: IntegerAttr[Any] | None = None,
    ) -> SSAValue:
        """The operation on these operands, which determine its type, as it was made before or new."""
        key = (op_type, *operands, predicate)
        found = self._made.get(key)
        if found is None:
            properties = None if predicate is None else {"predicate": predicate}
            found = self._made[key] = self.builder.create(op_type, operands, result_type, properties)
        return found

    def _float(self, op_type: type[Operation], *operands: Number) -> SSAValue:
        values = [o if isinstance(o, SSAValue) else self.constant(o) for o in operands]
        return self._once(op_type, values, self.value_type)

    def _int(self, op_type: type[Operation], lhs: SSAValue | int, rhs: SSAValue | int) -> SSAValue:
        values = [o if isinstance(o, SSAValue) else self.int_constant(o) for o in (lhs, rhs)]
        return self._once(op_type, values, self.int_type)

    # Float arithmetic

    def add(self, lhs: Number, rhs: Number) -> SSAValue:
        """`lhs + rhs`."""
        return self._float(arith.AddfOp, lhs, rhs)

    def sub(self, lhs: Number, rhs: Number) -> SSAValue:
        """`lhs - rhs`."""
        return self._float(arith.SubfOp, lhs, rhs)

    def mul(self, lhs: Number, rhs: Number) -> SSAValue:
        """`lhs · rhs`."""
        return self._float(arith.MulfOp, lhs, rhs)

    def div(self, lhs: Number, rhs: Number) -> SSAValue:
        """`lhs / rhs`."""
        return self._float(arith.DivfOp, lhs, rhs)

    def neg(self, value: SSAValue) -> SSAValue:
        """`-value`."""
        return self._float(arith.NegfOp, value)

    def fma(self, lhs: Number, rhs: Number, addend: Number) -> SSAValue:
        """`lhs · rhs + addend`, rounded once."""
        return self._float(math_dialect.FmaOp, lhs, rhs, addend)

    def abs(self, value: SSAValue) -> SSAValue:
        """`|value|`; the same value for a number and its negative, so that what functions of both have in common is seen."""
        owner = value.owner
        if isinstance(owner, arith.NegfOp):
            return self.abs(owner.operand)
        if isinstance(owner, arith.MulfOp):
            factor = _splat(owner.rhs)
            if factor is not None:
                value = self.mul(owner.lhs, abs(factor))
        return self._float(math_dialect.AbsFOp, value)

    def sqrt(self, value: SSAValue) -> SSAValue:
        """The square root, correctly rounded."""
        return self._float(math_dialect.SqrtOp, value)

    def note_root(self, root: SSAValue, square: SSAValue) -> None:
        """Remember that `root` was made as the root of `square`, for what can do with the inverse root."""
        self._roots[root] = square

    def square_of_root(self, root: SSAValue) -> SSAValue | None:
        """What `note_root` was told of `root`."""
        return self._roots.get(root)

    def floor(self, value: SSAValue) -> SSAValue:
        """The largest integer that is not above `value`."""
        return self._float(math_dialect.FloorOp, value)

    def round(self, value: SSAValue) -> SSAValue:
        """The nearest integer, half to even."""
        return self._float(math_dialect.RoundEvenOp, value)

    def copysign(self, magnitude: Number, sign: SSAValue) -> SSAValue:
        """`magnitude` with the sign of `sign`."""
        return self._float(math_dialect.CopySignOp, magnitude, sign)

    def scalb(self, value: Number, n: SSAValue) -> SSAValue:
        """`value · 2^n` for integers `n`, rounded once."""
        return self._float(special.ScalbOp, value, n)

    def logb(self, x: SSAValue) -> SSAValue:
        """`⌊log2 |x|⌋`."""
        return self._float(special.LogbOp, x)

    def significand(self, x: SSAValue) -> SSAValue:
        """`x` divided by a power of two, in `[¾, 1½)`; 1 for zeros and infinity, NaN for negative numbers."""
        return self._float(special.SignificandOp, x)

    def rsqrt_estimate(self, x: SSAValue) -> SSAValue:
        """`1 / √x` to 14 bits."""
        return self._float(special.RsqrtEstimateOp, x)

    def polynomial(self, x: SSAValue, coefficients: tuple[float, ...]) -> SSAValue:
        """`c0 + c1 x + c2 x² + …` by Horner's rule; lowest order first.

        Where the terms are many, even and odd ones apart: the processor can look ahead into only so many operations,
        and a chain that long leaves it waiting.
        """
        if len(coefficients) >= _LONG_CHAIN:
            square = self.mul(x, x)
            odd = self.polynomial(square, coefficients[1::2])
            return self.fma(odd, x, self.polynomial(square, coefficients[::2]))
        value = self.constant(coefficients[-1])
        for coefficient in coefficients[-2::-1]:
            value = self.fma(value, x, coefficient)
        return value

    def reciprocal(self, x: SSAValue, low: float, high: float, accuracy: float | None = None) -> SSAValue:
        """`1 / x` for `x` between positive normal numbers or of their negatives, to `accuracy` or some ULP: no division.

        A division of vectors takes the time of some thirty other operations. A line, or for wide ranges a linear function
        of the encoding, is near; then each step squares or cubes what is lacking.
        """
        fmt = self.format
        accuracy = accuracy or 0.6 * 2.0 ** -(fmt.mantissa_bits + 2)
        centre = (high + low) / (high - low)
        error = 1 / (2 * centre * centre - 1)
        slope = 2 / (high - low)
        if error < 0.05:
            y = self.fma(x, -2 * error * slope * slope, 4 * error * slope * centre)
        else:
            error = 0.0506
            # The encoding of 1, twice, less what makes the errors of both signs the same.
            y = self.from_bits(self.int_sub(2 * fmt.bits(1.0) - round(0.101 * 2.0**fmt.mantissa_bits), self.bits(x)))
        negated = self.neg(x)
        while error > accuracy:
            rest = self.fma(negated, y, 1.0)
            cubes = error**2 > accuracy
            y = self.fma(self.fma(rest, rest, rest) if cubes else rest, y, y)
            error **= 3 if cubes else 2
        return y

    # Comparison and choice

    def compare(self, predicate: str, lhs: Number, rhs: Number) -> SSAValue:
        """`arith.cmpf`: `o…` is false and `u…` is true if an operand is NaN."""
        values = [o if isinstance(o, SSAValue) else self.constant(o) for o in (lhs, rhs)]
        return self._once(arith.CmpfOp, values, self.bool_type, _FLOAT_PREDICATES[predicate])

    def int_compare(self, predicate: str, lhs: SSAValue, rhs: SSAValue | int) -> SSAValue:
        """`arith.cmpi`."""
        other = rhs if isinstance(rhs, SSAValue) else self.int_constant(rhs)
        return self._once(arith.CmpiOp, (lhs, other), self.bool_type, _INT_PREDICATES[predicate])

    def both(self, lhs: SSAValue, rhs: SSAValue) -> SSAValue:
        """Whether both conditions hold."""
        return self._once(arith.AndIOp, (lhs, rhs), self.bool_type)

    def either(self, lhs: SSAValue, rhs: SSAValue) -> SSAValue:
        """Whether one of the conditions holds."""
        return self._once(arith.OrIOp, (lhs, rhs), self.bool_type)

    def select(self, condition: SSAValue, if_true: Number, if_false: Number) -> SSAValue:
        """`if_true` where `condition` holds, else `if_false`; one of them may be NaN without harm."""
        values = [o if isinstance(o, SSAValue) else self.constant(o) for o in (if_true, if_false)]
        return self._once(arith.SelectOp, (condition, *values), self.value_type)

    def int_select(self, condition: SSAValue, if_true: SSAValue | int, if_false: SSAValue | int) -> SSAValue:
        """`select` on integers."""
        values = [o if isinstance(o, SSAValue) else self.int_constant(o) for o in (if_true, if_false)]
        return self._once(arith.SelectOp, (condition, *values), self.int_type)

    def at_least(self, value: SSAValue, bound: float) -> SSAValue:
        """`max(value, bound)`; NaN stays. This order of operands is one `maxps` on x86."""
        return self.select(self.compare("ogt", bound, value), bound, value)

    def at_most(self, value: SSAValue, bound: float) -> SSAValue:
        """`min(value, bound)`; NaN stays."""
        return self.select(self.compare("olt", bound, value), bound, value)

    # Integers of the same width, and bits

    def bits(self, value: SSAValue) -> SSAValue:
        """The encoding of a float as an integer."""
        return self._once(arith.BitcastOp, (value,), self.int_type)

    def from_bits(self, value: SSAValue) -> SSAValue:
        """The float with this encoding."""
        return self._once(arith.BitcastOp, (value,), self.value_type)

    def from_signed(self, value: SSAValue) -> SSAValue:
        """The float nearest to a signed integer; slow on AVX2 for 64 bits."""
        return self._once(arith.SIToFPOp, (value,), self.value_type)

    def int_add(self, lhs: SSAValue, rhs: SSAValue | int) -> SSAValue:
        """`lhs + rhs` modulo 2^width."""
        return self._int(arith.AddiOp, lhs, rhs)

    def int_sub(self, lhs: SSAValue | int, rhs: SSAValue | int) -> SSAValue:
        """`lhs - rhs` modulo 2^width."""
        return self._int(arith.SubiOp, lhs, rhs)

    def int_mul(self, lhs: SSAValue, rhs: SSAValue | int) -> SSAValue:
        """`lhs · rhs` modulo 2^width."""
        return self._int(arith.MuliOp, lhs, rhs)

    def int_and(self, lhs: SSAValue, rhs: SSAValue | int) -> SSAValue:
        """The bits that both have."""
        return self._int(arith.AndIOp, lhs, rhs)

    def int_or(self, lhs: SSAValue, rhs: SSAValue | int) -> SSAValue:
        """The bits that one of them has."""
        return self._int(arith.OrIOp, lhs, rhs)

    def int_xor(self, lhs: SSAValue, rhs: SSAValue | int) -> SSAValue:
        """The bits in which they differ."""
        return self._int(arith.XOrIOp, lhs, rhs)

    def shift_left(self, value: SSAValue, count: SSAValue | int) -> SSAValue:
        """`value · 2^count` modulo 2^width."""
        return self._int(arith.ShLIOp, value, count)

    def shift_right(self, value: SSAValue, count: SSAValue | int) -> SSAValue:
        """`value` shifted right, filled with zeros."""
        return self._int(arith.ShRUIOp, value, count)

    # Steps shared by several functions

    def power_of_two(self, biased_sum: SSAValue) -> SSAValue:
        """`2^n` from `n + biased_magic`, for `n` from `1 - bias` to `bias`."""
        return self.from_bits(self.shift_left(self.bits(biased_sum), self.format.mantissa_bits))

    def any(self, condition: SSAValue) -> SSAValue:
        """Whether the condition holds anywhere, as a scalar."""
        if not isinstance(condition.type, VectorType):
            return condition
        kind = vector.CombiningKindAttr(vector.CombiningKindFlag.OR)
        return self.builder.create(vector.ReductionOp, (condition,), i1, {"kind": kind})

    def where_any(
        self,
        condition: SSAValue,
        build: Callable[["FloatBuilder"], Sequence[SSAValue]],
        otherwise: Sequence[SSAValue],
    ) -> Sequence[SSAValue]:
        """What `build` makes in a branch that is taken if the condition holds anywhere; else `otherwise`.

        It is made once for each condition and `otherwise`, so these must determine what `build` makes of what it captures.
        """
        key = (cast(FunctionType, build).__code__, condition, *otherwise)
        found = self._branches.get(key)
        if found is not None:
            return found
        taken = FloatBuilder(OpBuilder(Block(), self.builder.location), self.value_type, self.has_exponents)
        taken.builder.create_op(scf.YieldOp, build(taken))
        skipped = OpBuilder(Block(), self.builder.location)
        skipped.create_op(scf.YieldOp, otherwise)
        types = [value.type for value in otherwise]
        regions = (Region(taken.builder.block), Region(skipped.block))
        branch = self.builder.create_op(scf.IfOp, (self.any(condition),), types, regions=regions)
        self._branches[key] = branch.results
        return branch.results

    def while_any(
        self,
        start: SSAValue,
        condition: Callable[["FloatBuilder", SSAValue], SSAValue],
        step: Callable[["FloatBuilder", SSAValue], SSAValue],
    ) -> SSAValue:
        """`start`, and what `step` makes of it again and again, while the condition holds anywhere."""
        location, types = self.builder.location, [self.value_type]
        before, after = (
            FloatBuilder(OpBuilder(Block(arg_types=types), location), self.value_type, self.has_exponents)
            for _ in range(2)
        )
        (value,) = before.builder.block.args
        before.builder.create_op(scf.ConditionOp, (before.any(condition(before, value)), value))
        after.builder.create_op(scf.YieldOp, (step(after, after.builder.block.args[0]),))
        regions = (Region(before.builder.block), Region(after.builder.block))
        return self.builder.create_op(scf.WhileOp, (start,), types, regions=regions).results[0]

    def widened(self, value: SSAValue) -> SSAValue:
        """An f32 as an element of `as_double()`."""
        return self._once(arith.ExtFOp, (value,), self.with_element_type(f64))

    def narrowed(self, value: SSAValue) -> SSAValue:
        """A value of `as_double()` as f32, rounded to nearest."""
        return self._once(arith.TruncFOp, (value,), self.with_element_type(f32))

    def narrowed_bits(self, value: SSAValue) -> SSAValue:
        """The low half of 64-bit integers."""
        return self._once(arith.TruncIOp, (value,), self.with_element_type(i32))


def _splat(value: SSAValue) -> float | None:
    """The number that `value` is, or all its elements are, if that is known."""
    owner = value.owner
    if not isinstance(owner, arith.ConstantOp):
        return None
    constant = cast(Attribute, owner.value)
    if isinstance(constant, FloatAttr):
        return constant.value.data
    if isinstance(constant, DenseIntOrFPElementsAttr) and constant.is_splat():
        return cast(float, cast(Any, constant).get_values()[0])
    return None
