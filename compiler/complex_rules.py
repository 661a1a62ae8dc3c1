"""Elementary functions of complex numbers that are written in others, with NumPy's branch cuts and signs of zero.

Inverse functions follow W. Kahan, "Branch cuts for complex elementary functions", 1987.
"""

import math
from collections.abc import Callable

from xdsl.ir import SSAValue

from dialects.builder import OpBuilder, tensor_type
from dialects.dlc.arithmetic import add, div, mul, neg, sub
from dialects.dlc.binary import and_
from dialects.dlc.complex_parts import complex_, conj, imag, real
from dialects.dlc.constants import full
from dialects.dlc.interfaces import element_type_of, is_complex, shape_of
from dialects.dlc.powers import exp2, log2, log10
from dialects.dlc.selection import compare, select
from dialects.dlc.trigonometric import acos, acosh, asin, asinh, atan, atan2, atanh
from dialects.dlc.unary import abs_, cos, exp, expm1, log, log1p, sin, sqrt

Rule = Callable[[OpBuilder, SSAValue], SSAValue]


def _like(b: OpBuilder, x: SSAValue, value: float) -> SSAValue:
    return full(b, value, tensor_type(element_type_of(x), shape_of(x)))


def _plus(b: OpBuilder, z: SSAValue, number: float) -> SSAValue:
    """`z + number`, which leaves the sign of a zero imaginary part alone."""
    x = real(b, z)
    return complex_(b, add(b, x, _like(b, x, number)), imag(b, z))


def _roots(b: OpBuilder, z: SSAValue) -> tuple[SSAValue, SSAValue]:
    """`sqrt(1 - z)` and `sqrt(1 + z)`."""
    x, y = real(b, z), imag(b, z)
    return sqrt(b, complex_(b, sub(b, _like(b, x, 1), x), neg(b, y))), sqrt(b, _plus(b, z, 1))


def _times_i(b: OpBuilder, z: SSAValue) -> SSAValue:
    return complex_(b, neg(b, imag(b, z)), real(b, z))


def _over_i(b: OpBuilder, z: SSAValue) -> SSAValue:
    return complex_(b, imag(b, z), neg(b, real(b, z)))


def _arcsine(b: OpBuilder, z: SSAValue) -> SSAValue:
    minus, plus = _roots(b, z)
    angle = atan2(b, real(b, z), real(b, mul(b, minus, plus)))
    return complex_(b, angle, asinh(b, imag(b, mul(b, conj(b, minus), plus))))


def _arccosine(b: OpBuilder, z: SSAValue) -> SSAValue:
    minus, plus = _roots(b, z)
    half = atan2(b, real(b, minus), real(b, plus))
    return complex_(b, add(b, half, half), asinh(b, imag(b, mul(b, conj(b, plus), minus))))


def _area_cosine(b: OpBuilder, z: SSAValue) -> SSAValue:
    minus, plus = sqrt(b, _plus(b, z, -1)), sqrt(b, _plus(b, z, 1))
    half = atan2(b, imag(b, minus), real(b, plus))
    return complex_(b, asinh(b, real(b, mul(b, conj(b, minus), plus))), add(b, half, half))


def _area_sine(b: OpBuilder, z: SSAValue) -> SSAValue:
    return _over_i(b, _arcsine(b, _times_i(b, z)))


def _area_tangent(b: OpBuilder, z: SSAValue) -> SSAValue:
    """`log((1 + z) / (1 - z)) / 2`."""
    x, y = real(b, z), imag(b, z)
    one = _like(b, x, 1)
    rest, square = sub(b, one, x), mul(b, y, y)
    size = log1p(b, div(b, mul(b, _like(b, x, 4), x), add(b, mul(b, rest, rest), square)))
    angle = atan2(b, add(b, y, y), sub(b, mul(b, rest, add(b, one, x)), square))
    return complex_(b, mul(b, size, _like(b, x, 0.25)), mul(b, angle, _like(b, x, 0.5)))


def _arctangent(b: OpBuilder, z: SSAValue) -> SSAValue:
    return _over_i(b, _area_tangent(b, _times_i(b, z)))


def _logarithm_of_successor(b: OpBuilder, z: SSAValue) -> SSAValue:
    """Near 0 by `|1 + z|² - 1`, which is small with `z`."""
    far = log(b, _plus(b, z, 1))
    x, y = real(b, z), imag(b, z)
    half, zero = _like(b, x, 0.5), _like(b, x, 0)
    is_near = and_(b, compare(b, "lt", abs_(b, x), half), compare(b, "lt", abs_(b, y), half))
    x, y = select(b, is_near, x, zero), select(b, is_near, y, zero)
    excess = add(b, mul(b, x, add(b, x, _like(b, x, 2))), mul(b, y, y))
    return complex_(b, select(b, is_near, mul(b, log1p(b, excess), half), real(b, far)), imag(b, far))


def _exponential_less_one(b: OpBuilder, z: SSAValue) -> SSAValue:
    x, y = real(b, z), imag(b, z)
    half_sine = sin(b, mul(b, y, _like(b, y, 0.5)))
    versine = mul(b, _like(b, y, 2), mul(b, half_sine, half_sine))
    return complex_(b, sub(b, mul(b, expm1(b, x), cos(b, y)), versine), imag(b, exp(b, z)))


def _scaled_parts(b: OpBuilder, z: SSAValue, factor: float) -> SSAValue:
    x, y = real(b, z), imag(b, z)
    return complex_(b, mul(b, x, _like(b, x, factor)), mul(b, y, _like(b, y, factor)))


def _logarithm_to(base: float) -> Rule:
    return lambda b, z: _scaled_parts(b, log(b, z), 1 / math.log(base))


def _by_kind(of_real: Rule, of_complex: Rule) -> Rule:
    def rule(b: OpBuilder, x: SSAValue) -> SSAValue:
        return (of_complex if is_complex(element_type_of(x)) else of_real)(b, x)

    return rule


ELEMENTARY_RULES: dict[str, Rule] = {
    "arcsin": _by_kind(asin, _arcsine),
    "arccos": _by_kind(acos, _arccosine),
    "arctan": _by_kind(atan, _arctangent),
    "arcsinh": _by_kind(asinh, _area_sine),
    "arccosh": _by_kind(acosh, _area_cosine),
    "arctanh": _by_kind(atanh, _area_tangent),
    "expm1": _by_kind(expm1, _exponential_less_one),
    "exp2": _by_kind(exp2, lambda b, z: exp(b, _scaled_parts(b, z, math.log(2)))),
    "log1p": _by_kind(log1p, _logarithm_of_successor),
    "log2": _by_kind(log2, _logarithm_to(2)),
    "log10": _by_kind(log10, _logarithm_to(10)),
}
"""The rules of these ufuncs by NumPy's names, for real and complex numbers."""
