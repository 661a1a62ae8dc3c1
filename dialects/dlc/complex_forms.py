"""Operations on complex tensors in real arithmetic: what `split-complex` puts in their place.

A form gets an operation and its operands as parts. The formulas of elementwise functions are in `complex_functions.py` and
`complex_inverses.py`.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeAlias, cast

import numpy as np
from xdsl.ir import Attribute, SSAValue

from dialects.builder import OpBuilder, tensor_type
from dialects.dlc.arithmetic import AddOp, DivOp, MulOp, NegOp, SubOp, add, neg, sub
from dialects.dlc.binary import PowOp, and_, or_
from dialects.dlc.broadcast import BroadcastInDimOp, ReduceSumOp
from dialects.dlc.checkpoint import OptimizationBarrierOp
from dialects.dlc.complex_functions import (
    Pair,
    cosine,
    divide,
    exponential,
    exponential_minus_one,
    hyperbolic_cosine,
    hyperbolic_sine,
    hyperbolic_tangent,
    logarithm,
    logarithm_of_one_plus,
    logarithm_to_base,
    multiply,
    power,
    power_of_two,
    reciprocal_square_root,
    sine,
    square_root,
    tangent,
)
from dialects.dlc.complex_inverses import (
    inverse_cosine,
    inverse_hyperbolic_cosine,
    inverse_hyperbolic_sine,
    inverse_hyperbolic_tangent,
    inverse_sine,
    inverse_tangent,
)
from dialects.dlc.complex_parts import ComplexOp, ConjOp, DeinterleaveOp, ImagOp, InterleaveOp, RealOp
from dialects.dlc.constants import ConstantOp, array_of, constant, full, zeros
from dialects.dlc.contraction import DotGeneralOp
from dialects.dlc.conversion import ConvertOp, convert
from dialects.dlc.convolution import ConvolutionKernelOp, ConvolutionOp
from dialects.dlc.cumulative import CumprodOp, CumsumOp, LinearRecurrenceOp, shifted
from dialects.dlc.dynamic_slicing import DynamicSliceOp, DynamicUpdateSliceOp
from dialects.dlc.fourier import FftOp, IrfftOp, RfftOp, integer
from dialects.dlc.fourier_forms import inverse_real_transform, real_transform, transform
from dialects.dlc.indexing import GatherOp, ScatterOp
from dialects.dlc.interfaces import (
    AnyTensor,
    TensorOp,
    element_type_of,
    ints,
    is_bool,
    is_complex,
    part_type,
    shape_of,
    tensor_type_of,
)
from dialects.dlc.powers import Exp2Op, Log2Op, Log10Op
from dialects.dlc.reduction import ReduceProdOp
from dialects.dlc.rounding import RoundOp
from dialects.dlc.selection import CompareOp, SelectOp, compare
from dialects.dlc.shape import ReshapeOp, ReverseOp, TransposeOp, reshape, transposed
from dialects.dlc.slicing import ConcatenateOp, PadOp, SliceOp, concatenate, slice_
from dialects.dlc.sorting import SortOp
from dialects.dlc.trigonometric import AcoshOp, AcosOp, AsinhOp, AsinOp, AtanhOp, AtanOp, CoshOp, SinhOp, TanOp
from dialects.dlc.unary import (
    CosOp,
    Expm1Op,
    ExpOp,
    Log1pOp,
    LogOp,
    RsqrtOp,
    SinOp,
    SqrtOp,
    StopGradientOp,
    TanhOp,
)
from dialects.dlc.unfolding import FoldOp, UnfoldOp
from dialects.dlc.updating import UpdateSliceOp
from dialects.dlc.windows import ReduceWindowSumOp


class Parts(NamedTuple):
    """A tensor as real ones: the real and the imaginary part of a complex one; else itself and `None`."""

    real: SSAValue
    imag: SSAValue | None = None


Form: TypeAlias = Callable[[OpBuilder, TensorOp, Sequence[Parts]], Parts]

BY_PART: frozenset[type[TensorOp]] = frozenset(
    {
        NegOp, AddOp, SubOp, SelectOp, StopGradientOp, BroadcastInDimOp, ReduceSumOp, ReshapeOp, ReverseOp, TransposeOp,
        ConcatenateOp, PadOp, SliceOp, GatherOp, ScatterOp, DynamicSliceOp, DynamicUpdateSliceOp, CumsumOp, SortOp, RoundOp,
        UpdateSliceOp, OptimizationBarrierOp, ReduceWindowSumOp, UnfoldOp, FoldOp, InterleaveOp,
        DeinterleaveOp,
    }
)  # fmt: skip
"""Operations that move elements or add them: their real part is that of the real parts, and so for the imaginary ones."""


def split(b: OpBuilder, op: TensorOp, operands: Sequence[Parts]) -> Parts:
    """Append what `op`, which has complex operands or a complex result, is on the parts of its operands.

    Raises:
        KeyError: there is no formula for it.
    """
    if type(op) not in BY_PART:
        return FORMS[type(op)](b, op, operands)
    properties = {name: _with_parts(attribute) for name, attribute in op.properties.items()}
    real = op.emit(b, [operand.real for operand in operands], properties)
    if not is_complex(op.result.type.element_type):
        return Parts(real)
    return Parts(real, op.emit(b, [operand.imag or operand.real for operand in operands], properties))


def _with_parts(attribute: Attribute) -> Attribute:
    element = getattr(attribute, "element_type", None)
    if element is None or not is_complex(element):
        return attribute
    return tensor_type(part_type(element), cast(AnyTensor, attribute).get_shape())


# Forms of operations


def _of_pairs(formula: Callable[..., Pair]) -> Form:
    """The form of an elementwise operation, all of whose operands are complex."""

    def form(b: OpBuilder, op: TensorOp, operands: Sequence[Parts]) -> Parts:
        del op
        return Parts(*formula(b, *[(operand.real, _imag(operand)) for operand in operands]))

    return form


def _imag(parts: Parts) -> SSAValue:
    assert parts.imag is not None, "expected a complex operand"
    return parts.imag


def _constant(b: OpBuilder, op: TensorOp, operands: Sequence[Parts]) -> Parts:
    del operands
    value = array_of(cast(ConstantOp, op).value)
    return Parts(constant(b, np.real(value)), constant(b, np.imag(value)))


def _convert(b: OpBuilder, op: TensorOp, operands: Sequence[Parts]) -> Parts:
    (x,) = operands
    element = op.result.type.element_type
    if is_bool(element):
        return Parts(or_(b, convert(b, x.real, element), convert(b, _imag(x), element)))
    if not is_complex(element):
        return Parts(convert(b, x.real, element))
    real = convert(b, x.real, part_type(element))
    return Parts(real, zeros(b, tensor_type_of(real)) if x.imag is None else convert(b, x.imag, part_type(element)))


def _compare(b: OpBuilder, op: TensorOp, operands: Sequence[Parts]) -> Parts:
    x, y = operands
    is_equal = cast(CompareOp, op).direction.data == "eq"
    direction, join = ("eq", and_) if is_equal else ("ne", or_)
    return Parts(join(b, compare(b, direction, x.real, y.real), compare(b, direction, _imag(x), _imag(y))))


def _bilinear(b: OpBuilder, op: TensorOp, operands: Sequence[Parts]) -> Parts:
    """Four real products, each of which the BLAS library may take."""

    def product(x: SSAValue, y: SSAValue) -> SSAValue:
        return op.emit(b, (x, y), op.properties)

    x, y = operands
    return Parts(
        sub(b, product(x.real, y.real), product(_imag(x), _imag(y))),
        add(b, product(x.real, _imag(y)), product(_imag(x), y.real)),
    )


def _reduce_prod(b: OpBuilder, op: TensorOp, operands: Sequence[Parts]) -> Parts:
    """The two halves of the elements are multiplied until one is left."""
    (x,) = operands
    shape, dims = shape_of(x.real), ints(op.properties["dims"])
    kept = [dim for dim in range(len(shape)) if dim not in dims]
    size = math.prod(shape[dim] for dim in dims)

    def flat(part: SSAValue) -> SSAValue:
        return reshape(b, transposed(b, part, [*kept, *dims]), (*op.shape, size))

    if size == 0:
        one = full(b, 1, tensor_type(element_type_of(x.real), op.shape))
        return Parts(one, zeros(b, tensor_type_of(one)))
    rank = len(op.shape)

    def part_of(pair: Pair, start: int, limit: int) -> Pair:
        starts, limits = [0] * rank + [start], [*op.shape, limit]
        return slice_(b, pair[0], starts, limits, [1] * (rank + 1)), slice_(
            b, pair[1], starts, limits, [1] * (rank + 1)
        )

    pair = flat(x.real), flat(_imag(x))
    while size > 1:
        half = size // 2
        rest = part_of(pair, 2 * half, size) if size % 2 else None
        pair = multiply(b, part_of(pair, 0, half), part_of(pair, half, 2 * half))
        if rest is not None:
            first = multiply(b, part_of(pair, 0, 1), rest)
            pair = first if half == 1 else _joined(b, first, part_of(pair, 1, half), rank)
        size = half
    return Parts(reshape(b, pair[0], op.shape), reshape(b, pair[1], op.shape))


def _joined(b: OpBuilder, x: Pair, y: Pair, dim: int) -> Pair:
    return concatenate(b, [x[0], y[0]], dim), concatenate(b, [x[1], y[1]], dim)


def _recurrence(b: OpBuilder, op: LinearRecurrenceOp | CumprodOp, factor: Pair, inflow: Pair) -> Parts:
    """By doubling: steps of 1, 2, 4, … elements are joined, as `y = inflow + factor * (y before)` is associative."""
    dim, size = op.along, op.shape[op.along]
    direction = -1 if op.is_reverse else 1

    def before(pair: Pair, distance: int, filling: float) -> Pair:
        return (
            shifted(b, pair[0], dim, direction * distance, filling),
            shifted(b, pair[1], dim, direction * distance, 0),
        )

    distance = 1
    while distance < size:
        carried = multiply(b, factor, before(inflow, distance, 0))
        inflow = add(b, inflow[0], carried[0]), add(b, inflow[1], carried[1])
        factor = multiply(b, factor, before(factor, distance, 0))
        distance *= 2
    return Parts(*inflow)


def _linear_recurrence(b: OpBuilder, op: TensorOp, operands: Sequence[Parts]) -> Parts:
    factor, inflow = operands
    return _recurrence(b, cast(LinearRecurrenceOp, op), (factor.real, _imag(factor)), (inflow.real, _imag(inflow)))


def _cumprod(b: OpBuilder, op: TensorOp, operands: Sequence[Parts]) -> Parts:
    """By doubling: products of 1, 2, 4, … elements up to each are joined."""
    cumprod = cast(CumprodOp, op)
    (x,) = operands
    pair = x.real, _imag(x)
    direction = -1 if cumprod.is_reverse else 1
    distance = 1
    while distance < op.shape[cumprod.along]:
        before = (
            shifted(b, pair[0], cumprod.along, direction * distance, 1),
            shifted(b, pair[1], cumprod.along, direction * distance, 0),
        )
        pair = multiply(b, pair, before)
        distance *= 2
    return Parts(*pair)


def _fft(b: OpBuilder, op: TensorOp, operands: Sequence[Parts]) -> Parts:
    (x,) = operands
    fft = cast(FftOp, op)
    pair = x.real, _imag(x)
    return Parts(*transform(b, pair, integer(fft.dim), fft.factor, inverse=fft.inverse is not None))


def _rfft(b: OpBuilder, op: TensorOp, operands: Sequence[Parts]) -> Parts:
    return Parts(*real_transform(b, operands[0].real, cast(RfftOp, op).factor))


def _irfft(b: OpBuilder, op: TensorOp, operands: Sequence[Parts]) -> Parts:
    (x,) = operands
    irfft = cast(IrfftOp, op)
    return Parts(inverse_real_transform(b, (x.real, _imag(x)), integer(irfft.length), irfft.factor))


FORMS: Mapping[type[TensorOp], Form] = {
    RealOp: lambda b, op, operands: Parts(operands[0].real),  # noqa: ARG005
    ImagOp: lambda b, op, operands: Parts(_imag(operands[0])),  # noqa: ARG005
    ComplexOp: lambda b, op, operands: Parts(operands[0].real, operands[1].real),  # noqa: ARG005
    ConjOp: lambda b, op, operands: Parts(operands[0].real, neg(b, _imag(operands[0]))),  # noqa: ARG005
    ConstantOp: _constant,
    ConvertOp: _convert,
    CompareOp: _compare,
    MulOp: _of_pairs(multiply),
    DivOp: _of_pairs(divide),
    PowOp: _of_pairs(power),
    ExpOp: _of_pairs(exponential),
    LogOp: _of_pairs(logarithm),
    SqrtOp: _of_pairs(square_root),
    SinOp: _of_pairs(sine),
    CosOp: _of_pairs(cosine),
    TanOp: _of_pairs(tangent),
    SinhOp: _of_pairs(hyperbolic_sine),
    CoshOp: _of_pairs(hyperbolic_cosine),
    TanhOp: _of_pairs(hyperbolic_tangent),
    RsqrtOp: _of_pairs(reciprocal_square_root),
    Expm1Op: _of_pairs(exponential_minus_one),
    Log1pOp: _of_pairs(logarithm_of_one_plus),
    Exp2Op: _of_pairs(power_of_two),
    Log2Op: _of_pairs(logarithm_to_base(2)),
    Log10Op: _of_pairs(logarithm_to_base(10)),
    AsinOp: _of_pairs(inverse_sine),
    AcosOp: _of_pairs(inverse_cosine),
    AtanOp: _of_pairs(inverse_tangent),
    AsinhOp: _of_pairs(inverse_hyperbolic_sine),
    AcoshOp: _of_pairs(inverse_hyperbolic_cosine),
    AtanhOp: _of_pairs(inverse_hyperbolic_tangent),
    DotGeneralOp: _bilinear,
    ConvolutionOp: _bilinear,
    ConvolutionKernelOp: _bilinear,
    ReduceProdOp: _reduce_prod,
    CumprodOp: _cumprod,
    LinearRecurrenceOp: _linear_recurrence,
    FftOp: _fft,
    RfftOp: _rfft,
    IrfftOp: _irfft,
}
"""The formula of each other operation that takes or makes complex numbers."""
