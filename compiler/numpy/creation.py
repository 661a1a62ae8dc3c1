"""New arrays. They hold what Python values say, so NumPy fills the memory and nothing is compiled.

While a function is being traced they are values of its program, which may be assigned to.
"""

from typing import Any

import numpy as np

from compiler.abstract import check_dtype
from compiler.array_kinds import from_foreign, is_foreign
from compiler.axes import is_array, is_sequence
from compiler.errors import ArgumentError, CopyError, at_user_line
from compiler.frames import is_tracing
from compiler.numpy.calls import apply, created
from compiler.numpy_rules import RULES
from compiler.operands import as_tracer, contains_tracer
from compiler.tensor import Tensor, check_device, plain
from compiler.tracer import Tracer, xp


def asarray(obj: Any, /, *, dtype: Any = None, device: Any = None, copy: bool | None = None) -> Any:
    """An array of what `obj` holds.

    Args:
        obj: an array of any library, a Python scalar, or nested lists or tuples of these.
        dtype: the dtype; that of `obj` if left out: float64 for Python floats, int64 for integers.
        device: `"cpu"`.
        copy: `None` copies what somebody else could change; `True` always copies; with `False` the array is over the memory
            of `obj`, which nobody must write to from now on.

    Raises:
        CopyError: a copy is needed and `copy` is `False`.
        DtypeError: the dtype is not supported.

    Example:
        >>> asarray([[1, 2], [3, 4]])
        Tensor([[1, 2],
                [3, 4]])
    """
    check_device("asarray", device)
    if is_foreign(obj):
        obj = from_foreign(obj)
    if is_tracing():
        if isinstance(obj, Tracer) or (is_sequence(obj) and contains_tracer(obj)):
            x = as_tracer(obj)
            return x.copy() if dtype is None else x.astype(dtype)
        return created(np.array(plain(obj), dtype))
    known = isinstance(obj, Tensor) or is_array(obj)
    if isinstance(obj, Tensor) and dtype is not None and obj.dtype != np.dtype(dtype):
        _check_copy(copy, f"{obj.dtype.name} is converted to {np.dtype(dtype).name}")
        return obj.astype(np.dtype(dtype))
    if copy is False:
        if not known or (dtype is not None and obj.dtype != np.dtype(dtype)):
            _check_copy(copy, f"a {type(obj).__name__} is converted to an array of another kind")
        if is_array(obj):
            check_dtype(obj.dtype, "obj")
            return Tensor.over(obj.view())
    return Tensor(np.array(obj) if copy and known else plain(obj), dtype)


def _check_copy(copy: bool | None, reason: str) -> None:
    if copy is False:
        raise CopyError(at_user_line(f"asarray: {reason}, which is a copy, and copy=False; leave copy out"))


def from_dlpack(x: Any, /, *, device: Any = None, copy: bool | None = None) -> Any:
    """An array over the memory of `x`, an array of any library that speaks DLPack.

    Args:
        x: an array in host memory. Nobody must write to it afterwards unless it is copied.
        device: `"cpu"`.
        copy: whether to copy.

    Raises:
        ArgumentError: `x` is not in host memory, or cannot be exported.

    Example:
        >>> from_dlpack(np.arange(3))
        Tensor([0, 1, 2])
    """
    check_device("from_dlpack", device)
    if isinstance(x, Tensor | Tracer):
        return x
    array = x.view() if is_array(x) else from_foreign(x)
    check_dtype(array.dtype, "x")
    return created(array.copy() if copy else array)


def _filled(shape: Any, value: Any, dtype: Any, device: Any, what: str) -> Any:
    """A new array of one value."""
    check_device(what, device)
    dtype = None if dtype is None else np.dtype(dtype)
    if is_tracing():
        return RULES.function(np.full, (shape, value), {"dtype": dtype})
    array = np.full(plain(shape), plain(value), dtype)
    check_dtype(array.dtype, "dtype")
    return Tensor.over(array)


def zeros(shape: Any, *, dtype: Any = None, device: Any = None) -> Any:
    """An array of zeros, float64 if `dtype` is left out.

    Example:
        >>> zeros((2, 3), dtype=int32)
        Tensor([[0, 0, 0],
                [0, 0, 0]], dtype=int32)
    """
    return _filled(shape, 0, np.float64 if dtype is None else dtype, device, "zeros")


def ones(shape: Any, *, dtype: Any = None, device: Any = None) -> Any:
    """An array of ones, float64 if `dtype` is left out.

    Example:
        >>> ones(3)
        Tensor([1., 1., 1.])
    """
    return _filled(shape, 1, np.float64 if dtype is None else dtype, device, "ones")


def empty(shape: Any, *, dtype: Any = None, device: Any = None) -> Any:
    """An array whose elements are not defined; they are zero.

    Example:
        >>> empty((2, 0)).shape
        (2, 0)
    """
    return _filled(shape, 0, np.float64 if dtype is None else dtype, device, "empty")


def full(shape: Any, fill_value: Any, *, dtype: Any = None, device: Any = None) -> Any:
    """An array of `fill_value`, of its dtype if `dtype` is left out: float64, int64 or bool for Python scalars.

    Example:
        >>> full(2, True)
        Tensor([ True,  True])
    """
    return _filled(shape, fill_value, dtype, device, "full")


def zeros_like(x: Any, /, *, dtype: Any = None, device: Any = None) -> Any:
    """Zeros, with the shape and dtype of `x`.

    Example:
        >>> zeros_like(asarray([1, 2]))
        Tensor([0, 0])
    """
    return _filled(x.shape, 0, x.dtype if dtype is None else dtype, device, "zeros_like")


def ones_like(x: Any, /, *, dtype: Any = None, device: Any = None) -> Any:
    """Ones, with the shape and dtype of `x`.

    Example:
        >>> ones_like(asarray([3.0, 4.0]))
        Tensor([1., 1.])
    """
    return _filled(x.shape, 1, x.dtype if dtype is None else dtype, device, "ones_like")


def empty_like(x: Any, /, *, dtype: Any = None, device: Any = None) -> Any:
    """An array with the shape and dtype of `x` whose elements are not defined; they are zero.

    Example:
        >>> empty_like(asarray([3.0, 4.0])).dtype
        dtype('float64')
    """
    return _filled(x.shape, 0, x.dtype if dtype is None else dtype, device, "empty_like")


def full_like(x: Any, /, fill_value: Any, *, dtype: Any = None, device: Any = None) -> Any:
    """`fill_value`, with the shape and dtype of `x`.

    Example:
        >>> full_like(asarray([1, 2]), 7)
        Tensor([7, 7])
    """
    return _filled(x.shape, fill_value, x.dtype if dtype is None else dtype, device, "full_like")


def arange(start: Any, /, stop: Any = None, step: Any = 1, *, dtype: Any = None, device: Any = None) -> Any:
    """`start, start + step, …` below `stop` (above it for a negative step); `0, 1, …` below `start` if it is alone.

    Example:
        >>> arange(5, 0, -2)
        Tensor([5, 3, 1])
    """
    check_device("arange", device)
    array = xp.arange(start, step=step, dtype=dtype) if stop is None else xp.arange(start, stop, step, dtype)
    check_dtype(array.dtype, "dtype")
    return created(array)


def linspace(
    start: Any, stop: Any, /, num: int, *, dtype: Any = None, device: Any = None, endpoint: bool = True
) -> Any:
    """`num` numbers at equal distances from `start` to `stop`, which is the last of them if `endpoint`.

    Example:
        >>> linspace(0, 1, 5)
        Tensor([0.  , 0.25, 0.5 , 0.75, 1.  ])
    """
    check_device("linspace", device)
    if any(isinstance(x, Tracer) for x in (start, stop)):
        return xp.linspace(start, stop, num, endpoint, dtype=dtype)
    array = xp.linspace(plain(start), plain(stop), num, endpoint, dtype=dtype)
    check_dtype(array.dtype, "dtype")
    return created(array)


def eye(n_rows: int, n_cols: int | None = None, /, *, k: int = 0, dtype: Any = None, device: Any = None) -> Any:
    """Ones on the `k`-th diagonal (above the main one if `k` is positive), zeros elsewhere.

    Example:
        >>> eye(2, 3, k=1)
        Tensor([[0., 1., 0.],
                [0., 0., 1.]])
    """
    check_device("eye", device)
    array = np.eye(n_rows, n_cols, k, np.float64 if dtype is None else dtype)
    check_dtype(array.dtype, "dtype")
    return created(array)


def tril(x: Any, /, *, k: int = 0) -> Any:
    """The matrices of `x`, zero above the `k`-th diagonal.

    Raises:
        ShapeError: `x` has fewer than two dimensions.

    Example:
        >>> tril(ones((2, 2)))
        Tensor([[1., 0.],
                [1., 1.]])
    """
    return apply(np.tril, x, k=k)


def triu(x: Any, /, *, k: int = 0) -> Any:
    """The matrices of `x`, zero below the `k`-th diagonal.

    Raises:
        ShapeError: `x` has fewer than two dimensions.

    Example:
        >>> triu(ones((2, 2)), k=1)
        Tensor([[0., 1.],
                [0., 0.]])
    """
    return apply(np.triu, x, k=k)


def meshgrid(*arrays: Any, indexing: str = "xy") -> tuple[Any, ...]:
    """The coordinates of a grid: one array per axis, each of the shape of the grid.

    Args:
        arrays: coordinates along each axis, one-dimensional and of one dtype.
        indexing: `"ij"` for matrices; `"xy"` swaps the first two dimensions.

    Example:
        >>> meshgrid(asarray([1, 2]), asarray([3, 4]))[0]
        Tensor([[1, 2],
                [1, 2]])
    """
    if indexing not in {"xy", "ij"}:
        raise ArgumentError(at_user_line(f"meshgrid: indexing is {indexing!r}; use 'xy' or 'ij'"))
    if not arrays:
        return ()
    return tuple(apply(np.meshgrid, *arrays, indexing=indexing))
