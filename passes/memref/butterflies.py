"""Discrete Fourier transforms of a few complex numbers, written out: the steps of larger ones.

Complex numbers are pairs of scalars or vectors of one type; the exponent is negative.
"""

from collections.abc import Callable, Sequence
from math import cos, pi, sin, sqrt
from typing import TypeAlias

from xdsl.dialects import arith, math
from xdsl.ir import Attribute, SSAValue

from dialects.builder import OpBuilder

Complex: TypeAlias = tuple[SSAValue, SSAValue]


class ComplexArithmetic:
    """Appends arithmetic on values of `value_type` to `b`; `constant` gives numbers of that type."""

    def __init__(self, b: OpBuilder, value_type: Attribute, constant: Callable[[float], SSAValue]):
        self.b = b
        self.value_type = value_type
        self.constant = constant

    def real(self, op_type: type[arith.AddfOp | arith.SubfOp | arith.MulfOp], x: SSAValue, y: SSAValue) -> SSAValue:
        """Append an operation on two real numbers."""
        return self.b.create(op_type, (x, y), self.value_type)

    def fused(self, x: SSAValue, y: SSAValue, z: SSAValue) -> SSAValue:
        """Append `x y + z` of real numbers, rounded once."""
        return self.b.create(math.FmaOp, (x, y, z), self.value_type)

    def negated(self, x: SSAValue) -> SSAValue:
        """Append `-x` of a real number."""
        return self.b.create(arith.NegfOp, (x,), self.value_type)

    def add(self, x: Complex, y: Complex) -> Complex:
        """Append `x + y`."""
        return self.real(arith.AddfOp, x[0], y[0]), self.real(arith.AddfOp, x[1], y[1])

    def subtract(self, x: Complex, y: Complex) -> Complex:
        """Append `x - y`."""
        return self.real(arith.SubfOp, x[0], y[0]), self.real(arith.SubfOp, x[1], y[1])

    def multiply(self, x: Complex, y: Complex) -> Complex:
        """Append `x y`."""
        real = self.fused(x[0], y[0], self.negated(self.real(arith.MulfOp, x[1], y[1])))
        return real, self.fused(x[0], y[1], self.real(arith.MulfOp, x[1], y[0]))

    def scale(self, x: Complex, factor: float) -> Complex:
        """Append `factor x` of a real factor."""
        if factor == 1:
            return x
        number = self.constant(factor)
        return self.real(arith.MulfOp, x[0], number), self.real(arith.MulfOp, x[1], number)

    def add_scaled(self, x: Complex, factor: float, y: Complex) -> Complex:
        """Append `x + factor y` of a real factor."""
        number = self.constant(factor)
        return self.fused(number, y[0], x[0]), self.fused(number, y[1], x[1])

    def add_turned(self, x: Complex, y: Complex) -> Complex:
        """Append `x - i y`."""
        return self.real(arith.AddfOp, x[0], y[1]), self.real(arith.SubfOp, x[1], y[0])

    def subtract_turned(self, x: Complex, y: Complex) -> Complex:
        """Append `x + i y`."""
        return self.real(arith.SubfOp, x[0], y[1]), self.real(arith.AddfOp, x[1], y[0])

    def transform(self, x: Sequence[Complex]) -> list[Complex]:
        """Append the discrete Fourier transform of `x`: of 2, 4, 8 or an odd number of points."""
        match len(x):
            case 2:
                return [self.add(*x), self.subtract(*x)]
            case 4:
                return self._four(x)
            case 8:
                return self._eight(x)
            case _:
                return self._odd(x)

    def _four(self, x: Sequence[Complex]) -> list[Complex]:
        even = self.add(x[0], x[2]), self.subtract(x[0], x[2])
        odd = self.add(x[1], x[3]), self.subtract(x[1], x[3])
        return [
            self.add(even[0], odd[0]),
            self.add_turned(even[1], odd[1]),
            self.subtract(even[0], odd[0]),
            self.subtract_turned(even[1], odd[1]),
        ]

    def _eight(self, x: Sequence[Complex]) -> list[Complex]:
        even, odd = self._four(x[::2]), self._four(x[1::2])
        # By the roots (1 - i) / sqrt(2) and (-1 - i) / sqrt(2); the factor 1 / sqrt(2) comes with the sums.
        first = self.real(arith.AddfOp, *odd[1]), self.real(arith.SubfOp, odd[1][1], odd[1][0])
        third = self.real(arith.SubfOp, odd[3][1], odd[3][0]), self.negated(self.real(arith.AddfOp, *odd[3]))
        half = sqrt(0.5)
        return [
            self.add(even[0], odd[0]),
            self.add_scaled(even[1], half, first),
            self.add_turned(even[2], odd[2]),
            self.add_scaled(even[3], half, third),
            self.subtract(even[0], odd[0]),
            self.add_scaled(even[1], -half, first),
            self.subtract_turned(even[2], odd[2]),
            self.add_scaled(even[3], -half, third),
        ]

    def _odd(self, x: Sequence[Complex]) -> list[Complex]:
        """With sums and differences of `x[j]` and `x[n - j]`, whose roots are conjugates."""
        size = len(x)
        half = range(1, size // 2 + 1)
        sums = [self.add(x[j], x[size - j]) for j in half]
        differences = [self.subtract(x[j], x[size - j]) for j in half]
        first = x[0]
        for pair in sums:
            first = self.add(first, pair)
        upper: list[Complex] = []
        lower: list[Complex] = []
        for k in half:
            angles = [2 * pi * (j * k % size) / size for j in half]
            even, odd = x[0], self.scale(differences[0], sin(angles[0]))
            for angle, pair in zip(angles, sums, strict=True):
                even = self.add_scaled(even, cos(angle), pair)
            for angle, pair in zip(angles[1:], differences[1:], strict=True):
                odd = self.add_scaled(odd, sin(angle), pair)
            upper.append(self.add_turned(even, odd))
            lower.append(self.subtract_turned(even, odd))
        return [first, *upper, *reversed(lower)]
