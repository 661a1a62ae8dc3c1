"""`special.scalb`, `logb`, `significand` and `rsqrt_estimate` to the instructions of AVX-512."""

from typing import Any, cast

from xdsl.dialects import llvm
from xdsl.dialects.builtin import VectorType, f32, i8, i16, i32
from xdsl.ir import Attribute, Operation, SSAValue

from dialects import special
from dialects.builder import vector_type
from dialects.llvm import PoisonOp
from passes.loops.llvm_function import Converter, Converters, FunctionConversion, int32_array, unsupported

REGISTER_BITS = (128, 256, 512)

_CURRENT_ROUNDING = 4
_FROM_THREE_QUARTERS, _NAN_IF_NEGATIVE, _WITHOUT_SIGN = 0b0011, 0b1000, 0b0100


def fills_registers(value_type: Attribute) -> bool:
    """Whether `value_type` is a vector that is as long as a register or as several of the widest."""
    if not isinstance(value_type, VectorType):
        return False
    bits = _bits(cast(VectorType[Any], value_type))
    return bits in REGISTER_BITS or bits % REGISTER_BITS[-1] == 0


def _bits(vector: VectorType[Any]) -> int:
    return vector.get_shape()[0] * cast(int, vector.element_type.bitwidth)


def _convert(name: str, immediate: int | None = None, rounds: bool = True) -> Converter:
    """A call of the intrinsic for each register of a vector; the widest may say how it `rounds`."""

    def convert(f: FunctionConversion, op: Operation) -> None:
        if not fills_registers(op.results[0].type):
            raise unsupported(
                op, "the instructions are for vectors that fill registers; run expand-math without exponents"
            )
        operands = f.operands(op)
        whole = cast(VectorType[Any], operands[0].type)
        count = max(1, _bits(whole) // REGISTER_BITS[-1])
        lanes = whole.get_shape()[0] // count
        part_type = vector_type(whole.element_type, lanes)
        bits = _bits(part_type)
        mask_type = i16 if lanes == 16 else i8
        settings = [f.builder.create(PoisonOp, (), part_type), f.integer(-1, mask_type)]
        if immediate is not None:
            settings.insert(0, f.integer(immediate, i32))
        if rounds and bits == REGISTER_BITS[-1]:
            settings.append(f.integer(_CURRENT_ROUNDING, i32))
        intrinsic = f"llvm.x86.avx512.{name}.{'ps' if whole.element_type == f32 else 'pd'}.{bits}"
        results: list[SSAValue] = []
        for part in range(count):
            places = range(part * lanes, (part + 1) * lanes)
            pieces = operands if count == 1 else [_shuffle(f, x, x, places) for x in operands]
            call = llvm.CallIntrinsicOp(intrinsic, [*pieces, *settings], cast(Any, part_type))
            f.builder.insert(call)
            results.append(call.results[0])
        while len(results) > 1:
            size = 2 * cast(Any, results[0].type).get_shape()[0]
            results = [_shuffle(f, *pair, range(size)) for pair in zip(results[::2], results[1::2], strict=True)]
        f.values[op.results[0]] = results[0]

    return convert


def _shuffle(f: FunctionConversion, lhs: SSAValue, rhs: SSAValue, places: range) -> SSAValue:
    """The elements of `lhs` followed by those of `rhs`, at `places`."""
    result_type = vector_type(cast(VectorType[Any], lhs.type).element_type, len(places))
    return f.builder.create(llvm.ShuffleVectorOp, (lhs, rhs), result_type, {"mask": int32_array(tuple(places))})


EXPONENTS: Converters = {
    special.ScalbOp.name: _convert("mask.scalef"),
    special.RsqrtEstimateOp.name: _convert("rsqrt14", rounds=False),
    special.LogbOp.name: _convert("mask.getexp"),
    special.SignificandOp.name: _convert("mask.getmant", _FROM_THREE_QUARTERS | _NAN_IF_NEGATIVE | _WITHOUT_SIGN),
}
