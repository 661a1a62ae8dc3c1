"""Sorting by a key, and searching in what is sorted.

The order is NumPy's: NaN counts as the greatest value, and equal keys keep their order, also when it is descending.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, cast

import numpy as np
from xdsl.dialects import arith, tensor
from xdsl.dialects.builtin import I64, IndexType, IntegerAttr, StringAttr, UnitAttr, i1, i64
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import irdl_op_definition, operand_def, opt_prop_def, prop_def
from xdsl.utils.exceptions import VerifyException

from dialects.builder import OpBuilder, segment_sizes, tensor_type
from dialects.dlc.constants import IotaOp, iota, splat_value
from dialects.dlc.interfaces import (
    AnyTensor,
    Array,
    Properties,
    TensorOp,
    computed,
    dtype_of,
    element_type_of,
    expect_order,
    is_float,
    shape_of,
)
from dialects.dlc.scalars import scalar_compare, scalar_op, scalar_select
from dialects.dlc.shape import stacked
from dialects.dlc.sort_keys import build_elements, build_keys, build_positions, part_size
from dialects.reshapes import build_reshape
from dialects.rt import MergeRowsOp, RowsOp, SortRowsOp
from dialects.structured import (
    PARALLEL,
    build_copy,
    build_empty,
    build_generic,
    build_loop_index,
    cast_float,
    compute_type,
)

_UNORDERED_OR_LESS = IntegerAttr(11, i64)


_PARTS_OF_PART = 4
"""Where parts of a row are merged, threads share each of these."""


def scalar_before(b: OpBuilder, x: SSAValue, y: SSAValue) -> SSAValue:
    """Append whether `x` is less than `y`, where NaN is greater than all numbers."""
    if not is_float(x.type):
        return scalar_compare(b, "lt", x, y)
    x, y = (cast_float(b, value, compute_type(value.type)) for value in (x, y))
    less = b.create(arith.CmpfOp, (x, y), i1, {"predicate": _UNORDERED_OR_LESS})
    return scalar_op(b, arith.AndIOp, less, scalar_compare(b, "eq", x, x))


def _before(x: Array, y: Array) -> Array:
    """Whether `x` is less than `y`, where NaN is greater than all numbers."""
    return (x < y) | (~np.isnan(x) & np.isnan(y)) if x.dtype.kind not in "biu" else x < y


@irdl_op_definition
class SortOp(TensorOp):
    """`result` is `values` along `dim` in the order that sorts `keys`; equal keys keep their order.

    `dlc.sort %x, %x` sorts, `dlc.sort %x, %iota` gives the positions of the elements in order. Where the values are the keys, zeros of either
    sign, which are equal, are sorted by their sign.
    """

    name = "dlc.sort"

    keys = operand_def(AnyTensor)
    values = operand_def(AnyTensor)
    dim = prop_def(IntegerAttr[I64])
    descending = opt_prop_def(UnitAttr)

    assembly_format = (
        "$keys `,` $values `dim` $dim (`descending` $descending^)? attr-dict "
        "`:` type($keys) `,` type($values) `->` type($result)"
    )

    @classmethod
    def infer_type(cls, operand_types: Sequence[AnyTensor], properties: Properties) -> AnyTensor:
        """The type of the values."""
        keys, values = operand_types
        dim = cast(IntegerAttr[Any], properties["dim"]).value.data
        if keys.get_shape() != values.get_shape():
            raise VerifyException(f"dlc.sort: values have type {values}, expected the shape of the keys, {keys}")
        if not 0 <= dim < len(keys.get_shape()):
            raise VerifyException(f"dlc.sort: dim {dim} is not a dimension of {keys}")
        dtype_of(keys)
        expect_order("dlc.sort", keys)
        dtype_of(values)
        return values

    @property
    def along(self) -> int:
        """The dimension that is sorted."""
        return self.dim.value.data

    def evaluate(self, operands: Sequence[Array]) -> Array:
        """A stable `np.argsort`; descending, that of the reversed keys, read backwards."""
        keys, values = computed(operands[0]), operands[1]
        if self.descending is None:
            order = np.argsort(keys, self.along, kind="stable")
        else:
            backwards = np.argsort(np.flip(keys, self.along), self.along, kind="stable")
            order = keys.shape[self.along] - 1 - np.flip(backwards, self.along)
        return np.take_along_axis(values, order, self.along)

    def simplify(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue | None:
        """Of one element, of equal keys or of equal values it is the values."""
        del b
        keys, values = operands
        is_sorted = self.shape[self.along] <= 1 or splat_value(keys) is not None or splat_value(values) is not None
        return values if is_sorted else None

    def jvp(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> SSAValue | None:
        """The tangents of the values in the same order; the order does not move."""
        _, dvalues = tangents
        return None if dvalues is None else SortOp.emit(b, (self.keys, dvalues), self.properties)

    def transpose(self, b: OpBuilder, cotangent: SSAValue, linear: Sequence[bool]) -> Sequence[SSAValue | None]:
        """The cotangents back to where their values came from: in the order that sorts those positions."""
        assert list(linear) == [False, True], "dlc.sort is linear in its values only"
        places = iota(b, tensor_type(i64, self.shape), self.along)
        came_from = SortOp.emit(b, (self.keys, places), self.properties)
        return None, sort(b, came_from, cotangent, self.along)

    def batch(self, b: OpBuilder, operands: Sequence[SSAValue], batched: Sequence[bool], size: int) -> SSAValue:
        """Shift the dimension."""
        keys, values = stacked(b, operands, batched, size)
        return sort(b, keys, values, self.along + 1, self.descending is not None)

    def lower(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue:
        """`rt.sort_rows` of integers in the order of the keys; where other values are sorted, with positions, by which these are read."""
        keys, values = operands
        rank, size = len(self.shape), self.shape[self.along]
        if 0 in self.shape or size == 1:
            return values
        to_last = [d for d in range(rank) if d != self.along] + [self.along]
        sizes = tuple(self.shape[d] for d in to_last)
        if self.along < rank - 1:
            keys = build_copy(
                b, keys, tensor_type(element_type_of(keys), sizes), [to_last.index(d) for d in range(rank)]
            )
        rows = build_reshape(b, keys, (math.prod(sizes[:-1]), size))
        is_alone = operands[0] is values
        columns = build_keys(b, rows, self.descending is not None, with_positions=not is_alone)
        last = _sorted(b, columns)
        if is_alone:
            result = build_elements(b, last, size, element_type_of(values), self.descending is not None)
        else:
            result = build_positions(b, last, size, element_type_of(keys))
            if not self._are_positions(self.values):
                result = self._read(b, values, build_reshape(b, result, sizes), to_last)
        result = build_reshape(b, result, sizes)
        return result if self.along == rank - 1 else build_copy(b, result, self.result.type, to_last)

    def _are_positions(self, values: SSAValue) -> bool:
        """Whether the values are `i64` positions along the dimension: then those of the keys are the result."""
        return (
            isinstance(values.owner, IotaOp)
            and values.owner.dim.value.data == self.along
            and element_type_of(values) == i64
        )

    def _read(self, b: OpBuilder, values: SSAValue, positions: SSAValue, to_last: Sequence[int]) -> SSAValue:
        """Append the values at `positions`, whose dimensions are those of the values with the sorted one last."""
        element, dims = element_type_of(values), range(len(to_last))

        def body(inner: OpBuilder, arguments: tuple[SSAValue, ...]) -> Sequence[SSAValue]:
            place = {dim: build_loop_index(inner, loop) for loop, dim in enumerate(to_last)}
            place[self.along] = inner.create(arith.IndexCastOp, (arguments[0],), IndexType())
            return (inner.create(tensor.ExtractOp, (values, *(place[d] for d in dims)), element),)

        empty = build_empty(b, tensor_type(element, shape_of(positions)))
        return build_generic(b, (positions,), (empty,), (dims, dims), (PARALLEL,) * len(dims), body)[0]


@irdl_op_definition
class SearchsortedOp(TensorOp):
    """`result[…] =` how many elements of `ordered`, sorted along its last dimension, are less than `queries[…]`.

    With side `"right"`: less or equal. The dimensions of `ordered` before the last are leading ones of `queries` too.
    """

    name = "dlc.searchsorted"

    NO_DERIVATIVE: ClassVar[str] = "a position is an integer"

    ordered = operand_def(AnyTensor)
    queries = operand_def(AnyTensor)
    side = prop_def(StringAttr)

    assembly_format = "$side $ordered `,` $queries attr-dict `:` type($ordered) `,` type($queries) `->` type($result)"

    @classmethod
    def infer_type(cls, operand_types: Sequence[AnyTensor], properties: Properties) -> AnyTensor:
        """i64, of the shape of the queries."""
        ordered, queries = operand_types
        side = cast(StringAttr, properties["side"]).data
        if side not in {"left", "right"}:
            raise VerifyException(f'dlc.searchsorted: side is "{side}", expected "left" or "right"')
        batch = ordered.get_shape()[:-1]
        if not ordered.get_shape() or queries.get_shape()[: len(batch)] != batch:
            raise VerifyException(
                f"dlc.searchsorted: queries have type {queries}, expected one that starts with the dimensions of "
                f"{ordered} before its last"
            )
        if ordered.element_type != queries.element_type:
            raise VerifyException(
                f"dlc.searchsorted: queries have type {queries}, expected the element type of {ordered}; use dlc.convert"
            )
        dtype_of(ordered)
        expect_order("dlc.searchsorted", ordered)
        return tensor_type(i64, queries.get_shape())

    def evaluate(self, operands: Sequence[Array]) -> Array:
        """The steps of `lower`, so that also where `ordered` is not sorted there is one right answer."""
        ordered, queries = map(computed, operands)
        *batch, size = ordered.shape
        rows = np.indices(queries.shape, sparse=True)[: len(batch)]
        count = np.zeros(queries.shape, np.int64)
        for exponent in reversed(range(size.bit_length())):
            further = count + (1 << exponent)
            element = ordered[(*rows, np.minimum(further, size) - 1)]
            counts = _before(element, queries) if self.side.data == "left" else ~_before(queries, element)
            count = np.where(counts & (further <= size), further, count)
        return count

    def batch(self, b: OpBuilder, operands: Sequence[SSAValue], batched: Sequence[bool], size: int) -> SSAValue:
        """One more leading dimension of both; one row may stay the only one."""
        if batched[0] or len(shape_of(self.ordered)) > 1:
            operands = stacked(b, operands, batched, size)
        return SearchsortedOp.emit(b, operands, self.properties)

    def lower(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue:
        """A binary search without branches, written out: the steps are the powers of two up to the size."""
        ordered, queries = operands
        *batch, size = shape_of(ordered)
        rank = len(self.shape)

        def body(b: OpBuilder, arguments: tuple[SSAValue, ...]) -> Sequence[SSAValue]:
            query = arguments[0]
            row = [build_loop_index(b, dim) for dim in range(len(batch))]
            count = b.index(0)
            for exponent in reversed(range(size.bit_length())):
                step = 1 << exponent
                further = scalar_op(b, arith.AddiOp, count, b.index(step))
                place = scalar_op(b, arith.AddiOp, count, b.index(step - 1))
                place = scalar_op(b, arith.MinSIOp, place, b.index(size - 1))
                element = b.create(tensor.ExtractOp, (ordered, *row, place), element_type_of(ordered))
                if self.side.data == "left":
                    counts = scalar_before(b, element, query)
                else:
                    counts = scalar_op(b, arith.XOrIOp, scalar_before(b, query, element), b.constant(True, i1))
                exists = scalar_compare(b, "le", further, b.index(size))
                count = scalar_select(b, scalar_op(b, arith.AndIOp, counts, exists), further, count)
            return (b.create(arith.IndexCastOp, (count,), i64),)

        identity = range(rank)
        empty = build_empty(b, self.result.type)
        return build_generic(b, (queries,), (empty,), (identity, identity), (PARALLEL,) * rank, body)[0]


def _sorted(b: OpBuilder, columns: Sequence[SSAValue]) -> SSAValue:
    """Append the sort of the rows of `columns`, of which one alone is sorted in parts and merged; return the last column."""
    count, size = shape_of(columns[0])
    part = part_size(size)
    if count > 1 or size <= part:
        return _on_rows(b, SortRowsOp, columns)[-1]
    columns = [build_reshape(b, column, (size // part, part)) for column in columns]
    columns = _on_rows(b, SortRowsOp, columns)
    group = 2
    while group < 2 * (size // part):
        numbers = {"group": IntegerAttr(group, i64), "parts": IntegerAttr(_PARTS_OF_PART, i64)}
        columns = _on_rows(b, MergeRowsOp, columns, numbers)
        columns = _on_rows(b, SortRowsOp, columns, {"bitonic": UnitAttr()})
        group *= 2
    return build_reshape(b, columns[-1], (1, size))


def _on_rows(
    b: OpBuilder, op_type: type[RowsOp], columns: Sequence[SSAValue], properties: Mapping[str, Attribute] | None = None
) -> Sequence[SSAValue]:
    segments = {"operandSegmentSizes": segment_sizes(len(columns), 0)}
    return b.create_op(
        op_type, columns, [column.type for column in columns], {**(properties or {}), **segments}
    ).results


def sort(b: OpBuilder, keys: SSAValue, values: SSAValue, dim: int, descending: bool = False) -> SSAValue:
    """`values` along `dim` in the order that sorts `keys`."""
    properties: dict[str, Attribute] = {"dim": IntegerAttr(dim, i64)}
    return SortOp.emit(b, (keys, values), {**properties, "descending": UnitAttr()} if descending else properties)


def argsort(b: OpBuilder, x: SSAValue, dim: int, descending: bool = False) -> SSAValue:
    """The positions along `dim` of the elements of `x` in order."""
    return sort(b, x, iota(b, tensor_type(i64, shape_of(x)), dim), dim, descending)


def searchsorted(b: OpBuilder, ordered: SSAValue, queries: SSAValue, side: str = "left") -> SSAValue:
    """How many elements of `ordered`, which is sorted along its last dimension, come before each of `queries`."""
    return SearchsortedOp.emit(b, (ordered, queries), {"side": StringAttr(side)})
