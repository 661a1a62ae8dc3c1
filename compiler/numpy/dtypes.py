"""Data types: the objects, what they are, and what they become together.

The dtypes are NumPy's, so `x.dtype == np.float32` and `x.dtype == float32` both hold.
"""

import builtins
from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np

from compiler.abstract import SUPPORTED_DTYPES
from compiler.array_methods import ArrayMethods
from compiler.errors import ArgumentError, DtypeError, at_user_line
from compiler.frames import is_tracing
from compiler.numpy.calls import apply
from compiler.operands import as_tracer
from compiler.promotion import common_dtype, kind_of
from compiler.tensor import DEVICE, Tensor, check_device, plain

int8, int16, int32, int64 = (np.dtype(f"int{bits}") for bits in (8, 16, 32, 64))
uint8, uint16, uint32, uint64 = (np.dtype(f"uint{bits}") for bits in (8, 16, 32, 64))
float16, float32, float64 = (np.dtype(f"float{bits}") for bits in (16, 32, 64))
complex64, complex128 = np.dtype(np.complex64), np.dtype(np.complex128)
bfloat16: np.dtype[Any] = np.dtype(ml_dtypes.bfloat16)
bool = np.dtype(np.bool_)

_KINDS: dict[str, tuple[np.dtype[Any], ...]] = {
    "bool": (bool,),
    "signed integer": (int8, int16, int32, int64),
    "unsigned integer": (uint8, uint16, uint32, uint64),
    "real floating": (float16, bfloat16, float32, float64),
    "complex floating": (complex64, complex128),
}
_KINDS["integral"] = _KINDS["signed integer"] + _KINDS["unsigned integer"]
_KINDS["numeric"] = _KINDS["integral"] + _KINDS["real floating"] + _KINDS["complex floating"]


@dataclass(frozen=True)
class FloatInfo:
    """The limits of a floating-point dtype; of its parts if it is complex.

    Attributes:
        bits: bits of one (real) number.
        eps: the difference between 1 and the next number.
        max: the largest finite number.
        min: the least.
        smallest_normal: the smallest positive normal number.
        dtype: the real dtype.
    """

    bits: int
    eps: float
    max: float
    min: float
    smallest_normal: float
    dtype: np.dtype[Any]


@dataclass(frozen=True)
class IntegerInfo:
    """The limits of an integer dtype: its `bits`, the largest number `max` and the least `min`."""

    bits: int
    max: int
    min: int
    dtype: np.dtype[Any]


def finfo(type: Any, /) -> FloatInfo:
    """The limits of a floating-point dtype, or of that of an array.

    Raises:
        DtypeError: it is not floating-point.

    Example:
        >>> finfo(float32).eps
        1.1920928955078125e-07
    """
    dtype = _dtype_of(type)
    if dtype not in (*_KINDS["real floating"], *_KINDS["complex floating"]):
        raise DtypeError(at_user_line(f"finfo: {dtype.name} is not floating-point; use iinfo"))
    find: Any = ml_dtypes.finfo if dtype == bfloat16 else np.finfo
    info = find(dtype)
    return FloatInfo(
        bits=int(info.bits),
        eps=float(info.eps),
        max=float(info.max),
        min=float(info.min),
        smallest_normal=float(info.smallest_normal),
        dtype=np.dtype(info.dtype),
    )


def iinfo(type: Any, /) -> IntegerInfo:
    """The limits of an integer dtype, or of that of an array.

    Raises:
        DtypeError: it is not an integer dtype.

    Example:
        >>> iinfo(int32).max
        2147483647
    """
    dtype = _dtype_of(type)
    if dtype not in _KINDS["integral"]:
        raise DtypeError(at_user_line(f"iinfo: {dtype.name} is not an integer dtype; use finfo"))
    info = np.iinfo(dtype)
    return IntegerInfo(info.bits, int(info.max), int(info.min), dtype)


def isdtype(dtype: Any, kind: Any) -> builtins.bool:
    """Whether `dtype` is `kind`: a dtype, the name of a kind of the standard, or one of a tuple of these.

    Raises:
        ArgumentError: there is no such kind.

    Example:
        >>> isdtype(float32, "real floating"), isdtype(float32, ("integral", float64))
        (True, False)
    """
    if isinstance(kind, tuple):
        return any(isdtype(dtype, one) for one in kind)  # pyright: ignore[reportUnknownVariableType]
    if isinstance(kind, str):
        if kind not in _KINDS:
            raise ArgumentError(at_user_line(f"isdtype: unknown kind {kind!r}; use one of {', '.join(_KINDS)}"))
        return np.dtype(dtype) in _KINDS[kind]
    return np.dtype(dtype) == np.dtype(kind)


def can_cast(from_: Any, to: Any, /) -> builtins.bool:
    """Whether a dtype, or that of an array, is converted to `to` by promotion.

    Example:
        >>> can_cast(int32, float64), can_cast(float64, float32)
        (True, False)
    """
    return np.can_cast(_dtype_of(from_), np.dtype(to))


def result_type(*arrays_and_dtypes: Any) -> np.dtype[Any]:
    """The dtype that arrays, dtypes and Python scalars have in common, by the rules of promotion.

    Python scalars adopt the dtype of arrays of their kind. Integers and floats together give what NumPy gives.

    Example:
        >>> result_type(int32, int64), result_type(asarray([1.0], dtype=float32), 2.5)
        (dtype('int64'), dtype('float32'))
    """
    is_value = (ArrayMethods, np.ndarray, np.generic, int, float, complex)
    return common_dtype(
        *(kind_of(x) if isinstance(x, is_value) else np.dtype(x) for x in map(plain, arrays_and_dtypes))
    )


def astype(x: Any, dtype: Any, /, *, copy: builtins.bool = True, device: Any = None) -> Any:
    """`x` converted to `dtype`: floats are truncated to integers, integers wrap around, anything but zero is true.

    Args:
        x: an array.
        dtype: a dtype that is supported.
        copy: without effect on a `Tensor`, which nothing can change.
        device: `"cpu"`.

    Raises:
        DtypeError: the dtype is not supported, or `x` is complex and it is not.

    Example:
        >>> astype(asarray([1.7, -1.7]), int32)
        Tensor([ 1, -1], dtype=int32)
    """
    check_device("astype", device)
    target = np.dtype(dtype)
    if np.dtype(x.dtype).kind == "c" and target.kind not in "cb":
        raise DtypeError(
            at_user_line(f"astype: {x.dtype.name} has no {target.name} for its imaginary part; take `real(x)`")
        )
    if target == x.dtype and not (copy and is_tracing()):
        return as_tracer(x) if is_tracing() else x if isinstance(x, Tensor) else Tensor(x)
    return apply(np.astype, x, dtype=target)


def _dtype_of(x: Any) -> np.dtype[Any]:
    return np.dtype(x.dtype if isinstance(x, ArrayMethods | np.ndarray) else x)  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownArgumentType]


class NamespaceInfo:
    """What `compiler.numpy` can do and what it uses by default; see `__array_namespace_info__`."""

    def capabilities(self) -> dict[str, Any]:
        """What depends on values: outside of traced functions everything is possible."""
        return {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": 64}

    def default_device(self) -> str:
        """The device of new arrays."""
        return DEVICE

    def devices(self) -> list[str]:
        """All devices."""
        return [DEVICE]

    def default_dtypes(self, *, device: Any = None) -> dict[str, np.dtype[Any]]:
        """The dtypes of new arrays by kind, and that of positions."""
        check_device("default_dtypes", device)
        return {"real floating": float64, "complex floating": complex128, "integral": int64, "indexing": int64}

    def dtypes(self, *, device: Any = None, kind: Any = None) -> dict[str, np.dtype[Any]]:
        """The supported dtypes of the standard by name, all or those of a kind."""
        check_device("dtypes", device)
        beyond = (float16, bfloat16)
        return {
            dtype.name: dtype
            for dtype in SUPPORTED_DTYPES
            if dtype not in beyond and (kind is None or isdtype(dtype, kind))
        }


def __array_namespace_info__() -> NamespaceInfo:  # noqa: N807
    """Capabilities, devices and dtypes of this namespace.

    Example:
        >>> __array_namespace_info__().default_dtypes()["integral"]
        dtype('int64')
        >>> sorted(__array_namespace_info__().dtypes(kind="real floating"))
        ['float32', 'float64']
    """
    return NamespaceInfo()
