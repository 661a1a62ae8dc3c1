"""Where the windows lie that slide along the dimensions of a tensor, and the loops that combine what is in them.

Window `i` of a dimension has the elements `i * stride + t * dilation` for `t` below `size`, all within the operand. StableHLO's
padding and base dilation are a `dlc.pad` in front.
"""

from abc import ABC
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from xdsl.dialects import arith
from xdsl.dialects.builtin import I64, DenseArrayBase
from xdsl.ir import Attribute, SSAValue
from xdsl.ir.affine import AffineExpr
from xdsl.irdl import operand_def, prop_def
from xdsl.utils.exceptions import VerifyException

from dialects.builder import OpBuilder, affine_map, int_array, tensor_type
from dialects.dlc.elementwise import expect_kind
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
from dialects.dlc.scalars import scalar_op
from dialects.structured import PARALLEL, build_empty, build_generic

TAPS = 16
"""How many elements of a window one operation combines; larger windows are combined of the results for smaller ones."""

Pair: TypeAlias = tuple[SSAValue, ...]
"""Tensors of one shape, or scalars, that are combined together."""
Offset: TypeAlias = tuple[int, ...]
"""How far an element is from the start of its window in each dimension."""
Combine: TypeAlias = Callable[[OpBuilder, Pair, Pair], Pair]
"""Append the combination of two scalars, or tuples of them, the first of which came earlier in the window."""


class WindowOp(TensorOp, ABC):
    """What the operations on windows share: where the windows lie."""

    operand = operand_def(AnyTensor)
    sizes = prop_def(DenseArrayBase.constr(I64))
    strides = prop_def(DenseArrayBase.constr(I64))
    dilations = prop_def(DenseArrayBase.constr(I64))

    @classmethod
    def counts(cls, operand: AnyTensor, properties: Properties) -> tuple[int, ...]:
        """How many windows fit in each dimension; raise `VerifyException` if the properties are wrong."""
        expect_kind(cls.name, 0, operand, "float or int")
        shape = operand.get_shape()
        amounts = [ints(properties[name]) for name in ("sizes", "strides", "dilations")]
        for name, values in zip(("sizes", "strides", "dilations"), amounts, strict=True):
            if len(values) != len(shape) or any(value < 1 for value in values):
                raise VerifyException(
                    f"{cls.name}: {name} are {list(values)}, expected a positive number for each of the {len(shape)} "
                    f"dimensions of {operand}"
                )
        return tuple(
            max(0, (n - (size - 1) * dilation - 1) // stride + 1)
            for n, size, stride, dilation in zip(shape, *amounts, strict=True)
        )

    @property
    def window_counts(self) -> tuple[int, ...]:
        """How many windows there are in each dimension."""
        return self.counts(tensor_type_of(self.operand), self.properties)

    @property
    def windows(self) -> list[tuple[int, int, int]]:
        """Size, stride and dilation of each dimension."""
        return list(zip(ints(self.sizes), ints(self.strides), ints(self.dilations), strict=True))

    @property
    def are_elements(self) -> bool:
        """Whether there is a window of one element at every place."""
        return set(ints(self.sizes)) | set(ints(self.strides)) <= {1}

    def numpy_windows(self, x: Array) -> Array:
        """The windows as the last dimensions, behind their number."""
        spans = tuple((size - 1) * dilation + 1 for size, _, dilation in self.windows)
        counts = self.window_counts
        if 0 in counts:
            return np.zeros((*counts, *ints(self.sizes)), x.dtype)
        view = np.lib.stride_tricks.sliding_window_view(x, spans) if spans else x
        steps = [slice(None, None, stride) for _, stride, _ in self.windows]
        return view[(*steps, *(slice(None, None, dilation) for *_, dilation in self.windows))]

    def batched_properties(self) -> dict[str, Attribute]:
        """Windows of size 1 in one more leading dimension."""
        return {name: int_array((1, *ints(self.properties[name]))) for name in ("sizes", "strides", "dilations")}

    def lower_windows(self, b: OpBuilder, tensors: Pair, combine: Combine, mark: Attribute | None = None) -> Pair:
        """Combine `tensors` over the windows of one dimension after the other, the last one first.

        With `mark`, an integer type, the last of what is combined is how far the element is from the start of its window, counted
        in row-major order in the operand.
        """
        loops = _Loops(b, combine, mark, len(tensors) + (mark is not None), shape_of(self.operand))
        if self.are_elements:
            return loops.combined([(tensors, (0,) * len(self.windows))], self.window_counts, ints(self.strides))
        for dim, (size, stride, dilation) in reversed(list(enumerate(self.windows))):
            if size > 1 or stride > 1:
                tensors = loops.combined_along(dim, tensors, size, stride, dilation, self.window_counts[dim])
        return tensors


@dataclass(frozen=True)
class _Loops:
    """The generics that combine what is in windows."""

    b: OpBuilder
    combine: Combine
    mark: Attribute | None
    count: int
    """How many values are combined, the mark included."""
    operand_shape: tuple[int, ...]

    def combined_along(self, dim: int, tensors: Pair, size: int, stride: int, dilation: int, count: int) -> Pair:
        """The windows of one dimension. Level `k` has the results of windows of `TAPS ** k` elements; they are put together of those."""
        shape = list(shape_of(tensors[0]))
        extent = shape[dim]

        def at(pair: Pair, place: int) -> tuple[Pair, Offset]:
            return pair, tuple(place * dilation if d == dim else 0 for d in range(len(shape)))

        def combined(taps: Sequence[tuple[Pair, Offset]], extent: int, stride: int) -> Pair:
            shape[dim] = extent
            return self.combined(taps, shape, [stride if d == dim else 1 for d in range(len(shape))])

        levels = [tensors]
        while TAPS ** len(levels) <= size:
            length = TAPS ** (len(levels) - 1)
            taps = [at(levels[-1], step * length) for step in range(TAPS)]
            levels.append(combined(taps, extent - (TAPS ** len(levels) - 1) * dilation, 1))
        taps: list[tuple[Pair, Offset]] = []
        place = 0
        for k in reversed(range(len(levels))):
            while place + TAPS**k <= size:
                taps.append(at(levels[k], place))
                place += TAPS**k
        return combined(taps, count, stride)

    def combined(self, taps: Sequence[tuple[Pair, Offset]], shape: Sequence[int], strides: Sequence[int]) -> Pair:
        """One generic that reads tensors at `d * stride + offset` and combines what it reads in order."""
        tensors = taps[0][0]
        rank = len(shape)
        elements = [*map(element_type_of, tensors), *([self.mark] if self.mark else [])][: self.count]

        def body(inner: OpBuilder, arguments: tuple[SSAValue, ...]) -> Sequence[SSAValue]:
            result: Pair = ()
            position = 0
            for pair, offset in taps:
                element = self._marked(inner, arguments[position : position + len(pair)], offset)
                result = self.combine(inner, result, element) if result else element
                position += len(pair)
            return result

        dims = [AffineExpr.dimension(d) for d in range(rank)]
        moved = [dim * stride if stride > 1 else dim for dim, stride in zip(dims, strides, strict=True)]
        maps = [
            affine_map(rank, tuple(dim + n if n else dim for dim, n in zip(moved, offset, strict=True)))
            for pair, offset in taps
            for _ in pair
        ]
        return build_generic(
            self.b,
            [tensor for pair, _ in taps for tensor in pair],
            [build_empty(self.b, tensor_type(element, tuple(shape))) for element in elements],
            [*maps, *[range(rank)] * self.count],
            (PARALLEL,) * rank,
            body,
        )

    def _marked(self, b: OpBuilder, element: Pair, offset: Offset) -> Pair:
        """The scalars at one tap, with how far they are from the start of the window."""
        if self.mark is None:
            return element
        distance = 0
        for n, size in zip(offset, self.operand_shape, strict=True):
            distance = distance * size + n
        far = b.constant(distance, self.mark)
        if len(element) < self.count:
            return (*element, far)
        return (*element[:-1], scalar_op(b, arith.AddiOp, element[-1], far)) if distance else element
