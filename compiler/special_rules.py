"""The formulas of special functions in `dlc` operations, by SciPy's names.

As in `ufunc_rules.py`, a rule gets the builder and operands of one shape and floating-point dtype. Where a formula has a
branch that is not taken, its operand is replaced there by a harmless one, so that derivatives stay finite.
"""

import math
from collections.abc import Callable

from xdsl.ir import SSAValue

from dialects.builder import OpBuilder
from dialects.dlc.arithmetic import add, div, mul, neg, sub
from dialects.dlc.binary import and_, or_, pow_
from dialects.dlc.constants import full
from dialects.dlc.interfaces import tensor_type_of
from dialects.dlc.powers import cbrt, exp2
from dialects.dlc.selection import compare, select
from dialects.dlc.special import digamma, erf_inv, erfc, erfc_inv, erfcx, lgamma, xlog1py, xlogy
from dialects.dlc.trigonometric import atanh
from dialects.dlc.unary import abs_, erf, exp, expm1, log, log1p, logistic

Rule = Callable[..., SSAValue]


def _like(b: OpBuilder, x: SSAValue, value: float) -> SSAValue:
    return full(b, value, tensor_type_of(x))


def _scaled(b: OpBuilder, x: SSAValue, factor: float) -> SSAValue:
    return mul(b, x, _like(b, x, factor))


def exp10(b: OpBuilder, x: SSAValue) -> SSAValue:
    """`10**x`."""
    return pow_(b, _like(b, x, 10), x)


def logit(b: OpBuilder, p: SSAValue) -> SSAValue:
    """`log(p / (1 - p))`; near ½, `2 atanh(2p - 1)`, which does not cancel."""
    one = _like(b, p, 1)
    centred = sub(b, add(b, p, p), one)
    is_near = compare(b, "lt", abs_(b, centred), _like(b, p, 0.5))
    near = _scaled(b, atanh(b, select(b, is_near, centred, _like(b, p, 0))), 2)
    outer = select(b, is_near, _like(b, p, 0.25), p)
    return select(b, is_near, near, log(b, div(b, outer, sub(b, one, outer))))


def log_expit(b: OpBuilder, x: SSAValue) -> SSAValue:
    """`log(1 / (1 + exp(-x)))` as `min(x, 0) - log(1 + exp(-|x|))`, chosen so that it is smooth where `x` is 0."""
    is_negative = compare(b, "lt", x, _like(b, x, 0))
    smaller = select(b, is_negative, x, _like(b, x, 0))
    return sub(b, smaller, log1p(b, exp(b, select(b, is_negative, x, neg(b, x)))))


def ndtr(b: OpBuilder, x: SSAValue) -> SSAValue:
    """`erfc(-x / √2) / 2`."""
    return _scaled(b, erfc(b, _scaled(b, x, -math.sqrt(0.5))), 0.5)


def log_ndtr(b: OpBuilder, x: SSAValue) -> SSAValue:
    """`log ndtr(x)`; below -1 as `log(erfcx(-x / √2) / 2) - x² / 2`, which does not vanish."""
    minus_one = _like(b, x, -1)
    is_left = compare(b, "lt", x, minus_one)
    left = select(b, is_left, x, minus_one)
    tail = sub(b, log(b, erfcx(b, _scaled(b, left, -math.sqrt(0.5)))), _scaled(b, mul(b, left, left), 0.5))
    right = select(b, is_left, minus_one, x)
    near = log1p(b, _scaled(b, erfc(b, _scaled(b, right, math.sqrt(0.5))), -0.5))
    return select(b, is_left, sub(b, tail, _like(b, x, math.log(2))), near)


def ndtri(b: OpBuilder, p: SSAValue) -> SSAValue:
    """`-√2 erfc_inv(2p)`."""
    return sub(b, _like(b, p, 0), _scaled(b, erfc_inv(b, add(b, p, p)), math.sqrt(2)))


def entr(b: OpBuilder, x: SSAValue) -> SSAValue:
    """`-x log(x)`; 0 at 0, minus infinity below."""
    zero = _like(b, x, 0)
    return select(b, compare(b, "lt", x, zero), _like(b, x, -math.inf), sub(b, zero, xlogy(b, x, x)))


def rel_entr(b: OpBuilder, x: SSAValue, y: SSAValue) -> SSAValue:
    """`x log(x / y)` for positive numbers; 0 where `x = 0 ≤ y`; else infinity, or NaN if either is."""
    zero, one = _like(b, x, 0), _like(b, x, 1)
    is_inside = and_(b, compare(b, "gt", x, zero), compare(b, "gt", y, zero))
    safe_x, safe_y = select(b, is_inside, x, one), select(b, is_inside, y, one)
    ratio = div(b, safe_x, safe_y)
    # Around 1 the logarithm of the rounded quotient would be mostly error.
    is_near = and_(b, compare(b, "gt", ratio, _like(b, x, 0.5)), compare(b, "lt", ratio, _like(b, x, 2)))
    near = log1p(b, div(b, sub(b, safe_x, select(b, is_near, safe_y, safe_x)), safe_y))
    product = mul(b, safe_x, select(b, is_near, near, log(b, select(b, is_near, one, ratio))))
    is_edge = and_(b, compare(b, "eq", x, zero), compare(b, "ge", y, zero))
    outside = select(b, is_edge, zero, _like(b, x, math.inf))
    has_nan = or_(b, compare(b, "ne", x, x), compare(b, "ne", y, y))
    return select(b, is_inside, product, select(b, has_nan, _like(b, x, math.nan), outside))


def kl_div(b: OpBuilder, x: SSAValue, y: SSAValue) -> SSAValue:
    """`rel_entr(x, y) - x + y`; infinite where that is."""
    entropy = rel_entr(b, x, y)
    is_infinite = compare(b, "eq", entropy, _like(b, x, math.inf))
    return select(b, is_infinite, entropy, add(b, sub(b, entropy, x), y))


def betaln(b: OpBuilder, x: SSAValue, y: SSAValue) -> SSAValue:
    """`log |Γ(x) Γ(y) / Γ(x + y)|`."""
    return sub(b, add(b, lgamma(b, x), lgamma(b, y)), lgamma(b, add(b, x, y)))


SPECIAL_RULES: dict[str, Rule] = {
    "betaln": betaln,
    "cbrt": cbrt,
    "entr": entr,
    "erf": erf,
    "erfc": erfc,
    "erfcinv": erfc_inv,
    "erfcx": erfcx,
    "erfinv": erf_inv,
    "exp10": exp10,
    "exp2": exp2,
    "expit": logistic,
    "expm1": expm1,
    "gammaln": lgamma,
    "kl_div": kl_div,
    "log1p": log1p,
    "log_expit": log_expit,
    "log_ndtr": log_ndtr,
    "logit": logit,
    "ndtr": ndtr,
    "ndtri": ndtri,
    "psi": digamma,
    "rel_entr": rel_entr,
    "xlog1py": xlog1py,
    "xlogy": xlogy,
}
"""The rule of each of SciPy's ufuncs that we have."""
