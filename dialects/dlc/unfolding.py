"""The elements of windows side by side, and windows added up where they lie: unfold and fold, each other's adjoint."""

from abc import ABC
from collections.abc import Sequence
from typing import Any

import numpy as np
from xdsl.dialects import arith
from xdsl.dialects.builtin import I64, DenseArrayBase
from xdsl.ir import SSAValue
from xdsl.ir.affine import AffineExpr
from xdsl.irdl import irdl_op_definition, operand_def, prop_def
from xdsl.utils.exceptions import VerifyException

from dialects.builder import OpBuilder, affine_map, int_array, tensor_type
from dialects.dlc.elementwise import expect_kind
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
)
from dialects.dlc.scalars import scalar_op
from dialects.structured import (
    PARALLEL,
    build_cast,
    build_copy,
    build_empty,
    build_fill,
    build_generic,
    build_window_write,
    compute_type,
)


class _UnfoldingOp(TensorOp, ABC):
    """What both share: where the windows lie in the last dimensions of an image."""

    operand = operand_def(AnyTensor)
    sizes = prop_def(DenseArrayBase.constr(I64))
    strides = prop_def(DenseArrayBase.constr(I64))
    dilations = prop_def(DenseArrayBase.constr(I64))

    @classmethod
    def counts(cls, extents: Sequence[int], properties: Properties) -> tuple[int, ...]:
        """How many windows fit in dimensions of these extents; raise `VerifyException` if the properties are wrong."""
        amounts = [ints(properties[name]) for name in ("sizes", "strides", "dilations")]
        for name, values in zip(("sizes", "strides", "dilations"), amounts, strict=True):
            if len(values) != len(amounts[0]) or any(value < 1 for value in values):
                raise VerifyException(
                    f"{cls.name}: {name} are {list(values)}, expected {len(amounts[0])} positive numbers"
                )
        return tuple(
            max(0, (n - (size - 1) * dilation - 1) // stride + 1)
            for n, size, stride, dilation in zip(extents, *amounts, strict=True)
        )

    def taps(self) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
        """The elements of a window, and where the first window has them."""
        dilations = ints(self.dilations)
        return [
            (place, tuple(t * dilation for t, dilation in zip(place, dilations, strict=True)))
            for place in np.ndindex(*ints(self.sizes))
        ]

    def numpy_image_index(self, offset: Sequence[int], counts: Sequence[int]) -> tuple[Any, ...]:
        """The elements of an image that all windows have at one place."""
        places = zip(offset, ints(self.strides), counts, strict=True)
        return (..., *(slice(first, first + count * stride, stride) for first, stride, count in places))

    def jvp(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> SSAValue | None:
        """Linear."""
        (dx,) = tangents
        return None if dx is None else self.emit(b, (dx,), self.properties)

    def batch(self, b: OpBuilder, operands: Sequence[SSAValue], batched: Sequence[bool], size: int) -> SSAValue:
        """The windows lie in the last dimensions."""
        del batched, size
        return self.emit(b, operands, self.properties)


@irdl_op_definition
class UnfoldOp(_UnfoldingOp):
    """`result[…, t, i] = operand[…, i * strides + t * dilations]`, with `t` below `sizes` and `i` below the number of windows."""

    name = "dlc.unfold"

    assembly_format = (
        "$operand `sizes` $sizes `strides` $strides `dilations` $dilations attr-dict "
        "`:` type($operand) `->` type($result)"
    )

    @classmethod
    def infer_type(cls, operand_types: Sequence[AnyTensor], properties: Properties) -> AnyTensor:
        """The sizes of a window, then how many there are, in the place of the last dimensions."""
        (operand,) = operand_types
        sizes, shape = ints(properties["sizes"]), operand.get_shape()
        first = len(shape) - len(sizes)
        if first < 0:
            raise VerifyException(f"{cls.name}: sizes {list(sizes)} are more than the dimensions of {operand}")
        counts = cls.counts(shape[first:], properties)
        return tensor_type(operand.element_type, (*shape[:first], *sizes, *counts))

    def evaluate(self, operands: Sequence[Array]) -> Array:
        """One assignment per element of a window."""
        (x,) = operands
        result = np.empty(self.shape, x.dtype)
        counts = self.shape[x.ndim :]
        trailing = (slice(None),) * len(counts)
        for place, offset in self.taps():
            result[(..., *place, *trailing)] = x[self.numpy_image_index(offset, counts)] if result.size else 0
        return result

    def transpose(self, b: OpBuilder, cotangent: SSAValue, linear: Sequence[bool]) -> Sequence[SSAValue | None]:
        """Fold the cotangent."""
        del linear
        rank = len(ints(self.sizes))
        shape = shape_of(self.operand)
        properties = {name: self.properties[name] for name in ("sizes", "strides", "dilations")}
        extents = int_array(shape[len(shape) - rank :])
        return (FoldOp.emit(b, (cotangent,), {**properties, "extents": extents}),)

    def lower(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue:
        """One generic that reads at `i * stride + t * dilation`."""
        rank = len(ints(self.sizes))
        outer = len(self.shape) - 2 * rank
        dims = [AffineExpr.dimension(d) for d in range(len(self.shape))]
        places = [
            dims[outer + rank + d] * stride + dims[outer + d] * dilation
            for d, (stride, dilation) in enumerate(zip(ints(self.strides), ints(self.dilations), strict=True))
        ]
        return build_copy(b, operands[0], self.result.type, affine_map(len(dims), (*dims[:outer], *places)))


@irdl_op_definition
class FoldOp(_UnfoldingOp):
    """`result[…, p] = sum of operand[…, t, i]` over `t` and `i` with `i * strides + t * dilations = p`, for `p` below `extents`."""

    name = "dlc.fold"

    extents = prop_def(DenseArrayBase.constr(I64))

    assembly_format = (
        "$operand `sizes` $sizes `strides` $strides `dilations` $dilations `extents` $extents attr-dict "
        "`:` type($operand) `->` type($result)"
    )

    @classmethod
    def infer_type(cls, operand_types: Sequence[AnyTensor], properties: Properties) -> AnyTensor:
        """`extents` in the place of the sizes of a window and the number of windows, which have to fit them."""
        (operand,) = operand_types
        expect_kind(cls.name, 0, operand, "float, int or complex")
        sizes, extents = ints(properties["sizes"]), ints(properties["extents"])
        shape = operand.get_shape()
        if len(extents) != len(sizes) or any(n < 0 for n in extents):
            raise VerifyException(f"{cls.name}: extents are {list(extents)}, expected {len(sizes)} natural numbers")
        expected = (*sizes, *cls.counts(extents, properties))
        outer = len(shape) - len(expected)
        if outer < 0 or shape[outer:] != expected:
            raise VerifyException(
                f"{cls.name}: operand has type {operand}, expected last dimensions {list(expected)}: sizes and windows that "
                f"fit in {list(extents)}"
            )
        return tensor_type(operand.element_type, (*shape[:outer], *extents))

    def evaluate(self, operands: Sequence[Array]) -> Array:
        """One addition per element of a window."""
        x = computed(operands[0])
        result = np.zeros(self.shape, x.dtype)
        rank = len(ints(self.sizes))
        counts = x.shape[x.ndim - rank :]
        with np.errstate(all="ignore"):
            for place, offset in self.taps() if x.size else ():
                result[self.numpy_image_index(offset, counts)] += x[(..., *place, *(slice(None),) * rank)]
        return result.astype(dtype_of(self.result.type))

    def transpose(self, b: OpBuilder, cotangent: SSAValue, linear: Sequence[bool]) -> Sequence[SSAValue | None]:
        """Unfold the cotangent."""
        del linear
        properties = {name: self.properties[name] for name in ("sizes", "strides", "dilations")}
        return (UnfoldOp.emit(b, (cotangent,), properties),)

    def lower(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue:
        """Zeros, and for each element of a window one generic that adds in place where it lies in all windows."""
        stored = self.result.type.element_type
        x = build_cast(b, operands[0], compute_type(stored))
        element, shape = element_type_of(x), shape_of(x)
        result = build_fill(b, b.constant(0, element), tensor_type(element, self.shape))
        if 0 in shape:
            return build_cast(b, result, stored)
        rank = len(ints(self.sizes))
        outer = len(shape) - 2 * rank
        part_type = tensor_type(element, (*shape[:outer], *shape[outer + rank :]))
        dims = [AffineExpr.dimension(d) for d in range(outer + rank)]
        add = arith.AddfOp if is_float(element) else arith.AddiOp
        for place, offset in self.taps():
            lies = [dims[outer + d] * s + n for d, (s, n) in enumerate(zip(ints(self.strides), offset, strict=True))]
            maps = (
                affine_map(len(dims), (*dims[:outer], *lies)),
                affine_map(len(dims), (*dims[:outer], *map(AffineExpr.constant, place), *dims[outer:])),
                range(len(dims)),
            )
            (total,) = build_generic(
                b,
                (result, x),
                (build_empty(b, part_type),),
                maps,
                (PARALLEL,) * len(dims),
                lambda inner, arguments: (scalar_op(inner, add, arguments[0], arguments[1]),),
            )
            strides = (*(1,) * outer, *ints(self.strides))
            result = build_window_write(b, total, result, (*(0,) * outer, *offset), strides)
        return build_cast(b, result, stored)


def unfold(
    b: OpBuilder, x: SSAValue, sizes: Sequence[int], strides: Sequence[int], dilations: Sequence[int]
) -> SSAValue:
    """The elements of the windows in the last dimensions of `x`."""
    return UnfoldOp.emit(b, (x,), _properties(sizes, strides, dilations))


def fold(
    b: OpBuilder,
    x: SSAValue,
    extents: Sequence[int],
    sizes: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
) -> SSAValue:
    """The windows added up in an image of these extents."""
    return FoldOp.emit(b, (x,), {**_properties(sizes, strides, dilations), "extents": int_array(tuple(extents))})


def _properties(sizes: Sequence[int], strides: Sequence[int], dilations: Sequence[int]) -> dict[str, Any]:
    amounts = {"sizes": sizes, "strides": strides, "dilations": dilations}
    return {name: int_array(tuple(values)) for name, values in amounts.items()}
