"""Discrete Fourier transforms: `fft`, of real numbers `rfft` and `irfft`; `packed_fft` is what they are in real arithmetic.

They are linear. Transposes are without conjugation (`complex_parts.py`), so `fft` is its own: the matrix of `exp(-2 pi i j k / n)` is
symmetric. `fourier_forms.py` says what they are on parts of complex numbers.
"""

from collections.abc import Sequence
from math import prod
from typing import Any, ClassVar, cast

import numpy as np
from xdsl.dialects import arith
from xdsl.dialects.builtin import (
    I64,
    ComplexType,
    Float64Type,
    FloatAttr,
    IntegerAttr,
    StringAttr,
    UnitAttr,
    f32,
    f64,
    i64,
)
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import irdl_op_definition, operand_def, opt_prop_def, prop_def
from xdsl.utils.exceptions import VerifyException

from dialects import rt
from dialects.builder import OpBuilder, int_array, tensor_type
from dialects.dlc.arithmetic import mul
from dialects.dlc.broadcast import broadcast_in_dim
from dialects.dlc.complex_parts import conj, deinterleave
from dialects.dlc.constants import constant, dense_attribute
from dialects.dlc.elementwise import expect_kind
from dialects.dlc.interfaces import (
    DTYPES,
    AnyTensor,
    Array,
    Properties,
    TensorOp,
    element_type_of,
    part_type,
    shape_of,
)
from dialects.fourier import FourierLayout, radices_of
from dialects.reshapes import build_reshape
from dialects.structured import build_copy, build_fill

STACK_BYTES = 1 << 18
"""Up to so many bytes of scratch a row has on the stack."""

MAX_COLUMNS = 32
"""How many transforms along a dimension that is not the last are computed together."""


class _FourierOp(TensorOp):
    """A transform, which is linear in its only operand."""

    operand = operand_def(AnyTensor)
    scale = prop_def(FloatAttr[Float64Type])

    @property
    def factor(self) -> float:
        """What the sum is multiplied by."""
        return self.scale.value.data

    def jvp(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> SSAValue | None:
        """Linear."""
        (dx,) = tangents
        return None if dx is None else self.emit(b, (dx,), self.properties)

    def batch(self, b: OpBuilder, operands: Sequence[SSAValue], batched: Sequence[bool], size: int) -> SSAValue:
        """The new dimension stays in front."""
        del batched, size
        properties = dict(self.properties)
        if "dim" in properties:
            properties["dim"] = IntegerAttr(integer(properties["dim"]) + 1, i64)
        return self.emit(b, operands, properties)


class _OnComplexOp(_FourierOp):
    """A transform with complex operands or results, which `split-complex` replaces before anything is lowered."""

    def lower(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue:
        """Never asked."""
        del b, operands
        raise AssertionError(f"{self.name}: has complex numbers, which are not lowered; run split-complex first")


@irdl_op_definition
class FftOp(_OnComplexOp):
    """`result[…, k, …] = scale * sum over j of exp(-2 pi i j k / n) operand[…, j, …]` along `dim`.

    With `inverse` the sign of the exponent is positive.
    """

    name = "dlc.fft"

    dim = prop_def(IntegerAttr[I64])
    inverse = opt_prop_def(UnitAttr)

    assembly_format = (
        "(`inverse` $inverse^)? $operand `dim` $dim `scale` $scale attr-dict `:` type($operand) `->` type($result)"
    )

    @classmethod
    def infer_type(cls, operand_types: Sequence[AnyTensor], properties: Properties) -> AnyTensor:
        """The operand's type."""
        (operand_type,) = operand_types
        expect_kind(cls.name, 0, operand_type, "complex")
        _expect_points(cls.name, operand_type, integer(properties["dim"]))
        return operand_type

    def evaluate(self, operands: Sequence[Array]) -> Array:
        """`np.fft.fft`, or `np.fft.ifft` without its factor."""
        (x,) = operands
        dim = integer(self.dim)
        return _complex_transform(x, dim, self.factor, self.inverse is not None) if x.size else x

    def transpose(self, b: OpBuilder, cotangent: SSAValue, linear: Sequence[bool]) -> Sequence[SSAValue | None]:
        """Itself."""
        del linear
        return (self.emit(b, (cotangent,), self.properties),)


@irdl_op_definition
class RfftOp(_OnComplexOp):
    """`result[…, k] = scale * sum over j of exp(-2 pi i j k / n) operand[…, j]` of real numbers, for `k <= n / 2`."""

    name = "dlc.rfft"

    assembly_format = "$operand `scale` $scale attr-dict `:` type($operand) `->` type($result)"

    @classmethod
    def infer_type(cls, operand_types: Sequence[AnyTensor], properties: Properties) -> AnyTensor:
        """Complex, `n // 2 + 1` along the last dimension."""
        del properties
        (operand_type,) = operand_types
        if operand_type.element_type not in {f32, f64}:
            raise VerifyException(
                f"{cls.name}: operand 0 has type {operand_type}, expected elements of f32 or f64; use dlc.convert"
            )
        *batch, size = _expect_points(cls.name, operand_type, len(operand_type.get_shape()) - 1)
        return tensor_type(ComplexType(cast(Any, operand_type.element_type)), (*batch, size // 2 + 1))

    def evaluate(self, operands: Sequence[Array]) -> Array:
        """`np.fft.rfft`."""
        (x,) = operands
        return (np.fft.rfft(x) if x.size else np.zeros(self.shape)).astype(
            DTYPES[self.result.type.element_type]
        ) * self.factor

    def transpose(self, b: OpBuilder, cotangent: SSAValue, linear: Sequence[bool]) -> Sequence[SSAValue | None]:
        """`irfft` of the conjugate, in which all elements count twice that have a mirror image."""
        del linear
        size = shape_of(self.operand)[-1]
        halves = mul(b, conj(b, cotangent), weights(b, cotangent, size, 0.5))
        return (irfft(b, halves, size, self.factor),)


@irdl_op_definition
class IrfftOp(_OnComplexOp):
    """`result[…, j] = scale * sum over k of exp(2 pi i j k / n) x[…, k]`, where `x[…, n - k]` is the conjugate of `x[…, k]`.

    The operand holds `x[…, k]` for `k <= n / 2`, `n` being `length`; what has no mirror image counts as real.
    """

    name = "dlc.irfft"

    length = prop_def(IntegerAttr[I64])

    assembly_format = "$operand `length` $length `scale` $scale attr-dict `:` type($operand) `->` type($result)"

    @classmethod
    def infer_type(cls, operand_types: Sequence[AnyTensor], properties: Properties) -> AnyTensor:
        """Real, `length` along the last dimension."""
        (operand_type,) = operand_types
        expect_kind(cls.name, 0, operand_type, "complex")
        *batch, size = _expect_points(cls.name, operand_type, len(operand_type.get_shape()) - 1)
        length = integer(properties["length"])
        if length < 1 or length // 2 + 1 != size:
            raise VerifyException(
                f"{cls.name}: length is {length} and operand 0 has type {operand_type}, expected a last dimension of size "
                f"{max(length, 1) // 2 + 1}; use dlc.slice or dlc.pad"
            )
        return tensor_type(part_type(operand_type.element_type), (*batch, length))

    def evaluate(self, operands: Sequence[Array]) -> Array:
        """`np.fft.irfft` without its factor."""
        (x,) = operands
        dtype = DTYPES[self.result.type.element_type]
        if x.size == 0:
            return np.zeros(self.shape, dtype)
        return np.fft.irfft(x, integer(self.length), norm="forward").astype(dtype) * self.factor

    def transpose(self, b: OpBuilder, cotangent: SSAValue, linear: Sequence[bool]) -> Sequence[SSAValue | None]:
        """The conjugate of `rfft`, in which all elements count twice that have a mirror image."""
        del linear
        result = conj(b, rfft(b, cotangent, self.factor))
        return (mul(b, result, weights(b, result, integer(self.length), 2.0)),)


@irdl_op_definition
class PackedFftOp(_FourierOp):
    """A transform of complex numbers as they lie in memory: the last dimension, of size 2, has real and imaginary parts.

    `complex` is `dlc.fft` along `dim`, and `from_real` is that of a tensor of real numbers; `real` is `dlc.rfft` and `inverse_real` is
    `dlc.irfft` of `length` numbers, along the last dimension of these. There are at least two points, without a large prime factor.
    """

    name = "dlc.packed_fft"

    KINDS: ClassVar[tuple[str, ...]] = ("complex", "from_real", "real", "inverse_real")

    kind = prop_def(StringAttr)
    dim = prop_def(IntegerAttr[I64])
    inverse = opt_prop_def(UnitAttr)
    length = prop_def(IntegerAttr[I64])

    assembly_format = (
        "$kind (`inverse` $inverse^)? $operand `dim` $dim `length` $length `scale` $scale attr-dict "
        "`:` type($operand) `->` type($result)"
    )

    @classmethod
    def infer_type(cls, operand_types: Sequence[AnyTensor], properties: Properties) -> AnyTensor:
        """The operand's type, or that of the numbers on the other side."""
        (operand_type,) = operand_types
        kind, dim = cast(StringAttr, properties["kind"]).data, integer(properties["dim"])
        shape, element, length = operand_type.get_shape(), operand_type.element_type, integer(properties["length"])
        if kind not in cls.KINDS or (kind in {"real", "inverse_real"} and "inverse" in properties):
            kinds = ", ".join(cls.KINDS)
            raise VerifyException(
                f'{cls.name}: kind is "{kind}", expected one of {kinds}, inverse with the first two only'
            )
        if element not in {f32, f64}:
            raise VerifyException(f"{cls.name}: operand 0 has type {operand_type}, expected elements of f32 or f64")
        _expect_points(cls.name, operand_type, dim)
        is_packed = kind in {"complex", "inverse_real"}
        rank = len(shape) - is_packed
        if dim >= rank or (is_packed and shape[-1] != 2) or (kind in {"real", "inverse_real"} and dim != rank - 1):
            raise VerifyException(
                f"{cls.name}: dim is {dim} of {operand_type}, expected numbers along the last dimension"
            )
        if shape[dim] != (length // 2 + 1 if kind == "inverse_real" else length) or not has_steps(length):
            raise VerifyException(
                f"{cls.name}: length is {length} and operand 0 has type {operand_type}, expected as many points, without a "
                "large prime factor"
            )
        sizes = {
            "complex": shape,
            "from_real": (*shape, 2),
            "real": (*shape[:-1], length // 2 + 1, 2),
            "inverse_real": (*shape[:-2], length),
        }
        return tensor_type(element, sizes[kind])

    def evaluate(self, operands: Sequence[Array]) -> Array:
        """By `np.fft`."""
        (x,) = operands
        kind, dim, length = self.kind.data, integer(self.dim), integer(self.length)
        if 0 in self.shape:
            return np.zeros(self.shape, x.dtype)
        z: Any = x[..., 0] + 1j * x[..., 1] if kind in {"complex", "inverse_real"} else x
        if kind == "inverse_real":
            return (np.fft.irfft(z, length, norm="forward") * self.factor).astype(x.dtype)
        is_half = kind == "real"
        result = np.fft.rfft(z) if is_half else _complex_transform(z, dim, 1.0, self.inverse is not None)
        return (np.stack((np.real(result), np.imag(result)), -1) * self.factor).astype(x.dtype)

    def transpose(self, b: OpBuilder, cotangent: SSAValue, linear: Sequence[bool]) -> Sequence[SSAValue | None]:
        """The other direction: the matrix of real and imaginary parts is that of a conjugate transpose."""
        del linear
        dim, length = integer(self.dim), integer(self.length)
        match self.kind.data:
            case "real":
                halves = mul(b, cotangent, weights(b, cotangent, length, 0.5, dim))
                return (packed_fft(b, "inverse_real", halves, dim, length, self.factor),)
            case "inverse_real":
                result = packed_fft(b, "real", cotangent, dim, length, self.factor)
                return (mul(b, result, weights(b, result, length, 2.0, dim)),)
            case kind:
                result = packed_fft(b, "complex", cotangent, dim, length, self.factor, inverse=self.inverse is None)
                return (result if kind == "complex" else deinterleave(b, result, 0),)

    def lower(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue:
        """`rt.fft`; with the dimensions in another order where too few columns could be computed together."""
        (x,) = operands
        if 0 in self.shape:
            return build_fill(b, b.constant(0.0, self.result.type.element_type), self.result.type)
        shape, kind = shape_of(x), self.kind.data
        dim, length, element = integer(self.dim), integer(self.length), element_type_of(x)
        rows = prod(shape[:dim])
        if kind in {"real", "inverse_real"}:
            half, parts = length // 2 + 1, 1
            if length % 2 == 0 and has_steps(length // 2):
                length, parts = length // 2, 2
            sizes = [(rows, length, 1, parts), (rows, half, 1, 2)]
            source, target = sizes if kind == "real" else sizes[::-1]
            return build_reshape(b, self._build(b, build_reshape(b, x, source), kind, length, target), self.shape)
        parts = 2 if kind == "complex" else 1
        inner = prod(shape[dim + 1 :]) // parts
        x = build_reshape(b, x, (rows, length, inner, parts))
        columns = self._columns(length, inner)
        if columns >= min(inner, MAX_COLUMNS // 4):
            result = self._build(b, x, "complex", length, (rows, length, inner, 2), inner // columns)
            return build_reshape(b, result, self.shape)
        x = build_copy(b, x, tensor_type(element, (rows, inner, length, parts)), (0, 2, 1, 3))
        x = build_reshape(b, x, (rows * inner, length, 1, parts))
        result = self._build(b, x, "complex", length, (rows * inner, length, 1, 2))
        result = build_reshape(b, result, (rows, inner, length, 2))
        result = build_copy(b, result, tensor_type(element, (rows, length, inner, 2)), (0, 2, 1, 3))
        return build_reshape(b, result, self.shape)

    def _columns(self, points: int, inner: int) -> int:
        """How many columns to compute together: a divisor of `inner`."""
        limit = STACK_BYTES // (4 * points * DTYPES[self.result.type.element_type].itemsize)
        return max((d for d in range(1, min(inner, MAX_COLUMNS, limit) + 1) if inner % d == 0), default=1)

    def _build(
        self, b: OpBuilder, x: SSAValue, kind: str, points: int, target: tuple[int, ...], split: int = 1
    ) -> SSAValue:
        element = element_type_of(x)
        dtype = DTYPES[element]
        radices = radices_of(points)
        assert radices is not None, f"{points} has a large prime factor"
        layout = FourierLayout(kind, radices, shape_of(x), target, split)
        numbers = layout.plan.table(dtype)
        roots = b.create(arith.ConstantOp, (), tensor_type(element, numbers.shape), {"value": dense_attribute(numbers)})
        properties: dict[str, Attribute] = {
            "kind": StringAttr(kind),
            "radices": int_array(radices),
            "scale": self.scale,
            "parts": IntegerAttr(split, i64),
        }
        if self.inverse is not None:
            properties["inverse"] = self.inverse
        result_types = [tensor_type(element, target)]
        if layout.scratch_shape[1] * dtype.itemsize > STACK_BYTES:
            result_types.append(tensor_type(element, layout.scratch_shape))
        return b.create_op(rt.FftOp, (x, roots), result_types, properties).results[0]


def has_steps(size: int) -> bool:
    """Whether a transform of so many points goes in steps of small radices."""
    return size > 1 and radices_of(size) is not None


def _complex_transform(x: Array, dim: int, scale: float, inverse: bool) -> Array:
    return (np.fft.ifft(x, axis=dim, norm="forward") if inverse else np.fft.fft(x, axis=dim)) * scale


def integer(attribute: Any) -> int:
    """The number of an integer attribute."""
    return cast(IntegerAttr[Any], attribute).value.data


def _expect_points(name: str, operand_type: AnyTensor, dim: int) -> tuple[int, ...]:
    """The shape of an operand; raise `VerifyException` unless it has points along `dim`."""
    shape = operand_type.get_shape()
    if not 0 <= dim < len(shape):
        raise VerifyException(f"{name}: dim {dim} is not a dimension of {operand_type}")
    if shape[dim] == 0:
        raise VerifyException(f"{name}: operand 0 has type {operand_type}, expected at least one point along dim {dim}")
    return shape


def weights(b: OpBuilder, like: SSAValue, size: int, weight: float, dim: int = -1) -> SSAValue:
    """`weight` for the elements along `dim` of a transform of `size` real numbers that have a mirror image; 1 for others."""
    shape = shape_of(like)
    dim %= len(shape)
    numbers = np.full(shape[dim], weight, DTYPES[element_type_of(like)])
    numbers[0] = 1
    if size % 2 == 0:
        numbers[-1] = 1
    return broadcast_in_dim(b, constant(b, numbers), shape, (dim,))


def _properties(scale: float, **others: Any) -> dict[str, Any]:
    return {"scale": FloatAttr(scale, f64), **others}


def fft(b: OpBuilder, x: SSAValue, dim: int, scale: float = 1.0, *, inverse: bool = False) -> SSAValue:
    """Append the Fourier transform of complex `x` along `dim`, times `scale`."""
    return FftOp.emit(b, (x,), _properties(scale, dim=IntegerAttr(dim, i64), **_direction(inverse)))


def rfft(b: OpBuilder, x: SSAValue, scale: float = 1.0) -> SSAValue:
    """Append the first half of the Fourier transform of real `x` along the last dimension, times `scale`."""
    return RfftOp.emit(b, (x,), _properties(scale))


def irfft(b: OpBuilder, x: SSAValue, length: int, scale: float = 1.0) -> SSAValue:
    """Append the real numbers, `length` along the last dimension, that an inverse Fourier transform gives, times `scale`."""
    return IrfftOp.emit(b, (x,), _properties(scale, length=IntegerAttr(length, i64)))


def packed_fft(
    b: OpBuilder, kind: str, x: SSAValue, dim: int, length: int, scale: float = 1.0, *, inverse: bool = False
) -> SSAValue:
    """Append a `dlc.packed_fft`."""
    places = {"dim": IntegerAttr(dim, i64), "length": IntegerAttr(length, i64)}
    return PackedFftOp.emit(b, (x,), _properties(scale, kind=StringAttr(kind), **places, **_direction(inverse)))


def _direction(inverse: bool) -> dict[str, Any]:
    return {"inverse": UnitAttr()} if inverse else {}
