"""Cutting tensors apart and putting them together: slice, pad, concatenate.

The adjoint of a slice is a pad, of a pad a slice, of a concatenation slices.
"""

import math
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import numpy as np
from xdsl.dialects import arith, tensor
from xdsl.dialects.builtin import I64, DenseArrayBase, IndexType, IntegerAttr, i1, i64
from xdsl.ir import SSAValue
from xdsl.ir.affine import AffineExpr
from xdsl.irdl import irdl_op_definition, operand_def, prop_def, var_operand_def
from xdsl.utils.exceptions import VerifyException

from dialects.builder import OpBuilder, affine_map, int_array, tensor_type
from dialects.dlc.broadcast import broadcast_in_dim, reduce_sum
from dialects.dlc.constants import full, splat_value, zeros
from dialects.dlc.interfaces import (
    AnyTensor,
    Array,
    Properties,
    TensorOp,
    element_type_of,
    ints,
    shape_of,
    tensor_type_of,
)
from dialects.dlc.selection import select
from dialects.dlc.shape import stacked
from dialects.structured import (
    PARALLEL,
    build_copy,
    build_empty,
    build_generic,
    build_loop_index,
)

_INDEX = IndexType()
_SLT = IntegerAttr(2, i64)
_SGE = IntegerAttr(5, i64)
_EQ = IntegerAttr(0, i64)


@irdl_op_definition
class SliceOp(TensorOp):
    """`result[i, …] = operand[starts[0] + i * strides[0], …]`, below `limits`."""

    name = "dlc.slice"

    operand = operand_def(AnyTensor)
    starts = prop_def(DenseArrayBase.constr(I64))
    limits = prop_def(DenseArrayBase.constr(I64))
    strides = prop_def(DenseArrayBase.constr(I64))

    assembly_format = (
        "$operand `starts` $starts `limits` $limits `strides` $strides attr-dict `:` type($operand) `->` type($result)"
    )

    @classmethod
    def infer_type(cls, operand_types: Sequence[AnyTensor], properties: Properties) -> AnyTensor:
        """As many elements per dimension as there are steps from start to limit, both within the operand."""
        (operand,) = operand_types
        starts, limits, strides = (ints(properties[name]) for name in ("starts", "limits", "strides"))
        shape = operand.get_shape()
        if not len(starts) == len(limits) == len(strides) == len(shape):
            raise VerifyException(
                f"dlc.slice: {len(starts)} starts, {len(limits)} limits and {len(strides)} strides do not fit the "
                f"{len(shape)} dimensions of {operand}"
            )
        sizes: list[int] = []
        for dim, (start, limit, stride, size) in enumerate(zip(starts, limits, strides, shape, strict=True)):
            if stride < 1:
                raise VerifyException(f"dlc.slice: stride {stride} of dimension {dim} is not positive")
            if not 0 <= start <= limit <= size:
                raise VerifyException(
                    f"dlc.slice: start {start} and limit {limit} of dimension {dim} do not satisfy "
                    f"0 <= start <= limit <= {size}, the size in {operand}"
                )
            sizes.append(-(-(limit - start) // stride))
        return tensor_type(operand.element_type, tuple(sizes))

    def evaluate(self, operands: Sequence[Array]) -> Array:
        """NumPy's basic slicing."""
        return np.asarray(operands[0][self._index()])

    def _index(self) -> tuple[slice, ...]:
        steps = zip(ints(self.starts), ints(self.limits), ints(self.strides), strict=True)
        return tuple(slice(start, limit, stride) for start, limit, stride in steps)

    def simplify(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue | None:
        """A slice of everything is `x`; a slice of a slice is one slice; of a splat, a splat."""
        (x,) = operands
        if shape_of(x) == self.shape:
            return x
        if (number := splat_value(x)) is not None:
            return full(b, number, self.result.type)
        if not isinstance(x.owner, SliceOp):
            return None
        inner = x.owner
        starts: list[int] = []
        limits: list[int] = []
        strides: list[int] = []
        for dim, size in enumerate(self.shape):
            stride = ints(inner.strides)[dim] * ints(self.strides)[dim]
            start = ints(inner.starts)[dim] + ints(self.starts)[dim] * ints(inner.strides)[dim]
            start = min(start, shape_of(inner.operand)[dim])
            starts.append(start)
            limits.append(start + (size - 1) * stride + 1 if size else start)
            strides.append(stride)
        return slice_(b, inner.operand, starts, limits, strides)

    def jvp(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> SSAValue | None:
        """Slice the tangent."""
        (dx,) = tangents
        return None if dx is None else SliceOp.emit(b, (dx,), self.properties)

    def transpose(self, b: OpBuilder, cotangent: SSAValue, linear: Sequence[bool]) -> Sequence[SSAValue | None]:
        """Put the cotangent where it came from, with zeros around and between."""
        del linear
        shape = shape_of(self.operand)
        low: list[int] = []
        high: list[int] = []
        for dim, size in enumerate(self.shape):
            start = ints(self.starts)[dim]
            low.append(start)
            high.append(shape[dim] - start - ((size - 1) * ints(self.strides)[dim] + 1 if size else 0))
        zero = zeros(b, tensor_type(element_type_of(cotangent), ()))
        return (pad(b, cotangent, zero, low, high, [stride - 1 for stride in ints(self.strides)]),)

    def batch(self, b: OpBuilder, operands: Sequence[SSAValue], batched: Sequence[bool], size: int) -> SSAValue:
        """Keep the whole of the leading dimension."""
        del batched
        return slice_(b, operands[0], (0, *ints(self.starts)), (size, *ints(self.limits)), (1, *ints(self.strides)))

    def lower(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue:
        """One generic that reads at `d * stride + start`."""
        indices = tuple(
            AffineExpr.dimension(dim) * stride + start
            for dim, (start, stride) in enumerate(zip(ints(self.starts), ints(self.strides), strict=True))
        )
        return build_copy(b, operands[0], self.result.type, affine_map(len(indices), indices))


def slice_(b: OpBuilder, x: SSAValue, starts: Sequence[int], limits: Sequence[int], strides: Sequence[int]) -> SSAValue:
    """`x[starts[0]:limits[0]:strides[0], …]`, all nonnegative and within `x`."""
    properties = {
        "starts": int_array(tuple(starts)),
        "limits": int_array(tuple(limits)),
        "strides": int_array(tuple(strides)),
    }
    return SliceOp.emit(b, (x,), properties)


@irdl_op_definition
class PadOp(TensorOp):
    """`operand` with `low` elements of `padding` before it, `high` after it and `interior` between any two of its elements.

    Negative `low` and `high` cut elements off, after the interior padding.
    """

    name = "dlc.pad"

    operand = operand_def(AnyTensor)
    padding = operand_def(AnyTensor)
    low = prop_def(DenseArrayBase.constr(I64))
    high = prop_def(DenseArrayBase.constr(I64))
    interior = prop_def(DenseArrayBase.constr(I64))

    assembly_format = (
        "$operand `,` $padding `low` $low `high` $high `interior` $interior attr-dict "
        "`:` type($operand) `,` type($padding) `->` type($result)"
    )

    @classmethod
    def infer_type(cls, operand_types: Sequence[AnyTensor], properties: Properties) -> AnyTensor:
        """The sizes with the padding; the padding is one element of the operand's type."""
        operand, padding = operand_types
        low, high, interior = (ints(properties[name]) for name in ("low", "high", "interior"))
        shape = operand.get_shape()
        if padding != tensor_type(operand.element_type, ()):
            raise VerifyException(
                f"dlc.pad: padding has type {padding}, expected {tensor_type(operand.element_type, ())}"
            )
        if not len(low) == len(high) == len(interior) == len(shape):
            raise VerifyException(
                f"dlc.pad: {len(low)} low, {len(high)} high and {len(interior)} interior amounts do not fit the "
                f"{len(shape)} dimensions of {operand}"
            )
        sizes: list[int] = []
        for dim, size in enumerate(shape):
            if interior[dim] < 0:
                raise VerifyException(f"dlc.pad: interior amount {interior[dim]} of dimension {dim} is negative")
            sizes.append(low[dim] + high[dim] + size + max(size - 1, 0) * interior[dim])
            if sizes[-1] < 0:
                raise VerifyException(
                    f"dlc.pad: low {low[dim]} and high {high[dim]} cut more than there is of dimension {dim} of {operand}"
                )
        return tensor_type(operand.element_type, tuple(sizes))

    def evaluate(self, operands: Sequence[Array]) -> Array:
        """Fill, then copy what is not cut off."""
        x, padding = operands
        result = np.full(self.shape, padding, x.dtype)
        source: list[slice] = []
        target: list[slice] = []
        for dim, (low, step) in enumerate(zip(ints(self.low), self._steps(), strict=True)):
            first = max(0, -(low // step))
            last = min(x.shape[dim] - 1, (self.shape[dim] - 1 - low) // step)
            if last < first:
                return result
            source.append(slice(first, last + 1))
            target.append(slice(low + first * step, low + last * step + 1, step))
        result[tuple(target)] = x[tuple(source)]
        return result

    def _steps(self) -> tuple[int, ...]:
        return tuple(between + 1 for between in ints(self.interior))

    def simplify(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue | None:
        """Padding by nothing is `x`; of nothing, the padding; a pad that only cuts is a slice."""
        x, padding = operands
        shape = shape_of(x)
        low, high = ints(self.low), ints(self.high)
        if math.prod(shape) == 0:
            return broadcast_in_dim(b, padding, self.shape, ())
        if any(between and size > 1 for between, size in zip(ints(self.interior), shape, strict=True)):
            return None
        if not any(low) and not any(high):
            return x
        if max(low) <= 0 and max(high) <= 0:
            limits = [size + cut for size, cut in zip(shape, high, strict=True)]
            return slice_(b, x, [-cut for cut in low], limits, [1] * len(shape))
        number = splat_value(x)
        if number is not None and number == splat_value(padding) and number != 0:
            return full(b, number, self.result.type)
        return None

    def jvp(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> SSAValue | None:
        """Linear in operand and padding together."""
        dx, dpadding = tangents
        dx = zeros(b, tensor_type_of(self.operand)) if dx is None else dx
        dpadding = zeros(b, tensor_type_of(self.padding)) if dpadding is None else dpadding
        return PadOp.emit(b, (dx, dpadding), self.properties)

    def transpose(self, b: OpBuilder, cotangent: SSAValue, linear: Sequence[bool]) -> Sequence[SSAValue | None]:
        """Of the operand: what lies where it lay. Of the padding: the sum of everything else."""
        operand_cotangent = padding_cotangent = None
        zero = zeros(b, tensor_type_of(self.padding))
        if linear[0]:
            inner = pad(
                b, cotangent, zero, [-n for n in ints(self.low)], [-n for n in ints(self.high)], [0] * len(self.shape)
            )
            steps = self._steps()
            operand_cotangent = slice_(b, inner, [0] * len(steps), shape_of(inner), steps)
        if linear[1]:
            rest = select(b, self._mask(b), cotangent, zeros(b, self.result.type))
            padding_cotangent = reduce_sum(b, rest, range(len(self.shape)))
        return operand_cotangent, padding_cotangent

    def _mask(self, b: OpBuilder) -> SSAValue:
        """True where the result is padding."""
        inside = full(b, False, tensor_type(i1, shape_of(self.operand)))
        return PadOp.emit(b, (inside, full(b, True, tensor_type(i1, ()))), self.properties)

    def batch(self, b: OpBuilder, operands: Sequence[SSAValue], batched: Sequence[bool], size: int) -> SSAValue:
        """Leave the leading dimension alone; paddings that differ are selected where there is padding."""
        x, padding = operands
        if not batched[1]:
            return self._batched_pad(b, x, padding)
        shape = (size, *self.shape)
        (mask,) = stacked(b, [self._mask(b)], [False], size)
        paddings = broadcast_in_dim(b, padding, shape, (0,))
        (x,) = stacked(b, [x], [batched[0]], size)
        zero = zeros(b, tensor_type_of(self.padding))
        return select(b, mask, paddings, self._batched_pad(b, x, zero))

    def _batched_pad(self, b: OpBuilder, x: SSAValue, padding: SSAValue) -> SSAValue:
        return pad(b, x, padding, (0, *ints(self.low)), (0, *ints(self.high)), (0, *ints(self.interior)))

    def lower(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue:
        """One generic over the result: the operand's element if the position falls on one, else the padding."""
        x, padding = operands
        if math.prod(shape_of(x)) == 0:
            return build_copy(b, padding, self.result.type, ())
        amounts = zip(ints(self.low), ints(self.high), self._steps(), strict=True)
        return build_pad(b, x, padding, list(amounts), self.result.type)


def build_pad(
    b: OpBuilder, x: SSAValue, padding: SSAValue, amounts: Sequence[tuple[int, int, int]], result_type: AnyTensor
) -> SSAValue:
    """Append the structured form of a pad of `x`, which is not empty: low, high and interior amount plus one for each dimension."""
    rank = len(amounts)

    def body(inner: OpBuilder, arguments: tuple[SSAValue, ...]) -> Sequence[SSAValue]:
        inside: SSAValue | None = None
        position: list[SSAValue] = []
        for dim, size in enumerate(shape_of(x)):
            index, tests = _build_source_index(inner, dim, size, *amounts[dim])
            position.append(index)
            for test in tests:
                inside = test if inside is None else inner.create(arith.AndIOp, (inside, test), i1)
        element = inner.create(tensor.ExtractOp, (x, *position), element_type_of(x))
        if inside is None:
            return (element,)
        return (inner.create(arith.SelectOp, (inside, element, arguments[0]), element_type_of(x)),)

    empty = build_empty(b, result_type)
    return build_generic(b, (padding,), (empty,), ((), range(rank)), (PARALLEL,) * rank, body)[0]


def _build_source_index(
    b: OpBuilder, dim: int, size: int, low: int, high: int, step: int
) -> tuple[SSAValue, list[SSAValue]]:
    """Append the clamped operand index for loop dimension `dim`, and the tests that it needs no clamping."""
    step = step if size > 1 else 1
    index = build_loop_index(b, dim)
    tests: list[SSAValue] = []
    if low:
        index = b.create(arith.SubiOp, (index, b.index(low)), _INDEX)
    zero = b.index(0)
    if low > 0:
        tests.append(b.create(arith.CmpiOp, (index, zero), i1, {"predicate": _SGE}))
    if high > 0:
        bound = b.index((size - 1) * step + 1)
        tests.append(b.create(arith.CmpiOp, (index, bound), i1, {"predicate": _SLT}))
    if step > 1:
        remainder = b.create(arith.RemSIOp, (index, b.index(step)), _INDEX)
        tests.append(b.create(arith.CmpiOp, (remainder, zero), i1, {"predicate": _EQ}))
        index = b.create(arith.DivSIOp, (index, b.index(step)), _INDEX)
    if low > 0:
        index = b.create(arith.MaxSIOp, (index, zero), _INDEX)
    if high > 0:
        index = b.create(arith.MinSIOp, (index, b.index(size - 1)), _INDEX)
    return index, tests


def pad(
    b: OpBuilder, x: SSAValue, value0d: SSAValue, low: Sequence[int], high: Sequence[int], interior: Sequence[int]
) -> SSAValue:
    """`x` with `value0d` around and between its elements; negative amounts cut."""
    properties = {
        "low": int_array(tuple(low)),
        "high": int_array(tuple(high)),
        "interior": int_array(tuple(interior)),
    }
    return PadOp.emit(b, (x, value0d), properties)


@irdl_op_definition
class ConcatenateOp(TensorOp):
    """The operands one after the other along dimension `dim`; all other sizes are equal."""

    name = "dlc.concatenate"

    inputs = var_operand_def(AnyTensor)
    dim = prop_def(IntegerAttr[I64])

    assembly_format = "$inputs `dim` $dim attr-dict `:` type($inputs) `->` type($result)"

    @classmethod
    def infer_type(cls, operand_types: Sequence[AnyTensor], properties: Properties) -> AnyTensor:
        """The sizes along `dim` add up."""
        dim = _integer(properties["dim"])
        if not operand_types:
            raise VerifyException("dlc.concatenate: needs at least one operand")
        first = operand_types[0]
        shape = list(first.get_shape())
        if not 0 <= dim < len(shape):
            raise VerifyException(f"dlc.concatenate: dim {dim} is not a dimension of {first}")
        total = 0
        for position, operand in enumerate(operand_types):
            sizes = list(operand.get_shape())
            if operand.element_type != first.element_type or [*sizes[:dim], *sizes[dim + 1 :]] != [
                *shape[:dim],
                *shape[dim + 1 :],
            ]:
                raise VerifyException(
                    f"dlc.concatenate: operand {position} has type {operand}, expected {first} up to dimension {dim}"
                )
            total += sizes[dim]
        return tensor_type(first.element_type, (*shape[:dim], total, *shape[dim + 1 :]))

    def evaluate(self, operands: Sequence[Array]) -> Array:
        """`np.concatenate`."""
        return np.concatenate(operands, axis=_integer(self.dim))

    def simplify(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue | None:
        """Operands that are empty along `dim` disappear, a concatenation of one operand is that operand.

        An operand that is itself a concatenation along `dim` is taken apart.
        """
        dim = _integer(self.dim)
        flat: list[SSAValue] = []
        for operand in operands:
            inner = operand.owner
            if isinstance(inner, ConcatenateOp) and _integer(inner.dim) == dim:
                flat.extend(inner.operands)
            else:
                flat.append(operand)
        useful = [operand for operand in flat if shape_of(operand)[dim]] or flat[:1]
        if len(useful) == 1:
            return useful[0]
        return concatenate(b, useful, dim) if useful != list(operands) else None

    def jvp(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> SSAValue | None:
        """Concatenate the tangents."""
        pairs = zip(self.operands, tangents, strict=True)
        parts = [zeros(b, tensor_type_of(operand)) if part is None else part for operand, part in pairs]
        return concatenate(b, parts, _integer(self.dim))

    def transpose(self, b: OpBuilder, cotangent: SSAValue, linear: Sequence[bool]) -> Sequence[SSAValue | None]:
        """Cut the cotangent into slices."""
        dim = _integer(self.dim)
        strides = [1] * len(self.shape)
        cotangents: list[SSAValue | None] = []
        for operand, offset, is_linear in zip(self.operands, self._offsets(), linear, strict=True):
            starts = [0] * len(self.shape)
            limits = list(self.shape)
            starts[dim] = offset
            limits[dim] = offset + shape_of(operand)[dim]
            cotangents.append(slice_(b, cotangent, starts, limits, strides) if is_linear else None)
        return cotangents

    def _offsets(self) -> list[int]:
        sizes = [shape_of(operand)[_integer(self.dim)] for operand in self.operands]
        return list(accumulate(sizes[:-1], initial=0))

    def batch(self, b: OpBuilder, operands: Sequence[SSAValue], batched: Sequence[bool], size: int) -> SSAValue:
        """Repeat the operands that are not batched, and shift `dim`."""
        return concatenate(b, stacked(b, operands, batched, size), _integer(self.dim) + 1)

    def lower(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue:
        """One generic over the result that selects among the operands, each read at a clamped index."""
        dim = _integer(self.dim)
        rank = len(self.shape)
        parts = [
            (operand, offset, shape_of(operand)[dim])
            for operand, offset in zip(operands, self._offsets(), strict=True)
            if shape_of(operand)[dim]
        ]
        if len(parts) <= 1:
            return parts[0][0] if parts else operands[0]

        def body(inner: OpBuilder, arguments: tuple[SSAValue, ...]) -> Sequence[SSAValue]:
            del arguments
            loops = [build_loop_index(inner, loop) for loop in range(rank)]
            result: SSAValue | None = None
            for operand, offset, size in reversed(parts):
                index = loops[dim]
                if offset:
                    index = inner.create(arith.SubiOp, (index, inner.index(offset)), _INDEX)
                    index = inner.create(arith.MaxSIOp, (index, inner.index(0)), _INDEX)
                if result is not None:
                    index = inner.create(arith.MinSIOp, (index, inner.index(size - 1)), _INDEX)
                position = [*loops[:dim], index, *loops[dim + 1 :]]
                element = inner.create(tensor.ExtractOp, (operand, *position), element_type_of(operand))
                if result is not None:
                    bound = inner.index(offset + size)
                    before = inner.create(arith.CmpiOp, (loops[dim], bound), i1, {"predicate": _SLT})
                    element = inner.create(arith.SelectOp, (before, element, result), element.type)
                result = element
            assert result is not None, "there are two parts or more"
            return (result,)

        empty = build_empty(b, self.result.type)
        return build_generic(b, (), (empty,), (range(rank),), (PARALLEL,) * rank, body)[0]


def concatenate(b: OpBuilder, xs: Sequence[SSAValue], dim: int) -> SSAValue:
    """The tensors `xs` one after the other along `dim`."""
    return ConcatenateOp.emit(b, tuple(xs), {"dim": IntegerAttr(dim, i64)})


def _integer(attribute: Any) -> int:
    assert isinstance(attribute, IntegerAttr)
    return attribute.value.data
