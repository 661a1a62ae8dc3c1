"""Lean construction of IR: append operations to a block without the cost of `__init__`.

Building an operation through its generated constructor normalises and verifies arguments that a compiler pass has
already checked; that is most of the time a pass written in Python takes. `OpBuilder` makes the same object
directly. It relies on private fields of xDSL, which is why xDSL's minor version is pinned and why
`tests/test_builder.py` compares its product with `Operation.create`.
"""

import math
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from typing import Any, cast

from xdsl.dialects import arith
from xdsl.dialects.builtin import (
    AffineMapAttr,
    DenseArrayBase,
    DenseIntOrFPElementsAttr,
    FloatAttr,
    IndexType,
    IntegerAttr,
    IntegerType,
    LocationAttr,
    MemRefType,
    Signedness,
    TensorType,
    UnknownLoc,
    VectorType,
    i32,
    i64,
)
from xdsl.ir import Attribute, Block, Operation, OpResult, Region, SSAValue, SSAValues, Use
from xdsl.ir.affine import AffineExpr, AffineMap
from xdsl.irdl import IRDLOperation, OptionalDef

from dialects.float_literals import read_bits_in_dense
from dialects.lean_access import lean_access
from dialects.value_names import strip_numbers_of_names
from dialects.vector_arith import allow_vectors_in_arith

UNKNOWN = UnknownLoc()

_new: Any = object.__new__  # not cast where it is used: a cast is a call

allow_vectors_in_arith()
lean_access()
read_bits_in_dense()
strip_numbers_of_names()


class OpBuilder:
    """Appends operations to the end of `block`; each gets `location`.

    A pass sets `location` to that of the operation it is rewriting, so that every new operation keeps the user's
    line. `create` returns the single result, `create_op` the operation.
    """

    __slots__ = ("block", "location")

    def __init__(self, block: Block, location: LocationAttr = UNKNOWN):
        self.block = block
        self.location = location

    def create(
        self,
        op_type: type[Operation],
        operands: Sequence[SSAValue],
        result_type: Attribute,
        properties: Mapping[str, Attribute] | None = None,
    ) -> SSAValue:
        """Append an operation with one result and no regions; return the result."""
        (result,) = self.create_op(op_type, operands, (result_type,), properties).results
        return result

    def create_op(
        self,
        op_type: type[Operation],
        operands: Sequence[SSAValue] = (),
        result_types: Sequence[Attribute] = (),
        properties: Mapping[str, Attribute] | None = None,
        regions: Sequence[Region] = (),
        successors: Sequence[Block] = (),
        attributes: Mapping[str, Attribute] | None = None,
    ) -> Operation:
        """Append an operation of any form; properties left out take their declared defaults."""
        op = _new(op_type)
        op._next_op = None
        op.regions = tuple(regions)
        for region in regions:
            assert region.parent is None, f"{op_type.name}: a region belongs to another operation"
            region.parent = op
        defaults = default_properties(op_type)
        op.properties = {**defaults, **properties} if properties else dict(defaults)
        op.attributes = {} if attributes is None else dict(attributes)
        op.location = self.location
        op._operands = SSAValues(operands)
        op._operand_uses = _uses(op, operands)
        op._successors = tuple(successors)
        op._successor_uses = _uses(op, successors) if successors else ()
        results: list[Any] = []
        for index, result_type in enumerate(result_types):
            result = _new(OpResult)
            result.first_use = None
            result._name = None
            result._type = result_type
            result.op = op
            result.index = index
            results.append(result)
        op.results = SSAValues(results)
        block: Any = self.block
        op.parent = block
        op._prev_op = last = block._last_op
        if last is None:
            block._first_op = op
        else:
            last._next_op = op
        block._last_op = op
        return op

    def insert(self, op: Operation) -> Operation:
        """Append a detached operation that was built elsewhere (by a constructor, or cloned)."""
        self.block.add_op(op)
        return op

    def constant(self, value: bool | float, element_type: Attribute) -> SSAValue:
        """Append an `arith.constant` of a scalar or vector type."""
        return self.create(arith.ConstantOp, (), element_type, {"value": constant_attribute(value, element_type)})

    def index(self, value: int) -> SSAValue:
        """Append an `arith.constant` of type `index`."""
        return self.constant(value, IndexType())


def _uses(op: Any, values: Any) -> tuple[Use, ...]:
    """Enter an operation into the lists of uses of its operands or successors."""
    uses: list[Use] = []
    for index, value in enumerate(values):
        use = _new(Use)
        use._operation = op
        use._index = index
        use._prev_use = None
        first = use._next_use = value.first_use
        if first is not None:
            first._prev_use = use
        value.first_use = use
        uses.append(use)
    return tuple(uses)


@cache
def default_properties(op_type: type[Operation]) -> dict[str, Attribute]:
    """The properties of `op_type` that are never left out and have a default value, with that value."""
    if not issubclass(op_type, IRDLOperation):
        return {}
    definition = op_type.get_irdl_definition()
    return {
        name: property_def.default_value
        for name, property_def in definition.properties.items()
        if property_def.default_value is not None and not isinstance(property_def, OptionalDef)
    }


def constant_attribute(value: float, element_type: Attribute) -> Attribute:
    """The attribute of `arith.constant` for `value`, a splat if `element_type` is a vector; integers wrap around."""
    if isinstance(value, float) and math.isnan(value):
        return _nan_attribute(element_type)
    return _constant_attribute(value, math.copysign(1.0, value), element_type)


@lru_cache(maxsize=4096)
def _constant_attribute(value: float, sign: float, element_type: Attribute) -> Attribute:
    del sign  # part of the key, because 0.0 == -0.0
    if isinstance(element_type, VectorType):
        vector = cast(VectorType[Any], element_type)
        return DenseIntOrFPElementsAttr.from_list(vector, [_wrapped(value, vector.element_type)])
    if isinstance(element_type, IntegerType | IndexType):
        return IntegerAttr(cast(int, _wrapped(value, cast(Attribute, element_type))), cast(IntegerType, element_type))
    return FloatAttr(float(value), cast(Any, element_type))


@lru_cache(maxsize=64)
def _nan_attribute(element_type: Attribute) -> Attribute:
    if isinstance(element_type, VectorType):
        return DenseIntOrFPElementsAttr.from_list(cast(VectorType[Any], element_type), [math.nan])
    return FloatAttr(math.nan, cast(Any, element_type))


def _wrapped(value: float, scalar_type: Attribute) -> int | float:
    """`value` as the number that a constant of `scalar_type` holds; integers wrap around, as two's complement if signed."""
    if not isinstance(scalar_type, IntegerType | IndexType):
        return float(value)
    number = int(value)
    if isinstance(scalar_type, IntegerType):
        width = cast(int, cast(Any, scalar_type).width.data)
        number &= (1 << width) - 1
        if number >> (width - 1) and cast(Any, scalar_type).signedness.data != Signedness.UNSIGNED:
            number -= 1 << width
    return number


@lru_cache(maxsize=8192)
def tensor_type(element_type: Attribute, shape: tuple[int, ...]) -> TensorType[Any]:
    """`tensor<shape x element_type>`, one object per type."""
    return TensorType(element_type, shape)


@lru_cache(maxsize=8192)
def memref_type(element_type: Attribute, shape: tuple[int, ...]) -> MemRefType[Any]:
    """`memref<shape x element_type>`, contiguous, one object per type."""
    return MemRefType(element_type, shape)


@lru_cache(maxsize=1024)
def vector_type(element_type: Attribute, size: int) -> VectorType[Any]:
    """`vector<size x element_type>`, one object per type."""
    return VectorType(element_type, [size])


@lru_cache(maxsize=8192)
def int_array(values: tuple[int, ...]) -> DenseArrayBase[Any]:
    """`array<i64: values>`, one object per value."""
    return DenseArrayBase.from_list(i64, values)


@lru_cache(maxsize=1024)
def segment_sizes(*sizes: int) -> DenseArrayBase[Any]:
    """The property `operandSegmentSizes`, one object per value."""
    return DenseArrayBase.from_list(i32, sizes)


def int_tuple(attribute: Attribute | None) -> tuple[int, ...]:
    """The numbers in `array<i64: …>`; none if there is no attribute."""
    return tuple(cast(DenseArrayBase[Any], attribute).get_values()) if attribute is not None else ()


@lru_cache(maxsize=8192)
def affine_map(num_dims: int, results: tuple[AffineExpr, ...]) -> AffineMapAttr:
    """The attribute of `(d0, …) -> (results)`, one object per map."""
    return AffineMapAttr(AffineMap(num_dims, 0, results))


@lru_cache(maxsize=8192)
def dims_map(num_dims: int, dims: tuple[int, ...]) -> AffineMapAttr:
    """The attribute of `(d0, …) -> (d_i for i in dims)`."""
    return affine_map(num_dims, tuple(AffineExpr.dimension(d) for d in dims))
