"""`vector` to the `llvm` dialect: vectors of rank 1, one LLVM vector each."""

from functools import lru_cache
from typing import Any, cast

from xdsl.dialects import llvm, vector
from xdsl.dialects.arith import FastMathFlagsAttr
from xdsl.dialects.builtin import (
    BoolAttr,
    DenseIntOrFPElementsAttr,
    IntegerType,
    MemRefType,
    UnitAttr,
    VectorType,
    i32,
    i64,
)
from xdsl.dialects.llvm import FastMathAttr
from xdsl.dialects.utils import FastMathFlag
from xdsl.dialects.vector import CombiningKindFlag
from xdsl.ir import Attribute, Operation, SSAValue

from dialects.builder import constant_attribute, vector_type
from dialects.llvm import ExtractElementOp
from dialects.llvm_intrinsics import (
    MaskedLoadOp,
    MaskedStoreOp,
    MaximumOp,
    MinimumOp,
    SMaxOp,
    SMinOp,
    UMaxOp,
    UMinOp,
    VectorReduceAddOp,
    VectorReduceAndOp,
    VectorReduceFAddOp,
    VectorReduceFMaximumOp,
    VectorReduceFMaxOp,
    VectorReduceFMinimumOp,
    VectorReduceFMinOp,
    VectorReduceFMulOp,
    VectorReduceMulOp,
    VectorReduceOrOp,
    VectorReduceSMaxOp,
    VectorReduceSMinOp,
    VectorReduceUMaxOp,
    VectorReduceUMinOp,
    VectorReduceXorOp,
)
from dialects.structured import constant_integer
from passes.loops.llvm_arith import flag_properties
from passes.loops.llvm_function import (
    EQUAL,
    SIGNED_LESS,
    Converters,
    FunctionConversion,
    byte_size,
    convert_type,
    int32_array,
    integer_attribute,
    stored_type,
    unsupported,
)
from passes.loops.llvm_memory import (
    BUFFER_ALIGNMENT,
    alignment_of,
    element_pointer,
    from_stored,
    load,
    store,
    to_stored,
)

_TRUE = BoolAttr.from_bool(True)


def _load(f: FunctionConversion, op: vector.LoadOp) -> None:
    pointer = element_pointer(f, op.base, op.indices)
    vector_type_ = cast(VectorType[Any], op.result.type)
    f.values[op.result] = load(f, pointer, convert_type(vector_type_), vector_type_.element_type)


def _store(f: FunctionConversion, op: vector.StoreOp) -> None:
    pointer = element_pointer(f, op.base, op.indices)
    element_type = cast(VectorType[Any], op.vector.type).element_type
    if op.properties.get("nontemporal") == _TRUE:
        _stream(f, f.values[op.vector], pointer, element_type)
    else:
        store(f, f.values[op.vector], pointer, element_type)


def _stream(f: FunctionConversion, value: SSAValue, pointer: SSAValue, element_type: Attribute) -> None:
    """Store around the cache where the address allows it: processors do so with aligned vectors only."""
    b = f.builder
    stored = to_stored(f, value, element_type)
    size = min(BUFFER_ALIGNMENT, byte_size(element_type) * cast(VectorType[Any], stored.type).get_shape()[0])
    address = b.create(llvm.PtrToIntOp, (pointer,), i64)
    rest = b.create(llvm.AndOp, (address, f.integer(size - 1)), i64)
    streaming, ordinary, after = f.add_block(), f.add_block(), f.add_block()
    f.branch_if(f.compare(EQUAL, rest, f.integer(0)), streaming, (), ordinary, ())
    hinted = {"alignment": integer_attribute(size), "nontemporal": UnitAttr()}
    for block, properties in ((streaming, hinted), (ordinary, alignment_of(element_type))):
        b.block = block
        b.create_op(llvm.StoreOp, (stored, pointer), (), {**properties, "ordering": integer_attribute(0)})
        f.branch(after)
    b.block = after
    f.mark_written(pointer)
    f.has_streams = True


def _alignment(element_type: Attribute) -> dict[str, Attribute]:
    return {"alignment": integer_attribute(byte_size(element_type), i32)}


def _masked_load(f: FunctionConversion, op: vector.MaskedLoadOp) -> None:
    pointer = element_pointer(f, op.base, op.indices)
    element_type = cast(MemRefType[Any], op.base.type).element_type
    result_type = convert_type(op.result.type)
    fallback = to_stored(f, f.values[op.pass_thru], element_type)
    stored = f.builder.create(
        MaskedLoadOp, (pointer, f.values[op.mask], fallback), stored_type(result_type), _alignment(element_type)
    )
    f.values[op.result] = from_stored(f, stored, result_type, element_type)


def _masked_store(f: FunctionConversion, op: vector.MaskedStoreOp) -> None:
    pointer = element_pointer(f, op.base, op.indices)
    element_type = cast(MemRefType[Any], op.base.type).element_type
    value = to_stored(f, f.values[op.value_to_store], element_type)
    f.builder.create_op(MaskedStoreOp, (value, pointer, f.values[op.mask]), (), _alignment(element_type))
    f.mark_written(pointer)


def _broadcast(f: FunctionConversion, op: vector.BroadcastOp) -> None:
    value = f.values[op.source]
    result_type = cast(VectorType[Any], convert_type(op.vector.type))
    if value.type == result_type:
        f.values[op.vector] = value
        return
    constant = value.owner
    if isinstance(constant, llvm.ConstantOp) and not isinstance(value.type, VectorType):
        number = cast(Any, constant.value).value.data
        f.values[op.vector] = f.constant(constant_attribute(number, result_type), result_type)
        return
    f.values[op.vector] = splat(f, value, result_type)


def splat(f: FunctionConversion, value: SSAValue, result_type: VectorType[Any]) -> SSAValue:
    """A vector of `value`, which is a scalar or a vector of one element."""
    source_type: Attribute = value.type
    if not isinstance(source_type, VectorType):
        source_type = vector_type(source_type, result_type.get_shape()[0])
        value = f.builder.create(llvm.InsertElementOp, (f.poison(source_type), value, f.integer(0)), source_type)
    mask = int32_array((0,) * result_type.get_shape()[0])
    other = f.poison(cast(Attribute, source_type))
    return f.builder.create(llvm.ShuffleVectorOp, (value, other), result_type, {"mask": mask})


def _create_mask(f: FunctionConversion, op: vector.CreateMaskOp) -> None:
    """Element `i` is whether `i < n`: a comparison in 32 bits, which takes half the registers of one in 64."""
    mask_type = cast(VectorType[Any], op.mask_vector.type)
    convert_type(mask_type)
    size = mask_type.get_shape()[0]
    known = constant_integer(op.mask_dim_sizes[0])
    if known is not None:
        bits = DenseIntOrFPElementsAttr.from_list(mask_type, [int(i < known) for i in range(size)])
        f.values[op.mask_vector] = f.constant(bits, mask_type)
        return
    b = f.builder
    count = b.create(SMinOp, (f.values[op.mask_dim_sizes[0]], f.integer(size)), i64)
    count = b.create(SMaxOp, (count, f.integer(0)), i64)
    lane_type = vector_type(i32, size)
    lanes = f.constant(DenseIntOrFPElementsAttr.from_list(lane_type, list(range(size))), lane_type)
    counts = splat(f, b.create(llvm.TruncOp, (count,), i32), lane_type)
    f.values[op.mask_vector] = b.create(
        llvm.ICmpOp, (lanes, counts), mask_type, {"predicate": integer_attribute(SIGNED_LESS)}
    )


def _position(f: FunctionConversion, op: vector.ExtractOp | vector.InsertOp) -> SSAValue:
    if len(op.static_position) != 1:
        raise unsupported(op, "positions in vectors of rank 1 only")
    if op.dynamic_position:
        return f.values[op.dynamic_position[0]]
    return f.integer(op.static_position.get_values()[0])


def _extract(f: FunctionConversion, op: vector.ExtractOp) -> None:
    if isinstance(op.result.type, VectorType):
        f.values[op.result] = f.values[op.vector]
        return
    operands = (f.values[op.vector], _position(f, op))
    f.values[op.result] = f.builder.create(ExtractElementOp, operands, convert_type(op.result.type))


def _insert(f: FunctionConversion, op: vector.InsertOp) -> None:
    if isinstance(op.source.type, VectorType):
        f.values[op.result] = f.values[op.source]
        return
    operands = (f.values[op.dest], f.values[op.source], _position(f, op))
    f.values[op.result] = f.builder.create(llvm.InsertElementOp, operands, convert_type(op.result.type))


def _fma(f: FunctionConversion, op: vector.FMAOp) -> None:
    f.values[op.res] = f.builder.create(llvm.FMAOp, f.operands(op), op.res.type)


def _shuffle(f: FunctionConversion, op: vector.ShuffleOp) -> None:
    if op.v1.type != op.v2.type:
        raise unsupported(op, "give both operands the same size")
    mask = int32_array(tuple(op.mask.get_values()))
    result_type = convert_type(op.result.type)
    f.values[op.result] = f.builder.create(llvm.ShuffleVectorOp, f.operands(op), result_type, {"mask": mask})


def _bitcast(f: FunctionConversion, op: vector.BitcastOp) -> None:
    (value,) = f.operands(op)
    result_type = convert_type(op.result.type)
    f.values[op.result] = (
        value if value.type == result_type else f.builder.create(llvm.BitcastOp, (value,), result_type)
    )


_REDUCTIONS: dict[CombiningKindFlag, tuple[type[Operation], type[Operation]]] = {
    CombiningKindFlag.MAXIMUMF: (VectorReduceFMaximumOp, MaximumOp),
    CombiningKindFlag.MINIMUMF: (VectorReduceFMinimumOp, MinimumOp),
    CombiningKindFlag.MAXNUMF: (VectorReduceFMaxOp, llvm.VectorFMaxOp),
    CombiningKindFlag.MINNUMF: (VectorReduceFMinOp, llvm.VectorFMinOp),
    CombiningKindFlag.ADD: (VectorReduceAddOp, llvm.AddOp),
    CombiningKindFlag.MUL: (VectorReduceMulOp, llvm.MulOp),
    CombiningKindFlag.AND: (VectorReduceAndOp, llvm.AndOp),
    CombiningKindFlag.OR: (VectorReduceOrOp, llvm.OrOp),
    CombiningKindFlag.XOR: (VectorReduceXorOp, llvm.XOrOp),
    CombiningKindFlag.MAXSI: (VectorReduceSMaxOp, SMaxOp),
    CombiningKindFlag.MINSI: (VectorReduceSMinOp, SMinOp),
    CombiningKindFlag.MAXUI: (VectorReduceUMaxOp, UMaxOp),
    CombiningKindFlag.MINUI: (VectorReduceUMinOp, UMinOp),
}
"""For each kind: how to combine the elements of a vector, and how to combine two values."""


def type_is_integer(value_type: Attribute) -> bool:
    """Whether a scalar type is an integer type."""
    return isinstance(value_type, IntegerType)


@lru_cache(maxsize=64)
def _reassociable(flags: FastMathFlagsAttr) -> FastMathAttr:
    return FastMathAttr(sorted({*flags.data, FastMathFlag.REASSOC}))


def _reduction(f: FunctionConversion, op: vector.ReductionOp) -> None:
    """Sums and products of floats may be reassociated: as a chain of additions they would cost a latency per element."""
    value = f.values[op.vector]
    start = f.values[op.acc] if op.acc is not None else None
    result_type = convert_type(op.dest.type)
    kind = op.kind.data
    is_float = not type_is_integer(result_type)
    if kind in (CombiningKindFlag.ADD, CombiningKindFlag.MUL) and is_float:
        neutral = -0.0 if kind == CombiningKindFlag.ADD else 1.0
        target = VectorReduceFAddOp if kind == CombiningKindFlag.ADD else VectorReduceFMulOp
        if start is None:
            start = f.constant(constant_attribute(neutral, result_type), result_type)
        flags = _reassociable(op.fastmath)
        f.values[op.dest] = f.builder.create(target, (start, value), result_type, {"fastmathFlags": flags})
        return
    reduce, combine = _REDUCTIONS[kind]
    flags = flag_properties(op.fastmath) if kind.value.endswith("f") else None
    result = f.builder.create(reduce, (value,), result_type, flags)
    f.values[op.dest] = result if start is None else f.builder.create(combine, (start, result), result_type, flags)


VECTOR: Converters = {
    vector.LoadOp.name: _load,
    vector.StoreOp.name: _store,
    vector.MaskedLoadOp.name: _masked_load,
    vector.MaskedStoreOp.name: _masked_store,
    vector.BroadcastOp.name: _broadcast,
    vector.CreateMaskOp.name: _create_mask,
    vector.ExtractOp.name: _extract,
    vector.InsertOp.name: _insert,
    vector.FMAOp.name: _fma,
    vector.ShuffleOp.name: _shuffle,
    vector.BitcastOp.name: _bitcast,
    vector.ReductionOp.name: _reduction,
}
