"""Elementary functions as `expand-math` and LLVM make them, on arrays; and their exact values."""

import ctypes
import math
from collections.abc import Callable
from functools import cache
from typing import Any

import mpmath
import numpy as np
from mpmath import mp, mpf
from native_runner import lower_to_text

from runtime import native

Array = np.ndarray[Any, Any]

BUDGETS = {
    "exp": 2,
    "exp2": 2,
    "expm1": 2,
    "log": 2,
    "log1p": 2,
    "log2": 2,
    "log10": 2,
    "cbrt": 2,
    "erf": 2,
    "erfc": 2,
    "erfcx": 3,
    "rsqrt": 2,
    "asin": 2,
    "acos": 2,
    "atan": 2,
    "sinh": 2,
    "cosh": 2,
    "asinh": 2,
    "acosh": 2,
    "atanh": 2,
    "tanh": 4,
    "sin": 4,
    "cos": 4,
    "tan": 4,
    "atan2": 4,
    "erf_inv": 4,
    "erfc_inv": 4,
    "lgamma": 4,
    "digamma": 4,
    "trigamma": 6,
    "tetragamma": 8,
    "powf": 4,
}
"""The promised error of each function, in units in the last place."""

FAST_BUDGETS = {
    "exp": 2,
    "exp2": 2,
    "log": 2,
    "log2": 2,
    "log10": 2,
    "erf": 6,
    "powf": 2,
    "rsqrt": 2,
    "sqrt": 1,
    "quotient by root": 3,
    "quotient by cubed root": 6,
}
"""The promised error with `math="fast"`; for `powf` of `x` and `y` times `1 + |y log2 x|`."""


def scale_of_fast_pow(x: Any, y: Any) -> Any:
    """How much larger the error of a fast power may be than that of other functions."""
    return 1 + np.abs(y * np.log2(np.abs(x)))


def erfc_inv(x: Any) -> Any:
    """The inverse of `erfc`, by Newton's method on the logarithm where `erfc` is small."""
    if x > 1:
        return -erfc_inv(2 - x)
    if x > 1e-3:
        return mpmath.erfinv(1 - x)
    z, target = mpmath.sqrt(-mpmath.log(x)), mpmath.log(x)
    for _ in range(12):
        value = mpmath.erfc(z)
        z += (mpmath.log(value) - target) * value * mpmath.sqrt(mp.pi) / 2 * mpmath.exp(z * z)
    return z


def lgamma(x: Any) -> Any:
    """The logarithm of the absolute value of the gamma function."""
    if x > 0:
        return mpmath.loggamma(x)
    sine = abs(mpmath.sinpi(x))
    return mpmath.log(mp.pi / sine) - mpmath.loggamma(1 - x) if sine else mpf("inf")


def polygamma(order: int, x: Any) -> Any:
    """The polygamma function; far from 0 by its asymptotic series, where mpmath would add up too many terms."""
    if abs(x) < 1e-20:  # the pole at 0, and the next term
        factor = (-1) ** (order + 1) * mpmath.factorial(order)
        return factor * (x ** -(order + 1) + mpmath.zeta(order + 1))
    if x < 0:
        slope = mpmath.diff(lambda y: mpmath.pi * mpmath.cot(mpmath.pi * y), x - mpmath.nint(x), order)
        return (-1) ** order * polygamma(order, 1 - x) - slope
    if x < 1e4:
        return mpmath.polygamma(order, x)
    terms = ((1, 1), (mpf(1) / 2, 2), (mpf(1) / 6, 3), (-mpf(1) / 30, 5), (mpf(1) / 42, 7), (-mpf(1) / 30, 9))
    # The series of order 1, and its derivatives.
    total = sum(c * x ** -(p + order - 1) * mpmath.rf(p, order - 1) for c, p in terms)
    return (-1) ** (order - 1) * total


def scale_near_zeros(name: str, x: float) -> float:
    """Where a function crosses zero, the size of the terms that cancel: the error is some units of their last place."""
    if name == "digamma":
        return 1.0 if x > 0 else max(4.0, math.log(1 - x))
    if name == "tetragamma" and x < 0:
        return 1.0
    return max(2.0, math.lgamma(1 - x)) if name == "lgamma" and x < 0 else 0.0


EXACT: dict[str, Callable[..., Any]] = {
    "exp": mpmath.exp,
    "exp2": lambda x: mpmath.power(2, x),
    "expm1": mpmath.expm1,
    "log": mpmath.log,
    "log1p": mpmath.log1p,
    "log2": lambda x: mpmath.log(x) / mp.ln2,
    "log10": lambda x: mpmath.log(x) / mp.ln10,
    "cbrt": lambda x: mpmath.sign(x) * mpmath.cbrt(abs(x)),
    "erf": mpmath.erf,
    "erfc": mpmath.erfc,
    "erfcx": lambda x: mpmath.exp(x * x) * mpmath.erfc(x),
    "erf_inv": mpmath.erfinv,
    "erfc_inv": erfc_inv,
    "lgamma": lgamma,
    "digamma": mpmath.digamma,
    "trigamma": lambda x: polygamma(1, x),
    "tetragamma": lambda x: polygamma(2, x),
    "rsqrt": lambda x: 1 / mpmath.sqrt(x),
    "sqrt": mpmath.sqrt,
    "quotient by root": lambda x, y: x / mpmath.sqrt(y),
    "quotient by cubed root": lambda x, y: x / (y * mpmath.sqrt(y)),
    "asin": mpmath.asin,
    "acos": mpmath.acos,
    "atan": mpmath.atan,
    "sinh": mpmath.sinh,
    "cosh": mpmath.cosh,
    "asinh": mpmath.asinh,
    "acosh": mpmath.acosh,
    "atanh": mpmath.atanh,
    "tanh": mpmath.tanh,
    "sin": mpmath.sin,
    "cos": mpmath.cos,
    "tan": mpmath.tan,
    "atan2": mpmath.atan2,
    "powf": mpmath.power,
}

QUOTIENTS = {
    "quotient by root": ("%root = math.sqrt %v1 : {0}", "%r = arith.divf %v0, %root : {0}"),
    "quotient by cubed root": (
        "%root = math.sqrt %v1 : {0}",
        "%product = arith.mulf %v1, %root : {0}",
        "%r = arith.divf %v0, %product : {0}",
    ),
}
"""What is computed by several operations: `a / √b` and `a / (b √b)`."""

BINARY = ("atan2", "powf", "rem", *QUOTIENTS)
SPECIAL = ("erfc", "erfcx", "erf_inv", "erfc_inv", "lgamma", "digamma", "rem")
"""The functions of the dialect `special`; the others are in `math`."""
POLYGAMMAS = {"trigamma": 1, "tetragamma": 2}

HAS_EXPONENTS = native.host_target().has_exponents
"""Whether this machine has the instructions for exponents that `expand-math` can use."""

_TYPES = {np.dtype(np.float32): "f32", np.dtype(np.float64): "f64"}


def op_name(name: str) -> str:
    """The operation that computes a function; `trigamma` is `polygamma` of order 1, `tetragamma` of order 2."""
    if name in POLYGAMMAS:
        return "special.polygamma"
    return f"special.{name}" if name in SPECIAL else f"math.{name}"


def attributes(name: str) -> str:
    """What the operation of `op_name` has besides operands."""
    return f"{{order = {POLYGAMMAS[name]} : i64}} " if name in POLYGAMMAS else ""


@cache
def compiled(
    name: str, element: str, size: int, lanes: int, fast: bool = False, exponents: bool = HAS_EXPONENTS
) -> native.Program:
    """A host function `map` that applies `math.name` to `size` numbers, `lanes` at a time, or one by one."""
    arity = 2 if name in BINARY else 1
    inputs = [f"%x{i}" for i in range(arity)]
    buffer, value = f"memref<{size}x{element}>", f"vector<{lanes}x{element}>" if lanes else element
    loads = "\n".join(
        f"%v{i} = vector.load %x{i}[%at] : {buffer}, {value}" if lanes else f"%v{i} = memref.load %x{i}[%at] : {buffer}"
        for i in range(arity)
    )
    values = ", ".join(f"%v{i}" for i in range(arity))
    lines = QUOTIENTS.get(name, (f"%r = {op_name(name)} {values} {attributes(name)}: {{0}}",))
    body = "\n".join(line.replace("{0}", value) for line in lines)
    store = f"vector.store %r, %y[%at] : {buffer}, {value}" if lanes else f"memref.store %r, %y[%at] : {buffer}"
    steps = size // max(lanes, 1)
    arguments = ", ".join(f"{v}: {buffer}" for v in [*inputs, "%y"])
    text = f"""
    func.func private @kernel(%lo: index, %hi: index, {arguments}) {{
      %step = arith.constant 1 : index
      %lanes = arith.constant {max(lanes, 1)} : index
      scf.for %i = %lo to %hi step %step {{
        %at = arith.muli %i, %lanes : index
        {loads}
        {body}
        {store}
      }}
      func.return
    }}
    func.func @map({arguments}, %arena: memref<0xi8>) attributes {{rt.num_inputs = {arity} : i64}} {{
      rt.launch @kernel over [{steps}] ({", ".join([*inputs, "%y"])}) : {", ".join([buffer] * (arity + 1))}
      func.return
    }}
    """
    return native.load(native.emit_object(lower_to_text(text, fast, exponents)))


def evaluate(name: str, *operands: Array, lanes: int = 8, fast: bool = False, exponents: bool = HAS_EXPONENTS) -> Array:
    """`math.name` of equally long arrays, by vectors of `lanes` or, with 0, by scalars; `fast` as `math="fast"`."""
    dtype, size = operands[0].dtype, operands[0].size
    padded_size = -(-size // 64) * 64
    padded = [np.concatenate([o, np.ones(padded_size - size, dtype)]) for o in operands]
    result = np.empty(padded_size, dtype)
    program = compiled(name, _TYPES[dtype], padded_size, lanes, fast, exponents)
    program.call("map", [*(a.ctypes.data for a in padded), result.ctypes.data, ctypes.addressof(ctypes.c_byte())])
    return result[:size]


def exact(name: str, *operands: Any) -> Any:
    """The value at finite numbers inside the domain, to 200 bits or more."""
    operands = tuple(float(o) for o in operands)
    with mp.workprec(200):
        if name == "powf":
            x, y = operands
            if x != 0 and abs(y * mpmath.log(abs(mpf(x)), 2)) > 3000:
                magnitude = mpf(2) ** (3000 if (y > 0) == (abs(x) > 1) else -3000)
                return -magnitude if x < 0 and y % 2 == 1 else magnitude
        if name == "erfc" and abs(operands[0]) > 100:
            return mpf(2) ** -3000 if operands[0] > 0 else 2 - mpf(2) ** -3000
        if name == "erfcx" and operands[0] < -100:
            return mpf(2) ** 3000
        if name in ("exp", "exp2", "expm1") and abs(operands[0]) > 3000:
            limit = mpf(2) ** 3000 if operands[0] > 0 else mpf(2) ** -3000
            return limit - 1 if name == "expm1" else limit
        if name == "erf" and abs(operands[0]) > 30:
            return mpmath.sign(operands[0]) * (1 - mpf(2) ** -300)
        if name in ("sinh", "cosh") and abs(operands[0]) > 3000:
            return (mpmath.sign(operands[0]) if name == "sinh" else 1) * mpf(2) ** 3000
        if name == "erfcx" and operands[0] > 1e6:
            x = mpf(operands[0])
            return (1 - 1 / (2 * x * x) + 3 / (4 * x**4)) / (x * mpmath.sqrt(mp.pi))
        if name == "tanh" and abs(operands[0]) > 300:
            return mpmath.sign(operands[0]) * (1 - mpf(2) ** -300)
        if (
            name in ("expm1", "log1p", "tanh", "erf", "sin", "tan", "asin", "atan", "sinh", "asinh", "atanh")
            and abs(operands[0]) < 1e-60
        ):
            # The next term of the series decides the direction of the error only.
            x = mpf(operands[0])
            return {"erf": 2 * x / mpmath.sqrt(mp.pi), "erf_inv": x * mpmath.sqrt(mp.pi) / 2}.get(name, x)
        return EXACT[name](*(mpf(o) for o in operands))


def error_in_ulps(result: Any, value: Any, dtype: Any, least: float = 0.0) -> float:
    """The distance of a result from the exact value, in units in the last place of the exact value or of `least`.

    An infinity stands for the number after the largest one, as in rounding.
    """
    if np.isnan(result):
        return math.inf
    with mp.workprec(200):
        limits = np.finfo(dtype)
        beyond = mpf(2) ** int(limits.maxexp)
        value = max(min(value, beyond), -beyond)
        number = max(min(mpf(float(result)), beyond), -beyond)
        scale = max(abs(value), mpf(least))
        exponent = max(mpmath.frexp(scale)[1], int(limits.minexp) + 1) if scale else int(limits.minexp) + 1
        exponent = min(exponent, int(limits.maxexp))
        return float(abs(number - value) / mpf(2) ** (exponent - int(limits.nmant) - 1))
