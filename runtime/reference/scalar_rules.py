"""Rules of `arith` and `math`: functions of NumPy, applied alike to scalars, vectors and whole grids of scalars.

`BINARY`, `UNARY` and `TERNARY` are the tables; `i1` has the values of one signed bit where that matters (true is -1).
"""

# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportUnknownMemberType=false
import math as python_math
from collections.abc import Callable
from fractions import Fraction
from typing import Any, TypeAlias, cast

import numpy as np
from xdsl.dialects import arith, math
from xdsl.dialects.builtin import DenseIntOrFPElementsAttr, TensorType, VectorType
from xdsl.ir import Attribute, Operation

from dialects import special, special_values
from dialects.dlc.constants import array_of
from runtime.reference.machine import Machine, Rule, Rules, Values, dtype_of_element, violation

Function: TypeAlias = Callable[..., Any]


def _is_bool(value: Any) -> bool:
    return value.dtype == np.bool_


def _unsigned(value: Any) -> Any:
    return value if _is_bool(value) else value.view(f"u{value.dtype.itemsize}")


def _signed(value: Any) -> Any:
    """`i1` as a signed bit."""
    return -value.astype(np.int8) if _is_bool(value) else value


def _integer(function: Function, of_bits: Function) -> Function:
    """A function of integers that is `of_bits` for `i1`."""
    return lambda x, y: (of_bits if _is_bool(x) else function)(x, y)


def _on_unsigned(function: Function) -> Function:
    return lambda x, y: function(_unsigned(x), _unsigned(y)).view(x.dtype)


def _maximum(x: Any, y: Any) -> Any:
    """IEEE maximum: NaN wins, and 0.0 is larger than -0.0."""
    return np.where(x == y, np.where(np.signbit(x), y, x), np.maximum(x, y))


def _minimum(x: Any, y: Any) -> Any:
    return np.where(x == y, np.where(np.signbit(x), x, y), np.minimum(x, y))


def _power(x: Any, y: Any) -> Any:
    """C's `pow`; NumPy answers a single exponent of 0.5 with `sqrt`, which is NaN at minus infinity."""
    return np.where((y == 0.5) & (x == -np.inf), -x, np.power(x, y))


def _truncated_quotient(x: Any, y: Any) -> Any:
    quotient = np.floor_divide(x, y)
    return quotient + ((x - quotient * y != 0) & ((x < 0) != (y < 0))).astype(x.dtype)


def exact_fma(x: Any, y: Any, z: Any) -> Any:
    """`x * y + z` rounded once; for f32 through f64, which is off by one rounding in rare ties only."""
    if x.dtype == np.float32:
        return (x.astype(np.float64) * y.astype(np.float64) + z.astype(np.float64)).astype(np.float32)
    return np.asarray(_exact_fma(x, y, z), np.float64)


def _exact_fma_scalar(x: float, y: float, z: float) -> float:
    if not (python_math.isfinite(x) and python_math.isfinite(y) and python_math.isfinite(z)):
        return x * y + z
    exact = Fraction(x) * Fraction(y) + Fraction(z)
    if not exact:
        return x * y + z  # its sign
    try:
        return float(exact)
    except OverflowError:
        return python_math.inf if exact > 0 else -python_math.inf


_exact_fma = np.frompyfunc(_exact_fma_scalar, 3, 1)


BINARY: dict[type[Operation], Function] = {
    arith.AddfOp: np.add,
    arith.SubfOp: np.subtract,
    arith.MulfOp: np.multiply,
    arith.DivfOp: np.divide,
    arith.MaximumfOp: _maximum,
    arith.MinimumfOp: _minimum,
    arith.MaxnumfOp: np.fmax,
    arith.MinnumfOp: np.fmin,
    arith.AddiOp: _integer(np.add, np.logical_xor),
    arith.SubiOp: _integer(np.subtract, np.logical_xor),
    arith.MuliOp: _integer(np.multiply, np.logical_and),
    arith.AndIOp: np.bitwise_and,
    arith.OrIOp: np.bitwise_or,
    arith.XOrIOp: np.bitwise_xor,
    arith.MaxSIOp: _integer(np.maximum, np.logical_and),
    arith.MinSIOp: _integer(np.minimum, np.logical_or),
    arith.MaxUIOp: _on_unsigned(np.maximum),
    arith.MinUIOp: _on_unsigned(np.minimum),
    arith.ShLIOp: np.left_shift,
    arith.ShRSIOp: np.right_shift,
    arith.ShRUIOp: _on_unsigned(np.right_shift),
    math.PowFOp: _power,
    math.CopySignOp: np.copysign,
    math.Atan2Op: np.arctan2,
    special.RemOp: np.fmod,
}

_DIVISIONS: dict[type[Operation], Function] = {
    arith.DivSIOp: _truncated_quotient,
    arith.RemSIOp: np.fmod,
    arith.FloorDivSIOp: np.floor_divide,
    arith.CeilDivSIOp: lambda x, y: -np.floor_divide(-x, y),
    arith.DivUIOp: _on_unsigned(np.floor_divide),
    arith.RemUIOp: _on_unsigned(np.remainder),
    arith.CeilDivUIOp: _on_unsigned(lambda x, y: x // y + (x % y != 0).astype(x.dtype)),
}
_SIGNED_DIVISIONS = (arith.DivSIOp, arith.RemSIOp, arith.FloorDivSIOp, arith.CeilDivSIOp)

UNARY: dict[type[Operation], Function] = {
    arith.NegfOp: np.negative,
    math.AbsFOp: np.abs,
    math.AbsIOp: np.abs,
    math.CtPopOp: lambda x: np.bitwise_count(_unsigned(x)).astype(x.dtype),
    math.CeilOp: np.ceil,
    math.FloorOp: np.floor,
    math.TruncOp: np.trunc,
    math.RoundEvenOp: np.rint,
    math.SqrtOp: np.sqrt,
    math.RsqrtOp: lambda x: 1 / np.sqrt(x),
    math.ExpOp: np.exp,
    math.Exp2Op: np.exp2,
    math.ExpM1Op: np.expm1,
    math.LogOp: np.log,
    math.Log1pOp: np.log1p,
    math.Log2Op: np.log2,
    math.Log10Op: np.log10,
    math.CbrtOp: np.cbrt,
    math.SinOp: np.sin,
    math.CosOp: np.cos,
    math.TanOp: np.tan,
    math.AsinOp: np.arcsin,
    math.AcosOp: np.arccos,
    math.AtanOp: np.arctan,
    math.SinhOp: np.sinh,
    math.CoshOp: np.cosh,
    math.TanhOp: np.tanh,
    math.AsinhOp: np.arcsinh,
    math.AcoshOp: np.arccosh,
    math.AtanhOp: np.arctanh,
    math.ErfOp: special_values.erf,
    special.ErfcOp: special_values.erfc,
    special.ErfcxOp: special_values.erfcx,
    special.ErfInvOp: special_values.erf_inv,
    special.ErfcInvOp: special_values.erfc_inv,
    special.LgammaOp: special_values.lgamma,
    special.DigammaOp: special_values.digamma,
}

# By the number of the predicate.
_FLOAT_COMPARISONS: tuple[Function, ...] = (
    lambda x, y: np.zeros(np.broadcast(x, y).shape, bool),
    np.equal,
    np.greater,
    np.greater_equal,
    np.less,
    np.less_equal,
    lambda x, y: (x < y) | (x > y),
    lambda x, y: ~(np.isnan(x) | np.isnan(y)),
    lambda x, y: ~((x < y) | (x > y)),
    lambda x, y: ~np.less_equal(x, y),
    lambda x, y: ~np.less(x, y),
    lambda x, y: ~np.greater_equal(x, y),
    lambda x, y: ~np.greater(x, y),
    np.not_equal,
    lambda x, y: np.isnan(x) | np.isnan(y),
    lambda x, y: np.ones(np.broadcast(x, y).shape, bool),
)
_INTEGER_COMPARISONS: tuple[Function, ...] = (
    np.equal,
    np.not_equal,
    np.less,
    np.less_equal,
    np.greater,
    np.greater_equal,
    np.less,
    np.less_equal,
    np.greater,
    np.greater_equal,
)
_FIRST_UNSIGNED = 6


def _scalar_dtype(result_type: Attribute) -> np.dtype[Any]:
    if isinstance(result_type, VectorType | TensorType):
        return dtype_of_element(cast(VectorType[Any], result_type).element_type)
    return dtype_of_element(result_type)


def _apply(function: Function) -> Rule:
    """The rule of an operation whose result has the type of its operands."""

    def rule(machine: Machine, op: Operation, values: Values, operands: list[Any]) -> list[Any]:
        del machine, op, values
        return [np.asarray(function(*operands), operands[0].dtype)]

    return rule


def _divide(function: Function) -> Rule:
    def rule(machine: Machine, op: Operation, values: Values, operands: list[Any]) -> list[Any]:
        del machine, values
        x, y = operands
        if np.any(y == 0):
            raise violation(op, "divides by zero, which is undefined")
        if isinstance(op, _SIGNED_DIVISIONS) and np.any((y == -1) & (x == np.iinfo(x.dtype).min)):
            raise violation(op, "divides the least integer by -1, which is undefined")
        return [np.asarray(function(x, y), x.dtype)]

    return rule


def _constant(machine: Machine, op: arith.ConstantOp, values: Values, operands: list[Any]) -> list[Any]:
    del values, operands
    known = machine.memory.get(op)
    if known is None:
        value: Any = op.value
        if isinstance(value, DenseIntOrFPElementsAttr):
            known = array_of(cast(DenseIntOrFPElementsAttr[Any], value))
        else:
            known = np.asarray(value.value.data).astype(_scalar_dtype(op.result.type))
        machine.memory[op] = known
    return [known]


def _compare_floats(machine: Machine, op: arith.CmpfOp, values: Values, operands: list[Any]) -> list[Any]:
    del machine, values
    return [np.asarray(_FLOAT_COMPARISONS[op.predicate.value.data](*operands))]


def _compare_integers(machine: Machine, op: arith.CmpiOp, values: Values, operands: list[Any]) -> list[Any]:
    del machine, values
    number = op.predicate.value.data
    view = _unsigned if number >= _FIRST_UNSIGNED else _signed
    return [np.asarray(_INTEGER_COMPARISONS[number](*map(view, operands)))]


def _select(machine: Machine, op: arith.SelectOp, values: Values, operands: list[Any]) -> list[Any]:
    del machine, op, values
    return [np.where(*operands)]


def _fma(machine: Machine, op: Operation, values: Values, operands: list[Any]) -> list[Any]:
    del machine, op, values
    return [exact_fma(*operands)]


def _cast(view: Function) -> Rule:
    """The rule of a conversion of `view(operand)` to the result type."""

    def rule(machine: Machine, op: Operation, values: Values, operands: list[Any]) -> list[Any]:
        del machine, values
        dtype = _scalar_dtype(op.results[0].type)
        value = view(operands[0])
        if dtype == np.bool_:  # the lowest bit
            return [(np.asarray(value).astype(np.int64) & 1).astype(np.bool_)]
        return [np.asarray(value).astype(dtype)]

    return rule


def _bitcast(machine: Machine, op: arith.BitcastOp, values: Values, operands: list[Any]) -> list[Any]:
    del machine, values
    return [np.asarray(operands[0]).view(_scalar_dtype(op.result.type))]


def _polygamma(machine: Machine, op: special.PolygammaOp, values: Values, operands: list[Any]) -> list[Any]:
    del machine, values
    return [special_values.polygamma(op.order.value.data, np.asarray(operands[0]))]


def _add_extended(machine: Machine, op: arith.AddUIExtendedOp, values: Values, operands: list[Any]) -> list[Any]:
    del machine, op, values
    x, y = operands
    total = np.asarray(x + y)
    return [total, _unsigned(total) < _unsigned(x)]


def _multiply_extended(view: Function) -> Rule:
    def rule(machine: Machine, op: Operation, values: Values, operands: list[Any]) -> list[Any]:
        del machine, op, values
        dtype = operands[0].dtype
        bits = 8 * dtype.itemsize
        exact = np.asarray(view(operands[0])).astype(object) * np.asarray(view(operands[1])).astype(object)
        mask = (1 << bits) - 1
        parts = [np.asarray(part & mask).astype(f"u{dtype.itemsize}") for part in (exact, exact >> bits)]
        return [part.view(dtype) for part in parts]

    return rule


def _same(value: Any) -> Any:
    return value


SCALAR_RULES: Rules = {
    **{op_type: _apply(function) for op_type, function in (*BINARY.items(), *UNARY.items())},
    **{op_type: _divide(function) for op_type, function in _DIVISIONS.items()},
    arith.ConstantOp: _constant,
    arith.CmpfOp: _compare_floats,
    arith.CmpiOp: _compare_integers,
    arith.SelectOp: _select,
    arith.BitcastOp: _bitcast,
    special.PolygammaOp: _polygamma,
    arith.AddUIExtendedOp: _add_extended,
    arith.MulSIExtendedOp: _multiply_extended(_signed),
    arith.MulUIExtendedOp: _multiply_extended(_unsigned),
    math.FmaOp: _fma,
    arith.IndexCastOp: _cast(_signed),
    arith.ExtSIOp: _cast(_signed),
    arith.SIToFPOp: _cast(_signed),
    arith.ExtUIOp: _cast(_unsigned),
    arith.UIToFPOp: _cast(_unsigned),
    arith.TruncIOp: _cast(_same),
    arith.ExtFOp: _cast(_same),
    arith.TruncFOp: _cast(_same),
    arith.FPToSIOp: _cast(_same),
    arith.FPToUIOp: _cast(lambda x: np.asarray(x).astype(np.uint64)),
}
