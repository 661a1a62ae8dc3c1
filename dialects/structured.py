"""Short constructors for structured operations on tensors: `linalg.generic` and what goes with it.

A map is a tuple of loop dimensions (`(0, 2)` reads `operand[d0, d2]`) or an `AffineMapAttr` for anything else.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias, cast

from xdsl.dialects import arith, scf, tensor
from xdsl.dialects.builtin import (
    DYNAMIC_INDEX,
    AffineMapAttr,
    ArrayAttr,
    BFloat16Type,
    DenseIntOrFPElementsAttr,
    Float16Type,
    IndexType,
    IntegerAttr,
    LocationAttr,
    StringAttr,
    TensorType,
    f32,
    i64,
)
from xdsl.dialects.linalg.attrs import IteratorTypeAttr
from xdsl.dialects.linalg.ops import FillOp, GenericOp, IndexOp, YieldOp
from xdsl.dialects.utils import split_dynamic_index_list
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.ir.affine import AffineExpr

from dialects.builder import OpBuilder, affine_map, dims_map, int_array, segment_sizes, tensor_type
from dialects.partial_reads import allow_partial_reads_in_linalg
from dialects.several_results import read_several_results_of_linalg

allow_partial_reads_in_linalg()
read_several_results_of_linalg()

Map: TypeAlias = Sequence[int] | AffineMapAttr
RunningStep: TypeAlias = Callable[
    [OpBuilder, Sequence[SSAValue], Sequence[SSAValue]], tuple[Sequence[SSAValue], SSAValue]
]
Body: TypeAlias = Callable[[OpBuilder, tuple[SSAValue, ...]], Sequence[SSAValue]]

PARALLEL = IteratorTypeAttr.parallel()
KERNEL_NAME = "rt.name"
"""The attribute of a nest of `scf.for` that says what it computes."""
REDUCTION = IteratorTypeAttr.reduction()


def build_generic(
    b: OpBuilder,
    inputs: Sequence[SSAValue],
    outputs: Sequence[SSAValue],
    maps: Sequence[Map],
    iterators: Sequence[IteratorTypeAttr],
    body: Body,
) -> tuple[SSAValue, ...]:
    """Append a `linalg.generic` on tensors and return its results, one per output.

    `body` gets a builder for the body and the block arguments (one per input, then one per output) and returns the
    values to yield.
    """
    num_dims = len(iterators)
    elements = [element_type(value) for value in (*inputs, *outputs)]
    block = Block(arg_types=elements)
    inner = OpBuilder(block, b.location)
    inner.create_op(YieldOp, body(inner, tuple(block.args)))
    map_attributes = [m if isinstance(m, AffineMapAttr) else dims_map(num_dims, tuple(m)) for m in maps]
    op = b.create_op(
        GenericOp,
        (*inputs, *outputs),
        [value.type for value in outputs if is_tensor(value)],
        {
            "indexing_maps": ArrayAttr(map_attributes),
            "iterator_types": ArrayAttr(iterators),
            "operandSegmentSizes": segment_sizes(len(inputs), len(outputs)),
        },
        regions=[Region(block)],
    )
    return tuple(op.results)


def build_reduction(
    b: OpBuilder,
    source: SSAValue,
    dims: Sequence[int],
    neutral: float,
    combine: Callable[[OpBuilder, SSAValue, SSAValue], SSAValue],
) -> SSAValue:
    """Append the reduction of the tensor `source` over `dims`, which disappear: a fill with `neutral`, then a generic.

    `combine(b, accumulator, element)` builds the scalar step; it must be associative and commutative up to rounding.
    Elements of `f16` and `bf16` are accumulated in `f32`.
    """
    stored = element_type(source)
    source = build_cast(b, source, compute_type(stored))
    shape = cast("TensorType[Any]", source.type).get_shape()
    kept = [dim for dim in range(len(shape)) if dim not in dims]
    loop_of = {dim: loop for loop, dim in enumerate((*kept, *sorted(dims)))}
    element = element_type(source)
    start = build_fill(b, b.constant(neutral, element), tensor_type(element, tuple(shape[dim] for dim in kept)))
    (result,) = build_generic(
        b,
        (source,),
        (start,),
        (tuple(loop_of[dim] for dim in range(len(shape))), range(len(kept))),
        (PARALLEL,) * len(kept) + (REDUCTION,) * len(dims),
        lambda inner, arguments: (combine(inner, arguments[1], arguments[0]),),
    )
    return build_cast(b, result, stored)


def compute_type(element: Attribute) -> Attribute:
    """The type that elements of a type are computed in: `f32` for `f16` and `bf16`, which are only stored."""
    return f32 if isinstance(element, Float16Type | BFloat16Type) else element


def cast_float(b: OpBuilder, x: SSAValue, element: Attribute) -> SSAValue:
    """Append the floating-point scalar `x` as one of another type; `x` itself if it has that type."""
    if x.type == element:
        return x
    widens = cast(Any, element).bitwidth > cast(Any, x.type).bitwidth
    return b.create(arith.ExtFOp if widens else arith.TruncFOp, (x,), element)


def build_cast(b: OpBuilder, source: SSAValue, element: Attribute) -> SSAValue:
    """Append the floating-point tensor `source` with elements of another type; `source` itself if it has them."""
    if element_type(source) == element:
        return source
    shape = cast("TensorType[Any]", source.type).get_shape()
    rank = len(shape)
    return build_generic(
        b,
        (source,),
        (build_empty(b, tensor_type(element, shape)),),
        (range(rank), range(rank)),
        (PARALLEL,) * rank,
        lambda inner, arguments: (cast_float(inner, arguments[0], element),),
    )[0]


def build_running_reduction(
    b: OpBuilder,
    inputs: Sequence[SSAValue],
    dim: int,
    is_reverse: bool,
    starts: Sequence[float],
    step: RunningStep,
) -> SSAValue:
    """Append a running reduction of `inputs`, tensors of one type, along `dim`, which is not empty: a generic and its running output.

    Elements of `f16` and `bf16` are computed in `f32`. The state is one scalar for each of `starts`. `step(b, elements, state)` builds the next state
    and the element of the result. The loop along `dim` is the last one; with `is_reverse` it starts at the last element.
    """
    stored = element_type(inputs[0])
    inputs = [build_cast(b, x, compute_type(stored)) for x in inputs]
    result_type = cast("TensorType[Any]", inputs[0].type)
    shape, element = result_type.get_shape(), result_type.element_type
    rank = len(shape)
    loop_of = [d if d < dim else d - 1 for d in range(rank)]
    loop_of[dim] = rank - 1
    ahead = tuple(AffineExpr.dimension(loop) for loop in loop_of)
    backwards = tuple(
        AffineExpr.dimension(loop) * -1 + (shape[dim] - 1) if d == dim else AffineExpr.dimension(loop)
        for d, loop in enumerate(loop_of)
    )
    state_type = tensor_type(element, (*shape[:dim], *shape[dim + 1 :]))
    states = [build_fill(b, b.constant(start, element), state_type) for start in starts]

    def body(inner: OpBuilder, arguments: tuple[SSAValue, ...]) -> Sequence[SSAValue]:
        state, result = step(inner, arguments[: len(inputs)], arguments[len(inputs) : -1])
        return (*state, result)

    result = build_generic(
        b,
        inputs,
        (*states, build_empty(b, result_type)),
        (
            *[affine_map(rank, backwards if is_reverse else ahead)] * len(inputs),
            *[range(rank - 1)] * len(states),
            affine_map(rank, ahead),
        ),
        (PARALLEL,) * (rank - 1) + (REDUCTION,),
        body,
    )[-1]
    result = build_cast(b, result, stored)
    if not is_reverse:
        return result
    places = [AffineExpr.dimension(d) for d in range(rank)]
    places[dim] = places[dim] * -1 + (shape[dim] - 1)
    return build_copy(b, result, tensor_type(stored, shape), affine_map(rank, tuple(places)))


def build_for(
    b: OpBuilder,
    lower: SSAValue,
    upper: SSAValue,
    step: SSAValue,
    carried: Sequence[SSAValue],
    body: Callable[[OpBuilder, SSAValue, Sequence[SSAValue]], Sequence[SSAValue]],
    name: str = "",
) -> list[SSAValue]:
    """Append an `scf.for` and return what it carries in the end.

    `body(b, position, carried)` builds one iteration and returns what is carried on. The outermost loop of a nest that is
    a kernel of its own has the `name` that the kernel gets.
    """
    types = [value.type for value in carried]
    block = Block(arg_types=[IndexType(), *types])
    inner = OpBuilder(block, b.location)
    inner.create_op(scf.YieldOp, body(inner, block.args[0], block.args[1:]))
    attributes = {KERNEL_NAME: StringAttr(name)} if name else {}
    bounds = (lower, upper, step, *carried)
    return list(b.create_op(scf.ForOp, bounds, types, regions=[Region(block)], attributes=attributes).results)


def build_copy(b: OpBuilder, source: SSAValue, result_type: TensorType[Any], source_map: Map) -> SSAValue:
    """Append the tensor whose element at `d0, d1, …` is that of `source` at `source_map`: one generic.

    An empty tensor is a fill, because the verifier of `linalg.generic` does not know that nothing is read for it.
    """
    rank = len(result_type.get_shape())
    if 0 in result_type.get_shape():
        return build_fill(b, b.constant(0, result_type.element_type), result_type)
    return build_generic(
        b,
        (source,),
        (build_empty(b, result_type),),
        (source_map, range(rank)),
        (PARALLEL,) * rank,
        lambda _, arguments: (arguments[0],),
    )[0]


def build_window_write(
    b: OpBuilder, window: SSAValue, dest: SSAValue, offsets: Sequence[SSAValue | int], strides: Sequence[int]
) -> SSAValue:
    """Append `tensor.insert_slice`: `dest` with `window` at `offsets`, whose steps are `strides`; it must lie within `dest`.

    The window is the result of a generic of its own, which computes it in place where the buffer of `dest` is free.
    """
    window_type = cast("TensorType[Any]", window.type)
    copy = build_copy(b, window, window_type, range(len(window_type.get_shape())))
    return build_insertion(b, copy, dest, offsets, strides)


def build_insertion(
    b: OpBuilder, window: SSAValue, dest: SSAValue, offsets: Sequence[SSAValue | int], strides: Sequence[int]
) -> SSAValue:
    """Append the `tensor.insert_slice` of a window that is the result of a generic and has no other reader."""
    static, dynamic = split_dynamic_index_list(offsets, DYNAMIC_INDEX)
    properties = {
        "static_offsets": int_array(tuple(static)),
        "static_sizes": int_array(cast("TensorType[Any]", window.type).get_shape()),
        "static_strides": int_array(tuple(strides)),
        "operandSegmentSizes": segment_sizes(1, 1, len(dynamic), 0, 0),
    }
    return b.create(tensor.InsertSliceOp, (window, dest, *dynamic), dest.type, properties)


def is_tensor(value: SSAValue) -> bool:
    """Whether `value` is a tensor, and not a scalar."""
    return isinstance(value.type, TensorType)


def build_empty(b: OpBuilder, result_type: TensorType[Any]) -> SSAValue:
    """Append a `tensor.empty`: a destination whose contents do not matter."""
    return b.create(tensor.EmptyOp, (), result_type)


def build_fill(b: OpBuilder, value: SSAValue, result_type: TensorType[Any]) -> SSAValue:
    """Append a tensor with the scalar `value` everywhere."""
    empty = build_empty(b, result_type)
    op = b.create_op(
        FillOp,
        (value, empty),
        (result_type,),
        {"operandSegmentSizes": segment_sizes(1, 1)},
        regions=[_fill_body(value.type, b.location)],
    )
    return op.results[0]


def _fill_body(scalar_type: Attribute, location: LocationAttr) -> Region:
    block = Block(arg_types=[scalar_type, scalar_type])
    OpBuilder(block, location).create_op(YieldOp, (block.args[0],))
    return Region(block)


def build_loop_index(b: OpBuilder, dim: int) -> SSAValue:
    """Append a `linalg.index`: the position in loop dimension `dim`, inside the body of a `linalg.generic`."""
    return b.create(IndexOp, (), IndexType(), {"dim": IntegerAttr(dim, i64)})


def element_type(value: SSAValue) -> Attribute:
    """The element type of a shaped value, or the type itself of a scalar."""
    return cast(Attribute, getattr(value.type, "element_type", value.type))


def captured_values(op: Operation) -> Iterator[SSAValue]:
    """The values that the regions of `op` use but `op` does not list as operands and does not define.

    `tensor.extract` in the body of a `linalg.generic` reads its tensor this way.
    """
    seen: set[SSAValue] = set()
    for region in op.regions:
        for inner in region.walk():
            for operand in inner.operands:
                if operand in seen:
                    continue
                block = operand.owner if isinstance(operand.owner, Block) else operand.owner.parent
                if not _is_inside(block, op):
                    seen.add(operand)
                    yield operand


def _is_inside(block: Block | None, op: Operation) -> bool:
    while block is not None:
        parent = block.parent_op()
        if parent is op:
            return True
        block = parent.parent if parent is not None else None
    return False


def is_scalar_code(op: Operation) -> bool:
    """Whether `op` computes scalars outside of structured operations: where a window lies."""
    return bool(op.results) and not op.regions and not any(map(is_tensor, op.results))


def is_splat_constant(value: SSAValue) -> bool:
    """Whether `value` is an `arith.constant` whose elements are all equal, and not an empty one."""
    owner = value.owner
    if not isinstance(owner, arith.ConstantOp) or 0 in getattr(value.type, "get_shape", tuple)():
        return False
    numbers = owner.value
    if not isinstance(numbers, DenseIntOrFPElementsAttr):
        return True
    # Bytes, not numbers: a table of roots of unity has many, and each would become a Python object.
    data = cast("DenseIntOrFPElementsAttr[Any]", numbers).data.data
    return data == data[: len(data) // len(numbers)] * len(numbers)


def trip_count(loop: scf.ForOp) -> int | None:
    """How often the body of a loop runs; `None` if its bounds are not constants."""
    bounds = [constant_integer(value) for value in (loop.lb, loop.ub, loop.step)]
    if None in bounds:
        return None
    first, last, step = cast("list[int]", bounds)
    return max(0, -(-(last - first) // step))


def constant_integer(value: SSAValue) -> int | None:
    """The number behind an `arith.constant` of integer type, or `None`."""
    owner = value.owner
    if isinstance(owner, arith.ConstantOp) and isinstance(owner.value, IntegerAttr):
        return cast("IntegerAttr[Any]", owner.value).value.data
    return None
