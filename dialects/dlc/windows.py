"""Reductions over windows that slide along the dimensions: sums, largest and smallest elements."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Literal, TypeAlias

import numpy as np
from xdsl.dialects import arith
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.irdl import irdl_op_definition

from dialects.builder import OpBuilder, int_array, tensor_type
from dialects.dlc.arithmetic import neg
from dialects.dlc.broadcast import broadcast_in_dim
from dialects.dlc.constants import full, zeros
from dialects.dlc.interfaces import (
    AnyTensor,
    Array,
    Properties,
    computed,
    dtype_of,
    element_type_of,
    is_float,
    shape_of,
    tensor_type_of,
)
from dialects.dlc.reduction import highest, lowest
from dialects.dlc.scalars import greater_of, lesser_of, scalar_op
from dialects.dlc.shape import reshape
from dialects.dlc.slicing import pad
from dialects.dlc.window_loops import Pair, WindowOp
from dialects.dlc.window_selection import WindowSelectOp
from dialects.structured import (
    build_cast,
    build_fill,
    compute_type,
)

Kind: TypeAlias = Literal["sum", "max", "min"]


class _ReduceWindowOp(WindowOp, ABC):
    """The reductions of the windows."""

    UFUNC: ClassVar[np.ufunc]
    """The reduction in NumPy."""

    assembly_format = (
        "$operand `sizes` $sizes `strides` $strides `dilations` $dilations attr-dict "
        "`:` type($operand) `->` type($result)"
    )

    @classmethod
    def infer_type(cls, operand_types: Sequence[AnyTensor], properties: Properties) -> AnyTensor:
        """As many elements per dimension as windows fit."""
        (operand,) = operand_types
        return tensor_type(operand.element_type, cls.counts(operand, properties))

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
        return operands[0] if self.are_elements else None

    def batch(self, b: OpBuilder, operands: Sequence[SSAValue], batched: Sequence[bool], size: int) -> SSAValue:
        """Windows of size 1 in the new dimension."""
        del batched, size
        return self.emit(b, operands, self.batched_properties())

    def lower(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue:
        """One elementwise generic per dimension that reads its operand several times."""
        if 0 in self.shape:
            return build_fill(b, b.constant(0, element_type_of(operands[0])), self.result.type)
        stored = element_type_of(operands[0])
        wide = build_cast(b, operands[0], compute_type(stored))
        return build_cast(b, self.lower_windows(b, (wide,), self.combine)[0], stored)

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

    @abstractmethod
    def ascending(self, b: OpBuilder) -> SSAValue:
        """The operand, or what is the larger the smaller that is: the results are where the largest of these are."""

    def jvp(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> SSAValue | None:
        """The tangent of the element that the result is; of equal ones, of the first in row-major order."""
        (dx,) = tangents
        return None if dx is None else WindowSelectOp.emit(b, (self.ascending(b), dx), self.properties)


@irdl_op_definition
class ReduceWindowMaxOp(_WindowExtremumOp):
    """`result[i] = max over t < sizes of operand[i * strides + t * dilations]`; NaN if there is one."""

    name = "dlc.reduce_window_max"

    UFUNC: ClassVar[np.ufunc] = np.maximum

    @staticmethod
    def combiner(element_type: Attribute) -> type[Operation]:
        """The maximum that propagates NaN."""
        return greater_of(element_type)

    def ascending(self, b: OpBuilder) -> SSAValue:
        """The operand."""
        del b
        return self.operand


@irdl_op_definition
class ReduceWindowMinOp(_WindowExtremumOp):
    """`result[i] = min over t < sizes of operand[i * strides + t * dilations]`; NaN if there is one."""

    name = "dlc.reduce_window_min"

    UFUNC: ClassVar[np.ufunc] = np.minimum

    @staticmethod
    def combiner(element_type: Attribute) -> type[Operation]:
        """The minimum that propagates NaN."""
        return lesser_of(element_type)

    def ascending(self, b: OpBuilder) -> SSAValue:
        """The negative of the operand."""
        return neg(b, self.operand)


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
