"""Functions of each element of one array, or of the elements of two that broadcast to one shape.

Dtypes are promoted as in NumPy; a Python scalar adopts the dtype of the array that it meets. Special values (NaN, infinities,
signed zeros) are those of IEEE 754 and of the array API standard. Every function raises `DtypeError` for a dtype that it does
not take, and `ShapeError` for shapes that do not broadcast.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from compiler.numpy.calls import apply


def _unary(name: str, function: Any, formula: str, example: str) -> Callable[[Any], Any]:
    def elementwise(x: Any, /) -> Any:
        return apply(function, x)

    return _documented(elementwise, name, f"`{formula}`, element by element.", example)


def _binary(name: str, function: Any, formula: str, example: str) -> Callable[[Any, Any], Any]:
    def elementwise(x1: Any, x2: Any, /) -> Any:
        return apply(function, x1, x2)

    summary = f"`{formula}`, element by element. One of `x1` and `x2` may be a Python scalar."
    return _documented(elementwise, name, summary, example)


def _documented(function: Callable[..., Any], name: str, summary: str, example: str) -> Callable[..., Any]:
    function.__name__ = function.__qualname__ = name
    call, result = example.split(" -> ")
    function.__doc__ = f"{summary}\n\n    Example:\n        >>> {call}\n        {result}\n    "
    return function


abs = _unary("abs", np.absolute, "|x|", "abs(asarray([-1.5, 2.0])) -> Tensor([1.5, 2. ])")
acos = _unary(
    "acos", np.arccos, "acos(x), from 0 to pi", "acos(asarray([1.0, 0.0])) -> Tensor([0.        , 1.57079633])"
)
acosh = _unary(
    "acosh", np.arccosh, "acosh(x), not negative", "acosh(asarray([1.0, 2.0])) -> Tensor([0.       , 1.3169579])"
)
add = _binary("add", np.add, "x1 + x2", "add(asarray([1.0, 2.0]), 1.0) -> Tensor([2., 3.])")
asin = _unary(
    "asin", np.arcsin, "asin(x), from -pi/2 to pi/2", "asin(asarray([0.0, 1.0])) -> Tensor([0.        , 1.57079633])"
)
asinh = _unary("asinh", np.arcsinh, "asinh(x)", "asinh(asarray([0.0, 1.0])) -> Tensor([0.        , 0.88137359])")
atan = _unary(
    "atan", np.arctan, "atan(x), from -pi/2 to pi/2", "atan(asarray([0.0, 1.0])) -> Tensor([0.        , 0.78539816])"
)
atan2 = _binary(
    "atan2",
    np.arctan2,
    "the angle of the point (x2, x1), from -pi to pi",
    "atan2(asarray([1.0, 0.0]), asarray([1.0, -1.0])) -> Tensor([0.78539816, 3.14159265])",
)
atanh = _unary("atanh", np.arctanh, "atanh(x)", "atanh(asarray([0.0, 0.5])) -> Tensor([0.        , 0.54930614])")
bitwise_and = _binary("bitwise_and", np.bitwise_and, "x1 & x2", "bitwise_and(asarray([6, 5]), 3) -> Tensor([2, 1])")
bitwise_invert = _unary("bitwise_invert", np.invert, "~x", "bitwise_invert(asarray([0, 5])) -> Tensor([-1, -6])")
bitwise_left_shift = _binary(
    "bitwise_left_shift", np.left_shift, "x1 << x2", "bitwise_left_shift(asarray([1, 3]), 2) -> Tensor([ 4, 12])"
)
bitwise_or = _binary("bitwise_or", np.bitwise_or, "x1 | x2", "bitwise_or(asarray([6, 5]), 3) -> Tensor([7, 7])")
bitwise_right_shift = _binary(
    "bitwise_right_shift",
    np.right_shift,
    "x1 >> x2, with copies of the sign",
    "bitwise_right_shift(asarray([8, -3]), 1) -> Tensor([ 4, -2])",
)
bitwise_xor = _binary("bitwise_xor", np.bitwise_xor, "x1 ^ x2", "bitwise_xor(asarray([6, 5]), 3) -> Tensor([5, 6])")
ceil = _unary(
    "ceil", np.ceil, "the smallest integer that is not below x", "ceil(asarray([1.2, -1.2])) -> Tensor([ 2., -1.])"
)
conj = _unary(
    "conj",
    np.conjugate,
    "x with the sign of the imaginary part changed",
    "conj(asarray([1.0, 2.0])) -> Tensor([1., 2.])",
)
copysign = _binary(
    "copysign",
    np.copysign,
    "|x1| with the sign of x2",
    "copysign(asarray([1.0, 2.0]), asarray([-0.0, 1.0])) -> Tensor([-1.,  2.])",
)
cos = _unary("cos", np.cos, "cos(x), x in radians", "cos(asarray([0.0, 1.0])) -> Tensor([1.        , 0.54030231])")
cosh = _unary("cosh", np.cosh, "cosh(x)", "cosh(asarray([0.0, 1.0])) -> Tensor([1.        , 1.54308063])")
divide = _binary("divide", np.true_divide, "x1 / x2", "divide(asarray([1.0, 3.0]), 2.0) -> Tensor([0.5, 1.5])")
equal = _binary(
    "equal", np.equal, "x1 == x2", "equal(asarray([1.0, nan]), asarray([1.0, nan])) -> Tensor([ True, False])"
)
exp = _unary("exp", np.exp, "e ** x", "exp(asarray([0.0, 1.0])) -> Tensor([1.        , 2.71828183])")
expm1 = _unary(
    "expm1", np.expm1, "e ** x - 1, accurate near zero", "expm1(asarray([0.0, 1e-10])) -> Tensor([0.e+00, 1.e-10])"
)
floor = _unary(
    "floor", np.floor, "the largest integer that is not above x", "floor(asarray([1.7, -1.2])) -> Tensor([ 1., -2.])"
)
floor_divide = _binary(
    "floor_divide", np.floor_divide, "floor(x1 / x2)", "floor_divide(asarray([7, -7]), 2) -> Tensor([ 3, -4])"
)
greater = _binary("greater", np.greater, "x1 > x2", "greater(asarray([1.0, 3.0]), 2.0) -> Tensor([False,  True])")
greater_equal = _binary(
    "greater_equal", np.greater_equal, "x1 >= x2", "greater_equal(asarray([1.0, 2.0]), 2.0) -> Tensor([False,  True])"
)
hypot = _binary(
    "hypot",
    np.hypot,
    "sqrt(x1 ** 2 + x2 ** 2), without overflow on the way",
    "hypot(asarray([3.0, 1e300]), asarray([4.0, 1e300])) -> Tensor([5.00000000e+000, 1.41421356e+300])",
)
imag = _unary("imag", np.imag, "the imaginary part of x", "imag(asarray([1.0 + 2.0j])) -> Tensor([2.])")
isfinite = _unary(
    "isfinite",
    np.isfinite,
    "x is neither infinite nor NaN",
    "isfinite(asarray([1.0, inf, nan])) -> Tensor([ True, False, False])",
)
isinf = _unary("isinf", np.isinf, "x is infinite", "isinf(asarray([1.0, inf, nan])) -> Tensor([False,  True, False])")
isnan = _unary(
    "isnan", np.isnan, "x is not a number", "isnan(asarray([1.0, inf, nan])) -> Tensor([False, False,  True])"
)
less = _binary("less", np.less, "x1 < x2", "less(asarray([1.0, 3.0]), 2.0) -> Tensor([ True, False])")
less_equal = _binary(
    "less_equal", np.less_equal, "x1 <= x2", "less_equal(asarray([1.0, 2.0]), 2.0) -> Tensor([ True,  True])"
)
log = _unary(
    "log", np.log, "the natural logarithm of x", "log(asarray([1.0, 2.0])) -> Tensor([0.        , 0.69314718])"
)
log10 = _unary("log10", np.log10, "the logarithm of x to base 10", "log10(asarray([1.0, 100.0])) -> Tensor([0., 2.])")
log1p = _unary(
    "log1p", np.log1p, "log(1 + x), accurate near zero", "log1p(asarray([0.0, 1e-10])) -> Tensor([0.e+00, 1.e-10])"
)
log2 = _unary("log2", np.log2, "the logarithm of x to base 2", "log2(asarray([1.0, 8.0])) -> Tensor([0., 3.])")
logaddexp = _binary(
    "logaddexp",
    np.logaddexp,
    "log(exp(x1) + exp(x2)), without overflow on the way",
    "logaddexp(asarray([0.0, 800.0]), asarray([0.0, 800.0])) -> Tensor([6.93147181e-01, 8.00693147e+02])",
)
logical_and = _binary(
    "logical_and", np.logical_and, "x1 and x2", "logical_and(asarray([True, False]), True) -> Tensor([ True, False])"
)
logical_not = _unary(
    "logical_not", np.logical_not, "not x", "logical_not(asarray([True, False])) -> Tensor([False,  True])"
)
logical_or = _binary(
    "logical_or", np.logical_or, "x1 or x2", "logical_or(asarray([True, False]), False) -> Tensor([ True, False])"
)
logical_xor = _binary(
    "logical_xor",
    np.logical_xor,
    "either x1 or x2",
    "logical_xor(asarray([True, False]), True) -> Tensor([False,  True])",
)
maximum = _binary(
    "maximum",
    np.maximum,
    "the greater of x1 and x2, NaN if one is",
    "maximum(asarray([1.0, nan]), 2.0) -> Tensor([ 2., nan])",
)
minimum = _binary(
    "minimum",
    np.minimum,
    "the smaller of x1 and x2, NaN if one is",
    "minimum(asarray([1.0, nan]), 2.0) -> Tensor([ 1., nan])",
)
multiply = _binary("multiply", np.multiply, "x1 * x2", "multiply(asarray([1.0, 2.0]), 3.0) -> Tensor([3., 6.])")
negative = _unary("negative", np.negative, "-x", "negative(asarray([1.0, -2.0])) -> Tensor([-1.,  2.])")
nextafter = _binary(
    "nextafter",
    np.nextafter,
    "the next number after x1 towards x2",
    "nextafter(asarray([1.0]), asarray([2.0])) -> Tensor([1.])",
)
not_equal = _binary(
    "not_equal",
    np.not_equal,
    "x1 != x2",
    "not_equal(asarray([1.0, nan]), asarray([1.0, nan])) -> Tensor([False,  True])",
)
positive = _unary("positive", np.positive, "+x", "positive(asarray([1.0, -2.0])) -> Tensor([ 1., -2.])")
pow = _binary("pow", np.power, "x1 ** x2", "pow(asarray([2.0, 3.0]), 2.0) -> Tensor([4., 9.])")
real = _unary("real", np.real, "the real part of x", "real(asarray([1.0, 2.0])) -> Tensor([1., 2.])")
reciprocal = _unary("reciprocal", np.reciprocal, "1 / x", "reciprocal(asarray([2.0, 4.0])) -> Tensor([0.5 , 0.25])")
remainder = _binary(
    "remainder",
    np.remainder,
    "x1 - floor(x1 / x2) * x2, with the sign of x2",
    "remainder(asarray([7, -7]), 3) -> Tensor([1, 2])",
)
round = _unary(
    "round",
    np.round,
    "the integer nearest to x, the even one if two are",
    "round(asarray([0.5, 1.5, -1.7])) -> Tensor([ 0.,  2., -2.])",
)
sign = _unary(
    "sign",
    np.sign,
    "-1, 0 or 1 as x is negative, zero or positive; x / |x| if complex",
    "sign(asarray([-3.0, 0.0, 2.0])) -> Tensor([-1.,  0.,  1.])",
)
signbit = _unary(
    "signbit",
    np.signbit,
    "the sign bit of x is set, as for -0.0",
    "signbit(asarray([-0.0, 0.0, -1.0])) -> Tensor([ True, False,  True])",
)
sin = _unary("sin", np.sin, "sin(x), x in radians", "sin(asarray([0.0, 1.0])) -> Tensor([0.        , 0.84147098])")
sinh = _unary("sinh", np.sinh, "sinh(x)", "sinh(asarray([0.0, 1.0])) -> Tensor([0.        , 1.17520119])")
sqrt = _unary(
    "sqrt",
    np.sqrt,
    "the square root of x, NaN if x is negative",
    "sqrt(asarray([4.0, 2.0])) -> Tensor([2.        , 1.41421356])",
)
square = _unary("square", np.square, "x * x", "square(asarray([3.0, -2.0])) -> Tensor([9., 4.])")
subtract = _binary("subtract", np.subtract, "x1 - x2", "subtract(asarray([1.0, 2.0]), 1.0) -> Tensor([0., 1.])")
tan = _unary("tan", np.tan, "tan(x), x in radians", "tan(asarray([0.0, 1.0])) -> Tensor([0.        , 1.55740772])")
tanh = _unary("tanh", np.tanh, "tanh(x)", "tanh(asarray([0.0, 1.0])) -> Tensor([0.        , 0.76159416])")
trunc = _unary("trunc", np.trunc, "x without its fraction", "trunc(asarray([1.7, -1.7])) -> Tensor([ 1., -1.])")


def clip(x: Any, /, min: Any = None, max: Any = None) -> Any:
    """`minimum(maximum(x, min), max)`, element by element; a bound that is `None` is none, and NaN stays.

    Args:
        x: a real array.
        min: lower bounds, a number or an array that broadcasts with `x`.
        max: upper bounds, the same.

    Example:
        >>> clip(asarray([-2.0, 0.5, 3.0]), 0, 1)
        Tensor([0. , 0.5, 1. ])
    """
    return apply(np.clip, x, min, max)
