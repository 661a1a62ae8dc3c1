"""Operations on complex tensors in real arithmetic: what `split-complex` puts in their place.

A formula gets an operation and its operands as parts. Special values are those of C99 (Annex G) as far as NumPy has them.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeAlias, cast

import numpy as np
from xdsl.ir import Attribute, SSAValue

from dialects.builder import OpBuilder, tensor_type
from dialects.dlc.arithmetic import AddOp, DivOp, MulOp, NegOp, SubOp, add, div, mul, neg, sub
from dialects.dlc.binary import PowOp, and_, max_, min_, or_
from dialects.dlc.bits import copysign
from dialects.dlc.broadcast import BroadcastInDimOp, ReduceSumOp
from dialects.dlc.checkpoint import OptimizationBarrierOp
from dialects.dlc.complex_parts import ComplexOp, ConjOp, DeinterleaveOp, ImagOp, InterleaveOp, RealOp
from dialects.dlc.constants import ConstantOp, array_of, constant, full, zeros
from dialects.dlc.contraction import DotGeneralOp
from dialects.dlc.conversion import ConvertOp, convert
from dialects.dlc.cumulative import CumprodOp, CumsumOp, LinearRecurrenceOp, shifted
from dialects.dlc.dynamic_slicing import DynamicSliceOp, DynamicUpdateSliceOp
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
from dialects.dlc.reduction import ReduceProdOp
from dialects.dlc.selection import CompareOp, SelectOp, compare, select
from dialects.dlc.shape import ReshapeOp, ReverseOp, TransposeOp, reshape, transposed
from dialects.dlc.slicing import ConcatenateOp, PadOp, SliceOp, concatenate, slice_
from dialects.dlc.sorting import SortOp
from dialects.dlc.trigonometric import CoshOp, SinhOp, TanOp, atan2, cosh, sinh, tan
from dialects.dlc.unary import (
    CosOp,
    ExpOp,
    LogOp,
    SinOp,
    SqrtOp,
    StopGradientOp,
    TanhOp,
    abs_,
    cos,
    exp,
    log,
    log1p,
    sin,
    sqrt,
    stop_gradient,
)
from dialects.dlc.updating import UpdateSliceOp


class Parts(NamedTuple):
    """A tensor as real ones: the real and the imaginary part of a complex one; else itself and `None`."""

    real: SSAValue
    imag: SSAValue | None = None


Pair: TypeAlias = tuple[SSAValue, SSAValue]
Form: TypeAlias = Callable[[OpBuilder, TensorOp, Sequence[Parts]], Parts]

BY_PART: frozenset[type[TensorOp]] = frozenset(
    {
        NegOp, AddOp, SubOp, SelectOp, StopGradientOp, BroadcastInDimOp, ReduceSumOp, ReshapeOp, ReverseOp, TransposeOp,
        ConcatenateOp, PadOp, SliceOp, GatherOp, ScatterOp, DynamicSliceOp, DynamicUpdateSliceOp, CumsumOp, SortOp,
        UpdateSliceOp, OptimizationBarrierOp, InterleaveOp, DeinterleaveOp,
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


def _like(b: OpBuilder, x: SSAValue, value: float) -> SSAValue:
    return full(b, value, tensor_type_of(x))


def _is(b: OpBuilder, x: SSAValue, value: float) -> SSAValue:
    return compare(b, "eq", x, _like(b, x, value))


# Arithmetic


def multiply(b: OpBuilder, x: Pair, y: Pair) -> Pair:
    """`(a + ib)(c + id) = (ac - bd) + i(ad + bc)`."""
    (re_x, im_x), (re_y, im_y) = x, y
    return (
        sub(b, mul(b, re_x, re_y), mul(b, im_x, im_y)),
        add(b, mul(b, re_x, im_y), mul(b, im_x, re_y)),
    )


def divide(b: OpBuilder, x: Pair, y: Pair) -> Pair:
    """Smith's quotient, as NumPy's: both parts of the divisor are divided by the larger one."""
    (re_x, im_x), (re_y, im_y) = x, y
    re_larger = compare(b, "ge", abs_(b, re_y), abs_(b, im_y))
    is_zero = and_(b, _is(b, re_y, 0), _is(b, im_y, 0))
    large, small = select(b, re_larger, re_y, im_y), select(b, re_larger, im_y, re_y)
    ratio = div(b, small, select(b, is_zero, _like(b, large, 1), large))
    scale = div(b, _like(b, large, 1), add(b, large, mul(b, small, ratio)))
    # With the parts of the dividend exchanged where those of the divisor are.
    first, second = select(b, re_larger, re_x, im_x), select(b, re_larger, im_x, re_x)
    real = mul(b, add(b, first, mul(b, second, ratio)), scale)
    imag = mul(b, sub(b, second, mul(b, first, ratio)), scale)
    imag = select(b, re_larger, imag, neg(b, imag))
    zero = abs_(b, re_y)
    return select(b, is_zero, div(b, re_x, zero), real), select(b, is_zero, div(b, im_x, zero), imag)


def hypot(b: OpBuilder, x: SSAValue, y: SSAValue) -> SSAValue:
    """`sqrt(x**2 + y**2)`, scaled by the larger so that squares stay in range; infinite if either is.

    The scale is a constant for derivatives, which are then those of the formula, whichever is the larger.
    """
    sizes = abs_(b, x), abs_(b, y)
    large = max_(b, *sizes)
    infinity, one = _like(b, x, math.inf), _like(b, x, 1)
    is_plain = and_(b, compare(b, "gt", large, _like(b, x, 0)), compare(b, "lt", large, infinity))
    scale = stop_gradient(b, select(b, is_plain, large, one))
    x, y = (div(b, select(b, is_plain, side, one), scale) for side in (x, y))
    length = mul(b, scale, sqrt(b, add(b, mul(b, x, x), mul(b, y, y))))
    is_infinite = or_(b, compare(b, "eq", sizes[0], infinity), compare(b, "eq", sizes[1], infinity))
    return select(b, is_plain, length, select(b, is_infinite, infinity, large))


# Functions


def exponential(b: OpBuilder, z: Pair) -> Pair:
    """`exp(x + iy) = exp(x) (cos(y) + i sin(y))`; a large factor is multiplied last, so that it overflows no earlier."""
    x, y = z
    limit, step = (85.0, 20.0) if _bits(x) == 32 else (700.0, 50.0)
    is_large = compare(b, "gt", x, _like(b, x, limit))
    size = exp(b, sub(b, x, select(b, is_large, _like(b, x, step), _like(b, x, 0))))
    rest = select(b, is_large, _like(b, x, math.exp(step)), _like(b, x, 1))
    is_real = _is(b, y, 0)  # keeps its zero, also where exp(x) is infinite
    vanishes = _is(b, x, -math.inf)  # whatever the angle is
    angle = select(b, vanishes, _like(b, y, 0), y)
    real = mul(b, mul(b, size, cos(b, angle)), rest)
    imag = mul(b, mul(b, size, sin(b, angle)), rest)
    is_infinite = and_(b, _is(b, x, math.inf), compare(b, "ne", sub(b, y, y), _like(b, y, 0)))  # by NaN or infinity
    real = select(b, is_infinite, x, real)
    return select(b, is_real, exp(b, x), real), select(b, is_real, y, imag)


def _bits(x: SSAValue) -> int:
    return cast(int, getattr(element_type_of(x), "bitwidth", 64))


def logarithm(b: OpBuilder, z: Pair) -> Pair:
    """`log|z| + i arg z`; near the unit circle `log|z| = log1p((x - 1)(x + 1) + y**2) / 2` with `x` the larger part."""
    x, y = abs_(b, z[0]), abs_(b, z[1])
    large, small = max_(b, x, y), min_(b, x, y)
    one = _like(b, x, 1)
    length = hypot(b, x, y)
    is_near = and_(b, compare(b, "gt", length, _like(b, x, 0.5)), compare(b, "lt", length, _like(b, x, 2)))
    excess = add(b, mul(b, sub(b, large, one), add(b, large, one)), mul(b, small, small))
    near = mul(b, log1p(b, select(b, is_near, excess, _like(b, x, 0))), _like(b, x, 0.5))
    return select(b, is_near, near, log(b, length)), atan2(b, z[1], z[0])


def square_root(b: OpBuilder, z: Pair) -> Pair:
    """The root with a real part of at least 0; of the two parts, the larger one is computed without cancellation."""
    x, y = z
    infinity = _like(b, x, math.inf)
    size = max_(b, abs_(b, x), abs_(b, y))
    # Scaled by powers of 4, so that |z| + |x| neither overflows nor loses bits.
    big, tiny = (1e37, 1e-30) if _bits(x) == 32 else (1e307, 1e-290)
    up, down = (2.0**40, 2.0**-20) if _bits(x) == 32 else (2.0**110, 2.0**-55)
    is_big, is_tiny = compare(b, "gt", size, _like(b, x, big)), compare(b, "lt", size, _like(b, x, tiny))
    scale = select(b, is_big, _like(b, x, 1 / 16), select(b, is_tiny, _like(b, x, up), _like(b, x, 1)))
    back = select(b, is_big, _like(b, x, 4), select(b, is_tiny, _like(b, x, down), _like(b, x, 1)))
    re, im = mul(b, x, scale), mul(b, y, scale)
    half = _like(b, x, 0.5)
    root = sqrt(b, mul(b, add(b, abs_(b, re), hypot(b, re, im)), half))
    is_zero = and_(b, _is(b, x, 0), _is(b, y, 0))
    other = mul(b, div(b, abs_(b, im), select(b, is_zero, _like(b, x, 1), root)), half)
    root, other = mul(b, root, back), mul(b, other, back)
    is_right = compare(b, "ge", x, _like(b, x, 0))
    real = select(b, is_right, root, other)
    imag = copysign(b, select(b, is_right, other, root), y)
    is_left = compare(b, "lt", x, _like(b, x, 0))
    is_infinite = compare(b, "eq", abs_(b, x), infinity)
    is_finite_beside = compare(b, "lt", abs_(b, y), infinity)
    on_left, on_right = (and_(b, is_infinite, side) for side in (is_left, compare(b, "gt", x, _like(b, x, 0))))
    of_right = select(b, is_finite_beside, copysign(b, _like(b, y, 0), y), y)
    of_left = select(b, is_finite_beside, _like(b, x, 0), abs_(b, y))
    real = select(b, on_right, x, select(b, on_left, of_left, real))
    imag = select(b, on_right, of_right, select(b, on_left, copysign(b, infinity, y), imag))
    y_infinite = compare(b, "eq", abs_(b, y), infinity)
    real, imag = select(b, is_zero, _like(b, x, 0), real), select(b, is_zero, y, imag)
    return select(b, y_infinite, infinity, real), select(b, y_infinite, y, imag)


def _times_i(b: OpBuilder, z: Pair) -> Pair:
    return neg(b, z[1]), z[0]


def _over_i(b: OpBuilder, z: Pair) -> Pair:
    return z[1], neg(b, z[0])


def hyperbolic_sine(b: OpBuilder, z: Pair) -> Pair:
    """`sinh(x) cos(y) + i cosh(x) sin(y)`; a real or imaginary number stays one, also where a factor is infinite."""
    x, y = z
    real, imag = mul(b, sinh(b, x), cos(b, y)), mul(b, cosh(b, x), sin(b, y))
    return select(b, _is(b, x, 0), x, real), select(b, _is(b, y, 0), y, imag)


def hyperbolic_cosine(b: OpBuilder, z: Pair) -> Pair:
    """`cosh(x) cos(y) + i sinh(x) sin(y)`."""
    x, y = z
    real, imag = mul(b, cosh(b, x), cos(b, y)), mul(b, sinh(b, x), sin(b, y))
    return real, select(
        b, or_(b, _is(b, x, 0), _is(b, y, 0)), mul(b, copysign(b, _like(b, x, 1), x), _zeroed(b, y)), imag
    )


def _zeroed(b: OpBuilder, y: SSAValue) -> SSAValue:
    """0 with the sign of `y`."""
    return copysign(b, _like(b, y, 0), y)


def sine(b: OpBuilder, z: Pair) -> Pair:
    """`sin(z) = sinh(iz) / i`."""
    return _over_i(b, hyperbolic_sine(b, _times_i(b, z)))


def cosine(b: OpBuilder, z: Pair) -> Pair:
    """`cos(z) = cosh(iz)`."""
    return hyperbolic_cosine(b, _times_i(b, z))


def hyperbolic_tangent(b: OpBuilder, z: Pair) -> Pair:
    """Kahan's: with `t = tan(y)`, `s = sinh(x)`: `(beta rho s + it) / (1 + beta s**2)`, `beta = 1 + t**2`, `rho = sqrt(1 + s**2)`.

    Kahan, "Branch cuts for complex elementary functions", 1987. For large `x` it is `1 + 4 i sin(y) cos(y) exp(-2|x|)`.
    """
    x, y = z
    one = _like(b, x, 1)
    limit = 11.0 if _bits(x) == 32 else 22.0
    is_large = compare(b, "gt", abs_(b, x), _like(b, x, limit))
    within = select(b, is_large, _like(b, x, 0), x)
    t, s = tan(b, y), sinh(b, within)
    beta, rho = add(b, one, mul(b, t, t)), sqrt(b, add(b, one, mul(b, s, s)))
    denominator = add(b, one, mul(b, beta, mul(b, s, s)))
    real = div(b, mul(b, beta, mul(b, rho, s)), denominator)
    imag = div(b, t, denominator)
    decay = exp(b, mul(b, abs_(b, x), _like(b, x, -2)))
    finite = select(b, compare(b, "eq", sub(b, y, y), _like(b, y, 0)), y, _like(b, y, 0))
    far = mul(b, mul(b, mul(b, _like(b, x, 4), sin(b, finite)), cos(b, finite)), decay)
    return select(b, is_large, copysign(b, one, x), real), select(b, is_large, far, imag)


def tangent(b: OpBuilder, z: Pair) -> Pair:
    """`tan(z) = tanh(iz) / i`."""
    return _over_i(b, hyperbolic_tangent(b, _times_i(b, z)))


def power(b: OpBuilder, x: Pair, y: Pair) -> Pair:
    """`exp(y log(x))`; `x**0` is 1, and 0 to a power with a positive real part is 0, else NaN."""
    nothing, one = _like(b, x[0], 0), _like(b, x[0], 1)
    base_is_zero = and_(b, _is(b, x[0], 0), _is(b, x[1], 0))
    exponent_is_zero = and_(b, _is(b, y[0], 0), _is(b, y[1], 0))
    safe = select(b, base_is_zero, one, x[0]), select(b, base_is_zero, nothing, x[1])
    real, imag = exponential(b, multiply(b, y, logarithm(b, safe)))
    vanishes = compare(b, "gt", y[0], nothing)
    of_zero = select(b, vanishes, nothing, _like(b, nothing, math.nan))
    real, imag = select(b, base_is_zero, of_zero, real), select(b, base_is_zero, of_zero, imag)
    return select(b, exponent_is_zero, one, real), select(b, exponent_is_zero, nothing, imag)


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


def _dot_general(b: OpBuilder, op: TensorOp, operands: Sequence[Parts]) -> Parts:
    """Four real products, each of which the BLAS library may take."""

    def product(x: SSAValue, y: SSAValue) -> SSAValue:
        return DotGeneralOp.emit(b, (x, y), op.properties)

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
    DotGeneralOp: _dot_general,
    ReduceProdOp: _reduce_prod,
    CumprodOp: _cumprod,
    LinearRecurrenceOp: _linear_recurrence,
}
"""The formula of each other operation that takes or makes complex numbers."""
