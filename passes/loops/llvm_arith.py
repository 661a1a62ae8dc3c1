"""`arith` and `math` to the `llvm` dialect."""

from functools import lru_cache
from typing import Any, cast

from xdsl.dialects import arith, llvm, math
from xdsl.dialects.builtin import (
    DenseIntOrFPElementsAttr,
    FloatAttr,
    IndexType,
    IntegerAttr,
    IntegerType,
    VectorType,
    bf16,
    f32,
    f64,
    i16,
    i32,
)
from xdsl.dialects.llvm import FastMathAttr
from xdsl.ir import Attribute, Operation, SSAValue

from dialects.builder import constant_attribute, vector_type
from dialects.llvm import FCmpOp, FPToSIOp, FPToUIOp, PoisonOp, SelectOp, UIToFPOp, comparison_type
from dialects.llvm_intrinsics import (
    CtPopOp,
    FTruncOp,
    MaximumOp,
    MinimumOp,
    RoundEvenOp,
    SMaxOp,
    SMinOp,
    UMaxOp,
    UMinOp,
)
from passes.loops.llvm_function import (
    Converter,
    Converters,
    FunctionConversion,
    convert_type,
    integer_attribute,
    unsupported,
)

NO_FLAGS: dict[str, Attribute] = {"overflowFlags": IntegerAttr(0, i32)}


@lru_cache(maxsize=256)
def flag_properties(flags: Attribute | None) -> dict[str, Attribute] | None:
    """The properties of an `llvm` operation with the fast-math flags of an `arith` operation."""
    data = cast(arith.FastMathFlagsAttr, flags).data if flags is not None else ()
    return {"fastmathFlags": FastMathAttr(data)} if data else None


@lru_cache(maxsize=256)
def overflow_properties(flags: Attribute | None) -> dict[str, Attribute]:
    """The properties of an `llvm` operation with the overflow flags of an `arith` operation."""
    data = cast(arith.IntegerOverflowAttr, flags).data if flags is not None else ()
    bits = (arith.IntegerOverflowFlag.NSW in data) + 2 * (arith.IntegerOverflowFlag.NUW in data)
    return {"overflowFlags": IntegerAttr(bits, i32)}


def _float(target: type[Operation]) -> Converter:
    """The same operation on the same operands, with the fast-math flags."""

    def convert(f: FunctionConversion, op: Operation) -> None:
        result = op.results[0]
        f.values[result] = f.builder.create(
            target, f.operands(op), result.type, flag_properties(op.properties.get("fastmath"))
        )

    return convert


def _integer(target: type[Operation]) -> Converter:
    """The same operation on the same operands, with the overflow flags."""

    def convert(f: FunctionConversion, op: Operation) -> None:
        result = op.results[0]
        properties = overflow_properties(op.properties.get("overflowFlags"))
        f.values[result] = f.builder.create(target, f.operands(op), convert_type(result.type), properties)

    return convert


def _cast(target: type[Operation]) -> Converter:
    def convert(f: FunctionConversion, op: Operation) -> None:
        result = op.results[0]
        f.values[result] = f.builder.create(target, f.operands(op), convert_type(result.type))

    return convert


def _constant(f: FunctionConversion, op: arith.ConstantOp) -> None:
    result = op.results[0]
    f.values[result] = f.constant(convert_constant(op), convert_type(result.type))


def convert_constant(op: arith.ConstantOp) -> Attribute:
    """The value of a constant, with `index` as `i64`."""
    value = cast(Attribute, op.value)
    if isinstance(value, FloatAttr):
        return cast(Attribute, value)
    if isinstance(value, IntegerAttr):
        attribute = cast("IntegerAttr[Any]", value)
        if isinstance(attribute.type, IndexType):
            return constant_attribute(attribute.value.data, convert_type(attribute.type))
        return attribute
    if isinstance(value, DenseIntOrFPElementsAttr):
        dense = cast("DenseIntOrFPElementsAttr[Any]", value)
        if isinstance(dense.get_element_type(), IndexType):
            return DenseIntOrFPElementsAttr(cast(Any, convert_type(dense.type)), dense.data)
        return dense
    raise unsupported(op, f"the constant {value} is not a number or a vector of numbers")


def _compare(target: type[Operation], flags: str) -> Converter:
    def convert(f: FunctionConversion, op: Operation) -> None:
        operands = f.operands(op)
        properties = {"predicate": op.properties["predicate"], **(flag_properties(op.properties.get(flags)) or {})}
        f.values[op.results[0]] = f.builder.create(target, operands, comparison_type(operands[0].type), properties)

    return convert


def _select(f: FunctionConversion, op: Operation) -> None:
    result = op.results[0]
    f.values[result] = f.builder.create(SelectOp, f.operands(op), convert_type(result.type))


def _bitcast(f: FunctionConversion, op: Operation) -> None:
    (value,) = f.operands(op)
    result_type = convert_type(op.results[0].type)
    if value.type != result_type:
        value = f.builder.create(llvm.BitcastOp, (value,), result_type)
    f.values[op.results[0]] = value


def _index_cast(f: FunctionConversion, op: Operation) -> None:
    (value,) = f.operands(op)
    result_type = convert_type(op.results[0].type)
    source_width, result_width = _width(value.type), _width(result_type)
    if source_width != result_width:
        target = llvm.SExtOp if source_width < result_width else llvm.TruncOp
        value = f.builder.create(target, (value,), result_type)
    f.values[op.results[0]] = value


def _width(value_type: Attribute) -> int:
    if isinstance(value_type, VectorType):
        return _width(cast("VectorType[Any]", value_type).element_type)
    return cast(IntegerType, value_type).width.data


def _divide(f: FunctionConversion, lhs: SSAValue, rhs: SSAValue, is_signed: bool = True) -> SSAValue:
    """The quotient of integers, truncated; of vectors of up to 32 bits as floats of at least twice as many, of which it is exact.

    No processor divides vectors of integers. By a constant, LLVM multiplies.
    """
    kind: Attribute = lhs.type
    width, is_vector = _width(kind), isinstance(kind, VectorType)
    if not is_vector or width > 32 or _is_known(rhs):
        return f.builder.create(llvm.SDivOp if is_signed else llvm.UDivOp, (lhs, rhs), kind)
    wide = _like(kind, f32 if width <= 16 else f64)
    to_float, to_integer = (llvm.SIToFPOp, FPToSIOp) if is_signed else (UIToFPOp, FPToUIOp)
    operands = [f.builder.create(to_float, (value,), wide) for value in (lhs, rhs)]
    return f.builder.create(to_integer, (f.builder.create(llvm.FDivOp, operands, wide),), kind)


def _is_known(value: SSAValue) -> bool:
    """Whether LLVM sees that `value` is a constant, after what is done to divisors that would trap."""
    owner = value.owner
    return isinstance(owner, _FOLDED) and all(map(_is_known, owner.operands))


_FOLDED = (
    llvm.ConstantOp, PoisonOp, SelectOp, llvm.ICmpOp, llvm.OrOp, llvm.InsertElementOp, llvm.ShuffleVectorOp,
)  # fmt: skip


def _remainder(
    f: FunctionConversion, lhs: SSAValue, rhs: SSAValue, quotient: SSAValue, is_signed: bool = True
) -> SSAValue:
    """What the quotient leaves; LLVM sees that scalars and constants are divided once for both."""
    if isinstance(quotient.owner, llvm.SDivOp | llvm.UDivOp):
        return f.builder.create(llvm.SRemOp if is_signed else llvm.URemOp, (lhs, rhs), lhs.type)
    product = f.builder.create(llvm.MulOp, (quotient, rhs), lhs.type, NO_FLAGS)
    return f.builder.create(llvm.SubOp, (lhs, product), lhs.type, NO_FLAGS)


def _integer_division(is_signed: bool, remains: bool) -> Converter:
    """The quotient, or what `remains`."""

    def convert(f: FunctionConversion, op: Operation) -> None:
        lhs, rhs = f.operands(op)
        result = _divide(f, lhs, rhs, is_signed)
        f.values[op.results[0]] = _remainder(f, lhs, rhs, result, is_signed) if remains else result

    return convert


def _floor_or_ceil_division(predicate: int, correction: int) -> Converter:
    """Truncated division, corrected where the signs of the operands (`predicate` on their xor) make it differ.

    `floordivsi` differs where the remainder is not zero and the signs differ, `ceildivsi` where they are the same.
    """

    def convert(f: FunctionConversion, op: Operation) -> None:
        lhs, rhs = f.operands(op)
        kind = lhs.type
        quotient = _divide(f, lhs, rhs)
        remainder = _remainder(f, lhs, rhs, quotient)
        signs = f.builder.create(llvm.XOrOp, (lhs, rhs), kind)
        zero = f.constant(constant_attribute(0, kind), kind)
        inexact = _icmp(f, 1, remainder, zero)
        corrects = _icmp(f, predicate, signs, zero)
        both = f.builder.create(llvm.AndOp, (inexact, corrects), inexact.type)
        step = f.constant(constant_attribute(correction, kind), kind)
        corrected = f.builder.create(llvm.AddOp, (quotient, step), kind)
        f.values[op.results[0]] = f.builder.create(SelectOp, (both, corrected, quotient), kind)

    return convert


def _ceil_division_unsigned(f: FunctionConversion, op: Operation) -> None:
    lhs, rhs = f.operands(op)
    kind = lhs.type
    quotient = _divide(f, lhs, rhs, is_signed=False)
    remainder = _remainder(f, lhs, rhs, quotient, is_signed=False)
    inexact = _icmp(f, 1, remainder, f.constant(constant_attribute(0, kind), kind))
    one = f.builder.create(llvm.ZExtOp, (inexact,), kind)
    f.values[op.results[0]] = f.builder.create(llvm.AddOp, (quotient, one), kind)


def _icmp(f: FunctionConversion, predicate: int, lhs: SSAValue, rhs: SSAValue) -> SSAValue:
    properties = {"predicate": integer_attribute(predicate)}
    return f.builder.create(llvm.ICmpOp, (lhs, rhs), comparison_type(lhs.type), properties)


def _extended_multiply(extend: type[Operation]) -> Converter:
    """The low and the high half of the full product, through integers of twice the width."""

    def convert(f: FunctionConversion, op: Operation) -> None:
        kind: Attribute = op.operands[0].type
        width = _width(convert_type(kind))
        wide: Attribute = IntegerType(2 * width)
        if isinstance(kind, VectorType):
            wide = vector_type(wide, cast("VectorType[Any]", kind).get_shape()[0])
        lhs, rhs = (f.builder.create(extend, (value,), wide) for value in f.operands(op))
        product = f.builder.create(llvm.MulOp, (lhs, rhs), wide)
        shift = f.constant(constant_attribute(width, wide), wide)
        shifted = f.builder.create(llvm.LShrOp, (product, shift), wide)
        narrow = convert_type(cast(Attribute, kind))
        f.replace(op, [f.builder.create(llvm.TruncOp, (part,), narrow) for part in (product, shifted)])

    return convert


def _extended_add(f: FunctionConversion, op: Operation) -> None:
    """The sum and whether it overflowed."""
    lhs, rhs = f.operands(op)
    total = f.builder.create(llvm.AddOp, (lhs, rhs), lhs.type)
    f.replace(op, (total, _icmp(f, 6, total, lhs)))


def _like(value_type: Attribute, element: Attribute) -> Attribute:
    """`element`, or a vector of as many as `value_type` has."""
    if isinstance(value_type, VectorType):
        return vector_type(element, cast("VectorType[Any]", value_type).get_shape()[0])
    return element


def _element(value_type: Attribute) -> Attribute:
    return cast("VectorType[Any]", value_type).element_type if isinstance(value_type, VectorType) else value_type


def _extend_float(f: FunctionConversion, op: Operation) -> None:
    """A `bf16` is the upper half of an `f32`; LLVM knows the other conversions."""
    (value,) = f.operands(op)
    result_type = op.results[0].type
    if _element(value.type) == bf16:
        short, wide, single = (_like(value.type, element) for element in (i16, i32, f32))
        bits = f.builder.create(llvm.BitcastOp, (value,), short)
        bits = f.builder.create(llvm.ZExtOp, (bits,), wide)
        bits = f.builder.create(llvm.ShlOp, (bits, f.constant(constant_attribute(16, wide), wide)), wide, NO_FLAGS)
        value = f.builder.create(llvm.BitcastOp, (bits,), single)
    if value.type != result_type:
        value = f.builder.create(llvm.FPExtOp, (value,), result_type)
    f.values[op.results[0]] = value


def _truncate_float(f: FunctionConversion, op: Operation) -> None:
    """To `bf16` in integers, to the nearest and even one of two: LLVM would call a function of the C library for it."""
    (value,) = f.operands(op)
    result_type = op.results[0].type
    if _element(result_type) != bf16:
        f.values[op.results[0]] = f.builder.create(llvm.FPTruncOp, (value,), result_type)
        return
    short, wide, single = (_like(value.type, element) for element in (i16, i32, f32))
    if value.type != single:
        value = f.builder.create(llvm.FPTruncOp, (value,), single)

    def number(n: int) -> SSAValue:
        return f.constant(constant_attribute(n, wide), wide)

    bits = f.builder.create(llvm.BitcastOp, (value,), wide)
    upper = f.builder.create(llvm.LShrOp, (bits, number(16)), wide)
    last = f.builder.create(llvm.AndOp, (upper, number(1)), wide)
    bias = f.builder.create(llvm.AddOp, (last, number(0x7FFF)), wide, NO_FLAGS)
    rounded = f.builder.create(llvm.AddOp, (bits, bias), wide, NO_FLAGS)
    rounded = f.builder.create(llvm.LShrOp, (rounded, number(16)), wide)
    quiet = f.builder.create(llvm.OrOp, (upper, number(0x40)), wide)  # a NaN must not round to infinity
    unordered = {"predicate": integer_attribute(14)}
    is_nan = f.builder.create(FCmpOp, (value, value), comparison_type(value.type), unordered)
    result = f.builder.create(SelectOp, (is_nan, quiet, rounded), wide)
    result = f.builder.create(llvm.TruncOp, (result,), short)
    f.values[op.results[0]] = f.builder.create(llvm.BitcastOp, (result,), result_type)


def _integer_absolute(f: FunctionConversion, op: Operation) -> None:
    (value,) = f.operands(op)
    zero = f.constant(constant_attribute(0, value.type), value.type)
    negated = f.builder.create(llvm.SubOp, (zero, value), value.type)
    f.values[op.results[0]] = f.builder.create(SMaxOp, (value, negated), value.type)


ARITH: Converters = {
    arith.ConstantOp.name: _constant,
    arith.AddfOp.name: _float(llvm.FAddOp),
    arith.SubfOp.name: _float(llvm.FSubOp),
    arith.MulfOp.name: _float(llvm.FMulOp),
    arith.DivfOp.name: _float(llvm.FDivOp),
    "arith.remf": _float(llvm.FRemOp),
    arith.NegfOp.name: _float(llvm.FNegOp),
    arith.MaximumfOp.name: _float(MaximumOp),
    arith.MinimumfOp.name: _float(MinimumOp),
    arith.MaxnumfOp.name: _float(llvm.VectorFMaxOp),
    arith.MinnumfOp.name: _float(llvm.VectorFMinOp),
    arith.AddiOp.name: _integer(llvm.AddOp),
    arith.SubiOp.name: _integer(llvm.SubOp),
    arith.MuliOp.name: _integer(llvm.MulOp),
    arith.DivSIOp.name: _integer_division(is_signed=True, remains=False),
    arith.DivUIOp.name: _integer_division(is_signed=False, remains=False),
    arith.RemSIOp.name: _integer_division(is_signed=True, remains=True),
    arith.RemUIOp.name: _integer_division(is_signed=False, remains=True),
    arith.FloorDivSIOp.name: _floor_or_ceil_division(2, -1),
    arith.CeilDivSIOp.name: _floor_or_ceil_division(5, 1),
    arith.CeilDivUIOp.name: _ceil_division_unsigned,
    arith.AndIOp.name: _cast(llvm.AndOp),
    arith.OrIOp.name: _cast(llvm.OrOp),
    arith.XOrIOp.name: _cast(llvm.XOrOp),
    arith.ShLIOp.name: _integer(llvm.ShlOp),
    arith.ShRUIOp.name: _cast(llvm.LShrOp),
    arith.ShRSIOp.name: _cast(llvm.AShrOp),
    arith.MaxSIOp.name: _cast(SMaxOp),
    arith.MinSIOp.name: _cast(SMinOp),
    arith.MaxUIOp.name: _cast(UMaxOp),
    arith.MinUIOp.name: _cast(UMinOp),
    arith.MulSIExtendedOp.name: _extended_multiply(llvm.SExtOp),
    arith.MulUIExtendedOp.name: _extended_multiply(llvm.ZExtOp),
    arith.AddUIExtendedOp.name: _extended_add,
    arith.CmpiOp.name: _compare(llvm.ICmpOp, ""),
    arith.CmpfOp.name: _compare(FCmpOp, "fastmath"),
    arith.SelectOp.name: _select,
    arith.BitcastOp.name: _bitcast,
    arith.IndexCastOp.name: _index_cast,
    arith.FPToSIOp.name: _cast(FPToSIOp),
    arith.FPToUIOp.name: _cast(FPToUIOp),
    arith.SIToFPOp.name: _cast(llvm.SIToFPOp),
    arith.UIToFPOp.name: _cast(UIToFPOp),
    arith.ExtFOp.name: _extend_float,
    arith.TruncFOp.name: _truncate_float,
    arith.TruncIOp.name: _cast(llvm.TruncOp),
    arith.ExtSIOp.name: _cast(llvm.SExtOp),
    arith.ExtUIOp.name: _cast(llvm.ZExtOp),
    math.AbsFOp.name: _float(llvm.FAbsOp),
    math.AbsIOp.name: _integer_absolute,
    math.CeilOp.name: _float(llvm.FCeilOp),
    math.CopySignOp.name: _float(llvm.FCopySignOp),
    math.CtPopOp.name: _cast(CtPopOp),
    math.FloorOp.name: _float(llvm.FFloorOp),
    math.FmaOp.name: _float(llvm.FMAOp),
    math.RoundEvenOp.name: _float(RoundEvenOp),
    math.SqrtOp.name: _float(llvm.FSqrtOp),
    math.TruncOp.name: _float(FTruncOp),
}
