"""Convolution over any number of spatial dimensions, and its adjoint in the kernel: closed under adjoint together.

With an image `x`, a kernel `w` and a cotangent `y` of the result, everything is a part of one sum, which is linear in each:
`sum over n, g, o, i, p, k of x[n, g, i, p * stride + k * rhs_dilation] * w[g, o, i, k] * y[n, g, o, p]`. `dlc.convolution` leaves out `y`,
`dlc.convolution_kernel` leaves out `w`, and what leaves out `x` is the convolution of `y` with `w` turned round, where stride and
dilation of the image have changed places.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from itertools import product
from math import prod
from typing import Any

import numpy as np
from xdsl.dialects.builtin import I64, DenseArrayBase, IntegerAttr
from xdsl.ir import SSAValue
from xdsl.irdl import irdl_op_definition, operand_def, prop_def
from xdsl.utils.exceptions import VerifyException

from dialects.builder import OpBuilder, int_array, tensor_type
from dialects.dlc.arithmetic import add_tangents
from dialects.dlc.constants import constant, zeros
from dialects.dlc.convolution_geometry import Geometry, Sizes
from dialects.dlc.convolution_loops import lower_convolution, lower_convolution_kernel
from dialects.dlc.convolution_phases import Taps, phases_of
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
    shape_of,
    tensor_type_of,
)
from dialects.dlc.shape import reshape, reshaped, reverse, transposed
from dialects.dlc.slicing import slice_
from dialects.dlc.updating import update_slice


class _ConvolutionOp(TensorOp, ABC):
    """What a convolution and its adjoint in the kernel share: the geometry."""

    lhs = operand_def(AnyTensor)
    rhs = operand_def(AnyTensor)
    strides = prop_def(DenseArrayBase.constr(I64))
    low = prop_def(DenseArrayBase.constr(I64))
    high = prop_def(DenseArrayBase.constr(I64))
    lhs_dilation = prop_def(DenseArrayBase.constr(I64))
    rhs_dilation = prop_def(DenseArrayBase.constr(I64))
    groups = prop_def(IntegerAttr[I64])

    @property
    def geometry(self) -> Geometry:
        """Where the windows lie."""
        return Geometry.of(self.properties)

    @classmethod
    def check(cls, operand_types: Sequence[AnyTensor], geometry: Geometry) -> None:
        """Raise `VerifyException` unless types and amounts fit the number of spatial dimensions."""
        lhs, rhs = operand_types
        dtype_of(lhs)
        if lhs.element_type != rhs.element_type:
            raise VerifyException(f"{cls.name}: the element types of {lhs} and {rhs} differ; use dlc.convert")
        rank = len(lhs.get_shape()) - 2
        if rank < 0 or len(rhs.get_shape()) != rank + 2:
            raise VerifyException(
                f"{cls.name}: {lhs} and {rhs} do not have the same number of dimensions, two and the spatial ones"
            )
        for name, values in vars(geometry).items():
            if name == "groups":
                continue
            if len(values) != rank:
                raise VerifyException(f"{cls.name}: {name} is {list(values)}, expected {rank} numbers for {lhs}")
            if name not in {"low", "high"} and any(value < 1 for value in values):
                raise VerifyException(f"{cls.name}: {name} is {list(values)}, expected positive numbers")
        if geometry.groups < 1 or lhs.get_shape()[1] % geometry.groups:
            raise VerifyException(
                f"{cls.name}: {geometry.groups} groups do not divide the {lhs.get_shape()[1]} channels of {lhs}"
            )

    def jvp(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> SSAValue | None:
        """The product rule."""
        dlhs, drhs = tangents
        first = None if dlhs is None else self.emit(b, (dlhs, self.rhs), self.properties)
        second = None if drhs is None else self.emit(b, (self.lhs, drhs), self.properties)
        return add_tangents(b, first, second)

    def transpose(self, b: OpBuilder, cotangent: SSAValue, linear: Sequence[bool]) -> Sequence[SSAValue | None]:
        """What is left of the sum in the description of the file without the operand."""
        assert not all(linear), f"{self.name}: linear in each operand, not in both together"
        operand = self.lhs if linear[0] else self.rhs
        if 0 in {*self.shape, *shape_of(self.lhs), *shape_of(self.rhs)}:
            result = zeros(b, tensor_type_of(operand))
        else:
            result = self._of_lhs(b, cotangent) if linear[0] else self._of_rhs(b, cotangent)
        return (result, None) if linear[0] else (None, result)

    @abstractmethod
    def _of_lhs(self, b: OpBuilder, cotangent: SSAValue) -> SSAValue: ...

    @abstractmethod
    def _of_rhs(self, b: OpBuilder, cotangent: SSAValue) -> SSAValue: ...

    def numpy_taps(self, x: Array, kernel: Sizes, counts: Sizes) -> Iterator[tuple[Sizes, tuple[Any, ...], Array]]:
        """For each element of the kernel: its place, the windows where it meets an element or the padding, and what it meets."""
        geometry = self.geometry
        lead = (x.shape[0], geometry.groups, x.shape[1] // geometry.groups)
        grouped = x.reshape(*lead, *x.shape[2:])
        for place in product(*map(range, kernel)):
            met = [
                np.arange(count) * stride + k * dilation - low
                for count, stride, k, dilation, low in zip(
                    counts, geometry.strides, place, geometry.rhs_dilation, geometry.low, strict=True
                )
            ]
            windows = [np.flatnonzero(at % d == 0) for at, d in zip(met, geometry.lhs_dilation, strict=True)]
            elements = [at[p] // d for at, p, d in zip(met, windows, geometry.lhs_dilation, strict=True)]
            inside = [(at >= 0) & (at < n) for at, n in zip(elements, x.shape[2:], strict=True)]
            values = np.zeros((*lead, *map(len, windows)), x.dtype)
            places = [at[mask] for at, mask in zip(elements, inside, strict=True)]
            index = np.ix_(*map(range, lead), *map(np.flatnonzero, inside))
            values[index] = grouped[np.ix_(*map(range, lead), *places)]
            yield place, np.ix_(*map(range, lead[:2]), *windows)[2:], values


@irdl_op_definition
class ConvolutionOp(_ConvolutionOp):
    """`result[n, o, p] = sum over i, k of lhs[n, g * I + i, (p * strides + k * rhs_dilation - low) / lhs_dilation] * rhs[o, i, k]`.

    `lhs` is `[N, groups * I, spatial…]`, `rhs` is `[O, I, spatial…]`, the result `[N, O, spatial…]`, and `g = o // (O / groups)`. The
    term is left out where the quotient is no integer; beyond the ends `lhs` is zero. Negative `low` and `high` cut elements off. The order
    of the additions is not specified.
    """

    name = "dlc.convolution"

    assembly_format = (
        "$lhs `,` $rhs `strides` $strides `low` $low `high` $high `dilations` $lhs_dilation `x` $rhs_dilation "
        "`groups` $groups attr-dict `:` type($lhs) `,` type($rhs) `->` type($result)"
    )

    @classmethod
    def infer_type(cls, operand_types: Sequence[AnyTensor], properties: Properties) -> AnyTensor:
        """The batch of the images, the channels of the kernel, and as many places as windows fit."""
        lhs, rhs = operand_types
        geometry = Geometry.of(properties)
        cls.check(operand_types, geometry)
        (batch, channels, *image), (outputs, inputs, *kernel) = lhs.get_shape(), rhs.get_shape()
        if channels != geometry.groups * inputs or outputs % geometry.groups:
            raise VerifyException(
                f"dlc.convolution: a kernel {rhs} in {geometry.groups} groups does not fit the channels of {lhs}; expected "
                f"{channels // geometry.groups} channels in, and a multiple of {geometry.groups} out"
            )
        if 0 in kernel:
            raise VerifyException(f"dlc.convolution: the kernel {rhs} has no elements in a spatial dimension")
        return tensor_type(lhs.element_type, (batch, outputs, *geometry.counts(image, kernel)))

    def evaluate(self, operands: Sequence[Array]) -> Array:
        """`np.einsum` for each element of the kernel; of `f16` and `bf16`, in `f32`."""
        x, w = map(computed, operands)
        filters = w.reshape(self.geometry.groups, -1, *w.shape[1:]) if w.size else w
        result = np.zeros(
            (x.shape[0], self.geometry.groups, self.shape[1] // self.geometry.groups, *self.shape[2:]), x.dtype
        )
        with np.errstate(all="ignore"):
            for place, windows, values in self.numpy_taps(x, w.shape[2:], self.shape[2:]) if w.size else ():
                part = np.einsum("ngi...,goi->ngo...", values, filters[(..., *place)])
                result[(slice(None),) * 3 + _without_lead(windows)] += part.astype(x.dtype)
        return np.asarray(result.reshape(self.shape), dtype_of(self.result.type))

    def simplify(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue | None:
        """A convolution of a dilated image is put together of some without: see `convolution_phases.py`."""
        x, w = operands
        if 0 in {*self.shape, *shape_of(w)}:
            return zeros(b, self.result.type)
        return None if set(self.geometry.lhs_dilation) <= {1} or 0 in shape_of(x) else self._by_phases(b, x, w)

    def _by_phases(self, b: OpBuilder, x: SSAValue, w: SSAValue) -> SSAValue:
        geometry, counts = self.geometry, self.shape[2:]
        (images, _, *image), (outputs, inputs, *kernel) = shape_of(x), shape_of(w)
        rank = len(kernel)
        amounts = geometry.strides, geometry.low, geometry.lhs_dilation, geometry.rhs_dilation, kernel
        dims = [phases_of(*amount) for amount in zip(*amounts, strict=True)]
        strides, dilations = tuple(dim.stride for dim in dims), tuple(dim.dilation for dim in dims)
        places = [-(-count // dim.number) for count, dim in zip(counts, dims, strict=True)]
        grid = [size for count, dim in zip(places, dims, strict=True) for size in (count, dim.number)]
        whole = zeros(b, tensor_type(element_type_of(x), (images, outputs, *grid)))
        for runs in product(*(dim.runs for dim in dims)):
            together, taps = tuple(len(run.taps) for run in runs), tuple(len(run.taps[0]) for run in runs)
            filters = _taken(b, w, [run.taps for run in runs])
            order = [2 * rank, *range(rank), 2 * rank + 1, *range(rank, 2 * rank)]
            filters = reshaped(b, transposed(b, filters, order), (outputs * prod(together), inputs, *taps))
            first = tuple(run.first for run in runs)
            reach = zip(places, strides, taps, dilations, image, first, strict=True)
            high = tuple((p - 1) * s + (t - 1) * r + 1 - n + f for p, s, t, r, n, f in reach)
            low = tuple(-f for f in first)
            part = convolution(b, x, filters, Geometry(strides, low, high, (1,) * rank, dilations, geometry.groups))
            part = reshaped(b, part, (images, outputs, *together, *places))
            part = transposed(b, part, [0, 1, *(d for dim in range(rank) for d in (2 + rank + dim, 2 + dim))])
            starts = [0, 0, *(start for run in runs for start in (0, run.start))]
            whole = update_slice(b, whole, part, starts, [1] * len(starts))
        spread = [count * dim.number for count, dim in zip(places, dims, strict=True)]
        flat = reshaped(b, whole, (images, outputs, *spread))
        return slice_(b, flat, [0] * (rank + 2), self.shape, [1] * (rank + 2))

    def _of_lhs(self, b: OpBuilder, cotangent: SSAValue) -> SSAValue:
        return _image_cotangent(b, self.geometry, cotangent, self.rhs, shape_of(self.lhs))

    def _of_rhs(self, b: OpBuilder, cotangent: SSAValue) -> SSAValue:
        return convolution_kernel(b, self.lhs, cotangent, self.geometry, shape_of(self.rhs)[2:])

    def batch(self, b: OpBuilder, operands: Sequence[SSAValue], batched: Sequence[bool], size: int) -> SSAValue:
        """More images if only they are batched; else more channels, in more groups if both are batched."""
        x, w = operands
        geometry = self.geometry
        groups = geometry.groups
        (images, channels, *image), (outputs, inputs, *kernel) = shape_of(self.lhs), shape_of(self.rhs)
        counts = self.shape[2:]
        if not batched[1]:
            result = convolution(b, reshape(b, x, (size * images, channels, *image)), w, geometry)
            return reshape(b, result, (size, images, *self.shape[1:]))
        if batched[0]:
            x = reshape(b, _moved(b, x, 0, 1), (images, size * channels, *image))
            w = reshape(b, w, (size * outputs, inputs, *kernel))
            result = convolution(b, x, w, geometry.with_groups(size * groups))
            return _moved(b, reshape(b, result, (images, size, outputs, *counts)), 1, 0)
        each = outputs // groups
        w = _moved(b, reshape(b, w, (size, groups, each, inputs, *kernel)), 0, 1)
        result = convolution(b, x, reshape(b, w, (size * outputs, inputs, *kernel)), geometry)
        result = _moved(b, reshape(b, result, (images, groups, size, each, *counts)), 2, 0)
        return reshape(b, result, (size, *self.shape))

    def lower(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue:
        """See `convolution_loops.py`."""
        x, w = operands
        return lower_convolution(b, x, w, self.geometry, self.result.type)


@irdl_op_definition
class ConvolutionKernelOp(_ConvolutionOp):
    """`result[o, i, k] = sum over n, p of lhs[n, g * I + i, (p * strides + k * rhs_dilation - low) / lhs_dilation] * rhs[n, o, p]`.

    This is the adjoint of `dlc.convolution` in its kernel, of which the spatial `sizes` are given: `lhs` is the image, `rhs` has the type
    of the convolution's result. Where there are both strides and dilations of `lhs`, zeros may stand for terms that are left out.
    """

    name = "dlc.convolution_kernel"

    sizes = prop_def(DenseArrayBase.constr(I64))

    assembly_format = (
        "$lhs `,` $rhs `sizes` $sizes `strides` $strides `low` $low `high` $high "
        "`dilations` $lhs_dilation `x` $rhs_dilation `groups` $groups attr-dict "
        "`:` type($lhs) `,` type($rhs) `->` type($result)"
    )

    @classmethod
    def infer_type(cls, operand_types: Sequence[AnyTensor], properties: Properties) -> AnyTensor:
        """The type of the kernel whose convolution with `lhs` has the type of `rhs`."""
        lhs, rhs = operand_types
        geometry, sizes = Geometry.of(properties), ints(properties["sizes"])
        cls.check(operand_types, geometry)
        (batch, channels, *image), (others, outputs, *counts) = lhs.get_shape(), rhs.get_shape()
        if len(sizes) != len(image) or any(size < 1 for size in sizes):
            raise VerifyException(
                f"dlc.convolution_kernel: sizes is {list(sizes)}, expected {len(image)} positive numbers for {lhs}"
            )
        expected = geometry.counts(image, sizes)
        if batch != others or outputs % geometry.groups or tuple(counts) != expected:
            expected_type = tensor_type(lhs.element_type, (batch, outputs, *expected))
            raise VerifyException(
                f"dlc.convolution_kernel: operand 1 has type {rhs}, expected {expected_type} with a multiple of "
                f"{geometry.groups} channels"
            )
        return tensor_type(lhs.element_type, (outputs, channels // geometry.groups, *sizes))

    def evaluate(self, operands: Sequence[Array]) -> Array:
        """`np.einsum` for each element of the kernel; of `f16` and `bf16`, in `f32`."""
        x, y = map(computed, operands)
        groups = self.geometry.groups
        split = y.reshape(y.shape[0], groups, y.shape[1] // groups, *y.shape[2:])
        result = np.zeros((groups, y.shape[1] // groups, *self.shape[1:]), x.dtype)
        with np.errstate(all="ignore"):
            for place, windows, values in self.numpy_taps(x, self.shape[2:], y.shape[2:]):
                met = split[(slice(None),) * 3 + _without_lead(windows)]
                count = prod(met.shape[3:])
                flat = (part.reshape(*part.shape[:3], count) for part in (values, met))
                result[(..., *place)] = np.einsum("ngip,ngop->goi", *flat)
        return np.asarray(result.reshape(self.shape), dtype_of(self.result.type))

    def simplify(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue | None:
        """A sum of nothing is zero. Image and `rhs` change places if only the image is dilated, or without strides `rhs` has fewer channels.

        The first leaves out the products with zeros, the second makes fewer windows.
        """
        x, y = operands
        geometry = self.geometry
        if 0 in {*shape_of(y), *self.shape}:
            return zeros(b, self.result.type)
        outputs, inputs, *sizes = self.shape
        is_dilated, is_wide = not set(geometry.lhs_dilation) <= {1}, 2 * outputs <= inputs * geometry.groups
        if set(geometry.strides) != {1} or not (is_dilated or is_wide) or 0 in shape_of(x):
            return None
        adjoint = geometry.adjoint(shape_of(x)[2:], sizes)
        return turned(b, convolution_kernel(b, y, x, adjoint, sizes), geometry.groups)

    def _of_lhs(self, b: OpBuilder, cotangent: SSAValue) -> SSAValue:
        return _image_cotangent(b, self.geometry, self.rhs, cotangent, shape_of(self.lhs))

    def _of_rhs(self, b: OpBuilder, cotangent: SSAValue) -> SSAValue:
        return convolution(b, self.lhs, cotangent, self.geometry)

    def batch(self, b: OpBuilder, operands: Sequence[SSAValue], batched: Sequence[bool], size: int) -> SSAValue:
        """More channels, in more groups if both are batched."""
        x, y = operands
        geometry = self.geometry
        groups = geometry.groups
        (images, channels, *image), (outputs, inputs, *sizes) = shape_of(self.lhs), self.shape
        counts = shape_of(self.rhs)[2:]
        if all(batched):
            x = reshape(b, _moved(b, x, 0, 1), (images, size * channels, *image))
            y = reshape(b, _moved(b, y, 0, 1), (images, size * outputs, *counts))
            result = convolution_kernel(b, x, y, geometry.with_groups(size * groups), sizes)
            return reshape(b, result, (size, *self.shape))
        if batched[0]:
            x = _moved(b, reshape(b, x, (size, images, groups, inputs, *image)), 0, 2)
            result = convolution_kernel(b, reshape(b, x, (images, size * channels, *image)), y, geometry, sizes)
            return _moved(b, reshape(b, result, (outputs, size, inputs, *sizes)), 1, 0)
        each = outputs // groups
        y = _moved(b, reshape(b, y, (size, images, groups, each, *counts)), 0, 2)
        result = convolution_kernel(b, x, reshape(b, y, (images, size * outputs, *counts)), geometry, sizes)
        result = _moved(b, reshape(b, result, (groups, size, each, inputs, *sizes)), 1, 0)
        return reshape(b, result, (size, *self.shape))

    def lower(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue:
        """See `convolution_loops.py`."""
        x, y = operands
        return lower_convolution_kernel(b, x, y, self.geometry, self.result.type)


def _moved(b: OpBuilder, x: SSAValue, source: int, target: int) -> SSAValue:
    """`x` with one of its dimensions at another place."""
    order = [dim for dim in range(len(shape_of(x))) if dim != source]
    order.insert(target, source)
    return transposed(b, x, order)


def _image_cotangent(b: OpBuilder, geometry: Geometry, y: SSAValue, w: SSAValue, shape: Sequence[int]) -> SSAValue:
    """The convolution of `y` with `w` turned round: the cotangent of an image of this shape."""
    return convolution(b, y, turned(b, w, geometry.groups), geometry.adjoint(shape[2:], shape_of(w)[2:]))


def turned(b: OpBuilder, w: SSAValue, groups: int) -> SSAValue:
    """The kernel from its last element to its first, with outputs and inputs of each group exchanged."""
    outputs, inputs, *kernel = shape_of(w)
    turned = reverse(b, w, range(2, 2 + len(kernel))) if kernel else w
    split = reshaped(b, turned, (groups, outputs // groups, inputs, *kernel))
    return reshaped(b, _moved(b, split, 1, 2), (groups * inputs, outputs // groups, *kernel))


def _taken(b: OpBuilder, w: SSAValue, taps: Sequence[Taps]) -> SSAValue:
    """The elements of the kernel that phases have, `[phases…, taps…, outputs, inputs]`."""
    tables = [np.asarray(table) for table in taps]
    rank = len(tables)
    shape = (*(len(table) for table in tables), *(table.shape[1] for table in tables))
    indices = [
        np.broadcast_to(np.expand_dims(table, [d for d in range(2 * rank) if d not in (dim, rank + dim)]), shape)
        for dim, table in enumerate(tables)
    ]
    return gather(b, w, constant(b, np.stack(indices, axis=-1)), range(2, 2 + rank))


def _without_lead(index: tuple[Any, ...]) -> tuple[Any, ...]:
    """An index from `np.ix_` without the dimensions of size 1 in front, so that it may stand behind slices."""
    return tuple(np.reshape(part, part.shape[2:]) for part in index)


def convolution(b: OpBuilder, x: SSAValue, w: SSAValue, geometry: Geometry) -> SSAValue:
    """The images `x` convolved with the kernel `w`."""
    return ConvolutionOp.emit(b, (x, w), geometry.properties())


def convolution_kernel(b: OpBuilder, x: SSAValue, y: SSAValue, geometry: Geometry, sizes: Sequence[int]) -> SSAValue:
    """The cotangent of a kernel with spatial `sizes` from the images `x` and the cotangent `y` of the convolution."""
    return ConvolutionKernelOp.emit(b, (x, y), {**geometry.properties(), "sizes": int_array(tuple(sizes))})
