"""Reductions over windows that slide along the dimensions: sums, largest and smallest elements, and where those are.

Window `i` of a dimension has the elements `i * stride + t * dilation` for `t` below `size`, all within the operand. StableHLO's
padding and base dilation are a `dlc.pad` in front.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from math import prod
from typing import Any, ClassVar, Literal, TypeAlias

import numpy as np
from xdsl.dialects import arith
from xdsl.dialects.builtin import I64, DenseArrayBase, i64
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.ir.affine import AffineExpr
from xdsl.irdl import irdl_op_definition, operand_def, prop_def
from xdsl.utils.exceptions import VerifyException

from dialects.builder import OpBuilder, affine_map, int_array, tensor_type
from dialects.dlc.binary import rem
from dialects.dlc.broadcast import broadcast_in_dim
from dialects.dlc.constants import full, zeros
from dialects.dlc.elementwise import expect_kind
from dialects.dlc.indexing import gather
from dialects.dlc.interfaces import (
    AnyTensor,
    Array,
    Properties,
    TensorOp,
    computed,
    dtype_of,
    element_type_of,
    ints,
    is_float,
    shape_of,
    tensor_type_of,
)
from dialects.dlc.reduction import highest, lowest
from dialects.dlc.scalars import greater_of, lesser_of, scalar_compare, scalar_op, scalar_select
from dialects.dlc.shape import reshape
from dialects.dlc.slicing import pad
from dialects.structured import (
    PARALLEL,
    build_cast,
    build_empty,
    build_fill,
    build_generic,
    build_loop_index,
    compute_type,
)

TAPS = 16
"""How many elements of a window one operation combines; larger windows are combined of the results for smaller ones."""

Kind: TypeAlias = Literal["sum", "max", "min"]
Pair: TypeAlias = tuple[SSAValue, ...]
"""Tensors of one shape that are combined together."""


class _WindowOp(TensorOp, ABC):
    """What the operations on windows share: where the windows lie."""

    operand = operand_def(AnyTensor)
    sizes = prop_def(DenseArrayBase.constr(I64))
    strides = prop_def(DenseArrayBase.constr(I64))
    dilations = prop_def(DenseArrayBase.constr(I64))

    assembly_format = (
        "$operand `sizes` $sizes `strides` $strides `dilations` $dilations attr-dict "
        "`:` type($operand) `->` type($result)"
    )

    @classmethod
    def infer_type(cls, operand_types: Sequence[AnyTensor], properties: Properties) -> AnyTensor:
        """As many elements per dimension as windows fit."""
        (operand,) = operand_types
        expect_kind(cls.name, 0, operand, "float or int")
        shape = operand.get_shape()
        amounts = [ints(properties[name]) for name in ("sizes", "strides", "dilations")]
        for name, values in zip(("sizes", "strides", "dilations"), amounts, strict=True):
            if len(values) != len(shape) or any(value < 1 for value in values):
                raise VerifyException(
                    f"{cls.name}: {name} are {list(values)}, expected a positive number for each of the {len(shape)} "
                    f"dimensions of {operand}"
                )
        counts = tuple(
            max(0, (n - (size - 1) * dilation - 1) // stride + 1)
            for n, size, stride, dilation in zip(shape, *amounts, strict=True)
        )
        return tensor_type(cls.result_element(operand.element_type), counts)

    @staticmethod
    def result_element(element_type: Attribute) -> Attribute:
        """The element type of the result."""
        return element_type

    @property
    def windows(self) -> list[tuple[int, int, int]]:
        """Size, stride and dilation of each dimension."""
        return list(zip(ints(self.sizes), ints(self.strides), ints(self.dilations), strict=True))

    def numpy_windows(self, x: Array) -> Array:
        """The windows as the last dimensions, behind those of the result."""
        spans = tuple((size - 1) * dilation + 1 for size, _, dilation in self.windows)
        if 0 in self.shape:
            return np.zeros((*self.shape, *ints(self.sizes)), x.dtype)
        view = np.lib.stride_tricks.sliding_window_view(x, spans) if spans else x
        steps = [slice(None, None, stride) for _, stride, _ in self.windows]
        return view[(*steps, *(slice(None, None, dilation) for *_, dilation in self.windows))]

    def batch(self, b: OpBuilder, operands: Sequence[SSAValue], batched: Sequence[bool], size: int) -> SSAValue:
        """Windows of size 1 in the new dimension."""
        del batched, size
        properties = {name: int_array((1, *ints(self.properties[name]))) for name in ("sizes", "strides", "dilations")}
        return self.emit(b, operands, properties)

    def lower_windows(self, b: OpBuilder, tensors: Pair) -> Pair:
        """Combine `tensors` over the windows of one dimension after the other, the last one first."""
        for dim, (size, stride, dilation) in reversed(list(enumerate(self.windows))):
            if size > 1 or stride > 1:
                tensors = self._along(b, tensors, dim, size, stride, dilation)
        return tensors

    def _along(self, b: OpBuilder, tensors: Pair, dim: int, size: int, stride: int, dilation: int) -> Pair:
        """Level `k` has the results of windows of `TAPS ** k` elements; the window is put together of those."""
        levels = [tensors]
        while TAPS ** len(levels) <= size:
            length = TAPS ** (len(levels) - 1)
            taps = [(levels[-1], step * length * dilation) for step in range(TAPS)]
            count = shape_of(tensors[0])[dim] - (TAPS ** len(levels) - 1) * dilation
            levels.append(self._combine(b, taps, dim, count, 1))
        taps: list[tuple[Pair, int]] = []
        place = 0
        for k in reversed(range(len(levels))):
            while place + TAPS**k <= size:
                taps.append((levels[k], place * dilation))
                place += TAPS**k
        return self._combine(b, taps, dim, self.shape[dim], stride)

    def _combine(self, b: OpBuilder, taps: Sequence[tuple[Pair, int]], dim: int, count: int, stride: int) -> Pair:
        """One generic that reads its operands at `d * stride + offset` and combines what it reads in order."""
        tensors = taps[0][0]
        shape = [count if d == dim else n for d, n in enumerate(shape_of(tensors[0]))]
        rank, width = len(shape), len(tensors)
        types = [tensor_type(element_type_of(tensor), tuple(shape)) for tensor in tensors]

        def at(offset: int) -> Any:
            places = [AffineExpr.dimension(d) for d in range(rank)]
            places[dim] = places[dim] * stride + offset if stride > 1 or offset else places[dim]
            return affine_map(rank, tuple(places))

        def body(inner: OpBuilder, arguments: tuple[SSAValue, ...]) -> Sequence[SSAValue]:
            result = arguments[:width]
            for tap in range(1, len(taps)):
                result = self.combine(inner, result, arguments[tap * width : (tap + 1) * width])
            return result

        return build_generic(
            b,
            [tensor for pair, _ in taps for tensor in pair],
            [build_empty(b, result_type) for result_type in types],
            [*(at(offset) for pair, offset in taps for _ in pair), *[range(rank)] * width],
            (PARALLEL,) * rank,
            body,
        )

    @abstractmethod
    def combine(self, b: OpBuilder, before: Pair, after: Pair) -> Pair:
        """Append the combination of two scalars, or tuples of them, the first of which came earlier in the window."""


class _ReduceWindowOp(_WindowOp, ABC):
    """The reductions of the windows."""

    UFUNC: ClassVar[np.ufunc]
    """The reduction in NumPy."""

    @staticmethod
    @abstractmethod
    def combiner(element_type: Attribute) -> type[Operation]:
        """The scalar operation."""

    def evaluate(self, operands: Sequence[Array]) -> Array:
        """`reduce` of the ufunc."""
        x = computed(operands[0])
        rank = x.ndim
        with np.errstate(all="ignore"):
            axes = tuple(range(rank, 2 * rank))
            result = self.UFUNC.reduce(self.numpy_windows(x), axis=axes, dtype=x.dtype)
            return np.asarray(result, dtype_of(self.result.type))

    def simplify(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue | None:
        """Of windows of one element at every place it is `x`."""
        del b
        return operands[0] if set(ints(self.sizes)) | set(ints(self.strides)) <= {1} else None

    def lower(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue:
        """One elementwise generic per dimension that reads its operand several times."""
        if 0 in self.shape:
            return build_fill(b, b.constant(0, element_type_of(operands[0])), self.result.type)
        stored = element_type_of(operands[0])
        wide = build_cast(b, operands[0], compute_type(stored))
        return build_cast(b, self.lower_windows(b, (wide,))[0], stored)

    def combine(self, b: OpBuilder, before: Pair, after: Pair) -> Pair:
        """The scalar operation."""
        return (scalar_op(b, self.combiner(before[0].type), before[0], after[0]),)


@irdl_op_definition
class ReduceWindowSumOp(_ReduceWindowOp):
    """`result[i] = sum over t < sizes of operand[i * strides + t * dilations]`."""

    name = "dlc.reduce_window_sum"

    UFUNC: ClassVar[np.ufunc] = np.add

    @staticmethod
    def combiner(element_type: Attribute) -> type[Operation]:
        """Addition."""
        return arith.AddfOp if is_float(element_type) else arith.AddiOp

    def jvp(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> SSAValue | None:
        """Linear."""
        (dx,) = tangents
        return None if dx is None else ReduceWindowSumOp.emit(b, (dx,), self.properties)

    def transpose(self, b: OpBuilder, cotangent: SSAValue, linear: Sequence[bool]) -> Sequence[SSAValue | None]:
        """The sum of the cotangents of all windows that an element is in: of windows of the spread-out cotangent.

        Where a dimension is one window as a whole, its elements are in no other, and the cotangent is repeated.
        """
        del linear
        shape = shape_of(self.operand)
        if 0 in self.shape:
            return (zeros(b, tensor_type_of(self.operand)),)
        whole = [size == n for (size, *_), n in zip(self.windows, shape, strict=True)]
        windows = [(1, 1, 1) if is_whole else window for is_whole, window in zip(whole, self.windows, strict=True)]
        spans = [(size - 1) * dilation for size, _, dilation in windows]
        used = [(count - 1) * stride + 1 for count, (_, stride, _) in zip(self.shape, windows, strict=True)]
        sizes = [1 if is_whole else n for is_whole, n in zip(whole, shape, strict=True)]
        spread = pad(
            b,
            cotangent,
            full(b, 0, tensor_type(element_type_of(cotangent), ())),
            spans,
            [n - size for n, size in zip(sizes, used, strict=True)],
            [stride - 1 for _, stride, _ in windows],
        )
        properties = {
            "sizes": int_array(tuple(size for size, *_ in windows)),
            "strides": int_array((1,) * len(shape)),
            "dilations": int_array(tuple(dilation for *_, dilation in windows)),
        }
        total = ReduceWindowSumOp.emit(b, (spread,), properties)
        kept = [dim for dim, is_whole in enumerate(whole) if not is_whole]
        return (broadcast_in_dim(b, reshape(b, total, [shape[dim] for dim in kept]), shape, kept),)


class _WindowExtremumOp(_ReduceWindowOp, ABC):
    """The largest or smallest element of every window; a NaN wins."""

    def jvp(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> SSAValue | None:
        """The tangent of the element that the result is; of equal ones, of the first in row-major order."""
        (dx,) = tangents
        if dx is None:
            return None
        if 0 in self.shape:
            return zeros(b, self.result.type)
        flat = reshape(b, dx, (prod(shape_of(dx)),))
        return gather(b, flat, reshape(b, self.positions(b), (*self.shape, 1)), (0,))

    @abstractmethod
    def positions(self, b: OpBuilder) -> SSAValue:
        """Where the results are in the operand, counted in row-major order."""


@irdl_op_definition
class ReduceWindowMaxOp(_WindowExtremumOp):
    """`result[i] = max over t < sizes of operand[i * strides + t * dilations]`; NaN if there is one."""

    name = "dlc.reduce_window_max"

    UFUNC: ClassVar[np.ufunc] = np.maximum

    @staticmethod
    def combiner(element_type: Attribute) -> type[Operation]:
        """The maximum that propagates NaN."""
        return greater_of(element_type)

    def positions(self, b: OpBuilder) -> SSAValue:
        """`dlc.window_argmax`."""
        return WindowArgmaxOp.emit(b, (self.operand,), self.properties)


@irdl_op_definition
class ReduceWindowMinOp(_WindowExtremumOp):
    """`result[i] = min over t < sizes of operand[i * strides + t * dilations]`; NaN if there is one."""

    name = "dlc.reduce_window_min"

    UFUNC: ClassVar[np.ufunc] = np.minimum

    @staticmethod
    def combiner(element_type: Attribute) -> type[Operation]:
        """The minimum that propagates NaN."""
        return lesser_of(element_type)

    def positions(self, b: OpBuilder) -> SSAValue:
        """`dlc.window_argmin`."""
        return WindowArgminOp.emit(b, (self.operand,), self.properties)


class _WindowPositionOp(_WindowOp, ABC):
    """Where the first of the largest or smallest elements of every window is; the first NaN wins."""

    NO_DERIVATIVE: ClassVar[str] = "a position is an integer"

    DIRECTION: ClassVar[Literal["gt", "lt"]]

    @staticmethod
    def result_element(element_type: Attribute) -> Attribute:
        """A position."""
        del element_type
        return i64

    def evaluate(self, operands: Sequence[Array]) -> Array:
        """`np.argmax` or `np.argmin` of the windows, and then where that is in the operand."""
        x = computed(operands[0])
        if 0 in self.shape:
            return np.zeros(self.shape, np.int64)
        flat = self.numpy_windows(x).reshape(*self.shape, prod(ints(self.sizes)))
        within = np.asarray(np.argmax(flat, -1) if self.DIRECTION == "gt" else np.argmin(flat, -1))
        offsets = np.unravel_index(within, ints(self.sizes)) if self.shape else ()
        result = np.zeros(self.shape, np.int64)
        for dim, (offset, (_, stride, dilation)) in enumerate(zip(offsets, self.windows, strict=True)):
            start = np.arange(self.shape[dim]).reshape([-1 if d == dim else 1 for d in range(x.ndim)]) * stride
            result = result * x.shape[dim] + start + offset * dilation
        return result

    def batch(self, b: OpBuilder, operands: Sequence[SSAValue], batched: Sequence[bool], size: int) -> SSAValue:
        """As for all windows, less what the examples before take."""
        positions = super().batch(b, operands, batched, size)
        count = max(prod(shape_of(self.operand)), 1)
        return rem(b, positions, full(b, count, tensor_type_of(positions)))

    def lower(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue:
        """Values and positions are combined together."""
        (x,) = operands
        shape = shape_of(x)
        if 0 in self.shape:
            return build_fill(b, b.constant(0, i64), self.result.type)

        def position(inner: OpBuilder, _: tuple[SSAValue, ...]) -> Sequence[SSAValue]:
            result = inner.index(0)
            for dim, size in enumerate(shape):
                scaled = scalar_op(inner, arith.MuliOp, result, inner.index(size)) if dim else result
                result = scalar_op(inner, arith.AddiOp, scaled, build_loop_index(inner, dim))
            return (inner.create(arith.IndexCastOp, (result,), i64),)

        rank = len(shape)
        empty = build_empty(b, tensor_type(i64, shape))
        positions = build_generic(b, (), (empty,), (range(rank),), (PARALLEL,) * rank, position)[0]
        return self.lower_windows(b, (build_cast(b, x, compute_type(element_type_of(x))), positions))[1]

    def combine(self, b: OpBuilder, before: Pair, after: Pair) -> Pair:
        """The later element only if it is beyond the earlier one, or the first NaN."""
        (value, place), (other, other_place) = before, after
        wins = scalar_compare(b, self.DIRECTION, other, value)
        if is_float(value.type):
            is_nan = scalar_compare(b, "ne", other, other)
            is_first = scalar_op(b, arith.AndIOp, is_nan, scalar_compare(b, "eq", value, value))
            wins = scalar_op(b, arith.OrIOp, wins, is_first)
        return scalar_select(b, wins, other, value), scalar_select(b, wins, other_place, place)


@irdl_op_definition
class WindowArgmaxOp(_WindowPositionOp):
    """Where in the operand, counted in row-major order, the first of the largest elements of every window is."""

    name = "dlc.window_argmax"

    DIRECTION: ClassVar[Literal["gt", "lt"]] = "gt"


@irdl_op_definition
class WindowArgminOp(_WindowPositionOp):
    """Where in the operand, counted in row-major order, the first of the smallest elements of every window is."""

    name = "dlc.window_argmin"

    DIRECTION: ClassVar[Literal["gt", "lt"]] = "lt"


_REDUCTIONS: dict[Kind, type[_ReduceWindowOp]] = {
    "sum": ReduceWindowSumOp,
    "max": ReduceWindowMaxOp,
    "min": ReduceWindowMinOp,
}


def reduce_window(
    b: OpBuilder,
    x: SSAValue,
    kind: Kind,
    sizes: Sequence[int],
    strides: Sequence[int],
    *,
    low: Sequence[int],
    high: Sequence[int],
    base_dilations: Sequence[int],
    dilations: Sequence[int],
) -> SSAValue:
    """The reductions of the windows of `x`, with `base_dilations - 1` neutral elements between and `low`, `high` around."""
    element = element_type_of(x)
    neutral = {"sum": 0, "max": lowest(element), "min": highest(element)}[kind]
    interior = [dilation - 1 for dilation in base_dilations]
    if any(low) or any(high) or any(interior):
        x = pad(b, x, full(b, neutral, tensor_type(element, ())), low, high, interior)
    properties = {
        "sizes": int_array(tuple(sizes)),
        "strides": int_array(tuple(strides)),
        "dilations": int_array(tuple(dilations)),
    }
    return _REDUCTIONS[kind].emit(b, (x,), properties)
