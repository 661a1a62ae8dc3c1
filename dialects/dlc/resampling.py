"""Weighted sums of elements at known places along one dimension: interpolation, windows of unequal sizes, and their adjoints.

The places and weights are a table with one row for each element of the result. The adjoint is of the same kind, so gradients
read and never write at computed places, which would be serial.
"""

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
from xdsl.dialects import arith, tensor
from xdsl.dialects.builtin import (
    I64,
    BytesAttr,
    DenseIntOrFPElementsAttr,
    IndexType,
    IntegerAttr,
    TensorType,
    f64,
    i1,
    i64,
)
from xdsl.ir import Attribute, SSAValue
from xdsl.ir.affine import AffineExpr
from xdsl.irdl import irdl_op_definition, operand_def, prop_def
from xdsl.utils.exceptions import VerifyException

from dialects.builder import OpBuilder, affine_map, tensor_type
from dialects.dlc.constants import array_of, dense_attribute
from dialects.dlc.elementwise import expect_kind
from dialects.dlc.interfaces import (
    ELEMENT_TYPES,
    AnyTensor,
    Array,
    Properties,
    TensorOp,
    computed,
    dtype_of,
    element_type_of,
    shape_of,
)
from dialects.dlc.scalars import scalar_op
from dialects.structured import (
    PARALLEL,
    build_cast,
    build_empty,
    build_fill,
    build_generic,
    build_loop_index,
    build_reduction,
    compute_type,
)

MOST_UNROLLED = 32
"""Up to this many summands are added by one loop over the result; more have a loop of their own."""

_INDEX = IndexType()
_SGE = IntegerAttr(arith.CMPI_COMPARISON_OPERATIONS.index("sge"), i64)


@irdl_op_definition
class ResampleOp(TensorOp):
    """`result[…, i, …] = sum over k of weights[i, k] * operand[…, positions[i, k], …]` in `dim`; nothing for positions of -1."""

    name = "dlc.resample"

    operand = operand_def(AnyTensor)
    dim = prop_def(IntegerAttr[I64])
    positions = prop_def(DenseIntOrFPElementsAttr)
    weights = prop_def(DenseIntOrFPElementsAttr)

    assembly_format = (
        "$operand `dim` $dim `positions` $positions `weights` $weights attr-dict `:` type($operand) `->` type($result)"
    )

    @classmethod
    def infer_type(cls, operand_types: Sequence[AnyTensor], properties: Properties) -> AnyTensor:
        """As many elements in `dim` as the tables have rows."""
        (operand,) = operand_types
        expect_kind(cls.name, 0, operand, "float")
        shape, dim = operand.get_shape(), _integer(properties["dim"])
        if not 0 <= dim < len(shape):
            raise VerifyException(f"{cls.name}: dim {dim} is not a dimension of {operand}")
        types = [cast(DenseIntOrFPElementsAttr[Any], properties[name]).type for name in ("positions", "weights")]
        for name, table, element in zip(("positions", "weights"), types, (i64, f64), strict=True):
            sizes = table.get_shape()
            if not isinstance(table, TensorType) or len(sizes) != 2 or table.element_type != element:
                raise VerifyException(f"{cls.name}: {name} have type {table}, expected tensor<?x?x{element}>")
        if types[0].get_shape() != types[1].get_shape():
            raise VerifyException(f"{cls.name}: positions have type {types[0]}, but weights {types[1]}")
        positions = array_of(cast(DenseIntOrFPElementsAttr[Any], properties["positions"]))
        if ((positions < -1) | (positions >= shape[dim])).any():
            raise VerifyException(
                f"{cls.name}: positions are from {positions.min()} to {positions.max()}, expected -1 to {shape[dim] - 1} "
                f"for dimension {dim} of {operand}"
            )
        return tensor_type(operand.element_type, (*shape[:dim], len(positions), *shape[dim + 1 :]))

    @property
    def tables(self) -> tuple[Array, Array]:
        """Positions and weights."""
        return array_of(self.positions), array_of(self.weights)

    def evaluate(self, operands: Sequence[Array]) -> Array:
        """`np.take` for each column."""
        x, dim = computed(operands[0]), _integer(self.dim)
        positions, weights = self.tables
        behind = (1,) * (x.ndim - dim - 1)
        result = np.zeros(self.shape, x.dtype)
        if result.size and x.size:
            with np.errstate(all="ignore"):
                for places, factors in zip(positions.T, weights.T, strict=True):
                    terms = np.take(x, np.maximum(places, 0), dim) * factors.astype(x.dtype).reshape(-1, *behind)
                    result += cast(Array, np.where(places.reshape(-1, *behind) < 0, np.zeros_like(terms), terms))
        return np.asarray(result, dtype_of(self.result.type))

    def simplify(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue | None:
        """Every element at its place with weight 1 is the operand."""
        del b
        positions, weights = self.tables
        size = shape_of(operands[0])[_integer(self.dim)]
        is_identity = (
            positions.shape == (size, 1) and (positions[:, 0] == np.arange(size)).all() and (weights == 1).all()
        )
        return operands[0] if is_identity else None

    def jvp(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> SSAValue | None:
        """Linear."""
        (dx,) = tangents
        return None if dx is None else ResampleOp.emit(b, (dx,), self.properties)

    def transpose(self, b: OpBuilder, cotangent: SSAValue, linear: Sequence[bool]) -> Sequence[SSAValue | None]:
        """With the table of which elements of the result an element is summed into."""
        del linear
        dim = _integer(self.dim)
        return (resample(b, cotangent, dim, *_adjoint(*self.tables, shape_of(self.operand)[dim])),)

    def batch(self, b: OpBuilder, operands: Sequence[SSAValue], batched: Sequence[bool], size: int) -> SSAValue:
        """Shift `dim`."""
        del batched, size
        return resample(b, operands[0], _integer(self.dim) + 1, *self.tables)

    def lower(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue:
        """One generic over the result that reads the tables and, at their places, the captured operand."""
        (x,) = operands
        positions, weights = self.tables
        stored, count = element_type_of(x), positions.shape[1]
        wide = compute_type(stored)
        result_type = tensor_type(wide, self.shape)
        if count == 0 or 0 in self.shape or 0 in shape_of(x):
            return build_fill(b, b.constant(0, stored), self.result.type)
        x = build_cast(b, x, wide)
        rank, row = len(self.shape), AffineExpr.dimension(_integer(self.dim))
        tables = [_lowered(b, positions), _lowered(b, weights.astype(dtype_of(result_type)))]
        if count > MOST_UNROLLED:
            terms_type = tensor_type(wide, (*self.shape, count))
            table_map = affine_map(rank + 1, (row, AffineExpr.dimension(rank)))
            terms = build_generic(
                b,
                tables,
                (build_empty(b, terms_type),),
                (table_map, table_map, range(rank + 1)),
                (PARALLEL,) * (rank + 1),
                lambda inner, arguments: (
                    self._term(inner, x, arguments[0], arguments[1:2], bool((positions < 0).any())),
                ),
            )[0]
            total = build_reduction(b, terms, (rank,), 0, lambda inner, a, c: scalar_op(inner, arith.AddfOp, a, c))
            return build_cast(b, total, stored)

        def body(inner: OpBuilder, arguments: tuple[SSAValue, ...]) -> Sequence[SSAValue]:
            result: SSAValue | None = None
            for k in range(count):
                weight = (
                    arguments[count + k : count + k + 1]
                    if ((weights[:, k] != 1) & (positions[:, k] >= 0)).any()
                    else ()
                )
                term = self._term(inner, x, arguments[k], weight, bool((positions[:, k] < 0).any()))
                result = term if result is None else scalar_op(inner, arith.AddfOp, result, term)
            assert result is not None, "there is a column"
            return (result,)

        maps = [affine_map(rank, (row, AffineExpr.constant(k))) for k in range(count)]
        result = build_generic(
            b,
            [table for table in tables for _ in range(count)],
            (build_empty(b, result_type),),
            (*maps, *maps, range(rank)),
            (PARALLEL,) * rank,
            body,
        )[0]
        return build_cast(b, result, stored)

    def _term(
        self, b: OpBuilder, x: SSAValue, position: SSAValue, weight: Sequence[SSAValue], may_be_nothing: bool
    ) -> SSAValue:
        """Append the element of `x` at a position, times a weight if it has one; zero where it is -1."""
        index = b.create(arith.IndexCastOp, (position,), _INDEX)
        zero = b.index(0)
        at = b.create(arith.MaxSIOp, (index, zero), _INDEX) if may_be_nothing else index
        place = [at if dim == _integer(self.dim) else build_loop_index(b, dim) for dim in range(len(self.shape))]
        term = b.create(tensor.ExtractOp, (x, *place), element_type_of(x))
        if weight:
            term = scalar_op(b, arith.MulfOp, term, *weight)
        if may_be_nothing:
            is_place = b.create(arith.CmpiOp, (index, zero), i1, {"predicate": _SGE})
            term = b.create(arith.SelectOp, (is_place, term, b.constant(0, term.type)), term.type)
        return term


def resample(b: OpBuilder, x: SSAValue, dim: int, positions: Array, weights: Array) -> SSAValue:
    """Weighted sums of the elements of `x` along `dim`; the tables are `[elements, summands]`, and -1 is no position."""
    properties = {
        "dim": IntegerAttr(dim, i64),
        "positions": table(positions.astype(np.int64)),
        "weights": table(weights.astype(np.float64)),
    }
    return ResampleOp.emit(b, (x,), properties)


def table(array: Array) -> DenseIntOrFPElementsAttr[Any]:
    """The attribute that holds all elements of `array`, as the parser builds it, also where they are equal."""
    element = cast(Any, ELEMENT_TYPES[array.dtype])
    return DenseIntOrFPElementsAttr(TensorType(element, array.shape), BytesAttr(array.tobytes()))


def _adjoint(positions: Array, weights: Array, size: int) -> tuple[Array, Array]:
    """The tables of the adjoint, with `size` rows: weights of equal places are added up, and those of zero left out."""
    count = len(positions)
    rows = np.broadcast_to(np.arange(count)[:, None], positions.shape)
    used = (positions >= 0) & (weights != 0)
    pairs, inverse = np.unique(positions[used] * count + rows[used], return_inverse=True)
    totals = np.bincount(inverse, weights[used], len(pairs))
    targets = pairs // max(count, 1)
    numbers = np.bincount(targets, minlength=size)
    column = np.arange(len(pairs)) - (np.cumsum(numbers) - numbers)[targets]
    table = np.full((size, numbers.max(initial=0)), -1)
    factors = np.zeros(table.shape)
    table[targets, column] = pairs % max(count, 1)
    factors[targets, column] = totals
    return table, factors


def _lowered(b: OpBuilder, table: Array) -> SSAValue:
    """Append a table as an `arith.constant`."""
    attribute = dense_attribute(table)
    return b.create(arith.ConstantOp, (), cast(Attribute, attribute.type), {"value": attribute})


def _integer(attribute: Any) -> int:
    assert isinstance(attribute, IntegerAttr)
    return attribute.value.data
