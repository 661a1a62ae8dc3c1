"""Views: reshape, transpose, broadcast and basic indexing of a tracer, with their inverses for assignment."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from xdsl.dialects.builtin import i64
from xdsl.ir import SSAValue

from compiler.frames import current_frame
from compiler.operands import broadcast_value
from compiler.tracer import Tracer, View, fail_unsupported, value_of
from dialects.builder import OpBuilder, tensor_type
from dialects.dlc.arithmetic import add
from dialects.dlc.binary import min_
from dialects.dlc.bits import bitcast_convert
from dialects.dlc.complex_parts import complex_, imag, real
from dialects.dlc.constants import full, iota, zeros
from dialects.dlc.conversion import convert
from dialects.dlc.dynamic_slicing import dynamic_slice, dynamic_update_slice
from dialects.dlc.interfaces import ELEMENT_TYPES, dtype_of, element_type_of, is_unsigned, shape_of, tensor_type_of
from dialects.dlc.selection import compare, select
from dialects.dlc.shape import inverse_permutation, reshape, reverse, transpose
from dialects.dlc.slicing import slice_
from dialects.dlc.updating import update_slice


def reshaped(x: Tracer, shape: tuple[int, ...]) -> Tracer:
    """`x` with other sizes: a view where NumPy gives one, else a copy."""
    if shape == x.shape:
        return x.viewed(View(lambda b, v: v, lambda b, base, v: v, lambda a: a))  # noqa: ARG005
    old = x.shape
    if x.is_view:
        try:
            np.reshape(x.layout(), shape, copy=False)
        except ValueError:
            frame = current_frame()
            return Tracer(frame, reshape(frame.builder, value_of(x, frame), shape))
    return x.viewed(
        View(
            lambda b, v: reshape(b, v, shape),
            lambda b, base, v: reshape(b, v, old),  # noqa: ARG005
            lambda a: np.reshape(a, shape, copy=False),
        )
    )


def transposed(x: Tracer, permutation: Sequence[int]) -> Tracer:
    """The view of `x` whose dimension `k` is dimension `permutation[k]`."""
    forward = tuple(permutation)
    backward = inverse_permutation(forward)
    if forward == tuple(range(x.ndim)):
        return reshaped(x, x.shape)
    return x.viewed(
        View(
            lambda b, v: transpose(b, v, forward),
            lambda b, base, v: transpose(b, v, backward),  # noqa: ARG005
            lambda a: a.transpose(forward),
        )
    )


def real_part(x: Tracer) -> Tracer:
    """The view of the real parts of a complex `x`."""
    return x.viewed(View(real, lambda b, base, v: complex_(b, v, imag(b, base)), lambda a: a))


def imaginary_part(x: Tracer) -> Tracer:
    """The view of the imaginary parts of a complex `x`."""
    return x.viewed(View(imag, lambda b, base, v: complex_(b, real(b, base), v), lambda a: a))


def reinterpreted(x: Tracer, dtype: np.dtype[Any]) -> Tracer:
    """The view of the bits of `x` as numbers of another type, as wide.

    Raises:
        UnsupportedError: the numbers are complex or bools, or of another width.
    """
    if dtype == x.dtype:
        return reshaped(x, x.shape)
    if "c" in x.dtype.kind + dtype.kind or "b" in x.dtype.kind + dtype.kind or x.dtype.itemsize != dtype.itemsize:
        fail_unsupported(f"view of {x.dtype} as {dtype}", "use `.astype` to keep the values")
    old, new = ELEMENT_TYPES[x.dtype], ELEMENT_TYPES[dtype]
    return x.viewed(
        View(
            lambda b, v: bitcast_convert(b, v, new),
            lambda b, base, v: bitcast_convert(b, v, old),  # noqa: ARG005
            lambda a: a,
        )
    )


def broadcast(x: Tracer, shape: tuple[int, ...]) -> Tracer:
    """`x` broadcast to `shape`, which it must fit; NumPy's is read only, so this is not a view."""
    frame = current_frame()
    return Tracer(frame, broadcast_value(frame, value_of(x, frame), shape), x.weak_type and not shape)


def position_along(shape: tuple[int, ...], dim: int) -> Tracer:
    """An array of int64 that holds each element's position in `dim`."""
    frame = current_frame()
    return Tracer(frame, iota(frame.builder, tensor_type(i64, shape), dim))


@dataclass(frozen=True)
class Window:
    """A part of an array by basic indexing: per dimension start, step and size.

    A step may be negative; where `dynamic[d]` is set, it is the traced position of the one element in dimension `d`.
    """

    starts: tuple[int, ...]
    steps: tuple[int, ...]
    sizes: tuple[int, ...]
    dynamic: tuple[SSAValue | None, ...]
    result_shape: tuple[int, ...]

    @property
    def reversed_dims(self) -> tuple[int, ...]:
        """The dimensions that are walked backwards."""
        return tuple(d for d, (step, size) in enumerate(zip(self.steps, self.sizes, strict=True)) if step < 0 < size)

    @property
    def static_starts(self) -> tuple[int, ...]:
        """The least position in each dimension, 0 where it is traced."""
        return tuple(
            start + (size - 1) * step if step < 0 < size else start
            for start, step, size in zip(self.starts, self.steps, self.sizes, strict=True)
        )

    @property
    def has_unit_steps(self) -> bool:
        """Whether the elements are adjacent in each dimension; a single one always is."""
        return all(abs(step) == 1 or size <= 1 for step, size in zip(self.steps, self.sizes, strict=True))

    def is_whole(self, shape: Sequence[int]) -> bool:
        """Whether the window holds all of an array of `shape`."""
        return self.sizes == tuple(shape) and not any(self.dynamic)

    def read(self, b: OpBuilder, x: SSAValue) -> SSAValue:
        """The elements of `x` in the window, with `result_shape`."""
        shape = shape_of(x)
        if 0 in self.sizes:
            return zeros(b, tensor_type(element_type_of(x), self.result_shape))
        if not self.is_whole(shape):
            if not any(self.dynamic):
                x = self._static_slice(b, x)
            elif self.has_unit_steps:
                x = dynamic_slice(b, x, self._all_starts(b, shape), self.sizes)
            else:
                x = dynamic_slice(b, self._static_slice(b, x), self._dynamic_starts(b, shape), self.sizes)
        if self.reversed_dims:
            x = reverse(b, x, self.reversed_dims)
        return x if shape_of(x) == self.result_shape else reshape(b, x, self.result_shape)

    def write(self, b: OpBuilder, x: SSAValue, new: SSAValue) -> SSAValue:
        """`x` with `new`, of `result_shape`, in the window."""
        shape = shape_of(x)
        if 0 in self.sizes:
            return x
        if shape_of(new) != self.sizes:
            new = reshape(b, new, self.sizes)
        if self.reversed_dims:
            new = reverse(b, new, self.reversed_dims)
        if self.is_whole(shape):
            return new
        if any(self.dynamic) and self.has_unit_steps:
            return dynamic_update_slice(b, x, new, self._all_starts(b, shape))
        starts, _, steps = self._static_part(shape)
        if any(self.dynamic):
            new = dynamic_update_slice(b, self._static_slice(b, x), new, self._dynamic_starts(b, shape))
        return update_slice(b, x, new, starts, steps)

    def layout(
        self, array: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]
    ) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
        """The strides of the window."""
        strides = [stride * step for stride, step in zip(array.strides, self.steps, strict=True)]
        part = np.lib.stride_tricks.as_strided(array, self.sizes, strides)
        return np.reshape(part, self.result_shape, copy=False)

    def _static_slice(self, b: OpBuilder, x: SSAValue) -> SSAValue:
        """The window where it is static, all of the dimensions where it is traced."""
        return slice_(b, x, *self._static_part(shape_of(x)))

    def _static_part(self, shape: Sequence[int]) -> tuple[list[int], list[int], list[int]]:
        """Starts, limits and steps of the window where it is static, and of all of the dimensions where it is traced."""
        starts, limits, steps = list(self.static_starts), [0] * len(shape), [abs(step) for step in self.steps]
        for d, (size, position) in enumerate(zip(self.sizes, self.dynamic, strict=True)):
            if size == 1:
                steps[d] = 1
            if position is not None:
                starts[d], size = 0, shape[d]  # noqa: PLW2901
            limits[d] = starts[d] + (size - 1) * steps[d] + 1
        return starts, limits, steps

    def _all_starts(self, b: OpBuilder, shape: Sequence[int]) -> list[SSAValue]:
        return [
            full(b, start, tensor_type(i64, ())) if position is None else wrapped_index(b, position, size)
            for start, position, size in zip(self.static_starts, self.dynamic, shape, strict=True)
        ]

    def _dynamic_starts(self, b: OpBuilder, shape: Sequence[int]) -> list[SSAValue]:
        return [
            full(b, 0, tensor_type(i64, ())) if position is None else wrapped_index(b, position, size)
            for position, size in zip(self.dynamic, shape, strict=True)
        ]


def wrapped_index(b: OpBuilder, index: SSAValue, size: int) -> SSAValue:
    """Integers as i64, negative ones counted from the end of a dimension of `size`; those too large for i64 are the greatest."""
    element_type = element_type_of(index)
    if is_unsigned(element_type):
        bound = min(2**63 - 1, np.iinfo(dtype_of(tensor_type_of(index))).max)
        return convert(b, min_(b, index, full(b, bound, tensor_type_of(index))), i64)
    if element_type != i64:
        index = convert(b, index, i64)
    integers = tensor_type(i64, shape_of(index))
    from_end = add(b, index, full(b, size, integers))
    return select(b, compare(b, "lt", index, zeros(b, integers)), from_end, index)


def window_view(x: Tracer, window: Window) -> Tracer:
    """The view of `x` that holds a window."""
    return x.viewed(View(window.read, window.write, window.layout, window))


def normalized_shape(shape: Sequence[int], size: int) -> tuple[int, ...] | None:
    """`shape` with one -1 replaced so that the product is `size`; `None` if that cannot be."""
    known = math.prod(s for s in shape if s != -1)
    if shape.count(-1) > 1 or any(s < -1 for s in shape):
        return None
    if -1 in shape:
        if known == 0 or size % known:
            return None
        return tuple(size // known if s == -1 else s for s in shape)
    return tuple(shape) if known == size else None
