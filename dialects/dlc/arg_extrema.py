"""The positions of largest and smallest elements: argmax, argmin. The dimension `dim` disappears."""

from abc import ABC
from collections.abc import Sequence
from math import prod
from typing import Any, ClassVar, cast

import numpy as np
from xdsl.dialects import arith
from xdsl.dialects.builtin import I64, IntegerAttr, i32, i64
from xdsl.ir import Attribute, SSAValue
from xdsl.ir.affine import AffineExpr
from xdsl.irdl import irdl_op_definition, operand_def, prop_def
from xdsl.utils.exceptions import VerifyException

from dialects.builder import OpBuilder, affine_map, tensor_type
from dialects.dlc.constants import splat_value, zeros
from dialects.dlc.interfaces import (
    AnyTensor,
    Array,
    Properties,
    TensorOp,
    computed,
    element_type_of,
    expect_order,
    is_bool,
    is_float,
    shape_of,
)
from dialects.dlc.reduction import expect_elements, highest, lowest
from dialects.dlc.scalars import greater_of, lesser_of, scalar_compare, scalar_op, scalar_select
from dialects.reshapes import build_reshape
from dialects.structured import (
    PARALLEL,
    REDUCTION,
    Body,
    build_cast,
    build_empty,
    build_fill,
    build_generic,
    build_loop_index,
    compute_type,
)

PART_ELEMENTS = 1 << 16
"""Elements that stay in the cache from the search for the extremum to that for its position."""


class _ArgExtremumOp(TensorOp, ABC):
    """The position of the first of the largest or smallest elements; the first NaN wins."""

    NO_DERIVATIVE: ClassVar[str] = "a position is an integer"

    operand = operand_def(AnyTensor)
    dim = prop_def(IntegerAttr[I64])

    assembly_format = "$operand `dim` $dim attr-dict `:` type($operand) `->` type($result)"

    IS_MAX: ClassVar[bool]

    @classmethod
    def infer_type(cls, operand_types: Sequence[AnyTensor], properties: Properties) -> AnyTensor:
        """i64, without `dim`."""
        (operand,) = operand_types
        expect_order(cls.name, operand)
        dim = cast(IntegerAttr[Any], properties["dim"]).value.data
        shape = operand.get_shape()
        if not 0 <= dim < len(shape):
            raise VerifyException(f"{cls.name}: dim {dim} is not a dimension of {operand}")
        result = tensor_type(i64, (*shape[:dim], *shape[dim + 1 :]))
        expect_elements(cls.name, operand, (dim,), result)
        return result

    def evaluate(self, operands: Sequence[Array]) -> Array:
        """`np.argmax` or `np.argmin`."""
        (x,) = operands
        dim = self.dim.value.data
        if 0 in x.shape:
            return np.zeros(self.shape, np.int64)
        x = computed(x)
        return np.asarray(np.argmax(x, axis=dim) if self.IS_MAX else np.argmin(x, axis=dim), np.int64)

    def simplify(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue | None:
        """Where there is only one element, or all are equal, the position is 0."""
        (x,) = operands
        only = shape_of(x)[self.dim.value.data] == 1 or splat_value(x) is not None
        return zeros(b, self.result.type) if only else None

    def batch(self, b: OpBuilder, operands: Sequence[SSAValue], batched: Sequence[bool], size: int) -> SSAValue:
        """Shift the dimension."""
        del batched, size
        return self.emit(b, operands, {"dim": IntegerAttr(self.dim.value.data + 1, i64)})

    def lower(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue:
        """In parts that stay in the cache: the extremum, then the smallest position that has it; then the same with these of all parts.

        Each is a reduction that any order of the elements gives alike; one that carries value and position together would be
        sequential in practice.
        """
        x = build_cast(b, operands[0], compute_type(element_type_of(operands[0])))
        place = self._place_of_flag(b, x) if is_bool(element_type_of(x)) else self._place(b, x)
        if element_type_of(place) == i64:
            return place

        def widened(inner: OpBuilder, arguments: tuple[SSAValue, ...]) -> Sequence[SSAValue]:
            return (inner.create(arith.ExtSIOp, (arguments[0],), i64),)

        return self._elementwise(b, (place,), i64, widened)

    def _place(self, b: OpBuilder, x: SSAValue) -> SSAValue:
        """Append the position of the extremum; what is left over after equal parts comes last."""
        dim, shape = self.dim.value.data, shape_of(x)
        size = shape[dim]
        length = _part_length(shape, dim)
        if length == size:
            return self._reduce(b, x, dim, None, size)[1]
        count, rest = divmod(size, length)
        parts_shape = (*shape[:dim], count, length, *shape[dim + 1 :])
        parts = build_reshape(b, x, parts_shape) if not rest else self._window(b, x, 0, parts_shape)
        best, place_in_part = self._reduce(b, parts, dim + 1, None, size)
        best, place = self._reduce(b, best, dim, (place_in_part, length), size)
        if not rest:
            return place
        last = self._window(b, x, count * length, (*shape[:dim], rest, *shape[dim + 1 :]))
        best_of_rest, place_in_rest = self._reduce(b, last, dim, None, size)
        place_type = element_type_of(place)

        def chosen(inner: OpBuilder, arguments: tuple[SSAValue, ...]) -> Sequence[SSAValue]:
            before, after, first, second, _ = arguments
            wins = scalar_compare(inner, "gt" if self.IS_MAX else "lt", after, before)
            if is_float(after.type):
                becomes_nan, was_number = (
                    scalar_compare(inner, "ne", after, after),
                    scalar_compare(inner, "eq", before, before),
                )
                is_new = scalar_op(inner, arith.AndIOp, becomes_nan, was_number)
                wins = scalar_op(inner, arith.OrIOp, wins, is_new)
            second = scalar_op(inner, arith.AddiOp, second, inner.constant(count * length, place_type))
            return (scalar_select(inner, wins, second, first),)

        return self._elementwise(b, (best, best_of_rest, place, place_in_rest), place_type, chosen)

    def _window(self, b: OpBuilder, x: SSAValue, first: int, shape: tuple[int, ...]) -> SSAValue:
        """Append the elements from `first` on along the dimension, which may become two."""
        dim, rank = self.dim.value.data, len(shape)
        added = rank - len(shape_of(x))
        position = (
            AffineExpr.dimension(dim)
            if not added
            else AffineExpr.dimension(dim) * shape[dim + 1] + AffineExpr.dimension(dim + 1)
        )
        access = (
            *map(AffineExpr.dimension, range(dim)),
            position + first,
            *map(AffineExpr.dimension, range(dim + 1 + added, rank)),
        )
        empty = build_empty(b, tensor_type(element_type_of(x), shape))
        maps = (affine_map(rank, access), range(rank))
        return build_generic(b, (x,), (empty,), maps, (PARALLEL,) * rank, lambda _, arguments: arguments[:1])[0]

    def _place_of_flag(self, b: OpBuilder, x: SSAValue) -> SSAValue:
        """Append the first position of a flag that is set, or is not; 0 if there is none."""
        dim, shape = self.dim.value.data, shape_of(x)
        size, rank = shape[dim], len(shape)
        place_type = i32 if size < 2**31 else i64

        def first(inner: OpBuilder, arguments: tuple[SSAValue, ...]) -> Sequence[SSAValue]:
            flag, place = arguments
            own = inner.create(arith.IndexCastOp, (build_loop_index(inner, rank - 1),), place_type)
            choices = (own, inner.constant(size, place_type))
            return (
                scalar_op(
                    inner, arith.MinSIOp, place, scalar_select(inner, flag, *choices[:: 1 if self.IS_MAX else -1])
                ),
            )

        nowhere = build_fill(b, b.constant(size, place_type), tensor_type(place_type, self.shape))
        kept = (*range(dim), rank - 1, *range(dim, rank - 1))
        maps, iterators = (kept, range(rank - 1)), (*(PARALLEL,) * (rank - 1), REDUCTION)
        (place,) = build_generic(b, (x,), (nowhere,), maps, iterators, first)

        def found(inner: OpBuilder, arguments: tuple[SSAValue, ...]) -> Sequence[SSAValue]:
            is_none = scalar_compare(inner, "eq", arguments[0], inner.constant(size, place_type))
            return (scalar_select(inner, is_none, inner.constant(0, place_type), arguments[0]),)

        return self._elementwise(b, (place,), place_type, found)

    def _elementwise(self, b: OpBuilder, inputs: Sequence[SSAValue], element: Attribute, body: Body) -> SSAValue:
        dims = range(len(self.shape))
        empty = build_empty(b, tensor_type(element, self.shape))
        return build_generic(b, inputs, (empty,), [dims] * (len(inputs) + 1), (PARALLEL,) * len(dims), body)[0]

    def _reduce(
        self, b: OpBuilder, x: SSAValue, dim: int, parts: tuple[SSAValue, int] | None, size: int
    ) -> tuple[SSAValue, SSAValue]:
        """Append the extremum along `dim` and its first position of `size`.

        With `parts`, each element of `x` is that of a part: at a position in the part, and of so many elements.
        """
        element, shape = element_type_of(x), shape_of(x)
        rank = len(shape)
        result_shape = (*shape[:dim], *shape[dim + 1 :])
        place_type = i32 if size < 2**31 else i64
        kept, outer = (*range(dim), rank - 1, *range(dim, rank - 1)), range(rank - 1)
        iterators = (*(PARALLEL,) * (rank - 1), REDUCTION)
        worst = lowest(element) if self.IS_MAX else highest(element)
        start = build_fill(b, b.constant(worst, element), tensor_type(element, result_shape))
        combiner = greater_of(element) if self.IS_MAX else lesser_of(element)
        (best,) = build_generic(
            b,
            (x,),
            (start,),
            (kept, outer),
            iterators,
            lambda inner, args: (scalar_op(inner, combiner, args[1], args[0]),),
        )

        def first(inner: OpBuilder, arguments: tuple[SSAValue, ...]) -> Sequence[SSAValue]:
            value, best_value, *place_in_part, place = arguments
            found = scalar_compare(inner, "eq", value, best_value)
            if is_float(element):  # where there is a NaN, it is the extremum
                found = scalar_op(inner, arith.OrIOp, found, scalar_compare(inner, "ne", value, value))
            own_place = inner.create(arith.IndexCastOp, (build_loop_index(inner, rank - 1),), place_type)
            if parts is not None:
                own_place = scalar_op(inner, arith.MuliOp, own_place, inner.constant(parts[1], place_type))
                own_place = scalar_op(inner, arith.AddiOp, own_place, place_in_part[0])
            candidate = scalar_select(inner, found, own_place, inner.constant(size, place_type))
            return (scalar_op(inner, arith.MinSIOp, place, candidate),)

        nowhere = build_fill(b, b.constant(size, place_type), tensor_type(place_type, result_shape))
        places = () if parts is None else (parts[0],)
        inputs, maps = (x, best, *places), (kept, outer, *[kept for _ in places], outer)
        (place,) = build_generic(b, inputs, (nowhere,), maps, iterators, first)
        return best, place


def _part_length(shape: Sequence[int], dim: int) -> int:
    """How many elements along `dim` make a part of about `PART_ELEMENTS`: a divisor of the extent, if there is one; all if they are few."""
    wanted = max(1, PART_ELEMENTS // max(1, prod(shape[dim + 1 :])))
    if 0 in shape or shape[dim] <= 2 * wanted:
        return shape[dim]
    return next((d for d in range(wanted, wanted // 4, -1) if shape[dim] % d == 0), wanted)


@irdl_op_definition
class ArgmaxOp(_ArgExtremumOp):
    """The smallest `i` for which `operand[…, i, …]` is largest along `dim`; a NaN counts as largest."""

    name = "dlc.argmax"

    IS_MAX: ClassVar[bool] = True


@irdl_op_definition
class ArgminOp(_ArgExtremumOp):
    """The smallest `i` for which `operand[…, i, …]` is smallest along `dim`; a NaN counts as smallest."""

    name = "dlc.argmin"

    IS_MAX: ClassVar[bool] = False


def argmax(b: OpBuilder, x: SSAValue, dim: int) -> SSAValue:
    """The position of the first maximum along `dim`, i64."""
    return ArgmaxOp.emit(b, (x,), {"dim": IntegerAttr(dim, i64)})


def argmin(b: OpBuilder, x: SSAValue, dim: int) -> SSAValue:
    """The position of the first minimum along `dim`, i64."""
    return ArgminOp.emit(b, (x,), {"dim": IntegerAttr(dim, i64)})
