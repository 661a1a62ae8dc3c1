"""NumPy's elementary functions of complex numbers that have no operation of their own, in terms of those that have one.

Branch cuts and the signs of zeros on them are those of Kahan, "Branch cuts for complex elementary functions, or much ado
about nothing's sign bit", 1987, which are C99's and NumPy's.
"""

import math
from collections.abc import Callable

from xdsl.ir import SSAValue

from dialects.builder import OpBuilder
from dialects.dlc.arithmetic import add, div, mul, neg, sub
from dialects.dlc.binary import or_
from dialects.dlc.bits import copysign
from dialects.dlc.complex_forms import hypot
from dialects.dlc.complex_parts import complex_, conj, imag, real
from dialects.dlc.constants import full
from dialects.dlc.interfaces import element_type_of, is_complex, tensor_type_of
from dialects.dlc.selection import compare, select
from dialects.dlc.trigonometric import asinh, atan2
from dialects.dlc.unary import abs_, cos, exp, expm1, log, log1p, sin, sqrt

Unary = Callable[[OpBuilder, SSAValue], SSAValue]


def also_complex(of_real: Unary, of_complex: Unary) -> Unary:
    """The rule that is `of_real` on real numbers and `of_complex` on complex ones."""

    def rule(b: OpBuilder, x: SSAValue) -> SSAValue:
        return (of_complex if is_complex(element_type_of(x)) else of_real)(b, x)

    return rule


def _parts(b: OpBuilder, z: SSAValue) -> tuple[SSAValue, SSAValue]:
    return real(b, z), imag(b, z)


def _like(b: OpBuilder, x: SSAValue, value: float) -> SSAValue:
    return full(b, value, tensor_type_of(x))


def complex_exp2(b: OpBuilder, z: SSAValue) -> SSAValue:
    """`exp(z log(2))`."""
    x, y = _parts(b, z)
    scale = _like(b, x, math.log(2))
    return exp(b, complex_(b, mul(b, x, scale), mul(b, y, scale)))


def complex_log(base: float) -> Unary:
    """`log(z) / log(base)`."""

    def rule(b: OpBuilder, z: SSAValue) -> SSAValue:
        x, y = _parts(b, log(b, z))
        scale = _like(b, x, 1 / math.log(base))
        return complex_(b, mul(b, x, scale), mul(b, y, scale))

    return rule


def complex_log1p(b: OpBuilder, z: SSAValue) -> SSAValue:
    """`log(1 + z)`; near zero its real part is `log1p(x (2 + x) + y**2) / 2`."""
    x, y = _parts(b, z)
    zero, one = _like(b, x, 0), _like(b, x, 1)
    is_small = compare(b, "lt", add(b, abs_(b, x), abs_(b, y)), _like(b, x, 0.5))
    small_x, small_y = select(b, is_small, x, zero), select(b, is_small, y, zero)
    excess = add(b, mul(b, small_x, add(b, small_x, _like(b, x, 2))), mul(b, small_y, small_y))
    shifted = add(b, x, one)
    far = log(b, complex_(b, select(b, is_small, one, shifted), select(b, is_small, zero, y)))
    near = mul(b, log1p(b, excess), _like(b, x, 0.5))
    return complex_(b, select(b, is_small, near, real(b, far)), atan2(b, y, shifted))


def complex_expm1(b: OpBuilder, z: SSAValue) -> SSAValue:
    """`expm1(x) cos(y) - 2 sin(y / 2)**2 + i exp(x) sin(y)`; a real number stays one."""
    x, y = _parts(b, z)
    half = sin(b, mul(b, y, _like(b, y, 0.5)))
    re = sub(b, mul(b, expm1(b, x), cos(b, y)), mul(b, _like(b, x, 2), mul(b, half, half)))
    im = mul(b, exp(b, x), sin(b, y))
    return complex_(b, re, select(b, compare(b, "eq", y, _like(b, y, 0)), y, im))


def _roots(b: OpBuilder, z: SSAValue) -> tuple[SSAValue, SSAValue]:
    """`sqrt(1 - z)` and `sqrt(1 + z)`, the signs of zeros kept."""
    x, y = _parts(b, z)
    one = _like(b, x, 1)
    return sqrt(b, complex_(b, sub(b, one, x), neg(b, y))), sqrt(b, complex_(b, add(b, one, x), y))


def _double_angle(b: OpBuilder, y: SSAValue, x: SSAValue) -> SSAValue:
    angle = atan2(b, y, x)
    return add(b, angle, angle)


def _boxed(b: OpBuilder, x: SSAValue) -> SSAValue:
    """`x` seen from infinitely far away: 1 if it is infinite, 0 if it is not, with its sign; NaN stays."""
    near = select(b, compare(b, "eq", x, x), _like(b, x, 0), x)
    return copysign(b, select(b, _is_infinite(b, x), _like(b, x, 1), near), x)


def _is_infinite(b: OpBuilder, x: SSAValue) -> SSAValue:
    return compare(b, "eq", abs_(b, x), _like(b, x, math.inf))


def _unless_infinite(b: OpBuilder, z: SSAValue, re: SSAValue, im: SSAValue, at: tuple[SSAValue, SSAValue]) -> SSAValue:
    """`re + i im`; the parts `at` where a part of `z` is infinite, and products of infinite numbers would be NaN."""
    is_infinite = or_(b, *(_is_infinite(b, part) for part in _parts(b, z)))
    return complex_(b, select(b, is_infinite, at[0], re), select(b, is_infinite, at[1], im))


def complex_acos(b: OpBuilder, z: SSAValue) -> SSAValue:
    """`2 atan2(Re v, Re u) + i asinh(Im(conj(u) v))` with `v = sqrt(1 - z)`, `u = sqrt(1 + z)`."""
    (v, u), (x, y) = _roots(b, z), _parts(b, z)
    far = atan2(b, abs_(b, _boxed(b, y)), _boxed(b, x)), neg(b, copysign(b, _like(b, y, math.inf), y))
    re, im = _double_angle(b, real(b, v), real(b, u)), asinh(b, imag(b, mul(b, conj(b, u), v)))
    return _unless_infinite(b, z, re, im, far)


def complex_acosh(b: OpBuilder, z: SSAValue) -> SSAValue:
    """`asinh(Re(conj(v) u)) + 2i atan2(Im v, Re u)` with `v = sqrt(z - 1)`, `u = sqrt(z + 1)`."""
    x, y = _parts(b, z)
    one = _like(b, x, 1)
    v, u = sqrt(b, complex_(b, sub(b, x, one), y)), sqrt(b, complex_(b, add(b, x, one), y))
    far = _like(b, x, math.inf), atan2(b, _boxed(b, y), _boxed(b, x))
    re, im = asinh(b, real(b, mul(b, conj(b, v), u))), _double_angle(b, imag(b, v), real(b, u))
    return _unless_infinite(b, z, re, im, far)


def complex_asin(b: OpBuilder, z: SSAValue) -> SSAValue:
    """`atan2(x, Re(v u)) + i asinh(Im(conj(v) u))` with `v = sqrt(1 - z)`, `u = sqrt(1 + z)`."""
    (v, u), (x, y) = _roots(b, z), _parts(b, z)
    far = atan2(b, _boxed(b, x), abs_(b, _boxed(b, y))), copysign(b, _like(b, y, math.inf), y)
    re, im = atan2(b, x, real(b, mul(b, v, u))), asinh(b, imag(b, mul(b, conj(b, v), u)))
    return _unless_infinite(b, z, re, im, far)


def complex_atanh(b: OpBuilder, z: SSAValue) -> SSAValue:
    """`log1p(4 x / ((1 - x)**2 + y**2)) / 4 + i atan2(2 y, (1 - x)(1 + x) - y**2) / 2` for `|x|`; it is odd in `x`."""
    x, y = _parts(b, z)
    one, is_left = _like(b, x, 1), compare(b, "lt", x, _like(b, x, 0))
    size = select(b, is_left, neg(b, x), x)  # not `abs`, which has no slope at zero
    distance = hypot(b, sub(b, one, size), y)
    ratio = div(b, div(b, mul(b, size, _like(b, x, 4)), distance), distance)
    re = mul(b, log1p(b, ratio), _like(b, x, 0.25))
    re = select(b, is_left, neg(b, re), re)
    across = sub(b, mul(b, sub(b, one, size), add(b, one, size)), mul(b, y, y))
    im = mul(b, atan2(b, add(b, y, y), across), _like(b, x, 0.5))
    quarter = select(b, compare(b, "eq", y, y), copysign(b, _like(b, y, math.pi / 2), y), y)
    return _unless_infinite(b, z, re, im, (copysign(b, _like(b, x, 0), x), quarter))


def turned(function: Unary) -> Unary:
    """`function(i z) / i`: `asinh` of `asin`, `atan` of `atanh`."""

    def rule(b: OpBuilder, z: SSAValue) -> SSAValue:
        x, y = _parts(b, z)
        re, im = _parts(b, function(b, complex_(b, neg(b, y), x)))
        return complex_(b, im, neg(b, re))

    return rule
