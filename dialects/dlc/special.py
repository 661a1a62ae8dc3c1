"""Special functions, closed under their derivatives: the error function's relatives, and the gamma function's."""

import math
from collections.abc import Sequence
from typing import Any, ClassVar, cast

import numpy as np
from xdsl.dialects import arith
from xdsl.dialects.builtin import IntegerAttr, i64
from xdsl.ir import SSAValue
from xdsl.irdl import irdl_op_definition, prop_def
from xdsl.utils.exceptions import VerifyException

from dialects import special, special_values
from dialects.builder import OpBuilder
from dialects.dlc.arithmetic import add, add_tangents, div, mul, neg, sub
from dialects.dlc.constants import full
from dialects.dlc.elementwise import BinaryOp, UnaryOp
from dialects.dlc.interfaces import AnyTensor, Array, Properties, tensor_type_of
from dialects.dlc.scalars import scalar_compare, scalar_op, scalar_select
from dialects.dlc.selection import compare, select
from dialects.dlc.unary import Log1pOp, LogOp, exp

__all__ = ["digamma", "erf_inv", "erfc", "erfc_inv", "erfcx", "lgamma", "polygamma", "xlog1py", "xlogy"]

_TWO_OVER_ROOT_PI = 2 / math.sqrt(math.pi)


@irdl_op_definition
class ErfcOp(UnaryOp):
    """`result[i] = 1 - erf(operand[i])`, which keeps its digits where it is small."""

    name = "dlc.erfc"

    UFUNC: ClassVar = special_values.erfc
    MATH_OP: ClassVar = special.ErfcOp

    def jvp(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> SSAValue | None:
        """`d erfc(x) = -2 / sqrt(pi) exp(-x**2) dx`."""
        (dx,) = tangents
        return None if dx is None else mul(b, dx, _scaled(b, _gauss(b, self.operand, -1), -_TWO_OVER_ROOT_PI))


@irdl_op_definition
class ErfcxOp(UnaryOp):
    """`result[i] = exp(operand[i]**2) erfc(operand[i])`, about `1 / (sqrt(pi) operand[i])` for large operands."""

    name = "dlc.erfcx"

    UFUNC: ClassVar = special_values.erfcx
    MATH_OP: ClassVar = special.ErfcxOp

    def jvp(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> SSAValue | None:
        """`d erfcx(x) = (2 x erfcx(x) - 2 / sqrt(pi)) dx`."""
        (dx,) = tangents
        if dx is None:
            return None
        growth = _scaled(b, mul(b, self.operand, self.result), 2)
        return mul(b, dx, sub(b, growth, full(b, _TWO_OVER_ROOT_PI, tensor_type_of(growth))))


@irdl_op_definition
class ErfInvOp(UnaryOp):
    """`result[i]` = the number whose error function is `operand[i]`; infinite at 1 and -1, NaN beyond."""

    name = "dlc.erf_inv"

    UFUNC: ClassVar = special_values.erf_inv
    MATH_OP: ClassVar = special.ErfInvOp

    def jvp(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> SSAValue | None:
        """`d y = sqrt(pi) / 2 exp(y**2) dx` for the result `y`."""
        (dx,) = tangents
        return None if dx is None else mul(b, dx, _scaled(b, _gauss(b, self.result, 1), 1 / _TWO_OVER_ROOT_PI))


@irdl_op_definition
class ErfcInvOp(UnaryOp):
    """`result[i]` = the number whose `erfc` is `operand[i]`; infinite at 0 and 2, NaN beyond."""

    name = "dlc.erfc_inv"

    UFUNC: ClassVar = special_values.erfc_inv
    MATH_OP: ClassVar = special.ErfcInvOp

    def jvp(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> SSAValue | None:
        """`d y = -sqrt(pi) / 2 exp(y**2) dx` for the result `y`."""
        (dx,) = tangents
        return None if dx is None else mul(b, dx, _scaled(b, _gauss(b, self.result, 1), -1 / _TWO_OVER_ROOT_PI))


@irdl_op_definition
class LgammaOp(UnaryOp):
    """`result[i] = log |gamma(operand[i])|`; infinite at the integers up to 0."""

    name = "dlc.lgamma"

    UFUNC: ClassVar = special_values.lgamma
    MATH_OP: ClassVar = special.LgammaOp

    def jvp(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> SSAValue | None:
        """`d lgamma(x) = digamma(x) dx`."""
        (dx,) = tangents
        return None if dx is None else mul(b, dx, digamma(b, self.operand))


@irdl_op_definition
class DigammaOp(UnaryOp):
    """`result[i]` = the derivative of `lgamma` at `operand[i]`; infinite at 0, NaN at negative integers."""

    name = "dlc.digamma"

    UFUNC: ClassVar = special_values.digamma
    MATH_OP: ClassVar = special.DigammaOp

    def jvp(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> SSAValue | None:
        """`d digamma(x) = polygamma(1, x) dx`."""
        (dx,) = tangents
        return None if dx is None else mul(b, dx, polygamma(b, 1, self.operand))


@irdl_op_definition
class PolygammaOp(UnaryOp):
    """`result[i]` = the derivative of `digamma` of order `order`, at least 1, at `operand[i]`."""

    name = "dlc.polygamma"

    order = prop_def(IntegerAttr.constr(i64))

    assembly_format = "$order `,` $operand attr-dict `:` type($operand)"

    @classmethod
    def infer_type(cls, operand_types: Sequence[AnyTensor], properties: Properties) -> AnyTensor:
        """The operand's type."""
        order = cast(IntegerAttr[Any], properties["order"]).value.data
        if not 1 <= order <= 100:
            raise VerifyException(f"{cls.name}: order is {order}, expected 1 to 100; order 0 is dlc.digamma")
        return super().infer_type(operand_types, properties)

    def evaluate(self, operands: Sequence[Array]) -> Array:
        """`special_values.polygamma`."""
        return special_values.polygamma(self.order.value.data, operands[0])

    def jvp(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> SSAValue | None:
        """`d polygamma(n, x) = polygamma(n + 1, x) dx`."""
        (dx,) = tangents
        return None if dx is None else mul(b, dx, polygamma(b, self.order.value.data + 1, self.operand))

    def scalar(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue:
        """`special.polygamma`."""
        return b.create(special.PolygammaOp, operands, operands[0].type, {"order": self.order})


class LogProductOp(BinaryOp):
    """`lhs[i] f(rhs[i])` for a logarithm `f`, but 0 where `lhs[i]` is 0, whatever `f` is; NaN if `rhs[i]` is."""

    KINDS: ClassVar[str] = "float"
    LOGARITHM: ClassVar[type[UnaryOp]]

    def jvp(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> SSAValue | None:
        """`d (x f(y)) = f(y) dx + x f'(y) dy`, where the second term is 0 if `x` is."""
        dx, dy = tangents
        x, y = self.lhs, self.rhs
        by_factor = None if dx is None else mul(b, dx, self.LOGARITHM.emit(b, (y,)))
        by_argument = None
        if dy is not None:
            is_zero = compare(b, "eq", x, full(b, 0, tensor_type_of(x)))
            safe = select(b, is_zero, full(b, 1, tensor_type_of(y)), self._inner(b))
            by_argument = mul(b, dy, div(b, x, safe))
        return add_tangents(b, by_factor, by_argument)

    def scalar(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue:
        """The product, and a choice."""
        x, y = operands
        product = scalar_op(b, arith.MulfOp, x, scalar_op(b, self.LOGARITHM.MATH_OP, y))
        zero = b.constant(0, x.type)
        is_zero = scalar_compare(b, "eq", x, zero)
        is_number = scalar_compare(b, "eq", y, y)
        return scalar_select(b, scalar_op(b, arith.AndIOp, is_zero, is_number), zero, product)

    def _inner(self, b: OpBuilder) -> SSAValue:
        """What the logarithm is the natural logarithm of."""
        del b
        return self.rhs


def _zero_where_factor_is(x: Array, y: Array, product: Array) -> Array:
    return np.where((x == 0) & ~np.isnan(y), np.zeros_like(x), product)


def _xlogy(x: Array, y: Array) -> Array:
    return _zero_where_factor_is(x, y, x * np.log(y))


def _xlog1py(x: Array, y: Array) -> Array:
    return _zero_where_factor_is(x, y, x * np.log1p(y))


@irdl_op_definition
class XlogyOp(LogProductOp):
    """`result[i] = lhs[i] log(rhs[i])`, but 0 where `lhs[i]` is 0 and `rhs[i]` is a number."""

    name = "dlc.xlogy"

    UFUNC: ClassVar = _xlogy
    LOGARITHM: ClassVar = LogOp


@irdl_op_definition
class Xlog1pyOp(LogProductOp):
    """`result[i] = lhs[i] log(1 + rhs[i])`, but 0 where `lhs[i]` is 0 and `rhs[i]` is a number."""

    name = "dlc.xlog1py"

    UFUNC: ClassVar = _xlog1py
    LOGARITHM: ClassVar = Log1pOp

    def _inner(self, b: OpBuilder) -> SSAValue:
        """`1 + y`."""
        return add(b, full(b, 1, tensor_type_of(self.rhs)), self.rhs)


def _gauss(b: OpBuilder, x: SSAValue, sign: int) -> SSAValue:
    """`exp(sign x**2)`."""
    square = mul(b, x, x)
    return exp(b, square if sign > 0 else neg(b, square))


def _scaled(b: OpBuilder, x: SSAValue, factor: float) -> SSAValue:
    return mul(b, x, full(b, factor, tensor_type_of(x)))


def erfc(b: OpBuilder, x: SSAValue) -> SSAValue:
    """Append `1 - erf(x)`."""
    return ErfcOp.emit(b, (x,))


def erfcx(b: OpBuilder, x: SSAValue) -> SSAValue:
    """Append `exp(x**2) erfc(x)`."""
    return ErfcxOp.emit(b, (x,))


def erf_inv(b: OpBuilder, x: SSAValue) -> SSAValue:
    """Append the inverse of `erf` at `x`."""
    return ErfInvOp.emit(b, (x,))


def erfc_inv(b: OpBuilder, x: SSAValue) -> SSAValue:
    """Append the inverse of `erfc` at `x`."""
    return ErfcInvOp.emit(b, (x,))


def lgamma(b: OpBuilder, x: SSAValue) -> SSAValue:
    """Append the logarithm of the absolute value of the gamma function of `x`."""
    return LgammaOp.emit(b, (x,))


def digamma(b: OpBuilder, x: SSAValue) -> SSAValue:
    """Append the derivative of `lgamma` at `x`."""
    return DigammaOp.emit(b, (x,))


def xlogy(b: OpBuilder, x: SSAValue, y: SSAValue) -> SSAValue:
    """Append `x log(y)`, 0 where `x` is."""
    return XlogyOp.emit(b, (x, y))


def xlog1py(b: OpBuilder, x: SSAValue, y: SSAValue) -> SSAValue:
    """Append `x log(1 + y)`, 0 where `x` is."""
    return Xlog1pyOp.emit(b, (x, y))


def polygamma(b: OpBuilder, order: int, x: SSAValue) -> SSAValue:
    """Append the derivative of `digamma` of order `order` at `x`; `digamma` itself for 0."""
    return PolygammaOp.emit(b, (x,), {"order": IntegerAttr(order, i64)}) if order else digamma(b, x)
