"""Complex tensors and their parts: `complex`, `real`, `imag`, `conj`; `interleave` and `deinterleave` are how they lie in memory.

Derivatives follow JAX. Tangents are complex; transposes are without conjugation: the adjoint of `real` is `complex(ct, 0)`, that of
`imag` is `complex(0, -ct)`. So the gradient of a real function `f(x + i y)` is `df/dx - i df/dy`.
"""

from collections.abc import Sequence
from typing import Any, ClassVar, cast

import numpy as np
from xdsl.dialects.builtin import ComplexType, IntegerAttr, TensorType, f32, f64, i64
from xdsl.ir import Attribute, SSAValue
from xdsl.ir.affine import AffineExpr
from xdsl.irdl import VarConstraint, base, irdl_op_definition, operand_def, prop_def, result_def
from xdsl.utils.exceptions import VerifyException

from dialects.builder import OpBuilder, affine_map, tensor_type
from dialects.dlc.arithmetic import neg
from dialects.dlc.constants import full, splat_value, zeros
from dialects.dlc.elementwise import ElementwiseOp, UnaryOp, expect_kind, expect_same_type
from dialects.dlc.interfaces import (
    AnyTensor,
    Array,
    Properties,
    TensorOp,
    element_type_of,
    is_complex,
    part_type,
    tensor_type_of,
)
from dialects.dlc.scalars import scalar_compare, scalar_select
from dialects.dlc.shape import stacked
from dialects.structured import PARALLEL, build_copy, build_empty, build_generic, build_loop_index


class _OnComplexOp(ElementwiseOp):
    """An operation with complex operands or results, which `split-complex` replaces before anything is lowered."""

    def scalar(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue:
        """Never asked."""
        del b, operands
        raise AssertionError(f"{self.name}: complex numbers have no scalar form; run split-complex first")


class _PartOp(_OnComplexOp):
    """A part of a complex tensor, of half its element type."""

    operand = operand_def(TensorType)

    assembly_format = "$operand attr-dict `:` type($operand) `->` type($result)"

    @classmethod
    def infer_type(cls, operand_types: Sequence[AnyTensor], properties: Properties) -> AnyTensor:
        """The operand's shape, of the floating-point type of its parts."""
        del properties
        (operand_type,) = operand_types
        expect_kind(cls.name, 0, operand_type, "complex")
        return tensor_type(part_type(operand_type.element_type), operand_type.get_shape())


@irdl_op_definition
class RealOp(_PartOp):
    """`result[i]` = the real part of `operand[i]`."""

    name = "dlc.real"

    UFUNC: ClassVar = np.real

    def jvp(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> SSAValue | None:
        """Linear."""
        (dx,) = tangents
        return None if dx is None else real(b, dx)

    def transpose(self, b: OpBuilder, cotangent: SSAValue, linear: Sequence[bool]) -> Sequence[SSAValue | None]:
        """The cotangent as a complex number."""
        del linear
        return (complex_(b, cotangent, zeros(b, tensor_type_of(cotangent))),)

    def simplify(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue | None:
        """`real(complex(x, y))` = `x`; `real(conj(z))` = `real(z)`."""
        (x,) = operands
        if isinstance(x.owner, ComplexOp):
            return x.owner.lhs
        return real(b, x.owner.operand) if isinstance(x.owner, ConjOp) else None


@irdl_op_definition
class ImagOp(_PartOp):
    """`result[i]` = the imaginary part of `operand[i]`."""

    name = "dlc.imag"

    UFUNC: ClassVar = np.imag

    def jvp(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> SSAValue | None:
        """Linear."""
        (dx,) = tangents
        return None if dx is None else imag(b, dx)

    def transpose(self, b: OpBuilder, cotangent: SSAValue, linear: Sequence[bool]) -> Sequence[SSAValue | None]:
        """The negative cotangent as an imaginary number."""
        del linear
        return (complex_(b, zeros(b, tensor_type_of(cotangent)), neg(b, cotangent)),)

    def simplify(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue | None:
        """`imag(complex(x, y))` = `y`; `imag(conj(z))` = `-imag(z)`."""
        (x,) = operands
        if isinstance(x.owner, ComplexOp):
            return x.owner.rhs
        return neg(b, imag(b, x.owner.operand)) if isinstance(x.owner, ConjOp) else None


def _complex(real_part: Array, imaginary_part: Array) -> Array:
    result = np.empty(np.broadcast(real_part, imaginary_part).shape, np.result_type(real_part, np.complex64))
    result.real, result.imag = real_part, imaginary_part
    return result


@irdl_op_definition
class ComplexOp(_OnComplexOp):
    """`result[i] = lhs[i] + i rhs[i]`."""

    name = "dlc.complex"

    T: ClassVar = VarConstraint("T", base(TensorType))

    lhs = operand_def(T)
    rhs = operand_def(T)

    assembly_format = "$lhs `,` $rhs attr-dict `:` type($lhs) `->` type($result)"

    UFUNC: ClassVar = _complex

    @classmethod
    def infer_type(cls, operand_types: Sequence[AnyTensor], properties: Properties) -> AnyTensor:
        """The operands' shape, of the complex type with parts of their type."""
        del properties
        lhs, rhs = operand_types
        expect_same_type(cls.name, 1, rhs, lhs)
        if lhs.element_type not in {f32, f64}:
            raise VerifyException(
                f"{cls.name}: operand 0 has type {lhs}, expected elements of f32 or f64; use dlc.convert"
            )
        return tensor_type(ComplexType(cast(Any, lhs.element_type)), lhs.get_shape())

    def jvp(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> SSAValue | None:
        """Linear in both together."""
        dx, dy = tangents
        nothing = zeros(b, tensor_type_of(self.lhs))
        return complex_(b, nothing if dx is None else dx, nothing if dy is None else dy)

    def transpose(self, b: OpBuilder, cotangent: SSAValue, linear: Sequence[bool]) -> Sequence[SSAValue | None]:
        """The real part, and the negative imaginary part."""
        return (real(b, cotangent) if linear[0] else None, neg(b, imag(b, cotangent)) if linear[1] else None)

    def simplify(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue | None:
        """`complex(real(z), imag(z))` = `z`; of constants, a constant."""
        x, y = operands
        if isinstance(x.owner, RealOp) and isinstance(y.owner, ImagOp) and x.owner.operand is y.owner.operand:
            return x.owner.operand
        numbers = splat_value(x), splat_value(y)
        if numbers[0] is None or numbers[1] is None:
            return None
        return full(b, complex(*numbers), self.result.type)  # pyright: ignore[reportArgumentType]


@irdl_op_definition
class ConjOp(UnaryOp):
    """`result[i]` = the conjugate of `operand[i]`."""

    name = "dlc.conj"

    KINDS: ClassVar[str] = "complex"
    UFUNC: ClassVar = np.conjugate

    def jvp(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> SSAValue | None:
        """Linear over the real numbers."""
        (dx,) = tangents
        return None if dx is None else conj(b, dx)

    def transpose(self, b: OpBuilder, cotangent: SSAValue, linear: Sequence[bool]) -> Sequence[SSAValue | None]:
        """Its own adjoint."""
        del linear
        return (conj(b, cotangent),)

    def simplify(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue | None:
        """`conj(conj(z))` = `z`."""
        del b
        (x,) = operands
        return x.owner.operand if isinstance(x.owner, ConjOp) else None


@irdl_op_definition
class InterleaveOp(TensorOp):
    """`result[i…, 0] = lhs[i…]`, `result[i…, 1] = rhs[i…]`: complex numbers as NumPy and C have them in memory."""

    name = "dlc.interleave"

    T: ClassVar = VarConstraint("T", base(TensorType))

    lhs = operand_def(T)
    rhs = operand_def(T)

    assembly_format = "$lhs `,` $rhs attr-dict `:` type($lhs) `->` type($result)"

    @classmethod
    def infer_type(cls, operand_types: Sequence[AnyTensor], properties: Properties) -> AnyTensor:
        """One more dimension, of size 2."""
        del properties
        lhs, rhs = operand_types
        expect_same_type(cls.name, 1, rhs, lhs)
        return tensor_type(lhs.element_type, (*lhs.get_shape(), 2))

    def evaluate(self, operands: Sequence[Array]) -> Array:
        """`np.stack` along the last axis."""
        return np.stack(operands, axis=-1)

    def simplify(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue | None:
        """Of both halves of a tensor, the tensor."""
        del b
        halves = [x.owner for x in operands]
        for index, half in enumerate(halves):
            if not isinstance(half, DeinterleaveOp) or half.index.value.data != index:
                return None
        sources = [cast(DeinterleaveOp, half).operand for half in halves]
        return sources[0] if sources[0] is sources[1] else None

    def jvp(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> SSAValue | None:
        """Linear in both together."""
        dx, dy = tangents
        nothing = zeros(b, tensor_type_of(self.lhs))
        return interleave(b, nothing if dx is None else dx, nothing if dy is None else dy)

    def transpose(self, b: OpBuilder, cotangent: SSAValue, linear: Sequence[bool]) -> Sequence[SSAValue | None]:
        """The two halves."""
        return tuple(deinterleave(b, cotangent, k) if is_linear else None for k, is_linear in enumerate(linear))

    def batch(self, b: OpBuilder, operands: Sequence[SSAValue], batched: Sequence[bool], size: int) -> SSAValue:
        """The new dimension stays in front."""
        return interleave(b, *stacked(b, operands, batched, size))

    def lower(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue:
        """One generic that chooses by the index of the last loop."""
        rank = len(self.shape)

        def body(inner: OpBuilder, arguments: tuple[SSAValue, ...]) -> Sequence[SSAValue]:
            is_first = scalar_compare(inner, "eq", build_loop_index(inner, rank - 1), inner.index(0))
            return (scalar_select(inner, is_first, arguments[0], arguments[1]),)

        empty = build_empty(b, self.result.type)
        maps = (range(rank - 1), range(rank - 1), range(rank))
        return build_generic(b, operands, (empty,), maps, (PARALLEL,) * rank, body)[0]


@irdl_op_definition
class DeinterleaveOp(TensorOp):
    """`result[i…] = operand[i…, index]`, where the last dimension of the operand has size 2."""

    name = "dlc.deinterleave"

    operand = operand_def(AnyTensor)
    index = prop_def(IntegerAttr.constr(i64))
    result = result_def(AnyTensor)

    assembly_format = "$operand `index` $index attr-dict `:` type($operand) `->` type($result)"

    @classmethod
    def infer_type(cls, operand_types: Sequence[AnyTensor], properties: Properties) -> AnyTensor:
        """The operand's type without the last dimension."""
        (operand_type,) = operand_types
        shape = operand_type.get_shape()
        number = cast(IntegerAttr[Any], properties["index"]).value.data
        if not shape or shape[-1] != 2 or number not in {0, 1}:
            raise VerifyException(
                f"{cls.name}: operand 0 has type {operand_type} and index is {number}, expected a last dimension of size 2 "
                "and 0 or 1; use dlc.slice"
            )
        return tensor_type(operand_type.element_type, shape[:-1])

    def evaluate(self, operands: Sequence[Array]) -> Array:
        """Basic indexing."""
        return np.ascontiguousarray(operands[0][..., self.index.value.data]).reshape(self.shape)

    def simplify(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue | None:
        """Of an `interleave`, its operand."""
        del b
        (x,) = operands
        return x.owner.operands[self.index.value.data] if isinstance(x.owner, InterleaveOp) else None

    def jvp(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> SSAValue | None:
        """Linear."""
        (dx,) = tangents
        return None if dx is None else deinterleave(b, dx, self.index.value.data)

    def transpose(self, b: OpBuilder, cotangent: SSAValue, linear: Sequence[bool]) -> Sequence[SSAValue | None]:
        """Interleaved with zeros."""
        del linear
        nothing = zeros(b, tensor_type_of(cotangent))
        return (interleave(b, *((nothing, cotangent) if self.index.value.data else (cotangent, nothing))),)

    def batch(self, b: OpBuilder, operands: Sequence[SSAValue], batched: Sequence[bool], size: int) -> SSAValue:
        """The same."""
        del batched, size
        return deinterleave(b, operands[0], self.index.value.data)

    def lower(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue:
        """One generic that reads every other element."""
        rank = len(self.shape)
        places = (*map(AffineExpr.dimension, range(rank)), AffineExpr.constant(self.index.value.data))
        return build_copy(b, operands[0], self.result.type, affine_map(rank, places))


def real(b: OpBuilder, x: SSAValue) -> SSAValue:
    """Append the real part of `x`; `x` itself if it is not complex."""
    return RealOp.emit(b, (x,)) if is_complex(element_type_of(x)) else x


def imag(b: OpBuilder, x: SSAValue) -> SSAValue:
    """Append the imaginary part of `x`, zeros if it is not complex."""
    return ImagOp.emit(b, (x,)) if is_complex(element_type_of(x)) else zeros(b, tensor_type_of(x))


def complex_(b: OpBuilder, x: SSAValue, y: SSAValue) -> SSAValue:
    """Append `x + i y`."""
    return ComplexOp.emit(b, (x, y))


def conj(b: OpBuilder, x: SSAValue) -> SSAValue:
    """Append the conjugate of `x`; `x` itself if it is not complex."""
    return ConjOp.emit(b, (x,)) if is_complex(element_type_of(x)) else x


def interleave(b: OpBuilder, x: SSAValue, y: SSAValue) -> SSAValue:
    """Append `x` and `y` with their elements in turn along a new last dimension."""
    return InterleaveOp.emit(b, (x, y))


def deinterleave(b: OpBuilder, x: SSAValue, index: int) -> SSAValue:
    """Append element `index` of the last dimension of `x`, which has two."""
    return DeinterleaveOp.emit(b, (x,), {"index": IntegerAttr(index, i64)})


def packed_type(complex_type: AnyTensor) -> AnyTensor:
    """The type of the interleaved parts of a complex tensor."""
    return tensor_type(part_type(complex_type.element_type), (*complex_type.get_shape(), 2))


def is_complex_tensor(value_type: Attribute) -> bool:
    """Whether a type is a tensor of complex numbers."""
    return isinstance(value_type, TensorType) and is_complex(cast(AnyTensor, value_type).element_type)
