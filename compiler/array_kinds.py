"""You get back the kind of array that you passed: NumPy's, `Tensor`s, or those of any other library that speaks DLPack.

Among the arguments of one call another library wins over `Tensor`s, which win over NumPy's arrays and Python scalars; arrays
of two other libraries are an error. No array is copied on the way in or out whose layout is one that programs take.
"""

import sys
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from compiler.array_methods import ArrayMethods
from compiler.errors import ArgumentError, at_user_line
from compiler.frames import Array
from compiler.tensor import Tensor

Wrap: TypeAlias = Callable[[Array], Any]
"""Makes an array of some kind over the memory of a NumPy array that nobody else holds."""

PLAIN_TYPES = frozenset({np.ndarray, bool, int, float, complex})
"""Leaves of arguments that are taken as they are, and whose results are NumPy's arrays."""

_CPU = 1
"""The number of the CPU among DLPack's devices."""


def as_plain(leaves: Sequence[Any]) -> tuple[list[Any], Wrap | None]:
    """The leaves with every array as NumPy's, and what makes the results; `None` if they stay NumPy's.

    Raises:
        ArgumentError: arrays of two other libraries, or one that is not in host memory.
    """
    library: Any = None
    has_tensor = False
    arrays: list[Any] = []
    for leaf in leaves:
        array = leaf
        if type(leaf) is Tensor:
            has_tensor = True
            array = leaf.__array__()
        elif is_foreign(leaf):
            owner = _library_of(leaf)
            if library not in {None, owner}:
                raise ArgumentError(
                    at_user_line(
                        f"arrays of {library.__name__} and of {owner.__name__} in one call; convert some of them, so that it "
                        "is clear what the results are"
                    )
                )
            library = owner
            array = from_foreign(leaf)
        arrays.append(array)
    return arrays, _wrap_for(library) if library is not None else Tensor.over if has_tensor else None


def is_foreign(x: object) -> bool:
    """Whether `x` is an array of a library other than NumPy and this one."""
    return hasattr(type(x), "__dlpack__") and not isinstance(x, np.ndarray | np.generic | ArrayMethods)


def from_foreign(x: Any) -> Array:
    """A NumPy array over the memory of `x`, an array of another library.

    Raises:
        ArgumentError: it is not in host memory, or cannot be exported.
    """
    kind = type(x).__name__
    device = x.__dlpack_device__()
    if device[0] != _CPU:
        raise ArgumentError(
            at_user_line(f"an argument is a {kind} on the DLPack device {tuple(map(int, device))}; move it to the CPU")
        )
    try:
        return np.from_dlpack(x)
    except (BufferError, RuntimeError, TypeError, ValueError) as error:
        dtype = getattr(x, "dtype", None)
        if isinstance(dtype, np.dtype):  # one that NumPy's DLPack lacks, as bfloat16
            return np.asarray(x)
        raise ArgumentError(at_user_line(f"an argument is a {kind} that DLPack cannot export: {error}")) from error


def _library_of(x: Any) -> Any:
    """The module with the `from_dlpack` that makes arrays like `x`."""
    found = x.__array_namespace__() if hasattr(x, "__array_namespace__") else None
    library = found or sys.modules.get(type(x).__module__.partition(".")[0])
    if not hasattr(library, "from_dlpack"):
        raise ArgumentError(
            at_user_line(f"an argument is a {type(x).__name__}, whose library has no from_dlpack; convert it to NumPy")
        )
    return library


def _wrap_for(library: Any) -> Wrap:
    def wrap(array: Array) -> Any:
        try:
            return library.from_dlpack(array)
        except (
            BufferError,
            RuntimeError,
            TypeError,
            ValueError,
        ):  # the dtype, or the alignment, is one that it does not import
            return library.asarray(array)

    return wrap
