"""The element of every window that is its extremum: where it is, what another tensor has there, and what is added there.

`window_select` and `select_and_scatter_add` are each other's adjoint.
"""

from abc import ABC
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, product
from math import prod
from typing import Any, ClassVar, Literal, cast

import numpy as np
from xdsl.dialects import arith
from xdsl.dialects.builtin import IntegerAttr, StringAttr, i1, i32, i64
from xdsl.ir import SSAValue
from xdsl.ir.affine import AffineExpr
from xdsl.irdl import irdl_op_definition, operand_def
from xdsl.utils.exceptions import VerifyException

from dialects.builder import OpBuilder, affine_map, int_array, tensor_type
from dialects.dlc.binary import rem
from dialects.dlc.constants import full
from dialects.dlc.elementwise import expect_kind
from dialects.dlc.indexing import build_scatter
from dialects.dlc.interfaces import (
    AnyTensor,
    Array,
    Properties,
    computed,
    dtype_of,
    element_type_of,
    ints,
    is_float,
    shape_of,
    tensor_type_of,
)
from dialects.dlc.scalars import scalar_compare, scalar_op, scalar_select
from dialects.dlc.shape import stacked
from dialects.dlc.slicing import build_pad
from dialects.dlc.window_loops import Pair, WindowOp
from dialects.reshapes import build_reshape
from dialects.structured import (
    PARALLEL,
    build_cast,
    build_copy,
    build_empty,
    build_fill,
    build_generic,
    build_loop_index,
    compute_type,
)

MOST_WINDOWS = 64
"""Up to this many windows that an element may be in, all are looked at for each element, which is parallel."""

_UNORDERED: dict[str, IntegerAttr[Any]] = {
    direction: IntegerAttr(arith.CMPF_COMPARISON_OPERATIONS.index(predicate), i64)
    for direction, predicate in (("gt", "ugt"), ("lt", "ult"))
}
"""Comparisons that are true if one of the two is NaN."""


class _ExtremumOp(WindowOp, ABC):
    """What the operations share that look for the first of the largest, or smallest, elements; the first NaN wins."""

    DIRECTION: ClassVar[Literal["gt", "lt"]] = "gt"

    def numpy_positions(self, x: Array) -> Array:
        """Where in `x`, counted in row-major order, the extremum of each window is."""
        counts = self.window_counts
        if 0 in counts:
            return np.zeros(counts, np.int64)
        flat = self.numpy_windows(x).reshape(*counts, prod(ints(self.sizes)))
        within = np.asarray(np.argmax(flat, -1) if self.DIRECTION == "gt" else np.argmin(flat, -1))
        offsets = np.unravel_index(within, ints(self.sizes)) if counts else ()
        result = np.zeros(counts, np.int64)
        for dim, (offset, (_, stride, dilation)) in enumerate(zip(offsets, self.windows, strict=True)):
            start = np.arange(counts[dim]).reshape([-1 if d == dim else 1 for d in range(x.ndim)]) * stride
            result = result * x.shape[dim] + start + offset * dilation
        return result

    def choose(self, b: OpBuilder, before: Pair, after: Pair) -> Pair:
        """The later element, with what belongs to it, only if it is beyond the earlier one, or the first NaN."""
        value, other = before[0], after[0]
        if is_float(value.type):
            is_beyond_or_nan = b.create(arith.CmpfOp, (other, value), i1, {"predicate": _UNORDERED[self.DIRECTION]})
            wins = scalar_op(b, arith.AndIOp, is_beyond_or_nan, scalar_compare(b, "eq", value, value))
        else:
            wins = scalar_compare(b, self.DIRECTION, other, value)
        return tuple(scalar_select(b, wins, new, old) for old, new in zip(before, after, strict=True))

    def lower_marks(self, b: OpBuilder, x: SSAValue) -> SSAValue:
        """How far from the start of its window, counted in row-major order in `x`, the extremum is: integers as wide as those of `x`.

        With integers of that width, a vector has a place for each element that it compares.
        """
        x = build_cast(b, x, compute_type(element_type_of(x)))
        farthest = sum(
            (size - 1) * dilation * prod(shape_of(x)[dim + 1 :]) for dim, (size, _, dilation) in enumerate(self.windows)
        )
        is_narrow = cast(Any, element_type_of(x)).bitwidth <= 32 and farthest < 2**31
        mark = i32 if is_narrow else i64
        return self.lower_windows(b, (x,), self.choose, mark)[-1]

    def lower_positions(self, b: OpBuilder, x: SSAValue) -> SSAValue:
        """Where in `x`, counted in row-major order, the extremum of each window is."""
        marks = self.lower_marks(b, x)
        shape = shape_of(x)

        def body(inner: OpBuilder, arguments: tuple[SSAValue, ...]) -> Sequence[SSAValue]:
            start = inner.index(0)
            for dim, (_, stride, _) in enumerate(self.windows):
                step = inner.index(stride * prod(shape[dim + 1 :]))
                place = scalar_op(inner, arith.MuliOp, build_loop_index(inner, dim), step)
                start = scalar_op(inner, arith.AddiOp, start, place)
            far = arguments[0] if arguments[0].type == i64 else inner.create(arith.ExtSIOp, (arguments[0],), i64)
            return (scalar_op(inner, arith.AddiOp, inner.create(arith.IndexCastOp, (start,), i64), far),)

        rank = len(shape)
        empty = build_empty(b, tensor_type(i64, self.window_counts))
        return build_generic(b, (marks,), (empty,), (range(rank), range(rank)), (PARALLEL,) * rank, body)[0]


class _WindowPositionOp(_ExtremumOp, ABC):
    """Where in the operand the extremum of every window is."""

    NO_DERIVATIVE: ClassVar[str] = "a position is an integer"

    assembly_format = (
        "$operand `sizes` $sizes `strides` $strides `dilations` $dilations attr-dict "
        "`:` type($operand) `->` type($result)"
    )

    @classmethod
    def infer_type(cls, operand_types: Sequence[AnyTensor], properties: Properties) -> AnyTensor:
        """A position for each window that fits."""
        return tensor_type(i64, cls.counts(operand_types[0], properties))

    def evaluate(self, operands: Sequence[Array]) -> Array:
        """`np.argmax` or `np.argmin` of the windows, and then where that is in the operand."""
        return self.numpy_positions(computed(operands[0]))

    def batch(self, b: OpBuilder, operands: Sequence[SSAValue], batched: Sequence[bool], size: int) -> SSAValue:
        """As for all windows, less what the examples before take."""
        del batched, size
        positions = self.emit(b, operands, self.batched_properties())
        count = max(prod(shape_of(self.operand)), 1)
        return rem(b, positions, full(b, count, tensor_type_of(positions)))

    def lower(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue:
        """Where windows start, and how far from there the extremum is."""
        if 0 in self.shape:
            return build_fill(b, b.constant(0, i64), self.result.type)
        return self.lower_positions(b, operands[0])


@irdl_op_definition
class WindowArgmaxOp(_WindowPositionOp):
    """Where in the operand, counted in row-major order, the first of the largest elements of every window is."""

    name = "dlc.window_argmax"


@irdl_op_definition
class WindowArgminOp(_WindowPositionOp):
    """Where in the operand, counted in row-major order, the first of the smallest elements of every window is."""

    name = "dlc.window_argmin"

    DIRECTION: ClassVar[Literal["gt", "lt"]] = "lt"


class _PairedOp(_ExtremumOp, ABC):
    """What the adjoint operations share: a tensor that tells the extrema, and another one."""

    operand = operand_def(AnyTensor)
    other = operand_def(AnyTensor)

    assembly_format = (
        "$operand `,` $other `sizes` $sizes `strides` $strides `dilations` $dilations attr-dict "
        "`:` type($operand) `,` type($other) `->` type($result)"
    )

    @classmethod
    def expect_other(cls, other: AnyTensor, shape: Sequence[int]) -> None:
        """Raise `VerifyException` unless the second operand has this shape, and elements that can be added."""
        expect_kind(cls.name, 1, other, "float or int")
        if other.get_shape() != tuple(shape):
            raise VerifyException(
                f"{cls.name}: operand 1 has type {other}, expected {tensor_type(other.element_type, tuple(shape))}"
            )

    def simplify(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue | None:
        """For windows of one element at every place it is the second operand."""
        del b
        return operands[1] if self.are_elements else None

    def jvp(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> SSAValue | None:
        """Linear in the second operand; the extrema stay where they are when the first one moves a little."""
        moved = tangents[1]
        return None if moved is None else self.emit(b, (self.operand, moved), self.properties)

    def batch(self, b: OpBuilder, operands: Sequence[SSAValue], batched: Sequence[bool], size: int) -> SSAValue:
        """Windows of size 1 in the new dimension."""
        return self.emit(b, stacked(b, operands, batched, size), self.batched_properties())


@irdl_op_definition
class WindowSelectOp(_PairedOp):
    """`result[i] = other[p]`, where `p` is the place of the first of the largest elements of `operand` in window `i`."""

    name = "dlc.window_select"

    @classmethod
    def infer_type(cls, operand_types: Sequence[AnyTensor], properties: Properties) -> AnyTensor:
        """As many elements per dimension as windows fit; `other` has the shape of `operand`."""
        operand, other = operand_types
        counts = cls.counts(operand, properties)
        cls.expect_other(other, operand.get_shape())
        return tensor_type(other.element_type, counts)

    def evaluate(self, operands: Sequence[Array]) -> Array:
        """`np.take` of the positions."""
        x, other = operands
        return np.asarray(other.ravel()[self.numpy_positions(computed(x))])

    def transpose(self, b: OpBuilder, cotangent: SSAValue, linear: Sequence[bool]) -> Sequence[SSAValue | None]:
        """`select_and_scatter_add` of the cotangent."""
        del linear
        return None, SelectAndScatterAddOp.emit(b, (self.operand, cotangent), self.properties)

    def lower(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue:
        """The extremum and what belongs to it are combined together."""
        if 0 in self.shape:
            return build_fill(b, b.constant(0, self.result.type.element_type), self.result.type)
        wide = tuple(build_cast(b, x, compute_type(element_type_of(x))) for x in operands)
        return build_cast(b, self.lower_windows(b, wide, self.choose)[1], self.result.type.element_type)


@irdl_op_definition
class SelectAndScatterAddOp(_PairedOp):
    """`result[p] = sum of other[i]` over the windows `i` of `operand` in which `p` is the place of the first of the largest elements."""

    name = "dlc.select_and_scatter_add"

    @classmethod
    def infer_type(cls, operand_types: Sequence[AnyTensor], properties: Properties) -> AnyTensor:
        """The shape of `operand`; `other` has an element for each window."""
        operand, other = operand_types
        cls.expect_other(other, cls.counts(operand, properties))
        return tensor_type(other.element_type, operand.get_shape())

    def evaluate(self, operands: Sequence[Array]) -> Array:
        """`np.add.at` the positions."""
        x, other = map(computed, operands)
        result = np.zeros(x.size, other.dtype)
        with np.errstate(all="ignore"):
            np.add.at(result, self.numpy_positions(x).ravel(), other.ravel())
        return result.reshape(self.shape).astype(dtype_of(self.result.type))

    def transpose(self, b: OpBuilder, cotangent: SSAValue, linear: Sequence[bool]) -> Sequence[SSAValue | None]:
        """`window_select` from the cotangent."""
        del linear
        return None, WindowSelectOp.emit(b, (self.operand, cotangent), self.properties)

    def lower(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue:
        """A loop over the elements that looks at the windows that each is in, if these are few; else one over the windows."""
        x, source = operands
        stored = self.result.type.element_type
        if 0 in self.window_counts:
            return build_fill(b, b.constant(0, stored), self.result.type)
        wide = build_cast(b, source, compute_type(stored))
        dims = [_Phases(*amounts) for amounts in zip(shape_of(x), self.window_counts, self.windows, strict=True)]
        is_parallel = prod(dim.most for dim in dims) <= MOST_WINDOWS
        result = self._build_gathered(b, x, wide, dims) if is_parallel else self._build_scattered(b, x, wide)
        return build_cast(b, result, stored)

    def _build_scattered(self, b: OpBuilder, x: SSAValue, source: SSAValue) -> SSAValue:
        """Append a scatter to the positions of the extrema."""
        element, count = element_type_of(source), prod(self.window_counts)
        start = build_fill(b, b.constant(0, element), tensor_type(element, (prod(self.shape),)))
        positions = build_reshape(b, self.lower_positions(b, x), (count, 1))
        properties = {"dims": int_array((0,)), "batch_dims": IntegerAttr(0, i64), "bounds": StringAttr("clamp")}
        add = arith.AddfOp if is_float(element) else arith.AddiOp
        scattered = build_scatter(
            b,
            (start, positions, build_reshape(b, source, (count,))),
            properties,
            lambda inner, old, update: scalar_op(inner, add, old, update),
        )
        return build_reshape(b, scattered, self.shape)

    def _build_gathered(self, b: OpBuilder, x: SSAValue, source: SSAValue, dims: "Sequence[_Phases]") -> SSAValue:
        """Append one generic over the result, which asks of every window that an element is in whether it is the extremum there.

        An element at `q * stride + a` is in window `q - j` at `a + j * stride`: the loops are over `q` and `a`, so that neighbours
        along `q` read neighbouring windows.
        """
        marks = self.lower_marks(b, x)
        marks, source = (_build_margins(b, t, dims, number) for t, number in ((marks, -1), (source, 0)))
        shape = [n for dim in dims for n in dim.loops]
        rank = len(shape)
        loops = list(accumulate((len(dim.loops) for dim in dims), initial=0))[:-1]
        steps = [prod(shape_of(x)[d + 1 :]) for d in range(len(dims))]
        # In descending order, which is the order of the windows.
        windows = list(product(*(reversed(range(dim.most)) for dim in dims)))
        maps = [
            affine_map(
                rank,
                tuple(
                    AffineExpr.dimension(loop) + (dim.most - 1 - j) if dim.most - 1 - j else AffineExpr.dimension(loop)
                    for loop, dim, j in zip(loops, dims, window, strict=True)
                ),
            )
            for window in windows
        ]
        mark_type, zero_type = element_type_of(marks), element_type_of(source)

        def body(inner: OpBuilder, arguments: tuple[SSAValue, ...]) -> Sequence[SSAValue]:
            phase = inner.index(0)
            for loop, dim, step in zip(loops, dims, steps, strict=True):
                if dim.stride > 1:
                    place = scalar_op(inner, arith.MuliOp, build_loop_index(inner, loop + 1), inner.index(step))
                    phase = scalar_op(inner, arith.AddiOp, phase, place)
            start = inner.create(arith.IndexCastOp, (phase,), mark_type)
            total = zero = inner.constant(0, zero_type)
            for number, window in enumerate(windows):
                far = sum(j * dim.stride * step for j, dim, step in zip(window, dims, steps, strict=True))
                place = scalar_op(inner, arith.AddiOp, start, inner.constant(far, mark_type))
                is_here = scalar_compare(inner, "eq", arguments[number], place)
                term = scalar_select(inner, is_here, arguments[len(windows) + number], zero)
                add = arith.AddfOp if is_float(zero_type) else arith.AddiOp
                total = term if total is zero else scalar_op(inner, add, total, term)
            return (total,)

        empty = build_empty(b, tensor_type(zero_type, tuple(shape)))
        inputs = [*[marks] * len(windows), *[source] * len(windows)]
        (spread,) = build_generic(b, inputs, (empty,), (*maps, *maps, range(rank)), (PARALLEL,) * rank, body)
        whole = build_reshape(b, spread, [prod(dim.loops) for dim in dims])
        if shape_of(whole) != self.shape:
            whole = build_copy(b, whole, tensor_type(zero_type, self.shape), range(len(dims)))
        return whole


@dataclass(frozen=True)
class _Phases:
    """One dimension of an operand, and its windows."""

    size: int
    count: int
    window: tuple[int, int, int]

    @property
    def stride(self) -> int:
        """Steps between windows."""
        return self.window[1]

    @property
    def most(self) -> int:
        """In how many windows an element may be."""
        size, stride, dilation = self.window
        return (size - 1) * dilation // stride + 1

    @property
    def loops(self) -> tuple[int, ...]:
        """The extents of the loops over `q` and, if there are strides, over `a`."""
        number = -(-self.size // self.stride)
        return (number, self.stride) if self.stride > 1 else (number,)

    @property
    def margins(self) -> tuple[int, int]:
        """How many windows that do not exist are asked for in front and behind."""
        return self.most - 1, self.loops[0] - self.count


def _build_margins(b: OpBuilder, x: SSAValue, dims: Sequence[_Phases], number: int) -> SSAValue:
    """Append `x`, which has an element for each window, with a number for windows that do not exist."""
    low, high = zip(*(dim.margins for dim in dims), strict=True)
    if not any(low) and not any(high):
        return x
    element = element_type_of(x)
    value = build_fill(b, b.constant(number, element), tensor_type(element, ()))
    shape = tuple(sum(amounts) for amounts in zip(shape_of(x), low, high, strict=True))
    return build_pad(b, x, value, list(zip(low, high, (1,) * len(dims), strict=True)), tensor_type(element, shape))
