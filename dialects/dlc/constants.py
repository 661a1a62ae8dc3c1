"""Tensors that depend on no operand: `dlc.constant` and `dlc.iota`.

A constant whose elements are all equal (a splat) holds one element, whatever its shape, so the scalars that broadcasting
spreads cost nothing.
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, ClassVar, Self, cast

import numpy as np
from xdsl.dialects import arith
from xdsl.dialects.builtin import (
    BytesAttr,
    DenseIntOrFPElementsAttr,
    FloatAttr,
    IntegerAttr,
    TensorType,
    i64,
)
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import AnyAttr, ParamAttrConstraint, VarConstraint, base, irdl_op_definition, prop_def, result_def
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.utils.exceptions import VerifyException

from dialects.builder import OpBuilder, constant_attribute
from dialects.dlc.interfaces import (
    DTYPES,
    ELEMENT_TYPES,
    AnyTensor,
    Array,
    Properties,
    TensorOp,
    dtype_of,
    is_bool,
    is_complex,
    is_float,
)
from dialects.structured import (
    PARALLEL,
    build_empty,
    build_generic,
    build_loop_index,
    cast_float,
    compute_type,
)


class NullaryOp(TensorOp):
    """An operation without operands."""

    NO_DERIVATIVE: ClassVar[str] = "it has no operand"

    def batch(self, b: OpBuilder, operands: Sequence[SSAValue], batched: Sequence[bool], size: int) -> SSAValue:
        """Never asked: there is no operand that could be batched."""
        del b, operands, batched, size
        raise AssertionError(f"{self.name}: has no operand to batch")


@irdl_op_definition
class ConstantOp(NullaryOp):
    """`result = value`."""

    name = "dlc.constant"

    T: ClassVar = VarConstraint("T", base(TensorType))

    value = prop_def(ParamAttrConstraint(DenseIntOrFPElementsAttr, (T, AnyAttr())))
    result = result_def(T)

    @classmethod
    def infer_type(cls, operand_types: Sequence[AnyTensor], properties: Properties) -> AnyTensor:
        """The type of `value`, which holds one element (a splat) or all."""
        _expect_no_operand(cls.name, operand_types)
        value = cast(DenseIntOrFPElementsAttr[Any], properties["value"])
        result_type = cast(AnyTensor, value.type)
        itemsize = dtype_of(result_type).itemsize
        size = math.prod(result_type.get_shape())
        if len(value.data.data) not in {itemsize * min(size, 1), itemsize * size}:
            raise VerifyException(
                f"{cls.name}: value holds {len(value.data.data)} bytes, expected {itemsize * size} for {result_type}"
            )
        return result_type

    def evaluate(self, operands: Sequence[Array]) -> Array:
        """The elements of `value`, read only."""
        del operands
        return array_of(self.value)

    def lower(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue:
        """`arith.constant` of a tensor; a splat stays a splat."""
        del operands
        return b.create(arith.ConstantOp, (), self.result.type, {"value": self.value})

    def print(self, printer: Printer) -> None:
        """Print as `dlc.constant dense<1.0> : tensor<4xf32>`."""
        printer.print_string(" ")
        printer.print_attribute(self.value)
        printer.print_op_attributes(self.attributes)

    @classmethod
    def parse(cls, parser: Parser) -> Self:
        """Parse what `print` prints."""
        position = parser.pos
        value = parser.parse_attribute()
        if not isinstance(value, DenseIntOrFPElementsAttr):
            parser.raise_error(f"{cls.name}: expected dense<…> : tensor<…>, got {value}", position)
        value = cast(DenseIntOrFPElementsAttr[Any], value)
        value_type = cast(Attribute, value.type)
        # What is no tensor of our element types is left to the verifier.
        if isinstance(value_type, TensorType) and cast(AnyTensor, value_type).element_type in DTYPES:
            value = dense_attribute(array_of(value))
        attributes = parser.parse_optional_attr_dict()
        result_types: list[Attribute] = [value_type]
        return cls.create(result_types=result_types, properties={"value": value}, attributes=attributes)


@irdl_op_definition
class IotaOp(NullaryOp):
    """`result[i0, i1, …] = i_dim`."""

    name = "dlc.iota"

    T: ClassVar = VarConstraint("T", base(TensorType))

    dim = prop_def(IntegerAttr.constr(i64))
    output = prop_def(T)
    result = result_def(T)

    assembly_format = "`dim` $dim attr-dict `:` $output"

    @classmethod
    def infer_type(cls, operand_types: Sequence[AnyTensor], properties: Properties) -> AnyTensor:
        """The type given by `output`, which has a dimension `dim` and no bool elements."""
        _expect_no_operand(cls.name, operand_types)
        output = cast(AnyTensor, properties["output"])
        dim = cast(IntegerAttr[Any], properties["dim"]).value.data
        dtype_of(output)
        if is_bool(output.element_type):
            raise VerifyException(f"{cls.name}: element type i1 does not count; use dlc.convert on an iota of i64")
        if is_complex(output.element_type):
            raise VerifyException(f"{cls.name}: element type {output.element_type} does not count; use dlc.convert")
        if not 0 <= dim < len(output.get_shape()):
            raise VerifyException(f"{cls.name}: dim {dim} is not a dimension of {output}")
        return output

    def evaluate(self, operands: Sequence[Array]) -> Array:
        """Positions along `dim`."""
        del operands
        dim = self.dim.value.data
        counts = np.arange(self.shape[dim]).astype(dtype_of(self.result.type))
        return np.broadcast_to(counts.reshape([-1 if i == dim else 1 for i in range(len(self.shape))]), self.shape)

    def simplify(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue | None:
        """`iota` along a dimension of size 0 or 1 is zero everywhere."""
        del operands
        return zeros(b, self.result.type) if self.shape[self.dim.value.data] <= 1 else None

    def lower(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue:
        """A generic without inputs, of `linalg.index`."""
        del operands
        result_type = self.result.type
        element = result_type.element_type
        rank = len(self.shape)

        def body(inner: OpBuilder, arguments: tuple[SSAValue, ...]) -> Sequence[SSAValue]:
            del arguments
            index = build_loop_index(inner, self.dim.value.data)
            integer_type = i64 if is_float(element) else element
            integer = inner.create(arith.IndexCastOp, (index,), integer_type)  # drops high bits: counts wrap around
            if not is_float(element):
                return (integer,)
            wide = compute_type(element)
            return (cast_float(inner, inner.create(arith.SIToFPOp, (integer,), wide), element),)

        return build_generic(b, (), (build_empty(b, result_type),), (range(rank),), (PARALLEL,) * rank, body)[0]


def constant(b: OpBuilder, array: Array) -> SSAValue:
    """Append a constant with the elements of `array`, whose dtype must be one of `dlc`'s."""
    return ConstantOp.emit(b, (), {"value": dense_attribute(array)})


def full(b: OpBuilder, value: complex, tensor_type: AnyTensor) -> SSAValue:
    """Append a constant of `tensor_type` with `value` everywhere; integers wrap around."""
    return b.create(ConstantOp, (), tensor_type, {"value": _splat_attribute(value, str(value), tensor_type)})


def zeros(b: OpBuilder, tensor_type: AnyTensor) -> SSAValue:
    """Append a constant of `tensor_type` with zero (or false) everywhere."""
    return full(b, 0, tensor_type)


def iota(b: OpBuilder, tensor_type: AnyTensor, dim: int) -> SSAValue:
    """Append a tensor that holds each element's position along `dim`."""
    return IotaOp.emit(b, (), {"dim": IntegerAttr(dim, i64), "output": tensor_type})


def splat_value(value: SSAValue) -> Any:
    """The number that every element of `value` is, if it is a splat constant (and not empty); else `None`.

    A bool, int, float or complex of Python.
    """
    owner = value.owner
    if not isinstance(owner, ConstantOp):
        return None
    data = owner.value.data.data
    dtype = dtype_of(owner.result.type)
    if len(data) != dtype.itemsize:
        return None
    return np.frombuffer(data, dtype)[0].item()


def is_splat(value: SSAValue, number: float) -> bool:
    """Whether `value` is a constant with the real `number` everywhere; -0.0 and 0.0 differ."""
    splat = splat_value(value)
    if isinstance(splat, complex):
        return False
    return splat is not None and splat == number and math.copysign(1, splat) == math.copysign(1, number)


def array_of(value: DenseIntOrFPElementsAttr[Any]) -> Array:
    """The elements of a dense attribute as a read-only array of its type's shape and dtype."""
    tensor_type = cast(AnyTensor, value.type)
    dtype = dtype_of(tensor_type)
    flat = np.frombuffer(value.data.data, np.int8 if dtype == np.bool_ else dtype)
    if dtype == np.bool_:
        flat = flat != 0  # xDSL's parser stores true as -1
    shape = tensor_type.get_shape()
    return flat.reshape(shape) if flat.size == math.prod(shape) else np.broadcast_to(flat[0], shape)


def dense_attribute(array: Array) -> DenseIntOrFPElementsAttr[Any]:
    """The attribute that holds `array`; elements that are all equal, bit by bit, become one."""
    array = np.asarray(array)
    element = ELEMENT_TYPES.get(array.dtype)
    if element is None:
        known = ", ".join(str(dtype) for dtype in ELEMENT_TYPES)
        raise VerifyException(f"dlc.constant: dtype {array.dtype} is not supported; use one of {known}")
    flat = np.ascontiguousarray(array).reshape(-1)
    words = flat.view(f"u{min(array.dtype.itemsize, 8)}")
    if flat.size > 1 and (words.reshape(flat.size, -1) == words[: len(words) // flat.size]).all():
        flat = flat[:1]
    return DenseIntOrFPElementsAttr(cast(Any, TensorType(element, array.shape)), BytesAttr(flat.tobytes()))


@lru_cache(maxsize=4096)
def _splat_attribute(value: complex, text: str, tensor_type: AnyTensor) -> DenseIntOrFPElementsAttr[Any]:
    del text  # part of the key: 0.0 == -0.0 and nan != nan
    element = tensor_type.element_type
    if is_complex(element):
        number: Any = value
    elif isinstance(scalar := constant_attribute(cast(float, value), element), FloatAttr):
        number = scalar.value.data
    else:
        number = cast(IntegerAttr[Any], scalar).value.data
    data = np.full(min(math.prod(tensor_type.get_shape()), 1), number).astype(dtype_of(tensor_type))
    return DenseIntOrFPElementsAttr(cast(Any, tensor_type), BytesAttr(data.tobytes()))


def _expect_no_operand(name: str, operand_types: Sequence[Attribute]) -> None:
    if operand_types:
        raise VerifyException(f"{name}: got {len(operand_types)} operands, expected none")
