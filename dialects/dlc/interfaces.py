"""The facets that every tensor operation of `dlc` has.

A facet answers one question that a compiler stage asks of an operation. Passes over `dlc` are generic drivers that
depend on this module and never on a concrete operation, so adding an operation touches no pass.

| facet | question | asked by |
|---|---|---|
| `infer_type` | what type has the result, if the operands are right? | the builder, the verifier |
| `evaluate` | what is the value, in NumPy? | the reference interpreter, constant folding, every test |
| `simplify` | is there a simpler form of the same value? | `simplify-dlc` |
| `jvp` | how does the result move when the operands move? | `differentiate` |
| `transpose` | the adjoint, where the operation is linear in an operand | `differentiate` |
| `batch` | the same on operands with one more leading dimension | `batch` |
| `lower` | the same in linalg, of real tensors | `convert-dlc-to-linalg` |

Operations with one result (`TensorOp`) answer these; one with several (`PureOp`) answers `infer_types`, `evaluate_all`, `jvp_all`
and so on, with one entry per result. Drivers ask these of both. What an operation is on complex tensors is said in `complex_forms.py`.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, TypeAlias, cast

import numpy as np
from ml_dtypes import bfloat16
from numpy.typing import NDArray
from xdsl.dialects.builtin import (
    BFloat16Type,
    ComplexType,
    DenseArrayBase,
    Float16Type,
    Float32Type,
    Float64Type,
    IntegerType,
    Signedness,
    TensorType,
    bf16,
    f16,
    f32,
    f64,
    i1,
    i8,
    i16,
    i32,
    i64,
)
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import IRDLOperation, VarOperandDef, result_def, traits_def
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException

from dialects.builder import OpBuilder

Array: TypeAlias = NDArray[Any]
AnyTensor: TypeAlias = TensorType[Attribute]
Properties: TypeAlias = Mapping[str, Attribute]

ELEMENT_TYPES: dict[np.dtype[Any], Attribute] = {
    np.dtype(np.bool_): i1,
    np.dtype(np.int8): i8,
    np.dtype(np.int16): i16,
    np.dtype(np.int32): i32,
    np.dtype(np.int64): i64,
    np.dtype(np.uint8): IntegerType(8, Signedness.UNSIGNED),
    np.dtype(np.uint16): IntegerType(16, Signedness.UNSIGNED),
    np.dtype(np.uint32): IntegerType(32, Signedness.UNSIGNED),
    np.dtype(np.uint64): IntegerType(64, Signedness.UNSIGNED),
    np.dtype(np.float16): f16,
    np.dtype(bfloat16): bf16,
    np.dtype(np.float32): f32,
    np.dtype(np.float64): f64,
    np.dtype(np.complex64): ComplexType(f32),
    np.dtype(np.complex128): ComplexType(f64),
}
"""The element types of `dlc` tensors, by NumPy dtype."""

DTYPES: dict[Attribute, np.dtype[Any]] = {element: dtype for dtype, element in ELEMENT_TYPES.items()}


class ElementTypeError(VerifyException):
    """An operand has elements of a kind that the operation does not take; its shape may be right."""


class PureOp(IRDLOperation, ABC):
    """A pure operation on tensors with static shapes. What it is asked for, it answers with one entry per result.

    Most operations have one result and are a `TensorOp`; factorizations have several.
    """

    NO_DERIVATIVE: ClassVar[str] = ""
    """Why the derivative is zero everywhere it exists; empty for operations that have a `jvp`."""

    traits = traits_def(Pure())

    def __init__(self, operands: Sequence[SSAValue], properties: Properties | None = None):
        properties = dict(properties or {})
        result_types = self.infer_types(tensor_types(operands), properties)
        definitions = self.get_irdl_definition().operands
        grouped: list[SSAValue | Sequence[SSAValue]] = list(operands)
        if definitions and isinstance(definitions[-1][1], VarOperandDef):
            fixed = len(definitions) - 1
            grouped[fixed:] = [operands[fixed:]]
        super().__init__(operands=grouped, properties=properties, result_types=result_types)

    @classmethod
    def emit_all(
        cls, b: OpBuilder, operands: Sequence[SSAValue], properties: Properties | None = None
    ) -> Sequence[SSAValue]:
        """Append the operation to `b` and return its results.

        Raises `VerifyException` if `infer_types` does. `b` may answer with existing values.
        """
        result_types = cls.infer_types(tensor_types(operands), properties or {})
        return b.create_op(cls, operands, result_types, dict(properties or {})).results

    def verify_(self) -> None:
        """Accept exactly the result types that `infer_types` gives."""
        expected = self.infer_types(tensor_types(self.operands), self.properties)
        for result, result_type in zip(self.results, expected, strict=True):
            if result.type != result_type:
                raise VerifyException(f"{self.name}: result has type {result.type}, expected {result_type}")

    @property
    def no_derivative(self) -> str:
        """Why the derivative is zero everywhere it exists; empty for operations that have a `jvp`."""
        return self.NO_DERIVATIVE

    @classmethod
    @abstractmethod
    def infer_types(cls, operand_types: Sequence[AnyTensor], properties: Properties) -> tuple[AnyTensor, ...]:
        """Return the result types; raise `VerifyException` if the operands or properties are wrong."""

    @abstractmethod
    def evaluate_all(self, operands: Sequence[Array]) -> Sequence[Array]:
        """Return the reference values, arrays with the results' shapes and dtypes; mutate nothing."""

    def jvp_all(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> Sequence[SSAValue | None]:
        """Return the tangent of each result; `None` stands for zero.

        `tangents` has one entry per operand, at least one not `None`; none for operands that are not
        floating point. The operation itself stands in `b` already: `self.operands` and `self.results` may be used.
        """
        del b, tangents
        assert self.NO_DERIVATIVE, f"{self.name}: has neither a jvp nor a reason not to"
        return (None,) * len(self.results)

    def transpose_all(
        self, b: OpBuilder, cotangents: Sequence[SSAValue | None], linear: Sequence[bool]
    ) -> Sequence[SSAValue | None]:
        """Return one cotangent per operand, of one per result; `None` where `linear` is false or the cotangent is zero.

        `linear[i]` says that operand `i` carries a tangent; in these operands together the operation is linear.
        Operands that are not linear may be used.
        """
        del b, cotangents, linear
        raise AssertionError(f"{self.name}: is not linear in any operand")

    @abstractmethod
    def batch_all(
        self, b: OpBuilder, operands: Sequence[SSAValue], batched: Sequence[bool], size: int
    ) -> Sequence[SSAValue]:
        """Return the results for a batch, stacked along a new leading dimension of extent `size`.

        `self` is the unbatched operation; `operands[i]` has the extra leading dimension where `batched[i]`, which
        holds for at least one.
        """

    @abstractmethod
    def lower_all(self, b: OpBuilder, operands: Sequence[SSAValue]) -> Sequence[SSAValue]:
        """Build the form of this operation in linalg on tensors. Of a result that nothing reads, any value will do."""


class TensorOp(PureOp):
    """A pure operation on tensors with static shapes and one result."""

    result = result_def(AnyTensor)

    @classmethod
    def emit(cls, b: OpBuilder, operands: Sequence[SSAValue], properties: Properties | None = None) -> SSAValue:
        """Append the operation to `b` and return its result.

        Raises `VerifyException` if `infer_type` does. `b` may answer with an existing or simpler value. (The name
        `build` belongs to xDSL's parser.)
        """
        result_type = cls.infer_type(tensor_types(operands), properties or {})
        return b.create(cls, operands, result_type, dict(properties or {}))

    @classmethod
    def emit_all(
        cls, b: OpBuilder, operands: Sequence[SSAValue], properties: Properties | None = None
    ) -> Sequence[SSAValue]:
        """Append the operation to `b` and return its only result."""
        return (cls.emit(b, operands, properties),)

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes of the result."""
        return self.result.type.get_shape()

    @classmethod
    @abstractmethod
    def infer_type(cls, operand_types: Sequence[AnyTensor], properties: Properties) -> AnyTensor:
        """Return the result type; raise `VerifyException` if the operands or properties are wrong."""

    @abstractmethod
    def evaluate(self, operands: Sequence[Array]) -> Array:
        """Return the reference value, an array with the result's shape and dtype; mutate nothing."""

    def simplify(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue | None:
        """Return a simpler value equal to this operation on `operands` (built in `b` if need be), or `None`."""
        del b, operands
        return None

    def jvp(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> SSAValue | None:
        """Return the tangent of the result; see `PureOp.jvp_all`."""
        (tangent,) = super().jvp_all(b, tangents)
        return tangent

    def transpose(self, b: OpBuilder, cotangent: SSAValue, linear: Sequence[bool]) -> Sequence[SSAValue | None]:
        """Return one cotangent per operand; see `PureOp.transpose_all`."""
        return super().transpose_all(b, (cotangent,), linear)

    @abstractmethod
    def batch(self, b: OpBuilder, operands: Sequence[SSAValue], batched: Sequence[bool], size: int) -> SSAValue:
        """Return the result for a batch; see `PureOp.batch_all`."""

    @abstractmethod
    def lower(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue:
        """Build the form of this operation in linalg on tensors."""

    @classmethod
    def infer_types(cls, operand_types: Sequence[AnyTensor], properties: Properties) -> tuple[AnyTensor, ...]:
        """The result type."""
        return (cls.infer_type(operand_types, properties),)

    def evaluate_all(self, operands: Sequence[Array]) -> Sequence[Array]:
        """The value of the result."""
        return (self.evaluate(operands),)

    def jvp_all(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> Sequence[SSAValue | None]:
        """The tangent of the result."""
        return (self.jvp(b, tangents),)

    def transpose_all(
        self, b: OpBuilder, cotangents: Sequence[SSAValue | None], linear: Sequence[bool]
    ) -> Sequence[SSAValue | None]:
        """The cotangents of the operands."""
        (cotangent,) = cotangents
        assert cotangent is not None, f"{self.name}: the transpose of a zero cotangent is zero"
        return self.transpose(b, cotangent, linear)

    def batch_all(
        self, b: OpBuilder, operands: Sequence[SSAValue], batched: Sequence[bool], size: int
    ) -> Sequence[SSAValue]:
        """The result for a batch."""
        return (self.batch(b, operands, batched, size),)

    def lower_all(self, b: OpBuilder, operands: Sequence[SSAValue]) -> Sequence[SSAValue]:
        """The form of the result."""
        return (self.lower(b, operands),)


def tensor_types(values: Sequence[SSAValue]) -> tuple[AnyTensor, ...]:
    """Return the types of `values`; raise `VerifyException` unless all are tensors of static shape."""
    types = tuple(value.type for value in values)
    for i, operand_type in enumerate(types):
        if not isinstance(operand_type, TensorType):
            raise VerifyException(f"operand {i} has type {operand_type}, expected a tensor")
    return cast(tuple[AnyTensor, ...], types)


def tensor_type_of(value: SSAValue) -> AnyTensor:
    """The type of a value that is known to be a tensor."""
    value_type: Attribute = value.type
    assert isinstance(value_type, TensorType), f"{value_type} is not a tensor type"
    return cast(AnyTensor, value_type)


def shape_of(value: SSAValue) -> tuple[int, ...]:
    """The sizes of a value that is known to be a tensor."""
    return tensor_type_of(value).get_shape()


def element_type_of(value: SSAValue) -> Attribute:
    """The element type of a value that is known to be a tensor."""
    return tensor_type_of(value).element_type


def dtype_of(tensor: AnyTensor) -> np.dtype[Any]:
    """The NumPy dtype of a tensor type; raise `VerifyException` for an element type that `dlc` has not."""
    dtype = DTYPES.get(tensor.element_type)
    if dtype is None:
        known = ", ".join(str(element) for element in DTYPES)
        raise VerifyException(f"element type {tensor.element_type} is not supported; use one of {known}")
    return dtype


def is_float(element_type: Attribute) -> bool:
    """Whether a type is a floating-point type, real or complex, which is what derivatives exist for."""
    return isinstance(element_type, Float32Type | Float64Type | Float16Type | BFloat16Type | ComplexType)


def is_complex(element_type: Attribute) -> bool:
    """Whether a type is a complex type."""
    return isinstance(element_type, ComplexType)


def expect_order(name: str, operand_type: AnyTensor) -> None:
    """Raise `VerifyException` if the elements of an operand are complex, which have no order."""
    if is_complex(operand_type.element_type):
        raise ElementTypeError(
            f"{name}: operand has type {operand_type}; complex numbers have no order: use their real parts or sizes"
        )


def part_type(element_type: Attribute) -> Attribute:
    """The floating-point type of the parts of a complex type."""
    assert isinstance(element_type, ComplexType), f"{element_type} has no parts"
    return cast(Attribute, cast(Any, element_type).element_type)


def is_half(element_type: Attribute) -> bool:
    """Whether a type is `f16` or `bf16`, which are stored but not computed with."""
    return isinstance(element_type, Float16Type | BFloat16Type)


def computed(x: Array) -> Array:
    """`x` in the dtype that its elements are computed in."""
    return x.astype(np.float32) if is_half(ELEMENT_TYPES[x.dtype]) else x


def dtype_kind(dtype: np.dtype[Any]) -> str:
    """`dtype.kind`, but `f` also for bfloat16, which NumPy does not know to be a float."""
    return "f" if dtype == bfloat16 else dtype.kind


def is_bool(element_type: Attribute) -> bool:
    """Whether a type is `i1`."""
    return element_type == i1


def is_unsigned(element_type: Attribute) -> bool:
    """Whether a type is an integer type without a sign: `ui8` to `ui64`."""
    return isinstance(element_type, IntegerType) and cast(Any, element_type).signedness.data == Signedness.UNSIGNED


def is_integer(element_type: Attribute) -> bool:
    """Whether a type is an integer type of any width and sign; `i1` is none."""
    return isinstance(element_type, IntegerType) and not is_bool(cast(Attribute, element_type))


def ints(attribute: Attribute) -> tuple[int, ...]:
    """The integers of a dense array attribute."""
    assert isinstance(attribute, DenseArrayBase)
    return tuple(cast("Sequence[int]", attribute.get_values()))
