"""What is known of an array before the program runs: its shape, dtype, and whether it is a Python scalar."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from xdsl.dialects.builtin import TensorType
from xdsl.ir import Attribute

from dialects.builder import tensor_type
from dialects.dlc.interfaces import DTYPES, ELEMENT_TYPES
from dialects.errors import ArgumentError, DtypeError

SUPPORTED_DTYPES = tuple(ELEMENT_TYPES)
INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1


@dataclass(frozen=True, slots=True)
class AbstractArray:
    """Shape and dtype of an array; `weak_type` holds for Python scalars, which adopt the dtype of what they meet.

    The `dtype` must be one of `SUPPORTED_DTYPES`.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    weak_type: bool = False

    @property
    def type(self) -> TensorType[Any]:
        """The tensor type."""
        return tensor_type(ELEMENT_TYPES[self.dtype], self.shape)

    def __str__(self) -> str:
        """`float32[3,4]`."""
        return f"{self.dtype.name}[{','.join(map(str, self.shape))}]"


@lru_cache(maxsize=8192)
def abstract_type(tensor: TensorType[Attribute]) -> AbstractArray:
    """The abstract array of a tensor type."""
    return AbstractArray(tensor.get_shape(), DTYPES[tensor.element_type])


def abstract(value: object, name: str) -> AbstractArray:
    """The abstract array of a NumPy array, a scalar or anything with `shape` and `dtype`; `name` is for messages.

    Raises:
        DtypeError: the dtype is not supported.
        ArgumentError: `value` is not an array.
    """
    if isinstance(value, AbstractArray):
        check_dtype(value.dtype, name)
        return value
    if isinstance(value, bool):
        return AbstractArray((), np.dtype(np.bool_))
    if isinstance(value, int):
        if not INT64_MIN <= value <= INT64_MAX:
            raise DtypeError(f"argument {name}: the integer {value} does not fit into int64")
        return AbstractArray((), np.dtype(np.int64), weak_type=True)
    if isinstance(value, float) and not isinstance(value, np.generic):
        return AbstractArray((), np.dtype(np.float64), weak_type=True)
    if isinstance(value, complex) and not isinstance(value, np.generic):
        return AbstractArray((), np.dtype(np.complex128), weak_type=True)
    if any(base.__name__ in {"MaskedArray", "matrix"} for base in type(value).__mro__):
        raise ArgumentError(
            f"argument {name}: {type(value).__name__} is not supported; pass an ndarray: `np.asarray(…)`"
        )
    dtype: Any = getattr(value, "dtype", None)
    shape: Any = getattr(value, "shape", None)
    if not _is_instance(dtype, np.dtype) or not _is_instance(shape, tuple):
        raise ArgumentError(
            f"argument {name}: {type(value).__name__} is not an array; pass NumPy arrays, Python scalars or containers "
            "of them, or name the argument in `static_argnames` if it is a constant of the program"
        )
    check_dtype(dtype, name)
    weak = bool(getattr(value, "weak_type", False))
    return AbstractArray(tuple(int(size) for size in shape), np.dtype(dtype.type), weak)  # native byte order


def _is_instance(x: object, kind: type) -> bool:
    """`isinstance` that leaves the static type alone: NumPy's is generic."""
    return isinstance(x, kind)


def check_dtype(dtype: np.dtype[Any], name: str) -> None:
    """Raise `DtypeError` unless `dtype` is supported."""
    if np.dtype(dtype.type) not in ELEMENT_TYPES:
        raise DtypeError(unsupported_dtype(dtype, f"argument {name}"))


def unsupported_dtype(dtype: np.dtype[Any], subject: str) -> str:
    """The message for an array of a dtype that is not supported, with the nearest one that is."""
    if dtype.kind == "f":
        advice = "convert with `.astype(np.float64)`"
    elif dtype.kind == "c":
        advice = "convert with `.astype(np.complex128)`"
    else:
        advice = f"use {', '.join(known.name for known in SUPPORTED_DTYPES)}"
    return f"{subject}: dtype {dtype.name} is not supported; {advice}"
