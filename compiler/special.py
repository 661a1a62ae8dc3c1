"""Special functions of arrays, under SciPy's names and with its conventions.

All work inside of `jit` and the transforms, where they become part of the program, and outside, where each is compiled
for the shapes it is called with. SciPy's own ufuncs of these names answer on traced arrays, too. Operands are floating
point (integers become float64) and broadcast; the result has their common dtype. `docs/accuracy.md` has the errors.
Formulas not stated here are definitions of the NIST Digital Library of Mathematical Functions (dlmf.nist.gov), chapters
5 (gamma function) and 7 (error function).
"""

from typing import Any

import numpy as np
from xdsl.ir import SSAValue

from compiler.compiled_functions import compiled
from compiler.errors import ArgumentError, DtypeError, at_user_line
from compiler.frames import current_frame
from compiler.operands import as_tracer, operand_value
from compiler.promotion import FLOAT64, broadcast_shapes, result_dtype
from compiler.special_rules import SPECIAL_RULES, Rule
from compiler.tracer import Tracer, value_of, xp
from compiler.ufunc_rules import positive
from dialects.builder import OpBuilder
from dialects.dlc import special, unary

__all__ = [
    "betaln",
    "digamma",
    "entr",
    "erf",
    "erfc",
    "erfcinv",
    "erfcx",
    "erfinv",
    "expit",
    "gammaln",
    "kl_div",
    "log_expit",
    "log_ndtr",
    "log_softmax",
    "logit",
    "logsumexp",
    "ndtr",
    "ndtri",
    "polygamma",
    "psi",
    "rel_entr",
    "softmax",
    "xlog1py",
    "xlogy",
]


def _apply(name: str, rule: Rule, *operands: Any) -> Tracer:
    """The value of `rule` on operands that broadcast, in their common floating-point dtype."""
    dtype = result_dtype(*operands)
    if dtype.kind in "biu":
        dtype = FLOAT64
    elif dtype.kind == "c":
        raise DtypeError(at_user_line(f"{name}: operands have dtype {dtype}, expected real numbers; use `.real`"))
    frame = current_frame()
    shape = broadcast_shapes(name, *[x.shape if isinstance(x, Tracer) else np.shape(x) for x in operands])
    return Tracer(frame, rule(frame.builder, *[operand_value(frame, x, dtype, shape) for x in operands]))


def _named(name: str, *operands: Any) -> Tracer:
    return _apply(name, SPECIAL_RULES[name], *operands)


@compiled()
def erf(x: Any) -> Any:
    """The error function, `2 / √π ∫ exp(-t²) dt` from 0 to `x`.

    Args:
        x: any shape, floating point.

    Example:
        >>> erf(np.array([0.0, 1.0])).round(4)
        array([0.    , 0.8427])
    """
    return _named("erf", x)


@compiled()
def erfc(x: Any) -> Any:
    """`1 - erf(x)`, to full precision where it is small.

    Args:
        x: any shape, floating point.

    Example:
        >>> erfc(np.array([0.0, 10.0]))
        array([1.00000000e+00, 2.08848758e-45])
    """
    return _named("erfc", x)


@compiled()
def erfcx(x: Any) -> Any:
    """`exp(x²) erfc(x)`, which neither vanishes nor overflows for positive `x`.

    Args:
        x: any shape, floating point.

    Example:
        >>> erfcx(np.array([0.0, 100.0])).round(6)
        array([1.      , 0.005642])
    """
    return _named("erfcx", x)


@compiled()
def erfinv(x: Any) -> Any:
    """The inverse of `erf`: infinite at -1 and 1, NaN beyond.

    Args:
        x: any shape, floating point.

    Example:
        >>> erfinv(np.array([0.0, 0.5])).round(4)
        array([0.    , 0.4769])
    """
    return _named("erfinv", x)


@compiled()
def erfcinv(x: Any) -> Any:
    """The inverse of `erfc`: infinite at 0 and 2, NaN beyond.

    Args:
        x: any shape, floating point.

    Example:
        >>> erfcinv(np.array([1.0, 1e-300])).round(4)
        array([ 0.    , 26.2095])
    """
    return _named("erfcinv", x)


@compiled()
def gammaln(x: Any) -> Any:
    """`log |Γ(x)|`; infinite at the integers up to 0.

    Args:
        x: any shape, floating point.

    Example:
        >>> gammaln(np.array([0.5, 3.0, 171.0])).round(4)
        array([5.724000e-01, 6.931000e-01, 7.065731e+02])
    """
    return _named("gammaln", x)


@compiled()
def psi(x: Any) -> Any:
    """The digamma function, `Γ′(x) / Γ(x)`; infinite at 0, NaN at negative integers.

    Args:
        x: any shape, floating point.

    Example:
        >>> psi(np.array([1.0, 10.0])).round(4)
        array([-0.5772,  2.2518])
    """
    return _named("psi", x)


@compiled()
def expit(x: Any) -> Any:
    """`1 / (1 + exp(-x))`.

    Args:
        x: any shape, floating point.

    Example:
        >>> expit(np.array([-1000.0, 0.0, 1.0])).round(4)
        array([0.    , 0.5   , 0.7311])
    """
    return _named("expit", x)


@compiled()
def logit(x: Any) -> Any:
    """`log(x / (1 - x))`, the inverse of `expit`; NaN outside of `[0, 1]`.

    Args:
        x: any shape, floating point.

    Example:
        >>> logit(np.array([0.0, 0.5, 0.9])).round(4)
        array([  -inf, 0.    , 2.1972])
    """
    return _named("logit", x)


@compiled()
def log_expit(x: Any) -> Any:
    """`log(expit(x))`, without overflow or cancellation.

    Args:
        x: any shape, floating point.

    Example:
        >>> log_expit(np.array([-1000.0, 0.0])).round(4)
        array([-1.000e+03, -6.931e-01])
    """
    return _named("log_expit", x)


@compiled()
def ndtr(x: Any) -> Any:
    """The distribution function of the normal distribution.

    Args:
        x: any shape, floating point.

    Example:
        >>> ndtr(np.array([-1.0, 0.0, 1.0])).round(4)
        array([0.1587, 0.5   , 0.8413])
    """
    return _named("ndtr", x)


@compiled()
def log_ndtr(x: Any) -> Any:
    """`log(ndtr(x))`, also where `ndtr` vanishes.

    Args:
        x: any shape, floating point.

    Example:
        >>> log_ndtr(np.array([-100.0, 0.0])).round(4)
        array([-5.0055242e+03, -6.9310000e-01])
    """
    return _named("log_ndtr", x)


@compiled()
def ndtri(x: Any) -> Any:
    """The inverse of `ndtr`: infinite at 0 and 1, NaN beyond.

    Args:
        x: any shape, floating point.

    Example:
        >>> ndtri(np.array([0.5, 0.975])).round(4)
        array([0.  , 1.96])
    """
    return _named("ndtri", x)


@compiled()
def entr(x: Any) -> Any:
    """`-x log(x)`, 0 at 0, minus infinity for negative `x`: the terms of an entropy.

    Args:
        x: any shape, floating point.

    Example:
        >>> entr(np.array([-1.0, 0.0, 0.5])).round(4)
        array([  -inf, 0.    , 0.3466])
    """
    return _named("entr", x)


@compiled()
def xlogy(x: Any, y: Any) -> Any:
    """`x log(y)`, but 0 where `x` is 0 and `y` is a number.

    Args:
        x: any shape, floating point.
        y: a shape that broadcasts against that of `x`.

    Raises:
        ShapeError: the shapes do not broadcast.

    Example:
        >>> xlogy(np.array([0.0, 2.0]), np.array([0.0, 3.0])).round(4)
        array([0.    , 2.1972])
    """
    return _named("xlogy", x, y)


@compiled()
def xlog1py(x: Any, y: Any) -> Any:
    """`x log(1 + y)`, but 0 where `x` is 0 and `y` is a number.

    Args:
        x: any shape, floating point.
        y: a shape that broadcasts against that of `x`.

    Raises:
        ShapeError: the shapes do not broadcast.

    Example:
        >>> xlog1py(np.array([0.0, 2.0]), np.array([-1.0, 3.0])).round(4)
        array([0.    , 2.7726])
    """
    return _named("xlog1py", x, y)


@compiled()
def rel_entr(x: Any, y: Any) -> Any:
    """`x log(x / y)` for positive numbers, 0 where `x = 0 ≤ y`, else infinity.

    Args:
        x: any shape, floating point.
        y: a shape that broadcasts against that of `x`.

    Raises:
        ShapeError: the shapes do not broadcast.

    Example:
        >>> rel_entr(np.array([0.0, 0.5]), np.array([0.0, 0.25])).round(4)
        array([0.    , 0.3466])
    """
    return _named("rel_entr", x, y)


@compiled()
def kl_div(x: Any, y: Any) -> Any:
    """`x log(x / y) - x + y` for positive numbers, `y` where `x = 0 ≤ y`, else infinity.

    Args:
        x: any shape, floating point.
        y: a shape that broadcasts against that of `x`.

    Raises:
        ShapeError: the shapes do not broadcast.

    Example:
        >>> kl_div(np.array([0.0, 0.5]), np.array([0.5, 0.25])).round(4)
        array([0.5   , 0.0966])
    """
    return _named("kl_div", x, y)


@compiled()
def betaln(a: Any, b: Any) -> Any:
    """`log |Γ(a) Γ(b) / Γ(a + b)|`; the error is that of the largest of the three.

    Args:
        a: any shape, floating point.
        b: a shape that broadcasts against that of `a`.

    Raises:
        ShapeError: the shapes do not broadcast.

    Example:
        >>> betaln(np.array([2.0]), np.array([3.0])).round(4)
        array([-2.4849])
    """
    return _named("betaln", a, b)


@compiled(("n",))
def polygamma(n: int, x: Any) -> Any:
    """The derivative of `psi` of order `n`: `psi` itself for 0.

    Args:
        n: an integer from 0 to 100, the same for all elements.
        x: any shape, floating point.

    Raises:
        ArgumentError: `n` is not such an integer.

    Example:
        >>> polygamma(1, np.array([1.0, 10.0])).round(4)
        array([1.6449, 0.1052])
    """
    if isinstance(n, bool) or not isinstance(n, int | np.integer) or not 0 <= n <= 100:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ArgumentError(at_user_line(f"polygamma: n is {n!r}; use an integer from 0 to 100"))

    def rule(b: OpBuilder, value: SSAValue) -> SSAValue:
        return special.polygamma(b, int(n), value)

    return _apply("polygamma", rule, x)


def digamma(x: Any) -> Any:
    """`psi`, under its other name.

    Args:
        x: any shape, floating point.

    Example:
        >>> digamma(np.array([1.0, 10.0])).round(4)
        array([-0.5772,  2.2518])
    """
    return psi(x)


@compiled(("axis", "keepdims"))
def logsumexp(a: Any, axis: Any = None, b: Any = None, keepdims: bool = False) -> Any:
    """`log(sum(b exp(a)))` over `axis`, computed without overflow: the largest element is taken out of the sum.

    Args:
        a: any shape, floating point.
        axis: the axis or axes to sum over; all of them if `None`.
        b: factors, broadcast against `a`; 1 if `None`. NaN if the sum is negative.
        keepdims: whether the axes stay, with size 1.

    Raises:
        ShapeError: there is no such axis.

    Example:
        >>> logsumexp(np.array([1000.0, 1000.0])).round(4)
        np.float64(1000.6931)
    """
    a = _floating(a)
    if b is None:
        return np.logaddexp.reduce(a, axis=axis, keepdims=keepdims)
    largest = _largest(a, axis)
    total = np.sum(b * np.exp(a - largest), axis=axis, keepdims=True)
    result = np.log(total) + largest
    return result if keepdims else np.sum(result, axis=axis)


@compiled(("axis",))
def softmax(x: Any, axis: Any = None) -> Any:
    """`exp(x) / sum(exp(x))` over `axis`, computed without overflow.

    Args:
        x: any shape, floating point.
        axis: the axis or axes that sum to one; all of them if `None`.

    Raises:
        ShapeError: there is no such axis.

    Example:
        >>> softmax(np.array([0.0, 1000.0]))
        array([0., 1.])
    """
    x = _floating(x)
    exponentials = np.exp(x - _largest(x, axis))
    return exponentials / np.sum(exponentials, axis=axis, keepdims=True)


@compiled(("axis",))
def log_softmax(x: Any, axis: Any = None) -> Any:
    """`log(softmax(x))` over `axis`, computed without overflow or cancellation.

    Args:
        x: any shape, floating point.
        axis: the axis or axes that are normalised; all of them if `None`.

    Raises:
        ShapeError: there is no such axis.

    Example:
        >>> log_softmax(np.array([0.0, 1000.0]))
        array([-1000.,     0.])
    """
    x = _floating(x)
    shifted = x - _largest(x, axis)
    return shifted - np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True))


def _floating(x: Any) -> Tracer:
    """`x` as a traced array of floating-point numbers."""
    return _apply("logsumexp", positive, as_tracer(x))


def _largest(x: Tracer, axis: Any) -> Tracer:
    """The maximum over `axis` as a constant for derivatives, as shifting changes no value; 0 where it is not finite."""
    frame = current_frame()
    largest = value_of(xp.max(x, axis=axis, keepdims=True, initial=-np.inf), frame)
    largest = Tracer(frame, unary.stop_gradient(frame.builder, largest))
    return xp.where(xp.isfinite(largest), largest, 0)
