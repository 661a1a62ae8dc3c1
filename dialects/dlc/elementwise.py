"""What all elementwise operations share: one scalar formula applied at every position.

A subclass says its formula twice: `UFUNC` for NumPy and `scalar` in `arith` and `math`.
"""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np
from xdsl.dialects import arith
from xdsl.dialects.builtin import DenseIntOrFPElementsAttr, TensorType, i1
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.irdl import VarConstraint, base, operand_def, result_def
from xdsl.utils.exceptions import VerifyException

from dialects.builder import OpBuilder, tensor_type
from dialects.dlc.broadcast import broadcast_in_dim, broadcast_scalar
from dialects.dlc.constants import array_of
from dialects.dlc.interfaces import (
    AnyTensor,
    Array,
    ElementTypeError,
    Properties,
    TensorOp,
    computed,
    dtype_of,
    element_type_of,
    is_bool,
    is_complex,
    is_float,
    shape_of,
)
from dialects.structured import PARALLEL, build_empty, build_generic, cast_float, compute_type


class ElementwiseOp(TensorOp):
    """`result[i] = f(operands[i]…)`, where an operand that is 0-d counts as broadcast."""

    UFUNC: ClassVar[Callable[..., Any]]
    """`f` in NumPy, on whole arrays."""

    def evaluate(self, operands: Sequence[Array]) -> Array:
        """`UFUNC` of the operands; of those in `f16` and `bf16`, in `f32`."""
        with np.errstate(all="ignore"):
            return np.asarray(type(self).UFUNC(*map(computed, operands))).astype(dtype_of(self.result.type))

    def batch(self, b: OpBuilder, operands: Sequence[SSAValue], batched: Sequence[bool], size: int) -> SSAValue:
        """The same operation; operands that are not batched are repeated, 0-d ones as far as need be."""
        shape = (size, *self.shape)
        aligned: list[SSAValue] = []
        for own, value, is_batched in zip(self.operands, operands, batched, strict=True):
            rank = len(shape_of(own))
            if is_batched:
                aligned.append(broadcast_in_dim(b, value, shape, range(rank + 1)))
            elif rank == 0 and self.shape:
                aligned.append(value)
            else:
                aligned.append(broadcast_in_dim(b, value, shape, range(1, rank + 1)))
        return self.emit(b, aligned, self.properties)

    def lower(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue:
        """One generic with identity maps; splat constants become constants of its body.

        Elements of `f16` and `bf16` are computed with in `f32`, and the result is rounded.
        """
        rank = len(self.shape)
        scalars = [_splat_scalar(value) for value in operands]
        inputs = [value for value, scalar in zip(operands, scalars, strict=True) if scalar is None]

        def body(inner: OpBuilder, arguments: tuple[SSAValue, ...]) -> Sequence[SSAValue]:
            rest = iter(arguments)
            elements: list[SSAValue] = []
            for value, scalar in zip(operands, scalars, strict=True):
                element_type = self.body_type(element_type_of(value))
                if scalar is None:
                    elements.append(cast_float(inner, next(rest), element_type))
                else:
                    elements.append(inner.constant(scalar, element_type))
            return (cast_float(inner, self.scalar(inner, elements), self.result.type.element_type),)

        maps = [range(len(shape_of(value))) for value in inputs]
        empty = build_empty(b, self.result.type)
        return build_generic(b, inputs, (empty,), (*maps, range(rank)), (PARALLEL,) * rank, body)[0]

    def body_type(self, element_type: Attribute) -> Attribute:
        """The type that `scalar` gets elements of `element_type` in."""
        return compute_type(element_type)

    @abstractmethod
    def scalar(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue:
        """Build `f` on scalars in `arith` and `math`."""


class UnaryOp(ElementwiseOp):
    """`result[i] = f(operand[i])`, of the operand's type."""

    T: ClassVar = VarConstraint("T", base(TensorType))

    operand = operand_def(T)
    result = result_def(T)

    assembly_format = "$operand attr-dict `:` type($operand)"

    KINDS: ClassVar[str] = "float"
    """The kinds of elements that the operation takes: some of `float`, `complex`, `int`, `bool`."""

    MATH_OP: ClassVar[type[Operation]]
    """The scalar operation that is `f` for floating-point elements, unless `scalar` is overridden."""

    @classmethod
    def infer_type(cls, operand_types: Sequence[AnyTensor], properties: Properties) -> AnyTensor:
        """The operand's type."""
        del properties
        (operand_type,) = operand_types
        expect_kind(cls.name, 0, operand_type, cls.KINDS)
        return operand_type

    def scalar(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue:
        """`MATH_OP` of the operand."""
        return b.create(self.MATH_OP, operands, operands[0].type)


class BinaryOp(ElementwiseOp):
    """`result[i] = f(lhs[i], rhs[i])`, all of one type."""

    T: ClassVar = VarConstraint("T", base(TensorType))

    lhs = operand_def(T)
    rhs = operand_def(T)
    result = result_def(T)

    assembly_format = "$lhs `,` $rhs attr-dict `:` type($lhs)"

    KINDS: ClassVar[str] = "float or int"
    """The kinds of elements that the operation takes: some of `float`, `complex`, `int`, `bool`."""

    FLOAT_OP: ClassVar[type[Operation]]
    """The scalar operation that is `f` for floating-point elements, unless `scalar` is overridden."""

    INT_OP: ClassVar[type[Operation]]
    """The scalar operation that is `f` for integers."""

    @classmethod
    def infer_type(cls, operand_types: Sequence[AnyTensor], properties: Properties) -> AnyTensor:
        """The common type of both operands."""
        del properties
        lhs, rhs = operand_types
        expect_same_type(cls.name, 1, rhs, lhs)
        expect_kind(cls.name, 0, lhs, cls.KINDS)
        return lhs

    def scalar(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue:
        """`FLOAT_OP` or `INT_OP` of the operands."""
        x, y = operands
        return b.create(self.FLOAT_OP if is_float(x.type) else self.INT_OP, (x, y), x.type)


def expect_same_type(name: str, index: int, actual: AnyTensor, expected: AnyTensor) -> None:
    """Raise `VerifyException` unless operand `index` has the type `expected` of operand 0."""
    if actual == expected:
        return
    advice = "dlc.broadcast_in_dim to align the shapes"
    if actual.element_type != expected.element_type:
        advice = "dlc.convert to align the element types"
    raise VerifyException(f"{name}: operand {index} has type {actual}, expected {expected} as operand 0; use {advice}")


def expect_kind(name: str, index: int, actual: AnyTensor, kinds: str) -> None:
    """Raise `VerifyException` unless the elements of operand `index` are of one of `kinds`."""
    dtype_of(actual)
    element = actual.element_type
    kind = "float" if is_float(element) else "bool" if is_bool(element) else "int"
    kind = "complex" if is_complex(element) else kind
    if kind not in kinds:
        raise ElementTypeError(
            f"{name}: operand {index} has type {actual}, expected elements of kind {kinds}; {_ADVICE[kind]}"
        )


_ADVICE = {
    "int": "use dlc.convert to f32 or f64",
    "bool": "use dlc.convert, or dlc.and, dlc.or and dlc.xor for logic",
    "float": "use dlc.convert to i32, i64 or i1",
    "complex": "use dlc.real and dlc.imag",
}


def mask_type(operand_type: AnyTensor) -> AnyTensor:
    """The type with the same shape and elements of `i1`."""
    return tensor_type(i1, operand_type.get_shape())


def broadcast_like(b: OpBuilder, x: SSAValue, other: SSAValue) -> SSAValue:
    """`x`, which is 0-d or has the shape of `other`, with the shape of `other`."""
    return broadcast_scalar(b, x, shape_of(other))


def _splat_scalar(value: SSAValue) -> bool | int | float | None:
    owner = value.owner
    if not isinstance(owner, arith.ConstantOp) or not isinstance(owner.value, DenseIntOrFPElementsAttr):
        return None
    array = array_of(owner.value)
    if array.size == 0 or len(owner.value.data.data) != array.itemsize:
        return None
    return array.reshape(-1)[0].item()
